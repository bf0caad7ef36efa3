"""Sentences in a room of fixed size: as many as fit whole; all of them in the tool tip."""

from __future__ import annotations

from collections.abc import Sequence

from PyQt5.QtCore import QRect, QSize, Qt
from PyQt5.QtGui import QColor, QPainter, QPaintEvent
from PyQt5.QtWidgets import QSizePolicy, QWidget

from filterlab.gui import theme

__all__ = ["Wrapped"]

_FLAGS = Qt.AlignLeft | Qt.TextWordWrap


class Wrapped(QWidget):
    """Small grey text over several lines; it never asks for a new layout.

    ``between`` stands between two sentences.
    """

    def __init__(
        self, parent: QWidget | None = None, align: int = Qt.AlignTop, between: str = " "
    ) -> None:
        super().__init__(parent)
        self._sentences: tuple[str, ...] = ()
        self._between = between
        self._align = align
        self.setFont(theme.font(12))
        self.setSizePolicy(QSizePolicy.Ignored, QSizePolicy.Ignored)

    def text(self) -> str:
        """All sentences."""
        return self._between.join(self._sentences)

    def set_sentences(self, sentences: Sequence[str]) -> None:
        """Show these; the last ones go where there is no room."""
        if tuple(sentences) != self._sentences:
            self._sentences = tuple(sentences)
            self.setAccessibleName(self.text())
            self.setToolTip(self.text())
            self.update()

    def shown(self) -> str:
        """What there is room for."""
        for count in range(len(self._sentences), 0, -1):
            text = self._between.join(self._sentences[:count])
            room = QRect(0, 0, self.width(), 10_000)
            need = self.fontMetrics().boundingRect(room, _FLAGS, text)
            if need.height() <= self.height() and need.width() <= self.width():
                return text
        return ""

    def sizeHint(self) -> QSize:
        return QSize(120, 2 * self.fontMetrics().lineSpacing())

    def minimumSizeHint(self) -> QSize:
        return QSize(0, 0)

    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self)
        painter.setPen(QColor(theme.current().muted))
        painter.drawText(self.rect(), self._align | _FLAGS, self.shown())
        painter.end()
