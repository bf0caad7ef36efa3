"""The tab's state as plain data, to be found again at the next start."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from filterlab.gui.filters.look import COLOURS, SCALES, Look
from filterlab.gui.filters.sources import Source

if TYPE_CHECKING:
    from filterlab.gui.filters.tab import FiltersTab

__all__ = ["look_from", "saved", "source_from"]


def saved(tab: FiltersTab, source: Source | None) -> dict[str, Any]:
    """A tab's state; ``source`` is where its picture came from, if that can be found again."""
    panel = tab.panel_
    return {
        "bench": tab.bench.session(),
        "look": asdict(tab.look),
        "source": None if source is None else {"kind": source.kind, "name": source.name},
        "brush": panel.brush.value(),
        "step": panel.step.value(),
        "symmetry": panel.symmetry.currentData(),
        "page": tab.bottom.page,
        "lower": tab.room.wanted,
    }


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
