"""The transplant's own account: what became of each layer, and the proof."""

from __future__ import annotations

import html
from collections.abc import Sequence

from PyQt5.QtCore import Qt, pyqtSignal
from PyQt5.QtGui import QColor, QTextCharFormat, QTextCursor
from PyQt5.QtWidgets import (
    QDialog,
    QHBoxLayout,
    QLabel,
    QPlainTextEdit,
    QPushButton,
    QVBoxLayout,
    QWidget,
)

from filterlab.gui import theme
from filterlab.gui.class_names import short_name
from filterlab.gui.i18n import tr
from filterlab.gui.widgets.popover import Popover
from filterlab.surgery.transplant import Transplanted
from filterlab.zoo.labels import Labels

__all__ = ["AccountPopover", "DiffWindow", "account_html", "proof_line"]

#: Unchanged lines shown around each change.
_CONTEXT = 6


def _shape(shape: Sequence[int]) -> str:
    return "(" + ", ".join(str(n) for n in shape) + ")"


class AccountPopover(Popover):
    """What became of each layer, and the proof with the names of its classes.

    Signals
    -------
    diff_requested()
    """

    diff_requested = pyqtSignal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.text = QLabel(self)
        self.text.setTextFormat(Qt.RichText)
        self.text.setTextInteractionFlags(Qt.TextSelectableByMouse)
        self.diff_button = QPushButton(tr("Prototxts …"), self)
        self.diff_button.setToolTip(tr("The net's description before and after, line by line"))
        self.diff_button.clicked.connect(self._on_diff)
        row = QHBoxLayout()
        row.addStretch(1)
        row.addWidget(self.diff_button)
        layout = QVBoxLayout(self)
        margin = 2 * theme.STEP
        layout.setContentsMargins(margin, margin, margin, margin)
        layout.setSpacing(theme.STEP)
        layout.addWidget(self.text)
        layout.addLayout(row)

    def _on_diff(self) -> None:
        self.hide()
        self.diff_requested.emit()

    def show_transplanted(self, done: Transplanted, labels: Labels) -> None:
        """Give the account of a transplant."""
        self.text.setText(account_html(done, labels))


def account_html(done: Transplanted, labels: Labels) -> str:
    """The casts, whose memory they share, and the proof, in paragraphs."""
    colours = theme.current()
    code = f"font-family:{theme.code_font().family()}"
    lines = []
    for cast in done.conversions:
        if cast.kind == "fc->conv":
            text = f"{cast.old} {_shape(cast.old_shape)} → {cast.new} {_shape(cast.new_shape)}"
        else:
            text = tr(str(cast))
        lines.append(f"<span style='{code}'>{html.escape(text)}</span>")
    cast_layers = [cast for cast in done.conversions if cast.kind == "fc->conv"]
    if cast_layers:
        shared = all(cast.shares_memory for cast in cast_layers)
        memory = tr("the same memory before and after") if shared else tr("weights copied")
        lines.append(f"<span style='color:{colours.muted}'>{memory}</span>")
    if not done.conversions:
        lines.append(tr("The net is fully convolutional already."))
    verdict, what = proof_line(done)
    colour = colours.text if done.check.agrees else colours.error
    best = "<br>".join(html.escape(short_name(labels, c)) for c in done.check.top5_after[:5])
    size = " × ".join(str(n) for n in done.check.input_shape[2:])
    lines.append(
        f"<b style='color:{colour}'>{verdict}</b>: {what}<br>"
        + tr("Noise of {size} px went through both nets; their five best classes:").format(
            size=size
        )
        + f"<br>{best}"
    )
    if done.left:
        names = html.escape(", ".join(done.left[:4]))
        lines.append(
            f"<span style='color:{colours.warning}'>"
            + tr("Not in the weights file, left as drawn: {names}").format(names=names)
            + "</span>"
        )
    return "".join(f"<p style='margin:0 0 6px 0'>{line}</p>" for line in lines)


def proof_line(done: Transplanted) -> tuple[str, str]:
    """The verdict and the number behind it."""
    proof = done.check
    number = f"{proof.largest_difference:.0e}" if proof.largest_difference else "0"
    number = number.replace("e-0", "e-").replace("e-", "e\u2212")
    verdict = tr("The same") if proof.agrees else tr("NOT the same")
    return verdict, tr("largest difference {number}").format(number=number)


class DiffWindow(QDialog):
    """Two prototxts line by line, what goes in red and what comes in green."""

    def __init__(self, done: Transplanted, parent: QWidget) -> None:
        super().__init__(parent)
        self.setWindowTitle(tr("The prototxt before and after"))
        self.setAttribute(Qt.WA_DeleteOnClose)
        self.setWindowFlag(Qt.WindowContextHelpButtonHint, False)
        self.resize(640, 640)
        self.text = QPlainTextEdit(self)
        self.text.setReadOnly(True)
        self.text.setFont(theme.code_font())
        self.text.setLineWrapMode(QPlainTextEdit.NoWrap)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(theme.STEP, theme.STEP, theme.STEP, theme.STEP)
        layout.addWidget(self.text)
        colours = theme.current()
        shapes = {}
        for mark, colour in (
            (" ", colours.text),
            ("…", colours.muted),
            ("-", colours.error),
            ("+", colours.good),
        ):
            shape = QTextCharFormat()
            shape.setForeground(QColor(colour))
            if mark in "-+":
                ground = QColor(colour)
                ground.setAlphaF(0.12)
                shape.setBackground(ground)
            shapes[mark] = shape
        cursor = QTextCursor(self.text.document())
        lines = list(done.diff())
        near = [
            any(mark != " " for mark, _ in lines[max(0, k - _CONTEXT) : k + _CONTEXT + 1])
            for k in range(len(lines))
        ]
        skipping = False
        for (mark, line), shown in zip(lines, near):
            if shown:
                cursor.insertText(f"{mark} {line}\n", shapes[mark])
            elif not skipping:
                cursor.insertText("    …\n", shapes["…"])
            skipping = not shown
        self.text.setTextCursor(QTextCursor(self.text.document()))
