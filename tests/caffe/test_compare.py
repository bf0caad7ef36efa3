"""``python -m filterlab.caffe.compare`` with other packages of the name caffe."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

NETS = Path(__file__).resolve().parent.parent / "goldens" / "nets"
SAME = "from filterlab.caffe import *\nfrom filterlab.caffe import Net, TEST\n"
ANOTHER = (
    SAME
    + """
class Net(Net):
    def forward(self, *args, **kwargs):
        out = super().forward(*args, **kwargs)
        self.blobs["pool1"].data[0, 1, 2, 3] += %s
        return super().forward(start="norm1")
"""
)
POORER = SAME + "raise ImportError('libcudart.so.8.0: cannot open shared object file')\n"


def run(
    folder: Path, package: str, *more: str, python: str = ""
) -> subprocess.CompletedProcess[str]:
    """The command beside a package ``caffe`` of these lines."""
    (folder / "caffe").mkdir()
    (folder / "caffe" / "__init__.py").write_text(package, encoding="utf-8")
    there = folder / "python"
    path = os.pathsep.join([str(folder), *filter(None, sys.path)])
    there.write_text(
        f'#!/bin/sh\nPYTHONPATH="{path}" exec "{sys.executable}" "$@"\n', encoding="utf-8"
    )
    there.chmod(0o755)
    return subprocess.run(
        [sys.executable, "-m", "filterlab.caffe.compare", *more, "--python", python or str(there)],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
    )


SMALL = (str(NETS / "small_v2.prototxt"), str(NETS / "small_v2.caffemodel"))


@pytest.mark.skipif(os.name == "nt", reason="the other Python is a script of sh")
@pytest.mark.parametrize("files", [SMALL, SMALL[:1]], ids=["weights", "random weights"])
def test_the_same_engine_agrees(tmp_path: Path, files: tuple[str, ...]) -> None:
    done = run(tmp_path, SAME, *files)
    assert (done.returncode, done.stderr) == (0, "")
    lines = done.stdout.splitlines()
    assert lines[0].split() == ["blob", "shape", "largest", "difference"]
    assert lines[1].startswith("data ")
    assert lines[-1] == f"all {len(lines) - 2} blobs agree"


@pytest.mark.skipif(os.name == "nt", reason="the other Python is a script of sh")
def test_another_engine_is_told_by_its_first_blob(tmp_path: Path) -> None:
    done = run(tmp_path, ANOTHER % 5000, *SMALL)
    assert done.returncode == 1
    assert "the first is 'pool1', which differs" in done.stdout.splitlines()[-1]
    rows = {line.split()[0]: line for line in done.stdout.splitlines()[1:-1]}
    assert rows["pool1"].split()[-2:] == ["5e+03", "differs"]
    assert not rows["conv1"].endswith("differs")
    assert rows["conv2"].endswith("differs")


@pytest.mark.skipif(os.name == "nt", reason="the other Python is a script of sh")
@pytest.mark.parametrize(
    ("package", "python", "says"),
    [
        (POORER, "", "its caffe could not run the net: ImportError: libcudart.so.8.0"),
        (SAME, "/nowhere/python2", "/nowhere/python2: cannot be started"),
    ],
)
def test_what_cannot_run_is_said_in_one_line(
    tmp_path: Path, package: str, python: str, says: str
) -> None:
    done = run(tmp_path, package, *SMALL, python=python)
    assert done.returncode == 2
    assert says in done.stderr
    assert done.stderr.count("\n") == 1
    assert done.stdout == ""
