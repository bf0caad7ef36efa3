"""What classes, shares and pictures are called on the screen."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from filterlab.gui.i18n import ENGLISH, language, tr
from filterlab.pictures import samples

if TYPE_CHECKING:
    from filterlab.zoo.labels import Labels

__all__ = [
    "both_names",
    "classes_name",
    "frame_title",
    "numbers",
    "percent",
    "picture_title",
    "short_name",
]


def percent(value: float) -> str:
    """A probability for reading."""
    if value >= 0.0995:
        return f"{100 * value:.0f} %"
    if value >= 0.001:
        return f"{100 * value:.1f} %"
    return "< 0.1 %" if value > 0 else "0 %"


def both_names(labels: Labels, index: int) -> tuple[str, str]:
    """A class in the language in use, and in the other one if it is known there."""
    label = labels[index]
    own = "" if language() == ENGLISH else label.name_in(language())
    if own:
        return own, label.english if label.names else ""
    return label.english, label.foreign if label.names else ""


def short_name(labels: Labels, index: int) -> str:
    """Number and name in the language in use, for narrow places."""
    return f"{index} {both_names(labels, index)[0]}"


def numbers(classes: Sequence[int]) -> str:
    """Class numbers as people write them: ``281 – 285``, ``7, 30``."""
    known = sorted(set(classes))
    if len(known) > 2 and known[-1] - known[0] == len(known) - 1:
        return f"{known[0]} – {known[-1]}"
    return ", ".join(str(c) for c in known[:6]) + (" …" if len(known) > 6 else "")


def classes_name(labels: Labels, classes: Sequence[int]) -> tuple[str, str]:
    """One class, a group or a sum in the language in use, and in the other one if known."""
    if len(classes) == 1:
        return both_names(labels, classes[0])
    for group in labels.groups:
        if group.indices == tuple(classes):
            own = "" if language() == ENGLISH else group.name_in(language())
            other = next((name for _, name in group.other), "")
            return (own, group.name) if own else (group.name, other)
    return tr("{numbers}, sum").format(numbers=numbers(classes)), ""


def picture_title(name: str, sample: str = "") -> str:
    """A picture's name: its file's, or the sample's title."""
    return next((tr(known.title) for known in samples() if known.name == sample), name)


def frame_title(name: str, frame: int, frames: int) -> str:
    """A picture's name with the frame, from 0, if its file has several."""
    if frames == 1:
        return name
    return tr("{name}, frame {n} of {count}").format(name=name, n=frame + 1, count=frames)
