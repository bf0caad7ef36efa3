"""Another theme or text size builds the window anew: nothing of the work is lost by it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from PyQt5.QtWidgets import QApplication

from filterlab.gui import theme
from filterlab.gui.app import Desk
from filterlab.gui.settings import Settings


@pytest.fixture
def desk(qapp: QApplication, tmp_path: Path, until: Callable[..., None]) -> Iterator[Desk]:
    """With an edited kernel, and a model that is chosen."""
    made = Desk(qapp, Settings(tmp_path / "data"))
    window = made.window
    window.show()
    filters = window.show_tab("filters")
    until(lambda: filters.settled and filters.bench.picture.title)
    filters.bench.set_cell(0, 1, 1, 0.5)
    heatmap = window.show_tab("heatmap")
    heatmap.models.choose("pocket")
    until(lambda: heatmap.settled and heatmap.bench.shown is not None)
    yield made
    made.window.close()
    made.window.deleteLater()
    made.close()


@pytest.fixture
def cast(desk: Desk, until: Callable[..., None]) -> Desk:
    """The same with the model transplanted and its map on show."""
    heatmap = desk.window.tab("heatmap")
    heatmap.models.transplant()
    until(lambda: heatmap.settled and heatmap.bench.run is not None)
    return desk


@pytest.fixture
def video(tmp_path: Path) -> str:
    """Far more frames than a test looks at."""
    path = str(tmp_path / "video.avi")
    writer = cv2.VideoWriter(path, cv2.VideoWriter_fourcc(*"MJPG"), 30, (64, 48))
    for number in range(2000):
        writer.write(np.full((48, 64, 3), number % 200, np.uint8))
    writer.release()
    return path


def _dark(desk: Desk, until: Callable[..., None]) -> None:
    old = desk.window
    old.set_theme("dark")
    until(lambda: desk.window is not old)
    assert theme.current().name == "dark"


def test_work_and_its_history_stay(cast: Desk, until: Callable[..., None]) -> None:
    desk, window = cast, cast.window
    net = window.show_tab("net")
    until(lambda: net.settled and net.study.bench is not None, timeout=60_000)
    net.study.operate("zero")
    until(lambda: net.settled, timeout=60_000)
    window.show_warning("Something to read.")
    benches = [window.tab("filters").bench, window.tab("net").study.bench]
    steps = [(tab.undo_text(), len(tab.bench.journal)) for tab in window.tabs if tab.name != "net"]
    names = [tab.undo_text() for tab in window.tabs]
    view = window.tab("net").study.session()
    _dark(desk, until)
    window = desk.window
    assert window.current_tab is window.tab("net")
    assert [window.tab("filters").bench, window.tab("net").study.bench] == benches
    assert [tab.undo_text() for tab in window.tabs] == names
    assert all(names)
    assert steps == [
        (tab.undo_text(), len(tab.bench.journal)) for tab in window.tabs if tab.name != "net"
    ]
    assert window.tab("net").study.session() == view
    assert (window.strip.text, window.strip.level) == ("Something to read.", "warning")
    window.tab("net").undo()
    until(lambda: all(tab.settled for tab in window.tabs), timeout=60_000)
    assert window.tab("net").undo_text() == ""
    assert window.tab("net").study.session()["edits"] == []


def test_a_map_that_is_computed_is_computed(cast: Desk, until: Callable[..., None]) -> None:
    desk, heatmap = cast, cast.window.tab("heatmap")
    heatmap.bench.set_cells(30)
    assert heatmap.runs.busy
    _dark(desk, until)
    heatmap = desk.window.tab("heatmap")
    until(lambda: heatmap.settled, timeout=60_000)
    assert max(heatmap.bench.run.plan.cells) >= 29


def test_a_cast_that_runs_goes_on(desk: Desk, until: Callable[..., None]) -> None:
    heatmap = desk.window.tab("heatmap")
    heatmap.models.transplant()
    assert heatmap.runs.busy
    _dark(desk, until)
    heatmap = desk.window.tab("heatmap")
    until(lambda: heatmap.settled and heatmap.bench.transplanted is not None, timeout=60_000)


def test_cameras_go_on(desk: Desk, until: Callable[..., None], video: str) -> None:
    filters = desk.window.show_tab("filters")
    filters.camera.source = video
    filters.panel_.camera_button.click()
    until(lambda: filters.bench.picture.passing)
    _dark(desk, until)
    filters = desk.window.tab("filters")
    assert filters.panel_.camera_button.isChecked()
    frames: list[object] = []
    filters.camera.frame.connect(frames.append)
    until(lambda: len(frames) > 1)
    assert filters.bench.undo_name == "Set cell"
    filters.panel_.camera_button.click()


def test_a_video_of_the_heatmap_goes_on(cast: Desk, until: Callable[..., None], video: str) -> None:
    desk, heatmap = cast, cast.window.tab("heatmap")
    heatmap.pictures.start_live(video)
    until(lambda: heatmap.runs.live and heatmap.bench.shown.passing)
    _dark(desk, until)
    heatmap = desk.window.tab("heatmap")
    until(lambda: heatmap.runs.live)
    heatmap.cancel()
    until(lambda: not heatmap.runs.runner.running)


def test_a_video_given_at_the_start_waits_for_a_net(
    qapp: QApplication, tmp_path: Path, until: Callable[..., None], video: str
) -> None:
    """It is said until the net is there, through the sample's opening and another theme."""
    desk = Desk(qapp, Settings(tmp_path / "data"), window=False)
    desk.open(video)
    heatmap = desk.window.tab("heatmap")
    assert desk.window.current_tab is heatmap
    until(lambda: heatmap.settled and heatmap.bench.shown is not None)
    assert heatmap.bench.shown.source.name == "video.avi"
    assert "press Transplant" in desk.window.strip.text
    assert desk.window.strip.level == "warning"
    _dark(desk, until)
    heatmap = desk.window.tab("heatmap")
    assert "press Transplant" in desk.window.strip.text
    heatmap.models.transplant()
    until(lambda: heatmap.runs.live and heatmap.bench.shown.passing, timeout=60_000)
    assert desk.window.strip.text == ""
    heatmap.cancel()
    until(lambda: not heatmap.runs.runner.running)
    desk.window.close()
    desk.close()


def _on_show(video_tab: Any) -> int:
    """The number of the frame on show: its grey, but for JPEG's loss."""
    return round(float(video_tab.bench.shown.picture.mean()) * 255)


def test_a_video_goes_on_where_it_was(cast: Desk, until: Callable[..., None], video: str) -> None:
    desk, heatmap = cast, cast.window.tab("heatmap")
    heatmap.pictures.start_live(video)
    until(lambda: heatmap.runs.live and heatmap.bench.shown.passing and _on_show(heatmap) > 20)
    _dark(desk, until)
    heatmap = desk.window.tab("heatmap")
    before = _on_show(heatmap)
    assert before > 20
    seen: list[int] = []
    heatmap.drawer.ready.connect(lambda _: seen.append(_on_show(heatmap)))
    still = heatmap.bench.shown
    until(lambda: heatmap.bench.shown is not still)
    assert _on_show(heatmap) >= before - 1, "it has not begun anew"
    card = heatmap.stage.job
    until(card.isVisible)
    card._pause.click()
    until(lambda: card.text.startswith("paused"))
    paused = heatmap.bench.shown
    _dark_to_light(desk, until)
    heatmap = desk.window.tab("heatmap")
    card = heatmap.stage.job
    until(lambda: card.isVisible() and card.text.startswith("paused"))
    assert heatmap.bench.shown is paused
    assert card._pause.text() == "Go on"
    card._pause.click()
    until(lambda: heatmap.bench.shown is not paused)
    assert _on_show(heatmap) >= before - 1
    heatmap.cancel()
    until(lambda: not heatmap.runs.runner.running)


def _dark_to_light(desk: Desk, until: Callable[..., None]) -> None:
    old = desk.window
    old.set_theme("light")
    until(lambda: desk.window is not old)


@pytest.mark.parametrize("kind", ["help", "about"])
def test_help_stays_open(desk: Desk, until: Callable[..., None], kind: str) -> None:
    window = desk.window
    window.show_help() if kind == "help" else window._show_about()
    window._help.resize(432, 321)
    text = window._help._text.toPlainText()
    _dark(desk, until)
    assert desk.window._help.isVisible()
    assert desk.window._help is not window._help
    assert desk.window._help._text.toPlainText() == text
    assert (desk.window._help.width(), desk.window._help.height()) == (432, 321)
    desk.window._help.close()
    _dark_to_light(desk, until)
    assert desk.window._help is None, "one that was closed stays so"


def test_windows_of_the_heatmap_stay_open(cast: Desk, until: Callable[..., None]) -> None:
    desk, heatmap = cast, cast.window.tab("heatmap")
    heatmap.models.show_diff()
    heatmap.models.diff.resize(501, 402)
    diff = heatmap.models.diff.text.toPlainText()
    heatmap.experiments.compare_sliding()
    until(lambda: heatmap.experiments.sliding is not None and heatmap.settled, timeout=60_000)
    heatmap.experiments.show_features()
    until(lambda: heatmap.experiments.features is not None, timeout=60_000)
    features = heatmap.experiments.features
    until(lambda: features.found is not None and heatmap.settled, timeout=60_000)
    slid, found = heatmap.experiments.sliding.result_, features.found
    _dark(desk, until)
    heatmap = desk.window.tab("heatmap")
    assert heatmap.models.diff.isVisible()
    assert (heatmap.models.diff.width(), heatmap.models.diff.height()) == (501, 402)
    assert heatmap.models.diff.text.toPlainText() == diff
    assert heatmap.experiments.sliding.isVisible()
    assert heatmap.experiments.sliding.result_ is slid, "it is not timed anew"
    assert heatmap.experiments.features.isVisible()
    assert heatmap.experiments.features.found is found
    heatmap.models.diff.close()
    heatmap.experiments.sliding.close()
    heatmap.experiments.features.close()
    _dark_to_light(desk, until)
    heatmap = desk.window.tab("heatmap")
    assert heatmap.models.diff is None
    assert heatmap.experiments.sliding is None
    assert heatmap.experiments.features is None


def test_windows_of_the_net_stay_open(cast: Desk, until: Callable[..., None]) -> None:
    desk = cast
    net = desk.window.show_tab("net")
    until(lambda: net.settled and net.study.wanted is not None, timeout=60_000)
    net.study.look_at_layer("conv1")
    net.windows.show_before_after()
    net.windows.before_after.changed_box.setChecked(True)
    net.windows.show_ranking()
    net.windows.ranking.resize(701, 444)
    net.windows.show_why()
    ranking, why = net.windows.ranking, net.windows.why
    until(lambda: not ranking.runner.running and not why.runner.running, timeout=60_000)
    until(lambda: net.settled and net.windows.before_after.model is not None, timeout=60_000)
    ranking.first.setValue(4)
    rows = net.windows.before_after.model.rowCount()
    _dark(desk, until)
    net = desk.window.tab("net")
    windows = net.windows
    assert windows.ranking is not ranking
    assert windows.ranking.isVisible()
    assert (windows.ranking.width(), windows.ranking.height()) == (701, 444)
    assert windows.ranking.model.ranking is ranking.model.ranking
    assert windows.ranking.first.value() == 4
    assert windows.why.isVisible()
    assert windows.why.shown is why.shown
    assert not windows.ranking.runner.running
    assert not windows.why.runner.running, "nothing is asked anew"
    until(lambda: windows.before_after.model is not None)
    assert windows.before_after.model.rowCount() == rows
    windows.ranking.select(0)
    assert net.study.units == tuple(windows.ranking.model.units(0)), "it works on this tab's study"
    until(lambda: net.settled, timeout=60_000)
    for window in (windows.ranking, windows.why, windows.before_after):
        window.close()
    _dark_to_light(desk, until)
    windows = desk.window.tab("net").windows
    assert (windows.before_after, windows.ranking, windows.why) == (None, None, None)
    until(lambda: desk.window.tab("net").settled, timeout=60_000)
