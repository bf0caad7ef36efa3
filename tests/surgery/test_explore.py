"""Denser maps, pyramids, sliding windows, features, winners: against plain computation."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from filterlab.errors import FilterLabError
from filterlab.progress import Progress, run_job
from filterlab.surgery.colormaps import colormap
from filterlab.surgery.features import feature_blobs, features, principal_components
from filterlab.surgery.heatmap import ClassMaps, Preprocessing, heatmap, run_dense
from filterlab.surgery.maps import (
    entropy,
    grid_text,
    lay_colours,
    thumbnail,
    two_classes,
    winner_map,
)
from filterlab.surgery.onnx_export import export_onnx, onnx_model
from filterlab.surgery.overlay import Layer, project
from filterlab.surgery.pyramid import PartialPyramid, pyramid, pyramid_job, pyramid_sizes
from filterlab.surgery.shift_and_stitch import PartialMaps, dense, dense_job, strides
from filterlab.surgery.sliding import classify_window, sliding, sliding_job
from filterlab.surgery.transplant import Transplanted, transplant
from filterlab.surgery.windows import cut

# Scales the drawn net's scores so that probabilities are neither flat nor all or nothing.
SOFT = Preprocessing((110.0, 120.0, 125.0), 255.0)


@pytest.fixture(scope="module")
def picture() -> np.ndarray:
    rng = np.random.default_rng(11)
    coarse = rng.random((9, 12, 3)).astype(np.float32)
    return np.kron(coarse, np.ones((40, 40, 1), np.float32))


@pytest.fixture(scope="module")
def maps(thin: Transplanted, picture: np.ndarray) -> ClassMaps:
    return heatmap(thin, picture, cells=6, preprocessing=SOFT)


@pytest.mark.parametrize("stride", [32, 16, 8])
def test_shift_and_stitch(thin: Transplanted, picture: np.ndarray, stride: int) -> None:
    fine = dense(thin, picture, stride, cells=4, preprocessing=SOFT)
    assert fine.geometry.jump == (stride, stride)
    assert (fine.rows, fine.cols) == fine.geometry.cells(*fine.input_size)
    factor = 32 // stride
    for sy in range(factor):
        for sx in range(factor):
            shifted = np.ascontiguousarray(fine.data[:, :, sy * stride :, sx * stride :])
            _, score, _ = run_dense(thin, shifted)
            mine = fine.score[:, sy::factor, sx::factor]
            _, h, w = mine.shape
            np.testing.assert_array_equal(mine, score[:, :h, :w])
    coarse = heatmap(thin, picture, cells=4, preprocessing=SOFT)
    np.testing.assert_array_equal(
        fine.prob[:, ::factor, ::factor][:, : coarse.rows, : coarse.cols], coarse.prob
    )
    assert fine.centre_on_picture(factor, 2 * factor) == coarse.centre_on_picture(1, 2)


def test_a_denser_map_fills_in_evenly(thin: Transplanted, picture: np.ndarray) -> None:
    final = dense(thin, picture, 8, cells=5, preprocessing=SOFT)
    partial: list[PartialMaps] = []

    def keep(progress: Any) -> None:
        if isinstance(progress, PartialMaps):
            partial.append(progress)

    run_job(dense_job(thin, picture, 8, cells=5, preprocessing=SOFT), keep)
    assert len(partial) == 15
    shares = []
    for progress in partial:
        shown = progress.maps
        assert shown is not None
        assert shown.filled is not None
        np.testing.assert_array_equal(shown.prob[:, shown.filled], final.prob[:, shown.filled])
        assert (shown.prob.sum(axis=0) > 0.99).all()
        shares.append(shown.filled.mean())
    assert shares == sorted(shares)
    # After four passes the map is the stride-16 map, not a half-filled picture.
    sixteen = partial[3].maps
    assert sixteen is not None
    assert sixteen.filled is not None
    assert sixteen.filled[::2, ::2].all()
    with pytest.raises(FilterLabError, match=r"stride of 12 .* take 32, 16, 8"):
        dense(thin, picture, 12)
    assert strides(thin.geometry) == [32, 16, 8, 4]


def test_cancelling_a_dense_run_leaves_the_net_usable(
    thin: Transplanted, picture: np.ndarray, maps: ClassMaps
) -> None:
    for stop in (1, 2, 3):
        job = dense_job(thin, picture, 16, cells=6, preprocessing=SOFT)
        for _ in range(stop):
            next(job)
        job.close()
        again = heatmap(thin, picture, cells=6, preprocessing=SOFT)
        np.testing.assert_array_equal(again.prob, maps.prob)


def test_sliding_windows(thin: Transplanted, maps: ClassMaps) -> None:
    slid = sliding(thin, maps)
    assert slid.cells == maps.rows * maps.cols
    assert slid.prob.shape == maps.prob.shape
    thin.source.blobs["data"].reshape(1, 3, 227, 227)
    thin.source.reshape()
    i, j = maps.rows - 1, 2
    thin.source.blobs["data"].data[...] = maps.data[:, :, 32 * i : 32 * i + 227, 64 : 64 + 227]
    thin.source.forward()
    np.testing.assert_allclose(
        slid.prob[:, i, j], thin.source.blobs["prob"].data.reshape(-1), atol=1e-6
    )
    assert slid.seconds > 0
    assert slid.gain == pytest.approx(slid.seconds / slid.dense_seconds)
    assert slid.times_the_time == pytest.approx(slid.dense_seconds * slid.cells / slid.seconds)
    assert str(slid).startswith(f"{slid.cells}x the output in ")
    steps = sum(1 for _ in sliding_job(thin, maps))
    assert steps == slid.cells + 4  # four passes of the dense net


def test_a_window_alone(thin: Transplanted, maps: ClassMaps) -> None:
    alone = classify_window(thin, maps, 1, 1)
    assert alone.window.shape == (1, 3, 227, 227)
    np.testing.assert_array_equal(alone.window, maps.data[:, :, 32:259, 32:259])
    assert alone.best[0][0] == alone.prob.argmax()
    assert alone.best_in_place == maps.best(1, 1)
    # Cutting puts zeros into the padding, so the two answers differ; by how much is told.
    assert alone.largest_difference == pytest.approx(
        np.abs(alone.score - maps.score[:, 1, 1]).max()
    )
    assert alone.largest_difference > 1e-4
    with pytest.raises(FilterLabError, match=r"no cell \(99, 0\)"):
        classify_window(thin, maps, 99, 0)


def test_a_window_that_hangs_over_is_filled_with_the_mean(
    thin: Transplanted, picture: np.ndarray
) -> None:
    wide = heatmap(thin, picture, size=(240, 231), preprocessing=SOFT)
    assert (wide.rows, wide.cols) == (2, 2)
    window = cut(wide, 1, 1)
    np.testing.assert_array_equal(window[:, :, :208, :199], wide.data[:, :, 32:, 32:])
    assert not window[:, :, 208:].any()
    assert not window[:, :, :, 199:].any()


def test_a_pyramid_takes_as_long_as_all_its_passes(thin: Transplanted, picture: np.ndarray) -> None:
    """The maps of each level are told with the seconds of the whole."""
    passes: dict[tuple[int, int], float] = {}

    def seen(_: Progress) -> None:
        assert thin.measured is not None
        passes.update([thin.measured])

    scales = (0.8, 1.0, 1.5)
    found = run_job(pyramid_job(thin, picture, scales, cells=6, preprocessing=SOFT), seen)
    seen(Progress("", 0, 0))
    assert len(found.levels) == 3
    together = sum(passes[maps.input_size] for maps in found.levels)
    assert [maps.seconds for maps in found.levels] == [pytest.approx(together)] * 3


def test_pyramid(thin: Transplanted, picture: np.ndarray) -> None:
    found = pyramid(thin, picture, (1.0, 0.8, 1.5), cells=6, preprocessing=SOFT)
    assert [m.input_size for m in found.levels] == pyramid_sizes(
        thin, found.levels[1].input_size, (0.8, 1.0, 1.5)
    )
    assert len({m.input_size for m in found.levels}) == 3
    for mode in ("smooth", "tiles"):
        joined = found.project(2, mode)
        layers = [project(m, m.values(2), mode) for m in found.levels]
        for y, x in ((100, 150), (180, 240), (300, 400), (5, 5)):
            there = [la.value[y, x] for la in layers if la.cover[y, x] > 0]
            assert joined.value[y, x] == pytest.approx(max(there, default=0.0))
            assert joined.cover[y, x] == max(la.cover[y, x] for la in layers)
    mean = found.project([1, 2], "tiles", "mean")
    pair = [project(m, m.values([1, 2]), "tiles") for m in found.levels]
    inside = [la.value[180, 240] for la in pair if la.cover[180, 240] > 0]
    assert mean.value[180, 240] == pytest.approx(np.mean(inside), rel=1e-5)
    best = found.ranked()[0]
    assert found.levels[found.best_level(int(best))].prob[best].max() == max(
        m.prob.max() for m in found.levels
    )
    steps = list(pyramid_job(thin, picture, (0.8, 1.0), cells=6, preprocessing=SOFT))
    assert [p.done for p in steps] == sorted(p.done for p in steps)
    seen = [p for p in steps if isinstance(p, PartialPyramid)]
    assert len(seen) == 2
    assert seen[1].pyramid is not None
    assert len(seen[1].pyramid.levels) == 1
    with pytest.raises(FilterLabError, match="room for one cell"):
        pyramid(thin, picture, (0.2,), cells=3)
    with pytest.raises(FilterLabError, match="'max' or 'mean'"):
        found.project(1, "tiles", "sum")


def test_small_things_are_found_on_the_enlarged_copy(light: Transplanted) -> None:
    """A pyramid's levels look at the same place of the picture."""
    dark = np.zeros((480, 480, 3), np.float32)
    dark[200:280, 200:280] = 1.0
    none = Preprocessing((0.0, 0.0, 0.0), 1.0)
    found = pyramid(light, dark, (0.7, 1.0, 1.4), size=480, preprocessing=none)
    for level in found.levels:
        score = level.score[1]
        i, j = np.unravel_index(score.argmax(), score.shape)
        x0, y0, x1, y1 = level.window_on_picture(int(i), int(j))
        assert x0 <= 200
        assert x1 >= 280
        assert y0 <= 200
        assert y1 >= 280


def test_features_of_any_blob(thin: Transplanted, maps: ClassMaps) -> None:
    names = feature_blobs(thin)
    assert names == [
        "conv1",
        "pool1",
        "conv2",
        "pool2",
        "conv5",
        "pool5",
        "fc6-conv",
        "fc8-conv",
        "prob",
    ]
    found = features(thin, maps, "fc6-conv")
    assert found.values.shape == (16, maps.rows, maps.cols)
    assert found.values.min() >= 0  # after its in-place ReLU
    expected = np.maximum(
        0,
        np.tensordot(
            thin.net.params["fc6-conv"][0].data,
            features(thin, maps, "pool5").values[:, 1:7, 2:8],
            axes=3,
        )
        + thin.net.params["fc6-conv"][1].data,
    )
    np.testing.assert_allclose(found.values[:, 1, 2], expected, rtol=1e-3, atol=1e-4)
    conv1 = features(thin, maps, "conv1")
    assert conv1.geometry.window(0, 1) == (4, 0, 15, 11)
    layer = project(conv1, conv1.values[0], "tiles")
    assert layer.value.shape == maps.picture_size
    with pytest.raises(FilterLabError, match="no blob 'fc6'"):
        features(thin, maps, "fc6")


@pytest.mark.parametrize("shape", [(5, 7, 8), (40, 3, 4)])
def test_principal_components(shape: tuple[int, int, int], rng: Any) -> None:
    values = (
        rng.standard_normal(shape).astype(np.float32) * np.arange(1, shape[0] + 1)[:, None, None]
    )
    found = principal_components(values)
    flat = values.reshape(shape[0], -1).astype(np.float64)
    flat -= flat.mean(axis=1, keepdims=True)
    _, s, vt = np.linalg.svd(flat, full_matrices=False)
    np.testing.assert_allclose(found.explained, (s**2 / (s**2).sum())[:3], rtol=1e-5)
    for k in range(3):
        mine = found.values[k].reshape(-1)
        expected = s[k] * vt[k]
        assert min(np.abs(mine - expected).max(), np.abs(mine + expected).max()) < 1e-3 * s[0]
        assert mine[np.abs(mine).argmax()] > 0
    assert found.colours.shape == (*shape[1:], 3)
    assert found.colours.min() == 0
    assert found.colours.max() == 1
    with pytest.raises(FilterLabError, match="one cell"):
        principal_components(values[:, :1, :1])


def test_winner_map(maps: ClassMaps) -> None:
    won = winner_map(maps)
    assert (won.index == maps.prob.argmax(axis=0)).all()
    assert sum(entry.cells for entry in won.legend) == maps.rows * maps.cols
    assert [e.cells for e in won.legend] == sorted((e.cells for e in won.legend), reverse=True)
    for entry in won.legend:
        assert (won.index == entry.index).sum() == entry.cells
        assert (won.colours[won.index == entry.index] == np.float32(entry.colour)).all()
    few = winner_map(maps, most=1)
    assert few.legend[-1].index == -1
    assert sum(entry.cells for entry in few.legend) == maps.rows * maps.cols
    assert won.strength.max() == maps.prob.max()
    colours, cover = lay_colours(maps, won.colours)
    i, j = maps.rows // 2, maps.cols // 2
    x, y = maps.centre_on_picture(i, j)
    np.testing.assert_allclose(colours[int(y), int(x)], won.colours[i, j])
    assert cover[int(y), int(x)] == 1


def test_entropy(maps: ClassMaps) -> None:
    from dataclasses import replace

    certain = np.zeros_like(maps.prob)
    certain[3] = 1
    even = np.full_like(maps.prob, 1 / 7)
    assert entropy(replace(maps, prob=certain)).max() == pytest.approx(0, abs=1e-6)
    np.testing.assert_allclose(entropy(replace(maps, prob=even)), np.log2(7), rtol=1e-5)
    two = np.zeros_like(maps.prob)
    two[[1, 2]] = 0.5
    np.testing.assert_allclose(entropy(replace(maps, prob=two)), 1, rtol=1e-5)


def test_the_grid_as_the_tutorial_prints_it(maps: ClassMaps) -> None:
    text = grid_text(maps, [f"{k} name {k}" for k in range(7)])
    lines = text.splitlines()
    assert lines[0].startswith("[[")
    assert lines[maps.rows - 1].endswith("]]")
    numbers = [[int(v) for v in line.strip("[] ").split()] for line in lines[: maps.rows]]
    assert numbers == maps.winners().tolist()
    assert (
        sum(int(line.rpartition(": ")[2]) for line in lines[maps.rows :]) == maps.rows * maps.cols
    )


def test_two_classes_in_two_colours() -> None:
    grey = np.full((2, 2, 3), 0.5, np.float32)
    ones = np.ones((2, 2), np.float32)
    first = Layer(np.array([[1, 0], [0, 1]], np.float32), ones)
    second = Layer(np.array([[0, 1], [0, 1]], np.float32), ones)
    drawn = two_classes(grey, first, second, opacity=1.0)
    assert drawn[0, 0, 0] > drawn[0, 0, 2]  # orange
    assert drawn[0, 1, 2] > drawn[0, 1, 0]  # blue
    np.testing.assert_allclose(drawn[1, 0], 0.5)
    np.testing.assert_allclose(drawn[1, 1], (drawn[0, 0] + drawn[0, 1]) / 2, atol=1e-6)
    with pytest.raises(FilterLabError, match="one size"):
        two_classes(grey[:1], first, second)


def test_thumbnails() -> None:
    values = np.array([[0.0, 1.0]], np.float32)
    small = thumbnail(values, 10, "viridis")
    assert small.shape == (5, 10, 3)
    np.testing.assert_allclose(small[2, 2], colormap("viridis")[0])
    np.testing.assert_allclose(small[2, 7], colormap("viridis")[255])


def test_onnx_with_the_weights_inside(thin: Transplanted, maps: ClassMaps, tmp_path: Path) -> None:
    import onnx
    import onnxruntime

    path = export_onnx(thin, tmp_path / "thin.onnx", maps.input_size)
    model = onnx.load(path)
    onnx.checker.check_model(model, full_check=True)
    assert [value.name for value in model.graph.input] == ["data"]
    assert [value.name for value in model.graph.output] == ["prob", "fc8-conv"]
    inside = {value.name: tuple(value.dims) for value in model.graph.initializer}
    assert inside["fc6-conv.weight"] == (16, 5, 6, 6)
    assert inside["fc8-conv.bias"] == (7,)
    session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    prob, score = session.run(None, {"data": maps.data})
    np.testing.assert_allclose(prob[0], maps.prob, atol=1e-5)
    np.testing.assert_allclose(score[0], maps.score, rtol=1e-4, atol=1e-3)
    own = onnx_model(thin).graph.input[0].type.tensor_type.shape.dim
    assert [d.dim_value for d in own] == [1, 3, 227, 227]
    with pytest.raises(FilterLabError, match="no folder"):
        export_onnx(thin, tmp_path / "no" / "thin.onnx")


def test_squeezenet_alone_and_exported(shared: Path, tmp_path: Path) -> None:
    """A net without fc layers, and its export."""
    from filterlab.pictures import read_picture

    folder = shared / "squeezenet"
    t = transplant(folder / "deploy.prototxt", folder / "squeezenet_v1.0.caffemodel")
    cat = read_picture(shared / "images/cat.jpg")
    maps = heatmap(t, cat, squash=227, preprocessing=Preprocessing((104, 117, 123)))
    alone = classify_window(t, maps, 0, 0)
    np.testing.assert_allclose(alone.prob, maps.prob[:, 0, 0], atol=1e-4)
    height, width = t.geometry.window_size
    assert alone.window.shape == (1, 3, height, width)
    assert alone.prob.shape == (1000,)
    assert export_onnx(t, tmp_path / "s.onnx").stat().st_size > 4_900_000
