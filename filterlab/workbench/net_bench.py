"""The model of surgery on a trained net: edits of units, undo, and what the answer becomes.

No Qt. The net stands here twice: as it was read, and as it is edited, so that what is said before
and after is computed from two nets and never from a memory. Jobs are generators that may run on
another thread while the net is edited on: each computes with the weights of one moment, and what
it returns carries the revision of that moment.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from filterlab import paths
from filterlab.caffe import Net
from filterlab.caffe.files import atomic_write, written_together
from filterlab.caffe.prototxt import format_net
from filterlab.caffe.text import Text
from filterlab.errors import FilterLabError
from filterlab.pictures.shelf import SampleShelf, Shelf
from filterlab.progress import Job, Progress
from filterlab.surgery.ablation import (
    KINDS,
    Operation,
    Ranking,
    code_of,
    computed,
    group_rank_job,
    rank_job,
    told,
)
from filterlab.surgery.answers import Answer, Judge
from filterlab.surgery.forward import run_dense_steps
from filterlab.surgery.heatmap import ClassMaps, Placement, Preprocessing, as_picture
from filterlab.surgery.methods import Plan, Request, map_job, plan
from filterlab.surgery.own_input import centre_placement, own_input
from filterlab.surgery.patches import BestPatches, patches_job
from filterlab.surgery.sight import Sight, sight_of
from filterlab.surgery.targets import net_files, spare_inputs
from filterlab.surgery.tiles import channels_of
from filterlab.surgery.transplant import Transplanted, check_prefix, feed
from filterlab.surgery.units import (
    UnitWeights,
    check_units,
    index_text,
    indices,
    read_unit,
    unit_count,
    unit_matrix,
    unit_strengths,
    units_told,
    write_unit,
)
from filterlab.surgery.why import (
    Deletion,
    Question,
    Reason,
    class_map,
    deletion_job,
    grad_cam_job,
    gradient_job,
    occlusion_job,
)
from filterlab.workbench.heatmap_jobs import part
from filterlab.workbench.journal import Edit, Journal

__all__ = ["EDIT_NAMES", "Activity", "Answers", "MapPair", "NetBench", "NetState", "Why"]

Key = tuple[str, int]
Array = NDArray[np.float32]

_RESET = Text("Reset layer")
_RESET_ALL = Text("Reset all layers")

EDIT_NAMES = (*KINDS.values(), _RESET, _RESET_ALL)
"""Every name an edit of the bench can have, for translations."""

_NOTHING: Mapping[Key, UnitWeights] = MappingProxyType({})


@dataclass(frozen=True, eq=False)
class NetState:
    """What differs from the net as it was read.

    Attributes
    ----------
    units : mapping of (layer, unit) to its weights
        Arrays that nobody writes to; states share those that did not change.
    edits : tuple of str
        What was done, a text for each edit.
    code : tuple of str
        The pycaffe lines of each.
    operations : tuple of Operation
        The same to be done again; ``reset`` puts units of a layer back (all, if it names none).
    """

    units: Mapping[Key, UnitWeights] = field(default_factory=lambda: _NOTHING)
    edits: tuple[str, ...] = ()
    code: tuple[str, ...] = ()
    operations: tuple[Operation, ...] = ()

    def layers(self) -> tuple[str, ...]:
        """The layers that differ."""
        return tuple(dict.fromkeys(layer for layer, _ in self.units))


@dataclass(frozen=True)
class Answers:
    """What the classifier says of the picture's centre, before and after the edits."""

    before: Answer
    after: Answer
    revision: int


@dataclass(frozen=True)
class Activity:
    """What a blob holds for the picture's centre, before and after the edits.

    Attributes
    ----------
    blob : str
    before, after : ndarray (channels, rows, cols) float32
        Values without a place are 1 x 1.
    revision : int
    """

    blob: str
    before: Array
    after: Array
    revision: int


@dataclass(frozen=True)
class MapPair:
    """The class maps of the whole picture, before and after the edits."""

    before: ClassMaps
    after: ClassMaps
    revision: int

    def difference(self, classes: int | Iterable[int]) -> Array:
        """After minus before, (rows, cols)."""
        wanted = classes if isinstance(classes, int) else list(classes)
        return self.after.values(wanted) - self.before.values(wanted)


@dataclass(frozen=True)
class Why:
    """Maps of what speaks for a class, each with its deletion check.

    Attributes
    ----------
    wanted : int
    cell : (int, int) or None
        Of the dense map; None for the picture's centre as a whole.
    reasons : tuple of (Reason, Deletion)
        Occlusion, input gradient, Grad-CAM, and the dense map of the whole picture.
    drawn : Deletion
        Of squares in a random order, for comparison.
    data : ndarray (1, channels, height, width) float32
        The input that was asked about; the reasons lie on its pixels.
    """

    wanted: int
    cell: tuple[int, int] | None
    reasons: tuple[tuple[Reason, Deletion], ...]
    drawn: Deletion
    data: Array


@dataclass(frozen=True)
class _Reset:
    """Units put back: what stays of the others, the pycaffe lines, and the same as an operation."""

    kept: Mapping[Key, UnitWeights]
    code: str
    operation: Operation


class NetBench:
    """A trained net on the table.

    Edits return their English name, or ``""`` if nothing changed, and raise
    :class:`FilterLabError`, changing nothing, if they cannot be. Use from one thread; jobs may run
    on another.

    Parameters
    ----------
    transplanted : Transplanted
        The net as it was read; it is left alone.
    preprocessing : Preprocessing, optional
        How pictures are prepared.

    Attributes
    ----------
    journal : Journal
        The edits made and undone.
    """

    def __init__(
        self, transplanted: Transplanted, preprocessing: Preprocessing | None = None
    ) -> None:
        source = transplanted.source
        # All nets that are compared lay weights out alike: else sums differ in their last bits.
        self._before = transplanted.double(packing="first")
        # Edits are written here; it shares the weights of layers that nobody has edited yet.
        self._net, self._own = self._twin()
        # The jobs' nets: one asks at a time, and brings the weights up to the state it began with.
        self._asking = threading.Lock()
        self._after = transplanted.separate()
        # Their weights change a little each time, so that what was laid out before stays good.
        self._after.source.packing = self._after.net.packing = "first"
        self._reached = NetState()
        self._asked = source.snapshot(share_weights=True)
        self._asked.packing = "first"
        rewritten = transplanted.rewritten
        self.judge = Judge(rewritten.plain_output, rewritten.plain_score, rewritten.applied)
        self._preprocessing = preprocessing or Preprocessing()
        self._state = NetState()
        self.journal: Journal[NetState] = Journal(cost=_kept_bytes)
        self._picture: Array | None = None
        self._revision = 0
        self._listeners: list[Callable[[int], object]] = []
        # The units' lengths as they were read, by layer.
        self._strengths: dict[str, NDArray[np.float64]] = {}
        # What the net as it was read says, kept for the picture: a slider asks again and again.
        self._fed: tuple[Array, Array] | None = None
        self._first: tuple[Array, Answer] | None = None
        self._first_map: tuple[Array, Plan, ClassMaps] | None = None

    # --- reading ------------------------------------------------------------------------------

    @property
    def state(self) -> NetState:
        return self._state

    @property
    def revision(self) -> int:
        """Grows with every change of weights or picture."""
        return self._revision

    @property
    def net(self) -> Any:
        """The edited classifier; read, do not write, and ask it nothing: jobs have their own."""
        return self._net

    @property
    def original(self) -> Any:
        """The classifier as it was read."""
        return self._before.source

    @property
    def transplanted(self) -> Transplanted:
        """The net as it was read, with its fully convolutional double; ask it nothing."""
        return self._before

    @property
    def input_shape(self) -> tuple[int, ...]:
        """The shape of the classifier's input."""
        return tuple(self._before.rewritten.input_shape)

    def unit(self, layer: str, unit: int, before: bool = False) -> UnitWeights:
        """A unit's weights, and its bias where it has one, now or as they were read."""
        return read_unit(self.original if before else self.net, layer, unit)

    def on_change(self, call: Callable[[int], object]) -> Callable[[], None]:
        """Have ``call(revision)`` called after every change, until the result is called."""
        self._listeners.append(call)
        return lambda: self._listeners.remove(call)

    def strengths(self, layer: str) -> NDArray[np.float64]:
        """The Euclidean norm of each unit's weights now, without the bias; (units,)."""
        if layer not in self._strengths:
            self._strengths[layer] = unit_strengths(self.original, layer)
        found = self._strengths[layer].copy()
        for (name, unit), arrays in self._state.units.items():
            if name == layer:
                found[unit] = np.linalg.norm(np.asarray(arrays[0], np.float64))
        return found

    def is_zero(self, layer: str, unit: int) -> bool:
        """Whether weights and bias of a unit are zero and were not so before."""
        now = self._state.units.get((layer, unit))
        return now is not None and not any(array.any() for array in now)

    def summary(self) -> str:
        """The edits in a line: ``1 edit: stem, unit 8 set to zero``."""
        edits = self._state.edits
        if not edits:
            return Text("no edits")
        return Text.of_number(
            "{n} edit: {last}", "{n} edits, the last: {last}", len(edits), n=len(edits),
            last=edits[-1],
        )  # fmt: skip

    def code(self) -> str:
        """The pycaffe program that does what was done."""
        lines = ["import numpy as np", *self._state.code, "net.forward()"]
        if any("original." in line for line in self._state.code):
            lines.insert(1, "# original: the net as it was read, another caffe.Net")
        return "\n".join(lines)

    # --- editing ------------------------------------------------------------------------------

    def apply(self, operation: Operation, merge: Hashable = None) -> str:
        """Do an operation; edits of one ``merge`` that follow each other are one step.

        A merged edit starts from where the first of them did, so that a slider's positions do not
        add up.
        """
        return self._apply(operation, self._base(merge), merge)

    def _base(self, merge: Hashable) -> NetState:
        """The state that an edit starts from."""
        last = self.journal.undo_edit
        return last.old if last is not None and self.journal.joins(merge) else self._state

    def _apply(
        self, operation: Operation, base: NetState, merge: Hashable, first: _Reset | None = None
    ) -> str:
        """Do an operation from a state on, after putting units back if ``first`` says so."""
        start = base if first is None else replace(base, units=first.kept)
        with self._standing(start):
            changed = computed(self.net, operation)
            code = code_of(self.net, operation)
        done: tuple[Operation, ...] = (operation,)
        if first is not None:
            code, done = f"{first.code}\n{code}", (first.operation, operation)
        new = NetState(
            MappingProxyType(self._without_same({**start.units, **changed})),
            (*base.edits, told(operation)),
            (*base.code, code),
            (*base.operations, *done),
        )
        return self._push(KINDS[operation.kind], new, code, merge)

    def set_factor(
        self, layer: str, units: Iterable[int], factor: float, live: bool = False
    ) -> str:
        """Let units be their own weights times a factor, whatever was done to them before."""
        wanted = check_units(self.net, layer, units)
        merge = ("factor", layer, wanted) if live else None
        base = self._base(merge)
        edited = any((layer, unit) in base.units for unit in wanted)
        first = self._put_back(base, layer, wanted) if edited else None
        return self._apply(Operation("scale", layer, wanted, float(factor)), base, merge, first)

    def zero(self, layer: str, units: Iterable[int]) -> str:
        """Set weights and bias of units to zero."""
        return self.apply(Operation("zero", layer, tuple(units)))

    def scale(self, layer: str, units: Iterable[int], factor: float, live: bool = False) -> str:
        """Multiply weights and bias of units; ``live`` while a slider moves."""
        wanted = tuple(units)
        merge = ("scale", layer, wanted) if live else None
        return self.apply(Operation("scale", layer, wanted, float(factor)), merge)

    def negate(self, layer: str, units: Iterable[int]) -> str:
        """Change the sign of weights and bias."""
        return self.apply(Operation("negate", layer, tuple(units)))

    def swap(self, layer: str, one: int, other: int) -> str:
        """Let two units change places."""
        return self.apply(Operation("swap", layer, (one, other)))

    def copy(self, layer: str, source: int, units: Iterable[int]) -> str:
        """Make units copies of another."""
        return self.apply(Operation("copy", layer, tuple(units), count=source))

    def replace(self, layer: str, units: Iterable[int], kernel: ArrayLike) -> str:
        """Give units another kernel; see :class:`filterlab.surgery.ablation.Operation`."""
        return self.apply(Operation("replace", layer, tuple(units), kernel=np.array(kernel)))

    def prune(self, layer: str, keep: int) -> str:
        """Set all units but the ``keep`` strongest to zero."""
        return self.apply(Operation("prune", layer, count=keep))

    def noise(self, layer: str, units: Iterable[int], share: float, seed: int) -> str:
        """Add noise of a share of the layer's standard deviation."""
        return self.apply(Operation("noise", layer, tuple(units), float(share), seed))

    def reset(self, layer: str | None = None, units: Iterable[int] | None = None) -> str:
        """Put a layer's own weights back, those of some of its units, or those of all layers."""
        if layer is None:
            return self._push(_RESET_ALL, NetState(), "", None)
        some = () if units is None else check_units(self.net, layer, units)
        back = self._put_back(self._state, layer, some)
        what = (
            Text("{layer}, {units} reset", layer=layer, units=units_told(some))
            if some
            else (Text("{layer} reset", layer=layer))
        )
        new = NetState(
            MappingProxyType(back.kept),
            (*self._state.edits, what),
            (*self._state.code, back.code),
            (*self._state.operations, back.operation),
        )
        return self._push(_RESET, new, back.code, None)

    def _put_back(self, base: NetState, layer: str, some: tuple[int, ...]) -> _Reset:
        """What putting units of a layer back (all, if none are named) leaves of a state."""
        units = some or range(unit_count(self.net, layer))
        gone = {(layer, unit) for unit in units}
        kept = {key: values for key, values in base.units.items() if key not in gone}
        if some:
            places = [
                f"params[{layer!r}][{i}].data[{index_text(at)}]"
                for unit in some
                for i, at in enumerate(indices(self.net, layer, unit))
            ]
            code = "\n".join(f"net.{place} = original.{place}" for place in places)
        else:
            code = "\n".join(
                f"net.params[{layer!r}][{i}].data[...] = original.params[{layer!r}][{i}].data"
                for i in range(len(self.net.params[layer]))
            )
        return _Reset(kept, code, Operation("reset", layer, some))

    def seal(self) -> None:
        """The next edit is a step of its own, whatever came before."""
        self.journal.seal()

    def factor(self, layer: str, unit: int) -> float | None:
        """By what a unit's weights and bias are multiplied; 1 of one as it was, None for none."""
        now = self._state.units.get((layer, unit))
        return 1.0 if now is None else _factor(read_unit(self.original, layer, unit), now)

    def repeat(self, operations: Iterable[Operation]) -> None:
        """Do again what a state's ``operations`` say, as edits of their own.

        Raises
        ------
        FilterLabError
            At the first that this net does not allow; those before it are done.
        """
        for operation in operations:
            if operation.kind == "reset":
                self.reset(operation.layer or None, operation.units or None)
            else:
                self.apply(operation)

    def chip(self, layer: str, unit: int) -> str:
        """What became of a unit, in a few characters: ``× 0.5``, ``⇄ 9``, ``edited``; else empty.

        Read from the weights, whatever edits led there: a factor of the unit's own, or another
        unit's weights.
        """
        now = self._state.units.get((layer, unit))
        if now is None:
            return ""
        if self.is_zero(layer, unit):
            return "\N{MULTIPLICATION SIGN} 0"
        first = read_unit(self.original, layer, unit)
        factor = _factor(first, now)
        if factor is not None:
            return f"\N{MULTIPLICATION SIGN} {factor:.3g}".replace("-", "\N{MINUS SIGN}")
        # Of thousands of units few begin alike.
        begins = unit_matrix(self.original, layer)[:, 0] == now[0].reshape(-1)[0]
        for other in map(int, np.flatnonzero(begins)):
            if other != unit and _equal(read_unit(self.original, layer, other), now):
                return f"\N{RIGHTWARDS ARROW OVER LEFTWARDS ARROW} {other}"
        return Text("edited")

    def undo(self) -> str:
        """Take the last edit back; the weights are the very bytes from before it."""
        edit = self.journal.undo()
        if edit is None:
            return ""
        self._put(edit.old)
        self._changed()
        return edit.name

    def redo(self) -> str:
        """Make the edit again that was undone last."""
        edit = self.journal.redo()
        if edit is None:
            return ""
        self._put(edit.new)
        self._changed()
        return edit.name

    def _without_same(self, units: dict[Key, UnitWeights]) -> dict[Key, UnitWeights]:
        """Without the units that are as they were read."""
        return {
            key: arrays
            for key, arrays in units.items()
            if not _equal(arrays, read_unit(self.original, *key))
        }

    def _push(self, name: str, new: NetState, code: str, merge: Hashable) -> str:
        old = self._state
        if _same(old.units, new.units):
            return ""
        self.journal.push(Edit(name, old, new, code, merge=merge))
        self._put(new)
        self._changed()
        return name

    def _twin(self) -> tuple[Net, set[str]]:
        """The net as it was read, and the layers of it that share no weights with it."""
        source = self._before.source
        shares = any(row for row in source.params.values()) and not source._topology.shared
        return source.snapshot(share_weights=shares), set() if shares else set(source.params)

    @staticmethod
    def _part(net: Net, own: set[str], state: NetState) -> None:
        """Give a net weights of its own in the layers that a state edits."""
        for layer in {layer for layer, _ in state.units} - own:
            for blob in net.params[layer]:
                blob.share_data(blob.data.copy())
            own.add(layer)

    def _put(self, state: NetState) -> None:
        """Write a state into the edited net: what differs from the present one."""
        self._part(self._net, self._own, state)
        self._write(self._net, self._state, state)
        self._state = state

    @contextmanager
    def _standing(self, state: NetState) -> Iterator[None]:
        """The edited net in another state for a while; for the jobs the present one goes on."""
        now = self._state
        self._part(self._net, self._own, state)
        self._write(self._net, now, state)
        try:
            yield
        finally:
            self._write(self._net, state, now)

    def _write(self, net: Net, now: NetState, new: NetState) -> None:
        """Bring a net's weights from one state to another."""
        for key in {**now.units, **new.units}:
            if now.units.get(key) is not new.units.get(key):
                values = new.units.get(key)
                write_unit(net, *key, read_unit(self.original, *key) if values is None else values)

    @contextmanager
    def _moment(self) -> Iterator[int]:
        """The jobs' nets, with the weights of now; gives the revision."""
        with self._asking:
            # In this order: an edit in between makes the outcome stale, not wrong.
            revision, state = self._revision, self._state
            self._write(self._after.source, self._reached, state)
            self._reached = state
            yield revision

    def _changed(self) -> None:
        self._revision += 1
        for call in self._listeners:
            call(self._revision)

    # --- what becomes of the answer -----------------------------------------------------------

    def show(self, picture: ArrayLike) -> None:
        """Choose the picture."""
        self._picture = as_picture(picture)
        self._changed()

    def _shown(self) -> Array:
        if self._picture is None:
            raise FilterLabError("no picture is open; open one first")
        return self._picture

    def _input(self) -> Array:
        """What the classifier is shown of the picture: its centre."""
        picture, fed = self._shown(), self._fed
        if fed is None or fed[0] is not picture:
            shape = self._before.rewritten.input_shape
            fed = self._fed = (picture, own_input(picture, shape, self._preprocessing))
        return fed[1]

    def answers_job(self) -> Job[Answers]:
        """Scores and probabilities on the picture's centre, before and after."""
        with self._moment() as revision:
            first = yield from self._ask()
            return Answers(first, self.judge.answer(self._after.source), revision)

    def _ask(self) -> Job[Answer]:
        """Ask both nets; returns what the first says."""
        data, picture, first = self._input(), self._shown(), self._first
        yield Progress(Text("ask the classifier"), 0, 2)
        if first is None or first[0] is not picture:
            feed(self._asked, self._before.input, data)
            self._asked.forward()
            first = self._first = (picture, self.judge.answer(self._asked))
        yield Progress(Text("ask the edited classifier"), 1, 2)
        feed(self._after.source, self._before.input, data)
        self._after.source.forward()
        return first[1]

    def activity_job(self, blob: str) -> Job[tuple[Answers, Activity]]:
        """:meth:`answers_job`, and what a blob holds meanwhile.

        Raises
        ------
        FilterLabError
            If the net has no such blob, or one that cannot be laid out as channels.
        """
        if blob not in self._asked.blobs:
            raise FilterLabError(
                "the net has no blob {name!r}; its blobs are {known}",
                name=blob,
                known=", ".join(self._asked.blobs),
            )
        with self._moment() as revision:
            first = yield from self._ask()
            answers = Answers(first, self.judge.answer(self._after.source), revision)
            nets = (self._asked, self._after.source)
            before, after = (channels_of(net.blobs[blob].data).copy() for net in nets)
            return answers, Activity(blob, before, after, revision)

    def maps_job(self, request: Request | None = None) -> Job[MapPair]:
        """The class maps of the whole picture, before and after, by the same method."""
        with self._moment() as revision:
            picture = self._shown()
            size = (int(picture.shape[0]), int(picture.shape[1]))
            what = plan(self._before, size, request)
            first = self._first_map
            if first is None or first[0] is not picture or first[1] != what:
                run = yield from part(
                    map_job(self._before, picture, what, self._preprocessing), 0.0, 0.5
                )
                first = self._first_map = (picture, what, run.maps)
            self._after.follow()
            if what.method == self._after.quick_method and what.density == "own":
                # One pass on the input that is prepared already: while a slider moves, that counts.
                before = first[2]
                steps = part(_passes(self._after, before.data), 0.5, 1.0)
                prob, score, seconds = yield from steps
                return MapPair(
                    before, replace(before, prob=prob, score=score, seconds=seconds), revision
                )
            after = yield from part(
                map_job(self._after, picture, what, self._preprocessing), 0.5, 1.0
            )
            return MapPair(first[2], after.maps, revision)

    def sight(self, blob: str) -> Sight:
        """Where a blob's cells look on the picture, of which the classifier is shown the centre.

        Raises
        ------
        FilterLabError
            If there is no such blob, or no picture.
        """
        picture = self._shown()
        shape = (int(picture.shape[0]), int(picture.shape[1]))
        return sight_of(self._asked, blob, self._before.input, shape)

    def where(self, blob: str, cell: tuple[int, int]) -> tuple[float, float, float, float]:
        """What a cell of a blob sees: x0, y0, x1, y1 in the picture's pixels, as far as shown.

        Raises
        ------
        FilterLabError
            If there is no such blob or cell, or no picture.
        """
        return self.sight(blob).box(*cell)

    def rank_job(self, layer: str, wanted: int) -> Job[Ranking]:
        """A layer's units of the edited net by what a class loses without each."""
        return self._rank(lambda net: rank_job(net, self.judge, layer, wanted))

    def group_rank_job(
        self, layer: str, groups: Sequence[Iterable[int]], wanted: int
    ) -> Job[Ranking]:
        """Groups of a layer's units of the edited net by what a class loses without each.

        Groups are one's own, or those of :mod:`filterlab.surgery.unit_groups`.
        """
        return self._rank(lambda net: group_rank_job(net, self.judge, layer, groups, wanted))

    def _rank(self, ask: Callable[[Net], Job[Ranking]]) -> Job[Ranking]:
        with self._moment():
            feed(self._after.source, self._before.input, self._input())
            job = ask(self._after.source)
            begun = next(job)  # from here on it has a net of its own
        yield begun
        ranking = yield from job
        return ranking

    def patches_job(self, layer: str, shelf: Shelf | None = None) -> Job[BestPatches]:
        """The patches that a layer's units answer to most, in the net as it was read.

        Of the samples, unless others are given; found results are kept in the folder of what can
        be made again.
        """
        return patches_job(
            self.original,
            layer,
            SampleShelf() if shelf is None else shelf,
            self._preprocessing,
            folder=paths.cache_dir() / "patches",
        )

    def why_job(
        self, wanted: int, cell: tuple[int, int] | None = None, request: Request | None = None
    ) -> Job[Why]:
        """Why the edited net says this class: four maps, and which finds the pixels that matter.

        Of a cell of the dense map, or of the classifier on the picture's centre. Once the dense map
        is there it has a net of its own, so that this one may be edited and asked meanwhile.

        Parameters
        ----------
        wanted : int
            The class.
        cell : (int, int), optional
            Row and column in the map that :meth:`maps_job` gives for ``request``.
        request : Request, optional
            How the dense map is asked for.
        """
        with self._moment():
            picture, t = self._shown(), self._after
            shape = (int(picture.shape[0]), int(picture.shape[1]))
            t.follow()
            what = plan(t, shape, request)
            question = self._question(wanted, cell, what.input_size)
            run = yield from part(map_job(t, picture, what, self._preprocessing), 0.0, 0.1)
        lies = Placement.resized if cell is not None else centre_placement
        found: list[tuple[Reason, Deletion]] = []
        jobs = (occlusion_job, gradient_job, grad_cam_job)
        for k, job in enumerate(jobs):
            start, end = 0.1 + 0.2 * k, 0.3 + 0.2 * k
            reason = yield from part(job(question), start, end - 0.05)
            check = yield from part(deletion_job(question, reason.heat), end - 0.05, end)
            found.append((reason, check))
        dense = class_map(run.maps, wanted, lies(shape, question.size), question.size)
        found.append((dense, (yield from part(deletion_job(question, dense.heat), 0.7, 0.85))))
        drawn = yield from part(deletion_job(question, None), 0.85, 1.0)
        return Why(wanted, cell, tuple(found), drawn, question.data)

    def _question(
        self, wanted: int, cell: tuple[int, int] | None, size: tuple[int, int]
    ) -> Question:
        """The question, on weights of its own; of a cell, the picture is shown at a size."""
        t = self._after
        if cell is None:
            return Question(t.source.snapshot(), self.judge, self._input(), wanted)
        data = self._preprocessing.apply(self._shown(), size, t.channels)
        # Of its own size, so that the map's cells are known before it is asked for one.
        feed(t.net, t.input, data)
        return Question(t.net.snapshot(), Judge(t.output, t.score), data, wanted, cell)

    # --- saving -------------------------------------------------------------------------------

    def save(self, prefix: str | os.PathLike[str]) -> tuple[Path, Path]:
        """Write the edited net as ``PREFIX.prototxt`` and ``PREFIX.caffemodel``.

        Raises
        ------
        FilterLabError, OSError, CaffeError
            If they cannot be written, or would overwrite the files that the net was read from.
        """
        prototxt, weights = net_files(check_prefix(prefix))
        spare_inputs((prototxt, weights), self._before.files)
        # The net of one moment: on another thread edits may go on.
        state = self._state
        net, own = self._twin()
        self._part(net, own, state)
        self._write(net, NetState(), state)
        with written_together():
            with atomic_write(prototxt, "w") as stream:
                stream.write(format_net(self._before.source_param))
            net.save(str(weights))
        if self._state is state:
            self.journal.mark_clean()
        return prototxt, weights


def _passes(t: Transplanted, data: Array) -> Job[tuple[Array, Array, float]]:
    """The dense net's probabilities and scores of an input, and the seconds it took."""
    steps = run_dense_steps(t, data)
    while True:
        try:
            share = next(steps)
        except StopIteration as end:
            found: tuple[Array, Array, float] = end.value
            return found
        yield Progress("run the net", share, 1.0)


def _equal(one: UnitWeights, other: UnitWeights) -> bool:
    return all(a.tobytes() == b.tobytes() for a, b in zip(one, other, strict=True))


def _factor(first: UnitWeights, now: UnitWeights) -> float | None:
    """By what a unit's weights and bias were all multiplied; None if by no one factor."""
    before = np.concatenate([a.reshape(-1) for a in first]).astype(np.float64)
    after = np.concatenate([a.reshape(-1) for a in now]).astype(np.float64)
    if not after.any():
        return 0.0
    at = int(np.abs(before).argmax())
    factor = after[at] / before[at] if before[at] else 0.0
    close = np.abs(after - factor * before) <= 1e-6 * np.abs(after).max()
    # The weights are float32: what their quotient says beyond that is noise.
    return float(f"{factor:.6g}") if factor and close.all() else None


def _same(one: Mapping[Key, UnitWeights], other: Mapping[Key, UnitWeights]) -> bool:
    return one.keys() == other.keys() and all(_equal(one[key], other[key]) for key in one)


def _kept_bytes(edit: Edit[NetState]) -> int:
    """The bytes that an edit alone keeps."""
    old = {id(a) for arrays in edit.old.units.values() for a in arrays}
    new = (a for arrays in edit.new.units.values() for a in arrays if id(a) not in old)
    return sum(a.nbytes for a in new)
