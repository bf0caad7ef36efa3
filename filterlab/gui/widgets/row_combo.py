"""A field of a row of controls that gives way: a name, and behind it a note."""

from __future__ import annotations

from collections.abc import Sequence

from PyQt5.QtCore import QRect, QSignalBlocker, Qt
from PyQt5.QtGui import QColor, QFontMetrics, QPaintEvent, QPalette
from PyQt5.QtWidgets import QComboBox, QStyle, QStyleOptionComboBox, QStylePainter, QWidget

from filterlab.gui import theme

__all__ = ["RowCombo"]


class RowCombo(QComboBox):
    """Ends in … what it has no room for; a note stands behind it where there is room."""

    def __init__(self, parent: QWidget | None) -> None:
        super().__init__(parent)
        self.note = ""

    def fill(
        self,
        entries: Sequence[tuple[str, str, str]],
        more: Sequence[tuple[str, str]],
        chosen: str,
    ) -> None:
        """List (title, key, what it is), below a line (title, key), and choose one; no signals."""
        with QSignalBlocker(self):
            self.clear()
            for title, key, about in entries:
                self.addItem(title, key)
                self.setItemData(self.count() - 1, about, Qt.ToolTipRole)
            self.insertSeparator(self.count())
            for title, key in more:
                self.addItem(title, key)
            self.setCurrentIndex(max(0, self.findData(chosen)))
            self.view().setMinimumWidth(self.view().sizeHintForColumn(0) + 3 * theme.STEP)
        self.setToolTip(str(self.currentData(Qt.ToolTipRole) or ""))

    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QStylePainter(self)
        option = QStyleOptionComboBox()
        self.initStyleOption(option)
        painter.drawComplexControl(QStyle.CC_ComboBox, option)
        place: QRect = self.style().subControlRect(
            QStyle.CC_ComboBox, option, QStyle.SC_ComboBoxEditField, self
        )
        small = QFontMetrics(theme.font(12))
        note = small.horizontalAdvance(self.note) + 6 if self.note else 0
        metrics = self.fontMetrics()
        name = self.currentText()
        if place.width() - note < min(metrics.horizontalAdvance(name), 56):
            note = 0
        shown = metrics.elidedText(name, Qt.ElideRight, place.width() - note)
        painter.setPen(self.palette().color(QPalette.ButtonText))
        painter.drawText(place, int(Qt.AlignLeft | Qt.AlignVCenter), shown)
        if note:
            place.setLeft(place.left() + metrics.horizontalAdvance(shown) + 6)
            painter.setFont(theme.font(12))
            painter.setPen(QColor(theme.current().muted))
            painter.drawText(place, int(Qt.AlignLeft | Qt.AlignVCenter), self.note)
