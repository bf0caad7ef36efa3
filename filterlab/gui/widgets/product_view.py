"""Patch × kernel = products, cell by cell: what a convolution computes at one pixel."""

from __future__ import annotations

import numpy as np
from PyQt5.QtCore import QPointF, QRectF, QSize, Qt
from PyQt5.QtGui import QBrush, QColor, QFont, QFontMetricsF, QPainter, QPaintEvent, QPen
from PyQt5.QtWidgets import QSizePolicy, QWidget

from filterlab.gui import theme
from filterlab.gui.i18n import tr
from filterlab.gui.widgets.cells import (
    cell_colour,
    format_cell,
    format_places,
    text_colour,
)
from filterlab.gui.widgets.histogram import short_number

__all__ = ["ProductView"]

_GAP = 28
_CAPTION = 18
#: Pixels that numbers stay from the sides of their cells.
_ROOM = 2
#: The smallest digits, in pixels; where there is no room for them the colours speak.
_LEAST = 8


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
        return QSize(520, 160)

    def minimumSizeHint(self) -> QSize:
        return QSize(240, 104)

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
        """The sum in words, for a screen reader."""
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

    def captions(self) -> tuple[tuple[str, ...], ...]:
        """What stands over the three grids, each with what is said where that is too long."""
        total = 0.0
        if self._patch is not None:
            total = float(np.sum(self._patch.astype(np.float64) * self._kernel))
        products = short_number(round(total, 4) + 0.0)
        last = tr("products, sum {sum}").format(sum=products)
        shorter: tuple[str, ...] = (f"Σ {products}",)
        if self._others is not None:
            others = short_number(round(self._others, 4) + 0.0)
            last += tr(", other channels {others}").format(others=others)
            shorter = (
                tr("sum {sum}, others {others}").format(sum=products, others=others),
                f"{products}, {others}",
            )
        return (tr("patch"),), (tr("kernel"),), (last, *shorter)

    def _grid(
        self, painter: QPainter, area: QRectF, values: np.ndarray, limit: float, signed: bool
    ) -> None:
        rows, columns = values.shape
        # Cells need not be squares: their numbers are what there is to read.
        wide, high = area.width() / columns, area.height() / rows
        high = min(high, wide)
        font, places = self._font_of(values, min(wide, 1.9 * high), high)
        painter.setFont(font or self.font())
        metrics = QFontMetricsF(painter.font())

        def fits(text: str) -> bool:
            return bool(metrics.horizontalAdvance(text) <= wide - 2)

        hatch = QBrush(self.palette().mid().color(), Qt.BDiagPattern)
        for row in range(rows):
            for column in range(columns):
                value = float(values[row, column])
                cell = QRectF(area.left() + column * wide, area.top() + row * high, wide, high)
                if signed:
                    colour = cell_colour(value, limit)
                else:
                    grey = int(np.clip(value / limit if limit > 0 else 0, 0, 1) * 255)
                    colour = QColor(grey, grey, grey)
                padded = bool(self._padded[row, column]) and not signed
                if padded:
                    colour = self.palette().window().color()
                painter.fillRect(cell, colour)
                if padded:
                    painter.fillRect(cell, hatch)
                if font is None:
                    continue
                text = format_places(value, places) or format_cell(value, fits)
                painter.setPen(text_colour(colour))
                painter.drawText(cell, Qt.AlignCenter, text if fits(text) else "")
        painter.setPen(QPen(self.palette().mid().color(), 1))
        for row in range(rows + 1):
            y = area.top() + row * high
            painter.drawLine(QPointF(area.left(), y), QPointF(area.right(), y))
        for column in range(columns + 1):
            x = area.left() + column * wide
            painter.drawLine(QPointF(x, area.top()), QPointF(x, area.top() + rows * high))

    def _font_of(self, values: np.ndarray, wide: float, high: float) -> tuple[QFont | None, int]:
        """The largest font in which no number leaves its cell; None if none can be read."""
        font = QFont(self.font())
        numbers = set(values.ravel().tolist())
        tallest = min(18, int(0.8 * high))
        # Places first: smaller digits say more than fewer.
        for places, least in ((3, 10), (2, _LEAST), (1, _LEAST), (0, _LEAST)):
            texts = {format_places(number, places) for number in numbers}
            for pixels in range(tallest, least - 1, -1):
                font.setPixelSize(pixels)
                widest = max(map(QFontMetricsF(font).horizontalAdvance, texts))
                if widest <= wide - 2 * _ROOM:
                    return font, places
        return None, 0

    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self)
        if self._patch is None:
            painter.setPen(self.palette().placeholderText().color())
            painter.drawText(QRectF(self.rect()), Qt.AlignCenter | Qt.TextWordWrap, self._hint)
            painter.end()
            return
        products = self._patch * self._kernel
        width = (self.width() - 1 - 2 * _GAP) / 3
        caption_height = max(_CAPTION, self.fontMetrics().height() + 4)
        height = self.height() - caption_height - 1
        finite = np.nan_to_num(np.abs(self._patch), nan=0, posinf=0)
        signed = bool((self._patch < 0).any())
        words = self.captions()
        sides = [
            (words[0], self._patch, max(float(finite.max(initial=0)), 0 if signed else 1), signed),
            (words[1], self._kernel, float(np.nan_to_num(np.abs(self._kernel)).max()), True),
            (words[2], products, float(np.nan_to_num(np.abs(products)).max()), True),
        ]
        base = theme.font(12)
        for index, (captions, values, limit, diverging) in enumerate(sides):
            left = index * (width + _GAP)
            painter.setFont(base)
            painter.setPen(self.palette().placeholderText().color())
            room = QRectF(left, 0, width, caption_height)
            metrics = painter.fontMetrics()
            text = next((t for t in captions if metrics.horizontalAdvance(t) <= width), "")
            text = text or metrics.elidedText(captions[-1], Qt.ElideRight, int(width))
            painter.drawText(room, int(Qt.AlignLeft | Qt.AlignTop), text)
            rows, columns = values.shape
            tall = min(height, rows * width / columns)
            self._grid(painter, QRectF(left, caption_height, width, tall), values, limit, diverging)
            if index < 2:
                painter.setFont(theme.font(17))
                painter.setPen(self.palette().text().color())
                painter.drawText(
                    QRectF(left + width, caption_height, _GAP, tall), Qt.AlignCenter, "×="[index]
                )
        painter.end()
