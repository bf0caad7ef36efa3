"""Windows in processes of their own, to be killed; what they print is told by :func:`told`."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

REPO = Path(__file__).resolve().parents[2]

_CODE = """
import json, sys, threading, time
from PyQt5.QtCore import QTimer
from PyQt5.QtWidgets import QApplication
from filterlab.gui import app as gui_app

def window():
    from filterlab.gui.main_window import MainWindow
    found = [w for w in QApplication.topLevelWidgets() if isinstance(w, MainWindow)]
    return found[0] if found else None

def say(what):
    print(json.dumps(what), flush=True)

def when(condition, act):
    def look():
        if condition():
            act()
        else:
            QTimer.singleShot(10, look)
    QTimer.singleShot(0, look)

def ready():
    w = window()
    return w is not None and w.whole and w.isVisible() and w.tab("filters").settled \\
        and w.tab("filters").bench.picture.title != ""

def act():
    tab = window().tab("filters")
    bench = tab.bench
    exec(ACT)

app = gui_app.make_application()
when(ready, act)
sys.exit(gui_app.run_window(*sys.argv[1:]))
"""

SHOW = """
say({"cell": bench.kernel(0)[0, 0].item(), "title": bench.picture.title,
     "sum": float(bench.picture.pixels.sum(dtype="float64")),
     "shape": bench.picture.pixels.shape, "strip": window().strip.text})
window().close()
"""


class Child:
    """A window in its own process."""

    def __init__(self, data: Path, act: str, *arguments: str) -> None:
        env = os.environ | {
            "FILTERLAB_DATA": str(data), "PYTHONPATH": str(REPO), "FILTERLAB_LANG": "en",
            "QT_QPA_PLATFORM": "offscreen", "PYTHONWARNINGS": "error::RuntimeWarning",
        }  # fmt: skip
        code = _CODE.replace("exec(ACT)", f"exec({act!r}, globals() | locals())")
        self.process = subprocess.Popen(
            [sys.executable, "-c", code, *arguments],
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=env, cwd=data.parent,
        )  # fmt: skip

    def told(self) -> Any:
        """The next thing it says."""
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        if not line:
            assert self.process.stderr is not None
            raise AssertionError(self.process.stderr.read())
        return json.loads(line)

    def ended(self, timeout: float = 30) -> int:
        """Wait for its end; its exit status."""
        return self.process.wait(timeout)

    def errors(self) -> str:
        """What it wrote to stderr."""
        assert self.process.stderr is not None
        return self.process.stderr.read()


@contextmanager
def child(data: Path, act: str, *arguments: str) -> Iterator[Child]:
    """A window that does ``act`` once it stands; killed in the end if it still runs."""
    data.mkdir(parents=True, exist_ok=True)
    made = Child(data, act, *arguments)
    try:
        yield made
    finally:
        if made.process.poll() is None:
            made.process.kill()
        made.process.wait()
        for stream in (made.process.stdout, made.process.stderr):
            assert stream is not None
            stream.close()


def poll(condition: Callable[[], Any], timeout: float = 20.0) -> Any:
    """Wait until another process has brought a condition about; what it gives."""
    deadline = time.monotonic() + timeout
    while not (found := condition()):
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.01)
    return found


def sessions(data: Path) -> list[dict[str, Any]]:
    """What is on disk of all sessions, the newest first."""
    files = sorted(
        data.glob("sessions/*/session.json"), key=lambda f: f.stat().st_mtime_ns, reverse=True
    )
    return [json.loads(f.read_text("utf-8")) for f in files]
