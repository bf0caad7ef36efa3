"""A grid of coloured cells with numbers, in which a kernel is drawn by hand.

The widget shows an array and reports what the user does to it; it keeps no history and knows no
net. Every change is announced as ``edit_started(name, number)``, one or more
``values_edited(array)``, and ``edit_finished()``, so that whoever owns the values can make a
whole drag one undo step.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from decimal import Decimal

import numpy as np
from PyQt5.QtCore import QEvent, QPoint, QRect, QSize, Qt, QTimer, pyqtSignal
from PyQt5.QtGui import (
    QFocusEvent,
    QFont,
    QKeyEvent,
    QKeySequence,
    QMouseEvent,
    QPainter,
    QPaintEvent,
    QPen,
    QWheelEvent,
)
from PyQt5.QtWidgets import QSizePolicy, QWidget

from filterlab.gui.i18n import Text, reason_of, tr
from filterlab.gui.widgets.cell_editor import CellEditor
from filterlab.gui.widgets.cells import cell_colour, format_cell, text_colour
from filterlab.gui.widgets.kernel_paint import KernelPaint, span
from filterlab.surgery.kernels.transform import mirror_cells

__all__ = ["KernelGrid", "cell_colour", "format_cell", "text_colour"]

_WHEEL_PAUSE_MS = 350
_DIGIT_KEYS = set("0123456789-+.,/")

_NOTCH = 120

#: Around the cells, for the frame of the grid that tools act on.
_FRAME = 4


def _line(start: tuple[int, int], end: tuple[int, int]) -> Iterator[tuple[int, int]]:
    """Cells crossed from ``start`` to ``end``: a fast mouse skips none."""
    steps = max(abs(end[0] - start[0]), abs(end[1] - start[1]), 1)
    for step in range(steps + 1):
        yield (
            start[0] + round((end[0] - start[0]) * step / steps),
            start[1] + round((end[1] - start[1]) * step / steps),
        )


class KernelGrid(QWidget):
    """Editor of one kernel, an array of float32 of shape (rows, columns).

    A click selects a cell, a left drag to another paints at the brush value from the first on, a
    right drag erases, the wheel nudges the cell under the mouse (Ctrl finer, Shift coarser).
    :meth:`set_click_paints` lets a click paint, too. Arrows move, Tab leaves the grid; typing a
    number, F2, Enter or a double click edits a cell, Esc cancels that. Shift with arrows or with
    a drag selects a block; Delete clears it, Esc drops it; Alt with a click takes a cell's value
    as the brush.

    Signals
    -------
    edit_started(str, int), values_edited(ndarray), edit_finished()
        An edit by the user, with its English name (``Paint``, ``Erase``, ``Set cell``, ``Nudge``,
        ``Clear``); the array is a copy of the new values. Edits with the same number over 0 that
        follow each other are one: turns of the wheel in quick succession.
    brush_picked(float)
        A cell's value was picked as brush value.
    current_changed(int, int)
        The current cell (row, column).
    selection_changed()
        Another block, or none.
    hovered(object)
        The cell (row, column) under the mouse, or None.
    menu_requested(QPoint)
        A right click, at a place of the screen.
    copy_requested(), paste_requested()
        Ctrl+C and Ctrl+V; :meth:`selection` says which block.
    rejected(str)
        What was typed is no number; a sentence.
    """

    edit_started = pyqtSignal(str, int)
    values_edited = pyqtSignal(object)
    edit_finished = pyqtSignal()
    brush_picked = pyqtSignal(float)
    current_changed = pyqtSignal(int, int)
    selection_changed = pyqtSignal()
    hovered = pyqtSignal(object)
    menu_requested = pyqtSignal(QPoint)
    copy_requested = pyqtSignal()
    paste_requested = pyqtSignal()
    rejected = pyqtSignal(str)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._values = np.zeros((5, 5), dtype=np.float32)
        self._brush = 0.5
        self._step = 0.1
        self._symmetry = "none"
        self._current = (2, 2)
        self._anchor = (2, 2)
        self._hover: tuple[int, int] | None = None
        self._mark: tuple[int, int] | None = None
        self._lit = False
        self._active = False
        self._stroke_value: float | None = None
        self._press: tuple[int, int] | None = None
        self._click_paints = False
        self._turned = 0
        #: The cell that was nudged last, and its value with all its digits.
        self._nudged: tuple[tuple[int, int], Decimal] | None = None
        self._selecting = False
        self._open = False
        self._parse: Callable[[str], float] = lambda text: float(text.replace(",", "."))
        self._editor: CellEditor | None = None
        self._paint = KernelPaint()
        self._wheel_pause = QTimer(self)
        self._wheel_pause.setSingleShot(True)
        self._wheel_pause.setInterval(_WHEEL_PAUSE_MS)
        self._turn = 0
        self.setMouseTracking(True)
        self.setFocusPolicy(Qt.StrongFocus)
        self.setAccessibleName(tr("Kernel"))
        self._describe()
        self.setSizePolicy(QSizePolicy.Expanding, QSizePolicy.Expanding)

    # What it shows

    def values(self) -> np.ndarray:
        """A copy of the values, float32 (rows, columns)."""
        return self._values.copy()

    def set_values(self, values: np.ndarray) -> None:
        """Show ``values`` (rows, columns); announces nothing."""
        array = np.array(values, dtype=np.float32, copy=True) + np.float32(0)  # no -0
        if array.ndim != 2 or 0 in array.shape:
            raise ValueError(f"a kernel has two sides, not shape {array.shape}")
        if array.shape != self._values.shape:
            self._close_editor(commit=False)
            rows, columns = array.shape
            self._current = self._anchor = (rows // 2, columns // 2)
            self._hover = self._mark = self._press = None
            self._values = array
            self.updateGeometry()
            self.selection_changed.emit()
        self._values = array
        self._describe()
        self.update()

    def set_brush(self, value: float) -> None:
        """The value that a left drag paints."""
        self._brush = float(value)

    def set_click_paints(self, on: bool) -> None:
        """Whether a click paints (with the right button: erases) as a drag does."""
        self._click_paints = on

    def set_step(self, step: float) -> None:
        """How much one notch of the wheel adds."""
        self._step = float(step)

    def set_symmetry(self, symmetry: str) -> None:
        """Paint mirrored cells too, as ``transform.mirror_cells`` has it."""
        mirror_cells((1, 1), 0, 0, symmetry)  # raises if there is none of that name
        self._symmetry = symmetry
        self.update()

    def set_number_parser(self, parse: Callable[[str], float]) -> None:
        """How typed text becomes a number; raises ValueError or an error with a sentence."""
        self._parse = parse

    def set_lit(self, lit: bool) -> None:
        """Show that what is dragged here would be dropped into this grid."""
        if lit != self._lit:
            self._lit = lit
            self.update()

    @property
    def hovered_cell(self) -> tuple[int, int] | None:
        """The cell (row, column) under the mouse."""
        return self._hover

    @property
    def under_mouse(self) -> bool:
        """Whether the mouse is over a cell."""
        return self._hover is not None

    def set_mark(self, cell: tuple[int, int] | None) -> None:
        """Outline a cell from outside, such as the one of a walked product."""
        if cell != self._mark:
            self._mark = cell
            self.update()

    def current(self) -> tuple[int, int]:
        """The current cell (row, column)."""
        return self._current

    def selection(self) -> tuple[slice, slice]:
        """The selected block (rows, columns); the current cell alone if nothing more."""
        (r0, c0), (r1, c1) = self._anchor, self._current
        return slice(min(r0, r1), max(r0, r1) + 1), slice(min(c0, c1), max(c0, c1) + 1)

    def select(self, rows: slice, columns: slice) -> None:
        """Select a block of cells."""
        self._anchor = (rows.start, columns.start)
        self._set_current((rows.stop - 1, columns.stop - 1), extend=True)

    def select_all(self) -> None:
        """Select every cell."""
        self.select(slice(0, self._values.shape[0]), slice(0, self._values.shape[1]))

    # Geometry

    def sizeHint(self) -> QSize:
        return QSize(220, 220)

    def minimumSizeHint(self) -> QSize:
        return QSize(132, 132)

    @property
    def _area(self) -> tuple[float, float]:
        """Width and height of the cells together, in pixels."""
        rows, columns = self._values.shape
        side = min((self.width() - 2 * _FRAME) / columns, (self.height() - 2 * _FRAME) / rows)
        return max(1.0, side) * columns, max(1.0, side) * rows

    def cell_rect(self, row: int, column: int) -> QRect:
        """Where a cell lies in the widget, in its pixels; edges are whole ones."""
        rows, columns = self._values.shape
        width, height = self._area
        left, right = span(_FRAME, width, columns, column)
        top, bottom = span(_FRAME, height, rows, row)
        return QRect(left, top, max(1, right - left), max(1, bottom - top))

    def cell_at(self, pos: QPoint) -> tuple[int, int] | None:
        """The cell under a point of the widget, or None."""
        rows, columns = self._values.shape
        row = next((r for r in range(rows) if self._over(self.cell_rect(r, 0), pos, True)), None)
        column = next(
            (c for c in range(columns) if self._over(self.cell_rect(0, c), pos, False)), None
        )
        return None if row is None or column is None else (row, column)

    @staticmethod
    def _over(cell: QRect, pos: QPoint, down: bool) -> bool:
        if down:
            return bool(cell.top() <= pos.y() <= cell.bottom())
        return bool(cell.left() <= pos.x() <= cell.right())

    def cells_rect(self) -> QRect:
        """Where all cells lie in the widget."""
        rows, columns = self._values.shape
        return self.cell_rect(0, 0).united(self.cell_rect(rows - 1, columns - 1))

    def digits(self) -> QFont:
        """The font of the numbers, as large as they fit."""
        first = self.cell_rect(0, 0)
        side = min(first.width(), first.height())
        return self._paint.font(self._values, side, self.font())[0]

    def set_active(self, active: bool) -> None:
        """Frame the grid: it is the one that tools act on."""
        if active != self._active:
            self._active = active
            self.update()

    def mirrored(self, row: int, column: int) -> set[tuple[int, int]]:
        """The cell and those that the symmetry draws with it."""
        return set(mirror_cells(self._values.shape, row, column, self._symmetry))

    # Edits

    def _begin(self, name: str, turn: int = 0) -> None:
        self.finish()
        self._open = True
        self.edit_started.emit(name, turn)

    def finish(self) -> None:
        """End the edit that is under way, if one is."""
        if self._open:
            self._open = False
            self.edit_finished.emit()

    def _apply(self, cells: set[tuple[int, int]], value: float) -> None:
        changed = False
        for row, column in cells:
            if self._values[row, column] != np.float32(value):  # 0 and -0 are the same
                self._values[row, column] = value
                changed = True
        if changed:
            self._describe()
            self.update()
            self.values_edited.emit(self._values.copy())

    def _paint_to(self, cell: tuple[int, int]) -> None:
        assert self._stroke_value is not None
        cells: set[tuple[int, int]] = set()
        for row, column in _line(self._current, cell):
            cells |= self.mirrored(row, column)
        self._anchor = cell
        self._set_current(cell)
        self._apply(cells, self._stroke_value)

    def set_cell(self, row: int, column: int, value: float) -> None:
        """Type ``value`` into a cell: one edit, with its mirrored cells."""
        self._begin("Set cell")
        self._apply(self.mirrored(row, column), value)
        self.finish()

    def clear_selection(self) -> None:
        """Set the selected block to zero: one edit."""
        rows, columns = self.selection()
        self._begin("Clear")
        block = {
            (r, c) for r in range(rows.start, rows.stop) for c in range(columns.start, columns.stop)
        }
        self._apply(block, 0.0)
        self.finish()

    # Mouse

    def mousePressEvent(self, event: QMouseEvent) -> None:
        cell = self.cell_at(event.pos())
        self._close_editor(commit=True)
        if cell is None:
            return
        if event.button() == Qt.LeftButton and event.modifiers() & Qt.AltModifier:
            self.brush_picked.emit(float(self._values[cell]))
        elif event.button() == Qt.LeftButton and event.modifiers() & Qt.ShiftModifier:
            self._selecting = True
            self._anchor = cell
            self._set_current(cell, extend=True)
        elif event.button() == Qt.LeftButton and event.modifiers() & Qt.ControlModifier:
            self._set_current(cell)
        elif (
            event.button() in (Qt.LeftButton, Qt.RightButton)
            and self._stroke_value is None
            and self._press is None
        ):
            if self._click_paints:
                self._begin_stroke(cell, event.button())
            else:
                self._press = cell
                if event.button() == Qt.LeftButton or not self._in_selection(cell):
                    self._set_current(cell)

    def _in_selection(self, cell: tuple[int, int]) -> bool:
        rows, columns = self.selection()
        return rows.start <= cell[0] < rows.stop and columns.start <= cell[1] < columns.stop

    def _begin_stroke(self, cell: tuple[int, int], button: int) -> None:
        erase = button == Qt.RightButton
        self._stroke_value = 0.0 if erase else self._brush
        self._begin(Text("Erase") if erase else Text("Paint"))
        self._set_current(cell)
        self._paint_to(cell)

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        cell = self.cell_at(event.pos())
        self._set_hover(cell)
        if cell is None:
            return
        if self._press is not None and cell != self._press:
            # A drag begins where the button was pressed.
            press, self._press = self._press, None
            left = event.buttons() & Qt.LeftButton
            self._begin_stroke(press, Qt.LeftButton if left else Qt.RightButton)
        if self._stroke_value is not None:
            if cell != self._current:
                self._paint_to(cell)
        elif self._selecting:
            self._set_current(cell, extend=True)

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:
        self._selecting = False
        if event.buttons() & (Qt.LeftButton | Qt.RightButton):
            return
        press, self._press = self._press, None
        if self._stroke_value is not None:
            self._stroke_value = None
            self.finish()
        elif press is not None and event.button() == Qt.RightButton:
            self.menu_requested.emit(event.globalPos())

    def mouseDoubleClickEvent(self, event: QMouseEvent) -> None:
        plain = event.button() == Qt.LeftButton and not event.modifiers()
        cell = self.cell_at(event.pos())
        if plain and cell is not None and not self._click_paints:
            self._set_current(cell)
            self._open_editor("")
            return
        self.mousePressEvent(event)

    def wheelEvent(self, event: QWheelEvent) -> None:
        cell = self.cell_at(event.position().toPoint())
        # With Alt, Qt turns the wheel sideways.
        turn = event.angleDelta().y() or event.angleDelta().x()
        if cell is None or not turn:
            event.ignore()
            return
        event.accept()
        # Fine wheels send parts of a notch; only whole ones count, so that steps stay decimal.
        if cell != self._current or self._turned * turn < 0:
            self._turned = 0
        self._turned += turn
        notches = int(self._turned / _NOTCH)
        self._turned -= notches * _NOTCH
        if cell != self._current and not notches:
            self._set_current(cell)
        if not notches:
            return
        step = Decimal(f"{self._step:.10g}")
        if event.modifiers() & Qt.ControlModifier:
            step /= 10
        elif event.modifiers() & Qt.ShiftModifier:
            step *= 10
        self._nudge(cell, notches * step)

    def _nudge(self, cell: tuple[int, int], amount: Decimal) -> None:
        """Add to a cell; nudges of one cell in quick succession are one edit."""
        if self._stroke_value is not None:
            return
        # No edit is left open until the wheel has rested: others may come in between.
        if not (self._wheel_pause.isActive() and cell == self._current):
            self._turn += 1
        self._begin(Text("Nudge"), self._turn)
        self._set_current(cell)
        self._wheel_pause.start()
        # In decimals, from the shortest that reads back as the same float32, and with the digits
        # that a float32 loses on the way: as many notches up as down end where they began.
        value = Decimal(str(self._values[cell]))
        if self._nudged is not None and self._nudged[0] == cell:
            exact = self._nudged[1]
            value = exact if np.float32(float(exact)) == self._values[cell] else value
        value += amount
        self._nudged = cell, value
        self._apply(self.mirrored(*cell), float(value) + 0.0)
        self.finish()

    def leaveEvent(self, event: QEvent) -> None:
        self._set_hover(None)
        super().leaveEvent(event)

    def _set_hover(self, cell: tuple[int, int] | None) -> None:
        if cell != self._hover:
            self._hover = cell
            self.update()
            self.hovered.emit(cell)

    def event(self, event: QEvent) -> bool:
        # The window's Esc would be quicker.
        if (
            isinstance(event, QKeyEvent)
            and event.type() == QEvent.ShortcutOverride
            and event.key() == Qt.Key_Escape
            and self._anchor != self._current
        ):
            event.accept()
            return True
        return bool(super().event(event))

    def _describe(self) -> None:
        """Tell a screen reader where the hand is, and what stands there."""
        row, column = self._current
        text = tr("row {row}, column {column}: {value}").format(
            row=row, column=column, value=f"{self._values[self._current]:.7g}"
        )
        if text != self.accessibleDescription():
            self.setAccessibleDescription(text)

    # Keys

    def _move_along(self, by: int) -> bool:
        rows, columns = self._values.shape
        place = self._current[0] * columns + self._current[1] + by
        if 0 <= place < rows * columns:
            self._set_current(divmod(place, columns))
            return True
        return False

    def keyPressEvent(self, event: QKeyEvent) -> None:
        moves: dict[int, tuple[int, int]] = {
            Qt.Key_Left: (0, -1),
            Qt.Key_Right: (0, 1),
            Qt.Key_Up: (-1, 0),
            Qt.Key_Down: (1, 0),
        }
        text = event.text()
        if event.matches(QKeySequence.Copy):
            self.copy_requested.emit()
        elif event.matches(QKeySequence.Paste):
            self.paste_requested.emit()
        elif event.matches(QKeySequence.SelectAll):
            self.select_all()
        elif event.key() in moves and not event.modifiers() & Qt.ControlModifier:
            down, across = moves[event.key()]
            rows, columns = self._values.shape
            cell = (
                min(max(self._current[0] + down, 0), rows - 1),
                min(max(self._current[1] + across, 0), columns - 1),
            )
            self._set_current(cell, extend=bool(event.modifiers() & Qt.ShiftModifier))
        elif event.key() in (Qt.Key_Return, Qt.Key_Enter, Qt.Key_F2):
            self._open_editor("")
        elif event.key() in (Qt.Key_Delete, Qt.Key_Backspace):
            self.clear_selection()
        elif event.key() == Qt.Key_Escape and self._anchor != self._current:
            self.drop_block()
        elif event.key() == Qt.Key_Space:
            self._begin(Text("Paint"))
            self._apply(self.mirrored(*self._current), self._brush)
            self.finish()
        elif text and text in _DIGIT_KEYS and not event.modifiers() & Qt.ControlModifier:
            self._open_editor(text)
        else:
            super().keyPressEvent(event)

    def drop_block(self) -> None:
        """Select the current cell alone."""
        self._set_current(self._current)

    def _set_current(self, cell: tuple[int, int], extend: bool = False) -> None:
        before = self.selection()
        if not extend:
            self._anchor = cell
        if cell != self._current:
            self._current = cell
            self.current_changed.emit(*cell)
        if self.selection() != before:
            self.selection_changed.emit()
        self._describe()
        self.update()

    # Typing into a cell

    def _open_editor(self, text: str) -> None:
        self._close_editor(commit=True)
        value = f"{self._values[self._current]:.7g}"
        editor = CellEditor(self, self.cell_rect(*self._current), text or value)
        editor.ended.connect(self._on_editor_ended)
        self._editor = editor
        editor.show()
        editor.setFocus()
        if not text:
            editor.selectAll()

    def _close_editor(self, commit: bool) -> bool:
        """Close the editor; False if what it held was no number, and it stays open."""
        editor = self._editor
        if editor is None:
            return True
        if commit:
            text = editor.text().strip()
            try:
                value = float(self._parse(text))
            except Exception as error:  # whatever the parser raises says what is wrong
                self._close_editor(commit=False)
                self.rejected.emit(
                    tr(reason_of(error))
                    if not isinstance(error, ValueError)
                    else tr("'{text}' is no number; type one such as 0.5, -2 or 1/9").format(
                        text=text
                    )
                )
                return False
            self._editor = None
            self.set_cell(*self._current, value)
        self._editor = None
        # Hiding what has the focus would make Qt press Tab for us, which moves the cell.
        if editor.hasFocus():
            self.setFocus()
        editor.hide()
        editor.deleteLater()
        return True

    def _on_editor_ended(self, how: str) -> None:
        if self.sender() is not self._editor:
            return
        kept = self._close_editor(commit=how != "escape")
        if kept and how == "enter":
            self._step_down()
        elif kept and how in ("tab", "backtab"):
            self._move_along(1 if how == "tab" else -1)

    def _step_down(self) -> None:
        rows, columns = self._values.shape
        row, column = self._current
        if row + 1 < rows:
            self._set_current((row + 1, column))
        elif column + 1 < columns:
            self._set_current((0, column + 1))

    # Painting

    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self)
        palette = self.palette()
        self._paint.cells(painter, self._values, self.cell_rect, self.font(), palette)
        self._paint.marks(
            painter,
            self._values.shape,
            self.cell_rect,
            palette,
            hovered=self.mirrored(*self._hover) if self._hover is not None else set(),
            block=self.selection(),
            current=self._current if self.hasFocus() else None,
            mark=self._mark,
        )
        if self._active or self._lit:
            wide = 4 if self._lit else 2
            painter.setPen(QPen(palette.highlight().color(), wide, Qt.SolidLine, Qt.SquareCap,
                                Qt.MiterJoin))  # fmt: skip
            painter.setBrush(Qt.NoBrush)
            off = 2 if self._lit else 3
            painter.drawRect(self.cells_rect().adjusted(-off, -off, off, off))
        painter.end()

    def focusInEvent(self, event: QFocusEvent) -> None:
        super().focusInEvent(event)
        self.update()

    def focusOutEvent(self, event: QFocusEvent) -> None:
        super().focusOutEvent(event)
        self.update()
