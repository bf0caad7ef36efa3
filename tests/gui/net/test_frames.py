"""The frame of an animation, the page of a TIFF: chosen in the bar, asked about, found again."""

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
from pytestqt.qtbot import QtBot

from filterlab.gui.net.tab import NetTab
from filterlab.gui.settings import Settings
from filterlab.pictures import read_picture


@pytest.fixture(params=["gif", "tif", "webp", "png"])
def file(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    path = tmp_path / f"cells.{request.param}"
    levels = np.random.default_rng(5).integers(0, 16, (3, 40, 48), np.uint8) * 17
    images = [Image.fromarray(level) for level in levels]
    images[0].save(path, save_all=True, append_images=images[1:], lossless=True)
    return path


@pytest.fixture
def opened(tab: NetTab, file: Path, until: Callable[..., None]) -> NetTab:
    """The tab with the file's first frame."""
    assert not tab.bar.frame_box.isVisible()
    tab.open_paths([file])
    until(lambda: tab.settled and tab.study.shown.source.path)
    return tab


def asked_about(tab: NetTab, picture: np.ndarray) -> bool:
    """Whether the picture on show, and what the net answers of, are this one."""
    np.testing.assert_array_equal(tab.study.shown.picture, picture)
    bench = tab.study.bench
    before = [(row.index, row.after) for row in tab.study.scores()]
    bench.show(picture)
    tab.study.accept(bench_found(tab))
    return before == [(row.index, row.after) for row in tab.study.scores()]


def bench_found(tab: NetTab) -> Any:
    from filterlab.progress import run_job

    return run_job(tab.study.found_job())


def test_a_frame_is_chosen_and_asked_about(
    opened: NetTab, file: Path, until: Callable[..., None]
) -> None:
    box = opened.bar.frame_box
    assert box.isVisible()
    assert box.text() in ("frame 1 of 3", "1/3")
    assert asked_about(opened, read_picture(file))
    for frame in (1, 2):
        QTest.keyClick(box, Qt.Key_Up)
        until(lambda n=frame: opened.settled and opened.study.shown.source.frame == n)
        assert asked_about(opened, read_picture(file, frame=frame))
        assert box.value() == frame + 1
    opened.open_picture(type(opened.study.shown.source)(sample="chelsea"))
    until(lambda: opened.settled and opened.study.shown.source.sample == "chelsea")
    assert not box.isVisible()


def test_a_frame_that_is_gone_leaves_the_one_on_show(
    opened: NetTab, file: Path, until: Callable[..., None]
) -> None:
    said: list[str] = []
    opened.message.connect(lambda text, level: said.append(text))
    file.unlink()
    QTest.keyClick(opened.bar.frame_box, Qt.Key_Up)
    until(lambda: any("cannot be read" in text for text in said))
    until(lambda: opened.settled)
    assert opened.study.shown.source.frame == 0
    assert opened.bar.frame_box.value() == 1


def test_session_and_project_have_the_frame(
    qtbot: QtBot, opened: NetTab, file: Path, until: Callable[..., None]
) -> None:
    QTest.keyClick(opened.bar.frame_box, Qt.Key_Up)
    until(lambda: opened.settled and opened.study.shown.source.frame == 1)
    part = opened.project_part()
    assert part.values is not None
    assert part.picture is not None
    assert "frame" not in part.values
    assert part.picture.name == f"{file.name}, frame 2 of 3"
    state = json.loads(json.dumps(opened.save_state()))
    again = NetTab(Settings())
    qtbot.addWidget(again)
    again.resize(1200, 720)
    again.show()
    again.restore_state(state)
    until(lambda: again.settled and again.study.bench is not None)
    np.testing.assert_array_equal(again.study.shown.picture, read_picture(file, frame=1))
    assert again.bar.frame_box.value() == 2
    again.shutdown()


@pytest.mark.parametrize("frame", [-1, True, "2", None, 99])
def test_a_frame_that_is_none_is_passed_over(
    qtbot: QtBot, opened: NetTab, until: Callable[..., None], frame: object
) -> None:
    """The file's first stands for one that can be none, the sample for one that is not there."""
    again = NetTab(Settings())
    qtbot.addWidget(again)
    again.show()
    again.restore_state({**opened.save_state(), "frame": frame})
    until(lambda: again.settled and again.study.bench is not None)
    assert again.study.shown.source.frame == 0
    assert again.study.shown.source.sample == ("chelsea" if frame == 99 else "")
    again.shutdown()


@pytest.mark.parametrize("width", [1024, 1280, 1600])
def test_there_is_room_for_it(opened: NetTab, until: Callable[..., None], width: int) -> None:
    opened.resize(width, 640)
    bar = opened.bar
    until(lambda: opened.settled and bar.edits.width() > 80)
    assert bar.frame_box.text() == ("1/3" if width == 1024 else "frame 1 of 3")
    assert bar.save_button.geometry().right() < bar.width()
    assert bar.frame_box.width() >= bar.frame_box.sizeHint().width()
