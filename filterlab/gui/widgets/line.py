"""One line of text that changes often: it never asks for a new layout, and is cut if too long."""

from __future__ import annotations

from qtpy.QtCore import QSize, Qt
from qtpy.QtGui import QColor, QPainter, QPaintEvent
from qtpy.QtWidgets import QSizePolicy, QWidget

from filterlab.gui import theme

__all__ = ["Line"]


class Line(QWidget):
    """A label of one line; ``role`` is ``text``, ``heading``, ``muted`` or ``error``."""

    def __init__(self, parent: QWidget | None = None, role: str = "text", text: str = "") -> None:
        super().__init__(parent)
        self._text = text
        self._role = role
        if role == "heading":
            font = self.font()
            font.setBold(True)
            self.setFont(font)
        self.setSizePolicy(QSizePolicy.Ignored, QSizePolicy.Fixed)

    def text(self) -> str:
        """The text, uncut."""
        return self._text

    def set_text(self, text: str, role: str | None = None) -> None:
        """Show a text; what is cut off stays readable as the tool tip unless one is set."""
        role = role or self._role
        if text != self._text or role != self._role:
            self._text, self._role = text, role
            self.setAccessibleName(text)
            self.update()

    def sizeHint(self) -> QSize:
        return QSize(40, self.fontMetrics().height() + 2)

    def minimumSizeHint(self) -> QSize:
        return QSize(0, self.sizeHint().height())

    def paintEvent(self, event: QPaintEvent) -> None:
        colours = theme.current()
        colour = {"muted": colours.muted, "error": colours.error}.get(self._role, colours.text)
        painter = QPainter(self)
        painter.setPen(QColor(colour))
        text = self.fontMetrics().elidedText(self._text, Qt.ElideRight, self.width())
        painter.drawText(self.rect(), Qt.AlignLeft | Qt.AlignVCenter, text)
        painter.end()
