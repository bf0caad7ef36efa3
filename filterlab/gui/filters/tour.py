"""The tour's scenes of the Filters tab."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from filterlab.gui.main_window import MainWindow
    from filterlab.gui.tour import Scenes, Wait

__all__ = ["scenes"]


def scenes(window: MainWindow, wait: Wait) -> Scenes:
    """Drive the tab and yield a name for each picture to be taken."""
    tab = window.tab("filters")
    wait(lambda: tab.settled and tab.stage.frame is not None, "the first outputs")
    yield "start"
