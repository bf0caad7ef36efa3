"""A forward pass of the dense net: in pieces where it is long, in strips where it is large."""

from __future__ import annotations

import time
from collections.abc import Generator
from contextlib import suppress
from weakref import WeakKeyDictionary

import numpy as np
from numpy.typing import NDArray

from filterlab.caffe import Net
from filterlab.caffe.text import Text
from filterlab.errors import FilterLabError
from filterlab.surgery.cost import estimate
from filterlab.surgery.pieces import pieces, run_pieces
from filterlab.surgery.strips import WHOLE, Chart, Strips
from filterlab.surgery.transplant import Transplanted, feed, not_finite

__all__ = ["Answer", "run_dense", "run_dense_steps", "strips_of"]

Array = NDArray[np.float32]
Answer = tuple[Array, Array, float]
"""Probabilities (or the values of a net that has none) and scores, both (classes, rows, cols), and
the seconds of the pass."""

_REMEMBERED = 64  # sizes of a net


class _Planned:
    """How one net runs at some sizes."""

    def __init__(self, t: Transplanted) -> None:
        self._sizes: dict[tuple[int, int], Strips | None] = {}
        self._chart: Chart | None = None
        with suppress(FilterLabError):
            self._chart = Chart(t.param, t.net, t.input, (t.score, t.output))

    def at(self, t: Transplanted, size: tuple[int, int]) -> Strips | None:
        if size not in self._sizes:
            if len(self._sizes) >= _REMEMBERED:
                self._sizes.clear()
            strips = None
            if self._chart is not None and estimate(t.param, t.net, size).bytes > WHOLE:
                strips = self._chart.strips(t.net, size)
            self._sizes[size] = strips
            return strips
        return self._sizes.get(size)


_planned: WeakKeyDictionary[Net, _Planned] = WeakKeyDictionary()


def strips_of(transplanted: Transplanted, size: tuple[int, int]) -> Strips | None:
    """The strips in which a pass at a size (height, width) is run; None if it is run at once.

    In strips where its blobs would take more than :data:`filterlab.surgery.strips.WHOLE`, whatever
    memory this computer has, and no layer sees the whole picture.
    """
    planned = _planned.get(transplanted.net)
    if planned is None:
        planned = _planned[transplanted.net] = _Planned(transplanted)
    return planned.at(transplanted, size)


def run_dense_steps(transplanted: Transplanted, data: Array) -> Generator[float, None, Answer]:
    """One pass of the dense net; yields the share of the work done between its pieces.

    Raises
    ------
    FilterLabError
        If the answer is not finite, or memory runs out.
    """
    t = transplanted
    size = (int(data.shape[2]), int(data.shape[3]))
    try:
        strips = strips_of(t, size)
        if strips is None:
            score, out, seconds = yield from _at_once(t, data, size)
        else:
            score, out, seconds = yield from _in_strips(t, data, strips)
    except MemoryError:
        raise FilterLabError(
            "not enough memory for an input of {size}x{size2} pixels; take fewer cells",
            size=size[1],
            size2=size[0],
        ) from None
    if not np.isfinite(score).all() or not np.isfinite(out).all():
        raise not_finite(t.net, Text("the net's answer"))
    before = t.measured
    if before is not None and before[0] == size:
        # Now and then the engine prepares something in a pass; that says little of the next.
        t.measured = (size, min(seconds, 1.25 * before[1]))
    else:
        t.measured = (size, seconds)
    return out, score, seconds


def _at_once(t: Transplanted, data: Array, size: tuple[int, int]) -> Generator[float, None, Answer]:
    feed(t.net, t.input, data)
    seconds = yield from run_pieces(t.net, pieces(t.param, t.net, size))
    return t.net.blobs[t.score].data[0].copy(), t.net.blobs[t.output].data[0].copy(), seconds


def _in_strips(t: Transplanted, data: Array, strips: Strips) -> Generator[float, None, Answer]:
    seconds = 0.0
    steps = strips.run(t.net, data, (t.score, t.output))
    while True:
        start = time.perf_counter()
        try:
            share = next(steps)
        except StopIteration as end:
            seconds += time.perf_counter() - start
            return end.value[t.score], end.value[t.output], seconds
        seconds += time.perf_counter() - start
        yield share


def run_dense(transplanted: Transplanted, data: Array) -> Answer:
    """One pass of the dense net in one go; see :func:`run_dense_steps`."""
    steps = run_dense_steps(transplanted, data)
    while True:
        try:
            next(steps)
        except StopIteration as end:
            answer: Answer = end.value
            return answer
