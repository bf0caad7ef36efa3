"""The window: menus, tabs, messages, what is dropped on it and what it remembers."""

from __future__ import annotations

import logging
import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from PyQt5.QtCore import QByteArray, QEvent, QMargins, QSize, Qt, QTimer, pyqtSignal
from PyQt5.QtGui import QCloseEvent, QDragEnterEvent, QDropEvent, QKeySequence
from PyQt5.QtWidgets import (
    QAction,
    QActionGroup,
    QBoxLayout,
    QFrame,
    QMainWindow,
    QMenu,
    QMenuBar,
    QScrollArea,
    QStackedWidget,
    QVBoxLayout,
    QWidget,
)

import filterlab
from filterlab.gui import file_dialogs, i18n, mnemonics, retranslate, theme
from filterlab.gui.errors import EXPECTED, one_sentence
from filterlab.gui.header import Header
from filterlab.gui.help_window import HelpWindow, window_keys_html
from filterlab.gui.i18n import tr
from filterlab.gui.icons import app_icon
from filterlab.gui.placing import USUAL, fitted, margins
from filterlab.gui.sessions import Kept
from filterlab.gui.settings import Settings
from filterlab.gui.tab import MenuItems, Tab
from filterlab.gui.tabs import TABS, TITLES, tab_class, tab_classes
from filterlab.gui.widgets.message_strip import MessageStrip

if TYPE_CHECKING:
    from filterlab.gui.stage.scene import Scene

__all__ = ["MainWindow"]

_log = logging.getLogger(__name__)

#: What a language is called on the header's switch, if not by its own name.
_SHORT = {i18n.ENGLISH: "EN"}


def _restored(tab: Tab, state: dict[str, Any]) -> Sequence[str]:
    """Let a tab show a saved state; returns what of it was left out."""
    try:
        tab.restore_state(state)
    except Exception:
        # Whatever a stranger's file holds, the window opens.
        _log.info("%s: its saved state was left out", tab.name, exc_info=True)
        tab.restore_state({})
        return ["*"]
    return tab.left_out


class _Page(QScrollArea):
    """Holds a tab; scrolls where the window is smaller than the tab can be.

    The tab is built as a child of the page's viewport: a widget that gets another parent is styled
    anew with all that is in it.
    """

    def __init__(self, parent: QWidget) -> None:
        super().__init__(parent)
        self.setWidgetResizable(True)
        self.setFrameShape(QFrame.NoFrame)
        self.setFocusPolicy(Qt.NoFocus)
        self.viewport().setAutoFillBackground(False)

    def hold(self, tab: Tab) -> None:
        """Show a tab."""
        self.setWidget(tab)
        tab.setAutoFillBackground(False)


class MainWindow(QMainWindow):
    """One window with a few tabs.

    Parameters
    ----------
    settings : Settings, optional
    tabs : classes, optional
        In place of all of :data:`filterlab.gui.tabs.TABS`.
    in_front : str
        A tab's key: only the tabs up to that one are built, so that it can soon be shown, and the
        rest by :meth:`complete`, which must follow before anything else is done.

    Signals
    -------
    rebuild_requested() : the theme or the text size has changed; see :mod:`filterlab.gui.app`
    closing() : the user closes the window; its state can still be taken
    """

    rebuild_requested = pyqtSignal()
    closing = pyqtSignal()

    def __init__(
        self,
        settings: Settings | None = None,
        tabs: Sequence[type[Tab]] | None = None,
        in_front: str = "",
    ) -> None:
        super().__init__()
        self.settings = settings or Settings()
        file_dialogs.remember_in(self.settings)
        self._shut = False
        self._current: Tab | None = None
        self._help: HelpWindow | None = None
        #: Makes what the help window shows.
        self._help_shown: Callable[[], str] | None = None
        self._before_full = (False, self.geometry())
        self._framed = QMargins()
        self._more: dict[str, list[QAction | QMenu]] = {}
        self.setWindowTitle("FilterLab")
        self.setWindowIcon(app_icon())
        self.setAcceptDrops(True)
        self.resize(1280, 800)
        # A tab that needs more scrolls.
        self.setMinimumSize(QSize(480, 320))

        #: The tabs, and whatever scene stands in their place.
        self.screens = QStackedWidget(self)
        central = QWidget(self.screens)
        layout = QVBoxLayout(central)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(0)
        # EN and 中文 are what the languages are called on the switch, whatever is in use.
        switch = [(_SHORT.get(name, title), name) for name, title in i18n.LANGUAGES.items()]
        self.header = Header(switch, i18n.language(), central)
        for name, title in i18n.LANGUAGES.items():
            self.header.languages.button(name).setToolTip(title)
        self.header.languages.chosen.connect(self.set_language)
        self.pages = QStackedWidget(central)
        layout.addWidget(self.header)
        # A lesson's panel stands beside the tab, or below it where the window is narrow.
        self._row = QBoxLayout(QBoxLayout.LeftToRight)
        self._row.setSpacing(0)
        self._row.addWidget(self.pages, 1)
        layout.addLayout(self._row, 1)
        self.strip = MessageStrip(central)
        layout.addWidget(self.strip)
        self.screens.addWidget(central)
        self.setCentralWidget(self.screens)
        self.scene: Scene | None = None
        self._message_of: Tab | None = None

        self.tabs: list[Tab] = []
        #: Keys of tabs that :meth:`complete` is to build.
        self._later: list[str] = []
        self._whole = False
        #: The tab whose state was restored before the others', and what of it was left out.
        self._restored_first: tuple[Tab, list[str]] | None = None
        self._make_actions()
        self._make_menus()
        if tabs is None and in_front in TABS:
            keys = list(TABS)
            at = keys.index(in_front)
            self._later = keys[at + 1 :]
            tabs = [tab_class(key) for key in keys[: at + 1]]
        for kind in tab_classes() if tabs is None else tabs:
            self._add_tab(kind)
            self.header.tabs.addTab(self.tabs[-1].title())
        if self._later:
            for key in self._later:
                self.header.tabs.addTab(tr(TITLES[key]))
            self.header.tabs.setCurrentIndex(len(self.tabs) - 1)
            self._on_tab_changed(len(self.tabs) - 1)
        else:
            self.complete()

    @property
    def whole(self) -> bool:
        """Whether all of it is built."""
        return self._whole

    def complete(self) -> None:
        """Build what a window that shows one tab first has not built yet."""
        if self._whole:
            return
        self._whole = True
        from filterlab.gui.lessons.controller import Lessons
        from filterlab.gui.project_commands import ProjectCommands
        from filterlab.gui.tab_actions import TabActions

        for key in self._later:
            self._add_tab(tab_class(key))
        self._later = []
        self.lessons = Lessons(
            self._row,
            {tab.name: tab for tab in self.tabs},
            self.show_tab,
            self.settings,
            self.show_info,
            self.show_error,
            self,
            lambda task: self.projects.hand_out(task),
        )
        for tab in self.tabs:
            tab.happened.connect(self.lessons.happened)
        self.menus["lessons"].aboutToShow.connect(self._fill_lessons)
        titles = [tab.title() for tab in self.tabs]
        self.projects = ProjectCommands(self.tabs, self._front, self)
        self.projects.changed.connect(self._show_title)
        self.projects.said.connect(self._on_project_said)
        self.projects.opened.connect(self._on_opened)
        self.projects.task_changed.connect(self.lessons.take_task)
        self.tab_actions = TabActions(self.header.tabs, titles, self)
        self.header.tabs.currentChanged.connect(self._on_tab_changed)
        if self._current is None:
            self._on_tab_changed(self.header.tabs.currentIndex())
        else:
            self._fill_menus()

    def fit_into_screen(self, placed: bool = False) -> None:
        """No larger than the screen has room for, with its frame, and all of it on the screen.

        ``placed`` says that it is to stand where it is, though it has no frame yet.
        """
        if self.isMaximized() or self.isFullScreen():
            return
        frame = self._frame()
        if placed and frame.isNull():
            frame = USUAL  # its title bar would stand above the screen
        place = fitted(self.geometry(), frame, self.screen().availableGeometry())
        self.resize(place.size())
        if place.topLeft() != self.geometry().topLeft():  # else the desktop places a new window
            self.setGeometry(place)

    def _frame(self) -> QMargins:
        """What the desktop has put around the window, or had before it filled the screen."""
        outer, inner = self.frameGeometry(), self.geometry()
        if outer != inner:
            self._framed = margins(outer, inner)
        # For a moment after a full screen, Qt takes the window to have no frame.
        return self._framed

    # Building

    def _make_actions(self) -> None:
        self.undo_action = QAction(tr("&Undo"), self)
        self.undo_action.setShortcut(QKeySequence.Undo)
        self.undo_action.triggered.connect(self._undo)
        self.redo_action = QAction(tr("&Redo"), self)
        self.redo_action.setShortcuts([QKeySequence("Ctrl+Shift+Z"), QKeySequence("Ctrl+Y")])
        self.redo_action.triggered.connect(self._redo)
        self.quit_action = QAction(tr("&Quit"), self)
        self.quit_action.setShortcut("Ctrl+Q")
        self.quit_action.triggered.connect(self.close)
        self.full_screen_action = QAction(tr("Full screen"), self)
        self.full_screen_action.setShortcut("F11")
        self.full_screen_action.setCheckable(True)
        self.full_screen_action.triggered.connect(self._set_full_screen)
        self.help_action = QAction(tr("Help on this tab"), self)
        self.help_action.setShortcut("F1")
        self.help_action.triggered.connect(self.show_help)
        self.stage_action = QAction(tr("Stage, for a room"), self)
        self.stage_action.setShortcut("F5")
        self.stage_action.setData("stage")
        self.show_me_action = QAction(tr("Show me"), self)
        self.show_me_action.setShortcut("Ctrl+F5")
        self.show_me_action.setData("show me")
        for action in (self.stage_action, self.show_me_action):
            action.triggered.connect(self._on_scene)
        self.motion_action = QAction(tr("Reduce motion"), self)
        self.motion_action.setCheckable(True)
        self.motion_action.setChecked(theme.reduced_motion())
        self.motion_action.triggered.connect(self._set_reduced_motion)
        self.about_action = QAction(tr("About FilterLab"), self)
        self.about_action.triggered.connect(self._show_about)
        self.cancel_action = QAction(tr("Cancel"), self)
        self.cancel_action.setShortcut("Esc")
        self.cancel_action.triggered.connect(self._cancel)
        self.addAction(self.cancel_action)
        # A menu that is rebuilt drops its actions; the window keeps their shortcuts alive.
        for action in (
            self.undo_action,
            self.redo_action,
            self.quit_action,
            self.full_screen_action,
            self.help_action,
            self.stage_action,
            self.show_me_action,
        ):
            self.addAction(action)

    def _make_menus(self) -> None:
        bar = self.menuBar()
        titles = {
            "file": tr("&File"),
            "edit": tr("&Edit"),
            "view": tr("&View"),
            "model": tr("&Model"),
            "lessons": tr("&Lessons"),
            "help": tr("&Help"),
        }
        self.menus: dict[str, QMenu] = {key: bar.addMenu(text) for key, text in titles.items()}
        self._recent_menu = QMenu(tr("Open &recent"), self)
        self._recent_menu.aboutToShow.connect(self._fill_recent)
        self._theme_menu = QMenu(tr("Theme"), self)
        group = QActionGroup(self)
        names = {
            "light": tr("Light"),
            "dark": tr("Dark"),
            "contrast-light": tr("High contrast, light"),
            "contrast-dark": tr("High contrast, dark"),
        }
        for name, text in names.items():
            action = QAction(text, self)
            action.setCheckable(True)
            action.setChecked(theme.current().name == name)
            action.setData(name)
            group.addAction(action)
            self._theme_menu.addAction(action)
        group.triggered.connect(self._on_theme)
        self._language_menu = QMenu(tr("Language"), self)
        languages = QActionGroup(self)
        for name, title in i18n.LANGUAGES.items():  # each by its own name, whatever is in use
            action = QAction(title, self)
            action.setCheckable(True)
            action.setChecked(i18n.language() == name)
            action.setData(name)
            languages.addAction(action)
            self._language_menu.addAction(action)
        languages.triggered.connect(self._on_language)
        self._text_menu = QMenu(tr("Text size"), self)
        sizes = QActionGroup(self)
        titles = {"normal": tr("Normal"), "large": tr("Large"), "room": tr("Room")}
        for name in theme.TEXT_SIZES:
            action = QAction(titles[name], self)
            action.setCheckable(True)
            action.setChecked(theme.text_size() == name)
            action.setData(name)
            sizes.addAction(action)
            self._text_menu.addAction(action)
        sizes.triggered.connect(self._on_text_size)

    def menuBar(self) -> QMenuBar:
        """The menus, which stand in the header's row."""
        return self.header.menu_bar

    def _add_tab(self, kind: type[Tab]) -> None:
        page = _Page(self.pages)
        tab = kind(self.settings, page.viewport())
        self.tabs.append(tab)
        page.hold(tab)
        self.pages.addWidget(page)
        tab.message.connect(self._on_message)
        tab.hint_changed.connect(self._show_hint)
        tab.undo_changed.connect(self._update_undo)
        tab.opened.connect(self._on_opened)
        tab.menus_changed.connect(self._fill_menus)
        tab.scene_wanted.connect(self.show_scene)
        tab.table_wanted.connect(self._on_table_wanted)
        tab.layer_wanted.connect(self._on_layer_wanted)

    # Tabs

    @property
    def current_tab(self) -> Tab | None:
        """The tab in front."""
        return self._current

    def tab(self, name: str) -> Tab:
        """A tab by its key, such as ``"filters"``; KeyError if there is none."""
        for tab in self.tabs:
            if tab.name == name:
                return tab
        raise KeyError(name)

    def show_tab(self, name: str) -> Tab:
        """Bring a tab to the front and return it."""
        tab = self.tab(name)
        self.header.tabs.setCurrentIndex(self.tabs.index(tab))
        return tab

    def _on_tab_changed(self, index: int) -> None:
        if self._shut:
            return
        if self._current is not None:
            self._current.deactivated()
        self._current = self.tabs[index] if 0 <= index < len(self.tabs) else None
        self.pages.setCurrentIndex(index)
        self._fill_menus()
        self._update_undo()
        if self._current is not None:
            self._current.activated()
            if self._help is not None and self._help.isVisible():
                self._help_shown = self._help_html
                self._help.show_html(self._help_html())
        self._show_hint()

    def _fill_menus(self) -> None:
        if not self._whole:  # the first frame shows the titles only
            self.header.arrange()
            return
        mine: dict[str, MenuItems] = self._current.menu_actions() if self._current else {}
        around: dict[str, tuple[MenuItems, MenuItems]] = {
            "file": (
                (*self.projects.actions, None),
                (self._recent_menu, None, self.quit_action),
            ),
            "edit": ((self.undo_action, self.redo_action, None), ()),
            "view": (
                (),
                (
                    None,
                    *self._scene_actions(),
                    None,
                    *self.tab_actions.all,
                    None,
                    self._language_menu,
                    self._theme_menu,
                    self._text_menu,
                    self.motion_action,
                    self.full_screen_action,
                ),
            ),
            "help": ((self.help_action,), (None, self.about_action)),
        }
        for key, menu in self.menus.items():
            if key == "lessons":  # filled when it is opened
                continue
            before, after = around.get(key, ((), ()))
            items = (*before, *mine.get(key, ()), *self._more.get(key, ()), *after)
            menu.clear()
            for item in items:
                if item is None:
                    menu.addSeparator()
                elif isinstance(item, QMenu):
                    menu.addMenu(item)
                else:
                    menu.addAction(item)
            menu.menuAction().setVisible(not menu.isEmpty())
            mnemonics.spread(menu)
        self.header.arrange()

    def add_to_menu(self, menu: str, item: QAction | QMenu) -> None:
        """Put what belongs to the program, not to a tab, into one of the menus."""
        self._more.setdefault(menu, []).append(item)
        if self._whole:
            self._fill_menus()

    def _fill_lessons(self) -> None:
        menu = self.menus["lessons"]
        menu.clear()
        for item in self.lessons.actions(menu):
            if item is None:
                menu.addSeparator()
            else:
                menu.addAction(item)
        mnemonics.spread(menu)

    # Undo

    def _update_undo(self) -> None:
        tab = self._current
        undo, redo = (tab.undo_text(), tab.redo_text()) if tab else ("", "")
        self.undo_action.setEnabled(bool(undo))
        self.redo_action.setEnabled(bool(redo))
        self.undo_action.setText(tr("&Undo {what}").format(what=undo) if undo else tr("&Undo"))
        self.redo_action.setText(tr("&Redo {what}").format(what=redo) if redo else tr("&Redo"))

    def _undo(self) -> None:
        if self._current is not None:
            self.lessons.happened("undo")
            self._current.undo()
            self._update_undo()

    def _redo(self) -> None:
        if self._current is not None:
            self._current.redo()
            self._update_undo()

    # Files

    def open_paths(self, paths: Sequence[str | os.PathLike[str]]) -> bool:
        """Open files in the tab that fits them best, that in front first."""
        found = [Path(p) for p in paths]
        if not found:
            return False
        from filterlab.gui.project_commands import is_project
        from filterlab.workbench.lessons import SUFFIX as LESSON_SUFFIX

        if is_project(found[0]):
            self.projects.open(found[0])
            return True
        if found[0].suffix.lower() == LESSON_SUFFIX:
            try:
                self.lessons.open_file(found[0])
            except EXPECTED as error:
                self.show_error(one_sentence(error))
                return False
            return True
        rated = [(tab.accepts(found) * 2 + (tab is self._current), tab) for tab in self.tabs]
        score, tab = max(rated, key=lambda pair: pair[0], default=(0, None))
        if tab is None or score < 2:
            self.show_error(
                tr("{name} is no picture, kernel, model or project that FilterLab knows.").format(
                    name=found[0].name
                )
            )
            return False
        self.show_tab(tab.name)
        try:
            tab.open_paths(found)
        except EXPECTED as error:
            tab.show_error(one_sentence(error))
            return False
        return True

    def dragEnterEvent(self, event: QDragEnterEvent) -> None:
        if any(url.isLocalFile() for url in event.mimeData().urls()):
            event.acceptProposedAction()

    def dropEvent(self, event: QDropEvent) -> None:
        paths = [u.toLocalFile() for u in event.mimeData().urls() if u.isLocalFile()]
        if paths:
            event.acceptProposedAction()
            self.open_paths(paths)

    def _front(self, name: str) -> str:
        """The key of the tab in front, after bringing the one of a key there."""
        if name:
            self.show_tab(name)
        return self._current.name if self._current is not None else ""

    def _show_title(self) -> None:
        self.setWindowTitle(self.projects.title())
        self.setWindowModified(self.projects.path is not None and self.projects.modified)

    def _on_project_said(self, sentence: str, level: str) -> None:
        if level == "error":
            self.show_error(sentence)
        else:
            self.show_info(sentence)

    def _on_opened(self, path: str) -> None:
        self.settings.add_recent(os.path.abspath(path))

    def _fill_recent(self) -> None:
        self._recent_menu.clear()
        for number, path in enumerate(self.settings.recent, 1):
            name = Path(path).name.replace("&", "&&")
            action = self._recent_menu.addAction(f"&{number % 10}  {name}")
            action.setToolTip(path)
            action.setData(path)
            action.triggered.connect(self._open_recent)
        if not self.settings.recent:
            self._recent_menu.addAction(tr("Nothing opened yet")).setEnabled(False)
            return
        self._recent_menu.addSeparator()
        self._recent_menu.addAction(tr("Forget these")).triggered.connect(
            self.settings.clear_recent
        )
        mnemonics.spread(self._recent_menu)

    def _open_recent(self) -> None:
        action = self.sender()
        if isinstance(action, QAction):
            self.open_paths([str(action.data())])

    # Tabs that work on another's net

    def _on_table_wanted(self, name: str) -> None:
        tab = self.sender()
        given = next((other.on_table() for other in self.tabs if other.name == name), None)
        if isinstance(tab, Tab) and given is not None:
            tab.put_on_table(given)

    def _on_layer_wanted(self, layer: str) -> None:
        tab = self.sender()
        given = tab.on_table() if isinstance(tab, Tab) else None
        if given is not None and any(other.name == "net" for other in self.tabs):
            self.tab("net").put_on_table(given, layer)
            self.show_tab("net")

    # What fills the whole window

    def _scene_actions(self) -> list[QAction]:
        """The scenes of the tab in front, under their names; the others' keys do nothing."""
        found = self._current.scenes() if self._current is not None else {}
        actions = []
        for action in (self.stage_action, self.show_me_action):
            text = found.get(action.data(), "")
            action.setEnabled(bool(text))
            if text:
                action.setText(text)
                actions.append(action)
        return actions

    def _on_scene(self) -> None:
        action = self.sender()
        if isinstance(action, QAction):
            self.show_scene(str(action.data()))

    def show_scene(self, key: str) -> None:
        """Put a scene of the tab in front in the place of everything."""
        if self._current is None or self.scene is not None:
            return
        scene = self._current.make_scene(key, self.screens)
        if scene is None:
            return
        self.scene = scene
        scene.left.connect(self.leave_scene)
        # Keys that change the tab would change it behind the scene.
        for action in self.tab_actions.all:
            action.setEnabled(False)
        self.screens.addWidget(scene)
        self.screens.setCurrentWidget(scene)
        scene.setFocus(Qt.OtherFocusReason)

    def leave_scene(self) -> None:
        """Show the tabs again."""
        scene, self.scene = self.scene, None
        if scene is None:
            return
        scene.shutdown()
        self.screens.setCurrentIndex(0)
        self.screens.removeWidget(scene)
        scene.deleteLater()
        for action in self.tab_actions.all:
            action.setEnabled(True)
        if self._current is not None:
            self._current.setFocus(Qt.OtherFocusReason)

    # Messages, help, keys

    def show_error(self, sentence: str) -> None:
        """Show one sentence in the message strip until it is read."""
        self._message_of = None
        self.strip.show_message(sentence, "error")

    def show_info(self, sentence: str) -> None:
        """Show news in the message strip."""
        self._message_of = None
        self.strip.show_message(sentence, "info")

    def show_warning(self, sentence: str) -> None:
        """Say something that the user should know, until it is read."""
        self._message_of = None
        self.strip.show_message(sentence, "warning")

    def _on_message(self, text: str, level: str) -> None:
        """A tab takes back its own message only; the window's goes with any tab's."""
        tab = self.sender()
        if isinstance(tab, Tab) and (text or self._message_of in (None, tab)):
            self._message_of = tab
            self.strip.show_message(text, level)
            if text and self.scene is not None:
                self.scene.tell(text)

    def _show_hint(self) -> None:
        tab = self._current
        self.strip.set_hint(tab.hint() if tab is not None else "")
        self.strip.set_code(*(tab.as_code() if tab is not None else ("", "")))

    def _help_html(self) -> str:
        return (self._current.help_html() if self._current else "") + window_keys_html()

    def show_help(self) -> None:
        """Show what the tab in front can do and its keys, in a window of its own."""
        if self._help is None:
            self._help = HelpWindow(self)
        self._help_shown = self._help_html
        self._help.show_html(self._help_html())
        self._help.show()
        self._help.raise_()

    def _about_html(self) -> str:
        text = tr(
            "Net surgery by hand: draw convolution kernels and watch three filters answer; turn "
            "a classifier into a fully convolutional net and see where the tiger cat is."
        )
        return f"<h2>FilterLab {filterlab.__version__}</h2><p>{text}</p><p>GPL-3.0-or-later</p>"

    def _show_about(self) -> None:
        if self._help is None:
            self._help = HelpWindow(self)
        self._help_shown = self._about_html
        self._help.show_html(self._about_html())
        self._help.show()

    def _cancel(self) -> None:
        if self._current is not None and self._current.cancel():
            return
        if self.strip.text:
            self.strip.clear()
        elif self.isFullScreen():
            self.full_screen_action.trigger()

    def _set_full_screen(self, on: bool) -> None:
        if on:
            # What showNormal() goes back to is not the same on every desktop.
            self._before_full = (self.isMaximized(), self.geometry())
            self._frame()
            self.showFullScreen()
            return
        maximized, place = self._before_full
        if maximized:
            self.showMaximized()
        else:
            self.showNormal()
            self.setGeometry(place)

    # Language and theme

    def set_language(self, name: str) -> None:
        """Tell everything in another language; nothing else of the window changes."""
        found = i18n.known(name)
        if found and found != i18n.language():
            self.settings.set_text("language", found)
            retranslate.change_language(found)

    def _retell(self) -> None:
        """What the window puts together itself, in the language in use."""
        for action in self._language_menu.actions():
            action.setChecked(action.data() == i18n.language())
        self.header.languages.choose(i18n.language())
        self._show_title()
        self._fill_menus()
        self._update_undo()
        self._show_hint()
        if self._help is not None and self._help.isVisible() and self._help_shown is not None:
            self._help.show_html(self._help_shown())

    def _on_language(self, action: QAction) -> None:
        self.set_language(str(action.data()))

    def _on_theme(self, action: QAction) -> None:
        self.set_theme(str(action.data()))

    def set_theme(self, name: str) -> None:
        """Switch to another theme; the window is rebuilt around its state."""
        if name != theme.current().name:
            self.settings.set_text("theme", name)
            self.rebuild_requested.emit()

    def _on_text_size(self, action: QAction) -> None:
        self.set_text_size(str(action.data()))

    def set_text_size(self, name: str) -> None:
        """Another of the text sizes; the window is rebuilt around its state."""
        if name != theme.text_size():
            self.settings.set_text("text_size", name)
            self.rebuild_requested.emit()

    def _set_reduced_motion(self, on: bool) -> None:
        self.settings.set_text("motion", "reduced" if on else "full")
        theme.set_reduced_motion(on)

    # State and closing

    def save_state(self) -> dict[str, Any]:
        """The state to find again at the next start."""
        return {
            "current": self._current.name if self._current else "",
            "tabs": {tab.name: tab.save_state() for tab in self.tabs},
            "project": self.projects.kept(),
        }

    def save_pictures(self) -> dict[str, Kept]:
        """The pictures of that state that are in no file: by ``TAB/NAME``."""
        return {
            f"{tab.name}/{name}": picture
            for tab in self.tabs
            for name, picture in tab.save_pictures().items()
        }

    def restore_front(self, state: dict[str, Any]) -> None:
        """Let the tab in front show a saved state before the others are built."""
        tab, kept = self._current, state.get("tabs")
        mine = kept.get(tab.name) if tab is not None and isinstance(kept, dict) else None
        if tab is not None and isinstance(mine, dict):
            self._restored_first = tab, [f"{tab.name}.{what}" for what in _restored(tab, mine)]

    def restore_state(self, state: dict[str, Any], live: bool = False) -> list[str]:
        """Show a saved state, or (``live``) go on with a window's that is being rebuilt.

        Returns what of a saved state could not be used, ``filters.look``.
        """
        kept, left_out = state.get("tabs"), []
        first, self._restored_first = self._restored_first, None
        for tab in self.tabs:
            if first is not None and tab is first[0]:
                left_out += first[1]
                continue
            mine = kept.get(tab.name) if isinstance(kept, dict) else None
            if live and isinstance(mine, dict):
                tab.take_over(mine)
            elif isinstance(mine, dict):
                left_out += [f"{tab.name}.{what}" for what in _restored(tab, mine)]
            elif kept is not None and mine is not None:
                left_out.append(tab.name)
        if kept is not None and not isinstance(kept, dict):
            left_out.append("tabs")
        if any(tab.name == state.get("current") for tab in self.tabs):
            self.show_tab(state["current"])
        self.projects.restore(state.get("project"))
        self.lessons.resume()
        if live:
            self._take_message(*state["message"])
            shown, place = state["help"]
            if shown:
                (self._show_about if shown == "about" else self.show_help)()
                assert self._help is not None
                self._help.restoreGeometry(place)
        self._update_undo()
        return left_out

    def hand_over(self) -> dict[str, Any]:
        """The state for a rebuilt window, live objects included."""
        return {
            "current": self._current.name if self._current else "",
            "tabs": {tab.name: tab.hand_over() for tab in self.tabs},
            "project": self.projects.kept(live=True),
            "message": self._message(),
            "help": self._help_on_show(),
        }

    def _help_on_show(self) -> tuple[str, QByteArray]:
        """``"help"`` or ``"about"`` and where it stands; empty if neither is open."""
        if self._help is None or not self._help.isVisible():
            return "", QByteArray()
        shown = "about" if self._help_shown == self._about_html else "help"
        return shown, self._help.saveGeometry()

    def _message(self) -> tuple[str, str, str, str | None]:
        """What the strip says, its level, whose it is, and what an error of a tab is about."""
        tab = self._message_of
        whose = ("", None) if tab is None else (tab.name, tab.error_about)
        return self.strip.text, self.strip.level, *whose

    def _take_message(self, text: str, level: str, name: str, about: str | None) -> None:
        """Go on saying what another window said, unless there is something newer to say."""
        if not text or self.strip.text:
            return
        self.strip.show_message(text, level)
        self._message_of = next((tab for tab in self.tabs if tab.name == name), None)
        if self._message_of is not None:
            self._message_of.error_about = about

    def shutdown(self) -> None:
        """Stop all work and wait for it; once."""
        if self._shut:
            return
        self._shut = True
        self.leave_scene()
        self.lessons.shutdown()
        self.projects.shutdown()
        for tab in self.tabs:
            tab.shutdown()

    def closeEvent(self, event: QCloseEvent) -> None:
        if not self._shut:
            self.settings.set_data("geometry", self.saveGeometry())
            self.closing.emit()
            # The window goes at once; a step that still runs is waited for behind it.
            self.hide()
            self.shutdown()
        if self._help is not None:
            self._help.close()
        super().closeEvent(event)

    def changeEvent(self, event: QEvent) -> None:
        super().changeEvent(event)
        if event.type() == QEvent.LanguageChange:
            self._retell()
        elif event.type() == QEvent.WindowStateChange:
            self.full_screen_action.setChecked(self.isFullScreen())
            if self.isVisible() and not (self.isMaximized() or self.isFullScreen()):
                # The size it goes back to may be another screen's.
                QTimer.singleShot(0, self.fit_into_screen)
