"""The windows that stand beside the Net tab, one of each kind."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from PyQt5.QtCore import QByteArray, QObject
from PyQt5.QtWidgets import QDialog, QWidget

from filterlab.gui.i18n import tr
from filterlab.gui.net.before_after_window import BeforeAfterWindow
from filterlab.gui.net.ranking_window import RankingWindow
from filterlab.gui.net.why_window import WhyWindow
from filterlab.gui.saying import Say
from filterlab.workbench.net_study import NetStudy

__all__ = ["StudyWindows"]


class StudyWindows(QObject):
    """Opens them; those that are about a net go with it.

    Parameters
    ----------
    name_of : callable
        Gives a class's name.
    window : QWidget
        What they belong to.
    """

    def __init__(
        self, study: NetStudy, name_of: Callable[[int], str], say: Say, window: QWidget
    ) -> None:
        super().__init__(window)
        self._study, self._name_of, self._say, self._window = study, name_of, say, window
        self.before_after: BeforeAfterWindow | None = None
        self.ranking: RankingWindow | None = None
        self.why: WhyWindow | None = None
        self._unsubscribe = study.subscribe(self._on_change)

    def _ready(self) -> bool:
        if self._study.bench is not None:
            return True
        self._say.error(tr("No net is on the table; open one first."))
        return False

    def show_before_after(self) -> None:
        """The layers of both nets side by side."""
        if not self._ready():
            return
        _front(self._before_after())

    def _before_after(self) -> BeforeAfterWindow:
        if self.before_after is None:
            assert self._study.bench is not None
            self.before_after = BeforeAfterWindow(self._study.bench.transplanted, self._window)
            self.before_after.layer_chosen.connect(self._study.look_at_layer)
        return self.before_after

    def show_ranking(self) -> None:
        """The units of the layer, by what the class loses without each."""
        if not self._ready():
            return
        if self.ranking is None:
            self.ranking = RankingWindow(self._study, self._name_of, self._window)
            self.ranking.rank()
        _front(self.ranking)

    def show_why(self) -> None:
        """What speaks for the class, of the picture's centre or of the marked cell."""
        if not self._ready():
            return
        if self.why is None:
            self.why = WhyWindow(self._study, self._name_of, self._window)
        _front(self.why)

    def rest(self) -> list[tuple[str, Any, QByteArray]]:
        """Of each window that is open its name, what it shows, and where it stands."""
        named = {"before_after": self.before_after, "ranking": self.ranking, "why": self.why}
        return [
            (name, dialog.rest(), dialog.saveGeometry())
            for name, dialog in named.items()
            if dialog is not None and dialog.isVisible()
        ]

    def go_on(self, rest: list[tuple[str, Any, QByteArray]]) -> None:
        """Open them again, beside another tab."""
        if self._study.bench is None:
            return
        for name, shown, place in rest:
            dialog: BeforeAfterWindow | RankingWindow | WhyWindow
            if name == "before_after":
                dialog = self._before_after()
            elif name == "ranking":
                dialog = self.ranking = RankingWindow(self._study, self._name_of, self._window)
            else:
                dialog = self.why = WhyWindow(self._study, self._name_of, self._window)
            dialog.go_on(shown)
            dialog.restoreGeometry(place)
            dialog.show()

    def _on_change(self, kinds: frozenset[str]) -> None:
        if "net" in kinds:
            self._close()

    def _close(self) -> None:
        gone = (self.before_after, self.ranking, self.why)
        self.before_after = self.ranking = self.why = None
        for dialog in gone:
            if dialog is not None:
                dialog.shutdown()
                dialog.close()
                dialog.deleteLater()

    def shutdown(self) -> None:
        """Close them and wait for what they do."""
        self._unsubscribe()
        self._close()


def _front(dialog: QDialog) -> None:
    dialog.show()
    dialog.raise_()
    dialog.activateWindow()
