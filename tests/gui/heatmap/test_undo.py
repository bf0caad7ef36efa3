"""Every choice in the tab can be taken back from the window's Edit menu, without running a net."""

from __future__ import annotations

import pytest
from qtpy.QtCore import QPoint, Qt

from filterlab.gui.heatmap.look import Look
from filterlab.gui.heatmap.tab import HeatmapTab
from filterlab.gui.main_window import MainWindow
from filterlab.gui.settings import Settings


@pytest.fixture
def window(qtbot, model, bright, until):
    """A window with the tab in it, its net transplanted and the map on show."""
    window = MainWindow(Settings(), tabs=(HeatmapTab,))
    qtbot.addWidget(window)
    tab = window.tabs[0]
    tab.started = True
    window.resize(1280, 720)
    window.show()
    tab.list_models(model.name)
    tab.open_array(bright.picture((40, 24)), "square")
    until(lambda: tab.settled and tab.shown is not None)
    tab.user_cells = True
    tab.controls.set_size(13, False)
    tab.transplant()
    until(lambda: tab.settled and tab.maps is not None)
    yield window
    window.close()


def _names(window: MainWindow) -> tuple[str, str]:
    texts = (window.undo_action.text(), window.redo_action.text())
    return tuple(text.replace("&", "") for text in texts)


def test_nothing_to_undo_after_jobs_alone(window) -> None:
    assert not window.undo_action.isEnabled()
    assert not window.redo_action.isEnabled()


def test_classes_sums_and_the_second_colour(qtbot, window, settled) -> None:
    tab = window.tabs[0]
    first, started = tab.chosen, []
    tab.runner.started.connect(started.append)
    tab.classes.search.setText("bright")
    qtbot.keyClick(tab.classes.search, Qt.Key_Return)
    assert _names(window) == ("Undo choose bright light", "Redo")
    tab.choose_classes((1, 2))
    tab.choose_classes((0,), True)
    assert tab.controls.look.show == "two"
    assert _names(window)[0] == "Undo compare with darkness"
    window.undo_action.trigger()
    assert (tab.second, tab.controls.look.show) == ((), "class")
    assert tab.controls.show_combo.currentData() == "class"
    window.undo_action.trigger()
    assert tab.chosen == (1,)
    window.undo_action.trigger()
    assert tab.chosen == first
    assert tab.classes.chosen == first
    assert not window.undo_action.isEnabled()
    assert _names(window)[1] == "Redo choose bright light"
    for _ in range(3):
        window.redo_action.trigger()
    assert (tab.chosen, tab.second, tab.controls.look.show) == ((1, 2), (0,), "two")
    assert not window.redo_action.isEnabled()
    settled(tab)
    assert tab.drawing.scene.classes == (1, 2)
    assert started == [], "undo runs no net"


def test_pins_added_and_forgotten(qtbot, window) -> None:
    tab = window.tabs[0]
    for cell in ((0, 0), (3, 5), (4, 4), (5, 6)):
        at = tab.view.to_widget(*tab.maps.centre_on_picture(*cell))
        qtbot.mouseClick(tab.view.viewport(), Qt.LeftButton, pos=QPoint(int(at.x()), int(at.y())))
    assert tab.cells.pins == [(3, 5), (4, 4), (5, 6)]
    assert _names(window)[0] == "Undo pin cell (5, 6)"
    window.undo_action.trigger()
    assert tab.cells.pins == [(0, 0), (3, 5), (4, 4)]
    qtbot.mouseClick(tab.panel.cards.pins[1], Qt.LeftButton)
    assert _names(window)[0] == "Undo unpin cell (3, 5)"
    tab.cells.clear_pins()
    assert _names(window)[0] == "Undo forget pinned cells"
    window.undo_action.trigger()
    window.undo_action.trigger()
    assert tab.cells.pins == [(0, 0), (3, 5), (4, 4)]
    assert tab.panel.cards.pins[2].isVisible()
    # Looking at another cell is no edit.
    tab.cells.set_current((1, 1))
    assert _names(window) == ("Undo pin cell (4, 4)", "Redo unpin cell (3, 5)")


def test_the_maps_look(qtbot, window, settled) -> None:
    tab = window.tabs[0]
    controls = tab.controls
    controls.lay_combo.setCurrentIndex(controls.lay_combo.findData("smooth"))
    assert _names(window)[0] == "Undo Laid as: smooth"
    controls.contours.click()
    assert _names(window)[0] == "Undo Contour lines"
    controls.grid_box.click()
    assert tab.panel.words
    window.undo_action.trigger()
    assert not tab.panel.words
    assert not controls.grid_box.isChecked()
    window.undo_action.trigger()
    window.undo_action.trigger()
    assert controls.look == Look()
    assert controls.lay_combo.currentData() == "tiles"
    settled(tab)
    assert tab.drawing.scene.look == Look()


def test_a_drag_of_a_slider_is_one_step(qtbot, window) -> None:
    tab = window.tabs[0]
    slider = tab.controls.opacity.slider
    for _ in range(2):
        slider.setSliderDown(True)
        for _ in range(5):
            slider.setValue(slider.value() + 2)
        slider.setSliderDown(False)
    assert tab.controls.look.opacity == pytest.approx(0.8)
    assert _names(window)[0] == "Undo Opacity"
    window.undo_action.trigger()
    assert tab.controls.look.opacity == pytest.approx(0.7)
    assert slider.value() == 70
    window.undo_action.trigger()
    assert tab.controls.look.opacity == pytest.approx(0.6)
    assert not window.undo_action.isEnabled()


def test_steps_that_a_job_has_overtaken_are_gone(window, settled, bright, set_look) -> None:
    tab = window.tabs[0]
    tab.cells.toggle_pin((3, 5))
    tab.choose_classes((1,))
    set_look(tab, lay="smooth")
    tab.open_array(bright.picture((0, 0)), "another")
    settled(tab)
    # The pinned cell was one of the picture before.
    window.undo_action.trigger()
    window.undo_action.trigger()
    assert not window.undo_action.isEnabled()
    assert tab.controls.look == Look()
    assert tab.cells.pins == []
    tab.choose_classes((1,))
    set_look(tab, colours="turbo")
    tab.list_models("pocket")
    tab.transplant()
    settled(tab)
    assert _names(window)[0] == "Undo Colours: turbo"
    window.undo_action.trigger()
    assert not window.undo_action.isEnabled(), "classes of another net are none of this one"


def test_a_cell_of_another_grid_is_not_pinned_again(window, settled) -> None:
    """Not even where none was pinned when the grid became smaller."""
    tab = window.tabs[0]
    tab.cells.toggle_pin((7, 11))
    tab.cells.clear_pins()
    assert window.undo_action.isEnabled()
    tab.controls.set_size(5, False)
    tab.run_map()
    settled(tab)
    assert tab.maps.cols == 5
    while window.undo_action.isEnabled():
        window.undo_action.trigger()
    assert tab.cells.pins == []


def test_a_rebuilt_window_can_still_undo(qtbot, ready, settled, chinese) -> None:
    ready.choose_classes((1,))
    again = HeatmapTab(Settings())
    qtbot.addWidget(again)
    again.take_over(ready.hand_over())
    assert again.undo_text() == "选择 bright light"
    again.undo()
    assert again.chosen != (1,)
    again.redo()
    assert again.chosen == (1,)
    settled(again)
    again.shutdown()


def test_ctrl_z_in_the_search_field_is_the_fields_while_it_has_something_to_undo(
    qtbot, window, until
) -> None:
    tab = window.tabs[0]
    window.activateWindow()
    until(window.isActiveWindow)
    first, search = tab.chosen, tab.classes.search
    tab.choose_classes((1,))
    search.setFocus()
    qtbot.keyClicks(search, "x")
    qtbot.keyClick(search, Qt.Key_Z, Qt.ControlModifier)
    assert (search.text(), tab.chosen) == ("", (1,))
    qtbot.keyClick(search, Qt.Key_Z, Qt.ControlModifier)
    assert tab.chosen == first
    tab.view.setFocus()
    qtbot.keyClick(tab.view, Qt.Key_Z, Qt.ControlModifier | Qt.ShiftModifier)
    assert tab.chosen == (1,)
