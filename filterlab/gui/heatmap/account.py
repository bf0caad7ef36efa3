"""The transplant's own account: what became of each layer, and the proof."""

from __future__ import annotations

from collections.abc import Sequence

from qtpy.QtCore import QSize, Qt, Signal
from qtpy.QtGui import QColor, QResizeEvent, QTextCharFormat, QTextCursor
from qtpy.QtWidgets import (
    QDialog,
    QFrame,
    QHBoxLayout,
    QLabel,
    QPlainTextEdit,
    QPushButton,
    QScrollArea,
    QSizePolicy,
    QVBoxLayout,
    QWidget,
)

from filterlab.gui import theme
from filterlab.gui.i18n import tr, tr_sentence
from filterlab.surgery.transplant import Transplanted
from filterlab.zoo.labels import Labels

__all__ = ["AccountPanel", "DiffWindow"]

#: Unchanged lines shown around each change.
_CONTEXT = 6


def _shape(shape: Sequence[int]) -> str:
    return "(" + ", ".join(str(n) for n in shape) + ")"


class _Scrolled(QScrollArea):
    """A text at its full height where there is room, else scrolled."""

    def __init__(self, text: QLabel, parent: QWidget) -> None:
        super().__init__(parent)
        self._text = text
        self.setFrameShape(QFrame.NoFrame)
        self.setWidgetResizable(True)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarAlwaysOff)
        self.setSizePolicy(QSizePolicy.Preferred, QSizePolicy.Maximum)
        self.viewport().setAutoFillBackground(False)
        self.setWidget(text)
        text.setAutoFillBackground(False)

    def sizeHint(self) -> QSize:
        return QSize(240, self._text.heightForWidth(max(200, self.width())) + 2)

    def minimumSizeHint(self) -> QSize:
        return QSize(120, 3 * self.fontMetrics().lineSpacing())

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        if event.size().width() != event.oldSize().width():
            self.updateGeometry()


class AccountPanel(QWidget):
    """Shapes before and after, the proof, and what can be done with the result.

    Signals
    -------
    diff_requested(), save_requested()
    """

    diff_requested = Signal()
    save_requested = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.text = QLabel(self)
        self.text.setWordWrap(True)
        self.text.setTextFormat(Qt.RichText)
        self.text.setTextInteractionFlags(Qt.TextSelectableByMouse)
        self.text.setAlignment(Qt.AlignTop)
        self.diff_button = QPushButton(tr("Prototxts …"), self)
        self.diff_button.setToolTip(tr("The net's description before and after, line by line"))
        self.diff_button.clicked.connect(self.diff_requested)
        self.save_button = QPushButton(tr("Save net …"), self)
        self.save_button.clicked.connect(self.save_requested)
        row = QHBoxLayout()
        row.setSpacing(theme.STEP)
        row.addWidget(self.diff_button)
        row.addWidget(self.save_button)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(theme.STEP)
        self._scrolled = _Scrolled(self.text, self)
        layout.addWidget(self._scrolled)
        layout.addLayout(row)
        self.show_transplanted(None, None)

    def show_transplanted(self, done: Transplanted | None, labels: Labels | None) -> None:
        """Show the account; None for none."""
        for button in (self.diff_button, self.save_button):
            button.setVisible(done is not None)
        colours = theme.current()
        if done is None:
            self.text.setText(
                f"<span style='color:{colours.muted}'>"
                + tr(
                    "Nothing transplanted yet. Transplant casts each fully connected layer into a "
                    "convolution with the same weights, so that the net runs on pictures of any "
                    "size."
                )
                + "</span>"
            )
            self._scrolled.updateGeometry()
            return
        lines = []
        code = f"font-family:{theme.code_font().family()}"
        for cast in done.casts:
            if cast.kind == "fc->conv":
                lines.append(
                    f"<span style='{code}'>{cast.old} {_shape(cast.old_shape)}<br>"
                    f"&nbsp;→ {cast.new} {_shape(cast.new_shape)}</span>"
                )
            else:
                lines.append(f"<span style='{code}'>{tr_sentence(str(cast))}</span>")
        cast_layers = [cast for cast in done.casts if cast.kind == "fc->conv"]
        if cast_layers:
            shared = all(cast.shares_memory for cast in cast_layers)
            memory = tr("the same memory before and after") if shared else tr("weights copied")
            lines.append(f"<span style='color:{colours.muted}'>{memory}</span>")
        if not done.casts:
            lines.append(tr("The net is fully convolutional already."))
        proof = done.proof
        size = "×".join(str(n) for n in proof.input_shape[2:])
        verdict, colour = (
            (tr("Proof: the same"), colours.good)
            if proof.agrees
            else (tr("Proof: NOT the same"), colours.error)
        )
        lines.append(
            f"<b style='color:{colour}'>{verdict}</b><br>"
            + tr("one {size} input in both nets: largest difference {number}").format(
                size=size,
                number=f"{proof.largest_difference:.1e}" if proof.largest_difference else "0",
            )
            + "<br>"
            + tr("five best: {classes}").format(classes=", ".join(str(c) for c in proof.top5_after))
        )
        if done.left:
            lines.append(
                f"<span style='color:{colours.warning}'>"
                + tr("Not in the weights file, left as drawn: {names}").format(
                    names=", ".join(done.left[:4])
                )
                + "</span>"
            )
        self.text.setText("".join(f"<p style='margin:0 0 3px 0'>{line}</p>" for line in lines))
        self._scrolled.updateGeometry()


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
