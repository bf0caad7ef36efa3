"""Protobuf's wire format, walked in place: the values of a blob are never parsed one by one.

A caffemodel has some hundred headers and millions of values. The headers are read here in
Python; the values of a packed field become an array over the same memory (a file mapped
copy-on-write, or bytes), so that opening a large file takes milliseconds. Or they are read from
the file straight into memory of their own, which no change of the file reaches.
"""

from __future__ import annotations

import contextlib
import io
import math
import mmap
import os
import sys
import weakref
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, NamedTuple, NoReturn

import numpy as np
import numpy.typing as npt

from filterlab.caffe.errors import CaffeError
from filterlab.caffe.files import open_file
from filterlab.caffe.text import Text, reason_of

__all__ = ["FileBytes", "Message", "Walker", "open_buffer", "open_bytes", "shape_text", "shown"]

FloatArray = npt.NDArray[np.float32]

VARINT, FIXED64, BYTES, FIXED32 = 0, 1, 2, 5
_WIDTHS = {FIXED64: 8, FIXED32: 4}
_LEGACY = ("num", "channels", "height", "width")
_AXES_LIMIT = 32  # Caffe's own
_VALUES_LIMIT = 2**31 - 1  # of a blob, also Caffe's own
# No net has nearly as many; noise may. A run of unpacked values counts as one.
_HEADERS_LIMIT = 500_000
_MAP_FROM = 8 << 20  # smaller files are read
_COPY_BELOW = 64 << 10  # smaller blobs get memory of their own, which is aligned
_RECORDS = 1 << 20  # unpacked values looked at together
_BLOCK = 64 << 10  # bytes of a file read at once where headers are walked


class _Origin(NamedTuple):
    """What a mapping was made from.

    The file's name and length, when it was last written to, and a descriptor, which names the
    file even after it has been renamed or deleted.
    """

    name: str
    handle: int
    size: int
    written: int


_mapped: weakref.WeakKeyDictionary[mmap.mmap, _Origin] = weakref.WeakKeyDictionary()


def shape_text(shape: Sequence[int]) -> str:
    """A shape as in ``8x3x11x11``."""
    return "x".join(str(dim) for dim in shape) or "()"


def shown(name: str) -> str:
    """A name from a file in quotes, cut where noise makes it long."""
    return repr(name if len(name) <= 60 else name[:57] + "...")


def _refused(name: str, error: Exception) -> CaffeError:
    if isinstance(error, FileNotFoundError):
        return CaffeError("{name}: no such file; check the path", name=name)
    return CaffeError("{name}: cannot be read ({reason})", name=name, reason=reason_of(error))


def open_buffer(path: str | os.PathLike[str]) -> memoryview:
    """The bytes of a file as writable memory; what is written there never reaches the file.

    Large files are mapped copy-on-write. Windows forbids to replace a file while it is mapped,
    which saving over an open net does, so there the file is read.

    Raises
    ------
    CaffeError
        If the file is missing, unreadable or empty.
    """
    name = os.fspath(path)
    try:
        with open_file(path) as stream:
            found = os.fstat(stream.fileno())
            if found.st_size >= _MAP_FROM and sys.platform != "win32":
                mapped = mmap.mmap(stream.fileno(), 0, access=mmap.ACCESS_COPY)
                handle = os.dup(stream.fileno())
                weakref.finalize(mapped, os.close, handle)
                _mapped[mapped] = _Origin(name, handle, found.st_size, found.st_mtime_ns)
                return memoryview(mapped)
            data = np.fromfile(stream, np.uint8).data
    except (OSError, ValueError) as error:
        raise _refused(name, error) from error
    if not len(data):
        raise CaffeError("{name}: the file is empty; copy or download it again", name=name)
    return data


class FileBytes:
    """An open file as bytes that are read when somebody looks, and values in memory of their own.

    Parameters
    ----------
    stream : binary file
        Open for reading; stays the caller's to close.
    name : str
        Named in errors.
    """

    def __init__(self, stream: io.BufferedReader, name: str) -> None:
        self._stream, self.name = stream, name
        found = os.fstat(stream.fileno())
        self._size, self._written = found.st_size, found.st_mtime_ns
        self._block, self._at = b"", 0

    def __len__(self) -> int:
        return self._size

    def __getitem__(self, where: Any) -> Any:
        """A byte as a number, or a range of bytes; only short ranges are asked for."""
        if isinstance(where, slice):
            start, stop, _ = where.indices(self._size)
            return self.array("u1", max(0, stop - start), start).tobytes()
        at = where - self._at
        if not 0 <= at < len(self._block):
            self._at = where
            self._block = self.array("u1", min(_BLOCK, self._size - where), where).tobytes()
            at = 0
        return self._block[at]

    def array(self, kind: str, count: int, start: int) -> npt.NDArray[Any]:
        """``count`` values of a numpy type from byte ``start`` on, in memory of their own."""
        values = np.empty(count, kind)
        room = values.view(np.uint8).data
        try:
            self._stream.seek(start)
            while len(room):
                got = self._stream.readinto(room)
                if not got:
                    raise self._changed()
                room = room[got:]
        except OSError as error:
            raise _refused(self.name, error) from error
        return values

    def check(self) -> None:
        """Make sure that nobody wrote to the file since it was opened.

        Raises
        ------
        CaffeError
            If so: what was read may be half old and half new.
        """
        found = os.fstat(self._stream.fileno())
        if (found.st_size, found.st_mtime_ns) != (self._size, self._written):
            raise self._changed()

    def _changed(self) -> CaffeError:
        return CaffeError(
            "{name}: the file was changed while it was being read; open it again when "
            "the other program has done with it",
            name=self.name,
        )


@contextlib.contextmanager
def open_bytes(path: str | os.PathLike[str]) -> Iterator[FileBytes]:
    """A file's bytes, read as they are asked for; at the end known not to have changed.

    Raises
    ------
    CaffeError
        If the file is missing, unreadable or empty, or was changed meanwhile.
    """
    name = os.fspath(path)
    try:
        stream = open_file(path)
    except (OSError, ValueError) as error:
        raise _refused(name, error) from error
    with stream:
        data = FileBytes(stream, name)
        if not len(data):
            raise CaffeError("{name}: the file is empty; copy or download it again", name=name)
        yield data
        data.check()


def mapping_of(array: npt.NDArray[Any]) -> mmap.mmap | None:
    """The mapped file that an array's memory is, or None."""
    base: Any = array
    while isinstance(base, (np.ndarray, memoryview)):
        base = base.obj if isinstance(base, memoryview) else base.base
    return base if isinstance(base, mmap.mmap) else None


def check_length(mapped: mmap.mmap) -> None:
    """Make sure that a mapped file is still as long as it was.

    Reading past the end of a mapped file that has been cut short kills the process.

    Raises
    ------
    CaffeError
        Naming the file.
    """
    if mapped.size() < len(mapped):
        origin = _mapped.get(mapped)
        raise CaffeError(
            "{name}: the file was cut short while a net was using it ({left} of {size} "
            "bytes are left); restore it, then open it again",
            name=origin.name if origin else "a mapped file",
            left=mapped.size(),
            size=len(mapped),
        )


def check_mapped(mappings: Iterable[mmap.mmap | None]) -> None:
    """Make sure that nobody wrote to mapped files since they were opened.

    What is written into a mapped file shows in those pages that no one has touched yet. A file
    that was deleted or replaced by another of its name stays whole for whoever mapped it.

    Raises
    ------
    CaffeError
        Naming the file.
    """
    for mapped in {m for m in mappings if m is not None}:
        check_length(mapped)
        origin = _mapped.get(mapped)
        if origin is None:
            continue
        found = os.fstat(origin.handle)
        if (found.st_size, found.st_mtime_ns) != (origin.size, origin.written):
            raise CaffeError(
                "{name}: another program wrote into the file while a net was using it; "
                "open it again, with Net(…, mapped=False) if that may happen any time",
                name=origin.name,
            )


class Message:
    """A range of bytes that holds a message, with the words by which errors name it."""

    __slots__ = ("end", "start", "what")

    def __init__(self, start: int, end: int, what: str) -> None:
        self.start, self.end, self.what = start, end, what


class Walker:
    """Walks messages in a buffer.

    Parameters
    ----------
    data : memoryview or FileBytes
        Bytes; arrays of values lie in them, and are writable if they are. Those of a file are
        read into memory of their own.
    path : str
        Named in errors.
    kind : str
        What the file should be, such as ``"caffemodel"``; named in errors.
    """

    def __init__(self, data: memoryview | FileBytes, path: str, kind: str) -> None:
        self.data, self.path, self.kind = data, path, kind
        self._headers = 0

    def fail(self, template: str, /, **args: Any) -> NoReturn:
        raise CaffeError("{path}: {message}", path=self.path, message=Text(template, **args))

    def _array(self, kind: str, count: int, start: int) -> npt.NDArray[Any]:
        if isinstance(self.data, FileBytes):
            return self.data.array(kind, count, start)
        return np.frombuffer(self.data, kind, count, start)

    def malformed(self, where: Message, what: str) -> NoReturn:
        self.fail(
            "no valid {kind}: {what} in {where}; copy or download the file again",
            kind=self.kind,
            what=what,
            where=where.what,
        )

    def varint(self, at: int, where: Message) -> tuple[int, int]:
        """The number at ``at`` (unsigned, 64 bits) and where it ends."""
        value = shift = 0
        data, end = self.data, where.end
        while True:
            if at >= end:
                self.fail(
                    "cut off in {where}, at byte {at}: the file or a message in it is "
                    "incomplete; copy or download it again",
                    where=where.what,
                    at=at,
                )
            byte = data[at]
            at += 1
            value |= (byte & 127) << shift
            if byte < 128:
                return value & 0xFFFFFFFFFFFFFFFF, at
            shift += 7
            if shift > 63:
                self.malformed(where, Text("a number of more than 10 bytes at byte {at}", at=at))

    def fields(self, where: Message) -> Iterator[tuple[int, int, int, int, int]]:
        """Each field as ``(number, wire type, start, end, count)``.

        For ``BYTES`` the range is the content; for ``VARINT`` the number's bytes. A run of
        fixed-width fields with the same one-byte tag comes as one, ``count`` values each
        preceded by its tag, from the first value's first byte on; otherwise ``count`` is 1.
        """
        at, data = where.start, self.data
        while at < where.end:
            self._headers += 1
            if self._headers > _HEADERS_LIMIT:
                self.malformed(where, Text("more than {most} fields", most=_HEADERS_LIMIT))
            tag_at = at
            tag, at = self.varint(at, where)
            number, wire = tag >> 3, tag & 7
            if number == 0 or tag >= 1 << 32:
                self.malformed(
                    where, Text("field number {number} at byte {at}", number=number, at=tag_at)
                )
            if wire == VARINT:
                start = at
                _, at = self.varint(at, where)
                yield number, wire, start, at, 1
            elif wire == BYTES:
                size, at = self.varint(at, where)
                if size > where.end - at:
                    self.fail(
                        "cut off in {where}: a field at byte {at} needs {size} bytes, "
                        "{left} are left; copy or download the file again",
                        where=where.what,
                        at=tag_at,
                        size=size,
                        left=where.end - at,
                    )
                yield number, wire, at, at + size, 1
                at += size
            elif wire in _WIDTHS:
                width = _WIDTHS[wire]
                if width > where.end - at:
                    self.fail(
                        "cut off in {where}, at byte {at}: a value of {width} bytes "
                        "needs more than the {left} left; copy or download the file again",
                        where=where.what,
                        at=at,
                        width=width,
                        left=where.end - at,
                    )
                count = 1
                if at - tag_at == 1 and data[at + width : at + width + 1] == data[tag_at:at]:
                    count = self._run_length(tag_at, where.end, width + 1)
                yield number, wire, at, at + count * (width + 1) - 1, count
                at += count * (width + 1) - 1
            else:
                self.malformed(where, Text("wire type {wire} at byte {at}", wire=wire, at=tag_at))

    def _run_length(self, at: int, end: int, step: int) -> int:
        """How many records of ``step`` bytes from ``at`` on begin with the same byte."""
        tag, count, chunk = self.data[at], 0, 1 << 10
        while True:
            records = min(chunk, (end - at) // step)
            if records == 0:
                return count
            tags = self._array("u1", records * step, at)[::step]
            other = np.flatnonzero(tags != tag)
            if other.size:
                return count + int(other[0])
            count += records
            at += records * step
            chunk = min(2 * chunk, _RECORDS)

    def expect(self, wire: int, wanted: tuple[int, ...], where: Message, field: str) -> None:
        """Complain if a known field has the wire type of another one."""
        if wire not in wanted:
            self.malformed(
                where, Text("field '{field}' of wire type {wire}", field=field, wire=wire)
            )

    def text(self, start: int, end: int) -> str:
        return bytes(self.data[start:end]).decode("utf-8", "backslashreplace")

    def signed(self, start: int, where: Message) -> int:
        value, _ = self.varint(start, where)
        return value - (1 << 64) if value >> 63 else value

    def numbers(self, wire: int, start: int, end: int, where: Message, into: list[int]) -> None:
        """Append repeated integers, packed or not."""
        if wire == VARINT:
            into.append(self.signed(start, where))
        else:
            at, inner = start, Message(start, end, where.what)
            while at < end and len(into) <= _AXES_LIMIT:
                value, at = self.varint(at, inner)
                into.append(value - (1 << 64) if value >> 63 else value)
        if len(into) > _AXES_LIMIT:
            self.malformed(where, Text("a shape of more than {most} axes", most=_AXES_LIMIT))

    def _values(
        self, wire: int, start: int, end: int, count: int, width: int, where: Message
    ) -> npt.NDArray[np.generic]:
        kind = "<f4" if width == 4 else "<f8"
        if wire == BYTES:
            if (end - start) % width:
                self.malformed(
                    where,
                    Text("{size} bytes of {width}-byte values", size=end - start, width=width),
                )
            return self._array(kind, (end - start) // width, start)
        # Unpacked: strip the tag before each value.
        joined = np.empty((count, width), np.uint8)
        for begin in range(0, count, _RECORDS):
            part = joined[begin : begin + _RECORDS]
            size = len(part) * (width + 1) - 1
            records = self._array("u1", size, start + begin * (width + 1))
            part[-1] = records[-width:]
            part[:-1] = records[:-width].reshape(len(part) - 1, width + 1)[:, :width]
        return joined.reshape(-1).view(kind)

    def blob(self, where: Message) -> FloatArray:
        """A BlobProto's values as a writable float32 array in its stored shape.

        Raises
        ------
        CaffeError
            If the shape is negative or has another number of values than are there.
        """
        shape: list[int] = []
        legacy: dict[int, int] = {}
        single: list[npt.NDArray[np.generic]] = []
        double: list[npt.NDArray[np.generic]] = []
        has_shape = False
        for number, wire, start, end, count in self.fields(where):
            if number in (1, 2, 3, 4):
                self.expect(wire, (VARINT,), where, _LEGACY[number - 1])
                legacy[number] = self.signed(start, where)
            elif number == 5:
                self.expect(wire, (BYTES, FIXED32), where, "data")
                single.append(self._values(wire, start, end, count, 4, where))
            elif number == 7:
                self.expect(wire, (BYTES,), where, "shape")
                has_shape = True
                inner = Message(start, end, where.what)
                for dim, dim_wire, dim_start, dim_end, _ in self.fields(inner):
                    if dim == 1:
                        self.expect(dim_wire, (VARINT, BYTES), where, "dim")
                        self.numbers(dim_wire, dim_start, dim_end, inner, shape)
            elif number == 8:
                self.expect(wire, (BYTES, FIXED64), where, "double_data")
                double.append(self._values(wire, start, end, count, 8, where))
        chunks = double if sum(chunk.size for chunk in double) else single
        found = sum(chunk.size for chunk in chunks)
        if legacy:
            shape = [legacy.get(number, 0) for number in (1, 2, 3, 4)]
        elif not has_shape:
            shape = [] if found == 1 else [found]  # BVLC writes a 0-d weight without a shape
        if any(dim < 0 for dim in shape):
            self.fail(
                "{where} has the shape {shape} with a negative dimension; copy or "
                "download the file again",
                where=where.what,
                shape=shape_text(shape),
            )
        wanted = math.prod(shape)
        if wanted != found:
            self.fail(
                "{what}: its shape {shape} says {wanted} values, but {found} are there; "
                "copy or download the file again",
                what=where.what,
                shape=shape_text(shape),
                wanted=wanted,
                found=found,
            )
        if math.prod(dim for dim in shape if dim) > _VALUES_LIMIT:  # numpy has no room for it
            self.fail(
                "{where} has the shape {shape}, which passes the {limit} values of a "
                "blob; copy or download the file again",
                where=where.what,
                shape=shape_text(shape),
                limit=_VALUES_LIMIT,
            )
        return _joined(chunks).reshape(shape)


def _joined(chunks: list[npt.NDArray[np.generic]]) -> FloatArray:
    """The chunks as one writable native float32 array, without a copy where that can be."""
    if not chunks:
        return np.zeros(0, np.float32)
    values = chunks[0] if len(chunks) == 1 else np.concatenate(chunks)
    with np.errstate(over="ignore", invalid="ignore"):
        single = values.astype(np.float32, copy=False)
    if not single.flags.writeable or (single is chunks[0] and single.nbytes < _COPY_BELOW):
        single = single.copy()
    return single
