"""Kernels in brackets: Python, numpy, Matlab, JSON and C. Nothing in them is executed."""

from __future__ import annotations

import ast
import json
import re
import warnings
from collections.abc import Callable
from typing import Any

from filterlab.errors import FilterLabError
from filterlab.surgery.kernels.cells import DECIMAL, read_cells, read_table, shorten

__all__ = ["read_literal"]

_MOST_WRAPPED = 8  # brackets around the brackets
_FRACTION = rf"[+-]?{DECIMAL}(?:\s*/\s*[+-]?{DECIMAL})?"
_FACTOR = rf"[+-]?\s*(?:{DECIMAL}|\(\s*{_FRACTION}\s*\))"
_BEFORE = re.compile(rf"({_FACTOR}(?:\s*\.?[*/]\s*{_FACTOR})*)\s*\.?\*\s*(?=[\[(])")
_AFTER = re.compile(rf"(?:\s*\.?[*/]\s*{_FACTOR})*")
_STEP = re.compile(rf"\s*\.?([*/])\s*({_FACTOR})")
_ARRAY_NAMES = frozenset({"array", "asarray", "matrix", "float32", "float64", "tensor", "Tensor"})
_JSON_KEYS = ("kernel", "values", "matrix", "data", "weights")


def read_literal(text: str, prefix: str) -> list[list[float]] | None:
    """Python, numpy, JSON and C literals; None if the text is a bare table after all."""
    if text.startswith("{"):
        found = None
        try:
            found = json.loads(text)
        except json.JSONDecodeError as error:
            if ":" in text:  # not a list of numbers in braces, as in C
                raise FilterLabError(
                    "{prefix}broken JSON at line {lineno}, column {colno}; expected "
                    '{{"kernel": [[…], …]}}',
                    prefix=prefix,
                    lineno=error.lineno,
                    colno=error.colno,
                ) from None
        except RecursionError:
            raise FilterLabError(
                "{prefix}nested too deeply to be a kernel", prefix=prefix
            ) from None
        if isinstance(found, dict):
            for key in _JSON_KEYS:
                if key in found:
                    return _nested(found[key], prefix)
            raise FilterLabError(
                '{prefix}the JSON object has no "kernel"; expected {{"kernel": [[…], …]}}',
                prefix=prefix,
            )
        text = text.replace("{", "[").replace("}", "]")
    literal = re.sub(r"(?<=[\d.])f(?=\s*[,\])])", "", text.rstrip("; \n"))
    literal = re.sub(r"^\w+\s*=\s*(?=[\w.+\-\[(])", "", literal)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of odd literals such as 1if; they are refused below
            tree = ast.parse(literal, mode="eval").body
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        tree = None
    if isinstance(tree, (ast.List, ast.Tuple, ast.Call, ast.BinOp)) and not _only_looks_so(tree):
        return _nested(_literal(tree, prefix), prefix)
    if "[" not in literal and not literal.startswith("("):
        return None
    return _bracketed(literal, prefix)


def _only_looks_so(tree: ast.AST) -> bool:
    """Whether it is Python by chance: ``[1 -2 -1]``, or rows in brackets one after the other."""
    return any(
        (isinstance(node, ast.BinOp) and isinstance(node.op, (ast.Sub, ast.Add)))
        or isinstance(node, ast.Subscript)
        or (isinstance(node, ast.Call) and not isinstance(node.func, (ast.Name, ast.Attribute)))
        for node in ast.walk(tree)
    )


def _bracketed(text: str, prefix: str) -> list[list[float]]:
    """As numpy prints it, or Matlab: brackets, but white space between the numbers.

    A factor may stand before the brackets, and factors and divisors behind them.
    """
    text = re.sub(r"[^\S\n]+", " ", text.replace("−", "-").replace("⁄", "/")).strip()
    steps: list[tuple[str, float]] = []
    for _ in range(_MOST_WRAPPED):
        before = _BEFORE.match(text)
        start = before.end() if before else 0
        if before:
            steps += _steps(f"*{before[1]}", prefix)
        end = _closing(text, start)
        body, after = text[start:end], text[end:]
        if body[:1] not in ("[", "(") or not _AFTER.fullmatch(after):
            odd = after.strip() or text.partition("[")[0].strip()
            raise FilterLabError(
                "{prefix}{shorten!r} beside the brackets is not understood; give numbers "
                "in brackets, at most times or divided by a number",
                prefix=prefix,
                shorten=shorten(odd),
            )
        steps += _steps(after, prefix)
        if body[0] == "[" or "[" not in body:
            break
        text = body[1:].removesuffix(")").strip()
    rows = read_table(_flat(body, prefix), prefix)
    return _nested([[_scaled(v, steps) for v in row] for row in rows], prefix) if steps else rows


def _closing(text: str, start: int) -> int:
    """Behind the bracket that closes the one at ``start``; the end of the text if none does."""
    depth = 0
    for match in re.finditer(r"[\[\](){}]", text[start:]):
        depth += 1 if match[0] in "[({" else -1
        if depth <= 0:
            return start + match.end()
    return len(text)


def _steps(text: str, prefix: str) -> list[tuple[str, float]]:
    """``/ 4 * (1/9)`` as a list of what is done with which number."""
    steps = []
    for step in _STEP.finditer(text):
        sign = -1.0 if step[2].startswith("-") and "(" in step[2] else 1.0
        above, _, below = re.sub(r"^[+-]?\s*\(|\)$|\s", "", step[2]).partition("/")
        if (step[1] == "/" and float(above) == 0) or (below and float(below) == 0):
            raise FilterLabError("{prefix}divides by zero; give finite numbers", prefix=prefix)
        steps.append((step[1], sign * float(above) / float(below or 1)))
    return steps


def _scaled(value: float, steps: list[tuple[str, float]]) -> float:
    for operation, number in steps:
        value = value / number if operation == "/" else value * number
    return value


def _flat(body: str, prefix: str) -> str:
    """Rows in brackets as ``a b;c d``."""
    if body.startswith("["):
        body = re.sub(rf"\(\s*([+-]?{DECIMAL}(?:\s*/\s*[+-]?{DECIMAL})?)\s*\)", r" \1 ", body)
    other = r"[^\s,;\[\](){}]{1,20}"
    odd = re.search(rf"[\])]\s*{other}|{other}\s*[\[(]", body)
    if odd:
        raise FilterLabError(
            "{prefix}{shorten!r} between the brackets is not understood; give rows of numbers",
            prefix=prefix,
            shorten=shorten(odd[0]),
        )
    flat = re.sub(r"[\])][,;\s]*[\[(]", ";", body)
    flat = re.sub(r"[\[\]()]", " ", flat)
    lines = [line for line in flat.split("\n") if line.strip()]
    # Matlab's rows may be lines; a vector that numpy wraps has a shorter last line.
    if ";" not in flat and len({len(line.replace(",", " ").split()) for line in lines}) == 1:
        flat = ";".join(lines)
    return flat.replace("\n", " ").strip(" ;")


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
    raise FilterLabError(
        "{prefix}holds more than numbers and brackets; give numbers only", prefix=prefix
    )


def _binary(node: ast.BinOp, prefix: str) -> Any:
    """``[[1, 1], [1, 1]] / 9``, ``1/9`` and ``1/9 * [[…]]``: numbers, or a list with a number."""
    left, right = _literal(node.left, prefix), _literal(node.right, prefix)
    divide = isinstance(node.op, ast.Div)
    if isinstance(right, list) and not divide:
        left, right = right, left
    # A list times a whole number repeats it in Python; several rows nobody repeats.
    if (
        not divide
        and isinstance(left, list)
        and isinstance(right, int)
        and not (len(left) > 1 and isinstance(left[0], list))
    ):
        raise FilterLabError(
            "{prefix}a list times a whole number may mean it repeated; give all the numbers",
            prefix=prefix,
        )
    if isinstance(right, (int, float)) and not isinstance(left, str):
        if divide and right == 0:
            raise FilterLabError("{prefix}divides by zero; give finite numbers", prefix=prefix)
        factor: Callable[[float], float] = (
            (lambda v: v / right) if divide else (lambda v: v * right)
        )
        return _map(left, factor, prefix)
    raise FilterLabError(
        "{prefix}holds more than numbers and brackets; give numbers only", prefix=prefix
    )


def _map(value: Any, change: Callable[[float], float], prefix: str) -> Any:
    if isinstance(value, list):
        return [_map(item, change, prefix) for item in value]
    if isinstance(value, (int, float)):
        try:
            return change(value)
        except OverflowError:
            raise FilterLabError(
                "{prefix}a number is too large; give finite numbers", prefix=prefix
            ) from None
    raise FilterLabError(
        "{prefix}holds more than numbers and brackets; give numbers only", prefix=prefix
    )


def _nested(value: Any, prefix: str) -> list[list[float]]:
    while isinstance(value, list) and len(value) == 1 and _depth(value) > 2:
        value = value[0]
    depth = _depth(value)
    if depth == 1:
        value = [value]
    elif depth != 2 or not all(isinstance(row, list) for row in value):
        raise FilterLabError(
            "{prefix}expected rows of numbers like [[1, 2, 1], [0, 0, 0], …]", prefix=prefix
        )
    # Through the same gate as text, so that "1/9", NaN and huge numbers are told alike.
    rows = [[repr(cell) if isinstance(cell, float) else str(cell) for cell in row] for row in value]
    return read_cells(rows, False, prefix)


def _depth(value: Any) -> int:
    depth = 0
    while isinstance(value, list):
        depth += 1
        value = value[0] if value else None
    return depth
