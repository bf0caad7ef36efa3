"""A veil over what belongs to another net than the one that is chosen."""

from __future__ import annotations

from qtpy.QtCore import QEvent, QObject, QPoint, QRect, Qt
from qtpy.QtGui import QColor, QPainter, QPaintEvent, QPen
from qtpy.QtWidgets import QWidget

from filterlab.gui import theme

__all__ = ["Veil"]

_ALPHA = 0.62


class Veil(QWidget):
    """Dims the widget it lies on and says why; the mouse goes through it.

    Parameters
    ----------
    target : QWidget
    at : QWidget, optional
        The part of it at whose top the words stand; without it they stand in the middle.
    """

    def __init__(self, target: QWidget, at: QWidget | None = None) -> None:
        super().__init__(target)
        self._text, self._at = "", at
        self.setAttribute(Qt.WA_TransparentForMouseEvents)
        target.installEventFilter(self)
        self.hide()

    @property
    def text(self) -> str:
        """What it says."""
        return self._text

    def lay(self, on: bool, text: str = "") -> None:
        """Lay it over the widget, saying something or nothing; or take it away."""
        self._text = text if on else ""
        self.setAccessibleName(self._text)
        self.setGeometry(self.parentWidget().rect())
        self.setVisible(on)
        self.raise_()
        self.update()

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        if event.type() == QEvent.Resize:
            self.setGeometry(self.parentWidget().rect())
        return False

    def paintEvent(self, event: QPaintEvent) -> None:
        colours = theme.current()
        painter = QPainter(self)
        ground = QColor(colours.backdrop)
        ground.setAlphaF(_ALPHA)
        painter.fillRect(self.rect(), ground)
        if self._text:
            self._paint_text(painter)
        painter.end()

    def _paint_text(self, painter: QPainter) -> None:
        colours, step = theme.current(), theme.STEP
        font = painter.font()
        font.setBold(True)
        painter.setFont(font)
        place = self.rect()
        if self._at is not None:
            place = QRect(self._at.mapTo(self.parentWidget(), QPoint(0, 0)), self._at.size())
        text, room = self._text, place.width() - 4 * step
        if painter.fontMetrics().horizontalAdvance(text) > room:
            text = text.replace(" · ", "\n")
        how = Qt.AlignCenter | Qt.TextWordWrap
        words: QRect = painter.boundingRect(QRect(0, 0, room, place.height()), how, text)
        words.moveCenter(place.center())
        if self._at is not None:
            words.moveTop(place.top() + 2 * step)
        label = words.adjusted(-step, -step // 2, step, step // 2)
        painter.setRenderHint(QPainter.Antialiasing)
        painter.setPen(QPen(QColor(colours.warning), 1))
        painter.setBrush(QColor(colours.surface))
        painter.drawRoundedRect(label, 6, 6)
        painter.setPen(QColor(colours.warning))
        painter.drawText(words, how, text)
