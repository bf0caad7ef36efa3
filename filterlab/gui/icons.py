"""The window's own icons: SVG line drawings in the theme's text colour."""

from __future__ import annotations

from qtpy.QtCore import QByteArray, QRectF, Qt
from qtpy.QtGui import QGuiApplication, QIcon, QPainter, QPixmap
from qtpy.QtSvg import QSvgRenderer

from filterlab import paths
from filterlab.gui import theme

__all__ = ["app_icon", "icon"]


def _pixmap(svg: bytes, size: int) -> QPixmap:
    ratio = max((s.devicePixelRatio() for s in QGuiApplication.screens()), default=1.0)
    pixmap = QPixmap(int(size * ratio), int(size * ratio))
    pixmap.fill(Qt.transparent)
    painter = QPainter(pixmap)
    QSvgRenderer(QByteArray(svg)).render(painter, QRectF(0, 0, size * ratio, size * ratio))
    painter.end()
    pixmap.setDevicePixelRatio(ratio)
    return pixmap


def icon(name: str, size: int = 16) -> QIcon:
    """An icon from ``resources/icons/<name>.svg``; ``currentColor`` in it follows the theme."""
    svg = paths.resource("icons", f"{name}.svg").read_text(encoding="utf-8")
    colours = theme.current()
    result = QIcon(_pixmap(svg.replace("currentColor", colours.text).encode(), size))
    faint = svg.replace("currentColor", colours.muted).encode()
    result.addPixmap(_pixmap(faint, size), QIcon.Disabled)
    on_accent = svg.replace("currentColor", colours.on_accent).encode()
    result.addPixmap(_pixmap(on_accent, size), QIcon.Normal, QIcon.On)
    return result


def app_icon() -> QIcon:
    """The program's icon."""
    svg = paths.resource("icons", "filterlab.svg").read_bytes()
    result = QIcon()
    for size in (16, 32, 64, 128):
        result.addPixmap(_pixmap(svg, size))
    return result
