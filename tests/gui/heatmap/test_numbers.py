"""Every number that the Heatmap tab shows, against the maps and plain arithmetic."""

from __future__ import annotations

import math
import re
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from PyQt5.QtCore import Qt
from PyQt5.QtGui import QColor
from PyQt5.QtWidgets import QLabel, QWidget
from pytestqt.qtbot import QtBot

from filterlab.gui import theme
from filterlab.gui.class_names import numbers, percent
from filterlab.gui.heatmap import words
from filterlab.gui.heatmap.caption import Bar, Caption, Title
from filterlab.gui.heatmap.sliding_window import SlidingWindow
from filterlab.surgery.cost import Cost
from filterlab.surgery.sliding import Sliding


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (1.0, "100 %"), (0.376, "38 %"), (0.0996, "10 %"), (0.0995, "10 %"), (0.0994, "9.9 %"),
        (0.0123, "1.2 %"),
        (0.00101, "0.1 %"), (0.0009, "< 0.1 %"), (1e-9, "< 0.1 %"), (0.0, "0 %"),
    ],
)  # fmt: skip
def test_probabilities_for_reading(value: float, text: str) -> None:
    assert percent(value) == text


@pytest.mark.parametrize(
    ("classes", "text"),
    [
        ((7,), "7"), ((30, 7), "7, 30"), ((281, 283, 282), "281 – 283"), ((1, 2), "1, 2"),
        ((1, 2, 4), "1, 2, 4"), ((1, 3, 5, 7, 9, 11, 13), "1, 3, 5, 7, 9, 11 …"),
        ((1, 3, 5, 7, 9, 11), "1, 3, 5, 7, 9, 11"),
    ],
)  # fmt: skip
def test_class_numbers_as_people_write_them(classes: tuple[int, ...], text: str) -> None:
    assert numbers(classes) == text


def test_the_line_about_a_cell(ready: Any) -> None:
    maps = ready.bench.maps
    ready.view.hovered.emit(40 + 16, 24 + 16)
    text = ready.hint()
    assert text.startswith("Cell (3, 5):")
    order = sorted(range(3), key=lambda c: -float(maps.prob[c, 3, 5]))
    names = ["darkness", "bright light", "nothing"]
    told = [f"{names[c]} {percent(float(maps.prob[c, 3, 5]))}" for c in order]
    assert text.endswith(", ".join(told))


def test_the_size_and_what_it_costs(ready: Any) -> None:
    """13 x 9 cells of 32 pixels, 8 apart: the net's input is 128 x 96."""
    short, told, costly = words.grid_text(ready.bench)
    assert short == "13 × 9"
    assert told.startswith("13 × 9 cells, net input 128 × 96 px; ")
    cost = ready.bench.run.plan.cost
    # data 3 channels, mean 1, fc and prob 3 each, at their sizes; 4 bytes and 1.6 times that.
    values = 3 * 96 * 128 + 12 * 16 + 2 * 3 * 9 * 13
    assert cost.bytes == pytest.approx(values * 4 * 1.6, rel=0.01)
    assert told.endswith(f"{cost.bytes / 1e6:.0f} MB")
    assert not costly
    other, told, _ = words.grid_text(ready.bench, 6)
    assert other.split(" × ")[0] == "6"
    assert "net input 72 × " in told


@pytest.mark.parametrize(
    ("seconds", "share", "costly"),
    [
        (0.1, 0.45, False),
        (0.1, 0.55, True),
        (9.9, 0.1, False),
        (10.1, 0.1, True),
        (None, 0.6, True),
    ],
)
def test_what_is_much_is_warned_of(
    ready: Any, monkeypatch: pytest.MonkeyPatch, seconds: float | None, share: float, costly: bool
) -> None:
    """More than ten seconds, or than half of the memory that is free."""
    free = 4_000_000_000
    monkeypatch.setattr(words, "available_memory", lambda: free)
    planned = replace(ready.bench.run.plan, cost=Cost(int(free * share), 1, seconds))
    monkeypatch.setattr(ready.bench, "plan", lambda *_: planned)
    _, told, much = words.grid_text(ready.bench, 13)
    assert much == costly
    assert told.endswith(f"{4 * share:.1f} GB" if share > 0.25 else "400 MB")


def test_what_a_run_took(ready: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    cost = replace(ready.bench.run.plan.cost, bytes=5_000_000)
    run = replace(
        ready.bench.run, seconds=0.25, plan=replace(ready.bench.run.plan, cost=cost, note="")
    )
    monkeypatch.setattr(type(ready.bench), "run", property(lambda _: run))
    assert words.status(ready.bench) == "13 × 9 cells in 250 ms, 5 MB"


def test_densities_are_named_by_their_pixels(ready: Any) -> None:
    offers = {key: text for text, key, _ in words.density_offers(ready.bench)}
    assert offers["own"] == "every 8 px"
    for key, text in offers.items():
        if key.startswith("stride:"):
            assert text == f"every {key.split(':')[1]} px"
    assert len(offers) > 2


def test_the_stretched_map_says_how_far_it_is_off(ready: Any, settled: Any) -> None:
    ready.bench.set_look(projection="stretched")
    settled(ready)
    maps = ready.bench.maps
    most = 0.0
    for i in range(9):
        for j in range(13):
            x, y = 16 + 8 * j, 16 + 8 * i
            most = max(most, abs((j + 0.5) * 128 / 13 - x), abs((i + 0.5) * 96 / 9 - y))
    assert maps.centre_on_picture(2, 4) == (48, 32)
    assert ready.stage.caption.title.fact == f"stretched: off by up to {round(most)} px"
    assert ready.stage.caption.title.warn


def test_the_scores_bar_has_the_scores_ends(ready: Any, settled: Any) -> None:
    maps = ready.bench.maps
    maps.score[1] = np.linspace(-12.5, 30.5, 9 * 13).reshape(9, 13)
    ready.bench.choose([1])
    ready.bench.set_look(scale="score")
    settled(ready)
    bar = ready.stage.caption.bar
    assert (bar.low, bar.high) == ("−12.5", "30.5 score")


@pytest.mark.parametrize("scale", ["unit", "log"])
def test_the_mark_on_the_scale(ready: Any, settled: Any, scale: str) -> None:
    maps = ready.bench.maps
    maps.prob[1, 2, 3] = 0.01
    ready.bench.choose([1])
    ready.bench.set_look(scale=scale)
    settled(ready)
    ready.cells.set_current((2, 3))
    share = 0.01 if scale == "unit" else (math.log(0.01) - math.log(1e-6)) / -math.log(1e-6)
    assert ready.stage.caption.mark == pytest.approx(share, abs=1e-4)


@pytest.mark.parametrize(
    ("points", "text"), [(0.04, "0.0"), (1.94, "1.9"), (2.4, "2"), (17.6, "18")]
)
def test_points_of_the_meter(points: float, text: str) -> None:
    longest, _, short = words.meter_texts(12, points)
    assert longest == f"12 windows: mean difference {text} points"
    assert short == f"12 windows: {text} points"


def test_arrows_stop_at_every_edge_of_the_map(qtbot: QtBot, ready: Any) -> None:
    """9 rows and 13 columns: the two are not taken for each other."""
    view = ready.view
    view.setFocus()
    qtbot.keyClick(view, Qt.Key_Right)
    for key, wanted in (
        (Qt.Key_Right, (4, 12)), (Qt.Key_Down, (8, 12)), (Qt.Key_Left, (8, 0)), (Qt.Key_Up, (0, 0)),
    ):  # fmt: skip
        for _ in range(15):
            qtbot.keyClick(view, key)
        assert ready.cells.current == wanted
    qtbot.keyClick(view, Qt.Key_Return)
    for key, wanted in ((Qt.Key_Right, (0, 12)), (Qt.Key_Down, (8, 12)), (Qt.Key_Left, (8, 0))):
        for _ in range(15):
            qtbot.keyClick(view, key)
        assert ready.bench.pins == (wanted,)


def test_a_card_of_a_cell_far_from_the_diagonal(ready: Any, settled: Any) -> None:
    """At (3, 7): the window is 32 pixels wide at (56, 24), half of it on the square."""
    rng = np.random.default_rng(3)
    picture = ready.bench.shown.picture
    assert picture.shape == (96, 128, 3)
    ready.bench.pin((3, 7))
    settled(ready)
    facts = ready.stage.facts[0]
    assert (facts.x, facts.y, facts.seen) == ((56, 88), (24, 56), (32, 32))
    maps = ready.bench.maps
    assert [round(share, 6) for *_, share in facts.best] == [
        round(float(v), 6) for v in sorted(maps.prob[:, 3, 7], reverse=True)
    ]
    cut = facts.cut.toImage()
    for _ in range(20):
        x, y = rng.integers(1, 31, 2)
        seen = cut.pixelColor(int((x + 0.5) * cut.width() / 32), int((y + 0.5) * cut.height() / 32))
        wanted = round(255 * float(picture[24 + y, 56 + x].mean()))
        inner = picture[24 + y - 1 : 24 + y + 2, 56 + x - 1 : 56 + x + 2]
        if np.ptp(inner) == 0:
            assert abs(seen.lightness() - wanted) <= 2


def test_the_captions_mark_and_colours_as_painted(qtbot: QtBot) -> None:
    made = Caption()
    qtbot.addWidget(made)
    made.resize(600, 40)
    table = np.zeros((256, 4), np.float32)
    table[:, 1] = np.linspace(0, 1, 256)
    table[:, 3] = 0.5
    made.set_bar(Bar(table, "0", "40 %"))
    made.set_title(Title("x"))
    plain = made.grab().toImage()
    made.set_mark(0.25)
    image = made.grab().toImage()
    ratio = image.devicePixelRatio()
    changed = [
        x / ratio
        for x in range(image.width())
        for y in range(image.height() // 2, image.height())
        if image.pixel(x, y) != plain.pixel(x, y)
    ]
    # The bar is as wide as the line between its ends.
    ground = QColor(theme.current().well)
    greens = [image.pixelColor(x, round(20 * ratio)).green() for x in range(image.width())]
    inside = [x / ratio for x, g in enumerate(greens) if 0.5 * ground.green() < g]
    assert changed
    middle = (min(changed) + max(changed)) / 2
    bar = made._bar_place
    assert middle == pytest.approx(bar.left() + 0.25 * bar.width(), abs=1.5)
    assert min(inside) <= bar.left() + 3
    at = int((bar.left() + 0.75 * bar.width()) * ratio)
    colour = image.pixelColor(at, round(20 * ratio))
    wanted = 255 * (0.75 * 0.5) + ground.green() * 0.5
    assert colour.green() == pytest.approx(wanted, abs=4)
    assert colour.red() == pytest.approx(ground.red() * 0.5, abs=4)


def test_names_that_have_no_room_are_counted(qtbot: QtBot) -> None:
    made = Caption()
    qtbot.addWidget(made)
    made.resize(420, 40)
    entries = [((10 * k, 0, 200), f"class number {k}") for k in range(12)]
    made.set_legend(entries)
    image = made.grab().toImage()
    ratio = image.devicePixelRatio()
    chips = {
        image.pixelColor(x, round(20 * ratio)).red()
        for x in range(image.width())
        if image.pixelColor(x, round(20 * ratio)).blue() == 200
        and image.pixelColor(x, round(20 * ratio)).green() == 0
    }
    count = len(chips)
    assert chips == {10 * k for k in range(count)}
    assert 0 < count < 12
    # The text that ends the line counts the rest: drawn alone it looks the same.
    font = theme.font(12)
    from PyQt5.QtGui import QFontMetrics, QImage, QPainter

    text = f"+ {12 - count}"
    wide = QFontMetrics(font).horizontalAdvance(text)
    end = image.copy(
        image.width() - round((wide + 8) * ratio), 0, round(wide * ratio), image.height()
    )
    others = []
    for number in range(1, 13):
        canvas = QImage(image.size(), image.format())
        canvas.setDevicePixelRatio(ratio)
        canvas.fill(image.pixelColor(0, 0))
        painter = QPainter(canvas)
        painter.setRenderHint(QPainter.TextAntialiasing)
        base = (40 + QFontMetrics(theme.font(16)).ascent()) / 2 - 2
        painter.setFont(font)
        painter.setPen(QColor(theme.current().text))
        painter.drawText(int(420 - wide - 8), int(base), f"+ {number}")
        painter.end()
        part = canvas.copy(
            canvas.width() - round((wide + 8) * ratio), 0, round(wide * ratio), canvas.height()
        )
        off = sum(
            abs(part.pixelColor(x, y).lightness() - end.pixelColor(x, y).lightness())
            for x in range(part.width())
            for y in range(part.height())
        )
        others.append((off, number))
    assert min(others)[1] == 12 - count


def test_sliding_windows_beside_the_dense_pass(qtbot: QtBot) -> None:
    """12 passes in 6 s, the dense one in 0.75 s."""
    parent = QWidget()
    qtbot.addWidget(parent)
    found = Sliding(np.zeros((2, 3, 4), np.float32), 6.0, 0.75, 12)
    window = SlidingWindow(found, parent)
    texts = [label.text() for label in window.findChildren(QLabel)]
    assert texts[0] == "12 times the output in 1.5 times the time"
    assert "8 times faster" in texts[1]
    bars = next(
        w for w in window.findChildren(QWidget) if not isinstance(w, QLabel) and w.height()
        and type(w).__name__ == "_Bars"
    )  # fmt: skip
    bars.resize(480, 174)
    image = bars.grab().toImage()
    ratio = image.devicePixelRatio()
    wide = []
    for row, colour in enumerate(
        (theme.current().muted, theme.current().accent, theme.current().muted)
    ):
        line = theme.line_height(bars.fontMetrics())
        y = round((row * 58 + line + 3 + 7) * ratio)
        wanted = QColor(colour).rgb()
        run = 0
        while image.pixel(round(4 * ratio) + run, y) == wanted:
            run += 1
        wide.append(run / ratio + 4)
    assert wide[0] / wide[2] == pytest.approx(0.5 / 6, abs=0.02)
    assert wide[1] / wide[2] == pytest.approx(0.75 / 6, abs=0.02)
    window.close()
    assert re.search(r"\d", texts[0])
