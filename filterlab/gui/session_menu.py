"""*File > Earlier sessions*: what other windows left behind."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

from PyQt5.QtCore import QLocale
from PyQt5.QtWidgets import QAction, QMenu, QWidget

from filterlab.gui import i18n
from filterlab.gui.i18n import tr
from filterlab.gui.sessions import Left, Sessions

__all__ = ["SessionMenu", "told_time"]


class SessionMenu(QMenu):
    """Sessions that no window has open, the newest first; looked for when it is opened."""

    def __init__(
        self, sessions: Sessions, open_: Callable[[Left], object], parent: QWidget
    ) -> None:
        super().__init__(tr("Earlier sessions"), parent)
        self._sessions = sessions
        self._open = open_
        self.aboutToShow.connect(self._fill)

    def _fill(self) -> None:
        self.clear()
        for left in self._sessions.left():
            text = told_time(left.when)
            if not left.ended:
                text = tr("{time}, ended from outside").format(time=text)
            action = self.addAction(text)
            action.setData(left)
            action.triggered.connect(self._on_chosen)
        if self.isEmpty():
            self.addAction(tr("No other session")).setEnabled(False)

    def _on_chosen(self) -> None:
        action = self.sender()
        if isinstance(action, QAction):
            self._open(action.data())


def told_time(when: datetime) -> str:
    """A time as the interface's language writes it: today's without the day."""
    locale = QLocale("en_GB" if i18n.language() == i18n.ENGLISH else i18n.language())
    clock = f"{when:%H:%M}"
    if when.date() == datetime.now().date():
        return clock
    return f"{locale.toString(when.date(), QLocale.ShortFormat)} {clock}"
