"""One net's backward: in which parts it is computed, and with whose memory."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from filterlab.caffe import device
from filterlab.caffe.blob import Blob, Shape, shape_text
from filterlab.caffe.errors import CaffeError
from filterlab.caffe.gradient import (
    GradientPlan,
    GradientRun,
    Needs,
    Version,
    WeightGradients,
    loss_weights,
)
from filterlab.caffe.plan import Memory
from filterlab.caffe.topology import Shapes, Topology

__all__ = ["RECTIFY", "Backward"]

#: What ``deconv_from_layer`` calls the ways in which a ReLU passes diffs on, and ours.
RECTIFY = {"Zeiler & Fergus": "deconv", "Guided Backprop": "guided"}

#: Compiled gradients of one net that are kept for their next use.
MOST_RUNS = 6


class Backward:
    """What a net needs to compute diffs; made at its first backward.

    Parameters
    ----------
    topology : Topology
    blobs, weights : the net's own, by name and by layer
    memory : Memory
        The net's masks and states.
    held : mapping of str to int
        Which layer wrote each blob last; the net keeps it up to date.
    """

    def __init__(
        self,
        topology: Topology,
        blobs: Mapping[str, Blob],
        weights: Sequence[Sequence[Blob]],
        memory: Memory,
        held: Mapping[str, int],
    ) -> None:
        self._topology = topology
        self._blobs = blobs
        self._weights = weights
        self._memory = memory
        self._held = held
        self.weights = WeightGradients(self._weight)
        self.needs = Needs(topology, [len(row) for row in weights])
        self._runs: OrderedDict[Any, GradientRun] = OrderedDict()
        self._shapes: tuple[Any, Shapes] | None = None
        for row in weights:
            for blob in row:
                # Somebody may hold a view from before.
                self.weights.watched |= blob._gradient.touched
                blob._look = self.weights.look

    def _weight(self, index: int, i: int) -> Blob:
        return self._weights[index][i]

    def _weight_shapes(self, index: int) -> list[Shape]:
        return [blob.shape for blob in self._weights[index]]

    def run(
        self,
        last: int,
        first: int,
        rectify: str,
        before: Sequence[Callable[[int], Any]],
        after: Sequence[Callable[[int], Any]],
    ) -> None:
        """Compute the diffs of layers ``last`` down to ``first``, both included."""
        given: set[Version] = set()
        for top, bottom in self._parts(last, first, bool(before or after)):
            for call in before:
                call(top)
            layer = self._topology.layers[top]
            if layer.host:
                if self.needs.layers[top]:
                    self._compute_host(top, given)
            else:
                self._compute(bottom, top, rectify, given)
            for call in after:
                call(top)

    def _parts(self, last: int, first: int, each: bool) -> list[tuple[int, int]]:
        """(last, first) of the runs that are computed as one."""
        parts: list[tuple[int, int]] = []
        for index in range(last, first - 1, -1):
            alone = each or self._topology.layers[index].host
            if alone or not parts or self._topology.layers[parts[-1][0]].host:
                parts.append((index, index))
            else:
                parts[-1] = (parts[-1][0], index)
        return parts

    def _inferred(self, last: int) -> Shapes:
        """Shapes of all layers up to ``last`` as the blobs lie now."""
        names = self._topology.read_from_outside(0, last)
        tops = [t for i in self._topology.cuts if i <= last for t in self._topology.layers[i].tops]
        sizes = tuple((name, self._blobs[name].shape) for name in (*names, *tops))
        weights = tuple(b.shape for row in self._weights[: last + 1] for b in row)
        key = (last, sizes, weights)
        if self._shapes is None or self._shapes[0] != key:
            shapes = self._topology.infer(dict(sizes), 0, last, self._weight_shapes, dict(sizes))
            self._shapes = key, shapes
        return self._shapes[1]

    def _compute(self, first: int, last: int, rectify: str, given: set[Version]) -> None:
        shapes = self._inferred(last)
        for layer in self._topology.layers[first : last + 1]:
            for top in layer.tops:
                if top in shapes.tops and self._blobs[top].shape != shapes.tops[top]:
                    raise CaffeError(
                        "backward(): blob '{top}' is {shape}, but for the present inputs "
                        "it is {tops}; run forward() first",
                        top=top,
                        shape=shape_text(self._blobs[top].shape),
                        tops=shape_text(shapes.tops[top]),
                    )
        held = {name: self._held.get(name, -1) for name in self._topology.rewritten}
        providers = device.providers()
        assert self._shapes is not None
        key = (first, last, self._shapes[0], tuple(held.values()), rectify, providers)
        run = self._runs.get(key)
        if run is None:
            plan = GradientPlan(
                self._topology, self.needs, shapes, first, last, {**self._held}, rectify
            )
            run = GradientRun(plan, providers, self._blobs, self._weight, self._memory)
            self._runs[key] = run
            if len(self._runs) > MOST_RUNS:
                self._runs.popitem(last=False)
        self._runs.move_to_end(key)
        again = [(v, self._blobs[v[0]].diff.copy()) for v in run.plan.diffs.values() if v in given]
        run.run()
        self.weights.add(run.plan, run.kept())
        for (name, _), earlier in again:
            self._blobs[name].diff[...] += earlier
        given.update(run.plan.diffs.values())

    def _compute_host(self, index: int, given: set[Version]) -> None:
        layer = self._topology.layers[index]
        wanted = self.needs.bottoms[index]
        blobs = [self._blobs[b] for b in layer.bottoms]
        versions = [(b, self._topology.made_by(b, index)) for b in layer.bottoms]
        again = [
            (blob, blob.diff.copy())
            for blob, version, want in zip(blobs, versions, wanted)
            if want and version in given
        ]
        layer.backward([self._blobs[t] for t in layer.tops], wanted, blobs)
        for blob, earlier in again:
            blob.diff[...] += earlier
        given.update(v for v, want in zip(versions, wanted) if want)

    def clear(self) -> None:
        """Set the diffs of all weights to zero."""
        self.weights.clear()
        for row in self._weights:
            clear_diffs(row)


def clear_diffs(row: Sequence[Blob]) -> None:
    """Set the diffs of blobs to zero."""
    for blob in row:
        if blob._gradient.touched:
            blob._gradient.flat[...] = 0


def start_losses(topology: Topology, blobs: Mapping[str, Blob]) -> None:
    """Give the losses' diffs the share that each has in the whole, as BVLC does."""
    for layer in topology.layers:
        for top, weight in zip(layer.tops, loss_weights(layer)):
            if weight:
                blobs[top]._fill_diff(weight)
