"""A click on a layer of the Heatmap tab's net strip opens it in the Net tab."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from PyQt5.QtCore import QPoint, Qt
from pytestqt.qtbot import QtBot

from filterlab.gui.main_window import MainWindow
from filterlab.workbench.heatmap_state import Source
from filterlab.zoo.catalogue import Model


@pytest.fixture
def window(qtbot: QtBot, patient: Model, until: Callable[..., None]) -> Any:
    made = MainWindow()
    qtbot.addWidget(made)
    made.resize(1280, 800)
    tab = made.tab("heatmap")
    tab.started = tab.runs.awake = True
    made.show()
    made.show_tab("heatmap")
    tab.models.choose(patient.name)
    tab.pictures.open(Source(sample="coffee"))
    until(lambda: tab.settled and tab.bench.shown is not None)
    tab.models.transplant()
    until(lambda: tab.settled and tab.bench.run is not None)
    yield made
    made.close()


def press(window: MainWindow, qtbot: QtBot, title: str) -> None:
    body = window.tab("heatmap").strip._body
    column = next(c for c in body._columns if c.slab.title == title)
    middle = QPoint(round(column.left + column.width / 2), body.height() // 2)
    qtbot.mouseClick(body, Qt.LeftButton, pos=middle)


@pytest.mark.parametrize(
    ("title", "blob"), [("fc6-conv", "fc6"), ("data", "data"), ("prob", "prob")]
)
def test_the_layer_of_a_slab_is_shown_with_its_net_and_picture(
    window: MainWindow, qtbot: QtBot, until: Callable[..., None], title: str, blob: str
) -> None:
    press(window, qtbot, title)
    net = window.tab("net")
    assert window.current_tab is net
    until(lambda: net.study.bench is not None and net.settled)
    assert net.study.model.name == "patient"
    assert net.study.shown is window.tab("heatmap").bench.shown
    assert net.study.blob == blob
    # A second one, of the net that is on the table by now.
    window.show_tab("heatmap")
    press(window, qtbot, "fc8-conv")
    until(lambda: net.settled and net.study.found.activity.blob == "fc8")
    assert window.current_tab is net
    assert net.study.blob == "fc8"
    assert net.study.found.activity.after.shape == (4, 1, 1)


def test_the_class_that_was_chosen_comes_along(
    window: MainWindow, qtbot: QtBot, until: Callable[..., None]
) -> None:
    heatmap, net = window.tab("heatmap"), window.tab("net")
    heatmap.bench.choose((3,))
    window.show_tab("net")
    until(lambda: net.study.bench is not None and net.settled)
    best = net.study.found.answers.before.best
    assert net.study.wanted == 3 != best
    # Without a choice, or with a sum of classes, what the Net tab shows stays.
    for chosen in ((), (0, 1)):
        heatmap.bench.choose(chosen)
        net.put_on_table(heatmap.on_table())
        assert net.study.wanted == 3
    # Another net has other classes.
    other = next(c for c in range(4) if c not in (3, best))
    heatmap.bench.choose((other,))
    net.put_on_table(heatmap.on_table()._replace(model=replace(heatmap.bench.model, name="x")))
    net.open_model(heatmap.bench.model)
    until(lambda: net.settled and net.study.model.name == "patient")
    assert net.study.wanted == best
