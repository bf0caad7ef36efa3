"""Transplant from the window: jobs, cancelling, bad nets, and the nets that are really there."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from qtpy.QtCore import Qt

from filterlab import caffe
from filterlab.gui.heatmap.tab import HeatmapTab
from filterlab.gui.heatmap.work import Source
from filterlab.gui.main_window import MainWindow
from filterlab.gui.settings import Settings
from filterlab.surgery import overlay
from filterlab.surgery.heatmap import Preprocessing, heatmap
from filterlab.surgery.transplant import transplant
from filterlab.zoo.own_models import look, remember

# Transplant


def test_transplant_shows_shapes_and_proof(qtbot, tab, settled) -> None:
    assert "Nothing transplanted" in tab.account.text.text()
    qtbot.mouseClick(tab.controls.transplant_button, Qt.LeftButton)
    settled(tab)
    assert tab.transplanted is not None
    text = tab.account.text.text()
    assert "fc (3, 16)" in text
    assert "fc-conv (3, 1, 4, 4)" in text
    assert "the same memory" in text
    assert "Proof: the same" in text
    assert tab.transplanted.proof.agrees
    assert (tab.maps.rows, tab.maps.cols) == (9, 13)


def test_map_on_show_is_the_cores_map(ready, model, bright) -> None:
    mine = ready.maps
    core = heatmap(
        transplant(model.prototxt, model.weights),
        bright.picture((40, 24)),
        cells=13,
        preprocessing=Preprocessing((0, 0, 0), 1.0, "RGB"),
    )
    np.testing.assert_allclose(mine.prob, core.prob, atol=1e-6)
    layer = overlay.lay(core, core.values(list(ready.chosen)), "tiles")
    image = overlay.compose(bright.picture((40, 24)), layer, overlay.Style())
    np.testing.assert_allclose(ready.drawing.image / 255, image, atol=0.5 / 255 + 1e-6)


@pytest.mark.parametrize("stage", range(8))
def test_cancel_at_every_stage_leaves_everything_as_it_was(
    qtbot, tab, until, stage, bright, settled, snapshot
) -> None:
    before = snapshot(tab)
    steps, ends = [], []

    def at_a_step(progress, left) -> None:
        steps.append(progress.step)
        if len(steps) == stage + 1:
            tab.cancel()

    tab.runner.progressed.connect(at_a_step)
    for name in ("done", "failed", "cancelled"):
        getattr(tab.runner, name).connect(lambda *_, kind=name: ends.append(kind))
    tab.transplant()
    settled(tab)
    assert len(steps) >= stage + 1, f"the job has only {len(steps)} steps"
    assert ends == ["cancelled"]
    assert snapshot(tab) == before
    assert not tab.progress.active
    # And it can be done after all.
    tab.runner.progressed.disconnect(at_a_step)
    tab.transplant()
    settled(tab)
    assert ends == ["cancelled", "done"]
    assert tab.maps is not None


def test_escape_cancels(qtbot, tab, until) -> None:
    ends = []
    tab.runner.cancelled.connect(lambda: ends.append("cancelled"))
    tab.runner.progressed.connect(lambda *_: tab.cancel())
    tab.transplant()
    assert tab.progress.active
    until(lambda: ends)
    assert not tab.cancel()


def test_two_jobs_in_a_row(tab, settled, bright) -> None:
    ends = []
    for name in ("done", "failed", "cancelled"):
        getattr(tab.runner, name).connect(lambda *_, kind=name: ends.append(kind))
    tab.transplant()
    tab.transplant()
    settled(tab)
    assert ends.count("done") == 1
    assert len(ends) == 2
    tab.open_array(bright.picture((0, 0)), "first")
    tab.open_array(bright.picture((96, 64)), "second")
    settled(tab)
    assert tab.shown.source.name == "second"
    assert tab.maps.prob[1, 8, 12] > 0.9


def test_a_command_waits_for_the_map_that_is_being_made(ready, settled, bright) -> None:
    ready.controls.squash_box.setChecked(True)
    ready.commands.compare_sliding()
    settled(ready)
    assert ready.maps.rows == ready.maps.cols == 13
    assert ready.commands.sliding.result_.cells == 169
    ready.commands.sliding.close()


def test_only_the_users_cancel_is_worth_a_word(ready, settled, said) -> None:
    ready.run_map()
    ready.run_map()
    settled(ready)
    assert said == []
    ready.run_map()
    ready.cancel()
    settled(ready)
    assert [text for _, text in said] == ["Cancelled; everything is as it was."]


def test_closing_the_window_while_a_job_runs(qtbot, model, bright, until) -> None:
    window = MainWindow(Settings(), tabs=(HeatmapTab,))
    qtbot.addWidget(window)
    window.show()
    tab = window.tabs[0]
    seen = []
    tab.runner.progressed.connect(lambda *_: seen.append(1))
    tab.runner.done.connect(lambda *_: seen.append("done"))
    tab.list_models(model.name)
    tab.transplant()
    until(lambda: seen)
    window.close()
    count = len(seen)
    qtbot.wait(30)
    assert len(seen) == count
    assert "done" not in seen


# Bad input


@pytest.fixture
def broken_nets(tmp_path, bright) -> dict[str, Path]:
    """Folders with a net that cannot be used, by what is wrong with it."""
    found = {}
    for kind in ("cut", "nan", "text"):
        folder = tmp_path / kind
        bright.make(folder)
        weights = folder / "bright.caffemodel"
        if kind == "cut":
            weights.write_bytes(weights.read_bytes()[:-40])
        elif kind == "nan":
            net = caffe.Net(str(folder / "bright.prototxt"), str(weights), caffe.TEST)
            net.params["fc"][0].data[1, 3] = np.nan
            net.save(str(weights))
        else:
            (folder / "bright.prototxt").write_text("layer { name: ", encoding="utf-8")
        found[kind] = folder
    return found


@pytest.mark.parametrize("kind", ["cut", "nan", "text"])
def test_a_bad_net_is_said_in_one_sentence_and_nothing_changes(
    ready, settled, said, broken_nets, kind, model, snapshot
) -> None:
    folder = broken_nets[kind]
    ready.model = replace(
        model,
        name="bad",
        prototxt=folder / "bright.prototxt",
        weights_path=folder / "bright.caffemodel",
    )
    before = snapshot(ready)
    ready.transplant()
    settled(ready)
    errors = [text for level, text in said if level == "error"]
    assert len(errors) == 1
    assert "\n" not in errors[0]
    assert "Traceback" not in errors[0]
    assert snapshot(ready) == before


def test_a_bad_picture_is_said_and_the_old_one_stays(
    ready, settled, said, tmp_path, snapshot
) -> None:
    bad = tmp_path / "坏的.png"
    bad.write_bytes(b"\x89PNG\r\n\x1a\nnot really")
    before = snapshot(ready)
    ready.open_paths([bad])
    settled(ready)
    errors = [text for level, text in said if level == "error"]
    assert len(errors) == 1
    assert "坏的.png" in errors[0]
    assert snapshot(ready) == before


def test_weights_that_vanish_are_said(ready, settled, said, model, snapshot) -> None:
    model.weights_path.unlink()
    before = snapshot(ready)
    ready.transplant()
    settled(ready)
    assert [level for level, _ in said] == ["error"]
    assert snapshot(ready) == before


def test_a_picture_smaller_than_a_window_is_enlarged_to_the_cells_asked_for(
    ready, settled, said
) -> None:
    ready.open_array(np.ones((10, 12, 3), np.float32), "tiny")
    settled(ready)
    assert ready.maps.cols == 13
    assert (ready.maps.prob[1] > 0.5).sum() > 50
    assert [text for _, text in said] == [
        "tiny is smaller than one window (32 × 32 px of the net's input), so it is enlarged."
    ]


# Where the real nets are there


def test_pocket_net_finds_the_cat_on_the_composed_sample(qtbot, tab, settled) -> None:
    from filterlab.pictures import composed

    tab.list_models("pocket")
    assert tab.model.ready, "the pocket net is bundled"
    tab.user_cells = False
    tab.open_sample("composed")
    settled(tab)
    tab.transplant()
    settled(tab)
    assert tab.transplanted.proof.largest_difference < 1e-5
    qtbot.keyClicks(tab.classes.search, "cat")
    qtbot.keyClick(tab.classes.search, Qt.Key_Return)
    settled(tab)
    values = tab.maps.values(tab.chosen)
    x0, y0, x1, y1 = composed().places["chelsea"]
    for i in range(tab.maps.rows):
        for j in range(tab.maps.cols):
            left, top, right, bottom = tab.maps.window_on_picture(i, j)
            wide = max(0, min(right, x1) - max(left, x0)) / (right - left)
            high = max(0, min(bottom, y1) - max(top, y0)) / (bottom - top)
            if wide * high == 0:
                assert values[i, j] < 0.5, f"cell ({i}, {j}) sees nothing of the cat"
    i, j = np.unravel_index(int(values.argmax()), values.shape)
    x, y = tab.maps.centre_on_picture(i, j)
    assert x0 < x < x1
    assert y0 < y < y1


def test_squeezenet_finds_the_cats(qtbot, tab, shared, settled) -> None:
    folder = shared / "squeezenet"
    model = remember(look(folder / "deploy.prototxt").model())
    tab.list_models(model.name)
    tab.user_cells = False
    tab.transplant()
    settled(tab)
    tab.open_source(Source(path=str(shared / "images" / "cat.jpg")))
    settled(tab)
    assert tab.maps.classes == 1000
    qtbot.keyClicks(tab.classes.search, "281-285")
    qtbot.keyClick(tab.classes.search, Qt.Key_Return)
    settled(tab)
    assert tab.chosen == (281, 282, 283, 284, 285)
    values = tab.maps.values(tab.chosen)
    assert values.max() > 0.7
    # The strongest cells lie on the cat, in the picture's middle half.
    i, j = np.unravel_index(int(values.argmax()), values.shape)
    x, y = tab.maps.centre_on_picture(i, j)
    width, height = tab.shown.picture.shape[1], tab.shown.picture.shape[0]
    assert 0.1 * width < x < 0.9 * width
    assert 0.1 * height < y < 0.95 * height
