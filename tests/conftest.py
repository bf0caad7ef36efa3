"""Shared by all tests: isolation, and what makes a test fail that would otherwise pass.

A leaked thread, an unexpected log line, a Qt warning or a stray window fails the test that
caused it.
"""

from __future__ import annotations

import gc
import itertools
import logging
import os
import sys
import threading
from collections.abc import Generator, Iterator
from pathlib import Path
from typing import Any

import pytest

os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")
# Tests that load ONNX Runtime themselves send nothing anywhere either.
os.environ["ORT_DISABLE_TELEMETRY"] = "1"

_MANY_WINDOWS = 80

REPO = Path(__file__).resolve().parent.parent


@pytest.fixture(scope="session")
def repo() -> Path:
    """The checkout's top folder."""
    return REPO


@pytest.fixture(scope="session")
def qapp() -> Any:
    """The application as the program makes it, in the light theme, whichever test asks first."""
    from filterlab.gui import theme
    from filterlab.gui.app import make_application

    app = make_application(["filterlab-tests"])
    theme.apply(app, "light")
    return app


@pytest.fixture(scope="session")
def shared() -> Path:
    """The folder of reference data beside the checkout; skips where it is missing."""
    folder = Path(os.environ.get("FILTERLAB_SHARED") or REPO.parent / "shared")
    if not (folder / "goldens").is_dir():
        pytest.skip(f"no reference data at {folder} (set FILTERLAB_SHARED)")
    return folder


@pytest.fixture(scope="session")
def _data_folders(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Folders that are yet to be made, all in one: pytest looks at all that lies beside its own."""
    above = tmp_path_factory.mktemp("data")
    return (above / str(number) for number in itertools.count())


@pytest.fixture(autouse=True)
def _own_folders(_data_folders: Iterator[Path], monkeypatch: pytest.MonkeyPatch) -> None:
    """Every test has its own data folder, so that none touches the user's."""
    folder = next(_data_folders)
    folder.mkdir()
    monkeypatch.setenv("FILTERLAB_DATA", str(folder))
    for name in ("FILTERLAB_MODELS", "FILTERLAB_MIRROR", "FILTERLAB_CAFFE", "FILTERLAB_LANG"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture(autouse=True)
def _same_look() -> Iterator[None]:
    """Font, text size and theme that a test chose end with it, whatever room it is in."""
    before = _font()
    yield
    if "filterlab.gui.theme" not in sys.modules:
        return
    from PyQt5.QtCore import QEvent
    from PyQt5.QtWidgets import QApplication

    from filterlab.gui import theme

    app = QApplication.instance()
    if app is None:
        return
    # Windows that were closed wait for the next event loop, however late a test has one.
    app.sendPostedEvents(None, QEvent.DeferredDelete)
    font_changed = before is not None and app.font() != before
    size_changed, theme_changed = theme.text_size() != "normal", theme.current() is not theme.LIGHT
    changed = font_changed or size_changed or theme_changed
    if changed or len(app.topLevelWidgets()) > _MANY_WINDOWS:
        # Python is in no hurry to find those that have ended; each costs a look and a font's
        # change time until it does.
        gc.collect()
    if font_changed:
        app.setFont(before)
    if size_changed:
        theme.set_text_size(app, "normal")
    if theme_changed:
        theme.apply(app, "light")
    theme.set_reduced_motion(None)


def _font() -> Any:
    """The application's font, if there is an application."""
    if "PyQt5.QtWidgets" not in sys.modules:
        return None
    from PyQt5.QtGui import QFont
    from PyQt5.QtWidgets import QApplication

    app = QApplication.instance()
    return None if app is None else QFont(app.font())


@pytest.fixture(autouse=True)
def _no_leaked_threads() -> Iterator[None]:
    before = set(threading.enumerate())
    yield
    left = [t for t in threading.enumerate() if t not in before and t.is_alive()]
    for thread in left:
        # A thread that was told to stop may still be on its way out.
        thread.join(timeout=5)
    left = [t for t in left if t.is_alive()]
    if left:
        pytest.fail(f"threads left running: {[t.name for t in left]}")


@pytest.fixture(autouse=True)
def _no_unexpected_logs(
    request: pytest.FixtureRequest, caplog: pytest.LogCaptureFixture
) -> Iterator[None]:
    """A log line of level WARNING or higher fails the test unless marked ``expects_log``."""
    yield
    if request.node.get_closest_marker("expects_log"):
        return
    lines = [
        f"{record.name}: {record.getMessage()}"
        for when in ("setup", "call")
        for record in caplog.get_records(when)
        if record.levelno >= logging.WARNING
    ]
    if lines:
        pytest.fail("unexpected log lines: " + "; ".join(lines))


@pytest.hookimpl(wrapper=True)
def pytest_collection() -> Generator[None, object, object]:
    """What is collected stays: to look for garbage meanwhile takes as long as all the rest.

    Nor need the collector go through it again while the tests run.
    """
    gc.disable()
    try:
        return (yield)
    finally:
        gc.enable()
        gc.collect()
        gc.freeze()


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "expects_log: the test makes a log line on purpose")
    config.addinivalue_line("markers", "long: not in make test but in make test-long")
