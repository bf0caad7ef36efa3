"""A card over the stage: the job that runs, or the error that ended one."""

from __future__ import annotations

from PyQt5.QtCore import QSignalBlocker, Qt, QTimer, pyqtSignal
from PyQt5.QtGui import QColor, QPainter, QPaintEvent, QPen
from PyQt5.QtWidgets import (
    QHBoxLayout,
    QLabel,
    QProgressBar,
    QPushButton,
    QSizePolicy,
    QVBoxLayout,
    QWidget,
)

from filterlab.gui import theme
from filterlab.gui.i18n import tr
from filterlab.gui.widgets.elided_label import ElidedLabel
from filterlab.gui.widgets.progress_strip import duration

__all__ = ["JobCard"]

#: A job that is over by then is not worth a card.
_AFTER_MS = 300
_WIDE, _MARGIN = 252, 12


class JobCard(QWidget):
    """Shows itself 300 ms after a job began, and hides when it has ended.

    Signals
    -------
    cancel_requested(), pause_requested(bool)
    shown_changed() : it has come or gone
    """

    cancel_requested = pyqtSignal()
    pause_requested = pyqtSignal(bool)
    shown_changed = pyqtSignal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._title = ElidedLabel("", self)
        self._title.setFont(theme.font(13, bold=True))
        self._step = ElidedLabel("", self)
        self._step.setProperty("role", "muted")
        self._step.setFont(theme.font(12))
        self._error = QLabel(self)
        self._error.setWordWrap(True)
        self._error.setTextFormat(Qt.PlainText)
        self._error.setTextInteractionFlags(Qt.TextSelectableByMouse)
        self._bar = QProgressBar(self)
        self._bar.setTextVisible(False)
        self._bar.setRange(0, 1000)
        self._bar.setFixedHeight(4)
        self._left = QLabel(self)
        self._left.setFont(theme.font(12))
        self._pause = QPushButton(tr("Pause"), self)
        self._pause.setCheckable(True)
        self._pause.toggled.connect(self._on_pause)
        self._cancel = QPushButton(self)
        self._cancel.clicked.connect(self._on_cancel)
        for button in (self._pause, self._cancel):
            button.setFixedHeight(max(26, theme.line_height(self.fontMetrics()) + 6))
            button.setFont(theme.font(12))
        foot = QHBoxLayout()
        foot.setSpacing(theme.STEP)
        foot.addWidget(self._left, 1)
        foot.addWidget(self._pause)
        foot.addWidget(self._cancel)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(_MARGIN, _MARGIN, _MARGIN, _MARGIN)
        layout.setSpacing(6)
        layout.addWidget(self._title)
        layout.addWidget(self._step)
        layout.addWidget(self._error)
        layout.addWidget(self._bar)
        layout.addLayout(foot)
        self.setFixedWidth(round(_WIDE * theme.scale()))
        self.setSizePolicy(QSizePolicy.Fixed, QSizePolicy.Maximum)
        self._timer = QTimer(self)
        self._timer.setSingleShot(True)
        self._timer.setInterval(_AFTER_MS)
        self._timer.timeout.connect(self._appear)
        self.failed = False
        self.active = False
        self.hide()

    def begin(self, title: str, live: bool = False, paused: bool = False) -> None:
        """A job starts; a live one (camera, video) can be paused, or is so at first."""
        self.failed, self.active = False, True
        self._title.setText(title)
        self._step.setText("")
        self._left.setText("")
        self._bar.setRange(0, 0)
        self._bar.setVisible(not live)
        self._step.setVisible(True)
        self._error.setVisible(False)
        self._pause.setVisible(live)
        with QSignalBlocker(self._pause):
            self._pause.setChecked(live and paused)
        self._pause.setText(tr("Go on") if live and paused else tr("Pause"))
        self._cancel.setText(tr("Stop   Esc") if live else tr("Cancel   Esc"))
        self._cancel.setToolTip(tr("Stop this and leave everything as it was (Esc)"))
        self._cancel.setEnabled(True)
        if not self.isVisible():
            self._timer.start()

    def set_progress(self, step: str, fraction: float, detail: str, left: float | None) -> None:
        """The job has come so far; fraction 0 shows a bar without an end."""
        if fraction > 0:
            self._bar.setRange(0, 1000)
            self._bar.setValue(int(1000 * fraction))
        both = f"{step}   {detail}" if detail else step
        room = self.width() - 2 * _MARGIN
        # What changes is read rather than what stays.
        fits = self._step.fontMetrics().horizontalAdvance(both) <= room
        self._step.setText(both if fits or not detail else detail)
        if left is None:
            self._left.setText("")
        elif left < 1:
            self._left.setText(tr("Under 1 s left"))
        else:
            self._left.setText(tr("About {time} left").format(time=duration(left)))

    def cancelling(self) -> None:
        """Cancel was asked for."""
        self._cancel.setEnabled(False)
        self._step.setText(tr("Cancelling …"))

    def end(self) -> None:
        """The job has ended."""
        self._timer.stop()
        self.active = False
        if not self.failed:
            self._vanish()

    def show_error(self, sentence: str) -> None:
        """The job has failed; the sentence stays until it is read or the next job begins."""
        self._timer.stop()
        self.failed, self.active = True, False
        self._title.setText(tr("That did not work"))
        self._error.setText(sentence)
        self._error.setVisible(True)
        for part in (self._step, self._bar, self._pause):
            part.setVisible(False)
        self._left.setText("")
        self._cancel.setText(tr("Close   Esc"))
        self._cancel.setToolTip("")
        self._cancel.setEnabled(True)
        self._appear()

    def dismiss(self) -> bool:
        """Close an error (Esc); False if none is shown."""
        if not self.failed:
            return False
        self.failed = False
        self._vanish()
        return True

    @property
    def text(self) -> str:
        """The step that runs, or the error."""
        return str((self._error if self.failed else self._step).text())

    @property
    def time_left(self) -> str:
        """The one estimate of time."""
        return str(self._left.text())

    def _appear(self) -> None:
        self.adjustSize()
        self.show()
        self.raise_()
        self.shown_changed.emit()

    def _vanish(self) -> None:
        if self.isVisible():
            self.hide()
            self.shown_changed.emit()

    def _on_pause(self, on: bool) -> None:
        self._pause.setText(tr("Go on") if on else tr("Pause"))
        self.pause_requested.emit(on)

    def _on_cancel(self) -> None:
        if not self.dismiss():
            self.cancel_requested.emit()

    def paintEvent(self, event: QPaintEvent) -> None:
        colours = theme.current()
        painter = QPainter(self)
        painter.setRenderHint(QPainter.Antialiasing)
        painter.setPen(QPen(QColor(colours.error if self.failed else colours.line), 1))
        painter.setBrush(QColor(colours.surface))
        painter.drawRoundedRect(self.rect().adjusted(0, 0, -1, -1), 6, 6)
        painter.end()
