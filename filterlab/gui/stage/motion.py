"""A time that runs from 0 to 1, unless motion is not wanted."""

from __future__ import annotations

import time

from PyQt5.QtCore import QObject, QTimer, pyqtSignal

from filterlab.gui import theme

__all__ = ["STEP_MS", "Motion"]

#: How long a step of a story moves.
STEP_MS = 400


class Motion(QObject):
    """Runs a time from where it is to 0 or 1.

    Signals
    -------
    moved(float) : the time
    ended() : it has arrived by itself, not by being stopped
    """

    moved = pyqtSignal(float)
    ended = pyqtSignal()

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self.t = 1.0
        self._per_ms = 0.0
        self._before = 0.0
        self._timer = QTimer(self)
        self._timer.setInterval(16)
        self._timer.timeout.connect(self._tick)

    @property
    def running(self) -> bool:
        """Whether it moves."""
        return bool(self._timer.isActive())

    def start(self, milliseconds: float, from_: float = 0.0, to: float = 1.0) -> None:
        """Run; with reduced motion it is there at once."""
        self.t = from_
        if theme.reduced_motion() or milliseconds <= 0:
            self._timer.stop()
            self._arrive(to)
            return
        self._per_ms = (1.0 if to > from_ else -1.0) / milliseconds
        self._before = time.perf_counter()
        self._timer.start()
        self.moved.emit(self.t)

    def stop(self) -> None:
        """Stand still where it is."""
        self._timer.stop()

    def set(self, t: float) -> None:
        """Stand still at a time."""
        self._timer.stop()
        self.t = t
        self.moved.emit(t)

    def advance(self, milliseconds: float) -> None:
        """Go on by some time; the timer's clock calls this."""
        at = self.t + self._per_ms * milliseconds
        if at >= 1 or at <= 0:
            self._timer.stop()
            self._arrive(1.0 if at >= 1 else 0.0)
            return
        self.t = at
        self.moved.emit(at)

    def _arrive(self, t: float) -> None:
        self.t = t
        self.moved.emit(t)
        self.ended.emit()

    def _tick(self) -> None:
        now = time.perf_counter()
        elapsed, self._before = now - self._before, now
        # After a stall it goes on from where it was seen last.
        self.advance(min(1000 * elapsed, 100.0))
