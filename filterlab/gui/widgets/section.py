"""A part of a panel that folds away under its heading."""

from __future__ import annotations

from qtpy.QtCore import Qt, Signal
from qtpy.QtWidgets import QSizePolicy, QToolButton, QVBoxLayout, QWidget

from filterlab.gui import theme
from filterlab.gui.icons import icon

__all__ = ["CollapsibleSection"]


class CollapsibleSection(QWidget):
    """A heading that shows or hides its content.

    Signals
    -------
    toggled(bool) : opened or closed
    """

    toggled = Signal(bool)

    def __init__(self, title: str, parent: QWidget | None = None, opened: bool = True) -> None:
        super().__init__(parent)
        self.heading = QToolButton(self)
        self.heading.setProperty("flat", True)
        self.heading.setText(title)
        self.heading.setToolButtonStyle(Qt.ToolButtonTextBesideIcon)
        self.heading.setSizePolicy(QSizePolicy.Expanding, QSizePolicy.Fixed)
        font = self.heading.font()
        font.setBold(True)
        self.heading.setFont(font)
        self.heading.setStyleSheet("QToolButton { text-align: left; padding: 4px 0; }")
        self.content = QWidget(self)
        self.body = QVBoxLayout(self.content)
        self.body.setContentsMargins(0, 4, 0, theme.STEP)
        self.body.setSpacing(theme.STEP)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(0)
        layout.addWidget(self.heading)
        layout.addWidget(self.content)
        self.heading.clicked.connect(self._flip)
        self._opened = not opened
        self.set_opened(opened)

    @property
    def opened(self) -> bool:
        """Whether the content is shown."""
        return self._opened

    def set_opened(self, opened: bool) -> None:
        """Show or hide the content."""
        if opened == self._opened:
            return
        self._opened = opened
        self.heading.setIcon(icon("chevron-down" if opened else "chevron-right", 12))
        self.content.setVisible(opened)
        self.toggled.emit(opened)

    def set_title(self, title: str) -> None:
        """Change the heading."""
        self.heading.setText(title)

    def _flip(self) -> None:
        self.set_opened(not self._opened)
