"""``filterlab inspect``."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from filterlab import caffe
from filterlab.cli import main
from filterlab.pictures import read_picture, sample, write_picture
from filterlab.zoo import catalogue


def test_table_with_work_and_times(shared: Path, capsys: pytest.CaptureFixture[str]) -> None:
    nets = shared / "goldens/nets"
    paths = [str(nets / "small_v2.prototxt"), str(nets / "small_v2.caffemodel")]
    assert main(["inspect", *paths, "--passes", "2"]) == 0
    out = capsys.readouterr().out
    row = next(line.split() for line in out.splitlines() if line.startswith("conv1 "))
    # 8 kernels of 3x11x11 at 15x15 places.
    assert row[-3] == f"{8 * 363 * 225:,}"
    assert float(row[-2]) > 0
    assert row[-1].endswith("%")
    assert "medians of 2 passes" in out
    assert "fills 4 of 4" in out
    assert main(["inspect", *paths, "--json", "--passes", "0"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert main(["info", *paths, "--json"]) == 0
    info = json.loads(capsys.readouterr().out)
    # All that info tells is here too.
    assert {key: found[key] for key in info} == info
    assert (found["runs"], found["seconds"], found["weights_missing"]) == (True, None, [])


def test_nets_that_cannot_run_are_listed(
    shared: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    bad = shared / "bad_inputs"
    assert main(["inspect", str(bad / "unknown_type.prototxt")]) == 0
    captured = capsys.readouterr()
    assert "there is no layer type" in captured.out
    assert " ? " in captured.out
    net = str(shared / "goldens/nets/small_v2.prototxt")
    assert main(["inspect", net, str(bad / "wrong_shape.caffemodel"), "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert not found["runs"]
    assert "8x3x9x9, 8 in the file" in found["why_not"]
    assert main(["inspect", net, "--passes", "1"]) == 0
    assert "no weights are given for 4 layers" in capsys.readouterr().out
    tiles = ["--tiles", "conv1", "--out", str(tmp_path)]
    assert main(["inspect", net, str(bad / "wrong_shape.caffemodel"), "chelsea", *tiles]) == 2
    assert "no tiles, because the net cannot run" in capsys.readouterr().err


def test_tiles_equal_the_blob(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "tiles"
    command = ["inspect", "--model", "pocket", "chelsea", "--passes", "0", "--out", str(out)]
    assert main([*command, "--tiles", "conv1"]) == 0
    assert "as 'relu1' leaves it" in capsys.readouterr().out
    model = catalogue.get("pocket")
    net = caffe.Net(str(model.prototxt), str(model.need_weights()), caffe.TEST)
    net.packing = "never"
    # Chelsea is 451 x 300: its centre is columns 75 to 375.
    shape = net.blobs["data"].shape[2:]
    picture = caffe.io.resize_image(sample("chelsea")[:, 75:375], shape)
    data = picture[:, :, ::-1] * model.scale - np.array(model.mean_bgr)
    net.blobs["data"].data[...] = data.transpose(2, 0, 1)
    net.forward()
    blob = net.blobs["conv1"].data
    np.testing.assert_allclose(np.load(out / "conv1.npy"), blob, rtol=1e-3, atol=1e-3)
    sheet = read_picture(out / "conv1.png", grey=True)
    size = blob.shape[2]
    first = blob[0, 0] / blob.max()
    np.testing.assert_allclose(sheet[:size, :size], first, atol=0.5 / 255 + 1e-4)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "no net is given"),
        (["a", "b", "c.png", "d"], "do not know what 'd' is for"),
        (["--model", "pocket", "a.png", "b"], "do not know what 'b' is for"),
        (["a", "--passes", "-1"], "--passes -1"),
        (["--model", "pocket", "--tiles", "conv1"], "--tiles takes a picture and --out"),
        (["--model", "pocket", "chelsea", "--tiles", "x", "--out", "y"], "has no layer 'x'"),
        (["--model", "pocket", "--patches", "conv1"], "--patches takes --out DIR"),
        (["--model", "pocket", "--pictures", "x"], "--pictures goes with --patches"),
        (["--model", "pocket", "--facts", "x"], "has no layer 'x'"),
        (["--model", "pocket", "--passes", "0", "--facts", "pool1"], "has no units"),
        (["nowhere.prototxt"], "nowhere.prototxt"),
        (["--model", "pocket", "nowhere.png"], "nowhere.png"),
    ],
)
def test_bad_arguments_end_in_one_line(
    arguments: list[str], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["inspect", *arguments]) == 2
    captured = capsys.readouterr()
    assert message in captured.err
    assert len(captured.err.splitlines()) == 1


def test_facts_of_units(capsys: pytest.CaptureFixture[str]) -> None:
    command = ["inspect", "--model", "pocket", "chelsea", "--passes", "0", "--facts", "conv1"]
    assert main([*command, "--json"]) == 0
    found = json.loads(capsys.readouterr().out)["facts"]
    model = catalogue.get("pocket")
    net = caffe.Net(str(model.prototxt), str(model.need_weights()), caffe.TEST)
    weights, bias = (blob.data for blob in net.params["conv1"])
    assert found["weights_of_a_unit"] == weights[0].size
    assert sum(found["histogram"]["counts"]) == weights.size
    for unit, told in enumerate(found["units"]):
        assert told["norm"] == pytest.approx(float(np.linalg.norm(weights[unit])), rel=1e-5)
        assert told["bias"] == float(bias[unit])
        assert told["answers"]["peak"] >= told["answers"]["mean"] >= 0
    assert main(command) == 0
    out = capsys.readouterr().out
    strongest = max(found["units"], key=lambda told: told["norm"])
    row = next(line for line in out.splitlines() if line.split()[:1] == [str(strongest["unit"])])
    assert row.split()[1] == f"{strongest['norm']:.4g}"
    assert "dead (all weights 0): none" in out


def test_facts_need_the_weights(shared: Path, capsys: pytest.CaptureFixture[str]) -> None:
    net = str(shared / "goldens/nets/small_v2.prototxt")
    assert main(["inspect", net, "--passes", "0", "--facts", "conv1"]) == 2
    assert "layer 'conv1' has no weights in a file" in capsys.readouterr().err


def test_best_patches(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder, out = tmp_path / "pictures", tmp_path / "out"
    folder.mkdir()
    for name in ("chelsea", "coffee"):
        write_picture(folder / f"{name}.png", sample(name))
    (folder / "broken.png").write_bytes(b"no picture")
    command = ["inspect", "--model", "pocket", "--passes", "0", "--patches", "conv1"]
    assert main([*command, "--pictures", str(folder), "--out", str(out)]) == 0
    told = capsys.readouterr().out
    assert "over 2 pictures; 1 could not be read" in told
    found = json.loads((out / "conv1-patches.json").read_text())
    assert (found["pictures"], found["not_read"]) == (2, ["broken.png"])
    net = caffe.Net(str(catalogue.get("pocket").prototxt), caffe.TEST)
    assert len(found["units"]) == net.blobs["conv1"].shape[1]
    for unit in found["units"]:
        assert {patch["picture"] for patch in unit} == {"chelsea.png", "coffee.png"}
        values = [patch["value"] for patch in unit]
        assert values == sorted(values, reverse=True)
    sheet = read_picture(out / "conv1-patches.png")
    assert sheet.shape[:2] == (len(found["units"]) * 68 - 4, 9 * 68 - 4)
