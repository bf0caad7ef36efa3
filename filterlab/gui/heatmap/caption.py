"""The line under the picture: what is shown, its best cell, and the scale of its colours."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PyQt5.QtCore import QEvent, QPointF, QRectF, QSize, Qt
from PyQt5.QtGui import (
    QColor,
    QFont,
    QFontMetrics,
    QHelpEvent,
    QImage,
    QPainter,
    QPaintEvent,
    QPen,
    QPolygonF,
)
from PyQt5.QtWidgets import QSizePolicy, QToolTip, QWidget

from filterlab.gui import theme
from filterlab.gui.images import image_of

__all__ = ["Bar", "Caption", "Title"]

_BAR = 200.0


@dataclass(frozen=True)
class Title:
    """What is shown.

    Attributes
    ----------
    name : in the language in use. other : in the other one. number : such as ``class 282``.
    fact, value : such as ``best cell`` and ``38 %``. warn : whether the fact is a warning.
    """

    name: str = ""
    other: str = ""
    number: str = ""
    fact: str = ""
    value: str = ""
    warn: bool = False


@dataclass(frozen=True)
class Bar:
    """A scale of colours.

    Attributes
    ----------
    table : ndarray (256, 4) float32, 0 to 1
        Colour and opacity, as they are mixed into the picture.
    low, high : what stands at its ends, with the unit.
    """

    table: NDArray[np.float32]
    low: str
    high: str


class Caption(QWidget):
    """One line; what there is no room for gives way from the less important end."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("names")
        self.title = Title()
        self.bar: Bar | None = None
        self.mark: float | None = None
        self.legend: tuple[tuple[tuple[int, int, int], str], ...] = ()
        self._image: QImage | None = None
        self._bar_place = QRectF()
        self.setSizePolicy(QSizePolicy.Ignored, QSizePolicy.Fixed)
        self.setFixedHeight(max(40, theme.line_height(QFontMetrics(theme.font(16))) + 20))

    def set_title(self, title: Title) -> None:
        """What is shown."""
        if title != self.title:
            self.title = title
            parts = (title.name, title.other, title.number, title.fact, title.value)
            self.setAccessibleName(" ".join(part for part in parts if part))
            self.update()

    def set_bar(self, bar: Bar | None) -> None:
        """The scale; None for none."""
        self.bar, self._image = bar, None
        if bar is not None:
            # As on the picture, on the stage's own colour: where it is clear nothing is drawn.
            ground = QColor(theme.current().well)
            under = np.array([ground.redF(), ground.greenF(), ground.blueF()])
            alpha = bar.table[:, 3:4]
            mixed = bar.table[:, :3] * alpha + under * (1 - alpha)
            row = np.clip(mixed * 255 + 0.5, 0, 255).astype(np.uint8)
            self._image = image_of(row[None])
        self.update()

    def set_mark(self, share: float | None) -> None:
        """Where on the scale the cell at the cursor lies, 0 to 1; None for no mark."""
        if share != self.mark:
            self.mark = share
            self.update()

    def set_legend(self, legend: Sequence[tuple[tuple[int, int, int], str]]) -> None:
        """Colours and what they stand for, in place of a scale."""
        self.legend = tuple(legend)
        self.update()

    def sizeHint(self) -> QSize:
        return QSize(400, self.height())

    def event(self, event: QEvent) -> bool:
        if event.type() == QEvent.ToolTip and isinstance(event, QHelpEvent):
            legend = "\n".join(text for _, text in self.legend)
            told = legend if self.legend else " ".join((self.title.name, self.title.other))
            QToolTip.showText(event.globalPos(), told.strip(), self)
            return True
        return bool(super().event(event))

    # Painting

    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self)
        painter.setRenderHint(QPainter.TextAntialiasing)
        right = float(self.width())
        if self.bar is not None:
            right = self._paint_bar(painter, right)
        elif self.legend:
            right = self._paint_legend(painter, right)
        self._paint_title(painter, right)
        painter.end()

    def _text(
        self, painter: QPainter, left: float, text: str, font: QFont, colour: str, room: float
    ) -> float:
        """Write a text as far as there is room; where it ends."""
        metrics = QFontMetrics(font)
        shown = metrics.elidedText(text, Qt.ElideRight, int(room))
        painter.setFont(font)
        painter.setPen(QColor(colour))
        # All on one line, whatever their sizes.
        base = (self.height() + QFontMetrics(theme.font(16)).ascent()) / 2 - 2
        painter.drawText(QPointF(left, base), shown)
        return left + metrics.horizontalAdvance(shown)

    def _paint_title(self, painter: QPainter, right: float) -> None:
        colours, title = theme.current(), self.title
        end = self._fact(painter, right)
        left = self._text(painter, 0, title.name, theme.font(16, True), colours.text, end)
        for text, font in ((title.other, theme.font(13)), (title.number, theme.font(12))):
            room = end - left - 10
            if text and QFontMetrics(font).horizontalAdvance(text) <= room:
                left = self._text(painter, left + 9, text, font, colours.muted, room + 1)

    def _fact(self, painter: QPainter, right: float) -> float:
        """The fact before the bar, if the name leaves room for it; where it begins."""
        colours, title = theme.current(), self.title
        if not title.fact:
            return right
        plain, bold = theme.font(12), theme.font(12, bold=True)
        value = QFontMetrics(bold).horizontalAdvance(title.value)
        wide = QFontMetrics(plain).horizontalAdvance(title.fact + " ") + value
        name = QFontMetrics(theme.font(16, True)).horizontalAdvance(title.name)
        begin = right - wide - (16 if right < self.width() else 0)
        if begin < min(name, 120) + 16:
            return right
        colour = colours.warning if title.warn else colours.muted
        end = self._text(painter, begin, title.fact + " ", plain, colour, wide)
        self._text(painter, end, title.value, bold, colours.text, wide)
        return begin - 12

    def _paint_bar(self, painter: QPainter, right: float) -> float:
        assert self.bar is not None
        colours = theme.current()
        font = theme.font(12)
        metrics = QFontMetrics(font)
        high, low = (metrics.horizontalAdvance(t) for t in (self.bar.high, self.bar.low))
        wide = min(_BAR * theme.scale(), max(80.0, self.width() * 0.32))
        self._text(painter, right - high, self.bar.high, font, colours.text, high + 1)
        left = right - high - 9 - wide
        middle = self.height() / 2
        place = QRectF(left, middle - 6, wide, 12)
        self._bar_place = place
        if self._image is not None:
            painter.setRenderHint(QPainter.SmoothPixmapTransform, True)
            painter.drawImage(place, self._image)
        painter.setBrush(Qt.NoBrush)
        painter.setPen(QPen(QColor(colours.line), 1))
        painter.drawRect(place)
        self._text(painter, left - 9 - low, self.bar.low, font, colours.text, low + 1)
        if self.mark is not None:
            x = left + wide * min(1.0, max(0.0, self.mark))
            painter.setRenderHint(QPainter.Antialiasing)
            painter.setPen(Qt.NoPen)
            painter.setBrush(QColor(colours.text))
            top = place.bottom() + 2
            painter.drawPolygon(
                QPolygonF([QPointF(x - 5, top + 6), QPointF(x, top), QPointF(x + 5, top + 6)])
            )
        return left - 9 - low

    def _paint_legend(self, painter: QPainter, right: float) -> float:
        """As many colours as half the line holds, the commonest first."""
        font = theme.font(12)
        metrics, least = QFontMetrics(font), self.width() * 0.3
        chips: list[tuple[tuple[int, int, int] | None, str, int]] = []
        room = right - least
        for k, (colour, text) in enumerate(self.legend):
            shown = metrics.elidedText(text, Qt.ElideRight, 150)
            wide = metrics.horizontalAdvance(shown) + 32
            more = f"+ {len(self.legend) - k}"
            if wide > room - metrics.horizontalAdvance(more) - 8:
                chips.append((None, more, metrics.horizontalAdvance(more) + 8))
                break
            chips.append((colour, shown, wide))
            room -= wide
        left = begin = right - sum(wide for _, _, wide in chips)
        for colour_, shown, wide in chips:
            at = left
            if colour_ is not None:
                painter.fillRect(QRectF(at, self.height() / 2 - 6, 12, 12), QColor(*colour_))
                at += 17
            self._text(painter, at, shown, font, theme.current().text, wide)
            left += wide
        return begin
