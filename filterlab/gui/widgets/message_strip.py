"""One line under the tabs: an error until it is read or over, news for a while, else a hint."""

from __future__ import annotations

from qtpy.QtCore import Qt, QTimer
from qtpy.QtGui import QColor, QPainter, QPaintEvent
from qtpy.QtWidgets import QHBoxLayout, QLabel, QSizePolicy, QToolButton, QWidget

from filterlab.gui import theme
from filterlab.gui.i18n import tr
from filterlab.gui.icons import icon
from filterlab.gui.widgets.line import Line

__all__ = ["MessageStrip"]

_NEWS_MS = 6000

_HEIGHT = 28


class MessageStrip(QWidget):
    """Has a row of its own, so that it covers nothing; a long sentence makes it higher."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._level = "info"
        self._label = QLabel(self)
        self._label.setWordWrap(True)
        self._label.setTextInteractionFlags(Qt.TextSelectableByMouse)
        self._label.setTextFormat(Qt.PlainText)
        policy = QSizePolicy(QSizePolicy.Ignored, QSizePolicy.Preferred)
        policy.setHeightForWidth(True)
        self._label.setSizePolicy(policy)
        self._hint = Line(self, "muted")
        self._close = QToolButton(self)
        self._close.setProperty("flat", True)
        self._close.setIcon(icon("close"))
        self._close.setToolTip(tr("Close"))
        self._close.setAccessibleName(tr("Close"))
        self._close.setFixedSize(24, 24)
        self._close.setStyleSheet("QToolButton { padding: 0; }")
        self._close.clicked.connect(self.clear)
        layout = QHBoxLayout(self)
        layout.setContentsMargins(2 * theme.STEP, 2, theme.STEP, 2)
        layout.setSpacing(theme.STEP)
        layout.addWidget(self._label, 1)
        layout.addWidget(self._hint, 1)
        layout.addWidget(self._close, 0, Qt.AlignTop)
        self.setMinimumHeight(_HEIGHT)
        self.setSizePolicy(QSizePolicy.Preferred, QSizePolicy.Minimum)
        self._timer = QTimer(self)
        self._timer.setSingleShot(True)
        self._timer.setInterval(_NEWS_MS)
        self._timer.timeout.connect(self.clear)
        self._show("")

    @property
    def text(self) -> str:
        """The sentence shown, or the empty string."""
        return str(self._label.text())

    @property
    def level(self) -> str:
        """``"error"``, ``"warning"`` or ``"info"``."""
        return self._level

    @property
    def hint(self) -> str:
        """What is said while there is no message."""
        return self._hint.text()

    def set_hint(self, text: str) -> None:
        """What to say while there is no message."""
        self._hint.set_text(text)

    def show_message(self, text: str, level: str = "info") -> None:
        """Show one sentence; an error or a warning stays until it is cleared or replaced."""
        self._level = level if text else "info"
        self._show(text)
        if text and level == "info":
            self._timer.start()
        else:
            self._timer.stop()

    def clear(self) -> None:
        """Show no message."""
        self.show_message("")

    def _show(self, text: str) -> None:
        self._label.setText(text)
        self._label.setVisible(bool(text))
        self._close.setVisible(bool(text))
        self._hint.setVisible(not text)
        self.update()

    def paintEvent(self, event: QPaintEvent) -> None:
        if not self.text:
            return
        colours = theme.current()
        edge = {"error": colours.error, "warning": colours.warning}.get(self._level, colours.accent)
        painter = QPainter(self)
        painter.setRenderHint(QPainter.Antialiasing)
        painter.fillRect(self.rect(), QColor(colours.surface))
        painter.fillRect(0, 0, self.width(), 1, QColor(colours.line))
        painter.setPen(Qt.NoPen)
        painter.setBrush(QColor(edge))
        painter.drawRoundedRect(6, 6, 4, self.height() - 12, 2, 2)
        painter.end()
