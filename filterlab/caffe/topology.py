"""Which layers a net has, how they are wired, and what shapes follow from its inputs."""

from __future__ import annotations

import difflib
import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from filterlab.caffe.blob import Shape, check_shape, shape_text
from filterlab.caffe.errors import CaffeError
from filterlab.caffe.layers import Layer, WeightSpec, create_layer
from filterlab.caffe.layers.base import product
from filterlab.caffe.proto import caffe_pb2
from filterlab.caffe.text import Text

__all__ = ["Shapes", "Topology", "included", "memory_limit"]


def memory_limit() -> int:
    """Bytes that all blobs and weights of one net may take: this machine's memory.

    ``FILTERLAB_MEMORY`` (in MiB) overrides it; 16 GiB where the memory's size is unknown.
    """
    override = os.environ.get("FILTERLAB_MEMORY", "")
    if override.isdigit():
        return int(override) * 2**20
    try:
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (AttributeError, ValueError, OSError):
        return 16 * 2**30


def _bytes_text(count: float) -> str:
    for unit in ("bytes", "KiB", "MiB"):
        if count < 1024:
            return f"{count:.3g} {unit}"
        count /= 1024
    return f"{count:.3g} GiB"


def _meets(state: Any, rule: Any) -> bool:
    stages = set(state.stage)
    return (
        (not rule.HasField("phase") or rule.phase == state.phase)
        and (not rule.HasField("min_level") or state.level >= rule.min_level)
        and (not rule.HasField("max_level") or state.level <= rule.max_level)
        and all(stage in stages for stage in rule.stage)
        and not any(stage in stages for stage in rule.not_stage)
    )


def included(layer: Any, state: Any) -> bool:
    """Whether a LayerParameter's include and exclude rules let it into a net of this state.

    Raises
    ------
    CaffeError
        If it has rules of both kinds.
    """
    if len(layer.include) and len(layer.exclude):
        raise CaffeError(
            "layer '{layer}' has both include and exclude rules; keep one kind", layer=layer.name
        )
    if len(layer.include):
        return any(_meets(state, rule) for rule in layer.include)
    return not any(_meets(state, rule) for rule in layer.exclude)


@dataclass
class Shapes:
    """What follows from the inputs for a run of layers.

    Attributes
    ----------
    bottoms : list of list of Shape
        For each layer, in the order of the run.
    made : list of list of Shape
        Tops of each layer.
    tops : dict
        The last shape of every blob that the run produces.
    weights : list of list of WeightSpec
        For each layer.
    """

    bottoms: list[list[Shape]] = field(default_factory=list)
    tops: dict[str, Shape] = field(default_factory=dict)
    made: list[list[Shape]] = field(default_factory=list)
    weights: list[list[WeightSpec]] = field(default_factory=list)


class Topology:
    """The layers of a net in one state; never changes, so that nets can share it.

    Attributes
    ----------
    param : NetParameter
        With only the layers of this state.
    layers : list of Layer
    blobs : list of str
        In the order in which they first appear.
    inputs, outputs : list of str
        Blobs of Input layers; blobs that no layer reads, sorted, as in pycaffe.
    """

    def __init__(self, param: Any, phase: int, level: int = 0, stages: Sequence[str] = ()) -> None:
        self.phase = phase
        state: Any = caffe_pb2.NetState()
        state.CopyFrom(param.state)
        state.phase = phase
        if level:
            try:
                state.level = int(level)
            except ValueError:
                raise CaffeError("Net(…): level {level} lies beyond 32 bits", level=level) from None
        try:
            state.stage.extend(stages)
        except TypeError:
            raise CaffeError(
                "Net(…): stages must be a list of names such as ['deploy'], not {stages!r}",
                stages=stages,
            ) from None
        self.param = caffe_pb2.NetParameter()
        self.param.CopyFrom(param)
        self.param.state.CopyFrom(state)
        del self.param.layer[:]
        self.param.layer.extend(layer for layer in param.layer if included(layer, state))
        if not len(self.param.layer):
            raise CaffeError(
                Text("the net has no layers")
                if not len(param.layer)
                else Text(
                    "the include and exclude rules leave no layer of the net; try another phase"
                )
            )
        self.layers: list[Layer] = []
        self.blobs: list[str] = []
        self.inputs: list[str] = []
        self._wire()
        self.shared = self._shared_weights()
        #: Layers that are computed in Python, between which the net is cut.
        self.cuts = [i for i, layer in enumerate(self.layers) if layer.host]
        #: Layers that hand out arrays of the net's.
        self.batched = [i for i, a in enumerate(self.layers) if a.param.type == "MemoryData"]
        #: Blobs that some layer computes in place.
        self.rewritten = list(
            dict.fromkeys(t for layer in self.layers for t in layer.tops if t in layer.bottoms)
        )

    def _wire(self) -> None:
        names: dict[str, bool] = {}  # whether one of this name has weights
        open_ends: set[str] = set()
        for p in self.param.layer:
            layer = create_layer(p, p.phase if p.HasField("phase") else self.phase)
            # BVLC runs nets with names given twice; of weights it would not know whose they are.
            weighted = layer.has_weights()
            if p.name in names and (weighted or names[p.name]):
                raise CaffeError(
                    "two layers are named '{layer}'; every layer needs its own name", layer=p.name
                )
            names[p.name] = weighted
            for bottom in layer.bottoms:
                if bottom not in self.blobs:
                    near = difflib.get_close_matches(bottom, self.blobs, 1)
                    hint = Text("; did you mean '{name}'?", name=near[0]) if near else ""
                    layer.fail(
                        "bottom blob '{bottom}' is no top of an earlier layer{hint}",
                        bottom=bottom,
                        hint=hint,
                    )
                open_ends.discard(bottom)
            for i, top in enumerate(layer.tops):
                in_place = i < len(layer.bottoms) and layer.bottoms[i] == top
                if top in self.blobs and not in_place:
                    layer.fail(
                        "top blob '{blob}' is already produced by an earlier layer; "
                        "rename it (only the same blob as bottom and top works in place)",
                        blob=top,
                    )
                if top not in self.blobs:
                    self.blobs.append(top)
                open_ends.add(top)
                if p.type == "Input":
                    self.inputs.append(top)
            self.layers.append(layer)
        self.outputs = sorted(open_ends)

    def _shared_weights(self) -> dict[tuple[int, int], tuple[int, int]]:
        """(layer, weight) -> (layer, weight) that owns the memory, by ``param { name: … }``."""
        owners: dict[str, tuple[int, int]] = {}
        shared = {}
        for index, layer in enumerate(self.layers):
            for i, spec in enumerate(layer.param.param):
                if spec.name:
                    owner = owners.setdefault(spec.name, (index, i))
                    if owner != (index, i):
                        shared[index, i] = owner
        return shared

    def index(self, name: str) -> int:
        """The place of a layer.

        Raises
        ------
        CaffeError
            If there is none of this name.
        """
        for i, layer in enumerate(self.layers):
            if layer.name == name:
                return i
        near = difflib.get_close_matches(str(name), [layer.name for layer in self.layers], 1)
        hint = Text("; did you mean '{name}'?", name=near[0]) if near else ""
        raise CaffeError("the net has no layer '{name}'{hint}", name=name, hint=hint)

    def read_from_outside(self, start: int, end: int) -> list[str]:
        """Blobs that layers ``start`` to ``end`` read or hold but do not compute."""
        made: set[str] = set()
        outside: dict[str, None] = {}
        for layer in self.layers[start : end + 1]:
            if layer.is_source:
                outside.update(dict.fromkeys(layer.tops))
            else:
                outside.update((b, None) for b in layer.bottoms if b not in made)
                made.update(layer.tops)
        return list(outside)

    def made_by(self, blob: str, before: int) -> int:
        """The last layer before ``before`` that computes a blob; -1 if none does."""
        for index in range(before - 1, -1, -1):
            if blob in self.layers[index].tops:
                return -1 if self.layers[index].is_source else index
        return -1

    def initial_shapes(self) -> dict[str, Shape]:
        """Shapes of the source layers' tops as the prototxt says."""
        shapes: dict[str, Shape] = {}
        for layer in self.layers:
            if layer.is_source:
                shapes.update(zip(layer.tops, layer.reshape([])))
        return shapes

    def infer(
        self,
        outside: Mapping[str, Shape],
        start: int = 0,
        end: int | None = None,
        weights: Callable[[int], list[Shape]] | None = None,
        computed: Mapping[str, Shape] | None = None,
    ) -> Shapes:
        """Shapes of everything that layers ``start`` to ``end`` compute.

        Parameters
        ----------
        outside : mapping
            Shapes of the blobs of :meth:`read_from_outside`.
        weights : callable, optional
            Gives the shapes of a layer's existing weights, which then must fit.
        computed : mapping, optional
            Shapes of the tops of layers computed in Python, whose size depends on values; what they
            start with if not given.

        Raises
        ------
        CaffeError
            Naming layer, blob and numbers, if something does not fit or the net would take more
            than :func:`memory_limit`. Nothing has been allocated then.
        """
        shapes = Shapes()
        limit = memory_limit()
        used = sum(product(s) for s in outside.values())
        current: dict[str, Shape] = dict(outside)
        for index in range(start, (len(self.layers) - 1 if end is None else end) + 1):
            layer = self.layers[index]
            bottoms = [current[b] for b in layer.bottoms]
            shapes.bottoms.append(bottoms)
            if layer.is_source:
                tops = [current[t] for t in layer.tops]
                specs: list[WeightSpec] = []
            else:
                if layer.host and computed is not None:
                    tops = [computed[top] for top in layer.tops]
                else:
                    tops = layer.reshape(bottoms)
                specs = layer.weight_specs(bottoms)
                self._check_empty(layer, bottoms, tops)
                shapes.tops.update(zip(layer.tops, tops))
                # In place nothing new is allocated.
                used += sum(product(s) for t, s in zip(layer.tops, tops) if t not in current)
            for name, before in zip(layer.bottoms, bottoms):
                after = shapes.tops.get(name, before)
                if name in layer.tops and after != before:
                    layer.fail(
                        "works in place on blob '{blob}' of {before}, but makes it "
                        "{after}; give its top another name",
                        blob=name,
                        before=shape_text(before),
                        after=shape_text(after),
                    )
            self._check_weights(layer, bottoms, specs, weights(index) if weights else None)
            shapes.weights.append(specs)
            shapes.made.append(tops)
            current.update(zip(layer.tops, tops))
            used += sum(
                product(spec.shape) for i, spec in enumerate(specs) if (index, i) not in self.shared
            )
            if used * 4 > limit:
                layer.fail(
                    "with it the net's blobs and weights take {used}, but at most {most} "
                    "may be used; take a smaller input or layer",
                    used=_bytes_text(used * 4),
                    most=_bytes_text(limit),
                )
        return shapes

    def _check_empty(self, layer: Layer, bottoms: list[Shape], tops: list[Shape]) -> None:
        for name, shape in zip(layer.bottoms, bottoms):
            if 0 in shape and any(0 not in top for top in tops) and not layer.takes_empty:
                layer.fail(
                    "bottom '{blob}' is {shape} and holds nothing; reshape the input",
                    blob=name,
                    shape=shape_text(shape),
                )

    def _check_weights(
        self,
        layer: Layer,
        bottoms: list[Shape],
        specs: list[WeightSpec],
        existing: list[Shape] | None,
    ) -> None:
        for i, spec in enumerate(specs):
            check_shape(
                spec.shape,
                Text(
                    "layer '{layer}' ({typename}): weight {whole}",
                    layer=layer.name,
                    typename=layer.type,
                    whole=i,
                ),
            )
            if existing is None or existing[i] == spec.shape:
                continue
            if len(existing[i]) != len(spec.shape):
                layer.fail(
                    "bottom '{blob}' is now {shape}, of another number of axes than its "
                    "weights of {weights} are for; reshape the input, as to 1x3x227x227",
                    blob=layer.bottoms[0],
                    shape=shape_text(bottoms[0]),
                    weights=shape_text(existing[i]),
                )
            else:
                layer.fail(
                    "bottom '{blob}' is now {shape} and needs weights of {wanted}, but "
                    "the layer has {found}; reshape the input back, or make the net "
                    "fully convolutional",
                    blob=layer.bottoms[0],
                    shape=shape_text(bottoms[0]),
                    wanted=shape_text(spec.shape),
                    found=shape_text(existing[i]),
                )
