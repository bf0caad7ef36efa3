"""Where a helper's sentences go: to the window's message strip."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

from filterlab.gui.errors import EXPECTED, one_sentence

__all__ = ["Say"]

T = TypeVar("T")


@dataclass(frozen=True)
class Say:
    """What shows news, errors, and what the user should know until it is over."""

    info: Callable[[str], object]
    error: Callable[[str], object]
    warning: Callable[[str], object]

    def guard(self, do: Callable[[], T]) -> T | None:
        """Do something that may fail with a sentence; None if it did."""
        try:
            return do()
        except EXPECTED as error:
            self.error(one_sentence(error))
            return None
