"""*File > New, Open project, Save project*: the work of all tabs in one file."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from PyQt5.QtCore import QObject, Qt, pyqtSignal
from PyQt5.QtWidgets import QAction, QMessageBox, QWidget

from filterlab.gui.file_dialogs import keep_folder, open_path, save_path
from filterlab.gui.i18n import tr
from filterlab.gui.jobs import JobRunner
from filterlab.gui.tab import ProjectPart, Tab
from filterlab.workbench.notebook import SUFFIXES, notebook_job, pictures_folder, record
from filterlab.workbench.project import SUFFIX, Project, Task, read_job, write_job

__all__ = ["ProjectCommands", "is_project"]


def is_project(path: Path) -> bool:
    """Whether a file is a project by its name."""
    return path.suffix.lower() == SUFFIX


class ProjectCommands(QObject):
    """Opens, saves and names the project; asks before unsaved work is replaced.

    Parameters
    ----------
    tabs : of Tab
        Those named ``filters``, ``heatmap`` and ``net`` are what a project holds.
    front : callable
        The key of the tab in front, and (given a key) brings one to the front.
    window : QWidget
        What dialogs belong to.

    Signals
    -------
    changed() : the project's name, or whether it is saved
    said(str, str) : a sentence, and its level
    opened(str) : a project was opened or saved under this path
    task_changed(object) : the Task of the project on show, or None

    Attributes
    ----------
    path : Path or None
        The project's file.
    task : Task or None
        What came with the project; saved again with it.
    """

    changed = pyqtSignal()
    said = pyqtSignal(str, str)
    opened = pyqtSignal(str)
    task_changed = pyqtSignal(object)

    def __init__(
        self,
        tabs: Sequence[Tab],
        front: Callable[[str], str],
        window: QWidget,
    ) -> None:
        super().__init__(window)
        self._tabs = {tab.name: tab for tab in tabs}
        self._front, self._window = front, window
        self.path: Path | None = None
        self.task: Task | None = None
        #: Of a session that was found again: unsaved whatever the tabs' new histories say.
        self._unsaved = False
        self.runner = JobRunner(self)
        self.runner.failed.connect(self._on_failed)
        self.actions = (
            self._action(tr("New"), self.new, "Ctrl+N"),
            self._action(tr("Open pro&ject …"), self.choose, "Ctrl+Shift+O"),
            self._action(tr("Save &project"), self.save, "Ctrl+Alt+S"),
            self._action(tr("Save proje&ct as …"), self.save_as, "Ctrl+Alt+Shift+S"),
            self._action(tr("Export session as note&book …"), self.export, "Ctrl+Shift+E"),
        )
        for tab in tabs:
            tab.undo_changed.connect(self.changed)

    def _action(self, text: str, slot: Callable[..., Any], keys: str) -> QAction:
        action = QAction(text, self)
        action.setShortcut(keys)
        # Without the bool that a menu hands along.
        action.triggered.connect(lambda _=False, do=slot: do())
        self._window.addAction(action)
        return action

    # What it is called

    @property
    def modified(self) -> bool:
        """Whether there is work that no project file has."""
        return self._unsaved or not all(tab.clean for tab in self._tabs.values())

    def title(self) -> str:
        """The window's title, with Qt's place for the modified mark."""
        return "FilterLab" if self.path is None else f"{self.path.name}[*] – FilterLab"

    # New, open

    def new(self) -> None:
        """Begin anew, with what a first start shows."""
        self._if_saved(self._begin_anew)

    def _begin_anew(self) -> None:
        self._show(Project(), None)

    def choose(self) -> None:
        """Ask for a project and open it."""
        path = open_path(
            self._window, "project", tr("Open project"),
            f"{tr('FilterLab projects')} (*{SUFFIX});;{tr('All files')} (*)",
        )  # fmt: skip
        if path is not None:
            self.open(path)

    def open(self, path: Path) -> None:
        """Open a project; nothing changes unless all of it can be read."""

        def show(project: Project) -> None:
            # Read first: a file that is none costs no work.
            self._if_saved(lambda: self._show(project, path))

        self.runner.start(read_job(path), tr("Open project"), show)

    def _show(self, project: Project, path: Path | None) -> None:
        for name, tab in self._tabs.items():
            view = project.view.get(name)
            values = getattr(project, name, None)
            tab.show_project(
                ProjectPart(
                    values,
                    project.pictures.get(name),
                    view if isinstance(view, dict) else {},
                    project.steps if name == "filters" else (),
                )
            )
            tab.mark_clean()
        front = project.view.get("tab")
        if isinstance(front, str) and front in self._tabs:
            self._front(front)
        self.task = project.task
        self._set(path)
        self.task_changed.emit(self.task)

    def _if_saved(self, go_on: Callable[[], object]) -> None:
        """Go on, after asking what becomes of unsaved work."""
        if not self.modified:
            go_on()
            return
        name = self.path.name if self.path is not None else tr("your work")
        box = QMessageBox(
            QMessageBox.Question, tr("Unsaved work"),
            tr("Save the changes to {name} first?").format(name=name),
            QMessageBox.NoButton, self._window,
        )  # fmt: skip
        box.setTextFormat(Qt.PlainText)
        save = box.addButton(tr("Save"), QMessageBox.AcceptRole)
        drop = box.addButton(tr("Do not save"), QMessageBox.DestructiveRole)
        cancel = box.addButton(tr("Cancel"), QMessageBox.RejectRole)
        box.setDefaultButton(save)
        box.setEscapeButton(cancel)
        box.exec_()
        answer = box.clickedButton()
        box.deleteLater()
        if answer is save:
            self.save(go_on)
        elif answer is drop:
            go_on()

    # Save

    def save(self, go_on: Callable[[], object] | None = None) -> None:
        """Save under the project's name, or ask for one."""
        if self.path is None:
            self.save_as(go_on)
        else:
            self._save(self.path, go_on)

    def save_as(self, go_on: Callable[[], object] | None = None) -> None:
        """Ask for a name and save."""
        start = self.path or f"{tr('project')}{SUFFIX}"
        path = save_path(
            self._window, "project", tr("Save project as"), str(start),
            f"{tr('FilterLab projects')} (*{SUFFIX})", endings=(SUFFIX,),
        )  # fmt: skip
        if path is not None:
            self._save(path, go_on)

    def hand_out(self, task: Task) -> None:
        """Save the project under a name that is asked for, with a task for whoever opens it."""
        self.task = task
        self.save_as()

    def project(self) -> Project:
        """What all tabs hold now."""
        parts = {name: tab.project_part() for name, tab in self._tabs.items()}
        view: dict[str, Any] = {name: dict(part.view) for name, part in parts.items() if part.view}
        values = {name: part.values for name, part in parts.items()}
        pictures = {name: part.picture for name, part in parts.items() if part.picture is not None}
        return Project(
            values.get("filters"), values.get("heatmap"), pictures,
            {"tab": self._front(""), **view}, self.task,
            tuple(step for part in parts.values() for step in part.steps), values.get("net"),
        )  # fmt: skip

    def _save(self, path: Path, go_on: Callable[[], object] | None) -> None:
        marks = self._marks()

        def saved(_: Path) -> None:
            # What was edited while it was being written is not in it.
            same = marks == self._marks()
            self._set(path, clean=same)
            self.said.emit(tr("Written: {name}").format(name=path.name), "info")
            if go_on is not None and same:
                go_on()

        self.runner.start(write_job(self.project(), path), tr("Save project"), saved)

    def export(self) -> None:
        """Ask for a name and write the session as a notebook or a script."""
        start = self.path.stem if self.path is not None else tr("session")
        path = save_path(
            self._window, "project", tr("Export session as notebook"), f"{start}.ipynb",
            f"{tr('Jupyter notebooks')} (*.ipynb);;{tr('Python scripts')} (*.py)",
            endings=SUFFIXES,
        )  # fmt: skip
        if path is None:
            return
        # A snapshot: work goes on while it is written.
        benches = [getattr(self._tabs.get(name), "bench", None) for name in ("filters", "heatmap")]
        title = f"FilterLab: {path.stem}"
        self.runner.start(
            notebook_job(record(*benches), path, title), tr("Export session"), self._on_exported
        )

    def _on_exported(self, written: list[Path]) -> None:
        name, more = written[0].name, len(written) - 1
        sentence = tr("Written: {name}").format(name=name)
        if more:
            sentence = tr("Written: {name}, and the folder {folder} that belongs to it").format(
                name=name, folder=pictures_folder(written[0]).name
            )
        self.said.emit(sentence, "info")

    def _marks(self) -> tuple[Any, ...]:
        return tuple(tab.project_mark() for tab in self._tabs.values())

    def _set(self, path: Path | None, clean: bool = True) -> None:
        self.path, self._unsaved = path, not clean
        if clean:
            for tab in self._tabs.values():
                tab.mark_clean()
        if path is not None:
            keep_folder("project", os.path.dirname(os.path.abspath(path)))
            self.opened.emit(str(path))
        self.changed.emit()

    def _on_failed(self, sentence: str) -> None:
        self.said.emit(sentence, "error")

    # Kept from start to start, and while the window is rebuilt

    def kept(self, live: bool = False) -> dict[str, Any]:
        """Plain values; ``live`` where the tabs' histories go on."""
        task = self.task
        return {
            "path": "" if self.path is None else str(self.path),
            "unsaved": self._unsaved if live else self.modified,
            "task": None if task is None else vars(task) | {"locked": list(task.locked)},
        }

    def restore(self, kept: Any) -> None:
        """Go on with what :meth:`kept` gave; whatever does not fit is passed over."""
        values = kept if isinstance(kept, dict) else {}
        path, task = values.get("path"), values.get("task")
        self.path = Path(path) if isinstance(path, str) and path else None
        self._unsaved = values.get("unsaved") is True
        self.task = Task.from_plain(task) if isinstance(task, dict) else None
        self.changed.emit()
        self.task_changed.emit(self.task)

    def shutdown(self) -> None:
        """Stop reading and writing, and wait for it."""
        self.runner.shutdown()
