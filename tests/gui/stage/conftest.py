"""The whole window with both tabs, a small net in the Heatmap tab."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from filterlab import paths
from filterlab.gui import theme
from filterlab.gui.filters.tab import FiltersTab
from filterlab.gui.heatmap.tab import HeatmapTab
from filterlab.gui.main_window import MainWindow
from filterlab.workbench.heatmap_state import Source
from filterlab.zoo.own_models import remember


@pytest.fixture(scope="session")
def bright() -> ModuleType:
    """The module that makes the brightness net and its pictures."""
    path = Path(__file__).parent.parent / "heatmap/bright_net.py"
    spec = importlib.util.spec_from_file_location("bright_net", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(autouse=True)
def _still() -> Iterator[None]:
    """Motion as a desktop has it, whatever a test sets."""
    theme.set_reduced_motion(False)
    yield
    theme.set_reduced_motion(None)


@pytest.fixture
def window(qtbot: Any) -> Iterator[MainWindow]:
    """The window, with the tabs that have a stage."""
    made = MainWindow(tabs=(FiltersTab, HeatmapTab))
    qtbot.addWidget(made)
    made.resize(1280, 800)
    made.show()
    qtbot.waitExposed(made)
    yield made
    made.close()


@pytest.fixture
def filters(window: MainWindow, until: Callable[..., None]) -> Any:
    """The Filters tab, its first outputs on the screen."""
    tab: Any = window.show_tab("filters")
    until(lambda: tab.settled and tab.stage.frame is not None)
    return tab


@pytest.fixture
def heatmap(window: MainWindow, bright: ModuleType, until: Callable[..., None]) -> Any:
    """The Heatmap tab with the brightness net, transplanted, on a white square at (40, 24)."""
    model = remember(bright.make(paths.data_dir() / "net"))
    tab: Any = window.tab("heatmap")
    tab.started = tab.runs.awake = True
    window.show_tab("heatmap")
    tab.models.choose(model.name)
    tab.pictures.open(Source(array_name="square"), bright.picture((40, 24)))
    until(lambda: tab.settled and tab.bench.shown is not None)
    tab.bench.set_cells(13)
    tab.models.transplant()
    until(lambda: tab.settled and tab.bench.run is not None)
    return tab
