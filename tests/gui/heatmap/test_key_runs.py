"""Arrow keys go through a field's choices: one uninterrupted run of them is one step of undo."""

from __future__ import annotations

import pytest
from PyQt5.QtCore import Qt
from PyQt5.QtTest import QTest


@pytest.fixture
def look(ready):
    """The popover of the look, open."""
    ready.activateWindow()
    ready.popover.open_under(ready.controls.view_button)
    ready.popover.activateWindow()
    return ready.popover


@pytest.mark.parametrize("field", ["show", "colours"])
def test_a_run_through_a_field_of_the_look_is_one_step(ready, look, field) -> None:
    combo = getattr(look, f"{field}_combo")
    before, at = ready.bench.look, combo.currentIndex()
    combo.setFocus()
    for _ in range(2):
        QTest.keyClick(combo, Qt.Key_Down)
    assert combo.currentIndex() == at + 2
    assert getattr(ready.bench.look, field) == combo.currentData()
    assert len(ready.bench.journal) == 1
    ready.undo()
    assert ready.bench.look == before
    QTest.keyClick(combo, Qt.Key_Down)
    QTest.keyClick(look.lay_row.button(look.lay_row.key), Qt.Key_Right)
    assert len(ready.bench.journal) == 2


def test_a_run_along_buttons_is_one_step(ready, look) -> None:
    row = look.scale_row
    row.button(row.key).setFocus()
    assert row.key == "best"
    for _ in range(2):
        QTest.keyClick(row.button(row.key), Qt.Key_Right)
    assert ready.bench.look.scale == row.key == "log"
    assert len(ready.bench.journal) == 1
    QTest.mouseClick(row.button("unit"), Qt.LeftButton)
    assert len(ready.bench.journal) == 2, "a click is a step of its own"
    ready.undo()
    ready.undo()
    assert ready.bench.look.scale == row.key == "best"


def test_a_run_along_the_sizes_is_one_step(ready, settled) -> None:
    slider = ready.controls.cells_slider
    ready.activateWindow()
    slider.setFocus()
    before = ready.bench.request
    for _ in range(3):
        QTest.keyClick(slider, Qt.Key_Right)
    settled(ready)
    assert ready.bench.request != before
    assert len(ready.bench.journal) == 1
    ready.undo()
    assert ready.bench.request == before
    settled(ready)


def test_a_run_through_the_models_is_one_step(ready, settled) -> None:
    combo = ready.controls.model_combo
    ready.activateWindow()
    combo.setFocus()
    before, mine = ready.bench.model, ready.bench.state
    at = combo.currentIndex()
    key = Qt.Key_Up if at >= 2 else Qt.Key_Down
    for _ in range(2):
        QTest.keyClick(combo, key)
    settled(ready)
    assert abs(combo.currentIndex() - at) == 2
    assert ready.bench.model != before
    assert len(ready.bench.journal) == 1
    ready.undo()
    settled(ready)
    assert ready.bench.state == mine
