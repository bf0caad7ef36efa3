"""Weights files (``.caffemodel``) of all generations to arrays, and arrays to weights files."""

from __future__ import annotations

import os
import re
from collections.abc import Collection, Generator, Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from filterlab.caffe.errors import CaffeError
from filterlab.caffe.files import atomic_write
from filterlab.caffe.proto import caffe_pb2
from filterlab.caffe.text import Text
from filterlab.caffe.wire import (
    BYTES,
    VARINT,
    FileBytes,
    Message,
    Walker,
    open_buffer,
    open_bytes,
    shown,
)

__all__ = ["layers_with_weights", "parse_weights", "read_weights", "reading", "write_weights"]

FloatArray = npt.NDArray[np.float32]
Steps = Generator[tuple[str, float], None, dict[str, list[FloatArray]]]

_HDF5_SIGNATURE = b"\x89HDF\r\n\x1a\n"
_SIGNATURES = {
    b"PK\x03\x04": Text("a zip archive (or PyTorch file)"),
    b"\x1f\x8b": Text("a gzip archive"),
    b"\x89PNG": Text("a PNG picture"),
    b"\xff\xd8\xff": Text("a JPEG picture"),
    b"\x93NUMPY": Text("a NumPy array"),
}
_PROTOBUF_LIMIT = 2**31 - 1
# Fields of NetParameter whose wire type tells a caffemodel from another protobuf file.
_NET_FIELDS: dict[int, tuple[str, tuple[int, ...]]] = {
    1: ("name", (BYTES,)),
    2: ("layers", (BYTES,)),
    3: ("input", (BYTES,)),
    4: ("input_dim", (VARINT, BYTES)),
    5: ("force_backward", (VARINT,)),
    6: ("state", (BYTES,)),
    7: ("debug_info", (VARINT,)),
    8: ("input_shape", (BYTES,)),
    100: ("layer", (BYTES,)),
}


def _refuse_other_files(data: memoryview | FileBytes, path: str) -> None:
    """Name the likeliest mistakes: text, a page saved from the web, a picture, an archive."""
    head = bytes(data[:4096])
    if not head:
        raise CaffeError("{path}: there are no bytes; give a caffemodel here", path=path)
    start = head.lstrip(b"\xef\xbb\xbf \t\r\n").lower()
    if start.startswith((b"<!doctype", b"<html", b"<?xml")):
        raise CaffeError(
            "{path}: a web page, not weights; download the caffemodel itself", path=path
        )
    if start.startswith(b"version https://git-lfs"):
        raise CaffeError(
            "{path}: a Git LFS pointer, not weights; fetch the file with 'git lfs pull'", path=path
        )
    if not re.search(rb"[^\t\n\r -~\x80-\xff]", head):
        raise CaffeError(
            "{path}: text, not weights; give a caffemodel here, and a prototxt as the net",
            path=path,
        )
    for signature, kind in _SIGNATURES.items():
        if head.startswith(signature):
            raise CaffeError(
                "{path}: {kind}, not weights; give a caffemodel here", path=path, kind=kind
            )


def _layer(
    walker: Walker, where: Message, name_field: int, blobs_field: int, v0_field: int | None
) -> tuple[str, list[Message]]:
    """Name and blobs of a layer; a V0 layer lies within a V1 layer."""
    name, blobs = "", []
    ranges: list[tuple[int, int]] = []
    for number, wire, start, end, _ in walker.fields(where):
        if number == name_field:
            walker.expect(wire, (BYTES,), where, "name")
            name = walker.text(start, end)
            where.what = Text("layer {layer}", layer=shown(name))
        elif number == blobs_field:
            walker.expect(wire, (BYTES,), where, "blobs")
            ranges.append((start, end))
        elif number == v0_field:
            walker.expect(wire, (BYTES,), where, "layer")
            name, inner = _layer(walker, Message(start, end, where.what), 1, 50, None)
            blobs += inner
    for index, (start, end) in enumerate(ranges):
        blobs.append(
            Message(
                start, end, Text("blob {whole} of layer {layer}", whole=index, layer=shown(name))
            )
        )
    return name, blobs


def _layers(walker: Walker, net: Message) -> Iterator[tuple[str, list[Message], int]]:
    """Name and blobs of each layer, and the byte where it ends."""
    index = 0
    for number, wire, start, end, _ in walker.fields(net):
        field, wanted = _NET_FIELDS.get(number, ("", (wire,)))
        walker.expect(wire, wanted, net, field)
        if number not in (2, 100):
            continue
        index += 1
        where = Message(start, end, Text("layer {whole}", whole=index))
        name_field, blobs_field, v0_field = (1, 7, None) if number == 100 else (4, 6, 1)
        name, blobs = _layer(walker, where, name_field, blobs_field, v0_field)
        net.what = Text("the net, after layer {layer}", layer=shown(name))
        yield name, blobs, end
    if not index:
        walker.fail("holds no layers; give a caffemodel here")


def read_weights(
    path: str | os.PathLike[str], mapped: bool = True, only: Collection[str] | None = None
) -> dict[str, list[FloatArray]]:
    """The weights in a file, by layer name in file order.

    Parameters
    ----------
    path : path
        A ``.caffemodel`` of any generation, or HDF5 (``.caffemodel.h5``).
    mapped : bool
        Whether a file of 8 MiB or more may be mapped rather than read. A mapped file opens in
        no time, but whoever writes into it meanwhile changes the weights, and whoever cuts it
        short ends the process that looks at them.
    only : collection of str, optional
        Names of the layers to read; all if not given.

    Returns
    -------
    dict of str to list of float32 arrays
        Layers without blobs are left out. Shapes are as stored: files of the V0 and V1
        generations hold 4-D blobs (a bias is 1x1x1xN). The arrays are writable; those of a large
        file are mapped from it copy-on-write, so that a change never reaches the file.

    Raises
    ------
    CaffeError
        If the file is missing, damaged or no weights file, or changed while it was being read.
    """
    if not mapped:
        return _run_out(reading(path, only))
    name = os.fspath(path)
    data = open_buffer(path)
    if data[:8] == _HDF5_SIGNATURE:
        return _of_hdf5(path, only)
    return parse_weights(data, name, only)


def reading(path: str | os.PathLike[str], only: Collection[str] | None = None) -> Steps:
    """:func:`read_weights` with ``mapped=False``, a layer a step.

    Each blob is read once, into the memory that it then stays in.

    Yields
    ------
    (str, float)
        The layer read, and the share of the file that lies behind.

    Raises
    ------
    CaffeError
        As :func:`read_weights`.
    """
    name = os.fspath(path)
    with open_bytes(path) as data:
        if data[:8] != _HDF5_SIGNATURE:
            return (yield from _parsing(data, name, only))
    return _of_hdf5(path, only)


def _of_hdf5(
    path: str | os.PathLike[str], only: Collection[str] | None
) -> dict[str, list[FloatArray]]:
    from filterlab.caffe import hdf5

    return hdf5.read_weights(path, only)


def layers_with_weights(path: str | os.PathLike[str]) -> list[str]:
    """Names of the layers of which a file holds weights, in file order; their values stay unread.

    Raises
    ------
    CaffeError
        As :func:`read_weights`.
    """
    name = os.fspath(path)
    with open_bytes(path) as data:
        if data[:8] != _HDF5_SIGNATURE:
            _refuse_other_files(data, name)
            walker = Walker(data, name, "caffemodel")
            layers = _layers(walker, Message(0, len(data), Text("the net")))
            return list(dict.fromkeys(layer for layer, blobs, _ in layers if blobs))
    return list(_of_hdf5(path, None))


def parse_weights(
    data: bytes | memoryview, path: str = "<weights>", only: Collection[str] | None = None
) -> dict[str, list[FloatArray]]:
    """The weights in the bytes of a ``.caffemodel``; see :func:`read_weights`.

    Where the bytes are writable, large arrays are views of them.
    """
    return _run_out(_parsing(memoryview(data), path, only))


def _parsing(data: memoryview | FileBytes, path: str, only: Collection[str] | None) -> Steps:
    _refuse_other_files(data, path)
    walker = Walker(data, path, "caffemodel")
    found: dict[str, list[FloatArray]] = {}
    for layer, blobs, end in _layers(walker, Message(0, len(data), Text("the net"))):
        # Of two layers with one name, as for two phases, the later with blobs counts.
        if blobs and (only is None or layer in only):
            found[layer] = [walker.blob(blob) for blob in blobs]
        yield layer, end / len(data)
    return found


def _run_out(steps: Steps) -> dict[str, list[FloatArray]]:
    while True:
        try:
            next(steps)
        except StopIteration as end:
            found: dict[str, list[FloatArray]] = end.value
            return found


def _varint(value: int) -> bytes:
    parts = bytearray()
    while value > 127:
        parts.append(value & 127 | 128)
        value >>= 7
    parts.append(value)
    return bytes(parts)


def _field(number: int, size: int) -> bytes:
    """The header of a length-delimited field."""
    return _varint(number << 3 | BYTES) + _varint(size)


def _blob_parts(array: FloatArray) -> tuple[list[Any], int]:
    """A BlobProto in parts to write one after the other, and its size in bytes."""
    dims = b"".join(_varint(dim) for dim in array.shape)
    shape = _field(1, len(dims)) + dims if dims else b""
    head = _field(7, len(shape)) + shape + _field(5, array.nbytes)
    return [head, array], len(head) + array.nbytes


def write_weights(
    path: str | os.PathLike[str],
    net: caffe_pb2.NetParameter,
    weights: Mapping[str, Sequence[npt.NDArray[Any]]],
) -> None:
    """Write a ``.caffemodel`` of today's form, values packed, that BVLC Caffe reads too.

    The file appears whole or not at all. It may be the one that the weights are mapped from.

    Parameters
    ----------
    path : path
        The file to write; replaced if it exists.
    net : NetParameter
        Of today's form. Its layers are written in order, with the weights in place of the blobs
        that they hold.
    weights : mapping of str to sequence of arrays
        Blobs by layer name; each is written as float32 in its shape. A layer without an entry
        is written without blobs.

    Raises
    ------
    CaffeError
        If a name is no layer of the net, the net is of an old generation, or the file would pass
        protobuf's limit of 2 GiB.
    OSError
        If the file cannot be written.
    """
    name = os.fspath(path)
    if net.layers:
        raise CaffeError(
            "{name}: the net to save is of an old generation; upgrade it first", name=name
        )
    strange = weights.keys() - {layer.name for layer in net.layer}
    if strange:
        raise CaffeError(
            "{name2}: no layer is named {name!r} in the net to save",
            name2=name,
            name=sorted(strange)[0],
        )
    top = caffe_pb2.NetParameter()
    top.CopyFrom(net)
    del top.layer[:]
    parts: list[Any] = [top.SerializePartialToString()]
    total = len(parts[0])
    for layer in net.layer:
        if layer.blobs:
            bare = caffe_pb2.LayerParameter()
            bare.CopyFrom(layer)
            del bare.blobs[:]
            layer = bare
        inner: list[Any] = [layer.SerializePartialToString()]
        size = len(inner[0])
        for blob in weights.get(layer.name, ()):
            array = np.ascontiguousarray(blob, "<f4").reshape(np.shape(blob))
            blob_parts, blob_size = _blob_parts(array)
            head = _field(7, blob_size)
            inner += [head, *blob_parts]
            size += len(head) + blob_size
        head = _field(100, size)
        parts += [head, *inner]
        total += len(head) + size
    if total > _PROTOBUF_LIMIT:
        raise CaffeError(
            "{name}: {total} bytes pass the 2 GiB that a caffemodel can hold; save as "
            "HDF5 (save_hdf5) instead",
            name=name,
            total=total,
        )
    with atomic_write(path) as stream:
        for part in parts:
            stream.write(part if isinstance(part, bytes) else part.reshape(-1).data)
