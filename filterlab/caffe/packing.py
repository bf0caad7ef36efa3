"""Convolution weights in the layout that ONNX Runtime computes fastest with, still fed anew.

When a session is made, ONNX Runtime lays the weights of convolutions out in blocks of channels
("NCHWc"), which makes them up to a third faster, but only weights that are constants. Here it is
shown constants whose values are their own places. Its optimized model then tells which layout it
chose for each, and the constants become inputs again, fed in that layout. So an edit costs the
laying out of the edited weight and never a new session.
"""

from __future__ import annotations

import math
import os
import tempfile
from collections.abc import Callable, Iterator, Mapping
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from filterlab.caffe.blob import Blob, Shape, aligned

__all__ = ["Layout", "PackedModel", "PackedWeight", "pack", "worth_packing"]

Floats = npt.NDArray[np.float32]

#: Outputs per kernel from which on the faster convolution outweighs the look for edits.
FEWEST_POSITIONS = 100
#: Fewer kernels than the channels of a block would be computed beside zeros.
FEWEST_KERNELS = 16
#: The most values laid out, all weights together: 32 MiB.
MOST_VALUES = 2**23
#: Places are counted from here, where no constant of a net is, to 2^24, as far as float32 counts.
FIRST_PLACE = 2**23
#: Channels in a block; which it is depends on the processor.
BLOCKS = (16, 8, 4, 32)


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

    def write(self, values: Floats, out: Floats) -> None:
        """Lay a weight (kernels, channels, ...) or bias (kernels,) out in ``out``.

        ``out`` is a row of float32; where it is longer than the weight, it is zero and stays so.
        """
        if values.ndim == 1:
            out[: values.size] = values
            return
        n, c, *window = values.shape
        blocks = (_up(n, self.kernels), _up(c, self.channels))
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


class PackedWeight:
    """One net's weight, laid out; :meth:`refresh` follows the edits of the blob."""

    def __init__(self, layout: Layout, blob: Blob) -> None:
        self.layout = layout
        self.values = aligned(math.prod(layout.shape))
        self._blob = blob
        self._seen = bytearray(4 * blob.count)

    def refresh(self) -> None:
        """Lay the blob's values out, if a single bit of them changed since the last time."""
        flat = self._blob._storage.flat
        now = flat.view(np.uint8).data
        # A bytearray compares with a buffer by memcmp; bits, so that -0.0 and NaN count too.
        if self._seen != now:
            # First the copy: what another thread writes meanwhile is then seen the next time.
            memoryview(self._seen)[:] = now
            self.layout.write(flat.reshape(self._blob.shape), self.values)


def worth_packing(shape: Shape, top: Shape) -> bool:
    """Whether a convolution's weight of this shape gains by another layout."""
    return (
        len(shape) == 4
        and shape[0] >= FEWEST_KERNELS
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

    places: dict[str, Floats] = {}
    first = FIRST_PLACE
    for name, shape in shapes.items():
        count = math.prod(shape)
        places[name] = np.arange(first, first + count, dtype=np.float32).reshape(shape)
        first += count
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
