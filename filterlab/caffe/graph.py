"""A net as an ONNX model: what the layers write their operations into."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from filterlab.caffe.blob import Shape

__all__ = ["Graph", "HostInput"]

#: Old enough for the oldest ONNX Runtime that setup.cfg allows.
OPSET = 17
IR_VERSION = 8

Refill = Callable[[npt.NDArray[np.float32]], None]


class HostInput:
    """A graph input that belongs to no blob and is filled afresh before each run."""

    def __init__(self, shape: Shape, refill: Refill) -> None:
        self.shape = shape
        self.refill = refill


class Graph:
    """Collects operations on named values of known shape.

    Values are float32 unless an operation says otherwise; every shape of a blob is fixed, so a
    net of another input size is another graph.

    Parameters
    ----------
    replay : bool
        Compute once more what a forward has computed: random values and states are those of that
        forward, and nothing is kept for the next.
    portable : bool
        For other programs to read: an operation of ONNX's own, where layers know a faster way
        around ONNX Runtime's.
    """

    def __init__(self, replay: bool = False, portable: bool = False) -> None:
        self._replay = replay
        self.portable = portable
        self._nodes: list[Any] = []
        self._constants: list[Any] = []
        self._inputs: dict[str, Shape] = {}
        self._weights: dict[str, Shape] = {}
        self._outputs: dict[str, Shape] = {}
        self._pool: dict[tuple[str, bytes, Shape], str] = {}
        self._count = 0
        self.host_inputs: dict[str, HostInput] = {}
        #: Inputs that are what a layer kept at the forward before.
        self.states: dict[str, Shape] = {}
        #: Name of the layer that writes at present; operations carry it, for error messages.
        self.layer = ""

    # -- what layers use ---------------------------------------------------------------------
    def op(self, kind: str, inputs: Sequence[str], outputs: int = 1, **attributes: Any) -> str:
        """Append one operation and return the name of its (first) output."""
        return self.ops(kind, inputs, outputs, **attributes)[0]

    def ops(
        self, kind: str, inputs: Sequence[str], outputs: int = 1, **attributes: Any
    ) -> list[str]:
        """Append one operation and return the names of all its outputs."""
        from onnx import helper

        names = [self._fresh(kind) for _ in range(outputs)]
        self._nodes.append(
            helper.make_node(
                kind, list(inputs), names, name=f"{self.layer}#{self._count}", **attributes
            )
        )
        return names

    def constant(self, values: Any, dtype: Any = np.float32) -> str:
        """A constant tensor; equal ones are stored once."""
        from onnx import numpy_helper

        array = np.ascontiguousarray(values, dtype)
        array = array.reshape(np.shape(values))
        key = (array.dtype.str, array.tobytes(), array.shape)
        name = self._pool.get(key)
        if name is None:
            name = self._pool[key] = self._fresh("const")
            self._constants.append(numpy_helper.from_array(array, name))
        return name

    def ints(self, values: Iterable[int]) -> str:
        """A constant row of int64, such as a shape or a list of axes."""
        return self.constant(list(values), np.int64)

    def reshape(self, value: str, shape: Iterable[int]) -> str:
        """The same values under another shape (sizes of 0 and -1 are not special)."""
        return self.op("Reshape", [value, self.ints(shape)], allowzero=1)

    def host_input(self, shape: Shape, refill: Refill) -> str:
        """An input that ``refill`` fills before each run; one for each layer."""
        name = f"host:{self.layer}"
        self.host_inputs[name] = HostInput(shape, refill)
        self._inputs[name] = shape
        return name

    def state(self, i: int, shape: Shape) -> str:
        """What the layer kept last under ``i``; zeros at first."""
        name = f"state:{self.layer}:{i}"
        self._inputs[name] = self.states[name] = shape
        return name

    def keep(self, i: int, value: str) -> None:
        """Keep a value for the next run's :meth:`state`."""
        name = f"state:{self.layer}:{i}"
        if not self._replay:
            self.add_output(f"new:{name}", value, self.states[name])

    def zeros(self, shape: Shape) -> str:
        """Zeros that take no room in the model."""
        return self.op("ConstantOfShape", [self.ints(shape)])

    @property
    def remembered(self) -> dict[str, Shape]:
        """Inputs that no blob holds: random values and states."""
        return {**{n: host.shape for n, host in self.host_inputs.items()}, **self.states}

    # -- what the net uses -------------------------------------------------------------------
    def add_input(self, name: str, shape: Shape) -> str:
        """Declare a blob that the run reads."""
        self._inputs[name] = shape
        return name

    def add_weight(self, name: str, shape: Shape) -> str:
        """Declare a weight: fed at each run, or made a constant by :meth:`model`."""
        self._weights[name] = shape
        return name

    def add_output(self, name: str, value: str, shape: Shape) -> None:
        """Make ``value`` readable after the run under ``name``."""
        from onnx import helper

        self._count += 1
        self._nodes.append(
            helper.make_node("Identity", [value], [name], name=f"{self.layer}#{self._count}")
        )
        self._outputs[name] = shape

    @property
    def nodes(self) -> list[Any]:
        """The operations, in the order in which they are computed."""
        return self._nodes

    @property
    def weights(self) -> dict[str, Shape]:
        """The weights and their shapes."""
        return self._weights

    def is_output(self, value: str) -> bool:
        """Whether a value is readable after the run."""
        return value in self._outputs or any(
            node.op_type == "Identity"
            and node.input[0] == value
            and node.output[0] in self._outputs
            for node in self._nodes
        )

    def without_nodes(self) -> Graph:
        """Another graph with the same inputs, weights, constants and outputs, and no operation."""
        twin = copy.copy(self)
        twin._nodes = []
        twin._constants = list(self._constants)
        twin._pool = dict(self._pool)
        twin._inputs, twin._weights = dict(self._inputs), dict(self._weights)
        return twin

    def append(self, node: Any) -> None:
        """Take in an operation of another graph."""
        self._nodes.append(node)

    def rename(self, value: str, name: str) -> None:
        """Give what the latest operation computes another name, under which it is known already."""
        assert list(self._nodes[-1].output) == [value]
        self._nodes[-1].output[:] = [name]

    def prune(self) -> set[str]:
        """Leave out what no output needs; returns the names of the inputs and weights that stay."""
        needed = set(self._outputs)
        kept = []
        for node in reversed(self._nodes):
            if any(name in needed for name in node.output):
                needed.update(node.input)
                kept.append(node)
        self._nodes = kept[::-1]
        self._constants = [c for c in self._constants if c.name in needed]
        for names in (self._inputs, self._weights):
            for name in [n for n in names if n not in needed]:
                del names[name]
        return {*self._inputs, *self._weights}

    def constants(self) -> set[bytes]:
        """The values of all float32 constants, as bytes."""
        from onnx import TensorProto, numpy_helper

        return {
            numpy_helper.to_array(c).tobytes()
            for c in self._constants
            if c.data_type == TensorProto.FLOAT
        }

    def model(self, frozen: dict[str, npt.NDArray[np.float32]] | None = None) -> bytes:
        """The finished ONNX model, serialized.

        Parameters
        ----------
        frozen : dict, optional
            Weights by name that become constants; all others stay inputs.
        """
        from onnx import TensorProto, helper, numpy_helper

        frozen = frozen or {}
        self._name_outputs()
        inputs = dict(self._inputs)
        inputs.update({n: s for n, s in self._weights.items() if n not in frozen})
        graph = helper.make_graph(
            self._nodes,
            "net",
            [
                helper.make_tensor_value_info(name, TensorProto.FLOAT, shape)
                for name, shape in inputs.items()
            ],
            [
                helper.make_tensor_value_info(name, TensorProto.FLOAT, shape)
                for name, shape in self._outputs.items()
            ],
            self._constants + [numpy_helper.from_array(a, n) for n, a in frozen.items()],
        )
        model = helper.make_model(
            graph, opset_imports=[helper.make_opsetid("", OPSET)], ir_version=IR_VERSION
        )
        data: bytes = model.SerializeToString()
        return data

    # -- inside ------------------------------------------------------------------------------
    def _fresh(self, kind: str) -> str:
        self._count += 1
        return f"{kind}~{self._count}"

    def _name_outputs(self) -> None:
        """Let operations write readable values themselves, without an Identity after them."""
        makers = {name: node for node in self._nodes for name in node.output}
        renamed: dict[str, str] = {}
        kept = []
        for node in self._nodes:
            if node.op_type == "Identity" and node.output[0] in self._outputs:
                value = node.input[0]
                maker = makers.get(value)
                if maker is not None and value not in renamed and value not in self._outputs:
                    renamed[value] = node.output[0]
                    continue
            kept.append(node)
        for node in kept:
            node.input[:] = [renamed.get(name, name) for name in node.input]
            node.output[:] = [renamed.get(name, name) for name in node.output]
        self._nodes = kept
