"""A net as a converter to ONNX would write it: the measure of the benchmarks.

It shares no code with the engine: one node a layer, weights as constants.
"""

from __future__ import annotations

from typing import Any

import numpy as np

__all__ = ["natural_model", "session_of"]


def _pair(values: Any, default: int) -> list[int]:
    sizes = list(values) or [default]
    return sizes * 2 if len(sizes) == 1 else sizes


def natural_model(net: Any, all_blobs: bool = False) -> bytes:
    """The ONNX model of a net, serialized; ``all_blobs`` makes every blob an output."""
    from onnx import TensorProto, helper, numpy_helper

    nodes: list[Any] = []
    constants: list[Any] = []
    now = {"data": "data"}

    def constant(name: str, array: Any) -> str:
        constants.append(numpy_helper.from_array(np.ascontiguousarray(array, np.float32), name))
        return name

    for place, layer in enumerate(net.param.layer[1:]):
        inputs = [now[b] for b in layer.bottom]
        out = f"{layer.top[0]}@{place}"
        row = [blob.data for blob in net.params.get(layer.name, [])]
        attributes: dict[str, Any] = {}
        kind = layer.type
        if kind == "Convolution":
            p = layer.convolution_param
            kind, pads = "Conv", _pair(p.pad, 0)
            inputs += [constant(f"{layer.name}:{i}", a) for i, a in enumerate(row)]
            attributes = {
                "group": p.group,
                "kernel_shape": list(row[0].shape[2:]),
                "strides": _pair(p.stride, 1),
                "pads": pads * 2,
            }
        elif kind == "BatchNorm":
            following = net.param.layer[place + 2]
            assert following.type == "Scale"
            scale, bias = (blob.data for blob in net.params[following.name])
            for i, a in enumerate((scale, bias, row[0] / row[2], row[1] / row[2])):
                inputs.append(constant(f"{layer.name}:{i}", a))
            kind, attributes = "BatchNormalization", {"epsilon": layer.batch_norm_param.eps}
        elif kind in ("Scale", "Dropout"):
            now[layer.top[0]] = inputs[0]
            continue
        elif kind == "Pooling":
            p = layer.pooling_param
            whole = p.global_pooling or (p.pool == 1 and p.kernel_size == 7)
            name = "AveragePool" if p.pool == 1 else "MaxPool"
            kind = f"Global{name}" if whole else name
            if not whole:
                attributes = {
                    "kernel_shape": [p.kernel_size] * 2,
                    "strides": [p.stride] * 2,
                    "pads": [p.pad] * 4,
                    "ceil_mode": 1,  # Caffe rounds up, whatever is pooled
                }
        elif kind == "LRN":
            p = layer.lrn_param
            attributes = {"size": p.local_size, "alpha": p.alpha, "beta": p.beta, "bias": p.k}
        elif kind == "InnerProduct":
            kind, attributes = "Gemm", {"transB": 1}
            if len(net.blobs[layer.bottom[0]].shape) > 2:
                nodes.append(helper.make_node("Flatten", inputs, [f"{out}:flat"]))
                inputs = [f"{out}:flat"]
            inputs += [constant(f"{layer.name}:{i}", a) for i, a in enumerate(row)]
        elif kind in ("Clip", "ReLU6"):
            low, high = (layer.clip_param.min, layer.clip_param.max) if kind == "Clip" else (0, 6)
            inputs += [constant(f"{out}:low", low), constant(f"{out}:high", high)]
            kind = "Clip"
        elif kind == "Eltwise":
            kind = "Add"
        elif kind in ("Softmax", "Concat"):
            attributes = {"axis": 1}
        else:
            kind = {"ReLU": "Relu"}[kind]
        nodes.append(helper.make_node(kind, inputs, [out], **attributes))
        now[layer.top[0]] = out
    wanted = [name for name in net.blobs if name != "data"] if all_blobs else net.outputs
    graph = helper.make_graph(
        nodes,
        "natural",
        [helper.make_tensor_value_info("data", TensorProto.FLOAT, net.blobs["data"].shape)],
        [
            helper.make_tensor_value_info(value, TensorProto.FLOAT, net.blobs[name].shape)
            for value, name in {now[name]: name for name in wanted}.items()
        ],
        constants,
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    data: bytes = model.SerializeToString()
    return data


def session_of(model: bytes, threads: int = 0) -> Any:
    """A bare ONNX Runtime session."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4
    options.intra_op_num_threads = threads
    return onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])
