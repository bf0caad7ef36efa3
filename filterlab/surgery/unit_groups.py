"""A layer's units in groups: twins, those of like weights, those of like strength.

Single units hardly move a trained net; groups show more.
"""

from __future__ import annotations

import numpy as np

from filterlab.caffe import Net
from filterlab.errors import FilterLabError
from filterlab.surgery.unit_facts import sketch_of, unit_facts
from filterlab.surgery.units import unit_matrix, unit_strengths

__all__ = ["Group", "kmeans_groups", "strength_groups", "twin_groups"]

Group = tuple[int, ...]
"""Units in order, each once."""


def twin_groups(net: Net, layer: str) -> list[Group]:
    """Units that are twins of each other, by one or over several (see ``unit_facts``).

    Raises
    ------
    FilterLabError
        If there is no such layer, or it has no units.
    """
    facts = unit_facts(net, layer)
    first = list(range(len(facts.norm)))  # the lowest unit that each is known to belong to

    def of(unit: int) -> int:
        while first[unit] != unit:
            first[unit] = first[first[unit]]
            unit = first[unit]
        return unit

    for one, other in facts.twins.tolist():
        low, high = sorted((of(one), of(other)))
        first[high] = low
    groups: dict[int, list[int]] = {}
    for unit in range(len(first)):
        groups.setdefault(of(unit), []).append(unit)
    return [tuple(group) for group in groups.values() if len(group) > 1]


def kmeans_groups(net: Net, layer: str, count: int, seed: int = 0) -> list[Group]:
    """Units by the direction of their weights, k-means with k-means++ from a seed.

    Lengths count nothing; units whose weights are all 0 belong nowhere. There may be fewer than
    ``count`` groups. Long weights are compared in 128 directions onto which they are projected.

    Raises
    ------
    FilterLabError
        If there is no such layer, it has no units, or fewer than ``count`` that are not 0.
    """
    import cv2

    values = unit_matrix(net, layer)
    norm = unit_strengths(net, layer)
    live = np.flatnonzero(np.isfinite(norm) & (norm > 0))
    if not 1 <= count <= live.size:
        raise FilterLabError(
            "layer {name!r} has {n} units that are not 0; take 1 to {n} groups, not {count}",
            name=layer,
            n=live.size,
            count=count,
        )
    points = sketch_of(values, norm, live)
    cv2.setRNGSeed(seed)  # of this thread
    until = (cv2.TERM_CRITERIA_MAX_ITER, 100, 0.0)
    start = cv2.KMEANS_PP_CENTERS
    label = cv2.kmeans(points, count, None, until, 4, start)[1].reshape(-1)
    groups = [live[label == k] for k in range(count)]
    return sorted(tuple(group.tolist()) for group in groups if group.size)


def strength_groups(net: Net, layer: str, each: int) -> list[Group]:
    """All units by the length of their weights, the longest first, ``each`` of them in a group.

    The last group may be smaller. Of equals the first comes first.

    Raises
    ------
    FilterLabError
        If there is no such layer, it has no units, or ``each`` is below 1.
    """
    if each < 1:
        raise FilterLabError("a group has 1 unit or more, not {n}", n=each)
    order = np.argsort(-unit_strengths(net, layer), kind="stable")
    return [tuple(sorted(order[k : k + each].tolist())) for k in range(0, order.size, each)]
