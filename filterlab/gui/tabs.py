"""The window's tabs, in their order: the one place that names them.

A tab is a package ``filterlab.gui.<key>`` with a class in its ``tab`` module and scenes for the
tour in its ``tour`` module. Window and tour read this list, and so does the test that holds the
tabs apart.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING

from filterlab.caffe.text import Text

if TYPE_CHECKING:
    from filterlab.gui.tab import Tab

__all__ = ["TABS", "TITLES", "tab_class", "tab_classes"]

#: Key and class of each tab.
TABS = {"filters": "FiltersTab", "heatmap": "HeatmapTab", "net": "NetTab"}

#: What they are called, for a window that has not built them yet.
TITLES = {"filters": Text("Filters"), "heatmap": Text("Heatmap"), "net": Text("Net")}


def tab_class(key: str) -> type[Tab]:
    """A tab's class."""
    found: type[Tab] = getattr(importlib.import_module(f"filterlab.gui.{key}.tab"), TABS[key])
    return found


def tab_classes() -> list[type[Tab]]:
    """The tabs' classes."""
    return [tab_class(key) for key in TABS]
