"""The map on show: classes, ways of drawing, sizes, cells, denser maps."""

from __future__ import annotations

import numpy as np
import pytest
from qtpy.QtCore import Qt

from filterlab.gui.heatmap.look import SCALES, SHOWS
from filterlab.surgery import overlay

# The map


def test_class_is_chosen_by_typing(qtbot, ready, settled) -> None:
    qtbot.keyClicks(ready.classes.search, "darkn")
    qtbot.keyClick(ready.classes.search, Qt.Key_Return)
    settled(ready)
    assert ready.chosen == (0,)
    ready.classes.search.clear()
    qtbot.keyClicks(ready.classes.search, "1")
    qtbot.keyClick(ready.classes.search, Qt.Key_Return)
    settled(ready)
    assert ready.chosen == (1,)
    assert "bright light" in ready.panel.heading.text()


def test_several_classes_are_summed(qtbot, ready, settled) -> None:
    qtbot.keyClicks(ready.classes.search, "0-1")
    qtbot.keyClick(ready.classes.search, Qt.Key_Return)
    settled(ready)
    assert ready.chosen == (0, 1)
    np.testing.assert_allclose(ready.drawing.values, 1.0, atol=1e-5)


def test_classes_are_added_and_compared_with_the_mouse(qtbot, ready, settled) -> None:
    view = ready.classes.view
    rows = [row.classes[0] for row in ready.classes.rows()]

    def click(index: int, keys=Qt.NoModifier) -> None:
        at = view.visualRect(view.model().index(rows.index(index), 0)).center()
        qtbot.mouseClick(view.viewport(), Qt.LeftButton, keys, at)
        settled(ready)

    click(1)
    assert ready.chosen == (1,)
    click(0, Qt.ControlModifier)
    assert ready.chosen == (0, 1)
    click(1, Qt.ControlModifier)
    assert ready.chosen == (0,)
    click(1, Qt.AltModifier)
    assert (ready.chosen, ready.second) == ((0,), (1,))
    assert ready.controls.look.show == "two"


def test_nothing_is_downloaded_without_being_asked_for(ready, settled, said, snapshot) -> None:
    ready.list_models("caffenet")
    assert ready.controls.get_button.isVisible()
    before = snapshot(ready)
    ready.transplant()
    settled(ready)
    assert len(said) == 1
    assert "not here yet" in said[0][1]
    assert snapshot(ready) == before


def test_switching_the_class_runs_no_net(ready, settled, monkeypatch) -> None:
    def refuse(*args, **kwargs):
        raise AssertionError("a forward pass for a class that is already known")

    monkeypatch.setattr(type(ready.transplanted.net), "forward", refuse)
    first = ready.drawing.image.copy()
    for classes in ((0,), (1,), (2,), (1,)):
        ready.choose_classes(classes)
        settled(ready)
        assert ready.drawing.scene.classes == classes
    ready.choose_classes((0,))
    settled(ready)
    assert ready.chosen == (0,)
    assert first.shape == ready.drawing.image.shape


def test_list_is_ranked_by_peak_and_by_mean(ready, settled) -> None:
    peak = [row.classes[0] for row in ready.classes.rows()]
    assert peak == [int(c) for c in ready.maps.ranked("peak")]
    ready.classes.order.setCurrentIndex(1)
    mean = [row.classes[0] for row in ready.classes.rows()]
    assert mean == [int(c) for c in ready.maps.ranked("mean")]
    assert ready.classes.rows()[0].value == pytest.approx(float(ready.maps.prob[mean[0]].mean()))


def test_thumbnail_is_the_classs_map(ready) -> None:
    image = ready.classes.thumbnail((1,))
    assert (image.height(), image.width()) == (9, 13)
    light = [[image.pixelColor(x, y).lightness() for x in range(13)] for y in range(9)]
    assert np.unravel_index(np.argmax(light), (9, 13)) == (3, 5)


@pytest.mark.parametrize("show", SHOWS)
@pytest.mark.parametrize("lay", overlay.MODES)
def test_everything_that_can_be_shown_is_drawn(ready, settled, said, show, lay, set_look) -> None:
    plain = ready.drawing.image
    set_look(ready, show=show, lay=lay, contours=True, opacity=0.9)
    settled(ready)
    assert ready.drawing.scene.look.show == show
    assert ready.drawing.image.shape == plain.shape
    assert [level for level, _ in said if level == "error"] == []
    assert ready.bar.isVisible() == (show in ("class", "entropy"))
    assert ready.panel.legend.isVisible() == (show in ("two", "winner"))


@pytest.mark.parametrize("scale", SCALES)
def test_scales_and_the_colour_bar(ready, settled, scale, set_look) -> None:
    ready.choose_classes((1,))
    set_look(ready, scale=scale)
    settled(ready)
    low, high = ready.bar.levels()
    values = ready.maps.values([1], "score" if scale == "score" else "prob")
    expected = {
        "unit": (0.0, 1.0),
        "found": (values.min(), values.max()),
        "log": (1e-6, 1.0),
        "score": (values.min(), values.max()),
    }[scale]
    assert (low, high) == pytest.approx(expected)


def test_stretched_map_is_marked_wrong(ready, settled, set_look) -> None:
    set_look(ready, lay="stretched")
    settled(ready)
    _, largest = overlay.stretch_error(ready.maps)
    assert f"{round(largest)} px" in ready.panel.facts.text()
    assert not ready.view.arrows.empty
    set_look(ready, lay="tiles")
    settled(ready)
    assert ready.view.arrows.empty


def test_winner_map_names_its_colours(ready, settled, set_look) -> None:
    set_look(ready, show="winner")
    settled(ready)
    legend = ready.panel.legend.text().replace("&nbsp;", " ")
    assert "darkness" in legend
    assert "bright light" in legend


def test_two_classes_at_once(ready, settled) -> None:
    ready.choose_classes((1,))
    ready.choose_classes((0,), True)
    settled(ready)
    assert ready.controls.look.show == "two"
    assert "bright light" in ready.panel.heading.text()
    assert "darkness" in ready.panel.heading.text()
    values = ready.maps.values([1]) - ready.maps.values([0])
    np.testing.assert_allclose(ready.drawing.values, values)


# Size


def test_size_snaps_to_whole_windows(qtbot, ready, settled) -> None:
    slider = ready.controls.cells_slider.slider
    slider.setFocus()
    for _ in range(4):
        qtbot.keyClick(slider, Qt.Key_Right)
    settled(ready)
    assert ready.controls.cells == 17
    assert ready.maps.cols == 17
    assert ready.maps.input_size[1] == 32 + 16 * 8
    assert "17 ×" in ready.controls.size_note.text()


def test_squash_makes_a_square(qtbot, ready, settled) -> None:
    ready.controls.squash_box.setChecked(True)
    settled(ready)
    assert ready.maps.rows == ready.maps.cols == 13
    assert ready.maps.input_size == (128, 128)


def test_an_input_that_does_not_fit_into_memory_is_refused(
    ready, settled, said, monkeypatch, snapshot
) -> None:
    from filterlab.surgery import cost

    monkeypatch.setattr(cost, "available_memory", lambda: 1000)
    before = snapshot(ready)
    ready.controls.set_size(30, False)
    ready.run_map()
    settled(ready)
    assert "memory" in said[-1][1]
    assert snapshot(ready) == before


# Cells


def test_pointing_and_pinning(qtbot, ready) -> None:
    at = ready.view.to_widget(56.5, 40.5).toPoint()
    qtbot.mouseMove(ready.view.viewport(), at)
    ready.view.hovered.emit(56.5, 40.5)
    assert ready.cells.current == (3, 5)
    facts = ready.panel.cards.hover.facts
    assert "(3, 5)" in facts.title
    assert facts.best[0][0] == "1 bright light"
    assert facts.best[0][1] == pytest.approx(float(ready.maps.prob[1, 3, 5]))
    qtbot.mouseClick(ready.view.viewport(), Qt.LeftButton, pos=at)
    assert ready.cells.pins == [(3, 5)]
    assert ready.panel.cards.pins[0].isVisible()
    qtbot.mouseClick(ready.view.viewport(), Qt.LeftButton, pos=at)
    assert ready.cells.pins == []


def test_pointing_at_the_margin_names_no_cell(ready) -> None:
    ready.view.hovered.emit(2.0, 2.0)
    assert ready.cells.current is None
    assert "Point at a cell" in ready.panel.cards.hover._hint


def test_arrow_keys_walk_and_stop_at_the_edge(qtbot, ready) -> None:
    ready.view.setFocus()
    qtbot.keyClick(ready.view, Qt.Key_Right)
    assert ready.cells.current == (4, 6)
    qtbot.keyClick(ready.view, Qt.Key_Up)
    assert ready.cells.current == (3, 6)
    for _ in range(20):
        qtbot.keyClick(ready.view, Qt.Key_Left)
    assert ready.cells.current == (3, 0)
    qtbot.keyClick(ready.view, Qt.Key_Return)
    assert ready.cells.pins == [(3, 0)]


def test_pins_make_room_for_the_newest(ready) -> None:
    for k in range(5):
        ready.cells.toggle_pin((k, k))
    assert ready.cells.pins == [(2, 2), (3, 3), (4, 4)]


def test_window_alone_stands_beside_the_cell(ready, settled) -> None:
    ready.cells.set_current((3, 5))
    ready.commands.classify_alone()
    settled(ready)
    assert ready.cells.pins == [(3, 5)]
    facts = ready.panel.cards.pins[0].facts
    # This net has no padding, so that the cut-out window gives the same answer.
    assert [name for name, _ in facts.alone] == [name for name, _ in facts.best]
    for (_, alone), (_, in_place) in zip(facts.alone, facts.best):
        assert alone == pytest.approx(in_place, abs=1e-5)


# Denser


def test_denser_map_by_shifted_copies(ready, settled) -> None:
    coarse = ready.maps.prob
    ready.controls.passes_combo.setCurrentIndex(ready.controls.passes_combo.findData("stride:4"))
    settled(ready)
    assert ready.maps.geometry.jump == (4, 4)
    np.testing.assert_allclose(ready.maps.prob[:, ::2, ::2], coarse, atol=1e-5)


def test_denser_map_can_be_cancelled_and_the_old_one_comes_back(ready, settled, snapshot) -> None:
    before = snapshot(ready)
    image = ready.drawing.image.copy()
    passes = []

    def after_two(progress, left) -> None:
        passes.append(progress.step)
        if len(passes) == 4:
            ready.cancel()

    ready.runner.progressed.connect(after_two)
    ready.controls.set_how("stride:4")
    ready.run_map()
    settled(ready)
    assert snapshot(ready) == before
    np.testing.assert_array_equal(ready.drawing.image, image)


def test_scales_are_joined(ready, settled) -> None:
    ready.controls.set_how("pyramid")
    ready.run_map()
    settled(ready)
    assert ready.pyramid is not None
    assert len(ready.pyramid.levels) >= 2
    assert any(ready.maps is level for level in ready.pyramid.levels)


def test_sliding_comparison_counts_cells(ready, settled) -> None:
    ready.commands.compare_sliding()
    settled(ready)
    window = ready.commands.sliding
    assert window is not None
    assert window.result_.cells == 9 * 13
    np.testing.assert_allclose(window.result_.prob, ready.maps.prob, atol=1e-5)
    window.close()


def test_features_in_false_colours(ready, settled, tmp_path, monkeypatch) -> None:
    from qtpy.QtWidgets import QFileDialog

    ready.commands.show_features()
    settled(ready)
    window = ready.commands.features
    window.blobs.setCurrentText("mean")
    settled(ready)
    assert window.found.features.blob == "mean"
    target = tmp_path / "特征.npy"
    monkeypatch.setattr(QFileDialog, "getSaveFileName", lambda *a, **k: (str(target), ""))
    ready.commands._save_features()
    np.testing.assert_array_equal(np.load(target), window.found.features.values)
    window.close()
