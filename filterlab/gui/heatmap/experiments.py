"""The longer experiments: a window alone, sliding windows in a bar chart, features in colours."""

from __future__ import annotations

from PyQt5.QtCore import QByteArray, QObject, QPoint
from PyQt5.QtWidgets import QAction, QMenu, QWidget

from filterlab.gui.heatmap.cells import Cells
from filterlab.gui.heatmap.features_window import FalseColours, FeaturesWindow, features_job
from filterlab.gui.heatmap.runs import Runs
from filterlab.gui.heatmap.save_commands import SaveCommands
from filterlab.gui.heatmap.sliding_window import SlidingWindow
from filterlab.gui.i18n import tr
from filterlab.gui.saying import Say
from filterlab.surgery.sliding import Sliding, sliding_job
from filterlab.workbench.heatmap_bench import HeatmapBench
from filterlab.workbench.heatmap_jobs import Outcome
from filterlab.workbench.heatmap_state import Cell

__all__ = ["Experiments"]

#: What was slid, and where that stands; blobs, the chosen one, what is shown of it, where.
Rest = tuple[
    "tuple[Sliding, QByteArray] | None",
    "tuple[list[str], str, FalseColours | None, QByteArray] | None",
]


class Experiments(QObject):
    """What can be tried with a map.

    Parameters
    ----------
    window : QWidget
        What dialogs belong to.
    """

    def __init__(
        self,
        bench: HeatmapBench,
        runs: Runs,
        cells: Cells,
        saves: SaveCommands,
        say: Say,
        window: QWidget,
    ) -> None:
        super().__init__(window)
        self._bench, self._runs, self._cells, self._saves = bench, runs, cells, saves
        self._say, self._window = say, window
        self.features: FeaturesWindow | None = None
        self.sliding: SlidingWindow | None = None
        self.alone_action: QAction | None = None
        cells.menu_requested.connect(self.cell_menu)

    def _missing(self) -> bool:
        if self._bench.run is not None and self._bench.transplanted is not None:
            return False
        self._say.error(tr("There is no map yet; press Transplant first."))
        return True

    def cell_menu(self, cell: Cell, at: QPoint) -> None:
        """What can be done with a cell (right click)."""
        self._cells.set_current(cell)
        menu = QMenu(self._window)
        pinned = cell in self._bench.pins
        menu.addAction(
            tr("Unpin this cell") if pinned else tr("Pin this cell"), self._cells.pin_current
        )
        if self.alone_action is not None:
            menu.addAction(self.alone_action)
        menu.addAction(tr("Save all values of this cell …"), lambda: self._saves.save_cell(cell))
        menu.exec_(at)
        menu.deleteLater()

    def classify_alone(self) -> None:
        """Classify the current (or last pinned) cell's window by itself."""
        self._runs.when_idle(self._classify_alone)

    def _classify_alone(self) -> None:
        bench = self._bench
        cell = self._cells.current or (bench.pins[-1] if bench.pins else None)
        if bench.run is None or cell is None:
            self._say.error(tr("Point at a cell first, or pin one."))
            return

        def take(outcome: Outcome) -> None:
            self._runs.accept(outcome)
            if cell not in bench.pins and bench.run is not None:
                bench.pin(cell)

        self._runs.start(bench.alone_job(cell), tr("Classify alone"), take)

    def compare_sliding(self) -> None:
        """Time the dense pass beside sliding the classifier over the same cells."""
        self._runs.when_idle(self._compare_sliding)

    def _compare_sliding(self) -> None:
        bench = self._bench
        if self._missing():
            return
        done, run = bench.transplanted, bench.run
        assert done is not None
        assert run is not None
        if run.maps.geometry.jump != done.geometry.jump or run.plan.method == "exact":
            self._say.error(
                tr("Choose one pass at the net's own stride first: that is compared with sliding.")
            )
            return
        self._runs.start(sliding_job(done, run.maps), tr("Slide the classifier"), self._on_slid)

    def _on_slid(self, result: Sliding) -> None:
        self.sliding = SlidingWindow(result, self._window)
        self.sliding.finished.connect(self._forget_sliding)
        self.sliding.show()

    def _forget_sliding(self) -> None:
        if self.sender() is self.sliding:
            self.sliding = None

    def show_features(self) -> None:
        """Show a blob's principal components on the picture."""
        self._runs.when_idle(self._show_features)

    def _show_features(self) -> None:
        from filterlab.surgery.features import feature_blobs

        if self._missing():
            return
        done = self._bench.transplanted
        assert done is not None
        blobs = feature_blobs(done)
        wanted = next((b for b in ("fc6-conv", "fc7-conv") if b in blobs), blobs[-1])
        self._open_features(blobs, wanted)
        self._run_features(wanted)

    def _open_features(self, blobs: list[str], wanted: str) -> FeaturesWindow:
        if self.features is not None:
            self.features.close()
            self.features.deleteLater()
        self.features = FeaturesWindow(blobs, self._window)
        self.features.choose(wanted)
        self.features.blob_chosen.connect(self._run_features)
        self.features.save_requested.connect(self._save_features)
        self.features.show()
        return self.features

    def _run_features(self, blob: str) -> None:
        done, maps, picture = self._bench.transplanted, self._bench.maps, self._bench.preview
        if done is not None and maps is not None and picture is not None:
            job = features_job(done, maps, blob, picture, 0.75)
            self._runs.start(job, tr("Dense features"), self._on_features)

    def _on_features(self, found: FalseColours) -> None:
        if self.features is not None:
            self.features.show_features(found)

    def _save_features(self) -> None:
        found = self.features.found if self.features is not None else None
        if found is not None:
            self._saves.save_features(found.features)

    # Another window goes on

    def rest(self) -> Rest:
        """What the windows that are open show, and where they stand."""
        slid: tuple[Sliding, QByteArray] | None = None
        seen: tuple[list[str], str, FalseColours | None, QByteArray] | None = None
        if self.sliding is not None:
            slid = self.sliding.result_, self.sliding.saveGeometry()
        if self.features is not None and self.features.isVisible():
            box, found = self.features.blobs, self.features.found
            names = [box.itemText(row) for row in range(box.count())]
            seen = names, box.currentText(), found, self.features.saveGeometry()
        return slid, seen

    def go_on(self, rest: Rest) -> None:
        """Open them again."""
        slid, seen = rest
        if slid is not None:
            self._on_slid(slid[0])
            assert self.sliding is not None
            self.sliding.restoreGeometry(slid[1])
        if seen is not None:
            names, wanted, found, place = seen
            window = self._open_features(names, wanted)
            window.restoreGeometry(place)
            if found is not None:
                window.show_features(found)
            else:
                self._runs.when_idle(lambda: self._run_features(wanted))
