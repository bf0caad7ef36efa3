"""For tests of the window: one look for all, and helpers that wait on state."""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from PyQt5.QtCore import QRectF
from PyQt5.QtGui import QImage
from PyQt5.QtWidgets import QApplication, QGraphicsView, QWidget

from filterlab.gui import file_dialogs, i18n


def _module(name: str) -> ModuleType:
    """A module that lies here and can also be run as a script."""
    spec = importlib.util.spec_from_file_location(
        f"gui_{name}", Path(__file__).with_name(f"{name}.py")
    )
    assert spec is not None
    assert spec.loader is not None
    made = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = made
    spec.loader.exec_module(made)
    return made


_child = _module("child")


@pytest.fixture(autouse=True)
def _english(qapp: QApplication) -> Iterator[None]:
    i18n.set_language("en")
    yield
    i18n.set_language("en")


@pytest.fixture(autouse=True)
def _no_folders() -> Iterator[None]:
    """What a window's dialogs remember ends with the test."""
    yield
    file_dialogs.remember_in(None)


@pytest.fixture
def chinese(_english: None) -> None:
    """The window in Chinese."""
    i18n.set_language("zh_CN")


@pytest.fixture
def until(qtbot) -> Callable[[Callable[[], object]], None]:
    """Run the event loop until a condition holds."""

    def wait(condition: Callable[[], object], timeout: int = 20_000) -> None:
        qtbot.waitUntil(lambda: bool(condition()), timeout=timeout)

    return wait


@pytest.fixture
def listen(monkeypatch: pytest.MonkeyPatch) -> Callable[[QWidget], list[Any]]:
    """``listen(widget)``: the shapes that it paints, see ``listening.py``."""
    module = _module("listening")

    def heard(widget: QWidget) -> list[Any]:
        image = QImage(widget.size(), QImage.Format_RGB32)
        if isinstance(widget, QGraphicsView):
            widget.grab()  # pyqtgraph puts off what it must compute for it
            module.Listening.heard = []
            painter = module.Listening(image)
            widget.scene().render(painter, QRectF(image.rect()), widget.sceneRect())
            painter.end()
            return list(module.Listening.heard)
        module.Listening.heard = []
        with monkeypatch.context() as patched:
            patched.setattr(f"{type(widget).__module__}.QPainter", module.Listening)
            widget.render(image)
        return list(module.Listening.heard)

    return heard


@pytest.fixture
def listening(qapp: QApplication) -> Any:
    """The painter that keeps what is drawn with it."""
    made = _module("listening").Listening
    made.heard = []
    return made


@pytest.fixture(scope="session")
def painted(qapp: QApplication) -> ModuleType:
    """What tells every text that a window paints."""
    return _module("painted")
