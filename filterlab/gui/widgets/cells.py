"""How a number looks in a cell: its colour about zero, its ink, as many digits as fit."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from qtpy.QtGui import QColor

__all__ = ["cell_colour", "format_cell", "text_colour"]

# Blue through near-white to red, even in lightness on both sides of zero.
_STOPS = np.array(
    [
        [0x21, 0x66, 0xAC],
        [0x67, 0xA9, 0xCF],
        [0xF7, 0xF7, 0xF7],
        [0xEF, 0x8A, 0x62],
        [0xB2, 0x18, 0x2B],
    ],
    dtype=np.float64,
)
_NOT_FINITE = QColor(0xC0, 0x8A, 0x00)


def cell_colour(value: float, limit: float) -> QColor:
    """Colour of ``value`` on the signed scale -limit … +limit, white at zero."""
    if not np.isfinite(value):
        return QColor(_NOT_FINITE)
    share = 0.0 if limit <= 0 else float(np.clip(value / limit, -1.0, 1.0))
    place = (share + 1.0) * 2.0
    low = min(int(place), 3)
    red, green, blue = _STOPS[low] + (_STOPS[low + 1] - _STOPS[low]) * (place - low)
    return QColor(round(red), round(green), round(blue))


def text_colour(background: QColor) -> QColor:
    """Black or white, whichever reads better on ``background`` (WCAG relative luminance)."""
    channels = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4
                for c in (background.redF(), background.greenF(), background.blueF())]  # fmt: skip
    luminance = 0.2126 * channels[0] + 0.7152 * channels[1] + 0.0722 * channels[2]
    return (
        QColor(0, 0, 0)
        if (luminance + 0.05) / 0.05 > 1.05 / (luminance + 0.05)
        else QColor(255, 255, 255)
    )


def format_cell(value: float, fits: Callable[[str], bool]) -> str:
    """The longest text of ``value``, at most 6 digits, for which ``fits`` holds; else ``""``.

    A rounded text is only used when it still says something: 0.004 never becomes "0".
    """
    if not np.isfinite(value):
        text = "NaN" if np.isnan(value) else ("+inf" if value > 0 else "-inf")
        return text if fits(text) else ("!" if fits("!") else "")
    value = float(value)
    if value == 0:
        return "0" if fits("0") else ""
    for digits in range(6, 0, -1):
        text = f"{value:.{digits}g}"
        if "e" not in text and len(text) < 9 and fits(text):
            return text.replace("-", "\N{MINUS SIGN}")
        if text.startswith(("0.", "-0.")):
            bare = text.replace("0.", ".", 1)
            if fits(bare):
                return bare.replace("-", "\N{MINUS SIGN}")
    for digits in (1, 0):
        text = f"{value:.{digits}e}".replace("e-0", "e-").replace("e+0", "e").replace("e+", "e")
        if fits(text):
            return text.replace("-", "\N{MINUS SIGN}")
    return ""
