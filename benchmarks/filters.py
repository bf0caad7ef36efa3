"""The Filters tab's core without its window: from an edit to the outputs, and memory.

    python -m benchmarks.filters

Medians in milliseconds. A preview computes every k-th pixel of the full result; the full result
follows behind it in bands.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable

import numpy as np

from filterlab.progress import run_job
from filterlab.surgery import convolve
from filterlab.workbench.filter_bench import FilterBench

__all__ = ["main"]

_SIZES = ((360, 480), (3000, 4000), (4000, 6000))


def _median_ms(function: Callable[[], object], repeats: int) -> float:
    times = []
    for _ in range(repeats):
        start = time.perf_counter()
        function()
        times.append(time.perf_counter() - start)
    return 1000 * float(np.median(times))


def _resident_mb() -> float | None:
    """Memory held by this process, where the system tells."""
    try:
        with open("/proc/self/statm", encoding="ascii") as stream:
            return int(stream.read().split()[1]) * 4096 / 1e6
    except OSError:
        return None


def _speed() -> None:
    print(f"{'picture':>12}  {'mode':6}  {'edit + preview':>14}  {'step':>4}  {'full':>8}")
    rng = np.random.default_rng(0)
    for rows, cols in _SIZES:
        picture = convolve.Picture(rng.random((rows, cols, 3), dtype=np.float32))
        for mode in convolve.MODES:
            bench = FilterBench(picture)
            bench.set_mode(mode)
            values = np.linspace(-1, 1, 1000).tolist()

            def edit(bench: FilterBench = bench, values: list[float] = values) -> None:
                bench.paint(0, 2, 2, values.pop())
                bench.accept(convolve.preview(bench.snapshot()))

            edit()
            quick = _median_ms(edit, 30)

            def full(bench: FilterBench = bench) -> None:
                run_job(convolve.compute_job(bench.snapshot()))

            slow = _median_ms(full, 2)
            step = bench.snapshot().preview_step
            print(f"{cols:>5} x {rows:<5} {mode:6}  {quick:>14.1f}  {step:>4}  {slow:>8.0f}")


def _memory(edits: int = 10_000) -> None:
    bench = FilterBench(np.random.default_rng(0).random((360, 480), dtype=np.float32))
    held = []
    for number in range(edits + 1):
        bench.paint(number % 3, number % 3, number // 3 % 3, number % 100 / 50 - 1)
        if number % 97 == 0:
            bench.set_size(3 + 2 * (number // 97 % 5))
        if number % 10 == 0:
            bench.accept(convolve.preview(bench.snapshot()))
        if number % (edits // 5) == 0:
            held.append(_resident_mb())
    if None not in held:
        print(f"memory over {edits} edits, MB: " + "  ".join(f"{mb:.0f}" for mb in held if mb))


def main() -> int:
    """Print the tables."""
    _speed()
    _memory()
    return 0


if __name__ == "__main__":
    sys.exit(main())
