"""A small window of text beside the main one: help and About."""

from __future__ import annotations

from qtpy.QtCore import Qt
from qtpy.QtWidgets import QDialog, QTextBrowser, QVBoxLayout, QWidget

from filterlab.gui import theme
from filterlab.gui.i18n import tr

__all__ = ["HelpWindow"]


class HelpWindow(QDialog):
    """Shows rich text; does not block the window."""

    def __init__(self, parent: QWidget) -> None:
        super().__init__(parent)
        self.setWindowTitle(tr("Help"))
        self.setWindowFlag(Qt.WindowContextHelpButtonHint, False)
        self.resize(520, 560)
        self._text = QTextBrowser(self)
        self._text.setOpenExternalLinks(True)
        self._text.document().setDocumentMargin(2 * theme.STEP)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(self._text)

    def show_html(self, html: str) -> None:
        """Show a text."""
        colours = theme.current()
        self._text.document().setDefaultStyleSheet(
            f"h2 {{ color: {colours.text}; }} td {{ padding: 2px 16px 2px 0; }}"
            f" .key {{ color: {colours.accent}; }}"
        )
        self._text.setHtml(html)
