"""``filterlab info``."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from filterlab.cli import main


def test_table(shared: Path, capsys: pytest.CaptureFixture[str]) -> None:
    nets = shared / "goldens" / "nets"
    assert main(["info", str(nets / "small_v0.prototxt")]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].split() == ["input", "data", "1x3x67x67"]
    assert lines[1].split() == ["output", "prob", "1x10"]
    rows = {line.split()[0]: line.split() for line in lines[4:17]}
    assert rows["conv1"] == [
        "conv1", "Convolution", "data", "conv1", "1x8x15x15", "8x3x11x11,", "8", "2,912", "11", "4",
    ]  # fmt: skip
    # 19 + 4 * 8 pixels at every eighth.
    assert rows["conv2"][-2:] == ["51", "8"]
    assert rows["fc6"][-3:] == ["2,180", "99", "-"]
    assert "13 layers, 6,514 parameters (26.1 KB as float32)" in lines[18]


def test_json_with_weights(shared: Path, capsys: pytest.CaptureFixture[str]) -> None:
    nets = shared / "goldens" / "nets"
    paths = [str(nets / "small_v2.prototxt"), str(nets / "small_v1.caffemodel")]
    assert main(["info", *paths, "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["inputs"] == {"data": [1, 3, 67, 67]}
    assert found["outputs"] == {"prob": [1, 10]}
    assert found["parameters"] == 6514
    pool2 = next(layer for layer in found["layers"] if layer["name"] == "pool2")
    assert (pool2["shapes"], pool2["field"], pool2["jump"]) == ([[1, 12, 3, 3]], [67, 67], [16, 16])
    assert found["weights_file"]["filled"] == ["conv1", "conv2", "fc6", "fc7"]
    assert not found["weights_file"]["missing"]
    assert not found["weights_file"]["differ"]


def test_weights_that_fit_in_part(shared: Path, capsys: pytest.CaptureFixture[str]) -> None:
    net = str(shared / "goldens/nets/small_v2.prototxt")
    bad = shared / "bad_inputs"
    assert main(["info", net, str(bad / "nan.caffemodel")]) == 0
    out = capsys.readouterr().out
    assert "fills 1 of 4 layers with weights" in out
    assert "not in the file: conv2, fc6, fc7" in out
    assert "holds NaN or infinity: conv1" in out
    assert main(["info", net, str(bad / "no_common_layers.caffemodel")]) == 0
    out = capsys.readouterr().out
    assert "fills 0 of 4" in out
    assert "not in the net: other" in out
    assert main(["info", net, str(bad / "wrong_shape.caffemodel")]) == 2
    captured = capsys.readouterr()
    assert "another shape: conv1" in captured.out
    assert "layer 'conv1' is 8x3x11x11, 8 in the net, 8x3x9x9, 8 in the file" in captured.err


def test_warnings_are_one_line(shared: Path) -> None:
    path = shared / "bad_inputs/unknown_field.prototxt"
    command = [sys.executable, "-m", "filterlab", "info", str(path)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0
    (line,) = done.stderr.splitlines()
    assert line.startswith("filterlab: warning: ")
    assert "some_fork_option (line 2)" in line


def _manifest(shared: Path, kind: str) -> list[tuple[Path, str]]:
    rows = (shared / "bad_inputs/MANIFEST.tsv").read_text(encoding="utf-8").splitlines()[1:]
    found = [row.split("\t") for row in rows]
    return [(shared / "bad_inputs" / row[0], row[2]) for row in found if row[1] == kind]


@pytest.mark.filterwarnings("ignore::filterlab.caffe.CaffeWarning")
def test_every_bad_file_ends_as_it_should(shared: Path, capsys: pytest.CaptureFixture[str]) -> None:
    net = str(shared / "goldens/nets/small_v2.prototxt")
    cases = [([str(path)], expect) for path, expect in _manifest(shared, "prototxt")]
    cases += [([net, str(path)], expect) for path, expect in _manifest(shared, "caffemodel")]
    assert len(cases) == 26
    for arguments, expect in cases:
        status = main(["info", *arguments])
        captured = capsys.readouterr()
        if expect == "ok":
            assert (status, captured.err) == (0, ""), arguments
        else:
            assert status == 2, arguments
            assert captured.err.startswith(f"filterlab: error: {arguments[-1]}")
            assert len(captured.err.splitlines()) == 1
