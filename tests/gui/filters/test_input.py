"""Pictures that come in: samples, patterns, files, the clipboard, the brush, the camera."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from PyQt5.QtCore import QEvent, QMimeData, QPoint, QPointF, QRectF, Qt, QUrl
from PyQt5.QtGui import QDropEvent, QImage, QMouseEvent
from PyQt5.QtWidgets import QApplication, QFileDialog
from pytestqt.qtbot import QtBot

from filterlab.gui import retranslate
from filterlab.gui.filters.tab import FiltersTab
from filterlab.gui.main_window import MainWindow
from filterlab.gui.settings import Settings
from filterlab.pictures import grey_of, pattern, sample, write_picture
from filterlab.pictures.camera import Camera
from filterlab.workbench.lessons import Start


def test_samples_and_patterns_are_in_the_menu(tab: FiltersTab, hands: Any) -> None:
    menu = tab.panel_.sample_button.menu()
    by_text = {action.text(): action for action in menu.actions() if action.text()}
    by_text["Coins"].trigger()
    hands.settle()
    np.testing.assert_array_equal(tab.bench.picture.grey, grey_of(sample("coins")))
    assert tab.undo_text() == "Open picture"
    by_text["Zone plate"].trigger()
    hands.settle()
    np.testing.assert_array_equal(tab.bench.picture.pixels, pattern("zone plate"))
    assert tab.stage.titles[0].text() == "Input  480 × 360"
    tab.undo()
    tab.undo()
    assert tab.bench.picture.title == "noise"


def test_a_lessons_sample_has_its_title_in_the_language_in_use(
    tab: FiltersTab, hands: Any, tmp_path: Path
) -> None:
    """Also where it was drawn on, as a step before the input, and after a restart."""
    tab.start_lesson(Start(sample="brick"), None)
    hands.settle()
    assert tab.stage.notes[0].text() == "Brick wall"
    retranslate.change_language("zh_CN")
    try:
        assert tab.stage.notes[0].text() == "砖墙"
        kept = tab.save_state()
        assert kept["source"] == {"kind": "sample", "name": "brick"}
        tab.bench.draw_on_picture(20, 20, 4, 1.0)
        hands.settle()
        assert tab.stage.notes[0].text() == "砖墙"
        tab.apply_and_go_on()
        hands.settle()
        assert tab.stage.notes[0].text() == "砖墙"
        assert tab.actions_.steps_menu.actions()[0].text() == "砖墙"
        tab.restore_state(kept)
        hands.settle()
        assert tab.stage.notes[0].text() == "砖墙"
    finally:
        retranslate.change_language("en")
    assert tab.stage.notes[0].text() == "Brick wall"


def test_the_tab_starts_with_a_sample(qtbot: QtBot, tmp_path: Path) -> None:
    tab = FiltersTab(Settings(tmp_path))
    qtbot.addWidget(tab)
    tab.show()
    tab.activated()
    qtbot.waitUntil(lambda: tab.settled and tab.stage.frame is not None, timeout=15000)
    assert tab.bench.picture.colour
    assert tab.undo_text() == "", "the start is no edit"
    tab.shutdown()


def test_a_file_is_opened(
    tab: FiltersTab, hands: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "图片.png"
    pixels = np.random.default_rng(0).random((21, 33, 3), dtype=np.float32)
    write_picture(file, pixels)
    opened: list[str] = []
    tab.opened.connect(opened.append)
    monkeypatch.setattr(QFileDialog, "getOpenFileName", lambda *_: (str(file), ""))
    tab.panel_.open_button.click()
    hands.settle()
    np.testing.assert_allclose(tab.bench.picture.pixels, pixels, atol=1 / 255)
    assert opened == [str(file)]
    assert tab.stage.notes[0].text() == "图片.png"


BAD_PICTURES = ("bomb.png", "truncated.png", "text.jpg", "empty.jpg", "pickled.npy")
BAD_KERNELS = ("ragged.csv", "words.csv", "nan.csv", "even.csv", "pickled.npy")
GOOD_KERNELS = ("imagej.txt", "tabs.txt", "gmic.txt")


def drop(window: MainWindow, path: Path) -> None:
    mime = QMimeData()
    mime.setUrls([QUrl.fromLocalFile(str(path))])
    window.dropEvent(
        QDropEvent(QPoint(200, 200), Qt.CopyAction, mime, Qt.LeftButton, Qt.NoModifier)
    )


@pytest.fixture
def window(qtbot: QtBot, tmp_path: Path, picture: np.ndarray) -> Any:
    window = MainWindow(Settings(tmp_path / "s"), [FiltersTab])
    qtbot.addWidget(window)
    tab: Any = window.tab("filters")
    tab.bench.show_frame(picture, "noise")
    window.show()
    qtbot.waitUntil(lambda: tab.settled and tab.stage.frame is not None, timeout=15000)
    yield window
    window.shutdown()


@pytest.mark.parametrize("how", ["open", "drop", "paste"])
@pytest.mark.parametrize("name", BAD_PICTURES)
def test_a_bad_picture_is_refused_in_a_sentence(
    qtbot: QtBot, window: Any, shared: Path, name: str, how: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    tab = window.tab("filters")
    before, path = tab.bench.state, shared / "bad_inputs" / name
    if how == "open":
        monkeypatch.setattr(QFileDialog, "getOpenFileName", lambda *_: (str(path), ""))
        tab.panel_.open_button.click()
    elif how == "drop":
        drop(window, path)
    else:
        mime = QMimeData()
        mime.setUrls([QUrl.fromLocalFile(str(path))])
        QApplication.clipboard().setMimeData(mime)
        tab.actions_.paste.trigger()
    qtbot.waitUntil(lambda: tab.settled and window.strip.text != "", timeout=15000)
    assert window.strip.level == "error"
    assert name in window.strip.text
    assert "\n" not in window.strip.text
    assert tab.bench.state is before
    tab.editors[0].presets.choose("box")
    qtbot.waitUntil(lambda: tab.settled, timeout=15000)
    assert tab.stage.frame.outputs.revision == tab.bench.revision, "the window lives on"


@pytest.mark.parametrize("how", ["open", "drop", "paste"])
@pytest.mark.parametrize("name", BAD_KERNELS)
def test_a_bad_kernel_is_refused_in_a_sentence(
    qtbot: QtBot, window: Any, shared: Path, name: str, how: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    tab = window.tab("filters")
    before, path = tab.bench.state, shared / "bad_inputs" / name
    if how == "open":
        monkeypatch.setattr(QFileDialog, "getOpenFileName", lambda *_: (str(path), ""))
        tab.actions_.open_kernel.trigger()
    elif how == "drop":
        drop(window, path)
    elif path.suffix == ".npy":
        QApplication.clipboard().setText(path.read_bytes().decode("latin-1"))
        tab.actions_.paste.trigger()
    else:
        QApplication.clipboard().setText(path.read_text())
        tab.actions_.paste.trigger()
    assert window.strip.level == "error"
    assert window.strip.text
    assert "\n" not in window.strip.text
    assert tab.bench.state is before
    assert tab.undo_text() == ""


@pytest.mark.parametrize("name", GOOD_KERNELS)
def test_good_kernel_files_are_dropped(window: Any, shared: Path, name: str) -> None:
    tab = window.tab("filters")
    before = tab.bench.filter(0).copy()
    drop(window, shared / "bad_inputs" / name)
    assert window.strip.text == ""
    assert not np.array_equal(tab.bench.filter(0), before)
    assert window.undo_action.text() == "&Undo Open kernel"
    window.undo_action.trigger()
    np.testing.assert_array_equal(tab.bench.filter(0), before)


def test_a_picture_too_small_for_the_kernel_is_refused(
    tab: FiltersTab, hands: Any, tmp_path: Path
) -> None:
    write_picture(tmp_path / "tiny.png", np.zeros((3, 9), np.float32))
    before = tab.bench.state
    tab.open_paths([tmp_path / "tiny.png"])
    hands.settle()
    assert len(hands.errors) == 1
    assert tab.bench.state is before


def test_a_picture_is_pasted(tab: FiltersTab, hands: Any) -> None:
    image = QImage(31, 20, QImage.Format_RGB32)
    image.fill(0xFF0000FF)
    image.setPixel(4, 7, 0xFFFF8000)
    QApplication.clipboard().setImage(image)
    tab.actions_.paste.trigger()
    hands.settle()
    pixels = tab.bench.picture.pixels
    assert pixels.shape == (20, 31, 3)
    np.testing.assert_allclose(pixels[7, 4], [1, 128 / 255, 0], atol=1e-6)
    np.testing.assert_array_equal(pixels[0, 0], [0, 0, 1])
    assert tab.undo_text() == "Open picture"


def test_a_stroke_on_the_input_is_one_step(tab: FiltersTab, hands: Any) -> None:
    before = tab.bench.picture.pixels.copy()
    tab.panel_.draw_button.click()
    assert tab.panel_.radius.isVisible()
    tab.panel_.radius.setValue(1.5)
    tab.panel_.brush.setValue(1.0)
    hands.stroke(tab.stage.views[0], [(10.5, 20.5), (30.5, 20.5), (40.5, 20.5)])
    drawn = tab.bench.picture.pixels
    assert (drawn[20, 10:41] == 1).all()
    np.testing.assert_array_equal(drawn[:18], before[:18])
    assert tab.undo_text() == "Draw on picture"
    expected = hands.correlate(drawn, tab.bench.kernel(0))
    np.testing.assert_allclose(hands.output(0), expected, atol=1e-5)
    tab.undo()
    np.testing.assert_array_equal(tab.bench.picture.pixels, before)
    assert tab.undo_text() == ""
    assert tab.cancel(), "Esc puts the brush away"
    assert not tab.panel_.draw_button.isChecked()


def test_pages_turn_through_a_folder(tab: FiltersTab, hands: Any, tmp_path: Path) -> None:
    for name, value in (("b.png", 0.5), ("a.png", 0.25), ("c.png", 0.75)):
        write_picture(tmp_path / name, np.full((12, 12), value, np.float32))
    tab.open_paths([tmp_path / "b.png"])
    hands.settle()
    for action, name in (
        (tab.actions_.next_picture, "c.png"),
        (tab.actions_.next_picture, "a.png"),
        (tab.actions_.previous_picture, "c.png"),
    ):
        action.trigger()
        hands.settle()
        assert tab.bench.picture.title == name


def test_a_session_whose_picture_is_gone_still_shows_one(
    tab: FiltersTab, hands: Any, tmp_path: Path
) -> None:
    state = tab.save_state()
    state["source"] = {"kind": "file", "name": str(tmp_path / "gone.png")}
    tab.restore_state(state)
    hands.settle()
    hands.qtbot.waitUntil(lambda: tab.settled and tab.bench.picture.colour, timeout=15000)
    assert "gone.png" in hands.errors[0]


@pytest.fixture
def video(tmp_path: Path) -> Path:
    """Thirty frames whose grey grows."""
    path = tmp_path / "video.avi"
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter_fourcc(*"MJPG"), 60, (64, 48))
    if not writer.isOpened():
        pytest.skip("this OpenCV writes no video")
    for number in range(30):
        writer.write(np.full((48, 64, 3), 8 * number, np.uint8))
    writer.release()
    return path


def test_the_camera_feeds_the_input_until_it_ends(
    qtbot: QtBot, tab: FiltersTab, hands: Any, video: Path
) -> None:
    tab.camera.source = str(video)
    frames: list[float] = []
    tab.camera.frame.connect(lambda pixels: frames.append(float(pixels.mean())))
    tab.panel_.camera_button.click()
    qtbot.waitUntil(lambda: not tab.panel_.camera_button.isChecked(), timeout=20000)
    hands.settle()
    assert len(frames) >= 2
    assert frames == sorted(frames), "never an older frame after a newer one"
    assert tab.bench.picture.pixels.shape == (48, 64, 3)
    assert tab.bench.picture.pixels.mean() == pytest.approx(frames[-1], abs=1e-6)
    assert tab.undo_text() == "", "frames are no edits"
    assert hands.errors == []


def test_kernels_can_be_edited_while_the_camera_runs(
    qtbot: QtBot, tab: FiltersTab, hands: Any, video: Path
) -> None:
    tab.camera.source = str(video)
    tab.panel_.camera_button.click()
    qtbot.waitUntil(lambda: tab.bench.picture.width == 64, timeout=20000)
    hands.drag(tab.editors[0].grid, [(0, 0), (0, 4)])
    assert tab.undo_text() == "Paint"
    tab.undo()
    assert tab.undo_text() == ""
    tab.deactivated()
    assert not tab.camera.running


class SlowCamera:
    """The camera, opened as slowly as a real one; knows all that are open."""

    def __init__(self) -> None:
        self.asked, self.may_open = threading.Event(), threading.Event()
        self.open: list[Camera] = []

    def __call__(self, source: Any) -> Camera:
        self.asked.set()
        assert self.may_open.wait(20)
        self.open.append(Camera(source))
        return self.open[-1]

    @property
    def reading(self) -> int:
        return sum(camera._thread.is_alive() for camera in self.open)


@pytest.fixture
def slow(tab: FiltersTab, video: Path, monkeypatch: pytest.MonkeyPatch) -> SlowCamera:
    made = SlowCamera()
    tab.camera.source = str(video)
    monkeypatch.setattr("filterlab.pictures.camera.Camera", made)
    return made


def test_a_camera_is_released_when_the_window_closes_while_it_opens(
    qtbot: QtBot, tab: FiltersTab, slow: SlowCamera
) -> None:
    tab.panel_.camera_button.click()
    assert slow.asked.wait(20)
    threading.Timer(0.05, slow.may_open.set).start()
    tab.shutdown()
    assert len(slow.open) == 1
    assert slow.reading == 0


def test_on_off_on_opens_the_camera_once_at_a_time(
    qtbot: QtBot, tab: FiltersTab, hands: Any, slow: SlowCamera
) -> None:
    for _ in range(3):
        tab.panel_.camera_button.click()
    slow.may_open.set()
    qtbot.waitUntil(lambda: tab.bench.picture.width == 64, timeout=20000)
    assert slow.reading <= 1, "the first one was dropped while it opened"
    tab.panel_.camera_button.click()
    qtbot.waitUntil(lambda: slow.reading == 0, timeout=5000)
    assert hands.errors == []


def test_a_missing_camera_is_said(qtbot: QtBot, tab: FiltersTab, hands: Any) -> None:
    tab.camera.source = 97
    tab.panel_.camera_button.click()
    qtbot.waitUntil(lambda: not tab.panel_.camera_button.isChecked(), timeout=20000)
    assert len(hands.errors) == 1
    assert "camera" in hands.errors[0]
    assert tab.bench.picture.title == "noise"


def test_a_large_picture_has_a_preview_at_once_and_the_full_result_behind(
    qtbot: QtBot, tab: FiltersTab, hands: Any
) -> None:
    big = np.random.default_rng(5).random((1500, 2000), dtype=np.float32)
    steps: list[int] = []
    titles: list[str] = []
    tab.live.ready.connect(lambda frame: steps.append(frame.outputs.step))
    tab.live.ready.connect(lambda frame: titles.append(tab.stage.titles[1].text()))
    tab.full.done.connect(lambda frame: steps.append(frame.outputs.step))
    tab.set_picture(big, "big")
    hands.settle(60000)
    assert steps[0] > 1, "a preview first"
    assert steps[-1] == 1, "then every pixel"
    assert "preview" in titles[0]
    assert "preview" not in tab.stage.titles[1].text()
    output = hands.output(0)
    assert output.shape == (1496, 1996)
    part = hands.correlate(big[700:760, 900:980], tab.bench.kernel(0))
    np.testing.assert_allclose(output[700:756, 900:976], part, atol=1e-5)
    shown = tab.stage.views[1].picture.image
    assert shown.shape[0] < 1000, "the screen gets no more pixels than it has"
    tab.stage.views[1].set_view_rect(tab.stage.views[1].extent.adjusted(900, 700, -1080, -780))
    tab.stage.rasters[1]._show_part()
    closer = tab.stage.views[1].picture
    assert closer.transform().m11() == 1, "zoomed in, every pixel is there"


def test_a_stroke_on_a_large_picture_is_drawn_behind_the_window(
    tab: FiltersTab, hands: Any
) -> None:
    big = np.full((1500, 2000), 0.25, np.float32)
    tab.set_picture(big, "big")
    hands.settle(60000)
    tab.panel_.draw_button.click()
    tab.panel_.brush.setValue(1.0)
    tab.panel_.radius.setValue(10)
    hands.stroke(tab.stage.views[0], [(300, 700), (900, 700), (1500, 700)])
    assert tab.bench.picture.pixels[700, 900] == 0.25, "the hand is not held up"
    hands.settle(60000)
    drawn = tab.bench.picture.pixels
    assert (drawn[700, 310:1490] == 1).all()
    assert (drawn[:680] == 0.25).all()
    assert tab.undo_text() == "Draw on picture"
    tab.undo()
    np.testing.assert_array_equal(tab.bench.picture.pixels, big)


def disc(shape: tuple[int, int], start: float, end: float, row: float, radius: float) -> np.ndarray:
    """The pixels whose middles lie that near a level line from column to column."""
    y, x = np.indices(shape)
    return np.hypot(y - row, x - np.clip(x, start, end)) < radius


@pytest.mark.parametrize("height", [40, 1500])
def test_a_stroke_begins_in_the_middle_of_the_pixel_under_the_hand(
    tab: FiltersTab, hands: Any, height: int
) -> None:
    """Also on a picture that is drawn on when the stroke is done."""
    before = np.full((height, height * 4 // 3), 0.25, np.float32)
    tab.set_picture(before, "grey")
    hands.settle(60000)
    tab.panel_.draw_button.click()
    tab.panel_.brush.setValue(1.0)
    tab.panel_.radius.setValue(1.75)
    view = tab.stage.views[0]
    view.set_view_rect(QRectF(4, 14, 16, 12))
    for ends in ([10, 14], [10]):
        hands.stroke(view, [(column + 0.5, 20.5) for column in ends])
        hands.settle(60000)
        expected = np.where(disc(before.shape, ends[0], ends[-1], 20, 1.75), 1, before)
        np.testing.assert_array_equal(tab.bench.picture.pixels, expected.astype(np.float32))
        tab.undo()


def test_the_line_under_the_hand_lies_where_the_stroke_will(tab: FiltersTab, hands: Any) -> None:
    big = np.full((1500, 2000), 0.25, np.float32)
    tab.set_picture(big, "big")
    hands.settle(60000)
    tab.panel_.draw_button.click()
    tab.panel_.brush.setValue(1.0)
    tab.panel_.radius.setValue(2)
    view = tab.stage.views[0]
    view.set_view_rect(QRectF(4, 14, 16, 12))
    at = [view.to_widget(column + 0.5, 20.5).toPoint() for column in (9, 14)]
    hands.qtbot.mousePress(view.viewport(), Qt.LeftButton, pos=at[0])
    move = QMouseEvent(QEvent.MouseMove, QPointF(at[1]), Qt.NoButton, Qt.LeftButton, Qt.NoModifier)
    QApplication.sendEvent(view.viewport(), move)
    image = view.grab().toImage()
    ratio = image.devicePixelRatio()

    def white(x: float, y: float) -> bool:
        place = view.to_widget(x, y)
        pixel = image.pixelColor(int(place.x() * ratio), int(place.y() * ratio))
        return pixel.lightness() > 200

    across = [x for x in np.arange(4.05, 20, 0.1) if white(x, 20.9)]
    down = [y for y in np.arange(14.05, 26, 0.1) if white(11, y)]
    half = np.sqrt(4 - 0.4**2)
    assert (across[0], across[-1]) == pytest.approx((9.5 - half, 14.5 + half), abs=0.2)
    assert (down[0], down[-1]) == pytest.approx((18.5, 22.5), abs=0.2)
    hands.qtbot.mouseRelease(view.viewport(), Qt.LeftButton, pos=at[1])
    hands.settle(60000)
