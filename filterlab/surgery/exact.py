"""The exact map: every window cut out of the input and classified by the plain net.

It is slower than one pass of the dense net, and it is what the classifier really says: a net whose
layers pad sees zeros around a cut-out window, which a window inside a larger picture does not have.
"""

from __future__ import annotations

from dataclasses import replace
from statistics import median
from typing import Any

import numpy as np
from numpy.typing import NDArray

from filterlab.progress import Job, Progress, run_job
from filterlab.surgery.cost import Cost, check_memory
from filterlab.surgery.forward import run_dense_steps
from filterlab.surgery.geometry import MapGeometry
from filterlab.surgery.heatmap import (
    ClassMaps,
    Placement,
    Preprocessing,
    as_picture,
    choose_size,
    cost_of,
)
from filterlab.surgery.shift_and_stitch import PartialMaps, factors, spread
from filterlab.surgery.transplant import Transplanted
from filterlab.surgery.windows import Cell, Classifier, batch_for

__all__ = ["coarse_to_fine", "exact", "exact_cost", "exact_job"]

_SHOWN = 32  # times at most that the map is handed out as far as it is


def coarse_to_fine(rows: int, cols: int) -> list[Cell]:
    """All cells: first those of every 2^k-th row and column, then those between, and so on."""

    def level(at: int) -> int:
        return at & -at if at else 1 << 30

    cells = [(i, j) for i in range(rows) for j in range(cols)]
    return sorted(cells, key=lambda cell: -min(level(cell[0]), level(cell[1])))


def exact_cost(t: Transplanted, size: tuple[int, int], geometry: MapGeometry) -> Cost:
    """What an exact map at an input size costs, the quick map that is shown first included.

    The time is that of the last windows run, or, before there were any, follows from the dense
    net's.
    """
    rows, cols = geometry.cells(*size)
    quick = cost_of(t, size)
    one = cost_of(t, t.geometry.own_size)
    seconds = t.measured_window if t.measured_window is not None else one.seconds
    maps = 4 * 4 * t.classes * rows * cols
    return Cost(
        quick.bytes + batch_for(t, rows * cols) * one.bytes + maps,
        quick.macs + rows * cols * one.macs,
        None if seconds is None else (quick.seconds or 0.0) + rows * cols * seconds,
    )


def exact_job(
    transplanted: Transplanted,
    picture: NDArray[Any],
    stride: int | None = None,
    *,
    cells: int | None = None,
    size: int | tuple[int, int] | None = None,
    squash: int | tuple[int, int] | None = None,
    preprocessing: Preprocessing | None = None,
) -> Job[ClassMaps]:
    """The plain classifier's answers to all windows; yields :class:`PartialMaps` as it fills in.

    First comes the dense net's map with no cell filled, then cells coarse to fine. ``stride``
    gives a denser map than the net's own; ``cells`` counts cells of the net's own stride. See
    :func:`filterlab.surgery.sizes.choose_size`.

    Raises
    ------
    FilterLabError
        If the net has no one answer to a window, the stride cannot be reached, the size has no
        cell, memory does not suffice, or an answer is not finite.
    """
    t = transplanted
    picture = as_picture(picture)
    shown = (int(picture.shape[0]), int(picture.shape[1]))
    chosen = choose_size(t.geometry, shown, cells=cells, size=size, squash=squash)
    fy, fx = (1, 1) if stride is None else factors(t.geometry, stride)
    geometry = t.geometry.denser((fy, fx))
    check_memory(exact_cost(t, chosen, geometry), chosen)
    rows, cols = geometry.cells(*chosen)
    order = coarse_to_fine(rows, cols)
    total = len(order)
    yield Progress("prepare the picture", 0, total, f"{chosen[1]}x{chosen[0]}")
    data = (preprocessing or Preprocessing()).apply(picture, chosen, t.channels)
    classifier = Classifier(t, total)
    yield Progress("run the net", 0, total, f"{chosen[1]}x{chosen[0]}")
    steps = run_dense_steps(t, data)
    while True:
        try:
            next(steps)
        except StopIteration as end:
            quick_prob, quick_score, _ = end.value
            break
        yield Progress("run the net", 0, total, f"{chosen[1]}x{chosen[0]}")
    prob = np.empty((t.classes, rows, cols), np.float32)
    score = np.empty_like(prob)
    spread(prob, quick_prob, fy, fx)
    spread(score, quick_score, fy, fx)
    maps = ClassMaps(
        prob,
        score,
        chosen,
        shown,
        geometry,
        Placement.resized(shown, chosen),
        data,
        0.0,
        np.zeros((rows, cols), np.bool_),
        "exact",
        t.probabilities,
    )
    yield PartialMaps("prepare the classifier", 0, total, "", _copy(maps))
    classifier.net.prepare()
    taken: list[float] = []
    handed_out = 0
    for done in range(0, total, classifier.batch):
        message = f"window {done} of {total}"
        if done - handed_out >= total / _SHOWN:
            handed_out = done
            yield PartialMaps("classify the windows", done, total, message, _copy(maps))
        else:
            yield Progress("classify the windows", done, total, message)
        some = order[done : done + classifier.batch]
        answers = classifier.answers(data, [geometry.window(i, j) for i, j in some])
        while True:
            try:
                share = next(answers)
            except StopIteration as end:
                p, s, seconds = end.value
                break
            yield Progress("classify the windows", done + share, total, message)
        taken.append(seconds)
        at_i, at_j = np.array(some).T
        prob[:, at_i, at_j] = p.T
        score[:, at_i, at_j] = s.T
        assert maps.filled is not None
        maps.filled[at_i, at_j] = True
    t.measured_window = median(taken) / classifier.batch
    return replace(maps, filled=None, seconds=sum(taken))


def _copy(maps: ClassMaps) -> ClassMaps:
    assert maps.filled is not None
    return replace(maps, prob=maps.prob.copy(), score=maps.score.copy(), filled=maps.filled.copy())


def exact(transplanted: Transplanted, picture: NDArray[Any], **choices: Any) -> ClassMaps:
    """The exact map in one go; see :func:`exact_job`."""
    return run_job(exact_job(transplanted, picture, **choices))
