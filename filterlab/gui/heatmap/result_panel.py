"""Right of the net strip: the proof, how well the map agrees with the classifier, what to do."""

from __future__ import annotations

from PyQt5.QtCore import QSize, Qt, pyqtSignal
from PyQt5.QtGui import QMouseEvent
from PyQt5.QtWidgets import (
    QHBoxLayout,
    QLabel,
    QPushButton,
    QSizePolicy,
    QToolButton,
    QVBoxLayout,
    QWidget,
)

from filterlab.gui import theme
from filterlab.gui.i18n import tr
from filterlab.gui.icons import icon
from filterlab.gui.widgets.line import Line

__all__ = ["ResultPanel"]


class _Finding(QWidget):
    """An icon, a word in bold and what it is about; may be clicked for more.

    Signals
    -------
    clicked()
    """

    clicked = pyqtSignal()

    def __init__(self, parent: QWidget) -> None:
        super().__init__(parent)
        #: Whether there is something to tell; and whether there is no room for it.
        self.told = self.hidden = False
        self._icon = QToolButton(self)
        self._icon.setProperty("flat", True)
        self._icon.setFixedSize(20, 20)
        self._icon.setIconSize(QSize(16, 16))
        self._icon.setStyleSheet("QToolButton { padding: 0; }")
        self._icon.clicked.connect(self.clicked)
        self._word = QLabel(self)
        self._word.setFont(theme.font(13, bold=True))
        self._about = Line(self, "muted")
        self._about.setFont(theme.font(12))
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(6)
        row.addWidget(self._icon)
        row.addWidget(self._word)
        row.addWidget(self._about, 1)
        self.setCursor(Qt.PointingHandCursor)

    def tell(
        self,
        picture: str,
        word: str,
        about: str,
        told: str = "",
        role: str = "muted",
        shorter: tuple[str, ...] = (),
    ) -> None:
        """Show a finding, or a ``shorter`` form where there is little room; ``told``: tool tip."""
        self._icon.setIcon(icon(picture))
        self._icon.setAccessibleName(f"{word} {about}".strip())
        self._word.setText(word)
        self._word.setVisible(bool(word))
        self._about.set_text(about, role, shorter)
        self.setToolTip(told)
        self.told = bool(word or about)
        self.setVisible(self.told and not self.hidden)

    @property
    def text(self) -> str:
        """What is said."""
        return f"{self._word.text()} {self._about.text()}".strip()

    def mousePressEvent(self, event: QMouseEvent) -> None:
        self.clicked.emit()


class ResultPanel(QWidget):
    """Two findings and two buttons.

    Signals
    -------
    pressed(str) : the filled button, by what it does: "transplant", "get" or "show me"
    save_requested() : Save net
    account_requested() : the proof was clicked; check_requested() : the truth meter was
    """

    pressed = pyqtSignal(str)
    save_requested = pyqtSignal()
    account_requested = pyqtSignal()
    check_requested = pyqtSignal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._what = ""
        self._low = False
        self.proof = _Finding(self)
        self.proof.clicked.connect(self.account_requested)
        self.meter = _Finding(self)
        self.meter.clicked.connect(self.check_requested)
        self.main_button = QPushButton(self)
        self.main_button.setProperty("primary", True)
        self.main_button.setStyleSheet("padding: 2px 8px;")  # its height is set here
        self.main_button.clicked.connect(lambda: self.pressed.emit(self._what))
        self.save_button = QPushButton(tr("Save net …"), self)
        self.save_button.clicked.connect(self.save_requested)
        high = max(32, theme.line_height(self.fontMetrics()) + 12)
        row = QHBoxLayout()
        row.setSpacing(theme.STEP)
        for button in (self.main_button, self.save_button):
            button.setFixedHeight(high)
            row.addWidget(button, 1)
        layout = QVBoxLayout(self)
        margin = 2 * theme.STEP
        layout.setContentsMargins(margin, 10, margin, 10)
        layout.setSpacing(4)
        layout.addWidget(self.proof)
        layout.addWidget(self.meter)
        layout.addStretch(1)
        layout.addLayout(row)
        self.setSizePolicy(QSizePolicy.Fixed, QSizePolicy.Ignored)

    def set_low(self, low: bool) -> None:
        """In a low window the proof and one button stay; the truth meter waits for more room."""
        if low == self._low:
            return
        self._low = low
        margin, above = 2 * theme.STEP, 4 if low else 10
        self.layout().setContentsMargins(margin, above, margin, above)
        self.layout().setSpacing(2 if low else 4)
        high = max(28 if low else 32, theme.line_height(self.fontMetrics()) + (8 if low else 12))
        for button in (self.main_button, self.save_button):
            button.setFixedHeight(high)
        self.meter.hidden = low
        self.meter.setVisible(self.meter.told and not low)

    def offer(self, what: str, text: str, told: str = "", enabled: bool = True) -> None:
        """The filled button; none with an empty ``text``. Behind the surgery Save net joins it."""
        self._what = what
        button, window = self.main_button, self.window()
        if button.hasFocus() and not (enabled and text):
            window.setFocus()  # Qt would go to the next one, and frame a tab
        button.setText(text)
        button.setToolTip(told)
        button.setEnabled(enabled)
        button.setVisible(bool(text))
        self.save_button.setVisible(what in ("", "show me"))
