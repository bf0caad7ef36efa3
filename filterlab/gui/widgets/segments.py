"""A few choices side by side, one of them chosen."""

from __future__ import annotations

from collections.abc import Sequence

from PyQt5.QtCore import QEvent, QObject, Qt, pyqtSignal
from PyQt5.QtGui import QFontMetrics, QKeyEvent
from PyQt5.QtWidgets import (
    QAbstractButton,
    QAction,
    QButtonGroup,
    QHBoxLayout,
    QMenu,
    QToolButton,
    QWidget,
)

from filterlab.gui import theme

__all__ = ["Segments"]


_MORE = " ▾"

#: What a button is wider than its word, in pixels: as usual, and where there is little room.
_PADDING, _LEAST_PADDING = 18, 8
_ANY = 16_777_215


class Segments(QWidget):
    """A row of joined buttons; arrow keys go along it, Tab comes to the chosen one.

    Where there is no room for all (:meth:`set_room`) only the chosen one is seen, with a menu.

    Signals
    -------
    chosen(str) : the user took another; not sent by :meth:`choose`
    """

    chosen = pyqtSignal(str)

    def __init__(
        self, items: Sequence[tuple[str, str]], parent: QWidget | None = None, name: str = ""
    ) -> None:
        super().__init__(parent)
        self.setAccessibleName(name)
        self._group = QButtonGroup(self)
        self._keys: list[str] = []
        self._buttons: list[QToolButton] = []
        self._folded = False
        self._room = _ANY
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
        self._buttons = []
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
            self._buttons.append(button)
            self._row.addWidget(button, 1)
        self._show_fold()
        self.choose(before if before in self._keys else self._keys[0] if self._keys else "")

    def set_room(self, room: int) -> None:
        """Fit into a width, in pixels: words come closer before all but the chosen one go."""
        self._room = room
        plain, bold = QFontMetrics(theme.font(12)), QFontMetrics(theme.font(12, bold=True))
        texts = [self._word(button).replace("&", "") for button in self.buttons()]
        wide = [plain.horizontalAdvance(text) for text in texts]
        # The chosen one is bold, whichever that is.
        more = [bold.horizontalAdvance(text) - plain.horizontalAdvance(text) for text in texts]
        words = sum(wide) + max(more, default=0)
        # Qt has two spaces beside a button's word.
        around = _PADDING + plain.horizontalAdvance("  ")
        tight = words + len(self._keys) * around > room
        marks = sum("&" in self._word(button) for button in self.buttons())
        least = len(self._keys) * _LEAST_PADDING + marks * bold.horizontalAdvance("&")
        folded = words + least > room
        for button in self.buttons():
            # A tool button takes a mnemonic's & for a character where it has little room.
            least = bold.horizontalAdvance(self._word(button)) + _LEAST_PADDING
            button.setMinimumWidth(least if tight and not folded else 0)
            button.setMaximumWidth(least if tight and not folded else _ANY)
        style = "QToolButton { padding-left: 2px; padding-right: 2px; }" if tight else ""
        if style != self.styleSheet():
            self.setStyleSheet(style)
        if folded != self._folded:
            self._folded = folded
            self._show_fold()

    def changeEvent(self, event: QEvent) -> None:
        """Another language's words may fit, or not."""
        super().changeEvent(event)
        if event.type() == QEvent.LanguageChange and self._room != _ANY:
            self.set_room(self._room)

    @property
    def folded(self) -> bool:
        """Whether only the chosen one is seen."""
        return self._folded

    @staticmethod
    def _word(button: QToolButton) -> str:
        return str(button.text()).removesuffix(_MORE)

    def _show_fold(self) -> None:
        for button in self.buttons():
            word, chosen = self._word(button), button.isChecked()
            button.setText(word + _MORE if self._folded and chosen else word)
            button.setVisible(chosen or not self._folded)

    def _open_menu(self, under: QWidget) -> None:
        menu = QMenu(self)
        menu.setAttribute(Qt.WA_DeleteOnClose)
        for key, button in zip(self._keys, self.buttons()):
            action = menu.addAction(self._word(button))
            action.setCheckable(True)
            action.setChecked(button.isChecked())
            action.setData(key)
        menu.triggered.connect(self._on_menu)
        menu.popup(under.mapToGlobal(under.rect().bottomLeft()))

    def _on_menu(self, action: QAction) -> None:
        key = str(action.data())
        if key != self.key:
            self.choose(key)
            self.button(key).setFocus(Qt.OtherFocusReason)
            self.chosen.emit(key)

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
        return self._buttons[self._keys.index(key)]

    def buttons(self) -> list[QToolButton]:
        """All buttons in their order."""
        return list(self._buttons)

    def _mend_focus(self) -> None:
        for button in self.buttons():
            button.setFocusPolicy(Qt.TabFocus if button.isChecked() else Qt.NoFocus)
        if self._folded:
            self._show_fold()

    def _on_clicked(self, button: QAbstractButton) -> None:
        self._mend_focus()
        if self._folded:
            self._open_menu(button)
            return
        self.chosen.emit(self._keys[self._group.id(button)])

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        if (
            event.type() == QEvent.KeyPress
            and isinstance(event, QKeyEvent)
            and isinstance(watched, QAbstractButton)
        ):
            by = {int(Qt.Key_Left): -1, int(Qt.Key_Right): 1}.get(event.key(), 0)
            at = self._group.id(watched) + by if by else -1
            if by and 0 <= at < len(self._keys):
                button = self._buttons[at]
                button.setChecked(True)
                self._mend_focus()
                button.setFocus(Qt.TabFocusReason)
                self.chosen.emit(self._keys[at])
            return bool(by)
        return False
