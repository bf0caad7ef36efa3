"""Whether nets may run the Python code that they name; the engine is not imported for it.

Only a program that imports the engine runs layers written in Python. Whoever opens files for
others (the window, the command line) forbids them by :func:`forbid`, since opening a net would run
whatever code it names.
"""

from __future__ import annotations

__all__ = ["forbid", "forbidden"]

_forbidden = ""


def forbid(why: str) -> None:
    """From now on refuse nets with layers written in Python, for the reason given; "" allows."""
    global _forbidden
    _forbidden = why


def forbidden() -> str:
    """Why they are refused; empty if they are not."""
    return _forbidden
