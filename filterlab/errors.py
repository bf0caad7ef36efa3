"""What FilterLab raises when the cause lies in the input and not in the program."""

from __future__ import annotations

__all__ = ["FilterLabError"]


class FilterLabError(Exception):
    """One clear sentence: what is wrong, where, and what to do.

    The command line prints it after ``filterlab: error:``; the window shows it in its message
    strip. Errors of the engine are :class:`filterlab.caffe.CaffeError` and are treated alike.
    """
