"""The transplanted net as an ONNX model, weights inside, checked before it gets its name."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from filterlab.caffe import Net
from filterlab.caffe.derived import UnfoldableError
from filterlab.caffe.files import atomic_write
from filterlab.caffe.plan import Plan
from filterlab.caffe.runtime import load_runtime
from filterlab.caffe.topology import Topology
from filterlab.errors import FilterLabError
from filterlab.surgery.targets import spare_inputs
from filterlab.surgery.transplant import Transplanted, feed

__all__ = ["check_holds", "export_onnx", "natural_model", "onnx_model"]

_LIMIT = 2**31 - 1  # bytes of one protobuf message


def onnx_model(transplanted: Transplanted, size: tuple[int, int] | None = None) -> Any:
    """The dense net as ``onnx.ModelProto`` with its weights as initializers.

    Parameters
    ----------
    transplanted : Transplanted
    size : (int, int), optional
        Height and width of the input, fixed in the model; the classifier's own if not given.

    Returns
    -------
    onnx.ModelProto
        One input under the picture's blob name, outputs the class map and its score.
    """
    import onnx

    t = transplanted
    height, width = size or t.rewritten.input_shape[2:]
    outside = {t.input: (1, t.channels, height, width)}
    wanted = list(dict.fromkeys((t.output, t.score)))
    model = natural_model(t.net, outside, wanted)
    model.graph.name = t.param.name or "net"
    onnx.checker.check_model(model)
    return model


def check_holds(net: Net) -> None:
    """Refuse weights that one ONNX file cannot hold.

    Raises
    ------
    FilterLabError
    """
    weights = sum(blob.count for blobs in net.params.values() for blob in blobs)
    if weights * 4 > _LIMIT * 0.95:
        raise FilterLabError("the weights are over 2 GB, more than one ONNX file can hold")


def natural_model(
    net: Net, outside: Mapping[str, Sequence[int]], wanted: Sequence[str], weights: bool = True
) -> Any:
    """A net in ONNX's own operations, batch normalizations folded, under the net's names.

    Parameters
    ----------
    net : Net
    outside : mapping of input blob to shape
    wanted : sequence of str
        The blobs to give out, in order.
    weights : bool
        Whether the weights are inside; else they are inputs, for looking at the graph alone.

    Returns
    -------
    onnx.ModelProto
        Inputs and outputs bear the blobs' names, weights ``LAYER.weight`` and ``LAYER.bias``,
        operations begin with their layer's name.
    """
    import onnx

    check_holds(net)
    topology = Topology(net.param, net.phase)
    net.check_files()
    try:
        plan, values = _natural(net, topology, outside, wanted, True, weights)
    except UnfoldableError:
        plan, values = _natural(net, topology, outside, wanted, False, weights)
    model = onnx.load_from_string(plan.model(values))
    renamed = {
        **{f"in:{name}": name for name in outside},
        **{f"out:{name}": name for name in wanted},
    }
    for name, index, i, _ in plan.weights:
        layer = topology.layers[index].name
        renamed[name] = f"{layer}.{('weight', 'bias')[i] if i < 2 else i}"
    for one in plan.derived:
        layer, number = one.name[2:].rsplit(":", 1)
        renamed[one.name] = f"{layer}.{('weight', 'bias')[int(number)]}"
    graph = model.graph
    for node in graph.node:
        node.input[:] = [renamed.get(name, name) for name in node.input]
        node.output[:] = [renamed.get(name, name) for name in node.output]
    for value in (*graph.input, *graph.output, *graph.initializer):
        value.name = renamed.get(value.name, value.name)
    kept = [value for value in graph.output if value.name in wanted]
    del graph.output[:]
    graph.output.extend(sorted(kept, key=lambda value: wanted.index(value.name)))
    model.producer_name = "filterlab"
    return model


def _natural(
    net: Net,
    topology: Topology,
    outside: Mapping[str, Sequence[int]],
    wanted: Sequence[str],
    fold: bool,
    weights: bool,
) -> tuple[Plan, dict[str, Any]]:
    def blob(index: int, i: int) -> Any:
        return net.params[topology.layers[index].name][i]._values()

    def shapes(index: int) -> list[tuple[int, ...]]:
        row = net.params.get(topology.layers[index].name, ())
        return [tuple(blob.shape) for blob in row]

    last = len(topology.layers) - 1
    fixed = {name: tuple(shape) for name, shape in outside.items()}
    plan = Plan(topology, fixed, 0, last, shapes, fold=fold, only=frozenset(wanted), portable=True)
    if not weights:
        return plan, {}
    values = {name: blob(index, i) for name, index, i, _ in plan.weights}
    for one in plan.derived:
        made = np.asarray(one.compute([blob(*source) for source in one.sources], None), np.float32)
        values[one.name] = made.reshape(one.shape)
    return plan, values


def export_onnx(
    transplanted: Transplanted,
    path: str | os.PathLike[str],
    size: tuple[int, int] | None = None,
) -> Path:
    """Write the dense net as ONNX after ONNX Runtime has given the same answer with it.

    Raises
    ------
    FilterLabError
        If the model does not answer as the net does, its folder is missing, or it would
        overwrite what the net was read from.
    """
    target = Path(path)
    if not target.resolve().parent.is_dir():
        raise FilterLabError(
            "{target}: there is no folder {folder}; make it first",
            target=target,
            folder=target.parent,
        )
    spare_inputs([target], transplanted.files)
    model = onnx_model(transplanted, size).SerializeToString()
    t = transplanted
    height, width = size or t.rewritten.input_shape[2:]
    rng = np.random.default_rng(282)
    data = (rng.standard_normal((1, t.channels, height, width)) * 50).astype(np.float32)
    feed(t.net, t.input, data)
    t.net.forward()
    expected = t.net.blobs[t.score].data
    onnxruntime = load_runtime()
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4
    session = onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])
    found = session.run([t.score], {t.input: data})[0]
    scale = max(float(np.abs(expected).max()), 1e-30)
    if not np.isfinite(found).all() or float(np.abs(found - expected).max()) > 1e-3 * scale:
        raise FilterLabError(
            "{target}: the ONNX model does not answer as the net does; not written", target=target
        )
    with atomic_write(target) as stream:
        stream.write(model)
    return target
