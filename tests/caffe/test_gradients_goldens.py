"""backward() against the numbers that BVLC Caffe 1.0 computed."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import filterlab.caffe as caffe
from filterlab.caffe.prototxt import read_net

GOLDENS = Path(__file__).resolve().parent.parent / "goldens"
CASES = sorted(path.stem for path in (GOLDENS / "gradients").glob("*.npz"))


def net_of(name: str) -> caffe.Net:
    """The net of a case, with its weights and inputs."""
    folder = GOLDENS / "gradients"
    if not (folder / f"{name}.prototxt").is_file():
        folder = GOLDENS / "layers"
    param = read_net(folder / f"{name}.prototxt")
    # BVLC Caffe aborts if an Embed is forced; it computed nothing for this one.
    param.force_backward = name != "embed"
    net = caffe.Net(param, caffe.TEST)
    weights = folder / f"{name}.caffemodel"
    if weights.is_file():
        net.copy_from(str(weights))
    with np.load(folder / f"{name}.npz") as golden:
        for key in golden.files:
            if key.startswith("in_"):
                net.blobs[key[3:]].data[...] = golden[key]
    return net


def test_all_goldens_are_there() -> None:
    assert len(CASES) == 63


@pytest.mark.parametrize("name", CASES)
def test_gradient_equals_bvlc(name: str) -> None:
    net = net_of(name)
    net.forward()
    with np.load(GOLDENS / "gradients" / f"{name}.npz") as golden:
        for key in golden.files:
            kind, _, blob = key.partition("_")
            if kind == "out":
                np.testing.assert_allclose(net.blobs[blob].data, golden[key], atol=1e-4, rtol=1e-4)
            if kind == "diff":
                net.blobs[blob].diff[...] = golden[key]
        if name == "embed":
            with pytest.warns(caffe.CaffeWarning, match="force_backward: true"):
                net.backward()
        else:
            net.backward()
        checked = 0
        for key in golden.files:
            kind, _, blob = key.partition("_")
            if kind == "gin":
                found = net.blobs[blob].diff
            elif kind == "gparam":
                layer, _, i = blob.rpartition("_")
                found = net.params[layer][int(i)].diff
            else:
                continue
            assert found.shape == golden[key].shape
            np.testing.assert_allclose(found, golden[key], atol=1e-4, rtol=1e-4, err_msg=key)
            checked += 1
        assert checked
