"""Changes of a kernel as a whole; each returns a new float32 array and leaves its input alone."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from filterlab.errors import FilterLabError
from filterlab.surgery.kernels import MAX_SIDE, Kernel, check_size

__all__ = [
    "SYMMETRIES",
    "compose",
    "energy_one",
    "fill",
    "flip",
    "mirror_cells",
    "negate",
    "normalise",
    "resize",
    "rotate45",
    "rotate90",
    "rounded",
    "shift",
    "transpose",
    "zero_mean",
]


def _new(values: np.ndarray) -> Kernel:
    return np.ascontiguousarray(values, dtype=np.float32)


def fill(kernel: Kernel, value: float) -> Kernel:
    """Every cell set to ``value``."""
    return np.full_like(kernel, np.float32(value))


def negate(kernel: Kernel) -> Kernel:
    """Every cell with the other sign; zero stays plain zero."""
    return _new(0 - kernel)


def transpose(kernel: Kernel) -> Kernel:
    """Rows and columns exchanged: (kh, kw) to (kw, kh)."""
    return _new(np.swapaxes(kernel, -1, -2))


def rotate90(kernel: Kernel, turns: int = 1) -> Kernel:
    """Turned by quarter turns, clockwise as seen; negative turns go the other way."""
    return _new(np.rot90(kernel, -turns, axes=(-2, -1)))


def rotate45(kernel: Kernel, turns: int = 1) -> Kernel:
    """A square kernel turned by eighths of a turn, clockwise, exactly: its rings move round.

    The ring at distance r from the centre has 8 r cells and moves by r of them, so that no value
    is lost and eight turns give the kernel back.

    Raises
    ------
    FilterLabError
        If the kernel is not square, or has no middle cell.
    """
    rows, cols = kernel.shape[-2:]
    if rows != cols:
        raise FilterLabError(
            "a kernel of {rows} x {columns} cannot turn by 45 degrees in its frame; make it square",
            rows=rows,
            columns=cols,
        )
    if rows % 2 == 0:
        raise FilterLabError(
            "{rows} x {columns} cells have no middle cell to turn about by 45 degrees; "
            "take an odd number",
            rows=rows,
            columns=cols,
        )
    result = np.array(kernel, dtype=np.float32)
    centre = rows // 2
    for distance in range(1, centre + 1):
        ring = _ring(centre, distance)
        y, x = (np.array(axis) for axis in zip(*ring))
        moved = np.roll(np.arange(len(ring)), turns * distance)
        result[..., y, x] = kernel[..., y[moved], x[moved]]
    return result


def _ring(centre: int, r: int) -> list[tuple[int, int]]:
    """Cells (row, column) at Chebyshev distance r, clockwise from the upper left corner."""
    low, high = centre - r, centre + r
    return (
        [(low, x) for x in range(low, high)]
        + [(y, high) for y in range(low, high)]
        + [(high, x) for x in range(high, low, -1)]
        + [(y, low) for y in range(high, low, -1)]
    )


def flip(kernel: Kernel, axis: str = "horizontal") -> Kernel:
    """Mirrored: ``horizontal`` exchanges left and right, ``vertical`` top and bottom, ``both``.

    Flipped both ways, a correlation becomes the convolution of the textbooks.
    """
    if axis == "horizontal":
        return _new(kernel[..., :, ::-1])
    if axis == "vertical":
        return _new(kernel[..., ::-1, :])
    if axis == "both":
        return _new(kernel[..., ::-1, ::-1])
    raise FilterLabError("no axis {axis!r}; choose horizontal, vertical or both", axis=axis)


def shift(kernel: Kernel, down: int = 0, right: int = 0, wrap: bool = False) -> Kernel:
    """Moved by whole cells; what leaves is lost and zeros come in, unless it wraps around."""
    if wrap:
        return _new(np.roll(kernel, (down, right), axis=(-2, -1)))
    rows, cols = kernel.shape[-2:]
    result = np.zeros_like(kernel)
    if abs(down) < rows and abs(right) < cols:
        result[..., max(0, down) : rows + min(0, down), max(0, right) : cols + min(0, right)] = (
            kernel[..., max(0, -down) : rows - max(0, down), max(0, -right) : cols - max(0, right)]
        )
    return _new(result)


def normalise(kernel: Kernel) -> Kernel:
    """Scaled so that the cells sum to 1, which keeps the picture's brightness.

    Raises
    ------
    FilterLabError
        If the cells sum to zero (within float32), as edge detectors do.
    """
    exact = kernel.astype(np.float64)
    total = exact.sum()
    if abs(total) <= 1e-6 * np.abs(exact).sum():
        raise FilterLabError(
            "the cells sum to zero, so no factor makes them sum to 1; scale to energy 1 instead"
        )
    return _new(exact / total)


def zero_mean(kernel: Kernel) -> Kernel:
    """The mean subtracted from every cell, so that a flat picture gives 0."""
    exact = kernel.astype(np.float64)
    return _new(exact - exact.mean())


def energy_one(kernel: Kernel) -> Kernel:
    """Scaled so that the squares of the cells sum to 1: white noise keeps its deviation.

    Raises
    ------
    FilterLabError
        If every cell is zero.
    """
    exact = kernel.astype(np.float64)
    energy = np.sqrt((exact**2).sum())
    if energy == 0:
        raise FilterLabError("every cell is zero, so no factor gives energy 1; draw a cell first")
    return _new(exact / energy)


def rounded(kernel: Kernel, digits: int = 0) -> Kernel:
    """Every cell rounded to ``digits`` decimals (negative: tens, hundreds …)."""
    return _new(np.round(kernel.astype(np.float64), digits) + 0.0)


def resize(kernel: Kernel, size: int | Sequence[int]) -> Kernel:
    """Grown with zeros or cut, the centre staying the centre; works on (..., kh, kw)."""
    rows, cols = check_size(size)
    old_rows, old_cols = kernel.shape[-2:]
    result = np.zeros((*kernel.shape[:-2], rows, cols), dtype=np.float32)
    keep_y, keep_x = min(rows, old_rows), min(cols, old_cols)
    to_y, to_x = (rows - keep_y) // 2, (cols - keep_x) // 2
    from_y, from_x = (old_rows - keep_y) // 2, (old_cols - keep_x) // 2
    result[..., to_y : to_y + keep_y, to_x : to_x + keep_x] = kernel[
        ..., from_y : from_y + keep_y, from_x : from_x + keep_x
    ]
    return result


def compose(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """The one kernel (rows, columns) that correlates as ``first`` and then ``second`` do.

    Its sides are the two's together less 1, in float64.

    Raises
    ------
    FilterLabError
        If that is more than a kernel can have; zeros around both do not count.
    """
    one, two = _trimmed(first), _trimmed(second)
    rows, cols = (a + b - 1 for a, b in zip(one.shape, two.shape))
    if max(rows, cols) > MAX_SIDE:
        raise FilterLabError(
            "together they are a kernel of {rows} x {columns}; the most is {most} x "
            "{most}, so make one of them smaller",
            rows=rows,
            columns=cols,
            most=MAX_SIDE,
        )
    result = np.zeros((rows, cols))
    for (y, x), value in np.ndenumerate(two):
        result[y : y + one.shape[0], x : x + one.shape[1]] += value * one
    return result


def _trimmed(kernel: np.ndarray) -> np.ndarray:
    """Without the outer rows and columns that are zero all around."""
    while min(kernel.shape) > 2 and not kernel[[0, -1]].any() and not kernel[:, [0, -1]].any():
        kernel = kernel[1:-1, 1:-1]
    return kernel


SYMMETRIES = ("none", "horizontal", "vertical", "both", "rotational")
"""Ways of symmetric drawing; see :func:`mirror_cells`."""


def mirror_cells(
    size: Sequence[int], row: int, col: int, symmetry: str = "none"
) -> list[tuple[int, int]]:
    """The cells that are painted together with (row, col), itself first, none twice.

    ``horizontal`` mirrors left and right, ``vertical`` top and bottom, ``both`` does both,
    ``rotational`` turns by quarter turns in a square kernel and by half turns in any other.
    """
    rows, cols = size
    y, x = rows - 1 - row, cols - 1 - col
    cells = [(row, col)]
    if symmetry in ("horizontal", "both"):
        cells.append((row, x))
    if symmetry in ("vertical", "both"):
        cells.append((y, col))
    if symmetry in ("both", "rotational"):
        cells.append((y, x))
    if symmetry == "rotational" and rows == cols:
        cells += [(col, y), (x, row)]
    if symmetry not in SYMMETRIES:
        raise FilterLabError(
            "no symmetry {symmetry!r}; choose one of {known}",
            symmetry=symmetry,
            known=", ".join(SYMMETRIES),
        )
    return list(dict.fromkeys(cells))
