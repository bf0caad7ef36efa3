"""The Net tab's scenes for ``filterlab tour``."""

from __future__ import annotations

from collections.abc import Callable, Generator
from typing import Any

from PyQt5.QtWidgets import QWidget

from filterlab.gui.net.tab import NetTab
from filterlab.workbench.heatmap_state import Source
from filterlab.zoo import catalogue

__all__ = ["scenes"]

_LITE, _TABBY = "efficientnet-lite0", 281

Wait = Callable[..., None]


def scenes(window: Any, wait: Wait) -> Generator[str, None, None]:
    """A unit of the stem taken out, layers deeper down, their weights."""
    tab: NetTab = window.tab("net")

    def settle(what: str) -> None:
        wait(lambda: tab.settled, what)

    def open_net(name: str) -> None:
        tab.open_model(catalogue.get(name), Source(sample="chelsea"))
        wait(
            lambda: tab.study.model is not None and tab.study.model.name == name and tab.settled,
            f"the net {name}",
        )

    wait(lambda: tab.study.bench is not None and tab.settled, "the first net")
    if catalogue.get(_LITE).ready:
        open_net(_LITE)
        tab.study.look_at_layer("stem")
        tab.study.choose([8])
        wait(lambda: "stem" in tab.study.patches and tab.settled, "the best patches")
        yield "a_unit_of_the_stem"
        tab.study.want(_TABBY)
        tab.study.operate("zero")
        settle("the answers without it")
        yield "without_unit_8"
        tab.undo()
        tab.study.look_at_layer("block5/expand")
        tab.study.choose([3, 7])
        settle("a block's layer")
        tab.layers.list.set_current(tab.study.rows.index(tab.study.row))
        yield "inside_a_block"
    open_net("pocket")
    tab.study.look_at_layer("conv1")
    tab.study.set_view(side="weights", order="norm")
    wait(lambda: "conv1" in tab.study.patches and tab.settled, "the kernels of conv1")
    yield "kernels_by_their_norm"
    tab.study.set_view(side="activity", order="net")
    tab.study.look_at_layer("fc6")
    settle("fc6")
    yield "units_without_a_place"
    yield from _windows(window, tab, wait)


def _windows(window: Any, tab: NetTab, wait: Wait) -> Generator[str, None, None]:
    """The windows beside the tab."""
    tab.study.look_at_layer("conv2")
    wait(lambda: tab.settled, "conv2")
    tab.windows.show_ranking()
    ranking = tab.windows.ranking
    assert ranking is not None
    wait(lambda: ranking.model is not None and tab.settled, "the ranking")
    _centre(window, ranking)
    yield "units_ranked"
    ranking.close()
    tab.windows.show_before_after()
    layers = tab.windows.before_after
    assert layers is not None
    wait(lambda: layers.model is not None, "the layers of both nets")
    layers.resize(1040, 560)  # the tour's screen is smaller than its window
    _centre(window, layers)
    yield "before_and_after_the_transplant"
    layers.close()
    tab.windows.show_why()
    why = tab.windows.why
    assert why is not None
    wait(lambda: why.shown is not None, "why this class here")
    _centre(window, why)
    yield "why_this_class_here"
    why.close()


def _centre(window: Any, dialog: QWidget) -> None:
    dialog.move(window.geometry().center() - dialog.rect().center())
