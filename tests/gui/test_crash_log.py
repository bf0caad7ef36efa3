"""What went wrong is kept on this computer, and told without the user's paths."""

from __future__ import annotations

import logging
import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from gui_child import child
from PyQt5.QtWidgets import QApplication

import filterlab
from filterlab import paths
from filterlab.gui import app as gui_app
from filterlab.gui import main_window
from filterlab.gui.crash_log import CrashLog, report, without_paths


@pytest.fixture
def log() -> Iterator[CrashLog]:
    made = CrashLog()
    yield made
    made.close()


def read(name: str) -> str:
    file = paths.log_dir() / name
    return file.read_text("utf-8") if file.exists() else ""


@pytest.mark.expects_log
def test_errors_are_kept_with_their_traceback_and_rotate(log: CrashLog) -> None:
    logger = logging.getLogger("filterlab.gui.jobs")
    logger.info("not worth it")
    try:
        raise ValueError("oh")
    except ValueError:
        logger.exception("in a worker: %s", "é")
    assert "not worth it" not in read("filterlab.log")
    assert "ValueError: oh" in read("filterlab.log")
    for _ in range(1200):
        logger.error("x" * 1000)
    sizes = [f.stat().st_size for f in paths.log_dir().glob("filterlab.log*")]
    assert len(sizes) == 3
    assert sum(sizes) < 1 << 20


def test_a_folder_that_cannot_be_made_is_no_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    CrashLog(tmp_path / "file" / "log").close()


@pytest.mark.expects_log
@pytest.mark.qt_no_exception_capture
def test_what_nobody_caught_and_qt_says_is_kept(log: CrashLog, capsys: Any) -> None:
    hooks = sys.excepthook, gui_app.threading.excepthook
    gui_app._Uncaught().install()
    try:
        sys.excepthook(ValueError, ValueError("oh"), None)
    finally:
        sys.excepthook, gui_app.threading.excepthook = hooks
    assert "ValueError: oh" in read("filterlab.log")


@pytest.mark.skipif(sys.platform == "win32", reason="a fault is a signal")
def test_a_fault_is_kept(tmp_path: Path) -> None:
    data = tmp_path / "data"
    with child(data, "import faulthandler, os; faulthandler._sigsegv()") as window:
        assert window.ended() < 0
    text = (data / "log" / "crash.log").read_text("utf-8")
    assert "Segmentation fault" in text
    assert "child" in text or "<string>" in text, "and where"


SECRET = "Jane Doe"


@pytest.mark.parametrize(
    ("line", "told"),
    [
        ('  File "/home/Jane Doe/x/filterlab/gui/app.py", line 3, in f',
         '  File "filterlab/gui/app.py", line 3, in f'),
        ('  File "C:\\Users\\Jane Doe\\filterlab\\gui\\app.py", line 3',
         '  File "filterlab/gui/app.py", line 3'),
        ('  File "/home/Jane Doe/.venv/lib/python3.11/site-packages/qtpy/x.py", line 1',
         '  File "site-packages/qtpy/x.py", line 1'),
        ("OSError: [Errno 2] No such file: '/home/Jane Doe/my cat.png'",
         "OSError: [Errno 2] No such file: '<path>'"),
        ("/home/Jane Doe/my cat.png: is cut off", "<path>: is cut off"),
        ("cannot write C:\\Users\\Jane Doe\\a.png: disk full",
         "cannot write <path>: disk full"),
        ("in \\\\server\\Jane Doe\\a.png", "in <path>"),
        ("opened file:///home/Jane Doe/a.png", "opened <path>"),
        ("kept (~/Jane Doe/a.png)", "kept (<path>"),
        ("3 / 4 of 1/9 and/or", "3 / 4 of 1/9 and/or"),
    ],
)  # fmt: skip
def test_paths_are_left_out(line: str, told: str) -> None:
    assert without_paths(line) == told
    assert SECRET not in without_paths(f"{line}\n{line}")


@pytest.mark.expects_log
def test_the_report_has_versions_and_paths_only_if_asked(
    qapp: QApplication, monkeypatch: pytest.MonkeyPatch, until: Any
) -> None:
    monkeypatch.setattr(main_window, "tab_classes", list)
    log = CrashLog()
    desk = gui_app.Desk(qapp)
    desk.open()
    try:
        logging.getLogger("filterlab").error("/home/Jane Doe/cat.png: is cut off")
        actions = {a.text().replace("&", ""): a for a in desk.window.menus["help"].actions()}
        actions["Copy report"].trigger()
        text = qapp.clipboard().text()
        assert f"FilterLab {filterlab.__version__}" in text
        assert "numpy " in text
        assert ": is cut off" in text
        assert SECRET not in text
        assert os.path.expanduser("~") not in text
        assert "clipboard" in desk.window.strip.text
        actions["Copy report with file paths"].trigger()
        assert "/home/Jane Doe/cat.png" in qapp.clipboard().text()
    finally:
        desk.close()
        desk.window.close()
        desk.window.deleteLater()
        log.close()
    assert report(folder=paths.data_dir() / "nowhere").startswith("FilterLab ")
