"""Asks for a model of the user's own: its files and how pictures are prepared for it."""

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
from filterlab.zoo.catalogue import DEFAULT_MEAN_BGR, Model
from filterlab.zoo.labels import read_labels
from filterlab.zoo.own_models import look, remember

__all__ = ["OwnModelDialog"]


class OwnModelDialog(QDialog):
    """A form; ``model`` holds the result once it was accepted."""

    def __init__(self, parent: QWidget, paths: Sequence[Path] = ()) -> None:
        super().__init__(parent)
        self.model: Model | None = None
        self.setWindowTitle(tr("Own model"))
        self.setWindowFlag(Qt.WindowContextHelpButtonHint, False)
        self.setMinimumWidth(560)
        self.prototxt, prototxt_row = self._file_row(self._pick_prototxt)
        self.weights, weights_row = self._file_row(self._pick_weights)
        self.class_names, labels_row = self._file_row(self._pick_labels)
        self.class_names.setPlaceholderText(tr("ImageNet if the net has 1,000 classes"))
        self.mean = QLineEdit(", ".join(f"{v:g}" for v in DEFAULT_MEAN_BGR), self)
        self.mean.setToolTip(tr("Blue, green, red; subtracted after scaling"))
        self.scale = QLineEdit("255", self)
        self.scale.setToolTip(tr("Pictures from 0 to 1 are multiplied by this"))
        self.order = QComboBox(self)
        self.order.addItems(["BGR", "RGB"])
        form = QFormLayout()
        form.setHorizontalSpacing(2 * theme.STEP)
        form.setVerticalSpacing(theme.STEP)
        form.addRow(tr("Prototxt (deploy)"), prototxt_row)
        form.addRow(tr("Weights (.caffemodel, .h5)"), weights_row)
        form.addRow(tr("Class names"), labels_row)
        form.addRow(tr("Mean B, G, R"), self.mean)
        form.addRow(tr("Scale"), self.scale)
        form.addRow(tr("Channels"), self.order)
        self.problem = QLabel(self)
        self.problem.setProperty("role", "error")
        self.problem.setWordWrap(True)
        self.notes = QLabel(self)
        self.notes.setProperty("role", "muted")
        self.notes.setWordWrap(True)
        self.buttons = QDialogButtonBox(QDialogButtonBox.Ok | QDialogButtonBox.Cancel, self)
        self.buttons.button(QDialogButtonBox.Ok).setText(tr("Use this model"))
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
        layout.addWidget(self.buttons)
        for path in paths:
            self._place(path)

    def _file_row(self, pick: object) -> tuple[QLineEdit, QWidget]:
        row = QWidget(self)
        edit = QLineEdit(row)
        button = QPushButton(tr("Choose …"), row)
        button.clicked.connect(pick)
        layout = QHBoxLayout(row)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(theme.STEP)
        layout.addWidget(edit, 1)
        layout.addWidget(button)
        return edit, row

    def _place(self, path: Path) -> None:
        """Fill the form in with a file and what belongs to it."""
        try:
            found = look(path)
        except EXPECTED as error:
            self.problem.setText(one_sentence(error))
            return
        for edit, part in (
            (self.prototxt, found.prototxt),
            (self.weights, found.weights),
            (self.class_names, found.labels_path),
        ):
            if part is not None:
                edit.setText(str(part))
        self.mean.setText(", ".join(f"{v:g}" for v in found.mean_bgr))
        self.scale.setText(f"{found.scale:g}")
        self.order.setCurrentText(found.order)
        self.problem.setText("")
        self.notes.setText("\n".join(found.notes))

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
        path = self._pick(self.class_names, tr("Class names"), "Text (*.txt *.tsv *.csv *.json)")
        if path:
            self.class_names.setText(path)

    def accept(self) -> None:
        try:
            self.model = self._made()
        except EXPECTED as error:
            self.problem.setText(one_sentence(error))
            return
        super().accept()

    def _made(self) -> Model:
        prototxt = Path(self.prototxt.text().strip())
        weights = Path(self.weights.text().strip())
        for path, what in ((prototxt, tr("prototxt")), (weights, tr("weights file"))):
            if not str(path) or not path.is_file():
                raise FilterLabError(
                    tr("Choose the {what}: {path} is no file.").format(what=what, path=path)
                )
        numbers = [
            float(n) for n in re.findall(r"[-+]?\d*\.?\d+(?:[eE][-+]?\d+)?", self.mean.text())
        ]
        if len(numbers) == 1:
            numbers *= 3
        try:
            scale = float(self.scale.text())
        except ValueError:
            scale = 0.0
        if len(numbers) != 3 or scale == 0:
            raise FilterLabError(tr("The mean is three numbers and the scale is one, not zero."))
        names = self.class_names.text().strip()
        if names:
            read_labels(names)
        found = replace(
            look(prototxt),
            prototxt=prototxt,
            weights=weights,
            labels_path=Path(names) if names else None,
            mean_bgr=(numbers[0], numbers[1], numbers[2]),
            scale=scale,
            order=self.order.currentText(),
        )
        return remember(found.model())
