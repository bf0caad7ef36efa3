"""What a run of the benchmarks measured, kept in one JSON file beside the printed tables."""

from __future__ import annotations

import json
import os
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

__all__ = ["FILE", "Row", "keep", "text_of"]

#: The environment variable that names the file; unset, nothing is kept.
FILE = "FILTERLAB_BENCH_JSON"


@dataclass(frozen=True)
class Row:
    """One figure.

    Attributes
    ----------
    what : str
        What was measured.
    value : float
    unit : str
        ``"ms"``, ``"MiB"`` …; ``"x"`` for a ratio within one run, the only figures that two runs
        can be compared by.
    low, high : float or None
        Quartiles, where there were several rounds.
    aim : float or None
        What it is to be at most.
    """

    what: str
    value: float
    unit: str
    low: float | None = None
    high: float | None = None
    aim: float | None = None


def number(value: float) -> str:
    """Three figures that count."""
    return f"{value:.0f}" if abs(value) >= 100 else f"{value:.3g}"


def cells_of(row: dict[str, Any]) -> list[str]:
    """A row as it is printed: what, value with its unit and quartiles, aim."""
    unit = "times" if row["unit"] == "x" else row["unit"]
    told = f"{number(row['value'])} {unit}"
    if row["low"] is not None:
        told += f" ({number(row['low'])} to {number(row['high'])})"
    return [row["what"], told, "" if row["aim"] is None else f"at most {number(row['aim'])}"]


def text_of(rows: list[dict[str, Any]]) -> str:
    """Rows as a table in Markdown."""
    lines = ["| what | measured | aim |", "|---|---|---|"]
    return "\n".join([*lines, *("| " + " | ".join(cells_of(row)) + " |" for row in rows)])


def keep(section: str, rows: list[Row], **more: Any) -> None:
    """Print rows, and keep them in the run's file under a section, with what else belongs there."""
    found = {"rows": [asdict(row) for row in rows], **more}
    width = max(len(row.what) for row in rows)
    for row in found["rows"]:
        what, told, aim = cells_of(row)
        print(f"{what:{width}}  {told}{f', {aim}' if aim else ''}", flush=True)
    if FILE in os.environ:
        path = Path(os.environ[FILE])
        whole = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
        whole.setdefault("sections", {})[section] = found
        path.write_text(json.dumps(whole), encoding="utf-8")
