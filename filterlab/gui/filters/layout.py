"""How the tab shares its height: pictures, editors with their tools, lower panel."""

from __future__ import annotations

from itertools import pairwise

from PyQt5.QtCore import QObject, QRect, QSize, Qt, QTimer, pyqtSignal
from PyQt5.QtGui import QColor, QPainter, QPaintEvent
from PyQt5.QtWidgets import (
    QGridLayout,
    QScrollArea,
    QSplitter,
    QSplitterHandle,
    QVBoxLayout,
    QWidget,
)

from filterlab.gui import theme
from filterlab.gui.filters.editor import FilterEditor
from filterlab.gui.filters.input_panel import InputPanel
from filterlab.gui.filters.panel import BottomPanel
from filterlab.gui.filters.stage import Stage
from filterlab.gui.filters.tool_bar import ToolBar
from filterlab.gui.i18n import tr

__all__ = ["GUTTER", "FiltersLayout"]

#: Around the tab and between its columns, in pixels.
GUTTER = 2 * theme.STEP

#: The least height of a picture, in pixels.
_LEAST_PICTURE = 96

#: Of the tab's height a picture takes at most the first share; it gives way down to the second,
#: or to the third of what it could use.
_MOST, _LEAST, _GIVES = 0.36, 0.24, 0.75

#: Grids of this height, in pixels, are large enough: pictures grow before them.
_GRID = 168

#: Width of the line in a splitter's handle, in pixels.
_GRIP = 40

#: A message must not make the lower panel flicker: it goes only where so many pixels are missing.
_KEEPS = 24


class _Grip(QSplitterHandle):
    """A short line that says where to drag."""

    def __init__(self, splitter: QSplitter) -> None:
        super().__init__(Qt.Vertical, splitter)
        self.setMouseTracking(True)
        self.setAttribute(Qt.WA_Hover)

    def paintEvent(self, event: QPaintEvent) -> None:
        colours = theme.current()
        painter = QPainter(self)
        line = QRect(0, 0, _GRIP, 3)
        line.moveCenter(self.rect().center())
        painter.fillRect(line, QColor(colours.accent if self.underMouse() else colours.line))
        painter.end()


class _Splitter(QSplitter):
    def createHandle(self) -> QSplitterHandle:
        return _Grip(self)


class FiltersLayout(QObject):
    """Owns the splitter between pictures, editors and lower panel of a whole widget.

    It comes before what it places: stage, panel, editors and tools are built as children of
    ``pictures`` and ``middle``, the lower panel of ``splitter``, so that none is styled twice.

    Pictures are as high as their column is wide, by their own form. Where there is too little
    height they give way first, then the grids; then the lower panel folds.

    Signals
    -------
    lower_changed(bool) : the lower panel was shown or hidden
    """

    lower_changed = pyqtSignal(bool)

    def __init__(self, whole: QWidget) -> None:
        super().__init__(whole)
        self._whole = whole
        #: Whether the lower panel is wanted; None: as there is room.
        self.wanted: bool | None = None
        self._by_hand = False
        self.splitter = _Splitter(Qt.Vertical, whole)
        self.pictures, self.middle = QWidget(self.splitter), QWidget(self.splitter)
        self._upper, self._grid = QGridLayout(self.pictures), QGridLayout(self.middle)
        for grid in (self._upper, self._grid):
            grid.setHorizontalSpacing(GUTTER)
            grid.setVerticalSpacing(4)
        self._upper.setContentsMargins(GUTTER, theme.STEP, GUTTER, 0)
        self._grid.setContentsMargins(GUTTER, 0, GUTTER, 0)
        self._grid.setVerticalSpacing(0)
        self.splitter.setHandleWidth(theme.STEP)
        self.splitter.setChildrenCollapsible(False)
        self.splitter.splitterMoved.connect(self._on_moved)
        layout = QVBoxLayout(whole)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSizeConstraint(QVBoxLayout.SetNoConstraint)
        layout.addWidget(self.splitter)

    def fill(
        self,
        stage: Stage,
        panel: InputPanel,
        editors: list[FilterEditor],
        tools: ToolBar,
        lower: BottomPanel,
    ) -> None:
        """Put everything in its place, the editors under their outputs."""
        self._stage, self._panel, self._tools, self.lower = stage, panel, tools, lower
        self._editors = editors
        lower.hide()
        for part in (self.pictures, self.middle, lower):
            self.splitter.addWidget(part)
        for index in (1, 2):
            self.splitter.handle(index).setToolTip(tr("Drag to share the height out"))
        self._stage.lay_out(self._upper)
        self._upper.setRowStretch(1, 1)
        self._upper.setRowMinimumHeight(1, _LEAST_PICTURE)
        self._grid.addWidget(self._panel, 0, 0, 3, 1)
        for slot, editor in enumerate(editors):
            self._grid.addWidget(editor, 0, 1 + slot)
        self._grid.addWidget(self._tools, 1, 1, 1, 3)
        # Tools stay right under the grids, however high the left column is.
        self._grid.setRowStretch(0, 100)
        self._grid.setRowStretch(2, 1)
        for column in range(4):
            self._grid.setColumnStretch(column, 1)
            self._grid.setColumnMinimumWidth(column, 180)
        self.set_tab_order(editors)

    def set_tab_order(self, editors: list[FilterEditor]) -> None:
        """Tab goes as the eye does: how outputs are seen, the left column, each editor, tools."""
        order = [*self._stage.in_tab_order(), *self._panel.in_tab_order()]
        for editor in editors:
            order += editor.in_tab_order()
        order += [*self._tools.in_tab_order(), *self.lower.in_tab_order()]
        for first, second in pairwise(order):
            QWidget.setTabOrder(first, second)

    def _column(self, width: int) -> int:
        return max(1, (width - 5 * GUTTER) // 4)

    def _frame(self) -> int:
        """What stands over and under the pictures, in pixels."""
        return int(self._upper.minimumSize().height()) - _LEAST_PICTURE

    def _least_middle(self) -> int:
        return int(self._grid.minimumSize().height())

    def _most_middle(self, width: int, grid: int | None = None) -> int:
        """Of the editors: their grids are squares as wide as the column lets them be."""
        if not self._editors:
            return 0
        tall = max(
            editor.height_of(self._column(width), None if grid is None else editor.enough(grid))
            for editor in self._editors
        )
        tools = int(self._tools.sizeHint().height())
        return max(self._least_middle(), tall + tools)

    def _full_picture(self, width: int, height: int) -> int:
        wide = round(self._stage.aspect * self._column(width))
        return max(_LEAST_PICTURE, min(wide, round(_MOST * height)))

    # The lower panel

    @property
    def shown(self) -> bool:
        """Whether the lower panel is shown, or will be with the window."""
        return bool(self.lower.isVisibleTo(self._whole))

    def least_size(self) -> QSize:
        """What the tab takes at least; a lower panel that came by itself goes before that."""
        editors = max((e.minimumSizeHint().height() for e in self._editors), default=0)
        middle = max(editors + self._tools.sizeHint().height(), self._panel.least_height())
        height = self._frame() + _LEAST_PICTURE + middle
        height += self.splitter.handleWidth()
        if self.wanted:
            height += self.splitter.handleWidth() + self.lower.minimumSizeHint().height()
        return QSize(4 * 180 + 5 * GUTTER, height)

    def set_wanted(self, wanted: bool | None) -> None:
        """Show or hide the lower panel from now on; None leaves it to the room there is."""
        self.wanted = wanted
        self._by_hand = False
        self._whole.updateGeometry()
        self.update()

    def show_lower(self, on: bool) -> None:
        """Show or hide the lower panel, as asked by the user."""
        self.set_wanted(on)
        if on:
            QTimer.singleShot(0, self._reveal)

    def _reveal(self) -> None:
        """Scroll to the lower panel if the window is too low for all."""
        area = self._whole.parentWidget()
        while area is not None and not isinstance(area, QScrollArea):
            area = area.parentWidget()
        if area is not None:
            area.ensureWidgetVisible(self.lower)

    def update(self) -> None:
        """Share the tab's height out anew."""
        width, height = self._whole.width(), self._whole.height()
        column = self._column(width)
        # All three alike, so that the grids stand on one line.
        beneath = any(editor.wants_room(column) for editor in self._editors)
        for editor in self._editors:
            editor.set_beneath(beneath, column)
        room = height - self._frame() - _LEAST_PICTURE - self.splitter.handleWidth()
        self._panel.fit(column, room)
        handle, low = self.splitter.handleWidth(), self.lower.minimumSizeHint().height()
        frame, middle = self._frame(), self._least_middle()
        full = self._full_picture(width, height)
        small = max(_LEAST_PICTURE, min(full, round(max(_LEAST * height, _GIVES * full))))
        room = height - frame - middle - 2 * handle - low
        fits = room >= small - (_KEEPS if self.shown else 0)
        shown = fits if self.wanted is None else self.wanted
        if shown != self.shown:
            self.lower.setVisible(shown)
            self.splitter.refresh()  # else its handle takes room only after another layout
            self.lower_changed.emit(shown)
        for editor in self._editors:
            editor.setMaximumHeight(editor.height_of(column))
        if self._by_hand:
            return
        low = low if shown else 0
        room = height - frame - (2 if shown else 1) * handle - low
        picture = min(full, room - middle)
        # Pictures give way until the grids are large enough; then they grow first.
        tall = self._most_middle(width)
        enough = min(tall, self._most_middle(width, _GRID))
        if room - picture < enough:
            picture = max(min(picture, small), min(picture, room - enough))
        picture = max(_LEAST_PICTURE, picture)
        grids = max(middle, min(tall, room - picture))
        spare = room - picture - grids
        if not shown:
            grids, spare = grids + spare, 0
        self.splitter.setSizes([frame + picture, grids, low + spare])
        self._stage.arranged(self._column(self._whole.width()))

    def _on_moved(self, *_: int) -> None:
        self._by_hand = True
        self._stage.arranged(self._column(self._whole.width()))
