"""A unit of a blob on the picture: where it answers, what its strongest place sees.

The picture is the classifier's own: the centre square (or oblong) at the size of the net's input.
A place of the blob lies at the middle of its receptive field, as a cell of the class map lies at
the middle of its window.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from filterlab.pictures import grey_of
from filterlab.surgery.colormaps import colormap
from filterlab.surgery.geometry import Axis, Geometry
from filterlab.surgery.overlay import as_rgb

__all__ = ["UnitView", "enlarged", "place_at", "seen_box", "unit_view"]

Array = NDArray[np.float32]
Box = tuple[int, int, int, int]
"""x0, y0, x1, y1 in pixels of the net's input; may reach into the padding."""

_DIM = 0.42  # of the picture's brightness under the map
_CONTEXT = 4  # times the field that an enlarged one shows of its neighbourhood, if it is small
_LEAST = 16  # pixels a side that are enlarged


@dataclass(frozen=True)
class UnitView:
    """A unit laid on the picture.

    Attributes
    ----------
    image : ndarray (height, width, 3) uint8
        Of the net's input's size: the picture in grey and darkened, the unit's values above their
        median in colour.
    median, peak : float
        Of the unit's values.
    at : (int, int)
        Row and column of the peak, the first of equals.
    """

    image: NDArray[np.uint8]
    median: float
    peak: float
    at: tuple[int, int]


def _index(axis: Axis, count: int, pixels: int) -> NDArray[np.intp]:
    """For each pixel along an axis the place whose field's middle is nearest."""
    if not axis.jump:
        return np.zeros(pixels, np.intp)
    first = float(axis.start) + axis.field / 2
    nearest = np.floor((np.arange(pixels) + 0.5 - first) / float(axis.jump) + 0.5)
    return np.clip(nearest, 0, count - 1).astype(np.intp)


def unit_view(picture: Array, channel: Array, geometry: Geometry | None) -> UnitView:
    """Lay a unit's values on the picture.

    Parameters
    ----------
    picture : ndarray (height, width) or (height, width, 3) float32
        What the net is shown, 0 to 1, at the size of its input.
    channel : ndarray (rows, cols) float32
        The unit's values.
    geometry : Geometry or None
        Where they look; None for values without a place: the picture stays as it is.

    Notes
    -----
    Colour begins at the median: a bias lifts every value of a unit, and from 0 on all would be fog.
    """
    grey = grey_of(as_rgb(picture))
    values = np.asarray(channel, np.float32)
    median, peak = float(np.median(values)), float(values.max())
    at = np.unravel_index(int(values.argmax()), values.shape)
    share = np.zeros(grey.shape, np.float32)
    if geometry is not None and peak > median:
        rows = _index(geometry.y, values.shape[0], grey.shape[0])
        cols = _index(geometry.x, values.shape[1], grey.shape[1])
        share = np.clip((values[np.ix_(rows, cols)] - median) / (peak - median), 0, 1)
    colours = colormap("inferno")[np.rint(share * 255).astype(np.uint8)]
    weight = np.minimum(1, share / np.float32(0.4))[:, :, None]
    base = np.repeat(grey[:, :, None] * np.float32(_DIM), 3, axis=2)
    mixed = base + (colours - base) * weight
    image = (np.clip(mixed, 0, 1) * 255 + 0.5).astype(np.uint8)
    return UnitView(image, median, peak, (int(at[0]), int(at[1])))


def seen_box(geometry: Geometry, row: int, col: int) -> Box:
    """The receptive field of a place, not clipped to the picture."""
    (y0, y1), (x0, x1) = geometry.y.span(row), geometry.x.span(col)
    return int(np.floor(x0)), int(np.floor(y0)), int(np.ceil(x1)), int(np.ceil(y1))


def place_at(geometry: Geometry, shape: tuple[int, int], x: float, y: float) -> tuple[int, int]:
    """The place (row, column) of a blob of ``shape`` whose field's middle is nearest to a point."""
    found = []
    for axis, count, at in ((geometry.y, shape[0], y), (geometry.x, shape[1], x)):
        if not axis.jump:
            found.append(0)
            continue
        first = float(axis.start) + axis.field / 2
        found.append(min(count - 1, max(0, int(np.floor((at - first) / float(axis.jump) + 0.5)))))
    return found[0], found[1]


def enlarged(picture: Array, box: Box) -> tuple[NDArray[np.uint8], Box]:
    """What a field sees, with its neighbourhood.

    Returns
    -------
    image : ndarray (side, side, 3) uint8
        Pixel by pixel, at most as large as the picture; black beyond its edge.
    box : Box
        The field in it; it may reach beyond.
    """
    rgb = as_rgb(picture)
    height, width = rgb.shape[:2]
    x0, y0, x1, y1 = box
    field = max(x1 - x0, y1 - y0)
    side = min(max(_LEAST, _CONTEXT * field), max(height, width))
    left, top = (x0 + x1 - side) // 2, (y0 + y1 - side) // 2
    if side == max(height, width):  # all of the picture
        left, top = (width - side) // 2, (height - side) // 2
    image = np.zeros((side, side, 3), np.float32)
    ys, xs = (
        slice(max(0, top), min(height, top + side)),
        slice(max(0, left), min(width, left + side)),
    )
    if ys.stop > ys.start and xs.stop > xs.start:
        image[ys.start - top : ys.stop - top, xs.start - left : xs.stop - left] = rgb[ys, xs]
    shown = (np.clip(image, 0, 1) * 255 + 0.5).astype(np.uint8)
    return shown, (x0 - left, y0 - top, x1 - left, y1 - top)
