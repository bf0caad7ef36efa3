"""Presets against numbers known from elsewhere, and every preset at every size."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from filterlab.errors import FilterLabError
from filterlab.surgery.kernels.presets import CATEGORIES, PRESETS, find_preset
from filterlab.surgery.kernels.spec import parse_spec, parse_spec_kernel
from filterlab.surgery.kernels.text import write_kernel

SIDES = range(1, 12, 2)


def test_the_tutorials_three_filters(shared: Path) -> None:
    weights = np.load(shared / "goldens/nets/designer_filters.npz")["designed_weights"][:, 0]
    for spec, expected in zip(("gaussian:sigma=1,size=5", "sobel-h", "sobel-v"), weights):
        np.testing.assert_allclose(parse_spec_kernel(spec), expected, rtol=1e-6, atol=0)


@pytest.mark.parametrize("key", sorted(PRESETS))
def test_every_preset_at_every_size(key: str) -> None:
    preset = PRESETS[key]
    assert preset.category in CATEGORIES
    assert preset.doc.endswith(".")
    ends = [preset.defaults()]
    for parameter in preset.parameters:
        assert parameter.minimum <= parameter.default <= parameter.maximum
        ends += [
            preset.defaults() | {parameter.name: value}
            for value in (parameter.minimum, parameter.maximum)
        ]
    for rows in SIDES:
        for cols in SIDES:
            for values in ends:
                kernel = preset.make((rows, cols), **values)
                assert kernel.shape == (rows, cols)
                assert kernel.dtype == np.float32
                assert np.isfinite(kernel).all()


@pytest.mark.parametrize("key", ["identity", "box", "gaussian", "motion", "sharpen", "unsharp"])
def test_brightness_is_kept(key: str) -> None:
    assert PRESETS[key].make(7).sum() == pytest.approx(1, abs=1e-6)


@pytest.mark.parametrize(
    "key",
    [k for k, p in PRESETS.items() if p.category in ("edge", "second derivative", "feature")],
)
def test_flat_pictures_give_nothing(key: str) -> None:
    kernel = PRESETS[key].make(7)
    assert abs(kernel.astype(np.float64).sum()) < 1e-6 * np.abs(kernel).sum()
    assert np.abs(kernel).max() > 0


def test_against_opencv() -> None:
    cv2 = pytest.importorskip("cv2")
    for key, dx, dy in (("sobel-h", 0, 1), ("sobel-v", 1, 0)):
        column, row = cv2.getDerivKernels(dx, dy, 3)[::-1]
        np.testing.assert_array_equal(PRESETS[key].make(3), column @ row.T)
        column, row = cv2.getDerivKernels(dx, dy, cv2.FILTER_SCHARR)[::-1]
        np.testing.assert_array_equal(
            PRESETS[key.replace("sobel", "scharr")].make(3), column @ row.T
        )
    one = cv2.getGaussianKernel(9, 1.7)
    np.testing.assert_allclose(PRESETS["gaussian"].make(9, sigma=1.7), one @ one.T, atol=1e-7)
    gabor = cv2.getGaborKernel((11, 11), 2.5, np.radians(30), 5, 1, np.radians(45))
    ours = PRESETS["gabor"].make(11, sigma=2.5, angle=30, wavelength=5, phase=45)
    # OpenCV's columns run against x, its rows against y, which points up: mirrored to ours.
    np.testing.assert_allclose(ours, gabor[:, ::-1], atol=1e-6)


def test_angles_turn_anticlockwise() -> None:
    motion = PRESETS["motion"]
    flat = motion.make(5, length=5, angle=0)
    np.testing.assert_allclose(flat[2], [0.125, 0.25, 0.25, 0.25, 0.125], atol=1e-6)
    np.testing.assert_array_equal(motion.make(5, length=5, angle=90), flat.T)
    slope = motion.make(7, length=6, angle=45)
    # Rising to the right: brighter in the upper right and lower left quarter.
    assert slope[:3, 4:].sum() + slope[4:, :3].sum() > 0.5
    assert slope[:3, :3].sum() + slope[4:, 4:].sum() == 0
    np.testing.assert_array_equal(
        PRESETS["emboss"].make(3, angle=-45), [[-2, -1, 0], [-1, 1, 1], [0, 1, 2]]
    )


def test_random_is_the_tutorials_and_repeatable() -> None:
    random = PRESETS["random"]
    np.testing.assert_array_equal(random.make(11, seed=5), random.make(11, seed=5))
    assert not np.array_equal(random.make(11, seed=5), random.make(11, seed=6))
    cells = np.concatenate([random.make(11, seed=seed).ravel() for seed in range(50)])
    assert cells.std() == pytest.approx(0.01, rel=0.05)
    assert abs(cells.mean()) < 0.001


def test_names_and_aliases() -> None:
    assert find_preset("Sobel_H").key == "sobel-h"
    assert find_preset(" laplacian ").key == "laplacian-4"
    assert find_preset("Motion blur").key == "motion"
    assert PRESETS["gaussian"].describe({"sigma": 1.5}) == "Gaussian σ 1.5 px"


def test_specs(tmp_path: Path) -> None:
    spec = parse_spec("box:size=3x7")
    assert spec.size == (3, 7)
    assert spec.make().shape == (3, 7)
    assert parse_spec("sobel-h").size is None
    assert parse_spec_kernel("sobel-h").shape == (5, 5)
    assert parse_spec_kernel("gaussian:size=3", (7, 7)).shape == (7, 7)
    path = tmp_path / "mine.csv"
    write_kernel(path, np.eye(3, dtype=np.float32))
    assert parse_spec(str(path)).size == (3, 3)
    np.testing.assert_array_equal(parse_spec_kernel(str(path), (5, 5))[1:4, 1:4], np.eye(3))


@pytest.mark.parametrize(
    ("spec", "words"),
    [
        ("", "empty"),
        ("sobelh", "no preset"),
        ("gaussian:sigma", "name=value"),
        ("gaussian:sigma=x", "not a number"),
        ("gaussian:sigma=-1", "out of range"),
        ("gaussian:sigma=nan", "not a number"),
        ("gaussian:radius=2", "sigma"),
        ("gaussian:size=4", "odd"),
        ("gaussian:size=13", "11"),
        ("gaussian:size=5x", "size"),
        ("random:seed=1.5", "whole"),
        ("nowhere/kernel.csv", "cannot read"),
    ],
)
def test_bad_specs(spec: str, words: str) -> None:
    with pytest.raises(FilterLabError, match=words):
        parse_spec(spec)


def test_the_documentation_lists_every_preset(repo: Path) -> None:
    lines = (repo / "docs" / "kernels.md").read_text("utf-8").splitlines()
    rows = {line.split("`")[1]: line for line in lines if line.startswith("| `")}
    for key, preset in PRESETS.items():
        assert preset.doc in rows[key]
        for parameter in preset.parameters:
            assert f"`{parameter.name}` {parameter.default:g}" in rows[key], (
                f"{key}: {parameter.name}"
            )
