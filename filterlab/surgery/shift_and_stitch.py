"""Denser maps by shift-and-stitch.

The net's cells lie ``jump`` pixels apart. Run on a copy of the input without its first s pixels,
its cells lie s pixels further on; the runs of all shifts interleave to a map of a smaller stride.
A map of half the jump takes 4 passes, of a quarter 16.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from filterlab.caffe.text import Text
from filterlab.errors import FilterLabError
from filterlab.progress import Job, Progress, run_job
from filterlab.surgery.cost import check_memory
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
from filterlab.surgery.transplant import Transplanted

__all__ = [
    "PartialMaps",
    "dense",
    "dense_job",
    "factors",
    "spread",
    "strides",
]


@dataclass(frozen=True)
class PartialMaps(Progress):
    """Progress that carries the map as far as it is computed.

    ``maps.filled`` tells which cells are; the others repeat the nearest. It is a copy, so it may
    be drawn while the job goes on.
    """

    maps: ClassMaps | None = None


def strides(geometry: MapGeometry, smallest: int = 4) -> list[int]:
    """The strides that shifting can reach: whole fractions of both jumps, largest first."""
    largest = math.gcd(*geometry.jump)
    fractions = (s for s in range(largest, 0, -1) if largest % s == 0 and _is_power(largest // s))
    return [s for s in fractions if s >= smallest or (s, s) == geometry.jump]


def _is_power(n: int) -> bool:
    return n & (n - 1) == 0


def factors(geometry: MapGeometry, stride: int) -> tuple[int, int]:
    """How many times denser, along rows and columns, a map of this stride is.

    Raises
    ------
    FilterLabError
        If the stride is no whole fraction of the net's jump.
    """
    jy, jx = geometry.jump
    if stride < 1 or jy % stride or jx % stride:
        possible = ", ".join(str(s) for s in strides(geometry, 1))
        raise FilterLabError(
            "a stride of {stride} pixels cannot be reached from this net's {jump}; take {possible}",
            stride=stride,
            jump=jx if jx == jy else f"{jx}x{jy}",
            possible=possible,
        )
    return jy // stride, jx // stride


def _order(fy: int, fx: int) -> Iterator[tuple[int, int]]:
    """Shifts in an order that fills the map evenly: coarse first, then between."""

    def rank(at: tuple[int, int]) -> int:
        y, x = at
        total, bits = 0, max(fy, fx).bit_length()
        for bit in range(bits):
            total = total * 4 + 2 * ((y >> bit ^ x >> bit) & 1) + (y >> bit & 1)
        return total

    # The reversed bits of y^x and y, interleaved: an ordered dither.
    yield from sorted(((y, x) for y in range(fy) for x in range(fx)), key=rank)


def dense_job(
    transplanted: Transplanted,
    picture: NDArray[Any],
    stride: int,
    *,
    cells: int | None = None,
    size: int | tuple[int, int] | None = None,
    squash: int | tuple[int, int] | None = None,
    preprocessing: Preprocessing | None = None,
) -> Job[ClassMaps]:
    """A map of a smaller stride; yields :class:`PartialMaps` after every pass.

    ``cells`` counts cells of the net's own stride. See
    :func:`filterlab.surgery.heatmap.choose_size`.

    Raises
    ------
    FilterLabError
        If the stride cannot be reached, the size has no cell, or memory does not suffice.
    """
    t = transplanted
    fy, fx = factors(t.geometry, stride)
    picture = as_picture(picture)
    shown = (int(picture.shape[0]), int(picture.shape[1]))
    chosen = choose_size(t.geometry, shown, cells=cells, size=size, squash=squash)
    fine = t.geometry.denser((fy, fx))
    rows, cols = fine.cells(*chosen)
    cost = cost_of(t, chosen)
    maps_bytes = 4 * 4 * t.classes * rows * cols
    check_memory(replace(cost, bytes=cost.bytes + maps_bytes), chosen)
    # A shift by which no window is left on a small input gives no cell.
    order = [(sy, sx) for sy, sx in _order(fy, fx) if sy < rows and sx < cols]
    passes = len(order)
    yield Progress("prepare the picture", 0, passes + 1, f"{chosen[1]}x{chosen[0]}")
    data = (preprocessing or Preprocessing()).apply(picture, chosen, t.channels)
    prob = np.zeros((t.classes, rows, cols), np.float32)
    score = np.zeros_like(prob)
    filled = np.zeros((rows, cols), np.bool_)
    result = ClassMaps(
        prob,
        score,
        chosen,
        shown,
        fine,
        Placement.resized(shown, chosen),
        data,
        0.0,
        None,
        t.quick_method,
        t.probabilities,
    )
    seconds = 0.0
    for done, (sy, sx) in enumerate(order):
        message = Text(
            "pass {done} of {passes}, shifted by {sx}, {sy} pixels",
            done=done + 1,
            passes=passes,
            sx=sx * stride,
            sy=sy * stride,
        )
        if done == 0:
            yield Progress("run the shifted copies", 1, passes + 1, message)
        else:
            yield PartialMaps(
                "run the shifted copies", done + 1, passes + 1, message, _copy(result, filled)
            )
        shifted = np.ascontiguousarray(data[:, :, sy * stride :, sx * stride :])
        steps = run_dense_steps(t, shifted)
        while True:
            try:
                share = next(steps)
            except StopIteration as end:
                p, s, took = end.value
                break
            yield Progress("run the shifted copies", done + 1 + share, passes + 1, message)
        seconds += took
        if done == 0:
            spread(prob, p, fy, fx)
            spread(score, s, fy, fx)
        h, w = filled[sy::fy, sx::fx].shape
        prob[:, sy::fy, sx::fx] = p[:, :h, :w]
        score[:, sy::fy, sx::fx] = s[:, :h, :w]
        filled[sy::fy, sx::fx] = True
    return replace(result, seconds=seconds)


def spread(target: NDArray[Any], coarse: NDArray[Any], fy: int, fx: int) -> None:
    """Fill all fine cells with the coarse cell whose centre is nearest."""
    _, rows, cols = target.shape
    i = np.minimum((np.arange(rows) + fy // 2) // fy, coarse.shape[1] - 1)
    j = np.minimum((np.arange(cols) + fx // 2) // fx, coarse.shape[2] - 1)
    target[...] = coarse[:, i[:, None], j[None, :]]


def _copy(maps: ClassMaps, filled: NDArray[np.bool_]) -> ClassMaps:
    return replace(maps, prob=maps.prob.copy(), score=maps.score.copy(), filled=filled.copy())


def dense(
    transplanted: Transplanted, picture: NDArray[Any], stride: int, **choices: Any
) -> ClassMaps:
    """A map of a smaller stride in one go; see :func:`dense_job`."""
    return run_job(dense_job(transplanted, picture, stride, **choices))
