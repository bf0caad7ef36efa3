"""The plain classifier on cut-out windows, to compare with the dense net.

One pass of the dense net gives what would take as many passes of the classifier as there are
cells; and a cell is not the same as its cut-out window, because cutting puts zeros where the
dense net sees real context.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from statistics import median
from typing import Any

import numpy as np
from numpy.typing import NDArray

from filterlab.caffe.text import Text
from filterlab.errors import FilterLabError
from filterlab.progress import Job, Progress, run_job
from filterlab.surgery.forward import run_dense
from filterlab.surgery.heatmap import ClassMaps
from filterlab.surgery.transplant import Transplanted, feed, finished, top_classes
from filterlab.surgery.windows import cut

__all__ = ["Alone", "Sliding", "classify_window", "sliding", "sliding_job"]

Array = NDArray[np.float32]


@dataclass(frozen=True)
class Alone:
    """A window classified by itself, beside the cell that answers for it.

    Attributes
    ----------
    prob, score : ndarray (classes,) float32
        The classifier's answer to the cut-out window.
    best : list of (int, float)
        Its five best classes.
    best_in_place : list of (int, float)
        The cell's five best classes.
    largest_difference : float
        Between the two scores, over all classes.
    spread : float
        Standard deviation of the cell's scores, as a measure for the difference.
    window : ndarray (1, channels, height, width)
        What the classifier saw.
    """

    prob: Array
    score: Array
    best: list[tuple[int, float]]
    best_in_place: list[tuple[int, float]]
    largest_difference: float
    spread: float
    window: Array


@dataclass(frozen=True)
class Sliding:
    """A whole run of the classifier over a map's windows, timed.

    Attributes
    ----------
    prob : ndarray (classes, rows, cols) float32
    seconds : float
        All passes of the classifier.
    dense_seconds : float
        The one pass of the dense net over the same input, measured in the same job.
    cells : int
    """

    prob: Array
    seconds: float
    dense_seconds: float
    cells: int

    @property
    def one(self) -> float:
        """Seconds of one pass of the classifier."""
        return self.seconds / self.cells

    @property
    def times_the_output(self) -> int:
        """How many times as much the dense pass gives as one pass of the classifier."""
        return self.cells

    @property
    def times_the_time(self) -> float:
        """How many times as long the dense pass takes as one pass of the classifier."""
        return self.dense_seconds / self.one

    @property
    def gain(self) -> float:
        """How many times faster the dense pass is than the whole sliding run."""
        return self.seconds / self.dense_seconds

    def __str__(self) -> str:
        return (
            f"{self.times_the_output}x the output in {self.times_the_time:.1f}x the time: "
            f"{self.gain:.0f} times faster than sliding"
        )


def _classify(t: Transplanted, window: Array) -> tuple[Array, Array, float]:
    """The classifier's probabilities and scores of one window, and the seconds of the pass."""
    start = time.perf_counter()
    feed(t.source, t.input, window)
    t.source.forward()
    seconds = time.perf_counter() - start
    score = t.source.blobs[t.rewritten.plain_score].data[0].reshape(-1).copy()
    out = t.source.blobs[t.rewritten.plain_output].data[0].reshape(-1).copy()
    if score.size != t.classes:
        raise FilterLabError("the classifier does not give one answer to one window")
    return finished(t.rewritten, out), score, seconds


def classify_window(transplanted: Transplanted, maps: ClassMaps, i: int, j: int) -> Alone:
    """Classify the window of a cell alone, without its surroundings.

    Raises
    ------
    FilterLabError
        If there is no such cell.
    CaffeError
        If the classifier cannot take a window of this size.
    """
    window = cut(maps, i, j)
    prob, score, _ = _classify(transplanted, window)
    in_place = maps.score[:, i, j]
    return Alone(
        prob,
        score,
        [(c, float(prob[c])) for c in top_classes(prob)],
        maps.best(i, j),
        float(np.abs(score - in_place).max()),
        float(in_place.std()),
        window,
    )


def sliding_job(transplanted: Transplanted, maps: ClassMaps) -> Job[Sliding]:
    """Run the classifier over all windows of a map, one after the other, and time it.

    The map must be of the net's own stride.
    """
    t = transplanted
    total = maps.rows * maps.cols
    taken = []
    for _ in range(4):
        yield Progress("time the dense net", 0, total + 1)
        taken.append(run_dense(t, maps.data)[2])
    # The first pass at a size builds a session.
    dense_seconds = median(taken[1:])
    _classify(t, cut(maps, 0, 0))
    prob = np.zeros((t.classes, maps.rows, maps.cols), np.float32)
    seconds = 0.0
    for k in range(total):
        i, j = divmod(k, maps.cols)
        yield Progress(
            "classify window by window", k + 1, total + 1, Text("cell ({i}, {j})", i=i, j=j)
        )
        prob[:, i, j], _, took = _classify(t, cut(maps, i, j))
        seconds += took
    return Sliding(prob, seconds, dense_seconds, total)


def sliding(transplanted: Transplanted, maps: ClassMaps) -> Sliding:
    """The timed sliding run in one go; see :func:`sliding_job`."""
    job: Any = sliding_job(transplanted, maps)
    result: Sliding = run_job(job)
    return result
