"""The class scores before and after the edits."""

from __future__ import annotations

from collections.abc import Sequence

from PyQt5.QtCore import QEvent, QPoint, QRect, QSize, Qt, pyqtSignal
from PyQt5.QtGui import (
    QColor,
    QFontMetrics,
    QKeyEvent,
    QMouseEvent,
    QPainter,
    QPaintEvent,
    QResizeEvent,
)
from PyQt5.QtWidgets import QSizePolicy, QWidget

from filterlab.gui import theme
from filterlab.gui.i18n import tr
from filterlab.gui.net import words
from filterlab.workbench.net_study import ScoreRow

__all__ = ["ScoreTable"]

_ROW = 20
_NUMBER, _BARS, _VALUE = 36, 96, 60
_GAP = 12  # between columns without bars
#: Under this width, which large text leaves, numbers and bars give way to the names.
_TIGHT = 300


class ScoreTable(QWidget):
    """A row a class: number, name, before, after, change in points; a click shows its map.

    Signals
    -------
    class_chosen(int)
    """

    class_chosen = pyqtSignal(int)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._rows: list[ScoreRow] = []
        self._names: list[str] = []
        self._wanted: int | None = None
        self._hover = -1
        self._note = ""
        self.setMouseTracking(True)
        self.setFocusPolicy(Qt.StrongFocus)
        self.setAccessibleName(tr("Class scores"))
        self.setSizePolicy(QSizePolicy.Expanding, QSizePolicy.Preferred)

    def show_scores(
        self, rows: Sequence[ScoreRow], names: Sequence[str], wanted: int | None
    ) -> None:
        """The rows with their classes' names; ``wanted`` is the class of the maps."""
        self._rows, self._names, self._wanted = list(rows), list(names), wanted
        self.setAccessibleDescription("; ".join(" ".join(row) for row in self.texts()))
        self._show_tip()
        self.update()

    def _show_tip(self) -> None:
        """Where the scores are from, and those that there is no room for."""
        told = [tr("Of the picture's centre, as the classifier sees it")]
        if self.tight or len(self._shown()) < len(self._rows):
            told += ["   ".join(texts) for texts in self.texts()]
        self.setToolTip("\n".join(told))

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self._show_tip()

    def texts(self) -> list[tuple[str, str, str, str, str]]:
        """What is painted: number, name, before, after, change."""
        return [
            (
                str(row.index),
                name,
                words.percent(row.before),
                words.percent(row.after),
                words.points(row.points),
            )
            for row, name in zip(self._rows, self._names)
        ]

    @property
    def _high(self) -> int:
        return max(round(_ROW * theme.scale()), theme.line_height(self.fontMetrics()) + 2)

    def sizeHint(self) -> QSize:
        return QSize(608, 6 * self._high)

    def minimumSizeHint(self) -> QSize:
        return QSize(300, 3 * self._high)

    def _shown(self) -> list[tuple[ScoreRow, tuple[str, str, str, str, str]]]:
        """The rows that there is room for, the wanted class's among them, and their texts."""
        rows = list(zip(self._rows, self.texts()))
        room = max(1, self.height() // self._high - 1)
        shown, rest = rows[:room], rows[room:]
        wanted = [row for row in rest if row[0].index == self._wanted]
        return shown[: room - len(wanted)] + wanted

    @property
    def tight(self) -> bool:
        """Whether the names have the place of the classes' numbers and bars."""
        return self.width() < _TIGHT * theme.scale()

    def row_rect(self, at: int) -> QRect:
        """Where a row is painted."""
        return QRect(0, (at + 1) * self._high, self.width(), self._high)

    def _at(self, pos: QPoint) -> int:
        """The row under a point, by its place among those that are seen; -1 for none."""
        at = pos.y() // self._high - 1
        return at if 0 <= at < len(self._shown()) else -1

    def mousePressEvent(self, event: QMouseEvent) -> None:
        at = self._at(event.pos())
        if event.button() == Qt.LeftButton and at >= 0:
            self.class_chosen.emit(self._shown()[at][0].index)

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        hover = self._at(event.pos())
        if hover != self._hover:
            self._hover = hover
            self.update()

    def leaveEvent(self, event: QEvent) -> None:
        self._hover = -1
        self.update()

    def keyPressEvent(self, event: QKeyEvent) -> None:
        by = {int(Qt.Key_Up): -1, int(Qt.Key_Down): 1}.get(event.key(), 0)
        now = [row.index for row in self._rows]
        if not by or not now:
            super().keyPressEvent(event)
            return
        at = now.index(self._wanted) if self._wanted in now else -1
        self.class_chosen.emit(now[min(len(now) - 1, max(0, at + by))])

    def paintEvent(self, event: QPaintEvent) -> None:
        colours, scale = theme.current(), theme.scale()
        painter = QPainter(self)
        width = self.width()
        heads = (tr("before"), tr("after"), self._head(width))
        change = QFontMetrics(theme.font(12)).horizontalAdvance(heads[2]) + 8
        # With large text the values' columns are no wider than they must be.
        side = max((width - change - max(0.3 * width, 132 * scale)) / 2, (_VALUE + 16) * scale)
        if self.tight:
            side = QFontMetrics(theme.font(13, bold=True)).horizontalAdvance("100.0 %") + _GAP
        left = [round(width - change - 2 * side), round(width - change - side)]
        heading = QRect(0, 0, width, self._high)
        painter.setFont(theme.font(14, bold=True))
        painter.setPen(QColor(colours.text))
        title = tr("Class") if self.tight else tr("Class scores")
        painter.drawText(heading, int(Qt.AlignLeft | Qt.AlignVCenter), title)
        painter.setFont(theme.font(12))
        painter.setPen(QColor(colours.muted))
        for x, text in zip(left, heads):
            place = heading.adjusted(x, 0, 0, 0)
            painter.drawText(place, int(Qt.AlignLeft | Qt.AlignVCenter), text)
        painter.drawText(heading, int(Qt.AlignRight | Qt.AlignVCenter), heads[2])
        best = [
            max((row.before for row in self._rows), default=0.0),
            max((row.after for row in self._rows), default=0.0),
        ]
        longest = max(*best, 1e-9)
        for at, (row, texts) in enumerate(self._shown()):
            place = self.row_rect(at)
            if row.index == self._wanted or at == self._hover:
                tint = colours.selection if row.index == self._wanted else colours.hover
                painter.fillRect(place, QColor(tint))
            self._paint_row(painter, place, row, texts, left, side, best, longest)
        painter.end()

    @staticmethod
    def _head(width: int) -> str:
        """The last column's head, as long as there is room for."""
        metrics = QFontMetrics(theme.font(12))
        long, short = tr("change, points"), tr("points")
        return long if metrics.horizontalAdvance(long) < 0.24 * width else short

    def _paint_row(
        self,
        painter: QPainter,
        place: QRect,
        row: ScoreRow,
        texts: tuple[str, str, str, str, str],
        left: Sequence[int],
        side: float,
        best: Sequence[float],
        longest: float,
    ) -> None:
        colours, scale = theme.current(), theme.scale()
        middle = Qt.AlignVCenter
        plain, bold = theme.font(13), theme.font(13, bold=True)
        painter.setFont(plain)
        name = place.adjusted(0, 0, left[0] - place.right() - 8, 0)
        if not self.tight:
            painter.setPen(QColor(colours.muted))
            painter.drawText(place, int(Qt.AlignLeft | middle), texts[0])
            name.setLeft(round(_NUMBER * scale))
        painter.setPen(QColor(colours.text))
        shown = QFontMetrics(plain).elidedText(texts[1], Qt.ElideRight, name.width())
        painter.drawText(name, int(Qt.AlignLeft | middle), shown)
        room = side - round((_VALUE + 12) * scale)
        for k, value in enumerate((row.before, row.after)):
            leads = value == best[k] and value > 0
            if not self.tight:
                wide = max(1, round(room * value / longest))
                bar = QRect(left[k], place.center().y() - 4, wide, 9)
                painter.fillRect(bar, words.bar_colour(leads))
            painter.setFont(bold if leads else plain)
            gap = _GAP if self.tight else round(14 * scale)
            cell = QRect(left[k], place.top(), round(side) - gap, place.height())
            painter.drawText(cell, int(Qt.AlignRight | middle), texts[2 + k])
        painter.setFont(plain)
        painter.drawText(place, int(Qt.AlignRight | middle), texts[4])
