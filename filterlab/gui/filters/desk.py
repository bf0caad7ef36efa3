"""What the parts of the Filters tab share: the bench, the filter in front, how things are said."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from PyQt5.QtCore import QObject, pyqtSignal

from filterlab.gui.errors import EXPECTED, one_sentence
from filterlab.gui.filters.look import Look
from filterlab.gui.filters.sources import Source
from filterlab.workbench.filter_bench import FilterBench

__all__ = ["Desk", "Pictures", "Sayings"]


class Sayings(NamedTuple):
    """Where sentences go: news, errors (and what each is about), and errors that are over."""

    info: Callable[[str], object]
    error: Callable[[str, str], object]
    over: Callable[..., object]


class Pictures(NamedTuple):
    """How a picture becomes the input.

    Attributes
    ----------
    choose : ask for a file. turn : the next (1) or previous (-1). open : from a source.
    put : an array with a title. accepts, open_files : of files that were pasted or dropped.
    """

    choose: Callable[[], object]
    turn: Callable[[int], object]
    open: Callable[[Source], object]
    put: Callable[[NDArray[np.float32], str], object]
    accepts: Callable[[Sequence[Path]], int]
    open_files: Callable[[Sequence[Path]], object]


class Desk(QObject):
    """The bench in use, the filter in front, and how outputs are looked at.

    Signals
    -------
    refused() : an edit was refused, so what shows the bench is to show it again
    activated(int) : another filter is in front
    """

    refused = pyqtSignal()
    activated = pyqtSignal(int)

    def __init__(self, bench: FilterBench, say: Sayings, parent: QObject) -> None:
        super().__init__(parent)
        self.bench = bench
        self.say = say
        self._active = 0
        self.look = Look()

    @property
    def active(self) -> int:
        """The filter in front: the one that tools act on."""
        return self._active

    @active.setter
    def active(self, slot: int) -> None:
        if slot != self._active:
            self._active = slot
            self.activated.emit(slot)

    def attempt(self, action: Callable[..., Any], *args: Any, **options: Any) -> Any:
        """Do something; a refusal is one sentence in the strip, and None is returned."""
        try:
            result = action(*args, **options)
        except EXPECTED as error:
            self.say.error(one_sentence(error), action.__name__)
            self.refused.emit()
            return None
        self.say.over(action.__name__)
        return result
