"""The panel of a challenge: a target output, how near filter 0 is to it, hints, and codes."""

from __future__ import annotations

import numpy as np
from PyQt5.QtCore import Qt, pyqtSignal
from PyQt5.QtGui import QGuiApplication, QPixmap
from PyQt5.QtWidgets import (
    QHBoxLayout,
    QLabel,
    QLineEdit,
    QProgressBar,
    QPushButton,
    QToolButton,
    QVBoxLayout,
    QWidget,
)

from filterlab.errors import FilterLabError
from filterlab.gui import theme
from filterlab.gui.errors import one_sentence
from filterlab.gui.i18n import tr
from filterlab.gui.icons import icon
from filterlab.gui.images import image_of
from filterlab.gui.lessons.panel import SidePanel
from filterlab.pictures import sample
from filterlab.surgery.kernels import Kernel
from filterlab.workbench.challenges import (
    LEVELS,
    Answer,
    Challenge,
    hints,
    level,
    output,
    score,
    told_match,
)

__all__ = ["ChallengePanel"]

#: From this match on, in percent, a challenge counts as solved.
SOLVED = 99.0
_HIGH = 150


class ChallengePanel(SidePanel):
    """Shows a challenge and the match of a kernel.

    Signals
    -------
    started(Challenge) : another challenge is in front
    said(str) : a sentence for the message strip; failed(str) : an error
    """

    started = pyqtSignal(object)
    said = pyqtSignal(str)
    failed = pyqtSignal(str)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.number = 0
        self.challenge = level(0)
        self.taken = 0
        self.match = 0.0
        self._kernel: Kernel | None = None
        self._bias = 0.0
        self.level_text = QLabel(self)
        self.back_button, self.next_button = QToolButton(self), QToolButton(self)
        for button, name in ((self.back_button, "previous"), (self.next_button, "next")):
            button.setProperty("flat", True)
            button.setIcon(icon(name, 14))
        self.back_button.clicked.connect(lambda: self.take_level(self.number - 1))
        self.next_button.clicked.connect(lambda: self.take_level(self.number + 1))
        levels = QHBoxLayout()
        levels.addWidget(self.back_button)
        levels.addWidget(self.level_text, 1, Qt.AlignHCenter)
        levels.addWidget(self.next_button)

        self.picture = QLabel(self)
        self.picture.setAlignment(Qt.AlignCenter)
        self.task = QLabel(self)
        self.task.setWordWrap(True)
        seen = QWidget(self)
        left = QVBoxLayout(seen)
        left.setContentsMargins(0, 0, 0, 0)
        left.addLayout(levels)
        left.addWidget(self.picture)
        left.addStretch(1)

        self.bar = QProgressBar(self)
        self.bar.setRange(0, 1000)
        self.bar.setTextVisible(False)
        self.bar.setFixedHeight(8)
        self.match_text = QLabel(self)
        self.match_text.setFont(theme.font(14, bold=True))
        self.hint_text = QLabel(self)
        self.hint_text.setWordWrap(True)
        self.hint_text.setProperty("role", "muted")
        self.hint_button = QPushButton(self)
        self.hint_button.clicked.connect(self._on_hint)
        found = QWidget(self)
        middle = QVBoxLayout(found)
        middle.setContentsMargins(0, 0, 0, 0)
        for widget in (self.task, self.match_text, self.bar, self.hint_text, self.hint_button):
            middle.addWidget(widget)
        middle.addStretch(1)

        self.name_field = QLineEdit(self)
        self.name_field.setMaxLength(40)
        self.answer_button = QPushButton(self)
        self.answer_button.clicked.connect(self._copy_answer)
        self.code_field = QLineEdit(self)
        self.code_field.returnPressed.connect(self._take_code)
        self.make_button = QPushButton(self)
        self.make_button.clicked.connect(self._copy_challenge)
        codes = QWidget(self)
        right = QVBoxLayout(codes)
        right.setContentsMargins(0, 0, 0, 0)
        for field in (self.name_field, self.answer_button, self.code_field, self.make_button):
            right.addWidget(field)
        right.addStretch(1)
        for part in (seen, found, codes):
            self.body.addWidget(part)
        self.body.addStretch(1)
        self.retell()
        self._show_challenge()

    def stand(self, beside: bool) -> None:
        super().stand(beside)
        if hasattr(self, "make_button"):
            # Below the tab what is told has all the room that is left.
            self.body.setStretch(1, 0 if beside else 1)
            self.body.setStretch(3, 1 if beside else 0)
            self._show_state()

    def retell(self) -> None:
        self.heading.setText(tr("Which kernel made this?"))
        for button, text in (
            (self.close_button, tr("Leave the challenge")),
            (self.back_button, tr("The challenge before")),
            (self.next_button, tr("The next challenge")),
        ):
            button.setToolTip(text)
            button.setAccessibleName(text)
        self.task.setText(
            tr("Above is the output of a hidden kernel. Change filter 0 until it answers the same.")
        )
        self.hint_button.setText(tr("Hint"))
        self.name_field.setPlaceholderText(tr("Your name"))
        self.answer_button.setText(tr("Copy my answer"))
        self.answer_button.setToolTip(tr("A code to give to your teacher; nothing is sent"))
        self.code_field.setPlaceholderText(tr("A challenge's code, then Enter"))
        self.make_button.setText(tr("Copy filter 0 as a challenge"))
        self.make_button.setToolTip(tr("A code to give to your class; nothing is sent"))
        for field in (self.name_field, self.code_field):
            field.setAccessibleName(field.placeholderText())
        self._show_state()

    # What is in front

    def take_level(self, number: int) -> None:
        """Take one of the levels that come along."""
        if 0 <= number < len(LEVELS):
            self.number = number
            self.take(level(number), number)

    def take(self, challenge: Challenge, number: int = -1) -> None:
        """Take a challenge; ``number`` is its level, if it has one."""
        self.challenge, self.taken = challenge, 0
        self.number = number if number >= 0 else self.number
        self._custom = number < 0
        self._kernel = None
        self.match = 0.0
        self._show_challenge()
        self.started.emit(challenge)

    _custom = False

    def look(self, kernel: Kernel, bias: float) -> None:
        """Compare a kernel's answer with the target; called as often as it changes."""
        if self._kernel is not None and self._bias == bias and np.array_equal(kernel, self._kernel):
            return
        self._kernel, self._bias = np.array(kernel), float(bias)
        self.match = score(self.challenge, kernel, bias)
        self._show_state()

    def _show_challenge(self) -> None:
        values = output(
            sample(self.challenge.sample, grey=True), self.challenge.rows, self.challenge.bias
        )
        # What may be negative is shown with 0 as middle grey, as a signed output is.
        low = float(values.min())
        shown = values if low >= -1e-6 else 0.5 + values / (2 * float(np.abs(values).max()))
        image = image_of(np.clip(shown * 255 + 0.5, 0, 255).astype(np.uint8))
        k = theme.scale()
        self.picture.setPixmap(
            QPixmap.fromImage(image).scaled(
                round(284 * k), round(_HIGH * k), Qt.KeepAspectRatio, Qt.SmoothTransformation
            )
        )
        self.picture.setAccessibleName(tr("The output to be reached"))
        self._show_state()

    def _show_state(self) -> None:
        self.level_text.setText(
            tr("A challenge of your own")
            if self._custom
            else tr("Level {n} of {count}").format(n=self.number + 1, count=len(LEVELS))
        )
        self.back_button.setEnabled(self.number > 0)
        self.next_button.setEnabled(self.number < len(LEVELS) - 1)
        solved = self.match >= SOLVED
        text = tr("Match {percent} %").format(percent=f"{told_match(self.match):g}")
        self.match_text.setText(f"{text}  ✓" if solved else text)
        self.bar.setValue(int(self.match * 10))
        told = [self._hint(*hint) for hint in hints(self.challenge)[: self.taken]]
        # Below the tab there is no room for a line for each.
        self.hint_text.setText(("\n" if self.beside else " ").join(told))
        self.hint_text.setVisible(bool(told))
        self.hint_button.setEnabled(not solved and self.taken < len(hints(self.challenge)))

    def _hint(self, kind: str, values: dict[str, object]) -> str:
        told = {
            "size": tr("It has {rows} rows and {columns} columns."),
            "sum": tr("Its cells add up to {value}."),
            "symmetries": tr("It has symmetries: {names}."),
            "bias": tr("There is a bias of {value}."),
            "cell": tr("The cell in row {row}, column {column} is {value} (counted from 0)."),
        }[kind]
        places = {
            name: f"{value:.4g}" if isinstance(value, float) else value
            for name, value in values.items()
        }
        if kind == "symmetries":
            names = values["names"]
            assert isinstance(names, list)
            places["names"] = ", ".join(tr(name) for name in names)
        return told.format(**places)

    # Codes

    def _on_hint(self) -> None:
        self.taken += 1
        self._show_state()

    def _copy(self, code: str, what: str) -> None:
        QGuiApplication.clipboard().setText(code)
        self.said.emit(what)

    def _copy_answer(self) -> None:
        if self._kernel is None:
            return
        try:
            answer = Answer.make(
                self.challenge, self.name_field.text(), self._kernel, self._bias, self.taken
            )
        except FilterLabError as error:
            self.failed.emit(one_sentence(error))
            self.name_field.setFocus()
            return
        self._copy(
            answer.code, tr("Your answer's code is on the clipboard; give it to your teacher.")
        )

    def _copy_challenge(self) -> None:
        if self._kernel is None:
            return
        try:
            made = Challenge.make(self.challenge.sample, self._kernel.tolist(), self._bias)
        except FilterLabError as error:
            self.failed.emit(one_sentence(error))
            return
        self._copy(
            made.code, tr("The challenge's code is on the clipboard; give it to your class.")
        )

    def _take_code(self) -> None:
        try:
            challenge = Challenge.from_code(self.code_field.text())
        except FilterLabError as error:
            self.failed.emit(one_sentence(error))
            return
        self.code_field.clear()
        self.take(challenge)
