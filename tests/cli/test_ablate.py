"""``filterlab ablate``."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest

from filterlab import caffe
from filterlab.cli import main
from filterlab.pictures import sample
from filterlab.zoo import catalogue


@pytest.fixture(scope="module")
def pocket() -> Any:
    """The pocket net on Chelsea's centre."""
    model = catalogue.get("pocket")
    net = caffe.Net(str(model.prototxt), str(model.need_weights()), caffe.TEST)
    shape = net.blobs["data"].shape
    picture = caffe.io.resize_image(sample("chelsea")[:, 75:375], shape[2:])
    data = picture[:, :, ::-1] * model.scale - np.array(model.mean_bgr)
    net.blobs["data"].data[...] = data.transpose(2, 0, 1)
    return net


@pytest.mark.parametrize("factor", [None, -1.5])
def test_classes_before_and_after(
    pocket: Any, factor: float | None, capsys: pytest.CaptureFixture[str]
) -> None:
    command = ["ablate", "--model", "pocket", "chelsea", "--layer", "conv2", "--unit", "1", "3"]
    command += [] if factor is None else ["--scale", str(factor)]
    assert main([*command, "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    net = pocket.snapshot()
    net.forward()
    before = net.blobs["prob"].data[0].copy()
    for blob in net.params["conv2"]:
        blob.data[[1, 3]] *= 0 if factor is None else factor
    net.forward()
    after = net.blobs["prob"].data[0]
    assert found["best_before"] == before.argmax()
    assert found["best_after"] == after.argmax()
    for row in found["classes"]:
        assert row["before"] == pytest.approx(before[row["index"]], abs=1e-4)
        assert row["points"] == pytest.approx(100 * (after - before)[row["index"]], abs=2e-2)
    assert main([*command, "--code"]) == 0
    out = capsys.readouterr().out
    assert out.splitlines()[0].startswith("conv2, units 1, 3 ")
    assert f"w.data[3] {'= 0' if factor is None else '*= -1.5'}" in out


def test_ranking(pocket: Any, capsys: pytest.CaptureFixture[str]) -> None:
    command = ["ablate", "--model", "pocket", "chelsea", "--layer", "fc7", "--rank", "0"]
    assert main([*command, "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    losses = [unit["score_loss"] for unit in found["units"]]
    assert losses == sorted(losses, reverse=True)
    net = pocket.snapshot()
    net.forward()
    # Behind fc7 only a ReLU and fc8 follow: what a unit gives is its weight times its value.
    wanted = net.blobs["fc7"].data[0] * net.params["fc8"][0].data[0]
    assert found["units"][0]["unit"] == wanted.argmax()
    for unit in found["units"]:
        assert unit["score_loss"] == pytest.approx(wanted[unit["unit"]], abs=1e-3)
    assert main(command) == 0
    out = capsys.readouterr().out
    assert f"of {len(losses)} units leave the best class as it is" in out


def test_groups_are_ranked(pocket: Any, capsys: pytest.CaptureFixture[str]) -> None:
    command = ["ablate", "--model", "pocket", "chelsea", "--layer", "conv2", "--rank", "0"]
    assert main([*command, "--groups", "strongest:10", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)["groups"]
    net = pocket.snapshot()
    net.forward()
    before = float(net.blobs["fc8"].data[0, 0])
    kernels = net.params["conv2"][0].data
    norms = np.linalg.norm(kernels.reshape(len(kernels), -1), axis=1)
    strongest = sorted(np.argsort(-norms)[:10].tolist())
    assert strongest in [group["units"] for group in found]
    assert sorted(u for group in found for u in group["units"]) == list(range(len(norms)))
    losses = [group["score_loss"] for group in found]
    assert losses == sorted(losses, reverse=True)
    kept = [blob.data.copy() for blob in net.params["conv2"]]
    for group in found[:2]:
        for blob, values in zip(net.params["conv2"], kept):
            blob.data[...] = values
            blob.data[group["units"]] = 0
        net.forward()
        loss = before - float(net.blobs["fc8"].data[0, 0])
        assert group["score_loss"] == pytest.approx(loss, abs=1e-3)
    assert main([*command, "--groups", "kmeans:4"]) == 0
    out = capsys.readouterr().out
    assert "without each group of units of 'conv2'" in out
    sizes = [int(line.split()[0]) for line in out.splitlines()[3:7]]
    assert sum(sizes) == len(norms)
    assert "of 4 groups leave the best class as it is" in out


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["chelsea", "--rank", "0", "--groups", "colour"], "take twins, kmeans:N or strongest:N"),
        (["chelsea", "--rank", "0", "--groups", "kmeans:x"], "take twins, kmeans:N"),
        (["chelsea", "--rank", "0", "--groups", "kmeans:999"], "not 999"),
        (["chelsea", "--rank", "0", "--groups", "twins"], "'conv1' has no twins"),
        (["chelsea", "--unit", "0", "--groups", "twins"], "--groups goes with --rank"),
        (["--unit", "1"], "too little is given; give --model NAME IMAGE"),
        (["chelsea", "more", "--unit", "1"], "do not know what 'more' is for"),
        (["chelsea", "--unit", "9999"], "has no unit 9999"),
        (["chelsea", "--rank", "9999"], "has no class 9999"),
        (["chelsea", "--rank", "0", "--scale", "2"], "--scale goes with --unit"),
        (["chelsea", "--keep", "-1"], "keep 0 to"),
        (["nowhere.png", "--unit", "1"], "nowhere.png"),
    ],
)
def test_bad_arguments_end_in_one_line(
    arguments: list[str], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["ablate", "--model", "pocket", "--layer", "conv1", *arguments]) == 2
    captured = capsys.readouterr()
    assert message in captured.err
    assert len(captured.err.splitlines()) == 1
    assert main(["ablate", "--model", "pocket", "chelsea", "--layer", "pool1", "--unit", "0"]) == 2
    assert "'pool1' (Pooling) has no units" in capsys.readouterr().err
