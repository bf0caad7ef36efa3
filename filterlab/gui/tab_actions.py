"""Keys and menu items that change the tab, wherever the focus is: a combo box keeps Ctrl+Tab."""

from __future__ import annotations

from collections.abc import Sequence

from PyQt5.QtCore import QObject
from PyQt5.QtGui import QKeySequence
from PyQt5.QtWidgets import QAction, QTabBar, QWidget

from filterlab.gui.i18n import tr

__all__ = ["TabActions"]

_NEXT = ("Ctrl+Tab", "Ctrl+PgDown")
#: Ctrl+Shift+Tab arrives as Backtab, with Shift or without.
_PREVIOUS = ("Ctrl+Shift+Tab", "Ctrl+PgUp", "Ctrl+Shift+Backtab", "Ctrl+Backtab")


class TabActions(QObject):
    """An action for each tab (Alt+1 …) and two that go around."""

    def __init__(self, tabs: QTabBar, titles: Sequence[str], window: QWidget) -> None:
        super().__init__(window)
        self._tabs = tabs
        self.choices: list[QAction] = []
        for index, title in enumerate(titles):
            action = QAction(title, self)
            action.setShortcut(f"Alt+{index + 1}")
            action.setCheckable(True)
            action.setData(index)
            action.triggered.connect(self._on_chosen)
            self.choices.append(action)
        self.next = self._step(tr("Next tab"), 1, _NEXT)
        self.previous = self._step(tr("Previous tab"), -1, _PREVIOUS)
        #: In the order in which the menu has them.
        self.all = [*self.choices, self.next, self.previous]
        window.addActions(self.all)
        tabs.currentChanged.connect(self._check)
        self._check()

    def _step(self, text: str, by: int, keys: Sequence[str]) -> QAction:
        action = QAction(text, self)
        action.setShortcuts([QKeySequence(key) for key in keys])
        action.setData(by)
        action.triggered.connect(self._on_step)
        return action

    def _on_chosen(self) -> None:
        action = self.sender()
        if isinstance(action, QAction):
            self._tabs.setCurrentIndex(action.data())
        self._check()  # a second choice of the same must not uncheck it

    def _on_step(self) -> None:
        action = self.sender()
        if isinstance(action, QAction):
            to = self._tabs.currentIndex() + action.data()
            self._tabs.setCurrentIndex(to % max(1, self._tabs.count()))

    def _check(self, *_: int) -> None:
        for index, action in enumerate(self.choices):
            action.setChecked(index == self._tabs.currentIndex())
