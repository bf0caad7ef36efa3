"""The scale beside a picture: colours with their numbers."""

from __future__ import annotations

import math

import numpy as np
from PyQt5.QtCore import QPointF, QRectF, QSize, Qt
from PyQt5.QtGui import QColor, QPainter, QPaintEvent, QPen, QPolygonF
from PyQt5.QtWidgets import QSizePolicy, QWidget

from filterlab.gui import theme
from filterlab.gui.images import image_of
from filterlab.gui.widgets.colours import lut as table

__all__ = ["ColourBar", "nice_ticks", "short_number"]


def short_number(value: float, span: float = 0.0) -> str:
    """A number in few characters, with the digits that matter over a span."""
    if not math.isfinite(value):
        return str(value)
    if value == 0 or (span and abs(value) < span * 1e-9):
        return "0"
    size = max(abs(value), span)
    if size >= 1e5 or size < 1e-3:
        text = f"{value:.1e}".replace(".0e", "e")
        text = text.replace("e+0", "e").replace("e-0", "e-").replace("e+", "e")
    else:
        digits = max(0, 2 - math.floor(math.log10(size)))
        text = f"{value:.{min(digits, 5)}f}"
        if "." in text:
            text = text.rstrip("0").rstrip(".")
        if text == "-0":
            return "0"
    return text.replace("-", "\u2212")


def nice_ticks(low: float, high: float, about: int = 5) -> list[float]:
    """Round numbers within [low, high], about so many of them."""
    span = high - low
    if not (math.isfinite(span) and span > 0):
        return [low]
    rough = span / max(1, about - 1)
    power = 10.0 ** math.floor(math.log10(rough))
    step = next(s * power for s in (1, 2, 2.5, 5, 10) if s * power >= rough * 0.999)
    first = math.ceil(low / step - 1e-9)
    last = math.floor(high / step + 1e-9)
    return [k * step for k in range(first, last + 1)]


class ColourBar(QWidget):
    """A vertical colour scale; give it a table and two levels."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._lut = table("grey")
        self._low, self._high = 0.0, 1.0
        self._log = False
        self._marker: float | None = None
        self._caption = ""
        self.setSizePolicy(QSizePolicy.Fixed, QSizePolicy.Expanding)
        self.setMinimumHeight(96)

    def sizeHint(self) -> QSize:
        return QSize(32 + self.fontMetrics().horizontalAdvance("\u22122.5e38") + 2, 240)

    def set_colours(self, lut: np.ndarray) -> None:
        """The table: (256, 3) uint8, the lowest value first."""
        self._lut = lut
        self.update()

    def set_levels(self, low: float, high: float, log: bool = False) -> None:
        """The values at the bottom and at the top."""
        self._low, self._high, self._log = float(low), float(high), log
        self.update()

    def levels(self) -> tuple[float, float]:
        """The values at the bottom and at the top."""
        return self._low, self._high

    def set_marker(self, value: float | None) -> None:
        """Point at a value (that under the cursor); None for none."""
        if value != self._marker:
            self._marker = value
            self.update()

    def set_caption(self, text: str) -> None:
        """What the numbers are, with their unit; shown above the bar."""
        self._caption = text
        self.update()

    def caption(self) -> str:
        """What stands above the bar."""
        return self._caption

    def _fraction(self, value: float) -> float:
        low, high = self._low, self._high
        if self._log:
            low, high = math.log10(max(low, 1e-30)), math.log10(max(high, 1e-30))
            value = math.log10(max(value, 1e-30))
        return (value - low) / (high - low) if high > low else 0.5

    def _ticks(self, height: float) -> list[float]:
        if self._log:
            first = math.ceil(math.log10(max(self._low, 1e-30)) - 1e-9)
            last = math.floor(math.log10(max(self._high, 1e-30)) + 1e-9)
            ticks = [10.0**k for k in range(first, last + 1)]
        else:
            line = self.fontMetrics().height()
            about = max(2, min(9, int(height / (2.4 * line))))
            ticks = nice_ticks(self._low, self._high, about)
            if len(ticks) < 3:
                ticks = nice_ticks(self._low, self._high, 2 * about)
        return ticks

    def paintEvent(self, event: QPaintEvent) -> None:
        colours = theme.current()
        painter = QPainter(self)
        line = self.fontMetrics().height()
        top = line / 2 + 2 + (line + 4 if self._caption else 0)
        bar = QRectF(8.5, top, 16, max(8.0, self.height() - top - line / 2 - 2))
        painter.drawImage(bar, image_of(self._lut[::-1][:, None]))
        painter.setPen(QPen(QColor(colours.line), 1))
        painter.drawRect(bar)
        painter.setPen(QColor(colours.text))
        if self._caption:
            painter.drawText(QRectF(0, 0, self.width(), line), Qt.AlignHCenter, self._caption)
        span = self._high - self._low
        for tick in self._ticks(bar.height()):
            y = bar.bottom() - self._fraction(tick) * bar.height()
            painter.setPen(QColor(colours.muted))
            painter.drawLine(QPointF(bar.right(), y), QPointF(bar.right() + 4, y))
            painter.setPen(QColor(colours.text))
            place = QRectF(bar.right() + 7, y - line / 2, self.width() - bar.right() - 7, line)
            text = short_number(tick, 0.0 if self._log else span)
            painter.drawText(place, int(Qt.AlignLeft | Qt.AlignVCenter), text)
        if self._marker is not None and math.isfinite(self._marker):
            at = min(1.0, max(0.0, self._fraction(self._marker)))
            y = bar.bottom() - at * bar.height()
            painter.setRenderHint(QPainter.Antialiasing)
            painter.setPen(QPen(QColor(colours.surface), 1))
            painter.setBrush(QColor(colours.accent))
            painter.drawPolygon(QPolygonF([QPointF(1, y - 5), QPointF(9, y), QPointF(1, y + 5)]))
        painter.end()
