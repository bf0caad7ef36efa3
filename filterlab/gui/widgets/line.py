"""One line of text that changes often: it never asks for a new layout, and is cut if too long."""

from __future__ import annotations

from qtpy.QtCore import QEvent, QSize, Qt
from qtpy.QtGui import QColor, QPainter, QPaintEvent
from qtpy.QtWidgets import QSizePolicy, QWidget

from filterlab.gui import theme

__all__ = ["Line"]


class Line(QWidget):
    """A label of one line; ``role`` is ``text``, ``heading``, ``muted`` or ``error``."""

    def __init__(self, parent: QWidget | None = None, role: str = "text", text: str = "") -> None:
        super().__init__(parent)
        self._text = text
        self._shorter: tuple[str, ...] = ()
        self._role = role
        if role == "heading":
            font = self.font()
            font.setBold(True)
            self.setFont(font)
        self.setSizePolicy(QSizePolicy.Ignored, QSizePolicy.Fixed)

    def text(self) -> str:
        """The text, uncut."""
        return self._text

    def set_text(self, text: str, role: str | None = None, shorter: tuple[str, ...] = ()) -> None:
        """Show a text, or the first of the ``shorter`` ones that there is room for."""
        role = role or self._role
        if (text, role, shorter) != (self._text, self._role, self._shorter):
            self._text, self._role, self._shorter = text, role, shorter
            self.setAccessibleName(text)
            self.update()

    def changeEvent(self, event: QEvent) -> None:
        super().changeEvent(event)
        if event.type() == QEvent.LanguageChange and self.accessibleName():
            self._text = str(self.accessibleName())

    def shown(self) -> str:
        """What of it is seen: all, a shorter text, or as much as there is room for."""
        metrics, room = self.fontMetrics(), self.width()
        for text in (self._text, *self._shorter):
            if metrics.horizontalAdvance(text) <= room:
                return text
        return str(metrics.elidedText((self._text, *self._shorter)[-1], Qt.ElideRight, room))

    def sizeHint(self) -> QSize:
        return QSize(40, self.fontMetrics().height() + 2)

    def minimumSizeHint(self) -> QSize:
        return QSize(0, self.sizeHint().height())

    def paintEvent(self, event: QPaintEvent) -> None:
        colours = theme.current()
        colour = {"muted": colours.muted, "error": colours.error}.get(self._role, colours.text)
        painter = QPainter(self)
        painter.setPen(QColor(colour))
        painter.drawText(self.rect(), Qt.AlignLeft | Qt.AlignVCenter, self.shown())
        painter.end()
