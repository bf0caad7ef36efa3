"""The tab's state as plain data, to be found again at the next start."""

from __future__ import annotations

from typing import Any

from filterlab.gui.filters.look import COLOURS, SCALES, Look
from filterlab.gui.filters.sources import Source

__all__ = ["look_from", "source_from"]


def look_from(plain: Any) -> Look:
    """A saved look; whatever in it is no longer known is the usual."""
    usual = Look()
    if not isinstance(plain, dict):
        return usual
    return Look(
        plain["scale"] if plain.get("scale") in SCALES else usual.scale,
        plain.get("relu") is True,
        plain.get("absolute") is True,
        plain["colours"] if plain.get("colours") in COLOURS else usual.colours,
    )


def source_from(plain: Any) -> Source | None:
    """Where the input came from, if that is known."""
    if not isinstance(plain, dict):
        return None
    kind, name = plain.get("kind"), plain.get("name")
    if kind in ("file", "sample", "pattern") and isinstance(name, str):
        return Source(str(kind), name, quiet=True)
    return None
