"""The window's tabs, in their order: the one place that names them.

A tab is a package ``filterlab.gui.<key>`` with a class in its ``tab`` module and scenes for the
tour in its ``tour`` module. Window and tour read this list, and so does the test that holds the
tabs apart.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from filterlab.gui.tab import Tab

__all__ = ["TABS", "tab_classes"]

#: Key and class of each tab.
TABS = {"filters": "FiltersTab", "heatmap": "HeatmapTab", "net": "NetTab"}


def tab_classes() -> list[type[Tab]]:
    """The tabs' classes."""
    return [
        getattr(importlib.import_module(f"filterlab.gui.{key}.tab"), name)
        for key, name in TABS.items()
    ]
