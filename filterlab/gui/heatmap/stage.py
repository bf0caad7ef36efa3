"""The stage: the picture with its map, the caption under it, cards of cells in what is left."""

from __future__ import annotations

from collections.abc import Sequence

from PyQt5.QtCore import QPoint, QRect, pyqtSignal
from PyQt5.QtGui import QColor, QPainter, QPaintEvent, QResizeEvent
from PyQt5.QtWidgets import QLabel, QSizePolicy, QWidget

from filterlab.gui import theme
from filterlab.gui.heatmap.caption import Caption
from filterlab.gui.heatmap.cell_cards import CellCard, CellFacts
from filterlab.gui.heatmap.map_view import MapView
from filterlab.gui.i18n import tr
from filterlab.gui.widgets.job_card import JobCard

__all__ = ["Stage"]

_MARGIN = 2 * theme.STEP
#: The least width of a column of cards, of two, and the most of one.
_COLUMN, _TWO, _WIDEST = 232, 480, 320
_LEAST_CAPTION = 380


class Stage(QWidget):
    """Places the picture as large as it goes; cards beside it where they fit.

    Signals
    -------
    crowded(bool) : there are cards, and no room for them beside the picture
    unpin_requested(int), front_requested(int), alone_requested(int)
        The number of a pin, from 1: its cross, its folded card, its last line was clicked.
    """

    crowded = pyqtSignal(bool)
    unpin_requested = pyqtSignal(int)
    front_requested = pyqtSignal(int)
    alone_requested = pyqtSignal(int)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.view = MapView(self)
        self.caption = Caption(self)
        self.job = JobCard(self)
        self.job.shown_changed.connect(self.arrange)
        self.notice = QLabel(self)
        self.notice.setProperty("role", "muted")
        self.notice.setFont(theme.font(12))
        self.notice.setText(tr("Click a cell to pin it; Ctrl+click adds one."))
        self.notice.setWordWrap(True)
        self.notice.hide()
        self.cards: list[CellCard] = []
        self._facts: list[CellFacts] = []
        self._hover: CellFacts | None = None
        self._size = (3, 4)
        self._beside = 0
        self._crowded = False
        self.setSizePolicy(QSizePolicy.Expanding, QSizePolicy.Expanding)
        self.setMinimumSize(240, 180)

    # What is on it

    def set_picture_size(self, size: tuple[int, int]) -> None:
        """Height and width of the picture."""
        if size != self._size and min(size) > 0:
            self._size = size
            self.arrange()

    def set_cards(self, facts: Sequence[CellFacts], hover: CellFacts | None = None) -> None:
        """The pinned cells, the front one first, and the cell under the cursor."""
        self._facts, self._hover = list(facts), hover
        self.arrange()

    @property
    def facts(self) -> list[CellFacts]:
        """The pinned cells, the front one first."""
        return self._facts

    @property
    def is_crowded(self) -> bool:
        """Whether there are cards, and no room for them beside the picture."""
        return self._crowded

    # Placing

    def picture_place(self) -> QRect:
        """Where the picture lies."""
        return QRect(self.view.geometry())

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self.arrange()

    def arrange(self) -> None:
        """Place everything anew."""
        caption = self.caption.height()
        room_w = max(96, self.width() - 2 * _MARGIN)
        room_h = max(72, self.height() - _MARGIN - caption)
        rows, cols = self._size
        scale = min(room_w / cols, room_h / rows)
        wide, high = max(48, round(cols * scale)), max(36, round(rows * scale))
        beside = self.width() - wide - 3 * _MARGIN
        column = round(_COLUMN * theme.scale())
        beside = beside if self._facts and beside >= column else 0
        left = _MARGIN if beside else (self.width() - wide) // 2
        top = _MARGIN + (room_h - high) // 2
        self.view.setGeometry(left, top, wide, high)
        least = min(room_w, round(_LEAST_CAPTION * theme.scale()))
        caption_wide = max(wide, least)
        at = left if beside else (self.width() - caption_wide) // 2
        if beside:
            caption_wide = min(caption_wide, self.width() - 2 * _MARGIN)
        self.caption.setGeometry(at, top + high, caption_wide, caption)
        self._place_job()
        self._place_cards(left + max(wide, caption_wide if beside else 0) + _MARGIN, beside)
        crowded = bool(self._facts) and not beside
        if crowded != self._crowded:
            self._crowded = crowded
            self.crowded.emit(crowded)

    def _place_job(self) -> None:
        """At the lower right; above the caption, whose scale it must not cover."""
        self.job.adjustSize()
        place = QRect(QPoint(0, 0), self.job.size())
        place.moveBottomRight(QPoint(self.width() - _MARGIN - 1, self.height() - _MARGIN - 1))
        if place.intersects(self.caption.geometry()):
            place.moveBottom(self.caption.y() - theme.STEP)
        self.job.move(max(0, place.x()), max(0, place.y()))
        self.job.raise_()

    def _place_cards(self, left: int, beside: int) -> None:
        two = beside >= round(_TWO * theme.scale())
        columns = 2 if two else 1
        wide = (beside - _MARGIN * (columns - 1)) // columns
        wide = min(wide, round(_WIDEST * theme.scale()))
        bottom = self.height() - _MARGIN
        if self.job.isVisible():
            bottom = self.job.y() - theme.STEP
        tops = [_MARGIN] * columns
        shown = [*self._facts, *([self._hover] if self._hover is not None else [])]
        used = 0
        if beside:
            for k, facts in enumerate(shown):
                # What is left in a column must hold the titles of the cards to come.
                later = len(self._facts) - k - 1 if columns == 1 else 0
                at = min(range(columns), key=lambda c: tops[c])
                card = self._card(used)
                folded_high = card.high(False, folded=True)
                room = bottom - tops[at] - max(0, later) * (folded_high + theme.STEP)
                with_cut, folded = True, False
                if card.high(True) > room:
                    with_cut = False
                if card.high(False) > room:
                    folded = True
                high = folded_high if folded else card.high(with_cut)
                if tops[at] + high > bottom or (folded and not facts.number):
                    break
                card.set_facts(facts, with_cut, folded)
                card.setGeometry(left + at * (wide + _MARGIN), tops[at], wide, high)
                card.show()
                tops[at] += high + theme.STEP
                used += 1
        for card in self.cards[used:]:
            card.hide()
        place = QRect(left, self.height() - 40, wide, 40)
        free = beside and tops[0] < place.top() and bottom >= place.bottom() - _MARGIN
        self.notice.setGeometry(place)
        self.notice.setVisible(bool(free) and len(self._facts) < 3)

    def _card(self, index: int) -> CellCard:
        while len(self.cards) <= index:
            card = CellCard(self)
            card.close_requested.connect(self._on_close)
            card.opened.connect(self._on_opened)
            card.alone_requested.connect(self._on_alone)
            self.cards.append(card)
        return self.cards[index]

    def _number(self) -> int:
        sender = self.sender()
        facts = sender.facts if isinstance(sender, CellCard) else None
        return facts.number if facts is not None else 0

    def _on_close(self) -> None:
        self.unpin_requested.emit(self._number())

    def _on_opened(self) -> None:
        self.front_requested.emit(self._number())

    def _on_alone(self) -> None:
        self.alone_requested.emit(self._number())

    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self)
        painter.fillRect(self.rect(), QColor(theme.current().well))
        painter.end()
