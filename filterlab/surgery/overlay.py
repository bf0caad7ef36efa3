"""Lays a class map on the picture, where its cells really look, and colours it.

Four honest ways and one for teaching:

* ``tiles``: each cell colours what lies nearest to its centre;
* ``smooth``: bilinear between the true centres, faded outside their lattice;
* ``coverage``: each pixel takes the mean (``coverage-max``: the largest) of the cells whose window
  holds it;
* ``stretched``: the map pulled over the whole picture, as most tutorials do, which is wrong by
  what :func:`stretch_error` says.

A layer is computed at the size of the picture or at any other, in units of the picture.

Nothing is ever darkened: where nothing is found, and where no cell looks, the picture stays as it
is.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
from numpy.typing import NDArray

from filterlab.errors import FilterLabError
from filterlab.surgery.choices import COLORMAPS, MODES
from filterlab.surgery.colormaps import colormap

if TYPE_CHECKING:  # colours need no net
    from filterlab.surgery.geometry import MapGeometry
    from filterlab.surgery.heatmap import Placement

__all__ = [
    "COLORMAPS",
    "MODES",
    "Layer",
    "Placed",
    "Style",
    "blend",
    "compose",
    "contours",
    "corners",
    "end_of_scale",
    "normalised",
    "project",
    "stretch_error",
    "table",
]

Array = NDArray[np.float32]
Points = NDArray[np.float64]
_ENDS = (0.01, 0.02, 0.05, 0.1, 0.2, 0.4, 0.6, 0.8, 1.0)  # of a scale of probabilities
_FULL = 0.55  # of the scale, from which on the colour has its full opacity
_ARM = 0.06  # of the map's shorter side: a corner mark's length


class Placed(Protocol):
    """Cells with a place on a picture: class maps, or the features of any blob."""

    @property
    def rows(self) -> int: ...
    @property
    def cols(self) -> int: ...
    @property
    def geometry(self) -> MapGeometry: ...
    @property
    def placement(self) -> Placement: ...
    @property
    def picture_size(self) -> tuple[int, int]: ...


@dataclass(frozen=True)
class Layer:
    """A map laid on the picture.

    Attributes
    ----------
    value : ndarray (height, width) float32
        The map's value at each pixel, in the map's own unit; 0 where there is none.
    cover : ndarray (height, width) float32
        1 where a cell answers for the pixel, 0 in the margins, between where it fades.
    """

    value: Array
    cover: Array


def _coordinates(maps: Placed, shape: tuple[int, int]) -> tuple[Points, Points]:
    """Middles of the pixels of a picture of this shape, as coordinates in the net's input."""
    h, w = shape
    y = (np.arange(h, dtype=np.float64) + 0.5) * (maps.picture_size[0] / h)
    x = (np.arange(w, dtype=np.float64) + 0.5) * (maps.picture_size[1] / w)
    p = maps.placement
    return (y - p.offset_y) / p.scale_y, (x - p.offset_x) / p.scale_x


def project(
    maps: Placed,
    values: NDArray[Any],
    mode: str = "tiles",
    shape: tuple[int, int] | None = None,
) -> Layer:
    """Lay cell values (rows, cols) on the picture.

    Parameters
    ----------
    maps : ClassMaps or Features
        Where the cells lie.
    values : ndarray (rows, cols)
        A class's map, a sum, an entropy …
    mode : str
        One of :data:`MODES`.
    shape : (int, int), optional
        Height and width of the layer; the picture's own if not given.

    Raises
    ------
    FilterLabError
        For an unknown mode or values of another shape than the map.
    """
    values = np.asarray(values, np.float32)
    if values.shape != (maps.rows, maps.cols):
        raise FilterLabError(
            "values of shape {shape} do not fit a map of {rows}x{cols} cells",
            shape=values.shape,
            rows=maps.rows,
            cols=maps.cols,
        )
    shape = shape or maps.picture_size
    y, x = _coordinates(maps, shape)
    if mode == "tiles":
        return _tiles(maps, values, y, x)
    if mode == "smooth":
        return _smooth(maps, values, y, x)
    if mode in ("coverage", "coverage-max"):
        return _coverage(maps, values, y, x, largest=mode == "coverage-max")
    if mode == "stretched":
        rows = np.minimum(np.arange(shape[0]) * maps.rows // shape[0], maps.rows - 1)
        cols = np.minimum(np.arange(shape[1]) * maps.cols // shape[1], maps.cols - 1)
        return Layer(values[np.ix_(rows, cols)], np.ones(shape, np.float32))
    raise FilterLabError(
        "no way {mode!r} to lay a map; take one of {known}", mode=mode, known=", ".join(MODES)
    )


def _tiles(maps: Placed, values: Array, y: Points, x: Points) -> Layer:
    x0, y0, x1, y1 = maps.geometry.tiles_rect(maps.rows, maps.cols)
    jy, jx = maps.geometry.jump
    rows = np.clip(np.floor((y - y0) / jy).astype(np.intp), 0, maps.rows - 1)
    cols = np.clip(np.floor((x - x0) / jx).astype(np.intp), 0, maps.cols - 1)
    inside = np.outer((y >= y0) & (y < y1), (x >= x0) & (x < x1))
    return Layer(np.where(inside, values[np.ix_(rows, cols)], np.float32(0)), _float(inside))


def _smooth(maps: Placed, values: Array, y: Points, x: Points) -> Layer:
    cx, cy = maps.geometry.centre(0, 0)
    jy, jx = maps.geometry.jump
    at_y, at_x = (y - cy) / jy, (x - cx) / jx  # in cells, 0 at the first centre
    value = _lerp(_lerp(values, at_y, 0), at_x, 1)
    # Half a cell beyond the outermost centres it has faded away.
    fade_y = np.clip(1 - 2 * np.maximum(-at_y, at_y - (maps.rows - 1)), 0, 1)
    fade_x = np.clip(1 - 2 * np.maximum(-at_x, at_x - (maps.cols - 1)), 0, 1)
    cover = _float(np.outer(fade_y, fade_x))
    return Layer(np.where(cover > 0, value, np.float32(0)), cover)


def _lerp(values: Array, at: Points, axis: int) -> Array:
    """Linear interpolation along an axis at fractional indices, held at the ends."""
    last = values.shape[axis] - 1
    low = np.clip(np.floor(at).astype(np.intp), 0, max(last - 1, 0))
    part = np.clip(at - low, 0, 1).astype(np.float32)
    high = np.minimum(low + 1, last)
    part = part[:, None] if axis == 0 else part[None, :]
    a, b = np.take(values, low, axis), np.take(values, high, axis)
    return np.asarray(a * (1 - part) + b * part, np.float32)


def _holders(at: Points, origin: int, window: int, jump: int, count: int) -> tuple[Any, Any]:
    """First cell and last + 1 whose window holds each coordinate, clipped to the map."""
    pixel = np.floor(at).astype(np.int64)
    first = -((origin + window - 1 - pixel) // jump)
    last = (pixel - origin) // jump + 1
    return np.clip(first, 0, count), np.clip(last, 0, count)


def _coverage(maps: Placed, values: Array, y: Points, x: Points, largest: bool) -> Layer:
    g = maps.geometry
    r0, r1 = _holders(y, g.origin[0], g.window_size[0], g.jump[0], maps.rows)
    c0, c1 = _holders(x, g.origin[1], g.window_size[1], g.jump[1], maps.cols)
    inside = np.outer(r1 > r0, c1 > c0)
    if largest:
        value = _ranges_max(_ranges_max(values, r0, r1).T, c0, c1).T
    else:
        total = np.zeros((maps.rows + 1, maps.cols + 1), np.float64)
        total[1:, 1:] = values.cumsum(0, dtype=np.float64).cumsum(1)
        sums = (
            total[np.ix_(r1, c1)]
            - total[np.ix_(r0, c1)]
            - total[np.ix_(r1, c0)]
            + total[np.ix_(r0, c0)]
        )
        value = sums / np.maximum(np.outer(r1 - r0, c1 - c0), 1)
    return Layer(np.where(inside, value, 0).astype(np.float32), _float(inside))


def _ranges_max(values: Array, first: Any, last: Any) -> Array:
    """Largest over rows [first, last) for each pair; pairs repeat, so each is computed once."""
    pairs, which = np.unique(np.stack([first, last], axis=1), axis=0, return_inverse=True)
    best = np.zeros((len(pairs), values.shape[1]), np.float32)
    for k, (lo, hi) in enumerate(pairs):
        if hi > lo:
            best[k] = values[lo:hi].max(axis=0)
    return best[which.reshape(-1)]


def _float(mask: NDArray[Any]) -> Array:
    return np.asarray(mask, np.float32)


def stretch_error(maps: Placed) -> tuple[NDArray[np.float64], float]:
    """How far the stretched map is off, in pixels of the picture.

    Returns
    -------
    moved : ndarray (rows, cols, 2)
        For each cell, where stretching puts its centre minus where it is, (x, y).
    largest : float
        The largest of these along one axis: 85 for CaffeNet at 451.
    """
    h, w = maps.picture_size
    moved = np.zeros((maps.rows, maps.cols, 2))
    for i in range(maps.rows):
        for j in range(maps.cols):
            x, y = maps.placement.point(*maps.geometry.centre(i, j))
            moved[i, j] = (j + 0.5) * w / maps.cols - x, (i + 0.5) * h / maps.rows - y
    return moved, float(np.abs(moved).max())


@dataclass(frozen=True)
class Style:
    """How a layer is drawn.

    Attributes
    ----------
    colormap : str
        One of :data:`COLORMAPS`.
    opacity : float
        0 (picture only) to 1 (map only).
    threshold : float
        Share of the range below which the map is not drawn, 0 to 1.
    gamma : float
        Exponent on the normalised value; below 1 lifts what is weak.
    low, high : float or None
        The values at the two ends of the scale; None takes what is found.
    opacity_follows : bool
        Whether the opacity grows with the value, from none at the low end to full from 0.55 of
        the scale; else all values are drawn with the same.
    """

    colormap: str = "inferno"
    opacity: float = 0.6
    threshold: float = 0.0
    gamma: float = 1.0
    low: float | None = 0.0
    high: float | None = 1.0
    opacity_follows: bool = True

    def limits(self, layer: Layer) -> tuple[float, float]:
        """The values at the two ends of the colour bar."""
        inside = layer.value[layer.cover > 0]
        low = self.low if self.low is not None else float(inside.min()) if inside.size else 0.0
        high = self.high if self.high is not None else float(inside.max()) if inside.size else 1.0
        return low, high


def normalised(layer: Layer, style: Style) -> Array:
    """The layer's values on the style's scale, 0..1, after gamma."""
    low, high = style.limits(layer)
    value = np.clip((layer.value - low) / max(high - low, 1e-12), 0, 1)
    if style.gamma != 1:
        value = value ** np.float32(style.gamma)
    return np.asarray(value, np.float32)


def table(style: Style) -> Array:
    """Colour and opacity of 256 values evenly spread over the scale, (256, 4) RGBA in 0..1.

    The picture is drawn with it, and its colour bar.
    """
    share = np.linspace(0, 1, 256)
    lifted = share**style.gamma
    rgba = np.empty((256, 4), np.float32)
    rgba[:, :3] = colormap(style.colormap)[(lifted * 255 + 0.5).astype(np.uint8)]
    rgba[:, 3] = style.opacity * (share >= style.threshold)
    if style.opacity_follows:
        rgba[:, 3] *= np.minimum(1, lifted / _FULL)
    return rgba


def end_of_scale(peak: float) -> float:
    """Where a scale of probabilities ends for a map of this peak: 1, 2, 5, 10, 20, 40 … 100 %."""
    return next((end for end in _ENDS if peak <= end * (1 + 1e-6)), 1.0)


def corners(maps: Placed) -> list[Points]:
    """Marks where the map ends: four polylines (3, 2) of (x, y) in pixels of the picture.

    From the upper left corner clockwise.
    """
    rect = maps.geometry.tiles_rect(maps.rows, maps.cols)
    x0, y0, x1, y1 = maps.placement.box(rect)
    h, w = maps.picture_size
    x0, x1 = max(x0, 0.0), min(x1, float(w))
    y0, y1 = max(y0, 0.0), min(y1, float(h))
    arm = _ARM * min(x1 - x0, y1 - y0)
    marks = [(x0, y0, 1, 1), (x1, y0, -1, 1), (x1, y1, -1, -1), (x0, y1, 1, -1)]
    return [
        np.array([(x, y + sy * arm), (x, y), (x + sx * arm, y)], np.float64)
        for x, y, sx, sy in marks
    ]


def blend(picture: Array, colours: Array, weight: Array) -> Array:
    """Mix colours (h, w, 3) into an RGB picture by weight (h, w)."""
    # Spelt out over the channels: arithmetic with a last axis of three is many times slower.
    mixed = np.subtract(colours, picture, dtype=np.float32)
    mixed *= _threefold(weight)
    mixed += picture
    return np.asarray(np.clip(mixed, 0, 1, out=mixed))


def _threefold(values: Array) -> Array:
    """(h, w) as (h, w, 3)."""
    import cv2

    one = np.ascontiguousarray(values, np.float32)
    return np.asarray(cv2.merge([one, one, one]))


def compose(picture: NDArray[Any], layer: Layer, style: Style | None = None) -> Array:
    """The picture with the layer on it, (height, width, 3) float32 in 0..1.

    Raises
    ------
    FilterLabError
        If the picture and the layer differ in size.
    """
    style = style or Style()
    rgb = as_rgb(picture)
    if rgb.shape[:2] != layer.value.shape:
        raise FilterLabError(
            "a layer of {shape} does not fit a picture of {size}",
            shape=layer.value.shape,
            size=rgb.shape[:2],
        )
    index = (normalised(layer, replace(style, gamma=1)) * 255 + 0.5).astype(np.uint8)
    rgba = table(style)
    weight = np.take(rgba[:, 3], index) * layer.cover
    return blend(rgb, np.take(rgba[:, :3], index, axis=0), _float(weight))


def as_rgb(picture: NDArray[Any]) -> Array:
    """A grey or RGB picture as RGB float32."""
    picture = np.asarray(picture, np.float32)
    if picture.ndim == 2:
        picture = picture[:, :, None]
    return np.repeat(picture, 3, axis=2) if picture.shape[2] == 1 else picture[:, :, :3]


def contours(layer: Layer, level: float) -> Sequence[NDArray[np.float64]]:
    """Lines of equal value as arrays (n, 2) of (x, y) in the layer's pixels."""
    from skimage.measure import find_contours

    lines = find_contours(layer.value, level, mask=layer.cover > 0)
    return [line[:, ::-1] + 0.5 for line in lines]
