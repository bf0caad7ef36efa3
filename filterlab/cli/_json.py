"""JSON on stdout, valid in whatever encoding stdout has."""

from __future__ import annotations

import json
import sys
from typing import Any

__all__ = ["print_json"]


def print_json(value: Any, indent: int = 1) -> None:
    r"""Print ``value`` as JSON: names in their own script on UTF-8, else as ``\u`` escapes.

    A list of plain values (a row of a map, a box) keeps to one line.
    """
    encoding = (getattr(sys.stdout, "encoding", None) or "").lower().replace("-", "")
    print(_text(value, encoding != "utf8", indent, 0))


def _text(value: Any, ascii_only: bool, indent: int, depth: int) -> str:
    inner, outer = " " * indent * (depth + 1), " " * indent * depth
    if isinstance(value, dict) and value:
        items = (
            f"{json.dumps(str(key), ensure_ascii=ascii_only)}: "
            f"{_text(item, ascii_only, indent, depth + 1)}"
            for key, item in value.items()
        )
        return "{\n" + ",\n".join(inner + item for item in items) + f"\n{outer}}}"
    if isinstance(value, list) and any(isinstance(item, list | dict) for item in value):
        rows = (_text(item, ascii_only, indent, depth + 1) for item in value)
        return "[\n" + ",\n".join(inner + row for row in rows) + f"\n{outer}]"
    return json.dumps(value, ensure_ascii=ascii_only)
