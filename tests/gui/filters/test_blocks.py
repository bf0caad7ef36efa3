"""Changes of a selected block of cells: what is not selected stays as it is."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from PyQt5.QtCore import Qt
from PyQt5.QtWidgets import QMenu
from pytestqt.qtbot import QtBot

from filterlab.gui.filters.tab import FiltersTab

RAMP = np.arange(1, 26, dtype=np.float32).reshape(5, 5)


def trigger(menu: QMenu, text: str) -> None:
    next(action for action in menu.actions() if action.text() == text).trigger()


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Fill with the brush", lambda b: np.full_like(b, 0.5)),
        ("Negate", lambda b: -b),
        ("Rotate 90° clockwise", lambda b: np.rot90(b, -1)),
        ("Transpose", lambda b: b.T),
        ("Flip up and down", lambda b: b[::-1]),
        ("Normalise to sum 1", lambda b: b / b.sum()),
        ("Make zero-mean", lambda b: b - b.mean()),
        ("Clear", np.zeros_like),
    ],
)
def test_the_menu_changes_the_selected_block(
    tab: FiltersTab, hands: Any, text: str, expected: Any
) -> None:
    tab.bench.set_kernel(1, RAMP)
    hands.drag(tab.editors[1].grid, [(0, 2), (2, 4)], modifiers=Qt.ShiftModifier)
    trigger(tab.actions_.tool_menus[1], text)
    wanted = RAMP.copy()
    wanted[0:3, 2:5] = expected(RAMP[0:3, 2:5])
    np.testing.assert_allclose(tab.bench.kernel(1), wanted, atol=1e-6)
    np.testing.assert_allclose(tab.editors[1].grid.values(), wanted, atol=1e-6)
    np.testing.assert_allclose(tab.bench.net.params["conv"][0].data[1, 0], wanted, atol=1e-6)
    tab.undo()
    np.testing.assert_array_equal(tab.bench.kernel(1), RAMP)


def test_tool_buttons_change_the_block_until_it_is_dropped(
    qtbot: QtBot, tab: FiltersTab, hands: Any
) -> None:
    tab.bench.set_kernel(0, RAMP)
    editor = tab.editors[0]
    editor.grid.setFocus()
    hands.drag(editor.grid, [(1, 1), (1, 3)], modifiers=Qt.ShiftModifier)
    hands.tool(0, "negate")
    wanted = RAMP.copy()
    wanted[1, 1:4] *= -1
    np.testing.assert_array_equal(tab.bench.kernel(0), wanted)
    qtbot.keyClick(editor.grid, Qt.Key_Escape)
    hands.tool(0, "negate")
    np.testing.assert_array_equal(tab.bench.kernel(0), -wanted)


def test_a_block_that_cannot_turn_is_said(qtbot: QtBot, tab: FiltersTab, hands: Any) -> None:
    tab.bench.set_kernel(2, RAMP)
    hands.drag(tab.editors[2].grid, [(0, 0), (1, 2)], modifiers=Qt.ShiftModifier)
    hands.tool(2, "rotate90")
    assert hands.errors == ["a block of 2 x 3 would become 3 x 2; select a square one"]
    hands.drag(tab.editors[2].grid, [(0, 0), (1, 1)], modifiers=Qt.ShiftModifier)
    trigger(tab.actions_.tool_menus[2], "Rotate 45° clockwise")
    assert "no middle cell" in hands.errors[1]
    np.testing.assert_array_equal(tab.bench.kernel(2), RAMP)


def test_a_block_of_one_channel_leaves_the_others(tab: FiltersTab, hands: Any) -> None:
    tab.set_mode("three")
    tab.set_channel(1)
    before = tab.bench.filter(1).copy()
    hands.drag(tab.editors[1].grid, [(1, 1), (1, 3)], modifiers=Qt.ShiftModifier)
    trigger(tab.actions_.tool_menus[1], "Negate")
    wanted = before.copy()
    wanted[1, 1, 1:4] *= -1
    np.testing.assert_array_equal(tab.bench.filter(1), wanted)
