"""Brings net and map up to the bench's state: one job at a time, checks when none else is due."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

from PyQt5.QtCore import QObject, pyqtSignal

from filterlab.errors import FilterLabError
from filterlab.gui.errors import one_sentence
from filterlab.gui.i18n import Text, tr
from filterlab.gui.jobs import JobRunner
from filterlab.gui.model_texts import model_title, progress_texts
from filterlab.gui.widgets.job_card import JobCard
from filterlab.progress import Job, Progress
from filterlab.surgery.pyramid import PartialPyramid
from filterlab.surgery.shift_and_stitch import PartialMaps
from filterlab.workbench.heatmap_bench import Change, HeatmapBench
from filterlab.workbench.heatmap_jobs import Live, Outcome

__all__ = ["Runs"]


#: Edits that ask for another map of the same picture: cancelling it takes them back.
_SIZES = (
    Text("Change size"),
    Text("Change picture's shape"),
    Text("Change density"),
    Text("Change method"),
)


class Runs(QObject):
    """Runs the bench's jobs, shows them in a card, and gives their outcomes to the bench.

    Parameters
    ----------
    bench : HeatmapBench
    runner : JobRunner
        Runs this and nothing else.
    card : JobCard

    Signals
    -------
    partial(object, object) : ClassMaps still filling in, and their Pyramid or None
    changed() : a job has begun or ended
    done() : a job that the user waited for has worked
    said(str) : news for the message strip
    """

    partial = pyqtSignal(object, object)
    changed = pyqtSignal()
    done = pyqtSignal()
    said = pyqtSignal(str)

    def __init__(
        self, bench: HeatmapBench, runner: JobRunner, card: JobCard, parent: QObject | None = None
    ) -> None:
        super().__init__(parent)
        self._bench = bench
        self.runner = runner
        self._card = card
        self._kind = self._kind_next = ""
        self._source: int | str = 0  # of what is live
        self._at = 0  # its frame on show
        self._wanted: tuple[Any, ...] | None = None
        self._given_up: tuple[Any, ...] | None = None
        self._unchecked: tuple[Any, ...] | None = None
        self._by_user = False
        self._when_idle: Callable[[], object] | None = None
        self._playing = threading.Event()
        self._playing.set()
        #: Whether jobs may start of themselves: not before the tab has been looked at.
        self.awake = False
        runner.started.connect(self._on_started)
        runner.progressed.connect(self._on_progress)
        runner.failed.connect(self._on_failed)
        runner.cancelled.connect(self._on_cancelled)
        runner.finished.connect(self._on_finished)
        card.cancel_requested.connect(self.cancel)
        card.pause_requested.connect(self._on_pause)
        self._unsubscribe = bench.subscribe(self._on_change)

    # What is due

    def _state(self) -> tuple[Any, ...]:
        bench = self._bench
        return (bench.model, bench.shown, bench.request, bench.transplanted is not None)

    def _on_change(self, change: Change) -> None:
        if change.kinds & {"model", "net", "picture", "size", "maps", "pins"}:
            self.bring_up_to_date()

    def bring_up_to_date(self) -> None:
        """Start what the state asks for, unless that runs already or was given up."""
        if not self.awake or self.live:
            return
        if self._bench.stale:
            wanted = self._state()
            busy = self._kind not in ("", "check", "due")
            if wanted == self._given_up or (self._kind == "due" and wanted == self._wanted):
                return
            if busy:  # a picture is read, a file is written: the map can wait
                return
            try:
                job = self._bench.due_job()
            except FilterLabError as error:
                self._give_up(wanted, one_sentence(error))
                return
            if job is not None:
                self._wanted = wanted
                title = tr("Heatmap") if self._bench.transplanted is not None else tr("Transplant")
                self._start(job, title, self.accept, "due")
        elif self._kind == "due":
            self.runner.cancel()  # the state has gone back to what is there
        elif not self._kind:
            self._check()

    def _give_up(self, wanted: tuple[Any, ...], sentence: str) -> None:
        self._given_up = wanted
        self._card.show_error(sentence)

    def _check(self) -> None:
        """Ask the classifier about pinned windows, then about some of the whole map."""
        bench = self._bench
        if bench.run is None or bench.shown is None:
            return
        cell = next((pin for pin in bench.pins if bench.alone(pin) is None), None)
        what = (self._state(), cell)
        if what == self._unchecked:
            return
        try:
            if cell is not None:
                job = bench.alone_job(cell)
            elif bench.agreement is None:
                job = bench.agreement_job()
            else:
                return
        except FilterLabError:
            return
        self._unchecked = what
        self._start(job, tr("Check"), self.accept, "check")

    # Running

    @property
    def live(self) -> bool:
        """Whether frames of a camera or a video are being mapped."""
        return self._kind == "live"

    @property
    def busy(self) -> bool:
        """Whether anything runs that the user waits for."""
        return bool(self.runner.running) and self._kind != "check"

    def accept(self, outcome: Outcome) -> None:
        """Take what a job has made."""
        kind, self._kind = self._kind, ""
        self._wanted = None
        self._bench.accept(outcome)
        if kind != "check":
            self.done.emit()

    def start(self, job: Job[Any], title: str, on_done: Callable[[Any], object]) -> None:
        """Run a job that the user has asked for."""
        self._given_up = None
        self._start(job, title, on_done, "asked")

    def transplant(self) -> None:
        """Cast the chosen model; the map follows."""
        self._given_up = None
        self._start(self._bench.transplant_job(), tr("Transplant"), self.accept, "cast")

    def start_live(self, source: int | str, first: int = 0, paused: bool = False) -> None:
        """Map frames of a camera (its number) or of a video until it is stopped.

        A video begins with the frame ``first``; ``paused``, it waits to be played.

        Raises
        ------
        FilterLabError
            If nothing is transplanted yet.
        """
        self._playing = threading.Event()
        if not paused:
            self._playing.set()
        self._source, self._at = source, first
        job = self._bench.live_job(source, self._playing, first)
        title = tr("Camera") if isinstance(source, int) else tr("Video")
        self._start(job, title, lambda _: None, "live")

    def _start(
        self, job: Job[Any], title: str, on_done: Callable[[Any], object], kind: str
    ) -> None:
        self._kind_next = kind
        self.runner.start(job, title, on_done)

    def cancel(self) -> bool:
        """Cancel what runs and what waits for it, as the user asked; False if nothing ran."""
        if self._card.dismiss():
            return True
        if not self.runner.running or self._kind == "check":
            return False
        self._by_user = True
        self._when_idle = None
        self._card.cancelling()
        self.runner.cancel()
        return True

    def rest(self) -> tuple[str, int | str, int, bool]:
        """What :meth:`go_on` goes on with in another window: the cast, or a live source.

        With a video the frame on show, and whether it is paused.
        """
        kind = self._kind if self._kind in ("cast", "live") else ""
        return kind, self._source, self._at, not self._playing.is_set()

    def go_on(self, rest: tuple[str, int | str, int, bool]) -> None:
        """Go on with what ended with another window."""
        kind, source, at, paused = rest
        if kind == "cast":
            self.transplant()
        elif kind == "live":
            self.start_live(source, at, paused)

    def stop_live(self) -> None:
        """Stop the camera or video, if one runs."""
        if self.live:
            self.runner.cancel()

    def when_idle(self, do: Callable[[], object]) -> None:
        """Do something once the user waits for nothing: at once, or after what runs."""
        if self.busy:
            self._when_idle = do
        else:
            do()

    def shutdown(self) -> None:
        """Stop all work and wait for it."""
        self._unsubscribe()
        self._playing.set()
        self.runner.shutdown()

    # The runner's signals

    def _on_started(self, title: str) -> None:
        self._kind = self._kind_next
        if self._kind != "check":
            self._card.begin(title, self._kind == "live", not self._playing.is_set())
        self.changed.emit()

    def _on_progress(self, progress: Progress, left: float | None) -> None:
        if self._kind == "check":
            return
        step, detail, own_left = progress_texts(progress, model_title(self._bench.model))
        left = left if own_left is None else own_left
        self._card.set_progress(step, progress.fraction, detail, left)
        if isinstance(progress, Live):
            self._bench.accept_frame(progress)
            self._at = progress.number
            progress.taken.set()
        elif isinstance(progress, PartialMaps) and progress.maps is not None:
            self.partial.emit(progress.maps, None)
        elif isinstance(progress, PartialPyramid) and progress.pyramid is not None:
            self.partial.emit(progress.pyramid.levels[-1], progress.pyramid)

    def _on_failed(self, sentence: str) -> None:
        if self._kind == "due":
            self._given_up = self._wanted
        if self._kind != "check":
            self._card.show_error(sentence)

    def _on_cancelled(self) -> None:
        # A job that a newer one has replaced is not worth a word, nor is a stopped camera.
        by_user, self._by_user = self._by_user, False
        if by_user and self._kind == "due":
            self._given_up = self._wanted
            if self._bench.undo_name in _SIZES:
                self._bench.undo()
        if by_user and self._kind != "live":
            self.said.emit(tr("Cancelled; everything is as it was."))

    def _on_finished(self) -> None:
        if not self.runner.running:
            self._kind = ""
            self._wanted = None
            self._card.end()
        self.changed.emit()
        do, self._when_idle = self._when_idle, None
        if do is not None:
            self.when_idle(do)
        if not self.runner.running:
            self.bring_up_to_date()

    def _on_pause(self, on: bool) -> None:
        if on:
            self._playing.clear()
        else:
            self._playing.set()
