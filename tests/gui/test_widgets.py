"""The shared widgets, by their rendered pixels."""

from __future__ import annotations

import numpy as np
import pytest
from PyQt5.QtCore import QPoint, QRectF, Qt
from PyQt5.QtGui import QColor, QImage
from PyQt5.QtWidgets import QApplication, QHBoxLayout, QWidget

from filterlab.gui.widgets.colour_bar import ColourBar, nice_ticks, short_number
from filterlab.gui.widgets.colours import TABLES, lut, readable_on
from filterlab.gui.widgets.elided_label import ElidedLabel
from filterlab.gui.widgets.message_strip import MessageStrip
from filterlab.gui.widgets.picture_view import BoxItem, PictureView
from filterlab.gui.widgets.progress_strip import ProgressStrip


def grab(widget: QWidget) -> QImage:
    QApplication.processEvents()
    return widget.grab().toImage()


def colour_at(view: PictureView, image: QImage, x: float, y: float) -> QColor:
    at = view.to_widget(x, y)
    ratio = image.devicePixelRatio()
    return image.pixelColor(int(at.x() * ratio), int(at.y() * ratio))


@pytest.fixture
def view(qtbot) -> PictureView:
    made = PictureView()
    qtbot.addWidget(made)
    made.resize(400, 300)
    made.show()
    qtbot.waitExposed(made)
    return made


def test_rows_run_down_and_columns_right(view) -> None:
    picture = np.zeros((3, 5, 3), np.uint8)
    picture[0, 0] = (255, 0, 0)
    picture[0, 4] = (0, 255, 0)
    picture[2, 0] = (0, 0, 255)
    view.set_image(picture)
    image = grab(view)
    assert colour_at(view, image, 0.5, 0.5).getRgb()[:3] == (255, 0, 0)
    assert colour_at(view, image, 4.5, 0.5).getRgb()[:3] == (0, 255, 0)
    assert colour_at(view, image, 0.5, 2.5).getRgb()[:3] == (0, 0, 255)
    assert view.to_widget(0, 0).y() < view.to_widget(0, 3).y()


def test_enlarged_pixels_are_crisp(view) -> None:
    picture = np.zeros((4, 4), np.uint8)
    picture[:, 2:] = 255
    view.set_image(picture)
    image = grab(view)
    assert colour_at(view, image, 1.9, 2.5).red() == 0
    assert colour_at(view, image, 2.1, 2.5).red() == 255


def test_reduced_pictures_are_averaged(view) -> None:
    picture = np.zeros((1600, 1600), np.uint8)
    picture[::2, 1::2] = 255
    picture[1::2, ::2] = 255
    view.set_image(picture)
    image = grab(view)
    middle = [colour_at(view, image, x, 800).red() for x in range(200, 1400, 37)]
    assert all(100 <= value <= 155 for value in middle)


def test_aspect_is_kept(view) -> None:
    view.set_image(np.zeros((100, 300), np.uint8))
    grab(view)
    across = view.to_widget(300, 0).x() - view.to_widget(0, 0).x()
    down = view.to_widget(0, 100).y() - view.to_widget(0, 0).y()
    assert across / down == pytest.approx(3, rel=0.01)


def test_signed_values_on_a_table_with_explicit_levels(view) -> None:
    values = np.array([[-2.0, 0.0, 2.0]], np.float32)
    view.set_image(values, (-2, 2), lut("diverging"))
    image = grab(view)
    assert colour_at(view, image, 0.5, 0.5).getRgb()[:3] == (33, 102, 172)
    assert min(colour_at(view, image, 1.5, 0.5).getRgb()[:3]) > 240
    assert colour_at(view, image, 2.5, 0.5).getRgb()[:3] == (178, 24, 43)


def test_constant_array_does_not_upset_levels(view) -> None:
    view.set_image(np.full((4, 4), 3.0, np.float32), (3.0, 3.0), lut("grey"))
    assert colour_at(view, grab(view), 2, 2).red() == 0


def test_the_array_is_copied(view) -> None:
    picture = np.zeros((4, 4), np.uint8)
    view.set_image(picture)
    picture[:] = 255
    assert colour_at(view, grab(view), 2, 2).red() == 0


def test_output_is_laid_where_it_looks(view) -> None:
    # A 5x5 convolution of a 20x10 picture: 16x6, shifted by 2.
    view.set_image(np.zeros((6, 16), np.uint8), origin=(2, 2))
    assert view.extent == QRectF(2, 2, 16, 6)
    assert view.pixel_at(2.5, 2.5) == (0, 0)
    assert view.pixel_at(17.9, 7.9) == (15, 5)
    assert view.pixel_at(1.9, 2.5) is None


def test_linked_views_zoom_and_pan_as_one(qtbot) -> None:
    box = QWidget()
    qtbot.addWidget(box)
    layout = QHBoxLayout(box)
    views = [PictureView(box) for _ in range(3)]
    for one in views:
        layout.addWidget(one)
    box.resize(900, 300)
    box.show()
    qtbot.waitExposed(box)
    PictureView.link(views)
    for one in views:
        one.set_image(np.zeros((100, 100), np.uint8))
    views[1].set_view_rect(QRectF(10, 20, 30, 30))
    wanted = views[1].view_rect()
    for one in views:
        got = one.view_rect()
        assert got.center().x() == pytest.approx(wanted.center().x(), abs=0.5)
        assert got.center().y() == pytest.approx(wanted.center().y(), abs=0.5)
        assert got.width() == pytest.approx(wanted.width(), rel=0.02)


def test_a_click_says_where(qtbot, view) -> None:
    view.set_image(np.zeros((30, 40), np.uint8))
    grab(view)
    clicks = []
    view.clicked.connect(lambda x, y, button: clicks.append((x, y, button)))
    at = view.to_widget(10.5, 20.5).toPoint()
    qtbot.mouseClick(view.viewport(), Qt.LeftButton, pos=at)
    assert len(clicks) == 1
    assert clicks[0][0] == pytest.approx(10.5, abs=0.3)
    assert clicks[0][1] == pytest.approx(20.5, abs=0.3)


def test_paint_mode_drags_instead_of_panning(qtbot, view) -> None:
    view.set_image(np.zeros((30, 40), np.uint8))
    view.set_paint_mode(True)
    grab(view)
    before = view.view_rect()
    drags, ends = [], []
    view.dragged.connect(lambda x, y, button: drags.append((x, y, button)))
    view.released.connect(lambda: ends.append(1))
    start = QPoint(100, 100)
    qtbot.mousePress(view.viewport(), Qt.RightButton, pos=start)
    qtbot.mouseMove(view.viewport(), QPoint(150, 120))
    QApplication.processEvents()
    qtbot.mouseRelease(view.viewport(), Qt.RightButton, pos=QPoint(150, 120))
    assert ends == [1]
    assert view.view_rect() == before


def test_box_is_drawn_at_its_place(view) -> None:
    view.set_image(np.zeros((30, 40), np.uint8))
    box = view.add_item(BoxItem("#FF0000", 3.0))
    box.set_box(10, 5, 30, 25)
    image = grab(view)
    assert colour_at(view, image, 10, 15).red() > 200
    assert colour_at(view, image, 20, 15).red() < 30
    box.set_box(0, 0, 0, 0)
    assert colour_at(view, grab(view), 10, 15).red() < 30


def test_values_are_written_only_when_zoomed_far(view) -> None:
    picture = np.full((100, 100), 255, np.uint8)
    view.set_image(picture)
    view.set_values(picture)
    flat = grab(view)
    dark = sum(flat.pixelColor(x, 150).lightness() < 100 for x in range(120, 280))
    assert dark == 0
    view.set_view_rect(QRectF(40, 40, 6, 6))
    near = grab(view)
    dark = sum(
        near.pixelColor(x, y).lightness() < 100 for x in range(0, 400, 2) for y in range(0, 300, 2)
    )
    assert dark > 20


@pytest.mark.parametrize("name", TABLES)
def test_tables_have_256_colours_and_cannot_be_spoilt(name) -> None:
    table = lut(name)
    assert table.shape == (256, 3)
    assert table.dtype == np.uint8
    with pytest.raises(ValueError, match="read-only"):
        table[0] = 0


def test_text_reads_on_any_colour() -> None:
    def luminance(rgb) -> float:
        linear = [
            v / 12.92 if v <= 0.04045 else ((v + 0.055) / 1.055) ** 2.4 for v in np.array(rgb) / 255
        ]
        return float(np.dot(linear, (0.2126, 0.7152, 0.0722)))

    for rgb in lut("diverging")[::5]:
        text = 0.0 if readable_on(*rgb) == "#000000" else 1.0
        high, low = max(text, luminance(rgb)), min(text, luminance(rgb))
        assert (high + 0.05) / (low + 0.05) >= 4.5


def test_ticks_are_round_and_inside() -> None:
    assert nice_ticks(0, 1, 6) == pytest.approx([0, 0.2, 0.4, 0.6, 0.8, 1.0])
    assert nice_ticks(-2, 2, 5) == pytest.approx([-2, -1, 0, 1, 2])
    for low, high in ((-0.013, 0.4), (3, 3.001), (1e-8, 5e-8), (-1e6, 1e6)):
        ticks = nice_ticks(low, high)
        assert len(ticks) >= 2
        assert all(low - 1e-9 * abs(low) <= t <= high + 1e-9 * abs(high) for t in ticks)


@pytest.mark.parametrize(
    ("value", "text"),
    [(0, "0"), (1, "1"), (-0.5, "−0.5"), (1e-7, "1e−7"), (123456, "1.2e5"), (0.125, "0.125")],
)
def test_numbers_are_short(value, text) -> None:
    assert short_number(value) == text


def test_colour_bar_runs_from_low_to_high(qtbot) -> None:
    bar = ColourBar()
    qtbot.addWidget(bar)
    bar.resize(bar.sizeHint().width(), 300)
    bar.set_colours(lut("grey"))
    bar.set_levels(-1, 1)
    bar.show()
    image = grab(bar)
    column = [image.pixelColor(16, y).red() for y in range(20, 280, 20)]
    assert column == sorted(column, reverse=True)
    assert column[0] > 220
    assert column[-1] < 45


def test_message_strip_shows_and_closes(qtbot) -> None:
    box = QWidget()
    qtbot.addWidget(box)
    box.resize(600, 400)
    strip = MessageStrip(box)
    box.show()
    assert strip.text == ""
    strip.show_message("a.png: is cut off; get a fresh copy.", "error")
    assert strip.text == "a.png: is cut off; get a fresh copy."
    assert box.rect().contains(strip.geometry())
    box.resize(500, 300)
    QApplication.processEvents()
    assert box.rect().contains(strip.geometry())
    strip.show_message("")
    assert strip.text == ""


def test_progress_strip(qtbot) -> None:
    strip = ProgressStrip()
    qtbot.addWidget(strip)
    strip.show()
    asked = []
    strip.cancel_requested.connect(lambda: asked.append(1))
    assert not strip.active
    strip.begin("Transplant")
    strip.set_progress("fc7 → fc7-conv", 0.4, "(4096, 4096)", 3.2)
    assert strip.active
    assert "fc7-conv" in strip.text
    qtbot.mouseClick(strip._cancel, Qt.LeftButton)
    assert asked == [1]
    strip.end("done")
    assert not strip.active


def test_elided_label_tells_the_rest_in_its_tool_tip(qtbot) -> None:
    label = ElidedLabel("A long heading that does not fit")
    qtbot.addWidget(label)
    label.resize(60, 20)
    label.show()
    grab(label)
    assert label.toolTip() == "A long heading that does not fit"
    label.resize(600, 20)
    grab(label)
    assert label.toolTip() == ""
