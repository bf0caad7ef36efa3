"""Colour tables: 256 rows of red, green, blue as uint8."""

from __future__ import annotations

from functools import lru_cache

import numpy as np

from filterlab.gui import theme
from filterlab.surgery.choices import COLORMAPS
from filterlab.surgery.colormaps import colormap

__all__ = ["TABLES", "lut", "readable_on", "signed_colour"]

#: The tables by name; the first is for signed data, the others for the rest.
TABLES = ("diverging", *COLORMAPS)

#: Steps of a single colour on each side of zero.
_HALF = 1000

# Anchors of the zero-centred scales, light and dark: blue at the least, red at the most, at zero
# what the theme's surface is, so that the strongest answers stand out on it.
_AT = (0.0, 0.25, 0.42, 0.5, 0.58, 0.75, 1.0)
_DIVERGING = {
    "light": "#2166AC #67A9CF #D1E5F0 #F7F7F7 #FDDBC7 #EF8A62 #B2182B",
    "dark": "#8CC6F2 #3E8FD0 #28547C #26282B #7A3036 #D8545A #FFA8A0",
}


def _scheme() -> str:
    return "dark" if theme.current().dark else "light"


def lut(name: str) -> np.ndarray:
    """A colour table, (256, 3) uint8, not writable.

    ``diverging`` has a dark centre in the dark theme.

    Raises
    ------
    ValueError
        If there is no table of that name.
    """
    return _table(name, _scheme())


@lru_cache
def _table(name: str, scheme: str) -> np.ndarray:
    if name == "diverging":
        table = _diverging(np.linspace(0.0, 1.0, 256), scheme)
    elif name in TABLES:
        table = np.round(255 * colormap(name)).astype(np.uint8)
    else:
        raise ValueError(f"no colour table {name!r}; there are {', '.join(TABLES)}")
    table = np.ascontiguousarray(table)
    table.setflags(write=False)
    return table


def _diverging(at: np.ndarray, scheme: str) -> np.ndarray:
    anchors = [[int(s[k : k + 2], 16) for k in (1, 3, 5)] for s in _DIVERGING[scheme].split()]
    exact = np.stack([np.interp(at, _AT, column) for column in zip(*anchors)], axis=1)
    return np.round(exact).astype(np.uint8)


def signed_colour(share: float) -> tuple[int, int, int]:
    """The diverging scale's colour, RGB, at a share of its end, -1 to 1."""
    return _signed(_scheme())[round(_HALF * (1 + min(1.0, max(-1.0, share))))]


@lru_cache
def _signed(scheme: str) -> list[tuple[int, int, int]]:
    """An odd number of colours, so that zero has its own."""
    rows = _diverging(np.linspace(0.0, 1.0, 2 * _HALF + 1), scheme).tolist()
    return [(red, green, blue) for red, green, blue in rows]


def readable_on(red: float, green: float, blue: float) -> str:
    """Black or white, whichever reads better on a colour given in 0..255."""

    def linear(value: float) -> float:
        value /= 255.0
        return value / 12.92 if value <= 0.04045 else ((value + 0.055) / 1.055) ** 2.4

    luminance = 0.2126 * linear(red) + 0.7152 * linear(green) + 0.0722 * linear(blue)
    return "#000000" if luminance > 0.179 else "#FFFFFF"
