"""The engine's one exception and its one warning."""

from __future__ import annotations

__all__ = ["CaffeError", "CaffeWarning"]


class CaffeError(ValueError):
    """A bad prototxt, weights file, shape or call.

    The message is one sentence that names the file, the layer, the numbers and the cure. Where
    BVLC Caffe aborts the process with "Check failed", this engine raises this. It is a ValueError
    too, for scripts that catch what pycaffe raises itself.
    """


class CaffeWarning(UserWarning):
    """Something in a file that was passed over, such as a field known only to a Caffe fork."""
