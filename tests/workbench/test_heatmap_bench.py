"""The Heatmap's model: what it asks for, what it takes, and undo."""

from __future__ import annotations

import json
import os
import random
import threading
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from filterlab.errors import FilterLabError
from filterlab.progress import Progress, run_job
from filterlab.surgery.methods import Request
from filterlab.surgery.shift_and_stitch import PartialMaps
from filterlab.workbench.heatmap_bench import EDIT_NAMES, HeatmapBench
from filterlab.workbench.heatmap_draw import draw
from filterlab.workbench.heatmap_jobs import Live
from filterlab.workbench.heatmap_state import HeatmapState, Look, Source, from_session
from filterlab.zoo.catalogue import Model

Settle = Callable[[HeatmapBench], None]


def shown(bench: HeatmapBench) -> tuple[Any, ...]:
    """What can be seen: the state, the grid, the picture on the screen."""
    drawing = bench.drawing()
    image = None if drawing is None else drawing.image.tobytes()
    maps = bench.maps
    return bench.state, None if maps is None else maps.prob.tobytes(), image


def test_the_cell_over_the_square_says_light(bench: HeatmapBench) -> None:
    maps = bench.maps
    assert maps is not None
    i, j = np.unravel_index(maps.prob[1].argmax(), maps.prob[1].shape)
    assert maps.window_on_picture(int(i), int(j)) == (
        40,
        24,
        72,
        56,
    )  # the nearest of the windows 8 pixels apart
    assert bench.classes == (0,)  # most of the picture is dark
    bench.choose((1,))
    assert bench.classes == (1,)


def test_the_first_class_is_the_best_for_the_picture_as_a_whole(bench: HeatmapBench) -> None:
    maps = bench.maps
    assert maps is not None
    assert int(maps.prob.max(axis=(1, 2)).argmax()) in (0, 1)
    cells = [(i, j) for i in range(maps.rows) for j in range(maps.cols)]
    means = [sum(float(maps.prob[c, i, j]) for i, j in cells) / len(cells) for c in range(3)]
    assert bench.classes == (int(np.argmax(means)),)


def test_what_is_due_follows_the_state(nets: dict[str, Model], bright: Any, settle: Settle) -> None:
    bench = HeatmapBench(nets["bright"])
    assert bench.due_job() is None
    with pytest.raises(FilterLabError, match="press Transplant"):
        bench.plan()
    bench.accept(run_job(bench.transplant_job()))
    assert bench.undo_name == "Transplant"
    assert bench.due_job() is None  # no picture yet
    bench.accept(run_job(bench.open_job(Source(array_name="dark"), bright.picture())))
    assert bench.stale
    settle(bench)
    assert bench.maps is not None
    bench.undo()
    assert (bench.shown, bench.stale) == (None, False)
    bench.undo()
    assert (bench.maps, bench.transplanted, bench.stale) == (None, None, False)
    bench.redo()
    bench.redo()
    assert bench.maps is not None


def test_an_overtaken_map_is_not_shown_but_kept(bench: HeatmapBench, settle: Settle) -> None:
    job = bench.map_job()
    before = bench.run
    bench.set_cells(4)
    assert bench.maps is None
    assert not bench.accept(run_job(job))
    assert bench.maps is None
    settle(bench)
    assert bench.run is not None
    assert bench.run is not before
    assert max(bench.run.plan.cells) == 4


def test_a_model_changes_size_and_classes(
    bench: HeatmapBench, nets: dict[str, Model], settle: Settle
) -> None:
    bench.set_cells(7)
    bench.choose((1,))
    settle(bench)
    bench.pin((0, 0))
    bench.set_model(nets["small"])
    assert (bench.state.chosen, bench.request, bench.pins) == ((), Request(), ())
    assert not bench.state.operated
    bench.set_model(nets["bright"])  # its net is still there
    assert bench.transplanted is not None
    bench.undo()
    bench.undo()
    assert bench.request.cells == 7
    assert bench.maps is not None
    assert bench.pins == ((0, 0),)


def test_files_replaced_under_the_same_name_are_another_net(
    nets: dict[str, Model], bright: Any, tmp_path: Path
) -> None:
    model = bright.make(tmp_path / "net")
    bench = HeatmapBench(model)
    bench.accept(run_job(bench.transplant_job()))
    assert bench.transplanted is not None
    os.utime(model.weights_path, ns=(1, 1))
    other = HeatmapBench(model)
    assert other._net_key() != bench._net_key()


def test_classes_that_the_net_lacks_are_refused(bench: HeatmapBench) -> None:
    for wrong in ((3,), (-1,), (0, 99)):
        with pytest.raises(FilterLabError, match="classes are 0 to 2"):
            bench.choose(wrong)
        with pytest.raises(FilterLabError, match="classes are 0 to 2"):
            bench.choose_second(wrong)
    with pytest.raises(FilterLabError, match="no cell"):
        bench.pin((99, 0))
    assert bench.undo_name == "Transplant"


def test_pins_stay_within_the_map_and_three(bench: HeatmapBench) -> None:
    for cell in ((0, 0), (1, 1), (2, 2), (0, 0), (3, 3)):
        bench.pin(cell)
    assert bench.pins == ((2, 2), (0, 0), (3, 3))
    for _ in range(50):
        bench.move_pin(-1, 1)
    maps = bench.maps
    assert maps is not None
    assert bench.pins[-1] == (0, maps.cols - 1)
    bench.undo()  # the walk is one step
    assert bench.pins == ((2, 2), (0, 0), (3, 3))
    bench.unpin((0, 0))
    assert bench.pins == ((2, 2), (3, 3))
    bench.pin((1, 1), add=False)
    assert bench.pins == ((1, 1),)
    bench.clear_pins()
    assert bench.pins == ()


def test_a_slider_is_one_step_until_it_is_let_go(bench: HeatmapBench) -> None:
    before = len(bench.journal)
    for value in (0.5, 0.4, 0.3):
        bench.set_look(merge=True, opacity=value)
    assert len(bench.journal) == before + 1
    bench.seal()
    bench.set_look(merge=True, opacity=0.2)
    assert len(bench.journal) == before + 2
    bench.undo()
    assert bench.look.opacity == 0.3
    bench.undo()
    assert bench.look.opacity == Look().opacity


def test_a_refused_density_changes_nothing(bench: HeatmapBench) -> None:
    before = bench.state
    with pytest.raises(FilterLabError, match="stride"):
        bench.set_density("stride:7")
    with pytest.raises(FilterLabError, match="global pooling"):
        bench.set_method("pooled")
    assert bench.state is before


def test_maps_that_fill_in_can_be_drawn(bench: HeatmapBench, bright: Any) -> None:
    picture = bright.picture((44, 28))  # between the windows that lie 8 pixels apart
    bench.accept(run_job(bench.open_job(Source(array_name="between"), picture)))
    bench.choose((1,))
    bench.set_density("stride:4")
    parts = []
    job = bench.map_job()
    while True:
        try:
            progress = next(job)
        except StopIteration as end:
            outcome = end.value
            break
        if isinstance(progress, PartialMaps) and progress.maps is not None:
            scene = bench.scene(progress.maps)
            assert scene is not None
            parts.append(draw(scene).image)
    assert len(parts) == 3
    assert bench.accept(outcome)
    final = bench.drawing()
    assert final is not None
    assert [int(np.abs(part.astype(int) - final.image).sum() > 0) for part in parts] == [
        1,
        0,
        0,
    ]  # the second pass finds it


def test_alone_and_the_check_belong_to_their_map(bench: HeatmapBench, settle: Settle) -> None:
    bench.accept(run_job(bench.alone_job((3, 5))))
    alone = bench.alone((3, 5))
    assert alone is not None
    # The net has no padding: a window alone is its cell.
    maps = bench.maps
    assert maps is not None
    np.testing.assert_allclose(alone.prob, maps.prob[:, 3, 5], atol=1e-5)
    bench.accept(run_job(bench.agreement_job()))
    assert bench.agreement is not None
    assert bench.agreement.mean_points((1,)) == pytest.approx(0, abs=1e-3)
    bench.set_cells(4)
    settle(bench)
    assert bench.agreement is None
    assert bench.alone((3, 5)) is None
    bench.undo()
    assert bench.agreement is not None
    assert bench.alone((3, 5)) is alone


def test_a_frame_is_picture_map_and_list_at_once(bench: HeatmapBench, tmp_path: Path) -> None:
    import cv2

    path = tmp_path / "film.avi"
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter_fourcc(*"MJPG"), 50, (96, 64))
    for k in range(5):
        writer.write(np.full((64, 96, 3), 50 * k, np.uint8))
    writer.release()
    steps = len(bench.journal)
    playing = threading.Event()
    playing.set()
    job = bench.live_job(str(path), playing)
    frames = []
    for progress in job:
        if not isinstance(progress, Live):
            continue
        assert bench.accept_frame(progress)
        progress.taken.set()
        assert bench.shown is progress.outcome.shown
        assert bench.run is progress.outcome.run
        frames.append(int(progress.message.split()[1].rstrip(",")))
        if len(frames) > 1 and frames[-1] <= frames[-2]:
            break
    else:
        pytest.fail("a film begins anew when it is over")
    job.close()
    assert len(bench.journal) == steps
    assert not bench.stale


def test_a_film_without_frames_is_over(bench: HeatmapBench, tmp_path: Path) -> None:
    """It does not begin anew again and again."""
    import cv2

    path = tmp_path / "film.avi"
    cv2.VideoWriter(str(path), cv2.VideoWriter_fourcc(*"MJPG"), 25, (96, 64)).release()
    before = bench.state
    seen: list[Progress] = []
    outcome = run_job(bench.live_job(str(path)), seen.append)
    assert (outcome.shown, outcome.run) == (None, None)
    assert not any(isinstance(progress, Live) for progress in seen)
    assert bench.state is before


def test_a_paused_video_stands_still(bench: HeatmapBench, tmp_path: Path) -> None:
    import cv2

    path = tmp_path / "film.avi"
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter_fourcc(*"MJPG"), 25, (96, 64))
    for k in range(200):
        writer.write(np.full((64, 96, 3), k, np.uint8))
    writer.release()
    playing = threading.Event()
    playing.set()
    job = bench.live_job(str(path), playing)
    first = next(p for p in job if isinstance(p, Live))
    first.taken.set()
    playing.clear()
    waits = [next(job) for _ in range(8)]
    assert [p for p in waits[3:] if p.step != "paused"] == []
    playing.set()
    second = next(p for p in job if isinstance(p, Live))
    job.close()
    numbers = [int(p.message.split()[1].rstrip(",")) for p in (first, second)]
    assert numbers[1] - numbers[0] <= 4  # half a second of pause would have been a dozen frames


def test_a_session_comes_back(bench: HeatmapBench) -> None:
    bench.set_cells(7)
    bench.choose((1, 0))
    bench.set_look(opacity=0.5, scale="log")
    stored = json.loads(json.dumps(bench.session()))
    state, source = from_session(stored, bench.model)
    assert (state.request, state.chosen, state.look) == (
        bench.request,
        (1, 0),
        bench.look,
    )
    assert state.operated
    assert source == Source()


@pytest.mark.parametrize(
    "damaged",
    [
        None,
        [],
        {"chosen": [True, -1, "x", 10**400, 1.5, None]},
        {"chosen": {"a": 1}, "pins": [[1], [1, 2, 3], [True, 1], "x"], "request": 5},
        {"request": {"cells": True, "squash": "yes", "density": ["own"], "method": []}},
        {"request": {"cells": 10**400, "density": "stride:x", "method": "magic"}},
        {"look": {"opacity": float("nan"), "gamma": True, "show": [], "corners": 1}},
        {"look": [], "path": 5, "sample": {}, "operated": "yes"},
    ],
)
def test_a_damaged_session_keeps_the_defaults(bench: HeatmapBench, damaged: Any) -> None:
    state, source = from_session(damaged, bench.model)
    density = state.request.density
    assert state == HeatmapState(bench.model, request=Request(density=density))
    assert density == "own" or density.startswith("stride:")
    assert source == Source()


def test_what_changed_between_two_states(bench: HeatmapBench, nets: dict[str, Model]) -> None:
    state = bench.state
    assert state.difference(state) == frozenset()
    other = replace(state.model, scale=state.model.scale * 2)
    for change, kinds in (
        ({"model": other}, {"model", "maps"}),
        ({"operated": not state.operated}, {"net", "maps"}),
        ({"shown": None}, {"picture", "maps"}),
        ({"request": Request(density="stride:4")}, {"size", "maps"}),
        ({"chosen": (2,)}, {"classes"}),
        ({"second": (0,)}, {"classes"}),
        ({"look": replace(state.look, gamma=0.3)}, {"look"}),
        ({"pins": ((0, 1),)}, {"pins"}),
    ):
        assert replace(state, **change).difference(state) == kinds


def _edit(bench: HeatmapBench, rng: random.Random, nets: dict[str, Model], bright: Any) -> None:
    """One random thing that a user does."""
    maps, done = bench.maps, bench.transplanted
    kind = rng.randrange(12)
    if kind == 0:
        bench.set_model(rng.choice([nets["bright"], nets["pooled"], nets["small"]]))
    elif kind == 1:
        at = (rng.randrange(60), rng.randrange(60))
        picture = bright.picture(at, shape=(96, rng.choice([96, 128])))
        bench.accept(run_job(bench.open_job(Source(array_name="p"), picture)))
    elif kind == 2:
        bench.set_cells(rng.randrange(3, 9), merge=rng.random() < 0.5)
    elif kind == 3:
        bench.set_squash(rng.random() < 0.5)
    elif kind == 4 and done is not None:
        bench.set_density(rng.choice(bench.densities))
    elif kind == 5 and done is not None:
        bench.set_method(rng.choice(("", *bench.methods)))
    elif kind == 6 and maps is not None:
        bench.choose([rng.randrange(maps.classes) for _ in range(rng.randrange(3))])
    elif kind == 7 and maps is not None:
        bench.choose_second([rng.randrange(maps.classes)])
    elif kind == 8:
        bench.set_look(merge=rng.random() < 0.5, opacity=round(rng.random(), 2))
    elif kind == 9:
        show = rng.choice(("class", "two", "winner", "entropy"))
        bench.set_look(show=show, contours=rng.random() < 0.5)
    elif kind == 10 and maps is not None:
        bench.pin((rng.randrange(maps.rows), rng.randrange(maps.cols)), rng.random() < 0.7)
    elif kind == 11 and done is None:
        bench.accept(run_job(bench.transplant_job()))
    if rng.random() < 0.15:
        bench.undo()
    if rng.random() < 0.1:
        bench.redo()


@pytest.mark.parametrize("seed", range(6))
def test_undo_all_is_the_start_redo_all_the_end(
    nets: dict[str, Model], bright: Any, settle: Settle, seed: int
) -> None:
    rng = random.Random(seed)
    bench = HeatmapBench(nets["bright"])
    first = bright.picture((40, 24))
    bench.accept(run_job(bench.open_job(Source(array_name="square"), first)))
    start = shown(bench)
    for _ in range(40):
        try:
            _edit(bench, rng, nets, bright)
            settle(bench)
        except FilterLabError:
            bench.undo()  # a request that this net or picture has no answer to
            settle(bench)
    while bench.redo():
        settle(bench)
    end, steps = shown(bench), len(bench.journal)
    assert steps > 5
    passed = []
    while bench.undo():
        settle(bench)
        passed.append(shown(bench))
    assert len(passed) == steps
    assert passed[-1] == start
    for expected in (*reversed(passed[:-1]), end):
        assert bench.redo() in EDIT_NAMES
        settle(bench)
        assert shown(bench) == expected
    assert not bench.redo()
