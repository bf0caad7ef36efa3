"""Convolution kernels as numbers: made, read, written, turned, understood and learned.

A kernel is a float32 array ``(kh, kw)``, rows first, with odd sides from 1 to :data:`MAX_SIDE`
that need not be equal. A filter over three colour channels is ``(3, kh, kw)``. Nothing here
knows of nets, windows or Qt.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from filterlab.caffe.text import Text
from filterlab.errors import FilterLabError

__all__ = ["MAX_SIDE", "Kernel", "as_kernel", "check_size"]

Kernel = NDArray[np.float32]

MAX_SIDE = 11
"""The longest side of a kernel."""


def check_size(size: int | Sequence[int], where: str = "") -> tuple[int, int]:
    """A kernel size as ``(rows, columns)``; one number means a square.

    Raises
    ------
    FilterLabError
        If a side is even, below 1 or above :data:`MAX_SIDE`.
    """
    rows, cols = (size, size) if isinstance(size, int) else (int(size[0]), int(size[1]))
    prefix = Text("{where}: ", where=where) if where else ""
    for side in (rows, cols):
        if side < 1 or side > MAX_SIDE:
            raise FilterLabError(
                "{prefix}a kernel of {rows} x {cols} is out of range; sides are odd, "
                "from 1 to {max_side}",
                prefix=prefix,
                rows=rows,
                cols=cols,
                max_side=MAX_SIDE,
            )
    if rows % 2 == 0 or cols % 2 == 0:
        raise FilterLabError(
            "{prefix}a kernel of {rows} x {cols} has no centre; its sides must be odd "
            "(1, 3, … {max_side})",
            prefix=prefix,
            rows=rows,
            cols=cols,
            max_side=MAX_SIDE,
        )
    return rows, cols


def as_kernel(values: Any, where: str = "") -> Kernel:
    """A checked float32 copy ``(kh, kw)`` of anything array-like; leading axes of 1 are dropped.

    Raises
    ------
    FilterLabError
        If the values are no finite rectangle of numbers with odd sides.
    """
    prefix = Text("{where}: ", where=where) if where else ""
    try:
        with np.errstate(invalid="ignore"):  # the signalling kind of NaN is said below
            array = np.asarray(values, dtype=np.float64)
    except (TypeError, ValueError, OverflowError) as error:
        raise FilterLabError(
            "{prefix}not a rectangle of numbers; give rows of equal length", prefix=prefix
        ) from (error)
    while array.ndim > 2 and array.shape[0] == 1:
        array = array[0]
    if array.ndim == 1:
        array = array[None, :]
    if array.ndim != 2:
        raise FilterLabError(
            "{prefix}a kernel has rows and columns, this has shape {shape}; give one kernel",
            prefix=prefix,
            shape=array.shape,
        )
    check_size(array.shape, where)
    with np.errstate(over="ignore", invalid="ignore"):
        kernel = np.array(array, dtype=np.float32)
    bad = np.argwhere(~np.isfinite(kernel))
    if len(bad):
        row, col = (int(v) for v in bad[0])
        raise FilterLabError(
            "{prefix}row {row}, column {col} is {array:g}, not a finite float32 number; replace it",
            prefix=prefix,
            row=row + 1,
            col=col + 1,
            array=array[row, col],
        )
    return kernel
