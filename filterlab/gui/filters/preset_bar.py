"""The preset of a filter: a button that opens the presets, and its parameters, live."""

from __future__ import annotations

import re
from itertools import pairwise

from qtpy.QtCore import QSignalBlocker, QSize, Qt, QTimer, Signal
from qtpy.QtWidgets import (
    QHBoxLayout,
    QLabel,
    QSizePolicy,
    QSlider,
    QToolButton,
    QVBoxLayout,
    QWidget,
)

from filterlab.gui.errors import EXPECTED, one_sentence
from filterlab.gui.filters.numbers import NumberField
from filterlab.gui.filters.preset_popup import PresetPopup
from filterlab.gui.filters.thumbs import kernel_icon
from filterlab.gui.i18n import tr
from filterlab.gui.widgets.line import Line
from filterlab.surgery.kernels.library import KernelLibrary
from filterlab.surgery.kernels.presets import PRESETS, Parameter
from filterlab.workbench.filter_bench import FilterBench

__all__ = ["PresetBar"]

_SLIDER_STEPS = 200


class _Knob(QWidget):
    """One parameter: a field, and a slider where there is room.

    Signals
    -------
    changed(str, float)
    released()
    """

    changed = Signal(str, float)

    def __init__(self, parameter: Parameter, roomy: bool, parent: QWidget) -> None:
        super().__init__(parent)
        self.parameter = parameter
        layout = QHBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(6)
        label = tr(parameter.label)
        prefix = "" if roomy else _SHORT.get(parameter.label, label[:1])
        low, high = self._range()
        self.field = NumberField(
            parameter.minimum, parameter.maximum, parameter.step, parameter.default,
            self, parameter.unit, parameter.whole, prefix,
        )  # fmt: skip
        self.field.setToolTip(label)
        self.field.setAccessibleName(label)
        self.field.edited.connect(self._on_field)
        self.slider: QSlider | None = None
        if roomy:
            name = QLabel(label, self)
            name.setProperty("role", "muted")
            self.slider = QSlider(Qt.Horizontal, self)
            self.slider.setRange(0, _SLIDER_STEPS)
            self.slider.setMinimumWidth(32)
            self.slider.setAccessibleName(label)
            self.slider.valueChanged.connect(self._on_slider)
            layout.addWidget(name)
            layout.addWidget(self.slider, 1)
            layout.addWidget(self.field)
            self.field.setMinimumWidth(80)
        else:
            self.field.setButtonSymbols(NumberField.NoButtons)
            layout.addWidget(self.field, 1)
        self._low, self._high = low, high
        self.show_value(parameter.default)

    def _range(self) -> tuple[float, float]:
        """The slider's range: what makes a difference, within what is allowed."""
        p = self.parameter
        if p.unit == "°":
            return max(p.minimum, -180.0), min(p.maximum, 180.0)
        if p.name == "seed":
            return 0, 100
        if p.name == "std":
            return p.minimum, 1.0
        if p.name.startswith("sigma"):
            return p.minimum, 5.0
        if p.name == "amount":
            return p.minimum, 4.0
        return p.minimum, p.maximum

    def show_value(self, value: float) -> None:
        """Show a value without reporting it."""
        self.field.show_value(value)
        if self.slider is not None:
            share = (value - self._low) / (self._high - self._low)
            with QSignalBlocker(self.slider):
                self.slider.setValue(round(min(1.0, max(0.0, share)) * _SLIDER_STEPS))

    def _on_slider(self, at: int) -> None:
        value = self._low + (self._high - self._low) * at / _SLIDER_STEPS
        step = 1.0 if self.parameter.whole or self.parameter.unit == "°" else 0.01
        value = min(self.parameter.maximum, max(self.parameter.minimum, round(value / step) * step))
        value = round(value, 6)
        self.field.show_value(value)
        self.changed.emit(self.parameter.name, value)

    def _on_field(self, value: float) -> None:
        self.show_value(value)
        self.changed.emit(self.parameter.name, value)


_SHORT = {"wavelength": "λ", "angle": "∠", "phase": "φ", "length": "↔"}


class PresetBar(QWidget):
    """Chooses the preset of one filter and shapes it.

    Signals
    -------
    failed(str) : one sentence
    wanted(str) : see :class:`PresetPopup`
    """

    failed = Signal(str)
    wanted = Signal(str)

    def __init__(
        self, bench: FilterBench, slot: int, library: KernelLibrary, parent: QWidget | None = None
    ) -> None:
        super().__init__(parent)
        self.bench = bench
        self.slot = slot
        self.library = library
        self._popup: PresetPopup | None = None
        self._shown_key = "?"
        self.knobs: dict[str, _Knob] = {}
        self.button = QToolButton(self)
        self.button.setToolButtonStyle(Qt.ToolButtonTextBesideIcon)
        self.button.setIconSize(QSize(20, 20))
        self.button.setSizePolicy(QSizePolicy.Expanding, QSizePolicy.Fixed)
        self.button.setStyleSheet("QToolButton { text-align: left; }")
        self.button.setToolTip(tr("Choose a preset"))
        # Whatever script the name is in, the three grids stay on one line.
        self.button.setFixedHeight(max(34, self.button.sizeHint().height()))
        self.button.clicked.connect(self.open_popup)
        # The icon follows when the hand rests.
        self._icon_later = QTimer(self)
        self._icon_later.setSingleShot(True)
        self._icon_later.setInterval(60)
        self._icon_later.timeout.connect(self._show_icon)
        self._row = QHBoxLayout()
        self._row.setContentsMargins(0, 0, 0, 0)
        self._row.setSpacing(6)
        self.note = Line(self, "muted")
        self._row.addWidget(self.note, 1)
        holder = QWidget(self)
        holder.setLayout(self._row)
        holder.setFixedHeight(max(28, self.fontMetrics().height() + 12))
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(4)
        layout.addWidget(self.button)
        layout.addWidget(holder)
        self.refresh()
        self._show_icon()

    def refresh(self) -> None:
        """Show the preset the filter is, if it is one."""
        choice = self.bench.preset(self.slot)
        self._icon_later.start()
        if choice is None:
            self._set_button(tr("Own kernel"))
            self._show_knobs("")
            self.note.set_text(self._own_note())
            self.note.setToolTip("")
            return
        preset = PRESETS[choice.key]
        self._set_button(tr(preset.title))
        self._show_knobs(choice.key)
        values = choice.values
        for name, knob in self.knobs.items():
            knob.show_value(values.get(name, knob.parameter.default))
        if not self.knobs:
            text = tr(preset.doc)
            self.note.set_text(re.split(r": |; |：|；|。", text)[0])
            self.note.setToolTip(text)

    def _show_icon(self) -> None:
        self.button.setIcon(kernel_icon(self.bench.filter(self.slot)))

    def _set_button(self, text: str) -> None:
        # A text set anew makes the whole window lay itself out, which a live edit has no time for.
        if text != self.button.text():
            self.button.setText(text)

    def _own_note(self) -> str:
        rows, cols = self.bench.size_of(self.slot)
        return tr("drawn by hand, {rows} × {cols}").format(rows=rows, cols=cols)

    def _show_knobs(self, key: str) -> None:
        if key == self._shown_key:
            return
        self._shown_key = key
        for knob in self.knobs.values():
            self._row.removeWidget(knob)
            knob.hide()
            knob.deleteLater()
        parameters = PRESETS[key].parameters if key else ()
        roomy = len(parameters) <= 1
        self.knobs = {}
        for parameter in parameters:
            knob = _Knob(parameter, roomy, self)
            knob.changed.connect(self._on_knob)
            self._row.addWidget(knob, 1)
            knob.show()
            self.knobs[parameter.name] = knob
        for first, second in pairwise(self.in_tab_order()):
            QWidget.setTabOrder(first, second)
        self.note.setVisible(not parameters)

    def in_tab_order(self) -> list[QWidget]:
        """The button and what shapes its preset, in the order in which Tab goes through them."""
        order: list[QWidget] = [self.button]
        for knob in self.knobs.values():
            order += [knob.field] if knob.slider is None else [knob.slider, knob.field]
        return order

    def _on_knob(self, name: str, value: float) -> None:
        choice = self.bench.preset(self.slot)
        if choice is not None:
            self._apply(choice.key, {**choice.values, name: value})

    def choose(self, key: str) -> None:
        """Make the filter a preset with its default parameters."""
        self._apply(key, {})

    def _apply(self, key: str, values: dict[str, float]) -> None:
        try:
            self.bench.apply_preset(self.slot, key, None, **values)
        except EXPECTED as error:
            self.failed.emit(one_sentence(error))
            self.refresh()

    def choose_own(self, name: str) -> None:
        """Make the filter one of the user's own kernels."""
        try:
            self.bench.apply_saved(self.slot, self.library.get(name))
        except EXPECTED as error:
            self.failed.emit(one_sentence(error))

    def open_popup(self) -> None:
        """Show all presets with a picture of each."""
        if self._popup is None:
            self._popup = PresetPopup(self.library, self)
            self._popup.chosen.connect(self.choose)
            self._popup.own_chosen.connect(self.choose_own)
            self._popup.wanted.connect(self.wanted)
        choice = self.bench.preset(self.slot)
        self._popup.open_at(
            self.button, self.bench.size_of(self.slot), choice.key if choice else ""
        )

    @property
    def pending(self) -> bool:
        """Whether the button's icon is still to follow the kernel."""
        return bool(self._icon_later.isActive())

    @property
    def popup(self) -> PresetPopup | None:
        """The popup, once it has been opened."""
        return self._popup
