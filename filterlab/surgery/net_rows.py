"""The body of a net as rows to draw from top to bottom, with its branches as lanes at the left.

A row stands for one blob: the layer that makes it, and the layers that work on it in place. Rows
that follow each other and whose names begin alike (``block2/expand``, ``inception_3a/1x1``,
``res2a_branch2b``) are a block, with a row of its own above them that stands for all of it. Rows
are found from names and blobs alone, so that a net that cannot run has them too.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field, replace
from typing import TypeVar

from filterlab.caffe.layers import layer_class
from filterlab.caffe.layers.base import Elementwise
from filterlab.caffe.text import Text
from filterlab.surgery.geometry import Geometry
from filterlab.surgery.net_table import Fit, NetTable, Row

__all__ = ["Lanes", "NetRow", "Totals", "lanes_of", "net_rows", "totals"]

Shape = tuple[int, ...]


@dataclass(frozen=True)
class Lanes:
    """The lines beside a row, in lanes counted from 0 at the left.

    A line in ``joins`` and in ``passing`` goes on below and branches off to this row.

    Attributes
    ----------
    lane : int
        The row's own, where its dot stands.
    joins : tuple of int
        Lanes whose lines come in at the row's upper edge and run to its dot.
    passing : tuple of int
        Lanes whose lines run from the upper edge to the lower.
    leaves : tuple of int
        Lanes in which lines run from its dot to the lower edge.
    bow : bool
        A closed block with branches inside.
    dot : bool
        False for the heading of an open block that several blobs enter: lines only pass by it.
    """

    lane: int
    joins: tuple[int, ...] = ()
    passing: tuple[int, ...] = ()
    leaves: tuple[int, ...] = ()
    bow: bool = False
    dot: bool = True

    @property
    def width(self) -> int:
        """How many lanes it takes."""
        return max(self.lane, *self.joins, *self.passing, *self.leaves, 0) + 1


@dataclass(frozen=True)
class NetRow:
    """A row of a net's body.

    Attributes
    ----------
    title : str
        A layer's name, within a block without what is common to it; a block's key.
    layers : tuple of str
        The layers it stands for, in order; of a block all of them.
    type : str
        Of its first layer; empty for a block.
    kind : str
        ``"input"``, ``"layer"``, ``"sum"``, ``"product"``, ``"max"``, ``"concat"``, ``"slice"``
        or ``"block"``.
    depth : int
        1 within a block, else 0.
    block : str
        The key of the block that it is in or stands for, no two blocks' the same; or empty.
    blob : str
        The blob it leaves (of several tops the first); empty if it leaves none.
    shape : Shape or None
        Of that blob; None where it is not known.
    geometry : Geometry or None
        Receptive field and stride of that blob, in pixels of the input.
    seconds : float or None
        Measured time of its layers together; None if one is not measured.
    macs : int or None
        Multiplications with addition of its layers; None if one is not known.
    parameters : int
    problem : str
        Why it cannot be computed; empty if it can.
    inputs : tuple of int
        The rows that it reads from, by their index. What a block of one entrance reads from
        outside, it reads by the block's row.
    lanes : Lanes
        With all blocks open; :func:`lanes_of` gives them with some closed.
    """

    title: str
    layers: tuple[str, ...]
    type: str
    kind: str
    depth: int
    block: str
    blob: str
    shape: Shape | None
    geometry: Geometry | None
    seconds: float | None
    macs: int | None
    parameters: int
    problem: str
    inputs: tuple[int, ...]
    lanes: Lanes = field(default_factory=lambda: Lanes(0))


@dataclass(frozen=True)
class Totals:
    """Of a whole net.

    Attributes
    ----------
    seconds : float or None
        Of its layers together; None if not measured.
    macs, parameters : int
        Multiplications with addition, and weights, as far as they are known.
    """

    seconds: float | None
    macs: int
    parameters: int


def totals(rows: Sequence[NetRow]) -> Totals:
    """The sums over a net's rows, each layer once."""
    alone = [row for row in rows if row.kind != "block"]
    return Totals(
        _all([row.seconds for row in alone]),
        sum(row.macs or 0 for row in alone),
        sum(row.parameters for row in alone),
    )


def net_rows(table: NetTable, fit: Fit | None = None) -> tuple[NetRow, ...]:
    """A net as rows in the order of its layers, each block's own row before what is in it.

    Parameters
    ----------
    table : NetTable
        Of any net, one that cannot run too.
    fit : Fit, optional
        How its weights file fits; rows whose weights are missing or of another shape then say so.
    """
    parts = _parts(table.rows)
    keys = _keys(parts)
    rows: list[NetRow] = []
    place: dict[int, int] = {}  # a part's row
    for first, end in _runs(keys):
        if end - first > 1 and keys[first]:
            rows += _block(parts, keys[first], range(first, end), place, len(rows))
        else:
            for k in range(first, end):
                place[k] = len(rows)
                reads = tuple(place[p] for p in parts[k].reads)
                rows.append(_row(parts[k], parts[k].layers[0].name, 0, "", reads))
    rows = _told_apart(rows)
    if fit is not None:
        rows = [replace(row, problem=row.problem or _misfit(row, fit)) for row in rows]
    lanes = lanes_of(rows)
    return tuple(replace(row, lanes=found or Lanes(0)) for row, found in zip(rows, lanes))


# --- rows ---------------------------------------------------------------------------------------


@dataclass
class _Part:
    """A layer, the layers that work in place behind it, and the parts that it reads from."""

    layers: list[Row]
    reads: tuple[int, ...]


def _parts(rows: Sequence[Row]) -> list[_Part]:
    parts: list[_Part] = []
    maker: dict[str, int] = {}  # a blob's part
    for row in rows:
        if len(row.bottoms) == 1 and row.bottoms == row.tops and row.bottoms[0] in maker:
            parts[maker[row.bottoms[0]]].layers.append(row)
            continue
        reads = dict.fromkeys(maker[b] for b in row.bottoms if b in maker)
        maker.update(dict.fromkeys(row.tops, len(parts)))
        parts.append(_Part([row], tuple(reads)))
    return parts


_ELTWISE = {"sum": "sum", "prod": "product", "max": "max"}
_KINDS = {"Concat": "concat", "Slice": "slice"}


def _kind(row: Row) -> str:
    cls = layer_class(row.type)
    if cls is not None and cls.is_source:
        return "input"
    if row.type == "Scale" and len(row.bottoms) > 1:
        return "product"
    if row.type == "Bias" and len(row.bottoms) > 1:
        return "sum"
    return _ELTWISE.get(row.operation) or _KINDS.get(row.type, "layer")


def _row(part: _Part, title: str, depth: int, block: str, inputs: tuple[int, ...]) -> NetRow:
    first, last = part.layers[0], part.layers[-1]
    return NetRow(
        title,
        tuple(row.name for row in part.layers),
        first.type,
        _kind(first),
        depth,
        block,
        first.tops[0] if first.tops else "",
        last.shapes[0] if last.shapes else None,
        last.geometry,
        _all([row.seconds for row in part.layers]),
        _all([row.macs for row in part.layers]),
        sum(row.parameters for row in part.layers),
        next((row.problem for row in part.layers if row.problem), ""),
        inputs,
    )


Number = TypeVar("Number", int, float)


def _all(values: Sequence[Number | None]) -> Number | None:
    """Their sum; None if one is not known."""
    known = [value for value in values if value is not None]
    return sum(known[1:], known[0]) if known and len(known) == len(values) else None


def _block(
    parts: list[_Part], key: str, members: range, place: dict[int, int], start: int
) -> list[NetRow]:
    """A block's own row, which will be the ``start``-th, and those of its members."""
    place.update((k, start + 1 + n) for n, k in enumerate(members))
    outside = [p for k in members for p in parts[k].reads if p not in members]
    entrances = tuple(dict.fromkeys(place[p] for p in outside))
    found = []
    for k in members:
        reads = (place[p] for p in parts[k].reads)
        if len(entrances) == 1:
            reads = (start if row == entrances[0] else row for row in reads)
        title = _short(parts[k].layers[0].name, key)
        found.append(_row(parts[k], title, 1, key, tuple(dict.fromkeys(reads))))
    last = found[-1]
    head = NetRow(
        key,
        tuple(layer for row in found for layer in row.layers),
        "",
        "block",
        0,
        key,
        last.blob,
        last.shape,
        last.geometry,
        _all([row.seconds for row in found]),
        _all([row.macs for row in found]),
        sum(row.parameters for row in found),
        next((row.problem for row in found if row.problem), ""),
        entrances,
    )
    return [head, *found]


def _told_apart(rows: list[NetRow]) -> list[NetRow]:
    """The same with blocks of one key numbered: a name may come back further down."""
    seen: Counter[str] = Counter()
    made: list[NetRow] = []
    key = ""
    for row in rows:
        if row.kind == "block":
            seen[row.block] += 1
            key = row.block if seen[row.block] == 1 else f"{row.block} ({seen[row.block]})"
            row = replace(row, title=key)
        made.append(replace(row, block=key) if row.block else row)
    return made


def _misfit(row: NetRow, fit: Fit) -> str:
    for layer in row.layers:
        if layer in fit.missing:
            return Text("{file} has no weights for layer {name!r}", file=fit.file, name=layer)
        if layer in fit.differ:
            ours, theirs = (" ".join(map(_times, shapes)) for shapes in fit.differ[layer])
            return Text(
                "layer {name!r} has weights of {ours}; in {file} they are {theirs}",
                name=layer,
                ours=ours,
                file=fit.file,
                theirs=theirs,
            )
    return ""


def _times(shape: Shape) -> str:
    return "x".join(map(str, shape))


# --- blocks by their names ----------------------------------------------------------------------


def _runs(keys: Sequence[str]) -> list[tuple[int, int]]:
    """First and end of each run of equal keys."""
    starts = [k for k in range(len(keys)) if k == 0 or keys[k] != keys[k - 1]]
    return list(zip(starts, [*starts[1:], len(keys)]))


def _keys(parts: list[_Part]) -> list[str]:
    """For each part the key of its block; empty where it stands alone."""
    names = [part.layers[0].name for part in parts]
    below = [name for part, name in zip(parts, names) if _kind(part.layers[0]) != "input"]
    head = _common_path(below)
    keys = [_key(name, head) for name in names]
    whole = {key for key in keys if key}
    # res2a is the sum of res2a_branch1 and res2a_branch2c.
    keys = [key or (name if name in whole else "") for key, name in zip(keys, names)]
    for k in range(1, len(parts)):
        # A normalization that is not in place, bn2a_branch1 behind res2a_branch1.
        alone = keys[k] not in (*keys[:k], *keys[k + 1 : k + 2])
        if alone and keys[k - 1] and parts[k].reads == (k - 1,) and _follows(parts[k].layers[0]):
            keys[k] = keys[k - 1]
    covered = {key: sum(key == other for other in keys) for key in whole}
    # A block that is the whole net says nothing.
    return ["" if key and covered.get(key, 0) >= len(below) else key for key in keys]


def _follows(row: Row) -> bool:
    """Whether a layer changes values where they are, as activations and normalizations do."""
    cls = layer_class(row.type)
    return cls is not None and issubclass(cls, Elementwise)


def _common_path(names: Sequence[str]) -> str:
    """The folders that all names begin with, with the last slash."""
    paths = [name.split("/")[:-1] for name in names]
    shared = []
    for level in zip(*paths):
        if len(set(level)) > 1:
            break
        shared.append(level[0])
    return "".join(f"{folder}/" for folder in shared) if len(names) > 1 else ""


_SPLIT = re.compile(r"([/._-])")


def _key(name: str, head: str = "") -> str:
    """The beginning of a name that it shares with its block, as far as the name alone tells.

    Of a path the first folder; else what goes up to the first part with a number, and the number
    that stands by itself behind it: ``block2_expand`` → ``block2``, ``inception_3a_1x1`` →
    ``inception_3a``, ``layer1.0.conv2`` → ``layer1.0``, ``conv1_2`` → ``conv1``.
    """
    name = name.removeprefix(head)
    if "/" in name.strip("/"):
        return name.split("/")[0]
    pieces = _SPLIT.split(name)
    parts, seams = pieces[::2], ["", *pieces[1::2]]
    for k in range(len(parts) - 1):
        if any(c.isdigit() for c in parts[k]):
            end = k + 2 if parts[k + 1].isdigit() and k + 2 < len(parts) else k + 1
            return "".join(seam + part for seam, part in zip(seams[:end], parts[:end]))
    return ""


def _short(name: str, key: str) -> str:
    """A layer's name without its block's key, if what is left is more than a number.

    Behind a slash anything is a name.
    """
    at = name.find(key)
    rest = name[at + len(key) :] if at >= 0 else ""
    if rest[:1] == "/" and len(rest) > 1:
        return rest[1:]
    bare = rest.lstrip("._-")
    return bare if bare != rest and any(c.isalpha() for c in bare) else name


# --- lanes --------------------------------------------------------------------------------------


@dataclass
class _Line:
    """What a row leaves, on its way down to the rows that read it."""

    lane: int
    readers: list[int]


def lanes_of(rows: Sequence[NetRow], closed: Collection[str] = ()) -> tuple[Lanes | None, ...]:
    """The lines beside each row; None for the rows of closed blocks.

    The first reader of a row goes on in the row's lane; a second line, in the lowest lane that is
    free, leads to all others. So the trunk stays at the left, a skip runs beside what it skips,
    and each branch of an inception has a lane. A line that ends gives its lane free.

    Parameters
    ----------
    rows : sequence of NetRow
        Of :func:`net_rows`.
    closed : collection of str
        Keys of the blocks of which only the own row is seen.
    """
    reads, dots, bows = _visible(rows, closed)
    readers: dict[int, list[int]] = {}
    for row, sources in reads.items():
        for source in sources:
            readers.setdefault(source, []).append(row)
    lines: list[_Line] = []
    found: list[Lanes | None] = [None] * len(rows)
    for row in range(len(rows)):
        if row not in reads:
            continue
        if not dots[row]:
            past = tuple(sorted(line.lane for line in lines))
            found[row] = Lanes(past[0] if past else 0, (), past, (), dot=False)
            continue
        coming = [line for line in lines if row in line.readers]
        for line in coming:
            line.readers.remove(row)
        ending = [line.lane for line in coming if not line.readers]
        lines = [line for line in lines if line.readers]
        passing = tuple(sorted(line.lane for line in lines))
        lane = min(ending) if ending else _free(passing)
        after = readers.get(row, [])
        leaves: list[int] = []
        for targets in (after[:1], after[1:]):
            if targets:
                leaves.append(_free([line.lane for line in lines]) if leaves else lane)
                lines.append(_Line(leaves[-1], list(targets)))
        joins = tuple(sorted(line.lane for line in coming))
        found[row] = Lanes(lane, joins, passing, tuple(leaves), bows[row])
    return tuple(found)


def _free(taken: Sequence[int]) -> int:
    """The lowest lane that is not taken."""
    return next(k for k in range(len(taken) + 1) if k not in taken)


def _visible(
    rows: Sequence[NetRow], closed: Collection[str]
) -> tuple[dict[int, tuple[int, ...]], dict[int, bool], dict[int, bool]]:
    """Of each row that is seen: the seen rows that it reads, whether it has a dot, and a bow."""
    stands: list[int] = []  # for each row the seen one that stands for it
    heads: dict[str, int] = {}
    for k, row in enumerate(rows):
        if row.kind == "block":
            heads[row.block] = k
        hidden = row.depth and row.block in closed
        stands.append(heads[row.block] if hidden else k)
    reads, dots, bows = {}, {}, {}
    for k, row in enumerate(rows):
        if stands[k] != k:
            continue
        is_head = row.kind == "block"
        folded = is_head and row.block in closed
        inner = [r for r in rows if r.depth and r.block == row.block] if is_head else []
        passed_by = is_head and not folded and not any(k in r.inputs for r in inner)
        sources = () if passed_by else row.inputs
        reads[k] = tuple(dict.fromkeys(stands[i] for i in sources))
        dots[k] = not passed_by
        bows[k] = folded and any(len(r.inputs) > 1 for r in inner)
    return reads, dots, bows
