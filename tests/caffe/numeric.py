"""Gradients by finite differences in double precision, on the forward model that a net runs."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import onnx
from onnx import TensorProto, helper, numpy_helper
from onnx.reference import ReferenceEvaluator

import filterlab.caffe as caffe
from filterlab.caffe.plan import Plan

Doubles = npt.NDArray[np.float64]


def _in_double(model: bytes) -> Any:
    """The model with all floats as doubles."""
    param = onnx.load_from_string(model)
    graph = param.graph
    for value in (*graph.input, *graph.output):
        value.type.tensor_type.elem_type = TensorProto.DOUBLE
    for constant in graph.initializer:
        if constant.data_type == TensorProto.FLOAT:
            array = numpy_helper.to_array(constant).astype(np.float64)
            constant.CopyFrom(numpy_helper.from_array(array, constant.name))
    for node in graph.node:
        if node.op_type == "Cast":
            for attribute in node.attribute:
                attribute.i = TensorProto.DOUBLE if attribute.i == 1 else attribute.i
        if node.op_type == "ConstantOfShape":
            zero = helper.make_tensor("value", TensorProto.DOUBLE, [1], [0.0])
            node.attribute.append(helper.make_attribute("value", zero))
    return ReferenceEvaluator(param)


class Numeric:
    """The sum of a net's outputs, each times its diff, as a function of inputs and weights."""

    def __init__(self, net: caffe.Net, diffs: dict[str, Doubles]) -> None:
        topology = net._topology
        outside = {name: net.blobs[name].shape for name in topology.read_from_outside(0, 10**6)}
        plan = Plan(topology, outside, 0, len(topology.layers) - 1, net._weight_shapes)
        self._model = _in_double(plan.model())
        self._diffs = {f"out:{name}": diff for name, diff in diffs.items()}
        self.values: dict[Any, Doubles] = {
            name: net.blobs[blob].data.astype(np.float64) for name, blob in plan.inputs.items()
        }
        for name, index, i, _ in plan.weights:
            self.values[name] = net._weights[index][i].data.astype(np.float64)
        for name, shape in plan.states.items():
            self.values[name] = np.zeros(shape)
        for name, host in plan.host_inputs.items():
            drawn = net._memory.room(name, host.shape)
            self.values[name] = drawn.astype(np.float64)
        self.weights = {(index, i): name for name, index, i, _ in plan.weights}

    def total(self) -> float:
        """The sum at the present values."""
        names = list(self._diffs)
        found = self._model.run(names, self.values)
        return float(sum((f * self._diffs[n]).sum() for n, f in zip(names, found)))

    def gradient(self, name: Any, places: list[int], step: float = 1e-5) -> Doubles:
        """The gradient at some places of an input or weight, by central differences."""
        flat = self.values[name].reshape(-1)
        found = []
        for place in places:
            before = flat[place]
            flat[place] = before + step
            above = self.total()
            flat[place] = before - step
            found.append((above - self.total()) / (2 * step))
            flat[place] = before
        return np.array(found)


def check(net: caffe.Net, rng: np.random.Generator, places: int = 6) -> int:
    """Compare all diffs of a net with their finite differences; how many were compared."""
    net.forward()
    diffs = {}
    for name in net.outputs:
        diffs[name] = rng.standard_normal(net.blobs[name].shape)
        net.blobs[name].diff[...] = diffs[name]
    diffs = {name: net.blobs[name].diff.astype(np.float64) for name in net.outputs}
    net.clear_param_diffs()
    net.backward()
    numeric = Numeric(net, diffs)
    compared = 0
    found = {f"in:{name}": net.blobs[name].diff for name in net.inputs}
    for (index, i), name in numeric.weights.items():
        found[name] = net._weights[index][i].diff
    # Where sums cancel out, float32 leaves a little of what went into them.
    floor = 1e-2 * max(1.0, *(float(np.abs(g).max(initial=0)) for g in found.values()))
    for name, gradient in found.items():
        if not np.abs(gradient).max(initial=0):
            continue  # labels and the like
        flat = gradient.reshape(-1).astype(np.float64)
        chosen = sorted(rng.choice(flat.size, min(places, flat.size), replace=False).tolist())
        wanted = numeric.gradient(name, chosen)
        scale = max(np.abs(flat).max(), floor)
        np.testing.assert_allclose(flat[chosen], wanted, atol=1e-3 * scale, rtol=1e-3)
        compared += len(chosen)
    return compared
