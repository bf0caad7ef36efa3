"""Facts of units against plain loops."""

from __future__ import annotations

import tracemalloc
from typing import Any

import numpy as np
import pytest

from filterlab import caffe
from filterlab.caffe.prototxt import parse_net
from filterlab.errors import FilterLabError
from filterlab.surgery.unit_facts import activity_facts, unit_facts
from filterlab.surgery.units import input_groups, read_unit, unit_count, unit_layers, unit_matrix

NET = """
layer { name: "data" type: "Input" top: "data" input_param { shape { dim: 1 dim: 4 dim: 9 dim: 9 } } }
layer { name: "conv" type: "Convolution" bottom: "data" top: "conv"
  convolution_param { num_output: 12 kernel_size: 3 group: 2 } }
layer { name: "scale" type: "Scale" bottom: "conv" top: "conv" scale_param { bias_term: true } }
layer { name: "prelu" type: "PReLU" bottom: "conv" top: "conv" }
layer { name: "up" type: "Deconvolution" bottom: "conv" top: "up"
  convolution_param { num_output: 6 kernel_size: 2 group: 3 bias_term: false } }
layer { name: "fc" type: "InnerProduct" bottom: "up" top: "fc" inner_product_param { num_output: 40 } }
layer { name: "back" type: "InnerProduct" bottom: "fc" top: "back"
  inner_product_param { num_output: 7 transpose: true } }
"""  # noqa: E501


@pytest.fixture
def net(rng: Any) -> Any:
    made = caffe.Net(parse_net(NET))
    for row in made.params.values():
        for blob in row:
            blob.data[...] = rng.standard_normal(blob.shape)
    return made


def test_a_units_row_is_what_is_read_of_it(net: Any) -> None:
    layers = unit_layers(net)
    assert layers == ["conv", "scale", "prelu", "up", "fc", "back"]
    for layer in layers:
        matrix = unit_matrix(net, layer)
        assert len(matrix) == unit_count(net, layer)
        for unit in range(len(matrix)):
            np.testing.assert_array_equal(matrix[unit], read_unit(net, layer, unit)[0].reshape(-1))
    assert np.shares_memory(unit_matrix(net, "fc"), net.params["fc"][0].data)


def test_units_that_read_the_same_inputs(net: Any) -> None:
    assert input_groups(net, "conv").tolist() == [0] * 6 + [1] * 6
    assert input_groups(net, "up").tolist() == [0, 0, 1, 1, 2, 2]
    assert input_groups(net, "scale").tolist() == list(range(12))
    assert input_groups(net, "fc").tolist() == [0] * 40
    assert input_groups(net, "back").tolist() == [0] * 7


@pytest.mark.parametrize("layer", ["conv", "up", "fc", "back", "scale"])
def test_numbers_are_those_of_plain_loops(net: Any, layer: str, rng: Any) -> None:
    data = net.params[layer][0].data
    data[np.abs(data) < 0.3] = 0
    data.reshape(-1)[:: data.size // 7] *= 1e-4
    facts = unit_facts(net, layer)
    most = np.abs(data).max()
    for unit in range(unit_count(net, layer)):
        weights, *bias = read_unit(net, layer, unit)
        values = [float(w) for w in weights.reshape(-1)]
        assert facts.norm[unit] == pytest.approx(sum(w * w for w in values) ** 0.5, rel=1e-6)
        assert facts.mean[unit] == pytest.approx(sum(values) / len(values), rel=1e-5, abs=1e-8)
        assert facts.zeros[unit] == sum(w == 0 for w in values) / len(values)
        little = sum(abs(w) < 1e-3 * most for w in values)
        assert facts.small[unit] == little / len(values)
        assert facts.dead[unit] == (not any(values))
        if bias:
            assert facts.bias is not None
            assert facts.bias[unit] == float(bias[0])
    assert (facts.bias is None) == (layer == "up")
    assert facts.weights == data.size // unit_count(net, layer)
    assert facts.sparsity == pytest.approx((data == 0).mean())
    assert facts.counts.sum() == data.size
    assert (facts.edges[0], facts.edges[-1]) == (-float(most), float(most))
    assert facts.finite
    expected, _ = np.histogram(data, facts.edges)
    np.testing.assert_array_equal(facts.counts, expected)


def _pairs(net: Any, layer: str) -> dict[tuple[int, int], float]:
    """The twins by comparing all with all."""
    groups, found = input_groups(net, layer), {}
    units = [read_unit(net, layer, u)[0].astype(float).reshape(-1) for u in range(len(groups))]
    for i, a in enumerate(units):
        for j in range(i + 1, len(units)):
            b = units[j]
            if groups[i] == groups[j] and a.any() and b.any():
                cosine = float(a @ b / (a @ a * (b @ b)) ** 0.5)
                if abs(cosine) > 0.999:
                    found[i, j] = cosine
    return found


def test_twins_are_found_among_units_of_the_same_inputs(net: Any) -> None:
    conv = net.params["conv"][0].data
    conv[1] = conv[4] * 3
    conv[8] = conv[10] * -0.5
    conv[2] = conv[9]  # reads other inputs
    conv[0] = conv[3] = 0  # dead
    facts = unit_facts(net, "conv")
    assert facts.twins.tolist() == [[1, 4], [8, 10]]
    np.testing.assert_allclose(facts.cosines, [1, -1], atol=1e-6)
    assert np.flatnonzero(facts.dead).tolist() == [0, 3]
    assert unit_facts(net, "scale").twins.shape == (0, 2)


@pytest.mark.parametrize("size", [3, 127, 128, 129, 256, 1000, 3001])
def test_no_twin_is_missed(size: int, rng: Any) -> None:
    """Units at all distances about the limit, longer and shorter ones, sparse ones."""
    text = f"""
    layer {{ name: "data" type: "Input" top: "data" input_param {{ shape {{ dim: 1 dim: {size} }} }} }}
    layer {{ name: "fc" type: "InnerProduct" bottom: "data" top: "fc" inner_product_param {{ num_output: 300 }} }}
    """  # noqa: E501
    net = caffe.Net(parse_net(text))
    data = net.params["fc"][0].data
    data[...] = rng.standard_normal(data.shape)
    data[50:60] *= rng.random((10, size)) < 0.02
    for k in range(100, 290):
        near = data[k - 100].astype(float)
        noise = rng.standard_normal(size) * np.sqrt((near**2).mean())
        data[k] = (near + noise * rng.uniform(0, 0.09)) * rng.choice([-1, 1]) * rng.uniform(0.1, 9)
    expected = _pairs(net, "fc")
    facts = unit_facts(net, "fc")
    assert len(expected) > 30
    assert {(int(a), int(b)) for a, b in facts.twins} == set(expected)
    for pair, cosine in zip(facts.twins.tolist(), facts.cosines):
        assert cosine == pytest.approx(expected[tuple(pair)], abs=1e-6)


def test_all_units_alike(net: Any) -> None:
    net.params["fc"][0].data[...] = 1
    facts = unit_facts(net, "fc")
    assert facts.twins.tolist() == [[i, j] for i in range(40) for j in range(i + 1, 40)]
    np.testing.assert_allclose(facts.cosines, 1, atol=1e-6)
    net.params["fc"][0].data[...] = 0
    with np.errstate(all="raise"):
        facts = unit_facts(net, "fc")
    assert facts.dead.all()
    assert len(facts.twins) == 0
    assert facts.small.tolist() == [1.0] * 40
    assert facts.counts[30] == facts.counts.sum()


def test_what_is_not_finite_is_said_and_left_out(net: Any) -> None:
    data = net.params["conv"][0].data
    data[5, 0, 0, 0] = np.nan
    data[6, 0, 0, 0] = np.inf
    facts = unit_facts(net, "conv")
    assert not facts.finite
    assert facts.counts.sum() == data.size - 2
    assert np.isfinite(facts.edges).all()
    assert not np.isfinite(facts.norm[[5, 6]]).any()
    assert np.isfinite(np.delete(facts.norm, [5, 6])).all()
    assert not {5, 6} & set(facts.twins.reshape(-1).tolist())


def test_a_large_layer_is_never_copied() -> None:
    text = """
    layer { name: "data" type: "Input" top: "data" input_param { shape { dim: 1 dim: 4608 } } }
    layer { name: "fc" type: "InnerProduct" bottom: "data" top: "fc" inner_product_param { num_output: 2048 } }
    """  # noqa: E501
    net = caffe.Net(parse_net(text))
    net.params["fc"][0].data[...] = np.random.default_rng(1).standard_normal((2048, 4608), "f4")
    data = net.params["fc"][0].data
    for one, other in ((7, 2000), (1023, 1024), (1500, 1501)):
        data[one] = data[other] * -2
    tracemalloc.start()
    try:
        facts = unit_facts(net, "fc")
        taken = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert facts.twins.tolist() == [[7, 2000], [1023, 1024], [1500, 1501]]
    # The weights are 38 MB.
    assert taken < 30e6


def test_without_units_there_are_no_facts(net: Any) -> None:
    with pytest.raises(FilterLabError, match="no units"):
        unit_facts(net, "data")


def test_activity(rng: Any) -> None:
    blob = np.maximum(rng.standard_normal((2, 5, 4, 6)), 0).astype(np.float32)
    blob[0, 3] = 0
    facts = activity_facts(blob)
    assert facts.rectified
    assert facts.dead.tolist() == [False, False, False, True, False]
    for k in range(5):
        row, col = facts.cell[k]
        assert blob[0, k, row, col] == facts.peak[k] == blob[0, k].max()
        assert facts.mean[k] == pytest.approx(float(blob[0, k].mean()))
        assert facts.active[k] == pytest.approx((blob[0, k] > 0).mean())
    # Not behind a ReLU, units below 0 are no dead ones.
    blob[0, 3] = -1
    facts = activity_facts(blob)
    assert not facts.rectified
    assert not facts.dead.any()
    assert facts.active[3] == 0
    flat = activity_facts(np.array([[0.0, 2.0, 0.0]]))
    assert flat.dead.tolist() == [True, False, True]
    assert flat.cell.tolist() == [[0, 0]] * 3
    with pytest.raises(FilterLabError, match="nothing"):
        activity_facts(np.zeros((1, 0, 3, 3)))


def test_what_is_as_large_as_the_limit_is_not_next_to_nothing() -> None:
    """Of a largest weight of 1, a thousandth is not below a thousandth."""
    text = """
    layer { name: "data" type: "Input" top: "data" input_param { shape { dim: 1 dim: 4 } } }
    layer { name: "fc" type: "InnerProduct" bottom: "data" top: "fc"
      inner_product_param { num_output: 2 } }
    """
    net = caffe.Net(parse_net(text))
    limit = np.float32(1e-3)
    under = np.nextafter(limit, np.float32(0))
    net.params["fc"][0].data[...] = [[1, limit, -under, 0], [-limit, limit, -0.5, 0.25]]
    assert unit_facts(net, "fc").small.tolist() == [0.5, 0]
    assert unit_facts(net, "fc").zeros.tolist() == [0.25, 0]
