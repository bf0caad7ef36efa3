"""Icons are drawn when they are shown: how large, in which colour, and of no size at all."""

from __future__ import annotations

import numpy as np
import pytest
from PyQt5.QtCore import QSize
from PyQt5.QtGui import QColor, QIcon, QImage, QPainter
from PyQt5.QtWidgets import QApplication, QToolButton

from filterlab.gui import theme
from filterlab.gui.icons import app_icon, icon
from filterlab.gui.images import pixels_of


def drawn(image: QImage) -> np.ndarray:
    """The colours that are not transparent, darkest alpha first: (n, 4)."""
    pixels = pixels_of(image, 4).reshape(-1, 4)
    return pixels[pixels[:, 3] > 0]


@pytest.mark.parametrize(("asked", "given"), [(16, 16), (12, 12), (40, 16), (1, 1)])
def test_an_icon_is_as_large_as_asked_up_to_its_size(
    qapp: QApplication, asked: int, given: int
) -> None:
    made = icon("copy", 16)
    assert made.actualSize(QSize(asked, asked)) == QSize(given, given)
    pixmap = made.pixmap(QSize(asked, asked))
    shown = pixmap.width() / pixmap.devicePixelRatio()
    assert shown == pytest.approx(given, abs=1)
    assert len(drawn(pixmap.toImage())) > 0


def test_an_icon_without_room_is_nothing(qapp: QApplication) -> None:
    """As where a button is squeezed to nothing; Qt would warn of a painter without a picture."""
    assert icon("copy").pixmap(QSize(0, 0)).isNull()
    assert icon("copy").pixmap(QSize(0, 12)).isNull()


@pytest.mark.parametrize("name", ["light", "dark"])
def test_an_icon_has_the_colour_of_its_state(qapp: QApplication, name: str) -> None:
    theme.apply(qapp, name)
    colours = theme.current()
    wanted = {
        (QIcon.Normal, QIcon.Off): colours.text,
        (QIcon.Active, QIcon.Off): colours.text,
        (QIcon.Disabled, QIcon.Off): colours.muted,
        (QIcon.Disabled, QIcon.On): colours.muted,
        (QIcon.Normal, QIcon.On): colours.on_accent,
    }
    made, flat = icon("pin", 32), icon("pin", 32, on_accent=False)
    for (mode, state), colour in wanted.items():
        found = drawn(made.pixmap(QSize(32, 32), mode, state).toImage())
        solid = found[found[:, 3] == 255][:, :3]
        assert len(solid) > 4, (mode, state)
        assert np.abs(solid.astype(int) - QColor(colour).getRgb()[:3]).max() <= 1, (mode, state)
    pressed = drawn(flat.pixmap(QSize(32, 32), QIcon.Normal, QIcon.On).toImage())
    assert np.abs(pressed[pressed[:, 3] == 255][:, :3].astype(int)
                  - QColor(colours.text).getRgb()[:3]).max() <= 1  # fmt: skip


def test_an_icon_lies_in_the_middle_of_a_wide_place(qapp: QApplication) -> None:
    image = QImage(64, 16, QImage.Format_RGBA8888)
    image.fill(0)
    painter = QPainter(image)
    icon("copy", 64).paint(painter, image.rect())
    painter.end()
    columns = np.nonzero(pixels_of(image, 4)[..., 3].any(axis=0))[0]
    assert columns.min() >= 24
    assert columns.max() < 40


def test_copies_of_an_icon_outlive_it(qapp: QApplication, qtbot) -> None:
    button = QToolButton()
    qtbot.addWidget(button)
    made = icon("copy")
    button.setIcon(made)
    del made
    assert len(drawn(button.icon().pixmap(QSize(16, 16)).toImage())) > 0


def test_the_program_has_an_icon_of_each_size(qapp: QApplication) -> None:
    sizes = app_icon().availableSizes()
    assert [(size.width(), size.height()) for size in sizes] == [(n, n) for n in (16, 32, 64, 128)]
    for size in sizes:
        assert len(drawn(app_icon().pixmap(size).toImage())) > size.width() ** 2 / 2
