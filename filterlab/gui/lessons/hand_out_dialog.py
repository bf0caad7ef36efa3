"""What a teacher's project hands out: a task, a lesson, controls that stay locked."""

from __future__ import annotations

from collections.abc import Sequence

from PyQt5.QtCore import Qt
from PyQt5.QtWidgets import (
    QComboBox,
    QDialog,
    QDialogButtonBox,
    QFormLayout,
    QLineEdit,
    QListWidget,
    QListWidgetItem,
    QPlainTextEdit,
    QWidget,
)

from filterlab.gui import i18n
from filterlab.gui.i18n import tr
from filterlab.workbench.lessons import Lesson
from filterlab.workbench.project import Task

__all__ = ["HandOutDialog"]

_MOST_TEXT = 4000


class HandOutDialog(QDialog):
    """Asks for a :class:`Task`; the project is saved with it.

    Parameters
    ----------
    lessons : the lessons there are
    names : the controls that can be locked
    task : what the project hands out so far
    lesson : the one that is taken now, offered first
    """

    def __init__(
        self,
        lessons: Sequence[Lesson],
        names: Sequence[str],
        task: Task | None,
        lesson: Lesson | None,
        parent: QWidget | None = None,
    ) -> None:
        super().__init__(parent)
        self.setWindowTitle(tr("Hand out a task"))
        before = task or Task()
        self.title_field = QLineEdit(before.title, self)
        self.title_field.setMaxLength(200)
        self.text_field = QPlainTextEdit(before.text, self)
        self.text_field.setTabChangesFocus(True)
        self.text_field.setPlaceholderText(tr("What is to be done"))
        self.lesson_combo = QComboBox(self)
        self.lesson_combo.addItem(tr("no lesson"), None)
        for one in lessons:
            self.lesson_combo.addItem(one.title.say(i18n.language()), one)
            if one.key == before.lesson or (not before.lesson and lesson and one.key == lesson.key):
                self.lesson_combo.setCurrentIndex(self.lesson_combo.count() - 1)
        self.locked_list = QListWidget(self)
        for name in names:
            item = QListWidgetItem(name, self.locked_list)
            item.setFlags(Qt.ItemIsUserCheckable | Qt.ItemIsEnabled | Qt.ItemIsSelectable)
            item.setCheckState(Qt.Checked if name in before.locked else Qt.Unchecked)
        form = QFormLayout(self)
        form.addRow(tr("Title"), self.title_field)
        form.addRow(tr("Task"), self.text_field)
        form.addRow(tr("Lesson"), self.lesson_combo)
        form.addRow(tr("Locked"), self.locked_list)
        buttons = QDialogButtonBox(self)
        self.save_button = buttons.addButton(tr("Save project …"), QDialogButtonBox.AcceptRole)
        buttons.addButton(tr("Cancel"), QDialogButtonBox.RejectRole)
        buttons.accepted.connect(self.accept)
        buttons.rejected.connect(self.reject)
        form.addRow(buttons)
        self.resize(520, 480)
        for changed in (
            self.title_field.textChanged,
            self.text_field.textChanged,
            self.lesson_combo.currentIndexChanged,
        ):
            changed.connect(self._show_state)
        self._show_state()

    def _show_state(self) -> None:
        something = self.title_field.text().strip() or self.text_field.toPlainText().strip()
        self.save_button.setEnabled(bool(something) or self.lesson_combo.currentData() is not None)

    def task(self) -> Task:
        """What was chosen. A lesson travels whole, so that it is there wherever it is opened."""
        lesson: Lesson | None = self.lesson_combo.currentData()
        items = (self.locked_list.item(row) for row in range(self.locked_list.count()))
        return Task(
            " ".join(self.title_field.text().split()),
            self.text_field.toPlainText().strip()[:_MOST_TEXT],
            lesson.key if lesson is not None else "",
            tuple(item.text() for item in items if item and item.checkState() == Qt.Checked),
            lesson.source if lesson is not None else "",
        )
