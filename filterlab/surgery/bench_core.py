"""What every filter bench has: its state, its net, its undo journal, and whom it tells.

The edits themselves are in :mod:`filterlab.surgery.filterbench`.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Hashable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

import filterlab.caffe as caffe
from filterlab.surgery import bench_code as code
from filterlab.surgery import convolve
from filterlab.surgery.bench_state import SLOTS, BenchState, PresetChoice, start_state
from filterlab.surgery.convolve import Outputs, Picture, Snapshot, Stats
from filterlab.surgery.journal import Edit, Journal
from filterlab.surgery.kernels import Kernel
from filterlab.surgery.kernels.analysis import Facts, PixelExplanation, facts
from filterlab.surgery.kernels.codegen import Recipe, generate

__all__ = ["BenchCore", "Change", "Report"]

Floats = NDArray[np.float32]


@dataclass(frozen=True)
class Change:
    """What a callback is told.

    Attributes
    ----------
    kinds : frozenset of str
        Of ``kernels``, ``bias``, ``size``, ``settings``, ``picture``, ``presets``; empty if only
        the history changed (saved, undo forgotten).
    slots : frozenset of int
        The filters whose numbers or preset changed.
    revision : int
        The new state's number.
    """

    kinds: frozenset[str]
    slots: frozenset[int]
    revision: int


@dataclass(frozen=True)
class Report:
    """The numbers under one output: now, and before the last edit that changed the outputs."""

    now: Stats
    before: Stats | None

    @property
    def mean_change(self) -> float | None:
        """How far the mean moved; None before the first edit."""
        return None if self.before is None else self.now.mean - self.before.mean


class BenchCore:
    """State, net, journal and listeners of a bench; no edits.

    Attributes
    ----------
    journal : Journal
        The edits made and undone.
    """

    def __init__(self, picture: ArrayLike | None = None, title: str = "") -> None:
        self._state = start_state(picture, title)
        self._state.check()
        self.journal: Journal[BenchState] = Journal(cost=_kept_bytes)
        self._revision = 0
        self._net: Any = None
        self._net_key: Any = None
        self._listeners: list[Callable[[Change], object]] = []
        self._stats: tuple[int, tuple[Stats, ...]] | None = None
        self._stats_before: tuple[Stats, ...] | None = None
        self._step: tuple[int, bool] | None = None
        self._code = ""

    # --- reading ------------------------------------------------------------------------------

    @property
    def state(self) -> BenchState:
        """The present state: immutable."""
        return self._state

    @property
    def revision(self) -> int:
        """Grows with every change, undo and redo included."""
        return self._revision

    @property
    def size(self) -> tuple[int, int]:
        """Rows and columns of the kernels."""
        return self._state.size

    @property
    def channels(self) -> int:
        """Grids a filter has: 3 in mode ``three``, else 1."""
        return self._state.settings.channels

    @property
    def settings(self) -> convolve.Settings:
        return self._state.settings

    @property
    def picture(self) -> Picture:
        return self._state.picture

    @property
    def output_size(self) -> tuple[int, int]:
        """Rows and columns of the full outputs."""
        return self.snapshot().output_size

    def kernel(self, slot: int, channel: int = 0) -> Kernel:
        """The numbers of one grid, (kh, kw), read-only."""
        return self._state.kernels[slot, channel]

    def filter(self, slot: int) -> Floats:
        """The numbers of a whole filter, (C, kh, kw), read-only."""
        return self._state.kernels[slot]

    def bias(self, slot: int) -> float:
        return float(self._state.bias[slot])

    def preset(self, slot: int) -> PresetChoice | None:
        """The preset a filter is, with its parameters; None once its cells were edited."""
        return self._state.presets[slot]

    def facts(self, slot: int, channel: int = 0) -> Facts:
        """Sum, norm, symmetry, rank and separability of one grid."""
        return facts(self.kernel(slot, channel))

    @property
    def net(self) -> Any:
        """The caffe net (TEST): ``params['conv'][0].data`` holds the kernels, ``[1]`` the bias."""
        state = self._state
        planes = state.picture.planes(state.settings.mode)
        key = (state.settings, state.size, planes.shape)
        if self._net is None or key != self._net_key:
            parameter = convolve.net_parameter(state.settings, SLOTS, state.size, planes.shape)
            self._net = caffe.Net(parameter, caffe.TEST)
            self._net_key = key
        weights = self._net.params["conv"]
        weights[0].data[...] = state.kernels
        weights[1].data[...] = state.bias
        return self._net

    def snapshot(self) -> Snapshot:
        """What an output depends on, for :func:`convolve.preview` and the like on any thread."""
        state = self._state
        return Snapshot(state.kernels, state.bias, state.settings, state.picture, self._revision)

    @property
    def code(self) -> str:
        """The pycaffe lines that do the same as the last edit, undo or redo."""
        return self._code

    def program(self, library: str = "pycaffe", picture: str = "picture.png") -> str:
        """A program in pycaffe, opencv, pytorch or numpy that gives the present outputs."""
        state, settings = self._state, self._state.settings
        recipe = Recipe(
            state.kernels,
            state.bias,
            settings.mode,
            settings.margins(state.size),
            settings.stride,
            settings.dilation,
            settings.scale,
        )
        return generate(library, recipe, picture)

    # --- outputs ------------------------------------------------------------------------------

    def accept(self, outputs: Outputs) -> tuple[Report, ...] | None:
        """Take what a worker computed: the report of each filter, or None if it is overtaken."""
        if outputs.revision != self._revision:
            return None
        # All outputs of one step (a drag, a slider's way) are compared with what was before it.
        step = (len(self.journal), self.journal.grouping)
        if self._stats is not None and self._stats[0] != outputs.revision and step != self._step:
            self._stats_before = self._stats[1]
        self._step = step
        self._stats = (outputs.revision, outputs.stats)
        before = self._stats_before
        return tuple(
            Report(now, before[slot] if before else None) for slot, now in enumerate(outputs.stats)
        )

    def explain(self, slot: int, row: int, column: int, channel: int = 0) -> PixelExplanation:
        """Patch x kernel at the full output's pixel (row, column)."""
        return convolve.explain(self.snapshot(), slot, row, column, channel)

    def output_at(self, row: int, column: int) -> tuple[int, int] | None:
        """The output pixel whose window is centred nearest the input pixel; None outside.

        Within half a stride of the outermost windows the answer is the outermost pixel.
        """
        settings, size = self.settings, self.size
        margins, result = settings.margins(size), []
        for position, margin, side, count in zip((row, column), margins, size, self.output_size):
            centre = position + margin - settings.dilation * (side // 2)
            index = round(centre / settings.stride)
            if not -1 < centre / settings.stride < count or not 0 <= index < count:
                return None
            result.append(index)
        return result[0], result[1]

    # --- telling ------------------------------------------------------------------------------

    def subscribe(self, callback: Callable[[Change], object]) -> Callable[[], None]:
        """Call ``callback(change)`` after every change; returns what ends that."""
        self._listeners.append(callback)

        def unsubscribe() -> None:
            with contextlib.suppress(ValueError):
                self._listeners.remove(callback)

        return unsubscribe

    def _put(self, new: BenchState) -> None:
        old, self._state = self._state, new
        self._revision += 1
        change = Change(*new.difference(old), self._revision)
        for callback in list(self._listeners):
            callback(change)

    def _commit(
        self,
        name: str,
        new: BenchState,
        lines: str,
        slot: int | None = None,
        merge: Hashable = None,
    ) -> str:
        old = self._state
        if new.same(old):
            return ""
        new.check()
        self._code = lines
        self.journal.push(Edit(name, old, new, lines, slot, merge))
        self._put(new)
        return name

    # --- undo ---------------------------------------------------------------------------------

    def undo(self) -> str:
        """Take the last edit back; its name, or ``""`` if there is none."""
        edit = self.journal.undo()
        if edit is None:
            return ""
        self._code = code.difference(edit.new, edit.old)
        self._put(edit.old)
        return edit.name

    def redo(self) -> str:
        """Make the last undone edit again; its name, or ``""`` if there is none."""
        edit = self.journal.redo()
        if edit is None:
            return ""
        self._code = edit.code
        self._put(edit.new)
        return edit.name

    @property
    def undo_name(self) -> str:
        edit = self.journal.undo_edit
        return edit.name if edit else ""

    @property
    def redo_name(self) -> str:
        edit = self.journal.redo_edit
        return edit.name if edit else ""

    def begin(self, name: str = "Paint") -> None:
        """A drag begins: all edits until :meth:`end` are one undo step."""
        self.journal.begin(name)

    def end(self) -> str:
        """The drag ends; the name of its step, or ``""`` if nothing changed."""
        edit = self.journal.end()
        if edit is None:
            return ""
        self._code = edit.code
        self._tell_history()
        return edit.name

    @contextlib.contextmanager
    def group(self, name: str = "") -> Iterator[None]:
        """Several edits as one undo step."""
        self.begin(name)
        try:
            yield
        finally:
            self.end()

    def mark_clean(self) -> None:
        """The present state has been saved."""
        self.journal.mark_clean()
        self._tell_history()

    @property
    def clean(self) -> bool:
        return self.journal.clean

    def _tell_history(self) -> None:
        change = Change(frozenset(), frozenset(), self._revision)
        for callback in list(self._listeners):
            callback(change)


def _kept_bytes(edit: Edit[BenchState]) -> int:
    """What an edit keeps alive beyond the numbers: a picture it replaced, or a camera's frame."""
    if edit.old.picture is edit.new.picture and not edit.old.picture.passing:
        return int(edit.old.kernels.nbytes)
    return int(edit.old.picture.pixels.nbytes)
