"""Cards of cells beside the picture.

Each tells where its cell looks, what it finds, and the classifier's own answer to its window.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from PyQt5.QtCore import QPointF, QRect, QRectF, QSize, Qt, pyqtSignal
from PyQt5.QtGui import (
    QColor,
    QFont,
    QFontMetrics,
    QMouseEvent,
    QPainter,
    QPaintEvent,
    QPen,
    QPixmap,
    QResizeEvent,
)
from PyQt5.QtWidgets import QToolButton, QWidget

from filterlab.gui import theme
from filterlab.gui.class_names import percent
from filterlab.gui.heatmap.class_list import draw_bar
from filterlab.gui.i18n import tr
from filterlab.gui.icons import icon

__all__ = ["CellCard", "CellFacts", "paint_badge"]

_MARGIN = 12
#: Classes that a card names.
_BEST = 5
_CUT = 96
Named = tuple[str, str, float]
"""A class in the language in use and in the other one, and its probability."""


@dataclass(frozen=True)
class CellFacts:
    """What a card says of a cell.

    Attributes
    ----------
    cell : row and column. number : of its pin, from 1; 0 for the cell under the cursor.
    x, y : what its window covers of the picture, in pixels (first, behind the last).
    seen : width and height at which the net sees the window.
    best : its best classes. alone : the classifier's, on the window alone; empty if unknown.
    cut : the window cut out, or None.
    """

    cell: tuple[int, int]
    number: int
    x: tuple[int, int]
    y: tuple[int, int]
    seen: tuple[int, int]
    best: tuple[Named, ...]
    alone: tuple[Named, ...] = ()
    cut: QPixmap | None = None

    @property
    def title(self) -> str:
        """Such as ``Cell (1, 5)``."""
        return tr("Cell ({i}, {j})").format(i=self.cell[0], j=self.cell[1])


def badge_radius() -> float:
    """Of a pin's number, in pixels: it grows with the text."""
    return 10 * theme.scale()


def paint_badge(painter: QPainter, centre: QPointF, number: int) -> None:
    """A pin's number, white on dark, readable on any ground."""
    radius = badge_radius()
    painter.setRenderHint(QPainter.Antialiasing)
    painter.setPen(QPen(QColor("#FFFFFF"), 2))
    painter.setBrush(QColor("#1B1D21"))
    painter.drawEllipse(centre, radius, radius)
    painter.setFont(theme.font(12, bold=True))
    painter.setPen(QColor("#FFFFFF"))
    box = QRectF(centre.x() - radius, centre.y() - radius, 2 * radius, 2 * radius)
    painter.drawText(box, Qt.AlignCenter, str(number))


class CellCard(QWidget):
    """One cell; painted, so that pointing around the picture stays fluent.

    Signals
    -------
    close_requested() : its cross. step_requested(int) : to the next or the one before
    alone_requested() : the classifier is to be asked about the window
    opened() : a folded card was clicked
    """

    close_requested = pyqtSignal()
    step_requested = pyqtSignal(int)
    alone_requested = pyqtSignal()
    opened = pyqtSignal()

    def __init__(self, parent: QWidget | None = None, framed: bool = True) -> None:
        super().__init__(parent)
        self._framed = framed
        self._facts: CellFacts | None = None
        self._with_cut = True
        self._folded = False
        self._best = _BEST
        self._several = False
        self._ask_place = QRect()
        self._close = self._tool("close", tr("Unpin this cell"))
        self._close.clicked.connect(self.close_requested)
        self._back = self._tool("previous", tr("The cell pinned before"))
        self._back.clicked.connect(lambda: self.step_requested.emit(-1))
        self._next = self._tool("next", tr("The cell pinned next"))
        self._next.clicked.connect(lambda: self.step_requested.emit(1))

    def _tool(self, picture: str, told: str) -> QToolButton:
        button = QToolButton(self)
        button.setProperty("flat", True)
        button.setIcon(icon(picture, 14))
        button.setToolTip(told)
        button.setAccessibleName(told)
        button.setFixedSize(24, 24)
        button.setStyleSheet("QToolButton { padding: 0; }")
        return button

    # What it shows

    def set_facts(
        self,
        facts: CellFacts,
        with_cut: bool = True,
        folded: bool = False,
        several: bool = False,
    ) -> None:
        """Show a cell; ``several`` gives arrows to the other pinned ones."""
        self._facts, self._with_cut, self._folded = facts, with_cut, folded
        self._several = several
        self._close.setVisible(facts.number > 0)
        for button in (self._back, self._next):
            button.setVisible(several)
        told = [facts.title, _window(facts)]
        told += [f"{percent(share)}  {own} {other}".rstrip() for own, other, share in facts.best]
        if facts.alone:
            told.append(_alone(facts, all_of_them=True))
        self.setToolTip("\n".join(told))
        self.setAccessibleName(facts.title)
        self.setAccessibleDescription("; ".join(told[1:]))
        self._place_tools()
        self.update()

    def give_way(self) -> None:
        """Be as high as there is room, with fewer classes, or folded where that is too little."""
        self.setMinimumHeight(self.high(False, folded=True))
        self.setMaximumHeight(self.high(False))
        self.updateGeometry()
        self._fold()

    def sizeHint(self) -> QSize:
        return QSize(super().sizeHint().width(), self.maximumHeight())

    def _fold(self) -> None:
        if not self._framed and self._facts is not None:
            fitting = [n for n in range(1, _BEST + 1) if self.high(False, best=n) <= self.height()]
            self._folded, self._best = not fitting, max(fitting, default=0)

    @property
    def facts(self) -> CellFacts | None:
        """What is shown."""
        return self._facts

    def _line(self) -> int:
        return theme.line_height(QFontMetrics(theme.font(13)))

    def high(self, with_cut: bool, folded: bool = False, best: int = _BEST) -> int:
        """How high it is with or without the cut-out, or folded to its title.

        ``best``: with so many classes.
        """
        line = self._line()
        if folded:
            return line + 2 * _MARGIN
        head = max(24, line) + 8
        window = max(_CUT, 4 * line) + 10 if with_cut else line + 4
        foot = 2 * line if with_cut else line
        return 2 * _MARGIN + head + window + best * (line + self._gap(with_cut)) + 10 + foot

    def _gap(self, with_cut: bool) -> int:
        """Between the rows of the classes, their bars in it."""
        return 10 if with_cut else 6

    def _place_tools(self) -> None:
        y = (self._line() + 2 * _MARGIN - 24) // 2 if self._folded else _MARGIN - 3
        right = self.width() - _MARGIN + 4
        for button in (self._close, self._next, self._back):
            # isHidden: it may be laid out before it is on the screen.
            if not button.isHidden():
                right -= 24
                button.move(right, y)

    def resizeEvent(self, event: QResizeEvent) -> None:
        self._fold()
        self._place_tools()

    def mousePressEvent(self, event: QMouseEvent) -> None:
        if self._folded:
            self.opened.emit()
        elif self._ask_place.contains(event.pos()):
            self.alone_requested.emit()

    # Painting

    def paintEvent(self, event: QPaintEvent) -> None:
        if self._facts is None:
            return
        facts, colours = self._facts, theme.current()
        painter = QPainter(self)
        painter.setRenderHint(QPainter.Antialiasing)
        if self._framed:
            painter.setPen(QPen(QColor(colours.line), 1))
            painter.setBrush(QColor(colours.surface))
            painter.drawRoundedRect(self.rect().adjusted(0, 0, -1, -1), 6, 6)
        else:
            painter.fillRect(0, 0, self.width(), 1, QColor(colours.line))
        line = self._line()
        side = _MARGIN if self._framed else 2 * theme.STEP
        left, right = side, self.width() - side
        top = _MARGIN
        head = max(24, line) if not self._folded else line
        x = left
        if facts.number:
            radius = badge_radius()
            paint_badge(painter, QPointF(left + radius, top + head / 2), facts.number)
            x += round(2 * radius) + 8
        self._write(painter, x, top, head, facts.title, theme.font(14, bold=True), colours.text)
        if self._folded and facts.best:
            width = QFontMetrics(theme.font(14, bold=True)).horizontalAdvance(facts.title)
            own, _, share = facts.best[0]
            room = right - 28 - x - width - 10
            self._write(
                painter, x + width + 10, top, head, f"{own} {percent(share)}", theme.font(12),
                colours.muted, room,
            )  # fmt: skip
            painter.end()
            return
        top += head + 8
        top = self._paint_window(painter, facts, left, right, top, line)
        for k, (own, other, share) in enumerate(facts.best[: self._best]):
            self._paint_best(painter, left, right, top, line, (own, other, share), k == 0)
            top += line + self._gap(self._with_cut)
        self._paint_alone(painter, facts, left, right, top, line)
        painter.end()

    def _write(
        self,
        painter: QPainter,
        left: float,
        top: float,
        high: float,
        text: str,
        font: QFont,
        colour: str,
        room: float = 1e4,
    ) -> float:
        metrics = QFontMetrics(font)
        shown = metrics.elidedText(text, Qt.ElideRight, max(0, int(room)))
        painter.setFont(font)
        painter.setPen(QColor(colour))
        wide = metrics.horizontalAdvance(shown)
        place = QRectF(left, top, wide + 4, high)
        painter.drawText(place, int(Qt.AlignLeft | Qt.AlignVCenter), shown)
        return left + wide

    def _paint_window(
        self, painter: QPainter, facts: CellFacts, left: int, right: int, top: int, line: int
    ) -> int:
        colours, small = theme.current(), theme.font(12)
        if not self._with_cut:
            end = self._write(painter, left, top, line, tr("Window") + " ", small, colours.muted)
            self._write(painter, end, top, line, _window(facts), small, colours.text, right - end)
            return top + line + 4
        x = left
        if facts.cut is not None:
            place = QRect(left, top, _CUT, _CUT)
            size = facts.cut.size().scaled(_CUT, _CUT, Qt.KeepAspectRatio)
            fitted = QRect(place.topLeft(), size)
            painter.setRenderHint(QPainter.SmoothPixmapTransform)
            painter.drawPixmap(fitted, facts.cut)
            x += _CUT + 12
        room = right - x
        lines = (
            (tr("Window"), colours.muted),
            (f"x {facts.x[0]} – {facts.x[1]} px", colours.text),
            (f"y {facts.y[0]} – {facts.y[1]} px", colours.text),
            (tr("seen as {w} × {h}").format(w=facts.seen[0], h=facts.seen[1]), colours.muted),
        )
        for k, (text, colour) in enumerate(lines):
            self._write(painter, x, top + k * line, line, text, small, colour, room)
        return top + max(_CUT, 4 * line) + 10

    def _paint_best(
        self,
        painter: QPainter,
        left: int,
        right: int,
        top: int,
        line: int,
        named: Named,
        first: bool,
    ) -> None:
        colours = theme.current()
        own, other, share = named
        font = theme.font(13, bold=first)
        number = percent(share)
        wide = QFontMetrics(font).horizontalAdvance(number)
        room = right - left - wide - 8
        end = self._write(painter, left, top, line, own, font, colours.text, room)
        if other and left + room - end - 5 > 20:
            small = theme.font(12)
            self._write(
                painter, end + 5, top, line, other, small, colours.muted, left + room - end - 5
            )
        self._write(painter, right - wide, top, line, number, font, colours.text)
        draw_bar(painter, QRectF(left, top + line + 1, right - left, 4), share)

    def _paint_alone(
        self, painter: QPainter, facts: CellFacts, left: int, right: int, top: int, line: int
    ) -> None:
        colours, small = theme.current(), theme.font(12)
        rule = 1 if self._with_cut else 4
        painter.fillRect(QRectF(left, top + rule, right - left, 1), QColor(colours.line))
        top += 7 + rule
        if not facts.alone:
            text = tr("Classifier on this window …")
            self._write(painter, left, top, line, text, small, colours.accent_text, right - left)
            self._ask_place = QRect(left, top, right - left, line)
            return
        self._ask_place = QRect()
        if self._with_cut:
            what = tr("Classifier on this window alone:")
            self._write(painter, left, top, line, what, small, colours.muted, right - left)
            self._write(
                painter, left, top + line, line, _alone(facts), small, colours.text, right - left
            )
            return
        end = self._write(painter, left, top, line, tr("Window alone:") + " ", small, colours.muted)
        told = _alone(facts)
        if QFontMetrics(small).horizontalAdvance(told) > right - end:
            told = _alone(facts, most=1)
        self._write(painter, end, top, line, told, small, colours.text, right - end)


def _window(facts: CellFacts) -> str:
    (x0, x1), (y0, y1) = facts.x, facts.y
    return f"x {x0} – {x1}, y {y0} – {y1} px"


def _alone(facts: CellFacts, all_of_them: bool = False, most: int = 2) -> str:
    kept: Sequence[Named] = facts.alone if all_of_them else facts.alone[:most]
    told = ", ".join(f"{own} {percent(share)}" for own, _, share in kept)
    return tr("Classifier on this window alone:") + " " + told if all_of_them else told
