"""How a kernel grid looks: its coloured cells with their numbers, and the marks upon them."""

from __future__ import annotations

from collections.abc import Callable, Iterable

import numpy as np
from qtpy.QtCore import QPointF, QRect, QRectF, Qt
from qtpy.QtGui import QColor, QFont, QFontMetricsF, QPainter, QPalette, QPen

from filterlab.gui.widgets.cells import cell_colour, format_cell, text_colour

__all__ = ["KernelPaint"]

_MARK = QColor(0xE0, 0x9F, 0x00)
_KEPT = 4096

#: Where a cell (row, column) lies.
Rects = Callable[[int, int], QRect]


class KernelPaint:
    """Paints kernels; keeps what a value looks like, as most cells stay from paint to paint."""

    def __init__(self) -> None:
        self._looks: dict[tuple[float, float], tuple[QColor, QColor, str]] = {}
        self._key = (0, 0)

    def cells(
        self,
        painter: QPainter,
        values: np.ndarray,
        rect: Rects,
        font: QFont,
        palette: QPalette,
    ) -> None:
        """Colours, numbers and lines; the scale ends at the largest absolute value."""
        rows, columns = values.shape
        limit = float(np.abs(values[np.isfinite(values)]).max(initial=0.0))
        first = rect(0, 0)
        side = first.width()
        font = QFont(font)
        font.setPixelSize(max(8, min(15, round(side * 0.30))))
        painter.setFont(font)
        metrics = QFontMetricsF(font)

        def fits(text: str) -> bool:
            return bool(metrics.horizontalAdvance(text) <= side - 5 and metrics.height() <= side)

        key = (side, font.pixelSize())
        if key != self._key or len(self._looks) > _KEPT:
            self._key, self._looks = key, {}
        for row in range(rows):
            for column in range(columns):
                value = float(values[row, column])
                look = self._looks.get((value, limit))
                if look is None:
                    colour = cell_colour(value, limit)
                    ink = text_colour(colour)
                    if value == 0:
                        ink.setAlphaF(0.55)
                    look = self._looks[value, limit] = colour, ink, format_cell(value, fits)
                colour, ink, text = look
                cell = first.translated(column * side, row * side)
                painter.fillRect(cell, colour)
                if text:
                    painter.setPen(ink)
                    painter.drawText(QRectF(cell), Qt.AlignCenter, text)
        painter.setPen(QPen(palette.mid().color(), 1))
        right, bottom = first.left() + columns * side, first.top() + rows * side
        for row in range(rows + 1):
            y = first.top() + row * side
            painter.drawLine(first.left(), y, right, y)
        for column in range(columns + 1):
            x = first.left() + column * side
            painter.drawLine(x, first.top(), x, bottom)

    @staticmethod
    def marks(
        painter: QPainter,
        shape: tuple[int, ...],
        rect: Rects,
        palette: QPalette,
        hovered: Iterable[tuple[int, int]],
        block: tuple[slice, slice],
        current: tuple[int, int] | None,
        mark: tuple[int, int] | None,
    ) -> None:
        """The middle, the cells under the mouse, the selected block, the current cell, a mark."""
        accent = palette.highlight().color()
        rows, columns = shape
        # A tick in the corner of the middle cell: the pixel that the result belongs to.
        centre = rect(rows // 2, columns // 2)
        ink = text_colour(cell_colour(0.0, 1.0))
        ink.setAlphaF(0.45)
        painter.setPen(Qt.NoPen)
        painter.setBrush(ink)
        tick = max(3.0, centre.width() * 0.12)
        corner = QPointF(centre.left() + 1, centre.top() + 1)
        painter.drawPolygon([corner, corner + QPointF(tick, 0), corner + QPointF(0, tick)])
        painter.setBrush(Qt.NoBrush)
        painter.setPen(QPen(accent, 1, Qt.DashLine))
        for cell in hovered:
            painter.drawRect(rect(*cell))
        block_rows, block_columns = block
        area = rect(block_rows.start, block_columns.start)
        last = rect(block_rows.stop - 1, block_columns.stop - 1)
        if last != area:
            area = area.united(last)
            wash = QColor(accent)
            wash.setAlphaF(0.18)
            painter.fillRect(area, wash)
            painter.setPen(QPen(accent, 2))
            painter.drawRect(area)
        if current is not None:
            painter.setPen(QPen(accent, 2))
            painter.drawRect(rect(*current).adjusted(1, 1, 0, 0))
        if mark is not None:
            painter.setPen(QPen(_MARK, 2))
            painter.drawRect(rect(*mark).adjusted(1, 1, 0, 0))
