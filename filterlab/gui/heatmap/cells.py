"""The cell under the cursor, the pinned cells, and what their windows say alone."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from qtpy.QtCore import QObject, Qt, Signal

from filterlab.gui.heatmap import texts
from filterlab.gui.heatmap.cell_cards import CellCards, CellFacts
from filterlab.gui.heatmap.map_view import PIN_COLOURS, MapView
from filterlab.gui.i18n import tr
from filterlab.surgery.heatmap import ClassMaps
from filterlab.zoo.labels import Labels

__all__ = ["Cells"]

Cell = tuple[int, int]


class Cells(QObject):
    """Follows the mouse and the arrow keys over the view and fills the cards below it.

    Signals
    -------
    changed() : another cell is under the cursor, or the pins have changed
    """

    changed = Signal()

    def __init__(self, view: MapView, cards: CellCards, parent: QObject) -> None:
        super().__init__(parent)
        self.view, self.cards = view, cards
        self.maps: ClassMaps | None = None
        self.labels = Labels([])
        self.current: Cell | None = None
        self.pins: list[Cell] = []
        self.hint = ""
        self._alone: dict[Cell, tuple[tuple[str, float], ...]] = {}
        view.hovered.connect(self._on_hovered)
        view.left.connect(self._on_left)
        view.clicked.connect(self._on_clicked)
        view.stepped.connect(self._on_stepped)
        view.pin_requested.connect(self.pin_current)
        cards.unpin_requested.connect(self._unpin)

    def set_maps(self, maps: ClassMaps | None, labels: Labels) -> None:
        """Other maps; cells stay chosen if the grid is the same."""
        grid = (maps.rows, maps.cols) if maps is not None else None
        before = (self.maps.rows, self.maps.cols) if self.maps is not None else None
        self.maps, self.labels, self._alone = maps, labels, {}
        if grid != before:
            self.current, self.pins = None, []
        self.show()

    def set_current(self, cell: Cell | None) -> None:
        """Look at a cell."""
        if cell != self.current:
            self.current = cell
            self.show()
            self.changed.emit()

    def toggle_pin(self, cell: Cell) -> None:
        """Pin a cell for comparing, or let it go; the oldest makes room for a fourth."""
        if cell in self.pins:
            self.set_pins([pin for pin in self.pins if pin != cell])
        else:
            self.set_pins([*self.pins, cell][-len(PIN_COLOURS) :])

    def set_pins(self, pins: Sequence[Cell]) -> None:
        """Pin just these cells."""
        self.pins = list(pins)
        self.show()
        self.changed.emit()

    def clear_pins(self) -> None:
        """Let all pinned cells go."""
        self.set_pins([])

    def pin_current(self) -> None:
        """Pin the cell that is looked at."""
        if self.current is not None:
            self.toggle_pin(self.current)

    def set_alone(self, cell: Cell, best: list[tuple[int, float]]) -> None:
        """What the classifier says of the cell's window alone; the cell is pinned with it."""
        self._alone[cell] = tuple((texts.short_name(self.labels, c), p) for c, p in best)
        if cell not in self.pins:
            self.toggle_pin(cell)
        self.show()

    def facts(self, cell: Cell) -> CellFacts:
        """What a card says about a cell."""
        assert self.maps is not None
        return texts.cell_facts(self.maps, self.labels, cell, self._alone.get(cell, ()))

    def show(self) -> None:
        """Bring the view's boxes and the cards up to date."""
        maps = self.maps
        if maps is None:
            self.view.show_cell(None)
            self.view.show_pins([])
            self.cards.set_pins([])
            self.cards.set_hover(None, self.hint)
            return
        if self.current is None:
            self.view.show_cell(None)
            self.cards.set_hover(None, self.hint)
        else:
            self.view.show_cell(
                (
                    maps.tile_on_picture(*self.current),
                    maps.window_on_picture(*self.current),
                    maps.field_on_picture(*self.current),
                )
            )
            self.cards.set_hover(texts.cell_facts(maps, self.labels, self.current))
        self.view.show_pins(
            [(maps.window_on_picture(*c), maps.centre_on_picture(*c)) for c in self.pins]
        )
        self.cards.set_pins([self.facts(c) for c in self.pins])

    def set_hint(self, hint: str) -> None:
        """What the first card says while no cell is looked at."""
        if hint != self.hint:
            self.hint = hint
            if self.current is None or self.maps is None:
                self.cards.set_hover(None, hint)

    def _on_hovered(self, x: float, y: float) -> None:
        self.set_current(self.maps.cell_at(x, y) if self.maps is not None else None)

    def _on_left(self) -> None:
        if not self.view.hasFocus():
            self.set_current(None)

    def _on_clicked(self, x: float, y: float, button: int) -> None:
        if self.maps is None or button != Qt.LeftButton:
            return
        cell = self.maps.cell_at(x, y)
        if cell is not None:
            self.toggle_pin(cell)

    def _on_stepped(self, rows: int, cols: int) -> None:
        maps = self.maps
        if maps is None:
            return
        if self.current is None:
            self.set_current((maps.rows // 2, maps.cols // 2))
            return
        i, j = self.current
        self.set_current(
            (min(maps.rows - 1, max(0, i + rows)), min(maps.cols - 1, max(0, j + cols)))
        )

    def _unpin(self, number: int) -> None:
        if 0 <= number < len(self.pins):
            self.toggle_pin(self.pins[number])

    def state(self) -> dict[str, Any]:
        """For a rebuilt window."""
        return {"current": self.current, "pins": list(self.pins)}

    def set_state(self, state: dict[str, Any]) -> None:
        """Go on as before."""
        if self.maps is not None:
            self.current, self.pins = state["current"], list(state["pins"])
            self.show()


def hint_for(maps: ClassMaps | None, transplanted: bool) -> str:
    """What to do next."""
    if maps is not None:
        return tr(
            "Point at a cell to see where it looks and what the net finds there; click to pin "
            "it, arrow keys move, Enter pins."
        )
    return "" if transplanted else tr("Choose a model and a picture, then press Transplant.")
