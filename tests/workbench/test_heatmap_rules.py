"""The heatmap bench's rules, each at its limit: what is kept, merged, shown and taken."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import cv2
import numpy as np
import pytest

from filterlab import caffe
from filterlab.errors import FilterLabError
from filterlab.progress import Progress, run_job
from filterlab.surgery.methods import Request, densities, methods
from filterlab.workbench import heatmap_bench
from filterlab.workbench.heatmap_bench import HeatmapBench
from filterlab.workbench.heatmap_draw import PREVIEW
from filterlab.workbench.heatmap_jobs import Live, Outcome, first_frame_of, read_source
from filterlab.workbench.heatmap_state import Look, Shown, Source
from filterlab.zoo.catalogue import Model

Settle = Callable[[HeatmapBench], None]


def told(bench: HeatmapBench) -> list[tuple[set[str], int]]:
    """What listeners hear from now on: kinds, and by how much the revision grew."""
    heard: list[tuple[set[str], int]] = []
    last = [bench.revision]

    def hear(change: Any) -> None:
        heard.append((set(change.kinds), change.revision - last[0]))
        last[0] = change.revision

    bench.subscribe(hear)
    return heard


# --- what is kept ---------------------------------------------------------------------------------


def test_eight_maps_are_kept_and_the_one_used_longest_ago_goes(
    bench: HeatmapBench, settle: Settle
) -> None:
    for cells in range(4, 11):
        bench.set_cells(cells)
        settle(bench)
    stale = []
    for _ in range(7):
        bench.undo()
        stale.append(bench.stale)
    assert not any(stale), "the eighth is there"
    for _ in range(7):
        bench.redo()
        assert bench.maps is not None
    bench.set_cells(11)
    settle(bench)
    stale = []
    for _ in range(8):
        bench.undo()
        stale.append(bench.stale)
    assert stale == [False] * 7 + [True]


def test_64_windows_and_32_checks_are_kept(bench: HeatmapBench, settle: Settle) -> None:
    cells = [(i, j) for i in range(9) for j in range(13)][:65]
    for cell in cells[:64]:
        assert bench.accept(run_job(bench.alone_job(cell)))
    assert bench.alone(cells[0]) is not None  # which makes it the last used
    bench.accept(run_job(bench.alone_job(cells[64])))
    there = [bench.alone(cell) is not None for cell in cells]
    assert there == [True, False] + [True] * 63
    bench.accept(run_job(bench.agreement_job()))
    first = bench.agreement
    assert first is not None
    bench.keep_agreement(None)
    assert bench.agreement is first
    for cells_ in range(1, 33):
        bench.set_cells(cells_)
        bench.keep_agreement(first)
    for _ in range(31):
        bench.undo()
    settle(bench)
    assert bench.agreement is first, "the second"
    bench.undo()
    settle(bench)
    assert bench.agreement is None


@pytest.mark.parametrize("density", ["own", "scales"])
def test_maps_are_kept_as_far_as_there_is_memory(
    bench: HeatmapBench,
    bright: Any,
    settle: Settle,
    monkeypatch: pytest.MonkeyPatch,
    density: str,
) -> None:
    """Three pictures of one size; of each the probabilities, the scores and what was fed."""

    def kept(budget: int) -> list[bool]:
        monkeypatch.setattr(heatmap_bench, "_RUN_BYTES", budget)
        other = HeatmapBench(bench.model)
        other.take_over(bench)
        other._runs = heatmap_bench._Kept(8, heatmap_bench._run_bytes, budget)
        for x in (0, 16, 32):
            other.set_picture(Shown(Source(array_name="x"), bright.picture((x, 8))))
            settle(other)
        stale = [other.stale]
        for _ in range(2):
            other.undo()
            stale.append(other.stale)
        return stale

    bench.set_density(density)
    settle(bench)
    run = bench.run
    assert run is not None
    assert (run.pyramid is not None) is (density == "scales")
    parts = run.pyramid.levels if run.pyramid is not None else [run.maps]
    one = sum(a.size * 4 for maps in parts for a in (maps.prob, maps.score, maps.data))
    assert kept(2 * one) == [False, False, True]
    assert kept(2 * one - 1) == [False, True, True]
    assert kept(1) == [False, True, True], "the newest is kept, however large"
    assert kept(0) == [False, False, False], "no limit"


def test_undo_keeps_few_pictures(nets: dict[str, Model]) -> None:
    bench = HeatmapBench(nets["bright"])
    bench.journal._budget = 3 * 8 * 9 * 3 * 4
    for number in range(9):
        picture = np.full((8, 9, 3), number / 9, np.float32)
        bench.set_picture(Shown(Source(array_name=str(number)), picture))
        bench.set_look(opacity=number / 9)  # which costs nothing
    steps = [edit.name for edit in bench.journal.done]
    assert steps.count("Open picture") == 3


def test_two_nets_are_kept(nets: dict[str, Model]) -> None:
    bench = HeatmapBench(nets["bright"])
    for name in ("bright", "small", "pooled"):
        bench.set_model(nets[name])
        assert bench.accept(run_job(bench.transplant_job()))
    there = []
    for name in ("small", "bright"):
        bench.set_model(nets[name])
        there.append(bench.state.operated)
    assert there == [True, False]


# --- pictures, sizes, models ----------------------------------------------------------------------


def test_the_first_picture_is_no_edit_and_frames_are_one(nets: dict[str, Model]) -> None:
    pixels = np.zeros((40, 40, 3), np.float32)

    def shown(path: str, frame: int = 0) -> Shown:
        return Shown(Source(path=path, frame=frame), pixels, frames=5)

    bench = HeatmapBench(nets["bright"])
    heard = told(bench)
    assert bench.set_picture(shown("a.gif")) == "Open picture"
    assert (len(bench.journal), heard) == (0, [({"picture", "maps"}, 1)])
    names = [bench.set_picture(shown("a.gif", frame)) for frame in (2, 3, 3)]
    assert names == ["Choose frame", "Choose frame", "Open picture"]
    assert [edit.name for edit in bench.journal.done] == ["Choose frame", "Open picture"]
    assert bench.set_picture(shown("b.gif", 1)) == "Open picture"
    assert len(bench.journal) == 3
    again = HeatmapBench(nets["bright"])
    again.choose((0,))
    again.set_picture(shown("a.gif"))
    assert len(again.journal) == 2, "the bench was touched"
    again.undo()
    assert again.shown is None


def test_what_a_new_model_keeps(bench: HeatmapBench, nets: dict[str, Model]) -> None:
    heard = told(bench)
    bench.choose((2, 1))
    bench.choose_second((0,))
    bench.pin((1, 1))
    bench.set_cells(7)
    bench.set_squash(True)
    louder = replace(bench.model, scale=2.0)
    assert louder != bench.model
    heard.clear()
    assert bench.set_model(louder) == "Choose model"
    assert (bench.state.chosen, bench.state.second) == ((2, 1), (0,)), "the same names"
    assert (bench.request, bench.state.pins) == (Request(squash=True), ())
    assert not bench.state.operated
    assert heard == [({"model", "net", "maps", "size"}, 1)]
    bench.undo()
    bench.restore_request(Request(squash=227, cells=3))
    assert bench.set_model(nets["pooled"]) == "Choose model"
    assert (bench.state.chosen, bench.state.second) == ((), ())
    assert bench.request == Request(), "a side in pixels suits one net"
    assert bench.set_model(bench.model) == ""


def test_a_number_of_cells_takes_the_place_of_a_size(bench: HeatmapBench) -> None:
    assert bench.request == Request(size=128)
    bench.set_cells(7)
    assert bench.request == Request(cells=7)
    bench.set_cells(8)
    bench.set_cells(9, merge=True)
    bench.set_cells(10, merge=True)
    assert [e.new.request.cells for e in bench.journal.done[1:]] == [7, 8, 10]


def test_a_density_that_is_not_offered_becomes_the_nets_own_with_a_method(
    nets: dict[str, Model],
) -> None:
    bench = HeatmapBench(nets["pooled"])
    bench.accept(run_job(bench.transplant_job()))
    done = bench.transplanted
    assert done is not None
    assert bench.densities == ("own", "stride:4", "scales")
    assert set(bench.methods) == {"exact", "pooled"} == set(methods(done))
    bench.accept(run_job(bench.open_job(Source(sample="chelsea"))))
    for method in bench.methods:
        assert bench.densities == densities(done, method)
        for density in (*bench.densities, "stride:2"):
            bench.restore_request(Request(density=density))
            assert bench.set_method(method) == "Change method"
            kept = "own" if density == "stride:2" else density
            assert bench.request == Request(density=kept, method=method)
    bench.restore_request(Request(density="stride:2", method="exact"))
    assert bench.set_method("") == "Change method"
    assert bench.request == Request(density="stride:2")
    assert max(bench.plan(Request(cells=9)).cells) == 9
    assert max(bench.plan().cells) != 9


# --- classes, looks, pins -------------------------------------------------------------------------


def test_classes_that_were_kept_for_a_larger_net_are_passed_over(bench: HeatmapBench) -> None:
    assert bench.maps is not None
    best = int(bench.maps.prob.mean(axis=(1, 2)).argmax())
    bench.restore(replace(bench.state, chosen=(3, 2), second=(3, 1)))
    assert (bench.classes, bench.second) == ((2,), (1,))
    bench.restore(replace(bench.state, chosen=(3,), second=(3,)))
    assert bench.classes == (best,)
    rest = np.delete(np.arange(3), best)
    means = bench.maps.prob.mean(axis=(1, 2), dtype=np.float64)
    assert bench.second == (rest[means[rest].argmax()],)
    bench.restore(replace(bench.state, chosen=(0, 1, 2)))
    assert bench.second == ()
    bench.restore(replace(bench.state, pins=((8, 12), (9, 3), (3, 13), (0, 0))))
    assert bench.pins == ((8, 12), (0, 0)), "9 x 13 cells"


def test_without_a_net_any_class_may_be_chosen_but_none_below_0(nets: dict[str, Model]) -> None:
    bench = HeatmapBench(nets["bright"])
    bench.choose((999, 999, 0))
    assert bench.state.chosen == (999, 0)
    with pytest.raises(FilterLabError, match="no class -1"):
        bench.choose((-1,))


def test_steps_that_are_one_and_steps_that_are_not(bench: HeatmapBench) -> None:
    before = len(bench.journal)
    bench.choose((0,))
    bench.choose((1,))
    assert len(bench.journal) == before + 2
    bench.choose((2,), merge=True)
    bench.choose((1,), merge=True)
    assert len(bench.journal) == before + 3
    bench.set_look(opacity=0.1)
    bench.set_look(opacity=0.2)
    assert len(bench.journal) == before + 5
    bench.set_look(merge=True, opacity=0.3)
    bench.set_look(merge=True, gamma=2.0)
    bench.set_look(merge=True, gamma=3.0)
    assert len(bench.journal) == before + 7
    assert bench.undo() == "Change gamma"
    assert bench.undo() == "Change the opacity"
    assert bench.set_look(gamma=2.0, opacity=0.9) == "Change the look"
    assert bench.set_look() == ""
    with bench.group("Both"):
        bench.pin((0, 0))
        bench.unpin((0, 0))
        bench.choose((2,))
    assert bench.undo() == "Both"


def test_a_pin_that_moves_leaves_the_others_where_they_are(bench: HeatmapBench) -> None:
    for cell in ((8, 0), (3, 4), (5, 6)):
        bench.pin(cell)
    bench.move_pin(-1, 1)
    assert bench.pins == ((8, 0), (3, 4), (4, 7))
    bench.move_pin(-1, -3)
    assert bench.pins == ((8, 0), (3, 4)), "two on one cell are one"
    bench.unpin((8, 0))
    assert bench.pins == ((3, 4),)
    assert bench.unpin((8, 0)) == ""


def test_it_begins_with_the_look_that_is_given(nets: dict[str, Model]) -> None:
    look = Look(opacity=0.25, colours="viridis")
    assert HeatmapBench(nets["bright"], look).look == look
    assert HeatmapBench(nets["bright"]).look == Look()
    assert HeatmapBench(nets["bright"]).revision == 0


# --- what jobs bring ------------------------------------------------------------------------------


def test_what_was_overtaken_is_kept_and_not_told(
    bench: HeatmapBench, nets: dict[str, Model], settle: Settle
) -> None:
    alone = run_job(bench.alone_job((2, 3)))
    check = run_job(bench.agreement_job())
    small = HeatmapBench(nets["small"])
    net = run_job(small.transplant_job())
    heard = told(bench)
    bench.set_cells(5)
    settle(bench)
    heard.clear()
    assert [bench.accept(outcome) for outcome in (alone, check, net)] == [False] * 3
    assert heard == []
    bench.undo()
    assert bench.alone((2, 3)) is alone.alone
    assert bench.agreement is check.agreement
    heard.clear()
    assert bench.accept(alone)
    assert bench.accept(check)
    assert heard == [({"alone"}, 1), ({"agreement"}, 1)]
    assert bench.accept(Outcome()) is False
    steps = len(bench.journal)
    bench.set_model(nets["small"])
    assert bench.state.operated, "its net is there"
    assert len(bench.journal) == steps + 1
    heard.clear()
    assert bench.accept(net)
    assert heard == [({"net", "maps"}, 1)]
    assert len(bench.journal) == steps + 1, "a net made anew is no edit"


def test_a_map_that_comes_when_nothing_is_transplanted_is_kept(bench: HeatmapBench) -> None:
    outcome = run_job(bench.map_job())
    while bench.undo():
        pass
    assert not bench.state.operated
    assert bench.accept(outcome) is False
    assert bench.maps is None
    bench.redo()
    assert bench.run is outcome.run


def test_a_model_whose_weights_were_made_on_the_way_is_taken(
    nets: dict[str, Model], bright: Any, tmp_path: Path
) -> None:
    bench = HeatmapBench(nets["bright"])
    outcome = run_job(bench.transplant_job())
    made = replace(nets["bright"], title="Brightness, made")
    outcome.model = made
    heard = told(bench)
    assert bench.accept(outcome)
    assert bench.model is made
    assert bench.state.operated
    assert bench.transplanted is outcome.transplanted
    assert [kinds for kinds, _ in heard] == [{"model", "net", "maps"}, {"net", "maps"}]
    assert bench.undo_name == "Transplant"


def test_a_frames_picture_is_the_one_that_came_with_it(bench: HeatmapBench) -> None:
    steps, heard = len(bench.journal), told(bench)
    assert bench.shown is not None
    passing = replace(bench.shown, passing=True)
    small = np.zeros((6, 8, 3), np.float32)
    outcome = Outcome(model=bench.model, shown=passing, run=bench.run)
    assert bench.accept_frame(Live("x", 0, 0, "", outcome, small))
    assert bench.preview is small
    assert bench.shown is passing
    assert (len(bench.journal), heard) == (steps, [({"picture", "maps"}, 1)])
    bench.choose((1,))
    bench.set_picture(replace(passing, passing=False))
    assert bench.preview is not small
    assert bench.preview is bench.preview


def test_frames_say_their_number_and_how_long_they_took(
    bench: HeatmapBench, tmp_path: Path
) -> None:
    """Nobody knows how many there will be: the bar has no end."""
    path = tmp_path / "film.avi"
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter_fourcc(*"MJPG"), 100, (128, 96))
    for k in range(4):
        writer.write(np.full((96, 128, 3), 60 * k, np.uint8))
    writer.release()
    job = bench.live_job(str(path))
    seen: list[Progress] = []
    for progress in job:
        seen.append(progress)
        if isinstance(progress, Live):
            waiting = next(job)
            seen.append(waiting)
            assert not isinstance(waiting, Live), "it waits until the frame is shown"
            assert waiting.message == progress.message
            progress.taken.set()
            if sum(isinstance(p, Live) for p in seen) == 3:
                break
    job.close()
    assert {(p.done, p.total) for p in seen} == {(0, 0)}
    assert (seen[0].step, seen[0].message) == ("open the camera", "film.avi")
    for live in (p for p in seen if isinstance(p, Live)):
        run, shown = live.outcome.run, live.outcome.shown
        assert run is not None
        assert shown is not None
        assert (shown.source, shown.passing) == (Source(array_name="film.avi"), True)
        assert str(live.message).endswith(f", {round(1000 * run.seconds)} ms")
        np.testing.assert_array_equal(live.preview, shown.picture)


def test_a_videos_first_frame_is_a_picture(tmp_path: Path) -> None:
    path = tmp_path / "film.avi"
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter_fourcc(*"MJPG"), 25, (64, 48))
    for grey in (51, 204):
        writer.write(np.full((48, 64, 3), grey, np.uint8))
    writer.release()
    seen: list[Progress] = []
    shown = run_job(first_frame_of(str(path)), seen.append).shown
    assert shown is not None
    assert (shown.source, shown.size, shown.passing) == (
        Source(array_name="film.avi"), (48, 64), False,
    )  # fmt: skip
    np.testing.assert_allclose(shown.picture, 0.2, atol=0.02)
    assert [(p.done, p.total, p.message) for p in seen] == [(0, 0, "film.avi")]
    with pytest.raises(FilterLabError):
        run_job(first_frame_of(str(tmp_path / "none.avi")))


@pytest.mark.parametrize(("net", "asked", "taken"), [
    ("bright", "", "dense"), ("bright", "exact", "exact"), ("pooled", "", "pooled"),
    ("pooled", "exact", "exact"),
])  # fmt: skip
def test_frames_are_mapped_the_quick_way_unless_another_is_asked_for(
    nets: dict[str, Model], tmp_path: Path, net: str, asked: str, taken: str
) -> None:
    path = tmp_path / "film.avi"
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter_fourcc(*"MJPG"), 100, (64, 48))
    writer.write(np.full((48, 64, 3), 90, np.uint8))
    writer.release()
    bench = HeatmapBench(nets[net])
    bench.accept(run_job(bench.transplant_job()))
    bench.restore_request(Request(method=asked))
    job = bench.live_job(str(path))
    live = next(p for p in job if isinstance(p, Live))
    job.close()
    assert live.outcome.run is not None
    assert live.outcome.run.plan.method == taken


def test_a_camera_that_was_unplugged_ends_the_job(
    bench: HeatmapBench, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A film begins anew; a camera does not come back."""
    from filterlab.pictures import camera

    frame = SimpleNamespace(number=0, picture=np.full((96, 128, 3), 0.5, np.float32))
    opened = []

    class Device:
        def __init__(self, source: int, first: int) -> None:
            opened.append((source, first))
            self._left = [frame]
            self.ended = False

        def __enter__(self) -> Device:
            return self

        def __exit__(self, *_: object) -> None:
            pass

        def pause(self, stands: bool) -> None:
            assert stands is False

        def latest(self, after: int, timeout: float) -> Any:
            self.ended = not self._left
            return self._left.pop() if self._left else None

    monkeypatch.setattr(camera, "Camera", Device)
    seen: list[Progress] = []

    def take(progress: Progress) -> None:
        seen.append(progress)
        if isinstance(progress, Live):
            progress.taken.set()

    outcome = run_job(bench.live_job(3), take)
    assert opened == [(3, 0)]
    assert outcome.shown is not None
    assert outcome.shown.source.array_name == "camera"
    assert (seen[0].step, str(seen[0].message)) == ("open the camera", "camera")


def test_a_picture_of_one_pixel_is_one(bench: HeatmapBench) -> None:
    for pixels in (np.ones((1, 1)), np.ones((1, 1, 3))):
        found = run_job(bench.open_job(Source(array_name="dot"), pixels)).shown
        assert found is not None
        assert (found.size, found.frames, found.picture.dtype) == ((1, 1), 1, np.float32)
    for shape in ((0, 5, 3), (5, 0, 3), (0, 0)):
        with pytest.raises(FilterLabError, match="the picture nothing is empty"):
            run_job(bench.open_job(Source(array_name="nothing"), np.ones(shape)))
    with pytest.raises(FilterLabError, match="'gone' is kept in no file"):
        run_job(bench.open_job(Source(array_name="gone")))


# --- the program of an odd net --------------------------------------------------------------------

ODD = """
name: "odd"
layer { name: "data" type: "Input" top: "data"
  input_param { shape { dim: 1 dim: 3 dim: 21 dim: 34 } } }
layer { name: "conv" type: "Convolution" bottom: "data" top: "conv"
  convolution_param { num_output: 4 kernel_h: 3 kernel_w: 4 stride_h: 2 stride_w: 3 } }
layer { name: "relu" type: "ReLU" bottom: "conv" top: "conv" }
layer { name: "pool" type: "Pooling" bottom: "conv" top: "pool"
  pooling_param { pool: MAX kernel_size: 2 stride: 2 } }
layer { name: "fc6" type: "InnerProduct" bottom: "pool" top: "fc6"
  inner_product_param { num_output: 6 transpose: true bias_term: false } }
layer { name: "relu6" type: "ReLU" bottom: "fc6" top: "fc6" }
layer { name: "fc7" type: "InnerProduct" bottom: "fc6" top: "fc7"
  inner_product_param { num_output: 5 } }
"""
SOFT = 'layer { name: "prob" type: "Softmax" bottom: "fc7" top: "prob" }'


@pytest.mark.parametrize(
    ("ending", "activation"),
    [(SOFT, ""), ("", ""), ("", "softmax"), ("", "sigmoid"), ("", "none")],
)
@pytest.mark.parametrize("method", ["dense", "exact"])
@pytest.mark.parametrize("size", [(35, 70), (66, 40)])
def test_the_program_of_a_net_that_is_alike_in_no_two_ways(
    tmp_path: Path, settle: Settle, ending: str, activation: str, method: str, size: tuple[int, int]
) -> None:
    path = tmp_path / "odd.prototxt"
    path.write_text(ODD + ending)
    net = caffe.Net(str(path), caffe.TEST)
    rng = np.random.default_rng(4)
    for blobs in net.params.values():
        for blob in blobs:
            blob.data[...] = rng.normal(size=blob.shape) / 6
    net.save(str(tmp_path / "odd.caffemodel"))
    model = Model(
        "odd", "Odd", "own", path, tmp_path / "odd.caffemodel", mean_bgr=(0.1, 0.2, 0.4),
        scale=1.5, order="RGB" if activation else "BGR", numbered=True, activation=activation,
    )  # fmt: skip
    bench = HeatmapBench(model)
    shown = np.random.default_rng(8).random((*size, 3), dtype=np.float32)
    bench.set_picture(Shown(Source(array_name="noise"), shown))
    bench.accept(run_job(bench.transplant_job()))
    names: dict[str, Any] = {}
    np.save(tmp_path / "picture.npy", shown)
    for density in bench.densities[:2]:
        bench.restore_request(Request(method=method, density=density))
        settle(bench)
        bench.choose((3,))
        maps = bench.maps
        assert maps is not None
        assert maps.rows != maps.cols
        program = bench.code().replace("'picture.npy'", repr(str(tmp_path / "picture.npy")))
        exec(compile(program, "copied", "exec"), names)
        np.testing.assert_allclose(names["heatmap"], maps.prob[3], atol=5e-5)
        assert float(np.ptp(maps.prob[3])) > 1e-3
        if method == "exact":  # as many rows and columns as the windows take, and no more
            h, w = maps.input_size
            _, _, right, bottom = maps.geometry.window(maps.rows - 1, maps.cols - 1)
            assert names["data"].shape[2:] == (max(h, bottom), max(w, right))
        else:
            np.testing.assert_allclose(names["data"], maps.data, atol=1e-5)
    assert ("activation=" in bench.code()) is bool(activation)


def test_who_reads_a_picture_makes_what_is_drawn_live(nets) -> None:
    """So that no window does, of a picture of many megapixels."""
    picture = np.random.default_rng(4).random((2 * PREVIEW, PREVIEW), np.float32)
    shown = read_source(Source(array_name="large"), picture)
    assert shown.preview is not None
    # Half as large: each pixel is the mean of four.
    half = picture.reshape(PREVIEW, 2, PREVIEW // 2, 2).mean(axis=(1, 3))
    np.testing.assert_allclose(shown.preview, np.repeat(half[..., None], 3, axis=2), atol=1e-6)
    bench = HeatmapBench(nets["bright"])
    bench.set_picture(shown)
    assert bench.preview is shown.preview
