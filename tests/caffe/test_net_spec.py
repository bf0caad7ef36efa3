"""Nets written as Python, and the maps between their coordinates."""

# As people write nets: L and P, and parameters as dict(…).
# ruff: noqa: C408, N812

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import filterlab.caffe as caffe
from filterlab.caffe import CaffeError
from filterlab.caffe import layers as L
from filterlab.caffe import params as P
from filterlab.caffe.coord_map import (
    AxisMismatchException,
    UndefinedMapException,
    compose,
    coord_map,
    coord_map_from_to,
    crop,
    inverse,
)
from filterlab.caffe.prototxt import parse_net


def lenet() -> Any:
    n = caffe.NetSpec()
    n.data = L.DummyData(shape=dict(dim=[2, 1, 28, 28]))
    n.label = L.DummyData(shape=[dict(dim=[2])], ntop=1)
    n.conv1 = L.Convolution(
        n.data, kernel_size=5, num_output=20, weight_filler=dict(type="xavier"),
        param=[dict(lr_mult=1), dict(lr_mult=2)],
    )  # fmt: skip
    n.pool1 = L.Pooling(n.conv1, kernel_size=2, stride=2, pool=P.Pooling.MAX)
    n.ip1 = L.InnerProduct(n.pool1, num_output=np.int64(50))
    n.relu1 = L.ReLU(n.ip1, in_place=True)
    n.ip2 = L.InnerProduct(n.relu1, num_output=10)
    n.loss = L.SoftmaxWithLoss(n.ip2, n.label, loss_weight=2)
    return n


def test_a_net_is_as_its_prototxt() -> None:
    expected = parse_net(
        """
        layer { name: "data" type: "DummyData" top: "data"
                dummy_data_param { shape { dim: 2 dim: 1 dim: 28 dim: 28 } } }
        layer { name: "label" type: "DummyData" top: "label" dummy_data_param { shape { dim: 2 } } }
        layer { name: "conv1" type: "Convolution" bottom: "data" top: "conv1"
                param { lr_mult: 1 } param { lr_mult: 2 }
                convolution_param { num_output: 20 kernel_size: 5
                                    weight_filler { type: "xavier" } } }
        layer { name: "pool1" type: "Pooling" bottom: "conv1" top: "pool1"
                pooling_param { pool: MAX kernel_size: 2 stride: 2 } }
        layer { name: "ip1" type: "InnerProduct" bottom: "pool1" top: "ip1"
                inner_product_param { num_output: 50 } }
        layer { name: "relu1" type: "ReLU" bottom: "ip1" top: "ip1" }
        layer { name: "ip2" type: "InnerProduct" bottom: "ip1" top: "ip2"
                inner_product_param { num_output: 10 } }
        layer { name: "loss" type: "SoftmaxWithLoss" bottom: "ip2" bottom: "label" top: "loss"
                loss_weight: 2 }"""
    )
    assert lenet().to_proto() == expected


def test_it_runs(tmp_path: Any) -> None:
    path = tmp_path / "net.prototxt"
    path.write_text(str(lenet().to_proto()), encoding="utf-8")
    net = caffe.Net(str(path), caffe.TEST)
    net.forward()
    assert net.blobs["ip2"].data.shape == (2, 10)
    assert float(net.blobs["loss"].data) > 0


def test_names_are_made_up() -> None:
    data = L.Input(shape=dict(dim=[1, 3, 8, 8]))
    left, right = L.Slice(data, ntop=2, axis=1, slice_point=1)
    net = caffe.to_proto(L.Concat(left, L.ReLU(right)), L.Silence(data, ntop=0))
    assert [layer.name for layer in net.layer] == [
        "Input1", "Slice1", "ReLU1", "Concat1", "Silence1",
    ]  # fmt: skip
    assert list(net.layer[1].top) == ["Slice1", "Slice2"]
    assert list(net.layer[3].bottom) == ["Slice1", "ReLU1"]
    assert list(net.layer[4].bottom) == ["Input1"]
    assert not net.layer[4].top


def test_interface_of_netspec() -> None:
    n = caffe.NetSpec()
    n["a/b"] = L.Input(shape=dict(dim=[1]))
    n.r = L.ReLU(n["a/b"], negative_slope=0.5, name="named", include=dict(phase=caffe.TEST))
    n.update("r", {"negative_slope": 0.25})
    layer = n.to_proto().layer[1]
    assert (layer.name, list(layer.bottom)) == ("named", ["a/b"])
    assert layer.relu_param.negative_slope == 0.25
    assert layer.include[0].phase == caffe.TEST
    assert n.keys() == ["a/b", "r"]
    del n["r"]
    assert [layer.name for layer in n.to_proto().layer] == ["a/b"]
    with pytest.raises(AttributeError, match="no blob 'r'"):
        _ = n.r
    with pytest.raises(AttributeError, match="Nonsense"):
        _ = P.Nonsense


def test_a_deep_net_needs_no_deep_stack() -> None:
    top = L.Input(shape=dict(dim=[1]))
    for _ in range(3000):
        top = L.ReLU(top)
    assert len(top.to_proto().layer) == 3001


@pytest.mark.parametrize(
    ("params", "message"),
    [
        ({"kernal_size": 3}, "has no parameter 'kernal_size'"),
        ({"num_output": "many"}, "'many' does not fit the field 'num_output'"),
        ({"num_output": -1}, "does not fit the field 'num_output'"),
        ({"weight_filler": 3}, "does not fit the field 'weight_filler'"),
    ],
)
def test_parameters_that_do_not_fit(params: dict[str, Any], message: str) -> None:
    n = caffe.NetSpec()
    n.data = L.Input(shape=dict(dim=[1]))
    n.c = L.Convolution(n.data, **params)
    with pytest.raises(CaffeError, match=message):
        n.to_proto()


def test_inputs_must_be_tops() -> None:
    with pytest.raises(TypeError, match=r"ReLU input 0 is not a Top \(type is <class 'str'>\)"):
        L.ReLU("data")
    with pytest.raises(CaffeError, match="in place needs one input"):
        L.ReLU(in_place=True)


def test_maps_of_layers() -> None:
    data = L.Input(shape=dict(dim=[1, 1, 32, 32]))
    conv = L.Convolution(data, kernel_size=5, stride=2, pad=1)
    assert coord_map(conv.fn)[0] == 1
    # Output y lies on input 2y + 1: y = x/2 - 1/2.
    assert [float(part[0]) for part in coord_map(conv.fn)[1:]] == [0.5, -0.5]
    pool = L.Pooling(conv, pooling_param=dict(kernel_h=3, kernel_w=5, stride=1))
    assert coord_map(pool.fn)[2].tolist() == [-1, -2]
    up = L.Deconvolution(conv, convolution_param=dict(kernel_size=4, stride=2))
    assert [float(part[0]) for part in coord_map(up.fn)[1:]] == [2, 1.5]
    assert coord_map(L.ReLU(conv).fn) == (None, 1, 0)
    with pytest.raises(UndefinedMapException):
        coord_map(L.InnerProduct(conv).fn)
    with pytest.raises(UndefinedMapException):
        coord_map(L.Convolution(data, kernel_h=3).fn)


def test_compose_and_inverse() -> None:
    first = (1, 0.5, -0.5)
    assert compose(inverse(first), first) == (1, 1, 0)
    assert compose(first, (None, 1, 0)) == first
    with pytest.raises(AxisMismatchException):
        compose(first, (2, 1, 0))


def test_crop_lays_one_top_on_the_other() -> None:
    """The offset of a real skip net, checked by where a single lit pixel ends up."""
    n = caffe.NetSpec()
    n.data = L.Input(shape=dict(dim=[1, 1, 21, 21]))
    ones = dict(type="constant", value=1)
    n.conv = L.Convolution(
        n.data, num_output=1, kernel_size=3, pad=4, bias_term=False, weight_filler=ones
    )
    n.pool = L.Pooling(n.conv, kernel_size=2, stride=2, pool=P.Pooling.AVE)
    n.up = L.Deconvolution(
        n.pool,
        convolution_param=dict(
            num_output=1, kernel_size=4, stride=2, bias_term=False, weight_filler=ones
        ),
    )
    n.score = crop(n.up, n.data)
    layer = n.to_proto().layer[-1]
    assert layer.type == "Crop"
    assert layer.crop_param.axis == 2
    axis, scale, shift = coord_map_from_to(n.up, n.data)
    assert (axis, float(scale[0])) == (1, 1)
    assert list(layer.crop_param.offset) == [-int(shift[0])]
    net = caffe.Net(n.to_proto(), caffe.TEST)
    net.blobs["data"].data[...] = 0
    net.blobs["data"].data[0, 0, 10, 10] = 1
    net.forward()
    score = net.blobs["score"].data[0, 0]
    assert score.shape == (21, 21)
    # An even window has its middle between two pixels: the response is centred within one.
    rows, cols = np.nonzero(score)
    weights = score[rows, cols]
    assert np.average(rows, weights=weights) == pytest.approx(10, abs=0.51)
    assert np.average(cols, weights=weights) == pytest.approx(10, abs=0.51)


def test_no_crop_where_none_fits() -> None:
    data = L.Input(shape=dict(dim=[1, 1, 32, 32]))
    half = L.Pooling(data, kernel_size=2, stride=2)
    with pytest.raises(AssertionError, match="scale mismatch"):
        crop(half, data)
    with pytest.raises(AssertionError, match="negative offset"):
        crop(L.Convolution(data, kernel_size=3), data)
    even = L.Convolution(data, kernel_size=2, pad=2)
    with pytest.raises(AssertionError, match="noninteger offset"):
        crop(even, data)
    with pytest.raises(RuntimeError, match="connected by spatial layers"):
        coord_map_from_to(half, L.Input(shape=dict(dim=[1])))


def test_a_net_of_many_branches_is_mapped_at_once() -> None:
    data = L.Input(shape=dict(dim=[1, 1, 32, 32]))
    top = L.Convolution(data, kernel_size=3, pad=1)
    for _ in range(60):
        top = L.Eltwise(L.ReLU(top), L.Convolution(top, kernel_size=3, pad=1))
    axis, scale, shift = coord_map_from_to(top, data)
    assert (axis, float(scale[0]), float(shift[0])) == (1, 1, 0)
