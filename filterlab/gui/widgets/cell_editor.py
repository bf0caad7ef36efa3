"""A field over one cell of a grid, in which a number is typed."""

from __future__ import annotations

from PyQt5.QtCore import QEvent, QRect, Qt, pyqtSignal
from PyQt5.QtGui import QKeyEvent
from PyQt5.QtWidgets import QLineEdit, QWidget

from filterlab.gui.i18n import tr

__all__ = ["CellEditor"]

_LEAST_WIDTH = 72
_LEAST_HEIGHT, _MOST_HEIGHT = 24, 32
_ENDINGS: dict[int, str] = {
    Qt.Key_Return: "enter",
    Qt.Key_Enter: "enter",
    Qt.Key_Tab: "tab",
    Qt.Key_Backtab: "backtab",
    Qt.Key_Escape: "escape",
}


class CellEditor(QLineEdit):
    """Lies over a cell of its parent, and says how the typing ended; whoever made it closes it.

    Parameters
    ----------
    cell : where the cell lies in the parent, in its pixels.
    text : what stands in the field at first.

    Signals
    -------
    ended(str) : ``"enter"``, ``"tab"``, ``"backtab"``, ``"escape"``, or ``"left"`` for a click
        elsewhere
    """

    ended = pyqtSignal(str)

    def __init__(self, parent: QWidget, cell: QRect, text: str) -> None:
        super().__init__(parent)
        self.setText(text)
        self.setAlignment(Qt.AlignCenter)
        self.setAccessibleName(tr("Value of the cell"))
        width = max(cell.width(), _LEAST_WIDTH)
        left = min(max(cell.center().x() - width // 2, 0), max(parent.width() - width, 0))
        height = min(max(cell.height(), _LEAST_HEIGHT), _MOST_HEIGHT)
        self.setGeometry(left, cell.center().y() - height // 2, width, height)

    def event(self, event: QEvent) -> bool:
        # Asked for here, before the window's shortcuts (Esc) and before Qt moves the focus (Tab).
        if isinstance(event, QKeyEvent) and event.key() in _ENDINGS:
            if event.type() == QEvent.ShortcutOverride:
                event.accept()
                return True
            if event.type() == QEvent.KeyPress:
                self.ended.emit(_ENDINGS[event.key()])
                return True
        if event.type() == QEvent.FocusOut:
            self.ended.emit("left")
        return super().event(event)
