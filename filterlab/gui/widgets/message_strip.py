"""One sentence over the window's lower edge: an error until it is read, news for a while."""

from __future__ import annotations

from qtpy.QtCore import QEvent, QObject, Qt, QTimer
from qtpy.QtGui import QColor, QPainter, QPaintEvent, QPen
from qtpy.QtWidgets import QHBoxLayout, QLabel, QSizePolicy, QToolButton, QWidget

from filterlab.gui import theme
from filterlab.gui.i18n import tr
from filterlab.gui.icons import icon

__all__ = ["MessageStrip"]

_NEWS_MS = 6000


class MessageStrip(QWidget):
    """Floats over its parent's lower edge and takes no room of its own; never blocks."""

    def __init__(self, parent: QWidget) -> None:
        super().__init__(parent)
        self._level = "info"
        self._label = QLabel(self)
        self._label.setWordWrap(True)
        self._label.setTextInteractionFlags(Qt.TextSelectableByMouse)
        self._label.setTextFormat(Qt.PlainText)
        self._label.setSizePolicy(QSizePolicy.Expanding, QSizePolicy.Preferred)
        self._close = QToolButton(self)
        self._close.setProperty("flat", True)
        self._close.setIcon(icon("close"))
        self._close.setToolTip(tr("Close"))
        self._close.clicked.connect(self.hide)
        layout = QHBoxLayout(self)
        layout.setContentsMargins(20, 8, 8, 8)
        layout.setSpacing(theme.STEP)
        layout.addWidget(self._label, 1)
        layout.addWidget(self._close, 0, Qt.AlignTop)
        self._timer = QTimer(self)
        self._timer.setSingleShot(True)
        self._timer.setInterval(_NEWS_MS)
        self._timer.timeout.connect(self.hide)
        parent.installEventFilter(self)
        self.hide()

    @property
    def text(self) -> str:
        """The sentence shown, or the empty string."""
        return str(self._label.text()) if self.isVisibleTo(self.parentWidget()) else ""

    @property
    def level(self) -> str:
        """``"error"``, ``"warning"`` or ``"info"``."""
        return self._level

    def show_message(self, text: str, level: str = "info") -> None:
        """Show one sentence; an error or a warning stays until it is closed or replaced."""
        if not text:
            self.hide()
            return
        self._level = level
        self._label.setText(text)
        self.setVisible(True)
        self._place()
        self.raise_()
        if level == "info":
            self._timer.start()
        else:
            self._timer.stop()
        self.update()

    def _place(self) -> None:
        parent = self.parentWidget()
        room = parent.width() - 4 * theme.STEP
        margins = self.layout().contentsMargins()
        taken = margins.left() + margins.right() + self._close.sizeHint().width() + theme.STEP
        wanted = self._label.fontMetrics().horizontalAdvance(self._label.text()) + taken + 8
        width = int(min(room, max(280, min(wanted, 720))))
        height = max(
            self._label.heightForWidth(width - taken) + margins.top() + margins.bottom(), 40
        )
        self.setGeometry(
            (parent.width() - width) // 2, parent.height() - height - 2 * theme.STEP, width, height
        )

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        if event.type() == QEvent.Resize and self.isVisible():
            self._place()
        return False

    def paintEvent(self, event: QPaintEvent) -> None:
        colours = theme.current()
        edge = {"error": colours.error, "warning": colours.warning}.get(self._level, colours.accent)
        painter = QPainter(self)
        painter.setRenderHint(QPainter.Antialiasing)
        painter.setPen(QPen(QColor(colours.line), 1))
        painter.setBrush(QColor(colours.surface))
        painter.drawRoundedRect(self.rect().adjusted(0, 0, -1, -1), 6, 6)
        painter.setPen(Qt.NoPen)
        painter.setBrush(QColor(edge))
        painter.drawRoundedRect(6, 8, 4, self.height() - 16, 2, 2)
        painter.end()
