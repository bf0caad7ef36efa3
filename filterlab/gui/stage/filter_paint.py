"""Draws one picture of a convolution: input cells, kernel, sum, output cells."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from PyQt5.QtCore import QPointF, QRectF, Qt
from PyQt5.QtGui import QColor, QFontMetricsF, QPainter, QPen

from filterlab.gui import theme
from filterlab.gui.i18n import tr
from filterlab.gui.stage import paint
from filterlab.gui.widgets.cells import cell_colour
from filterlab.workbench.convolution_story import Still

__all__ = ["DIGITS", "FilterPlan", "paint_still", "plan"]

#: The least size of digits, in pixels of a window of 1080 lines.
DIGITS = 26
_CHANNELS = ("red", "green", "blue")


@dataclass(frozen=True)
class FilterPlan:
    """Where the parts lie.

    Attributes
    ----------
    inputs, kernel, outputs : QRectF
        The three grids; sums : below the kernel. titles : height of a line of titles.
    s : float
        Pixels for one pixel of a window of 1080 lines. cells : (rows, columns) that fit.
    """

    area: QRectF
    s: float
    titles: float
    inputs: QRectF
    kernel: QRectF
    outputs: QRectF
    sums: QRectF
    cells: tuple[int, int]


def plan(area: QRectF, s: float) -> FilterPlan:
    """Share an area out; the digits' size decides how many cells fit."""
    gap, titles = 32 * s, 52 * s
    high = area.height() - titles
    side = min(456 * s, 0.62 * high, 0.27 * area.width())
    beside = (area.width() - side - 2 * gap) / 2
    cell = 72 * s
    rows = max(5, int(high / cell + 0.05))
    cols = max(5, int(beside / cell + 0.05))
    top = area.top() + titles
    inputs = QRectF(area.left(), top, beside, high)
    kernel = QRectF(inputs.right() + gap, top, side, side)
    outputs = QRectF(kernel.right() + gap, top, beside, high)
    sums = QRectF(kernel.left(), kernel.bottom() + 8 * s, side, high - side - 8 * s)
    return FilterPlan(
        area, s, titles, inputs, kernel, outputs, sums, (min(rows, 12), min(cols, 15))
    )


def paint_still(painter: QPainter, still: Still, where: FilterPlan, channel: int = 0) -> None:
    """Draw it into its plan."""
    region = still.region
    channel = min(channel, region.inputs.shape[0] - 1)
    h, w = region.inputs.shape[1:]
    cell = min(where.inputs.width() / w, where.inputs.height() / h)
    place = QRectF(where.inputs.topLeft(), where.inputs.topLeft())
    place.setSize(place.size().__class__(cell * w, cell * h))
    _titles(painter, still, where)
    _inputs(painter, still, where, place, cell, channel)
    _kernel(painter, still, where, channel)
    _sums(painter, still, where, channel)
    _outputs(painter, still, where, place, cell)


def _titles(painter: QPainter, still: Still, where: FilterPlan) -> None:
    region, colours = still.region, theme.current()
    kh, kw = region.kernel.shape[1:]
    left = tr("Input")
    if region.outside.any():
        left = tr("Input with padding")
    notes = []
    if region.stride > 1:
        notes.append(tr("stride {n}").format(n=region.stride))
    if region.dilation > 1:
        notes.append(tr("dilation {n}").format(n=region.dilation))
    kernel = tr("Kernel {kh} × {kw}").format(kh=kh, kw=kw)
    if still.step == "products":
        kernel = tr("Pixel × kernel")
    elif still.step == "flip" and still.turn >= 1:
        kernel = tr("Kernel, turned by half")
    for place, words, note in (
        (where.inputs, left, ", ".join(notes)),
        (where.kernel, kernel, ""),
        (where.outputs, tr("Output"), ""),
    ):
        line = QRectF(place.left(), where.area.top(), place.width(), where.titles - 10 * where.s)
        size = paint.fit_font(words, (30 * where.s, 24 * where.s, 19 * where.s), line.width(), True)
        took = paint.text(painter, line, words, size.pixelSize(), colours.text, True)
        if note:
            rest = QRectF(took.right() + 14 * where.s, line.top(), 999, line.height())
            paint.text(painter, rest, note, 24 * where.s, colours.accent_text)


def _inputs(
    painter: QPainter, still: Still, where: FilterPlan, place: QRectF, cell: float, channel: int
) -> None:
    region, s = still.region, where.s
    values = region.inputs[channel]
    h, w = values.shape
    white = _white(region.inputs)
    pixels = max(DIGITS * s, min(0.36 * cell, 40 * s))
    digits = paint.font(pixels)
    metrics = QFontMetricsF(digits)
    places = paint.places_for(values, metrics, cell - 6 * s)
    kh, kw = region.kernel.shape[1:]
    row, col = region.corner(still.index)
    read = {
        (row + region.dilation * a, col + region.dilation * b) for a in range(kh) for b in range(kw)
    }
    for i in range(h):
        for j in range(w):
            spot = QRectF(place.left() + j * cell, place.top() + i * cell, cell, cell)
            if region.outside[i, j]:
                paint.hatch(painter, spot)
                ground = QColor(theme.current().backdrop)
            else:
                ground = _ground(region.inputs, i, j, white)
                painter.fillRect(spot, ground)
            if places >= 0:
                painter.setFont(digits)
                paint.write(painter, spot, paint.number(float(values[i, j]), places), ground)
    painter.setPen(QPen(QColor(255, 255, 255, 150), 1))
    for i in range(h + 1):
        y = place.top() + i * cell
        painter.drawLine(QPointF(place.left(), y), QPointF(place.right(), y))
    for j in range(w + 1):
        x = place.left() + j * cell
        painter.drawLine(QPointF(x, place.top()), QPointF(x, place.bottom()))
    accent = theme.current().accent
    reach = region.reach
    if still.before is not None and still.before != still.window:
        before = QRectF(
            place.left() + still.before[1] * cell, place.top() + still.before[0] * cell,
            reach[1] * cell, reach[0] * cell,
        )  # fmt: skip
        painter.setBrush(Qt.NoBrush)
        painter.setPen(QPen(QColor(accent), 4 * s, Qt.DashLine))
        painter.drawRect(before)
    window = QRectF(
        place.left() + still.window[1] * cell, place.top() + still.window[0] * cell,
        reach[1] * cell, reach[0] * cell,
    )  # fmt: skip
    if region.dilation > 1 and still.window == (float(row), float(col)):
        # Between the cells that are read lie some that are not.
        for i in range(row, row + reach[0]):
            for j in range(col, col + reach[1]):
                if (i, j) not in read:
                    veil = QColor(theme.current().backdrop)
                    veil.setAlphaF(0.45)
                    painter.fillRect(
                        QRectF(place.left() + j * cell, place.top() + i * cell, cell, cell), veil
                    )
        painter.setBrush(Qt.NoBrush)
        painter.setPen(QPen(QColor(accent), 5 * s))
        for i, j in read:
            spot = QRectF(place.left() + j * cell, place.top() + i * cell, cell, cell)
            painter.drawRect(spot.adjusted(3 * s, 3 * s, -3 * s, -3 * s))
    paint.frame(painter, window, 7 * s, accent)


def _white(inputs: np.ndarray) -> float:
    """What the picture's 1.0 is fed as."""
    return 255.0 if float(inputs.max(initial=0.0)) > 1.5 else 1.0


def _ground(inputs: np.ndarray, i: int, j: int, white: float) -> QColor:
    shares = [min(1.0, max(0.0, float(v) / white)) for v in inputs[:, i, j]]
    if len(shares) == 1:
        shares *= 3
    return QColor.fromRgbF(*shares[:3])


def _kernel(painter: QPainter, still: Still, where: FilterPlan, channel: int) -> None:
    region, s = still.region, where.s
    kernel = region.kernel[channel]
    kh, kw = kernel.shape
    cell = min(where.kernel.width() / kw, where.kernel.height() / kh)
    products = still.explained.products[channel]
    show = still.step == "products"
    values = products if show else kernel
    limit = float(np.abs(kernel[np.isfinite(kernel)]).max(initial=0.0))
    most = float(np.abs(products[np.isfinite(products)]).max(initial=0.0))
    digits = paint.font(max(DIGITS * s, min(0.34 * cell, 76 * s)))
    metrics = QFontMetricsF(digits)
    places = paint.places_for(values, metrics, cell - 8 * s)
    if places < 0:
        digits = paint.font(DIGITS * s)
        places = paint.places_for(values, QFontMetricsF(digits), cell - 4 * s)
    small = paint.font(0.2 * cell)
    middle = QPointF(where.kernel.left() + kw * cell / 2, where.kernel.top() + kh * cell / 2)
    angle = math.pi * still.turn
    for a in range(kh):
        for b in range(kw):
            x, y = (b + 0.5 - kw / 2) * cell, (a + 0.5 - kh / 2) * cell
            if angle:
                x, y = (
                    x * math.cos(angle) - y * math.sin(angle),
                    x * math.sin(angle) + y * math.cos(angle),
                )
            spot = QRectF(middle.x() + x - cell / 2, middle.y() + y - cell / 2, cell, cell)
            revealed = show and a * kw + b < still.multiplied
            value = float(products[a, b] if revealed else kernel[a, b])
            ground = cell_colour(value, most if revealed else limit)
            painter.fillRect(spot, ground)
            painter.setPen(QPen(QColor(theme.current().line), 1))
            painter.drawRect(spot)
            if places >= 0:
                lower = QRectF(spot)
                if show and cell >= 84 * s:
                    upper = QRectF(spot.left(), spot.top() + 0.06 * cell, cell, 0.3 * cell)
                    painter.setFont(small)
                    one = paint.number(float(still.explained.patch[channel, a, b]), 2)
                    two = paint.number(float(kernel[a, b]), 2).rstrip("0").rstrip(".") or "0"
                    if "." not in paint.number(float(kernel[a, b]), 2):
                        two = paint.number(float(kernel[a, b]), 2)
                    paint.write(painter, upper, f"{one} × {two}", ground)
                    lower.setTop(spot.top() + 0.3 * cell)
                    if not revealed:
                        continue
                elif show and not revealed:
                    continue
                painter.setFont(digits)
                words = paint.number(value, places if not show or revealed else 2)
                paint.write(painter, lower, words, ground, faint=value == 0)
    whole = QRectF(where.kernel.left(), where.kernel.top(), kw * cell, kh * cell)
    if not angle or still.turn >= 1:
        painter.setBrush(Qt.NoBrush)
        painter.setPen(QPen(QColor(theme.current().accent), 6 * s))
        painter.drawRect(whole.adjusted(-3 * s, -3 * s, 3 * s, 3 * s))


def _sums(painter: QPainter, still: Still, where: FilterPlan, channel: int) -> None:
    explained, colours, s = still.explained, theme.current(), where.s
    if still.step in ("patch", "products") and not still.summed:
        return
    area = QRectF(where.sums)
    lines: list[tuple[str, float]] = []
    products = explained.products.astype(np.float64)
    if products.shape[0] > 1:
        names = {"red": tr("red"), "green": tr("green"), "blue": tr("blue")}
        lines = [(names[n], float(p.sum())) for n, p in zip(_CHANNELS, products)]
    elif products.shape[1] <= 3:
        rows = products[0].sum(axis=1)
        titles = (tr("top row of products"), tr("middle row"), tr("bottom row"))
        if len(rows) == 3:
            lines = [(t, float(v)) for t, v in zip(titles, rows)]
    else:
        lines = [(tr("{n} products").format(n=products[0].size), float(products.sum()))]
    if still.step == "flip":
        lines = [(tr("correlation, as nets compute"), explained.result)]
    high = 36 * s
    last = 76 * s
    if area.height() < last + len(lines) * high:
        lines = lines[: max(0, int((area.height() - last) / high))]
    y = area.top()
    for words, value in lines:
        line = QRectF(area.left(), y, area.width(), high)
        told = paint.number(value, 2, leading=True)
        wide = QFontMetricsF(paint.font(DIGITS * s)).horizontalAdvance(told)
        size = paint.fit_font(words, (DIGITS * s, 21 * s, 17 * s), area.width() - wide - 8 * s)
        paint.text(painter, line, words, size.pixelSize(), colours.muted)
        paint.text(
            painter, line, told, DIGITS * s, colours.text,
            flags=int(Qt.AlignRight | Qt.AlignVCenter),
        )  # fmt: skip
        y += high
    if lines:
        painter.setPen(QPen(QColor(colours.line), max(1.0, 2 * s)))
        painter.drawLine(QPointF(area.left(), y), QPointF(area.right(), y))
    if not still.summed:
        return
    line = QRectF(area.left(), y, area.width(), min(last, area.bottom() - y))
    words = tr("sum + bias {bias}").format(bias=_plain(explained.bias))
    if still.step == "flip":
        words = tr("convolution, kernel turned")
    told = paint.number(still.value if still.step != "flip" else _turned(still), 2, leading=True)
    wide = QFontMetricsF(paint.font(60 * s, True)).horizontalAdvance(told)
    size = paint.fit_font(words, (DIGITS * s, 20 * s, 16 * s), area.width() - wide - 10 * s)
    paint.text(
        painter, QRectF(line.left(), line.top(), area.width() - wide - 10 * s, line.height()),
        words, size.pixelSize(), colours.muted,
        flags=int(Qt.AlignLeft | Qt.AlignVCenter | Qt.TextWordWrap),
    )  # fmt: skip
    paint.text(
        painter, line, told, 60 * s, colours.text, True, int(Qt.AlignRight | Qt.AlignVCenter)
    )


def _turned(still: Still) -> float:
    return still.explained.flipped_result


def _plain(value: float) -> str:
    words = f"{value + 0.0:.3g}"
    return words.replace("-", "\N{MINUS SIGN}")


def _outputs(
    painter: QPainter, still: Still, where: FilterPlan, inputs: QRectF, cell: float
) -> None:
    region, s, colours = still.region, where.s, theme.current()
    rows, cols = region.outputs.shape
    # The outputs lie level with the middles of their windows, as large as the input's cells.
    size = min(cell, where.outputs.width() / cols, where.outputs.height() / rows)
    down = (inputs.height() - rows * size) / 2 if region.stride == 1 else 0.0
    place = QRectF(where.outputs.left(), where.outputs.top() + down, cols * size, rows * size)
    finite = region.outputs[np.isfinite(region.outputs)]
    weights = region.kernel.astype(np.float64)
    natural = weights.min() >= 0 and abs(float(weights.sum()) - 1) < 1e-3
    limit = _white(region.inputs) if natural else _nice(float(np.abs(finite).max(initial=0.0)))
    digits = paint.font(max(DIGITS * s, min(0.34 * size, 40 * s)))
    places = paint.places_for(region.outputs, QFontMetricsF(digits), size - 6 * s)
    painter.fillRect(place, QColor(colours.surface))
    for index in range(min(still.done, region.count)):
        row, col = region.cell(index)
        value = float(region.outputs[row, col])
        if still.step == "flip" and still.turn >= 1 and index == 0:
            value = _turned(still)
        spot = QRectF(place.left() + col * size, place.top() + row * size, size, size)
        ground = paint.axis_colour(value, limit, bool(natural))
        painter.fillRect(spot, ground)
        if places >= 0:
            painter.setFont(digits)
            paint.write(painter, spot, paint.number(value, places), ground)
    paint.cells(painter, place, (), (rows, cols), colours.line)
    row, col = region.cell(still.index)
    paint.frame(
        painter, QRectF(place.left() + col * size, place.top() + row * size, size, size),
        6 * s, colours.accent,
    )  # fmt: skip
    _bar(painter, place, where, limit, bool(natural))


def _nice(value: float) -> float:
    """The next of 1, 2, 5 … above a value."""
    if value <= 0:
        return 1.0
    step = 10.0 ** math.floor(math.log10(value))
    return next(step * n for n in (1, 2, 5, 10) if step * n >= value * (1 - 1e-9))


def _bar(painter: QPainter, place: QRectF, where: FilterPlan, limit: float, natural: bool) -> None:
    """The scale, beside the title."""
    s = where.s
    title = QFontMetricsF(paint.font(30 * s, True)).horizontalAdvance(tr("Output"))
    low, high = ("0", f"{limit:g}") if natural else (f"\N{MINUS SIGN}{limit:g}", f"{limit:g}")
    metrics = QFontMetricsF(paint.font(22 * s))
    left = where.outputs.left() + title + 24 * s
    y = where.area.top() + (where.titles - 10 * s) / 2
    room = where.outputs.right() - left
    ends = metrics.horizontalAdvance(low) + metrics.horizontalAdvance(high) + 20 * s
    wide = min(240 * s, room - ends)
    if wide < 60 * s:
        return
    line = QRectF(left, y - 20 * s, room, 40 * s)
    paint.text(painter, line, low, 22 * s, theme.current().text)
    bar = QRectF(left + metrics.horizontalAdvance(low) + 10 * s, y - 9 * s, wide, 18 * s)
    steps = 128
    for k in range(steps):
        value = limit * (k / (steps - 1) if natural else 2 * k / (steps - 1) - 1)
        painter.fillRect(
            QRectF(bar.left() + k * wide / steps, bar.top(), wide / steps + 0.6, bar.height()),
            paint.axis_colour(value, limit, natural),
        )
    painter.setPen(QPen(QColor(theme.current().line), 1))
    painter.setBrush(Qt.NoBrush)
    painter.drawRect(bar)
    paint.text(
        painter, QRectF(bar.right() + 10 * s, line.top(), 200, line.height()), high, 22 * s,
        theme.current().text,
    )  # fmt: skip
