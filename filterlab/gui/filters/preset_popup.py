"""All presets at a glance: a picture of each kernel, by category, the user's own last."""

from __future__ import annotations

import numpy as np
from PyQt5.QtCore import QPoint, QRect, QSize, Qt, pyqtSignal
from PyQt5.QtGui import QKeyEvent
from PyQt5.QtWidgets import (
    QApplication,
    QFrame,
    QGridLayout,
    QHBoxLayout,
    QLabel,
    QScrollArea,
    QToolButton,
    QVBoxLayout,
    QWidget,
)

from filterlab.gui import theme
from filterlab.gui.errors import EXPECTED
from filterlab.gui.i18n import tr
from filterlab.gui.preset_names import CATEGORY_NAMES
from filterlab.gui.widgets.thumbs import kernel_icon
from filterlab.surgery.kernels.library import KernelLibrary
from filterlab.surgery.kernels.presets import CATEGORIES, PRESETS

__all__ = ["PresetPopup"]

_COLUMNS = 8
_TILE = QSize(104, 90)


class PresetPopup(QFrame):
    """A popup of tiles; arrows and Enter work, Esc closes.

    Signals
    -------
    chosen(str) : the key of a preset
    wanted(str) : "save", "own", "pocket" or "net": keep this kernel, list the own ones, look into
        the bundled net or another
    own_chosen(str) : the name of a kernel of the user's
    """

    chosen = pyqtSignal(str)
    own_chosen = pyqtSignal(str)
    wanted = pyqtSignal(str)

    def __init__(self, library: KernelLibrary, parent: QWidget) -> None:
        super().__init__(parent, Qt.Popup)
        self.library = library
        self.setFrameShape(QFrame.NoFrame)
        self.setObjectName("presets")
        colours = theme.current()
        self.setStyleSheet(
            f"#presets {{ background: {colours.surface}; border: 1px solid {colours.line}; }}"
            f"QScrollArea, #presetsInside {{ background: {colours.surface}; }}"
        )
        self.tiles: dict[str, QToolButton] = {}
        self._scroll = QScrollArea(self)
        self._scroll.setWidgetResizable(True)
        self._scroll.setHorizontalScrollBarPolicy(Qt.ScrollBarAlwaysOff)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(1, 1, 1, 1)
        layout.setSpacing(0)
        layout.addWidget(self._scroll)
        footer = QHBoxLayout()
        footer.setContentsMargins(8, 4, 8, 4)
        self.footer: dict[str, QToolButton] = {}
        for key, text in (
            ("save", tr("Save as my preset …")),
            ("own", tr("My presets …")),
            ("pocket", tr("The pocket net's filters …")),
            ("net", tr("Filters of a trained net …")),
        ):
            button = QToolButton(self)
            button.setProperty("flat", True)
            button.setProperty("wanted", key)
            button.setText(text)
            button.clicked.connect(self._on_footer)
            footer.addWidget(button)
            self.footer[key] = button
        footer.addStretch(1)
        layout.addLayout(footer)

    def open_at(self, button: QWidget, size: tuple[int, int], current: str) -> None:
        """Open under a button, with the kernels as they are at a size."""
        self._fill(size, current)
        screen = QApplication.screenAt(button.mapToGlobal(QPoint())) or QApplication.primaryScreen()
        self.place(button, screen.availableGeometry())
        self.show()
        tile = self.tiles.get(current) or next(iter(self.tiles.values()))
        tile.setFocus()

    def place(self, button: QWidget, room: QRect) -> None:
        """Lie under a button, or where there is room on the screen, and no larger than that."""
        wanted = self._scroll.widget().sizeHint()
        foot = next(iter(self.footer.values())).sizeHint().height() + 12
        height = min(wanted.height() + foot, int(room.height() * 0.85))
        width = wanted.width() + (20 if height < wanted.height() + foot else 4)
        corner = button.mapToGlobal(QPoint(0, button.height() + 2))
        x = max(room.left(), min(corner.x(), room.right() - width))
        y = max(room.top(), min(corner.y(), room.bottom() - height))
        self.setGeometry(x, y, width, height)

    def _fill(self, size: tuple[int, int], current: str) -> None:
        self.tiles = {}
        inside = QWidget()
        inside.setObjectName("presetsInside")
        grid = QGridLayout(inside)
        grid.setContentsMargins(12, 8, 12, 12)
        grid.setSpacing(2)
        row, free = -2, 0
        for category in CATEGORIES:
            keys = [key for key, preset in PRESETS.items() if preset.category == category]
            # Small categories share a row.
            if len(keys) > free:
                row, free = row + 2, _COLUMNS
            start = _COLUMNS - free
            self._heading(grid, row, start, len(keys), tr(CATEGORY_NAMES[category]))
            side = (max(size[0], 3), max(size[1], 3))
            for index, key in enumerate(keys):
                preset = PRESETS[key]
                tile = self._tile(preset.make(side), tr(preset.title), key == current)
                tile.setToolTip(f"{tr(preset.title)}: {tr(preset.doc)}")
                tile.setProperty("preset", key)
                tile.clicked.connect(self._on_tile)
                grid.addWidget(tile, row + 1, start + index)
                self.tiles[key] = tile
            free -= len(keys)
        row += 2
        row = self._fill_own(grid, row)
        grid.setRowStretch(row, 1)
        self._scroll.setWidget(inside)

    def _fill_own(self, grid: QGridLayout, row: int) -> int:
        try:
            own = self.library.all()
        except EXPECTED:
            own = []
        for category in sorted({kernel.category for kernel in own}, key=str.casefold):
            mine = [kernel for kernel in own if kernel.category == category]
            self._heading(grid, row, 0, _COLUMNS, category or tr("My kernels"))
            row += 1
            for index, kernel in enumerate(mine):
                values = kernel.values if len(kernel.values) == 3 else kernel.values[0]
                tile = self._tile(values, kernel.name, False)
                tile.setProperty("own", kernel.name)
                tile.clicked.connect(self._on_tile)
                grid.addWidget(tile, row + index // _COLUMNS, index % _COLUMNS)
                self.tiles[f"own:{kernel.name}"] = tile
            row += -(-len(mine) // _COLUMNS)
        return row

    @staticmethod
    def _heading(grid: QGridLayout, row: int, column: int, span: int, text: str) -> None:
        label = QLabel(text)
        label.setProperty("role", "muted")
        label.setContentsMargins(4, 6, 0, 0)
        label.setMinimumWidth(0)
        grid.addWidget(label, row, column, 1, max(1, span))

    @staticmethod
    def _tile(kernel: np.ndarray, title: str, chosen: bool) -> QToolButton:
        tile = QToolButton()
        tile.setProperty("flat", True)
        tile.setCheckable(True)
        tile.setChecked(chosen)
        tile.setToolButtonStyle(Qt.ToolButtonTextUnderIcon)
        tile.setIconSize(QSize(40, 40))
        tile.setIcon(kernel_icon(kernel, 40))
        tile.setFixedSize(_TILE)
        tile.setStyleSheet("QToolButton { padding: 4px 0 0 0; }")
        font = tile.font()
        font.setPointSizeF(max(7.5, font.pointSizeF() - 1.5))
        tile.setFont(font)
        tile.setText(_two_lines(tile, title))
        tile.setAccessibleName(title)
        tile.setToolTip(title)
        return tile

    def _on_tile(self) -> None:
        tile = self.sender()
        key, own = tile.property("preset"), tile.property("own")
        self.close()
        if key:
            self.chosen.emit(str(key))
        elif own:
            self.own_chosen.emit(str(own))

    def _on_footer(self) -> None:
        key = str(self.sender().property("wanted"))
        self.close()
        self.wanted.emit(key)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        tiles = list(self.tiles.values())
        focus = QApplication.focusWidget()
        here = tiles.index(focus) if focus in tiles else 0
        moves: dict[int, int] = {
            Qt.Key_Right: 1, Qt.Key_Left: -1, Qt.Key_Down: _COLUMNS, Qt.Key_Up: -_COLUMNS,
        }  # fmt: skip
        if event.key() in moves:
            tiles[max(0, min(len(tiles) - 1, here + moves[event.key()]))].setFocus()
        elif event.key() in (Qt.Key_Return, Qt.Key_Enter) and focus in tiles:
            tiles[here].click()
        else:
            super().keyPressEvent(event)


def _two_lines(tile: QToolButton, title: str) -> str:
    """A title on at most two lines, each as wide as the tile."""
    metrics, room = tile.fontMetrics(), _TILE.width() - 6
    lines = [""]
    for word in title.split(" "):
        longer = f"{lines[-1]} {word}".strip()
        if lines[-1] and len(lines) < 2 and metrics.horizontalAdvance(longer) > room:
            lines.append(word)
        else:
            lines[-1] = longer
    lines = [metrics.elidedText(line, Qt.ElideRight, room) for line in lines]
    return "\n".join([*lines, ""][:2])
