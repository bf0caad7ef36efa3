"""Convolution weights laid out for ONNX Runtime: the same numbers, and every edit counts."""

from __future__ import annotations

import math
import os
import platform
import random
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

import filterlab.caffe as caffe
from filterlab.caffe import packing, plan
from filterlab.caffe.packing import Layout
from filterlab.caffe.prototxt import parse_net

Floats = npt.NDArray[np.float32]
NETS = Path(__file__).resolve().parent.parent / "goldens" / "nets"

INPUT = 'layer { name: "data" type: "Input" top: "data" input_param { shape { %s } } }\n'
#: Kernels, channels, groups, kernel size and the rest.
CONVOLUTIONS = [
    (32, 3, 1, "kernel_size: 5 stride: 2"),
    (32, 32, 1, "kernel_size: 3 pad: 1"),
    (48, 32, 2, "kernel_size: 3"),
    (20, 16, 1, "kernel_size: 3 dilation: 2"),
    (20, 17, 1, "kernel_size: 1"),
    (16, 16, 16, "kernel_size: 3"),
    (32, 6, 2, "kernel_h: 1 kernel_w: 4 bias_term: false"),
]


def conv(name: str, bottom: str, kernels: int, rest: str, group: int = 1) -> str:
    """A Convolution layer with random weights."""
    return (
        f'layer {{ name: "{name}" type: "Convolution" bottom: "{bottom}" top: "{name}" '
        f"convolution_param {{ num_output: {kernels} group: {group} {rest} "
        'weight_filler { type: "gaussian" std: 0.1 } '
        'bias_filler { type: "uniform" min: -1 max: 1 } } }\n'
    )


def net_of(channels: int, layers: str, side: int = 20) -> caffe.Net:
    """A net on a random picture."""
    dims = f"dim: 2 dim: {channels} dim: {side} dim: {side}"
    net = caffe.Net(parse_net(INPUT % dims + layers), caffe.TEST)
    data = net.blobs["data"].data
    data[...] = np.random.default_rng(3).standard_normal(data.shape)
    return net


def layouts(net: caffe.Net) -> tuple[Layout, ...]:
    """How the weights of the latest run are laid out."""
    return tuple(list(net._bindings.values())[-1].compiled.layouts)


def anew(net: caffe.Net, picture: Floats) -> dict[str, Floats]:
    """All blobs as another net computes them with the present weights, fed as they are."""
    other = caffe.Net(net.param, caffe.TEST)
    for name, row in net.params.items():
        for mine, theirs in zip(other.params[name], row):
            mine.data[...] = theirs.data
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(plan, "USES_BEFORE_PACKING", float("inf"))
        other.blobs["data"].reshape(*picture.shape)
        other.forward(data=picture)
    assert not layouts(other)
    return {name: blob.data for name, blob in other.blobs.items()}


def check(net: caffe.Net) -> None:
    """Every blob is what a net that lays nothing out computes."""
    picture = net.blobs["data"].data.copy()  # a layer may compute in place on it
    net.forward()
    for name, wanted in anew(net, picture).items():
        most = 1e-5 * max(1, np.abs(wanted).max())
        np.testing.assert_allclose(net.blobs[name].data, wanted, rtol=0, atol=most)


x86 = pytest.mark.skipif(
    platform.machine().lower() not in ("x86_64", "amd64"),
    reason="ONNX Runtime may have no other layout for this processor",
)


@x86
@pytest.mark.usefixtures("packed")
@pytest.mark.parametrize(("kernels", "channels", "group", "rest"), CONVOLUTIONS)
def test_convolutions_of_all_kinds(kernels: int, channels: int, group: int, rest: str) -> None:
    chain = conv("a", "data", kernels, rest, group) + conv("b", "a", 32, "kernel_size: 3")
    net = net_of(channels, chain)
    check(net)
    assert any(not layout.plain for layout in layouts(net))
    for row in net.params.values():
        for blob in row:
            blob.data[...] *= -1.5
            check(net)
            blob.data.flat[-1] += 1
            check(net)
    net.blobs["data"].reshape(1, channels, 33, 21)
    check(net)


def random_layers(r: random.Random) -> str:
    """Up to nine layers that read the latest blobs, in place or not."""
    blobs = [("data", 16)]
    text = ""
    for i in range(r.randint(2, 9)):
        name = f"l{i}"
        (bottom, channels), (other, more) = r.choice(blobs[-3:]), r.choice(blobs)
        top = r.choice([name, bottom])
        kind = r.choice(["Convolution"] * 4 + ["ReLU", "Power", "Scale", "Pooling", "Concat"])
        if kind == "Convolution":
            kernels = r.choice([4, 16, 24, 48])
            rest = f"kernel_size: {r.choice([1, 3])} stride: {r.choice([1, 1, 2])} pad: 1"
            text += conv(name, bottom, kernels, rest, r.choice([1, 1, math.gcd(channels, kernels)]))
            blobs.append((name, kernels))
            continue
        inside = {
            "Power": f"power_param {{ scale: {r.choice([1, -2])} shift: {r.choice([0, 1])} }}",
            "Scale": 'scale_param { bias_term: true filler { type: "uniform" } }',
            "Pooling": "pooling_param { kernel_size: 3 stride: 2 pad: 1 }",
            "Concat": f'bottom: "{other}"',
        }.get(kind, "")
        if kind in ("Pooling", "Concat"):
            top = name
        text += (
            f'layer {{ name: "{name}" type: "{kind}" bottom: "{bottom}" top: "{top}" {inside} }}\n'
        )
        if top == name:
            blobs.append((name, channels + more if kind == "Concat" else channels))
    return text


@x86
@pytest.mark.usefixtures("packed")
def test_random_nets() -> None:
    laid_out = 0
    for seed in range(80):
        r = random.Random(seed)
        try:
            net = net_of(16, random_layers(r), 12)
        except caffe.CaffeError:  # blobs of several sizes cannot be joined
            continue
        for _ in range(2):
            check(net)
            laid_out += bool(layouts(net))
            for row in net.params.values():
                blob = r.choice(list(row))
                blob.data.flat[r.randrange(blob.count)] += 0.5
    assert laid_out > 60


@x86
@pytest.mark.usefixtures("packed")
def test_every_way_of_editing_counts_at_the_next_forward() -> None:
    net = net_of(3, conv("a", "data", 32, "kernel_size: 3"))
    weight = net.params["a"][0]
    old = weight.data
    check(net)
    assert layouts(net)
    old[5, 1, 0, 2] += 1  # a view taken before
    check(net)
    memoryview(weight.data).cast("B").cast("f")[0] = 3  # no array at all
    check(net)
    weight.data[1] = weight.data[0]
    weight.data[[2, 3]] = weight.data[[3, 2]]  # the same values elsewhere
    check(net)
    other = np.full(weight.shape, 0.5, np.float32)
    weight.share_data(other)
    check(net)
    other[7] = 2
    check(net)
    net.copy_from({"a": [np.ones(weight.shape), np.arange(32)]})
    check(net)
    weight.data[...] = 0.0
    net.forward()
    positive = net.blobs["a"].data.copy()
    weight.data[...] = -0.0  # equal to 0.0, but not the same
    weight.data[0, 0, 0, 0] = np.nan
    assert np.isnan(net.forward()["a"][:, 0]).all()
    weight.data[0, 0, 0, 0] = -0.0
    np.testing.assert_array_equal(net.forward()["a"], positive)


@x86
@pytest.mark.usefixtures("packed")
def test_nets_that_share_a_plan_keep_weights_of_their_own() -> None:
    net = net_of(3, conv("a", "data", 32, "kernel_size: 3"))
    net.forward()
    twin = net.snapshot()
    twin.params["a"][0].data[...] *= 2
    for each in (net, twin, net):
        check(each)
        assert layouts(each)
    twin.share_with(net)
    net.params["a"][0].data[3] = 1
    check(twin)
    check(net)


@x86
@pytest.mark.usefixtures("packed")
def test_one_weight_in_two_layers() -> None:
    shared = 'param { name: "w" } param { name: "b" } convolution_param'
    chain = conv("a", "data", 32, "kernel_size: 3 pad: 1") + conv("b", "a", 32, "kernel_size: 3")
    net = net_of(32, chain.replace("convolution_param", shared))
    check(net)
    assert layouts(net)
    net.params["a"][0].data[4] += 1
    check(net)
    net.params["b"][1].data[9] += 1
    check(net)


@pytest.mark.usefixtures("packed")
@pytest.mark.parametrize(
    "inside",
    [
        'type: "Power" power_param { scale: 2 }',
        'type: "Power" power_param { scale: 1 shift: -3 }',
        'type: "Scale" scale_param { bias_term: true }',
        'type: "BatchNorm"',
        'type: "ReLU" relu_param { negative_slope: 0.1 }',
        'type: "Sigmoid"',
        'type: "Dropout"',
    ],
)
def test_what_follows_in_place_is_not_taken_into_the_weights(inside: str) -> None:
    """ONNX Runtime multiplies constant weights by what follows, if nobody reads between."""
    chain = conv("a", "data", 32, "kernel_size: 3")
    chain += f'layer {{ name: "in" bottom: "a" top: "a" {inside} }}'
    net = net_of(3, chain + conv("b", "a", 16, "kernel_size: 1"))
    for blob in net.params.get("in", []):
        blob.data[...] = np.random.default_rng(1).random(blob.shape) + 0.5
    check(net)
    net.params["a"][0].data[...] += 0.25
    check(net)
    net.params["a"][1].data[...] -= 0.5
    check(net)


@x86
@pytest.mark.usefixtures("packed")
@pytest.mark.parametrize("first", [1, packing.FIRST_MARK])
def test_a_constant_is_not_taken_for_a_weight(first: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Even where marks count from 1, as the constants of many nets do."""
    monkeypatch.setattr(packing, "FIRST_MARK", first)
    shift = 'layer { name: "in" type: "Power" bottom: "data" top: "data" power_param { shift: 1 } }'
    one = conv("a", "data", 1, "kernel_size: 1") + shift + conv("b", "a", 16, "kernel_size: 1")
    net = net_of(1, one)
    data = net.blobs["data"].data.copy()
    net.params["a"][0].data[...] = 3
    net.forward(data=data)
    np.testing.assert_allclose(net.blobs["data"].data, data + 1)
    assert bool(layouts(net)) == (first > 1)


def test_weights_are_laid_out_once_it_pays(monkeypatch: pytest.MonkeyPatch) -> None:
    net = net_of(
        3, conv("a", "data", 32, "kernel_size: 3") + conv("few", "data", 3, "kernel_size: 3")
    )
    uses = 2 * 32 * 18 * 18 * 27 / (32 * 27 + 32)
    monkeypatch.setattr(plan, "USES_BEFORE_PACKING", 2.5 * uses)
    made: list[Any] = []
    pack = packing.pack
    monkeypatch.setattr(plan, "pack", lambda *args: made.append(args[1]) or pack(*args))
    for runs, times in ((2, 0), (1, 1), (3, 1)):
        for _ in range(runs):
            check(net)
        assert len(made) == times
    assert list(made[0]) == ["w:a:0", "w:a:1"]  # three kernels would be computed beside 13 zeros


def test_without_room_for_temporary_files_weights_stay_as_they_are(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(plan, "USES_BEFORE_PACKING", 0)
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "nowhere"))
    net = net_of(3, conv("a", "data", 32, "kernel_size: 3"))
    check(net)
    assert layouts(net) == ()
    check(net)


@x86
@pytest.mark.usefixtures("packed")
@pytest.mark.skipif(os.name == "nt", reason="Windows lets nobody cut a mapped file")
def test_a_file_cut_short_is_an_error_before_its_weights_are_read(tmp_path: Path) -> None:
    net = net_of(500, conv("a", "data", 512, "kernel_size: 3"), 4)  # 9 MB: mapped
    path = tmp_path / "wide.caffemodel"
    net.save(path)
    net.copy_from(path)
    fresh = caffe.Net(net.param, caffe.TEST)
    fresh.copy_from(path)
    fresh.forward()
    assert layouts(fresh)
    os.truncate(path, 1000)
    with pytest.raises(caffe.CaffeError, match="cut short"):
        fresh.forward()


@pytest.mark.parametrize("kernels", [1, 8, 16])
@pytest.mark.parametrize("channels", [1, 8, 16])
def test_a_layout_by_loops(kernels: int, channels: int) -> None:
    values = np.random.default_rng(0).random((20, 12, 3, 2), np.float32)
    rows, columns = -(-20 // kernels) * kernels, -(-12 // channels) * channels
    out = np.zeros(rows * columns * 6, np.float32)
    Layout("x", "w", (rows, columns, 3, 2), kernels, channels).write(values, out)
    wanted = [
        values[o + i, c + j, y, x] if o + i < 20 and c + j < 12 else 0
        for o in range(0, rows, kernels)
        for c in range(0, columns, channels)
        for y in range(3)
        for x in range(2)
        for j in range(channels)
        for i in range(kernels)
    ]
    np.testing.assert_array_equal(out, np.array(wanted, np.float32))


@x86
def test_a_net_can_lay_its_weights_out_first_or_never() -> None:
    """Then the same input gives the same bits, whatever ran before."""
    chain = conv("a", "data", 32, "kernel_size: 3") + conv("b", "a", 32, "kernel_size: 3")
    weights: Any = None
    bits = {}
    for when, packed_at_first in (("later", False), ("first", True), ("never", False)):
        net = net_of(16, chain, side=24)
        assert net.packing == "later"
        net.packing = when
        if weights is None:
            weights = {name: [blob.data.copy() for blob in row] for name, row in net.params.items()}
        net.copy_from(weights)
        net.forward()
        assert any(not layout.plain for layout in layouts(net)) == packed_at_first
        first = net.blobs["b"].data.copy()
        for _ in range(60):
            net.forward()
        assert any(not layout.plain for layout in layouts(net)) == (when != "never")
        if when != "later":
            np.testing.assert_array_equal(net.blobs["b"].data, first)
        bits[when] = net.blobs["b"].data.copy()
    # Laid out early or late makes no difference.
    np.testing.assert_array_equal(bits["first"], bits["later"])


@x86
def test_twins_of_one_plan_may_lay_out_differently() -> None:
    net = net_of(16, conv("a", "data", 32, "kernel_size: 3"), side=24)
    twin = net.snapshot(share_weights=True)
    assert np.shares_memory(net.params["a"][0].data, twin.params["a"][0].data)
    twin.packing, net.packing = "first", "never"
    twin.prepare()
    for _ in range(2):
        for one in (net, twin):
            one.forward()
    assert not layouts(net)
    assert any(not layout.plain for layout in layouts(twin))
    net.params["a"][0].data[...] *= 2
    before = twin.blobs["a"].data.copy()
    twin.forward()
    assert np.abs(twin.blobs["a"].data - before).max() > 0.1, "edits of one count in the other"
    np.testing.assert_allclose(net.forward()["a"], twin.forward()["a"], atol=1e-4)
    assert twin.snapshot().packing == "first"
    apart = net.snapshot()
    assert not np.shares_memory(net.params["a"][0].data, apart.params["a"][0].data)
    with pytest.raises(caffe.CaffeError, match="'sometimes' is none of 'later', 'first'"):
        net.packing = "sometimes"
