"""Where input pictures come from; each is read off the window's thread."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from PyQt5.QtCore import QObject, pyqtSignal

from filterlab.errors import FilterLabError
from filterlab.gui.class_names import picture_title
from filterlab.gui.i18n import Text, again, tr
from filterlab.gui.jobs import JobRunner
from filterlab.pictures import (
    PATTERNS,
    PICTURE_SUFFIXES,
    pattern,
    read_frame_job,
    read_picture,
    sample,
    sample_names,
    sample_title,
)
from filterlab.progress import Job, Progress
from filterlab.surgery.convolve import Picture
from filterlab.workbench.filter_state import Applied, check_steps, step_from_session

__all__ = ["KeptStep", "Source", "Sources", "neighbour", "title_of"]


class KeptStep(NamedTuple):
    """An applied step of the last session, and the copy of the picture it looked at."""

    values: Mapping[str, Any]
    title: str
    copy: str


class Source(NamedTuple):
    """What to read: ``file`` with a path, ``sample`` or ``pattern`` with a name.

    ``frame``, from 0, is that of a file with several. ``copy`` is a picture of the last session
    that is in no file of the user's: a path, and its title as ``label``. ``quiet``: it becomes the
    input without an undo step, as at the start. ``steps`` led to it.
    """

    kind: str
    name: str
    quiet: bool = False
    label: str = ""
    steps: tuple[KeptStep, ...] = ()
    frame: int = 0

    @property
    def title(self) -> str:
        """How the picture is called under its view."""
        if self.label:
            return self.label
        if self.kind == "file":
            return Path(self.name).name
        if self.kind == "sample":
            return tr(sample_title(self.name)) or self.name
        name = tr(self.name)
        return name[:1].upper() + name[1:]


def title_of(picture: Picture) -> str:
    """How a picture is called, in the language in use."""
    title = picture.title
    if isinstance(title, Text):
        return tr(title)
    # Older sessions call a sample by its short name.
    return again(picture_title(title, title))


def neighbour(source: Source, by: int) -> Source | None:
    """The next or previous picture: of the file's folder, of the samples, of the patterns."""
    if source.kind == "file":
        path = Path(source.name)
        try:
            names = sorted(
                str(other)
                for other in path.parent.iterdir()
                if other.suffix.lower() in PICTURE_SUFFIXES
            )
        except OSError:
            return None
    elif source.kind == "copy":
        return None
    else:
        names = sample_names() if source.kind == "sample" else list(PATTERNS)
    if source.name not in names:
        return None
    return Source(source.kind, names[(names.index(source.name) + by) % len(names)])


class Sources(QObject):
    """Reads pictures one at a time, the newest asked for wins.

    Signals
    -------
    arrived(object, object, object) : Source, Picture, tuple of Applied
    failed(str) : one sentence
    """

    arrived = pyqtSignal(object, object, object)
    failed = pyqtSignal(str)

    def __init__(self, parent: QObject) -> None:
        super().__init__(parent)
        self._runner = JobRunner(self)
        self._runner.done.connect(self._on_done)
        self._runner.failed.connect(self.failed)
        #: What was asked for last.
        self.asked: Source | None = None

    @property
    def busy(self) -> bool:
        """Whether a picture is being read."""
        return self._runner.running

    def open(self, source: Source) -> None:
        """Read a picture; it arrives later."""
        self.asked = source
        self._runner.start(_read(source), source.title)

    def cancel(self) -> bool:
        """Stop reading; whether anything was."""
        running = self._runner.running
        self._runner.cancel()
        return running

    def shutdown(self) -> None:
        """Stop and wait."""
        self._runner.shutdown()

    def _on_done(self, result: tuple[Source, Picture, tuple[Applied, ...]]) -> None:
        self.arrived.emit(*result)


def _read(source: Source) -> Job[tuple[Source, Picture, tuple[Applied, ...]]]:
    yield Progress("Reading the picture", 0, 2)
    frames = 1
    if source.kind == "file":
        pixels, frames = yield from read_frame_job(source.name, source.frame)
    elif source.kind == "copy":
        pixels = _copy(source.name)
    elif source.kind == "sample":
        pixels = sample(source.name)
    else:
        pixels = pattern(source.name)
    yield Progress("Reading the picture", 1, 2)
    picture = _picture(pixels, source.title)
    if source.kind != "copy":
        picture.origin = (source.kind, source.name)
        picture.frame, picture.frames = source.frame, frames
    _ = picture.grey
    steps: list[Applied] = []
    for kept in reversed(source.steps):
        yield Progress("Reading the picture", 1, 2)
        try:
            step = step_from_session(kept.values, _picture(_copy(kept.copy), kept.title))
            check_steps([step, *steps], picture)
        except FilterLabError:
            break  # what came before it leads nowhere
        steps.insert(0, step)
    return source, picture, tuple(steps)


def _copy(path: str) -> np.ndarray:
    pixels = read_picture(path)
    if Path(path).stem.endswith("-grey"):
        pixels = np.ascontiguousarray(pixels[:, :, 0])
    return pixels


def _picture(pixels: np.ndarray, title: str) -> Picture:
    if pixels.base is None:
        pixels.flags.writeable = False  # so that it is taken over without a copy
    return Picture(pixels, title)
