"""Show me: from fc to conv, on the net in hand."""

from __future__ import annotations

from collections.abc import Callable

from PyQt5.QtWidgets import QWidget

from filterlab.gui.i18n import tr
from filterlab.gui.jobs import JobRunner
from filterlab.gui.stage import words
from filterlab.gui.stage.cast_paint import CastPaint
from filterlab.gui.stage.motion import STEP_MS
from filterlab.gui.stage.story_view import StoryView
from filterlab.progress import Job
from filterlab.workbench.cast_story import CastStory

__all__ = ["CastView"]

#: Steps in which something goes over many places take longer.
_LONG = {"slide": 8, "spread": 4, "mean": 3, "once": 3, "fold": 3, "later": 2}


class CastView(StoryView):
    """Seven steps from a row of weights to a map on the picture.

    Parameters
    ----------
    job : generator
        Computes the story; see :func:`filterlab.workbench.cast_story.cast_story_job`.
    model : str
        What the net is called.
    name : callable
        A class's name.
    """

    def __init__(
        self,
        job: Job[CastStory],
        model: Callable[[], str],
        name: Callable[[int], str],
        parent: QWidget | None = None,
    ) -> None:
        super().__init__(tr("Show me: from fc to conv"), model(), parent)
        self._model, self._name = model, name
        self._about = model
        self._runner = JobRunner(self)
        self._runner.failed.connect(self.tell)
        self._runner.start(job, self.title.text(), self._on_story)

    def _on_story(self, story: CastStory) -> None:
        self._about = lambda: self._told_of(story)
        self.tell_story(
            story,
            words.cast_titles(story),
            lambda still: words.cast_sentence(story, still, self._name(story.class_index)),
            CastPaint(story, self._name).draw,
            self._about(),
            lambda step: STEP_MS * _LONG.get(step, 1),
        )

    def _told_of(self, story: CastStory) -> str:
        unit = tr("unit {n} of {units}").format(n=story.unit, units=words.count(story.units))
        return f"{self._model()}, {story.old}, {unit}"

    def retell(self) -> None:
        self.about.setText(self._about())
        super().retell()

    @property
    def settled(self) -> bool:
        return super().settled and not self._runner.running

    def shutdown(self) -> None:
        super().shutdown()
        self._runner.shutdown()
