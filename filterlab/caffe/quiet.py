"""OpenCV without its own account of broken files on stderr."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterator

__all__ = ["quiet_opencv"]

_lock = threading.Lock()
_inside = 0  # blocks that run now, in all threads
_level = 0  # what it was before the first of them


@contextlib.contextmanager
def quiet_opencv() -> Iterator[None]:
    """Keep OpenCV from printing while the block runs; whoever calls says what is wrong.

    OpenCV 4 has the level on the module itself, OpenCV 5 in ``utils.logging``.
    """
    import cv2

    global _inside, _level
    place = getattr(cv2.utils, "logging", cv2)
    with _lock:
        if not _inside:
            _level = place.getLogLevel()
            place.setLogLevel(0)  # silent
        _inside += 1
    try:
        yield
    finally:
        with _lock:
            _inside -= 1
            if not _inside:
                place.setLogLevel(_level)
