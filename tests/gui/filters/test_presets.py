"""Presets with their pictures and parameters; the user's own; a net's first filters."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PyQt5.QtCore import QRect, Qt
from PyQt5.QtWidgets import QFileDialog, QScrollArea
from pytestqt.qtbot import QtBot

from filterlab.caffe.caffemodel import read_weights
from filterlab.gui.filters.tab import FiltersTab
from filterlab.paths import model
from filterlab.surgery.kernels.presets import PRESETS


def popup_of(qtbot: QtBot, tab: FiltersTab, slot: int) -> Any:
    qtbot.mouseClick(tab.editors[slot].presets.button, Qt.LeftButton)
    popup = tab.editors[slot].presets.popup
    assert popup is not None
    assert popup.isVisible()
    return popup


def test_every_preset_has_a_tile_with_its_picture(qtbot: QtBot, tab: FiltersTab) -> None:
    popup = popup_of(qtbot, tab, 0)
    assert list(popup.tiles) == sorted(PRESETS, key=list(popup.tiles).index)
    assert len(popup.tiles) == len(PRESETS)
    image = popup.tiles["sobel-v"].icon().pixmap(40, 40).toImage()
    left, right = image.pixelColor(12, 20), image.pixelColor(27, 20)
    assert left.blue() > left.red(), "negative cells are blue"
    assert right.red() > right.blue()
    popup.close()


@pytest.mark.parametrize(("room", "whole"), [((1280, 800), True), ((1000, 400), False)])
def test_the_popup_is_whole_where_there_is_room(
    qtbot: QtBot, tab: FiltersTab, room: tuple[int, int], whole: bool
) -> None:
    popup = popup_of(qtbot, tab, 2)
    screen = QRect(10, 20, *room)
    popup.place(tab.editors[2].presets.button, screen)
    assert screen.contains(popup.geometry())
    area = popup.findChild(QScrollArea)
    qtbot.waitUntil(lambda: (area.verticalScrollBar().maximum() == 0) == whole)
    popup.close()


@pytest.mark.parametrize("key", list(PRESETS))
def test_a_tile_makes_the_filter(qtbot: QtBot, tab: FiltersTab, key: str) -> None:
    popup = popup_of(qtbot, tab, 1)
    popup.tiles[key].click()
    assert not popup.isVisible()
    np.testing.assert_array_equal(tab.bench.kernel(1), PRESETS[key].make((5, 5)))
    assert tab.editors[1].presets.name == PRESETS[key].title
    assert list(tab.editors[1].presets.knobs) == [p.name for p in PRESETS[key].parameters]


def test_keys_choose_a_preset(qtbot: QtBot, tab: FiltersTab) -> None:
    popup = popup_of(qtbot, tab, 1)
    keys = list(popup.tiles)
    at = keys.index("sobel-h")
    qtbot.waitUntil(lambda: popup.tiles["sobel-h"].hasFocus())
    qtbot.keyClick(popup, Qt.Key_Right)
    qtbot.keyClick(popup, Qt.Key_Return)
    choice = tab.bench.preset(1)
    assert choice is not None
    assert choice.key == keys[at + 1]


def test_a_slider_shapes_the_kernel_live_and_is_one_step(tab: FiltersTab, hands: Any) -> None:
    tab.editors[0].presets.choose("gaussian")
    knob = tab.editors[0].presets.sliders["sigma"]
    knob.slider.setValue(80)
    knob.slider.setValue(120)
    sigma = knob.field.value()
    assert sigma > 2
    np.testing.assert_array_equal(
        tab.bench.kernel(0), PRESETS["gaussian"].make((5, 5), sigma=sigma)
    )
    assert tab.undo_text() == "Change preset"
    tab.undo()
    choice = tab.bench.preset(0)
    assert choice is not None
    assert choice.values["sigma"] == 1.0, "a move of the slider is one step"
    assert tab.editors[0].presets.knobs["sigma"].field.value() == 1.0


def test_four_parameters_fit_under_a_preset(tab: FiltersTab) -> None:
    tab.editors[2].presets.choose("gabor")
    knobs = tab.editors[2].presets.knobs
    for name, value in (("wavelength", 3.0), ("angle", 60.0), ("sigma", 1.5), ("phase", 90.0)):
        knobs[name].field.setValue(value)
    expected = PRESETS["gabor"].make((5, 5), wavelength=3, angle=60, sigma=1.5, phase=90)
    np.testing.assert_array_equal(tab.bench.kernel(2), expected)


def test_an_edited_preset_is_an_own_kernel(tab: FiltersTab, hands: Any) -> None:
    hands.drag(tab.editors[1].grid, [(0, 0)])
    assert tab.editors[1].presets.name == "Own kernel"
    tab.undo()
    assert tab.editors[1].presets.name == PRESETS["sobel-h"].title


def test_own_presets_are_saved_used_renamed_exchanged_deleted(
    qtbot: QtBot, tab: FiltersTab, hands: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    mine = np.random.default_rng(1).normal(size=(5, 5)).astype(np.float32)
    tab.bench.set_kernel(0, mine)
    tab.bench.set_bias(0, 0.25)
    popup_of(qtbot, tab, 0).footer["save"].click()
    dialog: Any = tab.files.dialog
    dialog.name_edit.setText("Rain")
    dialog.category.setEditText("Weather")
    dialog.accept()
    assert [k.name for k in tab.library.all()] == ["Rain"]
    assert hands.errors == []

    popup = popup_of(qtbot, tab, 2)
    popup.tiles["own:Rain"].click()
    np.testing.assert_array_equal(tab.bench.kernel(2), mine)
    assert tab.bench.bias(2) == 0.25
    tab.undo()
    assert tab.bench.bias(2) == 0, "kernel and bias come in one step"

    tab.actions_.own.trigger()
    dialog = tab.files.dialog
    dialog.list.setCurrentRow(0)
    dialog.list.item(0).setText("Snow")
    assert [k.name for k in tab.library.all()] == ["Snow"]
    file = tmp_path / "mine.json"
    monkeypatch.setattr(QFileDialog, "getSaveFileName", lambda *_: (str(file), ""))
    dialog.export_button.click()
    dialog.list.setCurrentRow(0)
    dialog.delete_button.click()
    assert tab.library.all() == []
    monkeypatch.setattr(QFileDialog, "getOpenFileName", lambda *_: (str(file), ""))
    dialog.import_button.click()
    (back,) = tab.library.all()
    assert (back.name, back.category, back.bias) == ("Snow", "Weather", 0.25)
    np.testing.assert_array_equal(back.values[0], mine)
    dialog.list.setCurrentRow(0)
    tab.desk.active = 1
    dialog.use_button.click()
    np.testing.assert_array_equal(tab.bench.kernel(1), mine)
    dialog.accept()


def test_a_taken_name_is_said(tab: FiltersTab, hands: Any) -> None:
    for _ in range(2):
        tab.files.save_own(1)
        dialog: Any = tab.files.dialog
        dialog.name_edit.setText("Twice")
        dialog.accept()
    assert len(hands.errors) == 1
    assert "Twice" in hands.errors[0]
    assert len(tab.library.all()) == 1


def test_a_net_without_its_prototxt_is_said(tab: FiltersTab, hands: Any, tmp_path: Path) -> None:
    (tmp_path / "lonely.caffemodel").write_bytes(b"")
    tab.files.show_net_filters(tmp_path / "lonely.caffemodel")
    assert len(hands.errors) == 1
    assert ".prototxt" in hands.errors[0]


def test_the_bundled_nets_first_filters_are_presets(
    qtbot: QtBot, tab: FiltersTab, hands: Any
) -> None:
    """CaffeNet's shape: 11 x 11 over three channels, stored BGR; the bench has RGB."""
    weights = read_weights(str(model("pocket", "pocket.caffemodel")))["conv1"]
    tab.set_mode("three")
    popup = popup_of(qtbot, tab, 1)
    popup.footer["pocket"].click()
    dialog: Any = tab.files.dialog
    qtbot.waitUntil(lambda: dialog.filters is not None)
    assert len(dialog.tiles) == len(weights[0]) == 32
    area = dialog.findChild(QScrollArea)
    dialog.ensurePolished()
    qtbot.waitUntil(lambda: area.viewport().width() >= area.widget().sizeHint().width())
    dialog.tiles[5].click()
    assert tab.bench.size == (11, 11)
    np.testing.assert_array_equal(tab.bench.filter(1), np.asarray(weights[0][5])[::-1])
    assert tab.bench.bias(1) == np.asarray(weights[1]).reshape(-1)[5]
    assert tab.undo_text() == "Take filter from net"
    assert hands.output(1).shape == (30, 46)
    tab.undo()
    assert tab.bench.size == (5, 5)
    assert hands.errors == []


def test_a_preset_makes_its_filter_the_one_in_front(qtbot: QtBot, tab: FiltersTab) -> None:
    """What the row of tools does next is of the filter that was worked on last."""
    tab.desk.active = 1
    qtbot.mouseClick(popup_of(qtbot, tab, 2).tiles["gabor"], Qt.LeftButton)
    assert tab.active == 2
    tab.desk.active = 1
    tab.editors[2].presets.knobs["wavelength"].field.setValue(6.0)
    assert tab.bench.preset(2).values["wavelength"] == 6.0
    assert tab.active == 2
