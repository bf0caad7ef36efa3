"""A field to search in: Esc clears it, Down leads into the list below it."""

from __future__ import annotations

from PyQt5.QtCore import QEvent, Qt, pyqtSignal
from PyQt5.QtGui import QKeyEvent, QKeySequence
from PyQt5.QtWidgets import QLineEdit, QWidget

from filterlab.gui.icons import icon

__all__ = ["SearchField"]


class SearchField(QLineEdit):
    """Keeps keys from the window's own shortcuts only while it has a use for them.

    Signals
    -------
    cleared() : Esc was pressed and the text is gone
    left() : Down or PgDn was pressed
    """

    cleared = pyqtSignal()
    left = pyqtSignal()

    def __init__(self, hint: str, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setPlaceholderText(hint)
        self.setClearButtonEnabled(True)
        # A file dropped here is meant for the window.
        self.setAcceptDrops(False)
        self.addAction(icon("search"), QLineEdit.LeadingPosition)

    def _clears(self, event: QKeyEvent) -> bool:
        plain = not event.modifiers()
        return bool(event.key() == Qt.Key_Escape and plain and self.text())

    def event(self, event: QEvent) -> bool:
        if isinstance(event, QKeyEvent) and event.type() == QEvent.ShortcutOverride:
            if self._clears(event):
                event.accept()
                return True
            for keys, useful in (
                (QKeySequence.Undo, self.isUndoAvailable()),
                (QKeySequence.Redo, self.isRedoAvailable()),
            ):
                if event.matches(keys) and not useful:
                    event.ignore()
                    return True
        return bool(super().event(event))

    def keyPressEvent(self, event: QKeyEvent) -> None:
        if self._clears(event):
            self.clear()
            self.cleared.emit()
        elif event.key() in (Qt.Key_Down, Qt.Key_PageDown):
            self.left.emit()
        else:
            super().keyPressEvent(event)
