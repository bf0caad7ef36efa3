"""Whose Ctrl+Z it is: a field's that is being typed into, else the window's."""

from __future__ import annotations

from PyQt5.QtCore import QEvent
from PyQt5.QtGui import QKeyEvent, QKeySequence
from PyQt5.QtWidgets import QLineEdit

__all__ = ["leaves_undo"]


def leaves_undo(line: QLineEdit, event: QEvent) -> bool:
    """Leave the keys of undo and redo to the window once what was typed is taken.

    To be asked by a field about each of its events; True if this one is done with.
    """
    if (
        isinstance(event, QKeyEvent)
        and event.type() == QEvent.ShortcutOverride
        and (event.matches(QKeySequence.Undo) or event.matches(QKeySequence.Redo))
        and not line.isModified()
    ):
        event.ignore()
        return True
    return False
