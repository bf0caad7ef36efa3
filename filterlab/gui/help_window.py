"""A small window of text beside the main one: help and About."""

from __future__ import annotations

from collections.abc import Iterable

from PyQt5.QtCore import Qt
from PyQt5.QtWidgets import QDialog, QTextBrowser, QVBoxLayout, QWidget

from filterlab.gui import theme
from filterlab.gui.i18n import Text, tr

__all__ = ["HelpWindow", "keys_html", "window_keys_html"]

#: Keys that work in every tab.
_WINDOW_KEYS = (
    (Text("Ctrl+Tab, Ctrl+PgDn"), Text("the next tab; Ctrl+Shift+Tab or Ctrl+PgUp the one before")),
    (Text("Alt+1, Alt+2"), Text("the first tab, the second")),
    ("F5", Text("the stage, for a room; Esc leaves it")),
    ("Ctrl+F5", Text("show step by step what this tab does")),
    ("F11", Text("full screen, and back")),
    ("Esc", Text("cancel what runs, else close the message, else leave the full screen")),
    ("Alt", Text("with an underlined letter: open that menu, choose that item, press that button")),
    ("F1", Text("this help")),
    ("Ctrl+Q", Text("quit; everything is found again at the next start")),
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
