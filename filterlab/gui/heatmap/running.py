"""What runs in the tab: one job at a time with its progress strip, and what waits for its end."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from qtpy.QtCore import QObject, Signal

from filterlab.gui.heatmap.work import Live
from filterlab.gui.i18n import tr
from filterlab.gui.jobs import JobRunner
from filterlab.gui.model_texts import progress_texts
from filterlab.gui.widgets.progress_strip import ProgressStrip
from filterlab.progress import Job, Progress
from filterlab.surgery.dense import PartialMaps
from filterlab.surgery.pyramid import PartialPyramid

__all__ = ["Running"]


class Running(QObject):
    """Shows a runner's job in a strip, and passes on what a job gives on its way.

    Parameters
    ----------
    runner : JobRunner
    strip : ProgressStrip
    model_title : function
        The name of the model that a download or the like is about.
    last_word : function
        What stays in the strip when nothing runs any more.

    Signals
    -------
    partial(object, object) : ClassMaps still filling in, and their Pyramid or None
    frame(object) : a camera's or video's frame with its maps, a ``work.Live``
    cancelled(bool) : a job was cancelled; whether by the user, who wants to hear of it
    changed() : a job has begun or ended
    """

    partial = Signal(object, object)
    frame = Signal(object)
    cancelled = Signal(bool)
    changed = Signal()

    def __init__(
        self,
        runner: JobRunner,
        strip: ProgressStrip,
        model_title: Callable[[], str],
        last_word: Callable[[], str],
        parent: QObject | None = None,
    ) -> None:
        super().__init__(parent)
        self._runner = runner
        self._strip = strip
        self._model_title = model_title
        self._last_word = last_word
        self._live = False
        self._user_cancelled = False
        self._when_idle: Callable[[], object] | None = None
        runner.started.connect(self._on_started)
        runner.progressed.connect(self._on_progress)
        runner.cancelled.connect(self._on_cancelled)
        runner.finished.connect(self._on_finished)

    @property
    def live(self) -> bool:
        """Whether frames of a camera or a video are being mapped."""
        return self._live

    def start_live(self, job: Job[Any]) -> None:
        """Map frames until it is stopped."""
        self._live = True
        self._runner.start(job, tr("Camera"))

    def cancel(self) -> bool:
        """Cancel what runs and what waits for it, as the user asked; False if nothing ran."""
        if not self._runner.running:
            return False
        self._user_cancelled = True
        self._when_idle = None
        self._strip.cancelling()
        self._runner.cancel()
        return True

    def when_idle(self, do: Callable[[], object]) -> None:
        """Do something once no job runs: at once, or after the one that runs."""
        if self._runner.running:
            self._when_idle = do
        else:
            do()

    def _on_started(self, title: str) -> None:
        self._strip.begin(title)
        self.changed.emit()

    def _on_progress(self, progress: Progress, left: float | None) -> None:
        step, detail, own_left = progress_texts(progress, self._model_title())
        left = left if own_left is None else own_left
        self._strip.set_progress(step, progress.fraction, detail, left)
        if isinstance(progress, Live):
            self.frame.emit(progress)
        elif isinstance(progress, PartialMaps) and progress.maps is not None:
            self.partial.emit(progress.maps, None)
        elif isinstance(progress, PartialPyramid) and progress.pyramid is not None:
            self.partial.emit(progress.pyramid.levels[-1], progress.pyramid)

    def _on_cancelled(self) -> None:
        # A job that a newer one has replaced is not worth a word, nor is a stopped camera.
        by_user, self._user_cancelled = self._user_cancelled, False
        self.cancelled.emit(by_user and not self._live)

    def _on_finished(self) -> None:
        if not self._runner.running:
            self._live = False
            self._strip.end(self._last_word())
        self.changed.emit()
        do, self._when_idle = self._when_idle, None
        if do is not None:
            self.when_idle(do)
