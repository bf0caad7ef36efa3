"""Changes of a kernel as a whole."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from filterlab.errors import FilterLabError
from filterlab.surgery.kernels import as_kernel, check_size, transform

RNG = np.random.default_rng(11)
odd = st.sampled_from(range(1, 12, 2))


def _kernel(rows: int, cols: int) -> np.ndarray:
    return np.arange(1, rows * cols + 1, dtype=np.float32).reshape(rows, cols)


def test_rotate45_of_a_compass() -> None:
    compass = np.array([[1, 2, 3], [8, 0, 4], [7, 6, 5]], np.float32)
    np.testing.assert_array_equal(transform.rotate45(compass), [[8, 1, 2], [7, 0, 3], [6, 5, 4]])


@pytest.mark.parametrize("side", [1, 3, 5, 7, 11])
def test_rotate45_twice_is_rotate90(side: int) -> None:
    kernel = _kernel(side, side)
    np.testing.assert_array_equal(transform.rotate45(kernel, 2), transform.rotate90(kernel))
    np.testing.assert_array_equal(transform.rotate45(kernel, 8), kernel)
    np.testing.assert_array_equal(transform.rotate45(transform.rotate45(kernel, -3), 3), kernel)


def test_rotate90_is_clockwise() -> None:
    np.testing.assert_array_equal(
        transform.rotate90(np.array([[1, 2, 3]], np.float32)), [[1], [2], [3]]
    )
    np.testing.assert_array_equal(
        transform.rotate90(np.array([[1], [2], [3]], np.float32)), [[3, 2, 1]]
    )


def test_rotate45_needs_a_square() -> None:
    with pytest.raises(FilterLabError, match="3 x 5"):
        transform.rotate45(_kernel(3, 5))


@settings(max_examples=60, deadline=None)
@given(rows=odd, cols=odd, new_rows=odd, new_cols=odd)
def test_resize_keeps_the_centre(rows: int, cols: int, new_rows: int, new_cols: int) -> None:
    kernel = _kernel(rows, cols)
    new = transform.resize(kernel, (new_rows, new_cols))
    assert new.shape == (new_rows, new_cols)
    for y in range(-(new_rows // 2), new_rows // 2 + 1):
        for x in range(-(new_cols // 2), new_cols // 2 + 1):
            inside = abs(y) <= rows // 2 and abs(x) <= cols // 2
            expected = kernel[rows // 2 + y, cols // 2 + x] if inside else 0
            assert new[new_rows // 2 + y, new_cols // 2 + x] == expected


@settings(max_examples=60, deadline=None)
@given(rows=odd, cols=odd, down=st.integers(-12, 12), right=st.integers(-12, 12))
def test_shift_moves_cells(rows: int, cols: int, down: int, right: int) -> None:
    kernel = _kernel(rows, cols)
    expected = np.zeros_like(kernel)
    for y in range(rows):
        for x in range(cols):
            if 0 <= y + down < rows and 0 <= x + right < cols:
                expected[y + down, x + right] = kernel[y, x]
    np.testing.assert_array_equal(transform.shift(kernel, down, right), expected)
    wrapped = transform.shift(kernel, down, right, wrap=True)
    assert wrapped[down % rows, right % cols] == kernel[0, 0]


def test_scaling() -> None:
    kernel = RNG.random((5, 7), dtype=np.float32) + np.float32(0.1)
    assert transform.normalise(kernel).sum(dtype=np.float64) == pytest.approx(1, abs=1e-6)
    assert transform.zero_mean(kernel).mean(dtype=np.float64) == pytest.approx(0, abs=1e-7)
    assert (transform.energy_one(kernel) ** 2).sum() == pytest.approx(1, abs=1e-6)
    np.testing.assert_array_equal(
        transform.rounded(np.array([[0.126, -0.5, 2.5]], np.float32), 2),
        np.array([[0.13, -0.5, 2.5]], np.float32),
    )
    sobel = np.array([[-1, -2, -1], [0, 0, 0], [1, 2, 1]], np.float32)
    with pytest.raises(FilterLabError, match="sum to zero"):
        transform.normalise(sobel)
    with pytest.raises(FilterLabError, match="every cell is zero"):
        transform.energy_one(np.zeros((3, 3), np.float32))


def test_simple_ones_leave_the_input_alone() -> None:
    kernel = _kernel(3, 5)
    before = kernel.copy()
    np.testing.assert_array_equal(transform.negate(kernel), -before)
    assert not np.signbit(transform.negate(np.zeros((1, 1), np.float32))).any()
    np.testing.assert_array_equal(transform.fill(kernel, 2), np.full((3, 5), 2))
    np.testing.assert_array_equal(transform.transpose(kernel), before.T)
    np.testing.assert_array_equal(transform.flip(kernel, "horizontal")[0], [5, 4, 3, 2, 1])
    np.testing.assert_array_equal(transform.flip(kernel, "vertical")[0], before[2])
    np.testing.assert_array_equal(transform.flip(kernel, "both"), transform.rotate90(kernel, 2))
    with pytest.raises(FilterLabError, match="axis"):
        transform.flip(kernel, "diagonal")
    np.testing.assert_array_equal(kernel, before)


def test_symmetric_drawing() -> None:
    cells = transform.mirror_cells
    assert cells((5, 5), 0, 1) == [(0, 1)]
    assert set(cells((5, 5), 0, 1, "horizontal")) == {(0, 1), (0, 3)}
    assert set(cells((5, 5), 0, 1, "vertical")) == {(0, 1), (4, 1)}
    assert set(cells((5, 5), 0, 1, "both")) == {(0, 1), (0, 3), (4, 1), (4, 3)}
    assert set(cells((5, 5), 0, 1, "rotational")) == {(0, 1), (1, 4), (4, 3), (3, 0)}
    assert set(cells((3, 5), 0, 1, "rotational")) == {(0, 1), (2, 3)}
    assert cells((5, 5), 2, 2, "both") == [(2, 2)]
    with pytest.raises(FilterLabError, match="symmetry"):
        cells((5, 5), 0, 0, "radial")


@pytest.mark.parametrize("side", [3, 5])
def test_rotational_drawing_makes_a_symmetric_kernel(side: int) -> None:
    kernel = np.zeros((side, side), np.float32)
    for row, col in ((0, 1), (1, 1), (side // 2, 0)):
        for cell in transform.mirror_cells((side, side), row, col, "rotational"):
            kernel[cell] = row + 2 * col + 1
        np.testing.assert_array_equal(transform.rotate90(kernel), kernel)


@pytest.mark.parametrize("size", [0, 2, 13, (3, 4), (-1, 3)])
def test_sizes_refused(size: int | tuple[int, int]) -> None:
    with pytest.raises(FilterLabError, match="odd"):
        check_size(size)


def test_as_kernel() -> None:
    assert as_kernel(np.ones((1, 1, 3, 5))).shape == (3, 5)
    assert as_kernel([1, 2, 1]).shape == (1, 3)
    for bad in ([[1, 2, 3], [4]], [["a"]], np.ones((2, 3, 3)), [[np.nan]], [[1e300]]):
        with pytest.raises(FilterLabError):
            as_kernel(bad)
