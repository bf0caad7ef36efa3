"""A few choices side by side, one of them chosen."""

from __future__ import annotations

from collections.abc import Sequence

from qtpy.QtCore import QEvent, QObject, Qt, Signal
from qtpy.QtGui import QKeyEvent
from qtpy.QtWidgets import QAbstractButton, QButtonGroup, QHBoxLayout, QToolButton, QWidget

from filterlab.gui import theme

__all__ = ["Segments"]


class Segments(QWidget):
    """A row of joined buttons; arrow keys go along it, Tab comes to the chosen one.

    Signals
    -------
    chosen(str) : the user took another; not sent by :meth:`choose`
    """

    chosen = Signal(str)

    def __init__(
        self, items: Sequence[tuple[str, str]], parent: QWidget | None = None, name: str = ""
    ) -> None:
        super().__init__(parent)
        self.setAccessibleName(name)
        self._group = QButtonGroup(self)
        self._keys: list[str] = []
        self._row = QHBoxLayout(self)
        self._row.setContentsMargins(0, 0, 0, 0)
        self._row.setSpacing(0)
        self._group.buttonClicked.connect(self._on_clicked)
        self.set_items(items)

    def set_items(self, items: Sequence[tuple[str, str]]) -> None:
        """The choices as (text, key); the first is chosen, or the one that was if it is there."""
        before = self.key
        for button in self._group.buttons():
            self._group.removeButton(button)
            self._row.removeWidget(button)
            button.deleteLater()
        self._keys = [key for _, key in items]
        for k, (text, _) in enumerate(items):
            button = QToolButton(self)
            button.setText(text)
            button.setAccessibleName(text)
            button.setCheckable(True)
            first, last = k == 0, k == len(items) - 1
            place = "only" if first and last else "first" if first else "last" if last else "middle"
            button.setProperty("segment", place)
            button.setFont(theme.font(12))
            button.setSizePolicy(self.sizePolicy())
            button.installEventFilter(self)
            self._group.addButton(button, k)
            self._row.addWidget(button, 1)
        self.choose(before if before in self._keys else self._keys[0] if self._keys else "")

    def set_tight(self, tight: bool) -> None:
        """Bring the words closer together, so that they stay whole in a narrow place."""
        style = "QToolButton { padding-left: 2px; padding-right: 2px; }" if tight else ""
        if style != self.styleSheet():
            self.setStyleSheet(style)

    @property
    def key(self) -> str:
        """The key that is chosen, or the empty string."""
        at = self._group.checkedId()
        return self._keys[at] if 0 <= at < len(self._keys) else ""

    def choose(self, key: str) -> None:
        """Choose without signalling; an unknown key changes nothing."""
        if key in self._keys:
            self.button(key).setChecked(True)
            self._mend_focus()

    def button(self, key: str) -> QToolButton:
        """The button of a choice."""
        return self._group.button(self._keys.index(key))

    def buttons(self) -> list[QToolButton]:
        """All buttons in their order."""
        return [self._group.button(k) for k in range(len(self._keys))]

    def _mend_focus(self) -> None:
        for button in self.buttons():
            button.setFocusPolicy(Qt.TabFocus if button.isChecked() else Qt.NoFocus)

    def _on_clicked(self, button: QAbstractButton) -> None:
        self._mend_focus()
        self.chosen.emit(self._keys[self._group.id(button)])

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        if event.type() == QEvent.KeyPress and isinstance(event, QKeyEvent):
            by = {Qt.Key_Left: -1, Qt.Key_Right: 1}.get(event.key(), 0)
            at = self._group.id(watched) + by if by else -1
            if by and 0 <= at < len(self._keys):
                button = self._group.button(at)
                button.setChecked(True)
                self._mend_focus()
                button.setFocus(Qt.TabFocusReason)
                self.chosen.emit(self._keys[at])
            return bool(by)
        return False
