"""A file with several frames: the one on show is chosen beside its name, and found again."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from PyQt5.QtCore import Qt
from PyQt5.QtTest import QTest
from PyQt5.QtWidgets import QAction
from pytestqt.qtbot import QtBot

from filterlab.gui import i18n, retranslate
from filterlab.gui.filters.tab import FiltersTab
from filterlab.gui.sessions import Sessions
from filterlab.pictures import write_picture
from filterlab.progress import run_job
from filterlab.workbench.project import Project, read_job, write_job


@pytest.fixture
def frames() -> np.ndarray:
    """Five frames of 40 x 56 pixels in 16 greys, which a GIF keeps exactly; float32, 0 to 1."""
    levels = np.random.default_rng(3).integers(0, 16, (5, 40, 56), np.uint8) * 17
    return levels / np.float32(255)


@pytest.fixture(params=["gif", "tif", "webp", "png"])
def file(request: pytest.FixtureRequest, frames: np.ndarray, tmp_path: Path) -> Path:
    path = tmp_path / f"动画 cells.{request.param}"
    images = [Image.fromarray((frame * 255 + 0.5).astype(np.uint8)) for frame in frames]
    images[0].save(path, save_all=True, append_images=images[1:], lossless=True)
    return path


def shows(tab: FiltersTab, hands: Any, picture: np.ndarray) -> None:
    """The input, and the output computed by hand, are those of a picture."""
    hands.settle()
    np.testing.assert_allclose(tab.bench.picture.grey, picture, atol=1e-6)
    expected = hands.correlate(picture, tab.bench.kernel(0))
    np.testing.assert_allclose(hands.output(0), expected, atol=1e-5)


def test_frames_are_chosen_beside_the_name(
    tab: FiltersTab, hands: Any, file: Path, frames: np.ndarray
) -> None:
    box = tab.stage.frame_box
    assert not box.isVisible(), "the first picture has no frames"
    tab.open_paths([file])
    shows(tab, hands, frames[0])
    assert box.isVisible()
    assert box.text() == "frame 1 of 5"
    QTest.keyClick(box, Qt.Key_Up)
    shows(tab, hands, frames[1])
    assert box.text() == "frame 2 of 5"
    assert "frame 1, counted from 0" in tab.bench.code
    box.selectAll()
    QTest.keyClicks(box, "5")
    shows(tab, hands, frames[1])  # a number is taken when it is done
    QTest.keyClick(box, Qt.Key_Return)
    shows(tab, hands, frames[4])
    # From frame to frame of one file is one step.
    assert tab.undo_text() == "Choose frame"
    tab.undo()
    shows(tab, hands, frames[0])
    assert box.text() == "frame 1 of 5"
    tab.redo()
    shows(tab, hands, frames[4])
    tab.undo()
    tab.undo()
    assert not box.isVisible()


def test_undo_is_the_windows_once_a_frame_is_taken(
    qtbot: QtBot, tab: FiltersTab, hands: Any, file: Path, frames: np.ndarray
) -> None:
    undo = QAction("Undo", tab)
    undo.setShortcut("Ctrl+Z")
    undo.triggered.connect(tab.undo)
    tab.addAction(undo)
    tab.activateWindow()
    tab.open_paths([file])
    hands.settle()
    box = tab.stage.frame_box
    box.setFocus()
    qtbot.keyClick(box, Qt.Key_Up)
    shows(tab, hands, frames[1])
    qtbot.keyClick(box, Qt.Key_Z, Qt.ControlModifier)
    shows(tab, hands, frames[0])
    # What is being typed is the field's own.
    box.selectAll()
    qtbot.keyClicks(box, "4")
    qtbot.keyClick(box, Qt.Key_Z, Qt.ControlModifier)
    assert box.text() == "frame 1 of 5"
    assert tab.undo_text() == "Open picture"


def test_another_picture_has_no_choice(
    tab: FiltersTab, hands: Any, file: Path, tmp_path: Path
) -> None:
    tab.open_paths([file])
    hands.settle()
    write_picture(tmp_path / "plain.png", np.full((30, 30), 0.5, np.float32))
    tab.open_paths([tmp_path / "plain.png"])
    hands.settle()
    assert not tab.stage.frame_box.isVisible()
    assert tab.undo_text() == "Open picture"


def test_a_frame_that_cannot_be_read_is_said_and_not_shown(
    tab: FiltersTab, hands: Any, file: Path, frames: np.ndarray
) -> None:
    tab.open_paths([file])
    hands.settle()
    file.unlink()
    QTest.keyClick(tab.stage.frame_box, Qt.Key_Up)
    shows(tab, hands, frames[0])
    assert "there is no such file" in hands.errors[-1]
    assert tab.stage.frame_box.text() == "frame 1 of 5"


def test_the_session_finds_the_frame_again(
    qtbot: QtBot,
    tab: FiltersTab,
    make_tab: Callable[[], FiltersTab],
    hands: Any,
    file: Path,
    frames: np.ndarray,
    tmp_path: Path,
) -> None:
    tab.open_paths([file])
    hands.settle()
    QTest.keyClick(tab.stage.frame_box, Qt.Key_Up)
    shows(tab, hands, frames[1])
    # Also once an undo has come back to it.
    tab.bench.set_picture(np.zeros((30, 30), np.float32), "other")
    tab.undo()
    assert tab.save_pictures() == {}, "it is in a file: no copy is kept"
    state = json.loads(json.dumps(tab.save_state()))
    other = make_tab()
    other.restore_state(state)
    qtbot.waitUntil(lambda: other.settled and other.bench.picture.title == file.name)
    np.testing.assert_allclose(other.bench.picture.grey, frames[1], atol=1e-6)
    assert other.stage.frame_box.text() == "frame 2 of 5"
    assert other.left_out == []
    kept = Sessions(tmp_path / "kept").claim()
    kept.save({"tabs": {"filters": other.save_state()}}, {})
    assert kept.load()["tabs"]["filters"]["source"]["frame"] == 1
    kept.close()


@pytest.mark.parametrize("frame", [-1, 2.0, "1", None, True])
def test_an_odd_frame_of_a_session_is_the_first(
    qtbot: QtBot, tab: FiltersTab, hands: Any, file: Path, frames: np.ndarray, frame: Any
) -> None:
    tab.restore_state({"source": {"kind": "file", "name": str(file), "frame": frame}})
    qtbot.waitUntil(lambda: tab.settled and tab.bench.picture.title == file.name)
    np.testing.assert_allclose(tab.bench.picture.grey, frames[0], atol=1e-6)


def test_a_session_whose_file_has_fewer_frames_says_so(
    qtbot: QtBot, tab: FiltersTab, hands: Any, file: Path
) -> None:
    tab.restore_state({"source": {"kind": "file", "name": str(file), "frame": 9}})
    qtbot.waitUntil(lambda: tab.settled and bool(tab.bench.picture.title), timeout=15000)
    assert "no frame 10 in it; choose one from 1 to 5" in hands.errors[-1]
    assert tab.bench.picture.origin == ("sample", "chelsea")


def test_a_project_holds_the_frame_itself(
    tab: FiltersTab, hands: Any, file: Path, frames: np.ndarray, tmp_path: Path
) -> None:
    """A project names no file outside itself: it has the frame's pixels, and says which it is."""
    tab.open_paths([file])
    hands.settle()
    QTest.keyClick(tab.stage.frame_box, Qt.Key_Up)
    hands.settle()
    part = tab.project_part()
    project = Project(part.values, None, {"filters": part.picture}, {}, None, part.steps)
    run_job(write_job(project, tmp_path / "p.filterlab"))
    file.unlink()
    read = run_job(read_job(tmp_path / "p.filterlab")).pictures["filters"]
    assert read.name == f"{file.name}, frame 2 of 5"
    np.testing.assert_allclose(read.pixels[..., 0], frames[1], atol=1e-6)


def test_it_is_told_in_chinese(tab: FiltersTab, hands: Any, file: Path) -> None:
    tab.open_paths([file])
    hands.settle()
    retranslate.change_language("zh_CN")
    assert tab.stage.frame_box.text() == i18n.tr("frame {n} of {count}").format(n=1, count=5)
    assert "frame" not in tab.stage.frame_box.text()


@pytest.mark.parametrize(("width", "text"), [(1024, "1/5"), (1280, "frame 1 of 5")])
def test_in_a_narrow_column_it_is_short(
    tab: FiltersTab, hands: Any, file: Path, width: int, text: str
) -> None:
    tab.resize(width, 700)
    tab.open_paths([file])
    hands.settle()
    box = tab.stage.frame_box
    assert box.text() == text
    assert box.width() >= box.sizeHint().width()
    assert tab.stage.notes[0].width() > 60, "the name has room beside it"
