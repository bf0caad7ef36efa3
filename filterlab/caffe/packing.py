"""What is known here of ONNX Runtime's own ways with weights, and nowhere else.

When a session is made, ONNX Runtime lays the weights of convolutions out in blocks of channels
("NCHWc"), which makes them up to a third faster, but only weights that are constants. Here it is
shown constants that no others are like. Its optimized model then tells which layout it chose for
each, and the constants become inputs again, fed in that layout. So an edit costs the laying out of
the edited weight and never a new session.

For who maintains this. The interface is :func:`worth_packing`, :func:`pack` and :class:`Layout`.
What is taken for granted of ONNX Runtime:

- ``optimized_model_filepath`` writes a model that a session without optimizations runs as the
  optimizing session would have run its own. True since 1.0; the model has operations of the domain
  ``com.microsoft.nchwc``, which only the version that wrote it need know.
- Its layouts are blocks of kernels, and of channels if the input is in blocks too, zeros beyond the
  end: ``nchwc_transformer.cc`` and ``MlasReorderFilterOIHWBChw...`` are where to look. A layout is
  taken for known if every single value stands where :meth:`Layout.write` puts it; a block of
  another size is one more entry in :data:`BLOCKS`.
- It does nothing else with constant weights: the transformers that would are switched off by
  :data:`KEEP_WEIGHTS`. An initializer that is neither a known layout nor a constant of the model is
  the sign that it did, and :func:`pack` gives None: the weights are then fed as they are.

:func:`works` computes a small net both ways before the first use in a process. Where they differ,
nothing is ever laid out in it.
"""

from __future__ import annotations

import math
import os
import tempfile
from collections.abc import Callable, Iterator, Mapping
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from filterlab.caffe.blob import Shape

__all__ = ["Layout", "PackedModel", "pack", "works", "worth_packing"]

Floats = npt.NDArray[np.float32]

#: Outputs per kernel from which on the faster convolution outweighs the look for edits.
FEWEST_POSITIONS = 9
#: Fewer kernels than the channels of a block would be computed beside zeros.
FEWEST_KERNELS = 16
#: The most values of one weight, and of all together (160 MiB), that are laid out or transformed.
LARGEST = 2**22
MOST_VALUES = 10 * 2**22
#: What ONNX Runtime is shown in place of weights are random values of this seed.
SEED = 20160412
#: The first of a weight's values tells which weight it is, counted from here.
FIRST_MARK = 2**22
#: Channels in a block; which it is depends on the processor.
BLOCKS = (16, 8, 4, 32)


#: Transformers of ONNX Runtime that would compute with weights.
KEEP_WEIGHTS = ("ConvMulFusion", "ConvAddFusion", "ConvBNFusion")


#: Transformers of ONNX Runtime that join a convolution with the addition behind it even where its
#: own values are to be read (seen in 1.32), so that no session can be made. A session that fails is
#: tried again without them.
DEVOURS_OUTPUTS = ("ConvAddActivationFusion",)


class Layout(NamedTuple):
    """An input of the packed model, and how a weight is laid out in it.

    Attributes
    ----------
    input : str
        Name of the input.
    weight : str
        The weight's name in the unpacked graph.
    shape : Shape
        The input's.
    kernels, channels : int
        Kernels and channels in a block; both 1 if the weight is fed as it is.
    """

    input: str
    weight: str
    shape: Shape
    kernels: int
    channels: int

    @property
    def plain(self) -> bool:
        """Whether the weight is fed as it is."""
        return self.kernels == self.channels == 1

    def write(
        self, values: Floats, out: Floats, kernels: npt.NDArray[np.intp] | None = None
    ) -> None:
        """Lay a weight (kernels, channels, ...) or bias (kernels,) out in ``out``.

        ``out`` is a row of float32; where it is longer than the weight, it is zero and stays so.
        With ``kernels`` given, ``values`` are those kernels only.
        """
        if values.ndim == 1:
            out[: values.size] = values
            return
        n, c, *window = values.shape
        blocks = (_up(n, self.kernels), _up(c, self.channels))
        if kernels is not None:
            if c != blocks[1] * self.channels:
                padded = np.zeros((n, blocks[1] * self.channels, *window), np.float32)
                padded[:, :c] = values
                values = padded
            rows = values.reshape(n, blocks[1], self.channels, *window)
            rows = rows.transpose(0, 1, *range(3, rows.ndim), 2)
            laid = out.reshape(-1, blocks[1], *window, self.channels, self.kernels)
            for row, kernel in zip(rows, kernels.tolist()):
                laid[kernel // self.kernels, ..., kernel % self.kernels] = row
            return
        if (n, c) != (blocks[0] * self.kernels, blocks[1] * self.channels):
            padded = np.zeros(
                (blocks[0] * self.kernels, blocks[1] * self.channels, *window), np.float32
            )
            padded[:n, :c] = values
            values = padded
        values = values.reshape(blocks[0], self.kernels, blocks[1], self.channels, *window)
        order = (0, 2, *range(4, values.ndim), 3, 1)
        values = values.transpose(order)
        np.copyto(out.reshape(values.shape), values)


class PackedModel(NamedTuple):
    """An optimized ONNX model, serialized, and its inputs that are weights."""

    model: bytes
    layouts: tuple[Layout, ...]


def worth_packing(shape: Shape, top: Shape) -> bool:
    """Whether a convolution's weight of this shape gains by another layout."""
    return (
        len(shape) == 4
        and shape[0] >= FEWEST_KERNELS
        and math.prod(shape) <= LARGEST
        and math.prod(top) // shape[0] >= FEWEST_POSITIONS
    )


def pack(
    model: Callable[[dict[str, Floats]], bytes],
    shapes: Mapping[str, Shape],
    constants: set[bytes],
    session: Callable[[bytes, str], Any],
) -> PackedModel | None:
    """The model with weights laid out as ONNX Runtime chooses.

    Parameters
    ----------
    model : function
        Gives the serialized model with the weights named in its argument as constants.
    shapes : mapping
        Weights to lay out, and their shapes; all together at most :data:`MOST_VALUES` values.
    constants : set of bytes
        The values of all other float32 constants of the model.
    session : function
        Makes a session of a model that writes its optimized model into the file named.

    Returns
    -------
    PackedModel or None
        None if ONNX Runtime has no better layout on this processor, or did anything with the
        weights that is not understood here.
    """
    import onnx
    from onnx import TensorProto, helper, numpy_helper

    rng = np.random.default_rng(SEED)
    places = {name: _marks(rng, shape, i) for i, (name, shape) in enumerate(shapes.items())}
    starts = {float(p.flat[0]): name for name, p in places.items()}
    with tempfile.TemporaryDirectory(prefix="filterlab-") as folder:
        path = os.path.join(folder, "optimized.onnx")
        session(model(places), path)
        optimized = onnx.load_model(path)
    layouts: list[Layout] = []
    kept = []
    for initializer in optimized.graph.initializer:
        if initializer.data_type != TensorProto.FLOAT:
            kept.append(initializer)
            continue
        array = numpy_helper.to_array(initializer)
        weight = starts.get(float(array.flat[0])) if array.size else None
        layout = weight and _recognize(initializer.name, array, weight, places[weight])
        if bool(layout) == (array.tobytes() in constants):
            return None  # something else became of a weight or a constant, or it may be either
        if layout:
            layouts.append(layout)
        else:
            kept.append(initializer)
    found = {layout.weight for layout in layouts}
    if found != set(places) or all(layout.plain for layout in layouts):
        return None
    del optimized.graph.initializer[:]
    optimized.graph.initializer.extend(kept)
    optimized.graph.input.extend(
        helper.make_tensor_value_info(layout.input, TensorProto.FLOAT, layout.shape)
        for layout in layouts
    )
    return PackedModel(optimized.SerializeToString(), tuple(layouts))


def works(session: Callable[[bytes, str], Any], plain: Callable[[bytes], Any]) -> bool:
    """Whether a net with weights laid out computes what it computes with those as they are.

    Parameters
    ----------
    session : function
        As for :func:`pack`.
    plain : function
        Makes a session that runs a model as it stands.
    """
    from filterlab.caffe.graph import Graph

    shapes: dict[str, Shape] = {
        "first": (32, 3, 3, 3),
        "first:b": (32,),
        "middle": (32, 32, 3, 3),
        "depth": (32, 1, 3, 3),
        "last": (24, 32, 1, 1),
        "last:b": (24,),
        "grouped": (48, 8, 3, 3),
    }
    g = Graph()
    x = g.add_input("x", (1, 3, 12, 12))
    w = {name: g.add_weight(name, shape) for name, shape in shapes.items()}
    x = g.op("Conv", [x, w["first"], w["first:b"]], kernel_shape=[3, 3], pads=[1] * 4)
    x = g.op("Clip", [x, g.constant(0.0), g.constant(6.0)])
    x = g.op("Conv", [x, w["middle"]], kernel_shape=[3, 3], pads=[1] * 4)
    y = g.op("Relu", [g.op("Conv", [x, w["depth"]], kernel_shape=[3, 3], pads=[1] * 4, group=32)])
    x = g.op("MaxPool", [g.op("Add", [x, y])], kernel_shape=[2, 2], strides=[2, 2])
    x = g.op("Conv", [x, w["last"], w["last:b"]], kernel_shape=[1, 1])
    x = g.op("Conv", [g.op("Concat", [x, x], axis=1), w["grouped"]], kernel_shape=[3, 3], group=6)
    g.add_output("y", x, (1, 48, 4, 4))
    g.prune()
    packed = pack(g.model, shapes, g.constants(), session)
    if packed is None:
        return False
    rng = np.random.default_rng(SEED)
    values = {n: rng.standard_normal(shape, np.float32) for n, shape in shapes.items()}
    feeds = {"x": rng.standard_normal((1, 3, 12, 12), np.float32)}
    wanted = plain(g.model()).run(None, {**feeds, **values})[0]
    for layout in packed.layouts:
        laid = np.zeros(math.prod(layout.shape), np.float32)
        layout.write(values[layout.weight], laid)
        feeds[layout.input] = laid.reshape(layout.shape)
    found = plain(packed.model).run(None, feeds)[0]
    return bool(np.abs(found - wanted).max() <= 1e-5 * np.abs(wanted).max())


def _marks(rng: np.random.Generator, shape: Shape, number: int) -> Floats:
    """Values that tell where they stand, no block of them like any other; the first tells whose."""
    marks = rng.random(shape, np.float32) + np.float32(1)
    marks.flat[0] = FIRST_MARK + number
    return marks


def _recognize(name: str, array: Floats, weight: str, places: Floats) -> Layout | None:
    """The layout in which ``array`` holds the values of ``places``."""
    for kernels, channels in _candidates(places):
        layout = Layout(name, weight, tuple(array.shape), kernels, channels)
        blocks = _up(places.shape[0], kernels) * kernels
        count = blocks * math.prod(places.shape[1:])
        if places.ndim > 1:
            count = count // places.shape[1] * _up(places.shape[1], channels) * channels
        if count != array.size:
            continue
        laid = np.zeros(array.size, np.float32)
        layout.write(places, laid)
        if np.array_equal(laid, array.reshape(-1)):
            return layout
    return None


def _candidates(places: Floats) -> Iterator[tuple[int, int]]:
    """(kernels, channels) of the blocks that ONNX Runtime may have chosen."""
    yield 1, 1
    for block in BLOCKS:
        yield block, 1
        if places.ndim > 1:
            yield block, block


def _up(count: int, block: int) -> int:
    """How many blocks hold so many."""
    return -(-count // block)
