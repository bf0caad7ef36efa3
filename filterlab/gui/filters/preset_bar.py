"""The preset of a filter: a button that opens the presets, and its parameters, live."""

from __future__ import annotations

import re
from itertools import pairwise
from typing import TYPE_CHECKING

from PyQt5.QtCore import QSignalBlocker, QSize, Qt, QTimer, pyqtSignal
from PyQt5.QtGui import QResizeEvent
from PyQt5.QtWidgets import (
    QHBoxLayout,
    QLabel,
    QSizePolicy,
    QSlider,
    QToolButton,
    QVBoxLayout,
    QWidget,
)

from filterlab.gui import theme
from filterlab.gui.errors import EXPECTED, one_sentence
from filterlab.gui.filters.numbers import NumberField
from filterlab.gui.i18n import tr
from filterlab.gui.icons import icon
from filterlab.gui.widgets.popover import Popover
from filterlab.gui.widgets.thumbs import kernel_icon
from filterlab.gui.widgets.wrapped import Wrapped
from filterlab.surgery.kernels.library import KernelLibrary
from filterlab.surgery.kernels.presets import PRESETS, Parameter
from filterlab.workbench.filter_bench import FilterBench

if TYPE_CHECKING:
    from filterlab.gui.filters.preset_popup import PresetPopup

__all__ = ["PresetBar"]

_SLIDER_STEPS = 200

#: What long names are called in the field, where there is no room for them.
_ABBREVIATED = {"log": "LoG", "dog": "DoG"}

#: Around a preset's name in its button, icon included, in pixels.
_AROUND_NAME = 40


class _Knob(QWidget):
    """One parameter: a field, and a slider where there is room.

    Signals
    -------
    changed(str, float)
    released()
    """

    changed = pyqtSignal(str, float)

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
            layout.addWidget(self.field, 1)
        self._low, self._high = low, high
        self.show_value(parameter.default)

    def need(self) -> int:
        """The width at which its field is whole, in pixels."""
        field = self.field
        text = f"{field.prefix()}0.5{field.suffix()}"
        return int(field.fontMetrics().horizontalAdvance(text)) + 30

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
    touched() : the filter is made something else by it
    """

    failed = pyqtSignal(str)
    wanted = pyqtSignal(str)
    touched = pyqtSignal()

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
        self.button.setSizePolicy(QSizePolicy.Ignored, QSizePolicy.Fixed)
        self.button.setStyleSheet("QToolButton { text-align: left; padding: 4px 6px; }")
        self.button.setToolTip(tr("Choose a preset"))
        self._name = self._short = ""
        # Whatever script the name is in, the three grids stay on one line.
        high = theme.line_height(self.button.fontMetrics()) + 14
        self.button.setFixedHeight(max(32, high, self.button.sizeHint().height()))
        self.button.clicked.connect(self.open_popup)
        # The icon follows when the hand rests.
        self._icon_later = QTimer(self)
        self._icon_later.setSingleShot(True)
        self._icon_later.setInterval(60)
        self._icon_later.timeout.connect(self._show_icon)
        self._row = QHBoxLayout(self)
        self._row.setContentsMargins(0, 0, 0, 0)
        self._row.setSpacing(theme.STEP)
        self._row.addWidget(self.button, 3)
        self.note = Wrapped(self, Qt.AlignVCenter)
        self._row.addWidget(self.note, 2)
        self.more = QToolButton(self)
        self.more.setIcon(icon("settings"))
        self.more.setFocusPolicy(Qt.TabFocus)
        self.more.setToolTip(tr("All parameters of the preset"))
        self.more.setAccessibleName(tr("All parameters of the preset"))
        self.more.setStyleSheet("QToolButton { padding: 4px 2px; }")
        self.more.clicked.connect(self.open_parameters)
        self.more.hide()
        self._row.addWidget(self.more)
        self._panel: Popover | None = None
        #: The parameters with sliders, in the panel that the button at the right opens.
        self.sliders: dict[str, _Knob] = {}
        self.refresh()
        self._show_icon()

    def refresh(self) -> None:
        """Show the preset the filter is, if it is one."""
        choice = self.bench.preset(self.slot)
        self._icon_later.start()
        if choice is None:
            self._set_button(tr("Own kernel"))
            self._show_knobs("")
            self.note.set_sentences([self._own_note()])
            return
        preset = PRESETS[choice.key]
        self._set_button(tr(preset.title), _ABBREVIATED.get(choice.key, ""))
        self._show_knobs(choice.key)
        values = choice.values
        for name, knob in [*self.knobs.items(), *self.sliders.items()]:
            knob.show_value(values.get(name, knob.parameter.default))
        if not self.knobs:
            text = tr(preset.doc)
            self.note.set_sentences([re.split(r": |; |：|；|。", text)[0]])
            self.note.setToolTip(text)

    def keep_height(self, field: int) -> None:
        """Have room for a number field of this height, in pixels, whether there is one or not."""
        self.setFixedHeight(max(self.button.minimumHeight(), field))

    def _show_icon(self) -> None:
        self._icon_later.stop()
        self.button.setIcon(kernel_icon(self.bench.filter(self.slot)))

    @property
    def name(self) -> str:
        """The preset's name, uncut."""
        return self._name

    def _set_button(self, text: str, short: str = "") -> None:
        self._name, self._short = text, short
        self.button.setAccessibleName(
            tr("Preset of filter {n}: {name}").format(n=self.slot, name=text)
        )
        self._fit()

    def _fit(self) -> None:
        """The name comes first; where there is no room for it, the number goes to the panel."""
        metrics = self.button.fontMetrics()
        shown, more = self._name, self.more.sizeHint().width() if self.knobs else 0
        if metrics.horizontalAdvance(f"{shown} ▾") + _AROUND_NAME + more > self.width():
            shown = self._short or shown
        name = metrics.horizontalAdvance(f"{shown} ▾") + _AROUND_NAME
        knob = next(iter(self.knobs.values()), None)
        first = knob if knob is not None and knob.slider is None else None
        number = 0 if first is None else first.need()
        spacing = theme.STEP
        if name + number + more + 2 * spacing > self.width():
            spacing = theme.STEP // 2
        fits = name + number + more + 2 * spacing <= self.width()
        if spacing != self._row.spacing():  # what is set anew makes the window lay itself out
            self._row.setSpacing(spacing)
        if first is not None:
            first.setVisible(fits)
        room = self.width() - more - (spacing if more else 0)
        if first is not None and fits:
            room -= number + spacing
        self.button.setMinimumWidth(min(name, room))
        # Cut if there is no room even so; the tool tip of the presets has all of it.
        wide = metrics.horizontalAdvance(shown) + 1
        text = metrics.elidedText(shown, Qt.ElideRight, max(24, wide + min(0, room - name)))
        # A live edit has no time for that either.
        if f"{text} ▾" != self.button.text():
            self.button.setText(f"{text} ▾")

    def minimumSizeHint(self) -> QSize:
        return QSize(120, self.minimumHeight())

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self._fit()

    def _own_note(self) -> str:
        rows, cols = self.bench.size_of(self.slot)
        return tr("drawn by hand, {rows} × {cols}").format(rows=rows, cols=cols)

    def _show_knobs(self, key: str) -> None:
        if key == self._shown_key:
            return
        self._shown_key = key
        for knob in [*self.knobs.values(), *self.sliders.values()]:
            self._row.removeWidget(knob)
            knob.hide()
            knob.deleteLater()
        if self._panel is not None:
            self._panel.hide()
            self._panel.deleteLater()
        self._panel, self.knobs, self.sliders = None, {}, {}
        parameters = PRESETS[key].parameters if key else ()
        if parameters:
            self._panel = Popover(self)
            rows = QVBoxLayout(self._panel)
        for parameter in parameters:
            if not self.knobs:
                knob = _Knob(parameter, False, self)
                self._row.insertWidget(2, knob, 2)
                knob.show()
                self.knobs[parameter.name] = knob
                knob.changed.connect(self._on_knob)
            if self._panel is not None:
                slider = _Knob(parameter, True, self._panel)
                slider.setMinimumWidth(round(260 * theme.scale()))
                slider.changed.connect(self._on_knob)
                rows.addWidget(slider)
                self.sliders[parameter.name] = slider
                self.knobs.setdefault(parameter.name, slider)
        self._fit()
        for first, second in pairwise(self.in_tab_order()):
            QWidget.setTabOrder(first, second)
        self.note.setVisible(not parameters)
        # A sentence needs more room than a number.
        self._row.setStretch(0, 3 if parameters else 1)
        self._row.setStretch(1, 2 if parameters else 1)
        self.more.setVisible(bool(parameters))

    def open_parameters(self) -> None:
        """Show all parameters, each with a slider."""
        if self._panel is not None:
            self._panel.open_under(self.more)

    def in_tab_order(self) -> list[QWidget]:
        """The button and what shapes its preset, in the order in which Tab goes through them."""
        first = next(iter(self.knobs.values()), None)
        order: list[QWidget] = [self.button]
        if first is not None:
            order.append(first.field)
        return [*order, self.more] if self.knobs else order

    def _on_knob(self, name: str, value: float) -> None:
        choice = self.bench.preset(self.slot)
        if choice is not None:
            self._apply(choice.key, {**choice.values, name: value})

    def choose(self, key: str) -> None:
        """Make the filter a preset with its default parameters."""
        self._apply(key, {})

    def _apply(self, key: str, values: dict[str, float]) -> None:
        self.touched.emit()
        try:
            self.bench.apply_preset(self.slot, key, None, **values)
        except EXPECTED as error:
            self.failed.emit(one_sentence(error))
            self.refresh()

    def choose_own(self, name: str) -> None:
        """Make the filter one of the user's own kernels."""
        self.touched.emit()
        try:
            self.bench.apply_saved(self.slot, self.library.get(name))
        except EXPECTED as error:
            self.failed.emit(one_sentence(error))

    def open_popup(self) -> None:
        """Show all presets with a picture of each."""
        if self._popup is None:
            from filterlab.gui.filters.preset_popup import PresetPopup

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
