"""A place that scrolls up and down and paints only what is in sight."""

from __future__ import annotations

from PyQt5.QtCore import Qt
from PyQt5.QtWidgets import QAbstractScrollArea, QWidget

__all__ = ["PaintedScroll"]


class PaintedScroll(QAbstractScrollArea):
    """No frame, no background, a bar at the right only; the mouse is followed.

    Parameters
    ----------
    name : str
        For screen readers.
    """

    def __init__(self, name: str, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setFrameShape(QAbstractScrollArea.NoFrame)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarAlwaysOff)
        self.viewport().setAutoFillBackground(False)
        self.viewport().setMouseTracking(True)
        self.setFocusPolicy(Qt.StrongFocus)
        self.setAccessibleName(name)

    def set_length(self, height: int, step: int) -> None:
        """How high all of it is, and how far a turn of the wheel goes, in pixels."""
        bar, page = self.verticalScrollBar(), self.viewport().height()
        bar.setRange(0, max(0, height - page))
        bar.setPageStep(page)
        bar.setSingleStep(step)

    def bring_into_sight(self, top: int, bottom: int) -> None:
        """Scroll no further than it takes to see the pixels from ``top`` to ``bottom``."""
        bar = self.verticalScrollBar()
        bar.setValue(min(top, max(bottom - self.viewport().height(), bar.value())))
