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
from dataclasses import replace

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

    app = make_application()
    theme.apply(app, "light")
    tab = HeatmapTab(Settings())
    tab.resize(1280, 740)
    tab.show()

    def settle() -> None:
        # Waiting in turns of a millisecond: a busy loop would take the interpreter's lock away
        # from the worker that is being measured.
        while not tab.settled:
            app.processEvents()
            time.sleep(0.001)
        app.processEvents()

    def timed(what: str, do: Callable[[int], object], turns: int = TURNS) -> None:
        took = []
        for k in range(turns):
            start = time.perf_counter()
            do(k)
            settle()
            tab.view.viewport().repaint()
            took.append(1000 * (time.perf_counter() - start))
        took.sort()
        rows.append(
            Row(what, statistics.median(took), "ms", took[turns // 4], took[-1 - turns // 4],
                100 if "class switch" in what else None)
        )  # fmt: skip

    rows: list[Row] = []

    tab.open_sample("composed")
    settle()
    if tab.model is None or not tab.model.ready:
        tab.list_models("caffenet-random")
    tab.transplant()
    settle()
    assert tab.maps is not None
    classes = tab.maps.classes
    for lay in ("tiles", "smooth", "coverage"):
        tab.controls.set_look(replace(tab.controls.look, projection=lay))
        timed(f"class switch, 768x576, {lay}", lambda k: tab.choose_classes((k % classes,)))
    timed("the map anew, 768x576", lambda _: tab.run_map(), 10)
    timed("transplant and map", lambda _: tab.transplant(), 5)
    tab.open_array(np.random.default_rng(0).random((3000, 4000, 3), np.float32), "large")
    settle()
    timed("class switch, 4000x3000", lambda k: tab.choose_classes((k % classes,)))
    keep("heatmap_tab", rows)
    tab.shutdown()
    tab.close()


if __name__ == "__main__":
    raise SystemExit(main())
