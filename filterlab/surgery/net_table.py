"""The body of a net as a table: each layer's shapes, weights, work, time, and where it looks.

Also of nets that cannot run: what is unknown stays None, and the row says why.
"""

from __future__ import annotations

import math
import os
import time
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from statistics import median
from typing import Any

import numpy as np

from filterlab.caffe import TEST, CaffeError, Net
from filterlab.caffe.caffemodel import read_weights
from filterlab.caffe.layers.base import Layer, WeightSpec, create_layer
from filterlab.caffe.proto import caffe_pb2
from filterlab.caffe.text import Text
from filterlab.caffe.topology import Topology, included
from filterlab.errors import FilterLabError
from filterlab.progress import Job, Progress
from filterlab.surgery.cost import macs_of_layer
from filterlab.surgery.geometry import Geometry, of_layers

__all__ = ["Fit", "NetTable", "Row", "Times", "check_runs", "fit_of", "net_table", "times_job"]

Shape = tuple[int, ...]


@dataclass(frozen=True)
class Row:
    """A layer.

    Attributes
    ----------
    name, type : str
    bottoms, tops : tuple of str
    shapes : tuple of Shape or None
        Of its tops; None where they are not known.
    weights : tuple of Shape or None
        None where they are not known; empty if it has none.
    parameters : int
        Values in its weights, without those that an earlier layer shares with it.
    macs : int or None
        Multiplications with addition of one pass, of convolutions and fully connected layers; 0
        for what else there is, None where the shapes are not known.
    geometry : Geometry or None
        Receptive field and stride of its first top, in pixels of the input; None where they
        cannot be told.
    problem : str
        Why it cannot be computed; empty if it can.
    seconds : float or None
        Measured time of one pass, once that is known.
    operation : str
        Of an Eltwise ``"sum"``, ``"prod"`` or ``"max"``; empty for other types.
    """

    name: str
    type: str
    bottoms: tuple[str, ...]
    tops: tuple[str, ...]
    shapes: tuple[Shape, ...] | None
    weights: tuple[Shape, ...] | None
    parameters: int
    macs: int | None
    geometry: Geometry | None
    problem: str = ""
    seconds: float | None = None
    operation: str = ""


@dataclass(frozen=True)
class NetTable:
    """A net, layer by layer.

    Attributes
    ----------
    name : str
        In its prototxt.
    inputs : dict of str to Shape
        What Input layers give, those without a known shape left out.
    outputs : dict of str to (Shape or None)
        Blobs that no layer reads.
    rows : tuple of Row
    blob_values : int
        Values in all blobs whose shape is known; a blob computed in place counts once.
    """

    name: str
    inputs: dict[str, Shape]
    outputs: dict[str, Shape | None]
    rows: tuple[Row, ...]
    blob_values: int

    @property
    def parameters(self) -> int:
        return sum(row.parameters for row in self.rows)

    @property
    def macs(self) -> int:
        """Multiplications with addition of one pass, as far as they are known."""
        return sum(row.macs or 0 for row in self.rows)

    @property
    def problems(self) -> list[str]:
        """Why the net cannot run; empty if its structure is sound."""
        return [row.problem for row in self.rows if row.problem]

    def timed(self, seconds: Sequence[float]) -> NetTable:
        """The same with the measured time of each layer, in order."""
        rows = tuple(replace(row, seconds=s) for row, s in zip(self.rows, seconds, strict=True))
        return replace(self, rows=rows)

    def row(self, name: str) -> Row:
        """The layer of a name.

        Raises
        ------
        FilterLabError
            If there is none.
        """
        for row in self.rows:
            if row.name == name:
                return row
        raise FilterLabError(
            "the net has no layer {name!r}; 'filterlab inspect' lists its layers", name=name
        )


def net_table(param: Any, phase: int = TEST) -> NetTable:
    """The table of a net; nothing is computed and no memory taken for blobs.

    Parameters
    ----------
    param : NetParameter
        In today's form, as :func:`filterlab.caffe.prototxt.read_net` gives it.
    phase : int
        Which layers count, ``TEST`` or ``TRAIN``.
    """
    walk = _Walk(param, phase)
    where = of_layers(walk.followable)
    rows = []
    for p, known in zip(walk.layers, walk.known):
        first = (str(p.name), str(p.top[0])) if len(p.top) else ("", "")
        rows.append(
            Row(
                str(p.name), known.type, tuple(p.bottom), tuple(p.top), known.tops, known.weights,
                known.parameters, known.macs, where.get(first), known.problem,
                operation=_operation(p),
            )
        )  # fmt: skip
    outputs = {name: walk.shapes.get(name) for name in sorted(walk.open_ends)}
    values = sum(math.prod(shape) for shape in walk.shapes.values() if shape is not None)
    return NetTable(str(param.name), walk.inputs, outputs, tuple(rows), values)


def _operation(param: Any) -> str:
    """What an Eltwise does with its bottoms, as its prototxt writes it, in small letters."""
    if param.type != "Eltwise":
        return ""
    kinds = param.eltwise_param.DESCRIPTOR.fields_by_name["operation"].enum_type
    return str(kinds.values_by_number[param.eltwise_param.operation].name).lower()


def check_runs(param: Any, phase: int = TEST) -> None:
    """Refuse a net whose structure is not sound, as :class:`filterlab.caffe.Net` would.

    Raises
    ------
    CaffeError
        Naming layer, blob and numbers.
    """
    topology = Topology(param, phase)
    topology.infer(topology.initial_shapes())


@dataclass
class _Known:
    """What is known of a layer."""

    type: str
    tops: tuple[Shape, ...] | None = None
    weights: tuple[Shape, ...] | None = None
    parameters: int = 0
    macs: int | None = None
    problem: str = ""


class _Walk:
    """Goes through the layers and passes shapes on as far as they are known."""

    def __init__(self, param: Any, phase: int) -> None:
        state: Any = caffe_pb2.NetState()
        state.CopyFrom(param.state)
        state.phase = phase
        self.phase = phase
        self.layers = [p for p in param.layer if included(p, state)]
        self.shapes: dict[str, Shape | None] = {}
        self.inputs: dict[str, Shape] = {}
        self.open_ends: set[str] = set()
        self.known: list[_Known] = []
        self._owners: set[str] = set()
        #: The layers whose tops are known, as a net.
        self.followable = caffe_pb2.NetParameter()
        for p in self.layers:
            self.known.append(self._layer(p))

    def _layer(self, p: Any) -> _Known:
        known = _Known(str(p.type))
        missing = [b for b in p.bottom if b not in self.shapes]
        before = [self.shapes.get(b) for b in p.bottom]
        self.open_ends.difference_update(p.bottom)
        self.open_ends.update(p.top)
        try:
            layer = create_layer(p, p.phase if p.HasField("phase") else self.phase)
            known.type = str(layer.param.type)
            if missing:
                layer.fail(
                    "bottom blob '{bottom}' is no top of an earlier layer{hint}",
                    bottom=missing[0],
                    hint="",
                )
            if all(shape is not None for shape in before):
                self._shape(layer, [shape for shape in before if shape is not None], known)
        except CaffeError as error:
            known.problem = error.message
        tops = known.tops or (None,) * len(p.top)
        if known.tops is not None:
            self.followable.layer.add().CopyFrom(p)
        self.shapes.update(zip(p.top, tops))
        if p.type == "Input":
            self.inputs.update((top, shape) for top, shape in zip(p.top, tops) if shape is not None)
        return known

    def _shape(self, layer: Layer, bottoms: list[Shape], known: _Known) -> None:
        tops = layer.reshape([] if layer.is_source else bottoms)
        specs: list[WeightSpec] = [] if layer.is_source else layer.weight_specs(bottoms)
        known.tops = tuple(tuple(shape) for shape in tops)
        known.weights = tuple(spec.shape for spec in specs)
        for i, spec in enumerate(specs):
            given = layer.param.param[i].name if i < len(layer.param.param) else ""
            if not given or given not in self._owners:
                known.parameters += math.prod(spec.shape)
            if given:
                self._owners.add(given)
        known.macs = macs_of_layer(
            known.type,
            known.weights,
            bottoms[0] if bottoms else (),
            known.tops[0] if known.tops else (),
        )


# --- the weights --------------------------------------------------------------------------------


@dataclass(frozen=True)
class Fit:
    """How a weights file fits a net.

    Attributes
    ----------
    file : str
    filled, missing, unused : tuple of str
        Layers that it fills, that it does not have, and that the net does not have.
    differ : dict
        Layer -> (the net's shapes, the file's), where they are not the same.
    not_finite : tuple of str
        Layers with NaN or infinity.
    """

    file: str
    filled: tuple[str, ...]
    missing: tuple[str, ...]
    differ: dict[str, tuple[tuple[Shape, ...], tuple[Shape, ...]]]
    unused: tuple[str, ...]
    not_finite: tuple[str, ...] = field(default=())


def fit_of(table: NetTable, path: str | os.PathLike[str]) -> Fit:
    """How a weights file fits a net.

    Raises
    ------
    CaffeError
        If it is no weights file.
    """
    stored = read_weights(path, mapped=False)
    wanted = {row.name: row.weights for row in table.rows if row.weights}

    def plain(shape: Sequence[int]) -> Shape:
        """Without leading ones, by which old files pad shapes to four axes."""
        kept = list(shape)
        while kept and kept[0] == 1:
            del kept[0]
        return tuple(kept)

    found = {name: tuple(np.shape(array) for array in arrays) for name, arrays in stored.items()}
    differ = {
        name: (shapes, found[name])
        for name, shapes in wanted.items()
        if name in found and [*map(plain, found[name])] != [*map(plain, shapes)]
    }
    return Fit(
        os.fspath(path),
        tuple(name for name in wanted if name in stored and name not in differ),
        tuple(name for name in wanted if name not in stored),
        differ,
        tuple(name for name in stored if name not in wanted),
        tuple(
            name
            for name, arrays in stored.items()
            if not all(np.isfinite(array).all() for array in arrays)
        ),
    )


# --- the time -----------------------------------------------------------------------------------


@dataclass(frozen=True)
class Times:
    """What a net takes, medians over passes.

    Attributes
    ----------
    layers : tuple of float
        Seconds of each layer, computed one by one.
    whole : float
        Seconds of a pass of the whole net. It is less than their sum: in one piece a net is
        computed with activations and sums fused into the convolutions before them.
    passes : int
    """

    layers: tuple[float, ...]
    whole: float
    passes: int


def times_job(net: Net, passes: int = 5) -> Job[Times]:
    """Measure each layer of a net on the inputs that its blobs hold.

    Runs on a snapshot; the net itself is left as it is. A first pass, which prepares, does not
    count.

    Raises
    ------
    CaffeError
        If the net cannot run.
    """
    total = 2 * (passes + 1)
    twin = net.snapshot(share_weights=True)
    twin.packing = "never"
    taken: list[float] = []
    for i in range(passes + 1):
        yield Progress(Text("time the whole net"), i, total)
        start = time.perf_counter()
        twin.forward()
        taken.append(time.perf_counter() - start)
    begun = 0.0
    rows: list[list[float]] = [[] for _ in twin.layers]

    def begin(_: int) -> None:
        nonlocal begun
        begun = time.perf_counter()

    def end(index: int) -> None:
        rows[index].append(time.perf_counter() - begun)

    twin.before_forward(begin)
    twin.after_forward(end)
    for i in range(passes + 1):
        yield Progress(Text("time the layers"), passes + 1 + i, total)
        twin.forward()
    return Times(tuple(median(row[1:]) for row in rows), median(taken[1:]), passes)
