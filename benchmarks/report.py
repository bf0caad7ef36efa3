"""Write docs/performance.md and its plots from a run's JSON.

python -m benchmarks.report RUN.json
"""

from __future__ import annotations

import json
import math
import sys
from pathlib import Path
from typing import Any

from benchmarks import record
from benchmarks.nets_table import svg_of, text_of

__all__ = ["write"]

DOCS = Path(__file__).resolve().parent.parent / "docs"

#: Sections in their order: title, and what is to be said about the figures.
SECTIONS = {
    "engine": (
        "CaffeNet loaded, transplanted and saved",
        "Weights of 233 MiB, random ones, in processes of their own; the memory is the "
        "whole process's at its highest.",
    ),
    "start": (
        "Start",
        "From the start of the process to the first painted frame, in turns: the command "
        "`filterlab` beside a window of one picture, both 1280 x 800 and all of it painted. Then "
        "menus are filled, the tab in front shows its picture, and the other tabs are built.",
    ),
    "filters": (
        "Filters",
        "Three kernels of 5x5 on a grey picture, beside OpenCV's `filter2D`, three times on the "
        "same float32 data. *The filtering itself* is the net's forward; *with everything* are "
        "also the bands, the copies and the statistics that the window shows.",
    ),
    "filters_tab": (
        "From an edit to the painted frame",
        "A turn of the wheel over a cell, in the real window, until the third output is painted. A "
        "large picture is shown as a preview at once, and whole when that is computed.",
    ),
    "heatmap_tab": ("Heatmap", "In the real window, until the painted frame."),
    "video": (
        "Video",
        "EfficientNet-Lite0 on frames of 640x480, map and picture of one frame, as the window "
        "computes them.",
    ),
    "dense_area": (
        "Dense maps and the picture's area",
        "Each size in a process of its own. The exponent is the slope over logarithms: 1 is "
        "linear. Above 1 GB of blobs a pass runs in strips, which gives the same map.",
    ),
}


def write(path: Path, docs: Path = DOCS) -> None:
    """Write the page and its plots into a folder."""
    result = json.loads(path.read_text(encoding="utf-8"))
    if not result.get("nets"):
        return
    pictures = docs / "pictures"
    pictures.mkdir(exist_ok=True)
    (pictures / "performance_nets.svg").write_text(svg_of(result), encoding="utf-8")
    parts = [
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
        f"{text_of(result, 'cpu')}\n"
    ]
    sections = result.get("sections", {})
    for key, (title, told) in SECTIONS.items():
        if key not in sections:
            continue
        found = sections[key]
        parts.append(f"\n## {title}\n\n{told}\n\n")
        if key == "dense_area":
            svg = areas_svg(found["points"])
            (pictures / "performance_areas.svg").write_text(svg, encoding="utf-8")
            parts.append(
                "![Time and memory of a dense map against the picture's area]"
                f"(pictures/performance_areas.svg)\n\n{areas_text(found['points'])}\n\n"
            )
        parts.append(f"{record.text_of(found['rows'])}\n")
    (docs / "performance.md").write_text("".join(parts), encoding="utf-8")


def areas_text(points: dict[str, list[dict[str, Any]]]) -> str:
    """A row for each size of each net."""
    lines = [
        "| net | megapixels | seconds | seconds a megapixel | peak, MiB | strips |",
        "|---|---|---|---|---|---|",
    ]
    lines += [
        f"| {name} | {p['area']:.2f} | {p['seconds']:.2f} | {p['seconds'] / p['area']:.2f} | "
        f"{p['peak']:.0f} | {p['strips'] or 'one pass'} |"
        for name, some in points.items()
        for p in some
    ]
    return "\n".join(lines)


_COLOURS = ("#2F6FDE", "#B2182B", "#1B7F5C")


def areas_svg(points: dict[str, list[dict[str, Any]]]) -> str:
    """Time and memory against area, both axes logarithmic, side by side."""
    parts = [
        '<svg xmlns="http://www.w3.org/2000/svg" width="700" height="300" '
        'font-family="sans-serif" font-size="12">',
        '<rect width="100%" height="100%" fill="#FFFFFF"/>',
    ]
    for panel, (key, title) in enumerate((("seconds", "time, s"), ("peak", "peak memory, MiB"))):
        left, top, width, height = 60 + 345 * panel, 40, 270, 210
        every = [p for some in points.values() for p in some]
        x_low, x_high = (math.log10(f(p["area"] for p in every)) for f in (min, max))
        y_low = math.floor(math.log10(min(p[key] for p in every)))
        y_high = math.ceil(math.log10(max(p[key] for p in every)))

        def x_of(area: float, left: int = left, low: float = x_low, high: float = x_high) -> float:
            return left + 270 * (math.log10(area) - low) / max(high - low, 1e-9)

        def y_of(value: float, low: int = y_low, high: int = y_high) -> float:
            return 250 - 210 * (math.log10(value) - low) / max(high - low, 1)

        parts.append(f'<text x="{left}" y="26" fill="#1E1F22">{title}</text>')
        parts.append(
            f'<rect x="{left}" y="{top}" width="{width}" height="{height}" fill="none" '
            'stroke="#9A9DA3"/>'
        )
        for power in range(y_low, y_high + 1):
            y = y_of(10.0**power)
            parts.append(f'<path d="M{left} {y:.1f}h{width}" stroke="#E3E5E8"/>')
            parts.append(
                f'<text x="{left - 6}" y="{y + 4:.1f}" text-anchor="end" fill="#1E1F22">'
                f"{10.0**power:g}</text>"
            )
        for area in (0.1, 1, 10):
            if x_low <= math.log10(area) + 0.05 and math.log10(area) <= x_high:
                parts.append(
                    f'<text x="{x_of(area):.1f}" y="268" text-anchor="middle" fill="#1E1F22">'
                    f"{area:g}</text>"
                )
        parts.append(
            f'<text x="{left + width / 2:.0f}" y="288" text-anchor="middle" fill="#1E1F22">'
            "megapixels</text>"
        )
        for number, (name, some) in enumerate(points.items()):
            colour = _COLOURS[number % len(_COLOURS)]
            line = " ".join(f"{x_of(p['area']):.1f},{y_of(p[key]):.1f}" for p in some)
            parts.append(
                f'<polyline points="{line}" fill="none" stroke="{colour}" stroke-width="2"/>'
            )
            parts += [
                f'<circle cx="{x_of(p["area"]):.1f}" cy="{y_of(p[key]):.1f}" r="3" '
                f'fill="{colour}"/>'
                for p in some
            ]
            if panel == 0:
                parts.append(
                    f'<text x="{left + 10}" y="{60 + 16 * number}" fill="{colour}">{name}</text>'
                )
    return "\n".join([*parts, "</svg>", ""])


if __name__ == "__main__":
    write(Path(sys.argv[1]))
