"""A layer's units, or groups of them, by what a class loses without each."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PyQt5.QtCore import (
    QAbstractTableModel,
    QEvent,
    QItemSelection,
    QItemSelectionModel,
    QModelIndex,
    QRectF,
    Qt,
)
from PyQt5.QtGui import QColor, QFontMetrics, QPainter
from PyQt5.QtWidgets import (
    QComboBox,
    QDialog,
    QHBoxLayout,
    QHeaderView,
    QLabel,
    QPushButton,
    QSpinBox,
    QStyledItemDelegate,
    QStyleOptionViewItem,
    QTableView,
    QVBoxLayout,
    QWidget,
)

from filterlab.caffe.text import Text
from filterlab.errors import FilterLabError
from filterlab.gui import theme
from filterlab.gui.errors import EXPECTED, one_sentence
from filterlab.gui.i18n import tr
from filterlab.gui.jobs import JobRunner
from filterlab.gui.net import words
from filterlab.gui.net.tables import calm
from filterlab.gui.widgets.progress_strip import ProgressStrip
from filterlab.progress import Job, Progress
from filterlab.surgery.ablation import Ranking
from filterlab.surgery.unit_groups import Group, kmeans_groups, strength_groups, twin_groups
from filterlab.surgery.units import units_told
from filterlab.workbench.net_bench import NetBench
from filterlab.workbench.net_study import NetStudy

__all__ = ["GROUPINGS", "RankingModel", "RankingWindow"]

#: What is taken out together.
GROUPINGS = {
    "single": Text("each unit by itself"),
    "strength": Text("groups of like strength"),
    "kmeans": Text("groups of like weights"),
    "twins": Text("twins"),
}
_HEADS = (
    Text("Units"),
    Text("Loss of score"),
    Text("Change in points"),
    Text("Best class without"),
)
_LOSS, _POINTS, _BEST = 1, 2, 3
#: Grouping, its count, how many first rows, the ranking with what it depends on, whether it runs.
_Rest = tuple[str, int, int, "tuple[Ranking, tuple[Any, ...]] | None", bool]
_NUMBER = 58  # pixels of a loss's number, left of its bar


class RankingModel(QAbstractTableModel):
    """The rows of a ranking, sorted by any column."""

    def __init__(self, ranking: Ranking, name_of: Callable[[int], str], parent: Any) -> None:
        super().__init__(parent)
        self.ranking, self._name_of = ranking, name_of
        self._order: NDArray[np.intp] = ranking.order
        self._sorted = (_LOSS, Qt.DescendingOrder)

    def units(self, row: int) -> Group:
        """The units of a row."""
        return self.ranking.groups[int(self._order[row])]

    def loss(self, row: int) -> float:
        """What the class's score loses without them."""
        return float(self.ranking.score_loss[self._order[row]])

    def range(self) -> tuple[float, float]:
        """Where the bars begin and end: 0 and all losses."""
        loss = self.ranking.score_loss
        return min(0.0, float(loss.min())), max(0.0, float(loss.max()))

    def rowCount(self, parent: QModelIndex = QModelIndex()) -> int:  # noqa: B008
        return 0 if parent.isValid() else len(self._order)

    def columnCount(self, parent: QModelIndex = QModelIndex()) -> int:  # noqa: B008
        return 0 if parent.isValid() else len(_HEADS)

    def headerData(self, section: int, orientation: Any, role: int = Qt.DisplayRole) -> Any:
        if orientation != Qt.Horizontal or role not in (Qt.DisplayRole, Qt.ToolTipRole):
            return None
        column, order = self._sorted
        down = order == Qt.DescendingOrder
        if role == Qt.ToolTipRole:
            if section != column:
                return tr("Sort by this")
            return tr("Sorted, the largest first") if down else tr("Sorted, the smallest first")
        # The style's own arrow points up where the largest is first, and stands far from the name.
        arrow = "  \N{BLACK DOWN-POINTING TRIANGLE}" if down else "  \N{BLACK UP-POINTING TRIANGLE}"
        name = str(tr(_HEADS[section]))  # a view takes nothing but a plain str
        return name + arrow if section == column else name

    def data(self, index: QModelIndex, role: int = Qt.DisplayRole) -> Any:
        row, column = index.row(), index.column()
        if role == Qt.DisplayRole:
            return str(self.texts(row)[column])
        if role == Qt.ToolTipRole and column == 0:
            return ", ".join(map(str, self.units(row)))
        if role == Qt.ToolTipRole and column == _BEST:
            return str(self.texts(row)[column])
        if role == Qt.ForegroundRole and column == _BEST:
            same = self.ranking.best[self._order[row]] == self.ranking.before.best
            colours = theme.current()
            return QColor(colours.muted if same else colours.accent_text)
        return None

    def texts(self, row: int) -> tuple[str, str, str, str]:
        """What stands in a row."""
        at, units = int(self._order[row]), self.units(row)
        best = int(self.ranking.best[at])
        return (
            str(units[0]) if len(units) == 1 else tr(units_told(units)),
            words.number(self.loss(row), 3),
            words.points(float(self.ranking.points[at])),
            f"{best} {self._name_of(best)}",
        )

    def sort(self, column: int, order: Qt.SortOrder = Qt.AscendingOrder) -> None:
        ranking = self.ranking
        keys: NDArray[Any] = (
            np.array([group[0] for group in ranking.groups]),
            ranking.score_loss,
            ranking.points,
            ranking.best,
        )[column]
        self._sorted = (column, order)
        self.layoutAboutToBeChanged.emit()
        kept = [(index, int(self._order[index.row()])) for index in self.persistentIndexList()]
        self._order = np.argsort(-keys if order == Qt.DescendingOrder else keys, kind="stable")
        place = np.empty(len(self._order), np.intp)
        place[self._order] = np.arange(len(self._order))
        for index, at in kept:
            self.changePersistentIndex(index, self.index(int(place[at]), index.column()))
        self.layoutChanged.emit()
        self.headerDataChanged.emit(Qt.Horizontal, 0, len(_HEADS) - 1)

    def rows_of(self, units: Sequence[int]) -> list[int]:
        """The rows all of whose units are among these."""
        wanted = set(units)
        return [row for row in range(self.rowCount()) if wanted.issuperset(self.units(row))]


class _Bars(QStyledItemDelegate):
    """A loss as a number and a bar from the line of 0: to the right what speaks for the class."""

    def paint(self, painter: QPainter, option: QStyleOptionViewItem, index: QModelIndex) -> None:
        colours, model = theme.current(), index.model()
        text = QStyleOptionViewItem(option)
        self.initStyleOption(text, index)
        text.text = ""
        style = option.widget.style()
        style.drawControl(style.CE_ItemViewItem, text, painter, option.widget)
        place, number = option.rect, round(_NUMBER * theme.scale())
        painter.save()
        painter.setPen(QColor(colours.text))
        painter.drawText(
            place.adjusted(0, 0, number - place.width(), 0),
            int(Qt.AlignRight | Qt.AlignVCenter),
            index.data(),
        )
        assert isinstance(model, RankingModel)
        low, high = model.range()
        room = place.width() - number - 3 * theme.STEP
        each = room / max(high - low, 1e-12)
        zero = place.left() + number + 2 * theme.STEP - low * each
        loss = model.loss(index.row())
        bar = QRectF(zero, place.center().y() - 4, loss * each, 9).normalized()
        painter.fillRect(bar, QColor(colours.accent if loss > 0 else colours.muted))
        painter.setPen(QColor(colours.line))
        painter.drawLine(round(zero), place.top(), round(zero), place.bottom())
        painter.restore()


class RankingWindow(QDialog):
    """Ranks the units of the layer that the study looks at, for its class.

    Parameters
    ----------
    name_of : callable
        Gives a class's name.
    """

    def __init__(self, study: NetStudy, name_of: Callable[[int], str], parent: QWidget) -> None:
        super().__init__(parent)
        self.setWindowTitle(tr("Rank the units"))
        self.setWindowFlag(Qt.WindowContextHelpButtonHint, False)
        self._study, self._name_of = study, name_of
        self.model: RankingModel | None = None
        self._asked: tuple[Any, ...] = ()
        #: While rows or units are chosen by the others.
        self._choosing = False
        self._build()
        self.runner = JobRunner(self)
        self.runner.started.connect(lambda _: self.progress.begin(tr("Rank the units")))
        self.runner.progressed.connect(self._on_progress)
        self.runner.failed.connect(self._on_failed)
        self.runner.cancelled.connect(lambda: self.progress.end(tr("Cancelled.")))
        self.progress.cancel_requested.connect(self._cancel)
        self._unsubscribe = study.subscribe(self._on_change)
        self._tell()

    def _build(self) -> None:
        self.about = QLabel(self)
        self.about.setFont(theme.font(14, bold=True))
        self.about.setWordWrap(True)
        self.grouping = QComboBox(self)
        self.grouping.setAccessibleName(tr("Taken out together"))
        for key, text in GROUPINGS.items():
            self.grouping.addItem(tr(text), key)
        self._widen()
        self.grouping.currentIndexChanged.connect(lambda _: self._tell())
        self.count = QSpinBox(self)
        self.count.setRange(1, 4096)
        self.count.setValue(8)
        self.count_told = QLabel(self)
        self.rank_button = QPushButton(tr("Rank"), self)
        self.rank_button.clicked.connect(self.rank)
        self.table = QTableView(self)
        self.table.setAccessibleName(tr("Units by what the class loses without them"))
        calm(self.table)
        self.table.setItemDelegateForColumn(_LOSS, _Bars(self.table))
        self.note = QLabel(self)
        self.note.setProperty("role", "muted")
        self.note.setWordWrap(True)
        self.first = QSpinBox(self)
        self.first.setRange(1, 1)
        self.first.setAccessibleName(tr("How many of the first rows"))
        self.first.valueChanged.connect(lambda _: self._tell_first())
        self.zero_button = QPushButton(self)
        self.zero_button.clicked.connect(self._on_zero)
        self.progress = ProgressStrip(self)
        top, low = QHBoxLayout(), QHBoxLayout()
        for row in (top, low):
            row.setSpacing(theme.STEP)
        top.addWidget(self.grouping)
        top.addWidget(self.count)
        top.addWidget(self.count_told)
        top.addStretch(1)
        top.addWidget(self.rank_button)
        low.addWidget(self.progress, 1)
        low.addWidget(self.first)
        low.addWidget(self.zero_button)
        layout = QVBoxLayout(self)
        margin = 2 * theme.STEP
        layout.setContentsMargins(margin, margin, margin, margin)
        layout.setSpacing(theme.STEP)
        layout.addWidget(self.about)
        layout.addLayout(top)
        layout.addWidget(self.table, 1)
        layout.addWidget(self.note)
        layout.addLayout(low)
        self.resize(round(640 * theme.scale()), round(560 * theme.scale()))

    # Ranking

    def rank(self) -> None:
        """Rank what the study looks at now."""
        study = self._study
        bench, layer, wanted = study.bench, study.layer, study.wanted
        if bench is None or wanted is None or study.shown is None:
            self.progress.end(tr("There is no answer to rank by yet."))
            return
        if not layer:
            self.progress.end(tr("Choose a layer with weights of its own first."))
            return
        key, count, asked = str(self.grouping.currentData()), self.count.value(), self._now()
        self.runner.start(
            lambda: _ranked(bench, layer, wanted, key, count),
            "rank",
            lambda ranking: self._on_ranked(ranking, asked),
        )

    def _now(self) -> tuple[Any, ...]:
        """What an answer depends on, but for how it is grouped."""
        study = self._study
        revision = study.bench.revision if study.bench is not None else -1
        return study.bench, revision, study.layer, study.wanted

    def _on_ranked(self, ranking: Ranking, asked: tuple[Any, ...]) -> None:
        self._asked = asked
        old, self.model = self.model, RankingModel(ranking, self._name_of, self)
        self.table.setSortingEnabled(False)
        self.table.setModel(self.model)
        header = self.table.horizontalHeader()
        header.setSortIndicator(_LOSS, Qt.DescendingOrder)
        self.table.setSortingEnabled(True)
        header.setSortIndicatorShown(False)
        self.table.selectionModel().selectionChanged.connect(lambda *_: self._on_rows())
        if old is not None:
            old.deleteLater()
        self._fit()
        self._follow(show=False)  # first are those that the class loses most by
        self.first.setRange(1, len(ranking.groups))
        self.progress.end()
        self._tell()

    def _widen(self) -> None:
        # The style sheet's padding is more than the hint knows of.
        self.grouping.setMinimumWidth(self.grouping.sizeHint().width() + 4)

    def _fit(self) -> None:
        if self.model is None:
            return
        header, metrics = self.table.horizontalHeader(), QFontMetrics(self.table.font())
        header.setSectionResizeMode(_LOSS, QHeaderView.Stretch)
        rows = range(min(400, self.model.rowCount()))
        for column, limit in ((0, 170), (_POINTS, 170), (_BEST, 220)):
            texts = [tr(_HEADS[column]) + "  \N{BLACK DOWN-POINTING TRIANGLE}"]
            texts += [self.model.texts(row)[column] for row in rows]
            need = max(metrics.horizontalAdvance(text) for text in texts) + 14
            header.resizeSection(column, min(need, round(limit * theme.scale())))

    def _on_progress(self, progress: Progress, left: float | None) -> None:
        self.progress.set_progress(tr(progress.step), progress.fraction, tr(progress.message), left)

    def _on_failed(self, sentence: str) -> None:
        self.progress.end(sentence)

    def _cancel(self) -> None:
        self.progress.cancelling()
        self.runner.cancel()

    def reject(self) -> None:
        """Esc cancels what runs, else closes."""
        if self.runner.running:
            self._cancel()
        else:
            super().reject()

    # What is chosen and done

    def rows(self, count: int) -> list[int]:
        """The units of the first rows as they stand, each once."""
        assert self.model is not None
        groups = [self.model.units(row) for row in range(min(count, self.model.rowCount()))]
        return list(dict.fromkeys(unit for group in groups for unit in group))

    def _choose(self, units: Sequence[int]) -> bool:
        """Choose units of the ranked layer in the study; False if its net is gone."""
        study, model = self._study, self.model
        if model is None or not self._asked or study.bench is not self._asked[0]:
            return False
        self._choosing = True
        if study.layer != model.ranking.layer:
            study.look_at_layer(model.ranking.layer)
        study.choose(units)
        self._choosing = False
        return True

    def _on_rows(self) -> None:
        if self._choosing:
            return
        chosen = sorted(index.row() for index in self.table.selectionModel().selectedRows())
        if chosen and self.model is not None:
            self._choose(list(dict.fromkeys(u for row in chosen for u in self.model.units(row))))

    def _follow(self, show: bool = True) -> None:
        """Choose the rows of the units that are chosen in the tab; ``show`` one of them, too."""
        study, model = self._study, self.model
        if model is None or self._choosing:
            return
        mine = study.layer == model.ranking.layer and study.bench is self._asked[0]
        rows = model.rows_of(study.units) if mine else []
        selected = QItemSelection()
        for row in rows:
            selected.select(model.index(row, 0), model.index(row, len(_HEADS) - 1))
        self._choosing = True
        self.table.selectionModel().select(selected, QItemSelectionModel.ClearAndSelect)
        self._choosing = False
        if show and rows and not any(self._seen(row) for row in rows):
            self.table.scrollTo(model.index(rows[0], 0))

    def _seen(self, row: int) -> bool:
        assert self.model is not None
        place = self.table.visualRect(self.model.index(row, 0))
        return bool(self.table.viewport().rect().contains(place))

    def select(self, row: int) -> None:
        """Choose a row, as a click does."""
        flags = QItemSelectionModel.ClearAndSelect | QItemSelectionModel.Rows
        assert self.model is not None
        self.table.selectionModel().select(self.model.index(row, 0), flags)

    def _on_zero(self) -> None:
        """Set the units of the first rows to zero: one edit."""
        if self.model is None or not self._choose(self.rows(self.first.value())):
            return
        try:
            self._study.operate("zero")
        except EXPECTED as error:
            self.progress.end(one_sentence(error))

    # What it says

    def _class(self, index: int) -> str:
        return f"{index} {self._name_of(index)}"

    def _tell(self) -> None:
        study, model = self._study, self.model
        key = str(self.grouping.currentData())
        self.count.setVisible(key in ("strength", "kmeans"))
        self.count_told.setText(
            tr("units a group") if key == "strength" else tr("groups") if key == "kmeans" else ""
        )
        layer, wanted = study.layer, study.wanted
        if model is not None:
            layer, wanted = model.ranking.layer, model.ranking.wanted
        self.about.setText(
            tr("Layer {layer}, by what {name} loses without").format(
                layer=layer or study.blob, name=self._class(wanted)
            )
            if wanted is not None
            else ""
        )
        self._tell_note()
        self._tell_first()

    def _tell_note(self) -> None:
        model = self.model
        if model is not None and self._asked != self._now():
            self.note.setText(
                tr("Net, picture, layer or class have changed since; rank again to see it anew.")
            )
            return
        told = tr(
            "By the score, of the picture's centre; a probability also moves when other classes "
            "change. Choosing rows chooses the units in the tab."
        )
        if model is not None and len(model.ranking.groups) > 1:
            most = float(np.abs(model.ranking.points).max())
            if most < 5 and all(len(group) == 1 for group in model.ranking.groups):
                told += " " + tr("Single units hardly move this net; try groups.")
        self.note.setText(told)

    def _tell_first(self) -> None:
        n = self.first.value()
        self.zero_button.setText(tr("Set the first {n} to zero").format(n=n))
        ready = self.model is not None
        self.zero_button.setEnabled(ready)
        self.first.setEnabled(ready)

    def _on_change(self, kinds: frozenset[str]) -> None:
        if kinds & {"weights", "picture", "blob", "class", "found"}:
            self._tell()
        if kinds & {"units", "blob"}:
            self._follow()

    def changeEvent(self, event: QEvent) -> None:
        super().changeEvent(event)
        if event.type() == QEvent.LanguageChange:
            self._widen()
            self._tell()
            if self.model is not None:
                self.model.headerDataChanged.emit(Qt.Horizontal, 0, len(_HEADS) - 1)
                self._fit()
                self.table.viewport().update()

    def rest(self) -> _Rest:
        """What is asked for and what was found, for :meth:`go_on`."""
        found = (self.model.ranking, self._asked) if self.model is not None else None
        key = str(self.grouping.currentData())
        return key, self.count.value(), self.first.value(), found, bool(self.runner.running)

    def go_on(self, rest: _Rest) -> None:
        """Show what another window showed, and rank what it was ranking."""
        key, count, first, found, running = rest
        self.grouping.setCurrentIndex(self.grouping.findData(key))
        self.count.setValue(count)
        if found is not None:
            self._on_ranked(*found)
            self.first.setValue(first)
        if running:
            self.rank()

    def shutdown(self) -> None:
        """Stop what still runs."""
        self._unsubscribe()
        self.runner.shutdown()


def _ranked(bench: NetBench, layer: str, wanted: int, key: str, count: int) -> Job[Ranking]:
    """Rank a layer's units, taken out as the key of :data:`GROUPINGS` says."""
    if key == "single":
        ranking = yield from bench.rank_job(layer, wanted)
        return ranking
    yield Progress(Text("find the groups"), 0, 1)
    if key == "strength":
        groups = strength_groups(bench.net, layer, count)
    elif key == "kmeans":
        groups = kmeans_groups(bench.net, layer, count)
    else:
        groups = twin_groups(bench.net, layer)
    if not groups:
        raise FilterLabError("layer {name!r} has no twins; take other groups", name=layer)
    ranking = yield from bench.group_rank_job(layer, groups, wanted)
    return ranking
