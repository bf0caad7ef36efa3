"""Draws one plane of a unit's kernel by hand, in the same grid as the Filters tab's."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from PyQt5.QtCore import pyqtSignal
from PyQt5.QtWidgets import (
    QDialog,
    QDialogButtonBox,
    QDoubleSpinBox,
    QFormLayout,
    QLabel,
    QVBoxLayout,
    QWidget,
)

from filterlab.gui import theme
from filterlab.gui.i18n import tr
from filterlab.gui.widgets.kernel_grid import KernelGrid

__all__ = ["KernelDialog"]


class KernelDialog(QDialog):
    """The plane in a grid; what is drawn counts at once, Cancel puts it back.

    Signals
    -------
    drawn(object) : the plane (rows, cols) float32, after each edit
    """

    drawn = pyqtSignal(object)

    def __init__(
        self, title: str, plane: NDArray[np.float32], parent: QWidget | None = None
    ) -> None:
        super().__init__(parent)
        self.setWindowTitle(title)
        self.before = plane.copy()
        self.grid = KernelGrid(self)
        self.grid.set_values(plane)
        largest = float(np.abs(plane).max()) or 1.0
        self.brush = QDoubleSpinBox(self)
        self.brush.setRange(-1000.0, 1000.0)
        self.brush.setDecimals(3)
        self.brush.setSingleStep(largest / 10)
        self.brush.setValue(largest)
        self.brush.valueChanged.connect(self.grid.set_brush)
        self.grid.set_brush(self.brush.value())
        self.grid.set_step(round(largest / 10, 3) or 0.001)
        self.grid.edit_finished.connect(lambda: self.drawn.emit(self.grid.values()))
        self.grid.brush_picked.connect(self.brush.setValue)
        self.note = QLabel(
            tr("Drag to paint, right drag to erase, double click or type to set a cell."), self
        )
        self.note.setProperty("role", "muted")
        self.note.setWordWrap(True)
        self.grid.rejected.connect(self.note.setText)
        buttons = QDialogButtonBox(QDialogButtonBox.Ok | QDialogButtonBox.Cancel, self)
        buttons.button(QDialogButtonBox.Ok).setText(tr("OK"))
        buttons.button(QDialogButtonBox.Cancel).setText(tr("Cancel"))
        buttons.accepted.connect(self.accept)
        buttons.rejected.connect(self.reject)
        form = QFormLayout()
        form.addRow(tr("Brush"), self.brush)
        layout = QVBoxLayout(self)
        layout.setSpacing(theme.STEP)
        layout.addWidget(self.grid, 1)
        layout.addLayout(form)
        layout.addWidget(self.note)
        layout.addWidget(buttons)
        self.resize(340, 430)
