"""Kernels as text and as files.

Read, whatever program it came from: tab-separated cells of a spreadsheet, CSV, white-space rows
with ``#`` comments (ImageJ), ``a,b;c,d`` on one line (G'MIC, Matlab), Python and numpy literals,
JSON. Fractions such as ``1/9`` and decimal commas are understood where they cannot mean anything
else. Errors name row and column, counted from 1.
"""

from __future__ import annotations

import ast
import json
import os
import re
import warnings
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from filterlab.caffe.files import atomic_write, open_file
from filterlab.errors import FilterLabError
from filterlab.surgery.kernels import Kernel, as_kernel

__all__ = [
    "FORMATS",
    "format_kernel",
    "format_number",
    "parse_block",
    "parse_kernel",
    "parse_number",
    "read_kernel",
    "write_kernel",
]

_MAX_CHARACTERS = 200_000
_DECIMAL = r"(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?"
_NUMBER = re.compile(rf"([+-]?{_DECIMAL})(?:/([+-]?{_DECIMAL}))?f?$")
_NOT_FINITE = re.compile(r"[+-]?(nan|inf|infinity|#num!|#div/0!)$", re.IGNORECASE)
_ARRAY_NAMES = frozenset({"array", "asarray", "matrix", "float32", "float64", "tensor", "Tensor"})
_JSON_KEYS = ("kernel", "values", "matrix", "data", "weights")


class _NotNumberError(ValueError):
    """A cell that is no number; the message says what it is instead."""


def _cell(text: str, decimal_comma: bool = False) -> float:
    plain = text.strip().strip("\"'").strip().replace("−", "-").replace("⁄", "/")
    plain = re.sub(r"\s*/\s*", "/", plain)
    if decimal_comma:
        plain = plain.replace(",", ".")
    if not plain:
        raise _NotNumberError("is empty")
    if _NOT_FINITE.match(plain):
        raise _NotNumberError(f"is {plain[:20]}, not a finite number")
    match = _NUMBER.match(plain)
    if not match:
        raise _NotNumberError(f"is {_shorten(plain)!r}, not a number")
    value = float(match[1])
    if match[2] is not None:
        below = float(match[2])
        if below == 0:
            raise _NotNumberError(f"is {plain}, a division by zero")
        value /= below
    with np.errstate(over="ignore"):
        fits = bool(np.isfinite(np.float32(value)))
    if not fits:
        raise _NotNumberError(f"is {_shorten(plain)}, too large for a float32 number")
    return value


def _shorten(text: str) -> str:
    return text if len(text) <= 24 else text[:23] + "…"


def parse_number(text: str) -> float:
    """One number as typed into a cell: ``0.5``, ``-1e-3``, ``1/9`` or ``0,5``.

    Raises
    ------
    FilterLabError
        If it is none, or not finite.
    """
    try:
        return _cell(text, decimal_comma=text.count(",") == 1 and "." not in text)
    except _NotNumberError as error:
        raise FilterLabError(f"the cell {error}; type a number such as 0.5, -2 or 1/9") from None


# --- reading ----------------------------------------------------------------------------------


def parse_block(text: str, where: str = "") -> Kernel:
    """Rows of numbers of any size, as pasted over part of a kernel: float32 (rows, columns).

    Raises
    ------
    FilterLabError
        Naming row and column of what is no number, or the row that has another length.
    """
    prefix = f"{where}: " if where else ""
    if len(text) > _MAX_CHARACTERS:
        raise FilterLabError(f"{prefix}too long to be a kernel; give a few rows of numbers")
    clean = _clean(text)
    if not clean:
        raise FilterLabError(f"{prefix}no numbers in it; give rows of numbers")
    rows = _structured(clean, prefix) if any(mark in clean for mark in "[({") else None
    if rows is None:
        rows = _table(clean, prefix)
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
                f"{prefix}row {number} has {len(row)} value{'s' * (len(row) != 1)}, row 1 has "
                f"{len(rows[0])}; give every row as many"
            )
    if not rows or not rows[0]:
        raise FilterLabError(f"{prefix}no numbers in it; give rows of numbers")


def _cells(rows: Sequence[Sequence[str]], comma: bool, prefix: str) -> list[list[float]]:
    result: list[list[float]] = []
    for row_number, row in enumerate(rows, 1):
        values = []
        for col_number, text in enumerate(row, 1):
            try:
                values.append(_cell(text, comma))
            except _NotNumberError as error:
                raise FilterLabError(
                    f"{prefix}row {row_number}, column {col_number} {error}; put a number there"
                ) from None
        result.append(values)
    return result


def _table(text: str, prefix: str) -> list[list[float]]:
    """Rows without brackets: find out what separates rows, cells and decimals."""
    text = re.sub(r"[ ]*([/⁄])[ ]*", r"\1", text)
    lines = text.split("\n")
    if ";" in text:
        inner = [";" in line.strip().rstrip(";") for line in lines]
        if len(lines) > 1 and all(inner):
            # A spreadsheet of a country that writes decimals with a comma.
            rows = [line.rstrip(";").split(";") for line in lines]
            return _cells(rows, "." not in text, prefix)
        lines = [part for line in lines for part in line.strip().rstrip(";").split(";")]
        if any(not line.strip() for line in lines):
            number = next(i for i, line in enumerate(lines, 1) if not line.strip())
            raise FilterLabError(f"{prefix}row {number} has no values; remove the extra semicolon")
    if any("\t" in line for line in lines):
        rows = [line.split("\t") for line in lines]
        # Tabs between comma-separated cells are decoration; else the comma is a decimal one.
        if not re.search(r",\s", text) and not re.search(r"\d,[^\t\n]*,", text):
            return _cells(rows, "." not in text, prefix)
    if any("," in line for line in lines):
        if _commas_are_decimal(lines):
            return _cells([line.split() for line in lines], True, prefix)
        return _cells([line.strip().removesuffix(",").split(",") for line in lines], False, prefix)
    return _cells([line.split() for line in lines], False, prefix)


def _commas_are_decimal(lines: Sequence[str]) -> bool:
    """Whether ``0,5 0,25 1`` is meant: white space between cells, never beside a comma."""
    tokens = [token for line in lines for token in line.split()]
    return (
        any(len(line.split()) > 1 for line in lines)
        and all(re.fullmatch(r"[+−-]?\d*(,\d+)?([eE][+-]?\d+)?", token) for token in tokens)
        and not any(token == "," for token in tokens)
    )


def _structured(text: str, prefix: str) -> list[list[float]] | None:
    """Python, numpy, JSON and C literals; None if the text is a bare table after all."""
    if text.startswith("{"):
        found = None
        try:
            found = json.loads(text)
        except json.JSONDecodeError as error:
            if ":" in text:  # not a list of numbers in braces, as in C
                raise FilterLabError(
                    f"{prefix}broken JSON at line {error.lineno}, column {error.colno}; expected "
                    '{"kernel": [[…], …]}'
                ) from None
        except RecursionError:
            raise FilterLabError(f"{prefix}nested too deeply to be a kernel") from None
        if isinstance(found, dict):
            for key in _JSON_KEYS:
                if key in found:
                    return _nested(found[key], prefix)
            raise FilterLabError(
                f'{prefix}the JSON object has no "kernel"; expected {{"kernel": [[…], …]}}'
            )
        text = text.replace("{", "[").replace("}", "]")
    literal = re.sub(r"(?<=[\d.])f(?=\s*[,\])])", "", text.rstrip("; \n"))
    literal = re.sub(r"^\w+\s*=\s*(?=[\w\[(])", "", literal)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of odd literals such as 1if; they are refused below
            tree = ast.parse(literal, mode="eval").body
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        tree = None
    if tree is not None and isinstance(tree, (ast.List, ast.Tuple, ast.Call, ast.BinOp)):
        return _nested(_literal(tree, prefix), prefix)
    if text[0] not in "[(":
        return None
    # As numpy prints it, or Matlab: brackets, but white space between the numbers.
    flat = re.sub(r"[\[(\s]*[\])][,;\s]*[\[(]", ";", text)
    return _table(re.sub(r"[\[\]()]", " ", flat).replace("\n", " ").strip(" ;"), prefix)


def _literal(node: ast.AST, prefix: str) -> Any:
    """The value of a literal of numbers, evaluated node by node: no names, no code."""
    if isinstance(node, (ast.List, ast.Tuple)):
        return [_literal(item, prefix) for item in node.elts]
    if isinstance(node, ast.Constant) and type(node.value) in (int, float, str):
        return node.value
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, (ast.USub, ast.UAdd)):
        value = _literal(node.operand, prefix)
        if isinstance(value, (int, float)):
            return -value if isinstance(node.op, ast.USub) else value
    if isinstance(node, ast.BinOp) and isinstance(node.op, (ast.Div, ast.Mult)):
        return _binary(node, prefix)
    if isinstance(node, (ast.Name, ast.Attribute)):
        name = node.id if isinstance(node, ast.Name) else node.attr
        if name.lower() in ("nan", "inf", "infinity"):
            return name
    if isinstance(node, ast.Call) and len(node.args) >= 1:
        name = getattr(node.func, "attr", getattr(node.func, "id", ""))
        if name in _ARRAY_NAMES:
            return _literal(node.args[0], prefix)
    raise FilterLabError(f"{prefix}holds more than numbers and brackets; give numbers only")


def _binary(node: ast.BinOp, prefix: str) -> Any:
    """``[[1, 1], [1, 1]] / 9``, ``1/9`` and ``1/9 * [[…]]``: numbers, or a list with a number."""
    left, right = _literal(node.left, prefix), _literal(node.right, prefix)
    divide = isinstance(node.op, ast.Div)
    if isinstance(right, list) and not divide:
        left, right = right, left
    repeats = isinstance(left, list) and isinstance(right, int) and not divide
    if isinstance(right, (int, float)) and not isinstance(left, str) and not repeats:
        if divide and right == 0:
            raise FilterLabError(f"{prefix}divides by zero; give finite numbers")
        factor: Callable[[float], float] = (
            (lambda v: v / right) if divide else (lambda v: v * right)
        )
        return _map(left, factor, prefix)
    raise FilterLabError(f"{prefix}holds more than numbers and brackets; give numbers only")


def _map(value: Any, change: Callable[[float], float], prefix: str) -> Any:
    if isinstance(value, list):
        return [_map(item, change, prefix) for item in value]
    if isinstance(value, (int, float)):
        try:
            return change(value)
        except OverflowError:
            raise FilterLabError(f"{prefix}a number is too large; give finite numbers") from None
    raise FilterLabError(f"{prefix}holds more than numbers and brackets; give numbers only")


def _nested(value: Any, prefix: str) -> list[list[float]]:
    while isinstance(value, list) and len(value) == 1 and _depth(value) > 2:
        value = value[0]
    depth = _depth(value)
    if depth == 1:
        value = [value]
    elif depth != 2 or not all(isinstance(row, list) for row in value):
        raise FilterLabError(f"{prefix}expected rows of numbers like [[1, 2, 1], [0, 0, 0], …]")
    # Through the same gate as text, so that "1/9", NaN and huge numbers are told alike.
    rows = [[repr(cell) if isinstance(cell, float) else str(cell) for cell in row] for row in value]
    return _cells(rows, False, prefix)


def _depth(value: Any) -> int:
    depth = 0
    while isinstance(value, list):
        depth += 1
        value = value[0] if value else None
    return depth


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

_SUFFIXES = {".csv": "csv", ".tsv": "tsv", ".json": "json", ".gmic": "gmic", ".py": "numpy"}


def format_kernel(kernel: Kernel, style: str = "tsv") -> str:
    """The kernel (kh, kw) as text; ``style`` is a name from :data:`FORMATS`."""
    if style not in FORMATS:
        raise FilterLabError(f"no text form {style!r}; choose one of {', '.join(FORMATS)}")
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
        raise FilterLabError(f"{file.name}: a folder, not a kernel file; give a file") from None
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise FilterLabError(f"cannot read the kernel file {file}: {reason}") from None
    if raw[:6] == b"\x93NUMPY" or file.suffix.lower() == ".npy":
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
            f"{name}: not a text file; give a kernel as rows of numbers, JSON or .npy"
        )
    return text


def _read_npy(raw: bytes, name: str) -> Kernel:
    import io

    try:
        array = np.load(io.BytesIO(raw), allow_pickle=False)
    except Exception:  # numpy raises many kinds for a broken header
        raise FilterLabError(
            f"{name}: not a plain .npy file of numbers (pickled objects are never opened); save "
            "the kernel with numpy.save"
        ) from None
    if not isinstance(array, np.ndarray) or array.dtype.kind not in "fiub":
        raise FilterLabError(f"{name}: holds no real numbers; save the kernel as float32")
    return as_kernel(array, name)


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
        raise FilterLabError(f"cannot write {file}: {error.strerror or error}") from None
