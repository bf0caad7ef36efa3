"""The column at the right: the classes, the transplant's account, the lines of pycaffe."""

from __future__ import annotations

from qtpy.QtWidgets import QVBoxLayout, QWidget

from filterlab.gui import theme
from filterlab.gui.heatmap.account import AccountPanel
from filterlab.gui.heatmap.class_list import ClassList
from filterlab.gui.heatmap.veil import Veil
from filterlab.gui.i18n import tr
from filterlab.gui.widgets.code_panel import CodePanel
from filterlab.gui.widgets.section import CollapsibleSection

__all__ = ["SidePanel"]


class SidePanel(QWidget):
    """The list of classes, and below it one of two sections.

    Attributes
    ----------
    classes : ClassList. account : AccountPanel. code : CodePanel.
    account_section, code_section : CollapsibleSection
        There is room for one of the two, so opening one closes the other.
    """

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setMinimumWidth(248)
        self.setMaximumWidth(312)
        self.classes = ClassList(self)
        self.account = AccountPanel(self)
        self.code = CodePanel(self)
        self.code.heading.setVisible(False)
        self.code.setFixedHeight(180)
        self.account_section = CollapsibleSection(tr("Transplant"), self)
        self.account_section.body.addWidget(self.account)
        self.code_section = CollapsibleSection(tr("The same in pycaffe"), self, opened=False)
        self.code_section.body.addWidget(self.code)
        self._veils = [Veil(w) for w in (self.classes.view, self.account.text, self.code)]
        self.account_section.toggled.connect(self._on_account_opened)
        self.code_section.toggled.connect(self._on_code_opened)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(theme.STEP)
        layout.addWidget(self.classes, 1)
        layout.addSpacing(theme.STEP)
        layout.addWidget(self.account_section)
        layout.addWidget(self.code_section)

    def show_owner(self, text: str) -> None:
        """Dim everything and say whose it is, if it is not of the chosen model."""
        for veil in self._veils:
            veil.lay(bool(text), text)

    def _on_account_opened(self, opened: bool) -> None:
        if opened:
            self.code_section.set_opened(False)

    def _on_code_opened(self, opened: bool) -> None:
        if opened:
            self.account_section.set_opened(False)
