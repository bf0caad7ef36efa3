"""What belongs to a kernel grid, its size, bias, divisor and sum: beside the cells or beneath."""

from __future__ import annotations

from collections.abc import Sequence

from PyQt5.QtGui import QFontMetrics
from PyQt5.QtWidgets import QGridLayout, QLabel, QWidget

from filterlab.gui import theme
from filterlab.gui.widgets.line import Line

__all__ = ["GridFields"]

#: The least width beside the grid, in pixels.
_SIDE = 72
_GAP, _NEAR = 8, 4
#: Around the text of a size, in pixels.
_BOX = 18


class GridFields(QWidget):
    """Labelled fields, a row of channels if there are some, and a sum.

    Beside the grid they stand in a column. Where that leaves the cells too little, they stand
    beneath it, four in a row or, in a narrow column, two. They are built as its children.
    """

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._fields: list[tuple[QLabel, QWidget]] = []
        self._grid = QGridLayout(self)
        self._columns = 0
        self._words: tuple[str, ...] = ()
        self._needed: list[int] = []

    def fill(self, fields: Sequence[tuple[str, QWidget]], channels: QWidget, total: Line) -> None:
        """Take these in, in a column."""
        self._channels, self._total = channels, total
        for text, field in fields:
            name = QLabel(text, self)
            name.setProperty("role", "muted")
            name.setFont(theme.font(12))
            name.setBuddy(field)
            field.setMinimumWidth(24)  # else a spin box asks for room for a million
            self._fields.append((name, field))
        channels.hide()
        self.arrange(1)

    @property
    def beneath(self) -> bool:
        """Whether the fields stand beneath the grid."""
        return self._columns > 1

    def wide(self) -> int:
        """Their width beside the grid, in pixels."""
        return max(_SIDE, *self._needs())

    def columns_in(self, width: int) -> int:
        """How many stand in a row beneath a grid of a width, in pixels."""
        return 4 if sum(self._needs()) + 3 * _NEAR <= width else 2

    def _needs(self) -> list[int]:
        """Widths at which each is whole, the sum's last, in pixels."""
        words = tuple(name.text() for name, _ in self._fields)
        if words != self._words:
            self._words, self._needed = words, self._measured()
        return self._needed

    def _measured(self) -> list[int]:
        small, metrics = QFontMetrics(theme.font(12)), self._total.fontMetrics()
        number = metrics.horizontalAdvance("\N{MINUS SIGN}0.25") + 14
        names = [name.sizeHint().width() for name, _ in self._fields]
        size = max(names[0], small.horizontalAdvance("11 × 11") + round(_BOX + 6 * theme.scale()))
        total = metrics.horizontalAdvance("Σ \N{MINUS SIGN}0.25") + 2
        return [size, *(max(name, number) for name in names[1:]), total]

    def arrange(self, columns: int) -> None:
        """Stand in a column beside the grid (1), or in rows of ``columns`` beneath it."""
        if columns == self._columns:
            return
        self._columns = columns
        grid = self._grid
        while grid.count():
            grid.takeAt(0)
        for row in range(grid.rowCount()):
            grid.setRowStretch(row, 0)
        for column in range(grid.columnCount()):
            grid.setColumnStretch(column, 0)
            grid.setColumnMinimumWidth(column, 0)
        grid.setHorizontalSpacing(_GAP)
        grid.setVerticalSpacing(2)
        if columns == 1:
            self._beside()
        else:
            self._beneath(columns)
        self.updateGeometry()

    def _beside(self) -> None:
        grid = self._grid
        grid.setContentsMargins(0, 0, 0, 4)
        row = 0
        for name, field in self._fields:
            grid.addWidget(name, row, 0)
            grid.addWidget(field, row + 1, 0)
            grid.setRowStretch(row + 2, 1)
            row += 3
        grid.addWidget(self._channels, row, 0)
        grid.addWidget(self._total, row + 1, 0)
        grid.setColumnStretch(0, 1)
        self.setFixedWidth(self.wide())

    def _beneath(self, columns: int) -> None:
        grid = self._grid
        grid.setContentsMargins(0, 0, 0, 4)
        for at, (name, field) in enumerate(self._fields):
            row, column = 2 * (at // columns), at % columns
            grid.addWidget(name, row, column)
            grid.addWidget(field, row + 1, column)
        at = len(self._fields)
        row, column = 2 * (at // columns), at % columns
        grid.addWidget(self._total, row + 1, column)
        grid.addWidget(self._channels, row, column)
        needs = self._needs()
        for column in range(columns):
            grid.setColumnMinimumWidth(column, max(needs[column::columns]))
            grid.setColumnStretch(column, 1)
        grid.setHorizontalSpacing(_NEAR if columns > 2 else _GAP)
        self.setMinimumWidth(0)
        self.setMaximumWidth(16_777_215)
