"""Where input pictures come from; each is read off the window's thread."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from qtpy.QtCore import QObject, Signal

from filterlab.gui.i18n import tr
from filterlab.gui.jobs import JobRunner
from filterlab.pictures import (
    PATTERNS,
    PICTURE_SUFFIXES,
    pattern,
    read_picture,
    sample,
    sample_names,
    samples,
)
from filterlab.progress import Job, Progress
from filterlab.surgery.convolve import Picture

__all__ = ["Source", "Sources", "neighbour"]


@dataclass(frozen=True)
class Source:
    """What to read: ``file`` with a path, ``sample`` or ``pattern`` with a name.

    ``copy`` is a picture of the last session that is in no file of the user's: a path, and its
    title as ``label``. ``quiet``: it becomes the input without an undo step, as at the start.
    """

    kind: str
    name: str
    quiet: bool = False
    label: str = ""

    @property
    def title(self) -> str:
        """How the picture is called under its view."""
        if self.label:
            return self.label
        if self.kind == "file":
            return Path(self.name).name
        if self.kind == "sample":
            return tr(next((s.title for s in samples() if s.name == self.name), self.name))
        name = tr(self.name)
        return name[:1].upper() + name[1:]


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
    arrived(object, object) : Source, Picture
    failed(str) : one sentence
    """

    arrived = Signal(object, object)
    failed = Signal(str)

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

    def _on_done(self, result: tuple[Source, Picture]) -> None:
        self.arrived.emit(*result)


def _read(source: Source) -> Job[tuple[Source, Picture]]:
    yield Progress("Reading the picture", 0, 2)
    if source.kind == "file":
        pixels = read_picture(source.name)
    elif source.kind == "copy":
        pixels = read_picture(source.name)
        if Path(source.name).stem.endswith("-grey"):
            pixels = np.ascontiguousarray(pixels[:, :, 0])
    elif source.kind == "sample":
        pixels = sample(source.name)
    else:
        pixels = pattern(source.name)
    yield Progress("Reading the picture", 1, 2)
    if pixels.base is None:
        pixels.flags.writeable = False  # so that it is taken over without a copy
    picture = Picture(pixels, source.title)
    if source.kind != "copy":
        picture.origin = (source.kind, source.name)
    _ = picture.grey
    return source, picture
