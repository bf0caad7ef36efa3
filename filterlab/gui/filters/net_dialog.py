"""The filters of a trained net, to take one as a kernel."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from PyQt5.QtCore import QSize, pyqtSignal
from PyQt5.QtWidgets import (
    QComboBox,
    QDialog,
    QFormLayout,
    QGridLayout,
    QHBoxLayout,
    QLabel,
    QPushButton,
    QScrollArea,
    QSpinBox,
    QToolButton,
    QVBoxLayout,
    QWidget,
)

from filterlab.gui.errors import EXPECTED, one_sentence
from filterlab.gui.file_dialogs import open_path
from filterlab.gui.i18n import tr
from filterlab.gui.jobs import JobRunner
from filterlab.gui.model_texts import model_titles
from filterlab.gui.widgets.thumbs import kernel_icon
from filterlab.progress import Job, Progress
from filterlab.surgery.layer_filters import (
    LayerFilters,
    convolution_layers,
    files_of_net,
    read_layer_filters,
)
from filterlab.zoo.catalogue import Model
from filterlab.zoo.getting import prepare_job

__all__ = ["NetFiltersDialog", "model_of_file"]

_COLUMNS = 12
_WIDEST = 940
_PAGE = 96  # tiles that are shown at once


def model_of_file(path: Path) -> Model:
    """A net's two files, given by one of them, as a model.

    Raises
    ------
    FilterLabError
        If the other one is not beside it.
    """
    prototxt, weights = files_of_net(path)
    return Model(str(path), path.name, "own", prototxt, weights)


def _read_job(model: Model, layer: str) -> Job[tuple[list[str], LayerFilters]]:
    model = yield from prepare_job(model)
    yield Progress("Reading the weights", 0, 1)
    layers = convolution_layers(model.prototxt)
    name = layer if layer in layers else layers[0]
    return layers, read_layer_filters(model.prototxt, model.need_weights(), model.order, name)


class NetFiltersDialog(QDialog):
    """A model, one of its layers, and a tile for each filter of that.

    Parameters
    ----------
    models : of Model
        Those that can be read at once.
    first : Model
        The one of them that is shown.

    Signals
    -------
    chosen(object, float) : a filter, float32 (1 or 3, rows, columns), and its bias; the dialog
        closes

    Attributes
    ----------
    filters : LayerFilters or None
        What is shown; None while it is read, and if it cannot be.
    """

    chosen = pyqtSignal(object, float)

    def __init__(
        self, models: Sequence[Model], first: Model, parent: QWidget | None = None
    ) -> None:
        super().__init__(parent)
        self.setWindowTitle(tr("Filters of a trained net"))
        self._models: list[Model] = []
        self.filters: LayerFilters | None = None
        self.tiles: list[QToolButton] = []
        self.runner = JobRunner(self)
        self.runner.failed.connect(self._on_failed)
        self.model_box = self._box(tr("Model"))
        self.layer_box = self._box(tr("Layer"))
        self.page_box = self._box(tr("Page"))
        self.channel_box = QSpinBox(self)
        self.channel_box.setAccessibleName(tr("Channel"))
        self.channel_box.setToolTip(
            tr("The filters of this layer look at many channels; a kernel is one filter's part for "
               "one of them, without its bias.")
        )  # fmt: skip
        self.file_button = QPushButton(tr("Open …"), self)
        self.file_button.setAutoDefault(False)
        self.note = QLabel(self)
        self.note.setProperty("role", "muted")
        self.note.setWordWrap(True)
        self._scroll = QScrollArea(self)
        self._lay_out()
        self.model_box.activated.connect(self._on_model)
        self.layer_box.activated.connect(self._on_layer)
        self.page_box.activated.connect(self._fill)
        self.channel_box.valueChanged.connect(self._fill)
        self.file_button.clicked.connect(self._on_file)
        self._show_models([*models, *([] if first in models else [first])], first)

    def _box(self, name: str) -> QComboBox:
        box = QComboBox(self)
        box.setAccessibleName(name)
        box.setSizeAdjustPolicy(QComboBox.AdjustToContents)
        return box

    def _lay_out(self) -> None:
        row = QHBoxLayout()
        row.addWidget(self.model_box, 1)
        row.addWidget(self.file_button)
        self._form = form = QFormLayout()
        form.addRow(tr("Model"), row)
        form.addRow(tr("Layer"), self.layer_box)
        form.addRow(tr("Channel"), self.channel_box)
        form.addRow(tr("Page"), self.page_box)
        for box in (self.channel_box, self.page_box):
            self._show_row(box, False)
        layout = QVBoxLayout(self)
        layout.addLayout(form)
        layout.addWidget(self.note)
        layout.addWidget(self._scroll, 1)
        self.resize(_WIDEST, 520)

    def _show_row(self, box: QWidget, shown: bool) -> None:
        box.setVisible(shown)
        self._form.labelForField(box).setVisible(shown)

    # Models and layers

    def _show_models(self, models: Sequence[Model], current: Model) -> None:
        self._models = list(models)
        titles = model_titles(self._models)
        self.model_box.clear()
        for model in self._models:
            self.model_box.addItem(titles[model.name])
        self.model_box.setCurrentIndex(self._models.index(current))
        self._on_model()

    def _on_model(self) -> None:
        self.layer_box.clear()
        self._read("")

    def _on_layer(self) -> None:
        self._read(self.layer_box.currentText())

    def _on_file(self) -> None:
        path = open_path(
            self, "net", tr("Open a net's weights"),
            f"{tr('Nets')} (*.caffemodel *.h5 *.prototxt);;{tr('All files')} (*)",
        )  # fmt: skip
        if path is None:
            return
        try:
            model = model_of_file(path)
        except EXPECTED as error:
            self.note.setText(one_sentence(error))
            return
        self._show_models([*(m for m in self._models if m.name != model.name), model], model)

    def _read(self, layer: str) -> None:
        self.filters = None
        self._fill()
        self.note.setText(tr("Reading the weights"))
        model = self._models[self.model_box.currentIndex()]
        self.runner.start(_read_job(model, layer), tr("Reading the weights"), self._on_read)

    def _on_failed(self, sentence: str) -> None:
        self.filters = None
        self._fill()
        self.note.setText(sentence)

    def _on_read(self, found: tuple[list[str], LayerFilters]) -> None:
        layers, self.filters = found
        count, channels, rows, cols = self.filters.kernels.shape
        self.layer_box.clear()
        self.layer_box.addItems(layers)
        self.layer_box.setCurrentText(self.filters.layer)
        self.note.setText(
            tr("{count} filters of {rows} × {cols} over {channels} channels; choose one.").format(
                count=count, rows=rows, cols=cols, channels=channels
            )
        )
        self.page_box.clear()
        for start in range(0, count, _PAGE):
            self.page_box.addItem(f"{start} – {min(start + _PAGE, count) - 1}")
        self._show_row(self.page_box, count > _PAGE)
        self.channel_box.blockSignals(True)
        self.channel_box.setRange(0, channels - 1)
        self.channel_box.setValue(0)
        self.channel_box.blockSignals(False)
        self._show_row(self.channel_box, not self.filters.whole)
        self._fill()

    # Tiles

    def _fill(self) -> None:
        filters = self.filters
        inside = QWidget()
        grid = QGridLayout(inside)
        grid.setSpacing(2)
        self.tiles = []
        first = max(0, self.page_box.currentIndex()) * _PAGE
        last = 0 if filters is None else min(first + _PAGE, len(filters.kernels))
        for place, index in enumerate(range(first, last)):
            assert filters is not None
            kernel, _ = filters.taken(index, self.channel_box.value())
            tile = QToolButton(inside)
            tile.setProperty("flat", True)
            tile.setProperty("filter", index)
            tile.setIconSize(QSize(48, 48))
            tile.setIcon(kernel_icon(kernel if len(kernel) == 3 else kernel[0], 48))
            tile.setToolTip(tr("Filter {n}").format(n=index))
            tile.setAccessibleName(tr("Filter {n}").format(n=index))
            tile.clicked.connect(self._on_tile)
            grid.addWidget(tile, place // _COLUMNS, place % _COLUMNS)
            self.tiles.append(tile)
        self._scroll.setWidget(inside)
        if self.tiles:
            bar = self._scroll.verticalScrollBar().sizeHint().width()
            width = inside.sizeHint().width() + bar + 2 * self._scroll.frameWidth()
            self._scroll.setMinimumWidth(min(width, _WIDEST))

    def _on_tile(self) -> None:
        index = int(self.sender().property("filter"))
        assert self.filters is not None
        kernel, bias = self.filters.taken(index, self.channel_box.value())
        self.accept()
        self.chosen.emit(kernel, bias)

    def done(self, result: int) -> None:
        self.runner.shutdown()
        super().done(result)
