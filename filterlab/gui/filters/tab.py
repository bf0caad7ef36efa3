"""The Filters tab: draw convolution kernels and watch three filters answer at once."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from PyQt5.QtCore import QEvent, QSize, QTimer
from PyQt5.QtGui import QResizeEvent
from PyQt5.QtWidgets import QWidget

from filterlab.gui.camera_feed import CameraFeed
from filterlab.gui.class_names import frame_title
from filterlab.gui.errors import EXPECTED, one_sentence
from filterlab.gui.file_dialogs import open_path
from filterlab.gui.filters import session
from filterlab.gui.filters.actions import FilterActions
from filterlab.gui.filters.desk import Desk, Pictures, Sayings
from filterlab.gui.filters.drawing import Drawing
from filterlab.gui.filters.editor import FilterEditor
from filterlab.gui.filters.input_panel import InputPanel
from filterlab.gui.filters.layout import FiltersLayout
from filterlab.gui.filters.look import Frame, Look, full_frame_job, make_frame
from filterlab.gui.filters.panel import PAGES, BottomPanel
from filterlab.gui.filters.pointing import Pointer
from filterlab.gui.filters.room import Room
from filterlab.gui.filters.sources import Source, Sources, neighbour
from filterlab.gui.filters.stage import Stage
from filterlab.gui.filters.tool_bar import ToolBar
from filterlab.gui.filters.transfer import Transfer
from filterlab.gui.i18n import tr
from filterlab.gui.jobs import Latest
from filterlab.gui.sessions import Kept
from filterlab.gui.settings import Settings
from filterlab.gui.tab import MenuItems, ProjectPart, Tab
from filterlab.pictures import PICTURE_SUFFIXES
from filterlab.progress import Job, Progress
from filterlab.surgery import convolve
from filterlab.surgery.convolve import Outputs, Picture, Snapshot
from filterlab.surgery.kernels import MAX_SIDE
from filterlab.surgery.kernels.library import KernelLibrary
from filterlab.surgery.kernels.text import KERNEL_SUFFIXES
from filterlab.workbench.filter_bench import Change, FilterBench
from filterlab.workbench.filter_net import filters_net_among
from filterlab.workbench.filter_state import Applied, from_session

if TYPE_CHECKING:  # the first frame needs neither
    from filterlab.gui.stage.scene import Scene
    from filterlab.workbench.lessons import Start
    from filterlab.workbench.project import ProjectPicture

__all__ = ["FiltersTab"]

#: The full result of a large picture is computed once the hand has rested so long.
_FULL_AFTER_MS = 120


def _is_picture(path: Path) -> bool:
    """Whether a file is to be read as a picture; of arrays those too large for a kernel."""
    suffix = path.suffix.lower()
    if suffix not in KERNEL_SUFFIXES:
        return suffix in PICTURE_SUFFIXES
    if suffix not in PICTURE_SUFFIXES:
        return False
    try:
        shape = np.load(path, mmap_mode="r", allow_pickle=False).shape
    except (OSError, ValueError, EOFError):
        return False
    return len(shape) > 1 and max(shape[:2]) > MAX_SIDE


def _source_of(picture: Picture) -> Source | None:
    """What a picture was read from; None if it is in no file.

    A copy of the last session's has no origin: it goes when another picture comes, and could not
    be read again after an undo.
    """
    kind, name = picture.origin
    return Source(kind, name, frame=picture.frame) if kind else None


def _apply_job(snapshot: Snapshot, slot: int) -> Job[tuple[int, Outputs]]:
    outputs: Outputs = yield from convolve.compute_job(snapshot)
    return slot, outputs


class FiltersTab(Tab):
    """Owns the bench, the worker that computes it, and everything that shows it."""

    name = "filters"

    def __init__(self, settings: Settings, parent: QWidget | None = None) -> None:
        super().__init__(settings, parent)
        say = Sayings(self.show_info, self.show_error, self.clear_error)
        self.desk = Desk(FilterBench(), say, self)
        self.library = KernelLibrary(settings.folder / "kernels.json")
        self._started = False
        #: What the last session's picture is read from, until another is opened: it may be on a
        #: disk that is not there today.
        self._waiting: Source | None = None
        self._clean_look = self.look
        #: What a long job is at; empty if none runs.
        self._working = ""
        self._camera_copy: tuple[object, Picture] | None = None
        self._unsubscribe: Callable[[], None] | None = None
        self._build()
        self.live = Latest(self)
        self.live.ready.connect(self._on_frame)
        self.live.failed.connect(self._on_frame_failed)
        self.full = self.make_runner()
        self.full.done.connect(self._on_full)
        self.applying = self.make_runner()
        self.applying.done.connect(self._on_applied)
        for runner in (self.full, self.applying):
            runner.progressed.connect(self._on_progress)
            runner.finished.connect(self._on_worked)
        self._full_later = QTimer(self)
        self._full_later.setSingleShot(True)
        self._full_later.setInterval(_FULL_AFTER_MS)
        self._full_later.timeout.connect(self._start_full)
        self.sources = Sources(self)
        self.sources.arrived.connect(self._on_source)
        self.sources.failed.connect(self._on_source_failed)
        self.camera = CameraFeed(self._ready_for_frame, self)
        self.camera.frame.connect(self._on_camera_frame)
        self.camera.failed.connect(self.show_error)
        self.camera.stopped.connect(self._on_camera_stopped)
        pictures = Pictures(
            self.choose_picture,
            self.turn,
            self.open_source,
            self.set_picture,
            self.accepts,
            self.open_paths,
        )
        stage, panel, bottom, editors = self.stage, self.panel_, self.bottom, self.editors
        self.files = Transfer(
            self.desk,
            stage,
            editors,
            self.library,
            pictures,
            self.picture_filter(),
            self.make_runner(),
            self,
        )
        self.files.opened.connect(self.opened)
        self.pointer = Pointer(
            self.desk,
            stage,
            bottom,
            editors,
            panel.draw_button.isChecked,
            self.set_channel,
            self,
        )
        self.room = Room(self.desk, stage, self.pointer, bottom, self)
        self.drawing = Drawing(self.desk, stage.views[0], panel, self.make_runner(), self)
        self.actions_ = FilterActions(
            self.make_action,
            self.desk,
            stage,
            panel,
            bottom,
            editors,
            self.layout_,
            self.files,
            pictures,
            self.set_look,
            self.apply_and_go_on,
            self,
        )
        self.desk.refused.connect(self._on_refused)
        self.panel_.set_sample_menu(self.actions_.sample_menu)
        for editor in self.editors:
            editor.set_menu(self.actions_.tool_menus[editor.slot])
        self.tool_bar.triggered.connect(self.actions_.use_tool)
        self.desk.activated.connect(self._on_activated)
        self._on_activated(self.active)
        self.actions_.show_lower(self.layout_.shown)
        stage.hovered.connect(self._on_hovered)
        bottom.walk_toggled.connect(self._on_walk)
        self._adopt(self.bench)

    @property
    def bench(self) -> FilterBench:
        """The model that is shown."""
        return self.desk.bench

    @property
    def look(self) -> Look:
        """How the outputs are looked at."""
        return self.desk.look

    @property
    def active(self) -> int:
        """The filter in front."""
        return self.desk.active

    # Building

    def _build(self) -> None:
        layout = self.layout_ = FiltersLayout(self)
        self.stage = Stage(layout.pictures)
        self.panel_ = InputPanel(layout.middle)
        self.bottom = BottomPanel(layout.splitter)
        self.editors: list[FilterEditor] = []
        for slot in range(3):
            editor = FilterEditor(self.bench, slot, self.library, layout.middle)
            editor.failed.connect(self._on_edit_failed)
            editor.focused.connect(self._on_focused)
            editor.brush_picked.connect(self.panel_.set_brush)
            editor.channel_chosen.connect(self.set_channel)
            editor.preset_wanted.connect(self.show_wanted)
            editor.dropped.connect(self._on_dropped)
            editor.grid.hovered.connect(self._on_cell)
            self.editors.append(editor)
        self.tool_bar = ToolBar(self.editors, layout.middle)
        self.stage.view_chosen.connect(self._on_view)
        self.stage.scale_chosen.connect(self._on_scale)
        self.stage.frame_chosen.connect(self.choose_frame)
        layout.fill(self.stage, self.panel_, self.editors, self.tool_bar, self.bottom)
        layout.lower_changed.connect(self._on_lower)

        panel = self.panel_
        panel.open_requested.connect(self.choose_picture)
        panel.camera_toggled.connect(self._on_camera)
        panel.brush_changed.connect(self._on_brush)
        panel.linked_chosen.connect(self.set_linked)
        panel.pad_chosen.connect(self.set_pad)
        panel.edge_chosen.connect(self.set_edge)
        panel.stride_chosen.connect(self.set_stride)
        panel.dilation_chosen.connect(self.set_dilation)
        panel.mode_chosen.connect(self.set_mode)
        self._on_brush()

    def _adopt(self, bench: FilterBench) -> None:
        """Show another bench from now on."""
        if self._unsubscribe is not None:
            self._unsubscribe()
        self.desk.bench = bench
        self._unsubscribe = bench.subscribe(self._on_change)
        for editor in self.editors:
            editor.set_bench(bench)
        self.panel_.refresh(bench)
        self.actions_.refresh_net()
        self._show_steps()
        self._show_kernels()
        self.bottom.set_code(bench.code or bench.program())
        if bench.picture.title:
            self.stage.show_input(bench.picture, bench.settings.mode)
            self._request()
        self.undo_changed.emit()

    def title(self) -> str:
        return tr("Filters")

    def retell(self) -> None:
        self.panel_.retell()
        self.panel_.refresh(self.bench)
        self.actions_.retell()
        for editor in self.editors:
            editor.refresh()
        self._show_kernels()
        frame = self.stage.frame
        if self.bench.picture.title:
            self.stage.name_input(self.bench.picture)
        if frame is not None:
            self._show(frame)
        self.hint_changed.emit()
        self.undo_changed.emit()

    def help_html(self) -> str:
        from filterlab.gui.filters.help import help_html

        return help_html()

    def menu_actions(self) -> dict[str, MenuItems]:
        return self.actions_.menus()

    def scenes(self) -> dict[str, str]:
        return self.room.scenes()

    def make_scene(self, key: str, parent: QWidget) -> Scene | None:
        if not self.bench.picture.title:
            return None
        # A walk or a camera would go on behind it.
        self.pointer.pause()
        return self.room.make(key, parent)

    # The bench has changed

    def _on_change(self, change: Change) -> None:
        if change.kinds:
            self.clear_error("edit")
            for editor in self.editors:
                editor.refresh(change)
            if change.kinds & {"settings", "size"}:
                self.panel_.refresh(self.bench)
                self.actions_.refresh_net()
            if "picture" in change.kinds:
                self._show_steps()
            if change.kinds & {"picture", "settings"}:
                self.stage.show_input(self.bench.picture, self.bench.settings.mode)
            self._show_kernels()
            self._request()
        self.bottom.set_code(self.bench.code or self.bench.program())
        self.undo_changed.emit()

    def _show_steps(self) -> None:
        self.actions_.show_steps()
        self.stage.show_steps(len(self.bench.state.stack))

    def _show_kernels(self) -> None:
        self.bottom.show_bench(self.bench, [editor.channel for editor in self.editors])

    def _request(self) -> None:
        """Ask for the outputs of what the bench is now; an older answer is dropped."""
        self._full_later.stop()
        if self.full.running:
            self.full.cancel()
        self.live.request(make_frame, self.bench.snapshot(), self.look)

    def _on_frame(self, frame: Frame) -> None:
        if self._show(frame) and frame.outputs.step > 1:
            self._full_later.start()

    def _on_full(self, frame: Frame) -> None:
        if frame.look == self.look:
            self._show(frame)

    def _show(self, frame: Frame) -> bool:
        """Show outputs unless an edit has overtaken them; whether it did."""
        reports = self.bench.accept(frame.outputs)
        if reports is None:
            return False
        self.clear_error("outputs")
        self.stage.show_frame(frame, reports)
        self.bottom.show_frame(frame, reports)
        self.pointer.outputs_changed()
        self.room.frame_shown()
        return True

    def _on_frame_failed(self, sentence: str) -> None:
        self.stage.show_problem(sentence)
        self.show_error(sentence, "outputs")

    def _on_edit_failed(self, sentence: str) -> None:
        self.show_error(sentence, "edit")

    def _start_full(self) -> None:
        self.full.start(full_frame_job(self.bench.snapshot(), self.look), tr("Filtering"))

    @property
    def settled(self) -> bool:
        """Whether everything asked for is on the screen."""
        runners = (
            self.full.running
            or self.applying.running
            or self.sources.busy
            or self.drawing.runner.running
        )
        timers = self._full_later.isActive() or self.bottom.pending
        icons = any(editor.presets.pending for editor in self.editors)
        return not (runners or timers or icons or self.live.busy or self.stage.inputs.busy)

    def set_look(self, look: Look) -> None:
        """Show the outputs another way."""
        if look == self.look:
            return
        self.desk.look = look
        self.actions_.refresh_look()
        self.undo_changed.emit()  # a look belongs to the project, too
        frame = self.stage.frame
        if frame is not None and frame.outputs.revision == self.bench.revision:
            self._full_later.stop()
            self.full.cancel()
            self.live.request(make_frame, frame.snapshot, look, frame.outputs)
        else:
            self._request()

    # Edits

    def _on_refused(self) -> None:
        self.panel_.refresh(self.bench)

    def _choose(self, do: Callable[..., object], value: object) -> None:
        """Make an edit; those of a control in one run of keys are one step."""
        with self.bench.journal.joining(self.panel_.runs.key):
            self.desk.attempt(do, value)

    def set_size(self, rows: int, columns: int) -> None:
        """Another kernel size."""
        self.desk.attempt(self.bench.set_size, (rows, columns))

    def set_pad(self, pad: str) -> None:
        """``valid`` or ``same``."""
        self._choose(self.bench.set_pad, pad)

    def set_edge(self, edge: str) -> None:
        """``zero``, ``reflect``, ``replicate`` or ``wrap``."""
        self._choose(self.bench.set_edge, edge)

    def set_linked(self, linked: bool) -> None:
        """Whether the three filters keep one size."""
        self.desk.attempt(self.bench.set_linked, linked)

    def set_stride(self, stride: int) -> None:
        """1 to 4 pixels."""
        self._choose(self.bench.set_stride, stride)

    def set_dilation(self, dilation: int) -> None:
        """1 to 3 pixels."""
        self._choose(self.bench.set_dilation, dilation)

    def set_mode(self, mode: str) -> None:
        """``grey``, ``each`` or ``three``."""
        self._choose(self.bench.set_mode, mode)

    def set_channel(self, channel: int) -> None:
        """Which colour channel is edited and explained."""
        for editor in self.editors:
            editor.set_channel(channel)
        self.bottom.set_channel(channel)
        self._show_kernels()
        self.pointer.explain()

    def show_wanted(self, what: str) -> None:
        """What the preset popup leads on to."""
        self.files.show_wanted(what)

    def _on_brush(self) -> None:
        panel = self.panel_
        symmetry = str(panel.symmetry.currentData())
        for editor in self.editors:
            editor.set_brush(
                panel.brush.value(), panel.step.value(), symmetry, panel.click_paints.isChecked()
            )

    def _on_focused(self, slot: int) -> None:
        self.desk.active = slot

    def _on_activated(self, slot: int) -> None:
        self.tool_bar.set_active(slot)
        self.tool_bar.set_menu(self.actions_.tool_menus[slot])

    def _on_view(self, slot: int, view: str) -> None:
        views = list(self.look.views)
        views[slot] = view
        self.set_look(self.look._replace(views=tuple(views)))

    def _on_scale(self, scale: str) -> None:
        self.set_look(self.look._replace(scale=scale))

    def apply_and_go_on(self) -> None:
        """Make the output of the filter in front the input; what led there is kept."""
        frame, slot = self.stage.frame, self.active
        if frame is None:
            return
        outputs = frame.outputs
        if outputs.step == 1 and outputs.revision == self.bench.revision:
            self.desk.attempt(self.bench.apply, slot, outputs)
            return
        self.applying.start(_apply_job(self.bench.snapshot(), slot), tr("Filtering"))

    def _on_applied(self, result: tuple[int, Outputs]) -> None:
        slot, outputs = result
        if outputs.revision == self.bench.revision:
            self.desk.attempt(self.bench.apply, slot, outputs)

    def _on_dropped(self, slot: int, what: Any) -> None:
        """Kernel files or numbers were dropped on a filter."""
        if isinstance(what, str):
            self.editors[slot].take_text(what)
            return
        for number, path in enumerate(what):
            self.files.open_kernel(path, (slot + number) % 3)

    # Undo

    def undo_text(self) -> str:
        return tr(self.bench.undo_name)

    def redo_text(self) -> str:
        return tr(self.bench.redo_name)

    def undo(self) -> None:
        self.bench.undo()

    def redo(self) -> None:
        self.bench.redo()

    # Pictures

    def choose_picture(self) -> None:
        """Ask for a picture file and open it."""
        path = open_path(self, "picture", tr("Open picture"), self.picture_filter())
        if path is not None:
            self.open_source(Source("file", str(path)))

    def open_source(self, source: Source) -> None:
        """Read a picture; it becomes the input when it is there."""
        self._started = True
        self.panel_.camera_button.setChecked(False)
        self.sources.open(source)

    def choose_frame(self, frame: int) -> None:
        """Another frame of the input's file, from 0."""
        picture = self.bench.picture
        if frame == picture.frame:
            self.sources.cancel()
        elif picture.origin[0] == "file":
            self.open_source(Source("file", picture.origin[1], frame=frame))

    def turn(self, by: int) -> None:
        """The next or the previous picture of the folder, or of the samples."""
        shown = _source_of(self.bench.picture)
        source = neighbour(shown, by) if shown is not None else None
        self.open_source(source or Source("sample", "chelsea"))

    def _on_source_failed(self, sentence: str) -> None:
        source = self.sources.asked
        if source is not None and source is self._waiting and source.kind == "file":
            path = Path(source.name)
            if not os.path.lexists(path):
                sentence = tr(
                    "{name} is not in {folder} any more; open it again. The cat stands in for it."
                ).format(name=path.name, folder=path.parent)
        self.show_error(sentence)
        if self.bench.picture.title:
            self.stage.name_input(self.bench.picture)  # not the frame that was asked for
        else:
            # The last session's picture is gone; there must be something to filter.
            self.sources.open(Source("sample", "chelsea", quiet=True))

    def _on_source(self, source: Source, picture: Picture, steps: tuple[Applied, ...]) -> None:
        # What a window begins with is no step to undo; but of what was edited before it came, each
        # step knows the picture that was there.
        begins = source.quiet or not self.bench.picture.title
        alone = begins and not (self.bench.undo_name or self.bench.redo_name)
        put = self.bench.show_frame if alone else self.bench.set_picture
        try:
            put(picture, steps=steps)
        except EXPECTED as error:
            self.show_error(one_sentence(error))
            return
        if source is self._waiting or not source.quiet:
            self._waiting = None
        if not source.quiet:
            self.clear_error()
        if source.kind == "file" and not source.quiet:
            self.opened.emit(source.name)

    def set_picture(self, pixels: np.ndarray, title: str) -> None:
        """Make an array the input."""
        picture = Picture(pixels, title[:1].upper() + title[1:])
        self.panel_.camera_button.setChecked(False)
        self.bench.set_picture(picture)
        self.clear_error()

    def _on_camera(self, on: bool) -> None:
        if on:
            self.sources.cancel()
            self.camera.start()
        else:
            self.camera.stop()

    def _on_camera_stopped(self) -> None:
        self.panel_.camera_button.setChecked(False)

    def _ready_for_frame(self) -> bool:
        return not (self.live.busy or self.drawing.drawing or self.bench.journal.grouping)

    def _on_camera_frame(self, pixels: np.ndarray) -> None:
        self.bench.show_frame(pixels, tr("Camera"))

    # Files

    def accepts(self, paths: Sequence[Path]) -> int:
        if filters_net_among(paths) is not None:
            return 3
        if all(p.suffix.lower() in KERNEL_SUFFIXES and not _is_picture(p) for p in paths):
            return 2
        return 1 if len(paths) == 1 and _is_picture(paths[0]) else 0

    def open_paths(self, paths: Sequence[Path]) -> None:
        net = filters_net_among(paths)
        if net is not None:
            self.files.open_filters(net)
            return
        for number, path in enumerate(paths):
            if _is_picture(path):
                self.open_source(Source("file", str(path)))
            else:
                self.files.open_kernel(path, (self.active + number) % 3)

    # State

    def save_state(self) -> dict[str, Any]:
        return session.saved(
            self.bench,
            self.look,
            self.panel_,
            self.bottom.page,
            self.layout_.wanted,
            self._known_source(),
        )

    def _known_source(self) -> Source | None:
        """What the picture can be read from again; None if it is in no file."""
        known = _source_of(self.bench.picture)
        if self._waiting is not None and (known or not self.bench.picture.title):
            return self._waiting
        return known

    def save_pictures(self) -> dict[str, Kept]:
        source, picture = self._known_source(), self.bench.picture
        before = session.step_pictures(self.bench, source)
        if source is not None and source.kind == "copy":  # it is being read, or cannot be
            return {"input": Path(source.name), **before}
        if source is not None or not picture.title:
            return {}
        if picture.passing and self.camera.running:
            # One of a camera's frames, not each of them: a new one with every edit.
            edit = self.bench.journal.undo_edit
            if self._camera_copy is None or self._camera_copy[0] is not edit:
                self._camera_copy = edit, picture
            picture = self._camera_copy[1]
        return {"input": picture.pixels, **before}

    def restore_state(self, state: dict[str, Any]) -> None:
        bench, kept = FilterBench(), state.get("bench")
        self.left_out = session.odd(state)
        if isinstance(kept, dict):
            try:
                bench.restore(kept)
            except EXPECTED:  # written by hand or by another version: begin anew
                self.left_out.append("bench")
        elif kept is not None:
            self.left_out.append("bench")
        source = session.source_from(state)
        self._adopt(bench)
        self._restore_ways(state)
        self._waiting = source
        if source is not None:
            self.open_source(source)
        elif self._started:
            self.sources.open(Source("sample", "chelsea", quiet=True))

    def _restore_ways(self, state: dict[str, Any]) -> None:
        """Look, brush and page."""
        panel = self.panel_
        self.set_look(session.look_from(state.get("look")))
        for field, key in ((panel.brush, "brush"), (panel.step, "step")):
            value = state.get(key)
            if isinstance(value, (int, float)):
                field.show_value(min(field.maximum(), max(field.minimum(), float(value))))
        at = panel.symmetry.findData(str(state.get("symmetry")))
        panel.symmetry.setCurrentIndex(max(0, at))
        self._on_brush()
        page = state.get("page")
        if isinstance(page, str) and page in PAGES:
            self.bottom.show_page(page)
        lower = state.get("lower")
        self.layout_.set_wanted(lower if isinstance(lower, bool) else None)

    # Projects

    def project_part(self) -> ProjectPart:
        state = self.save_state()
        view = {key: state[key] for key in session.VIEW}
        return ProjectPart(
            self.bench.session(), self._project_picture(), view, self.bench.state.stack
        )

    def _project_picture(self) -> ProjectPicture | None:
        from filterlab.workbench.project import ProjectPicture

        source, picture = self._known_source(), self.bench.picture
        if source is not None and source.kind in ("sample", "pattern"):
            return ProjectPicture(source.kind, source.name)
        if picture.title:
            title = frame_title(picture.title, picture.frame, picture.frames)
            return ProjectPicture("pixels", title, picture.pixels)
        if source is not None:  # it is yet to be read
            return ProjectPicture("pixels", source.title, file=Path(source.name))
        return None

    def show_project(self, part: ProjectPart) -> None:
        self.panel_.camera_button.setChecked(False)
        self.sources.cancel()
        self._started = True
        given = part.picture
        # Of the rest a stranger's file would say where to read pictures.
        state: dict[str, Any] = {k: v for k, v in part.view.items() if k in session.VIEW}
        if part.values is not None:
            state["bench"] = dict(part.values)
        if given is None or given.pixels is None or part.values is None:
            if given is not None:
                state["source"] = {"kind": given.kind, "name": given.name}
            self.restore_state(state)
        else:
            bench = FilterBench()
            picture = Picture(given.pixels, given.name or tr("picture"))
            begun = from_session(part.values, picture)
            bench.begin_with(replace(begun, stack=part.steps))
            self._waiting = None
            self._adopt(bench)
            self._restore_ways(state)
        self.mark_clean()

    @property
    def clean(self) -> bool:
        return self.bench.clean and self.look == self._clean_look

    def mark_clean(self) -> None:
        self._clean_look = self.look
        self.bench.mark_clean()

    def project_mark(self) -> object:
        return self.bench.state, self.look

    def hand_over(self) -> dict[str, Any]:
        # A drag under way ends here: the window that would hear of its end goes.
        self.drawing.finish()
        for editor in self.editors:
            editor.grid.finish()
        self.bench.close_groups()
        live = {"live": self.bench, "active": self.active}
        more = {"waiting": self._waiting, "clean_look": self._clean_look}
        asked = {
            "asked": self.sources.asked if self.sources.busy else None,
            "camera": self.camera.source if self.camera.running else None,
        }
        return {**self.save_state(), **live, **more, **asked}

    def take_over(self, state: dict[str, Any]) -> None:
        self.sources.cancel()  # the sample that a window begins with
        live = state["live"]
        self._started = bool(live.picture.title or live.undo_name or live.redo_name)
        self._waiting = state["waiting"]
        self._clean_look = state["clean_look"]
        self.desk.active = state["active"]
        self._adopt(state["live"])
        self._restore_ways(state)
        if state["asked"] is not None:
            self.sources.open(state["asked"])
        if state["camera"] is not None:
            self.camera.source = state["camera"]
            self.panel_.camera_button.setChecked(True)

    # Around it

    def resizeEvent(self, event: QResizeEvent) -> None:
        """What there is of height is shared out anew."""
        super().resizeEvent(event)
        self.layout_.update()

    def minimumSizeHint(self) -> QSize:
        return self.layout_.least_size()

    def event(self, event: QEvent) -> bool:
        """Another width may make the rows higher without a resize."""
        handled = bool(super().event(event))
        if event.type() == QEvent.LayoutRequest:
            self.layout_.update()
        return handled

    def _on_cell(self, cell: object) -> None:
        """Say what stands under the mouse."""
        self.hint_changed.emit()

    def _cell_hint(self) -> str:
        for editor in self.editors:
            cell = editor.grid.hovered_cell
            if cell is not None:
                row, column = cell
                value = f"{float(editor.grid.values()[cell]):.7g}".replace("-", "\N{MINUS SIGN}")
                where = tr("Filter {n}, row {row}, column {column}: {value}").format(
                    n=editor.slot, row=row, column=column, value=value
                )
                click = (
                    tr("click or drag paints")
                    if self.panel_.click_paints.isChecked()
                    else tr("click selects, drag paints")
                )
                return f"{where}  ·  {click}{tr(', double-click or typing edits, wheel nudges')}"
        return ""

    def _on_progress(self, progress: Progress, _left: float | None) -> None:
        done = "" if progress.fraction is None else f" {100 * progress.fraction:.0f} %"
        self._working = f"{tr(progress.step)}{done}"
        self.hint_changed.emit()

    def _on_worked(self) -> None:
        self._working = ""
        self.hint_changed.emit()

    def hint(self) -> str:
        if self._working:
            return self._working
        cell = self._cell_hint()
        if cell:
            return cell
        if self.layout_.shown:
            return tr("F1: what the mouse and the keys do here")
        return tr("Lower panel, with the products behind a pixel and the pycaffe lines: Ctrl+B")

    def _on_lower(self, shown: bool) -> None:
        self.actions_.show_lower(shown)
        self.hint_changed.emit()

    def activated(self) -> None:
        if not self._started:
            self._started = True
            if not self.bench.picture.title:
                self.sources.open(Source("sample", "chelsea", quiet=True))

    def deactivated(self) -> None:
        self.panel_.camera_button.setChecked(False)
        self.pointer.pause()

    def taught_bench(self) -> FilterBench:
        return self.bench

    def lockable(self) -> dict[str, QWidget]:
        panel = self.panel_
        found: dict[str, QWidget] = {
            "filters.open": panel.open_button,
            "filters.sample": panel.sample_button,
            "filters.camera": panel.camera_button,
            "filters.draw": panel.draw_button,
            "filters.pad": panel.pad,
            "filters.stride": panel.stride,
            "filters.dilation": panel.dilation,
            "filters.colour": panel.mode,
        }
        for slot, editor in enumerate(self.editors):
            found[f"filters.grid.{slot}"] = editor.grid
            found[f"filters.preset.{slot}"] = editor.presets
            found[f"filters.bias.{slot}"] = editor.bias
        return found

    def start_lesson(self, start: Start, beside: Path | None) -> None:
        from filterlab.workbench.lessons import start_filters

        self._started, self._waiting = True, None
        start_filters(self.bench, start, beside)

    def _on_hovered(self, view: int, x: float, y: float) -> None:
        if view and self.stage.output_pixel(x, y) is not None:
            self.happened.emit("cursor")

    def _on_walk(self, on: bool) -> None:
        if on:
            self.happened.emit("walk")

    def cancel(self) -> bool:
        if self.panel_.draw_button.isChecked():
            self.panel_.draw_button.setChecked(False)
            return True
        return self.sources.cancel() or self.pointer.cancel()

    def shutdown(self) -> None:
        if self._unsubscribe is not None:
            self._unsubscribe()
            self._unsubscribe = None
        self._full_later.stop()
        self.pointer.walk.pause()
        self.camera.shutdown()
        self.sources.shutdown()
        self.files.shutdown()
        self.drawing.runner.shutdown()
        self.full.shutdown()
        self.applying.shutdown()
        self.live.shutdown()
        self.stage.shutdown()
