"""Every text of the window has its Chinese, and only one."""

from __future__ import annotations

import ast
import json
from pathlib import Path


def _texts(repo: Path) -> set[str]:
    """Every literal given to ``tr`` in the window's code."""
    found = set()
    for path in (repo / "filterlab" / "gui").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if (
                isinstance(node, ast.Call)
                and isinstance(node.func, ast.Name)
                and node.func.id == "tr"
                and isinstance(node.args[0], ast.Constant)
            ):
                found.add(node.args[0].value)
    return found


def _table(repo: Path) -> dict[str, str]:
    table: dict[str, str] = {}
    for path in sorted((repo / "resources" / "translations" / "zh").glob("*.json")):
        for english, chinese in json.loads(path.read_text(encoding="utf-8")).items():
            # Two areas may share a word, but not disagree about it.
            assert table.setdefault(english, chinese) == chinese, f"{path.name}: {english!r}"
    return table


def test_every_text_has_its_chinese(repo: Path) -> None:
    texts = _texts(repo)
    assert len(texts) > 200
    missing = sorted(texts - _table(repo).keys())
    assert not missing, missing
