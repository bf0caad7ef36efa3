"""The Net tab: the net on the table; a view of NetStudy."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray
from PyQt5.QtCore import Qt
from PyQt5.QtGui import QImage, QKeyEvent
from PyQt5.QtWidgets import QInputDialog, QVBoxLayout, QWidget

from filterlab.gui.camera_feed import CameraFeed
from filterlab.gui.class_names import both_names, frame_title, picture_title
from filterlab.gui.errors import EXPECTED, one_sentence
from filterlab.gui.file_dialogs import (
    NET_ENDINGS,
    folder_path,
    net_prefix,
    net_targets,
    open_path,
    save_path,
)
from filterlab.gui.i18n import tr
from filterlab.gui.jobs import JobRunner, Latest
from filterlab.gui.model_texts import model_about, model_title, model_titles, progress_texts
from filterlab.gui.net import help, words
from filterlab.gui.net.kernel_dialog import KernelDialog
from filterlab.gui.net.panels import Panels
from filterlab.gui.net.tile_grid import grey_image
from filterlab.gui.net.windows import StudyWindows
from filterlab.gui.saying import Say
from filterlab.gui.sessions import Kept
from filterlab.gui.settings import Settings
from filterlab.gui.tab import MODEL_SUFFIXES, MenuItems, OnTable, ProjectPart, Tab
from filterlab.gui.widgets.colours import lut
from filterlab.gui.widgets.thumbs import kernel_image
from filterlab.pictures import PICTURE_SUFFIXES, samples
from filterlab.pictures.shelf import FolderShelf, MovieShelf, SampleShelf
from filterlab.progress import Job, Progress, run_job
from filterlab.surgery.kernels.library import KernelLibrary, SavedKernel
from filterlab.surgery.tiles import tile_range
from filterlab.surgery.unit_facts import unit_facts
from filterlab.surgery.unit_view import enlarged, place_at, seen_box, unit_view
from filterlab.workbench.heatmap_state import Shown, Source
from filterlab.workbench.lessons import Start
from filterlab.workbench.net_study import (
    Found,
    Loaded,
    MapsDrawing,
    NetStudy,
    draw_maps,
    fitted,
    load_job,
    operations_of,
    picture_job,
    shelf_picture,
    timing_job,
)
from filterlab.workbench.project import ProjectPicture, net_part
from filterlab.zoo.catalogue import Model, default_model, last_used
from filterlab.zoo.own_models import all_models

__all__ = ["NetTab"]

Array = NDArray[np.float32]

_SAMPLE = "chelsea"
#: What of a session is of its net alone.
_OF_ITS_NET = ("edits", "blob", "units", "class")


class NetTab(Tab):
    """Shows the study, and turns what the user does into its edits."""

    name: ClassVar[str] = "net"

    def __init__(self, settings: Settings, parent: QWidget | None = None) -> None:
        super().__init__(settings, parent)
        self.study = NetStudy()
        self.library = KernelLibrary(settings.folder / "kernels.json")
        self.started = False
        #: What is to be shown when the net that is being read is there.
        self._waiting: dict[str, Any] = {}
        self._given: Shown | None = None
        #: The model that is being read, with the picture that is opened along.
        self._opening: tuple[Model, Source | Shown | None] | None = None
        #: The moment that the runner asks about, while it does; what the asker asked about last.
        self._asks: tuple[object, int, str] | None = None
        self._asked: tuple[object, int, str] | None = None
        self._held: tuple[int, int] | None = None
        self._before = False
        self._swapping = False
        self._live = False
        self._told = ""
        self._drawing: MapsDrawing | None = None
        self._peak = (0, 0)
        self._unfound: set[str] = set()
        self._build()
        say = Say(self.show_info, self.show_error, self.show_warning)
        self.windows = StudyWindows(self.study, self._class_name, say, self)
        self._make_menus()
        self._list_models()
        self._unsubscribe = self.study.subscribe(self._on_change)
        self._show_all()

    def title(self) -> str:
        return tr("Net")

    # Building

    def _build(self) -> None:
        panels = self.panels = Panels(self)
        self.bar, self.layers, self.tiles = panels.bar, panels.layers, panels.tiles
        self.maps, self.scores = panels.maps, panels.scores
        self.unit, self.kernel, self.surgery = panels.unit, panels.kernel, panels.surgery
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(panels)
        self.card = panels.card
        self.card.cancel_requested.connect(self.cancel)
        # What the net says, the newest first; the maps' drawings; what the user waits for.
        self.asker = Latest(self, show_overtaken=True)
        self.asker.ready.connect(self._on_found)
        self.asker.failed.connect(self._on_not_asked)
        self.asker.idle.connect(self._on_asked)
        self.drawer = Latest(self)
        self.drawer.ready.connect(self._on_drawn)
        self.drawer.failed.connect(self.show_error)
        self.runner = JobRunner(self)
        self.runner.started.connect(lambda title: self.card.begin(title, False))
        self.runner.progressed.connect(self._on_progress)
        self.runner.failed.connect(self._on_failed)
        self.runner.cancelled.connect(self._on_cancelled)
        self.runner.finished.connect(self._on_finished)
        # A net is written beside all else.
        self.saver = JobRunner(self)
        self.saver.failed.connect(self.show_error)
        # The layers' times and the best patches, when nothing else is to be done.
        self.background = JobRunner(self)
        self.background.progressed.connect(self._on_background)
        self.background.finished.connect(self._go_on)
        self.weigher = Latest(self)
        self.weigher.ready.connect(self.panels.facts.show_facts)
        self.camera = CameraFeed(lambda: not self.asker.busy, self)
        self.camera.frame.connect(self._on_frame)
        self.camera.failed.connect(self.show_error)
        self.camera.stopped.connect(self._on_camera_stopped)
        self._connect()

    def _connect(self) -> None:
        bar, surgery = self.bar, self.surgery
        bar.model_chosen.connect(self._on_model)
        bar.own_model_requested.connect(lambda: self._choose_own())
        bar.heatmap_requested.connect(lambda: self.table_wanted.emit("heatmap"))
        bar.sample_chosen.connect(lambda name: self.open_picture(Source(sample=name)))
        bar.frame_chosen.connect(self._choose_frame)
        bar.open_requested.connect(self._choose_picture)
        bar.camera_toggled.connect(self._on_camera)
        bar.undo_requested.connect(self.undo)
        bar.reset_requested.connect(self._reset_all)
        bar.save_requested.connect(self._save)
        self.layers.list.chosen.connect(self._on_layer)
        self.layers.list.hovered.connect(self._on_layer_hovered)
        self.panels.order.activated.connect(
            lambda at: self.study.set_view(order=str(self.panels.order.itemData(at)))
        )
        self.panels.side.chosen.connect(lambda key: self.study.set_view(side=key))
        self.tiles.chosen.connect(self._on_units)
        self.tiles.hovered.connect(self._on_tile_hovered)
        self.tiles.pointed.connect(self.study.point)
        self.tiles.chip_pressed.connect(lambda unit: self._edit(self.study.reset_units, (unit,)))
        self.maps.class_chosen.connect(self.study.want)
        self.maps.cell_pressed.connect(self._on_cell)
        self.maps.cell_asked.connect(self._on_cell_asked)
        self.scores.class_chosen.connect(self.study.want)
        picture = self.unit.picture
        picture.hovered.connect(self._on_picture_hovered)
        picture.pressed.connect(self._on_picture_pressed)
        picture.left.connect(self._on_picture_left)
        self.unit.patches.pressed.connect(self._on_patch)
        self.unit.patches_from.connect(self._on_patches_from)
        self.kernel.hovered.connect(self._say)
        self.kernel.edit_requested.connect(lambda _: self._draw_kernel())
        surgery.zeroed.connect(self._on_zero)
        surgery.factor_changed.connect(self._on_factor)
        surgery.factor_settled.connect(self._on_settled)
        surgery.swap_toggled.connect(self._on_swap)
        surgery.preset_chosen.connect(self._on_preset)
        surgery.preset_menu.aboutToShow.connect(self._list_own)
        surgery.own_chosen.connect(self._on_own)
        surgery.edit_requested.connect(self._draw_kernel)
        surgery.more_chosen.connect(self._on_more)

    def _make_menus(self) -> None:
        make = self.make_action
        self._menus: dict[str, MenuItems] = {
            "file": (
                make(tr("Open picture …"), self._choose_picture, "Ctrl+O"),
                make(tr("Save the edited net …"), self._save, "Ctrl+S"),
            ),
            "edit": (
                make(tr("Set to zero, or back"), self._toggle_zero, "Delete"),
                make(tr("Reset these units"), lambda: self._on_more("reset")),
                make(tr("Reset all layers"), self._reset_all),
                make(tr("Search a layer"), self.layers.open_search, "Ctrl+F"),
            ),
            "view": (
                make(tr("Activity"), lambda: self.study.set_view(side="activity")),
                make(tr("Weights"), lambda: self.study.set_view(side="weights")),
                make(tr("Each tile on its own scale"), self._toggle_scale),
            ),
            "model": (
                make(
                    tr("Net of the Heatmap tab"),
                    lambda: self.table_wanted.emit("heatmap"),
                    "Ctrl+T",
                ),
                make(tr("Own model …"), lambda: self._choose_own()),
                None,
                make(tr("Why this class here? …"), self.windows.show_why, "Ctrl+E"),
                make(tr("Rank the units …"), self.windows.show_ranking, "Ctrl+R"),
                make(
                    tr("Layers before and after the transplant …"),
                    self.windows.show_before_after,
                    "Ctrl+L",
                ),
            ),
        }

    def menu_actions(self) -> dict[str, MenuItems]:
        return self._menus

    def help_html(self) -> str:
        return help.help_html()

    def hint(self) -> str:
        return self._told or self._sentence()

    def _sentence(self) -> str:
        if self.study.problem:
            return tr(self.study.problem)
        sentence = self.study.sentence(self._class_name)
        return tr(sentence) if sentence else super().hint()

    def as_code(self) -> tuple[str, str]:
        bench = self.study.bench
        if bench is None:
            return "", ""
        last = bench.state.code[-1].splitlines()[-1] if bench.state.code else "net.forward()"
        return last, bench.code()

    def retell(self) -> None:
        self._list_models()
        self.panels.retell()
        self._show_all()

    def _class_name(self, index: int) -> str:
        return both_names(self.study.labels, index)[0]

    # Nets and pictures

    def activated(self) -> None:
        if not self.started:
            self.started = True
            if not self._waiting:
                # What the Heatmap tab works on, unless it has nothing yet.
                self.table_wanted.emit("heatmap")
            if self._waiting or (not self.runner.running and self.study.table is None):
                self._begin()
        self._ask()
        self._go_on()

    def deactivated(self) -> None:
        self.camera.stop()

    def _begin(self) -> None:
        known = self._waiting.get("model")
        model = default_model(known if isinstance(known, str) and known else last_used())
        if known and model.name != known:
            self._leave_out(model)
        self.open_model(model, self._given or self._source_of(self._waiting))
        self._given = None

    def _leave_out(self, model: Model) -> None:
        """Another model takes the place of one that is gone."""
        waiting, known = self._waiting, self._waiting.get("model")
        # What was done to one net says nothing of another.
        self._waiting = {k: v for k, v in waiting.items() if k not in _OF_ITS_NET}
        self._waiting["model"] = model.name
        if waiting.get("edits"):
            self.left_out.append("edits")
            self.show_error(
                tr("{name} is not on this computer; its edits are left out.").format(name=known)
            )

    def put_on_table(self, given: OnTable, layer: str = "") -> None:
        self.started = True
        if layer:
            self._waiting["layer"] = layer
        if given.wanted is not None:
            self._waiting["wanted"] = given.model.name, given.wanted
        same = self.study.model is not None and self.study.model.name == given.model.name
        if same and self.study.bench is not None:
            if self._opening is not None:
                self.runner.cancel()  # another net, that is not wanted any more
            if given.shown is not None and given.shown is not self.study.shown:
                self.study.show(given.shown)
            self._take_waiting()
            return
        if given.shown is not None:
            self.study.show(given.shown)
        self.open_model(given.model, None if given.shown is not None else Source(sample=_SAMPLE))

    def open_model(self, model: Model, source: Source | Shown | None = None) -> None:
        """Put a net on the table, and if one is given, open a picture along."""

        def job() -> Job[tuple[Loaded, Shown | None]]:
            shown = source if isinstance(source, Shown) else None
            if isinstance(source, Source):
                try:
                    shown = yield from picture_job(source)
                except (*EXPECTED,):
                    shown = yield from picture_job(Source(sample=_SAMPLE))
            loaded = yield from load_job(model)
            return loaded, shown

        self.background.cancel()
        self._start(job, tr("Open the net"), self._on_loaded)
        self._opening = model, source

    def _start(
        self, job: Callable[[], Job[Any]], title: str, take: Callable[[Any], object]
    ) -> None:
        """Run what the user waits for, in the place of what was waited for until now."""
        self._asks = None
        self.runner.start(job, title, take)

    def _on_loaded(self, result: tuple[Loaded, Shown | None]) -> None:
        loaded, shown = result
        self._held, self._opening, self._asked = None, None, None
        self._end_swap()
        self.asker.drop()  # what the net before says
        if shown is not None:
            self.study.shown = shown
        self.study.accept_net(loaded)
        self._take_waiting()
        if loaded.problem:
            self.show_error(tr(loaded.problem))

    def _take_waiting(self) -> None:
        """Show what was asked for before the net was there."""
        waiting, self._waiting = self._waiting, {}
        bench, model = self.study.bench, self.study.model
        if waiting.get("model") and (model is None or waiting["model"] != model.name):
            # Of the net that was to be found again; another one was chosen.
            waiting = {key: waiting.get(key) for key in ("layer", "wanted")}
        if waiting.get("edits") and bench is None:
            self._waiting = dict(waiting)  # for a day when it can be asked again
        if waiting.get("edits") and bench is not None:
            try:
                bench.repeat(operations_of(waiting["edits"]))
            except EXPECTED as error:
                self.left_out.append("edits")
                self.show_error(one_sentence(error))
        self.study.restore_view(waiting)
        of, wanted = waiting.get("wanted") or ("", 0)
        if model is not None and model.name == of:
            self.study.want(wanted)
        if waiting.get("layer"):
            self.study.look_at_layer(str(waiting["layer"]))

    def _source_of(self, state: dict[str, Any]) -> Source:
        path, sample = state.get("path"), state.get("sample")
        copies = state.get("pictures")
        copy = copies.get("picture") if isinstance(copies, dict) else None
        if isinstance(copy, str) and os.path.isfile(copy):
            return Source(path=copy)
        if isinstance(path, str) and path and os.path.isfile(path):
            frame: Any = state.get("frame")
            return Source(path=path, frame=frame if type(frame) is int and frame >= 0 else 0)
        known = {s.name for s in samples()}
        return Source(sample=sample if isinstance(sample, str) and sample in known else _SAMPLE)

    def open_picture(self, source: Source) -> None:
        """Read a picture and show it to the net."""

        def take(shown: Shown) -> None:
            self._held = None
            self.study.show(shown)
            if source.path:
                self.opened.emit(source.path)

        self.camera.stop()
        if self._opening is not None:
            self.open_model(self._opening[0], source)
            return
        self._start(lambda: picture_job(source), tr("Open picture"), take)

    def _choose_picture(self) -> None:
        path = open_path(self, "picture", tr("Open picture"), self.picture_filter())
        if path is not None:
            self.open_picture(Source(path=str(path)))

    def _choose_frame(self, frame: int) -> None:
        shown = self.study.shown
        if shown is not None and shown.source.path:
            self.open_picture(replace(shown.source, frame=frame))

    def _on_model(self, key: str) -> None:
        found = next((m for m in all_models() if m.name == key), None)
        if found is not None:
            self.open_model(found, self._missing_picture())

    def _missing_picture(self) -> Source | None:
        return Source(sample=_SAMPLE) if self.study.shown is None else None

    def _choose_own(self, paths: Sequence[Path] = ()) -> None:
        from filterlab.gui.own_model_dialog import OwnModelDialog

        dialog = OwnModelDialog(self, [Path(p) for p in paths] if paths else [])
        if dialog.exec_() and dialog.model is not None:
            self.open_model(dialog.model, self._missing_picture())
        dialog.deleteLater()

    def _on_camera(self, on: bool) -> None:
        if on:
            self.camera.start()
        else:
            self.camera.stop()

    def _on_camera_stopped(self) -> None:
        self.bar.camera_button.setChecked(False)
        self._live = False
        self._ask()

    def _on_frame(self, picture: Array) -> None:
        self._live = True
        self.study.show(Shown(Source(array_name=tr("camera")), picture, passing=True))

    # What the user does

    def _edit(self, do: Callable[..., str], *given: Any, **named: Any) -> None:
        """Make an edit; one that cannot be made says why."""
        try:
            do(*given, **named)
        except EXPECTED as error:
            self.show_error(one_sentence(error))
            self._show_surgery()
        else:
            self.clear_error()

    def _on_layer(self, index: int) -> None:
        row = self.study.rows[index]
        if row.blob:
            self._held = None
            self.study.look_at(row.blob)

    def _on_layer_hovered(self, index: int) -> None:
        self._say(words.row_told(self.study.rows[index]).splitlines()[0] if index >= 0 else "")

    def _on_units(self, units: tuple[int, ...]) -> None:
        if self._swapping:
            self._swapping = False
            self.surgery.swap_button.setChecked(False)
            if units and units[0] not in self.study.units:
                self._edit(self.study.swap, units[0])
            return
        self._held = None
        self.study.choose(units)

    def _on_tile_hovered(self, unit: int) -> None:
        channels = self.study.channels(self._before)
        if unit < 0 or channels is None or unit >= len(channels):
            self._say("")
            return
        values = channels[unit]
        if values.size == 1:
            told = tr("unit {n}: {value}").format(
                n=unit, value=words.number(float(values.max()), 3)
            )
        else:
            told = tr("unit {n}: mean {mean}, peak {peak}").format(
                n=unit,
                mean=words.number(float(values.mean(dtype=np.float64)), 3),
                peak=words.number(float(values.max()), 3),
            )
        self._say(told)

    def _say(self, told: str) -> None:
        if told != self._told:
            self._told = told
            self.hint_changed.emit()

    def _toggle_scale(self) -> None:
        self.study.set_view(scale="own" if self.study.scale == "shared" else "shared")

    def _toggle_zero(self) -> None:
        if self.study.units and self.study.editable:
            self._on_zero(not all(self.study.is_zero(u) for u in self.study.units))

    def _on_zero(self, on: bool) -> None:
        self._edit(self.study.operate, "zero") if on else self._edit(self.study.reset_units)

    def _on_factor(self, factor: float, dragging: bool) -> None:
        study = self.study
        adds_up = bool(study.units) and study.editable and self._factor(study.units) is None
        self._live = dragging
        self._edit(study.scale_units, factor, live=True)
        if adds_up and not dragging and study.bench is not None:
            study.bench.seal()  # it stands at 1 again: the next one is of what is there now

    def _on_settled(self) -> None:
        self._live = False
        if self.study.bench is not None:
            self.study.bench.seal()
        self._ask()

    def _on_swap(self, on: bool) -> None:
        self._swapping = on and len(self.study.units) == 1
        self.surgery.swap_button.setChecked(self._swapping)
        self._say(tr("Click the tile of the other unit.") if self._swapping else "")

    def _end_swap(self) -> None:
        if self._swapping:
            self._on_swap(False)

    def _plane(self) -> tuple[int | None, Array] | None:
        """The chosen plane (None: all of them) and its weights; None if there are no planes."""
        if not self.study.units:
            return None
        found = self.study.weights(self.study.units[0])
        if found is None or found[0].ndim != 3 or found[0].shape[1:] == (1, 1):
            return None
        plane = self.kernel.plane
        return (plane if plane >= 0 else None), found[0][max(0, plane)]

    def _list_own(self) -> None:
        """The user's own kernels as they are on disk now."""
        self.surgery.set_own([(k.name, k.values) for k in self._own_kernels()])

    def _on_own(self, name: str) -> None:
        found = self._plane()
        kernel = next((k for k in self._own_kernels() if k.name == name), None)
        if found is None or kernel is None:
            return
        plane, values = found
        size = (int(values.shape[0]), int(values.shape[1]))

        def replace_by_own() -> str:
            fits = [fitted(part, size) for part in kernel.values]
            weights = self.study.weights(self.study.units[0])
            if plane is None and weights is not None and len(weights[0]) == len(fits) == 3:
                # A library's planes are red, green, blue.
                return self.study.replace_plane(None, fits[::-1] if self._is_bgr() else fits)
            return self.study.replace_plane(plane, fits[0])

        self._edit(replace_by_own)

    def _own_kernels(self) -> list[SavedKernel]:
        try:
            return self.library.all()
        except EXPECTED as error:
            self.show_error(one_sentence(error))
            return []

    def _on_preset(self, key: str) -> None:
        found = self._plane()
        if found is not None:
            plane, values = found
            self._edit(
                self.study.replace_plane,
                plane,
                self.study.preset(key, (values.shape[0], values.shape[1])),
            )

    def _draw_kernel(self) -> None:
        found = self._plane()
        if found is None:
            return
        plane, values = found
        index = plane or 0
        title = tr("Unit {unit}, plane {plane}").format(unit=self.study.units[0], plane=index)
        study, bench, layer = self.study, self.study.bench, self.study.layer
        if bench is None:
            return
        units = study.units[:1]
        dialog = KernelDialog(title, values, self)
        before = bench.journal.undo_edit

        def draw(drawn: Array) -> None:
            weights = bench.unit(layer, units[0])[0].copy()
            weights[index] = drawn
            self._edit(bench.replace, layer, units, weights)

        dialog.drawn.connect(draw)
        # Another net ends it.
        leave = study.subscribe(lambda kinds: dialog.reject() if "net" in kinds else None)
        accepted = dialog.exec_()
        leave()
        # The step before may have been forgotten meanwhile: then as far as it goes.
        while not accepted and bench.journal.undo_edit is not before and bench.undo():
            pass
        dialog.deleteLater()

    def _on_more(self, what: str) -> None:
        study = self.study
        if what == "negate":
            self._edit(study.operate, "negate")
        elif what == "reset":
            self._edit(study.reset_units)
        elif what == "reset layer" and study.bench is not None and study.layer:
            self._edit(study.bench.reset, study.layer)
        elif what == "copy":
            source, ok = QInputDialog.getInt(
                self, tr("Copy another unit here"), tr("Unit to copy"), 0, 0, study.count - 1
            )
            if ok:
                self._edit(study.operate, "copy", count=source)
        elif what == "noise":
            share, ok = QInputDialog.getDouble(
                self, tr("Add noise"), tr("Share of the weights' spread"), 0.5, 0.0, 100.0, 2
            )
            if ok:
                self._edit(study.operate, "noise", share, len(study.session()["edits"]))
        elif what == "prune":
            keep, ok = QInputDialog.getInt(
                self,
                tr("Keep the strongest units"),
                tr("Units to keep, by the norm of their weights"),
                max(1, study.count // 2),
                0,
                study.count,
            )
            if ok:
                self._edit(study.operate, "prune", count=keep)

    def _reset_all(self) -> None:
        if self.study.bench is not None:
            self._edit(self.study.bench.reset)

    def _save(self) -> None:
        bench, model = self.study.bench, self.study.model
        if bench is None or model is None:
            self.show_error(tr("There is no net to save yet."))
            return
        try:
            path = save_path(
                self,
                "net",
                tr("Save the edited net"),
                f"{model.name}-edited.prototxt",
                "Prototxt (*.prototxt)",
                net_targets,
                endings=NET_ENDINGS,
                inputs=(model.prototxt, model.weights_path),
            )
        except EXPECTED as error:
            self.show_error(one_sentence(error))
            return
        if path is None:
            return
        prefix = net_prefix(path)

        def job() -> Job[tuple[Path, Path]]:
            yield Progress("write the net", 0, 1, prefix.name)
            return bench.save(prefix)

        def said(paths: tuple[Path, Path]) -> None:
            self.show_info(
                tr("Written to {one} and {other}.").format(one=paths[0].name, other=paths[1].name)
            )

        self.saver.start(job, tr("Save the edited net"), said)

    # A cell of the maps

    def _on_cell(self, *cell: int) -> None:
        self.study.mark_cell(None if cell == self.study.cell else (cell[0], cell[1]))

    def _on_cell_asked(self, *cell: int) -> None:
        self.study.mark_cell((cell[0], cell[1]))
        self.windows.show_why()

    def _show_cells(self) -> None:
        pair = self.study.found.maps
        self.maps.show_cells(pair.after if pair is not None else None, self.study.cell)

    # The field on the picture

    def _on_picture_hovered(self, x: float, y: float) -> None:
        place = self._place(x, y)
        if place is not None and self._held is None:
            self._show_spot(place)
            channels = self.study.channels(self._before)
            if channels is not None and self.study.units:
                value = float(channels[self.study.units[0]][place])
                self._say(
                    tr("row {row}, column {col}: {value}").format(
                        row=place[0], col=place[1], value=words.number(value)
                    )
                )
        self.study.point(place)

    def _on_picture_pressed(self, x: float, y: float) -> None:
        place = self._place(x, y)
        self._held = None if self._held is not None else place
        if place is not None:
            self._show_spot(self._held or place)

    def _on_picture_left(self) -> None:
        self._say("")
        self.study.point(None)
        if self._held is None:
            self._show_spot(None)

    def _place(self, x: float, y: float) -> tuple[int, int] | None:
        geometry, channels = self.study.geometry, self.study.channels(self._before)
        if geometry is None or channels is None:
            return None
        return place_at(geometry, (channels.shape[1], channels.shape[2]), x, y)

    # Before and after

    def keyPressEvent(self, event: QKeyEvent) -> None:
        if event.key() == Qt.Key_B and not event.isAutoRepeat() and not event.modifiers():
            self._hold_before(True)
        else:
            super().keyPressEvent(event)

    def keyReleaseEvent(self, event: QKeyEvent) -> None:
        if event.key() == Qt.Key_B and not event.isAutoRepeat():
            self._hold_before(False)
        else:
            super().keyReleaseEvent(event)

    def _hold_before(self, on: bool) -> None:
        if on != self._before:
            self._before = on
            self._show_tiles()
            self._show_unit()
            self._show_kernel()

    def _seen_before(self, unit: int) -> bool:
        """Whether a unit is shown as it was: while B is held, and while it is set to zero."""
        return self._before or self.study.is_zero(unit)

    # What the study tells

    def _on_change(self, kinds: frozenset[str]) -> None:
        if kinds & {"net", "times"}:
            self._show_layers(keep="net" not in kinds)
        if "net" in kinds or "patches" in kinds:
            self._unfound.clear()
        if kinds & {"patches", "units", "net", "blob"}:
            self._show_patches()
        if kinds & {"blob", "net", "view", "weights"}:
            self._weigh()
        if "net" in kinds:
            self._list_models()
            self._drawing = None
            self._show_classes()
            self._show_maps()
        if kinds & {"net", "picture"}:
            self._show_picture()
        if kinds & {"net", "blob", "units"}:
            self._end_swap()
        if kinds & {"net", "blob"}:
            self._show_blob()
        if kinds & {"net", "blob", "view", "found", "weights"}:
            self._show_tiles()
        if kinds & {"units", "net", "blob"}:
            self.tiles.set_chosen(self.study.units)
        if kinds & {"units", "net", "blob", "found", "weights"}:
            self._show_unit()
            self._show_kernel()
            self._show_surgery()
        if kinds & {"weights", "net"}:
            self._show_edits()
        if kinds & {"found", "class", "net"}:
            self._show_scores()
            self._draw()
        if kinds & {"net", "found", "cell"}:
            self._show_cells()
        if kinds & {"net", "picture", "weights", "blob"}:
            self._ask()
        if kinds & {"blob", "patches"}:
            self._go_on()
        self.hint_changed.emit()

    def _ask(self) -> None:
        """Ask the net what is not known yet, if anybody looks."""
        study = self.study
        if not study.ready or not self.isVisible() or not study.stale:
            return
        slow = study.slow
        if study.found.maps is None or (slow and not self._live):
            # What takes longer is seen coming, and can be cancelled; a net or a picture that is
            # being read comes first.
            if not self.runner.running or self._asks is not None:
                self._asks = study.moment
                self.runner.start(study.found_job(), tr("Ask the net"), study.accept)
            return
        self._asked = study.moment
        self.asker.request(_found, study.found_job(maps=not slow))

    def _on_found(self, found: Found) -> None:
        self.study.accept(found)

    def _on_asked(self) -> None:
        study = self.study
        if study.stale and not (study.slow and self._live) and not self.runner.running:
            self._ask()

    def _draw(self) -> None:
        study = self.study
        pair, wanted, picture = study.found.maps, study.wanted, study.preview()
        if study.gave_up and (pair is None or pair.revision != study.found.revision):
            pair, self._drawing = None, None
            self.drawer.drop()
            self._show_maps()
        if pair is not None and wanted is not None and picture is not None:
            self.drawer.request(draw_maps, picture, pair, wanted, lut("diverging"))

    def _on_drawn(self, drawing: MapsDrawing) -> None:
        self._drawing = drawing
        self._show_maps()

    def _on_progress(self, progress: Progress, left: float | None) -> None:
        model = self.study.model
        step, detail, own_left = progress_texts(progress, model_title(model) if model else "")
        self.card.set_progress(
            step, progress.fraction, detail, left if own_left is None else own_left
        )

    def _on_failed(self, sentence: str) -> None:
        if not self.runner.running:
            self._stop_waiting()
        self.show_error(sentence)

    def _on_cancelled(self) -> None:
        if self.runner.running:
            return  # something else was asked for
        asked = self._asks is not None
        self._stop_waiting()
        if asked and self.study.gave_up:
            # The maps are not waited for: no older ones stand in their place, the rest is quick.
            self._draw()
            self._asked = self.study.moment
            self.asker.request(_found, self.study.found_job(maps=False))

    def _stop_waiting(self) -> None:
        """What the runner was to find out or to open is not to come."""
        if self._asks is not None:
            self.study.give_up(self._asks)
        if self._opening is not None:
            self._opening = None
            self._list_models()  # the one before stays

    def _on_not_asked(self, sentence: str) -> None:
        if self._asked is not None:
            self.study.give_up(self._asked)
        self.show_error(sentence)

    def _on_finished(self) -> None:
        if self.runner.running:
            return
        self._asks = None
        shown = self.study.shown
        if shown is not None:
            # Of a frame that could not be read, back to the one there is.
            self.bar.set_frame(shown.source.frame, shown.frames)
        self.card.end()
        self._go_on()
        self._ask()

    def _go_on(self) -> None:
        """What can be done while the user waits for nothing."""
        study, bench = self.study, self.study.bench
        if bench is None or study.model is None or self.background.running or self.runner.running:
            return
        if not self.isVisible():
            return
        layer, shelf = study.layer, study.shelf
        if study.times is None:
            self.background.start(lambda: timing_job(bench), "times", study.accept_times)
        elif layer and layer not in study.patches and layer not in self._unfound:
            self._unfound.add(layer)  # one that cannot be found is not looked for again
            self.background.start(
                lambda: bench.patches_job(layer, shelf), "patches", study.accept_patches
            )

    def _on_background(self, progress: Progress, _: float | None) -> None:
        if self.study.layer and self.study.layer not in self.study.patches:
            share = tr("{percent} %").format(percent=round(100 * progress.fraction))
            self.unit.patches.show_patches((), share)

    @property
    def settled(self) -> bool:
        """Whether nothing runs and all that is shown is of now; behind another tab nothing is."""
        busy = (
            self.runner.running
            or self.saver.running
            or self.asker.busy
            or self.drawer.busy
            or self.weigher.busy
            or self.background.running
        )
        return not busy and not (self.isVisible() and self.study.stale)

    # Showing

    def _show_all(self) -> None:
        self._show_layers(keep=False)
        self._show_classes()
        self._show_picture()
        self._show_blob()
        self._show_tiles()
        self.tiles.set_chosen(self.study.units)
        self._show_unit()
        self._show_kernel()
        self._show_surgery()
        self._show_edits()
        self._show_scores()
        self._show_maps()
        self._show_cells()
        self.hint_changed.emit()
        self.undo_changed.emit()

    def _list_models(self) -> None:
        known = all_models()
        titles = model_titles(known)
        rows = [(titles[m.name], m.name, model_about(m) or str(m.weights_path)) for m in known]
        model = self.study.model
        if model is not None and not any(m.name == model.name for m in known):
            rows.append((model_title(model), model.name, str(model.weights_path)))
        self.bar.set_models(rows, model.name if model is not None else "")

    def _show_layers(self, keep: bool) -> None:
        self.layers.set_rows(self.study.rows, keep)
        self._mark_layer()

    def _mark_layer(self) -> None:
        row = self.study.row
        index = self.study.rows.index(row) if row is not None else -1
        now = self.layers.list.current
        if now < 0 or self.study.rows[now].blob != self.study.blob:
            self.layers.list.set_current(index)

    def _show_classes(self) -> None:
        bench = self.study.bench
        count = bench.transplanted.classes if bench is not None else 0
        self.maps.classes.set_classes([f"{k} {self._class_name(k)}" for k in range(count)])

    def _show_picture(self) -> None:
        shown = self.study.shown
        titles = [(s.name, tr(s.title)) for s in samples()]
        if shown is None:
            self.bar.set_picture("", "", (0, 0), titles)
            self.bar.set_frame(0, 1)
            return
        source = shown.source
        name = picture_title(source.name, source.sample)
        self.bar.set_picture(name, source.sample, shown.size, titles)
        self.bar.set_frame(source.frame, shown.frames)

    def _show_blob(self) -> None:
        row = self.study.row
        self._mark_layer()
        self.panels.show_blob(row, self.study.editable)

    def _show_tiles(self) -> None:
        study = self.study
        channels = study.channels()
        weights = study.side == "weights" and study.editable
        self.panels.show_view(study.order, study.side, study.editable)
        if weights:
            self.tiles.set_tiles(study.count, (2, 2), self._weight_image, chip=study.chip)
        elif channels is None or not channels.size:
            why = study.problem or study.no_tiles
            self.tiles.set_tiles(0, (2, 2), lambda _: None)
            self.tiles.set_empty(tr(why) if why else "")
            return
        else:
            shape = (channels.shape[1], channels.shape[2])
            limits = study.tile_limits() if study.scale == "shared" else None
            corner = self._corner_image if self._has_corner() else (lambda _: None)
            self.tiles.set_tiles(
                len(channels), shape, lambda u: self._tile_image(u, limits), corner, study.chip
            )
        self.tiles.set_order(study.sorted_units())

    def _tile_image(self, unit: int, limits: tuple[float, float] | None) -> QImage | None:
        channels = self.study.channels(self._seen_before(unit))
        if channels is None or unit >= len(channels):
            return None
        low, high = limits if limits is not None else tile_range(channels[unit])
        return grey_image(channels[unit], low, high)

    def _has_corner(self) -> bool:
        found = self.study.weights(0)
        return (
            found is not None
            and found[0].ndim == 3
            and found[0].shape[1:] != (1, 1)
            and (self.study.pictured() or found[0].shape[0] == 1)
        )

    def _corner_image(self, unit: int) -> QImage | None:
        return self._weight_image(unit)

    def _weight_image(self, unit: int) -> QImage | None:
        found = self.study.weights(unit, self._seen_before(unit))
        if found is None:
            return None
        return kernel_image(_patch(found[0], self._is_bgr()) if self.study.pictured() else
                            _mosaic(found[0]))  # fmt: skip

    def _is_bgr(self) -> bool:
        model = self.study.model
        return model is not None and model.order.upper() == "BGR"

    def _show_unit(self) -> None:
        study = self.study
        panel = self.unit
        units = tuple(sorted(study.units))
        panel.heading.setText(words.units_title(units))
        unit = study.units[0] if study.units else -1
        channels = study.channels(unit >= 0 and self._seen_before(unit))
        picture = study.input_picture()
        if unit < 0 or channels is None or picture is None or unit >= len(channels):
            panel.about.set_text("")
            panel.peak.set_text("")
            why = study.problem or study.no_tiles
            panel.picture.show_image(None, None, tr(why) if why else "")
            panel.set_field("")
            return
        values, geometry = channels[unit], study.geometry
        view = unit_view(picture, values, geometry)
        brief: tuple[str, ...] = ("",)
        most = tr("peak {value}").format(value=words.number(view.peak))
        if geometry is None:
            about = tr("sees all of the picture")
            peak = tr("value {value}").format(value=words.number(view.peak))
            if values.size > 1:
                peak = most
        else:
            median = words.number(view.median)
            about = tr("on the picture, above its median {value}").format(value=median)
            brief = (tr("above its median {value}").format(value=median), "")
            peak = tr("peak {value} at row {row}, column {col}").format(
                value=words.number(view.peak), row=view.at[0], col=view.at[1]
            )
        if len(units) > 1:
            about = tr("unit {n} is shown").format(n=unit)
        panel.about.set_text(about, shorter=brief)
        panel.about.setToolTip(about)
        panel.peak.set_text(peak, shorter=(most,))
        panel.peak.setToolTip(peak)
        panel.picture.show_image(view.image, None)
        self._peak = view.at
        self._show_spot(self._held)

    def _show_patches(self) -> None:
        study = self.study
        best = study.patches.get(study.layer)
        unit = study.units[0] if study.units else -1
        if best is None or not 0 <= unit < best.units:
            self.unit.patches.show_patches(())
            return
        shown = []
        for patch in best.of(unit):
            name = picture_title(patch.picture, patch.picture)
            told = tr("{name}, row {row}, column {col}: {value}").format(
                name=name, row=patch.cell[0], col=patch.cell[1], value=words.number(patch.value)
            )
            shown.append((patch.image, patch.inner, told))
        self.unit.patches.show_patches(shown, "" if shown else tr("none found"))

    def _on_patch(self, at: int) -> None:
        """A patch's picture becomes the input, its place is held."""
        study = self.study
        best = study.patches.get(study.layer)
        if best is None or not study.units:
            return
        patch, shelf = best.of(study.units[0])[at], study.shelf

        def job() -> Job[Shown]:
            yield Progress("read the picture", 0, 1, patch.picture)
            return shelf_picture(shelf, patch.picture)

        def take(shown: Shown) -> None:
            study.show(shown)
            self._held = patch.cell
            self._show_spot(patch.cell)

        if self._opening is None:
            self._start(job, tr("Open picture"), take)

    def _on_patches_from(self, where: str) -> None:
        """Look for the best patches in the samples, a folder or a movie."""
        if where == "samples":
            self.study.look_in(SampleShelf())
            return
        if where == "folder":
            path = folder_path(self, "picture", tr("Folder of pictures"))
        else:
            path = open_path(self, "picture", tr("Open video"), f"{tr('All files')} (*)")
        if path is None:
            return
        try:
            shelf = FolderShelf(path) if where == "folder" else MovieShelf(path)
        except EXPECTED as error:
            self.show_error(one_sentence(error))
            return
        self.study.look_in(shelf)

    def _weigh(self) -> None:
        """The facts of the layer's weights, if they are looked at."""
        study = self.study
        shown = study.side == "weights" and study.editable
        self.panels.facts.setVisible(shown)
        if shown and study.bench is not None:
            self.weigher.request(unit_facts, study.bench.net, study.layer)

    def _show_spot(self, place: tuple[int, int] | None) -> None:
        geometry, picture = self.study.geometry, self.study.input_picture()
        if geometry is None or picture is None:
            self.unit.picture.set_box(None)
            self.unit.set_field("")
            return
        box = seen_box(geometry, *(place or self._peak))
        self.unit.picture.set_box(box)
        self.unit.spot.show_spot(*enlarged(picture, box))
        self.unit.set_field(
            tr("field {rows} × {cols}").format(rows=geometry.y.field, cols=geometry.x.field)
        )

    def _show_kernel(self) -> None:
        study = self.study
        unit = study.units[0] if study.units else -1
        found = study.weights(unit, unit >= 0 and self._seen_before(unit)) if unit >= 0 else None
        if found is None:
            self.kernel.show_weights(None)
            self.panels.show_kernel("", False)
            return
        weights, bias = found
        names: list[str] = []
        if study.pictured():
            names = [tr("red"), tr("green"), tr("blue")]
            if self._is_bgr():
                names.reverse()
        self.kernel.show_weights(weights, names)
        shape = told = " × ".join(map(str, weights.shape)) or "1"
        if bias is not None:
            told = tr("{shape}, bias {bias}").format(shape=shape, bias=words.number(bias))
        before = self._seen_before(unit) and bool(study.chip(unit))
        self.panels.show_kernel(told, before, shorter=(shape, ""))

    def _show_surgery(self) -> None:
        study, surgery = self.study, self.surgery
        units = study.units if study.editable else ()
        found = self._plane()
        surgery.set_usable(len(units), found is not None, len(units) == 1 and study.count > 1)
        size = (int(found[1].shape[0]), int(found[1].shape[1])) if found is not None else None
        if size != self.panels.preset_size:
            self.panels.preset_size = size
            surgery.set_presets(size, study.preset)
        zero = bool(units) and all(study.is_zero(unit) for unit in units)
        surgery.show_state(zero, self._factor(units))
        if study.bench is not None:
            surgery.code.set_code(study.bench.code())

    def _factor(self, units: Sequence[int]) -> float | None:
        """By what all chosen units are multiplied; None if by no one factor."""
        if self.study.bench is None or not units:
            return None
        factors = {self.study.bench.factor(self.study.layer, unit) for unit in units}
        return factors.pop() if len(factors) == 1 else None

    def _show_edits(self) -> None:
        bench = self.study.bench
        told = tr(bench.summary()) if bench is not None else ""
        self.bar.show_edits(told, self.undo_text(), bool(bench is not None and bench.state.edits))
        self.layers.list.set_edited(bench.state.layers() if bench is not None else ())
        self.undo_changed.emit()

    def _show_scores(self) -> None:
        study = self.study
        rows = study.scores()
        self.scores.show_scores(rows, [self._class_name(row.index) for row in rows], study.wanted)
        if study.wanted is not None:
            self.maps.classes.choose(study.wanted)

    def _show_maps(self) -> None:
        bench = self.study.bench
        if bench is None:
            self.maps.show_drawing(None, True, "")
            return
        done = bench.transplanted
        self.maps.show_drawing(self._drawing, done.probabilities, tr(done.quick_method))

    # Undo

    def undo_text(self) -> str:
        bench = self.study.bench
        edit = bench.journal.undo_edit if bench is not None else None
        return tr(edit.name) if edit is not None else ""

    def redo_text(self) -> str:
        bench = self.study.bench
        edit = bench.journal.redo_edit if bench is not None else None
        return tr(edit.name) if edit is not None else ""

    def undo(self) -> None:
        if self.study.bench is not None:
            self.study.bench.undo()

    def redo(self) -> None:
        if self.study.bench is not None:
            self.study.bench.redo()

    # Files

    def accepts(self, paths: Sequence[Path]) -> int:
        suffixes = {p.suffix.lower() for p in paths}
        return 1 if suffixes & {*MODEL_SUFFIXES, *PICTURE_SUFFIXES} else 0

    def open_paths(self, paths: Sequence[Path]) -> None:
        self.started = True
        found = [p for p in paths if p.suffix.lower() in MODEL_SUFFIXES]
        if found:
            self._choose_own(found)
        else:
            self.open_picture(Source(path=str(paths[0])))

    # State

    def save_state(self) -> dict[str, Any]:
        return self._waiting if self._waiting.get("model") else self.study.session()

    def save_pictures(self) -> dict[str, Kept]:
        shown = self.study.shown
        if self._waiting.get("model"):
            copies = self._waiting.get("pictures")
            copy = copies.get("picture") if isinstance(copies, dict) else None
            return {"picture": Path(copy)} if isinstance(copy, str) else {}
        if shown is None or shown.source.path or shown.source.sample or shown.passing:
            return {}
        return {"picture": shown.picture}

    def restore_state(self, state: dict[str, Any]) -> None:
        known, edits = state.get("model"), state.get("edits")
        self._waiting = dict(state) if isinstance(known, str) and known else {}
        # What is left out is told now, so that the session's file is kept aside.
        if self._waiting and (model := default_model(str(known))).name != known:
            self._leave_out(model)
        elif edits and (not isinstance(edits, list) or len(operations_of(edits)) != len(edits)):
            self.left_out.append("edits")
        self.started = False
        if self.isVisible():
            self.activated()

    def hand_over(self) -> dict[str, Any]:
        live = {"live": self.study, "started": self.started, "waiting": self._waiting}
        more = {"camera": self.camera.running, "opening": self._opening}
        return {**live, **more, "windows": self.windows.rest()}

    def take_over(self, state: dict[str, Any]) -> None:
        self.started, self._waiting = state["started"], state["waiting"]
        self.study.take_over(state["live"])
        if state["opening"] is not None:  # it was being read
            self.open_model(*state["opening"])
        elif self.started and self.study.table is None:
            self._begin()
        if state["camera"]:
            self.bar.camera_button.setChecked(True)
            self._on_camera(True)
        self.windows.go_on(state["windows"])

    # Projects

    def project_part(self) -> ProjectPart:
        if self.study.model is None and not self._waiting:
            return ProjectPart(None, None, {})  # nobody has looked at it yet
        return ProjectPart(net_part(self.save_state()), self._project_picture(), {})

    def _project_picture(self) -> ProjectPicture:
        shown = self.study.shown if not self._waiting else self._given
        source = shown.source if shown is not None else self._source_of(self._waiting)
        if source.sample:
            return ProjectPicture("sample", source.sample)
        if shown is not None:
            name = frame_title(source.name, source.frame, shown.frames)
            return ProjectPicture("pixels", name, shown.picture)
        return ProjectPicture("pixels", source.name, file=Path(source.path))

    def show_project(self, part: ProjectPart) -> None:
        self.camera.stop()
        self.runner.cancel()
        self._opening = None
        self._waiting, given = dict(part.values or {}), part.picture
        self._given = None
        if given is not None and given.pixels is not None:
            self._given = Shown(Source(array_name=given.name or tr("picture")), given.pixels)
        elif given is not None:
            self._waiting["sample"] = given.name
        self.study.clear()
        self.started = False
        if self.isVisible():
            self.activated()

    def project_mark(self) -> object:
        bench = self.study.bench
        return (None if bench is None else bench.state, self.study.model, self.study.shown)

    def mark_clean(self) -> None:
        if self.study.bench is not None:
            self.study.bench.journal.mark_clean()

    @property
    def clean(self) -> bool:
        bench = self.study.bench
        return bench is None or bench.journal.clean

    def taught_bench(self) -> NetStudy:
        return self.study

    def lockable(self) -> dict[str, QWidget]:
        bar = self.bar
        return {
            "net.model": bar.model_combo,
            "net.picture": bar.picture_combo,
            "net.open": bar.open_button,
            "net.camera": bar.camera_button,
            "net.layers": self.layers,
            "net.order": self.panels.order,
            "net.surgery": self.surgery,
        }

    def start_lesson(self, start: Start, beside: Path | None) -> None:
        """A net is read anew, so that it is as it was; without one, all edits are undone."""
        self.started = True
        self._waiting = {}
        source = None
        if start.sample is not None:
            source = Source(sample=start.sample)
        elif start.file is not None and beside is not None:
            source = Source(path=str(beside.parent / start.file))
        model = next((m for m in all_models() if m.name == start.model), None)
        if model is not None:
            self.open_model(model, source or self._missing_picture())
            return
        self._reset_all()
        if source is not None:
            self.open_picture(source)

    def cancel(self) -> bool:
        if self._swapping:
            self._on_swap(False)
            return True
        if self.camera.running:
            self.camera.stop()
            return True
        if self.runner.running:
            self.card.cancelling()
            self.runner.cancel()
            return True
        return False

    def shutdown(self) -> None:
        self._unsubscribe()
        self.windows.shutdown()
        self.camera.shutdown()
        self.runner.shutdown()
        self.saver.shutdown()
        self.background.shutdown()
        self.weigher.shutdown()
        self.asker.shutdown()
        self.drawer.shutdown()


def _found(job: Job[Found]) -> Found:
    return run_job(job)


def _patch(weights: Array, bgr: bool) -> Array:
    """A kernel on a picture's colours as (3, rows, cols), red first."""
    return weights[::-1] if bgr else weights


def _mosaic(weights: Array) -> Array:
    """A kernel's planes beside each other, about as wide as high."""
    if weights.ndim != 3:
        flat = weights.reshape(-1)
        side = int(np.ceil(np.sqrt(flat.size)))
        padded = np.zeros(side * side, np.float32)
        padded[: flat.size] = flat
        return padded.reshape(side, side)
    count, rows, cols = weights.shape
    across = int(np.ceil(np.sqrt(count)))
    gap = 0 if (rows, cols) == (1, 1) else 1
    down = -(-count // across)
    sheet = np.zeros((down * (rows + gap) - gap, across * (cols + gap) - gap), np.float32)
    for k, plane in enumerate(weights):
        y, x = k // across * (rows + gap), k % across * (cols + gap)
        sheet[y : y + rows, x : x + cols] = plane
    return sheet
