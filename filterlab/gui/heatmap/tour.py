"""The Heatmap tab's scenes for ``filterlab tour``."""

from __future__ import annotations

from collections.abc import Callable, Generator
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from qtpy.QtWidgets import QWidget

from filterlab.gui.heatmap.account import DiffWindow
from filterlab.gui.heatmap.look import Look
from filterlab.pictures import composed

if TYPE_CHECKING:
    from filterlab.gui.heatmap.tab import HeatmapTab
    from filterlab.gui.main_window import MainWindow

__all__ = ["scenes"]


def scenes(window: MainWindow, wait: Callable[..., None]) -> Generator[str, None, None]:
    """Transplant the pocket net, find the cat, and show what else a map tells."""
    tab: HeatmapTab = window.tab("heatmap")

    def settle(what: str) -> None:
        wait(lambda: tab.settled, what)

    def look(**what: Any) -> None:
        tab.controls.set_look(replace(Look(), **what))
        tab.controls.look_changed.emit(tab.controls.look)
        settle(f"the map as {what}")

    def centre(dialog: QWidget) -> None:
        dialog.move(window.geometry().center() - dialog.rect().center())

    wait(lambda: tab.shown is not None and tab.settled, "the sample picture")
    yield "picture"
    if tab.model is None or not tab.model.ready:
        return
    tab.transplant()
    wait(lambda: tab.maps is not None and tab.settled, "the transplant and the map")
    assert tab.maps is not None
    tab.classes.search.setText("cat")
    tab.classes.search.returnPressed.emit()
    settle("the cat")
    yield "where_is_the_cat"
    tab.classes.search.clear()
    wait(lambda: tab.classes.view.model().rowCount() > 5, "all classes in the list")
    x0, y0, x1, y1 = composed().places["chelsea"]
    on_the_cat = tab.maps.cell_at((x0 + x1) / 2, (y0 + y1) / 2) or (0, 0)
    tab.cells.set_current(on_the_cat)
    tab.side.code_section.set_opened(True)
    yield "cell_under_the_cursor"
    tab.side.account_section.set_opened(True)
    tab.cells.toggle_pin(on_the_cat)
    x0, y0, x1, y1 = composed().places["coffee"]
    on_the_cup = tab.maps.cell_at((x0 + x1) / 2, (y0 + y1) / 2) or (0, 0)
    tab.cells.set_current(on_the_cup)
    tab.commands.classify_alone()
    settle("the window alone")
    yield "pinned_and_alone"
    tab.cells.clear_pins()
    tab.cells.set_current(None)
    look(lay="smooth", contours=True)
    yield "smooth_with_contours"
    look(lay="coverage")
    yield "coverage"
    look(show="winner")
    tab.controls.grid_box.setChecked(True)
    yield "winner_map_in_words"
    tab.controls.grid_box.setChecked(False)
    look(show="entropy", colours="viridis")
    yield "entropy"
    ranked = [int(c) for c in tab.maps.ranked() if int(c) not in tab.chosen]
    tab.choose_classes((ranked[0],), True)
    settle("two classes")
    yield "two_classes"
    look(lay="stretched")
    yield "stretched_is_wrong"
    look(scale="log")
    yield "logarithmic"
    look()
    tab.controls.set_how("stride:8")
    tab.run_map()
    settle("the denser map")
    yield "stride_8"
    tab.controls.set_how("pyramid")
    tab.run_map()
    settle("the joined scales")
    yield "three_scales_joined"
    tab.controls.set_how("")
    tab.controls.squash_box.setChecked(True)
    tab.controls.set_size(8, True)
    tab.run_map()
    settle("the tutorial's squash")
    yield "squashed_as_in_the_tutorial"
    tab.commands.compare_sliding()
    wait(lambda: tab.commands.sliding is not None and tab.settled, "the sliding run")
    assert tab.commands.sliding is not None
    centre(tab.commands.sliding)
    yield "dense_against_sliding"
    tab.commands.sliding.close()
    tab.commands.show_features()
    wait(lambda: tab.commands.features is not None, "the features' window")
    features = tab.commands.features
    assert features is not None
    wait(lambda: features.found is not None and tab.settled, "the features")
    centre(features)
    yield "dense_features"
    features.close()
    if tab.transplanted is not None:
        diff = DiffWindow(tab.transplanted, tab)
        diff.show()
        centre(diff)
        yield "prototxt_before_and_after"
        diff.close()
    tab.controls.squash_box.setChecked(False)
    settle("the picture's own shape")
    window.open_paths(["holiday.ogg"])
    yield "an_error_in_one_sentence"
