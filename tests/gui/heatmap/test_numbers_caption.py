"""The line under the picture at every width, to the pixel; what it and the cells answer to."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from PyQt5.QtCore import QEvent, QPoint, Qt
from PyQt5.QtGui import QColor, QFontMetrics, QHelpEvent, QImage
from PyQt5.QtWidgets import QApplication, QToolTip
from pytestqt.qtbot import QtBot

from filterlab.gui import i18n, theme
from filterlab.gui.class_names import (
    both_names,
    classes_name,
    frame_title,
    numbers,
    percent,
    picture_title,
    short_name,
)
from filterlab.gui.heatmap import words
from filterlab.gui.heatmap.caption import Bar, Caption, Title
from filterlab.zoo.labels import Group, Labels, imagenet

SMALL, BOLD, LARGE = (12,), (12, True), (16, True)


def _wide(text: str, font: tuple[Any, ...]) -> int:
    return QFontMetrics(theme.font(*font)).horizontalAdvance(text)


def _drawn(caption: Caption) -> np.ndarray:
    """The caption on white, (height, width, 3)."""
    image = QImage(caption.size(), QImage.Format_RGB888)
    image.fill(QColor(255, 255, 255))
    caption.render(image)
    rows = image.bits().asarray(image.bytesPerLine() * image.height())
    found = np.array(rows, np.uint8).reshape(image.height(), image.bytesPerLine())
    return found[:, : 3 * image.width()].reshape(image.height(), image.width(), 3).astype(int)


def _bar() -> Bar:
    table = np.zeros((256, 4), np.float32)
    table[:, 1] = table[:, 3] = 1
    return Bar(table, "0", "40 %")


@pytest.fixture
def made(qtbot: QtBot) -> Caption:
    caption = Caption()
    qtbot.addWidget(caption)
    caption.resize(700, 40)
    return caption


@pytest.mark.parametrize("opacity", [1.0, 0.5])
def test_the_bar_is_mixed_to_the_last_level(made: Caption, opacity: float) -> None:
    ground = QColor(theme.current().well).getRgbF()[:3]
    for value in (0.0, 0.3, 0.5, 0.8, 0.998, 1.0):
        table = np.zeros((256, 4), np.float32)
        table[:, :3], table[:, 3] = value, opacity
        made.set_bar(Bar(table, "0", "1"))
        wanted = [int(255 * (value * opacity + g * (1 - opacity)) + 0.5) for g in ground]
        right = 700 - _wide("1", SMALL) - 9
        assert _drawn(made)[20, right - 100].tolist() == pytest.approx(wanted, abs=0.01), value


@pytest.mark.parametrize(("mark", "share"), [(0.25, 0.25), (0.0, 0), (1.0, 1), (-3, 0), (7, 1)])
def test_the_mark_is_a_triangle_below_the_bar(made: Caption, mark: float, share: float) -> None:
    """Ten wide and six high, two pixels below; it points at its place, within the bar."""
    made.set_bar(_bar())
    before = _drawn(made)
    made.set_mark(mark)
    changed = (_drawn(made) != before).any(axis=2)
    right = 700 - _wide("40 %", SMALL) - 9
    at = right - 200 * theme.scale() * (1 - share)
    rows, cols = np.nonzero(changed)
    assert (rows.min(), rows.max()) == (28, 33)
    assert (cols.min(), cols.max() + 1) == pytest.approx((at - 5, at + 5), abs=1.2)
    widths = changed.sum(axis=1)[28:34]
    assert (np.diff(widths) >= 0).all(), "pointing up"
    assert (widths[0], widths[-1]) == pytest.approx((2, 10), abs=1.5)
    ink = _drawn(made)[33, round(at)]
    assert np.abs(ink - QColor(theme.current().text).getRgb()[:3]).max() <= 3
    made.set_mark(None)
    np.testing.assert_array_equal(_drawn(made), before)


@pytest.mark.parametrize("name", ["x", "tabby cat", "a name that is far longer than 120 pixels"])
@pytest.mark.parametrize("bar", [False, True])
def test_the_fact_stays_as_long_as_the_name_has_room(made: Caption, name: str, bar: bool) -> None:
    """All of a short name, 120 pixels of a long one, and a gap; not a pixel less."""
    if bar:
        made.set_bar(_bar())
    fact = _wide("best cell ", SMALL) + _wide("38 %", BOLD)
    needed = fact + 16 + min(_wide(name, LARGE), 120) + (16 if bar else 0)
    told = {}
    for wide in range(needed - 40, needed + 340):
        room = float(wide)
        if bar:
            room -= _wide("40 %", SMALL) + _wide("0", SMALL) + 18
            room -= min(200 * theme.scale(), max(80.0, wide * 0.32))
        made.resize(wide, 40)
        made.set_title(Title(name))
        plain = _drawn(made)
        made.set_title(Title(name, fact="best cell", value="38 %"))
        shown = _drawn(made)
        if room < needed - 30:
            continue
        told[wide] = (room >= needed, bool((shown != plain).any()))
        if told[wide][0] and len(name) < 20 and wide % 7 == 0:
            cols = np.nonzero((shown != plain).any(axis=(0, 2)))[0]
            edge = room - (16 if bar else 0)
            assert cols.max() < edge + 1
            assert cols.max() > edge - 8
    assert {wide: seen for wide, (_, seen) in told.items()} == {
        wide: wanted for wide, (wanted, _) in told.items()
    }
    assert {wanted for wanted, _ in told.values()} == {True, False}


def test_a_fact_that_warns_has_the_colour_of_a_warning(made: Caption) -> None:
    drawn = {}
    for warn in (False, True):
        made.set_title(Title("", fact="off by 9 px", warn=warn))
        ink = _drawn(made).reshape(-1, 3)
        drawn[warn] = {tuple(int(v) for v in c) for c in ink}
    for warn, colour in ((True, theme.current().warning), (False, theme.current().muted)):
        rgb = QColor(colour).getRgb()[:3]
        near = [
            min(max(abs(a - b) for a, b in zip(c, rgb)) for c in drawn[one])
            for one in (False, True)
        ]
        assert near[warn] <= 12 < near[not warn]


def test_as_many_names_as_leave_room_for_the_count_of_the_rest(made: Caption) -> None:
    """Three tenths of the line stay for the title."""
    entries = [((200, 0, 10 * k), text) for k, text in enumerate(
        ["a", "bb", "a longer name", "c", "a name that is much longer than any line has room for",
         "dd"])]  # fmt: skip
    small = QFontMetrics(theme.font(12))
    chips = [_wide(small.elidedText(text, Qt.ElideRight, 150), SMALL) + 32 for _, text in entries]
    assert chips[4] <= 182
    counts = set()
    made.set_legend(entries)
    for wide in range(60, 1000, 3):
        made.resize(wide, 40)
        image = _drawn(made)
        squares = [np.nonzero((image[20] == colour).all(axis=1))[0] for colour, _ in entries]
        wanted, used = 0, 0
        while wanted < 6:
            more = _wide(f"+ {6 - wanted}", SMALL) + 8
            if used + chips[wanted] + more > 0.7 * wide:
                break
            used += chips[wanted]
            wanted += 1
        assert [len(s) for s in squares] == [12] * wanted + [0] * (6 - wanted), wide
        counts.add(wanted)
        rest = _wide(f"+ {6 - wanted}", SMALL) + 8 if wanted < 6 else 0
        left = wide - used - rest
        for k in range(wanted):
            assert squares[k][0] == left + sum(chips[:k])
        if wanted:
            column = image[:, squares[0][0] + 3]
            rows = np.nonzero((column == entries[0][0]).all(axis=1))[0]
            assert (rows[0], rows[-1]) == (14, 25)
    assert counts == set(range(7))


def test_a_tool_tip_tells_it_all(made: Caption, qtbot: QtBot) -> None:
    made.show()

    def asked(kind: Any = QEvent.ToolTip) -> str:
        at = made.mapToGlobal(QPoint(5, 5))
        QToolTip.showText(at, "of before", made)
        QApplication.sendEvent(made, QHelpEvent(kind, QPoint(5, 5), at))
        return QToolTip.text()

    made.set_title(Title("tiger cat", "虎猫", "class 282"))
    assert asked() == "tiger cat 虎猫"
    made.set_title(Title("tiger cat"))
    assert asked() == "tiger cat"
    made.set_legend([((1, 2, 3), "one"), ((4, 5, 6), "two")])
    assert asked() == "one\ntwo"
    assert asked(QEvent.WhatsThis) == "of before", "nobody asked for a tool tip"
    QToolTip.hideText()
    made.set_title(Title("cat", "", "class 7", "best cell", "38 %"))
    assert made.accessibleName() == "cat class 7 best cell 38 %"


# --- words


def test_the_digits_of_scores_are_those_of_their_span(ready: Any, settled: Any) -> None:
    ready.bench.choose([1])
    ready.bench.set_look(scale="score")
    for n, (low, high, told) in enumerate((
        (-60.25, 60.25, ("−60", "60 score")),
        (-12.5, 30.5, ("−12.5", "30.5 score")),
        (60.25, 60.75, ("60.2", "60.8 score")),
    )):  # fmt: skip
        ready.bench.maps.score[1] = np.linspace(low, high, 9 * 13).reshape(9, 13)
        ready.bench.set_look(gamma=1.0 + n)  # draws it anew
        ready.bench.set_look(scale="unit")
        ready.bench.set_look(scale="score")
        settled(ready)
        bar = ready.stage.caption.bar
        assert (bar.low, bar.high) == told


@pytest.mark.parametrize(
    ("points", "number"), [(0.0, "0.0"), (1.999, "2.0"), (2.0, "2"), (9.96, "10")]
)
def test_the_meters_texts_grow_shorter(points: float, number: str) -> None:
    assert words.meter_texts(12, points) == (
        f"12 windows: mean difference {number} points",
        f"12 windows: difference {number} points",
        f"12 windows: {number} points",
    )


# --- names


def test_names_in_the_language_in_use(ready: Any) -> None:
    labels = ready.bench.labels
    labels.groups = (
        Group("other", "elsewhere", (), (1, 2)),
        Group("pair", "light and dark", (("zh_CN", "明暗"),), (0, 1)),
        Group("plain", "all of them", (), (0, 1, 2)),
    )
    assert classes_name(labels, (0, 1)) == ("light and dark", "明暗")
    assert classes_name(labels, (0, 1, 2)) == ("all of them", "")
    assert short_name(labels, 2) == "2 nothing"
    assert frame_title("a.gif", 0, 1) == "a.gif"
    assert frame_title("a.gif", 0, 2) == "a.gif, frame 1 of 2"
    assert frame_title("a.gif", 6, 7) == "a.gif, frame 7 of 7"
    i18n.set_language("zh_CN")
    try:
        assert classes_name(labels, (0, 1)) == ("明暗", "light and dark")
        assert classes_name(labels, (0, 1, 2)) == ("all of them", "")
        assert classes_name(labels, (0, 2))[0].startswith("0, 2")
        assert both_names(labels, 1) == ("bright light", "")
        assert picture_title("x", "chelsea") != "Tabby cat (Chelsea)"
    finally:
        i18n.set_language("en")
    assert numbers([4, 4, 6, 5]) == "4 – 6"
    assert numbers([]) == ""
    assert percent(0.09949) == "9.9 %"


def test_labels_known_in_both_languages() -> None:
    labels = imagenet()
    assert both_names(labels, 282) == ("tiger cat", labels[282].foreign)
    assert labels[282].foreign
    i18n.set_language("zh_CN")
    try:
        own, other = both_names(labels, 282)
        assert other == "tiger cat"
        assert own == labels[282].name_in("zh_CN") != ""
        assert short_name(labels, 282) == f"282 {own}"
    finally:
        i18n.set_language("en")


# --- cells


def _at(tab: Any, cell: tuple[int, int]) -> QPoint:
    point = tab.view.to_widget(*tab.bench.maps.centre_on_picture(*cell))
    return QPoint(round(point.x()), round(point.y()))


def test_a_right_click_asks_for_the_menu_of_its_cell(ready: Any) -> None:
    asked: list[tuple[Any, QPoint]] = []
    ready.cells.menu_requested.disconnect()
    ready.cells.menu_requested.connect(lambda cell, at: asked.append((cell, at)))
    view = ready.view
    for cell in ((3, 5), (0, 12), (8, 0)):
        view.customContextMenuRequested.emit(_at(ready, cell))
        assert asked.pop() == (cell, view.mapToGlobal(_at(ready, cell)))
    corner = view.to_widget(1, 1)
    view.customContextMenuRequested.emit(QPoint(round(corner.x()), round(corner.y())))
    assert asked == [], "the margin has no cell"


def test_enter_pins_beside_the_others_and_lets_go(ready: Any) -> None:
    cells, view = ready.cells, ready.view
    ready.bench.pin((1, 1))
    cells.set_current((2, 3))
    view.pin_requested.emit()
    assert ready.bench.pins == ((1, 1), (2, 3))
    view.pin_requested.emit()
    assert ready.bench.pins == ((1, 1),)
    cells.set_current(None)
    view.pin_requested.emit()
    assert ready.bench.pins == ((1, 1),)


def test_the_cell_reached_by_keys_stays_when_the_mouse_leaves(qtbot: QtBot, ready: Any) -> None:
    view = ready.view
    view.hovered.emit(40 + 16, 24 + 16)
    view.left.emit()
    assert ready.cells.current is None
    view.setFocus()
    qtbot.keyClick(view, Qt.Key_Right)
    middle = ready.cells.current
    assert middle == (4, 6)
    view.left.emit()
    assert ready.cells.current == middle
    view.hovered.emit(40 + 16, 24 + 16)
    view.left.emit()
    assert ready.cells.current is None


def test_cards_are_turned_through_both_ways(ready: Any) -> None:
    for cell in ((0, 0), (1, 1), (2, 2)):
        ready.bench.pin(cell)
    order = lambda: [f.number for f in ready.stage.facts]  # noqa: E731
    assert order() == [3, 2, 1]
    foot, stage = ready.panels.foot, ready.stage
    seen = []
    for by in (1, 1, 1, -1):
        foot.step_requested.emit(by)
        seen.append(order()[0])
    assert seen == [1, 2, 3, 2]
    stage.front_requested.emit(1)
    assert order() == [1, 3, 2]
    for nobody in (0, 4, -1):
        stage.front_requested.emit(nobody)
        stage.unpin_requested.emit(nobody)
        assert order() == [1, 3, 2]
        assert len(ready.bench.pins) == 3
    stage.unpin_requested.emit(2)
    assert ready.bench.pins == ((0, 0), (2, 2))
    ready.bench.pin((4, 4))
    stage.unpin_requested.emit(3)
    assert ready.bench.pins == ((0, 0), (2, 2)), "the last one, too"
    for number in (1, 2):
        stage.front_requested.emit(number)
        assert order() == [number, 3 - number]
    ready.view.unpin_requested.emit()
    assert ready.bench.pins == ((0, 0),), "the one in front"
    assert math.prod(len(f.best) for f in ready.stage.facts) == 3


def test_a_window_over_the_edge_is_cut_there(ready: Any, settled: Any) -> None:
    """At another size the last windows hang over; what is shown is what lies on the picture."""
    picture = ready.bench.shown.picture
    for cell in ((0, 0), (8, 12)):
        ready.bench.pin(cell)
        settled(ready)
        facts = next(f for f in ready.stage.facts if f.cell == cell)
        (x0, x1), (y0, y1) = facts.x, facts.y
        part = picture[max(0, y0) : y1, max(0, x0) : x1]
        assert part.size
        image = facts.cut.toImage()
        ratio = ready.stage.devicePixelRatioF()
        assert max(image.width(), image.height()) == round(96 * ratio)
        assert image.width() / image.height() == pytest.approx(
            part.shape[1] / part.shape[0], rel=0.03
        )
        seen = np.mean([image.pixelColor(x, y).green() for x in range(image.width())
                        for y in range(image.height())])  # fmt: skip
        assert seen == pytest.approx(255 * float(part.mean()), abs=3)


@pytest.mark.parametrize(
    ("share", "text"),
    [(0.001, "0.1 %"), (0.000999, "< 0.1 %"), (0.0995, "10 %"), (0.09949, "9.9 %"), (0.0, "0 %")],
)
def test_shares_at_the_limits(share: float, text: str) -> None:
    assert percent(share) == text


def test_five_of_many_classes_are_told(ready: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    bench = ready.bench
    rng = np.random.default_rng(4)
    prob = rng.dirichlet(np.ones(8), (9, 13)).transpose(2, 0, 1).astype(np.float32)
    run = replace(bench.run, maps=replace(bench.maps, prob=prob, score=prob))
    monkeypatch.setattr(type(bench), "run", property(lambda _: run))
    monkeypatch.setattr(type(bench), "maps", property(lambda _: run.maps))
    monkeypatch.setattr(type(bench), "labels", property(lambda _: Labels.numbered(8)))
    for cell in ((3, 5), (0, 12)):
        order = np.argsort(-prob[:, cell[0], cell[1]])[:5]
        told = [(f"class {c}", percent(float(prob[c, cell[0], cell[1]]))) for c in order]
        facts = ready.cells.facts(cell)
        assert [(name, percent(share)) for name, _, share in facts.best] == told
        assert facts.number == 0
        assert words.cell_line(bench, cell) == f"Cell ({cell[0]}, {cell[1]}):  " + ", ".join(
            f"{name} {share}" for name, share in told
        )


def test_a_scale_without_extent_has_no_mark(ready: Any) -> None:
    drawing = ready.drawing
    assert words.mark(drawing, (0, 0)) is not None
    assert words.mark(replace(drawing, low=0.5, high=0.5), (0, 0)) is None
    assert words.mark(replace(drawing, unit=""), (0, 0)) is None
    for values, low, high, wanted in ((0.3, 0.2, 0.6, 0.25), (0.6, 0.2, 0.6, 1.0), (4, 3, 1, None)):
        flat = replace(drawing, values=np.full((2, 3), values), low=low, high=high, log=False)
        assert words.mark(flat, (1, 2)) == (pytest.approx(wanted) if wanted else None)
        assert words.mark(flat, (1, 3)) is None
        assert words.mark(flat, (2, 2)) is None
    short, told, much = words.grid_text(ready.bench, 100_000)
    assert (short, much) == ("", False)
    assert "100000 cells" in told
