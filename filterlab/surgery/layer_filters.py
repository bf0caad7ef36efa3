"""The filters of a trained net's layers, as kernels to look at and to try on a picture."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from filterlab.caffe.caffemodel import read_weights
from filterlab.caffe.prototxt import read_net
from filterlab.errors import FilterLabError
from filterlab.surgery.kernels import MAX_SIDE

__all__ = ["LayerFilters", "convolution_layers", "files_of_net", "read_layer_filters"]

_TEXTS = (".prototxt", ".pbtxt")


@dataclass(frozen=True, eq=False)
class LayerFilters:
    """The filters of one layer.

    Attributes
    ----------
    layer : str
        Its name in the net.
    kernels : float32 (N, C, kh, kw)
        Three channels are in the order RGB; sides are odd.
    bias : float32 (N,)
    """

    layer: str
    kernels: NDArray[np.float32]
    bias: NDArray[np.float32]

    @property
    def whole(self) -> bool:
        """Whether a filter fits the bench with all its channels: one, or three."""
        return self.kernels.shape[1] in (1, 3)

    def taken(self, index: int, channel: int = 0) -> tuple[NDArray[np.float32], float]:
        """A filter (1 or 3, kh, kw) and its bias; of many channels only one, without the bias.

        The bias of a filter over many channels belongs to the sum over all of them.
        """
        if self.whole:
            return self.kernels[index], float(self.bias[index])
        return self.kernels[index, channel : channel + 1], 0.0


def convolution_layers(prototxt: str | os.PathLike[str]) -> list[str]:
    """Names of a net's Convolutions whose kernels are not larger than the bench's.

    Raises
    ------
    FilterLabError
        If there is none.
    CaffeError
        If the file cannot be read.
    """
    net = read_net(os.fspath(prototxt))
    layers = [layer for layer in net.layer if layer.type == "Convolution"]
    if not layers:
        raise FilterLabError(
            "{path}: has no Convolution layer; open another net", path=os.fspath(prototxt)
        )
    small = [layer.name for layer in layers if _longest(layer.convolution_param) <= MAX_SIDE]
    # Where all are larger, reading the first one tells its size.
    return small or [layers[0].name]


def _longest(what: Any) -> int:
    return max([what.kernel_h, what.kernel_w, *what.kernel_size])


def read_layer_filters(
    prototxt: str | os.PathLike[str],
    weights: str | os.PathLike[str],
    order: str = "BGR",
    layer: str = "",
) -> LayerFilters:
    """The filters of a Convolution of a net, read without building the net.

    Parameters
    ----------
    order : str
        ``BGR`` or ``RGB``: how the net takes its colours; Caffe's nets take BGR.
    layer : str
        One of :func:`convolution_layers`; the first if empty.

    Raises
    ------
    FilterLabError
        If the layer has no weights, or its kernels are larger than the bench's.
    CaffeError
        If a file is broken.
    """
    name = layer or convolution_layers(prototxt)[0]
    blobs = read_weights(os.fspath(weights), mapped=False, only=[name]).get(name)
    if not blobs:
        raise FilterLabError(
            "{path}: has no weights for layer {layer!r}; open the file that belongs to "
            "the prototxt",
            path=os.fspath(weights),
            layer=name,
        )
    kernels = np.array(blobs[0], dtype=np.float32)
    if kernels.ndim != 4:
        raise FilterLabError(
            "layer {layer!r} has weights of {shape}; the bench shows filters of rows and columns",
            layer=name,
            shape="x".join(str(n) for n in kernels.shape),
        )
    # An even side gets a row or column of zeros, as padding on one side would.
    kernels = np.pad(kernels, [(0, 0), (0, 0), *((0, 1 - n % 2) for n in kernels.shape[2:])])
    if max(kernels.shape[2:]) > MAX_SIDE:
        raise FilterLabError(
            "layer {layer!r} has kernels of {rows} x {columns}; the bench takes up to "
            "{most} x {most}",
            layer=name,
            rows=kernels.shape[2],
            columns=kernels.shape[3],
            most=MAX_SIDE,
        )
    if kernels.shape[1] == 3 and order == "BGR":
        kernels = kernels[:, ::-1]
    count = len(kernels)
    bias = np.zeros(count, np.float32)
    if len(blobs) > 1 and blobs[1].size == count:
        bias[:] = np.asarray(blobs[1]).reshape(-1)
    return LayerFilters(name, np.ascontiguousarray(kernels), bias)


def files_of_net(path: str | os.PathLike[str]) -> tuple[Path, Path]:
    """Prototxt and weights of a net, the other one looked for beside the one given.

    Raises
    ------
    FilterLabError
        If the other one is not there, or it is not plain which it is.
    """
    path = Path(path)
    text_given = path.suffix.lower() in _TEXTS
    if text_given:
        other = _beside(path, ".caffemodel", ())
    else:
        other = _beside(path, ".prototxt", ("deploy.prototxt",))
    if other is None:
        raise FilterLabError(
            "{name}: its {what} was not found beside it; put the two into one folder.",
            name=path.name,
            what=".caffemodel" if text_given else ".prototxt",
        )
    return (path, other) if text_given else (other, path)


def _beside(path: Path, suffix: str, usual: tuple[str, ...]) -> Path | None:
    for candidate in (path.with_suffix(suffix), *(path.with_name(name) for name in usual)):
        if os.path.exists(candidate):
            return candidate
    alone = sorted(path.parent.glob(f"*{suffix}"))
    return alone[0] if len(alone) == 1 else None
