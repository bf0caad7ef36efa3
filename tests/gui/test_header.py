"""The window's first row: where menus, tabs and the language stand, and how keys reach them."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from PyQt5.QtCore import QPoint, QRect, Qt
from PyQt5.QtWidgets import QApplication, QMenuBar, QWidget
from pytestqt.qtbot import QtBot

from filterlab.gui import i18n, theme
from filterlab.gui.app import Desk
from filterlab.gui.main_window import MainWindow
from filterlab.gui.tab import Tab
from filterlab.gui.widgets.segments import Segments


class One(Tab):
    name = "one"

    def title(self) -> str:
        return "Filters"


class Two(One):
    name = "two"

    def title(self) -> str:
        return "Heatmap"


class Three(One):
    name = "three"

    def title(self) -> str:
        return "Net"


@pytest.fixture
def window(qtbot: QtBot) -> Iterator[MainWindow]:
    made = MainWindow(tabs=(One, Two, Three))
    qtbot.addWidget(made)
    made.resize(1280, 800)
    made.show()
    qtbot.waitExposed(made)
    yield made
    made.close()


def place(widget: QWidget, window: MainWindow) -> QRect:
    return QRect(widget.mapTo(window, QPoint(0, 0)), widget.size())


def parts(window: MainWindow) -> list[QRect]:
    header = window.header
    return [place(w, window) for w in (header.menu_bar, header.tabs, header.languages)]


def test_one_row_of_40_with_the_tabs_in_the_middle(window: MainWindow) -> None:
    assert place(window.header, window) == QRect(0, 0, 1280, 40)
    menus, tabs, language = parts(window)
    assert [window.header.tabs.tabRect(k).width() for k in range(3)] == [96, 96, 96]
    assert tabs.center().x() in (639, 640)
    assert language.right() == 1280 - 16 - 1
    assert menus.left() == 0 < menus.right() < tabs.left()
    assert menus.width() == window.menuBar().sizeHint().width(), "no menu is cut off"


@pytest.mark.parametrize("language", ["en", "zh_CN"])
@pytest.mark.parametrize("width", [480, 640, 760, 1024, 1280])
def test_nothing_of_the_row_lies_on_anything_else(qtbot: QtBot, language: str, width: int) -> None:
    i18n.set_language(language)
    window = MainWindow(tabs=(One, Two, Three))
    qtbot.addWidget(window)
    window.resize(width, 500)
    window.show()
    qtbot.waitExposed(window)
    found = parts(window)
    for k, rect in enumerate(found):
        assert place(window.header, window).contains(rect)
        assert not any(rect.intersects(other) for other in found[k + 1 :])
    one_row = found[1].top() == 0
    assert one_row == (window.header.height() == 40)
    assert one_row or width < 800, "a usual window has one row"
    window.close()


def test_the_row_keeps_the_tabs_where_the_system_owns_the_menus(
    window: MainWindow, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(QMenuBar, "isNativeMenuBar", lambda self: True)
    window.resize(600, 500)
    window.header.arrange()
    menus, tabs, _ = parts(window)
    assert menus.width() == 0
    assert window.header.height() == 40
    assert tabs.center().x() in (299, 300)


def test_tabs_and_menus_by_mouse_and_key(qtbot: QtBot, window: MainWindow) -> None:
    tabs = window.header.tabs
    qtbot.mouseClick(tabs, Qt.LeftButton, pos=tabs.tabRect(1).center())
    assert window.current_tab is window.tab("two")
    assert window.pages.currentWidget().widget() is window.tab("two")
    qtbot.keyClick(window, Qt.Key_Tab, Qt.ControlModifier)
    assert window.current_tab is window.tab("three")
    tabs.setFocus(Qt.TabFocusReason)
    qtbot.keyClick(tabs, Qt.Key_Left)
    assert window.current_tab is window.tab("two")
    QApplication.processEvents()
    qtbot.keyClick(window, Qt.Key_F, Qt.AltModifier)
    menu = window.menus["file"]
    assert menu.isVisible(), "Alt+F opens the File menu"
    menu.close()


def test_the_tab_in_front_is_underlined_in_the_accent(window: MainWindow) -> None:
    window.show_tab("two")
    image = window.header.tabs.grab().toImage()
    scale = image.devicePixelRatio()

    def under(k: int) -> str:
        rect = window.header.tabs.tabRect(k)
        return str(
            image.pixelColor(int(rect.center().x() * scale), image.height() - 2).name().upper()
        )

    assert under(1) == theme.current().accent
    assert theme.current().accent not in (under(0), under(2))


def test_the_language_is_a_switch(qtbot: QtBot, qapp: QApplication) -> None:
    desk = Desk(qapp)
    desk.open()
    switch = desk.window.header.languages
    assert switch.key == "en"
    qtbot.mouseClick(switch.button("zh_CN"), Qt.LeftButton)
    assert switch.key == "zh_CN"
    assert desk.window.header.tabs.tabText(0) == "滤波器"
    desk.window.close()
    desk.window.deleteLater()


def test_segments_by_key(qtbot: QtBot) -> None:
    row = Segments([("tiles", "a"), ("smooth", "b"), ("coverage", "c")])
    qtbot.addWidget(row)
    row.show()
    said: list[str] = []
    row.chosen.connect(said.append)
    assert row.key == "a"
    for key in (Qt.Key_Right, Qt.Key_Right, Qt.Key_Right, Qt.Key_Left):
        qtbot.keyClick(row.button(row.key), key)
    assert said == ["b", "c", "b"]
    row.choose("c")
    row.choose("no such")
    assert (row.key, said) == ("c", ["b", "c", "b"]), "choosing from outside is not signalled"
    assert [b.focusPolicy() for b in row.buttons()] == [Qt.NoFocus, Qt.NoFocus, Qt.TabFocus]
    row.set_items([("smooth", "b"), ("log", "d")])
    assert row.key == "b", "what is gone gives way to the first"
