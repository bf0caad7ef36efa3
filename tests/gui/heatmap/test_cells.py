"""Pointing at cells, pinning them, and their cards."""

from __future__ import annotations

import pytest
from PyQt5.QtCore import QPoint, Qt
from PyQt5.QtWidgets import QApplication
from pytestqt.qtbot import QtBot

from filterlab.gui.heatmap.cell_cards import CellCard, CellFacts


def at(tab, x: float, y: float) -> QPoint:
    point = tab.view.to_widget(x, y)
    return QPoint(round(point.x()), round(point.y()))


def centre(tab, cell: tuple[int, int]) -> QPoint:
    return at(tab, *tab.bench.maps.centre_on_picture(*cell))


def test_pointing_outlines_cell_and_window_and_names_the_best(ready) -> None:
    ready.view.hovered.emit(40 + 16, 24 + 16)
    assert ready.cells.current == (3, 5)
    assert ready.view.window_box.box() == (40, 24, 72, 56)
    assert ready.view.tile_box.box() == (52, 36, 60, 44)
    assert not ready.view.field_box.isVisible(), "the field is shown on demand"
    assert ready.hint().startswith("Cell (3, 5):  bright light 100 %")
    ready.bench.set_look(field=True)
    assert ready.view.field_box.isVisible()
    ready.view.hovered.emit(2, 2)
    assert ready.cells.current is None, "the margin has no cell"
    assert "Cell" not in ready.hint()


def test_the_colour_bar_marks_the_cell_under_the_cursor(ready, settled) -> None:
    ready.bench.choose([1])
    settled(ready)
    assert ready.stage.caption.mark == pytest.approx(ready.bench.maps.prob[1].max(), abs=0.01)
    ready.cells.set_current((0, 0))
    assert ready.stage.caption.mark == pytest.approx(0, abs=0.01)


def test_a_click_pins_ctrl_adds_another_click_lets_go(qtbot: QtBot, ready, settled) -> None:
    view = ready.view.viewport()
    qtbot.mouseClick(view, Qt.LeftButton, pos=centre(ready, (3, 5)))
    assert ready.bench.pins == ((3, 5),)
    qtbot.mouseClick(view, Qt.LeftButton, Qt.ControlModifier, pos=centre(ready, (1, 2)))
    assert ready.bench.pins == ((3, 5), (1, 2))
    qtbot.mouseClick(view, Qt.LeftButton, pos=centre(ready, (6, 6)))
    assert ready.bench.pins == ((6, 6),)
    qtbot.mouseClick(view, Qt.LeftButton, pos=centre(ready, (6, 6)))
    assert ready.bench.pins == ()
    ready.undo()
    assert ready.bench.pins == ((6, 6),)
    settled(ready)


def test_three_at_most_the_oldest_makes_room(ready) -> None:
    for cell in ((0, 0), (1, 1), (2, 2), (3, 3)):
        ready.bench.pin(cell)
    assert ready.bench.pins == ((1, 1), (2, 2), (3, 3))
    assert [f.number for f in ready.stage.facts] == [3, 2, 1]


def test_keys_walk_pin_and_delete(qtbot: QtBot, ready, settled) -> None:
    view = ready.view
    view.setFocus()
    qtbot.keyClick(view, Qt.Key_Right)
    assert ready.cells.current == (4, 6), "the middle first"
    for _ in range(20):
        qtbot.keyClick(view, Qt.Key_Right)
    assert ready.cells.current == (4, 12), "as far as the map goes"
    qtbot.keyClick(view, Qt.Key_Return)
    assert ready.bench.pins == ((4, 12),)
    qtbot.keyClick(view, Qt.Key_Up)
    qtbot.keyClick(view, Qt.Key_Left)
    assert ready.bench.pins == ((3, 11),), "arrows move the pinned cell"
    assert ready.undo_text() == "Move pinned cell"
    ready.undo()
    assert ready.bench.pins == ((4, 12),), "a walk is one step"
    qtbot.keyClick(view, Qt.Key_Delete)
    assert ready.bench.pins == ()
    settled(ready)


def test_a_card_tells_window_classes_and_the_classifiers_own_answer(ready, settled) -> None:
    ready.bench.pin((3, 5))
    settled(ready)
    facts = ready.stage.facts[0]
    assert facts.title == "Cell (3, 5)"
    assert (facts.x, facts.y, facts.seen) == ((40, 72), (24, 56), (32, 32))
    assert facts.best[0][0] == "bright light"
    assert facts.best[0][2] > 0.99
    assert facts.alone[0][0] == "bright light", "asked in the background, without being told to"
    assert facts.cut is not None
    image = facts.cut.toImage()
    assert image.pixelColor(image.width() // 2, image.height() // 2).lightness() == 255


def test_the_check_is_the_agreement_of_the_map(ready, settled) -> None:
    found = ready.bench.agreement
    assert found is not None
    assert f"{len(found.cells)} windows" in ready.result.meter.text
    assert found.mean_points(ready.bench.classes) < 1, "this net has no padding"
    assert ready.view.checked.count == 0
    ready.bench.set_look(windows=True)
    assert ready.view.checked.count == len(found.cells)


def test_a_click_on_the_meter_shows_windows_and_dots(qtbot: QtBot, ready) -> None:
    ready.bench.choose([1])
    qtbot.mouseClick(ready.result.meter, Qt.LeftButton)
    found = ready.bench.agreement
    assert ready.check.isVisible()
    assert ready.view.checked.count == len(found.cells)
    points = ready.check.dots.points
    assert points.shape == (len(found.cells), 2)
    assert points[:, 0] == pytest.approx(found.map[:, 1], abs=1e-6)
    assert points[:, 1] == pytest.approx(found.classifier[:, 1], abs=1e-6)
    ready.check.hide()
    assert ready.view.checked.count == 0, "they go with the panel"


def test_after_a_rest_the_cell_under_the_cursor_has_a_card_if_there_is_room(ready, until) -> None:
    ready.resize(1700, 760)
    ready.bench.pin((0, 0))
    ready.cells.set_current((5, 5))
    assert not any(c.isVisible() and c.facts.number == 0 for c in ready.stage.cards)
    until(lambda: any(c.isVisible() and c.facts.number == 0 for c in ready.stage.cards))
    ready.cells.set_current((5, 6))
    assert not any(c.isVisible() and c.facts.number == 0 for c in ready.stage.cards)


def test_the_other_cards_fold_and_a_click_brings_them_forward(qtbot: QtBot, ready) -> None:
    ready.resize(1200, 560)
    for cell in ((0, 0), (1, 1), (2, 2)):
        ready.bench.pin(cell)
    QApplication.processEvents()
    shown = [c for c in ready.stage.cards if c.isVisible()]
    assert [c.facts.number for c in shown] == [3, 2, 1]
    assert shown[0].height() > shown[1].height()
    qtbot.mouseClick(shown[2], Qt.LeftButton, pos=QPoint(40, 10))
    assert [f.number for f in ready.stage.facts] == [1, 3, 2]


def test_the_card_at_the_foot_steps_through_the_pins(qtbot: QtBot, ready) -> None:
    ready.resize(900, 720)
    for cell in ((0, 0), (1, 1)):
        ready.bench.pin(cell)
    foot = ready.panels.foot
    QApplication.processEvents()
    assert foot.isVisible()
    assert foot.facts.cell == (1, 1)
    drawn = foot.grab().toImage()
    for with_cut in (True, False):
        foot.set_facts(foot.facts, with_cut=with_cut, several=True)
        assert (foot.grab().toImage() == drawn) != with_cut, "there is no room for the window"
    qtbot.mouseClick(foot._next, Qt.LeftButton)
    assert foot.facts.cell == (0, 0)
    qtbot.mouseClick(foot._close, Qt.LeftButton)
    assert ready.bench.pins == ((1, 1),)
    assert foot.facts.cell == (1, 1)


def test_window_alone_by_its_key(qtbot: QtBot, ready, settled) -> None:
    ready.cells.set_current((3, 5))
    ready.experiments.classify_alone()
    settled(ready)
    assert ready.bench.pins == ((3, 5),)
    alone = ready.bench.alone((3, 5))
    assert alone.best[0][0] == 1


def test_pins_of_another_grid_are_forgotten_and_found_by_undo(ready, settled) -> None:
    ready.bench.pin((8, 12))
    settled(ready)
    ready.bench.set_cells(6)
    settled(ready)
    assert ready.bench.pins == ()
    ready.undo()
    settled(ready)
    assert ready.bench.pins == ((8, 12),)


def test_a_card_tells_all_in_its_tool_tip(qtbot: QtBot) -> None:
    card = CellCard()
    qtbot.addWidget(card)
    best = tuple((f"class {k}", "", 0.2) for k in range(5))
    card.set_facts(CellFacts((1, 5), 1, (120, 288), (24, 192), (224, 224), best, best[:2]))
    told = card.toolTip()
    assert "x 120 – 288, y 24 – 192 px" in told
    assert all(f"class {k}" in told for k in range(5))
    assert "Classifier on this window alone" in told
    assert card.high(True) > card.high(False) > card.high(False, folded=True)
    assert card.high(False) <= 240
