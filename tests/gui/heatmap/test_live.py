"""Camera and video: frames with their own maps; pause and loop. The card of a job."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PyQt5.QtCore import Qt
from PyQt5.QtWidgets import QFileDialog
from pytestqt.qtbot import QtBot

from filterlab.gui.widgets.job_card import JobCard


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


def test_picture_map_and_list_are_of_one_frame(ready, until, video) -> None:
    ready.bench.choose([1])
    frames: list[tuple[int, int, bool]] = []

    def look() -> None:
        drawing = ready.drawing
        if drawing is None or drawing.scene is None or drawing.scene.maps is None:
            return
        bright_at = int(drawing.scene.picture[48].mean(axis=-1).argmax())
        column = int(drawing.scene.maps.prob[1, 4].argmax())
        frames.append((bright_at, column, drawing.scene.maps is ready.classes._maps))

    ready.drawer.ready.connect(lambda _: look())
    ready.open_paths([video])
    until(lambda: ready.runs.live and len({c for _, c, _ in frames if c > 0}) > 3)
    ready.cancel()
    until(lambda: not ready.runs.runner.running)
    moving = [f for f in frames if f[1] > 0]
    assert len(moving) > 3
    scale = ready.drawing.scene.picture.shape[1] / 128
    for bright_at, column, same in moving:
        assert abs(bright_at / scale - 8 * column) <= 8, "the map is the picture's own"
        assert same, "and the list is that of the map"


def test_a_video_pauses_and_begins_anew(qtbot: QtBot, ready, until, video) -> None:
    ready.open_paths([video])
    until(lambda: ready.runs.live and ready.bench.shown.source.name == "square.avi")
    seen: list[int] = []
    ready.drawer.ready.connect(
        lambda d: seen.append(int(d.scene.maps.prob[1, 4].argmax())) if d.scene.maps else None
    )
    until(lambda: 12 in seen and 0 in seen[seen.index(12) :])
    card = ready.stage.job
    until(card.isVisible)
    qtbot.mouseClick(card._pause, Qt.LeftButton)
    assert card._pause.text() == "Go on"
    until(lambda: card.text.startswith("paused"))
    still = ready.bench.shown
    seen.clear()
    qtbot.wait(60)
    assert ready.bench.shown is still
    qtbot.mouseClick(card._pause, Qt.LeftButton)
    until(lambda: ready.bench.shown is not still)
    assert ready.cancel()
    until(lambda: not ready.runs.runner.running)
    assert ready.bench.shown.source.name == "square.avi", "its frame stays"
    assert ready.bench.maps is not None
    until(lambda: ready.bench.agreement is not None)  # and is checked as any other picture
    assert "12 windows" in ready.result.meter.text


def test_a_video_is_taken_where_a_picture_is_asked_for(ready, until, video, monkeypatch) -> None:
    asked: list[str] = []

    def choose(window: object, title: str, folder: str, filters: str) -> tuple[str, str]:
        asked.append(filters)
        return str(video), ""

    monkeypatch.setattr(QFileDialog, "getOpenFileName", choose)
    ready.pictures.choose()
    until(lambda: ready.runs.live and ready.bench.shown.source.name == "square.avi")
    assert "*.avi" in asked[0]
    ready.cancel()
    until(lambda: not ready.runs.runner.running)


def test_while_frames_run_it_is_said_when_they_are_checked(ready, until, video) -> None:
    """No line of the result panel is empty, and none speaks of the picture before."""
    until(lambda: ready.bench.agreement is not None)
    assert "12 windows" in ready.result.meter.text
    ready.open_paths([video])
    until(lambda: ready.runs.live and ready.bench.shown.source.name == "square.avi")
    assert ready.result.meter.text == "Checked when it is stopped"
    assert ready.result.meter.isVisible()
    ready.cancel()
    until(lambda: not ready.runs.runner.running and ready.bench.agreement is not None)
    assert "12 windows" in ready.result.meter.text


def test_a_missing_camera_is_said(ready, settled, snapshot) -> None:
    before = snapshot(ready)
    ready.pictures.start_live(77)
    settled(ready)
    assert ready.stage.job.failed
    assert snapshot(ready) == before


def test_before_there_is_a_net_a_video_waits_for_it(tab, until, said, video) -> None:
    """Its first frame stands on the stage, the strip says what to do, and that plays it."""
    tab.open_paths([video])
    until(lambda: tab.settled and tab.bench.shown.source.name == "square.avi")
    assert int(tab.bench.shown.picture[48].mean(axis=-1).argmax()) in range(-2, 8)
    assert tab.bench.undo_name == "Open picture"
    text = "square.avi plays with its map once the net is cast: press Transplant."
    assert said[-1] == ("warning", text)
    tab.models.transplant()
    until(lambda: tab.runs.live and tab.bench.shown.passing and tab.bench.maps is not None)
    assert said[-1] == ("error", ""), "it is over"
    tab.cancel()
    until(lambda: not tab.runs.runner.running)


def test_a_picture_takes_a_waiting_videos_place(tab, until, settled, video) -> None:
    tab.open_paths([video])
    until(lambda: tab.settled and tab.bench.shown.source.name == "square.avi")
    tab.pictures.open_sample("camera")
    settled(tab)
    tab.models.transplant()
    until(lambda: tab.settled and tab.bench.run is not None)
    assert tab.bench.shown.source.sample == "camera"
    assert not tab.bench.shown.passing


def test_of_a_net_that_is_not_here_the_weights_come_first(tab, until, said, video) -> None:
    tab.models.choose("caffenet")
    tab.open_paths([video])
    until(lambda: said and said[-1][0] == "warning")
    assert said[-1][1].endswith("get its weights, then press Transplant.")


@pytest.mark.parametrize("kind", ["missing", "no video"])
def test_before_there_is_a_net_a_bad_video_is_said(tab, settled, snapshot, tmp_path, kind) -> None:
    path = tmp_path / "bad.mp4"
    if kind == "no video":
        path.write_bytes(b"no video at all")
    before = snapshot(tab)
    tab.open_paths([path])
    settled(tab)
    assert tab.stage.job.failed
    wanted = "there is no such file" if kind == "missing" else "is no video that can be read"
    assert wanted in tab.stage.job.text
    assert snapshot(tab) == before
    tab.models.transplant()
    settled(tab)
    assert not tab.runs.live


def test_before_there_is_a_net_a_camera_is_refused(tab, said) -> None:
    tab.pictures.start_camera()
    assert said[-1][0] == "error"
    assert "press Transplant first" in said[-1][1]


# The card


@pytest.fixture
def card(qtbot: QtBot) -> JobCard:
    made = JobCard()
    qtbot.addWidget(made)
    return made


def test_a_short_job_has_no_card(qtbot: QtBot, card, until) -> None:
    card.begin("Heatmap")
    assert not card.isVisible()
    card.end()
    assert not card._timer.isActive()
    card.begin("Denser map")
    card.set_progress("Pass", 0.3, "5 of 16", 3.2)
    until(card.isVisible)
    assert card.text == "Pass   5 of 16"
    assert card.time_left == "About 3 s left"
    card.end()
    assert not card.isVisible()


def test_cancel_and_error_by_their_button(qtbot: QtBot, card) -> None:
    asked: list[str] = []
    card.cancel_requested.connect(lambda: asked.append("cancel"))
    card.begin("Heatmap")
    card._appear()
    qtbot.mouseClick(card._cancel, Qt.LeftButton)
    assert asked == ["cancel"]
    card.show_error("broken.png: cannot be read as a picture; open another one.")
    assert card.isVisible()
    assert card.text.startswith("broken.png")
    qtbot.mouseClick(card._cancel, Qt.LeftButton)
    assert asked == ["cancel"], "closing an error cancels nothing"
    assert not card.isVisible()
    assert not card.dismiss()


def test_a_card_says_what_there_is_room_for(qtbot: QtBot, card) -> None:
    card.begin("Heatmap")
    card.set_progress("classify the windows", 0.9, "window 1480 of 1500", 0.4)
    assert card.text == "window 1480 of 1500"
    assert card.time_left == "Under 1 s left"
    card.set_progress("a step whose long name is all that there is of it", 0.9, "", 1.4)
    assert card.text.startswith("a step")
    card.end()
