"""The Heatmap tab for a room: the picture with its map, the class, how sure the net is."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from PyQt5.QtCore import QPointF, QRectF, QSizeF, Qt
from PyQt5.QtGui import QColor, QFontMetricsF, QPainter, QPaintEvent, QPen, QPolygonF
from PyQt5.QtWidgets import QWidget

from filterlab.gui import theme
from filterlab.gui.class_names import classes_name, percent
from filterlab.gui.i18n import tr
from filterlab.gui.images import image_of
from filterlab.gui.stage import paint
from filterlab.gui.stage.scene import Scene, unit
from filterlab.workbench.heatmap_bench import Change, HeatmapBench
from filterlab.workbench.heatmap_draw import Drawing

__all__ = ["HeatmapStage", "Layout", "arrange"]

#: Sizes of the class's name, in pixels of a window of 1080 lines: the first that fits is taken.
NAMES = (80, 56, 40)
PERCENT = 128
_MARGIN = 24
_COLUMN = 470


@dataclass(frozen=True)
class Layout:
    """Where the picture lies, and the column beside or under it."""

    s: float
    picture: QRectF
    column: QRectF
    under: bool


def arrange(room: QSizeF, size: tuple[int, int]) -> Layout:
    """The picture (height, width) as large as it goes; a wide one has the column under itself."""
    s = unit(room.width(), room.height())
    margin, column = _MARGIN * s, _COLUMN * s
    rows, cols = size
    beside = QRectF(margin, margin, room.width() - column - 3 * margin, room.height() - 2 * margin)
    low = 340 * s
    above = QRectF(margin, margin, room.width() - 2 * margin, room.height() - low - 2 * margin)
    first = min(beside.width() / cols, beside.height() / rows)
    second = min(above.width() / cols, above.height() / rows)
    if second > first:
        wide, high = cols * second, rows * second
        x = (room.width() - wide) / 2
        picture = QRectF(x, margin, wide, high)
        top = picture.bottom() + margin
        return Layout(
            s, picture,
            QRectF(margin * 1.5, top, room.width() - 3 * margin, room.height() - top - margin),
            True,
        )  # fmt: skip
    wide, high = cols * first, rows * first
    picture = QRectF(margin, (room.height() - high) / 2, wide, high)
    left = picture.right() + 40 * s
    return Layout(
        s, picture,
        QRectF(left, margin, room.width() - left - margin, room.height() - 2 * margin), False,
    )  # fmt: skip


class HeatmapStage(Scene):
    """The picture alone; keys change class, density and model.

    Parameters
    ----------
    bench : HeatmapBench
    drawing : callable
        The newest drawing of picture and map; None before the first.
    models : sequence of (key, title)
        Those that M goes through.
    choose_model : callable
        Takes a key; the map follows.
    edit : callable
        Makes an edit of the bench; a refusal is said.
    """

    def __init__(
        self,
        bench: HeatmapBench,
        drawing: Callable[[], Drawing | None],
        models: Callable[[], Sequence[tuple[str, str]]],
        choose_model: Callable[[str], object],
        edit: Callable[..., object],
        parent: QWidget | None = None,
    ) -> None:
        super().__init__(parent)
        self.bench = bench
        self._drawing, self._models = drawing, models
        self._choose_model, self._edit = choose_model, edit
        self._image: tuple[Any, Any] = (None, None)
        self._unsubscribe = bench.subscribe(self._on_change)
        self.setAccessibleName(tr("Stage"))

    def _on_change(self, _: Change) -> None:
        self.update()

    def drawn(self) -> None:
        """There is a newer drawing."""
        self.update()

    # Keys

    def step(self, by: int) -> None:
        """The next or the previous class, in the order of the list."""
        order = [int(c) for c in self.bench.ranked("peak")]
        if not order:
            return
        now = self.bench.classes
        at = order.index(now[0]) if now and now[0] in order else 0
        to = min(max(at + by, 0), len(order) - 1)
        if to != at or len(now) != 1:
            self._edit(self.bench.choose, (order[to],), merge=True)

    def keys(self) -> tuple[int, ...]:
        return (Qt.Key_Up, Qt.Key_Down, Qt.Key_D, Qt.Key_M)

    def key(self, key: int) -> bool:
        if key == Qt.Key_Up:
            self.step(-1)
        elif key == Qt.Key_Down:
            self.step(1)
        elif key == Qt.Key_D:
            offers = list(self.bench.densities)
            if offers:
                now = self.bench.request.density
                at = offers.index(now) if now in offers else -1
                self._edit(self.bench.set_density, offers[(at + 1) % len(offers)])
        elif key == Qt.Key_M:
            keys = [key for key, _ in self._models()]
            if keys:
                now = self.bench.model.name
                at = keys.index(now) if now in keys else -1
                self._choose_model(keys[(at + 1) % len(keys)])
        else:
            return False
        return True

    def shutdown(self) -> None:
        super().shutdown()
        self._unsubscribe()

    # Drawing

    def layout_(self) -> Layout:
        """Where the parts lie."""
        shown = self.bench.shown
        return arrange(self.room, shown.size if shown is not None else (3, 4))

    @property
    def colours(self) -> theme.Theme:
        """Dark, so that the picture is the brightest thing in the room."""
        return theme.CONTRAST_DARK if theme.current().contrast else theme.DARK

    def name_size(self) -> float:
        """Pixels of the class's name, one of :data:`NAMES` on 1080 lines."""
        where = self.layout_()
        own, _ = self._names()
        wide = where.column.width() * (0.42 if where.under else 1.0)
        sizes = [n * where.s for n in NAMES]
        return float(paint.fit_font(own, sizes, wide, True).pixelSize())

    def _names(self) -> tuple[str, str]:
        drawing = self._drawing()
        scene = drawing.scene if drawing is not None else None
        if scene is None or scene.maps is None or not scene.classes:
            return "", ""
        return classes_name(self.bench.labels, scene.classes)

    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self)
        painter.setRenderHint(QPainter.Antialiasing)
        painter.fillRect(self.rect(), QColor(self.colours.well))
        where = self.layout_()
        drawing = self._drawing()
        if drawing is not None:
            self._paint_picture(painter, where, drawing)
            self._paint_column(painter, where, drawing)
        painter.end()

    def _picture_of(self, drawing: Drawing) -> Any:
        """The bare picture where cells are painted on it, else with the map in it."""
        key = (id(drawing), self._crisp(drawing))
        if self._image[0] != key:
            pixels = drawing.image
            if self._crisp(drawing) and drawing.scene is not None:
                pixels = np.clip(drawing.scene.picture * 255 + 0.5, 0, 255).astype(np.uint8)
            self._image = (key, image_of(pixels))
        return self._image[1]

    @staticmethod
    def _crisp(drawing: Drawing) -> bool:
        """Whether the map is one of tiles, whose edges are to be crisp at any size."""
        scene = drawing.scene
        return bool(
            scene is not None
            and scene.maps is not None
            and scene.pyramid is None
            and scene.look.show in ("class", "entropy")
            and scene.look.projection == "tiles"
            and drawing.values is not None
            and drawing.table is not None
            and not drawing.log
        )

    def _paint_picture(self, painter: QPainter, where: Layout, drawing: Drawing) -> None:
        place = where.picture
        painter.setRenderHint(QPainter.SmoothPixmapTransform)
        painter.drawImage(place, self._picture_of(drawing))
        scene = drawing.scene
        maps = scene.maps if scene is not None else None
        if scene is None or maps is None:
            return
        h, w = maps.picture_size
        sx, sy = place.width() / w, place.height() / h

        def on(box: tuple[float, float, float, float]) -> QRectF:
            x0, y0, x1, y1 = box
            return QRectF(
                place.left() + x0 * sx, place.top() + y0 * sy, (x1 - x0) * sx, (y1 - y0) * sy
            )

        painter.save()
        painter.setClipRect(place)
        if self._crisp(drawing):
            painter.setRenderHint(QPainter.Antialiasing, False)
            self._paint_cells(painter, drawing, on)
            painter.setRenderHint(QPainter.Antialiasing)
        if scene.classes and scene.look.show == "class":
            values = maps.values(scene.classes)
            cell = divmod(int(values.argmax()), maps.cols)
            for box, thick in (
                (maps.window_on_picture(*cell), 6 * where.s),
                (maps.tile_on_picture(*cell), 6 * where.s),
            ):
                painter.setBrush(Qt.NoBrush)
                painter.setPen(QPen(QColor(0, 0, 0, 150), thick + 4 * where.s))
                painter.drawRect(on(box))
                painter.setPen(QPen(QColor("#FFFFFF"), thick))
                painter.drawRect(on(box))
        painter.restore()

    @staticmethod
    def _paint_cells(painter: QPainter, drawing: Drawing, on: Callable[..., QRectF]) -> None:
        values, table = drawing.values, drawing.table
        assert values is not None
        assert table is not None
        assert drawing.scene is not None
        maps = drawing.scene.maps
        assert maps is not None
        span = max(drawing.high - drawing.low, 1e-12)
        for i in range(maps.rows):
            for j in range(maps.cols):
                share = (float(values[i, j]) - drawing.low) / span
                rgba = table[int(255 * min(1.0, max(0.0, share)) + 0.5)]
                painter.fillRect(
                    on(maps.tile_on_picture(i, j)),
                    QColor.fromRgbF(*(float(min(1.0, max(0.0, v))) for v in rgba)),
                )

    def _paint_column(self, painter: QPainter, where: Layout, drawing: Drawing) -> None:
        s, area = where.s, where.column
        if not where.under:
            y = self._paint_name(painter, QRectF(area), s)
            y = self._paint_best(painter, QRectF(area.left(), y, area.width(), 0), s, drawing)
            self._paint_rest(painter, QRectF(area.left(), y, area.width(), area.bottom() - y), s)
            return
        third = area.width()
        first = QRectF(area.left(), area.top() - 10 * s, third * 0.42, area.height())
        second = QRectF(area.left() + third * 0.46, first.top(), third * 0.28, area.height())
        third_ = QRectF(area.left() + third * 0.78, first.top(), third * 0.22, area.height())
        hint = QRectF(area.left(), area.bottom() - 32 * s, third, 36 * s)
        said = "     ".join(f"{key} {what}" for key, what in _keys())
        size = paint.fit_font(said, (24 * s, 21 * s, 18 * s), third)
        paint.text(painter, hint, said, size.pixelSize(), self.colours.muted)
        for part in (first, second, third_):
            part.setBottom(hint.top())
        self._paint_name(painter, first, s)
        self._paint_best(painter, second, s, drawing)
        self._paint_rest(painter, third_, s)

    def _paint_name(self, painter: QPainter, area: QRectF, s: float) -> float:
        own, other = self._names()
        colours = self.colours
        shown = self.bench.shown
        if not own and shown is not None:
            own = tr("No map yet")
        size = self.name_size()
        y = area.top()
        words = paint.font(size, True)
        metrics = QFontMetricsF(words)
        flags = int(Qt.AlignLeft | Qt.AlignTop | Qt.TextWordWrap)
        need = metrics.boundingRect(QRectF(0, 0, area.width(), 9999), flags, own).height()
        need = min(need, 3 * metrics.lineSpacing())
        painter.setFont(words)
        painter.setPen(QColor("#FFFFFF"))
        painter.drawText(QRectF(area.left(), y, area.width(), need + 4), flags, own)
        y += need + 4 * s
        if other:
            font = paint.fit_font(other, (52 * s, 40 * s, 30 * s), area.width())
            metrics = QFontMetricsF(font)
            line = QRectF(area.left(), y, area.width(), metrics.lineSpacing() + 4)
            said = metrics.elidedText(other, Qt.ElideRight, area.width())
            paint.text(painter, line, said, font.pixelSize(), colours.muted)
            y += line.height()
        return y + 40 * s

    def _paint_best(self, painter: QPainter, area: QRectF, s: float, drawing: Drawing) -> float:
        scene = drawing.scene
        maps = scene.maps if scene is not None else None
        y = area.top()
        if scene is None or maps is None or not scene.classes:
            return y
        colours = self.colours
        classes = [c for c in scene.classes if c < maps.classes]
        best = float(maps.values(classes).max())
        line = QRectF(area.left(), y, area.width(), 40 * s)
        paint.text(painter, line, tr("best cell"), 28 * s, colours.muted)
        y += line.height()
        told = percent(best) if maps.probabilities else f"{best:.3g}"
        size = paint.fit_font(told, (PERCENT * s, 96 * s, 72 * s), area.width(), True)
        high = QFontMetricsF(size).ascent() + 16 * s
        paint.text(
            painter, QRectF(area.left(), y, area.width(), high), told, size.pixelSize(), "#FFFFFF",
            True,
        )  # fmt: skip
        y += high + 32 * s
        table = drawing.table
        if table is None:
            return y
        bar = QRectF(area.left(), y + 22 * s, area.width() - 4 * s, 38 * s)
        ground = QColor(colours.well)
        for k in range(256):
            rgba = [float(min(1.0, max(0.0, v))) for v in table[k]]
            painter.fillRect(
                QRectF(
                    bar.left() + k * bar.width() / 256,
                    bar.top(),
                    bar.width() / 256 + 0.7,
                    bar.height(),
                ),
                _over(ground, QColor.fromRgbF(*rgba)),
            )
        painter.setBrush(Qt.NoBrush)
        painter.setPen(QPen(QColor(colours.muted), max(1.0, 1.5 * s)))
        painter.drawRect(bar)
        span = drawing.high - drawing.low
        if drawing.unit == "probability" and not drawing.log and span > 0:
            x = bar.left() + bar.width() * min(1.0, (best - drawing.low) / span)
            painter.setPen(Qt.NoPen)
            painter.setBrush(QColor("#FFFFFF"))
            painter.drawPolygon(
                QPolygonF([
                    QPointF(x - 12 * s, bar.top() - 22 * s),
                    QPointF(x + 12 * s, bar.top() - 22 * s),
                    QPointF(x, bar.top() - 6 * s),
                ])
            )  # fmt: skip
        ends = self._ends(drawing)
        line = QRectF(bar.left(), bar.bottom() + 6 * s, bar.width(), 40 * s)
        for said, flag in zip(ends, (Qt.AlignLeft, Qt.AlignHCenter, Qt.AlignRight)):
            paint.text(painter, line, said, 28 * s, "#FFFFFF", flags=int(flag | Qt.AlignVCenter))
        return line.bottom() + 56 * s

    @staticmethod
    def _ends(drawing: Drawing) -> tuple[str, str, str]:
        low, high = drawing.low, drawing.high
        if drawing.unit == "probability":
            middle = (low * high) ** 0.5 if drawing.log else (low + high) / 2
            return (
                f"{100 * low:g} %" if drawing.log else "0",
                f"{100 * middle:.2g}", f"{100 * high:g} %",
            )  # fmt: skip
        return f"{low:.3g}", f"{(low + high) / 2:.3g}", f"{high:.3g}"

    def _paint_rest(self, painter: QPainter, area: QRectF, s: float) -> None:
        """What the square is, which net it is, and the keys; as much as there is room for."""
        colours = self.colours
        keys = _keys()
        high = 40 * s
        y = area.top()
        flags = int(Qt.AlignLeft | Qt.AlignTop | Qt.TextWordWrap)
        if self.bench.maps is not None:
            said = tr("The large square is what the best cell looks at.")
            painter.setFont(paint.font(28 * s))
            need = painter.boundingRect(QRectF(0, 0, area.width(), 999), flags, said).height()
            if need <= area.height() * 0.4:
                painter.setPen(QColor(colours.text))
                painter.drawText(QRectF(area.left(), y, area.width(), need + 2), flags, said)
                y += need + 40 * s
        note = self._net_line()
        painter.setFont(paint.font(24 * s))
        need = painter.boundingRect(QRectF(0, 0, area.width(), 999), flags, note).height()
        if y + need <= area.bottom():
            painter.setPen(QColor(colours.muted))
            painter.drawText(QRectF(area.left(), y, area.width(), need + 2), flags, note)
            y += need + 36 * s
        fits = int((area.bottom() - y) / high)
        for key, what in keys[: max(0, fits)] if fits >= len(keys) else ():
            line = QRectF(area.left(), y, area.width(), high)
            paint.text(painter, line, key, 24 * s, "#FFFFFF")
            paint.text(painter, line.adjusted(80 * s, 0, 0, 0), what, 24 * s, colours.muted)
            y += high

    def _net_line(self) -> str:
        titles = dict(self._models())
        title = titles.get(self.bench.model.name, self.bench.model.title)
        maps = self.bench.maps
        if maps is None:
            if self.bench.stale:
                return tr("{model}: the map is computed …").format(model=title)
            return title
        return tr("{model}, {cols} × {rows} cells").format(
            model=title, cols=maps.cols, rows=maps.rows
        )


def _keys() -> list[tuple[str, str]]:
    return [
        ("↑ ↓", tr("class")),
        ("D", tr("density")),
        ("M", tr("model")),
        ("F", tr("freeze")),
        ("Esc", tr("leave")),
    ]


def _over(ground: QColor, colour: QColor) -> QColor:
    """A colour laid on a ground, as opaque as it is."""
    a = colour.alphaF()
    mixed = (g + (c - g) * a for g, c in zip(ground.getRgbF()[:3], colour.getRgbF()[:3]))
    return QColor.fromRgbF(*(min(1.0, max(0.0, v)) for v in mixed))
