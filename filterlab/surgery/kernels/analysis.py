"""What a kernel is and does: facts in numbers, its frequency response, one pixel explained."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from filterlab.caffe.text import Text
from filterlab.errors import FilterLabError
from filterlab.surgery.kernels import Kernel

__all__ = [
    "Facts",
    "PixelExplanation",
    "explain_pixel",
    "facts",
    "frequency_response",
    "output_size",
    "rank",
    "separable_vectors",
    "symmetries",
]

Floats = NDArray[np.float32]


class Facts(NamedTuple):
    """Numbers about one kernel (kh, kw).

    Attributes
    ----------
    total, norm, smallest, largest : float
        Sum of the cells, root of the sum of their squares, extremes.
    symmetries : tuple of str
        Those of ``left-right``, ``up-down``, ``diagonal``, ``half turn`` that hold; a name with
        ``anti-`` before it where the sign turns. Empty if none, or if every cell is zero.
    rank : int
        How many outer products of a column and a row it takes: 1 means separable.
    vectors : (column (kh,), row (kw,)) or None
        The two vectors whose outer product is the kernel, if the rank is 1.
    effect : str
        One of ``keeps brightness``, ``answers change only``, ``brightens``, ``darkens``,
        ``inverts`` or ``nothing``: what the sum means for a flat picture.
    """

    total: float
    norm: float
    smallest: float
    largest: float
    symmetries: tuple[str, ...]
    rank: int
    vectors: tuple[Floats, Floats] | None
    effect: str

    @property
    def separable(self) -> bool:
        return self.rank == 1


def facts(kernel: Kernel) -> Facts:
    """The :class:`Facts` of a kernel (kh, kw)."""
    exact = kernel.astype(np.float64)
    total = float(exact.sum())
    return Facts(
        total=total,
        norm=float(np.sqrt((exact**2).sum())),
        smallest=float(exact.min()),
        largest=float(exact.max()),
        symmetries=symmetries(kernel),
        rank=rank(kernel),
        vectors=separable_vectors(kernel),
        effect=_effect(total, float(np.abs(exact).sum())),
    )


def _effect(total: float, absolute: float) -> str:
    if absolute == 0:
        return Text("nothing")
    if abs(total) <= 1e-5 * absolute:
        return Text("answers change only")
    if abs(total - 1) <= 1e-5:
        return Text("keeps brightness")
    if total < 0:
        return Text("inverts")
    return Text("brightens") if total > 1 else Text("darkens")


def symmetries(kernel: Kernel) -> tuple[str, ...]:
    """Names of the symmetries that hold within float32 rounding; see :class:`Facts`."""
    exact = kernel.astype(np.float64)
    limit = 1e-5 * np.abs(exact).max()
    if limit == 0:
        return ()
    images = {
        "left-right": exact[:, ::-1],
        "up-down": exact[::-1],
        "half turn": exact[::-1, ::-1],
    }
    if exact.shape[0] == exact.shape[1]:
        images["diagonal"] = exact.T
    found = []
    for name, image in images.items():
        if np.abs(exact - image).max() <= limit:
            found.append(name)
        elif np.abs(exact + image).max() <= limit:
            found.append(f"anti-{name}")
    return tuple(found)


def _svd(kernel: Kernel) -> tuple[np.ndarray, np.ndarray, np.ndarray, int]:
    exact = kernel.astype(np.float64)
    if not np.isfinite(exact).all():
        raise FilterLabError("the kernel is not finite; replace the cells that are not numbers")
    u, s, vt = np.linalg.svd(exact)
    # Cells were rounded to float32, so singular values below that noise are zeros.
    noise = s[0] * max(exact.shape) * float(np.finfo(np.float32).eps)
    return u, s, vt, int((s > noise).sum())


def rank(kernel: Kernel) -> int:
    """Rank within float32 rounding; 0 for all zeros, 1 for a separable kernel."""
    return _svd(kernel)[3]


def separable_vectors(kernel: Kernel) -> tuple[Floats, Floats] | None:
    """Column (kh,) and row (kw,) float32 whose outer product is the kernel; None if rank is not 1.

    The two have equal norm; the sign is such that the column's largest entry is positive.
    """
    u, s, vt, count = _svd(kernel)
    if count != 1:
        return None
    column, row = u[:, 0] * np.sqrt(s[0]), vt[0] * np.sqrt(s[0])
    if column[np.abs(column).argmax()] < 0:
        column, row = -column, -row
    return column.astype(np.float32), row.astype(np.float32)


def frequency_response(kernel: Kernel, side: int = 64) -> Floats:
    """Gain for each frequency: float32 (side, side), zero frequency at ``[side//2, side//2]``.

    Rows are vertical frequencies from -1/2 to 1/2 cycle per pixel, columns horizontal ones.
    Correlation and convolution have the same gains.
    """
    if side < max(kernel.shape):
        raise FilterLabError("{side} frequencies are too few for this kernel; take 64", side=side)
    spectrum = np.fft.fft2(kernel.astype(np.float64), (side, side))
    return np.fft.fftshift(np.abs(spectrum)).astype(np.float32)


def output_size(
    size: tuple[int, int],
    kernel_size: tuple[int, int],
    pad: tuple[int, int] = (0, 0),
    stride: int = 1,
    dilation: int = 1,
) -> tuple[int, int]:
    """Rows and columns that Caffe's Convolution makes of an input of ``size`` rows and columns.

    Raises
    ------
    FilterLabError
        If the kernel does not fit into the padded input even once.
    """
    result = []
    for length, kernel, margin in zip(size, kernel_size, pad):
        reach = dilation * (kernel - 1) + 1
        room = length + 2 * margin - reach
        if room < 0:
            raise FilterLabError(
                "a kernel of {rows} x {columns}{dilated} does not fit into a picture of "
                "{width} x {height} pixels; take a larger picture, a smaller kernel or padding",
                rows=kernel_size[0],
                columns=kernel_size[1],
                dilated=Text(" with dilation {dilation}", dilation=dilation)
                if dilation > 1
                else "",
                width=size[1],
                height=size[0],
            )
        result.append(room // stride + 1)
    return result[0], result[1]


class PixelExplanation(NamedTuple):
    """How one output pixel comes about: patch x kernel, summed, plus bias.

    Attributes
    ----------
    output : (row, column) of the pixel in the output
    rows, columns : int arrays (kh,), (kw,)
        Where in the input the kernel's rows and columns lie; outside it lies the padding.
    box : (x0, y0, x1, y1)
        The window in the input, half-open, in pixels; may reach beyond the picture.
    patch, kernel, products : float32 (C, kh, kw)
        The pixels under the kernel (0 in the padding), the kernel, and cell by cell their product.
    total, bias, result : float
        The sum of the products, the bias, and their sum: the pixel that the net shows.
    flipped_result : float
        What the convolution of the textbooks (kernel turned by 180 degrees) would give; Caffe,
        like all nets, computes the correlation, without flipping.
    """

    output: tuple[int, int]
    rows: NDArray[np.int64]
    columns: NDArray[np.int64]
    box: tuple[int, int, int, int]
    patch: Floats
    kernel: Floats
    products: Floats
    total: float
    bias: float
    result: float
    flipped_result: float


def explain_pixel(
    picture: Floats,
    kernel: Floats,
    bias: float,
    row: int,
    column: int,
    pad: tuple[int, int] = (0, 0),
    stride: int = 1,
    dilation: int = 1,
    scale: float = 1.0,
) -> PixelExplanation:
    """Explain the output pixel (row, column) of a convolution.

    Parameters
    ----------
    picture : float32 (C, H, W)
    kernel : float32 (C, kh, kw)
    scale : float
        What the picture is multiplied by before it enters the net.

    Raises
    ------
    FilterLabError
        If the output has no such pixel.
    """
    _, height, width = picture.shape
    kh, kw = kernel.shape[-2:]
    out_h, out_w = output_size((height, width), (kh, kw), pad, stride, dilation)
    if not (0 <= row < out_h and 0 <= column < out_w):
        raise FilterLabError(
            "there is no output pixel at row {row}, column {column}; the output is "
            "{width} x {height}",
            row=row,
            column=column,
            width=out_w,
            height=out_h,
        )
    y0, x0 = row * stride - pad[0], column * stride - pad[1]
    rows, columns = y0 + dilation * np.arange(kh), x0 + dilation * np.arange(kw)
    inside = ((rows >= 0) & (rows < height))[:, None] & ((columns >= 0) & (columns < width))
    patch = picture[:, rows.clip(0, height - 1)[:, None], columns.clip(0, width - 1)]
    patch = np.where(inside, patch * np.float32(scale), np.float32(0)).astype(np.float32)
    products = patch.astype(np.float64) * kernel
    total = float(products.sum())
    flipped = float((patch.astype(np.float64) * kernel[..., ::-1, ::-1]).sum())
    return PixelExplanation(
        output=(row, column),
        rows=rows,
        columns=columns,
        box=(x0, y0, x0 + dilation * (kw - 1) + 1, y0 + dilation * (kh - 1) + 1),
        patch=patch,
        kernel=np.array(kernel, dtype=np.float32),
        products=products.astype(np.float32),
        total=total,
        bias=float(bias),
        result=total + float(bias),
        flipped_result=flipped + float(bias),
    )
