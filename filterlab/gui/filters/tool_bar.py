"""The tools of the filter in front: one bar under the three grids, joined to the framed one."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from PyQt5.QtCore import QEvent, QPoint, QSize, Qt, pyqtSignal
from PyQt5.QtGui import QColor, QPainter, QPaintEvent, QPen, QResizeEvent
from PyQt5.QtWidgets import QHBoxLayout, QMenu, QSizePolicy, QToolButton, QWidget

from filterlab.gui import theme
from filterlab.gui.filters.editor import FilterEditor
from filterlab.gui.i18n import tr
from filterlab.gui.icons import icon
from filterlab.gui.widgets.line import Line

__all__ = ["ToolBar"]

#: Room above the bar, in which the stem from the framed grid stands.
_STEM = 8
_PAD = 8


class ToolBar(QWidget):
    """Labelled tools; they drop their icons before a word, then move into More from the right.

    Signals
    -------
    triggered(str) : a tool's key
    """

    triggered = pyqtSignal(str)

    def __init__(self, editors: Sequence[FilterEditor], parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._editors = editors
        self._active = 0
        self.name = Line(self, "accent")
        self.name.setSizePolicy(QSizePolicy.Preferred, QSizePolicy.Fixed)
        self.tools: dict[str, QToolButton] = {}
        for key, picture, text, tip in (
            ("negate", "negate", tr("Negate"), tr("Negate: every cell times −1")),
            ("normalise", "sum", tr("Sum to 1"), tr("Normalise to sum 1")),
            ("rotate90", "rotate", tr("Rotate"), tr("Rotate 90° clockwise")),
            ("mirror", "flip-h", tr("Mirror"), tr("Flip left and right")),
            ("flip", "flip-v", tr("Flip"), tr("Flip up and down")),
            ("copy", "copy", tr("Copy"),
             tr("Copy the kernel, or the selected block, as text")),
            ("paste", "paste", tr("Paste"),
             tr("Paste numbers from a spreadsheet, ImageJ, code …")),
            ("clear", "erase", tr("Clear"), tr("Clear: every cell 0")),
            ("more", "", tr("More") + " ▾", tr("More: turn, shift, scale, swap, compose, save …")),
        ):  # fmt: skip
            button = QToolButton(self)
            button.setProperty("flat", True)
            button.setText(text)
            if picture:
                button.setIcon(icon(picture))
                button.setIconSize(QSize(16, 16))
            button.setToolTip(tip)
            button.setAccessibleName(tip)
            button.setFocusPolicy(Qt.TabFocus)
            button.setStyleSheet("QToolButton { padding: 2px 3px; }")
            if key != "more":
                button.clicked.connect(self._report(key))
            self.tools[key] = button
        self.tools["more"].setPopupMode(QToolButton.InstantPopup)
        row = QHBoxLayout(self)
        row.setContentsMargins(_PAD, _STEM + 2, _PAD, 2)
        row.setSpacing(2)
        row.addWidget(self.name)
        for button in self.tools.values():
            row.addStretch(1)
            row.addWidget(button)
        self.setSizePolicy(QSizePolicy.Ignored, QSizePolicy.Fixed)
        for editor in editors:
            editor.grid.selection_changed.connect(self._on_selection)
        self.set_active(0)

    def _report(self, key: str) -> Callable[[], None]:
        def report() -> None:
            self.triggered.emit(key)

        return report

    def sizeHint(self) -> QSize:
        height = max(32, round(1.7 * theme.line_height(self.fontMetrics())))
        return QSize(600, height + _STEM)

    def minimumSizeHint(self) -> QSize:
        return QSize(0, self.sizeHint().height())

    def set_menu(self, menu: QMenu) -> None:
        """What More opens."""
        self.tools["more"].setMenu(menu)

    def set_active(self, slot: int) -> None:
        """Be another filter's."""
        self._active = slot
        for editor in self._editors:
            editor.set_active(editor.slot == slot)
        self._show_name()

    def _on_selection(self) -> None:
        self._show_name()

    def _show_name(self) -> None:
        name = tr("Filter {n}").format(n=self._active)
        block = self._editors[self._active].selected_block()
        whole = name
        if block is not None:
            rows, columns = (part.stop - part.start for part in block)
            whole = tr("{filter}, block {rows} × {columns}").format(
                filter=name, rows=rows, columns=columns
            )
        if whole != self.name.text():
            self.name.set_text(whole, shorter=(name,))
            self._arrange()
        self.update()

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self._arrange()

    def changeEvent(self, event: QEvent) -> None:
        """Other words need other room."""
        super().changeEvent(event)
        if event.type() == QEvent.LanguageChange:
            self._arrange()

    def _arrange(self) -> None:
        """Icons and words, words alone, or fewer of them: as there is room."""
        width = self.name.fontMetrics().horizontalAdvance(self.name.text()) + 4
        self.name.setFixedWidth(width)
        room = self.width() - 2 * _PAD - width
        style, kept = Qt.ToolButtonTextBesideIcon, list(self.tools)
        if self._need(kept, style) > room:
            style = Qt.ToolButtonTextOnly
        while self._need(kept, style) > room and len(kept) > 1:
            del kept[-2]
        for key, button in self.tools.items():
            if button.toolButtonStyle() != style:
                button.setToolButtonStyle(style)
            button.setVisible(key in kept)

    def _need(self, keys: Sequence[str], style: int) -> int:
        total = 0
        for key in keys:
            button = self.tools[key]
            # As Qt has it, with two spaces.
            text = button.fontMetrics().horizontalAdvance(f"  {button.text()}")
            icons = 22 if style == Qt.ToolButtonTextBesideIcon and key != "more" else 0
            total += text + icons + 12
        return total

    def in_tab_order(self) -> list[QWidget]:
        """What Tab goes through here."""
        return list(self.tools.values())

    def paintEvent(self, event: QPaintEvent) -> None:
        colours = theme.current()
        painter = QPainter(self)
        painter.setRenderHint(QPainter.Antialiasing)
        painter.setPen(QPen(QColor(colours.line), 1))
        painter.setBrush(QColor(colours.surface))
        painter.drawRoundedRect(self.rect().adjusted(0, _STEM, -1, -1), 4, 4)
        painter.setRenderHint(QPainter.Antialiasing, False)
        editor = self._editors[self._active]
        cells = editor.grid.cells_rect()
        middle = self.mapFromGlobal(editor.grid.mapToGlobal(cells.center())).x()
        left = self.mapFromGlobal(editor.mapToGlobal(QPoint(0, 0))).x()
        accent = QColor(colours.accent)
        painter.fillRect(middle - 1, 0, 2, _STEM, accent)
        painter.fillRect(left, _STEM - 1, editor.width(), 3, accent)
        painter.end()
