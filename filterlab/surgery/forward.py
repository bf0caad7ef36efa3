"""A forward pass of the dense net, cut into pieces where it takes long.

A pass cannot be stopped while it runs, but a pass of some layers can be followed by one of the
next layers. So a long pass is run in pieces of about equal work, and a job may be closed between
two of them.
"""

from __future__ import annotations

import math
import time
from collections.abc import Generator

import numpy as np
from numpy.typing import NDArray

from filterlab.caffe import Net
from filterlab.caffe.proto.caffe_pb2 import NetParameter
from filterlab.caffe.text import Text
from filterlab.errors import FilterLabError
from filterlab.surgery.cost import layer_work, nominal_seconds
from filterlab.surgery.transplant import Transplanted, feed, not_finite

__all__ = ["Answer", "pieces", "run_dense", "run_dense_steps"]

Array = NDArray[np.float32]
Answer = tuple[Array, Array, float]
"""Probabilities (or the values of a net that has none) and scores, both (classes, rows, cols), and
the seconds of the pass."""

_PIECE = 0.15  # nominal seconds of a piece, so that a Cancel waits for less than half a second
_MOST = 24


def pieces(
    param: NetParameter, net: Net, size: tuple[int, int], seconds: float | None = None
) -> list[tuple[str, str, float]]:
    """First layer, last layer and share of the work done behind it, for each piece of a pass.

    One piece where the pass is short. How long it takes is reckoned by a nominal speed, not
    measured, so that a pass is always cut alike: the cuts may change the last bits of an answer.
    """
    seconds = nominal_seconds(param, net, size) if seconds is None else seconds
    work = layer_work(param, net, size)
    names = [name for name, _ in work]
    count = min(_MOST, math.ceil(seconds / _PIECE))
    if count <= 1 or len(names) < 2:
        return [(names[0], names[-1], 1.0)]
    total = sum(amount for _, amount in work)
    found: list[tuple[str, str, float]] = []
    first, done = 0, 0.0
    for i, (_, amount) in enumerate(work):
        done += amount
        if done / total >= (len(found) + 1) / count or i == len(work) - 1:
            found.append((names[first], names[i], done / total))
            first = i + 1
    return found


def run_dense_steps(transplanted: Transplanted, data: Array) -> Generator[float, None, Answer]:
    """One pass of the dense net; yields the share of the work done between its pieces.

    Raises
    ------
    FilterLabError
        If the answer is not finite, or memory runs out.
    """
    t, net = transplanted, transplanted.net
    size = (int(data.shape[2]), int(data.shape[3]))
    seconds = 0.0
    try:
        feed(net, t.input, data)
        todo = pieces(t.param, net, size)
        for first, last, share in todo:
            start = time.perf_counter()
            if len(todo) == 1:
                net.forward()
            else:
                net.forward(start=first, end=last)
            seconds += time.perf_counter() - start
            if share < 1:
                yield share
        score = net.blobs[t.score].data[0].copy()
        out = net.blobs[t.output].data[0].copy()
    except MemoryError:
        raise FilterLabError(
            "not enough memory for an input of {size}x{size2} pixels; take fewer cells",
            size=size[1],
            size2=size[0],
        ) from None
    if not np.isfinite(score).all() or not np.isfinite(out).all():
        raise not_finite(net, Text("the net's answer"))
    before = t.measured
    if before is not None and before[0] == size:
        # Now and then the engine prepares something in a pass; that says little of the next.
        t.measured = (size, min(seconds, 1.25 * before[1]))
    else:
        t.measured = (size, seconds)
    return out, score, seconds


def run_dense(transplanted: Transplanted, data: Array) -> Answer:
    """One pass of the dense net in one go; see :func:`run_dense_steps`."""
    steps = run_dense_steps(transplanted, data)
    while True:
        try:
            next(steps)
        except StopIteration as end:
            answer: Answer = end.value
            return answer
