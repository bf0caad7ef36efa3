"""Kernels as text and as files.

Read, whatever program it came from: tab-separated cells of a spreadsheet, CSV, white-space rows
with ``#`` comments (ImageJ), ``a,b;c,d`` on one line (G'MIC, Matlab), Python and numpy literals,
JSON. Brackets may be multiplied or divided by a number. Fractions such as ``1/9`` and decimal
commas are understood where they cannot mean anything else. Errors name row and column, counted
from 1.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np

from filterlab.caffe.errors import CaffeError
from filterlab.caffe.files import atomic_write, open_file
from filterlab.caffe.npy import NPY_SIGNATURE, parse_npy
from filterlab.caffe.text import Text, reason_of
from filterlab.errors import FilterLabError
from filterlab.surgery.kernels import Kernel, as_kernel
from filterlab.surgery.kernels.cells import NotNumberError, read_cell, read_table

__all__ = [
    "FORMATS",
    "KERNEL_SUFFIXES",
    "format_kernel",
    "format_number",
    "parse_block",
    "parse_kernel",
    "parse_number",
    "read_kernel",
    "write_kernel",
]

_MAX_CHARACTERS = 200_000


def parse_number(text: str) -> float:
    """One number as typed into a cell: ``0.5``, ``-1e-3``, ``1/9`` or ``0,5``.

    Raises
    ------
    FilterLabError
        If it is none, or not finite.
    """
    try:
        return read_cell(text, decimal_comma=text.count(",") == 1 and "." not in text)
    except NotNumberError as error:
        raise FilterLabError(
            "the cell {what}; type a number such as 0.5, -2 or 1/9", what=error
        ) from None


# --- reading ----------------------------------------------------------------------------------


def parse_block(text: str, where: str = "") -> Kernel:
    """Rows of numbers of any size, as pasted over part of a kernel: float32 (rows, columns).

    Raises
    ------
    FilterLabError
        Naming row and column of what is no number, or the row that has another length.
    """
    prefix = Text("{where}: ", where=where) if where else ""
    if len(text) > _MAX_CHARACTERS:
        raise FilterLabError(
            "{prefix}too long to be a kernel; give a few rows of numbers", prefix=prefix
        )
    clean = _clean(text)
    if not clean:
        raise FilterLabError("{prefix}no numbers in it; give rows of numbers", prefix=prefix)
    rows = None
    if any(mark in clean for mark in "[({"):
        from filterlab.surgery.kernels.literals import read_literal

        rows = read_literal(clean, prefix)
    if rows is None:
        rows = read_table(clean, prefix)
    _check_rectangle(rows, prefix)
    return np.array(rows, dtype=np.float64).astype(np.float32)


def parse_kernel(text: str, where: str = "") -> Kernel:
    """A kernel from text in any of the known forms: float32 (kh, kw), odd sides up to 11.

    ``where`` (a file name) begins the error messages.

    Raises
    ------
    FilterLabError
        One sentence naming row and column, or the size.
    """
    return as_kernel(parse_block(text, where), where)


def _clean(text: str) -> str:
    text = text.lstrip("\ufeff").replace("\r\n", "\n").replace("\r", "\n").replace("\u00a0", " ")
    lines = (re.sub(r"(?<!\S)#(?!NUM|DIV).*$", "", line).rstrip() for line in text.split("\n"))
    lines_kept = [line for line in lines if line.strip()]
    # An indentation that all lines share carries no cell.
    while lines_kept and all(line[0] in " \t" for line in lines_kept):
        lines_kept = [line[1:] for line in lines_kept]
    return "\n".join(lines_kept)


def _check_rectangle(rows: Sequence[Sequence[float]], prefix: str) -> None:
    for number, row in enumerate(rows, 1):
        if len(row) != len(rows[0]):
            raise FilterLabError(
                Text.of_number(
                    "{prefix}row {row} has {count} value, row 1 has {first}; give every row as "
                    "many",
                    "{prefix}row {row} has {count} values, row 1 has {first}; give every row as "
                    "many",
                    len(row),
                    prefix=prefix,
                    row=number,
                    count=len(row),
                    first=len(rows[0]),
                )
            )
    if not rows or not rows[0]:
        raise FilterLabError("{prefix}no numbers in it; give rows of numbers", prefix=prefix)


# --- writing ----------------------------------------------------------------------------------


def format_number(value: float) -> str:
    """The shortest decimal that reads back as the same float32: ``0.1``, ``-4``, ``1e-05``."""
    text = str(np.float32(value))
    return text.removesuffix(".0") if text != "-0.0" else "0"


def _rows(kernel: Kernel) -> list[list[str]]:
    return [[format_number(value) for value in row] for row in kernel]


def _tsv(kernel: Kernel) -> str:
    return "".join("\t".join(row) + "\n" for row in _rows(kernel))


def _csv(kernel: Kernel) -> str:
    return "".join(",".join(row) + "\n" for row in _rows(kernel))


def _imagej(kernel: Kernel) -> str:
    rows = _rows(kernel)
    width = max(len(cell) for row in rows for cell in row)
    return "".join(" ".join(cell.rjust(width) for cell in row) + "\n" for row in rows)


def _gmic(kernel: Kernel) -> str:
    return ";".join(",".join(row) for row in _rows(kernel))


def _python(kernel: Kernel) -> str:
    return "[" + ",\n ".join("[" + ", ".join(row) + "]" for row in _rows(kernel)) + "]\n"


def _numpy(kernel: Kernel) -> str:
    rows = ",\n    ".join("[" + ", ".join(row) + "]" for row in _rows(kernel))
    return f"np.array([\n    {rows},\n], dtype=np.float32)\n"


def _json(kernel: Kernel) -> str:
    rows = ",\n    ".join("[" + ", ".join(row) + "]" for row in _rows(kernel))
    return f'{{\n  "kernel": [\n    {rows}\n  ]\n}}\n'


FORMATS: dict[str, Callable[[Kernel], str]] = {
    "tsv": _tsv,
    "csv": _csv,
    "imagej": _imagej,
    "gmic": _gmic,
    "python": _python,
    "numpy": _numpy,
    "json": _json,
}
"""The text forms by name; each reads back as the same kernel."""

#: Endings of kernel files, to the form in which one is written.
_SUFFIXES = {".csv": "csv", ".tsv": "tsv", ".json": "json", ".gmic": "gmic", ".py": "numpy"}

#: Endings by which dialogs, drops and readers know kernel files.
KERNEL_SUFFIXES = (".txt", *_SUFFIXES, ".npy")


def format_kernel(kernel: Kernel, style: str = "tsv") -> str:
    """The kernel (kh, kw) as text; ``style`` is a name from :data:`FORMATS`."""
    if style not in FORMATS:
        raise FilterLabError(
            "no text form {style!r}; choose one of {known}", style=style, known=", ".join(FORMATS)
        )
    return FORMATS[style](np.asarray(kernel, dtype=np.float32))


# --- files ------------------------------------------------------------------------------------


def read_kernel(path: str | os.PathLike[str]) -> Kernel:
    """A kernel (kh, kw) float32 from a text, JSON or ``.npy`` file; nothing in it is executed.

    Raises
    ------
    FilterLabError
        If the file is missing or holds no kernel; the message begins with its name.
    """
    file = Path(path)
    try:
        with open_file(file) as stream:
            raw = stream.read(4 * _MAX_CHARACTERS)
    except IsADirectoryError:
        raise FilterLabError(
            "{name}: a folder, not a kernel file; give a file", name=file.name
        ) from None
    except (OSError, ValueError) as error:
        reason = reason_of(error)
        raise FilterLabError(
            "cannot read the kernel file {path}: {reason}", path=file, reason=reason
        ) from None
    if raw.startswith(NPY_SIGNATURE) or file.suffix.lower() == ".npy":
        return _read_npy(raw, file.name)
    return parse_kernel(_decode(raw, file.name), file.name)


def _decode(raw: bytes, name: str) -> str:
    encoding = "utf-16" if raw[:2] in (b"\xff\xfe", b"\xfe\xff") else "utf-8-sig"
    try:
        text = raw.decode(encoding)
    except UnicodeDecodeError:
        text = "\0"
    if "\0" in text:
        raise FilterLabError(
            "{name}: not a text file; give a kernel as rows of numbers, JSON or .npy", name=name
        )
    return text


def _read_npy(raw: bytes, name: str) -> Kernel:
    try:
        return as_kernel(parse_npy(raw, name), name)
    except CaffeError as error:
        raise FilterLabError(error.message) from None


def write_kernel(path: str | os.PathLike[str], kernel: Kernel) -> None:
    """Write a kernel; the suffix chooses the form.

    ``.npy``, ``.json``, ``.csv``, ``.tsv``, ``.gmic``, ``.py`` (numpy), else white-space rows as
    ImageJ reads them.

    Raises
    ------
    FilterLabError
        If the file cannot be written.
    """
    file = Path(path)
    checked = as_kernel(kernel)
    try:
        if file.suffix.lower() == ".npy":
            with atomic_write(file) as stream:
                np.save(stream, checked, allow_pickle=False)
        else:
            style = _SUFFIXES.get(file.suffix.lower(), "imagej")
            with atomic_write(file, "w") as stream:
                stream.write(format_kernel(checked, style))
    except OSError as error:
        raise FilterLabError(
            "cannot write {path}: {reason}", path=file, reason=reason_of(error)
        ) from None
