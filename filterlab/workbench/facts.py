"""What a lesson can see of the three benches: facts by name, and conditions on them.

A fact is a plain value (bool, number, text, list of them) or None where there is none yet, such as
``filters.sum.0`` or ``heatmap.classes``. A condition is data, read from a lesson's file:

>>> condition = condition_from({"fact": "filters.bias.0", "at_least": 0.2})
>>> condition.holds({"filters.bias.0": 0.25}.get)
True
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from filterlab.errors import FilterLabError
from filterlab.surgery.kernels import MAX_SIDE
from filterlab.surgery.kernels.presets import find_preset
from filterlab.surgery.kernels.spec import parse_spec
from filterlab.surgery.kernels.transform import resize
from filterlab.workbench.filter_bench import FilterBench
from filterlab.workbench.filter_state import SLOTS

if TYPE_CHECKING:
    from filterlab.workbench.heatmap_bench import HeatmapBench
    from filterlab.workbench.net_study import NetStudy

__all__ = [
    "FACTS",
    "HAPPENINGS",
    "Condition",
    "Facts",
    "condition_from",
    "is_number",
    "kernel_from",
]

Look = Callable[[str], Any]
"""Gives the value of a fact by its name."""

_DEPTH = 4
_MOST = 64  # conditions in one
_LONGEST_SPEC = 200  # characters

#: What the window reports as seen, each until the next step begins; read as ``seen.<name>``.
HAPPENINGS = {
    "cursor": "the mouse was over an output of the Filters tab",
    "walk": "the window was walked over the input",
    "undo": "an edit was undone",
    "cell": "the mouse was over a cell of the map",
    "view": "the View popover was opened",
    "account": "the transplant's account was opened",
    "check": "the check against the classifier was opened",
}

#: The facts by name, and what each is. ``{slot}`` stands for 0, 1 or 2.
FACTS = {
    "filters.picture": "the input's title",
    "filters.kernel.{slot}": "rows of the kernel's cells, divided",
    "filters.size.{slot}": "rows x columns, such as 3x3",
    "filters.sum.{slot}": "sum of the kernel's cells, divided",
    "filters.largest.{slot}": "largest cell, divided",
    "filters.smallest.{slot}": "smallest cell, divided",
    "filters.effect.{slot}": "what the sum does to a flat picture: keeps brightness, answers "
    "change only, brightens, darkens, inverts, nothing",
    "filters.symmetries.{slot}": "symmetries of the kernel",
    "filters.rank.{slot}": "rank of the kernel; 1 is separable",
    "filters.bias.{slot}": "bias",
    "filters.preset.{slot}": "key of the preset, empty for own numbers",
    "filters.pad": "valid or same",
    "filters.edge": "zero, reflect, replicate or wrap",
    "filters.stride": "stride",
    "filters.dilation": "dilation",
    "filters.mode": "grey, each or three",
    "filters.rows": "rows of the outputs",
    "filters.columns": "columns of the outputs",
    "filters.applied": "outputs that became the input",
    "heatmap.model": "the model's name in the catalogue",
    "heatmap.transplanted": "whether the net is transplanted",
    "heatmap.mapped": "whether the map is there",
    "heatmap.classes": "numbers of the classes on show",
    "heatmap.names": "English names of the classes on show",
    "heatmap.best": "number of the best class of the whole picture",
    "heatmap.method": "dense, pooled or exact",
    "heatmap.density": "density",
    "heatmap.rows": "rows of the map",
    "heatmap.columns": "columns of the map",
    "heatmap.pins": "pinned cells",
    "heatmap.projection": "how the map is laid",
    "heatmap.scale": "the colour scale",
    "heatmap.show": "what is shown: class, two, winner, entropy",
    "heatmap.difference": "mean difference of map and classifier in the check, in points",
    "net.model": "the model's name in the catalogue",
    "net.ready": "whether the net says something of a picture, and all of it is of now",
    "net.layer": "the layer that is looked at, empty for one without units",
    "net.units": "numbers of the chosen units, in order",
    "net.zero": "numbers of the units of that layer that were set to zero",
    "net.zeros": "how many these are",
    "net.edited": "layers whose weights are not as they were read",
    "net.order": "order of the tiles: net, mean, peak, cursor, norm",
    "net.side": "activity or weights",
    "net.class": "number of the class on show",
    "net.best_before": "number of the best class of the picture's centre before the edits",
    "net.best_after": "the same after them",
    "net.before": "the shown class's probability before the edits, in percent, of the centre",
    "net.after": "the same after them",
    "net.map_before": "the best cell of the shown class's map before the edits, in percent",
    "net.map_after": "the same after them",
    "net.map_left": "share of the best cell that is left after the edits; 1 is all of it",
}


def _slot_facts(bench: FilterBench, slot: int) -> dict[str, Callable[[], Any]]:
    return {
        f"kernel.{slot}": lambda: (bench.kernel(slot) / bench.divisor(slot)).tolist(),
        f"size.{slot}": lambda: "x".join(map(str, bench.size_of(slot))),
        f"sum.{slot}": lambda: bench.facts(slot).total,
        f"largest.{slot}": lambda: bench.facts(slot).largest,
        f"smallest.{slot}": lambda: bench.facts(slot).smallest,
        f"effect.{slot}": lambda: bench.facts(slot).effect,
        f"symmetries.{slot}": lambda: list(bench.facts(slot).symmetries),
        f"rank.{slot}": lambda: bench.facts(slot).rank,
        f"bias.{slot}": lambda: bench.bias(slot),
        f"preset.{slot}": lambda: getattr(bench.preset(slot), "key", ""),
    }


def _filter_facts(bench: FilterBench) -> dict[str, Callable[[], Any]]:
    found: dict[str, Callable[[], Any]] = {
        "picture": lambda: bench.picture.title,
        "pad": lambda: bench.settings.pad,
        "edge": lambda: bench.settings.edge,
        "stride": lambda: bench.settings.stride,
        "dilation": lambda: bench.settings.dilation,
        "mode": lambda: bench.settings.mode,
        "rows": lambda: bench.output_size[0],
        "columns": lambda: bench.output_size[1],
        "applied": lambda: len(bench.state.stack),
    }
    for slot in range(SLOTS):
        found |= _slot_facts(bench, slot)
    return found


def _heatmap_facts(bench: HeatmapBench) -> dict[str, Callable[[], Any]]:
    def of_maps(read: Callable[[Any], Any]) -> Any:
        maps = bench.maps
        return None if maps is None else read(maps)

    return {
        "model": lambda: bench.model.name,
        "transplanted": lambda: bench.transplanted is not None,
        "mapped": lambda: bench.maps is not None,
        "classes": lambda: list(bench.classes),
        "names": lambda: [bench.labels[c].english for c in bench.classes],
        "best": lambda: of_maps(lambda maps: int(maps.ranked("mean")[0])),
        "method": lambda: None if bench.run is None else bench.run.plan.method,
        "density": lambda: bench.request.density,
        "rows": lambda: of_maps(lambda maps: maps.rows),
        "columns": lambda: of_maps(lambda maps: maps.cols),
        "pins": lambda: len(bench.pins),
        "projection": lambda: bench.look.projection,
        "scale": lambda: bench.look.scale,
        "show": lambda: bench.look.show,
        "difference": lambda: None if bench.agreement is None else bench.agreement.mean_points(),
    }


def _net_facts(study: NetStudy) -> dict[str, Callable[[], Any]]:
    def answers(read: Callable[[Any], Any]) -> Any:
        found, bench = study.found.answers, study.bench
        fresh = found is not None and bench is not None and found.revision == bench.revision
        return read(found) if fresh else None

    def maps(read: Callable[[float, float], Any]) -> Any:
        pair, bench, wanted = study.found.maps, study.bench, study.wanted
        if pair is None or bench is None or wanted is None or pair.revision != bench.revision:
            return None
        return read(*(100 * float(m.values(wanted).max()) for m in (pair.before, pair.after)))

    def zero() -> list[int] | None:
        bench, layer = study.bench, study.layer
        if bench is None:
            return None
        units = sorted(unit for name, unit in bench.state.units if name == layer)
        return [unit for unit in units if bench.factor(layer, unit) == 0]

    def prob(answer: Any) -> float | None:
        return None if study.wanted is None else 100 * float(answer.prob[study.wanted])

    return {
        "model": lambda: None if study.model is None else study.model.name,
        "ready": lambda: study.ready and not study.stale,
        "layer": lambda: study.layer,
        "units": lambda: sorted(study.units),
        "zero": zero,
        "zeros": lambda: None if study.bench is None else len(zero() or ()),
        "edited": lambda: None if study.bench is None else list(study.bench.state.layers()),
        "order": lambda: study.order,
        "side": lambda: study.side,
        "class": lambda: study.wanted,
        "best_before": lambda: answers(lambda found: found.before.best),
        "best_after": lambda: answers(lambda found: found.after.best),
        "before": lambda: answers(lambda found: prob(found.before)),
        "after": lambda: answers(lambda found: prob(found.after)),
        "map_before": lambda: maps(lambda before, after: before),
        "map_after": lambda: maps(lambda before, after: after),
        "map_left": lambda: maps(lambda before, after: after / before if before else None),
    }


class Facts:
    """The facts as they are now; a value is computed when it is asked for.

    Parameters
    ----------
    filters, heatmap : the benches; None where there is none.
    seen : names of :data:`HAPPENINGS` that happened since the step began.
    net : what the Net tab looks at.
    """

    def __init__(
        self,
        filters: FilterBench | None = None,
        heatmap: HeatmapBench | None = None,
        seen: Sequence[str] = (),
        net: NetStudy | None = None,
    ) -> None:
        self._rooms: dict[str, dict[str, Callable[[], Any]]] = {
            "filters": {} if filters is None else _filter_facts(filters),
            "heatmap": {} if heatmap is None else _heatmap_facts(heatmap),
            "net": {} if net is None else _net_facts(net),
        }
        self._seen = frozenset(seen)

    def __call__(self, name: str) -> Any:
        room, _, rest = name.partition(".")
        if room == "seen":
            return rest in self._seen
        read = self._rooms.get(room, {}).get(rest)
        if read is None:
            return None
        try:
            return read()
        except FilterLabError:  # what is asked for is yet to be
            return None


def known(name: str) -> bool:
    """Whether a fact has this name."""
    if name.startswith("seen."):
        return name[5:] in HAPPENINGS
    slots = (pattern.format(slot=n) for pattern in FACTS for n in range(SLOTS))
    return name in FACTS or name in slots


@dataclass(frozen=True)
class Condition:
    """A condition on facts.

    Attributes
    ----------
    kind : str
        ``all``, ``any``, ``not`` (of ``parts``), or how the fact is compared: ``is``,
        ``at_least``, ``at_most``, ``has``, ``one_of``, ``kernel``, ``scaled_kernel``.
    fact : str
    value : what it is compared with
    within : float
        How far a number, or each cell of a kernel, may be off.
    parts : tuple of Condition
    """

    kind: str
    fact: str = ""
    value: Any = None
    within: float = 1e-4
    parts: tuple[Condition, ...] = ()

    def holds(self, look: Look) -> bool:
        """Whether it holds for the facts that ``look`` gives."""
        if self.kind == "all":
            return all(part.holds(look) for part in self.parts)
        if self.kind == "any":
            return any(part.holds(look) for part in self.parts)
        if self.kind == "not":
            return not self.parts[0].holds(look)
        found = look(self.fact)
        if found is None:
            return False
        if self.kind in ("kernel", "scaled_kernel"):
            return _same_kernel(found, self.value, self.within, self.kind == "scaled_kernel")
        if self.kind == "has":
            if isinstance(found, str):
                return isinstance(self.value, str) and self.value in found
            return isinstance(found, list) and self.value in found
        if self.kind == "one_of":
            return any(_same(found, value, self.within) for value in self.value)
        if self.kind == "is":
            return _same(found, self.value, self.within)
        if isinstance(found, bool) or not isinstance(found, (int, float)):
            return False
        if self.kind == "at_least":
            return found >= self.value - self.within
        return found <= self.value + self.within


def _same(found: Any, wanted: Any, within: float) -> bool:
    numbers = (int, float)
    if isinstance(found, bool) or isinstance(wanted, bool):
        return found is wanted
    if isinstance(found, numbers) and isinstance(wanted, numbers):
        return abs(found - wanted) <= within
    return bool(found == wanted)


def _same_kernel(found: Any, wanted: Any, within: float, scaled: bool) -> bool:
    one, other = np.asarray(found, np.float64), np.asarray(wanted, np.float64)
    rows, cols = np.maximum(one.shape, other.shape).tolist()
    one, other = (
        np.asarray(resize(k.astype(np.float32), (rows, cols)), np.float64) for k in (one, other)
    )
    if scaled:
        sizes = [float(np.abs(k).max()) for k in (one, other)]
        if min(sizes) == 0:
            return False
        one, other = one / sizes[0], other / sizes[1]
    return bool(np.abs(one - other).max() <= within)


def is_number(value: Any) -> bool:
    """Whether a lesson's value can be counted with: no true or false, no NaN, no 400 digits."""
    return isinstance(value, (int, float)) and not isinstance(value, bool) and abs(value) < 1e300


def kernel_from(what: Any, where: str) -> list[list[float]]:
    """A kernel as a lesson writes it: rows of numbers, or a preset such as ``box:size=3``.

    Never a file: a stranger's lesson reads nothing of the user's.

    Raises
    ------
    FilterLabError
        If it is neither.
    """
    if isinstance(what, str) and len(what) <= _LONGEST_SPEC:
        try:
            find_preset(what.partition(":")[0])
            return parse_spec(what).make().astype(float).tolist()
        except FilterLabError as error:
            raise FilterLabError("{where}: {reason}", where=where, reason=error) from None
    rows = (
        what if isinstance(what, list) and what and all(isinstance(r, list) for r in what) else []
    )
    good = (
        0 < len(rows) <= MAX_SIDE
        and 0 < len(rows[0]) <= MAX_SIDE
        and all(len(row) == len(rows[0]) for row in rows)
        and all(is_number(v) and abs(v) < 1e6 for row in rows for v in row)
    )
    if not good:
        raise FilterLabError(
            "{where}: a kernel is rows of numbers, [[0, 1], [2, 3]], or a preset such as "
            "'gaussian:sigma=1,size=5'",
            where=where,
        )
    return [[float(v) for v in row] for row in rows]


def condition_from(table: Any, where: str = "check") -> Condition:
    """Read a condition from a lesson's table.

    Raises
    ------
    FilterLabError
        If it is none; the message begins with ``where``.
    """
    left = [_MOST]
    return _read(table, where, _DEPTH, left)


_COMPARED = ("is", "at_least", "at_most", "has", "one_of", "kernel", "scaled_kernel")


def _read(table: Any, where: str, depth: int, left: list[int]) -> Condition:
    left[0] -= 1
    if not isinstance(table, Mapping):
        raise FilterLabError(
            "{where}: a condition is a table such as {{fact = …, is = …}}", where=where
        )
    if depth == 0 or left[0] < 0:
        raise FilterLabError("{where}: too many conditions in each other; take fewer", where=where)
    kinds = [k for k in ("all", "any", "not", *_COMPARED) if k in table]
    if len(kinds) != 1:
        raise FilterLabError(
            "{where}: a condition has one of all, any, not, {compared}; this has {kinds}",
            where=where,
            compared=", ".join(_COMPARED),
            kinds=", ".join(kinds) or "none",
        )
    kind, value = kinds[0], table[kinds[0]]
    extra = set(table) - {kind, "fact", "within"}
    if extra:
        raise FilterLabError(
            "{where}: a condition has no {extra!r}; leave it out",
            where=where,
            extra=sorted(extra)[0][:40],
        )
    if kind in ("all", "any"):
        if not isinstance(value, list) or not value:
            raise FilterLabError(
                "{where}: {kind} takes a list of conditions", where=where, kind=kind
            )
        return Condition(kind, parts=tuple(_read(t, where, depth - 1, left) for t in value))
    if kind == "not":
        return Condition(kind, parts=(_read(value, where, depth - 1, left),))
    fact, within = table.get("fact"), table.get("within", 1e-4)
    if not isinstance(fact, str) or not known(fact):
        raise FilterLabError(
            "{where}: there is no fact {fact!r}; docs/lessons.md lists them",
            where=where,
            fact=str(fact)[:80],
        )
    if not is_number(within) or not 0 <= within < 1e6:
        raise FilterLabError(
            "{where}: within is how far a number may be off, 0 or more", where=where
        )
    if kind in ("kernel", "scaled_kernel"):
        if not fact.startswith("filters.kernel."):
            raise FilterLabError(
                "{where}: {kind} compares a kernel, filters.kernel.N; {fact} is none",
                where=where,
                kind=kind,
                fact=fact,
            )
        value = kernel_from(value, where)
    elif kind in ("at_least", "at_most"):
        if not is_number(value):
            raise FilterLabError("{where}: {kind} takes a number", where=where, kind=kind)
    elif kind == "one_of" and not isinstance(value, list):
        raise FilterLabError("{where}: one_of takes a list", where=where)
    for one in value if kind == "one_of" else [value]:
        if isinstance(one, (int, float)) and not isinstance(one, bool) and not is_number(one):
            raise FilterLabError("{where}: {kind} takes a number", where=where, kind=kind)
    return Condition(kind, fact, value, float(within))
