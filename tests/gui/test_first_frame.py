"""The window shows its first frame before the rest of it is there."""

from __future__ import annotations

import gc
import os
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import pytest
from PyQt5.QtGui import QPaintEvent, QResizeEvent
from PyQt5.QtWidgets import QApplication, QWidget

from filterlab.gui import app, theme
from filterlab.gui.app import Desk
from filterlab.gui.filters.tab import FiltersTab
from filterlab.gui.i18n import tr
from filterlab.gui.main_window import MainWindow
from filterlab.gui.tabs import TABS, TITLES
from filterlab.gui.widgets.picture_view import PictureView

#: What takes long to import, and no first frame of the Filters tab needs.
HEAVY = (
    "filterlab.caffe.layers",
    "filterlab.caffe.net",
    "filterlab.pictures.headers",
    "filterlab.surgery.heatmap",
    "filterlab.surgery.kernels.literals",
    "filterlab.surgery.overlay",
    "filterlab.workbench.heatmap_bench",
    "filterlab.workbench.lessons",
    "filterlab.workbench.net_bench",
    "filterlab.workbench.project",
    "filterlab.zoo.labels",
    "cv2",
    "google.protobuf",
    "onnx",
    "onnxruntime",
    "scipy",
    "skimage",
)


@pytest.fixture
def desks(qapp: QApplication, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """``desks()`` gives a program that has not built its window; all are closed."""
    monkeypatch.setenv("FILTERLAB_DATA", str(tmp_path))
    made: list[Desk] = []

    def make() -> Desk:
        made.append(Desk(qapp, window=False))
        return made[-1]

    yield make
    for desk in made:
        if desk.window is not None:
            desk.close()
            desk.window.close()
            desk.window.deleteLater()


def watch(desk: Desk) -> list[Any]:
    """Fills with what the window was like when its first frame was painted."""
    seen: list[Any] = []
    show = desk._show_first_frame

    def shown() -> None:
        show()
        window = desk.window
        grabbed = window.grab().toImage()
        across, down = range(0, grabbed.width(), 20), range(0, grabbed.height(), 20)
        colours = {grabbed.pixel(x, y) for x in across for y in down}
        seen.append((window.whole, [tab.name for tab in window.tabs], len(colours)))

    desk._show_first_frame = shown  # type: ignore[method-assign]
    return seen


def test_the_tab_in_front_is_painted_before_the_others_are_built(desks: Any) -> None:
    desk = desks()
    seen = watch(desk)
    desk.open()
    assert seen[0][:2] == (False, ["filters"])
    assert seen[0][2] > 10  # a picture, not an empty window
    window = desk.window
    assert window.whole
    assert [tab.name for tab in window.tabs] == list(TABS)
    bar = window.header.tabs
    assert [bar.tabText(i) for i in range(bar.count())] == [tab.title() for tab in window.tabs]
    assert window.current_tab is window.tab("filters")
    texts = [action.text() for action in window.menus["file"].actions()]
    assert any(tr("Save project") in text.replace("&", "") for text in texts)


def test_nothing_else_is_computed_before_the_first_frame(desks: Any) -> None:
    desk = desks()
    before = set(threading.enumerate())
    seen: list[Any] = []
    show = desk._show_first_frame

    def shown() -> None:
        show()
        new = [thread.name for thread in threading.enumerate() if thread not in before]
        seen.append((new, gc.isenabled(), titles(desk.window)))

    def titles(window: Any) -> list[str]:
        return [m.title() for m in window.menus.values() if m.menuAction().isVisible()]

    desk._show_first_frame = shown
    desk.open()
    assert seen == [([], False, titles(desk.window))]
    assert gc.isenabled()


def test_a_session_is_found_again_in_its_own_tab(desks: Any) -> None:
    first = desks()
    first.open()
    first.window.tab("filters").bench.set_cell(0, 0, 0, 0.75)
    first.window.show_tab("heatmap")
    first.close()
    second = desks()
    seen = watch(second)
    second.open()
    assert seen[0][:2] == (False, ["filters", "heatmap"])
    window = second.window
    assert window.current_tab is window.tab("heatmap")
    assert window.tab("filters").bench.snapshot().kernels[0, 0, 0, 0] == pytest.approx(0.75)


def test_what_is_shown_before_a_tab_is_built_is_its_title(desks: Any) -> None:
    desk = desks()
    desk.open()
    assert {tab.name: tab.title() for tab in desk.window.tabs} == {
        key: tr(title) for key, title in TITLES.items()
    }


def test_the_picture_in_front_comes_before_the_other_tabs(
    desks: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(app, "_PICTURE_MS", 30_000)
    seen: list[Any] = []
    complete, painted = MainWindow.complete, PictureView.paintEvent
    shown: list[bool] = []

    def paint(view: PictureView, event: QPaintEvent) -> None:
        painted(view, event)
        shown.append(desk.window.tabs[0].stage.frame is not None)

    def told(window: MainWindow) -> None:
        seen.append(([tab.name for tab in window.tabs], shown[0], shown[-1]))
        complete(window)

    monkeypatch.setattr(MainWindow, "complete", told)
    monkeypatch.setattr(PictureView, "paintEvent", paint)
    desk = desks()
    desk.open()
    assert seen == [(["filters"], False, True)]
    assert desk.window.whole


def test_a_picture_that_takes_long_does_not_keep_the_window_waiting(
    desks: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(app, "_PICTURE_MS", 20)
    monkeypatch.setattr(FiltersTab, "settled", False)
    desk = desks()
    desk.open()
    assert desk.window.whole


def test_hardly_a_widget_is_styled_twice(desks: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """A widget that gets another parent is styled anew, with all that is in it."""
    styled: list[Any] = []
    polish = theme.PlainStyle.polish

    def counted(style: Any, what: Any) -> Any:
        styled.append(what)
        return polish(style, what)

    monkeypatch.setattr(theme.PlainStyle, "polish", counted)
    desk = desks()
    seen: list[tuple[int, int]] = []
    show = desk._show_first_frame

    def shown() -> None:
        show()
        mine = set(desk.window.findChildren(QWidget))
        times = [what for what in styled if isinstance(what, QWidget) and what in mine]
        seen.append((len(times), len(set(times))))

    desk._show_first_frame = shown
    desk.open()
    times, widgets = seen[0]
    assert widgets > 200
    assert times < 1.2 * widgets


def test_pictures_find_their_size_at_once(desks: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither the header nor the lower panel has the tab laid out a second time."""
    sizes: list[tuple[int, int]] = []
    resized = PictureView.resizeEvent

    def told(view: PictureView, event: QResizeEvent | None) -> None:
        resized(view, event)
        if event is not None:  # else pyqtgraph's own call, in its constructor
            sizes.append((event.size().width(), event.size().height()))

    monkeypatch.setattr(PictureView, "resizeEvent", told)
    # As on a screen where the window has room.
    monkeypatch.setattr(MainWindow, "fit_into_screen", lambda window, placed: None)
    desk = desks()
    seen: list[Any] = []
    show = desk._show_first_frame

    def shown() -> None:
        show()
        stage = desk.window.tab("filters").stage
        assert desk.window.tab("filters").bottom.isVisible()
        seen.append([(view.width(), view.height()) for view in stage.views])

    desk._show_first_frame = shown
    desk.open()
    assert sizes[:4] == seen[0]
    assert len(set(sizes[:4])) == 1


def test_menus_are_filled_after_the_first_frame(desks: Any) -> None:
    desk = desks()
    seen: list[list[int]] = []
    show = desk._show_first_frame

    def items() -> list[int]:
        made = desk.window.tab("filters").actions_
        menus = (made.sample_menu, made.look_menu, made.code_menu, *made.tool_menus)
        return [len(menu.actions()) for menu in menus]

    def shown() -> None:
        show()
        seen.append(items())

    desk._show_first_frame = shown
    desk.open()
    assert seen == [[0] * 6]
    assert min(items()) >= 4


def test_the_first_frame_needs_no_engine(tmp_path: Path) -> None:
    code = (
        "import os, sys\n"
        "from filterlab.cli import main, window\n"
        "run = window.run\n"
        "def watched(arguments):\n"
        "    from filterlab.gui.app import Desk\n"
        "    show = Desk._show_first_frame\n"
        "    def shown(desk):\n"
        "        show(desk)\n"
        f"        print([name for name in {HEAVY!r} if name in sys.modules], flush=True)\n"
        "        os._exit(0)\n"
        "    Desk._show_first_frame = shown\n"
        "    return run(arguments)\n"
        "window.run = watched\n"
        "main([])"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        check=True,
        env={**os.environ, "FILTERLAB_DATA": str(tmp_path), "QT_QPA_PLATFORM": "offscreen"},
    )
    assert done.stdout.strip() == "[]"
