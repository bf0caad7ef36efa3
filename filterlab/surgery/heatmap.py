"""Runs the dense net on a picture and gives its class maps with their true place.

Pictures are float32 arrays of height x width x 3 (RGB) or height x width (grey) in 0..1. Boxes
and points are (x, y), y down; sizes are (height, width); cells are (row, column).
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from filterlab.caffe.text import Text
from filterlab.errors import FilterLabError
from filterlab.pictures import grey_of
from filterlab.progress import Job, Progress, run_job
from filterlab.surgery.cost import Cost, check_memory, estimate
from filterlab.surgery.forward import run_dense, run_dense_steps, strips_of
from filterlab.surgery.geometry import MapGeometry
from filterlab.surgery.sizes import choose_size
from filterlab.surgery.transplant import Transplanted, top_classes

__all__ = [
    "ClassMaps",
    "Placement",
    "Preprocessing",
    "as_picture",
    "choose_size",
    "cost_of",
    "heatmap",
    "heatmap_job",
    "run_dense",
]

Array = NDArray[np.float32]
FloatBox = tuple[float, float, float, float]


def as_picture(picture: ArrayLike) -> Array:
    """A picture as float32, grey (height, width) or RGB (height, width, 3), 0 to 1.

    Whole numbers of 8 or 16 bits, as OpenCV and Pillow give, become 0 to 1; transparency is left
    out.

    Raises
    ------
    FilterLabError
        If it is no array of height x width (x 1, 3 or 4) numbers.
    """
    try:
        given = np.asarray(picture)
        array = given.astype(np.float32, copy=False)
    except (TypeError, ValueError):
        raise FilterLabError(
            "a picture is an array of height x width x 3 numbers, not {type}; read one "
            "with filterlab.pictures.read_picture",
            type=type(picture).__name__,
        ) from None
    if array.ndim == 3 and array.shape[2] in (1, 4):
        array = array[:, :, 0] if array.shape[2] == 1 else array[:, :, :3]
    if array.ndim not in (2, 3) or 0 in array.shape or array.shape[2:] not in ((), (3,)):
        raise FilterLabError(
            "a picture of shape {shape} cannot be shown to a net", shape=given.shape
        )
    if given.dtype in (np.uint8, np.uint16):
        array = array / np.float32(np.iinfo(given.dtype).max)
    return array


@dataclass(frozen=True)
class Preprocessing:
    """What is done to a picture before the net sees it, in this order.

    Make it grey for a grey net, resize, multiply by ``scale``, put the channels in ``order``,
    subtract the mean. ``mean_bgr`` is always blue, green, red; a grey net's mean is its average.
    ``quick`` resizes by OpenCV, for moving pictures: a tenth of the time, the same but near the
    edges.
    """

    mean_bgr: tuple[float, float, float] = (104.007, 116.669, 122.679)
    scale: float = 255.0
    order: str = "BGR"
    quick: bool = False

    def apply(self, picture: NDArray[Any], size: tuple[int, int], channels: int = 3) -> Array:
        """The net's input, (1, channels, height, width) float32.

        Raises
        ------
        FilterLabError
            If it is no picture (see :func:`as_picture`), or the net takes neither 1 nor 3
            channels.
        """
        picture = as_picture(picture)
        if picture.ndim == 2 and channels == 3:
            picture = np.repeat(picture[:, :, None], 3, axis=2)
        elif picture.ndim == 3 and channels == 1:
            # Before it is resized, as load_image(color=False) does: pycaffe's resizing fades
            # towards the picture's least value at the edges, and that is not the luma's.
            picture = grey_of(picture)
        resized = resize(picture, size, self.quick)
        if channels == 1:
            data = resized * np.float32(self.scale) - np.float32(np.mean(self.mean_bgr))
            return np.ascontiguousarray(data[None, None], np.float32)
        if channels != 3:
            raise FilterLabError(
                "the net takes {channels} channels; pictures have 3 (colour) or 1 (grey)",
                channels=channels,
            )
        mean = np.array(self.mean_bgr, np.float32)
        if self.order.upper() == "BGR":
            resized = resized[:, :, ::-1]
        else:
            mean = mean[::-1]
        # A channel at a time: of a large picture each copy counts.
        data = np.empty((1, 3, *resized.shape[:2]), np.float32)
        for channel in range(3):
            plane = data[0, channel]
            np.multiply(resized[:, :, channel], np.float32(self.scale), out=plane)
            plane -= mean[channel]
        return data


def resize(picture: Array, size: tuple[int, int], quick: bool = False) -> Array:
    """A picture at another size, float32, as pycaffe's Transformer resizes it.

    Very large pictures are averaged down to four times the size first: the same but for the
    waiting.
    """
    if picture.shape[:2] == tuple(size):
        return picture
    import cv2

    h, w = picture.shape[:2]
    if quick:
        shrinks = h > size[0] or w > size[1]
        how = cv2.INTER_AREA if shrinks else cv2.INTER_LINEAR
        return np.asarray(cv2.resize(picture, (size[1], size[0]), interpolation=how), np.float32)
    if h > 4 * size[0] or w > 4 * size[1]:
        nearer = (min(w, 4 * size[1]), min(h, 4 * size[0]))
        picture = cv2.resize(picture, nearer, interpolation=cv2.INTER_AREA)
    from filterlab.caffe.io import resize_image

    channels_last = picture if picture.ndim == 3 else picture[:, :, None]
    resized = np.asarray(resize_image(channels_last, tuple(size)), np.float32)
    return resized if picture.ndim == 3 else resized.reshape(size)


@dataclass(frozen=True)
class Placement:
    """How pixels of the net's input lie on the picture: ``picture = input*scale + offset``."""

    scale_x: float
    scale_y: float
    offset_x: float = 0.0
    offset_y: float = 0.0

    @classmethod
    def resized(cls, picture: tuple[int, int], size: tuple[int, int]) -> Placement:
        """The whole picture (height, width) was resized to the input's size."""
        return cls(picture[1] / size[1], picture[0] / size[0])

    def point(self, x: float, y: float) -> tuple[float, float]:
        """From input to picture."""
        return x * self.scale_x + self.offset_x, y * self.scale_y + self.offset_y

    def back(self, x: float, y: float) -> tuple[float, float]:
        """From picture to input."""
        return (x - self.offset_x) / self.scale_x, (y - self.offset_y) / self.scale_y

    def box(self, box: FloatBox) -> FloatBox:
        """A box from input to picture."""
        x0, y0 = self.point(box[0], box[1])
        x1, y1 = self.point(box[2], box[3])
        return x0, y0, x1, y1


@dataclass
class ClassMaps:
    """The maps of all classes on one picture.

    Attributes
    ----------
    prob : ndarray (classes, rows, cols) float32
        Probabilities; over all classes they sum to 1 in each cell (unless the net ends in
        sigmoids, or ``probabilities`` is false).
    score : ndarray (classes, rows, cols) float32
        The net's values before its softmax.
    input_size, picture_size : (int, int)
        Height and width of the net's input and of the picture.
    geometry : MapGeometry
        Where the cells lie, in input pixels.
    placement : Placement
        Where input pixels lie on the picture.
    data : ndarray (1, channels, height, width) float32
        What the net saw.
    seconds : float
        What the forward passes took.
    filled : ndarray (rows, cols) bool or None
        Of a map that is still filling in, which cells are computed; the others show the nearest,
        or what a quicker method says of them.
    method : str
        How it was computed, one of :data:`filterlab.surgery.methods.METHODS`.
    probabilities : bool
        Whether ``prob`` holds probabilities; else the net's values as they are (of a net that was
        not made to classify).
    """

    prob: Array
    score: Array
    input_size: tuple[int, int]
    picture_size: tuple[int, int]
    geometry: MapGeometry
    placement: Placement
    data: Array
    seconds: float = 0.0
    filled: NDArray[np.bool_] | None = None
    method: str = "dense"
    probabilities: bool = True

    @property
    def classes(self) -> int:
        return self.prob.shape[0]

    @property
    def rows(self) -> int:
        return self.prob.shape[1]

    @property
    def cols(self) -> int:
        return self.prob.shape[2]

    def values(self, classes: int | Iterable[int], scale: str = "prob") -> Array:
        """The map (rows, cols) of a class, or the sum of several.

        ``scale`` is ``"prob"``, ``"score"`` (of several, the largest) or ``"log"`` (natural
        logarithm of the probability, down to -20).

        Raises
        ------
        FilterLabError
            For a class the net does not have, or an unknown scale.
        """
        wanted = [classes] if isinstance(classes, int | np.integer) else list(classes)
        for c in wanted:
            if not 0 <= c < self.classes:
                raise FilterLabError(
                    "the net has no class {index}; its classes are 0 to {last}",
                    index=c,
                    last=self.classes - 1,
                )
        if not wanted:
            raise FilterLabError("choose at least one class")
        if scale == "score":
            return np.asarray(self.score[wanted].max(axis=0), np.float32)
        total = self.prob[wanted].sum(axis=0, dtype=np.float32)
        if scale == "prob":
            return np.asarray(total, np.float32)
        if scale == "log":
            return np.asarray(np.log(np.maximum(total, np.exp(-20.0))), np.float32)
        raise FilterLabError("no scale {scale!r}: take prob, score or log", scale=scale)

    def ranked(self, by: str = "peak") -> NDArray[np.intp]:
        """All classes, best first, by their ``"peak"`` or their ``"mean"`` on this picture."""
        if by not in ("peak", "mean"):
            raise FilterLabError("classes are ranked by 'peak' or 'mean', not by {by!r}", by=by)
        value = self.prob.max(axis=(1, 2)) if by == "peak" else self.prob.mean(axis=(1, 2))
        return np.argsort(-value, kind="stable")

    def best(self, i: int, j: int, count: int = 5) -> list[tuple[int, float]]:
        """The best classes of a cell as (index, probability)."""
        cell = self.prob[:, i, j]
        return [(c, float(cell[c])) for c in top_classes(cell, count)]

    def winners(self) -> NDArray[np.intp]:
        """Index of the best class of each cell, (rows, cols)."""
        return self.score.argmax(axis=0)

    def to_picture(self, x: float, y: float) -> tuple[float, float]:
        """A point of the net's input on the picture."""
        return self.placement.point(x, y)

    def window_on_picture(self, i: int, j: int) -> FloatBox:
        """The window of cell (i, j); may hang over the picture's edge."""
        return self.placement.box(self.geometry.window(i, j))

    def field_on_picture(self, i: int, j: int) -> FloatBox:
        """Everything that can change cell (i, j)."""
        return self.placement.box(self.geometry.field(i, j, *self.input_size))

    def centre_on_picture(self, i: int, j: int) -> tuple[float, float]:
        """The middle of cell (i, j)'s window."""
        return self.placement.point(*self.geometry.centre(i, j))

    def tiles_on_picture(self) -> FloatBox:
        """The rectangle that the cells' tiles cover."""
        return self.placement.box(self.geometry.tiles_rect(self.rows, self.cols))

    def tile_on_picture(self, i: int, j: int) -> FloatBox:
        """The tile of cell (i, j): what lies nearest to its centre."""
        x0, y0, _, _ = self.geometry.tiles_rect(self.rows, self.cols)
        jy, jx = self.geometry.jump
        x, y = x0 + j * jx, y0 + i * jy
        return self.placement.box((x, y, x + jx, y + jy))

    def cell_at(self, x: float, y: float) -> tuple[int, int] | None:
        """The cell whose tile holds this point of the picture; None outside all tiles."""
        px, py = self.placement.back(x, y)
        x0, y0, _, _ = self.geometry.tiles_rect(self.rows, self.cols)
        i, j = (
            int((py - y0) // self.geometry.jump[0]),
            int((px - x0) // self.geometry.jump[1]),
        )
        return (i, j) if 0 <= i < self.rows and 0 <= j < self.cols else None


def cost_of(transplanted: Transplanted, size: tuple[int, int], passes: int = 1) -> Cost:
    """What the dense net costs at an input size; the time from its last measured pass.

    Where it runs in strips the memory is that of the strips.
    """
    cost = estimate(transplanted.param, transplanted.net, size, transplanted.measured)
    strips = strips_of(transplanted, size)
    taken = cost.bytes if strips is None else min(cost.bytes, strips.bytes)
    seconds = None if cost.seconds is None else cost.seconds * passes
    return replace(cost, bytes=taken, seconds=seconds)


def heatmap_job(
    transplanted: Transplanted,
    picture: NDArray[Any],
    *,
    cells: int | None = None,
    size: int | tuple[int, int] | None = None,
    squash: int | tuple[int, int] | None = None,
    preprocessing: Preprocessing | None = None,
) -> Job[ClassMaps]:
    """Run the dense net on a picture; the result holds the maps of all classes.

    See :func:`choose_size` for ``cells``, ``size`` and ``squash``.

    Raises
    ------
    FilterLabError
        For a size that is too small or does not fit into memory, or an answer that is not finite.
    """
    preprocessing = preprocessing or Preprocessing()
    picture = as_picture(picture)
    shown = (int(picture.shape[0]), int(picture.shape[1]))
    chosen = choose_size(transplanted.geometry, shown, cells=cells, size=size, squash=squash)
    cost = cost_of(transplanted, chosen)
    check_memory(cost, chosen)
    text = f"{chosen[1]}x{chosen[0]}"
    yield Progress("prepare the picture", 0, 10, text)
    data = preprocessing.apply(picture, chosen, transplanted.channels)
    rows, cols = transplanted.geometry.cells(*chosen)
    message = Text(
        "{size}, {cols}x{rows} cells, {memory}", size=text, cols=cols, rows=rows, memory=cost.text
    )
    yield Progress("run the net", 1, 10, message)
    steps = run_dense_steps(transplanted, data)
    while True:
        try:
            share = next(steps)
        except StopIteration as end:
            prob, score, seconds = end.value
            break
        yield Progress("run the net", 1 + 9 * share, 10, message)
    if prob.shape[1:] != (rows, cols):
        raise FilterLabError(
            "the net gave {shape}x{shape2} cells where {rows}x{cols} were expected, so "
            "their place is unknown",
            shape=prob.shape[1],
            shape2=prob.shape[2],
            rows=rows,
            cols=cols,
        )
    return ClassMaps(
        prob,
        score,
        chosen,
        shown,
        transplanted.geometry,
        Placement.resized(shown, chosen),
        data,
        seconds,
        method=transplanted.quick_method,
        probabilities=transplanted.probabilities,
    )


def heatmap(transplanted: Transplanted, picture: NDArray[Any], **choices: Any) -> ClassMaps:
    """The class maps of a picture in one go; see :func:`heatmap_job`."""
    return run_job(heatmap_job(transplanted, picture, **choices))
