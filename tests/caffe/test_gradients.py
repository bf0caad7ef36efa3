"""backward(): every layer against finite differences, and what pycaffe's scripts rely on."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import filterlab.caffe as caffe
from filterlab.caffe import CaffeError, CaffeWarning
from filterlab.caffe import gradient as gradient_module
from filterlab.caffe.prototxt import parse_net, read_net
from tests.caffe.numeric import check
from tests.caffe.test_layers_reference import layer

GOLDENS = Path(__file__).resolve().parent.parent / "goldens"


Shape = tuple[int, ...]


def net_of(text: str, phase: int = caffe.TEST, **shapes: Shape) -> caffe.Net:
    """A net that is forced to go back, with random inputs and weights."""
    head = "force_backward: true\n"
    for name, shape in shapes.items():
        dims = " ".join(f"dim: {n}" for n in shape)
        head += (
            f'layer {{ name: "{name}" type: "Input" top: "{name}" '
            f"input_param {{ shape {{ {dims} }} }} }}\n"
        )
    net = caffe.Net(parse_net(head + text), phase)
    rng = np.random.default_rng(0)
    for name in shapes:
        net.blobs[name].data[...] = rng.standard_normal(net.blobs[name].shape)
    for row in net.params.values():
        for blob in row:
            blob.data[...] = rng.standard_normal(blob.shape) * 0.5
    return net


CONV = "convolution_param { num_output: 4 kernel_size: 3 %s }"
X = {"x": (2, 4, 7, 6)}

CASES = [
    *[
        (kind, rest, "x", X)
        for kind, rest in [
            ("AbsVal", ""),
            ("BNLL", ""),
            ("ELU", "elu_param { alpha: 0.5 }"),
            ("Exp", "exp_param { base: 2 scale: 0.5 shift: 0.1 }"),
            ("Power", "power_param { power: 3 scale: 0.5 shift: 0.2 }"),
            ("Power", "power_param { power: 2 scale: 2 }"),
            ("Power", "power_param { scale: -2 }"),
            ("Power", "power_param { scale: 0 shift: 3 power: 2 }"),
            ("PReLU", ""),
            ("PReLU", "prelu_param { channel_shared: true }"),
            ("ReLU", ""),
            ("ReLU", "relu_param { negative_slope: 0.3 }"),
            ("ReLU", "relu_param { negative_slope: -0.3 }"),
            ("Sigmoid", ""),
            ("Swish", "swish_param { beta: 1.5 }"),
            ("TanH", ""),
            ("Clip", "clip_param { min: -0.5 max: 0.7 }"),
            ("Dropout", ""),
            ("Convolution", CONV % "pad: 1 stride: 2"),
            ("Convolution", CONV % "group: 2 dilation: 2"),
            ("Convolution", CONV % "bias_term: false stride: 3"),
            ("Deconvolution", CONV % "stride: 2 pad: 1"),
            ("Deconvolution", CONV % "stride: 3 dilation: 2"),
            ("Im2col", "convolution_param { kernel_size: 3 stride: 2 pad: 1 }"),
            ("InnerProduct", "inner_product_param { num_output: 5 }"),
            ("InnerProduct", "inner_product_param { num_output: 5 axis: 2 transpose: true }"),
            ("Pooling", "pooling_param { kernel_size: 3 stride: 2 }"),
            ("Pooling", "pooling_param { kernel_size: 3 stride: 2 pad: 1 }"),
            ("Pooling", "pooling_param { kernel_size: 2 stride: 3 }"),
            ("Pooling", "pooling_param { pool: AVE kernel_size: 3 stride: 2 pad: 1 }"),
            ("Pooling", "pooling_param { pool: AVE kernel_size: 2 stride: 4 }"),
            ("Pooling", "pooling_param { pool: AVE kernel_size: 3 stride: 2 ceil_mode: false }"),
            ("Pooling", "pooling_param { pool: AVE global_pooling: true }"),
            ("SPP", "spp_param { pyramid_height: 2 }"),
            ("SPP", "spp_param { pyramid_height: 3 pool: AVE }"),
            ("LRN", "lrn_param { local_size: 3 alpha: 2 beta: 0.75 k: 2 }"),
            ("LRN", "lrn_param { local_size: 5 alpha: 1 beta: 0.6 }"),
            ("LRN", "lrn_param { local_size: 3 alpha: 2 norm_region: WITHIN_CHANNEL }"),
            ("BatchNorm", "batch_norm_param { use_global_stats: false }"),
            ("MVN", ""),
            ("MVN", "mvn_param { across_channels: true }"),
            ("MVN", "mvn_param { normalize_variance: false }"),
            ("Softmax", ""),
            ("Softmax", "softmax_param { axis: -1 }"),
            ("Scale", "scale_param { bias_term: true }"),
            ("Scale", "scale_param { axis: 0 num_axes: 2 }"),
            ("Bias", "bias_param { axis: 1 num_axes: 2 }"),
            ("Flatten", ""),
            ("Reshape", "reshape_param { shape { dim: 0 dim: -1 } }"),
            ("Tile", "tile_param { axis: 2 tiles: 3 }"),
            ("Split", ""),
            *[
                ("Reduction", f"reduction_param {{ operation: {op} axis: {axis} coeff: 2 }}")
                for op in ("SUM", "ASUM", "SUMSQ", "MEAN")
                for axis in (0, 2)
            ],
        ]
    ],
    *[
        ("Eltwise", f"eltwise_param {{ {rest} }}", "x a b", {**X, "a": X["x"], "b": X["x"]})
        for rest in (
            "operation: SUM coeff: 1 coeff: -2 coeff: 0.5",
            "operation: PROD",
            "operation: PROD stable_prod_grad: false",
            "operation: MAX",
        )
    ],
    ("Concat", "concat_param { axis: 2 }", "x a", {**X, "a": (2, 4, 3, 6)}),
    ("Crop", "crop_param { axis: 2 offset: 1 }", "x a", {**X, "a": (2, 4, 4, 5)}),
    ("Scale", "scale_param { axis: 1 }", "x a", {**X, "a": (4, 7)}),
    ("Bias", "bias_param { axis: 0 }", "x a", {**X, "a": (2, 4)}),
    ("EuclideanLoss", "", "x a", {**X, "a": X["x"]}),
]


@pytest.mark.parametrize(
    ("kind", "rest", "bottoms", "shapes"), CASES, ids=[f"{c[0]}-{i}" for i, c in enumerate(CASES)]
)
def test_a_layer_by_finite_differences(
    kind: str, rest: str, bottoms: str, shapes: dict[str, tuple[int, ...]]
) -> None:
    net = net_of(layer(kind, rest, bottoms), **shapes)
    assert check(net, np.random.default_rng(1)) or "scale: 0" in rest


def test_the_logarithm_by_finite_differences() -> None:
    net = net_of(layer("Log", "log_param { base: 3 scale: 0.5 shift: 0.2 }"), **X)
    net.blobs["x"].data[...] = np.abs(net.blobs["x"].data) + 0.5
    assert check(net, np.random.default_rng(1))


@pytest.mark.parametrize(
    ("kind", "rest"),
    [
        ("SoftmaxWithLoss", ""),
        ("SoftmaxWithLoss", "loss_param { ignore_label: 1 }"),
        ("SoftmaxWithLoss", "loss_param { normalization: NONE } loss_weight: 3"),
        ("MultinomialLogisticLoss", ""),
        ("HingeLoss", ""),
        ("HingeLoss", "hinge_loss_param { norm: L2 }"),
        ("InfogainLoss", ""),
    ],
)
def test_a_loss_by_finite_differences(kind: str, rest: str) -> None:
    places = () if kind in ("MultinomialLogisticLoss", "HingeLoss") else (2, 2)
    shapes = {"x": (3, 4, *places), "label": (3, *places)}
    bottoms = "x label"
    if kind == "InfogainLoss":
        shapes["h"], bottoms = (4, 4), "x label h"
    net = net_of(layer(kind, rest, bottoms), **shapes)
    rng = np.random.default_rng(2)
    net.blobs["label"].data[...] = rng.integers(0, 4, net.blobs["label"].shape)
    if kind == "MultinomialLogisticLoss":
        net.blobs["x"].data[...] = rng.uniform(0.1, 1, (3, 4))
    assert check(net, rng)


@pytest.mark.parametrize("legacy", ["false", "true"])
def test_pairs_by_finite_differences(legacy: str) -> None:
    rest = f"contrastive_loss_param {{ margin: 4 legacy_version: {legacy} }}"
    text = layer("ContrastiveLoss", rest, "a b s")
    net = net_of(text, a=(5, 3), b=(5, 3), s=(5,))
    net.blobs["s"].data[...] = [0, 1, 0, 1, 0]
    assert check(net, np.random.default_rng(3))


@pytest.mark.parametrize("kind", ["LSTM", "RNN"])
@pytest.mark.parametrize("static", [False, True])
@pytest.mark.parametrize("expose", [False, True])
def test_recurrent_layers_by_finite_differences(kind: str, static: bool, expose: bool) -> None:
    shapes: dict[str, tuple[int, ...]] = {"x": (4, 2, 3), "cont": (4, 2)}
    if static:
        shapes["s"] = (2, 5)
    tops = "y"
    if expose:
        names = ["h", "c"] if kind == "LSTM" else ["h"]
        shapes.update({f"{n}0": (1, 2, 3) for n in names})
        tops += "".join(f" {n}T" for n in names)
    rest = f"recurrent_param {{ num_output: 3 expose_hidden: {str(expose).lower()} }}"
    net = net_of(layer(kind, rest, " ".join(shapes), tops), **shapes)
    net.blobs["cont"].data[...] = [[0, 1], [1, 1], [1, 0], [1, 1]]
    if not expose:
        net.blobs["cont"].data[0] = 0
    assert check(net, np.random.default_rng(4)) > 20


def test_embed_and_batch_reindex_by_finite_differences() -> None:
    net = net_of(layer("Embed", "embed_param { num_output: 3 input_dim: 5 }"), x=(6,))
    net.blobs["x"].data[...] = [0, 4, 4, 2, 0, 4]
    assert check(net, np.random.default_rng(5))
    net = net_of(layer("BatchReindex", "", "x order"), x=(3, 2), order=(5,))
    net.blobs["order"].data[...] = [2, 0, 2, 2, 1]
    assert check(net, np.random.default_rng(5))


def test_a_weight_as_a_blob_has_a_gradient() -> None:
    text = (
        'layer { name: "w" type: "Parameter" top: "w" parameter_param { shape { dim: 4 } } }\n'
        + layer("Scale", "scale_param { axis: 1 }", "x w")
    )
    net = net_of(text, **X)
    assert check(net, np.random.default_rng(11))
    assert net.params["w"][0].diff.any()


CHAIN = """
layer { name: "conv" type: "Convolution" bottom: "x" top: "conv"
  convolution_param { num_output: 4 kernel_size: 3 bias_term: false } }
layer { name: "bn" type: "BatchNorm" bottom: "conv" top: "conv"
  batch_norm_param { use_global_stats: false } }
layer { name: "scale" type: "Scale" bottom: "conv" top: "conv" scale_param { bias_term: true } }
layer { name: "slope" type: "PReLU" bottom: "conv" top: "conv" }
layer { name: "drop" type: "Dropout" bottom: "conv" top: "conv" }
layer { name: "a" type: "Convolution" bottom: "conv" top: "a"
  convolution_param { num_output: 3 kernel_size: 2 stride: 2 } }
layer { name: "b" type: "Pooling" bottom: "conv" top: "b"
  pooling_param { kernel_size: 2 stride: 2 round_mode: FLOOR } }
layer { name: "c" type: "TanH" bottom: "conv" top: "c" }
layer { name: "join" type: "Concat" bottom: "a" bottom: "b" top: "join" }
"""


@pytest.mark.parametrize("phase", [caffe.TEST, caffe.TRAIN])
def test_values_overwritten_in_place_are_computed_once_more(phase: int) -> None:
    net = net_of(CHAIN, phase, **X)
    assert check(net, np.random.default_rng(6), places=12) > 40


def test_random_nets_by_finite_differences() -> None:
    from tools.attack.gradients import random_net

    for seed in range(12):
        rng = np.random.default_rng(seed)
        assert check(random_net(rng), rng, places=3)


def test_layer_by_layer_gives_the_same() -> None:
    net, other = net_of(CHAIN, **X), net_of(CHAIN, **X)
    told: list[tuple[str, int]] = []
    other.before_backward(lambda index: told.append(("before", index)))
    other.after_backward(lambda index: told.append(("after", index)))
    for each in (net, other):
        each.forward()
        for name in each.outputs:
            each.blobs[name].diff[...] = 1
        each.backward()
    count = len(net.layers)
    assert told == [(w, i) for i in range(count - 1, -1, -1) for w in ("before", "after")]
    for name in net.blobs:
        np.testing.assert_allclose(net.blobs[name].diff, other.blobs[name].diff, atol=1e-5)
    for name, row in net.params.items():
        for mine, theirs in zip(row, other.params[name]):
            np.testing.assert_allclose(mine.diff, theirs.diff, atol=1e-4)


def go_back(net: caffe.Net, times: int) -> None:
    rng = np.random.default_rng(7)
    for _ in range(times):
        net.blobs["data"].data[...] = rng.standard_normal(net.blobs["data"].shape)
        net.forward()
        for name in net.outputs:
            net.blobs[name].diff[...] = rng.standard_normal(net.blobs[name].shape)
        net.backward()


def forced_small() -> caffe.Net:
    param = read_net(GOLDENS / "nets/small_v2.prototxt")
    param.force_backward = True
    net = caffe.Net(param, caffe.TEST)
    net.copy_from(str(GOLDENS / "nets/small_v2.caffemodel"))
    return net


def test_weights_diffs_are_summed_up_whether_or_not_somebody_looks(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    late, early, full = forced_small(), forced_small(), forced_small()
    watched = {n: [b.diff for b in row] for n, row in early.params.items()}
    _ = early.params["conv1"][0].diff
    go_back(late, 3)
    go_back(early, 3)
    # A view that was taken before follows, without another look.
    seen = {name: [diff.copy() for diff in row] for name, row in watched.items()}
    monkeypatch.setattr(gradient_module, "MOST_KEPT", 0)
    go_back(full, 3)
    for name, row in late.params.items():
        for i, blob in enumerate(row):
            assert np.abs(blob.diff).max() > 0
            for other in (early, full):
                np.testing.assert_allclose(
                    blob.diff, other.params[name][i].diff, atol=1e-4, rtol=1e-3
                )
            np.testing.assert_array_equal(seen[name][i], early.params[name][i].diff)
    late.clear_param_diffs()
    assert not late.params["conv1"][0].diff.any()
    go_back(late, 1)
    once = late.params["conv1"][0].diff.copy()
    late.clear_param_diffs()
    go_back(late, 1)
    np.testing.assert_allclose(late.params["conv1"][0].diff, once, atol=1e-5)


def test_a_view_follows_later_backwards() -> None:
    net = forced_small()
    go_back(net, 1)
    view = net.params["conv1"][0].diff
    once = view.copy()
    go_back(net, 1)
    np.testing.assert_allclose(view, 2 * once, atol=1e-4, rtol=1e-3)


def test_several_backwards_are_one_only_where_the_batch_is_outermost() -> None:
    text = layer("Scale", "scale_param { axis: 0 num_axes: 2 bias_term: true }")
    late, early = net_of(text, x=(2, 3, 4)), net_of(text, x=(2, 3, 4))
    _ = early.params["op"][0].diff
    for net in (late, early):
        for step in range(3):
            net.blobs["x"].data[...] = np.arange(24).reshape(2, 3, 4) + step
            net.forward()
            net.blobs["y"].diff[...] = 1 + step
            net.backward()
    for mine, theirs in zip(late.params["op"], early.params["op"]):
        np.testing.assert_allclose(mine.diff, theirs.diff)


def test_an_edit_after_backward_does_not_change_its_diffs() -> None:
    net, other = forced_small(), forced_small()
    go_back(net, 1)
    go_back(other, 1)
    wanted = other.params["conv1"][0].diff.copy()
    for row in net.params.values():
        row[0].data[...] = 0
    net.blobs["data"].data[...] = 0
    np.testing.assert_allclose(net.params["conv1"][0].diff, wanted, atol=1e-5)


def test_shared_weights_share_their_diff() -> None:
    text = "".join(
        f'layer {{ name: "{n}" type: "InnerProduct" bottom: "{b}" top: "{n}" '
        'param { name: "w" } inner_product_param { num_output: 3 bias_term: false } }\n'
        for n, b in (("one", "x"), ("two", "one"))
    )
    net = net_of(text, x=(2, 3))
    assert check(net, np.random.default_rng(8))
    assert np.shares_memory(net.params["one"][0].diff, net.params["two"][0].diff)


def test_start_end_and_what_comes_back() -> None:
    net = net_of(CHAIN, **X)
    net.forward()
    net.blobs["a"].diff[...] = 1
    found = net.backward(start="a", end="bn", diffs=["a"])
    assert set(found) == {"conv", "a"}
    assert found["conv"] is not None
    assert not net.blobs["x"].diff.any()
    found = net.backward(start="a")
    assert set(found) == {"x"}
    assert found["x"].any()
    # Who reads the blob behind the start gives nothing.
    assert not net.blobs["c"].diff.any()


def test_without_a_loss_or_force_nothing_is_computed() -> None:
    net = caffe.Net(str(GOLDENS / "nets/small_v2.prototxt"), caffe.TEST)
    net.forward()
    with pytest.warns(CaffeWarning, match="write force_backward: true"):
        net.backward()
    assert not net.blobs["data"].diff.any()


def test_a_loss_needs_no_diff_and_reaches_weights_only() -> None:
    text = (
        layer("InnerProduct", "inner_product_param { num_output: 4 }", "x", "score")
        + 'layer { name: "loss" type: "SoftmaxWithLoss" bottom: "score" bottom: "label" '
        'top: "loss" loss_weight: 2 }'
        + 'layer { name: "right" type: "Accuracy" bottom: "score" bottom: "label" top: "right" }'
    )
    net = net_of(text, x=(3, 5), label=(3,))
    param = net.param
    param.force_backward = False
    net = caffe.Net(param, caffe.TRAIN)
    net.blobs["x"].data[...] = np.random.default_rng(9).standard_normal((3, 5))
    net.params["op"][0].data[...] = np.random.default_rng(8).standard_normal((4, 5))
    net.forward()
    assert net.blobs["loss"].diff == 2
    net.backward()
    prob = np.exp(net.blobs["score"].data)
    prob /= prob.sum(1, keepdims=True)
    prob[:, 0] -= 1
    np.testing.assert_allclose(net.blobs["score"].diff, prob * 2 / 3, atol=1e-6)
    wanted = (prob * 2 / 3).T @ net.blobs["x"].data
    np.testing.assert_allclose(net.params["op"][0].diff, wanted, atol=1e-5)
    assert not net.blobs["x"].diff.any()


def test_a_weight_of_rate_zero_gets_no_diff() -> None:
    text = layer(
        "InnerProduct",
        "param { lr_mult: 0 } param { lr_mult: 1 } inner_product_param { num_output: 1 }",
    ) + layer("Reduction", "loss_weight: 1", "y", "loss").replace('"op"', '"sum"')
    net = net_of(text, x=(3, 5))
    param = net.param
    param.force_backward = False
    net = caffe.Net(param, caffe.TRAIN)
    net.forward()
    net.backward()
    assert not net.params["op"][0].diff.any()
    assert net.params["op"][1].diff == 3


def test_forward_backward_all() -> None:
    net = net_of(layer("InnerProduct", "inner_product_param { num_output: 4 }"), x=(2, 3))
    rng = np.random.default_rng(10)
    x, dy = rng.standard_normal((5, 3)), rng.standard_normal((5, 4))
    values, diffs = net.forward_backward_all(x=x, y=dy)
    weight = net.params["op"][0].data
    np.testing.assert_allclose(values["y"], x @ weight.T + net.params["op"][1].data, atol=1e-5)
    np.testing.assert_allclose(diffs["x"], dy @ weight, atol=1e-5)
    np.testing.assert_allclose(net.params["op"][0].diff, dy.T @ x, atol=1e-4)


@pytest.mark.parametrize("kind", ["Zeiler & Fergus", "Guided Backprop"])
def test_rules_of_the_deep_visualization_toolbox(kind: str) -> None:
    text = layer("ReLU", "", "x", "y") + layer(
        "Power", "power_param { scale: 3 }", "y", "z"
    ).replace('"op"', '"higher"')
    net = net_of(text, x=(1, 6))
    net.blobs["x"].data[...] = [[-2, -1, 0, 1, 2, 3]]
    net.forward()
    net.blobs["z"].diff[...] = 5
    diff = np.array([[-1, 2, 3, -4, 5, 6]])
    found = net.deconv_from_layer("op", diff, zero_higher=True, deconv_type=kind)["x"]
    wanted = [[0, 2, 3, 0, 5, 6]] if kind[0] == "Z" else [[0, 0, 0, 0, 5, 6]]
    np.testing.assert_array_equal(found, wanted)
    assert not net.blobs["z"].diff.any()
    np.testing.assert_array_equal(net.backward_from_layer("op", diff)["x"], [[0, 0, 0, -4, 5, 6]])


def test_a_layer_without_a_gradient_is_named() -> None:
    net = net_of(layer("Threshold"), **X)
    net.forward()
    with pytest.raises(CaffeError, match=r"layer 'op' \(Threshold\): has no gradient"):
        net.backward()


def test_inputs_of_another_size_need_a_forward() -> None:
    net = net_of(CHAIN, **X)
    net.forward()
    net.blobs["x"].reshape(1, 4, 9, 9)
    with pytest.raises(CaffeError, match=r"blob 'conv' is 2x4x5x4, but .* 1x4x7x7; run forward"):
        net.backward()
    net.forward()
    net.backward()
    assert net.blobs["x"].diff.shape == (1, 4, 9, 9)


def test_a_recurrent_state_stays_from_forward_to_forward() -> None:
    text = layer("LSTM", "recurrent_param { num_output: 2 }", "x cont")
    whole, parts = net_of(text, x=(6, 1, 3), cont=(6, 1)), net_of(text, x=(3, 1, 3), cont=(3, 1))
    parts.share_with(whole)
    whole.blobs["cont"].data[1:] = 1
    whole.blobs["cont"].data[0] = 0
    wanted = whole.forward()["y"]
    for start in (0, 3):
        parts.blobs["x"].data[...] = whole.blobs["x"].data[start : start + 3]
        parts.blobs["cont"].data[...] = 1
        parts.blobs["cont"].data[0] = start > 0
        np.testing.assert_allclose(parts.forward()["y"], wanted[start : start + 3], atol=1e-6)
        if not start:
            twin = parts.snapshot()
    twin.blobs["x"].data[...] = parts.blobs["x"].data
    twin.blobs["cont"].data[...] = 1
    np.testing.assert_allclose(twin.forward()["y"], wanted[3:], atol=1e-6)


def test_the_gradient_of_a_trained_net(shared: Path) -> None:
    folder = shared / "squeezenet"
    param = read_net(folder / "deploy.prototxt")
    param.force_backward = True
    net = caffe.Net(param, caffe.TEST)
    net.copy_from(str(next(folder.glob("*.caffemodel"))))
    nets = shared / "goldens/nets"
    with np.load(nets / "squeezenet_cat.npz") as cat:
        net.blobs["data"].reshape(1, 3, 227, 227)
        net.blobs["data"].data[...] = cat["data_227x227"]
    net.forward()
    with np.load(nets / "squeezenet_cat_gradient.npz") as golden:
        score = net.blobs[str(golden["score_blob"])]
        score.diff[...] = 0
        score.diff[0, int(golden["class_index"])] = 1
        start = [n for n, tops in net.top_names.items() if str(golden["score_blob"]) in tops][-1]
        net.backward(start=start)
        for name, wanted in (("data", golden["gin_data"]),
                             ("fire9/concat", golden["diff_fire9__concat"])):  # fmt: skip
            found = net.blobs[name].diff
            assert np.abs(found - wanted).max() <= 1e-3 * np.abs(wanted).max()
