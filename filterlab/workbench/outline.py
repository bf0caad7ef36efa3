"""A net in a few slabs, for a strip that shows what becomes of it: groups, shapes, cast layers."""

from __future__ import annotations

import itertools
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from filterlab.caffe import TEST
from filterlab.caffe.layers.base import Layer
from filterlab.caffe.topology import Topology
from filterlab.errors import FilterLabError
from filterlab.surgery.geometry import of_blob
from filterlab.surgery.spatial import input_shapes
from filterlab.surgery.transplant import LayerConversion

__all__ = ["Form", "Slab", "outline"]

Pair = tuple[int, int]
Form = tuple[int, int, int]
"""Channels, rows and columns of what a slab gives; 1 x 1 where it has no place."""

_WEIGHED = frozenset("Convolution Deconvolution InnerProduct".split())
_UNITS = _WEIGHED | {"Pooling"}
_ENDS = frozenset("Softmax Sigmoid".split())
_DRAWN = 5  # boxes of a group, one for each size of its blobs


@dataclass(frozen=True)
class Slab:
    """A layer, or a group of layers that follow each other.

    Attributes
    ----------
    title : str
        ``fc6-conv``, ``conv1 – pool2``, ``block0 – 15``.
    layers : tuple of str
        The layers with weights and the poolings in it, in their order.
    kind : str
        ``"input"``, ``"plain"``, ``"waiting"`` (to be cast), ``"cast"``, ``"sliding"`` (a pooling
        that saw everything and slides now) or ``"output"``.
    forms : tuple of Form
        What it gives, for each box drawn; the last is what leaves it.
    before : str
        The layer's name before the surgery, where that was another.
    old, new : tuple of int
        Shapes of a cast layer's weights; ``new`` of a sliding pooling is its kernel.
    kernel, stride : (int, int) or None
        Rows and columns, of a slab of one layer that has them.
    sees : (int, int) or None
        Height and width of the receptive field of what leaves it, in pixels of the net's input;
        None where it is not known.
    """

    title: str
    layers: tuple[str, ...]
    kind: str
    forms: tuple[Form, ...]
    before: str = ""
    old: tuple[int, ...] = ()
    new: tuple[int, ...] = ()
    kernel: tuple[int, int] | None = None
    stride: tuple[int, int] | None = None
    sees: tuple[int, int] | None = None

    @property
    def opens(self) -> str:
        """The layer of the classifier that it begins with; of the input its blob."""
        return self.before or (self.layers[0] if self.layers else self.title)


@dataclass
class _Step:
    """Layers that share the beginning of their names: a block, or one layer."""

    token: str
    family: str
    layers: list[Any]
    form: Form
    blob: str
    window: tuple[Pair, Pair] | None  # kernel and stride of its first layer


def outline(
    param: Any,
    input_size: tuple[int, int] | None = None,
    conversions: Sequence[LayerConversion] = (),
    most: int = 8,
) -> list[Slab]:
    """A net as a row of slabs.

    Parameters
    ----------
    param : NetParameter
        The classifier, or with ``conversions`` its dense double, in today's form.
    input_size : (height, width), optional
        Of the picture; the net's own if not given.
    conversions : sequence of LayerConversion
        What the transplant did.
    most : int
        About so many slabs; layers that are cast, input and output are never folded.

    Raises
    ------
    CaffeError, FilterLabError
        If the net is none, or the picture does not fit it.
    """
    net = Topology(param, TEST)
    picture = next((n for n, shape in input_shapes(net.param).items() if len(shape) == 4), None)
    if picture is None:
        raise FilterLabError("the net has no picture input (batch x channels x height x width)")
    given = net.initial_shapes()
    _, channels, rows, cols = given[picture]
    if input_size is not None:
        rows, cols = input_size
    given[picture] = (1, channels, rows, cols)
    made = net.infer(given).made
    steps, ends = _steps(net, made)
    done = {cast.new: cast for cast in conversions if cast.new}
    alone = [_must_stand_alone(step, done) for step in steps]
    tail = alone.index(True) if True in alone else len(steps)
    body = _folded(steps[:tail], most - 1 - (len(steps) - tail) - bool(ends))
    slabs = [Slab(picture, (), "input", ((int(channels), int(rows), int(cols)),))]
    for group in [*body, *([step] for step in steps[tail:])]:
        slabs.append(_slab(net.param, group, done, picture))
    if ends:
        form = slabs[-1].forms[-1]
        slabs.append(Slab(ends[-1], (ends[-1],), "output", (form,)))
    return slabs


def _steps(net: Topology, made: Sequence[Sequence[Sequence[int]]]) -> tuple[list[_Step], list[str]]:
    """Blocks in their order, and the softmax or sigmoid behind them."""
    steps: list[_Step] = []
    ends: list[str] = []
    for layer, tops in zip(net.layers, made):
        kind, name = str(layer.param.type), str(layer.param.name)
        if layer.is_source or not tops:
            continue
        form, blob = _form(tops[0]), str(layer.tops[0])
        if kind in _UNITS:
            token = _token(name)
            if not steps or steps[-1].token != token or kind == "InnerProduct":
                family = re.sub(r"[\d_.-]+[a-z]?$", "", token) or token
                steps.append(_Step(token, family, [], form, blob, _window(layer)))
            steps[-1].layers.append(layer.param)
            ends = []
        elif kind in _ENDS and steps:
            ends.append(name)
        if steps:
            steps[-1].form, steps[-1].blob = form, blob
    return steps, ends


def _token(name: str) -> str:
    """The block that a layer belongs to by its name: ``fire2``, ``res2a``, ``conv1``."""
    head = name.split("/")[0]
    return head if "/" in name else re.split(r"_(?=\D|\d+$)", head)[0] or head


def _form(shape: Sequence[int]) -> Form:
    full = [int(n) for n in shape[1:4]] + [1, 1, 1]
    return full[0], full[1], full[2]


def _must_stand_alone(step: _Step, done: dict[str, LayerConversion]) -> bool:
    """Whether a step is, or will be, changed by the surgery."""
    layer = step.layers[0]
    if done:
        return any(str(one.name) in done for one in step.layers)
    if layer.type == "Pooling":
        return bool(layer.pooling_param.global_pooling) or step.form[1:] == (1, 1)
    return bool(layer.type == "InnerProduct")


def _folded(steps: list[_Step], room: int) -> list[list[_Step]]:
    """Neighbours joined until ``room`` groups are left: blocks of a family first, then sizes."""
    groups = [[step] for step in steps]
    while len(groups) > 1:
        pairs = enumerate(itertools.pairwise(groups))
        costs = [_cost(a, b, last=k == len(groups) - 2) for k, (a, b) in pairs]
        cheapest = min(costs)
        if len(groups) <= max(1, room) and cheapest[0]:
            break
        at = costs.index(cheapest)
        groups[at : at + 2] = [groups[at] + groups[at + 1]]
    return groups


def _cost(a: list[_Step], b: list[_Step], last: bool) -> tuple[int, int]:
    """What is lost by joining two groups: nothing (0) for blocks that bear one name.

    The last layer before the surgery stays in sight as long as it can.
    """
    kin = a[-1].family == b[0].family
    if kin and len(a[-1].layers) > 1 and len(b[0].layers) > 1:
        return 0, len(a) + len(b)
    # A pooling ends the stage that it halves.
    closes = b[0].layers[0].type == "Pooling"
    return (1 if kin or closes else 2) + (4 if last and len(b[0].layers) == 1 else 0), len(a) + len(
        b
    )


def _slab(param: Any, group: list[_Step], done: dict[str, LayerConversion], picture: str) -> Slab:
    layers = [layer for step in group for layer in step.layers]
    names = tuple(str(layer.name) for layer in layers)
    first, last = group[0].token, group[-1].token
    title = names[0] if len(layers) == 1 else first if first == last else _span(first, last)
    forms = _drawn([step.form for step in group])
    cast = next((done[name] for name in names if name in done), None)
    kind, before = "plain", ""
    old: tuple[int, ...] = ()
    new: tuple[int, ...] = ()
    if cast is not None:
        kind = "cast" if cast.kind == "fc->conv" else "sliding"
        before = cast.old if cast.old != cast.new else ""
        old, new = cast.old_shape, cast.new_shape
    elif not done and _must_stand_alone(group[0], done):
        kind = "waiting"
    window = group[0].window if len(layers) == 1 else None
    kernel, stride = window if window is not None else (None, None)
    return Slab(
        title, names, kind, forms, before, old, new, kernel, stride,
        _sees(param, group[-1].blob, picture),
    )  # fmt: skip


def _span(first: str, last: str) -> str:
    """``conv3 – 5`` of conv3 and conv5; ``conv1 – pool2`` where the words differ."""
    word = re.match(r"[^\d]*", first)
    stem = word.group() if word is not None else ""
    short = last[len(stem) :] if stem and last.startswith(stem) else last
    return f"{first} – {short or last}"


def _drawn(forms: list[Form]) -> tuple[Form, ...]:
    """The last form of each size, at most a few, evenly taken; the last stays."""
    kept: list[Form] = []
    for form in forms:
        if kept and kept[-1][1:] == form[1:]:
            kept[-1] = form
        else:
            kept.append(form)
    if len(kept) > _DRAWN:
        step = (len(kept) - 1) / (_DRAWN - 1)
        kept = [kept[round(k * step)] for k in range(_DRAWN)]
    return tuple(kept)


def _window(layer: Layer) -> tuple[Pair, Pair] | None:
    """Kernel and stride, rows and columns, of a layer that slides; None if it sees everything."""
    if type(layer).spatial not in ("sliding", "transposed"):
        return None
    y, x = type(layer).reach(layer.param)
    return ((y.kernel, x.kernel), (y.stride, x.stride)) if y.kernel > 0 else None


def _sees(param: Any, blob: str, picture: str) -> tuple[int, int] | None:
    try:
        place = of_blob(param, blob, picture)
    except FilterLabError:
        return None
    return int(place.y.field), int(place.x.field)
