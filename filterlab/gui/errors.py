"""From an exception to the one sentence that the window shows."""

from __future__ import annotations

from filterlab.caffe.errors import CaffeError
from filterlab.caffe.text import Text, reason_of
from filterlab.errors import FilterLabError
from filterlab.gui.i18n import tr

__all__ = ["EXPECTED", "is_expected", "one_sentence"]

EXPECTED: tuple[type[BaseException], ...] = (FilterLabError, CaffeError, OSError, MemoryError)


def is_expected(error: BaseException) -> bool:
    """Whether the cause lies in the input or the machine, not in the program."""
    return isinstance(error, EXPECTED)


def one_sentence(error: BaseException) -> str:
    """What to tell the user: one line, never a traceback."""
    if isinstance(error, MemoryError):
        return tr("There is not enough memory for this; take a smaller picture or size.")
    message = getattr(error, "message", None)
    if is_expected(error) and isinstance(message, Text) and message:
        return " ".join(tr(message).split())
    if isinstance(error, OSError) and error.strerror:
        number, reason = error.errno, reason_of(error)
        if error.filename is None:
            return tr(Text("[Errno {number}] {reason}", number=number, reason=reason))
        path = str(error.filename)
        return tr(
            Text("[Errno {number}] {reason}: {path!r}", number=number, reason=reason, path=path)
        )
    text = " ".join(str(error).split())
    if is_expected(error) and text:
        return text
    name = type(error).__name__
    return tr("Something unexpected happened ({what}); your work is kept.").format(
        what=f"{name}: {text}" if text else name
    )
