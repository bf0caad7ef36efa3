"""Writing files: whole or not at all, and errors that name the file that was wanted."""

from __future__ import annotations

import errno
import os
import stat
import subprocess
import sys
import time
from pathlib import Path

import pytest

import filterlab.caffe as caffe
from filterlab.caffe import files
from filterlab.caffe.files import atomic_write, sweep, written_together


def test_errors_name_the_file_that_was_wanted(tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    for path in (tmp_path / "folder", tmp_path / "missing" / "file"):
        with pytest.raises(OSError, match=path.name) as caught, atomic_write(path) as stream:
            stream.write(b"x")
        assert caught.value.filename == str(path)
        assert ".part" not in str(caught.value)
    assert [entry.name for entry in tmp_path.iterdir()] == ["folder"]


def test_other_errors_pass_as_they_are(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError) as caught, atomic_write(tmp_path / "out"):
        (tmp_path / "other").read_bytes()
    assert caught.value.filename == str(tmp_path / "other")
    assert not list(tmp_path.iterdir())


def test_the_longest_name(tmp_path: Path) -> None:
    path = tmp_path / ("x" * 255)
    with atomic_write(path) as stream:
        stream.write(b"whole")
    assert path.read_bytes() == b"whole"


@pytest.mark.skipif(os.name != "posix", reason="needs named pipes")
def test_what_is_no_file_is_not_replaced(tmp_path: Path) -> None:
    path = tmp_path / "pipe"
    os.mkfifo(path)
    reading = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
    try:
        with atomic_write(path) as stream:
            stream.write(b"through")
        assert os.read(reading, 100) == b"through"
    finally:
        os.close(reading)
    assert stat.S_ISFIFO(path.stat().st_mode)


# Files that belong together


def _pair(folder: Path) -> tuple[Path, Path]:
    return folder / "net.prototxt", folder / "net.caffemodel"


def _write(folder: Path, text: str) -> None:
    with written_together():
        for path in _pair(folder):
            with atomic_write(path, "w") as stream:
                stream.write(text)


def _read(folder: Path) -> list[str]:
    return [path.read_text() if path.exists() else "" for path in _pair(folder)]


def test_a_pair_appears_together(tmp_path: Path) -> None:
    _write(tmp_path, "old")
    with written_together():
        with written_together(), atomic_write(_pair(tmp_path)[0], "w") as stream:
            stream.write("new")
        assert _read(tmp_path) == ["old", "old"]
        with atomic_write(_pair(tmp_path)[1], "w") as stream:
            stream.write("new")
        assert _read(tmp_path) == ["old", "old"]
    assert _read(tmp_path) == ["new", "new"]
    assert len(list(tmp_path.iterdir())) == 2
    with atomic_write(_pair(tmp_path)[0], "w") as stream:
        stream.write("alone")
    assert _read(tmp_path) == ["alone", "new"], "the group is over"


@pytest.mark.parametrize("before", ["", "old"])
@pytest.mark.parametrize("call", ["fsync", "replace"])
def test_a_full_disk_or_a_refused_name_leaves_neither_half(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, call: str, before: str
) -> None:
    if before:
        _write(tmp_path, before)
    real, calls = getattr(os, call), []

    def second_fails(*args: object) -> None:
        calls.append(args)
        if len(calls) == 2:
            raise OSError(errno.ENOSPC, "No space left on device")
        real(*args)

    monkeypatch.setattr(files.os, call, second_fails)
    with pytest.raises(OSError, match=r"No space left.*net\.caffemodel"):
        _write(tmp_path, "new")
    assert _read(tmp_path) == [before, before]
    assert len(list(tmp_path.iterdir())) == (2 if before else 0), "no part is left"


def test_a_folder_in_the_way_leaves_neither_half(tmp_path: Path) -> None:
    _pair(tmp_path)[1].mkdir()
    with pytest.raises(OSError, match=r"net\.caffemodel"):
        _write(tmp_path, "new")
    assert not _pair(tmp_path)[0].exists()


_KILLS = """
import os, random, signal, sys, time
from pathlib import Path
from filterlab.caffe.files import atomic_write, written_together

folder = Path(sys.argv[1])
pair = folder / "net.prototxt", folder / "net.caffemodel"

def write(number):
    with written_together():
        for path, size in zip(pair, (1, 200_000)):
            with atomic_write(path, "w") as stream:
                stream.write(f"{number:08}" * size)

def number(path):
    with open(path) as stream:
        return stream.read(8)

rng, torn = random.Random(4), 0
write(0)
for round in range(40):
    child = os.fork()
    if child == 0:
        for count in range(1 + 1000 * round, 1000 * (round + 1)):
            write(count)
        os._exit(0)
    time.sleep(rng.uniform(0.005, 0.04))
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    torn += number(pair[0]) != number(pair[1])
    assert os.path.getsize(pair[1]) == 1_600_000
print(torn, number(pair[1]))
"""


@pytest.mark.skipif(os.name != "posix", reason="needs fork and kill")
def test_a_pair_is_not_torn_by_kill(tmp_path: Path) -> None:
    """In a tight loop; renamed one after the other as each was written, half of them are torn."""
    done = subprocess.run(
        [sys.executable, "-c", _KILLS, str(tmp_path)],
        capture_output=True, text=True, check=True, cwd=Path(files.__file__).parents[2],
    )  # fmt: skip
    torn, last = done.stdout.split()
    assert int(torn) <= 2, "of 40; what lies between two renames is a few microseconds"
    assert int(last) > 1000, "something was written in most rounds"


def test_parts_of_dead_processes_are_swept(tmp_path: Path) -> None:
    done = subprocess.run([sys.executable, "-c", "import os; print(os.getpid())"],
                          capture_output=True, text=True, check=True)  # fmt: skip
    dead, mine = int(done.stdout), os.getpid()
    old = time.time() - 3600
    for name in (f".a.{dead}-abcdefgh.part", f".b.{mine}-abcdefgh.part", "model.caffemodel.part",
                 f".d.{dead}-abcdefgh.png", ".e.part"):  # fmt: skip
        (tmp_path / name).write_bytes(b"x")
        os.utime(tmp_path / name, (old, old))
    (tmp_path / f".c.{dead}-abcdefgh.part").write_bytes(b"just now")
    (tmp_path / f".f.{dead}-abcdefgh.part").mkdir()
    os.utime(tmp_path / f".f.{dead}-abcdefgh.part", (old, old))
    before = {entry.name for entry in tmp_path.iterdir()}
    sweep(tmp_path)
    gone = before - {entry.name for entry in tmp_path.iterdir()}
    assert gone == {f".a.{dead}-abcdefgh.part", f".f.{dead}-abcdefgh.part"} | (
        {f".b.{mine}-abcdefgh.part"} if sys.platform == "win32" else set()
    )
    sweep(tmp_path / "missing")


def test_of_a_pair_that_does_not_fit_the_older_is_named(tmp_path: Path) -> None:
    layer = (
        'layer {{ name: "ip" type: "InnerProduct" bottom: "data" top: "ip" '
        "inner_product_param {{ num_output: {} }} }}"
    )
    data = 'input: "data" input_shape { dim: 1 dim: 4 } '
    prototxt, weights = _pair(tmp_path)
    prototxt.write_text(data + layer.format(3))
    caffe.Net(str(prototxt), caffe.TEST).save(str(weights))
    prototxt.write_text(data + layer.format(5))
    for older, times in ((prototxt, (1e9, 2e9)), (weights, (2e9, 1e9))):
        os.utime(prototxt, (times[0], times[0]))
        os.utime(weights, (times[1], times[1]))
        with pytest.raises(caffe.CaffeError) as caught:
            caffe.Net(str(prototxt), str(weights), caffe.TEST)
        assert str(caught.value).endswith(f"; {older.name} is the older of the two")
    os.utime(weights, (2e9, 2e9))
    os.utime(prototxt, (2e9, 2e9))
    with pytest.raises(caffe.CaffeError, match=r"belong to this prototxt$"):
        caffe.Net(str(prototxt), str(weights), caffe.TEST)
