"""What can be saved from the tab: asks for a name and lets the bench's jobs write it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import chain
from pathlib import Path
from typing import Any

from PyQt5.QtCore import QObject
from PyQt5.QtWidgets import QApplication, QWidget

from filterlab.errors import FilterLabError
from filterlab.gui.file_dialogs import (
    NET_ENDINGS,
    folder_path,
    may_replace,
    net_targets,
    save_path,
)
from filterlab.gui.heatmap.folder_export import FolderExport
from filterlab.gui.heatmap.runs import Runs
from filterlab.gui.i18n import language, tr
from filterlab.gui.images import image_of
from filterlab.gui.saying import Say
from filterlab.pictures.shelf import pictures_in
from filterlab.progress import Job
from filterlab.surgery.export import write_npy
from filterlab.surgery.features import Features
from filterlab.workbench import heatmap_files
from filterlab.workbench.heatmap_bench import HeatmapBench
from filterlab.workbench.heatmap_draw import Drawing, with_lines
from filterlab.workbench.heatmap_files import FolderTask, Frame, Words
from filterlab.workbench.heatmap_state import Cell

__all__ = ["SaveCommands", "file_words"]


def file_words() -> Words:
    """Files are written in the window's language."""
    return Words(tr, language().replace("_", "-"))


class SaveCommands(QObject):
    """Saves what a bench shows.

    Parameters
    ----------
    window : QWidget
        What dialogs belong to.
    """

    def __init__(
        self,
        bench: HeatmapBench,
        runs: Runs,
        export: FolderExport,
        say: Say,
        window: QWidget,
    ) -> None:
        super().__init__(window)
        self._bench, self._runs, self._export = bench, runs, export
        self._say, self._window = say, window

    # Asking

    def _ask(
        self, title: str, name: str, pattern: str, kind: str = "save", **rules: Any
    ) -> Path | None:
        """Where to save, but never onto the loaded net; ``rules`` are those of `save_path`."""
        done = self._bench.transplanted
        inputs = done.files if done is not None else ()
        return self._say.guard(
            lambda: save_path(self._window, kind, title, name, pattern, inputs=inputs, **rules)
        )

    def _frame(self) -> Frame | None:
        return self._say.guard(self._bench.frame)

    def _stem(self) -> str:
        shown = self._bench.shown
        return Path(shown.source.name).stem if shown is not None else "map"

    def _save(self, title: str, name: str, pattern: str, make: Callable[..., Job[Any]]) -> None:
        if self._frame() is None:
            return
        path = self._ask(title, name, pattern)
        if path is not None:
            self._runs.when_idle(lambda: self._start(make, path, title))

    def _start(self, make: Callable[..., Job[Any]], path: Path, title: str) -> None:
        frame = self._frame()
        if frame is not None:
            self._runs.start(make(frame, path), title, self._on_saved)

    def _on_saved(self, path: Path) -> None:
        self._say.info(tr("Saved {name}.").format(name=path.name))

    # Saving

    def save_overlay(self) -> None:
        """Write the overlay at the picture's full size."""
        self._overlay(legend=False)

    def save_figure(self) -> None:
        """Write the overlay with its colour bar and a caption."""
        self._overlay(legend=True)

    def _overlay(self, legend: bool) -> None:
        words = file_words()
        self._save(
            tr("Save overlay"),
            f"{self._stem()}_overlay.png",
            f"{tr('Pictures')} (*.png *.jpg *.tiff *.webp)",
            lambda frame, path: heatmap_files.overlay_job(frame, path, legend, words),
        )

    def save_map(self) -> None:
        """Write the map's values."""
        self._save(
            tr("Save map"),
            f"{self._stem()}_map.npy",
            f"{tr('Map')} (*.npy *.csv *.tiff)",
            heatmap_files.map_file_job,
        )

    def save_report(self) -> None:
        """Write a report in one HTML file."""
        words = file_words()
        self._save(
            tr("Save report"),
            f"{self._stem()}_report.html",
            "HTML (*.html)",
            lambda frame, path: heatmap_files.report_job(frame, path, words),
        )

    def save_cell(self, cell: Cell) -> None:
        """Write all values of a cell."""
        self._save(
            tr("Save all values of this cell"),
            f"{self._stem()}_cell_{cell[0]}_{cell[1]}.csv",
            "CSV (*.csv)",
            lambda frame, path: heatmap_files.cell_job(frame, cell, path),
        )

    def save_net(self) -> None:
        """Write the transplanted net."""
        done = self._bench.transplanted
        if done is None:
            self._say.error(tr("There is nothing to save yet; press Transplant first."))
            return
        path = self._ask(
            tr("Save transplanted net"),
            "full_conv.prototxt",
            "Prototxt + caffemodel (*.prototxt);;ONNX (*.onnx)",
            "net",
            targets=_net_targets,
            endings=(*NET_ENDINGS, ".onnx"),
        )
        if path is not None:
            self._runs.start(heatmap_files.net_job(done, path), tr("Save net"), self._on_saved)

    def save_features(self, found: Features) -> None:
        """Write a blob's values."""
        blob = found.blob.replace("/", "_")
        path = self._ask(tr("Save features"), f"{self._stem()}_{blob}.npy", "NumPy (*.npy)")
        if path is None:
            return
        written = self._say.guard(lambda: write_npy(path, found.values))
        if written is not None:
            self._on_saved(written)

    def export_folder(self) -> None:
        """Map every picture of a folder and write overlays and maps into another."""
        bench = self._bench
        if self._frame() is None:
            return
        source = folder_path(self._window, "picture", tr("Folder of pictures"))
        if source is None:
            return
        found = self._say.guard(lambda: pictures_in(source))
        if found is None:
            return
        out = folder_path(self._window, "save", tr("Folder for overlays and maps"))
        if out is None:
            return
        task = FolderTask(
            found,
            out,
            bench.request,
            bench.state.chosen,
            bench.second,
            bench.look,
            words=file_words(),
        )
        targets = heatmap_files.folder_targets(found, out)
        if may_replace(self._window, list(chain(*targets))):
            try:
                self._export.start(task, bench.folder_job)
            except FilterLabError as error:
                self._say.error(str(error))

    def copy_overlay(self, drawing: Drawing) -> None:
        """Put the overlay as it is shown on the clipboard."""
        QApplication.clipboard().setImage(image_of(with_lines(drawing)))
        self._say.info(tr("The overlay is on the clipboard."))


def _net_targets(path: Path) -> Sequence[Path]:
    """What ``heatmap_files.net_job`` writes."""
    return [path] if path.suffix.lower() == ".onnx" else net_targets(path)
