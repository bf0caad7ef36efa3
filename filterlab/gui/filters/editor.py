"""What stands under an output: its preset, its kernel grid, its size, bias and divisor."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from PyQt5.QtCore import QMimeData, QPoint, QSize, Qt, QTimer, pyqtSignal
from PyQt5.QtGui import QDragEnterEvent, QDragLeaveEvent, QDropEvent, QResizeEvent
from PyQt5.QtWidgets import (
    QApplication,
    QBoxLayout,
    QHBoxLayout,
    QMenu,
    QSizePolicy,
    QVBoxLayout,
    QWidget,
)

from filterlab.gui.errors import EXPECTED, one_sentence
from filterlab.gui.filters.fields import GridFields
from filterlab.gui.filters.numbers import NumberField
from filterlab.gui.filters.preset_bar import PresetBar
from filterlab.gui.filters.size_box import SizeBox
from filterlab.gui.i18n import tr
from filterlab.gui.widgets.histogram import short_number
from filterlab.gui.widgets.kernel_grid import KernelGrid
from filterlab.gui.widgets.line import Line
from filterlab.gui.widgets.thumbs import KernelThumb
from filterlab.surgery.kernels.library import KernelLibrary
from filterlab.surgery.kernels.text import KERNEL_SUFFIXES, format_kernel, parse_number
from filterlab.workbench.filter_bench import Change, FilterBench

__all__ = ["FilterEditor"]

#: From so many changed cells on, an edit is written as a whole kernel.
_MANY = 6

_GAP = 8

#: The least height of the cells of a grid together, of each of many, and from which on numbers
#: are read with ease, in pixels; and what stands around the cells.
_LEAST_GRID, _LEAST_CELL, _GOOD_CELL, _FRAME = 150, 20, 26, 8

#: A kernel of so many cells a side needs the whole column.
_LARGE = 9


class FilterEditor(QWidget):
    """Edits one filter of a bench.

    Signals
    -------
    failed(str) : one sentence about what could not be done
    brush_picked(float) : a cell's value was taken as the brush
    focused(int) : the filter is worked on
    preset_wanted(str) : see :class:`PresetPopup`
    dropped(int, object) : kernel files (list of Path) or text dropped on the filter
    channel_chosen(int) : the grid of another colour channel is wanted
    """

    failed = pyqtSignal(str)
    brush_picked = pyqtSignal(float)
    focused = pyqtSignal(int)
    channel_chosen = pyqtSignal(int)
    preset_wanted = pyqtSignal(str)
    dropped = pyqtSignal(int, object)

    def __init__(
        self, bench: FilterBench, slot: int, library: KernelLibrary, parent: QWidget | None = None
    ) -> None:
        super().__init__(parent)
        self.bench = bench
        self.slot = slot
        self.channel = 0
        self.setSizePolicy(QSizePolicy.Ignored, QSizePolicy.Preferred)
        self._edit_name = ""
        self._menu: QMenu | None = None
        self.presets = PresetBar(bench, slot, library, self)
        self.presets.failed.connect(self.failed)
        self.presets.wanted.connect(self._on_wanted)
        self.presets.touched.connect(lambda: self.focused.emit(self.slot))
        self.grid = KernelGrid(self)
        self.grid.setAccessibleName(tr("Kernel of filter {n}").format(n=slot))
        self.grid.set_number_parser(parse_number)
        self.grid.edit_started.connect(self._on_edit_started)
        self.grid.values_edited.connect(self._on_values_edited)
        self.grid.edit_finished.connect(self._on_edit_finished)
        self.grid.brush_picked.connect(self.brush_picked)
        self.grid.rejected.connect(self._on_rejected)
        self.grid.copy_requested.connect(self.copy_text)
        self.grid.paste_requested.connect(self.paste_text)
        self.grid.current_changed.connect(self._on_current)
        self.grid.menu_requested.connect(self._on_menu)
        self.fields = GridFields(self)
        self._channel_box = QWidget(self.fields)
        self.thumbs = [KernelThumb(20, self._channel_box, name) for name in "RGB"]
        for channel, thumb in enumerate(self.thumbs):
            thumb.setProperty("channel", channel)
            thumb.clicked.connect(self._on_thumb)
            thumb.setToolTip(tr("Edit the kernel on this colour channel"))

        self.size_box = SizeBox(self.fields)
        self.size_box.setAccessibleName(tr("Size of filter {n}").format(n=slot))
        self.size_box.chosen.connect(self._on_size)
        self.size_box.rejected.connect(self.failed)
        self.bias = NumberField(-1e6, 1e6, 0.1, 0.0, self.fields)
        self.bias.setAccessibleName(tr("Bias of filter {n}").format(n=slot))
        self.bias.setToolTip(tr("Added to every pixel of the output"))
        self.bias.edited.connect(self._on_bias)
        self.divisor = NumberField(-1e6, 1e6, 1.0, 1.0, self.fields)
        self.divisor.setAccessibleName(tr("Divisor of filter {n}").format(n=slot))
        self.divisor.setToolTip(
            tr("The cells are divided by it before they are the net's, as in GIMP and ImageJ")
        )
        self.divisor.edited.connect(self._on_divisor)
        self.presets.keep_height(self.bias.sizeHint().height())
        for field in (self.bias, self.divisor):
            field.setButtonSymbols(NumberField.NoButtons)
            field.rejected.connect(self.failed)
        self.setAcceptDrops(True)
        self.sum_label = Line(self.fields)
        self.sum_label.setToolTip(
            tr("Sum of the cells, divided: what the filter makes of a flat picture of value 1")
        )
        self._lay_out()
        self._facts_later = QTimer(self)
        self._facts_later.setSingleShot(True)
        self._facts_later.setInterval(0)
        self._facts_later.timeout.connect(self._show_facts)
        self.refresh()

    # Building

    def _lay_out(self) -> None:
        channels = QHBoxLayout(self._channel_box)
        channels.setContentsMargins(0, 0, 0, 0)
        channels.setSpacing(0)
        for thumb in self.thumbs:
            channels.addWidget(thumb)
        self.fields.fill(
            [(tr("size"), self.size_box), (tr("bias"), self.bias), (tr("divisor"), self.divisor)],
            self._channel_box, self.sum_label,
        )  # fmt: skip
        self.grid.setSizePolicy(QSizePolicy.Expanding, QSizePolicy.Expanding)
        self._middle = QBoxLayout(QBoxLayout.LeftToRight)
        self._middle.setContentsMargins(0, 0, 0, 0)
        self._middle.setSpacing(_GAP)
        self._middle.addWidget(self.grid, 1)
        self._middle.addWidget(self.fields, 0, Qt.AlignTop)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(_GAP)
        layout.addWidget(self.presets)
        layout.addLayout(self._middle, 1)

    # Room

    @property
    def _cells_high(self) -> int:
        return int(self.grid.values().shape[0])

    def wants_room(self, width: int) -> bool:
        """Whether in a column of this width the cells need what stands beside them."""
        left = width - self.fields.wide() - _GAP
        return max(self.grid.values().shape) >= _LARGE or left < _LEAST_GRID

    def set_beneath(self, beneath: bool, width: int) -> None:
        """Put the fields beneath the grid, in a column of this width, or beside it."""
        self.fields.arrange(self.fields.columns_in(width) if beneath else 1)
        way = QBoxLayout.TopToBottom if beneath else QBoxLayout.LeftToRight
        if self._middle.direction() != way:
            self._middle.setDirection(way)
            self._middle.setAlignment(self.fields, Qt.Alignment() if beneath else Qt.AlignTop)
        room = width if beneath else width - self.fields.wide() - _GAP
        least = max(_LEAST_GRID, _LEAST_CELL * self._cells_high) + _FRAME
        self.grid.setMinimumSize(64, min(least, room))
        self._fit_fields()

    def enough(self, usual: int) -> int:
        """The height from which this grid is large enough, in pixels, if ``usual`` is for most."""
        return max(usual, _GOOD_CELL * self._cells_high + _FRAME)

    def height_of(self, width: int, most: int | None = None) -> int:
        """The height at which the grid of an editor of this width is a square, in pixels.

        ``most``: the grid needs be no higher than this.
        """
        above = int(self.presets.minimumSizeHint().height()) + _GAP
        high = int(self.fields.minimumSizeHint().height())
        grid = width if self.fields.beneath else width - self.fields.wide() - _GAP
        grid = grid if most is None else min(grid, most)
        return above + (grid + _GAP + high if self.fields.beneath else max(grid, high))

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self._fit_fields()

    def _fit_fields(self) -> None:
        """What stands beside the cells goes along them, not beyond."""
        least = self.fields.minimumSizeHint().height()
        if self.fields.beneath:
            self.fields.setFixedHeight(least)
            return
        above = self.presets.height() + _GAP
        cells = min(self.height() - above, self.width() - self.fields.wide() - _GAP)
        self.fields.setFixedHeight(max(cells, least))

    def minimumSizeHint(self) -> QSize:
        above = int(self.presets.minimumSizeHint().height()) + _GAP
        high, grid = int(self.fields.minimumSizeHint().height()), self.grid.minimumHeight()
        return QSize(144, above + (grid + _GAP + high if self.fields.beneath else max(high, grid)))

    def in_tab_order(self) -> list[QWidget]:
        """What Tab goes through: the preset with its parameters, the grid, what is beside it."""
        return [
            *self.presets.in_tab_order(), self.grid, self.size_box, self.bias, self.divisor,
        ]  # fmt: skip

    def set_menu(self, menu: QMenu) -> None:
        """The menu of a right click on the grid."""
        self._menu = menu

    def set_active(self, active: bool) -> None:
        """Frame the grid, or not: tools act on it."""
        self.grid.set_active(active)
        if not active:
            self.grid.drop_block()

    # Showing the bench

    def set_bench(self, bench: FilterBench) -> None:
        """Edit another bench from now on."""
        if bench is self.bench:
            return
        self.bench = self.presets.bench = bench
        self.refresh()

    def refresh(self, change: Change | None = None) -> None:
        """Show the filter as it is now."""
        wide = {"settings", "size"}
        if change is not None and not (self.slot in change.slots or wide & change.kinds):
            return
        three = self.bench.channels == 3
        self.channel = self.channel if three else 0
        self.grid.set_values(self.bench.kernel(self.slot, self.channel))
        self.size_box.show_size(self.bench.size_of(self.slot))
        self.bias.show_value(self.bench.bias(self.slot))
        self.divisor.show_value(self.bench.divisor(self.slot))
        if three != self._channel_box.isVisibleTo(self):
            self._channel_box.setVisible(three)
        if three:
            for channel, thumb in enumerate(self.thumbs):
                thumb.set_kernel(self.bench.kernel(self.slot, channel))
                thumb.set_chosen(channel == self.channel)
        self.presets.refresh()
        self._facts_later.start()

    def _show_facts(self) -> None:
        total = float(self.bench.weights(self.slot).sum(dtype=np.float64))
        self.sum_label.set_text(f"Σ {short_number(round(total, 6))}")

    def set_channel(self, channel: int) -> None:
        """Which channel's grid is edited (mode ``three``)."""
        self.channel = channel
        self.refresh()

    def set_brush(
        self, value: float, step: float, symmetry: str, click_paints: bool = False
    ) -> None:
        """What a drag paints, a notch of the wheel adds, and what is drawn along."""
        self.grid.set_brush(value)
        self.grid.set_step(step)
        self.grid.set_symmetry(symmetry)
        self.grid.set_click_paints(click_paints)

    def _on_wanted(self, what: str) -> None:
        self.focused.emit(self.slot)
        self.preset_wanted.emit(what)

    # Editing

    def attempt(self, action: Callable[..., Any], *args: Any, **options: Any) -> Any:
        """Do something to the bench; a refusal is one sentence."""
        try:
            return action(*args, **options)
        except EXPECTED as error:
            self.failed.emit(one_sentence(error))
            self.refresh()
            return None

    def _on_rejected(self, sentence: str) -> None:
        self.failed.emit(sentence)

    def _on_edit_started(self, name: str, turn: int) -> None:
        self.focused.emit(self.slot)
        self._edit_name = name
        self.bench.close_groups()  # another grid may have lost the end of its drag
        self.bench.begin(name, ("wheel", self.slot, self.channel, turn) if turn else None)

    def _on_values_edited(self, values: np.ndarray) -> None:
        old = self.bench.kernel(self.slot, self.channel)
        if values.shape != old.shape:
            return
        where = np.argwhere(values != old)
        if len(where) > _MANY:
            self.attempt(
                self.bench.set_kernel, self.slot, values, self._edit_name, self.channel, False
            )
        elif len(where):
            cells = {(int(r), int(c)): float(values[r, c]) for r, c in where}
            self.attempt(self.bench.set_cells, self.slot, cells, self.channel, self._edit_name)

    def _on_edit_finished(self) -> None:
        self.bench.end()

    def _on_menu(self, place: QPoint) -> None:
        if self._menu is not None:
            self.focused.emit(self.slot)
            self._menu.popup(place)

    def _on_current(self, *_: int) -> None:
        self.focused.emit(self.slot)

    def _on_bias(self, value: float) -> None:
        self.focused.emit(self.slot)
        self.attempt(self.bench.set_bias, self.slot, value)

    def _on_divisor(self, value: float) -> None:
        self.focused.emit(self.slot)
        self.attempt(self.bench.set_divisor, self.slot, value)

    def _on_size(self, rows: int, columns: int) -> None:
        self.focused.emit(self.slot)
        with self.bench.journal.joining(self.size_box.run.key):
            self.attempt(self.bench.set_size, (rows, columns), self.slot)

    def _on_thumb(self) -> None:
        self.channel_chosen.emit(int(self.sender().property("channel")))

    def transform(self, what: str, *args: Any, **options: Any) -> None:
        """One of the bench's transforms, on the selected block or on this filter."""
        self.focused.emit(self.slot)
        self.attempt(self.bench.transform, self.slot, what, *args, **options, **self._where())

    def clear(self) -> None:
        """Every cell of the selected block or of the filter 0."""
        self.focused.emit(self.slot)
        self.attempt(self.bench.clear, self.slot, **self._where())

    def _where(self) -> dict[str, Any]:
        """What a change is of: the selected block on its channel; else the filter, all of it."""
        block = self.selected_block()
        return {} if block is None else {"channel": self.channel, "block": block}

    # Text

    def selected_block(self) -> tuple[slice, slice] | None:
        """The selected block, if it is more than a cell and less than all."""
        rows, cols = self.grid.selection()
        count = (rows.stop - rows.start) * (cols.stop - cols.start)
        return (rows, cols) if 1 < count < self.grid.values().size else None

    def copy_text(self, _: bool = False, style: str = "tsv") -> None:
        """Put the selected block, or the whole kernel, on the clipboard."""
        self.focused.emit(self.slot)
        block = self.selected_block()
        kernel = self.bench.kernel(self.slot, self.channel)
        QApplication.clipboard().setText(format_kernel(kernel[block] if block else kernel, style))

    def paste_text(self) -> None:
        """Numbers from the clipboard: over the selected block's corner, else the whole kernel."""
        self.focused.emit(self.slot)
        text = QApplication.clipboard().text()
        if not text.strip():
            self.failed.emit(tr("The clipboard holds no text; copy some numbers first."))
            return
        self.take_text(text)

    def take_text(self, text: str) -> None:
        """Numbers as text: over the selected block's corner, else the whole kernel."""
        self.focused.emit(self.slot)
        block = self.selected_block()
        at = (block[0].start, block[1].start) if block else None
        if at is None and "\n" not in text.strip() and not set(text.strip()) & set("\t ,;[]{}"):
            at = self.grid.current()
        self.attempt(self.bench.paste, self.slot, text, self.channel, at)

    # What is dropped

    @staticmethod
    def _wanted(data: QMimeData) -> list[Path] | str | None:
        """Kernel files or text that a filter can take; a picture goes to the window."""
        urls = [Path(url.toLocalFile()) for url in data.urls() if url.isLocalFile()]
        if urls:
            return urls if all(p.suffix.lower() in KERNEL_SUFFIXES for p in urls) else None
        return str(data.text()) if data.hasText() and not data.hasImage() else None

    def dragEnterEvent(self, event: QDragEnterEvent) -> None:
        if self._wanted(event.mimeData()) is None:
            event.ignore()
            return
        event.acceptProposedAction()
        self.grid.set_lit(True)

    def dragLeaveEvent(self, event: QDragLeaveEvent) -> None:
        self.grid.set_lit(False)

    def dropEvent(self, event: QDropEvent) -> None:
        self.grid.set_lit(False)
        wanted = self._wanted(event.mimeData())
        if wanted is None:
            event.ignore()
            return
        event.acceptProposedAction()
        self.focused.emit(self.slot)
        self.dropped.emit(self.slot, wanted)
