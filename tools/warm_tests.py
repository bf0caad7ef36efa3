"""Tests that are loaded once and run many times, each time in a fork with something changed.

To load the tests and all they import takes seconds; a fork of the process that has done so takes
milliseconds. It must have *run* nothing: Qt's and ONNX Runtime's threads do not outlive a fork.
So pytest collects, and instead of running its tests waits for orders at a pipe: to record what a
file's tests reach, or to judge a fault. For a fault the fork exchanges the code of the functions
that have it; a fault outside functions, or in a function that loading has called already, cannot
be put in afterwards and is left to a process of its own (:meth:`Warm.judge` then gives None).
"""

from __future__ import annotations

import contextlib
import gc
import importlib
import json
import os
import signal
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from types import CodeType, FunctionType
from typing import Any

__all__ = ["FORKS", "Warm", "enter", "record_tests"]

#: Whether a loaded process can be forked: not on Windows, and macOS's own libraries object.
FORKS = hasattr(os, "fork") and sys.platform != "darwin"

ENVIRONMENT = {
    "QT_QPA_PLATFORM": "offscreen", "ORT_DISABLE_TELEMETRY": "1",
    "OPENBLAS_NUM_THREADS": "1", "PYTHONDONTWRITEBYTECODE": "1",
}  # fmt: skip

_OPTIMIZED = 1  # a function's code; a class's body has it not
_BROKEN = 70  # a fork's exit status if it was not the tests that failed


def enter(tree: str, log: str) -> None:
    """Make the copied checkout this process's, and let nothing be heard of it."""
    if hasattr(os, "setsid"):
        os.setsid()
    top = Path(__file__).resolve().parent.parent
    os.environ.update(ENVIRONMENT, PYTHONPATH=tree)
    sys.dont_write_bytecode = True
    os.chdir(tree)
    sys.path.insert(0, tree)
    sys.path[:] = [p for p in sys.path if Path(p or ".").resolve() != top]
    sink = os.open(log, os.O_CREAT | os.O_WRONLY | os.O_TRUNC, 0o644)
    os.dup2(sink, 1)
    os.dup2(sink, 2)


class Recorder:
    """A plugin of pytest's: what each test reaches, and how long it takes."""

    def __init__(self, coverage: Any) -> None:
        self._coverage = coverage
        self.seconds: dict[str, float] = {}

    @contextlib.contextmanager
    def during(self, name: str) -> Iterator[None]:
        self._coverage.switch_context(name)
        before = time.process_time()  # the same on a busy machine
        yield
        self.seconds[name] = time.process_time() - before
        self._coverage.switch_context("")


def record_tests(tree: str, out: str, run: Callable[[Recorder], int]) -> int:
    """Run tests under coverage, and write what they reach; their exit status."""
    import coverage

    cover = coverage.Coverage(
        data_file=None, include=[str(Path(tree, "filterlab", "*"))], config_file=False
    )
    cover.start()
    recorder = Recorder(cover)
    status = run(recorder)
    cover.stop()
    data = cover.get_data()
    reached = {}
    for file in data.measured_files():
        module = Path(file).relative_to(tree).as_posix()
        reached[module] = {
            str(line): [c for c in contexts if c]
            for line, contexts in data.contexts_by_lineno(file).items()
        }
    text = json.dumps({"status": status, "seconds": recorder.seconds, "reached": reached})
    Path(out).write_text(text)
    return status


class _Plugin:
    """In the loaded process: obeys instead of running the tests."""

    def __init__(self, tree: str, pipe: Any, called: set[tuple[str, int]]) -> None:
        self._tree, self._pipe, self._called = tree, pipe, called
        self._functions: dict[str, dict[tuple[str, int], list[FunctionType]]] = {}

    def pytest_runtestloop(self, session: Any) -> bool:
        sys.setprofile(None)
        if session.testsfailed:
            self._pipe.send("some tests cannot be loaded")
            return True
        items: dict[str, Any] = {item.nodeid: item for item in session.items}
        self._pipe.send("")
        while (order := self._pipe.recv()) is not None:
            what, *given = order
            self._pipe.send(getattr(self, f"_{what}")(session, items, *given))
        return True

    def _record(self, session: Any, items: dict[str, Any], file: str, out: str) -> Any:
        chosen = [item for name, item in items.items() if name.split("::")[0] == file]
        if not chosen:
            return f"{file} was not loaded"

        def run(recorder: Recorder) -> int:
            return _run(session, chosen, recorder.during, stop=False)

        return _forked(lambda: record_tests(self._tree, out, run), 900.0, 900)

    def _judge(
        self, session: Any, items: dict[str, Any], module: str, old: bytes, new: bytes,
        tests: Sequence[str], seconds: float,
    ) -> Any:  # fmt: skip
        if any(name not in items for name in tests):
            return None
        functions = self._exchanged(module, old, new)
        if not functions:
            return None

        def run() -> int:
            for function, code in functions:
                function.__code__ = code
            return _run(session, [items[name] for name in tests], None, stop=True)

        place = Path(self._tree, module)
        place.write_bytes(new)  # for programs that a test starts
        try:
            # By the processor's time: a busy machine kills nothing. A deadlock by the clock.
            status = _forked(run, 60 + 12 * seconds, round(20 + 6 * seconds))
            return None if status == _BROKEN else status
        finally:
            place.write_bytes(old)

    def _exchanged(
        self, module: str, old: bytes, new: bytes
    ) -> list[tuple[FunctionType, CodeType]]:
        """The loaded functions that a change is in, with their new code; empty if it is elsewhere.

        Or in one that loading has called, or that is not to be had.
        """
        path = str(Path(self._tree, module))
        before, after = (_parts(compile(source, path, "exec")) for source in (old, new))
        if before[0] != after[0] or len(before[1]) != len(after[1]):
            return []
        changed = {(a.co_name, a.co_firstlineno): b for a, b in zip(before[1], after[1]) if a != b}
        loaded = self._loaded(module, path)
        if any((path, line) in self._called for _, line in changed):
            return []
        if not all(loaded.get(key) for key in changed):
            return []
        return [(function, code) for key, code in changed.items() for function in loaded[key]]

    def _loaded(self, module: str, path: str) -> dict[tuple[str, int], list[FunctionType]]:
        """A module's functions, wherever decorators have put them, by name and line."""
        if module not in self._functions:
            name = module.removesuffix(".py").removesuffix("/__init__").replace("/", ".")
            sys.setprofile(profiled(self._called, str(Path(self._tree, "filterlab"))))
            try:
                importlib.import_module(name)
            finally:
                sys.setprofile(None)
            found: dict[tuple[str, int], list[FunctionType]] = {}
            for thing in gc.get_objects():
                if isinstance(thing, FunctionType) and thing.__code__.co_filename == path:
                    code = thing.__code__
                    found.setdefault((code.co_name, code.co_firstlineno), []).append(thing)
            self._functions[module] = found
        return self._functions[module]


def profiled(called: set[tuple[str, int]], folder: str) -> Callable[[Any, str, Any], None]:
    """Notes the functions of a folder's files that are called."""

    def profile(frame: Any, event: str, _: Any) -> None:
        if event == "call" and frame.f_code.co_filename.startswith(folder):
            called.add((frame.f_code.co_filename, frame.f_code.co_firstlineno))

    return profile


def _run(session: Any, items: Sequence[Any], during: Any, stop: bool) -> int:
    """Run tests one after the other, to the first that fails if ``stop``."""
    session.testsfailed = 0
    for number, item in enumerate(items):
        following = items[number + 1] if number + 1 < len(items) else None
        with during(item.nodeid) if during else contextlib.nullcontext():
            item.config.hook.pytest_runtest_protocol(item=item, nextitem=following)
        if session.testsfailed and stop:
            break
    return 1 if session.testsfailed else 0


def _forked(run: Callable[[], int], limit: float, processor: int) -> int | str:
    """What ``run`` gives in a fork; "timeout" if it has no end."""
    child = os.fork()
    if not child:
        status = _BROKEN
        try:
            os.setsid()
            import resource

            # Beyond the soft limit it is told, with a signal that ends it.
            resource.setrlimit(resource.RLIMIT_CPU, (processor, processor + 5))
            status = run()
        finally:
            os._exit(status)
    ends = time.monotonic() + limit
    while True:
        found, status = os.waitpid(child, os.WNOHANG)
        if found:
            break
        if time.monotonic() > ends:
            os.killpg(child, signal.SIGKILL)
            os.waitpid(child, 0)
            return "timeout"
        time.sleep(0.01)
    with contextlib.suppress(OSError):
        os.killpg(child, signal.SIGKILL)  # windows that a test has started
    if os.WIFSIGNALED(status):
        by_clock = os.WTERMSIG(status) in (signal.SIGXCPU, signal.SIGKILL)
        return "timeout" if by_clock else 1
    return os.WEXITSTATUS(status)


def _parts(code: CodeType) -> tuple[list[Any], list[CodeType]]:
    """What runs when a module is loaded, and its outermost functions and methods."""
    loading: list[Any] = [code.co_code, code.co_names]
    functions: list[CodeType] = []
    for constant in code.co_consts:
        if not isinstance(constant, CodeType):
            loading.append((type(constant), constant))
        elif constant.co_flags & _OPTIMIZED:
            functions.append(constant)
        else:
            inner, own = _parts(constant)
            loading.append(inner)
            functions += own
    return loading, functions


def _serve(tree: str, log: str, files: Sequence[str], pipe: Any) -> None:
    """In a process of its own: load tests, and obey."""
    enter(tree, log)
    import pytest

    called: set[tuple[str, int]] = set()
    sys.setprofile(profiled(called, str(Path(tree, "filterlab"))))
    scratch = Path(log).with_suffix(".tmp")
    pytest.main(["--basetemp", str(scratch), *files], plugins=[_Plugin(tree, pipe, called)])


class Warm:
    """A process that has loaded some files of tests; of one of ``context``'s kind."""

    def __init__(self, context: Any, tree: str, log: str, files: Sequence[str]) -> None:
        self._pipe, theirs = context.Pipe()
        self._process = context.Process(target=_serve, args=(tree, log, list(files), theirs))
        self._process.start()
        theirs.close()
        self._ready = False

    def _ask(self, *order: Any) -> Any:
        try:
            if not self._ready:
                if problem := self._pipe.recv():
                    raise SystemExit(f"mutants: {problem}; mend them first")
                self._ready = True
            self._pipe.send(order)
            return self._pipe.recv()
        except EOFError:
            raise SystemExit("mutants: the loaded tests have ended; see the log") from None

    def record(self, file: str, out: str) -> Any:
        """Write what a file's tests reach; 0 if all pass."""
        return self._ask("record", file, out)

    def judge(
        self, module: str, old: bytes, new: bytes, tests: Sequence[str], seconds: float
    ) -> int | str | None:
        """0 if the tests pass with the fault, 1 or "timeout" if not; None: it cannot be put in."""
        answer: int | str | None = self._ask("judge", module, old, new, list(tests), seconds)
        return answer

    def close(self) -> None:
        """End it."""
        with contextlib.suppress(OSError):
            self._pipe.send(None)
        self._process.join(20)
        if self._process.exitcode is None:
            self._process.kill()
            self._process.join()
