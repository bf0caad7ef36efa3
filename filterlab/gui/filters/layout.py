"""How the tab shares its height: the pictures first, then the grids, then the lower panel."""

from __future__ import annotations

from itertools import pairwise

from qtpy.QtCore import QObject, QRect, QSize, Qt, QTimer, Signal
from qtpy.QtWidgets import QGridLayout, QScrollArea, QSplitter, QVBoxLayout, QWidget

from filterlab.gui import theme
from filterlab.gui.filters.editor import FilterEditor
from filterlab.gui.filters.input_panel import InputPanel
from filterlab.gui.filters.panel import BottomPanel
from filterlab.gui.filters.stage import Stage

__all__ = ["FiltersLayout", "UpperRows"]

#: Height of a picture's place as a share of its width: photographs lie between 2:3 and 3:4.
_ASPECT = 0.7

#: The least height of a picture, in pixels.
_LEAST_PICTURE = 96

#: The lower panel comes by itself where the pictures keep the first share of their full height,
#: and goes where they have less than the second: a message or a mode must not make it flicker.
_COMES, _GOES = 0.75, 0.5

#: The lower panel's greatest height of itself, and by how much the grids grow before.
_HIGH, _GROWN = 264, 140

_PICTURES, _KERNELS = 1, 3


class UpperRows(QGridLayout):
    """Headings, pictures, numbers and editors in four rows.

    The pictures are as high as their width can use. What is left is the editors', up to a square
    grid; where there is too little, the editors give way first and then the pictures.
    """

    def __init__(self, parent: QWidget) -> None:
        super().__init__(parent)
        self.setContentsMargins(2 * theme.STEP, theme.STEP, theme.STEP, 0)
        self.setHorizontalSpacing(2 * theme.STEP)
        self.setVerticalSpacing(4)
        self.setRowMinimumHeight(_PICTURES, _LEAST_PICTURE)
        self._editors: list[FilterEditor] = []
        self._shares = (0, 0)

    def fill(self, stage: Stage, panel: InputPanel, editors: list[FilterEditor]) -> None:
        """Put everything into its place."""
        self._editors = editors
        stage.lay_out(self)
        self.addWidget(panel, _KERNELS, 0)
        for slot, editor in enumerate(editors):
            self.addWidget(editor, _KERNELS, 1 + slot)

    def _column(self, width: int) -> int:
        margins = self.contentsMargins()
        side = self.itemAtPosition(_PICTURES, 4).minimumSize().width()
        side = max(side, self.itemAtPosition(0, 4).minimumSize().width())
        taken = margins.left() + margins.right() + 4 * self.horizontalSpacing() + side
        return max(1, (width - taken) // 4)

    def picture_height(self, width: int) -> int:
        """How high a picture is that has all of its column, in pixels."""
        return max(_LEAST_PICTURE, round(_ASPECT * self._column(width)))

    def least(self) -> int:
        """The height that all of it takes at least, in pixels."""
        return int(self.minimumSize().height())

    def setGeometry(self, rect: QRect) -> None:
        """Share the height out, whenever it changes."""
        column = self._column(rect.width())
        both = rect.height() - self.least() + _LEAST_PICTURE + self._least_kernels()
        editor = self._editors[0] if self._editors else None
        most = column if editor is None else editor.height_of(column)
        kernels = min(most, both - self.picture_height(rect.width()))
        kernels = max(self._least_kernels(), kernels)
        shares = (max(_LEAST_PICTURE, both - kernels), kernels)
        if shares != self._shares:
            self._shares = shares
            self.setRowStretch(_PICTURES, shares[0])
            self.setRowStretch(_KERNELS, shares[1])
        super().setGeometry(rect)

    def _least_kernels(self) -> int:
        items = (self.itemAtPosition(_KERNELS, column) for column in range(4))
        return max((item.minimumSize().height() for item in items if item is not None), default=0)


class FiltersLayout(QObject):
    """Owns the splitter between the upper rows and the lower panel of a whole widget.

    Signals
    -------
    lower_changed(bool) : the lower panel was shown or hidden
    """

    lower_changed = Signal(bool)

    def __init__(self, whole: QWidget, stage: Stage, panel: InputPanel, lower: BottomPanel) -> None:
        super().__init__(whole)
        self._whole = whole
        self.lower = lower
        #: Whether the lower panel is wanted; None: as there is room.
        self.wanted: bool | None = None
        self._by_hand = False
        lower.hide()
        self._stage, self._panel = stage, panel
        upper = QWidget(whole)
        self.rows = UpperRows(upper)
        self.splitter = QSplitter(Qt.Vertical, whole)
        self.splitter.addWidget(upper)
        self.splitter.addWidget(lower)
        self.splitter.setStretchFactor(0, 1)
        self.splitter.setStretchFactor(1, 0)
        self.splitter.setChildrenCollapsible(False)
        self.splitter.splitterMoved.connect(self._on_moved)
        layout = QVBoxLayout(whole)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSizeConstraint(QVBoxLayout.SetNoConstraint)
        layout.addWidget(self.splitter)

    def fill(self, editors: list[FilterEditor]) -> None:
        """Put the editors under their outputs."""
        self.rows.fill(self._stage, self._panel, editors)
        self.set_tab_order(editors)

    def set_tab_order(self, editors: list[FilterEditor]) -> None:
        """Tab goes to what is wanted most first: a picture, then preset, grid and bias of each."""
        panel = self._panel
        order: list[QWidget] = [panel.open_button, panel.sample_button]
        for editor in editors:
            order += editor.first_in_tab_order()
        order += [
            panel.draw_button, panel.camera_button, panel.brush, panel.step, panel.symmetry,
            panel.radius, panel.rows, panel.columns, panel.pad, panel.stride, panel.mode,
            panel.dilation,
        ]  # fmt: skip
        for editor in editors:
            order += editor.tools.values()
        order += [self._stage.scale_button, *self.lower.in_tab_order()]
        order = [widget for widget in order if widget.focusPolicy() & Qt.TabFocus]
        for first, second in pairwise(order):
            QWidget.setTabOrder(first, second)

    # The lower panel

    @property
    def shown(self) -> bool:
        """Whether the lower panel is shown, or will be with the window."""
        return bool(self.lower.isVisibleTo(self._whole))

    def least_size(self) -> QSize:
        """What the tab takes at least; a lower panel that came by itself goes before that."""
        height = self.rows.least()
        if self.wanted:
            height += self.splitter.handleWidth() + self.lower.minimumSizeHint().height()
        return QSize(self.splitter.minimumSizeHint().width(), height)

    def set_wanted(self, wanted: bool | None) -> None:
        """Show or hide the lower panel from now on; None leaves it to the room there is."""
        self.wanted = wanted
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
        full = self.rows.picture_height(width)
        least, handle = self.rows.least(), self.splitter.handleWidth()
        low = self.lower.minimumSizeHint().height()
        share = _GOES if self.shown else _COMES
        large = max(_LEAST_PICTURE, round(share * full))
        fits = height >= least - _LEAST_PICTURE + large + handle + low
        shown = fits if self.wanted is None else self.wanted
        if shown != self.shown:
            self.lower.setVisible(shown)
            self.lower_changed.emit(shown)
        if shown and not self._by_hand:
            spare = height - handle - (least - _LEAST_PICTURE + full)
            # Its usual height before the grids grow, more once they are large.
            panel = max(low, min(self.lower.sizeHint().height(), spare), min(_HIGH, spare - _GROWN))
            self.splitter.setSizes([height - handle - panel, panel])

    def _on_moved(self, *_: int) -> None:
        self._by_hand = True
