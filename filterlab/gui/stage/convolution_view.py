"""Show me: convolution, on the cells of the filter in front."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from PyQt5.QtCore import QRectF
from PyQt5.QtGui import QPainter, QResizeEvent
from PyQt5.QtWidgets import QWidget

from filterlab.gui.i18n import tr
from filterlab.gui.jobs import Latest
from filterlab.gui.stage import words
from filterlab.gui.stage.filter_paint import paint_still, plan
from filterlab.gui.stage.motion import STEP_MS
from filterlab.gui.stage.scene import unit
from filterlab.gui.stage.story_view import StoryView
from filterlab.surgery.convolve import Snapshot
from filterlab.workbench.convolution_story import ConvolutionStory

__all__ = ["ConvolutionView"]

#: Steps in which the window goes over several places take as many moves.
_LONG = ("products", "stride", "dilation", "padding")


class ConvolutionView(StoryView):
    """Patch, products, sum, next; stride, dilation, padding; correlation against convolution."""

    def __init__(
        self,
        snapshot: Snapshot,
        slot: int,
        place: tuple[int, int],
        channel: int,
        about: Callable[[], str],
        parent: QWidget | None = None,
    ) -> None:
        super().__init__(tr("Show me: convolution"), about(), parent)
        self._about = about
        self._made_of = (snapshot, slot, place)
        self._channel = channel
        self._cells = (0, 0)
        self._maker = Latest(self)
        self._maker.ready.connect(self._on_story)
        self._maker.failed.connect(self.tell)

    def _area(self, area: QRectF) -> QRectF:
        side = 48 * unit(self.width(), self.height())
        return area.adjusted(side, 10, -side, -14)

    def _scale(self, area: QRectF) -> float:
        # Header and footer take their share; the cells have what is left.
        return min(unit(self.width(), self.height()), area.height() / 700)

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self.layout().activate()
        inside = self._area(QRectF(self.canvas.rect()))
        cells = plan(inside, self._scale(inside)).cells
        if cells != self._cells:
            self._cells = cells
            snapshot, slot, place = self._made_of
            self._maker.request(ConvolutionStory, snapshot, slot, place, cells, self._channel)

    def _on_story(self, story: ConvolutionStory) -> None:
        step, t, first = self.step_index, self.t, self.story is None
        self.tell_story(
            story, words.convolution_titles(), words.convolution_sentence, self._draw_still,
            how_long=lambda name: 4 * STEP_MS if name in _LONG else STEP_MS,
        )  # fmt: skip
        if not first:
            self.go(step, t)

    def _draw_still(self, painter: QPainter, area: QRectF, still: Any) -> None:
        inside = self._area(area)
        paint_still(painter, still, plan(inside, self._scale(inside)), self._channel)

    def retell(self) -> None:
        self.about.setText(self._about())
        super().retell()

    @property
    def settled(self) -> bool:
        return super().settled and not self._maker.busy

    def shutdown(self) -> None:
        super().shutdown()
        self._maker.shutdown()
