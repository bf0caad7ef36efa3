"""Passes cut into pieces give the same answer, and may be left between two pieces."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from filterlab.surgery.cost import layer_work, macs
from filterlab.surgery.forward import pieces, run_dense, run_dense_steps
from filterlab.surgery.heatmap import heatmap, heatmap_job
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


@pytest.mark.parametrize("seconds", [None, 0.1, 0.6, 2.0, 100.0])
def test_pieces_hold_every_layer_once_in_order(own: Transplanted, seconds: float | None) -> None:
    names = [layer.name for layer in own.param.layer]
    found = pieces(own, SIZE, seconds)
    assert len(found) <= len(names)
    assert (len(found) > 1) == (seconds is not None and seconds > 0.25)
    covered: list[str] = []
    for first, last, _ in found:
        covered += names[names.index(first) : names.index(last) + 1]
    assert covered == names
    shares = [share for _, _, share in found]
    assert shares == sorted(shares)
    assert shares[-1] == pytest.approx(1.0)


@pytest.mark.parametrize("expected", [0.6, 3.0, 60.0])
def test_the_answer_is_the_same(own: Transplanted, data: np.ndarray, expected: float) -> None:
    own.measured = None
    prob, score, _ = run_dense(own, data)
    own.measured = (SIZE, expected)
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
    own: Transplanted, data: np.ndarray
) -> None:
    own.measured = None
    prob, _, _ = run_dense(own, data)
    own.measured = (SIZE, 3.0)
    count = len(pieces(own, SIZE, 3.0))
    for stop in range(1, count):
        steps = run_dense_steps(own, data)
        for _ in range(stop):
            next(steps)
        steps.close()
        own.measured = None
        np.testing.assert_array_equal(run_dense(own, data)[0], prob)
        own.measured = (SIZE, 3.0)


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


def test_a_long_heatmap_reports_its_pieces(own: Transplanted) -> None:
    picture = np.random.default_rng(2).random((300, 400, 3)).astype(np.float32)
    own.measured = None
    plain = heatmap(own, picture, size=SIZE)
    own.measured = (SIZE, 3.0)
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
