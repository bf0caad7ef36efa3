"""What a classifier itself is shown of a picture: its centre, at the net's own input size."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from filterlab.caffe import Net
from filterlab.errors import FilterLabError
from filterlab.surgery.heatmap import Placement, Preprocessing, as_picture
from filterlab.surgery.transplant import feed

__all__ = ["centre_cut", "centre_of", "centre_placement", "own_input", "picture_input", "show"]

Array = NDArray[np.float32]


def centre_of(picture: tuple[int, int], size: tuple[int, int]) -> tuple[int, int, int, int]:
    """Where :func:`centre_cut` cuts a picture of (height, width): top, left, rows, columns."""
    h, w = picture
    rows = min(h, max(1, round(w * size[0] / size[1])))
    cols = min(w, max(1, round(h * size[1] / size[0])))
    return (h - rows) // 2, (w - cols) // 2, rows, cols


def centre_placement(picture: tuple[int, int], size: tuple[int, int]) -> Placement:
    """Where an input of ``size`` that shows the centre lies on a picture of (height, width)."""
    top, left, rows, cols = centre_of(picture, size)
    return Placement(cols / size[1], rows / size[0], left, top)


def centre_cut(picture: NDArray[Any], size: tuple[int, int]) -> Array:
    """The largest part in the middle of a picture that has the shape of ``size``.

    Of a picture of 451 x 300 pixels and a square size, columns 75 to 375.
    """
    picture = as_picture(picture)
    top, left, rows, cols = centre_of((picture.shape[0], picture.shape[1]), size)
    return picture[top : top + rows, left : left + cols]


def picture_input(net: Net) -> str:
    """The blob that takes the picture: the first input of four dimensions.

    Raises
    ------
    FilterLabError
        If the net has none.
    """
    for name in net.inputs:
        if len(net.blobs[name].shape) == 4:
            return name
    raise FilterLabError("the net has no picture input (batch x channels x height x width)")


def own_input(
    picture: NDArray[Any],
    shape: tuple[int, ...],
    preprocessing: Preprocessing | None = None,
) -> Array:
    """The centre of a picture as an input of ``shape`` (batch, channels, height, width).

    Returns
    -------
    ndarray (1, channels, height, width) float32

    Raises
    ------
    FilterLabError
        If it is no picture, or the net takes neither 1 nor 3 channels.
    """
    size = (shape[2], shape[3])
    cut = centre_cut(picture, size)
    return (preprocessing or Preprocessing()).apply(cut, size, shape[1])


def show(net: Net, data: Array, name: str | None = None) -> None:
    """Fill a net's picture input (its first, if no name is given) with one picture."""
    feed(net, picture_input(net) if name is None else name, data)
