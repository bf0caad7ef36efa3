"""Groups of units, and what a class loses without one."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from filterlab import caffe
from filterlab.caffe.prototxt import parse_net
from filterlab.errors import FilterLabError
from filterlab.surgery.unit_groups import kmeans_groups, strength_groups, twin_groups


@pytest.fixture
def net(rng: Any) -> Any:
    text = """
    layer { name: "data" type: "Input" top: "data" input_param { shape { dim: 1 dim: 500 } } }
    layer { name: "fc" type: "InnerProduct" bottom: "data" top: "fc" inner_product_param { num_output: 20 } }
    """  # noqa: E501
    made = caffe.Net(parse_net(text))
    made.params["fc"][0].data[...] = rng.standard_normal((20, 500))
    return made


def test_twins_of_twins_are_one_group(net: Any, rng: Any) -> None:
    data = net.params["fc"][0].data
    # Each lies at a cosine of .9992 from the next, so the ends are no twins.
    a, b = np.linalg.qr(rng.standard_normal((500, 2)))[0].T
    step = np.arccos(0.9992)
    for k, unit in enumerate((3, 11, 5)):
        data[unit] = np.cos(k * step) * a + np.sin(k * step) * b
    data[19] = -2 * data[0]
    data[7] = data[8] = 0
    assert sorted(twin_groups(net, "fc")) == [(0, 19), (3, 5, 11)]
    data[...] = np.eye(20, 500)
    assert twin_groups(net, "fc") == []


def test_units_of_like_direction_come_together(net: Any, rng: Any) -> None:
    data = net.params["fc"][0].data
    kinds = rng.standard_normal((4, 500))
    for unit in range(20):
        data[unit] = (kinds[unit % 4] + 0.2 * rng.standard_normal(500)) * rng.uniform(0.1, 5)
    expected = [tuple(range(k, 20, 4)) for k in range(4)]
    assert kmeans_groups(net, "fc", 4, seed=1) == expected
    assert kmeans_groups(net, "fc", 1) == [tuple(range(20))]
    assert kmeans_groups(net, "fc", 20) == [(unit,) for unit in range(20)]
    data[2] = 0
    groups = kmeans_groups(net, "fc", 3, seed=5)
    assert sorted(u for group in groups for u in group) == [u for u in range(20) if u != 2]
    assert groups == kmeans_groups(net, "fc", 3, seed=5)
    with pytest.raises(FilterLabError, match="19 units that are not 0; take 1 to 19 groups"):
        kmeans_groups(net, "fc", 20)


def test_units_of_like_strength(net: Any) -> None:
    data = net.params["fc"][0].data
    data[...] = np.eye(20, 500) * np.arange(1, 21)[:, None]
    groups = strength_groups(net, "fc", 6)
    assert groups == [
        tuple(range(14, 20)), tuple(range(8, 14)), tuple(range(2, 8)), (0, 1),
    ]  # fmt: skip
    assert strength_groups(net, "fc", 1) == [(unit,) for unit in range(19, -1, -1)]
    with pytest.raises(FilterLabError, match="1 unit or more"):
        strength_groups(net, "fc", 0)


def test_lengths_count_nothing_however_short(net: Any, rng: Any) -> None:
    """Units of a hundredth, and of ten thousand: only what is 0 or not finite is left out."""
    data = net.params["fc"][0].data
    kinds = rng.standard_normal((2, 500))
    for unit in range(20):
        data[unit] = kinds[unit % 2] + 0.1 * rng.standard_normal(500)
        data[unit] *= 10.0 ** (unit % 7 - 4) / np.linalg.norm(data[unit])
    assert kmeans_groups(net, "fc", 2) == [tuple(range(0, 20, 2)), tuple(range(1, 20, 2))]
    data[3, 0], data[4] = np.nan, 0
    odd = [unit for unit in range(1, 20, 2) if unit != 3]
    even = [unit for unit in range(0, 20, 2) if unit != 4]
    assert kmeans_groups(net, "fc", 2) == [tuple(even), tuple(odd)]
    for count in (0, 19, -1):
        with pytest.raises(FilterLabError, match=f"has 18 units .* take 1 to 18 .* not {count}"):
            kmeans_groups(net, "fc", count)
    assert strength_groups(net, "fc", 20)[0][:3] == (0, 1, 2)
