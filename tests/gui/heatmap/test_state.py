"""Undo, the next session, a window that is rebuilt, models that change."""

from __future__ import annotations

import json
import threading

import numpy as np
import pytest
from PyQt5.QtCore import Qt
from PyQt5.QtWidgets import QApplication
from pytestqt.qtbot import QtBot

from filterlab.gui.app import Desk
from filterlab.gui.heatmap import tab as heatmap_tab
from filterlab.gui.heatmap.tab import HeatmapTab
from filterlab.gui.main_window import MainWindow
from filterlab.gui.settings import Settings
from filterlab.pictures import write_picture
from filterlab.surgery.transplant import Transplanted
from filterlab.workbench.heatmap_bench import EDIT_NAMES
from filterlab.workbench.heatmap_state import Look, Source


def test_undo_goes_over_model_picture_size_classes_look_and_pins(
    ready, settled, bright, open_array, model
) -> None:
    bench = ready.bench
    maps, shown = bench.maps, bench.shown
    ready.models.choose("pocket")
    open_array(ready, bright.picture((0, 0)), "other")
    settled(ready)
    ready.undo()
    assert bench.shown is shown
    ready.undo()
    settled(ready)
    assert bench.model.name == model.name
    assert bench.maps is maps, "at once, without a new run"
    assert ready.controls.model_combo.currentText() == "Brightness"
    bench.set_cells(6)
    settled(ready)
    bench.choose([1])
    bench.set_look(projection="smooth")
    bench.pin((1, 1))
    assert [ready.undo() for _ in range(4)]
    settled(ready)
    assert bench.maps is maps
    assert (bench.pins, bench.look.projection, bench.request.cells) == ((), "tiles", 13)
    assert max(ready.controls.cells for _ in "x") == 13
    ready.redo()
    settled(ready)
    assert max(bench.maps.rows, bench.maps.cols) == 6


def test_the_edit_menu_names_the_step(qtbot: QtBot, model, bright, until, open_array) -> None:
    window = MainWindow(Settings(), tabs=(HeatmapTab,))
    qtbot.addWidget(window)
    tab = window.tabs[0]
    tab.started = tab.runs.awake = True
    window.show()
    tab.models.choose(model.name)
    open_array(tab, bright.picture((40, 24)))
    until(lambda: tab.settled and tab.bench.shown is not None)
    tab.models.transplant()
    until(lambda: tab.settled and tab.bench.run is not None)
    tab.bench.choose([2])
    assert window.undo_action.text().replace("&", "") == "Undo Choose class"
    qtbot.keyClick(window, Qt.Key_Z, Qt.ControlModifier)
    assert tab.bench.state.chosen == ()
    assert window.redo_action.text().replace("&", "") == "Redo Choose class"
    tab.classes.search.setFocus()
    qtbot.keyClicks(tab.classes.search, "x")
    qtbot.keyClick(tab.classes.search, Qt.Key_Z, Qt.ControlModifier)
    assert tab.classes.search.text() == "", "the field's own undo first"
    window.close()


def test_every_name_of_an_edit_has_its_chinese(chinese: None) -> None:
    from filterlab.gui.i18n import tr

    assert not [name for name in EDIT_NAMES if tr(name) == name]


def test_session_is_found_again(qtbot: QtBot, ready, settled, tmp_path, bright, model) -> None:
    path = tmp_path / "猫.png"
    write_picture(path, bright.picture((8, 8)))
    ready.pictures.open(Source(path=str(path)))
    settled(ready)
    ready.bench.choose([1])
    ready.bench.set_look(projection="smooth", colours="turbo", opacity=0.3)
    ready.bench.pin((2, 2))
    settled(ready)
    state = json.loads(json.dumps(ready.save_state()))
    again = HeatmapTab(Settings())
    qtbot.addWidget(again)
    again.restore_state(state)
    # Nothing is read or run before the tab is looked at.
    assert not again.runs.runner.running
    assert again.save_state() == state
    again.activated()
    settled(again)
    assert again.bench.shown.source.path == str(path)
    assert again.bench.model.weights_path == model.weights_path
    assert again.bench.look == ready.bench.look
    assert again.bench.maps is not None
    assert again.bench.classes == (1,)
    assert again.left_out == []
    np.testing.assert_array_equal(again.drawing.image, ready.drawing.image)
    again.shutdown()


@pytest.mark.parametrize(
    "state",
    [{}, {"look": 3, "request": "many", "chosen": "all", "model": 7, "path": "/no/such.png"}],
)
def test_a_torn_state_is_passed_over(tab, settled, state) -> None:
    tab.restore_state(state)
    settled(tab)
    assert tab.bench.shown.source.sample == "composed"
    assert tab.bench.look == Look()
    assert tab.bench.request.cells == 0


def test_a_picture_that_moved_is_said_and_looked_for_again(
    qtbot: QtBot, ready, settled, tmp_path, bright
) -> None:
    path = tmp_path / "rose.png"
    write_picture(path, bright.picture((8, 8)))
    ready.pictures.open(Source(path=str(path)))
    settled(ready)
    state = ready.save_state()
    path.rename(tmp_path / "elsewhere.png")
    for number in range(3):
        again = HeatmapTab(Settings())
        qtbot.addWidget(again)
        said: list[str] = []
        again.message.connect(lambda text, level, said=said: said.append(text))
        again.restore_state(state)
        assert again.left_out == [], "the session is not damaged"
        again.activated()
        settled(again)
        if number == 2:
            assert again.bench.shown.source.path == str(path), "it is back"
            assert not any("any more" in text for text in said)
        else:
            assert again.bench.shown.source.sample == "composed"
            assert said[0] == (
                f"rose.png is not in {tmp_path} any more; open it again. A sample stands in for it."
            )
            state = again.save_state()
            assert state["path"] == str(path)
        again.shutdown()
        if number == 1:
            (tmp_path / "elsewhere.png").rename(path)


def test_a_pasted_picture_is_found_again(
    qtbot: QtBot, ready, settled, tmp_path, bright, open_array
) -> None:
    open_array(ready, bright.picture((16, 16)), "pasted picture")
    settled(ready)
    (kept,) = ready.save_pictures().values()
    write_picture(tmp_path / "copy.png", kept)
    again = HeatmapTab(Settings())
    qtbot.addWidget(again)
    again.restore_state({**ready.save_state(), "pictures": {"picture": str(tmp_path / "copy.png")}})
    assert again.save_pictures() == {"picture": tmp_path / "copy.png"}
    again.activated()
    settled(again)
    assert again.bench.shown.source.name == "pasted picture"
    np.testing.assert_allclose(again.bench.shown.picture, kept, atol=1 / 255)
    again.shutdown()


def test_a_rebuilt_window_goes_on_without_a_new_run(qtbot: QtBot, ready, settled) -> None:
    ready.bench.pin((3, 5))
    ready.bench.choose([1])
    ready.bench.set_look(projection="smooth")
    settled(ready)
    live = ready.hand_over()
    again = HeatmapTab(Settings())
    qtbot.addWidget(again)
    again.resize(1200, 720)
    started: list[str] = []
    again.runs.runner.started.connect(started.append)
    again.take_over(live)
    again.activated()
    settled(again)
    assert again.bench.maps is ready.bench.maps
    assert again.bench.transplanted is ready.bench.transplanted
    assert again.bench.pins == ((3, 5),)
    assert again.bench.look.projection == "smooth"
    np.testing.assert_array_equal(again.drawing.image, ready.drawing.image)
    assert started == []
    again.undo()
    assert again.bench.look.projection == "tiles", "the history goes along"
    again.shutdown()


def test_a_choice_outlives_a_change_of_language_and_of_theme(
    qtbot: QtBot, qapp: QApplication, until, model
) -> None:
    desk = Desk(qapp, Settings())
    desk.window.show()
    tab = desk.window.show_tab("heatmap")
    until(lambda: tab.settled and tab.bench.shown is not None)
    tab.models.choose(model.name)
    tab.models.transplant()
    until(lambda: tab.settled and tab.bench.run is not None)
    maps = tab.bench.maps
    desk.window.set_language("zh_CN")
    assert desk.window.tab("heatmap") is tab
    assert tab.result.proof.text.startswith("结果相同")
    desk.window.set_theme("dark")
    until(lambda: desk.window.tab("heatmap") is not tab)
    after = desk.window.tab("heatmap")
    until(lambda: after.settled)
    assert after.controls.model_key == model.name
    assert after.bench.maps is maps
    assert after.result.proof.text.startswith("结果相同")
    desk.window.close()
    desk.window.deleteLater()


def test_size_and_cells_fit_the_new_net_when_models_change(ready, settled) -> None:
    assert ready.bench.request.cells == 13
    ready.models.choose("pocket")
    assert ready.controls.cells_text.text() == "", "nothing is claimed before the transplant"
    ready.models.transplant()
    settled(ready)
    maps = ready.bench.maps
    assert ready.controls.cells_text.text() == f"{maps.cols} × {maps.rows}"
    assert ready.bench.request.cells == 0
    assert ready.controls.cells == max(maps.cols, maps.rows)
    assert ready.controls.density_combo.currentText() == "every 32 px"
    assert ready.controls.method_combo.currentData() == ready.bench.run.plan.method


def test_the_slider_gives_the_cells_and_the_combo_the_density(qtbot: QtBot, ready, settled) -> None:
    slider = ready.controls.cells_slider
    slider.setFocus()
    qtbot.keyClick(slider, Qt.Key_Left)
    settled(ready)
    assert max(ready.bench.maps.rows, ready.bench.maps.cols) == 12
    assert ready.controls.cells_text.text() == "12 × 8"
    combo = ready.controls.density_combo
    combo.setCurrentIndex(combo.findData("stride:4"))
    combo.activated.emit(combo.currentIndex())
    settled(ready)
    assert ready.bench.maps.geometry.jump == (4, 4)
    assert ready.controls.cells == 12, "counted at the net's own stride"
    method = ready.controls.method_combo
    method.setCurrentIndex(method.findData("exact"))
    method.activated.emit(method.currentIndex())
    settled(ready)
    assert ready.bench.run.plan.method == "exact"


def test_how_far_the_slider_goes_is_found_beside_the_window(
    ready, settled, until, bright, open_array, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Until then it goes as far as for the picture before."""
    before = list(ready.controls._steps)
    assert len(before) > 20
    go, threads = threading.Event(), []

    def waits(done: Transplanted, size: tuple[int, int]) -> tuple[int, ...]:
        threads.append(threading.current_thread())
        assert go.wait(20)
        return 5, 6, size[1]

    monkeypatch.setattr(heatmap_tab, "cell_steps", waits)
    open_array(ready, bright.picture((40, 24))[:, :80])
    until(lambda: threads and ready.bench.shown.size == (96, 80))
    assert ready.controls._steps == before
    assert not ready.settled
    go.set()
    settled(ready)
    assert ready.controls._steps == [5, 6, 80]
    assert threading.main_thread() not in threads


def test_there_is_one_estimate_of_time(ready, settled) -> None:
    """While a job runs its card tells the time left; the size's own estimate is silent then."""
    assert "cells, net input" in ready.controls.cells_text.toolTip()
    told: list[str] = []

    def look(*_: object) -> None:
        if ready.runs.busy:
            told.append(ready.controls.cells_text.toolTip())

    ready.runs.runner.progressed.connect(look)
    ready.bench.set_density("stride:4")
    settled(ready)
    assert told
    assert set(told) == {""}
    assert "cells, net input" in ready.controls.cells_text.toolTip()


def test_full_screen_twice_gives_back_the_size(qtbot: QtBot, until) -> None:
    window = MainWindow(Settings(), tabs=(HeatmapTab,))
    qtbot.addWidget(window)
    window.resize(640, 480)
    window.show()
    window.activateWindow()
    until(window.isActiveWindow)
    size = window.size()
    qtbot.keyClick(window, Qt.Key_F11)
    until(lambda: window.isFullScreen())
    qtbot.keyClick(window, Qt.Key_F11)
    until(lambda: not window.isFullScreen() and window.size() == size)
    window.close()


def test_nothing_is_downloaded_without_being_asked_for(tab, settled, monkeypatch) -> None:
    from filterlab.zoo import catalogue

    missing = next(m for m in catalogue.entries() if m.kind == "download" and not m.ready)
    tab.models.choose(missing.name)
    assert tab.result.main_button.text().startswith("Get weights")
    tab.models.transplant()
    settled(tab)
    assert "models get" in tab.stage.job.text
    assert tab.bench.transplanted is None


def test_weights_that_vanish_are_said(ready, settled, bright, tmp_path) -> None:
    from dataclasses import replace

    from filterlab.zoo.own_models import remember

    other = remember(replace(bright.make(tmp_path / "gone"), name="gone"))
    ready.models.choose("gone")
    other.weights_path.unlink()
    ready.models.transplant()
    settled(ready)
    assert ready.stage.job.failed
    assert ready.bench.run is None
