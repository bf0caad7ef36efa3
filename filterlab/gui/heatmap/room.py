"""What the Heatmap tab shows a room: the stage, and the cast step by step."""

from __future__ import annotations

from collections.abc import Callable

from PyQt5.QtCore import QObject
from PyQt5.QtWidgets import QWidget

from filterlab.errors import FilterLabError
from filterlab.gui.class_names import both_names
from filterlab.gui.errors import one_sentence
from filterlab.gui.heatmap.model_commands import ModelCommands
from filterlab.gui.heatmap.runs import Runs
from filterlab.gui.i18n import tr
from filterlab.gui.model_texts import model_title, model_titles
from filterlab.gui.saying import Say
from filterlab.gui.stage.cast_view import CastView
from filterlab.gui.stage.heatmap_stage import HeatmapStage
from filterlab.gui.stage.scene import Scene
from filterlab.workbench.cast_story import cast_story_job
from filterlab.workbench.heatmap_bench import HeatmapBench
from filterlab.workbench.heatmap_draw import Drawing
from filterlab.zoo.own_models import all_models

__all__ = ["Room"]


class Room(QObject):
    """Makes the tab's scenes.

    Parameters
    ----------
    bench : HeatmapBench
    runs : Runs
    commands : ModelCommands
    say : Say
    drawing : callable
        The newest drawing of picture and map.
    """

    def __init__(
        self,
        bench: HeatmapBench,
        runs: Runs,
        commands: ModelCommands,
        say: Say,
        drawing: Callable[[], Drawing | None],
        parent: QObject,
    ) -> None:
        super().__init__(parent)
        self._bench, self._runs, self._commands, self._say = bench, runs, commands, say
        self._drawing = drawing
        self._stage: HeatmapStage | None = None

    @staticmethod
    def scenes() -> dict[str, str]:
        """What there is, and what it is called in the menu."""
        return {"stage": tr("Stage, for a room"), "show me": tr("Show me: from fc to conv")}

    def make(self, key: str, parent: QWidget) -> Scene | None:
        """One of them; None, with a word, where there is nothing to show yet."""
        if key == "stage":
            self._stage = HeatmapStage(
                self._bench, self._drawing, self._models, self._choose, self._edit, parent
            )
            self._stage.left.connect(self._on_left)
            return self._stage
        bench = self._bench
        done, maps, picture = bench.transplanted, bench.maps, bench.preview
        if done is None or maps is None or picture is None:
            self._say.error(tr("There is no cast to show yet; press Transplant first."))
            return None
        job = cast_story_job(done, maps, picture, bench.classes)
        model = bench.model
        return CastView(job, lambda: model_title(model), self._name, parent)

    def drawn(self) -> None:
        """There is a newer drawing."""
        if self._stage is not None:
            self._stage.drawn()

    def _on_left(self) -> None:
        self._stage = None

    def _name(self, index: int) -> str:
        return both_names(self._bench.labels, index)[0]

    def _models(self) -> list[tuple[str, str]]:
        """The models whose weights are here, and the chosen one."""
        known = all_models()
        titles = model_titles(known)
        chosen = self._bench.model.name
        return [(m.name, titles[m.name]) for m in known if m.ready or m.name == chosen]

    def _choose(self, key: str) -> None:
        """Another model, cast at once: a room does not wait for a second key."""
        self._commands.choose(key)
        if self._bench.transplanted is None:
            self._runs.transplant()

    def _edit(self, do: Callable[..., object], *given: object, **named: object) -> None:
        try:
            do(*given, **named)
        except FilterLabError as error:
            self._say.error(one_sentence(error))
