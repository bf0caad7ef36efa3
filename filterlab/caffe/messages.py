"""Arrays to pycaffe's messages and back: BlobProto, BlobProtoVector, Datum."""

from __future__ import annotations

import operator
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from filterlab.caffe.errors import CaffeError
from filterlab.caffe.proto import caffe_pb2
from filterlab.caffe.wire import shape_text

__all__ = [
    "array_to_blobproto",
    "array_to_datum",
    "arraylist_to_blobprotovector_str",
    "blobproto_to_array",
    "blobprotovector_str_to_arraylist",
    "datum_to_array",
    "floats",
]

Array = npt.NDArray[Any]
FloatArray = npt.NDArray[np.float32]


def floats(values: Any, what: str) -> FloatArray:
    """New float32 memory with these values."""
    try:
        return np.array(values, np.float32)
    except (TypeError, ValueError) as error:
        raise CaffeError("{what} is no array of numbers: {error}", what=what, error=error) from None


def _is_message(value: Any, field: str, kind: str) -> None:
    if not hasattr(value, field):
        raise CaffeError(
            "a {name__} is no {kind} message; from bytes {kind}.FromString makes one",
            name__=type(value).__name__,
            kind=kind,
        )


def blobproto_to_array(blob: caffe_pb2.BlobProto, return_diff: bool = False) -> FloatArray:
    """A BlobProto's data (or diff) as an array in its shape.

    Raises
    ------
    CaffeError
        If the shape has another number of values than are there.
    """
    _is_message(blob, "double_data", "BlobProto")
    if return_diff:
        values = np.array(blob.diff or blob.double_diff, np.float32)
    else:
        values = np.array(blob.double_data or blob.data, np.float32)
    if any(map(blob.HasField, ("num", "channels", "height", "width"))):
        shape: tuple[int, ...] = (blob.num, blob.channels, blob.height, blob.width)
    else:
        shape = tuple(blob.shape.dim)
    return _reshape(values, shape, "blob")


def _reshape(values: Array, shape: Sequence[int], what: str) -> Array:
    try:
        if min(shape, default=0) < 0:
            raise ValueError
        return values.reshape(shape)
    except ValueError:
        raise CaffeError(
            "the {what}'s shape {shape} does not fit its {size} values; make it anew",
            what=what,
            shape=shape_text(shape),
            size=values.size,
        ) from None


def array_to_blobproto(arr: Array, diff: Array | None = None) -> caffe_pb2.BlobProto:
    """An array of any shape, and optionally its diff, as a BlobProto."""
    blob = caffe_pb2.BlobProto()
    values = floats(arr, "the blob")
    blob.shape.dim.extend(values.shape)
    blob.data.extend(values.ravel().tolist())
    if diff is not None:
        blob.diff.extend(floats(diff, "the blob's diff").ravel().tolist())
    return blob


def arraylist_to_blobprotovector_str(arraylist: Iterable[Array]) -> bytes:
    """Arrays as a serialised BlobProtoVector."""
    vector = caffe_pb2.BlobProtoVector()
    vector.blobs.extend([array_to_blobproto(array) for array in arraylist])
    return vector.SerializeToString()


def blobprotovector_str_to_arraylist(str: bytes) -> list[FloatArray]:
    """A serialised BlobProtoVector as arrays."""
    vector = caffe_pb2.BlobProtoVector()
    try:
        vector.ParseFromString(str)
    except Exception as error:  # DecodeError, or RuntimeWarning of some versions
        raise CaffeError("these bytes are no BlobProtoVector") from error
    return [blobproto_to_array(blob) for blob in vector.blobs]


def array_to_datum(arr: Array, label: int | None = None) -> caffe_pb2.Datum:
    """A (channels, height, width) array as a Datum: uint8 as bytes, others as floats.

    Raises
    ------
    CaffeError
        If the array has not three axes.
    """
    arr = np.asarray(arr)
    if arr.ndim != 3:
        raise CaffeError("a datum takes channels x height x width, not {ndim} axes", ndim=arr.ndim)
    datum = caffe_pb2.Datum()
    datum.channels, datum.height, datum.width = arr.shape
    if arr.dtype == np.uint8:
        datum.data = arr.tobytes()
    else:
        datum.float_data.extend(floats(arr, "the datum").ravel().tolist())
    if label is not None:
        try:
            datum.label = operator.index(label)
        except (TypeError, ValueError):
            raise CaffeError(
                "a datum's label must be a whole number of 32 bits, not {label!r}", label=label
            ) from None
    return datum


def datum_to_array(datum: caffe_pb2.Datum) -> Array:
    """A Datum's (channels, height, width) array: uint8, or float for float data.

    Raises
    ------
    CaffeError
        If the datum is an encoded picture, or its shape does not fit its data.
    """
    _is_message(datum, "float_data", "Datum")
    if datum.encoded:
        raise CaffeError("the datum is an encoded picture; decode its data with OpenCV first")
    shape = (datum.channels, datum.height, datum.width)
    if len(datum.data):
        return _reshape(np.frombuffer(datum.data, np.uint8).copy(), shape, "datum")
    return _reshape(np.array(datum.float_data, float), shape, "datum")
