"""Where pictures come from: files, samples, the folder's next, the clipboard, camera and video."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray
from PyQt5.QtCore import QObject
from PyQt5.QtWidgets import QApplication, QWidget

from filterlab.gui.file_dialogs import open_path
from filterlab.gui.heatmap.runs import Runs
from filterlab.gui.i18n import tr
from filterlab.gui.images import picture_of
from filterlab.gui.saying import Say
from filterlab.pictures import sample_names
from filterlab.pictures.shelf import pictures_in
from filterlab.workbench.heatmap_bench import HeatmapBench
from filterlab.workbench.heatmap_jobs import Outcome
from filterlab.workbench.heatmap_state import Source

__all__ = ["VIDEO_SUFFIXES", "PictureCommands"]

T = TypeVar("T")

VIDEO_SUFFIXES = frozenset(".mp4 .avi .mov .mkv .webm .m4v .mpg".split())


class PictureCommands(QObject):
    """Opens pictures for a bench.

    Parameters
    ----------
    window : QWidget
        What dialogs belong to.
    patterns : str
        The file dialog's filter for pictures.
    opened : callable
        Told the path of a file that was opened.
    """

    def __init__(
        self,
        bench: HeatmapBench,
        runs: Runs,
        say: Say,
        patterns: str,
        opened: Callable[[str], object],
        window: QWidget,
    ) -> None:
        super().__init__(window)
        self._bench, self._runs, self._say = bench, runs, say
        self._patterns, self._opened, self._window = patterns, opened, window
        self._last_file = ""
        #: A video that plays once there is a net to map its frames with.
        self.waiting = ""

    def open(self, source: Source, array: NDArray[np.float32] | None = None) -> None:
        """Read a picture; its map follows."""
        self.waiting = ""

        def take(outcome: Outcome) -> None:
            if source.path:
                self._last_file = source.path
                self._opened(source.path)
            self._runs.accept(outcome)

        self._runs.start(self._bench.open_job(source, array), tr("Open picture"), take)

    def open_file(self, path: str) -> None:
        """Read a picture, or map a video's frames."""
        if Path(path).suffix.lower() in VIDEO_SUFFIXES:
            self.open_video(path)
        else:
            self.open(Source(path=str(path)))

    def open_sample(self, name: str) -> None:
        """Show a sample picture."""
        self.open(Source(sample=name))

    def choose(self) -> None:
        """Ask for a picture and open it; a video is taken too."""
        path = open_path(
            self._window, "picture", tr("Open picture"), f"{self._patterns};;{_video_filter()}"
        )
        if path is not None:
            self.open_file(str(path))

    def choose_frame(self, frame: int) -> None:
        """Another frame of the picture's file, from 0."""
        shown = self._bench.shown
        if shown is not None and shown.source.path and shown.source.frame != frame:
            self.open(replace(shown.source, frame=frame))

    def choose_video(self) -> None:
        """Ask for a video and map its frames."""
        path = open_path(self._window, "picture", tr("Open video"), _video_filter())
        if path is not None:
            self.open_video(str(path))

    def open_video(self, path: str) -> None:
        """Map a video's frames; before there is a net for it, show its first frame and wait."""
        if self._bench.transplanted is not None:
            self.start_live(path)
            return

        def take(outcome: Outcome) -> None:
            self.waiting = path
            self._runs.accept(outcome)
            if not self._bench.state.operated:  # else it is being cast already
                model = self._bench.model
                here = model.ready or model.makeable
                text = (
                    tr("{name} plays with its map once the net is cast: press Transplant.")
                    if here
                    else tr(
                        "{name} plays with its map once the net is cast: get its weights, then "
                        "press Transplant."
                    )
                )
                self._say.warning(text.format(name=Path(path).name))

        self.waiting = ""
        self._runs.start(self._bench.first_frame_job(path), tr("Open video"), take)

    def play_waiting(self) -> None:
        """Play the video that waited, if there is a net now."""
        if self.waiting and self._bench.transplanted is not None:
            path, self.waiting = self.waiting, ""
            self.start_live(path)

    def start_camera(self) -> None:
        """Map the frames of the first camera."""
        self.start_live(0)

    def start_live(self, source: int | str) -> None:
        """Map the frames of a camera (its number) or a video file until it is stopped."""
        self.waiting = ""
        self._say.guard(lambda: self._runs.start_live(source))

    def next(self) -> None:
        """Open the folder's next picture."""
        self._step(1)

    def previous(self) -> None:
        """Open the folder's previous picture."""
        self._step(-1)

    def _step(self, by: int) -> None:
        shown = self._bench.shown
        source = shown.source if shown is not None else Source()
        # A pasted picture is in no folder: on from where the last file was.
        path = source.path or ("" if source.sample else self._last_file)
        if path:
            found = self._say.guard(lambda: pictures_in(Path(path).parent))
            if found:
                self.open(Source(path=str(_stepped(found, Path(path), by))))
            return
        names = sample_names()
        self.open(Source(sample=_stepped(names, source.sample, by)))

    def paste(self) -> None:
        """Take a picture, or a picture file, from the clipboard."""
        data = QApplication.clipboard().mimeData()
        files = [u.toLocalFile() for u in data.urls() if u.isLocalFile()] if data else []
        if files:
            self.open_file(files[0])
            return
        image = QApplication.clipboard().image()
        if image.isNull():
            self._say.error(tr("There is no picture on the clipboard; copy one first."))
            return
        self.open(Source(array_name=tr("pasted picture")), picture_of(image))


def _video_filter() -> str:
    return f"{tr('Videos')} ({' '.join('*' + s for s in sorted(VIDEO_SUFFIXES))})"


def _stepped(items: Sequence[T], at: T, by: int) -> T:
    """The item before or behind one, round; of one that is not there, the last or the first."""
    if at in items:
        return items[(items.index(at) + by) % len(items)]
    return items[0 if by > 0 else -1]
