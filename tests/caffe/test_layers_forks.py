"""Layers of forks against plain loops over what their code and papers say, and their gradients."""

from __future__ import annotations

import itertools
import math
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

import filterlab.caffe as caffe
from filterlab.caffe import CaffeError
from tests.caffe.numeric import check
from tests.caffe.test_gradients import net_of
from tests.caffe.test_layers_reference import layer, normal, run

Floats = npt.NDArray[np.float32]
X = normal(2, 4, 6, 5)


def answer(
    kind: str, rest: str = "", bottoms: str = "x", weights: Any = None, **data: Any
) -> Floats:
    """The top y of a net of one layer."""
    net = run(layer(kind, rest, bottoms), weights={"op": weights} if weights else None, **data)
    return net.blobs["y"].data.copy()


@pytest.mark.parametrize(
    ("kind", "rest", "bottoms", "shapes"),
    [
        ("ReLU6", "", "x", {}),
        ("Mish", "", "x", {}),
        ("HardSwish", "", "x", {}),
        ("Normalize", "", "x", {}),
        ("Normalize", "norm_param { across_spatial: false channel_shared: false }", "x", {}),
        ("L2Normalization", "", "x", {}),
        ("BN", "", "x", {}),
        ("BN", "bn_param { bn_mode: INFERENCE }", "x", {}),
        ("BN", "bn_param { bn_mode: LEARN }", "x", {}),
        ("Permute", "permute_param { order: 0 order: 3 order: 1 }", "x", {}),
        ("ShuffleChannel", "shuffle_channel_param { group: 2 }", "x", {}),
        ("Reorg", "reorg_param { stride: 2 }", "x", {"x": (1, 4, 6, 4)}),
        ("Reorg", "reorg_param { stride: 2 reverse: true }", "x", {}),
        ("Upsample", "upsample_param { scale: 3 }", "x", {}),
        ("Interp", "interp_param { height: 9 width: 4 pad_beg: -1 pad_end: -2 }", "x", {}),
        ("Interp", "interp_param { zoom_factor: 3 shrink_factor: 2 }", "x", {}),
        ("ConvolutionDepthwise", "convolution_param { num_output: 4 kernel_size: 3 }", "x", {}),
        ("Axpy", "", "s x z", {"s": (2, 4), "z": X.shape}),
        ("Axpy", "", "s x z", {"s": (2, 4), "x": (2, 4), "z": (2, 4)}),
    ],
)
def test_gradients_by_finite_differences(
    kind: str, rest: str, bottoms: str, shapes: dict[str, tuple[int, ...]]
) -> None:
    net = net_of(layer(kind, rest, bottoms), **{"x": X.shape, **shapes})
    for row in net.params.values():
        for blob in row[3:]:
            blob.data[...] = np.abs(blob.data) + 0.5  # a variance
    assert check(net, np.random.default_rng(1))


def test_the_mask_of_upsample_has_a_gradient_too() -> None:
    pool = 'layer { name: "pool" type: "Pooling" bottom: "x" top: "p" top: "m" pooling_param { '
    pool += "kernel_size: 2 stride: 2 } }"
    net = net_of(pool + layer("Upsample", "upsample_param { scale: 2 }", "p m"), x=(2, 3, 6, 4))
    net.forward()
    x, y = net.blobs["x"].data, net.blobs["y"].data
    assert y.shape == x.shape
    for n, c, i, j in itertools.product(range(2), range(3), range(3), range(2)):
        window = np.s_[n, c, 2 * i : 2 * i + 2, 2 * j : 2 * j + 2]
        wanted = np.where(x[window] == x[window].max(), x[window], 0)
        np.testing.assert_array_equal(y[window], wanted)
    net.blobs["y"].diff[...] = normal(*y.shape)
    net.backward()
    np.testing.assert_array_equal(net.blobs["x"].diff, np.where(y != 0, net.blobs["y"].diff, 0))


def test_upsample_of_segnet_may_leave_out_the_last_row() -> None:
    with pytest.raises(CaffeError, match="must be a multiple"):
        answer("Upsample", "upsample_param { scale: 2 pad_out_h: true }", x=X)
    mask = np.zeros(X.shape, np.float32)
    y = answer("Upsample", "upsample_param { upsample_h: 7 upsample_w: 3 }", "x m", x=X, m=mask)
    assert y.shape == (2, 4, 7, 3)


def test_a_mask_beyond_the_map_is_refused() -> None:
    with pytest.raises(CaffeError, match="a label or index is 120, but there are 120"):
        answer("Upsample", "upsample_param { scale: 2 }", "x m", x=X, m=np.full(X.shape, 120))


@pytest.mark.parametrize(
    ("kind", "rest"), [("Permute", "permute_param { order: 1 }"), ("Flatten", "")]
)
def test_no_layer_changes_a_shape_in_place(kind: str, rest: str) -> None:
    with pytest.raises(CaffeError, match=r"in place on blob 'x' of 2x4x6x5, but makes it"):
        run(layer(kind, rest, "x", "x"), x=X)


def test_activations() -> None:
    x = np.linspace(-8, 8, 33, dtype=np.float32)
    np.testing.assert_allclose(answer("ReLU6", x=x), np.clip(x, 0, 6), atol=1e-6)
    wanted = [v * math.tanh(math.log1p(math.exp(v))) for v in x.tolist()]
    np.testing.assert_allclose(answer("Mish", x=x), wanted, atol=1e-5)
    wanted = [v * min(max(v + 3, 0), 6) / 6 for v in x.tolist()]
    np.testing.assert_allclose(answer("HardSwish", x=x), wanted, atol=1e-5)


@pytest.mark.parametrize("across", [True, False])
@pytest.mark.parametrize("shared", [True, False])
def test_normalize(across: bool, shared: bool) -> None:
    rest = (
        f"norm_param {{ across_spatial: {str(across).lower()} "
        f"channel_shared: {str(shared).lower()} }}"
    )
    scale = normal() if shared else normal(4)
    wanted = np.empty_like(X)
    for n, c, i, j in itertools.product(*map(range, X.shape)):
        part = X[n] if across else X[n, :, i, j]
        length = math.sqrt(float((part.astype(np.float64) ** 2).sum()) + 1e-10)
        wanted[n, c, i, j] = X[n, c, i, j] / length * (scale if shared else scale[c])
    np.testing.assert_allclose(answer("Normalize", rest, weights=[scale], x=X), wanted, atol=1e-5)


def test_lengths_without_a_weight() -> None:
    x = normal(3, 7)
    wanted = x / np.sqrt((x**2).sum(1, keepdims=True))
    for kind in ("L2Normalization", "L2Norm", "L2Normalize"):
        net = run(layer(kind), x=x)
        assert not net.params
        np.testing.assert_allclose(net.blobs["y"].data, wanted, atol=1e-6)


def test_bn_of_pspnet_and_of_segnet() -> None:
    a, b, mean = (normal(1, 4, 1, 1) for _ in range(3))
    variance = normal(1, 4, 1, 1) ** 2 + 0.1
    wanted = a * (X - mean) / np.sqrt(variance + 0.001) + b
    found = answer("BN", "bn_param { eps: 0.001 }", weights=[a, b, mean, variance], x=X)
    np.testing.assert_allclose(found, wanted, atol=1e-4)
    found = answer("BN", "bn_param { bn_mode: INFERENCE }", weights=[a, b], x=X)
    np.testing.assert_allclose(found, a * X + b, atol=1e-5)
    axes = (0, 2, 3)
    wanted = a * (X - X.mean(axes, keepdims=True)) / X.std(axes, keepdims=True) + b
    found = answer("BN", "bn_param { scale_filler {} shift_filler {} }", weights=[a, b], x=X)
    np.testing.assert_allclose(found, wanted, atol=1e-4)


def test_permute_and_shuffle() -> None:
    y = answer("Permute", "permute_param { order: 0 order: 2 order: 3 order: 1 }", x=X)
    for n, c, i, j in itertools.product(*map(range, X.shape)):
        assert y[n, i, j, c] == X[n, c, i, j]
    y = answer("ShuffleChannel", "shuffle_channel_param { group: 2 }", x=X)
    np.testing.assert_array_equal(y, X[:, [0, 2, 1, 3]])
    with pytest.raises(CaffeError, match="cannot be split into 3 groups"):
        answer("ShuffleChannel", "shuffle_channel_param { group: 3 }", x=X)


def reorganized(flat: Floats, n: int, c: int, h: int, w: int, s: int, forward: bool) -> Floats:
    """darknet's loop over the flat memory."""
    out = np.zeros_like(flat)
    few = c // s**2
    for b, k, j, i in itertools.product(range(n), range(c), range(h), range(w)):
        here = i + w * (j + h * (k + c * b))
        offset = k // few
        x, y = i * s + offset % s, j * s + offset // s
        there = x + w * s * (y + h * s * (k % few + few * b))
        if forward:
            out[there] = flat[here]
        else:
            out[here] = flat[there]
    return out


@pytest.mark.parametrize("reverse", [False, True])
def test_reorg(reverse: bool) -> None:
    x = normal(2, 8, 4, 6)
    y = answer("Reorg", f"reorg_param {{ stride: 2 reverse: {str(reverse).lower()} }}", x=x)
    assert y.shape == ((2, 2, 8, 12) if reverse else (2, 32, 2, 3))
    np.testing.assert_array_equal(y.reshape(-1), reorganized(x.reshape(-1), 2, 8, 4, 6, 2, reverse))


def test_upsample_repeats() -> None:
    y = answer("Upsample", "upsample_param { scale: 2 }", x=X)
    np.testing.assert_array_equal(y, X.repeat(2, 2).repeat(2, 3))


@pytest.mark.parametrize(
    ("rest", "size"),
    [
        ("height: 11 width: 3", (11, 3)),
        ("zoom_factor: 2", (11, 9)),
        ("shrink_factor: 2", (3, 3)),
        ("shrink_factor: 2 zoom_factor: 3", (7, 7)),
        ("height: 1 width: 7 pad_beg: -1 pad_end: -1", (1, 7)),
    ],
)
def test_interp(rest: str, size: tuple[int, int]) -> None:
    y = answer("Interp", f"interp_param {{ {rest} }}", x=X)
    x = X[:, :, 1:-1, 1:-1] if "pad" in rest else X
    assert y.shape == (2, 4, *size)

    def place(i: int, before: int, after: int) -> tuple[int, int, float]:
        at = i * (before - 1) / (after - 1) if after > 1 else 0.0
        low = int(at)
        return low, min(low + 1, before - 1), at - low

    for i, j in itertools.product(*map(range, size)):
        a, b, t = place(i, x.shape[2], size[0])
        c, d, u = place(j, x.shape[3], size[1])
        wanted = (1 - t) * ((1 - u) * x[:, :, a, c] + u * x[:, :, a, d]) + t * (
            (1 - u) * x[:, :, b, c] + u * x[:, :, b, d]
        )
        np.testing.assert_allclose(y[:, :, i, j], wanted, atol=1e-5)


def test_interp_to_another_blob() -> None:
    assert answer("Interp", "", "x z", x=X, z=normal(1, 1, 9, 8)).shape == (2, 4, 9, 8)
    with pytest.raises(CaffeError, match="no size"):
        answer("Interp", x=X)


@pytest.mark.parametrize("kind", ["ConvolutionDepthwise", "DepthwiseConvolution"])
def test_depthwise(kind: str) -> None:
    weight, bias = normal(4, 1, 3, 3), normal(4)
    rest = "convolution_param { num_output: 4 kernel_size: 3 pad: 1 %s }"
    wanted = answer("Convolution", rest % "group: 4", weights=[weight, bias], x=X)
    for group in ("", "group: 4"):
        net = run(layer(kind, rest % group), weights={"op": [weight, bias]}, x=X)
        assert net.params["op"][0].shape == (4, 1, 3, 3)
        np.testing.assert_allclose(net.blobs["y"].data, wanted, atol=1e-5)
    with pytest.raises(CaffeError, match="each needs as many outputs"):
        answer(kind, "convolution_param { num_output: 6 kernel_size: 3 }", x=X)


def test_axpy() -> None:
    scale, z = normal(2, 4, 1, 1), normal(*X.shape)
    np.testing.assert_allclose(answer("Axpy", "", "s x z", s=scale, x=X, z=z), scale * X + z,
                               atol=1e-5)  # fmt: skip


def test_continuation_indicator() -> None:
    text = "continuation_indicator_param { time_step: 3 batch_size: 2 }"
    net = run(layer("ContinuationIndicator", text, bottoms=""))
    np.testing.assert_array_equal(net.blobs["y"].data, [[0, 0], [1, 1], [1, 1]])
    y = answer("ContinuationIndicator", text, "x", x=[1, 0])
    np.testing.assert_array_equal(y, [[1, 0], [1, 1], [1, 1]])


def test_prior_box() -> None:
    rest = (
        "prior_box_param { min_size: 10 max_size: 24.5 aspect_ratio: 2 aspect_ratio: 1 "
        "aspect_ratio: 3 clip: true variance: 0.1 variance: 0.1 variance: 0.2 variance: 0.3 }"
    )
    y = answer("PriorBox", rest, "x z", x=normal(1, 4, 2, 3), z=normal(1, 3, 40, 60))
    sizes = [(10.0, 10.0), (math.sqrt(240), math.sqrt(240))]
    sizes += [(10 * math.sqrt(r), 10 / math.sqrt(r)) for r in (2, 1 / 2, 3, 1 / 3)]
    wanted = []
    for i, j in itertools.product(range(2), range(3)):
        x, y0 = (j + 0.5) * 20, (i + 0.5) * 20
        for w, h in sizes:
            box = [(x - w / 2) / 60, (y0 - h / 2) / 40, (x + w / 2) / 60, (y0 + h / 2) / 40]
            wanted += [min(max(v, 0), 1) for v in box]
    assert y.shape == (1, 2, 2 * 3 * 6 * 4)
    np.testing.assert_allclose(y[0, 0], wanted, atol=1e-6)
    np.testing.assert_allclose(y[0, 1].reshape(-1, 4), np.tile([0.1, 0.1, 0.2, 0.3], (36, 1)))


def overlap(a: Any, b: Any, unit: float) -> float:
    w = min(a[2], b[2]) - max(a[0], b[0]) + unit
    h = min(a[3], b[3]) - max(a[1], b[1]) + unit
    if w <= 0 or h <= 0:
        return 0.0
    area = [(c[2] - c[0] + unit) * (c[3] - c[1] + unit) for c in (a, b)]
    return float(w * h / (sum(area) - w * h))


def keep(boxes: Any, scores: Any, threshold: float, unit: float) -> list[int]:
    kept: list[int] = []
    for i in sorted(range(len(scores)), key=lambda i: -scores[i]):
        if all(overlap(boxes[i], boxes[k], unit) <= threshold for k in kept):
            kept.append(i)
    return kept


@pytest.mark.parametrize("shared", [True, False])
@pytest.mark.parametrize("code", ["CENTER_SIZE", "CORNER", "CORNER_SIZE"])
def test_detection_output(shared: bool, code: str) -> None:
    rng = np.random.default_rng(3)
    count, classes = 12, 3
    low = rng.uniform(0, 0.6, (count, 2))
    prior = np.concatenate([low, low + rng.uniform(0.1, 0.4, (count, 2))], axis=1)
    variance = np.tile([0.1, 0.1, 0.2, 0.2], (count, 1))
    places = 1 if shared else classes
    location = rng.standard_normal((2, count, places, 4))
    scores = rng.uniform(0, 1, (2, count, classes))
    rest = (
        f"detection_output_param {{ num_classes: 3 share_location: {str(shared).lower()} "
        f"code_type: {code} nms_param {{ nms_threshold: 0.4 top_k: 5 }} keep_top_k: 7 "
        "confidence_threshold: 0.2 }"
    )
    data = {"l": location.reshape(2, -1), "c": scores.reshape(2, -1)}
    data["p"] = np.stack([prior.ravel(), variance.ravel()])[None]
    found = answer("DetectionOutput", rest, "l c p", **data)
    wanted = []
    for n in range(2):
        rows = []
        for label in (1, 2):
            boxes = []
            for k in range(count):
                v = location[n, k, 0 if shared else label] * variance[k]
                w, h = prior[k, 2:] - prior[k, :2]
                if code == "CORNER":
                    box = prior[k] + v
                elif code == "CORNER_SIZE":
                    box = prior[k] + v * [w, h, w, h]
                else:
                    x, y = prior[k, :2] + [w / 2, h / 2] + v[:2] * [w, h]
                    w, h = math.exp(v[2]) * w, math.exp(v[3]) * h
                    box = np.array([x - w / 2, y - h / 2, x + w / 2, y + h / 2])
                boxes.append(box)
            s = scores[n, :, label]
            chosen = [i for i in sorted(range(count), key=lambda i: -s[i]) if s[i] > 0.2][:5]
            kept = keep([boxes[i] for i in chosen], [s[i] for i in chosen], 0.4, 0)
            rows += [[n, label, s[chosen[i]], *boxes[chosen[i]]] for i in kept]
        rows = sorted(rows, key=lambda row: -row[2])[:7]
        wanted += sorted(rows, key=lambda row: row[1])
    assert found.shape == (1, 1, len(wanted), 7)
    np.testing.assert_allclose(found[0, 0], wanted, atol=1e-5)
    rest = rest.replace("0.2 }", "2 }")
    nothing = answer("DetectionOutput", rest, "l c p", **data)
    np.testing.assert_array_equal(nothing[0, 0], [[0, *[-1] * 6], [1, *[-1] * 6]])


PROPOSE = """
layer { name: "op" type: "Python" bottom: "s" bottom: "b" bottom: "i" top: "y"
  python_param { module: "rpn.proposal_layer" layer: "ProposalLayer"
    param_str: "'feat_stride': 16" } }
layer { name: "pool" type: "ROIPooling" bottom: "f" bottom: "y" top: "pool"
  roi_pooling_param { pooled_h: 2 pooled_w: 3 spatial_scale: 0.0625 } }
"""

#: generate_anchors() of Faster R-CNN prints these.
ANCHORS = [
    [-84, -40, 99, 55], [-176, -88, 191, 103], [-360, -184, 375, 199],
    [-56, -56, 71, 71], [-120, -120, 135, 135], [-248, -248, 263, 263],
    [-36, -80, 51, 95], [-80, -168, 95, 183], [-168, -344, 183, 359],
]  # fmt: skip


def test_proposals_and_their_pooling() -> None:
    rng = np.random.default_rng(5)
    scores = rng.uniform(0, 1, (1, 18, 5, 7)).astype(np.float32)
    moves = (rng.standard_normal((1, 36, 5, 7)) * 0.2).astype(np.float32)
    features = normal(1, 3, 5, 7)
    net = run(PROPOSE, s=scores, b=moves, i=[[80, 112, 1]], f=features)
    boxes, chances = [], []
    for i, j, a in itertools.product(range(5), range(7), range(9)):
        x0, y0, x1, y1 = np.array(ANCHORS[a]) + 16 * np.array([j, i, j, i])
        w, h = x1 - x0 + 1, y1 - y0 + 1
        dx, dy, dw, dh = moves[0, 4 * a : 4 * a + 4, i, j].astype(float)
        x, y = dx * w + x0 + w / 2, dy * h + y0 + h / 2
        w, h = math.exp(dw) * w, math.exp(dh) * h
        box = [x - w / 2, y - h / 2, x + w / 2, y + h / 2]
        box = [min(max(v, 0), m) for v, m in zip(box, (111, 79, 111, 79))]
        if box[2] - box[0] + 1 >= 16 and box[3] - box[1] + 1 >= 16:
            boxes.append(box)
            chances.append(scores[0, 9 + a, i, j])
    kept = keep(boxes, chances, 0.7, 1)[:300]
    found = net.blobs["y"].data
    assert found.shape == (len(kept), 5)
    np.testing.assert_allclose(found[:, 1:], [boxes[k] for k in kept], atol=1e-3)
    # The layers behind it have as many regions, and a snapshot finds the same.
    assert net.blobs["pool"].shape == (len(kept), 3, 2, 3)
    twin = net.snapshot()
    twin.forward()
    np.testing.assert_array_equal(twin.blobs["pool"].data, net.blobs["pool"].data)
    for region, out in zip(found, net.blobs["pool"].data):
        np.testing.assert_allclose(out, pooled(features[0], region[1:] / 16, 2, 3), atol=1e-6)


def test_proposals_of_the_forks_in_cpp() -> None:
    rng = np.random.default_rng(6)
    text = """
layer { name: "op" type: "Proposal" bottom: "s" bottom: "b" bottom: "i" top: "y" top: "chance"
  proposal_param { feat_stride: 8 base_size: 8 min_size: 4 ratio: 1 scale: 2 scale: 4
    pre_nms_topn: 6 post_nms_topn: 3 nms_thresh: 0.9 } }
"""
    scores = rng.permutation(4 * 3 * 4).reshape(1, 4, 3, 4).astype(np.float32)
    net = run(text, s=scores, b=np.zeros((1, 8, 3, 4)), i=[[24, 32, 1]])
    best = np.sort(scores[0, 2:].ravel())[::-1][:6]
    found = net.blobs["chance"].data.ravel()
    assert len(found) <= 3
    assert set(found.tolist()) <= set(best.tolist())
    assert found[0] == best[0]
    np.testing.assert_array_equal(found, np.sort(found)[::-1])


@pytest.mark.parametrize(
    "told",
    [
        "'feat_stride': 8 \\n'scales': !!python/tuple [4, 8, 16, 32]",
        "{'feat_stride': 8, 'scales': (4, 8, 16, 32)}",
        "feat_stride: 8\\nscales: [4, 8, 16, 32]",
    ],
)
def test_parameters_of_the_proposal_layer(told: str) -> None:
    text = PROPOSE.splitlines()[1:4]
    text[2] = f'    param_str: "{told}" }} }}'
    scores, boxes = np.zeros((1, 24, 2, 2)), np.zeros((1, 48, 2, 2))
    net = run("\n".join(text), s=scores, b=boxes, i=[[16, 16, 1]])
    assert net._topology.layers[-1].p.feat_stride == 8  # type: ignore[attr-defined]
    text[2] = '    param_str: "nothing" } }'
    with pytest.raises(CaffeError, match="names no feat_stride"):
        run("\n".join(text), s=scores, b=boxes, i=[[16, 16, 1]])


def half_up(value: float) -> int:
    return math.floor(abs(value) + 0.5) * (1 if value >= 0 else -1)


def pooled(features: Floats, region: Any, rows: int, columns: int) -> Floats:
    x0, y0, x1, y1 = (half_up(float(v)) for v in region)
    height, width = max(y1 - y0 + 1, 1), max(x1 - x0 + 1, 1)
    out = np.zeros((len(features), rows, columns), np.float32)
    for i, j in itertools.product(range(rows), range(columns)):
        top, bottom = y0 + i * height // rows, y0 + -(-(i + 1) * height // rows)
        left, right = x0 + j * width // columns, x0 + -(-(j + 1) * width // columns)
        part = features[:, max(top, 0) : max(bottom, 0), max(left, 0) : max(right, 0)]
        out[:, i, j] = part.max(axis=(1, 2)) if part.size else 0
    return out


@pytest.mark.parametrize(
    ("kind", "rest", "words"),
    [
        ("ROIPooling", "roi_pooling_param { pooled_h: 1 pooled_w: 1 }",
         "index is 2, but there are 2"),
        ("PSROIPooling", "psroi_pooling_param { spatial_scale: 1 output_dim: 4 group_size: 1 }",
         "a region is of picture 2, but there are 2"),
    ],
)  # fmt: skip
def test_a_region_of_no_picture_is_refused(kind: str, rest: str, words: str) -> None:
    with pytest.raises(CaffeError, match=words):
        answer(kind, rest, "x r", x=X, r=[[0, 0, 0, 2, 2], [2, 0, 0, 2, 2]])


def test_psroi_pooling() -> None:
    features = normal(2, 2 * 9, 6, 8)
    regions = np.array([[0, 3, 5, 60, 40], [1, -20, 10, 15, 90], [1, 200, 200, 210, 210]])
    rest = "psroi_pooling_param { spatial_scale: 0.125 output_dim: 2 group_size: 3 }"
    found = answer("PSROIPooling", rest, "f r", f=features, r=regions)
    for region, out in zip(regions, found):
        x0, y0 = (half_up(v) * 0.125 for v in region[1:3])
        width, height = (
            max((half_up(v) + 1) * 0.125 - s, 0.1) for v, s in zip(region[3:], (x0, y0))
        )
        for c, i, j in itertools.product(range(2), range(3), range(3)):
            ys = [math.floor(i * height / 3 + y0), math.ceil((i + 1) * height / 3 + y0)]
            xs = [math.floor(j * width / 3 + x0), math.ceil((j + 1) * width / 3 + x0)]
            ys, xs = [min(max(y, 0), 6) for y in ys], [min(max(x, 0), 8) for x in xs]
            part = features[int(region[0]), (c * 3 + i) * 3 + j, ys[0] : ys[1], xs[0] : xs[1]]
            assert out[c, i, j] == pytest.approx(part.mean() if part.size else 0, abs=1e-5)


def test_types_in_the_words_of_forks() -> None:
    for kind in ("RELU6", "Relu6", "roi_pooling", "ROIPOOLING", "hswish"):
        param = caffe.proto.caffe_pb2.LayerParameter(name="a", type=kind, bottom=["x"], top=["y"])
        if "roi" in kind.lower():
            param.bottom.append("r")
            param.roi_pooling_param.pooled_h = param.roi_pooling_param.pooled_w = 2
        from filterlab.caffe.layers import create_layer

        assert create_layer(param, caffe.TEST).type in ("ReLU6", "ROIPooling", "HardSwish")
