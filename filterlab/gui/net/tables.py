"""How the tables of the Net tab's windows look."""

from __future__ import annotations

from collections.abc import Sequence

from PyQt5.QtCore import Qt
from PyQt5.QtGui import QColor, QFont, QFontMetrics, QPalette
from PyQt5.QtWidgets import QHeaderView, QTableView

from filterlab.gui import theme

__all__ = ["calm", "fit_columns"]

_ROW = 24


def calm(table: QTableView) -> None:
    """Rows without a grid, chosen as a whole, as high as a line needs."""
    table.setShowGrid(False)
    table.setWordWrap(False)
    table.setSelectionBehavior(QTableView.SelectRows)
    table.setEditTriggers(QTableView.NoEditTriggers)
    table.setHorizontalScrollMode(QTableView.ScrollPerPixel)
    table.setTabKeyNavigation(False)
    palette, colours = table.palette(), theme.current()
    palette.setColor(QPalette.Highlight, QColor(colours.selection))
    palette.setColor(QPalette.HighlightedText, QColor(colours.text))
    table.setPalette(palette)
    down, across = table.verticalHeader(), table.horizontalHeader()
    down.hide()
    down.setSectionResizeMode(QHeaderView.Fixed)
    high = max(round(_ROW * theme.scale()), theme.line_height(QFontMetrics(table.font())) + 4)
    down.setMinimumSectionSize(high)
    down.setDefaultSectionSize(high)
    across.setDefaultAlignment(Qt.AlignLeft | Qt.AlignVCenter)
    across.setHighlightSections(False)
    across.setMinimumSectionSize(round(32 * theme.scale()))


def fit_columns(table: QTableView, most: Sequence[int]) -> None:
    """Columns as wide as their texts, but no wider than ``most`` pixels at the usual text size."""
    model, header = table.model(), table.horizontalHeader()
    bold = QFont(table.font())
    bold.setBold(True)
    metrics = QFontMetrics(bold)
    for column, limit in enumerate(most):
        texts = [str(model.headerData(column, Qt.Horizontal) or "")]
        texts += [
            str(model.index(row, column).data() or "") for row in range(min(400, model.rowCount()))
        ]
        need = max(metrics.horizontalAdvance(text) for text in texts) + 14
        header.resizeSection(column, min(need, round(limit * theme.scale())))
