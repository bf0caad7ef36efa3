"""The classes found on the picture, ranked; found by typing; each with a small map."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from qtpy.QtCore import (
    QAbstractListModel,
    QModelIndex,
    QPoint,
    QRect,
    QRectF,
    QSize,
    Qt,
    QTimer,
    Signal,
)
from qtpy.QtGui import QColor, QImage, QPainter, QPen
from qtpy.QtWidgets import (
    QAbstractItemView,
    QApplication,
    QComboBox,
    QHBoxLayout,
    QLabel,
    QListView,
    QMenu,
    QStyle,
    QStyledItemDelegate,
    QVBoxLayout,
    QWidget,
)

from filterlab.errors import FilterLabError
from filterlab.gui import theme
from filterlab.gui.heatmap.search_field import SearchField
from filterlab.gui.i18n import language, tr
from filterlab.gui.widgets.colours import lut
from filterlab.surgery.maps import FIRST, SECOND
from filterlab.zoo.labels import Labels

__all__ = ["ClassList", "Row", "percent"]

_SHOWN = 300
_ROW_HEIGHT = 42


def percent(value: float) -> str:
    """A probability for reading."""
    if value >= 0.0995:
        return f"{100 * value:.0f} %"
    if value >= 0.001:
        return f"{100 * value:.1f} %"
    return "< 0.1 %" if value > 0 else "0 %"


@dataclass(frozen=True)
class Row:
    """One row: a class, or a group of classes that are summed."""

    classes: tuple[int, ...]
    title: str
    value: float | None = None

    @property
    def group(self) -> bool:
        """Whether several classes are summed."""
        return len(self.classes) > 1


class _Rows(QAbstractListModel):
    """The rows; texts for accessibility, everything else is painted by the delegate."""

    def __init__(self, parent: QWidget) -> None:
        super().__init__(parent)
        self.rows: list[Row] = []

    def set_rows(self, rows: list[Row]) -> None:
        self.beginResetModel()
        self.rows = rows
        self.endResetModel()

    def rowCount(self, parent: QModelIndex | None = None) -> int:
        return 0 if parent is not None and parent.isValid() else len(self.rows)

    def data(self, index: QModelIndex, role: int = Qt.DisplayRole) -> Any:
        if not index.isValid() or index.row() >= len(self.rows):
            return None
        row = self.rows[index.row()]
        if role == Qt.DisplayRole:
            return row.title
        if role == Qt.ToolTipRole:
            if row.value is None:
                return row.title
            return f"{row.title}\n{row.value:.4g}"
        return None


class _Painter(QStyledItemDelegate):
    """Draws a row: small map, name, bar, number."""

    def __init__(self, owner: ClassList) -> None:
        super().__init__(owner)
        self._owner = owner

    def sizeHint(self, option: Any, index: QModelIndex) -> QSize:
        return QSize(120, _ROW_HEIGHT)

    def paint(self, painter: QPainter, option: Any, index: QModelIndex) -> None:
        colours = theme.current()
        row = self._owner.row_at(index.row())
        rect = QRect(option.rect)
        painter.save()
        chosen = row.classes == self._owner.chosen
        if option.state & QStyle.State_MouseOver or chosen:
            painter.fillRect(rect, QColor(colours.hover))
        edge = self._owner.edge_of(row.classes)
        if edge is not None:
            painter.fillRect(QRect(rect.left(), rect.top() + 4, 3, rect.height() - 8), edge)
        left = rect.left() + 10
        image = self._owner.thumbnail(row.classes)
        if image is not None:
            size = image.size().scaled(44, rect.height() - 8, Qt.KeepAspectRatio)
            place = QRect(QPoint(0, 0), size)
            place.moveCenter(QPoint(left + 22, rect.center().y()))
            painter.setRenderHint(QPainter.SmoothPixmapTransform, False)
            painter.drawImage(place, image)
            left += 54
        right = rect.right() - 8
        metrics = painter.fontMetrics()
        if row.value is not None:
            number = percent(row.value)
            width = metrics.horizontalAdvance("100 %") + 6
            painter.setPen(QColor(colours.muted))
            painter.drawText(
                QRect(right - width, rect.top(), width, rect.height()),
                Qt.AlignRight | Qt.AlignVCenter,
                number,
            )
            right -= width + 6
        font = painter.font()
        font.setBold(chosen)
        painter.setFont(font)
        painter.setPen(QColor(colours.text))
        line = QRect(left, rect.top() + 5, right - left, rect.height() - 16)
        if row.value is None:
            line = QRect(left, rect.top(), right - left, rect.height())
        title = painter.fontMetrics().elidedText(row.title, Qt.ElideRight, line.width())
        painter.drawText(line, Qt.AlignLeft | Qt.AlignVCenter, title)
        if row.value is not None:
            base = QRectF(left, rect.bottom() - 9, right - left, 4)
            painter.setPen(Qt.NoPen)
            painter.setBrush(QColor(colours.line))
            painter.setRenderHint(QPainter.Antialiasing)
            painter.drawRoundedRect(base, 2, 2)
            base.setWidth(max(2.0, base.width() * min(1.0, row.value)))
            painter.setBrush(QColor(colours.accent))
            painter.drawRoundedRect(base, 2, 2)
        painter.setPen(QPen(QColor(colours.line), 1))
        painter.restore()


class ClassList(QWidget):
    """Search field and ranked list.

    Signals
    -------
    chosen_changed(tuple, bool) : classes to show, and whether as the second colour
    """

    chosen_changed = Signal(tuple, bool)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.labels: Labels = Labels([])
        self.chosen: tuple[int, ...] = ()
        self.second: tuple[int, ...] = ()
        self._two = False
        self._prob: np.ndarray | None = None
        self._peak = self._mean = np.zeros(0, np.float32)
        self._count = 0
        self._thumbs: dict[tuple[int, ...], QImage] = {}

        self.search = SearchField(tr("Search: tiger, 282, 281-285"), self)
        self.search.textChanged.connect(self._on_typed)
        self.search.returnPressed.connect(self._on_return)
        self.search.cleared.connect(self._fill)
        self.search.left.connect(self._on_search_left)
        self.order = QComboBox(self)
        self.order.addItem(tr("by peak"), "peak")
        self.order.addItem(tr("by mean"), "mean")
        self.order.setSizeAdjustPolicy(QComboBox.AdjustToContents)
        self.order.setToolTip(tr("Rank the classes by their best cell, or by the mean of all"))
        self.order.currentIndexChanged.connect(self._fill)
        self._model = _Rows(self)
        self.view = QListView(self)
        self.view.setModel(self._model)
        self.view.setItemDelegate(_Painter(self))
        self.view.setMouseTracking(True)
        self.view.setUniformItemSizes(True)
        self.view.setMinimumHeight(3 * _ROW_HEIGHT)
        self.view.setSelectionMode(QAbstractItemView.SingleSelection)
        self.view.setVerticalScrollMode(QAbstractItemView.ScrollPerPixel)
        self.view.setHorizontalScrollBarPolicy(Qt.ScrollBarAlwaysOff)
        self.view.setContextMenuPolicy(Qt.CustomContextMenu)
        self.view.customContextMenuRequested.connect(self._on_menu)
        self.view.clicked.connect(self._on_clicked)
        self.view.activated.connect(self._on_clicked)
        self.empty = QLabel(self)
        self.empty.setProperty("role", "muted")
        self.empty.setAlignment(Qt.AlignHCenter | Qt.AlignTop)
        self.empty.setWordWrap(True)
        self.empty.setTextFormat(Qt.PlainText)
        self.empty.setContentsMargins(theme.STEP, 2 * theme.STEP, theme.STEP, 0)
        self.empty.setMinimumHeight(self.view.minimumHeight())
        # Typing searches at once; the list of a thousand is filled when the fingers rest.
        self._typing = QTimer(self)
        self._typing.setSingleShot(True)
        self._typing.setInterval(60)
        self._typing.timeout.connect(self._fill)
        top = QHBoxLayout()
        top.setSpacing(theme.STEP)
        heading = QLabel(tr("Classes"), self)
        heading.setProperty("role", "heading")
        top.addWidget(heading, 1)
        top.addWidget(self.order)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(theme.STEP)
        layout.addLayout(top)
        layout.addWidget(self.search)
        layout.addWidget(self.view, 1)
        layout.addWidget(self.empty, 1)
        self._fill()

    # Data

    def set_labels(self, labels: Labels, count: int) -> None:
        """The class names, and how many classes the net has."""
        self.labels, self._count = labels, count
        self._fill()

    def set_probabilities(self, prob: np.ndarray | None) -> None:
        """The maps of all classes, (classes, rows, cols); None for none."""
        self._prob = prob
        self._thumbs.clear()
        if prob is not None:
            self._count = prob.shape[0]
            self._peak = prob.max(axis=(1, 2))
            self._mean = prob.mean(axis=(1, 2))
        self._fill()

    def set_chosen(
        self, chosen: tuple[int, ...], second: tuple[int, ...], two: bool = False
    ) -> None:
        """Mark the classes that are shown; ``two`` in the two colours of the map."""
        self.chosen, self.second, self._two = chosen, second, two
        self.view.viewport().update()

    def edge_of(self, classes: tuple[int, ...]) -> QColor | None:
        """The colour in which a row is marked, or None."""
        if not self._two:
            return QColor(theme.current().accent) if classes == self.chosen else None
        for some, colour in ((self.chosen, FIRST), (self.second, SECOND)):
            if classes == some:
                return QColor(*(round(255 * v) for v in colour))
        return None

    def title_of(self, classes: tuple[int, ...]) -> str:
        """Classes as shown: number and name, or the group's name."""
        if len(classes) == 1:
            return self.labels.display(classes[0])
        for group in self.labels.groups:
            if group.indices == classes:
                name = f"{group.zh} {group.name}" if group.zh else group.name
                return tr("Σ {name} ({n} classes)").format(name=name, n=len(classes))
        names = ", ".join(str(c) for c in classes[:6]) + (" …" if len(classes) > 6 else "")
        return f"Σ {names}"

    def name_of(self, classes: tuple[int, ...]) -> str:
        """Classes in a word or two, in the language in use: the name alone, or the group's."""
        if len(classes) == 1:
            label = self.labels[classes[0]]
            return label.chinese if language() == "zh" and label.chinese else label.english
        for group in self.labels.groups:
            if group.indices == classes:
                return "Σ " + (group.zh if language() == "zh" and group.zh else group.name)
        return self.title_of(classes)

    def _value_of(self, classes: tuple[int, ...]) -> float | None:
        if self._prob is None:
            return None
        known = [c for c in classes if c < self._prob.shape[0]]
        if not known:
            return None
        peak = self.order.currentData() == "peak"
        if len(known) == 1:
            return float((self._peak if peak else self._mean)[known[0]])
        total = self._prob[known].sum(axis=0)
        return float(total.max() if peak else total.mean())

    def rows(self) -> list[Row]:
        """The rows that are listed now."""
        return self._model.rows

    def row_at(self, row: int) -> Row:
        """One of the rows that are listed now."""
        return self._model.rows[row]

    def thumbnail(self, classes: tuple[int, ...]) -> QImage | None:
        """The classes' map, a pixel a cell."""
        if self._prob is None:
            return None
        if classes not in self._thumbs:
            known = [c for c in classes if c < self._prob.shape[0]]
            values = self._prob[known].sum(axis=0)
            index = (np.clip(values, 0, 1) * 255).astype(np.uint8)
            rgb = np.ascontiguousarray(lut("inferno")[index])
            rows, cols = index.shape
            image = QImage(rgb.data, cols, rows, 3 * cols, QImage.Format_RGB888).copy()
            self._thumbs[classes] = image
        return self._thumbs[classes]

    # Filling

    def _fill(self) -> None:
        self._typing.stop()
        text = self.search.text().strip()
        found = self._searched(text) if text else self._ranked()
        self._model.set_rows([Row(c, self.title_of(c), self._value_of(c)) for c in found])
        self.empty.setText("" if found else self._why_empty(text))
        self.view.setVisible(bool(found))
        self.empty.setVisible(not found)

    def _why_empty(self, text: str) -> str:
        if not self._count:
            return tr("Once a net is transplanted, its classes are listed here.")
        return tr("no class of this net matches “{text}”").format(text=text)

    def _ranked(self) -> list[tuple[int, ...]]:
        if self._prob is None:
            return [(c,) for c in range(min(self._count, _SHOWN))]
        value = self._peak if self.order.currentData() == "peak" else self._mean
        order = np.argsort(-value, kind="stable")[:_SHOWN]
        return [(int(c),) for c in order]

    def _searched(self, text: str) -> list[tuple[int, ...]]:
        found: list[tuple[int, ...]] = []
        folded = text.casefold()
        for group in self.labels.groups:
            if folded in group.name.casefold() or (group.zh and folded in group.zh):
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

    def _choose(self, classes: tuple[int, ...], second: bool = False) -> None:
        self.chosen_changed.emit(classes, second)

    def _on_typed(self) -> None:
        self._typing.start()

    def _on_return(self) -> None:
        self._fill()
        if self._model.rows:
            self._choose(self._model.rows[0].classes)

    def _on_clicked(self, index: QModelIndex) -> None:
        if not index.isValid():
            return
        classes, keys = self.row_at(index.row()).classes, QApplication.keyboardModifiers()
        if keys & Qt.ControlModifier:
            self._choose(self._toggled(classes))
        else:
            self._choose(classes, bool(keys & Qt.AltModifier))

    def _toggled(self, classes: tuple[int, ...]) -> tuple[int, ...]:
        """The chosen classes with these added, or taken away if they are all among them."""
        now = set(self.chosen)
        kept = now - set(classes) if now.issuperset(classes) else now | set(classes)
        return tuple(sorted(kept or classes))

    def _on_menu(self, at: QPoint) -> None:
        index = self.view.indexAt(at)
        if not index.isValid():
            return
        row = self.row_at(index.row())
        menu = QMenu(self)
        menu.setAttribute(Qt.WA_DeleteOnClose)
        show = menu.addAction(tr("Show this map"))
        add = menu.addAction(tr("Add to the sum"))
        compare = menu.addAction(tr("Compare in a second colour"))
        picked = menu.exec_(self.view.viewport().mapToGlobal(at))
        if picked is show:
            self._choose(row.classes)
        elif picked is add:
            self._choose(tuple(sorted({*self.chosen, *row.classes})))
        elif picked is compare:
            self._choose(row.classes, True)

    def _on_search_left(self) -> None:
        if self._model.rows:
            self.view.setFocus()
            self.view.setCurrentIndex(self._model.index(0))
