"""Find the kernel that made one picture of another, by least squares.

The best kernel solves the normal equations of the windows of the input against the pixels of the
target. They are summed over bands of rows in float64, so that a large picture needs no memory
beyond a band, and the job can be stopped between two bands.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import ArrayLike, NDArray

from filterlab.caffe.text import Text
from filterlab.errors import FilterLabError
from filterlab.progress import Job, Progress, run_job
from filterlab.surgery.kernels import check_size

__all__ = ["Learned", "learn_kernel", "learn_kernel_job"]

Floats = NDArray[np.float32]

_BAND_VALUES = 1 << 22


@dataclass(frozen=True, eq=False)
class Learned:
    """A kernel found.

    Attributes
    ----------
    kernel : float32 (kh, kw), or (3, kh, kw) from a colour input to a grey target
    bias : float
        0 unless it was asked for.
    rms : float
        Root mean square of what the kernel leaves unexplained, in units of the target.
    relative : float
        The same as a share of the target's standard deviation: 0 is perfect, 1 no better than its
        mean.
    pixels : int
        Equations used.
    rank, unknowns : int
        How many of the unknowns the pictures determine.
    note : str
        A sentence where the answer is not the only one; else empty.
    """

    kernel: Floats
    bias: float
    rms: float
    relative: float
    pixels: int
    rank: int
    unknowns: int
    note: str

    @property
    def unique(self) -> bool:
        return self.rank == self.unknowns


def learn_kernel(
    source: ArrayLike, target: ArrayLike, size: int | Sequence[int], bias: bool = False
) -> Learned:
    """:func:`learn_kernel_job`, run to its end."""
    return run_job(learn_kernel_job(source, target, size, bias))


def learn_kernel_job(
    source: ArrayLike, target: ArrayLike, size: int | Sequence[int], bias: bool = False
) -> Job[Learned]:
    """Find the kernel, and perhaps a bias, that turns ``source`` into ``target``.

    Parameters
    ----------
    source : float (H, W) or (H, W, 3)
    target : float (h, w) or (h, w, 3)
        As large as the source (``same``: only pixels at which the kernel fits are used, so that
        whatever was done at the border does not matter), or smaller by the kernel's size less 1
        (``valid``). Two colour pictures share one kernel for all channels; a colour source with a
        grey target gives a three-channel kernel.
    size : rows and columns, or one number
    bias : bool
        Whether to find a bias as well.

    Raises
    ------
    FilterLabError
        If the sizes do not match, a picture is not finite, or the source is constant, so that
        every kernel with the right sum would do.
    """
    rows, cols = check_size(size)
    before, after = _planes(source, "before"), _planes(target, "after")
    after = _aligned(before, after, rows, cols)
    three = before.shape[0] == 3 and after.shape[0] == 1
    if before.shape[0] == 1 and after.shape[0] == 3:
        raise FilterLabError(
            "the picture before is grey and the one after is in colour, which no kernel does; "
            "give two of a kind"
        )
    if float(np.ptp(before)) <= 1e-7 * max(1.0, float(np.abs(before).max())):
        raise FilterLabError(
            "the picture before is constant, so that every kernel with the right sum explains the "
            "one after; give a picture with detail"
        )
    groups = [(before, after[0])] if three else [(b[None], a) for b, a in zip(before, after)]
    unknowns = (3 if three else 1) * rows * cols + int(bias)
    pixels = sum(plane.size for _, plane in groups)
    if pixels < unknowns:
        raise FilterLabError(
            "{pixels} pixels cannot determine {unknowns} numbers; give larger pictures "
            "or a smaller kernel",
            pixels=pixels,
            unknowns=unknowns,
        )
    # Centred values keep the equations well conditioned; the means come back at the end.
    centre = float(before.mean()) if bias else 0.0
    gram, right = np.zeros((unknowns, unknowns)), np.zeros(unknowns)
    height, width = groups[0][1].shape
    band = max(1, _BAND_VALUES // (unknowns * width))
    total = height * len(groups)
    energy = sum_after = 0.0
    for number, (planes, plane) in enumerate(groups):
        for first in range(0, height, band):
            yield Progress("Learning the kernel", number * height + first, total)
            last = min(height, first + band)
            design = _design(planes, first, last, rows, cols, centre, bias)
            wanted = plane[first:last].ravel().astype(np.float64)
            gram += design.T @ design
            right += design.T @ wanted
            energy += float(wanted @ wanted)
            sum_after += float(wanted.sum())
    yield Progress("Solving", total, total)
    solution, rank = _solve(gram, right)
    # The residual from the sums would cancel near a perfect fit, so it is taken from the pixels.
    residual = 0.0
    for number, (planes, plane) in enumerate(groups):
        for first in range(0, height, band):
            yield Progress("Measuring what is left", number * height + first, total)
            last = min(height, first + band)
            design = _design(planes, first, last, rows, cols, centre, bias)
            left = design @ solution - plane[first:last].ravel()
            residual += float(left @ left)
    rms = float(np.sqrt(residual / pixels))
    spread = float(np.sqrt(max(0.0, energy / pixels - (sum_after / pixels) ** 2)))
    cells = solution[: unknowns - int(bias)]
    offset = float(solution[-1] - centre * cells.sum()) if bias else 0.0
    shape = (3, rows, cols) if three else (rows, cols)
    note = ""
    if rank < unknowns:
        note = Text(
            "the pictures determine only {rank} of {unknowns} numbers, so other "
            "kernels do as well; this is the one with the smallest energy",
            rank=rank,
            unknowns=unknowns,
        )
    relative = rms / spread if spread > 0 else (0.0 if rms < 1e-7 else 1.0)
    kernel = np.ascontiguousarray(cells.reshape(shape), dtype=np.float32)
    return Learned(kernel, offset, rms, relative, pixels, rank, unknowns, note)


def _planes(picture: ArrayLike, name: str) -> Floats:
    """A picture as (channels, H, W), checked."""
    array = np.asarray(picture, dtype=np.float32)
    if array.ndim == 3 and array.shape[2] in (1, 3):
        array = np.moveaxis(array, 2, 0)
    elif array.ndim == 2:
        array = array[None]
    else:
        raise FilterLabError(
            "the picture {name} has shape {shape}; give (height, width) or (height, width, 3)",
            name=name,
            shape=array.shape,
        )
    if not np.isfinite(array).all():
        raise FilterLabError("the picture {name} holds numbers that are not finite", name=name)
    return array


def _aligned(before: Floats, after: Floats, rows: int, cols: int) -> Floats:
    """The target's pixels at which the kernel fits into the source, window for window."""
    height, width = before.shape[1:]
    valid = (height - rows + 1, width - cols + 1)
    if min(valid) < 1:
        raise FilterLabError(
            "a kernel of {rows} x {cols} does not fit into a picture of {width} x "
            "{height}; give a larger picture or a smaller kernel",
            rows=rows,
            cols=cols,
            width=width,
            height=height,
        )
    if after.shape[1:] == valid:
        return after
    if after.shape[1:] == (height, width):
        top, left = rows // 2, cols // 2
        return after[:, top : top + valid[0], left : left + valid[1]]
    found = f"{after.shape[2]} x {after.shape[1]}"
    raise FilterLabError(
        "the picture after is {found} pixels; with one before of {width} x {height} it "
        "must be as large, or {valid} x {valid2}",
        found=found,
        width=width,
        height=height,
        valid=valid[1],
        valid2=valid[0],
    )


def _design(
    planes: Floats, first: int, last: int, rows: int, cols: int, centre: float, bias: bool
) -> NDArray[np.float64]:
    """The windows of output rows first … last as rows of a float64 matrix."""
    slab = planes[:, first : last + rows - 1].astype(np.float64) - centre
    windows = sliding_window_view(slab, (rows, cols), axis=(1, 2))
    flat = windows.transpose(1, 2, 0, 3, 4).reshape(-1, planes.shape[0] * rows * cols)
    if not bias:
        return flat
    return np.concatenate([flat, np.ones((len(flat), 1))], axis=1)


def _solve(gram: NDArray[np.float64], right: NDArray[np.float64]) -> tuple[np.ndarray, int]:
    """Smallest solution of the normal equations and their rank."""
    values, vectors = np.linalg.eigh(gram)
    # Pixels are float32 and many; directions below that noise are not determined by them.
    keep = values > values[-1] * 1e-13 * len(values)
    inverse = np.where(keep, 1 / np.where(keep, values, 1), 0)
    return vectors @ (inverse * (vectors.T @ right)), int(keep.sum())
