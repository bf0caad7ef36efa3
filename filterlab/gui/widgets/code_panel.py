"""The same in pycaffe: the lines that do what was just done, ready to copy."""

from __future__ import annotations

from PyQt5.QtCore import QRegularExpression, Qt
from PyQt5.QtGui import QColor, QSyntaxHighlighter, QTextCharFormat, QTextDocument, QTextOption
from PyQt5.QtWidgets import (
    QApplication,
    QHBoxLayout,
    QLabel,
    QPlainTextEdit,
    QToolButton,
    QVBoxLayout,
    QWidget,
)

from filterlab.gui import theme
from filterlab.gui.i18n import tr
from filterlab.gui.icons import icon

__all__ = ["CodePanel"]


class _Highlighter(QSyntaxHighlighter):
    """Strings, numbers, comments and a few words; enough for a handful of lines."""

    def __init__(self, document: QTextDocument) -> None:
        super().__init__(document)
        colours = theme.current()
        self._rules = []
        for pattern, colour in (
            (r"\b\d+(\.\d*)?([eE][-+]?\d+)?\b", colours.accent),
            (r"\b(import|from|as|for|in|def|return|with|None|True|False)\b", colours.accent),
            (r"'[^']*'|\"[^\"]*\"", colours.good),
            (r"#.*$", colours.muted),
        ):
            shape = QTextCharFormat()
            shape.setForeground(QColor(colour))
            self._rules.append((QRegularExpression(pattern), shape))

    def highlightBlock(self, text: str) -> None:
        for pattern, shape in self._rules:
            matches = pattern.globalMatch(text)
            while matches.hasNext():
                match = matches.next()
                self.setFormat(match.capturedStart(), match.capturedLength(), shape)


class CodePanel(QWidget):
    """Read-only code under the heading "The same in pycaffe", with a copy button."""

    def __init__(self, parent: QWidget | None = None, title: str = "") -> None:
        super().__init__(parent)
        self.heading = QLabel(title or tr("The same in pycaffe"), self)
        self.heading.setProperty("role", "heading")
        self._copy = QToolButton(self)
        self._copy.setProperty("flat", True)
        self._copy.setIcon(icon("copy"))
        self._copy.setToolTip(tr("Copy the code"))
        self._copy.setAccessibleName(tr("Copy the code"))
        self._copy.clicked.connect(self.copy)
        self._text = QPlainTextEdit(self)
        self._text.setReadOnly(True)
        self._text.setAccessibleName(tr("The same in pycaffe"))
        self._text.setFont(theme.code_font())
        self._text.setWordWrapMode(QTextOption.WrapAtWordBoundaryOrAnywhere)
        self._text.setTextInteractionFlags(Qt.TextSelectableByMouse | Qt.TextSelectableByKeyboard)
        self._highlighter = _Highlighter(self._text.document())
        top = QHBoxLayout()
        top.setContentsMargins(0, 0, 0, 0)
        top.addWidget(self.heading)
        top.addStretch(1)
        top.addWidget(self._copy)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(4)
        layout.addLayout(top)
        layout.addWidget(self._text, 1)

    def set_code(self, code: str) -> None:
        """Show code."""
        if code != self._text.toPlainText():
            self._text.setPlainText(code)

    def set_folded(self, folded: bool) -> None:
        """Show the heading alone; the code can be copied all the same."""
        self._text.setVisible(not folded)

    def code(self) -> str:
        """The code shown."""
        return str(self._text.toPlainText())

    def in_tab_order(self) -> list[QWidget]:
        """What Tab goes through: the code, the copy button."""
        return [self._text, self._copy]

    def copy(self) -> None:
        """Put the code on the clipboard."""
        QApplication.clipboard().setText(self.code())
