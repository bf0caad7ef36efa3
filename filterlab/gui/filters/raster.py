"""Puts arrays of any size into a picture view: of a huge one, the part and the detail seen."""

from __future__ import annotations

from functools import partial

import numpy as np
from PyQt5.QtCore import QObject, QRectF, QTimer

from filterlab.gui.widgets.cells import format_cell, format_places
from filterlab.gui.widgets.picture_view import PictureView

__all__ = ["Raster"]

#: Up to this many pixels an array is shown as it is.
_WHOLE = 1 << 21


class Raster(QObject):
    """Shows one array, uint8 (h, w) or (h, w, 3), in one view.

    ``places``: those of the numbers in large pixels.
    """

    def __init__(self, view: PictureView, places: int = 3) -> None:
        super().__init__(view)
        self._text = partial(_text_of, places=places)
        self._view = view
        self._array: np.ndarray | None = None
        self._values: np.ndarray | None = None
        self._lut: np.ndarray | None = None
        self._origin = (0.0, 0.0)
        self._pixel = (1.0, 1.0)
        self._extent = QRectF()
        self._part: tuple[int, ...] = ()
        self._later = QTimer(self)
        self._later.setSingleShot(True)
        self._later.setInterval(0)
        self._later.timeout.connect(self._show_part)
        view.view_changed.connect(self._on_view_changed)

    @property
    def array(self) -> np.ndarray | None:
        """The array, all of it."""
        return self._array

    def show(
        self,
        array: np.ndarray | None,
        lut: np.ndarray | None = None,
        origin: tuple[float, float] = (0.0, 0.0),
        pixel: tuple[float, float] = (1.0, 1.0),
        extent: QRectF | None = None,
        values: np.ndarray | None = None,
    ) -> None:
        """Show an array (None: nothing); see :meth:`PictureView.set_image`.

        ``values`` are the numbers written into the pixels once they are large on the screen.
        """
        self._array, self._lut, self._values = array, lut, values
        self._origin, self._pixel = origin, pixel
        self._part = ()
        if array is None:
            self._view.set_image(None)
            return
        rows, cols = array.shape[:2]
        self._extent = extent or QRectF(*origin, cols * pixel[0], rows * pixel[1])
        if rows * cols <= _WHOLE:
            self._view.set_image(array, None, lut, origin, pixel, self._extent)
            self._view.set_values(values, self._text)
        else:
            self._show_part()

    def _on_view_changed(self) -> None:
        if self._array is not None and self._array.shape[0] * self._array.shape[1] > _WHOLE:
            self._later.start()

    def _show_part(self) -> None:
        array = self._array
        if array is None or array.shape[0] * array.shape[1] <= _WHOLE:
            return
        view, (x, y), (px, py) = self._view, self._origin, self._pixel
        rows, cols = array.shape[:2]
        fine = max(1e-6, view.scale_on_screen * px * view.devicePixelRatioF())
        step = max(1, int(1.0 / fine))
        seen = view.view_rect() if view.extent == self._extent else self._extent
        if seen.isEmpty():
            seen = self._extent
        if view.extent != self._extent:
            step = max(1, int(np.ceil(np.sqrt(rows * cols / _WHOLE))))
        r0 = max(0, int((seen.top() - y) / py)) // step * step
        r1 = min(rows, int((seen.bottom() - y) / py) + step + 1)
        c0 = max(0, int((seen.left() - x) / px)) // step * step
        c1 = min(cols, int((seen.right() - x) / px) + step + 1)
        part = (r0, r1, c0, c1, step)
        if part == self._part or r1 <= r0 or c1 <= c0:
            return
        self._part = part
        cut = np.s_[r0:r1:step, c0:c1:step]
        origin, pixel = (x + c0 * px, y + r0 * py), (px * step, py * step)
        view.set_image(array[cut], None, self._lut, origin, pixel, self._extent)
        view.set_values(None if self._values is None else self._values[cut], self._text)


def _text_of(value: object, places: int) -> str:
    """A pixel's number in few characters: ``.241``, ``−1.43``; of a colour its brightness."""
    number = float(np.mean(np.asarray(value, dtype=np.float64)))
    if not abs(number) < 999.5:
        return format_cell(number, lambda text: len(text) <= 6)
    return format_places(round(number, places), places)
