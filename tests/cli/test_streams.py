"""What all commands share: where their output goes, and what an option takes for a number."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import IO

import numpy as np
import pytest

from filterlab.cli import main
from filterlab.pictures import write_picture


def _run(
    *arguments: str,
    stdout: int | IO[bytes] = subprocess.PIPE,
    encoding: str = "utf-8",
) -> subprocess.CompletedProcess[bytes]:
    # Buffered, as stdout is when nobody asked for anything else.
    env = {name: value for name, value in os.environ.items() if name != "PYTHONUNBUFFERED"}
    return subprocess.run(
        [sys.executable, "-m", "filterlab", *arguments],
        stdout=stdout,
        stderr=subprocess.PIPE,
        env={**env, "PYTHONIOENCODING": encoding},
        timeout=120,
        check=False,
    )


@pytest.fixture
def net(repo: Path) -> str:
    return str(repo / "models" / "caffenet" / "deploy.prototxt")


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no /dev/full here")
@pytest.mark.parametrize("arguments", [["--help"], ["info", "NET"]])
def test_a_full_disk_behind_stdout_is_one_line(net: str, arguments: list[str]) -> None:
    given = [net if word == "NET" else word for word in arguments]
    with open("/dev/full", "wb") as full:
        done = _run(*given, stdout=full)
    assert done.returncode == 2
    assert done.stderr.startswith(b"filterlab: error: ")
    assert done.stderr.count(b"\n") == 1


@pytest.mark.skipif(os.name != "posix", reason="pipes break otherwise there")
def test_a_reader_that_went_away_is_no_error(net: str) -> None:
    reading, writing = os.pipe()
    os.close(reading)
    try:
        done = _run("info", net, stdout=writing)
    finally:
        os.close(writing)
    assert (done.returncode, done.stderr) == (0, b"")


@pytest.mark.parametrize("encoding", ["ascii", "cp1252", "utf-8"])
def test_names_that_the_outputs_encoding_lacks(net: str, tmp_path: Path, encoding: str) -> None:
    path = tmp_path / "网 é.prototxt"
    path.write_bytes(Path(net).read_bytes())
    done = _run("info", str(path), "--json", encoding=encoding)
    assert (done.returncode, done.stderr) == (0, b"")
    assert json.loads(done.stdout.decode(encoding))["prototxt"] == str(path)


@pytest.mark.parametrize("bias", ["-1", "-1e-3", "-.5", "-1.", "-1/2"])
def test_negative_numbers_are_no_options(tmp_path: Path, bias: str) -> None:
    write_picture(tmp_path / "in.png", np.zeros((9, 9), np.float32))
    command = ["filter", str(tmp_path / "in.png"), "--kernel", "box", "--bias", bias]
    assert main([*command, "--out", str(tmp_path)]) == 0
    number = -0.5 if bias == "-1/2" else float(bias)
    assert np.load(tmp_path / "filter_0.npy") == pytest.approx(number)


def test_options_before_a_positional_that_may_be_missing(
    shared: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    nets = shared / "goldens" / "nets"
    net, weights = str(nets / "small_v2.prototxt"), str(nets / "small_v2.caffemodel")
    for order in ([net, weights, "--json"], [net, "--json", weights], ["--json", net, weights]):
        assert main(["info", *order]) == 0
        assert json.loads(capsys.readouterr().out)["weights_file"]["file"] == weights
    assert main(["info", "--json", net]) == 0
    assert "weights_file" not in json.loads(capsys.readouterr().out)
    with pytest.raises(SystemExit) as stop:
        main(["info", net, weights, "third", "--json"])
    assert stop.value.code == 2
    assert "third" in capsys.readouterr().err


def test_warnings_join_the_line_of_the_error(shared: Path) -> None:
    net = shared / "bad_inputs" / "unknown_field.prototxt"
    weights = shared / "bad_inputs" / "no_common_layers.caffemodel"
    done = _run("transplant", str(net), str(weights), "--out", "x")
    assert done.returncode == 2
    (line,) = done.stderr.decode().splitlines()
    assert line.startswith("filterlab: error: no_common_layers.caffemodel: 0 of the net's 1 layer")
    assert "; note: " in line
    assert "some_fork_option (line 2)" in line


@pytest.mark.parametrize("arguments", [["--version"], ["filter", "--help"]])
def test_help_comes_without_the_engine(arguments: list[str]) -> None:
    code = (
        "import sys\nfrom filterlab.cli import main\n"
        f"try:\n    main({arguments!r})\n"
        "except SystemExit as stop:\n    print(stop.code, 'numpy' in sys.modules)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, check=True, timeout=60)
    assert done.stdout.decode().splitlines()[-1] == "0 False"


def test_ctrl_c_ends_a_command_with_its_own_status(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """130, as shells know it: 128 and the signal's number."""
    from filterlab.cli import info

    monkeypatch.setattr(info, "run", lambda _: signal.raise_signal(signal.SIGINT))
    assert main(["info", str(tmp_path / "net.prototxt")]) == 130
    assert capsys.readouterr().err == "filterlab: stopped\n"


@pytest.mark.skipif(sys.platform == "win32", reason="a signal is no exit status there")
def test_the_third_ctrl_c_ends_a_window_that_does_not_listen() -> None:
    code = (
        "import signal\n"
        "from PyQt5.QtCore import QCoreApplication\n"
        "from filterlab.gui.ending import Ending\n"
        "app = QCoreApplication([])\n"
        "ending = Ending()\n"
        "for n in range(3):\n"
        "    print(n, flush=True)\n"
        "    signal.raise_signal(signal.SIGINT)\n"
        "print('still here', flush=True)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=60,
        env=os.environ | {"PYTHONPATH": str(Path(__file__).resolve().parents[2])},
    )  # fmt: skip
    assert done.returncode == 130
    assert done.stdout.split() == ["0", "1", "2"]


def test_an_error_is_told_in_the_language(
    net: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    wrong = ["filter", "chelsea", "--kernel", "box", "--bias", "1", "2", "--out", "x"]
    assert main(wrong) == 2
    assert capsys.readouterr().err == (
        "filterlab: error: 2 biases for 1 kernel; give at most one each\n"
    )
    monkeypatch.setenv("FILTERLAB_LANG", "zh_CN")
    assert main(wrong) == 2
    assert capsys.readouterr().err == (
        "filterlab: error: 1 个卷积核却给了 2 个偏置；每个至多给一个\n"
    )
    assert main(["info", "gone.prototxt"]) == 2
    assert capsys.readouterr().err.startswith("filterlab: error: gone.prototxt：没有这个文件")


@pytest.mark.filterwarnings("default::filterlab.caffe.CaffeWarning")
def test_a_warning_is_told_in_the_language(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "odd.prototxt"
    path.write_text(
        'layer { name: "d" type: "Input" top: "d" kernel_siz: 3 '
        "input_param { shape { dim: 1 dim: 1 dim: 2 dim: 2 } } }",
        encoding="utf-8",
    )
    monkeypatch.setenv("FILTERLAB_LANG", "zh_CN")
    assert main(["info", str(path)]) == 0
    assert "filterlab: warning: " in (told := capsys.readouterr().err)
    assert "略过了 Caffe 1.0 不认识的内容：layer.kernel_siz" in told
