"""Patch × kernel = products, cell by cell: what a convolution computes at one pixel."""

from __future__ import annotations

import numpy as np
from qtpy.QtCore import QRectF, QSize, Qt
from qtpy.QtGui import QColor, QFont, QFontMetricsF, QPainter, QPaintEvent, QPen
from qtpy.QtWidgets import QSizePolicy, QWidget

from filterlab.gui.i18n import tr
from filterlab.gui.widgets.cells import cell_colour, format_cell, text_colour
from filterlab.gui.widgets.histogram import short_number

__all__ = ["ProductView"]

_GAP = 28
_CAPTION = 18
_RESULT = 24


class ProductView(QWidget):
    """Three little grids, patch × kernel = products, and the sum in one line beneath.

    ``set_product`` takes a patch and a kernel of one shape (rows, columns), the bias and the
    result as the net computed it; the products are theirs, cell by cell. A patch outside the
    picture (padding) is given as zeros with ``padded`` True there; such cells are hatched.
    """

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._patch: np.ndarray | None = None
        self._kernel = np.zeros((1, 1), np.float32)
        self._padded = np.zeros((1, 1), bool)
        self._bias = 0.0
        self._result = 0.0
        self._others: float | None = None
        self._hint = tr("Point at a pixel of an output to see how it is computed.")
        self.setSizePolicy(QSizePolicy.Expanding, QSizePolicy.Preferred)
        self.setAccessibleName(tr("Patch times kernel"))

    def sizeHint(self) -> QSize:
        return QSize(520, 176)

    def minimumSizeHint(self) -> QSize:
        return QSize(300, 120)

    def set_product(
        self,
        patch: np.ndarray,
        kernel: np.ndarray,
        bias: float,
        result: float,
        padded: np.ndarray | None = None,
        others: float | None = None,
    ) -> None:
        """Show one pixel's computation; ``others`` is the sum over the channels not shown."""
        if patch.shape != kernel.shape or patch.ndim != 2:
            raise ValueError(f"patch {patch.shape} and kernel {kernel.shape} differ in shape")
        self._patch = np.array(patch, np.float32)
        self._kernel = np.array(kernel, np.float32)
        self._padded = np.zeros(patch.shape, bool) if padded is None else np.array(padded, bool)
        self._bias, self._result = float(bias), float(result)
        self._others = others
        self.setAccessibleDescription(self.sentence())
        self.update()

    def clear(self, hint: str | None = None) -> None:
        """Show the hint instead of a computation."""
        self._patch = None
        if hint is not None:
            self._hint = hint
        self.setAccessibleDescription(self._hint)
        self.update()

    def sentence(self) -> str:
        """The sum in one line, as drawn beneath the grids."""
        if self._patch is None:
            return self._hint
        total = float(np.sum(self._patch.astype(np.float64) * self._kernel))
        if self._others is not None:
            return tr(
                "{count} products: {total}, other channels: {others}, bias {bias}, sum {result}"
            ).format(
                count=self._patch.size,
                total=short_number(total),
                others=short_number(self._others),
                bias=short_number(self._bias),
                result=short_number(self._result),
            )
        return tr("{count} products, summed {total}, + bias {bias} = {result}").format(
            count=self._patch.size,
            total=short_number(total),
            bias=short_number(self._bias),
            result=short_number(self._result),
        )

    def _grid(
        self, painter: QPainter, area: QRectF, values: np.ndarray, limit: float, signed: bool
    ) -> None:
        rows, columns = values.shape
        side = min(area.width() / columns, area.height() / rows)
        left = area.left() + (area.width() - side * columns) / 2
        font = QFont(self.font())
        font.setPixelSize(max(7, min(13, round(side * 0.34))))
        painter.setFont(font)
        metrics = QFontMetricsF(font)

        def fits(text: str) -> bool:
            return metrics.horizontalAdvance(text) <= side - 3 and metrics.height() <= side + 2

        for row in range(rows):
            for column in range(columns):
                value = float(values[row, column])
                cell = QRectF(left + column * side, area.top() + row * side, side, side)
                if signed:
                    colour = cell_colour(value, limit)
                else:
                    grey = int(np.clip(value / limit if limit > 0 else 0, 0, 1) * 255)
                    colour = QColor(grey, grey, grey)
                painter.fillRect(cell, colour)
                if self._padded[row, column]:
                    painter.fillRect(cell, Qt.BDiagPattern)
                painter.setPen(text_colour(colour))
                painter.drawText(cell, Qt.AlignCenter, format_cell(value, fits))
        painter.setPen(QPen(self.palette().mid().color(), 1))
        painter.drawRect(QRectF(left, area.top(), side * columns, side * rows))

    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self)
        if self._patch is None:
            painter.setPen(self.palette().placeholderText().color())
            painter.drawText(QRectF(self.rect()), Qt.AlignCenter | Qt.TextWordWrap, self._hint)
            painter.end()
            return
        products = self._patch * self._kernel
        width = (self.width() - 2 * _GAP) / 3
        height = self.height() - _CAPTION - _RESULT
        finite = np.nan_to_num(np.abs(self._patch), nan=0, posinf=0)
        signed = bool((self._patch < 0).any())
        sides = [
            (
                tr("patch"),
                self._patch,
                max(float(finite.max(initial=0)), 0 if signed else 1),
                signed,
            ),
            (tr("kernel"), self._kernel, float(np.nan_to_num(np.abs(self._kernel)).max()), True),
            (tr("products"), products, float(np.nan_to_num(np.abs(products)).max()), True),
        ]
        base = QFont(self.font())
        for index, (caption, values, limit, diverging) in enumerate(sides):
            left = index * (width + _GAP)
            painter.setFont(base)
            painter.setPen(self.palette().placeholderText().color())
            painter.drawText(QRectF(left, 0, width, _CAPTION), Qt.AlignCenter, caption)
            self._grid(painter, QRectF(left, _CAPTION, width, height), values, limit, diverging)
            if index < 2:
                sign = QFont(base)
                sign.setPixelSize(18)
                painter.setFont(sign)
                painter.setPen(self.palette().text().color())
                painter.drawText(
                    QRectF(left + width, _CAPTION, _GAP, height), Qt.AlignCenter, "×="[index]
                )
        painter.setFont(base)
        painter.setPen(self.palette().text().color())
        painter.drawText(
            QRectF(0, self.height() - _RESULT, self.width(), _RESULT),
            Qt.AlignCenter,
            self.sentence(),
        )
        painter.end()
