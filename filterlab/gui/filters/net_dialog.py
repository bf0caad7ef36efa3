"""The first filters of a trained net, to take one as a kernel."""

from __future__ import annotations

from qtpy.QtCore import QSize, Signal
from qtpy.QtWidgets import (
    QDialog,
    QGridLayout,
    QLabel,
    QScrollArea,
    QToolButton,
    QVBoxLayout,
    QWidget,
)

from filterlab.gui.filters.thumbs import kernel_icon
from filterlab.gui.i18n import tr
from filterlab.surgery.layer_filters import LayerFilters

__all__ = ["NetFiltersDialog"]

_COLUMNS = 12


class NetFiltersDialog(QDialog):
    """A tile for each filter of a layer.

    Signals
    -------
    chosen(int) : the number of a filter; the dialog closes
    """

    chosen = Signal(int)

    def __init__(self, filters: LayerFilters, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        count, channels, rows, cols = filters.kernels.shape
        self.setWindowTitle(tr("Filters of {layer}").format(layer=filters.layer))
        note = QLabel(
            tr("{count} filters of {rows} × {cols} over {channels} channels; choose one.").format(
                count=count, rows=rows, cols=cols, channels=channels
            ),
            self,
        )
        note.setProperty("role", "muted")
        inside = QWidget()
        grid = QGridLayout(inside)
        grid.setSpacing(2)
        self.tiles: list[QToolButton] = []
        for index, kernel in enumerate(filters.kernels):
            tile = QToolButton(inside)
            tile.setProperty("flat", True)
            tile.setProperty("filter", index)
            tile.setIconSize(QSize(48, 48))
            tile.setIcon(kernel_icon(kernel if channels == 3 else kernel[0], 48))
            tile.setToolTip(tr("Filter {n}").format(n=index))
            tile.clicked.connect(self._on_tile)
            grid.addWidget(tile, index // _COLUMNS, index % _COLUMNS)
            self.tiles.append(tile)
        scroll = QScrollArea(self)
        scroll.setWidget(inside)
        layout = QVBoxLayout(self)
        layout.addWidget(note)
        layout.addWidget(scroll, 1)
        # As large as the tiles need, up to what a screen has; the bar's own width included.
        need = inside.sizeHint()
        margins = layout.contentsMargins()
        bar = scroll.verticalScrollBar().sizeHint().width()
        width = need.width() + margins.left() + margins.right() + bar + 4
        height = need.height() + note.sizeHint().height() + layout.spacing()
        height += margins.top() + margins.bottom() + 4
        self.resize(min(960, width), min(520, height))

    def _on_tile(self) -> None:
        index = int(self.sender().property("filter"))
        self.accept()
        self.chosen.emit(index)
