"""The kernel grid, driven with real mouse and key events."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from PyQt5.QtCore import QEvent, QPoint, QPointF, Qt
from PyQt5.QtGui import QColor, QImage, QKeySequence, QMouseEvent, QWheelEvent
from PyQt5.QtWidgets import QApplication, QLineEdit, QShortcut, QVBoxLayout, QWidget
from pytestqt.qtbot import QtBot

from filterlab.gui.widgets.kernel_grid import KernelGrid, cell_colour, format_cell, text_colour


class Log:
    """What the grid announced, edit by edit."""

    def __init__(self, grid: KernelGrid) -> None:
        self.edits: list[tuple[str, list[np.ndarray]]] = []
        self.open = False
        self._turn = 0
        grid.edit_started.connect(self.start)
        grid.values_edited.connect(self.change)
        grid.edit_finished.connect(self.finish)

    def start(self, name: str, turn: int) -> None:
        assert not self.open, "an edit began inside another"
        self.open = True
        if not turn or turn != self._turn:
            self.edits.append((name, []))
        self._turn = turn

    def change(self, values: np.ndarray) -> None:
        assert self.open, "values came outside an edit"
        self.edits[-1][1].append(values)

    def finish(self) -> None:
        assert self.open
        self.open = False


@pytest.fixture
def grid(qtbot: QtBot) -> KernelGrid:
    host = QWidget()
    layout = QVBoxLayout(host)
    layout.setContentsMargins(0, 0, 0, 0)
    widget = KernelGrid(host)
    layout.addWidget(widget)
    host.resize(251, 251)
    qtbot.addWidget(host)
    host.show()
    host.activateWindow()
    widget.setFocus()
    qtbot.waitUntil(lambda: widget.hasFocus(), timeout=5000)
    widget._host = host  # keeps the parent alive as long as the test
    return widget


def centre(grid: KernelGrid, row: int, column: int) -> QPoint:
    return grid.cell_rect(row, column).center()


def wheel(grid: KernelGrid, row: int, column: int, notches: int, modifiers: int = 0) -> None:
    pos = QPointF(centre(grid, row, column))
    event = QWheelEvent(
        pos, QPointF(grid.mapToGlobal(pos.toPoint())), QPoint(), QPoint(0, 120 * notches),
        Qt.NoButton, Qt.KeyboardModifiers(modifiers), Qt.NoScrollPhase, False,
    )  # fmt: skip
    QApplication.sendEvent(grid, event)


def drag(qtbot: QtBot, grid: KernelGrid, cells: list[tuple[int, int]], button: int) -> None:
    qtbot.mousePress(grid, button, pos=centre(grid, *cells[0]))
    for cell in cells[1:]:
        # qtbot.mouseMove only moves the pointer, which the offscreen platform does not report.
        pos = QPointF(centre(grid, *cell))
        event = QMouseEvent(
            QEvent.MouseMove, pos, Qt.NoButton, Qt.MouseButtons(button), Qt.NoModifier
        )
        QApplication.sendEvent(grid, event)
    qtbot.mouseRelease(grid, button, pos=centre(grid, *cells[-1]))


def test_a_drag_is_one_edit_and_skips_no_cell(qtbot: QtBot, grid: KernelGrid) -> None:
    log = Log(grid)
    grid.set_brush(0.25)
    drag(qtbot, grid, [(0, 0), (4, 4)], Qt.LeftButton)
    assert [name for name, _ in log.edits] == ["Paint"]
    np.testing.assert_array_equal(log.edits[0][1][-1], np.eye(5, dtype=np.float32) * 0.25)


def test_right_drag_erases(qtbot: QtBot, grid: KernelGrid) -> None:
    grid.set_values(np.ones((5, 5)))
    log = Log(grid)
    drag(qtbot, grid, [(2, 0), (2, 4)], Qt.RightButton)
    assert len(log.edits) == 1
    assert grid.values().sum() == 20
    assert not grid.values()[2].any()


@pytest.mark.parametrize(
    ("modifier", "amount"),
    [(Qt.NoModifier, 0.1), (Qt.ControlModifier, 0.01), (Qt.ShiftModifier, 1.0)],
)
def test_wheel_nudges(qtbot: QtBot, grid: KernelGrid, modifier: int, amount: float) -> None:
    log = Log(grid)
    for _ in range(3):
        wheel(grid, 1, 3, 1, int(modifier))
    qtbot.waitUntil(lambda: not log.open)
    assert len(log.edits) == 1, "notches in quick succession are one step"
    assert grid.values()[1, 3] == np.float32(round(3 * amount, 10))
    assert np.count_nonzero(grid.values()) == 1


@pytest.mark.parametrize(
    ("symmetry", "cells"),
    [
        ("horizontal", {(0, 1), (0, 3)}),
        ("vertical", {(0, 1), (4, 1)}),
        ("both", {(0, 1), (0, 3), (4, 1), (4, 3)}),
        ("rotational", {(0, 1), (1, 4), (4, 3), (3, 0)}),
    ],
)
def test_symmetric_drawing(
    qtbot: QtBot, grid: KernelGrid, symmetry: str, cells: set[tuple[int, int]]
) -> None:
    grid.set_symmetry(symmetry)
    grid.set_brush(1)
    grid.set_click_paints(True)
    drag(qtbot, grid, [(0, 1)], Qt.LeftButton)
    assert {(int(r), int(c)) for r, c in np.argwhere(grid.values())} == cells


def test_a_click_selects_and_paints_only_if_asked(qtbot: QtBot, grid: KernelGrid) -> None:
    log = Log(grid)
    qtbot.mouseClick(grid, Qt.LeftButton, pos=centre(grid, 0, 3))
    assert grid.current() == (0, 3)
    with qtbot.waitSignal(grid.menu_requested):
        qtbot.mouseClick(grid, Qt.RightButton, pos=centre(grid, 4, 4))
    assert log.edits == []
    grid.set_click_paints(True)
    qtbot.mouseClick(grid, Qt.LeftButton, pos=centre(grid, 1, 1))
    assert grid.values()[1, 1] == 0.5
    qtbot.mouseClick(grid, Qt.RightButton, pos=centre(grid, 1, 1))
    assert not grid.values().any()
    assert [name for name, _ in log.edits] == ["Paint", "Erase"]


def test_a_double_click_edits_what_was_there(qtbot: QtBot, grid: KernelGrid) -> None:
    values = np.zeros((5, 5), np.float32)
    values[1, 2] = -2
    grid.set_values(values)
    qtbot.mouseClick(grid, Qt.LeftButton, pos=centre(grid, 1, 2))
    qtbot.mouseDClick(grid, Qt.LeftButton, pos=centre(grid, 1, 2))
    assert grid.findChild(QLineEdit).text() == "-2"
    np.testing.assert_array_equal(grid.values(), values)


def test_as_many_notches_back_as_forth_end_where_they_began(qtbot: QtBot, grid: KernelGrid) -> None:
    for start in (0.0, 0.3, 0.0029690167866647243, -1 / 3, 1e-7):
        grid.set_values(np.full((5, 5), start))
        for notch in (1, -1):
            for _ in range(30):
                wheel(grid, 1, 3, notch)
        assert grid.values()[1, 3] == np.float32(start)
        assert np.signbit(grid.values()[1, 3]) == (start < 0)
    grid.set_values(np.full((5, 5), -0.0))
    assert not np.signbit(grid.values()).any()


def test_parts_of_a_notch_add_up(qtbot: QtBot, grid: KernelGrid) -> None:
    for _ in range(8):  # a fine wheel
        pos = QPointF(centre(grid, 2, 2))
        event = QWheelEvent(
            pos, QPointF(grid.mapToGlobal(pos.toPoint())), QPoint(), QPoint(0, 30),
            Qt.NoButton, Qt.NoModifier, Qt.NoScrollPhase, False,
        )  # fmt: skip
        QApplication.sendEvent(grid, event)
    assert grid.values()[2, 2] == np.float32(0.2)


def test_escape_is_the_grids_before_it_is_the_windows(qtbot: QtBot, grid: KernelGrid) -> None:
    host = grid.window()
    escaped: list[bool] = []
    shortcut = QShortcut(QKeySequence("Esc"), host)
    shortcut.activated.connect(lambda: escaped.append(True))
    qtbot.keyClicks(grid, "7")
    qtbot.keyClick(grid.findChild(QLineEdit), Qt.Key_Escape)
    assert not grid.values().any()
    grid.select(slice(0, 2), slice(0, 2))
    qtbot.keyClick(grid, Qt.Key_Escape)
    assert grid.selection() == (slice(1, 2), slice(1, 2))
    assert escaped == []
    qtbot.keyClick(grid, Qt.Key_Escape)
    assert escaped == [True]


def test_typing_moves_down_and_tab_leaves_the_grid(qtbot: QtBot, grid: KernelGrid) -> None:
    qtbot.mouseClick(grid, Qt.LeftButton, Qt.ControlModifier, centre(grid, 0, 0))
    assert not grid.values().any(), "Ctrl and a click only move"
    qtbot.keyClicks(grid, "4")
    editor = grid.findChild(QLineEdit)
    qtbot.keyClicks(editor, ".5")
    qtbot.keyClick(editor, Qt.Key_Return)
    assert grid.values()[0, 0] == 4.5
    assert grid.current() == (1, 0)
    qtbot.keyClicks(grid, "2")
    qtbot.keyClick(grid.findChildren(QLineEdit)[-1], Qt.Key_Tab)
    assert grid.current() == (1, 1), "while a row is typed, Tab goes along it"
    qtbot.keyClick(grid, Qt.Key_Up)
    assert grid.current() == (0, 1)
    other = QLineEdit(grid.window())
    other.show()
    QWidget.setTabOrder(grid, other)
    qtbot.keyClick(grid, Qt.Key_Tab)
    assert other.hasFocus()
    qtbot.keyClick(other, Qt.Key_Backtab)
    assert grid.hasFocus()
    assert grid.current() == (0, 1)


def test_what_is_no_number_is_said_and_changes_nothing(qtbot: QtBot, grid: KernelGrid) -> None:
    log = Log(grid)
    said: list[str] = []
    grid.rejected.connect(said.append)
    qtbot.keyClicks(grid, "1")
    editor = grid.findChild(QLineEdit)
    qtbot.keyClicks(editor, "//x")
    qtbot.keyClick(editor, Qt.Key_Return)
    assert len(said) == 1
    assert "1//x" in said[0]
    assert not grid.values().any()
    assert log.edits == []


def test_escape_keeps_the_value(qtbot: QtBot, grid: KernelGrid) -> None:
    qtbot.keyClicks(grid, "7")
    qtbot.keyClick(grid.findChild(QLineEdit), Qt.Key_Escape)
    assert not grid.values().any()


def test_block_selected_with_shift_is_cleared_in_one_edit(qtbot: QtBot, grid: KernelGrid) -> None:
    grid.set_values(np.ones((5, 5)))
    qtbot.mouseClick(grid, Qt.LeftButton, Qt.ControlModifier, centre(grid, 1, 1))
    qtbot.keyClick(grid, Qt.Key_Right, Qt.ShiftModifier)
    qtbot.keyClick(grid, Qt.Key_Down, Qt.ShiftModifier)
    assert grid.selection() == (slice(1, 3), slice(1, 3))
    log = Log(grid)
    qtbot.keyClick(grid, Qt.Key_Delete)
    assert len(log.edits) == 1
    assert grid.values().sum() == 21


def test_alt_click_takes_the_brush(qtbot: QtBot, grid: KernelGrid) -> None:
    values = np.zeros((5, 5), np.float32)
    values[3, 1] = -0.75
    grid.set_values(values)
    with qtbot.waitSignal(grid.brush_picked) as picked:
        qtbot.mouseClick(grid, Qt.LeftButton, Qt.AltModifier, centre(grid, 3, 1))
    assert picked.args == [-0.75]
    np.testing.assert_array_equal(grid.values(), values)


def test_cells_are_painted_where_they_are(qtbot: QtBot, grid: KernelGrid) -> None:
    """An asymmetric kernel: row and column are not swapped, up is up."""
    values = np.zeros((3, 5), np.float32)
    values[0, 4], values[2, 1] = 1, -1
    grid.set_values(values)
    image: QImage = grid.grab().toImage()
    scale = image.width() / grid.width()

    def colour(row: int, column: int) -> QColor:
        corner = grid.cell_rect(row, column).bottomRight() - QPoint(4, 4)
        return QColor(image.pixel(int(corner.x() * scale), int(corner.y() * scale)))

    for cell, expected in (((0, 4), "#b2182b"), ((2, 1), "#2166ac"), ((0, 0), "#f7f7f7")):
        seen, wanted = colour(*cell).getRgb()[:3], QColor(expected).getRgb()[:3]
        assert seen == pytest.approx(wanted, abs=2), cell


def _width_of(characters: int) -> Callable[[str], bool]:
    return lambda text: len(text) <= characters


@pytest.mark.parametrize(
    ("value", "room", "text"),
    [
        (0.125, 8, "0.125"),
        (0.125, 4, ".125"),
        (0.125, 3, ".12"),
        (-0.5, 3, "−.5"),
        (0.0, 3, "0"),
        (0.0042, 5, ".0042"),
        (0.0042, 4, ".004"),
        (0.0042, 3, ""),
        (0.00042, 4, "4e−4"),
        (123456.0, 3, "1e5"),
        (1 / 3, 1, ""),
        (float("nan"), 3, "NaN"),
    ],
)
def test_as_many_digits_as_fit(value: float, room: int, text: str) -> None:
    assert format_cell(value, _width_of(room)) == text


@pytest.mark.parametrize("value", np.linspace(-1, 1, 21))
def test_numbers_are_readable_on_every_colour(value: float) -> None:
    def luminance(colour: QColor) -> float:
        parts = [colour.redF(), colour.greenF(), colour.blueF()]
        linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in parts]
        return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]

    background = cell_colour(value, 1)
    low, high = sorted((luminance(background), luminance(text_colour(background))))
    assert (high + 0.05) / (low + 0.05) >= 4.5
