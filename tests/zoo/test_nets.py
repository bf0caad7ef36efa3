"""The deploy nets: as published, and with maps of the size that geometry predicts."""

from __future__ import annotations

import csv
from math import prod
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from filterlab import caffe, paths
from filterlab.caffe.prototxt import format_net, read_net
from filterlab.surgery.geometry import MapGeometry
from filterlab.surgery.transplant import transplant

PARAMETERS = {
    "caffenet": 60_965_224,
    "alexnet": 60_965_224,
    "squeezenet_v1.1": 1_235_496,
    "googlenet": 6_998_552,
}
NETS = list(PARAMETERS)


def deploy(name: str) -> str:
    return str(paths.model(name, "deploy.prototxt"))


def plain_net(name: str) -> Any:
    return caffe.Net(deploy(name), caffe.TEST)


@pytest.mark.parametrize("name", NETS)
def test_published_number_of_parameters(name: str) -> None:
    net = plain_net(name)
    counts = {layer: [prod(blob.shape) for blob in blobs] for layer, blobs in net.params.items()}
    assert sum(map(sum, counts.values())) == PARAMETERS[name]


@pytest.mark.parametrize("name", NETS)
def test_layer_by_layer_as_published(name: str, shared: Path) -> None:
    with open(shared / "architectures.tsv", encoding="utf-8", newline="") as stream:
        rows = [row for row in csv.DictReader(stream, delimiter="\t") if row["model"] == name]
    param = read_net(deploy(name))
    net = plain_net(name)
    assert [(str(layer.name), str(layer.type)) for layer in param.layer] == [
        (row["layer"], row["type"]) for row in rows
    ]
    for layer, row in zip(param.layer, rows):
        assert list(layer.bottom) == row["bottoms"].split()
        assert list(layer.top) == row["tops"].split()
        weights = ["x".join(str(n) for n in blob.shape) for blob in net.params.get(layer.name, [])]
        assert weights == row["weights"].split(), layer.name
        shape = "x".join(str(n) for n in net.blobs[layer.top[0]].shape)
        assert shape == row["output at batch 1"], layer.name
        for assignment in row["parameters"].split():
            key, value = assignment.split("=")
            assert _value_of(layer, key) == value, (layer.name, key)


def _value_of(layer: Any, key: str) -> str:
    """A parameter as the table writes it."""
    params = {
        "Convolution": "convolution_param",
        "Pooling": "pooling_param",
        "LRN": "lrn_param",
        "InnerProduct": "inner_product_param",
        "Dropout": "dropout_param",
    }
    param = getattr(layer, params[layer.type])
    value = getattr(param, key)
    if key == "pool":
        return str(type(param).PoolMethod.Name(value))
    if isinstance(value, float):
        return f"{value:g}"
    if hasattr(value, "__len__"):
        return str(value[0])
    return str(value)


@pytest.mark.parametrize("name", ["caffenet", "alexnet", "googlenet", "squeezenet_v1.1"])
def test_transplants_and_gives_maps_of_the_predicted_size(name: str, tmp_path: Path) -> None:
    """Under drawn weights that keep the values' size from layer to layer."""
    param = read_net(deploy(name))
    for layer in param.layer:
        if layer.type == "Convolution":
            layer.convolution_param.weight_filler.type = "msra"
        elif layer.type == "InnerProduct":
            layer.inner_product_param.weight_filler.type = "msra"
    (tmp_path / "net.prototxt").write_text(format_net(param), encoding="utf-8")
    caffe.set_random_seed(11)
    result = transplant(tmp_path / "net.prototxt", None)
    assert result.check.agrees
    assert result.classes == 1000
    rng = np.random.default_rng(3)
    for height, width in ((227, 227), (259, 355), (340, 290)):
        picture = rng.standard_normal((1, 3, height, width), dtype=np.float32) * 50
        result.net.blobs[result.input].reshape(*picture.shape)
        prob = result.net.forward(**{result.input: picture})[result.output]
        assert prob.shape == (1, 1000, *result.geometry.cells(height, width))
        np.testing.assert_allclose(prob.sum(axis=1), 1, atol=1e-4)


def test_map_sizes_known_from_the_formulas() -> None:
    """CaffeNet's 451 gives 8 cells, as in the tutorial; GoogLeNet's stride is 32, field 224."""
    from filterlab.surgery.rewrite import rewrite

    expected = {
        "caffenet": {(227, 227): (1, 1), (451, 451): (8, 8), (355, 483): (5, 9)},
        "alexnet": {(451, 451): (8, 8), (230, 258): (1, 2)},
        # 224 gives 7x7 before the pooling of 7 at stride 1.
        "googlenet": {(224, 224): (1, 1), (256, 320): (2, 4), (448, 448): (8, 8)},
        # 227 gives 14x14 before the pooling over all of them, 451 gives 28x28.
        "squeezenet_v1.1": {(227, 227): (1, 1), (451, 451): (15, 15)},
    }
    for name, sizes in expected.items():
        param = read_net(deploy(name))
        shapes = {key: tuple(blob.shape) for key, blob in plain_net(name).blobs.items()}
        plan = rewrite(param, shapes)
        geometry = MapGeometry.of(param, plan.param, plan.output, plan.input)
        assert {size: geometry.cells(*size) for size in sizes} == sizes, name
