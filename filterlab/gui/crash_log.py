"""What went wrong, in a file that stays on this computer, and the report that can be copied.

``filterlab.log`` has warnings and errors with their tracebacks, ``crash.log`` what
``faulthandler`` writes when the process dies of a fault. Both are short and in
:func:`filterlab.paths.log_dir`; nothing sends them anywhere.
"""

from __future__ import annotations

import contextlib
import faulthandler
import logging
import os
import platform
import re
import sys
from logging.handlers import RotatingFileHandler
from pathlib import Path
from typing import IO

from PyQt5.QtCore import (
    PYQT_VERSION_STR,
    QMessageLogContext,
    QtCriticalMsg,
    QtFatalMsg,
    QtMsgType,
    QtWarningMsg,
    qInstallMessageHandler,
    qVersion,
)
from PyQt5.QtWidgets import QApplication

import filterlab
from filterlab import paths
from filterlab.gui import i18n, theme

__all__ = ["CrashLog", "report", "without_paths"]

_MOST = 256 << 10
_LOG, _CRASH = "filterlab.log", "crash.log"
#: So much of each file's end is in a report, in characters.
_TAIL = 6000

_LIBRARIES = (
    "PyQt5 pyqtgraph numpy scipy onnxruntime onnx protobuf opencv-python-headless opencv-python "
    "scikit-image pillow h5py"
).split()

_qt_log = logging.getLogger("filterlab.qt")


class CrashLog:
    """Writes the two files until :meth:`close`; a folder that cannot be written is no error."""

    def __init__(self, folder: Path | None = None) -> None:
        self.folder = folder or paths.log_dir()
        self._handler: logging.Handler | None = None
        self._stream: IO[str] | None = None
        with contextlib.suppress(OSError):
            self.folder.mkdir(parents=True, exist_ok=True)
            crash = self.folder / _CRASH
            with contextlib.suppress(OSError):
                if crash.stat().st_size > _MOST:
                    os.replace(crash, crash.with_name(f"{_CRASH}.1"))
            self._stream = open(crash, "a", encoding="utf-8")  # noqa: SIM115 - for faulthandler
            faulthandler.enable(self._stream)
            self._handler = RotatingFileHandler(
                self.folder / _LOG, maxBytes=_MOST, backupCount=2, encoding="utf-8", delay=True,
                errors="backslashreplace",
            )  # fmt: skip
            self._handler.setLevel(logging.WARNING)
            self._handler.setFormatter(
                logging.Formatter("%(asctime)s %(process)d %(levelname)s %(name)s: %(message)s")
            )
            logging.getLogger("filterlab").addHandler(self._handler)
        self._qt_before = qInstallMessageHandler(self._on_qt)

    def _on_qt(self, kind: QtMsgType, context: QMessageLogContext, text: str) -> None:
        if kind in (QtWarningMsg, QtCriticalMsg, QtFatalMsg):
            _qt_log.warning("%s", text)
        if self._qt_before is not None:
            self._qt_before(kind, context, text)
        elif sys.stderr is not None:
            print(text, file=sys.stderr)

    def close(self) -> None:
        """Let go of the files."""
        qInstallMessageHandler(self._qt_before)
        if self._handler is not None:
            logging.getLogger("filterlab").removeHandler(self._handler)
            self._handler.close()
        if self._stream is not None:
            faulthandler.disable()
            self._stream.close()
        self._handler = self._stream = None


def report(with_paths: bool = False, folder: Path | None = None) -> str:
    """What to send along with a question: versions, screens, and the last of the log.

    ``with_paths`` says whether the paths in the log stay; else they are replaced.
    """
    screens = [
        f"{s.size().width()}x{s.size().height()} at {s.devicePixelRatio():g}"
        for s in QApplication.screens()
    ]
    lines = [
        f"FilterLab {filterlab.__version__}",
        f"Python {platform.python_version()} ({platform.machine()}), {platform.platform()}",
        f"Qt {qVersion()}, PyQt {PYQT_VERSION_STR}, {QApplication.platformName()}, "
        f"screens {', '.join(screens)}",
        f"language {i18n.language()}, theme {theme.current().name}, {os.cpu_count()} processors",
        *(f"{name} {version}" for name in _LIBRARIES if (version := _version(name))),
    ]
    for name in (_LOG, _CRASH):
        tail = _tail((folder or paths.log_dir()) / name)
        if tail:
            lines += ["", f"--- {name}", tail if with_paths else without_paths(tail)]
    return "\n".join(lines) + "\n"


def _version(name: str) -> str:
    import importlib.metadata

    try:
        return importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return ""


def _tail(path: Path) -> str:
    try:
        with open(path, "rb") as stream:
            stream.seek(max(0, path.stat().st_size - _TAIL))
            text = stream.read(_TAIL).decode("utf-8", "replace")
    except OSError:
        return ""
    # A line that was cut in two says half a path.
    return text.partition("\n")[2].strip() if len(text) == _TAIL else text.strip()


_ROOT = r"(?:[A-Za-z]:[\\/]|\\\\|~[\\/]|file:/+|/(?=[^\s/]))"
#: A path in quotes; else one from its root to the next quote, colon or end of line, since folders
#: have names of several words.
_QUOTED = re.compile(rf"""(["'])({_ROOT}[^"'\n]*)\1""")
_BARE = re.compile(rf"""(?:(?<=^)|(?<=[\s(\[=,;]))({_ROOT}[^"':\n]*)""", re.MULTILINE)
_OURS = re.compile(r".*[\\/]((?:filterlab|site-packages|lib[\\/]python[\d.]+)[\\/].*\.py)")


def without_paths(text: str) -> str:
    """A log without the user's paths; of a traceback's, the part within the program stays."""

    def quoted(match: re.Match[str]) -> str:
        return f"{match[1]}{_told(match[2])}{match[1]}"

    text = _QUOTED.sub(quoted, text)
    return _BARE.sub(lambda match: _told(match[1]), text)


def _told(path: str) -> str:
    ours = _OURS.fullmatch(path)
    return ours[1].replace("\\", "/") if ours else "<path>"
