"""OpenCV without its own account of broken files on stderr."""

from __future__ import annotations

import contextlib
import os
import threading
from collections.abc import Iterator

__all__ = ["quiet_opencv"]

_lock = threading.Lock()
_inside = 0  # blocks that run now, in all threads
_level = 0  # what it was before the first of them


@contextlib.contextmanager
def quiet_opencv() -> Iterator[None]:
    """Keep OpenCV from printing while the block runs; whoever calls says what is wrong.

    OpenCV 4 has the level on the module itself, OpenCV 5 in ``utils.logging``. The libraries in
    it (libjpeg, libpng) know no level; where no other thread could have something to say, stderr
    itself leads nowhere meanwhile, so that a command's one line stays the only one.
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
        with _stderr_away() if threading.active_count() == 1 else contextlib.nullcontext():
            yield
    finally:
        with _lock:
            _inside -= 1
            if not _inside:
                place.setLogLevel(_level)


@contextlib.contextmanager
def _stderr_away() -> Iterator[None]:
    try:
        kept = os.dup(2)
    except OSError:  # closed already
        yield
        return
    nowhere = os.open(os.devnull, os.O_WRONLY)
    try:
        os.dup2(nowhere, 2)
        yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)
        os.close(nowhere)
