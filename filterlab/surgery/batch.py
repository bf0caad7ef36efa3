"""Many pictures, one after the other: overlays of a whole folder."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from filterlab.caffe.errors import CaffeError
from filterlab.errors import FilterLabError
from filterlab.pictures import PICTURE_SUFFIXES, read_picture, write_picture
from filterlab.progress import Job, Progress
from filterlab.surgery.heatmap import Preprocessing, heatmap_job
from filterlab.surgery.legend import with_legend
from filterlab.surgery.overlay import Style, compose, lay
from filterlab.surgery.targets import distinct_stems, spare_inputs
from filterlab.surgery.transplant import Transplanted

__all__ = ["Batch", "batch_job", "pictures_in"]


@dataclass(frozen=True)
class Batch:
    """What a run over a folder gave.

    Attributes
    ----------
    written : list of Path
        The overlays.
    peaks : list of (Path, float, (float, float))
        For each picture that worked, the map's largest value and where on the picture it is.
    failed : list of (Path, str)
        Pictures that did not work, and the one sentence why; the others went on.
    classes : list of tuple of int
        For each of ``peaks``, the classes whose sum is shown.
    """

    written: list[Path]
    peaks: list[tuple[Path, float, tuple[float, float]]]
    failed: list[tuple[Path, str]]
    classes: list[tuple[int, ...]] = field(default_factory=list)


def pictures_in(folder: str | os.PathLike[str]) -> list[Path]:
    """The picture files of a folder by name, those of folders in it not included.

    Raises
    ------
    FilterLabError
        If it is no folder or has no pictures.
    """
    folder = Path(folder)
    if not folder.is_dir():
        raise FilterLabError(f"{folder}: there is no such folder")
    found = [
        path
        for path in folder.iterdir()
        if path.suffix.lower() in PICTURE_SUFFIXES and path.suffix.lower() != ".npy"
    ]
    if not found:
        raise FilterLabError(f"{folder}: there are no pictures in this folder")
    return sorted(found, key=lambda path: path.name.casefold())


def batch_job(
    transplanted: Transplanted,
    pictures: Sequence[Path],
    out: str | os.PathLike[str],
    classes: Sequence[int] | None,
    *,
    style: Style | None = None,
    mode: str = "tiles",
    scale: str = "prob",
    caption: Callable[[Sequence[int]], str] | None = None,
    preprocessing: Preprocessing | None = None,
    **choices: Any,
) -> Job[Batch]:
    """Lay the map of some classes on every picture and write ``NAME-map.png`` into ``out``.

    Parameters
    ----------
    transplanted, pictures, classes
        The net, the picture files, the classes whose sum is shown; None for the best class of
        each picture.
    out : path
        A folder; made if it is not there.
    caption : callable, optional
        With it, a colour bar and what it says of the classes are added.
    **choices
        ``cells``, ``size``, ``squash`` of :func:`filterlab.surgery.heatmap.heatmap_job`.

    A picture that fails is noted and passed over.

    Raises
    ------
    FilterLabError
        If the folder cannot be made, or a picture would be overwritten.
    """
    style = style or Style()
    folder = Path(out)
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise FilterLabError(f"{folder}: cannot be made ({error.strerror or error})") from error
    batch = Batch([], [], [])
    targets = [folder / f"{stem}-map.png" for stem in distinct_stems(pictures)]
    spare_inputs(targets, pictures)
    for done, (path, target) in enumerate(zip(pictures, targets)):
        yield Progress("map the pictures", done, len(pictures), path.name)
        try:
            picture = read_picture(path)
            maps = yield from _within(
                heatmap_job(transplanted, picture, preprocessing=preprocessing, **choices),
                done,
                len(pictures),
                path.name,
            )
            chosen = (int(maps.ranked()[0]),) if classes is None else tuple(classes)
            values = maps.values(chosen, scale)
            layer = lay(maps, values, mode)
            drawn = compose(picture, layer, style)
            if caption is not None:
                unit = {"log": "ln probability", "score": "score"}.get(scale, "probability")
                lines = [caption(chosen), path.name]
                drawn = with_legend(drawn, style, style.limits(layer), lines, unit)
            write_picture(target, drawn)
        except (FilterLabError, CaffeError) as error:
            batch.failed.append((path, str(error)))
            continue
        i, j = divmod(int(values.argmax()), maps.cols)
        batch.written.append(target)
        batch.classes.append(chosen)
        batch.peaks.append((path, float(values.max()), maps.centre_on_picture(i, j)))
    return batch


def _within(job: Job[Any], done: int, total: int, name: str) -> Job[Any]:
    """A picture's own job as one step of the whole."""
    while True:
        try:
            progress = next(job)
        except StopIteration as end:
            return end.value
        yield Progress("map the pictures", done + progress.fraction, total, name)
