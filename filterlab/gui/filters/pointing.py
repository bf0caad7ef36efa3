"""The pixel that is looked at: under the cursor, pinned, or reached by the walking window."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from PyQt5.QtCore import QObject

from filterlab.gui.filters.desk import Desk
from filterlab.gui.filters.editor import FilterEditor
from filterlab.gui.filters.panel import BottomPanel
from filterlab.gui.filters.stage import Stage
from filterlab.gui.filters.walk import Walk

__all__ = ["Pointer"]

#: Up to so many pixels a second the walking window is seen to move from one to the next.
_GLIDING = 5


class Pointer(QObject):
    """Keeps outlines, explanation and walk together.

    Parameters
    ----------
    desk, stage, bottom, editors
    drawing : whether clicks on the input draw.
    set_channel : called with the colour channel that is chosen to be explained.
    """

    def __init__(
        self,
        desk: Desk,
        stage: Stage,
        bottom: BottomPanel,
        editors: Sequence[FilterEditor],
        drawing: Callable[[], bool],
        set_channel: Callable[[int], object],
        parent: QObject,
    ) -> None:
        super().__init__(parent)
        self._desk, self._stage, self._bottom = desk, stage, bottom
        self._editors, self._drawing, self._set_channel = editors, drawing, set_channel
        self.pinned: tuple[int, int] | None = None
        self.pointed: tuple[int, int] | None = None
        self.walk = Walk(self)
        self.walk.moved.connect(self._on_walked)
        self.walk.ended.connect(self._on_walk_ended)
        stage.hovered.connect(self._on_hovered)
        stage.left.connect(self._on_left)
        stage.clicked.connect(self._on_clicked)
        bottom.pin_toggled.connect(self._on_pin)
        bottom.walk_toggled.connect(self._on_walk)
        bottom.step_requested.connect(self._on_step)
        bottom.speed_changed.connect(self._on_speed)
        bottom.channel_chosen.connect(self._on_channel)
        desk.activated.connect(self._on_activated)

    # Pointing

    def _on_activated(self, slot: int) -> None:
        """Of a pixel that stays, the filter in front is explained."""
        if self.pinned is not None and not self.walk.active:
            self._bottom.set_slot(slot)
            self.explain()

    def _on_hovered(self, view: int, x: float, y: float) -> None:
        if self.walk.active:
            return
        if view and self.pinned is None:
            self._bottom.set_slot(view - 1)
        if self.pinned is None:
            self.pointed = self._stage.output_pixel(x, y)
            self.explain()

    def _on_left(self) -> None:
        if self.pinned is None and not self.walk.active:
            self.pointed = None
            self.explain()

    def _on_clicked(self, view: int, x: float, y: float) -> None:
        if view == 0 and self._drawing():
            return
        self.walk.stop()
        pixel = self._stage.output_pixel(x, y)
        if pixel is not None:
            if view:
                self._bottom.set_slot(view - 1)
            self.pin(None if pixel == self.pinned else pixel)

    def pin(self, pixel: tuple[int, int] | None, glide: bool = False) -> None:
        """Keep looking at an output pixel (row, column); None follows the cursor again."""
        self.pinned = pixel
        if pixel is not None:
            self.pointed = pixel
        self._bottom.set_pinned(pixel is not None)
        self.explain(glide)

    def _on_pin(self, on: bool) -> None:
        if on and self.pointed is None:
            frame = self._stage.frame
            if frame is not None:
                rows, cols = frame.outputs.full_size
                self.pointed = rows // 2, cols // 2
        self.pin(self.pointed if on else None)

    def _on_channel(self, channel: int) -> None:
        self._set_channel(channel)
        self.explain()

    def explain(self, glide: bool = False) -> None:
        """Show how the pixel looked at is computed; ``glide``: the window moves there."""
        pixel, stage, bottom = self.pointed, self._stage, self._bottom
        bench, frame = self._desk.bench, stage.frame
        if pixel is None or frame is None:
            stage.set_window(None)
            stage.set_markers(None)
            bottom.show_nothing(bench)
            for editor in self._editors:
                editor.grid.set_mark(None)
            return
        if frame.outputs.revision != bench.revision:
            return  # the newest outputs are on their way
        rows, cols = frame.outputs.full_size
        if not (pixel[0] < rows and pixel[1] < cols):
            self.pointed = None
            self.pin(None)
            return
        bottom.set_pinned(self.pinned is not None)
        picture = bench.picture
        explained = bench.explain(bottom.slot, *pixel, channel=bottom.channel)
        held = self.pinned is not None or self.walk.active
        stage.set_window(explained.box, pixel, held, glide)
        step = frame.outputs.step
        seen = [float(np.mean(data[pixel[0] // step, pixel[1] // step]))
                for data in frame.outputs.data]  # fmt: skip
        seen[bottom.slot] = explained.result
        stage.set_markers([frame.look.values_of(value) for value in seen])
        bottom.show_pixel(explained, (picture.height, picture.width))

    # The walk

    @property
    def _grid(self) -> tuple[int, int, int]:
        """Rows, columns and step of the outputs as they are shown."""
        frame = self._stage.frame
        if frame is None:
            return 0, 0, 1
        rows, cols = frame.outputs.data.shape[1:3]
        return int(rows), int(cols), frame.outputs.step

    def _on_walk(self, on: bool) -> None:
        rows, cols, step = self._grid
        if on and rows:
            if not self.walk.active:
                start = 0
                if self.pinned is not None:
                    start = self.pinned[0] // step * cols + self.pinned[1] // step
                self.walk.begin(rows * cols, start)
            self.walk.play()
        else:
            self.walk.pause()
        if self.walk.active:
            self._stage.set_reveal(self.walk.position, faint=not self.walk.playing)
        self._bottom.set_walk(self.walk.playing)

    def pause(self) -> None:
        """Let the window stand; the outputs it has not built are shown faintly."""
        self._on_walk(False)

    def _on_step(self, by: int) -> None:
        rows, cols, step = self._grid
        if not rows:
            return
        if self.walk.active:
            self.walk.step(by)
            self._bottom.set_walk(False)
            return
        row, column = self.pointed or (0, 0)
        if self.pinned is not None:
            place = min(rows * cols - 1, max(0, row // step * cols + column // step + by))
            row, column = place // cols * step, place % cols * step
        self.pin((row, column), glide=True)

    def _on_speed(self, pixels: int) -> None:
        self.walk.speed = pixels

    def _on_walked(self, done: int) -> None:
        rows, cols, step = self._grid
        if not self.walk.active or not rows:
            return
        last = min(rows * cols - 1, max(0, done - 1))
        self.pointed = last // cols * step, last % cols * step
        self._stage.set_reveal(done, faint=not self.walk.playing)
        self.explain(glide=not self.walk.playing or self.walk.speed <= _GLIDING)

    def _on_walk_ended(self) -> None:
        self._stage.set_reveal(None)
        self._bottom.set_walk(False)
        self.pointed = self.pinned
        self.explain()

    def outputs_changed(self) -> None:
        """New outputs are shown: a walk over others ends, the pixel is explained anew."""
        rows, cols, _ = self._grid
        if self.walk.active and self.walk.total != rows * cols:
            self.walk.stop()
        self.explain()

    def cancel(self) -> bool:
        """Stop walking, or unpin; whether there was anything to stop."""
        if self.walk.active:
            self.walk.stop()
            return True
        if self.pinned is not None:
            self.pointed = None
            self.pin(None)
            return True
        return False
