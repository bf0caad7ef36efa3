"""A small window of text beside the main one: help and About."""

from __future__ import annotations

from collections.abc import Iterable

from qtpy.QtCore import Qt
from qtpy.QtWidgets import QDialog, QTextBrowser, QVBoxLayout, QWidget

from filterlab.gui import theme
from filterlab.gui.i18n import tr

__all__ = ["HelpWindow", "keys_html", "window_keys_html"]

#: Keys that work in every tab.
_WINDOW_KEYS = (
    ("Ctrl+Tab, Ctrl+PgDn", "the next tab; Ctrl+Shift+Tab or Ctrl+PgUp the one before"),
    ("Alt+1, Alt+2", "the first tab, the second"),
    ("F11", "full screen, and back"),
    ("Esc", "cancel what runs, else close the message, else leave the full screen"),
    ("Alt", "with an underlined letter: open that menu, choose that item, press that button"),
    ("F1", "this help"),
    ("Ctrl+Q", "quit; everything is found again at the next start"),
)


def keys_html(keys: Iterable[tuple[str, str]]) -> str:
    """A table of keys and what they do, in the language in use."""
    rows = "".join(
        f"<tr><td style='padding:2px 16px 2px 0'><b>{tr(names)}</b></td><td>{tr(what)}</td></tr>"
        for names, what in keys
    )
    return f"<table>{rows}</table>"


def window_keys_html() -> str:
    """The keys of the window, whatever tab is in front."""
    return f"<h3>{tr('Everywhere')}</h3>{keys_html(_WINDOW_KEYS)}"


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
