"""The columns beside the map: what they say where there is nothing, what unfolds, equal titles."""

from __future__ import annotations

from dataclasses import replace

from qtpy.QtCore import Qt
from qtpy.QtWidgets import QApplication

from filterlab.gui.heatmap.tab import HeatmapTab
from filterlab.gui.main_window import MainWindow
from filterlab.gui.settings import Settings
from filterlab.zoo.own_models import remember


def test_a_search_without_a_match_says_so_and_escape_clears_it(qtbot, ready) -> None:
    classes = ready.classes
    qtbot.keyClicks(classes.search, "tigerxyzw")
    qtbot.waitUntil(lambda: not classes.rows())
    assert classes.empty.isVisible()
    assert classes.empty.text() == "no class of this net matches “tigerxyzw”"
    assert not classes.view.isVisible()
    qtbot.keyClick(classes.search, Qt.Key_Escape)
    assert classes.search.text() == ""
    assert len(classes.rows()) == 3
    assert classes.view.isVisible()
    assert not classes.empty.isVisible()


def test_before_a_transplant_the_list_says_what_it_is_for(tab) -> None:
    assert tab.classes.empty.isVisible()
    assert "transplanted" in tab.classes.empty.text()


def test_escape_in_the_search_field_is_the_fields_while_it_holds_a_word(qtbot, until) -> None:
    window = MainWindow(Settings(), tabs=(HeatmapTab,))
    qtbot.addWidget(window)
    window.show()
    window.activateWindow()
    until(lambda: window.isActiveWindow() and window.tabs[0].settled)
    window.show_error("Something to be closed.")
    search = window.tabs[0].classes.search
    search.setFocus()
    search.setText("tiger")
    qtbot.keyClick(search, Qt.Key_Escape)
    assert search.text() == ""
    assert window.strip.text
    qtbot.keyClick(search, Qt.Key_Escape)
    assert window.strip.text == ""
    window.close()


def test_what_unfolds_under_more_is_scrolled_into_view(qtbot, tab, until) -> None:
    tab.resize(1280, 560)
    more = tab.controls.more
    QApplication.processEvents()
    until(lambda: tab.height() == 560)
    tab.controls.ensureWidgetVisible(more.heading)
    room = tab.controls.verticalScrollBar().maximum()
    qtbot.mouseClick(more.heading, Qt.LeftButton)
    until(lambda: tab.controls.verticalScrollBar().maximum() > room)
    port = tab.controls.viewport()

    def inside(widget) -> bool:
        corner = widget.mapTo(port, widget.rect().bottomLeft())
        return 0 <= corner.y() < port.height()

    until(lambda: inside(tab.controls.grid_box))
    assert inside(tab.controls.threshold)


def test_models_of_one_title_are_told_apart_by_their_folder(tab, bright, tmp_path) -> None:
    for folder in ("old", "new"):
        made = bright.make(tmp_path / folder)
        remember(replace(made, title="Light"))
    tab.list_models("pocket")
    titles = [tab.controls.model_combo.itemText(k) for k in range(len(tab.models()))]
    assert [t for t in titles if t.startswith("Light")] == ["Light (new)", "Light (old)"]
    assert "Brightness" in titles
