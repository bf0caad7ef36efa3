"""The tools by hand: what they show is compared with SciPy's numbers."""

from __future__ import annotations

import re
import xml.etree.ElementTree as Xml
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PyQt5.QtCore import (
    QBuffer,
    QEvent,
    QIODevice,
    QMimeData,
    QPoint,
    QPointF,
    QRectF,
    Qt,
    QVariantAnimation,
)
from PyQt5.QtGui import QDragEnterEvent, QDropEvent, QMouseEvent, QPainter
from PyQt5.QtSvg import QSvgGenerator
from PyQt5.QtTest import QTest
from PyQt5.QtWidgets import QApplication, QComboBox, QMenu
from pytestqt.qtbot import QtBot
from scipy import ndimage, signal

from filterlab.gui import theme
from filterlab.gui.filters.tab import FiltersTab
from filterlab.gui.widgets import window_item
from filterlab.gui.widgets.picture_view import VALUES_FROM, PictureView
from filterlab.pictures import write_picture

RNG = np.random.default_rng(21)


def typed(qtbot: QtBot, field: Any, text: str) -> None:
    """Click into a number field, type and press Enter."""
    qtbot.mouseClick(field.lineEdit(), Qt.LeftButton)
    field.selectAll()
    QTest.keyClicks(field, text)
    qtbot.keyClick(field, Qt.Key_Return)


def picked(qtbot: QtBot, box: QComboBox, value: object) -> None:
    """Choose an entry of a combo box with the keys."""
    box.setFocus()
    while box.currentData() != value:
        before = box.currentIndex()
        down = box.findData(value) > before
        qtbot.keyClick(box, Qt.Key_Down if down else Qt.Key_Up)
        assert box.currentIndex() != before


def action(menu: QMenu, *path: str) -> Any:
    """An item of a menu by the titles that lead there."""
    for title in path[:-1]:
        menu = next(a.menu() for a in menu.actions() if a.text().replace("&", "") == title)
    return next(a for a in menu.actions() if a.text().replace("&", "") == path[-1])


def seen(view: PictureView) -> dict[tuple[int, int], str]:
    """The texts painted in a view by the picture pixel (row, column) that they lie in."""
    area = view.viewport().rect()
    buffer = QBuffer()
    buffer.open(QIODevice.WriteOnly)
    svg = QSvgGenerator()
    svg.setOutputDevice(buffer)
    svg.setResolution(96)
    svg.setSize(area.size())
    svg.setViewBox(area)
    painter = QPainter(svg)
    view.render(painter, QRectF(area), area)
    painter.end()
    found = {}
    root = Xml.fromstring(bytes(buffer.data()))
    for group in root.iter("{http://www.w3.org/2000/svg}g"):
        matrix = re.search(r"matrix\(([^)]*)\)", group.get("transform", ""))
        for text in group.findall("{http://www.w3.org/2000/svg}text"):
            a, b, c, d, e, f = map(float, matrix[1].split(",")) if matrix else (1, 0, 0, 1, 0, 0)
            x, y = float(text.get("x", 0)), float(text.get("y", 0))
            # Where it begins; a bit up from its base line it lies in its pixel.
            x, y = view.to_scene(QPointF(a * x + c * y + e + 2, b * x + d * y + f - 3).toPoint())
            found[int(np.floor(y)), int(np.floor(x))] = "".join(text.itertext()).strip()
    return found


def number(text: str) -> float:
    return float(text.replace("\N{MINUS SIGN}", "-"))


# Bias and divisor, edges


def test_the_divisor_divides(qtbot: QtBot, tab: FiltersTab, hands: Any, picture: Any) -> None:
    editor = tab.editors[0]
    tab.bench.set_kernel(0, np.arange(1, 26).reshape(5, 5))
    tab.bench.set_bias(0, 0.25)
    typed(qtbot, editor.divisor, "325")
    whole = ndimage.correlate(picture.astype(float), np.arange(1.0, 26).reshape(5, 5))[2:-2, 2:-2]
    np.testing.assert_allclose(hands.output(0), whole / 325 + 0.25, atol=1e-5)
    np.testing.assert_array_equal(editor.grid.values(), np.arange(1, 26).reshape(5, 5))
    assert editor.sum_label.text() == "Σ 1"
    assert "/ 325" in tab.bench.code
    assert tab.undo_text() == "Change divisor"
    for bad, said in (("0", "divided by 0"), ("nine", "'nine' is no number")):
        typed(qtbot, editor.divisor, bad)
        assert said in hands.errors[-1]
        assert (editor.divisor.value(), tab.bench.divisor(0)) == (325, 325)
    typed(qtbot, editor.divisor, "-1/2")
    np.testing.assert_allclose(hands.output(0), whole * -2 + 0.25, atol=1e-4, rtol=1e-5)
    tab.undo()  # divisors that follow each other are one step
    np.testing.assert_allclose(hands.output(0), whole + 0.25, atol=1e-4, rtol=1e-5)
    assert editor.divisor.value() == 1


#: SciPy's names for what numpy and the window call them.
SCIPY = {"zero": "constant", "reflect": "mirror", "replicate": "nearest", "wrap": "wrap"}


@pytest.mark.parametrize("edge", SCIPY)
def test_the_edge_is_what_it_is_called(
    qtbot: QtBot, tab: FiltersTab, hands: Any, picture: Any, edge: str
) -> None:
    kernel = RNG.normal(size=(5, 5)).astype(np.float32)
    tab.bench.set_kernel(1, kernel)
    picked(qtbot, tab.panel_.pad, "same")
    if edge != "zero":
        picked(qtbot, tab.panel_.edge, edge)
        assert tab.undo_text() == "Change edge"
        assert "np.pad(x" in tab.bench.code
    expected = ndimage.correlate(picture.astype(float), kernel.astype(float), mode=SCIPY[edge])
    np.testing.assert_allclose(hands.output(1), expected, atol=1e-4)
    while tab.undo_text() == "Change edge":  # the keys went through those between
        tab.undo()
    expected = ndimage.correlate(picture.astype(float), kernel.astype(float), mode="constant")
    np.testing.assert_allclose(hands.output(1), expected, atol=1e-4)
    assert tab.panel_.edge.currentData() == "zero"


# From one filter to the next


def test_apply_and_go_on_steps_and_back(
    qtbot: QtBot, tab: FiltersTab, hands: Any, picture: Any
) -> None:
    blur, edge = tab.bench.kernel(0).astype(float), tab.bench.kernel(1).astype(float)
    button, menu = tab.stage.steps_button, tab.actions_.steps_menu
    assert not button.isVisible()
    qtbot.mouseClick(tab.editors[0].grid, Qt.LeftButton, pos=QPoint(20, 20))
    hands.settle()
    tab.actions_.apply.trigger()
    blurred = ndimage.correlate(picture.astype(float), blur)[2:-2, 2:-2]
    np.testing.assert_allclose(hands.output(1), ndimage.correlate(blurred, edge)[2:-2, 2:-2],
                               atol=1e-5)  # fmt: skip
    np.testing.assert_allclose(tab.bench.picture.pixels, blurred, atol=1e-6)
    assert button.isVisible()
    assert button.text() == "1 step ▾"
    qtbot.mouseClick(tab.editors[1].grid, Qt.LeftButton, pos=QPoint(20, 20))
    tab.actions_.apply.trigger()
    edges = ndimage.correlate(blurred, edge)[2:-2, 2:-2]
    np.testing.assert_allclose(hands.output(0), ndimage.correlate(edges, blur)[2:-2, 2:-2],
                               atol=1e-5)  # fmt: skip
    assert [a.text() for a in menu.actions()] == ["noise", "1  Gaussian", "2  Sobel ─"]
    assert [a.isChecked() for a in menu.actions()] == [False, False, True]
    # Two steps back at once are one edit.
    menu.actions()[0].trigger()
    hands.settle()
    assert not button.isVisible()
    np.testing.assert_array_equal(tab.bench.picture.pixels, picture)
    assert tab.undo_text() == "Take a step back"
    tab.undo()
    np.testing.assert_allclose(hands.output(2).shape, (28, 44))
    assert button.text() == "2 steps ▾"
    tab.undo()
    np.testing.assert_allclose(tab.bench.picture.pixels, blurred, atol=1e-6)
    assert button.text() == "1 step ▾"
    assert tab.undo_text() == "Apply and go on"
    tab.actions_.step_back.trigger()
    np.testing.assert_array_equal(tab.bench.picture.pixels, picture)
    assert not tab.actions_.step_back.isEnabled()


def test_compose_is_the_one_kernel_of_two(
    qtbot: QtBot, tab: FiltersTab, hands: Any, picture: Any
) -> None:
    one, two = (RNG.normal(size=size).astype(np.float32) for size in ((3, 5), (5, 3)))
    tab.bench.set_kernel(0, one)
    tab.bench.set_kernel(1, two)
    tab.bench.set_bias(0, 0.5)
    tab.bench.set_bias(1, -1)
    tab.bench.set_divisor(0, 2)
    tab.bench.set_divisor(2, 7)
    title = "The one kernel that does filter 0, then filter 1"
    action(tab.actions_.tool_menus[2], "Compose", title).trigger()
    # Correlating twice is correlating with the two convolved.
    expected = signal.convolve2d(one.astype(float) / 2, two.astype(float))
    grid = tab.editors[2].grid.values()
    assert grid.shape == (7, 7)
    np.testing.assert_allclose(grid, expected, atol=1e-5)
    assert tab.editors[2].divisor.value() == 1
    first = signal.correlate2d(picture.astype(float), one.astype(float) / 2, "valid") + 0.5
    then = signal.correlate2d(first, two.astype(float), "valid") - 1
    np.testing.assert_allclose(hands.output(2), then, atol=1e-4)
    assert tab.undo_text() == "Compose filters"
    tab.undo()
    assert tab.editors[2].divisor.value() == 7


# What is seen of padding, pixels and the window


@pytest.mark.parametrize("edge", SCIPY)
def test_padding_is_drawn_with_what_it_holds(
    qtbot: QtBot, tab: FiltersTab, hands: Any, picture: Any, edge: str
) -> None:
    tab.set_pad("same")
    tab.set_edge(edge)
    hands.settle()
    view = tab.stage.views[0]
    view.set_view_rect(QRectF(-2, -2, 6, 4))
    hands.settle()
    assert view.scale_on_screen >= VALUES_FROM
    modes = {"zero": "constant", "reflect": "reflect", "replicate": "edge", "wrap": "wrap"}
    around = np.pad(picture, 2, modes[edge])
    texts = seen(view)
    outside = {(y, x) for y, x in texts if y < 0 or x < 0}
    assert {(-2, -2), (-2, 3), (-1, 0), (1, -1), (0, -2)} <= outside
    for y, x in texts:
        assert number(texts[y, x]) == pytest.approx(around[y + 2, x + 2], abs=5.1e-4), (y, x)


def test_no_padding_is_drawn_where_there_is_none(tab: FiltersTab, hands: Any) -> None:
    view = tab.stage.views[0]
    view.set_view_rect(QRectF(-2, -2, 6, 4))
    hands.settle()
    assert not tab.stage.padding.isVisible()
    assert min(seen(view)) == (0, 0)


@pytest.mark.parametrize("slot", [0, 1, 2])
def test_large_pixels_carry_their_values(
    tab: FiltersTab, hands: Any, picture: Any, slot: int
) -> None:
    view = tab.stage.views[1 + slot]
    view.set_view_rect(QRectF(20, 15, 6, 4))
    kernel = tab.bench.kernel(slot).astype(float)
    hands.settle()
    expected = ndimage.correlate(picture.astype(float), kernel)
    texts = seen(view)
    # All that is in sight: of outputs two places, since they may be signed.
    assert {(y, x) for y in range(16, 18) for x in range(21, 25)} <= set(texts)
    for y, x in texts:
        assert number(texts[y, x]) == pytest.approx(expected[y, x], abs=5.1e-3), (y, x)
    view.set_view_rect(QRectF(0, 0, 56, 40))
    hands.settle()
    assert seen(view) == {}, "too small for numbers"


def test_the_window_glides_to_the_next_pixel(qtbot: QtBot, tab: FiltersTab, hands: Any) -> None:
    """One step is one glide of 160 ms, whose middle lies in the middle."""
    theme.set_reduced_motion(False)
    box = tab.stage.window_box
    hands.click(tab.stage.views[1], 12.5, 10.5)
    assert box.box() == (10, 8, 15, 13)
    assert not box.gliding, "a click goes there at once"
    qtbot.mouseClick(tab.bottom.next_button, Qt.LeftButton)
    assert box.gliding
    glide: QVariantAnimation = box._glide
    assert glide.duration() == window_item.GLIDE_MS == 160
    assert box.shown_box() == (10, 8, 15, 13)
    assert box.box() == (11, 8, 16, 13)
    assert box.last_box() == (10, 8, 15, 13), "where it came from stays to be seen"
    glide.pause()
    glide.setCurrentTime(80)
    assert box.shown_box() == (10.5, 8, 15.5, 13)
    places = []
    for ms in range(0, 161, 20):
        glide.setCurrentTime(ms)
        places.append(box.shown_box()[0])
    assert places == sorted(places)
    assert len(set(places)) == len(places)
    assert places[-1] == 11
    glide.stop()
    # What the cells say is the pixel it goes to, at once.
    expected = ndimage.correlate(
        tab.bench.picture.grey.astype(float), tab.bench.kernel(0).astype(float)
    )[10, 13]
    assert tab.pointer.pointed == (8, 11)
    assert tab.bench.explain(0, 8, 11).result == pytest.approx(expected, abs=1e-5)


def test_without_motion_the_window_is_there_at_once(
    qtbot: QtBot, tab: FiltersTab, hands: Any
) -> None:
    theme.set_reduced_motion(True)
    hands.click(tab.stage.views[1], 12.5, 10.5)
    qtbot.mouseClick(tab.bottom.next_button, Qt.LeftButton)
    assert not tab.stage.window_box.gliding
    assert tab.stage.window_box.shown_box() == (11, 8, 16, 13)


# Learning


def learned(qtbot: QtBot, tab: FiltersTab) -> Any:
    """The dialog, having learned filter 0 from its output."""
    tab.actions_.learn.trigger()
    dialog: Any = tab.files.dialog
    picked(qtbot, dialog.output_box, 0)
    dialog.output_box.activated.emit(dialog.output_box.currentIndex())
    qtbot.mouseClick(dialog.learn_button, Qt.LeftButton)
    qtbot.waitUntil(lambda: dialog.learned is not None and not dialog.runner.running)
    return dialog


def test_what_is_learned_is_divided_by_nothing(qtbot: QtBot, tab: FiltersTab, hands: Any) -> None:
    """The filter then gives what was learned from, whatever divisor stood there."""
    tab.desk.active = 2
    typed(qtbot, tab.editors[2].divisor, "9")
    hands.settle()
    wanted = hands.output(0)
    dialog = learned(qtbot, tab)
    qtbot.mouseClick(dialog.use_button, Qt.LeftButton)
    np.testing.assert_allclose(hands.output(2), wanted, atol=1e-4)
    assert tab.editors[2].divisor.value() == 1
    assert tab.undo_text() == "Learn kernel"
    tab.undo()
    assert tab.editors[2].divisor.value() == 9


def test_a_failed_fit_leaves_nothing_to_use(qtbot: QtBot, tab: FiltersTab, tmp_path: Path) -> None:
    write_picture(tmp_path / "other.png", RNG.random((17, 19)))
    dialog = learned(qtbot, tab)
    assert dialog.use_button.isEnabled()
    assert dialog.grid.isVisible()
    dialog.open_picture(str(tmp_path / "other.png"), before=False)
    qtbot.waitUntil(lambda: not dialog.runner.running)
    assert not dialog.use_button.isEnabled(), "it was learned of another picture"
    qtbot.mouseClick(dialog.learn_button, Qt.LeftButton)
    qtbot.waitUntil(lambda: not dialog.runner.running)
    assert "19 x 17" in dialog.result_label.text()
    assert not dialog.use_button.isEnabled()
    assert not dialog.grid.isVisible()
    assert dialog.learned is None
    dialog.reject()


@pytest.mark.parametrize("way", ["file", "own", "net", "preset"])
def test_a_filter_from_elsewhere_works_as_it_does_there(
    qtbot: QtBot, tab: FiltersTab, hands: Any, picture: Any, tmp_path: Path, way: str
) -> None:
    """A divisor that stood in the filter does not divide the next one."""
    values = RNG.normal(size=(3, 3)).astype(np.float32)
    tab.bench.set_divisor(0, 4)
    if way == "file":
        np.save(tmp_path / "k.npy", values)
        tab.files.open_kernel(tmp_path / "k.npy", 0)
    elif way == "own":
        tab.library.save("mine", values[None], "", 0.0)
        tab.editors[0].presets.choose_own("mine")
    elif way == "net":
        tab.files._on_net_filter(values[None], 0.0)
    else:
        tab.editors[0].presets.choose("sobel-v")
        values = tab.bench.kernel(0)
    expected = hands.correlate(picture, values)
    found = hands.output(0)
    rows, cols = (
        (one - two) // 2 for one, two in zip(expected.shape, found.shape)
    )  # the blob may be larger
    expected = expected[rows : rows + found.shape[0], cols : cols + found.shape[1]]
    np.testing.assert_allclose(found, expected, atol=1e-5)
    assert tab.editors[0].divisor.value() == 1
    tab.undo()
    assert tab.editors[0].divisor.value() == 4


@pytest.mark.parametrize("way", ["file", "own"])
def test_a_filter_is_kept_as_it_works(
    tab: FiltersTab, hands: Any, tmp_path: Path, way: str
) -> None:
    kernel = np.arange(-4, 5, dtype=np.float32).reshape(3, 3)
    tab.bench.set_kernel(1, kernel)
    tab.bench.set_divisor(1, 8)
    wanted = hands.output(1)
    if way == "file":
        tab.files.write_kernel(tmp_path / "k.txt", 1)
        tab.files.open_kernel(tmp_path / "k.txt", 2)
    else:
        tab.files.save_own(1)
        dialog: Any = tab.files.dialog
        dialog.name_edit.setText("eighths")
        dialog.accept()
        tab.editors[2].presets.choose_own("eighths")
    np.testing.assert_allclose(tab.bench.weights(2)[0], kernel / 8, atol=1e-7)
    np.testing.assert_allclose(hands.output(2), wanted, atol=1e-6)


# Where it goes that is dropped and pasted


def dragged(editor: Any, at: QPoint, data: QMimeData) -> QDragEnterEvent:
    enter = QDragEnterEvent(at, Qt.CopyAction, data, Qt.LeftButton, Qt.NoModifier)
    QApplication.sendEvent(editor, enter)
    return enter


def test_the_grid_under_a_drag_is_lit_on_the_screen(
    tab: FiltersTab, hands: Any, picture: Any
) -> None:
    text = QMimeData()
    text.setText("0 1 0\n1 -4 1\n0 1 0")
    tab.desk.active = 0
    editor = tab.editors[1]
    at = editor.grid.geometry().center()
    plain = [e.grid.grab().toImage() for e in tab.editors]
    assert dragged(editor, at, text).isAccepted()
    lit = [e.grid.grab().toImage() for e in tab.editors]
    assert [one != two for one, two in zip(plain, lit)] == [False, True, False]
    frame = editor.grid.cells_rect().adjusted(-2, -2, 2, 2)
    ratio = lit[1].devicePixelRatio()
    colour = lit[1].pixelColor(int(frame.center().x() * ratio), int(frame.top() * ratio))
    assert colour.name() == editor.palette().highlight().color().name()
    drop = QDropEvent(QPointF(at), Qt.CopyAction, text, Qt.LeftButton, Qt.NoModifier)
    QApplication.sendEvent(editor, drop)
    laplace = np.array([[0, 1, 0], [1, -4, 1], [0, 1, 0]], float)
    np.testing.assert_array_equal(editor.grid.values(), np.pad(laplace, 1))
    expected = ndimage.correlate(picture.astype(float), laplace)[2:-2, 2:-2]
    np.testing.assert_allclose(hands.output(1), expected, atol=1e-5)
    # The frame is thin again: it is the grid in front now.
    assert editor.grid.grab().toImage() != lit[1]
    assert tab.active == 1


def test_all_selected_and_pasted_is_centred_and_cleared(
    qtbot: QtBot, tab: FiltersTab, hands: Any, picture: Any
) -> None:
    tab.bench.set_kernel(2, RNG.normal(size=(5, 5)))
    grid = tab.editors[2].grid
    qtbot.mouseClick(grid, Qt.LeftButton, pos=grid.cell_rect(4, 0).center())
    qtbot.keyClick(grid, Qt.Key_A, Qt.ControlModifier)
    assert grid.selection() == (slice(0, 5), slice(0, 5))
    block = np.arange(1.0, 10).reshape(3, 3)
    QApplication.clipboard().setText("1\t2\t3\n4\t5\t6\n7\t8\t9")
    qtbot.keyClick(grid, Qt.Key_V, Qt.ControlModifier)
    np.testing.assert_array_equal(grid.values(), np.pad(block, 1))
    expected = ndimage.correlate(picture.astype(float), block)[2:-2, 2:-2]
    np.testing.assert_allclose(hands.output(2), expected, atol=1e-4)
    assert tab.undo_text() == "Paste"
    # As the button does with nothing selected.
    tab.undo()
    grid.drop_block()
    hands.tool(2, "paste")
    np.testing.assert_array_equal(grid.values(), np.pad(block, 1))


@pytest.mark.parametrize("slot", [1, 2])
def test_a_paste_goes_under_the_cursor_or_into_the_block_there(
    tab: FiltersTab, hands: Any, slot: int
) -> None:
    """A block is selected in filter 1; over another filter it is that one's, whole."""
    grid, other = tab.editors[1].grid, tab.editors[slot].grid
    expected = [tab.bench.kernel(n).copy() for n in range(3)]
    hands.drag(grid, [(1, 2), (3, 4)], modifiers=Qt.ShiftModifier)
    QApplication.sendEvent(grid, QEvent(QEvent.Leave))
    at = QPointF(other.cell_rect(4, 0).center())
    move = QMouseEvent(QEvent.MouseMove, at, Qt.NoButton, Qt.NoButton, Qt.NoModifier)
    QApplication.sendEvent(other, move)
    assert other.under_mouse
    QApplication.clipboard().setText("7\t8\t9\n4\t5\t6\n1\t2\t3")
    tab.actions_.paste.trigger()
    block = np.array([[7, 8, 9], [4, 5, 6], [1, 2, 3]])
    if slot == 1:
        expected[1][1:4, 2:5] = block
    else:
        expected[2] = np.pad(block, 1)
    for n in range(3):
        np.testing.assert_array_equal(tab.editors[n].grid.values(), expected[n])
