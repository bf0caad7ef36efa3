"""The state of the filter bench: an immutable value that every edit replaces by another."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from filterlab.errors import FilterLabError
from filterlab.pictures import LUMA, sample, sample_title
from filterlab.surgery.convolve import Picture, Settings
from filterlab.surgery.kernels import check_size
from filterlab.surgery.kernels.analysis import output_size
from filterlab.surgery.kernels.presets import PRESETS
from filterlab.surgery.kernels.transform import resize

__all__ = [
    "MOST_PIXELS",
    "MOST_STEPS",
    "SLOTS",
    "Applied",
    "BenchState",
    "PresetChoice",
    "check_steps",
    "from_session",
    "kept_steps",
    "on_channels",
    "sample_picture",
    "start_state",
    "step_from_session",
    "step_to_session",
    "to_session",
    "with_mode",
]

Floats = NDArray[np.float32]

SLOTS = 3
"""Filters of the bench."""

#: The largest picture of a project, in pixels.
MOST_PIXELS = 64_000_000
#: Applied steps that a project or a session keeps; their pictures have :data:`MOST_PIXELS`
#: together.
MOST_STEPS = 16

Size = tuple[int, int]


class PresetChoice(NamedTuple):
    """A preset and its parameters as chosen in a menu."""

    key: str
    parameters: tuple[tuple[str, float], ...] = ()

    @property
    def values(self) -> dict[str, float]:
        return dict(self.parameters)

    @property
    def title(self) -> str:
        """As shown in the menu: ``Gaussian σ 1 px``."""
        return PRESETS[self.key].describe(self.values)


@dataclass(frozen=True, eq=False)
class Applied:
    """A filter whose output became the input.

    Attributes
    ----------
    picture : Picture
        The input it looked at.
    weights : float32 (C, kh, kw), read-only
        The filter as the net had it: in the blob's size, divided.
    size : (rows, columns)
        Its own, in the middle of these.
    bias : float
    settings : Settings
    slot : int
    name : str
        What it was called: a preset's title, or "own kernel".
    """

    picture: Picture
    weights: Floats
    size: Size
    bias: float
    settings: Settings
    slot: int
    name: str


@dataclass(frozen=True, eq=False)
class BenchState:
    """Everything the bench shows.

    Attributes
    ----------
    kernels : float32 (3, C, kh, kw), read-only
        The cells in one blob: of the size of the largest, the smaller ones centred in zeros.
    bias : float32 (3,), read-only
    presets : tuple of three PresetChoice or None
    settings : Settings
    picture : Picture
    sizes : tuple of three (rows, columns)
    divisors : float32 (3,), read-only
        What the cells are divided by before they are the net's weights; never 0.
    linked : bool
        Whether the three keep one size.
    stack : tuple of Applied
        The outputs that became inputs on the way to ``picture``, the first first.
    """

    kernels: Floats
    bias: Floats
    presets: tuple[PresetChoice | None, ...]
    settings: Settings
    picture: Picture
    sizes: tuple[Size, ...]
    divisors: Floats
    linked: bool = False
    stack: tuple[Applied, ...] = ()

    @property
    def size(self) -> Size:
        """Rows and columns of the blob."""
        return int(self.kernels.shape[2]), int(self.kernels.shape[3])

    @cached_property
    def weights(self) -> Floats:
        """What the net gets: the cells divided, float32 (3, C, kh, kw), read-only."""
        if (self.divisors == 1).all():
            return self.kernels
        exact = self.kernels.astype(np.float64) / self.divisors[:, None, None, None]
        with np.errstate(over="ignore"):  # what is not finite is refused by whoever divides
            return _frozen(exact.astype(np.float32))

    def offset(self, slot: int) -> Size:
        """Where a filter's own cells begin in the blob."""
        (rows, cols), (all_rows, all_cols) = self.sizes[slot], self.size
        return (all_rows - rows) // 2, (all_cols - cols) // 2

    def own(self, slot: int) -> Floats:
        """A filter's cells at its own size: (C, rows, columns), read-only."""
        (top, left), (rows, cols) = self.offset(slot), self.sizes[slot]
        return self.kernels[slot, :, top : top + rows, left : left + cols]

    def check(self) -> None:
        """FilterLabError if the kernels do not fit into the picture even once."""
        output_size(
            (self.picture.height, self.picture.width),
            self.size,
            self.settings.margins(self.size),
            self.settings.stride,
            self.settings.dilation,
        )

    def same(self, other: BenchState) -> bool:
        """Whether nothing differs, preset names included."""
        kinds, _ = self.difference(other)
        return not kinds

    def difference(self, old: BenchState) -> tuple[frozenset[str], frozenset[int]]:
        """Kinds of what changed since ``old``, and the slots concerned; see Change."""
        kinds, slots = set(), set()
        if self.sizes != old.sizes or self.linked != old.linked:
            kinds.add("size")
        if self.kernels is not old.kernels or self.sizes != old.sizes:
            changed = {s for s in range(SLOTS) if not np.array_equal(self.own(s), old.own(s))}
            if changed or self.kernels.shape != old.kernels.shape:
                kinds.add("kernels")
            slots |= changed
        for kind, mine_, theirs_ in (
            ("bias", self.bias, old.bias),
            ("divisor", self.divisors, old.divisors),
        ):
            other = np.flatnonzero(mine_ != theirs_)
            if len(other):
                kinds.add(kind)
                slots |= {int(slot) for slot in other}
        for slot, (mine, theirs) in enumerate(zip(self.presets, old.presets)):
            if mine != theirs:
                kinds.add("presets")
                slots.add(slot)
        if self.settings != old.settings:
            kinds.add("settings")
        if self.picture is not old.picture:
            kinds.add("picture")
        return frozenset(kinds), frozenset(slots)

    def with_filter(self, slot: int, values: Floats) -> BenchState:
        """Other cells (C, rows, columns); a filter whose numbers changed is no preset any more."""
        if np.array_equal(values, self.own(slot)):
            return self
        sizes = _put(self.sizes, slot, (int(values.shape[-2]), int(values.shape[-1])))
        filters = [values if n == slot else self.own(n) for n in range(SLOTS)]
        presets = _put(self.presets, slot, None)
        return replace(self, kernels=_blob(filters), sizes=sizes, presets=presets)

    def with_preset(self, slot: int, choice: PresetChoice | None) -> BenchState:
        return replace(self, presets=_put(self.presets, slot, choice))

    def with_bias(self, bias: Floats) -> BenchState:
        return replace(self, bias=_frozen(bias))

    def with_divisor(self, slot: int, value: float) -> BenchState:
        divisors = self.divisors.copy()
        divisors[slot] = value
        return replace(self, divisors=_frozen(divisors))

    def with_sizes(self, sizes: Sequence[Size]) -> BenchState:
        """Filters of other sizes: a preset is made anew there, other kernels stay centred."""
        if tuple(sizes) == self.sizes:
            return self
        filters = []
        for slot, size in enumerate(sizes):
            choice, values = self.presets[slot], self.own(slot)
            if size == self.sizes[slot]:
                filters.append(values)
            elif choice is None:
                filters.append(resize(values, size))
            else:
                made = PRESETS[choice.key].make(size, **choice.values)
                filters.append(on_channels(made[None], self.settings.channels))
        return replace(self, kernels=_blob(filters), sizes=tuple(sizes))

    def reordered(self, order: Sequence[int]) -> BenchState:
        """Slot i becomes what slot ``order[i]`` was."""
        return replace(
            self,
            kernels=_blob([self.own(i) for i in order]),
            bias=_frozen(self.bias[list(order)]),
            presets=tuple(self.presets[i] for i in order),
            sizes=tuple(self.sizes[i] for i in order),
            divisors=_frozen(self.divisors[list(order)]),
        )


def on_channels(values: Floats, channels: int) -> Floats:
    """A filter (1 or 3, rows, columns) as (channels, rows, columns), with the same answer."""
    if values.shape[0] == channels:
        return values
    if channels == 1:
        return values.sum(axis=0, keepdims=True, dtype=np.float64).astype(np.float32)
    return (values.astype(np.float64) * LUMA[:, None, None]).astype(np.float32)


def _put(values: tuple[Any, ...], slot: int, value: Any) -> tuple[Any, ...]:
    return (*values[:slot], value, *values[slot + 1 :])


def _blob(filters: Sequence[Floats]) -> Floats:
    """Filters of their own sizes in one array, the smaller ones centred in zeros."""
    size = tuple(max(values.shape[axis] for values in filters) for axis in (1, 2))
    return _frozen(np.stack([resize(values, size) for values in filters]))


def _frozen(array: Floats) -> Floats:
    if array.dtype == np.float32 and not array.flags.writeable and array.flags.c_contiguous:
        return array
    result = np.asarray(array, dtype=np.float32) + np.float32(0)  # a copy, and no -0 in it
    result.flags.writeable = False
    return result


def with_mode(state: BenchState, mode: str) -> BenchState:
    """Another colour mode, with the same answer where there is one.

    To three channels, a kernel is spread by the shares of red, green and blue in grey, so that it
    answers as it did on the grey picture; back, the three are summed.
    """
    settings = replace(state.settings, mode=mode)
    kernels = state.kernels
    exact = kernels.astype(np.float64)
    if settings.channels > kernels.shape[1]:
        kernels = (exact * LUMA[None, :, None, None]).astype(np.float32)
    elif settings.channels < kernels.shape[1]:
        kernels = exact.sum(axis=1, keepdims=True).astype(np.float32)
    if kernels is state.kernels:
        return replace(state, settings=settings)
    return replace(state, settings=settings, kernels=_frozen(kernels))


def sample_picture(name: str) -> Picture:
    """A sample as an input; its title is a text, to be told in any language.

    Raises
    ------
    FilterLabError
        If there is no sample of this name.
    """
    pixels = sample(name)
    if pixels.base is None:
        pixels.flags.writeable = False  # so that it is taken over without a copy
    picture = Picture(pixels, sample_title(name))
    picture.origin = ("sample", name)
    return picture


def start_state(picture: ArrayLike | None, title: str) -> BenchState:
    """The tutorial's designed filters in a blob of 5 x 5 over a picture (default: a grey ramp)."""
    choices = (
        PresetChoice("gaussian", (("sigma", 1.0),)),
        PresetChoice("sobel-h"),
        PresetChoice("sobel-v"),
    )
    sizes = ((5, 5), (3, 3), (3, 3))
    kernels = _blob(
        [PRESETS[c.key].make(size, **c.values)[None] for c, size in zip(choices, sizes)]
    )
    if picture is None:
        ramp = np.linspace(0, 1, 480, dtype=np.float32)
        picture = np.broadcast_to(ramp, (360, 480))
    pixels = picture if isinstance(picture, Picture) else Picture(picture, title)
    zeros, ones = np.zeros(SLOTS, np.float32), np.ones(SLOTS, np.float32)
    return BenchState(kernels, _frozen(zeros), choices, Settings(), pixels, sizes, _frozen(ones))


def to_session(state: BenchState) -> dict[str, Any]:
    """The state without its picture as plain JSON values, to begin with next time."""
    return {
        "kernels": state.kernels.tolist(),
        "bias": state.bias.tolist(),
        "sizes": [list(size) for size in state.sizes],
        "divisors": state.divisors.tolist(),
        "linked": state.linked,
        "settings": asdict(state.settings),
        "presets": [
            None if choice is None else {"key": choice.key, "parameters": choice.values}
            for choice in state.presets
        ],
    }


def from_session(session: Mapping[str, Any], picture: Picture) -> BenchState:
    """The state that :func:`to_session` gave, over a picture.

    Raises
    ------
    FilterLabError
        If the values are none of a state, or the kernels do not fit into the picture.
    """
    try:
        settings = Settings(**session["settings"])
        if type(settings.stride) is not int or type(settings.dilation) is not int:
            raise ValueError
        with np.errstate(over="ignore"):
            kernels = np.array(session["kernels"], dtype=np.float32)
            bias = np.array(session["bias"], dtype=np.float32)
            divisors = np.array(session.get("divisors", [1.0] * SLOTS), dtype=np.float32)
        blob = check_size(kernels.shape[2:])
        # Sessions of an earlier version know one size for all, and no divisors.
        sizes = tuple(check_size(size) for size in session.get("sizes", [blob] * SLOTS))
        good = kernels.shape[:2] == (SLOTS, settings.channels) and bias.shape == (SLOTS,)
        good = good and divisors.shape == (SLOTS,) and len(sizes) == SLOTS
        finite = all(np.isfinite(numbers).all() for numbers in (kernels, bias, divisors))
        fits = all(rows <= blob[0] and cols <= blob[1] for rows, cols in sizes)
        if not (good and finite and fits and divisors.all()):
            raise ValueError
        presets = tuple(_choice(entry, sizes[n]) for n, entry in enumerate(session["presets"]))
        if len(presets) != SLOTS:
            raise ValueError
        filters = [resize(kernels[n], sizes[n]) for n in range(SLOTS)]
        linked = session.get("linked", len(set(sizes)) == 1) is True
        state = BenchState(
            _blob(filters), _frozen(bias), presets, settings, picture, sizes, _frozen(divisors),
            linked,
        )  # fmt: skip
        state.check()
    except (KeyError, TypeError, ValueError, IndexError, AttributeError, OverflowError):
        raise FilterLabError(
            "the filters of the last session cannot be read; the tutorial's are shown instead"
        ) from None
    return state


def step_to_session(step: Applied) -> dict[str, Any]:
    """An applied step without its picture as plain JSON values."""
    return {
        "weights": step.weights.tolist(),
        "size": list(step.size),
        "bias": step.bias,
        "settings": asdict(step.settings),
        "slot": step.slot,
        "name": str(step.name),
    }


def step_from_session(values: Mapping[str, Any], picture: Picture) -> Applied:
    """The step that :func:`step_to_session` gave, over the picture it looked at.

    Raises
    ------
    FilterLabError
        If the values are none of a step.
    """
    try:
        if set(values) != {"weights", "size", "bias", "settings", "slot", "name"}:
            raise ValueError
        settings = Settings(**values["settings"])
        numbers = settings.stride, settings.dilation, values["slot"], *values["size"]
        with np.errstate(over="ignore"):
            weights = np.array(values["weights"], dtype=np.float32)
            bias = np.float32(values["bias"])
        blob, size = check_size(weights.shape[1:]), check_size(values["size"])
        good = all(type(number) is int for number in numbers) and len(values["size"]) == 2
        good = good and weights.ndim == 3 and weights.shape[0] == settings.channels
        good = good and bool(np.isfinite(weights).all() and np.isfinite(bias))
        good = good and size[0] <= blob[0] and size[1] <= blob[1]
        name = values["name"]
        good = good and isinstance(name, str) and len(name) <= 300
        if not good or not 0 <= values["slot"] < SLOTS:
            raise ValueError
    except (
        FilterLabError, ArithmeticError, AttributeError, LookupError, TypeError, ValueError,
    ):  # fmt: skip
        raise FilterLabError("an applied step cannot be read; it is left out") from None
    weights.flags.writeable = False
    return Applied(picture, weights, size, float(bias), settings, values["slot"], name)


def check_steps(steps: Sequence[Applied], last: Picture) -> None:
    """FilterLabError unless each step gives a picture of the size of the next, at last ``last``."""
    pictures = (*(step.picture for step in steps), last)
    for step, given in zip(steps, pictures[1:]):
        blob = int(step.weights.shape[1]), int(step.weights.shape[2])
        settings = step.settings
        size = output_size(
            (step.picture.height, step.picture.width), blob, settings.margins(blob),
            settings.stride, settings.dilation,
        )  # fmt: skip
        if size != (given.height, given.width):
            raise FilterLabError("an applied step cannot be read; it is left out")


def _choice(entry: Any, size: Sequence[int]) -> PresetChoice | None:
    if entry is None:
        return None
    choice = PresetChoice(str(entry["key"]), tuple(entry["parameters"].items()))
    PRESETS[choice.key].make(size, **choice.values)  # raises if it is none any more
    return choice


def kept_steps(steps: Sequence[Applied]) -> list[Applied]:
    """The last ones, as many as a project or a session keeps."""
    room, kept = MOST_PIXELS, []
    for step in reversed(steps[-MOST_STEPS:]):
        room -= step.picture.height * step.picture.width
        if room < 0:
            break
        kept.append(step)
    return kept[::-1]
