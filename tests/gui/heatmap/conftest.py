"""A tab with the brightness net in it."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType

import pytest

from filterlab import paths
from filterlab.gui.heatmap.tab import HeatmapTab
from filterlab.gui.settings import Settings
from filterlab.workbench.heatmap_state import Source
from filterlab.zoo.catalogue import Model
from filterlab.zoo.own_models import remember


@pytest.fixture(scope="session")
def bright() -> ModuleType:
    """The module that makes the brightness net and its pictures."""
    path = Path(__file__).with_name("bright_net.py")
    spec = importlib.util.spec_from_file_location("bright_net", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def model(bright: ModuleType) -> Model:
    """The brightness net among the user's own models."""
    return remember(bright.make(paths.data_dir() / "net"))


@pytest.fixture
def said() -> list[tuple[str, str]]:
    """What the tab has said in the message strip, as (level, text)."""
    return []


@pytest.fixture
def open_array() -> Callable[..., None]:
    """Open an array in a tab, as pasting does."""

    def opened(tab: HeatmapTab, picture: object, name: str = "square") -> None:
        tab.pictures.open(Source(array_name=name), picture)

    return opened


@pytest.fixture
def tab(qtbot, model, said, bright, until, open_array) -> Iterator[HeatmapTab]:
    """The tab on a 128x96 picture with a bright square at (40, 24); nothing transplanted.

    13 x 9 cells are asked for, so that a map has a cell for every 8 pixels of the picture.
    """
    made = HeatmapTab(Settings())
    made.started = made.runs.awake = True
    made.message.connect(lambda text, level: said.append((level, text)))
    qtbot.addWidget(made)
    made.resize(1200, 720)
    made.show()
    made.models.choose(model.name)
    open_array(made, bright.picture((40, 24)))
    until(lambda: made.settled and made.bench.shown is not None)
    made.bench.set_cells(13)
    until(lambda: made.settled)
    made.bench.journal.clear()
    yield made
    made.shutdown()


@pytest.fixture
def ready(tab, until) -> HeatmapTab:
    """The tab with its net transplanted and the map on show."""
    tab.models.transplant()
    until(lambda: tab.settled and tab.bench.run is not None)
    tab.bench.journal.clear()
    return tab


@pytest.fixture
def settled(until) -> Callable[[HeatmapTab], None]:
    """Wait until no job runs and the newest drawing is on the screen."""

    def wait(tab: HeatmapTab) -> None:
        until(lambda: tab.settled)

    return wait


@pytest.fixture
def snapshot() -> Callable[[HeatmapTab], tuple]:
    """Everything that a cancelled or failed job must leave alone."""

    def taken(tab: HeatmapTab) -> tuple:
        bench = tab.bench
        return (
            bench.transplanted,
            bench.model,
            bench.shown,
            bench.request,
            bench.run,
            bench.classes,
            bench.pins,
            bench.undo_name,
            tab.result.proof.text,
        )

    return taken
