"""The frame of a GIF, the page of a TIFF: chosen in the picture's row, mapped, found again."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from PyQt5.QtCore import Qt
from PyQt5.QtTest import QTest

from filterlab.gui.heatmap.tab import HeatmapTab
from filterlab.gui.settings import Settings
from filterlab.pictures import read_picture

#: Where the square of each frame lies, (x, y) in pixels.
PLACES = ((8, 8), (40, 24), (88, 56))


@pytest.fixture(params=["gif", "tif", "webp", "png"])
def file(request, tmp_path: Path, bright) -> Path:
    path = tmp_path / f"squares.{request.param}"
    frames = [(bright.picture(place) * 255 + 0.5).astype(np.uint8) for place in PLACES]
    images = [Image.fromarray(frame) for frame in frames]
    images[0].save(path, save_all=True, append_images=images[1:])
    return path


def found_at(tab: HeatmapTab) -> tuple[float, float]:
    """Where on the picture the map's best cell of "bright" looks."""
    maps = tab.bench.maps
    i, j = divmod(int(maps.prob[1].argmax()), maps.cols)
    return maps.centre_on_picture(i, j)


def near(tab: HeatmapTab, number: int) -> bool:
    x, y = found_at(tab)
    return abs(x - PLACES[number][0] - 8) <= 8 and abs(y - PLACES[number][1] - 8) <= 8


def test_a_frame_is_chosen_and_mapped(ready, until, file) -> None:
    box = ready.controls.frame_box
    assert not box.isVisible()
    ready.pictures.open_file(str(file))
    until(lambda: ready.settled and ready.bench.shown.source.path and ready.bench.maps)
    assert box.isVisible()
    assert box.value() == 1
    assert near(ready, 0)
    for frame in (1, 2):
        QTest.keyClick(box, Qt.Key_Up)
        until(lambda n=frame: ready.settled and ready.bench.shown.source.frame == n)
        until(lambda: ready.settled and ready.bench.maps)
        assert near(ready, frame)
    np.testing.assert_array_equal(ready.bench.shown.picture, read_picture(file, frame=2))
    assert ready.undo_text() == "Choose frame", "both are one step"
    ready.undo()
    until(lambda: ready.settled and ready.bench.maps)
    assert (box.value(), near(ready, 0)) == (1, True)
    ready.undo()
    assert not box.isVisible()


def test_a_frame_that_is_gone_leaves_the_one_on_show(ready, until, file) -> None:
    ready.pictures.open_file(str(file))
    until(lambda: ready.settled and ready.bench.shown.source.path)
    file.unlink()
    QTest.keyClick(ready.controls.frame_box, Qt.Key_Up)
    until(lambda: ready.stage.job.failed)
    until(lambda: ready.settled)
    assert ready.bench.shown.source.frame == 0
    assert ready.controls.frame_box.value() == 1


def test_the_code_reads_the_frame(ready, until, file) -> None:
    ready.pictures.open_file(str(file))
    until(lambda: ready.settled and ready.bench.shown.source.path)
    ready.pictures.choose_frame(1)
    until(lambda: ready.settled and ready.bench.shown.source.frame == 1)
    lines = [line for line in ready.bench.code().splitlines() if "read_picture" in line]
    space: dict[str, object] = {}
    exec("\n".join(lines), space)
    np.testing.assert_array_equal(space["image"], ready.bench.shown.picture)


def test_session_and_project_have_the_frame(qtbot, ready, until, file) -> None:
    ready.pictures.open_file(str(file))
    until(lambda: ready.settled and ready.bench.shown.source.path)
    ready.pictures.choose_frame(1)
    until(lambda: ready.settled and ready.bench.shown.source.frame == 1)
    part = ready.project_part()
    assert "frame" not in part.values
    assert part.picture.name == f"{file.name}, frame 2 of 3"
    np.testing.assert_array_equal(part.picture.pixels, ready.bench.shown.picture)
    state = json.loads(json.dumps(ready.save_state()))
    again = HeatmapTab(Settings())
    qtbot.addWidget(again)
    again.restore_state(state)
    assert again.save_state() == state
    again.activated()
    until(lambda: again.settled and again.bench.shown is not None)
    np.testing.assert_array_equal(again.bench.shown.picture, ready.bench.shown.picture)
    assert again.controls.frame_box.value() == 2
    again.shutdown()


@pytest.mark.parametrize("width", [1024, 1280, 1600])
def test_there_is_room_for_it(ready, until, file, width) -> None:
    ready.resize(width, 640)
    ready.pictures.open_file(str(file))
    until(lambda: ready.settled and ready.bench.shown.source.path)
    controls = ready.controls
    assert controls.frame_box.text() == ("frame 1 of 3" if width == 1600 else "1/3")
    right = max(w.geometry().right() for w in (controls.view_button, controls.stage_button))
    assert right < controls.width()
    assert controls.frame_box.width() >= controls.frame_box.sizeHint().width()
