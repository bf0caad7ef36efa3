"""The tab's long jobs: plain generators on snapshots, without Qt."""

from __future__ import annotations

import threading
from collections.abc import Generator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from filterlab.errors import FilterLabError
from filterlab.gui.heatmap.look import preview
from filterlab.gui.i18n import tr
from filterlab.pictures import read_picture, sample
from filterlab.progress import Job, Progress, run_job
from filterlab.surgery.dense import dense_job, strides
from filterlab.surgery.heatmap import ClassMaps, Preprocessing, choose_size, heatmap_job
from filterlab.surgery.pyramid import Pyramid, pyramid_job
from filterlab.surgery.sliding import Alone, classify_window
from filterlab.surgery.transplant import Transplanted, transplant_job
from filterlab.zoo.catalogue import Model
from filterlab.zoo.getting import prepare_job

__all__ = [
    "Live",
    "Outcome",
    "Shown",
    "Size",
    "Source",
    "alone_job",
    "hows",
    "live_job",
    "map_job",
    "open_job",
    "part",
    "preprocessing_of",
    "transplant_and_map_job",
]

Array = NDArray[np.float32]
_MOST_BY_DEFAULT = 20


@dataclass(frozen=True)
class Source:
    """Where a picture comes from: a file, a sample, or an array with a name (pasted)."""

    path: str = ""
    sample: str = ""
    array_name: str = ""
    array: Any = None

    @property
    def name(self) -> str:
        """The name to show."""
        return Path(self.path).name if self.path else self.sample or self.array_name


@dataclass(frozen=True)
class Shown:
    """A picture that is there: float32 RGB or grey in 0..1."""

    source: Source
    picture: Array


@dataclass(frozen=True)
class Size:
    """How large the net's input shall be, and how it is run.

    Attributes
    ----------
    cells : cells of the net's own stride on the longer side; 0 leaves the choice to the picture.
    squash : whether the picture is squashed to a square.
    how : ``""`` one pass; ``"stride:16"`` shifted copies; ``"pyramid"`` several scales joined;
        None as suits the net, see :func:`hows`.
    """

    cells: int = 0
    squash: bool = False
    how: str | None = None


@dataclass
class Outcome:
    """What a job has made; None where it made nothing of that kind."""

    model: Model | None = None
    transplanted: Transplanted | None = None
    shown: Shown | None = None
    maps: ClassMaps | None = None
    pyramid: Pyramid | None = None


def part(job: Job[Any], low: float, high: float) -> Generator[Progress, None, Any]:
    """A job as a part of a longer one: its progress goes from ``low`` to ``high`` of 1."""
    while True:
        try:
            progress = next(job)
        except StopIteration as end:
            return end.value
        done = low + (high - low) * progress.fraction
        yield Progress(progress.step, done, 1.0, progress.message)


def preprocessing_of(model: Model | None) -> Preprocessing:
    """How pictures are prepared for a model."""
    if model is None:
        return Preprocessing()
    return Preprocessing(model.mean_bgr, model.scale, model.order)


def hows(transplanted: Transplanted) -> list[str]:
    """What a net can be run as, see ``Size.how``; its default first."""
    return ["", *(f"stride:{n}" for n in strides(transplanted.geometry)[1:3]), "pyramid"]


def choices(transplanted: Transplanted, picture: Array, size: Size) -> dict[str, Any]:
    """The size as :func:`filterlab.surgery.heatmap.heatmap_job` takes it."""
    geometry = transplanted.geometry
    shape = (int(picture.shape[0]), int(picture.shape[1]))
    if size.squash:
        cells = size.cells or 8
        return {"squash": geometry.size_for_cells(cells, cells)}
    if size.cells:
        return {"cells": size.cells}
    smallest = geometry.smallest()
    if shape[0] < smallest[0] or shape[1] < smallest[1]:
        return {"cells": 4}
    chosen = choose_size(geometry, shape)
    # A net with a small jump would give hundreds of cells; the slider goes further if asked.
    if max(geometry.cells(*chosen)) > _MOST_BY_DEFAULT:
        return {"cells": _MOST_BY_DEFAULT}
    return {"size": chosen}


def _read(source: Source) -> Array:
    if source.array is not None:
        picture = source.array
    else:
        picture = read_picture(source.path) if source.path else sample(source.sample)
    if picture.size == 0:
        raise FilterLabError(tr("The picture {name} is empty.").format(name=source.name))
    return picture


def map_job(
    model: Model | None, transplanted: Transplanted, shown: Shown, size: Size
) -> Job[Outcome]:
    """The class maps of a picture, run as ``size.how`` says, or as the net is run by default."""
    offers = hows(transplanted)
    how = size.how if size.how in offers else offers[0]
    size = replace(size, how=how)
    outcome = Outcome(model, transplanted, shown)
    picture, ready = shown.picture, preprocessing_of(model)
    chosen = choices(transplanted, picture, size)
    if how.startswith("stride:"):
        stride = int(how.partition(":")[2])
        outcome.maps = yield from dense_job(
            transplanted, picture, stride, preprocessing=ready, **chosen
        )
        return outcome
    if how == "pyramid" and "squash" not in chosen:
        outcome.pyramid = yield from pyramid_job(
            transplanted, picture, preprocessing=ready, **chosen
        )
        outcome.maps = outcome.pyramid.levels[len(outcome.pyramid.levels) // 2]
        return outcome
    outcome.maps = yield from heatmap_job(transplanted, picture, preprocessing=ready, **chosen)
    return outcome


@dataclass(frozen=True)
class Live(Progress):
    """Progress that carries a frame of a camera or a video, with its maps.

    ``taken`` is set by whoever has shown it; the next frame waits for that, so that frames never
    queue up.
    """

    outcome: Outcome = field(default_factory=Outcome)
    preview: Any = None
    taken: threading.Event = field(default_factory=threading.Event)


def live_job(
    source: int | str, model: Model | None, transplanted: Transplanted, size: Size
) -> Job[Outcome]:
    """Map the newest frame of a camera or a video, again and again, until it is stopped."""
    from filterlab.pictures.camera import Camera

    name = tr("camera") if isinstance(source, int) else Path(source).name
    yield Progress(tr("open the camera"), 0, 0, name)
    outcome = Outcome(model, transplanted)
    number = -1
    with Camera(source) as camera:
        while True:
            frame = camera.latest(number, 0.1)
            if frame is None:
                if camera.ended:
                    return outcome
                yield Progress(tr("wait for a frame"), 0, 0, name)
                continue
            number = frame.number
            shown = Shown(Source(array_name=name, array=frame.picture), frame.picture)
            outcome = run_job(map_job(model, transplanted, shown, size))
            ms = round(1000 * outcome.maps.seconds) if outcome.maps is not None else 0
            text = tr("frame {n}, {ms} ms").format(n=number, ms=ms)
            live = Live(tr("map the frames"), 0, 0, text, outcome, preview(frame.picture))
            yield live
            while not live.taken.wait(0.05):
                yield Progress(tr("map the frames"), 0, 0, text)


def alone_job(transplanted: Transplanted, maps: ClassMaps, cell: tuple[int, int]) -> Job[Alone]:
    """A cell's window, cut out and classified by itself."""
    yield Progress(tr("classify the window alone"), 0, 1)
    return classify_window(transplanted, maps, *cell)


def open_job(
    source: Source, model: Model | None, transplanted: Transplanted | None, size: Size
) -> Job[Outcome]:
    """Read a picture and, if a net is there, its class maps."""
    yield Progress(tr("read the picture"), 0, 1, source.name)
    shown = Shown(source, _read(source))
    if transplanted is None:
        return Outcome(shown=shown)
    outcome: Outcome = yield from part(map_job(model, transplanted, shown, size), 0.3, 1.0)
    return outcome


def transplant_and_map_job(model: Model, shown: Shown | None, size: Size) -> Job[Outcome]:
    """Transplant, and map the picture that is there.

    Weights are made first if need be; nothing is downloaded without being asked for.
    """
    at = 0.0
    if model.weights is None and model.makeable:
        yield from part(prepare_job(model), 0.0, 0.5)
        at = 0.5
    weights = model.need_weights()
    end = 0.85 if shown is not None else 1.0
    transplanted = yield from part(transplant_job(model.prototxt, weights), at, end)
    if shown is None:
        return Outcome(model, transplanted)
    outcome: Outcome = yield from part(map_job(model, transplanted, shown, size), end, 1.0)
    return outcome
