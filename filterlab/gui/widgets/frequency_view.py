"""What a kernel lets through: its gain for each frequency, low ones in the middle."""

from __future__ import annotations

import numpy as np
from PyQt5.QtCore import QPointF, QRect, QSize, Qt
from PyQt5.QtGui import QColor, QImage, QPainter, QPaintEvent, QPen
from PyQt5.QtWidgets import QSizePolicy, QWidget

from filterlab.gui import theme
from filterlab.gui.i18n import tr
from filterlab.gui.images import image_of
from filterlab.gui.widgets.colours import lut
from filterlab.gui.widgets.histogram import short_number

__all__ = ["FrequencyView"]


class FrequencyView(QWidget):
    """Draws gains (side, side), zero frequency at [side // 2, side // 2], from 0 to the greatest.

    A cross marks zero frequency, a ring half the finest.
    """

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._image: QImage | None = None
        self._most = 0.0
        self.setSizePolicy(QSizePolicy.Preferred, QSizePolicy.Expanding)
        self.setAccessibleName(tr("Frequency response"))
        self.setToolTip(
            tr("Gain for each frequency: still areas in the middle, the finest stripes at the edge")
        )

    def sizeHint(self) -> QSize:
        return QSize(108, 124)

    def minimumSizeHint(self) -> QSize:
        return QSize(64, 72)

    @property
    def greatest(self) -> float:
        """The greatest gain: what the last colour stands for."""
        return self._most

    def set_response(self, gains: np.ndarray) -> None:
        """Show gains (side, side) >= 0."""
        self._most = float(np.max(gains, initial=0.0))
        share = gains / self._most if self._most > 0 else np.zeros_like(gains)
        index = np.nan_to_num(share * 255).round().clip(0, 255).astype(np.uint8)
        self._image = image_of(lut("viridis")[index])
        self.update()

    def paintEvent(self, event: QPaintEvent) -> None:
        if self._image is None:
            return
        colours = theme.current()
        line = self.fontMetrics().height()
        side = max(16, min(self.width(), self.height() - line - 2))
        place = QRect((self.width() - side) // 2, 0, side, side)
        painter = QPainter(self)
        painter.setRenderHint(QPainter.SmoothPixmapTransform)
        painter.drawImage(place, self._image)
        painter.setRenderHint(QPainter.Antialiasing)
        middle = QPointF(place.left() + side / 2, place.top() + side / 2)
        painter.setPen(QPen(QColor(255, 255, 255, 110), 1))
        painter.setBrush(Qt.NoBrush)
        painter.drawEllipse(middle, side / 4, side / 4)
        painter.drawLine(middle - QPointF(3, 0), middle + QPointF(3, 0))
        painter.drawLine(middle - QPointF(0, 3), middle + QPointF(0, 3))
        painter.setPen(QColor(colours.muted))
        text = tr("gain 0 … {most}").format(most=short_number(float(f"{self._most:.3g}")))
        painter.drawText(QRect(0, self.height() - line, self.width(), line), Qt.AlignHCenter, text)
        painter.end()
