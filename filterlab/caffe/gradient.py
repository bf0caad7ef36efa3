"""The gradient of a run of layers: ONNX models of their own, made when a net first goes back.

Two models share the work. The first gives the diffs of the blobs, from those of the tops. The
second gives those of the weights, which are summed up over all backwards until they are cleared;
as long as nobody has looked at any, what it reads is only kept, for it would take longer than all
the rest.

Which layers take part, and which diffs are computed, follows BVLC's rules (:class:`Needs`).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from filterlab.caffe import device
from filterlab.caffe.blob import Blob, Shape, aligned
from filterlab.caffe.errors import CaffeError
from filterlab.caffe.graph import Graph
from filterlab.caffe.layers import Layer, Reverse
from filterlab.caffe.plan import Memory, make_session, what_failed
from filterlab.caffe.topology import Shapes, Topology

__all__ = ["GradientPlan", "GradientRun", "Needs", "Version", "WeightGradients"]

Floats = npt.NDArray[np.float32]

#: A blob, and the layer whose work on it is meant: working in place makes several of one.
Version = tuple[str, int]

#: Bytes kept of what weights' gradients need, before they are computed after all.
MOST_KEPT = 128 << 20


class Needs:
    """Which layers take part in a backward, and which of their bottoms get a diff.

    Attributes
    ----------
    layers : list of bool
    bottoms : list of list of bool

    Parameters
    ----------
    topology : Topology
    weights : sequence of int
        How many weights each layer has.
    """

    def __init__(self, topology: Topology, weights: Sequence[int]) -> None:
        layers = topology.layers
        self._layers = layers
        self._forced = forced = topology.param.force_backward
        self.layers: list[bool] = []
        self.bottoms: list[list[bool]] = []
        # Like the layers that BVLC would insert, a blob needs a diff if what made it does.
        needing: dict[str, bool] = {}
        for layer, count in zip(layers, weights):
            bottoms = [
                needing.get(b, False) and _propagates(layer, i) for i, b in enumerate(layer.bottoms)
            ]
            need = any(needing.get(b, False) for b in layer.bottoms) or any(
                _learns(layer, i) for i in range(count)
            )
            self.bottoms.append(bottoms)
            self.layers.append(need)
            needing.update(dict.fromkeys(layer.tops, need))
        self._leave_out_what_no_loss_sees(topology)
        if forced:
            for i, layer in enumerate(layers):
                self.layers[i] = not layer.is_source
                self.bottoms[i] = [
                    need or layer.allows_backward(j) for j, need in enumerate(self.bottoms[i])
                ]

    def _leave_out_what_no_loss_sees(self, topology: Topology) -> None:
        seen: set[str] = set()
        skipped: dict[str, bool] = {}
        for i in range(len(topology.layers) - 1, -1, -1):
            layer = topology.layers[i]
            losses = loss_weights(layer)
            contributes = any(w or t in seen for t, w in zip(layer.tops, losses))
            skip = all(skipped.get(t, False) for t in layer.tops) and bool(layer.tops)
            if not contributes or skip:
                self.layers[i] = False
                self.bottoms[i] = [False] * len(layer.bottoms)
            for bottom, need in zip(layer.bottoms, self.bottoms[i]):
                if contributes:
                    seen.add(bottom)
                skipped[bottom] = skipped.get(bottom, True) and not need

    def weight(self, layer: int, i: int) -> bool:
        """Whether a weight gets a diff."""
        return self._forced or _learns(self._layers[layer], i)


def loss_weights(layer: Layer) -> list[float]:
    """Each top's share in the loss that training minimizes: 0 for all but losses."""
    given = list(layer.param.loss_weight)
    if not given and layer.param.type.endswith("Loss"):
        given = [1.0]
    return (given + [0.0] * len(layer.tops))[: len(layer.tops)]


def _propagates(layer: Layer, bottom: int) -> bool:
    told = layer.param.propagate_down
    if bottom < len(told):
        return bool(told[bottom])
    return layer.allows_backward(bottom)


def _learns(layer: Layer, weight: int) -> bool:
    specs = layer.param.param
    return weight >= len(specs) or specs[weight].lr_mult != 0


class Kept(NamedTuple):
    """What a weight's gradient reads: the input of the second model, and where it is found."""

    name: str
    kind: str  # "data" and "diff" of a blob, or "out" of the first model
    source: str
    shape: Shape


def longer(shape: Shape, times: int) -> Shape:
    """The shape of so many values laid one after the other along their first axis."""
    return (shape[0] * times, *shape[1:]) if shape else shape


class GradientPlan:
    """The two models for layers ``first`` to ``last``, for given shapes.

    Holds nothing that belongs to one net.

    Parameters
    ----------
    topology : Topology
    needs : Needs
    shapes : Shapes
        Of all layers up to ``last``.
    first, last : int
    held : mapping of str to int
        For each blob the layer that wrote it last, -1 for none: which version its memory holds.
    rectify : str
        See :class:`filterlab.caffe.layers.Reverse`.

    Attributes
    ----------
    diffs : dict
        Output -> (blob, version) for each diff that the first model computes.
    """

    def __init__(
        self,
        topology: Topology,
        needs: Needs,
        shapes: Shapes,
        first: int,
        last: int,
        held: Mapping[str, int],
        rectify: str,
    ) -> None:
        self._topology = topology
        self._needs = needs
        self._shapes = shapes
        self._held = held
        self._before, self._sizes = self._versions(last)
        self._graph = g = Graph(replay=True)
        self._rectify = rectify
        self._values: dict[Version, str] = {}
        #: Inputs of the first model: name -> blob, for data and for diffs; weights.
        self.data: dict[str, str] = {}
        self.roots: dict[str, str] = {}
        self.weights: dict[str, tuple[int, int]] = {}
        self.second_weights: dict[str, tuple[int, int]] = {}
        self.kept: list[Kept] = []
        #: Outputs of the second model: (layer, weight) of each.
        self.weight_diffs: dict[str, tuple[int, int]] = {}
        self.weights_matter = False
        sums: dict[Version, list[str]] = {}
        totals: dict[Version, str] = {}
        work: list[tuple[int, list[str]]] = []
        for index in range(last, first - 1, -1):
            layer = topology.layers[index]
            if layer.is_source or not needs.layers[index]:
                continue
            diffs = [self._diff(sums, totals, (t, index)) for t in layer.tops]
            g.layer = layer.name
            reverse = self._reverse(g, index, diffs, needs.bottoms[index], rectify)
            if any(needs.bottoms[index]):
                bottoms = layer.emit_gradient(g, reverse)
                for name, version, diff, wanted in zip(
                    layer.bottoms, self._before[index], bottoms, needs.bottoms[index]
                ):
                    if wanted and diff is not None:
                        sums.setdefault((name, version), []).append(diff)
            if any(needs.weight(index, i) for i in range(len(shapes.weights[index]))):
                work.append((index, diffs))
        self.diffs: dict[str, Version] = {}
        final: dict[str, int] = {}
        for name, version in sums:
            final[name] = min(version, final.get(name, version))
        for name, version in final.items():
            total = self._diff(sums, totals, (name, version))
            g.add_output(f"diff:{name}", total, self._sizes[name, version])
            self.diffs[f"diff:{name}"] = (name, version)
        self._final = {version: name for name, version in self.diffs.items()}
        self._kept_as: dict[tuple[str, Version], Kept] = {}
        self._work = work
        #: Whether several backwards' weights' gradients are one's with a longer batch.
        self.joins = all(
            topology.layers[index].batch_is_outermost(shapes.bottoms[index]) for index, _ in work
        )
        second = self._second_model(1)
        #: Masks and states of the last forward that the second model reads once more.
        self.remembered_for_weights = second.remembered
        self._first_session: Any = None
        self._second_sessions: dict[int, Any] = {}

    def _versions(self, last: int) -> tuple[list[list[int]], dict[Version, Shape]]:
        """For each layer the versions of its bottoms; the shapes of all versions."""
        now: dict[str, int] = {}
        before: list[list[int]] = []
        sizes: dict[Version, Shape] = {}
        for index, layer in enumerate(self._topology.layers[: last + 1]):
            before.append([now.get(b, -1) for b in layer.bottoms])
            for bottom, version, shape in zip(
                layer.bottoms, before[-1], self._shapes.bottoms[index]
            ):
                sizes[bottom, version] = shape
            for top, shape in zip(layer.tops, self._shapes.made[index]):
                now[top] = -1 if layer.is_source else index
                sizes[top, now[top]] = shape
        return before, sizes

    # -- the first model ---------------------------------------------------------------------
    def _diff(
        self, sums: dict[Version, list[str]], totals: dict[Version, str], version: Version
    ) -> str:
        """The diff of a version: what its readers gave, or what lies in the blob's memory."""
        known = totals.get(version)
        if known is None:
            parts = sums.get(version)
            if parts is None:
                name = f"root:{version[0]}"
                if name not in self.roots:
                    self.roots[name] = version[0]
                    self._graph.add_input(name, self._sizes[version])
                known = name
            else:
                known = parts[0]
                for part in parts[1:]:
                    known = self._graph.op("Add", [known, part])
            totals[version] = known
        return known

    def _reverse(
        self, g: Graph, index: int, diffs: list[str], wanted: list[bool], rectify: str
    ) -> Reverse:
        layer = self._topology.layers[index]

        def bottom(i: int) -> str:
            return self._value((layer.bottoms[i], self._before[index][i]))

        def top(i: int) -> str:
            return self._value((layer.tops[i], index))

        return Reverse(
            self._shapes.bottoms[index],
            self._shapes.made[index],
            diffs,
            self._weights_of(g, self.weights, index),
            wanted,
            bottom,
            top,
            rectify,
        )

    def _weights_of(self, g: Graph, known: dict[str, tuple[int, int]], index: int) -> list[str]:
        names = []
        for i, spec in enumerate(self._shapes.weights[index]):
            name = f"w:{index}:{i}"
            if name not in known:
                known[name] = (index, i)
                g.add_weight(name, spec.shape)
            names.append(name)
        return names

    def _value(self, version: Version) -> str:
        """A version's values: from the blob's memory, or computed once more."""
        known = self._values.get(version)
        if known is not None:
            return known
        name, index = version
        g = self._graph
        # Memory that holds another version of what was fed into the net is all that is left.
        if index == -1 or self._is_held(name, index):
            known = f"in:{name}"
            if known not in self.data:
                self.data[known] = name
                g.add_input(known, self._sizes[version])
            self._values[version] = known
            return known
        layer, was = self._topology.layers[index], g.layer
        bottoms = [self._value((b, v)) for b, v in zip(layer.bottoms, self._before[index])]
        g.layer = layer.name
        tops = layer.emit(
            g, bottoms, self._shapes.bottoms[index], self._weights_of(g, self.weights, index)
        )
        g.layer = was
        for top, value in zip(layer.tops, tops):
            self._values.setdefault((top, index), value)
        return self._values[version]

    def _is_held(self, name: str, index: int) -> bool:
        """Whether a blob's memory holds what a layer made, or layers that changed nothing did."""
        held = self._held.get(name, -1)
        while held > index and held < len(self._before):
            layer = self._topology.layers[held]
            place = layer.tops.index(name)
            made = layer.emit(
                Graph(),
                list(layer.bottoms),
                self._shapes.bottoms[held],
                [""] * len(self._shapes.weights[held]),
            )
            if made[place] != name:
                return False
            held = self._before[held][layer.bottoms.index(name)]
        return held == index

    # -- the second model --------------------------------------------------------------------
    def _second_model(self, times: int) -> Graph:
        """The weights' gradients of so many backwards, laid one after the other as one batch."""
        g = Graph(replay=True)
        known: dict[str, tuple[int, int]] = {}
        for index, diffs in self._work:
            self._weight_gradient(g, known, index, diffs, times)
        self.second_weights = known
        return g

    def _weight_gradient(
        self, g: Graph, known: dict[str, tuple[int, int]], index: int, diffs: list[str], times: int
    ) -> None:
        layer = self._topology.layers[index]
        g.layer = layer.name

        def read(what: str, version: Version, diff: str = "") -> str:
            kept = self._keep(what, version, diff)
            g.add_input(kept.name, longer(kept.shape, times))
            return kept.name

        reverse = Reverse(
            [longer(shape, times) for shape in self._shapes.bottoms[index]],
            [longer(shape, times) for shape in self._shapes.made[index]],
            [read("diff", (top, index), diff) for top, diff in zip(layer.tops, diffs)],
            self._weights_of(g, known, index) if layer.weights_in_gradient else [],
            self._needs.bottoms[index],
            lambda i: read("value", (layer.bottoms[i], self._before[index][i])),
            lambda i: read("value", (layer.tops[i], index)),
            self._rectify,
        )
        self.weights_matter |= layer.weights_in_gradient
        gradients = layer.emit_weight_gradient(g, reverse)
        for i, (value, spec) in enumerate(zip(gradients, self._shapes.weights[index])):
            if not self._needs.weight(index, i):
                continue
            name = f"gradient:{index}:{i}"
            g.add_output(name, value, spec.shape)
            self.weight_diffs[name] = (index, i)

    def _keep(self, what: str, version: Version, diff: str) -> Kept:
        """Where the second model finds a version's values or diff."""
        known = self._kept_as.get((what, version))
        if known is not None:
            return known
        shape = self._sizes[version]
        name = f"kept:{len(self.kept)}"
        value = self._value(version) if what == "value" else diff
        if value in self.data:
            kept = Kept(name, "data", self.data[value], shape)
        elif value in self.roots and self.roots[value] not in (n for n, _ in self.diffs.values()):
            kept = Kept(name, "diff", self.roots[value], shape)
        elif what == "diff" and version in self._final:
            kept = Kept(name, "diff", version[0], shape)
        else:
            kept = Kept(name, "out", f"out:{name}", shape)
            self._graph.add_output(f"out:{name}", value, shape)
        self.kept.append(kept)
        self._kept_as[what, version] = kept
        return kept

    def session(self, providers: Any) -> Any:
        """The first model, ready to run; None if it has nothing to compute."""
        outs = any(kept.kind == "out" for kept in self.kept)
        if self._first_session is None and (self.diffs or outs):
            self._first_session = make_session(self._graph.model(), providers)
        return self._first_session

    def weight_session(self, providers: Any, times: int = 1) -> Any:
        """The second model for so many backwards at once, ready to run."""
        if times not in self._second_sessions:
            for other in [n for n in self._second_sessions if n > 1]:
                del self._second_sessions[other]
            model = self._second_model(times).model()
            self._second_sessions[times] = make_session(model, providers)
        return self._second_sessions[times]

    @property
    def remembered(self) -> dict[str, Shape]:
        """Masks and states of the last forward that the first model reads once more."""
        return self._graph.remembered


class GradientRun:
    """One net's blobs tied to a :class:`GradientPlan`."""

    def __init__(
        self,
        plan: GradientPlan,
        providers: Any,
        blobs: Mapping[str, Blob],
        weight: Callable[[int, int], Blob],
        memory: Memory,
    ) -> None:
        self.plan = plan
        self._session = plan.session(providers)
        self._blobs = blobs
        self._weight = weight
        written = {name for name, _ in plan.diffs.values()}
        self._copies = {
            name: _room(blobs[blob].shape) for name, blob in plan.roots.items() if blob in written
        }
        self._outs = {k.source: _room(k.shape) for k in plan.kept if k.kind == "out"}
        self._all_memory = memory
        self._memory = {n: memory.room(n, shape) for n, shape in plan.remembered.items()}
        self._binding: Any = None
        self._pointers: list[int] = []
        self._keep: list[Any] = []

    def _tied(self) -> list[Any]:
        blobs = self._blobs
        return [
            *(blobs[blob]._storage for blob in self.plan.data.values()),
            *(self._weight(*place)._storage for place in self.plan.weights.values()),
            *(blobs[blob]._gradient for blob in self.plan.roots.values()),
            *(blobs[name]._gradient for name, _ in self.plan.diffs.values()),
        ]

    def run(self) -> None:
        """Compute the diffs, into the blobs' own memory."""
        if self._session is None:
            return
        for blob in self.plan.data.values():
            self._blobs[blob]._storage.ready()
        tied = self._tied()
        pointers = [storage.pointer for storage in tied]
        if pointers != self._pointers:
            self._bind()
            self._pointers, self._keep = pointers, tied
        for name, copy in self._copies.items():
            np.copyto(copy, self._blobs[self.plan.roots[name]].diff)
        try:
            self._session.run_with_iobinding(self._binding)
        except Exception as err:
            raise CaffeError(what_failed(err)) from None

    def _bind(self) -> None:
        binding = self._session.io_binding()
        plan, blobs = self.plan, self._blobs

        def take(name: str, shape: Shape, pointer: int) -> None:
            binding.bind_input(name, "cpu", 0, np.float32, shape, pointer)

        def give(name: str, shape: Shape, pointer: int) -> None:
            binding.bind_output(name, "cpu", 0, np.float32, shape, pointer)

        for name, blob in plan.data.items():
            take(name, blobs[blob].shape, blobs[blob]._storage.pointer)
        for name, place in plan.weights.items():
            weight = self._weight(*place)
            take(name, weight.shape, weight._storage.pointer)
        for name, blob in plan.roots.items():
            copy = self._copies.get(name)
            gradient = blobs[blob]._gradient.pointer
            take(name, blobs[blob].shape, gradient if copy is None else copy.ctypes.data)
        for name, array in self._memory.items():
            take(name, array.shape, array.ctypes.data)
        for name, (blob, _) in plan.diffs.items():
            give(name, blobs[blob].shape, blobs[blob]._gradient.pointer)
        for name, array in self._outs.items():
            give(name, array.shape, array.ctypes.data)
        self._binding = binding

    def kept(self) -> dict[str, Floats]:
        """What the weights' gradients read, as it lies now; copy what is to last."""
        found = {}
        for kept in self.plan.kept:
            if kept.kind == "out":
                found[kept.name] = self._outs[kept.source]
            else:
                blob = self._blobs[kept.source]
                found[kept.name] = blob._values() if kept.kind == "data" else blob.diff
        for name, shape in self.plan.remembered_for_weights.items():
            found[name] = self._all_memory.room(name, shape)
        return found


class WeightGradients:
    """The diffs of one net's weights: summed up at once, or kept until somebody looks."""

    def __init__(self, weight: Callable[[int, int], Blob]) -> None:
        self._weight = weight
        self._waiting: dict[GradientPlan, list[dict[str, Floats]]] = {}
        self._bytes = 0
        #: Whether somebody has looked, so that views of the diffs may be held.
        self.watched = False

    def add(self, plan: GradientPlan, kept: dict[str, Floats]) -> None:
        """Add one backward's gradients."""
        if not plan.weight_diffs:
            return
        if self.watched or plan.weights_matter:
            self._sum_up(plan, kept, 1)
            return
        copies = {name: array.copy() for name, array in kept.items()}
        self._waiting.setdefault(plan, []).append(copies)
        self._bytes += sum(array.nbytes for array in copies.values())
        if self._bytes > MOST_KEPT:
            self.settle()

    def look(self) -> None:
        """Compute all that waits, and from now on at once."""
        self.watched = True
        self.settle()

    def settle(self) -> None:
        """Compute all that waits."""
        waiting, self._waiting, self._bytes = self._waiting, {}, 0
        for plan, all_kept in waiting.items():
            if plan.joins and len(all_kept) > 1:
                joined = {k: np.concatenate([kept[k] for kept in all_kept]) for k in all_kept[0]}
                self._sum_up(plan, joined, len(all_kept))
                continue
            for kept in all_kept:
                self._sum_up(plan, kept, 1)

    def clear(self) -> None:
        """Forget all that waits."""
        self._waiting, self._bytes = {}, 0

    def _sum_up(self, plan: GradientPlan, kept: dict[str, Floats], times: int) -> None:
        session = plan.weight_session(device.providers(), times)
        feeds = {
            **kept,
            **{name: self._weight(*place).data for name, place in plan.second_weights.items()},
        }
        used = {value.name for value in session.get_inputs()}
        names = list(plan.weight_diffs)
        try:
            found: Sequence[Floats] = session.run(
                names, {name: array for name, array in feeds.items() if name in used}
            )
        except Exception as err:
            raise CaffeError(what_failed(err)) from None
        for name, gradient in zip(names, found):
            diff = self._weight(*plan.weight_diffs[name])._gradient
            diff.flat[...] += gradient.reshape(-1)


def _room(shape: Shape) -> Floats:
    return aligned(int(np.prod(shape))).reshape(shape)
