"""Arrays as Qt images and back, pixel by pixel."""

from __future__ import annotations

import numpy as np
import pytest
from PyQt5.QtGui import QColor, QImage

from filterlab.gui.images import image_of, pixels_of


@pytest.mark.parametrize("shape", [(5, 7), (5, 7, 3), (5, 7, 4), (1, 9, 3), (9, 1, 3)])
def test_every_pixel_is_shown_and_read(shape: tuple[int, ...]) -> None:
    pixels = np.random.default_rng(3).integers(0, 256, shape).astype(np.uint8)
    image = image_of(pixels)
    assert (image.height(), image.width()) == shape[:2]
    for row in range(shape[0]):
        for col in range(shape[1]):
            given = pixels[row, col].tolist()
            colour = QColor.fromRgba(image.pixel(col, row)).getRgb()
            wanted = [given] * 3 if len(shape) == 2 else given
            assert list(colour[: len(wanted)]) == wanted
    channels = 1 if len(shape) == 2 else shape[2]
    np.testing.assert_array_equal(pixels_of(image, channels).reshape(shape), pixels)


def test_the_image_is_its_own() -> None:
    """Neither a view's steps nor what becomes of the array reach it."""
    pixels = np.arange(6 * 8 * 3, dtype=np.uint8).reshape(6, 8, 3)
    image = image_of(pixels[::-1, ::2])
    kept = pixels.copy()
    pixels[:] = 0
    np.testing.assert_array_equal(pixels_of(image, 3), kept[::-1, ::2])


def test_an_image_of_another_format_is_converted() -> None:
    image = QImage(3, 2, QImage.Format_RGB32)
    image.fill(QColor(10, 20, 30))
    image.setPixelColor(2, 1, QColor(200, 100, 50))
    found = pixels_of(image, 4)
    assert found.shape == (2, 3, 4)
    assert found[0, 0].tolist() == [10, 20, 30, 255]
    assert found[1, 2].tolist() == [200, 100, 50, 255]
