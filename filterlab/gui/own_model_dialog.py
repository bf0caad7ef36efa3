"""Opening a model of the user's own: what was found is filled in, what is missing is asked for."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from PyQt5.QtCore import Qt
from PyQt5.QtWidgets import (
    QComboBox,
    QDialog,
    QDialogButtonBox,
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
from filterlab.gui.file_dialogs import open_path
from filterlab.gui.i18n import tr
from filterlab.gui.jobs import Latest
from filterlab.gui.net_findings import Asked, Examined, NetFindings, examined
from filterlab.surgery.doctor import examine
from filterlab.surgery.heatmap import Preprocessing
from filterlab.zoo.catalogue import DEFAULT_MEAN_BGR, Model
from filterlab.zoo.labels import read_labels
from filterlab.zoo.own_models import Found, look, remember

__all__ = ["OwnModelDialog"]

_PROTOTXT, _WEIGHTS = (".prototxt", ".pbtxt", ".pt"), (".caffemodel", ".h5", ".hdf5")
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
        self._given: set[QLineEdit] = set()  # the fields whose file the user named
        self._known: dict[QLineEdit, str] = {}  # what stands in a field and is dealt with
        self._looking = Latest(self)
        self._looking.ready.connect(self._on_found)
        self._looking.failed.connect(self._on_problem)
        self._opening = Latest(self)
        self._opening.ready.connect(self._on_opened)
        self._opening.failed.connect(self._on_refused)
        self.setWindowTitle(tr("Own model"))
        self.setWindowFlag(Qt.WindowContextHelpButtonHint, False)
        self.setMinimumWidth(min(960, round(640 * theme.scale())))
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
        # The style sheet's padding is more than the hint knows of.
        self.order.setMinimumWidth(self.order.sizeHint().width() + 6)
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
        self.findings = NetFindings(self)
        self.findings.chosen.connect(self._examine)
        self._examining = Latest(self)
        self._examining.ready.connect(self._on_examined)
        self._examining.failed.connect(self._on_problem)
        for edit in (self.mean, self.scale, self.class_names):
            edit.editingFinished.connect(self._examine)
        self.order.activated.connect(self._examine)
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
        layout.addWidget(self.findings)
        layout.addWidget(self.notes)
        layout.addWidget(self.problem)
        layout.addStretch(1)
        layout.addWidget(self.buttons)
        self._show(self._found)
        self.prototxt.editingFinished.connect(self._on_prototxt_typed)
        self.weights.editingFinished.connect(self._on_weights_typed)
        given = [Path(path) for path in paths]
        for path in given[1:]:
            self._give(path, self._field_of(path) or self.weights)
        if given:
            self._place(given[0])

    # Finding

    def _file_row(self, pick: Callable[..., object]) -> tuple[QLineEdit, QWidget]:
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

    def _field_of(self, path: Path) -> QLineEdit | None:
        """The field for a file of this kind; None if its name tells nothing."""
        if path.suffix.lower() in _PROTOTXT:
            return self.prototxt
        return self.weights if path.suffix.lower() in _WEIGHTS else None

    def _fill(self, edit: QLineEdit, text: str) -> None:
        edit.setText(text)
        self._known[edit] = text

    def _give(self, path: Path, edit: QLineEdit) -> None:
        """Put a file that the user named into a field."""
        self._fill(edit, str(path))
        self._given.add(edit)

    def _place(self, path: Path) -> None:
        """Take a file or folder, and look for what belongs to it."""
        if not os.path.isdir(path):
            self._give(path, self._field_of(path) or self.weights)
        self._looking.request(look, path)

    def _on_typed(self, edit: QLineEdit) -> None:
        """A path was typed or pasted: put it where it belongs and look beside it, if it is new."""
        text = edit.text().strip()
        if text == self._known.get(edit, ""):
            return
        self._fill(edit, text)
        path = Path(os.path.abspath(Path(text).expanduser())) if text else None
        if path is None:
            self._given.discard(edit)
        elif os.path.isdir(path):
            self._given.clear()
            self._fill(edit, "")
            self._place(path)
        elif os.path.isfile(path) and self._field_of(path) is not None:
            if self._field_of(path) is not edit:
                self._given.discard(edit)
                self._fill(edit, "")
            self._place(path)
        else:
            self._given.add(edit)

    def _on_prototxt_typed(self) -> None:
        self._on_typed(self.prototxt)

    def _on_weights_typed(self) -> None:
        self._on_typed(self.weights)

    @property
    def looking(self) -> bool:
        """Whether files are still being looked for or opened."""
        return self._looking.busy or self._opening.busy or self._examining.busy

    def _on_found(self, found: Found) -> None:
        self._found = found
        self._show(found)

    def _on_problem(self, sentence: str) -> None:
        self.problem.setText(sentence)
        self.problem.setVisible(bool(sentence))

    def _show(self, found: Found) -> None:
        for edit, path in ((self.prototxt, found.prototxt), (self.weights, found.weights)):
            if edit not in self._given:
                self._fill(edit, str(path or ""))
        if found.labels_path is not None:
            self.class_names.setText(str(found.labels_path))
        self.class_names.setPlaceholderText(
            tr("ImageNet's")
            if found.classes in (None, 1000)
            else tr("none: {n} classes are shown by number").format(n=found.classes)
        )
        self.mean.setText(_mean_text(found.mean_bgr))
        self.scale.setText(f"{found.scale:g}")
        self.order.setCurrentText(found.order)
        files = [edit.text().strip() for edit in (self.prototxt, self.weights)]
        if all(files) and not (self.title.isModified() and self.title.text()):
            named = replace(found, prototxt=Path(files[0]), weights=Path(files[1]))
            self.title.setText(named.model().title)
        self._show_notes()
        self._on_problem("")
        self.findings.clear()
        self._examine()

    def _examine(self) -> None:
        """Say what the net is, before anything is done to it."""
        try:
            wanted = self._wanted()
        except EXPECTED:
            return  # the form is not filled in yet
        chosen = self.findings.choices
        ready = Preprocessing(wanted["mean_bgr"], wanted["scale"], wanted["order"])
        self._examining.request(
            examined,
            Asked(wanted["prototxt"], wanted["weights"], wanted["labels_path"], ready, **chosen),
        )

    def _on_examined(self, result: Examined) -> None:
        self.findings.show_examined(result)
        self._on_problem(tr(result.findings.trouble))
        self.buttons.button(QDialogButtonBox.Ok).setEnabled(not result.findings.trouble)

    def _show_notes(self) -> None:
        self.notes.setText("\n".join(self._notes(self._found)))
        self.notes.setVisible(bool(self.notes.text()))

    def _notes(self, found: Found) -> list[str]:
        lines = []
        if found.input_size is not None:
            height, width = found.input_size
            lines.append(
                tr("The net takes {channels} channels, {height} × {width} px.").format(
                    channels=found.channels, height=height, width=width
                )
            )
        if found.prototxt is None and found.weights is not None and not self.prototxt.text():
            lines.append(tr("No prototxt beside these weights fits them: choose it."))
        if found.weights is None and found.prototxt is not None and not self.weights.text():
            lines.append(tr("No weights beside this prototxt fit it: choose them."))
        if "mean" in found.missing:
            lines.append(tr("No mean file beside it: the usual ImageNet mean is filled in."))
        return lines

    # Choosing

    def _pick(self, edit: QLineEdit, title: str, pattern: str) -> str:
        start = os.path.dirname(edit.text() or self.prototxt.text() or self.weights.text())
        path = open_path(self, "net", title, pattern, start)
        return "" if path is None else str(path)

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
            self._examine()

    # Ending

    def accept(self) -> None:
        """Open both files, away from the window's thread; only what opens is remembered."""
        if self._opening.busy:
            return
        try:
            wanted = self._wanted()
        except EXPECTED as error:
            self._on_problem(one_sentence(error))
            return
        self._looking.drop()
        self._examining.drop()
        self._on_problem("")
        self.notes.setText(tr("Opening the files …"))
        self.notes.setVisible(True)
        self.buttons.button(QDialogButtonBox.Ok).setEnabled(False)
        self._opening.request(
            _opened, self._found, wanted, self.title.text().strip(), self.findings.choices
        )

    def _on_refused(self, sentence: str) -> None:
        self.buttons.button(QDialogButtonBox.Ok).setEnabled(True)
        self._show_notes()
        self._on_problem(sentence)

    def _on_opened(self, model: Model) -> None:
        try:
            self.model = remember(model)
        except EXPECTED as error:
            self._on_refused(one_sentence(error))
            return
        super().accept()

    def done(self, result: int) -> None:
        for worker in (self._looking, self._opening, self._examining):
            worker.shutdown()
        super().done(result)

    def _path(self, edit: QLineEdit, what: str) -> Path:
        text = edit.text().strip()
        if not text:
            raise FilterLabError(tr("Choose the {what}.").format(what=what))
        path = Path(text)
        if not os.path.isfile(path):
            raise FilterLabError(tr("{path} is no file.").format(path=path))
        return path

    def _wanted(self) -> dict[str, Any]:
        """What the form says, as fields of ``Found``."""
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
        return {
            "prototxt": prototxt,
            "weights": weights,
            "labels_path": Path(names) if names else None,
            "mean_bgr": (numbers[0], numbers[1], numbers[2]),
            "scale": float(scale[1]),
            "order": self.order.currentText(),
        }


def _opened(found: Found, wanted: dict[str, Any], title: str, chosen: dict[str, Any]) -> Model:
    """The model that the form says, known to open: both files are read as the transplant will."""
    if found.prototxt != wanted["prototxt"]:
        found = look(wanted["prototxt"])  # typed a moment ago
    result = examine(wanted["prototxt"], wanted["weights"], **chosen)
    if result.trouble:
        raise FilterLabError(result.trouble)
    # What the net says itself is not written down as a choice.
    plain = examine(wanted["prototxt"], wanted["weights"])
    own = {} if plain.trouble else plain.choices
    kept = {key: value for key, value in result.choices.items() if value != own.get(key)}
    if result.channels != result.declared_channels:
        kept["channels"] = result.channels
    return replace(replace(found, **wanted).model(title), **kept)
