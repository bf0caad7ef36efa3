"""OpenCV without its own account of broken files on stderr."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

__all__ = ["quiet_opencv"]


@contextlib.contextmanager
def quiet_opencv() -> Iterator[None]:
    """Keep OpenCV from printing while the block runs; whoever calls says what is wrong.

    OpenCV 4 has the level on the module itself, OpenCV 5 in ``utils.logging``.
    """
    import cv2

    place = getattr(cv2.utils, "logging", cv2)
    level = place.getLogLevel()
    place.setLogLevel(0)  # silent
    try:
        yield
    finally:
        place.setLogLevel(level)
