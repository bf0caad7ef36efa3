"""The shapes that classifiers come in: residual, separable, pooled, branched, with losses."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from filterlab.errors import FilterLabError
from filterlab.surgery.transplant import Transplanted, transplant

GAP = "pooling_param { pool: AVE global_pooling: true }"


def data(height: int = 32, width: int = 32, batch: int = 1) -> str:
    return (
        'layer { name: "data" type: "Input" top: "data" input_param { shape { '
        f"dim: {batch} dim: 3 dim: {height} dim: {width} }} }} }}\n"
    )


def layer(name: str, kind: str, bottoms: str, tops: str = "", more: str = "") -> str:
    ends = "".join(f' bottom: "{b}"' for b in bottoms.split())
    ends += "".join(f' top: "{t}"' for t in (tops or name).split())
    return f'layer {{ name: "{name}" type: "{kind}"{ends} {more} }}\n'


def conv(name: str, bottom: str, k: int = 3, s: int = 1, p: int = 1, o: int = 8, g: int = 1) -> str:
    return layer(
        name,
        "Convolution",
        bottom,
        more=f"convolution_param {{ num_output: {o} kernel_size: {k} stride: {s} pad: {p} "
        f'group: {g} weight_filler {{ type: "msra" }} }}',
    )


def fc(name: str, bottom: str, o: int = 10) -> str:
    return layer(
        name,
        "InnerProduct",
        bottom,
        more=f'inner_product_param {{ num_output: {o} weight_filler {{ type: "msra" }} }}',
    )


RESIDUAL = (
    data()
    + conv("c1", "data", 7, 2, 3)
    + layer("bn1", "BatchNorm", "c1", "c1")
    + layer("s1", "Scale", "c1", "c1", "scale_param { bias_term: true }")
    + layer("r1", "ReLU", "c1", "c1")
    + layer("p1", "Pooling", "c1", more="pooling_param { pool: MAX kernel_size: 3 stride: 2 }")
    + conv("b1", "p1")
    + layer("rb", "ReLU", "b1", "b1")
    + conv("b2", "b1")
    + layer("add", "Eltwise", "p1 b2")
    + conv("b3", "add", 3, 2)
    + conv("short", "add", 1, 2, 0)
    + layer("add2", "Eltwise", "b3 short")
    + layer("pool5", "Pooling", "add2", more=GAP)
    + fc("fc1000", "pool5")
    + layer("prob", "Softmax", "fc1000")
)
SEPARABLE = (
    data()
    + conv("c1", "data", 3, 2)
    + conv("dw", "c1", 3, 2, 1, 8, 8)
    + conv("pw", "dw", 1, 1, 0, 16)
    + layer("pool6", "Pooling", "pw", more=GAP)
    + conv("fc7", "pool6", 1, 1, 0, 10)
    + layer("prob", "Softmax", "fc7")
)
POOLED = (
    data()
    + conv("c1", "data", 5, 2, 2)
    + conv("cccp", "c1", 1, 1, 0, 10)
    + layer("pool4", "Pooling", "cccp", more="pooling_param { pool: AVE kernel_size: 16 }")
    + layer("prob", "Softmax", "pool4")
)
TWO_HEADS = (
    data()
    + conv("c1", "data", 3, 2)
    + fc("aux", "c1")
    + layer("aux_prob", "Softmax", "aux")
    + conv("c2", "c1", 3, 2)
    + fc("main", "c2")
    + layer("prob", "Softmax", "main")
)
UPSAMPLED = (
    data(64, 64)
    + conv("c1", "data", 3, 2)
    + conv("c2", "c1", 3, 2)
    + layer(
        "up",
        "Deconvolution",
        "c2",
        more="convolution_param { num_output: 5 kernel_size: 8 stride: 4 "
        'weight_filler { type: "msra" } }',
    )
    + layer("crop", "Crop", "up data", more="crop_param { axis: 2 offset: 2 }")
    + layer("prob", "Softmax", "crop")
)
WITH_LOSSES = (
    data(8, 8, 5)
    + 'layer { name: "label" type: "Input" top: "label" input_param { shape { dim: 5 } } }\n'
    + fc("a", "data", 6)
    + layer("loss", "SoftmaxWithLoss", "a label")
    + layer("accuracy", "Accuracy", "a label")
)
NORMALIZED_FC = (
    data(8, 8)
    + fc("a", "data", 6)
    + layer("bn", "BatchNorm", "a", "bn")
    + layer("s", "Scale", "bn", "s")
    + layer("pr", "PReLU", "s", "s")
    + fc("b", "s")
)
SLICED = (
    data(8, 8)
    + fc("a", "data", 6)
    + layer("sl", "Slice", "a", "x y", "slice_param { axis: 1 slice_point: 2 }")
    + layer("again", "Concat", "y x")
    + fc("out", "again")
)
NARROW = data(6, 9) + conv("c", "data") + fc("a", "c")
STRIDED_POOL = (
    data(8, 8)
    + layer("p", "Pooling", "data", more="pooling_param { pool: AVE kernel_size: 8 stride: 8 }")
    + fc("a", "p")
)


def _transplanted(text: str, folder: Path) -> Transplanted:
    path = folder / "net.prototxt"
    path.write_text(text)
    return transplant(path, None)


@pytest.mark.parametrize(
    ("text", "kinds", "output", "window"),
    [
        (RESIDUAL, ["pool->stride 1", "fc->conv"], "prob", (32, 32)),
        (SEPARABLE, ["pool->stride 1"], "prob", (32, 32)),
        (POOLED, [], "prob", (32, 32)),
        (TWO_HEADS, ["fc->conv", "fc->conv"], "prob", (32, 32)),
        (UPSAMPLED, [], "prob", (14, 14)),
        (WITH_LOSSES, ["fc->conv", "removed", "removed", "added"], "prob", (8, 8)),
        (NORMALIZED_FC, ["fc->conv", "fc->conv", "added"], "prob", (8, 8)),
        (SLICED, ["fc->conv", "fc->conv", "added"], "prob", (8, 8)),
        (NARROW, ["fc->conv", "added"], "prob", (6, 9)),
        (STRIDED_POOL, ["pool->stride 1", "fc->conv", "added"], "prob", (8, 8)),
    ],
)
def test_transplants_and_proves(
    tmp_path: Path, text: str, kinds: list[str], output: str, window: Any
) -> None:
    t = _transplanted(text, tmp_path)
    assert [cast.kind for cast in t.conversions] == kinds
    assert t.check.agrees
    assert t.output == output
    assert t.geometry.window_size == window
    assert t.net.inputs == ["data"]
    assert t.net.blobs["data"].shape[0] == 1
    height, width = t.geometry.own_size
    for size in ((height, width), (2 * height, 3 * width), (height + 3, width + 5)):
        t.net.blobs["data"].reshape(1, 3, *size)
        t.net.reshape()
        assert t.net.blobs[output].shape[2:] == t.geometry.cells(*size)


def test_cells_are_windows_of_a_residual_nets_inner_part(tmp_path: Path) -> None:
    """Far from every edge a cell of two overlapping pictures is the same, one jump apart."""
    t = _transplanted(RESIDUAL, tmp_path)
    rng = np.random.default_rng(1)
    image = rng.standard_normal((1, 3, 96, 96 + 8)).astype(np.float32)

    def score(part: np.ndarray) -> np.ndarray:
        t.net.blobs["data"].reshape(*part.shape)
        t.net.reshape()
        t.net.blobs["data"].data[...] = part
        t.net.forward()
        return np.array(t.net.blobs[t.score].data[0])

    jump = t.geometry.jump[1]
    left = score(np.ascontiguousarray(image[..., :96]))
    right = score(np.ascontiguousarray(image[..., jump : 96 + jump]))
    middle = slice(4, left.shape[2] - 4)
    assert left[:, :, middle].size
    np.testing.assert_allclose(left[:, 4:-4, 5:-3], right[:, 4:-4, 4:-4], rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (
            data()
            + conv("c1", "data")
            + layer("gp", "Pooling", "c1", more=GAP)
            + conv("weigh", "gp", 1, 1, 0, 8)
            + layer("f", "Flatten", "weigh")
            + layer("sc", "Scale", "c1 f", more="scale_param { axis: 0 }")
            + fc("fc", "sc"),
            "layer 'sc'",
        ),
        (data(), "none of its outputs"),
    ],
)
def test_refusals_name_the_layer(tmp_path: Path, text: str, reason: str) -> None:
    with pytest.raises(FilterLabError, match=f"cannot be made fully convolutional.*{reason}"):
        _transplanted(text, tmp_path)


TWO_INPUTS = (
    data()
    + 'layer { name: "x" type: "Input" top: "x" input_param { shape { dim: 1 dim: 4 } } }\n'
    + fc("fc", "data")
    + fc("fx", "x")
    + layer("sum", "Eltwise", "fc fx")
)


def test_a_net_of_two_inputs_is_refused_in_a_sentence(tmp_path: Path) -> None:
    with pytest.raises(FilterLabError, match=r"two inputs, 'data' and 'x'.* one picture alone"):
        _transplanted(TWO_INPUTS, tmp_path)
    pair = data() + data().replace('"data"', '"other"') + layer("sum", "Eltwise", "data other")
    with pytest.raises(FilterLabError, match="two inputs, 'data' and 'other'"):
        _transplanted(pair + fc("fc", "sum"), tmp_path)


def _plain(t: Transplanted, blob: str, data: np.ndarray) -> np.ndarray:
    t.source.blobs["data"].reshape(*data.shape)
    t.source.reshape()
    t.source.blobs["data"].data[...] = data
    t.source.forward()
    return np.array(t.source.blobs[blob].data.reshape(-1), np.float64)


def _dense(t: Transplanted, data: np.ndarray) -> np.ndarray:
    t.net.blobs["data"].reshape(*data.shape)
    t.net.reshape()
    t.net.blobs["data"].data[...] = data
    return np.array(t.net.forward()[t.output][0, :, 0, 0], np.float64)


def _softmax(scores: np.ndarray) -> np.ndarray:
    e = [np.exp(v - max(scores)) for v in scores]
    return np.array([v / sum(e) for v in e])


BARE = data(8, 8) + fc("a", "data", 6)
ONE = data(8, 8) + fc("a", "data", 1)
LOSS = 'layer { name: "y" type: "Input" top: "y" input_param { shape { dim: 1 dim: 6 } } }\n'


@pytest.mark.parametrize(
    ("text", "wanted", "activation"),
    [
        (BARE, None, "softmax"),
        (BARE, "sigmoid", "sigmoid"),
        (BARE, "none", "none"),
        (BARE + layer("p", "Softmax", "a"), None, "softmax"),
        (BARE + layer("p", "Softmax", "a"), "sigmoid", "sigmoid"),
        (BARE + layer("p", "Softmax", "a"), "none", "none"),
        (BARE + layer("p", "Sigmoid", "a"), None, "sigmoid"),
        (BARE + layer("p", "Sigmoid", "a", "a"), "softmax", "sigmoid"),
        (BARE + LOSS + layer("l", "SigmoidCrossEntropyLoss", "a y"), None, "sigmoid"),
        (BARE + LOSS + layer("l", "EuclideanLoss", "a y"), None, "none"),
        (ONE, None, "none"),
        (ONE, "sigmoid", "sigmoid"),
        (ONE + layer("p", "Softmax", "a"), None, "none"),
        (ONE + layer("p", "Sigmoid", "a"), None, "sigmoid"),
    ],
)
def test_what_makes_probabilities_of_the_scores(
    tmp_path: Path, text: str, wanted: str | None, activation: str
) -> None:
    (tmp_path / "net.prototxt").write_text(text)
    t = transplant(tmp_path / "net.prototxt", None, activation=wanted)
    assert t.rewritten.activation == activation
    assert t.probabilities == (activation != "none")
    assert t.check.agrees
    assert t.check.largest_difference < 1e-4
    window = np.random.default_rng(5).standard_normal((1, 3, 8, 8)).astype(np.float32) * 0.3
    scores = _plain(t, "a", window)
    if 'top: "a" ' in text.partition("Sigmoid")[2]:  # in place: they are there already
        expected = scores
    elif activation == "softmax":
        expected = _softmax(scores)
    else:
        expected = scores if activation == "none" else 1 / (1 + np.exp(-scores))
    np.testing.assert_allclose(_dense(t, window), expected, atol=1e-5)


def test_values_that_are_probabilities_already_stay(tmp_path: Path) -> None:
    """Two classes, the second one minus the first: no softmax is needed."""
    text = (
        data(8, 8)
        + fc("a", "data", 2)
        + layer("s", "Sigmoid", "a")
        + layer("cut", "Slice", "s", "one two", "slice_param { axis: 1 slice_point: 1 }")
        + layer("rest", "Power", "one", more="power_param { scale: -1 shift: 1 }")
        + layer("both", "Concat", "one rest")
        + layer("end", "Power", "two")
    )
    (tmp_path / "net.prototxt").write_text(text)
    t = transplant(tmp_path / "net.prototxt", None, output="both")
    assert t.rewritten.activation == "none"
    assert t.probabilities
    assert t.output == "both"
    assert [c.kind for c in t.conversions] == ["fc->conv"]


def test_an_output_can_be_chosen(tmp_path: Path) -> None:
    (tmp_path / "net.prototxt").write_text(TWO_HEADS)
    first = transplant(tmp_path / "net.prototxt", None, output="aux_prob")
    assert first.output == "aux_prob"
    assert first.check.agrees
    assert [c.new for c in first.conversions] == ["aux-conv"]
    names = [layer.name for layer in first.param.layer]
    assert "c2" not in names, "what the other head needs is left out"
    assert "aux-conv" in names
    window = np.random.default_rng(5).standard_normal((1, 3, 32, 32)).astype(np.float32)
    np.testing.assert_allclose(_dense(first, window), _plain(first, "aux_prob", window), atol=1e-5)
    with pytest.raises(FilterLabError, match="no output 'c1'; it has aux_prob, prob"):
        transplant(tmp_path / "net.prototxt", None, output="c1")
    with pytest.raises(FilterLabError, match="no activation 'tanh'; take one of softmax"):
        transplant(tmp_path / "net.prototxt", None, activation="tanh")


PADDED = (
    data(8, 8)
    + conv("c1", "data", 3, 1, 0)
    + conv("last", "c1", 1, 1, 2, 5)
    + layer("r", "ReLU", "last", "last")
    + layer("gap", "Pooling", "last", more=GAP)
)


def test_padding_that_is_averaged_in_is_made_up_for(tmp_path: Path, draw_weights: Any) -> None:
    """Each window alone, whatever lies around it: only this padding made the difference."""
    t = transplant(*draw_weights(PADDED, 5, tmp_path))
    assert [c.kind for c in t.conversions] == ["pool->stride 1", "padding->scale", "added"]
    assert "gap: the padding it averages in becomes the scale gap-padding" in t.account()
    assert t.check.agrees
    image = np.random.default_rng(5).standard_normal((1, 3, 11, 13)).astype(np.float32)
    t.net.blobs["data"].reshape(*image.shape)
    t.net.reshape()
    t.net.blobs["data"].data[...] = image
    found = np.array(t.net.forward()["prob"][0])
    assert found.shape == (5, 4, 6)
    for i, j in np.ndindex(4, 6):
        window = np.ascontiguousarray(image[:, :, i : i + 8, j : j + 8])
        expected = _softmax(_plain(t, "gap", window))
        np.testing.assert_allclose(found[:, i, j], expected, atol=1e-5)


@pytest.mark.parametrize(
    "text",
    [
        PADDED.replace("pool: AVE", "pool: MAX"),
        PADDED.replace("kernel_size: 1", "kernel_size: 2"),
        PADDED + layer("side", "Pooling", "last", more=GAP) + layer("add", "Eltwise", "gap side"),
        PADDED.replace('"ReLU"', '"LRN"'),
    ],
)
def test_other_padding_stays(tmp_path: Path, text: str) -> None:
    t = _transplanted(text, tmp_path)
    assert "padding->scale" not in [c.kind for c in t.conversions]
    assert t.check.agrees
    assert t.geometry.cells(8, 8) == (1, 1)
