"""The Heatmap tab through its real widgets, on a net whose answers are known."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from qtpy.QtCore import Qt
from qtpy.QtWidgets import QApplication

from filterlab import caffe
from filterlab.gui.heatmap.look import SCALES, SHOWS, Look
from filterlab.gui.heatmap.tab import HeatmapTab
from filterlab.gui.heatmap.work import Source
from filterlab.gui.main_window import MainWindow
from filterlab.gui.settings import Settings
from filterlab.pictures import write_picture
from filterlab.surgery import overlay
from filterlab.surgery.heatmap import Preprocessing, heatmap
from filterlab.surgery.transplant import transplant
from filterlab.zoo.own_models import look, remember


def set_look(tab: HeatmapTab, **what: object) -> None:
    tab.controls.set_look(replace(tab.controls.look, **what))
    tab.controls.look_changed.emit(tab.controls.look)


def snapshot(tab: HeatmapTab) -> tuple:
    """Everything that a cancelled or failed job must leave alone."""
    return (
        tab.transplanted,
        tab.ran_model,
        tab.shown,
        tab.maps,
        tab.pyramid,
        tab.chosen,
        list(tab.cells.pins),
        tab.account.text.text(),
    )


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
    qtbot, tab, until, stage, bright, settled
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
    ready, settled, said, broken_nets, kind, model
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


def test_a_bad_picture_is_said_and_the_old_one_stays(ready, settled, said, tmp_path) -> None:
    bad = tmp_path / "坏的.png"
    bad.write_bytes(b"\x89PNG\r\n\x1a\nnot really")
    before = snapshot(ready)
    ready.open_paths([bad])
    settled(ready)
    errors = [text for level, text in said if level == "error"]
    assert len(errors) == 1
    assert "坏的.png" in errors[0]
    assert snapshot(ready) == before


def test_weights_that_vanish_are_said(ready, settled, said, model) -> None:
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


# The map


def test_class_is_chosen_by_typing(qtbot, ready, settled) -> None:
    qtbot.keyClicks(ready.classes.search, "darkn")
    qtbot.keyClick(ready.classes.search, Qt.Key_Return)
    settled(ready)
    assert ready.chosen == (0,)
    ready.classes.search.clear()
    qtbot.keyClicks(ready.classes.search, "1")
    qtbot.keyClick(ready.classes.search, Qt.Key_Return)
    settled(ready)
    assert ready.chosen == (1,)
    assert "bright light" in ready.panel.heading.text()


def test_several_classes_are_summed(qtbot, ready, settled) -> None:
    qtbot.keyClicks(ready.classes.search, "0-1")
    qtbot.keyClick(ready.classes.search, Qt.Key_Return)
    settled(ready)
    assert ready.chosen == (0, 1)
    np.testing.assert_allclose(ready.drawing.values, 1.0, atol=1e-5)


def test_classes_are_added_and_compared_with_the_mouse(qtbot, ready, settled) -> None:
    view = ready.classes.view
    rows = [row.classes[0] for row in ready.classes.rows()]

    def click(index: int, keys=Qt.NoModifier) -> None:
        at = view.visualRect(view.model().index(rows.index(index), 0)).center()
        qtbot.mouseClick(view.viewport(), Qt.LeftButton, keys, at)
        settled(ready)

    click(1)
    assert ready.chosen == (1,)
    click(0, Qt.ControlModifier)
    assert ready.chosen == (0, 1)
    click(1, Qt.ControlModifier)
    assert ready.chosen == (0,)
    click(1, Qt.AltModifier)
    assert (ready.chosen, ready.second) == ((0,), (1,))
    assert ready.controls.look.show == "two"


def test_nothing_is_downloaded_without_being_asked_for(ready, settled, said) -> None:
    ready.list_models("caffenet")
    assert ready.controls.get_button.isVisible()
    before = snapshot(ready)
    ready.transplant()
    settled(ready)
    assert len(said) == 1
    assert "not here yet" in said[0][1]
    assert snapshot(ready) == before


def test_switching_the_class_runs_no_net(ready, settled, monkeypatch) -> None:
    def refuse(*args, **kwargs):
        raise AssertionError("a forward pass for a class that is already known")

    monkeypatch.setattr(type(ready.transplanted.net), "forward", refuse)
    first = ready.drawing.image.copy()
    for classes in ((0,), (1,), (2,), (1,)):
        ready.choose_classes(classes)
        settled(ready)
        assert ready.drawing.scene.classes == classes
    ready.choose_classes((0,))
    settled(ready)
    assert ready.chosen == (0,)
    assert first.shape == ready.drawing.image.shape


def test_list_is_ranked_by_peak_and_by_mean(ready, settled) -> None:
    peak = [row.classes[0] for row in ready.classes.rows()]
    assert peak == [int(c) for c in ready.maps.ranked("peak")]
    ready.classes.order.setCurrentIndex(1)
    mean = [row.classes[0] for row in ready.classes.rows()]
    assert mean == [int(c) for c in ready.maps.ranked("mean")]
    assert ready.classes.rows()[0].value == pytest.approx(float(ready.maps.prob[mean[0]].mean()))


def test_thumbnail_is_the_classs_map(ready) -> None:
    image = ready.classes.thumbnail((1,))
    assert (image.height(), image.width()) == (9, 13)
    light = [[image.pixelColor(x, y).lightness() for x in range(13)] for y in range(9)]
    assert np.unravel_index(np.argmax(light), (9, 13)) == (3, 5)


@pytest.mark.parametrize("show", SHOWS)
@pytest.mark.parametrize("lay", overlay.MODES)
def test_everything_that_can_be_shown_is_drawn(ready, settled, said, show, lay) -> None:
    plain = ready.drawing.image
    set_look(ready, show=show, lay=lay, contours=True, opacity=0.9)
    settled(ready)
    assert ready.drawing.scene.look.show == show
    assert ready.drawing.image.shape == plain.shape
    assert [level for level, _ in said if level == "error"] == []
    assert ready.bar.isVisible() == (show in ("class", "entropy"))
    assert ready.panel.legend.isVisible() == (show in ("two", "winner"))


@pytest.mark.parametrize("scale", SCALES)
def test_scales_and_the_colour_bar(ready, settled, scale) -> None:
    ready.choose_classes((1,))
    set_look(ready, scale=scale)
    settled(ready)
    low, high = ready.bar.levels()
    values = ready.maps.values([1], "score" if scale == "score" else "prob")
    expected = {
        "unit": (0.0, 1.0),
        "found": (values.min(), values.max()),
        "log": (1e-6, 1.0),
        "score": (values.min(), values.max()),
    }[scale]
    assert (low, high) == pytest.approx(expected)


def test_stretched_map_is_marked_wrong(ready, settled) -> None:
    set_look(ready, lay="stretched")
    settled(ready)
    _, largest = overlay.stretch_error(ready.maps)
    assert f"{round(largest)} px" in ready.panel.facts.text()
    assert not ready.view.arrows.empty
    set_look(ready, lay="tiles")
    settled(ready)
    assert ready.view.arrows.empty


def test_winner_map_names_its_colours(ready, settled) -> None:
    set_look(ready, show="winner")
    settled(ready)
    legend = ready.panel.legend.text().replace("&nbsp;", " ")
    assert "darkness" in legend
    assert "bright light" in legend


def test_two_classes_at_once(ready, settled) -> None:
    ready.choose_classes((1,))
    ready.choose_classes((0,), True)
    settled(ready)
    assert ready.controls.look.show == "two"
    assert "bright light" in ready.panel.heading.text()
    assert "darkness" in ready.panel.heading.text()
    values = ready.maps.values([1]) - ready.maps.values([0])
    np.testing.assert_allclose(ready.drawing.values, values)


# Size


def test_size_snaps_to_whole_windows(qtbot, ready, settled) -> None:
    slider = ready.controls.cells_slider.slider
    slider.setFocus()
    for _ in range(4):
        qtbot.keyClick(slider, Qt.Key_Right)
    settled(ready)
    assert ready.controls.cells == 17
    assert ready.maps.cols == 17
    assert ready.maps.input_size[1] == 32 + 16 * 8
    assert "17 ×" in ready.controls.size_note.text()


def test_squash_makes_a_square(qtbot, ready, settled) -> None:
    ready.controls.squash_box.setChecked(True)
    settled(ready)
    assert ready.maps.rows == ready.maps.cols == 13
    assert ready.maps.input_size == (128, 128)


def test_an_input_that_does_not_fit_into_memory_is_refused(
    ready, settled, said, monkeypatch
) -> None:
    from filterlab.surgery import cost

    monkeypatch.setattr(cost, "available_memory", lambda: 1000)
    before = snapshot(ready)
    ready.controls.set_size(30, False)
    ready.run_map()
    settled(ready)
    assert "memory" in said[-1][1]
    assert snapshot(ready) == before


# Cells


def test_pointing_and_pinning(qtbot, ready) -> None:
    at = ready.view.to_widget(56.5, 40.5).toPoint()
    qtbot.mouseMove(ready.view.viewport(), at)
    ready.view.hovered.emit(56.5, 40.5)
    assert ready.cells.current == (3, 5)
    facts = ready.panel.cards.hover.facts
    assert "(3, 5)" in facts.title
    assert facts.best[0][0] == "1 bright light"
    assert facts.best[0][1] == pytest.approx(float(ready.maps.prob[1, 3, 5]))
    qtbot.mouseClick(ready.view.viewport(), Qt.LeftButton, pos=at)
    assert ready.cells.pins == [(3, 5)]
    assert ready.panel.cards.pins[0].isVisible()
    qtbot.mouseClick(ready.view.viewport(), Qt.LeftButton, pos=at)
    assert ready.cells.pins == []


def test_pointing_at_the_margin_names_no_cell(ready) -> None:
    ready.view.hovered.emit(2.0, 2.0)
    assert ready.cells.current is None
    assert "Point at a cell" in ready.panel.cards.hover._hint


def test_arrow_keys_walk_and_stop_at_the_edge(qtbot, ready) -> None:
    ready.view.setFocus()
    qtbot.keyClick(ready.view, Qt.Key_Right)
    assert ready.cells.current == (4, 6)
    qtbot.keyClick(ready.view, Qt.Key_Up)
    assert ready.cells.current == (3, 6)
    for _ in range(20):
        qtbot.keyClick(ready.view, Qt.Key_Left)
    assert ready.cells.current == (3, 0)
    qtbot.keyClick(ready.view, Qt.Key_Return)
    assert ready.cells.pins == [(3, 0)]


def test_pins_make_room_for_the_newest(ready) -> None:
    for k in range(5):
        ready.cells.toggle_pin((k, k))
    assert ready.cells.pins == [(2, 2), (3, 3), (4, 4)]


def test_window_alone_stands_beside_the_cell(ready, settled) -> None:
    ready.cells.set_current((3, 5))
    ready.commands.classify_alone()
    settled(ready)
    assert ready.cells.pins == [(3, 5)]
    facts = ready.panel.cards.pins[0].facts
    # This net has no padding, so that the cut-out window gives the same answer.
    assert [name for name, _ in facts.alone] == [name for name, _ in facts.best]
    for (_, alone), (_, in_place) in zip(facts.alone, facts.best):
        assert alone == pytest.approx(in_place, abs=1e-5)


# Denser


def test_denser_map_by_shifted_copies(ready, settled) -> None:
    coarse = ready.maps.prob
    ready.controls.passes_combo.setCurrentIndex(ready.controls.passes_combo.findData("stride:4"))
    settled(ready)
    assert ready.maps.geometry.jump == (4, 4)
    np.testing.assert_allclose(ready.maps.prob[:, ::2, ::2], coarse, atol=1e-5)


def test_denser_map_can_be_cancelled_and_the_old_one_comes_back(ready, settled) -> None:
    before = snapshot(ready)
    image = ready.drawing.image.copy()
    passes = []

    def after_two(progress, left) -> None:
        passes.append(progress.step)
        if len(passes) == 4:
            ready.cancel()

    ready.runner.progressed.connect(after_two)
    ready.controls.set_how("stride:4")
    ready.run_map()
    settled(ready)
    assert snapshot(ready) == before
    np.testing.assert_array_equal(ready.drawing.image, image)


def test_scales_are_joined(ready, settled) -> None:
    ready.controls.set_how("pyramid")
    ready.run_map()
    settled(ready)
    assert ready.pyramid is not None
    assert len(ready.pyramid.levels) >= 2
    assert any(ready.maps is level for level in ready.pyramid.levels)


def test_sliding_comparison_counts_cells(ready, settled) -> None:
    ready.commands.compare_sliding()
    settled(ready)
    window = ready.commands.sliding
    assert window is not None
    assert window.result_.cells == 9 * 13
    np.testing.assert_allclose(window.result_.prob, ready.maps.prob, atol=1e-5)
    window.close()


def test_features_in_false_colours(ready, settled, tmp_path, monkeypatch) -> None:
    from qtpy.QtWidgets import QFileDialog

    ready.commands.show_features()
    settled(ready)
    window = ready.commands.features
    window.blobs.setCurrentText("mean")
    settled(ready)
    assert window.found.features.blob == "mean"
    target = tmp_path / "特征.npy"
    monkeypatch.setattr(QFileDialog, "getSaveFileName", lambda *a, **k: (str(target), ""))
    ready.commands._save_features()
    np.testing.assert_array_equal(np.load(target), window.found.features.values)
    window.close()


# Files


@pytest.fixture
def answer(monkeypatch):
    """Answer the next file dialogs with a path."""
    from qtpy.QtWidgets import QFileDialog

    def set_path(path: Path) -> None:
        for name in ("getSaveFileName", "getOpenFileName"):
            monkeypatch.setattr(QFileDialog, name, lambda *a, **k: (str(path), ""))

    return set_path


def test_saving_map_overlay_report_cell_and_net(ready, settled, answer, tmp_path, said) -> None:
    from filterlab.pictures import read_picture

    ready.choose_classes((1,))
    settled(ready)
    folder = tmp_path / "结果"
    folder.mkdir()

    def save(command, name: str) -> Path:
        answer(folder / name)
        command()
        settled(ready)
        assert (folder / name).is_file(), said[-1:]
        return folder / name

    values = ready.maps.values([1])
    np.testing.assert_array_equal(np.load(save(ready.commands.save_map, "m.npy")), values)
    np.testing.assert_array_equal(
        read_picture(save(ready.commands.save_map, "m.tiff"), grey=True), values
    )
    lines = save(ready.commands.save_map, "m.csv").read_text(encoding="utf-8").splitlines()
    assert len(lines) == 1 + 9 * 13
    overlay_file = read_picture(save(ready.commands.save_overlay, "o.png"))
    shown = ready.drawing.image / 255
    np.testing.assert_allclose(overlay_file[:96, :128], shown, atol=1 / 255 + 1e-6)
    assert overlay_file.shape[1] > 128
    html = save(ready.commands.save_report, "r.html").read_text(encoding="utf-8")
    assert "bright light" in html
    ready.commands._cell = (3, 5)
    assert "bright light" in save(ready.commands.save_cell, "c.csv").read_text(encoding="utf-8")
    save(ready.commands.save_net, "full.prototxt")
    net = caffe.Net(str(folder / "full.prototxt"), str(folder / "full.caffemodel"), caffe.TEST)
    assert "fc-conv" in net.params
    save(ready.commands.save_net, "full.onnx")
    assert [level for level, _ in said if level == "error"] == []


def test_saving_where_nothing_can_be_written_is_said(ready, settled, answer, tmp_path, said):
    answer(tmp_path / "no such folder" / "m.npy")
    ready.commands.save_map()
    settled(ready)
    assert said[-1][0] == "error"


def test_a_whole_folder_is_exported_and_bad_files_are_named(
    ready, until, tmp_path, bright, monkeypatch, said
) -> None:
    from qtpy.QtWidgets import QFileDialog

    source, out = tmp_path / "in", tmp_path / "out"
    source.mkdir()
    out.mkdir()
    for k in range(3):
        write_picture(source / f"{k}.png", bright.picture((8 * k, 0)))
    (source / "bad.png").write_bytes(b"no picture")
    folders = iter((str(source), str(out)))
    monkeypatch.setattr(QFileDialog, "getExistingDirectory", lambda *a, **k: next(folders))
    ready.choose_classes((1,))
    ready.commands.export_folder()
    until(lambda: not ready.export.running)
    assert len(list(out.glob("*_overlay.png"))) == 3
    for k in range(3):
        assert np.load(out / f"{k}_map.npy").argmax() == k
    assert "bad.png" in said[-1][1]


def test_next_and_previous_picture_of_the_folder(ready, settled, tmp_path, bright) -> None:
    for name in ("a.png", "b.png", "c.png"):
        write_picture(tmp_path / name, bright.picture())
    ready.open_paths([tmp_path / "b.png"])
    settled(ready)
    ready.commands.next_picture()
    settled(ready)
    assert ready.shown.source.name == "c.png"
    ready.commands.next_picture()
    settled(ready)
    assert ready.shown.source.name == "a.png"
    ready.commands.previous_picture()
    settled(ready)
    assert ready.shown.source.name == "c.png"


@pytest.fixture
def video(tmp_path, bright) -> Path:
    """Forty frames of a bright square that goes from left to right."""
    import cv2

    path = tmp_path / "square.avi"
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter_fourcc(*"MJPG"), 200, (128, 96))
    for k in range(40):
        frame = bright.picture((8 * min(12, k // 3), 32))
        writer.write((frame[:, :, ::-1] * 255).astype(np.uint8))
    writer.release()
    return path


def test_a_video_is_mapped_frame_by_frame(ready, settled, said, video) -> None:
    seen = []
    ready.panel.drawn.connect(lambda: seen.append(int(ready.maps.prob[1, 4].argmax())))
    ready.open_paths([video])
    settled(ready)
    assert ready.shown.source.name == "square.avi"
    assert (ready.maps.rows, ready.maps.cols) == (9, 13)
    assert seen == sorted(seen)
    assert seen[-1] == 12
    assert said == []


def test_a_video_can_be_stopped_and_its_frame_stays(ready, settled, until, video) -> None:
    ready.start_live(str(video))
    until(lambda: ready.shown.source.name == "square.avi")
    ready.cancel()
    settled(ready)
    assert ready.maps is not None
    assert ready.shown.source.name == "square.avi"


def test_a_missing_camera_is_said(ready, settled, said) -> None:
    before = snapshot(ready)
    ready.start_live(77)
    settled(ready)
    assert [level for level, _ in said] == ["error"]
    assert snapshot(ready) == before


def test_paste_and_copy(ready, settled, said) -> None:
    ready.commands.copy()
    image = QApplication.clipboard().image()
    assert (image.width(), image.height()) == (128, 96)
    ready.commands.paste()
    settled(ready)
    np.testing.assert_allclose(ready.shown.picture.shape, (96, 128, 3))
    QApplication.clipboard().clear()
    ready.commands.paste()
    assert said[-1][0] == "error"


# State


def test_session_is_found_again(qtbot, ready, settled, tmp_path, bright, model) -> None:
    path = tmp_path / "猫.png"
    write_picture(path, bright.picture((8, 8)))
    ready.open_source(Source(path=str(path)))
    settled(ready)
    ready.choose_classes((1,))
    set_look(ready, lay="smooth", colours="turbo", opacity=0.3)
    state = ready.save_state()
    import json

    settled(ready)
    again = HeatmapTab(Settings())
    qtbot.addWidget(again)
    again.restore_state(json.loads(json.dumps(state)))
    # Nothing is read or run before the tab is looked at.
    assert not again.runner.running
    assert again.save_state() == state
    again.activated()
    settled(again)
    assert again.shown.source.path == str(path)
    assert again.model.weights_path == model.weights_path
    assert again.controls.look == ready.controls.look
    assert again.controls.cells == 13
    assert again.transplanted is not None
    assert again.chosen == (1,)
    np.testing.assert_array_equal(again.drawing.image, ready.drawing.image)
    again.shutdown()


@pytest.mark.parametrize(
    "state",
    [{}, {"look": 3, "cells": "many", "chosen": "all", "model": 7, "path": "/no/such.png"}],
)
def test_a_torn_state_is_passed_over(qtbot, tab, settled, said, state) -> None:
    tab.restore_state(state)
    settled(tab)
    assert tab.shown.source.sample == "composed"
    assert tab.controls.look == Look()


def test_a_rebuilt_window_goes_on_without_a_new_run(qtbot, ready, settled) -> None:
    ready.cells.toggle_pin((3, 5))
    ready.choose_classes((1,))
    set_look(ready, lay="smooth")
    settled(ready)
    live = ready.hand_over()
    again = HeatmapTab(Settings())
    qtbot.addWidget(again)
    again.resize(1200, 720)
    again.take_over(live)
    settled(again)
    assert again.maps is ready.maps
    assert again.transplanted is ready.transplanted
    assert again.cells.pins == [(3, 5)]
    assert again.chosen == (1,)
    assert again.controls.look.lay == "smooth"
    np.testing.assert_array_equal(again.drawing.image, ready.drawing.image)
    again.shutdown()


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
    assert values.max() > 0.9
    # The strongest cells lie on the cat, in the picture's middle half.
    i, j = np.unravel_index(int(values.argmax()), values.shape)
    x, y = tab.maps.centre_on_picture(i, j)
    width, height = tab.shown.picture.shape[1], tab.shown.picture.shape[0]
    assert 0.1 * width < x < 0.9 * width
    assert 0.1 * height < y < 0.95 * height
