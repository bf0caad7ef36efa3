"""The Heatmap tab's scenes for ``filterlab tour``."""

from __future__ import annotations

from collections.abc import Callable, Generator
from typing import Any

from PyQt5.QtWidgets import QWidget

from filterlab.gui.heatmap.account import DiffWindow
from filterlab.gui.heatmap.tab import HeatmapTab
from filterlab.gui.stage import tour as room
from filterlab.pictures import COMPOSED, composed
from filterlab.workbench.heatmap_state import Cell, Look, Source
from filterlab.zoo import catalogue

__all__ = ["scenes"]

_LITE, _TIGER_CAT = "efficientnet-lite0", 282

Wait = Callable[..., None]


def scenes(window: Any, wait: Wait) -> Generator[str, None, None]:
    """Where is the tiger cat, of a thousand classes; then the tutorial's fc6, fc7 and fc8."""
    tab: HeatmapTab = window.tab("heatmap")
    wait(lambda: tab.bench.shown is not None and tab.settled, "the sample picture")
    if catalogue.get(_LITE).ready:
        yield from _thousand(window, tab, wait)
    yield from _tutorial(window, tab, wait)


def _choose(tab: HeatmapTab, wait: Wait, name: str, sample: str = COMPOSED) -> None:
    tab.models.choose(name)
    tab.models.list()
    tab.pictures.open(Source(sample=sample))
    wait(lambda: tab.settled, f"the model {name}")


def _transplant(tab: HeatmapTab, wait: Wait) -> None:
    tab.models.transplant()
    wait(lambda: tab.bench.run is not None and tab.settled, "the transplant and the map")


def _cell_at(tab: HeatmapTab, place: str) -> Cell:
    """The cell in the middle of one of the composed sample's pictures."""
    maps = tab.bench.maps
    assert maps is not None
    x0, y0, x1, y1 = composed().places[place]
    return maps.cell_at((x0 + x1) / 2, (y0 + y1) / 2) or (0, 0)


def _thousand(window: Any, tab: HeatmapTab, wait: Wait) -> Generator[str, None, None]:
    _choose(tab, wait, _LITE)
    yield "before_the_surgery"
    _transplant(tab, wait)
    tab.bench.choose([_TIGER_CAT])
    wait(lambda: tab.settled, "the tiger cat")
    yield "where_is_the_tiger_cat"
    yield from room.of_heatmap(window, wait)
    tab.bench.pin(_cell_at(tab, "chelsea"))
    wait(lambda: tab.settled, "the window alone")
    yield "a_cell_and_the_classifier"
    tab.bench.set_look(windows=True)
    wait(lambda: tab.settled, "the windows of the check")
    yield "windows_of_the_check"
    tab.bench.set_look(windows=False)
    tab.bench.clear_pins()


def _tutorial(window: Any, tab: HeatmapTab, wait: Wait) -> Generator[str, None, None]:
    def settle(what: str) -> None:
        wait(lambda: tab.settled, what)

    def look(**what: Any) -> None:
        tab.bench.set_look(**{**vars(Look()), **what})
        settle(f"the map as {what}")

    def centre(dialog: QWidget) -> None:
        dialog.move(window.geometry().center() - dialog.rect().center())

    _choose(tab, wait, "pocket")
    yield "pocket_net"
    _transplant(tab, wait)
    tab.classes.search.setText("cat")
    tab.classes.search.returnPressed.emit()
    settle("the cat")
    yield "fc6_fc7_fc8"
    yield from room.of_heatmap(window, wait)
    tab.classes.search.clear()
    wait(lambda: len(tab.classes.rows()) > 5, "all classes in the list")
    tab._open_account()
    yield "the_proof"
    tab.account.hide()
    tab.cells.set_current(_cell_at(tab, "chelsea"))
    yield "cell_under_the_cursor"
    tab.bench.pin(_cell_at(tab, "coffee"))
    tab.bench.pin(_cell_at(tab, "chelsea"))
    settle("the windows alone")
    yield "two_cells_pinned"
    tab.bench.clear_pins()
    tab.cells.set_current(None)
    look(projection="smooth", contours=True)
    yield "smooth_with_contours"
    look(projection="coverage")
    tab._open_view()
    yield "the_view_popover"
    tab.popover.hide()
    look(show="winner", names=True)
    yield "winner_map_in_words"
    look(show="entropy", colours="viridis")
    yield "entropy"
    look()
    other = next(c for (c,) in tab.classes.rows() if c not in tab.bench.classes)
    tab.bench.choose_second([other])
    settle("two classes")
    yield "two_classes"
    look(projection="stretched")
    yield "stretched_is_wrong"
    look(scale="log")
    yield "logarithmic"
    look()
    for density, name in (("stride:8", "stride_8"), ("scales", "three_scales_joined")):
        tab.bench.set_density(density)
        settle(name)
        yield name
    tab.bench.set_density("own")
    tab.bench.set_squash(True)
    settle("the tutorial's squash")
    yield "squashed_as_in_the_tutorial"
    tab.experiments.compare_sliding()
    wait(lambda: tab.experiments.sliding is not None and tab.settled, "the sliding run")
    assert tab.experiments.sliding is not None
    centre(tab.experiments.sliding)
    yield "dense_against_sliding"
    tab.experiments.sliding.close()
    tab.experiments.show_features()
    wait(lambda: tab.experiments.features is not None, "the features' window")
    features = tab.experiments.features
    assert features is not None
    wait(lambda: features.found is not None and tab.settled, "the features")
    centre(features)
    yield "dense_features"
    features.close()
    done = tab.bench.transplanted
    if done is not None:
        diff = DiffWindow(done, tab)
        diff.show()
        centre(diff)
        yield "prototxt_before_and_after"
        diff.close()
    tab.bench.set_squash(False)
    settle("the picture's own shape")
    window.open_paths(["holiday.ogg"])
    yield "an_error_in_one_sentence"
    window.strip.clear()
