"""The chosen unit: on the picture, its strongest place enlarged, its best patches."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from numpy.typing import NDArray
from PyQt5.QtCore import QEvent, QPointF, QRectF, QSize, Qt, pyqtSignal
from PyQt5.QtGui import QColor, QImage, QMouseEvent, QPainter, QPaintEvent, QPen
from PyQt5.QtWidgets import (
    QGridLayout,
    QHBoxLayout,
    QLabel,
    QMenu,
    QSizePolicy,
    QToolButton,
    QVBoxLayout,
    QWidget,
)

from filterlab.gui import theme
from filterlab.gui.i18n import Text, tr
from filterlab.gui.icons import icon
from filterlab.gui.images import image_of
from filterlab.gui.widgets.line import Line

__all__ = ["PatchGrid", "Spot", "UnitPanel", "UnitPicture"]

Box = tuple[float, float, float, float]
_SIDE, _PATCH = 240, 36

#: Where best patches can be looked for.
_PLACES = {
    "samples": Text("In the samples"),
    "folder": Text("In a folder's pictures …"),
    "movie": Text("In a movie's frames …"),
}


def _picture_scale() -> float:
    """Pictures grow with the text a little only: beside large text there is no room for more."""
    return min(1.15, theme.scale())


def _paint_box(painter: QPainter, box: QRectF) -> None:
    """A box that is seen on light and dark."""
    painter.setBrush(Qt.NoBrush)
    painter.setPen(QPen(QColor("white"), 3))
    painter.drawRect(box)
    painter.setPen(QPen(QColor(theme.current().accent), 1.5))
    painter.drawRect(box)


class UnitPicture(QWidget):
    """The unit on the picture, with the receptive field that is looked at.

    Signals
    -------
    hovered(float, float) : a point of the picture, in pixels of the net's input
    pressed(float, float)
    left()
    """

    hovered = pyqtSignal(float, float)
    pressed = pyqtSignal(float, float)
    left = pyqtSignal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._image: QImage | None = None
        self._box: Box | None = None
        self._empty = ""
        self.setMouseTracking(True)
        self.setSizePolicy(QSizePolicy.Expanding, QSizePolicy.Fixed)

    def show_image(self, pixels: NDArray[Any] | None, box: Box | None, empty: str = "") -> None:
        """The picture with the unit, and a field on it."""
        self._image = image_of(pixels) if pixels is not None else None
        self._box, self._empty = box, empty
        self.update()

    def set_box(self, box: Box | None) -> None:
        """The field, in pixels of the net's input."""
        self._box = box
        self.update()

    @property
    def box(self) -> Box | None:
        """The field that is marked."""
        return self._box

    @property
    def image(self) -> QImage | None:
        """What is painted under the field."""
        return self._image

    def sizeHint(self) -> QSize:
        side = round(_SIDE * theme.scale())
        return QSize(side, side)

    def minimumSizeHint(self) -> QSize:
        side = round(132 * _picture_scale())
        return QSize(side, side)

    def place(self) -> QRectF:
        """Where the picture is painted."""
        if self._image is None:
            return QRectF(0, 0, self.width(), self.height())
        share = min(self.width() / self._image.width(), self.height() / self._image.height())
        return QRectF(0, 0, self._image.width() * share, self._image.height() * share)

    def _point(self, pos: QPointF) -> tuple[float, float] | None:
        place = self.place()
        if self._image is None or not place.contains(pos):
            return None
        share = self._image.width() / place.width()
        return pos.x() * share, pos.y() * share

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        at = self._point(event.localPos())
        if at is None:
            self.left.emit()
        else:
            self.hovered.emit(*at)

    def mousePressEvent(self, event: QMouseEvent) -> None:
        at = self._point(event.localPos())
        if event.button() == Qt.LeftButton and at is not None:
            self.pressed.emit(*at)

    def leaveEvent(self, event: QEvent) -> None:
        self.left.emit()

    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self)
        colours = theme.current()
        place = self.place()
        if self._image is None:
            painter.fillRect(place, QColor(colours.well))
            painter.setPen(QColor(colours.muted))
            painter.drawText(
                place.adjusted(8, 8, -8, -8), Qt.AlignCenter | Qt.TextWordWrap, self._empty
            )
            painter.end()
            return
        small = self._image.width() < place.width()
        painter.setRenderHint(QPainter.SmoothPixmapTransform, not small)
        painter.drawImage(place, self._image)
        if self._box is not None:
            share = place.width() / self._image.width()
            x0, y0, x1, y1 = (v * share for v in self._box)
            painter.setClipRect(place)
            _paint_box(painter, QRectF(x0, y0, max(4.0, x1 - x0), max(4.0, y1 - y0)))
        painter.end()


class Spot(QWidget):
    """What a field sees, enlarged, with its neighbourhood."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._image: QImage | None = None
        self._box: Box | None = None
        side = round(84 * _picture_scale())
        self.setFixedSize(side, side)

    def show_spot(self, pixels: NDArray[Any] | None, box: Box | None) -> None:
        """The neighbourhood and the field in it; None for nothing."""
        self._image = image_of(pixels) if pixels is not None else None
        self._box = box
        self.update()

    @property
    def image(self) -> QImage | None:
        """The neighbourhood."""
        return self._image

    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self)
        if self._image is None or self._box is None:
            painter.fillRect(self.rect(), QColor(theme.current().well))
        else:
            painter.drawImage(QRectF(self.rect()), self._image)
            share = self.width() / self._image.width()
            x0, y0, x1, y1 = (v * share for v in self._box)
            _paint_box(painter, QRectF(x0, y0, x1 - x0, y1 - y0))
        painter.end()


class PatchGrid(QWidget):
    """Nine patches, three in a row; a click asks for the picture that one comes from.

    Signals
    -------
    pressed(int)
    """

    pressed = pyqtSignal(int)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._patches: list[tuple[QImage, Box, str]] = []
        self._note = ""
        self._cell = round(_PATCH * _picture_scale())
        side = 3 * self._cell + 4
        self.setFixedSize(side, side)
        self.setMouseTracking(True)

    def show_patches(
        self, patches: Sequence[tuple[NDArray[Any], Box, str]], note: str = ""
    ) -> None:
        """Pictures (uint8), the field in each, and its words; a note while there are none."""
        self._patches = [(image_of(pixels), box, told) for pixels, box, told in patches[:9]]
        self._note = note
        self.setAccessibleDescription("; ".join(told for _, _, told in self._patches) or note)
        self.update()

    @property
    def count(self) -> int:
        """How many patches are shown."""
        return len(self._patches)

    @property
    def note(self) -> str:
        """What is said in the place of patches."""
        return self._note

    def cell_rect(self, at: int) -> QRectF:
        """Where a patch is painted."""
        step = self._cell + 2
        return QRectF(at % 3 * step, at // 3 * step, self._cell, self._cell)

    def _at(self, pos: QPointF) -> int:
        return next((k for k in range(self.count) if self.cell_rect(k).contains(pos)), -1)

    def mousePressEvent(self, event: QMouseEvent) -> None:
        at = self._at(event.localPos())
        if event.button() == Qt.LeftButton and at >= 0:
            self.pressed.emit(at)

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        at = self._at(event.localPos())
        self.setToolTip(self._patches[at][2] if at >= 0 else self._note)

    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self)
        colours = theme.current()
        painter.setRenderHint(QPainter.SmoothPixmapTransform)
        for at in range(9):
            cell = self.cell_rect(at)
            if at >= self.count:
                painter.fillRect(cell, QColor(colours.well))
                continue
            image, box, _ = self._patches[at]
            painter.drawImage(cell, image)
            share = cell.width() / image.width()
            x0, y0, x1, y1 = (v * share for v in box)
            if x1 - x0 < 0.9 * cell.width():
                spot = QRectF(
                    cell.left() + x0, cell.top() + y0, max(3.0, x1 - x0), max(3.0, y1 - y0)
                )
                painter.setBrush(Qt.NoBrush)
                painter.setPen(QPen(QColor("white"), 2))
                painter.drawRect(spot)
                painter.setPen(QPen(QColor("black"), 1))
                painter.drawRect(spot)
        if not self.count and self._note:
            painter.setPen(QColor(colours.muted))
            painter.setFont(theme.font(11))
            painter.drawText(
                self.rect().adjusted(4, 4, -4, -4), Qt.AlignCenter | Qt.TextWordWrap, self._note
            )
        painter.end()


class UnitPanel(QWidget):
    """Heading, picture, patches, the field enlarged, the peak in words.

    Signals
    -------
    patches_from(str) : look for the best patches there, one of "samples", "folder", "movie"
    """

    patches_from = pyqtSignal(str)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.heading = QLabel(self)
        self.heading.setFont(theme.font(14, bold=True))
        self.about = Line(self, "muted")
        self.about.setFont(theme.font(12))
        self.picture = UnitPicture(self)
        self.picture.setAccessibleName(tr("The unit on the picture"))
        small = theme.font(12)
        self.patches_title = Line(self, "muted")
        self.patches_title.setFont(small)
        self.folder_button = QToolButton(self)
        self.folder_button.setProperty("flat", True)
        self.folder_button.setIcon(icon("open", 12))
        self.folder_button.setToolTip(tr("Where the best patches are looked for"))
        self.folder_button.setAccessibleName(tr("Where the best patches are looked for"))
        self.folder_button.setPopupMode(QToolButton.InstantPopup)
        menu = QMenu(self.folder_button)
        for key, text in _PLACES.items():
            menu.addAction(tr(text)).setData(key)
        menu.triggered.connect(lambda action: self.patches_from.emit(str(action.data())))
        self.folder_button.setMenu(menu)
        self.patches = PatchGrid(self)
        self.patches.setAccessibleName(tr("best patches"))
        self.spot_title = QLabel(self)
        self.spot_title.setProperty("role", "muted")
        self.spot_title.setFont(small)
        self.spot = Spot(self)
        self.peak = Line(self, "text")
        self.peak.setFont(small)
        self._side = QWidget(self)
        side = QVBoxLayout(self._side)
        side.setContentsMargins(0, 0, 0, 0)
        side.setSpacing(2)
        top = QHBoxLayout()
        top.setContentsMargins(0, 0, 0, 0)
        top.setSpacing(0)
        top.addWidget(self.patches_title, 1)
        top.addWidget(self.folder_button)
        side.addLayout(top)
        side.addWidget(self.patches)
        side.addSpacing(theme.STEP // 2)
        side.addWidget(self.spot_title)
        side.addWidget(self.spot)
        side.addStretch(1)
        layout = QGridLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setHorizontalSpacing(2 * theme.STEP)
        layout.setVerticalSpacing(theme.STEP // 2)
        top_row = QHBoxLayout()
        top_row.setContentsMargins(0, 0, 0, 0)
        top_row.setSpacing(theme.STEP)
        top_row.addWidget(self.heading)
        top_row.addWidget(self.about, 1)
        layout.addLayout(top_row, 0, 0, 1, 2)
        layout.addWidget(self.picture, 1, 0, Qt.AlignTop)
        layout.addWidget(self._side, 1, 1)
        layout.addWidget(self.peak, 2, 0, 1, 2)
        layout.setColumnStretch(0, 100)
        layout.setColumnStretch(2, 1)
        layout.setRowStretch(1, 1)
        self._low = self._pointed = False
        self._has_spot = True
        self.retell()
        self.picture.hovered.connect(lambda *_: self._set_pointed(True))
        self.picture.left.connect(lambda: self._set_pointed(False))

    def retell(self) -> None:
        """Say in the language in use what is painted."""
        self.patches_title.set_text(tr("best patches"), shorter=(tr("patches"), ""))

    @property
    def low(self) -> bool:
        """Whether patches and field have one place."""
        return self._low

    def set_low(self, low: bool) -> None:
        """Whether the field takes the patches' place while the mouse is on the picture.

        Where there is not height enough for both.
        """
        if low != self._low:
            self._low = low
            # As high as the patches, so that nothing below moves when the field comes.
            title = max(p.sizeHint().height() for p in (self.patches_title, self.folder_button))
            high = title + 2 + self.patches.height() + theme.STEP // 2
            self._side.setMinimumHeight(high if low else 0)
            self._show_side()

    def set_field(self, told: str) -> None:
        """The title above the enlarged field; empty: there is none."""
        self.spot_title.setText(told)
        self._has_spot = bool(told)
        self._show_side()

    def _set_pointed(self, pointed: bool) -> None:
        if pointed != self._pointed:
            self._pointed = pointed
            self._show_side()

    def _show_side(self) -> None:
        field = self._has_spot and (self._pointed or not self._low)
        self.spot.setVisible(field)
        self.spot_title.setVisible(field)
        for part in (self.patches_title, self.folder_button, self.patches):
            part.setVisible(not (self._low and field))

    def fit(self, width: int, height: int) -> None:
        """Give the picture the room that is left beside the patches, a square of it.

        As high as :attr:`least`, and more if ``height`` is.
        """
        side = max(round(132 * _picture_scale()), width - self.patches.width() - 2 * theme.STEP)
        side = min(side, max(self.least, height))
        self.picture.setFixedHeight(side)
        self.picture.setMaximumWidth(side)

    @property
    def least(self) -> int:
        """How high the picture may be in any window."""
        # The patches beside it are as high in any window.
        return int(self._side.minimumHeight()) if self._low else round(236 * _picture_scale())

    def minimumSizeHint(self) -> QSize:
        """With the picture as high as in any window: what it has beyond that gives way."""
        hint = super().minimumSizeHint()
        beside = max(self.least, self._side.minimumSizeHint().height())
        return QSize(hint.width(), hint.height() - max(0, self.picture.height() - beside))
