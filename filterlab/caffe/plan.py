"""A run of layers for one set of input shapes, compiled: ONNX model, session, bindings."""

from __future__ import annotations

import re
import threading
from collections import OrderedDict
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from filterlab.caffe import device
from filterlab.caffe.blob import Blob, Shape
from filterlab.caffe.errors import CaffeError
from filterlab.caffe.graph import Graph
from filterlab.caffe.topology import Topology

__all__ = ["Bindings", "Plan", "PlanCache"]


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
        self._sessions: dict[Any, Any] = {}
        self._build(topology, shapes, start, end)

    def _build(self, topology: Topology, shapes: Any, start: int, end: int) -> None:
        g = Graph()
        self.inputs = {f"in:{name}": name for name in self.outside}
        values = {name: g.add_input(f"in:{name}", s) for name, s in self.outside.items()}
        self.weights: list[tuple[str, int, int, Shape]] = []
        known: dict[tuple[int, int], str] = {}
        for offset, layer in enumerate(topology.layers[start : end + 1]):
            index = start + offset
            if layer.is_source:
                continue
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
            if layer.tops and all(0 in shape for shape in shapes.made[offset]):
                tops = [g.constant(np.zeros(shape)) for shape in shapes.made[offset]]
            else:
                tops = layer.emit(g, bottoms, shapes.bottoms[offset], names)
            values.update(zip(layer.tops, tops))
        self.outputs: dict[str, str] = {}
        for name, shape in self.tops.items():
            if values[name] != f"in:{name}":
                g.add_output(f"out:{name}", values[name], shape)
                self.outputs[f"out:{name}"] = name
        #: Blobs that the run reads and overwrites: it must read a copy.
        self.overwritten = [b for b in self.outputs.values() if b in self.outside]
        self.host_inputs = g.host_inputs
        self._graph = g

    def model(self, frozen: dict[str, npt.NDArray[np.float32]] | None = None) -> bytes:
        """The ONNX model, serialized; weights in ``frozen`` (by graph name) become constants."""
        return self._graph.model(frozen)

    def session(self) -> Any:
        """The ONNX Runtime session with all weights fed; None if there is nothing to compute."""
        if not self.outputs:
            return None
        key = device.providers()
        with self._lock:
            session = self._sessions.get(key)
            if session is None:
                session = self._sessions[key] = make_session(self._graph.model(), key)
            return session


def g_shape(weights: list[tuple[str, int, int, Shape]], name: str) -> Shape:
    """The shape under which a weight is already fed."""
    return next(shape for n, _, _, shape in weights if n == name)


def make_session(model: bytes, providers: tuple[tuple[str, int], ...]) -> Any:
    """An ONNX Runtime session, quiet, on the providers given."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4
    # Threads that wait busily take a core from the window and from other nets after each run.
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
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
        raise CaffeError(f"ONNX Runtime cannot run this net: {_first_line(err)}") from None


def _what_failed(err: Exception) -> str:
    """ONNX Runtime's message with the layer in front, and without its own source's places."""
    text = _first_line(err)
    found = re.search(r"Name:'(?:fused )?(.*?)#.*?' Status Message: (.*)", text)
    if not found:
        return f"the net could not be computed: {text}"
    reason = re.sub(r"^/\S+onnxruntime\S* .*?\) (\[.*?\] )?", "", found.group(2))
    return f"layer '{found.group(1)}' could not be computed: {reason}"


def _first_line(err: Exception) -> str:
    return str(err).strip().splitlines()[0] if str(err).strip() else type(err).__name__


class Bindings:
    """One net's memory tied to a session, so that a run copies nothing."""

    def __init__(
        self,
        plan: Plan,
        session: Any,
        blobs: Mapping[str, Blob],
        weight: Callable[[int, int], Blob],
    ) -> None:
        self._plan = plan
        self.session = session
        self._fed = [
            *((name, blobs[blob]) for name, blob in plan.inputs.items()),
            *((name, weight(index, i)) for name, index, i, _ in plan.weights),
        ]
        self._results = [(name, blobs[blob]) for name, blob in plan.outputs.items()]
        self._copies: dict[str, npt.NDArray[np.float32]] = {
            f"in:{blob}": np.empty(plan.outside[blob], np.float32) for blob in plan.overwritten
        }
        self._host = {
            name: np.empty(host.shape, np.float32) for name, host in plan.host_inputs.items()
        }
        self._pointers: list[int] = []
        self._keep: list[Any] = []
        self._binding: Any = None

    @property
    def stale(self) -> bool:
        """Whether some blob has other memory than the one tied here, and still kept alive."""
        blobs = (b for _, b in (*self._fed, *self._results))
        return any(b._storage is not kept for b, kept in zip(blobs, self._keep))

    def run(self) -> bool:
        """Compute; the blobs' own memory holds the results. True if it was tied anew."""
        pointers = [b._storage.pointer for _, b in self._fed]
        pointers += [b._storage.pointer for _, b in self._results]
        anew = pointers != self._pointers
        if anew:
            self._bind(pointers)
        for name, blob in self._fed:
            if name in self._copies:
                np.copyto(self._copies[name], blob.data)
        for name, host in self._plan.host_inputs.items():
            host.refill(self._host[name])
        try:
            self.session.run_with_iobinding(self._binding)
        except Exception as err:
            raise CaffeError(_what_failed(err)) from None
        return anew

    def _bind(self, pointers: list[int]) -> None:
        """Tie inputs and outputs anew, because some blob has other memory than before."""
        binding = self.session.io_binding()
        for name, blob in self._fed:
            pointer = blob._storage.pointer
            if name in self._copies:
                pointer = self._copies[name].ctypes.data
            binding.bind_input(name, "cpu", 0, np.float32, blob.shape, pointer)
        for name, array in self._host.items():
            binding.bind_input(name, "cpu", 0, np.float32, array.shape, array.ctypes.data)
        for name, blob in self._results:
            binding.bind_output(name, "cpu", 0, np.float32, blob.shape, blob._storage.pointer)
        self._binding = binding
        self._pointers = pointers
        # The binding holds bare addresses: what they point to must outlive it.
        self._keep = [b._storage for _, b in (*self._fed, *self._results)]


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
