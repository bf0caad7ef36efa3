"""One progress bar with the step's name, the time left and Cancel."""

from __future__ import annotations

from PyQt5.QtCore import Qt, pyqtSignal
from PyQt5.QtWidgets import QHBoxLayout, QLabel, QProgressBar, QPushButton, QWidget

from filterlab.gui import theme
from filterlab.gui.i18n import tr
from filterlab.gui.widgets.elided_label import ElidedLabel

__all__ = ["ProgressStrip", "duration"]


def duration(seconds: float) -> str:
    """Seconds as people say them."""
    if seconds < 1:
        return tr("under 1 s")
    if seconds < 90:
        return tr("{n} s").format(n=round(seconds))
    if seconds < 5400:
        return tr("{n} min").format(n=round(seconds / 60))
    return tr("{n} h").format(n=round(seconds / 3600, 1))


class ProgressStrip(QWidget):
    """Shows how far a job has come; empty but of constant height while none runs.

    Signals
    -------
    cancel_requested()
    """

    cancel_requested = pyqtSignal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._bar = QProgressBar(self)
        self._bar.setTextVisible(False)
        self._bar.setRange(0, 1000)
        self._bar.setFixedWidth(220)
        self._step = ElidedLabel("", self)
        self._left = QLabel(self)
        self._left.setProperty("role", "muted")
        self._cancel = QPushButton(tr("Cancel"), self)
        self._cancel.setToolTip(tr("Stop this and leave everything as it was (Esc)"))
        self._cancel.clicked.connect(self.cancel_requested)
        layout = QHBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(2 * theme.STEP)
        layout.addWidget(self._bar, 0, Qt.AlignVCenter)
        layout.addWidget(self._step, 1)
        layout.addWidget(self._left)
        layout.addWidget(self._cancel)
        self.setMinimumHeight(self._cancel.sizeHint().height())
        self.end()

    def begin(self, title: str) -> None:
        """A job starts."""
        self._bar.setRange(0, 0)
        self._step.setText(title)
        self._left.setText("")
        self._show_parts(True)
        self._cancel.setEnabled(True)

    def set_progress(
        self, step: str, fraction: float, message: str = "", left: float | None = None
    ) -> None:
        """The job has come so far; fraction 0 shows a bar without an end."""
        if fraction > 0:
            self._bar.setRange(0, 1000)
            self._bar.setValue(int(1000 * fraction))
        self._step.setText(f"{step}   {message}" if message else step)
        self._left.setText("" if left is None else tr("{time} left").format(time=duration(left)))

    def cancelling(self) -> None:
        """Cancel was asked for."""
        self._cancel.setEnabled(False)
        self._step.setText(tr("Cancelling …"))

    def end(self, text: str = "") -> None:
        """The job has ended; a last word may stay."""
        self._show_parts(False)
        self._step.setText(text)
        self._left.setText("")

    @property
    def active(self) -> bool:
        """Whether a job is shown."""
        return not self._cancel.isHidden()

    @property
    def text(self) -> str:
        """The step's name, or the last word."""
        return str(self._step.text())

    def _show_parts(self, shown: bool) -> None:
        for part in (self._bar, self._left, self._cancel):
            part.setVisible(shown)
