"""The maps of what speaks for a class as pictures and files."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from filterlab.pictures import read_picture
from filterlab.progress import run_job
from filterlab.surgery.colormaps import colormap
from filterlab.surgery.heatmap import resize
from filterlab.surgery.why import Deletion, Reason
from filterlab.workbench.net_bench import Why
from filterlab.workbench.net_why import best_kind, files_of, pictures_of, write_job

SIZE = (6, 8)


@pytest.fixture
def rng() -> np.random.Generator:
    return np.random.default_rng(11)


def deletion(area: float) -> Deletion:
    return Deletion(np.linspace(0, 1, 3), np.full(3, area), area)


def why(cell: Any = None, drawn: float = 0.4) -> Why:
    rng = np.random.default_rng(3)
    kinds = {"occlusion": 0.31, "gradient": 0.12, "grad-cam": 0.3, "map": 0.35}
    reasons = []
    for kind, area in kinds.items():
        heat = rng.permutation(48).reshape(SIZE).astype(np.float32)
        reasons.append((Reason(kind, heat, heat), deletion(area)))
    data = np.zeros((1, 3, *SIZE), np.float32)
    return Why(2, cell, tuple(reasons), deletion(drawn), data)


@pytest.mark.parametrize("cell", [None, (1, 2)])
def test_the_half_that_goes_last_is_the_picture(rng: Any, cell: Any) -> None:
    picture = rng.random((30, 60, 3)).astype(np.float32)
    # Of 60 x 30 pixels the middle 40 x 30 has the input's shape.
    shown = resize(picture[:, 10:50] if cell is None else picture, SIZE)
    given = why(cell)
    drawn = pictures_of(given, picture)
    assert list(drawn) == ["occlusion", "gradient", "grad-cam", "map"]
    table = colormap("inferno")
    for reason, _ in given.reasons:
        image = drawn[reason.kind]
        late = reason.heat < 24
        np.testing.assert_allclose(image[late], shown[late], atol=1e-6)
        # The strongest pixel: the scale's last colour, 0.6 of it.
        first = reason.heat == 47
        np.testing.assert_allclose(image[first], 0.4 * shown[first] + 0.6 * table[255], atol=1e-5)
        assert (
            np.abs(image[~late & (reason.heat > 26)] - shown[~late & (reason.heat > 26)]).max()
            > 0.05
        )


def test_the_best_is_the_smallest_unless_a_drawn_order_is(tmp_path: Path) -> None:
    assert best_kind(why()) == "gradient"
    assert best_kind(why(drawn=0.13)) == "gradient"
    assert best_kind(why(drawn=0.12)) == ""


def test_files_hold_the_values_or_the_pictures(tmp_path: Path, rng: Any) -> None:
    picture = rng.random((30, 60, 3)).astype(np.float32)
    given = why()
    for suffix in (".npy", ".png"):
        path = tmp_path / f"cat.of.mine{suffix}"
        written = run_job(write_job(given, picture, path))
        assert written == files_of(path)
        names = [
            f"cat.of.mine-{kind}{suffix}" for kind in ("occlusion", "gradient", "grad-cam", "map")
        ]
        assert [p.name for p in written] == names
        for (reason, _), target in zip(given.reasons, written):
            if suffix == ".npy":
                np.testing.assert_array_equal(np.load(target), reason.heat)
            else:
                wanted = pictures_of(given, picture)[reason.kind]
                np.testing.assert_allclose(read_picture(target), wanted, atol=0.5 / 255 + 1e-6)
    assert len(list(tmp_path.iterdir())) == 8


def test_all_or_none(tmp_path: Path, rng: Any) -> None:
    (tmp_path / "cat-map.npy").mkdir()
    with pytest.raises(OSError, match=r"cat-map\.npy"):
        run_job(write_job(why(), rng.random((30, 60, 3)), tmp_path / "cat.npy"))
    assert [p.name for p in tmp_path.iterdir()] == ["cat-map.npy"]
