"""Numbers that widgets paint, measured in the pixels."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from PyQt5.QtCore import QRectF
from PyQt5.QtGui import QColor, QImage
from PyQt5.QtWidgets import QApplication
from pytestqt.qtbot import QtBot

from filterlab.gui.filters.numbers import NumberField
from filterlab.gui.filters.raster import Raster
from filterlab.gui.widgets.cells import format_cell
from filterlab.gui.widgets.colour_bar import ColourBar, nice_ticks
from filterlab.gui.widgets.histogram import Histogram, short_number
from filterlab.gui.widgets.picture_view import PictureView
from filterlab.surgery.convolve import stats_of


def changed_rows(one: QImage, two: QImage) -> list[float]:
    """The rows in which two pictures differ, in the widget's pixels."""
    return [
        y / one.devicePixelRatio()
        for y in range(one.height())
        if any(one.pixel(x, y) != two.pixel(x, y) for x in range(one.width()))
    ]


@pytest.mark.parametrize(
    ("low", "high", "log", "value", "share"),
    [
        (-1.0, 3.0, False, 0.0, 0.25),
        (0.0, 10.0, False, 9.0, 0.9),
        (1e-6, 1.0, True, 1e-3, 0.5),
        (0.0, 1.0, False, 7.0, 1.0),
        (0.0, 1.0, False, -7.0, 0.0),
    ],
)
def test_the_bars_marker_points_at_its_value(
    qtbot: QtBot, low: float, high: float, log: bool, value: float, share: float
) -> None:
    bar = ColourBar()
    qtbot.addWidget(bar)
    bar.resize(80, 240)
    bar.set_levels(low, high, log)
    plain = bar.grab().toImage()
    bar.set_marker(value)
    rows = changed_rows(plain, bar.grab().toImage())
    line = bar.fontMetrics().height()
    top, bottom = line / 2 + 2, 240 - line / 2 - 2
    middle = (min(rows) + max(rows)) / 2
    assert middle == pytest.approx(bottom - share * (bottom - top), abs=1.5)


@pytest.mark.parametrize(
    ("low", "high", "ticks"),
    [
        (0.0, 1.0, [0, 0.25, 0.5, 0.75, 1]),
        (-1.0, 1.0, [-1, -0.5, 0, 0.5, 1]),
        (0.3, 2.2, [0.5, 1, 1.5, 2]),
        (-30.0, 70.0, [-25, 0, 25, 50]),
        (2.0, 2.0, [2]),
    ],
)
def test_the_ticks_of_a_bar(low: float, high: float, ticks: list[float]) -> None:
    assert nice_ticks(low, high) == pytest.approx(ticks)


def test_bars_of_a_histogram_are_as_high_as_the_root_of_their_count(qtbot: QtBot) -> None:
    """So that a hundredth of the highest is a tenth as high."""
    widget = Histogram()
    qtbot.addWidget(widget)
    widget.resize(402, 216)
    widget.set_counts(np.array([400.0, 100, 4, 0]), np.linspace(0, 4, 5))
    image = widget.grab().toImage()
    ratio = image.devicePixelRatio()
    empty = image.pixel(int(widget.place(3.5) * ratio), int(100 * ratio))
    heights = []
    for middle in (0.5, 1.5, 2.5):
        x = int(widget.place(middle) * ratio)
        column = [image.pixel(x, y) != empty for y in range(int(199 * ratio))]
        heights.append(sum(column) / ratio)
    floor = 216 - 16
    assert heights == pytest.approx([floor - 3, (floor - 3) / 2, (floor - 3) / 10], abs=2)


def test_of_a_huge_array_the_part_that_is_seen_lies_at_its_place(qtbot: QtBot) -> None:
    """A bright rectangle at columns 2000 to 2100, rows 500 to 540 of 3000 x 1000 pixels."""
    view = PictureView()
    qtbot.addWidget(view)
    view.resize(400, 300)
    view.show()
    array = np.zeros((1000, 3000), np.uint8)
    array[500:540, 2000:2100] = 255
    raster = Raster(view)
    raster.show(array, origin=(10.0, 20.0))
    for rect in (None, (1900, 450, 300, 200)):
        if rect is not None:
            view.set_view_rect(QRectF(*rect))
        QApplication.processEvents()  # the part follows when the loop is idle

        def colour(x: float, y: float) -> int:
            at = view.to_widget(x, y)
            image = view.grab().toImage()
            ratio = image.width() / view.width()
            return QColor(image.pixel(int(at.x() * ratio), int(at.y() * ratio))).lightness()

        assert colour(10 + 2050, 20 + 520) > 200
        for x, y in ((1990, 520), (2110, 520), (2050, 490), (2050, 552)):
            margin = 0 if rect is not None else 8
            x += margin * (1 if x > 2050 else -1 if x < 2050 else 0)
            y += margin * (1 if y > 520 else -1 if y < 520 else 0)
            assert colour(10 + x, 20 + y) < 100, (x, y)


@pytest.mark.parametrize(("row", "column"), [(0, 0), (0, 2999), (999, 0), (999, 2999), (500, 7)])
def test_each_pixel_of_a_huge_array_is_where_it_lies(qtbot: QtBot, row: int, column: int) -> None:
    """The very first and last rows and columns too, when they are zoomed in on."""
    view = PictureView()
    qtbot.addWidget(view)
    view.resize(400, 300)
    view.show()
    array = np.zeros((1000, 3000), np.uint8)
    array[row, column] = 255
    raster = Raster(view)
    raster.show(array, origin=(-3.0, 5.0), pixel=(2.0, 0.5))
    QApplication.processEvents()
    x, y = -3 + 2 * (column + 0.5), 5 + 0.5 * (row + 0.5)
    view.set_view_rect(QRectF(x - 6, y - 4.5, 12, 9))
    QApplication.processEvents()
    image = view.grab().toImage()
    ratio = image.width() / view.width()

    def light(dx: float, dy: float) -> int:
        at = view.to_widget(x + dx, y + dy)
        return QColor(image.pixel(int(at.x() * ratio), int(at.y() * ratio))).lightness()

    assert light(0, 0) > 240
    assert light(0.9, 0.2) > 240
    assert light(-0.9, -0.2) > 240
    inside = [(2, 0), (-2, 0), (0, 0.5), (0, -0.5)]
    for dx, dy in inside:
        if 0 <= column + dx / 2 < 3000 and 0 <= row + 2 * dy < 1000:
            assert light(dx, dy) < 30, (dx, dy)


@pytest.mark.parametrize(
    ("value", "room", "text"),
    [(1 / 3, 8, "0.333333"), (1 / 3, 5, ".3333"), (-2.5, 4, "−2.5"), (0.004, 4, ".004"),
     (123456.0, 6, "123456"), (123456.0, 5, "1.2e5"), (0.0, 1, "0"), (1 / 9, 4, ".111")],
)  # fmt: skip
def test_a_cell_holds_as_many_digits_as_fit(value: float, room: int, text: str) -> None:
    assert format_cell(value, lambda t: len(t) <= room) == text


def test_a_field_shows_four_digits(qtbot: QtBot) -> None:
    field = NumberField(-10, 10, 0.1, 0.0)
    qtbot.addWidget(field)
    for value, text in ((1 / 3, "0.3333"), (-2.0625, "−2.062"), (0.1, "0.1"), (-0.0, "0")):
        field.show_value(value)
        assert field.text() == text


@pytest.mark.parametrize(
    ("value", "text"),
    [(-0.0, "0"), (0.0, "0"), (-1e-5, "−1e−05"), (2 / 3, "0.6667"), (-1234.56, "−1235")],
)
def test_a_short_number_has_no_sign_of_nothing(value: float, text: str) -> None:
    assert short_number(value) == text


def test_numbers_of_a_view_are_never_minus_nothing(
    qtbot: QtBot, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What it paints of tiny negative numbers is what it paints of 0."""
    view = PictureView()
    qtbot.addWidget(view)
    view.resize(300, 300)
    view.show()
    view.set_image(np.full((3, 3), 200, np.uint8))
    view.fit()
    shown = []
    for value in (0.0, -0.0, -0.004, -0.006, 0.006):
        view.set_values(np.full((3, 3), value))
        shown.append(view.grab().toImage())
    assert shown[0] == shown[1] == shown[2]
    assert shown[3] != shown[0]
    assert shown[3] != shown[4]


def test_the_deviation_is_that_of_all_pixels() -> None:
    plane = np.array([[1.0, 2.0], [4.0, 9.0]], np.float32)
    assert stats_of(plane).std == pytest.approx(float(np.std([1, 2, 4, 9])))


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0.2414, ".241"),
        (-0.2416, "−.242"),
        (-1.4337, "−1.434"),
        (9.9949, "9.995"),
        (9.9996, "10"),
        (-10.0206, "−10.021"),
        (123.456, "123.456"),
        (0.0, "0"),
        (-0.0, "0"),
        (-0.0004, "0"),
        (-3e-9, "0"),
        (4e-4, "0"),
        (-0.0006, "−.001"),
        ((-1e-4, 1e-5, -1e-4), "0"),
        (1.0, "1"),
        (20.002, "20.002"),
        ((0.1, 0.2, 0.6), ".300"),
    ],
)
def test_an_enlarged_pixel_says_its_number(
    qtbot: QtBot, monkeypatch: pytest.MonkeyPatch, value: object, text: str
) -> None:
    """Of a colour the mean; what is painted is listened to."""
    painted: list[str] = []
    view = PictureView()
    qtbot.addWidget(view)
    view.resize(300, 300)
    view.show()
    raster = Raster(view)
    array = np.zeros((2, 2), np.uint8)
    values = np.empty((2, 2, *np.shape(value)), np.float32)
    values[:] = value
    given = view.set_values

    def listened(what: np.ndarray | None, words: Any) -> None:
        def heard(v: Any) -> str:
            painted.append(words(v))
            return painted[-1]

        given(what, heard)

    monkeypatch.setattr(view, "set_values", listened)
    raster.show(array, values=values)
    view.fit()
    view.grab()
    assert painted
    assert set(painted) == {text}
