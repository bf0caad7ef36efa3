"""The tab's menu commands: opening, saving, and the longer experiments."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Any

from qtpy.QtCore import QObject, QPoint
from qtpy.QtWidgets import QApplication, QFileDialog, QMenu

from filterlab.gui.heatmap import saving, texts
from filterlab.gui.heatmap.account import DiffWindow
from filterlab.gui.heatmap.features_window import FalseColours, FeaturesWindow, features_job
from filterlab.gui.heatmap.folder_export import Task
from filterlab.gui.heatmap.look import with_lines
from filterlab.gui.heatmap.sliding_window import SlidingWindow
from filterlab.gui.heatmap.work import Source, alone_job
from filterlab.gui.i18n import tr
from filterlab.gui.saving import NET_ENDINGS, may_replace, net_targets, save_path
from filterlab.gui.tab import MenuItems
from filterlab.progress import Job
from filterlab.surgery.sliding import Alone, Sliding, sliding_job
from filterlab.zoo.catalogue import Model

if TYPE_CHECKING:
    from filterlab.gui.heatmap.tab import HeatmapTab

__all__ = ["Commands"]


class Commands(QObject):
    """Everything behind the tab's menus that asks for a file or opens a window."""

    def __init__(self, tab: HeatmapTab) -> None:
        super().__init__(tab)
        self.tab = tab
        self.features: FeaturesWindow | None = None
        self.sliding: SlidingWindow | None = None
        self._cell: tuple[int, int] = (0, 0)
        make = tab.make_action
        self.alone_action = make(tr("Classify this window alone"), self.classify_alone, "A")
        self.menus: dict[str, MenuItems] = {
            "file": (
                make(tr("Open picture …"), self.choose_picture, "Ctrl+O"),
                make(tr("Open video …"), self.choose_video),
                make(tr("Next picture of the folder"), self.next_picture, "PgDown"),
                make(tr("Previous picture of the folder"), self.previous_picture, "PgUp"),
                None,
                make(tr("Save overlay …"), self.save_overlay, "Ctrl+S"),
                make(tr("Save map …"), self.save_map),
                make(tr("Save report …"), self.save_report),
                make(tr("Save transplanted net …"), self.save_net),
                make(tr("Export a whole folder …"), self.export_folder),
                None,
            ),
            "edit": (
                make(tr("Paste picture"), self.paste, "Ctrl+V"),
                make(tr("Copy overlay"), self.copy, "Ctrl+C"),
                make(tr("Search a class"), self.search, "Ctrl+F"),
            ),
            "view": (
                make(tr("Whole picture"), tab.view.fit, "Ctrl+0"),
                make(tr("Pin this cell"), tab.cells.pin_current),
                make(tr("Forget pinned cells"), tab.cells.clear_pins),
            ),
            "model": (
                make(tr("Transplant"), tab.transplant, "Ctrl+T"),
                make(tr("Models …"), self.show_models),
                make(tr("Own model …"), tab.choose_own_model),
                make(tr("Get weights"), tab.get_weights),
                make(tr("Prototxts before and after …"), self.show_diff),
                None,
                self.alone_action,
                make(tr("Dense pass against sliding windows …"), self.compare_sliding),
                make(tr("Dense features …"), self.show_features),
            ),
        }
        tab.controls.open_requested.connect(self.choose_picture)
        tab.controls.camera_requested.connect(self.start_camera)
        tab.panel.menu_requested.connect(self.cell_menu)
        tab.account.diff_requested.connect(self.show_diff)
        tab.account.save_requested.connect(self.save_net)

    # Models

    def show_models(self) -> None:
        """List the models there are: get, check, open and use one."""
        from filterlab.gui.models_dialog import ModelsDialog

        dialog = ModelsDialog(self.tab)
        dialog.models_changed.connect(self._on_models_changed)
        dialog.chosen.connect(self._on_model_chosen)
        dialog.exec_()
        dialog.deleteLater()

    def _on_models_changed(self) -> None:
        self.tab.list_models(self.tab.controls.model_key)

    def _on_model_chosen(self, model: Model) -> None:
        self.tab.list_models(model.name)

    # Pictures

    def choose_picture(self) -> None:
        """Ask for a picture and open it."""
        tab = self.tab
        path, _ = QFileDialog.getOpenFileName(
            tab, tr("Open picture"), tab.settings.text("picture_folder"), tab.picture_filter()
        )
        if path:
            tab.settings.set_text("picture_folder", os.path.dirname(path))
            tab.open_source(Source(path=path))

    def choose_video(self) -> None:
        """Ask for a video and map its frames."""
        tab = self.tab
        path, _ = QFileDialog.getOpenFileName(
            tab,
            tr("Open video"),
            tab.settings.text("picture_folder"),
            f"{tr('Videos')} (*.mp4 *.avi *.mov *.mkv *.webm *.m4v *.mpg)",
        )
        if path:
            tab.start_live(path)

    def start_camera(self) -> None:
        """Map the frames of the first camera."""
        self.tab.start_live(0)

    def next_picture(self) -> None:
        """Open the folder's next picture."""
        self._step(1)

    def previous_picture(self) -> None:
        """Open the folder's previous picture."""
        self._step(-1)

    def _step(self, by: int) -> None:
        tab = self.tab
        if tab.shown is None or not tab.shown.source.path:
            from filterlab.pictures import sample_names

            names = sample_names()
            at = names.index(tab.shown.source.sample) if tab.shown is not None else 0
            tab.open_source(Source(sample=names[(at + by) % len(names)]))
            return
        here = Path(tab.shown.source.path)
        found = tab.guard(lambda: saving.pictures_in(here.parent))
        if found:
            at = found.index(here) if here in found else 0
            tab.open_source(Source(path=str(found[(at + by) % len(found)])))

    def paste(self) -> None:
        """Take a picture, or a picture file, from the clipboard."""
        data = QApplication.clipboard().mimeData()
        files = [u.toLocalFile() for u in data.urls() if u.isLocalFile()] if data else []
        if files:
            self.tab.open_paths([Path(f) for f in files])
            return
        image = QApplication.clipboard().image()
        if image.isNull():
            self.tab.show_error(tr("There is no picture on the clipboard; copy one first."))
            return
        self.tab.open_array(texts.array_of(image), tr("pasted picture"))

    def copy(self) -> None:
        """Put the overlay as it is shown on the clipboard."""
        drawing = self.tab.drawing
        if drawing is not None:
            QApplication.clipboard().setImage(texts.image_of(with_lines(drawing)))
            self.tab.show_info(tr("The overlay is on the clipboard."))

    def search(self) -> None:
        """Go to the search field."""
        self.tab.classes.search.setFocus()
        self.tab.classes.search.selectAll()

    # Saving

    def _ask(self, title: str, name: str, pattern: str, **rules: Any) -> Path | None:
        """Where to save, but never onto the loaded net; ``rules`` are those of `save_path`."""
        tab = self.tab
        inputs = tab.transplanted.files if tab.transplanted is not None else ()
        start = os.path.join(tab.settings.text("save_folder"), name)
        path = tab.guard(lambda: save_path(tab, title, start, pattern, inputs=inputs, **rules))
        if path is not None:
            tab.settings.set_text("save_folder", str(path.parent))
        return path

    def _frame(self) -> saving.Frame | None:
        frame = self.tab.frame()
        if frame is None:
            self.tab.show_error(tr("There is no map yet; press Transplant first."))
        return frame

    def _stem(self) -> str:
        shown = self.tab.shown
        return Path(shown.source.name).stem if shown is not None else "map"

    def _save(self, title: str, name: str, pattern: str, make: Callable[..., Job[Any]]) -> None:
        if self._frame() is None:
            return
        path = self._ask(title, name, pattern)
        if path is not None:
            self.tab.when_idle(lambda: self._start_saving(make, path, title))

    def _start_saving(self, make: Callable[..., Job[Any]], path: Path, title: str) -> None:
        frame = self._frame()
        if frame is not None:
            self.tab.runner.start(make(frame, path), title, self._on_saved)

    def _on_saved(self, path: Path) -> None:
        self.tab.show_info(tr("Saved {name}.").format(name=path.name))

    def save_overlay(self) -> None:
        """Write the overlay at the picture's full size."""
        self._save(
            tr("Save overlay"),
            f"{self._stem()}_overlay.png",
            f"{tr('Pictures')} (*.png *.jpg *.tiff *.webp)",
            saving.overlay_job,
        )

    def save_map(self) -> None:
        """Write the map's values."""
        self._save(
            tr("Save map"),
            f"{self._stem()}_map.npy",
            f"{tr('Map')} (*.npy *.csv *.tiff)",
            saving.map_file_job,
        )

    def save_report(self) -> None:
        """Write a report in one HTML file."""
        self._save(
            tr("Save report"), f"{self._stem()}_report.html", "HTML (*.html)", saving.report_job
        )

    def save_cell(self) -> None:
        """Write all values of a cell."""
        cell = self._cell
        self._save(
            tr("Save all values of this cell"),
            f"{self._stem()}_cell_{cell[0]}_{cell[1]}.csv",
            "CSV (*.csv)",
            lambda frame, path: saving.cell_job(frame, cell, path),
        )

    def save_net(self) -> None:
        """Write the transplanted net."""
        done = self.tab.transplanted
        if done is None:
            self.tab.show_error(tr("There is nothing to save yet; press Transplant first."))
            return
        path = self._ask(
            tr("Save transplanted net"),
            "full_conv.prototxt",
            "Prototxt + caffemodel (*.prototxt);;ONNX (*.onnx)",
            targets=_net_targets,
            endings=(*NET_ENDINGS, ".onnx"),
        )
        if path is not None:
            self.tab.runner.start(saving.net_job(done, path), tr("Save net"), self._on_saved)

    def export_folder(self) -> None:
        """Map every picture of a folder and write overlays and maps into another."""
        tab, frame = self.tab, self._frame()
        if frame is None or tab.transplanted is None:
            return
        source = QFileDialog.getExistingDirectory(tab, tr("Folder of pictures"))
        if not source:
            return
        out = QFileDialog.getExistingDirectory(tab, tr("Folder for overlays and maps"))
        found = tab.guard(lambda: saving.pictures_in(Path(source))) if out else None
        if found is None or not out:
            return
        if not found:
            tab.show_error(tr("There is no picture in {folder}.").format(folder=source))
            return
        if may_replace(tab, list(chain(*saving.folder_targets(found, Path(out))))):
            done = tab.transplanted
            tab.export.start(Task(found, Path(out), tab.ran_model, done, tab.size, frame))

    # Experiments

    def show_diff(self) -> None:
        """Show both prototxts line by line."""
        if self.tab.transplanted is not None:
            DiffWindow(self.tab.transplanted, self.tab).show()

    def cell_menu(self, cell: tuple[int, int], at: QPoint) -> None:
        """What can be done with a cell (right click)."""
        self._cell = cell
        self.tab.cells.set_current(cell)
        menu = QMenu(self.tab)
        menu.addAction(
            tr("Unpin this cell") if cell in self.tab.cells.pins else tr("Pin this cell"),
            self.tab.cells.pin_current,
        )
        menu.addAction(self.alone_action)
        menu.addAction(tr("Save all values of this cell …"), self.save_cell)
        menu.exec_(at)
        menu.deleteLater()

    def classify_alone(self) -> None:
        """Classify the current (or last pinned) cell's window by itself."""
        self.tab.when_idle(self._classify_alone)

    def _classify_alone(self) -> None:
        tab = self.tab
        cell = tab.cells.current or (tab.cells.pins[-1] if tab.cells.pins else None)
        if tab.transplanted is None or tab.maps is None or cell is None:
            tab.show_error(tr("Point at a cell first, or pin one."))
            return
        self._cell = cell
        tab.runner.start(
            alone_job(tab.transplanted, tab.maps, cell), tr("Classify alone"), self._on_alone
        )

    def _on_alone(self, alone: Alone) -> None:
        self.tab.cells.set_alone(self._cell, alone.best)

    def compare_sliding(self) -> None:
        """Time the dense pass beside sliding the classifier over the same cells."""
        self.tab.when_idle(self._compare_sliding)

    def _compare_sliding(self) -> None:
        tab = self.tab
        if tab.transplanted is None or tab.maps is None:
            tab.show_error(tr("There is no map yet; press Transplant first."))
            return
        if tab.maps.geometry.jump != tab.transplanted.geometry.jump:
            tab.show_error(tr("Choose one pass first: sliding is compared at the net's stride."))
            return
        tab.runner.start(
            sliding_job(tab.transplanted, tab.maps), tr("Slide the classifier"), self._on_slid
        )

    def _on_slid(self, result: Sliding) -> None:
        self.sliding = SlidingWindow(result, self.tab)
        self.sliding.destroyed.connect(self._forget_sliding)
        self.sliding.show()

    def _forget_sliding(self) -> None:
        self.sliding = None

    def show_features(self) -> None:
        """Show a blob's principal components on the picture."""
        self.tab.when_idle(self._show_features)

    def _show_features(self) -> None:
        from filterlab.surgery.features import feature_blobs

        tab = self.tab
        if tab.transplanted is None or tab.maps is None:
            tab.show_error(tr("There is no map yet; press Transplant first."))
            return
        blobs = feature_blobs(tab.transplanted)
        if self.features is not None:
            self.features.close()
            self.features.deleteLater()
        self.features = FeaturesWindow(blobs, tab)
        wanted = next((b for b in ("fc6-conv", "fc7-conv") if b in blobs), blobs[-1])
        self.features.choose(wanted)
        self.features.blob_chosen.connect(self._run_features)
        self.features.save_requested.connect(self._save_features)
        self.features.show()
        self._run_features(wanted)

    def _run_features(self, blob: str) -> None:
        tab = self.tab
        if tab.transplanted is not None and tab.maps is not None:
            tab.runner.start(
                features_job(tab.transplanted, tab.maps, blob, tab.preview, 0.75),
                tr("Dense features"),
                self._on_features,
            )

    def _on_features(self, found: FalseColours) -> None:
        if self.features is not None:
            self.features.show_features(found)

    def _save_features(self) -> None:
        from filterlab.surgery.export import write_npy

        found = self.features.found if self.features is not None else None
        if found is None:
            return
        blob = found.features.blob.replace("/", "_")
        path = self._ask(tr("Save features"), f"{self._stem()}_{blob}.npy", "NumPy (*.npy)")
        if path is None:
            return
        written = self.tab.guard(lambda: write_npy(path, found.features.values))
        if written is not None:
            self._on_saved(written)


def _net_targets(path: Path) -> Sequence[Path]:
    """What ``saving.net_job`` writes."""
    return [path] if path.suffix.lower() == ".onnx" else net_targets(path)
