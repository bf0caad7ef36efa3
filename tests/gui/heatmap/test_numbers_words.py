"""What the Heatmap tab says of a bench, and where its caption puts it."""

from __future__ import annotations

import math
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PyQt5.QtCore import QPointF
from PyQt5.QtGui import QColor, QFontMetrics, QImage, QPainter
from PyQt5.QtWidgets import QWidget
from pytestqt.qtbot import QtBot

from filterlab.gui import theme
from filterlab.gui.class_names import both_names, classes_name, picture_title
from filterlab.gui.heatmap import words
from filterlab.gui.heatmap.caption import Bar, Caption, Title
from filterlab.progress import run_job
from filterlab.surgery.methods import Request
from filterlab.workbench.heatmap_bench import HeatmapBench
from filterlab.workbench.heatmap_draw import Scene, draw
from filterlab.workbench.heatmap_state import Look, Source
from filterlab.zoo.labels import Group


@pytest.fixture
def bench(bright: Any, tmp_path: Path) -> HeatmapBench:
    """The brightness net, transplanted, on 128 x 96 pixels with a white square at (40, 24)."""
    made = HeatmapBench(bright.make(tmp_path / "net"))
    made.restore_request(Request(size=128))
    made.accept(run_job(made.open_job(Source(array_name="square"), bright.picture((40, 24)))))
    made.accept(run_job(made.transplant_job()))
    while (job := made.due_job()) is not None:
        made.accept(run_job(job))
    return made


def shown(bench: HeatmapBench, classes: tuple[int, ...] = (1,), **look: Any) -> Any:
    second = look.pop("second", ())
    picture = np.full((96, 128, 3), 0.5, np.float32)
    return draw(Scene(picture, bench.maps, classes, second, Look(**look)))


# Titles


def test_titles_of_each_way_to_look(bench: HeatmapBench) -> None:
    maps = bench.maps
    assert maps is not None
    best = f"{100 * float(maps.prob[1].max()):.0f} %"
    assert words.title(bench, shown(bench)) == Title(
        "bright light", "", "class 1", "best cell", best
    )
    both = words.title(bench, shown(bench, (0, 1)))
    top = float((maps.prob[0] + maps.prob[1]).max())
    assert both == Title("0, 1, sum", "", "", "best cell", f"{100 * top:.0f} %")
    assert words.title(bench, shown(bench, show="winner")).name == "The best class of each cell"
    assert words.title(bench, shown(bench, show="entropy")).name == "How undecided each cell is"
    two = words.title(bench, shown(bench, show="two", second=(2,)))
    assert (two.name, two.fact, two.value) == ("bright light  ↔  nothing", "", "")
    alone = words.title(bench, shown(bench, show="two"))
    assert (alone.name, alone.fact) == ("bright light", "")
    for show, warned in (("class", True), ("entropy", True), ("two", True), ("winner", False)):
        found = words.title(bench, shown(bench, show=show, projection="stretched"))
        assert found.warn is warned
        assert bool(found.fact) is warned
        assert found.value == ""
    assert words.title(bench, None) == Title("square")


def test_the_ends_of_each_scale(bench: HeatmapBench) -> None:
    unit = words.bar(shown(bench, scale="unit"))
    assert unit is not None
    assert (unit.low, unit.high) == ("0", "100 %")
    log = words.bar(shown(bench, scale="log"))
    assert log is not None
    assert (log.low, log.high) == ("0.0001 %", "100 %")
    bits = words.bar(shown(bench, show="entropy", scale="unit"))
    assert bits is not None
    assert (bits.low, bits.high) == ("0", f"{math.log2(3):.2f} bits")
    assert words.bar(shown(bench, show="winner")) is None
    assert words.bar(None) is None
    drawing = shown(bench, show="entropy")
    assert words.scale_name(drawing, 0.3) == "0 – best"
    for peak, name in ((0.3, "0 – 40 %"), (0.99, "0 – best"), (None, "0 – best")):
        assert words.scale_name(shown(bench), peak) == name or peak == 0.3
    assert re.fullmatch(r"0 – [\d.]+ %", words.scale_name(None, 0.3))
    assert float(words.scale_name(None, 0.3)[4:-2]) >= 30


def test_the_mark_of_a_cell_and_of_the_best(bench: HeatmapBench) -> None:
    maps = bench.maps
    assert maps is not None
    maps.prob[1] = 0.001
    maps.prob[1, 2, 3], maps.prob[1, 8, 12] = 0.25, 0.75
    unit, log = shown(bench, scale="unit"), shown(bench, scale="log")
    assert words.mark(unit, (2, 3)) == pytest.approx(0.25)
    assert words.mark(unit, (8, 12)) == pytest.approx(0.75)
    assert words.mark(unit, None) == pytest.approx(0.75)
    for value, cell in ((0.25, (2, 3)), (0.001, (0, 0))):
        wanted = 1 + math.log10(value) / 6
        assert words.mark(log, cell) == pytest.approx(wanted, abs=1e-4)
    for outside in ((9, 0), (0, 13)):
        assert words.mark(unit, outside) is None
    assert words.mark(None, None) is None
    assert words.mark(shown(bench, show="winner"), (0, 0)) is None


def test_what_colours_stand_for(bench: HeatmapBench) -> None:
    legend = words.legend(shown(bench, show="winner"), bench.labels)
    counts = {c: int((bench.maps.prob.argmax(axis=0) == c).sum()) for c in range(3)}
    order = [c for c in sorted(counts, key=lambda c: -counts[c]) if counts[c]]
    names = ["darkness", "bright light", "nothing"]
    assert [text for _, text in legend] == [f"{c} {names[c]}" for c in order]
    drawing = shown(bench, show="winner")
    drawing.legend = [*drawing.legend, ((1, 2, 3), -1)]
    assert words.legend(drawing, bench.labels)[-1] == ((1, 2, 3), "all others")
    assert words.legend(None, bench.labels) == []
    assert words.cell_name(bench.labels, 0) == "0\ndarkness"


def test_what_there_is_to_do(bright: Any, bench: HeatmapBench) -> None:
    assert words.cell_line(bench, (3, 5)).startswith("Cell (3, 5):  ")
    assert words.cell_line(bench, (3, 5)).count("%") == 3
    assert words.status(bench).startswith("13 × 9 cells")
    fresh = HeatmapBench(bench.model)
    assert words.status(fresh) == "Choose a model and a picture, then press Transplant."
    assert words.cell_line(fresh, (0, 0)) == ""
    assert words.density_offers(fresh) == []
    assert words.method_offers(fresh) == ([], "")
    fresh.accept(run_job(fresh.transplant_job()))
    assert words.status(fresh) == ""
    assert words.grid_text(fresh)[:1] == ("",)
    assert "press Transplant" in words.grid_text(fresh)[1]
    assert words.method_offers(fresh)[1] == fresh.methods[0]
    assert words.density_offers(fresh)[0][1] == "own"


def test_densities_and_methods_that_are_offered(
    bench: HeatmapBench, monkeypatch: pytest.MonkeyPatch
) -> None:
    offers = words.density_offers(bench)
    assert ("every 8 px", "own") in [(text, key) for text, key, _ in offers]
    assert ("three scales", "scales") in [(text, key) for text, key, _ in offers]
    assert ("every 4 px", "stride:4") in [(text, key) for text, key, _ in offers]
    assert all(why == "" for *_, why in offers), "all of them can be had"
    done = bench.transplanted
    assert done is not None
    oblong = replace(done, geometry=replace(done.geometry, jump=(16, 8)))
    with monkeypatch.context() as patch:
        patch.setattr(HeatmapBench, "transplanted", property(lambda self: oblong))
        assert words.density_offers(bench)[0][:2] == ("every 8 × 16 px", "own")
    methods, chosen = words.method_offers(bench)
    assert [key for _, key, _ in methods] == [m for m in ("dense", "pooled", "exact")
                                             if m in bench.methods]  # fmt: skip
    assert chosen == bench.run.plan.method
    assert bench.run is not None
    bench.set_method("exact")
    while (job := bench.due_job()) is not None:
        bench.accept(run_job(job))
    assert words.method_offers(bench)[1] == "exact"
    why = {key: reason for _, key, reason in words.density_offers(bench)}
    assert why["scales"] != "" or "scales" in bench.densities


def test_the_line_that_says_most() -> None:
    assert words.telling_line("a = 1\nb = 2\n") == "b = 2"
    code = "a = 1\nnet.params['f'][0].data.flat = \\\n    x.flat\nb = 2\n"
    assert words.telling_line(code) == "net.params['f'][0].data.flat = x.flat"
    assert words.telling_line("") == ""
    assert words.telling_line("a = = 1") == ""


def test_keys_stand_before_what_they_do() -> None:
    rows = re.findall(r"<td class='key'>(.*?)</td><td>(.*?)</td>", words.help_html())
    assert len(rows) == words.help_html().count("<tr>") >= 10
    told = dict(rows)
    for key, says in (
        ("Delete", "let the pinned cell go"), ("Ctrl+T", "transplant"), ("F11", "full screen"),
        ("Esc", "cancel what runs"), ("Point at a cell", "its window and its five best classes"),
        ("Ctrl+Z, Ctrl+Shift+Z", "undo and redo"), ("Ctrl+O, Ctrl+V", "open or paste a picture"),
        ("Click on a layer below", "see it in the Net tab"),
    ):  # fmt: skip
        assert told[key] == says
    for key in told:
        assert key[0].isupper()
        assert len(key) < 30


# Names


def test_groups_have_names_and_other_classes_are_sums(bench: HeatmapBench) -> None:
    labels = bench.labels
    pair = Group("pair", "light and dark", (("zh_CN", "明暗"),), (0, 1))
    labels.groups = (pair,)
    assert classes_name(labels, (0, 1)) == ("light and dark", "明暗")
    assert classes_name(labels, (0, 2)) == ("0, 2, sum", "")
    assert classes_name(labels, (1, 0)) == ("0, 1, sum", "")
    assert classes_name(labels, (1,)) == both_names(labels, 1) == ("bright light", "")
    title = words.title(bench, shown(bench, (0, 1)))
    assert (title.name, title.other, title.number) == ("light and dark", "明暗", "classes 0, 1")


def test_pictures_are_called_by_their_samples_title() -> None:
    assert picture_title("photo.png") == "photo.png"
    assert picture_title("chelsea", "chelsea") == "Tabby cat (Chelsea)"
    assert picture_title("chelsea") == "chelsea"


# The caption


class _Heard(QPainter):
    texts: list[tuple[str, float, float]]

    def drawText(self, *what: Any) -> Any:
        if isinstance(what[0], QPointF):
            _Heard.texts.append((what[1], what[0].x(), what[0].y()))
        return super().drawText(*what)


@pytest.fixture
def painted(monkeypatch: pytest.MonkeyPatch) -> Any:
    """``painted(caption)``: its texts by what they say: where they begin and end."""

    def listen(caption: QWidget) -> dict[str, tuple[float, float]]:
        _Heard.texts = []
        with monkeypatch.context() as patched:
            patched.setattr("filterlab.gui.heatmap.caption.QPainter", _Heard)
            image = QImage(caption.size(), QImage.Format_RGB888)
            image.fill(QColor(255, 255, 255))
            caption.render(image)
        found = {}
        for text, x, _ in _Heard.texts:
            for font in (
                theme.font(12),
                theme.font(12, True),
                theme.font(13),
                theme.font(16, True),
            ):
                found[text, font.pixelSize(), font.bold()] = (
                    x, x + QFontMetrics(font).horizontalAdvance(text)
                )  # fmt: skip
        assert len({y for *_, y in _Heard.texts}) <= 1, "all on one line"
        return {text: place for (text, *_), place in found.items()} | {
            (text, "bold"): place for (text, _, bold), place in found.items() if bold
        }

    return listen


def _bar(low: str = "0", high: str = "40 %") -> Bar:
    table = np.zeros((256, 4), np.float32)
    table[:, 1] = table[:, 3] = 1
    return Bar(table, low, high)


@pytest.mark.parametrize(("wide", "bar"), [(900, 200), (500, 160), (300, 96), (200, 80)])
def test_a_bar_is_a_third_of_the_line_and_no_less_than_80_pixels(
    qtbot: QtBot, painted: Any, wide: int, bar: int
) -> None:
    made = Caption()
    qtbot.addWidget(made)
    made.resize(wide, 40)
    made.set_bar(_bar())
    texts = painted(made)
    place = made._bar_place
    assert place.width() == pytest.approx(bar, abs=0.6)
    assert (place.top(), place.bottom()) == (14, 26)
    small = QFontMetrics(theme.font(12))
    high = wide - small.horizontalAdvance("40 %")
    assert texts["40 %"][0] == pytest.approx(high)
    assert place.right() == pytest.approx(high - 9)
    assert texts["0"][0] == pytest.approx(place.left() - 9 - small.horizontalAdvance("0"))
    assert made.height() >= QFontMetrics(theme.font(16)).height()


def test_what_stands_in_a_line(qtbot: QtBot, painted: Any) -> None:
    """The name first, behind it the other name and the number; the fact ends before the bar."""
    made = Caption()
    qtbot.addWidget(made)
    made.resize(900, 40)
    made.set_bar(_bar())
    made.set_title(Title("tiger cat", "虎猫", "class 282", "best cell", "38 %"))
    texts = painted(made)
    large, middle, small = (QFontMetrics(theme.font(*f)) for f in ((16, True), (13,), (12,)))
    bold = QFontMetrics(theme.font(12, True))
    assert texts["tiger cat"][0] == 0
    after = large.horizontalAdvance("tiger cat")
    assert texts["虎猫"][0] == pytest.approx(after + 9)
    after += 9 + middle.horizontalAdvance("虎猫")
    assert texts["class 282"][0] == pytest.approx(after + 9)
    low = texts["0"][0]
    wide = small.horizontalAdvance("best cell ") + bold.horizontalAdvance("38 %")
    assert texts["best cell "][0] == pytest.approx(low - 16 - wide)
    assert texts["38 %"][0] == pytest.approx(low - 16 - bold.horizontalAdvance("38 %"))
    made.set_bar(None)
    texts = painted(made)
    assert texts["38 %"][0] == pytest.approx(900 - bold.horizontalAdvance("38 %"))
    # Where there is less room the number gives way first, then the other name, then the fact.
    lasts = []
    for room in range(420, 60, -1):
        made.resize(room, 40)
        there = painted(made)
        lasts.append(tuple(t in there for t in ("class 282", "虎猫", "best cell ")))
    changes = [one for one, other in zip(lasts, [None, *lasts]) if one != other]
    assert changes[0] == (True, True, True)
    assert (False, True, True) in changes
    assert changes[-1][2] is False


def test_a_legends_chips_stand_side_by_side(qtbot: QtBot, painted: Any) -> None:
    made = Caption()
    qtbot.addWidget(made)
    made.resize(700, 40)
    entries = [((200, 0, 10 * k), f"name {k}") for k in range(3)]
    made.set_legend(entries)
    texts = painted(made)
    metrics = QFontMetrics(theme.font(12))
    wide = [metrics.horizontalAdvance(text) + 32 for _, text in entries]
    left = 700.0 - sum(wide)
    image = QImage(made.size(), QImage.Format_RGB888)
    image.fill(QColor(255, 255, 255))
    made.render(image)
    for (colour, text), w in zip(entries, wide):
        assert texts[text][0] == pytest.approx(left + 17)
        for x in (left + 1, left + 6, left + 11):
            assert image.pixelColor(int(x), 20).getRgb()[:3] == colour
        for x, y in ((left + 13, 20), (left + 6, 12), (left + 6, 28)):
            assert image.pixelColor(int(x), y).getRgb()[:3] != colour
        left += w


# Cells


def test_a_cell_that_the_map_lost_is_not_looked_at(ready: Any, settled: Any) -> None:
    """The map of 13 x 9 cells becomes one of 12 or fewer columns and rows."""
    cells, bench = ready.cells, ready.bench
    for cell in ((0, 12), (8, 0)):
        bench.set_cells(13)
        settled(ready)
        cells.set_current(cell)
        assert cells.current == cell
        bench.set_cells(12 if cell[1] else 11)
        settled(ready)
        rows, cols = bench.maps.rows, bench.maps.cols
        assert (cols == 12) if cell[1] else (rows <= 8)
        assert cells.current is None
    cells.set_current((0, bench.maps.cols - 1))
    bench.set_look(gamma=2.0)
    settled(ready)
    assert cells.current == (0, bench.maps.cols - 1), "the last one stays"
