"""What a classifier becomes, layer by layer, in the rarer shapes; proven window by window."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import filterlab.caffe as caffe
from filterlab.caffe.prototxt import parse_net
from filterlab.errors import FilterLabError
from filterlab.surgery.rewrite import Rewrite, ends_of, rewrite
from filterlab.surgery.transplant import Transplanted, transplant


def _layer(name: str, kind: str, bottoms: str = "", tops: str = "", more: str = "") -> str:
    ends = "".join(f' bottom: "{b}"' for b in bottoms.split())
    ends += "".join(f' top: "{t}"' for t in (tops or name).split())
    return f'layer {{ name: "{name}" type: "{kind}"{ends} {more} }}\n'


def _fc(name: str, bottom: str, count: int = 5, more: str = "", top: str = "") -> str:
    inside = f'num_output: {count} weight_filler {{ type: "msra" }} {more}'
    return _layer(name, "InnerProduct", bottom, top, f"inner_product_param {{ {inside} }}")


def _conv(name: str, bottom: str, k: int, more: str = "", count: int = 4) -> str:
    inside = f'num_output: {count} kernel_size: {k} weight_filler {{ type: "msra" }} {more}'
    return _layer(name, "Convolution", bottom, more=f"convolution_param {{ {inside} }}")


SHAPE = "dim: 3 dim: 2 dim: 8 dim: 9"
DATA = _layer("data", "Input", more=f"input_param {{ shape {{ {SHAPE} }} }}")
START = DATA + _conv("c", "data", 3)
AVE = "pooling_param { pool: AVE global_pooling: true }"
SOFTMAX = _layer("prob", "Softmax", "fc")


def _transplanted(text: str, folder: Path, **choices: Any) -> Transplanted:
    (folder / "net.prototxt").write_text(text)
    return transplant(folder / "net.prototxt", None, **choices)


def _each_window(t: Transplanted) -> None:
    """Every cell of a larger input is the classifier's answer to the cell's window."""
    image = np.random.default_rng(4).standard_normal((1, 2, 11, 14)).astype(np.float32)
    t.net.blobs["data"].reshape(*image.shape)
    t.net.blobs["data"].data[...] = image
    t.net.forward()
    found = t.net.blobs[t.score].data[0]
    rows, cols = t.geometry.cells(11, 14)
    assert found.shape[1:] == (rows, cols)
    assert rows * cols > 1
    dy, dx = t.geometry.jump
    t.source.blobs["data"].reshape(1, 2, 8, 9)
    for i, j in np.ndindex(rows, cols):
        part = image[:, :, i * dy : i * dy + 8, j * dx : j * dx + 9]
        t.source.blobs["data"].data[...] = part
        t.source.forward()
        plain = t.source.blobs[t.rewritten.plain_score].data.reshape(-1)
        np.testing.assert_allclose(found[:, i, j], plain, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        # A layer of single values between the flattening and what it is for.
        (
            START + _layer("f", "Flatten", "c") + _layer("r", "ReLU", "f") + _fc("fc", "r"),
            ["f: flatten removed", "fc (5, 168) -> fc-conv (5, 4, 6, 7), same memory"],
        ),
        # The last axis of a blob of two is that of the classes.
        (
            START + _fc("fc", "c") + _layer("prob", "Softmax", "fc", more="softmax_param { axis: "
                                            "-1 }"),
            ["fc (5, 168) -> fc-conv (5, 4, 6, 7), same memory"],
        ),
        # Names that are taken.
        (
            START + _layer("prob", "ReLU", "c") + _fc("fc", "prob"),
            ["fc (5, 168) -> fc-conv (5, 4, 6, 7), same memory",
             "prob-map: added, the classifier ends without it"],
        ),
        # Two fc layers in a row with something in place between, no bias, weights transposed.
        (
            START + _fc("a", "c", 6, "bias_term: false") + _layer("r", "TanH", "a", "a")
            + _fc("fc", "a", 5, "transpose: true") + SOFTMAX,
            ["a (6, 168) -> a-conv (6, 4, 6, 7), same memory",
             "fc (6, 5) -> fc-conv (5, 6, 1, 1)"],
        ),
        # A pooling that fits with stride 1 stays as it is, one of another stride does not.
        (
            START + _layer("p", "Pooling", "c", more="pooling_param { pool: MAX kernel_h: 6 "
                           "kernel_w: 7 }") + _fc("fc", "p") + SOFTMAX,
            ["fc (5, 4) -> fc-conv (5, 4, 1, 1), same memory"],
        ),
        (
            START + _layer("p", "Pooling", "c", more="pooling_param { pool: MAX kernel_h: 6 "
                           "kernel_w: 7 stride_h: 1 stride_w: 2 }") + _fc("fc", "p") + SOFTMAX,
            ["p: kernel 6x7, stride 1", "fc (5, 4) -> fc-conv (5, 4, 1, 1), same memory"],
        ),
        (
            START + _layer("p", "Pooling", "c", more="pooling_param { pool: MAX kernel_h: 6 "
                           "kernel_w: 7 stride_h: 2 stride_w: 1 }") + _fc("fc", "p") + SOFTMAX,
            ["p: kernel 6x7, stride 1", "fc (5, 4) -> fc-conv (5, 4, 1, 1), same memory"],
        ),
        (
            START + _fc("fc", "c") + SOFTMAX + _layer("best", "ArgMax", "prob"),
            ["fc (5, 168) -> fc-conv (5, 4, 6, 7), same memory", "best: removed"],
        ),
    ],
)  # fmt: skip
def test_what_becomes_of_it(text: str, told: list[str], tmp_path: Path) -> None:
    t = _transplanted(text, tmp_path)
    lines = t.account().splitlines()
    assert lines[: len(told)] == told
    assert t.check.agrees
    _each_window(t)
    assert t.net.blobs[t.output].shape[1] == t.classes == 5
    assert t.net.blobs["data"].shape[0] == 1


def test_nothing_to_do_is_said(tmp_path: Path) -> None:
    t = _transplanted(DATA + _conv("c", "data", 8) + _layer("prob", "Softmax", "c"), tmp_path)
    assert t.account().startswith("the net is fully convolutional already\none 1x2x8x9 input in ")
    assert t.conversions == []


def _shapes(text: str) -> tuple[Any, dict[str, tuple[int, ...]]]:
    param = parse_net(text)
    net = caffe.Net(param, caffe.TEST)
    return param, {name: tuple(blob.shape) for name, blob in net.blobs.items()}


def _rewritten(text: str, **choices: Any) -> Rewrite:
    return rewrite(*_shapes(text), **choices)


SLICED = _layer("s", "Slice", "c", "u v", "slice_param { axis: 1 slice_point: 1 }")
REFUSED = [
    (START + _layer("prob", "Softmax", "c", more="softmax_param { axis: 2 }"),
     "layer 'prob' (Softmax): its softmax works along axis 2, not over classes"),
    (START + _layer("prob", "Softmax", "c", more="softmax_param { axis: -1 }"),
     "layer 'prob' (Softmax): its softmax works along axis -1, not over classes"),
    (START + _fc("fc", "c", more="axis: 3"),
     "layer 'fc' (InnerProduct): its axis is 3; only axis 1 joins channels, rows and columns"),
    (START + _layer("f", "Flatten", "c", more="flatten_param { axis: 2 }") + _fc("fc", "f"),
     "layer 'f' (Flatten): it turns 3x4x6x7 into 3x4x42, which mixes places and channels"),
    (START + _layer("f", "Reshape", "c", more="reshape_param { shape { dim: 3 dim: 6 dim: 4 dim: "
     "7 } }") + _fc("fc", "f"),
     "layer 'f' (Reshape): it turns 3x4x6x7 into 3x6x4x7, which mixes places and channels"),
    (START + _layer("f", "Flatten", "c") + _layer("n", "Scale", "f") + _fc("fc", "n"),
     "layer 'n' (Scale): it works on 'f', rows and columns laid in one line"),
]  # fmt: skip


@pytest.mark.parametrize(("text", "sentence"), REFUSED)
def test_what_is_refused(text: str, sentence: str) -> None:
    with pytest.raises(FilterLabError) as error:
        _rewritten(text)
    assert str(error.value) == f"the net cannot be made fully convolutional: {sentence}"


def test_what_has_no_place_is_refused_with_its_maker() -> None:
    param = parse_net(START + _layer("h", "HDF5Data", "", "h") + _fc("fc", "h"))
    shapes = {"data": (3, 2, 8, 9), "c": (3, 4, 6, 7), "h": (3, 7), "fc": (3, 5)}
    with pytest.raises(FilterLabError, match=r"'h', made by layer 'h' \(HDF5Data\) has no place"):
        rewrite(param, shapes)
    in_place = parse_net(START + _fc("fc", "c", top="c"))
    with pytest.raises(FilterLabError, match="it works in place, which a convolution cannot"):
        rewrite(in_place, shapes)
    fed = parse_net(_layer("data", "MemoryData", tops="data y", more="memory_data_param { "
                           "batch_size: 3 channels: 2 height: 8 width: 9 }"))  # fmt: skip
    with pytest.raises(FilterLabError, match="its pictures are handed to the net one batch after"):
        rewrite(fed, shapes)


def test_the_ends_of_a_net() -> None:
    text = (
        START
        + _layer("r", "ReLU", "c", "c")
        + SLICED
        + _fc("fc", "u")
        + SOFTMAX
        + _layer("quiet", "Silence", "v", " ")
        + _layer("best", "ArgMax", "prob")
        + _layer("y", "Input", more="input_param { shape { dim: 3 } }")
        + _layer("loss", "SoftmaxWithLoss", "fc y")
        + _fc("side", "c", 2)
        + _layer("act", "Sigmoid", "side", "side")
    )
    assert ends_of(parse_net(text)) == [("side", "Sigmoid")]
    assert ends_of(parse_net(text.replace(_layer("best", "ArgMax", "prob"), ""))) == [
        ("prob", "Softmax"),
        ("side", "Sigmoid"),
    ]
    assert ends_of(parse_net(DATA)) == []
    hushed = START + _layer("prob", "Softmax", "c") + _conv("side", "c", 3)
    assert _rewritten(hushed + _layer("act", "Softmax", "side")).output == "act"
    hushed += _layer("act", "Softmax", "side") + _layer("quiet", "Silence", "act", " ")
    assert _rewritten(hushed).output == "prob", "what is silenced is no output"


HEADS = (
    START
    + _fc("one", "c", 5)
    + _layer("first", "Softmax", "one")
    + _conv("d", "c", 3)
    + _fc("two", "d", 6)
    + _layer("second", "Softmax", "two")
    + _fc("three", "d", 7)
)


@pytest.mark.parametrize(
    ("wanted", "output", "score", "plain", "layers"),
    [
        (None, "second", "two-conv", ("second", "two"), None),
        ("first", "first", "one-conv", ("first", "one"), "data c one-conv first"),
        ("second", "second", "two-conv", ("second", "two"), "data c d two-conv second"),
        ("three", "prob", "three-conv", ("three", "three"), "data c d three-conv prob"),
        ("three-conv", "prob", "three-conv", ("three", "three"), "data c d three-conv prob"),
    ],
)
def test_the_output_of_several(
    wanted: str | None, output: str, score: str, plain: tuple[str, str], layers: str | None
) -> None:
    found = _rewritten(HEADS, output=wanted)
    assert (found.output, found.score) == (output, score)
    assert (found.plain_output, found.plain_score) == plain
    assert found.applied == ("softmax" if output == "prob" else "")
    if layers is not None:
        assert [layer.name for layer in found.param.layer] == layers.split()
        cast = [c.new for c in found.changes]
        assert cast == [score] + ["prob"] * (output == "prob")
    assert found.input_shape == (1, 2, 8, 9)
    assert found.param.name == "net-conv"


def test_an_input_that_only_a_loss_reads_goes() -> None:
    text = START + _fc("fc", "c") + SOFTMAX
    text += _layer("y", "Input", more="input_param { shape { dim: 3 } }")
    text += _layer("loss", "SoftmaxWithLoss", "fc y")
    found = _rewritten(text)
    assert [layer.name for layer in found.param.layer] == ["data", "c", "fc-conv", "prob"]
    assert list(found.param.layer[0].input_param.shape[0].dim) == [1, 2, 8, 9]
    assert [(c.old, c.kind) for c in found.changes] == [("fc", "fc->conv"), ("loss", "removed")]


def _padded(more: str = "", pads: str = "pad_h: 1 pad_w: 2", k: int = 1) -> str:
    return (
        START
        + _conv("last", "c", k, pads, 5)
        + more
        + _layer("end", "Pooling", "last", more=AVE)
        + _layer("prob", "Softmax", "end")
    )


def test_only_padding_that_nobody_else_sees_is_made_up_for(tmp_path: Path) -> None:
    t = _transplanted(_padded(), tmp_path)
    assert t.rewritten.padding is not None
    assert t.rewritten.padding.share == pytest.approx(6 * 7 / (8 * 11))
    assert t.rewritten.pooled == "AVE"
    _each_window(t)
    scaled = _padded(_layer("w", "Scale", "last", "last", "scale_param { bias_term: true }"))
    assert _rewritten(scaled).padding is not None, "each channel by itself"
    for other in (
        _padded(k=2),
        _padded(pads="pad_h: 1 pad_w: 2 stride: 2"),
        _padded(pads="pad_h: 1 pad_w: 2 stride_h: 1 stride_w: 2"),
        _padded(pads="pad_h: 1 pad_w: 2 stride_h: 2 stride_w: 1"),
        _padded(pads="pad: 0"),
        _padded(_layer("n", "LRN", "last", "last")),
        _padded() + _fc("more", "last"),
        _padded(_layer("v", "Eltwise", "last last")).replace('bottom: "last" top: "end"',
                                                             'bottom: "v" top: "end"'),
    ):  # fmt: skip
        assert _rewritten(other).padding is None, other
    for pads, share in (("pad_h: 0 pad_w: 1", 7 / 9), ("pad_h: 1 pad_w: 0", 6 / 8)):
        one_way = _transplanted(_padded(pads=pads), tmp_path)
        assert one_way.rewritten.padding is not None
        assert one_way.rewritten.padding.share == pytest.approx(share)
        one_way.source.params["last"][1].data[...] = (1, -2, 3, 4, -5)
        one_way.follow()
        _each_window(one_way)
