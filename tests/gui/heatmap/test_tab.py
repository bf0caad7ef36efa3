"""Transplant from the window: jobs, cancelling, bad nets, and the nets that are really there."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PyQt5.QtCore import Qt
from PyQt5.QtWidgets import QApplication
from pytestqt.qtbot import QtBot

from filterlab import caffe
from filterlab.gui.heatmap.tab import HeatmapTab
from filterlab.gui.main_window import MainWindow
from filterlab.gui.settings import Settings
from filterlab.surgery.heatmap import Preprocessing, heatmap
from filterlab.surgery.transplant import transplant
from filterlab.workbench.heatmap_state import Source
from filterlab.zoo import catalogue
from filterlab.zoo.own_models import look, remember

# Transplant


def test_transplant_shows_shapes_and_proof(qtbot, tab, settled) -> None:
    assert tab.result.proof.text == "Not yet a map"
    assert tab.result.main_button.text() == "Transplant"
    assert not tab.result.save_button.isVisible()
    assert [s.kind for s in tab.strip.slabs] == ["input", "plain", "waiting", "output"]
    qtbot.mouseClick(tab.result.main_button, Qt.LeftButton)
    settled(tab)
    assert tab.bench.transplanted is not None
    assert (tab.bench.maps.rows, tab.bench.maps.cols) == (9, 13)
    assert tab.strip.shown_lines()[2] == ("fc → fc-conv", "(3, 16) →", "(3, 1, 4, 4)")
    assert tab.strip.shown_lines()[3] == ("prob", "3 × 9 × 13")
    assert tab.result.proof.text.startswith("The same largest difference")
    assert tab.result.save_button.isVisible()
    assert tab.result.main_button.text() == "Show me"
    assert tab.result.meter.text.endswith("points")


def test_there_is_one_word_about_transplanting_not_three(tab) -> None:
    """Before surgery the filled button asks for it; nothing else covers or badges anything."""
    told = [tab.result.main_button.text(), tab.result.proof.text, tab.hint(), tab.classes.empty]
    assert sum("press Transplant" in str(t) for t in told) == 1


def test_the_account_names_the_classes_of_the_proof(qtbot, ready) -> None:
    qtbot.mouseClick(ready.result.proof, Qt.LeftButton)
    assert ready.account.isVisible()
    text = ready.account.text.text()
    for words in ("fc (3, 16)", "fc-conv (3, 1, 4, 4)", "the same memory", "bright light"):
        assert words in text, words
    ready.account.hide()


def test_map_on_show_is_the_cores_map(ready, model, bright) -> None:
    core = heatmap(
        transplant(model.prototxt, model.weights),
        bright.picture((40, 24)),
        cells=13,
        preprocessing=Preprocessing((0, 0, 0), 1.0, "RGB"),
    )
    np.testing.assert_array_equal(ready.bench.maps.prob, core.prob)
    np.testing.assert_array_equal(ready.drawing.image, ready.bench.drawing().image)


@pytest.mark.parametrize("stage", range(6))
def test_cancel_at_every_stage_leaves_everything_as_it_was(
    tab, until, stage, settled, snapshot
) -> None:
    before = snapshot(tab)
    steps, ends = [], []
    runner = tab.runs.runner

    def at_a_step(progress, left) -> None:
        steps.append(progress.step)
        if len(steps) == stage + 1:
            tab.cancel()

    runner.progressed.connect(at_a_step)
    for name in ("done", "failed", "cancelled"):
        getattr(runner, name).connect(lambda *_, kind=name: ends.append(kind))
    tab.models.transplant()
    settled(tab)
    assert len(steps) >= stage + 1, f"the job has only {len(steps)} steps"
    assert ends == ["cancelled"]
    assert snapshot(tab) == before
    assert not tab.stage.job.active
    # And it can be done after all.
    runner.progressed.disconnect(at_a_step)
    tab.models.transplant()
    settled(tab)
    assert tab.bench.run is not None


def test_a_cancelled_size_is_taken_back(ready, settled, said) -> None:
    before = ready.bench.maps
    ready.runs.runner.progressed.connect(lambda *_: ready.cancel())
    ready.bench.set_density("stride:4")
    settled(ready)
    assert ready.bench.request.density == "own"
    assert ready.bench.maps is before
    assert [text for _, text in said] == ["Cancelled; everything is as it was."]
    assert ready.controls.density_combo.currentData() == "own"


def test_escape_cancels(tab, until) -> None:
    ends = []
    tab.runs.runner.cancelled.connect(lambda: ends.append("cancelled"))
    tab.runs.runner.progressed.connect(lambda *_: tab.cancel())
    tab.models.transplant()
    assert tab.stage.job.active
    until(lambda: ends)
    assert not tab.cancel()


def test_the_newest_of_two_pictures_stays(ready, settled, bright, open_array) -> None:
    ready.bench.choose([1])
    open_array(ready, bright.picture((0, 0)), "first")
    open_array(ready, bright.picture((96, 64)), "second")
    settled(ready)
    assert ready.bench.shown.source.name == "second"
    assert ready.bench.maps.prob[1, 8, 12] > 0.9
    assert ready.stage.caption.title.name == "bright light"


def test_a_command_waits_for_the_map_that_is_being_made(ready, settled) -> None:
    ready.bench.set_squash(True)
    ready.experiments.compare_sliding()
    settled(ready)
    assert ready.bench.maps.rows == ready.bench.maps.cols == 13
    assert ready.experiments.sliding.result_.cells == 169
    ready.experiments.sliding.close()


def test_a_map_that_replaces_another_is_not_worth_a_word(ready, settled, said) -> None:
    ready.bench.set_cells(10)
    ready.bench.set_cells(11)
    settled(ready)
    assert max(ready.bench.run.plan.cells) == 11
    assert said == []


def test_closing_the_window_while_a_job_runs(qtbot, model, bright, until, open_array) -> None:
    window = MainWindow(Settings(), tabs=(HeatmapTab,))
    qtbot.addWidget(window)
    tab = window.tab("heatmap")
    tab.models.choose(model.name)
    open_array(tab, bright.picture((0, 0)))
    until(lambda: tab.bench.shown is not None and tab.settled)
    steps: list[str] = []
    tab.runs.runner.progressed.connect(lambda p, _: steps.append(p.step))
    tab.models.transplant()
    until(lambda: steps)
    window.close()
    assert not tab.runs.runner.running


# What is said


def bad_model(bright, folder: Path, kind: str):
    made = bright.make(folder)
    if kind == "cut":
        made.weights_path.write_bytes(made.weights_path.read_bytes()[:40])
    elif kind == "text":
        made.prototxt.write_text("layer {")
    else:
        net = caffe.Net(str(made.prototxt), str(made.weights_path), caffe.TEST)
        net.params["fc"][0].data[...] = np.nan
        net.save(str(made.weights_path))
    return remember(replace(made, name=f"bad-{kind}", title=f"Bad {kind}"))


@pytest.mark.parametrize("kind", ["cut", "nan", "text"])
def test_a_bad_net_is_said_in_one_sentence_and_nothing_changes(
    ready, settled, bright, tmp_path, kind, model
) -> None:
    bad = bad_model(bright, tmp_path / kind, kind)
    maps = ready.bench.maps
    ready.models.choose(bad.name)
    ready.models.transplant()
    settled(ready)
    assert ready.stage.job.failed
    assert ready.stage.job.isVisible()
    assert ready.stage.job.text
    assert "Traceback" not in ready.stage.job.text
    assert ready.bench.run is None
    assert ready.cancel(), "Esc closes the card"
    assert not ready.stage.job.isVisible()
    ready.undo()
    settled(ready)
    assert ready.bench.model.name == model.name
    assert ready.bench.maps is maps, "the map from before is there at once"


def test_a_bad_picture_is_said_and_the_old_one_stays(ready, settled, tmp_path, snapshot) -> None:
    before = snapshot(ready)
    path = tmp_path / "broken.png"
    path.write_bytes(b"\x89PNG no more")
    ready.pictures.open_file(str(path))
    settled(ready)
    assert "broken.png" in ready.stage.job.text
    assert snapshot(ready) == before
    ready.pictures.open_sample("chelsea")
    settled(ready)
    assert not ready.stage.job.isVisible(), "what works after an error shows that it is over"


# The nets that are really there


def test_pocket_net_finds_the_cat_on_the_composed_sample(qtbot, tab, settled) -> None:
    tab.models.choose("pocket")
    tab.pictures.open(Source(sample="composed"))
    settled(tab)
    tab.models.transplant()
    settled(tab)
    tab.classes.search.setText("tabby cat")
    qtbot.keyClick(tab.classes.search, Qt.Key_Return)
    settled(tab)
    from filterlab.pictures import composed

    x0, y0, x1, y1 = composed().places["chelsea"]
    values = tab.bench.maps.values(tab.bench.classes)
    best = np.unravel_index(values.argmax(), values.shape)
    x, y = tab.bench.maps.centre_on_picture(*best)
    assert x0 <= x <= x1
    assert y0 <= y <= y1
    assert values.max() > 0.5


def test_a_thousand_classes_on_a_fresh_machine(tab, settled) -> None:
    lite = catalogue.get("efficientnet-lite0")
    if not lite.makeable:
        pytest.skip("the package with EfficientNet-Lite0's weights is not installed")
    tab.models.choose(lite.name)
    tab.pictures.open(Source(sample="chelsea"))
    settled(tab)
    tab.models.transplant()
    settled(tab)
    assert tab.bench.maps.classes == 1000
    assert tab.bench.run.plan.method == "exact"
    assert set(tab.bench.classes) <= {281, 282, 285}
    assert tab.stage.caption.title.name in ("tabby", "tiger cat", "Egyptian cat")
    assert len(tab.classes.rows()) == 1000
    assert any(s.kind == "sliding" for s in tab.strip.slabs)
    assert "difference" in tab.result.meter.text or "points" in tab.result.meter.text


def test_models_of_one_title_are_told_apart_by_their_folder(tab, bright, tmp_path) -> None:
    for folder in ("one", "two"):
        made = bright.make(tmp_path / folder)
        found = look(made.prototxt)
        assert found.prototxt is not None
        remember(replace(made, name=folder, title="Same"))
    tab.models.list()
    combo = tab.controls.model_combo
    shown = [combo.itemText(k) for k in range(combo.count())]
    assert "Same (one)" in shown
    assert "Same (two)" in shown


def test_the_strip_has_the_shapes_of_the_map_to_come(tab, until, monkeypatch) -> None:
    """While the first map runs, not the 1 x 1 that the net gives of one window."""
    seen: list[list[tuple[int, ...]]] = []
    show = tab.strip.set_slabs

    def watched(slabs: list) -> None:
        show(slabs)
        if tab.bench.transplanted is not None:
            seen.append([slab.forms[-1] for slab in slabs])

    monkeypatch.setattr(tab.strip, "set_slabs", watched)
    tab.models.transplant()
    until(lambda: tab.settled and tab.bench.run is not None)
    maps = tab.bench.maps
    # 8 x 8 blocks of the input, then windows of 4 x 4 blocks.
    rows, cols = maps.input_size
    mean = (1, rows // 8, cols // 8)
    cells = (3, rows // 8 - 3, cols // 8 - 3)
    assert (maps.rows, maps.cols) == cells[1:]
    assert seen
    for forms in seen:
        assert forms == [(3, rows, cols), mean, cells, cells]


def test_the_button_that_waits_hands_its_focus_to_no_neighbour(qtbot: QtBot, tab) -> None:
    tab.activateWindow()
    button = tab.result.main_button
    button.setFocus()
    qtbot.waitUntil(button.hasFocus)
    tab.result.offer("show me", "Show me", enabled=False)
    assert QApplication.focusWidget() is tab.window()
