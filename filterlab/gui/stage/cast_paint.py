"""Draws one picture of the cast: the weights, what they are laid on, the map that comes of it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from PyQt5.QtCore import QPointF, QRectF, QSizeF, Qt
from PyQt5.QtGui import QColor, QFontMetricsF, QImage, QPainter, QPen, QPolygonF

from filterlab.gui import theme
from filterlab.gui.i18n import tr
from filterlab.gui.images import image_of
from filterlab.gui.stage import paint, words
from filterlab.gui.widgets.cells import cell_colour
from filterlab.gui.widgets.colours import lut
from filterlab.workbench.cast_story import CastStill, CastStory

__all__ = ["CastPaint"]

#: Sheets that a block is drawn with, however many there are.
_SHEETS = 14
_BEST = 5
_SOLID = 0.82


@dataclass
class _Flow:
    """Fills a column from the top: texts take their lines, figures what is left."""

    painter: QPainter
    area: QRectF
    k: float

    @property
    def y(self) -> float:
        return float(self.area.top())

    @property
    def left(self) -> float:
        """Height that is left."""
        return float(self.area.height())

    def skip(self, pixels: float) -> None:
        self.area.setTop(min(self.area.bottom(), self.area.top() + pixels))

    def text(
        self, said: str, pixels: float = 13, bold: bool = False, colour: str = "", lines: int = 3
    ) -> None:
        """Words, wrapped; smaller where so many lines have no room, then cut off."""
        if not said:
            return
        flags = int(Qt.AlignLeft | Qt.AlignTop | Qt.TextWordWrap)
        for share in (1.0, 0.88, 0.76):
            font = paint.font(pixels * self.k * share, bold)
            metrics = QFontMetricsF(font)
            room = QRectF(0, 0, self.area.width(), 9999)
            need = metrics.boundingRect(room, flags, said).height() + 1
            if need <= min(metrics.lineSpacing() * (lines + 0.6), self.left):
                break
        else:
            said = metrics.elidedText(said, Qt.ElideRight, self.area.width())
            need = metrics.lineSpacing()
        if need > self.left:
            return
        self.painter.setFont(font)
        self.painter.setPen(QColor(colour or theme.current().text))
        self.painter.drawText(
            QRectF(self.area.left(), self.y, self.area.width(), need), flags, said
        )
        self.skip(need + 4 * self.k)

    def heading(self, said: str, note: str = "") -> None:
        """A title, and a note beside it or, if there is no room, under it."""
        bold = QFontMetricsF(paint.font(14 * self.k, True))
        plain = QFontMetricsF(paint.font(12 * self.k))
        wide = bold.horizontalAdvance(said)
        beside = wide + 12 * self.k + plain.horizontalAdvance(note) <= self.area.width()
        y = self.y
        self.text(said, 14, True, lines=1)
        if note and beside:
            line = QRectF(
                self.area.left() + wide + 12 * self.k, y, self.area.width(), bold.lineSpacing()
            )
            paint.text(self.painter, line, note, 12 * self.k, theme.current().muted)
        elif note:
            self.text(note, 12, colour=theme.current().muted, lines=1)


class CastPaint:
    """Draws the stills of one story.

    Parameters
    ----------
    story : CastStory
    name : callable
        A class's name.
    model : str
        What the net is called.
    """

    def __init__(self, story: CastStory, name: Callable[[int], str]) -> None:
        self.story, self.name = story, name
        self._picture = image_of(np.clip(story.picture * 255 + 0.5, 0, 255).astype(np.uint8))
        first, whole = story.window_features, story.picture_features
        if story.kind != "fc":
            first, whole = story.window_evidence[None], story.picture_evidence[None]
        self._window_grey = _grey(first)
        self._whole_grey = _grey(whole)
        self._running = np.cumsum(story.products().astype(np.float64).reshape(-1))
        self._limit = words.largest(story.kernel)
        self._evidence = max(
            words.largest(story.window_evidence), words.largest(story.picture_evidence), 1e-12
        )

    # All of it

    def draw(self, painter: QPainter, area: QRectF, still: CastStill) -> None:
        """Three columns, the same in all steps."""
        s = min(area.width() / 1280, area.height() / 616)
        k = max(theme.scale(), s)
        side, gap = 32 * s, 28 * s
        wide = area.width() - 2 * side - 2 * gap
        shares = (0.28, 0.40, 0.32)
        x, columns = area.left() + side, []
        for share in shares:
            columns.append(QRectF(x, area.top() + 20 * s, share * wide, area.height() - 36 * s))
            x += share * wide + gap
        self._weights(_Flow(painter, columns[0], k), still)
        self._middle(_Flow(painter, columns[1], k), still)
        self._right(_Flow(painter, columns[2], k), still)

    # The weights

    def _weights(self, flow: _Flow, still: CastStill) -> None:
        story, k = self.story, flow.k
        flow.heading(tr("The weights"))
        flow.text(
            tr("One row of {old}: {n} numbers").format(
                old=story.old, n=words.count(story.row.size)
            ),
            lines=2,
        )
        strip = QRectF(flow.area.left(), flow.y, flow.area.width(), min(22 * k, flow.left))
        shown = self._strip(flow.painter, strip)
        flow.skip(strip.height() + 10 * k)
        if still.name != "row":
            if story.kind == "fc" and story.kernel.shape[1:] != (1, 1):
                self._fold(flow, still, shown)
            else:
                self._needle(flow, still)
        if still.step >= 2:
            self._same(flow, still)

    def _strip(self, painter: QPainter, strip: QRectF) -> QRectF:
        """The row's numbers from the shown sheet on, as many as fit; returns the sheet's part."""
        row, sheet = self.story.row, int(np.prod(self.story.kernel.shape[1:]))
        part = max(sheet, 1)
        one = max(strip.width() * 0.45 / part, 2.0) if part > 1 else max(3.0, strip.width() / 90)
        start = self.story.channel * sheet
        n = min(row.size, int(strip.width() / one))
        start = min(start, row.size - n)
        for i, v in enumerate(row[start : start + n]):
            painter.fillRect(
                QRectF(strip.left() + i * one, strip.top(), one + 0.4, strip.height()),
                cell_colour(float(v), self._limit),
            )
        painter.setBrush(Qt.NoBrush)
        painter.setPen(QPen(QColor(theme.current().muted), 1))
        painter.drawRect(QRectF(strip.left(), strip.top(), n * one, strip.height()))
        at = (self.story.channel * sheet - start) * one
        marked = QRectF(strip.left() + at, strip.top(), part * one, strip.height())
        if part > 1:
            painter.setPen(QPen(QColor(theme.current().accent), 2))
            painter.drawRect(marked.adjusted(-1, -1, 1, 1))
        return marked

    def _sheet(self, painter: QPainter, place: QRectF) -> None:
        values = self.story.kernel[self.story.channel]
        rows, cols = values.shape
        colours = (
            (i, j, cell_colour(float(values[i, j]), self._limit))
            for i in range(rows)
            for j in range(cols)
        )
        paint.cells(painter, place, colours, (rows, cols), "#FFFFFF")

    def _fold(self, flow: _Flow, still: CastStill, strip: QRectF) -> None:
        """Numbers of the strip go to their places in a sheet; the sheets become one kernel."""
        story, k, painter = self.story, flow.k, flow.painter
        c, kh, kw = story.kernel.shape
        keep = 0.36 * flow.left if still.step >= 2 else 0.0
        side = min(72 * k, 0.26 * flow.left, 0.3 * flow.area.width())
        flow.skip(14 * k)
        place = QRectF(flow.area.left(), flow.y, side * kw / max(kh, kw), side * kh / max(kh, kw))
        self._flying(painter, strip, place, still.fold)
        beside = QRectF(
            place.right() + 14 * k, flow.y - 6 * k, flow.area.right() - place.right() - 14 * k, side
        )
        if still.fold >= 1:
            _Flow(painter, beside, k).text(
                tr(
                    "{sheet} of them are one sheet, {kh} × {kw}: one for each of {c} channels"
                ).format(
                    sheet=words.count(kh * kw), kh=kh, kw=kw, c=words.count(c)
                ),
                12, colour=theme.current().muted, lines=4,
            )  # fmt: skip
        flow.skip(side + 18 * k)
        if still.stack > 0:
            # The block: front as large as its column and what stands below allow.
            high = max(40.0, flow.left - keep - 26 * k)
            front = min(high / 1.36, 0.58 * flow.area.width(), 150 * k)
            depth = QPointF(0.62 * front, -0.34 * front) * still.stack
            face = QRectF(
                flow.area.left(), flow.y - depth.y(), front * kw / max(kh, kw),
                front * kh / max(kh, kw),
            )  # fmt: skip
            _block(painter, face, depth, theme.current().accent)
            self._sheet(painter, face)
            painter.setBrush(Qt.NoBrush)
            painter.setPen(QPen(QColor(theme.current().accent), 1.5))
            painter.drawRect(face)
            label = QRectF(face.left(), face.bottom() + 2 * k, face.width(), 20 * k)
            middle = int(Qt.AlignHCenter | Qt.AlignTop)
            paint.text(painter, label, f"{kh} × {kw}", 12 * k, theme.current().muted, flags=middle)
            spot = QPointF(face.right() + depth.x() * 0.6, face.bottom() + depth.y() * 0.6)
            depth_label = QRectF(spot.x() + 6 * k, spot.y(), 90 * k, 20 * k)
            paint.text(painter, depth_label, words.count(c), 12 * k, theme.current().muted)
            flow.skip(face.bottom() - flow.y + 24 * k)

    def _flying(self, painter: QPainter, strip: QRectF, place: QRectF, fold: float) -> None:
        values = self.story.kernel[self.story.channel]
        rows, cols = values.shape
        one = strip.width() / values.size
        wide, high = place.width() / cols, place.height() / rows
        for i in range(rows):
            for j in range(cols):
                n = i * cols + j
                a = QRectF(strip.left() + n * one, strip.top(), one, strip.height())
                b = QRectF(place.left() + j * wide, place.top() + i * high, wide, high)
                spot = QRectF(
                    a.left() + (b.left() - a.left()) * fold, a.top() + (b.top() - a.top()) * fold,
                    a.width() + (b.width() - a.width()) * fold,
                    a.height() + (b.height() - a.height()) * fold,
                )  # fmt: skip
                painter.fillRect(spot, cell_colour(float(values[i, j]), self._limit))
        if fold >= 1:
            self._sheet(painter, place)
            painter.setBrush(Qt.NoBrush)
            painter.setPen(QPen(QColor(theme.current().accent), 2))
            painter.drawRect(place)

    def _needle(self, flow: _Flow, still: CastStill) -> None:
        """A kernel of one place: as deep as it has channels."""
        story, k, painter = self.story, flow.k, flow.painter
        c = story.kernel.shape[0]
        flow.skip(8 * k)
        flow.text(
            tr("One number for each of {c} channels: a kernel of 1 × 1").format(c=words.count(c)),
            12, colour=theme.current().muted, lines=3,
        )  # fmt: skip
        side = min(26 * k, 0.12 * flow.left)
        depth = QPointF(min(0.5 * flow.area.width(), 6 * side), -min(0.24 * flow.left, 2.4 * side))
        depth *= max(still.fold, 0.05)
        face = QRectF(flow.area.left(), flow.y - depth.y() + 4 * k, side, side)
        _block(painter, face, depth, theme.current().accent)
        value = float(story.kernel[story.channel, 0, 0])
        painter.fillRect(face, cell_colour(value, self._limit))
        painter.setPen(QPen(QColor(theme.current().accent), 1.5))
        painter.setBrush(Qt.NoBrush)
        painter.drawRect(face)
        spot = QRectF(
            face.right() + depth.x() * 0.5 + 10 * k,
            face.bottom() + depth.y() * 0.4,
            120 * k,
            20 * k,
        )
        paint.text(painter, spot, words.count(c), 12 * k, theme.current().muted)
        flow.skip(face.bottom() - flow.y + 16 * k)

    def _same(self, flow: _Flow, still: CastStill) -> None:
        """Both nets' one number of one window."""
        story, k = self.story, flow.k
        done = still.step > 2 or still.t >= 1
        line = QFontMetricsF(paint.font(13 * k)).lineSpacing()
        flow.skip(max(0.0, flow.left - max(5 * line + 12 * k, 90 * k)))
        h, w = story.geometry.own_size
        c, fh, fw = story.window_features.shape
        if flow.left > 5 * line or not done:
            flow.text(
                tr("At {w} × {h} px {features} is {c} × {fh} × {fw}.").format(
                    w=w, h=h, features=story.features, c=words.count(c), fh=fh, fw=fw
                ),
                12, colour=theme.current().muted, lines=2,
            )  # fmt: skip
        if not done:
            return
        new = story.new if story.new != story.old else tr("cast net")
        flow.text(
            f"{story.old} {words.value(story.before)},  {new} {words.value(story.after)}",
            13, True, lines=2,
        )  # fmt: skip
        same = abs(story.before - story.after) <= 1e-4 * max(1.0, abs(story.before))
        flow.text("✓ " + tr("the same") if same else tr("not the same"), 13, True, lines=1)

    # What they are laid on

    def _middle(self, flow: _Flow, still: CastStill) -> None:
        if still.name == "picture":
            self._large_picture(flow, still)
        elif still.name == "softmax" or (still.name == "later" and not self.story.later):
            self._best(flow, still)
        elif still.name == "later":
            self._layers(flow, still)
        else:
            self._features(flow, still)

    def _features(self, flow: _Flow, still: CastStill) -> None:
        story, k, painter = self.story, flow.k, flow.painter
        whole = still.grown > 0.5
        shape = (story.picture_features if whole else story.window_features).shape
        note = tr("one window of the picture")
        if whole:
            ih, iw = story.input_size
            note = tr("the net's input is {w} × {h} px now").format(w=iw, h=ih)
        title = f"{story.features}, {words.count(shape[0])} × {shape[1]} × {shape[2]}"
        evidence = story.kind != "fc" and still.step >= 1
        if evidence:
            title = tr("What the kernel answers, {h} × {w}").format(h=shape[1], w=shape[2])
        flow.heading(title, note)
        line = QFontMetricsF(paint.font(16 * k)).lineSpacing()
        room = QRectF(flow.area)
        room.setHeight(max(40.0, flow.left - 2.6 * line))
        grey = self._whole_grey if whole else self._window_grey
        rows, cols = grey.shape
        depth_share = 0.0 if evidence else 0.16
        inner_w = room.width() * (1 - depth_share) - 22 * k
        inner_h = room.height() * (1 - 0.14 * bool(depth_share)) - 22 * k
        cell = min(inner_w / cols, inner_h / rows, 46 * k)
        depth = QPointF(depth_share * room.width(), -0.12 * room.height() * bool(depth_share))
        face = QRectF(
            room.left() + 22 * k,
            room.top() + (room.height() - rows * cell - 22 * k - depth.y()) / 2,
            cols * cell, rows * cell,
        )  # fmt: skip
        if face.top() + depth.y() < room.top():
            face.moveTop(room.top() - depth.y())
        if depth_share:
            _block(painter, face, depth, theme.current().muted)
        self._face(painter, face, still, whole, evidence)
        self._labels(painter, face, (rows, cols), k)
        self._laid(painter, face, cell, depth, still, whole)
        flow.area.setTop(max(face.bottom() + 24 * k, room.bottom()))
        self._told(flow, still)

    def _face(
        self, painter: QPainter, face: QRectF, still: CastStill, whole: bool, evidence: bool
    ) -> None:
        grey = self._whole_grey if whole else self._window_grey
        rows, cols = grey.shape
        if not evidence:
            if self.story.kind != "fc":
                grey = _grey(self.story.window_features)
                rows, cols = grey.shape
            paint.cells(
                painter, face,
                ((i, j, QColor(*[int(v)] * 3)) for (i, j), v in np.ndenumerate(grey)),
                (rows, cols), "#FFFFFF",
            )  # fmt: skip
            return
        values = self.story.picture_evidence if whole else self.story.window_evidence
        count = rows * cols
        done = round(still.t * count) if still.name == "spread" else count
        painter.fillRect(face, QColor(theme.current().surface))
        paint.cells(
            painter, face,
            (
                (n // cols, n % cols, cell_colour(float(v), self._evidence))
                for n, v in enumerate(values.reshape(-1)[:done])
            ),
            (rows, cols), theme.current().line,
        )  # fmt: skip

    def _labels(self, painter: QPainter, face: QRectF, shape: tuple[int, int], k: float) -> None:
        muted = theme.current().muted
        paint.text(
            painter, QRectF(face.left() - 40 * k, face.top(), 34 * k, face.height()),
            str(shape[0]), 12 * k, muted, flags=int(Qt.AlignRight | Qt.AlignVCenter),
        )  # fmt: skip
        paint.text(
            painter, QRectF(face.left(), face.bottom() + 3 * k, face.width(), 20 * k),
            str(shape[1]), 12 * k, muted, flags=int(Qt.AlignHCenter | Qt.AlignTop),
        )  # fmt: skip

    def _laid(
        self, painter: QPainter, face: QRectF, cell: float, depth: QPointF, still: CastStill,
        whole: bool,
    ) -> None:  # fmt: skip
        """The kernel (or the window of the mean) at its place."""
        story = self.story
        if still.step < 2:
            if still.name == "spread" and 0 < still.t < 1:
                n = min(self._window_grey.size - 1, round(still.t * self._window_grey.size))
                i, j = divmod(n, self._window_grey.shape[1])
                paint.frame(
                    painter, QRectF(face.left() + j * cell, face.top() + i * cell, cell, cell),
                    2.5, theme.current().accent,
                )  # fmt: skip
            return
        rows, cols = story.span
        y, x = still.at if whole else (0.0, 0.0)
        box = QRectF(face.left() + x * cell, face.top() + y * cell, cols * cell, rows * cell)
        if story.kind == "fc":
            if still.name == "once" and still.t < 1:
                # It comes from the left, where the weights are.
                away = (1 - min(1.0, 2 * still.t)) * (face.left() + box.width() - face.left() * 0.6)
                box.translate(-away, 0)
            if not depth.isNull():
                inside = QPointF(depth.x() * 0.9, depth.y() * 0.9)
                glass = QColor(theme.current().accent)
                glass.setAlphaF(0.16)
                _box(painter, box, inside, glass, theme.current().accent)
            painter.setOpacity(_SOLID if whole else 1.0)
            self._sheet(painter, box)
            painter.setOpacity(1.0)
        paint.frame(painter, box, 3.0, theme.current().accent)

    def _told(self, flow: _Flow, still: CastStill) -> None:
        """The number that comes of it."""
        story = self.story
        if still.step < 2:
            return
        i, j = still.place
        if still.name in ("once", "mean"):
            if still.name == "once":
                n = round(still.summed * self._running.size)
                total = float(self._running[n - 1]) if n else 0.0
                if n == self._running.size:
                    total += story.bias
                what = tr("{n} products").format(n=words.count(n))
                if n == self._running.size:
                    what += " " + tr("+ bias {bias}").format(bias=words.value(story.bias))
            else:
                evidence = story.window_evidence.reshape(-1).astype(np.float64)
                n = max(1, round(still.summed * evidence.size))
                total = story.summed if n == evidence.size else float(evidence[:n].mean())
                what = tr("the mean of {n}").format(n=words.count(n))
            flow.text(f"{what} =  {words.value(total)}", 16, True, lines=2)
            return
        value = words.value(float(story.values[i, j]))
        what = tr("{n} products + bias").format(n=words.count(story.row.size))
        if story.kind != "fc":
            what = tr("the mean of {n}").format(n=words.count(int(np.prod(story.pool))))
        flow.text(
            tr("place ({i}, {j}):").format(i=i, j=j) + f"  {what} =  {value}", 14, True, lines=2
        )

    def _layers(self, flow: _Flow, still: CastStill) -> None:
        """What the layers behind do at one place: numbers, a row, one number."""
        story, k, painter = self.story, flow.k, flow.painter
        i, j = story.place
        flow.heading(
            tr("At place ({i}, {j})").format(i=i, j=j),
            tr("best place of {name}").format(name=self.name(story.class_index)),
        )
        flow.text(
            f"{story.new}, {tr('unit {n}').format(n=story.unit)}:  "
            f"{words.value(float(story.values[i, j]))}",
            13, True, lines=2,
        )  # fmt: skip
        each = flow.left / max(1, len(story.later))
        line = QFontMetricsF(paint.font(13 * k)).lineSpacing() + 4 * k
        labelled = each > 5.5 * line + 44 * k
        for n, layer in enumerate(story.later):
            part = QRectF(flow.area.left(), flow.area.top() + n * each, flow.area.width(), each)
            if still.later <= n:
                continue
            painter.setOpacity(min(1.0, still.later - n))
            inner = _Flow(painter, part, k)
            inner.skip(min(10 * k, 0.06 * each))
            inner.heading(
                f"{layer.old} → {layer.new}",
                f"({words.count(layer.units)}, {words.count(layer.weights.size)}, 1, 1)",
            )
            high = min(20 * k, 0.13 * each)
            column = layer.inputs[:, i, j]
            for label, values, signed in (
                (tr("{n} numbers at this place").format(n=words.count(column.size)), column, False),
                (tr("row {n}: a kernel of 1 × 1").format(n=layer.unit), layer.weights, True),
            ):
                if labelled:
                    inner.text(label, 12, colour=theme.current().muted, lines=1)
                _band(painter, QRectF(part.left(), inner.y, part.width(), high), values, signed)
                inner.skip(high + 6 * k)
            last = n == len(story.later) - 1
            what = self.name(layer.unit) if last else tr("unit {n}").format(n=layer.unit)
            inner.text(
                f"{what}:  {words.value(float(layer.values[i, j]))}",
                16 if last else 14,
                True,
                lines=2,
            )
            painter.setOpacity(1.0)

    def _best(self, flow: _Flow, still: CastStill) -> None:
        """The classes that score most at one place, and what softmax makes of them."""
        story, k, painter = self.story, flow.k, flow.painter
        i, j = story.place
        n = story.score.shape[0]
        flow.heading(
            tr("At place ({i}, {j})").format(i=i, j=j),
            tr("{n} scores").format(n=words.count(n)),
        )
        order = np.argsort(-story.score[:, i, j], kind="stable")[:_BEST]
        if story.class_index not in order:
            order = np.append(order[:-1], story.class_index)
        top = float(story.score[order, i, j].max())
        low = min(0.0, float(story.score[order, i, j].min()))
        flow.skip(8 * k)
        each = min(flow.left / len(order), 84 * k)
        soft = still.name == "softmax"
        for c in (int(c) for c in order):
            part = QRectF(flow.area.left(), flow.y, flow.area.width(), each)
            score, prob = float(story.score[c, i, j]), float(story.prob[c, i, j])
            share = (score - low) / max(top - low, 1e-9)
            told = words.value(score)
            if soft and story.softmax:
                share += (prob - share) * still.softmax
                told = f"{told}  →  {100 * prob:.1f} %" if still.softmax >= 1 else told
            chosen = c == story.class_index
            inner = _Flow(painter, part, k)
            metrics = QFontMetricsF(paint.font(13 * k, chosen))
            wide = metrics.horizontalAdvance(told)
            name = metrics.elidedText(
                self.name(c), Qt.ElideRight, max(20.0, part.width() - wide - 12 * k)
            )
            line = QRectF(part.left(), part.top(), part.width(), metrics.lineSpacing() + 2)
            paint.text(painter, line, name, 13 * k, theme.current().text, chosen)
            paint.text(
                painter, line, told, 13 * k, theme.current().text, chosen,
                int(Qt.AlignRight | Qt.AlignVCenter),
            )  # fmt: skip
            inner.skip(line.height() + 3 * k)
            bar = QRectF(
                part.left(), inner.y, part.width(), max(4.0, min(14 * k, inner.left - 8 * k))
            )
            painter.fillRect(bar, QColor(theme.current().line))
            colour = theme.current().accent if chosen else theme.current().muted
            painter.fillRect(
                QRectF(
                    bar.left(), bar.top(), bar.width() * min(1.0, max(0.0, share)), bar.height()
                ),
                QColor(colour),
            )
            flow.skip(each)

    def _large_picture(self, flow: _Flow, still: CastStill) -> None:
        story = self.story
        flow.heading(tr("The map on the picture"), self.name(story.class_index))
        place = _inside(story.picture_size, flow.area)
        self._lay(flow.painter, place, still.laid, story.place, None)

    # The map that comes of it

    def _right(self, flow: _Flow, still: CastStill) -> None:
        story, k, painter = self.story, flow.k, flow.painter
        rows, cols = story.grid
        values, title, percent = self._map(still)
        note = tr("{rows} × {cols} places").format(rows=rows, cols=cols)
        if still.name == "slide":
            note = tr("{rows} × {cols} places, {done} done").format(
                rows=rows, cols=cols, done=words.count(still.done)
            )
        elif still.step < 3:
            note = tr("one place")
        flow.heading(title, note)
        room = QRectF(flow.area)
        room.setHeight(0.42 * flow.left)
        if still.step < 3:
            rows, cols = 1, 1
        cell = min(room.width() / cols, room.height() / rows, 56 * k)
        grid = QRectF(room.left(), room.top(), cols * cell, rows * cell)
        high = float(values.max()) if values.size else 1.0
        low = min(0.0, float(values.min())) if values.size else 0.0
        painter.fillRect(grid, QColor(theme.current().surface))
        table = lut("inferno")

        def colour(v: float) -> QColor:
            share = (v - low) / max(high - low, 1e-12)
            return QColor(*(int(c) for c in table[int(255 * min(1.0, max(0.0, share)))]))

        done = rows * cols if still.step > 3 else still.done
        flat = values.reshape(-1)
        if still.step < 3:
            done = int(still.step == 2 and still.t >= 1)
            flat = np.array([story.after])
        paint.cells(
            painter, grid,
            ((n // cols, n % cols, colour(float(flat[n]))) for n in range(done)),
            (rows, cols), theme.current().line,
        )  # fmt: skip
        if still.step >= 3:
            i, j = still.place
            spot = QRectF(grid.left() + j * cell, grid.top() + i * cell, cell, cell)
            paint.frame(painter, spot, 2.5, theme.current().accent)
        flow.skip(grid.height() + 8 * k)
        if still.step >= 3:
            self._bar(flow, low, high, percent, still)
        flow.skip(10 * k)
        wh, ww = story.geometry.window_size
        flow.heading(
            tr("Its window on the picture"), tr("{w} × {h} net input px").format(w=ww, h=wh)
        )
        shown = colour(float(values[still.place])) if still.step >= 3 else None
        self._lay(painter, _inside(story.picture_size, flow.area), 0.0, still.place, shown)

    def _map(self, still: CastStill) -> tuple[np.ndarray, str, bool]:
        story = self.story
        name = self.name(story.class_index)
        if still.name in ("softmax", "picture") and story.softmax:
            share = still.softmax if still.name == "softmax" else 1.0
            if share > 0.5:
                return story.prob[story.class_index], name, True
        if still.step > 3:
            return story.score[story.class_index], tr("{name}, score").format(name=name), False
        title = f"{story.new}, {tr('unit {n}').format(n=story.unit)}"
        if story.unit == story.class_index and not story.later:
            title = f"{story.new}, {name}"
        return story.values, title, False

    def _bar(self, flow: _Flow, low: float, high: float, percent: bool, still: CastStill) -> None:
        painter, k = flow.painter, flow.k
        line = QRectF(flow.area.left(), flow.y, flow.area.width(), 18 * k)
        ends = [f"{100 * v:.3g} %" if percent else f"{v:.3g}" for v in (low, high)]
        ends = [end.replace("-", "\N{MINUS SIGN}") for end in ends]
        metrics = QFontMetricsF(paint.font(12 * k))
        text = theme.current().muted
        paint.text(painter, line, ends[0], 12 * k, text)
        left = line.left() + metrics.horizontalAdvance(ends[0]) + 8 * k
        wide = min(96 * k, 0.36 * line.width())
        table = lut("inferno")
        for n in range(64):
            painter.fillRect(
                QRectF(left + n * wide / 64, line.top() + 3 * k, wide / 64 + 0.6, 12 * k),
                QColor(*(int(c) for c in table[n * 4])),
            )
        rest = QRectF(
            left + wide + 8 * k, line.top(), line.right() - left - wide - 8 * k, line.height()
        )
        paint.text(painter, rest, ends[1], 12 * k, text)
        if still.name == "slide" and still.done < self.story.values.size:
            said = tr("empty: still to come")
            if (
                metrics.horizontalAdvance(said) + metrics.horizontalAdvance(ends[1]) + 12 * k
                < rest.width()
            ):
                paint.text(
                    painter, line, said, 12 * k, text, flags=int(Qt.AlignRight | Qt.AlignVCenter)
                )
        flow.skip(line.height() + 4 * k)

    def _lay(
        self,
        painter: QPainter,
        place: QRectF,
        laid: float,
        cell: tuple[int, int],
        colour: QColor | None,
    ) -> None:
        """The picture, the map on it as far as it is laid, a cell and its window."""
        if place.width() < 8 or place.height() < 8:
            return
        story = self.story
        painter.setRenderHint(QPainter.SmoothPixmapTransform)
        painter.drawImage(place, self._picture)
        h, w = story.picture_size
        sx, sy = place.width() / w, place.height() / h
        painter.save()
        painter.setClipRect(place)

        def on(box: tuple[float, float, float, float]) -> QRectF:
            x0, y0, x1, y1 = box
            return QRectF(
                place.left() + x0 * sx, place.top() + y0 * sy, (x1 - x0) * sx, (y1 - y0) * sy
            )

        rows, cols = story.grid
        if laid > 0:
            values = story.prob[story.class_index]
            high = max(float(values.max()), 1e-12)
            table = lut("inferno")
            for i in range(rows):
                for j in range(cols):
                    share = min(1.0, max(0.0, float(values[i, j]) / high))
                    laid_on = QColor(*(int(c) for c in table[int(255 * share)]))
                    laid_on.setAlphaF(laid * 0.84 * min(1.0, share / 0.55))
                    painter.fillRect(on(story.tile((i, j))), laid_on)
        tile = on(story.tile(cell))
        paint.frame(painter, on(story.window(cell)), 2.0, "#FFFFFF")
        if laid == 0 and colour is not None:
            painter.fillRect(tile, colour)
        paint.frame(painter, tile, 2.0, theme.current().accent)
        painter.restore()


def _grey(features: np.ndarray) -> np.ndarray:
    """The mean over the channels, 60 to 245."""
    mean = features.mean(axis=0, dtype=np.float64)
    low, high = float(mean.min()), float(mean.max())
    return np.asarray(60 + 185 * (mean - low) / max(high - low, 1e-12), np.uint8)


def _inside(size: tuple[int, int], area: QRectF) -> QRectF:
    """As large as an area allows, aspect kept, at its upper left."""
    h, w = size
    scale = max(0.0, min(area.width() / w, area.height() / h))
    return QRectF(area.topLeft(), QSizeF(w * scale, h * scale))


def _block(painter: QPainter, face: QRectF, depth: QPointF, colour: str) -> None:
    """The top and the right side of a stack of sheets behind a face."""
    if depth.isNull():
        return
    colours = theme.current()
    a, b, c = face.topLeft(), face.topRight(), face.bottomRight()
    painter.setBrush(QColor(colours.surface))
    painter.setPen(QPen(QColor(colour), 1))
    painter.drawPolygon(QPolygonF([a, b, b + depth, a + depth]))
    painter.drawPolygon(QPolygonF([b, c, c + depth, b + depth]))
    faint = QColor(colour)
    faint.setAlphaF(0.35)
    painter.setPen(QPen(faint, 0.7))
    for n in range(1, _SHEETS):
        d = depth * (n / _SHEETS)
        painter.drawLine(a + d, b + d)
        painter.drawLine(b + d, c + d)


def _box(painter: QPainter, face: QRectF, depth: QPointF, glass: QColor, colour: str) -> None:
    """A glass box behind a face."""
    a, b, c = face.topLeft(), face.topRight(), face.bottomRight()
    painter.setBrush(glass)
    painter.setPen(QPen(QColor(colour), 1.2))
    painter.drawPolygon(QPolygonF([a, b, b + depth, a + depth]))
    painter.drawPolygon(QPolygonF([b, c, c + depth, b + depth]))


def _band(painter: QPainter, place: QRectF, values: np.ndarray, signed: bool) -> None:
    """Numbers as a band; of more than there are pixels, the largest of each few."""
    array = np.asarray(values, np.float64).reshape(-1)
    n = max(1, min(array.size, int(place.width() / 2)))
    edges = np.linspace(0, array.size, n + 1).astype(int)
    limit = max(words.largest(array), 1e-12)
    image = QImage(n, 1, QImage.Format_RGB32)
    for k in range(n):
        part = array[edges[k] : edges[k + 1]]
        v = float(part[np.abs(part).argmax()])
        if signed or v < 0:
            colour = cell_colour(v, limit)
        else:
            g = round(245 - 215 * v / limit)
            colour = QColor(g, g, g)
        image.setPixelColor(k, 0, colour)
    painter.setRenderHint(QPainter.SmoothPixmapTransform, False)
    painter.drawImage(place, image)
    painter.setPen(QPen(QColor(theme.current().muted), 1))
    painter.setBrush(Qt.NoBrush)
    painter.drawRect(place)
