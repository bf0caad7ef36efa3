"""How outputs are shown: scales, colours, ReLU, numbers; and that pixels lie where they should."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
import pytest
from PyQt5.QtCore import QRectF, Qt
from PyQt5.QtGui import QColor
from pytestqt.qtbot import QtBot

from filterlab.gui.filters.look import Look, nature, render, round_limit
from filterlab.gui.filters.tab import FiltersTab
from filterlab.gui.widgets.colours import lut
from filterlab.surgery.convolve import Outputs, stats_of


def pixel_colour(tab: FiltersTab, view: int, x: float, y: float) -> QColor:
    """The colour on the screen at a place of the input."""
    shown = tab.stage.views[view]
    at = shown.to_widget(x, y)
    image = shown.grab().toImage()
    ratio = image.width() / shown.width()
    return image.pixelColor(int(at.x() * ratio), int(at.y() * ratio))


def test_an_asymmetric_kernel_moves_an_impulse_the_right_way(tab: FiltersTab, hands: Any) -> None:
    """Correlation: a 1 in the kernel's upper left carries a pixel down and to the right."""
    picture = np.zeros((12, 16), np.float32)
    picture[3, 9] = 1
    tab.set_picture(picture, "impulse")
    kernel = np.zeros((5, 5), np.float32)
    kernel[0, 1] = 1
    tab.bench.set_kernel(0, kernel)
    tab.bench.set_kernel(1, -kernel)
    tab.bench.clear(2)
    tab.actions_.look_action("views", "signed").trigger()
    hands.settle()
    # Two rows and one column on from (3, 9), in the input's coordinates.
    for view, x, y, expected in (
        (1, 10.5, 5.5, "#b2182b"),
        (2, 10.5, 5.5, "#2166ac"),
        (1, 9.5, 5.5, "#f7f7f7"),
        (1, 10.5, 6.5, "#f7f7f7"),
        (0, 9.5, 3.5, "#ffffff"),
    ):
        colour, wanted = pixel_colour(tab, view, x, y), QColor(expected)
        for channel in ("red", "green", "blue"):
            assert abs(getattr(colour, channel)() - getattr(wanted, channel)()) <= 2, (view, x, y)


def test_views_are_equal_and_zoom_as_one(tab: FiltersTab, hands: Any) -> None:
    widths = [view.width() for view in tab.stage.views]
    assert max(widths) - min(widths) <= 1, "a remainder of the division at most"
    assert len({view.height() for view in tab.stage.views}) == 1
    tab.stage.views[2].set_view_rect(QRectF(10, 8, 12, 9))
    for view in tab.stage.views:
        centre = view.view_rect().center()
        assert centre.x() == pytest.approx(16, abs=0.3)
        assert centre.y() == pytest.approx(12.5, abs=0.3)
    tab.actions_.fit.trigger()
    assert all(view.fitted for view in tab.stage.views)


def test_a_blur_is_natural_and_edges_are_signed_each_on_its_scale(
    tab: FiltersTab, hands: Any
) -> None:
    frame = tab.stage.frame
    assert frame is not None
    assert [shown.view for shown in frame.shown] == ["natural", "signed", "signed"]
    assert [switch.key for switch in tab.stage.switches] == ["natural", "signed", "signed"]
    assert tab.stage.bars[0].levels() == (0, 1)
    for slot in (1, 2):
        low, high = tab.stage.bars[slot].levels()
        usual = float(np.quantile(np.abs(hands.output(slot)), 0.995))
        assert low == -high
        assert 0.7 < high / usual < 1.5, "near what 99.5 % of the pixels do not exceed"
        assert float(f"{high:.1e}") == high, "round"
    assert tab.stage.bars[1].levels() != (0, 1)


def test_one_click_shows_an_output_the_other_way_and_it_stays(
    qtbot: QtBot, tab: FiltersTab, hands: Any
) -> None:
    qtbot.mouseClick(tab.stage.switches[0].button("signed"), Qt.LeftButton)
    hands.settle()
    frame = tab.stage.frame
    assert frame is not None
    assert [shown.view for shown in frame.shown] == ["signed", "signed", "signed"]
    tab.editors[0].presets.choose("box")
    hands.settle()
    assert tab.stage.frame is not None
    assert tab.stage.frame.shown[0].view == "signed", "as set by hand"
    assert tab.stage.switches[0].key == "signed"
    # The others still follow their kernels.
    tab.editors[1].presets.choose("gaussian")
    hands.settle()
    assert tab.stage.frame.shown[1].view == "natural"


def test_common_ties_the_signed_outputs_to_the_widest_scale(
    qtbot: QtBot, tab: FiltersTab, hands: Any
) -> None:
    tab.bench.set_kernel(2, 10 * tab.bench.kernel(2))
    hands.settle()
    own = [bar.levels() for bar in tab.stage.bars]
    assert own[1] != own[2]
    qtbot.mouseClick(tab.stage.scale_switch.button("common"), Qt.LeftButton)
    hands.settle()
    assert [bar.levels() for bar in tab.stage.bars] == [(0, 1), own[2], own[2]]
    qtbot.mouseClick(tab.stage.scale_switch.button("own"), Qt.LeftButton)
    hands.settle()
    assert [bar.levels() for bar in tab.stage.bars] == own


SIGNED = ("signed",) * 3
NATURAL = ("natural",) * 3


def outputs_of(*planes: np.ndarray) -> Outputs:
    data = np.stack([np.asarray(p, np.float32) for p in planes])
    return Outputs(data, tuple(stats_of(p) for p in data), 1, data.shape[1:3], 0)


PLANES = (
    np.array([[-1.0, 0.0, 0.5, 1.0]]),
    np.array([[0.0, 0.1, 0.2, 0.4]]),
    np.array([[-4.0, -2.0, 0.0, 2.0]]),
)


def test_each_its_own_scale() -> None:
    shown = render(outputs_of(*PLANES), Look(), SIGNED)
    assert [(s.low, s.high) for s in shown] == [(-1, 1), (-0.5, 0.5), (-5, 5)]
    assert shown[2].pixels.tolist() == [[26, 77, 128, 179]]
    common = render(outputs_of(*PLANES), Look(scale="common"), SIGNED)
    assert {(s.low, s.high) for s in common} == {(-5, 5)}


def test_clipping_counts_what_is_lost() -> None:
    shown = render(outputs_of(*PLANES), Look(), NATURAL)
    assert [s.clipped for s in shown] == [0.25, 0.0, 0.75]
    assert shown[0].pixels.tolist() == [[0, 0, 128, 255]]
    assert [s.table for s in shown] == ["grey"] * 3
    fed_as_255 = render(outputs_of(*(255 * p for p in PLANES)), Look(), NATURAL, 255.0)
    assert fed_as_255[0].pixels.tolist() == [[0, 0, 128, 255]]


def test_relu_and_absolute_value() -> None:
    relu = render(outputs_of(*PLANES), Look(relu=True, colours="grey"), SIGNED)
    assert (relu[2].low, relu[2].high) == (0, 2)
    assert relu[2].pixels.tolist() == [[0, 0, 0, 255]]
    absolute = render(outputs_of(*PLANES), Look(absolute=True, colours="viridis"), SIGNED)
    assert (absolute[2].low, absolute[2].high) == (0, 4)
    assert absolute[2].pixels.tolist() == [[255, 128, 0, 128]]


@pytest.mark.parametrize(
    ("weights", "view"),
    [
        (np.full((1, 3, 3), 1 / 9), "natural"),
        (np.array([[[0, -1, 0], [-1, 5, -1], [0, -1, 0]]]), "natural"),
        (np.array([[[-1, -2, -1], [0, 0, 0], [1, 2, 1]]]), "signed"),
        (np.full((1, 3, 3), 1.0), "signed"),
    ],
    ids=["blur", "sharpen", "edge", "sum 9"],
)
def test_the_kernels_nature(weights: np.ndarray, view: str) -> None:
    assert nature(weights.astype(np.float32)) == view


@pytest.mark.parametrize(
    ("value", "limit"), [(0.87, 1), (1.1, 1), (1.3, 1.5), (2.6, 3), (42.0, 50), (7.9e-4, 1e-3)]
)
def test_a_scale_ends_at_a_round_number(value: float, limit: float) -> None:
    assert round_limit(value) == pytest.approx(limit)


@pytest.mark.parametrize("colours", ["diverging", "grey", "viridis"])
def test_colours_on_the_screen(tab: FiltersTab, hands: Any, colours: str) -> None:
    for slot in range(3):
        tab.bench.clear(slot)
    tab.bench.set_bias(0, 3.0)
    tab.bench.set_bias(1, 1.0)
    tab.actions_.look_action("scale", "common").trigger()
    tab.actions_.look_action("colours", colours).trigger()
    hands.settle()
    red, green, blue = lut(colours)[255]
    colour = pixel_colour(tab, 1, 28, 20)
    seen = colour.red(), colour.green(), colour.blue()
    assert seen == pytest.approx((int(red), int(green), int(blue)), abs=2), "as screens round"
    assert tab.actions_.look_action("colours", colours).isChecked()


def test_clip_is_said_under_the_output(tab: FiltersTab, hands: Any) -> None:
    tab.bench.set_kernel(0, np.zeros((5, 5)))
    tab.bench.set_bias(0, 3.0)
    tab.actions_.look_action("views", "natural").trigger()
    hands.settle()
    assert "100" in tab.stage.notes[1].text()
    assert "% clipped" in tab.stage.notes[1].text()
    assert tab.stage.bars[0].levels() == (0.0, 1.0)


def test_a_change_of_look_computes_nothing_anew(tab: FiltersTab, hands: Any) -> None:
    frame = tab.stage.frame
    tab.actions_.look_action("relu", True).trigger()
    hands.settle()
    assert tab.stage.frame is not frame
    assert frame is not None
    assert tab.stage.frame is not None
    assert tab.stage.frame.outputs is frame.outputs


def test_means_before_and_after_surgery(tab: FiltersTab, hands: Any) -> None:
    """The tutorial's sentence: pre-surgery 0.49, post-surgery 1.49."""
    mean = float(hands.output(0).mean())
    tab.bottom.show_page("numbers")
    tab.editors[0].bias.setValue(1.0)
    hands.settle()
    text = tab.bottom.numbers.lines[0][2].text()
    assert f"{mean:.3g}" in text
    assert f"{mean + 1:.3g}" in text
    assert "→" in tab.stage.notes[1].text()


def test_histograms_count_every_pixel(tab: FiltersTab, hands: Any) -> None:
    tab.bottom.show_page("numbers")
    hands.settle()
    counts = tab.bottom.numbers.charts[1]._counts
    assert counts.sum() == hands.output(1).size
    text = " ".join(line.text() for line in tab.bottom.numbers.lines[1])
    assert f"{hands.output(1).std():.3g}" in text


def test_what_is_not_finite_is_said_in_words(tab: FiltersTab, hands: Any) -> None:
    tab.bench.set_kernel(0, np.full((5, 5), 3e38, np.float32))
    hands.settle()
    assert "not finite" in tab.stage.notes[1].text()
    tab.bottom.show_page("numbers")
    assert "not finite" in tab.bottom.numbers.lines[0][2].text()
    assert "not finite" not in tab.stage.notes[2].text()


def test_values_are_written_into_large_pixels(tab: FiltersTab, hands: Any) -> None:
    before = tab.stage.views[1].grab().toImage()
    tab.stage.views[1].set_view_rect(QRectF(20, 15, 5, 4))
    hands.settle()
    after = tab.stage.views[1].grab().toImage()
    dark = sum(
        after.pixelColor(x, y).lightness() < 40
        for x in range(0, after.width(), 2)
        for y in range(0, after.height(), 2)
    )
    assert dark > 20, "numbers are drawn in black"
    assert before != after


def test_a_smaller_picture_is_not_looked_past(tab: FiltersTab, hands: Any) -> None:
    """Zoomed into the lower right, a picture that ends before it would show nothing."""
    tab.set_picture(np.random.default_rng(1).random((300, 400), np.float32), "large")
    hands.settle()
    tab.stage.views[1].set_view_rect(QRectF(300, 200, 30, 20))
    tab.set_picture(np.random.default_rng(2).random((290, 390), np.float32), "nearly as large")
    hands.settle()
    assert tab.stage.views[0].view_rect().width() < 60, "the place is kept where there is one"
    tab.set_picture(np.random.default_rng(3).random((40, 50), np.float32), "small")
    hands.settle()
    for view in tab.stage.views:
        assert view.view_rect().contains(view.extent)


@pytest.mark.parametrize("width", [1024, 1280, 1920])
def test_numbers_under_an_output_are_never_cut_in_two(
    tab: FiltersTab, hands: Any, width: int
) -> None:
    """What does not fit is left out whole; the tool tip has all of it."""
    tab.resize(width, 734)
    tab.bench.set_kernel(0, np.diag([2.25, -1.25, 1.125, -0.875, 1.375]))
    hands.settle()
    frame, note = tab.stage.frame, tab.stage.notes[1]
    assert frame is not None
    low = f"{frame.outputs.stats[0].minimum:.2g}".replace("-", "\N{MINUS SIGN}")
    assert "→" in note.text()
    assert low[:4] in note.toolTip()
    assert note.text() in note.toolTip()
    shown = note.shown()
    assert note.fontMetrics().horizontalAdvance(shown) <= note.width()
    assert "→" in shown
    assert not shown.endswith("…")


def test_huge_numbers_fit_at_the_bar_and_under_the_output(tab: FiltersTab, hands: Any) -> None:
    tab.bench.set_kernel(0, np.full((5, 5), 3e38, np.float32))
    hands.settle()
    note, bar = tab.stage.notes[1], tab.stage.bars[0]
    tab.resize(1024, 734)
    assert not note.shown().endswith("…")
    assert "not finite" in note.shown()
    tab.bench.set_kernel(0, np.full((5, 5), 1e37, np.float32))
    hands.settle()
    assert bar.levels()[1] > 1e38
    assert bar.sizeHint().width() <= bar.width()


@pytest.mark.parametrize("views", [SIGNED, NATURAL], ids=["signed", "natural"])
@pytest.mark.parametrize("colours", ["diverging", "viridis"])
def test_numbers_at_the_ends_of_float32_are_coloured_without_a_warning(
    views: tuple[str, ...], colours: str
) -> None:
    """Of an output whose numbers all are tiny, or huge, or partly infinite."""
    ramp = np.linspace(-1, 1, 35, dtype=np.float64).reshape(5, 7)
    planes = [(ramp * size).astype(np.float32) for size in (1e-40, 1e-44, 3e38, 1.0)]
    broken = planes[3] * 1000
    broken[0, 0], broken[4, 6], broken[2, 2] = -np.inf, np.inf, np.nan
    for data in (planes[0], planes[1], planes[2], broken):
        outputs = outputs_of(data, data if data is not broken else planes[3])
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            shown, _ = render(outputs, Look(colours=colours), views[:2])
        finite = np.isfinite(data)
        order = np.argsort(data[finite], kind="stable")
        assert (np.diff(shown.pixels[finite][order].astype(int)) >= 0).all(), "larger is no darker"
        if views == SIGNED and data is not broken:
            assert shown.pixels.max() > 200
            assert shown.pixels.min() < 56
