"""Colour tables: 256 rows of red, green, blue as uint8."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
import pyqtgraph as pg

__all__ = ["TABLES", "lut", "readable_on"]

#: The tables by name; the first is for signed data, the others for the rest.
TABLES = ("diverging", "grey", "viridis", "inferno", "magma", "turbo")

# Anchors of the zero-centred scale: strong blue at the least, near-white at zero, red at the most.
_DIVERGING = (
    (0.0, (33, 102, 172)),
    (0.25, (103, 169, 207)),
    (0.42, (209, 229, 240)),
    (0.5, (247, 247, 247)),
    (0.58, (253, 219, 199)),
    (0.75, (239, 138, 98)),
    (1.0, (178, 24, 43)),
)


@lru_cache
def lut(name: str) -> np.ndarray:
    """A colour table, (256, 3) uint8, not writable.

    Raises
    ------
    ValueError
        If there is no table of that name.
    """
    if name == "grey":
        table = np.repeat(np.arange(256, dtype=np.uint8)[:, None], 3, axis=1)
    elif name == "diverging":
        at = np.linspace(0.0, 1.0, 256)
        where = [position for position, _ in _DIVERGING]
        table = np.stack(
            [np.interp(at, where, [rgb[c] for _, rgb in _DIVERGING]) for c in range(3)], axis=1
        )
        table = np.round(table).astype(np.uint8)
    elif name in TABLES:
        table = pg.colormap.get(name).getLookupTable(nPts=256, alpha=False).astype(np.uint8)
    else:
        raise ValueError(f"no colour table {name!r}; there are {', '.join(TABLES)}")
    table = np.ascontiguousarray(table)
    table.setflags(write=False)
    return table


def readable_on(red: float, green: float, blue: float) -> str:
    """Black or white, whichever reads better on a colour given in 0..255."""

    def linear(value: float) -> float:
        value /= 255.0
        return value / 12.92 if value <= 0.04045 else ((value + 0.055) / 1.055) ** 2.4

    luminance = 0.2126 * linear(red) + 0.7152 * linear(green) + 0.0722 * linear(blue)
    return "#000000" if luminance > 0.179 else "#FFFFFF"
