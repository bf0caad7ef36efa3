"""How each layer of a net moves along one axis of the picture.

A net is read, from its prototxt alone, as a graph of *steps*: a convolution is a sliding window,
a ReLU stands still, a global pooling sees everything. Three questions are answered per axis:
how many units a blob has for an input of n pixels, which input pixels can change a unit, and
(:mod:`filterlab.surgery.geometry`) where the units lie.

The size rules are Caffe's: a convolution rounds down, a pooling rounds up and then drops a last
window that would start in the padding (only where there is padding at all).
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import Any, NoReturn

import numpy as np
from numpy.typing import NDArray

from filterlab.caffe.layers import Layer, Reach, layer_class
from filterlab.caffe.proto.caffe_pb2 import LayerParameter, NetParameter
from filterlab.errors import FilterLabError

__all__ = [
    "Crop",
    "Global",
    "Node",
    "Pointwise",
    "SlidingWindow",
    "SpatialGraph",
    "Step",
    "TransposedWindow",
    "input_shapes",
    "layers_for_test",
    "spatial_graph",
    "with_channels",
]

Interval = tuple[int, int]
"""Half-open: first unit, last unit + 1. Empty where first >= last."""
Units = NDArray[np.int64]
"""Indices of units along one axis, in order, each once."""

_TEST = 1  # caffe.Phase
_REMEMBERED = 4096  # answers, since pointing at a cell asks the same again and again


def _inside(units: Units, n: int) -> Units:
    """Those of the units that exist, in order, each once: what lies in the padding is left out."""
    return np.unique(units[(units >= 0) & (units < n)])


@dataclass(frozen=True)
class SlidingWindow:
    """A sliding window of ``k`` taps: unit o reads ``o*s - p + d*t`` for t in 0…k-1."""

    k: int
    s: int = 1
    p: int = 0
    d: int = 1
    ceil: bool = False
    clip: bool = False

    @property
    def extent(self) -> int:
        return self.d * (self.k - 1) + 1

    def size(self, n: int) -> int:
        room = n + 2 * self.p - self.extent
        if not self.ceil:
            return room // self.s + 1 if n > 0 and room >= 0 else 0
        out = -(-room // self.s) + 1
        if self.clip and (out - 1) * self.s >= n + self.p:
            out -= 1
        return max(out, 0) if n > 0 else 0

    def back(self, units: Units, n: int) -> Units:
        taps = self.d * np.arange(self.k) - self.p
        return _inside(units[:, None] * self.s + taps[None, :], n)


@dataclass(frozen=True)
class TransposedWindow:
    """A deconvolution: the transpose of :class:`SlidingWindow`."""

    k: int
    s: int = 1
    p: int = 0
    d: int = 1

    @property
    def extent(self) -> int:
        return self.d * (self.k - 1) + 1

    def size(self, n: int) -> int:
        return max(self.s * (n - 1) + self.extent - 2 * self.p, 0) if n > 0 else 0

    def back(self, units: Units, n: int) -> Units:
        reached = units[:, None] + self.p - self.d * np.arange(self.k)[None, :]
        return _inside(reached[reached % self.s == 0] // self.s, n)


@dataclass(frozen=True)
class Pointwise:
    """A layer that treats each place by itself; one value for all places is read by each."""

    def size(self, n: int) -> int:
        return n

    def back(self, units: Units, n: int) -> Units:
        return _inside(np.zeros_like(units) if n == 1 else units, n)


@dataclass(frozen=True)
class Global:
    """A layer each of whose outputs sees the whole blob; ``keep`` says that the size stays."""

    keep: bool = False

    def size(self, n: int) -> int:
        return n if self.keep else min(n, 1)

    def back(self, units: Units, n: int) -> Units:
        return np.arange(n if units.size else 0, dtype=np.int64)


@dataclass(frozen=True)
class Crop:
    """A cut to the size of another node, starting at ``offset``."""

    offset: int
    like: int

    def size(self, n: int) -> int:
        return n

    def back(self, units: Units, n: int) -> Units:
        return _inside(units + self.offset, n)


Step = SlidingWindow | TransposedWindow | Pointwise | Global | Crop


@dataclass(frozen=True)
class Node:
    """One version of a blob: which layer made it, by which steps (y, x), from which nodes.

    ``parents`` empty means that the node is an input of the net, or does not depend on any.
    """

    blob: str
    layer: str
    type: str
    steps: tuple[Step, Step]
    parents: tuple[int, ...]


def layers_for_test(net_param: NetParameter) -> list[LayerParameter]:
    """The layers that take part when the net is run for testing (phase TEST)."""

    def met(rule: Any) -> bool:
        return not rule.HasField("phase") or rule.phase == _TEST

    kept = []
    for layer in net_param.layer:
        if layer.include and not any(met(rule) for rule in layer.include):
            continue
        if not layer.include and layer.exclude and any(met(rule) for rule in layer.exclude):
            continue
        kept.append(layer)
    return kept


def input_shapes(net_param: NetParameter) -> dict[str, tuple[int, ...]]:
    """Shapes of the input blobs of a net in today's form as its prototxt gives them, by name."""
    shapes: dict[str, tuple[int, ...]] = {}
    for layer in layers_for_test(net_param):
        given: list[Any] = []
        if layer.type == "Input":
            given = list(layer.input_param.shape)
        elif layer.type == "DummyData":
            given = list(layer.dummy_data_param.shape)
        elif layer.type == "MemoryData" and layer.top:
            m = layer.memory_data_param
            shapes[layer.top[0]] = (m.batch_size, m.channels, m.height, m.width)
        for i, top in enumerate(layer.top):
            if given:
                shapes[top] = tuple(int(d) for d in given[min(i, len(given) - 1)].dim)
    return shapes


def with_channels(net_param: NetParameter, channels: int) -> NetParameter:
    """The same net for pictures of so many channels, a copy."""
    changed = type(net_param)()
    changed.CopyFrom(net_param)
    picture = next((n for n, shape in input_shapes(net_param).items() if len(shape) == 4), None)
    for layer in changed.layer:
        if picture is not None and layer.type == "Input" and picture in layer.top:
            shapes = layer.input_param.shape
            shapes[min(list(layer.top).index(picture), len(shapes) - 1)].dim[1] = channels
    return changed


class SpatialGraph:
    """The spatial structure of a net.

    Parameters
    ----------
    net_param : NetParameter
        A net in today's form (as :func:`filterlab.caffe.prototxt.parse_net` gives it).
    input_name : str, optional
        The picture's blob; the first four-dimensional input if not given.

    Raises
    ------
    FilterLabError
        If there is no picture input, or a layer moves in a way that cannot be followed.
    """

    def __init__(self, net_param: NetParameter, input_name: str | None = None) -> None:
        self.nodes: list[Node] = []
        self.latest: dict[str, int] = {}
        self._sizes: dict[tuple[int, int], list[int]] = {}
        self._pixels: dict[tuple[str, int, int, int, int], Interval] = {}
        shapes = input_shapes(net_param)
        if input_name is None:
            input_name = next((n for n, shape in shapes.items() if len(shape) == 4), None)
        if input_name is None:
            raise FilterLabError(
                "the net has no picture input (a blob of four dimensions, batch x channels x "
                "height x width); give the deploy prototxt, whose input has a shape"
            )
        self.input_name = input_name
        self.input_shape = shapes.get(input_name, ())
        for layer in layers_for_test(net_param):
            self._add_layer(layer)
        if input_name not in self.latest:
            raise FilterLabError("the net has no blob {blob!r}", blob=input_name)

    @property
    def input_size(self) -> tuple[int, int]:
        """The net's own input size, (height, width)."""
        if len(self.input_shape) != 4:
            raise FilterLabError(
                "input blob {blob!r} has no height and width", blob=self.input_name
            )
        return self.input_shape[2], self.input_shape[3]

    def node(self, blob: str) -> int:
        """Index of the last version of a blob."""
        try:
            return self.latest[blob]
        except KeyError:
            known = ", ".join(list(self.latest)[-8:])
            raise FilterLabError(
                "the net has no blob {blob!r}; its last blobs are {known}", blob=blob, known=known
            ) from None

    def sizes(self, height: int, width: int) -> dict[str, tuple[int, int]]:
        """(rows, cols) of every blob for an input of ``height`` x ``width`` pixels; 0 if none."""
        y, x = self._axis_sizes(0, height), self._axis_sizes(1, width)
        return {blob: (y[i], x[i]) for blob, i in self.latest.items()}

    def size_of(self, blob: str, axis: int, n: int) -> int:
        """Units of ``blob`` along one axis (0 rows, 1 columns) for an input of n pixels."""
        return self._axis_sizes(axis, n)[self.node(blob)]

    def pixels(self, blob: str, axis: int, lo: int, hi: int, n: int) -> Interval:
        """The input pixels [first, last) that can change units [lo, hi) of ``blob``.

        Exact for what lies inside the picture of n pixels: padding is left out at every layer.
        ``(0, 0)`` where the blob does not depend on the picture.
        """
        key = (blob, axis, lo, hi, n)
        known = self._pixels.get(key)
        if known is None:
            known = self._back_to_pixels(*key)
            if len(self._pixels) >= _REMEMBERED:
                self._pixels.clear()
            self._pixels[key] = known
        return known

    def _back_to_pixels(self, blob: str, axis: int, lo: int, hi: int, n: int) -> Interval:
        sizes = self._axis_sizes(axis, n)
        wanted: dict[int, Units] = {self.node(blob): np.arange(lo, hi, dtype=np.int64)}
        for i in range(len(self.nodes) - 1, -1, -1):
            if i not in wanted:
                continue
            node = self.nodes[i]
            for parent in node.parents:
                back = node.steps[axis].back(wanted[i], sizes[parent])
                if back.size:
                    known = wanted.get(parent)
                    wanted[parent] = back if known is None else np.union1d(known, back)
        source = next(i for i, node in enumerate(self.nodes) if node.blob == self.input_name)
        seen = wanted.get(source)
        return (0, 0) if seen is None else (int(seen[0]), int(seen[-1]) + 1)

    def _axis_sizes(self, axis: int, n: int) -> list[int]:
        known = self._sizes.get((axis, n))
        if known is None:
            known = self._infer_sizes(axis, n)
            if len(self._sizes) >= _REMEMBERED:
                self._sizes.clear()
            self._sizes[axis, n] = known
        return known

    def _infer_sizes(self, axis: int, n: int) -> list[int]:
        sizes: list[int] = []
        for node in self.nodes:
            if not node.parents:
                given = self._own_size(node.blob, axis)
                sizes.append(n if node.blob == self.input_name else given)
                continue
            step = node.steps[axis]
            if isinstance(step, Crop):
                sizes.append(sizes[step.like])
            else:
                sizes.append(step.size(max(sizes[p] for p in node.parents)))
        return sizes

    def _own_size(self, blob: str, axis: int) -> int:
        return self.input_size[axis] if blob == self.input_name else 1

    def _add(self, node: Node) -> int:
        self.nodes.append(node)
        self.latest[node.blob] = len(self.nodes) - 1
        return len(self.nodes) - 1

    def _add_layer(self, layer: LayerParameter) -> None:
        kind = layer.type
        cls = layer_class(kind)
        spatial = cls.spatial_of(layer) if cls is not None else "unknown"
        if spatial == "source" or (not layer.bottom and kind != "Split"):
            for top in layer.top:
                self._add(Node(top, layer.name, kind, (Pointwise(), Pointwise()), ()))
            return
        for bottom in layer.bottom:
            if bottom not in self.latest:
                raise FilterLabError(
                    "layer {layer!r} reads blob {blob!r}, which no layer before it makes",
                    layer=layer.name,
                    blob=bottom,
                )
        if spatial == "sink" or cls is None:
            if cls is None:
                _unknown(layer)
            for top in layer.top:
                self._add(Node(top, layer.name, kind, (Global(), Global()), ()))
            return
        parents = [self.latest[b] for b in layer.bottom]
        steps = self._steps(layer, cls, spatial, parents)
        read = tuple(parents[:1] if spatial == "crop" else parents)
        for top in layer.top:
            self._add(Node(top, layer.name, kind, steps, read))

    def _steps(
        self, layer: LayerParameter, cls: type[Layer], spatial: str, parents: list[int]
    ) -> tuple[Step, Step]:
        """How rows and columns move, as the layer's class declares."""
        if spatial in ("value", "pointwise"):
            _check_axis(layer, cls.works_along(layer))
            return Pointwise(), Pointwise()
        if spatial == "everywhere":
            return Global(), Global()
        if spatial == "whole":
            return Global(True), Global(True)
        if spatial == "crop":
            return self._crop(layer, parents)
        if spatial == "sliding":
            y, x = _checked(layer, cls.reach(layer))
            return _window(y), _window(x)
        if spatial != "transposed":
            _unknown(layer)
        y, x = _checked(layer, cls.reach(layer))
        return TransposedWindow(*y[:4]), TransposedWindow(*x[:4])

    def _crop(self, layer: LayerParameter, parents: list[int]) -> tuple[Step, Step]:
        p = layer.crop_param
        axis = p.axis % 4
        offsets = [int(o) for o in p.offset] or [0]
        steps: list[Step] = []
        for dim in (2, 3):
            if dim < axis:
                steps.append(Pointwise())
                continue
            offset = offsets[dim - axis] if len(offsets) > 1 else offsets[0]
            steps.append(Crop(offset, parents[1]))
        return steps[0], steps[1]


def spatial_graph(net_param: NetParameter, input_name: str | None = None) -> SpatialGraph:
    """The graph of a net, made once while its structure stays the same; not to be changed.

    Raises
    ------
    FilterLabError
        As :class:`SpatialGraph`.
    """
    if any(layer.blobs for layer in net_param.layer):  # weights are no structure, and large
        return SpatialGraph(net_param, input_name)
    return _graph_of(net_param.SerializeToString(deterministic=True), input_name)


@lru_cache(maxsize=8)
def _graph_of(structure: bytes, input_name: str | None) -> SpatialGraph:
    return SpatialGraph(NetParameter.FromString(structure), input_name)


def _unknown(layer: LayerParameter) -> NoReturn:
    raise FilterLabError(
        "layer {layer!r} of type {type!r} cannot be followed: it is not known which "
        "pixels its outputs see",
        layer=layer.name,
        type=layer.type,
    )


def _window(reach: Reach) -> SlidingWindow:
    return SlidingWindow(
        reach.kernel, reach.stride, reach.pad, reach.dilation, reach.up, reach.clip
    )


def _checked(layer: LayerParameter, reach: tuple[Reach, ...]) -> tuple[Reach, Reach]:
    for axis in reach:
        if axis.kernel < 1 or axis.stride < 1 or axis.dilation < 1:
            raise FilterLabError(
                "layer {layer!r}: kernel {kernel}, stride {stride}, dilation {dilation}; "
                "each must be 1 or more",
                layer=layer.name,
                kernel=axis.kernel,
                stride=axis.stride,
                dilation=axis.dilation,
            )
    return reach[0], reach[1]


def _check_axis(layer: LayerParameter, axis: int) -> None:
    """Refuse layers that join or cut along the picture's own axes."""
    if axis % 4 >= 2 and axis >= 0:
        raise FilterLabError(
            "layer {layer!r} ({type}) works along axis {axis}, the picture's own; where "
            "its outputs look cannot be followed",
            layer=layer.name,
            type=layer.type,
            axis=axis,
        )
