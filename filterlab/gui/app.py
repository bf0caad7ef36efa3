"""The application around the window: set-up, errors that nobody caught, rebuilding."""

from __future__ import annotations

import os
import sys
import threading
import traceback
from types import TracebackType
from typing import Any

os.environ.setdefault("QT_API", "pyqt5")

from qtpy.QtCore import QObject, Qt, Signal
from qtpy.QtWidgets import QApplication

from filterlab.gui import i18n, theme
from filterlab.gui.errors import one_sentence
from filterlab.gui.settings import Settings

__all__ = ["Desk", "make_application", "run_window"]


class _Uncaught(QObject):
    """Takes exceptions that nobody caught, from any thread, and shows them in the window."""

    caught = Signal(str)

    def install(self) -> None:
        """Become the interpreter's hook; before pyqtgraph is imported, which keeps a hook it
        finds but would otherwise set one that hides the error."""
        sys.excepthook = self._on_exception
        threading.excepthook = self._on_thread_exception

    def _on_exception(
        self, kind: type[BaseException], error: BaseException, trace: TracebackType | None
    ) -> None:
        if issubclass(kind, KeyboardInterrupt):
            QApplication.quit()
            return
        traceback.print_exception(kind, error, trace)
        self.caught.emit(one_sentence(error))

    def _on_thread_exception(self, what: Any) -> None:
        if what.exc_value is not None:
            self._on_exception(what.exc_type, what.exc_value, what.exc_traceback)


def make_application(arguments: list[str] | None = None) -> QApplication:
    """The QApplication, made once, with attributes that must be set before it."""
    existing = QApplication.instance()
    if existing is not None:
        return existing
    QApplication.setAttribute(Qt.AA_EnableHighDpiScaling, True)
    QApplication.setAttribute(Qt.AA_UseHighDpiPixmaps, True)
    QApplication.setHighDpiScaleFactorRoundingPolicy(
        Qt.HighDpiScaleFactorRoundingPolicy.PassThrough
    )
    app = QApplication(arguments or ["filterlab"])
    app.setApplicationName("filterlab")
    app.setApplicationDisplayName("FilterLab")
    app.setDesktopFileName("filterlab")
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
    """Keeps the one window and rebuilds it when the language or the theme changes."""

    def __init__(self, app: QApplication, settings: Settings | None = None) -> None:
        super().__init__()
        self.app = app
        self.settings = settings or Settings()
        i18n.set_language(i18n.preferred_language(self.settings.text("language")))
        self._theme = preferred_theme(app, self.settings.text("theme"))
        theme.apply(app, self._theme)
        self.window = self._build()

    def _build(self) -> Any:
        # Imported late: it brings pyqtgraph, which must find our excepthook.
        from filterlab.gui.main_window import MainWindow

        window = MainWindow(self.settings)
        window.rebuild_requested.connect(self._on_rebuild, Qt.QueuedConnection)
        return window

    def open(self, picture: str | None = None) -> None:
        """Show the window as it was left, and a picture in it."""
        geometry = self.settings.bytes("geometry")
        if geometry is not None:
            self.window.restoreGeometry(geometry)
        # Also what is found again: it may be from a larger screen, which Qt does not look at.
        self.window.fit_into_screen()
        self.window.restore_state(self.settings.load_session())
        self.window.show()
        if picture is not None:
            self.window.open_paths([picture])

    def rebuild(self) -> None:
        """Build the window anew around its state."""
        old = self.window
        state, geometry, shown = old.hand_over(), old.saveGeometry(), old.isVisible()
        old.shutdown()
        chosen = self.settings.text("theme")
        theme.apply(self.app, chosen if chosen in theme.THEMES else self._theme)
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
        self.window.show_error(sentence)


def run_window(picture: str | None = None) -> int:
    """Open the window and run until it is closed; returns the exit status."""
    uncaught = _Uncaught()
    uncaught.install()
    app = make_application()
    desk = Desk(app)
    uncaught.caught.connect(desk.show_error, Qt.QueuedConnection)
    desk.open(picture)
    status = int(app.exec_())
    desk.window.shutdown()
    desk.settings.sync()
    return status
