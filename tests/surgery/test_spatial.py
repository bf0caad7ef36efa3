"""What a net's structure says of its blobs: which layers count, what they read, how they move."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import filterlab.caffe as caffe
from filterlab.caffe.prototxt import parse_net
from filterlab.errors import FilterLabError
from filterlab.surgery.geometry import Axis, MapGeometry, of_blob, of_layers
from filterlab.surgery.spatial import (
    SpatialGraph,
    input_shapes,
    layers_for_test,
    spatial_graph,
    with_channels,
)


def _layer(name: str, kind: str, bottoms: str = "", tops: str = "", more: str = "") -> str:
    ends = "".join(f' bottom: "{b}"' for b in bottoms.split())
    ends += "".join(f' top: "{t}"' for t in (tops or name).split())
    return f'layer {{ name: "{name}" type: "{kind}"{ends} {more} }}\n'


def _picture(height: int = 20, width: int = 30, more: str = "") -> str:
    shape = f"shape {{ dim: 2 dim: 3 dim: {height} dim: {width} }}"
    return _layer("data", "Input", more=f"input_param {{ {shape} }} {more}")


def _conv(name: str, bottom: str, k: int, s: int = 1, p: int = 0) -> str:
    inside = f"num_output: 2 kernel_size: {k} stride: {s} pad: {p}"
    return _layer(name, "Convolution", bottom, more=f"convolution_param {{ {inside} }}")


GLOBAL = "pooling_param { pool: AVE global_pooling: true }"
CROP = "crop_param { axis: %s offset: %s }"


def test_the_layers_of_the_test_phase() -> None:
    rules = {
        "always": "",
        "test": "include { phase: TEST }",
        "train": "include { phase: TRAIN }",
        "either": "include { phase: TRAIN } include { phase: TEST }",
        "any": "include { min_level: 0 }",
        "not test": "exclude { phase: TEST }",
        "not train": "exclude { phase: TRAIN }",
    }
    text = "".join(
        _layer(name, "ReLU", "data", name.replace(" ", "_"), rule) for name, rule in rules.items()
    )
    param = parse_net(_picture() + text)
    kept = [layer.name for layer in layers_for_test(param)]
    assert kept == ["data", "always", "test", "either", "any", "not train"]
    assert kept == list(caffe.Net(param, caffe.TEST)._layer_names)


def test_the_shapes_of_all_inputs() -> None:
    text = (
        _layer("pair", "Input", tops="label data", more="input_param { shape { dim: 5 } shape { "
               "dim: 1 dim: 3 dim: 8 dim: 9 } }")
        + _layer("twins", "Input", tops="a b", more="input_param { shape { dim: 7 dim: 2 } }")
        + _layer("drawn", "DummyData", tops="c", more="dummy_data_param { shape { dim: 4 } }")
        + _layer("fed", "MemoryData", tops="d e", more="memory_data_param { batch_size: 6 "
                 "channels: 1 height: 11 width: 12 }")
    )  # fmt: skip
    assert input_shapes(parse_net(text)) == {
        "label": (5,),
        "data": (1, 3, 8, 9),
        "a": (7, 2),
        "b": (7, 2),
        "c": (4,),
        "d": (6, 1, 11, 12),
    }
    old = 'input: "x" input: "y" input_dim: 1 input_dim: 3 input_dim: 8 input_dim: 9 '
    old += "input_dim: 1 input_dim: 2 input_dim: 3 input_dim: 4 "
    assert input_shapes(parse_net(old + _layer("r", "ReLU", "x"))) == {
        "x": (1, 3, 8, 9),
        "y": (1, 2, 3, 4),
    }
    changed = with_channels(parse_net(text), 1)
    assert input_shapes(changed)["data"] == (1, 1, 8, 9)
    assert {n: s for n, s in input_shapes(changed).items() if n != "data"} == {
        n: s for n, s in input_shapes(parse_net(text)).items() if n != "data"
    }
    shared = _layer("both", "Input", tops="l data", more="input_param { shape { dim: 1 dim: 3 "
                    "dim: 8 dim: 9 } }")  # fmt: skip
    assert input_shapes(with_channels(parse_net(shared), 4))["data"] == (1, 4, 8, 9)
    graph = SpatialGraph(parse_net(text))
    assert (graph.input_name, graph.input_size) == ("data", (8, 9))
    assert graph.sizes(40, 50)["data"] == (40, 50)
    other = SpatialGraph(parse_net(text), "d")
    assert other.input_size == (11, 12)
    assert other.sizes(40, 50) == dict.fromkeys(("label", "data", "a", "b", "c", "e"), (1, 1)) | {
        "d": (40, 50)
    }


def test_layers_that_see_everything() -> None:
    """A global pooling, a normalization over the whole picture, and what is joined with them."""
    text = (
        _picture()
        + _conv("c", "data", 3, 2)
        + _layer("norm", "MVN", "c")
        + _layer("pool", "Pooling", "c", more=GLOBAL)
        + _layer("fc", "InnerProduct", "c", more="inner_product_param { num_output: 2 }")
        + _layer("weighed", "Axpy", "pool c c")
    )
    net = caffe.Net(parse_net(text), caffe.TEST)
    graph = SpatialGraph(net.param)
    found = graph.sizes(20, 30)
    assert found == {
        "data": (20, 30), "c": (9, 14), "norm": (9, 14), "pool": (1, 1), "fc": (1, 1),
        "weighed": (9, 14),
    }  # fmt: skip
    for blob in ("norm", "pool", "fc", "weighed"):
        for unit in range(found[blob][0]):
            assert graph.pixels(blob, 0, unit, unit + 1, 20) == (0, 19), blob
        assert graph.pixels(blob, 1, 0, 1, 30) == (0, 29), blob
    assert of_blob(net.param, "norm").y == Axis(3 + 8 * 2, 2, 0)
    assert of_blob(net.param, "norm").x == Axis(3 + 13 * 2, 2, 0)
    assert of_blob(net.param, "pool").x == Axis(29, 0, 0)
    assert of_blob(net.param, "weighed").x == Axis(29, 2, 0)
    with pytest.raises(FilterLabError, match="'pool' has no map: each of its values sees the wh"):
        MapGeometry.of(net.param, net.param, "pool")
    two = text + _layer("wide", "Pooling", "norm", more=GLOBAL)
    two += _layer("joined", "Concat", "pool wide")
    assert of_blob(parse_net(two), "joined").y == Axis(35, 0, 0)
    assert graph.pixels("c", 0, 2, 5, 20) == (4, 11)
    for blob in ("c", "norm", "pool", "weighed"):
        assert graph.pixels(blob, 0, 2, 2, 20) == (0, 0), "no unit, no pixel"


@pytest.mark.parametrize(
    ("axis", "offset", "moved"),
    [("2", "3", (3, 3)), ("2", "3 offset: 1", (3, 1)), ("3", "4", (0, 4)), ("-1", "2", (0, 2)),
     ("-2", "1 offset: 5", (1, 5)), ("1", "0 offset: 2 offset: 6", (2, 6))],
)  # fmt: skip
def test_a_crop_moves_by_its_offsets(axis: str, offset: str, moved: tuple[int, int]) -> None:
    like = _conv("like", "data", 7 if axis in ("1", "2", "-2") else 1)
    if axis in ("3", "-1"):
        like = _layer("like", "Convolution", "data", more="convolution_param { num_output: 3 "
                      "kernel_h: 1 kernel_w: 7 }")  # fmt: skip
    elif axis == "1":
        like = like.replace("num_output: 2", "num_output: 3")
    text = _picture() + like
    text += _layer("cut", "Crop", "data like", more=CROP % (axis, offset.replace(",", " ")))
    net = caffe.Net(parse_net(text), caffe.TEST)
    graph = SpatialGraph(net.param)
    sizes = tuple(net.blobs["cut"].shape[2:])
    assert graph.sizes(20, 30)["cut"] == sizes
    geometry = of_blob(net.param, "cut")
    assert (geometry.y, geometry.x) == (Axis(1, 1, moved[0]), Axis(1, 1, moved[1]))
    net.blobs["data"].data[...] = np.arange(600).reshape(20, 30)
    net.forward()
    for i, j in ((0, 0), (sizes[0] - 1, sizes[1] - 1)):
        y, x = divmod(int(net.blobs["cut"].data[0, 0, i, j]), 30)
        assert graph.pixels("cut", 0, i, i + 1, 20) == (y, y + 1)
        assert graph.pixels("cut", 1, j, j + 1, 30) == (x, x + 1)


SLICE = "slice_param { axis: %d }"


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        (_layer("x", "Input", more="input_param { shape { dim: 1 dim: 9 } }"),
         "the net has no picture input (a blob of four dimensions"),
        (_picture() + _layer("r", "ReLU", "nothing"),
         "layer 'r' reads blob 'nothing', which no layer before it makes"),
        (_picture() + _layer("s", "Slice", "data", "u v", SLICE % 2),
         "layer 's' (Slice) works along axis 2, the picture's own; where its outputs look"),
        (_picture() + _layer("s", "Concat", "data data", "u", "concat_param { axis: 3 }"),
         "layer 's' (Concat) works along axis 3,"),
        (_picture() + _conv("c", "data", 0), "layer 'c': kernel 0, stride 1, dilation 1; each"),
        (_picture() + _layer("c", "Convolution", "data", more="convolution_param { num_output: 1 "
         "kernel_size: 3 dilation: 0 }"), "layer 'c': kernel 3, stride 1, dilation 0; each"),
        (_picture() + _layer("i", "Interp", "data"), "layer 'i' of type 'Interp' cannot be foll"),
        (_picture() + _layer("q", "Mystery", "data"), "layer 'q' of type 'Mystery' cannot be fol"),
    ],
)  # fmt: skip
def test_what_cannot_be_followed(text: str, sentence: str) -> None:
    with pytest.raises(FilterLabError) as error:
        SpatialGraph(parse_net(text))
    assert str(error.value).startswith(sentence)


def test_what_is_asked_of_a_graph_that_it_has_not() -> None:
    label = _layer("y", "Input", more="input_param { shape { dim: 1 dim: 9 } }")
    text = _picture() + label + _conv("c", "data", 3) + _layer("r", "ReLU", "y")
    graph = SpatialGraph(parse_net(text))
    with pytest.raises(FilterLabError, match="no blob 'd'; its last blobs are data, y, c, r"):
        graph.node("d")
    with pytest.raises(FilterLabError, match="the net has no blob 'nowhere'"):
        SpatialGraph(parse_net(text), "nowhere")
    with pytest.raises(FilterLabError, match="input blob 'y' has no height and width"):
        SpatialGraph(parse_net(text), "y").input_size  # noqa: B018
    with pytest.raises(FilterLabError, match="blob 'r' does not depend on the picture"):
        of_blob(parse_net(text), "r")
    assert graph.pixels("r", 0, 0, 1, 20) == (0, 0)
    assert of_layers(parse_net(text)).keys() == {("data", "data"), ("c", "c")}


def test_answers_stay_right_however_many_were_given() -> None:
    graph = SpatialGraph(parse_net(_picture() + _conv("c", "data", 3, 2)))
    for n in range(3, 5000):
        assert graph.size_of("c", 1, n) == (n - 1) // 2
        assert graph.pixels("c", 0, 0, 1, n) == (0, 3)
    assert graph.size_of("c", 0, 20) == 9
    assert graph.pixels("c", 1, 3, 5, 30) == (6, 11)


@pytest.mark.parametrize("count", range(7))
def test_the_layers_before_one_that_cannot_be_followed_have_their_place(count: int) -> None:
    """However many stand before it and behind it; one in place has a place of its own."""
    text = _picture()
    wanted = {("data", "data"): Axis(1, 1, 0)}
    top = "data"
    for k in range(count):
        text += _conv(f"c{k}", top, 3) + _layer(f"r{k}", "ReLU", f"c{k}", f"c{k}")
        top = f"c{k}"
        for name in (f"c{k}", f"r{k}"):
            wanted[name, top] = Axis(3 + 2 * k, 1, 0)
    whole = {key: g.x for key, g in of_layers(parse_net(text)).items()}
    assert whole == wanted
    broken = text + _layer("i", "Interp", top) + _conv("last", "i", 3) + _conv("end", "last", 3)
    found: dict[Any, Any] = of_layers(parse_net(broken))
    assert {key: g.y for key, g in found.items()} == wanted
    late = _layer("y", "Input", more="input_param { shape { dim: 1 dim: 9 } }") + broken
    assert {key: g.y for key, g in of_layers(parse_net(late)).items()} == wanted


def test_a_graph_is_made_once_for_each_structure() -> None:
    param = parse_net(
        'layer { name: "data" type: "Input" top: "data" input_param { shape { dim: 1 dim: 3 dim: 9 '
        'dim: 9 } } } layer { name: "c" type: "Convolution" bottom: "data" top: "c" '
        "convolution_param { num_output: 2 kernel_size: 3 } }"
    )
    first = spatial_graph(param)
    same = type(param)()
    same.CopyFrom(param)
    assert spatial_graph(same) is first
    same.layer[1].convolution_param.kernel_size[0] = 5
    assert spatial_graph(same).sizes(9, 9)["c"] == (5, 5)
    assert spatial_graph(param) is first
    assert first.sizes(9, 9)["c"] == (7, 7)
    same.layer[1].blobs.add(data=[1.0])  # weights are not kept
    assert spatial_graph(same) is not spatial_graph(same)
