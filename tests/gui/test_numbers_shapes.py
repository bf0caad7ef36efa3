"""What the small widgets draw, shape by shape: each at its place and in its colour.

The places are reckoned by hand for widgets of given sizes; only how high a line of text is, and
how wide a number, is the font's to say.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from PyQt5.QtCore import QRect, QRectF, Qt
from PyQt5.QtGui import QColor, QFont, QFontMetricsF, QImage, QPalette, QTransform
from PyQt5.QtWidgets import QApplication, QWidget
from pytestqt.qtbot import QtBot

from filterlab.gui import theme
from filterlab.gui.widgets import colour_bar
from filterlab.gui.widgets.cells import (
    cell_colour,
    format_cell,
    format_least,
    format_places,
    text_colour,
)
from filterlab.gui.widgets.colour_bar import ColourBar, nice_ticks
from filterlab.gui.widgets.colours import lut, readable_on, signed_colour
from filterlab.gui.widgets.frequency_view import FrequencyView
from filterlab.gui.widgets.histogram import Histogram, short_number
from filterlab.gui.widgets.kernel_paint import KernelPaint, cell_font, span
from filterlab.gui.widgets.padding_item import PaddingItem
from filterlab.gui.widgets.picture_view import PictureView
from filterlab.gui.widgets.product_view import ProductView
from filterlab.gui.widgets.scale_bar import ScaleBar
from filterlab.gui.widgets.separable_view import SeparableView

MINUS = "\N{MINUS SIGN}"
LEFT = int(Qt.AlignLeft | Qt.AlignVCenter)
RIGHT = int(Qt.AlignRight | Qt.AlignVCenter)
CENTRE = int(Qt.AlignCenter)
Listen = Callable[[QWidget], list[Any]]


def hexed(colour: Any, alpha: int = 255) -> str:
    made = QColor(colour)
    made.setAlpha(alpha)
    return made.name() if alpha == 255 else made.name(QColor.HexArgb)


def of_kind(shapes: list[Any], *kinds: str) -> list[Any]:
    return [shape for shape in shapes if shape[0] in kinds]


def same(found: Any, wanted: Any) -> None:
    """Two lists of shapes are the same, numbers within a thousandth."""
    assert [shape[0] for shape in found] == [shape[0] for shape in wanted]
    for one, other in zip(found, wanted):
        assert len(one) == len(other), (one, other)
        for a, b in zip(one, other):
            if isinstance(b, float) or (isinstance(b, int) and not isinstance(a, str)):
                assert a == pytest.approx(b, abs=2e-3), (one, other)
            else:
                assert a == b, (one, other)


def pixel(image: QImage, x: int, y: int) -> tuple[int, ...]:
    return tuple(image.pixelColor(x, y).getRgb()[:3])


# Colours


@pytest.mark.parametrize(
    ("name", "colours"),
    [
        ("light", "#2166AC #67A9CF #D1E5F0 #F7F7F7 #FDDBC7 #EF8A62 #B2182B"),
        ("dark", "#8CC6F2 #3E8FD0 #28547C #26282B #7A3036 #D8545A #FFA8A0"),
    ],
)
def test_the_scale_about_zero(qapp: QApplication, name: str, colours: str) -> None:
    """Blue below, red above, at zero what is behind it; steps of a thousandth on each side."""
    theme.apply(qapp, name)
    shares = (-1.0, -0.5, -0.16, 0.0, 0.16, 0.5, 1.0)
    wanted = [QColor(colour).getRgb()[:3] for colour in colours.split()]
    assert [signed_colour(share) for share in shares] == wanted
    halfway = np.mean([wanted[0], wanted[1]], axis=0)
    np.testing.assert_allclose(signed_colour(-0.75), halfway, atol=0.51)
    table = lut("diverging")
    assert (tuple(table[0]), tuple(table[255])) == (wanted[0], wanted[6])
    for index in (40, 90, 120, 135, 170, 230):
        exact = [np.interp(index / 255, [(s + 1) / 2 for s in shares], c) for c in zip(*wanted)]
        np.testing.assert_allclose(table[index], exact, atol=0.51)
    near = np.asarray(signed_colour(0.001)) - np.asarray(wanted[3])
    step = (np.asarray(wanted[4]) - np.asarray(wanted[3])) / 160
    np.testing.assert_allclose(near, step, atol=0.51)
    assert lut("diverging").flags.writeable is False


def test_ink_is_what_has_the_greater_contrast() -> None:
    """Of WCAG, for colours near the border of both and for all greys."""
    rng = np.random.default_rng(0)
    some = rng.integers(0, 256, (60_000, 3))
    some[:20_000, 0] = rng.integers(0, 30, 20_000)  # where the curve is a line
    some[20_000:40_000, 2] = rng.integers(0, 30, 20_000)
    some = np.concatenate([some, np.repeat(np.arange(256), 3).reshape(-1, 3)])
    share = some / 255.0
    line = np.where(share <= 0.04045, share / 12.92, ((share + 0.055) / 1.055) ** 2.4)
    light = line @ [0.2126, 0.7152, 0.0722]
    black, white = (light + 0.05) / 0.05, 1.05 / (light + 0.05)
    clear = np.abs(black / white - 1) > 0.003
    near = np.argsort(np.abs(light - 0.179))[:900]
    for index in {*near.tolist(), *range(60_000, 60_256)}:
        if clear[index]:
            wanted = "#000000" if black[index] > white[index] else "#FFFFFF"
            assert readable_on(*some[index].tolist()) == wanted, some[index]


def test_the_colour_of_a_cell() -> None:
    for value, limit, share in ((0.5, 2.0, 0.25), (-3.0, 2.0, -1.0), (2.0, 0.0, 0.0),
                                (-1.0, 4.0, -0.25), (1.0, 1.0, 1.0), (0.5, -1.0, 0.0)):  # fmt: skip
        assert cell_colour(value, limit).getRgb()[:3] == signed_colour(share)
    assert text_colour(QColor(255, 0, 0)).name() == "#000000"
    assert text_colour(QColor(0, 255, 0)).name() == "#000000"
    assert text_colour(QColor(0, 0, 255)).name() == "#ffffff"
    assert text_colour(QColor(0, 110, 200)).name() == "#ffffff"
    assert text_colour(QColor(200, 110, 0)).name() == "#000000"
    assert text_colour(QColor(120, 110, 200)).name() == "#000000"


# Numbers in cells


@pytest.mark.parametrize(
    ("value", "places", "text"),
    [
        (0.0, 2, "0"), (-0.0, 2, "0"), (3.0, 2, "3"), (-3.0, 0, f"{MINUS}3"), (0.5, 2, ".50"),
        (-0.5, 1, f"{MINUS}.5"), (1.25, 1, "1.2"), (-1.25, 2, f"{MINUS}1.25"), (0.004, 2, ""),
        (-0.004, 2, ""), (0.006, 2, ".01"), (9999.0, 2, "9999"), (9999.25, 2, "9999.25"),
        (9999.5, 2, ""), (-9999.5, 0, ""), (-9999.0, 0, f"{MINUS}9999"), (10.5, 1, "10.5"),
        (0.4, 0, ""), (2.6, 0, "3"), (float("nan"), 2, ""), (float("inf"), 2, ""),
        (0.999, 2, "1.00"), (100.5, 0, "100"),
    ],
)  # fmt: skip
def test_a_number_with_so_many_places(value: float, places: int, text: str) -> None:
    assert format_places(value, places) == text


def test_what_has_no_digit_is_a_point_and_zeros() -> None:
    assert [format_least(places) for places in (0, 1, 2, 3)] == [".0", ".0", ".00", ".000"]


@pytest.mark.parametrize(
    ("value", "room", "text"),
    [
        (float("nan"), 3, "NaN"), (float("nan"), 2, "!"), (float("inf"), 2, "+∞"),
        (float("-inf"), 2, "−∞"), (float("inf"), 1, "!"), (float("inf"), 0, ""),
        (0.0, 1, "0"), (0.0, 0, ""), (0.123456789, 8, "0.123457"), (0.123456789, 7, ".123457"),
        (0.123456789, 6, ".12346"), (0.123456789, 2, ".1"), (0.123456789, 1, ""),
        (-0.123456789, 3, f"{MINUS}.1"), (-0.123456789, 9, f"{MINUS}.123457"),
        (12.3456789, 9, "12.3457"), (12.3456789, 4, "12.3"),
        (12.3456789, 2, "12"), (12.3456789, 1, ""), (1234567.0, 9, "1.2e6"), (1234567.0, 3, "1e6"),
        (1.7e-7, 6, f"1.7e{MINUS}7"), (1.7e-7, 5, f"2e{MINUS}7"), (1.7e-7, 4, f"2e{MINUS}7"),
        (1e-5, 9, f"1.0e{MINUS}5"), (2.6e38, 6, "2.6e38"), (-2.6e38, 5, f"{MINUS}3e38"),
        (-123456.0, 7, f"{MINUS}123456"), (-0.000123, 8, f"{MINUS}.000123"), (1e5, 6, "100000"),
    ],
)  # fmt: skip
def test_the_longest_text_that_has_room(value: float, room: int, text: str) -> None:
    assert format_cell(value, lambda t: len(t) <= room) == text


# The standing scale


@pytest.mark.parametrize(
    ("value", "span", "text"),
    [
        (float("nan"), 0.0, "nan"), (float("inf"), 0.0, "inf"), (0.0, 0.0, "0"),
        (1e-12, 1.0, "0"), (-1e-12, 0.0, f"{MINUS}1e{MINUS}12"), (2e-9, 1.0, "0"),
        (1e5, 0.0, "1e5"), (99_999.0, 0.0, "99999"), (1e-3, 0.0, "0.001"),
        (9.9e-4, 0.0, f"9.9e{MINUS}4"), (123.456, 0.0, "123"), (12.34, 0.0, "12.3"),
        (1.234, 0.0, "1.23"), (0.1234, 0.0, "0.123"), (0.01234, 0.0, "0.0123"),
        (0.001234, 0.0, "0.00123"), (0.25, 100.0, "0"), (0.25, 4.0, "0.25"),
        (0.254, 4.0, "0.25"), (-0.001, 100.0, "0"), (2.5e38, 0.0, "2.5e38"), (1e10, 0.0, "1e10"),
        (2e-7, 0.0, f"2e{MINUS}7"), (-1.5, 3.0, f"{MINUS}1.5"), (1.0, 2e5, "1e0"),
        (20.0, 50.0, "20"), (100.0, 100.0, "100"), (2.0, 1e-5, "2"), (1e-6, 5e-4, f"1e{MINUS}6"),
    ],
)  # fmt: skip
def test_a_number_beside_a_scale(value: float, span: float, text: str) -> None:
    assert colour_bar.short_number(value, span) == text


@pytest.mark.parametrize(
    ("low", "high", "about", "ticks"),
    [
        (0.0, 1.0, 5, [0, 0.25, 0.5, 0.75, 1]), (0.0, 1.0, 6, [0, 0.2, 0.4, 0.6, 0.8, 1]),
        (0.0, 1.0, 2, [0, 1]), (0.0, 1.0, 1, [0, 1]), (0.0, 1.0, 3, [0, 0.5, 1]),
        (0.0, 0.3, 4, [0, 0.1, 0.2, 0.3]), (0.15, 0.45, 3, [0.2, 0.4]), (-3.0, 3.0, 4, [-2, 0, 2]),
        (1.0, 3.0, 3, [1, 2, 3]), (0.0, 90.0, 10, [0, 10, 20, 30, 40, 50, 60, 70, 80, 90]),
        (0.0, 91.0, 10, [0, 20, 40, 60, 80]), (7.0, 7.0, 5, [7]), (3.0, 2.0, 5, [3]),
        (0.0, float("inf"), 5, [0]), (-1e-3, 1e-3, 5, [-1e-3, -5e-4, 0, 5e-4, 1e-3]),
        (0.0, 20.0, 3, [0, 10, 20]), (0.0, 9.0, 2, [0]), (0.0, 100.0, 5, [0, 25, 50, 75, 100]),
    ],
)  # fmt: skip
def test_round_numbers_along_a_scale(
    low: float, high: float, about: int, ticks: list[float]
) -> None:
    np.testing.assert_allclose(nice_ticks(low, high, about), ticks, atol=1e-12)


@pytest.fixture
def bar(qtbot: QtBot) -> ColourBar:
    made = ColourBar()
    qtbot.addWidget(made)
    made.resize(80, 240)
    return made


@pytest.mark.parametrize("caption", ["", "score"])
def test_a_standing_scale_is_drawn_from_its_end_to_its_top(
    bar: ColourBar, listen: Listen, caption: str
) -> None:
    line = bar.fontMetrics().height()
    bar.resize(80, 20 * line)
    top = line / 2 + 2 + (line + 4 if caption else 0)
    high = 19.5 * line - top - 2
    bar.set_colours(lut("viridis"))
    bar.set_levels(-2.0, 2.0)
    bar.set_caption(caption)
    assert (bar.levels(), bar.caption()) == ((-2.0, 2.0), caption)
    shapes = listen(bar)
    look = theme.current()
    wanted: list[Any] = [("rect", 8.5, top, 16, high, hexed(look.line))]
    if caption:
        flags = int(Qt.AlignHCenter)
        wanted.append(("text", 0, 0, 80, line, "score", flags, hexed(look.text), shapes[2][-1]))
    size = shapes[-1][-1]
    for tick in (-2, -1, 0, 1, 2):
        y = top + high * (2 - tick) / 4
        text = str(tick).replace("-", MINUS)
        wanted.append(("line", 24.5, y, 28.5, y, hexed(look.muted)))
        place = 31.5, y - line / 2, 80 - 31.5, line
        wanted.append(("text", *place, text, LEFT, hexed(look.text), size))
    image = shapes[0][-1]
    same([shapes[0][:-1]], [("image", 8.5, top, 16, high)])
    same(shapes[1:], wanted)
    assert (image.width(), image.height()) == (1, 256)
    table = lut("viridis")
    assert [pixel(image, 0, n) for n in (0, 1, 100, 255)] == [
        tuple(table[255 - n]) for n in (0, 1, 100, 255)
    ]


@pytest.mark.parametrize(
    ("levels", "value", "share"),
    [
        ((-1.0, 3.0, False), 0.0, 0.25), ((-1.0, 3.0, False), 3.5, 1.0),
        ((-1.0, 3.0, False), -1.5, 0.0), ((1e-3, 10.0, True), 0.1, 0.5),
        ((0.0, 1.0, True), 0.0, 0.0), ((0.0, 1.0, True), 1e-15, 0.5),
        ((0.0, 0.0, True), 0.0, 0.5), ((2.0, 2.0, False), 5.0, 0.5), ((3.0, 2.0, False), 5.0, 0.5),
        ((1e-3, 10.0, True), 0.0, 0.0), ((0.0, 1.0, False), 0.75, 0.75),
    ],
)  # fmt: skip
def test_the_marker_of_a_standing_scale(
    bar: ColourBar, listen: Listen, levels: Any, value: float, share: float
) -> None:
    bar.set_levels(*levels)
    plain = listen(bar)
    assert not of_kind(plain, "polygon")
    bar.set_marker(value)
    line = bar.fontMetrics().height()
    top = line / 2 + 2
    y = top + (1 - share) * (240 - 2 * top)
    look = theme.current()
    marker = 1, y - 5, 9, y, 1, y + 5
    same(of_kind(listen(bar), "polygon"),
         [("polygon", *marker, hexed(look.surface), hexed(look.accent))])  # fmt: skip
    for none in (None, float("nan"), float("inf")):
        bar.set_marker(none)
        assert not of_kind(listen(bar), "polygon")


@pytest.mark.parametrize(
    ("lines", "levels", "ticks"),
    [
        (2.5, (0.0, 1.0), "0 0.5 1"), (3.5, (0.0, 1.0), "0 0.5 1"),
        (5.5, (0.0, 1.0), "0 0.25 0.5 0.75 1"), (6.5, (0.0, 1.0), "0 0.2 0.4 0.6 0.8 1"),
        (8.5, (0.0, 8.0), "0 2 4 6 8"), (9.5, (0.0, 8.0), "0 1 2 3 4 5 6 7 8"),
        (20.0, (0.0, 9.0), "0 2 4 6 8"), (1.5, (0.0, 5.0), "0 2 4"),
        (5.5, (2.0, 2.0), "2"),
    ],
)  # fmt: skip
def test_a_taller_scale_has_more_numbers(
    bar: ColourBar, listen: Listen, lines: float, levels: tuple[float, float], ticks: str
) -> None:
    """One for 2.4 lines of text, two to nine."""
    line = bar.fontMetrics().height()
    bar.setMinimumHeight(1)
    bar.resize(80, round(lines * 2.4 * line + line + 4))
    bar.set_levels(*levels)
    assert " ".join(shape[5] for shape in of_kind(listen(bar), "text")) == ticks


@pytest.mark.parametrize(
    ("levels", "ticks"),
    [
        ((2e-3, 30.0), "0.01 0.1 1 10"), ((1e-3, 10.0), "0.001 0.01 0.1 1 10"),
        ((1e3, 1e6), "1000 10000 1e5 1e6"), ((1e-5, 1e-4), f"1e{MINUS}5 1e{MINUS}4"),
    ],
)  # fmt: skip
def test_numbers_of_a_logarithmic_scale_are_powers_of_ten(
    bar: ColourBar, listen: Listen, levels: tuple[float, float], ticks: str
) -> None:
    bar.set_levels(*levels, log=True)
    shapes = listen(bar)
    assert " ".join(shape[5] for shape in of_kind(shapes, "text")) == ticks
    line = bar.fontMetrics().height()
    low, high = np.log10(levels)
    top, high_of = line / 2 + 2, 240 - line - 4
    for shape, text in zip(of_kind(shapes, "line"), ticks.replace(MINUS, "-").split()):
        y = top + high_of * (1 - (np.log10(float(text)) - low) / (high - low))
        assert shape[1:5] == pytest.approx((24.5, y, 28.5, y), abs=2e-3)
    bar.set_levels(0.0, 1.0, log=True)
    assert len(of_kind(listen(bar), "line")) == 31, "zero stands for 1e-30"


def test_a_low_scale_keeps_eight_pixels(bar: ColourBar, listen: Listen) -> None:
    bar.setMinimumHeight(1)
    bar.resize(80, 10)
    assert of_kind(listen(bar), "rect")[0][4] == 8
    assert ColourBar().levels() == (0.0, 1.0)


# The lying scale


def test_a_lying_scale_is_drawn_between_its_ends(qtbot: QtBot, listen: Listen) -> None:
    bar = ScaleBar()
    qtbot.addWidget(bar)
    look = theme.current()
    metrics = bar.fontMetrics()
    for short, long in ((False, 82), (True, 48), (False, 82)):
        bar.set_short(short)
        bar.set_scale(lut("viridis"), -2.5, 10.0)
        low, high = (metrics.horizontalAdvance(text) + 1 for text in (f"{MINUS}2.5", "10"))
        hint = bar.sizeHint()
        assert (hint.width(), hint.height()) == (low + high + long + 12, metrics.height() + 2)
        bar.resize(hint.width(), 25)
        bar.set_marker(None)
        shapes = listen(bar)
        size = shapes[0][-1]
        image = shapes[2][-1]
        same(
            [*shapes[:2], shapes[2][:-1], *shapes[3:]],
            [
                ("text", 0, 0, bar.width(), 25, f"{MINUS}2.5", LEFT, hexed(look.text), size),
                ("text", low + 6 + long + 6, 0, high, 25, "10", int(Qt.AlignVCenter),
                 hexed(look.text), size),
                ("image", low + 6, 8, long, 9),
                ("rect", low + 6, 8, long, 9, hexed(look.line)),
            ],
        )  # fmt: skip
        assert (image.width(), image.height()) == (256, 1)
        assert [pixel(image, n, 0) for n in (0, 77, 255)] == [
            tuple(lut("viridis")[n]) for n in (0, 77, 255)
        ]
        for value, share in ((0.0, 0.2), (7.5, 0.8), (99.0, 1.0), (-99.0, 0.0)):
            bar.set_marker(value)
            assert bar.marker() == value
            x, y = low + 6 + share * long, 15
            arrow = x - 4, y + 7, x, y, x + 4, y + 7
            same(of_kind(listen(bar), "polygon"),
                 [("polygon", *arrow, hexed(look.surface), hexed(look.accent))])  # fmt: skip
    bar.set_marker(float("nan"))
    assert not of_kind(listen(bar), "polygon")
    bar.set_marker(1.0)
    bar.set_scale(lut("viridis"), 1.0, 1.0)
    assert not of_kind(listen(bar), "polygon")
    plain = ScaleBar()
    qtbot.addWidget(plain)
    assert (plain.levels(), plain.marker(), plain.texts()) == ((0.0, 1.0), None, ("0", "1"))
    plain.set_scale(lut("grey"), 1.0, 0.0)
    assert plain.texts() == ("1", "0")


def test_a_lying_scale_asks_for_room_when_its_numbers_grow(qtbot: QtBot) -> None:
    host = QWidget()
    qtbot.addWidget(host)
    bar = ScaleBar(host)
    asked: list[tuple[float, float]] = []
    bar.updateGeometry = lambda: asked.append(bar.levels())  # type: ignore[method-assign]
    bar.set_scale(lut("grey"), 0.0, 5.0)
    assert asked == [], "as wide as before"
    bar.set_scale(lut("grey"), 0.0, 5000.0)
    bar.set_scale(lut("grey"), -5.0, 5000.0)
    assert asked == [(0.0, 5000.0), (-5.0, 5000.0)]
    bar.set_short(True)
    bar.set_short(True)
    assert len(asked) == 3
    bar.set_scale(lut("viridis"), -5.0, 5000.0)
    image = bar.grab().toImage().convertToFormat(QImage.Format_RGB32)
    ratio = image.width() / bar.width()
    begins = bar.fontMetrics().horizontalAdvance(f"{MINUS}5") + 7
    middle = pixel(image, int((begins + 24) * ratio), int(bar.height() / 2 * ratio))
    np.testing.assert_allclose(middle, lut("viridis")[128], atol=8)


# The histogram


def test_a_histogram_is_drawn_bar_by_bar(qtbot: QtBot, listen: Listen) -> None:
    """100 of the highest count is 81 pixels high: the root of a quarter is half of that."""
    widget = Histogram()
    qtbot.addWidget(widget)
    widget.resize(402, 100)
    palette = widget.palette()
    axis = ("line", 0, 84, 402, 84, hexed(palette.mid().color()))
    same(listen(widget), [axis])
    fill = hexed(palette.highlight().color(), 191)
    ink, muted = (hexed(palette.color(role)) for role in (QPalette.Text, QPalette.PlaceholderText))
    widget.set_counts(np.array([100, 25, 0, 0.0001]), np.array([-1.0, 0, 1, 2, 3]))
    numbers = [
        ("text", 1, 85, 400, 15, f"{MINUS}1", LEFT, muted, 11),
        ("text", 1, 85, 400, 15, "3", RIGHT, muted, 11),
    ]
    bars = [
        ("fill", 1, 3, 100, 81, fill),
        ("fill", 101, 43.5, 100, 40.5, fill),
        ("fill", 301, 83, 100, 1, fill),
    ]
    zero = ("line", 101, 2, 101, 84, ink, int(Qt.DotLine))
    same(listen(widget), [axis, *bars, zero, *numbers])
    widget.set_counts(np.array([100, 25, 0, 0.0001]), np.array([-1.0, 0, 1, 2, 3]),
                      np.array([400, 0, 100, 0.0]))  # fmt: skip
    outline = [1, 3, 101, 3, 101, 84, 201, 84, 201, 43.5, 301, 43.5, 301, 84, 401, 84]
    bars = [
        ("fill", 1, 43.5, 100, 40.5, fill),
        ("fill", 101, 63.75, 100, 20.25, fill),
        ("fill", 301, 83, 100, 1, fill),
    ]
    same(listen(widget), [axis, *bars, ("path", *outline, muted), zero, *numbers])
    # Of bars narrower than a pixel all are seen; without a count there are none.
    widget.set_counts(np.ones(800), np.linspace(0, 4, 801))
    fills = of_kind(listen(widget), "fill")
    assert len(fills) == 800
    assert {shape[3] for shape in fills} == {1}
    assert not of_kind(listen(widget), "path")
    widget.set_counts(np.zeros(4), np.linspace(-2, 0, 5), np.zeros(4))
    assert not of_kind(listen(widget), "fill", "path")
    widget.set_counts(np.zeros(4), np.linspace(-2, 0, 5), np.ones(4))
    assert len(of_kind(listen(widget), "path")) == 1
    assert len(of_kind(listen(widget), "line")) == 1
    widget.set_counts(np.ones(1), np.array([2.0, 2.0]))
    assert (widget.place(2.0), widget.place(7.0)) == (201, 201)
    widget.clear()
    same(listen(widget), [axis])
    # Shares of less than one are counts, too.
    widget.set_counts(np.array([0.25]), np.array([1.0, 2.0]), np.array([0.0625]))
    found = listen(widget)
    same(of_kind(found, "fill"), [("fill", 1, 3, 400, 81, fill)])
    same(of_kind(found, "path"), [("path", 1, 43.5, 401, 43.5, muted)])
    widget.set_counts(np.array([0.0625]), np.array([1.0, 2.0]), np.array([0.25]))
    same(of_kind(listen(widget), "fill"), [("fill", 1, 43.5, 400, 40.5, fill)])


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (float("inf"), "+∞"), (float("-inf"), "−∞"), (float("nan"), "NaN"), (12.3456, "12.35"),
        (-0.00001, f"{MINUS}1e{MINUS}05"), (0.0, "0"), (-0.0, "0"), (123456.0, "1.235e+05"),
    ],
)  # fmt: skip
def test_a_number_of_four_digits(value: float, text: str) -> None:
    assert short_number(value) == text


# Frequencies


@pytest.mark.parametrize(
    ("size", "left"), [((200, 130), None), ((100, 220), 0), ((90, 20), None), ((8, 8), -4)]
)
def test_gains_are_drawn_in_a_square(
    qtbot: QtBot, listen: Listen, size: tuple[int, int], left: int | None
) -> None:
    view = FrequencyView()
    qtbot.addWidget(view)
    view.setMinimumSize(1, 1)
    view.resize(*size)
    assert listen(view) == []
    gains = np.zeros((5, 5))
    gains[1, 2], gains[4, 0] = 3.0, 1.5
    view.set_response(gains)
    line = view.fontMetrics().height()
    side = max(16, min(size[0], size[1] - line - 2))
    left = (size[0] - side) // 2 if left is None else left
    x, y = left + side / 2, side / 2
    white, muted = "#6effffff", hexed(theme.current().muted)
    shapes = listen(view)
    image = shapes[0][-1]
    same(
        [shapes[0][:-1], *shapes[1:]],
        [
            ("image", left, 0, side, side),
            ("ellipse", x, y, side / 4, side / 4, white),
            ("line", x - 3, y, x + 3, y, white),
            ("line", x, y - 3, x, y + 3, white),
            ("text", 0, size[1] - line, size[0], line, "gain 0 … 3", int(Qt.AlignHCenter), muted,
             shapes[-1][-1]),
        ],
    )  # fmt: skip
    assert (image.width(), image.height()) == (5, 5)
    table = lut("viridis")
    assert pixel(image, 2, 1) == tuple(table[255])
    assert pixel(image, 0, 4) == tuple(table[128])
    assert pixel(image, 1, 2) == tuple(table[0])


def test_of_gains_the_greatest_is_said_in_three_digits(qtbot: QtBot, listen: Listen) -> None:
    view = FrequencyView()
    qtbot.addWidget(view)
    view.resize(180, 200)
    view.set_response(np.array([[0.0, 1.23456], [0.5, np.nan]]))
    view.set_response(np.array([[0.0, 1.23456], [0.5, 1.0]]))
    assert of_kind(listen(view), "text")[0][5] == "gain 0 … 1.23"
    assert view.greatest == pytest.approx(1.23456)
    wide = np.zeros((2, 3))
    wide[1, 2] = 4
    view.set_response(wide)
    image = of_kind(listen(view), "image")[0][-1]
    assert (image.width(), image.height()) == (3, 2)
    assert pixel(image, 2, 1) == tuple(lut("viridis")[255])
    with np.errstate(all="raise"):
        view.set_response(np.zeros((3, 3)))
    shapes = listen(view)
    assert of_kind(shapes, "text")[0][5] == "gain 0 … 0"
    assert pixel(shapes[0][-1], 1, 1) == tuple(lut("viridis")[0])


# Separable kernels


@pytest.mark.parametrize(
    ("size", "side"),
    [((260, 60), 60 / 4.35), ((80, 220), 80 / 5.35), ((900, 900), 34.0), ((150, 300), 150 / 5.35)],
)
def test_a_column_a_row_and_their_product(
    qtbot: QtBot, listen: Listen, size: tuple[int, int], side: float
) -> None:
    view = SeparableView()
    qtbot.addWidget(view)
    view.setMinimumSize(1, 1)
    view.resize(*size)
    column, row = np.array([1.0, -2.0, 4.0]), np.array([0.5, 0.25, -0.75, 0.0])
    view.set_vectors((column, row), "")
    shapes = listen(view)
    metrics = QFont(view.font())
    metrics.setPixelSize(max(7, min(11, round(side * 0.36))))
    measure = QFontMetricsF(metrics)

    def fits(text: str) -> bool:
        return measure.horizontalAdvance(text) <= side - 2 and measure.height() <= side + 2

    begins, wanted = 1.3 * side, []
    places = [(begins + k * side, 0, v, 0.75) for k, v in enumerate(row)]
    places += [(0, begins + k * side, v, 4.0) for k, v in enumerate(column)]
    for x, y, value, limit in places:
        colour = cell_colour(value, limit)
        ink = hexed(text_colour(colour))
        wanted += [
            ("fill", x, y, side, side, hexed(colour)),
            ("text", x, y, side, side, format_cell(value, fits), CENTRE, ink, metrics.pixelSize()),
            ("rect", x, y, side, side, hexed(theme.current().line)),
        ]
    for r, c in itertools.product(range(3), range(4)):
        colour = hexed(cell_colour(column[r] * row[c], 3.0))
        at = begins + c * side, begins + r * side, side, side
        wanted += [("opacity", 0.45), ("fill", *at, colour)]
    same(shapes, wanted)


def test_the_digits_beside_a_separable_kernel(qtbot: QtBot, listen: Listen) -> None:
    """Seven to eleven pixels high, 36 % of the cell between."""
    view = SeparableView()
    qtbot.addWidget(view)
    view.setMinimumSize(1, 1)
    for side, pixels in ((34, 11), (31, 11), (28, 10), (25, 9), (22, 8), (19, 7), (12, 7)):
        view.resize(900, round(side * 4.35))
        view.set_vectors((np.ones(3), np.ones(5)), "")
        texts = of_kind(listen(view), "text")
        assert {shape[-1] for shape in texts} == {pixels}, side
    view.set_vectors(None, "not separable")
    look = theme.current()
    flags = int(Qt.AlignLeft | Qt.AlignTop | Qt.TextWordWrap)
    same([shape[:-1] for shape in listen(view)],
         [("text", 0, 0, 900, 52, "not separable", flags, hexed(look.muted))])  # fmt: skip
    assert view.vectors is None
    assert view.accessibleDescription() == "not separable"


# Kernels


def cell_at(row: int, column: int) -> QRect:
    """Cells of 60 x 44 pixels, from (10, 20) on."""
    return QRect(10 + 60 * column, 20 + 44 * row, 60, 44)


def drawn(listening: Any, draw: Callable[[Any], None], size: tuple[int, int] = (400, 300)) -> Any:
    """What a function draws with a painter."""
    image = QImage(*size, QImage.Format_RGB32)
    image.fill(Qt.white)
    listening.heard = []
    painter = listening(image)
    draw(painter)
    painter.end()
    return list(listening.heard)


def test_a_kernel_is_drawn_cell_by_cell(listening: Any) -> None:
    values = np.array([[0.0, 0.5, -1.0], [0.25, 4.0, 1e-6]], np.float32)
    palette = QApplication.palette()
    base = theme.font(13)
    font, places = cell_font(base, values.ravel().tolist(), 44)
    least = "." + "0" * places
    half, quarter = (f"{value:.{places}f}"[1:] for value in (0.5, 0.25))
    muted = hexed(palette.color(QPalette.PlaceholderText))
    texts = [("0", muted), (half, ""), (f"{MINUS}1", ""), (quarter, ""), ("4", ""), (least, muted)]
    wanted: list[Any] = []
    for (r, c), (text, ink) in zip(itertools.product(range(2), range(3)), texts):
        colour = cell_colour(float(values[r, c]), 4.0)
        at = 10 + 60 * c, 20 + 44 * r, 60, 44
        wanted.append(("fill", *at, hexed(colour)))
        ink = ink or hexed(text_colour(colour))
        wanted.append(("text", *at, text, CENTRE, ink, font.pixelSize()))
    line = hexed(palette.color(QPalette.Mid))
    wanted += [("line", 10, y, 190, y, line) for y in (20, 64, 108)]
    wanted += [("line", x, 20, x, 108, line) for x in (10, 70, 130, 190)]
    paint = KernelPaint()

    def draw(painter: Any) -> None:
        paint.cells(painter, values, cell_at, base, palette)

    same(drawn(listening, draw), wanted)
    same(drawn(listening, draw), wanted)
    # Others at another scale, of which the same numbers are of other colours.
    values[1, 1] = 1.0
    colours = [shape[5] for shape in drawn(listening, draw) if shape[0] == "fill"]
    assert colours == [hexed(cell_colour(float(v), 1.0)) for v in values.ravel()]
    values[1, 1] = np.nan
    shapes = drawn(listening, draw)
    assert [shape[5] for shape in shapes if shape[0] == "fill"][4] == "#c08a00"
    assert [shape[5] for shape in shapes if shape[0] == "text"][4] == "NaN"
    colours = [shape[5] for shape in shapes if shape[0] == "fill"]
    assert colours[2] == hexed(cell_colour(-1.0, 1.0)), "what is not finite has no say"


def test_a_kernel_of_zeros_or_of_tiny_numbers(listening: Any) -> None:
    """Alone a tiny number is written as it is, however few digits there are."""
    palette, base, paint = QApplication.palette(), theme.font(13), KernelPaint()
    for value, text in ((0.0, "0"), (-2e-9, f"{MINUS}2e{MINUS}9")):
        values = np.full((2, 2), value)

        def draw(painter: Any, values: np.ndarray = values) -> None:
            paint.cells(painter, values, cell_at, base, palette)

        shapes = drawn(listening, draw)
        assert {shape[5] for shape in shapes if shape[0] == "text"} == {text}
        wanted = cell_colour(value, abs(value))
        assert {shape[5] for shape in shapes if shape[0] == "fill"} == {hexed(wanted)}


@pytest.mark.parametrize("wide", [44, 30])
def test_a_number_without_room_gives_way(listening: Any, wide: int) -> None:
    """The shortest that is true; in cells that are narrower than high, width counts."""
    palette, base, paint = QApplication.palette(), theme.font(13), KernelPaint()
    values = np.array([[12345.678, 0.001], [-3e38, 100000.0]])

    def draw(painter: Any) -> None:
        paint.cells(painter, values, lambda r, c: QRect(wide * c, 60 * r, wide, 60), base, palette)

    texts = [shape for shape in drawn(listening, draw) if shape[0] == "text"]
    for shape in texts:
        font = QFont(base)
        font.setPixelSize(shape[-1])
        gap = 2 if wide >= 32 else 1
        assert QFontMetricsF(font).horizontalAdvance(shape[5]) <= wide - 2 * gap
        number = shape[5].replace(MINUS, "-")
        value = values[int(shape[2]) // 60, int(shape[1]) // wide]
        if number.strip(".0-"):
            assert float(number) == pytest.approx(value, rel=0.3)
    assert texts


def test_another_look_gives_a_kernel_other_colours(qapp: QApplication, listening: Any) -> None:
    values, paint = np.array([[0.5, -1.0], [0.0, 0.25]]), KernelPaint()
    seen = []
    for name, size in (("light", 44), ("dark", 44), ("light", 44), ("light", 20)):
        theme.apply(qapp, name)
        palette = QApplication.palette()

        def draw(painter: Any, size: int = size, palette: QPalette = palette) -> None:
            paint.cells(painter, values, lambda r, c: QRect(size * c, size * r, size, size),
                        theme.font(13), palette)  # fmt: skip

        shapes = drawn(listening, draw)
        wanted = [hexed(cell_colour(v, 1.0)) for v in values.ravel()]
        assert [shape[5] for shape in shapes if shape[0] == "fill"] == wanted
        texts = [shape for shape in shapes if shape[0] == "text"]
        assert texts[2][7] == hexed(palette.color(QPalette.PlaceholderText))
        seen.append((wanted, [shape[5] for shape in texts], texts[0][-1]))
    assert seen[0] == seen[2]
    assert seen[0][0] != seen[1][0]
    assert seen[3][2] < seen[0][2]
    assert len(seen[3][1][0]) < len(seen[0][1][0]), "fewer places where cells are small"


@pytest.mark.parametrize("values", [
    [0.5], [1.0, -2.0], [0.125, -0.375], [0.25, 12.0], [100.0, 0.5, -1234.25], [0.0], [1e-4, 0.5],
    [0.001], [0.004, 0.002], [-3e38, 0.25], [0.333, 10.75],
])  # fmt: skip
@pytest.mark.parametrize(
    ("side", "tallest", "least", "gap"),
    [(12, 9, 9, 1), (18, 9, 9, 1), (22, 11, 9, 1), (26, 13, 9, 1), (31, 13, 10, 1),
     (32, 13, 10, 2.88), (33, 13, 11, 2.97), (40, 16, 13, 3.6), (56, 22, 19, 5.04),
     (75, 30, 25, 6.75), (100, 40, 34, 9)],
)  # fmt: skip
def test_the_digits_of_a_kernel(
    qapp: QApplication, values: list[float], side: int, tallest: int, least: int, gap: float
) -> None:
    """First as many places as have room, then the largest digits of 40 to 34 % of a cell."""
    ways = [(3, p) for p in range(least, tallest + 1)] + [(2, p) for p in range(least, tallest + 1)]
    ways += [(places, p) for places in (1, 0) for p in range(9, tallest + 1)]
    font = QFont(theme.font(13))

    def told(value: float, places: int) -> str:
        if format_places(value, places):
            return format_places(value, places)
        others = any(format_places(v, places) for v in values if v)
        if abs(value) < 1 and others:
            return "." + "0" * max(1, places)
        return format_cell(value, lambda t: len(t) < 6)

    def fits(way: tuple[int, int]) -> bool:
        font.setPixelSize(way[1])
        room = side - 2 * (max(gap, 2.5) if way[0] == 3 else gap)
        return all(QFontMetricsF(font).horizontalAdvance(told(v, way[0])) <= room for v in values)

    found, places = cell_font(theme.font(13), values, side)
    assert (places, found.pixelSize()) == max(filter(fits, ways), default=(0, 9))


def test_digits_that_just_fit(qapp: QApplication) -> None:
    font = QFont(theme.font(13))
    for text, pixels in (("8888", 15), ("8888", 13)):
        font.setPixelSize(pixels)
        # Nine hundredths of the cell stay free at each side.
        side = QFontMetricsF(font).horizontalAdvance(text) / 0.82
        assert side >= max(32, pixels / 0.4)
        found = cell_font(theme.font(13), [float(text)], side)
        assert (found[0].pixelSize(), found[1]) == (pixels, 3)
        found = cell_font(theme.font(13), [float(text)], side - 0.01)
        assert found[0].pixelSize() < pixels or found[1] < 3


def test_cells_share_a_length_out() -> None:
    assert [span(4, 100, 3, k) for k in range(3)] == [(4, 37), (37, 71), (71, 104)]
    assert span(0, 10, 1, 0) == (0, 10)


def test_the_marks_on_a_kernel(listening: Any) -> None:
    palette = QApplication.palette()
    accent = hexed(palette.color(QPalette.Highlight))
    nothing = slice(1, 2), slice(2, 3)

    def marks(shape: tuple[int, int], *what: Any) -> list[Any]:
        return drawn(
            listening, lambda painter: KernelPaint.marks(painter, shape, cell_at, palette, *what)
        )

    # The middle of 3 x 5 cells is row 1, column 2: 130 from the left, 64 from the top.
    tick = ("polygon", 131, 65, 138.2, 65, 131, 72.2, "none", hexed("black", 115))
    same(marks((3, 5), (), nothing, None, None), [tick])
    dash, width = int(Qt.DashLine), 2
    middle = ("polygon", 71, 109, 78.2, 109, 71, 116.2, "none", hexed("black", 115))
    same(
        marks((5, 3), [(0, 1), (2, 0)], (slice(1, 3), slice(0, 2)), (3, 1), (4, 2)),
        [
            middle,
            ("rect", 70, 20, 60, 44, accent, dash),
            ("rect", 10, 108, 60, 44, accent, dash),
            ("rect", 10, 64, 120, 88, "#000000", 3),
            ("rect", 10, 64, 120, 88, "#ffffff", 3, (2.0, 2.0)),
            ("rect", 71, 153, 59, 43, accent, width),
            ("rect", 131, 197, 59, 43, "#e09f00", width),
        ],
    )
    same(marks((5, 3), (), (slice(1, 2), slice(0, 3)), None, None)[1:],
         [("rect", 10, 64, 180, 44, "#000000", 3),
          ("rect", 10, 64, 180, 44, "#ffffff", 3, (2.0, 2.0))])  # fmt: skip
    small = drawn(
        listening,
        lambda painter: KernelPaint.marks(
            painter, (1, 1), lambda r, c: QRect(c * 20, r * 20, 20, 20), palette, (),
            (slice(0, 1), slice(0, 1)), None, None,
        ),
    )  # fmt: skip
    same(small, [("polygon", 1, 1, 4, 1, 1, 4, "none", hexed("black", 115))])


# Padding


@pytest.fixture
def padded(qtbot: QtBot, listening: Any) -> Callable[..., list[Any]]:
    """What is drawn around 4 x 3 pixels that are so large, the first at (100, 80)."""
    view = PictureView()
    qtbot.addWidget(view)
    view.resize(600, 500)
    view.show()
    planes = np.arange(24, dtype=np.float32).reshape(1, 2, 3, 4) / 8
    view.set_image(np.zeros((3, 4), np.uint8), None, None, (0, 0), (1, 1), QRectF(-3, -3, 10, 9))
    item = PaddingItem()
    view.add_item(item)

    def draw(scale: float, margins: tuple[int, int], edge: str, seen: Any = None) -> list[Any]:
        view.set_view_rect(QRectF(*(seen or (-9, -9, 22, 21))))
        item.set_padding(planes, margins, edge)

        def paint(painter: Any) -> None:
            painter.setWorldTransform(QTransform(scale, 0, 0, scale, 100, 80))
            item.paint(painter)

        return drawn(listening, paint, (600, 500))

    draw.item, draw.view, draw.planes = item, view, planes  # type: ignore[attr-defined]
    return draw


def test_padding_is_hatched_on_four_sides(padded: Any) -> None:
    """One row above and below, two columns beside; pixels of 5."""
    shapes = padded(5.0, (1, 2), "constant")
    look, wanted = theme.current(), []
    for part in ((90, 75, 40, 5), (90, 95, 40, 5), (90, 80, 10, 15), (120, 80, 10, 15)):
        wanted.append(("fill", *part, hexed(look.well)))
        wanted.append(("fill", *part, hexed(look.line), int(Qt.BDiagPattern)))
    same(shapes, wanted)
    assert padded.item.boundingRect() == QRectF(-2, -1, 8, 5)
    assert padded.item.isVisible()
    assert padded(5.0, (0, 2), "constant")[1][1:5] == (90, 80, 40, 0)
    assert padded.item.isVisible()
    padded(5.0, (0, 0), "constant")
    assert not padded.item.isVisible()
    assert PaddingItem().boundingRect().isEmpty()


@pytest.mark.parametrize("edge", ["constant", "reflect", "edge", "wrap"])
@pytest.mark.parametrize("scale", [6.0, 26.0, 44.0])
def test_cells_of_padding_say_what_they_hold(padded: Any, edge: str, scale: float) -> None:
    shapes = padded(scale, (2, 1), edge)[8:]
    look = theme.current()
    mean = padded.planes.astype(float).mean(axis=(0, 1))
    whole = np.pad(mean, ((2, 2), (1, 1)), edge)
    wanted: list[Any] = []
    for row, column in itertools.product(range(-2, 5), range(-1, 5)):
        if 0 <= row < 3 and 0 <= column < 4:
            assert padded.item.value_at(row, column) == pytest.approx(mean[row, column])
            continue
        value = whole[row + 2, column + 1]
        assert padded.item.value_at(row, column) == pytest.approx(value)
        cell = 100 + scale * column, 80 + scale * row, scale, scale
        wanted.append(("rect", *cell, hexed(look.line)))
        if scale >= 26:
            pixels = {26.0: 9, 44.0: 15}[scale]
            text = format_places(round(value, 3), 3)
            wanted.append(("text", *cell, text, CENTRE, hexed(look.text), pixels))
    same(shapes, wanted)
    assert len(padded(5.99, (2, 1), edge)) == 8


def test_only_cells_that_are_seen_are_drawn(padded: Any) -> None:
    """And at most one row and one column beyond them."""
    for seen in ((-8.5, -8.5, 6.2, 5.2), (3.5, 2.5, 6.2, 5.2), (-8.5, 2.2, 9, 7.5)):
        shapes = padded(20.0, (9, 9), "wrap", seen)
        view = padded.view.view_rect()
        cells = {
            (round((shape[2] - 80) / 20), round((shape[1] - 100) / 20))
            for shape in of_kind(shapes, "rect")
        }
        for row, column in itertools.product(range(-9, 12), range(-9, 13)):
            if 0 <= row < 3 and 0 <= column < 4:
                assert (row, column) not in cells
                continue
            cell = QRectF(column, row, 1, 1)
            if view.intersects(cell):
                assert (row, column) in cells, seen
            elif not view.adjusted(-1.999, -1.999, 1.999, 1.999).contains(cell.center()):
                assert (row, column) not in cells, seen


def test_small_pixels_have_digits_of_seven(padded: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("filterlab.gui.widgets.padding_item.VALUES_FROM", 10.0)
    texts = of_kind(padded(12.0, (1, 1), "edge"), "text")
    assert {shape[-1] for shape in texts} == {7}
    item = PaddingItem()
    planes = np.arange(6, dtype=np.float32).reshape(1, 1, 2, 3)
    item.set_padding(planes, (1, 1), "edge")
    assert item.value_at(-1, 3) == 2
    item.set_padding(planes, (1, 1), "wrap")
    assert item.value_at(-1, 3) == 3
    item.set_padding(planes, (1, 2), "wrap")
    assert item.boundingRect() == QRectF(-2, -1, 7, 4)
    item.set_padding(planes + 6, (1, 2), "wrap")
    assert item.value_at(-1, 3) == 9


# Products


def ways(values: np.ndarray, wide: float, high: float) -> tuple[int, int]:
    """Places and pixels of the digits in cells: places first, at most 18 pixels, 80 % of a cell."""
    font = QFont(QApplication.font())
    tallest = min(18, int(0.8 * high))
    found = [
        (places, pixels)
        for places, least in ((3, 10), (2, 8), (1, 8), (0, 8))
        for pixels in range(least, tallest + 1)
        if (font.setPixelSize(pixels) or True)
        and all(
            QFontMetricsF(font).horizontalAdvance(format_places(v, places))
            <= min(wide, 1.9 * high) - 4
            for v in values.ravel().tolist()
        )
    ]  # fmt: skip
    return max(found, default=(-1, -1))


@pytest.mark.parametrize(
    ("cell", "room"), [((40, 40), 0), ((40, 24), 0), ((24, 24), 7), ((60, 13), 0), ((60, 60), 30),
                       ((12, 12), 0), ((90, 90), 0), ((20, 20), 0)],
)  # fmt: skip
@pytest.mark.parametrize("signed", [False, True])
def test_products_are_drawn_cell_by_cell(
    qtbot: QtBot, listen: Listen, cell: tuple[int, int], room: int, signed: bool
) -> None:
    """2 x 3 cells thrice, 28 pixels between; ``room`` stays free beneath."""
    view = ProductView()
    qtbot.addWidget(view)
    view.setMinimumSize(1, 1)
    wide, high = cell
    caption = max(18, view.fontMetrics().height() + 4)
    view.resize(9 * wide + 57, caption + 1 + 2 * high + room)
    patch = np.array([[0.25, 0.5, 1.25], [0.0, 0.875, 0.004]], np.float32)
    if signed:
        patch[1, 1] = -2.5
    kernel = np.array([[0.5, -1.0, 2.0], [0.125, 12.5, -0.75]], np.float32)
    outside = np.array([[False, True, False], [True, False, False]])
    view.set_product(patch, kernel, 0.5, 1.0, outside, 2.25)
    shapes = listen(view)
    palette = view.palette()
    colours = {role: hexed(palette.color(getattr(QPalette, role)))
               for role in ("Mid", "Window", "PlaceholderText", "Text")}  # fmt: skip
    words, wanted = view.captions(), []
    sides = ((patch, max(float(np.abs(patch).max()), 0 if signed else 1)), (kernel, 12.5),
             (patch * kernel, float(np.abs(patch * kernel).max())))  # fmt: skip
    texts = iter(of_kind(shapes, "text"))
    base = theme.font(12)
    for index, (values, limit) in enumerate(sides):
        left = index * (3 * wide + 28)
        measure = QFontMetricsF(base)
        said = [t for t in words[index] if measure.horizontalAdvance(t) <= 3 * wide]
        found = next(texts)
        if said:
            assert found[5] == said[0]
        else:
            assert found[5].endswith("…")
            assert words[index][-1].startswith(found[5][:-1])
        flags = int(Qt.AlignLeft | Qt.AlignTop)
        wanted.append(("text", left, 0, 3 * wide, caption, found[5], flags,
                       colours["PlaceholderText"], found[-1]))  # fmt: skip
        places, pixels = ways(values, wide, high)
        for row, column in itertools.product(range(2), range(3)):
            value = float(values[row, column])
            at = left + wide * column, caption + high * row, wide, high
            colour = cell_colour(value, limit)
            if index == 0 and not signed:
                grey = int(255 * min(1.0, max(0.0, value / limit)))
                colour = QColor(grey, grey, grey)
            hatched = index == 0 and not signed and outside[row, column]
            colour = palette.color(QPalette.Window) if hatched else colour
            wanted.append(("fill", *at, hexed(colour)))
            if hatched:
                wanted.append(("fill", *at, colours["Mid"], int(Qt.BDiagPattern)))
            if pixels > 0:
                next(texts)
                font = QFont(view.font())
                font.setPixelSize(pixels)

                def fits(text: str, font: QFont = font) -> bool:
                    return QFontMetricsF(font).horizontalAdvance(text) <= wide - 2

                text = format_places(value, places) or format_cell(value, fits)
                ink = hexed(text_colour(colour))
                wanted.append(("text", *at, text, CENTRE, ink, pixels))
        right, bottom = left + 3 * wide, caption + 2 * high
        for k in range(3):
            y = caption + high * k
            wanted.append(("line", left, y, right, y, colours["Mid"]))
        for k in range(4):
            x = left + wide * k
            wanted.append(("line", x, caption, x, bottom, colours["Mid"]))
        if index < 2:
            between = next(texts)
            tall = min(2 * wide, 2 * high + room)
            wanted.append(("text", right, caption, 28, tall, "×="[index], CENTRE, colours["Text"],
                           between[-1]))  # fmt: skip
            assert between[-1] == pytest.approx(theme.font(17).pointSizeF())
    same(shapes, wanted)


def test_what_is_said_over_products(qtbot: QtBot, listen: Listen) -> None:
    view = ProductView()
    qtbot.addWidget(view)
    hint = "Point at a pixel of an output to see how it is computed."
    assert (view.sentence(), view.captions()[2]) == (hint, ("products, sum 0", "Σ 0"))
    view.resize(300, 120)
    muted = hexed(view.palette().color(QPalette.PlaceholderText))
    flags = int(Qt.AlignCenter | Qt.TextWordWrap)
    same([shape[:-1] for shape in listen(view)], [("text", 0, 0, 300, 120, hint, flags, muted)])
    patch = np.array([[0.5, 2.0]], np.float32)
    view.set_product(patch, np.array([[0.25, -0.125]], np.float32), -1.5, 0.75, others=2.375)
    assert view.captions() == (
        ("patch",), ("kernel",),
        (f"products, sum {MINUS}0.125, other channels 2.375",
         f"sum {MINUS}0.125, others 2.375", f"{MINUS}0.125, 2.375"),
    )  # fmt: skip
    assert view.sentence() == (
        f"2 products: {MINUS}0.125, other channels: 2.375, bias {MINUS}1.5, sum 0.75"
    )
    assert view.accessibleDescription() == view.sentence()
    view.set_product(patch, np.array([[0.25, -0.0625]], np.float32), 0.0, 1e-9, others=-1e-9)
    assert view.captions()[2][1] == "sum 0, others 0"
    view.set_product(patch, np.array([[0.00012345, 0.0]], np.float32), 0.0, 0.0)
    assert view.captions()[2] == ("products, sum 0.0001", "Σ 0.0001")
    with pytest.raises(ValueError, match="differ in shape"):
        view.set_product(patch, patch.T, 0.0, 0.0)
    with pytest.raises(ValueError, match="differ in shape"):
        view.set_product(patch[0], patch[0], 0.0, 0.0)
    view.clear()
    assert view.sentence() == hint


def test_products_that_are_not_finite(qtbot: QtBot, listen: Listen) -> None:
    """Are of their own colour; the others keep theirs."""
    view = ProductView()
    qtbot.addWidget(view)
    view.resize(9 * 40 + 57, 200)
    patch = np.array([[np.inf, np.nan, -0.5]], np.float32)
    kernel = np.array([[1.0, np.nan, 0.5]], np.float32)
    with np.errstate(invalid="ignore"):
        view.set_product(patch, kernel, 0.0, 0.0)
        fills = [shape[5] for shape in of_kind(listen(view), "fill")]
    odd = "#c08a00"
    assert fills[:3] == [odd, odd, hexed(cell_colour(-1.0, 1.0))]
    assert fills[3:6] == [hexed(cell_colour(1.0, 1.0)), odd, hexed(cell_colour(0.5, 1.0))]
    assert fills[6:8] == [odd, odd]
