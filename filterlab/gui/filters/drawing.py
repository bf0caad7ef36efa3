"""Drawing on the input with a brush: every stroke is one undo step."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qtpy.QtCore import QObject, Qt

if TYPE_CHECKING:
    from filterlab.gui.filters.tab import FiltersTab

__all__ = ["Drawing"]


class Drawing(QObject):
    """Turns presses and drags on the input's view into dabs; the right button paints black."""

    def __init__(self, tab: FiltersTab) -> None:
        super().__init__(tab)
        self.tab = tab
        self._at: tuple[float, float] | None = None
        view = tab.stage.views[0]
        view.pressed.connect(self._on_pressed)
        view.dragged.connect(self._on_dragged)
        view.released.connect(self._on_released)
        tab.panel_.draw_toggled.connect(self._on_toggled)

    def _on_toggled(self, on: bool) -> None:
        self.tab.stage.views[0].set_paint_mode(on)
        self.tab.panel_.set_drawing(on)
        if on:
            # A radius of pixels that shows on a picture of this size.
            picture = self.tab.bench.picture
            self.tab.panel_.radius.show_value(
                max(1, round(min(picture.width, picture.height) / 60))
            )

    @property
    def drawing(self) -> bool:
        """Whether a stroke is under way."""
        return self._at is not None

    def _on_pressed(self, x: float, y: float, button: int) -> None:
        if not self.tab.panel_.draw_button.isChecked() or button == Qt.MiddleButton:
            return
        self.tab.bench.begin("Draw on picture")
        self._at = x, y
        self._dab(x, y, button)

    def _on_dragged(self, x: float, y: float, button: int) -> None:
        if self._at is None:
            return
        # One stroke from place to place: a fast hand leaves no gaps, and one copy is enough.
        self._dab(x, y, button, self._at)
        self._at = x, y

    def _on_released(self) -> None:
        if self._at is not None:
            self._at = None
            self.tab.bench.end()

    def _dab(
        self, x: float, y: float, button: int, start: tuple[float, float] | None = None
    ) -> None:
        panel = self.tab.panel_
        value = 0.0 if button == Qt.RightButton else min(1.0, max(0.0, panel.brush.value()))
        # Pixel (0, 0) covers [0, 1) x [0, 1): its centre is at 0.5.
        begin = None if start is None else (start[1] - 0.5, start[0] - 0.5)
        self.tab.attempt(
            self.tab.bench.draw_on_picture, y - 0.5, x - 0.5, panel.radius.value(), value, begin
        )
