"""The teacher's class list: students' codes in, a ranking and a CSV out."""

from __future__ import annotations

from PyQt5.QtCore import Qt
from PyQt5.QtWidgets import (
    QDialog,
    QDialogButtonBox,
    QLabel,
    QLineEdit,
    QPlainTextEdit,
    QTableWidget,
    QTableWidgetItem,
    QVBoxLayout,
    QWidget,
)

from filterlab.caffe.files import atomic_write
from filterlab.errors import FilterLabError
from filterlab.gui.errors import one_sentence
from filterlab.gui.file_dialogs import save_path
from filterlab.gui.i18n import tr
from filterlab.workbench.challenges import Answer, Challenge, class_list, to_csv, told_match

__all__ = ["ClassListDialog"]


class ClassListDialog(QDialog):
    """Ranks the answers to a challenge; every score is computed anew from the answer's kernel."""

    def __init__(self, challenge: Challenge, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setWindowTitle(tr("Class list"))
        self.ranked: list[tuple[Answer, float]] = []
        self.challenge_field = QLineEdit(challenge.code, self)
        self.challenge_field.setCursorPosition(0)
        self.challenge_field.setObjectName("code")
        self.codes = QPlainTextEdit(self)
        self.codes.setPlaceholderText(tr("The students' codes, one a line"))
        self.codes.setTabChangesFocus(True)
        self.table = QTableWidget(0, 3, self)
        self.table.setHorizontalHeaderLabels([tr("Name"), tr("Match"), tr("Hints")])
        self.table.setEditTriggers(QTableWidget.NoEditTriggers)
        self.table.verticalHeader().hide()
        self.table.horizontalHeader().setStretchLastSection(True)
        self.problems = QLabel(self)
        self.problems.setTextFormat(Qt.PlainText)
        self.problems.setWordWrap(True)
        self.problems.setProperty("role", "error")
        buttons = QDialogButtonBox(self)
        self.save_button = buttons.addButton(tr("Save as CSV …"), QDialogButtonBox.ActionRole)
        self.save_button.clicked.connect(self._save)
        buttons.addButton(QDialogButtonBox.Close).setText(tr("Close"))
        buttons.rejected.connect(self.reject)
        layout = QVBoxLayout(self)
        layout.addWidget(QLabel(tr("The challenge's code"), self))
        layout.addWidget(self.challenge_field)
        layout.addWidget(self.codes, 1)
        layout.addWidget(self.table, 2)
        layout.addWidget(self.problems)
        layout.addWidget(buttons)
        self.resize(560, 560)
        self.challenge_field.textChanged.connect(self._rank)
        self.codes.textChanged.connect(self._rank)
        self._rank()

    def _rank(self) -> None:
        problems: list[str] = []
        try:
            challenge = Challenge.from_code(self.challenge_field.text())
        except FilterLabError as error:
            self.ranked, problems = [], [one_sentence(error)]
        else:
            lines = [line for line in self.codes.toPlainText().splitlines() if line.strip()]
            self.ranked, found = class_list(challenge, lines)
            problems = [tr(problem) for problem in found]
        self.table.setRowCount(len(self.ranked))
        for row, (answer, points) in enumerate(self.ranked):
            match = f"{told_match(points):g} %"
            for column, text in enumerate((answer.name, match, str(answer.hints))):
                self.table.setItem(row, column, QTableWidgetItem(text))
        self.problems.setText("\n".join(problems[:5]))
        self.problems.setVisible(bool(problems))
        self.save_button.setEnabled(bool(self.ranked))

    def _save(self) -> None:
        path = save_path(self, "save", tr("Save as CSV …"), "class.csv", "CSV (*.csv)")
        if path is None:
            return
        try:
            # The mark at the beginning lets spreadsheets read names in any script.
            with atomic_write(path, "w", encoding="utf-8-sig") as file:
                file.write(to_csv(self.ranked))
        except OSError as error:
            self.problems.setText(one_sentence(error))
            self.problems.show()
