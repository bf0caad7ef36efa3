"""The window walks over the picture and builds the output as it goes."""

from __future__ import annotations

import time

from PyQt5.QtCore import QObject, QTimer, pyqtSignal

__all__ = ["SPEEDS", "Walk"]

#: Pixels a second, for the slider.
SPEEDS = (1, 2, 5, 10, 30, 100, 300, 1000, 3000, 10_000, 30_000)


class Walk(QObject):
    """A position along the output's rows that moves with time.

    Signals
    -------
    moved(int) : how many pixels of the output are done
    ended() : it has come to the end, or was stopped
    """

    moved = pyqtSignal(int)
    ended = pyqtSignal()

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self.position = 0
        self.total = 0
        self.speed = 300
        self._exact = 0.0
        self._before = 0.0
        self._timer = QTimer(self)
        self._timer.setInterval(16)
        self._timer.timeout.connect(self._tick)

    @property
    def playing(self) -> bool:
        """Whether it moves by itself."""
        return bool(self._timer.isActive())

    @property
    def active(self) -> bool:
        """Whether an output is being built, moving or paused."""
        return self.total > 0

    def begin(self, total: int, position: int = 0) -> None:
        """Set out over an output of so many pixels."""
        self.total = total
        self._go(position)

    def play(self) -> None:
        """Move on."""
        if self.position >= self.total:
            self._go(0)
        self._before = time.perf_counter()
        self._timer.start()

    def pause(self) -> None:
        """Stand still."""
        self._timer.stop()

    def step(self, by: int = 1) -> None:
        """Some pixels on, or back."""
        self.pause()
        self._go(min(self.total, max(0, self.position + by)))

    def stop(self) -> None:
        """Give up: the whole output is shown again."""
        self._timer.stop()
        if self.total:
            self.total = self.position = 0
            self.ended.emit()

    def advance(self, seconds: float) -> None:
        """Go on by some time; the timer's clock calls this."""
        if not self.active:
            return
        self._exact += self.speed * seconds
        self._go(min(self.total, int(self._exact)), exact=False)
        if self.position >= self.total:
            self.stop()

    def _go(self, position: int, exact: bool = True) -> None:
        if exact:
            self._exact = float(position)
        self.position = position
        self.moved.emit(position)

    def _tick(self) -> None:
        now = time.perf_counter()
        elapsed, self._before = now - self._before, now
        # After a stall it goes on from where it was seen last.
        self.advance(min(elapsed, 0.1))
