"""How far a job has come, as its bar shows it: from nothing, never back, and to its end."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from filterlab.pictures import write_picture
from filterlab.progress import Job, Progress, run_job
from filterlab.surgery.methods import Request
from filterlab.workbench import heatmap_files as files
from filterlab.workbench.cast_story import cast_story_job
from filterlab.workbench.filter_bench import FilterBench
from filterlab.workbench.heatmap_bench import HeatmapBench
from filterlab.workbench.heatmap_files import FolderTask, Frame
from filterlab.workbench.heatmap_jobs import part
from filterlab.workbench.heatmap_state import Look, Source
from filterlab.workbench.notebook import notebook_job, record
from filterlab.workbench.project import Project, ProjectPicture, read_job, write_job
from filterlab.zoo.catalogue import Model


def bar(job: Job[Any]) -> list[tuple[float, float]]:
    """What it does of how much, whenever it says so."""
    seen: list[tuple[float, float]] = []
    run_job(job, lambda progress: seen.append((progress.done, progress.total)))
    return seen


def shares(job: Job[Any]) -> list[float]:
    seen: list[float] = []
    run_job(job, lambda progress: seen.append(progress.fraction))
    assert seen == sorted(seen), "never back"
    assert 0 <= seen[0] <= seen[-1] <= 1
    return seen


@pytest.fixture
def frame(bench: HeatmapBench) -> Frame:
    assert bench.shown is not None
    assert bench.run is not None
    return Frame(bench.shown, bench.run, (1,), (0,), Look(), bench.labels, bench.model)


def test_files_of_a_map(bench: HeatmapBench, frame: Frame, tmp_path: Path) -> None:
    done = bench.transplanted
    assert done is not None
    assert bar(files.overlay_job(frame, tmp_path / "o.png")) == [(0, 2), (1, 2)]
    for job in (
        files.map_file_job(frame, tmp_path / "m.npy"),
        files.cell_job(frame, (1, 2), tmp_path / "c.csv"),
        files.report_job(frame, tmp_path / "r.html"),
        files.net_job(done, tmp_path / "net"),
        bench.open_job(Source(sample="chelsea")),
        bench.alone_job((1, 2)),
    ):
        assert bar(job) == [(0, 1)]


def test_a_folder_goes_from_picture_to_picture(
    bench: HeatmapBench, bright: Any, tmp_path: Path
) -> None:
    for name in ("a", "b", "c", "d"):
        write_picture(tmp_path / f"{name}.png", bright.picture((40, 24)))
    names = [tmp_path / f"{name}.png" for name in "abcd"]
    task = FolderTask(names, tmp_path / "out", Request(size=128), (1,))
    done = bench.transplanted
    assert done is not None
    seen = shares(files.folder_job(task, bench.model, done, bench.labels))
    for quarter in (0, 0.25, 0.5, 0.75):
        assert seen.count(quarter) == 1, "where a picture begins"
    assert seen[1] == pytest.approx(0.25 / 10), "a tenth of it is read"
    inside = [share for share in seen if 0.25 < share < 0.5]
    assert len(inside) >= 3
    assert 0.75 < seen[-1] <= 1


def test_a_project(tmp_path: Path) -> None:
    bench = FilterBench(np.random.default_rng(1).random((30, 40, 3), dtype=np.float32), "noise")
    bench.apply(0)
    bench.apply(1)
    picture = ProjectPicture("pixels", "noise", bench.picture.pixels)
    project = Project(bench.session(), pictures={"filters": picture}, steps=bench.state.stack)
    path = tmp_path / "a.filterlab"
    # Part by part (each tab's), the steps' pictures with the last of them, then the file.
    parts = [(k, 4) for k in range(3)]
    assert bar(write_job(project, path)) == [*parts, (2, 4), (2, 4), (3, 4)]
    assert bar(read_job(path)) == [(0, 3), (1, 3), (1, 3), (1, 3), (2, 3)]
    plain = replace(project, steps=())
    assert bar(write_job(plain, path)) == [*parts, (3, 4)]
    assert bar(read_job(path)) == [(0, 3), (1, 3), (2, 3)]


def test_an_exported_session(bench: HeatmapBench, tmp_path: Path) -> None:
    filters = FilterBench()
    filters.set_bias(0, 1.0)
    filters.set_bias(1, 1.0)
    bench.choose((0,))
    bench.choose((2,))
    recording = record(filters, bench)
    assert len(recording.filters) == 3
    maps = len(recording.heatmap)
    seen = bar(notebook_job(recording, tmp_path / "a.ipynb"))
    assert seen[:3] == [(0, 3), (1, 3), (2, 3)]
    assert [pair for pair in seen[3:-1] if pair[1] == maps] == [(k, maps) for k in range(maps)]
    assert seen[-1] == (1, 1)
    assert json.loads((tmp_path / "a.ipynb").read_text("utf-8"))["nbformat"] == 4
    # What the window has computed already is computed again where it is not there.
    run_job(notebook_job(recording, tmp_path / "a.py"))
    first = (tmp_path / "a.py").read_bytes()
    assert first.startswith(b'"""FilterLab"""\n')
    for other in (replace(recording, run=None), replace(recording, done=None, run=None)):
        run_job(notebook_job(other, tmp_path / "a.py"))
        assert (tmp_path / "a.py").read_bytes() == first


def test_the_story_of_a_cast(nets: dict[str, Model], settle: Any) -> None:
    bench = HeatmapBench(nets["pocket"])
    bench.accept(run_job(bench.open_job(Source(sample="chelsea"))))
    bench.accept(run_job(bench.transplant_job()))
    settle(bench)
    done, maps = bench.transplanted, bench.maps
    assert done is not None
    assert maps is not None
    picture = np.zeros((30, 40, 3), np.float32)
    seen = bar(cast_story_job(done, maps, picture, [0]))
    assert seen[0] == (0, 1)
    assert (0.6, 1) in seen
    assert (0.8, 1) in seen


def test_a_transplant_is_in_its_second_half_when_the_weights_are_there(
    nets: dict[str, Model],
) -> None:
    bench = HeatmapBench(nets["bright"])
    seen = shares(bench.transplant_job())
    assert seen[-1] > 0.5
    first = [share for share in seen if share < 0.5]
    assert len(seen) > len(first)


def test_a_part_of_a_longer_job_has_its_share_of_the_bar() -> None:
    def job() -> Job[str]:
        yield Progress("one", 0, 4, "x")
        yield Progress("two", 1, 4)
        yield Progress("three", 4, 4)
        return "done"

    seen: list[Progress] = []
    assert run_job(part(job(), 0.25, 0.75), seen.append) == "done"
    assert [(p.step, p.done, p.total) for p in seen] == [
        ("one", 0.25, 1.0), ("two", 0.375, 1.0), ("three", 0.75, 1.0),
    ]  # fmt: skip
    assert seen[0].message == "x"
