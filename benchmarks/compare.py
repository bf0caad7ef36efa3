"""Two runs of the benchmarks beside each other: ``make bench-compare A=FILE B=FILE``.

Only ratios within one run are compared, so that the runs may come from different hours.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

from benchmarks.nets_table import BARE, BARE_ALL, OURS_ALL, _ratios

__all__ = ["main"]


def main(first: str, second: str) -> None:
    """Print each ratio of both runs, and the change where it is beyond both runs' spread."""
    a, b = (json.loads(Path(path).read_text(encoding="utf-8")) for path in (first, second))
    print(f"A: {a['machine']}\nB: {b['machine']}\n")
    print(f"{'net':22} {'engine':20} {'A':>6} {'B':>6}  change")
    for name in a["nets"]:
        if name not in b["nets"]:
            continue
        for title in a["columns"]:
            times = [run["nets"][name]["wall"] for run in (a, b)]
            if any(title not in of for of in times):
                continue
            base = BARE_ALL if title == OURS_ALL else BARE
            (one, low1, high1), (two, low2, high2) = (_ratios(of, title, base) for of in times)
            apart = low2 > high1 or high2 < low1
            change = f"{100 * (two / one - 1):+.0f} %" if apart else "within the spread"
            print(f"{name:22} {title:20} {one:6.2f} {two:6.2f}  {change}")
    for section, found in a.get("sections", {}).items():
        theirs = {
            row["what"]: row for row in b.get("sections", {}).get(section, {"rows": ()})["rows"]
        }
        for row in found["rows"]:
            other = theirs.get(row["what"])
            if other is None or row["unit"] not in ("x", ""):
                continue
            one, two = row["value"], other["value"]
            change = f"{100 * (two / one - 1):+.0f} %"
            if row["low"] is not None and other["low"] is not None:
                apart = other["low"] > row["high"] or other["high"] < row["low"]
                change = change if apart else "within the spread"
            print(f"{section:14} {row['what']}: {one:.2f} {two:.2f}  {change}")


if __name__ == "__main__":
    if len(sys.argv) != 3:
        raise SystemExit("python -m benchmarks.compare A.json B.json")
    main(*sys.argv[1:])
