"""Frames of a camera or a video file; whoever asks gets the newest, the others are dropped."""

from __future__ import annotations

import os
import threading
import time
from dataclasses import dataclass
from types import TracebackType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from filterlab.caffe.quiet import quiet_opencv
from filterlab.errors import FilterLabError

__all__ = ["Camera", "Frame", "first_frame", "open_capture"]


@dataclass(frozen=True)
class Frame:
    """A frame: its number from 0, and the picture, float32 RGB ``(height, width, 3)``, 0 to 1."""

    number: int
    picture: NDArray[np.float32]


class Camera:
    """A camera, or a video file played at its own speed, read in a thread of its own.

    Opening may take a second: do it off the window's thread. Close it in the end (or use it in a
    ``with`` statement); the thread then stops within a frame.

    Parameters
    ----------
    source : int or path
        A camera's number (0 is the first), or a video file.
    first : int
        The frame of a video file to begin with, from 0; behind its end it begins anew.

    Raises
    ------
    FilterLabError
        If there is no such camera, or the file is missing or no video.
    """

    def __init__(self, source: int | str | os.PathLike[str] = 0, first: int = 0) -> None:
        self.source = source
        self._capture = open_capture(source)
        self._first = 0
        if first > 0 and not isinstance(source, int):
            count = self._capture.get(7)  # CAP_PROP_FRAME_COUNT
            if first < count and self._capture.set(1, first):  # CAP_PROP_POS_FRAMES
                self._first = first
        fps = self._capture.get(5)  # CAP_PROP_FPS
        is_file = not isinstance(source, int)
        # A camera's own read() waits for the next frame; a file would be read at once.
        self._period = 1 / min(240.0, fps if fps > 0 else 25.0) if is_file else 0.0
        self._news = threading.Condition()
        self._newest: tuple[int, NDArray[np.uint8]] | None = None
        self._ended = False
        self._stop = threading.Event()
        self._plays = threading.Event()
        self._plays.set()
        self._thread = threading.Thread(target=self._read, name="camera", daemon=True)
        self._thread.start()

    @property
    def ended(self) -> bool:
        """Whether no further frame will come: the file is over, or the camera was unplugged."""
        return self._ended

    def latest(self, after: int = -1, timeout: float = 0.0) -> Frame | None:
        """The newest frame with a number over ``after``; None if there is none yet.

        Waits for one at most ``timeout`` seconds.
        """
        with self._news:
            self._news.wait_for(lambda: self._has(after) or self._ended, timeout)
            newest = self._newest if self._has(after) else None
        if newest is None:
            return None
        # Made into floats here, so that frames nobody asks for cost nothing more.
        number, bgr = newest
        return Frame(number, _floats(bgr))

    def pause(self, on: bool) -> None:
        """Stand still, or go on from there."""
        if on:
            self._plays.clear()
        else:
            self._plays.set()

    def close(self) -> None:
        """Stop reading and free the camera; may be called twice."""
        self._stop.set()
        self._plays.set()
        self._thread.join()

    def __enter__(self) -> Camera:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def _has(self, after: int) -> bool:
        return self._newest is not None and self._newest[0] > after

    def _read(self) -> None:
        number = self._first
        due = time.monotonic()
        try:
            while not self._stop.is_set():
                if not self._plays.is_set():
                    self._plays.wait()
                    due = time.monotonic()
                    continue
                ok, bgr = self._capture.read()
                if not ok or bgr is None:
                    break
                with self._news:
                    self._newest = (number, bgr)
                    self._news.notify_all()
                number += 1
                due += self._period
                self._stop.wait(max(0.0, due - time.monotonic()))
        finally:
            self._capture.release()
            with self._news:
                self._ended = True
                self._news.notify_all()


def open_capture(source: int | str | os.PathLike[str]) -> Any:
    """OpenCV's capture of a camera or a video file, open; release it in the end.

    Raises
    ------
    FilterLabError
        If there is no such camera, or the file is missing or no video.
    """
    import cv2

    if not isinstance(source, int) and not os.path.isfile(source):
        raise FilterLabError(
            "{path}: there is no such file; choose a video.", path=os.fspath(source)
        )
    # OpenCV would print its own account of each way it tried.
    with quiet_opencv():
        try:
            capture = cv2.VideoCapture(source if isinstance(source, int) else os.fspath(source))
            opened = capture.isOpened()
        except cv2.error:
            opened = False
    if opened:
        return capture
    if isinstance(source, int):
        raise FilterLabError(
            "there is no camera {number}, or another program holds it; plug one in or "
            "close that program.",
            number=source,
        )
    raise _no_video(source)


def first_frame(path: str | os.PathLike[str]) -> NDArray[np.float32]:
    """A video file's first picture, float32 RGB ``(height, width, 3)``, 0 to 1.

    Raises
    ------
    FilterLabError
        If the file is missing, is no video, or holds no frame.
    """
    capture = open_capture(path)
    try:
        ok, bgr = capture.read()
    finally:
        capture.release()
    if not ok or bgr is None:
        raise _no_video(path)
    return _floats(bgr)


def _floats(bgr: NDArray[np.uint8]) -> NDArray[np.float32]:
    return bgr[:, :, ::-1].astype(np.float32) / np.float32(255)


def _no_video(path: str | os.PathLike[str]) -> FilterLabError:
    return FilterLabError(
        "{path}: is no video that can be read here; choose an AVI, MP4 or MKV file.",
        path=os.fspath(path),
    )
