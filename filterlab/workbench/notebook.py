"""A session as a program: every step's pycaffe lines, with the pictures that they give.

As a Jupyter notebook or as a script with ``# %%`` cells; both run from start to end on
``filterlab.caffe`` and compute the same arrays as the benches, ``outputs`` (batch, 3, h, w) after
each step of the Filters tab and ``heatmap`` (rows, columns) after each of the Heatmap tab. What is
in no file is saved beside, in ``NAME_pictures``.
"""

from __future__ import annotations

import base64
import io
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from filterlab.caffe.files import atomic_write
from filterlab.caffe.text import reason_of
from filterlab.errors import FilterLabError
from filterlab.pictures import exact_suffix, write_picture
from filterlab.progress import Job, Progress, run_job
from filterlab.surgery import convolve
from filterlab.surgery.convolve import Snapshot
from filterlab.surgery.methods import MapRun
from filterlab.surgery.transplant import Transplanted
from filterlab.workbench import filter_code, heatmap_code, heatmap_jobs
from filterlab.workbench.filter_bench import FilterBench
from filterlab.workbench.filter_state import BenchState
from filterlab.workbench.heatmap_bench import HeatmapBench
from filterlab.workbench.heatmap_state import HeatmapState, Shown

__all__ = ["SUFFIXES", "Recording", "notebook_job", "pictures_folder", "record", "show"]

SUFFIXES = (".ipynb", ".py")

_WIDEST = 320
_SETUP = '''\
import tempfile
from pathlib import Path

import numpy as np

import filterlab.caffe as caffe
from filterlab.pictures import grey_of, pattern, read_picture, sample
from filterlab.workbench.notebook import show

HERE = {here}


def conv_net(channels, kernel, pad, stride, dilation):
    """A net of one convolution with three filters."""
    text = f"""
    layer {{{{ name: "data" type: "Input" top: "data"
      input_param {{{{ shape {{{{ dim: 1 dim: {{channels}} dim: 100 dim: 100 }}}} }}}} }}}}
    layer {{{{ name: "conv" type: "Convolution" bottom: "data" top: "conv"
      convolution_param {{{{ num_output: 3 kernel_h: {{kernel[0]}} kernel_w: {{kernel[1]}}
        pad_h: {{pad[0]}} pad_w: {{pad[1]}} stride: {{stride}} dilation: {{dilation}} }}}} }}}}
    """
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "conv.prototxt")
        path.write_text(text)
        return caffe.Net(str(path), caffe.TEST)'''


def show(array: NDArray[Any]) -> Any:
    """An array as a PIL image: (h, w), or a blob's (batch, N, h, w), the N side by side.

    A batch of three is red, green and blue. Black to white is 0 to the largest value; where there
    are values below 0, 0 is the grey in the middle.
    """
    from PIL import Image

    values = np.asarray(array, np.float32)
    if values.ndim == 2:
        values = values[None, None]
    panels = []
    for number in range(values.shape[1]):
        panel = np.nan_to_num(values[:, number])
        step = max(1, -(-panel.shape[2] // _WIDEST))
        panel = panel[:, ::step, ::step]
        largest = float(np.abs(panel).max()) or 1.0
        panel = panel / np.float32(largest)
        if panel.min() < 0:
            panel = (panel + 1) / 2
        panel = np.moveaxis(panel if len(panel) == 3 else np.repeat(panel[:1], 3, axis=0), 0, -1)
        panels += [panel, np.ones((panel.shape[0], 8, 3), np.float32)]
    pixels = np.concatenate(panels[:-1], axis=1)
    image = Image.fromarray((pixels * 255 + 0.5).astype(np.uint8))
    least = 4 * 24
    if image.height < least:  # a heatmap has few cells: each is to be seen
        times = -(-least // image.height)
        image = image.resize((image.width * times, image.height * times), Image.Resampling.NEAREST)
    return image


@dataclass(frozen=True, eq=False)
class Recording:
    """A session as a snapshot: the states from the start on, and what led to each.

    Attributes
    ----------
    filters : sequence of (str, BenchState)
        Name of the edit (of the first: empty) and the state after it.
    heatmap : sequence of (str, HeatmapState)
        Likewise; empty if nothing was transplanted.
    done, run : Transplanted and MapRun of the last state, if they are there.
    """

    filters: Sequence[tuple[str, BenchState]] = ()
    heatmap: Sequence[tuple[str, HeatmapState]] = ()
    done: Transplanted | None = None
    run: MapRun | None = None


def record(filters: FilterBench | None, heatmap: HeatmapBench | None) -> Recording:
    """What two benches have done so far. A journal that is full has forgotten its first steps."""
    steps: list[tuple[str, BenchState]] = []
    if filters is not None:
        edits = filters.journal.done
        steps = [("", edits[0].old if edits else filters.state)]
        steps += [(edit.name, edit.new) for edit in edits]
        if steps[-1][1] is not filters.state:  # a camera's frame, which is no edit
            steps.append(("Open picture", filters.state))
    maps: list[tuple[str, HeatmapState]] = []
    if heatmap is None:
        return Recording(steps)
    done = heatmap.journal.done
    maps = [("", done[0].old if done else heatmap.state), *((e.name, e.new) for e in done)]
    if maps[-1][1] is not heatmap.state:
        maps.append(("Open picture", heatmap.state))
    ready = [(name, s) for name, s in maps if s.operated and s.shown is not None]
    return Recording(steps, ready, heatmap.transplanted, heatmap.run)


@dataclass
class _Cell:
    title: str
    code: str
    image: bytes = b""


@dataclass
class _Pictures:
    """The pictures of a session: a variable for each, and files for those that are in none."""

    folder: str
    known: list[Any] = field(default_factory=list)
    files: dict[str, NDArray[np.float32]] = field(default_factory=dict)

    def name(self, picture: Any) -> tuple[str, bool]:
        """Its variable, and whether that is new."""
        for number, other in enumerate(self.known):
            if other is picture:
                return f"picture_{number}", False
        self.known.append(picture)
        return f"picture_{len(self.known) - 1}", True

    def opened(self, pixels: NDArray[np.float32], origin: tuple[str, str], frame: int = 0) -> str:
        """The expression that gives its pixels."""
        kind, name = origin
        if kind == "file":
            return f"read_picture({name!r}{f', frame={frame}' if frame else ''})"
        if kind in ("sample", "pattern"):
            return f"{kind}({name!r})"
        file = f"picture-{len(self.files)}{exact_suffix(pixels)}"
        self.files[file] = pixels
        grey = "[:, :, 0]" if pixels.ndim == 2 else ""
        return f"read_picture(HERE / {f'{self.folder}/{file}'!r}){grey}"


def pictures_folder(path: Path) -> Path:
    """Where the pictures of an exported session lie that are in no file."""
    return path.with_name(f"{path.stem}_pictures")


def notebook_job(recording: Recording, path: Path, title: str = "FilterLab") -> Job[list[Path]]:
    """Write a session as ``.ipynb`` or ``.py``, as the name ends; returns the files written.

    Raises
    ------
    FilterLabError
        If the name ends otherwise, or a file cannot be written.
    """
    suffix = path.suffix.lower()
    if suffix not in SUFFIXES:
        raise FilterLabError("{name}: a session is exported as .ipynb or .py", name=path.name)
    pictures = _Pictures(pictures_folder(path).name)
    here = "Path(__file__).parent" if suffix == ".py" else "Path()"
    cells = [_Cell("", _SETUP.format(here=here))]
    cells += yield from _filter_cells(recording, pictures)
    cells += yield from _heatmap_cells(recording, pictures)
    yield Progress("write the file", 1, 1, path.name)
    written = []
    if pictures.files:
        try:
            pictures_folder(path).mkdir(exist_ok=True)
        except OSError as error:
            raise FilterLabError(
                "{path}: cannot be written ({reason}); choose another place.",
                path=path,
                reason=reason_of(error),
            ) from error
    for file, pixels in pictures.files.items():
        write_picture(pictures_folder(path) / file, pixels)
        written.append(pictures_folder(path) / file)
    text = _script(cells, title) if suffix == ".py" else _notebook(cells, title)
    try:
        with atomic_write(path, "w") as stream:
            stream.write(text)
    except OSError as error:
        raise FilterLabError(
            "{path}: cannot be written ({reason}); choose another place.",
            path=path,
            reason=reason_of(error),
        ) from error
    return [path, *written]


def _script(cells: Sequence[_Cell], title: str) -> str:
    parts = [f'"""{title}"""\n']
    for cell in cells:
        parts.append(f"# %% {cell.title}".rstrip() + f"\n{cell.code}\n")
    return "\n".join(parts)


def _notebook(cells: Sequence[_Cell], title: str) -> str:
    import nbformat
    from nbformat import v4

    kernel = {"display_name": "Python 3", "language": "python", "name": "python3"}
    book = v4.new_notebook(metadata={"kernelspec": kernel, "language_info": {"name": "python"}})
    book.cells.append(v4.new_markdown_cell(f"# {title}"))
    for number, cell in enumerate(cells, 1):
        if cell.title:
            book.cells.append(v4.new_markdown_cell(f"## {cell.title}"))
        made = v4.new_code_cell(cell.code, execution_count=number)
        if cell.image:
            data = {"image/png": base64.b64encode(cell.image).decode("ascii")}
            made.outputs.append(v4.new_output("execute_result", data, execution_count=number))
        book.cells.append(made)
    for number, one in enumerate(book.cells):
        one.id = f"cell-{number}"  # else drawn at random: the same session is the same file
    text: str = nbformat.writes(book)
    return text + "\n"


def _png(array: NDArray[Any]) -> bytes:
    stream = io.BytesIO()
    show(array).save(stream, "PNG")
    return stream.getvalue()


# --- Filters --------------------------------------------------------------------------------------


def _filter_cells(recording: Recording, pictures: _Pictures) -> Job[list[_Cell]]:
    cells: list[_Cell] = []
    old: BenchState | None = None
    for number, (name, state) in enumerate(recording.filters):
        yield Progress("export the session", number, len(recording.filters), name)
        lines = _filter_lines(old, state, pictures)
        lines += ["outputs = net.forward()['conv'].copy()", "show(outputs)"]
        found = convolve.compute(_snapshot(state))
        planar = found.data[None] if found.data.ndim == 3 else np.moveaxis(found.data, -1, 0)
        title = f"Filters {number}: {name}" if name else "Filters: the start"
        cells.append(_Cell(title, "\n".join(lines), _png(planar)))
        old = state
    return cells


def _snapshot(state: BenchState) -> Snapshot:
    return Snapshot(state.weights, state.bias, state.settings, state.picture, 0, state.sizes)


def _filter_lines(old: BenchState | None, new: BenchState, pictures: _Pictures) -> list[str]:
    lines: list[str] = []
    name, unknown = pictures.name(new.picture)
    if unknown:  # before the net changes: it may be what that gave
        given = _applied(old, new) if old is not None else ""
        if not given:
            picture = new.picture
            given = pictures.opened(picture.pixels, picture.origin, picture.frame)
        lines.append(f"{name} = {given}")
    everything = old is None or filter_code.rebuilt(old, new)
    settings = new.settings
    if everything:
        lines.append(
            f"net = conv_net({settings.channels}, {new.size}, {settings.net_margins(new.size)}, "
            f"{settings.stride}, {settings.dilation})"
        )
    lines += filter_code.numbers(old or new, new, everything)
    if everything or old is None or old.picture is not new.picture or old.settings != settings:
        lines += [f"x = {_planes(new, name)}", filter_code.fed(new)]
    return lines


def _planes(state: BenchState, name: str) -> str:
    """The picture as the net takes it, before padding and scale."""
    if filter_code.single(state):
        return f"grey_of({name})[np.newaxis, np.newaxis]"
    if not state.picture.colour:
        return f"np.repeat({name}[np.newaxis, np.newaxis], 3, axis=1)"
    where = "[:, np.newaxis]" if state.settings.mode == "each" else "[np.newaxis]"
    return f"{name}.transpose(2, 0, 1){where}"


def _applied(old: BenchState, new: BenchState) -> str:
    """The output that became this input, if it is one of the net's before this step."""
    if len(new.stack) != len(old.stack) + 1:
        return ""
    last = new.stack[-1]
    same = (
        last.picture is old.picture
        and last.settings == old.settings
        and np.array_equal(last.weights, old.weights[last.slot])
        and last.bias == float(old.bias[last.slot])
    )
    if not same:
        return ""
    by = " / np.float32(255)" if old.settings.scale == 255 else ""
    if new.picture.colour:
        return f"np.ascontiguousarray(outputs[:, {last.slot}].transpose(1, 2, 0)){by}"
    return f"outputs[0, {last.slot}]{by}"


# --- Heatmap --------------------------------------------------------------------------------------


def _heatmap_cells(recording: Recording, pictures: _Pictures) -> Job[list[_Cell]]:
    cells: list[_Cell] = []
    nets: dict[Any, Transplanted] = {}
    runs: dict[Any, MapRun] = {}
    if recording.heatmap and recording.done is not None:
        last = recording.heatmap[-1][1]
        nets[last.model] = recording.done
        if recording.run is not None:
            runs[last.model, id(last.shown), last.request] = recording.run
    before: dict[str, list[str]] = {}
    for number, (name, state) in enumerate(recording.heatmap):
        shown = state.shown
        assert shown is not None
        yield Progress("export the session", number, len(recording.heatmap), name)
        if state.model not in nets:
            done = run_job(heatmap_jobs.transplant_of(state.model, ())).transplanted
            assert done is not None
            nets[state.model] = done
        done = nets[state.model]
        key = (state.model, id(shown), state.request)
        if key not in runs:
            # A double: the net may be at work in the window.
            outcome = yield from heatmap_jobs.map_of(
                state.model, done.double(), shown, state.request, ()
            )
            assert outcome.run is not None
            runs[key] = outcome.run
        maps = runs[key].maps
        classes = tuple(c for c in state.chosen if c < maps.classes)
        classes = classes or (int(maps.ranked("mean")[0]),)
        variable, unknown = pictures.name(shown)
        opened = [f"image = {variable}"]
        parts = heatmap_code.sections(state.model, done, shown, runs[key], classes, opened)
        parts["net"] = [line for line in parts["net"] if not line.startswith("import") and line]
        changed = [n for n, part in enumerate(parts) if parts[part] != before.get(part)]
        if not changed:
            continue  # only how it looks: no number changes
        lines = [f"{variable} = {_opened(pictures, shown)}"] if unknown else []
        for part in list(parts)[changed[0] :]:
            lines += [line for line in parts[part] if line]
        before = parts
        what = name or "the start"
        cells.append(
            _Cell(
                f"Heatmap: {what}", "\n".join([*lines, "show(heatmap)"]), _png(maps.values(classes))
            )
        )
    return cells


def _opened(pictures: _Pictures, shown: Shown) -> str:
    source = shown.source
    if source.path:
        return pictures.opened(shown.picture, ("file", source.path), source.frame)
    return pictures.opened(shown.picture, ("sample", source.sample) if source.sample else ("", ""))
