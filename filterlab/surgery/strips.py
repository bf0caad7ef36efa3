"""A pass of the dense net in strips, where all of its blobs at once would take too much memory.

The net is cut into *stages* at blobs on which everything behind depends alone, and each stage runs
over its input strip by strip. A strip holds all that the cells wanted of it see, the *reach* of
the stage, and begins on a multiple of the steps of all its layers. So every value that is kept
stands on the same grid as in one pass and reads the same values; padding is met only where the
strip ends at the edge of the picture, and what an inner edge spoils is cut away. Only the blobs
between the stages are ever whole.

A short reach makes little overlap, so a net is rather cut in two than run at once in strips that
see each other's picture: where to cut is chosen by the work that the overlaps cost.
"""

from __future__ import annotations

import math
from collections.abc import Generator, Iterable, Mapping
from dataclasses import dataclass, replace
from fractions import Fraction
from itertools import accumulate, pairwise

import numpy as np
from numpy.typing import NDArray

from filterlab.caffe import TEST, Net
from filterlab.caffe.proto.caffe_pb2 import LayerParameter, NetParameter
from filterlab.errors import FilterLabError
from filterlab.surgery.cost import NOMINAL_SPEED, OVERHEAD, layer_work
from filterlab.surgery.geometry import Axis, after, join
from filterlab.surgery.pieces import pieces, run_pieces
from filterlab.surgery.spatial import (
    Crop,
    Global,
    Pointwise,
    TransposedWindow,
    layers_for_test,
    spatial_graph,
)

__all__ = ["WHOLE", "Chart", "Stage", "Strip", "Strips", "plan_strips"]

Array = NDArray[np.float32]
Size = tuple[int, int]

#: Bytes of blobs up to which a pass is one. The same on any computer, so that the same map is
#: computed alike everywhere: the cuts may change the last bits of an answer.
WHOLE = 1_000_000_000
# Bytes of a strip's own blobs, and of a whole blob between two stages; the first that does.
_ROOMS = ((200_000_000, 200_000_000), (200_000_000, 10**12), (800_000_000, 10**12))
_STRIP = 0.1 * NOMINAL_SPEED  # multiplications of a strip, if that does not make it all overlap
_A_STAGE = 0.01  # of the whole work: what a stage more must save


@dataclass(frozen=True)
class Strip:
    """A piece of a stage along one axis.

    Attributes
    ----------
    first, last : int
        The units of the stage's input that the strip reads: up to, not including, ``last``.
    begin, end : int
        The units of its tops that come out of it.
    skip : int
        How many units of the strip's own tops lie before ``begin``.
    """

    first: int
    last: int
    begin: int
    end: int
    skip: int


@dataclass(frozen=True)
class Stage:
    """Layers that run strip by strip.

    Attributes
    ----------
    source : str
        The blob that they read.
    tops : tuple of str
        The blobs to keep whole: what the next stage reads, and what was asked for.
    layers : tuple of LayerParameter
    strips : tuple of Strip
    work : float
        What all strips take together, in multiplications; see
        :func:`filterlab.surgery.cost.layer_work`.
    """

    source: str
    tops: tuple[str, ...]
    layers: tuple[LayerParameter, ...]
    strips: tuple[Strip, ...]
    work: float


@dataclass(frozen=True)
class Strips:
    """How a pass is run.

    Attributes
    ----------
    axis : int
        Along which the strips lie one after the other: 0 down, 1 across.
    stages : tuple of Stage
    bytes : int
        What it takes beside the weights: input, answers, and the fullest stage.
    """

    axis: int
    stages: tuple[Stage, ...]
    bytes: int

    @property
    def count(self) -> int:
        """How many strips there are in all stages."""
        return sum(len(stage.strips) for stage in self.stages)

    def run(
        self, net: Net, data: Array, wanted: Iterable[str]
    ) -> Generator[float, None, dict[str, Array]]:
        """Compute blobs; yields the share of the work done between the strips.

        Parameters
        ----------
        net : caffe.Net
            Whose weights count. Its blobs are left as they are.
        data : ndarray (1, channels, height, width) float32
            What the first stage reads.
        wanted : iterable of str

        Returns
        -------
        dict
            Blob name -> its values, (channels, rows, cols) float32.
        """
        total = sum(stage.work for stage in self.stages)
        done = 0.0
        wanted = list(wanted)
        whole = {self.stages[0].source: data}
        answers: dict[str, Array] = {}
        for number, stage in enumerate(self.stages):
            source = whole[stage.source]
            part: _Part | None = None
            whole = {}
            each = stage.work / len(stage.strips)
            for strip in stage.strips:
                if number or strip is not stage.strips[0]:
                    yield done / total
                piece = source[_cut(self.axis, strip.first, strip.last)]
                if part is None or part.shape != piece.shape:
                    part = None  # its memory goes before another's comes
                    part = _Part(stage, net, piece.shape)
                for share in part.run(piece):
                    yield (done + share * each) / total
                self._keep(part.net, stage, strip, whole)
                done += each
            answers.update((name, whole[name][0]) for name in wanted if name in whole)
            part = None
        return answers

    def _keep(self, part: Net, stage: Stage, strip: Strip, whole: dict[str, Array]) -> None:
        """Copy what is kept of a strip's tops into the whole blobs."""
        for name in stage.tops:
            values = part.blobs[name].data
            if name not in whole:
                shape = list(values.shape)
                shape[2 + self.axis] = stage.strips[-1].end
                whole[name] = np.empty(shape, np.float32)
            found = _cut(self.axis, strip.skip, strip.skip + strip.end - strip.begin)
            whole[name][_cut(self.axis, strip.begin, strip.end)] = values[found]


def _cut(axis: int, first: int, last: int) -> tuple[slice, ...]:
    """The index of units along an axis of the picture."""
    return (slice(None), slice(None), *(slice(None),) * axis, slice(first, last))


class _Part:
    """A net of a stage's layers alone, for strips of one shape, on the weights of the whole."""

    def __init__(self, stage: Stage, whole: Net, shape: tuple[int, ...]) -> None:
        self.shape = shape
        param = NetParameter(name=whole.name)
        names = {layer.name for layer in stage.layers}
        own = stage.source
        while own in names:
            own += "_"
        source = param.layer.add(name=own, type="Input", top=[stage.source])
        source.input_param.shape.add(dim=shape)
        param.layer.extend(stage.layers)
        self.net = Net(param, TEST)
        for name, blobs in self.net.params.items():
            for mine, theirs in zip(blobs, whole.params[name]):
                mine.share_data(theirs)
        self._input = self.net.blobs[stage.source]
        self._pieces = pieces(param, self.net, (shape[2], shape[3]))

    def run(self, strip: Array) -> Generator[float, None, float]:
        """Compute a strip; yields the share of the work done between pieces."""
        np.copyto(self._input.data, strip)
        return (yield from run_pieces(self.net, self._pieces))


def plan_strips(
    param: NetParameter, net: Net, source: str, wanted: Iterable[str], size: Size
) -> Strips | None:
    """How to compute blobs of a net strip by strip; None if some layer sees the whole picture.

    Parameters
    ----------
    param, net : NetParameter, caffe.Net
        Structure and net; only the shapes of its blobs and weights are read.
    source : str
        The picture's blob.
    wanted : iterable of str
        Blobs that are maps of one size.
    size : (int, int)
        Height and width of the input.
    """
    try:
        return Chart(param, net, source, wanted).strips(net, size)
    except FilterLabError:
        return None


@dataclass(frozen=True)
class _Cut:
    """A place to cut: behind a layer (-1: before the first), where one node is all that counts."""

    layer: int
    node: int


@dataclass(frozen=True)
class _Span:
    """The layers between two cuts, along one axis.

    Attributes
    ----------
    tops : tuple of int
        The nodes to keep.
    reach : Axis
        Of the tops, in units of the input.
    steps : int
        A strip begins on a multiple of so many units.
    fields : array (layers,)
        The field of each layer's first node; 0 for layers outside.
    """

    tops: tuple[int, ...]
    reach: Axis
    steps: int
    fields: NDArray[np.float64]


@dataclass(frozen=True)
class _Load:
    """A span at one size of the input.

    ``work`` is what it takes in one piece, ``saved`` the part of an overlap that need not be
    computed (the sum of each layer's work times its own field), ``density`` bytes of all tops for
    each unit of the stage's input, and ``length`` how many of these there are. ``held`` is
    ``density`` without what is computed in place; the cuts go by ``density``, as they always did.
    """

    span: _Span
    length: int
    work: float
    saved: float
    density: float
    held: float

    def fresh(self, room: float) -> int:
        """How many units of its input a strip adds to those before; 0 if there is no room."""
        most = int(room / self.density)
        if most >= self.length and self.work <= _STRIP:
            return self.length
        reach = self.span.reach
        most = int(most - reach.field - self.span.steps)
        some = max(int(self.length * _STRIP / self.work), math.ceil(reach.field))
        fresh = min(self.length, most, some)
        return fresh if fresh >= reach.jump else 0

    def work_with(self, fresh: int) -> float:
        """What it takes in strips that each add so many units."""
        if fresh >= self.length:
            return self.work
        return self.work + (self.work * self.span.reach.field - self.saved) / fresh


class Chart:
    """Where a net can be cut, and what lies between any two cuts.

    Parameters
    ----------
    param, net, source, wanted
        As for :func:`plan_strips`.

    Raises
    ------
    FilterLabError
        If a layer cannot be followed.
    """

    def __init__(self, param: NetParameter, net: Net, source: str, wanted: Iterable[str]) -> None:
        self._param = param
        self._graph = graph = spatial_graph(param, source)
        self._channels = [_channels(net, node.blob) for node in graph.nodes]
        self._wanted = [graph.node(name) for name in wanted]
        self._first = next(i for i, node in enumerate(graph.nodes) if node.blob == source)
        self._layers = [layer for layer in layers_for_test(param) if layer.bottom and layer.top]
        made: dict[str, list[int]] = {}
        for i, node in enumerate(graph.nodes):
            if node.parents:
                made.setdefault(node.layer, []).append(i)
        self._made = [made.get(layer.name, []) for layer in self._layers]
        #: Of each layer's nodes those that are its bottom's own blob.
        self.in_place = [
            [n for n in nodes if graph.nodes[n].blob in layer.bottom]
            for layer, nodes in zip(self._layers, self._made)
        ]
        self._maker = {node: k for k, nodes in enumerate(self._made) for node in nodes}
        self._spans: dict[tuple[int, int], list[_Span | None]] = {}

    def strips(self, net: Net, size: Size) -> Strips | None:
        """How to compute the blobs at a size; None if that cannot be done in strips."""
        return _Sized(self, net, size).strips()

    def reads(self, node: int, axis: int) -> tuple[int, ...]:
        """The nodes that must be there for one to be computed."""
        of = self._graph.nodes[node]
        step = of.steps[axis]
        return (*of.parents, step.like) if isinstance(step, Crop) else of.parents

    def cuts(self, axis: int) -> list[_Cut]:
        """Where one node is all that what follows depends on; first the input, last the goal."""
        last_reader = {self._first: -1}
        for k, nodes in enumerate(self._made):
            for node in nodes:
                last_reader.update(dict.fromkeys(self.reads(node, axis), k))
        for node in self._wanted:
            last_reader[node] = max(last_reader.get(node, -1), self._maker.get(node, -1))
        goal = max(self._wanted, key=lambda node: self._maker.get(node, -1))
        end = self._maker.get(goal, -1)
        cuts = [_Cut(-1, self._first)]
        there = [self._first]
        for k in range(end + 1):
            there += self._made[k]
            alive = [n for n in there if last_reader.get(n, -1) > k]
            if k == end:
                cuts.append(_Cut(k, goal))
            elif len(alive) == 1 and not self._goes_on(k + 1, axis):
                cuts.append(_Cut(k, alive[0]))
        return cuts

    def _goes_on(self, k: int, axis: int) -> bool:
        """Whether a layer takes each place by itself, so that nobody would cut in front of it."""
        steps = [self._graph.nodes[node].steps[axis] for node in self._made[k]]
        return len(steps) == 1 and isinstance(steps[0], Pointwise)

    def spans(self, axis: int, cuts: list[_Cut], a: int) -> list[_Span | None]:
        """From a cut to each later one; None where strips cannot compute what lies between."""
        if (axis, a) not in self._spans:
            self._spans[axis, a] = self._spans_from(axis, cuts, a)
        return self._spans[axis, a]

    def _spans_from(self, axis: int, cuts: list[_Cut], a: int) -> list[_Span | None]:
        axes = {cuts[a].node: Axis(1, 1, 0)}
        found: list[_Span | None] = []
        steps, broken = 1, False
        kept: list[int] = []
        fields = np.zeros(len(self._layers))
        for before, end in zip(cuts[a:], cuts[a + 1 :]):
            for k in range(before.layer + 1, end.layer + 1):
                for i, node in enumerate(self._made[k]):
                    of = None if broken else self._follow(node, axis, axes)
                    if of is None:
                        broken = True
                        continue
                    axes[node] = of
                    steps = math.lcm(steps, Fraction(of.jump).numerator)
                    if i == 0:
                        fields[k] = math.ceil(of.field)
                    if node in self._wanted:
                        kept.append(node)
            tops = tuple(dict.fromkeys([*kept, end.node]))
            if broken or len({axes[n].jump for n in tops}) != 1:
                found.append(None)
            else:
                reach = join([axes[n] for n in tops], "")
                found.append(_Span(tops, reach, steps, fields.copy()))
        return found

    def _follow(self, node: int, axis: int, axes: Mapping[int, Axis]) -> Axis | None:
        """The axis of a node, in units of the stage's input; None if it sees more than a strip."""
        of = self._graph.nodes[node]
        step = of.steps[axis]
        if isinstance(step, Global) or any(p not in axes for p in self.reads(node, axis)):
            return None
        try:
            found = join([after(step, axes[p], 1) for p in of.parents], of.layer)
        except FilterLabError:
            return None
        if isinstance(step, TransposedWindow):
            # Its padding cuts outputs off where a strip ends: more inputs make up for them.
            short = -(-max(0, step.p + step.s - step.extent) // step.s)
            found = replace(found, field=found.field + short * axes[of.parents[0]].jump)
        return found if found.jump > 0 else None


class _Sized:
    """A chart at one size of the input."""

    def __init__(self, chart: Chart, net: Net, size: Size) -> None:
        self._chart = chart
        self.axis = axis = 0 if size[0] >= size[1] else 1
        graph = chart._graph
        self.lengths = graph._axis_sizes(axis, size[axis])
        across = graph._axis_sizes(1 - axis, size[1 - axis])
        self.values = [c * a * b for c, a, b in zip(chart._channels, self.lengths, across)]
        work = dict(layer_work(chart._param, net, size))
        self.work = [work[layer.name] for layer in chart._layers]
        self._work = np.array(self.work, float)
        self.cuts = chart.cuts(axis)
        # Sums up to each layer, so that those between two cuts are a difference.
        self._work_to = [0.0, *accumulate(self.work)]
        self._values_to = [
            0, *accumulate(sum(self.values[n] for n in nodes) for nodes in chart._made)
        ]  # fmt: skip
        self._again_to = [
            0, *accumulate(sum(self.values[n] for n in nodes) for nodes in chart.in_place)
        ]  # fmt: skip

    def strips(self) -> Strips | None:
        """The first rooms that hold all stages, and these."""
        if min(self.lengths[cut.node] for cut in self.cuts) < 1:
            return None
        for room, between in _ROOMS:
            path = self._path(room, between)
            if path:
                return self._along(path, room)
        return None

    def _load(self, a: int, b: int) -> _Load | None:
        start, end = self.cuts[a], self.cuts[b]
        span = self._chart.spans(self.axis, self.cuts, a)[b - a - 1]
        if span is None or len({self.lengths[n] for n in span.tops}) != 1:
            return None
        values = self.values[start.node]
        values += self._values_to[end.layer + 1] - self._values_to[start.layer + 1]
        again = self._again_to[end.layer + 1] - self._again_to[start.layer + 1]
        length = self.lengths[start.node]
        return _Load(
            span,
            length,
            self._work_to[end.layer + 1] - self._work_to[start.layer + 1],
            float(self._work @ span.fields),
            4 * OVERHEAD * values / length,
            4 * OVERHEAD * (values - again) / length,
        )

    def _path(self, room: float, between: float) -> list[int]:
        """The cuts with the least work that keep within memory; empty if none do."""
        best: list[tuple[float, int]] = [(0.0, -1)]
        stage = _A_STAGE * sum(self.work)
        for b in range(1, len(self.cuts)):
            found = (math.inf, -1)
            if b == len(self.cuts) - 1 or 4 * self.values[self.cuts[b].node] <= between:
                for a in range(b):
                    load = self._load(a, b) if best[a][0] < found[0] else None
                    fresh = load.fresh(room) if load is not None else 0
                    if load is not None and fresh:
                        found = min(found, (best[a][0] + load.work_with(fresh) + stage, a))
            best.append(found)
        if best[-1][0] == math.inf:
            return []
        path = [len(self.cuts) - 1]
        while path[-1]:
            path.append(best[path[-1]][1])
        return path[::-1]

    def _along(self, path: list[int], room: float) -> Strips:
        """The stages of a path."""
        chart = self._chart
        stages = []
        fullest = 0.0
        for a, b in pairwise(path):
            load = self._load(a, b)
            assert load is not None
            tops, source = load.span.tops, self.cuts[a].node
            fresh = load.fresh(room)
            strips = _strips(load, self.lengths[tops[0]], fresh)
            stages.append(
                Stage(
                    chart._graph.nodes[source].blob,
                    tuple(chart._graph.nodes[n].blob for n in tops),
                    tuple(chart._layers[self.cuts[a].layer + 1 : self.cuts[b].layer + 1]),
                    strips,
                    load.work_with(fresh),
                )
            )
            whole = {source, *tops} - {chart._first, *chart._wanted}
            longest = max(strip.last - strip.first for strip in strips)
            held = 4 * sum(self.values[n] for n in whole) + load.held * longest
            fullest = max(fullest, held)
        kept = self.values[chart._first] + 2 * sum(self.values[n] for n in chart._wanted)
        return Strips(self.axis, tuple(stages), int(4 * kept + fullest))


def _strips(load: _Load, count: int, fresh: int) -> tuple[Strip, ...]:
    """Strips of a stage whose tops have ``count`` units."""
    span, length = load.span, load.length
    jump = Fraction(span.reach.jump)
    each = count if fresh >= length else max(1, int(fresh / jump))
    each = -(-count // -(-count // each))  # no last strip much smaller than the others
    # Strips that begin on the grid of all layers are of one size, so that one session does.
    grid = int(span.steps / jump)
    if grid < each < count:
        each = each // grid * grid
    # In whole numbers of a unit of which all are multiples: strips may be thousands.
    exact = [Fraction(n) for n in (span.reach.start, jump, span.reach.field)]
    unit = math.lcm(*(n.denominator for n in exact))
    start, step, field = (n.numerator * (unit // n.denominator) for n in exact)
    strips = []
    for begin in range(0, count, each):
        end = min(begin + each, count)
        first = max(0, (start + begin * step) // unit // span.steps * span.steps)
        last = length
        if end < count:
            last = min(length, (start + (end - 1) * step + field) // unit)
        strips.append(Strip(first, last, begin, end, begin - first * unit // step))
    return tuple(strips)


def _channels(net: Net, blob: str) -> int:
    shape = net.blobs[blob].shape
    return int(shape[1]) if len(shape) > 1 else 1
