"""A number field: shows what matters, takes fractions, steps with the wheel."""

from __future__ import annotations

from PyQt5.QtCore import QEvent, QSignalBlocker, Qt, pyqtSignal
from PyQt5.QtGui import QValidator
from PyQt5.QtWidgets import QDoubleSpinBox, QWidget

from filterlab.errors import FilterLabError
from filterlab.gui.i18n import tr
from filterlab.gui.widgets.undo_keys import leaves_undo
from filterlab.surgery.kernels.text import parse_number

__all__ = ["NumberField"]


class NumberField(QDoubleSpinBox):
    """A spin box that reads ``0.5``, ``0,5`` and ``1/9``; reports on commit, not at every key.

    Signals
    -------
    edited(float) : the user changed it; not sent by :meth:`show_value`
    rejected(str) : what was typed is no number, or none in range; a sentence
    """

    edited = pyqtSignal(float)
    rejected = pyqtSignal(str)

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
        self.editingFinished.connect(self._on_finished)

    def show_value(self, value: float) -> None:
        """Show a value without reporting it."""
        with QSignalBlocker(self):
            self.setValue(value)

    def _on_finished(self) -> None:
        self.lineEdit().setModified(False)

    def textFromValue(self, value: float) -> str:
        if self._whole:
            return str(round(value))
        return f"{value + 0.0:.4g}".replace("-", "\N{MINUS SIGN}")

    def _bare(self, text: str) -> str:
        text = text.removeprefix(self.prefix()).removesuffix(self.suffix())
        return text.strip().replace("\N{MINUS SIGN}", "-")

    def valueFromText(self, text: str) -> float:
        try:
            return float(parse_number(self._bare(text))) + 0.0
        except FilterLabError:
            return float(self.value())

    def validate(self, text: str, position: int) -> tuple[QValidator.State, str, int]:
        try:
            value = float(parse_number(self._bare(text)))
        except FilterLabError:
            return QValidator.Intermediate, text, position
        inside = self.minimum() <= value <= self.maximum()
        return (QValidator.Acceptable if inside else QValidator.Intermediate), text, position

    def fixup(self, text: str) -> str:
        """What cannot be taken is said; the value from before comes back."""
        bare = self._bare(text)
        try:
            parse_number(bare)
        except FilterLabError:
            sentence = tr("'{text}' is no number; type one such as 0.5, -2 or 1/9").format(
                text=bare
            )
        else:
            sentence = tr("{text} is out of range; give {low} to {high}").format(
                text=bare, low=f"{self.minimum():g}", high=f"{self.maximum():g}"
            )
        self.rejected.emit(sentence)
        return str(text)

    def event(self, event: QEvent) -> bool:
        return not leaves_undo(self.lineEdit(), event) and bool(super().event(event))
