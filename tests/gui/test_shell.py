"""The window around the tabs: menus, undo, files, messages, language, what it remembers."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PyQt5.QtCore import QEvent, QMargins, QMimeData, QPoint, QPointF, QRect, Qt, QUrl
from PyQt5.QtGui import QColor, QDragEnterEvent, QDropEvent
from PyQt5.QtWidgets import QApplication, QLabel, QVBoxLayout

from filterlab.errors import FilterLabError
from filterlab.gui import app as gui_app
from filterlab.gui import i18n, theme
from filterlab.gui.i18n import tr
from filterlab.gui.main_window import MainWindow
from filterlab.gui.mnemonics import plain
from filterlab.gui.placing import fitted, margins
from filterlab.gui.settings import MAX_RECENT, Settings
from filterlab.gui.tab import Tab
from filterlab.pictures import write_picture


class Pages(Tab):
    """A small tab with an undoable number."""

    name = "pages"

    def __init__(self, settings: Settings, parent: Any = None) -> None:
        super().__init__(settings, parent)
        self.past: list[int] = []
        self.future: list[int] = []
        self.value = 0
        self.seen: list[Path] = []
        self.cancels = 0
        self.shut = 0
        self.fronted = 0
        self.extra = self.make_action("Only here", self.step, "Ctrl+J")
        layout = QVBoxLayout(self)
        self.label = QLabel("0", self)
        layout.addWidget(self.label)

    def title(self) -> str:
        return tr("Cancel")

    def menu_actions(self) -> dict[str, Any]:
        return {"edit": (self.extra,)}

    def step(self) -> None:
        self.past.append(self.value)
        self.future.clear()
        self.value += 1
        self.undo_changed.emit()

    def undo_text(self) -> str:
        return "step" if self.past else ""

    def redo_text(self) -> str:
        return "step" if self.future else ""

    def undo(self) -> None:
        self.future.append(self.value)
        self.value = self.past.pop()

    def redo(self) -> None:
        self.past.append(self.value)
        self.value = self.future.pop()

    def accepts(self, found: Any) -> int:
        return 1 if found[0].suffix == ".png" else 0

    def open_paths(self, found: Any) -> None:
        if found[0].name == "bad.png":
            raise FilterLabError("bad.png: is cut off; get a fresh copy.")
        self.seen += found
        self.opened.emit(str(found[0]))

    def cancel(self) -> bool:
        self.cancels += 1
        return self.cancels == 1

    def save_state(self) -> dict[str, Any]:
        return {"value": self.value}

    def restore_state(self, state: dict[str, Any]) -> None:
        self.value = state["value"]

    def activated(self) -> None:
        self.fronted += 1

    def shutdown(self) -> None:
        self.shut += 1


class Others(Pages):
    """A second tab, which knows nets."""

    name = "others"

    def accepts(self, found: Any) -> int:
        return 2 if found[0].suffix == ".prototxt" else 1 if found[0].suffix == ".png" else 0


@pytest.fixture
def window(qtbot) -> Iterator[MainWindow]:
    made = MainWindow(tabs=(Pages, Others))
    qtbot.addWidget(made)
    made.show()
    qtbot.waitExposed(made)
    yield made
    made.close()


def test_undo_follows_the_tab_in_front(qtbot, window) -> None:
    first, second = window.tabs
    assert not window.undo_action.isEnabled()
    first.extra.trigger()
    assert window.undo_action.isEnabled()
    assert plain(window.undo_action.text()) == "Undo step"
    window.undo_action.trigger()
    assert first.value == 0
    assert not window.undo_action.isEnabled()
    assert window.redo_action.isEnabled()
    window.redo_action.trigger()
    assert first.value == 1
    window.show_tab("others")
    assert not window.undo_action.isEnabled()
    assert second.fronted == 1


def test_a_tabs_actions_work_only_while_it_is_in_front(qtbot, window) -> None:
    first, second = window.tabs
    qtbot.keyClick(window, Qt.Key_J, Qt.ControlModifier)
    assert (first.value, second.value) == (1, 0)
    window.show_tab("others")
    qtbot.keyClick(window, Qt.Key_J, Qt.ControlModifier)
    assert (first.value, second.value) == (1, 1)


def test_escape_cancels_first_and_then_closes_the_message(qtbot, window) -> None:
    window.show_error("Something went wrong.")
    qtbot.keyClick(window, Qt.Key_Escape)
    assert window.tabs[0].cancels == 1
    assert window.strip.text
    qtbot.keyClick(window, Qt.Key_Escape)
    assert window.strip.text == ""


def drop(window: MainWindow, *files: Path) -> None:
    data = QMimeData()
    data.setUrls([QUrl.fromLocalFile(str(f)) for f in files])
    enter = QDragEnterEvent(
        QPoint(50, 50), Qt.CopyAction, data, Qt.LeftButton, Qt.KeyboardModifiers(Qt.NoModifier)
    )
    QApplication.sendEvent(window, enter)
    assert enter.isAccepted()
    event = QDropEvent(
        QPointF(50, 50), Qt.CopyAction, data, Qt.LeftButton, Qt.KeyboardModifiers(Qt.NoModifier)
    )
    QApplication.sendEvent(window, event)


def test_what_is_dropped_goes_to_the_tab_that_knows_it(window, tmp_path) -> None:
    first, second = window.tabs
    drop(window, tmp_path / "a.png")
    assert first.seen == [tmp_path / "a.png"]
    drop(window, tmp_path / "net.prototxt")
    assert second.seen == [tmp_path / "net.prototxt"]
    assert window.current_tab is second
    drop(window, tmp_path / "b.png")
    assert second.seen[-1] == tmp_path / "b.png"


def test_unknown_and_bad_files_are_said_in_one_sentence(window, tmp_path) -> None:
    drop(window, tmp_path / "song.ogg")
    assert "song.ogg" in window.strip.text
    assert window.strip.level == "error"
    drop(window, tmp_path / "bad.png")
    assert window.strip.text == "bad.png: is cut off; get a fresh copy."
    assert window.tabs[0].seen == []


def test_recent_files_newest_first_without_doubles(window, tmp_path) -> None:
    for k in range(MAX_RECENT + 3):
        drop(window, tmp_path / f"{k}.png")
    drop(window, tmp_path / "5.png")
    recent = window.settings.recent
    assert len(recent) == MAX_RECENT
    assert recent[0] == str(tmp_path / "5.png")
    assert len(set(recent)) == len(recent)
    window._recent_menu.aboutToShow.emit()
    window._recent_menu.actions()[1].trigger()
    assert window.tabs[0].seen[-1] == Path(recent[1])


def test_closing_says_so_and_shuts_every_tab_once(qtbot) -> None:
    window = MainWindow(tabs=(Pages, Others))
    qtbot.addWidget(window)
    window.show()
    window.tabs[0].step()
    window.show_tab("others")
    states = []
    window.closing.connect(lambda: states.append(window.save_state()))
    window.close()
    window.close()
    assert [t.shut for t in window.tabs] == [1, 1]
    (state,) = states
    assert state["current"] == "others"
    again = MainWindow(tabs=(Pages, Others))
    qtbot.addWidget(again)
    assert again.restore_state(state) == []
    assert again.tabs[0].value == 1
    assert again.current_tab is again.tabs[1]
    again.close()


def test_help_shows_the_tab_in_front(qtbot, window) -> None:
    qtbot.keyClick(window, Qt.Key_F1)
    assert window._help is not None
    assert window._help.isVisible()


def test_every_translation_is_used_for_its_language_only() -> None:
    assert tr("Cancel") == "Cancel"
    i18n.set_language("zh_CN")
    assert tr("Cancel") == "取消"
    assert tr("no such text anywhere") == "no such text anywhere"
    i18n.set_language("en")
    assert tr("Cancel") == "Cancel"


@pytest.fixture
def desk(qapp, monkeypatch) -> Iterator[gui_app.Desk]:
    from filterlab.gui import main_window

    monkeypatch.setattr(main_window, "tab_classes", lambda: [Pages, Others])
    monkeypatch.setenv("FILTERLAB_LANG", "en")
    made = gui_app.Desk(qapp)
    made.open()
    yield made
    made.window.close()
    made.window.deleteLater()


def test_language_switch_leaves_the_window(qtbot, desk, until) -> None:
    window = desk.window
    window.tabs[0].step()
    window.show_tab("others")
    button = window.header.languages.button("zh_CN")
    qtbot.mouseClick(button, Qt.LeftButton)
    assert window.header.tabs.tabText(0) == "取消"
    assert window.tabs[0].value == 1
    assert window.current_tab.name == "others"
    assert desk.window is window
    assert window.isVisible()
    assert window.tabs[0].shut == 0
    until(lambda: Settings().text("language") == "zh_CN")


def test_theme_switch_changes_the_palette(qtbot, desk, until, qapp) -> None:
    old = desk.window
    old.set_theme("dark")
    until(lambda: desk.window is not old)
    assert theme.current().dark
    assert qapp.palette().window().color().name().upper() == theme.DARK.backdrop


def test_only_another_theme_styles_what_is_there_anew(qtbot, qapp) -> None:
    class Watched(QLabel):
        def changeEvent(self, event: QEvent) -> None:
            changes.append(event.type())
            super().changeEvent(event)

    changes: list[int] = []
    label = Watched("text")
    qtbot.addWidget(label)
    label.show()
    changes.clear()
    assert theme.apply(qapp, "light") is theme.LIGHT
    assert changes == []
    for name in ("dark", "light"):
        assert theme.apply(qapp, name) is theme.THEMES[name]
        assert {QEvent.PaletteChange, QEvent.StyleChange} <= set(changes)
        assert label.palette().windowText().color() == QColor(theme.THEMES[name].text)
        changes.clear()


@pytest.mark.expects_log
def test_an_exception_nobody_caught_is_shown_and_the_window_stays(desk, until, capsys) -> None:
    hook, thread_hook = sys.excepthook, gui_app.threading.excepthook
    uncaught = gui_app._Uncaught()
    uncaught.caught.connect(desk.show_error)
    uncaught.install()
    try:
        sys.excepthook(ValueError, ValueError("oh"), None)
    finally:
        sys.excepthook, gui_app.threading.excepthook = hook, thread_hook
    assert "ValueError: oh" in desk.window.strip.text
    assert desk.window.isVisible()
    assert "ValueError: oh" in capsys.readouterr().err


@pytest.mark.parametrize("name", ["light", "dark"])
def test_text_contrast(name) -> None:
    def luminance(colour: str) -> float:
        rgb = np.array([int(colour[k : k + 2], 16) for k in (1, 3, 5)]) / 255
        linear = np.where(rgb <= 0.04045, rgb / 12.92, ((rgb + 0.055) / 1.055) ** 2.4)
        return float(np.dot(linear, (0.2126, 0.7152, 0.0722)))

    t = theme.THEMES[name]
    pairs = [
        (text, ground)
        for text in (t.text, t.muted, t.error, t.warning, t.good)
        for ground in (t.surface, t.backdrop)
    ]
    pairs.append((t.on_accent, t.accent))
    for text, ground in pairs:
        one, two = sorted((luminance(text), luminance(ground)))
        assert (two + 0.05) / (one + 0.05) >= 4.5, f"{text} on {ground}"


def test_a_picture_named_on_the_command_line_is_opened(qapp, tmp_path, monkeypatch) -> None:
    from filterlab.gui import main_window

    monkeypatch.setattr(main_window, "tab_classes", lambda: [Pages])
    write_picture(tmp_path / "猫.png", np.zeros((4, 4, 3), np.float32))
    desk = gui_app.Desk(qapp)
    desk.open(str(tmp_path / "猫.png"))
    assert desk.window.tabs[0].seen == [tmp_path / "猫.png"]
    desk.window.close()


def test_no_title_bar_leaves_the_screen() -> None:
    room, frame = QRect(0, 0, 1280, 800), QMargins(1, 22, 1, 5)
    assert margins(QRect(3, 7, 1273, 786), QRect(4, 29, 1271, 759)) == frame
    stays = QRect(4, 29, 1271, 759)
    assert fitted(stays, frame, room) == stays
    assert fitted(QRect(1, 1, 1271, 759), frame, room) == QRect(1, 22, 1271, 759)
    assert fitted(QRect(900, 700, 640, 480), frame, room) == QRect(639, 315, 640, 480)
    assert fitted(QRect(0, 0, 1280, 800), frame, room) == QRect(1, 22, 1278, 773)
    assert fitted(QRect(0, 0, 1280, 800), QMargins(), room) == QRect(0, 0, 1272, 760)


def test_a_place_that_is_found_again_has_room_for_a_title_bar(
    qapp, tmp_path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Before it is shown a window has no frame; the desktop puts it around where it stands."""
    from filterlab.gui import main_window

    monkeypatch.setenv("FILTERLAB_DATA", str(tmp_path))
    monkeypatch.setattr(main_window, "tab_classes", lambda: [Pages])
    monkeypatch.setattr(MainWindow, "frameGeometry", lambda self: self.geometry())
    places: list[QRect] = []
    monkeypatch.setattr(MainWindow, "setGeometry", lambda self, rect: places.append(rect))
    for _ in range(2):
        desk = gui_app.Desk(qapp)
        desk.open()
        desk.window.move(1, 1)
        desk.window.close()
        desk.close()
    # A new window is placed by the desktop.
    assert [place.topLeft() for place in places] == [QPoint(4, 36)]


def test_full_screen_twice_gives_back_the_place(
    window: MainWindow, qtbot, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With a desktop that puts a frame around windows, but none around a full screen."""
    framed = True

    def outer(self: MainWindow) -> QRect:
        inner = self.geometry()
        return inner.marginsAdded(QMargins(1, 22, 1, 5)) if framed else inner

    monkeypatch.setattr(MainWindow, "frameGeometry", outer)
    place = QRect(4, 29, 600, 500)
    window.setGeometry(place)
    qtbot.waitUntil(lambda: window.geometry() == place)
    window.full_screen_action.trigger()
    framed = False  # Qt knows of the frame again a while after the window has it
    qtbot.waitUntil(window.isFullScreen)
    window.full_screen_action.trigger()
    qtbot.waitUntil(lambda: not window.isFullScreen())
    window.fit_into_screen()
    assert window.geometry() == place
    window.move(0, 0)
    window.fit_into_screen()
    assert window.geometry().top() == 22


def test_a_window_opens_no_larger_than_the_screen(window: MainWindow) -> None:
    room = window.screen().availableGeometry()
    window.resize(room.width() + 900, room.height() + 700)
    window.fit_into_screen()
    least = window.minimumSize()
    assert window.width() <= max(room.width(), least.width())
    assert window.height() <= max(room.height(), least.height())
    before = window.size()
    window.fit_into_screen()
    assert window.size() == before
