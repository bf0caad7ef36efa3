"""A painter that keeps what is drawn with it: shape by shape, where and in which colours."""

from __future__ import annotations

from typing import Any

from PyQt5.QtCore import QPoint, QPointF, QRect, QRectF, Qt
from PyQt5.QtGui import QBrush, QColor, QImage, QPainter, QPolygonF

#: What was drawn: its kind, where (in pixels), and how.
Shape = tuple[Any, ...]


def colour(what: Any) -> str:
    """``#rrggbb``, or with its opacity in front if that is not full."""
    made = QColor(what)
    return made.name() if made.alpha() == 255 else made.name(QColor.HexArgb)


def _numbers(what: Any) -> tuple[float, ...]:
    if isinstance(what, (QPoint, QPointF)):
        return (round(what.x(), 3), round(what.y(), 3))
    if isinstance(what, (QRect, QRectF)):
        at = what.left(), what.top(), what.width(), what.height()
        return tuple(round(float(n), 3) for n in at)
    if isinstance(what, (list, tuple, QPolygonF)):
        return tuple(n for point in what for n in _numbers(point))
    return (round(float(what), 3),)


class Listening(QPainter):
    """Draws, and tells ``heard`` what.

    Filled: (``fill``, x, y, width, height, colour, pattern). Lines: (``line``, x0, y0, x1, y1, pen)
    (``rect``, x, y, width, height, pen), (``path``, x0, y0, ..., pen), where a pen is its colour,
    and a width or a style that is not usual. (``polygon``, x0, ..., pen, fill). (``ellipse``, x, y,
    rx, ry, pen). (``image``, x, y, width, height, picture). (``text``, x, y, width, height, text,
    flags, colour, pixels). What is not opaque has (``opacity``, n) before it.
    """

    heard: list[Shape]

    def _tell(self, *what: Any) -> None:
        if self.opacity() != 1:
            self.heard.append(("opacity", round(self.opacity(), 3)))
        self.heard.append(what)

    def _pen(self) -> tuple[Any, ...]:
        pen = self.pen()
        if pen.style() == Qt.NoPen:
            return ("none",)
        usual = () if pen.width() == 1 else (pen.width(),)
        if pen.style() == Qt.CustomDashLine:
            return (colour(pen.color()), *usual, tuple(pen.dashPattern()))
        return (colour(pen.color()), *usual, *(() if pen.style() == Qt.SolidLine else
                                               (int(pen.style()),)))  # fmt: skip

    def fillRect(self, where: Any, what: Any) -> None:
        brush = what if isinstance(what, QBrush) else QBrush(QColor(what))
        pattern = () if brush.style() == Qt.SolidPattern else (int(brush.style()),)
        self._tell("fill", *_numbers(where), colour(brush.color()), *pattern)
        super().fillRect(where, what)

    def drawRect(self, where: Any) -> None:
        self._tell("rect", *_numbers(where), *self._pen())
        super().drawRect(where)

    def drawLine(self, *ends: Any) -> None:
        self._tell("line", *_numbers(ends), *self._pen())
        super().drawLine(*ends)

    def drawPolygon(self, points: Any) -> None:
        self._tell("polygon", *_numbers(points), *self._pen(), colour(self.brush().color()))
        super().drawPolygon(QPolygonF(points))

    def drawPolyline(self, points: Any) -> None:
        self._tell("path", *_numbers(points), *self._pen())
        super().drawPolyline(points)

    def drawEllipse(self, *what: Any) -> None:
        self._tell("ellipse", *_numbers(what), *self._pen())
        super().drawEllipse(*what)

    def drawImage(self, where: Any, image: QImage) -> None:
        self._tell("image", *_numbers(where), image.copy())
        super().drawImage(where, image)

    def drawText(self, where: Any, flags: Any, text: str) -> Any:
        font = self.font()
        size = font.pixelSize() if font.pixelSize() > 0 else font.pointSizeF()
        self._tell("text", *_numbers(where), text, int(flags), colour(self.pen().color()), size)
        return super().drawText(where, int(flags), text)
