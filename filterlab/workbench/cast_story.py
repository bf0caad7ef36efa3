"""How a fully connected layer becomes a convolution: the net's own numbers, step by step.

No Qt. :func:`cast_story_job` runs classifier and dense net on one picture and keeps what the
seven steps need; :meth:`CastStory.still` is the picture of a step at a time t from 0 to 1.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from filterlab.errors import FilterLabError
from filterlab.progress import Job, Progress
from filterlab.surgery.cost import check_memory, estimate
from filterlab.surgery.geometry import MapGeometry
from filterlab.surgery.heatmap import ClassMaps, Placement
from filterlab.surgery.pieces import pieces, run_pieces
from filterlab.surgery.rewrite import Change
from filterlab.surgery.transplant import Transplanted, feed
from filterlab.surgery.windows import cut_box
from filterlab.workbench.heatmap_jobs import part

__all__ = ["FC_STEPS", "POOLED_STEPS", "CastStill", "CastStory", "LaterLayer", "cast_story_job"]

Array = NDArray[np.float32]
Cell = tuple[int, int]

#: The steps for a net whose fully connected layer reads a blob with rows and columns.
FC_STEPS = ("row", "fold", "once", "slide", "later", "softmax", "picture")
#: The steps for a net that takes the mean over its last blob.
POOLED_STEPS = ("row", "spread", "mean", "slide", "later", "softmax", "picture")

#: Layers that leave every number where and what it is.
_SILENT = ("Dropout", "Flatten", "Reshape", "Split")


@dataclass(frozen=True, eq=False)
class LaterLayer:
    """A 1x1 layer behind the first.

    Attributes
    ----------
    old, new : str
        The layer's name in classifier and dense net.
    unit : int
        The row that is shown, of ``units``.
    weights : float32 (inputs,)
    bias : float
    inputs : float32 (inputs, rows, cols)
        What it reads at each place; only of the place shown where that is much.
    values : float32 (rows, cols)
        What the dense net makes of it with that row.
    """

    old: str
    new: str
    unit: int
    units: int
    weights: Array
    bias: float
    inputs: Array
    values: Array

    def sum_at(self, place: Cell) -> float:
        """The products at a place, summed in float64, plus bias."""
        column = self.inputs[:, place[0], place[1]].astype(np.float64)
        return float(column @ self.weights.astype(np.float64)) + self.bias


@dataclass(frozen=True)
class CastStill:
    """One picture of the story.

    Attributes
    ----------
    name : str
        The step.
    step : int
        From 0.
    t : float
        0 to 1.
    fold : float
        How far the row is folded into sheets. stack : how far the sheets are one kernel.
    summed : float
        Share of the products that are added up.
    grown : float
        From the features of one window (0) to those of the whole picture (1).
    at : (row, column)
        Where the kernel (or the window of the mean) lies on the features.
    place : (row, column)
        The cell of the map that is shown; ``done`` is how many cells are filled.
    later : float
        How many of the layers behind the first are reached.
    softmax, laid : float
        How far scores have become probabilities, and how far the map is laid on the picture.
    """

    name: str
    step: int
    t: float
    fold: float
    stack: float
    summed: float
    grown: float
    at: tuple[float, float]
    place: Cell
    done: int
    later: float
    softmax: float
    laid: float


@dataclass(frozen=True, eq=False)
class CastStory:
    """Everything the steps show.

    Attributes
    ----------
    kind : str
        ``"fc"``: a row folds into a kernel; ``"pooled"``: a row is a 1x1 kernel already, and the
        mean moves behind it; ``"pooled conv"``: the classifier is a convolution with the mean
        behind it, of which only the window is new.
    features : str
        The blob that the layer reads. old, new : the layer's name in classifier and dense net.
    unit, units : int
        The row that is shown, and how many there are.
    kernel : float32 (C, kh, kw)
    bias : float
    channel : int
        The sheet that is shown: the one that counts most in the window.
    pool : (rows, columns)
        Window of the mean; (1, 1) where there is none.
    window_features, picture_features : float32 (C, h, w)
        What the layer reads of one window, and of the whole picture.
    window_evidence, picture_evidence : float32 (h, w)
        The kernel's answer at each place before the mean (``"pooled"`` kinds only, else empty).
    before, after : float
        The one number of the window: the classifier's and the dense net's.
    summed : float
        The same, added up in float64 from the products.
    values : float32 (rows, cols)
        The dense net's number at each place of the picture.
    later : tuple of LaterLayer
        The 1x1 layers behind, the last being the class.
    score, prob : float32 (classes, rows, cols)
        Of the dense net. softmax : whether ``prob`` is the softmax of ``score``.
    class_index : int
    place : (row, column)
        The cell with the best value of the class.
    box : (x0, y0, x1, y1)
        The window that was cut out for ``before``, in pixels of the net's input.
    exact : bool
        Whether the map on show was made by asking the classifier window by window, so that its
        numbers may be others.
    picture : float32 (h, w, 3)
    """

    kind: str
    features: str
    old: str
    new: str
    unit: int
    units: int
    kernel: Array
    bias: float
    channel: int
    pool: tuple[int, int]
    window_features: Array
    picture_features: Array
    window_evidence: Array
    picture_evidence: Array
    before: float
    after: float
    summed: float
    values: Array
    later: tuple[LaterLayer, ...]
    score: Array
    prob: Array
    softmax: bool
    class_index: int
    place: Cell
    box: tuple[int, int, int, int]
    geometry: MapGeometry
    placement: Placement
    input_size: tuple[int, int]
    picture_size: tuple[int, int]
    exact: bool
    picture: Array = field(repr=False)

    @property
    def steps(self) -> tuple[str, ...]:
        """The names of the steps."""
        return FC_STEPS if self.kind == "fc" else POOLED_STEPS

    @property
    def row(self) -> Array:
        """The row of weights as the fully connected layer has it, (C * kh * kw,)."""
        return self.kernel.ravel()

    @property
    def grid(self) -> Cell:
        """Rows and columns of the map."""
        return int(self.values.shape[0]), int(self.values.shape[1])

    @property
    def span(self) -> tuple[int, int]:
        """Rows and columns of the features that one cell of the map reads."""
        if self.kind == "fc":
            return int(self.kernel.shape[1]), int(self.kernel.shape[2])
        return self.pool

    def products(self) -> Array:
        """Each weight times what it meets in the window, (C, kh, kw); their sum is `summed`."""
        if self.kind == "fc":
            return self.kernel * self.window_features
        mean = self.window_features.mean(axis=(1, 2), dtype=np.float64).astype(np.float32)
        return self.kernel * mean[:, None, None]

    def window(self, cell: Cell) -> tuple[float, float, float, float]:
        """What a cell looks at, (x0, y0, x1, y1) on the picture."""
        return self.placement.box(self.geometry.window(*cell))

    def tile(self, cell: Cell) -> tuple[float, float, float, float]:
        """Where a cell lies on the picture."""
        x0, y0, _, _ = self.geometry.tiles_rect(*self.grid)
        jy, jx = self.geometry.jump
        x, y = x0 + cell[1] * jx, y0 + cell[0] * jy
        return self.placement.box((x, y, x + jx, y + jy))

    def still(self, step: int, t: float) -> CastStill:
        """The picture of a step (0 to 6) at a time from 0 to 1."""
        step = min(max(step, 0), len(self.steps) - 1)
        t = min(max(t, 0.0), 1.0)
        rows, cols = self.grid
        count = rows * cols

        def share(begins: float, steps: float = 1.0) -> float:
            """How far something is that begins with a step and takes so many."""
            return min(max((step + t - begins) / steps, 0.0), 1.0)

        # The picture grows in the first fifth, then the window goes from place to place.
        done = min(count, int(share(3.2, 0.8) * count + 1e-6))
        place = self.place
        if step == 3:
            index = min(count - 1, done - 1 if t >= 1 else done)
            place = divmod(index, cols)
        return CastStill(
            self.steps[step],
            step,
            t,
            share(1, 0.5),
            share(1.5, 0.5),
            share(2),
            share(3, 0.2),
            (float(place[0]), float(place[1])) if step >= 3 else (0.0, 0.0),
            (int(place[0]), int(place[1])),
            done,
            len(self.later) * share(4),
            share(5),
            share(6),
        )


def _follow(net: Any, first: str, last: str) -> None:
    """Run the layers from one to another on the blobs as they are."""
    net.forward(start=first, end=last)


def _pass(net: Any, param: Any, data: Array, name: str) -> Job[None]:
    """A whole pass, cut into pieces where it takes long; refused if memory does not suffice."""
    size = (int(data.shape[2]), int(data.shape[3]))
    check_memory(estimate(param, net, size), size)
    feed(net, name, data)
    for share in run_pieces(net, pieces(param, net, size)):
        yield Progress("run the net", share, 1)


def _layer(param: Any, name: str) -> Any:
    return next(layer for layer in param.layer if layer.name == name)


def _between(param: Any, first: Any, last: Any) -> list[str]:
    """Types of the layers that lie between two, in the prototxt's order."""
    layers = list(param.layer)
    at = [layer.name for layer in layers]
    return [layer.type for layer in layers[at.index(first.name) + 1 : at.index(last.name)]]


def _kernel_of(net: Any, layer: str, unit: int) -> tuple[Array, float]:
    blobs = net.params[layer]
    bias = float(blobs[1].data.flat[unit]) if len(blobs) > 1 else 0.0
    return np.array(blobs[0].data[unit], np.float32), bias


@dataclass(frozen=True)
class _Way:
    """Which layers the story is about."""

    kind: str
    old: str
    new: str
    casts: tuple[Change, ...]
    pool: str = ""
    pool_size: tuple[int, int] = (1, 1)


def _way(t: Transplanted) -> _Way:
    changes = t.rewritten.changes
    casts = tuple(c for c in changes if c.kind == "fc->conv")
    pooling = next((c for c in changes if c.kind == "pool->stride 1"), None)
    if pooling is not None and t.rewritten.pooled == "AVE":
        layer = _layer(t.param, pooling.new)
        if not casts:
            maker = _maker(t, layer.bottom[0])
            if maker is not None:
                return _Way("pooled conv", maker, maker, (), pooling.new, pooling.kernel)
        else:
            first = _layer(t.param, casts[0].new)
            if all(kind in _SILENT for kind in _between(t.param, layer, first)):
                new = casts[0]
                return _Way("pooled", new.old, new.new, casts, pooling.new, pooling.kernel)
    if not casts:
        raise FilterLabError(
            "the net is fully convolutional already: no layer was cast, so there is nothing to show"
        )
    return _Way("fc", casts[0].old, casts[0].new, casts)


def _maker(t: Transplanted, blob: str) -> str | None:
    """The 1x1 convolution that makes a blob, if one does and nothing but ReLU is behind it."""
    for layer in reversed(t.param.layer):
        if blob not in layer.top:
            continue
        if layer.type in ("ReLU", "Dropout"):
            blob = layer.bottom[0]
            continue
        if layer.type == "Convolution" and t.net.params[layer.name][0].shape[2:] == (1, 1):
            return str(layer.name)
        return None
    return None


def cast_story_job(
    transplanted: Transplanted, maps: ClassMaps, picture: NDArray[Any], classes: Sequence[int]
) -> Job[CastStory]:
    """What the story shows, computed with doubles of both nets on what the map's net saw.

    Parameters
    ----------
    transplanted : Transplanted
    maps : ClassMaps
        Of the picture, by any method.
    picture : float32 (h, w, 3)
        To be shown; of any size.
    classes : sequence of int
        The classes on show; the story is about the first.

    Raises
    ------
    FilterLabError
        If nothing of the net was cast.
    """
    t = transplanted
    way = _way(t)
    yield Progress("prepare the story", 0, 1)
    dense, plain = t.double().net, t.source.snapshot(share_weights=True)
    class_index = int(classes[0])
    data = maps.data
    yield from part(_pass(dense, t.param, data, t.input), 0.0, 0.6)
    score = dense.blobs[t.score].data[0].copy()
    prob = dense.blobs[t.output].data[0].copy()
    place = divmod(int(prob[class_index].argmax()), prob.shape[2])
    box = t.geometry.window(*place)
    features = str(_layer(t.param, way.pool if way.kind == "pooled" else way.new).bottom[0])
    picture_features = dense.blobs[features].data[0].copy()
    unit = class_index
    if len(way.casts) > 1:  # a unit of its own, not yet the class's
        unit = _strongest(dense, t, way.new, place)
    answers = str(_layer(t.param, way.pool).bottom[0]) if way.kind == "pooled conv" else ""
    window_evidence = picture_evidence = np.zeros((0, 0), np.float32)
    if answers:
        picture_evidence = dense.blobs[answers].data[0, unit].copy()
    later, values = _later(dense, t, way, unit, class_index, place)
    yield Progress("one window", 0.6, 1)
    window = cut_box(data, box)
    # The window in both nets, up to the layer itself: what it says before any ReLU.
    before = _plain_answer(plain, t, way, window, unit)
    yield Progress("the same window", 0.8, 1)
    yield from part(_pass(dense, t.param, window, t.input), 0.8, 1.0)
    seen = dense.blobs[features].data[0].copy()
    kernel, bias = _kernel_of(dense, way.new, unit)
    met = seen if way.kind == "fc" else seen.mean(axis=(1, 2), dtype=np.float64, keepdims=True)
    products = kernel.astype(np.float64) * met
    if answers:
        after = float(dense.blobs[t.score].data[0, unit].item())
        window_evidence = dense.blobs[answers].data[0, unit].copy()
        summed = _with_padding(t, window_evidence, unit)
    else:
        _follow(dense, way.new, way.new)
        after = float(dense.blobs[_layer(t.param, way.new).top[0]].data[0, unit].item())
        summed = float(products.sum()) + bias
    if way.kind == "pooled":
        window_evidence = _evidence(kernel, bias, seen)
        picture_evidence = _evidence(kernel, bias, picture_features)
        summed = float(window_evidence.astype(np.float64).mean())
    grid = (int(prob.shape[1]), int(prob.shape[2]))
    if values.shape != grid:
        raise FilterLabError(
            "the layer {layer} gives {rows}x{cols} places where the map has {map_rows}x{map_cols} "
            "cells, so the story cannot be told of this net",
            layer=way.new,
            rows=values.shape[0],
            cols=values.shape[1],
            map_rows=grid[0],
            map_cols=grid[1],
        )
    return CastStory(
        way.kind,
        features,
        way.old,
        way.new,
        unit,
        int(dense.params[way.new][0].shape[0]),
        kernel,
        bias,
        int(np.abs(products.sum(axis=(1, 2))).argmax()),
        (int(way.pool_size[0]), int(way.pool_size[1])),
        seen,
        picture_features,
        window_evidence,
        picture_evidence,
        before,
        after,
        summed,
        values,
        later,
        score,
        prob,
        t.rewritten.activation == "softmax" or t.rewritten.applied == "softmax",
        class_index,
        (int(place[0]), int(place[1])),
        box,
        t.geometry,
        maps.placement,
        maps.input_size,
        maps.picture_size,
        maps.method == "exact",
        np.asarray(picture, np.float32),
    )


def _strongest(dense: Any, t: Transplanted, layer: str, place: Cell) -> int:
    """The unit of a layer that answers loudest at a place, behind its ReLU."""
    blob = dense.blobs[_layer(t.param, layer).top[0]].data[0]
    return int(blob[:, place[0], place[1]].argmax())


def _later(
    dense: Any,
    t: Transplanted,
    way: _Way,
    unit: int,
    class_index: int,
    place: Cell,
) -> tuple[tuple[LaterLayer, ...], Array]:
    """The layer's values at each place before its ReLU, and the 1x1 layers behind it."""
    if way.kind == "pooled conv":
        return (), dense.blobs[t.score].data[0, unit].copy()
    names = [layer.name for layer in t.param.layer]
    behind = way.casts[1:]
    units = [_strongest(dense, t, c.new, place) for c in behind[:-1]] + [class_index]
    _follow(dense, way.new, way.new)
    values = dense.blobs[_layer(t.param, way.new).top[0]].data[0, unit].copy()
    found = []
    last = way.new
    for change, row in zip(behind, units):
        layer = _layer(t.param, change.new)
        _follow(dense, names[names.index(last) + 1], change.new)
        inputs = dense.blobs[layer.bottom[0]].data[0].copy()
        weights, bias = _kernel_of(dense, change.new, row)
        found.append(
            LaterLayer(
                change.old,
                change.new,
                row,
                int(dense.params[change.new][0].shape[0]),
                weights.ravel(),
                bias,
                inputs,
                dense.blobs[layer.top[0]].data[0, row].copy(),
            )
        )
        last = change.new
    return tuple(found), values


def _plain_answer(plain: Any, t: Transplanted, way: _Way, window: Array, unit: int) -> float:
    """The classifier's one number of a window."""
    feed(plain, t.input, window)
    plain.forward()
    if way.kind == "pooled conv":
        return float(plain.blobs[t.rewritten.plain_score].data.flat[unit])
    _follow(plain, way.old, way.old)
    return float(plain.blobs[_layer(t.source_param, way.old).top[0]].data.flat[unit])


def _evidence(kernel: Array, bias: float, features: Array) -> Array:
    """The 1x1 kernel's answer at each place, (h, w)."""
    weights = kernel[:, 0, 0].astype(np.float64)
    return np.asarray(np.tensordot(weights, features, 1) + bias, np.float32)


def _with_padding(t: Transplanted, evidence: Array, unit: int) -> float:
    """The mean over a window whose padding the classifier averages in, in float64."""
    mean = float(evidence.astype(np.float64).mean())
    padding = t.rewritten.padding
    if padding is None:
        return mean
    scale, bias = t.net.params[padding.scale]
    return mean * float(scale.data.flat[unit]) + float(bias.data.flat[unit])
