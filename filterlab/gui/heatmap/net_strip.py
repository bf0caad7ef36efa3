"""The net below the stage: a slab a layer, the cast ones in the accent with both shapes."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from PyQt5.QtCore import QEvent, QLineF, QPointF, QRectF, QSize, Qt, pyqtSignal
from PyQt5.QtGui import (
    QColor,
    QFont,
    QFontMetrics,
    QHelpEvent,
    QMouseEvent,
    QPainter,
    QPainterPath,
    QPaintEvent,
    QPen,
    QPolygonF,
    QResizeEvent,
)
from PyQt5.QtWidgets import QFrame, QScrollArea, QSizePolicy, QToolTip, QWidget

from filterlab.gui import theme
from filterlab.gui.i18n import tr
from filterlab.workbench.outline import Form, Slab

__all__ = ["NetStrip"]

#: Heights: with names and shapes, and with names only.
HIGH, LOW = 108, 64
_DEPTH = 4.0  # of a box, to the right and up
_BETWEEN_BOXES = 4.0
_ARROW = 20.0  # the least room for an arrow
_LONGEST = 104  # of a name in the shortest form, in pixels
_FORMS = 4  # as drawn in a wide strip, without spaces, with fewer boxes, with shorter names


def _box_width(form: Form) -> float:
    """Of a box, by the logarithm of its channels."""
    return 4 + 0.2 * math.log2(max(2, form[0])) ** 2


def _box_height(form: Form, room: float) -> float:
    """Of a box, by the logarithm of its rows."""
    return min(room, max(5.0, 4.9 * math.log2(max(1, form[1]))))


def _shape(shape: Sequence[int], comma: str = ", ") -> str:
    return "(" + comma.join(str(n) for n in shape) + ")"


@dataclass
class _Column:
    """A slab as it is drawn: its lines of text and its boxes, and where."""

    slab: Slab
    forms: tuple[Form, ...]
    lines: tuple[str, ...]
    left: float = 0.0
    width: float = 0.0

    @property
    def boxes(self) -> float:
        """Width of the boxes."""
        ghost = 30.0 if self.slab.kind == "sliding" else 0.0
        each = sum(_box_width(form) for form in self.forms)
        return ghost + each + _BETWEEN_BOXES * (len(self.forms) - 1) + _DEPTH


class _Slabs(QWidget):
    """Paints the slabs; as wide as there is room, in shorter forms where that is little."""

    pressed = pyqtSignal(str)

    def __init__(self, parent: QWidget) -> None:
        super().__init__(parent)
        self._slabs: list[Slab] = []
        self._columns: list[_Column] = []
        self._hover: _Column | None = None
        self._low = False
        self._font = theme.font(12)
        self._bold = theme.font(12, bold=True)
        self.setMouseTracking(True)

    def set_slabs(self, slabs: Sequence[Slab]) -> None:
        self._slabs = list(slabs)
        self.arrange(self.width())
        self.update()

    def set_low(self, low: bool) -> None:
        self._low = low
        self.arrange(self.width())

    def least_width(self) -> int:
        """Below this it scrolls."""
        columns = self._made(_FORMS - 1)
        return math.ceil(self._natural(columns)) if columns else 0

    def arrange(self, width: int) -> None:
        """Choose the form that fits and place the columns."""
        columns: list[_Column] = []
        for compact in range(_FORMS):
            columns = self._made(compact)
            if self._natural(columns) <= width:
                break
        self._columns = columns
        if not columns:
            return
        used = sum(column.width for column in columns)
        gaps = len(columns) - 1
        gap = (width - 2 * theme.STEP * 2 - used) / gaps if gaps else 0.0
        # Evenly, but a strip of a few layers does not drift apart.
        gap = min(max(gap, theme.STEP), 96.0)
        left = 2.0 * theme.STEP
        for column in columns:
            column.left = left
            left += column.width + gap
        self.update()

    def _natural(self, columns: list[_Column]) -> float:
        gaps = sum(max(theme.STEP, _ARROW - (c.width - c.boxes)) for c in columns[:-1])
        return sum(column.width for column in columns) + gaps + 4 * theme.STEP

    def _made(self, compact: int) -> list[_Column]:
        columns = []
        bold, plain = QFontMetrics(self._bold), QFontMetrics(self._font)
        for slab in self._slabs:
            forms = slab.forms[-3:] if compact else slab.forms
            forms = forms[-1:] if compact >= 2 and slab.kind == "plain" else forms
            lines = self._lines(slab, compact)
            column = _Column(slab, forms, lines)
            words = [
                (bold if k == 0 and slab.kind in ("cast", "sliding") else plain).horizontalAdvance(
                    line
                )
                for k, line in enumerate(lines)
            ]
            column.width = max([column.boxes, *words])
            columns.append(column)
        return columns

    def _lines(self, slab: Slab, compact: int) -> tuple[str, ...]:
        title = slab.title
        if slab.kind == "cast" and slab.before and not compact:
            title = f"{slab.before} → {slab.title}"
        if slab.kind == "sliding":
            title = tr("{name}, sliding").format(name=slab.title)
        if compact == _FORMS - 1:
            longest = round(_LONGEST * theme.scale())
            title = QFontMetrics(self._bold).elidedText(title, Qt.ElideMiddle, longest)
        if self._low:
            return (title,)
        cross = "×" if compact else " × "
        gives = cross.join(str(n) for n in slab.forms[-1])
        if slab.kind == "cast":
            comma = "," if compact == _FORMS - 1 else ", "
            return (title, f"{_shape(slab.old, comma)} →", _shape(slab.new, comma))
        if slab.kind == "sliding":
            kernel = cross.join(str(n) for n in slab.new)
            how = kernel if compact else tr("{kernel}, stride 1").format(kernel=kernel)
            return (title, how, gives)
        return (title, gives)

    def event(self, event: QEvent) -> bool:
        if event.type() == QEvent.ToolTip and isinstance(event, QHelpEvent):
            text = self.tip_at(event.pos().x())
            QToolTip.showText(event.globalPos(), text, self)
            return True
        return bool(super().event(event))

    def _column_at(self, x: float) -> _Column | None:
        for column in self._columns:
            if column.left - 4 <= x <= column.left + column.width + 4:
                return column
        return None

    def tip_at(self, x: float) -> str:
        """What is told of the slab at a place."""
        column = self._column_at(x)
        return f"{told(column.slab)}\n{tr('click: see it in the Net tab')}" if column else ""

    def mousePressEvent(self, event: QMouseEvent) -> None:
        column = self._column_at(event.pos().x())
        if column is not None and event.button() == Qt.LeftButton:
            self.pressed.emit(column.slab.opens)
        else:
            super().mousePressEvent(event)

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        self._set_hover(self._column_at(event.pos().x()))

    def leaveEvent(self, event: QEvent) -> None:
        self._set_hover(None)

    def _set_hover(self, column: _Column | None) -> None:
        if column is not self._hover:
            self._hover = column
            self.setCursor(Qt.ArrowCursor if column is None else Qt.PointingHandCursor)
            self.update()

    # Painting

    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self)
        painter.setRenderHint(QPainter.Antialiasing)
        line = QFontMetrics(self._font).height()
        lines = 1 if self._low else 3
        base = float(self.height() - lines * line - 10)
        hover = self._hover
        if hover is not None and hover in self._columns:
            place = QRectF(hover.left - 4, 2, hover.width + 8, self.height() - 4)
            painter.setPen(Qt.NoPen)
            painter.setBrush(QColor(theme.current().hover))
            painter.drawRoundedRect(place, 4, 4)
        for k, column in enumerate(self._columns):
            self._paint_boxes(painter, column, base)
            if k + 1 < len(self._columns):
                end = self._columns[k + 1].left - 5
                start = column.left + column.boxes + 5
                if end - start > 8:
                    self._paint_arrow(painter, start, end, base - 4)
            self._paint_lines(painter, column, base + 5, line)
        painter.end()

    def _colours(self, slab: Slab) -> tuple[QColor, QColor, QColor]:
        """Edge, front and side of a slab's boxes."""
        colours = theme.current()
        if slab.kind in ("cast", "sliding"):
            return QColor(colours.accent), QColor(colours.selection), QColor(colours.selection)
        edge = QColor(colours.muted)
        if slab.kind == "waiting":
            edge.setAlphaF(0.55)
        return edge, QColor(colours.surface), QColor(colours.backdrop)

    def _paint_boxes(self, painter: QPainter, column: _Column, base: float) -> None:
        edge, front, side = self._colours(column.slab)
        room = base - 8
        left = column.left
        if column.slab.kind == "sliding":
            form = (column.forms[-1][0], 1, 1)
            pen = QPen(QColor(theme.current().muted), 1.2)
            pen.setDashPattern([2.5, 2.5])
            wide = min(18.0, _box_width(form))
            self._paint_box(painter, left, base, wide, 8.0, pen, None, None)
            self._paint_move(painter, left + wide / 2, left + 30 + wide / 2, base)
            left += 30
        pen = QPen(edge, 1.3)
        for form in column.forms:
            wide, high = _box_width(form), _box_height(form, room)
            self._paint_box(painter, left, base, wide, high, pen, front, side)
            left += wide + _BETWEEN_BOXES

    def _paint_box(
        self,
        painter: QPainter,
        left: float,
        base: float,
        wide: float,
        high: float,
        pen: QPen,
        front: QColor | None,
        side: QColor | None,
    ) -> None:
        top, right, deep = base - high, left + wide, _DEPTH
        painter.setPen(pen)
        painter.setBrush(side if side is not None else Qt.NoBrush)
        painter.drawPolygon(
            QPolygonF(
                [
                    QPointF(left, top),
                    QPointF(left + deep, top - deep),
                    QPointF(right + deep, top - deep),
                    QPointF(right + deep, base - deep),
                    QPointF(right, base),
                    QPointF(right, top),
                ]
            )
        )
        painter.drawLine(QPointF(right, top), QPointF(right + deep, top - deep))
        painter.setBrush(front if front is not None else Qt.NoBrush)
        painter.drawRect(QRectF(left, top, wide, high))

    def _paint_move(self, painter: QPainter, start: float, end: float, base: float) -> None:
        """A dashed arc from a pooling as it was to where it slides now."""
        pen = QPen(QColor(theme.current().accent), 1.3)
        pen.setDashPattern([3, 2.5])
        painter.setPen(pen)
        painter.setBrush(Qt.NoBrush)
        top = max(6.0, base - 42)
        path = QPainterPath(QPointF(start, base - 16))
        path.cubicTo(QPointF(start, top), QPointF(end, top), QPointF(end, base - 26))
        painter.drawPath(path)
        painter.setPen(QPen(QColor(theme.current().accent), 1.3))
        tip = QPointF(end, base - 25)
        painter.drawPolyline(QPolygonF([tip + QPointF(-3.5, -4), tip, tip + QPointF(3.5, -4)]))

    def _paint_arrow(self, painter: QPainter, start: float, end: float, y: float) -> None:
        painter.setPen(QPen(QColor(theme.current().muted), 1))
        painter.drawLine(QLineF(start, y, end, y))
        painter.drawPolyline(
            QPolygonF([QPointF(end - 4, y - 3), QPointF(end, y), QPointF(end - 4, y + 3)])
        )

    def _paint_lines(self, painter: QPainter, column: _Column, top: float, line: int) -> None:
        colours = theme.current()
        changed = column.slab.kind in ("cast", "sliding")
        for k, text in enumerate(column.lines):
            font: QFont = self._bold if k == 0 and changed else self._font
            last = k == len(column.lines) - 1
            colour = colours.muted
            if k == 0:
                waiting = column.slab.kind == "waiting"
                colour = (
                    colours.accent_text if changed else colours.muted if waiting else colours.text
                )
            elif changed and last:
                colour = colours.text
            painter.setFont(font)
            painter.setPen(QColor(colour))
            place = QRectF(column.left, top + k * line, column.width + 2, line)
            painter.drawText(place, int(Qt.AlignLeft | Qt.AlignVCenter), text)


def told(slab: Slab) -> str:
    """Everything that is known of a slab, in lines."""
    name = f"{slab.before} → {slab.title}" if slab.before else slab.title
    lines = [name]
    if slab.kind == "cast":
        lines.append(f"{_shape(slab.old)} → {_shape(slab.new)}")
    if slab.kind == "sliding":
        lines.append(tr("saw everything at once; slides over windows of that size now"))
    if slab.kind == "waiting":
        lines.append(tr("will be cast by Transplant"))
    if slab.kernel is not None and slab.stride is not None:
        lines.append(
            tr("kernel {kernel}, stride {stride}").format(
                kernel=" × ".join(map(str, slab.kernel)),
                stride=" × ".join(map(str, dict.fromkeys(slab.stride))),
            )
        )
    if len(slab.layers) > 1:
        lines.append(tr("{n} layers").format(n=len(slab.layers)))
    lines.append(tr("gives {shape}").format(shape=" × ".join(map(str, slab.forms[-1]))))
    if slab.sees is not None:
        lines.append(
            tr("each value sees {size} px of the input").format(
                size=" × ".join(map(str, slab.sees))
            )
        )
    return "\n".join(lines)


class NetStrip(QScrollArea):
    """The slabs in a row; scrolls sideways only where not even their shortest form fits.

    Signals
    -------
    pressed(str) : a slab, by the layer of the classifier that it begins with
    """

    pressed = pyqtSignal(str)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.slabs: list[Slab] = []
        self._body = _Slabs(self)
        self._body.pressed.connect(self.pressed)
        self.setWidget(self._body)
        self.setFrameShape(QFrame.NoFrame)
        self.setFocusPolicy(Qt.NoFocus)
        self.setVerticalScrollBarPolicy(Qt.ScrollBarAlwaysOff)
        self.setSizePolicy(QSizePolicy.Expanding, QSizePolicy.Fixed)
        self.setMinimumWidth(160)
        self.viewport().setAutoFillBackground(False)
        self._body.setAutoFillBackground(False)
        self.set_low(False)

    def set_slabs(self, slabs: Sequence[Slab]) -> None:
        """Show a net; see ``workbench.outline``."""
        self.slabs = list(slabs)
        self._body.set_slabs(slabs)
        self.setAccessibleName(tr("The net"))
        self.setAccessibleDescription("; ".join(told(s).replace("\n", ", ") for s in slabs))
        self._fit()

    def set_low(self, low: bool) -> None:
        """Names only, with the shapes in the tool tips."""
        line = QFontMetrics(theme.font(12)).height()
        self.setFixedHeight(max(LOW, 3 * line + 18) if low else max(HIGH, 7 * line))
        self._body.set_low(low)
        self._fit()

    def shown_lines(self) -> list[tuple[str, ...]]:
        """The lines that stand under each slab."""
        return [column.lines for column in self._body._columns]

    def tip(self, index: int) -> str:
        """What is told of a slab when it is pointed at."""
        column = self._body._columns[index]
        return self._body.tip_at(column.left + 1)

    def sizeHint(self) -> QSize:
        return QSize(640, self.height())

    def changeEvent(self, event: QEvent) -> None:
        super().changeEvent(event)
        if event.type() == QEvent.LanguageChange:
            self.set_slabs(self.slabs)

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self._fit()

    def _fit(self) -> None:
        width = max(self.viewport().width(), self._body.least_width())
        self._body.resize(width, self.viewport().height())
        self._body.arrange(width)
        self._show_cast()

    def _show_cast(self) -> None:
        """Where it scrolls, what the surgery changed is in sight."""
        for column in self._body._columns:
            if column.slab.kind in ("cast", "sliding", "waiting"):
                self.ensureVisible(int(column.left + column.width), 0, 16, 0)
