"""Files of torch's old form, written without torch."""

from __future__ import annotations

import collections
import io
import pickle
import struct
from typing import Any

import numpy as np

MAGIC = 0x1950A86A20F9469CFC6C
MACHINE = {"protocol_version": 1001, "little_endian": True, "type_sizes": {"int": 4}}
KINDS = {"f4": "FloatStorage", "f8": "DoubleStorage", "i8": "LongStorage", "u1": "ByteStorage"}


class Named:
    """Something that pickles as ``module.name``, as torch's own names do without torch."""

    def __init__(self, module: str, name: str) -> None:
        self.line = f"c{module}\n{name}\n".encode()

    def __call__(self) -> None:
        """The pickler wants to be able to."""


class Stored:
    """What a pickler writes as a persistent id."""

    def __init__(self, *said: Any) -> None:
        self.said = said


class Call:
    """What a pickler writes as a call of a function, with what follows it."""

    def __init__(self, function: Named, *arguments: Any, then: tuple[Any, ...] = ()) -> None:
        self.reduced = (function, arguments, *then)

    def __reduce__(self) -> Any:
        return self.reduced


class Pickler(pickle._Pickler):  # type: ignore[misc, name-defined]
    """Python's own pickler, but for names that cannot be imported here."""

    def persistent_id(self, thing: Any) -> Any:
        return thing.said if isinstance(thing, Stored) else None

    def save(self, thing: Any, *more: Any, **other: Any) -> None:
        if isinstance(thing, Named):
            self.write(thing.line)
        else:
            super().save(thing, *more, **other)


def dumped(thing: Any) -> bytes:
    out = io.BytesIO()
    Pickler(out, 2).dump(thing)
    return out.getvalue()


REBUILD = Named("torch._utils", "_rebuild_tensor_v2")


def storage(array: np.ndarray, key: str, **other: Any) -> Stored:
    kind = other.get("kind") or Named("torch", KINDS[array.dtype.str[1:]])
    return Stored("storage", kind, key, "cpu", other.get("count", array.size), other.get("part"))


def tensor(array: np.ndarray, key: str, **other: Any) -> Call:
    shape = other.get("shape", array.shape)
    strides = other.get("strides", tuple(s // array.itemsize for s in array.strides))
    hooks: Any = collections.OrderedDict()
    return Call(
        REBUILD, storage(array, key, **other), other.get("offset", 0), shape, strides, False, hooks
    )


def file_of(state: Any, values: dict[str, np.ndarray], **other: Any) -> bytes:
    """A file as torch's ``_legacy_save`` writes it."""
    data = b"".join(
        dumped(part)
        for part in (
            other.get("magic", MAGIC),
            other.get("version", 1001),
            other.get("machine", MACHINE),
            state,
            other.get("keys", list(values)),
        )
    )
    for array in values.values():
        data += struct.pack("<q", other.get("length", array.size)) + array.tobytes()
    return data
