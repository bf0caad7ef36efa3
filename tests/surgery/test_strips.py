"""A pass in strips gives what one pass gives, in less memory, wherever the cuts fall."""

from __future__ import annotations

import random
from collections.abc import Iterable, Mapping
from math import prod
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import filterlab.caffe as caffe
from filterlab.caffe.prototxt import parse_net
from filterlab.errors import FilterLabError
from filterlab.progress import run_job
from filterlab.surgery import cost, forward, strips
from filterlab.surgery.features import features
from filterlab.surgery.forward import run_dense, run_dense_steps, strips_of
from filterlab.surgery.heatmap import Preprocessing, cost_of, heatmap
from filterlab.surgery.methods import Request, largest_cells, map_job, plan
from filterlab.surgery.spatial import SpatialGraph
from filterlab.surgery.strips import Strips, plan_strips
from filterlab.surgery.transplant import Transplanted, transplant

PLAIN = Preprocessing((0, 0, 0))


def _net(layers: str, height: int, width: int) -> Any:
    text = (
        'layer { name: "data" type: "Input" top: "data" input_param { shape '
        f"{{ dim: 1 dim: 2 dim: {height} dim: {width} }} }} }}\n{layers}"
    )
    net = caffe.Net(parse_net(text), caffe.TEST)
    rng = np.random.default_rng(5)
    for row in net.params.values():
        for blob in row:
            blob.data[...] = rng.standard_normal(blob.shape) / max(1, blob.count) ** 0.5
    net.blobs["data"].data[...] = rng.standard_normal((1, 2, height, width))
    return net


def _values(net: Any, names: Iterable[str], sizes: Mapping[str, tuple[int, int]]) -> int:
    return sum(net.blobs[name].shape[1] * prod(sizes[name]) for name in names)


def _check_memory(planned: Strips, net: Any, wanted: tuple[str, ...], room: float) -> None:
    """What each strip's blobs take, counted blob by blob, against what was promised."""
    size = tuple(net.blobs["data"].shape[2:])
    axis = int(size[1] > size[0])
    assert planned.axis == axis
    whole = {name: tuple(blob.shape[2:]) for name, blob in net.blobs.items()}
    fullest = 0.0
    for stage in planned.stages:
        held, largest = set(stage.tops) | {stage.source}, 0.0
        for strip in stage.strips:
            assert 0 <= strip.first < strip.last <= whole[stage.source][axis]
            shape = list(whole[stage.source])
            shape[axis] = strip.last - strip.first
            part = parse_net(
                f'layer {{ name: "in" type: "Input" top: "{stage.source}" input_param {{ shape {{ '
                f"dim: 1 dim: 1 dim: {shape[0]} dim: {shape[1]} }} }} }}"
            )
            part.layer.extend(stage.layers)
            sizes = SpatialGraph(part).sizes(*shape)
            assert strip.skip + strip.end - strip.begin <= sizes[stage.tops[0]][axis]
            tops = {top for layer in part.layer for top in layer.top}  # in place once
            largest = max(largest, 4 * 1.6 * _values(net, tops, sizes))
        assert [s.begin for s in stage.strips[1:]] == [s.end for s in stage.strips[:-1]]
        assert stage.strips[0].begin == 0
        assert stage.strips[-1].end == whole[stage.tops[0]][axis]
        assert largest <= 1.1 * room
        kept = 4 * _values(net, held - {"data", *wanted}, whole)
        fullest = max(fullest, kept + largest)
    always = 4 * (_values(net, ["data"], whole) + 2 * _values(net, wanted, whole))
    assert planned.bytes == pytest.approx(always + fullest, rel=0.08)


def _compare(net: Any, wanted: tuple[str, ...], room: float, at_least: int) -> Any:
    """Both ways, the strips with little room; what was planned."""
    size = tuple(net.blobs["data"].shape[2:])
    patched = pytest.MonkeyPatch()
    patched.setattr(strips, "_ROOMS", ((room, 10**12),))
    planned = plan_strips(net.param, net, "data", wanted, size)
    patched.undo()
    assert planned is not None
    assert planned.count >= at_least
    _check_memory(planned, net, wanted, room)
    net.forward()
    found = run_job(planned.run(net, net.blobs["data"].data.copy(), wanted))
    for name in wanted:
        whole = net.blobs[name].data[0]
        assert found[name].shape == whole.shape
        np.testing.assert_allclose(found[name], whole, atol=2e-6 * np.abs(whole).max())
    return planned


def _conv(name: str, bottom: str, inside: str) -> str:
    return (
        f'layer {{ name: "{name}" type: "Convolution" bottom: "{bottom}" top: "{name}" '
        f"convolution_param {{ {inside} }} }}\n"
    )


PADDED = (
    _conv("c1", "data", "num_output: 3 kernel_size: 5 stride: 2 pad: 2")
    + 'layer { name: "r1" type: "ReLU" bottom: "c1" top: "c1" }\n'
    + 'layer { name: "n1" type: "LRN" bottom: "c1" top: "n1" lrn_param { local_size: 3 alpha: 9 '
    + "norm_region: WITHIN_CHANNEL } }\n"
    + 'layer { name: "p1" type: "Pooling" bottom: "n1" top: "p1" pooling_param { pool: AVE '
    + "kernel_size: 3 stride: 2 pad: 1 } }\n"
    + _conv("c2", "p1", "num_output: 4 kernel_size: 3 pad: 2 dilation: 2")
    + _conv("c3", "p1", "num_output: 4 kernel_size: 1")
    + 'layer { name: "s" type: "Eltwise" bottom: "c2" bottom: "c3" top: "s" }\n'
    + 'layer { name: "p2" type: "Pooling" bottom: "s" top: "p2" pooling_param { pool: MAX '
    + "kernel_size: 3 stride: 2 } }\n"
    + _conv("score", "p2", "num_output: 5 kernel_size: 4")
    + 'layer { name: "prob" type: "Softmax" bottom: "score" top: "prob" }\n'
)


@pytest.mark.parametrize("size", [(203, 61), (61, 203), (160, 158)])
@pytest.mark.parametrize("room", [6e4, 1.5e5, 4e5])
def test_padding_dilation_branches_and_pools_that_round_up(
    size: tuple[int, int], room: float
) -> None:
    net = _net(PADDED, *size)
    planned = _compare(net, ("score", "prob"), room, 2)
    assert planned.axis == int(size[1] > size[0])
    assert planned.stages[0].source == "data"
    assert planned.stages[-1].tops[-1] == "prob"


UP = (
    _conv("c1", "data", "num_output: 3 kernel_size: 3 stride: 2 pad: 1")
    + _conv("c2", "c1", "num_output: 3 kernel_size: 3 stride: 2 pad: 1")
    + 'layer { name: "up" type: "Deconvolution" bottom: "c2" top: "up" convolution_param { '
    + "num_output: 3 kernel_size: 4 stride: 2 pad: 1 } }\n"
    + 'layer { name: "cut" type: "Crop" bottom: "up" bottom: "c1" top: "cut" crop_param { '
    + "axis: 2 offset: 0 } }\n"
    + 'layer { name: "s" type: "Eltwise" bottom: "cut" bottom: "c1" top: "s" }\n'
)


def test_a_deconvolution_and_a_crop_behind_it() -> None:
    _compare(_net(UP, 150, 40), ("s",), 4e4, 3)


#: So much work that a strip is as long as that takes, not as there is room for.
WIDE = _conv("c1", "data", "num_output: 128 kernel_size: 3") + _conv(
    "c2", "c1", "num_output: 128 kernel_size: 5 stride: 2"
)
PLANS: list[tuple[str, tuple[int, int], Any, int, list[Any]]] = [
    # Of stages the source, the tops, how many layers, the work; of strips what they read and give.
    ("padded", (900, 7000), None, 152_714_607, [
        ("data", "score prob", 10, 749_284_693,
         [(0, 3527, 0, 436, 0), (3472, 7000, 436, 872, 2)]),
    ]),
    ("padded", (3000, 2000), None, 178_950_720, [
        ("data", "c1", 2, 405_000_000, [(0, 3000, 0, 1500, 0)]),
        ("c1", "score prob", 8, 303_305_100, [(0, 1500, 0, 372, 0)]),
    ]),
    ("padded", (203, 61), ((6e4, 1e12),), 208_725, [
        ("data", "c1", 2, 853_740,
         [(0, 35, 0, 17, 0), (32, 69, 17, 34, 1), (66, 103, 34, 51, 1), (100, 137, 51, 68, 1),
          (134, 171, 68, 85, 1), (168, 203, 85, 102, 1)]),
        ("c1", "p1", 2, 249_895, [(0, 37, 0, 18, 0), (34, 73, 18, 36, 1), (70, 102, 36, 52, 1)]),
        ("p1", "s", 3, 308_798, [(0, 28, 0, 26, 0), (24, 52, 26, 52, 2)]),
        ("s", "score prob", 3, 76_440, [(0, 52, 0, 23, 0)]),
    ]),
    ("padded", (61, 203), ((1e4, 1e4), (1.2e5, 1e12)), 227_583, [
        ("data", "c1", 2, 853_740,
         [(0, 69, 0, 34, 0), (66, 137, 34, 68, 1), (134, 203, 68, 102, 1)]),
        ("c1", "p1", 2, 244_267, [(0, 53, 0, 26, 0), (50, 102, 26, 52, 1)]),
        ("p1", "score prob", 6, 375_960, [(0, 52, 0, 23, 0)]),
    ]),
    ("padded", (203, 61), ((2e5, 5e4), (4e5, 1e5)), 305_572, [
        ("data", "c1", 2, 853_740, [(0, 103, 0, 51, 0), (100, 203, 51, 102, 1)]),
        ("c1", "n1", 1, 189_720, [(0, 102, 0, 102, 0)]),
        ("n1", "score prob", 7, 425_880, [(0, 102, 0, 23, 0)]),
    ]),
    ("up", (150, 40), ((6e4, 1e12),), 155_504, [
        ("data", "c1", 1, 171_000, [(0, 76, 0, 38, 0), (74, 150, 38, 75, 1)]),
        ("c1", "s", 4, 385_240,
         [(0, 26, 0, 24, 0), (20, 50, 24, 48, 4), (44, 74, 48, 72, 4), (68, 75, 72, 75, 4)]),
    ]),
    ("up", (150, 40), ((2e5, 5e4), (4e5, 1e5)), 283_680, [
        ("data", "s", 5, 550_500, [(0, 150, 0, 75, 0)]),
    ]),
    ("wide", (900, 1000), None, 311_688_502, [
        ("data", "c2", 2, 96_134_268_551,
         [(78 * k, min(78 * k + 83, 1000), 39 * k, min(39 * k + 39, 497), 0) for k in range(13)]),
    ]),
    ("thin", (6003, 9000), None, 874_135_014, [
        ("data", "conv1", 2, 5_432_040_224,
         [(max(0, 1288 * k), min(1288 * k + 1295, 9000), 322 * k, min(322 * k + 322, 2248), 0)
          for k in range(7)]),
        ("conv1", "fc8-conv prob", 10, 741_766_644, [(0, 2248, 0, 276, 0)]),
    ]),
]  # fmt: skip


@pytest.mark.parametrize("case", range(len(PLANS)))
def test_a_pass_is_cut_alike_in_every_version(
    case: int, thin: Transplanted, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The cuts may change the last bits of an answer: the same map comes out as it did before."""
    name, size, rooms, wanted_bytes, stages = PLANS[case]
    if rooms is not None:
        monkeypatch.setattr(strips, "_ROOMS", rooms)
    if name == "thin":
        found = plan_strips(thin.param, thin.net, thin.input, (thin.score, thin.output), size)
    else:
        layers, wanted = {
            "padded": (PADDED, ("score", "prob")),
            "up": (UP, ("s",)),
            "wide": (WIDE, ("c2",)),
        }[name]
        net = _net(layers, 61, 61)
        found = plan_strips(net.param, net, "data", wanted, size)
    assert found is not None
    assert (found.axis, found.bytes) == (int(size[1] > size[0]), wanted_bytes)
    assert found.count == sum(len(stage[-1]) for stage in stages)
    assert [
        (
            stage.source,
            " ".join(stage.tops),
            len(stage.layers),
            int(stage.work),
            [(s.first, s.last, s.begin, s.end, s.skip) for s in stage.strips],
        )
        for stage in found.stages
    ] == stages


def test_a_blob_computed_in_place_is_counted_once() -> None:
    net = _net(PADDED, 61, 61)
    planned = plan_strips(net.param, net, "data", ("score", "prob"), (3000, 2000))
    assert planned is not None
    # c1 is written by the convolution and by the ReLU. All are whole: 3000 x 2000 is halved in c1,
    # and the scores have 372 x 247 cells.
    data, c1, scores = 2 * 3000 * 2000, 3 * 1500 * 1000, 5 * 372 * 247
    always = 4 * (data + 2 * 2 * scores)  # the answers are copied
    assert planned.bytes == always + 4 * c1 + int(4 * cost.OVERHEAD * (data + c1))


@pytest.mark.parametrize(
    ("first", "up"),
    [
        ("kernel_size: 3 pad: 1", "kernel_size: 4 stride: 2 pad: 1"),
        # Every third row sees nothing.
        ("kernel_size: 3 pad: 1 stride: 2", "kernel_size: 2 stride: 3"),
        # The last rows that a strip's padding cuts off are the next ones' first.
        ("kernel_size: 1 stride: 2", "kernel_size: 3 stride: 2 pad: 2"),
        ("kernel_size: 1 stride: 2", "kernel_size: 3 stride: 3 pad: 2"),
    ],
)
@pytest.mark.parametrize("size", [(150, 40), (40, 173)])
def test_strips_of_a_map_that_is_finer_than_what_it_reads(
    size: tuple[int, int], first: str, up: str
) -> None:
    layers = _conv("c1", "data", f"num_output: 3 {first}") + (
        'layer { name: "up" type: "Deconvolution" bottom: "c1" top: "up" convolution_param { '
        f"num_output: 3 {up} }} }}\n"
    )
    _compare(_net(layers, *size), ("up",), 6e4, 2)


def _random_layers(r: random.Random) -> tuple[str, str]:
    """Layers of any windows, in a chain with branches, and the last one's blob."""
    text, top, channels, count = "", "data", 2, 0
    for i in range(r.randint(2, 6)):
        k, s, p, d = r.randint(1, 5), r.randint(1, 3), r.randint(0, 2), r.choice([1, 1, 2])
        kind = r.choice(["conv", "conv", "pool", "fork", "join", "relu"])
        name = f"l{i}"
        if kind == "conv":
            across = f"kernel_w: {r.randint(1, 5)} stride_w: {r.randint(1, 3)} pad_w: {p // 2}"
            inside = f"num_output: 3 kernel_h: {k} stride_h: {s} pad_h: {p} dilation: {d}"
            text += _conv(name, top, f"{inside} {across}")
            top, channels = name, 3
            count += s > 1
        elif kind == "pool" and k > 1:
            text += (
                f'layer {{ name: "{name}" type: "Pooling" bottom: "{top}" top: "{name}" '
                f"pooling_param {{ pool: {r.choice(['MAX', 'AVE'])} kernel_size: {k} "
                f"stride: {min(s, k)} pad: {min(p, k - 1)} }} }}\n"
            )
            top = name
        elif kind in ("fork", "join"):
            text += _conv(f"{name}a", top, f"num_output: {channels} kernel_size: 3 pad: 1")
            joiner = "Eltwise" if kind == "fork" else "Concat"
            text += (
                f'layer {{ name: "{name}" type: "{joiner}" bottom: "{top}" bottom: "{name}a" '
                f'top: "{name}" }}\n'
            )
            channels *= 1 if kind == "fork" else 2
            top = name
        elif top != "data":
            text += f'layer {{ name: "{name}" type: "ReLU" bottom: "{top}" top: "{top}" }}\n'
    return text, top


def test_random_nets_in_random_strips() -> None:
    r = random.Random(15)
    done = many = 0
    while done < 60:
        text, top = _random_layers(r)
        if top == "data":
            continue
        size = (r.randint(90, 200), r.randint(20, 60))
        try:
            net = _net(text, *(size if r.random() < 0.5 else size[::-1]))
        except caffe.CaffeError:
            continue  # the picture is too small for these windows
        try:
            planned = _compare(net, (top,), r.choice([3e4, 1e5, 3e5]), 1)
        except AssertionError as err:
            if "None" in str(err).splitlines()[0]:
                continue  # no strip is long enough for what one unit sees
            raise AssertionError(f"{text}{net.blobs['data'].shape}") from err
        done += 1
        many += planned.count > len(planned.stages)
    assert many > 40


@pytest.mark.parametrize("size", [(5, 3), (3, 5), (0, 9)])
def test_a_picture_without_a_cell_is_in_no_strip(size: tuple[int, int]) -> None:
    net = _net(PADDED, 61, 61)
    assert plan_strips(net.param, net, "data", ("score", "prob"), size) is None


def test_a_layer_that_sees_the_whole_picture_is_in_no_strip() -> None:
    for whole in (
        'layer { name: "m" type: "MVN" bottom: "c1" top: "m" }',
        'layer { name: "m" type: "Pooling" bottom: "c1" top: "m" pooling_param { pool: AVE '
        "global_pooling: true } }",
    ):
        layers = _conv("c1", "data", "num_output: 3 kernel_size: 3") + whole
        net = _net(layers, 90, 30)
        assert plan_strips(net.param, net, "data", ("m",), (90, 30)) is None


@pytest.fixture
def own(thin_files: tuple[Path, Path]) -> Transplanted:
    return transplant(*thin_files)


@pytest.fixture
def little(monkeypatch: pytest.MonkeyPatch) -> None:
    """Strips from 2 MB of blobs on, of 1 MB."""
    monkeypatch.setattr(forward, "WHOLE", 2_000_000)
    monkeypatch.setattr(strips, "_ROOMS", ((1_000_000, 1_000_000), (1_000_000, 10**12)))


def _data(height: int, width: int) -> np.ndarray:
    rng = np.random.default_rng(3)
    return (rng.standard_normal((1, 3, height, width)) * 40).astype(np.float32)


def test_a_transplanted_net_runs_in_strips_above_the_limit(
    own: Transplanted, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = _data(355, 707)
    assert strips_of(own, (355, 707)) is None
    prob, score, _ = run_dense(own, data)
    other = own.double()
    other.measured = None
    monkeypatch.setattr(forward, "WHOLE", 2_000_000)
    monkeypatch.setattr(strips, "_ROOMS", ((1_000_000, 1_000_000),))
    planned = strips_of(other, (355, 707))
    assert planned is not None
    assert planned.count > 3
    found_prob, found_score, seconds = run_dense(other, data)
    np.testing.assert_allclose(found_score, score, atol=2e-6 * np.abs(score).max())
    np.testing.assert_allclose(found_prob, prob, atol=1e-6)
    assert other.measured == ((355, 707), seconds)
    whole = cost.estimate(own.param, own.net, (355, 707)).bytes
    assert cost_of(other, (355, 707)).bytes == planned.bytes < whole


@pytest.mark.usefixtures("little")
def test_an_edit_counts_in_the_strips(own: Transplanted) -> None:
    data = _data(355, 547)
    before = run_dense(own, data)[1]
    own.net.params["fc8-conv"][1].data[3] += 5
    after = run_dense(own, data)[1]
    np.testing.assert_allclose(after[3], before[3] + 5, atol=1e-4)
    np.testing.assert_array_equal(after[:3], before[:3])


@pytest.mark.usefixtures("little")
def test_leaving_between_strips_leaves_the_net_as_it_was(own: Transplanted) -> None:
    small, large = _data(227, 259), _data(355, 707)
    before = run_dense(own, small)
    steps = run_dense_steps(own, large)
    shares = [next(steps) for _ in range(3)]
    assert shares == sorted(shares)
    assert 0 < shares[0] < shares[-1] < 1
    steps.close()
    assert own.net.blobs["data"].shape == (1, 3, 227, 259)
    np.testing.assert_array_equal(run_dense(own, small)[0], before[0])


@pytest.mark.usefixtures("little")
def test_what_is_not_finite_is_told_of_strips_too(own: Transplanted) -> None:
    own.net.params["fc8-conv"][0].data[2, 3] = np.inf
    with pytest.raises(FilterLabError, match="weights of layer 'fc8-conv' hold NaN"):
        run_dense(own, _data(355, 707))


@pytest.mark.usefixtures("little")
def test_a_plan_says_that_it_is_in_strips(own: Transplanted) -> None:
    picture = np.random.default_rng(2).random((300, 600, 3)).astype(np.float32)
    made = plan(own, (300, 600), Request(cells=16))
    whole = cost.amount(cost.estimate(own.param, own.net, made.input_size).bytes)
    assert made.note == f"the net runs in strips, since all at once would take {whole}"
    run = run_job(map_job(own, picture, made, PLAIN))
    assert (run.maps.rows, run.maps.cols) == made.cells
    assert made.cost.bytes < cost.estimate(own.param, own.net, made.input_size).bytes
    assert plan(own, (300, 600), Request(cells=16, method="exact")).note == ""
    assert plan(own, (300, 300), Request(squash=227)).note == ""
    both = plan(own, (20, 30), Request(cells=16)).note
    assert both.startswith("the picture of 30x20 pixels is smaller than one window")
    assert "; the net runs in strips" in both


@pytest.mark.usefixtures("little")
def test_the_slider_goes_as_far_as_strips_fit(
    own: Transplanted, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cost, "available_memory", lambda: 10_000_000)
    size = own.geometry.keeping_shape((300, 600), largest_cells(own, (300, 600)))
    at_once = cost.estimate(own.param, own.net, size).bytes
    assert 7_000_000 < cost_of(own, size).bytes <= 8_500_000 < at_once


def test_a_blob_in_one_piece_asks_for_its_memory(
    own: Transplanted, monkeypatch: pytest.MonkeyPatch
) -> None:
    maps = heatmap(own, np.zeros((300, 300, 3), np.float32), squash=451)
    whole = cost.estimate(own.param, own.net, (451, 451)).bytes
    monkeypatch.setattr(cost, "available_memory", lambda: whole)
    with pytest.raises(FilterLabError, match="take fewer cells"):
        features(own, maps, "conv5")
