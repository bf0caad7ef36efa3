"""Kernels edited through the real grids, fields, buttons and menus."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PyQt5.QtCore import QEvent, QMimeData, QPoint, QPointF, Qt, QUrl
from PyQt5.QtGui import QDragEnterEvent, QDropEvent, QKeySequence, QMouseEvent
from PyQt5.QtWidgets import QApplication, QMenu, QShortcut
from pytestqt.qtbot import QtBot

from filterlab.gui.filters.tab import FiltersTab

RAMP = np.arange(25, dtype=np.float32).reshape(5, 5)


def choose(box: Any, value: Any) -> None:
    """Choose in a combo box as a user does."""
    box.setCurrentIndex(box.findData(value))
    box.activated.emit(box.currentIndex())


def choose_text(box: Any, text: str) -> None:
    """Take an item of a box, as a click on it does."""
    at = box.findText(text)
    assert at >= 0, text
    box.setCurrentIndex(at)
    box.activated.emit(at)


def item(menu: QMenu, *path: str) -> Any:
    """A menu's action by its texts."""
    for text in path:
        action = next(a for a in menu.actions() if a.text() == text)
        menu = action.menu()
    return action


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
    expected = hands.correlate(picture, tab.bench.kernel(1))
    np.testing.assert_allclose(hands.output(1), expected, atol=1e-5)
    assert tab.undo_text() == "Set cell"
    assert "net.params['conv'][0].data[1, 0, 0, 0]" in tab.bottom.code.code()


def test_a_painted_drag_is_one_undo_step(tab: FiltersTab, hands: Any) -> None:
    before = tab.bench.kernel(0).copy()
    hands.drag(tab.editors[0].grid, [(0, 0), (0, 4), (4, 4)])
    assert (tab.bench.kernel(0)[0] == 0.5).all()
    assert (tab.bench.kernel(0)[:, 4] == 0.5).all()
    assert tab.undo_text() == "Paint"
    assert len(tab.bottom.code.code().splitlines()) == 9, "a line of pycaffe for each cell"
    tab.undo()
    np.testing.assert_array_equal(tab.bench.kernel(0), before)
    np.testing.assert_array_equal(tab.editors[0].grid.values(), before)
    assert tab.redo_text() == "Paint"
    assert tab.undo_text() == ""


def test_brush_step_and_mirror_of_the_panel_reach_the_grids(tab: FiltersTab, hands: Any) -> None:
    tab.editors[2].clear()
    tab.panel_.brush.setValue(-2)
    choose(tab.panel_.symmetry, "both")
    hands.drag(tab.editors[2].grid, [(0, 1)])
    kernel = tab.bench.kernel(2)
    assert {tuple(map(int, at)) for at in np.argwhere(kernel)} == {(0, 1), (0, 3), (4, 1), (4, 3)}
    assert kernel[0, 1] == -2
    choose(tab.panel_.symmetry, "none")
    tab.panel_.step.setValue(0.25)
    hands.wheel(tab.editors[2].grid, (2, 2), 1)
    assert tab.bench.kernel(2)[2, 2] == np.float32(0.25)
    hands.wheel(tab.editors[2].grid, (2, 2), -1, int(Qt.ControlModifier))
    assert tab.bench.kernel(2)[2, 2] == np.float32(0.225)
    hands.drag(tab.editors[2].grid, [(0, 1)], modifiers=Qt.AltModifier)
    assert tab.panel_.brush.value() == -2


@pytest.mark.parametrize("side", [3, 7, 11])
def test_each_filter_has_its_own_size(tab: FiltersTab, hands: Any, side: int) -> None:
    box = tab.editors[1].size_box
    choose_text(box, f"{side} × {side}")
    assert tab.bench.size_of(1) == (side, side)
    assert [tab.bench.size_of(slot) for slot in (0, 2)] == [(5, 5), (5, 5)]
    assert tab.editors[1].grid.values().shape == (side, side)
    assert tab.editors[2].grid.values().shape == (5, 5)
    blob = max(side, 5)
    assert hands.output(0).shape == (40 - blob + 1, 56 - blob + 1)
    assert tab.undo_text() == "Change size"
    tab.undo()
    assert tab.bench.size_of(1) == (5, 5)
    assert box.currentText() == "5 × 5"


def test_one_lock_keeps_the_three_at_one_size(qtbot: QtBot, tab: FiltersTab) -> None:
    qtbot.mouseClick(
        tab.panel_.linked, Qt.LeftButton, pos=QPoint(8, tab.panel_.linked.height() // 2)
    )
    assert tab.bench.linked
    choose_text(tab.editors[0].size_box, "9 × 9")
    assert [tab.bench.size_of(slot) for slot in range(3)] == [(9, 9)] * 3
    tab.undo()
    tab.undo()
    assert not tab.panel_.linked.isChecked()


def test_any_size_is_typed(qtbot: QtBot, tab: FiltersTab, hands: Any, picture: np.ndarray) -> None:
    for slot in (0, 1):
        tab.bench.set_size(3, slot)
    field = tab.editors[2].size_box.lineEdit()
    field.selectAll()
    qtbot.keyClicks(field, "3x9")
    qtbot.keyClick(field, Qt.Key_Return)
    assert tab.bench.size_of(2) == (3, 9)
    assert field.text() == "3 × 9"
    expected = hands.correlate(picture, tab.bench.kernel(2))
    np.testing.assert_allclose(hands.output(2), expected, atol=1e-5)
    field.selectAll()
    qtbot.keyClicks(field, "wide")
    qtbot.keyClick(field, Qt.Key_Return)
    assert "no size" in hands.errors[-1]
    assert field.text() == "3 × 9"
    field.selectAll()
    qtbot.keyClicks(field, "4")
    qtbot.keyClick(field, Qt.Key_Return)
    assert "odd" in hands.errors[-1]
    assert field.text() == "3 × 9", "the box shows what is"


def test_pad_stride_and_dilation_are_edits_of_the_net(tab: FiltersTab, hands: Any) -> None:
    choose(tab.panel_.pad, "same")
    assert hands.output(0).shape == (40, 56)
    choose(tab.panel_.stride, 3)
    assert hands.output(0).shape == (14, 19)
    choose(tab.panel_.dilation, 2)
    assert "pad: 4 stride: 3 dilation: 2" in tab.bottom.code.code()
    assert hands.output(0).shape == (14, 19)
    for name in ("Change dilation", "Change stride", "Change padding"):
        assert tab.undo_text() == name
        tab.undo()
    assert hands.output(0).shape == (36, 52)


def test_a_kernel_that_does_not_fit_is_refused(tab: FiltersTab, hands: Any) -> None:
    tab.set_picture(np.zeros((9, 60), np.float32), "flat")
    hands.settle()
    choose_text(tab.editors[0].size_box, "11 × 11")
    assert len(hands.errors) == 1
    assert "11" in hands.errors[0]
    assert tab.bench.size == (5, 5)
    assert tab.editors[0].size_box.currentText() == "5 × 5", "the box shows what is"


def test_bias_is_added_and_undone(qtbot: QtBot, tab: FiltersTab, hands: Any) -> None:
    before = hands.output(0).copy()
    field = tab.editors[0].bias
    field.selectAll()
    qtbot.keyClicks(field, "1/4")
    qtbot.keyClick(field, Qt.Key_Return)
    np.testing.assert_allclose(hands.output(0), before + 0.25, atol=1e-6)
    assert tab.undo_text() == "Change bias"
    tab.undo()
    assert field.value() == 0
    np.testing.assert_array_equal(hands.output(0), before)


MENU = [
    (("Rotate 90° clockwise",), lambda k: np.rot90(k, -1)),
    (("Rotate 90° anticlockwise",), lambda k: np.rot90(k)),
    (("Flip left and right",), lambda k: k[:, ::-1]),
    (("Flip up and down",), lambda k: k[::-1]),
    (("Transpose",), lambda k: k.T),
    (("Shift", "Shift right"), lambda k: np.pad(k, ((0, 0), (1, 0)))[:, :5]),
    (("Shift", "Shift up"), lambda k: np.pad(k, ((0, 1), (0, 0)))[1:]),
    (("Negate",), lambda k: -k),
    (("Normalise to sum 1",), lambda k: k / k.sum()),
    (("Make zero-mean",), lambda k: k - k.mean()),
    (("Scale to energy 1",), lambda k: k / np.sqrt((k**2).sum())),
    (("Fill with the brush",), lambda k: np.full_like(k, 0.5)),
    (("Clear",), lambda k: np.zeros_like(k)),
]


@pytest.mark.parametrize(("path", "expected"), MENU, ids=[" / ".join(path) for path, _ in MENU])
def test_changes_in_the_menu(tab: FiltersTab, path: tuple[str, ...], expected: Any) -> None:
    tab.bench.set_kernel(1, RAMP)
    name = tab.undo_text()
    item(tab.actions_.tool_menus[1], *path).trigger()
    np.testing.assert_allclose(tab.bench.kernel(1), expected(RAMP), atol=1e-6)
    assert tab.undo_text() not in ("", name)
    tab.undo()
    np.testing.assert_array_equal(tab.editors[1].grid.values(), RAMP)


def test_a_turn_by_45_degrees_moves_the_rings(tab: FiltersTab) -> None:
    kernel = np.zeros((5, 5), np.float32)
    kernel[1, 1], kernel[0, 0] = 1, 2
    tab.bench.set_kernel(0, kernel)
    item(tab.actions_.tool_menus[0], "Rotate 45° clockwise").trigger()
    assert tab.bench.kernel(0)[1, 2] == 1
    assert tab.bench.kernel(0)[0, 2] == 2


@pytest.mark.parametrize(
    ("tool", "expected"),
    [
        ("negate", lambda k: -k),
        ("normalise", lambda k: k / k.sum()),
        ("rotate90", lambda k: np.rot90(k, -1)),
        ("mirror", lambda k: k[:, ::-1]),
        ("flip", lambda k: k[::-1]),
        ("clear", lambda k: np.zeros_like(k)),
    ],
)
def test_tool_buttons(tab: FiltersTab, hands: Any, tool: str, expected: Any) -> None:
    tab.bench.set_kernel(2, RAMP)
    hands.tool(2, tool)
    np.testing.assert_allclose(tab.bench.kernel(2), expected(RAMP), atol=1e-6)


def test_swap_and_copy_between_slots(tab: FiltersTab, hands: Any) -> None:
    tab.bench.set_bias(0, 0.5)
    zero, two = tab.bench.kernel(0).copy(), tab.bench.kernel(2).copy()
    item(tab.actions_.tool_menus[0], "Swap with filter 2").trigger()
    np.testing.assert_array_equal(tab.bench.kernel(2), zero)
    np.testing.assert_array_equal(tab.editors[0].grid.values(), two)
    assert tab.editors[2].bias.value() == 0.5
    item(tab.actions_.tool_menus[2], "Copy to filter 1").trigger()
    np.testing.assert_array_equal(tab.bench.kernel(1), zero)
    np.testing.assert_array_equal(hands.output(1), hands.output(2))


@pytest.mark.parametrize(
    "text",
    [
        "1\t2\t3\n4\t5\t6\n7\t8\t9\n",
        "1,2,3\n4,5,6\n7,8,9",
        "1 2 3\n4 5 6\n7 8 9\n",
        "1,2,3;4,5,6;7,8,9",
        "[[1, 2, 3], [4, 5, 6], [7, 8, 9]]",
        "np.array([[1, 2, 3],\n [4, 5, 6],\n [7, 8, 9]])",
        '{"kernel": [[1, 2, 3], [4, 5, 6], [7, 8, 9]]}',
    ],
    ids=["tsv", "csv", "imagej", "gmic", "python", "numpy", "json"],
)
def test_a_kernel_is_pasted_in_every_form(tab: FiltersTab, text: str) -> None:
    tab.desk.active = 1
    QApplication.clipboard().setText(text)
    tab.actions_.paste.trigger()
    expected = np.pad(np.arange(1, 10, dtype=np.float32).reshape(3, 3), 1)
    np.testing.assert_array_equal(tab.bench.kernel(1), expected)
    assert tab.undo_text() == "Paste"


@pytest.mark.parametrize("style", ["tsv", "csv", "imagej", "gmic", "python", "numpy", "json"])
def test_what_is_copied_is_pasted_back(tab: FiltersTab, style: str) -> None:
    kernel = np.random.default_rng(3).normal(size=(5, 5)).astype(np.float32)
    tab.bench.set_kernel(0, kernel)
    tab.editors[0].copy_text(style=style)
    tab.desk.active = 2
    tab.actions_.paste.trigger()
    np.testing.assert_array_equal(tab.bench.kernel(2), kernel)


def test_a_selected_block_is_copied_and_pasted(qtbot: QtBot, tab: FiltersTab, hands: Any) -> None:
    tab.bench.set_kernel(0, RAMP)
    grid = tab.editors[0].grid
    hands.drag(grid, [(1, 1), (2, 3)], modifiers=Qt.ShiftModifier)
    np.testing.assert_array_equal(tab.bench.kernel(0), RAMP, "selecting changes nothing")
    qtbot.keyClick(grid, Qt.Key_C, Qt.ControlModifier)
    assert QApplication.clipboard().text().split() == "6 7 8 11 12 13".split()
    hands.drag(grid, [(3, 2), (4, 3)], modifiers=Qt.ShiftModifier)
    tab.actions_.paste.trigger()
    expected = RAMP.copy()
    expected[3:5, 2:5] = RAMP[1:3, 1:4]
    np.testing.assert_array_equal(tab.bench.kernel(0), expected)


@pytest.mark.parametrize("text", ["1 2\n3 4", "1 2 3\n4 5\n6 7 8", "a b c\nd e f", "1 nan 2", ""])
def test_what_is_no_kernel_is_said_and_changes_nothing(
    tab: FiltersTab, hands: Any, text: str
) -> None:
    before, undo = tab.bench.filter(1).copy(), tab.undo_text()
    tab.desk.active = 1
    QApplication.clipboard().setText(text)
    tab.actions_.paste.trigger()
    assert len(hands.errors) == 1
    assert "\n" not in hands.errors[0]
    np.testing.assert_array_equal(tab.bench.filter(1), before)
    assert tab.undo_text() == undo


def test_undo_covers_everything(tab: FiltersTab, hands: Any) -> None:
    """Back to the start over edits of all kinds, and on again."""
    start, end = tab.bench.state, None
    hands.drag(tab.editors[0].grid, [(0, 0), (2, 2)])
    tab.editors[1].presets.choose("box")
    tab.editors[2].bias.setValue(0.5)
    tab.set_size(7, 7)
    choose(tab.panel_.mode, "three")
    tab.set_picture(np.ones((30, 30, 3), np.float32), "white")
    end = tab.bench.state
    count = 0
    while tab.undo_text():
        tab.undo()
        count += 1
    assert count == 6
    assert tab.bench.state.same(start)
    while tab.redo_text():
        tab.redo()
    assert tab.bench.state.same(end)
    hands.settle()
    assert tab.stage.frame is not None
    assert tab.stage.frame.outputs.full_size == (24, 24)


def test_only_the_newest_edit_is_shown(tab: FiltersTab, hands: Any, picture: np.ndarray) -> None:
    shown: list[int] = []
    tab.live.ready.connect(lambda frame: shown.append(frame.outputs.revision))
    for value in range(40):
        tab.bench.set_bias(0, value / 7)
    hands.settle()
    assert shown[-1] == tab.bench.revision
    assert shown == sorted(shown)
    expected = hands.correlate(picture, tab.bench.kernel(0), 39 / 7)
    np.testing.assert_allclose(hands.output(0), expected, atol=1e-5)


def test_undo_works_from_the_bias_after_enter(qtbot: QtBot, tab: FiltersTab) -> None:
    undone: list[bool] = []
    shortcut = QShortcut(QKeySequence.Undo, tab)
    shortcut.activated.connect(lambda: undone.append(True))
    field = tab.editors[0].bias
    field.setFocus()
    field.selectAll()
    qtbot.keyClicks(field, "2")
    qtbot.keyClick(field, Qt.Key_Z, Qt.ControlModifier)
    assert undone == [], "what is being typed is the field's own"
    field.selectAll()
    qtbot.keyClicks(field, "3")
    qtbot.keyClick(field, Qt.Key_Return)
    assert tab.bench.bias(0) == 3
    qtbot.keyClick(field, Qt.Key_Z, Qt.ControlModifier)
    assert undone == [True]


@pytest.mark.parametrize(("typed", "words"), [("1//2", "no number"), ("9e9", "out of range")])
def test_a_bad_bias_is_explained(
    qtbot: QtBot, tab: FiltersTab, hands: Any, typed: str, words: str
) -> None:
    field = tab.editors[1].bias
    field.selectAll()
    qtbot.keyClicks(field, typed)
    qtbot.keyClick(field, Qt.Key_Return)
    (sentence,) = hands.errors
    assert typed in sentence
    assert words in sentence
    assert tab.bench.bias(1) == 0
    assert field.value() == 0


def test_all_selected_is_pasted_into_as_without_a_selection(qtbot: QtBot, tab: FiltersTab) -> None:
    tab.bench.set_kernel(0, RAMP)
    grid = tab.editors[0].grid
    grid.setFocus()
    qtbot.keyClick(grid, Qt.Key_A, Qt.ControlModifier)
    QApplication.clipboard().setText("1 2 3\n4 5 6\n7 8 9")
    qtbot.keyClick(grid, Qt.Key_V, Qt.ControlModifier)
    expected = np.pad(np.arange(1, 10, dtype=np.float32).reshape(3, 3), 1)
    np.testing.assert_array_equal(tab.bench.kernel(0), expected)


def dropped(editor: Any, data: QMimeData) -> bool:
    """Drag over a filter and drop there; whether it was taken."""
    at = editor.grid.geometry().center()
    enter = QDragEnterEvent(at, Qt.CopyAction, data, Qt.LeftButton, Qt.NoModifier)
    QApplication.sendEvent(editor, enter)
    assert editor.grid._lit == enter.isAccepted()
    drop = QDropEvent(QPointF(at), Qt.CopyAction, data, Qt.LeftButton, Qt.NoModifier)
    if enter.isAccepted():
        QApplication.sendEvent(editor, drop)
    assert not editor.grid._lit
    return bool(enter.isAccepted())


def test_a_drop_goes_to_the_filter_under_it(tab: FiltersTab, tmp_path: Path) -> None:
    tab.desk.active = 0
    text = QMimeData()
    text.setText("1 2 3\n4 5 6\n7 8 9")
    assert dropped(tab.editors[2], text)
    assert tab.bench.kernel(2).sum() == 45
    assert tab.active == 2
    (tmp_path / "k.txt").write_text("9")
    files = QMimeData()
    files.setUrls([QUrl.fromLocalFile(str(tmp_path / "k.txt"))])
    assert dropped(tab.editors[1], files)
    assert tab.bench.kernel(1).tolist() == [[9]]
    assert tab.bench.size_of(2) == (5, 5)
    picture = QMimeData()
    picture.setUrls([QUrl.fromLocalFile(str(tmp_path / "cat.png"))])
    assert not dropped(tab.editors[1], picture), "a picture is the window's"


def test_a_paste_goes_to_the_grid_under_the_mouse(tab: FiltersTab, hands: Any) -> None:
    tab.desk.active = 0
    QApplication.clipboard().setText("1 2 3\n4 5 6\n7 8 9")
    grid = tab.editors[2].grid
    at = QPointF(grid.cell_rect(1, 1).center())
    move = QMouseEvent(QEvent.MouseMove, at, Qt.NoButton, Qt.NoButton, Qt.NoModifier)
    QApplication.sendEvent(grid, move)
    tab.actions_.paste.trigger()
    assert tab.bench.kernel(2).sum() == 45
    assert tab.bench.kernel(0).sum() == pytest.approx(1)


# Nothing of an edit stays open


def test_the_wheel_leaves_no_edit_open(
    tab: FiltersTab, make_tab: Callable[[], FiltersTab], hands: Any
) -> None:
    """Another theme within the pause of the wheel: the edits after it are steps of their own."""
    hands.wheel(tab.editors[0].grid, (0, 0), 1)
    hands.wheel(tab.editors[0].grid, (0, 0), 1)
    state = tab.hand_over()
    tab.shutdown()
    other = make_tab()
    other.take_over(state)
    before = len(other.bench.journal)
    assert before == 1, "two turns in a row are one"
    for number in range(4):
        other.bench.set_cell(1, 0, number, 0.75)
    assert len(other.bench.journal) == before + 4
    assert other.undo_text() == "Set cell"


def begun(qtbot: QtBot, grid: Any) -> None:
    """A drag over two cells whose button is still down."""
    qtbot.mousePress(grid, Qt.LeftButton, pos=grid.cell_rect(0, 0).center())
    to = QPointF(grid.cell_rect(0, 1).center())
    move = QMouseEvent(QEvent.MouseMove, to, Qt.NoButton, Qt.LeftButton, Qt.NoModifier)
    QApplication.sendEvent(grid, move)


@pytest.mark.parametrize("what", ["grid", "input"])
def test_a_drag_cut_off_by_another_theme_is_one_step(
    qtbot: QtBot, tab: FiltersTab, make_tab: Callable[[], FiltersTab], hands: Any, what: str
) -> None:
    if what == "grid":
        begun(qtbot, tab.editors[0].grid)
    else:
        tab.panel_.draw_button.click()
        view = tab.stage.views[0]
        qtbot.mousePress(view.viewport(), Qt.LeftButton, pos=view.to_widget(9, 9).toPoint())
    assert tab.bench.journal.grouping
    state = tab.hand_over()
    tab.shutdown()
    other = make_tab()
    other.take_over(state)
    assert not other.bench.journal.grouping
    assert len(other.bench.journal) == 1
    other.bench.set_cell(1, 0, 0, 0.75)
    assert len(other.bench.journal) == 2


def test_other_edits_within_the_wheels_pause_are_steps_of_their_own(
    tab: FiltersTab, hands: Any
) -> None:
    first, second = tab.editors[0].grid, tab.editors[1].grid
    hands.wheel(first, (0, 0), 1)
    hands.tool(0, "negate")
    hands.wheel(first, (0, 0), 1)
    hands.wheel(second, (0, 0), 1)
    hands.drag(second, [(1, 1), (1, 2)])
    hands.wheel(first, (0, 0), 1)
    hands.wheel(first, (0, 0), 1)
    names = []
    while tab.undo_text():
        names.append(tab.undo_text())
        tab.undo()
    assert names == ["Nudge", "Paint", "Nudge", "Nudge", "Negate", "Nudge"]
    while tab.redo_text():
        tab.redo()
    assert tab.bench.kernel(0)[0, 0] == first.values()[0, 0]


def test_a_drag_whose_end_was_lost_does_not_swallow_the_next(
    qtbot: QtBot, tab: FiltersTab, hands: Any
) -> None:
    """A popup takes the mouse away, and the release never comes."""
    begun(qtbot, tab.editors[0].grid)
    hands.drag(tab.editors[1].grid, [(1, 1), (1, 2)])
    hands.drag(tab.editors[2].grid, [(1, 1), (1, 2)])
    assert len(tab.bench.journal) == 3
