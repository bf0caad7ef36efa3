"""The Heatmap tab: where on the picture is what the classifier knows."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, ClassVar, TypeVar

import numpy as np
from numpy.typing import NDArray
from qtpy.QtWidgets import (
    QHBoxLayout,
    QVBoxLayout,
    QWidget,
)

from filterlab.gui import theme
from filterlab.gui.errors import EXPECTED, one_sentence
from filterlab.gui.heatmap import session, texts
from filterlab.gui.heatmap.cells import hint_for
from filterlab.gui.heatmap.commands import Commands
from filterlab.gui.heatmap.controls import Controls
from filterlab.gui.heatmap.folder_export import FolderExport
from filterlab.gui.heatmap.look import Drawing, Look, Scene, preview
from filterlab.gui.heatmap.map_panel import MapPanel
from filterlab.gui.heatmap.running import Running
from filterlab.gui.heatmap.saving import Frame
from filterlab.gui.heatmap.side_panel import SidePanel
from filterlab.gui.heatmap.undo import Undo
from filterlab.gui.heatmap.work import (
    Live,
    Outcome,
    Shown,
    Size,
    Source,
    live_job,
    map_job,
    open_job,
    transplant_and_map_job,
)
from filterlab.gui.i18n import tr
from filterlab.gui.jobs import JobRunner
from filterlab.gui.model_questions import may_get
from filterlab.gui.model_texts import model_title
from filterlab.gui.settings import Settings
from filterlab.gui.tab import MODEL_SUFFIXES, PICTURE_SUFFIXES, MenuItems, Tab
from filterlab.gui.widgets.progress_strip import ProgressStrip
from filterlab.pictures import COMPOSED, samples
from filterlab.surgery.heatmap import ClassMaps
from filterlab.surgery.pyramid import Pyramid
from filterlab.surgery.transplant import Transplanted
from filterlab.zoo import catalogue
from filterlab.zoo.catalogue import Model
from filterlab.zoo.labels import Labels
from filterlab.zoo.own_models import own_models

__all__ = ["HeatmapTab"]

T = TypeVar("T")

VIDEO_SUFFIXES = frozenset(".mp4 .avi .mov .mkv .webm .m4v .mpg".split())


class HeatmapTab(Tab):
    """Model, picture and class on the left and right; the picture with its map in the middle."""

    name: ClassVar[str] = "heatmap"

    def __init__(self, settings: Settings, parent: QWidget | None = None) -> None:
        super().__init__(settings, parent)
        self.model: Model | None = None
        self.ran_model: Model | None = None
        self.transplanted: Transplanted | None = None
        self.shown: Shown | None = None
        self.maps: ClassMaps | None = None
        self.chosen: tuple[int, ...] = ()
        self.second: tuple[int, ...] = ()
        self.pyramid: Pyramid | None = None
        self.preview: Any = None
        self.user_cells = False
        self.started = False
        self.first_source = Source(sample=COMPOSED)
        self.transplant_next = False

        self.runner: JobRunner = self.make_runner()
        self.undo_ = Undo(self, self.undo_changed.emit)
        self._build()
        self.commands = Commands(self)
        self.controls.set_samples([(s.name, tr(s.title)) for s in samples()])
        self.list_models("pocket")
        self.undo_.settle()

    def title(self) -> str:
        return tr("Heatmap")

    # Building

    def _build(self) -> None:
        self.controls = Controls(self)
        self.panel = MapPanel(self)
        self.panel.failed.connect(self.show_error)
        self.view, self.bar, self.cells = self.panel.view, self.panel.bar, self.panel.cells
        self.side = SidePanel(self)
        self.classes, self.account = self.side.classes, self.side.account
        self.progress = ProgressStrip(self)
        self.export = FolderExport(self.make_runner(), self.show_info, self.show_error, self)

        self.jobs = Running(
            self.runner,
            self.progress,
            lambda: model_title(self.model) if self.model is not None else "",
            lambda: texts.last_word(self.maps),
            self,
        )
        columns = QHBoxLayout()
        columns.setSpacing(2 * theme.STEP)
        columns.addWidget(self.controls)
        columns.addWidget(self.panel, 3)
        columns.addWidget(self.side, 2)
        layout = QVBoxLayout(self)
        margin = 2 * theme.STEP
        layout.setContentsMargins(margin, margin, margin, theme.STEP)
        layout.setSpacing(theme.STEP)
        layout.addLayout(columns, 1)
        layout.addWidget(self.export)
        layout.addWidget(self.progress)

        self.controls.model_chosen.connect(self._on_model_chosen)
        self.controls.own_model_requested.connect(self.choose_own_model)
        self.controls.get_requested.connect(self.get_weights)
        self.controls.transplant_requested.connect(self.transplant)
        self.controls.sample_chosen.connect(self.open_sample)
        self.controls.size_changed.connect(self._on_size)
        self.controls.how_changed.connect(self.run_map)
        self.controls.size_hovering.connect(self._show_size)
        self.controls.look_changed.connect(self._on_look)
        self.controls.drag_changed.connect(self.undo_.seal)
        self.controls.grid_box.toggled.connect(self._on_words)
        self.cells.changed.connect(self.undo_.note)
        self.classes.chosen_changed.connect(self.choose_classes)
        self.progress.cancel_requested.connect(self.cancel)
        # What works after an error shows that it is over.
        self.runner.done.connect(self._on_done)
        self.jobs.changed.connect(self.refresh)
        self.jobs.partial.connect(self._preview_maps)
        self.jobs.frame.connect(self._on_live)
        self.jobs.cancelled.connect(self._on_cancelled)

    def menu_actions(self) -> dict[str, MenuItems]:
        return self.commands.menus

    def help_html(self) -> str:
        return texts.help_html()

    def activated(self) -> None:
        if not self.started:
            self.started = True
            if not self.runner.running:
                self.open_source(self.first_source)

    def deactivated(self) -> None:
        if self.jobs.live:
            self.runner.cancel()

    # Models

    def models(self) -> list[Model]:
        """The models there are."""
        return [*catalogue.entries(), *own_models()]

    def list_models(self, chosen: str) -> None:
        """List the models anew and choose one."""
        models = self.models()
        self.controls.set_models(models, chosen)
        self._on_model_chosen(self.controls.model_key)

    def _on_model_chosen(self, key: str) -> None:
        self.model = next((m for m in self.models() if m.name == key), None)
        self.controls.show_model(self.model)
        self.refresh()

    def choose_own_model(self, paths: Sequence[Path] = ()) -> None:
        """Ask for a prototxt, weights and preprocessing."""
        from filterlab.gui.own_model_dialog import OwnModelDialog

        dialog = OwnModelDialog(self, [Path(p) for p in paths] if paths else [])
        if dialog.exec_() and dialog.model is not None:
            self.list_models(dialog.model.name)
        dialog.deleteLater()

    def get_weights(self) -> None:
        """Fetch the chosen model's weights."""
        from filterlab.zoo.getting import get_job

        if self.model is not None and may_get(self, self.model):
            self.runner.start(get_job(self.model), tr("Get weights"), self._on_got)

    def _on_got(self, model: Model) -> None:
        self.list_models(self.controls.model_key)
        self.show_info(tr("The weights of {name} are here.").format(name=model_title(model)))

    # Jobs

    @property
    def size(self) -> Size:
        """The size asked for."""
        cells = self.controls.cells if self.user_cells or self.controls.squash else 0
        return Size(cells, self.controls.squash, self.controls.wanted_how)

    def transplant(self) -> None:
        """Transplant the chosen model, then map the picture."""
        if self.model is None:
            return
        size = self.size
        if self.ran_model is not None and self.ran_model.name != self.model.name:
            # One pass as chosen for the net before may be no good default for another.
            size = replace(size, how=size.how or None)
        self.runner.start(
            transplant_and_map_job(self.model, self.shown, size),
            tr("Transplant"),
            self.take,
        )

    def open_source(self, source: Source) -> None:
        """Read a picture and map it."""
        self.runner.start(
            open_job(source, self.ran_model, self.transplanted, self.size),
            tr("Open picture"),
            self.take,
        )

    def open_array(self, picture: NDArray[np.float32], name: str) -> None:
        """Show a picture that is no file."""
        self.open_source(Source(array_name=name, array=picture))

    def open_sample(self, name: str) -> None:
        """Show a sample picture."""
        self.open_source(Source(sample=name))

    def run_map(self) -> None:
        """Run the transplanted net on the picture at the size asked for."""
        if self.transplanted is not None and self.shown is not None:
            self.runner.start(
                map_job(self.ran_model, self.transplanted, self.shown, self.size),
                tr("Heatmap"),
                self.take,
            )

    def cancel(self) -> bool:
        return self.jobs.cancel() or self.export.cancel()

    def when_idle(self, do: Callable[[], object]) -> None:
        """Do something once no job runs: at once, or after the one that runs."""
        self.jobs.when_idle(do)

    def start_live(self, source: int | str) -> None:
        """Map the frames of a camera (its number) or a video file until it is stopped."""
        if self.transplanted is None:
            self.show_error(tr("There is no map yet; press Transplant first."))
            return
        job = live_job(source, self.ran_model, self.transplanted, self.size)
        self.jobs.start_live(job)

    def _on_live(self, live: Live) -> None:
        outcome = live.outcome
        if outcome.transplanted is self.transplanted and outcome.shown and outcome.maps:
            self.clear_error()
            self.shown, self.preview = outcome.shown, live.preview
            self._set_maps(outcome.maps, outcome.pyramid)
            self.undo_.settle()
            self.panel.set_heading(texts.heading(self), texts.facts(self))
            self.redraw()
        live.taken.set()

    def _preview_maps(self, maps: ClassMaps, pyramid: Pyramid | None) -> None:
        """Draw a map that is still filling in, without taking it over."""
        if self.shown is not None and maps.picture_size == self.shown_size and self.chosen:
            self._draw(maps, pyramid)

    def _on_done(self, _: object) -> None:
        self.clear_error()

    def _on_cancelled(self, say: bool) -> None:
        self.redraw()
        if say:
            self.show_info(tr("Cancelled; everything is as it was."))

    def take(self, outcome: Outcome) -> None:
        """Show what a job has made; nothing else changes."""
        if outcome.transplanted is not None and outcome.transplanted is not self.transplanted:
            # Classes found again from the last session, or of the same net, stay chosen.
            before, now = self.ran_model, outcome.model
            other_classes = before is not None and now is not None and before.name != now.name
            self.transplanted, self.ran_model = outcome.transplanted, outcome.model
            self.classes.set_labels(self.labels, outcome.transplanted.classes)
            self.account.show_transplanted(outcome.transplanted, self.labels)
            self.maps, self.pyramid = None, None
            if other_classes:
                self.chosen, self.second = (), ()
                self.undo_.drop("chosen", "second")
                self.controls.wanted_how = self.controls.wanted_how or None
            self.controls.offer_passes(texts.passes(outcome.transplanted))
            self.panel.labels = self.labels
            # Random weights are here now; another model may have been chosen in the meantime.
            self.list_models(self.controls.model_key)
        if outcome.shown is not None and outcome.shown is not self.shown:
            self._set_picture(outcome.shown)
            small = texts.smaller_than_a_window(self)
            if small:
                self.show_info(small)
        if outcome.maps is not None:
            self._set_maps(outcome.maps, outcome.pyramid)
        self.undo_.settle()
        self.refresh()
        self.redraw()
        if self.transplant_next and self.shown is not None:
            self.transplant_next = False
            self.transplant()

    def _set_picture(self, shown: Shown) -> None:
        self.shown = shown
        self.preview = preview(shown.picture)
        self.maps, self.pyramid = None, None
        self.cells.set_maps(None, self.labels)
        self.classes.set_probabilities(None)
        if shown.source.path:
            self.opened.emit(shown.source.path)

    def _set_maps(self, maps: ClassMaps, pyramid: Pyramid | None) -> None:
        self.maps, self.pyramid = maps, pyramid
        self.classes.set_probabilities(maps.prob)
        if not any(c < maps.classes for c in self.chosen):
            self.chosen = (int(maps.ranked()[0]),)
        self.mark_classes()
        self.cells.set_maps(maps, self.labels)
        if not self.user_cells and self.transplanted is not None:
            geometry = self.transplanted.geometry
            cells = max(geometry.cells(*maps.input_size))
            self.controls.set_size(cells, self.controls.squash)

    @property
    def shown_size(self) -> tuple[int, int]:
        """Height and width of the picture."""
        if self.shown is None:
            return (0, 0)
        return int(self.shown.picture.shape[0]), int(self.shown.picture.shape[1])

    @property
    def labels(self) -> Labels:
        """The class names of the transplanted net, numbers if there are none."""
        count = self.transplanted.classes if self.transplanted else 0
        if self.ran_model is None:
            return Labels.numbered(count)
        try:
            labels = self.ran_model.labels
        except EXPECTED as error:
            self.show_error(one_sentence(error))
            return Labels.numbered(count)
        return labels

    # Choices

    def choose_classes(self, classes: tuple[int, ...], second: bool = False) -> None:
        """Show these classes' map, summed; ``second`` as the second colour."""
        look = self.controls.look
        if second:
            self.second = classes
            if look.show != "two":
                self.controls.set_look(texts.with_show(look, "two"))
        else:
            self.chosen = classes
            if look.show in ("winner", "entropy"):
                self.controls.set_look(texts.with_show(look, "class"))
        self._show_choice()
        self.undo_.note()

    def show_choices(self, look: Look, chosen: tuple[int, ...], second: tuple[int, ...]) -> None:
        """Show these classes with this look; nothing is run."""
        self.controls.set_look(look)
        if not chosen and self.maps is not None:
            chosen = (int(self.maps.ranked()[0]),)
        self.chosen, self.second = chosen, second
        self._show_choice()

    def _show_choice(self) -> None:
        self.mark_classes()
        self._refresh_choice()
        self.redraw()

    def mark_classes(self) -> None:
        """Mark the chosen classes in the list."""
        two = self.controls.look.show == "two"
        self.classes.set_chosen(self.chosen, self.second, two)

    def _on_look(self, look: Look) -> None:
        if look.show == "two" and not self.second and self.maps is not None:
            others = [int(c) for c in self.maps.ranked()[:8] if int(c) not in self.chosen]
            self.second = tuple(others[:1])
        self._show_choice()
        self.undo_.note()

    def _on_words(self, on: bool) -> None:
        self.panel.set_words(on)
        self.undo_.note()

    def _on_size(self) -> None:
        self.user_cells = True
        self._show_size()
        self.run_map()

    def _show_size(self) -> None:
        self.controls.show_size(texts.size_text(self), texts.is_costly(self))

    # Drawing

    def redraw(self) -> None:
        """Draw the picture with its map anew, off this thread."""
        if self.shown is not None:
            self._draw(self.maps, self.pyramid)

    def _draw(self, maps: ClassMaps | None, pyramid: Pyramid | None) -> None:
        scene = Scene(self.preview, maps, self.chosen, self.second, self.controls.look, pyramid)
        self.panel.draw(scene, self.shown_size)

    @property
    def drawing(self) -> Drawing | None:
        """What is on the screen."""
        return self.panel.drawing

    @property
    def settled(self) -> bool:
        """Whether no job runs and the newest drawing is on the screen."""
        return not self.runner.running and not self.panel.drawer.busy

    # Texts around it

    def refresh(self) -> None:
        """Bring the texts around the picture up to date."""
        running = self.runner.running
        self.controls.transplant_button.setEnabled(self.model is not None and not running)
        if self.shown is not None:
            rows, cols = self.shown_size
            self.controls.picture_note.setText(f"{cols} × {rows} px")
        self._show_size()
        self._show_owner()
        self.cells.set_hint(hint_for(self.maps, self.transplanted is not None))
        self._refresh_choice()

    def _show_owner(self) -> None:
        """Say whose the map, classes and account are where another model is chosen."""
        foreign = self.transplanted is not None and texts.key_of(self.model) != texts.key_of(
            self.ran_model
        )
        text = texts.owner(self) if foreign else ""
        self.panel.show_owner(text)
        self.side.show_owner(text)

    def _refresh_choice(self) -> None:
        """What depends on the classes and the look only."""
        warn = self.maps is not None and self.controls.look.lay == "stretched"
        self.panel.set_heading(texts.heading(self), texts.facts(self), warn)
        self.side.code.set_code(texts.pycaffe_code(self))

    # Undo

    def undo_text(self) -> str:
        return self.undo_.undo_text

    def redo_text(self) -> str:
        return self.undo_.redo_text

    def undo(self) -> None:
        self.undo_.undo()

    def redo(self) -> None:
        self.undo_.redo()

    # Files

    def accepts(self, paths: Sequence[Path]) -> int:
        suffixes = {p.suffix.lower() for p in paths}
        if suffixes & MODEL_SUFFIXES:
            return 2
        return 1 if suffixes & (PICTURE_SUFFIXES | VIDEO_SUFFIXES) else 0

    def open_paths(self, paths: Sequence[Path]) -> None:
        models = [p for p in paths if p.suffix.lower() in MODEL_SUFFIXES]
        if models:
            self.choose_own_model(models)
            return
        if paths[0].suffix.lower() in VIDEO_SUFFIXES:
            self.start_live(str(paths[0]))
        else:
            self.open_source(Source(path=str(paths[0])))

    def guard(self, do: Callable[[], T]) -> T | None:
        """Do something that may fail with a sentence; None if it did."""
        try:
            return do()
        except EXPECTED as error:
            self.show_error(one_sentence(error))
            return None

    def frame(self) -> Frame | None:
        """What is on show, as a snapshot for saving; None without a map."""
        return texts.frame(self)

    # State

    def save_state(self) -> dict[str, Any]:
        return session.saved(self)

    def restore_state(self, state: dict[str, Any]) -> None:
        session.restore(self, state)

    def hand_over(self) -> dict[str, Any]:
        return session.handed_over(self)

    def take_over(self, state: dict[str, Any]) -> None:
        session.take_over(self, state)

    def shutdown(self) -> None:
        self.runner.shutdown()
        self.export.runner.shutdown()
        self.panel.shutdown()
