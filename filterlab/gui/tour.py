"""Screenshots of the real window at work, without a display if need be.

Each tab contributes scenes: its package's ``tour`` module has ``scenes(window, wait)``, a
generator that drives the real widgets and yields a short name whenever a picture is to be taken.
Dialogs that are open are in the picture.
``wait(condition, what)`` runs the window until a condition holds; it never waits for a time.
"""

from __future__ import annotations

import importlib
import os
import sys
import tempfile
import time
from collections.abc import Callable, Generator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from filterlab import paths
from filterlab.errors import FilterLabError
from filterlab.gui.tabs import TABS

if TYPE_CHECKING:
    from filterlab.gui.main_window import MainWindow

__all__ = ["SIZE", "Wait", "scene_modules", "take_tour"]

SIZE = (1280, 800)

#: ``wait(condition, what, timeout=60)``.
Wait = Callable[..., None]
Scenes = Generator[str, None, None]


def scene_modules() -> list[str]:
    """The tabs' tour modules, in the tabs' order, and what belongs to no tab."""
    return [f"filterlab.gui.{name}.tour" for name in (*TABS, "lessons")]


def _prepare_platform(scale: float) -> None:
    """Choose the offscreen platform and the scale, before Qt is loaded."""
    no_display = not (os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY"))
    if sys.platform.startswith("linux") and no_display:
        os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")
        # The offscreen screen claims 100 dots an inch, which would scale everything by 1.04.
        os.environ.setdefault("QT_FONT_DPI", "96")
    if scale != 1:
        os.environ["QT_SCALE_FACTOR"] = f"{scale:g}"


def _hush_platform() -> Any:
    """Drop what Qt says about a platform without a display; returns the handler from before."""
    from PyQt5.QtCore import qInstallMessageHandler

    def show(kind: Any, context: Any, text: str) -> None:
        if text.startswith(("This plugin does not support", "QStandardPaths: XDG_RUNTIME_DIR")):
            return
        if before is not None:
            before(kind, context, text)
        else:
            print(text, file=sys.stderr)

    before = qInstallMessageHandler(show)
    return before


def take_tour(
    out: str | os.PathLike[str],
    scale: float = 1.0,
    language: str = "en",
    theme_name: str = "light",
    only: str = "",
    on_saved: Callable[[Path], object] | None = None,
    size: tuple[int, int] = SIZE,
) -> list[Path]:
    """Drive the window through all scenes and save a numbered PNG of each.

    Parameters
    ----------
    out : path
        The folder for the pictures; made if it is missing.
    scale : float
        Device pixels per pixel, such as 2 for a high-resolution screen.
    language, theme_name : str
        ``"en"`` or ``"zh"``; ``"light"`` or ``"dark"``.
    only : str
        The key of one tab whose scenes are taken; all if empty.
    size : tuple of int
        Width and height of the window, in its pixels.

    Raises
    ------
    FilterLabError
        If a scene does not come about in time, or an error shows in the window meanwhile.
    """
    tabs = [module.split(".")[2] for module in scene_modules()]
    if only and only not in tabs:
        raise FilterLabError(
            "there is no tab {only!r} in the tour; take {tabs}", only=only, tabs=", ".join(tabs)
        )
    folder = Path(out)
    folder.mkdir(parents=True, exist_ok=True)
    _prepare_platform(scale)
    from PyQt5.QtCore import QCoreApplication, QEvent, qInstallMessageHandler

    from filterlab.gui.app import Desk, make_application
    from filterlab.gui.settings import Settings

    before_qt = _hush_platform()
    app = make_application()
    uncaught: list[str] = []
    hook = sys.excepthook

    def on_exception(kind: Any, error: BaseException, trace: Any) -> None:
        uncaught.append(f"{kind.__name__}: {error}")
        hook(kind, error, trace)

    sys.excepthook = on_exception

    def wait(condition: Callable[[], object], what: str, timeout: float = 60.0) -> None:
        deadline = time.monotonic() + timeout
        while not condition():
            if time.monotonic() > deadline:
                raise FilterLabError(
                    "the tour waited {timeout:g} s in vain for: {what}", timeout=timeout, what=what
                )
            app.processEvents()
            time.sleep(0.002)
        app.processEvents()
        if uncaught:
            raise FilterLabError(
                "an error came up during the tour: {uncaught}", uncaught=uncaught[0]
            )

    saved: list[Path] = []
    # The tour has a folder of its own: it must not show, or touch, what is the user's; models stay.
    ours = {"FILTERLAB_LANG": language, "FILTERLAB_MODELS": str(paths.models_dir())}
    before = {name: os.environ.get(name) for name in (*ours, "FILTERLAB_DATA")}
    try:
        with tempfile.TemporaryDirectory(prefix="filterlab-tour-") as own:
            os.environ.update({**ours, "FILTERLAB_DATA": own})
            settings = Settings(Path(own))
            settings.set_text("theme", theme_name)
            desk = Desk(app, settings)
            try:
                desk.window.resize(*size)
                _run_scenes(desk.window, wait, folder, only, saved, on_saved)
            finally:
                desk.window.close()
                desk.window.deleteLater()
                QCoreApplication.sendPostedEvents(None, QEvent.DeferredDelete)
                app.processEvents()
                settings.sync()
    finally:
        sys.excepthook = hook
        qInstallMessageHandler(before_qt)
        for name, value in before.items():
            os.environ.pop(name, None)
            if value is not None:
                os.environ[name] = value
    return saved


def _picture(window: MainWindow) -> Any:
    """The window with the dialogs and popups that lie over it."""
    from PyQt5.QtCore import QRect
    from PyQt5.QtGui import QColor, QPainter
    from PyQt5.QtWidgets import QApplication

    from filterlab.gui import theme

    picture = window.grab()
    painter = QPainter(picture)
    for other in QApplication.topLevelWidgets():
        if other is not window and other.isVisible():
            place = QRect(window.mapFromGlobal(other.pos()), other.size())
            painter.drawPixmap(place.topLeft(), other.grab())
            painter.setPen(QColor(theme.current().line))
            painter.drawRect(place.adjusted(0, 0, -1, -1))
    painter.end()
    return picture


def _run_scenes(
    window: MainWindow,
    wait: Wait,
    folder: Path,
    only: str,
    saved: list[Path],
    on_saved: Callable[[Path], object] | None,
) -> None:
    window.show()
    wait(window.isVisible, "the window")
    for module in scene_modules():
        tab = module.split(".")[2]
        if only and tab != only:
            continue
        if tab in TABS:
            window.show_tab(tab)
        for name in importlib.import_module(module).scenes(window, wait):
            # Layouts settle over a few turns of the event loop.
            for _ in range(4):
                wait(lambda: True, "the layout")
            path = folder / f"{len(saved) + 1:02d}_{tab}_{name}.png"
            if not _picture(window).save(str(path)):
                raise FilterLabError(
                    "{path} could not be written; choose another folder", path=path
                )
            saved.append(path)
            if on_saved is not None:
                on_saved(path)
