"""The layers of a net from top to bottom, with their branches, shapes and times."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from PyQt5.QtCore import QEvent, QPoint, QPointF, QRect, QRectF, QSize, Qt, pyqtSignal
from PyQt5.QtGui import (
    QColor,
    QFontMetrics,
    QHelpEvent,
    QKeyEvent,
    QMouseEvent,
    QPainter,
    QPainterPath,
    QPaintEvent,
    QPen,
    QResizeEvent,
)
from PyQt5.QtWidgets import (
    QHBoxLayout,
    QLabel,
    QMenu,
    QSizePolicy,
    QToolButton,
    QToolTip,
    QVBoxLayout,
    QWidget,
)

from filterlab.gui import theme
from filterlab.gui.i18n import Text, tr
from filterlab.gui.icons import icon
from filterlab.gui.net import words
from filterlab.gui.widgets.line import Line
from filterlab.gui.widgets.painted_scroll import PaintedScroll
from filterlab.gui.widgets.search_field import SearchField
from filterlab.surgery.net_rows import Lanes, NetRow, lanes_of, totals

__all__ = ["SORTS", "LayerList", "LayersPanel"]

#: How the layers can be sorted.
SORTS = {
    "net": Text("As in the net"),
    "time": Text("By time"),
    "work": Text("By multiply-adds"),
    "size": Text("By parameters"),
    "name": Text("By name"),
}

_ROW = 24
_LANE, _FIRST_LANE, _DOT = 8, 8, 4
_BAR, _MS = 26, 34
#: Under this width the shapes leave.
_SHAPES_FROM = 224
#: Under this width the bars leave, too.
_BARS_FROM = 168
#: Under this width, which large text leaves, the times leave: they are in the tool tips.
_TIMES_FROM = 116


def _lane_scale() -> float:
    """Branches grow with the text a little only: the names need the room."""
    return min(1.15, theme.scale())


class LayerList(PaintedScroll):
    """The rows, painted.

    Signals
    -------
    chosen(int) : a row, by its index among all
    hovered(int) : the row under the mouse; -1 for none
    """

    chosen = pyqtSignal(int)
    hovered = pyqtSignal(int)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(tr("Layers"), parent)
        self._rows: tuple[NetRow, ...] = ()
        self._lanes: tuple[Lanes | None, ...] = ()
        self._closed: set[str] = set()
        self._shown: list[int] = []
        self._edited: frozenset[str] = frozenset()
        self._sort, self._search = "net", ""
        self._current = self._hover = -1

    # What it shows

    def set_rows(self, rows: Sequence[NetRow], keep: bool = False) -> None:
        """The rows; ``keep`` leaves blocks open that are (of the same net, with times now)."""
        self._rows = tuple(rows)
        if not keep:
            self._closed = {row.block for row in rows if row.kind == "block"}
            self._current = -1
        self._arrange()

    def set_current(self, index: int) -> None:
        """Mark a row, and open the block that it is in."""
        self._current = index
        if 0 <= index < len(self._rows):
            row = self._rows[index]
            if row.depth and row.block in self._closed and index not in self._shown:
                self._closed.discard(row.block)
                self._arrange()
            if index in self._shown:
                self._scroll_to(self._shown.index(index))
        self.viewport().update()

    def set_edited(self, layers: Sequence[str]) -> None:
        """Mark the layers whose weights are not as they were read."""
        self._edited = frozenset(layers)
        self.viewport().update()

    def set_order(self, sort: str = "net", search: str = "") -> None:
        """How the rows are sorted, and what their names must contain; a table without branches."""
        self._sort, self._search = sort, search.casefold().strip()
        self._arrange()

    @property
    def current(self) -> int:
        """The marked row, by its index among all; -1 for none."""
        return self._current

    @property
    def order(self) -> tuple[str, str]:
        """How the rows are sorted, and what is searched."""
        return self._sort, self._search

    def rows(self) -> list[int]:
        """The rows that are seen, from top to bottom, by their index among all."""
        return list(self._shown)

    def texts(self, index: int) -> tuple[str, str, str]:
        """A row's title, shape and milliseconds as they are painted."""
        row = self._rows[index]
        title = row.title if self._plain else " / ".join(dict.fromkeys((row.block, row.title)))
        return title.removeprefix(" / "), words.shape(row.shape), words.milliseconds(row.seconds)

    @property
    def _plain(self) -> bool:
        return self._sort == "net" and not self._search

    def _arrange(self) -> None:
        rows = self._rows
        if self._plain:
            self._lanes = lanes_of(rows, self._closed)
            self._shown = [k for k, lane in enumerate(self._lanes) if lane is not None]
        else:
            self._lanes = (None,) * len(rows)
            shown = [k for k, row in enumerate(rows) if row.kind != "block"]
            if self._search:
                shown = [
                    k
                    for k in shown
                    if any(self._search in n.casefold() for n in (*rows[k].layers, rows[k].type))
                ]
            key: Any = {
                "time": lambda k: -(rows[k].seconds or 0.0),
                "work": lambda k: -(rows[k].macs or 0),
                "size": lambda k: -rows[k].parameters,
                "name": lambda k: rows[k].layers[0].casefold(),
            }.get(self._sort)
            self._shown = sorted(shown, key=key) if key is not None else shown
        self._set_range()
        self.viewport().update()

    # Geometry

    @property
    def _high(self) -> int:
        return max(round(_ROW * theme.scale()), theme.line_height(self.fontMetrics()) + 4)

    def _set_range(self) -> None:
        self.set_length(len(self._shown) * self._high, self._high)

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self._set_range()

    def sizeHint(self) -> QSize:
        return QSize(round(240 * theme.scale()), 400)

    def _place(self, at: int) -> QRect:
        y = at * self._high - self.verticalScrollBar().value()
        return QRect(0, y, self.viewport().width(), self._high)

    def _at(self, pos: QPoint) -> int:
        """The row under a point, by its index among all; -1 for none."""
        at = (pos.y() + self.verticalScrollBar().value()) // self._high
        return self._shown[at] if 0 <= at < len(self._shown) else -1

    def row_rect(self, index: int) -> QRect:
        """Where a row is painted, in the viewport."""
        return self._place(self._shown.index(index))

    def _scroll_to(self, at: int) -> None:
        self.bring_into_sight(at * self._high, (at + 1) * self._high)

    # What the user does

    def mousePressEvent(self, event: QMouseEvent) -> None:
        if event.button() != Qt.LeftButton:
            return
        index = self._at(event.pos())
        if index < 0:
            return
        row = self._rows[index]
        if row.kind == "block":
            self._toggle(row.block)
        self._choose(index)

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        self._set_hover(self._at(event.pos()))

    def leaveEvent(self, event: QEvent) -> None:
        self._set_hover(-1)

    def _set_hover(self, index: int) -> None:
        if index != self._hover:
            self._hover = index
            self.hovered.emit(index)
            self.viewport().update()

    def _toggle(self, block: str) -> None:
        self._closed ^= {block}
        self._arrange()

    def _choose(self, index: int) -> None:
        self._current = index
        self.viewport().update()
        self.chosen.emit(index)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        row = self._rows[self._current] if 0 <= self._current < len(self._rows) else None
        at = self._shown.index(self._current) if self._current in self._shown else -1
        key = event.key()
        page = max(1, self.viewport().height() // self._high - 1)
        moves: dict[int, int] = {
            Qt.Key_Up: at - 1, Qt.Key_Down: at + 1,
            Qt.Key_Home: 0, Qt.Key_End: len(self._shown) - 1,
            Qt.Key_PageUp: at - page, Qt.Key_PageDown: at + page,
        }  # fmt: skip
        if key in moves and self._shown:
            to = min(len(self._shown) - 1, max(0, moves[key]))
            self._choose(self._shown[to])
            self._scroll_to(to)
        elif key in (Qt.Key_Right, Qt.Key_Left) and row is not None and row.block and self._plain:
            closes = key == Qt.Key_Left
            if closes == (row.block not in self._closed):
                if closes and row.kind != "block":
                    head = next(
                        k
                        for k, r in enumerate(self._rows)
                        if r.kind == "block" and r.block == row.block
                    )
                    self._current = head
                self._toggle(row.block)
                self._choose(self._current)
        else:
            super().keyPressEvent(event)

    def viewportEvent(self, event: QEvent) -> bool:
        if event.type() == QEvent.ToolTip and isinstance(event, QHelpEvent):
            index = self._at(event.pos())
            QToolTip.showText(
                event.globalPos(), words.row_told(self._rows[index]) if index >= 0 else "", self
            )
            return True
        return bool(super().viewportEvent(event))

    # Painting

    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self.viewport())
        painter.setRenderHint(QPainter.Antialiasing)
        longest = max((row.seconds or 0 for row in self._rows if row.kind != "block"), default=0)
        shapes = self.viewport().width() >= _SHAPES_FROM * theme.scale()
        first = self.verticalScrollBar().value() // self._high
        for at in range(
            first, min(len(self._shown), first + self.viewport().height() // self._high + 2)
        ):
            self._paint_row(painter, self._shown[at], self._place(at), longest, shapes)
        painter.end()

    def _paint_row(
        self, painter: QPainter, index: int, place: QRect, longest: float, shapes: bool
    ) -> None:
        colours, row = theme.current(), self._rows[index]
        scale = theme.scale()
        chosen = index == self._current
        if chosen or index == self._hover:
            painter.fillRect(place, QColor(colours.selection if chosen else colours.hover))
        if chosen:
            painter.fillRect(QRect(0, place.top(), 3, place.height()), QColor(colours.accent))
        lanes = self._lanes[index]
        left = round(12 * scale)
        timed = self.viewport().width() >= _TIMES_FROM * scale
        if lanes is not None:
            self._paint_lanes(painter, lanes, row, place, chosen)
            left = round((_FIRST_LANE + max(2, self._widest) * _LANE + 6) * _lane_scale())
        title, shape, ms = self.texts(index)
        right = place.right() - round(2 * scale)
        small = theme.font(12)
        metrics = QFontMetrics(small)
        painter.setFont(small)
        painter.setPen(QColor(colours.text if chosen else colours.muted))
        if timed:
            end = place.adjusted(0, 0, right - place.right(), 0)
            painter.drawText(end, int(Qt.AlignRight | Qt.AlignVCenter), ms)
            right -= max(round(_MS * scale), metrics.horizontalAdvance(ms) + 4)
        bars = self.viewport().width() >= _BARS_FROM * scale
        if row.seconds and longest and bars:
            most = (
                max((r.seconds or 0 for r in self._rows), default=longest)
                if row.kind == "block"
                else longest
            )
            width = max(1.0, round(_BAR * scale) * min(1.0, row.seconds / (most or 1)))
            bar = QRectF(right - round(_BAR * scale), place.center().y() - 3, width, 7)
            painter.fillRect(
                bar,
                words.bar_colour(chosen),
            )
        right -= round((_BAR + 6) * scale) if bars else 0
        if shapes:
            painter.drawText(
                QRect(left, place.top(), right - left, place.height()),
                int(Qt.AlignRight | Qt.AlignVCenter),
                shape,
            )
            right -= metrics.horizontalAdvance(shape) + round(3 * scale)
        font = theme.font(13, bold=chosen)
        painter.setFont(font)
        painter.setPen(QColor(colours.error if row.problem else colours.text))
        left += round(10 * scale) * row.depth
        if row.kind == "block" and self._plain:
            arrow = "\u203a" if row.block in self._closed else "\u2304"
            title = f"{arrow} {title}"
        if self._edited & set(row.layers):
            title += " \u2022"
        room = right - left
        shown = QFontMetrics(font).elidedText(title, Qt.ElideRight, room)
        rest = QRect(left, place.top(), room, place.height())
        painter.drawText(rest, int(Qt.AlignLeft | Qt.AlignVCenter), shown)

    @property
    def _widest(self) -> int:
        return min(5, max((lane.width for lane in self._lanes if lane is not None), default=1))

    def _paint_lanes(
        self, painter: QPainter, lanes: Lanes, row: NetRow, place: QRect, chosen: bool
    ) -> None:
        colours, scale = theme.current(), _lane_scale()
        painter.setPen(QPen(QColor(colours.text), 1.2))
        painter.setBrush(Qt.NoBrush)
        top, bottom, middle = place.top(), place.bottom() + 1, place.center().y() + 0.5

        def x(lane: int) -> float:
            return (_FIRST_LANE + lane * _LANE) * scale

        own = x(lanes.lane)
        for lane in lanes.passing:
            painter.drawLine(QPoint(round(x(lane)), top), QPoint(round(x(lane)), bottom))
        for lane, edge in [*((k, top) for k in lanes.joins), *((k, bottom) for k in lanes.leaves)]:
            path = QPainterPath()
            path.moveTo(x(lane), edge)
            path.cubicTo(x(lane), (edge + middle) / 2, own, (edge + middle) / 2, own, middle)
            painter.drawPath(path)
        if lanes.bow:
            painter.drawArc(
                QRectF(own - 2, top + 3, 9 * scale, place.height() - 6), -90 * 16, 180 * 16
            )
        if not lanes.dot:
            return
        size = _DOT * scale
        dot = QRectF(own - size, middle - size, 2 * size, 2 * size)
        fill = colours.accent if chosen else colours.backdrop
        painter.setPen(QPen(QColor(colours.accent if chosen else colours.text), 1.2))
        if row.kind == "block":
            painter.setBrush(QColor(colours.accent if chosen else colours.text))
            painter.drawRect(dot.adjusted(1, 1, -1, -1))
        else:
            painter.setBrush(QColor(fill))
            painter.drawEllipse(dot)
        if row.kind in ("sum", "product"):
            for arm in (QPointF(round(size), 0), QPointF(0, round(size))):
                painter.drawLine(dot.center() - arm, dot.center() + arm)


class LayersPanel(QWidget):
    """Heading with the total, a field to search in, the list.

    Signals
    -------
    sorted_by(str)
    """

    sorted_by = pyqtSignal(str)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.heading = QLabel(tr("Layers"), self)
        self.heading.setFont(theme.font(14, bold=True))
        self.total = Line(self, "muted", align=Qt.AlignRight)
        self.total.setFont(theme.font(12))
        self.sort_button = QToolButton(self)
        self.sort_button.setProperty("flat", True)
        self.sort_button.setIcon(icon("more"))
        self.sort_button.setToolTip(tr("Sort the layers"))
        self.sort_button.setAccessibleName(tr("Sort the layers"))
        self.sort_button.setPopupMode(QToolButton.InstantPopup)
        menu = QMenu(self.sort_button)
        for key, text in SORTS.items():
            action = menu.addAction(tr(text))
            action.setCheckable(True)
            action.setChecked(key == "net")
            action.setData(key)
        menu.triggered.connect(lambda action: self.sort(str(action.data())))
        self.sort_button.setMenu(menu)
        self.search = SearchField(tr("Search a layer"), self)
        self.search.hide()
        self.search.textChanged.connect(self._on_search)
        self.search.cleared.connect(self._on_cleared)
        self.list = LayerList(self)
        self.search.left.connect(self.list.setFocus)
        row = QHBoxLayout()
        row.setContentsMargins(0, 0, 0, 0)
        row.addWidget(self.heading)
        row.addWidget(self.total, 1)
        row.addWidget(self.sort_button)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(theme.STEP // 2)
        layout.addLayout(row)
        layout.addWidget(self.search)
        layout.addWidget(self.list, 1)
        self.setSizePolicy(QSizePolicy.Preferred, QSizePolicy.Expanding)

    def set_rows(self, rows: Sequence[NetRow], keep: bool = False) -> None:
        """Show a net."""
        self.list.set_rows(rows, keep)
        whole = totals(rows)
        self.total.set_text(words.milliseconds(whole.seconds, unit=True), shorter=("",))
        self.total.setToolTip(words.totals_told(whole))

    def sort(self, key: str) -> None:
        """Sort the rows by one of :data:`SORTS`."""
        for action in self.sort_button.menu().actions():
            action.setChecked(action.data() == key)
        self.list.set_order(key, self.search.text())
        self.sorted_by.emit(key)

    def open_search(self) -> None:
        """Open the field to search in."""
        self.search.show()
        self.search.setFocus(Qt.ShortcutFocusReason)
        self.search.selectAll()

    def _on_search(self, text: str) -> None:
        self.list.set_order(self.list.order[0], text)

    def _on_cleared(self) -> None:
        self.search.hide()
        self.list.setFocus(Qt.OtherFocusReason)
