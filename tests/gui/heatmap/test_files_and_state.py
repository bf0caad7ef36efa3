"""What is written and read, and what is found again at the next start."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from qtpy.QtWidgets import QApplication

from filterlab import caffe
from filterlab.gui.heatmap.look import Look
from filterlab.gui.heatmap.tab import HeatmapTab
from filterlab.gui.heatmap.work import Source
from filterlab.gui.settings import Settings
from filterlab.pictures import write_picture

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


def test_a_missing_camera_is_said(ready, settled, said, snapshot) -> None:
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


def test_session_is_found_again(qtbot, ready, settled, tmp_path, bright, model, set_look) -> None:
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


def test_a_rebuilt_window_goes_on_without_a_new_run(qtbot, ready, settled, set_look) -> None:
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
