"""When Python looks for garbage: never while Qt goes over its widgets, nor on another thread.

A widget that only a ring of references keeps alive ends when Python's collector finds it, which may
be at any line of Python, on any thread. Qt's lists of widgets do not expect that, for instance
while a style sheet is laid over all of them: the process then ends with a segmentation fault.
"""

from __future__ import annotations

import contextlib
import gc
from collections.abc import Iterator

from PyQt5.QtCore import QObject, QTimer

__all__ = ["Collector", "uncollected"]

#: Garbage is looked for so often, in milliseconds, if there may be some.
_EACH_MS = 500


#: Blocks in which nothing is looked for.
_blocks = 0


@contextlib.contextmanager
def uncollected() -> Iterator[None]:
    """Look for no garbage within the block."""
    global _blocks
    wanted = gc.isenabled()
    gc.disable()
    _blocks += 1
    try:
        yield
    finally:
        _blocks -= 1
        if wanted:
            gc.enable()


class Collector(QObject):
    """Looks for garbage between the events of the window's thread, and nowhere else."""

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        gc.disable()
        self._timer = QTimer(self)
        self._timer.setInterval(_EACH_MS)
        self._timer.timeout.connect(self.look)
        self._timer.start()

    def look(self) -> None:
        """Collect the generations for which Python itself would do so by now."""
        if _blocks:
            return
        for generation, most in enumerate(gc.get_threshold()):
            if most and gc.get_count()[generation] > most:
                gc.collect(generation)

    def close(self) -> None:
        """Leave it to Python again."""
        self._timer.stop()
        gc.enable()
