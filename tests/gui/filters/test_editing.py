"""Kernels edited through the real grids, fields and buttons."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from pytestqt.qtbot import QtBot
from qtpy.QtCore import Qt
from qtpy.QtWidgets import QApplication

from filterlab.gui.filters.tab import FiltersTab


def test_typing_in_a_cell_changes_the_output(
    qtbot: QtBot, tab: FiltersTab, hands: Any, picture: np.ndarray
) -> None:
    grid = tab.editors[1].grid
    grid.setFocus()
    hands.drag(grid, [(0, 0)], modifiers=Qt.ControlModifier)
    qtbot.keyClicks(grid, "1")
    editor = QApplication.focusWidget()
    qtbot.keyClicks(editor, "/9")
    qtbot.keyClick(editor, Qt.Key_Return)
    assert tab.bench.kernel(1)[0, 0] == np.float32(1 / 9)
    assert tab.bench.net.params["conv"][0].data[1, 0, 0, 0] == np.float32(1 / 9)
    np.testing.assert_allclose(
        hands.output(1), hands.correlate(picture, tab.bench.kernel(1)), atol=1e-5
    )
    assert tab.undo_text() == "Set cell"
    assert "net.params['conv'][0].data[1, 0, 0, 0]" in tab.bottom.code.code()


def test_a_painted_drag_is_one_undo_step(tab: FiltersTab, hands: Any) -> None:
    before = tab.bench.kernel(0).copy()
    hands.drag(tab.editors[0].grid, [(0, 0), (0, 4), (4, 4)])
    assert (tab.bench.kernel(0)[0] == 0.5).all()
    assert (tab.bench.kernel(0)[:, 4] == 0.5).all()
    assert tab.undo_text() == "Paint"
    tab.undo()
    np.testing.assert_array_equal(tab.bench.kernel(0), before)
    np.testing.assert_array_equal(tab.editors[0].grid.values(), before)
    assert tab.redo_text() == "Paint"
    assert tab.undo_text() == ""


@pytest.mark.parametrize("side", [3, 7, 11])
def test_size_is_chosen_and_undone(tab: FiltersTab, hands: Any, side: int) -> None:
    box = tab.panel_.rows
    box.setCurrentIndex(box.findData(side))
    box.activated.emit(box.currentIndex())
    assert tab.bench.size == (side, side)
    assert hands.output(0).shape == (40 - side + 1, 56 - side + 1)
    assert tab.editors[2].grid.values().shape == (side, side)
    tab.undo()
    assert tab.bench.size == (5, 5)
    assert box.currentData() == 5
