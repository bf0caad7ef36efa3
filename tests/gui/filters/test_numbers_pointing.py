"""The pixel that is looked at: which it is, where it is shown, and how it is walked to."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PyQt5.QtCore import QEvent, Qt, QTimer
from PyQt5.QtGui import QKeyEvent, QKeySequence
from PyQt5.QtWidgets import QApplication
from pytestqt.qtbot import QtBot

from filterlab.gui import theme
from filterlab.gui.filters.look import Frame
from filterlab.gui.filters.numbers import NumberField
from filterlab.gui.filters.output_files import output_targets
from filterlab.gui.filters.tab import FiltersTab
from filterlab.gui.filters.walk import Walk

MINUS = "\N{MINUS SIGN}"


@pytest.fixture(autouse=True)
def _still() -> Iterator[None]:
    theme.set_reduced_motion(True)
    yield
    theme.set_reduced_motion(None)


def coarse(tab: FiltersTab, step: int = 2) -> Frame:
    """Show every second row and column of the outputs, as a large picture's preview is."""
    frame = tab.stage.frame
    assert frame is not None
    made = replace(
        frame,
        outputs=replace(frame.outputs, data=frame.outputs.data[:, ::step, ::step], step=step),
        shown=tuple(replace(s, pixels=s.pixels[::step, ::step]) for s in frame.shown),
    )
    tab.stage.show_frame(made, None)
    tab.pointer.outputs_changed()
    return made


def test_which_filter_is_explained(tab: FiltersTab, hands: Any) -> None:
    stage, pointer = tab.stage, tab.pointer
    for view, slot in ((2, 1), (3, 2), (0, 2), (1, 0), (0, 0)):
        hands.point(stage.views[view], 20.5, 11.5)
        assert (tab.bottom.slot, pointer.pointed) == (slot, (9, 18))
    hands.click(stage.views[3], 30.5, 20.5)
    assert (tab.bottom.slot, pointer.pinned) == (2, (18, 28))
    hands.point(stage.views[1], 20.5, 11.5)
    assert (tab.bottom.slot, pointer.pointed) == (2, (18, 28)), "what is pinned stays"
    stage.left.emit()
    assert pointer.pointed == (18, 28)
    tab.desk.active = 1
    assert tab.bottom.slot == 1
    assert tab.bottom.where.text() == "Filter 1 at row 18, column 28"
    hands.click(stage.views[0], 30.5, 20.5)
    assert (pointer.pinned, pointer.pointed) == (None, (18, 28)), "once more lets it go"
    assert tab.bottom.slot == 1
    tab.desk.active = 0
    assert tab.bottom.slot == 1, "of a pixel that does not stay that under the cursor"
    stage.left.emit()
    assert pointer.pointed is None
    assert tab.bottom.where.text() == ""
    assert stage.window_box.box() == (0, 0, 0, 0)
    assert [bar.marker() for bar in stage.bars] == [None] * 3
    hands.click(stage.views[2], 0.5, 0.5)
    assert (pointer.pinned, tab.bottom.slot) == (None, 1), "no output pixel is there"


def test_while_drawing_clicks_on_the_input_draw(tab: FiltersTab, hands: Any) -> None:
    tab.panel_.draw_button.click()
    tab.stage.clicked.emit(0, 20.5, 11.5)
    assert tab.pointer.pinned is None
    tab.stage.clicked.emit(1, 20.5, 11.5)
    assert tab.pointer.pinned == (9, 18)
    tab.panel_.draw_button.click()
    tab.stage.clicked.emit(0, 22.5, 11.5)
    assert tab.pointer.pinned == (9, 20)


def test_all_scales_point_at_the_pixel(tab: FiltersTab, hands: Any) -> None:
    """The explained one at what the net computes, the others at what is on the screen."""
    whole = [hands.output(slot).astype(float) for slot in range(3)]
    first = tab.stage.frame
    for step in (1, 2, 3):
        tab.stage.show_frame(first, None)
        if step > 1:
            coarse(tab, step)
        tab.bottom.set_slot(1)
        tab.pointer.pin((20, 31))
        row, column = 20 // step * step, 31 // step * step
        wanted = [plane[row, column] for plane in whole]
        wanted[1] = whole[1][20, 31]
        assert [bar.marker() for bar in tab.stage.bars] == pytest.approx(wanted, abs=1e-5)
        assert tab.stage.window_box.box() == (31, 20, 36, 25)
        box = tab.stage.pixel_boxes[0].box()
        assert ((box[0] + box[2]) / 2, (box[1] + box[3]) / 2) == pytest.approx((33.5, 22.5))


def test_of_colours_the_scales_point_at_the_mean(tab: FiltersTab, hands: Any) -> None:
    tab.set_picture(np.random.default_rng(2).random((30, 34, 3), dtype=np.float32), "colours")
    tab.set_mode("each")
    tab.set_channel(2)
    output = hands.output(2)
    tab.bottom.set_slot(0)
    tab.pointer.pin((3, 7))
    assert tab.stage.bars[2].marker() == pytest.approx(float(output[3, 7].mean()), abs=1e-5)
    first = hands.output(0)
    assert tab.stage.bars[0].marker() == pytest.approx(float(first[3, 7, 2]), abs=1e-5)


def test_a_pixel_that_is_no_more_is_let_go(tab: FiltersTab, hands: Any) -> None:
    """The outputs are 36 high and 52 wide."""
    for pixel, stays in (((35, 51), True), ((36, 5), False), ((0, 0), True), ((5, 52), False)):
        tab.pointer.pin(pixel)
        assert tab.pointer.pinned == (pixel if stays else None)
        assert tab.pointer.pointed == (pixel if stays else None)
        assert tab.bottom.pin_button.isChecked() is stays


def test_steps_in_a_preview_go_from_one_of_its_pixels_to_the_next(
    qtbot: QtBot, tab: FiltersTab, hands: Any
) -> None:
    """26 x 18 pixels, two apart."""
    hands.settle()
    coarse(tab)
    pointer = tab.pointer
    qtbot.mouseClick(tab.bottom.next_button, Qt.LeftButton)
    assert pointer.pinned == (0, 0), "with nothing pointed at the first"
    for pixel, button, wanted in (
        ((4, 6), "next", (4, 8)), ((5, 7), "back", (4, 4)), ((4, 50), "next", (6, 0)),
        ((6, 0), "back", (4, 50)), ((34, 50), "next", (34, 50)), ((0, 0), "back", (0, 0)),
    ):  # fmt: skip
        pointer.pin(pixel)
        qtbot.mouseClick(getattr(tab.bottom, f"{button}_button"), Qt.LeftButton)
        assert pointer.pinned == wanted, pixel
    pointer.pin(None)
    hands.point(tab.stage.views[1], 22.5, 12.5)
    pixel = pointer.pointed
    qtbot.mouseClick(tab.bottom.next_button, Qt.LeftButton)
    assert pointer.pinned == pixel, "the first step stays where the cursor was"


def test_steps_leave_the_window_from_before_to_be_seen(
    qtbot: QtBot, tab: FiltersTab, hands: Any
) -> None:
    tab.pointer.pin((8, 10))
    tab.pointer.pin((9, 20))
    assert tab.stage.window_box.last_box() is None
    qtbot.mouseClick(tab.bottom.next_button, Qt.LeftButton)
    assert tab.stage.window_box.last_box() == (20, 9, 25, 14)
    assert tab.stage.window_box.box() == (21, 9, 26, 14)


def test_a_window_that_stays_is_filled(
    qtbot: QtBot, tab: FiltersTab, hands: Any, listen: Any
) -> None:
    def filled() -> bool:
        colour = f"#2e{theme.current().accent[1:].lower()}"
        return any(
            shape[0] == "fill" and shape[5] == colour for shape in listen(tab.stage.views[0])
        )

    hands.point(tab.stage.views[1], 20.5, 11.5)
    assert not filled()
    tab.pointer.pin((9, 18))
    assert filled()
    tab.pointer.pin(None)
    assert not filled()
    qtbot.mouseClick(tab.bottom.play_button, Qt.LeftButton)
    tab.pointer.walk.advance(0.05)
    assert filled()


def test_a_slow_walk_is_seen_to_move(qtbot: QtBot, tab: FiltersTab, hands: Any) -> None:
    hands.settle()
    pointer = tab.pointer
    for speed, seen in ((1, True), (10, False), (5, True)):
        pointer.walk.stop()
        pointer.pin((2, 3))
        tab.bottom.speed_changed.emit(speed)
        assert pointer.walk.speed == speed
        qtbot.mouseClick(tab.bottom.play_button, Qt.LeftButton)
        for _ in range(2):
            pointer.walk.advance(1.01 / speed)
        assert (tab.stage.window_box.last_box() is not None) is seen
        pointer.pause()
        pointer.walk.step()
        assert tab.stage.window_box.last_box() is not None, "step by step it always is"


def test_a_walk_over_a_preview(qtbot: QtBot, tab: FiltersTab, hands: Any) -> None:
    hands.settle()
    coarse(tab)
    pointer, walk = tab.pointer, tab.pointer.walk
    pointer.pin((8, 10))
    qtbot.mouseClick(tab.bottom.play_button, Qt.LeftButton)
    assert walk.total == 26 * 18
    assert walk.position == 4 * 26 + 5
    assert tab.bottom.play_button.isChecked()
    hands.point(tab.stage.views[1], 40.5, 30.5)
    tab.stage.left.emit()
    tab.desk.active = 2
    assert tab.bottom.slot != 2
    pointer.pause()
    for done, pixel in ((4 * 26 + 6, (8, 10)), (5 * 26, (8, 50)), (5 * 26 + 1, (10, 0)),
                        (0, (0, 0)), (1, (0, 0)), (26 * 18, (34, 50))):  # fmt: skip
        walk.step(done - walk.position)
        assert pointer.pointed == pixel, done
        alpha = np.asarray(tab.stage.rasters[2].array)[..., 3].reshape(-1)
        assert np.count_nonzero(alpha == 255) == done
        assert set(alpha[done:]) <= {72}
    assert pointer.pinned == (8, 10)
    qtbot.mouseClick(tab.bottom.back_button, Qt.LeftButton)
    assert (walk.position, pointer.pinned) == (26 * 18 - 1, (8, 10)), "steps are the walk's"
    qtbot.mouseClick(tab.bottom.play_button, Qt.LeftButton)
    assert walk.playing
    assert {*np.asarray(tab.stage.rasters[2].array)[..., 3].reshape(-1)[walk.position :]} <= {0}
    assert tab.cancel()
    assert not walk.active
    assert pointer.pointed == (8, 10)
    assert not tab.bottom.play_button.isChecked()
    assert np.asarray(tab.stage.rasters[2].array).ndim == 2


def test_new_outputs_of_the_same_size_go_on_being_walked_over(
    qtbot: QtBot, tab: FiltersTab, hands: Any
) -> None:
    hands.settle()
    walk, done = tab.pointer.walk, []
    walk.moved.connect(done.append)
    qtbot.mouseClick(tab.bottom.play_button, Qt.LeftButton)
    tab.pointer.pause()
    assert done[0] == 0, "from the first pixel"
    walk.step(100 - walk.position)
    tab.bench.set_bias(0, 0.25)
    hands.settle()
    assert (walk.active, walk.position) == (True, 100)
    tab.set_size(7, 5)
    hands.settle()
    assert not walk.active


def test_without_outputs_there_is_nothing_to_walk_over(
    qtbot: QtBot, tab: FiltersTab, hands: Any
) -> None:
    hands.settle()
    tab.pointer.pin((3, 4))
    tab.stage.show_problem("the kernel does not fit")
    tab.pointer.outputs_changed()
    assert tab.bottom.where.text() == ""
    for button in (tab.bottom.next_button, tab.bottom.back_button):
        qtbot.mouseClick(button, Qt.LeftButton)
        assert tab.pointer.pinned == (3, 4)
    qtbot.mouseClick(tab.bottom.play_button, Qt.LeftButton)
    assert not tab.pointer.walk.active
    assert not tab.bottom.play_button.isChecked()
    assert tab.stage.output_pixel(10.0, 10.0) is None
    tab.pointer.cancel()
    qtbot.mouseClick(tab.bottom.pin_button, Qt.LeftButton)
    assert tab.pointer.pinned is None


# The walk itself


def test_after_a_stall_the_walk_goes_on_from_where_it_was(
    qtbot: QtBot, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Three seconds are counted as a tenth, 20 ms as 20 ms."""
    now = [50.0]
    monkeypatch.setattr("filterlab.gui.filters.walk.time.perf_counter", lambda: now[0])
    walk = Walk()
    timer = walk.findChild(QTimer)
    assert (walk.position, walk.total, walk.playing, walk.active) == (0, 0, False, False)
    assert walk.speed == 300
    walk.begin(1000, 5)
    walk.play()
    for seconds, position in ((0.02, 11), (3.0, 41), (0.05, 56), (0.0, 56), (0.1, 86)):
        now[0] += seconds
        timer.timeout.emit()
        assert walk.position == position
    walk.pause()
    assert (walk.playing, walk.active) == (False, True)
    now[0] += 60
    walk.play()
    now[0] += 0.01
    timer.timeout.emit()
    assert walk.position == 89
    ended: list[bool] = []
    walk.ended.connect(lambda: ended.append(True))
    walk.stop()
    walk.stop()
    assert (len(ended), walk.position, walk.total) == (1, 0, 0)
    walk.advance(1.0)
    assert walk.position == 0
    walk.begin(50)
    walk.advance(0.01)
    assert walk.position == 3, "it begins anew"


def test_an_output_of_one_pixel_is_walked_over_too(qtbot: QtBot) -> None:
    walk = Walk()
    ended: list[bool] = []
    walk.ended.connect(lambda: ended.append(True))
    walk.begin(1)
    assert (walk.active, walk.position) == (True, 0)
    walk.advance(0.01)
    assert (walk.active, ended) == (False, [True])


# Fields


@pytest.fixture
def field(qtbot: QtBot) -> NumberField:
    made = NumberField(-5, 5, 0.25, 1.5, unit="px", prefix="by")
    qtbot.addWidget(made)
    made.show()
    return made


def test_a_field_has_its_unit_and_its_steps(qtbot: QtBot, field: NumberField) -> None:
    assert field.text() == "by 1.5 px"
    assert (field.minimum(), field.maximum(), field.singleStep()) == (-5, 5, 0.25)
    assert field.isAccelerated(), "the longer a key is held, the faster it goes"
    seen: list[float] = []
    field.edited.connect(seen.append)
    field.stepUp()
    field.stepBy(-2)
    assert seen == [1.75, 1.25]
    field.show_value(-2.0)
    assert (field.text(), len(seen)) == (f"by {MINUS}2 px", 2)
    angle = NumberField(0, 360, 15, 30, unit="°", whole=True)
    qtbot.addWidget(angle)
    assert angle.text() == "30°"
    angle.setValue(44.6)
    assert (angle.value(), angle.text()) == (45, "45°")
    fine = NumberField(0, 1, 0.1, 0.123456)
    qtbot.addWidget(fine)
    assert (fine.value(), fine.text()) == (0.123456, "0.1235")
    fine.show_value(0.12345678)
    assert fine.value() == 0.123457, "six places are kept"
    qtbot.keyClick(field.lineEdit(), Qt.Key_A, Qt.ControlModifier)
    qtbot.keyClicks(field.lineEdit(), "4")
    assert seen == [1.75, 1.25], "not at every key"
    qtbot.keyClick(field.lineEdit(), Qt.Key_Return)
    assert seen == [1.75, 1.25, 4.0]


@pytest.mark.parametrize(
    ("typed", "value", "sentence"),
    [
        ("1/4", 0.25, ""), ("0,5", 0.5, ""), (f"{MINUS}3", -3.0, ""), ("5", 5.0, ""),
        ("-0", 0.0, ""), ("-5", -5.0, ""),
        ("5.5", 1.5, "5.5 is out of range; give -5 to 5"),
        ("-6", 1.5, "-6 is out of range; give -5 to 5"),
        ("abc", 1.5, "'abc' is no number; type one such as 0.5, -2 or 1/9"),
        ("1/0", 1.5, "'1/0' is no number; type one such as 0.5, -2 or 1/9"),
    ],
)  # fmt: skip
def test_what_is_typed_into_a_field(
    qtbot: QtBot, field: NumberField, typed: str, value: float, sentence: str
) -> None:
    said: list[str] = []
    field.rejected.connect(said.append)
    field.lineEdit().selectAll()
    field.lineEdit().insert(typed)
    qtbot.keyClick(field.lineEdit(), Qt.Key_Return)
    assert field.value() == value
    assert said[:1] == ([sentence] if sentence else [])


def test_undo_is_the_fields_only_while_something_is_typed(qtbot: QtBot, field: NumberField) -> None:
    def taken(key: int, modifiers: Any = Qt.ControlModifier) -> bool:
        event = QKeyEvent(QEvent.ShortcutOverride, key, modifiers, "")
        event.ignore()
        QApplication.sendEvent(field, event)
        return bool(event.isAccepted())

    redo = QKeySequence(QKeySequence.Redo)[0]
    redo_key, redo_with = redo & 0x01FFFFFF, Qt.KeyboardModifiers(redo & 0x7E000000)
    assert not taken(Qt.Key_Z)
    assert not taken(redo_key, redo_with)
    assert taken(Qt.Key_A), "select all stays the field's"
    qtbot.keyClicks(field.lineEdit(), "4")
    assert taken(Qt.Key_Z)
    qtbot.keyClick(field.lineEdit(), Qt.Key_Return)
    assert not taken(Qt.Key_Z)


def test_the_files_that_outputs_are_saved_as() -> None:
    found = output_targets(Path("folder") / "edges.v2.png")
    assert found == [Path("folder") / f"edges.v2_{n}.png" for n in range(3)]
