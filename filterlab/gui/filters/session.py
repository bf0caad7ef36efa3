"""The tab's state as plain data, to be found again at the next start."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from filterlab.errors import FilterLabError
from filterlab.gui.filters.input_panel import InputPanel
from filterlab.gui.filters.look import COLOURS, SCALES, VIEWS, Look
from filterlab.gui.filters.sources import KeptStep, Source, title_of
from filterlab.gui.sessions import Kept
from filterlab.surgery.convolve import Picture
from filterlab.workbench.filter_bench import SLOTS, FilterBench
from filterlab.workbench.filter_state import (
    MOST_STEPS,
    kept_steps,
    step_from_session,
    step_to_session,
)

__all__ = ["VIEW", "look_from", "odd", "saved", "source_from", "step_pictures"]

#: Of a saved state what is neither the bench's nor its picture's; all that a project may tell.
VIEW = ("look", "brush", "step", "symmetry", "page", "lower")

_BLANK = Picture(np.zeros((1, 1), np.float32), "")

#: What the steps' pictures are called among the tab's.
_STEPS = tuple(f"step{number:02d}" for number in range(MOST_STEPS))


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
    copy = {"kind": "copy", "title": title_of(picture)} if picture.title else None
    return {
        "bench": bench.session(),
        "look": _listed(look),
        "source": copy if source is None else _plain(source),
        "steps": _plain_steps(bench, source),
        "brush": panel.brush.value(),
        "step": panel.step.value(),
        "symmetry": panel.symmetry.currentData(),
        "page": page,
        "lower": lower,
    }


def _listed(look: Look) -> dict[str, Any]:
    return {**look._asdict(), "views": list(look.views)}


def _plain_steps(bench: FilterBench, source: Source | None) -> list[dict[str, Any]]:
    if source is not None:  # of a picture in a file none; of one that is being read, those to come
        return [{**step.values, "title": step.title} for step in source.steps]
    steps = kept_steps(bench.state.stack)
    return [{**step_to_session(step), "title": step.picture.title} for step in steps]


def step_pictures(bench: FilterBench, source: Source | None) -> dict[str, Kept]:
    """What the steps looked at that led to the picture, by name."""
    if source is not None:
        return {name: Path(step.copy) for name, step in zip(_STEPS, source.steps)}
    steps = kept_steps(bench.state.stack)
    return {name: step.picture.pixels for name, step in zip(_STEPS, steps)}


def _plain(source: Source) -> dict[str, Any]:
    if source.kind == "copy":
        return {"kind": "copy", "title": source.label}
    plain: dict[str, Any] = {"kind": source.kind, "name": source.name}
    return {**plain, "frame": source.frame} if source.frame else plain


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
        frame = plain.get("frame", 0)
        good = kind == "file" and type(frame) is int and frame >= 0
        return Source(str(kind), name, quiet=True, frame=frame if good else 0)
    copies = state.get("pictures")
    copy = copies.get("input") if isinstance(copies, dict) else None
    if kind == "copy" and isinstance(copy, str):
        label = title if isinstance(title, str) and title else Path(copy).stem
        return Source("copy", copy, True, label, _steps_from(state))
    return None


def _steps_from(state: dict[str, Any]) -> tuple[KeptStep, ...]:
    """The applied steps of a saved state: the last ones, as far back as they can be meant."""
    plain, copies = state.get("steps"), state.get("pictures")
    found: list[KeptStep] = []
    for name, entry in reversed([*zip(_STEPS, plain if isinstance(plain, list) else ())]):
        copy = copies.get(name) if isinstance(copies, dict) else None
        if not isinstance(copy, str) or not isinstance(entry, dict):
            break
        values = {**entry}
        title = values.pop("title", None)
        try:
            step_from_session(values, _BLANK)
        except FilterLabError:
            break
        if not isinstance(title, str):
            break
        found.insert(0, KeptStep(values, title, copy))
    return tuple(found)


def odd(state: dict[str, Any]) -> list[str]:
    """The keys of a saved state whose values cannot be meant."""
    found = []
    look = state.get("look", {})
    if not isinstance(look, dict) or _listed(look_from(look)) != {**_listed(Look()), **look}:
        found.append("look")
    if state.get("source") is not None and source_from(state) is None:
        found.append("source")
    steps = state.get("steps", [])
    if not isinstance(steps, list) or len(_steps_from(state)) != len(steps):
        found.append("steps")
    for key in ("brush", "step"):
        value = state.get(key, 0.0)
        if isinstance(value, bool) or not isinstance(value, int | float):
            found.append(key)
    found += [key for key in ("symmetry", "page") if not isinstance(state.get(key, ""), str)]
    if not isinstance(state.get("lower"), bool | None):
        found.append("lower")
    return found
