"""A unit's weights: a plane of cells for each of its inputs, with numbers where they fit."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray
from PyQt5.QtCore import QEvent, QPoint, QRect, QSize, Qt, pyqtSignal
from PyQt5.QtGui import (
    QColor,
    QFont,
    QFontMetrics,
    QMouseEvent,
    QPainter,
    QPaintEvent,
    QPen,
    QResizeEvent,
)
from PyQt5.QtWidgets import QWidget

from filterlab.gui import theme
from filterlab.gui.i18n import tr
from filterlab.gui.widgets.cells import cell_colour, format_cell, format_places, text_colour
from filterlab.gui.widgets.painted_scroll import PaintedScroll

__all__ = ["KernelPlanes", "planes_of"]

Array = NDArray[np.float32]

_CELL, _LEAST = 29, 5
_GAP = 8
_CLEAR = 4  # what is left of a cell beside its digits, so that those of a row stand apart
_LEAST_DIGITS = 9
_TABLE = 24  # columns of weights without a place


def planes_of(weights: Array) -> Array:
    """A unit's weights as (planes, rows, cols); without places in one plane, rows of 24.

    What is left over in the last row of those is NaN.
    """
    array = np.asarray(weights, np.float32)
    if array.ndim == 3 and array.shape[1:] != (1, 1):
        return array
    if array.ndim == 2:
        return array[None]
    flat = array.reshape(-1)
    cols = min(_TABLE, max(1, flat.size))
    rows = -(-flat.size // cols)
    padded = np.full(rows * cols, np.nan, np.float32)
    padded[: flat.size] = flat
    return padded.reshape(1, rows, cols)


class KernelPlanes(PaintedScroll):
    """Signals: ``chosen(int)``, a plane; ``edit_requested(int)``, a double click on one."""

    chosen = pyqtSignal(int)
    edit_requested = pyqtSignal(int)
    hovered = pyqtSignal(str)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(tr("Kernel"), parent)
        self._planes: Array = np.zeros((0, 1, 1), np.float32)
        self._names: list[str] = []
        self._chosen = -1
        self._has_places = True

    def show_weights(self, weights: Array | None, names: list[str] | None = None) -> None:
        """A unit's weights, without its bias; ``names`` stand below the planes."""
        given = np.zeros((0, 1, 1), np.float32) if weights is None else planes_of(weights)
        self._has_places = weights is not None and (
            weights.ndim == 2 or (weights.ndim == 3 and weights.shape[1:] != (1, 1))
        )
        if given.shape != self._planes.shape:
            self._chosen = -1
            self.verticalScrollBar().setValue(0)
        self._planes, self._names = given, names or []
        self._set_range()
        self.viewport().update()

    @property
    def plane(self) -> int:
        """The chosen plane; -1 for none."""
        return self._chosen

    @property
    def planes(self) -> Array:
        """What is painted, (planes, rows, cols)."""
        return self._planes

    # Geometry

    def _layout(self) -> tuple[int, int]:
        """A cell's side and how many planes stand in a row."""
        count, _, cols = self._planes.shape
        if not count:
            return _CELL, 1
        scale, width = theme.scale(), self.viewport().width()
        across = min(count, 3)
        most = round(_CELL * scale)
        side = min(most, (width - (across - 1) * _GAP) // (across * cols))
        if count > 3 or side < _LEAST:
            # Many planes: as small as their colours are still seen, as many in a row as fit.
            side = max(_LEAST, min(round(10 * scale), (width - _GAP) // max(1, cols)))
            across = max(1, (width + _GAP) // (cols * side + _GAP))
        return max(1, side), across

    @property
    def _below(self) -> int:
        return theme.line_height(QFontMetrics(theme.font(12))) if self._names else 0

    def plane_rect(self, plane: int) -> QRect:
        """Where a plane is painted, in the viewport."""
        side, across = self._layout()
        _, rows, cols = self._planes.shape
        row, column = divmod(plane, across)
        high = rows * side + _GAP + self._below
        y = row * high - self.verticalScrollBar().value()
        return QRect(column * (cols * side + _GAP), y, cols * side, rows * side)

    def _set_range(self) -> None:
        side, across = self._layout()
        count, rows, _ = self._planes.shape
        high = -(-count // across) * (rows * side + _GAP + self._below) - _GAP
        self.set_length(high, rows * side + _GAP)

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self._set_range()

    def sizeHint(self) -> QSize:
        return QSize(368, round((4 * _CELL + 20) * theme.scale()))

    def minimumSizeHint(self) -> QSize:
        return QSize(160, round(72 * min(1.35, theme.scale())))

    def _at(self, pos: QPoint) -> tuple[int, int, int] | None:
        """Plane, row and column under a point."""
        side, across = self._layout()
        count, rows, cols = self._planes.shape
        high, wide = rows * side + _GAP + self._below, cols * side + _GAP
        y = pos.y() + self.verticalScrollBar().value()
        plane = y // high * across + pos.x() // wide
        row, col = y % high // side, pos.x() % wide // side
        if pos.x() // wide >= across or not 0 <= plane < count or row >= rows or col >= cols:
            return None
        return int(plane), int(row), int(col)

    def told(self, plane: int, row: int, col: int) -> str:
        """A weight in words."""
        value = self._planes[plane, row, col]
        if math.isnan(value):
            return ""
        text = f"{value:.6g}".replace("-", "\N{MINUS SIGN}")
        if not self._has_places:
            index = row * self._planes.shape[2] + col
            return tr("input {n}: {value}").format(n=index, value=text)
        return tr("input {n}, row {row}, column {col}: {value}").format(
            n=plane, row=row, col=col, value=text
        )

    # What the user does

    def mousePressEvent(self, event: QMouseEvent) -> None:
        at = self._at(event.pos())
        if event.button() == Qt.LeftButton and at is not None:
            self._chosen = at[0]
            self.viewport().update()
            self.chosen.emit(at[0])

    def mouseDoubleClickEvent(self, event: QMouseEvent) -> None:
        at = self._at(event.pos())
        if event.button() == Qt.LeftButton and at is not None:
            self.edit_requested.emit(at[0])

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        at = self._at(event.pos())
        self.hovered.emit("" if at is None else self.told(*at))

    def leaveEvent(self, event: QEvent) -> None:
        self.hovered.emit("")

    # Painting

    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self.viewport())
        count = len(self._planes)
        finite = self._planes[np.isfinite(self._planes)]
        limit = float(np.abs(finite).max()) if finite.size else 0.0
        view = self.viewport().rect()
        for plane in range(count):
            place = self.plane_rect(plane)
            if place.top() > view.bottom():
                break
            if place.bottom() + self._below >= 0:
                self._paint_plane(painter, plane, place, limit)
        painter.end()

    @staticmethod
    def _digits_font(side: int) -> QFont | None:
        """The largest in which two places with a minus fit; without, some would have no number."""
        sizes = range(12 if side >= 32 else 11, _LEAST_DIGITS - 1, -1)
        fonts = [theme.font(size) for size in sizes]
        widest = format_places(-0.88, 2)
        fitting = (
            font for font in fonts if QFontMetrics(font).horizontalAdvance(widest) <= side - _CLEAR
        )
        return next(fitting, None)

    def _paint_plane(self, painter: QPainter, plane: int, place: QRect, limit: float) -> None:
        colours = theme.current()
        side, _ = self._layout()
        values = self._planes[plane]
        font = self._digits_font(side)
        digits = font is not None
        painter.setFont(font or painter.font())
        metrics, room = QFontMetrics(painter.font()), side - _CLEAR
        # Of thousands of weights only those in sight.
        first = max(0, -place.top() // side)
        last = (self.viewport().height() - place.top()) // side + 1
        for row in range(first, min(last, values.shape[0])):
            for col in range(values.shape[1]):
                value = float(values[row, col])
                if math.isnan(value):
                    continue
                cell = QRect(place.left() + col * side, place.top() + row * side, side, side)
                colour = cell_colour(value, limit)
                painter.fillRect(cell, colour)
                if digits:
                    painter.setPen(QPen(QColor(colours.line), 1))
                    painter.drawRect(cell)
                    text = self.text(value, lambda t: metrics.horizontalAdvance(t) <= room)
                    painter.setPen(QColor(colours.muted) if value == 0 else text_colour(colour))
                    painter.drawText(cell, Qt.AlignCenter, text)
        chosen = plane == self._chosen
        painter.setBrush(Qt.NoBrush)
        painter.setPen(QPen(QColor(colours.accent if chosen else colours.line), 2 if chosen else 1))
        painter.drawRect(place.adjusted(0, 0, 0 if digits else -1, 0 if digits else -1))
        if plane < len(self._names):
            painter.setFont(theme.font(12))
            painter.setPen(QColor(colours.muted))
            below = QRect(place.left(), place.bottom() + 2, place.width(), self._below)
            painter.drawText(below, Qt.AlignCenter, self._names[plane])

    @staticmethod
    def text(value: float, fits: Callable[[str], bool]) -> str:
        """A weight as it stands in its cell, with as many places as fit, at most two.

        Only 0 is written as 0: what is smaller than its places has a power of ten, or no text.
        """
        for places in (2, 1, 0):
            rounded = round(value, places) + 0.0
            if value and not rounded:
                return format_cell(value, fits)
            text = format_places(rounded, places)
            if fits(text):
                return text
        return ""
