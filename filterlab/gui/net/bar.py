"""The row above: net and picture, the edits in words, undo, reset, save."""

from __future__ import annotations

from collections.abc import Sequence

from PyQt5.QtCore import QSignalBlocker, QSize, Qt, pyqtSignal
from PyQt5.QtGui import QResizeEvent
from PyQt5.QtWidgets import QHBoxLayout, QSizePolicy, QToolButton, QWidget

from filterlab.gui import theme
from filterlab.gui.i18n import tr
from filterlab.gui.icons import icon
from filterlab.gui.widgets.frame_box import FrameBox
from filterlab.gui.widgets.line import Line
from filterlab.gui.widgets.row_combo import RowCombo

__all__ = ["Bar"]

_HIGH, _WIDE = 28, 1100
#: Under this width the buttons at the right have icons only.
_TIGHT = 860
_OWN, _OTHER, _OPEN = "\0own", "\0heatmap", "\0open"


class Bar(QWidget):
    """Signals: what was asked for.

    Signals
    -------
    model_chosen(str), own_model_requested(), heatmap_requested()
    sample_chosen(str), open_requested(), camera_toggled(bool)
    frame_chosen(int) : another frame of the picture's file, from 0
    undo_requested(), reset_requested(), save_requested()
    """

    model_chosen = pyqtSignal(str)
    own_model_requested = pyqtSignal()
    heatmap_requested = pyqtSignal()
    sample_chosen = pyqtSignal(str)
    frame_chosen = pyqtSignal(int)
    open_requested = pyqtSignal()
    camera_toggled = pyqtSignal(bool)
    undo_requested = pyqtSignal()
    reset_requested = pyqtSignal()
    save_requested = pyqtSignal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._key = ""
        self.model_combo = self._combo(tr("Model"))
        self.model_combo.setObjectName("models")
        self.model_combo.activated.connect(self._on_model)
        self.picture_combo = self._combo(tr("Picture"))
        self.picture_combo.setObjectName("pictures")
        self.picture_combo.activated.connect(self._on_picture)
        self.frame_box = FrameBox(self)
        self.frame_box.chosen.connect(self.frame_chosen)
        self.open_button = self._button(tr("Open …"), "open")
        self.open_button.clicked.connect(self.open_requested)
        self.camera_button = self._button(tr("Camera"), "camera")
        self.camera_button.setCheckable(True)
        self.camera_button.clicked.connect(self.camera_toggled)
        self.edits = Line(self, "text")
        self.edits.setFont(theme.font(12))
        self.undo_button = self._button(tr("Undo"), "undo")
        self.undo_button.clicked.connect(self.undo_requested)
        self.reset_button = self._button(tr("Reset all"), "rotate")
        self.reset_button.clicked.connect(self.reset_requested)
        self.save_button = self._button(tr("Save …"), "save")
        self.save_button.clicked.connect(self.save_requested)
        row = QHBoxLayout(self)
        row.setContentsMargins(2 * theme.STEP, theme.STEP, 2 * theme.STEP, theme.STEP)
        row.setSpacing(theme.STEP)
        row.addWidget(self.model_combo)
        row.addSpacing(theme.STEP)
        row.addWidget(self.picture_combo)
        row.addWidget(self.frame_box)
        row.addWidget(self.open_button)
        row.addWidget(self.camera_button)
        row.addSpacing(theme.STEP)
        row.addWidget(self.edits, 1)
        for button in (self.undo_button, self.reset_button, self.save_button):
            row.addWidget(button)
        high = max(_HIGH, theme.line_height(self.fontMetrics()) + 10)
        fields = (self.model_combo, self.picture_combo, self.frame_box)
        for widget in (*fields, *self.findChildren(QToolButton)):
            widget.setFixedHeight(high)
        self.setSizePolicy(QSizePolicy.Ignored, QSizePolicy.Fixed)

    def _combo(self, name: str) -> RowCombo:
        combo = RowCombo(self)
        combo.setSizeAdjustPolicy(RowCombo.AdjustToMinimumContentsLengthWithIcon)
        combo.setMinimumContentsLength(3)
        combo.setAccessibleName(name)
        return combo

    def _button(self, text: str, picture: str) -> QToolButton:
        button = QToolButton(self)
        button.setText(text)
        button.setIcon(icon(picture))
        button.setIconSize(QSize(16, 16))
        button.setToolButtonStyle(Qt.ToolButtonTextBesideIcon)
        button.setToolTip(text)
        button.setAccessibleName(text)
        button.setFocusPolicy(Qt.TabFocus)
        return button

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        scale = theme.scale()
        wide = self.width() >= _WIDE * scale
        model, picture = (240, 208) if wide else (200, 150)
        self.model_combo.setFixedWidth(min(round(model * scale), self.width() // 5))
        self.picture_combo.setFixedWidth(min(round(picture * scale), self.width() // 6))
        self.frame_box.set_short(not wide)
        style = Qt.ToolButtonTextBesideIcon if wide else Qt.ToolButtonIconOnly
        for button in (self.open_button, self.camera_button):
            button.setToolButtonStyle(style)
        low = self.width() < _TIGHT * scale
        style = Qt.ToolButtonIconOnly if low else Qt.ToolButtonTextBesideIcon
        for button in (self.undo_button, self.reset_button, self.save_button):
            button.setToolButtonStyle(style)

    def set_models(self, models: Sequence[tuple[str, str, str]], chosen: str) -> None:
        """List the models as (title, key, what it is) and choose one, without signalling."""
        self._key = chosen
        more = ((tr("Net of the Heatmap tab"), _OTHER), (tr("Own model …"), _OWN))
        self.model_combo.fill(models, more, chosen)

    def _on_model(self, index: int) -> None:
        key = str(self.model_combo.itemData(index))
        if key in (_OWN, _OTHER):
            with QSignalBlocker(self.model_combo):
                self.model_combo.setCurrentIndex(max(0, self.model_combo.findData(self._key)))
            (self.own_model_requested if key == _OWN else self.heatmap_requested).emit()
        elif key != self._key:
            self.model_chosen.emit(key)

    def set_picture(
        self, name: str, sample: str, size: tuple[int, int], samples: Sequence[tuple[str, str]]
    ) -> None:
        """The picture's name, (height, width), and the samples as (key, title)."""
        combo = self.picture_combo
        with QSignalBlocker(combo):
            combo.clear()
            if not any(key == sample for key, _ in samples):
                combo.addItem(name, "")
            for key, title in samples:
                combo.addItem(title, key)
            combo.setCurrentIndex(max(0, combo.findData(sample)))
            combo.view().setMinimumWidth(combo.view().sizeHintForColumn(0) + 3 * theme.STEP)
        combo.note = f"{size[1]} × {size[0]}" if size[0] else ""
        combo.setToolTip(f"{name}   {combo.note}".strip())

    def set_frame(self, frame: int, frames: int) -> None:
        """Which frame, from 0, of so many the picture is."""
        self.frame_box.show_frame(frame, frames)

    def _on_picture(self, index: int) -> None:
        key = str(self.picture_combo.itemData(index) or "")
        if key:
            self.sample_chosen.emit(key)

    def show_edits(self, told: str, undo: str, some: bool) -> None:
        """The edits in words, what Undo takes back, whether there is anything to reset or save."""
        self.edits.set_text(told)
        self.undo_button.setEnabled(bool(undo))
        self.undo_button.setToolTip(undo or tr("Nothing to undo"))
        self.reset_button.setEnabled(some)
        self.save_button.setEnabled(some)
