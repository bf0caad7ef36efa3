"""Layers without stored results, against plain loops over Caffe's definitions."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

import filterlab.caffe as caffe
from filterlab.caffe.prototxt import parse_net

Floats = npt.NDArray[np.float32]
RNG = np.random.default_rng(5)


def run(
    layers: str, phase: int = caffe.TEST, weights: dict[str, list[Any]] | None = None, **data: Any
) -> caffe.Net:
    """A net of Input layers for ``data`` and the layers given, after a forward."""
    text = ""
    for name, values in data.items():
        dims = " ".join(f"dim: {n}" for n in np.shape(values))
        text += (
            f'layer {{ name: "{name}" type: "Input" top: "{name}" '
            f"input_param {{ shape {{ {dims} }} }} }}\n"
        )
    net = caffe.Net(parse_net(text + layers), phase)
    for name, arrays in (weights or {}).items():
        for blob, array in zip(net.params[name], arrays):
            blob.data[...] = array
    for name, values in data.items():
        net.blobs[name].data[...] = values
    net.forward()
    return net


def layer(kind: str, rest: str = "", bottoms: str = "x", tops: str = "y") -> str:
    """One layer named op."""
    b = " ".join(f'bottom: "{n}"' for n in bottoms.split())
    t = " ".join(f'top: "{n}"' for n in tops.split())
    return f'layer {{ name: "op" type: "{kind}" {b} {t} {rest} }}\n'


def normal(*shape: int) -> Floats:
    return RNG.standard_normal(shape).astype(np.float32)


X = normal(2, 3, 6, 5)


@pytest.mark.parametrize(
    ("kind", "rest", "function"),
    [
        ("Clip", "clip_param { min: -0.5 max: 0.25 }", lambda x: np.clip(x, -0.5, 0.25)),
        ("Swish", "swish_param { beta: 1.5 }", lambda x: x / (1 + np.exp(-1.5 * x))),
        ("Swish", "", lambda x: x / (1 + np.exp(-x))),
        ("Power", "power_param { power: 3 scale: 0.5 }", lambda x: (0.5 * x) ** 3),
        ("Power", "power_param { scale: 0 shift: 2 power: 0.5 }", lambda x: 0 * x + 2**0.5),
        ("Exp", "", np.exp),
        ("Exp", "exp_param { base: 10 shift: 0.5 }", lambda x: 10 ** (0.5 + x)),
        ("Log", "log_param { shift: 9 }", lambda x: np.log(9 + x)),
        ("ELU", "", lambda x: np.where(x > 0, x, np.expm1(np.minimum(x, 0)))),
        ("Softmax", "softmax_param { axis: -1 }", lambda x: softmax(x, 3)),
        ("Dropout", "", lambda x: x),
        ("Split", "", lambda x: x),
    ],
)
def test_elementwise(kind: str, rest: str, function: Callable[[Floats], Floats]) -> None:
    net = run(layer(kind, rest), x=X)
    np.testing.assert_allclose(net.blobs["y"].data, function(X), atol=1e-5, rtol=1e-5)


def softmax(x: Floats, axis: int) -> Floats:
    e = np.exp(x - x.max(axis=axis, keepdims=True))
    return np.asarray(e / e.sum(axis=axis, keepdims=True))


def pool(
    x: Floats, kernel: int, stride: int, pad: int, reduce: Callable[[Floats, int], float]
) -> Floats:
    """Caffe's pooling, window by window; ``reduce`` gets the values and the padded area."""
    height, width = x.shape[2:]
    rows, cols = (
        math.ceil((n + 2 * pad - kernel) / stride) + 1 - _outside(n, kernel, stride, pad)
        for n in (height, width)
    )
    out = np.zeros((*x.shape[:2], rows, cols), np.float32)
    for n, c, i, j in itertools.product(*(range(k) for k in out.shape)):
        y0, x0 = i * stride - pad, j * stride - pad
        y1, x1 = min(y0 + kernel, height + pad), min(x0 + kernel, width + pad)
        area = (y1 - y0) * (x1 - x0)
        values = x[n, c, max(y0, 0) : min(y1, height), max(x0, 0) : min(x1, width)]
        out[n, c, i, j] = reduce(values, area)
    return out


def _outside(n: int, kernel: int, stride: int, pad: int) -> int:
    count = math.ceil((n + 2 * pad - kernel) / stride) + 1
    return int(pad > 0 and (count - 1) * stride >= n + pad)


@pytest.mark.parametrize(
    ("size", "kernel", "stride", "pad"),
    [
        (7, 3, 2, 0),
        (8, 3, 2, 0),
        (8, 3, 2, 1),
        (7, 2, 2, 1),
        (9, 4, 3, 2),
        (9, 5, 4, 3),
        (5, 2, 3, 1),
        (6, 3, 3, 0),
        (4, 4, 1, 0),
    ],
)
def test_pooling_at_every_edge(size: int, kernel: int, stride: int, pad: int) -> None:
    x = normal(1, 2, size, size + 1)
    param = f"kernel_size: {kernel} stride: {stride} pad: {pad}"
    for method, reduce in (
        ("MAX", lambda v, area: v.max()),
        ("AVE", lambda v, area: v.sum() / area),
    ):
        net = run(layer("Pooling", f"pooling_param {{ pool: {method} {param} }}"), x=x)
        wanted = pool(x, kernel, stride, pad, reduce)
        np.testing.assert_allclose(net.blobs["y"].data, wanted, atol=1e-6)


def test_stochastic_pooling_at_test() -> None:
    x = np.abs(normal(2, 2, 7, 6))
    net = run(layer("Pooling", "pooling_param { pool: STOCHASTIC kernel_size: 3 stride: 2 }"), x=x)
    wanted = pool(x, 3, 2, 0, lambda v, area: (v * v).sum() / v.sum())
    np.testing.assert_allclose(net.blobs["y"].data, wanted, rtol=1e-5)
    zeros = run(layer("Pooling", "pooling_param { pool: STOCHASTIC kernel_size: 2 }"), x=x * 0)
    assert not zeros.blobs["y"].data.any()


def test_stride_beyond_the_kernel_counts_a_window_outside() -> None:
    """BVLC leaves its starting value there; the shape is what matters to the next layer."""
    x = normal(1, 1, 5, 4)
    net = run(layer("Pooling", "pooling_param { kernel_size: 1 stride: 2 }"), x=x)
    out = net.blobs["y"].data
    assert out.shape == (1, 1, 3, 3)
    np.testing.assert_array_equal(out[..., :2], x[..., ::2, ::2])
    assert (out[..., 2] == -np.finfo(np.float32).max).all()


def test_pad_along_one_axis_clips_both() -> None:
    """BVLC drops a last window outside along both axes where either is padded."""
    x = normal(1, 1, 3, 6)
    sizes = "kernel_size: 1 stride: 5 pad_h: 0 pad_w: 0"
    assert run(layer("Pooling", f"pooling_param {{ {sizes} }}"), x=x).blobs["y"].shape[2:] == (2, 2)
    sizes = "kernel_h: 2 kernel_w: 1 stride: 5 pad_h: 1 pad_w: 0"
    for method in ("MAX", "AVE"):
        net = run(layer("Pooling", f"pooling_param {{ pool: {method} {sizes} }}"), x=x[..., :5])
        assert net.blobs["y"].shape[2:] == (1, 1)
        top = x[0, 0, 0, 0] if method == "MAX" else x[0, 0, 0, 0] / 2
        assert net.blobs["y"].data.item() == pytest.approx(top)


@pytest.mark.parametrize("along", ["h", "w"])
@pytest.mark.parametrize("stride", [2, 3, 50])
def test_pooling_padded_along_one_axis_only(along: str, stride: int) -> None:
    """The shape by Caffe's own lines (pooling_layer.cpp), the values window by window."""
    height, width, kernel = 7, 8, 3
    pad = {"h": (1, 0), "w": (0, 1)}[along]
    x = normal(1, 2, height, width)
    counts = []
    for size, margin in zip((height, width), pad):
        count = math.ceil((size + 2 * margin - kernel) / stride) + 1
        if (count - 1) * stride >= size + margin:
            count -= 1
        counts.append(count)
    sizes = f"kernel_size: {kernel} stride: {stride} pad_h: {pad[0]} pad_w: {pad[1]}"
    for method in ("MAX", "AVE"):
        net = run(layer("Pooling", f"pooling_param {{ pool: {method} {sizes} }}"), x=x)
        found = net.blobs["y"].data
        assert found.shape == (1, 2, *counts)
        for c, i, j in itertools.product(range(2), *(range(k) for k in counts)):
            y0, x0 = i * stride - pad[0], j * stride - pad[1]
            y1, x1 = min(y0 + kernel, height + pad[0]), min(x0 + kernel, width + pad[1])
            values = x[0, c, max(y0, 0) : min(y1, height), max(x0, 0) : min(x1, width)]
            area = (y1 - y0) * (x1 - x0)
            wanted = values.max() if method == "MAX" else values.sum() / area
            assert found[0, c, i, j] == pytest.approx(float(wanted), abs=1e-5)


@pytest.mark.parametrize(("height", "width", "pad"), [(2, 2, 0), (2, 5, 0), (2, 3, 1)])
def test_pooling_a_blob_smaller_than_its_kernel(height: int, width: int, pad: int) -> None:
    """Rounding up, BVLC still finds one window, which ends where the blob ends."""
    x = normal(2, 2, height, width)
    sizes = f"kernel_size: {3 + 2 * pad} stride: 2 pad: {pad}"
    for method, reduce in (
        ("MAX", lambda v, area: v.max()),
        ("AVE", lambda v, area: v.sum() / area),
    ):
        net = run(layer("Pooling", f"pooling_param {{ pool: {method} {sizes} }}"), x=x)
        wanted = pool(x, 3 + 2 * pad, 2, pad, reduce)
        np.testing.assert_allclose(net.blobs["y"].data, wanted, atol=1e-6)


def test_places_of_the_maxima() -> None:
    """The second top of MAX, which unpooling needs: row * width + column, the first of equals."""
    x = np.round(normal(2, 3, 7, 6))
    for kernel, stride, pad in ((2, 2, 0), (3, 2, 1), (3, 1, 2), (2, 3, 0), (1, 5, 0)):
        sizes = f"kernel_size: {kernel} stride: {stride} pad: {pad}"
        net = run(layer("Pooling", f"pooling_param {{ {sizes} }}", tops="y mask"), x=x)
        out, mask = net.blobs["y"].data, net.blobs["mask"].data
        assert mask.shape == out.shape
        for n, c, i, j in itertools.product(*(range(k) for k in out.shape)):
            best, place = -np.finfo(np.float32).max, -1
            for y in range(max(i * stride - pad, 0), min(i * stride - pad + kernel, 7)):
                for z in range(max(j * stride - pad, 0), min(j * stride - pad + kernel, 6)):
                    if x[n, c, y, z] > best:
                        best, place = x[n, c, y, z], y * 6 + z
            assert (out[n, c, i, j], mask[n, c, i, j]) == (best, place)


@pytest.mark.parametrize("method", ["MAX", "AVE"])
def test_spatial_pyramid(method: str) -> None:
    x = normal(2, 3, 13, 9)
    net = run(layer("SPP", f"spp_param {{ pyramid_height: 3 pool: {method} }}"), x=x)
    rows = []
    for bins in (1, 2, 4):
        out = np.zeros((2, 3, bins, bins), np.float32)
        for i, j in itertools.product(range(bins), repeat=2):
            spans = []
            for n, k in ((13, i), (9, j)):
                kernel = math.ceil(n / bins)
                pad = (kernel * bins - n + 1) // 2
                low = k * kernel - pad
                spans.append((low, min(low + kernel, n + pad), n))
            area = math.prod(b - a for a, b, _ in spans)
            (a, b, n), (c, d, m) = spans
            values = x[:, :, max(a, 0) : min(b, n), max(c, 0) : min(d, m)]
            total = values.max(axis=(2, 3)) if method == "MAX" else values.sum(axis=(2, 3)) / area
            out[:, :, i, j] = total
        rows.append(out.reshape(2, -1))
    np.testing.assert_allclose(net.blobs["y"].data, np.concatenate(rows, axis=1), atol=1e-5)


def test_convolution_over_one_and_three_axes() -> None:
    x, w = normal(2, 3, 9), normal(4, 3, 3)
    param = "convolution_param { num_output: 4 kernel_size: 3 stride: 2 bias_term: false }"
    net = run(layer("Convolution", param), weights={"op": [w]}, x=x)
    wanted = np.stack(
        [np.einsum("nck,ock->no", x[:, :, i : i + 3], w) for i in (0, 2, 4, 6)], axis=2
    )
    np.testing.assert_allclose(net.blobs["y"].data, wanted, atol=1e-5)

    x, w = normal(1, 2, 4, 5, 3), normal(3, 2, 2, 3, 1)
    param = (
        "convolution_param { num_output: 3 kernel_size: 2 kernel_size: 3 kernel_size: 1 "
        "bias_term: false }"
    )
    net = run(layer("Convolution", param), weights={"op": [w]}, x=x)
    wanted = np.zeros((1, 3, 3, 3, 3), np.float32)
    for i, j, k in itertools.product(range(3), repeat=3):
        wanted[:, :, i, j, k] = np.einsum(
            "ncdhw,ocdhw->no", x[:, :, i : i + 2, j : j + 3, k : k + 1], w
        )
    np.testing.assert_allclose(net.blobs["y"].data, wanted, atol=1e-5)


def test_convolution_along_another_axis() -> None:
    x, w, b = normal(2, 2, 3, 7), normal(4, 3, 3), normal(4)
    param = "convolution_param { num_output: 4 kernel_size: 3 axis: 2 }"
    net = run(layer("Convolution", param), weights={"op": [w, b]}, x=x)
    wanted = np.stack(
        [np.einsum("abck,ock->abo", x[..., i : i + 3], w) + b for i in range(5)], axis=3
    )
    np.testing.assert_allclose(net.blobs["y"].data, wanted, atol=1e-5)


def test_one_convolution_for_several_bottoms() -> None:
    a, b = normal(1, 2, 5, 5), normal(1, 2, 5, 5)
    param = "convolution_param { num_output: 3 kernel_size: 3 weight_filler { type: 'xavier' } }"
    net = run(layer("Convolution", param, "a b", "p q"), a=a, b=b)
    assert len(net.params["op"]) == 2
    net.blobs["a"].data[...] = b
    before = net.blobs["q"].data.copy()
    net.forward()
    np.testing.assert_array_equal(net.blobs["p"].data, before)
    assert before.any()


def test_dilated_deconvolution_and_its_bilinear_filler() -> None:
    x = normal(1, 2, 4, 3)
    w = normal(2, 3, 3, 2)
    param = (
        "convolution_param { num_output: 3 kernel_h: 3 kernel_w: 2 stride: 2 dilation: 2 "
        "bias_term: false }"
    )
    net = run(layer("Deconvolution", param), weights={"op": [w]}, x=x)
    wanted = np.zeros((1, 3, 2 * 3 + 5, 2 * 2 + 3), np.float32)
    for i, j, ky, kx in itertools.product(range(4), range(3), range(3), range(2)):
        wanted[0, :, 2 * i + 2 * ky, 2 * j + 2 * kx] += x[0, :, i, j] @ w[:, :, ky, kx]
    np.testing.assert_allclose(net.blobs["y"].data, wanted, atol=1e-5)

    param = (
        "convolution_param { num_output: 2 group: 2 kernel_size: 4 stride: 2 pad: 1 "
        "bias_term: false weight_filler { type: 'bilinear' } }"
    )
    flat = np.ones((1, 2, 5, 5), np.float32)
    net = run(layer("Deconvolution", param), x=flat)
    assert net.blobs["y"].data.shape == (1, 2, 10, 10)
    np.testing.assert_allclose(net.blobs["y"].data[..., 1:-1, 1:-1], 1)


def test_im2col() -> None:
    x = normal(2, 3, 6, 7)
    param = "convolution_param { kernel_h: 3 kernel_w: 2 stride: 2 pad: 1 }"
    net = run(layer("Im2col", param), x=x)
    padded = np.pad(x, ((0, 0), (0, 0), (1, 1), (1, 1)))
    wanted = np.zeros((2, 18, 3, 4), np.float32)
    for i, j in itertools.product(range(3), range(4)):
        window = padded[:, :, 2 * i : 2 * i + 3, 2 * j : 2 * j + 2]
        wanted[:, :, i, j] = window.reshape(2, 18)
    np.testing.assert_array_equal(net.blobs["y"].data, wanted)


def test_embed() -> None:
    table, bias = normal(7, 4), normal(4)
    index = np.array([[0, 6], [3, 3]])
    param = "embed_param { num_output: 4 input_dim: 7 }"
    net = run(layer("Embed", param), weights={"op": [table, bias]}, x=index)
    np.testing.assert_allclose(net.blobs["y"].data, table[index] + bias, atol=1e-6)
    net.blobs["x"].data[0, 0] = 7
    with pytest.raises(caffe.CaffeError):
        net.forward()


def test_parameter_and_dummy_data() -> None:
    text = (
        'layer { name: "p" type: "Parameter" top: "p" parameter_param { shape { dim: 2 dim: 3 } } }'
        'layer { name: "d" type: "DummyData" top: "c" top: "r" dummy_data_param {'
        "  shape { dim: 2 dim: 3 } data_filler { type: 'constant' value: 4 }"
        "  data_filler { type: 'uniform' min: 5 max: 6 } } }"
        'layer { name: "s" type: "Eltwise" bottom: "p" bottom: "c" top: "s" }'
        'layer { name: "z" type: "Silence" bottom: "r" }'
    )
    net = caffe.Net(parse_net(text), caffe.TEST)
    assert net.inputs == []
    assert net.outputs == ["s"]
    assert (net.blobs["c"].data == 4).all()
    first = net.blobs["r"].data.copy()
    net.params["p"][0].data[...] = [[1, 2, 3], [4, 5, 6]]
    np.testing.assert_array_equal(net.forward()["s"], [[5, 6, 7], [8, 9, 10]])
    second = net.blobs["r"].data
    assert ((second >= 5) & (second < 6)).all()
    assert (first != second).any(), "random dummy data is drawn anew at each forward"


@pytest.mark.parametrize(
    ("operation", "function"),
    [
        ("SUM", lambda x: x.sum(axis=(2, 3))),
        ("ASUM", lambda x: np.abs(x).sum(axis=(2, 3))),
        ("SUMSQ", lambda x: (x * x).sum(axis=(2, 3))),
        ("MEAN", lambda x: x.mean(axis=(2, 3))),
    ],
)
def test_reduction(operation: str, function: Callable[[Floats], Floats]) -> None:
    param = f"reduction_param {{ operation: {operation} axis: -2 coeff: 0.5 }}"
    net = run(layer("Reduction", param), x=X)
    np.testing.assert_allclose(net.blobs["y"].data, 0.5 * function(X), atol=1e-5)


def test_reduction_to_a_scalar() -> None:
    net = run(layer("Reduction"), x=X)
    assert net.blobs["y"].shape == ()
    np.testing.assert_allclose(net.blobs["y"].data, X.sum(), rtol=1e-5)


def test_argmax_in_all_its_forms() -> None:
    x = normal(2, 5, 2, 3)
    x[0, 1] = x[0, 4] = 9
    best = np.argsort(-x, axis=1, kind="stable")[:, :2]
    best[0] = [[[4]], [[1]]]
    net = run(layer("ArgMax", "argmax_param { axis: 1 top_k: 2 }"), x=x)
    np.testing.assert_array_equal(net.blobs["y"].data, best)
    net = run(layer("ArgMax", "argmax_param { axis: 1 top_k: 2 out_max_val: true }"), x=x)
    np.testing.assert_array_equal(net.blobs["y"].data, np.take_along_axis(x, best, 1))
    rows = x.reshape(2, -1)
    order = np.array([sorted(range(30), key=lambda i, r=r: (-r[i], -i))[:3] for r in rows])
    net = run(layer("ArgMax", "argmax_param { top_k: 3 }"), x=x)
    np.testing.assert_array_equal(net.blobs["y"].data, order.reshape(2, 1, 3, 1))
    net = run(layer("ArgMax", "argmax_param { top_k: 3 out_max_val: true }"), x=x)
    values = np.take_along_axis(rows, order, 1)
    np.testing.assert_array_equal(net.blobs["y"].data[..., 0], np.stack([order, values], axis=1))


@pytest.mark.parametrize("across", [False, True])
@pytest.mark.parametrize("variance", [False, True])
def test_mvn(across: bool, variance: bool) -> None:
    param = (
        f"mvn_param {{ across_channels: {str(across).lower()} "
        f"normalize_variance: {str(variance).lower()} eps: 0.01 }}"
    )
    net = run(layer("MVN", param), x=X)
    axes = (1, 2, 3) if across else (2, 3)
    wanted = X - X.mean(axis=axes, keepdims=True)
    if variance:
        wanted = wanted / (X.std(axis=axes, keepdims=True) + 0.01)
    np.testing.assert_allclose(net.blobs["y"].data, wanted, atol=1e-5)


def test_batch_norm_of_stored_and_of_batch_statistics() -> None:
    mean, variance = normal(3), np.abs(normal(3))
    net = run(layer("BatchNorm"), weights={"op": [mean * 4, variance * 4, [4]]}, x=X)
    shaped = mean[:, None, None], variance[:, None, None]
    wanted = (X - shaped[0]) / np.sqrt(shaped[1] + 1e-5)
    np.testing.assert_allclose(net.blobs["y"].data, wanted, atol=1e-4, rtol=1e-4)
    net.params["op"][2].data[...] = 0
    net.forward()
    np.testing.assert_allclose(net.blobs["y"].data, X / np.sqrt(1e-5), rtol=1e-4)

    net = run(layer("BatchNorm"), phase=caffe.TRAIN, x=X)
    axes = (0, 2, 3)
    wanted = (X - X.mean(axes, keepdims=True)) / np.sqrt(X.var(axes, keepdims=True) + 1e-5)
    np.testing.assert_allclose(net.blobs["y"].data, wanted, atol=1e-5)

    flat = normal(4, 6)
    net = run(layer("BatchNorm"), weights={"op": [np.ones(6), np.full(6, 4), [1]]}, x=flat)
    np.testing.assert_allclose(net.blobs["y"].data, (flat - 1) / 2, atol=1e-5)


def test_scale_and_bias_by_a_second_bottom_and_over_all_axes() -> None:
    s = normal(3, 6)
    net = run(layer("Scale", "scale_param { axis: 1 }", "x s"), x=X, s=s)
    np.testing.assert_allclose(net.blobs["y"].data, X * s[None, :, :, None], atol=1e-6)
    assert "op" not in net.params
    net = run(layer("Bias", "bias_param { axis: 0 num_axes: -1 }"), x=X)
    assert net.params["op"][0].shape == X.shape
    net = run(layer("Bias", "bias_param { axis: 0 }", "x s"), x=X[0, 0], s=X[0, 0, :, 0])
    np.testing.assert_allclose(net.blobs["y"].data, X[0, 0] + X[0, 0, :, :1], atol=1e-6)
    net = run(layer("Scale", "scale_param { num_axes: 0 filler { value: 3 } }"), x=X)
    assert net.params["op"][0].shape == ()
    np.testing.assert_allclose(net.blobs["y"].data, X * 3, atol=1e-6)


def test_prelu_shared_by_all_channels() -> None:
    net = run(layer("PReLU", "prelu_param { channel_shared: true }"), x=X)
    np.testing.assert_allclose(net.blobs["y"].data, np.where(X > 0, X, 0.25 * X), atol=1e-6)


def test_dropout_in_the_training_phase() -> None:
    caffe.set_random_seed(3)
    ones = np.ones((100, 100), np.float32)
    net = run(layer("Dropout", "dropout_param { dropout_ratio: 0.25 }"), caffe.TRAIN, x=ones)
    first = net.blobs["y"].data.copy()
    assert set(np.unique(first)) == {np.float32(0), np.float32(1 / 0.75)}
    assert abs(first.mean() - 1) < 0.03
    net.forward()
    assert (first != net.blobs["y"].data).any()


def test_reshape_slice_flatten_crop_tile() -> None:
    param = "reshape_param { shape { dim: 3 dim: -1 } axis: 1 num_axes: 2 }"
    net = run(layer("Reshape", param), x=X)
    np.testing.assert_array_equal(net.blobs["y"].data, X.reshape(2, 3, 6, 5))
    param = "reshape_param { shape { dim: 1 } axis: 1 num_axes: 0 }"
    net = run(layer("Reshape", param), x=X)
    assert net.blobs["y"].shape == (2, 1, 3, 6, 5)
    net = run(layer("Slice", "slice_param { axis: -2 }", "x", "p q r"), x=X)
    np.testing.assert_array_equal(net.blobs["q"].data, X[:, :, 2:4])
    net = run(layer("Flatten", "flatten_param { axis: 0 end_axis: -2 }"), x=X)
    np.testing.assert_array_equal(net.blobs["y"].data, X.reshape(36, 5))
    like = np.zeros((2, 3, 2, 2))
    net = run(layer("Crop", "crop_param { axis: 2 offset: 1 offset: 3 }", "x z"), x=X, z=like)
    np.testing.assert_array_equal(net.blobs["y"].data, X[:, :, 1:3, 3:5])
    net = run(layer("Tile", "tile_param { axis: 2 tiles: 2 }"), x=X)
    np.testing.assert_array_equal(net.blobs["y"].data, np.tile(X, (1, 1, 2, 1)))
    net = run(layer("BatchReindex", "", "x i"), x=X, i=np.array([1, 1, 0]))
    np.testing.assert_array_equal(net.blobs["y"].data, X[[1, 1, 0]])


@pytest.mark.parametrize("beta", [0.5, 0.6, 0.75, 1.0])
@pytest.mark.parametrize(("channels", "size"), [(7, 3), (3, 7), (520, 5), (520, 1301)])
def test_lrn_across_channels(beta: float, channels: int, size: int) -> None:
    x = 3 * normal(2, channels, 2, 3)
    param = f"lrn_param {{ local_size: {size} alpha: 0.3 beta: {beta} k: 2 }}"
    net = run(layer("LRN", param), x=x)
    squares = np.pad(x * x, ((0, 0), (size // 2, size // 2), (0, 0), (0, 0)))
    sums = sum(squares[:, i : i + channels] for i in range(size))
    wanted = x / (2 + 0.3 / size * sums) ** beta
    np.testing.assert_allclose(net.blobs["y"].data, wanted, rtol=2e-5)


@pytest.mark.parametrize("beta", [0.75, 1.0, 0.3])
def test_lrn_within_a_channel(beta: float) -> None:
    x = 3 * normal(1, 2, 6, 5)
    param = f"lrn_param {{ local_size: 3 alpha: 0.3 beta: {beta} norm_region: WITHIN_CHANNEL }}"
    net = run(layer("LRN", param), x=x)
    mean = pool(x * x, 3, 1, 1, lambda v, area: v.sum() / area)
    np.testing.assert_allclose(net.blobs["y"].data, x / (1 + 0.3 * mean) ** beta, rtol=2e-5)
