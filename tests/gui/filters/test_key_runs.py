"""Arrow keys go through a field's choices: one uninterrupted run of them is one step of undo."""

from __future__ import annotations

from typing import Any

import pytest
from PyQt5.QtCore import QPoint, QPointF, Qt
from PyQt5.QtGui import QWheelEvent
from PyQt5.QtTest import QTest
from PyQt5.QtWidgets import QApplication, QComboBox
from pytestqt.qtbot import QtBot

from filterlab.gui.filters.tab import FiltersTab
from filterlab.gui.widgets.key_run import KeyRun


@pytest.fixture
def edge(tab: FiltersTab) -> QComboBox:
    tab.activateWindow()
    tab.panel_.edge.setFocus()
    assert tab.panel_.edge.hasFocus()
    return tab.panel_.edge


def steps(tab: FiltersTab) -> list[tuple[str, str]]:
    return [(e.old.settings.edge, e.new.settings.edge) for e in tab.bench.journal.done]


def test_a_run_of_keys_is_one_step(tab: FiltersTab, hands: Any, edge: QComboBox) -> None:
    tab.set_pad("same")
    tab.bench.journal.clear()
    for _ in range(3):
        QTest.keyClick(edge, Qt.Key_Down)
    assert steps(tab) == [("zero", "wrap")]
    tab.undo()
    assert (tab.bench.settings.edge, edge.currentData()) == ("zero", "zero")
    tab.redo()
    assert edge.currentData() == "wrap"
    assert "wrap" in tab.bench.code, "what brings back all of the run"
    QTest.keyClick(edge, Qt.Key_Up)
    assert steps(tab) == [("zero", "wrap"), ("wrap", "replicate")], "undo has ended the run"


def test_another_field_and_the_list_are_steps_of_their_own(
    qtbot: QtBot, tab: FiltersTab, edge: QComboBox
) -> None:
    QTest.keyClick(edge, Qt.Key_Down)
    tab.panel_.pad.setFocus()
    QTest.keyClick(tab.panel_.pad, Qt.Key_Down)
    assert len(tab.bench.journal) == 2
    edge.setFocus()
    QTest.keyClick(edge, Qt.Key_Down)
    assert len(tab.bench.journal) == 3, "its run had ended with the focus"
    QTest.keyClick(edge, Qt.Key_Space)
    view = edge.view()
    qtbot.waitUntil(view.isVisible)
    QTest.keyClick(view, Qt.Key_Down)
    QTest.keyClick(view, Qt.Key_Return)
    assert edge.currentData() == "wrap"
    assert len(tab.bench.journal) == 4


def test_after_a_pause_a_run_begins_anew(qtbot: QtBot, tab: FiltersTab, edge: QComboBox) -> None:
    run = edge.findChild(KeyRun)
    QTest.keyClick(edge, Qt.Key_Down)
    assert run.key is not None
    qtbot.waitUntil(lambda: run.key is None)
    QTest.keyClick(edge, Qt.Key_Down)
    assert steps(tab) == [("zero", "reflect"), ("reflect", "replicate")]


def test_turns_of_the_wheel_are_a_run(tab: FiltersTab, edge: QComboBox) -> None:
    pos = QPointF(edge.rect().center())
    for _ in range(2):
        event = QWheelEvent(
            pos, QPointF(edge.mapToGlobal(pos.toPoint())), QPoint(), QPoint(0, -120),
            Qt.NoButton, Qt.NoModifier, Qt.NoScrollPhase, False,
        )  # fmt: skip
        QApplication.sendEvent(edge, event)
    assert steps(tab) == [("zero", "replicate")]


def test_an_edit_between_is_not_joined(tab: FiltersTab, edge: QComboBox) -> None:
    QTest.keyClick(edge, Qt.Key_Down)
    tab.bench.set_cell(0, 1, 1, 0.5)
    QTest.keyClick(edge, Qt.Key_Down)
    assert len(tab.bench.journal) == 3


@pytest.mark.parametrize("name", ["stride", "dilation", "mode"])
def test_all_fields_of_the_net_do_so(tab: FiltersTab, hands: Any, name: str) -> None:
    tab.activateWindow()
    box = getattr(tab.panel_, name)
    box.setFocus()
    before = tab.bench.settings
    for _ in range(2):
        QTest.keyClick(box, Qt.Key_Down)
    assert box.currentIndex() == 2
    assert len(tab.bench.journal) == 1
    tab.undo()
    assert tab.bench.settings == before
    assert box.currentIndex() == 0


def test_sizes_do_so_and_typed_ones_do_not(tab: FiltersTab) -> None:
    tab.activateWindow()
    box = tab.editors[0].size_box
    before = tab.bench.kernel(0).copy()
    box.setFocus()
    box.setCurrentIndex(2)
    for _ in range(2):
        QTest.keyClick(box, Qt.Key_Up)
    assert tab.bench.size_of(0) == (1, 1)
    assert len(tab.bench.journal) == 1
    for size in ("3 x 3", "7 x 3"):
        box.lineEdit().selectAll()
        QTest.keyClicks(box, size)
        QTest.keyClick(box, Qt.Key_Return)
    assert len(tab.bench.journal) == 3
    for _ in range(3):
        tab.undo()
    assert (tab.bench.kernel(0) == before).all(), "also what shrinking had cut away"
