"""Kernels found again from before and after."""

from __future__ import annotations

import numpy as np
import pytest

from filterlab.errors import FilterLabError
from filterlab.progress import Progress
from filterlab.surgery import convolve
from filterlab.surgery.kernels.learn import learn_kernel, learn_kernel_job
from filterlab.surgery.kernels.presets import PRESETS

RNG = np.random.default_rng(2)


def _filtered(
    picture: np.ndarray, kernel: np.ndarray, bias: float, **settings: object
) -> np.ndarray:
    snapshot = convolve.Snapshot(
        kernel.reshape((1, -1, *kernel.shape[-2:])),
        np.array([bias], np.float32),
        convolve.Settings(**settings),  # type: ignore[arg-type]
        convolve.Picture(picture),
    )
    return convolve.compute(snapshot).data[0]


@pytest.mark.parametrize("pad", ["valid", "same"])
@pytest.mark.parametrize(("key", "size"), [("gaussian", (5, 5)), ("sobel-v", 3), ("gabor", (3, 9))])
def test_a_filter_is_found_again(pad: str, key: str, size: int | tuple[int, int]) -> None:
    picture = RNG.random((60, 70), dtype=np.float32)
    kernel = PRESETS[key].make(size)
    found = learn_kernel(picture, _filtered(picture, kernel, 0, pad=pad), size)
    np.testing.assert_allclose(found.kernel, kernel, atol=1e-5)
    assert found.rms < 1e-5
    assert found.relative < 1e-4
    assert found.unique
    assert found.note == ""


def test_a_photographs_blur_and_bias() -> None:
    data = pytest.importorskip("skimage.data")
    picture = data.camera().astype(np.float32) / 255
    kernel = PRESETS["motion"].make(7, angle=30, length=6)
    target = _filtered(picture, kernel, 0.125, pad="same")
    found = learn_kernel(picture, target, 7, bias=True)
    np.testing.assert_allclose(found.kernel, kernel, atol=1e-4)
    assert found.bias == pytest.approx(0.125, abs=1e-4)
    # Without its bias the model cannot be exact, and says so.
    without = learn_kernel(picture, target, 7)
    assert without.bias == 0
    assert without.rms > 10 * found.rms


def test_too_small_a_kernel_leaves_a_residual() -> None:
    picture = RNG.random((60, 60), dtype=np.float32)
    target = _filtered(picture, PRESETS["box"].make(5), 0, pad="same")
    found = learn_kernel(picture, target, 3)
    inside = target[1:-1, 1:-1]
    expected = _filtered(picture, found.kernel, 0) - inside
    assert found.rms == pytest.approx(float(np.sqrt((expected**2).mean())), rel=1e-3)
    assert found.rms > 0.05
    assert found.relative == pytest.approx(found.rms / inside.std(), rel=1e-4)


def test_colour() -> None:
    picture = RNG.random((50, 50, 3), dtype=np.float32)
    kernel = RNG.normal(size=(3, 3, 3)).astype(np.float32)
    found = learn_kernel(picture, _filtered(picture, kernel, 0, mode="three"), 3)
    np.testing.assert_allclose(found.kernel, kernel, atol=1e-4)
    shared = PRESETS["sharpen"].make(3)
    found = learn_kernel(picture, _filtered(picture, shared, 0, mode="each"), 3)
    np.testing.assert_allclose(found.kernel, shared, atol=1e-4)


def test_a_ramp_does_not_determine_a_kernel() -> None:
    ramp = np.broadcast_to(np.arange(64, dtype=np.float32) / 64, (64, 64))
    found = learn_kernel(ramp, ramp, 3)
    assert not found.unique
    assert found.rank < 9
    assert "other kernels do as well" in found.note
    assert np.isfinite(found.kernel).all()
    assert found.rms < 1e-6


def test_bad_input() -> None:
    good = RNG.random((20, 20), dtype=np.float32)
    for before, after, size, words in (
        (np.full((20, 20), 0.5), good, 3, "constant"),
        (good, good[:15], 3, "18 x 18"),
        (good, RNG.random((20, 20, 3)), 3, "grey"),
        (np.full((20, 20), np.nan), good, 3, "finite"),
        (good[:4, :4], good[:4, :4], 5, "does not fit"),
        (good[:12, :12], good[:12, :12], 11, "cannot determine"),
        (good.ravel(), good, 3, "shape"),
        (good, good, 4, "odd"),
    ):
        with pytest.raises(FilterLabError, match=words):
            learn_kernel(before, after, size)


def test_it_is_a_job_in_steps() -> None:
    picture = RNG.random((900, 900), dtype=np.float32)
    job = learn_kernel_job(picture, picture, 11)
    steps = [next(job) for _ in range(4)]
    assert all(isinstance(step, Progress) and step.total == 890 for step in steps)
    assert [step.done for step in steps] == sorted({step.done for step in steps})
    job.close()


@pytest.mark.parametrize(("shape", "size"), [((3, 200), (3, 5)), ((200, 3), (5, 3)), ((5, 90), 5)])
def test_a_kernel_as_high_or_wide_as_the_picture_is_learned(
    shape: tuple[int, int], size: int | tuple[int, int]
) -> None:
    """There is one row of windows, or one column."""
    picture = np.random.default_rng(8).random(shape, dtype=np.float32)
    kernel = PRESETS["gabor"].make(size)
    target = _filtered(picture, kernel, 0)
    assert 1 in target.shape
    np.testing.assert_allclose(learn_kernel(picture, target, size).kernel, kernel, atol=1e-5)


@pytest.mark.parametrize(
    ("before", "after", "size", "said"),
    [
        ((4, 40), (4, 40), (5, 3), "a kernel of 5 x 3 does not fit into a picture of 40 x 4;"),
        ((40, 4), (40, 4), (3, 5), "a kernel of 3 x 5 does not fit into a picture of 4 x 40;"),
        ((40, 50), (36, 46), (3, 5), "is 46 x 36 pixels; with one before of 50 x 40 it must be as "
                                     "large, or 46 x 38"),
        ((40, 50), (40, 46), (5, 3), "is 46 x 40 pixels; with one before of 50 x 40 it must be as "
                                     "large, or 48 x 36"),
    ],
)  # fmt: skip
def test_pictures_that_do_not_fit_are_told_with_their_sizes(
    before: tuple[int, int], after: tuple[int, int], size: tuple[int, int], said: str
) -> None:
    one, two = (np.random.default_rng(1).random(shape) for shape in (before, after))
    with pytest.raises(FilterLabError) as caught:
        learn_kernel(one, two, size)
    assert said in str(caught.value)
