"""The export of a whole folder: a job of its own beside whatever else the tab does."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from PyQt5.QtWidgets import QVBoxLayout, QWidget

from filterlab.gui.i18n import tr
from filterlab.gui.jobs import JobRunner
from filterlab.gui.widgets.progress_strip import ProgressStrip
from filterlab.progress import Job, Progress
from filterlab.workbench.heatmap_files import FolderResult, FolderTask

__all__ = ["FolderExport"]

Make = Callable[[FolderTask], Job[FolderResult]]
"""Makes the export's job on a double of the net."""


class FolderExport(QWidget):
    """A second progress bar, there only while a folder is exported.

    Parameters
    ----------
    runner : runs the export and nothing else.
    say, fail : where its last word and its problems go.
    """

    def __init__(
        self,
        runner: JobRunner,
        say: Callable[[str], object],
        fail: Callable[[str], object],
        parent: QWidget,
    ) -> None:
        super().__init__(parent)
        self.runner, self._say, self._fail = runner, say, fail
        self._task: FolderTask | None = None
        self._before = self._done = 0
        self.progress = ProgressStrip(self)
        self.progress.cancel_requested.connect(self.cancel)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(self.progress)
        runner.started.connect(self._on_started)
        runner.progressed.connect(self._on_progress)
        runner.cancelled.connect(self._on_cancelled)
        runner.finished.connect(self._on_finished)
        self.setVisible(False)

    @property
    def running(self) -> bool:
        """Whether a folder is being exported."""
        return bool(self.runner.running)

    def start(self, task: FolderTask, make: Make, before: int = 0) -> None:
        """Export; an export that still runs is not given up for another.

        ``before`` pictures have been exported already, by the window that this one replaces.
        """
        if self.running:
            self._fail(tr("A folder is being exported already; wait for it or cancel it first."))
            return
        self._task, self._before, self._done = task, before, 0
        self.runner.start(make(task), tr("Export a whole folder"), self._on_done)

    def rest(self) -> tuple[FolderTask, int] | None:
        """What a window that replaces this one has to go on with: task and ``before``."""
        if not self.running or self._task is None:
            return None
        left = replace(self._task, pictures=self._task.pictures[self._done :])
        return left, self._before + self._done

    def cancel(self) -> bool:
        """Stop; the files that are written stay. False if nothing ran."""
        if not self.running:
            return False
        self.progress.cancelling()
        self.runner.cancel()
        return True

    def _on_started(self, title: str) -> None:
        self.progress.begin(title)
        self.setVisible(True)

    def _on_progress(self, progress: Progress, left: float | None) -> None:
        # The steps inside a picture have no share; the bar counts pictures.
        if progress.total:
            self._done = int(progress.done)
            detail = tr(progress.message)
            self.progress.set_progress(tr(progress.step), progress.fraction, detail, left)

    def _on_cancelled(self) -> None:
        self._say(tr("The export was stopped; what it has written stays."))

    def _on_finished(self) -> None:
        self.progress.end()
        self.setVisible(False)

    def _on_done(self, result: FolderResult) -> None:
        done = len(result.rows) + self._before
        if result.failed:
            path, why = result.failed[0]
            first = tr(why)
            self._fail(
                tr("{done} pictures exported, {bad} not: {first}").format(
                    done=done,
                    bad=len(result.failed),
                    first=first if path.name in first else f"{path.name}: {first}",
                )
            )
        else:
            self._say(tr("{done} pictures exported.").format(done=done))
