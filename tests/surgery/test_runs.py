"""What a run tells while it runs and what it says it took: progress, seconds, memory, work.

On a net small enough to be reckoned by hand. A clock that only a pass of a net moves, by one second
more each time, stands in the place of the computer's.
"""

from __future__ import annotations

import time
from dataclasses import replace
from math import ceil
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
import pytest

import filterlab.caffe as caffe
from filterlab.errors import FilterLabError
from filterlab.progress import Progress, run_job
from filterlab.surgery import cost, forward, pieces, strips
from filterlab.surgery.agreement import agreement_job, spread_cells
from filterlab.surgery.exact import exact_cost, exact_job
from filterlab.surgery.features import features
from filterlab.surgery.forward import run_dense
from filterlab.surgery.heatmap import ClassMaps, Preprocessing, cost_of, heatmap, heatmap_job
from filterlab.surgery.methods import Request, default_method, map_job, plan
from filterlab.surgery.pyramid import PartialPyramid, Pyramid, pyramid_job, pyramid_sizes
from filterlab.surgery.shift_and_stitch import PartialMaps, dense_job
from filterlab.surgery.sliding import sliding_job
from filterlab.surgery.transplant import Transplanted, transplant
from filterlab.surgery.windows import Classifier, batch_for, window_seconds, windows_refused

SIZE = (31, 59)  # 4 x 5 cells
PLAIN: Any = {"size": SIZE, "preprocessing": Preprocessing((0.0, 0.0, 0.0), 1.0)}
PICTURE = np.random.default_rng(8).random((93, 118, 3)).astype(np.float32) * 4
#: Of the first convolution, of the two layers that were fully connected, at a place of their tops.
CONV, FC = 4 * 3 * 5 * 3, 8 * 80 + 5 * 8
WINDOW = CONV * 8 * 11 + FC


def _bytes(rows: int, cols: int) -> int:
    """Of all blobs at an input size, with six tenths more for the work space."""
    c1 = (rows - 5) // 2 + 1, (cols - 3) // 3 + 1
    p1 = ceil((c1[0] - 2) / 2) + 1, ceil((c1[1] - 3) / 2) + 1
    cells = (p1[0] - 3) * (p1[1] - 4)
    values = 3 * rows * cols + 4 * c1[0] * c1[1] + 4 * p1[0] * p1[1] + (8 + 5 + 5) * cells
    return int(values * 4 * 1.6)


@pytest.fixture
def own(oblong_files: tuple[Path, Path]) -> Transplanted:
    return transplant(*oblong_files)


@pytest.fixture
def passes(monkeypatch: pytest.MonkeyPatch) -> list[tuple[Any, float]]:
    """The nets that were run and the seconds of each pass: 1, 2, 3 …"""
    ran: list[tuple[Any, float]] = []
    now = [1000.0]
    forward = caffe.Net.forward

    def slow(net: Any, *args: Any, **kw: Any) -> Any:
        ran.append((net, len(ran) + 1.0))
        now[0] += ran[-1][1]
        return forward(net, *args, **kw)

    monkeypatch.setattr(caffe.Net, "forward", slow)
    monkeypatch.setattr(time, "perf_counter", lambda: now[0])
    return ran


def _slow(monkeypatch: pytest.MonkeyPatch, t: Transplanted, seconds: float) -> None:
    """Let a window of the classifier be reckoned at so many nominal seconds."""
    monkeypatch.setattr(cost, "NOMINAL_SPEED", cost.NOMINAL_SPEED * window_seconds(t) / seconds)


def _all(job: Any) -> tuple[Any, list[Progress]]:
    seen: list[Progress] = []
    result = run_job(job, seen.append)
    return result, seen


def _told(seen: list[Progress]) -> list[tuple[str, float, float]]:
    return [(p.step, p.done, p.total) for p in seen]


# --- what it takes


def test_what_a_pass_and_what_all_windows_cost(oblong: Transplanted) -> None:
    g = oblong.geometry
    t = replace(oblong, measured=(SIZE, 3.0), measured_window=None)
    work = CONV * 14 * 19 + FC * 20
    quick = cost_of(t, SIZE)
    assert (quick.bytes, quick.macs, quick.seconds) == (_bytes(*SIZE), work, 3.0)
    assert cost_of(t, SIZE, 6).seconds == 18.0
    assert cost_of(t, SIZE, 6).bytes == quick.bytes
    one = cost_of(t, (19, 35))
    assert (one.bytes, one.macs) == (_bytes(19, 35), WINDOW)
    assert one.seconds == pytest.approx(3 * WINDOW / work)
    for geometry, cells in ((g, 20), (g.denser((2, 3)), 120)):
        whole = exact_cost(t, SIZE, geometry)
        assert whole.bytes == quick.bytes + 8 * one.bytes + 16 * 5 * cells
        assert whole.macs == work + cells * WINDOW
        assert whole.seconds == pytest.approx(3 + cells * 3 * WINDOW / work)
        known = exact_cost(replace(t, measured_window=0.25), SIZE, geometry)
        assert known.seconds == pytest.approx(3 + cells * 0.25)
    unknown = exact_cost(replace(t, measured=None, measured_window=0.25), SIZE, g)
    assert unknown.seconds == pytest.approx(5.0)
    assert exact_cost(replace(t, measured=None), SIZE, g).seconds is None


@pytest.mark.parametrize("density", ["own", "stride:2", "scales"])
def test_a_plan_costs_what_its_passes_cost(oblong: Transplanted, density: str) -> None:
    t = replace(oblong, measured=(SIZE, 3.0), measured_window=0.5)
    speed = 3.0 / cost_of(t, SIZE).macs
    sizes = [(39, 53), (55, 71), (79, 101)] if density == "scales" else [(55, 71)]
    assert density != "scales" or pyramid_sizes(t, (55, 71)) == sizes
    each = 6 if density == "stride:2" else 1
    made = plan(t, (93, 118), Request(cells=7, density=density))
    assert (made.input_size, made.method, made.passes) == ((55, 71), "dense", each * len(sizes))
    work = [cost_of(t, size).macs for size in sizes]
    assert made.cost.bytes == _bytes(*sizes[-1])
    assert made.cost.macs == sum(work)
    assert made.cost.seconds == pytest.approx(speed * each * sum(work))
    made = plan(t, (93, 118), Request(cells=7, density=density, method="exact"))
    geometry = t.geometry.denser((2, 3)) if density == "stride:2" else t.geometry
    costs = [exact_cost(t, size, geometry) for size in sizes]
    assert made.cost.bytes == costs[-1].bytes
    assert made.cost.macs == sum(one.macs for one in costs)
    assert made.cost.seconds == pytest.approx(sum(one.seconds or 0 for one in costs))
    assert made.passes == sum(
        rows * cols for rows, cols in (geometry.cells(*size) for size in sizes)
    )
    unmeasured = plan(replace(t, measured=None), (93, 118), Request(cells=7, density=density))
    assert unmeasured.cost.seconds is None


def test_each_way_asks_for_its_memory_before_it_begins(
    own: Transplanted, monkeypatch: pytest.MonkeyPatch
) -> None:
    quick = _bytes(*SIZE)
    fine = own.geometry.denser((2, 3))
    jobs = {
        lambda: heatmap_job(own, PICTURE, **PLAIN): quick,
        lambda: dense_job(own, PICTURE, 2, **PLAIN): quick + 16 * 5 * 8 * 15,
        lambda: exact_job(own, PICTURE, **PLAIN): exact_cost(own, SIZE, own.geometry).bytes,
        lambda: exact_job(own, PICTURE, 2, **PLAIN): exact_cost(own, SIZE, fine).bytes,
    }
    for job, needed in jobs.items():
        monkeypatch.setattr(cost, "available_memory", lambda n=needed: ceil(n / 0.85) + 1)
        next(job())
        monkeypatch.setattr(cost, "available_memory", lambda n=needed: int(n / 0.85) - 2)
        with pytest.raises(FilterLabError, match=r"input of 59x31 pixels .* take fewer cells"):
            next(job())


# --- batches of windows


@pytest.mark.parametrize(
    ("seconds", "batches"),
    [
        (1e-9, {1: 1, 2: 2, 3: 4, 4: 4, 5: 8, 8: 8, 100: 8}),
        (0.0075, {4: 4, 100: 8}),
        (0.0076, {1: 1, 2: 2, 3: 4, 100: 4}),
        (0.0149, {1: 1, 2: 2, 100: 4}),
        (0.0151, {100: 2}),
        (0.03, {1: 1, 100: 2}),
        (0.0301, {100: 1}),
        (5.0, {1: 1, 100: 1}),
    ],
)
def test_how_many_windows_at_a_time(
    own: Transplanted, monkeypatch: pytest.MonkeyPatch, seconds: float, batches: dict[int, int]
) -> None:
    """As many as take six hundredths of a second, eight at most, and few that stay empty."""
    _slow(monkeypatch, own, seconds)
    assert window_seconds(own) == pytest.approx(seconds)
    assert {n: batch_for(own, n) for n in batches} == batches
    assert {n: Classifier(own, n).batch for n in batches} == batches


def test_a_net_that_gives_a_map_has_no_answer_to_a_window(tmp_path: Path) -> None:
    text = """
    layer { name: "data" type: "Input" top: "data"
      input_param { shape { dim: 1 dim: 3 dim: 9 dim: %d } } }
    layer { name: "c" type: "Convolution" bottom: "data" top: "c"
      convolution_param { num_output: 2 kernel_size: 9 } }
    layer { name: "prob" type: "Softmax" bottom: "c" top: "prob" }
    """
    refused = {}
    for width in (9, 10):
        (tmp_path / "net.prototxt").write_text(text % width)
        t = transplant(tmp_path / "net.prototxt", None)
        refused[width] = str(windows_refused(t))
        if width == 10:
            with pytest.raises(FilterLabError, match="answers with a map, so it has no one"):
                Classifier(t, 1)
            for job in (exact_job(t, PICTURE), agreement_job(t, heatmap(t, PICTURE, size=(9, 20)))):
                with pytest.raises(FilterLabError, match="take the method dense"):
                    run_job(job)
            assert default_method(t, 1) == "dense"
    assert refused[9] == ""
    assert refused[10].startswith("the classifier itself answers with a map")


def test_a_net_that_stands_for_one_picture_is_asked_one_by_one(
    oblong_files: tuple[Path, Path], tmp_path: Path
) -> None:
    """Its Reshape has a batch of one written into it."""
    text = oblong_files[0].read_text()
    one = 'layer { name: "one" type: "Reshape" bottom: "p1" top: "one" reshape_param { shape { '
    one += "dim: 1 dim: 80 dim: 1 dim: 1 } } }\n"
    text = text.replace('layer { name: "fc1"', one + 'layer { name: "fc1"')
    text = text.replace('bottom: "p1" top: "fc1"', 'bottom: "one" top: "fc1"')
    (tmp_path / "net.prototxt").write_text(text)
    t = transplant(tmp_path / "net.prototxt", oblong_files[1])
    assert batch_for(t, 20) == 8
    assert Classifier(t, 20).batch == 1
    assert Classifier(t, 20).net.blobs["data"].shape[0] == 1
    found = run_job(exact_job(t, PICTURE, **PLAIN))
    usual = run_job(exact_job(transplant(*oblong_files), PICTURE, **PLAIN))
    np.testing.assert_allclose(found.prob, usual.prob, atol=1e-6)


# --- what is told


def test_an_exact_run(own: Transplanted, passes: list[tuple[Any, float]]) -> None:
    found, seen = _all(exact_job(own, PICTURE, **PLAIN))
    names = ["prepare the picture", "run the net", "prepare the classifier"]
    windows = [("classify the windows", done, 20) for done in (0, 8, 16)]
    assert _told(seen) == [(name, 0, 20) for name in names] + windows
    assert [p.message for p in seen[:2]] == ["59x31"] * 2
    assert [p.message for p in seen[3:]] == [f"window {n} of 20" for n in (0, 8, 16)]
    partial = [p.maps for p in seen if isinstance(p, PartialMaps)]
    assert [int(m.filled.sum()) for m in partial if m is not None] == [0, 8, 16]
    batches = [seconds for net, seconds in passes if net is not own.net]
    assert len(passes) == 4
    assert found.seconds == sum(batches) == 9
    assert own.measured_window == median(batches) / 8
    assert own.measured == (SIZE, 1.0)
    assert found.filled is None


def test_an_exact_run_of_many_windows_is_not_shown_at_each(
    own: Transplanted, monkeypatch: pytest.MonkeyPatch
) -> None:
    _slow(monkeypatch, own, 0.05)
    _, seen = _all(exact_job(own, PICTURE, 2, **PLAIN))
    windows = [p for p in seen if p.step == "classify the windows"]
    assert [p.done for p in windows] == list(range(120))
    shown = [p.done for p in windows if isinstance(p, PartialMaps)]
    assert shown == list(range(4, 120, 4)), "not more than 32 times"
    first = [p.maps for p in seen if isinstance(p, PartialMaps)][1]
    assert first is not None
    assert first.filled is not None
    cells = {(int(i), int(j)) for i, j in np.argwhere(first.filled)}
    assert cells == {(0, 0), (0, 8), (0, 4), (0, 12)}


def test_long_passes_are_told_in_their_pieces(
    own: Transplanted, monkeypatch: pytest.MonkeyPatch
) -> None:
    usual = heatmap(own, PICTURE, **PLAIN)
    _slow(monkeypatch, own, 0.4)
    cut = pieces.pieces(own.source_param, own.source, (19, 35))
    shares = [share for _, _, share in cut][:-1]
    assert shares
    _, seen = _all(agreement_job(own, usual, most=2, seconds=10))
    wanted = [0.0]
    for done in (0, 1):
        wanted += [done + 1, *(done + 1 + share for share in shares)]
    assert [p.done for p in seen] == pytest.approx(wanted)
    assert {(p.step, p.total) for p in seen} == {("ask the classifier", 3)}

    own.measured = None
    whole = [share for _, _, share in pieces.pieces(own.param, own.net, SIZE)][:-1]
    _, seen = _all(heatmap_job(own, PICTURE, **PLAIN))
    assert [p.done for p in seen] == pytest.approx([0, 1, *(1 + 9 * share for share in whole)])
    _, seen = _all(dense_job(own, PICTURE, 2, **PLAIN))
    passed = [(p.done, p.total) for p in seen if not p.done % 1]
    assert passed == [(done, 7) for done in range(7)]
    assert [p.done for p in seen] == sorted(p.done for p in seen)
    assert len(seen) > 20
    _, seen = _all(exact_job(own, PICTURE, **PLAIN))
    windows = [p.done for p in seen if p.step == "classify the windows"]
    wanted = [done + share for done in range(20) for share in (0, *shares)]
    assert windows == pytest.approx(wanted)
    quick = [p.done for p in seen if p.step == "run the net"]
    assert quick == [0] * (1 + len(whole))


def test_a_denser_run(own: Transplanted, passes: list[tuple[Any, float]]) -> None:
    found, seen = _all(dense_job(own, PICTURE, 2, **PLAIN))
    assert found.seconds == sum(range(1, 7))
    assert _told(seen) == [
        ("prepare the picture", 0, 7),
        *(("run the shifted copies", done, 7) for done in range(1, 7)),
    ]
    partial = [p.maps for p in seen if isinstance(p, PartialMaps)]
    counts = [int(m.filled.sum()) for m in partial if m is not None and m.filled is not None]
    shifts = []
    for n, p in enumerate(seen[1:], 1):
        told = str(p.message)
        assert told.startswith(f"pass {n} of 6, shifted by ")
        x, y = (int(v) for v in told.removesuffix(" pixels").rpartition("by ")[2].split(", "))
        shifts.append((y // 2, x // 2))
    assert shifts[0] == (0, 0)
    assert sorted(shifts) == [(y, x) for y in range(2) for x in range(3)]
    assert counts == [20 * n for n in range(1, 6)]
    assert found.filled is None
    assert found.method == "dense"


def test_the_passes_of_a_denser_run_fill_the_map_as_a_dither(
    thin: Transplanted, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A map of a quarter of the steps, in the order of the 4 x 4 ordered dither matrix."""
    two = np.array([[0, 2], [3, 1]])
    order = np.empty((4, 4), int)
    for y in range(4):
        for x in range(4):
            order[y, x] = 4 * two[y % 2, x % 2] + two[y // 2, x // 2]
    picture = np.zeros((260, 260, 3), np.float32)
    shifts = []
    for p in dense_job(thin, picture, 8, size=(259, 259)):
        _, found, rest = str(p.message).partition("shifted by ")
        if found:
            x, y = (int(v) // 8 for v in rest.removesuffix(" pixels").split(", "))
            shifts.append(order[y, x])
    assert shifts == list(range(16))


def test_a_pass_in_strips_takes_what_they_take_together(
    own: Transplanted, passes: list[tuple[Any, float]], monkeypatch: pytest.MonkeyPatch
) -> None:
    once = run_dense(own, np.ones((1, 3, 131, 59), np.float32))
    assert once[2] == 1
    passes.clear()
    monkeypatch.setattr(forward, "WHOLE", 1000)
    monkeypatch.setattr(strips, "_ROOMS", ((30_000, 10**12),))
    double = replace(own.double(), measured=None)
    found = run_dense(double, np.ones((1, 3, 131, 59), np.float32))
    assert len(passes) > 3
    assert found[2] == sum(seconds for _, seconds in passes)
    assert double.measured == ((131, 59), found[2])
    np.testing.assert_allclose(found[1], once[1], atol=1e-5)


def test_sliding_the_classifier_along(own: Transplanted, passes: list[tuple[Any, float]]) -> None:
    maps = heatmap(own, PICTURE, **PLAIN)
    passes.clear()
    found, seen = _all(sliding_job(own, maps))
    dense = [seconds for net, seconds in passes if net is own.net]
    single = [seconds for net, seconds in passes if net is own.source]
    assert dense == [1, 2, 3, 4]
    assert found.dense_seconds == 3, "the first builds a session"
    assert found.seconds == sum(single[1:])
    assert len(single) == 21
    assert found.one == pytest.approx(found.seconds / 20)
    assert _told(seen) == [("time the dense net", 0, 21)] * 4 + [
        ("classify window by window", k, 21) for k in range(1, 21)
    ]
    assert [str(p.message) for p in seen[4:]] == [
        f"cell ({i}, {j})" for i in range(4) for j in range(5)
    ]


def test_agreement_is_told_and_timed(own: Transplanted, passes: list[tuple[Any, float]]) -> None:
    maps = heatmap(own, PICTURE, **PLAIN)
    passes.clear()
    found, seen = _all(agreement_job(own, maps, most=11))
    assert _told(seen) == [("ask the classifier", done, 12) for done in (0, 1, 9)]
    assert [seconds for _, seconds in passes] == [1, 2]
    assert found.seconds == 3
    assert len(found.cells) == 11
    for k, (i, j) in enumerate(found.cells):
        np.testing.assert_array_equal(found.map[k], maps.prob[:, i, j])
        np.testing.assert_allclose(found.classifier[k], maps.prob[:, i, j], atol=2e-6)
    assert found.cells == spread_cells(maps, 11)


@pytest.mark.parametrize(
    ("most", "seconds", "count"), [(12, 1.0, 12), (30, 1.0, 20), (12, 0.95, 9), (12, 0.05, 1)]
)
def test_how_many_windows_are_asked(
    own: Transplanted, monkeypatch: pytest.MonkeyPatch, most: int, seconds: float, count: int
) -> None:
    maps = heatmap(own, PICTURE, **PLAIN)
    _slow(monkeypatch, own, 0.1 if seconds < 1 else 1e-6)
    assert len(run_job(agreement_job(own, maps, most, seconds)).cells) == count


def test_cells_are_chosen_far_from_each_other(oblong: Transplanted) -> None:
    maps = heatmap(oblong, PICTURE, **PLAIN)
    for number in range(6):
        rng = np.random.default_rng(number)
        prob = rng.dirichlet(np.ones(5), (4, 5)).transpose(2, 0, 1).astype(np.float32)
        some = replace(maps, prob=prob)
        found = spread_cells(some, 20)
        peak, mean = prob.max(axis=(1, 2)).argmax(), prob.mean(axis=(1, 2)).argmax()
        wanted = list(dict.fromkeys(divmod(int(prob[c].argmax()), 5) for c in (peak, mean)))
        while len(wanted) < 20:
            far = [
                (min((i - a) ** 2 + (j - b) ** 2 for a, b in wanted), -i, -j)
                for i in range(4)
                for j in range(5)
            ]
            _, i, j = max(far)
            wanted.append((-i, -j))
        assert list(found) == wanted
        assert spread_cells(some, 1) == found[:1]


# --- three sizes at once


def _levels(own: Transplanted, seen: list[Progress]) -> list[Pyramid]:
    return [p.pyramid for p in seen if isinstance(p, PartialPyramid) and p.pyramid is not None]


def test_a_pyramid_run(own: Transplanted, passes: list[tuple[Any, float]]) -> None:
    found, seen = _all(pyramid_job(own, PICTURE, (0.8, 1.0, 1.4), size=(47, 71)))
    sizes = [(39, 59), (47, 71), (67, 101)]
    assert [m.input_size for m in found.levels] == sizes
    assert [m.seconds for m in found.levels] == [6, 6, 6]
    whole = [p for p in seen if isinstance(p, PartialPyramid)]
    assert _told(whole) == [("run the pyramid", k, 3) for k in range(3)]  # type: ignore[arg-type]
    assert [str(p.message) for p in whole] == [
        f"{w}x{h}, level {k} of 3" for k, (h, w) in enumerate(sizes, 1)
    ]
    assert [p.done for p in seen] == pytest.approx(
        [k + part for k in range(3) for part in (0, 0, 0.1)]
    )
    ready = _levels(own, seen)
    assert [[m.seconds for m in p.levels] for p in ready] == [[1], [3, 3]]
    assert (found.picture_size, found.classes) == ((93, 118), 5)


def test_scales_that_are_left_out(oblong: Transplanted) -> None:
    """Below nine tenths of the smallest input, 17 x 30; and those of a size there is already."""
    assert pyramid_sizes(oblong, (30, 60), (0.52, 1.0)) == [(19, 35), (31, 59)]
    assert pyramid_sizes(oblong, (30, 60), (0.5, 1.0)) == [(31, 59)]
    assert pyramid_sizes(oblong, (60, 52), (0.5, 1.0)) == [(59, 53)]
    assert pyramid_sizes(oblong, (60, 60), (1.0, 1.01, 20)) == [(59, 59), (1199, 1199)]
    for scale in (0.049, 20.1):
        with pytest.raises(FilterLabError, match=f"a scale of {scale} is out of reach; take 0.05"):
            pyramid_sizes(oblong, (600, 600), (scale,))
    assert pyramid_sizes(oblong, (600, 700), (0.05,)) == [(31, 35)]


def test_classes_of_a_pyramid_are_ranked_over_its_levels(oblong: Transplanted) -> None:
    one = heatmap(oblong, PICTURE, **PLAIN)
    small = np.full((5, 1, 2), 0.1, np.float32)
    large = np.full((5, 2, 3), 0.2, np.float32)
    small[:, 0, 0] = 0.9, 0.2, 0.7, 0.3, 0.1
    large[:, 1, 2] = 0.3, 0.8, 0.1, 0.9, 0.7
    large[4] = 0.5
    found = Pyramid([replace(one, prob=small), replace(one, prob=large)])
    assert found.ranked().tolist() == [0, 3, 1, 2, 4]
    flat = np.concatenate([small.reshape(5, -1), large.reshape(5, -1)], axis=1)
    assert found.ranked("mean").tolist() == np.argsort(-flat.mean(axis=1)).tolist()
    assert found.ranked("mean")[0] == 4
    assert [found.best_level(c) for c in range(5)] == [0, 1, 0, 1, 1]
    with pytest.raises(FilterLabError, match="ranked by 'peak' or 'mean', not by 'sum'"):
        found.ranked("sum")


def test_levels_are_joined_where_they_cover(own: Transplanted) -> None:
    found = run_job(pyramid_job(own, PICTURE, (0.7, 1.0, 1.4), size=(47, 71)))
    from filterlab.surgery.overlay import project

    for mode in ("smooth", "coverage"):
        layers = [project(m, m.values([1, 3]), mode, (31, 40)) for m in found.levels]
        largest = found.project([1, 3], mode, shape=(31, 40))
        mean = found.project([1, 3], mode, "mean", shape=(31, 40))
        for y, x in np.ndindex(31, 40):
            there = [(float(p.value[y, x]), float(p.cover[y, x])) for p in layers]
            there = [(value, cover) for value, cover in there if cover > 0]
            cover = max((c for _, c in there), default=0)
            assert largest.cover[y, x] == mean.cover[y, x] == pytest.approx(cover)
            assert largest.value[y, x] == pytest.approx(max((v for v, _ in there), default=0))
            weighed = sum(v * c for v, c in there) / sum(c for _, c in there) if there else 0
            assert mean.value[y, x] == pytest.approx(weighed, abs=1e-6)
        assert mode == "coverage" or 0 < (largest.cover > 0).mean() < 1


def test_a_plan_is_run_as_it_says(own: Transplanted, passes: list[tuple[Any, float]]) -> None:
    for request, count in (
        (Request(cells=5), 1),
        (Request(cells=5, density="stride:2"), 6),
        (Request(cells=5, method="exact"), 1 + 5),
        (Request(cells=5, density="scales"), 3),
    ):
        made = plan(own, (93, 118), request)
        passes.clear()
        run = run_job(map_job(own, PICTURE, made))
        assert len(passes) == count
        assert run.seconds == run.maps.seconds > 0
        assert (run.maps.rows, run.maps.cols) == made.cells
        assert run.maps.input_size == made.input_size
        assert (run.pyramid is not None) == (request.density == "scales")
        assert run.plan is made


# --- what is wrong


def test_what_is_not_finite_is_told_with_its_place(own: Transplanted) -> None:
    maps = heatmap(own, PICTURE, **PLAIN)
    own.source.params["fc2"][1].data[2] = np.nan
    for job in (exact_job(own, PICTURE, **PLAIN), agreement_job(own, maps)):
        with pytest.raises(FilterLabError, match="the net's answer is not finite: the weights of"):
            run_job(job)
    with pytest.raises(FilterLabError, match="blob 'fc2-conv' is not finite: the weights of layer"):
        features(own, maps, "fc2-conv")
    own.source.params["fc2"][1].data[2] = 0
    odd = maps.data.copy()
    odd[0, 1, 3, 4] = np.inf
    with pytest.raises(FilterLabError, match="NaN or infinity comes up first in blob 'data'"):
        run_dense(own, odd)
    with pytest.raises(FilterLabError, match=r"no blob 'x'; among its blobs are c1, p1, fc1-conv, "
                                             r"fc2-conv, prob$"):  # fmt: skip
        features(own, maps, "x")


def test_maps_of_another_kind_are_told_apart(oblong: Transplanted) -> None:
    maps: ClassMaps = heatmap(oblong, PICTURE, **PLAIN)
    assert maps.to_picture(10, 20) == (20.0, 60.0)
    assert (maps.classes, maps.rows, maps.cols) == (5, 4, 5)
