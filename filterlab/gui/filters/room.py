"""What the Filters tab shows a room: the stage, and a convolution step by step."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from PyQt5.QtCore import QObject
from PyQt5.QtWidgets import QWidget

from filterlab.gui.filters.desk import Desk
from filterlab.gui.filters.look import place
from filterlab.gui.filters.panel import BottomPanel
from filterlab.gui.filters.pointing import Pointer
from filterlab.gui.filters.stage import Stage
from filterlab.gui.i18n import tr
from filterlab.gui.widgets.colours import lut
from filterlab.surgery.kernels.presets import PRESETS

if TYPE_CHECKING:
    from filterlab.gui.stage.filter_stage import FilterStage, Thumb
    from filterlab.gui.stage.scene import Scene

__all__ = ["Room"]

#: Longest side of the small pictures, in pixels.
_SMALL = 480


class Room(QObject):
    """Makes the tab's scenes.

    Parameters
    ----------
    desk : Desk
    stage : Stage
        Whose pictures are shown small.
    pointer : Pointer
        Whose pixel is begun with.
    bottom : BottomPanel
        Whose channel is looked at.
    """

    def __init__(
        self, desk: Desk, stage: Stage, pointer: Pointer, bottom: BottomPanel, parent: QObject
    ) -> None:
        super().__init__(parent)
        self._desk, self._stage, self._pointer, self._bottom = desk, stage, pointer, bottom
        self._scene: FilterStage | None = None

    @staticmethod
    def scenes() -> dict[str, str]:
        """What there is, and what it is called in the menu."""
        return {"stage": tr("Stage, for a room"), "show me": tr("Show me: convolution")}

    def make(self, key: str, parent: QWidget) -> Scene:
        """One of them, of the filter in front."""
        # Imported late: the first frame needs neither.
        from filterlab.gui.stage.convolution_view import ConvolutionView
        from filterlab.gui.stage.filter_stage import FilterStage

        desk = self._desk
        bench, slot = desk.bench, desk.active
        if key == "stage":
            self._scene = FilterStage(
                bench, slot, self._first(), self._bottom.channel, self._thumbs, desk.attempt, parent
            )
            self._scene.left.connect(self._on_left)
            return self._scene
        choice = bench.preset(slot)

        def about() -> str:
            name = tr("drawn by hand") if choice is None else tr(PRESETS[choice.key].title)
            return f"{tr('Filter {n}').format(n=slot)}, {name}"

        return ConvolutionView(
            bench.snapshot(), slot, self._first(), self._bottom.channel, about, parent
        )

    def _first(self) -> tuple[int, int]:
        """The pixel that is pinned, else one in the middle of the first rows."""
        if self._pointer.pinned is not None:
            return self._pointer.pinned
        _, cols = self._desk.bench.output_size
        return 0, cols // 2

    def _on_left(self) -> None:
        self._scene = None

    def frame_shown(self) -> None:
        """New outputs are shown."""
        if self._scene is not None:
            self._scene.outputs_changed()

    def _thumbs(self, slot: int) -> tuple[Thumb | None, Thumb | None]:
        from filterlab.gui.stage.filter_stage import Thumb

        source, frame = self._stage.rasters[0].array, self._stage.frame
        first = None
        if source is not None:
            step = _step(source)
            first = Thumb(np.ascontiguousarray(source[::step, ::step]), pitch=float(step))
        if frame is None:
            return first, None
        shown = frame.shown[slot]
        pixels = shown.pixels
        step = _step(pixels)
        small = pixels[::step, ::step]
        if small.ndim == 2:
            small = lut(shown.table)[small]
        origin, pitch = place(frame.snapshot.settings, frame.snapshot.size, frame.outputs.step)
        return first, Thumb(np.ascontiguousarray(small), origin, pitch[0] * step)


def _step(pixels: np.ndarray) -> int:
    return max(1, -(-max(pixels.shape[:2]) // _SMALL))
