"""Weights from files that were written for other programs, by the converter a catalogue names.

A converter is a job: it reads the file and returns the blobs of a net's layers, whose shapes it is
told. Whether each blob has its shape is left to whoever calls it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from filterlab.errors import FilterLabError
from filterlab.progress import Job, Progress
from filterlab.zoo.torch_file import read_tensors

__all__ = ["CONVERTERS", "Blobs", "Converter", "Shapes"]

Array = npt.NDArray[Any]
Blobs = dict[str, list[Array]]
Shapes = Mapping[str, list[tuple[int, ...]]]

_BN_EPSILON = 1e-3


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
        raise FilterLabError(f"{path}: {conv} and {norm} do not belong together")
    factor = gamma / np.sqrt(np.maximum(variance, 0.0) + _BN_EPSILON)
    return weight * factor[:, None, None, None], beta - mean * factor


def _tensor(path: Path, tensors: Mapping[str, Array], name: str) -> Array:
    if name not in tensors:
        raise FilterLabError(f"{path}: it holds no {name}, so it is no file of this net")
    return np.asarray(tensors[name], np.float64)


#: The converters by the names that a catalogue gives them.
CONVERTERS = {
    "efficientnet-lite": Converter(_efficientnet_lite, exact=True),
}
