"""What a net of one's own is, and what can be made of it: said before any surgery.

>>> from filterlab.surgery.doctor import examine
>>> print(examine("deploy.prototxt", "net.caffemodel"))      # doctest: +SKIP
a classifier of 1000 classes
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

import filterlab.caffe as caffe
from filterlab.caffe.caffemodel import read_weights
from filterlab.caffe.prototxt import read_net
from filterlab.caffe.text import Text, reason_of
from filterlab.errors import FilterLabError
from filterlab.surgery.geometry import MapGeometry
from filterlab.surgery.heatmap import Preprocessing
from filterlab.surgery.rewrite import ACTIVATIONS, Rewrite, ends_of, rewrite
from filterlab.surgery.spatial import input_shapes, layers_for_test, with_channels

__all__ = ["Findings", "Output", "Seen", "as_the_net_sees_it", "examine", "fill_weights"]

Shapes = Mapping[str, Sequence[int]]


@dataclass(frozen=True)
class Output:
    """One of a net's outputs.

    Attributes
    ----------
    blob : str
    values : int
        Classes, or whatever it measures.
    cells : (int, int)
        Rows and columns at the net's own input size: (1, 1) of a classifier.
    activation : str
        What the net itself makes it by: ``"softmax"``, ``"sigmoid"`` or ``"none"``.
    """

    blob: str
    values: int
    cells: tuple[int, int]
    activation: str


@dataclass(frozen=True)
class Findings:
    """What a net is.

    Attributes
    ----------
    prototxt : Path
    kind : str
        ``"classifier"``; ``"mapper"`` if it answers with a map of several cells already;
        ``"regression"`` if its values are no probabilities; empty if there is trouble.
    inputs : tuple of (str, tuple of int)
        Its inputs and their shapes.
    channels, declared_channels : int
        Of the picture: to be passed to the transplant, and as the prototxt has them. They differ
        where the weights are for others.
    size : (int, int)
        Height and width of its input.
    outputs : tuple of Output
        To choose from; ``output`` is the one chosen.
    activations : tuple of str
        To choose from; ``activation`` is the one chosen.
    values : int
        How many values the chosen output has: the classes.
    fully_convolutional : bool
        Whether nothing had to be recast.
    trouble : str
        Why it cannot be transplanted, a sentence; empty if it can.
    remarks : tuple of str
        What is worth knowing, sentences; the first says what the net is.
    """

    prototxt: Path
    kind: str = ""
    inputs: tuple[tuple[str, tuple[int, ...]], ...] = ()
    channels: int = 3
    declared_channels: int = 3
    size: tuple[int, int] = (0, 0)
    outputs: tuple[Output, ...] = ()
    output: str = ""
    activations: tuple[str, ...] = ()
    activation: str = ""
    values: int = 0
    fully_convolutional: bool = False
    trouble: str = ""
    remarks: tuple[str, ...] = ()

    @property
    def choices(self) -> dict[str, Any]:
        """What was chosen, as :func:`filterlab.surgery.transplant.transplant_job` takes it."""
        changed = self.channels != self.declared_channels
        return {
            "output": self.output or None,
            "activation": self.activation or None,
            "channels": self.channels if changed else None,
        }

    def labels_trouble(self, count: int) -> str:
        """What is to be said of a list of so many names; empty if it fits."""
        if not self.values or count == self.values:
            return ""
        return Text(
            "the list has {count} names, but the net answers with {values} values; "
            "choose the list that belongs to it",
            count=count,
            values=self.values,
        )

    def __str__(self) -> str:
        return "\n".join(self.remarks if not self.trouble else (self.trouble,))


@dataclass(frozen=True, eq=False)
class Seen:
    """A picture as a net gets it.

    Attributes
    ----------
    image : ndarray (height, width, 3) float32
        The net's input from ``low`` (0) to ``high`` (1); its channels as red, green and blue, in
        the order that the preprocessing says they have.
    low, high : float
        The smallest and the largest value that the net gets.
    """

    image: NDArray[np.float32]
    low: float
    high: float


def as_the_net_sees_it(
    picture: NDArray[Any], size: tuple[int, int], channels: int, preprocessing: Preprocessing
) -> Seen:
    """What mean, scale and order make of a picture, to look at.

    Raises
    ------
    FilterLabError
        If it is no picture, or the net takes neither 1 nor 3 channels.
    """
    data = preprocessing.apply(picture, size, channels)[0]
    low, high = float(data.min()), float(data.max())
    shown = (data - np.float32(low)) / np.float32(max(high - low, 1e-12))
    if channels == 1:
        shown = np.repeat(shown, 3, axis=0)
    elif preprocessing.order.upper() == "BGR":
        shown = shown[::-1]
    return Seen(np.ascontiguousarray(shown.transpose(1, 2, 0)), low, high)


def examine(
    prototxt: str | os.PathLike[str],
    weights: str | os.PathLike[str] | None = None,
    *,
    output: str | None = None,
    activation: str | None = None,
    channels: int | None = None,
) -> Findings:
    """Look at a net, and at its weights if they are given, without running it.

    ``output``, ``activation`` and ``channels`` are the user's choices; what is left out is chosen
    as the transplant would. Nothing is raised for a net that is no good: the findings say so.
    """
    path = Path(prototxt)
    try:
        return _examined(path, weights, output, activation, channels)
    except (FilterLabError, caffe.CaffeError, OSError) as error:
        return Findings(path, trouble=reason_of(error))


def _examined(
    path: Path,
    weights: str | os.PathLike[str] | None,
    output: str | None,
    activation: str | None,
    channels: int | None,
) -> Findings:
    param = read_net(path)
    shapes = input_shapes(param)
    picture = next((name for name, shape in shapes.items() if len(shape) == 4), None)
    declared = shapes[picture][1] if picture is not None else 3
    if weights is not None and channels is None:
        channels = _channels_of(param, picture, read_weights(os.fspath(weights)))
    if channels is not None and channels != declared:
        param = with_channels(param, channels)
        net = caffe.Net(param, caffe.TEST)
    else:
        channels = declared
        net = caffe.Net(str(path), caffe.TEST)
    blobs = {name: tuple(int(n) for n in blob.shape) for name, blob in net.blobs.items()}
    plan = rewrite(param, blobs, output, activation)
    if channels not in (1, 3):
        raise FilterLabError(
            "the net takes {channels} channels; pictures have 3 (colour) or 1 (grey)",
            channels=channels,
        )
    if weights is not None:
        fill_weights(net, os.fspath(weights))
    geometry = MapGeometry.of(param, plan.param, plan.output, plan.input)
    outputs = tuple(_output(blob, kind, blobs) for blob, kind in ends_of(param))
    values = int(blobs[plan.plain_score][1])
    cells = geometry.cells(*geometry.own_size)
    kind = "mapper" if cells != (1, 1) else "classifier"
    if plan.activation == "none":
        kind = "regression" if kind == "classifier" else kind
    fully = not any(c.kind in ("fc->conv", "pool->stride 1") for c in plan.changes)
    chosen = output or plan.end
    in_place = plan.score == plan.output and plan.activation != "none"
    return Findings(
        path,
        kind,
        tuple((name, tuple(shape)) for name, shape in shapes.items()),
        channels,
        declared,
        geometry.own_size,
        outputs,
        chosen,
        (plan.activation,) if in_place else ACTIVATIONS,
        plan.activation,
        values,
        fully,
        "",
        tuple(_remarks(plan, outputs, chosen, values, cells, fully, channels, declared)),
    )


def _output(blob: str, kind: str, blobs: Shapes) -> Output:
    shape = blobs[blob]
    cells = (int(shape[2]), int(shape[3])) if len(shape) == 4 else (1, 1)
    own = {"Softmax": "softmax", "Sigmoid": "sigmoid"}.get(kind, "none")
    return Output(blob, int(shape[1]) if len(shape) > 1 else 1, cells, own)


def _channels_of(param: Any, picture: str | None, weights: Mapping[str, Any]) -> int | None:
    """For how many channels of the picture the first convolution's weights are."""
    for layer in layers_for_test(param):
        if layer.type == "Convolution" and picture in layer.bottom:
            arrays = weights.get(layer.name)
            if arrays is not None and len(arrays) and np.ndim(arrays[0]) == 4:
                return int(np.shape(arrays[0])[1]) * int(layer.convolution_param.group)
    return None


def fill_weights(net: Any, weights: str) -> None:
    """Fill a net from a file; what the file lacks stays as it was drawn.

    Raises
    ------
    FilterLabError, CaffeError
        If it is no weights file, or has none of the net's weights, or weights of other shapes.
    """
    found = read_weights(weights)
    if net.params and not set(net.params).intersection(found):
        raise FilterLabError(
            "{weights}: none of the net's layers is in this file; give the weights that "
            "belong to the prototxt",
            weights=weights,
        )
    net.copy_from(found, source=weights)


def _remarks(
    plan: Rewrite,
    outputs: Sequence[Output],
    chosen: str,
    values: int,
    cells: tuple[int, int],
    fully: bool,
    channels: int,
    declared: int,
) -> list[str]:
    own = next((found.activation for found in outputs if found.blob == chosen), "none")
    told: list[str] = []
    if plan.activation == "none":
        told.append(
            Text("a net that measures: {values} values, which are no probabilities", values=values)
        )
    else:
        told.append(Text("a classifier of {values} classes", values=values))
    if values == 1 and own == "softmax":
        told.append(
            Text("its softmax over a single value would always say 100 %; the value is shown")
        )
    elif values == 1 and plan.activation == "none":
        told.append(Text("it has a single value; choose sigmoid if that answers yes or no"))
    elif own == "none" and plan.activation == "softmax":
        told.append(Text("it ends without a softmax; one is added"))
    elif own == "none" and plan.activation == "sigmoid":
        told.append(Text("it was made for classes independent of each other; a sigmoid is added"))
    if len(outputs) > 1:
        names = ", ".join(found.blob for found in outputs)
        told.append(
            Text(
                "it has {count} outputs ({names}); {chosen!r} is taken",
                count=len(outputs),
                names=names,
                chosen=chosen,
            )
        )
    if cells != (1, 1):
        told.append(
            Text(
                "at its own size it answers with a map of {cells}x{cells2} cells already",
                cells=cells[1],
                cells2=cells[0],
            )
        )
    elif fully:
        told.append(Text("it is fully convolutional already"))
    if channels != declared:
        told.append(
            Text(
                "its weights are for pictures of {channels} channels, not {declared} as "
                "the prototxt says; the weights are followed",
                channels=channels,
                declared=declared,
            )
        )
    if channels == 1:
        told.append(Text("it takes grey pictures"))
    return told
