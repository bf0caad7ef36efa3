"""How a kernel grid looks: its coloured cells with their numbers, and the marks upon them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

import numpy as np
from PyQt5.QtCore import QPointF, QRect, QRectF, Qt
from PyQt5.QtGui import QColor, QFont, QFontMetricsF, QPainter, QPalette, QPen, QPolygonF

from filterlab.gui.widgets.cells import (
    cell_colour,
    format_cell,
    format_least,
    format_places,
    text_colour,
)

__all__ = ["KernelPaint", "cell_font", "span"]

_MARK = QColor(0xE0, 0x9F, 0x00)
_KEPT = 4096

#: Height of the digits as a share of a cell's, at most and, with many places, at least; in small
#: cells they are as large as the window's text if they can be half a cell.
_SHARE, _SHARE_LEAST, _SHARE_SMALL, _TEXT = 0.4, 0.34, 0.5, 13
#: How far digits stay from the sides of their cells, each, as a share of the cell's, so that the
#: numbers of a row stand clear of each other; in pixels in cells under so many, at least so many
#: for three places.
_GAP, _SMALL_GAP, _SMALL, _GAP_OF_MOST = 0.09, 1, 32, 2.5
#: The smallest digits, in pixels.
_LEAST = 9
_MOST_PLACES = 3
#: Characters of a number that has no places to show, such as −3e38.
_SHORT = 5

#: Where a cell (row, column) lies.
Rects = Callable[[int, int], QRect]


def span(first: int, length: float, count: int, at: int) -> tuple[int, int]:
    """Where the ``at``-th of ``count`` cells over a length begins and ends, in whole pixels."""
    return first + round(length * at / count), first + round(length * (at + 1) / count)


def cell_font(font: QFont, values: Sequence[float], side: float) -> tuple[QFont, int]:
    """The largest font in which all these numbers fit into cells of a side, and their places.

    At most 40 % of a cell high, with as many places as fit then, the same for all, at most three.
    """
    made = QFont(font)
    numbers = set(values)
    tallest = max(_LEAST, int(side * _SHARE), min(_TEXT, int(side * _SHARE_SMALL)))
    for places in range(_MOST_PLACES, -1, -1):
        texts = {_text_of(value, places, numbers) for value in numbers}
        # One place more is worth digits a little smaller, not much smaller.
        least = max(_LEAST, int(side * _SHARE_LEAST)) if places > 1 else _LEAST
        for pixels in range(tallest, least - 1, -1):
            made.setPixelSize(pixels)
            widest = max(map(QFontMetricsF(made).horizontalAdvance, texts), default=0.0)
            gap = _gap(side)
            if widest <= side - 2 * (gap if places < _MOST_PLACES else max(gap, _GAP_OF_MOST)):
                return made, places
    return made, 0


def _text_of(value: float, places: int, numbers: set[float]) -> str:
    """What must have room for a number among others."""
    text = format_places(value, places)
    if text:
        return text
    if abs(value) < 1 and any(format_places(other, places) for other in numbers if other):
        return format_least(places)
    return format_cell(value, lambda short: len(short) <= _SHORT)


def _gap(side: float) -> float:
    return _GAP * side if side >= _SMALL else _SMALL_GAP


class KernelPaint:
    """Paints kernels; keeps what a value looks like, as most cells stay from paint to paint."""

    def __init__(self) -> None:
        self._looks: dict[tuple[float, float], tuple[QColor, QColor, str]] = {}
        self._key: tuple[object, ...] = ()
        self._font: tuple[object, QFont, int] | None = None

    def font(self, values: np.ndarray, side: float, font: QFont) -> tuple[QFont, int]:
        """The font and the places of a kernel's numbers in cells of a side."""
        key = values.tobytes(), side, font.key()
        if self._font is None or self._font[0] != key:
            self._font = key, *cell_font(font, values.ravel().tolist(), side)
        return self._font[1], self._font[2]

    def cells(
        self, painter: QPainter, values: np.ndarray, rect: Rects, font: QFont, palette: QPalette
    ) -> None:
        """Colours, numbers and lines; the scale ends at the largest absolute value."""
        rows, columns = values.shape
        limit = float(np.abs(values[np.isfinite(values)]).max(initial=0.0))
        side = min(rect(0, 0).width(), rect(0, 0).height())
        font, places = self.font(values, side, font)
        painter.setFont(font)
        metrics = QFontMetricsF(font)

        def fits(text: str) -> bool:
            return bool(metrics.horizontalAdvance(text) <= side - 2 * _gap(side))

        # Where others have digits, what is too small for one needs none of its own.
        told = bool(limit and format_places(limit, places))
        key = (side, font.pixelSize(), places, palette.window().color().rgb())
        if key != self._key or len(self._looks) > _KEPT:
            self._key, self._looks = key, {}
        muted = palette.placeholderText().color()
        for row in range(rows):
            for column in range(columns):
                value = float(values[row, column])
                look = self._looks.get((value, limit))
                if look is None:
                    colour = cell_colour(value, limit)
                    text = format_places(value, places)
                    ink = muted if value == 0 else text_colour(colour)
                    if not text and told and abs(value) < 1:
                        text, ink = format_least(places), muted
                    text = text if text and fits(text) else format_cell(value, fits)
                    look = self._looks[value, limit] = colour, ink, text
                colour, ink, text = look
                cell = rect(row, column)
                painter.fillRect(cell, colour)
                if text:
                    painter.setPen(ink)
                    painter.drawText(QRectF(cell), Qt.AlignCenter, text)
        painter.setPen(QPen(palette.mid().color(), 1))
        first, last = rect(0, 0), rect(rows - 1, columns - 1)
        right, bottom = last.right() + 1, last.bottom() + 1
        for y in [rect(row, 0).top() for row in range(rows)] + [bottom]:
            painter.drawLine(first.left(), y, right, y)
        for x in [rect(0, column).left() for column in range(columns)] + [right]:
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
        across, down = QPointF(tick, 0), QPointF(0, tick)
        painter.drawPolygon(QPolygonF([corner, corner + across, corner + down]))
        painter.setBrush(Qt.NoBrush)
        painter.setPen(QPen(accent, 1, Qt.DashLine))
        for cell in hovered:
            painter.drawRect(rect(*cell))
        block_rows, block_columns = block
        area = rect(block_rows.start, block_columns.start)
        last = rect(block_rows.stop - 1, block_columns.stop - 1)
        if last != area:
            area = area.united(last)
            # Black and white dashes are seen on cells of any colour.
            painter.setPen(QPen(Qt.black, 3))
            painter.drawRect(area)
            dashes = QPen(Qt.white, 3, Qt.CustomDashLine, Qt.FlatCap)
            dashes.setDashPattern([2, 2])
            painter.setPen(dashes)
            painter.drawRect(area)
        if current is not None:
            painter.setPen(QPen(accent, 2))
            painter.drawRect(rect(*current).adjusted(1, 1, 0, 0))
        if mark is not None:
            painter.setPen(QPen(_MARK, 2))
            painter.drawRect(rect(*mark).adjusted(1, 1, 0, 0))
