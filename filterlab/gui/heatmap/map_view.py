"""The picture with the map on it, and the boxes that show where a cell looks."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pyqtgraph as pg
from PyQt5.QtCore import QPointF, QRectF, Qt, pyqtSignal
from PyQt5.QtGui import QColor, QFont, QKeyEvent, QPainter, QPainterPath, QPen, QTransform
from PyQt5.QtWidgets import QWidget

from filterlab.gui.heatmap.cell_cards import paint_badge
from filterlab.gui.i18n import tr
from filterlab.gui.widgets.picture_view import BoxItem, PictureView
from filterlab.workbench.heatmap_state import MOST_PINS

__all__ = ["MapView"]

Box = tuple[float, float, float, float]
Point = tuple[float, float]


class _LinesItem(pg.GraphicsObject):
    """Polylines over the picture, white on black so that they read on any ground."""

    def __init__(self, colour: str = "#FFFFFF", width: float = 1.4) -> None:
        super().__init__()
        self._path = QPainterPath()
        self._pens = []
        for shade, thick in ((QColor(0, 0, 0, 160), width + 1.6), (QColor(colour), width)):
            pen = QPen(shade, thick)
            pen.setCosmetic(True)
            self._pens.append(pen)
        self.setZValue(12)

    def set_lines(self, lines: Sequence[np.ndarray]) -> None:
        """Lines as arrays (n, 2) of (x, y)."""
        self.prepareGeometryChange()
        path = QPainterPath()
        for line in lines:
            if len(line) < 2:
                continue
            path.moveTo(float(line[0][0]), float(line[0][1]))
            for x, y in line[1:]:
                path.lineTo(float(x), float(y))
        self._path = path
        self.update()

    @property
    def empty(self) -> bool:
        return bool(self._path.isEmpty())

    def boundingRect(self) -> QRectF:
        return self._path.boundingRect().adjusted(-4, -4, 4, 4)

    def paint(self, painter: QPainter, *args: Any) -> None:
        painter.setRenderHint(QPainter.Antialiasing)
        painter.setBrush(Qt.NoBrush)
        for pen in self._pens:
            painter.setPen(pen)
            painter.drawPath(self._path)


class _TextsItem(pg.GraphicsObject):
    """A short text in each cell's tile, as far as it fits."""

    def __init__(self) -> None:
        super().__init__()
        self._texts: list[tuple[QRectF, str]] = []
        self.setZValue(14)

    def set_texts(self, texts: Sequence[tuple[Box, str]]) -> None:
        """Boxes (x0, y0, x1, y1) in picture pixels and what stands in them."""
        self.prepareGeometryChange()
        self._texts = [
            (QRectF(QPointF(b[0], b[1]), QPointF(b[2], b[3])), text) for b, text in texts
        ]
        self.update()

    def boundingRect(self) -> QRectF:
        rect = QRectF()
        for box, _ in self._texts:
            rect = rect.united(box)
        return rect

    def paint(self, painter: QPainter, *args: Any) -> None:
        transform = painter.worldTransform()
        painter.save()
        painter.setWorldTransform(QTransform())
        painter.setRenderHint(QPainter.Antialiasing)
        font = QFont(painter.font())
        for box, text in self._texts:
            place = transform.mapRect(box)
            # In a narrow cell the number alone says more than a clipped name.
            lines = text.split("\n")[: 2 if place.width() >= 44 else 1]
            size = int(min(12, place.height() / (1.35 * len(lines) + 0.3)))
            if size < 6 or place.width() < 14:
                continue
            font.setPixelSize(size)
            painter.setFont(font)
            metrics = painter.fontMetrics()
            height = metrics.lineSpacing() * len(lines)
            top = place.center().y() - height / 2
            for k, line in enumerate(lines):
                shown = metrics.elidedText(line, Qt.ElideRight, int(place.width() - 3))
                path = QPainterPath()
                x = place.center().x() - metrics.horizontalAdvance(shown) / 2
                path.addText(x, top + k * metrics.lineSpacing() + metrics.ascent(), font, shown)
                painter.setPen(QPen(QColor(0, 0, 0, 200), 2.6))
                painter.setBrush(Qt.NoBrush)
                painter.drawPath(path)
                painter.fillPath(path, QColor("#FFFFFF"))
        painter.restore()


class _BadgesItem(pg.GraphicsObject):
    """The numbers of the pinned cells, at their windows' corners, always inside the view."""

    def __init__(self) -> None:
        super().__init__()
        self._badges: list[tuple[float, float, int]] = []
        self.setZValue(24)

    def set_badges(self, badges: Sequence[tuple[float, float, int]]) -> None:
        """Places (x, y) in picture pixels and the numbers there."""
        self.prepareGeometryChange()
        self._badges = list(badges)
        self.update()

    def boundingRect(self) -> QRectF:
        rect = QRectF()
        for x, y, _ in self._badges:
            rect = rect.united(QRectF(x - 400, y - 400, 800, 800))
        return rect

    def paint(self, painter: QPainter, *args: Any) -> None:
        transform = painter.worldTransform()
        view = painter.viewport()
        painter.save()
        painter.setWorldTransform(QTransform())
        ratio = painter.device().devicePixelRatioF()
        right, bottom = view.width() / ratio - 12, view.height() / ratio - 12
        for x, y, number in self._badges:
            at = transform.map(QPointF(x, y))
            inside = QPointF(min(max(at.x(), 12.0), right), min(max(at.y(), 12.0), bottom))
            paint_badge(painter, inside, number)
        painter.restore()


class _BoxesItem(pg.GraphicsObject):
    """Several thin outlines: the windows that the classifier was asked about."""

    def __init__(self) -> None:
        super().__init__()
        self._boxes: list[QRectF] = []
        self.setZValue(11)

    def set_boxes(self, boxes: Sequence[Box]) -> None:
        """Outlines in picture pixels."""
        self.prepareGeometryChange()
        self._boxes = [QRectF(QPointF(b[0], b[1]), QPointF(b[2], b[3])) for b in boxes]
        self.update()

    @property
    def count(self) -> int:
        """How many there are."""
        return len(self._boxes)

    def boundingRect(self) -> QRectF:
        rect = QRectF()
        for box in self._boxes:
            rect = rect.united(box.adjusted(-2, -2, 2, 2))
        return rect

    def paint(self, painter: QPainter, *args: Any) -> None:
        painter.setBrush(Qt.NoBrush)
        for colour, width in ((QColor(0, 0, 0, 110), 2.6), (QColor(255, 255, 255, 210), 1.0)):
            pen = QPen(colour, width)
            pen.setCosmetic(True)
            pen.setDashPattern([5, 3] if width == 1.0 else [1e6, 1])
            painter.setPen(pen)
            painter.drawRects(self._boxes)


class MapView(PictureView):
    """Shows the drawing; says which point is under the cursor; arrow keys walk from cell to cell.

    Signals
    -------
    stepped(int, int) : rows and columns to go, from the arrow keys
    pin_requested() : Enter or Space
    unpin_requested() : Delete or Backspace
    """

    stepped = pyqtSignal(int, int)
    pin_requested = pyqtSignal()
    unpin_requested = pyqtSignal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        # A photo stays smooth until its pixels are plain to see; the stage leaves no margin.
        self.smooth_until, self.margin = 4.0, 0.0
        self.setFocusPolicy(Qt.StrongFocus)
        self.setAccessibleName(tr("The picture with its map"))
        self.field_box = self.add_item(BoxItem("#FFFFFF", 1.2, dashed=True))
        self.window_box = self.add_item(BoxItem("#FFFFFF", 1.0))
        self.tile_box = self.add_item(BoxItem("#FFFFFF", 1.0))
        self._pin_boxes = [self.add_item(BoxItem("#FFFFFF", 2.0)) for _ in range(MOST_PINS)]
        self._pin_tiles = [self.add_item(BoxItem("#FFFFFF", 2.0)) for _ in range(MOST_PINS)]
        self._badges = self.add_item(_BadgesItem())
        self.checked = self.add_item(_BoxesItem())
        self.contours = self.add_item(_LinesItem())
        self.corners = self.add_item(_LinesItem("#FFFFFF", 2.0))
        self.arrows = self.add_item(_LinesItem("#FF6B6B", 1.6))
        self._texts = self.add_item(_TextsItem())
        self.show_cell(None)
        self.show_pins([])

    def show_cell(self, boxes: tuple[Box, Box, Box | None] | None) -> None:
        """Outline a cell's tile, window and, if given, field (picture pixels); None for none."""
        empty = (0.0, 0.0, 0.0, 0.0)
        tile, window, field = boxes or (empty, empty, None)
        self.tile_box.set_box(*tile)
        self.window_box.set_box(*window)
        self.field_box.set_box(*(field or empty))

    def show_pins(self, pins: Sequence[tuple[Box, Box]]) -> None:
        """Outline the pinned cells' windows and tiles, each with its number."""
        empty = (0.0, 0.0, 0.0, 0.0)
        for k, (window, tile) in enumerate(zip(self._pin_boxes, self._pin_tiles)):
            window.set_box(*(pins[k][0] if k < len(pins) else empty))
            tile.set_box(*(pins[k][1] if k < len(pins) else empty))
        self._badges.set_badges([(box[0], box[1], k + 1) for k, (box, _) in enumerate(pins)])

    def show_texts(self, texts: Sequence[tuple[Box, str]]) -> None:
        """Write a text into each cell's tile."""
        self._texts.set_texts(texts)

    def show_arrows(
        self, arrows: Sequence[tuple[tuple[float, float], tuple[float, float]]]
    ) -> None:
        """Draw arrows from where cells look to where stretching puts them."""
        lines = []
        for (x0, y0), (x1, y1) in arrows:
            lines.append(np.array([(x0, y0), (x1, y1)]))
            length = float(np.hypot(x1 - x0, y1 - y0))
            if length < 1e-6:
                continue
            head = min(9.0, length / 2)
            angle = np.arctan2(y1 - y0, x1 - x0)
            wings = [
                (x1 - head * np.cos(angle + turn), y1 - head * np.sin(angle + turn))
                for turn in (0.5, -0.5)
            ]
            lines.append(np.array([wings[0], (x1, y1), wings[1]]))
        self.arrows.set_lines(lines)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        steps: dict[int, tuple[int, int]] = {
            Qt.Key_Left: (0, -1),
            Qt.Key_Right: (0, 1),
            Qt.Key_Up: (-1, 0),
            Qt.Key_Down: (1, 0),
        }
        if event.key() in steps and not event.modifiers() & ~Qt.KeypadModifier:
            self.stepped.emit(*steps[event.key()])
        elif event.key() in (Qt.Key_Return, Qt.Key_Enter, Qt.Key_Space):
            self.pin_requested.emit()
        elif event.key() in (Qt.Key_Delete, Qt.Key_Backspace):
            self.unpin_requested.emit()
        elif event.key() in (Qt.Key_Plus, Qt.Key_Equal):
            self.zoom(1.25)
        elif event.key() == Qt.Key_Minus:
            self.zoom(0.8)
        elif event.key() == Qt.Key_0:
            self.fit()
        else:
            event.ignore()
            return
        event.accept()
