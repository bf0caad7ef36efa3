"""The row above the stage: what is set once, model, picture and size of the map."""

from __future__ import annotations

from collections.abc import Sequence

from PyQt5.QtCore import QSignalBlocker, QSize, Qt, pyqtSignal
from PyQt5.QtGui import QResizeEvent, QStandardItemModel
from PyQt5.QtWidgets import (
    QAction,
    QComboBox,
    QHBoxLayout,
    QLabel,
    QMenu,
    QSizePolicy,
    QSlider,
    QToolButton,
    QWidget,
)

from filterlab.gui import theme
from filterlab.gui.i18n import tr
from filterlab.gui.icons import icon
from filterlab.gui.widgets.frame_box import FrameBox
from filterlab.gui.widgets.key_run import KeyRuns
from filterlab.gui.widgets.row_combo import RowCombo

__all__ = ["WIDE", "Controls"]

#: From this width the buttons have words; below, icons with tool tips.
WIDE = 1200
_HIGH = 32
_OWN, _MODELS = "\0own", "\0models"


class Controls(QWidget):
    """Model, picture and size; at the right the button of the View popover.

    Signals
    -------
    model_chosen(str) : a model of the list, by its key
    own_model_requested(), models_requested()
    open_requested(), picture_chosen(str), sample_chosen(str), camera_requested()
    frame_chosen(int) : another frame of the picture's file, from 0
    cells_changed(int) : asked for; while the handle is dragged only ``cells_hovering(int)``
    density_chosen(str), method_chosen(str)
    """

    model_chosen = pyqtSignal(str)
    own_model_requested = pyqtSignal()
    models_requested = pyqtSignal()
    open_requested = pyqtSignal()
    picture_chosen = pyqtSignal(str)
    sample_chosen = pyqtSignal(str)
    camera_requested = pyqtSignal()
    frame_chosen = pyqtSignal(int)
    cells_changed = pyqtSignal(int)
    cells_hovering = pyqtSignal(int)
    density_chosen = pyqtSignal(str)
    method_chosen = pyqtSignal(str)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._key = ""
        self._steps: list[int] = []
        self._narrow: bool | None = None
        self.runs = KeyRuns()
        self._build_model()
        self._build_picture()
        self._build_size()
        self.view_button = self._button(tr("View"), "settings", menu=True)
        self.view_button.setToolTip(tr("How the map is shown"))
        self.stage_button = self._button(tr("Stage"), "stage")
        self.stage_button.setToolTip(tr("The picture alone, for a room: F5"))
        row = QHBoxLayout(self)
        row.setContentsMargins(2 * theme.STEP, 0, 2 * theme.STEP, 0)
        row.setSpacing(theme.STEP)
        row.addWidget(self._model_label)
        row.addWidget(self.model_combo)
        row.addSpacing(theme.STEP)
        row.addWidget(self._picture_label)
        widget: QWidget
        for widget in (
            self.picture_combo,
            self.frame_box,
            self.open_button,
            self.sample_button,
            self.camera_button,
        ):
            row.addWidget(widget)
        row.addSpacing(theme.STEP)
        row.addWidget(self._cells_label)
        for widget in (self.cells_slider, self.cells_text, self.density_combo, self.method_combo):
            row.addWidget(widget)
        row.addStretch(1)
        row.addWidget(self.view_button)
        row.addWidget(self.stage_button)
        high = max(_HIGH, theme.line_height(self.fontMetrics()) + 12)
        for widget in (
            self.model_combo,
            self.picture_combo,
            self.frame_box,
            self.open_button,
            self.sample_button,
            self.camera_button,
            self.density_combo,
            self.method_combo,
            self.view_button,
            self.stage_button,
        ):
            widget.setFixedHeight(high)
        self.setFixedHeight(high + 2 * theme.STEP)
        self.setSizePolicy(QSizePolicy.Ignored, QSizePolicy.Fixed)
        self._arrange(True)

    # Parts

    def _label(self, text: str, buddy: QWidget) -> QLabel:
        label = QLabel(text, self)
        label.setProperty("role", "muted")
        label.setFont(theme.font(12))
        label.setBuddy(buddy)
        buddy.setAccessibleName(text)
        return label

    def _combo(self) -> RowCombo:
        combo = RowCombo(self)
        # Long entries must not widen the row.
        combo.setSizeAdjustPolicy(QComboBox.AdjustToMinimumContentsLengthWithIcon)
        combo.setMinimumContentsLength(3)
        return combo

    def _button(self, text: str, picture: str, menu: bool = False) -> QToolButton:
        button = QToolButton(self)
        button.setText(f" {text}  ▾" if menu else text)
        button.setIcon(icon(picture))
        button.setIconSize(QSize(16, 16))
        button.setAccessibleName(text)
        button.setToolTip(text)
        button.setFocusPolicy(Qt.TabFocus)
        button.setToolButtonStyle(Qt.ToolButtonTextBesideIcon)
        return button

    def _build_model(self) -> None:
        self.model_combo = self._combo()
        self.model_combo.setObjectName("models")
        self.model_combo.activated.connect(self.runs.of(self._on_model, self.model_combo))
        self._model_label = self._label(tr("Model"), self.model_combo)

    def _build_picture(self) -> None:
        self.picture_combo = RowCombo(self)
        self.picture_combo.setObjectName("pictures")
        self.picture_combo.setSizeAdjustPolicy(QComboBox.AdjustToMinimumContentsLengthWithIcon)
        self.picture_combo.setMinimumContentsLength(3)
        self.picture_combo.activated.connect(self._on_picture)
        self._picture_label = self._label(tr("Picture"), self.picture_combo)
        self.frame_box = FrameBox(self)
        self.frame_box.chosen.connect(self.frame_chosen)
        self.open_button = self._button(tr("Open …"), "open")
        self.open_button.clicked.connect(self.open_requested)
        self.sample_button = self._button(tr("Sample"), "grid", menu=True)
        self.sample_button.setPopupMode(QToolButton.InstantPopup)
        self.sample_menu = QMenu(self.sample_button)
        self.sample_menu.triggered.connect(self._on_sample)
        self.sample_button.setMenu(self.sample_menu)
        self.camera_button = self._button(tr("Camera"), "camera")
        self.camera_button.setToolButtonStyle(Qt.ToolButtonIconOnly)
        self.camera_button.setToolTip(tr("Camera: map its frames until it is stopped (Esc)"))
        self.camera_button.clicked.connect(self.camera_requested)

    def _build_size(self) -> None:
        self.cells_slider = QSlider(Qt.Horizontal, self)
        self.cells_slider.setToolTip(tr("Cells of the map on the picture's longer side"))
        self.cells_slider.valueChanged.connect(self.runs.of(self._on_cells, self.cells_slider))
        self.cells_slider.sliderReleased.connect(self._on_released)
        self._cells_label = self._label(tr("Cells"), self.cells_slider)
        self.cells_text = QLabel(self)
        self.cells_text.setAlignment(Qt.AlignRight | Qt.AlignVCenter)
        self.density_combo = self._combo()
        self.density_combo.setAccessibleName(tr("Density"))
        self.density_combo.setToolTip(tr("How far apart the cells lie on the net's input"))
        self.density_combo.activated.connect(self.runs.of(self._on_density, self.density_combo))
        self.method_combo = self._combo()
        self.method_combo.setAccessibleName(tr("Method"))
        self.method_combo.activated.connect(self.runs.of(self._on_method, self.method_combo))

    # Model

    def set_models(self, models: Sequence[tuple[str, str, str]], chosen: str) -> None:
        """List the models as (title, key, what it is) and choose one, without signalling."""
        self._key = chosen
        more = ((tr("Own model …"), _OWN), (tr("Models …"), _MODELS))
        self.model_combo.fill(models, more, chosen)

    @property
    def model_key(self) -> str:
        """The chosen model's key."""
        return self._key

    def _on_model(self, index: int) -> None:
        key = str(self.model_combo.itemData(index))
        if key in (_OWN, _MODELS):
            with QSignalBlocker(self.model_combo):
                self.model_combo.setCurrentIndex(max(0, self.model_combo.findData(self._key)))
            (self.own_model_requested if key == _OWN else self.models_requested).emit()
        elif key != self._key:
            self._key = key
            self.model_chosen.emit(key)

    # Picture

    def set_picture(self, name: str, size: tuple[int, int], others: Sequence[str] = ()) -> None:
        """Show a picture's name and (height, width); ``others`` are files to go back to."""
        combo = self.picture_combo
        with QSignalBlocker(combo):
            combo.clear()
            combo.addItem(name, "")
            for path in others:
                combo.addItem(path.replace("\\", "/").rpartition("/")[2], path)
                combo.setItemData(combo.count() - 1, path, Qt.ToolTipRole)
            combo.setCurrentIndex(0)
        combo.note = f"{size[1]} × {size[0]}" if size[0] else ""
        combo.setToolTip(f"{name}   {combo.note}".strip())
        combo.view().setMinimumWidth(combo.view().sizeHintForColumn(0) + 3 * theme.STEP)
        combo.update()

    def set_frame(self, frame: int, frames: int) -> None:
        """Which frame, from 0, of so many the picture is."""
        shown = self.frame_box.isVisibleTo(self)
        self.frame_box.show_frame(frame, frames)
        if shown != self.frame_box.isVisibleTo(self):
            self._fit()

    def _on_picture(self, index: int) -> None:
        path = str(self.picture_combo.itemData(index) or "")
        with QSignalBlocker(self.picture_combo):
            self.picture_combo.setCurrentIndex(0)
        if path:
            self.picture_chosen.emit(path)

    def set_samples(self, samples: Sequence[tuple[str, str]]) -> None:
        """The sample pictures as (key, title)."""
        self.sample_menu.clear()
        for key, title in samples:
            self.sample_menu.addAction(title).setData(key)

    def _on_sample(self, action: QAction) -> None:
        self.sample_chosen.emit(str(action.data()))

    # Size

    def set_cells(self, steps: Sequence[int], cells: int) -> None:
        """The sizes that the slider goes through, cells on the longer side, and the present one.

        Not signalled. No steps: nothing to choose yet.
        """
        self._steps = list(steps)
        self.cells_slider.setEnabled(len(self._steps) > 1)
        with QSignalBlocker(self.cells_slider):
            self.cells_slider.setRange(0, max(0, len(self._steps) - 1))
            if self._steps:
                near = min(self._steps, key=lambda step: abs(step - cells))
                self.cells_slider.setValue(self._steps.index(near))

    @property
    def cells(self) -> int:
        """Where the slider stands; 0 if there is nothing to choose yet."""
        return self._steps[self.cells_slider.value()] if self._steps else 0

    def show_grid(self, text: str, told: str = "", warn: bool = False) -> None:
        """The grid beside the slider, such as ``14 × 9``; ``told`` is what it costs."""
        self.cells_text.setText(text)
        self.cells_text.setToolTip(told)
        what = tr("Cells of the map on the picture's longer side")
        self.cells_slider.setToolTip(f"{what}\n{told}" if told else what)
        role = "warning" if warn else ""
        if self.cells_text.property("role") != role:
            self.cells_text.setProperty("role", role)
            self.cells_text.style().unpolish(self.cells_text)
            self.cells_text.style().polish(self.cells_text)

    def _on_cells(self, _: int) -> None:
        # While the handle is dragged only the numbers follow; keys and clicks count at once.
        if self.cells_slider.isSliderDown():
            self.cells_hovering.emit(self.cells)
        else:
            self.cells_changed.emit(self.cells)

    def _on_released(self) -> None:
        self.cells_changed.emit(self.cells)

    def set_densities(self, offers: Sequence[tuple[str, str, str]], chosen: str) -> None:
        """The densities as (text, key, why not); one with a reason is shown but cannot be taken."""
        _offer(self.density_combo, offers, chosen)
        self._fit()

    def set_methods(self, offers: Sequence[tuple[str, str, str]], chosen: str) -> None:
        """The methods as (text, key, what it is) and the one in use."""
        _offer(self.method_combo, [(text, key, "") for text, key, _ in offers], chosen)
        for row, (_, _, about) in enumerate(offers):
            self.method_combo.setItemData(row, about, Qt.ToolTipRole)
        self.method_combo.setToolTip(str(self.method_combo.currentData(Qt.ToolTipRole) or ""))
        self._fit()

    def _on_density(self, index: int) -> None:
        self.density_chosen.emit(str(self.density_combo.itemData(index)))

    def _on_method(self, index: int) -> None:
        self.method_chosen.emit(str(self.method_combo.itemData(index)))

    # Room

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self._arrange(self.width() < WIDE * theme.scale())

    def _fit(self) -> None:
        """With large text: labels go before fields, then the fields give."""
        labels = (self._model_label, self._picture_label, self._cells_label)
        self._set_widths()
        for label in labels:
            label.show()
        self.frame_box.set_short(bool(self._narrow))
        self.view_button.setToolButtonStyle(Qt.ToolButtonTextBesideIcon)
        self.view_button.setMinimumWidth(self.view_button.sizeHint().width())

        def over() -> int:
            self.layout().invalidate()
            return int(self.layout().minimumSize().width()) - self.width()

        if over() > 0:
            self.frame_box.set_short(True)
        if over() <= 0 or self.width() < 320:
            return
        for label in labels:
            label.hide()
        for widget, least in (
            (self.cells_slider, 40),
            (self.model_combo, 84),
            (self.picture_combo, 56),
        ):
            left = over()
            if left > 0:
                least = round(least * theme.scale())
                widget.setFixedWidth(max(least, widget.minimumWidth() - left))
        if over() > 0:
            self.view_button.setToolButtonStyle(Qt.ToolButtonIconOnly)
            self.view_button.setMinimumWidth(0)
        for combo in (self.method_combo, self.density_combo):
            left = over()
            if left > 0 and combo.isVisibleTo(self):
                combo.setFixedWidth(max(round(56 * theme.scale()), combo.minimumWidth() - left))

    def _set_widths(self) -> None:
        for widget, wide, small in (
            (self.model_combo, 164, 152),
            (self.picture_combo, 148, 92),
            (self.cells_slider, 88, 60),
        ):
            widget.setFixedWidth(round((small if self._narrow else wide) * theme.scale()))
        for combo in (self.density_combo, self.method_combo):
            combo.setFixedWidth(_width_for(combo))

    def _arrange(self, narrow: bool) -> None:
        if narrow == self._narrow:
            self._fit()
            return
        self._narrow = narrow
        self.layout().setSpacing(6 if narrow else theme.STEP)
        metrics = self.cells_text.fontMetrics()
        self.cells_text.setMinimumWidth(metrics.horizontalAdvance("88 × 66") + 2)
        style = Qt.ToolButtonIconOnly if narrow else Qt.ToolButtonTextOnly
        for button in (self.open_button, self.sample_button, self.stage_button):
            button.setToolButtonStyle(style)
        self._fit()


def _width_for(combo: QComboBox) -> int:
    """As wide as its longest text."""
    words = [
        combo.fontMetrics().horizontalAdvance(combo.itemText(row)) for row in range(combo.count())
    ]
    return max(words, default=0) + 38


def _offer(combo: QComboBox, offers: Sequence[tuple[str, str, str]], chosen: str) -> None:
    with QSignalBlocker(combo):
        combo.clear()
        for text, key, why_not in offers:
            combo.addItem(text, key)
            if why_not:
                row, model = combo.count() - 1, combo.model()
                assert isinstance(model, QStandardItemModel)
                model.item(row).setEnabled(False)
                combo.setItemData(row, why_not, Qt.ToolTipRole)
        combo.setCurrentIndex(max(0, combo.findData(chosen)) if offers else -1)
    combo.setFixedWidth(_width_for(combo))
    combo.setEnabled(len(offers) > 1)
    combo.setVisible(bool(offers))
    combo.view().setMinimumWidth(combo.view().sizeHintForColumn(0) + 3 * theme.STEP)
