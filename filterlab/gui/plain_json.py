"""JSON that another version, a torn disk or a stranger may have written: read with care.

Nothing a file holds keeps the window from opening. What cannot be meant (numbers that are not
finite or have hundreds of digits, texts of thousands of characters) is left out, value by value;
a file that cannot be read as a whole counts as empty. Either way it is told.
"""

from __future__ import annotations

import json
import math
import os
from pathlib import Path
from typing import Any

from filterlab.caffe.files import atomic_write, open_file

__all__ = ["MOST_BYTES", "read_plain", "write_plain"]

#: A larger file is none of ours: a session has some kilobytes.
MOST_BYTES = 4 << 20
_MOST_TEXT = 4096
_MOST_DIGITS = 16
_MOST_DEPTH = 24
_MOST_VALUES = 200_000


class _Odd(Exception):  # noqa: N818 - met in passing
    """A value that cannot be meant."""


_ODD = object()


def _integer(digits: str) -> Any:
    return int(digits) if len(digits) <= _MOST_DIGITS else _ODD


def _float(digits: str) -> Any:
    value = float(digits)
    return value if math.isfinite(value) else _ODD


def _constant(_: str) -> Any:  # NaN, Infinity
    return _ODD


def read_plain(path: Path) -> tuple[dict[str, Any], list[str]]:
    """A file's JSON object without what cannot be meant, and what was left out.

    Returns
    -------
    values : dict
        Plain values; texts and keys of at most 4096 characters without NUL, finite numbers of at
        most 16 digits. Empty if there is no such file, or it cannot be read.
    left_out : list of str
        The keys left out, ``tabs.heatmap.cells``; or one sentence part in brackets, why nothing
        could be read. Empty if all is well.
    """
    try:
        with open_file(path) as stream:
            data = stream.read(MOST_BYTES + 1)
    except FileNotFoundError:
        return {}, []
    except OSError as error:
        return {}, [f"({error.strerror or error})"]
    if len(data) > MOST_BYTES:
        return {}, [f"(over {MOST_BYTES >> 20} MB)"]
    try:
        found = json.loads(
            data.decode("utf-8"), parse_int=_integer, parse_float=_float, parse_constant=_constant
        )
    except (ValueError, RecursionError):
        return {}, ["(no JSON)"]
    if not isinstance(found, dict):
        return {}, ["(no JSON object)"]
    left_out: list[str] = []
    budget = [_MOST_VALUES]
    return _cleaned(found, "", 0, left_out, budget), left_out


def _cleaned(
    values: dict[str, Any], where: str, depth: int, left_out: list[str], budget: list[int]
) -> dict[str, Any]:
    kept: dict[str, Any] = {}
    for key, value in values.items():
        name = f"{where}{key[:40]}"
        try:
            _check_text(key)
            kept[key] = _checked(value, f"{name}.", depth + 1, left_out, budget)
        except _Odd:
            left_out.append(name)
    return kept


def _checked(value: Any, where: str, depth: int, left_out: list[str], budget: list[int]) -> Any:
    """The value; a list is kept whole or not at all, so that its places stay what they are."""
    budget[0] -= 1
    if value is _ODD or depth > _MOST_DEPTH or budget[0] < 0:
        raise _Odd
    if isinstance(value, str):
        _check_text(value)
    elif isinstance(value, list):
        return [_checked(part, where, depth + 1, left_out, budget) for part in value]
    elif isinstance(value, dict):
        return _cleaned(value, where, depth, left_out, budget)
    return value


def _check_text(text: str) -> None:
    if len(text) > _MOST_TEXT or "\0" in text:
        raise _Odd


def write_plain(path: Path, values: dict[str, Any], sync: bool = False) -> None:
    """Write an object as JSON, whole or not at all; file names of any bytes survive.

    Raises
    ------
    OSError
        If it cannot be written.
    """
    # ASCII only: half a surrogate pair, as in a file name that is not UTF-8, has no UTF-8.
    text = json.dumps(values, ensure_ascii=True, allow_nan=False, indent=1)
    path.parent.mkdir(parents=True, exist_ok=True)
    with atomic_write(path) as stream:
        stream.write(text.encode("ascii"))
        if sync:
            stream.flush()
            os.fsync(stream.fileno())
