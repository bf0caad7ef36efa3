"""Small pictures of kernels for menus, buttons and channel switches."""

from __future__ import annotations

import numpy as np
from PyQt5.QtCore import QSize, Qt, pyqtSignal
from PyQt5.QtGui import QColor, QIcon, QImage, QMouseEvent, QPainter, QPaintEvent, QPen, QPixmap
from PyQt5.QtWidgets import QSizePolicy, QWidget

from filterlab.gui import theme
from filterlab.gui.images import image_of
from filterlab.gui.widgets.colours import lut

__all__ = ["KernelThumb", "kernel_icon", "kernel_image"]


def kernel_image(kernel: np.ndarray) -> QImage:
    """One pixel a cell, on the zero-centred scale of the kernel's own largest cell.

    A kernel over three channels (3, kh, kw) is shown as the colours it looks for.
    """
    values = np.nan_to_num(np.asarray(kernel, dtype=np.float64))
    most = float(np.abs(values).max(initial=0.0)) or 1.0
    share = (values / most + 1) / 2
    if values.ndim == 3 and values.shape[0] == 3:
        rgb = (np.moveaxis(share, 0, -1) * 255).round().astype(np.uint8)
    else:
        grid = share if share.ndim == 2 else share[0]
        rgb = lut("diverging")[(grid * 255).round().astype(np.uint8)]
    return image_of(rgb)


def kernel_icon(kernel: np.ndarray, side: int = 20) -> QIcon:
    """The kernel as an icon with a hairline round it."""
    image = kernel_image(kernel)
    ratio = 2
    pixmap = QPixmap(side * ratio, side * ratio)
    pixmap.fill(Qt.transparent)
    painter = QPainter(pixmap)
    unit = max(1, (side * ratio - 2) // max(image.width(), image.height()))
    width, height = unit * image.width(), unit * image.height()
    left, top = (side * ratio - width) // 2, (side * ratio - height) // 2
    painter.drawImage(left, top, image.scaled(width, height))
    painter.setPen(QPen(QColor(theme.current().line), 2))
    painter.drawRect(left, top, width - 1, height - 1)
    painter.end()
    pixmap.setDevicePixelRatio(ratio)
    return QIcon(pixmap)


class KernelThumb(QWidget):
    """A small kernel to click on.

    Signals
    -------
    clicked()
    """

    clicked = pyqtSignal()

    def __init__(self, side: int, parent: QWidget | None = None, name: str = "") -> None:
        super().__init__(parent)
        self._side = side
        self._name = name
        self._image: QImage | None = None
        self._chosen = False
        self.setCursor(Qt.PointingHandCursor)
        self.setSizePolicy(QSizePolicy.Fixed, QSizePolicy.Fixed)

    def sizeHint(self) -> QSize:
        return QSize(self._side, self._side + (self.fontMetrics().height() if self._name else 0))

    def set_kernel(self, kernel: np.ndarray) -> None:
        """Show a kernel."""
        self._image = kernel_image(kernel)
        self.update()

    def set_chosen(self, chosen: bool) -> None:
        """Mark it as the one in use."""
        if chosen != self._chosen:
            self._chosen = chosen
            self.update()

    def mousePressEvent(self, event: QMouseEvent) -> None:
        if event.button() == Qt.LeftButton:
            self.clicked.emit()

    def paintEvent(self, event: QPaintEvent) -> None:
        if self._image is None:
            return
        colours = theme.current()
        painter = QPainter(self)
        unit = max(1, (self._side - 4) // max(self._image.width(), self._image.height()))
        width, height = unit * self._image.width(), unit * self._image.height()
        left, top = (self.width() - width) // 2, (self._side - height) // 2
        painter.drawImage(left, top, self._image.scaled(width, height))
        painter.setPen(QPen(QColor(colours.accent if self._chosen else colours.line), 1))
        if self._chosen:
            painter.setPen(QPen(QColor(colours.accent), 2))
        painter.drawRect(left - 1, top - 1, width + 1, height + 1)
        if self._name:
            painter.setPen(QColor(colours.text if self._chosen else colours.muted))
            line = self.fontMetrics().height()
            painter.drawText(
                0, self.height() - line, self.width(), line, Qt.AlignCenter, self._name
            )
        painter.end()
