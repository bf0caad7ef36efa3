"""Convolutions with fewer multiplications: the numbers of the plain ones, whatever is fed."""

from __future__ import annotations

import math
from collections.abc import Callable
from fractions import Fraction
from itertools import pairwise
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

import filterlab.caffe as caffe
from filterlab.caffe import derived, packing, plan, winograd
from filterlab.caffe.prototxt import parse_net
from filterlab.caffe.winograd import Transformed
from tools.attack import forward

Floats = npt.NDArray[np.float32]


@pytest.fixture
def fast(packed: None, monkeypatch: pytest.MonkeyPatch) -> None:
    """Compute all convolutions so that can be, however small they are."""
    monkeypatch.setattr(winograd, "MARGIN", math.inf)
    if not plan._packing_works():
        pytest.skip("ONNX Runtime has no other layout for this processor")


def conv(name: str, bottom: str, kernels: int, rest: str = "pad: 1", size: int = 3) -> str:
    """A Convolution layer with random weights."""
    return (
        f'layer {{ name: "{name}" type: "Convolution" bottom: "{bottom}" top: "{name}" '
        f"convolution_param {{ num_output: {kernels} kernel_size: {size} {rest} "
        'weight_filler { type: "gaussian" std: 0.2 } '
        'bias_filler { type: "uniform" min: -1 max: 1 } } }\n'
    )


def relu(bottom: str, top: str = "") -> str:
    """A ReLU, in place if no top is named."""
    top = top or bottom
    return f'layer {{ name: "r{top}" type: "ReLU" bottom: "{bottom}" top: "{top}" }}\n'


def net_of(layers: str, dims: tuple[int, ...] = (1, 5, 11, 14)) -> caffe.Net:
    """A net on a random picture."""
    shape = " ".join(f"dim: {d}" for d in dims)
    data = (
        f'layer {{ name: "data" type: "Input" top: "data" input_param {{ shape {{ {shape} }} }} }}'
    )
    net = caffe.Net(parse_net(data + layers), caffe.TEST)
    net.blobs["data"].data[...] = np.random.default_rng(7).standard_normal(dims)
    return net


def kernels_of(net: caffe.Net) -> list[str]:
    """The weights that the latest run has read transformed."""
    compiled = list(net._bindings.values())[-1].compiled
    return [
        one.weight
        for one in compiled.layouts
        if isinstance(one, Transformed) and len(one.shape) == 3
    ]


def plainly(net: caffe.Net) -> dict[str, Floats]:
    """All blobs as a net computes them that lays nothing out."""
    double = net.snapshot()
    double.packing, double.eager = "never", True
    double.forward()
    assert list(double._bindings.values())[-1].compiled.layouts == ()
    return {name: blob.data.copy() for name, blob in double.blobs.items()}


def settle(net: caffe.Net) -> None:
    """Run until no blob becomes an output any more, so that the session stays the same."""
    for _ in range(8):
        check(net)


def check(net: caffe.Net) -> None:
    """Every blob is what it is plainly."""
    wanted = plainly(net)
    net.forward()
    for name, values in wanted.items():
        most = 3e-6 * max(1.0, float(np.abs(values).max()))
        np.testing.assert_allclose(net.blobs[name].data, values, rtol=0, atol=most)


def test_the_matrices_convolve() -> None:
    """Of a tile and a kernel in whole numbers, exactly but for the matrices' own rounding."""
    tile, kernel, back = winograd.matrices()
    rng = np.random.default_rng(1)
    picture = rng.integers(-9, 10, (6, 6)).astype(np.float64)
    taps = rng.integers(-9, 10, (3, 3)).astype(np.float64)
    inputs = np.array([(window[0] * picture).sum() for window in tile.astype(np.float64)])
    products = inputs * (kernel.astype(np.float64) @ taps.reshape(-1))
    found = (back.astype(np.float64) @ products).reshape(4, 4)
    for y in range(4):
        for x in range(4):
            wanted = sum(picture[y + i, x + j] * taps[i, j] for i in range(3) for j in range(3))
            assert found[y, x] == pytest.approx(wanted, abs=1e-3)
    assert len(set(winograd.POINTS)) == 5
    assert Fraction(0) in winograd.POINTS


@pytest.mark.usefixtures("fast")
@pytest.mark.parametrize("kernels", [1, 6, 17])
@pytest.mark.parametrize(
    ("side", "rest"),
    [
        ((8, 12), "pad: 1"),
        ((11, 14), "pad: 1"),
        ((3, 3), "pad: 0"),
        ((9, 6), "pad: 0"),
        ((1, 1), "pad: 1"),
        ((7, 10), "pad: 3"),
        ((10, 7), "pad_h: 0 pad_w: 2"),
        ((10, 7), "pad: 1 bias_term: false"),
    ],
)
def test_a_layer_of_any_size(kernels: int, side: tuple[int, int], rest: str) -> None:
    net = net_of(conv("a", "data", kernels, rest), (1, 5, *side))
    check(net)
    assert kernels_of(net) == ["w:a:0"]


@pytest.mark.usefixtures("fast")
def test_a_chain_with_relus_in_place_beside_and_none() -> None:
    layers = conv("a", "data", 8) + relu("a") + conv("b", "a", 9) + relu("b", "c")
    layers += conv("d", "c", 7) + conv("e", "d", 6, "pad: 2") + relu("e")
    net = net_of(layers)
    check(net)
    assert len(kernels_of(net)) == 4
    for name in ("b", "c"):  # one is read before its ReLU, the other behind it
        held = net.blobs[name].data
        check(net)
        assert kernels_of(net)
        assert held.min() < 0 if name == "b" else held.min() == 0
    assert net.blobs["a"].data.min() == 0


@pytest.mark.usefixtures("fast")
def test_two_readers_of_a_relu_and_of_a_convolution() -> None:
    layers = conv("a", "data", 8) + relu("a", "b") + relu("a", "c") + conv("d", "c", 4)
    layers += (
        'layer { name: "sum" type: "Eltwise" bottom: "a" bottom: "b" bottom: "c" top: "sum" }'
        + conv("e", "sum", 3)
    )
    net = net_of(layers)
    check(net)
    assert len(kernels_of(net)) == 3


@pytest.mark.usefixtures("fast")
def test_a_plan_that_ran_plainly_before() -> None:
    """Its operations write outputs under their own names then, also one that a ReLU reads."""
    net = net_of(conv("a", "data", 8) + relu("a", "b") + conv("c", "b", 4))
    held = net.blobs["a"].data
    for when in ("never", "first"):
        net.packing = when
        check(net)
        assert held.min() < 0
    assert len(kernels_of(net)) == 2


@pytest.mark.usefixtures("fast")
def test_batch_normalization_is_folded_into_the_transformed_kernels() -> None:
    norm = 'layer { name: "n" type: "BatchNorm" bottom: "a" top: "a" }\n'
    scale = 'layer { name: "s" type: "Scale" bottom: "a" top: "a" scale_param { bias_term: true } }'
    net = net_of(conv("a", "data", 8, "pad: 1 bias_term: false") + norm + scale + relu("a"))
    rng = np.random.default_rng(4)
    mean, variance, factor = (blob.data for blob in net.params["n"])
    mean[...], variance[...], factor[...] = rng.random(8), 0.5 + rng.random(8), 1
    check(net)
    assert kernels_of(net) == ["d:a:0"]
    net.params["s"][0].data[3] = -2
    check(net)
    net.params["a"][0].data[5, 1] = 0.7
    check(net)
    variance[2] = 0
    net.params["s"][0].data[2] = np.float32(1e20)  # beyond what is folded
    check(net)
    net.params["s"][0].data[2] = 1
    check(net)
    assert kernels_of(net) == ["d:a:0"]


@pytest.mark.usefixtures("fast")
def test_what_can_neither_be_transformed_nor_folded() -> None:
    scale = 'layer { name: "s" type: "Scale" bottom: "b" top: "b" scale_param { bias_term: true } }'
    net = net_of(conv("a", "data", 8) + conv("b", "a", 4) + scale)
    net.forward()
    assert len(kernels_of(net)) == 2
    net.params["a"][0].data[0] = 1e7
    net.params["s"][0].data[...] = 1e13
    wanted = plainly(net)["b"]
    np.testing.assert_allclose(net.forward()["b"], wanted, rtol=1e-4, atol=1e16)
    assert np.abs(wanted).max() > 1e19


@pytest.mark.usefixtures("fast")
@pytest.mark.parametrize(
    ("dims", "layers"),
    [
        ((2, 5, 8, 8), conv("a", "data", 8)),  # a batch
        ((1, 5, 8, 8), conv("a", "data", 8, "pad: 1 stride: 2")),
        ((1, 5, 8, 8), conv("a", "data", 8, "pad: 2 dilation: 2")),
        ((1, 4, 8, 8), conv("a", "data", 8, "pad: 1 group: 2")),
        ((1, 5, 8, 8), conv("a", "data", 8, "pad: 2", size=5)),
        (
            (1, 4, 8, 8),
            (conv("a", "data", 4) + conv("b", "a", 4)).replace(
                "convolution_param", 'param { name: "w" } param { name: "b" } convolution_param'
            ),
        ),
    ],
)
def test_what_is_computed_as_ever(dims: tuple[int, ...], layers: str) -> None:
    net = net_of(layers, dims)
    check(net)
    assert kernels_of(net) == []


@pytest.mark.usefixtures("fast")
def test_a_run_that_overwrites_its_input_could_not_be_repeated() -> None:
    net = net_of(relu("data") + conv("a", "data", 8))
    picture = net.blobs["data"].data.copy()
    net.forward()
    assert kernels_of(net) == ["w:a:0"], "nobody reads the overwritten input"
    wanted = net.blobs["a"].data.copy()
    held = net.blobs["data"].data
    for _ in range(2):
        held[...] = picture
        net.forward()
        assert kernels_of(net) == []
        np.testing.assert_array_equal(held, picture.clip(0))
        np.testing.assert_allclose(net.blobs["a"].data, wanted, atol=1e-5)


@pytest.mark.usefixtures("fast")
def test_every_edit_counts_and_gives_the_same_bits_as_a_new_net() -> None:
    net = net_of(conv("a", "data", 9) + relu("a") + conv("b", "a", 6))
    weight, bias = net.params["a"]
    settle(net)
    session = list(net._bindings.values())[-1].compiled.session
    held = weight.data

    def edits() -> Any:
        yield lambda: weight.data.__setitem__((3, 2, 1, 1), 5.0)
        yield lambda: weight.data.__setitem__((3, 2, 1, 1), -5.0)
        yield lambda: weight.data.__setitem__((3, 2, 1, 1), 5.0)
        yield lambda: weight.data.__setitem__((slice(None), 4), 0.25)
        yield lambda: held.__setitem__((8, 0), 2.0)
        yield lambda: held.__setitem__((0, 0, 0, 0), -0.0)
        yield lambda: weight.data.__setitem__([1, 2], weight.data[[2, 1]])
        yield lambda: bias.data.__setitem__(2, 9.0)
        yield lambda: net.copy_from({"a": [weight.data * 2, bias.data]})
        yield lambda: weight.share_data(np.full(weight.shape, 0.5, np.float32))
        yield lambda: None

    for edit in edits():
        edit()
        check(net)
        assert list(net._bindings.values())[-1].compiled.session is session
        fresh = net.snapshot()
        fresh.forward()
        assert len(kernels_of(fresh)) == 2
        np.testing.assert_array_equal(net.blobs["b"].data, fresh.blobs["b"].data)


@pytest.mark.usefixtures("fast")
@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf, 1e13, -3e37])
@pytest.mark.parametrize("where", ["input", "kernel", "bias"])
def test_what_cannot_be_transformed_is_computed_plainly(value: float, where: str) -> None:
    """One value that is no number must not reach further than it does in a convolution."""
    net = net_of(conv("a", "data", 6) + relu("a") + conv("b", "a", 4, "pad: 0"))
    check(net)
    assert kernels_of(net)
    target = {
        "input": net.blobs["data"].data[0, 1, 5],
        "kernel": net.params["b"][0].data[2, 1, 1],
        "bias": net.params["b"][1].data,
    }[where]
    before = float(target[1])
    target[1] = value
    for _ in range(2):
        wanted = plainly(net)
        net.forward()
        assert kernels_of(net) == []
        for name, values in wanted.items():
            np.testing.assert_allclose(net.blobs[name].data, values, rtol=1e-4, atol=1e-4)
        net.blobs["data"].data[0, 0, 0, 0] += 0.5
    target[1] = before
    check(net)
    assert kernels_of(net)


@pytest.mark.usefixtures("fast")
def test_edits_around_a_forward_that_was_computed_plainly() -> None:
    net = net_of(conv("a", "data", 6))
    settle(net)
    weight = net.params["a"][0].data
    for value in (1.0, 2.0):
        weight[4, 0, 0, 0] = value
        check(net)
    weight[4, 0, 0, 0], weight[1, 0, 0, 0] = 3.0, np.inf
    net.forward()
    assert kernels_of(net) == []
    weight[1, 0, 0, 0] = 0.5
    check(net)
    weight[4, 0, 0, 0] = 2.0  # what it was when it was last written before
    check(net)
    assert kernels_of(net)


@pytest.mark.usefixtures("fast")
def test_a_large_value_that_a_relu_takes_away_spoils_nothing_beside_it() -> None:
    net = net_of(conv("a", "data", 6, "pad: 1 bias_term: false") + relu("a"), (1, 1, 8, 8))
    net.params["a"][0].data[...] = 1
    net.blobs["data"].data[...] = 1
    for value in (-1e9, -np.inf):
        net.blobs["data"].data[0, 0, 1, 1] = value
        wanted = plainly(net)["a"]
        assert wanted[0, 0, 0, 0] == 0
        assert wanted[0, 0, 3, 3] == 9
        np.testing.assert_allclose(net.forward()["a"], wanted, atol=1e-5)


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf, 2e6])
def test_what_is_refused_writes_nothing(value: float) -> None:
    kernels = Transformed("k", "w", (36, 4, 3))
    bias = Transformed("b", "w", (4 * 5,))
    rng = np.random.default_rng(2)
    values, offsets = rng.random((4, 3, 3, 3), np.float32), rng.random(4, np.float32)
    laid, repeated = np.zeros(36 * 12, np.float32), np.zeros(20, np.float32)
    kernels.write(values, laid)
    bias.write(offsets, repeated)
    np.testing.assert_array_equal(repeated, np.repeat(offsets, 5))
    before = laid.copy()
    values[2, 1, 0, 0] = offsets[3] = value
    for act in (
        lambda: kernels.write(values, laid),
        lambda: kernels.write(values[1:3], laid, np.array([1, 2])),
        lambda: bias.write(offsets, repeated),
    ):
        with pytest.raises(winograd.UntransformableError):
            act()
    kernels.write(values[[0, 3]], laid, np.array([0, 3]))
    np.testing.assert_array_equal(laid, before)
    assert np.isfinite(repeated).all()


@pytest.mark.usefixtures("fast")
def test_values_that_grow_beyond_all_bounds_on_the_way_are_computed_plainly() -> None:
    names = ["data", *"abcdefgh"]
    net = net_of("".join(conv(name, bottom, 6) for bottom, name in pairwise(names)))
    settle(net)
    assert kernels_of(net)
    for name in names[1:]:
        net.params[name][0].data[...] = net.params[name][1].data[...] = 0
        net.params[name][0].data[0, 0, 1, 1] = 1e5
    net.blobs["data"].data[...] = 0
    net.blobs["data"].data[0, 0, 5, 5] = 10
    wanted = plainly(net)
    assert np.isinf(wanted["h"]).sum() == 1
    net.forward()
    np.testing.assert_array_equal(net.blobs["h"].data, wanted["h"])
    assert kernels_of(net) == []


@pytest.mark.usefixtures("fast")
def test_a_run_is_repeated_on_the_same_input() -> None:
    """Even where the net works in place on it, which nobody has seen yet."""
    net = net_of(
        'layer { name: "i" type: "Power" bottom: "data" top: "data" power_param { shift: 3 } }'
        + conv("a", "data", 6)
        + conv("b", "a", 4, "pad: 0")
        + 'layer { name: "s" type: "Power" bottom: "b" top: "c" power_param { scale: 1e30 } }'
    )
    picture = net.blobs["data"].data.copy()
    net.forward()
    assert kernels_of(net) == []
    outputs = net.blobs["c"].data.copy()
    double = caffe.Net(net.param, caffe.TEST)
    double.packing, double.eager = "never", True
    double.copy_from({name: [blob.data for blob in row] for name, row in net.params.items()})
    double.forward(data=picture)
    np.testing.assert_allclose(outputs, double.blobs["c"].data, rtol=1e-4, atol=1e25)
    np.testing.assert_allclose(net.blobs["data"].data, picture + 3, atol=1e-5)


@pytest.mark.usefixtures("fast")
def test_a_debug_net_and_one_that_lays_nothing_out_stay_plain() -> None:
    net = net_of(conv("a", "data", 6))
    net.packing = "never"
    net.forward()
    assert kernels_of(net) == []
    net.packing, net.eager = "first", True
    net.forward()
    assert kernels_of(net) == []
    net.eager = False
    net.forward()
    assert kernels_of(net) == ["w:a:0"]


@pytest.mark.usefixtures("fast")
@pytest.mark.parametrize("how", ["nothing", "forced", "loss", "places"])
def test_equal_values_stay_equal_where_it_matters(how: str) -> None:
    """Of equal values max pooling takes the first, and passes the gradient to it, as BVLC's."""
    pool = (
        'layer { name: "p" type: "Pooling" bottom: "a" top: "p" '
        + ('top: "m" ' if how == "places" else "")
        + "pooling_param { pool: MAX kernel_size: 4 stride: 4 } }"
    )
    loss = 'layer { name: "l" type: "EuclideanLoss" bottom: "p" bottom: "r" top: "l" }'
    rest = relu("p", "r") + loss if how == "loss" else ""
    net = net_of(conv("a", "data", 6) + pool + rest, (1, 5, 16, 16))
    param = net.param
    param.force_backward = how == "forced"
    net = caffe.Net(param, caffe.TEST)
    net.forward()
    assert kernels_of(net) == (["w:a:0"] if how == "nothing" else [])
    if how != "forced":
        return
    net.blobs["data"].data[...] = 0.3
    net.forward()
    net.blobs["p"].diff[...] = 1
    net.backward(start="p")
    inner = net.blobs["a"].diff[:, :, 4:12, 4:12]  # all its values are equal
    assert (inner[:, :, ::4, ::4] == 1).all()
    assert inner.sum() == 6 * 4


@pytest.mark.usefixtures("fast")
def test_a_wrong_transform_is_noticed_at_the_start(monkeypatch: pytest.MonkeyPatch) -> None:
    right = winograd.matrices()

    def session(model: bytes) -> Any:
        return plan.make_session(model, (("CPUExecutionProvider", 0),))

    assert winograd.works(session)
    wrong = right._replace(back=right.back * np.float32(1.001))
    monkeypatch.setattr(winograd, "matrices", lambda: wrong)
    assert not winograd.works(session)
    plan._fast_works.cache_clear()
    net = net_of(conv("a", "data", 6))
    check(net)
    assert kernels_of(net) == []
    plan._fast_works.cache_clear()


def test_an_engine_that_cannot_is_left_as_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(model: bytes) -> Any:
        raise RuntimeError("no such operation")

    plan._fast_works.cache_clear()
    monkeypatch.setattr(winograd, "works", fails)
    assert not plan._fast_works()
    plan._fast_works.cache_clear()


#: Kernels, channels, side of the top, and whether it was clearly faster in VGG-16, ResNet-50 or
#: GoogLeNet, with large pages and without.
MEASURED = [
    (64, 64, 224, False),
    (128, 128, 112, True),
    (256, 128, 56, True),
    (256, 256, 56, True),
    (512, 256, 28, True),
    (512, 512, 28, True),
    (64, 64, 56, False),
    (128, 128, 28, False),
    (256, 256, 14, False),
    (512, 512, 14, False),
    (512, 512, 7, False),
    (192, 64, 56, False),
    (128, 96, 28, False),
    (192, 128, 28, False),
    (320, 160, 14, False),
    (384, 192, 7, False),
    (32, 128, 56, False),
]


@pytest.mark.parametrize(("kernels", "channels", "side", "faster"), MEASURED)
def test_it_is_used_where_it_is_faster(
    kernels: int, channels: int, side: int, faster: bool
) -> None:
    weight = (kernels, channels, 3, 3)
    assert winograd.pays(weight, (1, kernels, side, side)) == faster
    assert not winograd.pays(weight, (2, kernels, side, side))
    assert not winograd.pays(weight, (1, kernels, 2000, 2000)), "tiles of more than 64 MiB"


@pytest.mark.usefixtures("fast")
def test_who_has_the_most_outputs_for_each_value_gets_the_room(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    pool = 'layer { name: "p" type: "Pooling" bottom: "a" top: "p" pooling_param { kernel_size: 2 '
    net = net_of(conv("a", "data", 8) + pool + "stride: 2 } }" + conv("b", "p", 8))
    plain = 8 * 5 * 9 + 8 + 8 * 8 * 9 + 8
    for more, found in (
        (27 * 8 * 5 + 27 * 8 * 8, {"w:a:0", "w:b:0"}),
        (27 * 8 * 8, {"w:a:0"}),
        (27 * 8 * 5, {"w:a:0"}),
        (27 * 8 * 5 - 1, set()),
    ):
        monkeypatch.setattr(plan, "MOST_VALUES", plain + more)
        each = caffe.Net(net.param, caffe.TEST)
        each.forward()
        assert set(kernels_of(each)) == found


def test_transformed_kernels_take_no_more_room_than_said() -> None:
    """160 MiB for all that is laid out or transformed: VGG-16 needs nearly as much."""
    assert packing.MOST_VALUES * 4 == 160 * 2**20
    sizes = [(64, 3, 224), (64, 64, 224), (128, 64, 112), (128, 128, 112), (256, 128, 56)]
    sizes += [(256, 256, 56)] * 2 + [(512, 256, 28)] + [(512, 512, 28)] * 2 + [(512, 512, 14)] * 3
    values = sum(k * c * 9 + k for k, c, _ in sizes)
    found = [(k, c) for k, c, s in sizes if winograd.pays((k, c, 3, 3), (1, k, s, s))]
    assert len(found) == 7
    values += sum(27 * k * c for k, c in found)
    assert 0.85 * packing.MOST_VALUES < values <= packing.MOST_VALUES


@pytest.mark.parametrize("seed", [1, 3, 15, 19, 21])
def test_random_walks_beside_the_eager_engine(seed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every odd seed of ``tools.attack.forward`` computes so whatever it can."""
    used: list[Any] = []
    transformed: Callable[..., Any] = winograd.transformed
    monkeypatch.setattr(plan, "transformed", lambda *args: used.append(1) or transformed(*args))
    walk = forward.Walk(seed)
    for _ in range(250):
        walk.step()
    assert walk.worst < forward.TOLERANCE
    assert used


@pytest.mark.usefixtures("fast")
def test_a_blob_that_somebody_reads_is_looked_at_like_an_output() -> None:
    """Here a value that is no number is cut off before the net's output."""
    net = net_of(
        'layer { name: "g" type: "Power" bottom: "data" top: "g" power_param { scale: 1e37 } }'
        + conv("a", "g", 4)
        + 'layer { name: "s" type: "Slice" bottom: "a" top: "up" top: "down" '
        "slice_param { axis: 2 slice_point: 4 } }"
        'layer { name: "x" type: "Silence" bottom: "up" }',
        (1, 3, 16, 16),
    )
    net.blobs["data"].data[...] = 0
    net.blobs["data"].data[0, 1, 1, 1] = 1e3
    wanted = plainly(net)["a"]
    held = net.blobs["a"].data
    for _ in range(2):
        net.forward()
        np.testing.assert_array_equal(np.isnan(held), np.isnan(wanted))
        np.testing.assert_allclose(held[:, :, 4:], wanted[:, :, 4:], rtol=1e-5)


@pytest.mark.usefixtures("fast")
@pytest.mark.parametrize(
    "layer",
    [
        'type: "ArgMax"',
        'type: "ArgMax" argmax_param { axis: 1 }',
        'type: "Threshold" threshold_param { threshold: 0 }',
    ],
)
def test_what_a_last_bit_turns_over_is_computed_plainly(layer: str) -> None:
    """Such as where a picture is flat, and the sum of a kernel's values 0."""
    net = net_of(
        conv("a", "data", 6, "pad: 0 bias_term: false")
        + f'layer {{ name: "m" bottom: "a" top: "m" {layer} }}',
        (1, 3, 18, 18),
    )
    net.params["a"][0].data[...] = np.array([[1, -2, 1], [2, -4, 2], [1, -2, 1]]) / 8
    net.blobs["data"].data[...] = np.float32(0.3)
    wanted = plainly(net)["m"]
    np.testing.assert_array_equal(net.forward()["m"], wanted)
    assert kernels_of(net) == []


@pytest.mark.usefixtures("fast")
@pytest.mark.parametrize(
    ("dims", "axis", "used"),
    [
        ((3, 9, 10), 0, True),
        ((1, 3, 9, 10), -3, True),
        ((1, 1, 3, 9, 10), 2, True),
        ((1, 2, 3, 9, 10), 2, False),  # a batch
        ((2, 1, 3, 9, 10), 2, False),
    ],
)
def test_channels_along_any_axis(dims: tuple[int, ...], axis: int, used: bool) -> None:
    net = net_of(conv("a", "data", 6, f"pad: 1 axis: {axis}") + relu("a"), dims)
    check(net)
    assert kernels_of(net) == (["w:a:0"] if used else [])
    net.params["a"][0].data[2] *= 2
    check(net)


def test_channels_along_another_axis_as_nets_are_run(monkeypatch: pytest.MonkeyPatch) -> None:
    """With kernels and outputs enough that it could pay."""
    monkeypatch.setattr(plan, "USES_BEFORE_PACKING", 0)
    net = net_of(conv("a", "data", 64, "pad: 1 axis: 0"), (32, 28, 28))
    check(net)


@pytest.mark.usefixtures("fast")
@pytest.mark.parametrize("most", [1, 9])
def test_an_edit_in_another_thread_that_is_taken_back(
    most: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It falls between the look for edits and the writing of them, and is gone at the next look."""
    net = net_of(conv("a", "data", 16))
    weight = net.params["a"][0]
    for value in (1, 2, 3):
        weight.data[4] = value
        check(net)
    edited = derived.Prepared._edited

    def between(self: Any, values: Floats, alone: bool) -> Any:
        found = edited(self, values, alone)
        weight.data[:most] = 5
        return found

    before = weight.data.copy()
    with monkeypatch.context() as patch:
        patch.setattr(derived.Prepared, "_edited", between)
        before[:most] *= 2
        weight.data[...] = before
        net.forward()
    weight.data[...] = before
    check(net)
    assert kernels_of(net)


@pytest.mark.usefixtures("fast")
def test_large_kernels_edited_one_by_one_give_the_same_bits_as_a_new_net() -> None:
    net = net_of(conv("a", "data", 16))
    settle(net)
    weight = net.params["a"][0].data
    for kernel in range(16):
        weight[kernel] = 9e4 + kernel  # together their norm is beyond the most
        net.forward()
        fresh = net.snapshot()
        fresh.forward()
        assert kernels_of(fresh) == kernels_of(net) == ["w:a:0"]
        np.testing.assert_array_equal(net.blobs["a"].data, fresh.blobs["a"].data)
    weight[3] = 2e5  # one beyond it by itself
    net.forward()
    assert kernels_of(net) == []


@pytest.mark.usefixtures("fast")
def test_what_is_read_is_an_output_also_where_all_is_computed_plainly() -> None:
    net = net_of(conv("a", "data", 6) + relu("a") + conv("b", "a", 4))
    net.blobs["data"].data[0, 0, 0, 0] = np.nan
    for _ in range(4):
        net.forward()
        assert net.blobs["a"].data.any()
    net.forward()
    assert kernels_of(net) == []
    assert net.blobs["a"]._storage.pending is None, "nothing is computed twice"
