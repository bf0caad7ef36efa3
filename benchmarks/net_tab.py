"""The Net tab: a slider's step to the painted answers, and tiles that scroll.

    python -m benchmarks.net_tab

EfficientNet-Lite0, or the pocket net where its weights are not here, on the tabby sample. The maps
should follow a slider within 120 ms, beside one pass of the dense net in the same run; a frame of
4,096 tiles that scroll should take under 33 ms.
"""

from __future__ import annotations

import os
import statistics
import tempfile
import time

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
    from filterlab.gui.net.tab import NetTab
    from filterlab.gui.net.tile_grid import TileGrid, grey_image
    from filterlab.gui.settings import Settings
    from filterlab.surgery.forward import run_dense
    from filterlab.workbench.heatmap_state import Source
    from filterlab.zoo import catalogue

    app = make_application()
    theme.apply(app, "light")
    tab = NetTab(Settings())
    tab.started = True
    tab.resize(1280, 740)
    tab.show()

    def settle() -> None:
        while not tab.settled:
            app.processEvents()
            time.sleep(0.001)
        app.processEvents()

    lite = catalogue.get("efficientnet-lite0")
    tab.open_model(lite if lite.ready else catalogue.get("pocket"), Source(sample="chelsea"))
    while tab.study.bench is None:
        app.processEvents()
        time.sleep(0.001)
    settle()
    study = tab.study
    study.choose([8])
    for k in range(4):
        study.scale_units(0.9 - k / 10, live=True)
        settle()
    assert study.bench is not None
    assert study.found.maps is not None
    double = study.bench.transplanted.double()
    data = study.found.maps.before.data
    steps, passes = [], []
    for _ in range(3):
        run_dense(double, data)
    for k in range(TURNS):
        start = time.perf_counter()
        study.scale_units((k + 1) / 40, live=True)
        settle()
        steps.append(1000 * (time.perf_counter() - start))
        start = time.perf_counter()
        run_dense(double, data)
        passes.append(1000 * (time.perf_counter() - start))
    cells = study.found.maps.before.prob.shape[1:]
    name = f"{study.model.title if study.model else ''}, {cells[1]}x{cells[0]} cells"
    rows = [_row(f"a pass of the dense net, {name}", passes)]
    rows.append(_row(f"a slider's step to painted scores and maps, {name}", steps, 120))
    tab.shutdown()

    grid = TileGrid()
    grid.resize(640, 400)
    rng = np.random.default_rng(1)
    channels = rng.random((4096, 28, 28), np.float32)
    grid.set_tiles(4096, (28, 28), lambda unit: grey_image(channels[unit], 0.0, 1.0))
    grid.show()
    app.processEvents()
    bar = grid.verticalScrollBar()
    frames = []
    for k in range(240):
        start = time.perf_counter()
        bar.setValue(bar.maximum() * k // 240)
        grid.viewport().repaint()
        frames.append(1000 * (time.perf_counter() - start))
    rows.append(_row("a frame of 4,096 tiles that scroll", frames, 33))
    keep("net_tab", rows)


def _row(what: str, took: list[float], aim: float | None = None) -> Row:
    took = sorted(took)
    quarter = len(took) // 4
    return Row(what, statistics.median(took), "ms", took[quarter], took[-1 - quarter], aim)


if __name__ == "__main__":
    raise SystemExit(main())
