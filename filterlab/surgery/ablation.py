"""Edits of a layer's units, each with its pycaffe lines, and what an answer loses without a unit.

An edit is first computed, as new weights of the units it changes, and then written, so that what
stood there before can be put back to the very bytes.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from filterlab.caffe import Net
from filterlab.caffe.text import Text
from filterlab.errors import FilterLabError
from filterlab.progress import Job, Progress
from filterlab.surgery.answers import Answer, Judge
from filterlab.surgery.units import (
    UnitWeights,
    check_units,
    index_text,
    indices,
    read_unit,
    unit_count,
    unit_strengths,
    units_told,
    write_unit,
)

__all__ = [
    "KINDS",
    "Operation",
    "Ranking",
    "code_of",
    "computed",
    "group_rank_job",
    "rank_job",
    "told",
]

#: What can be done to units, and the names of these edits.
KINDS = {
    "zero": Text("Set units to zero"),
    "scale": Text("Scale units"),
    "negate": Text("Negate units"),
    "swap": Text("Swap units"),
    "copy": Text("Copy a unit"),
    "replace": Text("Replace kernels"),
    "prune": Text("Keep the strongest units"),
    "noise": Text("Add noise to units"),
}


@dataclass(frozen=True)
class Operation:
    """An edit of a layer's units.

    Attributes
    ----------
    kind : str
        A key of :data:`KINDS`.
    layer : str
    units : tuple of int
        Those it changes; two of a swap. Empty for a pruning, which takes all.
    value : float
        The factor of ``scale``; of ``noise`` the share of the standard deviation of the layer's
        weights.
    count : int
        Units that ``prune`` keeps; the unit that ``copy`` takes; the seed of ``noise``.
    kernel : array or None
        What ``replace`` puts in the place of the weights (the bias stays): of a unit's own shape,
        or its last axes, for each of its input planes alike.
    """

    kind: str
    layer: str
    units: tuple[int, ...] = ()
    value: float = 0.0
    count: int = 0
    kernel: Any = field(default=None, compare=False)


def _frozen(*arrays: ArrayLike) -> UnitWeights:
    made = []
    for array in arrays:
        copy = np.array(array, np.float32)
        copy.flags.writeable = False
        made.append(copy)
    return tuple(made)


def computed(net: Net, operation: Operation) -> dict[tuple[str, int], UnitWeights]:
    """The new weights of the units that an operation changes; nothing is written.

    ``zero``, ``scale`` and ``negate`` change weights and bias, so that the unit's output is scaled;
    ``prune`` sets all units but the strongest (by the norm of their weights; of equals, the first)
    to zero; ``noise`` is added to the weights alone.

    Raises
    ------
    FilterLabError
        If there is no such layer, unit or kind of edit, or the kernel has another shape.
    """
    op, layer = operation, operation.layer
    if op.kind not in KINDS:
        raise FilterLabError(
            "no edit {kind!r} of units; take one of {known}", kind=op.kind, known=", ".join(KINDS)
        )
    if not np.isfinite(op.value):
        raise FilterLabError("{value} is no finite number to edit weights with", value=op.value)
    if op.kind == "prune":
        return _pruned(net, layer, op.count)
    units = check_units(net, layer, op.units)
    before = {unit: read_unit(net, layer, unit) for unit in units}
    after: dict[int, UnitWeights] = {}
    if op.kind == "swap":
        if len(units) != 2:
            raise FilterLabError("a swap takes two units, not {n}", n=len(units))
        after = {units[0]: before[units[1]], units[1]: before[units[0]]}
    elif op.kind == "copy":
        (source,) = check_units(net, layer, [op.count])
        after = dict.fromkeys(units, read_unit(net, layer, source))
    elif op.kind == "replace":
        after = {u: _replaced(layer, w, op.kernel) for u, w in before.items()}
    elif op.kind == "noise":
        rng = np.random.default_rng(_seed(op.count))
        spread = op.value * float(net.params[layer][0].data.std())
        for unit, (weights, *rest) in before.items():
            noisy = weights + spread * rng.standard_normal(weights.shape)
            after[unit] = _frozen(noisy, *rest)
    else:
        factor = np.float32({"zero": 0.0, "negate": -1.0}.get(op.kind, op.value))
        for unit, arrays in before.items():
            # 0 times NaN is NaN, and 0 times -1 is -0.
            made = [np.zeros_like(a) if factor == 0 else a * factor for a in arrays]
            after[unit] = _frozen(*made)
    return {(layer, unit): arrays for unit, arrays in after.items()}


def _seed(count: int) -> int:
    if count < 0:
        raise FilterLabError("a seed is a whole number from 0 on, not {seed}", seed=count)
    return count


def _pruned(net: Net, layer: str, keep: int) -> dict[tuple[str, int], UnitWeights]:
    count = unit_count(net, layer)
    if not 0 <= keep <= count:
        raise FilterLabError(
            "layer {name!r} has {count} units; keep 0 to {count} of them, not {keep}",
            name=layer,
            count=count,
            keep=keep,
        )
    weak = np.argsort(-unit_strengths(net, layer), kind="stable")[keep:]
    return {
        (layer, int(unit)): _frozen(*map(np.zeros_like, read_unit(net, layer, int(unit))))
        for unit in sorted(weak)
    }


def _replaced(layer: str, before: UnitWeights, kernel: Any) -> UnitWeights:
    weights, *rest = before
    array = np.asarray(kernel, np.float32) if kernel is not None else np.empty(0, np.float32)
    same = array.ndim and array.shape == weights.shape[weights.ndim - array.ndim :]
    if not same or not np.isfinite(array).all():
        raise FilterLabError(
            "a unit of layer {name!r} has weights of {shape}; a kernel of {found} finite numbers "
            "does not fit",
            name=layer,
            shape="x".join(map(str, weights.shape)),
            found="x".join(map(str, array.shape)),
        )
    return _frozen(np.broadcast_to(array, weights.shape), *rest)


# --- in words and in pycaffe --------------------------------------------------------------------


def told(operation: Operation) -> str:
    """What an operation does, in words: ``stem, unit 8 set to zero``."""
    op = operation
    what = {
        "zero": Text("set to zero"),
        "scale": Text("times {factor:g}", factor=op.value),
        "negate": Text("negated"),
        "swap": Text("swapped"),
        "copy": Text("made a copy of unit {n}", n=op.count),
        "replace": Text("given another kernel"),
        "prune": Text("all but the {n} strongest set to zero", n=op.count),
        "noise": Text("noise of {share:g} added, seed {seed}", share=op.value, seed=op.count),
    }[op.kind]
    if op.kind == "prune":
        return Text("{layer}: {what}", layer=op.layer, what=what)
    return Text("{layer}, {units} {what}", layer=op.layer, units=units_told(op.units), what=what)


def code_of(net: Net, operation: Operation) -> str:
    """The pycaffe lines that do the same to ``net``, to be run before the operation is done."""
    op = operation
    bias = len(net.params[op.layer]) > 1
    lines = [f"w, b = net.params[{op.layer!r}]" if bias else f"w, = net.params[{op.layer!r}]"]
    names = ["w", "b"][: 1 + bias]

    def every(unit: int, name: str) -> str:
        at = indices(net, op.layer, unit)[0 if name == "w" else 1]
        return f"{name}.data[{index_text(at)}]"

    if op.kind in ("zero", "scale", "negate", "prune"):
        units = op.units
        if op.kind == "prune":
            units = tuple(unit for _, unit in computed(net, op))
            lines.append(f"# all but the {op.count} with the largest norm")
        factor = {"scale": op.value, "negate": -1}.get(op.kind, 0)
        sign = "*= " if factor else "= "
        factor = factor or 0  # no -0.0
        lines += [f"{every(u, name)} {sign}{factor!r}" for u in units for name in names]
    elif op.kind == "swap":
        a, b = sorted(op.units)
        lines += [
            f"{every(a, n)}, {every(b, n)} = {every(b, n)}.copy(), {every(a, n)}.copy()"
            for n in names
        ]
    elif op.kind == "copy":
        lines += [f"kept_{n} = {every(op.count, n)}.copy()" for n in names]
        lines += [f"{every(u, n)} = kept_{n}" for u in op.units for n in names]
    elif op.kind == "replace":
        kernel = np.asarray(op.kernel, np.float32)
        rows = np.array2string(kernel, separator=", ", threshold=2**31, floatmode="unique")
        lines.append(f"kernel = np.array({' '.join(rows.split())}, np.float32)")
        lines += [f"{every(u, 'w')} = kernel" for u in op.units]
    else:
        lines += [
            f"rng = np.random.default_rng({op.count})",
            f"spread = {op.value!r} * float(w.data.std())",
        ]
        lines += [
            f"{every(u, 'w')} += spread * rng.standard_normal({every(u, 'w')}.shape)"
            for u in sorted(op.units)
        ]
    return "\n".join(lines)


# --- what a class loses without a unit ----------------------------------------------------------


@dataclass(frozen=True)
class Ranking:
    """A layer's units, or groups of them, by what a class's score loses when they are zero.

    Attributes
    ----------
    layer : str
    wanted : int
        The class.
    before : Answer
    score_loss, points : ndarray (groups,) float64
        Score before minus without the group; probability after minus before in points of 100.
    best : ndarray (groups,) int
        The best class without the group.
    groups : tuple of tuple of int
        The units of each; one each where all units were ranked.
    """

    layer: str
    wanted: int
    before: Answer
    score_loss: NDArray[np.float64]
    points: NDArray[np.float64]
    best: NDArray[np.intp]
    groups: tuple[tuple[int, ...], ...] = ()

    @property
    def order(self) -> NDArray[np.intp]:
        """The groups by their index, that of the largest loss first."""
        return np.argsort(-self.score_loss, kind="stable")


def rank_job(net: Net, judge: Judge, layer: str, wanted: int) -> Job[Ranking]:
    """Set each unit of a layer to zero in turn, for the input that the net's blobs hold.

    Runs on a snapshot; the net is left as it is. Only the layers from this one on are computed
    again, where none of them works in place on what it reads from before.
    """
    singles = [(unit,) for unit in range(unit_count(net, layer))]
    return _ranked(net, judge, layer, singles, wanted)


def group_rank_job(
    net: Net, judge: Judge, layer: str, groups: Sequence[Iterable[int]], wanted: int
) -> Job[Ranking]:
    """:func:`rank_job` of groups: all units of a group are set to zero together.

    Raises
    ------
    FilterLabError
        If there is no group, one is empty, or the layer has not got one of the units.
    """
    checked = [check_units(net, layer, group) for group in groups]
    if not checked:
        raise FilterLabError("there are no groups of units to rank; make some first")
    return _ranked(net, judge, layer, checked, wanted)


def _ranked(
    net: Net, judge: Judge, layer: str, groups: Sequence[tuple[int, ...]], wanted: int
) -> Job[Ranking]:
    count = len(groups)
    twin = net.snapshot()
    twin.packing = "never"
    judge.check_class(twin, wanted)
    yield Progress(Text("ask without a unit"), 0, count + 1)
    twin.forward()
    before = judge.answer(twin)
    start = layer if _restartable(twin, layer) else None
    loss, points = np.empty(count), np.empty(count)
    best = np.empty(count, np.intp)
    for k, units in enumerate(groups):
        told_ = Text("{layer}, {units}", layer=layer, units=units_told(units))
        yield Progress(Text("ask without a unit"), k + 1, count + 1, told_)
        kept = {unit: read_unit(twin, layer, unit) for unit in units}
        for unit, values in kept.items():
            write_unit(twin, layer, unit, tuple(map(np.zeros_like, values)))
        twin.forward(start=start)
        for unit, values in kept.items():
            write_unit(twin, layer, unit, values)
        after = judge.answer(twin)
        loss[k] = float(before.score[wanted]) - float(after.score[wanted])
        points[k] = 100 * (float(after.prob[wanted]) - float(before.prob[wanted]))
        best[k] = int(after.score.argmax())
    return Ranking(layer, wanted, before, loss, points, best, tuple(groups))


def _restartable(net: Net, layer: str) -> bool:
    """Whether the layers from one on may be computed again by themselves."""
    names = list(net.bottom_names)
    at = names.index(layer)
    made: set[str] = set()
    read: set[str] = set()
    for name in names[at:]:
        read.update(b for b in net.bottom_names[name] if b not in made)
        made.update(net.top_names[name])
    return not (read & made)
