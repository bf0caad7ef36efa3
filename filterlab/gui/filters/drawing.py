"""Drawing on the input with a brush: every stroke is one undo step."""

from __future__ import annotations

from PyQt5.QtCore import QObject, QPointF, Qt
from PyQt5.QtGui import QColor, QPainterPath, QPen
from PyQt5.QtWidgets import QGraphicsPathItem

from filterlab.gui.filters.desk import Desk
from filterlab.gui.filters.input_panel import InputPanel
from filterlab.gui.jobs import JobRunner
from filterlab.gui.widgets.picture_view import PictureView
from filterlab.surgery.convolve import Picture
from filterlab.surgery.drawing import drawn_job

__all__ = ["Drawing"]

#: Pictures up to so many pixels are filtered anew at every move of the hand, larger ones when
#: the stroke is done.
_LIVE = 1 << 21


class Drawing(QObject):
    """Turns presses and drags on the input's view into strokes; the right button paints black."""

    def __init__(
        self, desk: Desk, view: PictureView, panel: InputPanel, runner: JobRunner, parent: QObject
    ) -> None:
        super().__init__(parent)
        self._desk, self._view, self._panel = desk, view, panel
        self.runner = runner
        self.runner.done.connect(self._on_drawn)
        self._base: Picture | None = None
        self._places: list[tuple[float, float]] = []
        self._value = 0.0
        self._line = QGraphicsPathItem()
        self._line.setZValue(15)
        view.add_item(self._line)
        view.pressed.connect(self._on_pressed)
        view.dragged.connect(self._on_dragged)
        view.released.connect(self._on_released)
        panel.draw_toggled.connect(self._on_toggled)

    def _on_toggled(self, on: bool) -> None:
        self._view.set_paint_mode(on)
        self._panel.set_drawing(on)
        if on:
            # A radius of pixels that shows on a picture of this size.
            picture = self._desk.bench.picture
            radius = max(1, round(min(picture.width, picture.height) / 60))
            self._panel.radius.show_value(radius)

    @property
    def drawing(self) -> bool:
        """Whether a stroke is under way."""
        return bool(self._places)

    @property
    def _live(self) -> bool:
        picture = self._desk.bench.picture
        return picture.width * picture.height <= _LIVE

    def _on_pressed(self, x: float, y: float, button: int) -> None:
        panel = self._panel
        if not panel.draw_button.isChecked() or button == Qt.MiddleButton or self.runner.running:
            return
        self._value = 0.0 if button == Qt.RightButton else min(1.0, max(0.0, panel.brush.value()))
        # Pixel (0, 0) covers [0, 1) x [0, 1): its centre is at 0.5.
        self._places = [(y - 0.5, x - 0.5)]
        if self._live:
            self._desk.bench.close_groups()
            self._desk.bench.begin("Draw on picture")
            self._draw(None)
        else:
            self._show_line()

    def _on_dragged(self, x: float, y: float, _button: int) -> None:
        if not self._places:
            return
        last = self._places[-1]
        self._places.append((y - 0.5, x - 0.5))
        if self._live:
            self._draw(last)
        else:
            self._show_line()

    def finish(self) -> None:
        """End the stroke that is under way, if one is."""
        self._on_released()

    def _on_released(self) -> None:
        if not self._places:
            return
        places, self._places = self._places, []
        if self._live:
            self._desk.bench.end()
            return
        self._base = self._desk.bench.picture
        radius = self._panel.radius.value()
        self.runner.start(drawn_job(self._base, places, radius, self._value))

    def _draw(self, start: tuple[float, float] | None) -> None:
        """From place to place in one stroke, so that a fast hand leaves no gaps."""
        row, column = self._places[-1]
        radius = self._panel.radius.value()
        self._desk.attempt(
            self._desk.bench.draw_on_picture, row, column, radius, self._value, start
        )

    def _show_line(self) -> None:
        """The stroke so far, over a picture too large to be drawn on at once."""
        grey = round(255 * self._value)
        width = 2 * max(0.5, self._panel.radius.value())
        pen = QPen(QColor(grey, grey, grey), width, Qt.SolidLine, Qt.RoundCap, Qt.RoundJoin)
        self._line.setPen(pen)
        path = QPainterPath(QPointF(self._places[0][1] + 0.5, self._places[0][0] + 0.5))
        for row, column in self._places[1:] or self._places:
            path.lineTo(column + 0.5, row + 0.5)
        self._line.setPath(path)

    def _on_drawn(self, picture: Picture) -> None:
        if self._desk.bench.picture is self._base:
            self._desk.attempt(self._desk.bench.set_picture, picture, name="Draw on picture")
        self._base = None
        self._line.setPath(QPainterPath())
