"""A slider with its name and its value, for real numbers or for a list of choices."""

from __future__ import annotations

from collections.abc import Callable

from qtpy.QtCore import QSignalBlocker, Qt, Signal
from qtpy.QtWidgets import QGridLayout, QLabel, QSlider, QWidget

__all__ = ["LabelledSlider"]


class LabelledSlider(QWidget):
    """Name and value above a slider.

    Parameters
    ----------
    low, high, value : float
        The range and the start.
    steps : int
        How many steps the range has.
    text : function, optional
        From value to the text shown; units belong in it.

    Signals
    -------
    changed(float) : the user moved it; not sent by :meth:`set_value`
    """

    changed = Signal(float)

    def __init__(
        self,
        name: str,
        low: float,
        high: float,
        value: float,
        steps: int = 100,
        text: Callable[[float], str] | None = None,
        parent: QWidget | None = None,
    ) -> None:
        super().__init__(parent)
        self._low, self._high, self._steps = low, high, steps
        self._format = text or (lambda v: f"{v:.2f}")
        self._name = QLabel(name, self)
        self._value = QLabel(self)
        self._value.setAlignment(Qt.AlignRight | Qt.AlignVCenter)
        self.slider = QSlider(Qt.Horizontal, self)
        self.slider.setRange(0, steps)
        self.slider.setAccessibleName(name)
        self._name.setBuddy(self.slider)
        layout = QGridLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setVerticalSpacing(2)
        layout.addWidget(self._name, 0, 0)
        layout.addWidget(self._value, 0, 1)
        layout.addWidget(self.slider, 1, 0, 1, 2)
        layout.setColumnStretch(1, 1)
        self.set_value(value)
        self.slider.valueChanged.connect(self._on_moved)

    @property
    def value(self) -> float:
        """The value now."""
        return self._low + (self._high - self._low) * self.slider.value() / self._steps

    def set_value(self, value: float) -> None:
        """Move the slider without signalling."""
        with QSignalBlocker(self.slider):
            share = (value - self._low) / (self._high - self._low)
            self.slider.setValue(round(share * self._steps))
        self._value.setText(self._format(self.value))

    def set_range(self, low: float, high: float, steps: int) -> None:
        """Change the range without signalling, keeping the value where it fits."""
        value = min(high, max(low, self.value))
        self._low, self._high, self._steps = low, high, steps
        with QSignalBlocker(self.slider):
            self.slider.setRange(0, steps)
        self.set_value(value)

    def set_format(self, text: Callable[[float], str]) -> None:
        """Change how the value is written."""
        self._format = text
        self._value.setText(text(self.value))

    def _on_moved(self, _: int) -> None:
        self._value.setText(self._format(self.value))
        self.changed.emit(self.value)
