"""A tab with the brightness net in it."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from types import ModuleType

import pytest

from filterlab import paths
from filterlab.gui.heatmap.tab import HeatmapTab
from filterlab.gui.settings import Settings
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
def model(bright) -> Model:
    """The brightness net among the user's own models."""
    return remember(bright.make(paths.data_dir() / "net"))


@pytest.fixture
def said() -> list[tuple[str, str]]:
    """What the tab has said in the message strip, as (level, text)."""
    return []


@pytest.fixture
def tab(qtbot, model, said, bright, until) -> Iterator[HeatmapTab]:
    """The tab on a 128x96 picture with a bright square at (40, 24); nothing transplanted."""
    made = HeatmapTab(Settings())
    made.started = True
    made.message.connect(lambda text, level: said.append((level, text)))
    qtbot.addWidget(made)
    made.resize(1200, 720)
    made.show()
    made.list_models(model.name)
    made.open_array(bright.picture((40, 24)), "square")
    until(lambda: made.settled and made.shown is not None)
    made.user_cells = True
    made.controls.set_size(13, False)
    yield made
    made.shutdown()


@pytest.fixture
def ready(tab, until) -> HeatmapTab:
    """The tab with its net transplanted and the map on show."""
    tab.transplant()
    until(lambda: tab.settled and tab.maps is not None)
    return tab


@pytest.fixture
def settled(until) -> Callable[[HeatmapTab], None]:
    """Wait until no job runs and the newest drawing is on the screen."""

    def wait(tab: HeatmapTab) -> None:
        until(lambda: tab.settled)

    return wait


@pytest.fixture
def set_look() -> Callable[..., None]:
    """Look at a tab's map in another way, as its controls do."""

    def change(tab: HeatmapTab, **what: object) -> None:
        tab.controls.set_look(replace(tab.controls.look, **what))
        tab.controls.look_changed.emit(tab.controls.look)

    return change


@pytest.fixture
def snapshot() -> Callable[[HeatmapTab], tuple]:
    """Everything that a cancelled or failed job must leave alone."""

    def taken(tab: HeatmapTab) -> tuple:
        return (
            tab.transplanted,
            tab.ran_model,
            tab.shown,
            tab.maps,
            tab.pyramid,
            tab.chosen,
            list(tab.cells.pins),
            tab.account.text.text(),
        )

    return taken
