"""The camera as input: it is opened off the window's thread, and the newest frame wins."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from PyQt5.QtCore import QObject, QTimer, pyqtSignal

from filterlab.gui.jobs import JobRunner
from filterlab.progress import Job, Progress

if TYPE_CHECKING:  # few have one in use
    from filterlab.pictures.camera import Camera

__all__ = ["CameraFeed"]


class CameraFeed(QObject):
    """Frames of a camera, taken whenever the window is ready for one.

    Signals
    -------
    frame(object) : float32 (H, W, 3), 0 to 1
    failed(str) : there is no camera, in a sentence
    stopped() : it ended, for whatever reason
    """

    frame = pyqtSignal(object)
    failed = pyqtSignal(str)
    stopped = pyqtSignal()

    def __init__(self, ready: Callable[[], bool], parent: QObject | None = None) -> None:
        super().__init__(parent)
        #: What is opened; a video file for tests and for machines without a camera.
        self.source: Any = 0
        self._ready = ready
        self._opening: _Opening | None = None
        self._wanted = False
        self._last = -1
        self._runner = JobRunner(self)
        self._runner.done.connect(self._on_opened)
        self._runner.failed.connect(self._on_failed)
        self._timer = QTimer(self)
        self._timer.setInterval(10)
        self._timer.timeout.connect(self._poll)

    @property
    def running(self) -> bool:
        """Whether frames come, or soon will."""
        return self._wanted

    def start(self) -> None:
        """Open the camera; frames follow."""
        if not self._wanted:
            self._wanted, self._last = True, -1
            self._opening = _Opening(self.source)
            self._runner.start(self._opening.job())

    def stop(self) -> None:
        """Close the camera."""
        if not self._wanted:
            return
        self._wanted = False
        self._timer.stop()
        self._close()
        self.stopped.emit()

    def shutdown(self) -> None:
        """Close the camera and wait."""
        self._wanted = False
        self._timer.stop()
        self._runner.shutdown()
        self._close()

    def _close(self) -> None:
        opening, self._opening = self._opening, None
        if opening is not None:
            opening.drop()

    def _on_opened(self, opening: _Opening) -> None:
        if opening is self._opening:
            self._timer.start()

    def _on_failed(self, sentence: str) -> None:
        if self._wanted:
            self._wanted = False
            self.failed.emit(sentence)
            self.stopped.emit()

    def _poll(self) -> None:
        camera = self._opening.camera if self._opening is not None else None
        if camera is None or not self._ready():
            return
        newest = camera.latest(self._last)
        if newest is not None:
            self._last = newest.number
            self.frame.emit(newest.picture)
        elif camera.ended:
            self.stop()


class _Opening:
    """A camera that is being opened, which may take seconds; dropped, it is closed even then."""

    def __init__(self, source: Any) -> None:
        self.source = source
        self.camera: Camera | None = None
        self._dropped = False
        self._lock = threading.Lock()

    def job(self) -> Job[_Opening]:
        yield Progress("Opening the camera", 0, 1)
        from filterlab.pictures.camera import Camera

        camera = Camera(self.source)
        with self._lock:
            if not self._dropped:
                self.camera = camera
                return self
        camera.close()
        return self

    def drop(self) -> None:
        """Close it now, or as soon as it is open."""
        with self._lock:
            self._dropped = True
            camera, self.camera = self.camera, None
        if camera is not None:
            camera.close()
