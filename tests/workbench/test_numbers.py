"""Numbers and colours that the benches show and save, recomputed cell by cell."""

from __future__ import annotations

import csv
import math
import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import filterlab.caffe as caffe
from filterlab.errors import FilterLabError
from filterlab.pictures import read_picture, write_picture
from filterlab.pictures.shelf import pictures_in
from filterlab.progress import run_job
from filterlab.surgery.colormaps import colormap
from filterlab.surgery.legend import with_legend, with_names
from filterlab.surgery.maps import FIRST, SECOND
from filterlab.surgery.methods import Request
from filterlab.workbench.filter_bench import FilterBench
from filterlab.workbench.heatmap_bench import HeatmapBench
from filterlab.workbench.heatmap_draw import LOG_LOW, Scene, draw, preview, style_of, with_lines
from filterlab.workbench.heatmap_files import (
    FolderTask,
    Frame,
    caption,
    class_title,
    folder_job,
    folder_targets,
    map_file_job,
    map_values,
    net_job,
    overlay_job,
    report_job,
)
from filterlab.workbench.heatmap_state import Look, Source
from filterlab.zoo.catalogue import Model

GREY = """
name: "grey"
layer { name: "data" type: "Input" top: "data"
  input_param { shape { dim: 1 dim: 1 dim: 16 dim: 16 } } }
layer { name: "conv" type: "Convolution" bottom: "data" top: "conv"
  convolution_param { num_output: 4 kernel_size: 4 stride: 4 } }
layer { name: "fc" type: "InnerProduct" bottom: "conv" top: "fc"
  inner_product_param { num_output: 3 } }
layer { name: "prob" type: "Softmax" bottom: "fc" top: "prob" }
"""


# --- the pycaffe lines ----------------------------------------------------------------------------


def _run(lines: str, net: Any) -> None:
    """Run shown lines on a net, the picture's left out."""
    kept = [k for k in lines.splitlines() if "blobs['data']" not in k and not k.startswith("x = ")]
    exec("\n".join(kept), {"net": net, "np": np})


@pytest.mark.parametrize(
    "edit",
    [
        lambda b: b.set_cell(1, 0, 2, 7.5),
        lambda b: b.set_kernel(2, np.arange(25.0).reshape(5, 5)),
        lambda b: b.set_bias(0, -1.25),
        lambda b: b.swap(0, 2),
        lambda b: b.clear(1),
        lambda b: b.set_divisor(0, 4),
    ],
)
def test_the_lines_of_undo_lead_back_and_those_of_redo_on(
    edit: Callable[[FilterBench], str],
) -> None:
    bench = FilterBench()
    bench.set_size(5)
    for slot in range(3):
        bench.set_kernel(slot, np.random.default_rng(slot).normal(size=(5, 5)))
    before = bench.net
    start = before.params["conv"][0].data.copy(), before.params["conv"][1].data.copy()
    assert edit(bench)
    net = bench.net
    end = net.params["conv"][0].data.copy(), net.params["conv"][1].data.copy()
    assert any((a != b).any() for a, b in zip(start, end))
    bench.undo()
    _run(bench.code, net)
    for blob, wanted in zip(net.params["conv"], start):
        np.testing.assert_array_equal(blob.data, wanted)
    bench.redo()
    _run(bench.code, net)
    for blob, wanted in zip(net.params["conv"], end):
        np.testing.assert_array_equal(blob.data, wanted)


def test_the_lines_of_an_undone_size_make_the_net_of_before() -> None:
    bench = FilterBench()
    bench.set_size(5)
    bench.set_kernel(0, np.arange(25.0).reshape(5, 5))
    bench.set_size(7)
    bench.undo()
    assert "kernel_size: 5" in bench.code
    assert "kernel_size: 7" not in bench.code
    bench.redo()
    assert "kernel_size: 7" in bench.code


@pytest.fixture
def grey_bench(tmp_path: Path, settle: Any) -> HeatmapBench:
    """A one-channel net whose means of blue, green and red differ, on a colour picture."""
    (tmp_path / "grey.prototxt").write_text(GREY)
    net = caffe.Net(str(tmp_path / "grey.prototxt"), caffe.TEST)
    rng = np.random.default_rng(4)
    for blobs in net.params.values():
        for blob in blobs:
            blob.data[...] = rng.normal(size=blob.shape) / 40
    net.save(str(tmp_path / "grey.caffemodel"))
    model = Model(
        "grey", "Grey", "own", tmp_path / "grey.prototxt", tmp_path / "grey.caffemodel",
        mean_bgr=(10.0, 30.0, 95.0), scale=255.0, numbered=True,
    )  # fmt: skip
    write_picture(tmp_path / "colours.png", rng.random((28, 36, 3)))
    made = HeatmapBench(model)
    made.restore_request(Request(size=40))
    made.accept(run_job(made.open_job(Source(path=str(tmp_path / "colours.png")))))
    made.accept(run_job(made.transplant_job()))
    settle(made)
    return made


@pytest.mark.parametrize("chosen", [(0,), (2,), (0, 2)])
def test_the_program_of_a_grey_net_gives_its_map(
    grey_bench: HeatmapBench, chosen: tuple[int, ...]
) -> None:
    """Which must be that of the luma, times 255, less the mean of the three means."""
    grey_bench.choose(chosen)
    names: dict[str, Any] = {}
    exec(compile(grey_bench.code(), "shown", "exec"), names)
    maps = grey_bench.maps
    assert maps is not None
    wanted = sum(maps.prob[c].astype(float) for c in chosen)
    np.testing.assert_allclose(names["heatmap"], wanted, atol=1e-5)
    assert maps.prob.max() - maps.prob.min() > 0.05, "a net that tells something apart"
    rgb = grey_bench.state.shown.picture.astype(float)
    luma = rgb @ [0.2125, 0.7154, 0.0721]
    mean = luma.mean() * 255 - 45
    assert float(maps.data.mean()) == pytest.approx(mean, abs=0.8)


# --- what is drawn --------------------------------------------------------------------------------


def _with(bench: HeatmapBench, prob: np.ndarray) -> Any:
    """The bench's maps with other probabilities (classes, rows, cols)."""
    maps = bench.maps
    assert maps is not None
    prob = prob.astype(np.float32)
    return replace(maps, prob=prob, score=np.log(np.maximum(prob, 1e-9)))


@pytest.fixture
def maps(bench: HeatmapBench) -> Any:
    """9 x 13 cells of three classes that differ everywhere."""
    found = bench.maps
    assert found is not None
    prob = np.random.default_rng(9).random((3, found.rows, found.cols)) ** 3 + 1e-3
    return _with(bench, prob / prob.sum(axis=0))


def _scene(bench: HeatmapBench, maps: Any, **look: Any) -> Scene:
    assert bench.shown is not None
    grey = np.full((*bench.shown.size, 3), 0.5, np.float32)
    chosen = {"classes": look.pop("classes", (1,)), "second": look.pop("second", ())}
    return Scene(grey, maps, look=replace(Look(), follows=False, **look), **chosen)


def _at(drawing: Any, maps: Any, i: int, j: int) -> np.ndarray:
    """The colour drawn in the middle of a cell, 0 to 255."""
    x, y = maps.centre_on_picture(i, j)
    return drawing.image[int(y), int(x)].astype(float)


@pytest.mark.parametrize("scale", ["unit", "best"])
def test_uncertainty_is_drawn_between_nothing_and_its_end(
    bench: HeatmapBench, maps: Any, scale: str
) -> None:
    drawing = draw(_scene(bench, maps, show="entropy", scale=scale, opacity=1.0, colours="viridis"))
    bits = np.zeros((maps.rows, maps.cols))
    for i in range(maps.rows):
        for j in range(maps.cols):
            bits[i, j] = -sum(float(p) * math.log2(float(p)) for p in maps.prob[:, i, j])
    end = math.log2(3) if scale == "unit" else bits.max()
    assert (drawing.low, drawing.high) == pytest.approx((0, end), rel=1e-5)
    assert drawing.unit == "bits"
    for i, j in ((0, 0), (3, 7), (8, 12)):
        wanted = 255 * colormap("viridis")[int(255 * bits[i, j] / end + 0.5)]
        np.testing.assert_allclose(_at(drawing, maps, i, j), wanted, atol=2.5)


def test_a_logarithmic_map_is_drawn_by_its_logarithm(bench: HeatmapBench, maps: Any) -> None:
    maps.prob[1, 0, 0], maps.prob[1, 4, 6], maps.prob[1, 8, 12] = 1e-9, 1e-3, 1.0
    drawing = draw(_scene(bench, maps, scale="log", opacity=1.0, colours="viridis"))
    assert (drawing.low, drawing.high, drawing.log, LOG_LOW) == (1e-6, 1.0, True, 1e-6)
    assert drawing.values is not None
    assert drawing.values[4, 6] == pytest.approx(1e-3, rel=1e-4)
    assert drawing.values[0, 0] == pytest.approx(1e-6, rel=1e-4), "no lower than the bar"
    for cell, share in (((0, 0), 0.0), ((4, 6), 0.5), ((8, 12), 1.0)):
        wanted = 255 * colormap("viridis")[int(255 * share + 0.5)]
        np.testing.assert_allclose(_at(drawing, maps, *cell), wanted, atol=3.5)


@pytest.mark.parametrize("scale", ["unit", "best"])
def test_two_classes_mix_their_colours(bench: HeatmapBench, maps: Any, scale: str) -> None:
    """The threshold is of the value as it is, gamma lifts what is left."""
    maps.prob[1] *= np.float32(0.6)
    look = {"show": "two", "scale": scale, "threshold": 0.3, "gamma": 0.5, "opacity": 0.8}
    drawing = draw(_scene(bench, maps, second=(2,), **look))
    tops = [float(maps.prob[c].max()) if scale == "best" else 1.0 for c in (1, 2)]
    seen = set()
    for i in range(maps.rows):
        for j in range(maps.cols):
            pair = [min(1.0, float(maps.prob[c, i, j]) / top) for c, top in zip((1, 2), tops)]
            one, two = (v**0.5 if v >= 0.3 else 0.0 for v in pair)
            weight = 0.8 * min(1.0, one + two)
            part = one / max(one + two, 1e-6)
            mixed = part * np.array(FIRST) + (1 - part) * np.array(SECOND)
            wanted = 255 * (0.5 + (mixed - 0.5) * weight)
            np.testing.assert_allclose(_at(drawing, maps, i, j), wanted, atol=1.5)
            seen.add((one > 0, two > 0))
    assert len(seen) >= 3
    colours = [tuple(round(255 * v) for v in c) for c in (FIRST, SECOND)]
    assert drawing.legend == [(colours[0], 1), (colours[1], 2)]
    assert drawing.values is not None
    told = maps.prob[1] / tops[0] - maps.prob[2] / tops[1]
    np.testing.assert_allclose(drawing.values, told, atol=1e-6)


@pytest.mark.parametrize("show", ["class", "two", "winner", "entropy"])
@pytest.mark.parametrize("projection", ["tiles", "smooth"])
def test_where_the_map_ends_the_picture_is_as_it_was(
    bench: HeatmapBench, maps: Any, show: str, projection: str
) -> None:
    look = {"show": show, "projection": projection, "opacity": 1.0, "corners": False}
    drawing = draw(_scene(bench, maps, second=(2,), **look))
    x0, y0, x1, y1 = maps.tiles_on_picture()
    y, x = np.mgrid[:96, :128] + 0.5
    outside = (x < x0 - 1) | (x > x1 + 1) | (y < y0 - 1) | (y > y1 + 1)
    assert outside.sum() > 1000
    assert np.unique(drawing.image[outside]).tolist() in ([127], [128])
    assert (drawing.image[~outside] != drawing.image[0, 0]).any()


def test_winners_above_the_threshold_have_their_colour(bench: HeatmapBench, maps: Any) -> None:
    look = {"show": "winner", "threshold": 0.6, "opacity": 0.7, "projection": "smooth"}
    drawing = draw(_scene(bench, maps, **look))
    colours = {index: np.array(rgb, float) for rgb, index in drawing.legend}
    counts = [int((maps.prob.argmax(axis=0) == c).sum()) for _, c in drawing.legend]
    assert counts == sorted(counts, reverse=True)
    above = 0
    for i in range(maps.rows):
        for j in range(maps.cols):
            best = int(maps.prob[:, i, j].argmax())
            shown = float(maps.prob[best, i, j]) >= 0.6
            wanted = 127.5 + 0.7 * (colours[best] - 127.5) if shown else np.full(3, 127.5)
            np.testing.assert_allclose(_at(drawing, maps, i, j), wanted, atol=1.5)
            above += shown
    assert 10 < above < 107


def test_contours_lie_at_quarters_of_the_scale(bench: HeatmapBench, maps: Any) -> None:
    """In pixels of the full picture, though the drawing is a smaller one of another shape."""
    steps = np.linspace(0, 1, maps.cols)[None, None, :].repeat(maps.rows, 1)
    ramp = _with(bench, np.concatenate([1 - steps, steps, steps * 0]))
    scene = _scene(bench, ramp, scale="unit", contours=True, projection="smooth")
    small = replace(scene, picture=np.full((48, 96, 3), 0.5, np.float32))
    places = []
    for line in draw(small).contours:
        assert np.ptp(line[:, 0]) < 1.5, "upright"
        places.append(float(line[:, 0].mean()))
    xs = [ramp.centre_on_picture(0, j)[0] for j in range(ramp.cols)]
    wanted = [np.interp(share, np.linspace(0, 1, ramp.cols), xs) for share in (0.25, 0.5, 0.75)]
    assert sorted(places) == pytest.approx(wanted, abs=0.8)
    scores = replace(ramp, score=2 + 4 * ramp.prob)
    lines = draw(replace(small, maps=scores, look=replace(small.look, scale="score"))).contours
    assert sorted(float(line[:, 0].mean()) for line in lines) == pytest.approx(wanted, abs=0.8)
    tall = [float(line[:, 1].max()) for line in draw(small).contours]
    assert max(tall) > 70, "over the height of the picture, not of the drawing"


def test_lines_are_drawn_where_they_lie_on_a_drawing_of_another_size(
    bench: HeatmapBench, maps: Any
) -> None:
    """A corner mark's arms meet at the corner of the cells' tiles."""
    scene = _scene(bench, maps, corners=True, opacity=0.0, classes=(1,))
    big = replace(scene, picture=np.zeros((4 * 96, 2 * 128, 3), np.float32))
    drawn = with_lines(draw(big))
    white = np.argwhere((drawn > 200).all(axis=2))
    x0, y0, x1, y1 = maps.tiles_on_picture()
    for axis, scale, ends in ((0, 4, (y0, y1)), (1, 2, (x0, x1))):
        found = white[:, axis].min(), white[:, axis].max()
        assert found == pytest.approx([scale * ends[0] - 0.5, scale * ends[1] - 0.5], abs=2)
        assert sum(found) / 2 == pytest.approx(scale * sum(ends) / 2 - 0.5, abs=0.6)


def test_lines_are_as_thick_as_the_drawing_is_large(bench: HeatmapBench, maps: Any) -> None:
    """A pixel of 400, and never less than one."""
    scene = _scene(bench, maps, corners=True, opacity=0.0, classes=(1,))
    x0, y0, x1, _ = maps.tiles_on_picture()
    for scale, thick in ((4, 1), (16, 4)):
        drawn = with_lines(
            draw(replace(scene, picture=np.zeros((96 * scale, 128 * scale, 3), np.float32)))
        )
        top = round(scale * y0)
        light = drawn[max(0, top - 8) : top + 9].astype(float).mean(axis=2).sum(axis=0) / 255
        arms = light[round(scale * x0) + 2 * scale : round(scale * x1) - 2 * scale]
        # OpenCV's smooth edges add up to two.
        assert thick - 0.5 < np.median(arms[arms > 0.3]) < thick + 2


def test_arrows_point_from_where_a_cell_looks_to_where_stretching_puts_it(
    bench: HeatmapBench, maps: Any
) -> None:
    # In the corners of the map they point outwards, where no other is.
    scene = _scene(bench, maps, projection="stretched", opacity=0.0)
    big = replace(scene, picture=np.zeros((8 * 96, 8 * 128, 3), np.float32))
    drawn = with_lines(draw(big)).astype(int)
    red = np.abs(drawn - [255, 107, 107]).max(axis=2) < 60
    for i, j in ((0, 0), (0, 12), (8, 0), (8, 12)):
        x, y = maps.centre_on_picture(i, j)
        to = (j + 0.5) * 128 / 13, (i + 0.5) * 96 / 9
        for share in (0.1, 0.5, 0.9):
            at = x + share * (to[0] - x), y + share * (to[1] - y)
            column, row = (round(8 * v) for v in at)
            assert red[row - 3 : row + 4, column - 3 : column + 4].any(), (i, j, share)


def test_a_preview_keeps_the_pictures_shape() -> None:
    ramp = np.linspace(0, 1, 90 * 240, dtype=np.float32).reshape(90, 240)
    found = preview(ramp, 60)
    assert found.shape == (22, 60, 3)
    block = float(ramp[:90, :4].reshape(90, 4).mean())
    assert found[:, 0].mean() == pytest.approx(block, abs=0.01)
    assert preview(ramp, 240).shape == (90, 240, 3)


def test_the_second_class_is_the_best_that_is_not_shown(bench: HeatmapBench) -> None:
    maps = bench.maps
    assert maps is not None
    by_mean = sorted(range(3), key=lambda c: -float(maps.prob[c].mean(dtype=np.float64)))
    for c in range(3):
        bench.choose((c,))
        assert bench.second == (next(k for k in by_mean if k != c),)


# --- what is saved --------------------------------------------------------------------------------


@pytest.fixture
def frame(bench: HeatmapBench) -> Frame:
    assert bench.shown is not None
    assert bench.run is not None
    return Frame(bench.shown, bench.run, (1,), (0,), Look(), bench.labels, bench.model)


@pytest.mark.parametrize("scale", ["log", "unit", "score"])
def test_a_saved_overlays_bar_has_the_drawings_ends(
    frame: Frame, tmp_path: Path, scale: str
) -> None:
    frame = replace(frame, look=replace(frame.look, scale=scale))
    run_job(overlay_job(frame, tmp_path / "plain.png"))
    run_job(overlay_job(frame, tmp_path / "figure.png", legend=True))
    values = frame.run.maps.values([1], "score" if scale == "score" else "prob")
    ends = {
        "log": (1e-6, 1.0),
        "unit": (0.0, 1.0),
        "score": (float(values.min()), float(values.max())),
    }[scale]
    wanted = with_legend(
        read_picture(tmp_path / "plain.png"),
        style_of(frame.look, *ends),
        ends,
        ("1 bright light", "Brightness, dense, 13 x 9 cells, square"),
        "score" if scale == "score" else "probability",
        scale == "log",
    )
    found = read_picture(tmp_path / "figure.png")
    assert found.shape == wanted.shape
    np.testing.assert_allclose(found, wanted, atol=1.01 / 255)
    assert caption(frame) == ("1 bright light", "Brightness, dense, 13 x 9 cells, square")


def _with_winners(frame: Frame) -> Frame:
    """Class 2 wins everywhere but on the first two rows (0) and on the next (1)."""
    maps = frame.run.maps
    prob = np.full((3, maps.rows, maps.cols), 0.1, np.float32)
    prob[2] = 0.8
    prob[:, :2] = np.array([0.8, 0.1, 0.1])[:, None, None]
    prob[:, 2] = np.array([0.1, 0.8, 0.1])[:, None]
    run = replace(frame.run, maps=replace(maps, prob=prob, score=np.log(prob)))
    return replace(frame, run=run, look=replace(frame.look, show="winner"))


def test_a_saved_winner_map_names_its_colours(frame: Frame, tmp_path: Path) -> None:
    """The class of most cells first; what each colour stands for is the colour on the picture."""
    frame = _with_winners(frame)
    maps = frame.run.maps
    run_job(overlay_job(frame, tmp_path / "plain.png"))
    run_job(overlay_job(frame, tmp_path / "named.png", legend=True))
    run_job(report_job(frame, tmp_path / "r.html"))
    plain = read_picture(tmp_path / "plain.png")
    grey = np.asarray(frame.shown.picture, np.float64)
    names = [class_title(frame.labels, [c]) for c in (2, 0, 1)]
    colours = []
    for cell in ((4, 6), (0, 6), (2, 1)):
        x, y = (int(v) for v in maps.centre_on_picture(*cell))
        opacity = frame.look.opacity
        pixel = grey[y, x] if grey.ndim == 3 else np.full(3, grey[y, x])
        seen = (plain[y, x] - (1 - opacity) * pixel) / opacity
        colours.append(tuple(round(255 * float(v)) for v in seen))
    wanted = with_names(plain, list(zip(colours, names)), caption(frame))
    found = read_picture(tmp_path / "named.png")
    assert found.shape == wanted.shape
    np.testing.assert_allclose(found, wanted, atol=4.01 / 255)
    page = (tmp_path / "r.html").read_text(encoding="utf-8")
    key = page.index("<figcaption>best class</figcaption>")
    places = [page.index(name, key) for name in names]
    assert places == sorted(places)


def test_a_saved_map_of_two_classes_names_both(frame: Frame, tmp_path: Path) -> None:
    frame = replace(frame, look=replace(frame.look, show="two"), classes=(1,), second=(2,))
    run_job(overlay_job(frame, tmp_path / "plain.png"))
    run_job(overlay_job(frame, tmp_path / "named.png", legend=True))
    colours = [tuple(round(255 * v) for v in c) for c in (FIRST, SECOND)]
    names = [class_title(frame.labels, [c]) for c in (1, 2)]
    lines = (f"{names[0]} ↔ {names[1]}", caption(frame)[1])
    wanted = with_names(read_picture(tmp_path / "plain.png"), list(zip(colours, names)), lines)
    np.testing.assert_allclose(read_picture(tmp_path / "named.png"), wanted, atol=1.01 / 255)


@pytest.mark.parametrize("ending", ["npy", "csv", "tiff", "tif"])
def test_a_map_is_written_as_its_name_ends(frame: Frame, tmp_path: Path, ending: str) -> None:
    frame = replace(frame, classes=(0, 2))
    values = frame.run.maps.prob[0] + frame.run.maps.prob[2]
    path = run_job(map_file_job(frame, tmp_path / f"m.{ending.upper()}"))
    if ending == "npy":
        found = np.load(path)
    elif ending == "csv":
        rows = list(csv.DictReader(path.open()))
        found = np.zeros(values.shape)
        for row in rows:
            found[int(row["row"]), int(row["col"])] = float(row["value"])
        assert len(rows) == values.size
    else:
        found = read_picture(path)[..., 0]
    np.testing.assert_allclose(found, values, atol=1e-6)
    with pytest.raises(FilterLabError, match=r"\.npy, \.csv or \.tiff"):
        run_job(map_file_job(frame, tmp_path / "m.png"))


def test_a_folders_pictures_by_name(tmp_path: Path, bright: Any) -> None:
    for name in ("b.png", "A.png", "c.PNG", "d.npy", "e.txt"):
        (tmp_path / name).write_bytes(b"x")
    (tmp_path / "f.png").mkdir()
    assert [p.name for p in pictures_in(tmp_path)] == ["A.png", "b.png", "c.PNG"]
    for folder, said in (
        (tmp_path / "none", "no such folder"),
        (tmp_path / "f.png", "no pictures"),
    ):
        with pytest.raises(FilterLabError, match=said):
            pictures_in(folder)
    pairs = folder_targets([tmp_path / "a/x.png", tmp_path / "b/x.jpg"], tmp_path / "out")
    assert len({path for pair in pairs for path in pair}) == 4
    assert all(one.name.endswith("_overlay.png") for one, _ in pairs)
    assert all(two.name.endswith("_map.npy") for _, two in pairs)


def test_what_is_saved_of_a_net(bench: HeatmapBench, tmp_path: Path) -> None:
    done = bench.transplanted
    assert done is not None
    for name, files in (
        ("a.onnx", {"a.onnx"}),
        ("b.prototxt", {"b.prototxt", "b.caffemodel"}),
        ("c.caffemodel", {"c.prototxt", "c.caffemodel"}),
        ("d.v1", {"d.v1.prototxt", "d.v1.caffemodel"}),
    ):
        folder = tmp_path / name[0]
        folder.mkdir()
        made = run_job(net_job(done, folder / name))
        assert {path.name for path in folder.iterdir()} == files
        assert made.name in files


@pytest.mark.parametrize("scale", ["log", "unit", "score"])
def test_a_reports_bar_goes_from_its_low_end_to_its_high_one(
    frame: Frame, tmp_path: Path, scale: str
) -> None:
    """The middle is half way, of a logarithmic scale the root of both ends."""
    frame = replace(frame, look=replace(frame.look, scale=scale))
    run_job(report_job(frame, tmp_path / "r.html"))
    page = (tmp_path / "r.html").read_text(encoding="utf-8")
    ends = re.search(r'class="ends"><span>(.*?)</span><span>(.*?)</span><span>(.*?)</span>', page)
    assert ends is not None
    low, middle, high = (float(text.replace("\N{MINUS SIGN}", "-")) for text in ends.groups())
    values = frame.run.maps.score[1]
    wanted = {"log": (1e-6, 1.0), "unit": (0.0, 1.0),
              "score": (float(values.min()), float(values.max()))}[scale]  # fmt: skip
    assert (low, high) == pytest.approx(wanted, rel=0.01, abs=1e-9)
    half = math.sqrt(wanted[0] * wanted[1]) if scale == "log" else sum(wanted) / 2
    assert middle == pytest.approx(half, rel=0.02, abs=0.02)


def test_what_is_saved_of_a_map(frame: Frame) -> None:
    maps = frame.run.maps
    np.testing.assert_array_equal(map_values(frame), maps.prob[1])
    both = replace(frame, classes=(0, 1))
    np.testing.assert_allclose(map_values(both), maps.prob[0] + maps.prob[1], rtol=1e-6)
    score = replace(both, look=replace(frame.look, scale="score"))
    np.testing.assert_array_equal(map_values(score), np.maximum(maps.score[0], maps.score[1]))


def test_of_a_sum_three_are_named_and_the_rest_counted(frame: Frame) -> None:
    numbered = frame.labels.numbered(9)
    names = [str(numbered[c].english) for c in range(9)]
    assert class_title(numbered, range(3)) == " + ".join(f"{c} {names[c]}" for c in range(3))
    assert class_title(numbered, range(5)).endswith(" + 2 more")
    two = replace(frame, look=replace(frame.look, show="two"))
    assert caption(two)[0] == "1 bright light ↔ 0 darkness"


def test_the_reports_settings_are_the_models(frame: Frame, tmp_path: Path) -> None:
    model = replace(frame.model, mean_bgr=(0.25, 0.5, 0.75), scale=2.0)
    look = replace(frame.look, threshold=0.15, scale="unit")
    run_job(report_job(replace(frame, model=model, look=look), tmp_path / "r.html"))
    page = (tmp_path / "r.html").read_text(encoding="utf-8")
    assert "RGB x 2, minus the mean 0.25, 0.5, 0.75 (B, G, R)" in page
    assert "chosen class; values: 0 to 100 %; threshold 0.15" in page
    assert "<th>passes</th><td>1</td>" in page
    assert "<th>map</th><td>13 x 9 cells, 8 pixels apart</td>" in page


def test_a_folders_rows_say_where_the_best_cell_is(
    bench: HeatmapBench, bright: Any, tmp_path: Path
) -> None:
    """The square at (72, 16): its middle is (88, 32)."""
    write_picture(tmp_path / "one.png", bright.picture((72, 16)))
    done = bench.transplanted
    assert done is not None
    task = FolderTask([tmp_path / "one.png"], tmp_path / "out", Request(size=128), (1,))
    (row,) = run_job(folder_job(task, bench.model, done, bench.labels)).rows
    assert row.at == (88, 32)
    assert row.peak == pytest.approx(float(np.load(row.map).max()))
    assert row.peak > 0.99
    i, j = np.unravel_index(np.load(row.map).argmax(), (9, 13))
    assert (i, j) == (2, 9)
    assert row.points is not None
    assert row.points < 0.01
