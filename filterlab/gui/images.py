"""Arrays as Qt images, and back."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from PyQt5.QtGui import QImage
from PyQt5.sip import voidptr

from filterlab.errors import FilterLabError

__all__ = ["image_of", "picture_of", "pixels_of"]

_FORMATS = {1: QImage.Format_Grayscale8, 3: QImage.Format_RGB888, 4: QImage.Format_RGBA8888}


def image_of(pixels: NDArray[np.uint8]) -> QImage:
    """Grey (rows, cols), RGB (rows, cols, 3) or RGBA (rows, cols, 4) as an image of its own."""
    data = np.ascontiguousarray(pixels, np.uint8)
    rows, cols = data.shape[:2]
    channels = 1 if data.ndim == 2 else data.shape[2]
    address = voidptr(data.ctypes.data)
    # The image borrows the array's memory; its copy does not.
    return QImage(address, cols, rows, channels * cols, _FORMATS[channels]).copy()


def pixels_of(image: QImage, channels: int) -> NDArray[np.uint8]:
    """What an image shows, (rows, cols, channels), not writable: 1 grey, 3 RGB or 4 RGBA."""
    made = image.convertToFormat(_FORMATS[channels])
    rows, cols, stride = made.height(), made.width(), made.bytesPerLine()
    held = np.frombuffer(made.constBits().asstring(rows * stride), np.uint8)
    # A row in Qt's memory ends on a multiple of four bytes.
    return held.reshape(rows, stride)[:, : cols * channels].reshape(rows, cols, channels)


def picture_of(image: QImage) -> NDArray[np.float32]:
    """A Qt picture as float32 RGB (H, W, 3), 0 to 1; what is transparent lies on white.

    Raises
    ------
    FilterLabError
        If it is empty.
    """
    if image.isNull():
        raise FilterLabError("the clipboard holds no picture; copy one first")
    if image.hasAlphaChannel():
        pixels = pixels_of(image, 4).astype(np.float32) / np.float32(255)
        alpha = pixels[..., 3:]
        return pixels[..., :3] * alpha + (1 - alpha)
    return pixels_of(image, 3).astype(np.float32) / np.float32(255)
