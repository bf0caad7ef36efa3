"""The picture with its map on it: one drawing for the window, saved files and reports."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from filterlab.caffe.text import Text
from filterlab.surgery import overlay
from filterlab.surgery.heatmap import ClassMaps
from filterlab.surgery.maps import FIRST, SECOND, entropy, winner_map
from filterlab.surgery.overlay import Layer, Style
from filterlab.surgery.pyramid import Pyramid
from filterlab.workbench.heatmap_state import Look

__all__ = [
    "LOG_LOW",
    "PREVIEW",
    "Drawing",
    "Scene",
    "draw",
    "preview",
    "style_of",
    "with_lines",
]

Array = NDArray[np.float32]
Line = NDArray[np.float64]

#: The least probability that the logarithmic scale tells from nothing.
LOG_LOW = 1e-6
#: Longest side of the picture that is drawn live; the file that is saved has the full size.
PREVIEW = 1152
_ARROW = (255, 107, 107)


@dataclass(frozen=True)
class Scene:
    """Everything a drawing needs, as a snapshot: none of it changes any more.

    Attributes
    ----------
    picture : ndarray (h, w, 3) float32
        The picture at the size of the drawing.
    maps : ClassMaps or None
    classes, second : tuple of int
        The classes shown (summed), and those of the second colour.
    pyramid : Pyramid or None
        Three scales that are to be joined.
    """

    picture: Array
    maps: ClassMaps | None
    classes: tuple[int, ...]
    second: tuple[int, ...]
    look: Look
    pyramid: Pyramid | None = None


@dataclass
class Drawing:
    """A picture with the map on it.

    Attributes
    ----------
    image : ndarray (h, w, 3) uint8
    values : ndarray (rows, cols) or None
        The map's values in the unit of the colour bar.
    low, high : float
        Values at the ends of the colour bar. log : whether the bar is logarithmic.
    unit : str
        ``"probability"``, ``"score"``, ``"bits"`` or the empty string for no bar.
    table : ndarray (256, 4) float32 or None
        Colour and opacity along the bar, as they are mixed into the picture.
    contours, corners : lists of ndarray (n, 2)
        Lines of equal value, and the marks where the map ends, in coordinates (x, y) of the full
        picture.
    legend : list of ((r, g, b), int)
        Colours and the classes they stand for, the commonest first (winner map, two classes).
    """

    image: NDArray[np.uint8]
    values: Array | None = None
    low: float = 0.0
    high: float = 1.0
    log: bool = False
    unit: str = ""
    table: Array | None = None
    contours: list[Line] = field(default_factory=list)
    corners: list[Line] = field(default_factory=list)
    legend: list[tuple[tuple[int, int, int], int]] = field(default_factory=list)
    scene: Scene | None = None


def preview(picture: Array, longest: int = PREVIEW) -> Array:
    """The picture as RGB, reduced by area averaging if it is larger than the preview."""
    rgb = overlay.as_rgb(picture)
    h, w = rgb.shape[:2]
    share = longest / max(h, w)
    if share >= 1:
        return np.ascontiguousarray(rgb)
    import cv2

    size = (max(1, round(w * share)), max(1, round(h * share)))
    return np.asarray(cv2.resize(rgb, size, interpolation=cv2.INTER_AREA), np.float32)


def style_of(look: Look, low: float | None, high: float | None) -> Style:
    """The look as the core's style, between these values."""
    return Style(
        look.colours,
        look.opacity,
        look.threshold,
        look.gamma,
        low,
        high,
        opacity_follows=look.follows,
    )


def draw(scene: Scene) -> Drawing:
    """The picture with the map on it; a pure function, fit for any thread."""
    maps, look = scene.maps, scene.look
    if maps is None:
        return Drawing(_bytes(scene.picture), scene=scene)
    painters = {"two": _draw_two, "winner": _draw_winner, "entropy": _draw_entropy}
    drawing = painters.get(look.show, _draw_class)(scene, maps)
    if look.corners and look.projection != "stretched":
        drawing.corners = [np.asarray(line, np.float64) for line in overlay.corners(maps)]
    drawing.scene = scene
    return drawing


def with_lines(drawing: Drawing) -> NDArray[np.uint8]:
    """The drawing's image with its corners, contours and a stretched map's arrows drawn in."""
    import cv2

    scene = drawing.scene
    if scene is None or scene.maps is None:
        return drawing.image
    maps, image = scene.maps, drawing.image.copy()
    h, w = image.shape[:2]
    scale = np.array([w, h], float) / np.array(maps.picture_size[::-1], float)
    thin = max(1, round(min(h, w) / 400))
    # OpenCV takes fractions of a pixel as fixed-point numbers, here with four bits.
    lines = [
        np.round((line * scale - 0.5) * 16).astype(np.int32)
        for line in (*drawing.contours, *drawing.corners)
    ]
    for colour, width in (((0, 0, 0), thin + 2), ((255, 255, 255), thin)):
        cv2.polylines(image, lines, False, colour, width, cv2.LINE_AA, 4)
    if scene.look.projection == "stretched" and scene.look.show != "winner":
        moved, _ = overlay.stretch_error(maps)
        for i, j in np.ndindex(maps.rows, maps.cols):
            start = np.array(maps.centre_on_picture(i, j))
            ends = [np.round(at * scale - 0.5).astype(int) for at in (start, start + moved[i, j])]
            one, two = (tuple(int(v) for v in end) for end in ends)
            cv2.arrowedLine(image, one, two, _ARROW, thin, cv2.LINE_AA, 0, 0.2)
    return image


def _bytes(picture: Array) -> NDArray[np.uint8]:
    import cv2

    # One pass that scales, rounds and saturates.
    return np.asarray(cv2.convertScaleAbs(np.maximum(picture, 0), alpha=255.0), np.uint8)


def _rgb(colour: Sequence[float]) -> tuple[int, int, int]:
    red, green, blue = (round(255 * v) for v in colour)
    return red, green, blue


def _shape(scene: Scene) -> tuple[int, int]:
    return int(scene.picture.shape[0]), int(scene.picture.shape[1])


def _draw_values(
    scene: Scene,
    maps: ClassMaps,
    values: Array,
    low: float | None,
    high: float | None,
    layer: Layer | None = None,
) -> Drawing:
    layer = layer or overlay.project(maps, values, scene.look.projection, _shape(scene))
    # The range found is that of the cells, so that the bar does not depend on how they are laid.
    low = float(values.min()) if low is None else low
    high = float(values.max()) if high is None else high
    style = style_of(scene.look, low, high)
    drawing = Drawing(_bytes(overlay.compose(scene.picture, layer, style)), values, low, high)
    drawing.table = overlay.table(style)
    if scene.look.contours and high > low:
        to_full = np.array(maps.picture_size[::-1], float) / np.array(_shape(scene)[::-1])
        for share in (0.25, 0.5, 0.75):
            lines = overlay.contours(layer, low + share * (high - low))
            drawing.contours += [line * to_full for line in lines]
    return drawing


def _draw_class(scene: Scene, maps: ClassMaps) -> Drawing:
    classes = [c for c in scene.classes if c < maps.classes]
    if not classes:
        return Drawing(_bytes(scene.picture))
    scale = scene.look.scale
    if scale == "log":
        values = np.maximum(maps.values(classes, "log"), np.float32(np.log(LOG_LOW)))
        ends = (float(np.log(LOG_LOW)), 0.0)
        drawing = _draw_values(scene, maps, values, *ends, _joined(scene, classes, "log"))
        drawing.values = np.exp(values)
        drawing.low, drawing.high, drawing.log = LOG_LOW, 1.0, True
        drawing.unit = Text("probability")
        return drawing
    if scale == "score":
        drawing = _draw_values(scene, maps, maps.values(classes, "score"), None, None)
        drawing.unit = "score"
        return drawing
    values = maps.values(classes)
    layer = _joined(scene, classes, "prob")
    high = 1.0
    if scale == "best":
        found = values if layer is None else layer.value
        high = overlay.end_of_scale(float(found.max()))
    drawing = _draw_values(scene, maps, values, 0.0, high, layer)
    drawing.unit = Text("probability")
    return drawing


def _joined(scene: Scene, classes: list[int], scale: str) -> Layer | None:
    """The levels of a pyramid as one layer, if there is one."""
    if scene.pyramid is None or scene.look.projection == "stretched":
        return None
    layer = scene.pyramid.project(classes, scene.look.projection, "max", scale, _shape(scene))
    if scale == "log":
        floor = np.float32(np.log(LOG_LOW))
        layer = Layer(np.maximum(layer.value, floor) * (layer.cover > 0), layer.cover)
    return layer


def _draw_entropy(scene: Scene, maps: ClassMaps) -> Drawing:
    values = entropy(maps)
    top = float(np.log2(max(maps.classes, 2))) if scene.look.scale == "unit" else None
    drawing = _draw_values(scene, maps, values, 0.0, top)
    drawing.unit = Text("bits")
    return drawing


def _mixed(
    scene: Scene, maps: ClassMaps, colours: Array, weights: Array, legend: list[Any]
) -> Drawing:
    """Each cell's colour (rows, cols, 3) and weight (rows, cols) laid on the picture."""
    shape = _shape(scene)
    projection = scene.look.projection
    layers = [overlay.project(maps, colours[..., c], projection, shape) for c in range(3)]
    weight = overlay.project(maps, weights, projection, shape)
    rgb = np.stack([layer.value for layer in layers], axis=-1)
    share = scene.look.opacity * weight.cover * np.clip(weight.value, 0, 1)
    image = overlay.blend(scene.picture, rgb, np.asarray(share, np.float32))
    return Drawing(_bytes(image), legend=legend)


def _lifted(values: Array, look: Look) -> Array:
    share = np.clip(values, 0, 1)
    share = np.where(share >= look.threshold, share, 0)
    return np.asarray(share ** np.float32(look.gamma), np.float32)


def _draw_two(scene: Scene, maps: ClassMaps) -> Drawing:
    groups = [[c for c in some if c < maps.classes] for some in (scene.classes, scene.second)]
    pair = [
        maps.values(some) if some else np.zeros((maps.rows, maps.cols), np.float32)
        for some in groups
    ]
    if scene.look.scale == "best":
        pair = [p / np.float32(max(float(p.max()), 1e-12)) for p in pair]
    one, two = (_lifted(p, scene.look) for p in pair)
    total = np.maximum(one + two, 1e-6)
    part = (one / total)[..., None]
    first, second = (np.array(c, np.float32) for c in (FIRST, SECOND))
    colours = np.asarray(part * first + (1 - part) * second, np.float32)
    legend = [(_rgb(colour), some[0]) for colour, some in zip((FIRST, SECOND), groups) if some]
    drawing = _mixed(scene, maps, colours, np.asarray(np.clip(one + two, 0, 1)), legend)
    drawing.values = pair[0] - pair[1]
    return drawing


def _draw_winner(scene: Scene, maps: ClassMaps) -> Drawing:
    won = winner_map(maps)
    weights = np.asarray(won.strength >= scene.look.threshold, np.float32)
    legend = [(_rgb(entry.colour), entry.index) for entry in won.legend]
    # Colours of different classes must not run into each other: a mean of two names a third.
    tiled = replace(scene, look=replace(scene.look, projection="tiles"))
    return _mixed(tiled, maps, won.colours, weights, legend)
