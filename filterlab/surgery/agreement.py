"""How far a map says what the classifier says: some of its windows cut out and classified.

A cell of the dense net's map sees what lies around its window where a cut-out window has zeros
(padding); and a pooled map is an average over a larger picture. How much that changes the answers
depends on the net, so it is measured.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from filterlab.caffe.text import Text
from filterlab.errors import FilterLabError
from filterlab.progress import Job, Progress, run_job
from filterlab.surgery.heatmap import ClassMaps
from filterlab.surgery.transplant import Transplanted, top_classes
from filterlab.surgery.windows import Cell, Classifier, window_seconds

__all__ = ["Agreement", "agreement", "agreement_job", "spread_cells"]

Array = NDArray[np.float32]

_CONSIDERED = 5  # classes, if none are named


@dataclass(frozen=True, eq=False)
class Agreement:
    """A map beside the plain classifier on some of its windows.

    Attributes
    ----------
    cells : tuple of (int, int)
        Row and column of each window, in the order in which they were chosen.
    map, classifier : ndarray (windows, classes) float32
        What the map says in these cells, and the plain classifier of the cut-out windows.
    considered : tuple of int
        The five best classes of map and classifier together on these windows, best first; taken
        where no others are named.
    seconds : float
        What the classifier's passes took.
    """

    cells: tuple[Cell, ...]
    map: Array
    classifier: Array
    considered: tuple[int, ...]
    seconds: float = 0.0

    def _pair(self, classes: Iterable[int] | None) -> tuple[Array, Array]:
        """Map and classifier, (windows, n): of named classes the sum, else those considered."""
        if classes is None:
            wanted = list(self.considered)
            return self.map[:, wanted], self.classifier[:, wanted]
        wanted = list(classes)
        if not wanted or not all(0 <= c < self.map.shape[1] for c in wanted):
            raise FilterLabError(
                "the net has no classes {classes}; choose some that it has", classes=wanted
            )
        return (
            self.map[:, wanted].sum(axis=1, keepdims=True),
            self.classifier[:, wanted].sum(axis=1, keepdims=True),
        )

    def mean_points(self, classes: Iterable[int] | None = None) -> float:
        """Mean difference in percentage points over the windows.

        Of the sum of the named classes, as the map shows it; or, if none are named, of each of
        those considered.
        """
        ours, theirs = self._pair(classes)
        return float(100 * np.abs(ours - theirs).mean(dtype=np.float64))

    def correlation(self, classes: Iterable[int] | None = None) -> float | None:
        """Correlation (Pearson's) of map and classifier over the windows, of the same values.

        None where one of them is the same everywhere.
        """
        ours, theirs = (side.astype(np.float64).reshape(-1) for side in self._pair(classes))
        ours, theirs = ours - ours.mean(), theirs - theirs.mean()
        scale = float(np.sqrt((ours**2).sum() * (theirs**2).sum()))
        return float((ours * theirs).sum() / scale) if scale > 1e-12 else None

    def text(self, classes: Iterable[int] | None = None) -> str:
        """One line for reading: ``classifier on 12 windows: mean difference 2 points``."""
        return Text(
            "classifier on {count} windows: mean difference {points:.2g} points",
            count=len(self.cells),
            points=self.mean_points(classes),
        )

    def __str__(self) -> str:
        return self.text()


def spread_cells(maps: ClassMaps, count: int) -> tuple[Cell, ...]:
    """Up to ``count`` cells of a map: the best ones first, then each as far as can be from all.

    The best are those of the best class of a single cell, and of the best for the picture as a
    whole. The same map always gives the same cells, whatever class is looked at: so that window,
    command and folder tell the same figure.
    """
    found: list[Cell] = []
    for by in ("peak", "mean"):
        i, j = divmod(int(maps.values([int(maps.ranked(by)[0])]).argmax()), maps.cols)
        if (i, j) not in found:
            found.append((i, j))
    del found[count:]
    rows, cols = np.mgrid[: maps.rows, : maps.cols]
    while len(found) < min(count, maps.rows * maps.cols):
        away = np.min([(rows - i) ** 2 + (cols - j) ** 2 for i, j in found], axis=0)
        i, j = divmod(int(away.argmax()), maps.cols)
        found.append((i, j))
    return tuple(found)


def agreement_job(
    transplanted: Transplanted,
    maps: ClassMaps,
    most: int = 12,
    seconds: float = 1.0,
) -> Job[Agreement]:
    """Classify some windows of a map by the plain net.

    Parameters
    ----------
    transplanted, maps
        The net, and a map that it gave, by whatever method.
    most : int
        Windows at most.
    seconds : float
        Work at most, in nominal seconds (see :data:`filterlab.surgery.cost.NOMINAL_SPEED`), so
        that the same map is always asked about in the same windows.

    Raises
    ------
    FilterLabError
        If the net has no one answer to a window, see
        :func:`filterlab.surgery.windows.windows_refused`.
    """
    t = transplanted
    count = max(1, min(most, maps.rows * maps.cols, int(seconds / window_seconds(t))))
    cells = spread_cells(maps, count)
    yield Progress("ask the classifier", 0, count + 1)
    classifier = Classifier(t, count)
    classifier.net.prepare()
    answers: list[Array] = []
    taken = 0.0
    for done in range(0, count, classifier.batch):
        yield Progress("ask the classifier", done + 1, count + 1)
        boxes = [maps.geometry.window(i, j) for i, j in cells[done : done + classifier.batch]]
        steps = classifier.answers(maps.data, boxes)
        while True:
            try:
                share = next(steps)
            except StopIteration as end:
                prob, _, passed = end.value
                break
            yield Progress("ask the classifier", done + 1 + share, count + 1)
        answers.append(prob)
        taken += passed
    ours = np.ascontiguousarray(np.stack([maps.prob[:, i, j] for i, j in cells]))
    theirs = np.concatenate(answers)
    considered = top_classes((ours + theirs).mean(axis=0), _CONSIDERED)
    return Agreement(cells, ours, theirs, considered, taken)


def agreement(transplanted: Transplanted, maps: ClassMaps, **choices: Any) -> Agreement:
    """The agreement in one go; see :func:`agreement_job`."""
    return run_job(agreement_job(transplanted, maps, **choices))
