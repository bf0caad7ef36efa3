"""An error leaves the message strip when what went wrong works."""

from __future__ import annotations

import pytest
from qtpy.QtWidgets import QApplication

from filterlab.gui.heatmap.tab import HeatmapTab
from filterlab.gui.main_window import MainWindow
from filterlab.gui.settings import Settings
from filterlab.pictures import write_picture
from filterlab.zoo.own_models import remember


@pytest.fixture
def window(qtbot, model, bright, until):
    window = MainWindow(Settings(), tabs=(HeatmapTab,))
    qtbot.addWidget(window)
    tab = window.tabs[0]
    tab.started = True
    window.show()
    tab.list_models(model.name)
    tab.open_array(bright.picture((40, 24)), "square")
    until(lambda: tab.settled and tab.shown is not None)
    yield window
    window.close()


def test_an_error_about_weights_goes_when_another_net_is_cast(
    window, settled, bright, tmp_path, model
) -> None:
    tab = window.tabs[0]
    other = remember(bright.make(tmp_path / "cut"))
    other.weights_path.write_bytes(other.weights_path.read_bytes()[:-40])
    tab.list_models(other.name)
    tab.transplant()
    settled(tab)
    assert window.strip.level == "error"
    assert window.strip.text
    QApplication.processEvents()
    tab.list_models(model.name)
    tab.transplant()
    settled(tab)
    assert tab.maps is not None
    assert window.strip.text == ""


def test_an_error_about_a_picture_goes_when_one_opens(window, settled, bright, tmp_path) -> None:
    tab = window.tabs[0]
    bad = tmp_path / "bad.png"
    bad.write_bytes(b"no picture")
    window.open_paths([bad])
    settled(tab)
    assert "bad.png" in window.strip.text
    QApplication.processEvents()
    good = tmp_path / "good.png"
    write_picture(good, bright.picture())
    window.open_paths([good])
    settled(tab)
    assert window.strip.text == ""
