"""The histogram and the patch × kernel view, by the pixels they paint."""

from __future__ import annotations

import numpy as np
import pytest
from PyQt5.QtGui import QColor
from pytestqt.qtbot import QtBot

from filterlab.gui.widgets.histogram import Histogram, short_number
from filterlab.gui.widgets.product_view import ProductView


def test_histogram_bars_stand_where_the_values_are(qtbot: QtBot) -> None:
    widget = Histogram()
    qtbot.addWidget(widget)
    widget.resize(202, 64)
    counts = np.zeros(10)
    counts[8] = 100
    widget.set_counts(counts, np.linspace(-1, 1, 11))
    image = widget.grab().toImage()
    background = QColor(image.pixel(20, 30))
    assert QColor(image.pixel(round(widget.place(0.7)), 30)) != background
    assert QColor(image.pixel(round(widget.place(-0.7)), 30)) == background
    assert abs(widget.place(0.0) - 101) <= 1


def test_histogram_refuses_edges_that_do_not_fit(qtbot: QtBot) -> None:
    widget = Histogram()
    qtbot.addWidget(widget)
    with pytest.raises(ValueError, match="4 counts need 5 edges"):
        widget.set_counts(np.ones(4), np.zeros(4))


def test_product_view_says_the_sum(qtbot: QtBot) -> None:
    widget = ProductView()
    qtbot.addWidget(widget)
    patch = np.array([[1, 2, 3], [0, 0, 0], [1, 1, 1]], np.float32)
    kernel = np.array([[1, 0, -1], [5, 5, 5], [0.5, 0, 0]], np.float32)
    widget.set_product(patch, kernel, 0.25, -1.25)
    assert widget.sentence() == "9 products, summed −1.5, + bias 0.25 = −1.25"
    widget.clear("nothing yet")
    assert widget.sentence() == "nothing yet"


def test_product_view_paints_products_by_sign(qtbot: QtBot) -> None:
    widget = ProductView()
    qtbot.addWidget(widget)
    widget.resize(320, 140)
    kernel = np.zeros((3, 3), np.float32)
    kernel[0, 0], kernel[2, 2] = 1, -1
    widget.set_product(np.ones((3, 3), np.float32), kernel, 0, 0)
    image = widget.grab().toImage()
    third = (320 - 56) / 3
    side = min(third, 140 - 18 - 24) / 3
    left = 2 * (third + 28) + (third - side * 3) / 2

    def colour(row: int, column: int) -> QColor:
        x, y = left + column * side + side - 4, 18 + row * side + side - 4
        return QColor(image.pixel(int(x), int(y)))

    assert colour(0, 0).red() > 150 > colour(0, 0).blue()
    assert colour(2, 2).blue() > 150 > colour(2, 2).red()


@pytest.mark.parametrize(
    ("value", "text"),
    [(-0.5, "−0.5"), (float("nan"), "NaN"), (float("-inf"), "−∞"), (1 / 3, "0.3333")],
)
def test_short_numbers(value: float, text: str) -> None:
    assert short_number(value) == text
