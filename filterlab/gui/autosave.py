"""Keeps the session on disk as it is edited, so that nothing is lost however the program ends."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any

from PyQt5.QtCore import QObject, QTimer, pyqtSignal

from filterlab.errors import FilterLabError
from filterlab.gui.jobs import Latest
from filterlab.gui.sessions import Kept, Session
from filterlab.gui.settings import Settings

__all__ = ["Autosave", "State"]

_log = logging.getLogger(__name__)

#: How often is looked whether something has changed, and the most often that is written.
_EVERY_MS = 1000

#: Plain values, and the pictures that are in no file of the user's.
State = tuple[dict[str, Any], dict[str, Kept]]


class Autosave(QObject):
    """Looks once a second whether the state has changed, and writes it off the window's thread.

    Looking costs a fraction of a millisecond and misses nothing, whatever changed it.

    Signals
    -------
    failed(str) : why the session cannot be saved; once until it can be again
    """

    failed = pyqtSignal(str)

    def __init__(
        self,
        state: Callable[[], State],
        session: Session,
        settings: Settings,
        parent: QObject | None = None,
    ) -> None:
        super().__init__(parent)
        self.session = session
        self._state = state
        self._settings = settings
        self._written: State | None = None
        self._told = self._finished = False
        self._writer = Latest(self)
        self._writer.ready.connect(self._on_written)
        self._writer.failed.connect(self._on_failed)
        self._timer = QTimer(self)
        self._timer.setInterval(_EVERY_MS)
        self._timer.timeout.connect(self._look)

    def start(self, now: bool = False) -> None:
        """Watch from now on; the present state counts as saved unless ``now``."""
        self._written = None if now else self._taken()
        self._timer.start()

    def _taken(self) -> State | None:
        try:
            return self._state()
        except Exception:
            # A tab that cannot say what it shows must not take the others' work along.
            if not self._told:
                self._told = True
                _log.exception("the state could not be taken")
            return None

    def _look(self) -> None:
        if self._writer.busy:
            return
        state = self._taken()
        changed = state is not None and not _same(state, self._written)
        if changed or self._settings.changed:
            self._writer.request(_write, self.session, self._settings, state if changed else None)
            self._written = state

    def _on_written(self, _: Any) -> None:
        self._told = False

    def _on_failed(self, sentence: str) -> None:
        self._written = None  # try again
        if not self._told:
            self._told = True
            self.failed.emit(sentence)

    def save(self) -> None:
        """Save in this thread, as if it were for the last time."""
        self._written = self._taken()
        try:
            _write(self.session, self._settings, self._written, ended=True)
        except (OSError, FilterLabError) as error:
            # A full disk must not keep the window from closing.
            _log.info("the session could not be saved: %s", error)

    def finish(self) -> None:
        """Save for the last time and let go of the session; may be called twice."""
        if self._finished:
            return
        self._finished = True
        self._timer.stop()
        self._writer.shutdown()
        self.save()
        self.session.close()


def _same(one: State, other: State | None) -> bool:
    return (
        other is not None
        and one[0] == other[0]
        and one[1].keys() == other[1].keys()
        and all(picture is other[1][name] for name, picture in one[1].items())
    )


def _write(session: Session, settings: Settings, state: State | None, ended: bool = False) -> None:
    if state is not None:
        session.save(*state, ended=ended)
    settings.sync()
