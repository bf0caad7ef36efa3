"""The tour's scenes of lessons and challenges."""

from __future__ import annotations

from collections.abc import Generator
from typing import TYPE_CHECKING

from filterlab.gui.lessons.challenge_panel import ChallengePanel
from filterlab.gui.lessons.panel import LessonPanel
from filterlab.gui.tour import Wait

if TYPE_CHECKING:
    from filterlab.gui.main_window import MainWindow

__all__ = ["scenes"]


def scenes(window: MainWindow, wait: Wait) -> Generator[str, None, None]:
    """Take a wrong turn in the first lesson, then the right one; begin a challenge."""
    lessons = window.lessons
    lessons.actions()
    lessons.begin(lessons.found[0])
    bench = window.tab("filters").taught_bench()
    lessons.happened("cursor")
    panel = lessons.panel
    assert isinstance(panel, LessonPanel)
    wait(lambda: panel.next_button.isEnabled(), "the lesson's first step")
    panel.next_button.click()
    bench.set_cell(0, 0, 0, 1.0)
    panel.hint_button.click()
    wait(lambda: bool(panel.say.text()), "the answer to a wrong turn")
    yield "a_wrong_turn_answered"
    bench.undo()
    bench.set_cell(0, 1, 1, 2.0)
    wait(lambda: panel.next_button.isEnabled(), "the second step")
    yield "a_step_done"
    lessons.begin_challenge()
    challenge = lessons.panel
    assert isinstance(challenge, ChallengePanel)
    challenge.take_level(3)
    wait(challenge.bar.isVisible, "the challenge")
    bench.apply_preset(0, "prewitt-h")
    wait(lambda: challenge.match > 0, "the match")
    challenge.hint_button.click()
    yield "which_kernel_made_this"
    lessons.leave()
