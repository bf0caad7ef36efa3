"""A layer's class says all of itself: the whole registry is gone through."""

from __future__ import annotations

import ast
from pathlib import Path

import numpy as np
import pytest

import filterlab.caffe as caffe
from filterlab.caffe import params
from filterlab.caffe.coord_map import UndefinedMapException, coord_map
from filterlab.caffe.layers.base import REGISTRY, Layer
from filterlab.caffe.layers.refused import REFUSED
from filterlab.caffe.prototxt import parse_net
from filterlab.errors import FilterLabError
from filterlab.surgery.spatial import SpatialGraph

KINDS = {
    "value", "pointwise", "sliding", "transposed", "crop", "everywhere", "whole", "source", "sink",
    "unknown",
}  # fmt: skip

#: Layers that cannot be followed on the picture, and why that is right.
UNFOLLOWED = {
    "Python": "its program decides",
    "Filter": "the number of its pictures depends on values",
    "Upsample": "a mask says where",
    "Interp": "its steps are no whole fractions of a pixel",
}


@pytest.mark.parametrize("kind", sorted(REGISTRY))
def test_every_type_declares_where_it_looks(kind: str) -> None:
    cls = REGISTRY[kind]
    assert cls.spatial in KINDS
    assert (cls.spatial == "unknown") == (kind in UNFOLLOWED)
    assert cls.__doc__
    if cls.spatial in ("sliding", "transposed"):
        cls.reach(caffe.proto.caffe_pb2.LayerParameter())
    if cls.spatial == "everywhere" and kind not in REFUSED:
        known = {"InnerProduct", "Flatten", "Reshape", "Reduction", "BatchReindex"}
        assert kind in known or cls.placeless, "the transplant cannot keep it and must say why"


@pytest.mark.parametrize("kind", sorted(set(REGISTRY) - set(REFUSED)))
def test_every_type_has_a_gradient_or_says_that_it_has_none(kind: str) -> None:
    cls = REGISTRY[kind]
    without = {
        "Accuracy", "ArgMax", "Threshold", "DetectionOutput", "PSROIPooling", "ROIPooling",
    }  # fmt: skip
    own = cls.emit_gradient is not Layer.emit_gradient or cls.backward is not Layer.backward
    assert own == (kind not in without) or cls.is_source
    if cls.has_weights() and not cls.host:
        assert cls.emit_weight_gradient is not Layer.emit_weight_gradient


def test_nothing_keeps_a_list_of_layer_types(repo: Path) -> None:
    """Outside the registry at most three types stand together in one text or collection."""
    rooms = [repo / "filterlab" / "surgery", repo / "filterlab/caffe"]
    found = []
    for path in (path for room in rooms for path in room.rglob("*.py")):
        if "layers" in path.parts or path.name in ("upgrade.py", "forks.py", "caffe_pb2.py"):
            continue
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            words: list[str] = []
            if isinstance(node, ast.Constant) and isinstance(node.value, str):
                words = node.value.split() if "\n" not in node.value else []
            elif isinstance(node, (ast.Set, ast.List, ast.Tuple)):
                words = [e.value for e in node.elts if isinstance(e, ast.Constant)]  # type: ignore[misc]
            if len(set(words) & set(REGISTRY)) > 4:
                found.append(f"{path.name}:{node.lineno} {words[:6]}")  # type: ignore[attr-defined]
    assert not found, found


TEXT = """
layer { name: "x" type: "Input" top: "x" input_param { shape { dim: [1, 4, 24, 20] } } }
layer { name: "op" type: "%s" bottom: "x" top: "y" %s }
"""
SMALL = {
    "Convolution": "convolution_param { num_output: 4 kernel_size: 3 stride: 2 pad: 1 }",
    "ConvolutionDepthwise": "convolution_param { num_output: 4 kernel_h: 3 kernel_w: 2 }",
    "DepthwiseConvolution": "convolution_param { num_output: 4 kernel_size: 3 stride: 2 }",
    "Deconvolution": "convolution_param { num_output: 4 kernel_size: 4 stride: 2 pad: 1 }",
    "Im2col": "convolution_param { kernel_size: 3 dilation: 2 }",
    "Pooling": "pooling_param { kernel_size: 3 stride: 2 }",
    "LRN": "lrn_param { norm_region: WITHIN_CHANNEL local_size: 3 }",
    "Clip": "clip_param { min: 0 max: 1 }",
    "InnerProduct": "inner_product_param { num_output: 3 }",
    "ShuffleChannel": "shuffle_channel_param { group: 2 }",
    "Tile": "tile_param { tiles: 2 }",
}


@pytest.mark.parametrize(
    "kind",
    [
        kind
        for kind, cls in sorted(REGISTRY.items())
        if cls.bottoms_allowed[0] == 1
        and cls.spatial in ("value", "pointwise", "sliding", "transposed", "whole", "everywhere")
        and not cls.placeless
        and kind not in REFUSED
    ],
)
def test_what_is_declared_is_what_happens(kind: str) -> None:
    """Sizes and fields of the geometry are those of the net that runs, pixel by pixel."""
    if kind == "Reshape":
        SMALL[kind] = "reshape_param { shape { dim: 0 dim: -1 } }"
    param = parse_net(TEXT % (kind, SMALL.get(kind, "")))
    net = caffe.Net(param, caffe.TEST)
    graph = SpatialGraph(param)
    shape = net.blobs["y"].shape
    sizes = graph.sizes(24, 20)["y"]
    assert sizes == (tuple(shape[2:]) if len(shape) == 4 else (1, 1))
    if kind in ("ArgMax", "Threshold", "Silence"):
        return
    rng = np.random.default_rng(0)
    for row in net.params.values():
        for blob in row:
            blob.data[...] = rng.uniform(0.5, 1.5, blob.shape)
    net.blobs["x"].data[...] = rng.uniform(0.2, 0.8, net.blobs["x"].shape)
    before = net.forward()["y"].copy()
    row, column = 11, 9
    net.blobs["x"].data[0, :, row, column] += 0.15
    changed = np.argwhere((net.forward()["y"] != before).reshape(shape))
    for place in changed:
        at = tuple(int(n) for n in place[2:4]) if len(shape) == 4 else (0, 0)
        y0, y1 = graph.pixels("y", 0, at[0], at[0] + 1, 24)
        x0, x1 = graph.pixels("y", 1, at[1], at[1] + 1, 20)
        assert y0 <= row < y1, (at, y0, y1)
        assert x0 <= column < x1, (at, x0, x1)
    assert len(changed)


def test_what_cannot_be_followed_is_refused() -> None:
    param = parse_net(TEXT % ("Interp", "interp_param { zoom_factor: 2 }"))
    with pytest.raises(FilterLabError, match="'Interp' cannot be followed"):
        SpatialGraph(param)
    with pytest.raises(FilterLabError, match="'Nothing' cannot be followed"):
        SpatialGraph(parse_net(TEXT % ("Nothing", "")))


def test_coordinates_follow_the_same_declarations() -> None:
    data = caffe.layers.Input(shape={"dim": [1, 4, 24, 20]})
    made = caffe.layers.ReLU6(data)
    assert coord_map(made.fn) == (None, 1, 0)
    pool = caffe.layers.Pooling(made, kernel_size=3, stride=2, pool=params.Pooling.MAX)
    axis, scale, shift = coord_map(pool.fn)
    assert axis == 1
    np.testing.assert_array_equal(scale, 0.5)
    np.testing.assert_array_equal(shift, -0.5)
    volume = caffe.layers.Input(shape={"dim": [1, 1, 9, 9, 9]})
    made = caffe.layers.Convolution(volume, num_output=1, kernel_size=[3, 3, 3], pad=[0, 1, 2])
    np.testing.assert_array_equal(coord_map(made.fn)[2], [-1, 0, 1])
    with pytest.raises(UndefinedMapException):
        coord_map(caffe.layers.Permute(data, order=[0, 2, 3, 1]).fn)
