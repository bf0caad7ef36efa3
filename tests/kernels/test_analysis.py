"""Facts about kernels, and pixels explained, against numbers computed otherwise."""

from __future__ import annotations

import numpy as np
import pytest

from filterlab.errors import FilterLabError
from filterlab.surgery.kernels.analysis import (
    explain_pixel,
    facts,
    frequency_response,
    output_size,
    rank,
    separable_vectors,
    symmetries,
)
from filterlab.surgery.kernels.presets import PRESETS

RNG = np.random.default_rng(5)


def test_separable_ones() -> None:
    for key in ("box", "gaussian", "sobel-h", "sobel-v", "identity", "prewitt-v"):
        kernel = PRESETS[key].make((5, 7))
        vectors = separable_vectors(kernel)
        assert vectors is not None
        np.testing.assert_allclose(np.outer(*vectors), kernel, atol=1e-6)
        assert facts(kernel).separable
    for key, expected in (("laplacian-4", 2), ("laplacian-8", 2), ("log", 3), ("line-45", 2)):
        kernel = PRESETS[key].make(3 if key != "log" else 9)
        assert rank(kernel) == expected, key
        assert separable_vectors(kernel) is None
    assert rank(np.zeros((3, 3), np.float32)) == 0


def test_symmetries() -> None:
    assert set(symmetries(PRESETS["gaussian"].make(5))) == {
        "left-right",
        "up-down",
        "half turn",
        "diagonal",
    }
    assert set(symmetries(PRESETS["sobel-v"].make(3))) == {
        "anti-left-right",
        "up-down",
        "anti-half turn",
    }
    assert symmetries(PRESETS["random"].make(5)) == ()
    assert symmetries(np.zeros((3, 3), np.float32)) == ()


def test_facts() -> None:
    found = facts(np.array([[3, 0, -4]], np.float32))
    assert (found.total, found.norm, found.smallest, found.largest) == (-1, 5, -4, 3)
    effects = {
        "gaussian": "keeps brightness",
        "sobel-h": "answers change only",
        "identity": "keeps brightness",
    }
    for key, effect in effects.items():
        assert facts(PRESETS[key].make(5)).effect == effect
    assert facts(np.full((1, 1), 2, np.float32)).effect == "brightens"
    assert facts(np.full((1, 1), -2, np.float32)).effect == "inverts"
    assert facts(np.full((1, 1), 0.5, np.float32)).effect == "darkens"
    assert facts(np.zeros((1, 1), np.float32)).effect == "nothing"


def test_frequency_response_against_the_sum() -> None:
    kernel = RNG.normal(size=(3, 5)).astype(np.float32)
    gains = frequency_response(kernel, 16)
    assert gains.shape == (16, 16)
    y, x = np.mgrid[:3, :5]
    for v, u in ((8, 8), (0, 3), (13, 9)):
        wave = np.exp(-2j * np.pi * ((v - 8) / 16 * y + (u - 8) / 16 * x))
        assert gains[v, u] == pytest.approx(abs((kernel * wave).sum()), rel=1e-5)
    assert gains[8, 8] == pytest.approx(abs(kernel.sum()), rel=1e-5)
    assert frequency_response(PRESETS["identity"].make(3)).min() == 1


@pytest.mark.parametrize("stride", [1, 3])
@pytest.mark.parametrize("dilation", [1, 2])
@pytest.mark.parametrize("pad", [(0, 0), (2, 1)])
def test_explained_pixel_by_loops(stride: int, dilation: int, pad: tuple[int, int]) -> None:
    picture = RNG.random((3, 14, 17), dtype=np.float32)
    kernel = RNG.normal(size=(3, 3, 5)).astype(np.float32)
    rows, cols = output_size((14, 17), (3, 5), pad, stride, dilation)
    for row, column in ((0, 0), (rows - 1, cols - 1), (1, 2)):
        found = explain_pixel(picture, kernel, 0.25, row, column, pad, stride, dilation)
        total = 0.0
        for c in range(3):
            for i in range(3):
                for j in range(5):
                    y = row * stride - pad[0] + i * dilation
                    x = column * stride - pad[1] + j * dilation
                    if 0 <= y < 14 and 0 <= x < 17:
                        total += float(picture[c, y, x]) * float(kernel[c, i, j])
        assert found.total == pytest.approx(total, abs=1e-6)
        assert found.result == pytest.approx(total + 0.25, abs=1e-6)
        assert found.products.sum() == pytest.approx(total, abs=1e-5)
        x0, y0, x1, y1 = found.box
        assert (y0, x0) == (row * stride - pad[0], column * stride - pad[1])
        assert (y1 - y0, x1 - x0) == (2 * dilation + 1, 4 * dilation + 1)
    with pytest.raises(FilterLabError, match="no output pixel"):
        explain_pixel(picture, kernel, 0, rows, 0, pad, stride, dilation)


def test_a_kernel_that_does_not_fit() -> None:
    with pytest.raises(FilterLabError, match="does not fit into a picture of 20 x 4"):
        output_size((4, 20), (5, 5))
