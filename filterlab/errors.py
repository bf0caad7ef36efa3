"""What FilterLab raises when the cause lies in the input and not in the program."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from filterlab.caffe.text import Text

__all__ = ["FilterLabError", "one_line", "unreadable"]

_LONGEST = 300  # characters of someone else's text that are passed on


class FilterLabError(Exception):
    """One clear sentence: what is wrong, where, and what to do.

    The command line prints it after ``filterlab: error:``; the window shows it in its message
    strip. Errors of the engine are :class:`filterlab.caffe.CaffeError` and are treated alike.

    Parameters
    ----------
    template : str
        The sentence in English, with ``{named}`` places.
    **args
        What stands in them; see :class:`filterlab.caffe.text.Text`.

    Attributes
    ----------
    message : Text
        The same, to be told in other languages; ``str(error)`` is its English.
    """

    def __init__(self, template: str = "", /, **args: Any) -> None:
        from filterlab.caffe.text import Text  # late: the command line's help needs no engine

        self.message: Text = Text(template, **args)
        super().__init__(self.message)


def unreadable(path: Any, error: OSError) -> FilterLabError:
    """What to raise where the system refuses to read a file."""
    from filterlab.caffe.text import Text, reason_of

    missing = isinstance(error, FileNotFoundError)
    reason = Text("there is no such file") if missing else reason_of(error)
    return FilterLabError(
        "{path}: cannot be read ({reason}); choose another file.", path=path, reason=reason
    )


def one_line(text: str) -> str:
    """A text of someone else's as part of a sentence: one line, not too long."""
    printable = "".join(c if c.isprintable() else " " for c in text)
    words = " ".join(printable.split())
    return words if len(words) <= _LONGEST else f"{words[:_LONGEST]} …"
