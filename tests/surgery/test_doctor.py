"""What is said of a net before its surgery, and that the surgery then keeps to it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import filterlab.caffe as caffe
from filterlab.surgery.doctor import as_the_net_sees_it, examine
from filterlab.surgery.heatmap import Preprocessing, heatmap
from filterlab.surgery.transplant import transplant


def _net(layers: str, channels: int = 3, side: int = 12) -> str:
    return (
        f'layer {{ name: "data" type: "Input" top: "data" input_param {{ shape {{ dim: 1 '
        f"dim: {channels} dim: {side} dim: {side} }} }} }}\n"
        'layer { name: "c" type: "Convolution" bottom: "data" top: "c" convolution_param { '
        'num_output: 4 kernel_size: 5 weight_filler { type: "xavier" } } }\n' + layers
    )


def _fc(name: str, count: int, bottom: str = "c") -> str:
    return (
        f'layer {{ name: "{name}" type: "InnerProduct" bottom: "{bottom}" top: "{name}" '
        f'inner_product_param {{ num_output: {count} weight_filler {{ type: "xavier" }} }} }}\n'
    )


def _act(kind: str, bottom: str, top: str) -> str:
    return f'layer {{ name: "{top}" type: "{kind}" bottom: "{bottom}" top: "{top}" }}\n'


LABEL = 'layer { name: "y" type: "Input" top: "y" input_param { shape { dim: 1 dim: 6 } } }\n'
GAP = (
    'layer { name: "gap" type: "Pooling" bottom: "c" top: "gap" pooling_param { pool: AVE '
    "global_pooling: true } }\n"
)
SCORES = _net(_fc("fc", 6))
CLASSIFIER = SCORES + _act("Softmax", "fc", "prob")


@pytest.mark.parametrize(
    ("text", "kind", "values", "activation", "says"),
    [
        (CLASSIFIER, "classifier", 6, "softmax", ["a classifier of 6 classes"]),
        (SCORES, "classifier", 6, "softmax", ["without a softmax; one is added"]),
        (
            _net(_fc("fc", 1)),
            "regression",
            1,
            "none",
            ["1 values, which are no probabilities", "choose sigmoid if that answers yes or no"],
        ),
        (
            _net(_fc("fc", 1)) + _act("Softmax", "fc", "prob"),
            "regression",
            1,
            "none",
            ["would always say 100 %"],
        ),
        (_net(_fc("fc", 1)) + _act("Sigmoid", "fc", "prob"), "classifier", 1, "sigmoid", []),
        (
            SCORES + LABEL + _act("EuclideanLoss", 'fc" bottom: "y', "loss"),
            "regression",
            6,
            "none",
            ["a net that measures: 6 values"],
        ),
        (
            SCORES + LABEL + _act("SigmoidCrossEntropyLoss", 'fc" bottom: "y', "loss"),
            "classifier",
            6,
            "sigmoid",
            ["independent of each other; a sigmoid is added"],
        ),
        (
            CLASSIFIER + _fc("other", 3) + _act("Softmax", "other", "second"),
            "classifier",
            3,
            "softmax",
            ["it has 2 outputs (prob, second); 'second' is taken"],
        ),
        (_net(_act("Softmax", "c", "prob")), "mapper", 4, "softmax", ["a map of 8x8 cells"]),
        (_net(GAP + _act("Softmax", "gap", "prob")), "classifier", 4, "softmax", []),
        (_net(_fc("fc", 6), channels=1), "classifier", 6, "softmax", ["it takes grey pictures"]),
    ],
)
def test_what_a_net_is(
    tmp_path: Path, text: str, kind: str, values: int, activation: str, says: list[str]
) -> None:
    path = tmp_path / "net.prototxt"
    path.write_text(text)
    found = examine(path)
    assert found.trouble == ""
    assert (found.kind, found.values, found.activation) == (kind, values, activation)
    assert found.size == (12, 12)
    assert found.labels_trouble(values) == ""
    assert f"the list has {values + 2} names" in found.labels_trouble(values + 2)
    for part in says:
        assert part in str(found)
    t = transplant(path, None, **found.choices)
    assert t.classes == values
    assert t.rewritten.activation == activation
    assert t.probabilities == (activation != "none")
    picture = np.random.default_rng(1).random((20, 26, 3)).astype(np.float32)
    prob = heatmap(t, picture).prob
    if activation == "softmax":
        np.testing.assert_allclose(prob.sum(axis=0), 1, atol=1e-5)
    if values == 1:
        assert np.ptp(prob) > 0, "no map is 100 % everywhere"


def test_choices_are_taken_over(tmp_path: Path) -> None:
    path = tmp_path / "net.prototxt"
    path.write_text(CLASSIFIER + _fc("other", 3) + _act("Softmax", "other", "second"))
    first = examine(path, output="prob")
    assert (first.values, first.output) == (6, "prob")
    assert [o.blob for o in first.outputs] == ["prob", "second"]
    raw = examine(path, output="prob", activation="none")
    assert (raw.kind, raw.output, raw.activation) == ("regression", "prob", "none")
    t = transplant(path, None, **raw.choices)
    assert t.classes == 6
    assert not t.probabilities
    assert t.output == "fc-conv"
    path.write_text(SCORES + 'layer { name: "p" type: "Softmax" bottom: "fc" top: "fc" }\n')
    assert examine(path).activations == ("softmax",)
    assert examine(path, activation="none").activation == "softmax"


@pytest.mark.parametrize(
    ("text", "trouble"),
    [
        (LABEL + SCORES + _act("Eltwise", 'fc" bottom: "y', "sum"), "two inputs, 'data' and 'y'"),
        (_net(_fc("fc", 6), channels=5), "takes 5 channels"),
        (_net(_act("Nonsense", "c", "x")), "Nonsense"),
        ("layer {", "net.prototxt"),
        (LABEL + _fc("fc", 6, "y"), "no picture input"),
        (_net(_fc("fc", 6) + _act("Softmax", "missing", "p")), "missing"),
    ],
)
def test_trouble_is_one_sentence(tmp_path: Path, text: str, trouble: str) -> None:
    path = tmp_path / "net.prototxt"
    path.write_text(text)
    found = examine(path)
    assert trouble in found.trouble
    assert "\n" not in found.trouble
    assert str(found) == found.trouble
    assert found.kind == ""
    assert examine(tmp_path / "missing.prototxt").trouble


def _saved(text: str, folder: Path, name: str) -> Path:
    (folder / f"{name}.prototxt").write_text(text)
    net = caffe.Net(str(folder / f"{name}.prototxt"), caffe.TEST)
    for blobs in net.params.values():
        blobs[0].data[...] = np.random.default_rng(4).standard_normal(blobs[0].data.shape)
    net.save(str(folder / f"{name}.caffemodel"))
    return folder / f"{name}.caffemodel"


def test_weights_for_other_channels_are_followed(tmp_path: Path) -> None:
    grey = _saved(CLASSIFIER.replace("dim: 3 dim", "dim: 1 dim"), tmp_path, "grey")
    path = tmp_path / "colour.prototxt"
    path.write_text(CLASSIFIER)
    found = examine(path, grey)
    assert found.trouble == ""
    assert (found.channels, found.declared_channels) == (1, 3)
    assert "for pictures of 1 channels, not 3" in str(found)
    t = transplant(path, grey, **found.choices)
    assert t.channels == 1
    assert t.check.agrees
    assert "'c'" in examine(path, grey, channels=3).trouble


def test_weights_that_do_not_belong(tmp_path: Path, shared: Path) -> None:
    right = _saved(CLASSIFIER, tmp_path, "right")
    assert examine(tmp_path / "right.prototxt", right).trouble == ""
    other: Any = shared / "squeezenet" / "squeezenet_v1.0.caffemodel"
    assert "none of the net's layers" in examine(tmp_path / "right.prototxt", other).trouble
    wide = tmp_path / "wide.prototxt"
    wide.write_text(CLASSIFIER.replace("num_output: 6", "num_output: 7"))
    assert "fc" in examine(wide, right).trouble


def test_a_picture_as_the_net_gets_it() -> None:
    red = np.zeros((4, 5, 3), np.float32)
    red[:, :, 0] = 1.0
    seen = as_the_net_sees_it(red, (4, 5), 3, Preprocessing((10.0, 20.0, 30.0), 255.0))
    assert (seen.low, seen.high) == (-20.0, 225.0)
    assert seen.image.shape == (4, 5, 3)
    expected = [(225 + 20) / 245, 0.0, (-10 + 20) / 245]
    np.testing.assert_allclose(seen.image[2, 3], expected, atol=1e-6)
    rgb = as_the_net_sees_it(red, (4, 5), 3, Preprocessing((10.0, 20.0, 30.0), 255.0, "RGB"))
    np.testing.assert_allclose(rgb.image, seen.image, atol=1e-6)
    grey = as_the_net_sees_it(red, (4, 5), 1, Preprocessing((0.0, 0.0, 0.0), 1.0))
    assert grey.image.shape == (4, 5, 3)
    assert grey.high == pytest.approx(0.2125)
