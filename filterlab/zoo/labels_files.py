"""The many forms in which people keep class names, read into rows."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from filterlab.caffe.files import open_file
from filterlab.caffe.text import Text, reason_of
from filterlab.errors import FilterLabError
from filterlab.languages import ENGLISH, LANGUAGES, known
from filterlab.zoo.toml import read_toml

__all__ = ["GroupRow", "Row", "read_groups", "read_rows"]

_LIMIT = 16 << 20
_MOST_MEMBERS = 1 << 20  # of a group
_WNID = re.compile(r"n\d{8}")
_CJK = re.compile(r"[\u3400-\u9fff]")
#: What names in Chinese characters are taken for where nothing says it.
_CHINESE = "zh_CN"
_HEADS = {
    "index": "index",
    "id": "index",
    "class": "index",
    "wnid": "wnid",
    "synset": "wnid",
    "names": "names",
    "name": "names",
    "english": "names",
    "en": "names",
    "label": "names",
    "labels": "names",
    "note": "note",
}


@dataclass(frozen=True)
class Row:
    """One class as a labels file gives it; ``other`` are names in other languages, by code."""

    index: int
    names: tuple[str, ...] = ()
    other: tuple[tuple[str, str], ...] = ()
    wnid: str = ""
    note: str = ""


@dataclass(frozen=True)
class GroupRow:
    """A group of classes as its file gives it."""

    id: str
    name: str
    other: tuple[tuple[str, str], ...]
    indices: tuple[int, ...]


def read_rows(path: Path) -> list[Row]:
    """Rows of a labels file, in any form that :func:`filterlab.zoo.labels.read_labels` knows.

    Raises
    ------
    FilterLabError
        If it holds no class names, or a line cannot be read.
    """
    text = _text(path)
    if text.lstrip().startswith(("[", "{")):
        rows = _from_json(text, path)
    else:
        rows = _from_lines(text, path)
    if not rows:
        raise FilterLabError("{path}: no class names in it", path=path)
    return rows


def _text(path: Path) -> str:
    try:
        if path.stat().st_size > _LIMIT:
            raise FilterLabError("{path}: too large to be a list of class names", path=path)
        with open_file(path) as stream:
            data = stream.read()
    except OSError as error:
        raise FilterLabError(
            "{path}: cannot read the labels: {reason}", path=path, reason=reason_of(error)
        ) from error
    for encoding in ("utf-8-sig", "gb18030"):
        try:
            text = data.decode(encoding)
        except UnicodeDecodeError:
            continue
        # Control characters never stand in a list of names: this is some other kind of file.
        if not re.search(r"[\0-\x08\x0e-\x1f]", text):
            return text
    raise FilterLabError(
        "{path}: not a text file, so no class names can be read from it", path=path
    )


def _synonyms(text: str) -> tuple[str, ...]:
    separator = r";" if ";" in text else r",\s+"
    return tuple(name for part in re.split(separator, text) if (name := part.strip()))


def _row(index: int, text: str) -> Row:
    """From free text: an optional WordNet id, then names."""
    head, _, rest = text.strip().partition(" ")
    wnid = head if _WNID.fullmatch(head) else ""
    names = _synonyms(rest if wnid else text)
    chinese = [name for name in names if _CJK.search(name)]
    return Row(
        index,
        tuple(name for name in names if name not in chinese),
        ((_CHINESE, "; ".join(chinese)),) if chinese else (),
        wnid,
    )


def _from_lines(text: str, path: Path) -> list[Row]:
    lines = [
        (number, line)
        for number, line in enumerate(text.splitlines(), start=1)
        if line.strip() and not line.startswith("#")
    ]
    if not lines:
        return []
    if not all("\t" in line for _, line in lines):
        return [_row(place, line) for place, (_, line) in enumerate(lines)]
    cells = [(number, [cell.strip() for cell in line.split("\t")]) for number, line in lines]
    head = [_head(cell) for cell in cells[0][1]]
    if sum(map(bool, head)) >= 2:
        cells = cells[1:]
    else:
        head = _guess_columns([row for _, row in cells])
    return _from_columns(head, cells, path)


def _head(cell: str) -> str:
    """What a column holds: a key of a row, or names in the language of that code."""
    found = _HEADS.get(cell.casefold(), "")
    if found:
        return found
    own = next((code for code, name in LANGUAGES.items() if name == cell), "") or known(cell)
    return "names" if own == ENGLISH else own


def _guess_columns(rows: list[list[str]]) -> list[str]:
    width = max(map(len, rows))
    columns = [[row[i] for row in rows if i < len(row) and row[i]] for i in range(width)]
    head = [""] * width
    for i, column in enumerate(columns):
        if column and all(cell.isdecimal() for cell in column) and "index" not in head:
            head[i] = "index"
        elif column and all(_WNID.fullmatch(cell) for cell in column):
            head[i] = "wnid"
        elif sum(bool(_CJK.search(cell)) for cell in column) * 2 > len(column):
            head[i] = _CHINESE if _CHINESE not in head else ""
        elif column and "names" not in head:
            head[i] = "names"
    return head


def _from_columns(head: list[str], cells: list[tuple[int, list[str]]], path: Path) -> list[Row]:
    rows: list[Row] = []
    seen: dict[int, int] = {}
    for place, (number, line) in enumerate(cells):
        row = {key: cell for key, cell in zip(head, line) if key and cell}
        try:
            index = int(row["index"]) if "index" in head else place
        except (KeyError, ValueError):
            raise FilterLabError(
                "{path}:{number}: {text!r} is no class index",
                path=path,
                number=number,
                text="".join(line[head.index("index") :][:1]),
            ) from None
        if index < 0 or index in seen:
            where = Text(", as on line {number}", number=seen[index]) if index in seen else ""
            raise FilterLabError(
                "{path}:{number}: class index {index}{where}: must be unique",
                path=path,
                number=number,
                index=index,
                where=where,
            )
        seen[index] = number
        rows.append(
            Row(
                index,
                _synonyms(row.get("names", "")),
                tuple(
                    (code, "; ".join(_synonyms(row[code].replace("；", ";"))))
                    for code in LANGUAGES
                    if code in row
                ),
                row.get("wnid", ""),
                row.get("note", ""),
            )
        )
    return rows


def _from_json(text: str, path: Path) -> list[Row]:
    try:
        data: Any = json.loads(text)
    except ValueError as error:
        raise FilterLabError("{path}: not valid JSON: {reason}", path=path, reason=error) from error
    except RecursionError:
        raise FilterLabError("{path}: nested too deeply to be class names", path=path) from None
    try:
        items = (
            list(enumerate(data))
            if isinstance(data, list)
            else [(int(key), value) for key, value in data.items()]
        )
    except ValueError as error:
        raise FilterLabError(
            "{path}: its keys must be class indices: {reason}", path=path, reason=error
        ) from error
    rows = []
    for index, value in sorted(items, key=lambda item: item[0]):
        parts = value if isinstance(value, list) else [value]
        if any(isinstance(part, (list, dict)) for part in parts):
            raise FilterLabError(
                "{path}: class {index} has lists in lists; give names as text",
                path=path,
                index=index,
            )
        rows.append(_row(index, " ".join(map(str, parts))))
    return rows


def read_groups(path: Path) -> list[GroupRow]:
    """Groups of classes from TOML: ``[[group]]`` tables with id, en, zh_CN and indices.

    Indices are numbers or ranges, ``"281-285"``.

    Raises
    ------
    FilterLabError
        If the file is no TOML or a group is wrong; the message names the file and the group.
    """
    groups = []
    tables = read_toml(path).get("group", [])
    if not isinstance(tables, list) or not all(isinstance(table, dict) for table in tables):
        raise FilterLabError(
            "{path}: a group is one [[group]] table, with double brackets", path=path
        )
    for table in tables:
        name = str(table.get("en") or table.get("id") or "")
        try:
            members = [_members(member) for member in table["indices"]]
            if sum(map(len, members)) > _MOST_MEMBERS:
                raise ValueError("too many")
            indices = [index for part in members for index in part]
        except (KeyError, TypeError, ValueError, OverflowError) as error:
            raise FilterLabError(
                "{path}: group {group!r}: cannot read its indices", path=path, group=name[:80]
            ) from error
        other = tuple(
            (code, str(text))
            for key, text in table.items()
            if key not in ("id", "en", "indices") and (code := known(key))
        )
        groups.append(GroupRow(str(table.get("id", name)), name, other, tuple(indices)))
    return groups


def _members(member: int | str) -> range:
    if isinstance(member, str):
        first, last = map(int, member.split("-"))
        return range(first, last + 1)
    return range(int(member), int(member) + 1)
