"""How the tab is laid out: a row of controls, stage and classes, the net and its proof below."""

from __future__ import annotations

from PyQt5.QtCore import Qt
from PyQt5.QtGui import QResizeEvent
from PyQt5.QtWidgets import QFrame, QGridLayout, QSizePolicy, QVBoxLayout, QWidget

from filterlab.gui import theme
from filterlab.gui.heatmap.cell_cards import CellCard
from filterlab.gui.heatmap.class_list import ClassList
from filterlab.gui.heatmap.controls import WIDE, Controls
from filterlab.gui.heatmap.net_strip import NetStrip
from filterlab.gui.heatmap.result_panel import ResultPanel
from filterlab.gui.heatmap.stage import Stage

__all__ = ["Panels"]

#: Width of the classes in a wide and in a narrow window.
_CLASSES, _CLASSES_NARROW = 288, 256
#: Under this height of the tab the strip keeps its names only.
_LOW = 560


def _line(parent: QWidget, upright: bool = False) -> QFrame:
    line = QFrame(parent)
    line.setProperty("rule", True)
    (line.setFixedWidth if upright else line.setFixedHeight)(1)
    return line


class Panels(QWidget):
    """The tab's widgets, placed.

    Attributes
    ----------
    controls : Controls. stage : Stage. classes : ClassList. foot : CellCard, under the classes.
    strip : NetStrip. result : ResultPanel. below : QVBoxLayout, for what comes and goes.
    """

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.controls = Controls(self)
        self.stage = Stage(self)
        self.side = QFrame(self)
        self.side.setProperty("panel", True)
        self.classes = ClassList(self.side)
        self.foot = CellCard(self.side, framed=False)
        side = QVBoxLayout(self.side)
        side.setContentsMargins(0, 0, 0, 0)
        side.setSpacing(0)
        side.addWidget(self.classes, 1)
        side.addWidget(self.foot)
        self.strip = NetStrip(self)
        self.result = ResultPanel(self)
        grid = QGridLayout()
        grid.setContentsMargins(0, 0, 0, 0)
        grid.setSpacing(0)
        grid.addWidget(self.stage, 0, 0)
        grid.addWidget(_line(self, upright=True), 0, 1, 3, 1)
        grid.addWidget(self.side, 0, 2)
        grid.addWidget(_line(self), 1, 0)
        grid.addWidget(_line(self), 1, 2)
        grid.addWidget(self.strip, 2, 0)
        grid.addWidget(self.result, 2, 2)
        grid.setColumnStretch(0, 1)
        grid.setRowStretch(0, 1)
        self.below = QVBoxLayout()
        self.below.setContentsMargins(0, 0, 0, 0)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(0)
        layout.addWidget(self.controls)
        layout.addWidget(_line(self))
        layout.addLayout(grid, 1)
        layout.addWidget(_line(self))
        layout.addLayout(self.below)
        self.setSizePolicy(QSizePolicy.Expanding, QSizePolicy.Expanding)
        self.setAttribute(Qt.WA_StyledBackground, False)
        self._arrange()

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self._arrange()

    def _arrange(self) -> None:
        scale = theme.scale()
        wide = self.width() >= WIDE * scale
        self.side.setFixedWidth(round((_CLASSES if wide else _CLASSES_NARROW) * scale))
        self.result.setFixedWidth(self.side.width())
        self.strip.set_low(self.height() < _LOW * scale)
        self.result.set_low(self.height() < _LOW * scale)
