"""One line of text that changes often: it never asks for a new layout, and is cut if too long."""

from __future__ import annotations

from PyQt5.QtCore import QEvent, QRect, QSize, Qt
from PyQt5.QtGui import QColor, QFontMetrics, QPainter, QPaintEvent
from PyQt5.QtWidgets import QSizePolicy, QWidget

from filterlab.gui import theme

__all__ = ["Line", "Title"]


class Line(QWidget):
    """A label of one line; ``role``: ``text``, ``heading``, ``muted``, ``accent``, ``error``."""

    def __init__(
        self,
        parent: QWidget | None = None,
        role: str = "text",
        text: str = "",
        align: int = Qt.AlignLeft,
    ) -> None:
        super().__init__(parent)
        self._text = text
        self._shorter: tuple[str, ...] = ()
        self._role = role
        self._align = align
        if role in ("heading", "accent"):
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

    def natural_width(self) -> int:
        """The width at which it is whole, in pixels."""
        return int(self.fontMetrics().horizontalAdvance(self._text)) + 1

    def sizeHint(self) -> QSize:
        return QSize(40, theme.line_height(self.fontMetrics()) + 2)

    def minimumSizeHint(self) -> QSize:
        return QSize(0, self.sizeHint().height())

    def _ink(self) -> QColor:
        colours = theme.current()
        inks = {"muted": colours.muted, "error": colours.error, "accent": colours.accent_text}
        return QColor(inks.get(self._role, colours.text))

    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self)
        painter.setPen(self._ink())
        painter.drawText(self.rect(), int(self._align | Qt.AlignVCenter), self.shown())
        painter.end()


class Title(Line):
    """A bold name and, in grey, what belongs to it; where there is no room it goes."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent, "heading")
        self.setSizePolicy(QSizePolicy.Expanding, QSizePolicy.Fixed)
        self._name, self._rest = "", ""
        self._small = theme.font(12)

    def set_parts(self, name: str, rest: str = "") -> None:
        """Show a name and what belongs to it."""
        other = name != self._name
        self._name, self._rest = name, rest
        if other:
            self.updateGeometry()
        self.set_text(f"{name}  {rest}" if rest else name)

    def _name_width(self) -> int:
        return int(self.fontMetrics().horizontalAdvance(self._name))

    @property
    def whole(self) -> bool:
        """Whether there is room for both."""
        rest = QFontMetrics(self._small).horizontalAdvance(self._rest) if self._rest else 0
        return self._name_width() + (theme.STEP + rest if rest else 0) <= self.width()

    def shown(self) -> str:
        return self._text if self.whole else self._name

    def sizeHint(self) -> QSize:
        return QSize(self._name_width() + 1, super().sizeHint().height())

    def minimumSizeHint(self) -> QSize:
        return self.sizeHint()

    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self)
        painter.setPen(self._ink())
        if not self.whole:
            painter.drawText(self.rect(), int(Qt.AlignLeft | Qt.AlignVCenter), self.shown())
        else:
            painter.drawText(self.rect(), int(Qt.AlignLeft | Qt.AlignVCenter), self._name)
            painter.setFont(self._small)
            painter.setPen(QColor(theme.current().muted))
            place = QRect(self.rect())
            place.setLeft(self._name_width() + theme.STEP)
            painter.drawText(place, int(Qt.AlignLeft | Qt.AlignVCenter), self._rest)
        painter.end()
