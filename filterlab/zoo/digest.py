"""Digests of files: what a weights file must hash to."""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Generator
from dataclasses import dataclass
from pathlib import Path

from filterlab.caffe.text import Text

__all__ = ["Digest"]

_LENGTHS = {"sha1": 40, "sha256": 64, "git-blob": 40}
_CHUNK = 4 << 20  # about 10 ms of hashing


@dataclass(frozen=True)
class Digest:
    r"""The kind and the value of a digest.

    Attributes
    ----------
    kind : str
        ``"sha1"``, ``"sha256"``, or ``"git-blob"``: the name git gives a file, which is the
        SHA-1 of ``blob <length>\0`` and the bytes.
    value : str
        Lower-case hexadecimal.
    """

    kind: str
    value: str

    @classmethod
    def parse(cls, text: str) -> Digest:
        """From ``"kind:value"``; raises ValueError if it is none."""
        kind, _, value = text.partition(":")
        if kind not in _LENGTHS:
            raise ValueError(
                Text(
                    "digest kind is {kind!r}, must be one of {known}",
                    kind=kind,
                    known=", ".join(_LENGTHS),
                )
            )
        if not re.fullmatch(rf"[0-9a-f]{{{_LENGTHS[kind]}}}", value):
            raise ValueError(Text("{value!r} is no {kind} digest", value=value, kind=kind))
        return cls(kind, value)

    def __str__(self) -> str:
        return f"{self.kind} {self.value}"

    def of_steps(self, path: str | os.PathLike[str]) -> Generator[int, None, str]:
        """Hash a file in short steps, yielding the bytes read so far, returning the value."""
        path = Path(path)
        state = hashlib.sha256() if self.kind == "sha256" else hashlib.sha1(usedforsecurity=False)
        if self.kind == "git-blob":
            state.update(b"blob %d\0" % path.stat().st_size)
        done = 0
        with open(path, "rb") as stream:
            while chunk := stream.read(_CHUNK):
                state.update(chunk)
                done += len(chunk)
                yield done
        return state.hexdigest()
