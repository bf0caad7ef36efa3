"""A net whose windows, steps and kernels differ down and across, on a picture scaled differently.

What takes rows for columns anywhere between prototxt and picture shows here. The classifier pads
nowhere, so each cell must be its answer to the cell's window; where a padded net looks is found by
asking which answers a NaN reaches.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import filterlab.caffe as caffe
from filterlab.caffe.prototxt import parse_net
from filterlab.errors import FilterLabError
from filterlab.progress import run_job
from filterlab.surgery.exact import exact_job
from filterlab.surgery.features import features
from filterlab.surgery.geometry import Axis, MapGeometry, of_blob
from filterlab.surgery.heatmap import ClassMaps, Preprocessing, choose_size, heatmap
from filterlab.surgery.methods import Request, cell_steps, densities, own_cells, plan
from filterlab.surgery.onnx_export import export_onnx
from filterlab.surgery.overlay import corners, project, stretch_error
from filterlab.surgery.pyramid import pyramid_sizes
from filterlab.surgery.shift_and_stitch import PartialMaps, dense, dense_job, factors, strides
from filterlab.surgery.sizes import fewest_cells
from filterlab.surgery.sliding import classify_window, sliding
from filterlab.surgery.spatial import SpatialGraph
from filterlab.surgery.transplant import Transplanted, transplant
from filterlab.surgery.windows import cut_box

PLAIN = Preprocessing((0.0, 0.0, 0.0), 1.0)
HEIGHT, WIDTH = 19, 35  # of the classifier; cells lie 4 pixels apart down and 6 across
POOLED = """
layer { name: "c2" type: "Convolution" bottom: "p1" top: "c2" convolution_param {
  num_output: 5 kernel_size: 1 %s } }
layer { name: "r2" type: "ReLU" bottom: "c2" top: "c2" }
layer { name: "end" type: "Pooling" bottom: "c2" top: "end" pooling_param {
  pool: %s global_pooling: true } }
layer { name: "prob" type: "Softmax" bottom: "end" top: "prob" }
"""
SIZE, SHOWN = (31, 59), (93, 118)  # 4 x 5 cells; a pixel of the input is 3 high and 2 wide


@pytest.fixture(scope="module")
def picture() -> np.ndarray:
    return np.random.default_rng(8).random((*SHOWN, 3)).astype(np.float32) * 4


@pytest.fixture(scope="module")
def maps(oblong: Transplanted, picture: np.ndarray) -> ClassMaps:
    return heatmap(oblong, picture, size=SIZE, preprocessing=PLAIN)


def _answer(t: Transplanted, data: np.ndarray, y: int, x: int) -> tuple[np.ndarray, np.ndarray]:
    """The classifier's score and probabilities of the window at (y, x); 0 outside."""
    room = np.pad(data, ((0, 0), (0, 0), (0, HEIGHT), (0, WIDTH)))
    t.source.blobs["data"].reshape(1, 3, HEIGHT, WIDTH)
    t.source.blobs["data"].data[...] = room[:, :, y : y + HEIGHT, x : x + WIDTH]
    t.source.forward()
    score = t.source.blobs[t.rewritten.plain_score].data.reshape(-1).copy()
    return score, np.exp(score - score.max()) / np.exp(score - score.max()).sum()


def _check_all(t: Transplanted, found: ClassMaps, down: int, across: int) -> None:
    for i, j in np.ndindex(found.rows, found.cols):
        score, prob = _answer(t, found.data, i * down, j * across)
        np.testing.assert_allclose(found.score[:, i, j], score, atol=2e-5)
        np.testing.assert_allclose(found.prob[:, i, j], prob, atol=2e-6)


def test_each_cell_is_the_classifiers_answer_to_its_window(
    oblong: Transplanted, maps: ClassMaps
) -> None:
    assert maps.prob.shape == (5, 4, 5)
    assert (maps.input_size, maps.picture_size) == (SIZE, SHOWN)
    assert oblong.param.layer[3].convolution_param.kernel_h == 4
    assert oblong.param.layer[3].convolution_param.kernel_w == 5
    assert oblong.account().startswith("fc1 (8, 80) -> fc1-conv (8, 4, 4, 5), same memory")
    _check_all(oblong, maps, 4, 6)
    g = maps.geometry
    assert (g.window_size, g.jump, g.origin) == ((19, 35), (4, 6), (0, 0))
    assert (g.field_size, g.field_start) == ((19, 33), (0, 0))
    alone = classify_window(oblong, maps, 3, 1)
    np.testing.assert_allclose(alone.score, maps.score[:, 3, 1], atol=2e-5)
    np.testing.assert_array_equal(alone.window, maps.data[:, :, 12:31, 6:41])
    assert alone.spread == pytest.approx(float(np.std(maps.score[:, 3, 1])), rel=1e-5)
    np.testing.assert_allclose(sliding(oblong, maps).prob, maps.prob, atol=2e-6)


def test_places_on_the_picture(maps: ClassMaps) -> None:
    for i, j in np.ndindex(4, 5):
        left, top = 6 * j, 4 * i
        assert maps.window_on_picture(i, j) == pytest.approx(
            (2 * left, 3 * top, 2 * (left + 35), 3 * (top + 19))
        )
        assert maps.field_on_picture(i, j) == pytest.approx(
            (2 * left, 3 * top, 2 * (left + 33), 3 * (top + 19))
        )
        x, y = 2 * (left + 17.5), 3 * (top + 9.5)
        assert maps.centre_on_picture(i, j) == pytest.approx((x, y))
        assert maps.tile_on_picture(i, j) == pytest.approx((x - 6, y - 6, x + 6, y + 6))
    assert maps.tiles_on_picture() == pytest.approx((29, 22.5, 89, 70.5))
    for y, x in np.ndindex(SHOWN):
        i, j = int((y + 0.5 - 22.5) // 12), int((x + 0.5 - 29) // 12)
        inside = 0 <= i < 4 and 0 <= j < 5
        assert maps.cell_at(x + 0.5, y + 0.5) == ((i, j) if inside else None)
    moved, largest = stretch_error(maps)
    wanted = np.array(
        [[((j + 0.5) * 118 / 5 - (35 + 12 * j), (i + 0.5) * 93 / 4 - (28.5 + 12 * i))
          for j in range(5)] for i in range(4)]
    )  # fmt: skip
    np.testing.assert_allclose(moved, wanted)
    assert largest == pytest.approx(np.abs(wanted).max())


def test_every_pixel_of_every_layer(maps: ClassMaps) -> None:
    """Value and cover in each mode, a pixel at a time, at the picture's size and at another."""
    values = np.random.default_rng(1).random((4, 5)).astype(np.float32)
    for shape in (SHOWN, (31, 50)):
        layers = {
            mode: project(maps, values, mode, shape)
            for mode in ("tiles", "smooth", "coverage", "coverage-max", "stretched")
        }
        wanted = {mode: np.zeros((2, *shape)) for mode in layers}
        for y, x in np.ndindex(shape):
            py, px = (y + 0.5) * 31 / shape[0], (x + 0.5) * 59 / shape[1]
            down, across = (py - 9.5) / 4, (px - 17.5) / 6  # cells from the first centre
            beyond = max(-down, down - 3, 0), max(-across, across - 4, 0)
            held = min(max(down, 0), 3), min(max(across, 0), 4)
            i, j = min(int(held[0]), 2), min(int(held[1]), 3)
            v, u = held[0] - i, held[1] - j
            between = np.array([1 - v, v]) @ values[i : i + 2, j : j + 2] @ np.array([1 - u, u])
            fade = max(0, 1 - 2 * beyond[0]) * max(0, 1 - 2 * beyond[1])
            seen = [
                values[k, m]
                for k in range(4)
                for m in range(5)
                if 4 * k <= int(py) < 4 * k + 19 and 6 * m <= int(px) < 6 * m + 35
            ]
            i, j = int(np.floor(down + 0.5)), int(np.floor(across + 0.5))
            inside = 0 <= i < 4 and 0 <= j < 5
            wanted["tiles"][:, y, x] = values[i, j] if inside else 0, inside
            wanted["smooth"][:, y, x] = between if fade > 0 else 0, fade
            wanted["coverage"][:, y, x] = sum(seen) / max(len(seen), 1), bool(seen)
            wanted["coverage-max"][:, y, x] = max(seen, default=0), bool(seen)
            wanted["stretched"][:, y, x] = values[y * 4 // shape[0], x * 5 // shape[1]], 1
        for mode, (value, cover) in wanted.items():
            np.testing.assert_allclose(layers[mode].value, value, atol=2e-6, err_msg=mode)
            np.testing.assert_allclose(layers[mode].cover, cover, atol=2e-6, err_msg=mode)


@pytest.mark.parametrize("offset", [(0.0, 0.0), (-40.0, 30.0)])
def test_marks_in_the_corners_stay_on_the_picture(
    maps: ClassMaps, offset: tuple[float, float]
) -> None:
    """Of a map that hangs over the picture's edge they stand at the edge."""
    dx, dy = offset
    placed = replace(
        maps, placement=replace(maps.placement, offset_x=dx, offset_y=dy)
    )  # as of a picture that was cropped
    left, top, right, bottom = max(29 + dx, 0), 22.5 + dy, 89 + dx, min(70.5 + dy, 93)
    arm = 0.06 * min(right - left, bottom - top)
    found = corners(placed)
    for line, (x, y, sx, sy) in zip(
        found,
        [(left, top, 1, 1), (right, top, -1, 1), (right, bottom, -1, -1), (left, bottom, 1, -1)],
    ):
        np.testing.assert_allclose(line, [(x, y + sy * arm), (x, y), (x + sx * arm, y)])


def test_the_exact_map_of_the_nets_own_steps(oblong: Transplanted, picture: np.ndarray) -> None:
    found = run_job(exact_job(oblong, picture, size=SIZE, preprocessing=PLAIN))
    assert found.prob.shape == (5, 4, 5)
    assert found.geometry == oblong.geometry
    _check_all(oblong, found, 4, 6)


def test_a_denser_map_is_the_classifiers_answers_further_in(
    oblong: Transplanted, picture: np.ndarray
) -> None:
    """Two pixels apart both ways: twice as dense down, three times across."""
    coarse = heatmap(oblong, picture, size=SIZE, preprocessing=PLAIN)
    partial: list[ClassMaps] = []

    def keep(progress: Any) -> None:
        if isinstance(progress, PartialMaps) and progress.maps is not None:
            partial.append(progress.maps)

    found = run_job(dense_job(oblong, picture, 2, size=SIZE, preprocessing=PLAIN), keep)
    assert (found.geometry.jump, found.geometry.refined) == ((2, 2), (2, 3))
    assert (found.rows, found.cols) == found.geometry.cells(*SIZE) == (8, 15)
    inner = found.rows - 1, found.cols - 2  # the windows of the last hang over
    within = replace(
        found, prob=found.prob[:, : inner[0], : inner[1]],
        score=found.score[:, : inner[0], : inner[1]],
    )  # fmt: skip
    _check_all(oblong, within, 2, 2)
    assert len(partial) == 5
    first = partial[0]
    assert first.filled is not None
    assert {(int(i), int(j)) for i, j in np.argwhere(first.filled)} == {
        (i, j) for i in range(0, 8, 2) for j in range(0, 15, 3)
    }
    for i, j in np.ndindex(8, 15):
        near = min((i + 1) // 2, 3), min((j + 1) // 3, 4)
        np.testing.assert_array_equal(first.prob[:, i, j], coarse.prob[:, near[0], near[1]])
        np.testing.assert_array_equal(first.score[:, i, j], coarse.score[:, near[0], near[1]])
    exact = run_job(exact_job(oblong, picture, 2, size=SIZE, preprocessing=PLAIN))
    _check_all(oblong, exact, 2, 2)
    for i, j in np.ndindex(8, 15):
        assert exact.geometry.window(i, j) == (2 * j, 2 * i, 2 * j + 35, 2 * i + 19)
        # Of a copy without its first pixels the first convolution leaves out what fills no step.
        sx, sy = 2 * (j % 3), 2 * (i % 2)
        ends = sx + (59 - sx) // 3 * 3, sy + (31 - sy - 5) // 2 * 2 + 5
        field = 2 * j, 2 * i, min(2 * j + 33, ends[0]), min(2 * i + 19, ends[1])
        assert exact.geometry.field(i, j, *SIZE) == field


def test_sizes_and_cells(oblong: Transplanted) -> None:
    g = oblong.geometry
    assert g.smallest() == (17, 30)
    assert g.size_for_cells(4, 5) == SIZE
    assert g.size_near(30, 60) == SIZE
    assert g.size_near(32.9, 56.1) == SIZE
    assert [g.cells_near(0, n) for n in (1, 20.9, 21.1, 25.1)] == [1, 1, 2, 3]
    assert [g.cells_near(1, n) for n in (1, 37.9, 38.1, 44.1)] == [1, 1, 2, 3]
    assert g.overhang(33, 63) == (2, 2)
    assert g.overhang(33, 60) == (2, 5)
    assert g.overhang(32, 59) == (0, 0)
    # A cell across is half as long again as one down: 12 across are 101 pixels.
    assert g.keeping_shape((40, 101), 12) == (39, 101)
    assert g.keeping_shape((101, 40), 12) == (63, 35)
    assert choose_size(g, (40, 101), cells=12) == (39, 101)
    assert choose_size(g, (93, 118), size=60) == (47, 59)
    assert choose_size(g, (118, 93), size=60) == (59, 47)
    assert choose_size(g, (118, 93), size=(31, 60)) == (31, 60)
    assert choose_size(g, (118, 93), squash=45) == (45, 45)
    for choice in ({"squash": 29}, {"size": (16, 40)}, {"size": 29}):
        with pytest.raises(FilterLabError, match="the smallest that works is 30x17"):
            choose_size(g, (40, 101), **choice)  # type: ignore[arg-type]
    with pytest.raises(FilterLabError, match="input of 40x16 pixels is too small"):
        choose_size(g, (40, 101), size=(16, 40))
    # The shorter side is one window, 19 of 40 and 35 of 40 pixels.
    assert fewest_cells(g, (40, 101)) == 3
    assert fewest_cells(g, (101, 40)) == 18
    assert fewest_cells(g, (50, 50)) == 1
    # Three times the classifier's side, or twenty cells; the shorter side one window at least.
    assert choose_size(g, (60, 100)) == (59, 101)
    assert choose_size(g, (100, 60)) == (59, 35)
    assert choose_size(g, (600, 1000)) == (63, 107)
    assert choose_size(g, (10, 20)) == (19, 35)
    assert pyramid_sizes(oblong, (59, 101)) == [(43, 71), (59, 101), (83, 143)]
    assert pyramid_sizes(oblong, (19, 71), (0.5, 0.95, 1.2)) == [(19, 65), (23, 83)]


def test_a_large_picture_gets_twenty_cells_of_a_small_step(tmp_path: Path) -> None:
    """Windows of 32 pixels, 2 apart: 70 pixels hold twenty, three windows would be 96."""
    text = """
    layer { name: "data" type: "Input" top: "data"
      input_param { shape { dim: 1 dim: 1 dim: 32 dim: 32 } } }
    layer { name: "c" type: "Convolution" bottom: "data" top: "c"
      convolution_param { num_output: 2 kernel_size: 32 stride: 2 } }
    layer { name: "prob" type: "Softmax" bottom: "c" top: "prob" }
    """
    (tmp_path / "net.prototxt").write_text(text)
    g = transplant(tmp_path / "net.prototxt", None).geometry
    assert choose_size(g, (200, 300)) == (46, 70)
    assert choose_size(g, (300, 200)) == (70, 46)
    assert choose_size(g, (60, 60)) == (60, 60)
    assert choose_size(g, (300, 300)) == (70, 70)


def test_strides_that_both_ways_have_in_common(oblong: Transplanted) -> None:
    g = oblong.geometry
    assert strides(g) == []
    assert strides(g, 1) == [2, 1]
    assert strides(replace(g, jump=(24, 16))) == [8, 4]
    assert strides(replace(g, jump=(3, 3))) == [3], "the net's own, however small"
    assert strides(replace(g, jump=(12, 12))) == [12, 6]
    assert (factors(g, 2), factors(g, 1)) == ((2, 3), (4, 6))
    for stride in (0, 4, 6):
        with pytest.raises(FilterLabError, match=f"stride of {stride} pixels .* net's 6x4; take 2"):
            factors(g, stride)
    assert densities(oblong, "dense") == ("own", "scales")
    wider = replace(oblong, geometry=replace(g, jump=(24, 16)))
    assert densities(wider, "dense") == ("own", "stride:8", "stride:4", "scales")


def test_what_is_planned(oblong: Transplanted) -> None:
    made = plan(oblong, (93, 118), Request(cells=5))
    assert (made.input_size, made.cells, made.stride, made.passes) == ((47, 59), (8, 5), 6, 1)
    made = plan(oblong, (93, 118), Request(cells=5, density="stride:2"))
    assert (made.cells, made.stride, made.passes) == ((16, 15), 2, 6)
    for density, cells in (("own", (8, 5)), ("stride:2", (16, 15)), ("stride:1", (31, 30))):
        made = plan(oblong, (93, 118), Request(cells=5, density=density))
        assert made.cells == cells
        assert own_cells(oblong, made) == 8, "there are more down than across"
    assert own_cells(oblong, replace(made, cells=(29, 55), stride=1)) == 10
    made = plan(oblong, (93, 118), Request(cells=5, method="exact"))
    assert (made.cells, made.passes) == ((8, 5), 40)
    made = plan(oblong, (93, 118), Request(squash=True, cells=3))
    assert (made.input_size, made.cells) == ((27, 47), (3, 3))
    # One row is 19 of 40 pixels: as long as 101 * 19/40 = 48 are 3 cells.
    assert cell_steps(oblong, (40, 101))[0] == 3
    assert plan(oblong, (40, 101), Request(cells=3)).note == ""


@pytest.mark.parametrize("how", ["AVE", "MAX"])
def test_a_global_pooling_slides_over_oblong_windows(
    how: str, oblong_start: str, tmp_path: Path, draw_weights: Any, picture: np.ndarray
) -> None:
    t = transplant(*draw_weights(oblong_start + POOLED % ("", how), 5, tmp_path))
    assert (t.quick_method, t.geometry.window_size) == ("pooled", (19, 35))
    found = heatmap(t, picture, size=SIZE, preprocessing=PLAIN)
    assert found.prob.shape == (5, 4, 5)
    _check_all(t, found, 4, 6)
    assert "end: kernel 4x5, stride 1" in t.account()


def test_padding_that_differs_down_and_across_is_made_up_for(
    oblong_start: str, tmp_path: Path, draw_weights: Any, picture: np.ndarray
) -> None:
    t = transplant(*draw_weights(oblong_start + POOLED % ("pad_h: 1 pad_w: 2", "AVE"), 5, tmp_path))
    assert t.rewritten.padding is not None
    assert t.rewritten.padding.share == pytest.approx(20 / 54)
    found = heatmap(t, picture, size=SIZE, preprocessing=PLAIN)
    assert found.prob.shape == (5, 4, 5)
    _check_all(t, found, 4, 6)


def test_features_lie_where_they_look(oblong: Transplanted, maps: ClassMaps) -> None:
    found = features(oblong, maps, "p1")
    assert (found.rows, found.cols) == (7, 9)
    c1 = oblong.net.blobs["c1"].data[0]
    np.testing.assert_allclose(
        found.values[:, 3, 5], c1[:, 6:8, 10:13].mean(axis=(1, 2)), rtol=1e-4, atol=1e-5
    )
    assert found.geometry.window(3, 5) == (30, 12, 39, 19)
    layer = project(found, found.values[1], "tiles")
    assert layer.value[int(3 * 15.5), int(2 * 34.5)] == found.values[1, 3, 5]


def test_the_exported_model(oblong: Transplanted, maps: ClassMaps, tmp_path: Path) -> None:
    import onnxruntime

    path = export_onnx(oblong, tmp_path / "oblong.onnx", SIZE)
    session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    assert session.get_inputs()[0].shape == [1, 3, 31, 59]
    (prob,) = session.run(["prob"], {"data": maps.data})
    np.testing.assert_allclose(prob[0], maps.prob, atol=1e-5)


@pytest.mark.parametrize(
    "box", [(0, 0, 4, 3), (-2, 1, 3, 4), (1, -3, 4, 2), (5, 4, 12, 9), (-3, -2, 11, 10),
            (9, 0, 12, 3), (-5, 0, 0, 3), (0, 7, 3, 9), (2, -4, 5, 0), (8, 6, 9, 7)]
)  # fmt: skip
def test_windows_are_filled_with_zeros_over_each_edge(box: tuple[int, int, int, int]) -> None:
    data = np.random.default_rng(0).random((1, 2, 7, 9)).astype(np.float32) + 1
    room = np.pad(data, ((0, 0), (0, 0), (10, 10), (10, 10)))
    x0, y0, x1, y1 = box
    wanted = room[:, :, y0 + 10 : y1 + 10, x0 + 10 : x1 + 10]
    np.testing.assert_array_equal(cut_box(data, box), wanted)


PADDED = """
layer { name: "data" type: "Input" top: "data"
  input_param { shape { dim: 1 dim: 1 dim: 31 dim: 26 } } }
layer { name: "a" type: "Convolution" bottom: "data" top: "a" convolution_param {
  num_output: 1 kernel_h: 3 kernel_w: 5 stride_h: 2 stride_w: 1 pad_h: 1 pad_w: 3 } }
layer { name: "wide" type: "Convolution" bottom: "a" top: "wide" convolution_param {
  num_output: 1 kernel_h: 2 kernel_w: 3 dilation: 2 dilation: 1 pad_h: 1 pad_w: 1 } }
layer { name: "long" type: "Convolution" bottom: "a" top: "long" convolution_param {
  num_output: 1 kernel_h: 1 kernel_w: 5 pad_w: 2 } }
layer { name: "sum" type: "Eltwise" bottom: "wide" bottom: "long" top: "sum" }
layer { name: "pool" type: "Pooling" bottom: "sum" top: "pool" pooling_param {
  pool: AVE kernel_h: 2 kernel_w: 3 stride_h: 1 stride_w: 2 pad_h: 1 pad_w: 0 } }
layer { name: "up" type: "Deconvolution" bottom: "pool" top: "up" convolution_param {
  num_output: 1 kernel_h: 4 kernel_w: 3 stride_h: 2 stride_w: 1 pad_h: 1 pad_w: 0 } }
layer { name: "cut" type: "Crop" bottom: "up" bottom: "pool" top: "cut" crop_param {
  axis: 2 offset: 3 offset: 2 } }
layer { name: "end" type: "Convolution" bottom: "pool" top: "end" convolution_param {
  num_output: 1 kernel_h: 3 kernel_w: 2 stride_h: 3 stride_w: 2 } }
"""
LOOKING = {
    "a": (Axis(3, 2, -1), Axis(5, 1, -3)),
    "wide": (Axis(7, 2, -3), Axis(7, 1, -4)),
    "long": (Axis(3, 2, -1), Axis(9, 1, -5)),
    "sum": (Axis(7, 2, -3), Axis(9, 1, -5)),
    "pool": (Axis(9, 2, -5), Axis(11, 2, -5)),
    "end": (Axis(13, 6, -5), Axis(13, 4, -5)),
}


@pytest.mark.parametrize("size", [(31, 26), (40, 33)])
def test_where_each_unit_looks_is_where_a_nan_reaches_it(size: tuple[int, int]) -> None:
    """One row or column of the picture is NaN: which units of each blob that reaches."""
    text = PADDED.replace("dim: 31 dim: 26", f"dim: {size[0]} dim: {size[1]}")
    net = caffe.Net(parse_net(text), caffe.TEST)
    for row in net.params.values():
        for blob in row:
            blob.data[...] = 1
    graph = SpatialGraph(net.param)
    blobs = [name for name in net.blobs if name != "data"]
    reached: dict[str, list[list[set[int]]]] = {}
    for axis in (0, 1):
        for at in range(size[axis]):
            data = np.zeros(size, np.float32)
            data[at if axis == 0 else slice(None), slice(None) if axis == 0 else at] = np.nan
            net.blobs["data"].data[0, 0] = data
            net.forward()
            for name in blobs:
                hit = np.isnan(net.blobs[name].data[0, 0]).any(axis=1 - axis)
                seen = reached.setdefault(name, [[], []])
                if not seen[axis]:
                    seen[axis].extend(set() for _ in hit)
                for unit in np.flatnonzero(hit):
                    seen[axis][unit].add(at)
    assert graph.sizes(*size) == {n: tuple(net.blobs[n].shape[2:]) for n in net.blobs}
    for name in blobs:
        for axis in (0, 1):
            for unit, pixels in enumerate(reached[name][axis]):
                found = graph.pixels(name, axis, unit, unit + 1, size[axis])
                wanted = (min(pixels), max(pixels) + 1) if pixels else (0, 0)
                assert found == wanted, (name, axis, unit)
    for name, (y, x) in LOOKING.items():
        geometry = of_blob(net.param, name)
        assert (geometry.y, geometry.x) == (y, x), name
    end = MapGeometry.of(net.param, net.param, "end")
    for i, j in np.ndindex(*end.cells(*size)):
        rows, cols = reached["end"][0][i], reached["end"][1][j]
        box = min(cols), min(rows), max(cols) + 1, max(rows) + 1
        assert end.field(i, j, *size) == box
        assert end.window(i, j) == (4 * j - 5, 6 * i - 5, 4 * j + 8, 6 * i + 8)


def test_dense_and_its_job_are_one(oblong: Transplanted, picture: np.ndarray) -> None:
    once = dense(oblong, picture, 2, size=SIZE, preprocessing=PLAIN)
    again = run_job(dense_job(oblong, picture, 2, size=SIZE, preprocessing=PLAIN))
    np.testing.assert_array_equal(once.prob, again.prob)
