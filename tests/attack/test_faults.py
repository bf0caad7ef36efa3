"""One round of the faults that need no window; ``make faults`` makes as many as one likes.

Windows that are killed or signalled are in ``tests/gui/test_sessions.py``.
"""

from __future__ import annotations

import os
import random
import sys
from pathlib import Path

import pytest

from tools.attack import faults

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="kills and mounts as on Linux")


@pytest.mark.parametrize(
    ("name", "rounds"), [("pairs", 2), ("full", 2), ("readonly", 1), ("truncated", 2)]
)
def test_nothing_is_lost(name: str, rounds: int) -> None:
    told, found = faults.FAULTS[name](rounds, random.Random(2))
    assert found == []
    if told.startswith("not tried"):
        pytest.skip(told)
    if name == "full":
        assert "refused" in told
        assert "written" in told


def test_every_writer_writes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FILTERLAB_DATA", str(tmp_path))
    for name, write in faults.WRITERS.items():
        folder = tmp_path / name
        folder.mkdir()
        before: dict[str, bytes] = {}
        for n in (1, 2):
            assert faults._try(write, folder, n) == "written"
            assert faults._contents(folder) != before
            before = faults._contents(folder)


def test_what_counts_as_found() -> None:
    def two_lines(folder: Path, n: int) -> None:
        raise OSError("two\nlines")

    def unforeseen(folder: Path, n: int) -> None:
        raise KeyError(n)

    assert faults._try(two_lines, Path(os.devnull), 1) == "not one sentence: 'two\\nlines'"
    assert faults._try(unforeseen, Path(os.devnull), 1) == "KeyError: 1"
