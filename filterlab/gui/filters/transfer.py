"""Files, clipboard and dialogs of the tab: what comes in and what goes out."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from PyQt5.QtCore import QObject, Qt, pyqtSignal
from PyQt5.QtWidgets import QApplication, QDialog, QWidget

from filterlab.gui.errors import EXPECTED, one_sentence
from filterlab.gui.file_dialogs import (
    NET_ENDINGS,
    net_prefix,
    net_targets,
    open_path,
    save_path,
)
from filterlab.gui.filters.desk import Desk, Pictures
from filterlab.gui.filters.editor import FilterEditor
from filterlab.gui.filters.output_files import (
    output_image,
    output_targets,
    save_outputs_job,
)
from filterlab.gui.filters.sources import title_of
from filterlab.gui.filters.stage import Stage
from filterlab.gui.i18n import Text, tr
from filterlab.gui.images import picture_of
from filterlab.gui.jobs import JobRunner
from filterlab.gui.tab import MODEL_SUFFIXES
from filterlab.gui.widgets.colours import lut
from filterlab.paths import model
from filterlab.surgery.kernels.library import KernelLibrary
from filterlab.surgery.kernels.text import KERNEL_SUFFIXES, read_kernel, write_kernel
from filterlab.workbench.filter_net import untold

if TYPE_CHECKING:
    from filterlab.surgery.kernels.learn import Learned
    from filterlab.zoo.catalogue import Model

# Dialogs and readers of nets are imported when asked for: the first frame waits for none.
__all__ = ["Transfer"]

_KERNEL_FILES = " ".join(f"*{suffix}" for suffix in KERNEL_SUFFIXES)


class Transfer(QObject):
    """Asks where to, reads, writes; every refusal is one sentence.

    Parameters
    ----------
    desk, stage, editors, library
    pictures : how a picture that is pasted becomes the input.
    picture_filter : the file dialogs' filter for pictures.
    runner : writes outputs.
    over : the widget that dialogs lie over.

    Signals
    -------
    opened(str) : a kernel file or a net of three filters was read
    """

    opened = pyqtSignal(str)

    def __init__(
        self,
        desk: Desk,
        stage: Stage,
        editors: Sequence[FilterEditor],
        library: KernelLibrary,
        pictures: Pictures,
        picture_filter: str,
        runner: JobRunner,
        over: QWidget,
    ) -> None:
        super().__init__(over)
        self._desk, self._stage, self._editors, self._library = desk, stage, editors, library
        self._pictures, self._picture_filter, self._over = pictures, picture_filter, over
        self.runner = runner
        self.runner.done.connect(self._on_saved)
        self.dialog: QDialog | None = None

    # Kernels

    def _slot(self, slot: Any) -> int:
        # A menu's triggered(bool) may come along where no filter is named.
        return self._desk.active if isinstance(slot, bool) or slot is None else int(slot)

    def choose_kernel(self, slot: Any = None) -> None:
        """Ask for a kernel file and read it into a filter."""
        path = open_path(
            self._over,
            "kernel",
            tr("Open kernel"),
            f"{tr('Kernels')} ({_KERNEL_FILES});;{tr('All files')} (*)",
        )
        if path is not None:
            self.open_kernel(path, self._slot(slot))

    def open_kernel(self, path: Path, slot: int) -> None:
        """Read a kernel file into a filter, or a net of three filters into all."""
        if path.suffix.lower() in MODEL_SUFFIXES:
            self.open_filters(path)
            return
        kernel = self._desk.attempt(read_kernel, path)
        if (
            kernel is not None
            and self._desk.attempt(self._desk.bench.take, slot, kernel) is not None
        ):
            self.opened.emit(str(path))

    def choose_kernel_file(self, slot: Any = None) -> None:
        """Ask for a name and write a filter's kernel."""
        slot = self._slot(slot)
        path = save_path(
            self._over, "kernel", tr("Save kernel"), f"kernel_{slot}.txt",
            f"{tr('Text, ImageJ rows')} (*.txt);;CSV (*.csv);;TSV (*.tsv);;JSON (*.json);;"
            "numpy (*.npy);;G'MIC (*.gmic);;Python (*.py)",
        )  # fmt: skip
        if path is not None:
            self.write_kernel(path, slot)

    def write_kernel(self, path: Path, slot: int) -> None:
        """Write a filter's kernel as it works: divided."""
        channel = self._editors[slot].channel
        try:
            write_kernel(path, self._desk.bench.weights(slot)[channel])
        except EXPECTED as error:
            self._desk.say.error(one_sentence(error), "")
        else:
            self._desk.say.info(tr("Written: {name}").format(name=path.name))

    # The three filters as one net

    def choose_filters(self) -> None:
        """Ask for a net of three filters and open it."""
        path = open_path(
            self._over, "net", tr("Open filters"),
            f"{tr('Nets of three filters')} (*.prototxt *.caffemodel);;{tr('All files')} (*)",
        )  # fmt: skip
        if path is not None:
            self.open_filters(path)

    def open_filters(self, path: Path) -> None:
        """Take all three filters from a net, given by either of its two files."""
        from filterlab.surgery.layer_filters import files_of_net

        files = self._desk.attempt(files_of_net, path)
        if files is not None and self._desk.attempt(self._desk.bench.open_net, *files) is not None:
            self.opened.emit(str(files[0]))

    # Own presets

    def save_own(self, slot: int) -> None:
        """Ask for a name and keep a filter as a preset."""
        from filterlab.gui.filters.own_dialog import SaveKernelDialog

        dialog = SaveKernelDialog(self._library, self._over)
        dialog.setAttribute(Qt.WA_DeleteOnClose)
        dialog.setProperty("slot", slot)
        dialog.accepted.connect(self._on_save_own)
        self.dialog = dialog
        dialog.open()

    def _on_save_own(self) -> None:
        from filterlab.gui.filters.own_dialog import SaveKernelDialog

        dialog = self.sender()
        if not isinstance(dialog, SaveKernelDialog):
            return
        slot = int(dialog.property("slot"))
        bench = self._desk.bench
        saved = self._desk.attempt(
            self._library.save, dialog.name, bench.weights(slot), dialog.category_name,
            bench.bias(slot),
        )  # fmt: skip
        if saved is not None:
            self._desk.say.info(tr("Kept as “{name}” among your presets.").format(name=saved.name))

    def show_wanted(self, what: str) -> None:
        """What was asked for in the popup of the filter in front's presets."""
        if what == "save":
            self.save_own(self._desk.active)
        elif what == "own":
            self.show_own()
        elif what == "pocket":
            self.show_net_filters(Path(str(model("pocket", "pocket.caffemodel"))))
        else:
            self.choose_net_filters()

    def show_own(self) -> None:
        """List the user's presets."""
        from filterlab.gui.filters.own_dialog import OwnKernelsDialog

        dialog = OwnKernelsDialog(self._library, self._over)
        dialog.setAttribute(Qt.WA_DeleteOnClose)
        dialog.chosen.connect(self._on_own)
        self.dialog = dialog
        dialog.open()

    def _on_own(self, name: str) -> None:
        self._editors[self._desk.active].presets.choose_own(name)

    # A trained net's filters

    def choose_net_filters(self) -> None:
        """Offer the filters of the models there are on this machine."""
        from filterlab.zoo.catalogue import last_used

        ready = self._ready()
        last = last_used()
        first = next((model for model in ready if model.name == last), ready[0])
        self._offer(ready, first)

    def show_net_filters(self, path: Path) -> None:
        """Offer the filters of a net, given by either of its two files."""
        from filterlab.gui.filters.net_dialog import model_of_file

        model = self._desk.attempt(model_of_file, path)
        if model is not None:
            ready = self._ready()
            known = (m for m in ready if m.weights == model.weights_path)
            self._offer(ready, next(known, model))

    @staticmethod
    def _ready() -> list[Model]:
        from filterlab.zoo.own_models import all_models

        return [model for model in all_models() if model.ready]

    def _offer(self, models: Sequence[Model], first: Model) -> None:
        from filterlab.gui.filters.net_dialog import NetFiltersDialog

        dialog = NetFiltersDialog(models, first, self._over)
        dialog.setAttribute(Qt.WA_DeleteOnClose)
        dialog.chosen.connect(self._on_net_filter)
        self.dialog = dialog
        dialog.open()

    def _on_net_filter(self, kernel: np.ndarray, bias: float) -> None:
        values = kernel if len(kernel) == 3 else kernel[0]
        bench, name = self._desk.bench, Text("Take filter from net")
        self._desk.attempt(bench.take, self._desk.active, values, bias, name)

    # Learning

    def show_learn(self) -> None:
        """Open the dialog that finds a kernel from before and after."""
        from filterlab.gui.filters.learn_dialog import LearnDialog

        frame, bench = self._stage.frame, self._desk.bench
        outputs = []
        if frame is not None and frame.outputs.step == 1 and bench.settings.stride == 1:
            outputs = [
                (tr("Output of filter {n}").format(n=slot), np.asarray(data))
                for slot, data in enumerate(frame.outputs.data)
            ]
        dialog = LearnDialog(
            bench.picture.pixels, title_of(bench.picture), outputs, bench.size,
            self._picture_filter, self._over,
        )  # fmt: skip
        dialog.setAttribute(Qt.WA_DeleteOnClose)
        dialog.chosen.connect(self._on_learned)
        self.dialog = dialog
        dialog.open()

    def _on_learned(self, found: Learned) -> None:
        bench, name = self._desk.bench, Text("Learn kernel")
        self._desk.attempt(bench.take, self._desk.active, found.kernel, found.bias, name)

    # Outputs and the net

    def choose_outputs(self) -> None:
        """Ask for a name and write the three outputs."""
        path = save_path(
            self._over, "save", tr("Save outputs"), "filter.png",
            f"{tr('As shown')} (*.png *.jpg *.webp);;{tr('Numbers, float32')} (*.npy *.tif)",
            output_targets,
        )  # fmt: skip
        if path is not None:
            self.save_outputs(path)

    def save_outputs(self, path: Path) -> None:
        """Write the three outputs: as shown or raw, as the ending says."""
        self.runner.start(
            save_outputs_job(self._desk.bench.snapshot(), self._desk.look, path), tr("Saving")
        )

    def _on_saved(self, paths: list[Path]) -> None:
        self._desk.say.info(
            tr("Written: {name}").format(name=", ".join(path.name for path in paths))
        )

    def choose_net(self) -> None:
        """Ask for a name and write prototxt and caffemodel."""
        path = save_path(
            self._over, "net", tr("Save the edited net"), "conv",
            f"{tr('Caffe nets')} (*.prototxt)", net_targets, endings=NET_ENDINGS,
        )  # fmt: skip
        if path is not None:
            self.save_net(net_prefix(path))

    def save_net(self, prefix: Path) -> None:
        """Write ``prefix.prototxt`` and ``prefix.caffemodel``; tell what they cannot say."""
        bench = self._desk.bench
        written = self._desk.attempt(bench.save_net, prefix)
        if written is None:
            return
        outside = untold(bench.state)
        if not outside:
            self._on_saved(list(written))
            return
        names = ", ".join(path.name for path in written)
        self._desk.say.info(
            tr(Text("Written: {names}. What a net cannot say: {what}.", names=names, what=outside))
        )

    # Clipboard

    def copy_code(self, library: str) -> None:
        """Put a program that computes the present outputs on the clipboard."""
        code = self._desk.attempt(self._desk.bench.program, library)
        if code is not None:
            QApplication.clipboard().setText(code)
            self._desk.say.info(tr("The program is on the clipboard."))

    def copy_picture(self) -> None:
        """Put the output of the filter in front on the clipboard, as it is shown."""
        frame = self._stage.frame
        if frame is not None:
            shown = frame.shown[self._desk.active]
            QApplication.clipboard().setImage(output_image(shown.pixels, lut(shown.table)))

    def paste(self) -> None:
        """A picture, files or numbers from the clipboard."""
        data = QApplication.clipboard().mimeData()
        urls = [Path(url.toLocalFile()) for url in data.urls() if url.isLocalFile()]
        if urls and self._pictures.accepts(urls):
            self._pictures.open_files(urls)
        elif data.hasImage() and not data.hasText():
            pixels = self._desk.attempt(picture_of, QApplication.clipboard().image())
            if pixels is not None:
                self._put(pixels)
        else:
            self._editors[self._pasted_into()].paste_text()

    def _put(self, pixels: np.ndarray) -> None:
        def set_picture() -> object:
            return self._pictures.put(pixels, tr("pasted"))

        self._desk.attempt(set_picture)

    def _pasted_into(self) -> int:
        """The filter under the mouse, else the one in front."""
        slots = (editor.slot for editor in self._editors if editor.grid.under_mouse)
        return next(slots, self._desk.active)

    def shutdown(self) -> None:
        """Stop writing, close what is open."""
        for dialog in self._over.findChildren(QDialog):
            dialog.reject()  # those that work wait for their threads
        self.runner.shutdown()
