"""What can be done to the chosen units, and the same in pycaffe."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from PyQt5.QtCore import QSignalBlocker, QSize, Qt, pyqtSignal
from PyQt5.QtGui import QColor, QPainter, QPaintEvent, QPen, QResizeEvent
from PyQt5.QtWidgets import (
    QAction,
    QDoubleSpinBox,
    QHBoxLayout,
    QLabel,
    QMenu,
    QSizePolicy,
    QSlider,
    QStyle,
    QStyleOptionSlider,
    QToolButton,
    QVBoxLayout,
    QWidget,
)

from filterlab.gui import theme
from filterlab.gui.i18n import Text, tr
from filterlab.gui.icons import icon
from filterlab.gui.preset_names import CATEGORY_NAMES
from filterlab.gui.widgets.code_panel import CodePanel
from filterlab.gui.widgets.thumbs import kernel_icon
from filterlab.surgery.kernels.presets import CATEGORIES, PRESETS

__all__ = ["FactorSlider", "SurgeryPanel"]

_STEPS = 200  # of the slider, 0 to 2
_GAP = 4

#: The operations of the menu behind the buttons.
_MORE = {
    "negate": Text("Negate"),
    "copy": Text("Copy another unit here …"),
    "noise": Text("Add noise …"),
    "prune": Text("Keep the strongest units …"),
    "reset": Text("Reset these units"),
    "reset layer": Text("Reset the layer"),
}


class FactorSlider(QSlider):
    """From 0 to 2 in hundredths, with a mark at 1."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(Qt.Horizontal, parent)
        self.setRange(0, _STEPS)
        self.setValue(_STEPS // 2)
        self.setPageStep(10)
        self.setAccessibleName(tr("Factor of the units"))

    @property
    def factor(self) -> float:
        """Where it stands."""
        return float(self.value()) * 2 / _STEPS

    def show_factor(self, factor: float) -> None:
        """Stand at a factor without signalling."""
        with QSignalBlocker(self):
            self.setValue(round(min(2.0, max(0.0, factor)) * _STEPS / 2))
        self.update()

    def paintEvent(self, event: QPaintEvent) -> None:
        option = QStyleOptionSlider()
        self.initStyleOption(option)
        handle = self.style().subControlRect(QStyle.CC_Slider, option, QStyle.SC_SliderHandle, self)
        painter = QPainter(self)
        x = (self.width() - handle.width()) / 2 + handle.width() / 2
        painter.setPen(QPen(QColor(theme.current().muted), 1))
        middle = self.height() / 2
        painter.drawLine(round(x), round(middle - 7), round(x), round(middle + 7))
        painter.end()
        super().paintEvent(event)


class SurgeryPanel(QWidget):
    """Buttons, the factor, the code.

    Signals
    -------
    zeroed(bool), factor_changed(float, bool) : the bool says whether a drag goes on
    factor_settled()
    swap_toggled(bool), preset_chosen(str), own_chosen(str), edit_requested(), more_chosen(str)
    """

    zeroed = pyqtSignal(bool)
    factor_changed = pyqtSignal(float, bool)
    factor_settled = pyqtSignal()
    swap_toggled = pyqtSignal(bool)
    preset_chosen = pyqtSignal(str)
    own_chosen = pyqtSignal(str)
    edit_requested = pyqtSignal()
    more_chosen = pyqtSignal(str)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.heading = QLabel(tr("Surgery"), self)
        self.heading.setFont(theme.font(14, bold=True))
        self.zero_button = self._button(tr("Zero"), "close", True)
        self.zero_button.setToolTip(tr("Set weights and bias of the units to zero; again: back"))
        self.zero_button.clicked.connect(self.zeroed)
        self.scale_button = self._button(tr("Scale"), "wave")
        self.scale_button.setToolTip(tr("Multiply weights and bias of the units"))
        self.scale_button.clicked.connect(self._on_scale)
        self.swap_button = self._button(tr("Swap"), "swap", True)
        self.swap_button.setToolTip(tr("Let two units change places: then click the other one"))
        self.swap_button.clicked.connect(self.swap_toggled)
        self.preset_button = self._button(tr("Preset"), "grid")
        self.preset_button.setToolTip(tr("Put a preset in the place of the kernel"))
        self.preset_button.setPopupMode(QToolButton.InstantPopup)
        self.preset_menu = QMenu(self.preset_button)
        self.preset_menu.triggered.connect(self._on_chosen)
        self.own_menu = QMenu(tr("My kernels"), self.preset_button)
        self.preset_button.setMenu(self.preset_menu)
        self.edit_button = self._button(tr("Edit"), "draw")
        self.edit_button.setToolTip(tr("Draw the chosen plane of the kernel by hand"))
        self.edit_button.clicked.connect(self.edit_requested)
        self.more_button = self._button("", "more")
        self.more_button.setToolTip(tr("More surgery"))
        self.more_button.setAccessibleName(tr("More surgery"))
        self.more_button.setPopupMode(QToolButton.InstantPopup)
        menu = QMenu(self.more_button)
        for key, text in _MORE.items():
            menu.addAction(tr(text)).setData(key)
        menu.triggered.connect(lambda a: self.more_chosen.emit(str(a.data())))
        self.more_button.setMenu(menu)
        self.slider = FactorSlider(self)
        self.slider.valueChanged.connect(self._on_slider)
        self.slider.sliderReleased.connect(self.factor_settled)
        self.factor_box = QDoubleSpinBox(self)
        self.factor_box.setRange(-100.0, 100.0)
        self.factor_box.setDecimals(2)
        self.factor_box.setSingleStep(0.1)
        self.factor_box.setPrefix("\N{MULTIPLICATION SIGN} ")
        self.factor_box.setKeyboardTracking(False)
        self.factor_box.setAccessibleName(tr("Factor of the units"))
        self.factor_box.valueChanged.connect(self._on_box)
        self.code = CodePanel(self)
        buttons = QHBoxLayout()
        buttons.setContentsMargins(0, 0, 0, 0)
        buttons.setSpacing(_GAP)
        for button in self.buttons():
            # The layout must not hold on to the icons' room.
            button.setMinimumWidth(1)
            buttons.addWidget(button)
        buttons.addStretch(1)
        factor = QHBoxLayout()
        factor.setContentsMargins(0, 0, 0, 0)
        factor.setSpacing(theme.STEP)
        label = QLabel(tr("scale"), self)
        label.setProperty("role", "muted")
        label.setFont(theme.font(12))
        factor.addWidget(label)
        factor.addWidget(self.slider, 1)
        factor.addWidget(self.factor_box)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(theme.STEP // 2)
        layout.addWidget(self.heading)
        layout.addLayout(buttons)
        layout.addLayout(factor)
        layout.addWidget(self.code, 1)

    def _button(self, text: str, picture: str, checkable: bool = False) -> QToolButton:
        button = QToolButton(self)
        button.setText(text)
        button.setIcon(icon(picture))
        button.setIconSize(QSize(12, 12))
        button.setStyleSheet("QToolButton { padding: 4px 3px; }")
        button.setCheckable(checkable)
        button.setAccessibleName(text)
        button.setFocusPolicy(Qt.TabFocus)
        button.setFont(theme.font(12))
        style = Qt.ToolButtonTextBesideIcon if text else Qt.ToolButtonIconOnly
        button.setToolButtonStyle(style)
        button.setSizePolicy(QSizePolicy.Minimum, QSizePolicy.Fixed)
        return button

    def buttons(self) -> tuple[QToolButton, ...]:
        """From left to right."""
        return (
            self.zero_button,
            self.scale_button,
            self.swap_button,
            self.preset_button,
            self.edit_button,
            self.more_button,
        )

    def sizeHint(self) -> QSize:
        """The code takes the room that others leave."""
        return QSize(super().sizeHint().width(), self.minimumSizeHint().height())

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        # Words lose their icons where there is no room for both; then, from the right, icons take
        # the words' places.
        words = self.buttons()[:-1]
        for style in (Qt.ToolButtonTextBesideIcon, Qt.ToolButtonTextOnly):
            for button in words:
                button.setToolButtonStyle(style)
            if self._fits():
                return
        for button in words[::-1]:
            button.setToolButtonStyle(Qt.ToolButtonIconOnly)
            if self._fits():
                return

    def _fits(self) -> bool:
        wide = sum(button.sizeHint().width() for button in self.buttons())
        return wide + (len(self.buttons()) - 1) * _GAP <= self.width()

    def set_usable(self, units: int, plane: bool, swap: bool) -> None:
        """What can be done: to so many units; to a plane of a kernel; swapping two."""
        some = units > 0
        for part in (self.zero_button, self.scale_button, self.slider, self.factor_box):
            part.setEnabled(some)
        self.more_button.setEnabled(some)
        self.swap_button.setEnabled(swap)
        self.preset_button.setEnabled(some and plane)
        self.edit_button.setEnabled(some and plane)

    def show_state(self, zero: bool, factor: float | None) -> None:
        """Whether the units are set to zero, and by what they are multiplied (None: by nothing)."""
        self.zero_button.setChecked(zero)
        shown = 1.0 if factor is None else factor
        if not self.slider.isSliderDown():
            self.slider.show_factor(shown)
        with QSignalBlocker(self.factor_box):
            self.factor_box.setValue(shown)

    def set_presets(
        self, size: tuple[int, int] | None, make: Callable[[str, tuple[int, int]], np.ndarray]
    ) -> None:
        """List the presets as kernels that ``make`` makes of this size; None for none."""
        self.preset_menu.clear()
        if size is None:
            return
        for category in CATEGORIES:
            menu = self.preset_menu.addMenu(tr(CATEGORY_NAMES[category]))
            for key, preset in PRESETS.items():
                if preset.category == category:
                    action = menu.addAction(kernel_icon(make(key, size)), tr(preset.title))
                    action.setData(key)
                    action.setToolTip(tr(preset.doc))
        self.preset_menu.addMenu(self.own_menu)

    def set_own(self, kernels: Sequence[tuple[str, np.ndarray]]) -> None:
        """List the user's own kernels, by name, below the presets."""
        self.own_menu.clear()
        for name, values in kernels:
            picture = kernel_icon(values if len(values) == 3 else values[0])
            self.own_menu.addAction(picture, name.replace("&", "&&")).setData(f"own:{name}")
        self.own_menu.menuAction().setVisible(bool(kernels))

    def _on_chosen(self, action: QAction) -> None:
        key = str(action.data())
        if key.startswith("own:"):
            self.own_chosen.emit(key[4:])
        else:
            self.preset_chosen.emit(key)

    def _on_scale(self) -> None:
        self.factor_box.setFocus(Qt.OtherFocusReason)
        self.factor_box.selectAll()

    def _on_slider(self, _: int) -> None:
        self.factor_changed.emit(self.slider.factor, bool(self.slider.isSliderDown()))

    def _on_box(self, value: float) -> None:
        self.factor_changed.emit(float(value), False)
