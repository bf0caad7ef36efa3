"""A run of layers for one set of input shapes, compiled: ONNX model, session, bindings."""

from __future__ import annotations

import math
import re
import threading
from collections import OrderedDict
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from filterlab.caffe import device
from filterlab.caffe.blob import Blob, Shape, aligned
from filterlab.caffe.errors import CaffeError
from filterlab.caffe.graph import Graph
from filterlab.caffe.packing import MOST_VALUES, Layout, PackedWeight, pack, worth_packing
from filterlab.caffe.runtime import load_runtime
from filterlab.caffe.text import Text
from filterlab.caffe.topology import Topology

__all__ = [
    "Bindings",
    "Compiled",
    "Memory",
    "Plan",
    "PlanCache",
    "make_session",
    "what_failed",
]

#: Multiplications per weight before weights are laid out: so many take about as long as that does.
USES_BEFORE_PACKING = 5000


class Compiled(NamedTuple):
    """A session, and which of its inputs are weights in a layout of their own."""

    session: Any
    layouts: tuple[Layout, ...] = ()


class Plan:
    """How to compute layers ``start`` to ``end`` for inputs of given shapes.

    Holds nothing that belongs to one net, so that nets of one topology can share it.

    Attributes
    ----------
    tops : dict
        Shape of every blob that the run produces.
    weights : list of (graph name, layer index, weight index, shape)
    """

    def __init__(
        self,
        topology: Topology,
        outside: Mapping[str, Shape],
        start: int,
        end: int,
        weights: Callable[[int], list[Shape]] | None,
    ) -> None:
        shapes = topology.infer(outside, start, end, weights)
        self.tops = shapes.tops
        self.outside = dict(outside)
        self.filling = [layer for layer in topology.layers[start : end + 1] if layer.fills]
        self._lock = threading.Lock()
        self._compiled: dict[Any, Compiled] = {}
        #: Weights that would gain by another layout, and the multiplications with them in a run.
        self._packable: dict[str, Shape] = {}
        self._work = 0
        self._done = 0
        self._build(topology, shapes, start, end)

    def _build(self, topology: Topology, shapes: Any, start: int, end: int) -> None:
        g = Graph()
        self.inputs = {f"in:{name}": name for name in self.outside}
        values = {name: g.add_input(f"in:{name}", s) for name, s in self.outside.items()}
        self.weights: list[tuple[str, int, int, Shape]] = []
        #: Which layer computed each blob last.
        self.makers: dict[str, int] = {}
        known: dict[tuple[int, int], str] = {}
        for offset, layer in enumerate(topology.layers[start : end + 1]):
            index = start + offset
            if layer.is_source:
                continue
            if layer.host:
                layer.fail("is computed in Python and has no place in an ONNX model")
            names = []
            for i, spec in enumerate(shapes.weights[offset]):
                key = topology.shared.get((index, i), (index, i))
                # Shared memory of another shape is fed twice, as two inputs.
                if key not in known or g_shape(self.weights, known[key]) != spec.shape:
                    name = g.add_weight(f"w:{layer.name}:{i}", spec.shape)
                    self.weights.append((name, index, i, spec.shape))
                    known.setdefault(key, name)
                    names.append(name)
                else:
                    names.append(known[key])
            bottoms = [values[b] for b in layer.bottoms]
            g.layer = layer.name
            if layer.type == "Convolution":
                self._consider(names, shapes.weights[offset], shapes.made[offset])
            if layer.tops and all(0 in shape for shape in shapes.made[offset]):
                tops = [g.constant(np.zeros(shape)) for shape in shapes.made[offset]]
            else:
                tops = layer.emit(g, bottoms, shapes.bottoms[offset], names)
            values.update(zip(layer.tops, tops))
            self.makers.update(dict.fromkeys(layer.tops, index))
        self.outputs: dict[str, str] = {}
        for name, shape in self.tops.items():
            if values[name] != f"in:{name}":
                g.add_output(f"out:{name}", values[name], shape)
                self.outputs[f"out:{name}"] = name
        #: Blobs that the run reads and overwrites: it must read a copy.
        self.overwritten = [b for b in self.outputs.values() if b in self.outside]
        self.host_inputs = g.host_inputs
        self.states = g.states
        self._graph = g

    def model(self, frozen: dict[str, npt.NDArray[np.float32]] | None = None) -> bytes:
        """The ONNX model, serialized; weights in ``frozen`` (by graph name) become constants."""
        return self._graph.model(frozen)

    def _consider(self, names: list[str], weights: list[Any], tops: list[Shape]) -> None:
        """Note a convolution's weights, if they would gain by another layout."""
        shape = weights[0].shape
        more = {name: spec.shape for name, spec in zip(names, weights)}
        values = sum(math.prod(s) for s in {**self._packable, **more}.values())
        if worth_packing(shape, tops[0]) and values <= MOST_VALUES:
            self._packable.update(more)
            self._work += sum(math.prod(top) for top in tops) * math.prod(shape[1:])

    def compiled(self, packing: str = "later") -> Compiled | None:
        """What is to be run now; None if there is nothing to compute.

        At first all weights are fed as they are, which takes no preparation. Once that has cost
        as much as laying out those of the convolutions does, it is done: with ``packing``
        ``"later"``. With ``"first"`` it is done before the first run, with ``"never"`` never.
        """
        if not self.outputs:
            return None
        key = device.providers()
        with self._lock:
            if self._packable and len(key) == 1 and packing != "never":
                self._done += self._work
                values = sum(math.prod(shape) for shape in self._packable.values())
                if packing == "first" or self._done >= USES_BEFORE_PACKING * values:
                    packed, self._packable = self._packed(key), {}
                    if packed:
                        self._compiled[key, "packed"] = packed
            if packing != "never" and (key, "packed") in self._compiled:
                return self._compiled[key, "packed"]
            if key not in self._compiled:
                self._compiled[key] = Compiled(make_session(self._graph.model(), key))
            return self._compiled[key]

    def _packed(self, key: tuple[tuple[str, int], ...]) -> Compiled | None:
        """The run with weights laid out; None where that cannot be."""
        try:
            packed = pack(
                self._graph.model,
                self._packable,
                self._graph.constants(),
                lambda model, path: make_session(model, key, optimized=path),
            )
            if packed is None:
                return None
            return Compiled(make_session(packed.model, key, optimize=False), packed.layouts)
        except (CaffeError, OSError):  # such as no room for temporary files
            return None


def g_shape(weights: list[tuple[str, int, int, Shape]], name: str) -> Shape:
    """The shape under which a weight is already fed."""
    return next(shape for n, _, _, shape in weights if n == name)


def make_session(
    model: bytes,
    providers: tuple[tuple[str, int], ...],
    optimize: bool = True,
    optimized: str = "",
) -> Any:
    """An ONNX Runtime session, quiet, on the providers given.

    ``optimized`` names a file for the optimized model.
    """
    onnxruntime = load_runtime()
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4
    # Threads that wait busily take a core from the window and from other nets after each run.
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    if not optimize:
        options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    if optimized:
        options.optimized_model_filepath = optimized
    try:
        return onnxruntime.InferenceSession(
            model,
            options,
            providers=[
                (name, {"device_id": str(number)})
                if name in ("CUDAExecutionProvider", "DmlExecutionProvider")
                else name
                for name, number in providers
            ],
        )
    except Exception as err:  # ONNX Runtime raises many types
        raise CaffeError(
            "ONNX Runtime cannot run this net: {reason}", reason=_first_line(err)
        ) from None


def what_failed(err: Exception) -> str:
    """ONNX Runtime's message with the layer in front, and without its own source's places."""
    text = _first_line(err)
    found = re.search(r"Name:'(?:fused )?(.*?)#.*?' Status Message: (.*)", text)
    if not found:
        return Text("the net could not be computed: {reason}", reason=text)
    outside = re.search(r"idx=(-?\d+) must be within the inclusive range \[(-\d+),", text)
    if outside:
        index, size = int(outside.group(1)), -int(outside.group(2))
        index += size if index < 0 else 0
        return Text(
            "layer '{name}': a label or index is {index}, but there are {count}; it "
            "must lie within 0 and {last}",
            name=found.group(1),
            index=index,
            count=size,
            last=size - 1,
        )
    reason = re.sub(r"^/\S+onnxruntime\S* .*?\) (\[.*?\] )?", "", found.group(2))
    return Text(
        "layer '{layer}' could not be computed: {reason}", layer=found.group(1), reason=reason
    )


def _first_line(err: Exception) -> str:
    return str(err).strip().splitlines()[0] if str(err).strip() else type(err).__name__


class Memory:
    """What one net's layers remember beside its blobs: random masks, and recurrent states."""

    def __init__(self) -> None:
        self.arrays: dict[tuple[str, Shape], npt.NDArray[np.float32]] = {}

    def room(self, name: str, shape: Shape) -> npt.NDArray[np.float32]:
        """The array of a name and shape; zeros at first."""
        array = self.arrays.get((name, shape))
        if array is None:
            array = self.arrays[name, shape] = _room(shape)
        return array

    def copy(self) -> Memory:
        """The same values in other memory."""
        twin = Memory()
        for key, array in self.arrays.items():
            np.copyto(twin.room(*key), array)
        return twin


class Bindings:
    """One net's memory tied to a session, so that a run copies nothing."""

    def __init__(
        self,
        plan: Plan,
        compiled: Compiled,
        blobs: Mapping[str, Blob],
        weight: Callable[[int, int], Blob],
        memory: Memory,
    ) -> None:
        self._plan = plan
        self.compiled = compiled
        weights = {name: weight(index, i) for name, index, i, _ in plan.weights}
        laid_out = {layout.weight for layout in compiled.layouts}
        self._packed = [
            PackedWeight(layout, weights[layout.weight])
            for layout in compiled.layouts
            if not layout.plain
        ]
        #: (name, blob, shape) of what is read from the blobs' own memory.
        self._fed = [
            *((name, blobs[blob], plan.outside[blob]) for name, blob in plan.inputs.items()),
            *((n, weights[n], shape) for n, _, _, shape in plan.weights if n not in laid_out),
            *((x.input, weights[x.weight], x.shape) for x in compiled.layouts if x.plain),
        ]
        self._results = [(name, blobs[blob]) for name, blob in plan.outputs.items()]
        self._copies: dict[str, npt.NDArray[np.float32]] = {
            f"in:{blob}": _room(plan.outside[blob]) for blob in plan.overwritten
        }
        self._memory = memory
        self._host = {n: memory.room(n, host.shape) for n, host in plan.host_inputs.items()}
        self._states = {n: memory.room(n, shape) for n, shape in plan.states.items()}
        self._news = {n: memory.room(f"new:{n}", shape) for n, shape in plan.states.items()}
        self._pointers: list[int] = []
        self._keep: list[Any] = []
        self._binding: Any = None

    @property
    def stale(self) -> bool:
        """Whether some blob has other memory than the one tied here, and still kept alive."""
        return any(b._storage is not kept for b, kept in zip(self._tied(), self._keep))

    def _tied(self) -> list[Blob]:
        """The blobs whose own memory the session reads or writes."""
        return [*(b for _, b, _ in self._fed), *(b for _, b in self._results)]

    def run(self) -> bool:
        """Compute; the blobs' own memory holds the results. True if it was tied anew."""
        pointers = [blob._storage.pointer for blob in self._tied()]
        anew = pointers != self._pointers
        if anew:
            self._bind(pointers)
        for name, blob, _ in self._fed:
            if name in self._copies:
                np.copyto(self._copies[name], blob.data)
        for weight in self._packed:
            weight.refresh()
        for name, host in self._plan.host_inputs.items():
            host.refill(self._host[name])
        for name, state in self._states.items():
            np.copyto(state, self._news[name])
        try:
            self.compiled.session.run_with_iobinding(self._binding)
        except Exception as err:
            raise CaffeError(what_failed(err)) from None
        return anew

    def _bind(self, pointers: list[int]) -> None:
        """Tie inputs and outputs anew, because some blob has other memory than before."""
        binding = self.compiled.session.io_binding()
        for name, blob, shape in self._fed:
            pointer = blob._storage.pointer
            if name in self._copies:
                pointer = self._copies[name].ctypes.data
            binding.bind_input(name, "cpu", 0, np.float32, shape, pointer)
        for weight in self._packed:
            layout, pointer = weight.layout, weight.values.ctypes.data
            binding.bind_input(layout.input, "cpu", 0, np.float32, layout.shape, pointer)
        for name, array in (*self._host.items(), *self._states.items()):
            binding.bind_input(name, "cpu", 0, np.float32, array.shape, array.ctypes.data)
        for name, array in self._news.items():
            binding.bind_output(f"new:{name}", "cpu", 0, np.float32, array.shape, array.ctypes.data)
        for name, blob in self._results:
            binding.bind_output(name, "cpu", 0, np.float32, blob.shape, blob._storage.pointer)
        self._binding = binding
        self._pointers = pointers
        # The binding holds bare addresses: what they point to must outlive it.
        self._keep = [blob._storage for blob in self._tied()]


def _room(shape: Shape) -> npt.NDArray[np.float32]:
    return aligned(math.prod(shape)).reshape(shape)


class PlanCache:
    """The plans used last, shared by a net and its snapshots."""

    def __init__(self, size: int = 6) -> None:
        self._size = size
        self._plans: OrderedDict[Any, Plan] = OrderedDict()
        self._lock = threading.Lock()

    def get(self, key: Any, make: Callable[[], Plan]) -> Plan:
        """The plan of a key, made at its first use."""
        with self._lock:
            plan = self._plans.get(key)
            if plan is None:
                plan = self._plans[key] = make()
                while len(self._plans) > self._size:
                    self._plans.popitem(last=False)
            self._plans.move_to_end(key)
            return plan
