"""The ranking of a layer's units: numbers, order, what choosing and zeroing rows does."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import cv2
import numpy as np
import pytest
from PyQt5.QtCore import QPoint, Qt
from PyQt5.QtGui import QColor
from pytestqt.qtbot import QtBot

from filterlab import caffe
from filterlab.gui import retranslate, theme
from filterlab.gui.net.ranking_window import RankingWindow
from filterlab.gui.net.tab import NetTab
from filterlab.pictures import sample
from filterlab.surgery.transplant import softmax
from filterlab.zoo.catalogue import Model

Until = Callable[..., None]
NAMES = ("ash", "birch", "cedar", "dogwood")


@pytest.fixture
def window(tab: NetTab, until: Until) -> RankingWindow:
    action = next(a for a in tab.menu_actions()["model"] if a is not None and "Rank" in a.text())
    action.trigger()
    made = tab.windows.ranking
    until(lambda: made.model is not None and not made.runner.running)
    return made


def table(window: RankingWindow) -> list[tuple[str, ...]]:
    """What the table's view shows."""
    model = window.table.model()
    rows = [
        tuple(model.index(row, column).data() for column in range(model.columnCount()))
        for row in range(model.rowCount())
    ]
    assert all(type(text) is str for row in rows for text in row)
    return rows


class Plain:
    """The net by itself, with units of a layer written to zero."""

    def __init__(self, model: Model) -> None:
        self.net = caffe.Net(str(model.prototxt), str(model.weights_path), caffe.TEST)
        # By hand: the middle of 451 x 300 pixels, first averaged to four times the input's size.
        middle = cv2.resize(sample("chelsea")[:, 75:375], (128, 128), interpolation=cv2.INTER_AREA)
        small = caffe.io.resize_image(middle, (32, 32))
        means = np.array([4.0, 3.6, 3.2], np.float32)  # red, green, blue
        self.data = np.transpose(8 * small - means, (2, 0, 1))

    def ask(self, layer: str = "", units: Sequence[int] = ()) -> tuple[Any, Any]:
        kept = [blob.data.copy() for blob in self.net.params[layer]] if layer else []
        for blob in self.net.params[layer] if layer else ():
            blob.data[list(units)] = 0
        self.net.blobs["data"].data[0] = self.data
        self.net.forward()
        score = self.net.blobs["fc8"].data[0].copy()
        for blob, values in zip(self.net.params[layer] if layer else (), kept):
            blob.data[...] = values
        return score, softmax(score)


def expected(plain: Plain, layer: str, groups: Sequence[Sequence[int]], wanted: int) -> list[Any]:
    score, prob = plain.ask()
    rows = []
    for group in groups:
        without, after = plain.ask(layer, group)
        rows.append(
            (
                float(score[wanted] - without[wanted]),
                100 * float(after[wanted] - prob[wanted]),
                int(without.argmax()),
            )
        )
    return rows


def told(value: str) -> float:
    return float(value.replace("\N{MINUS SIGN}", "-").replace("+", ""))


def test_every_number_is_what_the_net_says_without_the_unit(
    tab: NetTab, window: RankingWindow, patient: Model
) -> None:
    wanted = tab.study.wanted
    rows = expected(Plain(patient), "conv1", [[unit] for unit in range(8)], wanted)
    shown = table(window)
    assert sorted(int(row[0]) for row in shown) == list(range(8))
    for unit, loss, points, best in shown:
        want = rows[int(unit)]
        assert told(loss) == pytest.approx(want[0], abs=6e-4)
        assert told(points) == pytest.approx(want[1], abs=0.06)
        assert best == f"{want[2]} {NAMES[want[2]]}"
    losses = [told(row[1]) for row in shown]
    assert losses == sorted(losses, reverse=True)
    assert max(losses) - min(losses) > 0.5
    assert window.about.text() == f"Layer conv1, by what {wanted} {NAMES[wanted]} loses without"
    # The best class changes for some: those are in the accent.
    same = {row[3] for row in shown} == {shown[0][3]}
    assert not same
    model, colours = window.table.model(), theme.current()
    before = tab.study.found.answers.before.best
    for k, row in enumerate(shown):
        accent = QColor(colours.accent_text)
        assert (model.index(k, 3).data(Qt.ForegroundRole) == accent) == (
            not row[3].startswith(f"{before} ")
        )


def test_a_click_on_a_head_sorts_and_the_choice_stays(
    tab: NetTab, window: RankingWindow, qtbot: QtBot
) -> None:
    window.select(2)
    unit = int(table(window)[2][0])
    assert tab.study.units == (unit,)
    header = window.table.horizontalHeader()

    def press(column: int) -> None:
        x = header.sectionViewportPosition(column) + 12
        qtbot.mouseClick(header.viewport(), Qt.LeftButton, pos=QPoint(x, 8))

    def heads() -> list[tuple[str, str]]:
        model = window.table.model()
        roles = (Qt.DisplayRole, Qt.ToolTipRole)
        return [tuple(model.headerData(k, Qt.Horizontal, r) for r in roles) for k in range(4)]

    assert [head for head, _ in heads()] == [
        "Units", "Loss of score  ▼", "Change in points", "Best class without",
    ]  # fmt: skip
    assert heads()[1][1] == "Sorted, the largest first"
    assert not header.isSortIndicatorShown(), "the style's arrow points the other way"
    press(0)
    assert heads()[0] == ("Units  ▲", "Sorted, the smallest first")
    assert heads()[1] == ("Loss of score", "Sort by this")
    assert [row[0] for row in table(window)] == list("01234567")
    assert [i.row() for i in window.table.selectionModel().selectedRows()] == [unit]
    press(0)
    assert [row[0] for row in table(window)] == list("76543210")
    press(2)
    points = [told(row[2]) for row in table(window)]
    assert points == sorted(points)
    assert tab.study.units == (unit,)


def test_rows_choose_units_and_the_first_are_set_to_zero_in_one_edit(
    tab: NetTab, window: RankingWindow, qtbot: QtBot, until: Until
) -> None:
    view, model = window.table, window.table.model()
    tab.study.look_at_layer("fc6")
    until(lambda: tab.settled)
    for row, modifier in ((1, Qt.NoModifier), (4, Qt.ControlModifier)):
        place = view.visualRect(model.index(row, 0)).center()
        qtbot.mouseClick(view.viewport(), Qt.LeftButton, modifier, place)
    order = [int(row[0]) for row in table(window)]
    assert tab.study.layer == "conv1"
    assert tab.study.units == (order[1], order[4])
    window.first.setValue(3)
    assert window.zero_button.text() == "Set the first 3 to zero"
    window.zero_button.click()
    bench = tab.study.bench
    assert sorted(unit for _, unit in bench.state.units) == sorted(order[:3])
    assert not any(bench.net.params["conv1"][k].data[order[:3]].any() for k in (0, 1))
    assert len(bench.state.edits) == 1
    assert "have changed since" in window.note.text()
    tab.undo()
    assert not bench.state.units
    until(lambda: tab.settled)


def chosen(window: RankingWindow) -> list[str]:
    """The units of the chosen rows, as they stand."""
    rows = sorted(i.row() for i in window.table.selectionModel().selectedRows())
    return [table(window)[row][0] for row in rows]


def test_rows_follow_the_tiles(
    tab: NetTab, window: RankingWindow, qtbot: QtBot, until: Until
) -> None:
    """From tile to row and back; another layer's units are in no row."""

    def click(unit: int, keys: Qt.KeyboardModifier = Qt.NoModifier) -> None:
        place = tab.tiles.tile_rect(unit).center()
        qtbot.mouseClick(tab.tiles.viewport(), Qt.LeftButton, keys, place)

    click(5)
    assert chosen(window) == ["5"]
    assert tab.study.units == (5,), "and the row chooses nothing else"
    click(1, Qt.ControlModifier)
    assert sorted(chosen(window)) == ["1", "5"]
    assert sorted(tab.study.units) == [1, 5]
    window.select(0)
    assert tab.tiles._units == tab.study.units == (int(table(window)[0][0]),)
    tab.study.look_at_layer("fc6")
    assert chosen(window) == []
    tab.study.choose((2,))
    assert chosen(window) == []
    assert tab.study.layer == "fc6", "nothing leads back"
    tab.study.look_at_layer("conv1")
    tab.study.choose((3,))
    assert chosen(window) == ["3"]
    window.rank()
    until(lambda: not window.runner.running)
    assert chosen(window) == ["3"], "a new ranking shows the units that are chosen"
    assert tab.study.units == (3,)
    until(lambda: tab.settled)


def test_a_row_that_is_chosen_comes_into_sight(
    tab: NetTab, window: RankingWindow, until: Until
) -> None:
    window.resize(window.width(), window.minimumSizeHint().height() + 80)
    view, model = window.table, window.model
    until(lambda: view.viewport().height() < 7 * view.rowHeight(0))
    window.select(0)
    last = model.units(7)
    tab.study.choose(last)
    rect = view.visualRect(model.index(7, 0))
    assert view.viewport().rect().contains(rect)
    until(lambda: tab.settled)


def test_a_new_ranking_begins_at_its_top(tab: NetTab, window: RankingWindow, until: Until) -> None:
    """Though the unit that is chosen stands at its end."""
    window.resize(window.width(), window.minimumSizeHint().height() + 80)
    view = window.table
    until(lambda: view.viewport().height() < 7 * view.rowHeight(0))
    old, last = window.model, window.model.units(7)
    tab.study.choose(last)
    until(lambda: tab.settled)
    window.rank()
    until(lambda: window.model is not old and not window.runner.running)
    assert window.model.units(7) == last
    assert chosen(window) == [str(last[0])]
    assert view.viewport().rect().contains(view.visualRect(window.model.index(0, 0)))
    until(lambda: tab.settled)


def test_a_group_is_chosen_when_all_of_it_is(
    tab: NetTab, window: RankingWindow, until: Until
) -> None:
    window.grouping.setCurrentIndex(window.grouping.findData("strength"))
    window.count.setValue(3)
    old = window.model
    window.rank_button.click()
    until(lambda: window.model is not old and not window.runner.running)
    group = window.model.units(0)
    assert len(group) > 1
    tab.study.choose(group[:-1])
    assert chosen(window) == []
    tab.study.choose(group)
    assert chosen(window) == [table(window)[0][0]]
    until(lambda: tab.settled)


def test_groups_are_ranked_together(
    tab: NetTab, window: RankingWindow, patient: Model, until: Until
) -> None:
    plain, wanted = Plain(patient), tab.study.wanted
    norms = np.linalg.norm(plain.net.params["conv1"][0].data.reshape(8, -1), axis=1)
    order = np.argsort(-norms, kind="stable")
    groups = [sorted(int(u) for u in order[k : k + 3]) for k in (0, 3, 6)]
    rows = expected(plain, "conv1", groups, wanted)
    window.grouping.setCurrentIndex(window.grouping.findData("strength"))
    window.count.setValue(3)
    old = window.model
    window.rank_button.click()
    until(lambda: window.model is not old and not window.runner.running)
    shown = {row[0]: row for row in table(window)}
    for group, want in zip(groups, rows):
        row = shown[f"units {', '.join(map(str, group))}"]
        assert told(row[1]) == pytest.approx(want[0], abs=6e-4)
        assert told(row[2]) == pytest.approx(want[1], abs=0.06)
    window.select(0)
    first = table(window)[0][0]
    assert first == f"units {', '.join(map(str, tab.study.units))}"
    window.first.setValue(2)
    window.zero_button.click()
    assert len(tab.study.bench.state.units) == sum(
        len(row[0].split(",")) for row in table(window)[:2]
    )
    window.grouping.setCurrentIndex(window.grouping.findData("twins"))
    window.rank_button.click()
    until(lambda: not window.runner.running)
    assert window.progress.text == "layer 'conv1' has no twins; take other groups"
    until(lambda: tab.settled)


def test_the_bars_are_as_long_as_the_losses(window: RankingWindow) -> None:
    view, model = window.table, window.table.model()
    image = view.viewport().grab().toImage()
    ratio = image.devicePixelRatio()
    accent = QColor(theme.current().accent)
    lengths = []
    for row in range(8):
        place = view.visualRect(model.index(row, 1))
        y = round(place.center().y() * ratio)
        xs = range(round(place.left() * ratio), round(place.right() * ratio))
        lengths.append(sum(image.pixelColor(x, y) == accent for x in xs))
    losses = [told(row[1]) for row in table(window)]
    assert lengths[0] > 40
    # The number takes 58 pixels, gaps 24; the rest is for all from the least to the largest loss.
    room = view.visualRect(model.index(0, 1)).width() - round(58 * theme.scale()) - 24
    each = ratio * room / (max(losses) - min(0.0, *losses))
    for length, loss in zip(lengths, losses):
        assert length == pytest.approx(max(0.0, loss) * each, abs=2 + 2 * ratio)


def test_esc_cancels_then_closes_and_layers_without_units_are_told(
    tab: NetTab, window: RankingWindow, until: Until
) -> None:
    window.rank()
    assert window.runner.running
    window.reject()
    assert window.isVisible()
    until(lambda: not window.runner.running)
    tab.study.look_at("prob")
    window.rank()
    assert not window.runner.running
    assert window.progress.text == "Choose a layer with weights of its own first."
    window.reject()
    assert not window.isVisible()
    until(lambda: tab.settled)


def test_it_is_told_in_chinese(window: RankingWindow) -> None:
    try:
        retranslate.change_language("zh_CN")
        heads = [window.model.headerData(k, Qt.Horizontal) for k in range(4)]
        texts = [window.about.text(), window.note.text(), window.zero_button.text()]
        texts += [window.grouping.itemText(k) for k in range(4)]
        for text in (*heads, *texts, window.rank_button.text(), window.windowTitle()):
            assert any("\u4e00" <= letter <= "\u9fff" for letter in text), text
    finally:
        retranslate.change_language("en")
