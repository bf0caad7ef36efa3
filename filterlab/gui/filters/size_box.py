"""A kernel's size: chosen from a list, or typed, ``7 × 3``."""

from __future__ import annotations

import re

from PyQt5.QtCore import pyqtSignal
from PyQt5.QtWidgets import QComboBox, QSizePolicy, QWidget

from filterlab.gui.i18n import tr
from filterlab.gui.widgets.key_run import KeyRun

__all__ = ["SIDES", "SizeBox"]

SIDES = (1, 3, 5, 7, 9, 11)


class SizeBox(QComboBox):
    """Rows × columns of a kernel.

    Signals
    -------
    chosen(int, int) : rows, columns
    rejected(str) : what was typed is no size; a sentence
    """

    chosen = pyqtSignal(int, int)
    rejected = pyqtSignal(str)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._size = (5, 5)
        self.setEditable(True)
        self.setInsertPolicy(QComboBox.NoInsert)
        for side in SIDES:
            self.addItem(f"{side} × {side}")
        self.setCompleter(None)  # type: ignore[arg-type]  # none; the stubs forbid it
        self.setMinimumContentsLength(3)
        self.setSizeAdjustPolicy(QComboBox.AdjustToMinimumContentsLengthWithIcon)
        self.setSizePolicy(QSizePolicy.Ignored, QSizePolicy.Fixed)
        self.setToolTip(tr("Rows × columns; any can be typed: 7 × 3"))
        self.run = KeyRun(self)
        self.activated.connect(self._on_activated)
        self.lineEdit().editingFinished.connect(self._on_typed)

    def show_size(self, size: tuple[int, int]) -> None:
        """Show a size without reporting it."""
        self._size = size
        text = f"{size[0]} × {size[1]}"
        if self.currentText() != text:
            self.setEditText(text)

    def _on_activated(self, index: int) -> None:
        side = SIDES[index]
        self._take(side, side)

    def _on_typed(self) -> None:
        text = self.currentText()
        numbers = re.fullmatch(r"\s*(\d+)\s*(?:[×x*,; ]\s*(\d+))?\s*", text.lower())
        if numbers is None:
            self.show_size(self._size)
            self.rejected.emit(
                tr("'{text}' is no size; type rows and columns such as 5 × 5 or 7 × 3").format(
                    text=text
                )
            )
            return
        rows = int(numbers[1])
        self._take(rows, int(numbers[2] or rows))

    def _take(self, rows: int, columns: int) -> None:
        before = self._size
        if (rows, columns) != before:
            self.chosen.emit(rows, columns)
        # Where it was refused, what is stays to be seen.
        self.show_size(self._size)
