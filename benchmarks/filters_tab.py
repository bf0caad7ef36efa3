"""The Filters tab in its real window: from a turn of the wheel over a cell to the painted frame.

    python -m benchmarks.filters_tab

The time runs from the wheel event's delivery to the end of the paint of the last output that
shows it. Beside it, measured in the same run: the net's forward alone, and painting the three
outputs alone, which no window could do without. Works without a display.
"""

from __future__ import annotations

import os
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.record import Row, keep

__all__ = ["main", "measure", "measure_memory"]

_SIZES = ((360, 480), (3000, 4000), (4000, 6000))


class _Rig:
    """A window over a picture, and what times it."""

    def __init__(self, rows: int, cols: int) -> None:
        if sys.platform.startswith("linux") and not os.environ.get("DISPLAY"):
            os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")
        from filterlab.gui.app import make_application
        from filterlab.gui.main_window import MainWindow
        from filterlab.gui.settings import Settings

        self.app = make_application()
        self._timer = self._keep_awake()
        self._folder = tempfile.TemporaryDirectory(prefix="filterlab-bench-")
        self.window: Any = MainWindow(Settings(Path(self._folder.name)))
        self.window.resize(1280, 800)
        self.tab: Any = self.window.show_tab("filters")
        picture = np.random.default_rng(0).random((rows, cols), dtype=np.float32)
        self.tab.bench.show_frame(picture, "noise")
        self.tab.bench.set_size(5)  # the cells that are turned over
        self.window.show()
        self.until(lambda: self.tab.settled and self.tab.stage.frame is not None)
        self.painted = self._watch()

    def _keep_awake(self) -> Any:
        from PyQt5.QtCore import QTimer

        timer = QTimer()
        timer.start(50)
        return timer

    def until(self, condition: Any, seconds: float = 60) -> None:
        """Run the event loop until a condition holds."""
        from PyQt5.QtCore import QEventLoop

        deadline = time.perf_counter() + seconds
        while not condition():
            if time.perf_counter() > deadline:
                raise TimeoutError("the window did not come to rest")
            # Asleep between events, as a window's own loop is; polling would slow the worker.
            self.app.processEvents(QEventLoop.AllEvents | QEventLoop.WaitForMoreEvents)

    def _watch(self) -> dict[str, Any]:
        """Notes when the third output has painted, and of which revision."""
        seen: dict[str, Any] = {"at": 0.0, "revision": -1}
        view, stage = self.tab.stage.views[3], self.tab.stage
        paint = view.paintEvent

        def painted(event: Any) -> None:
            paint(event)
            seen["at"] = time.perf_counter()
            seen["revision"] = stage.frame.outputs.revision if stage.frame else -1

        view.paintEvent = painted
        return seen

    def edit(self, number: int) -> float:
        """Turn the wheel over a cell of filter 2; seconds until its answer is painted."""
        from PyQt5.QtCore import QPoint, QPointF, Qt
        from PyQt5.QtGui import QWheelEvent

        grid, bench = self.tab.editors[2].grid, self.tab.bench
        at = QPointF(grid.cell_rect(number % 5, number // 5 % 5).center())
        event = QWheelEvent(
            at, QPointF(grid.mapToGlobal(at.toPoint())), QPoint(), QPoint(0, 120), Qt.NoButton,
            Qt.NoModifier, Qt.NoScrollPhase, False,
        )  # fmt: skip
        start = time.perf_counter()
        self.app.sendEvent(grid, event)
        wanted = bench.revision
        self.until(lambda: self.painted["revision"] >= wanted)
        return float(self.painted["at"]) - start

    def compute(self) -> float:
        """Seconds of the net's forward (a preview where the picture is large), here and alone."""
        from filterlab.surgery import convolve

        snapshot = self.tab.bench.snapshot()
        start = time.perf_counter()
        convolve.preview(snapshot)
        return time.perf_counter() - start

    def paint(self) -> float:
        """Seconds to paint the three outputs anew from arrays already coloured."""
        stage = self.tab.stage
        start = time.perf_counter()
        stage.show_frame(stage.frame, None)
        for view in stage.views[1:]:
            view.viewport().repaint()
        return time.perf_counter() - start

    def close(self) -> None:
        self.window.close()
        self.window.deleteLater()
        self.app.processEvents()
        self._folder.cleanup()


def measure(rows: int, cols: int, edits: int = 60) -> dict[str, float]:
    """Medians in ms: ``edit`` (to the painted frame), ``worst`` of 20, ``compute``, ``paint``."""
    rig = _Rig(rows, cols)
    try:
        for number in range(8):
            rig.edit(number)
        times = [rig.edit(number) for number in range(edits)]
        rig.until(lambda: rig.tab.settled, 300)
        compute = [rig.compute() for _ in range(20)]
        paint = [rig.paint() for _ in range(20)]
    finally:
        rig.close()
    return {
        "edit": 1000 * float(np.median(times)),
        "worst": 1000 * float(np.quantile(times, 0.95)),
        "compute": 1000 * float(np.median(compute)),
        "paint": 1000 * float(np.median(paint)),
    }


def measure_memory(edits: int = 10_000) -> tuple[float, float]:
    """Megabytes held after a tenth of the edits, and after all of them."""
    from benchmarks.filters import _resident_mb

    rig = _Rig(360, 480)
    try:
        early = 0.0
        for number in range(edits):
            rig.edit(number)
            if number == edits // 10:
                early = _resident_mb() or 0.0
        return early, _resident_mb() or 0.0
    finally:
        rig.close()


def main() -> int:
    """Print the tables."""
    print("Filters tab, real window, edit to painted frame (milliseconds)")
    print(f"{'picture':>12}  {'median':>7}  {'95 %':>7}  {'limit':>6}  {'net':>6}  {'paint':>6}")
    kept = []
    for rows, cols in _SIZES:
        ms = measure(rows, cols)
        limit = "16" if rows * cols < 1 << 20 else "50"
        print(
            f"{cols:>5} x {rows:<4}  {ms['edit']:7.1f}  {ms['worst']:7.1f}  {limit:>6}"
            f"  {ms['compute']:6.1f}  {ms['paint']:6.1f}"
        )
        size = f"{cols}x{rows}"
        alone = ms["compute"] + ms["paint"]
        kept += [
            Row(f"{size}: edit to painted frame, median", ms["edit"], "ms", aim=float(limit)),
            Row(f"{size}: the same, 95 % of the edits", ms["worst"], "ms"),
            Row(f"{size}: beside the net and painting alone", ms["edit"] / alone, "x"),
        ]
    keep("filters_tab", kept)
    edits = 10_000 if "--quick" not in sys.argv else 500
    early, late = measure_memory(edits)
    print(f"memory over {edits} edits: {early:.0f} MB after a tenth, {late:.0f} MB at the end")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
