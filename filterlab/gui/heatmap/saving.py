"""What can be written from the tab, as jobs: overlay, map, cell, report, net, a whole folder."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from filterlab.errors import FilterLabError
from filterlab.gui.errors import one_sentence
from filterlab.gui.heatmap.look import Drawing, Look, Scene, draw, preview, with_lines
from filterlab.gui.heatmap.look_names import name_of, scales, shows
from filterlab.gui.heatmap.work import Size, Source, map_job, open_job
from filterlab.gui.i18n import language, tr
from filterlab.gui.tab import PICTURE_SUFFIXES
from filterlab.pictures import write_picture
from filterlab.progress import Job, Progress
from filterlab.surgery.export import write_cell, write_csv, write_npy
from filterlab.surgery.heatmap import ClassMaps
from filterlab.surgery.legend import drawable, with_legend, with_names
from filterlab.surgery.overlay import Style, as_rgb
from filterlab.surgery.pyramid import Pyramid
from filterlab.surgery.report import WIDEST, Drawn, write_report
from filterlab.surgery.targets import distinct_stems
from filterlab.surgery.transplant import Transplanted
from filterlab.zoo.catalogue import Model

__all__ = [
    "Exported",
    "Frame",
    "cell_job",
    "folder_job",
    "folder_targets",
    "map_file_job",
    "net_job",
    "overlay_job",
    "pictures_in",
    "report_job",
]

Array = NDArray[np.float32]

_HTML_LANGUAGES = {"en": "en", "zh": "zh-CN"}

#: How many pictures were exported, and why others were not.
Exported = tuple[int, list[str]]


@dataclass(frozen=True)
class Frame:
    """What is on show, as a snapshot.

    Attributes
    ----------
    picture : ndarray float32, full size. caption : lines below a saved overlay.
    labels : names by index. model : the net's title. account : the transplant's account.
    settings : what else was set, as (name, value).
    """

    picture: Array
    maps: ClassMaps
    chosen: tuple[int, ...]
    second: tuple[int, ...]
    look: Look
    pyramid: Pyramid | None
    caption: tuple[str, ...]
    labels: Any
    model: str
    account: str
    settings: tuple[tuple[str, str], ...] = ()


def style_of(look: Look) -> Style:
    """The look as the core's style for one class."""
    low, high = (0.0, 1.0) if look.scale in ("unit", "log") else (None, None)
    return Style(look.colours, look.opacity, look.threshold, look.gamma, low, high)


def full_drawing(frame: Frame) -> Drawing:
    """The picture with its map at the picture's full size."""
    return _drawing(frame, np.ascontiguousarray(as_rgb(frame.picture)))


def _drawing(frame: Frame, picture: Array) -> Drawing:
    return draw(
        Scene(
            picture,
            frame.maps,
            frame.chosen,
            frame.second,
            frame.look,
            frame.pyramid,
        )
    )


def overlay_job(frame: Frame, path: Path, legend: bool = True) -> Job[Path]:
    """The overlay at the picture's full size, with colour bar and caption."""
    yield Progress(tr("draw the overlay"), 0, 2)
    drawing = full_drawing(frame)
    image = with_lines(drawing).astype(np.float32) / np.float32(255)
    yield Progress(tr("write the file"), 1, 2, path.name)
    if legend and drawing.unit:
        style = replace(style_of(frame.look), low=drawing.low, high=drawing.high)
        ends = (drawing.low, drawing.high)
        unit = tr(drawing.unit) if drawable(tr(drawing.unit)) else drawing.unit
        image = with_legend(image, style, ends, frame.caption, unit, drawing.log)
    elif legend:
        image = with_names(image, _names(frame, drawing), frame.caption)
    write_picture(path, image)
    return path


def _names(frame: Frame, drawing: Drawing) -> list[tuple[tuple[int, int, int], str]]:
    """What the colours of a winner map, or of two classes, stand for."""
    return [
        (colour, str(frame.labels[index]) if index >= 0 else tr("all others"))
        for colour, index in drawing.legend
    ]


def map_file_job(frame: Frame, path: Path) -> Job[Path]:
    """The map's values as ``.npy``, ``.csv`` or ``.tiff``, a value a cell."""
    yield Progress(tr("write the file"), 0, 1, path.name)
    values = frame.maps.values(frame.chosen, "score" if frame.look.scale == "score" else "prob")
    suffix = path.suffix.lower()
    if suffix == ".npy":
        write_npy(path, values)
    elif suffix == ".csv":
        write_csv(path, frame.maps, values)
    elif suffix in (".tif", ".tiff"):
        write_picture(path, values)
    else:
        raise FilterLabError(
            tr("{name}: a map is saved as .npy, .csv or .tiff.").format(name=path.name)
        )
    return path


def cell_job(frame: Frame, cell: tuple[int, int], path: Path) -> Job[Path]:
    """All values of one cell as a table."""
    yield Progress(tr("write the file"), 0, 1, path.name)
    return write_cell(path, frame.maps, *cell, frame.labels)


def report_job(frame: Frame, path: Path) -> Job[Path]:
    """A report in one HTML file, in the window's language."""
    yield Progress(tr("write the report"), 0, 1, path.name)
    look, drawing = frame.look, _drawing(frame, preview(frame.picture, WIDEST))
    drawn = Drawn(
        with_lines(drawing).astype(np.float32) / np.float32(255),
        frame.caption[0] if frame.caption else "",
        (drawing.low, drawing.high) if drawing.unit else None,
        drawing.log,
        drawing.unit,
        tuple(_names(frame, drawing)),
    )
    settings = (
        (
            tr("shown"),
            tr("{show}; values: {scale}; threshold {threshold}").format(
                show=name_of(shows(), look.show),
                scale=name_of(scales(), look.scale),
                threshold=f"{look.threshold:g}",
            ),
        ),
        *frame.settings,
    )
    write_report(
        path,
        frame.picture,
        frame.maps,
        frame.chosen,
        frame.labels,
        frame.model,
        style_of(look),
        look.lay,
        frame.account,
        drawn=drawn,
        settings=settings,
        tr=tr,
        lang=_HTML_LANGUAGES[language()],
    )
    return path


def net_job(transplanted: Transplanted, path: Path) -> Job[Path]:
    """The dense net: ``.onnx``, or prototxt and caffemodel beside each other."""
    yield Progress(tr("write the net"), 0, 1, path.name)
    if path.suffix.lower() == ".onnx":
        from filterlab.surgery.onnx_export import export_onnx

        export_onnx(transplanted, path)
        return path
    known = path.suffix.lower() in (".prototxt", ".caffemodel")
    return transplanted.save(path.with_suffix("") if known else path)[0]


def pictures_in(folder: Path) -> list[Path]:
    """The picture files of a folder, by name."""
    try:
        found = [p for p in folder.iterdir() if p.suffix.lower() in PICTURE_SUFFIXES]
    except OSError as error:
        raise FilterLabError(
            tr("{folder}: cannot be looked into ({why}).").format(folder=folder, why=error.strerror)
        ) from error
    return sorted(p for p in found if p.is_file())


def folder_targets(pictures: Sequence[Path], out: Path) -> list[tuple[Path, Path]]:
    """The overlay and the map that :func:`folder_job` writes of each picture."""
    stems = distinct_stems(pictures)
    return [(out / f"{stem}_overlay.png", out / f"{stem}_map.npy") for stem in stems]


def folder_job(
    pictures: Sequence[Path],
    out: Path,
    model: Model | None,
    transplanted: Transplanted,
    size: Size,
    frame: Frame,
) -> Job[Exported]:
    """Overlay and map of every picture, into a folder; returns how many, and what failed.

    Runs a double of the net, so that the tab can go on with its own meanwhile.
    """
    from filterlab.caffe.errors import CaffeError

    yield Progress(tr("export the folder"), 0, len(pictures))
    transplanted = transplanted.double()
    done, problems = 0, []
    for k, (path, (overlay, values)) in enumerate(zip(pictures, folder_targets(pictures, out))):
        yield Progress(tr("export the folder"), k, len(pictures), path.name)
        try:
            opened = yield from _quiet(open_job(Source(path=str(path)), None, None, size))
            outcome = yield from _quiet(map_job(model, transplanted, opened.shown, size))
            one = replace(
                frame,
                picture=opened.shown.picture,
                maps=outcome.maps,
                pyramid=outcome.pyramid,
                caption=(*frame.caption[:1], path.name),
            )
            yield from _quiet(overlay_job(one, overlay))
            write_npy(values, outcome.maps.values(frame.chosen))
            done += 1
        except (FilterLabError, CaffeError, OSError) as error:
            problems.append(one_sentence(error))
    return done, problems


def _quiet(job: Job[Any]) -> Any:
    """A job whose own progress is kept back, so that the bar counts pictures."""
    try:
        while True:
            progress = next(job)
            yield replace_progress(progress)
    except StopIteration as end:
        return end.value


def replace_progress(progress: Progress) -> Progress:
    """The same step without a share, which leaves the bar where it is."""
    return Progress(progress.step, 0, 0, progress.message)
