"""The window on its screen: never larger, never beside it; what does not fit scrolls."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from typing import Any

import pytest
from PyQt5.QtCore import QPoint, QRect
from PyQt5.QtWidgets import QApplication
from pytestqt.qtbot import QtBot

from filterlab.gui import app as gui_app
from filterlab.gui.filters.tab import FiltersTab
from filterlab.gui.main_window import MainWindow
from filterlab.gui.settings import Settings

#: Where a saved geometry (version 3 of Qt's format) has the width of its screen, in bytes.
_SCREEN_WIDTH_AT = 4 + 2 + 2 + 16 + 16 + 4 + 1 + 1


@pytest.fixture
def open_desk(qapp: QApplication, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    from filterlab.gui import main_window

    monkeypatch.setattr(main_window, "tab_classes", lambda: [FiltersTab])
    desks = []

    def start() -> gui_app.Desk:
        desk = gui_app.Desk(qapp)
        desks.append(desk)
        desk.open()
        qapp.processEvents()
        return desk

    yield start
    for desk in desks:
        desk.window.close()
        desk.window.deleteLater()


def saved_geometry(qtbot: QtBot, place: QRect) -> bytes:
    window = MainWindow(tabs=())
    qtbot.addWidget(window)
    window.setGeometry(place)
    window.show()
    kept = bytes(window.saveGeometry())
    window.close()
    return kept


@pytest.mark.parametrize(
    "place", [QRect(100, 100, 2400, 1500), QRect(600, 700, 700, 500), QRect(-400, 20, 700, 500)]
)
def test_a_window_found_again_lies_on_the_screen(
    qtbot: QtBot, open_desk: Any, place: QRect
) -> None:
    settings = Settings()
    settings.set_data("geometry", saved_geometry(qtbot, place))
    settings.sync()
    window = open_desk().window
    room = window.screen().availableGeometry()
    assert room.contains(window.frameGeometry()), window.frameGeometry()


def test_a_window_left_on_another_screen_fits_this_one(qtbot: QtBot, open_desk: Any) -> None:
    """Qt gives up on a geometry from a much wider screen, and the window stays as it was made."""
    kept = bytearray(saved_geometry(qtbot, QRect(0, 0, 600, 400)))
    (width,) = struct.unpack_from(">i", kept, _SCREEN_WIDTH_AT)
    assert width == QApplication.primaryScreen().size().width()
    struct.pack_into(">i", kept, _SCREEN_WIDTH_AT, 2 * width)
    settings = Settings()
    settings.set_data("geometry", kept)
    settings.sync()
    window = open_desk().window
    assert window.screen().availableGeometry().contains(window.frameGeometry())


def test_a_first_window_fits_a_low_screen(open_desk: Any) -> None:
    window = open_desk().window
    room = window.screen().availableGeometry()
    assert room.contains(window.frameGeometry())
    window.resize(500, 330)
    assert (window.width(), window.height()) == (500, 330), "no tab keeps the window larger"


def test_what_does_not_fit_can_be_scrolled_to(
    open_desk: Any, qapp: QApplication, until: Any
) -> None:
    window = open_desk().window
    tab = window.tab("filters")
    window.resize(900, 330)
    until(lambda: window.height() == 330 and tab.settled)
    qapp.processEvents()
    panel, page = tab.panel_, window.pages.currentWidget()
    assert panel.folded
    panel.open_part(2)
    qapp.processEvents()
    for field in (panel.dilation, tab.editors[2].grid):
        page.ensureWidgetVisible(field)
        qapp.processEvents()
        corner = field.mapTo(page.viewport(), QPoint(0, field.height() - 1))
        assert page.viewport().rect().contains(corner)
        assert not field.visibleRegion().isEmpty()
    heights = {view.height() for view in tab.stage.views}
    assert min(heights) >= 96


def test_leaving_full_screen_never_makes_it_larger_than_the_screen(
    open_desk: Any, until: Any
) -> None:
    window = open_desk().window
    window.showFullScreen()
    window.resize(3000, 2000)
    window.showNormal()
    room = window.screen().availableGeometry()
    until(lambda: room.contains(window.frameGeometry()))
