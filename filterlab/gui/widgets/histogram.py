"""A small histogram with its figures beneath: what an output's values look like as a whole."""

from __future__ import annotations

import numpy as np
from PyQt5.QtCore import QPointF, QRectF, QSize, Qt
from PyQt5.QtGui import QColor, QPainter, QPaintEvent, QPen, QPolygonF
from PyQt5.QtWidgets import QSizePolicy, QWidget

from filterlab.gui.i18n import tr

__all__ = ["Histogram", "short_number"]

_AXIS = 16


def short_number(value: float) -> str:
    """A number in at most four significant digits, with a true minus sign."""
    if not np.isfinite(value):
        return "NaN" if np.isnan(value) else ("+∞" if value > 0 else "−∞")
    return f"{value + 0.0:.4g}".replace("-", "\N{MINUS SIGN}")


class Histogram(QWidget):
    """Counts of values as bars, with zero marked and the ends of the range written.

    ``set_counts`` takes counts (n,) and edges (n + 1,). Bars are drawn in proportion to the
    square root of the count, so that a few bright pixels beside a flat background stay visible.
    """

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.clear()
        self.setSizePolicy(QSizePolicy.Expanding, QSizePolicy.Preferred)
        self.setAccessibleName(tr("Histogram"))

    def sizeHint(self) -> QSize:
        return QSize(200, 64)

    def minimumSizeHint(self) -> QSize:
        return QSize(80, 40)

    def set_counts(
        self, counts: np.ndarray, edges: np.ndarray, before: np.ndarray | None = None
    ) -> None:
        """Show ``counts``; ``before``, on the same edges, is drawn as an outline behind."""
        if len(edges) != len(counts) + 1:
            raise ValueError(f"{len(counts)} counts need {len(counts) + 1} edges")
        self._counts = np.asarray(counts, dtype=np.float64)
        self._edges = np.asarray(edges, dtype=np.float64)
        self._before = None if before is None else np.asarray(before, dtype=np.float64)
        self.update()

    def clear(self) -> None:
        """Show nothing."""
        self.set_counts(np.zeros(0), np.zeros(1))

    def place(self, value: float) -> float:
        """Where a value lies across the widget, in its pixels."""
        low, high = self._edges[0], self._edges[-1]
        share = 0.5 if high <= low else (value - low) / (high - low)
        return 1 + float(share) * (self.width() - 2)

    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self)
        palette = self.palette()
        floor = self.height() - _AXIS
        painter.setPen(QPen(palette.mid().color(), 1))
        painter.drawLine(0, floor, self.width(), floor)
        if not len(self._counts):
            painter.end()
            return
        top = max(
            self._counts.max(initial=0), 0 if self._before is None else self._before.max(initial=0)
        )
        if top > 0:
            heights = np.sqrt(self._counts / top) * (floor - 3)
            fill = QColor(palette.highlight().color())
            fill.setAlphaF(0.75)
            for index, height in enumerate(heights):
                if height > 0:
                    left = self.place(self._edges[index])
                    right = self.place(self._edges[index + 1])
                    painter.fillRect(
                        QRectF(left, floor - max(height, 1), max(right - left, 1), max(height, 1)),
                        fill,
                    )
            if self._before is not None:
                self._outline(painter, np.sqrt(self._before / top) * (floor - 3), floor)
        low, high = self._edges[0], self._edges[-1]
        if low < 0 < high:
            zero = round(self.place(0.0))
            painter.setPen(QPen(palette.text().color(), 1, Qt.DotLine))
            painter.drawLine(zero, 2, zero, floor)
        painter.setPen(palette.placeholderText().color())
        font = self.font()
        font.setPixelSize(11)
        painter.setFont(font)
        text = QRectF(1, floor + 1, self.width() - 2, _AXIS - 1)
        painter.drawText(text, int(Qt.AlignLeft | Qt.AlignVCenter), short_number(low))
        painter.drawText(text, int(Qt.AlignRight | Qt.AlignVCenter), short_number(high))
        painter.end()

    def _outline(self, painter: QPainter, heights: np.ndarray, floor: int) -> None:
        points = []
        for index, height in enumerate(heights):
            for edge in (index, index + 1):
                points.append(QPointF(self.place(self._edges[edge]), floor - float(height)))
        painter.setRenderHint(QPainter.Antialiasing)
        painter.setPen(QPen(self.palette().placeholderText().color(), 1))
        painter.drawPolyline(QPolygonF(points))
        painter.setRenderHint(QPainter.Antialiasing, False)
