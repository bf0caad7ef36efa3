"""How numbers become colours and places in the Filters tab, reckoned otherwise."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
import pytest
from PyQt5.QtCore import QRectF
from PyQt5.QtGui import QImage
from PyQt5.QtWidgets import QApplication
from pytestqt.qtbot import QtBot

from filterlab.gui.filters.look import (
    Look,
    Shown,
    full_frame_job,
    histogram,
    make_frame,
    nature,
    place,
    render,
    round_limit,
    signed_limit,
)
from filterlab.gui.filters.output_files import output_image
from filterlab.gui.filters.raster import Raster
from filterlab.gui.filters.stage import shown_input
from filterlab.gui.images import picture_of
from filterlab.gui.widgets.colours import lut
from filterlab.gui.widgets.picture_view import PictureView
from filterlab.surgery.convolve import Outputs, Picture, Settings, stats_of
from filterlab.workbench.filter_bench import FilterBench


def outputs(*planes: Any) -> Outputs:
    data = np.stack([np.asarray(plane, np.float32) for plane in planes])
    return Outputs(data, tuple(stats_of(p) for p in data), 1, data.shape[1:3], 0)


# Looks


@pytest.mark.parametrize("relu", [False, True])
@pytest.mark.parametrize("absolute", [False, True])
@pytest.mark.parametrize(
    ("low", "high"), [(-3, -1), (-3, 0), (0, 2), (1, 3), (-1, 4), (-4, 1), (0, 0), (0.25, 0.5)]
)
def test_extremes_of_what_is_shown(relu: bool, absolute: bool, low: float, high: float) -> None:
    look = Look(relu=relu, absolute=absolute)
    raw = np.unique(np.append(np.linspace(low, high, 401), [0.0] if low <= 0 <= high else []))
    wanted = np.abs(raw) if absolute else raw
    wanted = np.where(wanted < 0, 0.0, wanted) if relu else wanted
    assert look.span(low, high) == (wanted.min(), wanted.max())
    np.testing.assert_array_equal(look.values(raw.astype(np.float32)), wanted.astype(np.float32))
    assert [look.values_of(float(v)) for v in raw] == wanted.tolist()


def test_a_look_changes_nothing_of_itself() -> None:
    look, raw = Look(), np.array([[-2.0, 3.0]], np.float32)
    assert look.values(raw) is raw
    assert (look.relu, look.absolute, look.scale, look.views) == (False, False, "own", ("",) * 3)


@pytest.mark.parametrize("power", [-30, -3, 0, 2, 37])
def test_the_round_number_nearest_by_ratio(power: int) -> None:
    """Borders lie at the roots of the products of neighbours."""
    steps = [1, 1.5, 2, 3, 5, 10]
    for one, other in itertools.pairwise(steps):
        border = np.sqrt(one * other)
        assert round_limit(one * 10.0**power) == pytest.approx(one * 10.0**power, rel=1e-9)
        assert round_limit(border * 0.999 * 10.0**power) == pytest.approx(one * 10.0**power)
        assert round_limit(border * 1.001 * 10.0**power) == pytest.approx(other * 10.0**power)
    assert round_limit(5e-324) == 5e-324


@pytest.mark.parametrize(
    ("values", "limit"),
    [
        ([1.0] * 995 + [100.0] * 5, 100.0), ([1.0] * 996 + [100.0] * 4, 1.0),
        ([-1.0] * 995 + [-100.0] * 5, 100.0), ([0.5] * 199 + [20.0], 20.0),
        ([0.0] * 996 + [7.0] * 4, 5.0), ([0.0009] * 996 + [1.0] * 4, 1.0),
        ([0.0010005] * 996 + [1.0] * 4, 0.001), ([0.0009995] * 996 + [1.0] * 4, 1.0),
        ([0.0] * 10, 1.0), ([-3.0], 3.0),
    ],
)  # fmt: skip
def test_where_a_signed_scale_ends(values: list[float], limit: float) -> None:
    """At what 99.5 % do not exceed; where that is next to nothing, at the greatest."""
    plane = np.random.default_rng(0).permutation(np.array(values, np.float32))
    extremes = float(plane.min()), float(plane.max())
    assert signed_limit(plane, *extremes) == pytest.approx(limit)
    assert signed_limit(plane.reshape(1, -1), *extremes) == pytest.approx(limit)


def test_a_large_outputs_scale_ends_near_the_same() -> None:
    rng = np.random.default_rng(1)
    for scale in (0.001, 1.0, 40.0):
        plane = (rng.normal(size=(512, 700)) * scale).astype(np.float32)
        usual = float(np.quantile(np.abs(plane), 0.995))
        found = signed_limit(plane, float(plane.min()), float(plane.max()))
        assert 0.7 < found / usual < 1.45
    assert signed_limit(np.array([np.inf, 1.0], np.float32), 1.0, np.inf) == 1.0
    assert signed_limit(np.array([np.inf, 1.0, 2.0], np.float32), -2.0, 2.0) == 2.0


@pytest.mark.parametrize(
    ("total", "view"),
    [(1.0195, "natural"), (1.0205, "signed"), (0.9805, "natural"), (0.9795, "signed"),
     (-1.0, "signed"), (0.0, "signed"), (2.0, "signed")],
)  # fmt: skip
def test_flat_pictures_that_stay_are_natural(total: float, view: str) -> None:
    weights = np.zeros((1, 3, 3), np.float32)
    weights[0, 0, 0], weights[0, 1, 2], weights[0, 2, 2] = total - 3, 4, -1
    assert nature(weights) == view


def test_pixels_are_rounded_to_the_nearest_colour() -> None:
    """Levels 0 and 255: each number is its own colour, to the nearest, and cut off beyond."""
    values = [
        -300,
        -0.002,
        -0.0005,
        0.0,
        0.49,
        0.5,
        1.0,
        99.49,
        99.5,
        254.6,
        255.0005,
        255.002,
        999,
    ]
    plane = np.array([values])
    shown = render(outputs(plane), Look(), ("natural",), 255.0)[0]
    wanted = [0, 0, 0, 0, 0, 1, 1, 99, 100, 255, 255, 255, 255]
    assert shown.pixels.tolist() == [wanted]
    assert shown.pixels.dtype == np.uint8
    assert shown.clipped == pytest.approx(4 / 13)
    assert (shown.low, shown.high, shown.view, shown.table) == (0.0, 255.0, "natural", "grey")


@pytest.mark.parametrize("size", [1e-38, 2e-36, 1.0, 1e30])
def test_colours_of_numbers_of_any_size(size: float) -> None:
    plane = np.array([[0.0, 0.11, 0.25, 0.52, 0.91, 1.0, 2.0, -1.0]]) * size
    shown = render(outputs(plane), Look(), ("natural",), size)[0]
    assert shown.pixels.tolist() == [[0, 28, 64, 133, 232, 255, 255, 0]]
    assert shown.clipped == 0.25


def test_scales_that_are_tied_reach_over_all_signed_ones() -> None:
    planes = [[-1.0, 2.0]], [[-3.0, 0.5]], [[0.0, 9.0]]
    for colours, wanted in (("grey", (-3.0, 2.0)), ("diverging", (-3.0, 3.0))):
        look = Look(scale="common", colours=colours)
        shown = render(outputs(*planes), look, ("signed", "signed", "natural"), 2.0)
        assert [(s.low, s.high) for s in shown] == [wanted, wanted, (0.0, 2.0)]
        assert [s.table for s in shown] == [colours, colours, "grey"]
        shown = render(outputs(*planes), look, ("natural",) * 3)
        assert [(s.low, s.high) for s in shown] == [(0.0, 1.0)] * 3
    own = render(outputs(*planes), Look(colours="viridis"), ("signed",) * 3)
    assert [(s.low, s.high) for s in own] == [(-1.0, 2.0), (-3.0, 0.5), (0.0, 9.0)]


def test_what_is_not_finite_has_the_colours_of_the_ends() -> None:
    plane = np.array([[np.nan, np.inf, -np.inf, 0.5, -2.0]])
    signed, natural = render(
        outputs(plane, plane), Look(colours="grey"), ("signed", "natural"), 1.0
    )
    assert (signed.low, signed.high) == (-2.0, 0.5)
    assert signed.pixels.tolist() == [[0, 255, 0, 255, 0]]
    assert natural.pixels.tolist() == [[0, 255, 0, 128, 0]]
    nothing = render(outputs([[np.nan, np.inf]]), Look(colours="grey"), ("signed",))[0]
    assert (nothing.low, nothing.high) == (0.0, 1.0)


def test_colours_stay_colours() -> None:
    """An output with three channels has no table, signed or not."""
    rgb = np.random.default_rng(0).random((4, 5, 3), dtype=np.float32)
    for view in ("signed", "natural"):
        shown = render(outputs(rgb), Look(colours="viridis"), (view,), 1.0)[0]
        assert shown.table == "grey"
        low, high = (float(rgb.min()), float(rgb.max())) if view == "signed" else (0.0, 1.0)
        np.testing.assert_allclose(
            shown.pixels, np.floor((rgb - low) / (high - low) * 255 + 0.5), atol=1
        )


def shown_of(pixels: np.ndarray) -> Shown:
    return Shown(pixels, -2.0, 6.0, 0.0)


def test_a_histogram_counts_four_colours_a_bar() -> None:
    pixels = np.repeat(np.arange(256), np.arange(256) % 7).astype(np.uint8)
    counts, edges = histogram(shown_of(pixels[None]))
    assert counts.tolist() == [sum(k % 7 for k in range(n, n + 4)) for n in range(0, 256, 4)]
    np.testing.assert_allclose(edges, -2 + np.arange(65) / 8)


def test_of_a_huge_output_a_part_is_counted() -> None:
    exact = np.zeros((1024, 1024), np.uint8)
    exact[:, :256] = 255
    counts, _ = histogram(shown_of(exact))
    assert (counts[0], counts[63], counts.sum()) == (3 << 18, 1 << 18, 1 << 20)
    huge = np.random.default_rng(0).integers(0, 256, (2048, 1024)).astype(np.uint8)
    counts, _ = histogram(shown_of(huge))
    assert counts.sum() == 1 << 19
    assert counts.min() > 0.9 * (1 << 19) / 64


def test_a_frame_is_what_a_net_and_a_look_make() -> None:
    picture = np.random.default_rng(2).random((20, 30)).astype(np.float32)
    bench = FilterBench(picture)
    bench.set_size((3, 3))
    bench.set_kernel(0, np.full((3, 3), 1 / 9))
    bench.set_kernel(1, [[0, 0, 0], [-1, 0, 1], [0, 0, 0]])
    bench.set_kernel(2, [[0, 0, 0], [0, 1, 0], [0, 0, 0]])
    frame = make_frame(bench.snapshot(), Look(views=("", "natural", "signed")))
    assert [shown.view for shown in frame.shown] == ["natural", "natural", "signed"]
    assert frame.outputs.full_size == (18, 28)
    job, said = full_frame_job(bench.snapshot(), Look()), []
    try:
        while True:
            said.append(next(job))
    except StopIteration as end:
        full = end.value
    assert [(p.step, p.done, p.total) for p in said[-1:]] == [("Colouring", 1, 1)]
    assert [shown.view for shown in full.shown] == ["natural", "signed", "natural"]
    np.testing.assert_allclose(full.outputs.data, frame.outputs.data, atol=1e-6)
    other = make_frame(bench.snapshot(), Look(), full.outputs)
    assert other.outputs is full.outputs


def test_where_outputs_lie() -> None:
    """The first pixel's middle is its window's, and one is as wide as a stride."""
    for settings, size, step, corner, wide in (
        (Settings(), (3, 7), 1, (3.0, 1.0), 1.0),
        (Settings(pad="same"), (3, 7), 1, (0.0, 0.0), 1.0),
        (Settings(stride=2), (3, 7), 1, (2.5, 0.5), 2.0),
        (Settings(dilation=2), (3, 7), 1, (6.0, 2.0), 1.0),
        (Settings(stride=2, dilation=2), (5, 3), 3, (-0.5, 1.5), 6.0),
    ):
        assert place(settings, size, step) == (corner, (wide, wide))
        if step == 1:
            assert place(settings, size) == (corner, (wide, wide))


# Pictures in and out


def test_an_input_is_shown_as_it_is_fed() -> None:
    grey = np.array(
        [[-0.1, 0.0, 0.49 / 255, 0.51 / 255], [0.25, 100.4 / 255, 1.0, 1.2]], np.float32
    )
    for mode in ("grey", "each", "three"):
        assert shown_input(Picture(grey), mode).tolist() == [[0, 0, 0, 1], [64, 100, 255, 255]]
    rgb = np.zeros((1, 2, 3), np.float32)
    rgb[0, 0], rgb[0, 1] = (1.0, 0.0, 0.0), (0.2, 0.4, 0.6)
    assert shown_input(Picture(rgb), "three").tolist() == [[[255, 0, 0], [51, 102, 153]]]
    assert shown_input(Picture(rgb), "each").tolist() == [[[255, 0, 0], [51, 102, 153]]]
    luma = shown_input(Picture(rgb), "grey")
    assert luma.shape == (1, 2)
    np.testing.assert_allclose(luma[0], np.round(255 * Picture(rgb).grey[0]), atol=1)


def test_pictures_of_outputs_on_the_clipboard() -> None:
    index = np.array([[0, 128, 255], [3, 7, 9]], np.uint8)
    image = output_image(index, lut("viridis"))
    assert (image.width(), image.height()) == (3, 2)
    for row, column in itertools.product(range(2), range(3)):
        found = image.pixelColor(column, row).getRgb()[:3]
        assert found == tuple(lut("viridis")[index[row, column]])
    rgb = np.arange(18, dtype=np.uint8).reshape(2, 3, 3)
    image = output_image(rgb, lut("grey"))
    np.testing.assert_array_equal(np.rint(picture_of(image) * 255), rgb)
    clear = QImage(1, 1, QImage.Format_RGBA8888)
    clear.fill(0)
    assert picture_of(clear).tolist() == [[[1.0, 1.0, 1.0]]]


# Rasters


@pytest.fixture
def view(qtbot: QtBot) -> PictureView:
    made = PictureView()
    qtbot.addWidget(made)
    made.resize(400, 300)
    made.show()
    return made


def displayed(view: PictureView) -> tuple[np.ndarray, QRectF]:
    """The array that the view has, and where it lies."""
    item = view.picture
    return item.image, item.mapRectToParent(item.boundingRect())


def test_where_an_array_lies(view: PictureView) -> None:
    raster = Raster(view)
    array = np.random.default_rng(0).integers(0, 256, (20, 30)).astype(np.uint8)
    raster.show(array)
    assert raster.array is array
    assert view.extent == QRectF(0, 0, 30, 20)
    raster.show(array, origin=(3.0, -2.0), pixel=(2.0, 0.5))
    assert view.extent == QRectF(3, -2, 60, 10)
    shown, rect = displayed(view)
    np.testing.assert_array_equal(shown, array)
    assert rect == QRectF(3, -2, 60, 10)
    raster.show(array, origin=(3.0, -2.0), extent=QRectF(0, 0, 90, 70))
    assert view.extent == QRectF(0, 0, 90, 70)
    raster.show(None)
    assert raster.array is None
    assert view.extent.isEmpty()
    view.zoom(2.0)
    QApplication.processEvents()
    assert view.extent.isEmpty()


def test_two_million_pixels_are_shown_as_they_are(view: PictureView) -> None:
    raster = Raster(view)
    array = np.zeros((1024, 2048), np.uint8)
    raster.show(array)
    assert displayed(view)[0].shape == (1024, 2048)
    raster.show(np.zeros((1024, 2049), np.uint8))
    QApplication.processEvents()
    assert displayed(view)[0].shape[1] < 2049


def test_what_was_put_off_is_of_what_is_shown_now(view: PictureView) -> None:
    """A huge array has gone, or given way to a small one, before its part was put in."""
    raster = Raster(view)
    small = np.full((20, 30), 7, np.uint8)
    for array in (None, small):
        raster.show(np.zeros((2000, 3000), np.uint8))
        view.zoom(2.0)
        raster.show(array)
        QApplication.processEvents()
        assert raster.array is array
    np.testing.assert_array_equal(displayed(view)[0], small)


@pytest.mark.parametrize("pixel", [(1.0, 1.0), (3.0, 3.0)])
@pytest.mark.parametrize(
    "part", [None, (40, 30, 400, 300), (1500.5, 700.25, 900, 675), (40.3, 30.4, 400, 300),
             (1000.3, 200.4, 900, 675), (2950, 1180, 40, 30),
             (-300, -200, 800, 600), (2800, 1100, 800, 600), (0, 0, 3000, 1200)],
)  # fmt: skip
def test_of_a_huge_array_what_is_seen_is_put_in(
    view: PictureView, pixel: tuple[float, float], part: Any
) -> None:
    """All that is seen, each pixel at its place, and no more than the screen can show."""
    raster = Raster(view)
    rows, columns = np.ogrid[:1200, :3000]
    array = ((rows * 7 + columns * 13) % 251).astype(np.uint8)
    (x, y), (px, py) = (-5.0, 12.0), pixel
    values = array.astype(np.float32)
    raster.show(array, origin=(x, y), pixel=pixel, values=values)
    QApplication.processEvents()
    if part is not None:
        left, top, wide, high = part
        view.set_view_rect(QRectF(x + left * px, y + top * py, wide * px, high * py))
        QApplication.processEvents()
    assert view.extent == QRectF(x, y, 3000 * px, 1200 * py)
    shown, rect = displayed(view)
    scale = view.scale_on_screen * px * view.devicePixelRatioF()
    step = round(rect.width() / shown.shape[1] / px)
    assert step == max(1, int(1 / scale))
    assert rect.height() / shown.shape[0] / py == pytest.approx(step)
    r0, c0 = (rect.top() - y) / py, (rect.left() - x) / px
    assert (r0, c0) == pytest.approx((round(r0), round(c0)), abs=1e-6)
    r0, c0 = round(r0), round(c0)
    assert (r0 % step, c0 % step) == (0, 0)
    high, wide = shown.shape
    np.testing.assert_array_equal(
        shown, array[r0 : r0 + high * step : step, c0 : c0 + wide * step : step]
    )
    seen = view.view_rect().intersected(view.extent)
    assert rect.adjusted(-1e-6, -1e-6, 1e-6, 1e-6).contains(seen)
    assert rect.width() <= seen.width() + (3 * step + 2) * px
    assert rect.height() <= seen.height() + (3 * step + 2) * py
    assert rect.right() < view.extent.right() + step * px


@pytest.mark.parametrize("shape", [(4000, 1000), (1000, 4000)])
def test_of_a_long_array_what_is_seen_is_put_in(view: PictureView, shape: tuple[int, int]) -> None:
    """Too many pixels to be shown whole, though one side's square would not be."""
    raster = Raster(view)
    array = np.random.default_rng(0).integers(0, 256, shape).astype(np.uint8)
    raster.show(array)
    view.set_view_rect(QRectF(300, 400, 40, 30))
    QApplication.processEvents()
    shown, rect = displayed(view)
    assert rect.contains(QRectF(300, 400, 40, 30))
    top, left = round(rect.top()), round(rect.left())
    np.testing.assert_array_equal(
        shown, array[top : top + shown.shape[0], left : left + shown.shape[1]]
    )
    assert shown.shape[0] <= 40
    assert shown.shape[1] <= 50


def test_a_huge_array_is_coarse_until_it_is_looked_at(view: PictureView) -> None:
    """At first as many pixels as are shown whole, at most."""
    raster = Raster(view)
    view.set_view_rect(QRectF(0, 0, 20, 15))
    array = np.zeros((3000, 3000), np.uint8)
    raster.show(array)
    shown, rect = displayed(view)
    assert shown.shape == (1000, 1000)
    assert rect == QRectF(0, 0, 3000, 3000)
    raster.show(np.zeros((1024, 8192), np.uint8))
    assert displayed(view)[0].shape == (512, 4096)


@pytest.mark.parametrize(
    ("value", "places", "text"),
    [
        (0.12345, 3, ".123"), (0.12345, 2, ".12"), (999.25, 2, "999.25"), (999.5, 2, "999.5"),
        (-1234.5, 2, "\N{MINUS SIGN}1234"), (123456.0, 2, "123456"), (1234567.0, 2, "1.2e6"),
        (np.inf, 2, "+∞"), (np.nan, 2, "NaN"), (-0.001, 2, "0"), ((1.0, 2.0, 6.0), 2, "3"),
        (1999.25, 3, "1999.2"), (999.75, 3, "999.75"),
    ],
)  # fmt: skip
def test_what_is_written_into_a_pixel(
    view: PictureView, listen: Any, value: Any, places: int, text: str
) -> None:
    raster = Raster(view, places)
    values = np.empty((2, 2, *np.shape(value)), np.float32)
    values[:] = value
    raster.show(np.zeros((2, 2), np.uint8), values=values)
    view.fit()
    assert {shape[5] for shape in listen(view) if shape[0] == "text"} == {text}
