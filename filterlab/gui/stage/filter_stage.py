"""The Filters tab for a room: input, one kernel, one output, numbers to be read from the back."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from PyQt5.QtCore import QPointF, QRectF, Qt
from PyQt5.QtGui import (
    QColor,
    QFontMetricsF,
    QMouseEvent,
    QPainter,
    QPaintEvent,
    QPen,
    QResizeEvent,
)
from PyQt5.QtWidgets import QWidget

from filterlab.gui import theme
from filterlab.gui.i18n import tr
from filterlab.gui.images import image_of
from filterlab.gui.jobs import Latest
from filterlab.gui.stage import paint, words
from filterlab.gui.stage.filter_paint import FilterPlan, paint_still, plan
from filterlab.gui.stage.motion import Motion
from filterlab.gui.stage.scene import Scene, unit
from filterlab.surgery.convolve import MAX_DILATION, MAX_STRIDE
from filterlab.surgery.kernels.presets import PRESETS
from filterlab.workbench.convolution_story import Region, Still, cut, walk
from filterlab.workbench.filter_bench import Change, FilterBench

__all__ = ["FilterStage", "Thumb"]

#: One move of the window.
_GLIDE_MS = 160


@dataclass(frozen=True)
class Thumb:
    """A small picture, and where its pixel (0, 0) and the next lie on the input.

    Attributes
    ----------
    pixels : uint8 (h, w) or (h, w, 3)
    origin : (x, y) in pixels of the input
    pitch : pixels of the input from pixel to pixel
    """

    pixels: np.ndarray
    origin: tuple[float, float] = (0.0, 0.0)
    pitch: float = 1.0


class FilterStage(Scene):
    """One filter at work on a few cells.

    ← → step the window over the output, Space lets it glide. 1 2 3 choose the filter; P, S and D
    go through padding, stride and dilation, as edits that can be undone.

    Parameters
    ----------
    bench : FilterBench
    slot : int
        The filter shown.
    place : (row, column)
        Output pixel to begin at.
    channel : int
        Whose numbers are shown of a kernel of three channels.
    thumbs : callable
        Gives the small pictures of the input and of a filter's output, or None, as they are now.
    edit : callable
        Makes an edit; a refusal is said.
    """

    def __init__(
        self,
        bench: FilterBench,
        slot: int,
        place: tuple[int, int],
        channel: int,
        thumbs: Callable[[int], tuple[Thumb | None, Thumb | None]],
        edit: Callable[..., Any],
        parent: QWidget | None = None,
    ) -> None:
        super().__init__(parent)
        self.bench, self.slot, self.channel = bench, slot, channel
        self._place, self._thumbs, self._edit = place, thumbs, edit
        self.region: Region | None = None
        self.index = 0
        self.playing = False
        self._shown: tuple[Thumb | None, Thumb | None] = (None, None)
        self._cutter = Latest(self)
        self._cutter.ready.connect(self._on_region)
        self._cutter.failed.connect(self.tell)
        self._motion = Motion(self)
        self._motion.moved.connect(self._on_moved)
        self._motion.ended.connect(self._on_arrived)
        self._unsubscribe = bench.subscribe(self._on_change)
        self.setAccessibleName(tr("Stage"))

    # What is shown

    @property
    def still(self) -> Still | None:
        """What is on the screen; None before the first cells are cut."""
        if self.region is None:
            return None
        return walk(self.region, self.index, self._motion.t)

    @property
    def settled(self) -> bool:
        """Whether nothing moves and nothing is computed."""
        return not self._cutter.busy and not self._motion.running

    def _areas(self) -> tuple[float, QRectF, QRectF, QRectF]:
        """Pixels per pixel of 1080 lines; headline, cells, and what stands below."""
        s = unit(self.width(), self.height())
        side = 48 * s
        wide = self.width() - 2 * side
        head = QRectF(side, 20 * s, wide, 64 * s)
        below = QRectF(side, self.height() - 236 * s, wide, 212 * s)
        cells = QRectF(side, head.bottom() + 4 * s, wide, below.top() - head.bottom() - 32 * s)
        return s, head, cells, below

    def plan(self) -> FilterPlan:
        """Where the parts lie."""
        s, _, cells, _ = self._areas()
        return plan(cells, s)

    def _cut(self) -> None:
        self._cutter.request(
            cut, self.bench.snapshot(), self.slot, self._place, self.plan().cells, self.channel
        )

    def _on_region(self, region: Region) -> None:
        old = self.region
        self.region = region
        if old is None or (old.place, old.outputs.shape) != (region.place, region.outputs.shape):
            # The very pixel that was asked for, which the edge of the picture may have moved.
            row = min(max(0, self._place[0] - region.place[0]), region.outputs.shape[0] - 1)
            col = min(max(0, self._place[1] - region.place[1]), region.outputs.shape[1] - 1)
            self.index = row * region.outputs.shape[1] + col
        self._motion.set(1.0)
        self._shown = self._thumbs(self.slot)
        self.update()

    def _on_change(self, change: Change) -> None:
        if change.kinds:
            self._cut()

    def outputs_changed(self) -> None:
        """The small pictures are others now."""
        self._shown = self._thumbs(self.slot)
        self.update()

    # Stepping

    def step(self, by: int) -> None:
        self.playing = False
        self._go(by)

    def _go(self, by: int) -> None:
        if self.region is None:
            return
        to = self.index + by
        if not 0 <= to < self.region.count:
            self.playing = False
            return
        if by > 0:
            self.index = to
            self._motion.start(_GLIDE_MS)
        else:
            # Back over the same way: at its start the window stands where it came from.
            self._motion.start(_GLIDE_MS, self._motion.t, 0.0)

    def _on_arrived(self) -> None:
        if self._motion.t == 0.0 and self.index > 0:
            self.index -= 1
            self._motion.set(1.0)
        elif self.playing and not theme.reduced_motion():
            self._go(1)

    def _on_moved(self, _: float) -> None:
        self.update()

    def pause(self) -> None:
        self.playing = False

    def keys(self) -> tuple[int, ...]:
        return (
            Qt.Key_Space, Qt.Key_1, Qt.Key_2, Qt.Key_3, Qt.Key_P, Qt.Key_S, Qt.Key_D, Qt.Key_C,
            Qt.Key_Up, Qt.Key_Down, Qt.Key_Home, Qt.Key_End,
        )  # fmt: skip

    def key(self, key: int) -> bool:
        settings = self.bench.settings
        if key == Qt.Key_Space:
            self._play()
        elif key in (Qt.Key_1, Qt.Key_2, Qt.Key_3):
            self.slot = key - Qt.Key_1
            self._cut()
        elif key == Qt.Key_P:
            self._edit(self.bench.set_pad, "same" if settings.pad == "valid" else "valid")
        elif key == Qt.Key_S:
            self._edit(self.bench.set_stride, settings.stride % MAX_STRIDE + 1)
        elif key == Qt.Key_D:
            self._edit(self.bench.set_dilation, settings.dilation % MAX_DILATION + 1)
        elif key == Qt.Key_C:
            self.channel = (self.channel + 1) % 3
            self._cut()
        elif key in (Qt.Key_Up, Qt.Key_Down, Qt.Key_Home, Qt.Key_End):
            self._jump(key)
        else:
            return False
        return True

    def _play(self) -> None:
        if self.playing:
            self.playing = False
            return
        self.playing = True
        if self.region is not None and self.index == self.region.count - 1:
            self.index = 0
        if theme.reduced_motion():
            self.playing = False
        self._go(1)

    def _jump(self, key: int) -> None:
        """Rows up and down, or to the first and the last place."""
        if self.region is None:
            return
        cols, last = self.region.outputs.shape[1], self.region.count - 1
        places: dict[int, int] = {
            Qt.Key_Up: self.index - cols,
            Qt.Key_Down: self.index + cols,
            Qt.Key_Home: 0,
            Qt.Key_End: last,
        }
        to = places[key]
        if 0 <= to <= last:
            self.playing = False
            self.index = to
            self._motion.set(1.0)

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self._cut()

    def mousePressEvent(self, event: QMouseEvent) -> None:
        """A click on the small input shows the cells there."""
        thumb = self._shown[0]
        _, _, _, below = self._areas()
        place = _thumb_place(thumb, below, False) if thumb is not None else None
        at = QPointF(event.pos())
        if thumb is not None and place is not None and place.contains(at):
            x = (at.x() - place.left()) / place.width() * thumb.pixels.shape[1] * thumb.pitch
            y = (at.y() - place.top()) / place.height() * thumb.pixels.shape[0] * thumb.pitch
            stride = self.bench.settings.stride
            rows, cols = self.plan().cells
            self._place = (max(0, int(y / stride) - rows // 2), max(0, int(x / stride) - cols // 2))
            self.region = None
            self._cut()
            return
        super().mousePressEvent(event)

    def shutdown(self) -> None:
        super().shutdown()
        self._unsubscribe()
        self._motion.stop()
        self._cutter.shutdown()

    # Drawing

    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self)
        painter.setRenderHint(QPainter.Antialiasing)
        painter.fillRect(self.rect(), QColor(theme.current().backdrop))
        still = self.still
        if still is not None:
            s, head, _, below = self._areas()
            self._paint_head(painter, head, s, still)
            paint_still(painter, still, self.plan(), self.channel)
            self._paint_below(painter, below, s, still)
        painter.end()

    def _names(self) -> tuple[str, str]:
        choice = self.bench.preset(self.slot)
        if choice is None:
            return tr("Filter {n}").format(n=self.slot), tr("drawn by hand")
        preset = PRESETS[choice.key]
        return tr(preset.title), re.split("[:.;：。；]", tr(preset.doc))[0]

    def _paint_head(self, painter: QPainter, head: QRectF, s: float, still: Still) -> None:
        colours = theme.current()
        row, col = still.region.cell(still.index)
        told = tr("output row {row}, column {col}").format(
            row=still.region.place[0] + row, col=still.region.place[1] + col
        )
        took = paint.text(
            painter, head, told, 32 * s, colours.muted, flags=int(Qt.AlignRight | Qt.AlignVCenter)
        )
        name, about = self._names()
        size = paint.fit_font(name, (44 * s, 36 * s, 28 * s), took.left() - head.left(), True)
        named = paint.text(painter, head, name, size.pixelSize(), colours.text, True)
        room = took.left() - named.right() - 56 * s
        metrics = QFontMetricsF(paint.font(30 * s))
        if metrics.horizontalAdvance(about) > room:
            about = metrics.elidedText(about, Qt.ElideRight, room) if room > 200 * s else ""
        rest = QRectF(named.right() + 28 * s, head.top() + 4 * s, max(0.0, room), head.height())
        paint.text(painter, rest, about, 30 * s, colours.muted)

    def _sentence(self, still: Still) -> str:
        n = int(np.prod(still.region.kernel.shape))
        said = tr(
            "Multiply each pixel under the window by the kernel cell on it, and add: {n} products "
            "make one output pixel."
        ).format(n=words.counted(n))
        row, col = (int(v) for v in still.region.corner(still.index))
        reach = still.region.reach
        if still.region.outside[row : row + reach[0], col : col + reach[1]].any():
            said += " " + tr("Here the window reads padding.")
        elif still.region.stride > 1:
            said += " " + tr("It moves {n} pixels at a time.").format(n=still.region.stride)
        return said

    def _paint_below(self, painter: QPainter, below: QRectF, s: float, still: Still) -> None:
        colours = theme.current()
        left, right = below.left(), below.right()
        for thumb, at_right in zip(self._shown, (False, True)):
            if thumb is None:
                continue
            place = _thumb_place(thumb, below, at_right)
            painter.setRenderHint(QPainter.SmoothPixmapTransform)
            painter.drawImage(place, image_of(thumb.pixels))
            self._mark(painter, thumb, place, s, still, at_right)
            if at_right:
                right = place.left() - 48 * s
            else:
                left = place.right() + 48 * s
        column = QRectF(left, below.top(), right - left, below.height())
        keys = self._key_words(column.width(), 18 * s)
        hint = QRectF(column.left(), column.bottom() - 44 * s, column.width(), 44 * s)
        size = paint.fit_font(keys, (26 * s, 23 * s, 20 * s, 17 * s), column.width())
        paint.text(painter, hint, keys, size.pixelSize(), colours.muted)
        said = self._sentence(still)
        body = QRectF(column.left(), column.top() - 6 * s, column.width(), column.height() - 44 * s)
        flags = int(Qt.AlignLeft | Qt.AlignVCenter | Qt.TextWordWrap)
        for pixels in (36 * s, 32 * s, 28 * s, 26 * s, 22 * s):
            painter.setFont(paint.font(pixels))
            need = painter.boundingRect(body, flags, said)
            if need.height() <= body.height() and need.width() <= body.width() + 1:
                break
        painter.setPen(QColor(colours.text))
        painter.drawText(body, flags, said)

    @staticmethod
    def _key_words(width: float, least: float) -> str:
        """The keys; in a narrow place without those that are rarer."""
        pairs = [
            ("← →", tr("step")), (tr("Space"), tr("glide")), ("P", tr("padding")),
            ("S", tr("stride")), ("D", tr("dilation")), ("F", tr("freeze")), ("L", tr("pointer")),
            ("Esc", tr("leave")),
        ]  # fmt: skip
        metrics = QFontMetricsF(paint.font(least))
        while True:
            said = "     ".join(f"{key} {what}" for key, what in pairs)
            if len(pairs) <= 3 or metrics.horizontalAdvance(said) <= width:
                return said
            del pairs[-2]

    def _mark(
        self, painter: QPainter, thumb: Thumb, place: QRectF, s: float, still: Still, output: bool
    ) -> None:
        """The window on the input, the pixel on the output."""
        region = still.region
        scale = place.width() / (thumb.pixels.shape[1] * thumb.pitch)
        reach = region.reach
        y = region.origin[0] + still.window[0]
        x = region.origin[1] + still.window[1]
        if output:
            y, x = y + reach[0] / 2 - 0.5, x + reach[1] / 2 - 0.5
            reach = (1, 1)
        least = 12 * s
        high, wide = max(least, reach[0] * scale), max(least, reach[1] * scale)
        middle = QPointF(
            place.left() + (x + reach[1] / 2 - thumb.origin[0]) * scale,
            place.top() + (y + reach[0] / 2 - thumb.origin[1]) * scale,
        )
        box = QRectF(0, 0, wide, high)
        box.moveCenter(middle)
        painter.setPen(QPen(QColor("#FFFFFF"), 5 * s))
        painter.setBrush(Qt.NoBrush)
        painter.drawRect(box)
        painter.setPen(QPen(QColor(theme.current().accent), 3 * s))
        painter.drawRect(box)


def _thumb_place(thumb: Thumb, below: QRectF, at_right: bool) -> QRectF:
    """At the left or right end of the row below, its own aspect kept."""
    h, w = thumb.pixels.shape[:2]
    high = below.height() - below.height() * 0.08
    wide = min(high * w / max(h, 1), below.width() * 0.2)
    high = wide * h / max(w, 1)
    x = below.right() - wide if at_right else below.left()
    return QRectF(x, below.top() + (below.height() - high) / 2, wide, high)
