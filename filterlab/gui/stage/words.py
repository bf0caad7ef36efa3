"""What the scenes say: a title and a sentence for each step, with the net's own numbers."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np

from filterlab.gui.i18n import tr
from filterlab.gui.stage.paint import number
from filterlab.workbench.convolution_story import Still

if TYPE_CHECKING:
    from filterlab.workbench.cast_story import CastStill, CastStory

__all__ = [
    "cast_sentence",
    "cast_titles",
    "convolution_sentence",
    "convolution_titles",
    "count",
    "counted",
    "value",
]


def value(v: float) -> str:
    """A number as a sentence has it: four places, fewer for a large one."""
    return number(v, 4 if abs(v) < 100 else 2, leading=True)


def count(n: int) -> str:
    """A whole number with its thousands."""
    return f"{n:,}"


def counted(n: int) -> str:
    """Small numbers in words, as a sentence has them."""
    words = {
        1: tr("one"), 4: tr("four"), 6: tr("six"), 9: tr("nine"), 12: tr("twelve"),
    }  # fmt: skip
    return words.get(n, count(n))


def convolution_titles() -> dict[str, str]:
    """The steps' names, short."""
    return {
        "patch": tr("Patch"),
        "products": tr("Products"),
        "sum": tr("Sum"),
        "next": tr("Next"),
        "stride": tr("Stride"),
        "dilation": tr("Dilation"),
        "padding": tr("Padding"),
        "flip": tr("Turned"),
    }


def convolution_sentence(still: Still) -> str:
    """What a step shows, in a sentence or two."""
    region = still.region
    kh, kw = region.kernel.shape[1:]
    n = kh * kw * region.kernel.shape[0]
    row, col = region.cell(still.index)
    place = {"row": region.place[0] + row, "col": region.place[1] + col}
    say: dict[str, Callable[[], str]] = {
        "patch": lambda: tr(
            "The window marks the pixels that the kernel looks at: {n} of them for the output "
            "pixel at row {row}, column {col}."
        ).format(n=counted(n), **place),
        "products": lambda: tr(
            "Each pixel under the window is multiplied by the kernel cell on it."
        ),
        "sum": lambda: tr(
            "The {n} products and the bias, added up, are one output pixel: {value}."
        ).format(n=counted(n), value=value(still.value)),
        "next": lambda: tr(
            "Then the window moves on, and the same kernel makes the next pixel: {value}."
        ).format(value=value(still.value)),
        "stride": lambda: tr(
            "With stride {n} the window moves {n} pixels at a time: fewer windows, a smaller "
            "output."
        ).format(n=region.stride),
        "dilation": lambda: tr(
            "With dilation {n} the kernel's cells lie {n} pixels apart: it sees further with the "
            "same {cells} numbers."
        ).format(n=region.dilation, cells=counted(n)),
        "padding": lambda: tr(
            "Padding puts zeros around the picture, so that the output is as large as the input; "
            "at the border the window reads them."
        ),
        "flip": lambda: tr(
            "Nets multiply cell by cell, which is correlation: {same}. A convolution in the strict "
            "sense turns the kernel by half first: {turned}."
        ).format(same=value(still.explained.result), turned=value(still.explained.flipped_result)),
    }
    return say[still.step]()


def cast_titles(story: CastStory) -> dict[str, str]:
    """The steps' names, short."""
    return {
        "row": tr("One row") if story.kind != "pooled conv" else tr("One kernel"),
        "fold": tr("Fold"),
        "once": tr("Fits once"),
        "spread": tr("1 × 1"),
        "mean": tr("The mean"),
        "slide": tr("Slide"),
        "later": ", ".join(layer.old for layer in story.later[-2:]) or tr("All classes"),
        "softmax": tr("Softmax"),
        "picture": tr("On the picture"),
    }


def _sizes(story: CastStory) -> dict[str, str]:
    c, kh, kw = story.kernel.shape
    rows, cols = story.grid
    return {
        "old": story.old,
        "new": story.new,
        "features": story.features,
        "n": count(story.row.size),
        "c": count(c),
        "kh": str(kh),
        "kw": str(kw),
        "sheet": count(kh * kw),
        "units": count(story.units),
        "rows": str(rows),
        "cols": str(cols),
        "cells": count(rows * cols),
        "ph": str(story.pool[0]),
        "pw": str(story.pool[1]),
        "places": count(story.pool[0] * story.pool[1]),
        "before": value(story.before),
        "after": value(story.after),
    }


def cast_sentence(story: CastStory, still: CastStill, name: str) -> str:
    """What a step shows, in a sentence or two; ``name`` is the class's."""
    sizes = _sizes(story)
    i, j = still.place
    sizes.update(
        name=name,
        score=value(float(story.score[story.class_index, i, j])),
        percent=f"{100 * float(story.prob[story.class_index, i, j]):.1f} %",
        classes=count(story.score.shape[0]),
        layers=", ".join(layer.old for layer in story.later),
    )
    said = _templates(story)[still.name].format(**sizes)
    if still.name == "picture" and story.exact:
        said += " " + tr(
            "The tab's own map asks the classifier window by window here, and may say otherwise."
        )
    return said


def _templates(story: CastStory) -> dict[str, str]:
    found = {
        "picture": tr(
            "Each cell of the map is one window of the picture. Laid where the windows have their "
            "middles, the map says where the net sees {name}."
        ),
        "softmax": tr(
            "At each place the softmax makes probabilities of the {classes} scores: {score} for "
            "{name} becomes {percent} here."
        ),
    }
    if not story.softmax:
        found["softmax"] = tr(
            "At each place there are {classes} numbers, one for each class: {score} for {name} "
            "here."
        )
    if story.kind == "fc":
        found |= {
            "row": tr(
                "The fully connected layer {old} has {units} rows. One row is {n} numbers, one for "
                "each number that {features} gives it."
            ),
            "fold": tr(
                "Those numbers have an order: {sheet} for the {kh} × {kw} places of one channel, "
                "{c} "
                "channels. Folded that way, the row is a kernel of {kh} × {kw} × {c}."
            ),
            "once": tr(
                "Laid on {features} of one window, the kernel fits exactly once. {old} says "
                "{before}, {new} says {after}: the same number, the same sum."
            ),
            "slide": tr(
                "A larger picture makes a larger {features}. The kernel, unchanged, now fits in "
                "{rows} × {cols} places: one number at each, a map instead of a single answer."
            ),
            "later": tr(
                "Behind it, {layers} see one place at a time: their rows are kernels of 1 × 1, and "
                "slide along just as well. The last one gives the score of {name}: {score} here."
            ),
        }
        if not story.later:
            found["later"] = tr(
                "Each of the {units} rows is a kernel of its own: {classes} classes, {classes} "
                "maps. "
                "This one is the score of {name}: {score} here."
            )
        if story.kernel.shape[1:] == (1, 1):
            found["fold"] = tr(
                "There is one number for each of the {c} channels and nothing to fold: the row "
                "is a "
                "kernel of 1 × 1 × {c}."
            )
        return found
    found |= {
        "row": tr(
            "The fully connected layer {old} has {units} rows, one for each class. The row of "
            "{name} is {n} numbers, one for each channel of {features}."
        ),
        "spread": tr(
            "So the row is a kernel of 1 × 1 × {c}. It can be laid on {features} before the mean "
            "is taken, and answers at each of its places."
        ),
        "mean": tr(
            "The mean of those {places} answers is the answer to the mean: {old} says {before}, "
            "the "
            "cast net says {after}. The pooling may stand behind the classifier."
        ),
        "slide": tr(
            "A larger picture makes a larger {features}. The mean is now taken over windows of "
            "{ph} × {pw} that slide: {rows} × {cols} numbers, a map instead of a single answer."
        ),
        "later": tr(
            "Each of the {classes} rows is a kernel like this: {classes} classes, {classes} maps. "
            "This one is the score of {name}: {score} here."
        ),
    }
    if story.kind == "pooled conv":
        found["row"] = tr(
            "The classifier {old} is a convolution already, with {units} kernels. That of {name} "
            "is "
            "{n} numbers, one for each channel of {features}."
        )
        found["spread"] = tr(
            "A kernel of 1 × 1 × {c} answers at each place of {features}; the ReLU behind it keeps "
            "what is above zero."
        )
        found["mean"] = tr(
            "The mean over a window is one number: the classifier says {before}, the cast net says "
            "{after}. The pooling stands behind the classifier from the start."
        )
    return found


def largest(values: np.ndarray) -> float:
    """The largest absolute value, 0 of none."""
    return float(np.abs(values).max(initial=0.0))
