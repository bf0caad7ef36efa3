"""A number field: shows what matters, takes fractions, steps with the wheel."""

from __future__ import annotations

from qtpy.QtCore import QEvent, QSignalBlocker, Qt, Signal
from qtpy.QtGui import QValidator
from qtpy.QtWidgets import QDoubleSpinBox, QWidget

from filterlab.errors import FilterLabError
from filterlab.surgery.kernels.text import parse_number

__all__ = ["NumberField"]


class NumberField(QDoubleSpinBox):
    """A spin box that reads ``0.5``, ``0,5`` and ``1/9``; reports on commit, not at every key.

    Signals
    -------
    edited(float) : the user changed it; not sent by :meth:`show_value`
    """

    edited = Signal(float)

    def __init__(
        self,
        low: float,
        high: float,
        step: float,
        value: float,
        parent: QWidget | None = None,
        unit: str = "",
        whole: bool = False,
        prefix: str = "",
    ) -> None:
        super().__init__(parent)
        self._whole = whole
        self.setDecimals(0 if whole else 6)
        self.setRange(low, high)
        self.setSingleStep(step)
        self.setKeyboardTracking(False)
        self.setAccelerated(True)
        if prefix:
            self.setPrefix(f"{prefix} ")
        if unit:
            self.setSuffix(unit if unit == "°" else f" {unit}")
        self.setFocusPolicy(Qt.StrongFocus)
        self.setValue(value)
        self.setMinimumWidth(56)
        self.valueChanged.connect(self.edited)

    def show_value(self, value: float) -> None:
        """Show a value without reporting it."""
        with QSignalBlocker(self):
            self.setValue(value)

    def textFromValue(self, value: float) -> str:
        if self._whole:
            return str(round(value))
        return f"{value:.4g}".replace("-", "\N{MINUS SIGN}")

    def _bare(self, text: str) -> str:
        text = text.removeprefix(self.prefix()).removesuffix(self.suffix())
        return text.strip().replace("\N{MINUS SIGN}", "-")

    def valueFromText(self, text: str) -> float:
        try:
            return float(parse_number(self._bare(text)))
        except FilterLabError:
            return float(self.value())

    def validate(self, text: str, position: int) -> tuple[QValidator.State, str, int]:
        bare = self._bare(text)
        if any(c not in "0123456789+-.,/eE" for c in bare):
            return QValidator.Invalid, text, position
        try:
            value = float(parse_number(bare))
        except FilterLabError:
            return QValidator.Intermediate, text, position
        inside = self.minimum() <= value <= self.maximum()
        return (QValidator.Acceptable if inside else QValidator.Intermediate), text, position

    def event(self, event: QEvent) -> bool:
        # A wheel that turns while the page scrolls past must not change what is not in focus;
        # over the field itself the wheel is meant.
        return bool(super().event(event))
