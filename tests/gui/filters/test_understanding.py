"""The pixel at the cursor, the walking window, and what a kernel is."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from PyQt5.QtCore import Qt
from pytestqt.qtbot import QtBot

from filterlab.gui.filters.tab import FiltersTab
from filterlab.gui.filters.walk import Walk


def test_the_pixel_pointed_at_is_explained_and_equal(
    tab: FiltersTab, hands: Any, picture: np.ndarray
) -> None:
    tab.bench.set_bias(1, 0.5)
    hands.settle()
    # Output pixel (row 7, column 20) of a valid 5 x 5: its window starts there, its centre is +2.
    hands.point(tab.stage.views[2], 22.5, 9.5)
    product = tab.bottom.product
    np.testing.assert_array_equal(product._patch, picture[7:12, 20:25])
    np.testing.assert_array_equal(product._kernel, tab.bench.kernel(1))
    value = float((picture[7:12, 20:25] * tab.bench.kernel(1)).sum()) + 0.5
    assert product._result == pytest.approx(value, abs=1e-5)
    assert hands.output(1)[7, 20] == pytest.approx(value, abs=1e-5)
    assert tab.stage.window_box.box() == (20, 7, 25, 12)
    assert tab.stage.bars[1].marker() == pytest.approx(value, abs=1e-5)
    assert "does not flip" in tab.bottom.sentence.text()
    assert tab.bottom.where.text() == "Filter 1 at row 7, column 20"
    assert "Sees rows 7 to 11, columns 20 to 24." in tab.bottom.sentence.text()
    flipped = float((picture[7:12, 20:25] * tab.bench.kernel(1)[::-1, ::-1]).sum()) + 0.5
    assert f"{flipped:.4g}".replace("-", "−") in tab.bottom.sentence.text()


@pytest.mark.parametrize(("stride", "dilation", "pad"), [(2, 1, "valid"), (3, 2, "same")])
def test_the_window_lies_where_the_net_looks(
    tab: FiltersTab, hands: Any, picture: np.ndarray, stride: int, dilation: int, pad: str
) -> None:
    tab.set_stride(stride)
    tab.set_dilation(dilation)
    tab.set_pad(pad)
    output = hands.output(2)
    margin = 2 * dilation if pad == "same" else 0
    row, column = 4, 6
    y, x = row * stride - margin + 2 * dilation, column * stride - margin + 2 * dilation
    hands.point(tab.stage.views[3], x + 0.5, y + 0.5)
    box = (column * stride - margin, row * stride - margin)
    assert tab.stage.window_box.box() == (
        *box,
        box[0] + 4 * dilation + 1,
        box[1] + 4 * dilation + 1,
    )
    assert tab.bottom.product._result == pytest.approx(float(output[row, column]), abs=1e-5)


def test_cells_in_the_padding_are_marked(tab: FiltersTab, hands: Any) -> None:
    tab.set_pad("same")
    hands.settle()
    tab.stage.views[1].set_view_rect(tab.stage.views[1].extent.adjusted(0, 0, -40, -30))
    hands.point(tab.stage.views[1], 0.5, 0.5)
    padded = tab.bottom.product._padded
    assert padded[:2].all()
    assert padded[:, :2].all()
    assert not padded[2:, 2:].any()


def test_pointing_at_the_input_explains_the_output_there(tab: FiltersTab, hands: Any) -> None:
    hands.point(tab.stage.views[3], 30.5, 20.5)
    hands.point(tab.stage.views[0], 31.5, 20.5)
    assert tab.bottom.slot == 2, "the filter pointed at last"
    assert tab.pointer.pointed == (18, 29)
    hands.point(tab.stage.views[0], 0.5, 0.5)
    assert tab.pointer.pointed is None, "no valid output pixel is centred there"
    assert tab.stage.window_box.box() == (0, 0, 0, 0)


def test_a_pinned_pixel_stays_and_follows_edits(
    qtbot: QtBot, tab: FiltersTab, hands: Any, picture: np.ndarray
) -> None:
    hands.click(tab.stage.views[1], 12.5, 10.5)
    assert tab.pointer.pinned == (8, 10)
    assert tab.bottom.pin_button.isChecked()
    hands.point(tab.stage.views[1], 40.5, 30.5)
    assert tab.pointer.pointed == (8, 10)
    tab.bench.set_kernel(0, np.ones((5, 5)))
    hands.settle()
    expected = float(picture[8:13, 10:15].sum())
    assert tab.bottom.product._result == pytest.approx(expected, abs=1e-4)
    qtbot.mouseClick(tab.bottom.pin_button, Qt.LeftButton)
    assert tab.pointer.pinned is None
    hands.point(tab.stage.views[1], 40.5, 30.5)
    assert tab.pointer.pointed == (28, 38)


def test_steps_go_from_pixel_to_pixel(qtbot: QtBot, tab: FiltersTab, hands: Any) -> None:
    hands.click(tab.stage.views[1], 12.5, 10.5)
    qtbot.mouseClick(tab.bottom.next_button, Qt.LeftButton)
    assert tab.pointer.pinned == (8, 11)
    for _ in range(2):
        qtbot.mouseClick(tab.bottom.back_button, Qt.LeftButton)
    assert tab.pointer.pinned == (8, 9)


def test_the_walk_builds_the_output(qtbot: QtBot, tab: FiltersTab, hands: Any) -> None:
    whole = tab.stage.rasters[1].array
    tab.bottom.speed.setValue(tab.bottom.speed.maximum())
    qtbot.mouseClick(tab.bottom.play_button, Qt.LeftButton)
    walk = tab.pointer.walk
    assert walk.playing
    qtbot.mouseClick(tab.bottom.play_button, Qt.LeftButton)
    walk.step(52 * 3 + 10 - walk.position)
    built = tab.stage.rasters[1].array
    assert built is not None
    assert built.shape == (36, 52, 4)
    assert np.count_nonzero(built[..., 3] == 255) == 52 * 3 + 10
    assert (built[:3, :, 3] == 255).all()
    assert (built[4:, :, 3] > 40).all(), "at rest the others are faint, not blank"
    assert tab.pointer.pointed == (3, 9), "the window stands on the last pixel built"
    assert tab.stage.window_box.box() == (9, 3, 14, 8)
    qtbot.mouseClick(tab.bottom.play_button, Qt.LeftButton)
    playing = tab.stage.rasters[1].array
    assert playing is not None
    assert (playing[-1, :, 3] == 0).all(), "and clear while it goes on"
    qtbot.waitUntil(lambda: not walk.active, timeout=10000)
    assert tab.stage.rasters[1].array is whole
    assert not tab.bottom.play_button.isChecked()


def test_pausing_leaves_no_blank_outputs(qtbot: QtBot, tab: FiltersTab) -> None:
    qtbot.mouseClick(tab.bottom.play_button, Qt.LeftButton)
    tab.pointer.walk.advance(0.01)
    qtbot.mouseClick(tab.bottom.play_button, Qt.LeftButton)
    for raster in tab.stage.rasters[1:]:
        assert (raster.array[..., 3] > 40).all()
    qtbot.mouseClick(tab.bottom.play_button, Qt.LeftButton)
    tab.deactivated()  # another tab comes to the front
    assert not tab.pointer.walk.playing
    assert (tab.stage.rasters[1].array[..., 3] > 40).all()


@pytest.mark.parametrize("setting", ["stride", "size", "pad"])
def test_outputs_of_another_size_end_the_walk(
    qtbot: QtBot, tab: FiltersTab, hands: Any, setting: str
) -> None:
    qtbot.mouseClick(tab.bottom.play_button, Qt.LeftButton)
    walk = tab.pointer.walk
    walk.speed = 30_000
    walk.advance(0.05)
    assert walk.position > 1000
    if setting == "stride":
        tab.set_stride(4)
    elif setting == "size":
        tab.set_size(11, 11)
    else:
        tab.set_pad("same")
    hands.settle()
    for _ in range(3):
        walk.advance(0.001)  # a tick that was on its way
    assert not walk.active
    assert tab.stage.rasters[1].array.ndim == 2, "the whole output"


def test_a_walk_goes_at_its_speed_and_ends(qtbot: QtBot) -> None:
    walk = Walk()
    walk.speed = 100
    walk.begin(30)
    seen: list[int] = []
    walk.moved.connect(seen.append)
    for _ in range(20):
        walk.advance(0.016)
    assert walk.position == 0, "it has come to the end and stopped"
    assert seen[:3] == [1, 3, 4]
    assert seen[-1] == 30


def test_escape_ends_the_walk_then_unpins(tab: FiltersTab, hands: Any) -> None:
    hands.click(tab.stage.views[1], 12.5, 10.5)
    tab.bottom.play_button.click()
    assert tab.cancel()
    assert not tab.pointer.walk.active
    assert tab.pointer.pinned == (8, 10)
    assert tab.cancel()
    assert tab.pointer.pinned is None
    assert not tab.cancel()


def test_the_shrinking_is_said_in_a_sentence(tab: FiltersTab, hands: Any) -> None:
    hands.point(tab.stage.views[0], 0.5, 0.5)
    assert "shrinks the picture by 4: 56 × 40 becomes 52 × 36" in tab.bottom.sentence.text()


def test_kernels_are_described(tab: FiltersTab, hands: Any) -> None:
    tab.bottom.show_page("kernels")
    page = tab.bottom.kernels
    column, row = page.separable[0].vectors
    np.testing.assert_allclose(np.outer(column, row), tab.bench.kernel(0), atol=1e-6)
    assert "sum 1" in page.lines[0][0].text()
    assert "rank 1" in page.lines[0][0].text()
    assert "left–right" in page.lines[0][1].text()
    tab.bench.set_kernel(1, np.eye(5, dtype=np.float32))
    hands.settle()
    assert page.separable[1].vectors is None
    assert "rank 5" in page.lines[1][0].text()
    assert page.frequencies[1].greatest == pytest.approx(5, rel=1e-3)


def test_three_channels_have_a_grid_each(tab: FiltersTab, hands: Any) -> None:
    rgb = np.random.default_rng(2).random((30, 34, 3), dtype=np.float32)
    tab.set_picture(rgb, "colours")
    before = hands.output(1).copy()
    tab.set_mode("three")
    np.testing.assert_allclose(hands.output(1), before, atol=1e-5)
    editor = tab.editors[1]
    assert all(thumb.isVisible() for thumb in editor.thumbs)
    editor.thumbs[2].clicked.emit()
    assert editor.channel == 2
    hands.drag(editor.grid, [(0, 0)])
    assert tab.bench.kernel(1, 2)[0, 0] == 0.5
    assert tab.bench.kernel(1, 0)[0, 0] == 0
    kernels = tab.bench.filter(1)
    expected = sum(hands.correlate(rgb[..., c], kernels[c]) for c in range(3))
    np.testing.assert_allclose(hands.output(1), expected, atol=1e-5)
    hands.point(tab.stage.views[2], 10.5, 9.5)
    np.testing.assert_array_equal(tab.bottom.product._patch, rgb[7:12, 8:13, 2])
    assert tab.bottom.product._result == pytest.approx(float(expected[7, 8]), abs=1e-5)


def test_each_channel_is_filtered_by_itself(tab: FiltersTab, hands: Any) -> None:
    rgb = np.random.default_rng(2).random((30, 34, 3), dtype=np.float32)
    tab.set_picture(rgb, "colours")
    tab.set_mode("each")
    output = hands.output(2)
    assert output.shape == (26, 30, 3)
    for channel in range(3):
        expected = hands.correlate(rgb[..., channel], tab.bench.kernel(2))
        np.testing.assert_allclose(output[..., channel], expected, atol=1e-5)
    tab.set_channel(1)
    hands.point(tab.stage.views[3], 10.5, 9.5)
    assert tab.bottom.product._result == pytest.approx(float(output[7, 8, 1]), abs=1e-5)
