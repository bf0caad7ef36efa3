"""The Net tab: what is shown is what the net says, and what is done is done to the net."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from PyQt5.QtCore import QPoint, Qt
from PyQt5.QtGui import QImage
from PyQt5.QtWidgets import QFileDialog, QInputDialog

from filterlab import caffe
from filterlab.gui.net.kernel_dialog import KernelDialog
from filterlab.gui.net.tab import NetTab
from filterlab.gui.settings import Settings
from filterlab.gui.tab import ProjectPart
from filterlab.pictures import sample
from filterlab.progress import run_job
from filterlab.surgery.heatmap import heatmap
from filterlab.surgery.transplant import transplant
from filterlab.workbench.heatmap_state import Shown, Source
from filterlab.workbench.net_study import fitted
from filterlab.workbench.project import Project, read_job, write_job
from filterlab.zoo.catalogue import Model
from filterlab.zoo.labels import imagenet

Until = Callable[..., None]

_PROTOTXT = """
name: "small"
layer { name: "data" type: "Input" top: "data"
  input_param { shape { dim: 1 dim: 3 dim: 32 dim: 32 } } }
layer { name: "conv1" type: "Convolution" bottom: "data" top: "conv1"
  convolution_param { num_output: 8 kernel_size: 3 stride: 2 pad: 1 } }
layer { name: "relu1" type: "ReLU" bottom: "conv1" top: "conv1" }
layer { name: "block1/expand" type: "Convolution" bottom: "conv1" top: "block1/expand"
  convolution_param { num_output: 12 kernel_size: 1 } }
layer { name: "block1/expand/relu" type: "ReLU" bottom: "block1/expand" top: "block1/expand" }
layer { name: "block1/project" type: "Convolution" bottom: "block1/expand" top: "block1/project"
  convolution_param { num_output: 8 kernel_size: 3 pad: 1 } }
layer { name: "block1/sum" type: "Eltwise" bottom: "conv1"
  bottom: "block1/project" top: "block1/sum" }
layer { name: "pool" type: "Pooling" bottom: "block1/sum" top: "pool"
  pooling_param { pool: MAX kernel_size: 2 stride: 2 } }
layer { name: "fc" type: "InnerProduct" bottom: "pool" top: "fc"
  inner_product_param { num_output: 10 } }
layer { name: "prob" type: "Softmax" bottom: "fc" top: "prob" }
"""


@pytest.fixture(scope="session")
def small_files(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """The prototxt and the weights of the small net."""
    folder = tmp_path_factory.mktemp("small")
    prototxt, weights = folder / "small.prototxt", folder / "small.caffemodel"
    prototxt.write_text(_PROTOTXT, encoding="utf-8")
    net = caffe.Net(str(prototxt), caffe.TEST)
    rng = np.random.default_rng(5)
    for row in net.params.values():
        fan = row[0].data[0].size
        row[0].data[...] = rng.standard_normal(row[0].shape) * np.sqrt(2 / fan)
        row[1].data[...] = rng.standard_normal(row[1].shape) * 0.1
    net.save(str(weights))
    return prototxt, weights


@pytest.fixture
def small(small_files: tuple[Path, Path]) -> Model:
    """The small net as one of the user's own models; its input is RGB from 0 to 1."""
    prototxt, weights = small_files
    return Model(
        "small", "Small net", "own", prototxt, weights, mean_bgr=(0.0, 0.0, 0.0), scale=1.0,
        order="RGB", input_size=(32, 32),
    )  # fmt: skip


@pytest.fixture
def said() -> list[tuple[str, str]]:
    """What the tab has said in the message strip, as (level, text)."""
    return []


@pytest.fixture
def make_tab(qtbot, said) -> Iterator[Callable[[], NetTab]]:
    """A tab of 1200 x 720 that has nothing yet; ended with the test."""
    made: list[NetTab] = []

    def make() -> NetTab:
        tab = NetTab(Settings())
        tab.started = True
        tab.message.connect(lambda text, level: said.append((level, text)))
        qtbot.addWidget(tab)
        tab.resize(1280, 720)
        tab.show()
        made.append(tab)
        return tab

    yield make
    for tab in made:
        tab.shutdown()


@pytest.fixture
def tab(make_tab, small, until) -> NetTab:
    """The tab with the small net and the tabby sample, all answered."""
    made = make_tab()
    made.open_model(small, Source(sample="chelsea"))
    until(lambda: made.study.bench is not None and made.settled)
    return made


def _plain(model: Model, edit: Callable[[Any], object] = lambda net: None) -> Any:
    """The net on the picture's centre, computed without any of the program's benches."""
    net = caffe.Net(str(model.prototxt), str(model.weights_path), caffe.TEST)
    edit(net)
    net.blobs["data"].data[0] = _reduced(sample("chelsea")[:, 75:375])
    net.forward()
    return net


def _reduced(centre: np.ndarray) -> np.ndarray:
    """A large square as the net is shown it: averaged to four times its input, then resized."""
    if len(centre) > 128:
        centre = cv2.resize(centre, (128, 128), interpolation=cv2.INTER_AREA)
    return caffe.io.resize_image(centre, (32, 32)).transpose(2, 0, 1)


def _grey(image: QImage) -> np.ndarray:
    bits = image.constBits()
    bits.setsize(image.sizeInBytes())
    rows = np.frombuffer(bits, np.uint8).reshape(image.height(), image.bytesPerLine())
    return rows[:, : image.width()]


def _click(qtbot: Any, tab: NetTab, unit: int, keys: Any = Qt.NoModifier) -> None:
    place = tab.tiles.tile_rect(unit).center()
    qtbot.mouseClick(tab.tiles.viewport(), Qt.LeftButton, keys, place)


def _bytes(net: Any) -> list[bytes]:
    return [blob.data.tobytes() for row in net.params.values() for blob in row]


# --- what is shown ------------------------------------------------------------------------------


def test_tiles_are_the_blob_from_black_to_white(tab, small) -> None:
    net = _plain(small)
    values = net.blobs["conv1"].data[0]
    assert tab.study.blob == "conv1"
    most = values.max()
    for unit in (0, 3, 7):
        image = tab._tile_image(unit, tab.study.tile_limits())
        np.testing.assert_allclose(_grey(image), 255 * values[unit] / most, atol=1.01)
    assert tab.tiles.in_sight() == list(range(8))
    tab.study.set_view(scale="own")
    own = int(np.argsort(values.reshape(8, -1).max(axis=1))[-2])
    image = tab._tile_image(own, None)
    np.testing.assert_allclose(_grey(image), 255 * values[own] / values[own].max(), atol=1.01)


def test_scores_are_those_of_a_plain_net(tab, small) -> None:
    prob = _plain(small).blobs["prob"].data[0]
    order = np.argsort(-prob)[:5]
    rows = tab.scores.texts()
    assert [int(row[0]) for row in rows] == order.tolist()
    for row, index in zip(rows, order):
        assert row[2] == row[3] == f"{100 * prob[index]:.1f} %"
        assert row[4] == "0.0"
    assert [row[1] for row in rows] == [imagenet()[int(index)].english for index in order]


def test_the_maps_are_those_of_the_whole_picture(tab, small, until) -> None:
    _click_zero(tab, [2])
    until(lambda: tab.settled)
    wanted = tab.study.wanted
    request = tab.study.request()
    done = transplant(small.prototxt, small.weights_path)
    ready = tab.study.bench._preprocessing
    before = heatmap(done, sample("chelsea"), cells=request.cells, preprocessing=ready)
    done.source.params["conv1"][0].data[2] = 0
    done.source.params["conv1"][1].data[2] = 0
    after = heatmap(done, sample("chelsea"), cells=request.cells, preprocessing=ready)
    one, other = before.prob[wanted], after.prob[wanted]
    assert tab.maps.note.text().startswith(f"{one.shape[1]} × {one.shape[0]} cells, probability")
    assert tab.maps.before.texts()[1] == f"best cell {100 * one.max():.0f} %"
    assert tab.maps.after.texts()[1] == f"best cell {100 * other.max():.0f} %"
    change = 100 * (other - one)
    largest = change.flat[np.abs(change).argmax()]
    digits = 0 if abs(largest) >= 10 else 1
    sign = "+" if largest > 0 else "\N{MINUS SIGN}"
    assert tab.maps.difference.texts()[1] == f"up to {sign}{abs(largest):.{digits}f} points"
    drawing = tab._drawing
    # Where a cell's probability grew the difference is redder than the picture, else bluer.
    row, col = np.unravel_index(np.abs(change).argmax(), change.shape)
    x0, y0, x1, y1 = before.tile_on_picture(int(row), int(col))
    share = drawing.difference.shape[1] / 451
    y, x = int((y0 + y1) / 2 * share), int((x0 + x1) / 2 * share)
    red, _, blue = (int(v) for v in drawing.difference[y, x])
    assert (red > blue) == (largest > 0)


def _click_zero(tab: NetTab, units: list[int]) -> None:
    tab.study.choose(units)
    tab.surgery.zero_button.click()


def test_the_unit_on_the_picture(tab, small, qtbot) -> None:
    values = _plain(small).blobs["conv1"].data[0]
    _click(qtbot, tab, 5)
    assert tab.unit.heading.text() == "Unit 5"
    row, col = np.unravel_index(values[5].argmax(), values[5].shape)
    assert tab.unit.peak.text() == f"peak {values[5].max():.2f} at row {row}, column {col}"
    median = f"{np.median(values[5]):.2f}"
    assert tab.unit.about.text() == f"on the picture, above its median {median}"
    # 3 x 3, stride 2, pad 1: the field of place (r, c) begins at pixel 2 r - 1.
    y, x = 2 * row - 1, 2 * col - 1
    assert tab.unit.picture.box == (x, y, x + 3, y + 3)
    assert tab.unit.spot_title.text() == "field 3 × 3"
    image = tab.unit.picture.image
    assert (image.width(), image.height()) == (32, 32)
    grey = image.pixelColor(0, 0)
    flat = values[5].ravel()
    if values[5][0, 0] <= np.median(flat):  # below the median the picture is grey
        assert grey.red() == grey.green() == grey.blue()


def test_a_place_of_the_picture_is_held_by_a_click(tab, small, qtbot) -> None:
    values = _plain(small).blobs["conv1"].data[0]
    picture = tab.unit.picture
    side = picture.place().width() / 32
    # Place (4, 9) looks about pixel (8.5, 18.5).
    at = QPoint(round(18.5 * side), round(8.5 * side))
    qtbot.mouseMove(picture, at)
    picture.hovered.emit(18.5, 8.5)
    assert picture.box == (17, 7, 20, 10)
    assert tab.hint() == f"row 4, column 9: {values[0][4, 9]:.2f}"
    qtbot.mouseClick(picture, Qt.LeftButton, pos=at)
    picture.left.emit()
    assert picture.box == (17, 7, 20, 10)
    qtbot.mouseClick(picture, Qt.LeftButton, pos=at)
    picture.left.emit()
    assert picture.box != (17, 7, 20, 10)


def test_tiles_stand_in_the_chosen_order(tab, small, until) -> None:
    net = _plain(small)
    values = net.blobs["conv1"].data[0].astype(np.float64)
    norms = np.linalg.norm(net.params["conv1"][0].data.reshape(8, -1).astype(np.float64), axis=1)
    flat = values.reshape(8, -1)
    for order, key in (
        ("mean", flat.mean(axis=1)),
        ("peak", flat.max(axis=1)),
        ("norm", norms),
    ):
        tab.panels.order.setCurrentIndex(tab.panels.order.findData(order))
        tab.panels.order.activated.emit(tab.panels.order.currentIndex())
        assert tab.tiles.in_sight() == np.argsort(-key, kind="stable").tolist()
    tab.study.set_view(order="cursor")
    tab.study.point((4, 9))
    assert tab.tiles.in_sight() == np.argsort(-values[:, 4, 9], kind="stable").tolist()


def test_the_kernel_is_the_units_weights(tab, small, qtbot, until) -> None:
    weights, bias = (b.data for b in _plain(small).params["conv1"])
    _click(qtbot, tab, 6)
    np.testing.assert_array_equal(tab.kernel.planes, weights[6])
    assert tab.panels.kernel_about.text() == (
        f"3 × 3 × 3, bias {bias[6]:.2f}".replace("-", "\N{MINUS SIGN}")
    )
    value = f"{weights[6, 1, 2, 0]:.6g}".replace("-", "\N{MINUS SIGN}")
    assert tab.kernel.told(1, 2, 0) == f"input 1, row 2, column 0: {value}"
    tab.study.look_at("fc")
    until(lambda: tab.settled)
    fc = _plain(small).params["fc"][0].data
    shown = tab.kernel.planes[0].ravel()
    np.testing.assert_array_equal(shown[np.isfinite(shown)], fc[0])


def test_the_weights_side_tells_of_the_whole_layer(tab, small, until) -> None:
    tab.panels.side.button("weights").click()
    until(lambda: tab.settled and tab.panels.facts.text.text())
    weights = _plain(small).params["conv1"][0].data.reshape(8, -1).astype(np.float64)
    norms = np.linalg.norm(weights, axis=1)
    told = tab.panels.facts.text.text().splitlines()
    assert told[0] == f"norm {norms.min():.2f} to {norms.max():.2f}, 0.0 % of the weights are 0"
    assert told[1:] == ["dead units: none", "twins: none"]
    tab.study.choose([1, 4])
    tab.surgery.zero_button.click()
    until(lambda: tab.settled and "1, 4" in tab.panels.facts.text.text())
    assert "25.0 % of the weights are 0" in tab.panels.facts.text.text()
    assert tab.tiles.chip_rect(4) is not None


# --- surgery ------------------------------------------------------------------------------------


def test_zero_and_back(tab, small, qtbot, until) -> None:
    first = _bytes(tab.study.bench.original)
    _click(qtbot, tab, 2)
    qtbot.mouseClick(tab.surgery.zero_button, Qt.LeftButton)
    until(lambda: tab.settled)
    net = tab.study.bench.net
    assert not net.params["conv1"][0].data[2].any()
    assert not net.params["conv1"][1].data[2].any()

    def edit(net: Any) -> None:
        for blob in net.params["conv1"]:
            blob.data[2] = 0

    plain = _plain(small).blobs["prob"].data[0]
    edited = _plain(small, edit).blobs["prob"].data[0]
    for row in tab.scores.texts():
        index = int(row[0])
        assert row[2] == f"{100 * plain[index]:.1f} %"
        assert row[3] == f"{100 * edited[index]:.1f} %"
        points = round(100 * (float(edited[index]) - float(plain[index])), 1)
        assert float(row[4].replace("\N{MINUS SIGN}", "-")) == pytest.approx(points, abs=0.051)
    assert tab.bar.edits.text() == "1 edit: conv1, unit 2 set to zero"
    assert tab.study.chip(2) == "× 0"
    assert tab.surgery.zero_button.isChecked()
    assert tab.surgery.factor_box.value() == 0
    # The tile and the kernel show what was there.
    assert _grey(tab._tile_image(2, tab.study.tile_limits())).any()
    assert tab.kernel.planes.any()
    assert tab.panels.kernel_note.text() == "before the edit"
    own = {"net": _plain(small)}
    exec(tab.as_code()[1], own)
    assert _bytes(own["net"]) == _bytes(net)
    tab.undo()
    assert _bytes(net) == first
    assert not tab.surgery.zero_button.isChecked()
    tab.redo()
    assert not net.params["conv1"][0].data[2].any()
    qtbot.mouseClick(tab.surgery.zero_button, Qt.LeftButton)
    assert _bytes(net) == first
    until(lambda: tab.settled)


def test_the_slider_is_followed_and_is_one_step(tab, small, qtbot, until) -> None:
    tab.study.choose([1])
    slider = tab.surgery.slider
    slider.setSliderDown(True)
    for value in (90, 40, 10, 25):
        slider.setValue(value)
        qtbot.wait(1)
    slider.setSliderDown(False)
    until(lambda: tab.settled)
    assert len(tab.study.bench.journal) == 1
    weights = _plain(small).params["conv1"][0].data[1]
    np.testing.assert_array_equal(
        tab.study.bench.net.params["conv1"][0].data[1], weights * np.float32(0.25)
    )

    def edit(net: Any) -> None:
        for blob in net.params["conv1"]:
            blob.data[1] *= np.float32(0.25)

    edited = _plain(small, edit).blobs["prob"].data[0]
    for row in tab.scores.texts():
        assert row[3] == f"{100 * edited[int(row[0])]:.1f} %"
    assert tab.study.chip(1) == "× 0.25"
    slider.setValue(150)
    assert len(tab.study.bench.journal) == 2
    assert tab.study.chip(1) == "× 1.5"
    tab.surgery.factor_box.setValue(-1.0)
    assert tab.study.chip(1) == "× \N{MINUS SIGN}1"
    np.testing.assert_array_equal(tab.study.bench.net.params["conv1"][0].data[1], -weights)
    own = {"net": _plain(small), "original": _plain(small)}
    exec(tab.as_code()[1], own)
    assert _bytes(own["net"]) == _bytes(tab.study.bench.net)
    # From zero on there is a way back, too.
    tab.surgery.factor_box.setValue(0.0)
    tab.surgery.factor_box.setValue(1.0)
    assert _bytes(tab.study.bench.net) == _bytes(tab.study.bench.original)
    until(lambda: tab.settled)


def test_groups_of_units(tab, qtbot, until) -> None:
    _click(qtbot, tab, 1)
    _click(qtbot, tab, 3, Qt.ControlModifier)
    assert tab.unit.heading.text() == "Units 1, 3"
    _click(qtbot, tab, 6, Qt.ShiftModifier)
    assert set(tab.study.units) == {3, 4, 5, 6}
    qtbot.keyClick(tab, Qt.Key_Delete)
    tab._toggle_zero()
    assert not tab.study.bench.net.params["conv1"][0].data[3:7].any()
    assert tab.study.bench.net.params["conv1"][0].data[1].any()
    _click(qtbot, tab, 0)
    qtbot.keyClick(tab.tiles, Qt.Key_Right)
    assert tab.study.units == (1,)
    until(lambda: tab.settled)


def test_swap_takes_the_next_tile_that_is_clicked(tab, small, qtbot, until) -> None:
    weights = _plain(small).params["conv1"][0].data.copy()
    _click(qtbot, tab, 2)
    qtbot.mouseClick(tab.surgery.swap_button, Qt.LeftButton)
    assert tab.hint() == "Click the tile of the other unit."
    _click(qtbot, tab, 5)
    now = tab.study.bench.net.params["conv1"][0].data
    np.testing.assert_array_equal(now[[2, 5]], weights[[5, 2]])
    assert tab.study.chip(2) == "\N{RIGHTWARDS ARROW OVER LEFTWARDS ARROW} 5"
    chip = tab.tiles.chip_rect(5)
    qtbot.mouseClick(tab.tiles.viewport(), Qt.LeftButton, pos=chip.center())
    np.testing.assert_array_equal(now[5], weights[5])
    np.testing.assert_array_equal(now[2], weights[5])
    qtbot.mouseClick(tab.surgery.swap_button, Qt.LeftButton)
    assert tab.cancel()
    assert not tab.surgery.swap_button.isChecked()
    until(lambda: tab.settled)


def test_the_other_operations(tab, small, monkeypatch, until) -> None:
    weights = _plain(small).params["conv1"][0].data.copy()
    now = tab.study.bench.net.params["conv1"][0]
    tab.study.choose([4])
    tab.surgery.more_chosen.emit("negate")
    now = tab.study.bench.net.params["conv1"][0]
    np.testing.assert_array_equal(now.data[4], -weights[4])
    monkeypatch.setattr(QInputDialog, "getInt", lambda *_: (3, True))
    tab.surgery.more_chosen.emit("copy")
    np.testing.assert_array_equal(now.data[4], weights[3])
    tab.surgery.more_chosen.emit("prune")
    norms = np.linalg.norm(now.data.reshape(8, -1), axis=1)
    assert (norms > 0).sum() == 3
    tab.surgery.more_chosen.emit("reset layer")
    np.testing.assert_array_equal(now.data, weights)
    monkeypatch.setattr(QInputDialog, "getDouble", lambda *_: (0.5, True))
    tab.surgery.more_chosen.emit("noise")
    spread = (now.data[4] - weights[4]).std() / weights.std()
    assert 0.25 < spread < 0.75
    np.testing.assert_array_equal(now.data[5], weights[5])
    tab.surgery.preset_chosen.emit("sobel-h")
    np.testing.assert_array_equal(now.data[4], [tab.study.preset("sobel-h", (3, 3))] * 3)
    assert tab.study.preset("sobel-h", (4, 4))[1:, 1:].tolist() == now.data[4][0].tolist()
    tab.bar.reset_button.click()
    np.testing.assert_array_equal(now.data, weights)
    assert tab.bar.edits.text() == "no edits"
    until(lambda: tab.settled)


def test_kernels_of_ones_own(tab, small, until, said) -> None:
    mine = np.arange(9, dtype=np.float32).reshape(3, 3)
    colours = np.random.default_rng(1).random((3, 1, 3)).astype(np.float32)
    tab.library.save("mine & yours", mine)
    tab.library.save("colours", colours)
    tab.library.save("large", np.ones((5, 5), np.float32))
    tab.study.choose([2])
    tab.surgery.preset_menu.aboutToShow.emit()
    listed = {a.data(): a for a in tab.surgery.own_menu.actions()}
    assert list(listed) == ["own:mine & yours", "own:colours", "own:large"]
    tab.surgery.preset_menu.triggered.emit(listed["own:mine & yours"])
    now = tab.study.bench.net.params["conv1"][0].data[2]
    np.testing.assert_array_equal(now, [mine] * 3)
    tab.surgery.preset_menu.triggered.emit(listed["own:colours"])
    np.testing.assert_array_equal(now[:, 1], colours[:, 0])
    assert not now[:, [0, 2]].any()
    tab.surgery.preset_menu.triggered.emit(listed["own:large"])
    assert said[-1] == ("error", "a kernel of 5 x 5 does not fit into one of 3 x 3")
    np.testing.assert_array_equal(now[:, 1], colours[:, 0])
    assert fitted([[1.0]], (4, 4)).tolist() == [
        [0, 0, 0, 0], [0, 0, 0, 0], [0, 0, 1, 0], [0, 0, 0, 0],
    ]  # fmt: skip
    until(lambda: tab.settled)


def test_a_plane_drawn_by_hand(tab, small, monkeypatch, until) -> None:
    weights = _plain(small).params["conv1"][0].data.copy()
    tab.study.choose([2])
    tab.kernel.chosen.emit(0)
    place = tab.kernel.plane_rect(1).center()

    def draw(dialog: KernelDialog) -> int:
        np.testing.assert_array_equal(dialog.grid.values(), weights[2, 1])
        dialog.grid.set_cell(0, 2, 0.5)
        dialog.grid.set_cell(1, 1, -0.25)
        return accepted

    monkeypatch.setattr(KernelDialog, "exec_", draw)
    accepted = 1
    from PyQt5.QtTest import QTest

    QTest.mouseClick(tab.kernel.viewport(), Qt.LeftButton, Qt.NoModifier, place)
    QTest.mouseDClick(tab.kernel.viewport(), Qt.LeftButton, Qt.NoModifier, place)
    wanted = weights[2].copy()
    wanted[1, 0, 2], wanted[1, 1, 1] = 0.5, -0.25
    net = tab.study.bench.net
    np.testing.assert_array_equal(net.params["conv1"][0].data[2], wanted)
    assert tab.study.chip(2) == "edited"
    tab.undo()
    tab.undo()
    assert len(tab.study.bench.journal) == 0
    accepted = 0
    tab.surgery.edit_button.click()
    np.testing.assert_array_equal(net.params["conv1"][0].data[2], weights[2])
    assert tab.undo_text() == ""
    until(lambda: tab.settled)


def test_before_while_b_is_held(tab, qtbot, until) -> None:
    tab.study.choose([1])
    tab.study.scale_units(0.5)
    until(lambda: tab.settled)
    after, first = tab.study.channels()[1], tab.study.channels(True)[1]
    assert tab.unit.peak.text().startswith(f"peak {after.max():.2f} ")
    qtbot.keyPress(tab, Qt.Key_B)
    assert tab.unit.peak.text().startswith(f"peak {first.max():.2f} ")
    np.testing.assert_array_equal(
        tab.kernel.planes, tab.study.bench.original.params["conv1"][0].data[1]
    )
    qtbot.keyRelease(tab, Qt.Key_B)
    assert tab.unit.peak.text().startswith(f"peak {after.max():.2f} ")


# --- the layers ---------------------------------------------------------------------------------


def test_layers_and_their_blocks(tab, qtbot, until) -> None:
    view = tab.layers.list
    titles = [view.texts(k)[0] for k in view.rows()]
    assert titles == ["data", "conv1", "block1", "pool", "fc", "prob"]
    assert [view.texts(k)[1] for k in view.rows()] == [
        "3×32×32", "8×16×16", "8×16×16", "8×8×8", "10", "10",
    ]  # fmt: skip
    block = view.rows()[2]
    qtbot.mouseClick(view.viewport(), Qt.LeftButton, pos=view.row_rect(block).center())
    assert len(view.rows()) == 9
    expand = view.rows()[3]
    assert view.texts(expand)[:2] == ("expand", "12×16×16")
    qtbot.mouseClick(view.viewport(), Qt.LeftButton, pos=view.row_rect(expand).center())
    assert tab.study.blob == "block1/expand"
    until(lambda: tab.settled)
    assert tab.panels.blob_name.text() == "block1/expand"
    assert tab.panels.blob_about.text() == "12 × 16 × 16, field 3 × 3, stride 2"
    qtbot.keyClick(view, Qt.Key_Down)
    assert tab.study.blob == "block1/project"
    assert tab.panels.blob_about.text() == "8 × 16 × 16, field 7 × 7, stride 2"
    qtbot.keyClick(view, Qt.Key_Left)
    assert len(view.rows()) == 6
    until(lambda: tab.settled)


def test_layers_sorted_and_searched(tab, qtbot) -> None:
    view, rows = tab.layers.list, tab.study.rows
    tab.layers.sort("size")
    sizes = {
        "fc": 512 * 10 + 10, "block1/project": 12 * 8 * 9 + 8, "conv1": 27 * 8 + 8,
        "block1/expand": 8 * 12 + 12,
    }  # fmt: skip
    first = [rows[k].layers[0] for k in view.rows()[:4]]
    assert first == sorted(sizes, key=lambda name: -sizes[name])
    assert [rows[k].parameters for k in view.rows()[:4]] == sorted(sizes.values(), reverse=True)
    tab.layers.sort("time")
    taken = [rows[k].seconds for k in view.rows()]
    assert taken == sorted(taken, reverse=True)
    tab.layers.open_search()
    tab.layers.search.setText("relu")
    found = {rows[k].layers[0] for k in view.rows()}
    assert found == {"conv1", "block1/expand"}
    qtbot.keyClick(tab.layers.search, Qt.Key_Escape)
    assert tab.layers.search.isHidden()
    tab.layers.sort("net")
    assert len(view.rows()) == 6


def _two_or_three_figures(ms: float) -> str:
    return f"{ms:.0f}" if ms >= 100 else f"{ms:.1f}" if ms >= 10 else f"{ms:.2f}"


def test_times_are_those_measured(tab) -> None:
    times = tab.study.times
    rows = tab.study.rows
    alone = [row for row in rows if row.kind != "block"]
    assert sum(row.seconds for row in alone) == pytest.approx(sum(times.layers))
    whole = 1000 * sum(times.layers)
    assert tab.layers.total.text() == (f"{whole:.0f} ms" if whole >= 100 else f"{whole:.1f} ms")
    conv1 = next(k for k, row in enumerate(rows) if row.layers[0] == "conv1")
    taken = 1000 * (times.layers[1] + times.layers[2])  # the ReLU works in its place
    assert tab.layers.list.texts(conv1)[2] == _two_or_three_figures(taken)


def test_a_net_that_cannot_run_is_drawn(make_tab, small, tmp_path: Path, until, said) -> None:
    broken = tmp_path / "broken.prototxt"
    text = small.prototxt.read_text(encoding="utf-8")
    broken.write_text(text.replace('type: "Eltwise"', 'type: "Wishful"'), encoding="utf-8")
    tab = make_tab()
    from dataclasses import replace

    tab.open_model(replace(small, name="broken", prototxt=broken))
    until(lambda: tab.study.table is not None)
    assert tab.study.bench is None
    assert [level for level, _ in said] == ["error"]
    assert "Wishful" in said[0][1]
    assert "Traceback" not in said[0][1]
    view = tab.layers.list
    assert len(view.rows()) == 6
    row = next(r for r in tab.study.rows if r.type == "Wishful")
    assert row.problem
    assert not tab.surgery.zero_button.isEnabled()
    tab.surgery.zeroed.emit(True)
    assert said[-1] == ("error", "no net is on the table; open one first")


# --- nothing is lost ----------------------------------------------------------------------------


def test_a_session_brings_edits_and_view_back(tab, make_tab, small, until, monkeypatch) -> None:
    tab.study.choose([2, 5])
    tab.study.operate("zero")
    tab.study.look_at("block1/project")
    tab.study.choose([1])
    tab.study.scale_units(-1.5)
    tab.study.replace_plane(2, np.eye(3))
    tab.study.operate("noise", 0.25, 7)
    tab.study.want(4)
    tab.study.set_view(order="peak")
    until(lambda: tab.settled)
    state = tab.save_state()
    import json

    state = json.loads(json.dumps(state))
    again = make_tab()
    monkeypatch.setattr("filterlab.gui.net.tab.default_model", lambda name: small)
    again.restore_state(state)
    until(lambda: again.study.bench is not None and again.settled)
    assert _bytes(again.study.bench.net) == _bytes(tab.study.bench.net)
    assert again.study.session() == tab.study.session()
    assert again.scores.texts() == tab.scores.texts()
    assert again.panels.order.currentData() == "peak"


def test_a_project_brings_edits_and_picture_back(
    tab, make_tab, small, tmp_path: Path, until, monkeypatch
) -> None:
    picture = np.random.default_rng(2).random((40, 60, 3)).astype(np.float32)
    tab.study.show(Shown(Source(array_name="noise"), picture))
    tab.study.choose([2, 5])
    tab.study.operate("zero")
    tab.study.replace_plane(1, np.eye(3))
    tab.study.reset_units((5,))
    until(lambda: tab.settled)
    part = tab.project_part()
    path = tmp_path / "work.filterlab"
    run_job(write_job(Project(net=part.values, pictures={"net": part.picture}), path))
    project = run_job(read_job(path))
    again = make_tab()
    monkeypatch.setattr("filterlab.gui.net.tab.default_model", lambda name: small)
    again.show_project(ProjectPart(project.net, project.pictures["net"], {}))
    until(lambda: again.study.bench is not None and again.settled)
    assert _bytes(again.study.bench.net) == _bytes(tab.study.bench.net)
    np.testing.assert_array_equal(again.study.shown.picture, picture)
    assert again.scores.texts() == tab.scores.texts()
    assert again.project_part().values == part.values
    assert not again.clean
    again.mark_clean()
    assert again.clean
    again.show_project(ProjectPart(None, None, {}))
    until(lambda: again.study.bench is not None and again.settled)
    assert again.bar.edits.text() == "no edits"
    assert again.study.shown.source.sample == "chelsea"


def test_edits_of_a_net_that_is_gone_are_left_out(
    make_tab, small, until, said, monkeypatch
) -> None:
    tab = make_tab()
    monkeypatch.setattr("filterlab.gui.net.tab.default_model", lambda name: small)
    edits = [{"kind": "zero", "layer": "conv1", "units": [1], "value": 0.0, "count": 0,
              "kernel": None}]  # fmt: skip
    tab.restore_state({"model": "gone", "sample": "coffee", "blob": "conv1", "edits": edits})
    # The net to begin with may be a large one: its times and patches are not waited for.
    until(lambda: tab.study.bench is not None and not tab.runner.running)
    assert said == [("error", "gone is not on this computer; its edits are left out.")]
    assert tab.left_out == ["edits"]
    assert tab.bar.edits.text() == "no edits"
    assert tab.study.shown.source.sample == "coffee"


@pytest.mark.parametrize(
    "edits",
    [7, [{"kind": "zero"}], [{"kind": "zero", "layer": "nowhere", "units": [1], "value": 0.0,
                              "count": 0, "kernel": None}], ["x"]],
)  # fmt: skip
def test_odd_sessions_open_all_the_same(make_tab, small, until, monkeypatch, edits) -> None:
    tab = make_tab()
    monkeypatch.setattr("filterlab.gui.net.tab.default_model", lambda name: small)
    tab.restore_state(
        {"model": "small", "blob": ["x"], "units": [3, "a"], "class": 99, "edits": edits,
         "order": "sideways", "path": 3, "sample": "gone"}
    )  # fmt: skip
    until(lambda: tab.study.bench is not None and tab.settled)
    assert tab.bar.edits.text() == "no edits"
    assert tab.study.blob == "conv1"


def test_the_edited_net_is_saved(tab, small, tmp_path: Path, until, monkeypatch, said) -> None:
    tab.study.choose([3])
    tab.study.operate("negate")
    target = tmp_path / "mine.prototxt"
    monkeypatch.setattr(QFileDialog, "getSaveFileName", lambda *_: (str(target), ""))
    tab.bar.save_button.click()
    until(lambda: target.exists() and tab.settled)
    assert said[-1] == ("info", "Written to mine.prototxt and mine.caffemodel.")
    net = caffe.Net(str(target), str(tmp_path / "mine.caffemodel"), caffe.TEST)
    assert _bytes(net) == _bytes(tab.study.bench.net)
    assert tab.clean


# --- pictures -----------------------------------------------------------------------------------


def test_best_patches_say_where_they_are(tab, qtbot, until) -> None:
    until(lambda: tab.settled and "conv1" in tab.study.patches)
    _click(qtbot, tab, 4)
    assert tab.unit.patches.count == 9
    best = tab.study.patches["conv1"].of(4)
    assert [p.value for p in best] == sorted((p.value for p in best), reverse=True)
    first = best[0]
    net = caffe.Net(str(tab.study.model.prototxt), str(tab.study.model.weights_path), caffe.TEST)
    picture = np.atleast_3d(sample(first.picture))
    picture = np.repeat(picture, 3, axis=2)[:, :, :3] if picture.shape[2] == 1 else picture
    side = min(picture.shape[:2])
    top, left = (picture.shape[0] - side) // 2, (picture.shape[1] - side) // 2
    centre = picture[top : top + side, left : left + side]
    net.blobs["data"].data[0] = _reduced(centre)
    net.forward(end="conv1")
    assert net.blobs["conv1"].data[0, 4][first.cell] == pytest.approx(first.value, abs=1e-3)
    spot = tab.unit.patches.cell_rect(0).center().toPoint()
    qtbot.mouseClick(tab.unit.patches, Qt.LeftButton, pos=spot)
    until(lambda: tab.settled and tab.study.shown.source.sample == first.picture)
    assert tab.bar.picture_combo.currentData() == first.picture


def test_another_picture_is_asked_about(tab, small, tmp_path: Path, until, monkeypatch) -> None:
    path = tmp_path / "grey.png"
    cv2.imwrite(str(path), np.full((60, 80, 3), 128, np.uint8))
    monkeypatch.setattr(QFileDialog, "getOpenFileName", lambda *_: (str(path), ""))
    tab.bar.open_button.click()
    until(lambda: tab.settled and tab.study.shown.source.path == str(path))
    net = caffe.Net(str(small.prototxt), str(small.weights_path), caffe.TEST)
    net.blobs["data"].data[...] = 128 / 255
    net.forward()
    prob = net.blobs["prob"].data[0]
    assert tab.scores.texts()[0][2] == f"{100 * prob.max():.1f} %"
    assert tab.bar.picture_combo.currentText() == "grey.png"


def test_the_maps_grow_with_the_window_until_the_divider_is_moved(tab, qtbot) -> None:
    def wide() -> float:
        pane = tab.maps.before
        return pane.picture_rect().width() / pane.width()

    for size in ((1280, 720), (1920, 1000), (1280, 720)):
        tab.resize(*size)
        qtbot.waitUntil(lambda: wide() > 0.97)
    handle = tab.panels.rows.handle(1)
    at = handle.rect().center()
    qtbot.mousePress(handle, Qt.LeftButton, pos=at)
    qtbot.mouseMove(handle, at + QPoint(0, 40))
    qtbot.mouseRelease(handle, Qt.LeftButton, pos=at + QPoint(0, 40))
    tab.panels.rows.splitterMoved.emit(0, 1)
    tiles = tab.panels.rows.sizes()[0]
    tab.resize(1300, 720)
    assert tab.panels.rows.sizes()[0] == tiles
