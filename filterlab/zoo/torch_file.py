"""Tensors from a file of torch's old form (before 1.6), without PyTorch and without unpickling.

Such a file is five pickles (a magic number, a version, what the machine was like, the names of the
tensors and how they lie in their storages, the storages' keys) and then each storage's values. A
pickle is a program; the few of its instructions that such a file needs are carried out here, on
nothing but numbers, texts, tuples, dictionaries and descriptions of tensors. Every other
instruction, and every class or function but those in the tables below, is refused.

Source: ``_legacy_save`` in ``torch/serialization.py`` and Python's ``pickletools``.
"""

from __future__ import annotations

import os
import struct
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn

import numpy as np
import numpy.typing as npt

from filterlab.caffe.files import open_file
from filterlab.caffe.text import Text, reason_of
from filterlab.errors import FilterLabError

__all__ = ["parse_tensors", "read_tensors"]

Array = npt.NDArray[Any]

_MAGIC = 0x1950A86A20F9469CFC6C
_VERSION = 1001
_LIMIT = 1 << 30  # bytes of a file
_MOST_PICKLED = 1 << 20  # bytes of all pickles together; a net of 300 tensors has 50,000
_MOST_AXES = 8

_STORAGES = {
    "torch DoubleStorage": "<f8",
    "torch FloatStorage": "<f4",
    "torch HalfStorage": "<f2",
    "torch LongStorage": "<i8",
    "torch IntStorage": "<i4",
    "torch ShortStorage": "<i2",
    "torch CharStorage": "<i1",
    "torch ByteStorage": "<u1",
    "torch BoolStorage": "?",
}
_DICT = "collections OrderedDict"
_TENSOR = "torch._utils _rebuild_tensor_v2"


@dataclass(frozen=True, eq=False)
class _Global:
    """A name that the file speaks of; never looked up."""

    name: str


@dataclass(frozen=True, eq=False)
class _Storage:
    key: str
    dtype: str
    count: int


@dataclass(frozen=True, eq=False)
class _Tensor:
    storage: _Storage
    offset: int
    shape: tuple[int, ...]
    strides: tuple[int, ...]


_MARK = object()  # what a MARK instruction leaves on the stack


class _Damaged(Exception):  # noqa: N818 - becomes a FilterLabError that names the file
    """What is wrong with the bytes."""


def _refuse(what: str) -> NoReturn:
    raise _Damaged(what)


def read_tensors(path: str | os.PathLike[str]) -> dict[str, Array]:
    """The tensors in a file of torch's old form; see :func:`parse_tensors`.

    Raises
    ------
    FilterLabError
        If it cannot be read, or holds anything else; the message names it.
    """
    path = Path(path)
    try:
        with open_file(path) as stream:
            if os.fstat(stream.fileno()).st_size > _LIMIT:
                raise FilterLabError("{path}: too large for a file of tensors", path=path)
            data = stream.read()
    except OSError as error:
        raise FilterLabError(
            "{path}: cannot read it: {reason}", path=path, reason=reason_of(error)
        ) from error
    return parse_tensors(data, str(path))


def parse_tensors(data: bytes, name: str = "<tensors>") -> dict[str, Array]:
    """The tensors in the bytes of a file of torch's old form, by name in file order.

    Returns
    -------
    dict of str to array
        Of the stored dtype and shape; read-only views of ``data``.

    Raises
    ------
    FilterLabError
        If the bytes are damaged, or describe anything but tensors by name.
    """
    if data[:4] == b"PK\x03\x04":
        raise FilterLabError(
            "{name}: a file of torch's newer form (zip), which is not read here", name=name
        )
    try:
        return _parse(data)
    except _Damaged as damage:
        raise FilterLabError(
            "{name}: no file of tensors that can be read: {reason}", name=name, reason=damage
        ) from None


def _parse(data: bytes) -> dict[str, Array]:
    reader = _Reader(data)
    if reader.load() != _MAGIC or reader.load() != _VERSION:
        _refuse(Text("it does not begin as torch's old form does"))
    machine = reader.load()
    if not isinstance(machine, dict) or machine.get("little_endian") is not True:
        _refuse(Text("it was written on a machine of another byte order"))
    described = reader.load()
    keys = reader.load()
    if not isinstance(described, dict) or not all(
        isinstance(tensor, _Tensor) for tensor in described.values()
    ):
        _refuse(Text("it holds more than tensors by name"))
    if not isinstance(keys, list) or not all(isinstance(key, str) for key in keys):
        _refuse(Text("it does not say how its values are ordered"))
    storages = {tensor.storage.key: tensor.storage for tensor in described.values()}
    if len(keys) != len(storages) or set(keys) != storages.keys():
        _refuse(Text("its values are not those of its tensors"))
    values = {}
    at = reader.at
    for key in keys:
        storage = storages[key]
        size = storage.count * np.dtype(storage.dtype).itemsize
        if len(data) - at < 8 + size:
            _refuse(Text("it is cut short"))
        if struct.unpack_from("<q", data, at) != (storage.count,):
            _refuse(Text("the lengths of its values contradict each other"))
        values[key] = np.frombuffer(data, storage.dtype, storage.count, at + 8)
        at += 8 + size
    return {name: _view(values[t.storage.key], t) for name, t in described.items()}


def _view(values: Array, tensor: _Tensor) -> Array:
    return np.lib.stride_tricks.as_strided(
        values[tensor.offset :],
        tensor.shape,
        [step * values.itemsize for step in tensor.strides],
        writeable=False,
    )


class _Reader:
    """Carries out the pickles, one after the other.

    The work and the memory are bound by the number of bytes: no instruction makes more than a
    reference, or what its own bytes hold.
    """

    def __init__(self, data: bytes) -> None:
        self.data = data
        self.end = min(len(data), _MOST_PICKLED)
        self.at = 0
        self.stack: list[Any] = []
        self.memo: dict[int, Any] = {}
        self.storages: dict[str, _Storage] = {}

    def load(self) -> Any:
        """The next pickle's value."""
        self.stack, self.memo = [], {}
        while True:
            code = self.take(1)
            if code == b".":
                return self.pop()
            step = _STEPS.get(code)
            if step is None:
                _refuse(Text("byte {at} asks for what no tensor needs", at=self.at - 1))
            step(self)

    # The bytes.

    def take(self, count: int) -> bytes:
        if count > self.end - self.at:
            _refuse(Text("it is cut short"))
        self.at += count
        return self.data[self.at - count : self.at]

    def number(self, form: str) -> int:
        (value,) = struct.unpack(form, self.take(struct.calcsize(form)))
        return int(value)

    def line(self) -> str:
        end = self.data.find(b"\n", self.at, min(self.end, self.at + 200))
        if end < 0:
            _refuse(Text("it is cut short"))
        return self.take(end + 1 - self.at)[:-1].decode("ascii", "replace")

    # The stack.

    def push(self, value: Any) -> None:
        self.stack.append(value)

    def pop(self) -> Any:
        if not self.stack or self.stack[-1] is _MARK:
            _refuse(Text("its instructions do not fit together"))
        return self.stack.pop()

    def many(self, count: int) -> tuple[Any, ...]:
        return tuple(reversed([self.pop() for _ in range(count)]))

    def since_mark(self) -> list[Any]:
        values: list[Any] = []
        while self.stack:
            value = self.stack.pop()
            if value is _MARK:
                return values[::-1]
            values.append(value)
        _refuse(Text("its instructions do not fit together"))

    def top(self, kind: type) -> Any:
        if not self.stack or not isinstance(self.stack[-1], kind):
            _refuse(Text("its instructions do not fit together"))
        return self.stack[-1]

    # The instructions.

    def protocol(self) -> None:
        if self.number("<B") != 2:
            _refuse(Text("it is of another pickle protocol than torch's old form"))

    def long(self) -> None:
        self.push(int.from_bytes(self.take(self.number("<B")), "little", signed=True))

    def text(self) -> None:
        try:
            self.push(self.take(self.number("<I")).decode("utf-8"))
        except UnicodeDecodeError:
            _refuse(Text("a name in it is no text"))

    def put(self, form: str) -> None:
        self.memo[self.number(form)] = self.top(object)

    def get(self, form: str) -> None:
        key = self.number(form)
        if key not in self.memo:
            _refuse(Text("its instructions do not fit together"))
        self.push(self.memo[key])

    def look_up(self) -> None:
        name = f"{self.line()} {self.line()}"
        if name not in _STORAGES and name not in (_DICT, _TENSOR):
            _refuse(
                Text(
                    "it asks for {name!a}, which no tensor needs", name=name.replace(" ", ".")[:80]
                )
            )
        self.push(_Global(name))

    def call(self) -> None:
        arguments, function = self.pop(), self.pop()
        name = function.name if isinstance(function, _Global) else ""
        if name == _DICT and arguments == ():
            self.push({})
        elif name == _TENSOR and isinstance(arguments, tuple):
            self.push(_tensor(arguments))
        else:
            _refuse(Text("it calls what no tensor needs"))

    def storage(self) -> None:
        said = self.pop()
        if not (isinstance(said, tuple) and len(said) == 6 and said[0] == "storage"):
            _refuse(Text("a storage of it is not described as one"))
        _, kind, key, _, count, part = said
        if (
            not isinstance(kind, _Global)
            or kind.name not in _STORAGES
            or not isinstance(key, str)
            or type(count) is not int
            or not 0 <= count <= len(self.data)
            or part is not None
        ):
            _refuse(Text("a storage of it is not described as one"))
        found = _Storage(key, _STORAGES[kind.name], count)
        known = self.storages.setdefault(key, found)
        if (known.dtype, known.count) != (found.dtype, found.count):
            _refuse(Text("a storage of it is described in two ways"))
        self.push(known)

    def set_items(self, pairs: list[Any]) -> None:
        target = self.top(dict)
        if len(pairs) % 2 or not all(isinstance(key, str) for key in pairs[::2]):
            _refuse(Text("a name in it is no text"))
        target.update(zip(pairs[::2], pairs[1::2]))

    def append(self, values: list[Any]) -> None:
        self.top(list).extend(values)

    def build(self) -> None:
        """Attributes of a dictionary, such as the layers' versions: not needed."""
        self.pop()
        self.top(dict)


def _tensor(arguments: tuple[Any, ...]) -> _Tensor:
    """The description of a tensor that lies within its storage and is no larger than it."""
    if len(arguments) != 6:
        _refuse(Text("a tensor of it is not described as one"))
    storage, offset, shape, strides = arguments[:4]
    if not (
        isinstance(storage, _Storage)
        and all(isinstance(part, tuple) and len(part) <= _MOST_AXES for part in (shape, strides))
        and len(shape) == len(strides)
        and all(type(v) is int and 0 <= v <= storage.count for v in (offset, *shape, *strides))
    ):
        _refuse(Text("a tensor of it is not described as one"))
    count, last = 1, offset
    for length, step in zip(shape, strides):
        count *= length
        last += max(0, length - 1) * step
    # A tensor that repeats its values could be made as large as one likes.
    if count > storage.count or (count and last >= storage.count):
        _refuse(Text("a tensor of it is larger than its values"))
    return _Tensor(storage, offset, shape, strides)


_STEPS: dict[bytes, Callable[[_Reader], None]] = {
    b"\x80": _Reader.protocol,
    b"(": lambda reader: reader.push(_MARK),
    b"N": lambda reader: reader.push(None),
    b"\x88": lambda reader: reader.push(True),
    b"\x89": lambda reader: reader.push(False),
    b"J": lambda reader: reader.push(reader.number("<i")),
    b"K": lambda reader: reader.push(reader.number("<B")),
    b"M": lambda reader: reader.push(reader.number("<H")),
    b"\x8a": _Reader.long,
    b"X": _Reader.text,
    b")": lambda reader: reader.push(()),
    b"t": lambda reader: reader.push(tuple(reader.since_mark())),
    b"\x85": lambda reader: reader.push(reader.many(1)),
    b"\x86": lambda reader: reader.push(reader.many(2)),
    b"\x87": lambda reader: reader.push(reader.many(3)),
    b"]": lambda reader: reader.push([]),
    b"a": lambda reader: reader.append([reader.pop()]),
    b"e": lambda reader: reader.append(reader.since_mark()),
    b"}": lambda reader: reader.push({}),
    b"s": lambda reader: reader.set_items(list(reader.many(2))),
    b"u": lambda reader: reader.set_items(reader.since_mark()),
    b"q": lambda reader: reader.put("<B"),
    b"r": lambda reader: reader.put("<I"),
    b"h": lambda reader: reader.get("<B"),
    b"j": lambda reader: reader.get("<I"),
    b"c": _Reader.look_up,
    b"R": _Reader.call,
    b"Q": _Reader.storage,
    b"b": _Reader.build,
}
