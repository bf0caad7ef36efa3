"""The Heatmap tab: where on the picture is what the classifier knows; a view of HeatmapBench."""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any, ClassVar

from PyQt5.QtWidgets import QVBoxLayout, QWidget

from filterlab.errors import FilterLabError
from filterlab.gui.class_names import classes_name, frame_title
from filterlab.gui.errors import EXPECTED, one_sentence
from filterlab.gui.heatmap import words
from filterlab.gui.heatmap.account import AccountPopover, proof_line
from filterlab.gui.heatmap.cells import Cells
from filterlab.gui.heatmap.check_popover import CheckPopover
from filterlab.gui.heatmap.experiments import Experiments
from filterlab.gui.heatmap.folder_export import FolderExport
from filterlab.gui.heatmap.model_commands import ModelCommands
from filterlab.gui.heatmap.panels import Panels
from filterlab.gui.heatmap.picture_commands import VIDEO_SUFFIXES, PictureCommands
from filterlab.gui.heatmap.room import Room
from filterlab.gui.heatmap.runs import Runs
from filterlab.gui.heatmap.save_commands import SaveCommands
from filterlab.gui.heatmap.view_popover import ViewPopover
from filterlab.gui.i18n import tr
from filterlab.gui.jobs import Latest
from filterlab.gui.saying import Say
from filterlab.gui.sessions import Kept
from filterlab.gui.settings import Settings
from filterlab.gui.stage import scene as scenes_
from filterlab.gui.tab import MODEL_SUFFIXES, MenuItems, OnTable, ProjectPart, Tab
from filterlab.pictures import COMPOSED, PICTURE_SUFFIXES, samples
from filterlab.surgery import overlay
from filterlab.surgery.heatmap import ClassMaps
from filterlab.surgery.methods import cell_steps, own_cells
from filterlab.surgery.pyramid import Pyramid
from filterlab.surgery.transplant import Transplanted
from filterlab.workbench.heatmap_bench import Change, HeatmapBench
from filterlab.workbench.heatmap_draw import Drawing, Scene, draw
from filterlab.workbench.heatmap_jobs import Outcome
from filterlab.workbench.heatmap_state import Look, Source, from_session
from filterlab.workbench.lessons import Start
from filterlab.workbench.outline import outline
from filterlab.workbench.project import ProjectPicture, heatmap_part
from filterlab.zoo.catalogue import default_model, last_used, remember_used

__all__ = ["HeatmapTab"]

#: The look that new windows begin with, among the settings.
_LOOK = "heatmap_look"


class HeatmapTab(Tab):
    """Shows the bench, and turns what the user does into its edits."""

    name: ClassVar[str] = "heatmap"

    def __init__(self, settings: Settings, parent: QWidget | None = None) -> None:
        super().__init__(settings, parent)
        self.bench = HeatmapBench(default_model(last_used()), self._kept_look())
        self.started = False
        self.first_source = Source(sample=COMPOSED)
        self._copy: Kept | None = None
        #: The last session's picture, if it is not where it was.
        self._moved: Source | None = None
        self.drawing: Drawing | None = None
        self._drawn_of: tuple[Any, ...] = ()
        #: The map that is filling in, with its pyramid; None when nothing is.
        self._partial: tuple[ClassMaps, Pyramid | None] | None = None
        self._unranked = False
        self._outlined: tuple[Any, ...] = ()
        self._steps: tuple[tuple[Any, ...], tuple[int, ...]] = ((), ())
        self._told = ""
        self._code = ("", "")
        self.say = Say(self.show_info, self.show_error, self.show_warning)
        self._build()
        self._make_menus()
        self._list_samples()
        self.models.list()
        self._unsubscribe = self.bench.subscribe(self._on_change)
        self._show_all()

    def title(self) -> str:
        return tr("Heatmap")

    def _list_samples(self) -> None:
        self.controls.set_samples([(s.name, tr(s.title)) for s in samples()])

    def retell(self) -> None:
        self._list_samples()
        self.models.list()
        self._show_picture()
        self._show_size()
        self._show_choice()
        self._show_result()
        self._show_status()
        self._show_names()
        self._show_caption()
        self.cells.show()
        if self.account.isVisible():
            self._tell_account()
        if self.check.isVisible():
            self._tell_check()
        self.undo_changed.emit()

    # Building

    def _build(self) -> None:
        bench = self.bench
        panels = self.panels = Panels(self)
        self.controls, self.stage, self.classes = panels.controls, panels.stage, panels.classes
        self.strip, self.result = panels.strip, panels.result
        self.view = self.stage.view
        self.export = FolderExport(self.make_runner(), self.show_info, self.show_error, self)
        panels.below.addWidget(self.export)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(panels)
        self.popover = ViewPopover(self)
        self.account = AccountPopover(self)
        self.check = CheckPopover(self)
        self.check.closed.connect(self._show_checked)
        self.drawer = Latest(self)
        self.drawer.ready.connect(self._on_drawn)
        self.drawer.failed.connect(self.show_error)
        # How far the slider goes is a search through sizes, too long for this thread.
        self.measurer = Latest(self)
        self.measurer.ready.connect(self._on_steps)
        self.measurer.failed.connect(self.show_error)

        self.runs = Runs(bench, self._quiet_runner(), self.stage.job, self)
        self.cells = Cells(bench, self.stage, panels.foot, self)
        self.pictures = PictureCommands(
            bench, self.runs, self.say, self.picture_filter(), self.opened.emit, self
        )
        self.models = ModelCommands(bench, self.runs, self.say, self.controls.set_models, self)
        self.saves = SaveCommands(bench, self.runs, self.export, self.say, self)
        self.experiments = Experiments(bench, self.runs, self.cells, self.saves, self.say, self)
        self.room = Room(bench, self.runs, self.models, self.say, lambda: self.drawing, self)
        self._connect()

    def _quiet_runner(self) -> Any:
        """A runner whose failures are shown in the card on the stage."""
        from filterlab.gui.jobs import JobRunner

        return JobRunner(self)

    def _connect(self) -> None:
        controls, pictures = self.controls, self.pictures
        controls.model_chosen.connect(self._on_model)
        controls.own_model_requested.connect(self.models.choose_own)
        controls.models_requested.connect(self.models.show_models)
        controls.open_requested.connect(pictures.choose)
        controls.picture_chosen.connect(pictures.open_file)
        controls.sample_chosen.connect(pictures.open_sample)
        controls.camera_requested.connect(pictures.start_camera)
        controls.frame_chosen.connect(pictures.choose_frame)
        controls.cells_changed.connect(self._on_cells)
        controls.cells_hovering.connect(self._on_hovering_cells)
        controls.density_chosen.connect(self._on_density)
        controls.method_chosen.connect(self._on_method)
        controls.view_button.clicked.connect(self._open_view)
        controls.stage_button.clicked.connect(lambda: self.scene_wanted.emit("stage"))
        self.popover.changed.connect(self._on_look)
        self.popover.settled.connect(self.bench.seal)
        self.popover.reset_requested.connect(self._reset_look)
        self.popover.keep_requested.connect(self._keep_look)
        self.strip.pressed.connect(self.layer_wanted)
        self.classes.chosen_changed.connect(self._on_classes)
        self.cells.changed.connect(self._on_cell)
        self.view.hovered.connect(self._on_hovered)
        self.stage.alone_requested.connect(self._on_alone_number)
        self.result.pressed.connect(self._on_pressed)
        self.result.save_requested.connect(self.saves.save_net)
        self.result.account_requested.connect(self._open_account)
        self.result.check_requested.connect(self._open_check)
        self.account.diff_requested.connect(self.models.show_diff)
        self.runs.partial.connect(self._on_partial)
        self.runs.changed.connect(self._on_runs)
        self.runs.said.connect(self.show_info)
        # What works after an error shows that it is over.
        self.runs.done.connect(self.clear_error)

    def _make_menus(self) -> None:
        make, pictures, saves = self.make_action, self.pictures, self.saves
        models, experiments = self.models, self.experiments
        alone = make(tr("Classify this window alone"), experiments.classify_alone, "A")
        experiments.alone_action = alone
        self.squash_action = make(
            tr("Squash the picture to a square, as in the tutorial"), checkable=True
        )
        self.squash_action.triggered.connect(self._on_squash)
        self._menus: dict[str, MenuItems] = {
            "file": (
                make(tr("Open picture …"), pictures.choose, "Ctrl+O"),
                make(tr("Open video …"), pictures.choose_video),
                make(tr("Next picture of the folder"), pictures.next, "PgDown"),
                make(tr("Previous picture of the folder"), pictures.previous, "PgUp"),
                None,
                make(tr("Save overlay …"), saves.save_overlay, "Ctrl+S"),
                make(tr("Save overlay with scale and caption …"), saves.save_figure),
                make(tr("Save map …"), saves.save_map),
                make(tr("Save report …"), saves.save_report),
                make(tr("Save transplanted net …"), saves.save_net),
                make(tr("Export a whole folder …"), saves.export_folder),
                None,
            ),
            "edit": (
                make(tr("Paste picture"), pictures.paste, "Ctrl+V"),
                make(tr("Copy overlay"), self._copy_overlay, "Ctrl+C"),
                make(tr("Search a class"), self._search, "Ctrl+F"),
            ),
            "view": (
                make(tr("How the map is shown …"), self._open_view, "Ctrl+L"),
                make(tr("Whole picture"), self.view.fit, "Ctrl+0"),
                make(tr("Pin this cell"), self.cells.pin_current),
                make(tr("Forget pinned cells"), self._clear_pins),
            ),
            "model": (
                make(tr("Transplant"), models.transplant, "Ctrl+T"),
                make(tr("Models …"), models.show_models),
                make(tr("Own model …"), self._choose_own),
                make(tr("Get weights"), models.get_weights),
                make(tr("Prototxts before and after …"), models.show_diff),
                None,
                self.squash_action,
                None,
                alone,
                make(tr("Dense pass against sliding windows …"), experiments.compare_sliding),
                make(tr("Dense features …"), experiments.show_features),
            ),
        }

    def menu_actions(self) -> dict[str, MenuItems]:
        return self._menus

    def scenes(self) -> dict[str, str]:
        return self.room.scenes()

    def make_scene(self, key: str, parent: QWidget) -> scenes_.Scene | None:
        return self.room.make(key, parent)

    def _on_pressed(self, what: str) -> None:
        if what == "show me":
            self.scene_wanted.emit(what)
        else:
            self.models.press(what)

    def help_html(self) -> str:
        return words.help_html()

    def hint(self) -> str:
        return self._told

    def as_code(self) -> tuple[str, str]:
        return self._code

    def activated(self) -> None:
        self.runs.awake = True
        if not self.started:
            self.started = True
            if not self.runs.busy:
                self._open_first()
        self.runs.bring_up_to_date()

    def deactivated(self) -> None:
        self.runs.stop_live()

    def _open_first(self) -> None:
        if self._moved is not None:
            path = Path(self._moved.path)
            self.show_error(
                tr(
                    "{name} is not in {folder} any more; open it again. A sample stands in for it."
                ).format(name=path.name, folder=path.parent)
            )
        if self._copy is None:
            self.pictures.open(self.first_source)
            return
        copy, source = self._copy, self.first_source
        if not isinstance(copy, Path):
            self.pictures.open(source, copy)
            return

        def job() -> Any:
            outcome: Outcome = yield from self.bench.open_job(Source(path=str(copy)))
            if outcome.shown is not None:
                outcome.shown = replace(outcome.shown, source=source)
            return outcome

        self.runs.start(job(), tr("Open picture"), self.runs.accept)

    # What the user does

    def _edit(self, do: Any, *given: Any, **named: Any) -> None:
        """Make an edit; one that cannot be made says why and is not shown as made."""
        try:
            with self.bench.journal.joining(self.controls.runs.key or self.popover.runs.key):
                do(*given, **named)
        except FilterLabError as error:
            self.show_error(one_sentence(error))
            self._show_size()

    def _on_cells(self, cells: int) -> None:
        self._edit(self.bench.set_cells, cells)

    def _on_hovering_cells(self, cells: int) -> None:
        self.controls.show_grid(*words.grid_text(self.bench, cells))

    def _on_model(self, key: str) -> None:
        self._edit(self.models.choose, key)

    def _on_density(self, density: str) -> None:
        self._edit(self.bench.set_density, density)

    def _on_method(self, method: str) -> None:
        self._edit(self.bench.set_method, method)

    def _on_squash(self, on: bool) -> None:
        self._edit(self.bench.set_squash, on)

    def _on_classes(self, classes: tuple[int, ...], how: str) -> None:
        if how == "second":
            self._edit(self.bench.choose_second, classes)
        else:
            self._edit(self.bench.choose, classes, merge=how == "keys")

    def _on_look(self, field: str, value: object, moving: bool) -> None:
        self._edit(self.bench.set_look, merge=moving, **{field: value})

    def _reset_look(self) -> None:
        self._edit(self.bench.set_look, **asdict(self._kept_look()))

    def _keep_look(self) -> None:
        self.settings.set_text(_LOOK, json.dumps(asdict(self.bench.look)))
        self.show_info(tr("New windows begin with this look."))

    def _kept_look(self) -> Look:
        try:
            return Look.from_state(json.loads(self.settings.text(_LOOK) or "{}"))
        except ValueError:
            return Look()

    def _open_view(self) -> None:
        self.happened.emit("view")
        self.popover.open_under(self.controls.view_button)

    def _open_account(self) -> None:
        if self.bench.transplanted is not None:
            self.happened.emit("account")
            self._tell_account()
            self.account.open_under(self.result.proof)

    def _tell_account(self) -> None:
        done = self.bench.transplanted
        if done is not None:
            self.account.show_transplanted(done, self.bench.labels)

    def _open_check(self) -> None:
        """Show the check's windows on the picture, and its answers beside the classifier's."""
        if self.bench.agreement is not None:
            self.happened.emit("check")
            self._tell_check()
            self.check.open_under(self.result.meter)
            self._show_checked()

    def _tell_check(self) -> None:
        found = self.bench.agreement
        if found is not None:
            name, _ = classes_name(self.bench.labels, self.bench.classes)
            self.check.show_agreement(found, self.bench.classes, name)

    def _on_alone_number(self, number: int) -> None:
        pins = self.bench.pins
        if 0 < number <= len(pins):
            self.cells.set_current(pins[number - 1])
        self.experiments.classify_alone()

    def _clear_pins(self) -> None:
        self._edit(self.bench.clear_pins)

    def _choose_own(self) -> None:
        self.models.choose_own()

    def _search(self) -> None:
        self.classes.search.setFocus()
        self.classes.search.selectAll()

    def _copy_overlay(self) -> None:
        if self.drawing is not None:
            self.saves.copy_overlay(self.drawing)

    # What the bench tells

    def _on_change(self, change: Change) -> None:
        kinds = change.kinds
        if not self.bench.stale or kinds & {"model", "net", "picture", "size"}:
            self._partial = None
        if kinds & {"model", "net"}:
            self.models.list()
            self._show_net()
            if self.bench.transplanted is not None:
                remember_used(self.bench.model)
                self.pictures.play_waiting()
        if kinds & {"model", "net", "picture"}:
            self._unranked = True
        if kinds & {"model", "net", "picture", "maps"}:
            self._show_maps()
        if kinds & {"model", "net", "picture", "size", "maps"}:
            self._show_size()
            self._show_strip()
        if kinds & {"classes", "look", "maps", "net"}:
            self._show_choice()
        if kinds & {"model", "net", "picture", "maps", "classes", "look"}:
            self.redraw()
        if "picture" in kinds:
            self._show_picture()
        self._show_result()
        self._show_status()
        self.undo_changed.emit()

    def _show_all(self) -> None:
        self._show_net()
        self._show_picture()
        self._show_maps()
        self._show_size()
        self._show_strip()
        self._show_choice()
        self._show_result()
        self._show_status()
        self.redraw()
        self.undo_changed.emit()

    def _show_net(self) -> None:
        done = self.bench.transplanted
        self.classes.set_labels(self.bench.labels, done.classes if done is not None else 0)
        if self.bench.labels_problem:
            self.show_error(self.bench.labels_problem)

    def _show_picture(self) -> None:
        shown = self.bench.shown
        if shown is None:
            return
        name = words.source_title(shown.source)
        others = [path for path in self.settings.recent if path != shown.source.path]
        others = [p for p in others if Path(p).suffix.lower() in PICTURE_SUFFIXES]
        self.controls.set_picture(name, shown.size, others)
        self.controls.set_frame(shown.source.frame, shown.frames)
        self.stage.set_picture_size(shown.size)

    def _show_maps(self) -> None:
        bench = self.bench
        if bench.run is None and bench.stale and bench.transplanted is not None:
            return  # the list stays as it was until the new map begins to fill in
        self.classes.set_maps(bench.maps, bench.preview)

    def _show_size(self) -> None:
        bench = self.bench
        done, shown = bench.transplanted, bench.shown
        if done is None or shown is None:
            self.controls.set_cells((), 0)
            self.controls.show_grid("")
        else:
            try:
                planned = bench.run.plan if bench.run is not None else bench.plan()
                steps = self._cell_steps(done, shown.size)
                self.controls.set_cells(steps, own_cells(done, planned))
            except EXPECTED as error:
                self.show_error(one_sentence(error))
            text, told, warn = words.grid_text(bench)
            # While a job runs its card tells the time that is left.
            self.controls.show_grid(text, "" if self.runs.busy else told, warn)
        self.controls.set_densities(words.density_offers(bench), bench.request.density)
        self.controls.set_methods(*words.method_offers(bench))
        self.squash_action.setChecked(bool(bench.request.squash))

    def _cell_steps(self, done: Transplanted, size: tuple[int, int]) -> tuple[int, ...]:
        """The slider's steps; of a new size those of the net's last one until they are found."""
        key = (id(done), size)
        if self._steps[0] != key:
            same = self._steps[0][:1] == key[:1]
            self._steps = (key, self._steps[1] if same else ())
            self.measurer.request(lambda: (key, cell_steps(done, size)))
        return self._steps[1]

    def _on_steps(self, found: tuple[tuple[Any, ...], tuple[int, ...]]) -> None:
        if found[0] == self._steps[0]:
            self._steps = found
            self._show_size()

    def _show_strip(self) -> None:
        bench = self.bench
        done, maps = bench.transplanted, bench.maps
        size = maps.input_size if maps is not None else self._planned_size()
        key = (bench.model, id(done), size)
        if key == self._outlined:
            return
        self._outlined = key
        try:
            if done is None:
                from filterlab.caffe.prototxt import read_net

                slabs = outline(read_net(bench.model.prototxt))
            else:
                slabs = outline(done.param, size, done.conversions)
        except EXPECTED:
            slabs = []  # Transplant says what is wrong with it
        self.strip.set_slabs(slabs)

    def _planned_size(self) -> tuple[int, int] | None:
        """The net's input in the map to come, (height, width); None if none is due."""
        if self.bench.transplanted is None or self.bench.shown is None:
            return None
        try:
            return self.bench.plan().input_size
        except EXPECTED:
            return None  # the job says what is wrong with it

    def _show_choice(self) -> None:
        bench = self.bench
        chosen = bench.classes
        if self._partial is not None and not chosen:
            chosen = bench.classes_of(self._partial[0])
        self.classes.set_chosen(chosen, bench.second, bench.look.show == "two")
        self._show_popover()
        self._show_checked()
        self._show_names()

    def _show_checked(self) -> None:
        """Mark the windows of the check, if they are asked for or its panel is open."""
        bench = self.bench
        wanted = bench.look.windows or self.check.isVisible()
        checked, maps = (bench.agreement if wanted else None), bench.maps
        self.view.checked.set_boxes(
            [maps.window_on_picture(*cell) for cell in checked.cells]
            if checked is not None and maps is not None
            else []
        )

    def _show_popover(self) -> None:
        maps, classes = self.bench.maps, self.bench.classes
        peak = float(maps.values(classes).max()) if maps is not None and classes else None
        self.popover.set_look(self.bench.look, words.scale_name(self.drawing, peak))

    def _show_names(self) -> None:
        maps = self.bench.maps
        if maps is None or not self.bench.look.names:
            self.view.show_texts([])
            return
        winners, labels = maps.winners(), self.bench.labels
        self.view.show_texts(
            [
                (maps.tile_on_picture(i, j), words.cell_name(labels, int(winners[i, j])))
                for i in range(maps.rows)
                for j in range(maps.cols)
            ]
        )

    def _show_result(self) -> None:
        bench, result = self.bench, self.result
        done = bench.transplanted
        if done is None:
            result.proof.tell("info", "", tr("Not yet a map"), tr("Transplant makes it one"))
            result.meter.tell("gauge", "", "")
            if not bench.model.ready and not bench.model.makeable:
                size = f" ({bench.model.size / 1e6:.0f} MB)" if bench.model.size else ""
                result.offer("get", tr("Get weights") + size, enabled=not self.runs.busy)
            else:
                told = tr("Turn the fully connected layers into convolutions that share weights")
                result.offer("transplant", tr("Transplant"), told, not self.runs.busy)
            return
        result.offer(
            "show me",
            tr("Show me"),
            tr("How the classifier became a map, step by step"),
            bench.maps is not None,
        )
        verdict, what = proof_line(done)
        best = ", ".join(str(c) for c in done.check.top5_after)
        told = tr("Both nets give the same five best classes: {classes}. Click for more.").format(
            classes=best
        )
        agrees = done.check.agrees
        result.proof.tell("check" if agrees else "warning", verdict, what, told)
        self._show_meter()

    def _show_meter(self) -> None:
        bench, meter = self.bench, self.result.meter
        found = bench.agreement
        if found is None:
            text = tr("Checked when the map is done") if bench.stale else ""
            if self.runs.live:
                text = tr("Checked when it is stopped")
            meter.tell("gauge", "", text)
            return
        points = found.mean_points(bench.classes)
        text, *shorter = words.meter_texts(len(found.cells), points)
        told = tr(
            "The classifier was asked about {n} windows cut out of the picture. Click to see which."
        ).format(n=len(found.cells))
        meter.tell("gauge", "", text, told, "text", tuple(shorter))

    def _show_status(self) -> None:
        cell = self.cells.current
        told = words.cell_line(self.bench, cell) if cell is not None else words.status(self.bench)
        code = self.bench.code()
        line = words.telling_line(code)
        if (told, (line, code)) != (self._told, self._code):
            self._told, self._code = told, (line, code)
            self.hint_changed.emit()

    def _on_cell(self) -> None:
        self.stage.caption.set_mark(words.mark(self.drawing, self.cells.current))
        cell = self.cells.current
        told = words.cell_line(self.bench, cell) if cell is not None else words.status(self.bench)
        if told != self._told:
            self._told = told
            self.hint_changed.emit()

    def _on_runs(self) -> None:
        self._show_result()
        shown = self.bench.shown
        if shown is not None and not self.runs.busy:
            # Of a frame that could not be read, back to the one there is.
            self.controls.set_frame(shown.source.frame, shown.frames)
        text, told, warn = words.grid_text(self.bench)
        if self.bench.transplanted is not None:
            self.controls.show_grid(text, "" if self.runs.busy else told, warn)

    # Drawing

    def redraw(self) -> None:
        """Draw the picture with its map anew, off this thread."""
        bench = self.bench
        of = (bench.shown, bench.model, bench.state.operated)
        if self._partial is not None:
            self._draw(bench.scene(*self._partial))
            return
        if bench.stale and bench.transplanted is not None and of == self._drawn_of:
            return  # the map of another size stays until the new one comes
        self._draw(bench.scene())
        if not bench.stale:
            self._drawn_of = of

    def _draw(self, scene: Scene | None) -> None:
        if scene is not None:
            self.drawer.request(draw, scene)

    def _on_partial(self, maps: ClassMaps, pyramid: Pyramid | None) -> None:
        """Draw a map that is still filling in, without taking it over."""
        shown = self.bench.shown
        if shown is None or maps.picture_size != shown.size or not self.bench.stale:
            return
        self._partial = (maps, pyramid)
        if self._unranked:
            # The first of it ranks the list, which then stays still until the map is done.
            self._unranked = False
            self.classes.set_maps(maps, self.bench.preview)
            self._show_choice()
        self._draw(self.bench.scene(maps, pyramid))

    def _on_drawn(self, drawing: Drawing) -> None:
        shown = self.bench.shown
        if shown is None:
            return
        self.drawing = drawing
        rows, cols = shown.size
        shape = drawing.image.shape
        self.view.set_image(drawing.image, pixel=(cols / shape[1], rows / shape[0]))
        self.view.contours.set_lines(drawing.contours)
        self.view.corners.set_lines(drawing.corners)
        self._show_arrows(drawing)
        self._show_caption()
        self._show_popover()
        self.room.drawn()

    def _show_caption(self) -> None:
        drawing = self.drawing
        if drawing is not None:
            caption = self.stage.caption
            caption.set_title(words.title(self.bench, drawing))
            caption.set_bar(words.bar(drawing))
            caption.set_legend(words.legend(drawing, self.bench.labels))
            caption.set_mark(words.mark(drawing, self.cells.current))

    def _show_arrows(self, drawing: Drawing) -> None:
        """Of a stretched map, from where each cell looks to where it is put."""
        scene = drawing.scene
        maps = scene.maps if scene is not None else None
        stretched = scene is not None and scene.look.projection == "stretched"
        if maps is None or scene is None or not stretched or scene.look.show == "winner":
            self.view.show_arrows([])
            return
        moved, _ = overlay.stretch_error(maps)
        self.view.show_arrows(
            [
                ((x, y), (x + float(moved[i, j, 0]), y + float(moved[i, j, 1])))
                for i in range(maps.rows)
                for j in range(maps.cols)
                for x, y in [maps.centre_on_picture(i, j)]
            ]
        )

    @property
    def settled(self) -> bool:
        """Whether no job runs and the newest drawing is on the screen."""
        return not (self.runs.runner.running or self.drawer.busy or self.measurer.busy)

    # Undo

    def undo_text(self) -> str:
        return tr(self.bench.undo_name) if self.bench.undo_name else ""

    def redo_text(self) -> str:
        return tr(self.bench.redo_name) if self.bench.redo_name else ""

    def undo(self) -> None:
        self.bench.undo()

    def redo(self) -> None:
        self.bench.redo()

    # Files

    def accepts(self, paths: Sequence[Path]) -> int:
        suffixes = {p.suffix.lower() for p in paths}
        if suffixes & MODEL_SUFFIXES:
            return 2
        return 1 if suffixes & {*PICTURE_SUFFIXES, *VIDEO_SUFFIXES} else 0

    def open_paths(self, paths: Sequence[Path]) -> None:
        found = [p for p in paths if p.suffix.lower() in MODEL_SUFFIXES]
        if found:
            self.models.choose_own(found)
        else:
            self.started = self.runs.awake = True
            self.pictures.open_file(str(paths[0]))

    def on_table(self) -> OnTable:
        chosen = self.bench.state.chosen
        return OnTable(self.bench.model, self.bench.shown, chosen[0] if len(chosen) == 1 else None)

    def taught_bench(self) -> HeatmapBench:
        return self.bench

    def lockable(self) -> dict[str, QWidget]:
        controls = self.controls
        return {
            "heatmap.model": controls.model_combo,
            "heatmap.picture": controls.picture_combo,
            "heatmap.open": controls.open_button,
            "heatmap.sample": controls.sample_button,
            "heatmap.camera": controls.camera_button,
            "heatmap.cells": controls.cells_slider,
            "heatmap.density": controls.density_combo,
            "heatmap.method": controls.method_combo,
            "heatmap.view": controls.view_button,
            "heatmap.classes": self.classes,
        }

    def _on_hovered(self, x: float, y: float) -> None:
        maps = self.bench.maps
        if maps is not None and maps.cell_at(x, y) is not None:
            self.happened.emit("cell")

    def start_lesson(self, start: Start, beside: Path | None) -> None:
        self.started = True
        if start.model is not None:
            self.models.choose(start.model)
        if start.sample is not None:
            self.pictures.open_sample(start.sample)
        elif start.file is not None and beside is not None:
            self.pictures.open(Source(path=str(beside.parent / start.file)))

    def cancel(self) -> bool:
        return self.runs.cancel() or self.export.cancel()

    # State

    def save_state(self) -> dict[str, Any]:
        shown = self.bench.shown
        if self._moved is not None and (shown is None or shown.source == self.first_source):
            # It may be on a disk that is not there today.
            return {**self.bench.session(), **_place(self._moved)}
        if shown is None:
            return {**self.bench.session(), **_place(self.first_source)}
        return self.bench.session()

    def save_pictures(self) -> dict[str, Kept]:
        shown = self.bench.shown
        if shown is None:
            return {"picture": self._copy} if self._copy is not None else {}
        if shown.source.path or shown.source.sample or shown.passing:
            return {}
        return {"picture": shown.picture}

    def restore_state(self, state: dict[str, Any]) -> None:
        known = state.get("model")
        model = default_model(known if isinstance(known, str) else "")
        restored, source = from_session(state, model)
        if model.name != known:
            restored = replace(restored, chosen=(), second=(), pins=())
        # The net is cast anew where that takes no download and no drawing of random weights.
        self.bench.restore(replace(restored, operated=restored.operated and model.ready))
        self._moved = None
        self.first_source, self._copy = self._source_of(source, state)
        # Behind another tab it can wait until it is looked at.
        self.started = False
        if self.isVisible():
            self.activated()

    def _source_of(self, source: Source, state: dict[str, Any]) -> tuple[Source, Path | None]:
        """The picture of a saved state, or the composed sample if it is not there any more."""
        copies = state.get("pictures")
        copy = copies.get("picture") if isinstance(copies, dict) else None
        if isinstance(copy, str) and os.path.isfile(copy):
            return Source(array_name=tr("pasted picture")), Path(copy)
        if source.path and os.path.isfile(source.path):
            return source, None
        if source.sample in {s.name for s in samples()}:
            return Source(sample=source.sample), None
        if source.path:
            self._moved = source
        return Source(sample=COMPOSED), None

    # Projects

    def project_part(self) -> ProjectPart:
        return ProjectPart(heatmap_part(self.bench.state), self._project_picture(), {})

    def _project_picture(self) -> ProjectPicture:
        shown = self.bench.shown
        source = shown.source if shown is not None else self.first_source
        if source.sample:
            return ProjectPicture("sample", source.sample)
        if shown is not None:
            name = frame_title(source.name, source.frame, shown.frames)
            return ProjectPicture("pixels", name, shown.picture)
        if self._copy is None:
            return ProjectPicture("pixels", source.name, file=Path(source.path))
        if isinstance(self._copy, Path):
            return ProjectPicture("pixels", source.name, file=self._copy)
        return ProjectPicture("pixels", source.name, self._copy)

    def show_project(self, part: ProjectPart) -> None:
        self.runs.cancel()
        values, given = dict(part.values or {}), part.picture
        known = values.get("model", "")
        model = default_model(known)
        restored, _ = from_session(values, model)
        if part.values is not None and model.name != known:
            restored = replace(restored, chosen=(), second=(), pins=())
            self.show_error(
                tr(
                    "{name}, this project's model, is not on this computer; {other} is here."
                ).format(name=known, other=model.title)
            )
        self.bench.restore(replace(restored, operated=restored.operated and model.ready))
        self.first_source, self._copy, self._moved = Source(sample=COMPOSED), None, None
        if given is not None and given.pixels is not None:
            self.first_source = Source(array_name=given.name or tr("picture"))
            self._copy = given.pixels
        elif given is not None:
            self.first_source = Source(sample=given.name)
        self.started = False
        if self.isVisible():
            self.activated()

    @property
    def clean(self) -> bool:
        return self.bench.journal.clean

    def mark_clean(self) -> None:
        self.bench.journal.mark_clean()

    def project_mark(self) -> object:
        return self.bench.state

    def hand_over(self) -> dict[str, Any]:
        return {
            **self.save_state(),
            "live": self.bench,
            "first": (self.first_source, self._copy, self._moved),
            "waiting": self.pictures.waiting,
            "started": self.started,
            "current": self.cells.current,
            "export": self.export.rest(),
            "runs": self.runs.rest(),
            "windows": (self.models.rest(), self.experiments.rest()),
        }

    def take_over(self, state: dict[str, Any]) -> None:
        self.bench.take_over(state["live"])
        self.first_source, self._copy, self._moved = state["first"]
        self.started = bool(state["started"]) and self.bench.shown is not None
        self.pictures.waiting = state["waiting"]
        self.models.list()
        self._show_all()
        self.cells.show()
        self.cells.set_current(state["current"])
        if state["export"] is not None:
            task, before = state["export"]
            self.export.start(task, self.bench.folder_job, before)
        self.runs.go_on(state["runs"])
        diff, experiments = state["windows"]
        self.models.go_on(diff)
        self.experiments.go_on(experiments)

    def shutdown(self) -> None:
        self._unsubscribe()
        self.runs.shutdown()
        self.export.runner.shutdown()
        self.drawer.shutdown()
        self.measurer.shutdown()


def _place(source: Source) -> dict[str, Any]:
    return {"path": source.path, "sample": source.sample, "frame": source.frame}
