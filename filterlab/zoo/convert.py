"""Weights from files that were written for other programs, by the converter a catalogue names.

A converter is a job: it reads the file and returns the blobs of a net's layers, whose shapes it is
told. Whether each blob has its shape is left to whoever calls it.
"""

from __future__ import annotations

import math
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from filterlab.caffe.files import open_file
from filterlab.caffe.text import reason_of
from filterlab.errors import FilterLabError
from filterlab.progress import Job, Progress
from filterlab.zoo.torch_file import read_tensors

__all__ = ["CONVERTERS", "Blobs", "Converter", "Shapes"]

Array = npt.NDArray[Any]
Blobs = dict[str, list[Array]]
Shapes = Mapping[str, list[tuple[int, ...]]]

_BN_EPSILON = 1e-3
_ONNX_HEADS = 4 << 20  # bytes of an ONNX file beside the values


@dataclass(frozen=True)
class Converter:
    """How weights are made of another file.

    Attributes
    ----------
    convert : callable
        ``convert(path, shapes, step)``: a job that returns the float32 blobs by layer name, from
        the file and the blobs' shapes by layer name in the net's order; ``step`` is what its
        progress is called.
    exact : bool
        Whether nothing but the very file of the catalogue's digest is taken; else a user's own
        file is, if its shapes fit.
    """

    convert: Callable[[Path, Shapes, str], Job[Blobs]]
    exact: bool


def _efficientnet_lite(path: Path, shapes: Shapes, step: str) -> Job[Blobs]:
    """The state of a PyTorch EfficientNet-Lite, its batch normalizations folded in.

    Folding, in float64: w' = w gamma / sqrt(var + eps), b' = beta - mean gamma / sqrt(var + eps).
    """
    yield Progress(step, 0, len(shapes))
    tensors = read_tensors(path)
    blobs: Blobs = {}
    for done, (layer, (shape, *_)) in enumerate(shapes.items(), start=1):
        conv, norm = _names_in_torch(layer)
        if len(shape) == 2:
            weight, bias = (_tensor(path, tensors, conv + end) for end in (".weight", ".bias"))
        else:
            weight, bias = _folded(path, tensors, conv, norm)
            if weight.shape[2:] == (shape[2] - 1, shape[3] - 1):
                # SAME padding at stride 2 begins one later: a leading row and column of zeros.
                weight = np.pad(weight, ((0, 0), (0, 0), (1, 0), (1, 0)))
        blobs[layer] = [weight.astype(np.float32), bias.astype(np.float32)]
        yield Progress(step, done, len(shapes), layer)
    return blobs


def _names_in_torch(layer: str) -> tuple[str, str]:
    """The convolution's and its normalization's name: ``block3/expand`` is ``_blocks.3...``."""
    block, _, part = layer.rpartition("/")
    before = f"_blocks.{block.removeprefix('block')}." if block else ""
    conv, norm = {
        "stem": ("_conv_stem", "_bn0"),
        "expand": ("_expand_conv", "_bn0"),
        "depthwise": ("_depthwise_conv", "_bn1"),
        "project": ("_project_conv", "_bn2"),
        "head": ("_conv_head", "_bn1"),
        "fc": ("_fc", ""),
    }.get(part, (part, part))
    return before + conv, before + norm


def _folded(path: Path, tensors: Mapping[str, Array], conv: str, norm: str) -> tuple[Array, Array]:
    weight = _tensor(path, tensors, f"{conv}.weight")
    gamma, beta, mean, variance = (
        _tensor(path, tensors, f"{norm}.{name}")
        for name in ("weight", "bias", "running_mean", "running_var")
    )
    if weight.ndim != 4 or {part.shape for part in (gamma, beta, mean, variance)} != {
        weight.shape[:1]
    }:
        raise FilterLabError(
            "{path}: {conv} and {norm} do not belong together", path=path, conv=conv, norm=norm
        )
    factor = gamma / np.sqrt(np.maximum(variance, 0.0) + _BN_EPSILON)
    return weight * factor[:, None, None, None], beta - mean * factor


def _tensor(path: Path, tensors: Mapping[str, Array], name: str) -> Array:
    if name not in tensors:
        raise FilterLabError(
            "{path}: it holds no {name}, so it is no file of this net", path=path, name=name
        )
    return np.asarray(tensors[name], np.float64)


def _onnx(path: Path, shapes: Shapes, step: str) -> Job[Blobs]:
    """The initializers of an ONNX file, by shape and order.

    Each blob of the net, in the net's order, takes the first array of its shape that is left, in
    the order in which the file's nodes use them; no array of floats may be left over. What a node
    multiplies by without transposing it lies the other way round.
    """
    import onnx
    from google.protobuf.message import DecodeError

    yield Progress(step, 0, len(shapes))
    wanted = sum(math.prod(shape) for row in shapes.values() for shape in row)
    try:
        with open_file(path) as stream:
            if os.fstat(stream.fileno()).st_size > 4 * wanted + _ONNX_HEADS:
                raise FilterLabError("{path}: too large for the weights of this net", path=path)
            graph = onnx.ModelProto.FromString(stream.read()).graph
    except OSError as error:
        raise FilterLabError(
            "{path}: cannot read it: {reason}", path=path, reason=reason_of(error)
        ) from error
    except DecodeError as error:
        raise FilterLabError("{path}: no ONNX file, or a damaged one", path=path) from error
    yield Progress(step, 0, len(shapes))
    used: dict[str, tuple[int, bool]] = {}
    for place, node in enumerate(graph.node):
        straight = node.op_type == "MatMul" or (
            node.op_type == "Gemm" and not any(a.name == "transB" and a.i for a in node.attribute)
        )
        for name in node.input:
            used.setdefault(name, (place, straight))
    arrays = [t for t in graph.initializer if t.data_type == onnx.TensorProto.FLOAT]
    arrays.sort(key=lambda tensor: used.get(tensor.name, (len(graph.node), False))[0])
    left = []
    for tensor in arrays:
        turned = len(tensor.dims) == 2 and used.get(tensor.name, (0, False))[1]
        left.append((tuple(tensor.dims)[:: -1 if turned else 1], turned, tensor))
    blobs: Blobs = {}
    for done, (layer, row) in enumerate(shapes.items(), start=1):
        blobs[layer] = []
        for shape in row:
            at = next((at for at, (found, *_) in enumerate(left) if found == shape), None)
            if at is None:
                raise FilterLabError(
                    "{path}: it holds no array of the shape {shape} for {layer}, so it "
                    "is no file of this net",
                    path=path,
                    shape=shape,
                    layer=layer,
                )
            _, turned, tensor = left.pop(at)
            values = _values(path, tensor)
            blobs[layer].append(values.T if turned else values)
        yield Progress(step, done, len(shapes), layer)
    if left:
        raise FilterLabError(
            "{path}: it holds {left} more arrays than this net, so it is no file of it",
            path=path,
            left=len(left),
        )
    return blobs


def _values(path: Path, tensor: Any) -> Array:
    """An initializer's values; never those of another file that it may point to."""
    if tensor.HasField("raw_data"):
        values = np.frombuffer(tensor.raw_data, "<f4")
    else:
        values = np.array(tensor.float_data, np.float32)
    if values.size != math.prod(tensor.dims):
        raise FilterLabError(
            "{path}: the array {name!r} is cut short, or elsewhere",
            path=path,
            name=tensor.name[:80],
        )
    return values.reshape(tuple(tensor.dims))


#: The converters by the names that a catalogue gives them.
CONVERTERS = {
    "efficientnet-lite": Converter(_efficientnet_lite, exact=True),
    "onnx": Converter(_onnx, exact=False),
}
