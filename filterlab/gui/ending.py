"""Ctrl-C in the terminal, a closed terminal, kill and logout: the window saves and ends."""

from __future__ import annotations

import atexit
import contextlib
import os
import signal
import socket
import sys
import threading
from typing import Any, NoReturn

from PyQt5.QtCore import QObject, QSocketNotifier, pyqtSignal
from PyQt5.sip import voidptr

__all__ = ["Ending", "end_now", "end_within"]

_NAMES = ("SIGINT", "SIGTERM", "SIGHUP", "SIGBREAK")


class Ending(QObject):
    """Brings the system's signals into Qt's event loop.

    Python runs its handlers only between two of its own steps, of which a window at rest makes
    none. Here the system's handler writes into a socket that the event loop listens to.

    Signals
    -------
    asked(int) : the program is to end; the signal's number
    """

    asked = pyqtSignal(int)

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._times = 0
        self._ours, self._theirs = socket.socketpair()
        self._ours.setblocking(False)
        self._theirs.setblocking(False)
        self._fd_before = signal.set_wakeup_fd(self._theirs.fileno(), warn_on_full_buffer=False)
        self._before: dict[int, Any] = {}
        for name in _NAMES:
            number = getattr(signal, name, None)
            # What nohup, or a shell for its background jobs, has told to be ignored stays so.
            if number is not None and signal.getsignal(number) is not signal.SIG_IGN:
                self._before[number] = signal.signal(number, self._on_signal)
        handle = voidptr(self._ours.fileno())
        self._notifier = QSocketNotifier(handle, QSocketNotifier.Read, self)
        self._notifier.activated.connect(self._on_readable)

    def _on_signal(self, number: int, _: Any) -> None:
        """Python's part: the third Ctrl-C ends a program that no longer listens."""
        self._times += number == signal.SIGINT
        if self._times > 2:
            os._exit(128 + number)

    def _on_readable(self, *_: Any) -> None:
        try:
            numbers = self._ours.recv(64)
        except OSError:
            return
        for number in numbers:
            if number in self._before:
                self.asked.emit(int(number))
                return

    def close(self) -> None:
        """Put back what was there before."""
        self._notifier.setEnabled(False)
        for number, handler in self._before.items():
            signal.signal(number, handler)
        signal.set_wakeup_fd(self._fd_before)
        self._ours.close()
        self._theirs.close()


def end_within(seconds: float, status: int) -> None:
    """End the process by then, whatever a thread is still at; all must be saved before."""

    def end() -> None:
        with contextlib.suppress(Exception):
            os._exit(status)

    timer = threading.Timer(seconds, end)
    timer.daemon = True
    timer.start()


def end_now(status: int) -> NoReturn:
    """End the process, all being saved and closed.

    To take down what the libraries hold would take most of the second that a logout grants.
    """
    with contextlib.suppress(Exception):
        atexit._run_exitfuncs()
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(Exception):  # the terminal may be gone
            stream.flush()
    os._exit(status)
