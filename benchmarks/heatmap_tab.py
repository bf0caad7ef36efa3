"""The Heatmap tab: from choosing another class to the painted frame, and the transplant itself.

    python -m benchmarks.heatmap_tab

Another class needs no forward pass; it should be on the screen within 100 ms.
"""

from __future__ import annotations

import os
import statistics
import tempfile
import time
from collections.abc import Callable

import numpy as np

from benchmarks.record import Row, keep

TURNS = 30


def main() -> int:
    """Print the table."""
    os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")
    with tempfile.TemporaryDirectory() as own:
        os.environ["FILTERLAB_DATA"] = own
        _run()
    return 0


def _run() -> None:
    from filterlab.gui import theme
    from filterlab.gui.app import make_application
    from filterlab.gui.heatmap.tab import HeatmapTab
    from filterlab.gui.settings import Settings
    from filterlab.workbench.heatmap_state import Source

    app = make_application()
    theme.apply(app, "light")
    tab = HeatmapTab(Settings())
    tab.resize(1280, 740)
    tab.show()
    tab.activated()
    bench = tab.bench

    def settle() -> None:
        # Waiting in turns of a millisecond: a busy loop would take the interpreter's lock away
        # from the worker that is being measured.
        while not (tab.settled and (bench.run is not None or not bench.state.operated)):
            app.processEvents()
            time.sleep(0.001)
        app.processEvents()

    rows: list[Row] = []

    def timed(
        what: str, do: Callable[[int], object], turns: int = TURNS, aim: float | None = None
    ) -> None:
        took = []
        for k in range(turns + 1):
            start = time.perf_counter()
            do(k)
            settle()
            tab.view.viewport().repaint()
            took.append(1000 * (time.perf_counter() - start))
        took = sorted(took[1:])
        rows.append(
            Row(what, statistics.median(took), "ms", took[turns // 4], took[-1 - turns // 4], aim)
        )

    def switch(k: int) -> None:
        bench.choose((k % bench.transplanted.classes,))

    tab.pictures.open_sample("chelsea")
    settle()
    tab.models.transplant()
    while bench.run is None:
        app.processEvents()
        time.sleep(0.001)
    settle()
    bench.set_method(bench.transplanted.quick_method)
    settle()
    size = "{}x{}".format(*bench.shown.size[::-1])
    for lay in ("tiles", "smooth", "coverage"):
        bench.set_look(projection=lay)
        settle()
        timed(f"class switch, {size}, {lay}", switch, aim=100)
    timed(f"the map of another size, {size}", lambda k: bench.set_cells(8 + k % 4), 8)
    timed("transplant and map", lambda _: tab.models.transplant(), 5)
    large = np.random.default_rng(0).random((3000, 4000, 3), np.float32)
    tab.pictures.open(Source(array_name="large"), large)
    settle()
    timed("class switch, 4000x3000", switch, aim=100)
    keep("heatmap_tab", rows)
    tab.shutdown()
    tab.close()


if __name__ == "__main__":
    raise SystemExit(main())
