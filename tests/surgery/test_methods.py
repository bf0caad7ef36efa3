"""Requests, plans and methods: what is done, what is refused, and that exact is exact."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import filterlab.caffe as caffe
from filterlab.errors import FilterLabError
from filterlab.pictures import read_picture
from filterlab.progress import run_job
from filterlab.surgery import cost, methods
from filterlab.surgery.exact import coarse_to_fine
from filterlab.surgery.heatmap import Preprocessing, heatmap, run_dense
from filterlab.surgery.methods import (
    METHODS,
    MapRun,
    Request,
    cell_steps,
    default_method,
    densities,
    largest_cells,
    map_job,
    plan,
    refusal,
)
from filterlab.surgery.onnx_export import export_onnx
from filterlab.surgery.pyramid import PartialPyramid
from filterlab.surgery.shift_and_stitch import PartialMaps, dense
from filterlab.surgery.transplant import Transplanted, feed, transplant

# Deep enough to see its own padding, small enough to run by the dozen; 32x32, jump 4.
POOLED = """
name: "pooled"
layer { name: "data" type: "Input" top: "data"
  input_param { shape { dim: 1 dim: 3 dim: 32 dim: 32 } } }
layer { name: "c1" type: "Convolution" bottom: "data" top: "c1" convolution_param {
  num_output: 16 kernel_size: 3 stride: 2 pad: 1 } }
layer { name: "r1" type: "ReLU" bottom: "c1" top: "c1" }
layer { name: "c2" type: "Convolution" bottom: "c1" top: "c2" convolution_param {
  num_output: 16 kernel_size: 3 stride: 2 pad: 1 } }
layer { name: "r2" type: "ReLU" bottom: "c2" top: "c2" }
layer { name: "c3" type: "Convolution" bottom: "c2" top: "c3" convolution_param {
  num_output: 16 kernel_size: 3 pad: 1 } }
layer { name: "r3" type: "ReLU" bottom: "c3" top: "c3" }
layer { name: "gap" type: "Pooling" bottom: "c3" top: "gap" pooling_param {
  pool: AVE global_pooling: true } }
layer { name: "fc" type: "InnerProduct" bottom: "gap" top: "fc"
  inner_product_param { num_output: 6 } }
layer { name: "prob" type: "Softmax" bottom: "fc" top: "prob" }
"""
MAPPER = """
layer { name: "data" type: "Input" top: "data"
  input_param { shape { dim: 1 dim: 3 dim: 32 dim: 32 } } }
layer { name: "c1" type: "Convolution" bottom: "data" top: "c1" convolution_param {
  num_output: 5 kernel_size: 3 stride: 2 pad: 1 } }
layer { name: "prob" type: "Softmax" bottom: "c1" top: "prob" }
"""
NO_MEAN = Preprocessing((0.0, 0.0, 0.0), 255.0)


@pytest.fixture(scope="module")
def pooled_files(tmp_path_factory: pytest.TempPathFactory, draw_weights: Any) -> Any:
    return draw_weights(POOLED, 11, tmp_path_factory.mktemp("pooled"), 0.6)


@pytest.fixture
def pooled(pooled_files: Any) -> Transplanted:
    return transplant(*pooled_files)


@pytest.fixture(scope="module")
def mapper(tmp_path_factory: pytest.TempPathFactory) -> Transplanted:
    path = tmp_path_factory.mktemp("mapper") / "net.prototxt"
    path.write_text(MAPPER)
    return transplant(path, None)


def _picture(h: int, w: int) -> np.ndarray:
    return np.random.default_rng(3).random((h, w, 3)).astype(np.float32)


def _run(t: Transplanted, picture: np.ndarray, **request: Any) -> tuple[MapRun, list[Any]]:
    job = map_job(t, picture, plan(t, picture.shape[:2], Request(**request)), NO_MEAN)
    seen = []
    while True:
        try:
            seen.append(next(job))
        except StopIteration as end:
            return end.value, seen


def _by_hand(t: Transplanted, data: np.ndarray, y: int, x: int) -> np.ndarray:
    """The classifier on one window, put together pixel by pixel; zero outside."""
    h, w = t.geometry.own_size
    t.source.blobs["data"].reshape(1, 3, h, w)
    t.source.reshape()
    window = t.source.blobs["data"].data
    window[...] = 0
    for row in range(h):
        for col in range(w):
            if 0 <= y + row < data.shape[2] and 0 <= x + col < data.shape[3]:
                window[0, :, row, col] = data[0, :, y + row, x + col]
    t.source.forward()
    return np.array(t.source.blobs["prob"].data.reshape(-1))


def test_what_each_net_can_do(
    thin: Transplanted, pooled: Transplanted, mapper: Transplanted
) -> None:
    assert methods.methods(thin) == ("dense", "exact")
    assert methods.methods(pooled) == ("exact", "pooled")
    assert methods.methods(mapper) == ("dense",)
    for t in (thin, pooled, mapper):
        for method in METHODS:
            possible = method in methods.methods(t)
            assert bool(refusal(t, method)) != possible
            assert bool(densities(t, method)) == possible
    assert densities(thin, "exact") == ("own", "stride:16", "stride:8", "scales")
    assert densities(pooled, "pooled") == ("own", "scales")
    assert "global pooling" in refusal(pooled, "dense")
    assert "global pooling" in refusal(thin, "pooled")
    assert "answers with a map" in refusal(mapper, "exact")
    assert "no method 'best'" in refusal(thin, "best")
    assert "cannot be reached" in refusal(thin, "exact", "stride:7")
    assert "no density 'fine'" in refusal(thin, "dense", "fine")
    assert refusal(thin, "exact", "stride:32") == ""
    for wrong in (Request(method="pooled"), Request(density="stride:5"), Request(method="x")):
        with pytest.raises(FilterLabError):
            plan(thin, (300, 300), wrong)


def test_the_default_does_not_depend_on_what_was_measured(
    thin: Transplanted, pooled: Transplanted, monkeypatch: pytest.MonkeyPatch
) -> None:
    picture = (64, 96)
    found = []
    for seconds in (1e-5, 100.0):
        pooled.measured = ((32, 32), seconds)
        pooled.measured_window = seconds
        found.append(plan(pooled, picture))
    assert [p.method for p in found] == ["exact", "exact"]
    assert found[0] == found[1]
    assert found[0].cost.seconds < found[1].cost.seconds
    monkeypatch.setattr(cost, "NOMINAL_SPEED", 1e6)
    assert plan(pooled, picture).method == "pooled"
    assert plan(pooled, picture, Request(method="exact")).method == "exact"
    assert default_method(thin, 10**9) == "dense"


def test_exact_is_the_classifier_on_every_window(pooled: Transplanted) -> None:
    picture = _picture(44, 61)
    run, seen = _run(pooled, picture, method="exact", size=61)
    maps = run.maps
    assert run.plan.cells == (maps.rows, maps.cols)
    assert run.plan.passes == maps.rows * maps.cols > 20
    assert maps.method == "exact"
    assert maps.filled is None
    for i in range(maps.rows):
        for j in range(maps.cols):
            expected = _by_hand(pooled, maps.data, 4 * i, 4 * j)
            np.testing.assert_allclose(maps.prob[:, i, j], expected, atol=1e-5)
            scores = pooled.source.blobs["fc"].data[0]
            np.testing.assert_allclose(maps.score[:, i, j], scores, atol=1e-4)
    np.testing.assert_allclose(maps.prob.sum(axis=0), 1, atol=1e-5)
    quick = heatmap(pooled, picture, size=run.plan.input_size, preprocessing=NO_MEAN)
    assert quick.method == "pooled"
    assert np.abs(quick.prob - maps.prob).max() > 0.01, "this net sees its padding"
    partial = [p.maps for p in seen if isinstance(p, PartialMaps)]
    assert not partial[0].filled.any()
    np.testing.assert_array_equal(partial[0].prob, quick.prob)
    counts = [int(p.filled.sum()) for p in partial]
    assert counts == sorted(counts)
    for p in partial[1:]:
        np.testing.assert_array_equal(p.prob[:, p.filled], maps.prob[:, p.filled])
        np.testing.assert_array_equal(p.prob[:, ~p.filled], quick.prob[:, ~p.filled])


def test_exact_at_a_window_that_hangs_over(thin: Transplanted) -> None:
    """What hangs over is the mean, in the one pass and in the window."""
    picture = _picture(230, 260)
    run, _ = _run(thin, picture, method="exact", squash=250)
    maps = run.maps
    assert maps.geometry.overhang(250, 250) == (9, 9)
    for i, j in np.ndindex(maps.rows, maps.cols):
        expected = _by_hand(thin, maps.data, 32 * i, 32 * j)
        np.testing.assert_allclose(maps.prob[:, i, j], expected, atol=1e-5)


def test_exact_denser_and_at_three_scales(pooled: Transplanted, thin: Transplanted) -> None:
    picture = _picture(250, 270)
    run, _ = _run(thin, picture, method="exact", density="stride:16", cells=2)
    assert run.plan.stride == 16
    shifted = dense(thin, picture, 16, size=run.plan.input_size, preprocessing=NO_MEAN)
    assert run.maps.prob.shape == shifted.prob.shape
    for i, j in ((0, 0), (0, 1), (run.maps.rows - 1, run.maps.cols - 1)):
        expected = _by_hand(thin, run.maps.data, 16 * i, 16 * j)
        np.testing.assert_allclose(run.maps.prob[:, i, j], expected, atol=1e-5)
    scales, seen = _run(pooled, _picture(48, 60), method="exact", density="scales")
    assert scales.pyramid is not None
    assert any(scales.maps is level for level in scales.pyramid.levels)
    assert scales.maps.input_size == scales.plan.input_size
    assert scales.plan.passes == sum(m.rows * m.cols for m in scales.pyramid.levels)
    assert any(isinstance(p, PartialPyramid) and p.pyramid for p in seen)
    odd, _ = _run(thin, picture, density="scales", squash=250)
    assert odd.plan.input_size == odd.maps.input_size == (259, 259), "each level fits its windows"
    for level in scales.pyramid.levels:
        assert level.method == "exact"
        expected = _by_hand(pooled, level.data, 0, 4)
        np.testing.assert_allclose(level.prob[:, 0, 1], expected, atol=1e-5)


@pytest.mark.parametrize("density", ["own", "stride:16", "scales"])
def test_dense_runs_are_what_the_jobs_alone_give(thin: Transplanted, density: str) -> None:
    picture = _picture(260, 330)
    run, _ = _run(thin, picture, density=density, cells=4)
    assert run.plan.method == run.maps.method == "dense"
    assert run.plan.cells == (run.maps.rows, run.maps.cols)
    assert run.plan.passes == {"own": 1, "stride:16": 4, "scales": 3}[density]
    if density == "stride:16":
        alone = dense(thin, picture, 16, cells=4, preprocessing=NO_MEAN)
    else:
        alone = heatmap(thin, picture, cells=4, preprocessing=NO_MEAN)
    np.testing.assert_array_equal(run.maps.prob, alone.prob)


def test_closing_an_exact_run_leaves_a_net_that_answers_rightly(pooled: Transplanted) -> None:
    picture = _picture(48, 60)
    whole, seen = _run(pooled, picture, method="exact")
    for stop in range(1, len(seen), 2):
        job = map_job(pooled, picture, whole.plan, NO_MEAN)
        for _ in range(stop):
            next(job)
        job.close()
    again, _ = _run(pooled, picture, method="exact")
    np.testing.assert_array_equal(again.maps.prob, whole.maps.prob)


@pytest.mark.parametrize("method", ["pooled", "exact"])
@pytest.mark.parametrize("density", ["own", "stride:2"])
def test_earlier_runs_change_no_bit(pooled_files: Any, method: str, density: str) -> None:
    """Each map of a net that has run often, and at other sizes, is the first of a fresh one."""
    picture = _picture(90, 110)
    fresh, _ = _run(transplant(*pooled_files), picture, method=method, density=density)
    used = transplant(*pooled_files)
    _run(used, _picture(70, 64), method="exact")
    for _ in range(40):
        used.source.forward()
        feed(used.net, "data", fresh.maps.data)
        used.net.forward()
    for _ in range(4):
        found, _ = _run(used, picture, method=method, density=density)
        np.testing.assert_array_equal(found.maps.prob, fresh.maps.prob)
        np.testing.assert_array_equal(found.maps.score, fresh.maps.score)


def test_coarse_to_fine_takes_every_cell_once() -> None:
    order = coarse_to_fine(5, 9)
    assert sorted(order) == [(i, j) for i in range(5) for j in range(9)]
    assert order[0] == (0, 0)
    assert set(order[:2]) == {(0, 0), (0, 8)}
    assert set(order[:6]) == {(i, j) for i in (0, 4) for j in (0, 4, 8)}
    assert {(i % 2, j % 2) for i, j in order[:15]} == {(0, 0)}


def test_pictures_of_odd_shapes(thin: Transplanted) -> None:
    usual = plan(thin, (360, 480))
    assert (usual.input_size, usual.cells, usual.note) == ((355, 483), (5, 9), "")
    wide = plan(thin, (360, 4000))
    assert wide.cells == (1, 73)
    assert wide.note == ""
    assert wide.input_size[1] / wide.input_size[0] == pytest.approx(4000 / 360, rel=0.02)
    squashed = plan(thin, (360, 4000), Request(cells=9))
    assert squashed.input_size == (227, 483)
    assert squashed.note == (
        "the picture of 4000x360 pixels is squashed to 483x227; its shape would be kept from "
        "73 cells on the longer side"
    )
    assert plan(thin, (360, 4000), Request(cells=73)).note == ""
    assert "squashed to 483x227" in plan(thin, (360, 4000), Request(size=480)).note
    tiny = plan(thin, (20, 30))
    assert tiny.note == (
        "the picture of 30x20 pixels is smaller than one window and is enlarged to 355x227"
    )
    for side in ((199, 230), (230, 199), (199, 199)):
        assert plan(thin, side).note == "", "as small as can be"
    for side in ((198, 230), (230, 198)):
        assert "smaller than one window" in plan(thin, side).note
    assert plan(thin, (360, 480), Request(squash=451)).input_size == (451, 451)
    assert plan(thin, (360, 480), Request(squash=True)).input_size == (451, 451)
    assert plan(thin, (360, 480), Request(squash=True, cells=3)).cells == (3, 3)
    endless = plan(thin, (10, 100_000))
    assert "squashed to" in endless.note
    assert endless.cells[0] == 1
    assert endless.cells[1] > 300


def test_how_far_the_slider_goes(thin: Transplanted, monkeypatch: pytest.MonkeyPatch) -> None:
    size = (360, 480)
    needed = cost.estimate(thin.param, thin.net, thin.geometry.keeping_shape(size, 40)).bytes
    monkeypatch.setattr(cost, "available_memory", lambda: int(needed / 0.85) + 10)
    assert largest_cells(thin, size) == 40
    assert plan(thin, size, Request(cells=40)).cells[1] == 40
    with pytest.raises(FilterLabError, match="take fewer cells"):
        plan(thin, size, Request(cells=41))
    steps = cell_steps(thin, size)
    assert steps[0] == 3
    assert steps[-1] == 40
    assert list(steps) == sorted(set(steps))
    assert steps[:10] == tuple(range(3, 13))
    long = cell_steps(thin, (360, 4000))
    for count in long:
        assert plan(thin, (360, 4000), Request(cells=count)).note == ""
    monkeypatch.setattr(cost, "available_memory", lambda: None)
    most = largest_cells(thin, size)
    assert most == (20_000 - 199) // 32 + 1
    assert max(plan(thin, size, Request(cells=most)).input_size) <= 20_000
    with pytest.raises(FilterLabError, match="no input up to 20000 pixels"):
        plan(thin, size, Request(cells=most + 1))


def test_a_plan_is_done_in_one_go_too(thin: Transplanted) -> None:
    picture = _picture(240, 300)
    made = plan(thin, (240, 300))
    run = run_job(map_job(thin, picture, made, NO_MEAN))
    assert run.seconds == run.maps.seconds > 0
    assert run.pyramid is None
    assert made.cost.seconds is not None
    assert Path(thin.files[0]).exists()


def test_what_is_saved_is_what_is_shown(shared: Path, tmp_path: Path) -> None:
    """The saved net's own ``prob``, without FilterLab's surgery, is the pooled map; ONNX too."""
    import onnxruntime

    folder = shared / "squeezenet"
    t = transplant(folder / "deploy.prototxt", folder / "squeezenet_v1.0.caffemodel")
    picture = read_picture(shared / "images/cat.jpg")
    made = plan(t, picture.shape[:2], Request(method="pooled", cells=12))
    maps = run_job(map_job(t, picture, made, Preprocessing((104, 117, 123)))).maps
    assert maps.prob.shape == (1000, *made.cells)
    assert maps.prob.max() > 0.05
    saved = caffe.Net(*map(str, t.save(tmp_path / "dense")), caffe.TEST)
    assert [layer.type for layer in saved.layers][-3:] == ["Pooling", "Scale", "Softmax"]
    saved.blobs["data"].reshape(*maps.data.shape)
    found = saved.forward(data=maps.data)
    assert list(found) == ["prob"]
    np.testing.assert_array_equal(found["prob"][0], maps.prob)
    path = export_onnx(t, tmp_path / "dense.onnx", made.input_size)
    session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    (prob,) = session.run(["prob"], {"data": maps.data})
    np.testing.assert_allclose(prob[0], maps.prob, atol=1e-5)


def test_a_saved_pooled_net_of_fc_layers_gives_its_map(
    pooled: Transplanted, tmp_path: Path
) -> None:
    run, _ = _run(pooled, _picture(48, 60), method="pooled")
    saved = caffe.Net(*map(str, pooled.save(tmp_path / "n")), caffe.TEST)
    saved.blobs["data"].reshape(*run.maps.data.shape)
    np.testing.assert_array_equal(saved.forward(data=run.maps.data)["prob"][0], run.maps.prob)


def test_a_double_for_videos_lays_its_weights_out(pooled: Transplanted) -> None:
    data = np.random.default_rng(2).standard_normal((1, 3, 96, 96)).astype(np.float32) * 50
    expected, _, _ = run_dense(pooled, data)
    double = pooled.double("first")
    found, _, _ = run_dense(double, data)
    np.testing.assert_allclose(found, expected, atol=1e-5)
    assert (double.net.packing, pooled.net.packing) == ("first", "never")
    pooled.net.params["fc-conv"][1].data[2] += 40
    assert (run_dense(double, data)[0].argmax(axis=0) == 2).all()
