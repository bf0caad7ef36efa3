"""Facts about a layer's units, of their weights and of what they answer.

Weights: length, mean, zeros, which units are dead and which are twins, and a histogram. Answers:
mean, peak and its place, and which units never rise above 0.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from filterlab.caffe import Net
from filterlab.errors import FilterLabError
from filterlab.surgery.tiles import channels_of
from filterlab.surgery.units import input_groups, unit_matrix

__all__ = ["ActivityFacts", "LayerFacts", "activity_facts", "sketch_of", "unit_facts"]

Doubles = NDArray[np.float64]
Flags = NDArray[np.bool_]

SMALL = 1e-3
"""Of the layer's largest weight: what lies below counts as next to nothing."""

TWINS = 0.999
"""Units whose weights have a cosine beyond this are twins."""

_ROWS = 256  # units in a step: a layer of 4096 x 9216 is never copied whole
_COMPARED = 1024  # units that are compared with all behind them in a step
_SKETCH = 128  # directions in which candidates for twins are compared first


@dataclass(frozen=True)
class LayerFacts:
    """What a layer's weights say of its units; biases count nowhere but in ``bias``.

    Attributes
    ----------
    layer : str
    weights : int
        Of one unit.
    norm, mean : ndarray (units,) float64
        Euclidean length and mean of a unit's weights.
    bias : ndarray (units,) float64, or None
    zeros, small : ndarray (units,) float64
        Shares of a unit's weights that are 0, and that are below :data:`SMALL` of the layer's
        largest (zeros included).
    dead : ndarray (units,) bool
        All weights are 0: such a unit says the same of every picture.
    twins : ndarray (pairs, 2) int32
        Pairs of units, the lower first, whose weights point the same way or the opposite way, as
        far as :data:`TWINS` asks. Only units that read the same inputs can be; dead ones are none.
    cosines : ndarray (pairs,) float64
        Of each pair; below 0 if opposite.
    edges, counts : ndarray (bins + 1,) float64, (bins,) int64
        Histogram of all weights, symmetric about 0; a bin holds its lower edge, the last both.
    finite : bool
        Whether no weight is NaN or infinite; those are left out of the histogram.
    """

    layer: str
    weights: int
    norm: Doubles
    mean: Doubles
    bias: Doubles | None
    zeros: Doubles
    small: Doubles
    dead: Flags
    twins: NDArray[np.int32]
    cosines: Doubles
    edges: Doubles
    counts: NDArray[np.int64]
    finite: bool

    @property
    def sparsity(self) -> float:
        """Share of the layer's weights that are 0."""
        return float(self.zeros.mean()) if self.zeros.size else 0.0


def unit_facts(net: Net, layer: str, bins: int = 61) -> LayerFacts:
    """What a layer's weights say of its units.

    With an odd number of ``bins``, 0 lies in the middle of one. Takes little memory beside the
    weights: of 4096 x 9216, 150 MB, it takes a tenth.

    Raises
    ------
    FilterLabError
        If there is no such layer, or it has no units.
    """
    import cv2

    values = unit_matrix(net, layer)
    units, size = values.shape
    largest, finite = 0.0, True
    for rows in _steps(units):
        block = values[rows]
        most = float(np.abs(block).max(initial=0.0))
        if not np.isfinite(most):
            finite = False
            most = float(np.abs(block[np.isfinite(block)]).max(initial=0.0))
        largest = max(largest, most)
    norm, mean = np.empty(units), np.empty(units)
    zeros, small = np.empty(units), np.empty(units)
    # The smallest float32 above the largest weight, since OpenCV leaves the upper edge out.
    end = float(np.nextafter(np.float32(largest or 1.0), np.float32(np.inf)))
    counts = np.zeros(bins, np.int64)
    for rows in _steps(units):
        block = np.ascontiguousarray(values[rows])
        size_of = np.abs(block)
        norm[rows] = np.sqrt(np.einsum("ij,ij->i", block, block, dtype=np.float64))
        mean[rows] = block.mean(axis=1, dtype=np.float64)
        zeros[rows] = np.count_nonzero(block == 0, axis=1) / max(size, 1)
        small[rows] = np.count_nonzero(size_of < SMALL * largest, axis=1) / max(size, 1)
        if not finite:  # OpenCV would count NaN in the first bin
            block = block[np.isfinite(block)][None]
        counts += cv2.calcHist([block], [0], None, [bins], [-end, end]).reshape(-1).astype(np.int64)
    if largest == 0.0:
        small[...] = zeros
    dead = zeros == 1.0
    twins, cosines = _twins(values, norm, input_groups(net, layer))
    row = net.params[layer]
    bias = None
    if len(row) > 1 and row[1].data.size == units:
        bias = np.array(row[1].data, np.float64).reshape(-1)
    edges = np.linspace(-(largest or 1.0), largest or 1.0, bins + 1)
    return LayerFacts(
        layer, size, norm, mean, bias, zeros, small, dead, twins, cosines, edges, counts, finite
    )


def _steps(count: int, rows: int = _ROWS) -> list[slice]:
    return [slice(k, min(k + rows, count)) for k in range(0, count, rows)]


# --- twins --------------------------------------------------------------------------------------


def _twins(
    values: NDArray[np.float32], norm: Doubles, groups: NDArray[np.intp]
) -> tuple[NDArray[np.int32], Doubles]:
    """Pairs of units, and their cosines, of a (units, weights) matrix.

    All pairs are compared exactly in a few directions only, onto which the weights are projected.
    Twins lie near each other there too, as a projection makes no distance larger; so none is
    missed, and few others are left to be compared in full.
    """
    pairs, cosines = [np.empty((0, 2), np.int32)], [np.empty(0)]
    live = np.isfinite(norm) & (norm > 0)
    if values.shape[1] > 1:
        for group in np.unique(groups):
            units = np.flatnonzero(live & (groups == group))
            if units.size > 1:
                found, cosine = _near(values, norm, units)
                pairs.append(found.astype(np.int32))
                cosines.append(cosine)
    joined, cosine = np.concatenate(pairs), np.concatenate(cosines)
    order = np.lexsort((joined[:, 1], joined[:, 0]))
    return joined[order], cosine[order]


def _near(
    values: NDArray[np.float32], norm: Doubles, units: NDArray[np.intp]
) -> tuple[NDArray[np.intp], Doubles]:
    """The twins among some units of a matrix, none of them dead."""
    sketch = sketch_of(values, norm, units)
    # |a - b|² is at most 2 (1 - cosine) where |a|² + |b|² - 2 ab is; and what float32 rounds off.
    half = np.einsum("ij,ij->i", sketch, sketch) / 2
    limit = np.float32(1 - TWINS + 1e-5)
    pairs, cosines = [], []
    for rows in _steps(units.size, _COMPARED):
        # Of each unit those behind it.
        dots = sketch[rows] @ sketch[rows.start :].T
        np.abs(dots, out=dots)
        dots -= half[rows, None]
        one, other = np.nonzero(dots >= half[None, rows.start :] - limit)
        behind = other > one
        one, other = units[one[behind] + rows.start], units[other[behind] + rows.start]
        cosine = _cosines(values, norm, one, other)
        twins = np.abs(cosine) > TWINS
        pairs.append(np.stack([one[twins], other[twins]], 1))
        cosines.append(cosine[twins])
    return np.concatenate(pairs), np.concatenate(cosines)


def sketch_of(
    values: NDArray[np.float32], norm: Doubles, units: NDArray[np.intp]
) -> NDArray[np.float32]:
    """Units, scaled to length 1, in few directions: (units, at most 128) float32.

    The directions are orthonormal, each a signed sum of coordinates of its own; so no distance
    between units grows.

    Parameters
    ----------
    values : ndarray (all, weights)
    norm : ndarray (all,)
        Of their lengths.
    units : ndarray (units,) int
        Those that are wanted, none of length 0.
    """
    size = values.shape[1]
    if size <= _SKETCH:
        return np.asarray(values[units] / norm[units, None], np.float32)
    deep = -(-size // _SKETCH)
    signs = np.random.default_rng(0).choice(np.array([-1, 1], np.float32), size)
    made = np.empty((units.size, _SKETCH), np.float32)
    padded = np.zeros((_ROWS, deep * _SKETCH), np.float32)
    for rows in _steps(units.size):
        some = units[rows]
        np.multiply(values[some], signs, out=padded[: some.size, :size])
        sums = padded[: some.size].reshape(some.size, deep, _SKETCH).sum(axis=1)
        made[rows] = sums / (norm[some, None] * np.sqrt(deep))
    return made


def _cosines(
    values: NDArray[np.float32], norm: Doubles, one: NDArray[np.intp], other: NDArray[np.intp]
) -> Doubles:
    """The cosine of each pair."""
    rows, i = np.unique(one, return_inverse=True)
    cols, j = np.unique(other, return_inverse=True)
    if 8 * one.size > rows.size * cols.size:  # many units alike: all with all is quicker
        dense = np.empty((rows.size, cols.size), np.float32)
        for part in _steps(cols.size):
            dense[:, part] = values[rows] @ values[cols[part]].T
        return dense[i, j] / (norm[one] * norm[other])
    found = np.empty(one.size)
    each = max(1, (1 << 20) // values.shape[1])
    for k in range(0, one.size, each):
        a, b = one[k : k + each], other[k : k + each]
        dots = np.einsum("ij,ij->i", values[a], values[b], dtype=np.float64)
        found[k : k + each] = dots / (norm[a] * norm[b])
    return found


# --- answers ------------------------------------------------------------------------------------


@dataclass(frozen=True)
class ActivityFacts:
    """What a blob says of its units on the picture that it was computed of.

    Attributes
    ----------
    mean : ndarray (units,) float64
    peak : ndarray (units,) float64
        The largest value.
    cell : ndarray (units, 2) int32
        Its row and column, the first of equals.
    active : ndarray (units,) float64
        Share of the cells above 0.
    rectified : bool
        Whether no value is below 0, as behind a ReLU.
    dead : ndarray (units,) bool
        Behind a ReLU, units that are nowhere above 0 on this picture; else none is.
    """

    mean: Doubles
    peak: Doubles
    cell: NDArray[np.int32]
    active: Doubles
    rectified: bool
    dead: Flags


def activity_facts(data: NDArray[Any]) -> ActivityFacts:
    """What the first item of a blob (1 to 4 axes) says of its units.

    Raises
    ------
    FilterLabError
        If it has another number of axes, or holds nothing.
    """
    channels = channels_of(data)
    if not channels.size:
        raise FilterLabError("the blob holds nothing; there is no activity to tell")
    flat = channels.reshape(len(channels), -1)
    at = flat.argmax(axis=1)
    peak = np.asarray(flat[np.arange(len(flat)), at], np.float64)
    cell = np.stack(np.divmod(at, channels.shape[2]), 1).astype(np.int32)
    active = np.count_nonzero(flat > 0, axis=1) / flat.shape[1]
    rectified = bool(flat.min() >= 0)
    dead = (active == 0) & rectified
    return ActivityFacts(flat.mean(axis=1, dtype=np.float64), peak, cell, active, rectified, dead)
