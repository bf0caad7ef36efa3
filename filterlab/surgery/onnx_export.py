"""The transplanted net as an ONNX model, weights inside, checked before it gets its name."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import numpy as np

from filterlab.caffe import TEST
from filterlab.caffe.derived import UnfoldableError
from filterlab.caffe.files import atomic_write
from filterlab.caffe.plan import Plan
from filterlab.caffe.runtime import load_runtime
from filterlab.caffe.topology import Topology
from filterlab.errors import FilterLabError
from filterlab.surgery.targets import spare_inputs
from filterlab.surgery.transplant import Transplanted, feed

__all__ = ["export_onnx", "onnx_model"]

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
    shape = (1, t.channels, height, width)
    weights = sum(blob.count for blobs in t.net.params.values() for blob in blobs)
    if weights * 4 > _LIMIT * 0.95:
        raise FilterLabError("the weights are over 2 GB, more than one ONNX file can hold")
    topology = Topology(t.param, TEST)
    t.net.check_files()
    wanted = list(dict.fromkeys((t.output, t.score)))
    try:
        plan, values = _natural(t, topology, shape, wanted, fold=True)
    except UnfoldableError:
        plan, values = _natural(t, topology, shape, wanted, fold=False)
    model = onnx.load_from_string(plan.model(values))
    renamed = {f"in:{t.input}": t.input, **{f"out:{name}": name for name in wanted}}
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
    graph.name = t.param.name or "net"
    model.producer_name = "filterlab"
    onnx.checker.check_model(model)
    return model


def _natural(
    t: Transplanted,
    topology: Topology,
    shape: tuple[int, ...],
    wanted: list[str],
    fold: bool,
) -> tuple[Plan, dict[str, Any]]:
    """The net in ONNX's own operations, batch normalizations folded, and its weights."""

    def blob(index: int, i: int) -> Any:
        return t.net.params[topology.layers[index].name][i]._values()

    last = len(topology.layers) - 1
    plan = Plan(
        topology, {t.input: shape}, 0, last, None, fold=fold, only=frozenset(wanted), portable=True
    )
    values = {name: blob(index, i) for name, index, i, _ in plan.weights}
    for one in plan.derived:
        made = np.asarray(one.compute([blob(*source) for source in one.sources]), np.float32)
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
