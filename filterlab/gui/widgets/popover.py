"""A panel that opens under a button: a click elsewhere or Esc closes it."""

from __future__ import annotations

from PyQt5.QtCore import QPoint, Qt, pyqtSignal
from PyQt5.QtGui import QHideEvent
from PyQt5.QtWidgets import QFrame, QWidget

from filterlab.gui import theme

__all__ = ["Popover"]


class Popover(QFrame):
    """Opens under its button, inside the window's margins.

    Signals
    -------
    closed()
    """

    closed = pyqtSignal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent, Qt.Popup)
        self.setProperty("popover", True)
        # The click that closes it must not open it again by its button.
        self.setAttribute(Qt.WA_NoMouseReplay)

    def open_under(self, button: QWidget) -> None:
        """Open below a button, or above it where there is more room; inside the window."""
        window = button.window()
        self.adjustSize()
        layout = self.layout()
        if layout is not None and layout.hasHeightForWidth():
            # Qt leaves a third of the screen free, though that may cut it.
            self.resize(self.width(), max(self.height(), layout.totalHeightForWidth(self.width())))
        margin = theme.STEP
        at = button.mapTo(window, QPoint(button.width() - self.width(), button.height() + margin))
        x = max(margin, min(at.x(), window.width() - margin - self.width()))
        above = at.y() - 2 * margin - button.height() - self.height()
        y = at.y() if at.y() + self.height() + margin <= window.height() else above
        y = max(margin, min(y, window.height() - margin - self.height()))
        self.move(window.mapToGlobal(QPoint(x, y)))
        self.show()

    def hideEvent(self, event: QHideEvent) -> None:
        super().hideEvent(event)
        self.closed.emit()
