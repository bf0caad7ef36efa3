"""The channels of a blob side by side, as one grey picture."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from filterlab.caffe.text import Text
from filterlab.errors import FilterLabError
from filterlab.surgery.choices import TILE_SCALES

__all__ = ["channels_of", "tile_range", "tile_sheet", "tiles_note"]

Array = NDArray[np.float32]

_LEAST = 8  # pixels of a tile's longer side: a unit of 1 x 1 would not be seen
_GAP = 1.0  # white


def channels_of(data: NDArray[Any]) -> Array:
    """A blob's first item as (channels, rows, cols); values without a place are 1 x 1.

    Raises
    ------
    FilterLabError
        If it has another number of axes.
    """
    array = np.asarray(data, np.float32)
    if array.ndim == 4:
        return array[0]
    if array.ndim == 3:
        return array[0][:, None, :]
    if array.ndim == 2:
        return array[0][:, None, None]
    if array.ndim == 1:
        return array[:, None, None]
    raise FilterLabError(
        "a blob of {axes} axes cannot be laid out as tiles; it takes 1 to 4", axes=array.ndim
    )


def tile_range(channels: Array) -> tuple[float, float]:
    """The values shown black and white: 0 and the largest; symmetric, if there are negative ones.

    So 0 is black behind a ReLU, and in the middle grey elsewhere.
    """
    finite = channels[np.isfinite(channels)]
    low, high = (float(finite.min()), float(finite.max())) if finite.size else (0.0, 0.0)
    if low < 0:
        most = max(-low, high)
        return -most, most
    return 0.0, high


def tile_sheet(
    data: NDArray[Any], scale: str = "shared", columns: int | None = None, gap: int = 1
) -> Array:
    """A blob's channels in rows from left to right, grey in 0..1, white between them.

    Parameters
    ----------
    data : array
        A blob, of which the first item counts.
    scale : str
        ``"shared"``, one range for all (see :func:`tile_range`), or ``"own"``, one for each.
    columns : int, optional
        Tiles in a row; about as wide as high if not given.
    gap : int
        Pixels between tiles.

    Returns
    -------
    ndarray (height, width) float32

    Notes
    -----
    A value is one pixel; where a tile would be under 8 pixels a value is a square of several.
    """
    if scale not in TILE_SCALES:
        raise FilterLabError(
            "no scale {scale!r} of tiles; take one of {known}",
            scale=scale,
            known=", ".join(TILE_SCALES),
        )
    channels = channels_of(data)
    count, rows, cols = channels.shape
    if not channels.size:
        raise FilterLabError("the blob holds nothing; there are no tiles to show")
    zoom = max(1, math.ceil(_LEAST / max(rows, cols)))
    height, width = rows * zoom + gap, cols * zoom + gap
    across = columns or max(1, min(count, round(math.sqrt(count * height / width))))
    down = -(-count // across)
    sheet = np.full((down * height - gap, across * width - gap), _GAP, np.float32)
    shared = tile_range(channels)
    for k, channel in enumerate(channels):
        low, high = shared if scale == "shared" else tile_range(channel)
        grey = np.clip(np.nan_to_num((channel - low) / ((high - low) or 1.0)), 0, 1)
        y, x = k // across * height, k % across * width
        part = np.repeat(np.repeat(grey, zoom, 0), zoom, 1)
        sheet[y : y + rows * zoom, x : x + cols * zoom] = part
    return sheet


def tiles_note(data: NDArray[Any]) -> str:
    """What the tiles show, in a sentence."""
    channels = channels_of(data)
    low, high = tile_range(channels)
    return Text(
        "{count} tiles of {cols}x{rows}, black {low:.4g}, white {high:.4g}",
        count=len(channels),
        cols=channels.shape[2],
        rows=channels.shape[1],
        low=low,
        high=high,
    )
