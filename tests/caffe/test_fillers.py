"""Fillers: their distributions, their seeds, and what they refuse."""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt
import pytest

import filterlab.caffe as caffe
from filterlab.caffe import fillers
from filterlab.caffe.proto import caffe_pb2
from filterlab.caffe.prototxt import parse_net

SHAPE = (64, 32, 5, 5)


def filled(shape: tuple[int, ...] = SHAPE, **fields: object) -> npt.NDArray[np.float32]:
    caffe.set_random_seed(11)
    out = np.empty(shape, np.float32)
    fillers.fill(out, caffe_pb2.FillerParameter(**fields))  # type: ignore[arg-type]
    return out


def test_constant_and_uniform() -> None:
    assert (filled(type="constant", value=0.5) == 0.5).all()
    x = filled(type="uniform", min=-2, max=4)
    assert x.min() >= -2
    assert x.max() < 4
    assert abs(x.mean() - 1) < 0.05
    assert abs(x.std() - 6 / math.sqrt(12)) < 0.05


def test_gaussian_and_its_sparse_form() -> None:
    x = filled(type="gaussian", mean=1, std=0.1)
    assert abs(x.mean() - 1) < 0.002
    assert abs(x.std() - 0.1) < 0.002
    x = filled(type="gaussian", std=1, sparse=16)
    assert abs((x != 0).mean() - 16 / 64) < 0.01
    assert abs(x[x != 0].std() - 1) < 0.02


def test_positive_unitball() -> None:
    x = filled(type="positive_unitball")
    assert x.min() >= 0
    np.testing.assert_allclose(x.reshape(64, -1).sum(axis=1), 1, rtol=1e-5)


@pytest.mark.parametrize(("norm", "fan"), [(0, 800), (1, 1600), (2, 1200)])
def test_xavier_and_msra_by_fan(norm: int, fan: int) -> None:
    x = filled(type="xavier", variance_norm=norm)
    limit = math.sqrt(3 / fan)
    assert np.abs(x).max() <= limit
    assert abs(x.std() / (limit / math.sqrt(3)) - 1) < 0.02
    x = filled(type="msra", variance_norm=norm)
    assert abs(x.std() / math.sqrt(2 / fan) - 1) < 0.02


def test_bilinear_of_an_odd_and_an_even_side() -> None:
    x = filled((2, 1, 4, 4), type="bilinear")
    np.testing.assert_allclose(
        x[1, 0], np.outer([0.25, 0.75, 0.75, 0.25], [0.25, 0.75, 0.75, 0.25])
    )
    x = filled((1, 1, 3, 3), type="bilinear")
    np.testing.assert_allclose(x[0, 0, 1], [0.5, 1, 0.5])
    with pytest.raises(caffe.CaffeError, match="square"):
        filled((1, 1, 3, 4), type="bilinear")


def test_unknown_filler_names_layer_and_filler() -> None:
    text = (
        'layer { name: "d" type: "Input" top: "d" input_param { shape { dim: 1 dim: 4 } } }'
        'layer { name: "ip" type: "InnerProduct" bottom: "d" top: "y" '
        "inner_product_param { num_output: 2 weight_filler { type: 'xaver' } } }"
    )
    with pytest.raises(caffe.CaffeError, match=r"layer 'ip'.*'xaver'"):
        caffe.Net(parse_net(text), caffe.TEST)


def test_a_seed_repeats_a_net_whatever_is_looked_at_first() -> None:
    text = (
        'layer { name: "d" type: "Input" top: "d" input_param { shape { dim: 1 dim: 4 } } }'
        'layer { name: "a" type: "InnerProduct" bottom: "d" top: "a" '
        "inner_product_param { num_output: 3 weight_filler { type: 'gaussian' } } }"
        'layer { name: "b" type: "InnerProduct" bottom: "a" top: "b" '
        "inner_product_param { num_output: 3 weight_filler { type: 'xavier' } } }"
    )
    caffe.set_random_seed(4)
    one = caffe.Net(parse_net(text), caffe.TEST)
    caffe.set_random_seed(4)
    two = caffe.Net(parse_net(text), caffe.TEST)
    b, a = two.params["b"][0].data, two.params["a"][0].data
    np.testing.assert_array_equal(one.params["a"][0].data, a)
    np.testing.assert_array_equal(one.params["b"][0].data, b)
    three = caffe.Net(parse_net(text), caffe.TEST)
    assert (three.params["a"][0].data != a).any()
    with pytest.raises(caffe.CaffeError, match="0 or more"):
        caffe.set_random_seed(-1)
