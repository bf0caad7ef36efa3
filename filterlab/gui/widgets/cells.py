"""How a number looks in a cell: its colour about zero, its ink, as many digits as fit."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from PyQt5.QtGui import QColor

from filterlab.gui.widgets.colours import readable_on, signed_colour

__all__ = ["cell_colour", "format_cell", "format_least", "format_places", "text_colour"]

_NOT_FINITE = QColor(0xC0, 0x8A, 0x00)


def cell_colour(value: float, limit: float) -> QColor:
    """Colour of ``value`` on the signed scale -limit … +limit, that of the outputs."""
    if not np.isfinite(value):
        return QColor(_NOT_FINITE)
    return QColor(*signed_colour(0.0 if limit <= 0 else value / limit))


def text_colour(background: QColor) -> QColor:
    """Black or white, whichever reads better on ``background`` (WCAG relative luminance)."""
    return QColor(readable_on(background.red(), background.green(), background.blue()))


def format_places(value: float, places: int) -> str:
    """A number with so many places, as cells have it: whole ones bare, no leading zero, no -0.

    Empty if nothing but zeros would be left of it, or it is none for a cell.
    """
    if value == 0:
        return "0"
    if not abs(value) < 9999.5:
        return ""
    if value == round(value):
        return f"{value:.0f}".replace("-", "\N{MINUS SIGN}")
    text = f"{value:.{places}f}"
    if not float(text):
        return ""
    sign = "\N{MINUS SIGN}" if value < 0 else ""
    text = text.lstrip("-")
    return sign + (text[1:] if text.startswith("0.") else text)


def format_least(places: int) -> str:
    """What stands for a number other than 0 of which no digit has room: ``.00``."""
    return "." + "0" * max(1, places)


def format_cell(value: float, fits: Callable[[str], bool]) -> str:
    """The longest text of ``value``, at most 6 digits, for which ``fits`` holds; else ``""``.

    A rounded text is only used when it still says something: 0.004 never becomes "0".
    """
    if not np.isfinite(value):
        text = "NaN" if np.isnan(value) else ("+∞" if value > 0 else "−∞")
        return text if fits(text) else ("!" if fits("!") else "")
    value = float(value)
    if value == 0:
        return "0" if fits("0") else ""
    # Measured as it is written: a true minus sign is wider than a hyphen.
    for digits in range(6, 0, -1):
        text = f"{value:.{digits}g}".replace("-", "\N{MINUS SIGN}")
        if "e" not in text and len(text) < 9 and fits(text):
            return text
        if text.startswith(("0.", "\N{MINUS SIGN}0.")):
            bare = text.replace("0.", ".", 1)
            if fits(bare):
                return bare
    for digits in (1, 0):
        text = f"{value:.{digits}e}".replace("e-0", "e-").replace("e+0", "e").replace("e+", "e")
        text = text.replace("-", "\N{MINUS SIGN}")
        if fits(text):
            return text
    return ""
