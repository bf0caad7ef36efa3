"""Every layer type that BVLC Caffe 1.0 computed beforehand, and small nets of all generations."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import filterlab.caffe as caffe

GOLDENS = Path(__file__).resolve().parent.parent / "goldens"
LAYERS = sorted(path.stem for path in (GOLDENS / "layers").glob("*.prototxt"))

pytestmark = pytest.mark.usefixtures("both_layouts")


def test_all_goldens_are_there() -> None:
    assert len(LAYERS) == 49


@pytest.mark.parametrize("name", LAYERS)
def test_layer_equals_bvlc(name: str) -> None:
    folder = GOLDENS / "layers"
    net = caffe.Net(str(folder / f"{name}.prototxt"), caffe.TEST)
    weights = folder / f"{name}.caffemodel"
    if weights.is_file():
        net.copy_from(str(weights))
    with np.load(folder / f"{name}.npz") as golden:
        checked = 0
        for key in golden.files:
            kind, _, blob = key.partition("_")
            if kind == "in":
                net.blobs[blob].data[...] = golden[key]
            elif kind == "param":
                layer, _, i = blob.rpartition("_")
                np.testing.assert_array_equal(net.params[layer][int(i)].data, golden[key])
        net.forward()
        for key in golden.files:
            if key.startswith("out_"):
                result = net.blobs[key[4:]].data
                assert result.shape == golden[key].shape
                np.testing.assert_allclose(result, golden[key], atol=1e-4, rtol=1e-4)
                checked += 1
        assert checked


@pytest.mark.parametrize("generation", ["v0", "v1", "v2"])
@pytest.mark.parametrize("weights", ["v0", "v1", "v2", "v2_double"])
def test_every_generation_loads_every_weights_file(generation: str, weights: str) -> None:
    folder = GOLDENS / "nets"
    net = caffe.Net(
        str(folder / f"small_{generation}.prototxt"),
        str(folder / f"small_{weights}.caffemodel"),
        caffe.TEST,
    )
    with np.load(folder / "small.npz") as golden:
        net.forward(data=golden["in_data"])
        for key in golden.files:
            if key.startswith("out_"):
                result, wanted = net.blobs[key[4:]].data, golden[key]
                assert result.shape == wanted.shape
                assert np.abs(result - wanted).max() <= 1e-5 * np.abs(wanted).max()
