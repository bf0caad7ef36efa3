"""A video in the Heatmap tab: frames a second, map and picture of one frame.

    python -m benchmarks.video

EfficientNet-Lite0 at 8x8 cells, one pass a frame, on frames of 640x480, in the real window without
a display. The file plays at 60 frames a second, so that the program is what is waited for. Beside
it the parts of a frame, each alone: what a camera of 15 frames a second leaves is 67 ms.
"""

from __future__ import annotations

import os
import statistics
import tempfile
import time
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.record import Row, keep

__all__ = ["main"]

FRAMES = 120
CAMERA = 15


def _film(folder: Path) -> Path:
    """A patch of noise that moves over a photograph."""
    import cv2

    from filterlab.pictures import sample

    picture = cv2.resize(sample("chelsea"), (640, 480))
    bgr = (255 * picture[:, :, ::-1]).astype(np.uint8)
    path = folder / "film.avi"
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter_fourcc(*"MJPG"), 60, (640, 480))
    noise = np.random.default_rng(0).integers(0, 255, (80, 80, 3), np.uint8)
    for i in range(300):
        frame = bgr.copy()
        x, y = (7 * i) % 560, (5 * i) % 400
        frame[y : y + 80, x : x + 80] = noise
        writer.write(frame)
    writer.release()
    return path


def _in_window(film: Path, tab: Any, app: Any) -> tuple[list[float], float]:
    """Seconds between frames that were painted with their map; the processor's for each."""
    painted: list[float] = []
    seen: list[Any] = []
    paint = tab.view.paintEvent

    def on_paint(event: Any) -> None:
        paint(event)
        drawing = tab.drawing
        maps = None if drawing is None or drawing.scene is None else drawing.scene.maps
        if maps is not None and (not seen or maps is not seen[-1]):
            seen[:] = [maps]
            painted.append(time.perf_counter())

    tab.view.paintEvent = on_paint
    tab.pictures.start_live(str(film))
    deadline = time.perf_counter() + 60
    busy = 0.0
    from PyQt5.QtCore import QEventLoop, QTimer

    awake = QTimer()
    awake.start(50)
    while len(painted) < FRAMES + 20 and time.perf_counter() < deadline:
        app.processEvents(QEventLoop.AllEvents | QEventLoop.WaitForMoreEvents)
        if len(painted) <= 20:
            busy = time.process_time()
    busy = (time.process_time() - busy) / max(1, len(painted) - 20)
    tab.runs.stop_live()
    while not tab.settled:
        app.processEvents(QEventLoop.AllEvents | QEventLoop.WaitForMoreEvents)
    del tab.view.paintEvent
    return [b - a for a, b in pairwise(painted[20:])], busy


def _alone(call: Callable[[], object]) -> float:
    call()
    times = []
    for _ in range(20):
        start = time.perf_counter()
        call()
        times.append(time.perf_counter() - start)
    return 1000 * statistics.median(times)


def _parts(film: Path, tab: Any) -> list[Row]:
    """Each part of a frame alone."""
    from dataclasses import replace

    from filterlab.pictures.camera import Camera
    from filterlab.progress import run_job
    from filterlab.surgery.forward import run_dense
    from filterlab.workbench.heatmap_draw import draw, preview
    from filterlab.workbench.heatmap_jobs import map_of
    from filterlab.workbench.heatmap_state import Shown, Source, preprocessing_of

    bench = tab.bench
    with Camera(str(film)) as camera:
        frame = None
        while frame is None:
            frame = camera.latest(-1, 1)
    shown = Shown(Source(array_name="film"), frame.picture, passing=True)
    moving = bench.transplanted.double("first")
    run = run_job(map_of(bench.model, moving, shown, bench.request, ())).run
    assert run is not None
    prepared = replace(preprocessing_of(bench.model), quick=True)
    scene = bench.scene(run.maps, None)
    return [
        Row("a frame: into the net's input", _alone(
            lambda: prepared.apply(frame.picture, run.plan.input_size, moving.channels)), "ms"),
        Row("a frame: the net", _alone(lambda: run_dense(moving, run.maps.data)), "ms"),
        Row("a frame: the preview", _alone(lambda: preview(frame.picture)), "ms"),
        Row("a frame: the drawing", _alone(lambda: draw(scene)), "ms"),
    ]  # fmt: skip


def main() -> int:
    """Print the table."""
    os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")
    from filterlab.errors import FilterLabError
    from filterlab.gui import theme
    from filterlab.gui.app import make_application
    from filterlab.gui.heatmap.tab import HeatmapTab
    from filterlab.gui.settings import Settings
    from filterlab.progress import run_job
    from filterlab.zoo.catalogue import get
    from filterlab.zoo.getting import prepare_job

    try:
        model = run_job(prepare_job(get("efficientnet-lite0")))
    except FilterLabError as error:
        print(f"efficientnet-lite0: passed over: {error}")
        return 0
    app = make_application()
    theme.apply(app, "light")
    with tempfile.TemporaryDirectory(prefix="filterlab-bench-") as name:
        folder = Path(name)
        film = _film(folder)
        tab = HeatmapTab(Settings(folder))
        tab.resize(1280, 740)
        tab.show()
        tab.activated()

        def settle() -> None:
            while not tab.settled:
                app.processEvents()
                time.sleep(0.001)

        tab.pictures.open_sample("chelsea")
        settle()
        if tab.bench.model.name != model.name:
            tab.models.choose(model.name)
        tab.models.transplant()
        settle()
        tab.bench.set_squash(True)
        tab.bench.set_cells(8)
        settle()
        times, busy = _in_window(film, tab, app)
        parts = _parts(film, tab)
        ordered = sorted(1000 * t for t in times)
        rows = [
            Row("a frame in the window, median", statistics.median(ordered), "ms",
                ordered[len(ordered) // 4], ordered[-1 - len(ordered) // 4], 1000 / CAMERA),
            Row("frames a second", len(times) / sum(times), "a second"),
            Row("the processor's time for a frame, all threads", 1000 * busy, "ms"),
            *parts,
        ]  # fmt: skip
        keep("video", rows)
        tab.shutdown()
        tab.close()
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
