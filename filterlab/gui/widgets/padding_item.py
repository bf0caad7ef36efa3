"""The cells of padding around a picture: hatched, with what they hold."""

from __future__ import annotations

from typing import Any

import numpy as np
import pyqtgraph as pg
from PyQt5.QtCore import QRectF, Qt
from PyQt5.QtGui import QBrush, QColor, QPainter, QPen, QTransform

from filterlab.gui import theme
from filterlab.gui.widgets.cells import format_places
from filterlab.gui.widgets.picture_view import VALUES_FROM

__all__ = ["PaddingItem"]

#: From so many screen pixels a cell, cells are told apart.
_CELLS_FROM = 6.0


class PaddingItem(pg.GraphicsObject):
    """Drawn around a picture that lies at (0, 0), in its pixels."""

    def __init__(self) -> None:
        super().__init__()
        self._planes: np.ndarray | None = None
        self._margins = (0, 0)
        self._edge = "constant"
        self.setZValue(9)
        self.setVisible(False)

    def set_padding(self, planes: np.ndarray, margins: tuple[int, int], edge: str) -> None:
        """Show rows and columns of padding around ``planes`` (batch, channels, H, W).

        ``edge`` is numpy.pad's name of it: ``constant`` (zero), ``reflect``, ``edge``, ``wrap``.
        """
        same = self._planes is not None and np.shares_memory(self._planes, planes)
        if same and (margins, edge) == (self._margins, self._edge):
            return
        self.prepareGeometryChange()
        self._planes, self._margins, self._edge = planes, margins, edge
        self.setVisible(margins != (0, 0))
        self.update()

    def value_at(self, row: int, column: int) -> float:
        """What the cell holds: zero, or the pixel that stands for it; of colours the mean.

        ``row`` and ``column`` are the picture's and may lie outside.
        """
        assert self._planes is not None
        height, width = self._planes.shape[2:]
        (down, across), edge = self._margins, self._edge
        if edge == "constant" and not (0 <= row < height and 0 <= column < width):
            return 0.0
        if edge != "constant":
            # Where numpy would take it from.
            rows, columns = (
                np.pad(np.arange(size), margin, edge)  # type: ignore[call-overload]  # any mode
                for size, margin in ((height, down), (width, across))
            )
            row, column = int(rows[row + down]), int(columns[column + across])
        return float(self._planes[:, :, row, column].mean())

    def boundingRect(self) -> QRectF:
        if self._planes is None:
            return QRectF()
        height, width = self._planes.shape[2:]
        down, across = self._margins
        return QRectF(-across, -down, width + 2 * across, height + 2 * down)

    def paint(self, painter: QPainter, *args: Any) -> None:
        view = self.getViewBox()
        if self._planes is None or view is None:
            return
        transform = painter.worldTransform()
        scale = abs(transform.m11())
        height, width = self._planes.shape[2:]
        whole = self.boundingRect()
        colours = theme.current()
        painter.save()
        painter.setWorldTransform(QTransform())
        hatch = QBrush(QColor(colours.line), Qt.BDiagPattern)
        for part in (
            QRectF(whole.left(), whole.top(), whole.width(), self._margins[0]),
            QRectF(whole.left(), height, whole.width(), self._margins[0]),
            QRectF(whole.left(), 0, self._margins[1], height),
            QRectF(width, 0, self._margins[1], height),
        ):
            painter.fillRect(transform.mapRect(part), QColor(colours.well))
            painter.fillRect(transform.mapRect(part), hatch)
        if scale >= _CELLS_FROM:
            self._draw_cells(painter, transform, view.viewRect(), scale)
        painter.restore()

    def _draw_cells(
        self, painter: QPainter, transform: QTransform, seen: QRectF, scale: float
    ) -> None:
        assert self._planes is not None
        height, width = self._planes.shape[2:]
        down, across = self._margins
        rows = range(max(-down, int(seen.top()) - 1), min(height + down, int(seen.bottom()) + 1))
        columns = range(
            max(-across, int(seen.left()) - 1), min(width + across, int(seen.right()) + 1)
        )
        font = painter.font()
        font.setPixelSize(max(7, int(min(0.36 * scale, 15))))
        painter.setFont(font)
        colours = theme.current()
        for row in rows:
            for column in columns:
                if 0 <= row < height and 0 <= column < width:
                    continue
                cell = transform.mapRect(QRectF(column, row, 1, 1))
                painter.setPen(QPen(QColor(colours.line), 1))
                painter.drawRect(cell)
                if scale >= VALUES_FROM:
                    painter.setPen(QColor(colours.text))
                    text = format_places(round(self.value_at(row, column), 3), 3)
                    painter.drawText(cell, Qt.AlignCenter, text)
