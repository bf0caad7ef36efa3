"""The Filters tab's core without its window: beside OpenCV's filter2D, previews, and memory.

    python -m benchmarks.filters

Medians in milliseconds. A preview computes every k-th pixel of the full result; the full result
follows behind it in bands.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from typing import Any

import numpy as np

from benchmarks.record import Row, keep
from filterlab import caffe
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
                bench.set_cell(0, 2, 2, values.pop())
                bench.accept(convolve.preview(bench.snapshot()))

            edit()
            quick = _median_ms(edit, 30)

            def full(bench: FilterBench = bench) -> None:
                run_job(convolve.compute_job(bench.snapshot()))

            slow = _median_ms(full, 2)
            step = bench.snapshot().preview_step
            print(f"{cols:>5} x {rows:<5} {mode:6}  {quick:>14.1f}  {step:>4}  {slow:>8.0f}")


def _beside_opencv(fewest: int = 9) -> list[Row]:
    """Three kernels on a grey picture: the net's forward and the full result, beside filter2D."""
    import cv2

    rng = np.random.default_rng(0)
    rows = []
    for height, width in _SIZES:
        picture = rng.random((height, width), dtype=np.float32)
        bench = FilterBench(convolve.Picture(picture))
        bench.set_size(5)
        for slot in range(3):
            for row in range(5):
                bench.set_cell(slot, row, row, float(rng.standard_normal()))
        snapshot = bench.snapshot()
        kernels = [np.ascontiguousarray(k[0]) for k in snapshot.kernels]
        net = caffe.Net(
            convolve.net_parameter(snapshot.settings, 3, (5, 5), (1, 1, height, width)), caffe.TEST
        )
        net.blobs["data"].data[0, 0] = picture
        net.params["conv"][0].data[...] = snapshot.kernels
        anchored = {"anchor": (-1, -1), "borderType": cv2.BORDER_CONSTANT}

        def opencv(p: Any = picture, kernels: Any = kernels, how: Any = anchored) -> Any:
            return [cv2.filter2D(p, cv2.CV_32F, kernel, **how) for kernel in kernels]

        def full(snapshot: Any = snapshot) -> None:
            run_job(convolve.compute_job(snapshot))

        calls = {"opencv": opencv, "forward": net.forward, "full": full}
        rounds = fewest if height * width > 1e6 else 9 * fewest  # what is short scatters
        taken: dict[str, list[float]] = {name: [] for name in calls}
        for call in calls.values():
            call()
        theirs, ours = opencv()[1][2:-2, 2:-2], net.blobs["conv"].data[0, 1]
        found = ours if ours.shape == theirs.shape else ours[2:-2, 2:-2]
        np.testing.assert_allclose(found, theirs, atol=1e-4)
        for _ in range(rounds):
            for name, call in calls.items():
                time.sleep(0.02)
                start = time.perf_counter()
                call()
                taken[name].append(time.perf_counter() - start)
        size = f"{width}x{height}"
        rows.append(Row(f"{size}: filter2D three times", 1000 * _median(taken["opencv"]), "ms"))
        for name, what, aim in (
            ("forward", "the filtering itself, beside filter2D", 1.5),
            ("full", "with everything, beside filter2D", None),
        ):
            ratios = sorted(a / b for a, b in zip(taken[name], taken["opencv"]))
            rows.append(
                Row(f"{size}: {what}", _median(ratios), "x", ratios[rounds // 4],
                    ratios[-1 - rounds // 4], aim)
            )  # fmt: skip
    return rows


def _median(values: list[float]) -> float:
    return float(np.median(values))


def _memory(edits: int = 10_000) -> None:
    bench = FilterBench(np.random.default_rng(0).random((360, 480), dtype=np.float32))
    held = []
    for number in range(edits + 1):
        bench.set_cell(number % 3, number % 3, number // 3 % 3, number % 100 / 50 - 1)
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
    keep("filters", _beside_opencv())
    _speed()
    _memory()
    return 0


if __name__ == "__main__":
    sys.exit(main())
