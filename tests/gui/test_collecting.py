"""Garbage is looked for where it does no harm."""

from __future__ import annotations

import gc
import os
import subprocess
import sys
import weakref
from collections.abc import Iterator

import pytest
from PyQt5.QtCore import QObject
from PyQt5.QtWidgets import QApplication

from filterlab.gui.collecting import Collector, uncollected

#: Half of 300 windows are garbage that only the collector finds, which the style sheet's walk over
#: all widgets sets off again and again.
_CODE = """
import gc, os
from PyQt5.QtWidgets import QPushButton, QVBoxLayout, QWidget
from filterlab.gui import theme
from filterlab.gui.app import make_application

app = make_application()
theme.apply(app, "light")
kept, garbage = [], []
for i in range(300):
    window = QWidget()
    lay = QVBoxLayout(window)
    for _ in range(4):
        button = QPushButton("x")
        button.setStyleSheet("padding: 2px;")
        lay.addWidget(button)
        button.ensurePolished()
    window.ring = window
    (kept if i % 2 else garbage).append(window)
polish = theme.PlainStyle.polish

def polish_and_allocate(self, what):
    kept.append([[] for _ in range(3000)])  # which makes the collector look through all
    return polish(self, what)

theme.PlainStyle.polish = polish_and_allocate
gc.set_threshold(700, 1, 1)
gc.collect()
del window, lay, button, garbage
theme.apply(app, "dark")
assert gc.isenabled()
os._exit(7)
"""


@pytest.fixture
def collecting() -> Iterator[None]:
    """Python's own collecting as it was, whatever a test does."""
    wanted = gc.isenabled()
    yield
    (gc.enable if wanted else gc.disable)()


def test_a_theme_is_laid_over_widgets_that_are_garbage() -> None:
    done = subprocess.run(
        [sys.executable, "-c", _CODE],
        env={**os.environ, "QT_QPA_PLATFORM": "offscreen"},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 7, done.stderr[-2000:]


@pytest.mark.usefixtures("collecting")
def test_within_the_block_nothing_is_collected() -> None:
    gc.enable()
    with uncollected():
        assert not gc.isenabled()
        with uncollected():
            pass
        assert not gc.isenabled()
    assert gc.isenabled()


@pytest.mark.usefixtures("collecting")
def test_within_the_block_the_window_looks_for_none_either(qapp: QApplication) -> None:
    owner = QObject()
    collector = Collector(owner)
    made = [[] for _ in range(5000)]
    with uncollected():
        collector.look()
        assert gc.get_count()[0] >= 5000
    collector.look()
    assert gc.get_count()[0] < 5000
    assert len(made) == 5000
    collector.close()


class _Ring(list):
    """May be referred to weakly."""


@pytest.mark.usefixtures("collecting")
def test_garbage_goes_between_events(qtbot, qapp: QApplication) -> None:
    gc.collect()
    owner = QObject()
    collector = Collector(owner)
    ring = _Ring()
    ring.append(ring)
    seen = weakref.ref(ring)
    del ring
    made = [[] for _ in range(5000)]
    assert seen() is not None, "Python looks for none itself"
    qtbot.waitUntil(lambda: seen() is None)
    assert len(made) == 5000
    collector.close()
    assert gc.isenabled()
