"""What can be asked of a net and a picture, what will be done, and doing it.

Three methods give a map:

* ``dense``: one pass of the transplanted net, as in the tutorial;
* ``pooled``: the same for a net that ends in a global pooling, which slides over whole windows;
* ``exact``: every window cut out and classified by the plain net.

Window, command line and folder run all go through :func:`plan` and :func:`map_job`, so that they
give the same map for the same request.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from math import prod
from typing import Any

from numpy.typing import NDArray

from filterlab.caffe.text import Text, joined
from filterlab.errors import FilterLabError
from filterlab.progress import Job
from filterlab.surgery.choices import METHODS
from filterlab.surgery.cost import Cost, amount, check_memory, estimate, fits
from filterlab.surgery.exact import exact_cost, exact_job
from filterlab.surgery.forward import strips_of
from filterlab.surgery.geometry import MapGeometry
from filterlab.surgery.heatmap import (
    ClassMaps,
    Preprocessing,
    as_picture,
    choose_size,
    cost_of,
    heatmap_job,
)
from filterlab.surgery.pyramid import Pyramid, pyramid_job, pyramid_sizes
from filterlab.surgery.shift_and_stitch import dense_job, factors, strides
from filterlab.surgery.sizes import fewest_cells, shape_error
from filterlab.surgery.transplant import Transplanted
from filterlab.surgery.windows import window_seconds, windows_refused

__all__ = [
    "METHODS",
    "MapRun",
    "Plan",
    "Request",
    "cell_steps",
    "default_method",
    "densities",
    "largest_cells",
    "map_job",
    "methods",
    "own_cells",
    "plan",
    "refusal",
]

Size = tuple[int, int]

_AT_ONCE = 3.0  # nominal seconds up to which the exact map is the default
_SQUARE = 8  # cells of a squashed picture if nothing is said: the tutorial's
_ROOM = 2_000_000_000  # bytes that a size chosen by the program itself may take in one piece
_SHAPE_KEPT = 1.2  # by fitting whole windows alone a shape is off by less
_FINER = 2  # strides to offer beside the net's own
_FINE_STEPS = 30  # cells up to which the slider goes one by one


@dataclass(frozen=True)
class Request:
    """What the user asks for.

    Attributes
    ----------
    cells : int
        Cells of the net's own stride on the longer side; 0 leaves it to picture and net.
    size : int
        Pixels on the longer side; 0 if not given.
    squash : int or bool
        Side in pixels of a square that the picture is squashed to; True for one of ``cells``.
    density : str
        ``"own"``, ``"stride:16"`` …, or ``"scales"`` (three sizes of the picture joined).
    method : str
        One of :data:`METHODS`, or empty for the one that suits the net.
    """

    cells: int = 0
    size: int = 0
    squash: int | bool = 0
    density: str = "own"
    method: str = ""


@dataclass(frozen=True)
class Plan:
    """What will be done: the same for the same net, picture size and request, on any computer.

    Only ``cost`` tells of this computer; two plans are equal whatever theirs are.

    Attributes
    ----------
    request : Request
    method, density : str
    input_size : (int, int)
        Height and width of the net's input; of three scales, that of scale 1.
    cells : (int, int)
        Rows and columns of the map.
    stride : int
        Pixels of the input from cell to cell, along a row.
    passes : int
        Passes of the net; windows, if the method is ``exact``.
    cost : Cost
        Memory, multiplications and the estimated time on this computer (or None).
    note : str
        What was done to the picture (enlarged, squashed), and that the net runs in strips: a
        sentence; empty if nothing worth saying.
    """

    request: Request
    method: str
    density: str
    input_size: Size
    cells: Size
    stride: int
    passes: int
    cost: Cost = field(compare=False)
    note: str = ""


@dataclass
class MapRun:
    """What a run gave; ``pyramid`` only of three scales, of which ``maps`` is that of scale 1."""

    plan: Plan
    maps: ClassMaps
    pyramid: Pyramid | None
    seconds: float


def methods(transplanted: Transplanted) -> tuple[str, ...]:
    """The methods that a net can do; first the one it takes by default where time allows."""
    quick = transplanted.quick_method
    if windows_refused(transplanted):
        return (quick,)
    return ("exact", quick) if quick == "pooled" else (quick, "exact")


def densities(transplanted: Transplanted, method: str) -> tuple[str, ...]:
    """The densities to offer with a method, ``"own"`` first."""
    g = transplanted.geometry
    finer = [n for n in strides(g) if (n, n) != g.jump][:_FINER]
    offered = ("own", *(f"stride:{n}" for n in finer), "scales")
    return tuple(density for density in offered if not refusal(transplanted, method, density))


def refusal(transplanted: Transplanted, method: str, density: str = "own") -> str:
    """Why a net cannot do this, a sentence; empty if it can."""
    if method not in METHODS:
        return Text(
            "no method {method!r}; take one of {known}", method=method, known=", ".join(METHODS)
        )
    if method == "exact":
        reason = windows_refused(transplanted)
    elif method == transplanted.quick_method:
        reason = ""
    elif method == "pooled":
        reason = Text("the net does not end in a global pooling; take the method dense or exact")
    else:
        reason = Text(
            "the net ends in a global pooling, so that one place alone has no "
            "answer; take the method pooled or exact"
        )
    if reason:
        return reason
    if density in ("own", "scales"):
        return ""
    name, _, number = density.partition(":")
    if name != "stride" or not number.isdecimal():
        return Text(
            "no density {density!r}; take own, scales, or stride: and a number of pixels",
            density=density,
        )
    try:
        factors(transplanted.geometry, int(number))
    except FilterLabError as error:
        return error.message
    return ""


def default_method(transplanted: Transplanted, windows: int) -> str:
    """The method for a map of so many windows, if none is asked for.

    A net that ends in a global pooling answers exactly where that takes less than three seconds
    at a nominal speed; what this computer really takes plays no part, so that the same request
    gives the same map everywhere.
    """
    first = methods(transplanted)[0]
    if first == "exact" and windows * window_seconds(transplanted) >= _AT_ONCE:
        return transplanted.quick_method
    return first


def _geometry(t: Transplanted, density: str) -> MapGeometry:
    if not density.startswith("stride:"):
        return t.geometry
    return t.geometry.denser(factors(t.geometry, int(density.partition(":")[2])))


def _levels(t: Transplanted, size: Size, density: str) -> list[Size]:
    """The input sizes of a run."""
    return pyramid_sizes(t, size) if density == "scales" else [size]


def plan(transplanted: Transplanted, picture_size: Size, request: Request | None = None) -> Plan:
    """What a request means for a picture of this size (height, width).

    Raises
    ------
    FilterLabError
        If the net cannot do it, the size has no cell, or memory does not suffice; the message
        says what works.
    """
    t, request = transplanted, request or Request()
    checked = request.method or t.quick_method
    reason = refusal(t, checked, request.density)
    if reason:
        raise FilterLabError(reason)
    size, note = _size(t, picture_size, request)
    if request.density == "scales":  # all of them fit whole windows
        size = t.geometry.size_near(*size)
    geometry = _geometry(t, request.density)
    levels = _levels(t, size, request.density)
    windows = sum(rows * cols for rows, cols in (geometry.cells(*level) for level in levels))
    method = request.method or default_method(t, windows)
    if method == "exact":
        costs = [exact_cost(t, level, geometry) for level in levels]
        passes = windows
    else:
        each = 1
        if request.density.startswith("stride:"):
            shifts = factors(t.geometry, geometry.jump[0])
            each = prod(min(n, cells) for n, cells in zip(shifts, geometry.cells(*size)))
        passes = each * len(levels)
        costs = [cost_of(t, level, each) for level in levels]
    known = [cost.seconds for cost in costs if cost.seconds is not None]
    cost = Cost(
        max(cost.bytes for cost in costs),
        sum(cost.macs for cost in costs),
        sum(known) if len(known) == len(costs) else None,
    )
    check_memory(cost, levels[-1])
    in_strips = _strips_note(t, levels[-1]) if method != "exact" else ""
    note = joined(part for part in (note, in_strips) if part)
    return Plan(
        request,
        method,
        request.density,
        size,
        geometry.cells(*size),
        geometry.jump[1],
        passes,
        cost,
        note,
    )


def _strips_note(t: Transplanted, size: Size) -> str:
    if strips_of(t, size) is None:
        return ""
    whole = amount(estimate(t.param, t.net, size).bytes)
    return Text("the net runs in strips, since all at once would take {memory}", memory=whole)


def _size(t: Transplanted, picture: Size, request: Request) -> tuple[Size, str]:
    """The input size, and what is to be said about it."""
    g = t.geometry
    if request.squash:
        if request.squash is True:
            cells = request.cells or _SQUARE
            return choose_size(g, picture, squash=g.size_for_cells(cells, cells)), ""
        return choose_size(g, picture, squash=int(request.squash)), ""
    if request.cells or request.size:
        choice = {"cells": request.cells} if request.cells else {"size": request.size}
        chosen = choose_size(g, picture, **choice)
    else:
        chosen = _affordable(t, picture)
    h, w = picture
    if shape_error(picture, chosen) > _SHAPE_KEPT:
        return chosen, (
            Text(
                "the picture of {w}x{h} pixels is squashed to {chosen}x{chosen2}; its "
                "shape would be kept from {cells} cells on the longer side",
                w=w,
                h=h,
                chosen=chosen[1],
                chosen2=chosen[0],
                cells=fewest_cells(g, picture),
            )
        )
    smallest = g.smallest()
    if h < smallest[0] or w < smallest[1]:
        return chosen, (
            Text(
                "the picture of {w}x{h} pixels is smaller than one window and is "
                "enlarged to {chosen}x{chosen2}",
                w=w,
                h=h,
                chosen=chosen[1],
                chosen2=chosen[0],
            )
        )
    return chosen, ""


def _affordable(t: Transplanted, picture: Size) -> Size:
    """The natural size; of an extremely long picture, as much of it as is reasonable."""
    g = t.geometry
    axis = 1 if picture[1] >= picture[0] else 0
    try:
        chosen = choose_size(g, picture)
        if estimate(t.param, t.net, chosen).bytes <= _ROOM:
            return chosen
    except FilterLabError:  # no input is that long
        pass
    lo, hi = 1, max(2, fewest_cells(g, (1, 50) if axis else (50, 1)))
    while lo < hi:
        middle = (lo + hi + 1) // 2
        if estimate(t.param, t.net, g.keeping_shape(picture, middle)).bytes <= _ROOM:
            lo = middle
        else:
            hi = middle - 1
    return g.keeping_shape(picture, lo)


def largest_cells(transplanted: Transplanted, picture_size: Size) -> int:
    """The most cells on the longer side that fit into memory now, the picture's shape kept."""
    t, g = transplanted, transplanted.geometry

    def possible(cells: int) -> bool:
        try:
            size = g.keeping_shape(picture_size, cells)
            # Whether strips would take less is only to be found out where it matters.
            return fits(estimate(t.param, t.net, size)) or fits(cost_of(t, size))
        except FilterLabError:  # no input is that long
            return False

    lo, hi = 1, 2
    while possible(hi):
        lo, hi = hi, 2 * hi
    while hi - lo > 1:
        middle = (lo + hi) // 2
        lo, hi = (middle, hi) if possible(middle) else (lo, middle)
    return lo


def own_cells(transplanted: Transplanted, planned: Plan) -> int:
    """Cells of the net's own stride on the longer side of a map, which the slider counts."""
    rows, cols = planned.cells
    fy, fx = 1, 1
    if planned.density.startswith("stride:"):
        fy, fx = factors(transplanted.geometry, planned.stride)
    return max(-(-rows // fy), -(-cols // fx))


def cell_steps(transplanted: Transplanted, picture_size: Size) -> tuple[int, ...]:
    """The numbers of cells on the longer side that a slider goes through for a picture.

    From the fewest that keep the picture's shape to the most that fit into memory: one by one at
    first, then about a twentieth more each time.
    """
    most = largest_cells(transplanted, picture_size)
    fewest = min(fewest_cells(transplanted.geometry, picture_size), most)
    return tuple(_steps(fewest, most))


def _steps(fewest: int, most: int) -> Iterator[int]:
    at = fewest
    while at < most:
        yield at
        at += 1 if at < _FINE_STEPS else max(1, round(at / 20))
    yield most


def map_job(
    transplanted: Transplanted,
    picture: NDArray[Any],
    plan: Plan,
    preprocessing: Preprocessing | None = None,
) -> Job[MapRun]:
    """Do what a plan says for a picture of the size it was made for.

    Yields :class:`filterlab.surgery.shift_and_stitch.PartialMaps` or
    :class:`filterlab.surgery.pyramid.PartialPyramid` as the maps fill in; the first of an exact map
    is the dense net's, with no cell filled.

    Raises
    ------
    FilterLabError
        If memory runs out or an answer is not finite.
    """
    t, size = transplanted, plan.input_size
    picture = as_picture(picture)
    exact = plan.method == "exact"
    stride = int(plan.density.partition(":")[2]) if plan.density.startswith("stride:") else None
    if plan.density == "scales":
        pyramid = yield from pyramid_job(
            t, picture, size=size, preprocessing=preprocessing, exact=exact
        )
        maps = next(level for level in pyramid.levels if level.input_size == size)
        return MapRun(plan, maps, pyramid, maps.seconds)
    if exact:
        maps = yield from exact_job(t, picture, stride, size=size, preprocessing=preprocessing)
    elif stride is not None:
        maps = yield from dense_job(t, picture, stride, size=size, preprocessing=preprocessing)
    else:
        maps = yield from heatmap_job(t, picture, size=size, preprocessing=preprocessing)
    return MapRun(plan, maps, None, maps.seconds)
