"""A forward pass cut into pieces where it takes long.

A pass cannot be stopped while it runs, but a pass of some layers can be followed by one of the
next layers. So a long pass is run in pieces of about equal work, and a job may be closed between
two of them.
"""

from __future__ import annotations

import math
import time
from collections.abc import Generator, Sequence

from filterlab.caffe import Net
from filterlab.caffe.proto.caffe_pb2 import NetParameter
from filterlab.surgery.cost import layer_work, nominal_seconds

__all__ = ["Piece", "pieces", "run_pieces"]

Piece = tuple[str, str, float]
"""First layer, last layer and share of the work done behind it."""

_PIECE = 0.15  # nominal seconds of a piece, so that a Cancel waits for less than half a second
_MOST = 24


def pieces(
    param: NetParameter, net: Net, size: tuple[int, int], seconds: float | None = None
) -> list[Piece]:
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
    found: list[Piece] = []
    first, done = 0, 0.0
    for i, (_, amount) in enumerate(work):
        done += amount
        if done / total >= (len(found) + 1) / count or i == len(work) - 1:
            found.append((names[first], names[i], done / total))
            first = i + 1
    return found


def run_pieces(net: Net, todo: Sequence[Piece]) -> Generator[float, None, float]:
    """A pass in these pieces; yields the share of the work done between them, returns seconds."""
    seconds = 0.0
    for first, last, share in todo:
        start = time.perf_counter()
        if len(todo) == 1:
            net.forward()
        else:
            net.forward(start=first, end=last)
        seconds += time.perf_counter() - start
        if share < 1:
            yield share
    return seconds
