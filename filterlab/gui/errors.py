"""From an exception to the one sentence that the window shows."""

from __future__ import annotations

from filterlab.caffe.errors import CaffeError
from filterlab.errors import FilterLabError
from filterlab.gui.i18n import tr, tr_sentence

__all__ = ["EXPECTED", "is_expected", "one_sentence"]

EXPECTED: tuple[type[BaseException], ...] = (FilterLabError, CaffeError, OSError, MemoryError)


def is_expected(error: BaseException) -> bool:
    """Whether the cause lies in the input or the machine, not in the program."""
    return isinstance(error, EXPECTED)


def one_sentence(error: BaseException) -> str:
    """What to tell the user: one line, never a traceback."""
    if isinstance(error, MemoryError):
        return tr("There is not enough memory for this; take a smaller picture or size.")
    text = " ".join(str(error).split())
    if is_expected(error) and text:
        return tr_sentence(text)
    name = type(error).__name__
    return tr("Something unexpected happened ({what}); your work is kept.").format(
        what=f"{name}: {text}" if text else name
    )
