"""The application around the window: set-up, errors that nobody caught, rebuilding."""

from __future__ import annotations

import contextlib
import logging
import sys
import threading
import time
import traceback
from collections.abc import Sequence
from types import TracebackType
from typing import TYPE_CHECKING, Any

from PyQt5.QtCore import QEventLoop, QObject, Qt, QTimer, pyqtSignal
from PyQt5.QtGui import QGuiApplication
from PyQt5.QtWidgets import QAction, QApplication

from filterlab.gui import i18n, theme
from filterlab.gui.collecting import Collector, uncollected
from filterlab.gui.crash_log import CrashLog, report
from filterlab.gui.ending import Ending, end_now, end_within
from filterlab.gui.errors import one_sentence
from filterlab.gui.i18n import tr
from filterlab.gui.jobs import held_back
from filterlab.gui.qt_texts import QtTexts
from filterlab.gui.session_menu import SessionMenu, told_time
from filterlab.gui.sessions import Left, Session, Sessions
from filterlab.gui.settings import Settings
from filterlab.gui.signals import connect_as
from filterlab.gui.tabs import TABS

if TYPE_CHECKING:
    from filterlab.gui.autosave import Autosave, State

__all__ = ["Desk", "make_application", "run_window"]

#: After a signal, threads that are still at work are given up after so many seconds.
_END_S = 0.5

#: So long the first frame is waited for; a desktop may show the window on another screen, or not.
_FIRST_FRAME_S = 0.5

#: So long, in milliseconds, the picture of the tab in front comes before the other tabs.
_PICTURE_MS = 500

_MOST_NAMED = 6

_log = logging.getLogger(__name__)


class _Uncaught(QObject):
    """Takes exceptions that nobody caught, from any thread, and shows them in the window."""

    caught = pyqtSignal(str)

    def install(self) -> None:
        """Become the interpreter's hook, before pyqtgraph is imported.

        That keeps a hook it finds, but would otherwise set one that hides the error.
        """
        sys.excepthook = self._on_exception
        threading.excepthook = self._on_thread_exception

    def _on_exception(
        self, kind: type[BaseException], error: BaseException, trace: TracebackType | None
    ) -> None:
        _log.error("nobody caught", exc_info=(kind, error, trace))
        with contextlib.suppress(OSError, AttributeError):  # the terminal may be gone
            traceback.print_exception(kind, error, trace)
        self.caught.emit(one_sentence(error))

    def _on_thread_exception(self, what: Any) -> None:
        if what.exc_value is not None:
            self._on_exception(what.exc_type, what.exc_value, what.exc_traceback)


def make_application(arguments: list[str] | None = None) -> QApplication:
    """The QApplication, made once, with attributes that must be set before it."""
    existing = QApplication.instance()
    if isinstance(existing, QApplication):
        return existing
    QApplication.setAttribute(Qt.AA_EnableHighDpiScaling, True)
    QApplication.setAttribute(Qt.AA_UseHighDpiPixmaps, True)
    QApplication.setHighDpiScaleFactorRoundingPolicy(
        Qt.HighDpiScaleFactorRoundingPolicy.PassThrough
    )
    app = QApplication(arguments or ["filterlab"])
    app.setApplicationName("filterlab")
    app.setApplicationDisplayName("FilterLab")
    app.setDesktopFileName("org.filterlab.FilterLab")
    app.installTranslator(QtTexts(app))
    font = app.font()
    # 13 pixels is what the layouts are drawn for. Without a desktop nobody has chosen a size.
    if font.pointSizeF() < 9.75 or app.platformName() == "offscreen":
        font.setPointSizeF(9.75)
        app.setFont(font)
    return app


def preferred_theme(app: QApplication, setting: str) -> str:
    """The theme to start in: the setting, else the desktop's own."""
    if setting in theme.THEMES:
        return setting
    return "dark" if app.palette().window().color().lightness() < 128 else "light"


class Desk(QObject):
    """Keeps the one window and rebuilds it when the theme or the text size changes.

    Attributes
    ----------
    autosave : Autosave or None
        Keeps the session, once the window was opened.
    by_signal : bool
        Whether a signal ends the program.
    """

    def __init__(
        self, app: QApplication, settings: Settings | None = None, window: bool = True
    ) -> None:
        super().__init__()
        self.app = app
        self.settings = settings or Settings()
        self.sessions = Sessions(self.settings.folder)
        self.autosave: Autosave | None = None
        self.by_signal = False
        i18n.set_language(i18n.preferred_language(self.settings.text("language")))
        self._theme = preferred_theme(app, self.settings.text("theme"))
        self._dress()
        self.window: Any = self._build() if window else None

    def _dress(self) -> None:
        """Theme, text size and motion as they are set."""
        chosen = self.settings.text("theme")
        theme.set_text_size(self.app, self.settings.text("text_size"))
        theme.apply(self.app, chosen if chosen in theme.THEMES else self._theme)
        motion = {"reduced": True, "full": False}
        theme.set_reduced_motion(motion.get(self.settings.text("motion")))

    def _build(self, in_front: str = "") -> Any:
        # Imported late: it brings pyqtgraph, which must find our excepthook.
        from filterlab.gui.main_window import MainWindow

        window = MainWindow(self.settings, in_front=in_front)
        connect_as(window.rebuild_requested, self._on_rebuild, Qt.QueuedConnection)
        window.closing.connect(self._on_closing)
        for text, slot in (
            (tr("Copy report"), self._copy_report),
            (tr("Copy report with file paths"), self._copy_report_with_paths),
        ):
            action = QAction(text, window)
            action.triggered.connect(slot)
            window.add_to_menu("help", action)
        window.add_to_menu("file", SessionMenu(self.sessions, self.open_session, window))
        return window

    # The session

    def open(self, picture: str | None = None) -> None:
        """Show the window as it was left, and a picture in it.

        Where it is not built yet, the tab in front is shown first, then with its picture, and the
        rest is built then.
        """
        session = self.sessions.claim()
        state = session.load()
        with held_back(), uncollected():  # a start makes no garbage
            if self.window is None:
                front = state.get("current")
                self.window = self._build(front if front in TABS else next(iter(TABS)))
                self.window.restore_front(state)
            geometry = self.settings.data("geometry")
            placed = geometry is not None and self.window.restoreGeometry(geometry)
            # Also what is found again: it may be from a larger screen, which Qt does not look at.
            self.window.fit_into_screen(placed)
            self._show_first_frame()
        if picture is None:
            self._show_first_picture()
        self.window.complete()
        self._restore(session, state)
        self.window.show()
        if picture is not None:
            self.window.open_paths([picture])

    def _show_first_frame(self) -> None:
        """Show a window that is not complete, and wait until it is painted."""
        if self.window.whole:
            return
        self.window.show()
        deadline = time.monotonic() + _FIRST_FRAME_S
        handle = self.window.windowHandle()
        while not handle.isExposed() and time.monotonic() < deadline:
            self.app.processEvents(QEventLoop.ExcludeUserInputEvents, 20)
        self.app.processEvents(QEventLoop.ExcludeUserInputEvents)

    def _show_first_picture(self) -> None:
        """Let the tab in front show what it reads before the others are built."""
        tab = self.window.current_tab
        if self.window.whole or tab is None:
            return
        wait = QTimer()
        wait.setSingleShot(True)
        wait.start(_PICTURE_MS)
        while wait.isActive() and not tab.settled:
            self.app.processEvents(
                QEventLoop.ProcessEventsFlags(
                    QEventLoop.ExcludeUserInputEvents | QEventLoop.WaitForMoreEvents
                )
            )
        self.app.processEvents(QEventLoop.ExcludeUserInputEvents)  # what came last is painted

    def open_session(self, left: Left) -> None:
        """Go on with a session that was left behind; the present one is kept among those."""
        session = self.sessions.take(left)
        if session is None:
            self.window.show_error(tr("Another window has this session open."))
            return
        if self.autosave is not None:
            self.autosave.finish()
        self._restore(session, session.load())

    def _restore(self, session: Session, state: dict[str, Any]) -> None:
        from filterlab.gui.autosave import Autosave

        left_out = list(session.left_out)
        in_tabs = self.window.restore_state(state)
        if in_tabs:
            session.set_aside()
        self.autosave = Autosave(self._state, session, self.settings, self)
        self.autosave.failed.connect(self._on_not_saved)
        self.autosave.start(now=bool(left_out or in_tabs))
        sentence = _damage(self.settings, session, in_tabs)
        if sentence:
            self.window.show_warning(sentence)
        elif not session.ended and session.when is not None:
            self.window.show_warning(
                tr("FilterLab was ended from outside; this is your work as of {time}.").format(
                    time=told_time(session.when)
                )
            )

    def _state(self) -> State:
        return self.window.save_state(), self.window.save_pictures()

    def _on_not_saved(self, sentence: str) -> None:
        self.window.show_warning(
            tr("Your work cannot be kept for the next start: {why}").format(why=sentence)
        )

    def save(self) -> None:
        """Save everything now (the desktop's session ends, and perhaps the program)."""
        self.settings.set_data("geometry", self.window.saveGeometry())
        if self.autosave is not None:
            self.autosave.save()

    def _on_closing(self) -> None:
        if self.autosave is not None:
            self.autosave.finish()

    def end(self, signal_number: int) -> None:
        """Save, cancel what runs, and end within a second; the shell's status of a signal."""
        status = 128 + signal_number
        self.by_signal = True
        end_within(_END_S, status)
        self.save()
        self.window.hide()
        self.app.exit(status)

    def close(self) -> None:
        """Stop all work, and let go of the session."""
        self._on_closing()
        self.window.shutdown()

    # When something goes wrong

    def _copy_report(self) -> None:
        self._put_on_clipboard(report())

    def _copy_report_with_paths(self) -> None:
        self._put_on_clipboard(report(with_paths=True))

    def _put_on_clipboard(self, text: str) -> None:
        QApplication.clipboard().setText(text)
        self.window.show_info(
            tr("The report is on the clipboard; it stays on this computer until you paste it.")
        )

    # Rebuilding

    def rebuild(self) -> None:
        """Build the window anew around its state."""
        old = self.window
        state, geometry, shown = old.hand_over(), old.saveGeometry(), old.isVisible()
        old.shutdown()
        self._dress()
        self.window = self._build()
        self.window.restoreGeometry(geometry)
        self.window.resize(old.size())
        self.window.restore_state(state, live=True)
        if shown:
            self.window.show()
        old.close()
        old.deleteLater()

    def _on_rebuild(self) -> None:
        self.rebuild()

    def show_error(self, sentence: str) -> None:
        """Show one sentence in the window."""
        if self.window is not None:
            self.window.show_error(sentence)


def _damage(settings: Settings, session: Session, in_tabs: Sequence[str]) -> str:
    """One sentence about all that could not be read; empty if all is well."""
    told = []
    for file, aside, left_out in (
        ("settings.json", settings.aside, settings.left_out),
        ("session.json", session.aside, [*session.left_out, *in_tabs]),
    ):
        if left_out:
            named = ", ".join(dict.fromkeys(left_out[:_MOST_NAMED]))
            text = tr("{file} is damaged, left out: {what}").format(file=file, what=named)
            if aside is not None:
                text += tr(" (kept as {name})").format(name=aside.name)
            told.append(text)
    settings.left_out.clear()  # said once
    return "; ".join(told) + "." if told else ""


def run_window(picture: str | None = None) -> int:
    """Open the window and run until it is closed; returns the exit status."""
    uncaught = _Uncaught()
    uncaught.install()
    app = make_application()
    log = CrashLog()
    collector = Collector(app)
    desk = Desk(app, window=False)
    ending = Ending()
    ending.asked.connect(desk.end)
    # Qt would close the windows at logout, which may yet be called off.
    QGuiApplication.setFallbackSessionManagementEnabled(False)
    connect_as(app.commitDataRequest, desk.save, Qt.DirectConnection)
    connect_as(uncaught.caught, desk.show_error, Qt.QueuedConnection)
    desk.open(picture)
    status = int(app.exec_())
    desk.close()
    ending.close()
    collector.close()
    log.close()
    if desk.by_signal:
        end_now(status)
    return status
