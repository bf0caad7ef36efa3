"""The Heatmap tab for a room, and the cast shown step by step."""

from __future__ import annotations

import numpy as np
import pytest
from PyQt5.QtCore import QSizeF, Qt

from filterlab.gui import theme
from filterlab.gui.stage.heatmap_stage import NAMES, HeatmapStage, arrange
from filterlab.workbench.heatmap_state import Source


@pytest.fixture
def stage(window, heatmap, qtbot, until) -> HeatmapStage:
    qtbot.mouseClick(heatmap.controls.stage_button, Qt.LeftButton)
    assert window.scene is not None
    return window.scene


def test_the_picture_fills_the_room(window, heatmap, stage, qtbot) -> None:
    assert stage.size() == window.size()
    where = stage.layout_()
    share = where.picture.width() * where.picture.height() / (1280 * 800)
    assert share > 0.5
    assert where.picture.width() / where.picture.height() == pytest.approx(128 / 96, rel=0.01)
    qtbot.keyClick(stage, Qt.Key_Escape)
    assert window.scene is None


def test_cells_are_drawn_where_they_look_in_the_bars_colours(heatmap, stage, until) -> None:
    """The best cell's middle has its colour from the table, laid on the white square."""
    heatmap.bench.choose((1,))
    until(lambda: heatmap.settled)
    maps, drawing = heatmap.bench.maps, heatmap.drawing
    values = maps.values(heatmap.bench.classes)
    i, j = divmod(int(values.argmax()), maps.cols)
    x0, y0, x1, y1 = maps.tile_on_picture(i, j)
    where = stage.layout_().picture
    scale = where.width() / 128
    shown = stage.grab().toImage()
    ratio = shown.devicePixelRatio()
    x, y = where.left() + (x0 + x1) / 2 * scale, where.top() + (y0 + y1) / 2 * scale
    got = shown.pixelColor(int(x * ratio), int(y * ratio))
    red, green, blue, alpha = drawing.table[
        int(255 * (float(values[i, j]) - drawing.low) / (drawing.high - drawing.low) + 0.5)
    ]
    light = heatmap.bench.shown.picture[int((y0 + y1) / 2), int((x0 + x1) / 2)]
    assert light.min() == 1
    for c, (channel, over) in enumerate(zip((red, green, blue), light)):
        wanted = 255 * (over + (channel - over) * alpha)
        assert (got.red(), got.green(), got.blue())[c] == pytest.approx(wanted, abs=4)


@pytest.mark.parametrize(
    ("on", "back"),
    [(Qt.Key_Down, Qt.Key_Up), (Qt.Key_Right, Qt.Key_Left), (Qt.Key_PageDown, Qt.Key_PageUp)],
)
def test_keys_change_the_class(heatmap, stage, qtbot, until, on, back) -> None:
    order = [int(c) for c in heatmap.bench.ranked("peak")]
    heatmap.bench.choose((order[0],))
    qtbot.keyClick(stage, on)
    until(lambda: heatmap.settled)
    assert heatmap.bench.classes == (order[1],)
    assert stage._names()[0] == heatmap.bench.labels[order[1]].english
    for _ in range(3):
        qtbot.keyClick(stage, back)
    assert heatmap.bench.classes == (order[0],)


def test_a_key_changes_the_density(heatmap, stage, qtbot, until) -> None:
    cells = heatmap.bench.maps.cols
    offers = heatmap.bench.densities
    assert len(offers) > 1
    qtbot.keyClick(stage, Qt.Key_D)
    until(lambda: heatmap.settled and heatmap.bench.maps is not None)
    assert heatmap.bench.request.density == offers[1]
    assert heatmap.bench.maps.cols > cells
    for _ in range(len(offers) - 1):
        qtbot.keyClick(stage, Qt.Key_D)
        until(lambda: heatmap.settled)
    assert heatmap.bench.request.density == offers[0]


def test_a_key_changes_the_model_and_casts_it(heatmap, stage, qtbot, until) -> None:
    before = heatmap.bench.model.name
    keys = [key for key, _ in stage._models()]
    assert len(keys) > 1
    qtbot.keyClick(stage, Qt.Key_M)
    assert heatmap.bench.model.name == keys[(keys.index(before) + 1) % len(keys)]
    until(lambda: heatmap.settled and heatmap.bench.transplanted is not None)


def test_frozen_while_the_class_changes(heatmap, stage, qtbot, until) -> None:
    qtbot.keyClick(stage, Qt.Key_F)
    stage._untell()
    held = stage.grab().toImage()
    now = heatmap.bench.classes
    qtbot.keyClick(stage, Qt.Key_Down)
    until(lambda: heatmap.settled)
    assert heatmap.bench.classes != now
    assert stage.grab().toImage() == held
    qtbot.keyClick(stage, Qt.Key_F)
    assert stage.grab().toImage() != held


@pytest.mark.parametrize("size", [(1920, 1080), (1024, 768), (1280, 720), (768, 1024)])
@pytest.mark.parametrize("picture", [(480, 640), (300, 1200), (640, 480), (96, 960)])
def test_the_column_stands_beside_the_picture_or_under_a_wide_one(size, picture) -> None:
    where = arrange(QSizeF(*size), picture)
    assert where.picture.width() / where.picture.height() == pytest.approx(
        picture[1] / picture[0], rel=1e-6
    )
    assert where.picture.left() >= 0
    assert where.picture.right() <= size[0] + 1e-6
    assert where.picture.bottom() <= size[1]
    assert where.column.right() <= size[0]
    assert where.column.height() > 200 * where.s
    if where.under:
        assert where.column.top() >= where.picture.bottom()
    else:
        assert where.column.left() >= where.picture.right()
    if picture[1] / picture[0] >= 4:
        assert where.under


def test_long_names_are_smaller(window, heatmap, stage, monkeypatch) -> None:
    window.resize(1920, 1080)
    s = stage.layout_().s
    found = []
    for name in ("tiger cat", "tiger kitten", "an unreasonably long class name"):
        monkeypatch.setattr(stage, "_names", lambda name=name: (name, ""))
        found.append(round(stage.name_size() / s))
    assert found == list(NAMES)


def test_errors_are_said_over_the_stage(window, heatmap, stage) -> None:
    heatmap.show_error("This file is damaged.")
    assert stage.message == "This file is damaged."


def test_high_contrast_keeps_the_stage_dark(stage, qapp) -> None:
    assert stage.colours is theme.DARK
    theme.apply(qapp, "contrast-light")
    assert stage.colours is theme.CONTRAST_DARK


# Show me: from fc to conv


@pytest.fixture
def show(window, heatmap, qtbot, until):
    assert heatmap.result.main_button.text() == "Show me"
    assert heatmap.result.main_button.property("primary")
    qtbot.mouseClick(heatmap.result.main_button, Qt.LeftButton)
    until(lambda: window.scene is not None and window.scene.settled)
    return window.scene


def test_seven_steps_on_and_back(show, qtbot, until) -> None:
    names, said = [], set()
    for _ in range(7):
        until(lambda: show.settled)
        names.append(show.still.name)
        said.add(show.sentence.text())
        qtbot.keyClick(show, Qt.Key_Right)
    assert names == ["row", "fold", "once", "slide", "later", "softmax", "picture"]
    assert len(said) == 7
    until(lambda: show.settled)
    for k in range(6, 0, -1):
        assert show.step_index == k
        qtbot.keyClick(show, Qt.Key_Left)
        until(lambda: show.settled)
    assert (show.step_index, show.t) == (0, 1.0)


def test_the_sentence_says_both_nets_numbers(show, heatmap) -> None:
    show.go(2, 1.0)
    story = show.story
    assert story.before > 100  # from there on two places are enough
    assert f"{story.before:.2f}" in show.sentence.text()
    assert f"{story.after:.2f}" in show.sentence.text()
    show.go(5, 1.0)
    i, j = story.place
    assert f"{100 * heatmap.bench.maps.prob[story.class_index, i, j]:.1f} %" in (
        show.sentence.text()
    )


def test_stopped_anywhere_and_played_to_the_end(show, qtbot, until) -> None:
    qtbot.keyClick(show, Qt.Key_Home)
    show.go(3, 0.0)
    qtbot.keyClick(show, Qt.Key_Space)
    show._motion.advance(900)
    qtbot.keyClick(show, Qt.Key_Space)
    assert show.settled
    assert 0 < show.t < 1
    done = show.still.done
    assert 0 < done < show.story.values.size
    shown = show.canvas.grab().toImage()
    qtbot.keyClick(show, Qt.Key_Space)
    show._motion.advance(100_000)
    assert show.canvas.grab().toImage() != shown
    until(lambda: show.step_index == 6 and show.t == 1.0)


def test_reduced_motion_jumps(show, qtbot) -> None:
    show.go(0, 1.0)
    theme.set_reduced_motion(True)
    qtbot.keyClick(show, Qt.Key_Right)
    assert (show.step_index, show.t) == (1, 1.0)
    qtbot.keyClick(show, Qt.Key_Left)
    assert (show.step_index, show.t) == (0, 1.0)


def test_before_the_surgery_there_is_nothing_to_show(window, heatmap, qtbot, until) -> None:
    heatmap.undo()  # the size
    while heatmap.bench.state.operated and heatmap.bench.undo_name:
        heatmap.undo()
    until(lambda: heatmap.settled)
    assert heatmap.result.main_button.text() == "Transplant"
    window.show_scene("show me")
    assert window.scene is None
    assert "Transplant" in window.strip.text


@pytest.mark.parametrize("step", range(7))
@pytest.mark.parametrize("text", ["normal", "room"])
def test_every_still_is_drawn_without_a_word_of_error(
    qapp, window, heatmap, qtbot, until, step, text
) -> None:
    theme.set_text_size(qapp, text)
    try:
        window.show_scene("show me")
        until(lambda: window.scene.settled)
        window.resize(1024, 768)
        for t in (0.0, 0.37, 1.0):
            window.scene.go(step, t)
            image = window.scene.grab().toImage()
            assert (
                len(np.unique(np.frombuffer(image.bits().asstring(image.byteCount()), "u1"))) > 40
            )
        window.leave_scene()
    finally:
        theme.set_text_size(qapp, "normal")


def test_a_wide_picture(window, heatmap, stage, until) -> None:
    wide = np.zeros((64, 512, 3), np.float32)
    heatmap.pictures.open(Source(array_name="wide"), wide)
    until(lambda: heatmap.settled and heatmap.bench.shown.size == (64, 512))
    assert stage.layout_().under
    stage.grab()
