"""Which frame of a picture file with several: ``frame 3 of 12``, counted from 1 as pages are."""

from __future__ import annotations

from PyQt5.QtCore import QEvent, QSignalBlocker, Qt, pyqtSignal
from PyQt5.QtWidgets import QSizePolicy, QSpinBox, QWidget

from filterlab.gui import theme
from filterlab.gui.i18n import tr
from filterlab.gui.widgets.undo_keys import leaves_undo

__all__ = ["FrameBox"]


class FrameBox(QSpinBox):
    """Stands beside a picture's name, hidden while its file has one frame only.

    Signals
    -------
    chosen(int) : a frame by its index, from 0
    """

    chosen = pyqtSignal(int)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._short = False
        self.setFont(theme.font(12))
        self.setStyleSheet("QSpinBox { padding: 0px 2px; }")
        self.setKeyboardTracking(False)
        self.setFocusPolicy(Qt.StrongFocus)
        self.setSizePolicy(QSizePolicy.Fixed, QSizePolicy.Fixed)
        self.valueChanged.connect(self._on_value)
        self._tell()
        self.hide()

    def show_frame(self, frame: int, frames: int) -> None:
        """Show a frame, from 0, of so many; not signalled."""
        with QSignalBlocker(self):
            self.setRange(1, frames)
            self.setValue(frame + 1)
        self._tell()
        self.setVisible(frames > 1)

    def set_short(self, short: bool) -> None:
        """Only ``3/12``, where there is little room."""
        if short != self._short:
            self._short = short
            self._tell()

    def _tell(self) -> None:
        count = self.maximum()
        before, _, behind = tr("frame {n} of {count}").format(n="\0", count=count).partition("\0")
        self.setPrefix("" if self._short else before)
        self.setSuffix(f"/{count}" if self._short else behind)
        self.setAccessibleName(tr("Frame"))
        self.setToolTip(
            tr("Which of the file's {count} frames or pages is shown").format(count=count)
        )
        self.setFixedWidth(self.sizeHint().width())

    def _on_value(self, value: int) -> None:
        self.lineEdit().setModified(False)
        self.chosen.emit(value - 1)

    def event(self, event: QEvent) -> bool:
        return not leaves_undo(self.lineEdit(), event) and bool(super().event(event))

    def changeEvent(self, event: QEvent) -> None:
        super().changeEvent(event)
        if event.type() == QEvent.LanguageChange:
            self._tell()
