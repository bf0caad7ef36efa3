"""A blob's channels as tiles: only those in sight are drawn, however many there are."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray
from PyQt5.QtCore import QEvent, QPoint, QRect, QRectF, QSize, Qt, pyqtSignal
from PyQt5.QtGui import (
    QColor,
    QFontMetrics,
    QImage,
    QKeyEvent,
    QMouseEvent,
    QPainter,
    QPaintEvent,
    QPen,
    QPixmap,
    QResizeEvent,
    QShowEvent,
)
from PyQt5.QtWidgets import QWidget

from filterlab.gui import theme
from filterlab.gui.i18n import tr
from filterlab.gui.images import image_of
from filterlab.gui.widgets.painted_scroll import PaintedScroll

__all__ = ["TileGrid", "columns_for", "grey_image"]

Array = NDArray[np.float32]

_GAP, _SIDE, _LARGEST, _ROW_OF = 8, 69, 112, 8
_CELL, _CELL_GAP = 22, 2  # of units without places
_CORNER = 0.3  # of a tile: the unit's weights


def columns_for(width: int, scale: float = 1.0) -> tuple[int, int]:
    """How many tiles stand in a row of so many pixels, and how wide each is.

    Eight grow to 112 pixels before there are more; from 69 down there are fewer.
    """
    gap = round(_GAP * scale)
    columns = max(1, min(_ROW_OF, (width + gap) // (round(_SIDE * scale) + gap)))
    side = (width - (columns - 1) * gap) // columns
    most = round(_LARGEST * scale)
    if columns == _ROW_OF and side > most:
        columns = -(-(width + gap) // (most + gap))
        side = (width - (columns - 1) * gap) // columns
    return columns, max(16, side)


def grey_image(channel: Array, low: float, high: float) -> QImage:
    """A channel (rows, cols) as grey from black at ``low`` to white at ``high``."""
    span = (high - low) or 1.0
    grey = np.clip(np.nan_to_num((channel - low) * (255.0 / span) + 0.5), 0, 255)
    return image_of(grey.astype(np.uint8))


class TileGrid(PaintedScroll):
    """Tiles of a blob's channels, or of a layer's kernels.

    A click chooses a unit, with Ctrl more of them, with Shift all between; arrows move. A click on
    a chip asks to reset its unit.

    Signals
    -------
    chosen(tuple) : units, the clicked one first
    hovered(int) : the unit under the mouse, -1 for none
    pointed(object) : the place (row, column) of the blob under the mouse, or None
    chip_pressed(int)
    """

    chosen = pyqtSignal(tuple)
    hovered = pyqtSignal(int)
    pointed = pyqtSignal(object)
    chip_pressed = pyqtSignal(int)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(tr("Units"), parent)
        self._count = 0
        self._shape = (1, 1)
        self._image: Callable[[int], QImage | None] = lambda _: None
        self._corner: Callable[[int], QImage | None] = lambda _: None
        self._chip: Callable[[int], str] = lambda _: ""
        self._order: NDArray[np.intp] = np.arange(0)
        self._units: tuple[int, ...] = ()
        self._anchor = 0
        self._hover = -1
        self._empty = ""
        self._pixmaps: dict[int, QPixmap] = {}

    # What it shows

    def set_tiles(
        self,
        count: int,
        shape: tuple[int, int],
        image: Callable[[int], QImage | None],
        corner: Callable[[int], QImage | None] = lambda _: None,
        chip: Callable[[int], str] = lambda _: "",
    ) -> None:
        """Show ``count`` units of (rows, cols); images are made when they come into sight."""
        other = (count, shape) != (self._count, self._shape)
        self._count, self._shape = count, shape
        self._image, self._corner, self._chip = image, corner, chip
        self._pixmaps.clear()
        if len(self._order) != count:
            self._order = np.arange(count)
        if other:
            self.verticalScrollBar().setValue(0)
        self._set_range()
        self.viewport().update()

    def set_order(self, order: Sequence[int] | NDArray[np.intp]) -> None:
        """Which unit stands where."""
        if len(order) == self._count and not np.array_equal(order, self._order):
            self._order = np.asarray(order, np.intp)
            self.viewport().update()

    def set_chosen(self, units: tuple[int, ...]) -> None:
        """Frame units; the first of them comes into sight."""
        if units != self._units:
            self._units = units
            if units and units[0] < self._count:
                self._scroll_to(self._position(units[0]))
            self.viewport().update()

    def set_empty(self, text: str) -> None:
        """What stands in the place of tiles while there are none."""
        self._empty = text
        self.viewport().update()

    def refresh(self, units: Sequence[int] | None = None) -> None:
        """Paint units anew; all if none are named."""
        if units is None:
            self._pixmaps.clear()
        else:
            for unit in units:
                self._pixmaps.pop(unit, None)
        self.viewport().update()

    @property
    def cells(self) -> bool:
        """Whether units have no places, so that they are small cells."""
        return self._shape == (1, 1)

    def in_sight(self) -> list[int]:
        """The units that are painted now."""
        if not self._count:
            return []
        columns, _, high = self._grid()
        first = self.verticalScrollBar().value() // high
        last = (self.verticalScrollBar().value() + self.viewport().height()) // high
        return [int(u) for u in self._order[first * columns : (last + 1) * columns]]

    # Geometry

    def _grid(self) -> tuple[int, int, int]:
        """Columns, a tile's width, and a row's height with its gap."""
        scale, width = theme.scale(), self.viewport().width()
        if self.cells:
            side, gap = round(_CELL * scale), round(_CELL_GAP * scale)
            return max(1, (width + gap) // (side + gap)), side, side + gap
        columns, side = columns_for(width, scale)
        rows, cols = self._shape
        high = max(12, min(2 * side, round(side * rows / cols)))
        return columns, side, high + round(_GAP * scale)

    @property
    def _gap(self) -> int:
        return round((_CELL_GAP if self.cells else _GAP) * theme.scale())

    def _position(self, unit: int) -> int:
        found = np.flatnonzero(self._order == unit)
        return int(found[0]) if found.size else 0

    def tile_rect(self, unit: int) -> QRect:
        """Where a unit's tile lies in the viewport."""
        return self._rect_at(self._position(unit))

    def _rect_at(self, position: int) -> QRect:
        columns, side, high = self._grid()
        row, column = divmod(position, columns)
        y = row * high - self.verticalScrollBar().value()
        return QRect(column * (side + self._gap), y, side, high - self._gap)

    def unit_at(self, pos: QPoint) -> int:
        """The unit under a point of the viewport; -1 for none."""
        columns, side, high = self._grid()
        y, x = pos.y() + self.verticalScrollBar().value(), pos.x()
        row, column = y // high, x // (side + self._gap)
        inside = y % high < high - self._gap and x % (side + self._gap) < side
        position = row * columns + column
        if not inside or column >= columns or not 0 <= position < self._count:
            return -1
        return int(self._order[position])

    def _set_range(self) -> None:
        columns, _, high = self._grid()
        rows = -(-self._count // columns)
        self.set_length(rows * high - self._gap, high)

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self._pixmaps.clear()
        self._set_range()

    def showEvent(self, event: QShowEvent) -> None:
        super().showEvent(event)
        if self._units and self._units[0] < self._count:
            self._scroll_to(self._position(self._units[0]))  # it was chosen at another size

    def sizeHint(self) -> QSize:
        scale = theme.scale()
        return QSize(round(608 * scale), round(4 * (_SIDE + _GAP) * scale))

    def minimumSizeHint(self) -> QSize:
        scale = theme.scale()
        return QSize(round(3 * (_SIDE + _GAP) * scale), round((_SIDE + _GAP) * min(1.15, scale)))

    def _scroll_to(self, position: int) -> None:
        columns, _, high = self._grid()
        row = position // columns
        self.bring_into_sight(row * high, (row + 1) * high - self._gap)

    # What the user does

    def mousePressEvent(self, event: QMouseEvent) -> None:
        unit = self.unit_at(event.pos())
        if event.button() != Qt.LeftButton or unit < 0:
            return
        chip = self.chip_rect(unit)
        if chip is not None and chip.contains(event.pos()):
            self.chip_pressed.emit(unit)
            return
        self._choose(unit, event.modifiers())

    def _choose(self, unit: int, keys: Qt.KeyboardModifiers) -> None:
        if keys & Qt.ControlModifier:
            others = tuple(u for u in self._units if u != unit)
            units = others if unit in self._units else (unit, *others)
            if not units:
                units = (unit,)
        elif keys & Qt.ShiftModifier and self._units:
            one, other = sorted((self._position(self._anchor), self._position(unit)))
            units = (unit, *(int(u) for u in self._order[one : other + 1] if u != unit))
        else:
            units = (unit,)
        if not keys & Qt.ShiftModifier:
            self._anchor = unit
        self.chosen.emit(units)

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        unit = self.unit_at(event.pos())
        self._set_hover(unit)
        place = None
        if unit >= 0 and not self.cells:
            tile = self.tile_rect(unit)
            row = (event.pos().y() - tile.top()) * self._shape[0] // max(1, tile.height())
            col = (event.pos().x() - tile.left()) * self._shape[1] // max(1, tile.width())
            place = (min(row, self._shape[0] - 1), min(col, self._shape[1] - 1))
        self.pointed.emit(place)

    def leaveEvent(self, event: QEvent) -> None:
        self._set_hover(-1)
        self.pointed.emit(None)

    def _set_hover(self, unit: int) -> None:
        if unit != self._hover:
            self._hover = unit
            self.hovered.emit(unit)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        columns = self._grid()[0]
        at = self._position(self._units[0]) if self._units else 0
        moves: dict[int, int] = {
            Qt.Key_Left: at - 1, Qt.Key_Right: at + 1, Qt.Key_Up: at - columns,
            Qt.Key_Down: at + columns, Qt.Key_Home: 0, Qt.Key_End: self._count - 1,
        }  # fmt: skip
        to = moves.get(event.key())
        if to is None or not self._count:
            super().keyPressEvent(event)
        elif 0 <= to < self._count:
            self._choose(int(self._order[to]), event.modifiers() & Qt.ShiftModifier)

    # Painting

    def chip_rect(self, unit: int) -> QRect | None:
        """Where a unit's chip lies in the viewport; None if it has none."""
        text = self._chip(unit)
        if not text or self.cells:
            return None
        metrics = QFontMetrics(theme.font(11, bold=True))
        tile = self.tile_rect(unit)
        width = metrics.horizontalAdvance(tr(text)) + 10
        return QRect(tile.left(), tile.top(), min(width, tile.width()), metrics.height() + 4)

    def _pixmap(self, unit: int, size: QSize) -> QPixmap | None:
        ratio = self.devicePixelRatioF()
        found = self._pixmaps.get(unit)
        if found is None:
            image = self._image(unit)
            if image is None:
                return None
            real = QSize(round(size.width() * ratio), round(size.height() * ratio))
            small = image.width() < real.width()
            how = Qt.FastTransformation if small else Qt.SmoothTransformation
            found = QPixmap.fromImage(image.scaled(real, Qt.IgnoreAspectRatio, how))
            found.setDevicePixelRatio(ratio)
            if len(self._pixmaps) > 4096:
                self._pixmaps.clear()
            self._pixmaps[unit] = found
        return found

    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self.viewport())
        colours = theme.current()
        if not self._count or self._image is None:
            painter.setPen(QColor(colours.muted))
            painter.drawText(self.viewport().rect(), Qt.AlignCenter | Qt.TextWordWrap, self._empty)
            painter.end()
            return
        for unit in self.in_sight():
            self._paint_tile(painter, unit)
        painter.end()

    def _paint_tile(self, painter: QPainter, unit: int) -> None:
        colours = theme.current()
        place = self.tile_rect(unit)
        pixmap = self._pixmap(unit, place.size())
        if pixmap is None:
            painter.fillRect(place, QColor(colours.well))
        else:
            painter.drawPixmap(place.topLeft(), pixmap)
        chosen = unit in self._units
        if self.cells:
            if chosen:
                painter.setPen(QPen(QColor(colours.accent), 2))
                painter.drawRect(place.adjusted(0, 0, -1, -1))
            return
        corner = self._corner(unit)
        if corner is not None:
            side = round(_CORNER * min(place.width(), place.height()))
            spot = QRect(place.left(), place.bottom() + 1 - side, side, side)
            painter.drawImage(spot, corner)
            painter.setPen(QPen(QColor(colours.surface), 1))
            painter.drawRect(spot.adjusted(0, 0, -1, -1))
        painter.setPen(QPen(QColor(colours.line), 1))
        painter.drawRect(QRectF(place).adjusted(0.5, 0.5, -0.5, -0.5))
        self._paint_number(painter, unit, place)
        if chosen:
            painter.setPen(QPen(QColor(colours.accent), 3))
            painter.drawRect(place.adjusted(1, 1, -2, -2))
        chip = self.chip_rect(unit)
        if chip is not None:
            painter.setFont(theme.font(11, bold=True))
            painter.fillRect(chip, QColor(colours.accent))
            painter.setPen(QColor(colours.on_accent))
            painter.drawText(chip, Qt.AlignCenter, tr(self._chip(unit)))

    def _paint_number(self, painter: QPainter, unit: int, place: QRect) -> None:
        colours = theme.current()
        font = theme.font(11)
        metrics = QFontMetrics(font)
        text = str(unit)
        width = metrics.horizontalAdvance(text) + 8
        box = QRectF(
            place.right() + 1 - width,
            place.bottom() + 1 - metrics.height(),
            width,
            metrics.height(),
        )
        painter.fillRect(box, QColor(colours.surface))
        painter.setFont(font)
        painter.setPen(QColor(colours.text))
        painter.drawText(box, Qt.AlignCenter, text)
