"""What the benches say beside their maps and outputs, and where saved values end."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from filterlab.errors import FilterLabError
from filterlab.pictures import write_picture
from filterlab.progress import run_job
from filterlab.surgery.colormaps import colormap
from filterlab.surgery.methods import Request
from filterlab.workbench import challenges, facts
from filterlab.workbench.filter_bench import FilterBench
from filterlab.workbench.heatmap_bench import HeatmapBench
from filterlab.workbench.heatmap_draw import LOG_LOW, Scene, draw
from filterlab.workbench.heatmap_jobs import Live, Outcome
from filterlab.workbench.heatmap_state import Look, Source, from_session, to_session
from filterlab.workbench.notebook import show
from filterlab.workbench.outline import outline
from filterlab.zoo.catalogue import Model

# --- the heatmap bench ------------------------------------------------------------------------


def test_nothing_is_told_before_there_is_a_map(nets: dict[str, Model], bright: Any) -> None:
    bench = HeatmapBench(nets["bright"])
    assert bench.ranked().tolist() == []
    assert (bench.classes, bench.second, bench.methods, bench.densities) == ((), (), (), ())
    assert (bench.maps, bench.run, bench.pyramid, bench.preview) == (None, None, None, None)
    assert bench.scene() is None
    assert bench.drawing() is None
    assert not bench.stale
    for ask in (bench.plan, bench.frame, lambda: bench.pin((0, 0))):
        with pytest.raises(FilterLabError, match="press Transplant first"):
            ask()
    bench.accept(run_job(bench.transplant_job()))
    assert bench.stale is False, "there is no picture yet"
    bench.accept(run_job(bench.open_job(Source(array_name="x"), bright.picture((8, 8)))))
    assert bench.stale
    assert bench.drawing() is not None
    assert bench.ranked().tolist() == []


def test_classes_are_ranked_by_peak_and_by_mean(nets: dict[str, Model], settle: Any) -> None:
    bench = HeatmapBench(nets["pooled"])
    bench.accept(run_job(bench.open_job(Source(sample="chelsea"))))
    bench.accept(run_job(bench.transplant_job()))
    settle(bench)
    maps = bench.maps
    assert maps is not None
    peaks = maps.prob.reshape(5, -1).max(axis=1)
    means = maps.prob.reshape(5, -1).astype(np.float64).mean(axis=1)
    assert bench.ranked("peak").tolist() == np.argsort(-peaks, kind="stable").tolist()
    assert bench.ranked("mean").tolist() == np.argsort(-means, kind="stable").tolist()
    assert bench.ranked().tolist() == bench.ranked("peak").tolist()
    assert bench.ranked("peak").tolist() != bench.ranked("mean").tolist()


def test_a_class_that_another_net_lacks_is_not_shown(bench: HeatmapBench) -> None:
    maps = bench.maps
    assert maps is not None
    bench.choose((2, 0))
    fewer = replace(maps, prob=maps.prob[:2], score=maps.score[:2])
    assert bench.classes_of(fewer) == (0,)
    bench.choose((2,))
    assert bench.classes_of(fewer) == (int(fewer.ranked("mean")[0]),)
    bench.choose_second((0, 2))
    assert bench.second == (0, 2)
    assert bench.look.show == "two"


def test_to_choose_a_class_shows_it(bench: HeatmapBench) -> None:
    for what, after in (("winner", "class"), ("entropy", "class"), ("two", "two"),
                        ("class", "class")):  # fmt: skip
        bench.set_look(show=what)
        bench.choose((0,) if bench.classes != (0,) else (1,))
        assert bench.look.show == after


@pytest.mark.parametrize("odd", [(3,), (-1,), (0, 3)])
def test_the_classes_of_a_net_are_told(bench: HeatmapBench, odd: tuple[int, ...]) -> None:
    with pytest.raises(FilterLabError, match=f"no class {max(odd, key=abs)}; .* are 0 to 2"):
        bench.choose(odd)


def test_pins_stop_at_the_maps_edges(bench: HeatmapBench) -> None:
    """9 rows, 13 columns."""
    for cell in ((0, 0), (8, 12), (0, 12), (8, 0)):
        bench.clear_pins()
        bench.pin(cell)
        for rows, cols in ((-1, 0), (1, 0), (0, -1), (0, 1), (-1, -1), (50, 50)):
            bench.clear_pins()
            bench.pin(cell)
            bench.move_pin(rows, cols)
            i, j = cell[0] + rows, cell[1] + cols
            assert bench.pins == ((min(max(i, 0), 8), min(max(j, 0), 12)),)
    for cell in ((9, 0), (0, 13), (-1, 0), (0, -1)):
        with pytest.raises(FilterLabError, match="9x13"):
            bench.pin(cell)
    bench.clear_pins()
    assert bench.move_pin(1, 1) == ""
    bench.pin((1, 1))
    bench.pin((2, 2))
    bench.move_pin(-1, -1)
    assert bench.pins == ((1, 1),), "two on one cell are one"
    bench.pin((3, 3), add=False)
    assert bench.pins == ((3, 3),)


def test_names_that_cannot_be_read_are_numbers(nets: dict[str, Model], tmp_path: Path) -> None:
    (tmp_path / "labels.txt").write_text("only one\n")
    model = replace(nets["bright"], labels_path=tmp_path / "none.txt")
    bench = HeatmapBench(model)
    assert len(bench.labels) == 0
    assert "none.txt" in str(bench.labels_problem)
    bench.accept(run_job(bench.transplant_job()))
    assert len(bench.labels) == 3
    assert "2" in str(bench.labels[2].english)
    good = HeatmapBench(nets["bright"])
    assert [str(good.labels[k].english) for k in range(3)][1] == "bright light"
    assert good.labels_problem == ""


def test_a_frame_is_taken_only_where_it_belongs(bench: HeatmapBench, nets: Any) -> None:
    assert bench.shown is not None
    assert bench.run is not None
    whole = Outcome(model=bench.model, shown=bench.shown, run=bench.run)
    state = bench.state
    for wrong in (
        replace(whole, shown=None), replace(whole, run=None),
        replace(whole, model=nets["pocket"]), replace(whole, model=None),
    ):  # fmt: skip
        assert bench.accept_frame(Live("x", 0, 0, "", wrong)) is False
        assert bench.state is state
    assert bench.accept_frame(Live("x", 0, 0, "", whole, bench.preview)) is True
    while bench.undo():
        pass
    assert not bench.state.operated
    assert bench.accept_frame(Live("x", 0, 0, "", whole)) is False


def test_a_bench_goes_on_with_anothers_work(bench: HeatmapBench, nets: dict[str, Model]) -> None:
    bench.choose((2,))
    told: list[frozenset[str]] = []
    other = HeatmapBench(nets["pooled"])
    other.subscribe(lambda change: told.append(change.kinds))
    other.take_over(bench)
    assert told[-1] >= {"model", "net", "picture", "size", "maps", "classes", "look", "pins"}
    assert other.state is bench.state
    assert other.maps is bench.maps
    assert other.transplanted is bench.transplanted
    assert other.undo() == "Choose class"


@pytest.mark.parametrize("scale", ["best", "log", "unit"])
def test_scales_joined_are_drawn_as_the_bar_says(
    nets: dict[str, Model], bright: Any, settle: Any, scale: str
) -> None:
    bench = HeatmapBench(nets["bright"])
    bench.restore_request(Request(size=128))
    bench.accept(run_job(bench.open_job(Source(array_name="x"), bright.picture((40, 24)))))
    bench.accept(run_job(bench.transplant_job()))
    bench.set_density("scales")
    settle(bench)
    pyramid = bench.pyramid
    assert pyramid is not None
    bench.choose((1,))
    assert bench.shown is not None
    grey = np.full((*bench.shown.size, 3), 0.5, np.float32)
    look = Look(scale=scale, opacity=1.0, colours="viridis", follows=False)
    drawing = draw(Scene(grey, bench.maps, (1,), (), look, pyramid))
    joined = pyramid.project([1], "tiles", "max", "prob", bench.shown.size)
    low, high = {"best": (0.0, drawing.high), "log": (LOG_LOW, 1.0), "unit": (0.0, 1.0)}[scale]
    assert (drawing.low, drawing.high) == pytest.approx((low, high))
    peak = float(joined.value.max())
    if scale == "best":
        assert peak <= drawing.high <= 1.25 * peak + 1e-6
    seen = 0
    for y, x in ((40, 56), (5, 5), (90, 120), (60, 20), (30, 50)):
        if not joined.cover[y, x]:
            continue
        value = min(max(float(joined.value[y, x]), low), high)
        if scale == "log":
            share = (math.log(value) - math.log(low)) / (math.log(high) - math.log(low))
        else:
            share = (value - low) / (high - low)
        wanted = 255 * colormap("viridis")[int(255 * share + 0.5)]
        np.testing.assert_allclose(drawing.image[y, x], wanted, atol=4)
        seen += 1
    assert seen >= 3


def test_eight_maps_are_kept_and_the_oldest_is_forgotten(bench: HeatmapBench) -> None:
    """So that undo finds them again; one map more, and the first is computed anew."""

    def settle() -> None:
        while (job := bench.due_job()) is not None:
            bench.accept(run_job(job))

    first = bench.maps
    for cells in range(4, 11):
        bench.set_cells(cells)
        settle()
    for _ in range(7):
        bench.undo()
        assert not bench.stale
    assert bench.maps is first
    for _ in range(7):
        bench.redo()
    bench.set_cells(11)  # the eighth after the first, which was used longest ago but one
    settle()
    for _ in range(8):
        bench.undo()
    stale = bench.stale
    for _ in range(8):
        bench.redo()
    bench.set_cells(12)
    settle()
    forgotten = 0
    for _ in range(9):
        bench.undo()
        forgotten += bench.stale
    assert stale or forgotten >= 1


# --- what a session keeps -------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("key", "given", "kept"),
    [
        ("chosen", [3, 1, 3, -1, True, 2.0, (1 << 20) - 1, 1 << 20], (3, 1, (1 << 20) - 1)),
        ("chosen", "12", ()),
        ("second", [0], (0,)),
        ("pins", [[0, 1], [0, 1], [2], [1, 2, 3], [5, -1], [7, 8]], ((0, 1), (7, 8))),
        ("pins", [[1, 1], [2, 2], [3, 3], [4, 4]], ((2, 2), (3, 3), (4, 4))),
        ("pins", {"a": [1, 1]}, ()),
        ("operated", True, True),
        ("operated", 1, False),
    ],
)
def test_what_is_kept_of_a_heatmaps_session(
    nets: dict[str, Model], key: str, given: Any, kept: Any
) -> None:
    state, _ = from_session({key: given}, nets["bright"])
    assert getattr(state, key) == kept


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        ({"cells": 10_000}, Request(cells=10_000)),
        ({"cells": 10_001}, Request()),
        ({"cells": 0}, Request()),
        ({"cells": -1}, Request()),
        ({"cells": True}, Request()),
        ({"squash": True}, Request(squash=True)),
        ({"squash": 227}, Request()),
        ({"density": "stride:4", "method": "exact"}, Request(density="stride:4", method="exact")),
        ({"density": "own"}, Request()),
        ({"density": "scales"}, Request(density="scales")),
        ({"density": "odd", "method": "odd"}, Request()),
        (7, Request()),
    ],
)
def test_what_is_kept_of_a_request(nets: dict[str, Model], given: Any, kept: Request) -> None:
    assert from_session({"request": given}, nets["bright"])[0].request == kept


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        ({"opacity": 1.5}, {"opacity": 1.0}),
        ({"opacity": -1}, {"opacity": 0.0}),
        ({"threshold": 2.0}, {"threshold": 1.0}),
        ({"gamma": 0.01}, {"gamma": 0.1}),
        ({"gamma": 7}, {"gamma": 5.0}),
        ({"gamma": math.nan, "opacity": True, "threshold": "1"}, {}),
        ({"show": "two", "scale": "log", "colours": "viridis", "projection": "smooth"},
         {"show": "two", "scale": "log", "colours": "viridis", "projection": "smooth"}),
        ({"show": "three", "scale": 1, "colours": "odd", "projection": []}, {}),
        ({"corners": False, "names": True, "follows": 0}, {"corners": False, "names": True}),
    ],
)  # fmt: skip
def test_what_is_kept_of_a_look(given: dict[str, Any], kept: dict[str, Any]) -> None:
    assert Look.from_state(given) == Look(**kept)


def test_kinds_of_change_are_told_apart(nets: dict[str, Model]) -> None:
    state, _ = from_session({}, nets["bright"])
    for changes, kinds in (
        ({"model": nets["pocket"]}, {"model", "maps"}),
        ({"operated": True}, {"net", "maps"}),
        ({"request": Request(cells=7)}, {"size", "maps"}),
        ({"chosen": (1,)}, {"classes"}),
        ({"second": (1,)}, {"classes"}),
        ({"look": Look(gamma=2)}, {"look"}),
        ({"pins": ((1, 1),)}, {"pins"}),
        ({}, set()),
    ):
        assert replace(state, **changes).difference(state) == kinds
    assert to_session(state)["request"]["squash"] == 0


# --- outlines -------------------------------------------------------------------------------------


def test_of_many_sizes_five_boxes_are_drawn_the_last_among_them(repo: Path) -> None:
    """Seven poolings of one name halve a picture of 256 pixels; every second is drawn, about."""
    layers = "".join(
        f'layer {{ name: "pool{k}" type: "Pooling" bottom: "b{k}" top: "b{k + 1}"\n'
        "  pooling_param { pool: MAX kernel_size: 2 stride: 2 } }\n"
        for k in range(7)
    )
    text = f"""name: "halves"
    layer {{ name: "data" type: "Input" top: "b0"
      input_param {{ shape {{ dim: 1 dim: 3 dim: 256 dim: 512 }} }} }}
    {layers}
    layer {{ name: "fc" type: "InnerProduct" bottom: "b7" top: "fc"
      inner_product_param {{ num_output: 2 }} }}
    """
    from filterlab.caffe.prototxt import parse_net

    slabs = outline(parse_net(text), most=3)
    pools = next(slab for slab in slabs if len(slab.layers) == 7)
    rows = [128, 64, 32, 16, 8, 4, 2]
    drawn = [rows[round(k * 6 / 4)] for k in range(5)]
    assert pools.forms == tuple((3, r, 2 * r) for r in drawn)
    assert slabs[0].forms == ((3, 256, 512),)
    assert slabs[-1].layers == ("fc",)
    assert slabs[-1].forms == ((2, 1, 1),)


def test_what_sees_everything_has_no_kernel(nets: dict[str, Model]) -> None:
    from filterlab.caffe.prototxt import read_net

    slabs = {slab.title: slab for slab in outline(read_net(nets["pooled"].prototxt))}
    assert (slabs["pool"].kernel, slabs["pool"].stride) == (None, None)
    assert (slabs["conv"].kernel, slabs["conv"].stride) == ((5, 5), (4, 4))
    assert slabs["score"].forms == ((5, 4, 4),)
    assert slabs["conv"].sees == (5, 5)
    assert slabs["score"].sees == (5 + 2 * 4, 5 + 2 * 4)


# --- programs -------------------------------------------------------------------------------------


@pytest.mark.parametrize("library", ["numpy", "opencv", "pycaffe"])
def test_the_filters_program_gives_their_outputs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, library: str
) -> None:
    from filterlab.pictures import read_picture
    from filterlab.surgery import convolve

    path = tmp_path / "a.png"
    write_picture(path, np.random.default_rng(3).random((21, 34, 3)))
    bench = FilterBench(read_picture(path))
    bench.set_kernel(1, np.arange(15.0).reshape(3, 5) - 7)
    bench.set_divisor(1, 4)
    bench.set_bias(1, 0.5)
    bench.set_pad("same")
    bench.set_edge("wrap")
    bench.set_stride(2)
    bench.set_scale(255)
    monkeypatch.chdir(tmp_path)
    names: dict[str, Any] = {}
    exec(compile(bench.program(library, str(path)), library, "exec"), names)
    wanted = convolve.compute(bench.snapshot()).data
    np.testing.assert_allclose(names["output"], wanted, rtol=1e-4, atol=5e-3)


def test_the_lines_of_a_net_of_three_channels_say_so() -> None:
    bench = FilterBench(np.zeros((9, 9, 3), np.float32))
    assert "input dim" not in _structure(bench, lambda: bench.set_dilation(2))
    assert "dilation: 2" in bench.code
    assert "input dim: 1 3 H W" in _structure(bench, lambda: bench.set_mode("three"))
    assert "input dim" not in _structure(bench, lambda: bench.set_mode("grey"))
    assert "dilation" not in _structure(bench, lambda: bench.set_dilation(1))


def _structure(bench: FilterBench, edit: Any) -> str:
    edit()
    return next(line for line in bench.code.splitlines() if line.startswith("net = "))


# --- facts and challenges -------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("within", "good"),
    [(0, True), (0.5, True), (999_999, True), (1e6, False), (-0.1, False), (True, False),
     (False, False), ("1", False), (None, False), (math.nan, False)],
)  # fmt: skip
def test_how_far_a_number_may_be_off(within: Any, good: bool) -> None:
    table = {"fact": "filters.bias.0", "is": 1, "within": within}
    if good:
        assert facts.condition_from(table).within == within
        return
    with pytest.raises(FilterLabError, match="within"):
        facts.condition_from(table)


@pytest.mark.parametrize(
    ("kernel", "good"),
    [
        ([[1] * 11] * 11, True), ([[1] * 12] * 11, False), ([[1] * 11] * 12, False),
        ([[999_999]], True), ([[1e6]], False), ([[-1e6]], False), ([[True]], False), ([[]], False),
        ([], False), ({}, False), ([1, 2], False), ([[1], 2], False), ([[1], "x"], False),
        ([[1, 2, 3]], True), (None, False), ([[math.nan]], False),
    ],
)  # fmt: skip
def test_which_rows_are_a_kernel(kernel: Any, good: bool) -> None:
    if good:
        assert facts.kernel_from(kernel, "here") == [[float(v) for v in row] for row in kernel]
        return
    with pytest.raises(FilterLabError, match="here: a kernel is rows of numbers"):
        facts.kernel_from(kernel, "here")


def test_so_many_conditions_and_no_more() -> None:
    """Fifty and more in a list, but not a hundred; three in each other, but not five."""

    def many(count: int) -> dict[str, Any]:
        return {"any": [{"fact": "filters.pad", "is": "same"}] * count}

    assert _read(many(50))
    assert not _read(many(100))

    def deep(levels: int) -> dict[str, Any]:
        table: dict[str, Any] = {"fact": "filters.pad", "is": "same"}
        for _ in range(levels):
            table = {"not": table}
        return table

    assert _read(deep(1))
    assert _read(deep(2))
    assert not _read(deep(40))


def _read(table: Any) -> bool:
    try:
        facts.condition_from(table)
    except FilterLabError:
        return False
    return True


@pytest.mark.parametrize(
    ("change", "good"),
    [
        ({}, True),
        ({"hints": 99}, True), ({"hints": 100}, False), ({"hints": -1}, False),
        ({"hints": 1.0}, False), ({"hints": True}, False),
        ({"bias": 999_999.0}, True), ({"bias": 1e6}, False), ({"bias": -1e6}, False),
        ({"bias": "1"}, False), ({"bias": 3}, True),
        ({"mark": "0123456"}, False), ({"mark": "0123456g"}, False), ({"mark": 12345678}, False),
        ({"name": "x"}, True), ({"name": 7}, False),
        ({"kernel": ((1.0,) * 11,) * 11}, True), ({"kernel": ((1.0,) * 12,)}, False),
    ],
)  # fmt: skip
def test_what_an_answers_code_may_hold(change: dict[str, Any], good: bool) -> None:
    answer = replace(
        challenges.Answer("0123abcd", "Ada", ((1.0, 2.0), (3.0, 4.0)), 0.5, 2), **change
    )
    if good:
        found = challenges.Answer.from_code(answer.code)
        assert found == replace(answer, bias=float(answer.bias))
        return
    with pytest.raises(FilterLabError):
        challenges.Answer.from_code(answer.code)


def test_how_near_a_flat_target_is_told_by_the_picture() -> None:
    """A bias alone: no kernel answers with less than all the picture's contrast off."""
    challenge = challenges.Challenge("camera", ((1.0, 0.0, -1.0),), 0.25)
    assert challenges.score(challenge, challenge.rows, 0.25) == pytest.approx(100)
    from filterlab.pictures import sample

    picture = sample("camera", grey=True)
    flat = challenges.Challenge("camera", ((0.0,),), 0.5)
    spread = float(picture.astype(np.float64).std())
    wanted = 100 * (1 - 0.1 / spread)
    zeros = np.zeros((1, 1), np.float32)
    assert challenges.score(flat, zeros, 0.6) == pytest.approx(wanted, abs=0.01)
    assert challenges.output(np.full((2, 2, 3), 0.5, np.float32), zeros + 2, 1.0) == (
        pytest.approx(np.full((2, 2), 2.0))
    )


# --- pictures in a notebook -----------------------------------------------------------------------


def test_what_a_notebook_shows_of_an_array() -> None:
    """Black is 0 and white the largest; where there is less than 0, that is the grey between."""
    image = np.asarray(show(np.array([[0.0, 2.0], [1.0, 0.5]])))
    assert image.shape == (96, 96, 3), "each cell is to be seen"
    corners = image[[24, 24, 72, 72], [24, 72, 24, 72]]
    assert corners[:, 0].tolist() == [0, 255, 128, 64]
    assert (corners == corners[:, :1]).all()
    signed = np.asarray(show(np.array([[-1.0, 2.0], [0.0, 1.0]])))
    assert signed[[24, 24, 72, 72], [24, 72, 24, 72], 0].tolist() == [64, 255, 128, 191]
    assert not np.asarray(show(np.zeros((100, 3)))).any()


def test_what_a_notebook_shows_of_a_blob() -> None:
    """The N side by side, eight white columns between; a batch of three is red, green and blue."""
    blob = np.zeros((3, 2, 100, 20), np.float32)
    blob[0, 0], blob[1, 0], blob[2, 0] = 4, 2, 1
    blob[2, 1] = 3
    image = np.asarray(show(blob))
    assert image.shape == (100, 20 + 8 + 20, 3)
    assert image[50, 10].tolist() == [255, 128, 64]
    assert (image[:, 20:28] == 255).all()
    assert image[50, 40].tolist() == [0, 0, 255]
    wide = np.tile(np.arange(641.0), (97, 1))
    image = np.asarray(show(wide))
    assert image.shape == (3 * 33, 3 * 214, 3), (
        "every third column and row, then three times as large"
    )
    grey = np.asarray(show(np.full((1, 1, 120, 40), np.nan)))
    assert grey.shape == (120, 40, 3)
    assert not grey.any()
