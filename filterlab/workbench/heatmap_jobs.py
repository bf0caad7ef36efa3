"""The long jobs of the heatmap bench: generators on snapshots that return an :class:`Outcome`."""

from __future__ import annotations

import threading
from collections.abc import Generator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from filterlab.caffe.text import Text
from filterlab.errors import FilterLabError
from filterlab.pictures import read_frame_job, sample
from filterlab.progress import Job, Progress, run_job
from filterlab.surgery.agreement import Agreement, agreement_job
from filterlab.surgery.methods import MapRun, Request, map_job, plan
from filterlab.surgery.sliding import Alone, classify_window
from filterlab.surgery.transplant import Transplanted, transplant_job
from filterlab.workbench.heatmap_draw import preview
from filterlab.workbench.heatmap_state import Cell, Shown, Source, preprocessing_of
from filterlab.zoo.catalogue import Model
from filterlab.zoo.getting import prepare_job

__all__ = [
    "Live",
    "Outcome",
    "alone_of",
    "check_of",
    "first_frame_of",
    "live_of",
    "map_of",
    "open_of",
    "part",
    "read_source",
    "read_source_job",
    "transplant_of",
]

Array = NDArray[np.float32]
Key = tuple[Any, ...]


@dataclass
class Outcome:
    """What a job has made; None where it made nothing of that kind.

    Attributes
    ----------
    net_key, map_key : tuple
        Of which model, and of which model, picture and request.
    """

    net_key: Key = ()
    map_key: Key = ()
    model: Model | None = None
    transplanted: Transplanted | None = None
    shown: Shown | None = None
    run: MapRun | None = None
    agreement: Agreement | None = None
    cell: Cell | None = None
    alone: Alone | None = None


@dataclass(frozen=True)
class Live(Progress):
    """Progress that carries a frame of a camera or a video, with its map.

    ``taken`` is set by whoever has shown it; the next frame waits for that, so that frames never
    queue up, and picture, map and list are always of one frame. ``number`` is the frame's, from 0.
    """

    outcome: Outcome = field(default_factory=Outcome)
    preview: Any = None
    number: int = 0
    taken: threading.Event = field(default_factory=threading.Event)


def part(job: Job[Any], low: float, high: float) -> Generator[Progress, None, Any]:
    """A job as a part of a longer one: its progress goes from ``low`` to ``high`` of 1."""
    while True:
        try:
            progress = next(job)
        except StopIteration as end:
            return end.value
        done = low + (high - low) * progress.fraction
        yield replace(progress, done=done, total=1.0)


def read_source(source: Source, array: NDArray[Any] | None = None) -> Shown:
    """As :func:`read_source_job`, at once."""
    return run_job(read_source_job(source, array))


def read_source_job(source: Source, array: NDArray[Any] | None = None) -> Job[Shown]:
    """The picture of a source; ``array`` is that of a pasted one.

    Raises
    ------
    FilterLabError
        If it cannot be read, or is empty.
    """
    frames = 1
    if array is not None:
        picture = np.asarray(array, np.float32)
    elif source.path:
        picture, frames = yield from read_frame_job(source.path, source.frame)
    elif source.sample:
        picture = sample(source.sample)
    else:
        raise FilterLabError(
            "the picture {name!r} is kept in no file; open another one", name=source.name
        )
    if picture.size == 0:
        raise FilterLabError("the picture {name} is empty; open another one", name=source.name)
    return Shown(source, picture, frames=frames, preview=preview(picture))


def open_of(source: Source, array: NDArray[Any] | None = None) -> Job[Outcome]:
    """Read a picture."""
    yield Progress("read the picture", 0, 1, source.title)
    return Outcome(shown=(yield from read_source_job(source, array)))


def first_frame_of(path: str) -> Job[Outcome]:
    """Read a video's first frame, as a picture that is in no file.

    Raises
    ------
    FilterLabError
        If the file is missing or no video.
    """
    from filterlab.pictures.camera import first_frame

    name = Path(path).name
    yield Progress("open the camera", 0, 0, name)
    return Outcome(shown=Shown(Source(array_name=name), first_frame(path)))


def transplant_of(model: Model, net_key: Key) -> Job[Outcome]:
    """Transplant a model; its weights are made first if that takes nothing but time.

    Nothing is downloaded without being asked for.
    """
    model = yield from part(prepare_job(model), 0.0, 0.5)
    job = transplant_job(
        model.prototxt,
        model.need_weights(),
        model.output or None,
        model.activation or None,
        model.channels or None,
    )
    done = yield from part(job, 0.5, 1.0)
    return Outcome(net_key, model=model, transplanted=done)


def map_of(
    model: Model, done: Transplanted, shown: Shown, request: Request, map_key: Key
) -> Job[Outcome]:
    """The class maps of a picture; of a frame that passes by, resized the quick way."""
    prepared = replace(preprocessing_of(model), quick=shown.passing)
    run = yield from map_job(done, shown.picture, plan(done, shown.size, request), prepared)
    return Outcome(map_key=map_key, run=run)


def check_of(done: Transplanted, run: MapRun, map_key: Key) -> Job[Outcome]:
    """How well a map agrees with the classifier on some of its windows."""
    found = yield from agreement_job(done, run.maps)
    return Outcome(map_key=map_key, agreement=found)


def alone_of(done: Transplanted, run: MapRun, cell: Cell, map_key: Key) -> Job[Outcome]:
    """A cell's window, cut out and classified by itself."""
    yield Progress("classify the window alone", 0, 1)
    alone = classify_window(done, run.maps, *cell)
    return Outcome(map_key=map_key, cell=cell, alone=alone)


def live_of(
    source: int | str,
    model: Model,
    done: Transplanted,
    request: Request,
    playing: threading.Event | None = None,
    first: int = 0,
) -> Job[Outcome]:
    """Map the newest frame of a camera or a video, again and again, until it is stopped.

    By one pass of the dense net a frame, unless another method is asked for. A video begins with
    the frame ``first``, and anew when it is over. While ``playing`` is given and not set it stands
    still.
    """
    from filterlab.pictures.camera import Camera

    name = Text("camera") if isinstance(source, int) else Path(source).name
    yield Progress("open the camera", 0, 0, name)
    outcome, frames = Outcome(model=model), 0
    # Frames are many and of one size: laying the weights out pays at once.
    moving = done.double("first")
    request = replace(request, method=request.method or done.quick_method)
    while True:
        number = -1
        with Camera(source, first) as camera:
            first = 0
            while True:
                stands = playing is not None and not playing.is_set()
                camera.pause(stands)
                if stands and playing is not None and not playing.wait(0.05):
                    yield Progress("paused", 0, 0, name)
                    continue
                frame = camera.latest(number, 0.1)
                if frame is None:
                    if camera.ended:
                        break
                    yield Progress("wait for a frame", 0, 0, name)
                    continue
                number = frame.number
                shown = Shown(Source(array_name=name), frame.picture, passing=True)
                run = run_job(map_of(model, moving, shown, request, ()))
                outcome = Outcome(model=model, shown=shown, run=run.run)
                frames += 1
                ms = round(1000 * run.run.seconds) if run.run is not None else 0
                text = Text("frame {number}, {ms} ms", number=number, ms=ms)
                live = Live(
                    Text("map the frames"), 0, 0, text, outcome, preview(frame.picture), number
                )
                yield live
                while not live.taken.wait(0.05):
                    yield Progress("map the frames", 0, 0, text)
        if isinstance(source, int) or not frames:
            return outcome
