"""A separable kernel as the two vectors whose outer product it is."""

from __future__ import annotations

import numpy as np
from PyQt5.QtCore import QRectF, QSize, Qt
from PyQt5.QtGui import QColor, QFont, QFontMetricsF, QPainter, QPaintEvent, QPen
from PyQt5.QtWidgets import QSizePolicy, QWidget

from filterlab.gui import theme
from filterlab.gui.i18n import tr
from filterlab.gui.widgets.cells import cell_colour, format_cell, text_colour

__all__ = ["SeparableView"]


class SeparableView(QWidget):
    """Column and row with their numbers; the kernel they make stands faintly between them."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._vectors: tuple[np.ndarray, np.ndarray] | None = None
        self._text = ""
        self.setSizePolicy(QSizePolicy.Expanding, QSizePolicy.Expanding)
        self.setAccessibleName(tr("Separability"))

    def sizeHint(self) -> QSize:
        return QSize(120, 100)

    def minimumSizeHint(self) -> QSize:
        return QSize(64, 56)

    @property
    def vectors(self) -> tuple[np.ndarray, np.ndarray] | None:
        """Column (kh,) and row (kw,), if the kernel is separable."""
        return self._vectors

    def set_vectors(self, vectors: tuple[np.ndarray, np.ndarray] | None, text: str) -> None:
        """Show column and row, or only a text where there are none."""
        self._vectors, self._text = vectors, text
        self.setAccessibleDescription(text)
        self.update()

    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self)
        colours = theme.current()
        if self._vectors is None:
            painter.setPen(QColor(colours.muted))
            painter.drawText(
                self.rect(), int(Qt.AlignLeft | Qt.AlignTop | Qt.TextWordWrap), self._text
            )
            painter.end()
            return
        column, row = self._vectors
        side = min(self.width() / (len(row) + 1.35), self.height() / (len(column) + 1.35), 34.0)
        gap = 0.3 * side
        font = QFont(self.font())
        font.setPixelSize(max(7, min(11, round(side * 0.36))))
        painter.setFont(font)
        metrics = QFontMetricsF(font)

        def fits(text: str) -> bool:
            return metrics.horizontalAdvance(text) <= side - 2 and metrics.height() <= side + 2

        def cell(x: float, y: float, value: float, limit: float) -> None:
            colour = cell_colour(value, limit)
            place = QRectF(x, y, side, side)
            painter.fillRect(place, colour)
            painter.setPen(text_colour(colour))
            painter.drawText(place, Qt.AlignCenter, format_cell(value, fits))
            painter.setPen(QPen(QColor(colours.line), 1))
            painter.drawRect(place)

        for index, value in enumerate(row):
            cell(side + gap + index * side, 0, float(value), float(np.abs(row).max()))
        for index, value in enumerate(column):
            cell(0, side + gap + index * side, float(value), float(np.abs(column).max()))
        product = np.outer(column, row)
        painter.setOpacity(0.45)
        for (r, c), value in np.ndenumerate(product):
            place = QRectF(side + gap + c * side, side + gap + r * side, side, side)
            painter.fillRect(place, cell_colour(float(value), float(np.abs(product).max())))
        painter.end()
