"""Every text of every tab is whole, in small windows and with large text, in each language."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest
from PyQt5.QtWidgets import QApplication, QComboBox, QFrame, QLabel, QToolButton, QWidget
from pytestqt.qtbot import QtBot

from filterlab.gui.tabs import TABS
from filterlab.gui.widgets.line import Line


@pytest.mark.parametrize(
    ("tab", "points"),
    [
        pytest.param(tab, points, marks=[pytest.mark.long] if points > 12 else [])
        for tab in TABS
        for points in (9.75, 18.0)
    ],
)
@pytest.mark.parametrize("language", ["en", "zh_CN"])
def test_no_text_is_cut_covered_or_lost(
    qtbot, qapp, painted: ModuleType, language: str, tab: str, points: float
) -> None:
    window = painted.make_window(qapp, language, points)
    qtbot.addWidget(window)
    sizes = painted.SIZES if points < 12 else painted.SIZES[:2]
    found = list(painted.walk(window, [tab], sizes))
    window.close()
    assert not found, "\n".join(found)


def test_the_walk_finds_what_is_wrong(
    qtbot: QtBot, qapp: QApplication, painted: ModuleType
) -> None:
    """Each fault alone; and nothing in what is right."""
    window = QWidget()
    qtbot.addWidget(window)
    window.resize(400, 300)

    def put(widget: QWidget, x: int, y: int, wide: int, high: int) -> QWidget:
        widget.setParent(window)
        widget.setGeometry(x, y, wide, high)
        return widget

    put(QLabel("a whole label"), 8, 8, 200, 24)
    box = put(QComboBox(), 8, 40, 160, 28)
    box.addItems(["one", "another"])
    button = put(QToolButton(), 8, 80, 200, 28)
    button.setText("a whole button")
    line = put(Line(text="a whole line"), 8, 120, 200, 24)
    window.show()
    qtbot.waitExposed(window)

    def found() -> list[str]:
        texts = painted.painted(window)
        return [
            *painted.clipped(texts),
            *painted.shortened(texts, {"a whole line"}),
            *painted.overlapping(window, texts),
            *painted.cut_choices(window),
        ]

    texts = {text.text for text in painted.painted(window)}
    assert texts == {"a whole label", "one", "a whole button", "a whole line"}
    assert found() == []
    faults = [
        (put(QLabel("a label that is cut"), 8, 160, 40, 24), "cut by"),
        (put(QLabel("a label that is low"), 8, 160, 200, 7), "cut by"),
        (put(QLabel("on the label"), 12, 8, 200, 24), "on each other"),
        (put(QFrame(), 8, 8, 60, 24), "covered"),
        (put(Line(text="a line that has to be shortened"), 8, 160, 60, 24), "shortened"),
    ]
    for widget, _ in faults:
        widget.hide()
    for widget, fault in faults:
        widget.show()
        widget.raise_()
        qapp.processEvents()
        assert any(what.startswith(fault) for what in found()), fault
        widget.hide()
    box.addItem("a choice that is too long for this box")
    assert [what.split(" in ")[0] for what in found()] == [
        "no room for 'a choice that is too long for this box'"
    ]
    roomy = painted.painted(window)
    line.hide()
    assert list(painted.vanished(roomy, painted.painted(window))) == [
        "gone: 'a whole line' of Line in QWidget"
    ]


@pytest.mark.long
def test_no_text_is_cut_at_scale_2(tmp_path: Path, repo: Path) -> None:
    # The scale is fixed before Qt is loaded.
    environment = {
        **os.environ,
        "QT_SCALE_FACTOR": "2",
        "QT_FONT_DPI": "96",
        "QT_QPA_PLATFORM": "offscreen",
        "PYTHONPATH": str(repo),
    }
    done = subprocess.run(
        [sys.executable, str(Path(__file__).with_name("painted.py")), str(tmp_path), *TABS],
        env=environment,
        capture_output=True,
        text=True,
        timeout=240,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    found = json.loads(done.stdout)
    assert not found, "\n".join(found)
