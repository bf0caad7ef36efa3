"""The window's own icons: SVG line drawings in the theme's text colour."""

from __future__ import annotations

from collections.abc import Iterable

from PyQt5.QtCore import QBuffer, QByteArray, QRectF, Qt
from PyQt5.QtGui import QGuiApplication, QIcon, QImage, QPainter, QPixmap
from PyQt5.QtSvg import QSvgRenderer
from PyQt5.QtWidgets import QApplication

from filterlab import paths
from filterlab.gui import theme

__all__ = ["app_icon", "app_icon_pngs", "icon"]


def _pixmap(svg: bytes, size: int) -> QPixmap:
    ratio = max((s.devicePixelRatio() for s in QGuiApplication.screens()), default=1.0)
    pixmap = QPixmap(int(size * ratio), int(size * ratio))
    pixmap.fill(Qt.transparent)
    painter = QPainter(pixmap)
    QSvgRenderer(QByteArray(svg)).render(painter, QRectF(0, 0, size * ratio, size * ratio))
    painter.end()
    pixmap.setDevicePixelRatio(ratio)
    return pixmap


def icon(name: str, size: int = 16, on_accent: bool = True) -> QIcon:
    """An icon from ``resources/icons/<name>.svg``; ``currentColor`` in it follows the theme.

    ``on_accent``: a button that is pressed lies on the accent.
    """
    svg = paths.resource("icons", f"{name}.svg").read_text(encoding="utf-8")
    colours = theme.current()
    result = QIcon(_pixmap(svg.replace("currentColor", colours.text).encode(), size))
    faint = svg.replace("currentColor", colours.muted).encode()
    result.addPixmap(_pixmap(faint, size), QIcon.Disabled)
    if on_accent:
        pressed = svg.replace("currentColor", colours.on_accent).encode()
        result.addPixmap(_pixmap(pressed, size), QIcon.Normal, QIcon.On)
    return result


def app_icon() -> QIcon:
    """The program's icon."""
    svg = paths.resource("icons", "filterlab.svg").read_bytes()
    result = QIcon()
    for size in (16, 32, 64, 128):
        result.addPixmap(_pixmap(svg, size))
    return result


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
