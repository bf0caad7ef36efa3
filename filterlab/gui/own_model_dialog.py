"""Opening a model of the user's own: what was found is filled in, what is missing is asked for."""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from qtpy.QtCore import Qt
from qtpy.QtWidgets import (
    QComboBox,
    QDialog,
    QDialogButtonBox,
    QFileDialog,
    QFormLayout,
    QHBoxLayout,
    QLabel,
    QLineEdit,
    QPushButton,
    QVBoxLayout,
    QWidget,
)

from filterlab.errors import FilterLabError
from filterlab.gui import theme
from filterlab.gui.errors import EXPECTED, one_sentence
from filterlab.gui.i18n import tr
from filterlab.gui.jobs import Latest
from filterlab.zoo.catalogue import DEFAULT_MEAN_BGR, Model
from filterlab.zoo.labels import read_labels
from filterlab.zoo.own_models import Found, look, remember

__all__ = ["OwnModelDialog"]

_NUMBER = r"[-+]?\d*\.?\d+(?:[eE][-+]?\d+)?"


def _mean_text(mean: Sequence[float]) -> str:
    return ", ".join(f"{value:g}" for value in mean)


class OwnModelDialog(QDialog):
    """A form; ``model`` holds the result, remembered, once it was accepted.

    Parameters
    ----------
    parent : QWidget
    paths : sequence of Path
        A prototxt, a caffemodel, their folder, or both files: what belongs to it is looked for.
    """

    def __init__(self, parent: QWidget | None, paths: Sequence[Path] = ()) -> None:
        super().__init__(parent)
        self.model: Model | None = None
        self._found = Found()
        self._looking = Latest(self)
        self._looking.ready.connect(self._on_found)
        self._looking.failed.connect(self._on_problem)
        self.setWindowTitle(tr("Own model"))
        self.setWindowFlag(Qt.WindowContextHelpButtonHint, False)
        self.setMinimumWidth(640)
        self.prototxt, prototxt_row = self._file_row(self._pick_prototxt)
        self.weights, weights_row = self._file_row(self._pick_weights)
        self.class_names, labels_row = self._file_row(self._pick_labels)
        self.title = QLineEdit(self)
        self.mean = QLineEdit(_mean_text(DEFAULT_MEAN_BGR), self)
        self.mean.setToolTip(tr("Blue, green, red; subtracted after scaling"))
        self.scale = QLineEdit("255", self)
        self.scale.setToolTip(tr("Pictures from 0 to 1 are multiplied by this"))
        self.order = QComboBox(self)
        self.order.addItems(["BGR", "RGB"])
        form = QFormLayout()
        form.setHorizontalSpacing(2 * theme.STEP)
        form.setVerticalSpacing(theme.STEP)
        form.setFieldGrowthPolicy(QFormLayout.ExpandingFieldsGrow)
        form.addRow(tr("Prototxt (deploy)"), prototxt_row)
        form.addRow(tr("Weights (.caffemodel, .h5)"), weights_row)
        form.addRow(tr("Class names"), labels_row)
        form.addRow(tr("Name"), self.title)
        form.addRow(tr("Mean B, G, R"), self.mean)
        form.addRow(tr("Scale"), self.scale)
        form.addRow(tr("Channel order"), self.order)
        self.notes = QLabel(self)
        self.notes.setProperty("role", "muted")
        self.problem = QLabel(self)
        self.problem.setProperty("role", "error")
        for label in (self.notes, self.problem):
            label.setWordWrap(True)
            label.setTextFormat(Qt.PlainText)
        self.buttons = QDialogButtonBox(QDialogButtonBox.Ok | QDialogButtonBox.Cancel, self)
        agree = self.buttons.button(QDialogButtonBox.Ok)
        agree.setText(tr("Use this model"))
        agree.setProperty("primary", True)
        agree.style().unpolish(agree)
        agree.style().polish(agree)
        self.buttons.button(QDialogButtonBox.Cancel).setText(tr("Cancel"))
        self.buttons.accepted.connect(self.accept)
        self.buttons.rejected.connect(self.reject)
        layout = QVBoxLayout(self)
        margin = 2 * theme.STEP
        layout.setContentsMargins(margin, margin, margin, margin)
        layout.setSpacing(margin)
        layout.addLayout(form)
        layout.addWidget(self.notes)
        layout.addWidget(self.problem)
        layout.addStretch(1)
        layout.addWidget(self.buttons)
        self._show(self._found)
        self.prototxt.editingFinished.connect(self._on_typed)
        self.weights.editingFinished.connect(self._on_typed)
        given = [Path(path) for path in paths]
        for path in given[1:]:
            self._field_of(path).setText(str(path))
        if given:
            self._place(given[0])

    # Finding

    def _file_row(self, pick: object) -> tuple[QLineEdit, QWidget]:
        row = QWidget(self)
        edit = QLineEdit(row)
        button = QPushButton(tr("Choose …"), row)
        button.setAutoDefault(False)
        button.clicked.connect(pick)
        layout = QHBoxLayout(row)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(theme.STEP)
        layout.addWidget(edit, 1)
        layout.addWidget(button)
        return edit, row

    def _field_of(self, path: Path) -> QLineEdit:
        return self.prototxt if path.suffix.lower() in (".prototxt", ".pbtxt") else self.weights

    def _place(self, path: Path) -> None:
        """Take a file or folder, and look for what belongs to it."""
        if not path.is_dir():
            self._field_of(path).setText(str(path))
        self._looking.request(look, path)

    def _on_typed(self) -> None:
        """A path was typed or pasted: look beside it, if it is new."""
        typed = Path(self.prototxt.text().strip() or self.weights.text().strip())
        if typed.is_file() and typed not in (self._found.prototxt, self._found.weights):
            self._place(typed)

    @property
    def looking(self) -> bool:
        """Whether files are still being looked for."""
        return self._looking.busy

    def _on_found(self, found: Found) -> None:
        self._found = found
        self._show(found)

    def _on_problem(self, sentence: str) -> None:
        self.problem.setText(sentence)
        self.problem.setVisible(True)

    def _show(self, found: Found) -> None:
        for edit, path in (
            (self.prototxt, found.prototxt),
            (self.weights, found.weights),
            (self.class_names, found.labels_path),
        ):
            if path is not None and not (edit is not self.class_names and edit.text()):
                edit.setText(str(path))
        self.class_names.setPlaceholderText(
            tr("ImageNet's")
            if found.classes in (None, 1000)
            else tr("none: {n} classes are shown by number").format(n=found.classes)
        )
        self.mean.setText(_mean_text(found.mean_bgr))
        self.scale.setText(f"{found.scale:g}")
        self.order.setCurrentText(found.order)
        if found.prototxt is not None and found.weights is not None and not self.title.text():
            self.title.setText(found.model().title)
        self.notes.setText("\n".join(self._notes(found)))
        self.notes.setVisible(bool(self.notes.text()))
        self.problem.setText("")
        self.problem.setVisible(False)

    def _notes(self, found: Found) -> list[str]:
        lines = []
        if found.input_size is not None:
            height, width = found.input_size
            lines.append(
                tr("The net takes {channels} channels, {height} × {width} px.").format(
                    channels=found.channels, height=height, width=width
                )
            )
        if found.prototxt is None and found.weights is not None:
            lines.append(tr("No prototxt beside these weights fits them: choose it."))
        if found.weights is None and found.prototxt is not None:
            lines.append(tr("No weights beside this prototxt fit it: choose them."))
        if "mean" in found.missing:
            lines.append(tr("No mean file beside it: the usual ImageNet mean is filled in."))
        return lines

    # Choosing

    def _pick(self, edit: QLineEdit, title: str, pattern: str) -> str:
        start = os.path.dirname(edit.text() or self.prototxt.text() or self.weights.text())
        path, _ = QFileDialog.getOpenFileName(self, title, start, pattern)
        return str(path)

    def _pick_prototxt(self) -> None:
        path = self._pick(self.prototxt, tr("Prototxt (deploy)"), "Prototxt (*.prototxt *.pbtxt)")
        if path:
            self._place(Path(path))

    def _pick_weights(self) -> None:
        path = self._pick(
            self.weights, tr("Weights (.caffemodel, .h5)"), "Caffe (*.caffemodel *.h5 *.hdf5)"
        )
        if path:
            self._place(Path(path))

    def _pick_labels(self) -> None:
        path = self._pick(
            self.class_names, tr("Class names"), "Text (*.txt *.tsv *.csv *.json *.names)"
        )
        if path:
            self.class_names.setText(path)

    # Ending

    def accept(self) -> None:
        try:
            self.model = remember(self._made())
        except EXPECTED as error:
            self._on_problem(one_sentence(error))
            return
        super().accept()

    def done(self, result: int) -> None:
        self._looking.shutdown()
        super().done(result)

    def _path(self, edit: QLineEdit, what: str) -> Path:
        text = edit.text().strip()
        if not text:
            raise FilterLabError(tr("Choose the {what}.").format(what=what))
        path = Path(text)
        if not path.is_file():
            raise FilterLabError(tr("{path} is no file.").format(path=path))
        return path

    def _made(self) -> Model:
        prototxt = self._path(self.prototxt, tr("prototxt"))
        weights = self._path(self.weights, tr("weights file"))
        numbers = [float(n) for n in re.findall(_NUMBER, self.mean.text())]
        numbers = numbers * 3 if len(numbers) == 1 else numbers
        scale = re.fullmatch(rf"\s*({_NUMBER})\s*", self.scale.text())
        if len(numbers) != 3 or scale is None or float(scale[1]) == 0:
            raise FilterLabError(
                tr("The mean is one or three numbers, the scale is one and not 0.")
            )
        names = self.class_names.text().strip()
        if names:
            read_labels(names)
        found = self._found
        if found.prototxt != prototxt:
            found = look(prototxt)  # typed a moment ago
        found = replace(
            found,
            prototxt=prototxt,
            weights=weights,
            labels_path=Path(names) if names else None,
            mean_bgr=(numbers[0], numbers[1], numbers[2]),
            scale=float(scale[1]),
            order=self.order.currentText(),
        )
        return found.model(self.title.text().strip())
