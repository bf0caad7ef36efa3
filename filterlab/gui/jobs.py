"""Work off the window's thread: long jobs with progress, and live results where the newest wins.

Both run plain Python threads and hand their results over through queued signals, so that every
callback runs in the window's thread. Nothing here touches a widget.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from PyQt5.QtCore import QObject, Qt, QTimer, pyqtSignal

from filterlab.gui.errors import is_expected, one_sentence
from filterlab.gui.signals import connect_as
from filterlab.progress import Job, Progress

__all__ = ["JobRunner", "Latest", "held_back", "put_off", "time_left"]

_log = logging.getLogger(__name__)

#: A cancelled job that is still inside one step is given up after this many milliseconds.
_CANCEL_GRACE_MS = 350

#: What is to begin when :func:`held_back` ends; None if it begins at once.
_held: list[threading.Thread | Callable[[], object]] | None = None

#: A worker of live results waits so long for another request before its thread ends, in seconds.
_LINGER_S = 2.0


@contextmanager
def held_back() -> Iterator[None]:
    """Let no work begin before the block has ended.

    What other threads import keeps the interpreter from the window's, which has its first frame
    to paint.
    """
    global _held
    held, _held = _held, []
    try:
        yield
    finally:
        waiting, _held = _held, held
        for work in waiting:
            _begin(work)


def put_off(call: Callable[[], object]) -> None:
    """Call this now or, within :func:`held_back`, when that ends: no first frame shows it."""
    _begin(call)


def _begin(work: threading.Thread | Callable[[], object]) -> None:
    if _held is not None:
        _held.append(work)
    elif isinstance(work, threading.Thread):
        work.start()
    else:
        work()


def _end(thread: threading.Thread, timeout: float) -> None:
    """Wait for a thread; one that was held back does not begin any more."""
    if _held is not None and thread in _held:
        _held.remove(thread)
    else:
        thread.join(timeout)


def time_left(elapsed: float, fraction: float) -> float | None:
    """Seconds a job will still take at its pace so far, or None while that is guesswork."""
    if fraction < 0.02 or elapsed < 0.3:
        return None
    return elapsed * (1.0 - fraction) / fraction


def _explain(error: BaseException) -> str:
    if not is_expected(error):
        _log.error("unexpected error in a worker", exc_info=error)
    return one_sentence(error)


class _Worker(QObject):
    """One job on one thread; lives in the window's thread, as all its slots do."""

    progressed = pyqtSignal(object)
    ended = pyqtSignal(str, object)

    def __init__(self, job: Job[Any] | Callable[[], Job[Any]], name: str) -> None:
        super().__init__()
        self._job = job
        self._stop = threading.Event()
        self.thread_ = threading.Thread(target=self._run, name=f"job {name}", daemon=True)

    def start(self) -> None:
        _begin(self.thread_)

    def stop(self) -> None:
        self._stop.set()

    def _run(self) -> None:
        kind, outcome = "cancelled", None
        try:
            job = self._job() if callable(self._job) else self._job
            try:
                while not self._stop.is_set():
                    try:
                        progress = next(job)
                    except StopIteration as end:
                        kind, outcome = "done", end.value
                        break
                    self.progressed.emit(progress)
            finally:
                job.close()
        except BaseException as error:
            kind, outcome = "failed", _explain(error)
        del self._job
        self.ended.emit(kind, outcome)


class JobRunner(QObject):
    """Runs one long job at a time and ends each exactly once: done, failed or cancelled.

    A job started while another runs cancels that one and begins when its thread has ended, so
    that two jobs never touch the same net. ``finished`` follows every ending.

    Signals
    -------
    started(str) : the job's title
    progressed(object, object) : Progress, seconds left (float or None)
    done(object) : the job's result
    failed(str) : one sentence
    cancelled()
    finished()
    """

    started = pyqtSignal(str)
    progressed = pyqtSignal(object, object)
    done = pyqtSignal(object)
    failed = pyqtSignal(str)
    cancelled = pyqtSignal()
    finished = pyqtSignal()

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._worker: _Worker | None = None
        self._callbacks: tuple[Callable[[Any], object] | None, Callable[[str], object] | None] = (
            None,
            None,
        )
        self._next: tuple[Any, ...] | None = None
        self._leaving: list[_Worker] = []
        self._began = 0.0
        self._closed = False
        self._grace = QTimer(self)
        self._grace.setSingleShot(True)
        self._grace.setInterval(_CANCEL_GRACE_MS)
        self._grace.timeout.connect(self._give_up)

    @property
    def running(self) -> bool:
        """Whether a job runs or waits to run."""
        return self._worker is not None or self._next is not None

    def start(
        self,
        job: Job[Any] | Callable[[], Job[Any]],
        title: str = "",
        on_done: Callable[[Any], object] | None = None,
        on_failed: Callable[[str], object] | None = None,
    ) -> None:
        """Run a job, given as a generator or as a function that makes one in the worker.

        ``on_done(result)`` is called in the window's thread just before ``done``; ``on_failed``
        just before ``failed``.
        """
        if self._closed:
            return
        self._next = (job, title, on_done, on_failed)
        if self._worker is not None:
            self.cancel()
            # The new job was asked for after the old one, so it is not cancelled along.
            self._next = (job, title, on_done, on_failed)
        else:
            self._begin()

    def cancel(self) -> None:
        """Cancel the running job and forget the waiting one."""
        self._next = None
        if self._worker is not None:
            self._worker.stop()
            self._grace.start()

    def shutdown(self, timeout: float = 10.0) -> None:
        """Cancel and wait until the threads have ended; nothing is signalled afterwards."""
        self._closed = True
        self._next = None
        self._grace.stop()
        workers = [w for w in (self._worker, *self._leaving) if w is not None]
        self._worker = None
        for worker in workers:
            worker.stop()
        deadline = time.monotonic() + timeout
        for worker in workers:
            _end(worker.thread_, max(0.0, deadline - time.monotonic()))
        # A thread that outlived the wait still owns its worker; keep that alive with it.
        self._leaving = [w for w in workers if w.thread_.is_alive()]

    def _begin(self) -> None:
        if self._next is None or self._leaving or self._worker is not None:
            return
        job, title, on_done, on_failed = self._next
        self._next = None
        self._callbacks = (on_done, on_failed)
        worker = _Worker(job, title)
        connect_as(worker.progressed, self._on_progress, Qt.QueuedConnection)
        connect_as(worker.ended, self._on_ended, Qt.QueuedConnection)
        self._worker = worker
        self._began = time.monotonic()
        self.started.emit(title)
        worker.start()

    def _on_progress(self, progress: Progress) -> None:
        if self._closed or self.sender() is not self._worker:
            return
        left = time_left(time.monotonic() - self._began, progress.fraction)
        self.progressed.emit(progress, left)

    def _on_ended(self, kind: str, outcome: Any) -> None:
        sender = self.sender()
        if self._closed:
            return
        if sender is self._worker:
            worker, self._worker = self._worker, None
            assert worker is not None
            worker.thread_.join()
            self._report("cancelled" if worker._stop.is_set() else kind, outcome)
        else:
            # Given up earlier and reported then; its late result is dropped.
            for worker in self._leaving:
                if worker is sender:
                    worker.thread_.join()
            self._leaving = [w for w in self._leaving if w is not sender]
        self._begin()

    def _give_up(self) -> None:
        worker, self._worker = self._worker, None
        if worker is not None:
            self._leaving.append(worker)
            self._report("cancelled", None)
            self._begin()

    def _report(self, kind: str, outcome: Any) -> None:
        self._grace.stop()
        on_done, on_failed = self._callbacks
        self._callbacks = (None, None)
        try:
            if kind == "done":
                if on_done is not None:
                    on_done(outcome)
                self.done.emit(outcome)
            elif kind == "failed":
                if on_failed is not None:
                    on_failed(outcome)
                self.failed.emit(outcome)
            else:
                self.cancelled.emit()
        finally:
            self.finished.emit()


class Latest(QObject):
    """Computes the newest request on a worker thread and drops what an edit has overtaken.

    Between the request in work and the newest one, nothing queues. With ``show_overtaken`` a
    result is delivered though a newer request already waits, which keeps a camera's picture
    moving; without it (the default) an overtaken result is never seen.

    Signals
    -------
    ready(object) : the newest request's result
    failed(str) : one sentence about the newest request
    idle() : nothing is computed any more
    """

    ready = pyqtSignal(object)
    failed = pyqtSignal(str)
    idle = pyqtSignal()
    _delivered = pyqtSignal(int, object, object)

    def __init__(self, parent: QObject | None = None, show_overtaken: bool = False) -> None:
        super().__init__(parent)
        self._show_overtaken = show_overtaken
        self._lock = threading.Condition()
        self._waiting: tuple[int, Callable[..., Any], tuple[Any, ...]] | None = None
        self._thread: threading.Thread | None = None
        self._newest = 0
        self._settled = 0
        self._closed = False
        connect_as(self._delivered, self._on_delivered, Qt.QueuedConnection)

    @property
    def busy(self) -> bool:
        """Whether the newest request is still to be delivered."""
        return self._settled != self._newest and not self._closed

    def request(self, compute: Callable[..., Any], *args: Any) -> None:
        """Compute ``compute(*args)`` as soon as the worker is free, unless overtaken before.

        The arguments must be snapshots: they are read on another thread.
        """
        if self._closed:
            return
        with self._lock:
            self._newest += 1
            self._waiting = (self._newest, compute, args)
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="latest", daemon=True)
                _begin(self._thread)
            else:
                self._lock.notify()

    def drop(self) -> None:
        """Forget what is asked for and what is being computed."""
        with self._lock:
            self._newest += 1
            self._waiting = None
        self._settled = self._newest

    def shutdown(self, timeout: float = 10.0) -> None:
        """Drop everything and wait until the thread has ended."""
        self.drop()
        with self._lock:
            self._closed = True
            thread = self._thread
            self._lock.notify()
        if thread is not None:
            _end(thread, timeout)

    def _run(self) -> None:
        while True:
            with self._lock:
                if self._waiting is None and not self._closed:
                    # Starting a thread takes milliseconds that a live edit does not have.
                    self._lock.wait(_LINGER_S)
                if self._waiting is None:
                    self._thread = None
                    return
                number, compute, args = self._waiting
                self._waiting = None
            result, problem = None, None
            try:
                result = compute(*args)
            except BaseException as error:
                problem = _explain(error)
            del compute, args
            if not self._closed:
                self._delivered.emit(number, result, problem)

    def _on_delivered(self, number: int, result: Any, problem: str | None) -> None:
        if self._closed or number <= self._settled:
            return
        if number != self._newest and not self._show_overtaken:
            return
        self._settled = number
        if problem is None:
            self.ready.emit(result)
        else:
            self.failed.emit(problem)
        if self._settled == self._newest:
            self.idle.emit()
