"""How the map is shown: the popover, the caption, the scales."""

from __future__ import annotations

import json

import numpy as np
import pytest
from PyQt5.QtCore import QPoint, Qt
from PyQt5.QtGui import QColor
from pytestqt.qtbot import QtBot

from filterlab.gui import theme
from filterlab.gui.heatmap import words
from filterlab.gui.heatmap.caption import Bar, Caption, Title
from filterlab.gui.heatmap.tab import HeatmapTab
from filterlab.gui.settings import Settings
from filterlab.surgery import overlay
from filterlab.workbench.heatmap_state import SCALES, SHOWS


def test_every_choice_of_the_popover_reaches_the_map(qtbot: QtBot, ready, settled) -> None:
    popover, bench = ready.popover, ready.bench
    qtbot.mouseClick(ready.controls.view_button, Qt.LeftButton)
    assert popover.isVisible()
    qtbot.mouseClick(popover.lay_row.button("smooth"), Qt.LeftButton)
    qtbot.mouseClick(popover.scale_row.button("unit"), Qt.LeftButton)
    popover.colours_combo.setCurrentIndex(popover.colours_combo.findData("viridis"))
    popover.colours_combo.activated.emit(popover.colours_combo.currentIndex())
    for key, value in (("opacity", 50), ("threshold", 10), ("gamma", 10)):
        popover.slider(key).setValue(value)
    for key in ("follows", "corners", "contours", "names", "field", "windows"):
        before = getattr(bench.look, key)
        qtbot.mouseClick(popover.box(key), Qt.LeftButton, pos=QPoint(8, 8))
        assert getattr(bench.look, key) is not before
    look = bench.look
    assert (look.projection, look.scale, look.colours) == ("smooth", "unit", "viridis")
    assert (look.opacity, look.threshold, look.gamma) == (0.5, 0.1, 1.2)
    settled(ready)
    assert ready.drawing.scene.look == look
    qtbot.mouseClick(popover.reset_button, Qt.LeftButton)
    assert bench.look == type(look)()
    popover.hide()


def test_a_drag_of_a_slider_is_one_step(ready) -> None:
    slider = ready.popover.slider("opacity")
    before = ready.bench.look.opacity
    for value in (70, 60, 50):
        slider.setValue(value)
    slider.sliderReleased.emit()
    slider.setValue(30)
    assert ready.undo_text() == "Change the opacity"
    ready.undo()
    assert ready.bench.look.opacity == 0.5
    ready.undo()
    assert ready.bench.look.opacity == before
    assert ready.popover.slider("opacity").value() == round(100 * before)


def test_the_popover_stays_inside_the_window(ready) -> None:
    ready._open_view()
    popover, window = ready.popover, ready.window()
    place = popover.geometry().translated(-window.mapToGlobal(QPoint(0, 0)))
    assert window.rect().adjusted(8, 8, -8, -8).contains(place)
    assert place.top() > ready.controls.view_button.geometry().bottom()
    popover.hide()


def test_a_kept_look_is_what_new_windows_begin_with(qtbot: QtBot, ready) -> None:
    ready.bench.set_look(colours="turbo", opacity=0.4)
    qtbot.mouseClick(ready.popover.keep_button, Qt.LeftButton)
    assert json.loads(ready.settings.text("heatmap_look"))["colours"] == "turbo"
    ready.settings.sync()
    other = HeatmapTab(Settings())
    qtbot.addWidget(other)
    assert (other.bench.look.colours, other.bench.look.opacity) == ("turbo", 0.4)
    other.shutdown()


@pytest.mark.parametrize("show", SHOWS)
@pytest.mark.parametrize("projection", overlay.MODES)
def test_everything_that_can_be_shown_is_drawn(ready, settled, said, show, projection) -> None:
    ready.bench.set_look(show=show, projection=projection)
    settled(ready)
    assert ready.drawing.scene.look.show == show
    assert said == []
    assert ready.stage.caption.title.name
    stretched = projection == "stretched" and show != "winner"
    assert ready.view.arrows.empty != stretched
    assert ready.stage.caption.title.warn == stretched


@pytest.mark.parametrize(
    ("scale", "low", "high"),
    [("best", "0", "100 %"), ("unit", "0", "100 %"), ("log", "0.0001 %", "100 %")],
)
def test_the_bars_ends_have_their_units(ready, settled, scale, low, high) -> None:
    ready.bench.choose([1])
    ready.bench.set_look(scale=scale)
    settled(ready)
    bar = ready.stage.caption.bar
    assert (bar.low, bar.high) == (low, high)


def test_the_bar_of_the_uncertainty_is_in_bits(ready, settled) -> None:
    ready.bench.set_look(show="entropy", scale="unit")
    settled(ready)
    assert ready.stage.caption.bar.high == "1.58 bits", "log2 of three classes"
    ready.bench.set_look(show="class", scale="score")
    settled(ready)
    assert ready.stage.caption.bar.high.endswith(" score")


def test_the_scale_ends_just_above_the_best_cell(ready, settled) -> None:
    maps = ready.bench.maps
    maps.prob[1] *= np.float32(0.33)
    ready.bench.choose([1])
    ready.bench.set_look(opacity=0.8)
    settled(ready)
    assert ready.stage.caption.bar.high == "40 %"
    assert ready.popover.scale_row.button("best").text() == "0 – 40 %"
    assert ready.stage.caption.title.value == "33 %"


def test_the_bar_is_drawn_with_the_maps_own_table_on_the_stages_colour(qtbot: QtBot) -> None:
    made = Caption()
    qtbot.addWidget(made)
    made.resize(600, 40)
    table = np.zeros((256, 4), np.float32)
    table[:, 0] = 1
    table[128:, 3] = 1
    made.set_bar(Bar(table, "0", "40 %"))
    made.set_title(Title("tiger cat", "虎猫", "class 282", "best cell", "38 %"))
    made.set_mark(0.95)
    image = made.grab().toImage()
    ratio, place = image.devicePixelRatio(), made._bar_place

    def colour(share: float) -> QColor:
        x = (place.left() + share * place.width()) * ratio
        return QColor(image.pixelColor(int(x), int(place.center().y() * ratio)))

    assert colour(0.75).name() == "#ff0000"
    ground = QColor(theme.current().well)
    below = colour(0.25)
    assert all(abs(a - b) <= 1 for a, b in zip(below.getRgb(), ground.getRgb())), "clear is clear"
    assert "tiger cat" in made.accessibleName()


def test_the_winners_names_stand_for_their_colours(ready, settled) -> None:
    ready.bench.set_look(show="winner")
    settled(ready)
    assert [text for _, text in ready.stage.caption.legend] == ["0 darkness", "1 bright light"]
    assert ready.stage.caption.bar is None


def test_two_classes_at_once(ready, settled) -> None:
    ready.bench.choose([1])
    ready.bench.choose_second([0])
    settled(ready)
    assert ready.stage.caption.title.name == "bright light  ↔  darkness"
    assert ready.classes.edge_of((1,)) != ready.classes.edge_of((0,))


def test_names_in_the_cells(ready, settled) -> None:
    ready.bench.set_look(names=True)
    settled(ready)
    texts = [text for _, text in ready.view._texts._texts]
    assert len(texts) == 9 * 13
    assert texts.count("1\nbright light") == 1


def test_a_photo_is_smooth_until_four_times_its_size(ready) -> None:
    view = ready.view
    view.fit()
    item = view.picture
    scale = 4 * view.picture.transform().m11() * view.devicePixelRatioF()
    assert item.sharp_from == pytest.approx(scale)


def test_opacity_follows_the_probability(ready, settled) -> None:
    """Where nothing is found the photo is untouched; switched off, every cell is coloured."""
    ready.bench.choose([1])
    settled(ready)
    photo = np.clip(ready.bench.preview * 255, 0, 255)
    h, w = photo.shape[:2]
    y, x = int((0 + 20) * h / 96), int((0 + 20) * w / 128)
    assert np.abs(ready.drawing.image[y, x].astype(float) - photo[y, x]).max() <= 1
    ready.bench.set_look(follows=False, colours="viridis")
    settled(ready)
    assert np.abs(ready.drawing.image[y, x].astype(float) - photo[y, x]).max() > 20


def test_scales_are_the_benchs(ready) -> None:
    assert [b.text() for b in ready.popover.scale_row.buttons()][1:] == [
        "0 – 100 %", "log", "score",
    ]  # fmt: skip
    assert ready.popover.scale_row._keys == list(SCALES)


def test_no_two_scales_have_one_name(ready) -> None:
    texts = [button.text() for button in ready.popover.scale_row.buttons()]
    assert len(set(texts)) == len(texts)
    assert [words.scale_name(ready.drawing, peak) for peak in (0.37, 0.997)] == [
        "0 – 40 %", "0 – best",
    ]  # fmt: skip
