"""The state of the filter bench: an immutable value that every edit replaces by another."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from filterlab.errors import FilterLabError
from filterlab.surgery.convolve import Picture, Settings
from filterlab.surgery.kernels import check_size
from filterlab.surgery.kernels.analysis import output_size
from filterlab.surgery.kernels.presets import PRESETS
from filterlab.surgery.kernels.transform import resize

__all__ = [
    "LUMA",
    "SLOTS",
    "BenchState",
    "PresetChoice",
    "from_session",
    "start_state",
    "to_session",
    "with_mode",
]

Floats = NDArray[np.float32]

SLOTS = 3
"""Filters of the bench."""

LUMA = np.array([0.2125, 0.7154, 0.0721])
"""Shares of red, green and blue in the grey picture (scikit-image's, as caffe.io's)."""


@dataclass(frozen=True)
class PresetChoice:
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
class BenchState:
    """Everything the bench shows.

    Attributes
    ----------
    kernels : float32 (3, C, kh, kw), read-only
    bias : float32 (3,), read-only
    presets : tuple of three PresetChoice or None
    settings : Settings
    picture : Picture
    """

    kernels: Floats
    bias: Floats
    presets: tuple[PresetChoice | None, ...]
    settings: Settings
    picture: Picture

    @property
    def size(self) -> tuple[int, int]:
        return int(self.kernels.shape[2]), int(self.kernels.shape[3])

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
        if self.kernels.shape != old.kernels.shape:
            kinds |= {"kernels"} | ({"size"} if self.size != old.size else set())
            slots |= set(range(SLOTS))
        elif self.kernels is not old.kernels:
            changed = (self.kernels != old.kernels).any(axis=(1, 2, 3))
            if changed.any():
                kinds.add("kernels")
                slots |= {int(slot) for slot in np.flatnonzero(changed)}
        changed_bias = np.flatnonzero(self.bias != old.bias)
        if len(changed_bias):
            kinds.add("bias")
            slots |= {int(slot) for slot in changed_bias}
        for slot, (mine, theirs) in enumerate(zip(self.presets, old.presets)):
            if mine != theirs:
                kinds.add("presets")
                slots.add(slot)
        if self.settings != old.settings:
            kinds.add("settings")
        if self.picture is not old.picture:
            kinds.add("picture")
        return frozenset(kinds), frozenset(slots)

    def with_kernels(self, kernels: Floats, slot: int | None = None) -> BenchState:
        """Other numbers; a ``slot`` whose numbers changed is no preset any more."""
        presets = list(self.presets)
        if slot is not None and not np.array_equal(kernels[slot], self.kernels[slot]):
            presets[slot] = None
        return replace(self, kernels=_frozen(kernels), presets=tuple(presets))

    def with_preset(self, slot: int, choice: PresetChoice | None) -> BenchState:
        presets = list(self.presets)
        presets[slot] = choice
        return replace(self, presets=tuple(presets))

    def with_bias(self, bias: Floats) -> BenchState:
        return replace(self, bias=_frozen(bias))

    def with_size(self, size: tuple[int, int]) -> BenchState:
        """Kernels centred in another size; a preset stays one if it looks the same there."""
        if size == self.size:
            return self
        kernels = resize(self.kernels, size)
        presets: list[PresetChoice | None] = []
        for slot, choice in enumerate(self.presets):
            if choice is not None:
                made = PRESETS[choice.key].make(size, **choice.values)
                if self.settings.channels != 1 or not np.array_equal(kernels[slot, 0], made):
                    choice = None
            presets.append(choice)
        return replace(self, kernels=_frozen(kernels), presets=tuple(presets))

    def reordered(self, order: Sequence[int]) -> BenchState:
        """Slot i becomes what slot ``order[i]`` was."""
        index = list(order)
        return replace(
            self,
            kernels=_frozen(self.kernels[index]),
            bias=_frozen(self.bias[index]),
            presets=tuple(self.presets[i] for i in index),
        )


def _frozen(array: Floats) -> Floats:
    result = np.ascontiguousarray(array, dtype=np.float32)
    if result.flags.writeable:
        result = result.copy() if result is array else result
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


def start_state(picture: ArrayLike | None, title: str) -> BenchState:
    """The tutorial's designed filters, 5 x 5, over a picture (default: a grey ramp)."""
    choices = (
        PresetChoice("gaussian", (("sigma", 1.0),)),
        PresetChoice("sobel-h"),
        PresetChoice("sobel-v"),
    )
    kernels = np.stack([PRESETS[c.key].make((5, 5), **c.values)[None] for c in choices])
    if picture is None:
        ramp = np.linspace(0, 1, 480, dtype=np.float32)
        picture = np.broadcast_to(ramp, (360, 480))
    pixels = picture if isinstance(picture, Picture) else Picture(picture, title)
    return BenchState(
        _frozen(kernels), _frozen(np.zeros(SLOTS, np.float32)), choices, Settings(), pixels
    )


def to_session(state: BenchState) -> dict[str, Any]:
    """The state without its picture as plain JSON values, to begin with next time."""
    return {
        "kernels": state.kernels.tolist(),
        "bias": state.bias.tolist(),
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
        check_size(kernels.shape[2:])
        presets = tuple(_choice(entry, kernels.shape[2:]) for entry in session["presets"])
        good = kernels.shape[:2] == (SLOTS, settings.channels) and bias.shape == (SLOTS,)
        if not good or len(presets) != SLOTS or not np.isfinite(kernels).all():
            raise ValueError
        state = BenchState(_frozen(kernels), _frozen(bias), presets, settings, picture)
        state.check()
        if not np.isfinite(bias).all():
            raise ValueError
    except (KeyError, TypeError, ValueError, IndexError, AttributeError, OverflowError):
        raise FilterLabError(
            "the filters of the last session cannot be read; the tutorial's are shown instead"
        ) from None
    return state


def _choice(entry: Any, size: Sequence[int]) -> PresetChoice | None:
    if entry is None:
        return None
    choice = PresetChoice(str(entry["key"]), tuple(entry["parameters"].items()))
    PRESETS[choice.key].make(size, **choice.values)  # raises if it is none any more
    return choice
