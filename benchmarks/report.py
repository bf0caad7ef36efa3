"""Write docs/performance.md and its plots from a run's JSON.

python -m benchmarks.report RUN.json
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

from benchmarks.nets_table import svg_of, text_of

__all__ = ["write"]

DOCS = Path(__file__).resolve().parent.parent / "docs"


def write(path: Path, docs: Path = DOCS) -> None:
    """Write the page and its plots into a folder."""
    result = json.loads(path.read_text(encoding="utf-8"))
    (docs / "pictures").mkdir(exist_ok=True)
    (docs / "pictures" / "performance_nets.svg").write_text(svg_of(result), encoding="utf-8")
    (docs / "performance.md").write_text(
        "# Performance\n\n"
        "Written by `make bench`; do not edit. Batch 1, random weights, each net beside bare ONNX "
        "Runtime on the graph that a converter would write, with constant weights. In each of "
        f"{result['rounds']} rounds all take a turn, in another order each time. A cell is the "
        "median of the rounds' ratios to bare ONNX Runtime, its quartiles in brackets.\n\n"
        f"Machine: {result['machine']}.\n\n"
        "![The time of a forward beside bare ONNX Runtime's](pictures/performance_nets.svg)\n\n"
        "## Wall clock\n\n"
        f"{text_of(result)}\n\n"
        "*outputs read*: `net.forward()` and its outputs. *all blobs read*: every blob's `data` "
        "after each forward, beside bare ONNX Runtime with every blob as an output. *a weight "
        "edited*: one value of a convolution in the middle, before each forward. *exported ONNX*: "
        "the graph that `filterlab export` writes.\n\n"
        "## The processor's time\n\n"
        "All threads together, which tells more where others use the machine.\n\n"
        f"{text_of(result, 'cpu')}\n",
        encoding="utf-8",
    )


if __name__ == "__main__":
    write(Path(sys.argv[1]))
