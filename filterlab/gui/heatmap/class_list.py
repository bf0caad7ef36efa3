"""The classes found on the picture, ranked; found by typing; each with a small map."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from PyQt5.QtCore import (
    QAbstractListModel,
    QModelIndex,
    QPoint,
    QRect,
    QRectF,
    QSize,
    Qt,
    QTimer,
    pyqtSignal,
)
from PyQt5.QtGui import QColor, QFontMetrics, QImage, QKeyEvent, QPainter, QPixmap
from PyQt5.QtWidgets import (
    QAbstractItemView,
    QApplication,
    QComboBox,
    QHBoxLayout,
    QLabel,
    QListView,
    QMenu,
    QStyle,
    QStyledItemDelegate,
    QStyleOptionViewItem,
    QVBoxLayout,
    QWidget,
)

from filterlab.errors import FilterLabError
from filterlab.gui import theme
from filterlab.gui.class_names import classes_name, numbers, percent
from filterlab.gui.i18n import tr
from filterlab.gui.images import image_of
from filterlab.gui.widgets.colours import lut
from filterlab.gui.widgets.search_field import SearchField
from filterlab.surgery.heatmap import ClassMaps
from filterlab.surgery.maps import FIRST, SECOND
from filterlab.zoo.labels import Labels

__all__ = ["ClassList"]

Classes = tuple[int, ...]

#: Of a name that is cut, fewer characters than so many say nothing.
_LEAST_CUT = 4
_ROW, _THUMB = 48, QSize(48, 36)
_MARGIN = 2 * theme.STEP


class _Rows(QAbstractListModel):
    """The rows, a class or a sum each; everything but their texts is painted by the delegate."""

    def __init__(self, owner: ClassList) -> None:
        super().__init__(owner)
        self._owner = owner
        self.rows: list[Classes] = []

    def set_rows(self, rows: list[Classes]) -> None:
        if rows and len(rows) == len(self.rows):
            # As for each frame of a video. Told so, the view would ask anew where each row lies.
            self.rows = rows
            self._owner.view.viewport().update()
            return
        self.beginResetModel()
        self.rows = rows
        self.endResetModel()

    def rowCount(self, parent: QModelIndex | None = None) -> int:
        return 0 if parent is not None and parent.isValid() else len(self.rows)

    def data(self, index: QModelIndex, role: int = Qt.DisplayRole) -> Any:
        if not index.isValid() or index.row() >= len(self.rows):
            return None
        if role not in (Qt.DisplayRole, Qt.ToolTipRole):
            return None
        classes = self.rows[index.row()]
        title, value = self._owner.title_of(classes), self._owner.value_of(classes)
        if value is None:
            return title
        return f"{title}, {percent(value)}" if role == Qt.DisplayRole else f"{title}\n{value:.4g}"


class _Painter(QStyledItemDelegate):
    """Draws a row: small map, number, name in both languages, bar, share."""

    def __init__(self, owner: ClassList) -> None:
        super().__init__(owner)
        self._owner = owner

    def sizeHint(self, option: QStyleOptionViewItem, index: QModelIndex) -> QSize:
        return QSize(120, row_height())

    def paint(self, painter: QPainter, option: QStyleOptionViewItem, index: QModelIndex) -> None:
        colours, owner = theme.current(), self._owner
        classes = owner.rows()[index.row()]
        rect = QRect(option.rect)
        painter.save()
        chosen = classes == owner.chosen
        if chosen:
            painter.fillRect(rect, QColor(colours.selection))
        elif option.state & QStyle.State_MouseOver:
            painter.fillRect(rect, QColor(colours.hover))
        edge = owner.edge_of(classes)
        if edge is not None:
            painter.fillRect(QRect(rect.left(), rect.top(), 3, rect.height()), edge)
        left, right = rect.left() + _MARGIN, rect.right() - _MARGIN
        image = owner.thumbnail(classes)
        if image is not None:
            place = QRect(QPoint(left, 0), _THUMB)
            place.moveTop(rect.top() + (rect.height() - _THUMB.height()) // 2)
            painter.drawPixmap(place, image)
            left += _THUMB.width() + 12
        value = owner.value_of(classes)
        line = theme.line_height(painter.fontMetrics())
        top = rect.top() + (rect.height() - 2 * line) // 2 if value is not None else rect.top()
        first = QRect(left, top, right - left, line if value is not None else rect.height())
        _draw_name(painter, first, owner.labels, classes, chosen)
        if value is not None:
            self._draw_share(painter, QRect(left, top + line, right - left, line), value)
        painter.restore()

    def _draw_share(self, painter: QPainter, place: QRect, value: float) -> None:
        colours = theme.current()
        small = theme.font(12)
        painter.setFont(small)
        number = QFontMetrics(small).horizontalAdvance("< 0.1 %") + 2
        painter.setPen(QColor(colours.text))
        painter.drawText(place, int(Qt.AlignRight | Qt.AlignVCenter), percent(value))
        bar = QRectF(place.left(), place.center().y() - 1, place.width() - number - 6, 4)
        painter.setRenderHint(QPainter.Antialiasing)
        draw_bar(painter, bar, value)


def row_height() -> int:
    """Height of a row: 48, more with a large font."""
    return max(_ROW, 2 * theme.line_height(QFontMetrics(theme.font())) + 8)


def draw_bar(painter: QPainter, place: QRectF, share: float) -> None:
    """A share as a bar."""
    colours = theme.current()
    round_ = place.height() / 2
    painter.setPen(Qt.NoPen)
    painter.setBrush(QColor(colours.line))
    painter.drawRoundedRect(place, round_, round_)
    if share > 0:
        done = QRectF(place)
        done.setWidth(max(place.height() * 0.75, place.width() * min(1.0, share)))
        painter.setBrush(QColor(colours.accent))
        painter.drawRoundedRect(done, round_, round_)


def _draw_name(
    painter: QPainter, place: QRect, labels: Labels, classes: Classes, bold: bool
) -> None:
    """Number, name in the language in use, and what room is left for the other one's."""
    colours = theme.current()
    own, other = classes_name(labels, classes)
    font, small = theme.font(13, bold=bold), theme.font(12)
    metrics, left = QFontMetrics(font), place.left()
    if len(classes) == 1:
        painter.setFont(theme.font(13))
        painter.setPen(QColor(colours.muted))
        painter.drawText(place, int(Qt.AlignLeft | Qt.AlignVCenter), str(classes[0]))
        left += QFontMetrics(theme.font(13)).horizontalAdvance("000") + 8
    else:
        own = f"Σ {own}"
    room = place.right() + 1 - left
    shown = metrics.elidedText(own, Qt.ElideRight, room)
    painter.setFont(font)
    painter.setPen(QColor(colours.text))
    painter.drawText(
        QRect(left, place.top(), room, place.height()), int(Qt.AlignLeft | Qt.AlignVCenter), shown
    )
    used = metrics.horizontalAdvance(shown) + 5
    if other and shown == own and room - used > 24:
        painter.setFont(small)
        painter.setPen(QColor(colours.muted))
        rest = QFontMetrics(small).elidedText(other, Qt.ElideRight, room - used)
        if rest != other and len(rest) < _LEAST_CUT:
            return
        painter.drawText(
            QRect(left + used, place.top(), room - used, place.height()),
            int(Qt.AlignLeft | Qt.AlignVCenter),
            rest,
        )


class _View(QListView):
    """Says when a key has moved to another row.

    Signals
    -------
    moved() : to the current index
    """

    moved = pyqtSignal()

    def keyPressEvent(self, event: QKeyEvent) -> None:
        before = self.currentIndex()
        super().keyPressEvent(event)
        if self.currentIndex() != before and self.currentIndex().isValid():
            self.moved.emit()


class ClassList(QWidget):
    """Title and order, search field, ranked list.

    Signals
    -------
    chosen_changed(tuple, str) : classes to show, and how: "plain", "keys" (many in a row are one
        step) or "second" (as the second colour)
    order_changed(str) : "peak" or "mean"
    """

    chosen_changed = pyqtSignal(tuple, str)
    order_changed = pyqtSignal(str)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.labels: Labels = Labels([])
        self.chosen: Classes = ()
        self.second: Classes = ()
        self._two = False
        self._maps: ClassMaps | None = None
        self._photo: QImage | None = None
        self._peak = self._mean = np.zeros(0, np.float32)
        self._count = 0
        self._thumbs: dict[Classes, QPixmap] = {}

        self.search = SearchField(tr("tiger, 282, 281-285"), self)
        self.search.setAccessibleName(tr("Search a class"))
        self.search.textChanged.connect(self._on_typed)
        self.search.returnPressed.connect(self._on_return)
        self.search.cleared.connect(self._fill)
        self.search.left.connect(self._on_search_left)
        self.search.setFixedHeight(max(32, theme.line_height(self.search.fontMetrics()) + 12))
        self.order = QComboBox(self)
        self.order.addItem(tr("by best cell"), "peak")
        self.order.addItem(tr("by mean"), "mean")
        self.order.setSizeAdjustPolicy(QComboBox.AdjustToContents)
        # The style sheet's padding is more than the hint knows of.
        self.order.setMinimumWidth(self.order.sizeHint().width() + 4)
        self.order.setToolTip(tr("Rank the classes by their best cell, or by the mean of all"))
        self.order.currentIndexChanged.connect(self._on_order)
        self._model = _Rows(self)
        self.view = _View(self)
        self.view.viewport().setObjectName("names")
        self.view.setAccessibleName(tr("Classes"))
        self.view.setModel(self._model)
        self.view.setItemDelegate(_Painter(self))
        self.view.setMouseTracking(True)
        self.view.setUniformItemSizes(True)
        self.view.setFrameShape(QListView.NoFrame)
        self.view.setProperty("bare", True)
        self.view.setMinimumHeight(2 * row_height())
        self.view.setSelectionMode(QAbstractItemView.SingleSelection)
        self.view.setVerticalScrollMode(QAbstractItemView.ScrollPerPixel)
        self.view.setHorizontalScrollBarPolicy(Qt.ScrollBarAlwaysOff)
        self.view.setContextMenuPolicy(Qt.CustomContextMenu)
        self.view.customContextMenuRequested.connect(self._on_menu)
        self.view.clicked.connect(self._on_clicked)
        self.view.activated.connect(self._on_activated)
        self.view.moved.connect(self._on_moved)
        self.empty = QLabel(self)
        self.empty.setProperty("role", "muted")
        self.empty.setAlignment(Qt.AlignHCenter | Qt.AlignTop)
        self.empty.setWordWrap(True)
        self.empty.setTextFormat(Qt.PlainText)
        self.empty.setContentsMargins(_MARGIN, 2 * theme.STEP, _MARGIN, 0)
        # Typing searches at once; the list of a thousand is filled when the fingers rest.
        self._typing = QTimer(self)
        self._typing.setSingleShot(True)
        self._typing.setInterval(60)
        self._typing.timeout.connect(self._fill)
        self._heading = QLabel(tr("Classes"), self)
        self._heading.setFont(theme.font(14, bold=True))
        self._number = QLabel(self)
        self._number.setProperty("role", "muted")
        self._number.setFont(theme.font(12))
        top = QHBoxLayout()
        top.setContentsMargins(_MARGIN, theme.STEP, _MARGIN, theme.STEP)
        top.setSpacing(theme.STEP)
        top.addWidget(self._heading)
        top.addWidget(self._number, 1)
        top.addWidget(self.order)
        field = QHBoxLayout()
        field.setContentsMargins(_MARGIN, 0, _MARGIN, theme.STEP)
        field.addWidget(self.search)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(0)
        layout.addLayout(top)
        layout.addLayout(field)
        layout.addWidget(self.view, 1)
        layout.addWidget(self.empty, 1)
        self._fill()

    # Data

    def set_labels(self, labels: Labels, count: int) -> None:
        """The class names, and how many classes the net has; another net begins a new search."""
        if labels is not self.labels or count != self._count:
            self.search.clear()
        self.labels, self._count = labels, count
        self._number.setText(str(count) if count else "")
        self._fill()

    def set_maps(self, maps: ClassMaps | None, picture: NDArray[np.float32] | None = None) -> None:
        """The maps of all classes, and the picture that they lie on (RGB, 0 to 1)."""
        self._maps = maps
        self._thumbs.clear()
        self._photo = None if picture is None else _photo(picture)
        if maps is not None:
            self._peak = maps.prob.max(axis=(1, 2))
            self._mean = maps.prob.mean(axis=(1, 2))
        self._fill()

    def set_chosen(self, chosen: Classes, second: Classes, two: bool = False) -> None:
        """Mark the classes that are shown; ``two`` in the two colours of the map."""
        self.chosen, self.second, self._two = chosen, second, two
        self._show_current()
        self.view.viewport().update()

    def edge_of(self, classes: Classes) -> QColor | None:
        """The colour in which a row is marked, or None."""
        if not self._two:
            return QColor(theme.current().accent) if classes == self.chosen else None
        for some, colour in ((self.chosen, FIRST), (self.second, SECOND)):
            if classes == some:
                return QColor(*(round(255 * v) for v in colour))
        return None

    def title_of(self, classes: Classes) -> str:
        """Classes in words: number and names, or the sum's."""
        own, other = classes_name(self.labels, classes)
        begin = str(classes[0]) if len(classes) == 1 else f"Σ {numbers(classes)}"
        if len(classes) > 1 and not other and own.startswith(numbers(classes)):
            return f"Σ {own}"
        return " ".join(part for part in (begin, own, other) if part)

    def value_of(self, classes: Classes) -> float | None:
        """The share by which a row is ranked; None while there is no map."""
        if self._maps is None:
            return None
        known = [c for c in classes if c < len(self._peak)]
        if not known:
            return None
        peak = self.order.currentData() == "peak"
        if len(known) == 1:
            return float((self._peak if peak else self._mean)[known[0]])
        total = self._maps.values(known)
        return float(total.max() if peak else total.mean())

    def rows(self) -> list[Classes]:
        """The rows that are listed now."""
        return self._model.rows

    def thumbnail(self, classes: Classes) -> QPixmap | None:
        """The classes' map on the picture, small; None while there is none."""
        maps = self._maps
        if maps is None:
            return None
        if classes not in self._thumbs:
            known = [c for c in classes if c < maps.classes]
            if not known:
                return None
            self._thumbs[classes] = self._drawn(maps, maps.values(known))
        return self._thumbs[classes]

    def _drawn(self, maps: ClassMaps, values: NDArray[np.float32]) -> QPixmap:
        ratio = self.devicePixelRatioF()
        pixmap = QPixmap(_THUMB * ratio)
        pixmap.setDevicePixelRatio(ratio)
        pixmap.fill(QColor(theme.current().well))
        painter = QPainter(pixmap)
        rows, cols = maps.picture_size
        scale = max(_THUMB.width() / cols, _THUMB.height() / rows)
        # The middle of the picture fills the place.
        painter.translate((_THUMB.width() - cols * scale) / 2, (_THUMB.height() - rows * scale) / 2)
        painter.scale(scale, scale)
        if self._photo is not None:
            painter.setRenderHint(QPainter.SmoothPixmapTransform, True)
            painter.drawImage(QRectF(0, 0, cols, rows), self._photo)
        x0, y0, x1, y1 = maps.tiles_on_picture()
        painter.setRenderHint(QPainter.SmoothPixmapTransform, False)
        painter.drawImage(QRectF(x0, y0, x1 - x0, y1 - y0), _cells(values))
        painter.end()
        return pixmap

    # Filling

    def _fill(self) -> None:
        self._typing.stop()
        text = self.search.text().strip()
        found = self._searched(text) if text else self._ranked()
        self._model.set_rows(found)
        self._show_current()
        self.empty.setText("" if found else self._why_empty(text))
        self.view.setVisible(bool(found))
        self.empty.setVisible(not found)

    def _show_current(self) -> None:
        """Arrow keys go on from the row that is shown."""
        rows = self._model.rows
        at = rows.index(self.chosen) if self.chosen in rows else -1
        self.view.setCurrentIndex(self._model.index(at))

    def _why_empty(self, text: str) -> str:
        if not self._count:
            return tr("Once a net is transplanted, its classes are listed here.")
        return tr("no class of this net matches “{text}”").format(text=text)

    def _ranked(self) -> list[Classes]:
        if self._maps is None:
            return [(c,) for c in range(self._count)]
        value = self._peak if self.order.currentData() == "peak" else self._mean
        return [(int(c),) for c in np.argsort(-value, kind="stable")]

    def _searched(self, text: str) -> list[Classes]:
        found: list[Classes] = []
        folded = text.casefold()
        for group in self.labels.groups:
            names = (group.name, *(name for _, name in group.other))
            if any(folded in name.casefold() for name in names):
                found.append(group.indices)
        if any(mark in text for mark in "-–;,；，") or ".." in text:
            try:
                several = tuple(self.labels.select(text))
            except FilterLabError:
                several = ()
            if len(several) > 1:
                found.insert(0, several)
        found += [(label.index,) for label in self.labels.search(text, 60)]
        inside = [c for c in dict.fromkeys(found) if all(i < self._count for i in c)]
        # A name's own class comes before the groups whose names merely hold the word.
        first = [c for c in inside if len(c) == 1][:1]
        return (
            inside
            if len(inside) < 2 or len(inside[0]) > 1
            else first + [c for c in inside if c not in first]
        )

    # Choosing

    def _choose(self, classes: Classes, how: str = "plain") -> None:
        self.chosen_changed.emit(classes, how)

    def _on_order(self, _: int) -> None:
        self._fill()
        self.order_changed.emit(str(self.order.currentData()))

    def _on_typed(self) -> None:
        self._typing.start()

    def _on_return(self) -> None:
        self._fill()
        if self._model.rows:
            self._choose(self._model.rows[0])

    def _on_moved(self) -> None:
        self._choose(self.rows()[self.view.currentIndex().row()], "keys")

    def _on_activated(self, index: QModelIndex) -> None:
        # Enter; a click that activates has chosen already.
        if index.isValid() and self.rows()[index.row()] != self.chosen:
            self._on_clicked(index)

    def _on_clicked(self, index: QModelIndex) -> None:
        if not index.isValid():
            return
        classes, keys = self.rows()[index.row()], QApplication.keyboardModifiers()
        if keys & Qt.ControlModifier:
            self._choose(self._toggled(classes))
        else:
            self._choose(classes, "second" if keys & Qt.AltModifier else "plain")

    def _toggled(self, classes: Classes) -> Classes:
        """The chosen classes with these added, or taken away if they are all among them."""
        now = set(self.chosen)
        kept = now - set(classes) if now.issuperset(classes) else now | set(classes)
        return tuple(sorted(kept or classes))

    def _on_menu(self, at: QPoint) -> None:
        index = self.view.indexAt(at)
        if not index.isValid():
            return
        classes = self.rows()[index.row()]
        menu = QMenu(self)
        menu.setAttribute(Qt.WA_DeleteOnClose)
        show = menu.addAction(tr("Show this map"))
        add = menu.addAction(tr("Add to the sum"))
        compare = menu.addAction(tr("Compare in a second colour"))
        picked = menu.exec_(self.view.viewport().mapToGlobal(at))
        if picked is show:
            self._choose(classes)
        elif picked is add:
            self._choose(tuple(sorted({*self.chosen, *classes})))
        elif picked is compare:
            self._choose(classes, "second")

    def _on_search_left(self) -> None:
        self._fill()
        if self._model.rows:
            self.view.setFocus()
            self.view.setCurrentIndex(self._model.index(0))
            self._on_moved()


def _photo(picture: NDArray[np.float32]) -> QImage:
    """The picture as small as the thumbnails need it, in grey, so that the map's colours tell."""
    import cv2

    rows, cols = picture.shape[:2]
    share = min(1.0, 3 * _THUMB.width() / max(rows, cols))
    size = (max(1, round(cols * share)), max(1, round(rows * share)))
    small = cv2.resize(np.clip(picture, 0, 1), size, interpolation=cv2.INTER_AREA)
    grey = small.mean(axis=-1) if small.ndim == 3 else small
    return image_of((grey * 255 + 0.5).astype(np.uint8))


def _cells(values: NDArray[np.float32]) -> QImage:
    """A map, a pixel a cell, as opaque as it is sure."""
    end = max(0.01, float(values.max()))
    index = np.clip(values / end * 255, 0, 255).astype(np.uint8)
    rgba = np.empty((*values.shape, 4), np.uint8)
    rgba[..., :3] = lut("inferno")[index]
    rgba[..., 3] = np.clip(values / (0.55 * end), 0, 1) * 230
    return image_of(rgba)
