"""A cell, and a table of cells, as numbers."""

from __future__ import annotations

import re
from collections.abc import Sequence

import numpy as np

from filterlab.caffe.text import Text
from filterlab.errors import FilterLabError

__all__ = ["DECIMAL", "NotNumberError", "read_cell", "read_cells", "read_table", "shorten"]

DECIMAL = r"(?:\d+(?:\.\d*)?|\.\d+)(?:[eE][+-]?\d+)?"
_NUMBER = re.compile(rf"([+-]?{DECIMAL})(?:/([+-]?{DECIMAL}))?f?$")
_NOT_FINITE = re.compile(r"[+-]?(nan|inf|infinity|#num!|#div/0!)$", re.IGNORECASE)


class NotNumberError(ValueError):
    """A cell that is no number; the message says what it is instead."""


def read_cell(text: str, decimal_comma: bool = False) -> float:
    """The number that a cell's text stands for; fractions such as 1/9 and quotes are taken."""
    plain = text.strip().strip("\"'").strip().replace("−", "-").replace("⁄", "/")
    plain = re.sub(r"\s*/\s*", "/", plain)
    if decimal_comma:
        plain = plain.replace(",", ".")
    if not plain:
        raise NotNumberError(Text("is empty"))
    if _NOT_FINITE.match(plain):
        raise NotNumberError(Text("is {what}, not a finite number", what=plain[:20]))
    match = _NUMBER.match(plain)
    if not match:
        raise NotNumberError(Text("is {what!r}, not a number", what=shorten(plain)))
    value = float(match[1])
    if match[2] is not None:
        below = float(match[2])
        if below == 0:
            raise NotNumberError(Text("is {what}, a division by zero", what=plain))
        value /= below
    with np.errstate(over="ignore"):
        fits = bool(np.isfinite(np.float32(value)))
    if not fits:
        raise NotNumberError(Text("is {what}, too large for a float32 number", what=shorten(plain)))
    return value


def shorten(text: str) -> str:
    """A stranger's text as part of a sentence: at most 24 characters."""
    return text if len(text) <= 24 else text[:23] + "…"


def read_cells(rows: Sequence[Sequence[str]], comma: bool, prefix: str) -> list[list[float]]:
    """The numbers of a table; an error begins with ``prefix`` and names row and column."""
    result: list[list[float]] = []
    for row_number, row in enumerate(rows, 1):
        values = []
        for col_number, text in enumerate(row, 1):
            try:
                values.append(read_cell(text, comma))
            except NotNumberError as error:
                raise FilterLabError(
                    "{prefix}row {row_number}, column {col_number} {error}; put a number there",
                    prefix=prefix,
                    row_number=row_number,
                    col_number=col_number,
                    error=error,
                ) from None
        result.append(values)
    return result


def read_table(text: str, prefix: str) -> list[list[float]]:
    """Rows without brackets: find out what separates rows, cells and decimals."""
    text = re.sub(r"[ ]*([/⁄])[ ]*", r"\1", text)
    lines = text.split("\n")
    if ";" in text:
        inner = [";" in line.strip().rstrip(";") for line in lines]
        if len(lines) > 1 and all(inner):
            # A spreadsheet of a country that writes decimals with a comma.
            rows = [line.rstrip(";").split(";") for line in lines]
            return read_cells(rows, "." not in text, prefix)
        lines = [part for line in lines for part in line.strip().rstrip(";").split(";")]
        if any(not line.strip() for line in lines):
            number = next(i for i, line in enumerate(lines, 1) if not line.strip())
            raise FilterLabError(
                "{prefix}row {number} has no values; remove the extra semicolon",
                prefix=prefix,
                number=number,
            )
    if any("\t" in line for line in lines):
        rows = [line.split("\t") for line in lines]
        # Tabs between comma-separated cells are decoration; else the comma is a decimal one.
        if not re.search(r",\s", text) and not re.search(r"\d,[^\t\n]*,", text):
            return read_cells(rows, "." not in text, prefix)
    if any("," in line for line in lines):
        if _commas_are_decimal(lines):
            return read_cells([line.split() for line in lines], True, prefix)
        return read_cells(
            [line.strip().removesuffix(",").split(",") for line in lines], False, prefix
        )
    return read_cells([line.split() for line in lines], False, prefix)


def _commas_are_decimal(lines: Sequence[str]) -> bool:
    """Whether ``0,5 0,25 1`` is meant: white space between cells, never beside a comma."""
    tokens = [token for line in lines for token in line.split()]
    return any(len(line.split()) > 1 for line in lines) and all(
        re.fullmatch(r"[+−-]?\d*(,\d+)?([eE][+-]?\d+)?", token) for token in tokens
    )
