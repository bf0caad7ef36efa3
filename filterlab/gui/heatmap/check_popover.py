"""The truth meter in full: what the map says of some windows against what the classifier says."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from PyQt5.QtCore import QPointF, QRectF, QSize, Qt
from PyQt5.QtGui import QColor, QPainter, QPaintEvent, QPen
from PyQt5.QtWidgets import QLabel, QVBoxLayout, QWidget

from filterlab.gui import theme
from filterlab.gui.i18n import tr
from filterlab.gui.widgets.popover import Popover
from filterlab.surgery.agreement import Agreement

__all__ = ["CheckPopover"]

_SIDE = 200


class _Dots(QWidget):
    """A dot a window: right of it what the classifier says, above what the map says."""

    def __init__(self, parent: QWidget) -> None:
        super().__init__(parent)
        self.points: NDArray[np.float64] = np.zeros((0, 2))
        self.setFont(theme.font(12))
        self._side = round(_SIDE * theme.scale())
        self._line = max(20, theme.line_height(self.fontMetrics()) + 2)
        self.setFixedSize(QSize(self._side, self._side) + QSize(1, 1) * (self._line + 20))

    def paintEvent(self, event: QPaintEvent) -> None:
        colours = theme.current()
        painter = QPainter(self)
        painter.setRenderHint(QPainter.Antialiasing)
        side, line = self._side, self._line
        place = QRectF(line + 10.5, 8.5, side, side)
        painter.setPen(QPen(QColor(colours.line), 1))
        painter.setBrush(QColor(colours.well))
        painter.drawRect(place)
        pen = QPen(QColor(colours.muted), 1)
        pen.setDashPattern([4, 3])
        painter.setPen(pen)
        painter.drawLine(place.bottomLeft(), place.topRight())
        painter.setPen(QColor(colours.muted))
        bottom = QRectF(place.left(), place.bottom() + 4, side, line)
        painter.drawText(bottom, Qt.AlignCenter, tr("classifier"))
        painter.drawText(bottom, int(Qt.AlignLeft | Qt.AlignVCenter), "0")
        painter.drawText(bottom, int(Qt.AlignRight | Qt.AlignVCenter), "100 %")
        painter.save()
        painter.translate(place.left() - 4, place.bottom())
        painter.rotate(-90)
        painter.drawText(QRectF(0, -line, side, line), Qt.AlignCenter, tr("map"))
        painter.restore()
        painter.setPen(QPen(QColor(colours.surface), 1))
        painter.setBrush(QColor(colours.accent))
        for map_, classifier in self.points:
            at = QPointF(place.left() + side * classifier, place.bottom() - side * map_)
            painter.drawEllipse(at, 4.5, 4.5)
        painter.end()


class CheckPopover(Popover):
    """The dots, and the number behind them."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.dots = _Dots(self)
        self.told = QLabel(self)
        self.told.setWordWrap(True)
        layout = QVBoxLayout(self)
        margin = 2 * theme.STEP
        layout.setContentsMargins(margin, margin, margin, margin)
        layout.addWidget(self.told)
        layout.addWidget(self.dots)

    def show_agreement(self, found: Agreement, classes: Sequence[int], name: str) -> None:
        """Show how far a map agrees with the classifier about classes, summed."""
        wanted = list(classes)
        pair = [side[:, wanted].sum(axis=1) for side in (found.map, found.classifier)]
        self.dots.points = np.clip(np.stack(pair, axis=1).astype(np.float64), 0, 1)
        self.told.setText(
            tr("{name}: what the map says of {n} windows, and the classifier of them alone").format(
                name=name, n=len(found.cells)
            )
        )
        self.dots.setAccessibleName(self.told.text())
        self.dots.update()
