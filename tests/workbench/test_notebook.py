"""An exported session runs by itself and gives the arrays that the benches gave."""

from __future__ import annotations

import base64
import io
import json
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from dataclasses import replace
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

# Runs each cell of the files that it is told of as a notebook does, and keeps what it leaves in
# ``outputs`` and ``heatmap``; nothing of a file is left for the next but the modules.
RUN = """
import json, os, sys, traceback
import numpy as np

def run(path):
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

for line in sys.stdin:
    folder, names = json.loads(line)
    os.chdir(folder)
    wrong = ""
    try:
        for name in names:
            run(name)
    except Exception:
        wrong = traceback.format_exc()
    print(json.dumps(wrong), flush=True)
"""

Execute = Callable[[Recording], list[list[np.ndarray]]]


@pytest.fixture(scope="module")
def other_process() -> Iterator[subprocess.Popen[str]]:
    """One that runs scripts and notebooks."""
    with subprocess.Popen(
        [sys.executable, "-c", RUN], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        yield process
        process.stdin.close()
        assert process.wait(timeout=20) == 0


@pytest.fixture
def executed(other_process: subprocess.Popen[str], tmp_path: Path) -> Execute:
    """What script and notebook give when another process runs them, cell by cell."""

    def results(recording: Recording) -> list[list[np.ndarray]]:
        paths = [tmp_path / f"Session 会话{suffix}" for suffix in (".py", ".ipynb")]
        for path in paths:
            written = run_job(notebook_job(recording, path))
            assert all(file.exists() for file in written)
        order = json.dumps([str(tmp_path), [path.name for path in paths]])
        watch = threading.Timer(120, other_process.kill)
        watch.start()
        try:
            print(order, file=other_process.stdin, flush=True)
            wrong = json.loads(other_process.stdout.readline() or '"it has ended"')
        finally:
            watch.cancel()
            watch.join()
        assert not wrong, wrong
        found = []
        for path in paths:
            with np.load(f"{path}.npz") as kept:
                found.append([kept[str(n)] for n in range(len(kept.files))])
        return found

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
def test_filters_come_out_as_they_were(
    do: Callable[[FilterBench], None], executed: Execute
) -> None:
    picture = small()
    bench = FilterBench(picture.pixels, "chelsea")
    do(bench)
    recording = record(bench, None)
    wanted = expected(recording)
    assert len(wanted) == len(bench.journal) + 1 > 3
    for found in executed(recording):
        assert len(found) == len(wanted)
        for one, two in zip(found, wanted):
            assert one.shape == two.shape
            np.testing.assert_allclose(one, two, rtol=1e-5, atol=1e-5 * max(1, abs(two).max()))


def test_the_frame_that_was_chosen_is_read(
    nets: dict[str, Any], settle: Any, tmp_path: Path, executed: Execute
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
    for found in executed(recording):
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
    executed: Execute,
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
    for found in executed(recording):
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


# --- what is written where ------------------------------------------------------------------------


def cells_of(recording: Recording, folder: Path) -> list[tuple[str, str]]:
    """Title and lines of a script's cells, the first left out."""
    path = folder / "session.py"
    run_job(notebook_job(recording, path))
    parts = path.read_text(encoding="utf-8").split("\n# %%")[2:]
    return [(title.strip(), code) for title, _, code in (part.partition("\n") for part in parts)]


def here(recording: Recording, folder: Path) -> list[np.ndarray]:
    """What a script's cells give, one after the other, in this process."""
    path = folder / "session.py"
    run_job(notebook_job(recording, path))
    cells = path.read_text(encoding="utf-8").split("\n# %%")[1:]
    space: dict[str, Any] = {"__file__": str(path)}
    found = []
    for number, cell in enumerate(cells):
        exec(compile(cell.partition("\n")[2], f"cell {number}", "exec"), space)
        if number:
            name = "heatmap" if "show(heatmap)" in cell else "outputs"
            found.append(space[name].copy())
    return found


def alike(found: list[np.ndarray], recording: Recording) -> None:
    wanted = expected(recording)
    assert len(found) == len(wanted)
    for one, two in zip(found, wanted):
        np.testing.assert_allclose(one, two, rtol=1e-5, atol=1e-5 * max(1, abs(two).max()))


def test_an_output_that_was_fed_again_is_that_of_the_cell_before(tmp_path: Path) -> None:
    """And only where it is: what came from elsewhere is in a file."""
    bench = FilterBench(small().pixels, "cat")
    bench.set_bias(1, 0.25)
    before = bench.state
    bench.apply(1)
    after = bench.state
    (step,) = after.stack
    own = Recording([("", before), ("Apply and go on", after)])
    assert "picture_1 = outputs[0, 1]\n" in cells_of(own, tmp_path)[1][1]
    alike(here(own, tmp_path), own)
    assert not (tmp_path / "session_pictures" / "picture-1.npy").exists()
    other = Picture(np.ascontiguousarray(before.picture.pixels[::-1]), "cat")
    for number, changes in enumerate(
        [
            {"picture": other}, {"bias": 0.5}, {"weights": step.weights * 2}, {"slot": 0},
            {"settings": replace(step.settings, scale=255.0)},
        ]
    ):  # fmt: skip
        folder = tmp_path / str(number)
        folder.mkdir()
        stack = (replace(step, **changes),)
        odd = Recording([("", before), ("Open project", replace(after, stack=stack))])
        assert "picture_1 = read_picture(HERE / " in cells_of(odd, folder)[1][1]
        alike(here(odd, folder), odd)
    # Two steps at once, or one less, are none of the cell before either.
    for one, two in (((), (step, step)), ((step,), (step,)), ((step, step), (step,))):
        odd = Recording([("", replace(before, stack=one)), ("x", replace(after, stack=two))])
        assert "outputs[" not in cells_of(odd, tmp_path)[1][1]


@pytest.mark.parametrize(("scale", "by"), [(1, ""), (255, " / np.float32(255)")])
@pytest.mark.parametrize("mode", ["grey", "each"])
def test_a_fed_output_is_divided_by_the_scale(
    tmp_path: Path, scale: int, by: str, mode: str
) -> None:
    bench = FilterBench(small().pixels, "cat")
    bench.set_scale(scale)
    bench.set_mode(mode)
    bench.apply(2)
    recording = record(bench, None)
    lines = cells_of(recording, tmp_path)[-1][1].splitlines()
    wanted = {
        "grey": f"picture_1 = outputs[0, 2]{by}",
        "each": f"picture_1 = np.ascontiguousarray(outputs[:, 2].transpose(1, 2, 0)){by}",
    }
    assert lines[0] == wanted[mode]
    alike(here(recording, tmp_path), recording)


def test_a_cell_says_no_more_than_it_takes(tmp_path: Path) -> None:
    bench = FilterBench(small().pixels, "cat")
    bench.set_bias(0, 0.5)
    bench.set_pad("same")
    bench.set_edge("wrap")
    first = bench.picture
    bench.set_picture(np.ones((9, 9), np.float32))
    bench.set_picture(first)
    recording = record(bench, None)
    cells = cells_of(recording, tmp_path)
    assert [title for title, _ in cells] == [
        "Filters: the start", "Filters 1: Change bias", "Filters 2: Change padding",
        "Filters 3: Change edge", "Filters 4: Open picture", "Filters 5: Open picture",
    ]  # fmt: skip
    start, bias, pad, edge, new, old = (code for _, code in cells)
    assert start.startswith("picture_0 = read_picture(HERE / 'session_pictures/picture-0.png')\n")
    assert "net = conv_net(1, (5, 5), (0, 0), 1, 1)\n" in start
    assert bias.splitlines()[0] == "net.params['conv'][1].data[0] = 0.5"
    assert bias.splitlines()[1] == "outputs = net.forward()['conv'].copy()"
    assert "net = conv_net(1, (5, 5), (2, 2), 1, 1)\n" in pad
    assert "net.params['conv'][1].data[0] = 0.5\n" in pad
    assert "conv_net(1, (5, 5), (0, 0)" in edge
    assert "conv_net" not in new + old
    assert new.startswith("picture_1 = read_picture(HERE / 'session_pictures/picture-1.png')[:, :")
    assert old.splitlines()[0] == "x = grey_of(picture_0)[np.newaxis, np.newaxis]"
    assert sorted(p.name for p in (tmp_path / "session_pictures").iterdir()) == [
        "picture-0.png", "picture-1.png",
    ]  # fmt: skip
    alike(here(recording, tmp_path), recording)


def test_each_mode_of_a_grey_and_a_colour_picture(tmp_path: Path) -> None:
    colour = small()
    bench = FilterBench(colour.pixels, "cat")
    for picture in (colour.pixels, np.ascontiguousarray(colour.pixels[..., 1])):
        bench.set_picture(picture)
        for mode in ("each", "three", "grey"):
            bench.set_mode(mode)
    recording = record(bench, None)
    alike(here(recording, tmp_path), recording)


def test_a_frame_on_show_is_the_last_cell(
    tmp_path: Path, nets: dict[str, Any], settle: Any
) -> None:
    """Of a camera: it is no edit, and yet what is seen."""
    bench = FilterBench(small().pixels, "cat")
    bench.set_bias(0, 1)
    names = [name for name, _ in record(bench, None).filters]
    assert names == ["", "Change bias"]
    bench.show_frame(np.ones((9, 9), np.float32))
    found = record(bench, None).filters
    assert [name for name, _ in found] == ["", "Change bias", "Open picture"]
    assert found[-1][1] is bench.state
    assert record(FilterBench(), None).heatmap == ()
    assert record(None, HeatmapBench(nets["bright"])).filters == []

    heat = HeatmapBench(nets["bright"])
    heat.accept(run_job(heat.open_job(Source(sample="chelsea"))))
    assert record(None, heat).heatmap == [], "nothing is transplanted"
    heat.accept(run_job(heat.transplant_job()))
    settle(heat)
    heat.choose((1,))
    recording = record(None, heat)
    assert [name for name, _ in recording.heatmap] == ["Transplant", "Choose class"]
    assert (recording.done, recording.run) == (heat.transplanted, heat.run)
    heat.restore_request(replace(heat.request, cells=5))  # no edit either
    settle(heat)
    recording = record(None, heat)
    assert [name for name, _ in recording.heatmap] == ["Transplant", "Choose class", "Open picture"]
    assert recording.heatmap[-1][1] is heat.state


def test_heatmaps_of_two_models_pictures_and_sizes(
    nets: dict[str, Any], settle: Any, tmp_path: Path
) -> None:
    """Each cell has the net, the picture and the classes of its own step."""
    bench = HeatmapBench(nets["bright"])
    wanted: list[np.ndarray] = []

    def seen() -> None:
        settle(bench)
        assert bench.maps is not None
        wanted.append(bench.maps.values(bench.classes))

    bench.accept(run_job(bench.open_job(Source(sample="chelsea"))))
    bench.accept(run_job(bench.transplant_job()))
    seen()
    bench.choose((1, 2))
    seen()
    bench.set_cells(5)
    seen()
    pasted = np.random.default_rng(6).random((60, 80, 3), dtype=np.float32)
    bench.accept(run_job(bench.open_job(Source(array_name="pasted"), pasted)))
    seen()
    bench.set_model(nets["pooled"])
    bench.accept(run_job(bench.transplant_job()))
    seen()
    bench.set_look(show="entropy")  # no number changes: no cell
    settle(bench)
    recording = record(None, bench)
    titles = [title for title, _ in cells_of(recording, tmp_path)]
    assert titles == [
        "Heatmap: Transplant", "Heatmap: Choose class", "Heatmap: Change size",
        "Heatmap: Open picture", "Heatmap: Transplant",
    ]  # fmt: skip
    found = here(recording, tmp_path)
    assert len(found) == len(wanted)
    for one, two in zip(found, wanted):
        np.testing.assert_allclose(one, two, rtol=1e-3, atol=1e-4)
    # Nothing is computed twice, and what the bench has not at all.
    lines = [code for _, code in cells_of(recording, tmp_path)]
    assert ["caffe.Net(" in code for code in lines] == [True, False, False, False, True]
    assert ["picture_" in code for code in lines] == [True, False, True, True, True]
    assert lines[0].startswith("picture_0 = sample('chelsea')\n")
    for code in lines:  # those of the first cell are not said again
        assert "import numpy" not in code
        assert "import filterlab" not in code
    assert "picture_1 = read_picture(HERE / 'session_pictures/picture-0.npy')\n" in lines[3]
    assert sum("picture_1 = " in code for code in lines) == 1
    assert lines[1].strip().startswith("heatmap = prob[[1, 2]].sum(axis=0)")


def test_a_start_that_has_a_map_and_a_class_that_the_net_lacks(
    nets: dict[str, Any], settle: Any, tmp_path: Path
) -> None:
    bench = HeatmapBench(nets["bright"])
    bench.accept(run_job(bench.open_job(Source(sample="chelsea"))))
    bench.accept(run_job(bench.transplant_job()))
    settle(bench)
    assert bench.maps is not None
    best = int(bench.maps.prob.mean(axis=(1, 2)).argmax())
    for chosen, shown in (((3, 1), [1]), ((3,), [best]), ((), [best]), ((2, 0), [2, 0])):
        state = replace(bench.state, chosen=chosen)
        recording = Recording((), [("", state)], bench.transplanted, bench.run)
        ((title, code),) = cells_of(recording, tmp_path)
        assert title == "Heatmap: the start"
        how = f"[{shown[0]}]" if len(shown) == 1 else f"[{shown}].sum(axis=0)"
        assert code.splitlines()[-2:] == [f"heatmap = prob{how}", "show(heatmap)"]
    # Without net and run of the window both are made.
    (found,) = here(Recording((), [("", state)]), tmp_path)
    np.testing.assert_allclose(found, bench.maps.values([2, 0]), rtol=1e-3, atol=1e-4)


def test_a_notebooks_cells_are_numbered_from_1_under_their_titles(tmp_path: Path) -> None:
    bench = FilterBench(small().pixels, "cat")
    bench.set_bias(0, 1)
    run_job(notebook_job(record(bench, None), tmp_path / "a.IPYNB", "My session"))
    book = nbformat.read(tmp_path / "a.IPYNB", 4)
    firsts = [(c.cell_type, c.get("execution_count"), c.source.split("\n")[0]) for c in book.cells]
    assert firsts == [
        ("markdown", None, "# My session"), ("code", 1, "import tempfile"),
        ("markdown", None, "## Filters: the start"),
        ("code", 2, "picture_0 = read_picture(HERE / 'a_pictures/picture-0.png')"),
        ("markdown", None, "## Filters 1: Change bias"),
        ("code", 3, "net.params['conv'][1].data[0] = 1"),
    ]  # fmt: skip
    assert "HERE = Path()\n" in book.cells[1].source
    assert [o.execution_count for c in book.cells for o in c.get("outputs", ())] == [2, 3]
    assert (tmp_path / "a.IPYNB").read_text(encoding="utf-8").endswith("}\n")
    run_job(notebook_job(record(bench, None), tmp_path / "b.PY", "My session"))
    script = (tmp_path / "b.PY").read_text(encoding="utf-8")
    assert script.startswith('"""My session"""\n\n# %%\nimport tempfile\n')
    assert "HERE = Path(__file__).parent\n" in script
