"""What the heatmap bench writes: overlays, maps, cells, reports, nets, whole folders.

The same files whoever asks for them, window or command; a folder run gives of each picture what
saving it alone would.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from filterlab.caffe.errors import CaffeError
from filterlab.caffe.text import Text, reason_of
from filterlab.errors import FilterLabError
from filterlab.pictures import write_picture
from filterlab.progress import Job, Progress
from filterlab.surgery.agreement import Agreement, agreement_job
from filterlab.surgery.export import write_cell, write_csv, write_npy
from filterlab.surgery.legend import drawable, with_legend, with_names
from filterlab.surgery.methods import MapRun, Request, map_job, plan
from filterlab.surgery.overlay import as_rgb
from filterlab.surgery.report import WIDEST, Drawn, write_report
from filterlab.surgery.targets import distinct_stems, spare_inputs
from filterlab.surgery.transplant import Transplanted
from filterlab.workbench.heatmap_draw import (
    Drawing,
    Scene,
    draw,
    preview,
    style_of,
    with_lines,
)
from filterlab.workbench.heatmap_jobs import part, read_source
from filterlab.workbench.heatmap_state import (
    SCALES,
    SHOWS,
    Cell,
    Look,
    Shown,
    Source,
    preprocessing_of,
)
from filterlab.zoo.catalogue import Model
from filterlab.zoo.labels import Labels

__all__ = [
    "ENGLISH",
    "FolderResult",
    "FolderRow",
    "FolderTask",
    "Frame",
    "Words",
    "caption",
    "cell_job",
    "checked_job",
    "class_title",
    "folder_job",
    "folder_targets",
    "map_file_job",
    "map_values",
    "net_job",
    "overlay_job",
    "report_job",
]

Array = NDArray[np.float32]

_NAMED = 3  # classes of a sum that a title names


@dataclass(frozen=True)
class Words:
    """The language of what is written into files.

    Attributes
    ----------
    tr : function of str to str
        Gives a text, its ``{places}`` still open, in the language.
    lang : str
        The language as HTML writes it.
    """

    tr: Callable[[str], str] = str
    lang: str = "en"


ENGLISH = Words()


@dataclass(frozen=True)
class Frame:
    """What is on show, as a snapshot.

    Attributes
    ----------
    shown : the picture, full size. run : its maps.
    classes, second : those shown, and those of the second colour.
    labels : names by index. model : whose they are. account : the transplant's account.
    agreement : the check against the classifier, if there was one.
    """

    shown: Shown
    run: MapRun
    classes: tuple[int, ...]
    second: tuple[int, ...]
    look: Look
    labels: Labels
    model: Model
    account: str = ""
    agreement: Agreement | None = None


def class_title(labels: Labels, classes: Sequence[int], words: Words = ENGLISH) -> str:
    """Number and name of one class, or of the first of several that are summed."""

    def name(index: int) -> str:
        label = labels[index]
        own = "" if words.lang == ENGLISH.lang else label.name_in(words.lang)
        return f"{index} {own or label.english}"

    shown = " + ".join(name(c) for c in classes[:_NAMED])
    more = len(classes) - _NAMED
    return shown + (" + " + words.tr("{n} more").format(n=more) if more > 0 else "")


def caption(frame: Frame, words: Words = ENGLISH) -> tuple[str, str]:
    """The two lines below a saved overlay: what is shown; net, method and picture."""
    show = frame.look.show
    if show == "class":
        title = class_title(frame.labels, frame.classes, words)
    elif show == "two":
        pair = (class_title(frame.labels, c, words) for c in (frame.classes, frame.second))
        title = " ↔ ".join(pair)
    else:
        title = words.tr(SHOWS[show])
    maps, picture = frame.run.maps, frame.shown.source.title
    facts = words.tr("{model}, {method}, {cols} x {rows} cells, {picture}").format(
        model=frame.model.title,
        method=words.tr(frame.run.plan.method),
        cols=maps.cols,
        rows=maps.rows,
        picture=words.tr(picture) if isinstance(picture, Text) else picture,
    )
    return title, facts


def map_values(frame: Frame) -> Array:
    """The map's values (rows, cols) float32 as they are saved: scores if scores are shown.

    Else probabilities, of several classes their sum.
    """
    scale = "score" if frame.look.scale == "score" else "prob"
    return frame.run.maps.values(frame.classes, scale)


def _drawing(frame: Frame, picture: Array) -> Drawing:
    run = frame.run
    return draw(Scene(picture, run.maps, frame.classes, frame.second, frame.look, run.pyramid))


def _float(image: NDArray[np.uint8]) -> Array:
    return image.astype(np.float32) / np.float32(255)


def overlay_job(
    frame: Frame, path: Path, legend: bool = False, words: Words = ENGLISH
) -> Job[Path]:
    """The overlay at the picture's full size; with ``legend`` colour bar and caption."""
    yield Progress("draw the overlay", 0, 2)
    drawing = _drawing(frame, np.ascontiguousarray(as_rgb(frame.shown.picture)))
    image = _float(with_lines(drawing))
    yield Progress("write the file", 1, 2, path.name)
    if legend and drawing.unit:
        unit = words.tr(drawing.unit)
        image = with_legend(
            image,
            style_of(frame.look, drawing.low, drawing.high),
            (drawing.low, drawing.high),
            caption(frame, words),
            unit if drawable(unit) else drawing.unit,
            drawing.log,
        )
    elif legend:
        image = with_names(image, _names(frame, drawing, words), caption(frame, words))
    write_picture(path, image)
    return path


def _names(frame: Frame, drawing: Drawing, words: Words) -> list[tuple[tuple[int, int, int], str]]:
    """What the colours of a winner map, or of two classes, stand for."""
    return [
        (colour, class_title(frame.labels, [c], words) if c >= 0 else words.tr("all others"))
        for colour, c in drawing.legend
    ]


def map_file_job(frame: Frame, path: Path, kind: str = "") -> Job[Path]:
    """The map's values as ``npy``, ``csv`` or ``tiff``, a value a cell; as the name's ending says.

    Raises
    ------
    FilterLabError
        For another kind.
    """
    yield Progress("write the file", 0, 1, path.name)
    values = map_values(frame)
    kind = kind or path.suffix.lower().lstrip(".")
    if kind == "npy":
        write_npy(path, values)
    elif kind == "csv":
        write_csv(path, frame.run.maps, values)
    elif kind in ("tif", "tiff"):
        write_picture(path, values)
    else:
        raise FilterLabError("{name}: a map is saved as .npy, .csv or .tiff", name=path.name)
    return path


def cell_job(frame: Frame, cell: Cell, path: Path) -> Job[Path]:
    """All values of one cell as a table."""
    yield Progress("write the file", 0, 1, path.name)
    return write_cell(path, frame.run.maps, *cell, frame.labels)


def report_job(frame: Frame, path: Path, words: Words = ENGLISH) -> Job[Path]:
    """A report in one HTML file."""
    yield Progress("write the report", 0, 1, path.name)
    look, tr = frame.look, words.tr
    drawing = _drawing(frame, preview(frame.shown.picture, WIDEST))
    drawn = Drawn(
        _float(with_lines(drawing)),
        caption(frame, words)[0],
        (drawing.low, drawing.high) if drawing.unit else None,
        drawing.log,
        drawing.unit,
        tuple(_names(frame, drawing, words)),
    )
    low, high = (drawing.low, drawing.high) if drawing.unit else (0.0, 1.0)
    write_report(
        path,
        frame.shown.picture,
        frame.run.maps,
        frame.classes,
        frame.labels,
        frame.model.title,
        style_of(look, low, high),
        look.projection,
        frame.account,
        drawn=drawn,
        settings=_settings(frame, tr),
        agreement=frame.agreement,
        tr=tr,
        lang=words.lang,
    )
    return path


def _settings(frame: Frame, tr: Callable[[str], str]) -> list[tuple[str, str]]:
    """What a report says of how the map was made, beside what the map itself knows."""
    look, run, ready = frame.look, frame.run, preprocessing_of(frame.model)
    squash = bool(run.plan.request.squash)
    rows = [
        (
            tr("shown"),
            tr("{show}; values: {scale}; threshold {threshold}").format(
                show=tr(SHOWS[look.show]),
                scale=tr(SCALES[look.scale]),
                threshold=f"{look.threshold:g}",
            ),
        ),
        (tr("passes"), str(run.plan.passes)),
        (tr("picture's shape"), tr("squashed to a square") if squash else tr("kept")),
        (
            tr("preprocessing"),
            tr("{order} x {scale}, minus the mean {mean} (B, G, R)").format(
                order=ready.order,
                scale=f"{ready.scale:g}",
                mean=", ".join(f"{v:g}" for v in ready.mean_bgr),
            ),
        ),
    ]
    if run.plan.note:
        rows.append((tr("picture"), tr(run.plan.note)))
    return rows


def net_job(done: Transplanted, path: Path) -> Job[Path]:
    """The dense net: ``.onnx``, or prototxt and caffemodel beside each other."""
    yield Progress("write the net", 0, 1, path.name)
    if path.suffix.lower() == ".onnx":
        from filterlab.surgery.onnx_export import export_onnx

        export_onnx(done, path)
        return path
    known = path.suffix.lower() in (".prototxt", ".caffemodel")
    return done.save(path.with_suffix("") if known else path)[0]


# --- folders --------------------------------------------------------------------------------------


@dataclass(frozen=True)
class FolderTask:
    """Which pictures are mapped, how, and where to.

    Attributes
    ----------
    pictures : sequence of Path
    out : Path
        A folder; made if it is not there.
    request : Request
    classes, second : tuple of int
        No ``classes`` means the best of each picture as a whole.
    look : Look
    legend : whether a colour bar and a caption are added.
    check : whether each map is checked against the classifier.
    """

    pictures: Sequence[Path]
    out: Path
    request: Request = field(default_factory=Request)
    classes: tuple[int, ...] = ()
    second: tuple[int, ...] = ()
    look: Look = field(default_factory=Look)
    legend: bool = False
    check: bool = True
    words: Words = ENGLISH


@dataclass(frozen=True)
class FolderRow:
    """What one picture gave.

    Attributes
    ----------
    picture, overlay, map : Path
        What was read, and the two files that were written.
    classes : tuple of int
    peak : float
        The map's largest value.
    at : (float, float)
        Where on the picture its cell looks, (x, y).
    plan_method : str
    points : float or None
        Mean difference from the classifier in percentage points; None if it was not checked.
    """

    picture: Path
    overlay: Path
    map: Path
    classes: tuple[int, ...]
    peak: float
    at: tuple[float, float]
    method: str
    points: float | None = None


@dataclass
class FolderResult:
    """What a run over a folder gave: rows of what worked, and of what failed why."""

    rows: list[FolderRow] = field(default_factory=list)
    failed: list[tuple[Path, str]] = field(default_factory=list)


def folder_targets(pictures: Sequence[Path], out: Path) -> list[tuple[Path, Path]]:
    """The overlay and the map that :func:`folder_job` writes of each picture."""
    stems = distinct_stems(pictures)
    return [(out / f"{stem}_overlay.png", out / f"{stem}_map.npy") for stem in stems]


def folder_job(
    task: FolderTask, model: Model, done: Transplanted, labels: Labels
) -> Job[FolderResult]:
    """Overlay and map of every picture; a picture that fails is noted and passed over.

    Raises
    ------
    FilterLabError
        If the folder cannot be made, or a picture would be overwritten.
    """
    try:
        task.out.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise FilterLabError(
            "{out}: cannot be made ({reason})", out=task.out, reason=reason_of(error)
        ) from error
    targets = folder_targets(task.pictures, task.out)
    spare_inputs([name for pair in targets for name in pair], task.pictures)
    result, total = FolderResult(), len(task.pictures)
    for k, (path, (overlay, values)) in enumerate(zip(task.pictures, targets)):
        yield Progress("map the pictures", k, total, path.name)
        try:
            row = yield from _within(
                _one(task, model, done, labels, path, overlay, values), k, total, path.name
            )
        except (FilterLabError, CaffeError, OSError) as error:
            result.failed.append((path, reason_of(error)))
            continue
        result.rows.append(row)
    return result


def _one(
    task: FolderTask,
    model: Model,
    done: Transplanted,
    labels: Labels,
    path: Path,
    overlay: Path,
    values: Path,
) -> Job[FolderRow]:
    shown = read_source(Source(path=str(path)))
    yield Progress("read the picture", 1, 10)
    planned = plan(done, shown.size, task.request)
    job = map_job(done, shown.picture, planned, preprocessing_of(model))
    run: MapRun = yield from part(job, 0.1, 0.7)
    maps = run.maps
    classes = tuple(c for c in task.classes if c < maps.classes)
    classes = classes or (int(maps.ranked("mean")[0]),)
    found = None
    if task.check and run.plan.method != "exact":
        found = yield from part(checked_job(done, run), 0.7, 0.9)
    frame = Frame(shown, run, classes, task.second, task.look, labels, model, agreement=found)
    yield from part(overlay_job(frame, overlay, task.legend, task.words), 0.9, 1.0)
    array = map_values(frame)
    write_npy(values, array)
    i, j = divmod(int(array.argmax()), maps.cols)
    return FolderRow(
        path,
        overlay,
        values,
        classes,
        float(array.max()),
        maps.centre_on_picture(i, j),
        run.plan.method,
        None if found is None else found.mean_points(classes),
    )


def checked_job(done: Transplanted, run: MapRun) -> Job[Agreement | None]:
    """The check of a map, or None where the classifier has no one answer to a window."""
    try:
        found = yield from agreement_job(done, run.maps)
    except FilterLabError:
        return None
    return found


def _within(job: Job[Any], done: int, total: int, name: str) -> Job[Any]:
    """A picture's own job as one step of the whole."""
    while True:
        try:
            progress = next(job)
        except StopIteration as end:
            return end.value
        yield Progress("map the pictures", done + progress.fraction, total, name)
