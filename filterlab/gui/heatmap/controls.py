"""The left column: model, picture, size, and how the map is shown."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

from qtpy.QtCore import QSignalBlocker, Qt, QTimer, Signal
from qtpy.QtWidgets import (
    QCheckBox,
    QComboBox,
    QFrame,
    QGridLayout,
    QHBoxLayout,
    QLabel,
    QMenu,
    QPushButton,
    QScrollArea,
    QSizePolicy,
    QToolButton,
    QVBoxLayout,
    QWidget,
)

from filterlab.gui import theme
from filterlab.gui.heatmap.look import Look
from filterlab.gui.heatmap.look_names import lays, scales, shows
from filterlab.gui.i18n import tr
from filterlab.gui.icons import icon
from filterlab.gui.model_texts import model_about, model_titles
from filterlab.gui.widgets.section import CollapsibleSection
from filterlab.gui.widgets.slider import LabelledSlider
from filterlab.zoo.catalogue import Model

__all__ = ["MAX_CELLS", "Controls"]

MAX_CELLS = 32


def _heading(text: str, parent: QWidget) -> QLabel:
    label = QLabel(text, parent)
    label.setProperty("role", "heading")
    return label


def _note(parent: QWidget) -> QLabel:
    label = QLabel(parent)
    label.setProperty("role", "muted")
    label.setWordWrap(True)
    return label


def _combo(parent: QWidget, items: Sequence[tuple[str, str]]) -> QComboBox:
    combo = QComboBox(parent)
    for text, key in items:
        combo.addItem(text, key)
    # Long entries must not widen the column.
    combo.setSizeAdjustPolicy(QComboBox.AdjustToMinimumContentsLengthWithIcon)
    combo.setMinimumContentsLength(8)
    combo.setSizePolicy(QSizePolicy.Expanding, QSizePolicy.Fixed)
    return combo


class Controls(QScrollArea):
    """What to run and how to show it.

    Signals
    -------
    model_chosen(str) : a model of the list, by its key
    own_model_requested(), get_requested(), transplant_requested()
    open_requested(), sample_chosen(str), camera_requested()
    size_changed() : the cells or the shape; read them from ``cells`` and ``squash``
    size_hovering() : the slider moves; only the note beside it follows
    how_changed() : one pass, or several; read it from ``how``
    look_changed(Look)
    drag_changed() : a slider of the look is grasped or let go
    """

    model_chosen = Signal(str)
    own_model_requested = Signal()
    get_requested = Signal()
    transplant_requested = Signal()
    open_requested = Signal()
    sample_chosen = Signal(str)
    camera_requested = Signal()
    size_changed = Signal()
    size_hovering = Signal()
    how_changed = Signal()
    look_changed = Signal(object)
    drag_changed = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._look = Look()
        #: How the user, or the last session, wants the net to be run; None: as suits the net.
        self.wanted_how: str | None = None
        self.setWidgetResizable(True)
        self.setFrameShape(QFrame.NoFrame)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarAlwaysOff)
        body = QWidget(self)
        self.setWidget(body)
        self.viewport().setAutoFillBackground(False)
        body.setAutoFillBackground(False)
        layout = QVBoxLayout(body)
        layout.setContentsMargins(0, 0, theme.STEP, 0)
        layout.setSpacing(6)
        self._build_model(body, layout)
        layout.addSpacing(theme.STEP)
        self._build_picture(body, layout)
        layout.addSpacing(theme.STEP)
        self._build_size(body, layout)
        layout.addSpacing(theme.STEP)
        self._build_map(body, layout)
        layout.addStretch(1)
        # As wide as its widest row in this language, with room for the scroll bar.
        self.setFixedWidth(max(264, body.minimumSizeHint().width() + 12))

    # Model

    def _build_model(self, body: QWidget, layout: QVBoxLayout) -> None:
        layout.addWidget(_heading(tr("Model"), body))
        self.model_combo = _combo(body, ())
        self.model_combo.currentIndexChanged.connect(self._on_model)
        self.own_button = QPushButton(tr("Own …"), body)
        self.own_button.setToolTip(tr("Your own prototxt and caffemodel"))
        self.own_button.clicked.connect(self.own_model_requested)
        row = QHBoxLayout()
        row.setSpacing(theme.STEP)
        row.addWidget(self.model_combo, 1)
        row.addWidget(self.own_button)
        layout.addLayout(row)
        self.model_note = _note(body)
        layout.addWidget(self.model_note)
        self.get_button = QPushButton(tr("Get weights"), body)
        self.get_button.clicked.connect(self.get_requested)
        layout.addWidget(self.get_button)
        self.transplant_button = QPushButton(tr("Transplant"), body)
        self.transplant_button.setProperty("primary", True)
        self.transplant_button.setToolTip(
            tr("Turn the fully connected layers into convolutions that share their weights")
        )
        self.transplant_button.clicked.connect(self.transplant_requested)
        layout.addWidget(self.transplant_button)

    def set_models(self, models: Sequence[Model], chosen: str) -> None:
        """List the models and choose one, without signalling."""
        with QSignalBlocker(self.model_combo):
            self.model_combo.clear()
            titles = model_titles(models)
            for model in models:
                self.model_combo.addItem(titles[model.name], model.name)
                about = model_about(model) or str(model.weights_path)
                self.model_combo.setItemData(self.model_combo.count() - 1, about, Qt.ToolTipRole)
            at = self.model_combo.findData(chosen)
            self.model_combo.setCurrentIndex(max(0, at))

    @property
    def model_key(self) -> str:
        """The chosen model's key."""
        return str(self.model_combo.currentData() or "")

    def show_model(self, model: Model | None) -> None:
        """Say what the chosen model is and whether its weights are here."""
        if model is None:
            self.model_note.setVisible(False)
            self.get_button.setVisible(False)
            return
        self.model_combo.setToolTip(model_about(model) or str(model.weights_path))
        missing = model.kind in ("download", "package") and not model.ready
        size = f" ({model.size / 1e6:.0f} MB)" if missing and model.size else ""
        self.model_note.setText(f"{tr('The weights are not here yet')}{size}." if missing else "")
        self.model_note.setVisible(missing)
        self.get_button.setVisible(missing)

    def _on_model(self, _: int) -> None:
        self.model_chosen.emit(self.model_key)

    # Picture

    def _build_picture(self, body: QWidget, layout: QVBoxLayout) -> None:
        self.picture_note = QLabel(body)
        self.picture_note.setProperty("role", "muted")
        self.picture_note.setAlignment(Qt.AlignRight)
        head = QHBoxLayout()
        head.addWidget(_heading(tr("Picture"), body))
        head.addWidget(self.picture_note, 1)
        layout.addLayout(head)
        row = QHBoxLayout()
        row.setSpacing(theme.STEP)
        self.open_button = QPushButton(tr("Open …"), body)
        self.open_button.clicked.connect(self.open_requested)
        self.sample_button = QToolButton(body)
        self.sample_button.setText(tr("Sample") + " ▾")
        self.sample_button.setPopupMode(QToolButton.InstantPopup)
        self.sample_button.setSizePolicy(QSizePolicy.Expanding, QSizePolicy.Fixed)
        self.sample_menu = QMenu(self.sample_button)
        self.sample_menu.triggered.connect(self._on_sample)
        self.sample_button.setMenu(self.sample_menu)
        self.camera_button = QToolButton(body)
        self.camera_button.setIcon(icon("camera"))
        self.camera_button.setToolTip(tr("Camera: map its frames until it is stopped (Esc)"))
        self.camera_button.setAccessibleName(tr("Camera"))
        self.camera_button.clicked.connect(self.camera_requested)
        row.addWidget(self.open_button, 1)
        row.addWidget(self.sample_button, 1)
        row.addWidget(self.camera_button)
        layout.addLayout(row)

    def set_samples(self, samples: Sequence[tuple[str, str]]) -> None:
        """The sample pictures as (key, title)."""
        self.sample_menu.clear()
        for key, title in samples:
            self.sample_menu.addAction(title).setData(key)

    def _on_sample(self, action: Any) -> None:
        self.sample_chosen.emit(str(action.data()))

    # Size

    def _build_size(self, body: QWidget, layout: QVBoxLayout) -> None:
        self.cells_slider = LabelledSlider(
            tr("Cells on the longer side"), 1, MAX_CELLS, 8, MAX_CELLS - 1, lambda v: f"{v:.0f}"
        )
        slider = self.cells_slider.slider
        slider.setPageStep(2)
        slider.valueChanged.connect(self._on_cells)
        slider.sliderReleased.connect(self.size_changed)
        layout.addWidget(self.cells_slider)
        self.squash_box = QCheckBox(tr("Squash to a square (tutorial)"), body)
        self.squash_box.setToolTip(
            tr("Off, the picture keeps its shape; the tutorial squashes it to 451 × 451")
        )
        self.squash_box.toggled.connect(self._on_shape)
        layout.addWidget(self.squash_box)
        self.passes_combo = _combo(body, ((tr("one pass"), ""),))
        self.passes_combo.setToolTip(
            tr("More passes on shifted or scaled copies give a denser map")
        )
        self.passes_combo.currentIndexChanged.connect(self._on_passes)
        layout.addWidget(self.passes_combo)
        self.size_note = _note(body)
        layout.addWidget(self.size_note)

    def show_size(self, text: str, warn: bool) -> None:
        """What the size means and costs; a warning in another colour."""
        self.size_note.setText(text)
        role = "warning" if warn else "muted"
        if self.size_note.property("role") != role:
            self.size_note.setProperty("role", role)
            self.size_note.style().unpolish(self.size_note)
            self.size_note.style().polish(self.size_note)

    @property
    def cells(self) -> int:
        """Cells on the longer side."""
        return round(self.cells_slider.value)

    @property
    def squash(self) -> bool:
        """Whether the picture is squashed to a square."""
        return bool(self.squash_box.isChecked())

    @property
    def how(self) -> str:
        """How the net on show is run; see ``work.Size``."""
        return str(self.passes_combo.currentData() or "")

    def set_how(self, how: str | None) -> None:
        """Choose how the net is run, without signalling; None leaves it to the net.

        What is not on offer is kept in ``wanted_how`` until it is; the first offer stands.
        """
        self.wanted_how = how
        with QSignalBlocker(self.passes_combo):
            self.passes_combo.setCurrentIndex(max(0, self.passes_combo.findData(how)))

    def offer_passes(self, offers: Sequence[tuple[str, str]]) -> None:
        """What a net can be run as, as (text, key), the net's default first."""
        with QSignalBlocker(self.passes_combo):
            self.passes_combo.clear()
            for text, key in offers:
                self.passes_combo.addItem(text, key)
        self.set_how(self.wanted_how)

    def _on_passes(self, _: int) -> None:
        self.wanted_how = self.how
        self.how_changed.emit()

    def set_size(self, cells: int, squash: bool) -> None:
        """Set cells and shape without signalling."""
        self.cells_slider.set_value(min(MAX_CELLS, max(1, cells)))
        with QSignalBlocker(self.squash_box):
            self.squash_box.setChecked(squash)

    def _on_cells(self, _: int) -> None:
        # While the handle is dragged only the note follows; keys and clicks count at once.
        if self.cells_slider.slider.isSliderDown():
            self.size_hovering.emit()
        else:
            self.size_changed.emit()

    def _on_shape(self, _: bool) -> None:
        self.size_changed.emit()

    # Map

    def _build_map(self, body: QWidget, layout: QVBoxLayout) -> None:
        layout.addWidget(_heading(tr("Map"), body))
        grid = QGridLayout()
        grid.setHorizontalSpacing(theme.STEP)
        grid.setVerticalSpacing(4)
        grid.setColumnStretch(1, 1)
        self.show_combo = self._choice(grid, 0, tr("Show"), shows(), "show")
        self.lay_combo = self._choice(grid, 1, tr("Laid as"), lays(), "lay")
        self.scale_combo = self._choice(grid, 2, tr("Values"), scales(), "scale")
        self.colours_combo = self._choice(
            grid,
            3,
            tr("Colours"),
            tuple((name, name) for name in ("inferno", "viridis", "magma", "turbo", "grey")),
            "colours",
        )
        layout.addLayout(grid)
        self.lay_combo.setItemData(
            4, tr("As in most tutorials: pulled over the whole picture"), Qt.ToolTipRole
        )
        self.opacity = self._share(tr("Opacity"), 0, 1, 0.6, 100, "opacity", _percent)
        layout.addWidget(self.opacity)
        more = CollapsibleSection(tr("More"), body, opened=False)
        self.more = more
        self.threshold = self._share(tr("Threshold"), 0, 1, 0, 100, "threshold", _percent)
        self.gamma = self._share(tr("Gamma"), 0.2, 3.0, 1.0, 28, "gamma", lambda v: f"{v:.1f}")
        self.contours = QCheckBox(tr("Contour lines"), body)
        self.contours.toggled.connect(self._on_contours)
        self.dim = QCheckBox(tr("Dim the margins"), body)
        self.dim.setToolTip(tr("No cell has its centre there"))
        self.dim.setChecked(True)
        self.dim.toggled.connect(self._on_dim)
        self.grid_box = QCheckBox(tr("Write names into the cells"), body)
        for widget in (self.threshold, self.gamma, self.contours, self.dim, self.grid_box):
            more.body.addWidget(widget)
        more.toggled.connect(self._on_more)
        layout.addWidget(more)

    def _on_more(self, opened: bool) -> None:
        if opened:
            # Once the layouts have made room for it.
            QTimer.singleShot(0, self._show_more)

    def _show_more(self) -> None:
        self.ensureWidgetVisible(self.more, 0, theme.STEP)

    def _choice(
        self,
        grid: QGridLayout,
        row: int,
        name: str,
        items: Sequence[tuple[str, str]],
        key: str,
    ) -> QComboBox:
        label = QLabel(name)
        combo = _combo(self, items)
        combo.setProperty("look", key)
        combo.currentIndexChanged.connect(self._on_choice)
        label.setBuddy(combo)
        grid.addWidget(label, row, 0)
        grid.addWidget(combo, row, 1)
        return combo

    def _share(
        self,
        name: str,
        low: float,
        high: float,
        value: float,
        steps: int,
        key: str,
        text: Callable[[float], str],
    ) -> LabelledSlider:
        slider = LabelledSlider(name, low, high, value, steps, text)
        slider.setProperty("look", key)
        slider.changed.connect(self._on_share)
        slider.slider.sliderPressed.connect(self.drag_changed)
        slider.slider.sliderReleased.connect(self.drag_changed)
        return slider

    @property
    def dragged(self) -> bool:
        """Whether a slider of the map's look is being dragged."""
        return any(s.slider.isSliderDown() for s in (self.opacity, self.threshold, self.gamma))

    @property
    def look(self) -> Look:
        """The choices for the map."""
        return self._look

    def set_look(self, look: Look) -> None:
        """Show choices without signalling."""
        self._look = look
        for combo in (self.show_combo, self.lay_combo, self.scale_combo, self.colours_combo):
            with QSignalBlocker(combo):
                combo.setCurrentIndex(
                    max(0, combo.findData(getattr(look, str(combo.property("look")))))
                )
        for slider in (self.opacity, self.threshold, self.gamma):
            slider.set_value(getattr(look, str(slider.property("look"))))
        for box, on in ((self.contours, look.contours), (self.dim, look.dim)):
            with QSignalBlocker(box):
                box.setChecked(on)

    def _change(self, **what: Any) -> None:
        self._look = replace(self._look, **what)
        self.look_changed.emit(self._look)

    def _on_choice(self, _: int) -> None:
        combo = self.sender()
        if isinstance(combo, QComboBox):
            self._change(**{str(combo.property("look")): str(combo.currentData())})

    def _on_share(self, value: float) -> None:
        slider = self.sender()
        if isinstance(slider, LabelledSlider):
            self._change(**{str(slider.property("look")): value})

    def _on_contours(self, on: bool) -> None:
        self._change(contours=on)

    def _on_dim(self, on: bool) -> None:
        self._change(dim=on)


def _percent(value: float) -> str:
    return f"{100 * value:.0f} %"
