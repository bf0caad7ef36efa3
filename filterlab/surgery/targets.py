"""The files that saving writes, and a guard over those that were read."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from pathlib import Path

from filterlab.caffe.text import Text
from filterlab.errors import FilterLabError

__all__ = ["distinct_stems", "net_files", "spare_inputs"]

Name = str | os.PathLike[str]


def net_files(prefix: Name) -> tuple[Path, Path]:
    """``PREFIX.prototxt`` and ``PREFIX.caffemodel``; dots in the prefix stay."""
    path = Path(prefix)
    return path.with_name(path.name + ".prototxt"), path.with_name(path.name + ".caffemodel")


def distinct_stems(paths: Sequence[Path]) -> list[str]:
    """A name for each file: its stem, or with its ending where two would share a name."""
    stems = [path.stem.casefold() for path in paths]
    return [path.stem if stems.count(path.stem.casefold()) == 1 else path.name for path in paths]


def spare_inputs(targets: Iterable[Name], inputs: Iterable[Name], where: str = "") -> None:
    """Refuse to write onto a file that was read, under whatever name.

    ``where`` (an option) begins the error message.

    Raises
    ------
    FilterLabError
        Naming the targets that are inputs.
    """
    read = {_identity(path) for path in inputs} - {None}
    hit = [os.fspath(target) for target in targets if _identity(target) in read]
    if hit:
        prefix = Text("{where}: ", where=where) if where else ""
        raise FilterLabError(
            "{prefix}this would overwrite its own input, {hit}; choose another name",
            prefix=prefix,
            hit=", ".join(hit),
        )


def _identity(path: Name) -> tuple[int, int] | None:
    """What is the same for all names of a file, as ``os.path.samefile`` compares; None if none."""
    try:
        found = os.stat(path)
    except (OSError, ValueError):
        return None
    return found.st_dev, found.st_ino
