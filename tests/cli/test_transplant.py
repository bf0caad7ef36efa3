"""``filterlab transplant`` as a person runs it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import filterlab.caffe as caffe
from filterlab.cli import main


def test_writes_both_files_and_prints_the_account(
    shared: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    nets = shared / "goldens/nets"
    prefix = tmp_path / "small-conv"
    arguments = [str(nets / "small_v1.prototxt"), str(nets / "small_v1.caffemodel")]
    assert main(["transplant", *arguments, "--out", str(prefix), "--diff"]) == 0
    out = capsys.readouterr().out
    assert "fc6 (20, 108) -> fc6-conv (20, 12, 3, 3), same memory" in out
    assert "largest difference" in out
    assert "+     kernel_size: 3" in out
    net = caffe.Net(f"{prefix}.prototxt", f"{prefix}.caffemodel", caffe.TEST)
    golden = np.load(nets / "small.npz")
    net.blobs["data"].data[...] = golden["in_data"][:1]
    prob = net.forward()["prob"].reshape(-1)
    np.testing.assert_allclose(prob, golden["out_prob"][0], atol=1e-4, rtol=1e-4)


@pytest.mark.parametrize(
    ("prototxt", "weights", "says"),
    [
        ("goldens/nets/small_v2.prototxt", "bad_inputs/truncated.caffemodel", "truncated"),
        ("goldens/nets/small_v2.prototxt", "bad_inputs/nan.caffemodel", "not finite"),
        ("goldens/nets/small_v2.prototxt", "bad_inputs/no_common_layers.caffemodel", "0 of the"),
        ("goldens/nets/small_v2.prototxt", "nothing.caffemodel", "nothing.caffemodel"),
        ("bad_inputs/syntax.prototxt", "goldens/nets/small_v2.caffemodel", "syntax.prototxt"),
        ("bad_inputs/missing_bottom.prototxt", "goldens/nets/small_v2.caffemodel", "'dta'"),
        ("bad_inputs/kernel_too_big.prototxt", "goldens/nets/small_v2.caffemodel", "11x11"),
        ("nothing.prototxt", "goldens/nets/small_v2.caffemodel", "nothing.prototxt"),
    ],
)
def test_bad_input_is_one_line_and_status_2(
    shared: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    prototxt: str,
    weights: str,
    says: str,
) -> None:
    out = tmp_path / "x"
    files = [str(shared / prototxt), str(shared / weights)]
    assert main(["transplant", *files, "--out", str(out)]) == 2
    error = capsys.readouterr().err
    assert error.startswith("filterlab: error: ")
    assert error.count("\n") == 1
    assert says in error
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("under", ["NAME", "./NAME", "link", "other"])
def test_its_own_input_is_never_overwritten(
    shared: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    under: str,
) -> None:
    monkeypatch.chdir(tmp_path)
    for suffix in (".prototxt", ".caffemodel"):
        (tmp_path / f"net{suffix}").write_bytes(
            (shared / f"goldens/nets/small_v1{suffix}").read_bytes()
        )
    (tmp_path / "link.caffemodel").symlink_to(tmp_path / "net.caffemodel")
    before = {path: path.read_bytes() for path in tmp_path.iterdir()}
    out = under.replace("NAME", "net")
    status = main(["transplant", "net.prototxt", "net.caffemodel", "--out", out])
    written = capsys.readouterr()
    if out == "other":
        assert status == 0
        assert (tmp_path / "other.caffemodel").is_file()
        return
    assert status == 2
    assert written.out == ""
    assert "this would overwrite its own input" in written.err
    assert written.err.count("\n") == 1
    assert {path: path.read_bytes() for path in tmp_path.iterdir()} == before


def test_a_net_that_is_convolutional_already_keeps_its_classes(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Its answer is a map; the five best are classes, not places in the map."""
    (tmp_path / "map.prototxt").write_text(
        """layer { name: "data" type: "Input" top: "data"
          input_param { shape { dim: 1 dim: 3 dim: 12 dim: 10 } } }
        layer { name: "conv" type: "Convolution" bottom: "data" top: "conv"
          convolution_param { num_output: 7 kernel_size: 3 weight_filler { type: "xavier" } } }
        layer { name: "prob" type: "Softmax" bottom: "conv" top: "prob" }"""
    )
    net = caffe.Net(str(tmp_path / "map.prototxt"), caffe.TEST)
    net.params["conv"][1].data[...] = np.array([0, 300, 100, 0, 900, 600, 0], np.float32) * 10
    net.save(str(tmp_path / "map.caffemodel"))
    files = [str(tmp_path / "map.prototxt"), str(tmp_path / "map.caffemodel")]
    assert main(["transplant", *files, "--out", str(tmp_path / "out")]) == 0
    told = capsys.readouterr().out
    assert "the net is fully convolutional already" in told
    assert "five best [4, 5, 1, 2, " in told


def test_a_missing_folder_is_said(
    shared: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    nets = shared / "goldens/nets"
    files = [str(nets / "small_v1.prototxt"), str(nets / "small_v1.caffemodel")]
    assert main(["transplant", *files, "--out", str(tmp_path / "no" / "x")]) == 2
    assert "there is no folder" in capsys.readouterr().err


@pytest.mark.parametrize("prefix", ["", ".", "..", "FOLDER/"])
def test_a_prefix_without_a_name(
    shared: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    prefix: str,
) -> None:
    monkeypatch.chdir(tmp_path)
    nets = shared / "goldens/nets"
    files = [str(nets / "small_v1.prototxt"), str(nets / "small_v1.caffemodel")]
    given = prefix.replace("FOLDER", str(tmp_path))
    assert main(["transplant", *files, "--out", given]) == 2
    assert "is no prefix of file names" in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("stride", "told"),
    [
        ("stride: 4", "answers for 32x32 pixels, the next one 4 pixels on\n"),
        ("stride_h: 8 stride_w: 4", "32x32 pixels, the next one 4 pixels on, that below 8\n"),
    ],
)
def test_a_step_down_that_is_another_than_across_is_told(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], stride: str, told: str
) -> None:
    text = f"""
    layer {{ name: "data" type: "Input" top: "data"
      input_param {{ shape {{ dim: 1 dim: 3 dim: 32 dim: 32 }} }} }}
    layer {{ name: "c" type: "Convolution" bottom: "data" top: "c"
      convolution_param {{ num_output: 2 kernel_size: 8 {stride}
        weight_filler {{ type: "constant" value: 0.01 }} }} }}
    layer {{ name: "fc" type: "InnerProduct" bottom: "c" top: "fc"
      inner_product_param {{ num_output: 3 weight_filler {{ type: "constant" value: 0.01 }} }} }}
    layer {{ name: "prob" type: "Softmax" bottom: "fc" top: "prob" }}
    """
    (tmp_path / "net.prototxt").write_text(text)
    net = caffe.Net(str(tmp_path / "net.prototxt"), caffe.TEST)
    net.save(str(tmp_path / "net.caffemodel"))
    files = [str(tmp_path / "net.prototxt"), str(tmp_path / "net.caffemodel")]
    assert main(["transplant", *files, "--out", str(tmp_path / "out")]) == 0
    assert told in capsys.readouterr().out
