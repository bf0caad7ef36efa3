"""The tab's state as plain data, to be found again at the next start."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Any

from filterlab.gui.filters.input_panel import InputPanel
from filterlab.gui.filters.look import COLOURS, SCALES, VIEWS, Look
from filterlab.gui.filters.sources import Source
from filterlab.workbench.filter_bench import SLOTS, FilterBench

__all__ = ["look_from", "odd", "saved", "source_from"]


def saved(
    bench: FilterBench,
    look: Look,
    panel: InputPanel,
    page: str,
    lower: bool | None,
    source: Source | None,
) -> dict[str, Any]:
    """The state; ``source`` is where the picture came from, None if it is in no file."""
    picture = bench.picture
    copy = {"kind": "copy", "title": picture.title} if picture.title else None
    return {
        "bench": bench.session(),
        "look": _listed(look),
        "source": copy if source is None else _plain(source),
        "brush": panel.brush.value(),
        "step": panel.step.value(),
        "symmetry": panel.symmetry.currentData(),
        "page": page,
        "lower": lower,
    }


def _listed(look: Look) -> dict[str, Any]:
    return {**asdict(look), "views": list(look.views)}


def _plain(source: Source) -> dict[str, Any]:
    if source.kind == "copy":
        return {"kind": "copy", "title": source.label}
    return {"kind": source.kind, "name": source.name}


def look_from(plain: Any) -> Look:
    """A saved look; whatever in it is no longer known is the usual."""
    usual = Look()
    if not isinstance(plain, dict):
        return usual
    views: Any = plain.get("views")
    good = isinstance(views, list | tuple) and len(views) == SLOTS
    return Look(
        plain["scale"] if plain.get("scale") in list(SCALES) else usual.scale,
        tuple(views) if good and all(view in list(VIEWS) for view in views) else usual.views,
        plain.get("relu") is True,
        plain.get("absolute") is True,
        plain["colours"] if plain.get("colours") in list(COLOURS) else usual.colours,
    )


def source_from(state: dict[str, Any]) -> Source | None:
    """Where a saved state's input came from, if that is known."""
    plain = state.get("source")
    if not isinstance(plain, dict):
        return None
    kind, name, title = plain.get("kind"), plain.get("name"), plain.get("title")
    if kind in ("file", "sample", "pattern") and isinstance(name, str) and name:
        return Source(str(kind), name, quiet=True)
    copies = state.get("pictures")
    copy = copies.get("input") if isinstance(copies, dict) else None
    if kind == "copy" and isinstance(copy, str):
        label = title if isinstance(title, str) and title else Path(copy).stem
        return Source("copy", copy, quiet=True, label=label)
    return None


def odd(state: dict[str, Any]) -> list[str]:
    """The keys of a saved state whose values cannot be meant."""
    found = []
    look = state.get("look", {})
    if not isinstance(look, dict) or _listed(look_from(look)) != {**_listed(Look()), **look}:
        found.append("look")
    if state.get("source") is not None and source_from(state) is None:
        found.append("source")
    for key in ("brush", "step"):
        value = state.get(key, 0.0)
        if isinstance(value, bool) or not isinstance(value, int | float):
            found.append(key)
    found += [key for key in ("symmetry", "page") if not isinstance(state.get(key, ""), str)]
    if not isinstance(state.get("lower"), bool | None):
        found.append("lower")
    return found
