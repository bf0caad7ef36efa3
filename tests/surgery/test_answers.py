"""What a net says of an input: its answer, the input it is shown, and a blob laid out as tiles."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from filterlab import caffe
from filterlab.caffe.prototxt import parse_net
from filterlab.errors import FilterLabError
from filterlab.surgery.answers import Answer, Judge, compared
from filterlab.surgery.heatmap import Preprocessing
from filterlab.surgery.own_input import (
    centre_cut,
    centre_of,
    centre_placement,
    own_input,
    picture_input,
    show,
)
from filterlab.surgery.tiles import channels_of, tile_range, tile_sheet, tiles_note

HEAD = """
layer { name: "scale" type: "Input" top: "scale" input_param { shape { dim: 2 dim: 3 } } }
layer { name: "data" type: "Input" top: "data"
  input_param { shape { dim: 1 dim: 3 dim: 4 dim: 6 } } }
layer { name: "off" type: "Silence" bottom: "scale" }
layer { name: "conv" type: "Convolution" bottom: "data" top: "conv"
  convolution_param { num_output: 4 kernel_h: 4 kernel_w: 5 } }
"""
END = 'layer { name: "end" type: "%s" bottom: "conv" top: "%s" }'


def made(text: str, rng: Any) -> Any:
    net = caffe.Net(parse_net(text), caffe.TEST)
    for blob in net.params["conv"]:
        blob.data[...] = rng.standard_normal(blob.shape)
    net.blobs["data"].data[...] = rng.standard_normal(net.blobs["data"].shape)
    net.forward()
    return net


# --- answers --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("kind", "top", "activation", "found"),
    [
        ("", "", None, ("conv", "conv", "softmax")),
        ("", "", "softmax", ("conv", "conv", "softmax")),
        ("", "", "sigmoid", ("conv", "conv", "sigmoid")), ("", "", "none", ("conv", "conv", "")),
        ("Softmax", "prob", None, ("prob", "conv", "")),
        ("Sigmoid", "prob", "softmax", ("prob", "conv", "")),
        ("Softmax", "conv", None, ("conv", "conv", "")),
        ("ReLU", "out", None, ("out", "out", "softmax")),
    ],
)  # fmt: skip
def test_where_an_answer_stands_and_what_it_is(
    kind: str, top: str, activation: str | None, found: tuple[str, str, str], rng: Any
) -> None:
    """Of a map of 1 x 2 places the best of each class."""
    net = made(HEAD + (END % (kind, top) if kind else ""), rng)
    judge = Judge.of(net, None if kind else "conv", activation)
    assert (judge.output, judge.score, judge.activation) == found
    assert judge.end == found[1]
    answer = judge.answer(net)
    assert net.blobs["conv"].shape == (1, 4, 1, 2)
    score = net.blobs[found[1]].data[0].reshape(4, 2).max(axis=1).astype(float)
    out = net.blobs[found[0]].data[0].reshape(4, 2).max(axis=1).astype(float)
    np.testing.assert_allclose(answer.score, score, rtol=1e-6)
    wanted = {
        "softmax": np.exp(out) / np.exp(out).sum(), "sigmoid": 1 / (1 + np.exp(-out)), "": out,
    }[found[2]]  # fmt: skip
    np.testing.assert_allclose(answer.prob, wanted, rtol=1e-5)
    assert answer.prob.dtype == np.float32
    order = sorted(range(4), key=lambda c: -wanted[c])
    assert answer.best == order[0]
    assert answer.top(3) == tuple(order[:3])
    for c in (0, 3):
        assert judge.check_class(net, c) == c
    for c in (-1, 4):
        with pytest.raises(FilterLabError, match=f"no class {c}; its classes are 0 to 3"):
            judge.check_class(net, c)
    for place in ((0, 1, 0, 0), (0, 3, 0, 1)):
        net.blobs[found[0]].data[place] = np.nan
        with pytest.raises(FilterLabError, match="net's answer"):
            judge.answer(net)


def test_of_several_outputs_one_is_chosen(rng: Any) -> None:
    text = HEAD + (END % ("Softmax", "one")) + (END % ("Sigmoid", "two")).replace("end", "end2")
    net = made(text, rng)
    with pytest.raises(FilterLabError, match=r"has 2 outputs of several values \(one, two\)"):
        Judge.of(net)
    assert Judge.of(net, "two") == Judge("two", "conv", "")
    with pytest.raises(FilterLabError, match="no blob 'three'; its outputs are"):
        Judge.of(net, "three")
    # An input is no layer's answer, and yet it may be asked for.
    assert Judge.of(net, "scale") == Judge("scale", "scale", "softmax")


def test_classes_whose_probabilities_changed_most_come_first() -> None:
    before = np.array([0.5, 0.2, 0.15, 0.1, 0.05], np.float32)
    after = np.array([0.45, 0.05, 0.15, 0.05, 0.3], np.float32)
    one, two = Answer(np.log(before), before), Answer(np.log(after), after)
    found = compared(one, two, 2)
    assert [row[0] for row in found] == [4, 1, 0]
    for c, was, is_ in found:
        assert (was, is_) == (before[c], after[c])
    assert len(compared(one, two)) == 5
    assert [row[0] for row in compared(two, one, 1)] == [0]


# --- the net's own input --------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("picture", "size", "wanted"),
    [
        ((300, 451), (227, 227), (0, 75, 300, 300)), ((451, 300), (227, 227), (75, 0, 300, 300)),
        ((100, 100), (50, 100), (25, 0, 50, 100)), ((100, 100), (100, 50), (0, 25, 100, 50)),
        ((40, 100), (24, 32), (0, 23, 40, 53)), ((100, 40), (24, 32), (35, 0, 30, 40)),
        ((1, 9), (9, 1), (0, 4, 1, 1)), ((9, 1), (1, 9), (4, 0, 1, 1)),
    ],
)  # fmt: skip
def test_the_middle_of_a_picture(
    picture: tuple[int, int], size: tuple[int, int], wanted: tuple[int, int, int, int], rng: Any
) -> None:
    assert centre_of(picture, size) == wanted
    top, left, rows, cols = wanted
    pixels = rng.random((*picture, 3)).astype(np.float32)
    cut = centre_cut(pixels, size)
    np.testing.assert_array_equal(cut, pixels[top : top + rows, left : left + cols])
    place = centre_placement(picture, size)
    assert place.box((0, 0, size[1], size[0])) == pytest.approx(
        (left, top, left + cols, top + rows)
    )
    found = own_input(pixels, (1, 3, *size), Preprocessing((0.1, 0.2, 0.3), 2.0, "BGR"))
    assert found.shape == (1, 3, *size)
    if size == (rows, cols):
        np.testing.assert_allclose(found[0, 0], 2 * cut[..., 2] - 0.1, atol=1e-5)
        np.testing.assert_allclose(found[0, 2], 2 * cut[..., 0] - 0.3, atol=1e-5)


def test_the_picture_goes_into_the_first_input_of_four_axes(rng: Any) -> None:
    net = made(HEAD, rng)
    assert picture_input(net) == "data"
    data = rng.random((1, 3, 4, 6)).astype(np.float32)
    for name in (None, "data"):
        net.blobs["data"].data[...] = 0
        show(net, data, name)
        np.testing.assert_array_equal(net.blobs["data"].data, data)
    show(net, np.ones((1, 3), np.float32), "scale")
    assert net.blobs["scale"].shape == (1, 3)
    flat = caffe.Net(parse_net(HEAD[: HEAD.index('layer { name: "data"')]), caffe.TEST)
    with pytest.raises(FilterLabError, match="no picture input"):
        picture_input(flat)


# --- tiles ----------------------------------------------------------------------------------------


def test_a_blob_of_any_axes_as_channels(rng: Any) -> None:
    data = rng.random((2, 3, 4, 5))
    np.testing.assert_array_equal(channels_of(data), data[0].astype(np.float32))
    np.testing.assert_array_equal(channels_of(data[0])[:, 0], data[0, 0].astype(np.float32))
    assert channels_of(data[0]).shape == (4, 1, 5)
    assert channels_of(data[0, 0]).shape == (5, 1, 1)
    np.testing.assert_array_equal(channels_of(data[0, 0])[:, 0, 0], data[0, 0, 0].astype("f4"))
    np.testing.assert_array_equal(channels_of(data[0, 0, 0])[:, 0, 0], data[0, 0, 0].astype("f4"))
    for odd in (data[None], np.float32(1)):
        with pytest.raises(FilterLabError, match=f"a blob of {np.ndim(odd)} axes"):
            channels_of(odd)


@pytest.mark.parametrize(
    ("values", "ends"),
    [([0, 2, 5], (0, 5)), ([3, 4], (0, 4)), ([-1, 5], (-5, 5)), ([-7, 5], (-7, 7)),
     ([-3, -2], (-3, 3)), ([np.nan, 2, np.inf], (0, 2)), ([np.nan], (0, 0)), ([0, 0], (0, 0))],
)  # fmt: skip
def test_the_ends_of_a_tiles_greys(values: list[float], ends: tuple[float, float]) -> None:
    assert tile_range(np.array(values, np.float32)[:, None, None]) == ends


@pytest.mark.parametrize("scale", ["shared", "own"])
@pytest.mark.parametrize(
    ("shape", "columns", "gap", "zoom", "across"),
    [((5, 3, 4), 2, 1, 2, 2), ((5, 3, 4), None, 1, 2, 2), ((7, 9, 12), 3, 2, 1, 3),
     ((4, 20, 2), None, 0, 1, 4), ((4, 2, 20), None, 0, 1, 1), ((1, 1, 1), None, 1, 8, 1),
     ((3, 8, 8), 5, 3, 1, 5), ((6, 7, 7), None, 1, 2, 2)],
)  # fmt: skip
def test_each_tile_lies_where_it_is_counted(
    shape: tuple[int, int, int], columns: int | None, gap: int, zoom: int, across: int,
    scale: str, rng: Any,
) -> None:  # fmt: skip
    data = rng.standard_normal(shape).astype(np.float32) * np.arange(1, shape[0] + 1)[:, None, None]
    sheet = tile_sheet(data[None], scale, columns, gap)
    count, rows, cols = shape
    down = -(-count // across)
    high, wide = rows * zoom + gap, cols * zoom + gap
    assert sheet.shape == (down * high - gap, across * wide - gap)
    wanted = np.ones(sheet.shape)
    for k in range(count):
        low, top = tile_range(data if scale == "shared" else data[k])
        for i in range(rows * zoom):
            for j in range(cols * zoom):
                value = (float(data[k, i // zoom, j // zoom]) - low) / ((top - low) or 1)
                wanted[k // across * high + i, k % across * wide + j] = min(1, max(0, value))
    np.testing.assert_allclose(sheet, wanted, atol=1e-5)


def test_tiles_that_cannot_be() -> None:
    with pytest.raises(FilterLabError, match="no scale 'each'"):
        tile_sheet(np.ones((1, 2, 3, 4)), "each")
    with pytest.raises(FilterLabError, match="holds nothing"):
        tile_sheet(np.ones((1, 2, 0, 4)))
    note = tiles_note(np.array([[[[1.0, -2], [0, 0.5]], [[0, 0], [0, 0]], [[0, 0], [0, 0]]]]))
    assert note == "3 tiles of 2x2, black -2, white 2"
    assert tiles_note(np.full((1, 2, 3, 4), 0.25)) == "2 tiles of 4x3, black 0, white 0.25"
