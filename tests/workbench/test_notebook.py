"""An exported session runs by itself and gives the arrays that the benches gave."""

from __future__ import annotations

import base64
import io
import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import nbformat
import numpy as np
import pytest
from PIL import Image

from filterlab.errors import FilterLabError
from filterlab.pictures import pattern, read_frame, sample
from filterlab.progress import run_job
from filterlab.surgery import convolve
from filterlab.surgery.convolve import Picture, Snapshot
from filterlab.workbench.filter_bench import FilterBench
from filterlab.workbench.heatmap_bench import HeatmapBench
from filterlab.workbench.heatmap_state import Source
from filterlab.workbench.notebook import Recording, notebook_job, record

# Runs each cell as a notebook does, and keeps what it leaves in ``outputs`` and ``heatmap``.
RUN = """
import json, sys
import numpy as np
for path in sys.argv[1:]:
    text = open(path, encoding="utf-8").read()
    if path.endswith(".py"):
        cells = text.split("\\n# %%")[1:]
        cells = [cell.partition("\\n")[2] for cell in cells]
    else:
        cells = [c for c in json.loads(text)["cells"] if c["cell_type"] == "code"]
        cells = ["".join(c["source"]) for c in cells]
    space, kept = {"__file__": path, "__name__": "__main__"}, {}
    exec(cells[0], space)
    for number, cell in enumerate(cells[1:]):
        exec(compile(cell, f"cell {number}", "exec"), space)
        name = "heatmap" if cell.rstrip().endswith("show(heatmap)") else "outputs"
        kept[f"{number}"] = space[name].copy()  # it may be the net's own memory
    np.savez(path + ".npz", **kept)
"""


def executed(recording: Recording, tmp_path: Path) -> list[list[np.ndarray]]:
    """What script and notebook give when another process runs them, cell by cell."""
    paths = [tmp_path / f"Session 会话{suffix}" for suffix in (".py", ".ipynb")]
    for path in paths:
        written = run_job(notebook_job(recording, path))
        assert all(file.exists() for file in written)
    names = [path.name for path in paths]
    subprocess.run([sys.executable, "-c", RUN, *names], cwd=tmp_path, check=True, timeout=120)
    results = []
    for path in paths:
        with np.load(f"{path}.npz") as found:
            results.append([found[str(n)] for n in range(len(found.files))])
    return results


def expected(recording: Recording) -> list[np.ndarray]:
    """What the filter bench's own computation gives for each state."""
    wanted = []
    for _, s in recording.filters:
        found = convolve.compute(
            Snapshot(s.weights, s.bias, s.settings, s.picture, 0, s.sizes)
        ).data
        wanted.append(found[None] if found.ndim == 3 else np.moveaxis(found, -1, 0))
    return wanted


def small(name: str = "chelsea") -> Picture:
    return Picture(sample(name)[::4, ::4].copy(), name)


def cells_and_bias(bench: FilterBench) -> None:
    bench.set_cell(0, 2, 2, 1 / 3)
    bench.set_bias(1, -0.25)
    bench.set_cell(2, 0, 0, 0.1, name="Nudge")
    bench.set_divisor(0, 9)


def sizes_and_edges(bench: FilterBench) -> None:
    bench.set_size((7, 3), 1)
    bench.set_pad("same")
    for edge in ("reflect", "replicate", "wrap"):
        bench.set_edge(edge)
    bench.set_stride(2)
    bench.set_edge("zero")


def channels(bench: FilterBench) -> None:
    bench.set_mode("each")
    bench.set_mode("three")
    bench.set_cell(0, 0, 0, 2, channel=2)
    bench.set_dilation(2)
    bench.set_scale(255)


def applied(bench: FilterBench) -> None:
    bench.apply(0)
    bench.apply(1)
    bench.set_bias(0, 0.5)
    bench.step_back()
    bench.compose(0, 1, 2)


def applied_in_colour(bench: FilterBench) -> None:
    bench.set_mode("each")
    bench.set_scale(255)
    bench.apply(0)
    bench.set_bias(0, 3)


def pictures(bench: FilterBench) -> None:
    known = Picture(pattern("noise"), "noise")
    known.origin = ("pattern", "noise")
    bench.set_picture(known)
    bench.draw_on_picture(20, 30, 5, 1.0)
    whole = Picture(sample("chelsea"), "cat")
    whole.origin = ("sample", "chelsea")
    bench.set_picture(whole)
    bench.set_picture(known)


def presets_and_undo(bench: FilterBench) -> None:
    bench.apply_preset(0, "gaussian", sigma=2.0)
    bench.apply_preset(0, "gaussian", sigma=3.0)
    bench.set_bias(0, 9)
    bench.undo()
    bench.swap(0, 1)
    bench.copy(1, 2)
    with bench.group("Paint"):
        bench.set_cell(0, 0, 0, 1)
        bench.set_cell(0, 0, 1, 1)
    bench.clear(2)
    bench.reset()


@pytest.mark.parametrize(
    "do",
    [
        cells_and_bias, sizes_and_edges, channels, applied, applied_in_colour, pictures,
        presets_and_undo,
    ],
)  # fmt: skip
def test_filters_come_out_as_they_were(do: Callable[[FilterBench], None], tmp_path: Path) -> None:
    picture = small()
    bench = FilterBench(picture.pixels, "chelsea")
    do(bench)
    recording = record(bench, None)
    wanted = expected(recording)
    assert len(wanted) == len(bench.journal) + 1 > 3
    for found in executed(recording, tmp_path):
        assert len(found) == len(wanted)
        for one, two in zip(found, wanted):
            assert one.shape == two.shape
            np.testing.assert_allclose(one, two, rtol=1e-5, atol=1e-5 * max(1, abs(two).max()))


def test_the_frame_that_was_chosen_is_read(
    nets: dict[str, Any], settle: Any, tmp_path: Path
) -> None:
    """A page of a file with several, in both tabs."""
    pages = [(sample("chelsea")[k : k + 120, k : k + 160] * 255).astype(np.uint8) for k in (0, 90)]
    path = tmp_path / "pages.tif"
    images = [Image.fromarray(page) for page in pages]
    images[0].save(path, save_all=True, append_images=images[1:])
    filters = FilterBench(small().pixels, "cat")
    for frame in (0, 1):
        pixels, count = read_frame(path, frame)
        picture = Picture(pixels, "pages.tif")
        picture.origin, picture.frame, picture.frames = ("file", str(path)), frame, count
        filters.set_picture(picture)
    assert [edit.name for edit in filters.journal.done] == ["Open picture", "Choose frame"]
    bench = HeatmapBench(nets["bright"])
    bench.accept(run_job(bench.open_job(Source(path=str(path), frame=1))))
    bench.accept(run_job(bench.transplant_job()))
    settle(bench)
    recording = record(filters, bench)
    wanted = expected(recording)
    assert abs(wanted[1] - wanted[2]).max() > 0.1, "the pages differ"
    wanted.append(bench.run.maps.values(bench.classes))
    for found in executed(recording, tmp_path):
        assert len(found) == len(wanted)
        for one, two in zip(found, wanted):
            np.testing.assert_allclose(one, two, rtol=1e-3, atol=1e-4)


def heat_classes(bench: HeatmapBench) -> None:
    bench.choose([0])
    bench.choose([0, 1])
    bench.set_look(opacity=0.2)


def heat_sizes(bench: HeatmapBench) -> None:
    bench.set_cells(6)
    bench.set_squash(True)


def heat_density(bench: HeatmapBench) -> None:
    bench.set_density(next(d for d in bench.densities if d.startswith("stride:")))
    bench.choose([2])


@pytest.mark.parametrize(
    ("name", "do"),
    [("pocket", heat_classes), ("small", heat_sizes), ("small", heat_density)],
)
def test_both_tabs_come_out_as_they_were(
    name: str,
    do: Callable[[HeatmapBench], None],
    nets: dict[str, Any],
    pictures: dict[str, Path],
    settle: Any,
    tmp_path: Path,
) -> None:
    filters = FilterBench(small().pixels, "cat")
    filters.set_bias(0, 1)
    bench = HeatmapBench(nets[name])
    bench.accept(run_job(bench.open_job(Source(path=str(pictures["photo"])))))
    bench.accept(run_job(bench.transplant_job()))
    settle(bench)
    maps = [bench.run.maps.values(bench.classes)]
    do(bench)
    settle(bench)
    maps.append(bench.run.maps.values(bench.classes))
    recording = record(filters, bench)
    wanted = expected(recording)
    for found in executed(recording, tmp_path):
        assert len(found) > len(wanted) + 1
        for one, two in zip(found, wanted):
            np.testing.assert_allclose(one, two, rtol=1e-5, atol=1e-5)
        for one, two in ((found[len(wanted)], maps[0]), (found[-1], maps[-1])):
            np.testing.assert_allclose(one, two, rtol=1e-3, atol=1e-4)


def test_the_notebook_is_valid_and_shows_its_pictures(tmp_path: Path) -> None:
    bench = FilterBench(small().pixels, "cat")
    cells_and_bias(bench)
    path = tmp_path / "a.ipynb"
    run_job(notebook_job(record(bench, None), path))
    book = nbformat.read(path, 4)
    nbformat.validate(book)
    shown = [o for c in book.cells if c.cell_type == "code" for o in c.outputs]
    assert len(shown) == len(bench.journal) + 1
    image = Image.open(io.BytesIO(base64.b64decode(shown[-1].data["image/png"])))
    assert image.width > 3 * 100
    first = path.read_bytes()
    run_job(notebook_job(record(bench, None), path))
    assert path.read_bytes() == first
    titles = [c.source for c in book.cells if c.cell_type == "markdown"]
    assert titles[-1] == "## Filters 4: Change divisor"
    assert json.loads(first)["nbformat"] == 4


def test_the_script_runs_as_a_program(tmp_path: Path) -> None:
    bench = FilterBench(small().pixels, "cat")
    cells_and_bias(bench)
    path = tmp_path / "sub" / "a.py"
    path.parent.mkdir()
    run_job(notebook_job(record(bench, None), path))
    done = subprocess.run(
        [sys.executable, str(path)], cwd=tmp_path, capture_output=True, text=True, timeout=120
    )
    assert (done.returncode, done.stdout) == (0, ""), done.stderr


def test_other_endings_and_places_are_refused(tmp_path: Path) -> None:
    recording = record(FilterBench(), None)
    with pytest.raises(FilterLabError, match=r"\.ipynb or \.py"):
        run_job(notebook_job(recording, tmp_path / "a.txt"))
    with pytest.raises(FilterLabError, match="cannot be written"):
        run_job(notebook_job(recording, tmp_path / "no" / "a.py"))
