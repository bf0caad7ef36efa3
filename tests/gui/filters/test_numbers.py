"""Every number that the Filters tab shows, against plain loops, NumPy and SciPy."""

from __future__ import annotations

import re
from typing import Any

import numpy as np
import pytest
from PyQt5.QtCore import Qt
from PyQt5.QtGui import QColor, QImage
from pytestqt.qtbot import QtBot
from scipy import signal

from filterlab.gui.filters.look import Look, histogram, place, render
from filterlab.gui.filters.tab import FiltersTab
from filterlab.gui.images import picture_of
from filterlab.gui.widgets.colours import lut
from filterlab.gui.widgets.frequency_view import FrequencyView
from filterlab.gui.widgets.histogram import Histogram
from filterlab.gui.widgets.product_view import ProductView
from filterlab.gui.widgets.scale_bar import ScaleBar
from filterlab.gui.widgets.separable_view import SeparableView
from filterlab.gui.widgets.thumbs import kernel_image
from filterlab.surgery.convolve import Outputs, Settings, stats_of

KERNEL = np.array([[0.5, -1.0, 0.25], [2.0, 0.125, -0.75], [0.0, 1.5, -0.5]], np.float32)


def numbers(text: str) -> list[float]:
    """The numbers in a text, in order."""
    return [float(n) for n in re.findall(r"[-+]?\d+\.?\d*(?:e[-+]?\d+)?", text.replace("−", "-"))]


def valid(picture: np.ndarray, kernel: np.ndarray, bias: float = 0.0) -> np.ndarray:
    """SciPy's correlation."""
    return signal.correlate2d(picture.astype(float), kernel.astype(float), mode="valid") + bias


def same_picture(widget: Any, other: Any, qtbot: QtBot) -> bool:
    """Whether a widget looks as another one of its kind does, in its place."""
    qtbot.addWidget(other)
    other.setParent(widget.parentWidget())
    other.resize(widget.size())
    return bool(widget.grab().toImage() == other.grab().toImage())


def test_the_words_beside_a_pixel(tab: FiltersTab, hands: Any, picture: np.ndarray) -> None:
    """With a stride, and a kernel and a picture that are not square."""
    kernel = np.random.default_rng(5).normal(size=(3, 7)).astype(np.float32)
    tab.set_size(3, 7)
    tab.set_stride(2)
    tab.bench.set_kernel(1, kernel)
    tab.bench.set_bias(1, 0.25)
    hands.settle()
    # Row 8, column 5 of the output: its window begins at row 16, column 10 of the picture.
    hands.point(tab.stage.views[2], 13.5, 17.5)
    assert tab.bottom.where.text() == "Filter 1 at row 8, column 5"
    assert numbers(tab.bottom.sentence.text())[:4] == [16, 18, 10, 16]
    patch = picture[16:19, 10:17].astype(float)
    total = sum(patch[r, c] * float(kernel[r, c]) for r in range(3) for c in range(7))
    turned = sum(patch[r, c] * float(kernel[2 - r, 6 - c]) for r in range(3) for c in range(7))
    assert numbers(tab.bottom.sentence.text())[-1] == pytest.approx(turned + 0.25, rel=1e-3)
    said = tab.bottom.product.accessibleDescription()
    assert numbers(said) == pytest.approx([21, total, 0.25, total + 0.25], rel=1e-3)
    assert tab.stage.window_box.box() == (10, 16, 17, 19)
    assert valid(picture, kernel, 0.25)[::2, ::2][8, 5] == pytest.approx(total + 0.25)
    at = tab.stage.pixel_boxes[1].box()
    assert ((at[0] + at[2]) / 2, (at[1] + at[3]) / 2) == pytest.approx((13.5, 17.5))


@pytest.mark.parametrize("corner", ["upper left", "lower right"])
def test_cells_beyond_the_picture_are_hatched(
    qtbot: QtBot, tab: FiltersTab, hands: Any, picture: np.ndarray, corner: str
) -> None:
    """56 columns and 40 rows: rows and columns end at different numbers."""
    tab.set_size(3, 3)
    tab.set_pad("same")
    tab.bench.set_kernel(0, KERNEL)
    hands.settle()
    row, column = (0, 0) if corner == "upper left" else (39, 55)
    tab.pointer.pin((row, column))
    patch = np.pad(picture, 1)[row : row + 3, column : column + 3]
    outside = np.zeros((3, 3), bool)
    edge = 0 if corner == "upper left" else 2
    outside[edge], outside[:, edge] = True, True
    result = float((patch.astype(float) * KERNEL).sum())
    wanted = ProductView()
    wanted.set_product(patch, KERNEL, 0.0, result, outside)
    assert same_picture(tab.bottom.product, wanted, qtbot)
    wanted.set_product(patch, KERNEL, 0.0, result)
    assert tab.bottom.product.grab().toImage() != wanted.grab().toImage()
    # Away from the corner, though behind the other side's last number, nothing is hatched.
    tab.pointer.pin((20, 45))
    patch = picture[19:22, 44:47]
    wanted.set_product(patch, KERNEL, 0.0, float((patch.astype(float) * KERNEL).sum()))
    assert tab.bottom.product.grab().toImage() == wanted.grab().toImage()


def test_the_other_channels_are_named_with_their_sum(tab: FiltersTab, hands: Any) -> None:
    rgb = np.random.default_rng(2).random((30, 34, 3), dtype=np.float32)
    tab.set_picture(rgb, "colours")
    tab.set_mode("three")
    kernel = np.random.default_rng(3).normal(size=(3, 5, 5)).astype(np.float32)
    tab.bench.set_kernel(1, kernel)
    tab.bench.set_bias(1, -0.5)
    tab.editors[1].thumbs[2].clicked.emit()
    hands.settle()
    hands.point(tab.stage.views[2], 10.5, 9.5)
    parts = [float((rgb[7:12, 8:13, c].astype(float) * kernel[c]).sum()) for c in range(3)]
    said = numbers(tab.bottom.product.accessibleDescription())
    wanted = [25, parts[2], parts[0] + parts[1], -0.5, sum(parts) - 0.5]
    assert said == pytest.approx(wanted, rel=2e-3)
    tab.bottom.show_page("kernels")
    hands.settle()
    told = numbers(tab.bottom.kernels.lines[1][0].text())
    exact = kernel[2].astype(float)
    assert told[:2] == pytest.approx([exact.sum(), np.sqrt((exact**2).sum())], rel=6e-3)
    assert told[2] == np.linalg.matrix_rank(exact)


def test_headings_give_width_and_height(tab: FiltersTab, hands: Any) -> None:
    tab.set_size(3, 7)
    hands.settle()
    assert [title.text() for title in tab.stage.titles] == [
        "Input  56 × 40",
        *(f"Filter {n}  50 × 38" for n in range(3)),
    ]
    hands.point(tab.stage.views[0], 0.5, 0.5)
    assert tab.bottom.sentence.text() == "A valid 3 × 7 convolution shrinks 56 × 40 to 50 × 38."
    tab.set_stride(3)
    hands.settle()
    hands.point(tab.stage.views[0], 0.5, 0.5)
    assert numbers(tab.bottom.sentence.text()) == [3, 3, 56, 40, 17, 13]
    tab.set_stride(1)
    tab.set_pad("same")
    hands.settle()
    tab.pointer.cancel()
    hands.qtbot.waitUntil(lambda: tab.settled)
    tab.stage.left.emit()
    assert numbers(tab.bottom.sentence.text()) == [56, 40]


def test_the_line_beneath_an_output(tab: FiltersTab, hands: Any, picture: np.ndarray) -> None:
    tab.set_size(3, 3)
    tab.bench.set_kernel(0, KERNEL)
    hands.settle()
    before = valid(picture, KERNEL)
    tab.bench.set_bias(0, 1.5)
    hands.settle()
    now = before + 1.5
    note = tab.stage.notes[1]
    wanted = [now.min(), now.max(), before.mean(), now.mean()]
    assert numbers(note.text()) == pytest.approx(wanted, abs=6e-3)
    told = numbers(note.toolTip().splitlines()[-1])
    assert told == pytest.approx([now.mean(), now.min(), now.max(), now.std()], rel=1e-3)
    # On the page of histograms the same, with the deviation.
    tab.bottom.show_page("numbers")
    hands.settle()
    lines = [line.text() for line in tab.bottom.numbers.lines[0]]
    assert numbers(lines[0]) == pytest.approx([now.mean(), now.std()], rel=6e-3)
    assert numbers(lines[1]) == pytest.approx([now.min(), now.max()], rel=6e-3)
    assert numbers(lines[2]) == pytest.approx([before.mean(), now.mean()], rel=6e-3)


@pytest.mark.parametrize("share", [0.034, 0.42, 0.998])
def test_how_much_is_clipped(tab: FiltersTab, hands: Any, share: float) -> None:
    rows, cols = 40, 50
    count = round(share * rows * cols)
    plane = np.full(rows * cols, 0.5, np.float32)
    plane[: count // 2] = -0.25
    plane[count // 2 : count] = 1.25
    tab.set_size(1, 1)
    tab.set_picture(plane.reshape(rows, cols), "steps")
    tab.bench.set_kernel(0, np.ones((1, 1)))
    tab.actions_.look_action("views", "natural").trigger()
    hands.settle()
    percent = 100 * count / (rows * cols)
    text = f"{percent:.0f}" if 0.0995 <= share <= 0.995 else f"{percent:.1f}"
    assert f"{text} % clipped" in tab.stage.notes[1].text()


def test_the_histogram_counts_what_is_on_the_screen(
    qtbot: QtBot, tab: FiltersTab, hands: Any, picture: np.ndarray
) -> None:
    tab.set_size(3, 3)
    tab.bench.set_kernel(0, KERNEL)
    tab.actions_.look_action("views", "signed").trigger()
    tab.actions_.look_action("colours", "grey").trigger()
    tab.bottom.show_page("numbers")
    hands.settle()
    found = hands.output(0).astype(float)
    low, high = found.min(), found.max()
    counts = np.zeros(64, int)
    for value in found.reshape(-1):
        counts[int((value - low) / (high - low) * 255 + 0.5) // 4] += 1
    frame = tab.stage.frame
    assert frame is not None
    shown_counts, edges = histogram(frame.shown[0])
    assert np.abs(shown_counts - counts).sum() <= 4, "a pixel on a border may fall either way"
    np.testing.assert_allclose(edges, np.linspace(low, high, 65), rtol=1e-6)
    chart = tab.bottom.numbers.charts[0]
    assert chart.place(low) == pytest.approx(1)
    assert chart.place(high) == pytest.approx(chart.width() - 1)
    wanted = Histogram()
    wanted.set_counts(shown_counts, np.linspace(low, high, 65))
    assert same_picture(chart, wanted, qtbot)


@pytest.mark.parametrize(
    ("look", "levels"),
    [
        (Look(colours="diverging"), [(-1.0, 1.0), (-0.3, 0.3)]),
        (Look(colours="grey"), [(0.0, 1.0), (-0.25, 0.75)]),
        (Look(colours="grey", absolute=True), [(0.0, 1.0), (0.25, 1.25)]),
        (Look(scale="common", colours="grey"), [(-0.25, 0.0), (-0.25, 0.0)]),
    ],
)
def test_flat_outputs_have_a_scale_too(look: Look, levels: list[tuple[float, float]]) -> None:
    """All zeros, and all -0.25: a bar must still have two ends."""
    planes = np.zeros((2, 4, 5), np.float32)
    planes[1] = -0.25
    outputs = Outputs(planes, tuple(stats_of(p) for p in planes), 1, (4, 5), 0)
    shown = render(outputs, look, ("signed", "signed"))
    assert [(s.low, s.high) for s in shown] == levels
    for plane, one in zip(planes, shown):
        value = float(look.values(plane)[0, 0])
        share = min(1.0, max(0.0, (value - one.low) / (one.high - one.low)))
        assert (one.pixels == int(255 * share + 0.5)).all()


def test_a_flat_output_on_the_screen(tab: FiltersTab, hands: Any) -> None:
    for slot in range(3):
        tab.bench.clear(slot)
    tab.actions_.look_action("colours", "grey").trigger()
    hands.settle()
    assert tab.stage.bars[0].levels() == (0.0, 1.0)
    tab.actions_.look_action("colours", "diverging").trigger()
    hands.settle()
    assert tab.stage.bars[0].levels() == (-1.0, 1.0)


@pytest.mark.parametrize("absolute", [False, True])
def test_the_bar_points_at_the_value_as_it_is_shown(
    qtbot: QtBot, tab: FiltersTab, hands: Any, picture: np.ndarray, absolute: bool
) -> None:
    tab.set_size(3, 3)
    tab.bench.set_kernel(0, KERNEL)
    tab.bench.set_bias(0, -3.0)
    if absolute:
        tab.actions_.look_action("absolute", True).trigger()
    hands.settle()
    output = valid(picture, KERNEL, -3.0)
    row, column = np.unravel_index(output.argmin(), output.shape)
    hands.point(tab.stage.views[1], column + 1.5, row + 1.5)
    value = abs(output.min()) if absolute else output.min()
    bar, wanted = tab.stage.bars[0], ScaleBar()
    wanted.set_scale(lut("diverging"), *bar.levels())
    wanted.set_marker(float(value))
    assert same_picture(bar, wanted, qtbot)
    wanted.set_marker(float(value) * 0.5)
    assert bar.grab().toImage() != wanted.grab().toImage()


@pytest.mark.parametrize("step", [1, 2, 3, 5])
@pytest.mark.parametrize(
    ("stride", "dilation", "pad"), [(1, 1, "valid"), (2, 1, "same"), (3, 2, "valid")]
)
def test_a_preview_lies_where_the_full_result_will(
    step: int, stride: int, dilation: int, pad: str
) -> None:
    """Pixel k of every ``step``-th is centred where pixel k * step of all is looking."""
    settings = Settings(stride=stride, dilation=dilation, pad=pad)
    (x, y), (px, py) = place(settings, (3, 7), step)
    for k in (0, 1, 4):
        row = k * step * stride + (dilation if pad == "valid" else 0) + 0.5
        column = k * step * stride + (3 * dilation if pad == "valid" else 0) + 0.5
        assert (y + (k + 0.5) * py, x + (k + 0.5) * px) == pytest.approx((row, column))


def test_a_large_pictures_preview_is_shown_at_its_place(
    tab: FiltersTab, hands: Any, qtbot: QtBot
) -> None:
    """The first thing seen of a large picture: a bright square where it is in the input."""
    picture = np.zeros((1100, 1300), np.float32)
    picture[700:720, 400:430] = 1
    seen = []
    show = tab.stage.show_frame

    def watched(frame: Any, reports: Any) -> None:
        show(frame, reports)
        if frame.outputs.step > 1 and frame.snapshot.picture.width == 1300:
            origin, pixel = place(frame.snapshot.settings, frame.snapshot.size, frame.outputs.step)
            lit = np.argwhere(frame.outputs.data[0] > 0.99)
            middle = lit.mean(axis=0)
            seen.append((origin[0] + (middle[1] + 0.5) * pixel[0],
                         origin[1] + (middle[0] + 0.5) * pixel[1]))  # fmt: skip

    tab.stage.show_frame = watched
    tab.bench.set_kernel(0, np.pad(np.ones((1, 1)), 2))
    tab.set_picture(picture, "square")
    hands.settle(60_000)
    assert seen, "a preview came first"
    assert seen[0] == pytest.approx((415, 710), abs=3)


def test_steps_over_the_end_of_a_row_come_to_the_next(
    qtbot: QtBot, tab: FiltersTab, hands: Any
) -> None:
    """The output is 52 wide and 36 high."""
    tab.pointer.pin((8, 51))
    qtbot.mouseClick(tab.bottom.next_button, Qt.LeftButton)
    assert tab.pointer.pinned == (9, 0)
    qtbot.mouseClick(tab.bottom.back_button, Qt.LeftButton)
    assert tab.pointer.pinned == (8, 51)
    tab.pointer.pin((35, 51))
    qtbot.mouseClick(tab.bottom.next_button, Qt.LeftButton)
    assert tab.pointer.pinned == (35, 51)
    tab.pointer.pin((0, 0))
    qtbot.mouseClick(tab.bottom.back_button, Qt.LeftButton)
    assert tab.pointer.pinned == (0, 0)


def test_the_walk_sets_out_from_the_pinned_pixel(qtbot: QtBot, tab: FiltersTab, hands: Any) -> None:
    tab.pointer.pin((3, 20))
    qtbot.mouseClick(tab.bottom.play_button, Qt.LeftButton)
    qtbot.mouseClick(tab.bottom.play_button, Qt.LeftButton)
    walked = tab.pointer.walk.position
    assert 3 * 52 + 20 <= walked < 3 * 52 + 20 + 300
    built = tab.stage.rasters[1].array
    assert built is not None
    assert np.count_nonzero(built[..., 3] == 255) == walked


def test_gains_by_the_sum_over_the_cells(qtbot: QtBot, tab: FiltersTab, hands: Any) -> None:
    """The frequency response, its picture and what stands beneath."""
    kernel = np.zeros((5, 5), np.float32)
    kernel[1:4, 1:4] = KERNEL
    tab.bench.set_kernel(2, kernel)
    tab.bottom.show_page("kernels")
    hands.settle()
    gains = np.zeros((64, 64))
    for row in range(64):
        for column in range(64):
            turn = 2j * np.pi / 64
            gains[row, column] = abs(sum(
                kernel[r, c] * np.exp(-turn * ((row - 32) * r + (column - 32) * c))
                for r in range(5) for c in range(5)
            ))  # fmt: skip
    view = tab.bottom.kernels.frequencies[2]
    assert view.greatest == pytest.approx(gains.max(), rel=1e-5)
    wanted = FrequencyView()
    wanted.set_response(gains.astype(np.float32))
    # A gain on the border of two colours may be rounded either way.
    qtbot.addWidget(wanted)
    wanted.resize(view.size())
    one, two = (
        w.grab().toImage().convertToFormat(QImage.Format_Grayscale8) for w in (view, wanted)
    )
    off = sum(
        abs((one.pixel(x, y) & 255) - (two.pixel(x, y) & 255)) > 3
        for x in range(0, one.width(), 2)
        for y in range(0, one.height(), 2)
    )
    assert off <= 2
    # Two rows that alternate: the finest stripes lie above and below the middle.
    stripes = FrequencyView()
    qtbot.addWidget(stripes)
    stripes.resize(120, 140)
    response = np.zeros((64, 64), np.float32)
    response[0, :] = 1
    stripes.set_response(response)
    image = stripes.grab().toImage()
    bright, dark = (QColor(*map(int, lut("viridis")[n])) for n in (255, 0))
    assert abs(QColor(image.pixel(100, 0)).green() - bright.green()) < 25
    assert abs(QColor(image.pixel(100, 60)).green() - dark.green()) < 5


def test_the_rank_is_said(tab: FiltersTab, hands: Any) -> None:
    tab.bench.set_kernel(1, np.diag([1.0, 2, 0, 3, 0]))
    tab.bottom.show_page("kernels")
    hands.settle()
    assert numbers(tab.bottom.kernels.separable[1].accessibleDescription()) == [3]
    assert numbers(tab.bottom.kernels.lines[1][0].text()) == pytest.approx([6, 3.74, 3])


def test_a_separable_kernel_is_painted_as_column_and_row(qtbot: QtBot) -> None:
    """Dark red is the greatest of a vector, white is nothing."""
    view = SeparableView()
    qtbot.addWidget(view)
    view.resize(200, 200)
    column, row = np.array([0.0, 1, 0], np.float32), np.array([1.0, 0, 0, 0, 0], np.float32)
    view.set_vectors((column, row), "")
    image = view.grab().toImage()
    side = min(200 / 6.35, 200 / 4.35, 34.0)
    red, white = QColor("#b2182b"), QColor("#f7f7f7")

    def at(x: float, y: float) -> QColor:
        return QColor(image.pixel(int(x), int(y)))

    for index in range(5):
        assert at((1.3 + index + 0.25) * side, 3) == (white if index else red)
    for index in range(3):
        assert at(3, (1.3 + index + 0.25) * side) == (red if index == 1 else white)


def test_a_kernels_little_picture(qtbot: QtBot) -> None:
    kernel = np.array([[-2, 0, 1], [2, -1, 0.5]], np.float32)
    image = kernel_image(kernel)
    assert (image.width(), image.height()) == (3, 2)
    for row in range(2):
        for column in range(3):
            share = (kernel[row, column] / 2 + 1) / 2
            colour = image.pixelColor(column, row)
            wanted = lut("diverging")[int(np.round(255 * share))]
            assert (colour.red(), colour.green(), colour.blue()) == tuple(wanted)
    colours = kernel_image(np.stack([kernel, -kernel, kernel * 0]))
    corner = colours.pixelColor(0, 0)
    assert (corner.red(), corner.green(), corner.blue()) == (0, 255, 128)


def test_what_is_transparent_lies_on_white() -> None:
    image = QImage(2, 1, QImage.Format_ARGB32)
    image.setPixelColor(0, 0, QColor(255, 0, 0, 51))
    image.setPixelColor(1, 0, QColor(10, 20, 30, 255))
    found = picture_of(image)
    np.testing.assert_allclose(found[0, 0], [1, 0.8, 0.8], atol=0.005)
    np.testing.assert_allclose(found[0, 1], np.array([10, 20, 30]) / 255, atol=1e-6)
    opaque = QImage(3, 2, QImage.Format_RGB32)
    opaque.fill(QColor(1, 2, 3))
    opaque.setPixelColor(2, 1, QColor(200, 100, 50))
    np.testing.assert_array_equal(
        picture_of(opaque)[1, 2], np.array([200, 100, 50], np.float32) / np.float32(255)
    )


def test_the_pin_shows_whether_a_pixel_stays(tab: FiltersTab, hands: Any) -> None:
    hands.settle()
    pointer, button = tab.pointer, tab.bottom.pin_button
    rows, columns = tab.stage.frame.outputs.full_size
    button.click()
    assert pointer.pinned == (rows // 2, columns // 2), "nothing was pointed at: the middle"
    assert button.isChecked()
    assert tab.cancel()
    assert (pointer.pinned, pointer.pointed, button.isChecked()) == (None, None, False)
    pointer.pin((3, 4))
    assert button.isChecked()
    button.click()
    assert (pointer.pinned, button.isChecked()) == (None, False)
    assert not tab.cancel()
