"""Filters of a trained net: the models there are, their layers, and files."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PyQt5.QtCore import Qt
from PyQt5.QtWidgets import QDialog, QFileDialog
from pytestqt.qtbot import QtBot

from filterlab import caffe
from filterlab.caffe.caffemodel import read_weights
from filterlab.gui.filters.tab import FiltersTab
from filterlab.paths import model
from filterlab.surgery.kernels.presets import PRESETS
from filterlab.zoo.catalogue import Model, entries, get, remember_used
from filterlab.zoo.own_models import remember

NET = """
layer { name: "data" type: "Input" top: "data"
  input_param { shape { dim: 1 dim: 3 dim: 30 dim: 30 } } }
layer { name: "first" type: "Convolution" bottom: "data" top: "first"
  convolution_param { num_output: 200 kernel_h: 3 kernel_w: 5 } }
layer { name: "wide" type: "Convolution" bottom: "first" top: "wide"
  convolution_param { num_output: 4 kernel_size: 13 } }
layer { name: "deep" type: "Convolution" bottom: "first" top: "deep"
  convolution_param { num_output: 6 kernel_size: 4 } }
"""


@pytest.fixture
def own(tmp_path: Path) -> Model:
    """A model of the user's own: 200 filters over RGB, then some over 200 channels."""
    folder = tmp_path / "own"
    folder.mkdir()
    (folder / "own.prototxt").write_text(NET)
    net = caffe.Net(str(folder / "own.prototxt"), caffe.TEST)
    rng = np.random.default_rng(4)
    for blobs in net.params.values():
        for blob in blobs:
            blob.data[...] = rng.normal(size=blob.data.shape)
    net.save(str(folder / "own.caffemodel"))
    made = Model(
        "own", "My own net", "own", folder / "own.prototxt", folder / "own.caffemodel", order="RGB"
    )
    remember(made)
    return made


def opened(qtbot: QtBot, tab: FiltersTab) -> Any:
    tab.actions_.net_filters.trigger()
    return shown(qtbot, tab)


def shown(qtbot: QtBot, tab: FiltersTab) -> Any:
    dialog: Any = tab.files.dialog
    qtbot.waitUntil(lambda: dialog.filters is not None)
    return dialog


def choose(qtbot: QtBot, dialog: Any, box: Any, text: str) -> None:
    """As a hand does: the item is there, and the box tells of it."""
    index = box.findText(text)
    assert index >= 0, [box.itemText(i) for i in range(box.count())]
    box.setCurrentIndex(index)
    box.activated.emit(index)
    qtbot.waitUntil(lambda: not dialog.runner.running)


def test_the_models_there_are_are_offered(qtbot: QtBot, tab: FiltersTab, own: Model) -> None:
    ready = [m.title for m in entries() if m.ready]
    dialog = opened(qtbot, tab)
    titles = [dialog.model_box.itemText(i) for i in range(dialog.model_box.count())]
    assert titles == [*ready, "My own net"]
    assert "My own net" in titles
    assert not any(m.title in titles for m in entries() if not m.ready)
    choose(qtbot, dialog, dialog.model_box, get("pocket").title)
    assert dialog.layer_box.currentText() == "conv1"
    assert len(dialog.tiles) == 32
    dialog.reject()
    # The one used last comes first to sight.
    remember_used(own)
    assert opened(qtbot, tab).model_box.currentText() == "My own net"
    tab.files.dialog.reject()


def test_a_layer_and_a_page_are_chosen(
    qtbot: QtBot, tab: FiltersTab, hands: Any, own: Model
) -> None:
    weights = read_weights(own.weights_path)
    remember_used(own)
    tab.set_mode("three")
    tab.bench.set_divisor(1, 4)
    tab.desk.active = 1
    dialog = opened(qtbot, tab)
    assert [dialog.layer_box.itemText(i) for i in range(2)] == ["first", "deep"]
    assert dialog.layer_box.count() == 2  # of the wide one the kernels are too large
    assert len(dialog.tiles) == 96
    assert not dialog.channel_box.isVisibleTo(dialog)
    choose(qtbot, dialog, dialog.page_box, "192 – 199")
    assert len(dialog.tiles) == 8
    qtbot.mouseClick(dialog.tiles[3], Qt.LeftButton)
    # This net takes RGB, so nothing is turned round; its filters are not divided.
    np.testing.assert_array_equal(tab.bench.weights(1), weights["first"][0][195])
    assert tab.bench.bias(1) == weights["first"][1][195]
    assert tab.undo_text() == "Take filter from net"
    tab.undo()
    assert tab.bench.divisor(1) == 4

    dialog = opened(qtbot, tab)
    choose(qtbot, dialog, dialog.layer_box, "deep")
    assert "6 filters of 5 × 5 over 200 channels" in dialog.note.text()
    assert dialog.channel_box.isVisibleTo(dialog)
    assert not dialog.page_box.isVisibleTo(dialog)
    assert len(dialog.tiles) == 6
    dialog.channel_box.setValue(150)
    tab.set_mode("grey")
    qtbot.mouseClick(dialog.tiles[2], Qt.LeftButton)
    expected = np.pad(weights["deep"][0][2, 150], ((0, 1), (0, 1)))
    np.testing.assert_array_equal(tab.bench.kernel(1), expected)
    assert tab.bench.bias(1) == 0  # that of the sum over all channels
    assert hands.errors == []


def test_a_file_is_opened_from_the_list(
    qtbot: QtBot, tab: FiltersTab, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tab.bench.set_bias(1, 0.5)
    tab.bench.save_net(tmp_path / "net")
    tab.bench.reset()
    dialog = opened(qtbot, tab)
    for chosen in ("", str(tmp_path / "net.caffemodel")):
        monkeypatch.setattr(QFileDialog, "getOpenFileName", lambda *_, c=chosen: (c, ""))
        qtbot.mouseClick(dialog.file_button, Qt.LeftButton)
        qtbot.waitUntil(lambda: not dialog.runner.running)
    assert dialog.model_box.currentText() == "net.caffemodel"
    assert len(dialog.tiles) == 3
    # What cannot be read is said in the dialog, and what is shown stays.
    (tmp_path / "alone").mkdir()
    lonely = tmp_path / "alone" / "lonely.caffemodel"
    lonely.write_bytes(b"")
    monkeypatch.setattr(QFileDialog, "getOpenFileName", lambda *_: (str(lonely), ""))
    qtbot.mouseClick(dialog.file_button, Qt.LeftButton)
    assert "its .prototxt was not found beside it" in dialog.note.text()
    assert len(dialog.tiles) == 3
    qtbot.mouseClick(dialog.tiles[1], Qt.LeftButton)
    np.testing.assert_array_equal(
        tab.bench.kernel(0), PRESETS["sobel-h"].make(tab.bench.size_of(0))
    )
    assert tab.bench.bias(0) == 0.5


def test_a_broken_model_is_said_in_the_dialog(qtbot: QtBot, tab: FiltersTab, own: Model) -> None:
    remember_used(own)
    own.weights_path.write_bytes(b"\x08" * 40)
    tab.actions_.net_filters.trigger()
    dialog: Any = tab.files.dialog
    qtbot.waitUntil(lambda: not dialog.runner.running)
    assert "own.caffemodel" in dialog.note.text()
    assert dialog.tiles == []
    choose(qtbot, dialog, dialog.model_box, get("pocket").title)
    assert len(dialog.tiles) == 32
    assert dialog.result() != QDialog.Accepted
    dialog.reject()


def test_a_file_of_a_known_model_is_that_model(qtbot: QtBot, tab: FiltersTab) -> None:
    tab.files.show_net_filters(Path(str(model("pocket", "pocket.caffemodel"))))
    assert shown(qtbot, tab).model_box.currentText() == get("pocket").title
    tab.files.dialog.reject()


def test_a_dialog_that_reads_ends_with_the_tab(tab: FiltersTab) -> None:
    tab.actions_.net_filters.trigger()
    dialog: Any = tab.files.dialog
    assert dialog.runner.running
    tab.files.shutdown()
    assert not dialog.isVisible()
    assert not dialog.runner.running
