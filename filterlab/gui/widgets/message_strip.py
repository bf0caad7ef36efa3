"""One line under the tabs: an error until it is read or over, news for a while, else a hint."""

from __future__ import annotations

from PyQt5.QtCore import Qt, QTimer
from PyQt5.QtGui import QColor, QPainter, QPaintEvent, QResizeEvent
from PyQt5.QtWidgets import (
    QApplication,
    QHBoxLayout,
    QLabel,
    QSizePolicy,
    QToolButton,
    QVBoxLayout,
    QWidget,
)

from filterlab.gui import theme
from filterlab.gui.i18n import tr
from filterlab.gui.icons import icon
from filterlab.gui.widgets.code_panel import CodePanel
from filterlab.gui.widgets.line import Line
from filterlab.gui.widgets.popover import Popover

__all__ = ["MessageStrip"]

_NEWS_MS = 6000

_HEIGHT = 24
#: How wide a line of code beside the hint gets, in pixels at the usual text.
_CODE = 520
#: Of a line that is cut, fewer characters than so many say nothing; around it, in pixels.
_LEAST_CODE, _AROUND = 24, 24


class _CodeLine(QWidget):
    """One line of code; a click opens all of it, a button copies it."""

    def __init__(self, parent: QWidget) -> None:
        super().__init__(parent)
        self.whole = ""
        self._room = 0
        self._name = QLabel(tr("The same in pycaffe"), self)
        self._name.setProperty("role", "muted")
        self._name.setFont(theme.font(12))
        self._line = QToolButton(self)
        self._line.setObjectName("code")
        self._line.setProperty("flat", True)
        font = theme.code_font()
        font.setPointSizeF(theme.font(11).pointSizeF())
        self._line.setFont(font)
        self._line.setToolTip(tr("Show all lines"))
        self._line.setStyleSheet("QToolButton { padding: 0 2px; }")
        self._line.clicked.connect(self._open)
        self._copy = QToolButton(self)
        self._copy.setProperty("flat", True)
        self._copy.setIcon(icon("copy", 14))
        self._copy.setToolTip(tr("Copy the code"))
        self._copy.setAccessibleName(tr("Copy the code"))
        self._copy.setFixedSize(20, 20)
        self._copy.setStyleSheet("QToolButton { padding: 0; }")
        self._copy.clicked.connect(self._on_copy)
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(6)
        for part in (self._name, self._line, self._copy):
            row.addWidget(part)
        self._panel: Popover | None = None

    def set_code(self, line: str, whole: str) -> None:
        """Show a line of all."""
        self.whole = whole
        self._line.setAccessibleName(line)
        self.set_room(self._room)

    def set_room(self, room: int) -> None:
        """Take no more than this width, in pixels; the line is cut, or but a word opens all."""
        self._room = room
        line, metrics = self._line.accessibleName(), self._line.fontMetrics()
        around = self._name.sizeHint().width() + self._copy.width() + _AROUND
        around += metrics.horizontalAdvance("  ")  # as Qt has it beside a button's word
        most = min(int(_CODE * theme.scale()), room - around)
        text = metrics.elidedText(line, Qt.ElideRight, max(0, most))
        says = text == line or len(text) >= _LEAST_CODE
        text = text if says else "pycaffe"
        self._name.setVisible(says)
        if text != self._line.text():
            self._line.setText(text)

    def _on_copy(self) -> None:
        QApplication.clipboard().setText(self.whole)

    def _open(self) -> None:
        self._panel = Popover(self)
        self._panel.setAttribute(Qt.WA_DeleteOnClose)
        code = CodePanel(self._panel)
        code.set_code(self.whole)
        code.setMinimumSize(560, 320)
        layout = QVBoxLayout(self._panel)
        layout.addWidget(code)
        self._panel.open_under(self._line)


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
        self._code = _CodeLine(self)
        self._close = QToolButton(self)
        self._close.setProperty("flat", True)
        self._close.setIcon(icon("close"))
        self._close.setToolTip(tr("Close"))
        self._close.setAccessibleName(tr("Close"))
        self._close.setFixedSize(20, 20)
        self._close.setStyleSheet("QToolButton { padding: 0; }")
        self._close.clicked.connect(self.clear)
        layout = QHBoxLayout(self)
        layout.setContentsMargins(2 * theme.STEP, 1, 2 * theme.STEP, 1)
        layout.setSpacing(theme.STEP)
        layout.addWidget(self._label, 1)
        layout.addWidget(self._hint, 1)
        layout.addWidget(self._code)
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
        self._hint.setToolTip(text)
        self._show(self.text)

    def set_code(self, line: str, whole: str) -> None:
        """The pycaffe line of what is shown, and all lines to copy; empty for none."""
        self._code.set_code(line, whole)
        self._show(self.text)

    @property
    def code(self) -> str:
        """What its button copies."""
        return self._code.whole

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self._show(self.text)

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
        # The hint comes first.
        self._code.set_room(self.width() - self._hint.natural_width() - 8 * theme.STEP)
        self._code.setVisible(bool(self._code.whole) and not text)
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
