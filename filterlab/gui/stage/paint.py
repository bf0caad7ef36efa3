"""What several scenes draw alike: text of a size in pixels, numbers in cells, arrows, frames."""

from __future__ import annotations

import math
from collections.abc import Iterable

import numpy as np
from PyQt5.QtCore import QPointF, QRectF, Qt
from PyQt5.QtGui import QColor, QFont, QFontMetricsF, QPainter, QPainterPath, QPen, QPolygonF

from filterlab.gui import theme
from filterlab.gui.widgets.cells import text_colour

__all__ = [
    "arrow",
    "axis_colour",
    "cells",
    "fit_font",
    "font",
    "frame",
    "hatch",
    "number",
    "places_for",
    "text",
]

_MINUS = "\N{MINUS SIGN}"


def font(pixels: float, bold: bool = False) -> QFont:
    """The window's font at a size in pixels."""
    made = theme.font(13, bold)
    made.setPixelSize(max(6, round(pixels)))
    return made


def fit_font(words: str, pixels: Iterable[float], width: float, bold: bool = False) -> QFont:
    """The first of the sizes at which the words fit into a width; else the last."""
    made = font(13, bold)
    for size in pixels:
        made = font(size, bold)
        if QFontMetricsF(made).horizontalAdvance(words) <= width:
            break
    return made


def text(
    painter: QPainter,
    place: QRectF,
    words: str,
    pixels: float,
    colour: str | QColor,
    bold: bool = False,
    flags: int = int(Qt.AlignLeft | Qt.AlignVCenter),
) -> QRectF:
    """Draw words; returns the place they took."""
    painter.setFont(font(pixels, bold))
    painter.setPen(QColor(colour))
    took = painter.drawText(place, flags, words)
    return QRectF(took) if took is not None else QRectF(painter.boundingRect(place, flags, words))


def number(value: float, places: int, leading: bool = False) -> str:
    """A number for a cell: so many places, no leading zero, never -0."""
    if not math.isfinite(value):
        return "NaN" if math.isnan(value) else ("+inf" if value > 0 else f"{_MINUS}inf")
    words = f"{abs(value):.{places}f}"
    if float(words) == 0:
        return "0"
    if not leading and words.startswith("0."):
        words = words[1:]
    return (_MINUS if value < 0 else "") + words


def places_for(values: np.ndarray, metrics: QFontMetricsF, width: float, most: int = 2) -> int:
    """Decimal places with which all numbers fit into a width; -1 if not even whole ones do."""
    finite = values[np.isfinite(values)]
    if finite.size == 0:
        return 0
    ends = [float(finite.min()), float(finite.max())]
    if all(float(v).is_integer() for v in np.unique(finite)[:400]):
        most = 0
    for places in range(most, -1, -1):
        if all(metrics.horizontalAdvance(number(v, places)) <= width for v in ends):
            return places
    return -1


def axis_colour(value: float, limit: float, natural: bool) -> QColor:
    """Colour of an output: grey from 0 to the limit, or blue, white, red about zero."""
    from filterlab.gui.widgets.cells import cell_colour

    if not natural or not math.isfinite(value):
        return cell_colour(value, limit)
    grey = round(255 * min(1.0, max(0.0, value / limit))) if limit > 0 else 0
    return QColor(grey, grey, grey)


def hatch(painter: QPainter, rect: QRectF) -> None:
    """A cell of padding."""
    colours = theme.current()
    painter.fillRect(rect, QColor(colours.backdrop))
    faint = QColor(colours.muted)
    faint.setAlphaF(0.45)
    pen = QPen(faint, 1)
    painter.save()
    painter.setClipRect(rect)
    painter.setPen(pen)
    step = max(6.0, rect.width() / 8)
    at = -rect.height()
    while at < rect.width():
        painter.drawLine(
            QPointF(rect.left() + at, rect.bottom()),
            QPointF(rect.left() + at + rect.height(), rect.top()),
        )
        at += step
    painter.restore()


def frame(painter: QPainter, rect: QRectF, width: float, colour: str | QColor) -> None:
    """An outline with a light one within, to be seen on any ground."""
    painter.setBrush(Qt.NoBrush)
    painter.setPen(QPen(QColor(255, 255, 255, 230), max(1.0, width / 2)))
    inner = width / 2 + width / 4
    painter.drawRect(rect.adjusted(inner, inner, -inner, -inner))
    painter.setPen(QPen(QColor(colour), width, Qt.SolidLine, Qt.SquareCap, Qt.MiterJoin))
    painter.drawRect(rect)


def cells(
    painter: QPainter,
    place: QRectF,
    colours: Iterable[tuple[int, int, QColor]],
    shape: tuple[int, int],
    line: str | QColor = "#FFFFFF",
    thin: float = 1.0,
) -> None:
    """A grid of coloured cells with lines between them."""
    rows, cols = shape
    high, wide = place.height() / rows, place.width() / cols
    for row, col, colour in colours:
        cell = QRectF(place.left() + col * wide, place.top() + row * high, wide + 0.5, high + 0.5)
        painter.fillRect(cell, colour)
    if thin > 0 and min(high, wide) > 4:
        painter.setPen(QPen(QColor(line), thin))
        for row in range(rows + 1):
            y = place.top() + row * high
            painter.drawLine(QPointF(place.left(), y), QPointF(place.right(), y))
        for col in range(cols + 1):
            x = place.left() + col * wide
            painter.drawLine(QPointF(x, place.top()), QPointF(x, place.bottom()))


def write(painter: QPainter, cell: QRectF, words: str, ground: QColor, faint: bool = False) -> None:
    """A number in a cell, black or white as it reads better."""
    ink = text_colour(ground)
    if faint:
        ink.setAlphaF(0.7)
    painter.setPen(ink)
    painter.drawText(cell, Qt.AlignCenter, words)


def arrow(
    painter: QPainter, start: QPointF, end: QPointF, colour: str | QColor, width: float = 1.5
) -> None:
    """A dashed curve that leaves and arrives level, with a head."""
    path = QPainterPath(start)
    bend = (end.x() - start.x()) * 0.5
    path.cubicTo(QPointF(start.x() + bend, start.y()), QPointF(end.x() - bend, end.y()), end)
    pen = QPen(QColor(colour), width, Qt.DashLine)
    painter.setPen(pen)
    painter.setBrush(Qt.NoBrush)
    painter.drawPath(path)
    painter.setPen(QPen(QColor(colour), width))
    head = 5 * width
    way = 1 if end.x() >= start.x() else -1
    above = QPointF(end.x() - way * head, end.y() - head * 0.7)
    below = QPointF(end.x() - way * head, end.y() + head * 0.7)
    painter.drawPolyline(QPolygonF([above, end, below]))
