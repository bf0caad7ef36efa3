"""Samples, the composed picture, drawn patterns."""

from __future__ import annotations

import importlib
from pathlib import Path

import cv2
import numpy as np
import pytest

from filterlab.errors import FilterLabError
from filterlab.languages import Catalogue
from filterlab.pictures import (
    PATTERNS,
    composed,
    pattern,
    read_picture,
    sample,
    sample_names,
    samples,
)
from filterlab.pictures.patterns import checkerboard, gradient, impulse, noise, zone_plate

# The package has a function of the module's name.
sample_files = importlib.import_module("filterlab.pictures.samples")


def test_every_sample_loads_without_a_word(capfd: pytest.CaptureFixture[str]) -> None:
    names = sample_names()
    assert names[0] == "composed"
    assert {"chelsea", "coffee", "camera"} <= set(names)
    for name in names:
        picture = sample(name)
        assert picture.dtype == np.float32
        assert picture.ndim == 3
        assert picture.shape[2] == 3
        assert 0 <= picture.min() < picture.max() <= 1
    assert capfd.readouterr() == ("", "")


def test_a_sample_equals_scikit_images_own() -> None:
    from skimage import data

    np.testing.assert_allclose(sample("chelsea"), data.chelsea() / 255.0, atol=1e-6)
    np.testing.assert_allclose(sample("camera", grey=True), data.camera() / 255.0, atol=1e-6)


def test_a_sample_is_its_file_and_its_owners_own() -> None:
    for known in samples()[1:]:
        file = read_picture(sample_files._file_of(known))
        for _ in range(2):
            picture = sample(known.name)
            np.testing.assert_array_equal(picture, file)
            picture[:] = 0  # which the next is not to see


def test_a_sample_of_16_bits_keeps_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest
) -> None:
    monkeypatch.setattr(sample_files, "_data_folder", lambda: tmp_path)
    sample_files._kept.cache_clear()
    request.addfinalizer(sample_files._kept.cache_clear)
    levels = np.arange(24, dtype=np.uint16).reshape(2, 4, 3) * 2731
    assert cv2.imwrite(str(tmp_path / "chelsea.png"), levels[:, :, ::-1])
    for _ in range(2):
        picture = sample("chelsea")
        np.testing.assert_array_equal(picture, levels.astype(np.float32) / np.float32(65535))
        picture[:] = 0


def test_an_unknown_sample_is_said() -> None:
    with pytest.raises(FilterLabError, match=r"no sample picture 'dog'; choose one of composed, "):
        sample("dog")


def test_the_composed_picture_shows_each_subject_where_it_says() -> None:
    whole = composed()
    height, width = whole.picture.shape[:2]
    covered = np.zeros((height, width), int)
    for x0, y0, x1, y1 in whole.places.values():
        covered[y0:y1, x0:x1] += 1
        # Larger than CaffeNet's window, so that some cells see nothing else.
        assert min(x1 - x0, y1 - y0) > 227
    assert (covered == 1).all()
    x0, y0, x1, y1 = whole.places["chelsea"]
    cat = cv2.resize(sample("chelsea"), (x1 - x0, y1 - y0), interpolation=cv2.INTER_AREA)
    np.testing.assert_array_equal(whole.picture[y0:y1, x0:x1], cat)
    for name, top, left in (("brick", 100, 100), ("hubble", 200, 300)):
        x0, y0, x1, y1 = whole.places[name]
        part = sample(name)[top : top + 288, left : left + 336]
        np.testing.assert_array_equal(whole.picture[y0:y1, x0:x1], part)


def test_noise_is_as_wide_as_it_says() -> None:
    found = noise(300, 400).astype(np.float64)
    assert (found.mean(), found.std()) == pytest.approx((0.5, 0.15), abs=0.003)


@pytest.mark.parametrize("name", list(PATTERNS))
def test_patterns(name: str) -> None:
    picture = pattern(name, 90, 121)
    assert picture.shape == (90, 121)
    assert picture.dtype == np.float32
    assert 0 <= picture.min() < picture.max() <= 1
    assert pattern(name).shape == (360, 480)
    assert pattern(name, 1, 1).shape == (1, 1)


def test_patterns_show_what_they_say() -> None:
    point = impulse(5, 8)
    assert point.sum() == 1
    assert point[2, 4] == 1
    np.testing.assert_allclose(np.diff(gradient(3, 11)), 0.1, atol=1e-6)
    board = checkerboard(8, 8, square=2)
    assert board[:2, :2].sum() == 0
    assert board[:2, 2:4].sum() == 4
    np.testing.assert_array_equal(noise(seed=4), noise(seed=4))
    assert np.abs(noise(seed=4) - noise(seed=5)).max() > 0.1
    # Rings are the same all round, and reach half a cycle per pixel at the edge.
    rings = zone_plate(101, 101)
    np.testing.assert_allclose(rings, rings.T, atol=1e-6)
    np.testing.assert_allclose(rings, rings[::-1], atol=1e-6)
    assert np.abs(np.diff(rings[50, -6:])).min() > 0.7


def test_an_unknown_pattern_is_said() -> None:
    with pytest.raises(FilterLabError, match="no test picture 'spiral'"):
        pattern("spiral")


def test_every_name_in_the_menus_has_a_chinese_one() -> None:
    chinese = Catalogue("zh_CN")
    for name in [*(s.title for s in samples()), *PATTERNS]:
        assert any("\u4e00" <= c <= "\u9fff" for c in chinese.tell(name)), name
