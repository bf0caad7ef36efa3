"""The class map before and after the edits, and their difference."""

from __future__ import annotations

import numpy as np
from PyQt5.QtCore import QPoint, QPointF, QRect, QRectF, QSize, Qt, pyqtSignal
from PyQt5.QtGui import (
    QColor,
    QFontMetrics,
    QImage,
    QKeyEvent,
    QMouseEvent,
    QPainter,
    QPaintEvent,
    QPen,
)
from PyQt5.QtWidgets import QCompleter, QHBoxLayout, QLabel, QSizePolicy, QVBoxLayout, QWidget

from filterlab.gui import theme
from filterlab.gui.i18n import tr
from filterlab.gui.images import image_of
from filterlab.gui.net import words
from filterlab.gui.widgets.colours import lut
from filterlab.gui.widgets.line import Line
from filterlab.gui.widgets.row_combo import RowCombo
from filterlab.surgery.heatmap import ClassMaps
from filterlab.workbench.net_study import MapsDrawing

__all__ = ["ClassCombo", "MapPane", "MapsRow"]

_LEAST = 96
_LETTERS, _FEW_LETTERS = 14, 6  # that the class's name has room for


class ClassCombo(RowCombo):
    """All classes; type a part of a name or a number to find one.

    Signals
    -------
    class_chosen(int)
    """

    class_chosen = pyqtSignal(int)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setEditable(True)
        self.setInsertPolicy(RowCombo.NoInsert)
        self.setSizeAdjustPolicy(RowCombo.AdjustToMinimumContentsLengthWithIcon)
        self.setMinimumContentsLength(_LETTERS)
        self.setAccessibleName(tr("Class"))
        completer = self.completer()
        completer.setFilterMode(Qt.MatchContains)
        completer.setCompletionMode(QCompleter.PopupCompletion)
        completer.setCaseSensitivity(Qt.CaseInsensitive)
        self.activated.connect(self._on_activated)
        self.lineEdit().editingFinished.connect(self._put_back)

    def paintEvent(self, event: QPaintEvent) -> None:
        super(RowCombo, self).paintEvent(event)  # the line edit paints the name

    def set_classes(self, names: list[str]) -> None:
        """All names, by class."""
        self.blockSignals(True)
        self.clear()
        self.addItems(names)
        self.setCurrentIndex(-1)
        self.blockSignals(False)

    def choose(self, index: int) -> None:
        """Choose without signalling."""
        self.blockSignals(True)
        self.setCurrentIndex(index)
        self.lineEdit().setCursorPosition(0)
        self.blockSignals(False)

    def _on_activated(self, index: int) -> None:
        if index >= 0:
            self.lineEdit().setCursorPosition(0)
            self.class_chosen.emit(index)

    def _put_back(self) -> None:
        """What was typed and is no class leaves the one that is shown."""
        if self.findText(self.currentText()) < 0:
            self.lineEdit().setText(self.itemText(self.currentIndex()))
            self.lineEdit().setCursorPosition(0)


class MapPane(QWidget):
    """A map on the picture, its name and best value, and its scale.

    Signals
    -------
    pressed(int, int) : a cell by row and column, with a click or the arrow keys
    asked(int, int) : one, with a double click or Return
    """

    pressed = pyqtSignal(int, int)
    asked = pyqtSignal(int, int)

    def __init__(self, title: str, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._title = self._shorter = title
        self._tiles: tuple[float, float, float, float] | None = None
        self._grid = (0, 0)
        self._marked: tuple[int, int] | None = None
        self._hint = ""
        self._notes: tuple[str, ...] = ("",)
        self._image: QImage | None = None
        self._table: np.ndarray = lut("inferno")
        self._ends = ("", "")
        self.setMinimumWidth(120)
        self.setSizePolicy(QSizePolicy.Expanding, QSizePolicy.Expanding)

    def set_title(self, title: str, shorter: str = "") -> None:
        """The name of the map, and one for where there is less room."""
        self._title, self._shorter = title, shorter or title
        self.update()

    def set_map(
        self,
        image: QImage | None,
        notes: tuple[str, ...],
        table: np.ndarray,
        ends: tuple[str, str],
    ) -> None:
        """The drawing, what is said of it (and shorter), the colours and their ends in words."""
        self._image, self._notes, self._table, self._ends = image, notes, table, ends
        self.setAccessibleName(f"{self._title}, {notes[0]}")
        self._show_tip()
        self.update()

    def _show_tip(self) -> None:
        self.setToolTip("\n".join(filter(None, (self._notes[0], self._hint))))

    def set_cells(
        self, tiles: tuple[float, float, float, float] | None, grid: tuple[int, int], hint: str
    ) -> None:
        """Where the cells lie: a box in shares of the picture, rows and columns; None for nowhere.

        ``hint`` says what a click does.
        """
        self._tiles, self._grid = tiles, grid
        self._hint = hint if tiles is not None else ""
        self.setFocusPolicy(Qt.NoFocus if tiles is None else Qt.TabFocus)
        self.setMouseTracking(tiles is not None)
        self._show_tip()
        self.update()

    def mark(self, cell: tuple[int, int] | None) -> None:
        """Frame a cell, or none."""
        if cell != self._marked:
            self._marked = cell
            self.update()

    @property
    def marked(self) -> tuple[int, int] | None:
        """The framed cell."""
        return self._marked

    def cell_rect(self, cell: tuple[int, int]) -> QRectF:
        """Where a cell is painted."""
        place, (rows, cols) = self.picture_rect(), self._grid
        x0, y0, x1, y1 = self._tiles or (0.0, 0.0, 1.0, 1.0)
        wide, high = (x1 - x0) / cols * place.width(), (y1 - y0) / rows * place.height()
        left, top = place.left() + x0 * place.width(), place.top() + y0 * place.height()
        return QRectF(left + cell[1] * wide, top + cell[0] * high, wide, high)

    def cell_at(self, pos: QPoint) -> tuple[int, int] | None:
        """The cell under a point; None where there is none."""
        place, (rows, cols) = self.picture_rect(), self._grid
        if self._tiles is None or self._image is None or not place.contains(QPointF(pos)):
            return None
        x0, y0, x1, y1 = self._tiles
        x, y = (pos.x() + 0.5) / place.width(), (pos.y() + 0.5) / place.height()
        row, col = int((y - y0) / (y1 - y0) * rows // 1), int((x - x0) / (x1 - x0) * cols // 1)
        return (row, col) if 0 <= row < rows and 0 <= col < cols else None

    def mousePressEvent(self, event: QMouseEvent) -> None:
        cell = self.cell_at(event.pos())
        if cell is not None and event.button() == Qt.LeftButton:
            self.pressed.emit(*cell)

    def mouseDoubleClickEvent(self, event: QMouseEvent) -> None:
        cell = self.cell_at(event.pos())
        if cell is not None and event.button() == Qt.LeftButton:
            self.asked.emit(*cell)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        steps: dict[int, tuple[int, int]] = {
            Qt.Key_Left: (0, -1), Qt.Key_Right: (0, 1), Qt.Key_Up: (-1, 0), Qt.Key_Down: (1, 0),
        }  # fmt: skip
        (rows, cols), cell = self._grid, self._marked
        if event.key() in steps and self._tiles is not None and not event.modifiers():
            # The first key marks the middle, the others go on from there.
            row, col = cell if cell is not None else (rows // 2, cols // 2)
            down, across = steps[event.key()] if cell is not None else (0, 0)
            to = (min(rows - 1, max(0, row + down)), min(cols - 1, max(0, col + across)))
            if to != cell:
                self.pressed.emit(*to)
        elif event.key() in (Qt.Key_Return, Qt.Key_Enter) and cell is not None:
            self.asked.emit(*cell)
        else:
            super().keyPressEvent(event)

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        on = self.cell_at(event.pos()) is not None
        self.setCursor(Qt.PointingHandCursor if on else Qt.ArrowCursor)

    def texts(self) -> tuple[str, str, tuple[str, str]]:
        """Title, note, and the ends of the scale, where there is room."""
        return self._title, self._notes[0], self._ends

    def _fitting(self, metrics: QFontMetrics, room: int) -> str:
        """The longest note that there is room for."""
        for note in self._notes:
            if metrics.horizontalAdvance(note) <= room:
                return note
        return ""

    @property
    def image(self) -> QImage | None:
        """The drawing."""
        return self._image

    @property
    def _line(self) -> int:
        return theme.line_height(QFontMetrics(theme.font(12)))

    def sizeHint(self) -> QSize:
        return QSize(192, 128 + 2 * self._line + 6)

    def minimumSizeHint(self) -> QSize:
        # Pictures grow with the text a little only.
        return QSize(120, round(_LEAST * min(1.15, theme.scale())) + 2 * self._line + 6)

    def picture_rect(self) -> QRectF:
        """Where the picture is painted."""
        room = QRectF(0, 0, self.width(), max(8, self.height() - 2 * self._line - 6))
        if self._image is None or not self._image.height():
            return room
        share = self._image.width() / self._image.height()
        width = min(room.width(), room.height() * share)
        return QRectF(0, 0, width, width / share)

    def paintEvent(self, event: QPaintEvent) -> None:
        colours = theme.current()
        painter = QPainter(self)
        painter.setRenderHint(QPainter.SmoothPixmapTransform)
        place = self.picture_rect()
        if self._image is None:
            painter.fillRect(place, QColor(colours.well))
        else:
            painter.drawImage(place, self._image)
            if self._marked is not None and self._tiles is not None:
                frame = self.cell_rect(self._marked)
                for colour, width in ((colours.surface, 4.0), (colours.accent, 2.0)):
                    painter.setPen(QPen(QColor(colour), width))
                    painter.drawRect(frame)
        if self.hasFocus():
            painter.setPen(QPen(QColor(colours.accent), 1))
            painter.drawRect(place.adjusted(0.5, 0.5, -0.5, -0.5))
        bold, small = theme.font(12, bold=True), theme.font(12)
        line = self._line
        y, width = round(place.bottom()) + 3, round(place.width())
        row = QRect(0, y, width, line)
        painter.setPen(QColor(colours.text))
        painter.setFont(bold)
        title = self._title
        if QFontMetrics(bold).horizontalAdvance(title) > self.width():
            title = self._shorter
        painter.drawText(row, int(Qt.AlignLeft | Qt.AlignVCenter | Qt.TextDontClip), title)
        used = QFontMetrics(bold).horizontalAdvance(title) + 6
        painter.setFont(small)
        painter.setPen(QColor(colours.muted))
        note = self._fitting(QFontMetrics(small), width - used)
        painter.drawText(row, int(Qt.AlignRight | Qt.AlignVCenter), note)
        row.translate(0, line)
        metrics = QFontMetrics(small)
        low, high = (metrics.horizontalAdvance(text) for text in self._ends)
        painter.setPen(QColor(colours.text))
        painter.drawText(row, int(Qt.AlignLeft | Qt.AlignVCenter), self._ends[0])
        painter.drawText(row, int(Qt.AlignRight | Qt.AlignVCenter), self._ends[1])
        bar = QRectF(low + 6, row.center().y() - 3, max(8, width - low - high - 12), 7)
        painter.drawImage(bar, image_of(self._table[None]))
        painter.setPen(QPen(QColor(colours.line), 1))
        painter.drawRect(bar)
        painter.end()


class MapsRow(QWidget):
    """Heading with the class, the three maps.

    Signals
    -------
    class_chosen(int)
    cell_pressed(int, int), cell_asked(int, int) : a cell of the map after the edits
    """

    class_chosen = pyqtSignal(int)
    cell_pressed = pyqtSignal(int, int)
    cell_asked = pyqtSignal(int, int)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.heading = QLabel(tr("Class map"), self)
        self.heading.setFont(theme.font(14, bold=True))
        self.classes = ClassCombo(self)
        self.classes.setObjectName("names")
        self.classes.class_chosen.connect(self.class_chosen)
        self.note = Line(self, "muted", align=Qt.AlignRight)
        self.note.setFont(theme.font(12))
        self.before = MapPane("", self)
        self.after = MapPane("", self)
        self.difference = MapPane("", self)
        self.retell()
        self.after.pressed.connect(self.cell_pressed)
        self.after.asked.connect(self.cell_asked)
        top = self._top = QHBoxLayout()
        top.setContentsMargins(0, 0, 0, 0)
        top.setSpacing(theme.STEP)
        top.addWidget(self.heading)
        top.addWidget(self.classes)
        top.addWidget(self.note, 1)
        row = QHBoxLayout()
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(2 * theme.STEP)
        for pane in self.panes():
            row.addWidget(pane, 1)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(theme.STEP // 2)
        layout.addLayout(top)
        layout.addLayout(row, 1)

    def retell(self) -> None:
        """Say in the language in use what is painted."""
        self.before.set_title(tr("before"))
        self.after.set_title(tr("after"))
        self.difference.set_title(tr("after \N{MINUS SIGN} before"), tr("change"))

    def set_tight(self, tight: bool) -> None:
        """Whether the class's name has the note's place, too."""
        self.classes.setMinimumContentsLength(_FEW_LETTERS if tight else _LETTERS)
        self._top.setStretchFactor(self.classes, int(tight))
        self._top.setStretchFactor(self.note, int(not tight))

    def panes(self) -> tuple[MapPane, MapPane, MapPane]:
        """Before, after, difference."""
        return self.before, self.after, self.difference

    def show_cells(self, maps: ClassMaps | None, marked: tuple[int, int] | None) -> None:
        """Where the cells lie, and which is framed; a click chooses one in the map after."""
        hint = tr("Click: mark the cell. Double click: why this class here?")
        tiles = None
        if maps is not None:
            height, width = maps.picture_size
            x0, y0, x1, y1 = maps.tiles_on_picture()
            tiles = (x0 / width, y0 / height, x1 / width, y1 / height)
        self.after.set_cells(tiles, (maps.rows, maps.cols) if maps is not None else (0, 0), hint)
        self.after.mark(marked)

    def show_drawing(self, drawing: MapsDrawing | None, probabilities: bool, method: str) -> None:
        """Show the maps; None for none yet."""
        if drawing is None:
            for pane in self.panes():
                pane.set_map(None, ("",), lut("inferno"), ("", ""))
            self.note.set_text("")
            return
        rows, cols = drawing.grid
        grid = tr("{cols} × {rows} cells").format(cols=cols, rows=rows)
        what = tr("probability") if probabilities else tr("values of the net")
        whole = f"{grid}, {what}, {method}"
        self.note.set_text(whole, shorter=(f"{grid}, {what}", grid, ""))
        where = tr("Of the whole picture; the scores below are of its centre")
        self.note.setToolTip(f"{whole}\n{where}")

        def value(found: float) -> str:
            return f"{100 * found:.0f} %" if probabilities else words.number(found)

        ends = ("0", value(drawing.end))
        best = tr("best cell {value}")
        inferno = lut("inferno")
        for pane, image, found in (
            (self.before, drawing.before, drawing.best_before),
            (self.after, drawing.after, drawing.best_after),
        ):
            notes = (best.format(value=value(found)), value(found))
            pane.set_map(image_of(image), notes, inferno, ends)
        change = 100 * drawing.most if probabilities else drawing.most
        digits = 0 if abs(change) >= 10 else 1 if probabilities else 2
        limit = words.number(abs(change), digits)
        most = f"+{limit}" if change > 0 else f"\N{MINUS SIGN}{limit}"
        if not change:
            notes, ends = (tr("no change"), "0"), ("0", "0")
        else:
            ends = (f"\N{MINUS SIGN}{limit}", f"+{limit}")
            told = tr("up to {n} points") if probabilities else tr("up to {n}")
            notes = (told.format(n=most), most)
        self.difference.set_map(image_of(drawing.difference), notes, lut("diverging"), ends)
