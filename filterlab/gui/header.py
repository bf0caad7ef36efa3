"""The window's first row: menus at the left, tabs in the middle, the language at the right."""

from __future__ import annotations

from collections.abc import Sequence

from PyQt5.QtCore import QEvent, QRect, QSize, Qt
from PyQt5.QtGui import (
    QColor,
    QFocusEvent,
    QFontMetrics,
    QMouseEvent,
    QPainter,
    QPaintEvent,
    QPen,
    QResizeEvent,
    QShowEvent,
)
from PyQt5.QtWidgets import QMenuBar, QSizePolicy, QTabBar, QWidget

from filterlab.gui import theme
from filterlab.gui.widgets.segments import Segments

__all__ = ["Header", "TabBar"]

#: Height of the row and width of a tab, at the usual text size.
ROW, TAB = 40, 96


class TabBar(QTabBar):
    """Tabs of one width; the one in front is bold and underlined in the accent."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setDrawBase(False)
        self.setExpanding(False)
        self.setUsesScrollButtons(False)
        self.setElideMode(Qt.ElideNone)
        self.setMouseTracking(True)
        self._hovered = -1
        self._by_key = False

    def tabSizeHint(self, index: int) -> QSize:
        bold = QFontMetrics(theme.font(14, bold=True))
        widest = max(bold.horizontalAdvance(self.tabText(k)) for k in range(self.count()))
        return QSize(max(TAB, widest + 3 * theme.STEP), row_height(self))

    def minimumTabSizeHint(self, index: int) -> QSize:
        return self.tabSizeHint(index)

    def focusInEvent(self, event: QFocusEvent) -> None:
        self._by_key = event.reason() in (Qt.TabFocusReason, Qt.BacktabFocusReason)
        super().focusInEvent(event)

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        super().mouseMoveEvent(event)
        self._hover(self.tabAt(event.pos()))

    def leaveEvent(self, event: QEvent) -> None:
        super().leaveEvent(event)
        self._hover(-1)

    def _hover(self, index: int) -> None:
        if index != self._hovered:
            self._hovered = index
            self.update()

    def paintEvent(self, event: QPaintEvent) -> None:
        colours = theme.current()
        painter = QPainter(self)
        for k in range(self.count()):
            place, chosen = self.tabRect(k), k == self.currentIndex()
            bright = chosen or k == self._hovered
            painter.setFont(theme.font(14, bold=chosen))
            painter.setPen(QColor(colours.text if bright else colours.muted))
            painter.drawText(place, Qt.AlignCenter, self.tabText(k))
            if chosen:
                under = QRect(place.left(), place.bottom() - 2, place.width(), 3)
                painter.fillRect(under, QColor(colours.accent))
            if chosen and self.hasFocus() and self._by_key:
                painter.setRenderHint(QPainter.Antialiasing)
                painter.setPen(QPen(QColor(colours.accent), 1))
                painter.drawRoundedRect(place.adjusted(3, 6, -4, -8), 4, 4)
                painter.setRenderHint(QPainter.Antialiasing, False)
        painter.end()


def row_height(widget: QWidget) -> int:
    """Height of a row of the header: 40, more with a large font."""
    return max(ROW, 2 * theme.line_height(widget.fontMetrics()))


class Header(QWidget):
    """Menus, tabs and language in one row.

    In a narrow window, and with the text size Room, the tabs take a row of their own.

    Where the system owns the menu bar, its place in the row stays empty.

    Attributes
    ----------
    menu_bar : QMenuBar. tabs : TabBar. languages : Segments.
    """

    def __init__(
        self, languages: Sequence[tuple[str, str]], language: str, parent: QWidget | None = None
    ) -> None:
        super().__init__(parent)
        self.menu_bar = QMenuBar(self)
        self.tabs = TabBar(self)
        self.languages = Segments([(text, key) for text, key in languages], self)
        self.languages.choose(language)
        self.setSizePolicy(QSizePolicy.Ignored, QSizePolicy.Fixed)
        self.setMinimumHeight(row_height(self))

    def sizeHint(self) -> QSize:
        return QSize(640, self.minimumHeight())

    def arrange(self) -> None:
        """Place the parts anew: the menus or the tabs have changed."""
        if self.isVisible():  # else its width may not be known yet, nor how many rows it takes
            self._place()

    def _place(self) -> None:
        row, step = row_height(self), theme.STEP
        self.menu_bar.ensurePolished()
        words = 0 if self.menu_bar.isNativeMenuBar() else self.menu_bar.sizeHint().width()
        tabs = sum(self.tabs.tabSizeHint(k).width() for k in range(self.tabs.count()))
        switch = self.languages.sizeHint()
        right = self.width() - 2 * step - switch.width()
        high = max(24, theme.line_height(self.fontMetrics()) + 4)
        self.languages.setGeometry(right, (row - high) // 2, switch.width(), high)
        # In the middle of the window; of what the menus leave where these reach so far.
        left = max((self.width() - tabs) // 2, words + step)
        two_rows = theme.text_size() == "room" or left + tabs > right - step
        if two_rows:
            left, words = step, min(words, right - step)
        high = self.menu_bar.sizeHint().height()
        self.menu_bar.setGeometry(0, (row - high) // 2, words, high)
        self.tabs.setGeometry(left, row if two_rows else 0, tabs, row)
        self.setFixedHeight(2 * row if two_rows else row)

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self._place()

    def showEvent(self, event: QShowEvent) -> None:
        super().showEvent(event)
        self._place()

    def paintEvent(self, event: QPaintEvent) -> None:
        colours = theme.current()
        painter = QPainter(self)
        painter.fillRect(self.rect(), QColor(colours.surface))
        painter.fillRect(0, self.height() - 1, self.width(), 1, QColor(colours.line))
        painter.end()
