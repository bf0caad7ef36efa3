"""A classifier's layers and those of its fully convolutional double side by side."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from PyQt5.QtCore import QAbstractTableModel, QEvent, QModelIndex, Qt, pyqtSignal
from PyQt5.QtGui import QColor, QFont
from PyQt5.QtWidgets import (
    QCheckBox,
    QDialog,
    QHBoxLayout,
    QLabel,
    QTableView,
    QVBoxLayout,
    QWidget,
)

from filterlab.gui import theme
from filterlab.gui.i18n import Text, tr
from filterlab.gui.jobs import Latest
from filterlab.gui.net import words
from filterlab.gui.net.tables import calm, fit_columns
from filterlab.surgery.net_rows import NetRow
from filterlab.surgery.transplant import Transplanted
from filterlab.surgery.transplant_rows import PairRow, transplant_rows

__all__ = ["BeforeAfterWindow", "PairModel"]

#: What was done, by the kind of the change.
_DONE = {
    "fc->conv": Text("cast into a convolution"),
    "pool->stride 1": Text("slides with stride 1"),
    "padding->scale": Text("its padding became a scale"),
    "flatten removed": Text("taken out"),
    "removed": Text("taken out"),
    "added": Text("added"),
}
_HEADS = (
    Text("Before"),
    Text("Type"),
    Text("Gives"),
    Text("Weights"),
    Text("What was done"),
    Text("After"),
    Text("Type"),
    Text("Gives"),
    Text("Weights"),
)
_MIDDLE = 4
_WIDEST = (170, 110, 110, 130, 180, 170, 110, 110, 150)


class PairModel(QAbstractTableModel):
    """The rows of both nets, those of the classifier at the left.

    Parameters
    ----------
    rows : sequence of PairRow
    shapes : (mapping, mapping)
        Of each net, from a layer's name to the shapes of its first weights.
    """

    def __init__(
        self, rows: Sequence[PairRow], shapes: tuple[dict[str, Any], dict[str, Any]], parent: Any
    ) -> None:
        super().__init__(parent)
        self._all, self._shapes = list(rows), shapes
        self._rows = list(rows)
        self._told: dict[int, tuple[str, ...]] = {}
        self._bold = QFont(theme.font(13))
        self._bold.setBold(True)

    def show_only_changed(self, on: bool) -> None:
        """Only the rows that the transplant changed, or all."""
        self.beginResetModel()
        self._rows = [row for row in self._all if row.kind or not on]
        self._told.clear()
        self.endResetModel()

    def retell(self) -> None:
        """Say everything in the language in use."""
        self._told.clear()
        self.headerDataChanged.emit(Qt.Horizontal, 0, len(_HEADS) - 1)

    def row(self, at: int) -> PairRow:
        """A row that is shown."""
        return self._rows[at]

    @property
    def counts(self) -> tuple[int, int, int]:
        """Layers before and after, and rows of layers that changed."""
        before = [r.before for r in self._all if r.before is not None and r.before.kind != "block"]
        after = [r.after for r in self._all if r.after is not None and r.after.kind != "block"]
        changed = [r for r in self._all if r.kind and _one(r).kind != "block"]
        return sum(len(r.layers) for r in before), sum(len(r.layers) for r in after), len(changed)

    def rowCount(self, parent: QModelIndex = QModelIndex()) -> int:  # noqa: B008
        return 0 if parent.isValid() else len(self._rows)

    def columnCount(self, parent: QModelIndex = QModelIndex()) -> int:  # noqa: B008
        return 0 if parent.isValid() else len(_HEADS)

    def headerData(self, section: int, orientation: Any, role: int = Qt.DisplayRole) -> Any:
        if orientation == Qt.Horizontal and role == Qt.DisplayRole:
            return str(tr(_HEADS[section]))  # a view takes nothing but a plain str
        return None

    def data(self, index: QModelIndex, role: int = Qt.DisplayRole) -> Any:
        pair, column = self._rows[index.row()], index.column()
        if role == Qt.DisplayRole:
            return str(self.texts(index.row())[column])
        if role == Qt.ToolTipRole:
            return str(self._tip(pair, column))
        colours = theme.current()
        if role == Qt.BackgroundRole and pair.kind:
            return QColor(colours.selection)
        if role == Qt.ForegroundRole:
            if column % (_MIDDLE + 1) == 0 or column == _MIDDLE:
                gone = column == 0 and pair.after is None
                new = column == _MIDDLE + 1 and pair.before is None
                strong = colours.error if gone else colours.good if new else colours.accent_text
                return QColor(strong if pair.kind else colours.text)
            return QColor(colours.muted)
        if role == Qt.FontRole and column in (0, _MIDDLE, _MIDDLE + 1):
            return self._bold if pair.kind or _one(pair).kind == "block" else None
        return None

    def texts(self, at: int) -> tuple[str, ...]:
        """What stands in a row that is shown."""
        found = self._told.get(at)
        if found is None:
            pair = self._rows[at]
            before, after = (
                self._side(row, shapes)
                for row, shapes in zip((pair.before, pair.after), self._shapes)
            )
            found = self._told[at] = (*before, self._done(pair), *after)
        return found

    @staticmethod
    def _done(pair: PairRow) -> str:
        if not pair.kind or _one(pair).kind == "block":
            return ""
        return tr(_DONE[pair.kind]) if pair.kind in _DONE else pair.kind

    @staticmethod
    def _side(row: NetRow | None, shapes: dict[str, Any]) -> tuple[str, str, str, str]:
        if row is None:
            return "\N{EN DASH}", "", "", ""
        gives = words.shape(row.shape)
        if row.kind == "block":
            told = tr("{n} parameters").format(n=words.counted(row.parameters))
            return row.title, "", gives, told if row.parameters else ""
        found = [words.TIMES.join(map(str, shapes[name])) for name in row.layers if name in shapes]
        return f"    {row.title}" if row.depth else row.title, row.type, gives, ", ".join(found)

    def _tip(self, pair: PairRow, column: int) -> str:
        if column == _MIDDLE:
            return "\n".join(tr(str(change)) for change in pair.changes)
        row = pair.before if column < _MIDDLE else pair.after
        return words.row_told(row) if row is not None else ""


def _one(pair: PairRow) -> NetRow:
    """The row of the side that has one, that before first."""
    row = pair.before if pair.before is not None else pair.after
    assert row is not None
    return row


class BeforeAfterWindow(QDialog):
    """The table; a double click opens a layer.

    Signals
    -------
    layer_chosen(str) : a layer of the classifier
    """

    layer_chosen = pyqtSignal(str)

    def __init__(self, transplanted: Transplanted, parent: QWidget) -> None:
        super().__init__(parent)
        self.setWindowTitle(tr("Layers before and after the transplant"))
        self.setWindowFlag(Qt.WindowContextHelpButtonHint, False)
        self._done = transplanted
        self.model: PairModel | None = None
        self.told = QLabel(tr("The layers are being compared …"), self)
        self.told.setWordWrap(True)
        self.changed_box = QCheckBox(tr("Only what changed"), self)
        self.changed_box.setEnabled(False)
        self.changed_box.toggled.connect(self._on_only)
        self.table = QTableView(self)
        self.table.setAccessibleName(self.windowTitle())
        self.table.setSelectionMode(QTableView.SingleSelection)
        calm(self.table)
        self.table.horizontalHeader().setStretchLastSection(True)
        self.table.doubleClicked.connect(self._on_double)
        self.note = QLabel(
            tr(
                "At the classifier's own input size. Weights of one name or of a cast layer are "
                "the same memory in both nets. A double click opens a layer."
            ),
            self,
        )
        self.note.setProperty("role", "muted")
        self.note.setWordWrap(True)
        head = QHBoxLayout()
        head.setSpacing(2 * theme.STEP)
        head.addWidget(self.told, 1)
        head.addWidget(self.changed_box)
        layout = QVBoxLayout(self)
        margin = 2 * theme.STEP
        layout.setContentsMargins(margin, margin, margin, margin)
        layout.setSpacing(theme.STEP)
        layout.addLayout(head)
        layout.addWidget(self.table, 1)
        layout.addWidget(self.note)
        room = self.screen().availableGeometry()
        scale = theme.scale()
        self.resize(min(round(1120 * scale), room.width()), min(round(620 * scale), room.height()))
        self._maker = Latest(self)
        self._maker.ready.connect(self._on_rows)
        self._maker.failed.connect(self.told.setText)
        self._maker.request(transplant_rows, transplanted)

    def _on_rows(self, rows: tuple[PairRow, ...]) -> None:
        shapes = tuple(
            {name: tuple(blobs[0].shape) for name, blobs in net.params.items() if len(blobs)}
            for net in (self._done.source, self._done.net)
        )
        self.model = PairModel(rows, (shapes[0], shapes[1]), self)
        self.table.setModel(self.model)
        self.model.show_only_changed(self.changed_box.isChecked())
        self.changed_box.setEnabled(True)
        self._tell()

    def _tell(self) -> None:
        if self.model is None:
            return
        before, after, changed = self.model.counts
        self.told.setText(
            tr(
                "{before} layers before, {after} after; what changed is marked: {n} of them."
            ).format(before=before, after=after, n=changed)
            if changed
            else tr("The net is fully convolutional already.")
        )
        fit_columns(self.table, _WIDEST)

    def _on_only(self, on: bool) -> None:
        if self.model is not None:
            self.model.show_only_changed(on)

    def rest(self) -> bool:
        """Whether only what changed is shown, for :meth:`go_on`."""
        return bool(self.changed_box.isChecked())

    def go_on(self, only: bool) -> None:
        """Show what another window showed."""
        self.changed_box.setChecked(only)

    def _on_double(self, index: QModelIndex) -> None:
        if self.model is not None:
            before = self.model.row(index.row()).before
            if before is not None:
                self.layer_chosen.emit(before.layers[0])

    def changeEvent(self, event: QEvent) -> None:
        super().changeEvent(event)
        if event.type() == QEvent.LanguageChange and self.model is not None:
            self.model.retell()
            self._tell()
            self.table.viewport().update()

    def shutdown(self) -> None:
        """Stop what still runs."""
        self._maker.shutdown()
