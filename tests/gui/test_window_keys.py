"""The window by keyboard: tabs, letters in the menus, the message row, help."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import pytest
from PyQt5.QtCore import QPoint, QRect, Qt
from PyQt5.QtWidgets import (
    QApplication,
    QComboBox,
    QLabel,
    QLineEdit,
    QMenu,
    QPlainTextEdit,
    QVBoxLayout,
    QWidget,
)
from pytestqt.qtbot import QtBot

from filterlab.gui import i18n
from filterlab.gui.filters import help as filters_help
from filterlab.gui.help_window import _WINDOW_KEYS
from filterlab.gui.i18n import tr
from filterlab.gui.main_window import MainWindow
from filterlab.gui.mnemonics import MANY, letter_of, plain
from filterlab.gui.settings import Settings
from filterlab.gui.tab import Tab


class Fields(Tab):
    """A tab of widgets that keep keys for themselves."""

    name = "fields"

    def __init__(self, settings: Settings, parent: Any = None) -> None:
        super().__init__(settings, parent)
        layout = QVBoxLayout(self)
        self.box = QComboBox(self)
        self.box.addItems(["one", "two"])
        self.code = QPlainTextEdit("net.forward()", self)
        self.code.setReadOnly(True)
        self.line = QLineEdit(self)
        self.low = QLabel("at the very bottom", self)
        self.saves = 0
        self.save = self.make_action("Save …", self.on_save, "Ctrl+S")
        for widget in (self.box, self.code, self.line, self.low):
            layout.addWidget(widget)

    def title(self) -> str:
        return "Fields"

    def menu_actions(self) -> dict[str, Any]:
        return {"file": (self.save,)}

    def on_save(self) -> None:
        self.saves += 1


class Others(Fields):
    """The second tab."""

    name = "others"

    def hint(self) -> str:
        return "look here"


@pytest.fixture
def window(qtbot: QtBot) -> Iterator[MainWindow]:
    made = MainWindow(tabs=(Fields, Others))
    qtbot.addWidget(made)
    made.show()
    qtbot.waitExposed(made)
    yield made
    made.close()


CTRL, SHIFT, ALT = Qt.ControlModifier, Qt.ShiftModifier, Qt.AltModifier


@pytest.mark.parametrize("focus", ["box", "code", "line"])
@pytest.mark.parametrize(
    ("key", "modifiers"),
    [
        (Qt.Key_Tab, CTRL),
        (Qt.Key_Backtab, CTRL | SHIFT),
        (Qt.Key_PageDown, CTRL),
        (Qt.Key_PageUp, CTRL),
        (Qt.Key_2, ALT),
    ],
)
def test_the_tab_changes_wherever_the_focus_is(
    qtbot: QtBot, window: MainWindow, focus: str, key: int, modifiers: Any
) -> None:
    first, second = window.tabs
    field = getattr(first, focus)
    field.setFocus()
    qtbot.keyClick(field, key, modifiers)
    assert window.current_tab is second
    qtbot.keyClick(QApplication.focusWidget() or window, Qt.Key_S, CTRL)
    assert (first.saves, second.saves) == (0, 1), "it is the tab that is seen that saves"
    qtbot.keyClick(window, Qt.Key_1, ALT)
    assert window.current_tab is first


def test_the_view_menu_has_the_tabs_and_their_keys(window: MainWindow) -> None:
    items = {plain(a.text()): a for a in window.menus["view"].actions()}
    assert [key.toString() for key in items["Next tab"].shortcuts()] == ["Ctrl+Tab", "Ctrl+PgDown"]
    assert items["Previous tab"].shortcut().toString() == "Ctrl+Shift+Tab"
    assert [a.isChecked() for a in window.tab_actions.choices] == [True, False]
    assert set(window.tab_actions.all) <= set(window.menus["view"].actions())
    window.show_tab("others")
    assert [a.isChecked() for a in window.tab_actions.choices] == [False, True]
    window.tab_actions.choices[1].trigger()
    assert [a.isChecked() for a in window.tab_actions.choices] == [False, True]


def all_menus(window: MainWindow) -> Iterator[QMenu]:
    waiting = list(window.menus.values())
    while waiting:
        menu = waiting.pop()
        yield menu
        waiting += [a.menu() for a in menu.actions() if a.menu() is not None]


@pytest.mark.parametrize("language", ["en", "zh_CN"])
def test_every_menu_item_has_a_letter_of_its_own(qtbot: QtBot, language: str) -> None:
    i18n.set_language(language)
    window = MainWindow()
    qtbot.addWidget(window)
    checked = 0
    for tab in [*window.tabs, window.tabs[0]]:
        window.show_tab(tab.name)
        for menu in all_menus(window):
            texts = [a.text() for a in menu.actions() if a.text()]
            if len(texts) > MANY:
                continue
            letters = [letter_of(text) for text in texts]
            assert all(letters), (menu.title(), texts)
            assert len(set(letters)) == len(letters), (menu.title(), texts)
            if language == "en":
                ours = [t for t in texts if plain(t).isascii()]  # a language has its own name
                assert not any("(&" in text for text in ours), texts
            else:
                own = [t for t in texts if not plain(t).isascii()]
                assert all(re.search(r"\(&\w\)|&\d", t) for t in own), texts
            checked += len(texts)
    assert checked > 150
    file_letters = {
        plain(a.text()): letter_of(a.text()) for a in window.menus["file"].actions() if a.text()
    }
    assert file_letters[tr("Open picture …")] == "O"
    assert file_letters[tr("Save outputs …")] in "SAVU"
    assert file_letters[plain(tr("&Quit"))] == "Q"
    window.close()


def test_recent_files_keep_an_ampersand_in_their_names(window: MainWindow) -> None:
    window.settings.add_recent("/pictures/cat & dog.png")
    window._recent_menu.aboutToShow.emit()
    text = window._recent_menu.actions()[0].text()
    assert text.endswith("cat && dog.png")
    assert letter_of(text) == "1"


# The message row


def place_of(widget: QWidget, window: MainWindow) -> QRect:
    return QRect(widget.mapTo(window, QPoint(0, 0)), widget.size())


def test_a_message_covers_nothing(qtbot: QtBot, window: MainWindow, until: Any) -> None:
    tab = window.tabs[0]
    window.resize(700, 400)
    long = "bomb.png: has 30000 x 30000 pixels, more than can be read; choose a smaller one. " * 4
    label = window.strip._label
    for text in ("Short.", long):
        tab.show_error(text)
        # All of it is read, once the layouts have heard of it.
        until(lambda: label.height() >= label.heightForWidth(label.width()))
        strip = place_of(window.strip, window)
        assert window.strip.text == text
        assert window.rect().contains(strip)
        assert not strip.intersects(place_of(window.pages, window))
        assert not strip.intersects(place_of(tab.low, window))


def test_an_error_goes_when_its_cause_is_gone(window: MainWindow, until: Any) -> None:
    first, second = window.tabs
    first.show_error("bomb.png: is too large.", "picture")
    first.clear_error("picture")
    assert window.strip.text == "bomb.png: is too large.", "what the same action caused stays"
    until(lambda: not first._error_is_new)
    first.clear_error("kernel")
    second.message.emit("", "error")
    assert window.strip.text == "bomb.png: is too large.", "another's success is no news of this"
    first.clear_error("kernel", "picture")
    assert window.strip.text == ""
    second.show_info("Written: a.png")
    first.clear_error()
    assert window.strip.text == "Written: a.png"
    window.show_error("song.ogg is no picture.")
    second.message.emit("", "info")
    assert window.strip.text == "", "what the window said goes with any tab's success"


def test_without_a_message_the_row_gives_the_tabs_hint(window: MainWindow) -> None:
    assert window.strip.hint == "F1: help on this tab"
    height = window.strip.height()
    window.show_tab("others")
    assert window.strip.hint == "look here"
    assert window.strip.text == ""
    window.show_error("No.")
    QApplication.processEvents()
    assert window.strip.height() == height, "nothing moves for a short message"


# Help


def test_help_names_the_windows_keys(qtbot: QtBot, window: MainWindow) -> None:
    qtbot.keyClick(window, Qt.Key_F1)
    assert window._help is not None
    text = window._help._text.toPlainText()
    for key in ("F11", "Esc", "Ctrl+Tab", "Ctrl+PgUp", "Alt+1", "Alt+2"):
        assert key in text


def test_help_is_all_chinese_but_for_the_names_of_keys(chinese: None) -> None:
    for keys, what in (*filters_help._KEYS, *_WINDOW_KEYS):
        assert tr(what) != what
        if "," in keys:
            assert tr(keys) != keys
    html = filters_help.help_html()
    assert "<b>Delete、Backspace</b>" in html
    assert "删除" not in html
