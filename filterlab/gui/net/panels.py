"""How the tab is laid out: a row of controls; layers, tiles with maps and scores, the unit."""

from __future__ import annotations

from PyQt5.QtCore import QSignalBlocker, QSize, Qt
from PyQt5.QtGui import QResizeEvent
from PyQt5.QtWidgets import (
    QComboBox,
    QFrame,
    QHBoxLayout,
    QLabel,
    QSizePolicy,
    QSplitter,
    QVBoxLayout,
    QWidget,
)

from filterlab.gui import theme
from filterlab.gui.i18n import tr
from filterlab.gui.net import words
from filterlab.gui.net.bar import Bar
from filterlab.gui.net.facts_strip import FactsStrip
from filterlab.gui.net.kernel_planes import KernelPlanes
from filterlab.gui.net.layer_list import LayersPanel
from filterlab.gui.net.maps_row import MapsRow
from filterlab.gui.net.scores import ScoreTable
from filterlab.gui.net.surgery_panel import SurgeryPanel
from filterlab.gui.net.tile_grid import TileGrid
from filterlab.gui.net.unit_panel import UnitPanel
from filterlab.gui.widgets.elided_label import ElidedLabel
from filterlab.gui.widgets.job_card import JobCard
from filterlab.gui.widgets.line import Line
from filterlab.gui.widgets.segments import Segments
from filterlab.surgery.net_rows import NetRow
from filterlab.workbench.net_study import ORDERS, SIDES

__all__ = ["Panels"]

_LEFT, _RIGHT = 240, 368
_LEFT_NARROW, _RIGHT_NARROW = 200, 304
#: From this width on the columns are as wide as drawn.
_WIDE = 1200
#: Under this height the code folds to its heading.
_LOW = 725
#: Under this width and height, which large text leaves, names are cut and parts share a place.
_TIGHT, _FLAT = 700, 470
_NAME, _NAME_LEAST = 220, 64  # pixels of the layer's name


class _Name(ElidedLabel):
    """A layer's name, cut in its middle where there is little room."""

    mode = Qt.ElideMiddle

    def sizeHint(self) -> QSize:
        hint = super().sizeHint()
        return QSize(min(_NAME, hint.width()), hint.height())

    def minimumSizeHint(self) -> QSize:
        hint = self.sizeHint()
        return QSize(min(_NAME_LEAST, hint.width()), hint.height())


class Panels(QWidget):
    """The tab's widgets, placed.

    Attributes
    ----------
    bar, layers, tiles, maps, scores, unit, kernel, surgery, card : the widgets
    order : QComboBox. side : Segments. Above the tiles.
    """

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.preset_size: tuple[int, int] | None = None
        self._moved = self._tight = False
        self.bar = Bar(self)
        self.layers = LayersPanel(self)
        self.tiles = TileGrid(self)
        self.facts = FactsStrip(self)
        self.facts.hide()
        self.maps = MapsRow(self)
        self.scores = ScoreTable(self)
        self.scores.setObjectName("names")
        self.unit = UnitPanel(self)
        self.kernel = KernelPlanes(self)
        self.surgery = SurgeryPanel(self)
        self._build_heading()
        self._build_kernel()
        self._tell_orders()
        self.columns = QSplitter(Qt.Horizontal, self)
        self.columns.setChildrenCollapsible(False)
        self.columns.setHandleWidth(2 * theme.STEP)
        self.columns.addWidget(self.layers)
        self.columns.addWidget(self._middle())
        self.columns.addWidget(self._right())
        self.columns.splitterMoved.connect(lambda: self._fit_unit(self.columns.sizes()[2]))
        for k, share in enumerate((0, 1, 1)):
            self.columns.setStretchFactor(k, share)
        below = QHBoxLayout()
        below.setContentsMargins(2 * theme.STEP, 0, 2 * theme.STEP, theme.STEP)
        below.addWidget(self.columns)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(0)
        layout.addWidget(self.bar)
        layout.addLayout(below, 1)
        self.card = JobCard(self)
        self.card.shown_changed.connect(self._place_card)

    # Parts

    def _build_heading(self) -> None:
        self.blob_name = _Name(parent=self)
        self.blob_name.setObjectName("names")
        self.blob_name.setFont(theme.font(14, bold=True))
        self.blob_name.setSizePolicy(QSizePolicy.Maximum, QSizePolicy.Preferred)
        self.blob_about = Line(self, "muted")
        self.blob_about.setFont(theme.font(12))
        self.order = QComboBox(self)
        self.order.setAccessibleName(tr("Order of the tiles"))
        self.order.setToolTip(tr("Order of the tiles"))
        for key in ORDERS:
            self.order.addItem("", key)
        self.order.setSizeAdjustPolicy(QComboBox.AdjustToContents)
        self.side = Segments([(tr(text), key) for key, text in SIDES.items()], self, tr("Shown"))

    def _build_kernel(self) -> None:
        self.kernel_title = QLabel(tr("Kernel"), self)
        self.kernel_title.setFont(theme.font(14, bold=True))
        self.kernel_about = Line(self, "muted")
        self.kernel_about.setFont(theme.font(12))
        self.kernel_note = Line(self, "muted", align=Qt.AlignRight)
        self.kernel_note.setFont(theme.font(12))

    def _middle(self) -> QWidget:
        top = QWidget(self)
        heading = QHBoxLayout()
        heading.setContentsMargins(0, 0, 0, 0)
        heading.setSpacing(theme.STEP)
        heading.addWidget(self.blob_name)
        heading.addWidget(self.blob_about, 1)
        heading.addWidget(self.order)
        heading.addWidget(self.side)
        tiles = QVBoxLayout(top)
        tiles.setContentsMargins(0, 0, 0, 0)
        tiles.setSpacing(theme.STEP // 2)
        tiles.addLayout(heading)
        tiles.addWidget(self.facts)
        tiles.addWidget(self.tiles, 1)
        low = QWidget(self)
        answers = QVBoxLayout(low)
        answers.setContentsMargins(0, 0, 0, 0)
        answers.setSpacing(theme.STEP)
        answers.addWidget(self.maps, 1)
        answers.addWidget(self.scores)
        self.rows = QSplitter(Qt.Vertical, self)
        self.rows.setChildrenCollapsible(False)
        self.rows.setHandleWidth(theme.STEP)
        self.rows.addWidget(top)
        self.rows.addWidget(low)
        self.rows.setStretchFactor(0, 1)
        self.rows.setStretchFactor(1, 0)
        self.rows.splitterMoved.connect(self._on_moved)
        return self.rows

    def _right(self) -> QWidget:
        right = QFrame(self)
        kernel = QHBoxLayout()
        kernel.setContentsMargins(0, 0, 0, 0)
        kernel.setSpacing(theme.STEP)
        kernel.addWidget(self.kernel_title)
        kernel.addWidget(self.kernel_about, 2)
        kernel.addWidget(self.kernel_note, 1)
        column = QVBoxLayout(right)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(theme.STEP)
        column.addWidget(self.unit)
        column.addLayout(kernel)
        column.addWidget(self.kernel, 3)
        column.addWidget(self.surgery, 2)
        return right

    def retell(self) -> None:
        """Say in the language in use what is painted."""
        self._tell_orders()
        self.unit.retell()
        self.maps.retell()
        self.facts.retell()

    def _tell_orders(self) -> None:
        for at, text in enumerate(ORDERS.values()):
            how = tr(text)
            if not self._tight:
                how = tr("order: {how}").format(how=how)
            self.order.setItemText(at, how)
        # The style sheet's padding is more than the hint knows of.
        self.order.setMinimumWidth(0)
        self.order.setMinimumWidth(self.order.sizeHint().width() + 4)

    # Showing

    def show_blob(self, row: NetRow | None, editable: bool) -> None:
        """The heading above the tiles."""
        name = row.layers[0] if row is not None and row.layers else ""
        self.blob_name.setText(name)
        told = words.blob_told(row) if row is not None else ("",)
        self.blob_about.set_text(told[0], shorter=told[1:])
        self.blob_about.setToolTip(told[0])
        self.side.setEnabled(editable)

    def show_view(self, order: str, side: str, editable: bool) -> None:
        """Order and side as they are."""
        with QSignalBlocker(self.order):
            self.order.setCurrentIndex(max(0, self.order.findData(order)))
        self.side.choose(side if editable else "activity")

    def show_kernel(self, told: str, before: bool, shorter: tuple[str, ...] = ()) -> None:
        """The heading above the kernel."""
        self.kernel_about.set_text(told, shorter=shorter)
        self.kernel_about.setToolTip(told)
        shorter = (tr("before"),) if before else ()
        self.kernel_note.set_text(tr("before the edit") if before else "", shorter=shorter)

    # Room

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        scale = theme.scale()
        narrow = self.width() < _WIDE * scale
        self._set_tight(self.width() < _TIGHT * scale)
        flat = self.height() < _FLAT * scale
        self.unit.set_low(flat)
        self.facts.set_flat(flat)
        self.surgery.code.set_folded(self.height() < _LOW * scale)
        left, right = (_LEFT_NARROW, _RIGHT_NARROW) if narrow else (_LEFT, _RIGHT)
        # Large text does not leave the middle without room.
        most = (0.165, 0.32) if self._tight else (0.2, 0.36)
        left = min(round(left * scale), round(most[0] * self.width()))
        right = min(round(right * scale), round(most[1] * self.width()))
        extra = max(0, self.width() - round(1280 * scale)) // 2
        room = self.width() - left - right - extra - 8 * theme.STEP
        self.columns.setSizes([left, room, right + extra])
        self._fit_unit(right + extra)
        if not self._moved and self.height() > 300:
            # The maps as wide as their columns, as long as the tiles keep half of the height.
            ideal = round(0.68 * (room - 4 * theme.STEP) / 3) + round(76 * min(1.15, scale))
            low = max(self.maps.minimumSizeHint().height(), min(ideal, self.height() // 3))
            low += self.scores.sizeHint().height() + theme.STEP
            self.rows.setSizes([self.height() - low, low])
        self._place_card()

    def _set_tight(self, tight: bool) -> None:
        if tight != self._tight:
            self._tight = tight
            self.maps.set_tight(tight)
            self.side.set_room(0 if tight else 10_000)
            self._tell_orders()

    def _on_moved(self) -> None:
        self._moved = True

    def _fit_unit(self, width: int) -> None:
        self.unit.fit(width, self.height() - round(500 * theme.scale()))

    def _place_card(self) -> None:
        self.card.adjustSize()
        middle = self.rows.mapTo(self, self.rows.rect().center())
        self.card.move(
            middle.x() - self.card.width() // 2, self.height() - self.card.height() - 3 * theme.STEP
        )
        self.card.raise_()
