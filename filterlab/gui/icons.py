"""The window's own icons: SVG line drawings in the theme's text colour."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import TypeAlias

from PyQt5.QtCore import QBuffer, QByteArray, QRect, QRectF, QSize, Qt
from PyQt5.QtGui import QGuiApplication, QIcon, QIconEngine, QImage, QPainter, QPixmap
from PyQt5.QtSvg import QSvgRenderer
from PyQt5.QtWidgets import QApplication

from filterlab import paths
from filterlab.gui import theme

__all__ = ["app_icon", "app_icon_pngs", "icon"]


#: Sizes in which desktops show a program's icon.
_SIZES = (16, 32, 64, 128)

_At: TypeAlias = tuple[QIcon.Mode, QIcon.State]


class _Drawn(QIconEngine):
    """Draws an SVG when and as large as somebody asks: a start shows few of all states and sizes.

    Parameters
    ----------
    svgs : mapping of (QIcon.Mode, QIcon.State) to bytes
        What stands in other states is that of ``(Normal, Off)``.
    sizes : sequence of int
        In pixels; none larger is drawn.
    """

    def __init__(self, svgs: Mapping[_At, bytes], sizes: Sequence[int]) -> None:
        super().__init__()
        self._svgs, self._sizes = svgs, sizes

    def clone(self) -> QIconEngine:
        return _Drawn(self._svgs, self._sizes)

    def availableSizes(
        self, mode: QIcon.Mode = QIcon.Normal, state: QIcon.State = QIcon.Off
    ) -> list[QSize]:
        return [QSize(size, size) for size in self._sizes]

    def actualSize(self, size: QSize, mode: QIcon.Mode, state: QIcon.State) -> QSize:
        return size.boundedTo(QSize(self._sizes[-1], self._sizes[-1]))

    def pixmap(self, size: QSize, mode: QIcon.Mode, state: QIcon.State) -> QPixmap:
        ratio = max((s.devicePixelRatio() for s in QGuiApplication.screens()), default=1.0)
        most = math.ceil(self._sizes[-1] * ratio)
        pixmap = QPixmap(size.boundedTo(QSize(most, most)))
        if pixmap.isNull():  # asked for where there is no room at all
            return pixmap
        pixmap.fill(Qt.transparent)
        painter = QPainter(pixmap)
        self.paint(painter, pixmap.rect(), mode, state)
        painter.end()
        return pixmap

    def paint(self, painter: QPainter, rect: QRect, mode: QIcon.Mode, state: QIcon.State) -> None:
        usual = self._svgs[QIcon.Normal, QIcon.Off]
        svg = self._svgs.get((mode, state)) or self._svgs.get((mode, QIcon.Off), usual)
        side = min(rect.width(), rect.height())
        square = QRectF(0, 0, side, side)
        square.moveCenter(QRectF(rect).center())
        QSvgRenderer(QByteArray(svg)).render(painter, square)


def icon(name: str, size: int = 16, on_accent: bool = True) -> QIcon:
    """An icon from ``resources/icons/<name>.svg``; ``currentColor`` in it follows the theme.

    ``on_accent``: a button that is pressed lies on the accent.
    """
    svg = paths.resource("icons", f"{name}.svg").read_text(encoding="utf-8")
    colours = theme.current()
    shown = {
        (QIcon.Normal, QIcon.Off): colours.text,
        (QIcon.Disabled, QIcon.Off): colours.muted,
    }
    if on_accent:
        shown[QIcon.Normal, QIcon.On] = colours.on_accent
    svgs = {at: svg.replace("currentColor", colour).encode() for at, colour in shown.items()}
    return QIcon(_Drawn(svgs, (size,)))


def app_icon() -> QIcon:
    """The program's icon."""
    svg = paths.resource("icons", "filterlab.svg").read_bytes()
    return QIcon(_Drawn({(QIcon.Normal, QIcon.Off): svg}, _SIZES))


def app_icon_pngs(sizes: Iterable[int]) -> dict[int, bytes]:
    """The program's icon as PNGs of these many pixels a side; needs no display."""
    # Qt's SVG reader asks for a font, and fonts for an application.
    app = QApplication.instance() or QApplication(["filterlab", "-platform", "offscreen"])
    svg = paths.resource("icons", "filterlab.svg").read_bytes()
    found = {}
    for size in sizes:
        image = QImage(size, size, QImage.Format_ARGB32)
        image.fill(Qt.transparent)
        painter = QPainter(image)
        QSvgRenderer(QByteArray(svg)).render(painter, QRectF(0, 0, size, size))
        painter.end()
        buffer = QBuffer()
        buffer.open(QBuffer.WriteOnly)
        image.save(buffer, "PNG")
        found[size] = bytes(buffer.data())
        buffer.close()
    del app
    return found
