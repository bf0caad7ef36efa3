"""For tests of the window: one look for all, and helpers that wait on state."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
from qtpy.QtWidgets import QApplication

from filterlab.gui import i18n, theme
from filterlab.gui.app import make_application


@pytest.fixture(scope="session")
def qapp() -> QApplication:
    """The application as the program makes it, in the light theme."""
    app = make_application(["filterlab-tests"])
    theme.apply(app, "light")
    return app


@pytest.fixture(autouse=True)
def _english(qapp: QApplication) -> Iterator[None]:
    i18n.set_language("en")
    yield
    i18n.set_language("en")


@pytest.fixture
def chinese(_english: None) -> None:
    """The window in Chinese."""
    i18n.set_language("zh")


@pytest.fixture
def until(qtbot) -> Callable[[Callable[[], object]], None]:
    """Run the event loop until a condition holds."""

    def wait(condition: Callable[[], object], timeout: int = 20_000) -> None:
        qtbot.waitUntil(lambda: bool(condition()), timeout=timeout)

    return wait
