"""Class maps: sizes, preprocessing, place on the picture, real nets, refusals."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import filterlab.caffe as caffe
from filterlab.errors import FilterLabError
from filterlab.pictures import read_picture
from filterlab.surgery import cost
from filterlab.surgery.heatmap import (
    ClassMaps,
    Placement,
    Preprocessing,
    choose_size,
    cost_of,
    heatmap,
    heatmap_job,
    run_dense,
)
from filterlab.surgery.pyramid import pyramid
from filterlab.surgery.shift_and_stitch import dense
from filterlab.surgery.transplant import Transplanted, feed, transplant

NO_MEAN = Preprocessing((0.0, 0.0, 0.0), 1.0)


@pytest.fixture(scope="module")
def cat_maps(shared: Path) -> ClassMaps:
    folder = shared / "squeezenet"
    t = transplant(folder / "deploy.prototxt", folder / "squeezenet_v1.0.caffemodel")
    picture = read_picture(shared / "images/cat.jpg")
    return heatmap(t, picture, size=(360, 480), preprocessing=Preprocessing((104, 117, 123)))


def test_default_size_keeps_the_pictures_shape(thin: Transplanted) -> None:
    g = thin.geometry
    assert choose_size(g, (360, 480)) == (355, 483)
    assert choose_size(g, (360, 480), cells=9) == (355, 483)
    assert choose_size(g, (360, 480), size=451) == (323, 451)
    assert choose_size(g, (480, 360), cells=3) == (291, 227)
    assert choose_size(g, (360, 480), squash=451) == (451, 451)
    assert choose_size(g, (360, 480), size=(300, 301)) == (300, 301)
    assert choose_size(g, (3000, 4000)) == (515, 675)
    assert choose_size(g, (200, 210)) == (227, 227)
    assert choose_size(g, (250, 6000)) == (227, 5443)
    assert choose_size(g, (360, 4000)) == (227, 2531)
    assert choose_size(g, (4000, 360)) == (2531, 227)
    assert choose_size(g, (40, 60)) == (227, 355)


@pytest.mark.parametrize(
    ("picture", "choice", "message"),
    [
        ((360, 480), {"squash": 198}, "smallest that works is 199x199"),
        ((360, 480), {"size": 150}, "smallest that works is 199x199"),
        ((360, 480), {"size": (451, 198)}, "198x451 pixels is too small"),
        ((360, 480), {"cells": 0}, "0 cells"),
        ((360, 480), {"cells": 3, "squash": 451}, "only one of"),
    ],
)
def test_sizes_that_are_refused(
    thin: Transplanted, picture: Any, choice: dict[str, Any], message: str
) -> None:
    with pytest.raises(FilterLabError, match=message):
        choose_size(thin.geometry, picture, **choice)


def test_a_tiny_picture_is_enlarged(thin: Transplanted, rng: Any) -> None:
    tiny = rng.random((20, 30, 3)).astype(np.float32)
    whole = heatmap(thin, tiny)
    assert (whole.rows, whole.cols) == (1, 5)
    maps = heatmap(thin, tiny, cells=3)
    assert (maps.rows, maps.cols) == (1, 3)


def test_preprocessing_orders_scales_and_subtracts(rng: Any) -> None:
    picture = rng.random((5, 6, 3)).astype(np.float32)
    data = Preprocessing((1.0, 2.0, 3.0), 255.0).apply(picture, (5, 6))
    assert data.shape == (1, 3, 5, 6)
    assert data.dtype == np.float32
    np.testing.assert_allclose(data[0, 0], picture[:, :, 2] * 255 - 1, atol=1e-4)
    np.testing.assert_allclose(data[0, 2], picture[:, :, 0] * 255 - 3, atol=1e-4)
    rgb = Preprocessing((1.0, 2.0, 3.0), 2.0, "RGB").apply(picture, (5, 6))
    np.testing.assert_allclose(rgb[0, 0], picture[:, :, 0] * 2 - 3, atol=1e-5)
    grey = Preprocessing((1.0, 2.0, 3.0), 1.0).apply(picture[:, :, 0], (5, 6))
    np.testing.assert_allclose(grey[0, 1], picture[:, :, 0] - 2, atol=1e-5)
    one = Preprocessing((3.0, 3.0, 3.0), 1.0).apply(np.ones((4, 4, 3)), (4, 4), channels=1)
    np.testing.assert_allclose(one, np.full((1, 1, 4, 4), -2.0), atol=1e-5)
    with pytest.raises(FilterLabError, match="takes 5 channels"):
        NO_MEAN.apply(picture, (5, 6), channels=5)
    with pytest.raises(FilterLabError, match="cannot be shown"):
        NO_MEAN.apply(np.zeros((0, 4, 3)), (5, 6))


@pytest.mark.parametrize("size", [(227, 227), (451, 451), (360, 480)])
def test_the_picture_is_resized_as_pycaffe_does(shared: Path, size: tuple[int, int]) -> None:
    golden = np.load(shared / "goldens/nets/squeezenet_cat.npz")
    picture = read_picture(shared / "images/cat.jpg")
    data = Preprocessing((104.0, 117.0, 123.0)).apply(picture, size)[0]
    stored = golden[f"data_{size[0]}x{size[1]}"]
    atol = 1e-3 if stored.dtype == np.float32 else 0.13  # float16 at 150
    np.testing.assert_allclose(data, stored.astype(np.float32), atol=atol)


def test_large_pictures_do_not_turn_fine_stripes_into_coarse_ones() -> None:
    stripes = np.zeros((1000, 1000), np.float32)
    stripes[:, ::2] = 1.0
    small = NO_MEAN.apply(stripes, (201, 201))[0, 0]
    assert np.abs(small[5:-5, 5:-5] - 0.5).max() < 0.02


def test_squeezenet_against_bvlc(shared: Path) -> None:
    folder = shared / "squeezenet"
    t = transplant(folder / "deploy.prototxt", folder / "squeezenet_v1.0.caffemodel")
    golden = np.load(shared / "goldens/nets/squeezenet_cat.npz")
    for size in ("227x227", "451x451", "360x480"):
        data = golden[f"data_{size}"].astype(np.float32)[None]
        run_dense(t, data)
        # The transplanted net leaves out the cells of padding around conv_final.
        score = t.net.blobs["conv_final"].data[0]
        cats = golden[f"conv_final_281_285_{size}"][:, 1:-1, 1:-1]
        assert np.abs(score[281:286] - cats).max() < 1e-3 * np.abs(cats).max()
        best = golden[f"argmax_{size}"][1:-1, 1:-1]
        chosen = np.take_along_axis(score, best[None], axis=0)[0]
        if size == "227x227":
            assert (score.argmax(axis=0) == best).all()
        # The larger inputs are stored as float16, so near ties may fall either way.
        assert (score.max(axis=0) - chosen).max() < 1e-3 * score.max()
        assert (score.argmax(axis=0) == best).mean() > 0.99
        feed(t.source, "data", data)
        t.source.forward()
        pooled = t.source.blobs["pool_final"].data.reshape(-1)
        stored = golden[f"pool_final_{size}"]
        assert np.abs(pooled - stored).max() < 1e-3 * np.abs(stored).max()


def test_the_tiger_cat_lies_on_the_cat(cat_maps: ClassMaps) -> None:
    cats = cat_maps.values(range(281, 286))
    assert cats.max() > 0.25
    # The cat of cat.jpg sits within x 165 to 350, y 15 to 355.
    for values in (cat_maps.values(282, "score"), cat_maps.values(range(281, 286), "score")):
        i, j = np.unravel_index(values.argmax(), values.shape)
        x, y = cat_maps.centre_on_picture(int(i), int(j))
        assert 165 < x < 350
        assert 15 < y < 355
    weights = cats / cats.sum()
    centres = [[cat_maps.centre_on_picture(i, j) for j in range(cat_maps.cols)] for i in range(10)]
    x, y = (weights[..., None] * np.array(centres)).sum(axis=(0, 1))
    assert 165 < x < 350
    assert 15 < y < 355


def test_maps_of_all_classes_are_kept(cat_maps: ClassMaps) -> None:
    assert cat_maps.prob.shape == (1000, 10, 17)
    np.testing.assert_allclose(cat_maps.prob.sum(axis=0), 1, atol=1e-4)
    assert (cat_maps.winners() == cat_maps.prob.argmax(axis=0)).mean() > 0.99
    peak = cat_maps.ranked("peak")
    assert sorted(peak) == list(range(1000))
    assert cat_maps.prob[peak[0]].max() >= cat_maps.prob[peak[1]].max()
    by_mean = cat_maps.ranked("mean")
    assert cat_maps.prob[by_mean[0]].mean() == cat_maps.prob.mean(axis=(1, 2)).max()
    best = cat_maps.best(5, 10)
    assert len(best) == 5
    assert [p for _, p in best] == sorted((p for _, p in best), reverse=True)
    assert best[0][0] == cat_maps.prob[:, 5, 10].argmax()
    total = cat_maps.values([281, 282])
    np.testing.assert_allclose(total, cat_maps.prob[281] + cat_maps.prob[282], rtol=1e-6)
    np.testing.assert_allclose(
        np.exp(cat_maps.values(282, "log")), np.maximum(cat_maps.prob[282], np.exp(-20)), rtol=1e-4
    )
    with pytest.raises(FilterLabError, match="no class 1000"):
        cat_maps.values(1000)
    with pytest.raises(FilterLabError, match="no scale"):
        cat_maps.values(3, "percent")
    with pytest.raises(FilterLabError, match="peak"):
        cat_maps.ranked("best")
    with pytest.raises(FilterLabError, match="at least one"):
        cat_maps.values([])


def test_place_on_the_picture(thin: Transplanted, rng: Any) -> None:
    picture = rng.random((360, 480, 3)).astype(np.float32)
    maps = heatmap(thin, picture, squash=451)
    assert (maps.rows, maps.cols) == (8, 8)
    sx, sy = 480 / 451, 360 / 451
    assert maps.centre_on_picture(1, 2) == pytest.approx((177.5 * sx, 145.5 * sy))
    assert maps.window_on_picture(0, 1) == pytest.approx((32 * sx, 0, 259 * sx, 227 * sy))
    assert maps.field_on_picture(0, 7) == pytest.approx((192 * sx, 0, 451 * sx, 259 * sy))
    assert maps.tiles_on_picture() == pytest.approx((97.5 * sx, 97.5 * sy, 353.5 * sx, 353.5 * sy))
    for i in range(8):
        for j in range(8):
            assert maps.cell_at(*maps.centre_on_picture(i, j)) == (i, j)
            x0, y0, x1, y1 = maps.tile_on_picture(i, j)
            assert maps.cell_at(x0 + 1e-6, y0 + 1e-6) == (i, j)
            assert maps.cell_at(x1 - 1e-6, y1 - 1e-6) == (i, j)
    assert maps.cell_at(5, 5) is None
    assert maps.cell_at(479, 359) is None


def test_a_crop_or_a_letterbox_is_an_offset() -> None:
    place = Placement(2.0, 0.5, 10.0, -4.0)
    assert place.point(3, 8) == (16.0, 0.0)
    assert place.back(*place.point(7.5, 2.25)) == (7.5, 2.25)
    assert place.box((0, 0, 1, 2)) == (10.0, -4.0, 12.0, -3.0)


@pytest.mark.parametrize("scale", [1, 2])
@pytest.mark.parametrize("where", [(0, 0), (160, 96), (224, 224), (100, 300)])
def test_light_at_a_known_place_lights_the_cells_that_see_it(
    light: Transplanted, where: tuple[int, int], scale: int
) -> None:
    """A bright square raises exactly the cells whose field holds it."""
    x, y = where
    dark = np.zeros((451 * scale, 451 * scale, 3), np.float32)
    bright = dark.copy()
    bright[y * scale : (y + 12) * scale, x * scale : (x + 12) * scale] = 1.0
    before = heatmap(light, dark, squash=451, preprocessing=NO_MEAN)
    after = heatmap(light, bright, squash=451, preprocessing=NO_MEAN)
    raised = after.score[1] - before.score[1] > 1e-7
    # conv2 and conv5 of this net pass only their middle on, so a field is a window here.
    for i in range(8):
        for j in range(8):
            x0, y0, x1, y1 = after.window_on_picture(i, j)
            holds = x0 <= x * scale and x * scale + 12 * scale <= x1
            holds = holds and y0 <= y * scale and (y + 12) * scale <= y1
            clear = x1 <= (x - 8) * scale or x0 >= (x + 20) * scale
            clear = clear or y1 <= (y - 8) * scale or y0 >= (y + 20) * scale
            if holds:
                assert raised[i, j], (i, j)
            if clear:
                assert not raised[i, j], (i, j)
    assert raised.any()


def test_geometry_tells_exactly_which_pixels_change_a_cell(thin: Transplanted, rng: Any) -> None:
    """Real perturbations: outside its field nothing changes a cell, inside every band does."""
    data = (rng.standard_normal((1, 3, 259, 300)) * 40).astype(np.float32)
    _, base, _ = run_dense(thin, data)
    rows, cols = thin.geometry.cells(259, 300)
    for x in range(0, 300, 7):
        changed = data.copy()
        changed[:, :, :, x] += 100 * rng.standard_normal((1, 3, 259)).astype(np.float32)
        _, score, _ = run_dense(thin, changed)
        moved = (score != base).any(axis=0)
        for i in range(rows):
            for j in range(cols):
                x0, _, x1, _ = thin.geometry.field(i, j, 259, 300)
                if not x0 <= x < x1:
                    assert not moved[i, j], (x, i, j)
                elif x0 + 40 < x < x1 - 40:
                    assert moved[i, j], (x, i, j)


def test_progress_and_reruns_at_other_sizes(thin: Transplanted, rng: Any) -> None:
    picture = rng.random((300, 400, 3)).astype(np.float32)
    steps = [p.step for p in heatmap_job(thin, picture)]
    assert steps == ["prepare the picture", "run the net"]
    first = heatmap(thin, picture, cells=8)
    heatmap(thin, picture, cells=3)
    again = heatmap(thin, picture, cells=8)
    np.testing.assert_array_equal(first.prob, again.prob)
    job = heatmap_job(thin, picture, cells=5)
    next(job)
    job.close()
    np.testing.assert_array_equal(heatmap(thin, picture, cells=8).prob, first.prob)


def test_grey_nets_take_colour_pictures(
    thin_text: str, draw_weights: Any, tmp_path: Path, rng: Any
) -> None:
    t = transplant(*draw_weights(thin_text.replace("dim: 3 dim", "dim: 1 dim"), 3, tmp_path))
    picture = rng.random((260, 260, 3)).astype(np.float32)
    grey = picture @ np.array([0.2125, 0.7154, 0.0721], np.float32)
    np.testing.assert_allclose(heatmap(t, picture).prob, heatmap(t, grey).prob, atol=1e-5)


def test_maps_pooled_over_windows_are_the_classifiers_answers(shared: Path) -> None:
    folder = shared / "squeezenet"
    t = transplant(folder / "deploy.prototxt", folder / "squeezenet_v1.0.caffemodel")
    golden = np.load(shared / "goldens/nets/squeezenet_cat.npz")
    cat = read_picture(shared / "images/cat.jpg")
    bgr = Preprocessing((104, 117, 123))
    one = heatmap(t, cat, squash=227, preprocessing=bgr)
    assert (one.rows, one.cols) == (1, 1)
    stored = golden["pool_final_227x227"]
    assert np.abs(one.score[:, 0, 0] - stored).max() < 1e-3 * stored.max()
    wide = heatmap(t, cat, squash=451, preprocessing=bgr)
    places = t.net.blobs["conv_final"].data[0]
    assert (wide.rows, wide.cols) == wide.geometry.cells(451, 451) == (15, 15)
    # The classifier averages 13x13 places and the frame around them, which its padding makes.
    frame = np.maximum(t.source.params["conv_final"][1].data, 0) * (15 * 15 - 13 * 13)
    inner = places[:, 3:16, 5:18].sum(axis=(1, 2))
    np.testing.assert_allclose(wide.score[:, 3, 5], (inner + frame) / 225, rtol=1e-4, atol=1e-4)
    assert wide.geometry.window(3, 5) == (80, 48, 307, 275)
    np.testing.assert_allclose(wide.prob.sum(axis=0), 1, atol=1e-5)
    with pytest.raises(FilterLabError, match="smallest that works is 213x213"):
        heatmap(t, cat, squash=200)


def test_a_net_without_softmax_gets_one(
    thin_text: str, draw_weights: Any, tmp_path: Path, rng: Any
) -> None:
    text = thin_text[: thin_text.index('layer { name: "prob"')]
    t = transplant(*draw_weights(text, 7, tmp_path))
    maps = heatmap(t, rng.random((260, 300, 3)).astype(np.float32))
    np.testing.assert_allclose(maps.prob.sum(axis=0), 1, atol=1e-5)
    assert (maps.prob.argmax(axis=0) == maps.score.argmax(axis=0)).all()


def test_an_answer_that_is_not_finite_is_one_sentence(
    thin_files: tuple[Path, Path], rng: Any
) -> None:
    t = transplant(*thin_files)
    t.net.params["fc8-conv"][0].data[2, 3] = np.nan
    with pytest.raises(FilterLabError, match="weights of layer 'fc8-conv' hold NaN"):
        heatmap(t, rng.random((260, 300, 3)).astype(np.float32))
    t.net.params["fc8-conv"][0].data[2, 3] = 0
    t.net.params["conv1"][0].data[0] = 3e38
    with pytest.raises(FilterLabError, match="comes up first in blob 'conv1'"):
        heatmap(t, rng.random((260, 300, 3)).astype(np.float32))


def test_what_a_size_costs(thin: Transplanted, monkeypatch: pytest.MonkeyPatch) -> None:
    heatmap(thin, np.zeros((300, 300, 3), np.float32), squash=227)
    small, large = cost_of(thin, (227, 227)), cost_of(thin, (451, 451))
    c1, c2, c5 = 55 * 55 * 4 * 3 * 121, 27 * 27 * 6 * 2 * 25, 13 * 13 * 5 * 6 * 9
    assert small.macs == c1 + c2 + c5 + 16 * 180 + 7 * 16
    assert large.bytes > 3 * small.bytes
    assert thin.measured is not None
    assert thin.measured[0] == (227, 227)
    assert small.seconds == pytest.approx(thin.measured[1])
    assert cost_of(thin, (227, 227), passes=4).seconds == pytest.approx(4 * thin.measured[1])
    assert large.seconds == pytest.approx(small.seconds * large.macs / small.macs)
    cost.check_memory(large, (451, 451), free=large.bytes * 2)
    with pytest.raises(FilterLabError, match=r"451x451 pixels would take about .* fewer cells"):
        cost.check_memory(large, (451, 451), free=large.bytes // 2)
    monkeypatch.setattr(cost, "available_memory", lambda: 1000)
    with pytest.raises(FilterLabError, match="only 0 MB are free"):
        heatmap(thin, np.zeros((300, 300, 3), np.float32))


def test_free_memory_is_known_here() -> None:
    free = cost.available_memory()
    assert free is None or free > 1 << 20
    assert cost.amount(350_000_000) == "350 MB"
    assert cost.duration(0.046) == "46 ms"
    assert cost.duration(200) == "3 min"


def test_engine_and_surgery_agree_on_every_size(thin: Transplanted) -> None:
    """The shapes that geometry predicts are the engine's."""
    for height, width in ((199, 230), (200, 333), (227, 451), (330, 258), (402, 201)):
        thin.net.blobs["data"].reshape(1, 3, height, width)
        thin.net.reshape()
        sizes = thin.geometry.graph.sizes(height, width)
        for name, blob in thin.net.blobs.items():
            assert tuple(blob.shape[2:]) == sizes[name], (name, height, width)
    thin.net.blobs["data"].reshape(1, 3, 198, 227)
    with pytest.raises(caffe.CaffeError):
        thin.net.reshape()
    thin.net.blobs["data"].reshape(1, 3, 227, 227)
    thin.net.reshape()


def test_quick_preprocessing_is_nearly_the_same(shared: Path) -> None:
    picture = read_picture(shared / "images/cat.jpg")
    for size in ((451, 451), (227, 303)):
        exact = Preprocessing().apply(picture, size)
        quick = Preprocessing(quick=True).apply(picture, size)
        assert quick.shape == exact.shape
        assert np.abs(quick - exact)[..., 2:-2, 2:-2].mean() < 1.0


def test_pictures_of_whole_numbers_are_what_they_look_like(thin: Transplanted) -> None:
    bytes8 = np.random.default_rng(8).integers(0, 256, (230, 240, 3), np.uint8)
    expected = heatmap(thin, bytes8.astype(np.float32) / 255).prob
    for given in (bytes8, bytes8.astype(np.uint16) * 257, bytes8.astype(np.float64) / 255):
        np.testing.assert_allclose(heatmap(thin, given).prob, expected, atol=1e-5)


@pytest.mark.parametrize(
    "given", [None, "cat.jpg", np.zeros((230, 240, 2)), np.zeros(5), np.zeros((1, 3, 230, 240))]
)
def test_what_is_no_picture_is_said(thin: Transplanted, given: Any) -> None:
    for run in (heatmap, lambda t, p: dense(t, p, 16), pyramid):
        with pytest.raises(FilterLabError, match="picture"):
            run(thin, given)


def test_a_notebook_shows_a_transplanted_net_in_a_line(thin: Transplanted) -> None:
    assert "7 classes" in repr(thin)
    assert len(repr(thin)) < 250
