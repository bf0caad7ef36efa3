"""A picture to look at closely: crisp when enlarged, smooth when reduced, linked with others."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pyqtgraph as pg
from PyQt5.QtCore import QEvent, QPointF, QRectF, Qt, pyqtSignal
from PyQt5.QtGui import (
    QColor,
    QFontMetricsF,
    QImage,
    QMouseEvent,
    QPainter,
    QPen,
    QResizeEvent,
    QTransform,
    QWheelEvent,
)
from PyQt5.QtWidgets import QGraphicsView, QWidget

from filterlab.gui import theme
from filterlab.gui.widgets.cells import format_places
from filterlab.gui.widgets.colours import readable_on

__all__ = ["VALUES_FROM", "BoxItem", "PictureItem", "PictureView"]

#: Screen pixels per picture pixel from which values are written into the pixels.
VALUES_FROM = 26.0


class PictureItem(pg.ImageItem):
    """pyqtgraph's image item, row-major, sharp enlarged and area-averaged when reduced."""

    def __init__(self) -> None:
        super().__init__(axisOrder="row-major")
        #: Screen pixels per array pixel from which it is sharp; smooth below.
        self.sharp_from = 1.0
        self._reduced: dict[int, QImage] = {}
        self._reduced_of: QImage | None = None

    def paint(self, painter: QPainter, *args: Any) -> None:
        if self.image is None:
            return
        if self._renderRequired:
            self.render()
            if self._unrenderable:
                return
            self._reduced.clear()
        rows, cols = self.image.shape[:2]
        device = painter.deviceTransform()
        scale = min(np.hypot(device.m11(), device.m12()), np.hypot(device.m21(), device.m22()))
        source = self.qimage
        if scale < 0.999 and self.qimage is not None:
            painter.setRenderHint(QPainter.SmoothPixmapTransform, True)
            source = self._smaller(int(np.floor(1.0 / max(scale, 1e-3))))
        else:
            painter.setRenderHint(QPainter.SmoothPixmapTransform, bool(scale < self.sharp_from))
        if self.paintMode is not None:
            painter.setCompositionMode(self.paintMode)
        painter.drawImage(QRectF(0, 0, cols, rows), source)

    def _smaller(self, factor: int) -> QImage:
        """The rendered picture reduced by the power of two at or below ``factor``."""
        power = 1 << max(0, factor.bit_length() - 1)
        if power == 1:
            return self.qimage
        if self._reduced_of is not self.qimage:
            self._reduced.clear()
            self._reduced_of = self.qimage
        if power not in self._reduced:
            size = self.qimage.size()
            self._reduced[power] = self.qimage.scaled(
                max(1, size.width() // power),
                max(1, size.height() // power),
                Qt.IgnoreAspectRatio,
                Qt.SmoothTransformation,
            )
        return self._reduced[power]


class BoxItem(pg.GraphicsObject):
    """An outline over a picture, readable on any ground; edges in picture pixels, half-open."""

    def __init__(self, colour: str, width: float = 2.0, dashed: bool = False) -> None:
        super().__init__()
        self._rect = QRectF()
        self._pen = QPen(QColor(colour), width)
        self._pen.setCosmetic(True)
        self._pen.setJoinStyle(Qt.MiterJoin)
        if dashed:
            self._pen.setDashPattern([4, 3])
        self._halo = QPen(QColor(0, 0, 0, 150), width + 2)
        self._halo.setCosmetic(True)
        self._halo.setJoinStyle(Qt.MiterJoin)
        self._fill: QColor | None = None
        self.setZValue(20)

    def set_box(self, x0: float, y0: float, x1: float, y1: float) -> None:
        """Place the outline; an empty box hides it."""
        self.prepareGeometryChange()
        self._rect = QRectF(QPointF(x0, y0), QPointF(x1, y1))
        self.setVisible(x1 > x0 and y1 > y0)
        self.update()

    def set_fill(self, colour: QColor | None) -> None:
        """Fill the box, too."""
        self._fill = colour
        self.update()

    def box(self) -> tuple[float, float, float, float]:
        """The box as x0, y0, x1, y1."""
        return (self._rect.left(), self._rect.top(), self._rect.right(), self._rect.bottom())

    def boundingRect(self) -> QRectF:
        margin = 0.02 * max(self._rect.width(), self._rect.height()) + 2
        return self._rect.adjusted(-margin, -margin, margin, margin)

    def paint(self, painter: QPainter, *args: Any) -> None:
        if self._fill is not None:
            painter.fillRect(self._rect, self._fill)
        painter.setBrush(Qt.NoBrush)
        painter.setPen(self._halo)
        painter.drawRect(self._rect)
        painter.setPen(self._pen)
        painter.drawRect(self._rect)


class _ValuesItem(pg.GraphicsObject):
    """The pixels' values, written into them once they are large enough."""

    def __init__(self, picture: PictureItem) -> None:
        super().__init__()
        self._picture = picture
        self._values: np.ndarray | None = None
        self._text: Callable[[Any], str] = lambda value: format_places(round(float(value), 2), 2)
        self.setZValue(10)

    def set_values(self, values: np.ndarray | None, text: Callable[[Any], str] | None) -> None:
        self.prepareGeometryChange()
        self._values = values
        if text is not None:
            self._text = text
        self.update()

    def boundingRect(self) -> QRectF:
        if self._values is None:
            return QRectF()
        return QRectF(0, 0, self._values.shape[1], self._values.shape[0])

    def paint(self, painter: QPainter, *args: Any) -> None:
        values = self._values
        view = self.getViewBox()
        if values is None or view is None:
            return
        transform = painter.worldTransform()
        scale = abs(transform.m11())
        if scale < VALUES_FROM:
            return
        seen = self.mapRectFromParent(view.viewRect()) if self.parentItem() else view.viewRect()
        seen = self.mapRectFromItem(view.childGroup, seen) if view.childGroup else seen
        x0, x1 = max(0, int(seen.left())), min(values.shape[1], int(seen.right()) + 1)
        y0, y1 = max(0, int(seen.top())), min(values.shape[0], int(seen.bottom()) + 1)
        image = self._picture.qimage
        font = painter.font()
        texts = {(y, x): self._text(values[y, x]) for y in range(y0, y1) for x in range(x0, x1)}
        # As large as the widest of them fits.
        pixels = int(min(0.42 * scale, 15))
        longest = max(texts.values(), key=len, default="")
        while pixels > 7:
            font.setPixelSize(pixels)
            if QFontMetricsF(font).horizontalAdvance(longest) <= scale - 2:
                break
            pixels -= 1
        painter.save()
        painter.setWorldTransform(QTransform())
        painter.setFont(font)
        line = QPen(QColor(128, 128, 128, 90), 1)
        for (y, x), text in texts.items():
            ground = QColor("#808080")
            if image is not None and x < image.width() and y < image.height():
                ground = image.pixelColor(x, y)
            cell = transform.mapRect(QRectF(x, y, 1, 1))
            painter.setPen(line)
            painter.drawRect(cell)
            painter.setPen(QColor(readable_on(ground.red(), ground.green(), ground.blue())))
            painter.drawText(cell, Qt.AlignCenter, text)
        painter.restore()


class PictureView(pg.GraphicsView):
    """Shows one array as a picture; wheel zooms, drag pans, double click fits.

    Coordinates are the scene's own: by default picture pixels, x to the right, y down, pixel
    (0, 0) covering [0, 1) x [0, 1). With ``origin`` and ``pixel`` an array with another raster
    (a convolution's output) is laid where its pixels look, in the input's coordinates.

    Signals
    -------
    hovered(float, float) : scene position under the cursor
    left() : the cursor left the view
    pressed(float, float, int) : scene position and Qt mouse button, before any drag
    dragged(float, float, int) : while a button is held, only in paint mode
    released() : a drag in paint mode ended
    clicked(float, float, int) : pressed and released on the spot
    view_changed() : zoomed or panned
    """

    hovered = pyqtSignal(float, float)
    left = pyqtSignal()
    pressed = pyqtSignal(float, float, int)
    dragged = pyqtSignal(float, float, int)
    released = pyqtSignal()
    clicked = pyqtSignal(float, float, int)
    view_changed = pyqtSignal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent, background=theme.current().well)
        self.setAcceptDrops(False)
        self.viewport().setAcceptDrops(False)
        self.setMinimumSize(96, 72)
        self.box = pg.ViewBox(
            lockAspect=1.0, invertY=True, enableMenu=False, defaultPadding=0.0, border=None
        )
        self.box.disableAutoRange()
        self.setCentralItem(self.box)
        self.picture = PictureItem()
        self.box.addItem(self.picture, ignoreBounds=True)
        self._values = _ValuesItem(self.picture)
        self.box.addItem(self._values, ignoreBounds=True)
        self._extent = QRectF()
        self._fitted = True
        #: Magnification up to which the picture is smooth; and room around it, of its longer side.
        self.smooth_until, self.margin = 1.0, 0.01
        self._linked: list[PictureView] = []
        self._following = False
        self._paint_mode = False
        self._press: QPointF | None = None
        self._moved = False
        self.box.sigRangeChanged.connect(self._on_range)

    # What is shown

    def set_image(
        self,
        array: np.ndarray | None,
        levels: tuple[float, float] | None = None,
        lut: np.ndarray | None = None,
        origin: tuple[float, float] = (0.0, 0.0),
        pixel: tuple[float, float] = (1.0, 1.0),
        extent: QRectF | None = None,
    ) -> None:
        """Show an array: uint8 or float, HxW, HxWx3 or HxWx4.

        Parameters
        ----------
        levels : (low, high), optional
            The values shown as the table's first and last colour; default (0, 255) for uint8 and
            (0, 1) otherwise.
        lut : (256, 3) uint8, optional
            Colour table for one-channel arrays; default grey.
        origin, pixel : (x, y)
            Scene position of the array's corner and size of its pixels.
        extent : QRectF, optional
            Where the whole picture lies, if the array is only a part of it.
        """
        if array is None or array.size == 0:
            self.picture.clear()
            self._values.set_values(None, None)
            self._extent = QRectF()
            return
        shown = np.array(array, order="C")
        if shown.dtype not in (np.uint8, np.float32):
            shown = shown.astype(np.float32)
        if levels is None:
            levels = (0.0, 255.0) if shown.dtype == np.uint8 else (0.0, 1.0)
        low, high = float(levels[0]), float(levels[1])
        if not high > low:
            high = low + 1.0
        plain = shown.dtype == np.uint8 and (low, high) == (0.0, 255.0)
        table = lut if shown.ndim == 2 else None
        self.picture.setLookupTable(table, update=False)
        self.picture.setImage(
            shown, autoLevels=False, levels=None if plain and table is None else (low, high)
        )
        transform = QTransform.fromTranslate(origin[0], origin[1]).scale(pixel[0], pixel[1])
        self.picture.setTransform(transform)
        self._values.setTransform(transform)
        self.picture.sharp_from = self.smooth_until * pixel[0] * self.devicePixelRatioF()
        rows, cols = shown.shape[:2]
        if extent is None:
            extent = QRectF(origin[0], origin[1], cols * pixel[0], rows * pixel[1])
        if extent != self._extent:
            first = self._extent.isEmpty()
            self._extent = extent
            if first or self._fitted:
                self.fit()

    def set_values(
        self, values: np.ndarray | None, text: Callable[[Any], str] | None = None
    ) -> None:
        """The numbers to write into the pixels when zoomed in far; None for none."""
        self._values.set_values(values, text)

    @property
    def extent(self) -> QRectF:
        """Where the picture lies in the scene."""
        return QRectF(self._extent)

    def add_item(self, item: Any) -> Any:
        """Put a graphics item over the picture, in scene coordinates, and return it."""
        self.box.addItem(item, ignoreBounds=True)
        return item

    def remove_item(self, item: Any) -> None:
        """Take a graphics item away."""
        self.box.removeItem(item)

    # Zoom and pan

    def fit(self) -> None:
        """Show the whole picture, as large as it fits; it then stays fitted over resizes."""
        if self._extent.isEmpty():
            return
        self._fitted = True
        if self._linked and any(v._fitted for v in self._linked):
            union = QRectF(self._extent)
            for view in self._linked:
                union = union.united(view._extent)
            self._show(union)
        else:
            self._show(self._extent)
        self._fitted = True

    def _show(self, rect: QRectF) -> None:
        margin = self.margin * max(rect.width(), rect.height())
        self.box.setRange(rect.adjusted(-margin, -margin, margin, margin), padding=0)

    @property
    def fitted(self) -> bool:
        """Whether the whole picture is shown and follows the view's size."""
        return self._fitted

    def view_rect(self) -> QRectF:
        """The part of the scene that is seen."""
        return self.box.viewRect()

    def set_view_rect(self, rect: QRectF) -> None:
        """Show a part of the scene."""
        self._fitted = False
        self.box.setRange(rect, padding=0)

    def zoom(self, factor: float) -> None:
        """Enlarge about the middle by a factor."""
        self._fitted = False
        self.box.scaleBy((1.0 / factor, 1.0 / factor))

    @property
    def scale_on_screen(self) -> float:
        """Device-independent screen pixels for each scene unit."""
        size = self.box.viewPixelSize()
        return 1.0 / size[0] if size and size[0] else 1.0

    @staticmethod
    def link(views: Sequence[PictureView]) -> None:
        """Make views zoom and pan as one."""
        for view in views:
            view._linked = [other for other in views if other is not view]

    def _on_range(self, *_: Any) -> None:
        if not self._following:
            rect, fitted = self.box.viewRect(), self._fitted
            for view in self._linked:
                view._following = True
                try:
                    view.box.setRange(rect, padding=0)
                    view._fitted = fitted
                finally:
                    view._following = False
        self.view_changed.emit()

    def close(self) -> bool:
        # pyqtgraph's close() takes the scene apart under a widget that may still be resized.
        return bool(QGraphicsView.close(self))

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        # pyqtgraph calls this before the box exists.
        if getattr(self, "_fitted", False):
            self.fit()

    # Positions

    def to_scene(self, point: Any) -> tuple[float, float]:
        """Scene position of a point of the widget."""
        at = self.box.mapSceneToView(self.mapToScene(point))
        return at.x(), at.y()

    def to_widget(self, x: float, y: float) -> QPointF:
        """Where a scene position lies in the widget, in device-independent pixels."""
        at = self.box.mapViewToScene(QPointF(x, y))
        return QPointF(self.mapFromScene(at))

    def pixel_at(self, x: float, y: float) -> tuple[int, int] | None:
        """The array's pixel (column, row) at a scene position, or None outside."""
        if self.picture.image is None:
            return None
        inverse, possible = self.picture.transform().inverted()
        at = inverse.map(QPointF(x, y))
        rows, cols = self.picture.image.shape[:2]
        column, row = int(np.floor(at.x())), int(np.floor(at.y()))
        if possible and 0 <= column < cols and 0 <= row < rows:
            return column, row
        return None

    # Mouse

    def set_paint_mode(self, on: bool) -> None:
        """Whether a drag paints (signals ``dragged``) instead of panning."""
        self._paint_mode = on
        self.setCursor(Qt.CrossCursor if on else Qt.ArrowCursor)

    def mousePressEvent(self, event: QMouseEvent) -> None:
        self._press, self._moved = QPointF(event.pos()), False
        x, y = self.to_scene(event.pos())
        self.pressed.emit(x, y, int(event.button()))
        if self._paint_mode and event.button() != Qt.MiddleButton:
            event.accept()
            return
        super().mousePressEvent(event)

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        x, y = self.to_scene(event.pos())
        if self._press is not None and not self._moved:
            self._moved = (QPointF(event.pos()) - self._press).manhattanLength() > 3
        self.hovered.emit(x, y)
        if self._paint_mode and event.buttons() & (Qt.LeftButton | Qt.RightButton):
            button = Qt.LeftButton if event.buttons() & Qt.LeftButton else Qt.RightButton
            self.dragged.emit(x, y, int(button))
            event.accept()
            return
        if event.buttons() and self._moved:
            self._fitted = False
        super().mouseMoveEvent(event)

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:
        on_the_spot = self._press is not None and not self._moved
        self._press = None
        if on_the_spot:
            x, y = self.to_scene(event.pos())
            self.clicked.emit(x, y, int(event.button()))
        if self._paint_mode and event.button() != Qt.MiddleButton:
            self.released.emit()
            event.accept()
            return
        super().mouseReleaseEvent(event)

    def mouseDoubleClickEvent(self, event: QMouseEvent) -> None:
        if self._paint_mode:
            self.mousePressEvent(event)
            return
        self.fit()
        event.accept()

    def wheelEvent(self, event: QWheelEvent) -> None:
        self._fitted = False
        super().wheelEvent(event)

    def leaveEvent(self, event: QEvent) -> None:
        super().leaveEvent(event)
        self.left.emit()
