"""The cell under the cursor and the pinned ones: on the picture, and in their cards."""

from __future__ import annotations

import numpy as np
from PyQt5.QtCore import QObject, QPoint, Qt, QTimer, pyqtSignal
from PyQt5.QtGui import QPixmap
from PyQt5.QtWidgets import QApplication

from filterlab.gui.class_names import both_names
from filterlab.gui.heatmap.cell_cards import CellCard, CellFacts, Named
from filterlab.gui.heatmap.stage import Stage
from filterlab.gui.images import image_of
from filterlab.surgery.overlay import as_rgb
from filterlab.workbench.heatmap_bench import Change, HeatmapBench
from filterlab.workbench.heatmap_state import Cell

__all__ = ["Cells"]

#: The cell under the cursor gets a card when the mouse has rested so long.
_CARD_MS = 300


class Cells(QObject):
    """Follows mouse and keys over the stage, and pins through the bench.

    Parameters
    ----------
    bench : HeatmapBench
    stage : Stage
    foot : CellCard
        Shows one card where the stage has no room for any.

    Signals
    -------
    changed() : another cell is under the cursor
    menu_requested(object, QPoint) : right click on a cell, at a global position
    """

    changed = pyqtSignal()
    menu_requested = pyqtSignal(object, QPoint)

    def __init__(
        self, bench: HeatmapBench, stage: Stage, foot: CellCard, parent: QObject | None = None
    ) -> None:
        super().__init__(parent)
        self._bench, self._stage, self._foot = bench, stage, foot
        self.current: Cell | None = None
        self._front: Cell | None = None
        self._pinned: list[Cell] = []
        self._cuts: dict[tuple[int, Cell], QPixmap] = {}
        self._resting = self._by_key = False
        self._rest = QTimer(self)
        self._rest.setSingleShot(True)
        self._rest.setInterval(_CARD_MS)
        self._rest.timeout.connect(self._on_rest)
        view = stage.view
        view.hovered.connect(self._on_hovered)
        view.left.connect(self._on_left)
        view.clicked.connect(self._on_clicked)
        view.stepped.connect(self._on_stepped)
        view.pin_requested.connect(self.pin_current)
        view.unpin_requested.connect(self._on_unpin)
        view.setContextMenuPolicy(Qt.CustomContextMenu)
        view.customContextMenuRequested.connect(self._on_context)
        stage.unpin_requested.connect(self._unpin_number)
        stage.front_requested.connect(self._bring_forward)
        stage.crowded.connect(self._on_crowded)
        foot.close_requested.connect(self._on_foot_closed)
        foot.step_requested.connect(self._on_foot_step)
        foot.hide()
        bench.subscribe(self._on_change)
        self.show()

    # The cell under the cursor

    def set_current(self, cell: Cell | None) -> None:
        """Look at a cell."""
        if cell != self.current:
            self.current = cell
            was, self._resting = self._resting, False
            self._rest.start()
            self._show_boxes()
            if was:
                self._show_cards()
            self.changed.emit()

    def pin_current(self) -> None:
        """Pin the cell that is looked at beside the others, or let it go."""
        if self.current is not None:
            self._toggle(self.current, add=True)

    def _toggle(self, cell: Cell, add: bool) -> None:
        if cell in self._bench.pins:
            self._bench.unpin(cell)
        else:
            self._front = cell
            self._bench.pin(cell, add=add)

    def facts(self, cell: Cell, number: int = 0) -> CellFacts:
        """What a card says of a cell."""
        bench = self._bench
        maps = bench.maps
        assert maps is not None
        x0, y0, x1, y1 = (round(v) for v in maps.window_on_picture(*cell))
        alone = bench.alone(cell)
        high, wide = maps.geometry.window_size
        return CellFacts(
            cell,
            number,
            (x0, x1),
            (y0, y1),
            (wide, high),
            self._named(maps.best(*cell, 5)),
            self._named(alone.best) if alone is not None else (),
            self._cut(cell, (x0, y0, x1, y1)),
        )

    def _named(self, best: list[tuple[int, float]]) -> tuple[Named, ...]:
        labels = self._bench.labels
        return tuple((*both_names(labels, c), float(p)) for c, p in best)

    def _cut(self, cell: Cell, box: tuple[int, int, int, int]) -> QPixmap | None:
        """The window cut out of the picture; what hangs over its edge is left out."""
        shown = self._bench.shown
        if shown is None:
            return None
        key = (id(shown), cell)
        if key not in self._cuts:
            if len(self._cuts) > 16:
                self._cuts.clear()
            rows, cols = shown.size
            x0, y0, x1, y1 = box
            part = shown.picture[max(0, y0) : min(rows, y1), max(0, x0) : min(cols, x1)]
            if part.size == 0:
                return None
            image = image_of((np.clip(as_rgb(part), 0, 1) * 255 + 0.5).astype(np.uint8))
            ratio = self._stage.devicePixelRatioF()
            side = round(96 * ratio)
            scaled = image.scaled(side, side, Qt.KeepAspectRatio, Qt.SmoothTransformation)
            self._cuts[key] = QPixmap.fromImage(scaled)
        return self._cuts[key]

    # Showing

    def _on_change(self, change: Change) -> None:
        if change.kinds & {"model", "net", "picture", "size", "maps", "pins", "alone", "look"}:
            self.show()

    def show(self) -> None:
        """Bring boxes and cards up to date."""
        maps = self._bench.maps
        if self.current is not None and (
            maps is None or self.current[0] >= maps.rows or self.current[1] >= maps.cols
        ):
            self.current = None
            self.changed.emit()
        self._show_boxes()
        self._show_cards()

    def _show_boxes(self) -> None:
        maps, view = self._bench.maps, self._stage.view
        if maps is None or self.current is None:
            view.show_cell(None)
        else:
            field = maps.field_on_picture(*self.current) if self._bench.look.field else None
            view.show_cell(
                (
                    maps.tile_on_picture(*self.current),
                    maps.window_on_picture(*self.current),
                    field,
                )
            )
        pins = self._bench.pins if maps is not None else ()
        view.show_pins(
            [(maps.window_on_picture(*p), maps.tile_on_picture(*p)) for p in pins] if maps else []
        )

    def _show_cards(self) -> None:
        bench = self._bench
        pins = list(bench.pins) if bench.maps is not None else []
        new = [pin for pin in pins if pin not in self._pinned]
        if new or self._front not in pins:
            self._front = new[-1] if new else pins[-1] if pins else None
        self._pinned = pins
        order = [self._front] if self._front is not None else []
        order += [pin for pin in reversed(pins) if pin != self._front]
        facts = [self.facts(pin, pins.index(pin) + 1) for pin in order]
        hover = None
        if self._resting and self.current is not None and self.current not in pins:
            hover = self.facts(self.current)
        self._stage.set_cards(facts, hover)
        self._on_crowded(self._stage.is_crowded)

    def _on_crowded(self, crowded: bool) -> None:
        facts = self._stage.facts
        if crowded and facts:
            self._foot.set_facts(facts[0], with_cut=False, several=len(facts) > 1)
            self._foot.give_way()
        self._foot.setVisible(crowded and bool(facts))

    # Mouse and keys

    def _on_hovered(self, x: float, y: float) -> None:
        maps = self._bench.maps
        self._by_key = False
        self.set_current(maps.cell_at(x, y) if maps is not None else None)

    def _on_left(self) -> None:
        if not self._by_key:
            self.set_current(None)

    def _on_rest(self) -> None:
        self._resting = True
        if self.current is not None and self._stage.facts:
            self._show_cards()

    def _on_clicked(self, x: float, y: float, button: int) -> None:
        maps = self._bench.maps
        if maps is None or button != Qt.LeftButton:
            return
        cell = maps.cell_at(x, y)
        if cell is not None:
            add = bool(QApplication.keyboardModifiers() & Qt.ControlModifier)
            self._toggle(cell, add)

    def _on_stepped(self, rows: int, cols: int) -> None:
        maps = self._bench.maps
        if maps is None:
            return
        self._by_key = True
        if self._bench.pins:
            self._bench.move_pin(rows, cols)
            self._front = self._bench.pins[-1]
            self.set_current(self._front)
            self._show_cards()
        elif self.current is None:
            self.set_current((maps.rows // 2, maps.cols // 2))
        else:
            i, j = self.current
            self.set_current(
                (min(maps.rows - 1, max(0, i + rows)), min(maps.cols - 1, max(0, j + cols)))
            )

    def _on_unpin(self) -> None:
        if self._front is not None:
            self._bench.unpin(self._front)

    def _unpin_number(self, number: int) -> None:
        if 0 < number <= len(self._bench.pins):
            self._bench.unpin(self._bench.pins[number - 1])

    def _bring_forward(self, number: int) -> None:
        if 0 < number <= len(self._bench.pins):
            self._front = self._bench.pins[number - 1]
            self._show_cards()

    def _on_foot_closed(self) -> None:
        facts = self._foot.facts
        if facts is not None:
            self._unpin_number(facts.number)

    def _on_foot_step(self, by: int) -> None:
        pins = self._bench.pins
        if self._front in pins:
            self._front = pins[(pins.index(self._front) + by) % len(pins)]
            self._show_cards()

    def _on_context(self, at: QPoint) -> None:
        maps, view = self._bench.maps, self._stage.view
        cell = maps.cell_at(*view.to_scene(at)) if maps is not None else None
        if cell is not None:
            self.menu_requested.emit(cell, view.mapToGlobal(at))
