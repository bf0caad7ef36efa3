"""Kills, full disks, disks that may not be written, files cut short while they are open.

    python -m tools.attack.faults [--rounds 20] [--seed 0] [--only NAME ...]

kills      windows edited ten times a second and ended by ``kill -9``: what is lost, in seconds
signals    Ctrl-C, SIGTERM and SIGHUP while a job runs: how long the end takes; all is saved
pairs      a net's two files written in a loop and killed: how many are torn
full       every writer on a disk with no room, or too little: the old file whole or the new one,
           one sentence, no part left
readonly   every writer on a disk mounted read-only: one sentence, nothing changed
truncated  files cut short and written over while readers read them and nets use them

``full`` and ``readonly`` mount a disk of their own in the memory, in a namespace of their own
(Linux, ``unshare``); where that is not allowed they say so. Exit status 1 if anything was found.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np

__all__ = ["FAULTS", "WRITERS", "main"]

_TOP = Path(__file__).resolve().parents[2]
_MOST_LOST_S, _MOST_END_S = 2.0, 1.0

#: What a fault gives: a line of figures, and what was found.
Told = tuple[str, list[str]]

_EDIT = """
number = [0]
def edit():
    number[0] += 1
    bench.set_cell(0, 0, 0, number[0] / 1024)
    say([number[0], time.time()])
    QTimer.singleShot(100, edit)
edit()
"""


def _kills(rounds: int, rng: random.Random) -> Told:
    from tests.gui.child import child, sessions

    lost, found = [], []
    for _ in range(rounds):
        with tempfile.TemporaryDirectory() as folder:
            data = Path(folder, "data")
            with child(data, _EDIT) as window:
                first = window.told()
                end = time.time() + rng.uniform(1.5, 4)
                times = dict([first])
                while time.time() < end:
                    number, when = window.told()
                    times[number] = when
                killed = time.time()
                window.process.kill()
                window.ended()
            try:
                kept = sessions(data)
            except ValueError as error:
                found.append(f"the session is torn: {error}")
                continue
            cells = [s["tabs"]["filters"]["bench"]["kernels"][0][0][0][0] for s in kept]
            newest = round(1024 * cells[0]) if cells else 0
            missing = [when for number, when in times.items() if number > newest]
            lost.append(killed - min(missing, default=killed))
            if lost[-1] > _MOST_LOST_S:
                found.append(f"edits of {lost[-1]:.2f} s lost")
    middle = float(np.median(lost)) if lost else 0.0
    return (
        f"{rounds} kills, lost at most {max(lost, default=0):.2f} s, median {middle:.2f} s",
        found,
    )


def _signals(rounds: int, rng: random.Random) -> Told:
    from tests.gui.child import child, sessions

    busy = "tab.full.start(lambda: (time.sleep(30) for _ in range(2)), 'x'); "
    # What nohup has told to be ignored stays so in the windows that are started here.
    names = [
        name
        for name in ("SIGINT", "SIGTERM", "SIGHUP")
        if signal.getsignal(getattr(signal, name, 0)) is not signal.SIG_IGN
    ]
    took, found = [], []
    for turn in range(rounds):
        number = int(getattr(signal, names[turn % len(names)]))
        with tempfile.TemporaryDirectory() as folder:
            data = Path(folder, "data")
            act = rng.choice(("", busy)) + 'bench.set_cell(0, 0, 0, 0.625); say("edited")'
            with child(data, act) as window:
                window.told()
                began = time.monotonic()
                window.process.send_signal(number)
                try:
                    status = window.ended(20)
                except subprocess.TimeoutExpired:
                    found.append(f"signal {number}: the window does not end")
                    continue
                took.append(time.monotonic() - began)
                if status != 128 + number or "Traceback" in window.errors():
                    found.append(f"signal {number}: status {status}")
            kept = sessions(data)
            cells = [s["tabs"]["filters"]["bench"]["kernels"][0][0][0][0] for s in kept]
            if cells != [0.625] or not kept[0]["ended"]:
                found.append(f"signal {number}: not all was saved")
            if took[-1] > _MOST_END_S * _pressure():
                found.append(f"signal {number}: the end took {took[-1]:.2f} s")
    return f"{rounds} signals, ended within {max(took, default=0):.2f} s", found


def _pressure() -> float:
    """How many processes share a processor; at least 1."""
    if not hasattr(os, "getloadavg"):
        return 1.0
    return max(1.0, os.getloadavg()[0] / (os.cpu_count() or 1))


_PAIRS = """
import sys
from pathlib import Path
from filterlab.workbench.filter_bench import FilterBench
bench, n = FilterBench(), 0
while True:
    n += 1
    bench.set_size((3, 5, 7)[n % 3])
    bench.save_net(sys.argv[1])
    if n == 1:
        print(flush=True)
"""


def _pairs(rounds: int, rng: random.Random) -> Told:
    """The prototxt says a kernel's size, the caffemodel has one: of a torn pair they differ."""
    import filterlab.caffe as caffe

    torn, found = 0, []
    with tempfile.TemporaryDirectory() as folder:
        prefix = Path(folder, "net")
        for _ in range(rounds):
            with subprocess.Popen(
                [sys.executable, "-c", _PAIRS, prefix], cwd=_TOP, stdout=subprocess.PIPE
            ) as writer:
                assert writer.stdout is not None
                writer.stdout.readline()
                time.sleep(rng.uniform(0.005, 0.2))
                writer.kill()
            try:
                caffe.Net(f"{prefix}.prototxt", f"{prefix}.caffemodel", caffe.TEST, mapped=False)
            except caffe.CaffeError as error:
                torn += 1
                if "older" not in str(error):
                    found.append(f"a torn pair, and not said which file is older: {error}")
        left = [path.name for path in Path(folder).glob(".*.part")]
    return f"{rounds} kills, {torn} pairs torn, {len(left)} parts left for the next sweep", found


# Writers


def _net_pair(folder: Path, n: int) -> None:
    from filterlab.workbench.filter_bench import FilterBench

    bench = FilterBench()
    bench.set_size(3 + 2 * n)
    bench.save_net(folder / "net")


def _hdf5(folder: Path, n: int) -> None:
    from filterlab.workbench.filter_bench import FilterBench

    bench = FilterBench()
    bench.set_size(3 + 2 * n)
    bench.net.save_hdf5(str(folder / "net.caffemodel.h5"))


def _picture(suffix: str) -> Callable[[Path, int], None]:
    def write(folder: Path, n: int) -> None:
        from filterlab.pictures import write_picture

        rng = np.random.default_rng(n)
        write_picture(folder / f"a{suffix}", rng.random((120, 90, 3), np.float32))

    return write


def _kernel(folder: Path, n: int) -> None:
    from filterlab.surgery.kernels.text import write_kernel

    write_kernel(folder / "k.json", np.full((11, 11), 0.1 + n, np.float32))


def _library(folder: Path, n: int) -> None:
    from filterlab.surgery.kernels.library import KernelLibrary

    KernelLibrary(folder / "kernels.json").save(f"k{n}", np.full((11, 11), n, np.float32))


def _settings(folder: Path, n: int) -> None:
    from filterlab.gui.settings import Settings

    settings = Settings(folder)
    settings.set_text("theme", f"theme {n}" * 200)
    settings.sync()


def _session(folder: Path, n: int) -> None:
    from filterlab.gui.sessions import Session

    place = folder / "20260101-000000-abcdef"
    rng = np.random.default_rng(n)
    picture = rng.random((60, 50), np.float32)
    session = Session(place, contextlib.ExitStack())
    session.save({"tabs": {"filters": {"n": n}}}, {"filters/input": picture})


def _own_model(folder: Path, n: int) -> None:
    from dataclasses import replace

    from filterlab import paths
    from filterlab.zoo.catalogue import get
    from filterlab.zoo.own_models import remember

    os.environ["FILTERLAB_DATA"] = str(folder)
    assert paths.data_dir() == folder
    remember(replace(get("pocket"), name=f"own{n}", title="x" * 3000, kind="own"))


def _table(folder: Path, n: int) -> None:
    from filterlab.surgery.export import write_npy

    write_npy(folder / "map.npy", np.full((50, 60), n, np.float32))


def _project(folder: Path, n: int) -> None:
    from filterlab.progress import run_job
    from filterlab.workbench.filter_bench import FilterBench
    from filterlab.workbench.project import Project, ProjectPicture, write_job

    pixels = np.random.default_rng(n).random((60, 70, 3), np.float32)
    picture = {"filters": ProjectPicture("pixels", "noise", pixels)}
    run_job(write_job(Project(FilterBench().session(), None, picture), folder / "a.filterlab"))


WRITERS: dict[str, Callable[[Path, int], None]] = {
    "net": _net_pair,
    "hdf5": _hdf5,
    "png": _picture(".png"),
    "npy": _picture(".npy"),
    "tiff": _picture(".tif"),
    "kernel": _kernel,
    "library": _library,
    "settings": _settings,
    "session": _session,
    "own model": _own_model,
    "map": _table,
    "project": _project,
}


def _contents(folder: Path) -> dict[str, bytes]:
    """Every file that somebody would open; times in a session do not count."""
    import re

    found = {}
    for path in sorted(folder.rglob("*")):
        if path.is_file() and path.name not in ("lock",):
            data = path.read_bytes()
            if path.name == "session.json":
                data = re.sub(rb'"saved": "[^"]*"', b"", data)
                data = re.sub(rb"picture-\d+", b"picture", data)
            name = re.sub(r"picture-\d+", "picture", str(path.relative_to(folder)))
            found[name] = data
    return found


def _try(write: Callable[[Path, int], None], folder: Path, n: int) -> str:
    """How one writing ended: ``written``, ``refused``, or what is wrong."""
    from filterlab.caffe import CaffeError
    from filterlab.errors import FilterLabError

    try:
        write(folder, n)
    except (CaffeError, FilterLabError, OSError) as error:
        text = str(error)
        good = text.strip() and "\n" not in text and "No such" not in text
        return "refused" if good else f"not one sentence: {text!r}"
    except Exception as error:
        return f"{type(error).__name__}: {error}"
    return "written"


def _same(name: str, found: dict[str, bytes], expected: dict[str, bytes]) -> bool:
    if name == "hdf5":  # its writer puts the time in
        return found.keys() == expected.keys()
    return found == expected


def _inside(what: str, rounds: int, seed: int, disk: Path) -> int:
    """On a disk of our own: every writer without room, or without leave."""
    rng = random.Random(seed)
    outcomes: Counter[str] = Counter()
    for _ in range(rounds):
        for name, write in WRITERS.items():
            subprocess.run(["mount", "-t", "tmpfs", "-o", "size=2m", "none", disk], check=True)
            try:
                with tempfile.TemporaryDirectory() as usual:
                    for place in (disk, Path(usual)):
                        write(place, 1)
                    before = _contents(disk)
                    write(Path(usual), 2)
                    after = _contents(Path(usual))
                if what == "full":
                    room = rng.choice((0, 0, 4, 8, 20, 40, 80, 160)) << 10
                    free = os.statvfs(disk).f_bavail * os.statvfs(disk).f_bsize
                    with contextlib.suppress(OSError), open(disk / "filler", "wb") as stream:
                        stream.write(bytes(max(0, free - room)))
                else:
                    subprocess.run(["mount", "-o", "remount,ro", disk], check=True)
                outcome = _try(write, disk, 2)
                found = {n: d for n, d in _contents(disk).items() if n != "filler"}
                if outcome == "written" and not _same(name, found, after):
                    outcome = "written, but not what was to be written"
                elif outcome == "refused" and not _same(name, found, before):
                    outcome = f"refused, but changed: {sorted(set(found) ^ set(before)) or 'bytes'}"
                elif what == "readonly" and outcome == "written":
                    outcome = "written on a disk that takes nothing"
            finally:
                subprocess.run(["umount", "-l", disk], check=True)
            outcomes[outcome if outcome in ("written", "refused") else f"{name}: {outcome}"] += 1
    for outcome, count in sorted(outcomes.items()):
        print(f"{count}\t{outcome}")
    return 0


def _on_own_disk(what: str) -> Callable[[int, random.Random], Told]:
    def fault(rounds: int, rng: random.Random) -> Told:
        with tempfile.TemporaryDirectory() as folder:
            command = [sys.executable, "-m", "tools.attack.faults", "--inside", what, folder]
            command += ["--rounds", str(rounds), "--seed", str(rng.randrange(1 << 30))]
            unshare = ["unshare", "--map-root-user", "--mount"]
            try:
                allowed = subprocess.run(
                    [*unshare, "mount", "-t", "tmpfs", "none", folder], capture_output=True
                )
            except OSError:
                return "not tried: no unshare on this system", []
            if allowed.returncode:
                return "not tried: this user may not mount", []
            done = subprocess.run(
                [*unshare, *command], cwd=_TOP, capture_output=True, text=True,
                env={**os.environ, "PYTHONPATH": str(_TOP), "QT_QPA_PLATFORM": "offscreen",
                     "FILTERLAB_DATA": str(Path(folder, "data"))},
            )  # fmt: skip
        if done.returncode:
            return "", [f"ended with {done.returncode}: {done.stderr[-300:]}"]
        counts = [line.split("\t") for line in done.stdout.splitlines()]
        good = {kind: int(count) for count, kind in counts if kind in ("written", "refused")}
        told = ", ".join(f"{count} {kind}" for kind, count in good.items())
        bad = [f"{count}x {kind}" for count, kind in counts if kind not in good]
        return f"{sum(int(c) for c, _ in counts)} writings, {told}", bad

    return fault


_TRUNCATE = """
import os, random, sys, threading, time
from pathlib import Path
import numpy as np
import filterlab.caffe as caffe
from filterlab.errors import FilterLabError
from filterlab.pictures import read_picture, write_picture
from filterlab.caffe.caffemodel import read_weights

folder, seed, seconds = Path(sys.argv[1]), int(sys.argv[2]), float(sys.argv[3])
rng = random.Random(seed)
(folder / "n.prototxt").write_text('''layer { name: "x" type: "Input" top: "x"
  input_param { shape { dim: 1 dim: 4 dim: 8 dim: 8 } } }
layer { name: "fc" type: "InnerProduct" bottom: "x" top: "fc"
  inner_product_param { num_output: 12000 weight_filler { type: "xavier" } } }''')
net = caffe.Net(str(folder / "n.prototxt"), caffe.TEST)
net.save(str(folder / "n.caffemodel"))
net.save_hdf5(str(folder / "n.caffemodel.h5"))
noise = np.random.default_rng(seed).random((700, 600, 3), np.float32)
for name in ("a.png", "a.jpg", "a.tif", "a.npy"):
    write_picture(folder / name, noise)
whole = {p.name: p.read_bytes() for p in folder.iterdir() if p.suffix != ".prototxt"}
assert len(whole["n.caffemodel"]) > 8 << 20

# What a net uses, as the window opens it and as a script does.
outcomes = {}
def count(what):
    outcomes[what] = outcomes.get(what, 0) + 1

x = np.ones((1, 4, 8, 8), np.float32)
good = net.forward(x=x)["fc"].copy()
for turn in range(5):
    for mapped in (False, True):
        path = folder / "n.caffemodel"
        path.write_bytes(whole[path.name])
        used = caffe.Net(str(folder / "n.prototxt"), str(path), caffe.TEST, mapped=mapped)
        if turn % 2:
            os.truncate(path, rng.randrange(1 << 20))
        else:
            with open(path, "r+b") as stream:  # as cp over it does
                stream.truncate(0)
                stream.write(rng.randbytes(len(whole[path.name]) // 2))
        for what in ("forward", "snapshot", "save", "copy_from"):
            given = {"forward": {"x": x}, "snapshot": {}, "save": {"filename": str(folder / "o")},
                     "copy_from": {"weights": str(folder / "n.caffemodel.h5")}}[what]
            try:
                made = getattr(used, what)(*(given.values() if what != "forward" else ()),
                                           **(given if what == "forward" else {}))
                assert not mapped or what == "forward", what + " did not look at its file"
                if what == "forward":
                    assert np.array_equal(made["fc"], good), "other numbers"
                count("mapped: right" if mapped else "read: right")
            except caffe.CaffeError as error:
                assert mapped, error
                assert "\\n" not in str(error)
                count("mapped: CaffeError")
        del used

# Files that shrink and grow while they are read.
stop = threading.Event()
def spoil():
    while not stop.is_set():
        name = rng.choice(list(whole))
        if rng.random() < 0.5:
            os.truncate(folder / name, rng.randrange(len(whole[name])))
        else:
            with open(folder / name, "r+b") as stream:
                stream.write(whole[name])
        time.sleep(rng.random() * 0.004)
thread = threading.Thread(target=spoil)
thread.start()
end = time.monotonic() + seconds
while time.monotonic() < end:
    name = rng.choice(list(whole))
    try:
        if name.startswith("a"):
            read_picture(folder / name)
        else:
            read_weights(str(folder / name), mapped=False)
        count("reading: read")
    except (caffe.CaffeError, FilterLabError) as error:
        assert "\\n" not in str(error)
        count("reading: sentence")
stop.set()
thread.join()
print(", ".join(f"{n} {what}" for what, n in sorted(outcomes.items())))
"""


def _truncated(rounds: int, rng: random.Random) -> Told:
    told, found = "", []
    for _ in range(max(1, rounds // 5)):
        with tempfile.TemporaryDirectory() as folder:
            command = [sys.executable, "-c", _TRUNCATE, folder, str(rng.randrange(1 << 30))]
            done = subprocess.run(
                [*command, str(min(20, rounds))], cwd=_TOP, capture_output=True, text=True,
                env={**os.environ, "PYTHONPATH": str(_TOP)},
            )  # fmt: skip
        if done.returncode:
            how = signal.Signals(-done.returncode).name if done.returncode < 0 else done.stderr
            found.append(f"the process ended: {how[-400:]}")
        told = done.stdout.strip() or told
    return f"{max(1, rounds // 5)} processes, the last: {told}", found


FAULTS: dict[str, Callable[[int, random.Random], Told]] = {
    "kills": _kills,
    "signals": _signals,
    "pairs": _pairs,
    "full": _on_own_disk("full"),
    "readonly": _on_own_disk("readonly"),
    "truncated": _truncated,
}


def main(arguments: Sequence[str] | None = None) -> int:
    """Print the figures; 1 if anything was found."""
    parser = argparse.ArgumentParser(description="Kills, full disks, files cut short.")
    parser.add_argument("--rounds", type=int, default=20)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--only", nargs="*", choices=[*FAULTS], default=[*FAULTS])
    parser.add_argument("--inside", nargs=2, help=argparse.SUPPRESS)
    args = parser.parse_args(arguments)
    if args.inside is not None:
        return _inside(args.inside[0], args.rounds, args.seed, Path(args.inside[1]))
    wrong = 0
    for name in args.only:
        began = time.monotonic()
        told, found = FAULTS[name](args.rounds, random.Random(f"{args.seed} {name}"))
        took = time.monotonic() - began
        print(f"{name:10} {told}; {len(found)} found, {took:.0f} s", flush=True)
        for line in found[:10]:
            print(f"  {line}", file=sys.stderr, flush=True)
        wrong += len(found)
    return 1 if wrong else 0


if __name__ == "__main__":
    raise SystemExit(main())
