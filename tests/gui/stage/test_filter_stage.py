"""The Filters tab for a room: by key, by clicker, by mouse; and a convolution step by step."""

from __future__ import annotations

import numpy as np
import pytest
from PyQt5.QtCore import QPoint, Qt
from PyQt5.QtGui import QFontMetricsF

from filterlab.gui import theme
from filterlab.gui.stage import paint
from filterlab.gui.stage.filter_paint import DIGITS
from filterlab.gui.stage.filter_stage import FilterStage
from filterlab.surgery.convolve import compute


@pytest.fixture
def stage(window, filters, qtbot, until) -> FilterStage:
    qtbot.keyClick(window, Qt.Key_F5)
    until(lambda: window.scene is not None and window.scene.region is not None)
    until(lambda: window.scene.settled)
    return window.scene


def press(qtbot, stage, until, *keys) -> None:
    for key in keys:
        qtbot.keyClick(stage, key)
        until(lambda: stage.settled)


def test_f5_fills_the_window_and_esc_leaves(window, stage, qtbot) -> None:
    assert window.screens.currentWidget() is stage
    assert stage.size() == window.screens.size() == window.size()
    assert not window.header.isVisible()
    qtbot.keyClick(stage, Qt.Key_Escape)
    assert window.scene is None
    assert window.header.isVisible()
    assert window.tab("filters").isVisible()


def test_f5_leaves_too_and_another_visit_begins_anew(window, stage, qtbot, until) -> None:
    qtbot.keyClick(stage, Qt.Key_F5)
    assert window.scene is None
    qtbot.keyClick(window, Qt.Key_F5)
    assert window.scene is not None
    until(lambda: window.scene.settled)


def test_the_numbers_are_the_nets(window, filters, stage) -> None:
    whole = compute(filters.bench.snapshot()).data[stage.slot]
    i, j = stage.region.place
    h, w = stage.region.outputs.shape
    np.testing.assert_allclose(stage.region.outputs, whole[i : i + h, j : j + w], atol=1e-5)
    assert stage.still.value == pytest.approx(float(whole[i, j]), abs=1e-5)


@pytest.mark.parametrize(
    ("on", "back"), [(Qt.Key_Right, Qt.Key_Left), (Qt.Key_PageDown, Qt.Key_PageUp)]
)
def test_arrow_keys_and_a_clicker_step(window, filters, stage, qtbot, until, on, back) -> None:
    """The clicker's keys change the picture in the tab; here they must not."""
    picture = filters.bench.picture
    press(qtbot, stage, until, on, on, on)
    assert stage.index == 3
    assert stage.still.done == 4
    press(qtbot, stage, until, back)
    assert stage.index == 2
    assert stage.still.t == 1
    press(qtbot, stage, until, back, back, back, back)
    assert stage.index == 0
    assert filters.bench.picture is picture
    assert not filters.sources.busy


def test_the_window_glides_in_between(stage, qtbot, until) -> None:
    qtbot.keyClick(stage, Qt.Key_Right)
    stage._motion.set(0.5)
    assert stage.still.window == (0.0, 0.5)
    assert stage.still.done == 1
    stage._motion.advance(10_000)


def test_space_glides_until_it_is_stopped(stage, qtbot, until) -> None:
    qtbot.keyClick(stage, Qt.Key_Space)
    until(lambda: stage.index >= 3)
    qtbot.keyClick(stage, Qt.Key_Space)
    until(lambda: stage.settled)
    at = stage.index
    assert not stage.playing
    assert at < stage.region.count - 1
    qtbot.keyClick(stage, Qt.Key_End)
    assert stage.index == stage.region.count - 1
    qtbot.keyClick(stage, Qt.Key_Right)
    assert stage.index == stage.region.count - 1, "there it ends"


def test_nothing_moves_with_reduced_motion(stage, qtbot) -> None:
    theme.set_reduced_motion(True)
    qtbot.keyClick(stage, Qt.Key_Right)
    assert stage.index == 1
    assert stage.still.t == 1
    assert not stage._motion.running


def test_padding_stride_and_dilation_by_key(window, filters, stage, qtbot, until) -> None:
    assert not stage.region.outside.any()
    press(qtbot, stage, until, Qt.Key_P)
    assert filters.bench.settings.pad == "same"
    assert stage.region.outside.any(), "padding is drawn as cells"
    press(qtbot, stage, until, Qt.Key_S)
    assert (filters.bench.settings.stride, stage.region.stride) == (2, 2)
    press(qtbot, stage, until, Qt.Key_Right)
    assert stage.still.window == (0.0, 2.0)
    press(qtbot, stage, until, Qt.Key_D)
    assert (filters.bench.settings.dilation, stage.region.dilation) == (2, 2)
    window.undo_action.trigger()
    until(lambda: stage.settled)
    assert stage.region.dilation == 1
    press(qtbot, stage, until, Qt.Key_2)
    assert stage.slot == 1
    np.testing.assert_array_equal(stage.region.kernel, filters.bench.weights(1))


def test_a_click_on_the_small_input_goes_there(filters, stage, qtbot, until) -> None:
    before = stage.region.origin
    _, _, _, below = stage._areas()
    qtbot.mouseClick(
        stage, Qt.LeftButton, pos=QPoint(int(below.left()) + 60, int(below.center().y()) + 20)
    )
    until(lambda: stage.region is not None and stage.settled)
    assert stage.region.origin[0] > before[0] + 20
    assert stage.region.origin[1] < before[1]


@pytest.mark.parametrize(
    "size", [(1920, 1080), (1280, 800), (1024, 768), (1366, 768), (3840, 2160)]
)
def test_digits_are_read_from_the_back_row(window, filters, stage, until, size) -> None:
    """At least 26 pixels on 1080 lines, and they fit into their cells."""
    stage.setParent(None)
    stage.resize(*size)
    until(lambda: stage.settled)
    where, region = stage.plan(), stage.region
    h, w = region.inputs.shape[1:]
    cell = min(where.inputs.width() / w, where.inputs.height() / h)
    metrics = QFontMetricsF(paint.font(DIGITS * where.s))
    assert QFontMetricsF(paint.font(DIGITS * where.s)).height() <= cell
    assert paint.places_for(region.inputs, metrics, cell - 6 * where.s) >= 2
    assert where.kernel.right() < where.outputs.left()
    assert where.outputs.right() <= size[0]
    scale = min(size[1] / 1080, size[0] / 1440)
    assert where.s == pytest.approx(scale)
    window.screens.addWidget(stage)


def test_laser_pointer_while_its_key_is_held(stage, qtbot) -> None:
    qtbot.mouseMove(stage, QPoint(100, 120))
    qtbot.keyPress(stage, Qt.Key_L)
    assert stage.laser is not None
    qtbot.mouseMove(stage, QPoint(300, 220))
    assert stage.laser == QPoint(300, 220)
    shown = stage.grab().toImage()
    ratio = shown.devicePixelRatio()
    colour = shown.pixelColor(int(300 * ratio), int(220 * ratio))
    assert (colour.red() > 200, colour.green() < 80) == (True, True)
    qtbot.keyRelease(stage, Qt.Key_L)
    assert stage.laser is None


def test_frozen_the_room_sees_nothing_of_what_changes(stage, qtbot, until) -> None:
    press(qtbot, stage, until, Qt.Key_F)
    stage._untell()
    held = stage.grab().toImage()
    press(qtbot, stage, until, Qt.Key_Right, Qt.Key_Down, Qt.Key_2)
    assert stage.slot == 1
    stage._untell()
    assert stage.grab().toImage() == held
    press(qtbot, stage, until, Qt.Key_F)
    assert stage.grab().toImage() != held
    qtbot.keyClick(stage, Qt.Key_B)
    assert stage.dark
    assert stage.grab().toImage().pixelColor(200, 200).name() == "#000000"
    qtbot.keyClick(stage, Qt.Key_Right)
    assert not stage.dark, "any of its keys shows it again"


def test_in_a_full_screen_too(window, stage, qtbot, until) -> None:
    qtbot.keyClick(stage, Qt.Key_F11)
    until(window.isFullScreen)
    assert window.scene is stage
    qtbot.keyClick(stage, Qt.Key_F11)
    until(lambda: not window.isFullScreen())
    qtbot.keyClick(stage, Qt.Key_Escape)
    assert window.scene is None


def test_the_keys_of_the_tabs_wait(window, stage, qtbot) -> None:
    qtbot.keyClick(window, Qt.Key_Tab, Qt.ControlModifier)
    qtbot.keyClick(window, Qt.Key_2, Qt.AltModifier)
    assert window.current_tab is window.tab("filters")
    qtbot.keyClick(stage, Qt.Key_Escape)
    qtbot.keyClick(window, Qt.Key_Tab, Qt.ControlModifier)
    assert window.current_tab is window.tab("heatmap")


# Show me: convolution


@pytest.fixture
def show(window, filters, qtbot, until):
    qtbot.keyClick(window, Qt.Key_F5, Qt.ControlModifier)
    until(lambda: window.scene is not None and window.scene.settled)
    return window.scene


def test_eight_steps_on_and_back(show, qtbot, until) -> None:
    said = []
    for _ in range(8):
        until(lambda: show.settled)
        said.append((show.still.step, show.sentence.text()))
        qtbot.keyClick(show, Qt.Key_PageDown)
    assert [step for step, _ in said] == list(show.story.steps)
    assert len({sentence for _, sentence in said}) == 8
    until(lambda: show.settled)
    assert show.step_index == 7
    for k in range(7, 0, -1):
        assert show.step_index == k
        qtbot.keyClick(show, Qt.Key_PageUp)
        until(lambda: show.settled)
    assert (show.step_index, show.t) == (0, 1.0)


def test_it_can_be_stopped_anywhere(show, qtbot, until) -> None:
    qtbot.keyClick(show, Qt.Key_Right)
    until(lambda: show.settled)
    qtbot.keyClick(show, Qt.Key_Home)
    qtbot.keyClick(show, Qt.Key_Space)
    assert show.playing
    show._motion.advance(100)
    qtbot.keyClick(show, Qt.Key_Space)
    assert not show.playing
    assert show.settled
    at = show.t
    assert 0 < at < 1
    qtbot.keyClick(show, Qt.Key_Space)
    until(lambda: show.step_index == 7 and show.t == 1)
    until(lambda: not show.playing)


def test_correlation_against_convolution_in_numbers(show, filters, qtbot, until) -> None:
    show.go(7, 1.0)
    explained = show.still.explained
    assert f"{abs(explained.result):.4f}" in show.sentence.text()
    assert f"{abs(explained.flipped_result):.4f}" in show.sentence.text()
    window = show.window()
    qtbot.mouseClick(show.close_button, Qt.LeftButton)
    assert window.scene is None


def test_the_bar_goes_to_a_step(show, qtbot, until) -> None:
    qtbot.mouseClick(show.bar, Qt.LeftButton, pos=show.bar.part(4).center())
    until(lambda: show.settled)
    assert show.step_index == 4
    qtbot.mouseClick(show.next_button, Qt.LeftButton)
    until(lambda: show.settled)
    assert show.step_index == 5
    qtbot.mouseClick(show.back_button, Qt.LeftButton)
    until(lambda: show.settled)
    assert show.step_index == 4
