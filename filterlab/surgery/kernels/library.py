"""The user's own kernels, on disk, so that they outlive updates.

One JSON file in :func:`filterlab.paths.data_dir`. Every change reads the file, changes it and
replaces it whole, so that two windows do not lose each other's kernels. A file that cannot be
read is set aside under another name, never overwritten.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from filterlab import paths
from filterlab.caffe.files import atomic_write, open_file
from filterlab.caffe.text import Text, reason_of
from filterlab.errors import FilterLabError
from filterlab.surgery.kernels import as_kernel
from filterlab.surgery.kernels.text import format_number, read_kernel

__all__ = ["KernelLibrary", "SavedKernel"]

_FORMAT = "filterlab-kernels"
_VERSION = 1


@dataclass(frozen=True, eq=False)
class SavedKernel:
    """A kernel with a name.

    Attributes
    ----------
    name, category : str
    values : float32 (C, kh, kw), C 1 or 3
    bias : float
    """

    name: str
    category: str
    values: NDArray[np.float32]
    bias: float = 0.0


class KernelLibrary:
    """The kernels in one file.

    Attributes
    ----------
    notice : str
        A sentence for the user if a broken file was set aside; else empty.
    """

    def __init__(self, path: str | os.PathLike[str] | None = None) -> None:
        self.path = Path(path) if path is not None else paths.data_dir() / "kernels.json"
        self.notice = ""

    # --- reading ------------------------------------------------------------------------------

    def all(self) -> list[SavedKernel]:
        """Every kernel, in the order of saving."""
        try:
            return _read(self.path)
        except FileNotFoundError:
            return []
        except OSError as error:
            raise FilterLabError(
                "cannot read your kernels in {path}: {reason}",
                path=self.path,
                reason=reason_of(error),
            ) from None
        except FilterLabError as error:
            aside = self._set_aside()
            self.notice = Text(
                "your kernels in {path} could not be read ({reason}); the file is kept as {aside}",
                path=self.path.name,
                reason=error,
                aside=aside.name,
            )
            return []

    def _set_aside(self) -> Path:
        number = 1
        while True:
            aside = self.path.with_name(f"{self.path.stem}.broken-{number}{self.path.suffix}")
            if not os.path.exists(aside):
                os.replace(self.path, aside)
                return aside
            number += 1

    def categories(self) -> list[str]:
        """Names of the categories, sorted, without repeats."""
        return sorted({kernel.category for kernel in self.all()}, key=str.casefold)

    def get(self, name: str) -> SavedKernel:
        """The kernel of that name.

        Raises
        ------
        FilterLabError
            If there is none.
        """
        for kernel in self.all():
            if kernel.name == name:
                return kernel
        raise FilterLabError("none of your kernels is called {name!r}", name=name)

    # --- changing -----------------------------------------------------------------------------

    def save(
        self,
        name: str,
        values: ArrayLike,
        category: str = "",
        bias: float = 0.0,
        replace: bool = False,
    ) -> SavedKernel:
        """Keep a kernel (kh, kw) or (C, kh, kw) under a name.

        Raises
        ------
        FilterLabError
            If the name is empty or taken (unless ``replace``), or it is no kernel.
        """
        saved = _checked(name, category, values, bias)
        kernels = self.all()
        at = next((i for i, kernel in enumerate(kernels) if kernel.name == saved.name), None)
        if at is None:
            kernels.append(saved)
        elif replace:
            kernels[at] = saved
        else:
            raise FilterLabError(
                "you have a kernel called {name!r}; choose another name", name=saved.name
            )
        self._write(kernels)
        return saved

    def delete(self, name: str) -> SavedKernel:
        """Remove a kernel; returns it, so that it can be saved again."""
        kernel = self.get(name)
        self._write([other for other in self.all() if other.name != name])
        return kernel

    def rename(self, old: str, new: str, category: str | None = None) -> SavedKernel:
        """Give a kernel another name, and perhaps another category; it keeps its place."""
        kernels = self.all()
        kernel = self.get(old)
        changed = _checked(
            new, kernel.category if category is None else category, kernel.values, kernel.bias
        )
        if changed.name != old and any(other.name == changed.name for other in kernels):
            raise FilterLabError(
                "you have a kernel called {name!r}; choose another name", name=changed.name
            )
        self._write([changed if other.name == old else other for other in kernels])
        return changed

    def _write(self, kernels: Iterable[SavedKernel], path: Path | None = None) -> None:
        target = path or self.path
        try:
            target.parent.mkdir(parents=True, exist_ok=True)
            with atomic_write(target, "w") as stream:
                stream.write(_text(kernels))
        except OSError as error:
            raise FilterLabError(
                "cannot write {path}: {reason}; choose another place",
                path=target,
                reason=reason_of(error),
            ) from None

    # --- exchange -----------------------------------------------------------------------------

    def export(
        self, path: str | os.PathLike[str], names: Iterable[str] | None = None
    ) -> list[SavedKernel]:
        """Write some kernels (default: all) to a file that :meth:`import_file` reads."""
        kernels = self.all() if names is None else [self.get(name) for name in names]
        self._write(kernels, Path(path))
        return kernels

    def import_file(self, path: str | os.PathLike[str], category: str = "") -> list[SavedKernel]:
        """Add the kernels of an exported file, or of any single kernel file.

        A name that is taken gets a number. Nothing is added if the file is bad.

        Raises
        ------
        FilterLabError
            If the file holds no kernels.
        """
        file = Path(path)
        found: list[SavedKernel]
        if _is_library(file):
            found = _read(file)
        else:
            found = [_checked(file.stem, category, read_kernel(file), 0.0)]
        kernels = self.all()
        taken = {kernel.name for kernel in kernels}
        added = []
        for kernel in found:
            name = kernel.name
            number = 2
            while name in taken:
                name = f"{kernel.name} ({number})"
                number += 1
            taken.add(name)
            added.append(SavedKernel(name, kernel.category, kernel.values, kernel.bias))
        self._write([*kernels, *added])
        return added


def _checked(name: Any, category: Any, values: ArrayLike, bias: Any) -> SavedKernel:
    if not isinstance(name, str) or not isinstance(category, str):
        raise FilterLabError("a kernel's name and category are text")
    clean = re.sub(r"\s+", " ", name).strip()
    if not clean:
        raise FilterLabError("a kernel needs a name; type one")
    try:
        f"{clean}{category}".encode()
    except UnicodeEncodeError:
        raise FilterLabError(
            "kernel {clean!r}: a name or category that is no text", clean=clean
        ) from None
    try:
        offset, array = float(bias), np.asarray(values, dtype=np.float64)
    except (TypeError, ValueError, OverflowError):
        raise FilterLabError("kernel {clean!r}: not a rectangle of numbers", clean=clean) from None
    if not np.isfinite(offset):
        raise FilterLabError("kernel {clean!r}: its bias is not finite", clean=clean)
    grids = [array] if array.ndim == 2 else list(array) if array.ndim == 3 else []
    if len(grids) not in (1, 3):
        raise FilterLabError(
            "kernel {clean!r}: its shape is {shape}, none of a kernel",
            clean=clean,
            shape=array.shape,
        )
    stacked = np.stack([as_kernel(grid, Text("kernel {name!r}", name=clean)) for grid in grids])
    return SavedKernel(clean, re.sub(r"\s+", " ", category).strip(), stacked, offset)


def _is_library(path: Path) -> bool:
    try:
        with open_file(path) as stream:
            return _FORMAT.encode() in stream.read(200)
    except OSError:
        return False


def _read(path: Path) -> list[SavedKernel]:
    """The kernels of a library file; FilterLabError says what is wrong with it."""
    try:
        with open_file(path) as stream:
            document = json.loads(stream.read().decode("utf-8-sig"))
    except (UnicodeDecodeError, ValueError, RecursionError):
        raise FilterLabError("{name}: not a JSON file", name=path.name) from None
    if not isinstance(document, dict) or document.get("format") != _FORMAT:
        raise FilterLabError("{name}: not a file of FilterLab's kernels", name=path.name)
    if document.get("version") != _VERSION:
        raise FilterLabError(
            "{name}: written by another version of FilterLab ({found!r:.20}, this reads {wanted})",
            name=path.name,
            found=document.get("version"),
            wanted=_VERSION,
        )
    entries = document.get("kernels")
    if not isinstance(entries, list) or not all(isinstance(entry, dict) for entry in entries):
        raise FilterLabError("{name}: holds no list of kernels", name=path.name)
    return [
        _checked(
            entry.get("name"), entry.get("category", ""), entry.get("values"), entry.get("bias", 0)
        )
        for entry in entries
    ]


def _text(kernels: Iterable[SavedKernel]) -> str:
    """The file: JSON with one kernel row a line, so that people can read it."""
    entries = []
    for kernel in kernels:
        grids = [
            "[\n      "
            + ",\n      ".join(
                "[" + ", ".join(format_number(value) for value in row) + "]" for row in grid
            )
            + "\n    ]"
            for grid in kernel.values
        ]
        entries.append(
            f'  {{"name": {json.dumps(kernel.name, ensure_ascii=False)},\n'
            f'   "category": {json.dumps(kernel.category, ensure_ascii=False)},\n'
            f'   "bias": {kernel.bias!r},\n'
            f'   "values": [{", ".join(grids)}]}}'
        )
    inner = ",\n".join(entries)
    return f'{{"format": "{_FORMAT}", "version": {_VERSION}, "kernels": [\n{inner}\n]}}\n'
