"""The model of the Filters tab: one net of three filters, its picture, and every edit undoable.

No Qt. The window calls the edits and is told by plain callbacks; a worker takes a
:meth:`FilterBench.snapshot` and computes it with :func:`filterlab.surgery.convolve.preview` or
:func:`~filterlab.surgery.convolve.compute_job` while editing goes on.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Hashable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

import filterlab.caffe as caffe
from filterlab.caffe.files import atomic_write, written_together
from filterlab.caffe.text import Text, reason_of
from filterlab.errors import FilterLabError
from filterlab.surgery import convolve
from filterlab.surgery.convolve import Outputs, Picture, Snapshot, Stats
from filterlab.surgery.drawing import stroke
from filterlab.surgery.kernels import Kernel, as_kernel, check_size, transform
from filterlab.surgery.kernels.analysis import Facts, PixelExplanation, facts
from filterlab.surgery.kernels.codegen import Recipe, generate
from filterlab.surgery.kernels.library import SavedKernel
from filterlab.surgery.kernels.presets import find_preset
from filterlab.surgery.kernels.text import parse_block
from filterlab.surgery.targets import net_files
from filterlab.workbench import filter_code as code
from filterlab.workbench.filter_net import net_text, read_filters
from filterlab.workbench.filter_state import (
    SLOTS,
    Applied,
    BenchState,
    PresetChoice,
    from_session,
    on_channels,
    start_state,
    to_session,
    with_mode,
)
from filterlab.workbench.journal import Edit, Journal

__all__ = ["EDIT_NAMES", "TRANSFORMS", "Change", "FilterBench", "Report"]

Floats = NDArray[np.float32]

TRANSFORMS: dict[str, tuple[str, Callable[..., Floats]]] = {
    "fill": (Text("Fill"), transform.fill),
    "negate": ("Negate", transform.negate),
    "transpose": (Text("Transpose"), transform.transpose),
    "rotate90": (Text("Rotate 90°"), transform.rotate90),
    "rotate45": (Text("Rotate 45°"), transform.rotate45),
    "flip": (Text("Flip"), transform.flip),
    "shift": ("Shift", transform.shift),
    "normalise": (Text("Normalise to sum 1"), transform.normalise),
    "zero_mean": (Text("Make zero-mean"), transform.zero_mean),
    "energy_one": (Text("Scale to energy 1"), transform.energy_one),
    "rounded": (Text("Round"), transform.rounded),
}
"""What :meth:`FilterBench.transform` can do: key to (name in the Edit menu, function)."""

EDIT_NAMES = (
    Text("Paint"),
    Text("Set cell"),
    Text("Nudge"),
    Text("Erase"),
    "Paste",
    "Clear",
    Text("Choose preset"),
    Text("Change preset"),
    Text("Open kernel"),
    Text("Learn kernel"),
    Text("Take filter from net"),
    Text("Take own kernel"),
    Text("Change bias"),
    Text("Change divisor"),
    Text("Change size"),
    Text("Link sizes"),
    Text("Change padding"),
    Text("Change edge"),
    Text("Change stride"),
    Text("Change dilation"),
    Text("Change colour mode"),
    Text("Change input scale"),
    Text("Swap filters"),
    Text("Copy filter"),
    Text("Compose filters"),
    Text("Apply and go on"),
    Text("Take a step back"),
    Text("Open filters"),
    Text("Open project"),
    Text("Start the lesson"),
    Text("Start the challenge"),
    Text("Open picture"),
    Text("Choose frame"),
    Text("Draw on picture"),
    Text("Start anew"),
    *(name for name, _ in TRANSFORMS.values()),
)
"""Every name an edit of the bench can have, for translations."""


class Change(NamedTuple):
    """What a callback is told.

    Attributes
    ----------
    kinds : frozenset of str
        Of ``kernels``, ``bias``, ``divisor``, ``size``, ``settings``, ``picture``, ``presets``;
        empty if only the history changed (saved, undo forgotten).
    slots : frozenset of int
        The filters whose numbers or preset changed.
    revision : int
        The new state's number.
    """

    kinds: frozenset[str]
    slots: frozenset[int]
    revision: int


class Report(NamedTuple):
    """The numbers under one output: now, and before the last edit that changed the outputs."""

    now: Stats
    before: Stats | None

    @property
    def mean_change(self) -> float | None:
        """How far the mean moved; None before the first edit."""
        return None if self.before is None else self.now.mean - self.before.mean


class FilterBench:
    """Three filters, their net and a picture.

    All edits return their English name (for the Edit menu), or ``""`` if nothing changed, and
    raise :class:`FilterLabError`, changing nothing, if the input is bad. Use from one thread.

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
        """Rows and columns of the blob: those of the largest kernel."""
        return self._state.size

    def size_of(self, slot: int) -> tuple[int, int]:
        """Rows and columns of one filter."""
        return self._state.sizes[slot]

    @property
    def linked(self) -> bool:
        """Whether the three filters keep one size."""
        return self._state.linked

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
        """The cells of one grid at its own size, (rows, columns), read-only."""
        return self._state.own(slot)[channel]

    def filter(self, slot: int) -> Floats:
        """The cells of a whole filter at its own size, (C, rows, columns), read-only."""
        return self._state.own(slot)

    def weights(self, slot: int) -> Floats:
        """A filter as it works: its cells divided, (C, rows, columns)."""
        own = self._state.own(slot)
        divisor = self.divisor(slot)
        return own if divisor == 1 else (own.astype(np.float64) / divisor).astype(np.float32)

    def bias(self, slot: int) -> float:
        return float(self._state.bias[slot])

    def divisor(self, slot: int) -> float:
        """What a filter's cells are divided by before they are the net's."""
        return float(self._state.divisors[slot])

    def preset(self, slot: int) -> PresetChoice | None:
        """The preset a filter is, with its parameters; None once its cells were edited."""
        return self._state.presets[slot]

    def facts(self, slot: int, channel: int = 0) -> Facts:
        """Sum, norm, symmetry, rank and separability of one grid, divided."""
        return facts(self.weights(slot)[channel])

    @property
    def net(self) -> Any:
        """The caffe net (TEST): ``params['conv'][0].data`` holds the kernels, ``[1]`` the bias."""
        state = self._state
        shape = self.snapshot().fed().shape
        key = (state.settings, state.size, shape)
        if self._net is None or key != self._net_key:
            parameter = convolve.net_parameter(state.settings, SLOTS, state.size, shape)
            self._net = caffe.Net(parameter, caffe.TEST)
            self._net_key = key
        weights = self._net.params["conv"]
        weights[0].data[...] = state.weights
        weights[1].data[...] = state.bias
        return self._net

    def snapshot(self) -> Snapshot:
        """What an output depends on, for :func:`convolve.preview` and the like on any thread."""
        state = self._state
        return Snapshot(
            state.weights, state.bias, state.settings, state.picture, self._revision, state.sizes
        )

    @property
    def code(self) -> str:
        """The pycaffe lines that do the same as the last edit, undo or redo."""
        return self._code

    def program(self, library: str = "pycaffe", picture: str = "picture.png") -> str:
        """A program in pycaffe, opencv, pytorch or numpy that gives the present outputs."""
        state, settings = self._state, self._state.settings
        recipe = Recipe(
            state.weights,
            state.bias,
            settings.mode,
            settings.margins(state.size),
            settings.stride,
            settings.dilation,
            settings.scale,
            settings.edge,
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
        self._code = edit.code or code.difference(edit.old, edit.new)
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

    def begin(self, name: str = Text("Paint"), merge: Hashable = None) -> None:
        """A drag begins: all edits until :meth:`end` are one undo step.

        Groups with the same ``merge`` that follow each other are one step (turns of the wheel).
        """
        self.journal.begin(name, merge)

    def end(self) -> str:
        """The drag ends; the name of its step, or ``""`` if nothing changed."""
        edit = self.journal.end()
        if edit is None:
            return ""
        self._code = edit.code
        self._tell_history()
        return edit.name

    def close_groups(self) -> None:
        """End what :meth:`begin` began and nobody ended."""
        while self.journal.grouping:
            self.end()

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

    # --- cells --------------------------------------------------------------------------------

    def set_cell(
        self,
        slot: int,
        row: int,
        column: int,
        value: float,
        channel: int = 0,
        name: str = Text("Set cell"),
    ) -> str:
        """One cell."""
        return self.set_cells(slot, {(row, column): value}, channel, name)

    def set_cells(
        self,
        slot: int,
        cells: Mapping[tuple[int, int], float],
        channel: int = 0,
        name: str = Text("Set cell"),
    ) -> str:
        """Several cells of one grid: {(row, column): value}.

        Put what a hand paints, or a wheel nudges, between :meth:`begin` and :meth:`end`.

        Raises
        ------
        FilterLabError
            If a value is not finite or a cell lies outside.
        """
        self._check(slot, channel)
        values = self._state.own(slot).copy()
        rows, cols = self.size_of(slot)
        top, left = self._state.offset(slot)
        lines = []
        for (row, column), value in cells.items():
            if not (0 <= row < rows and 0 <= column < cols):
                raise FilterLabError(
                    "no cell at row {row}, column {column} in a kernel of {rows} x "
                    "{columns}; both count from 0",
                    row=row,
                    column=column,
                    rows=rows,
                    columns=cols,
                )
            values[channel, row, column] = _finite(value)
            lines.append(
                code.cell(slot, channel, row + top, column + left, value, self.divisor(slot))
            )
        state = self._state.with_filter(slot, values)
        return self._commit(name, state, "\n".join(lines), slot)

    def set_kernel(
        self,
        slot: int,
        kernel: ArrayLike,
        name: str = Text("Open kernel"),
        channel: int | None = None,
        grow: bool = True,
        keep_size: bool = False,
    ) -> str:
        """A whole filter: (kh, kw) for one grid, or (3, kh, kw) for all three.

        The filter takes the kernel's size; with ``keep_size``, or while the three are linked, a
        smaller one is centred in zeros instead and a larger one makes the filter grow (``grow``)
        or is cut. A three-channel kernel in a one-channel mode is summed over
        its channels; one grid without ``channel`` in mode ``three`` goes onto the luma.

        Raises
        ------
        FilterLabError
            If it is no kernel.
        """
        state = self._with_kernel(slot, kernel, channel, grow, keep_size)
        return self._commit(name, state, code.difference(self._state, state), slot)

    def take(
        self,
        slot: int,
        kernel: ArrayLike,
        bias: float | None = None,
        name: str = Text("Open kernel"),
    ) -> str:
        """A whole filter from elsewhere, to work as it does there: divided by nothing.

        As :meth:`set_kernel`, in one step with the bias; that stays if none is given.
        """
        state = self._with_kernel(slot, kernel).with_divisor(slot, 1)
        if bias is not None:
            biases = state.bias.copy()
            biases[slot] = _finite(bias)
            state = state.with_bias(biases)
        return self._commit(name, state, code.difference(self._state, state), slot)

    def _with_kernel(
        self,
        slot: int,
        kernel: ArrayLike,
        channel: int | None = None,
        grow: bool = True,
        keep_size: bool = False,
    ) -> BenchState:
        self._check(slot, channel or 0)
        values = _filter_values(kernel)
        size, theirs = self.size_of(slot), (int(values.shape[-2]), int(values.shape[-1]))
        one_grid = channel is not None and values.shape[0] == 1 and self.channels > 1
        if keep_size or self.linked or one_grid or not grow:
            if grow:
                size = (max(size[0], theirs[0]), max(size[1], theirs[1]))
        else:
            size = theirs
        state = self._resized(slot, size)
        resized = transform.resize(values, size)
        if one_grid:
            filter_ = state.own(slot).copy()
            filter_[channel] = resized[0]
        else:
            filter_ = on_channels(resized, self.channels)
        return state.with_filter(slot, filter_)

    def paste(
        self, slot: int, text: str, channel: int = 0, at: tuple[int, int] | None = None
    ) -> str:
        """Numbers as text in any form: over the cells from ``at`` on, or the whole kernel.

        Without ``at`` a block with odd sides replaces the kernel, centred in zeros if it is
        smaller. What would reach beyond the grid is cut.
        """
        block = parse_block(text)
        if at is None:
            check_size(block.shape, Text("pasted"))
            return self.set_kernel(slot, block, "Paste", channel, keep_size=True)
        return self.paste_block(slot, block, channel, at)

    def paste_block(
        self, slot: int, block: Floats, channel: int = 0, at: tuple[int, int] = (0, 0)
    ) -> str:
        """A rectangle of numbers over the cells whose upper left is ``at``; the rest is cut."""
        rows, cols = self.size_of(slot)
        cells = {
            (at[0] + y, at[1] + x): float(value)
            for (y, x), value in np.ndenumerate(block)
            if 0 <= at[0] + y < rows and 0 <= at[1] + x < cols
        }
        return self.set_cells(slot, cells, channel, "Paste")

    def clear(
        self, slot: int, channel: int | None = None, block: tuple[slice, slice] | None = None
    ) -> str:
        """Every cell, or every cell of a block, 0."""
        return self._transformed(slot, "Clear", np.zeros_like, channel, block)

    def transform(
        self,
        slot: int,
        what: str,
        *args: Any,
        channel: int | None = None,
        block: tuple[slice, slice] | None = None,
        **options: Any,
    ) -> str:
        """A change from :data:`TRANSFORMS`, of one grid or (``channel`` None) all of a filter.

        ``bench.transform(0, "rotate90", 1)``, ``transform(1, "shift", right=1)``, …; with a
        ``block`` (rows, columns) only these cells change, as if they were the kernel.
        """
        if what not in TRANSFORMS:
            raise FilterLabError(
                "no change {what!r}; choose one of {known}", what=what, known=", ".join(TRANSFORMS)
            )
        name, function = TRANSFORMS[what]
        return self._transformed(
            slot, name, lambda grid: function(grid, *args, **options), channel, block
        )

    def _transformed(
        self,
        slot: int,
        name: str,
        function: Callable[[Floats], Floats],
        channel: int | None,
        block: tuple[slice, slice] | None,
    ) -> str:
        self._check(slot, channel or 0)
        values = self._state.own(slot).copy()
        grids = values if channel is None else values[channel]
        old = grids if block is None else grids[..., block[0], block[1]]
        new = function(old)
        if new.shape != old.shape:
            rows, cols = old.shape[-2:]
            if block is not None:
                raise FilterLabError(
                    "a block of {rows} x {columns} would become {columns} x {rows}; "
                    "select a square one",
                    rows=rows,
                    columns=cols,
                )
            if self.linked:
                raise FilterLabError(
                    "a kernel of {rows} x {columns} would become {columns} x {rows}, but "
                    "the three filters share one size; make it square first",
                    rows=rows,
                    columns=cols,
                )
            if channel is not None and self.channels > 1:
                raise FilterLabError(
                    "a grid of {rows} x {columns} would become {columns} x {rows}, "
                    "unlike those of the other channels; make it square first",
                    rows=rows,
                    columns=cols,
                )
            values = new if channel is None else new[None]
        if not np.isfinite(new).all():
            raise FilterLabError(
                "{name} would make numbers that are not finite; nothing changed", name=name
            )
        if new.shape == old.shape:
            old[...] = new
        state = self._state.with_filter(slot, values)
        return self._commit(name, state, code.difference(self._state, state), slot)

    # --- presets, bias, slots -----------------------------------------------------------------

    def apply_preset(
        self, slot: int, key: str, channel: int | None = None, **parameters: float
    ) -> str:
        """A preset at the filter's size; moving one of its sliders goes on being one step.

        A preset that is chosen anew is divided by nothing; a divisor set since stays.
        """
        self._check(slot, channel or 0)
        preset = find_preset(key)
        kernel = preset.make(self.size_of(slot), **parameters)
        values = preset.defaults() | {name: float(value) for name, value in parameters.items()}
        before = self.preset(slot)
        again = before is not None and before.key == preset.key
        if channel is None:
            filter_ = on_channels(kernel[None], self.channels)
        else:
            filter_ = self._state.own(slot).copy()
            filter_[channel] = kernel
        state = self._state.with_filter(slot, filter_)
        if channel is None or self.channels == 1:
            state = state.with_preset(slot, PresetChoice(preset.key, tuple(values.items())))
            if not again and self.divisor(slot) != 1:
                state = state.with_divisor(slot, 1)
        lines = f"# {preset.describe(values)}\n" + code.difference(self._state, state)
        name = Text("Change preset") if again else Text("Choose preset")
        return self._commit(
            name, state, lines, slot, ("preset", slot, preset.key) if again else None
        )

    def apply_saved(self, slot: int, saved: SavedKernel) -> str:
        """One of the user's own kernels with its bias, divided by nothing, as one step."""
        return self.take(slot, saved.values, saved.bias, Text("Take own kernel"))

    def set_bias(self, slot: int, value: float) -> str:
        """The number added to every pixel of an output."""
        self._check(slot, 0)
        bias = self._state.bias.copy()
        bias[slot] = _finite(value)
        state = self._state.with_bias(bias)
        lines = code.bias(slot, float(bias[slot]))
        return self._commit(Text("Change bias"), state, lines, slot, ("bias", slot))

    def set_divisor(self, slot: int, value: float) -> str:
        """The number that the filter's cells are divided by, as in GIMP and ImageJ.

        Raises
        ------
        FilterLabError
            If it is 0 or not finite, or would make weights that are not finite.
        """
        self._check(slot, 0)
        if _finite(value) == 0:
            raise FilterLabError("nothing can be divided by 0; type another divisor, such as 1")
        state = self._state.with_divisor(slot, value)
        if not np.isfinite(state.weights).all():
            raise FilterLabError(
                "divided by {value:g} the cells would not be finite; type a larger divisor",
                value=value,
            )
        lines = code.difference(self._state, state)
        return self._commit(Text("Change divisor"), state, lines, slot, ("divisor", slot))

    def swap(self, first: int, second: int) -> str:
        """Exchange two filters with their biases."""
        order = list(range(SLOTS))
        self._check(first, 0)
        self._check(second, 0)
        order[first], order[second] = second, first
        state = self._state.reordered(order)
        return self._commit(Text("Swap filters"), state, code.swap(first, second))

    def copy(self, source: int, target: int) -> str:
        """Make ``target`` the same filter as ``source``, bias included."""
        order = list(range(SLOTS))
        self._check(source, 0)
        self._check(target, 0)
        order[target] = source
        state = self._state.reordered(order)
        if code.rebuilt(self._state, state):  # the largest kernel is gone, and the blob with it
            lines = code.difference(self._state, state)
        else:
            lines = code.copy(source, target)
        return self._commit(Text("Copy filter"), state, lines, target)

    def composed(self, first: int, second: int) -> tuple[Floats, float]:
        """The one filter (C, rows, columns) and bias that do what two do one after the other.

        Raises
        ------
        FilterLabError
            If there is none: the first has three channels, pixels are skipped between the two,
            or it would be larger than a kernel can be.
        """
        self._check(first, 0)
        self._check(second, 0)
        if self.channels > 1:
            raise FilterLabError(
                "filters over three channels cannot follow each other; choose grey or each channel"
            )
        if self.settings.stride > 1:
            raise FilterLabError(
                "with a stride the second filter skips pixels, and no one kernel does that; "
                "set the stride to 1"
            )
        one, two = (self.weights(slot)[0].astype(np.float64) for slot in (first, second))
        values = transform.compose(one, two)
        bias = self.bias(first) * float(two.sum()) + self.bias(second)
        return as_kernel(values)[None], float(bias)

    def compose(self, first: int, second: int, target: int) -> str:
        """Put :meth:`composed` into a filter."""
        values, bias = self.composed(first, second)
        return self.take(target, values, bias, Text("Compose filters"))

    # --- the net ------------------------------------------------------------------------------

    def set_size(self, size: int | Sequence[int], slot: int | None = None) -> str:
        """Another kernel size, (rows, columns) or one number, of one filter or of all.

        A preset stays one, made anew; other kernels stay centred. While the three are linked
        the others follow.
        """
        checked = check_size(size)
        state = self._state.with_sizes([checked] * SLOTS)
        if slot is not None:
            self._check(slot, 0)
            state = self._resized(slot, checked)
        return self._commit(Text("Change size"), state, code.difference(self._state, state), slot)

    def _resized(self, slot: int, size: tuple[int, int]) -> BenchState:
        sizes = list(self._state.sizes)
        sizes[slot] = size
        return self._state.with_sizes([size] * SLOTS if self.linked else sizes)

    def set_linked(self, linked: bool) -> str:
        """Whether the three keep one size from now on; linking takes the largest."""
        state = replace(self._state, linked=bool(linked))
        if linked:
            state = state.with_sizes([state.size] * SLOTS)
        return self._commit(Text("Link sizes"), state, code.difference(self._state, state))

    def set_pad(self, pad: str) -> str:
        """``valid`` or ``same``."""
        return self._set(Text("Change padding"), pad=pad)

    def set_edge(self, edge: str) -> str:
        """What the padding holds: ``zero``, ``reflect``, ``replicate`` or ``wrap``."""
        return self._set(Text("Change edge"), edge=edge)

    def set_stride(self, stride: int) -> str:
        return self._set(Text("Change stride"), stride=int(stride))

    def set_dilation(self, dilation: int) -> str:
        return self._set(Text("Change dilation"), dilation=int(dilation))

    def set_scale(self, scale: float) -> str:
        """What the picture's white is fed as: 1, or 255."""
        return self._set(Text("Change input scale"), scale=float(scale))

    def set_mode(self, mode: str) -> str:
        """``grey``, ``each`` or ``three``; the filters' answers stay the same where they can."""
        state = with_mode(self._state, mode)
        lines = code.difference(self._state, state)
        return self._commit(Text("Change colour mode"), state, lines)

    def _set(self, name: str, **changes: Any) -> str:
        state = replace(self._state, settings=replace(self._state.settings, **changes))
        return self._commit(name, state, code.difference(self._state, state))

    def reset(self) -> str:
        """The filters, size and settings the bench begins with; the picture stays."""
        state = replace(start_state(None, ""), picture=self._state.picture, stack=self._state.stack)
        return self._commit(Text("Start anew"), state, code.difference(self._state, state))

    # --- picture ------------------------------------------------------------------------------

    def set_picture(
        self,
        pixels: ArrayLike | Picture,
        title: str = "",
        name: str = Text("Open picture"),
        steps: Sequence[Applied] = (),
    ) -> str:
        """Another input: float32 (H, W) or (H, W, 3) RGB, 0 to 1; ``steps`` led to it."""
        picture = pixels if isinstance(pixels, Picture) else Picture(pixels, title)
        stack = self._state.stack if name == "Draw on picture" else tuple(steps)
        old, merge = self._state.picture, None
        if picture.frames > 1 and picture.origin == old.origin and picture.frame != old.frame:
            # From frame to frame of one file is one step.
            name, merge = Text("Choose frame"), ("frame", picture.origin)
        state = replace(self._state, picture=picture, stack=stack)
        return self._commit(name, state, code.picture(state), merge=merge)

    def show_frame(
        self, pixels: ArrayLike | Picture, title: str = "", steps: Sequence[Applied] = ()
    ) -> None:
        """A camera's frame as input, without an undo step of its own."""
        picture = pixels if isinstance(pixels, Picture) else Picture(pixels, title)
        picture.passing = picture is not pixels
        state = replace(self._state, picture=picture, stack=tuple(steps))
        state.check()
        self._put(state)

    def apply(self, slot: int, outputs: Outputs | None = None) -> str:
        """Go on with an output as the input; what led there is kept on the stack.

        Parameters
        ----------
        outputs : Outputs, optional
            Those of the present state, all of them, if they are known; else they are computed.

        Raises
        ------
        FilterLabError
            If the output is not finite, or too small for the kernels.
        """
        self._check(slot, 0)
        if outputs is None or outputs.revision != self._revision or outputs.step != 1:
            outputs = convolve.compute(self.snapshot())
        state, settings = self._state, self._state.settings
        pixels = np.ascontiguousarray(outputs.data[slot])
        if settings.scale != 1:
            pixels = pixels / np.float32(settings.scale)
        if outputs.stats[slot].not_finite:
            raise FilterLabError("the output is not finite, so nothing can go on from it; undo")
        if pixels.flags.writeable:
            pixels = pixels.copy() if pixels.base is not None else pixels
            pixels.flags.writeable = False
        choice = self.preset(slot)
        applied = Applied(
            state.picture, state.weights[slot], state.sizes[slot], self.bias(slot), settings, slot,
            find_preset(choice.key).title if choice else "own kernel",
        )  # fmt: skip
        picture = Picture(pixels, state.picture.title)
        new = replace(state, picture=picture, stack=(*state.stack, applied))
        return self._commit(Text("Apply and go on"), new, code.applied(new, slot))

    def step_back(self) -> str:
        """Take the input again that the last applied filter looked at."""
        state = self._state
        if not state.stack:
            return ""
        new = replace(state, picture=state.stack[-1].picture, stack=state.stack[:-1])
        return self._commit(Text("Take a step back"), new, code.picture(new))

    def draw_on_picture(
        self,
        row: float,
        column: float,
        radius: float,
        value: float | Sequence[float],
        start: tuple[float, float] | None = None,
    ) -> str:
        """A round dab on the input, or a stroke of that width from ``start`` (row, column).

        Put what a hand draws between ``begin("Draw on picture")`` and :meth:`end`.
        """
        pixels = self.picture.pixels.copy()
        if not stroke(pixels, start or (row, column), (row, column), radius, value):
            return ""
        pixels.flags.writeable = False  # so that it is taken over without a copy
        picture = Picture(pixels, self.picture.title)
        return self.set_picture(picture, name=Text("Draw on picture"))

    # --- sessions -----------------------------------------------------------------------------

    def session(self) -> dict[str, Any]:
        """Filters and settings as plain JSON values, to begin with next time."""
        return to_session(self._state)

    def restore(self, session: Mapping[str, Any]) -> None:
        """Begin with what :meth:`session` gave; not an undo step.

        Raises
        ------
        FilterLabError
            If the values are none of a session; nothing changes.
        """
        state = from_session(session, self._state.picture)
        self.journal.clear()
        self._put(state)

    def begin_with(self, state: BenchState) -> None:
        """Begin with a state and its picture; the history begins anew."""
        self.journal.clear()
        self._put(state)

    # --- files --------------------------------------------------------------------------------

    def save_net(self, prefix: str | os.PathLike[str]) -> tuple[Path, Path]:
        """Write the three filters as one net: ``prefix.prototxt`` and ``prefix.caffemodel``.

        :mod:`~filterlab.workbench.filter_net` tells its form. Returns the two paths.

        Raises
        ------
        FilterLabError, CaffeError
            If a file cannot be written.
        """
        prototxt, weights = net_files(prefix)
        text = net_text(self._state, self.snapshot().fed().shape)
        try:
            with written_together():
                self.net.save(str(weights))
                with atomic_write(prototxt, "w") as stream:
                    stream.write(text)
        except OSError as error:
            raise FilterLabError(
                "cannot write {path}: {reason}; choose another folder",
                path=prototxt,
                reason=reason_of(error),
            ) from None
        return prototxt, weights

    def open_net(self, prototxt: str | os.PathLike[str], weights: str | os.PathLike[str]) -> str:
        """Take the three filters, and how they meet the picture, from a net.

        Raises
        ------
        FilterLabError, CaffeError
            See :func:`~filterlab.workbench.filter_net.read_filters`; nothing changes.
        """
        state, layer = read_filters(prototxt, weights, self._state)
        if layer == "conv":
            lines = code.opened(state, Path(prototxt).name, Path(weights).name)
        else:
            lines = code.difference(self._state, state)
        return self._commit(Text("Open filters"), state, lines)

    def _check(self, slot: int, channel: int) -> None:
        if not 0 <= slot < SLOTS:
            raise FilterLabError(
                "no filter {slot}; there are 0 to {last}", slot=slot, last=SLOTS - 1
            )
        if not 0 <= channel < self.channels:
            raise FilterLabError(
                "no channel {channel}; there are {count}", channel=channel, count=self.channels
            )


def _finite(value: float) -> np.float32:
    with np.errstate(over="ignore"):
        number = np.float32(value)
    if not np.isfinite(number):
        raise FilterLabError(
            "{number} is not a finite number; type one such as 0.5 or 1/9", number=value
        )
    return number


def _filter_values(kernel: ArrayLike) -> Floats:
    """A kernel or three-channel kernel as float32 (C, kh, kw), checked."""
    array = np.asarray(kernel)
    if array.ndim == 3 and array.shape[0] == 3:
        return np.stack([as_kernel(grid) for grid in array])
    return as_kernel(array)[None]


def _kept_bytes(edit: Edit[BenchState]) -> int:
    """What an edit keeps alive beyond the numbers: a picture it replaced, or a camera's frame."""
    if edit.old.picture is edit.new.picture and not edit.old.picture.passing:
        return int(edit.old.kernels.nbytes)
    return int(edit.old.picture.pixels.nbytes)
