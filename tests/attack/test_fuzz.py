"""Some thousand damaged files; ``make fuzz`` feeds as many as one likes."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tools.attack import fuzz
from tools.attack.readers import READERS

pytestmark = pytest.mark.skipif(
    not Path("/proc/self/statm").exists(), reason="limits memory as Linux does"
)


def test_damaged_files_end_in_a_result_or_one_sentence() -> None:
    found = fuzz.run([*READERS], 200, seed=1)
    assert [bug for of in found.values() for bug in of.bugs] == []
    for name, of in found.items():
        assert of.outcomes.total() == 200
        assert of.outcomes["read"] > 1, f"{name}: damage of all degrees, some files still read"
        assert READERS[name].never_raises or of.outcomes["sentence"] > 20, name


#: What no reader may do, and what the fuzzer is to call it.
BAD = {
    "ZeroDivisionError: division by zero": "1 / 0",
    "MemoryError: ": "bytearray(8 << 30)",
    "stderr: oh": "os.write(2, b'oh')",
    "slow: 1.": "t = time.process_time(); any(time.process_time() - t > 1.1 for _ in iter(int, 1))",
    "bad message: 'two": "raise FilterLabError('two\\nlines')",
    "RuntimeWarning: ": "np.float32(1) / np.zeros(1)",
    "": "os.kill(os.getpid(), 11)",
}


@pytest.mark.parametrize(("told", "body"), BAD.items(), ids=[*BAD.values()])
def test_what_counts_as_a_bug(tmp_path: Path, told: str, body: str) -> None:
    code = f"""
import os, sys, time
from pathlib import Path
import numpy as np
from filterlab.errors import FilterLabError
from tools.attack import fuzz, readers
calls = []
def read(path):
    calls.append(path)
    if len(calls) > 1:  # the first is of the whole file
        {body}
readers.READERS["x"] = readers.Reader(lambda: {{"a": b"abc"}}, lambda d, rng, others: d, read)
fuzz._work(["x"], 0, 1, 0, Path(sys.argv[1]))
"""
    mark = tmp_path / "mark"
    mark.write_bytes(bytes(24))
    done = subprocess.run(
        [sys.executable, "-c", code, mark], stdout=subprocess.PIPE, text=True, cwd=fuzz._TOP
    )
    if not told:
        assert done.returncode == -11
        return
    bug = json.loads(done.stdout.splitlines()[0])["bug"]
    assert f"{bug[3]}: {bug[4]}".startswith(told)


def test_an_input_is_the_same_whatever_came_before() -> None:
    for name, reader in READERS.items():
        good = reader.good()
        one, other = (fuzz._input(reader, name, 7, 3, good) for _ in range(2))
        assert one == other
        assert len({fuzz._input(reader, name, index, 3, good)[1] for index in range(20)}) > 10
