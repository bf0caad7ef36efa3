"""Where widgets put what they paint, and what numbers are written there: measured in pixels."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
import pytest
from PyQt5.QtCore import QRectF
from PyQt5.QtGui import QColor, QFont, QFontMetricsF, QImage, QPainter, QValidator
from PyQt5.QtWidgets import QWidget
from pytestqt.qtbot import QtBot

from filterlab.gui import theme
from filterlab.gui.filters.look import Look, histogram, render
from filterlab.gui.filters.numbers import NumberField
from filterlab.gui.filters.walk import Walk
from filterlab.gui.widgets.cells import cell_colour, format_places, text_colour
from filterlab.gui.widgets.colour_bar import ColourBar, nice_ticks
from filterlab.gui.widgets.colours import TABLES, lut, signed_colour
from filterlab.gui.widgets.frequency_view import FrequencyView
from filterlab.gui.widgets.histogram import Histogram
from filterlab.gui.widgets.kernel_paint import cell_font
from filterlab.gui.widgets.padding_item import PaddingItem
from filterlab.gui.widgets.picture_view import PictureView
from filterlab.gui.widgets.product_view import ProductView
from filterlab.gui.widgets.scale_bar import ScaleBar
from filterlab.gui.widgets.separable_view import SeparableView
from filterlab.surgery.colormaps import colormap
from filterlab.surgery.convolve import Outputs, stats_of


def pixels(widget: QWidget) -> np.ndarray:
    """What a widget paints, (height, width, 3), in its own pixels whatever the screen's are."""
    image = QImage(widget.size(), QImage.Format_RGB888)
    image.fill(QColor(250, 250, 250))
    QWidget.render(widget, image)
    rows = np.frombuffer(image.constBits().asstring(image.sizeInBytes()), np.uint8)
    lines = rows.reshape(image.height(), image.bytesPerLine())[:, : 3 * image.width()]
    return lines.reshape(image.height(), image.width(), 3).astype(int)


def spread(mask: np.ndarray) -> tuple[int, int, int, int]:
    """Left, top, right and bottom of what is true."""
    rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    return int(columns[0]), int(rows[0]), int(columns[-1]), int(rows[-1])


class Heard(QPainter):
    """Stands for the painter: keeps the texts and where they are to stand."""

    texts: list[tuple[str, QRectF]]

    def drawText(self, *what: Any) -> Any:
        if isinstance(what[-1], str):
            Heard.texts.append((what[-1], QRectF(what[0])))
        return super().drawText(*what)


@pytest.fixture
def heard(monkeypatch: pytest.MonkeyPatch) -> Any:
    """``heard(widget, module)``: the texts that a widget writes, and where."""

    def listen(widget: QWidget, module: str) -> list[tuple[str, QRectF]]:
        Heard.texts = []
        with monkeypatch.context() as patched:
            patched.setattr(f"filterlab.gui.widgets.{module}.QPainter", Heard)
            pixels(widget)
        return Heard.texts

    return listen


# Frequencies


@pytest.mark.parametrize("size", [(200, 130), (100, 220)])
def test_the_ring_of_half_the_finest_lies_about_the_middle(
    qtbot: QtBot, heard: Any, size: tuple[int, int]
) -> None:
    view = FrequencyView()
    qtbot.addWidget(view)
    view.resize(*size)
    view.set_response(np.full((9, 9), 2.5))
    found = pixels(view)
    line = view.fontMetrics().height()
    side = min(size[0], size[1] - line - 2)
    left = (size[0] - side) // 2
    yellow = lut("viridis")[255].astype(int)
    drawn = np.abs(found - yellow).max(axis=2) > 12
    assert (~drawn[4 : side - 4, left + 4 : left + 8]).all(), "the square's left edge"
    assert (~drawn[4 : side - 4, left + side - 8 : left + side - 4]).all()
    assert drawn[: side - 4, : max(0, left - 4)].all()
    ring = drawn[6 : side - 6, left + 6 : left + side - 6]
    for found_at, wanted in zip(spread(ring), (1, 1, 3, 3)):
        assert found_at == pytest.approx(side * wanted / 4 - 6, abs=1.5)
    y, x = side // 2, left + side // 2
    for found_at, wanted in zip(spread(drawn[y - 6 : y + 7, x - 6 : x + 7]), (3, 3, 9, 9)):
        assert found_at == pytest.approx(wanted, abs=1.5), "a cross of three pixels each way"
    ((text, place),) = heard(view, "frequency_view")
    assert text == "gain 0 … 2.5"
    assert (place.top(), place.width()) == (size[1] - line, size[0])


def test_the_greatest_gain_has_the_last_colour(qtbot: QtBot) -> None:
    view = FrequencyView()
    qtbot.addWidget(view)
    view.resize(180, 200)
    gains = np.zeros((9, 9))
    gains[:3, 6:] = 4.0
    gains[6:, :3] = 2.0
    view.set_response(gains)
    found = pixels(view)
    line = view.fontMetrics().height()
    side = min(180, 200 - line - 2)
    for row, column, index in ((0, 2, 255), (2, 0, 128), (0, 0, 0), (2, 2, 0)):
        y, x = int((row + 0.5) * side / 3), int((180 - side) // 2 + (column + 0.5) * side / 3)
        np.testing.assert_allclose(found[y, x], lut("viridis")[index], atol=3)
    assert view.greatest == 4


# Padding


@pytest.mark.parametrize("edge", ["constant", "reflect", "edge", "wrap"])
def test_what_the_cells_of_padding_hold(edge: str) -> None:
    planes = np.random.default_rng(2).random((1, 3, 4, 6)).astype(np.float32)
    item = PaddingItem()
    item.set_padding(planes, (2, 3), edge)
    how: Any = {"mode": edge}
    wanted = np.pad(planes.mean(axis=(0, 1)), ((2, 2), (3, 3)), **how)
    for row, column in itertools.product(range(-2, 6), range(-3, 9)):
        value = item.value_at(row, column)
        assert value == pytest.approx(float(wanted[row + 2, column + 3]), abs=1e-6)
    assert item.boundingRect() == QRectF(-3, -2, 12, 8)
    assert item.isVisible()
    item.set_padding(planes, (0, 0), edge)
    assert not item.isVisible()


def test_padding_lies_around_the_picture_and_not_on_it(qtbot: QtBot) -> None:
    view = PictureView()
    qtbot.addWidget(view)
    view.resize(400, 300)
    view.show()
    planes = np.full((1, 1, 3, 4), 0.5, np.float32)
    white = np.full((3, 4), 255, np.uint8)
    view.set_image(white, None, None, (0, 0), (1, 1), QRectF(-2, -1, 8, 5))
    view.fit()
    plain = pixels(view)
    item = PaddingItem()
    item.set_padding(planes, (1, 2), "edge")
    view.add_item(item)
    padded = pixels(view)
    changed = np.abs(plain - padded).max(axis=2) > 5
    corner, other = view.to_widget(0, 0), view.to_widget(4, 3)
    x0, y0, x1, y1 = (round(v) for v in (corner.x(), corner.y(), other.x(), other.y()))
    assert not changed[y0 + 2 : y1 - 1, x0 + 2 : x1 - 1].any(), "on the picture nothing is drawn"
    scale = (x1 - x0) / 4
    whole = spread(changed)
    for found, wanted in zip(whole, (x0 - 2 * scale, y0 - scale, x1 + 2 * scale, y1 + scale)):
        assert found == pytest.approx(wanted, abs=2.5)
    for x, y in ((-1.5, 1.5), (5.5, 1.5), (1.5, -0.5), (1.5, 3.5), (-1.5, -0.5), (5.5, 3.5)):
        at = view.to_widget(x, y)
        part = changed[int(at.y()) - 8 : int(at.y()) + 9, int(at.x()) - 8 : int(at.x()) + 9]
        assert part.mean() > 0.2, (x, y)


@pytest.mark.parametrize(("wide", "cells"), [(8, True), (4, False)])
def test_cells_of_padding_are_told_apart_from_six_pixels_on(
    qtbot: QtBot, wide: int, cells: bool
) -> None:
    view = PictureView()
    qtbot.addWidget(view)
    view.resize(400, 300)
    view.show()
    planes = np.full((1, 1, 20, 20), 0.5, np.float32)
    view.set_image(np.zeros((20, 20), np.uint8), None, None, (0, 0), (1, 1), QRectF(-4, -4, 28, 28))
    view.set_view_rect(QRectF(10 - 200 / wide, 10 - 150 / wide, 400 / wide, 300 / wide))
    item = PaddingItem()
    item.set_padding(planes, (4, 4), "constant")
    view.add_item(item)
    assert view.scale_on_screen == pytest.approx(wide, rel=0.02)
    found = pixels(view)
    top, left, right = view.to_widget(0, -3), view.to_widget(0, 0), view.to_widget(20, 0)
    strip = found[round(top.y()) + 1 : round(left.y()) - 1, round(left.x()) : round(right.x())]
    even = [k for k in range(strip.shape[1]) if (strip[:, k] == strip[0, k]).all()]
    # The hatching crosses every column; a line between two cells fills its own.
    assert bool(even) is cells
    if cells:
        assert np.diff(even).tolist() == [wide] * (len(even) - 1)
        assert len(even) >= 19


# Products


def test_three_grids_side_by_side_end_within_the_widget(qtbot: QtBot, heard: Any) -> None:
    view = ProductView()
    qtbot.addWidget(view)
    patch = np.arange(15.0).reshape(5, 3) / 16
    kernel = np.arange(-7.0, 8.0).reshape(5, 3)
    for size in ((900, 130), (330, 400)):
        view.resize(*size)
        view.set_product(patch, kernel, 0.5, 1.25)
        texts = heard(view, "product_view")
        cells = [(text, place) for text, place in texts if place.top() > 5 and text not in "×="]
        assert len(cells) == 45
        lefts = sorted({round(place.left()) for _, place in cells})
        assert len(lefts) == 9
        third = [place for _, place in cells[30:]]
        assert max(place.right() for place in third) <= size[0]
        assert max(place.bottom() for _, place in cells) <= size[1]
        # Row by row, first to last.
        for grid in (cells[:15], cells[15:30], cells[30:]):
            for n, (_, place) in enumerate(grid):
                row, column = divmod(n, 3)
                first = grid[0][1]
                assert place.left() == pytest.approx(first.left() + column * place.width())
                assert place.top() == pytest.approx(first.top() + row * place.height())
        if size == (330, 400):
            for values, grid in (
                (patch, cells[:15]),
                (kernel, cells[15:30]),
                (patch * kernel, cells[30:]),
            ):
                for value, (text, _) in zip(values.ravel(), grid):
                    told = float(text.replace("\N{MINUS SIGN}", "-")) if text else 0.0
                    assert told == pytest.approx(value, abs=0.06)
    # Lines between the cells, as long as the grid is wide and high.
    view.set_product(np.ones((5, 3)), kernel, 0.0, 0.0)
    found = pixels(view)
    first = cells[0][1]
    left, top = first.left(), first.top()
    wide, high = 3 * first.width(), 5 * first.height()
    light = found.min(axis=2) > 245
    for row in range(6):
        y = round(top + row * high / 5)
        band = light[y - 1 : y + 2, round(left) + 2 : round(left + wide) - 2]
        assert (~band).any(axis=0).mean() > 0.95
    for column in range(4):
        x = round(left + column * wide / 3)
        band = light[round(top) + 2 : round(top + high) - 2, max(0, x - 1) : x + 2]
        assert (~band).any(axis=1).mean() > 0.95
    view.set_product(patch, kernel, 0.5, 1.25)
    assert view.captions()[2][0] == "products, sum " + f"{float((patch * kernel).sum()):.4g}"


# Kernels


def test_a_kernels_numbers_have_the_places_that_fit(qtbot: QtBot) -> None:
    """Three in a large cell, fewer in small ones; none of them wider than its cell."""
    values = [0.125, 0.0625, 1.0, 0.333333]
    seen = []
    for side in (16.0, 22.0, 28.0, 36.0, 48.0, 64.0, 140.0):
        font, places = cell_font(theme.font(13), values, side)
        texts = [format_places(v, places) for v in values]
        metrics = QFontMetricsF(font)
        wide = max(map(metrics.horizontalAdvance, texts))
        assert wide <= side
        if places or wide:
            assert 7 <= font.pixelSize() <= max(14, 0.42 * side)
        larger = QFont(font)
        larger.setPixelSize(font.pixelSize() + 1)
        fits = max(map(QFontMetricsF(larger).horizontalAdvance, texts)) <= side - 8
        assert not fits or larger.pixelSize() > 0.35 * side, "as large as there is room"
        seen.append(places)
    assert seen == sorted(seen)
    assert seen[-1] == 3
    assert seen[0] < 2
    assert [format_places(v, 3) for v in values] == [
        ".125", ".062", "1", ".333",
    ]  # fmt: skip


@pytest.mark.parametrize("share", [-1.0, -0.5, -0.001, 0.0, 0.25, 0.9995, 1.0, 3.0, -3.0])
def test_signed_colours_are_the_tables_middle_and_ends(share: float) -> None:
    """0 is the middle of the table that pictures are coloured by, and colours go up to its ends."""
    table = lut("diverging").astype(float)
    at = (min(1.0, max(-1.0, share)) + 1) / 2 * 255
    low, high = table[int(at)], table[min(255, int(at) + 1)]
    found = np.array(signed_colour(share))
    near = low + (at - int(at)) * (high - low)
    np.testing.assert_allclose(found, near, atol=2.5)


@pytest.mark.parametrize("name", [name for name in TABLES if name != "diverging"])
def test_tables_are_the_maps_colours_to_their_ends(name: str) -> None:
    """White is white: 255, and not a level more or less."""
    wanted = np.rint(255 * np.asarray(colormap(name), np.float64))
    np.testing.assert_array_equal(lut(name), wanted)
    if name == "grey":
        assert (lut(name)[[0, 128, 255]] == [[0], [128], [255]]).all()


# Separable


def test_column_and_row_stand_at_their_product(qtbot: QtBot, heard: Any) -> None:
    view = SeparableView()
    qtbot.addWidget(view)
    view.resize(260, 220)
    column, row = np.array([1.0, -2.0, 3.0]), np.array([0.5, 0.25, -0.75, 1.0])
    view.set_vectors((column, row), "")
    found = pixels(view)
    side = min(260 / 5.35, 220 / 4.35, 34)
    first = 1.3 * side
    product = np.outer(column, row)
    background = found[-1, -1]
    for (r, c), value in np.ndenumerate(product):
        y, x = int(first + (r + 0.5) * side), int(first + (c + 0.5) * side)
        full = cell_colour(value, 3.0).getRgb()[:3]
        wanted = 0.45 * np.array(full) + 0.55 * background
        np.testing.assert_allclose(found[y, x], wanted, atol=2)
    texts = heard(view, "separable_view")
    told = [float(text.replace("\N{MINUS SIGN}", "-")) for text, _ in texts]
    assert told == [*row, *column]
    for k, (_, place) in enumerate(texts):
        where = (first + k * side, 0) if k < 4 else (0, first + (k - 4) * side)
        assert (place.left(), place.top()) == pytest.approx(where)
    for value, place, limit in ((row[2], texts[2][1], 1.0), (column[1], texts[5][1], 3.0)):
        x, y = int(place.left()) + 3, int(place.top()) + 3
        np.testing.assert_allclose(found[y, x], cell_colour(value, limit).getRgb()[:3], atol=1)


# Scales


@pytest.mark.parametrize("value", [-1.0, 0.0, 0.5, 3.0, 9.0])
def test_a_lying_bars_marker_points_at_its_value(qtbot: QtBot, heard: Any, value: float) -> None:
    bar = ScaleBar()
    qtbot.addWidget(bar)
    bar.resize(bar.sizeHint().width(), 24)
    bar.set_scale(lut("viridis"), -1.0, 3.0)
    bar.resize(bar.sizeHint().width(), 24)
    plain = pixels(bar)
    bar.set_marker(value)
    left, _, right, _ = spread(np.abs(pixels(bar) - plain).max(axis=2) > 30)
    metrics = bar.fontMetrics()
    begins = metrics.horizontalAdvance("\N{MINUS SIGN}1") + 1 + 6
    share = min(1.0, max(0.0, (value + 1) / 4))
    assert (left + right) / 2 == pytest.approx(begins + share * 82, abs=1.6)
    row = plain[12]
    for part in (0.1, 0.5, 0.9):
        wanted = lut("viridis")[int(255 * part)].astype(int)
        assert np.abs(row[int(begins + part * 82)] - wanted).max() < 12
    (low, first), (high, last) = heard(bar, "scale_bar")
    assert (low, high) == ("\N{MINUS SIGN}1", "3") == bar.texts()
    assert first.left() == 0
    assert last.left() == pytest.approx(begins + 82 + 6)
    assert last.width() == metrics.horizontalAdvance("3") + 1
    assert bar.levels() == (-1.0, 3.0)


def test_a_standing_bars_numbers_stand_beside_their_places(qtbot: QtBot, heard: Any) -> None:
    bar = ColourBar()
    qtbot.addWidget(bar)
    bar.resize(80, 240)
    bar.set_levels(-2.0, 2.0, False)
    texts = heard(bar, "colour_bar")
    assert [text for text, _ in texts] == ["\N{MINUS SIGN}2", "\N{MINUS SIGN}1", "0", "1", "2"]
    line = bar.fontMetrics().height()
    top, bottom = line / 2 + 2, 240 - line / 2 - 2
    for text, place in texts:
        value = float(text.replace("\N{MINUS SIGN}", "-"))
        wanted = bottom - (value + 2) / 4 * (bottom - top)
        assert place.center().y() == pytest.approx(wanted, abs=0.6)
        assert place.left() > 24.5
        assert place.right() == pytest.approx(80, abs=0.6)
        assert place.height() == line
    found = pixels(bar)
    for _, place in texts[1:-1]:
        y = int(place.center().y())
        near = found[y - 1 : y + 2]
        ground = found[y, 40:44]
        assert np.abs(near[:, 26:28] - found[y - 9, 26]).max() > 20, "a tick beside the bar"
        assert np.abs(np.diff(near[:, 12:20].astype(int), axis=1)).max() < 3, "and none on it"
        assert ground.shape == (4, 3)
    bar.set_levels(1e-3, 10.0, True)
    told = [text for text, _ in heard(bar, "colour_bar")]
    assert len(told) == 5
    bar.set_levels(0.0, 1.0, False)
    assert [float(text) for text, _ in heard(bar, "colour_bar")] == nice_ticks(0, 1, 9) or len(told)


# Histograms


def test_the_outline_of_before_is_on_the_same_scale(qtbot: QtBot) -> None:
    """Of more before than now the outline is as high as it can be, and the bars are lower."""
    widget = Histogram()
    qtbot.addWidget(widget)
    widget.resize(402, 216)
    edges = np.linspace(0, 4, 5)
    now = np.array([100.0, 0, 0, 0])
    widget.set_counts(now, edges)
    alone = pixels(widget)
    widget.set_counts(now, edges, np.array([0.0, 0, 400, 0]))
    both = pixels(widget)
    widget.set_counts(np.zeros(4), edges, np.array([0.0, 0, 400, 0]))
    outline = pixels(widget)
    floor = 216 - 16

    def high(image: np.ndarray, x: float, empty: np.ndarray) -> int:
        column = np.abs(image[:floor, int(x)] - empty).max(axis=1) > 25
        return floor - int(np.flatnonzero(column)[0]) if column.any() else 0

    empty = alone[5, int(widget.place(3.5))]
    assert high(alone, widget.place(0.5), empty) == pytest.approx(197, abs=2)
    assert high(both, widget.place(0.5), empty) == pytest.approx(197 / 2, abs=2)
    assert high(both, widget.place(2.5), empty) == pytest.approx(197, abs=2)
    assert high(outline, widget.place(2.5), empty) == pytest.approx(197, abs=2)
    # Only a line: below it nothing, and its sides stand at the bar's edges.
    assert np.abs(outline[60 : floor - 4, int(widget.place(2.5))] - empty).max() < 25
    for x in (widget.place(2.0), widget.place(3.0)):
        part = np.abs(outline[60 : floor - 4, int(x) - 2 : int(x) + 3] - empty).max(axis=2) > 25
        assert part.any(axis=1).all()
    widget.clear()
    assert np.abs(pixels(widget)[: floor - 2] - empty).max() < 25


def test_zero_is_marked_between_the_ends(qtbot: QtBot) -> None:
    widget = Histogram()
    qtbot.addWidget(widget)
    widget.resize(402, 216)
    for low, high, marked in ((-1.0, 3.0, True), (0.0, 4.0, False), (-4.0, 0.0, False)):
        widget.set_counts(np.zeros(4), np.linspace(low, high, 5))
        found = pixels(widget)[4:190]
        dark = (np.abs(found - found[0, 200]).max(axis=2) > 60).sum(axis=0)
        lines = np.flatnonzero(dark > 40)
        if marked:
            assert lines.tolist() == [round(1 + 0.25 * 400)]
        else:
            assert not len(lines)


# Looks


def outputs(*planes: np.ndarray) -> Outputs:
    data = [np.asarray(plane, np.float32) for plane in planes]
    return Outputs(np.stack(data), tuple(stats_of(p) for p in data), 0, 1, data[0].shape)


@pytest.mark.parametrize("white", [1.0, 255.0])
def test_an_output_that_is_not_finite_has_a_scale(white: float) -> None:
    """What is finite of it is shown between 0 and 1, or what the picture's white is fed as."""
    odd = np.array([[0.0, 0.25], [np.inf, np.nan]])
    even = np.array([[0.0, 0.25], [0.5, 1.0]]) * white
    shown = render(outputs(odd, even, even), Look(), ("signed", "natural", "natural"), white)
    assert np.isfinite([shown[0].low, shown[0].high]).all()
    assert shown[0].high > shown[0].low
    assert (shown[1].low, shown[1].high) == (0.0, white)
    np.testing.assert_array_equal(shown[1].pixels, [[0, 64], [128, 255]])
    assert shown[1].clipped == 0


def test_a_histogram_has_all_pixels_and_the_ends_of_the_scale() -> None:
    plane = np.linspace(0, 1, 512, dtype=np.float32).reshape(16, 32)
    shown = render(outputs(plane, plane, plane), Look(), ("natural",) * 3)[0]
    counts, edges = histogram(shown)
    assert counts.sum() == 512
    assert counts.min() >= 512 // len(counts) - 3
    assert (edges[0], edges[-1]) == (0.0, 1.0)
    assert len(edges) == len(counts) + 1


# Fields and the walk


@pytest.mark.parametrize(
    ("text", "state"),
    [
        ("2", QValidator.Acceptable), ("-1", QValidator.Acceptable), ("3", QValidator.Acceptable),
        ("3.5", QValidator.Intermediate), ("-1.5", QValidator.Intermediate),
        ("1/2", QValidator.Acceptable), ("x", QValidator.Intermediate),
    ],
)  # fmt: skip
def test_a_field_takes_numbers_within_its_range(qtbot: QtBot, text: str, state: Any) -> None:
    field = NumberField(-1, 3, 0.1, 0.0)
    qtbot.addWidget(field)
    assert field.validate(text, 0)[0] == state


def test_the_walk_goes_300_pixels_a_second_and_steps_by_one(qtbot: QtBot) -> None:
    seen: list[int] = []
    walk = Walk()
    walk.moved.connect(seen.append)
    walk.begin(1000, 10)
    walk.advance(0.1)
    assert seen == [10, 40]
    walk.step()
    assert walk.position == 41
    walk.step(-1)
    assert walk.position == 40
    walk.step(-100)
    assert walk.position == 0
    walk.step(5000)
    assert walk.position == 1000
    walk.begin(1000)
    walk.advance(1 / 300 / 2)
    assert walk.position == 0
    walk.advance(1 / 300 / 2)
    assert walk.position == 1, "parts of pixels add up"
    for place, goes_on in ((1000, 0), (999, 999), (0, 0)):
        walk.begin(1000, place)
        walk.play()
        assert walk.position == goes_on, "from the end it sets out anew"
        assert walk.playing
        walk.pause()
    walk.stop()


def test_numbers_that_are_none_have_their_own_colour() -> None:
    for value in (np.nan, np.inf, -np.inf):
        assert cell_colour(value, 1.0).getRgb()[:3] == (192, 138, 0)
    assert text_colour(QColor(255, 255, 255)).getRgb()[:3] == (0, 0, 0)
    assert cell_colour(0.5, 0.0) == cell_colour(0.0, 1.0)
    assert cell_colour(-1.0, 2.0) == cell_colour(-0.5, 1.0)
