"""Passes cut into pieces give the same answer, and may be left between two pieces."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import filterlab.caffe as caffe
from filterlab.caffe.prototxt import parse_net
from filterlab.surgery import cost
from filterlab.surgery.cost import layer_work, macs
from filterlab.surgery.forward import run_dense, run_dense_steps
from filterlab.surgery.heatmap import heatmap, heatmap_job
from filterlab.surgery.pieces import pieces
from filterlab.surgery.spatial import SpatialGraph
from filterlab.surgery.transplant import Transplanted, transplant

SIZE = (291, 323)


@pytest.fixture
def data() -> np.ndarray:
    rng = np.random.default_rng(8)
    return (rng.standard_normal((1, 3, *SIZE)) * 40).astype(np.float32)


@pytest.fixture
def own(thin_files: tuple[Path, Path]) -> Transplanted:
    return transplant(*thin_files)


def test_the_work_of_the_layers_is_the_work_of_the_pass(own: Transplanted) -> None:
    work = layer_work(own.param, own.net, SIZE)
    assert [name for name, _ in work] == [layer.name for layer in own.param.layer]
    total = macs(own.param, own.net, own.geometry.graph.sizes(*SIZE))
    assert total <= sum(amount for _, amount in work)
    assert dict(work)["conv1"] > dict(work)["relu1"]
    # The classifier multiplies as often for its one answer, in fully connected layers.
    plain = own.source_param, own.source
    sizes = SpatialGraph(own.source_param).sizes(227, 227)
    at_own_size = macs(own.param, own.net, own.geometry.graph.sizes(227, 227))
    assert macs(*plain, sizes) == at_own_size
    seconds = sum(amount for _, amount in layer_work(*plain, (227, 227))) / cost.NOMINAL_SPEED
    assert cost.nominal_seconds(*plain, (227, 227)) == pytest.approx(seconds)


@pytest.fixture
def slow(own: Transplanted, monkeypatch: pytest.MonkeyPatch) -> Any:
    """``slow(seconds)`` has a pass at SIZE reckoned at so many nominal seconds."""
    work = sum(amount for _, amount in layer_work(own.param, own.net, SIZE))
    return lambda seconds: monkeypatch.setattr(cost, "NOMINAL_SPEED", work / seconds)


@pytest.mark.parametrize("seconds", [0.1, 0.6, 2.0, 100.0])
def test_pieces_hold_every_layer_once_in_order(
    own: Transplanted, seconds: float, slow: Any
) -> None:
    names = [layer.name for layer in own.param.layer]
    slow(seconds)
    found = pieces(own.param, own.net, SIZE)
    assert len(found) <= len(names)
    assert (len(found) > 1) == (seconds > 0.15)
    covered: list[str] = []
    for first, last, _ in found:
        covered += names[names.index(first) : names.index(last) + 1]
    assert covered == names
    shares = [share for _, _, share in found]
    assert shares == sorted(shares)
    assert shares[-1] == pytest.approx(1.0)


@pytest.mark.parametrize(
    ("seconds", "ends"),
    [(0.15, [3]), (0.151, [1, 3]), (0.3, [1, 3]), (0.301, [1, 2, 3]), (0.6, [0, 1, 2, 3]),
     (9.0, [0, 1, 2, 3])],
)  # fmt: skip
def test_layers_of_equal_work_are_cut_where_a_share_is_done(
    seconds: float, ends: list[int]
) -> None:
    """Four layers; a piece takes up to 0.15 seconds."""
    text = 'layer { name: "0" type: "Input" top: "0" input_param { shape { dim: 1 dim: 2 dim: 8 '
    text += "dim: 9 } } }\n"
    for k in (1, 2, 3):
        text += f'layer {{ name: "{k}" type: "ReLU" bottom: "{k - 1}" top: "{k}" }}\n'
    net = caffe.Net(parse_net(text), caffe.TEST)
    assert len({amount for _, amount in layer_work(net.param, net, (8, 9))}) == 1
    found = pieces(net.param, net, (8, 9), seconds)
    assert [int(last) for _, last, _ in found] == ends
    assert [int(first) for first, _, _ in found] == [0, *(end + 1 for end in ends[:-1])]
    assert [share for *_, share in found] == [(end + 1) / 4 for end in ends]


@pytest.mark.parametrize("expected", [0.6, 3.0, 60.0])
def test_the_answer_is_the_same(
    own: Transplanted, data: np.ndarray, expected: float, slow: Any
) -> None:
    prob, score, _ = run_dense(own, data)
    slow(expected)
    steps = run_dense_steps(own, data)
    shares = []
    while True:
        try:
            shares.append(next(steps))
        except StopIteration as end:
            in_pieces: Any = end.value
            break
    assert shares
    assert shares == sorted(shares)
    np.testing.assert_allclose(in_pieces[0], prob, atol=1e-6)
    np.testing.assert_allclose(in_pieces[1], score, rtol=1e-5, atol=1e-4)


def test_leaving_between_pieces_leaves_a_net_that_answers_rightly(
    own: Transplanted, data: np.ndarray, slow: Any
) -> None:
    slow(0.01)
    prob, _, _ = run_dense(own, data)
    slow(3.0)
    count = len(pieces(own.param, own.net, SIZE))
    for stop in range(1, count):
        slow(3.0)
        steps = run_dense_steps(own, data)
        for _ in range(stop):
            next(steps)
        steps.close()
        slow(0.01)
        np.testing.assert_array_equal(run_dense(own, data)[0], prob)


def test_one_slow_pass_is_not_expected_of_the_next(own: Transplanted, data: np.ndarray) -> None:
    own.measured = (SIZE, 1e-6)
    run_dense(own, data)
    assert own.measured == (SIZE, 1.25 * 1e-6)
    own.measured = (SIZE, 1e3)
    _, _, seconds = run_dense(own, data)
    assert own.measured == (SIZE, seconds)
    own.measured = ((227, 227), 1e-6)
    _, _, seconds = run_dense(own, data)
    assert own.measured == (SIZE, seconds)


def test_a_pass_is_cut_alike_however_long_the_last_one_took(own: Transplanted) -> None:
    found = []
    for seconds in (1e-4, 50.0):
        own.measured = (SIZE, seconds)
        found.append(pieces(own.param, own.net, SIZE))
    assert found[0] == found[1]


def test_a_long_heatmap_reports_its_pieces(own: Transplanted, slow: Any) -> None:
    picture = np.random.default_rng(2).random((300, 400, 3)).astype(np.float32)
    plain = heatmap(own, picture, size=SIZE)
    slow(3.0)
    job = heatmap_job(own, picture, size=SIZE)
    done = []
    while True:
        try:
            done.append(next(job).fraction)
        except StopIteration as end:
            maps = end.value
            break
    assert len(done) > 4
    assert done == sorted(done)
    assert done[-1] < 1
    np.testing.assert_allclose(maps.prob, plain.prob, atol=1e-6)
