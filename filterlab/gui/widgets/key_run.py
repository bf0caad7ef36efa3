"""Which changes of a control belong together: those of one uninterrupted run of keys or turns."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Hashable

from PyQt5.QtCore import QEvent, QObject, Qt, QTimer
from PyQt5.QtGui import QKeyEvent
from PyQt5.QtWidgets import QApplication, QWidget

__all__ = ["KeyRun", "KeyRuns"]

#: A run has ended when no key was pressed for so long: what was chosen then was looked at.
_PAUSE_MS = 1000

#: With these a combo box opens its list, which is a choice of its own.
_OPENING = (Qt.Key_Space, Qt.Key_F4, Qt.Key_Return, Qt.Key_Enter)

_numbers = itertools.count()


class KeyRun(QObject):
    """Watches a control that arrow keys or the wheel take through its choices.

    Parameters
    ----------
    parts : sequence of QWidget
        The control, or the parts of it that have the focus in turn.
    """

    def __init__(self, *parts: QWidget) -> None:
        super().__init__(parts[0])
        self._parts = parts
        self._number = -1
        self._pause = QTimer(self)
        self._pause.setSingleShot(True)
        self._pause.setInterval(_PAUSE_MS)
        self._pause.timeout.connect(self.end)
        for part in parts:
            part.installEventFilter(self)

    @property
    def key(self) -> Hashable:
        """The same for all changes of one run; None for one that was made in another way."""
        return ("run", self._number) if self._number >= 0 else None

    def end(self) -> None:
        """The next change is a step of its own."""
        self._number = -1
        self._pause.stop()

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        kind = event.type()
        if kind == QEvent.Wheel or (kind == QEvent.KeyPress and _moves(event)):
            if self._number < 0:
                self._number = next(_numbers)
            self._pause.start()
        elif kind in (QEvent.KeyPress, QEvent.MouseButtonPress) or (
            kind == QEvent.FocusOut and QApplication.focusWidget() not in self._parts
        ):
            self.end()
        return False


class KeyRuns:
    """The runs of a panel's controls.

    Attributes
    ----------
    key : hashable or None
        While a control tells what was chosen, the key of the run that it belongs to.
    """

    def __init__(self) -> None:
        self.key: Hashable = None

    def of(self, do: Callable[..., object], *parts: QWidget) -> Callable[..., None]:
        """A slot for a control (or its parts) that does something with :attr:`key` known."""
        run = KeyRun(*parts)

        def told(*given: object) -> None:
            self.key = run.key
            try:
                do(*given)
            finally:
                self.key = None

        return told


def _moves(event: QEvent) -> bool:
    """Whether a key may take a control to another of its choices."""
    return (
        isinstance(event, QKeyEvent)
        and event.key() not in _OPENING
        and not event.modifiers() & (Qt.ControlModifier | Qt.AltModifier | Qt.MetaModifier)
    )
