"""What runs beside the tab, what a run will cost, and nets of other shapes through the window."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from threading import Event

import numpy as np
import pytest
from qtpy.QtCore import Qt

from filterlab import caffe
from filterlab.gui.filters.tab import FiltersTab
from filterlab.gui.heatmap.account import DiffWindow
from filterlab.gui.heatmap.cell_cards import share_text
from filterlab.gui.heatmap.class_list import ClassList
from filterlab.gui.heatmap.tab import HeatmapTab
from filterlab.gui.main_window import MainWindow
from filterlab.gui.settings import Settings
from filterlab.pictures import write_picture
from filterlab.surgery import cost
from filterlab.surgery.dense import PartialMaps, dense_job
from filterlab.surgery.heatmap import heatmap_job
from filterlab.surgery.transplant import transplant
from filterlab.zoo.catalogue import entries
from filterlab.zoo.own_models import look, remember

# Export in the background


@pytest.fixture
def export(ready, tmp_path, bright, monkeypatch) -> Callable[[int], Path]:
    """Start the export of a folder of so many pictures; returns the folder they go to."""
    from qtpy.QtWidgets import QFileDialog

    def start(count: int) -> Path:
        source, out = tmp_path / "in", tmp_path / "out"
        source.mkdir()
        out.mkdir()
        for k in range(count):
            write_picture(source / f"{k:02}.png", bright.picture((8 * k, 0)))
        folders = iter((str(source), str(out)))
        monkeypatch.setattr(QFileDialog, "getExistingDirectory", lambda *a, **k: next(folders))
        ready.commands.export_folder()
        return out

    return start


def test_the_tab_goes_on_while_a_folder_is_exported(
    ready, settled, until, bright, said, export
) -> None:
    ready.choose_classes((1,))
    out = export(12)
    assert ready.export.running
    for x in (0, 96):
        ready.open_array(bright.picture((x, 64)), "meanwhile")
        settled(ready)
        assert ready.maps.prob[1, 8].argmax() == x // 8
    until(lambda: not ready.export.running)
    for k in range(12):
        assert np.load(out / f"{k:02}_map.npy").argmax() == k
    assert said == [("info", "12 pictures exported.")]
    assert not ready.export.isVisible()


def test_an_export_can_be_stopped_and_keeps_what_it_wrote(
    ready, until, said, export, qtbot
) -> None:
    begun = []
    ready.export.runner.progressed.connect(lambda p, _: begun.append(p) if p.done >= 2 else None)
    out = export(12)
    until(lambda: begun)
    assert ready.export.isVisible()
    # Nothing else runs, so that Esc means the export.
    assert ready.cancel()
    until(lambda: not ready.export.running)
    assert 2 <= len(list(out.glob("*_map.npy"))) < 12
    assert said == [("info", "The export was stopped; what it has written stays.")]


def test_an_export_goes_on_in_the_window_that_replaces_this_one(
    qtbot, ready, until, export
) -> None:
    begun = []
    ready.export.runner.progressed.connect(lambda p, _: begun.append(p) if p.done >= 3 else None)
    ready.choose_classes((1,))
    out = export(12)
    until(lambda: begun)
    state = ready.hand_over()
    ready.shutdown()
    again, news = HeatmapTab(Settings()), []
    qtbot.addWidget(again)
    again.message.connect(lambda text, level: news.append((level, text)))
    again.take_over(state)
    assert again.export.running
    until(lambda: not again.export.running and again.settled)
    for k in range(12):
        assert np.load(out / f"{k:02}_map.npy").argmax() == k
    assert news == [("info", "12 pictures exported.")]
    again.shutdown()


def test_the_filters_stay_live_while_a_map_is_made(qtbot, bright, model, until) -> None:
    window = MainWindow(Settings(), tabs=(FiltersTab, HeatmapTab))
    qtbot.addWidget(window)
    window.show()
    filters, heatmap = window.tabs
    until(lambda: filters.settled and filters.stage.frame is not None)
    answered = Event()

    def passes():
        """Map a picture again and again until the filters have answered."""
        done = transplant(model.prototxt, model.weights)
        count = 0
        while not answered.is_set():
            yield from heatmap_job(done, bright.picture((40, 24)), cells=13)
            count += 1
        return count

    counts = []
    heatmap.runner.start(passes(), "Heatmap", counts.append)
    before = filters.stage.frame.outputs.revision
    filters.bench.set_bias(0, 0.25)
    until(lambda: filters.settled and filters.stage.frame.outputs.revision != before)
    assert heatmap.runner.running
    answered.set()
    until(lambda: counts)
    window.close()


def test_a_double_has_its_own_blobs_on_the_same_weights(ready) -> None:
    one, two = ready.transplanted, ready.transplanted.double()
    for name, blobs in one.net.params.items():
        for mine, theirs in zip(blobs, two.net.params[name]):
            assert np.shares_memory(mine.data, theirs.data)
    assert not np.shares_memory(one.net.blobs["data"].data, two.net.blobs["data"].data)
    shape = tuple(one.net.blobs["data"].shape)
    two.net.blobs["data"].reshape(1, 3, 40, 56)
    two.net.reshape()
    assert tuple(one.net.blobs["data"].shape) == shape


# Cost


def test_the_note_warns_of_what_all_passes_take(ready) -> None:
    done = ready.transplanted
    done.measured = (ready.maps.input_size, 2.0)
    ready.refresh()
    assert "about 2.0 s" in ready.controls.size_note.text()
    assert ready.controls.size_note.property("role") == "muted"
    ready.controls.set_how("stride:4")
    ready.refresh()
    assert "about 8.0 s" in ready.controls.size_note.text()
    assert ready.controls.size_note.property("role") == "warning"
    ready.controls.set_how("pyramid")
    ready.refresh()
    assert ready.controls.size_note.property("role") == "warning"


def test_the_note_says_beforehand_what_does_not_fit(ready, monkeypatch) -> None:
    monkeypatch.setattr(cost, "available_memory", lambda: 1000)
    ready.refresh()
    assert "only 0 MB are free; take fewer cells" in ready.controls.size_note.text()
    assert ready.controls.size_note.property("role") == "warning"


# Nets of other shapes


def _layer(name: str, kind: str, bottom: str, more: str = "") -> str:
    return f'layer {{ name: "{name}" type: "{kind}" bottom: "{bottom}" top: "{name}" {more} }}\n'


def _vgg(end: str) -> str:
    """VGG-16's layers at three channels a layer."""
    text = (
        'layer { name: "data" type: "Input" top: "data" '
        "input_param { shape { dim: 1 dim: 3 dim: 224 dim: 224 } } }\n"
    )
    below, msra = "data", 'weight_filler { type: "msra" }'
    for block, depth in enumerate((2, 2, 3, 3, 3), 1):
        for i in range(1, depth + 1):
            conv = f"convolution_param {{ num_output: 3 kernel_size: 3 pad: 1 {msra} }}"
            text += _layer(f"conv{block}_{i}", "Convolution", below, conv)
            text += _layer(f"relu{block}_{i}", "ReLU", f"conv{block}_{i}")
            below = f"relu{block}_{i}"
        pool = "pooling_param { pool: MAX kernel_size: 2 stride: 2 }"
        text += _layer(f"pool{block}", "Pooling", below, pool)
        below = f"pool{block}"
    for name, count in (("fc6", 8), ("fc7", 8), ("fc8", 9)):
        fc = f"inner_product_param {{ num_output: {count} {msra} }}"
        text += _layer(name, "InnerProduct", below, fc)
        below = name
    return text + end


@pytest.fixture
def choose(tab, tmp_path) -> Callable[[str], None]:
    """Make a net with the weights its fillers draw, and choose it as one's own model."""

    def make(text: str) -> None:
        prototxt = tmp_path / "own" / "deploy.prototxt"
        prototxt.parent.mkdir()
        prototxt.write_text(text, encoding="utf-8")
        net = caffe.Net(str(prototxt), caffe.TEST)
        net.save(str(prototxt.with_suffix(".caffemodel")))
        tab.list_models(remember(look(prototxt).model()).name)
        tab.user_cells = False

    return make


def test_a_net_of_vggs_shape(qtbot, tab, settled, said, choose) -> None:
    choose(_vgg('layer { name: "prob" type: "Softmax" bottom: "fc8" top: "prob" }'))
    tab.open_array(np.random.default_rng(0).random((256, 352, 3), np.float32), "noise")
    settled(tab)
    qtbot.mouseClick(tab.controls.transplant_button, Qt.LeftButton)
    settled(tab)
    assert [text for level, text in said if level == "error"] == []
    assert "fc6-conv (8, 3, 7, 7)" in tab.account.text.text()
    assert "Proof: the same" in tab.account.text.text()
    assert tab.maps.classes == 9
    assert tab.maps.geometry.jump == (32, 32)
    assert tab.maps.geometry.window_size == (224, 224)


def test_googlenet(tab, settled, said, choose, repo) -> None:
    choose((repo / "models/googlenet/deploy.prototxt").read_text(encoding="utf-8"))
    tab.open_array(np.random.default_rng(0).random((256, 320, 3), np.float32), "noise")
    settled(tab)
    tab.transplant()
    settled(tab)
    assert [text for level, text in said if level == "error"] == []
    assert "Proof: the same" in tab.account.text.text()
    assert tab.maps.classes == 1000
    np.testing.assert_allclose(tab.maps.prob.sum(0), 1, atol=1e-4)


def test_what_cannot_be_transplanted_is_said_with_the_reason(tab, settled, said, choose) -> None:
    reshape = 'layer { name: "again" type: "Reshape" bottom: "fc8" top: "again" reshape_param {'
    choose(
        _vgg(
            reshape + " shape { dim: 1 dim: 1 dim: 3 dim: 3 } } }\n"
            'layer { name: "prob" type: "Softmax" bottom: "again" top: "prob" }'
        )
    )
    shown = tab.shown
    tab.transplant()
    settled(tab)
    errors = [text for level, text in said if level == "error"]
    assert len(errors) == 1
    assert "again" in errors[0]
    assert "Reshape" in errors[0]
    assert "\n" not in errors[0]
    assert (tab.transplanted, tab.maps) == (None, None)
    assert tab.shown is shown


def test_files_gone_after_the_transplant(ready, settled, said, model, bright, tmp_path) -> None:
    model.weights_path.unlink()
    model.prototxt.unlink()
    ready.open_array(bright.picture((96, 64)), "other")
    settled(ready)
    assert ready.maps.prob[1].argmax() == 8 * 13 + 12
    ready.transplanted.save(tmp_path / "kept")
    assert (tmp_path / "kept.caffemodel").is_file()
    assert said == []


# The look, by its own widgets


def test_threshold_gamma_and_opacity_by_their_sliders(ready, settled) -> None:
    ready.choose_classes((1,))
    settled(ready)
    controls = ready.controls
    plain = ready.drawing.image.astype(int)
    controls.opacity.slider.setValue(controls.opacity.slider.minimum())
    controls.dim.setChecked(False)
    settled(ready)
    assert controls.look.opacity == 0
    np.testing.assert_array_equal(ready.drawing.image, np.round(ready.preview * 255))
    controls.opacity.slider.setValue(controls.opacity.slider.maximum())
    controls.threshold.slider.setValue(controls.threshold.slider.maximum())
    settled(ready)
    assert (controls.look.opacity, controls.look.threshold) == (1, 1)
    # Nothing but the window full of light is certain enough.
    changed = (ready.drawing.image != np.round(ready.preview * 255)).any(axis=2)
    assert 0 < changed.sum() <= 2 * 64
    controls.threshold.slider.setValue(0)
    controls.gamma.slider.setValue(controls.gamma.slider.maximum())
    settled(ready)
    assert controls.look.gamma == pytest.approx(3.0)
    assert (ready.drawing.image.astype(int) != plain).any()


def test_contour_lines_and_names_in_cells_by_their_boxes(ready, settled) -> None:
    ready.choose_classes((1,))
    ready.controls.contours.setChecked(True)
    settled(ready)
    assert not ready.view.contours.empty
    ready.controls.grid_box.setChecked(True)
    words = [text for _, text in ready.view._texts._texts]
    assert len(words) == 9 * 13
    assert words[3 * 13 + 5] == "1\nbright light"
    assert words[0] == "0\ndarkness"


def test_the_prototxts_are_compared_in_colour(ready) -> None:
    ready.commands.show_diff()
    window = ready.findChild(DiffWindow)
    assert window.isVisible()
    grounds = {}
    block = window.text.document().begin()
    while block.isValid():
        if block.text()[:1] in ("+", "-"):
            ground = block.begin().fragment().charFormat().background().color()
            grounds.setdefault(block.text()[0], set()).add(ground.name())
        block = block.next()
    text = window.text.toPlainText()
    assert '-   type: "InnerProduct"' in text
    assert '+   type: "Convolution"' in text
    assert len(grounds["+"]) == len(grounds["-"]) == 1
    assert grounds["+"] != grounds["-"]
    window.close()


def test_a_denser_map_is_drawn_as_it_fills_in(ready, settled) -> None:
    before = ready.maps
    partial = [
        progress
        for progress in dense_job(ready.transplanted, ready.shown.picture, 4, cells=13)
        if isinstance(progress, PartialMaps) and progress.maps is not None
    ]
    shares = []
    for progress in partial:
        ready.runner.progressed.emit(progress, None)
        settled(ready)
        assert ready.drawing.scene.maps is progress.maps
        shares.append(float(progress.maps.filled.mean()))
    # It is on the screen, but nothing has been taken over before the end.
    assert len(set(shares)) == 3
    assert 0 < shares[0] < shares[1] < shares[2] < 1
    assert ready.maps is before


def test_pages_turn_by_their_keys(ready, settled, tmp_path, bright) -> None:
    for name in ("a.png", "b.png"):
        write_picture(tmp_path / name, bright.picture())
    ready.open_paths([tmp_path / "a.png"])
    settled(ready)
    actions = {a.shortcut().toString(): a for a in ready.menu_actions()["file"] if a is not None}
    for key, name in (("PgDown", "b.png"), ("PgUp", "a.png")):
        actions[key].trigger()
        settled(ready)
        assert ready.shown.source.name == name


# Cards


def test_narrow_cards_keep_the_names_and_tell_all_in_their_tooltips(ready) -> None:
    assert share_text(0.00004, 200) == "< 0.1 %"
    assert share_text(0.00004, 120) == "<.1%"
    assert share_text(0.993, 120) == "99%"
    assert share_text(0.993, 60) == ""
    for cell in ((0, 0), (3, 5), (8, 12)):
        ready.cells.toggle_pin(cell)
    ready.cells.set_alone((3, 5), [(1, 0.75), (0, 0.25)])
    told = ready.panel.cards.pins[1].toolTip().splitlines()
    assert told[0] == "Cell (3, 5)"
    assert "100 %  1 bright light" in told[: told.index("cut out, alone")]
    assert "75 %  1 bright light" in told[told.index("cut out, alone") :]
    assert told[-1] == "Click to unpin"
    assert "Click to unpin" not in ready.panel.cards.hover.toolTip()


# Classes


def test_classes_are_found_by_their_chinese_names_and_by_groups(qtbot) -> None:
    found = ClassList()
    qtbot.addWidget(found)
    found.set_labels(next(m for m in entries() if m.name == "caffenet").labels, 1000)
    chosen = []
    found.chosen_changed.connect(lambda classes, second: chosen.append(classes))
    for typed in ("虎猫", "tiger cat", "282", "281-285"):
        found.search.setText(typed)
        qtbot.keyClick(found.search, Qt.Key_Return)
    assert chosen == [(282,), (282,), (282,), (281, 282, 283, 284, 285)]
    assert found.title_of((282,)) == "282 虎猫 tiger cat"
