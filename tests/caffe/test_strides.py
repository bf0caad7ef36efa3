"""Positions that nobody reads are not computed, and the others are what they were."""

from __future__ import annotations

import random
from typing import Any

import numpy as np
import pytest

import filterlab.caffe as caffe
from filterlab.caffe.plan import Plan
from filterlab.caffe.prototxt import parse_net
from tools.attack import forward


def layer(name: str, kind: str, bottoms: str, inside: str = "", top: str = "") -> str:
    """One layer; bottoms separated by spaces."""
    reads = " ".join(f'bottom: "{b}"' for b in bottoms.split())
    return f'layer {{ name: "{name}" type: "{kind}" {reads} top: "{top or name}" {inside} }}\n'


def conv(name: str, bottom: str, kernels: int = 5, rest: str = "kernel_size: 1") -> str:
    """A Convolution layer with random weights."""
    inside = (
        f"convolution_param {{ num_output: {kernels} {rest} "
        'weight_filler { type: "gaussian" std: 0.4 } bias_filler { type: "uniform" min: -1 } }'
    )
    return layer(name, "Convolution", bottom, inside)


def net_of(layers: str, dims: tuple[int, ...] = (1, 5, 11, 14)) -> caffe.Net:
    """A net on a random picture."""
    shape = " ".join(f"dim: {d}" for d in dims)
    data = layer("data", "Input", "", f"input_param {{ shape {{ {shape} }} }}")
    net = caffe.Net(parse_net(data + layers), caffe.TEST)
    net.eager = False
    net.blobs["data"].data[...] = np.random.default_rng(7).standard_normal(dims)
    return net


def strides(net: caffe.Net) -> dict[str, list[int]]:
    """Of each convolution that the latest run computes, by its layer."""
    nodes = list(net._bindings.values())[-1].plan._graph.nodes
    return {
        node.name.split("#")[0]: list(next(a.ints for a in node.attribute if a.name == "strides"))
        for node in nodes
        if node.op_type == "Conv"
    }


def check(net: caffe.Net, read: str = "") -> None:
    """The outputs are what the engine says that computes everything, and so are all blobs."""
    double = net.snapshot()
    double.eager = True
    double.forward()
    net.forward()
    for name in [*net.outputs, *(net.blobs if read == "all" else read.split())]:
        wanted = double.blobs[name].data
        finite = wanted[np.isfinite(wanted)]
        most = 1e-5 * max(1.0, float(np.abs(finite).max(initial=0)))
        np.testing.assert_allclose(net.blobs[name].data, wanted, rtol=0, atol=most, err_msg=name)


#: The end of one stage of ResNet and the beginning of the next.
STAGE = (
    conv("a", "data")
    + layer("ra", "ReLU", "a", top="a")
    + conv("b", "a", 5, "kernel_size: 3 pad: 1")
    + layer("rb", "ReLU", "b", top="b")
    + conv("c", "b")
    + layer("sum", "Eltwise", "data c")
    + layer("rs", "ReLU", "sum", top="sum")
    + conv("side", "sum", 4, "kernel_size: 1 stride: {0}")
    + conv("main", "sum", 4, "kernel_size: 1 stride: {0}")
    + conv("last", "main", 4, "kernel_size: 3 pad: 1")
    + layer("end", "Eltwise", "last side")
)


@pytest.mark.parametrize("stride", ["2", "3", "2 stride: 1"])
@pytest.mark.parametrize("side", [(11, 14), (12, 7), (1, 2)])
def test_the_end_of_a_stage(stride: str, side: tuple[int, int]) -> None:
    net = net_of(STAGE.replace("{0}", stride), (2, 5, *side))
    check(net)
    step = [int(stride[0]), 1 if " " in stride else int(stride[0])]
    assert strides(net) == {
        "a": [1, 1],
        "b": step,  # at the positions that the 1x1 reads
        "c": [1, 1],
        "side": [1, 1],
        "main": [1, 1],
        "last": [1, 1],
    }
    check(net, "all")
    for name in ("b", "c"):
        net.params[name][0].data[...] *= -1
        check(net)
    net.blobs["data"].data[...] += 1
    check(net, "sum")


def test_a_blob_that_somebody_reads_is_whole() -> None:
    net = net_of(STAGE.replace("{0}", "2"))
    held = net.blobs["sum"].data
    check(net, "sum")
    assert strides(net)["b"] == [1, 1]
    assert strides(net)["main"] == [2, 2]
    assert np.count_nonzero(held[:, :, 1::2, 1::2])


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf, -0.0])
def test_what_is_no_number_stays_where_it_was(value: float) -> None:
    net = net_of(
        conv("c", "data")
        + layer("sum", "Eltwise", "data c")
        + conv("main", "sum", 4, "kernel_size: 1 stride: 2")
    )
    net.params["c"][0].data[...] = 0
    net.params["main"][0].data[...] = np.eye(4, 5)[:, :, None, None]
    net.blobs["data"].data[0, 1, 4, 4] = value
    net.blobs["data"].data[0, 2, 3, 4] = np.nan  # read by nobody
    check(net)
    assert strides(net)["main"] == [1, 1]
    assert np.isfinite(net.blobs["main"].data).all() == (value == 0)


@pytest.mark.parametrize(
    ("layers", "step"),
    [
        (conv("a", "data") + conv("b", "a", 4, "kernel_size: 1 stride: 2"), [2, 2]),
        # Strides multiply.
        (
            conv("a", "data", 5, "kernel_size: 3 stride: 2 pad: 1")
            + conv("b", "a", 4, "kernel_size: 1 stride: 2"),
            [4, 4],
        ),
        (
            conv("a", "data", 5, "kernel_size: 3")
            + conv("b", "a", 4, "kernel_size: 1 stride: 2")
            + conv("c", "b", 3, "kernel_size: 1 stride: 2"),
            [4, 4],
        ),
        (
            conv("a", "data", 5, "kernel_size: 3 dilation: 2")
            + conv("b", "a", 4, "kernel_size: 1 stride: 2"),
            [2, 2],
        ),
        # Other readers want all of it, or others.
        (
            conv("a", "data")
            + conv("b", "a", 4, "kernel_size: 1 stride: 2")
            + conv("c", "a", 4, "kernel_size: 1"),
            [1, 1],
        ),
        (
            conv("a", "data")
            + conv("b", "a", 4, "kernel_size: 1 stride: 2")
            + conv("c", "a", 4, "kernel_size: 1 stride: 3"),
            [1, 1],
        ),
        (conv("a", "data") + conv("b", "a", 4, "kernel_size: 3 stride: 2"), [1, 1]),
        (conv("a", "data") + conv("b", "a", 4, "kernel_size: 1 stride: 2 pad: 1"), [1, 1]),
        (
            conv("a", "data")
            + layer("p", "Pooling", "a", "pooling_param { kernel_size: 1 stride: 2 }"),
            [1, 1],
        ),
        # Not by value, or of unlike sizes.
        (
            conv("a", "data")
            + layer("s", "Softmax", "a")
            + conv("b", "s", 4, "kernel_size: 1 stride: 2"),
            [1, 1],
        ),
        (
            conv("a", "data")
            + layer("s", "Eltwise", "a data", "eltwise_param { operation: PROD }")
            + conv("b", "s", 4, "kernel_size: 1 stride: 2"),
            [1, 1],
        ),
        (
            layer("m", "InnerProduct", "data", "inner_product_param { num_output: 5 }")
            + conv("a", "data")
            + layer("s", "Bias", "a m", "bias_param { axis: 0 }")
            + conv("b", "s", 4, "kernel_size: 1 stride: 2"),
            [1, 1],
        ),
        (
            conv("a", "data", 5, "kernel_size: 3 bias_term: false")
            + layer("n", "BatchNorm", "a", "batch_norm_param { eps: 1 }", top="a")
            + layer("s", "Scale", "a", "scale_param { bias_term: true }", top="a")
            + layer("r", "ReLU", "a", top="a")
            + conv("b", "a", 4, "kernel_size: 1 stride: 2"),
            [2, 2],
        ),
        (
            conv("a", "data")
            + layer("k", "Clip", "a", "clip_param { min: -1 max: 1 }")
            + conv("b", "k", 4, "kernel_size: 1 stride: 2"),
            [2, 2],
        ),
    ],
)  # fmt: skip
def test_when_positions_are_left_out(layers: str, step: list[int]) -> None:
    net = net_of(layers)
    check(net)
    assert strides(net)["a"] == step
    check(net, "all")


def test_a_graph_for_other_programs_is_the_nets_own() -> None:
    net = net_of(STAGE.replace("{0}", "2"))
    last, outside = len(net.layers) - 1, {"data": (1, 5, 11, 14)}

    def shapes(index: int) -> list[Any]:
        return [blob.shape for blob in net.params.get(net._topology.layers[index].name, ())]

    for portable, step in ((True, [1, 1]), (False, [2, 2])):
        plan = Plan(
            net._topology, outside, 0, last, shapes, frozenset(), fold=True, portable=portable
        )
        nodes = {node.name.split("#")[0]: node for node in plan._graph.nodes}
        assert next(list(a.ints) for a in nodes["b"].attribute if a.name == "strides") == step


def test_what_no_convolution_makes_is_read_with_the_stride() -> None:
    """Picking positions of a picture out would be one more pass over it."""
    net = net_of(layer("r", "ReLU", "data") + conv("b", "r", 4, "kernel_size: 1 stride: 2"))
    check(net)
    assert strides(net) == {"b": [2, 2]}


def test_a_sum_of_blobs_that_are_read_elsewhere_stays_whole() -> None:
    """No convolution would compute less."""
    net = net_of(
        conv("x", "data")
        + conv("y", "data")
        + layer("sum", "Eltwise", "x y")
        + conv("c", "sum", 3, "kernel_size: 1 stride: 2")
        + conv("d", "x", 3, "kernel_size: 3")
        + conv("e", "y", 3, "kernel_size: 3")
    )
    check(net)
    assert strides(net) == {**{name: [1, 1] for name in "xyde"}, "c": [2, 2]}
    check(net, "all")


def test_of_a_sum_whose_other_side_is_read_elsewhere_positions_are_picked_once() -> None:
    net = net_of(
        conv("x", "data")
        + conv("a", "x")
        + layer("one", "Eltwise", "x a")
        + conv("b", "x")
        + layer("two", "Eltwise", "x b")
        + conv("c", "one", 3, "kernel_size: 1 stride: 2")
        + conv("d", "two", 3, "kernel_size: 1 stride: 2")
        + conv("e", "x", 3, "kernel_size: 3 stride: 2 pad: 1")
        + layer("end", "Eltwise", "c d e")
    )
    check(net)
    nodes = list(net._bindings.values())[-1].plan._graph.nodes
    assert [node.op_type for node in nodes].count("AveragePool") == 1
    assert strides(net) == {
        **{name: [1, 1] for name in "xcd"},
        **{name: [2, 2] for name in "abe"},
    }
    check(net, "all")


def residual(r: random.Random) -> str:
    """Blocks with shortcuts, strides in their 1x1 convolutions, and what may be in between."""
    text, now = "", "data"
    for i in range(r.randint(2, 5)):
        stride = r.choice([1, 1, 2, 2, 3])
        first = f"kernel_size: 1 stride: {stride}"
        text += conv(f"a{i}", now, 5, first)
        if r.random() < 0.7:
            text += layer(f"ra{i}", "ReLU", f"a{i}", top=f"a{i}")
        size = r.choice([1, 3])
        text += conv(f"b{i}", f"a{i}", 5, f"kernel_size: {size} pad: {size // 2}")
        if r.random() < 0.4:
            text += layer(f"n{i}", "BatchNorm", f"b{i}", "batch_norm_param { eps: 0.5 }")
            text += conv(f"c{i}", f"n{i}")
        else:
            text += conv(f"c{i}", f"b{i}")
        other = now
        if stride > 1 or r.random() < 0.2:
            other = f"side{i}"
            text += conv(other, now, 5, first)
        text += layer(f"sum{i}", "Eltwise", " ".join(r.sample([other, f"c{i}"], 2)))
        now = f"sum{i}"
        if r.random() < 0.8:
            text += layer(f"r{i}", "ReLU", now, top=now)
    return text


@pytest.mark.parametrize("packing", ["never", "first"])
def test_random_residual_nets(packing: str) -> None:
    left_out = 0
    for seed in range(30):
        r = random.Random(seed)
        net = net_of(residual(r), (1, 5, r.randint(5, 17), r.randint(5, 17)))
        net.packing = packing
        check(net)
        left_out += sum(s != [1, 1] for n, s in strides(net).items() if n[0] in "bc")
        for name in r.sample(list(net.params), 2):
            net.params[name][0].data[...] *= 0.5
        check(net, r.choice(list(net.blobs)))
        check(net, "all")
    assert left_out > 10


@pytest.mark.parametrize("seed", [2, 4, 6])
def test_random_walks_on_residual_nets(seed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """As ``python -m tools.attack.forward`` walks on others."""

    def made(r: Any) -> str:
        data = layer("data", "Input", "", "input_param { shape { dim: 1 dim: 5 dim: 12 dim: 12 } }")
        return "force_backward: true " + data + residual(r)

    monkeypatch.setattr(forward, "random_net", made)
    walk = forward.Walk(seed)
    for _ in range(250):
        walk.step()
    assert walk.counts["read"] > 40
    assert walk.worst < forward.TOLERANCE
