"""Geometry against geometry worked out by hand, and against propagated pixel dependencies.

The brute force carries, for every unit of every blob along one axis, the set of input pixels that
can change it, layer by layer, by Caffe's definition of each layer. It shares no code with the
program.
"""

from __future__ import annotations

import math
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from filterlab.caffe.prototxt import parse_net, read_net
from filterlab.errors import FilterLabError
from filterlab.surgery.geometry import Axis, MapGeometry, net_input_size, of_blob
from filterlab.surgery.spatial import SpatialGraph

Bits = list[int]  # one integer per unit, bit x set: pixel x can change it


def _one(values: list[int], default: int) -> int:
    return values[0] if values else default


def dependencies(net: Any, n: int) -> dict[str, Bits]:
    """Pixel dependencies of every blob along one axis of a square net, for n input pixels."""
    blobs: dict[str, Bits] = {}
    for layer in net.layer:
        if layer.type == "Input":
            blobs[layer.top[0]] = [1 << x for x in range(n)]
            continue
        ins = [blobs[b] for b in layer.bottom]
        below = ins[0]
        size = len(below)
        if layer.type in ("Convolution", "Pooling"):
            if layer.type == "Convolution":
                p = layer.convolution_param
                k, s = _one(list(p.kernel_size), 1), _one(list(p.stride), 1)
                pad, d = _one(list(p.pad), 0), _one(list(p.dilation), 1)
                room = size + 2 * pad - (d * (k - 1) + 1)
                count = math.floor(room / s) + 1 if room >= 0 else 0
            else:
                q = layer.pooling_param
                k, s, pad, d = q.kernel_size, q.stride, q.pad, 1
                if q.global_pooling:
                    k, s, pad = size, 1, 0
                count = math.ceil((size + 2 * pad - k) / s) + 1
                if pad and (count - 1) * s >= size + pad:
                    count -= 1
            out = []
            for o in range(max(count, 0) if size else 0):
                seen = 0
                for t in range(k):
                    i = o * s - pad + t * d
                    if 0 <= i < size:
                        seen |= below[i]
                out.append(seen)
        elif layer.type == "Deconvolution":
            p = layer.convolution_param
            k, s, pad = _one(list(p.kernel_size), 1), _one(list(p.stride), 1), _one(list(p.pad), 0)
            out = [0] * (s * (size - 1) + k - 2 * pad)
            for i in range(size):
                for t in range(k):
                    o = i * s + t - pad
                    if 0 <= o < len(out):
                        out[o] |= below[i]
        elif layer.type == "InnerProduct":
            everything = 0
            for seen in below:
                everything |= seen
            out = [everything]
        elif layer.type in ("Concat", "Eltwise"):
            assert len({len(b) for b in ins}) == 1
            out = [0] * size
            for b in ins:
                out = [u | v for u, v in zip(out, b, strict=True)]
        else:
            out = list(below)
        for top in layer.top:
            blobs[top] = out
    return blobs


def span(seen: int) -> tuple[int, int]:
    """First and last + 1 of the set bits."""
    return (seen & -seen).bit_length() - 1, seen.bit_length()


def conv(name: str, bottom: str, k: int, s: int = 1, p: int = 0, top: str = "", d: int = 1) -> str:
    return (
        f'layer {{ name: "{name}" type: "Convolution" bottom: "{bottom}" top: "{top or name}" '
        f"convolution_param {{ num_output: 2 kernel_size: {k} stride: {s} pad: {p} "
        f"dilation: {d} }} }}\n"
    )


def pool(name: str, bottom: str, k: int, s: int, p: int = 0, how: str = "MAX") -> str:
    return (
        f'layer {{ name: "{name}" type: "Pooling" bottom: "{bottom}" top: "{name}" '
        f"pooling_param {{ pool: {how} kernel_size: {k} stride: {s} pad: {p} }} }}\n"
    )


def picture(n: int) -> str:
    return (
        'layer { name: "data" type: "Input" top: "data" '
        f"input_param {{ shape {{ dim: 1 dim: 3 dim: {n} dim: {n} }} }} }}\n"
    )


def vgg() -> str:
    text, below = picture(224), "data"
    for block, depth in enumerate((2, 2, 3, 3, 3), 1):
        for i in range(1, depth + 1):
            text += conv(f"conv{block}_{i}", below, 3, 1, 1)
            below = f"conv{block}_{i}"
        text += pool(f"pool{block}", below, 2, 2)
        below = f"pool{block}"
    return text + conv("fc6-conv", below, 7) + conv("fc7-conv", "fc6-conv", 1)


def dense(repo: Path, name: str) -> tuple[Any, str]:
    """A shipped net's structure with its fc layers written as convolutions by hand."""
    net = read_net(repo / "models" / name / "deploy.prototxt")
    first = True
    for layer in net.layer:
        if layer.type == "InnerProduct":
            layer.type = "Convolution"
            spatial = 6 if first and name in ("caffenet", "alexnet") else 1
            layer.convolution_param.kernel_size.append(spatial)
            first = False
    last = [layer.top[0] for layer in net.layer if layer.type != "Softmax"][-1]
    return net, last


# What geometry.md's table says of CaffeNet, as (field, jump, start).
CAFFENET = {
    "conv1": (11, 4, 0),
    "pool1": (19, 8, 0),
    "conv2": (51, 8, -16),
    "pool2": (67, 16, -16),
    "conv3": (99, 16, -32),
    "conv4": (131, 16, -48),
    "conv5": (163, 16, -64),
    "pool5": (195, 32, -64),
    "fc6": (355, 32, -64),
}


@pytest.mark.parametrize("name", ["caffenet", "alexnet"])
def test_caffenets_table(repo: Path, name: str) -> None:
    net, _ = dense(repo, name)
    for blob, numbers in CAFFENET.items():
        geometry = of_blob(net, blob)
        assert geometry.x == Axis(*numbers), blob
        assert geometry.y == Axis(*numbers), blob


def test_a_plain_fc_sees_everything(repo: Path) -> None:
    net = read_net(repo / "models/caffenet/deploy.prototxt")
    assert of_blob(net, "fc6").x == Axis(355, 0, -64)
    assert of_blob(net, "prob").y == Axis(355, 0, -64)
    assert net_input_size(net) == (227, 227)


def _classifier_and_dense(repo: Path, name: str) -> tuple[Any, Any, str]:
    if name == "vgg":
        text = vgg()
        plain = text.replace(
            conv("fc6-conv", "pool5", 7),
            'layer { name: "fc6-conv" type: "InnerProduct" bottom: "pool5" top: "fc6-conv" '
            "inner_product_param { num_output: 2 } }\n",
        )
        return parse_net(plain), parse_net(text), "fc7-conv"
    net, output = dense(repo, name)
    if name == "squeezenet_v1.1":
        output = "conv10"
        del net.layer[[layer.name for layer in net.layer].index("pool10") :]
    return read_net(repo / "models" / name / "deploy.prototxt"), net, output


SIZES = {
    "caffenet": [*range(190, 300), *range(300, 700, 7), 1199],
    "alexnet": [*range(190, 300, 3), 1198, 1199],
    "googlenet": [*range(215, 260), *range(260, 330, 7)],
    "squeezenet_v1.1": range(20, 300, 7),
    "vgg": [*range(190, 260), 299],
}


@pytest.mark.parametrize("name", list(SIZES))
def test_against_propagated_dependencies(repo: Path, name: str) -> None:
    plain, net, output = _classifier_and_dense(repo, name)
    geometry = MapGeometry.of(plain, net, output)
    blob = of_blob(net, output).x
    smallest = None
    for n in SIZES[name]:
        seen = dependencies(net, n)[output]
        assert geometry.cells(n, n) == (len(seen), len(seen)), n
        if seen and smallest is None:
            smallest = n
        for j, bits in enumerate(seen):
            lo, hi = span(bits)
            assert geometry.field(j, j, n, n) == (lo, lo, hi, hi), (n, j)
            # What the formula says, cut at the picture's edge, holds all that is really seen.
            start, end = blob.span(j)
            assert max(0, start) <= lo
            assert hi <= min(n, end)
    if name != "squeezenet_v1.1":
        assert geometry.smallest() == (smallest, smallest)


@pytest.mark.parametrize("blob", ["conv1", "pool1", "conv2", "pool2", "conv5", "pool5", "fc8"])
def test_inner_units_see_exactly_their_field(repo: Path, blob: str) -> None:
    net, _ = dense(repo, "caffenet")
    axis = of_blob(net, blob).x
    n = 227 + 32 * 12
    inner = 0
    for i, bits in enumerate(dependencies(net, n)[blob]):
        start, end = axis.span(i)
        if start >= 0 and end <= n - 32:
            inner += 1
            assert span(bits) == (start, end)
    assert inner > 3


def test_the_formulas_for_caffenet(repo: Path) -> None:
    geometry = MapGeometry.of(*_classifier_and_dense(repo, "caffenet"))
    for size in range(150, 1200):
        assert geometry.cells(size, size + 40) == (
            max(0, (size - 167) // 32),
            max(0, (size - 127) // 32),
        )
    width = 470
    for j in range(geometry.cells(451, width)[1]):
        x0, _, x1, _ = geometry.field(0, j, 451, width)
        assert x0 == max(0, 32 * j - 64)
        assert x1 == min(4 * ((width - 7) // 4) + 7, 32 * j + 291)
    assert geometry.window(2, 3) == (96, 64, 323, 291)
    assert geometry.centre(0, 7) == (337.5, 113.5)
    assert geometry.tiles_rect(8, 8) == (97.5, 97.5, 353.5, 353.5)
    assert geometry.smallest() == (199, 199)
    for size in range(199, 700):
        late = 28 - (size - 167) % 32
        assert geometry.overhang(size, 227) == (max(0, late), 0)


def test_sizes_that_fit(repo: Path) -> None:
    geometry = MapGeometry.of(*_classifier_and_dense(repo, "caffenet"))
    assert geometry.size_for_cells(8, 1) == (451, 227)
    assert geometry.keeping_shape((360, 480), 9) == (355, 483)
    assert geometry.keeping_shape((480, 360), 9) == (483, 355)
    assert geometry.keeping_shape((100, 5000), 3) == (227, 291)
    with pytest.raises(FilterLabError, match="0 cells"):
        geometry.size_for_cells(0, 3)
    squeeze = MapGeometry.of(*_classifier_and_dense(repo, "squeezenet_v1.1"))
    own = squeeze.cells(227, 227)[0]
    assert squeeze.size_for_cells(own, own + 4) == (227, 227 + 4 * 16)
    for count in range(1, 30):
        height, _ = squeeze.size_for_cells(count, 1)
        assert squeeze.cells(height, height)[0] == count


def test_a_map_with_cells_at_its_own_size_has_its_fields_as_windows(repo: Path) -> None:
    geometry = MapGeometry.of(*_classifier_and_dense(repo, "squeezenet_v1.1"))
    axis = geometry.blob.x
    assert geometry.window_size == (axis.field, axis.field)
    assert geometry.window(0, 2)[0] == axis.start + 2 * axis.jump
    assert geometry.centre(0, 2)[0] == axis.centre(2)


def test_googlenets_window_is_its_input(repo: Path) -> None:
    geometry = MapGeometry.of(*_classifier_and_dense(repo, "googlenet"))
    assert geometry.window_size == (224, 224)
    assert geometry.jump == (32, 32)
    assert geometry.origin == (0, 0)
    assert geometry.cells(224, 224 + 96) == (1, 4)


def test_denser_maps_fall_between(repo: Path) -> None:
    plain, net, output = _classifier_and_dense(repo, "caffenet")
    coarse = MapGeometry.of(plain, net, output)
    fine = coarse.denser(4)
    assert fine.jump == (8, 8)
    for n in (227, 243, 300, 451, 460):
        runs = [len(dependencies(net, n - 8 * f)[output]) for f in range(4)]
        ordered = sorted((8 * f + 32 * i, f, i) for f in range(4) for i in range(runs[f]))
        whole = 0
        while whole < len(ordered) and ordered[whole][0] == 8 * whole:
            whole += 1
        assert fine.cells(n, n) == (whole, whole)
        for k in range(whole):
            _, f, i = ordered[k]
            lo, hi = span(dependencies(net, n - 8 * f)[output][i])
            assert fine.field(k, k, n, n)[::2] == (lo + 8 * f, hi + 8 * f)
            assert fine.window(k, k)[0] == 8 * k
    assert fine.centre(4, 8) == coarse.centre(1, 2)
    with pytest.raises(FilterLabError, match="cannot be divided"):
        coarse.denser(3)


def test_rows_and_columns_are_told_apart() -> None:
    net = parse_net(
        picture(64)
        + 'layer { name: "c" type: "Convolution" bottom: "data" top: "c" convolution_param { '
        "num_output: 1 kernel_h: 3 kernel_w: 7 stride_h: 2 stride_w: 1 pad_h: 0 pad_w: 3 } }"
    )
    geometry = of_blob(net, "c")
    assert geometry.y == Axis(3, 2, 0)
    assert geometry.x == Axis(7, 1, -3)


def test_branches_concat_eltwise_dilation_and_deconvolution() -> None:
    text = (
        picture(40)
        + conv("a", "data", 3, 2, 1)
        + conv("b", "data", 7, 2, 3)
        + 'layer { name: "cat" type: "Concat" bottom: "a" bottom: "b" top: "cat" }\n'
        + conv("wide", "cat", 3, 1, 2, d=2)
        + conv("same", "cat", 1)
        + 'layer { name: "sum" type: "Eltwise" bottom: "wide" bottom: "same" top: "sum" }\n'
        + 'layer { name: "up" type: "Deconvolution" bottom: "sum" top: "up" '
        "convolution_param { num_output: 1 kernel_size: 4 stride: 2 pad: 1 } }\n"
    )
    net = parse_net(text)
    assert of_blob(net, "cat").x == Axis(7, 2, -3)
    assert of_blob(net, "sum").x == Axis(15, 2, -7)
    assert of_blob(net, "up").x.jump == 1
    plain = MapGeometry.of(net, parse_net(text.replace('"up"', '"up"')), "sum")
    for n in range(9, 60):
        truth = dependencies(net, n)
        assert plain.cells(n, n) == (len(truth["sum"]),) * 2
        assert plain.graph.size_of("up", 1, n) == len(truth["up"])
        for blob in ("sum", "up"):
            for o, bits in enumerate(truth[blob]):
                # Dilated kernels leave holes, so the hull is compared.
                assert plain.graph.pixels(blob, 1, o, o + 1, n) == span(bits), (blob, n, o)


def test_fractions_behind_a_deconvolution() -> None:
    net = parse_net(
        picture(16)
        + conv("a", "data", 3)
        + 'layer { name: "up" type: "Deconvolution" bottom: "a" top: "up" '
        "convolution_param { num_output: 1 kernel_size: 3 stride: 2 } }\n"
    )
    assert of_blob(net, "up").x.jump == Fraction(1, 2)
    with pytest.raises(FilterLabError, match="whole pixels"):
        MapGeometry.of(net, net, "up")


def test_what_cannot_be_followed_is_said() -> None:
    with pytest.raises(FilterLabError, match="no picture input"):
        of_blob(parse_net(picture(9).replace("dim: 9 dim: 9", "")), "data")
    joined = conv("a", "data", 3, 2, 1) + conv("b", "data", 3, 1, 1)
    joined += 'layer { name: "j" type: "Eltwise" bottom: "a" bottom: "b" top: "j" }'
    with pytest.raises(FilterLabError, match=r"'j' joins blobs whose units lie 1 and 2"):
        of_blob(parse_net(picture(9) + joined), "j")
    with pytest.raises(FilterLabError, match="no blob 'nothing'"):
        of_blob(parse_net(picture(9)), "nothing")
    side = 'layer { name: "s" type: "Concat" bottom: "data" bottom: "data" top: "s" '
    side += "concat_param { axis: 3 } }"
    with pytest.raises(FilterLabError, match="along axis 3"):
        of_blob(parse_net(picture(9) + side), "s")


@st.composite
def chains(draw: st.DrawFn) -> str:
    """A net of a few convolutions, poolings and branches with any kernel, stride, pad, dilation."""
    text, below = picture(32), "data"
    for i in range(draw(st.integers(1, 5))):
        k, s = draw(st.integers(1, 5)), draw(st.integers(1, 3))
        p = draw(st.integers(0, k - 1))
        kind = draw(st.sampled_from(["conv", "dilated", "pool", "branch"]))
        if kind == "conv":
            text += conv(f"b{i}", below, k, s, p)
        elif kind == "dilated":
            text += conv(f"b{i}", below, k, s, p, d=2)
        elif kind == "pool":
            text += pool(f"b{i}", below, k, s, min(p, k // 2))
        else:
            odd = 2 * draw(st.integers(0, 2)) + 1
            text += conv(f"x{i}", below, odd, 1, odd // 2) + conv(f"y{i}", below, 1)
            text += f'layer {{ name: "b{i}" type: "Eltwise" bottom: "x{i}" bottom: "y{i}" '
            text += f'top: "b{i}" }}\n'
        below = f"b{i}"
    return text.replace(f'"{below}"', '"end"')


@settings(max_examples=150, deadline=None, derandomize=True)
@given(text=chains(), n=st.integers(6, 90))
def test_any_chain_of_layers(text: str, n: int) -> None:
    net = parse_net(text)
    truth = dependencies(net, n)["end"]
    graph = SpatialGraph(net)
    assert graph.size_of("end", 1, n) == len(truth)
    axis = of_blob(net, "end").x
    for o, bits in enumerate(truth):
        first, last = graph.pixels("end", 1, o, o + 1, n)
        if bits == 0:  # a window that lies in the padding alone
            assert first >= last
            continue
        lo, hi = span(bits)
        assert (first, last) == (lo, hi)
        start, end = axis.span(o)
        assert start <= lo
        assert hi <= end
