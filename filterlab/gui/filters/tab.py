"""The Filters tab: draw convolution kernels and watch three filters answer at once."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from qtpy.QtCore import Qt, QTimer
from qtpy.QtWidgets import QFileDialog, QGridLayout, QSplitter, QVBoxLayout, QWidget

from filterlab.errors import FilterLabError
from filterlab.gui import theme
from filterlab.gui.errors import EXPECTED, one_sentence
from filterlab.gui.filters.actions import FilterActions
from filterlab.gui.filters.editor import FilterEditor
from filterlab.gui.filters.input_panel import InputPanel
from filterlab.gui.filters.look import Frame, Look, make_frame
from filterlab.gui.filters.panel import BottomPanel
from filterlab.gui.filters.sources import Source, Sources
from filterlab.gui.filters.stage import Stage
from filterlab.gui.i18n import tr
from filterlab.gui.jobs import Latest
from filterlab.gui.settings import Settings
from filterlab.gui.tab import KERNEL_SUFFIXES, PICTURE_SUFFIXES, MenuItems, Tab
from filterlab.progress import Job, Progress
from filterlab.surgery import convolve
from filterlab.surgery.convolve import Outputs, Snapshot
from filterlab.surgery.filterbench import Change, FilterBench
from filterlab.surgery.kernels.analysis import output_size
from filterlab.surgery.kernels.library import KernelLibrary
from filterlab.surgery.kernels.text import read_kernel

__all__ = ["FiltersTab"]


class FiltersTab(Tab):
    """Owns the bench, the worker that computes it, and everything that shows it."""

    name = "filters"

    def __init__(self, settings: Settings, parent: QWidget | None = None) -> None:
        super().__init__(settings, parent)
        self.bench = FilterBench()
        self.library = KernelLibrary(settings.folder / "kernels.json")
        self.look = Look()
        self.active = 0
        self._unsubscribe: Callable[[], None] | None = None
        self._pinned: tuple[int, int] | None = None
        self._pointed: tuple[int, int] | None = None
        self._build()
        self.live = Latest(self)
        self.live.ready.connect(self._on_frame)
        self.live.failed.connect(self._on_frame_failed)
        self.full = self.make_runner()
        self.full.done.connect(self._on_full)
        self._full_later = QTimer(self)
        self._full_later.setSingleShot(True)
        self._full_later.setInterval(120)
        self._full_later.timeout.connect(self._start_full)
        self.sources = Sources(self)
        self.sources.arrived.connect(self._on_source)
        self.sources.failed.connect(self.show_error)
        self.actions_ = FilterActions(self)
        self.panel_.set_sample_menu(self.actions_.sample_menu)
        self.stage.scale_button.setMenu(self.actions_.look_menu)
        for editor in self.editors:
            editor.set_menu(self.actions_.tool_menu(editor.slot))
        self._adopt(self.bench)
        self._first = True

    # Building

    def _build(self) -> None:
        self.stage = Stage(self)
        self.panel_ = InputPanel(self)
        self.editors: list[FilterEditor] = []
        self.bottom = BottomPanel(self)
        upper = QWidget(self)
        grid = QGridLayout(upper)
        grid.setContentsMargins(2 * theme.STEP, theme.STEP, theme.STEP, 0)
        grid.setHorizontalSpacing(2 * theme.STEP)
        grid.setVerticalSpacing(4)
        self.stage.lay_out(grid)
        grid.addWidget(self.panel_, 3, 0)
        for slot in range(3):
            editor = FilterEditor(self.bench, slot, self.library, self)
            editor.failed.connect(self.show_error)
            editor.focused.connect(self._on_focused)
            editor.brush_picked.connect(self.panel_.set_brush)
            grid.addWidget(editor, 3, 1 + slot)
            self.editors.append(editor)
        grid.setRowStretch(1, 5)
        grid.setRowStretch(3, 4)
        grid.setRowMinimumHeight(3, 200)
        self.splitter = QSplitter(Qt.Vertical, self)
        self.splitter.addWidget(upper)
        self.splitter.addWidget(self.bottom)
        self.splitter.setStretchFactor(0, 1)
        self.splitter.setStretchFactor(1, 0)
        self.splitter.setCollapsible(0, False)
        self.splitter.setSizes([560, 176])
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(self.splitter)

        panel = self.panel_
        panel.open_requested.connect(self.choose_picture)
        panel.brush_changed.connect(self._on_brush)
        panel.size_chosen.connect(self.set_size)
        panel.pad_chosen.connect(self._on_pad)
        panel.stride_chosen.connect(self._on_stride)
        panel.dilation_chosen.connect(self._on_dilation)
        panel.mode_chosen.connect(self._on_mode)
        self.stage.hovered.connect(self._on_hovered)
        self.stage.left.connect(self._on_left)
        self.stage.clicked.connect(self._on_clicked)
        self.bottom.pin_toggled.connect(self._on_pin)
        self._on_brush()

    def _adopt(self, bench: FilterBench) -> None:
        """Show another bench from now on."""
        if self._unsubscribe is not None:
            self._unsubscribe()
        self.bench = bench
        self._unsubscribe = bench.subscribe(self._on_change)
        for editor in self.editors:
            editor.bench = editor.presets.bench = bench
            editor.refresh()
        self.panel_.refresh(bench)
        if bench.picture.title:
            self._show_input()
            self._request()
        self.undo_changed.emit()

    def title(self) -> str:
        return tr("Filters")

    # The bench has changed

    def _on_change(self, change: Change) -> None:
        if change.kinds:
            for editor in self.editors:
                editor.refresh(change)
            if change.kinds & {"settings", "size"}:
                self.panel_.refresh(self.bench)
            if change.kinds & {"picture", "settings"}:
                self._show_input()
            if change.kinds != {"presets"}:
                self._request()
            self.bottom.set_code(self.bench.code)
        self.undo_changed.emit()

    def _show_input(self) -> None:
        self.stage.show_input(self.bench.picture, self.bench.settings.mode)

    def _request(self) -> None:
        """Ask for the outputs of what the bench is now; an older answer is dropped."""
        self._full_later.stop()
        if self.full.running:
            self.full.cancel()
        self.live.request(make_frame, self.bench.snapshot(), self.look)

    def _on_frame(self, frame: Frame) -> None:
        reports = self.bench.accept(frame.outputs)
        if reports is None:
            return
        self.stage.show_frame(frame, reports)
        self.bottom.show_frame(frame, reports)
        self._explain()
        if frame.outputs.step > 1:
            self._full_later.start()

    def _on_frame_failed(self, sentence: str) -> None:
        self.stage.show_problem(sentence)
        self.show_error(sentence)

    def _start_full(self) -> None:
        self.full.start(_full_frame(self.bench.snapshot(), self.look), tr("Filtering"))

    def _on_full(self, frame: Frame) -> None:
        reports = self.bench.accept(frame.outputs)
        if reports is not None and frame.look == self.look:
            self.stage.show_frame(frame, reports)
            self.bottom.show_frame(frame, reports)

    @property
    def settled(self) -> bool:
        """Whether everything asked for is on the screen."""
        waiting = self._full_later.isActive() or self.full.running or self.sources.busy
        return not (waiting or self.live.busy)

    # Look

    def set_look(self, look: Look) -> None:
        """Show the outputs another way."""
        if look == self.look:
            return
        self.look = look
        self.actions_.refresh_look()
        frame = self.stage.frame
        if frame is not None and frame.outputs.revision == self.bench.revision:
            self._full_later.stop()
            self.live.request(make_frame, frame.snapshot, look, frame.outputs)
        else:
            self._request()

    # Edits

    def attempt(self, action: Callable[..., Any], *args: Any, **options: Any) -> Any:
        """Do something; a refusal is one sentence in the strip."""
        try:
            return action(*args, **options)
        except EXPECTED as error:
            self.show_error(one_sentence(error))
            self.panel_.refresh(self.bench)
            return None

    def _net_edit(self, action: Callable[..., Any], *args: Any, **changes: Any) -> None:
        """An edit of the net, refused before it is made if the kernel would not fit."""
        bench = self.bench
        settings = convolve.Settings(
            **{**_fields(bench.settings), **{k: v for k, v in changes.items() if k != "size"}}
        )
        size = changes.get("size", bench.size)

        def edit() -> None:
            output_size(
                (bench.picture.height, bench.picture.width), size, settings.margins(size),
                settings.stride, settings.dilation,
            )  # fmt: skip
            action(*args)

        self.attempt(edit)

    def set_size(self, rows: int, columns: int) -> None:
        """Another kernel size."""
        self._net_edit(self.bench.set_size, (rows, columns), size=(rows, columns))

    def _on_pad(self, pad: str) -> None:
        self._net_edit(self.bench.set_pad, pad, pad=pad)

    def _on_stride(self, stride: int) -> None:
        self._net_edit(self.bench.set_stride, stride, stride=stride)

    def _on_dilation(self, dilation: int) -> None:
        self._net_edit(self.bench.set_dilation, dilation, dilation=dilation)

    def _on_mode(self, mode: str) -> None:
        self.attempt(self.bench.set_mode, mode)

    def _on_brush(self) -> None:
        panel = self.panel_
        symmetry = str(panel.symmetry.currentData())
        for editor in self.editors:
            editor.set_brush(panel.brush.value(), panel.step.value(), symmetry)

    def _on_focused(self, slot: int) -> None:
        self.active = slot

    # Undo

    def undo_text(self) -> str:
        return tr(self.bench.undo_name)

    def redo_text(self) -> str:
        return tr(self.bench.redo_name)

    def undo(self) -> None:
        self.bench.undo()

    def redo(self) -> None:
        self.bench.redo()

    # Pointing

    def _on_hovered(self, view: int, x: float, y: float) -> None:
        if view:
            self.stage.set_tracker(view - 1)
            self.bottom.set_slot(view - 1)
        if self._pinned is None:
            self._pointed = self.stage.output_pixel(x, y)
            self._explain()

    def _on_left(self) -> None:
        if self._pinned is None:
            self._pointed = None
            self._explain()

    def _on_clicked(self, view: int, x: float, y: float) -> None:
        if self.panel_.draw_button.isChecked() and view == 0:
            return
        pixel = self.stage.output_pixel(x, y)
        if pixel is not None:
            self.pin(None if pixel == self._pinned else pixel)

    def pin(self, pixel: tuple[int, int] | None) -> None:
        """Keep looking at an output pixel (row, column); None follows the cursor again."""
        self._pinned = self._pointed = pixel
        self.bottom.set_pinned(pixel is not None)
        self._explain()

    def _on_pin(self, on: bool) -> None:
        self.pin(self._pointed if on else None)

    def _explain(self) -> None:
        """Show how the pixel pointed at is computed."""
        frame, pixel = self.stage.frame, self._pointed
        if frame is None or pixel is None or frame.outputs.revision != self.bench.revision:
            if pixel is None:
                self.stage.set_window(None)
                self.bottom.show_nothing()
                self.stage.bar.set_marker(None)
            return
        rows, cols = frame.outputs.full_size
        if not (pixel[0] < rows and pixel[1] < cols):
            self.pin(None)
            return
        slot = self.bottom.slot
        explained = self.bench.explain(slot, *pixel, channel=self.bottom.channel)
        self.stage.set_window(explained.box, pixel, self._pinned is not None)
        self.stage.bar.set_marker(explained.result)
        self.bottom.show_pixel(explained, self.editors[slot].channel)

    # Pictures

    def choose_picture(self) -> None:
        """Ask for a picture file and open it."""
        path, _ = QFileDialog.getOpenFileName(self, tr("Open picture"), "", self.picture_filter())
        if path:
            self.sources.open(Source("file", path))

    def _on_source(self, source: Source, picture: convolve.Picture) -> None:
        try:
            output_size(
                (picture.height, picture.width), self.bench.size,
                self.bench.settings.margins(self.bench.size), self.bench.settings.stride,
                self.bench.settings.dilation,
            )  # fmt: skip
        except FilterLabError as error:
            self.show_error(one_sentence(error))
            return
        if source.quiet:
            self.bench.show_frame(picture.pixels, picture.title)
        else:
            self.bench.set_picture(picture)
        if source.kind == "file":
            self.opened.emit(source.name)

    # Files

    def accepts(self, paths: Sequence[Path]) -> int:
        if all(p.suffix.lower() in KERNEL_SUFFIXES for p in paths):
            return 2
        return 1 if len(paths) == 1 and paths[0].suffix.lower() in PICTURE_SUFFIXES else 0

    def open_paths(self, paths: Sequence[Path]) -> None:
        for number, path in enumerate(paths):
            if path.suffix.lower() in PICTURE_SUFFIXES:
                self.sources.open(Source("file", str(path)))
            else:
                self.open_kernel(path, (self.active + number) % 3)

    def open_kernel(self, path: Path, slot: int) -> None:
        """Read a kernel file into a filter."""
        kernel = self.attempt(read_kernel, path)
        if kernel is not None:
            self.attempt(self.bench.set_kernel, slot, kernel)
            self.opened.emit(str(path))

    # Around it

    def menu_actions(self) -> dict[str, MenuItems]:
        return self.actions_.menus()

    def activated(self) -> None:
        if self._first:
            self._first = False
            if self.bench.picture.title == "":
                self.sources.open(Source("sample", "chelsea", quiet=True))

    def shutdown(self) -> None:
        if self._unsubscribe is not None:
            self._unsubscribe()
            self._unsubscribe = None
        self._full_later.stop()
        self.sources.shutdown()
        self.full.shutdown()
        self.live.shutdown()


def _fields(settings: convolve.Settings) -> dict[str, Any]:
    return {
        "mode": settings.mode, "pad": settings.pad, "stride": settings.stride,
        "dilation": settings.dilation, "scale": settings.scale,
    }  # fmt: skip


def _full_frame(snapshot: Snapshot, look: Look) -> Job[Frame]:
    """The full result of a large picture, coloured, as a job."""
    outputs: Outputs = yield from convolve.compute_job(snapshot)
    yield Progress("Colouring", 1, 1)
    return make_frame(snapshot, look, outputs)
