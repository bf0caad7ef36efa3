"""The tab's state: saved for the next start, or handed over to a rebuilt window."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from filterlab.gui.heatmap import texts
from filterlab.gui.heatmap.look import Look
from filterlab.gui.heatmap.work import Outcome, Source
from filterlab.pictures import COMPOSED, sample_names

if TYPE_CHECKING:
    from filterlab.gui.heatmap.tab import HeatmapTab

__all__ = ["handed_over", "restore", "saved", "take_over"]


def saved(tab: HeatmapTab) -> dict[str, Any]:
    """What to find again at the next start, as plain JSON data."""
    source = tab.shown.source if tab.shown is not None else tab.first_source
    return {
        "model": tab.model.name if tab.model else "",
        "path": source.path,
        "sample": source.sample,
        "cells": tab.controls.cells if tab.user_cells else 0,
        "squash": tab.controls.squash,
        "how": tab.controls.wanted_how,
        "look": vars(tab.controls.look).copy(),
        "chosen": list(tab.chosen),
        "second": list(tab.second),
        "transplanted": tab.transplanted is not None or tab.transplant_next,
    }


def restore(tab: HeatmapTab, state: dict[str, Any]) -> None:
    """Show a saved state; whatever in it no longer fits is passed over."""
    tab.controls.set_look(Look.from_state(state.get("look")))
    cells = state.get("cells")
    tab.user_cells = isinstance(cells, int) and cells > 0
    if tab.user_cells:
        tab.controls.set_size(int(state["cells"]), state.get("squash") is True)
    # What the net can be run as is known once it is transplanted.
    how = state.get("how")
    tab.controls.set_how(how if isinstance(how, str) else None)
    tab.list_models(str(state.get("model") or "pocket"))
    tab.chosen = texts.indices(state.get("chosen"))
    tab.second = texts.indices(state.get("second"))
    # The net is cast anew where that takes no download and no drawing of random weights.
    ready = tab.model is not None and tab.model.ready
    tab.transplant_next = state.get("transplanted") is True and ready
    # Behind another tab it can wait until it is looked at.
    tab.first_source, tab.started = _source(state), False
    tab.undo_.settle()
    if tab.isVisible():
        tab.activated()


def _source(state: dict[str, Any]) -> Source:
    """The picture of a saved state, or the composed sample if it is not there any more."""
    path, sample = state.get("path"), state.get("sample")
    if isinstance(path, str) and path and Path(path).is_file():
        return Source(path=path)
    if isinstance(sample, str) and sample in sample_names():
        return Source(sample=sample)
    return Source(sample=COMPOSED)


def handed_over(tab: HeatmapTab) -> dict[str, Any]:
    """Everything a rebuilt window's tab goes on with, nets and maps included."""
    live = Outcome(tab.ran_model, tab.transplanted, tab.shown, tab.maps, tab.pyramid)
    return {
        **saved(tab),
        "live": live,
        "cells_state": tab.cells.state(),
        "user_cells": tab.user_cells,
        "export": tab.export.rest(),
        "undo": tab.undo_.state(),
        "words": tab.controls.grid_box.isChecked(),
    }


def take_over(tab: HeatmapTab, state: dict[str, Any]) -> None:
    """Go on with what the tab of the window before handed over."""
    live: Outcome = state["live"]
    tab.controls.set_look(Look.from_state(state["look"]))
    tab.controls.set_size(state["cells"] or tab.controls.cells, state["squash"])
    tab.user_cells = state["user_cells"]
    tab.list_models(state["model"] or "pocket")
    tab.first_source, tab.started = _source(state), live.shown is not None
    tab.transplant_next = state["transplanted"] and live.transplanted is None
    tab.controls.set_how(state["how"])
    tab.take(live)
    tab.chosen = tuple(state["chosen"]) or tab.chosen
    tab.second = tuple(state["second"])
    tab.mark_classes()
    tab.cells.set_state(state["cells_state"])
    tab.controls.grid_box.setChecked(state["words"])
    tab.undo_.set_state(state["undo"])
    if state["export"] is not None:
        tab.export.start(*state["export"])
    tab.refresh()
    tab.redraw()
