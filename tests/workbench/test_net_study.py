"""What the Net tab looks at, without the tab: every rule at its limit, every number by hand."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from filterlab import caffe
from filterlab.errors import FilterLabError
from filterlab.pictures import sample, write_picture
from filterlab.pictures.shelf import FolderShelf, SampleShelf
from filterlab.progress import Progress, run_job
from filterlab.surgery.ablation import Operation
from filterlab.surgery.answers import Answer
from filterlab.surgery.colormaps import colormap
from filterlab.surgery.kernels.presets import PRESETS
from filterlab.surgery.methods import Request
from filterlab.workbench.heatmap_state import Shown, Source
from filterlab.workbench.net_bench import Activity, Answers, MapPair
from filterlab.workbench.net_study import (
    Found,
    NetStudy,
    ScoreRow,
    draw_maps,
    fitted,
    load_job,
    operations_of,
    picture_job,
    shelf_picture,
    timing_job,
)
from filterlab.zoo.catalogue import Model

# Two convolutions of unlike kernels, then a fully connected layer, on a wide input.
WIDE = """
name: "wide"
layer { name: "data" type: "Input" top: "data"
  input_param { shape { dim: 1 dim: 3 dim: 24 dim: 32 } } }
layer { name: "conv" type: "Convolution" bottom: "data" top: "conv"
  convolution_param { num_output: 4 kernel_h: 4 kernel_w: 2 stride: 2 bias_term: false } }
layer { name: "relu" type: "ReLU" bottom: "conv" top: "conv" }
layer { name: "mid" type: "Convolution" bottom: "conv" top: "mid"
  convolution_param { num_output: 6 kernel_h: 3 kernel_w: 3 stride: 2 } }
layer { name: "pool" type: "Pooling" bottom: "mid" top: "pool"
  pooling_param { pool: MAX kernel_h: 5 kernel_w: 1 stride_h: 5 stride_w: 1 } }
layer { name: "fc" type: "InnerProduct" bottom: "pool" top: "fc"
  inner_product_param { num_output: 5 } }
layer { name: "prob" type: "Softmax" bottom: "fc" top: "prob" }
"""


@pytest.fixture(scope="module")
def wide(tmp_path_factory: pytest.TempPathFactory) -> Model:
    folder = tmp_path_factory.mktemp("wide")
    (folder / "wide.prototxt").write_text(WIDE)
    net = caffe.Net(str(folder / "wide.prototxt"), caffe.TEST)
    rng = np.random.default_rng(3)
    for blobs in net.params.values():
        for blob in blobs:
            blob.data[...] = rng.normal(size=blob.shape) * 2 / np.sqrt(max(1, blob.data[0].size))
    net.save(str(folder / "wide.caffemodel"))
    return Model(
        "wide", "Wide", "own", folder / "wide.prototxt", folder / "wide.caffemodel",
        mean_bgr=(0.5, 0.5, 0.5), scale=1.0, numbered=True,
    )  # fmt: skip


PICTURE = np.random.default_rng(5).random((40, 70, 3), dtype=np.float32)


@pytest.fixture
def study(wide: Model) -> NetStudy:
    made = NetStudy()
    made.accept_net(run_job(load_job(wide)))
    made.show(Shown(Source(array_name="noise"), PICTURE))
    return made


@pytest.fixture
def asked(study: NetStudy) -> NetStudy:
    study.accept(run_job(study.found_job()))
    return study


def told(study: NetStudy) -> list[set[str]]:
    heard: list[set[str]] = []
    study.subscribe(lambda kinds: heard.append(set(kinds)))
    return heard


# --- the net on the table -------------------------------------------------------------------------


def test_a_net_is_read_and_looked_at(wide: Model) -> None:
    study = NetStudy()
    heard = told(study)
    seen: list[Progress] = []
    loaded = run_job(load_job(wide), seen.append)
    shares = [p.fraction for p in seen]
    assert shares == sorted(shares)
    assert (shares[0], seen[0].total, seen[0].message) == (0, 1, "Wide")
    assert shares[1] >= 0.1
    assert not study.ready
    study.accept_net(loaded)
    assert heard == [{"net", "weights", "blob", "units", "class", "found", "cell"}]
    assert (study.blob, study.units, study.layer, study.count) == ("conv", (0,), "conv", 4)
    assert (study.order, study.side, study.scale) == ("net", "activity", "shared")
    assert (study.wanted, study.cell, study.problem, study.stale) == (None, None, "", False)
    assert len(study.labels) == 5
    assert study.input_size == (24, 32)
    assert study.preview() is None
    assert study.input_picture() is None
    assert not study.slow
    assert study.scores() == []
    assert study.sentence() == ""
    study.show(Shown(Source(array_name="noise"), PICTURE))
    assert heard[-1] == {"picture"} or {"picture"} in heard
    assert study.ready
    assert study.stale
    study.clear()
    assert heard[-1] >= {"net", "picture", "weights", "blob", "units", "view", "class", "found"}
    assert (study.model, study.bench, study.shown, study.blob, study.units) == (
        None, None, None, "", (),
    )  # fmt: skip
    with pytest.raises(FilterLabError, match="no net is on the table"):
        study.found_job()
    with pytest.raises(FilterLabError, match="no net is on the table"):
        study.operate("zero")


def test_a_net_without_weights_is_read_as_far_as_it_goes(wide: Model, tmp_path: Path) -> None:
    loaded = run_job(load_job(replace(wide, weights_path=tmp_path / "none.caffemodel")))
    assert loaded.bench is None
    assert loaded.problem
    study = NetStudy()
    study.accept_net(loaded)
    assert (study.problem, study.editable, study.units) == (loaded.problem, False, ())
    assert (study.blob, study.layer) == (study.rows[0].blob, "")
    study.look_at("mid")
    assert (study.count, study.units, study.layer) == (6, (0,), "")
    assert len(study.labels) == 0
    study.want(0)
    assert study.wanted is None


def test_times_are_taken_where_they_belong(study: NetStudy) -> None:
    assert study.bench is not None
    times = run_job(timing_job(study.bench))
    heard = told(study)
    study.accept_times(replace(times, layers=times.layers[1:]))
    assert (study.times, heard) == (None, [])
    study.accept_times(times)
    assert study.times is times
    assert heard == [{"times"}]
    assert any(row.seconds for row in study.rows)


def test_another_study_goes_on_with_it(asked: NetStudy) -> None:
    other, old = NetStudy(), told(asked)
    heard = told(other)
    assert asked.bench is not None
    asked.choose((2, 1))
    old.clear()
    other.take_over(asked)
    assert heard[-1] >= {"net", "times", "picture", "weights", "found", "blob", "units", "cell"}
    assert (other.bench, other.units, other.found) == (asked.bench, (2, 1), asked.found)
    heard.clear()
    other.operate("zero")
    assert heard == [{"weights"}]
    assert old == [], "the other hears nothing any more"


# --- what it says ---------------------------------------------------------------------------------


def test_what_was_found_becomes_stale_with_every_change(study: NetStudy) -> None:
    seen: list[Progress] = []
    found = run_job(study.found_job(), seen.append)
    shares = [p.fraction for p in seen]
    assert shares == sorted(shares)
    assert shares[0] == 0
    assert any(0.3 <= share < 1 for share in shares)
    assert study.stale
    study.accept(found)
    assert not study.stale
    study.look_at("mid")
    assert study.stale
    assert study.channels() is None
    study.accept(run_job(study.found_job()))
    assert not study.stale
    study.operate("zero")
    assert study.stale
    study.give_up(study.moment)
    assert study.gave_up
    assert not study.stale
    study.operate("negate") or study.look_at("conv")
    assert not study.gave_up
    assert study.stale
    study.accept(run_job(study.found_job(maps=False)))
    assert study.stale, "the maps are those of before"
    study.accept(run_job(study.found_job()))
    assert not study.stale
    shares = []
    run_job(study.found_job(maps=False), lambda p: shares.append(p.fraction))
    assert max(shares) == pytest.approx(0.5), "two nets are asked, and that is all"


def test_what_is_late_or_of_another_net_is_dropped(asked: NetStudy) -> None:
    first = asked.found
    heard = told(asked)
    asked.accept(replace(first, bench=object()))
    assert (asked.found, heard) == (first, [])
    late = run_job(asked.found_job())
    asked.operate("zero")
    now = run_job(asked.found_job(maps=False))
    asked.accept(now)
    assert (asked.found.revision, asked.found.maps) == (now.revision, first.maps)
    # Late, but its maps are newer than those that are known.
    newer = replace(late, maps=replace(late.maps, revision=first.maps.revision + 1))
    asked.accept(replace(newer, revision=now.revision - 1))
    assert asked.found.answers is now.answers
    assert asked.found.activity is now.activity
    assert asked.found.revision == now.revision
    assert asked.found.maps is newer.maps
    heard.clear()
    asked.accept(replace(late, revision=now.revision - 1))
    asked.accept(replace(late, revision=now.revision - 1, maps=None))
    assert asked.found.maps is newer.maps
    assert heard == []
    # Of the blob that was looked at before, while the new one's values are there already.
    other = run_job(asked.found_job(maps=False))
    asked.look_at("mid")
    asked.accept(run_job(asked.found_job(maps=False)))
    asked.accept(other)
    assert asked.found.activity.blob == "mid"


def _saying(study: NetStudy, before: list[float], after: list[float]) -> None:
    def answer(prob: list[float]) -> Answer:
        values = np.array(prob, np.float32)
        return replace(study.found.answers.before, prob=values, score=np.log(values))

    assert study.found.answers is not None
    answers = Answers(answer(before), answer(after), study.bench.revision)
    study.accept(Found(study.bench.revision, answers))


def test_the_sentence_says_what_became_of_the_best_class(asked: NetStudy) -> None:
    name = asked.labels[1].english
    _saying(asked, [0.1, 0.55, 0.15, 0.1, 0.1], [0.1, 0.55, 0.15, 0.1, 0.1])
    assert asked.sentence() == f"The best class is {name} (1), 55.0 %"
    assert asked.wanted == 1
    asked.operate("zero")
    edit = "conv, unit 0 set to zero"
    for now, points in ((0.55, "0.0"), (0.5504, "0.0"), (0.75, "+20.0"), (0.425, "−12.5")):
        rest = (1 - now) / 4
        _saying(asked, [0.1, 0.55, 0.15, 0.1, 0.1], [rest, now, rest, rest, rest])
        assert asked.sentence() == f"{edit}: the best class stays {name} (1), {points} points"
    _saying(asked, [0.1, 0.55, 0.15, 0.1, 0.1], [0.1, 0.15, 0.15, 0.5, 0.1])
    said = asked.sentence(lambda index: "abcde"[index])
    assert said == f"{edit}: the best class changes from b (1) to d (3)"
    assert asked.scores(2) == [
        ScoreRow(1, pytest.approx(0.55), pytest.approx(0.15)),
        ScoreRow(3, pytest.approx(0.1), pytest.approx(0.5)),
    ]
    assert asked.scores(1)[0].points == pytest.approx(-40)
    assert len(asked.scores()) == 5


def test_the_class_and_the_cell_that_are_wanted(asked: NetStudy) -> None:
    heard = told(asked)
    best = asked.found.answers.before.best
    assert asked.wanted == best
    for index in (-1, 5, 99):
        asked.want(index)
    assert (asked.wanted, heard) == (best, [])
    for index in (0, 4):
        asked.want(index)
        asked.want(index)
        assert asked.wanted == index
    assert heard == [{"class"}, {"class"}]
    maps = asked.found.maps.after
    rows, cols = maps.rows, maps.cols
    assert rows != cols
    heard.clear()
    for cell in ((0, 0), (rows - 1, cols - 1), (0, cols - 1), (rows - 1, 0)):
        asked.mark_cell(cell)
        assert asked.cell == cell
    for cell in ((rows, 0), (0, cols), (-1, 0), (0, -1)):
        asked.mark_cell((0, 0))
        asked.mark_cell(cell)
        assert asked.cell is None
    assert {"cell"} in heard
    asked.mark_cell((1, 1))
    asked.show(Shown(Source(array_name="x"), PICTURE[::-1]))
    assert asked.cell == (1, 1), "of the same size"
    asked.show(Shown(Source(array_name="x"), PICTURE[:, :60]))
    assert asked.cell is None


# --- what is looked at ----------------------------------------------------------------------------


def test_tiles_in_every_order(study: NetStudy) -> None:
    assert study.sorted_units().tolist() == [0, 1, 2, 3]
    heard = told(study)
    study.set_view(order="mean")
    assert study.sorted_units().tolist() == [0, 1, 2, 3], "nothing is known yet"
    values = np.random.default_rng(2).normal(size=(4, 5, 7)).astype(np.float32)
    values[3, 4, 6] = 9
    _give(study, values)
    by = {
        "mean": values.reshape(4, -1).mean(axis=1),
        "peak": values.reshape(4, -1).max(axis=1),
        "norm": np.linalg.norm(study.bench.net.params["conv"][0].data.reshape(4, -1), axis=1),
    }
    for order, key in by.items():
        study.set_view(order=order)
        assert study.sorted_units().tolist() == np.argsort(-key, kind="stable").tolist()
    assert len({tuple(np.argsort(-key)) for key in by.values()}) > 1
    study.set_view(order="cursor")
    for place, at in ((None, (2, 3)), ((4, 6), (4, 6)), ((9, 6), (4, 6)), ((0, 99), (0, 6)),
                      ((1, 0), (1, 0))):  # fmt: skip
        study.point(place)
        wanted = np.argsort(-values[:, at[0], at[1]], kind="stable")
        assert study.sorted_units().tolist() == wanted.tolist()
    heard.clear()
    study.point((1, 0))
    assert heard == []
    study.point((1, 1))
    assert heard == [{"view"}]
    study.set_view(order="net")
    heard.clear()
    study.point((2, 2))
    study.set_view(order="odd", side="odd", scale="")
    assert (heard, study.order, study.side, study.scale) == ([], "net", "activity", "shared")
    study.set_view(side="weights", scale="own")
    assert (heard, study.side, study.scale) == ([{"view"}], "weights", "own")
    _give(study, np.ones((4, 2, 2), np.float32))
    study.set_view(order="peak")
    assert study.sorted_units().tolist() == [0, 1, 2, 3], "of equals, as in the net"


def _give(study: NetStudy, after: np.ndarray, before: np.ndarray | None = None) -> None:
    revision = study.bench.revision
    before = after if before is None else before
    activity = Activity(study.blob, before, after, revision)
    study.found = Found(revision, None, activity, None, study.bench)


def test_the_tiles_common_scale_has_the_values_before_and_after(study: NetStudy) -> None:
    assert study.tile_limits() == (0, 1)
    one, two = np.zeros((4, 2, 3), np.float32), np.zeros((4, 2, 3), np.float32)
    one[1, 1, 2], two[0, 0, 0] = 3, 5
    _give(study, one, two)
    assert study.tile_limits() == (0, 5)
    _give(study, two, one)
    assert study.tile_limits() == (0, 5)
    assert study.channels() is two
    assert study.channels(before=True) is one
    one[2, 0, 0] = -7
    assert study.tile_limits() == (-7, 7)
    study.look_at("mid")
    assert study.tile_limits() == (0, 1), "it is of another blob"


def test_blobs_layers_and_units_that_can_be_chosen(study: NetStudy) -> None:
    heard = told(study)
    for blob, count, layer in (
        ("data", 3, ""), ("conv", 4, "conv"), ("mid", 6, "mid"), ("pool", 6, ""), ("fc", 5, "fc"),
        ("prob", 5, ""),
    ):  # fmt: skip
        study.look_at(blob)
        assert (study.blob, study.count, study.layer) == (blob, count, layer)
        assert study.units == (0,)
        assert study.editable is bool(layer)
        places = study.geometry
        assert (places is not None) is (blob in ("data", "conv", "mid", "pool"))
    study.look_at("mid")
    heard.clear()
    study.look_at("none")
    study.look_at("mid")
    assert (study.blob, heard) == ("mid", [])
    study.choose((5, 2, 5, 6, -1))
    assert (study.units, heard) == ((5, 2), [{"units"}])
    study.choose((5, 2))
    assert len(heard) == 1
    study.choose(())
    with pytest.raises(FilterLabError, match="choose at least one unit of layer 'mid'"):
        study.operate("zero")
    study.look_at_layer("relu")
    assert study.blob == "conv"
    study.look_at_layer("fc")
    assert study.blob == "fc"
    study.look_at("pool")
    with pytest.raises(FilterLabError, match="'pool' has no units with weights"):
        study.operate("zero")
    assert study.weights(0) is None
    assert not study.pictured()
    assert study.no_tiles == ""


def test_a_units_weights_bias_and_chip(study: NetStudy) -> None:
    first = study.bench.original.params
    assert study.pictured()
    assert study.weights(4) is None
    weights, bias = study.weights(3)
    np.testing.assert_array_equal(weights, first["conv"][0].data[3])
    assert bias is None, "it has none"
    study.look_at("mid")
    assert not study.pictured()
    weights, bias = study.weights(5)
    np.testing.assert_array_equal(weights, first["mid"][0].data[5])
    assert bias == first["mid"][1].data[5]
    study.choose((5,))
    assert study.scale_units(0.5)
    assert study.chip(5) == "× 0.5"
    assert study.weights(5)[1] == pytest.approx(bias / 2)
    assert study.weights(5, before=True)[1] == bias
    assert not study.is_zero(5)
    study.operate("zero")
    assert (study.is_zero(5), study.is_zero(4), study.chip(5), study.chip(4)) == (
        True, False, "× 0", "",
    )  # fmt: skip
    study.reset_units()
    assert study.chip(5) == ""
    study.choose((1,))
    study.swap(4)
    assert (study.chip(1), study.chip(4)) == ("⇄ 4", "⇄ 1")
    study.choose((1, 2))
    with pytest.raises(FilterLabError, match="a swap takes two units, not 3"):
        study.swap(3)
    study.reset_units((1,))
    assert (study.chip(1), study.chip(4)) == ("", "⇄ 1")
    study.choose((4, 0))
    study.scale_units(2)  # one of them is no multiple of what it was
    np.testing.assert_allclose(study.weights(4)[0], 2 * first["mid"][0].data[1], rtol=1e-6)
    study.choose((0,))
    study.scale_units(3)
    np.testing.assert_allclose(study.weights(0)[0], 3 * first["mid"][0].data[0], rtol=1e-6)
    steps = len(study.bench.journal)
    for factor in (4, 5, 6):
        study.scale_units(factor, live=True)
    assert len(study.bench.journal) == steps + 1
    assert study.operate("prune", count=2)
    assert sum(study.is_zero(unit) for unit in range(6)) == 4


def test_a_kernel_for_one_plane_or_all(study: NetStudy) -> None:
    study.choose((2, 1))
    before = study.weights(2)[0].copy()
    kernel = study.preset("box", (4, 2))
    study.replace_plane(1, kernel)
    now = study.weights(2)[0]
    np.testing.assert_array_equal(now[1], kernel)
    np.testing.assert_array_equal(now[[0, 2]], before[[0, 2]])
    assert study.chip(1) == "", "the first alone is shown"
    study.replace_plane(None, kernel)
    for unit in (1, 2):
        planes = study.weights(unit)[0]
        assert all((plane == planes[0]).all() for plane in planes)
        assert planes[0].any()


@pytest.mark.parametrize("size", [(1, 1), (3, 5), (4, 2), (2, 6), (7, 4)])
def test_a_preset_about_the_centre_of_any_size(study: NetStudy, size: tuple[int, int]) -> None:
    rows, cols = (n - 1 + n % 2 or 1 for n in size)
    made = PRESETS["gaussian"].make([rows, cols])
    wanted = np.zeros(size, np.float32)
    wanted[size[0] - rows :, size[1] - cols :] = made
    np.testing.assert_array_equal(study.preset("gaussian", size), wanted)
    one = fitted([[5.0]], size)
    assert np.argwhere(one == 5).tolist() == [[size[0] // 2, size[1] // 2]]
    for more in ((size[0] + 1, size[1]), (size[0], size[1] + 1)):
        with pytest.raises(FilterLabError, match="does not fit"):
            fitted(np.ones(more), size)


# --- maps -----------------------------------------------------------------------------------------


def test_maps_and_their_difference_to_the_pixel(asked: NetStudy) -> None:
    pair = asked.found.maps
    rng = np.random.default_rng(6)
    maps = pair.before
    one, two = (rng.random(maps.prob.shape).astype(np.float32) * s for s in (0.3, 0.15))
    pair = MapPair(replace(maps, prob=one), replace(maps, prob=two), 0)
    preview = asked.preview()
    assert preview.shape == PICTURE.shape
    diverging = np.arange(256 * 3, dtype=np.int64).reshape(256, 3) // 3
    drawn = draw_maps(preview, pair, 2, diverging.astype(np.uint8))
    change = two[2].astype(float) - one[2]
    assert drawn.best_before == one[2].max()
    assert drawn.best_after == two[2].max()
    assert drawn.most == pytest.approx(change.flat[np.abs(change).argmax()])
    assert drawn.most < 0, "as it is"
    assert drawn.grid == (maps.rows, maps.cols)
    best = max(one[2].max(), two[2].max())
    assert drawn.end == next(e for e in (0.01, 0.02, 0.05, 0.1, 0.2, 0.4) if best <= e)
    assert pair.difference(2) == pytest.approx(change, abs=1e-6)
    both = pair.difference([0, 2])
    np.testing.assert_allclose(both, (two - one)[[0, 2]].sum(axis=0), atol=1e-6)
    table = colormap("inferno")
    checked = 0
    for i, j in np.ndindex(maps.rows, maps.cols):
        x, y = (int(v) for v in maps.centre_on_picture(i, j))
        if not (0 <= y < 40 and 0 <= x < 70):
            continue
        photo = PICTURE[y, x].astype(float)
        for image, values in ((drawn.before, one[2]), (drawn.after, two[2])):
            share = values[i, j] / drawn.end
            colour = table[int(255 * share + 0.5)]
            weight = 0.84 * min(1, share / 0.55)
            wanted = photo + (colour - photo) * weight
            np.testing.assert_allclose(image[y, x] / 255, wanted, atol=0.02)
        share = change[i, j] / abs(drawn.most)
        colour = np.rint((share + 1) * 127.5) / 255
        weight = 0.84 * min(1, abs(share) / 0.55)
        wanted = photo + (colour - photo) * weight
        np.testing.assert_allclose(drawn.difference[y, x] / 255, wanted, atol=0.02)
        checked += 1
    assert checked > 10
    # Where no cell looks the photo is less than half as bright.
    x0, y0, x1, y1 = maps.tiles_on_picture()
    outside = [(y, x) for y in (0, 39) for x in (0, 69)
               if not (x0 <= x + 0.5 <= x1 and y0 <= y + 0.5 <= y1)]  # fmt: skip
    for y, x in outside:
        for image in (drawn.before, drawn.after, drawn.difference):
            np.testing.assert_allclose(image[y, x] / 255, 0.45 * PICTURE[y, x], atol=0.005)
    same = MapPair(pair.before, pair.before, 0)
    calm = draw_maps(preview, same, 2, diverging.astype(np.uint8))
    assert calm.most == 0
    x, y = (int(v) for v in maps.centre_on_picture(1, 1))
    np.testing.assert_allclose(calm.difference[y, x] / 255, PICTURE[y, x], atol=0.005)
    scores = replace(maps, prob=one * 40, probabilities=False)
    drawn = draw_maps(preview, MapPair(scores, scores, 0), 2, diverging.astype(np.uint8))
    assert drawn.end == pytest.approx(40 * one[2].max())


def test_how_finely_the_maps_are_asked_for(study: NetStudy, nets: dict[str, Model]) -> None:
    assert study.request() == Request(cells=15, method="dense")
    assert study.request() is study.request()
    assert not study.slow
    pair = run_job(study.found_job()).maps
    assert max(pair.before.rows, pair.before.cols) == 15
    large = NetStudy()
    large.accept_net(run_job(load_job(nets["pocket"])))
    large.show(Shown(Source(sample="chelsea"), sample("chelsea")))
    assert large.request().cells in (8, 11, 15)
    from filterlab.surgery.heatmap import cost_of

    done, costs = large.bench.transplanted, {}
    for cells in (15, 11, 8):
        costs[cells] = cost_of(done, done.geometry.keeping_shape((300, 451), cells)).macs
    quick = [cells for cells in (15, 11, 8) if costs[cells] <= 4e9]
    assert large.request().cells == (quick[0] if quick else 0)
    assert large.request().method == done.quick_method


@pytest.mark.parametrize("size", [(40, 70), (70, 40), (12, 16), (300, 100)])
def test_what_the_classifier_is_shown(study: NetStudy, size: tuple[int, int]) -> None:
    """The middle, 24 x 32: a ramp along each axis stays one."""
    h, w = size
    rows, cols = min(h, round(w * 24 / 32)), min(w, round(h * 32 / 24))
    y, x = np.mgrid[:h, :w].astype(np.float32)
    ramp = np.stack([y / h, x / w, 0 * x], axis=-1)
    study.show(Shown(Source(array_name="ramp"), ramp))
    shown = study.input_picture()
    assert shown.shape == (24, 32, 3)
    assert study.input_picture() is shown
    top, left = (h - rows) // 2, (w - cols) // 2
    for i, j in ((6, 8), (12, 16), (18, 24)):
        at = top + (i + 0.5) * rows / 24 - 0.5, left + (j + 0.5) * cols / 32 - 0.5
        assert shown[i, j, 0] == pytest.approx(at[0] / h, abs=0.01)
        assert shown[i, j, 1] == pytest.approx(at[1] / w, abs=0.01)
    assert max(study.preview().shape) <= 480
    assert study.preview() is study.preview()


# --- shelves and sessions -------------------------------------------------------------------------


def test_pictures_of_a_shelf(tmp_path: Path, study: NetStudy) -> None:
    write_picture(tmp_path / "a.png", PICTURE)
    found = shelf_picture(FolderShelf(tmp_path), "a.png")
    assert found.source == Source(path=str(tmp_path / "a.png"))
    np.testing.assert_allclose(found.picture, PICTURE, atol=0.003)
    assert shelf_picture(SampleShelf(), "chelsea").source == Source(sample="chelsea")
    seen: list[Progress] = []
    read = run_job(picture_job(Source(path=str(tmp_path / "a.png"))), seen.append)
    assert read.source == found.source
    assert (seen[0].done, seen[0].total, seen[0].message) == (0, 1, "a.png")
    heard = told(study)
    study.look_in(FolderShelf(tmp_path))
    assert (study.patches, heard) == ({}, [{"patches"}])
    best = run_job(study.bench.patches_job("conv", study.shelf))
    study.accept_patches(best)
    assert study.patches == {"conv": best}
    assert heard[-1] == {"patches"}


def test_a_session_comes_back(asked: NetStudy, wide: Model) -> None:
    asked.look_at("mid")
    asked.choose((4, 2))
    asked.want(3)
    asked.set_view("peak", "weights", "own")
    asked.scale_units(0.25)
    asked.replace_plane(None, np.arange(9.0).reshape(3, 3))
    asked.reset_units((2,))
    asked.operate("noise", 0.5, 7)
    kept = json.loads(json.dumps(asked.session()))
    assert (kept["model"], kept["path"], kept["sample"], kept["frame"]) == ("wide", "", "", 0)
    assert (kept["class"], kept["units"], kept["blob"]) == (3, [4, 2], "mid")
    other = NetStudy()
    other.accept_net(run_job(load_job(wide)))
    other.restore_view(kept)
    assert (other.blob, other.units, other.wanted) == ("mid", (4, 2), 3)
    assert (other.order, other.side, other.scale) == ("peak", "weights", "own")
    operations = operations_of(kept["edits"])
    assert len(operations) == 4
    other.bench.repeat(operations)
    for one, two in zip(asked.bench.net.params["mid"], other.bench.net.params["mid"]):
        np.testing.assert_array_equal(one.data, two.data)
    for odd in ({"blob": 3}, {"units": [True]}, {"units": "12"}, {"class": 5}, {"class": -1},
                {"class": True}, {"order": "odd"}, {"scale": "odd"}, {"side": 1}):  # fmt: skip
        other.restore_view(odd)
        assert (other.blob, other.units, other.wanted) == ("mid", (4, 2), 3)
        assert (other.order, other.side, other.scale) == ("peak", "weights", "own")
    other.restore_view({"class": 0})
    assert other.wanted == 0
    other.restore_view({"class": 4})
    assert other.wanted == 4


GOOD = {"kind": "scale", "layer": "mid", "units": [1], "value": 0.5, "count": 0, "kernel": None}


@pytest.mark.parametrize(
    ("change", "good"),
    [
        ({}, True), ({"value": 2}, True), ({"kind": "reset"}, True), ({"units": []}, True),
        ({"kernel": [[1, 2], [3, 4]]}, True), ({"kind": "eval"}, False), ({"kind": 3}, False),
        ({"layer": None}, False), ({"units": [True]}, False), ({"units": (1,)}, False),
        ({"units": [1.0]}, False), ({"value": True}, False), ({"value": "1"}, False),
        ({"value": None}, False), ({"count": 1.0}, False), ({"count": True}, False),
        ({"kernel": ["a"]}, False), ({"kernel": [[1], [2, 3]]}, False),
    ],
)  # fmt: skip
def test_which_edits_of_a_session_are_operations(change: dict[str, Any], good: bool) -> None:
    found = operations_of([GOOD, {**GOOD, **change}, GOOD])
    assert len(found) == (3 if good else 1), "what is none ends them"
    assert found[0] == Operation("scale", "mid", (1,), 0.5, 0, None)
    if good and change.get("kernel"):
        np.testing.assert_array_equal(found[1].kernel, np.array([[1, 2], [3, 4]], np.float32))
    for none in ({}, None, "x", [3], [None]):
        assert operations_of(none) == ()
