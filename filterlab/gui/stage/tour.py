"""Scenes of the stage and of what is shown step by step, for the tours of both tabs."""

from __future__ import annotations

from collections.abc import Callable, Generator
from typing import Any

__all__ = ["of_filters", "of_heatmap"]

Scenes = Generator[str, None, None]


def of_filters(window: Any, wait: Callable[..., None]) -> Scenes:
    """One filter for a room, and a convolution step by step."""
    window.show_scene("stage")
    stage = window.scene
    wait(lambda: stage.region is not None and stage.settled, "the stage's cells")
    for _ in range(9):
        stage.step(1)
        wait(lambda: stage.settled, "the window to arrive")
    yield "stage"
    window.leave_scene()
    window.show_scene("show me")
    wait(lambda: window.scene.settled, "the story")
    for step, t in ((1, 0.6), (2, 1.0), (4, 0.7), (5, 1.0), (6, 1.0), (7, 1.0)):
        window.scene.go(step, t)
        yield f"show_me_{window.scene.still.step}"
    window.leave_scene()


def of_heatmap(window: Any, wait: Callable[..., None]) -> Scenes:
    """The picture for a room, and the cast step by step."""
    window.show_scene("stage")
    yield "stage"
    window.leave_scene()
    window.show_scene("show me")
    wait(lambda: window.scene.settled, "the story")
    for step, t in ((1, 1.0), (2, 1.0), (3, 0.4), (4, 1.0), (5, 1.0), (6, 1.0)):
        window.scene.go(step, t)
        yield f"show_me_{window.scene.still.name}"
    window.leave_scene()
