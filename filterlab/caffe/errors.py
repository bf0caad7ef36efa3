"""The engine's one exception and its one warning."""

from __future__ import annotations

from typing import Any

from filterlab.caffe.text import Text

__all__ = ["CaffeError", "CaffeWarning"]


class CaffeError(ValueError):
    """A bad prototxt, weights file, shape or call.

    The message is one sentence that names the file, the layer, the numbers and the cure. Where
    BVLC Caffe aborts the process with "Check failed", this engine raises this. It is a ValueError
    too, for scripts that catch what pycaffe raises itself.

    Parameters
    ----------
    template : str
        The sentence, with ``{named}`` places.
    **args
        What stands in them; see :class:`filterlab.caffe.text.Text`.

    Attributes
    ----------
    message : Text
        The same, to be told in other languages; ``str(error)`` is its English.
    """

    def __init__(self, template: str = "", /, **args: Any) -> None:
        self.message = Text(template, **args)
        super().__init__(self.message)


class CaffeWarning(UserWarning):
    """Something in a file that was passed over, such as a field known only to a Caffe fork."""
