"""Work off the window's thread: every ending once, the newest request only, clean shutdown."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import pytest
from PyQt5.QtCore import QThread

from filterlab.errors import FilterLabError
from filterlab.gui.jobs import JobRunner, Latest, held_back, put_off, time_left
from filterlab.progress import Progress


class Log:
    """What a runner signalled, in order, and on which thread."""

    def __init__(self, runner: JobRunner) -> None:
        self.events: list[tuple] = []
        self.threads: set = set()
        self._runner = runner
        runner.started.connect(self._started)
        runner.progressed.connect(self._progressed)
        runner.done.connect(self._done)
        runner.failed.connect(self._failed)
        runner.cancelled.connect(self._cancelled)
        runner.finished.connect(self._finished)

    def _add(self, *event: object) -> None:
        self.events.append(event)
        self.threads.add(QThread.currentThread())

    def _started(self, title: str) -> None:
        self._add("started", title)

    def _progressed(self, progress: Progress, left: object) -> None:
        self._add("progressed", progress.step)

    def _done(self, result: object) -> None:
        self._add("done", result)

    def _failed(self, text: str) -> None:
        self._add("failed", text)

    def _cancelled(self) -> None:
        self._add("cancelled")

    def _finished(self) -> None:
        self._add("finished")

    def endings(self) -> list[str]:
        return [e[0] for e in self.events if e[0] in ("done", "failed", "cancelled")]

    def count(self, kind: str) -> int:
        return sum(e[0] == kind for e in self.events)


@pytest.fixture
def runner(qtbot) -> Iterator[JobRunner]:
    made = JobRunner()
    yield made
    made.shutdown()


def counting(steps: int, result: object = None):
    for k in range(steps):
        yield Progress(f"step {k}", k, steps)
    return result


def failing(error: BaseException):
    yield Progress("before it fails", 0, 1)
    raise error


class Gate:
    """A job that stops at a gate, so that a test decides when it goes on."""

    def __init__(self) -> None:
        self.reached = threading.Event()
        self.open = threading.Event()
        self.closed_down = threading.Event()

    def job(self, result: object = "through"):
        try:
            yield Progress("at the gate", 0, 2)
            self.reached.set()
            while not self.open.wait(0.005):
                yield Progress("at the gate", 1, 2)
            return result
        finally:
            self.closed_down.set()


def test_job_is_done_once_and_signals_in_this_thread(runner, until) -> None:
    log = Log(runner)
    seen = []
    runner.start(counting(5, "result"), "count", seen.append)
    until(lambda: log.count("finished"))
    assert log.events[0] == ("started", "count")
    assert [e[1] for e in log.events if e[0] == "progressed"] == [f"step {k}" for k in range(5)]
    assert log.events[-2:] == [("done", "result"), ("finished",)]
    assert seen == ["result"]
    assert log.threads == {QThread.currentThread()}
    assert not runner.running


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (FilterLabError("the file is torn; get another"), "the file is torn; get another"),
        (MemoryError(), "not enough memory"),
    ],
)
def test_failed_job_says_one_sentence(runner, until, error, said) -> None:
    log = Log(runner)
    runner.start(failing(error))
    until(lambda: log.count("finished"))
    assert log.endings() == ["failed"]
    assert said in log.events[-2][1]
    assert "\n" not in log.events[-2][1]


@pytest.mark.expects_log
def test_unexpected_error_is_logged_and_still_ends_the_job(runner, until) -> None:
    log = Log(runner)
    runner.start(failing(ZeroDivisionError("oh")))
    until(lambda: log.count("finished"))
    assert log.endings() == ["failed"]
    assert "ZeroDivisionError: oh" in log.events[-2][1]


def test_cancel_closes_the_job_and_ends_once(runner, until) -> None:
    log, gate = Log(runner), Gate()
    runner.start(gate.job())
    until(gate.reached.is_set)
    runner.cancel()
    runner.cancel()
    until(lambda: log.count("finished"))
    assert gate.closed_down.is_set()
    assert log.endings() == ["cancelled"]
    assert log.count("finished") == 1


def test_cancel_does_not_wait_for_a_long_step(runner, until) -> None:
    log = Log(runner)
    inside, go_on = threading.Event(), threading.Event()

    def stubborn():
        yield Progress("a long step", 0, 1)
        inside.set()
        go_on.wait(20)
        return "late"

    runner.start(stubborn())
    until(inside.is_set)
    runner.cancel()
    until(lambda: log.count("finished"))
    assert log.endings() == ["cancelled"]
    # The next job waits for the thread, and the late result is dropped.
    runner.start(counting(1, "next"))
    assert not any(e == ("done", "next") for e in log.events)
    go_on.set()
    until(lambda: log.count("finished") == 2)
    assert log.endings() == ["cancelled", "done"]
    assert ("done", "late") not in log.events


def test_second_job_replaces_the_first_and_both_end(runner, until) -> None:
    log, gate = Log(runner), Gate()
    runner.start(gate.job(), "first")
    until(gate.reached.is_set)
    runner.start(counting(3, "second result"), "second")
    until(lambda: log.count("finished") == 2)
    assert log.endings() == ["cancelled", "done"]
    assert ("done", "second result") in log.events


def test_a_job_may_start_the_next_from_its_callback(runner, until) -> None:
    log = Log(runner)
    runner.start(counting(1, 1), "one", lambda _: runner.start(counting(1, 2), "two"))
    until(lambda: log.count("finished") == 2)
    assert [e for e in log.events if e[0] == "done"] == [("done", 1), ("done", 2)]


def test_shutdown_while_running_joins_and_says_nothing(qtbot) -> None:
    runner, gate = JobRunner(), Gate()
    log = Log(runner)
    runner.start(gate.job())
    qtbot.waitUntil(gate.reached.is_set)
    before = list(log.events)
    runner.shutdown()
    assert gate.closed_down.is_set()
    qtbot.wait(20)
    assert [e for e in log.events if e not in before] == []
    runner.start(counting(1))
    assert not runner.running


def test_time_left() -> None:
    assert time_left(10, 0.5) == pytest.approx(10)
    assert time_left(3, 0.75) == pytest.approx(1)
    assert time_left(0.1, 0.5) is None
    assert time_left(10, 0.0) is None


class Wheel:
    """A computation that a test holds at its first request."""

    def __init__(self) -> None:
        self.begun = threading.Event()
        self.go = threading.Event()
        self.computed: list[int] = []

    def slow(self, value: int) -> int:
        self.begun.set()
        self.go.wait(20)
        self.computed.append(value)
        return value

    def quick(self, value: int) -> int:
        self.computed.append(value)
        return value


@pytest.mark.parametrize("show_overtaken", [False, True])
def test_latest_skips_what_was_overtaken(qtbot, until, show_overtaken: bool) -> None:
    latest, wheel, results = Latest(show_overtaken=show_overtaken), Wheel(), []
    latest.ready.connect(results.append)
    latest.request(wheel.slow, 0)
    until(wheel.begun.is_set)
    for k in range(1, 50):
        latest.request(wheel.quick, k)
    assert latest.busy
    wheel.go.set()
    until(lambda: not latest.busy)
    assert wheel.computed == [0, 49]
    assert results == ([0, 49] if show_overtaken else [49])
    latest.shutdown()


def test_latest_forgets_what_is_dropped(qtbot, until) -> None:
    latest, wheel, results = Latest(), Wheel(), []
    latest.ready.connect(results.append)
    latest.request(wheel.slow, 0)
    until(wheel.begun.is_set)
    latest.drop()
    wheel.go.set()
    latest.request(wheel.quick, 7)
    until(lambda: not latest.busy)
    assert results == [7]
    latest.shutdown()


def test_latest_says_what_failed_and_goes_on(qtbot, until) -> None:
    latest, results, problems = Latest(), [], []
    latest.ready.connect(results.append)
    latest.failed.connect(problems.append)

    def bad() -> None:
        raise FilterLabError("the map has no such class")

    latest.request(bad)
    until(lambda: not latest.busy)
    latest.request(Wheel().quick, 3)
    until(lambda: not latest.busy)
    assert problems == ["the map has no such class"]
    assert results == [3]
    latest.shutdown()


def test_latest_shuts_down_while_computing(qtbot, until) -> None:
    latest, wheel, results = Latest(), Wheel(), []
    latest.ready.connect(results.append)
    latest.request(wheel.slow, 0)
    until(wheel.begun.is_set)
    wheel.go.set()
    latest.shutdown()
    latest.request(wheel.quick, 1)
    qtbot.wait(20)
    assert results == []
    assert wheel.computed == [0]


def test_work_that_is_held_back_begins_with_the_end_of_the_block(qtbot, runner) -> None:
    log, latest, ready = Log(runner), Latest(), []
    latest.ready.connect(ready.append)
    ran: list[str] = []

    def job():
        ran.append(threading.current_thread().name)
        return 3
        yield

    with held_back():
        runner.start(job(), "read")
        latest.request(lambda: ran.append(threading.current_thread().name) or 4)
        assert runner.running
        assert latest.busy
        assert [t.name for t in threading.enumerate() if t.name in ("job read", "latest")] == []
    qtbot.waitUntil(lambda: log.endings() == ["done"] and ready == [4])
    assert sorted(ran) == ["job read", "latest"]
    latest.shutdown()


def test_calls_are_put_off_to_the_end_of_the_block() -> None:
    called: list[int] = []
    put_off(lambda: called.append(1))
    assert called == [1]
    with held_back():
        put_off(lambda: called.append(2))
        with held_back():
            put_off(lambda: called.append(3))
        assert called == [1]
    assert called == [1, 2, 3]


def test_work_that_is_held_back_may_be_given_up(qtbot) -> None:
    runner, latest, ran = JobRunner(), Latest(), []

    def job():
        ran.append(1)
        yield

    with held_back():
        runner.start(job(), "read")
        latest.request(ran.append, 2)
        runner.shutdown()
        latest.shutdown()
    assert ran == []
    assert [t.name for t in threading.enumerate() if t.name in ("job read", "latest")] == []
