"""What the net sees in a cell: its five best classes with bars; several cells side by side."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from qtpy.QtCore import QRectF, QSize, Qt, Signal
from qtpy.QtGui import QColor, QMouseEvent, QPainter, QPaintEvent
from qtpy.QtWidgets import QHBoxLayout, QSizePolicy, QWidget

from filterlab.gui import theme
from filterlab.gui.heatmap.class_list import percent
from filterlab.gui.heatmap.map_view import PIN_COLOURS
from filterlab.gui.i18n import tr

__all__ = ["CellCards", "CellFacts", "share_text"]

#: Pixels of a row from which it has room for a number beside a name, and for a roomy one.
_NARROW, _WIDE = 88, 150


@dataclass(frozen=True)
class CellFacts:
    """What a card shows.

    Attributes
    ----------
    title : which cell. detail : where it looks. best : (class as shown, probability), best first.
    alone : the same for the window cut out and classified by itself, or empty.
    """

    title: str
    detail: str
    best: tuple[tuple[str, float], ...]
    alone: tuple[tuple[str, float], ...] = ()


def share_text(share: float, width: float) -> str:
    """A share as it fits into a row of so many pixels; in the narrowest the bar alone tells it."""
    if width < _NARROW:
        return ""
    text = percent(share)
    return text if width >= _WIDE else text.replace(" ", "").replace("<0", "<")


class _Card(QWidget):
    """One cell; painted, so that pointing around the picture stays fluent."""

    clicked = Signal(int)

    def __init__(self, number: int, parent: QWidget) -> None:
        super().__init__(parent)
        self._number = number
        self._facts: CellFacts | None = None
        self._hint = ""
        self.setSizePolicy(QSizePolicy.Expanding, QSizePolicy.Fixed)
        self.setMinimumWidth(80)

    def sizeHint(self) -> QSize:
        return QSize(200, 7 * theme.line_height(self.fontMetrics()) + 8)

    def set_facts(self, facts: CellFacts | None, hint: str = "") -> None:
        self._facts, self._hint = facts, hint
        self.setAccessibleName(facts.title if facts else hint)
        self.setToolTip(self._told())
        self.update()

    def _told(self) -> str:
        """Everything the card shows, in full; the card itself may be narrow."""
        facts = self._facts
        if facts is None:
            return ""
        lines = [facts.title, facts.detail]
        parts = [(tr("in place"), facts.best), (tr("cut out, alone"), facts.alone)]
        for name, best in parts if facts.alone else [("", facts.best)]:
            lines += [name] if name else []
            lines += [f"{percent(share)}  {title}" for title, share in best]
        return "\n".join([*lines, tr("Click to unpin")] if self._number >= 0 else lines)

    @property
    def facts(self) -> CellFacts | None:
        return self._facts

    def mousePressEvent(self, event: QMouseEvent) -> None:
        self.clicked.emit(self._number)

    def paintEvent(self, event: QPaintEvent) -> None:
        colours = theme.current()
        painter = QPainter(self)
        painter.setRenderHint(QPainter.Antialiasing)
        line = theme.line_height(painter.fontMetrics())
        width = self.width()
        if self._facts is None:
            painter.setPen(QColor(colours.muted))
            painter.drawText(
                self.rect().adjusted(0, 4, 0, 0),
                Qt.AlignLeft | Qt.AlignTop | Qt.TextWordWrap,
                self._hint,
            )
            painter.end()
            return
        left = 0.0
        if self._number >= 0:
            painter.setPen(Qt.NoPen)
            painter.setBrush(QColor(PIN_COLOURS[self._number]))
            painter.drawEllipse(QRectF(0, (line - 11) / 2, 11, 11))
            left = 17
        font = painter.font()
        font.setBold(True)
        painter.setFont(font)
        painter.setPen(QColor(colours.text))
        title, bold = self._facts.title, painter.fontMetrics()
        if bold.horizontalAdvance(title) > width - left:
            # The numbers alone: row and column.
            title = bold.elidedText(title[title.find("(") :], Qt.ElideRight, int(width - left))
        painter.drawText(QRectF(left, 0, width - left, line), Qt.AlignLeft | Qt.AlignVCenter, title)
        font.setBold(False)
        painter.setFont(font)
        painter.setPen(QColor(colours.muted))
        metrics = painter.fontMetrics()
        detail = "" if self._facts.alone else self._facts.detail
        painter.drawText(
            QRectF(0, line, width, line),
            Qt.AlignLeft | Qt.AlignVCenter,
            metrics.elidedText(detail, Qt.ElideRight, width),
        )
        top = 2.0 * line + 4
        if self._facts.alone:
            half = (width - 12) / 2
            for k, text in enumerate((tr("in place"), tr("cut out, alone"))):
                shown = metrics.elidedText(text, Qt.ElideRight, int(half))
                painter.drawText(
                    QRectF(k * (half + 12), line, half, line),
                    Qt.AlignLeft | Qt.AlignVCenter,
                    shown,
                )
        parts = [self._facts.best] + ([self._facts.alone] if self._facts.alone else [])
        part_width = (width - 12 * (len(parts) - 1)) / len(parts)
        for k, part in enumerate(parts):
            self._paint_bars(painter, part, k * (part_width + 12), top, part_width, line)
        painter.end()

    def _paint_bars(
        self,
        painter: QPainter,
        best: Sequence[tuple[str, float]],
        left: float,
        top: float,
        width: float,
        line: float,
    ) -> None:
        colours = theme.current()
        metrics = painter.fontMetrics()
        number = metrics.horizontalAdvance(share_text(0.0001, width)) + 4
        for name, share in best:
            base = QRectF(left, top + 1, width, line - 2)
            painter.setPen(Qt.NoPen)
            tint = QColor(colours.accent)
            tint.setAlphaF(0.30)
            painter.setBrush(QColor(colours.hover))
            painter.drawRoundedRect(base, 3, 3)
            painter.setBrush(tint)
            base.setWidth(max(3.0, width * min(1.0, share)))
            painter.drawRoundedRect(base, 3, 3)
            painter.setPen(QColor(colours.text))
            text = metrics.elidedText(name, Qt.ElideRight, int(width - number - 8))
            painter.drawText(
                QRectF(left + 5, top, width - number, line), Qt.AlignLeft | Qt.AlignVCenter, text
            )
            painter.drawText(
                QRectF(left + width - number - 4, top, number, line),
                Qt.AlignRight | Qt.AlignVCenter,
                share_text(share, width),
            )
            top += line


class CellCards(QWidget):
    """The cell under the cursor, and a few pinned ones.

    Signals
    -------
    unpin_requested(int) : a pinned card was clicked
    """

    unpin_requested = Signal(int)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        layout = QHBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(2 * theme.STEP)
        self.hover = _Card(-1, self)
        layout.addWidget(self.hover)
        self.pins: list[_Card] = []
        for k in range(len(PIN_COLOURS)):
            card = _Card(k, self)
            card.clicked.connect(self.unpin_requested)
            card.setVisible(False)
            self.pins.append(card)
            layout.addWidget(card)

    def set_hover(self, facts: CellFacts | None, hint: str = "") -> None:
        """The cell under the cursor."""
        self.hover.set_facts(facts, hint)

    def set_pins(self, facts: Sequence[CellFacts]) -> None:
        """The pinned cells."""
        for k, card in enumerate(self.pins):
            card.set_facts(facts[k] if k < len(facts) else None)
            card.setVisible(k < len(facts))
            alone = k < len(facts) and bool(facts[k].alone)
            self.layout().setStretch(k + 1, 9 if alone else 5)
        self.layout().setStretch(0, 5)
