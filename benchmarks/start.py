"""From the start of the process to the first painted frame, beside a bare window of the libraries.

    python -m benchmarks.start

The bare window is PyQt5 with one picture in a pyqtgraph view, which no window with such a view can
be faster than; ours is what the command ``filterlab`` opens. Both are processes of their own, in
turns; what counts is the median of the rounds' ratios. Both windows are 1280 x 800, and a frame
counts when all of it is painted. Works without a display.
"""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from benchmarks.record import Row, keep

__all__ = ["main"]

ROUNDS = 9
AIM = 1.6

#: Says when the first frame is painted, and ends the process: the window's events go on when all
#: its widgets are painted.
_WATCH = """
import os, sys

def end():
    os.write(1, b"painted\\n")
    os._exit(0)

def watch(widget):
    from PyQt5.QtCore import QTimer
    paint = widget.paintEvent
    def painted(event):
        paint(event)
        QTimer.singleShot(0, end)
    widget.paintEvent = painted
"""

BARE = (
    _WATCH
    + """
os.environ["PYQTGRAPH_QT_LIB"] = "PyQt5"
from PyQt5.QtWidgets import QApplication, QMainWindow
import numpy as np
import pyqtgraph as pg
app = QApplication(["bare"])
window = QMainWindow()
view = pg.GraphicsView()
view.setCentralItem(box := pg.ViewBox())
box.addItem(pg.ImageItem(np.zeros((360, 480, 3), np.uint8)))
window.setCentralWidget(view)
window.resize(1280, 800)
watch(view)
window.show()
app.exec_()
"""
)

OURS = (
    _WATCH
    + """
import builtins
from filterlab.cli import main
imported = builtins.__import__

def watched(name, *rest):
    module = imported(name, *rest)
    if name == "filterlab.gui.app":
        builtins.__import__ = imported
        desk = sys.modules[name].Desk
        build = desk._build

        def built(self, *front):
            window = build(self, *front)
            window.fit_into_screen = lambda *_: None  # as large as the bare one on any screen
            watch(window.current_tab.stage.views[0])
            return window

        desk._build = built
    return module

builtins.__import__ = watched
main([])
"""
)


def _seconds(code: str, folder: str) -> float:
    """From the start of a process to its first painted frame."""
    environment = {**os.environ, "FILTERLAB_DATA": folder, "XDG_CONFIG_HOME": folder}
    environment.setdefault("QT_QPA_PLATFORM", "offscreen")
    # Compiled modules are kept, as for anybody who has started the program once.
    environment.pop("PYTHONDONTWRITEBYTECODE", None)
    environment["PYTHONPYCACHEPREFIX"] = os.path.join(folder, "compiled")
    start = time.perf_counter()
    with subprocess.Popen(
        [sys.executable, "-c", code],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        env=environment,
        cwd=Path(__file__).resolve().parent.parent,
    ) as process:
        assert process.stdout is not None
        line = process.stdout.readline()
        taken = time.perf_counter() - start
    if line != b"painted\n":
        raise RuntimeError("the window was not painted")
    return taken


def main() -> int:
    """Print the table."""
    with tempfile.TemporaryDirectory(prefix="filterlab-bench-") as folder:
        for code in (BARE, OURS):  # the disk's cache, and compiled modules
            _seconds(code, folder)
        pairs = [(_seconds(BARE, folder), _seconds(OURS, folder)) for _ in range(ROUNDS)]
    bare, ours = (1000 * statistics.median(times) for times in zip(*pairs))
    ratios = sorted(b / a for a, b in pairs)
    keep(
        "start",
        [
            Row("start to the first painted frame, bare PyQt5 and pyqtgraph", bare, "ms"),
            Row("the same, FilterLab", ours, "ms"),
            Row(
                "FilterLab beside the bare window",
                statistics.median(ratios),
                "x",
                ratios[ROUNDS // 4],
                ratios[-1 - ROUNDS // 4],
                AIM,
            ),
        ],
    )
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
