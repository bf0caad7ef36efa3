"""What F1 shows about the Net tab."""

from __future__ import annotations

from filterlab.gui.i18n import tr

__all__ = ["help_html"]


def help_html() -> str:
    """A short text and the tab's keys."""
    about = tr(
        "The net itself. Left, its layers with shape and time: a click shows what a layer answers. "
        "In the middle each of its units as a tile, below it what the net says of the picture "
        "before and after your edits. Right, the chosen unit on the picture, its kernel, and what "
        "can be done to it."
    )
    scores = tr(
        "The scores are of the picture's centre, as the classifier sees it; the maps are of the "
        "whole picture."
    )
    keys = (
        (tr("click a tile"), tr("choose the unit; with Ctrl or Shift several")),
        (tr("arrows"), tr("the next unit")),
        ("Del", tr("set to zero, or back")),
        (tr("hold B"), tr("see everything as it was before the edits")),
        ("Ctrl+F", tr("search a layer")),
        (tr("click the map after"), tr("mark a cell; a double click asks why this class here")),
        ("Ctrl+E", tr("why this class here: four maps, and which finds what matters")),
        ("Ctrl+R", tr("rank the layer's units by what the class loses without each")),
        ("Ctrl+L", tr("the layers before and after the transplant, side by side")),
        (tr("click a chip"), tr("reset that unit")),
        ("Ctrl+Z", tr("undo: the very bytes of the weights come back")),
    )
    rows = "".join(
        f"<tr><td><b>{key}</b>&nbsp;&nbsp;</td><td>{what}</td></tr>" for key, what in keys
    )
    return f"<h2>{tr('Net')}</h2><p>{about}</p><p>{scores}</p><table>{rows}</table>"
