"""Feeds damaged files to every reader; anything but a result or one clear sentence is a bug.

    python -m tools.attack.fuzz [--inputs 20000] [--seed 0] [--readers NAME ...] [--keep DIR]

``--inputs`` is for each reader. Input N of a reader is the same whatever came before, so that one
that was found can be made again: ``--first N --inputs 1``. The readers run in a process of its
own, with its memory limited, so that a crash, a hang and a grab for memory are found, too. A bug
is: any other exception; a message that is empty, longer than 2,000 characters or of several lines;
more than a second of computing; a warning of NumPy's; a word on stderr; a death of the process.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import random
import shutil
import signal
import struct
import subprocess
import sys
import tempfile
import time
import warnings
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

__all__ = ["Found", "main", "run"]

SLOW_S, HANG_S = 1.0, 30.0
_MOST_BUGS = 200
_TOP = Path(__file__).resolve().parents[2]


@dataclass
class Found:
    """What came of one reader.

    Attributes
    ----------
    outcomes : Counter
        How often each: ``read``, ``sentence``, or what is wrong.
    bugs : list of str
        One line each, with the input's number.
    slowest : float
        Seconds of the slowest input.
    """

    outcomes: Counter[str] = field(default_factory=Counter)
    bugs: list[str] = field(default_factory=list)
    slowest: float = 0.0


# In the process that reads


def _input(reader: Any, name: str, index: int, seed: int, good: dict[str, bytes]) -> Any:
    rng = random.Random(f"{seed} {name} {index}")
    file = rng.choice(sorted(good))
    return file, reader.damage(good[file], rng, list(good.values()))


@contextlib.contextmanager
def _memory(more: int) -> Iterator[None]:
    try:
        import resource

        pages = int(Path("/proc/self/statm").read_text().split()[0])
    except (ImportError, OSError):
        yield
        return
    before = resource.getrlimit(resource.RLIMIT_AS)
    resource.setrlimit(
        resource.RLIMIT_AS, (pages * resource.getpagesize() + more, resource.RLIM_INFINITY)
    )
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_AS, before)


def _one(reader: Any, path: Path, sentences: tuple[type[Exception], ...]) -> tuple[str, str]:
    """The outcome of one input, and what to say of it."""
    try:
        reader.read(path)
        return "read", ""
    except sentences as error:
        text = str(error)
        if reader.never_raises:
            return "raised", f"{type(error).__name__}: {text}"
        if not text.strip() or len(text) > 2000 or len(text.splitlines()) != 1:
            return "bad message", repr(text[:300])
        return "sentence", ""
    except Exception as error:
        return type(error).__name__, " ".join(str(error).split())[:300]


def _work(names: Sequence[str], first: int, inputs: int, seed: int, mark: Path) -> None:
    """Read, and print what came of it: a line of JSON for each bug and each reader's end."""
    from filterlab.caffe import CaffeError, CaffeWarning
    from filterlab.errors import FilterLabError
    from tools.attack.readers import READERS

    warnings.simplefilter("ignore", CaffeWarning)
    warnings.simplefilter("error", RuntimeWarning)
    folder = mark.parent / "read"
    stderr = os.open(mark.parent / "stderr", os.O_RDWR | os.O_CREAT)
    os.dup2(stderr, 2)
    with open(mark, "r+b", buffering=0) as marked:
        for place, name in enumerate(names):
            reader, found = READERS[name], Found()
            good = reader.good()
            for file, data in good.items():  # so that all is imported before memory is limited
                folder.mkdir()
                (folder / file).write_bytes(data)
                with contextlib.suppress(CaffeError, FilterLabError):
                    reader.read(folder / file)
                shutil.rmtree(folder)
            said = os.fstat(2).st_size
            with _memory(reader.memory):
                for index in range(first if place == 0 else 0, inputs):
                    marked.seek(0)
                    marked.write(struct.pack("<qqd", place, index, time.time()))
                    file, data = _input(reader, name, index, seed, good)
                    folder.mkdir(exist_ok=True)
                    path = folder / file
                    path.write_bytes(data)
                    began = time.process_time()  # of the clock on the wall others take some
                    outcome, what = _one(reader, path, (CaffeError, FilterLabError))
                    took = time.process_time() - began
                    shutil.rmtree(folder)
                    found.slowest = max(found.slowest, took)
                    if took > SLOW_S and outcome in ("read", "sentence"):
                        outcome, what = "slow", f"{took:.1f} s"
                    if os.fstat(2).st_size != said:
                        text = os.pread(2, 300, said).decode("utf-8", "replace")
                        said = os.fstat(2).st_size
                        outcome, what = "stderr", " ".join(text.split())
                    found.outcomes[outcome] += 1
                    if outcome not in ("read", "sentence"):
                        print(json.dumps({"bug": [name, index, file, outcome, what]}), flush=True)
            print(json.dumps({"end": [name, found.outcomes, found.slowest]}), flush=True)


# In the process that watches


def run(
    names: Sequence[str], inputs: int, seed: int, first: int = 0, keep: Path | None = None
) -> dict[str, Found]:
    """Feed ``inputs`` files to each of the readers; what came of each."""
    found = {name: Found() for name in names}
    folder_of_all = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None
    rest = list(names)
    while rest and sum(len(f.bugs) for f in found.values()) < _MOST_BUGS:
        with tempfile.TemporaryDirectory(dir=folder_of_all) as folder:
            mark = Path(folder, "mark")
            mark.write_bytes(struct.pack("<qqd", 0, first, time.time()))
            died = _watch(rest, first, inputs, seed, mark, found)
            place, index, _ = struct.unpack("<qqd", mark.read_bytes())
        if not died:
            break
        rest, first = rest[place:], index + 1
        found[rest[0]].outcomes[died] += 1
        found[rest[0]].bugs.append(f"{rest[0]} {index}: {died}")
    if keep is not None:
        _keep(found, seed, keep)
    return found


def _watch(
    names: list[str], first: int, inputs: int, seed: int, mark: Path, found: dict[str, Found]
) -> str:
    """Let a process read until it has ended; empty if it did so in order, else how it died."""
    command = [sys.executable, "-m", __name__ if __name__ != "__main__" else "tools.attack.fuzz"]
    command += ["--work", str(mark), "--first", str(first)]
    command += ["--inputs", str(inputs), "--seed", str(seed), "--readers", *names]
    environment = {
        **os.environ, "PYTHONPATH": str(_TOP), "QT_QPA_PLATFORM": "offscreen",
        "FILTERLAB_DATA": str(mark.parent / "data"), "PYTHONFAULTHANDLER": "1",
    }  # fmt: skip
    with (
        open(mark.parent / "out", "w+") as out,
        subprocess.Popen(command, cwd=_TOP, env=environment, stdout=out) as process,
    ):
        hung = False
        while process.poll() is None:
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(0.5)
            at = struct.unpack("<qqd", mark.read_bytes())[2]
            if process.poll() is None and time.time() - at > HANG_S:
                hung = True
                process.kill()
        out.seek(0)
        for line in out:
            told = json.loads(line)
            if "bug" in told:
                name, index, file, outcome, what = told["bug"]
                found[name].bugs.append(f"{name} {index} ({file}): {outcome}: {what}")
            else:
                name, outcomes, slowest = told["end"]
                found[name].outcomes.update(outcomes)
                found[name].slowest = max(found[name].slowest, slowest)
    if hung:
        return "hung"
    if process.returncode < 0:
        return f"died of {signal.Signals(-process.returncode).name}"
    if process.returncode:
        words = (mark.parent / "stderr").read_text("utf-8", "replace").splitlines()
        raise RuntimeError(f"the fuzzer itself failed: {words[-1:] or process.returncode}")
    return ""


def _keep(found: dict[str, Found], seed: int, folder: Path) -> None:
    """Write the inputs of the bugs into a folder."""
    from tools.attack.readers import READERS

    folder.mkdir(parents=True, exist_ok=True)
    for name, of in found.items():
        good = READERS[name].good()
        for bug in of.bugs:
            index = int(bug.removeprefix(name).split()[0].rstrip(":"))
            file, data = _input(READERS[name], name, index, seed, good)
            (folder / f"{name}-{index}-{file}").write_bytes(data)


def main(arguments: Sequence[str] | None = None) -> int:
    """Print the figures; 1 if a bug was found."""
    from tools.attack.readers import READERS

    parser = argparse.ArgumentParser(description="Feeds damaged files to every reader.")
    parser.add_argument("--inputs", type=int, default=20_000, help="for each reader")
    parser.add_argument("--first", type=int, default=0, help="the number of the first input")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--readers", nargs="*", choices=[*READERS], default=[*READERS])
    parser.add_argument("--keep", type=Path, metavar="DIR", help="where to put what is found")
    parser.add_argument("--work", type=Path, help=argparse.SUPPRESS)
    args = parser.parse_args(arguments)
    if args.work is not None:
        _work(args.readers, args.first, args.inputs, args.seed, args.work)
        return 0
    began = time.perf_counter()
    found = run(args.readers, args.first + args.inputs, args.seed, args.first, args.keep)
    total = bugs = 0
    for name, of in found.items():
        told = ", ".join(f"{count:,} {outcome}" for outcome, count in sorted(of.outcomes.items()))
        print(f"{name:14} {told}; slowest {of.slowest * 1e3:.0f} ms", flush=True)
        total += of.outcomes.total()
        bugs += len(of.bugs)
    took = time.perf_counter() - began
    print(f"{total:,} inputs, seed {args.seed}: {bugs} bugs, {took:.0f} s in all")
    for bug in [bug for of in found.values() for bug in of.bugs][:40]:
        print(bug, file=sys.stderr)
    return 1 if bugs else 0


if __name__ == "__main__":
    raise SystemExit(main())
