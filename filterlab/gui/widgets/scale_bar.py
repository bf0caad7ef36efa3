"""A lying colour scale with its ends, and beside it what there is to say of the values."""

from __future__ import annotations

import math

import numpy as np
from PyQt5.QtCore import QPointF, QRectF, QSize, Qt
from PyQt5.QtGui import QColor, QPainter, QPaintEvent, QPen, QPolygonF
from PyQt5.QtWidgets import QHBoxLayout, QSizePolicy, QWidget

from filterlab.gui import theme
from filterlab.gui.images import image_of
from filterlab.gui.widgets.colour_bar import short_number
from filterlab.gui.widgets.colours import lut
from filterlab.gui.widgets.line import Line

__all__ = ["ScaleBar", "ScaleRow"]

_LONG, _SHORT, _HIGH = 82, 48, 9
_GAP = 6


class ScaleBar(QWidget):
    """Low end, colours, high end; a marker points at the value under the cursor."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._lut = lut("grey")
        self._low, self._high = 0.0, 1.0
        self._marker: float | None = None
        self._long = _LONG
        self.setFont(theme.font(12))
        self.setSizePolicy(QSizePolicy.Fixed, QSizePolicy.Fixed)

    def set_scale(self, table: np.ndarray, low: float, high: float) -> None:
        """The table, (256, 3) uint8, and the values of its ends."""
        if table is self._lut and (low, high) == (self._low, self._high):
            return
        wide = self._wide()
        self._lut, self._low, self._high = table, float(low), float(high)
        if self._wide() != wide:
            self.updateGeometry()
        self.update()

    def levels(self) -> tuple[float, float]:
        """The values of both ends."""
        return self._low, self._high

    def marker(self) -> float | None:
        """The value that is pointed at."""
        return self._marker

    def set_marker(self, value: float | None) -> None:
        """Point at a value; None for none."""
        if value != self._marker:
            self._marker = value
            self.update()

    def set_short(self, short: bool) -> None:
        """Take less room."""
        long = _SHORT if short else _LONG
        if long != self._long:
            self._long = long
            self.updateGeometry()
            self.update()

    def texts(self) -> tuple[str, str]:
        """Both ends as they are written."""
        return short_number(self._low), short_number(self._high)

    def _wide(self) -> tuple[int, int]:
        metrics = self.fontMetrics()
        low, high = (metrics.horizontalAdvance(text) + 1 for text in self.texts())
        return low, high

    def sizeHint(self) -> QSize:
        low, high = self._wide()
        return QSize(low + high + self._long + 2 * _GAP, self.fontMetrics().height() + 2)

    def minimumSizeHint(self) -> QSize:
        return self.sizeHint()

    def paintEvent(self, event: QPaintEvent) -> None:
        colours = theme.current()
        painter = QPainter(self)
        low, high = self._wide()
        rest = self.rect()
        painter.setPen(QColor(colours.text))
        texts = self.texts()
        painter.drawText(rest, int(Qt.AlignLeft | Qt.AlignVCenter), texts[0])
        bar = QRectF(low + _GAP, (self.height() - _HIGH) / 2, self._long, _HIGH)
        painter.drawText(
            QRectF(bar.right() + _GAP, 0, high, self.height()), Qt.AlignVCenter, texts[1]
        )
        painter.drawImage(bar, image_of(self._lut[None]))
        painter.setPen(QPen(QColor(colours.line), 1))
        painter.drawRect(bar)
        if self._marker is not None and math.isfinite(self._marker) and self._high > self._low:
            share = (self._marker - self._low) / (self._high - self._low)
            x = bar.left() + min(1.0, max(0.0, share)) * bar.width()
            painter.setRenderHint(QPainter.Antialiasing)
            painter.setPen(QPen(QColor(colours.surface), 1))
            painter.setBrush(QColor(colours.accent))
            y = bar.bottom() - 2
            painter.drawPolygon(QPolygonF([QPointF(x - 4, y + 7), QPointF(x, y),
                                           QPointF(x + 4, y + 7)]))  # fmt: skip
        painter.end()


class ScaleRow(QWidget):
    """A scale and, at the right end, a note."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.bar = ScaleBar(self)
        self.note = Line(self, "muted", align=Qt.AlignRight)
        self.note.setFont(theme.font(12))
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(theme.STEP)
        row.addWidget(self.bar)
        row.addWidget(self.note, 1)
