"""The window of a convolution over its input: it glides to its next place."""

from __future__ import annotations

from typing import Any

import pyqtgraph as pg
from PyQt5.QtCore import QEasingCurve, QPointF, QRectF, Qt, QVariantAnimation
from PyQt5.QtGui import QColor, QPainter, QPen, QPolygonF, QTransform

from filterlab.gui import theme

__all__ = ["GLIDE_MS", "WindowItem"]

#: How long a move from one place to the next takes.
GLIDE_MS = 160

#: From so many screen pixels a picture pixel, the cells that a dilated window visits and the
#: arrow are drawn.
_LARGE = 6.0


class WindowItem(pg.GraphicsObject):
    """Outlines a window, the cells it visits if it is dilated, and where it came from.

    All in picture pixels, half-open: (x0, y0, x1, y1).
    """

    def __init__(self, colour: str) -> None:
        super().__init__()
        self._target = QRectF()
        self._shown = QRectF()
        self._last = QRectF()
        self._dilation = 1
        self._fill: QColor | None = None
        self._pen = QPen(QColor(colour), 2)
        self._pen.setJoinStyle(Qt.MiterJoin)
        self._halo = QPen(QColor(0, 0, 0, 130), 4)
        self._halo.setJoinStyle(Qt.MiterJoin)
        self._glide = QVariantAnimation()
        self._glide.setDuration(GLIDE_MS)
        self._glide.setEasingCurve(QEasingCurve.InOutQuad)
        self._glide.valueChanged.connect(self._on_glide)
        self.setZValue(20)
        self.setVisible(False)

    @property
    def gliding(self) -> bool:
        """Whether it is on its way."""
        return bool(self._glide.state() == QVariantAnimation.Running)

    def box(self) -> tuple[float, float, float, float]:
        """Where it is, or is going to."""
        return _corners(self._target)

    def shown_box(self) -> tuple[float, float, float, float]:
        """Where it is drawn now."""
        return _corners(self._shown)

    def last_box(self) -> tuple[float, float, float, float] | None:
        """Where it came from, if that is drawn."""
        return None if self._last.isNull() else _corners(self._last)

    def set_fill(self, colour: QColor | None) -> None:
        """Fill the window, too."""
        self._fill = colour
        self.update()

    def set_window(
        self, box: tuple[float, float, float, float] | None, dilation: int = 1, glide: bool = False
    ) -> None:
        """Go to a place; None hides it.

        Parameters
        ----------
        dilation : how far apart the cells lie that are looked at, in pixels.
        glide : move there, and keep the outline of the place before; no motion if none is
            wanted.
        """
        target = QRectF() if box is None else QRectF(QPointF(*box[:2]), QPointF(*box[2:]))
        if target == self._target and dilation == self._dilation:
            return
        before, self._dilation = QRectF(self._target), dilation
        self._glide.stop()
        self._target = target
        glide = glide and not before.isEmpty() and before.size() == target.size()
        self._last = before if glide else QRectF()
        self.setVisible(not target.isEmpty())
        if glide and not theme.reduced_motion():
            self._glide.setStartValue(before)
            self._glide.setEndValue(target)
            self._glide.start()
        else:
            self._put(target)

    def _on_glide(self, rect: Any) -> None:
        self._put(QRectF(rect))

    def _put(self, rect: QRectF) -> None:
        self.prepareGeometryChange()
        self._shown = rect
        self.update()

    def boundingRect(self) -> QRectF:
        area = self._shown.united(self._target).united(self._last)
        margin = 0.05 * max(area.width(), area.height()) + 2
        return area.adjusted(-margin, -margin, margin, margin)

    def paint(self, painter: QPainter, *args: Any) -> None:
        transform = painter.worldTransform()
        scale = abs(transform.m11())
        painter.save()
        painter.setWorldTransform(QTransform())
        box = transform.mapRect(self._shown)
        if self._fill is not None:
            painter.fillRect(box, self._fill)
        painter.setBrush(Qt.NoBrush)
        if not self._last.isNull():
            dashes = QPen(self._pen)
            dashes.setDashPattern([3, 2])
            painter.setPen(dashes)
            painter.drawRect(transform.mapRect(self._last))
        if self._dilation > 1 and scale >= _LARGE:
            self._draw_cells(painter, transform)
        for pen in (self._halo, self._pen):
            painter.setPen(pen)
            painter.drawRect(box)
        if not self._last.isNull() and scale >= _LARGE:
            self._draw_arrow(painter, box, min(10.0, scale * 0.45))
        painter.restore()

    def _draw_cells(self, painter: QPainter, transform: QTransform) -> None:
        """The pixels that are looked at: every ``dilation``-th."""
        pen = QPen(self._pen)
        pen.setWidthF(1.5)
        painter.setPen(pen)
        y = self._shown.top()
        while y < self._shown.bottom() - 0.5:
            x = self._shown.left()
            while x < self._shown.right() - 0.5:
                cell = transform.mapRect(QRectF(x, y, 1, 1))
                painter.drawRect(cell.adjusted(1.5, 1.5, -1.5, -1.5))
                x += self._dilation
            y += self._dilation

    def _draw_arrow(self, painter: QPainter, box: QRectF, size: float) -> None:
        """Where it goes: at the side that it moves to."""
        step = self._target.center() - self._last.center()
        across = abs(step.x()) >= abs(step.y())
        sign = 1 if (step.x() if across else step.y()) > 0 else -1
        middle = box.center()
        reach = (box.width() if across else box.height()) / 2 + size + 4
        at = middle + (QPointF(sign * reach, 0) if across else QPointF(0, sign * reach))
        painter.setRenderHint(QPainter.Antialiasing)
        painter.setPen(Qt.NoPen)
        painter.setBrush(self._pen.color())
        painter.drawEllipse(at, size, size)
        painter.setBrush(Qt.white)
        ahead, aside = QPointF(sign, 0), QPointF(0, 1)
        if not across:
            ahead, aside = QPointF(0, sign), QPointF(1, 0)
        half = size * 0.5
        painter.drawPolygon(
            QPolygonF([at + ahead * half, at - ahead * half + aside * half,
                       at - ahead * half - aside * half])
        )  # fmt: skip


def _corners(rect: QRectF) -> tuple[float, float, float, float]:
    return rect.left(), rect.top(), rect.right(), rect.bottom()
