"""How numbers become colours: the outputs' look, worked out on the worker's thread. No Qt here."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from filterlab.progress import Job, Progress
from filterlab.surgery import convolve
from filterlab.surgery.convolve import Outputs, Settings, Snapshot

__all__ = [
    "COLOURS",
    "SCALES",
    "VIEWS",
    "Frame",
    "Look",
    "Shown",
    "full_frame_job",
    "histogram",
    "make_frame",
    "nature",
    "place",
    "render",
    "round_limit",
    "signed_limit",
]

#: Each output its own scale, or all signed ones the widest of theirs.
SCALES = ("own", "common")
#: How one output is seen: by its kernel's nature, as a picture, or about zero.
VIEWS = ("", "natural", "signed")
COLOURS = ("diverging", "grey", "viridis")
BINS = 64
_MOST_SLOPE = 1e37

#: A signed scale ends near the value that this share of the pixels does not exceed.
_SHARE = 0.995
#: It is found among about so many of them.
_SAMPLE = 1 << 15
#: What a scale may end at, times a power of ten.
_ROUND = np.array([1, 1.5, 2, 3, 5, 10])


class Look(NamedTuple):
    """How outputs are shown; nothing of it changes what the net computes.

    Attributes
    ----------
    scale : one of SCALES
    views : three of VIEWS
        ``natural`` is as photo editors show a picture: 0 to white, cut off. ``signed``: about
        zero, in ``colours``.
    relu, absolute : bool
        Show max(0, v), or abs(v).
    colours : one of COLOURS
    """

    scale: str = "own"
    views: tuple[str, ...] = ("", "", "")
    relu: bool = False
    absolute: bool = False
    colours: str = "diverging"

    def values(self, raw: NDArray[np.float32]) -> NDArray[np.float32]:
        """The numbers shown instead of the net's."""
        if self.absolute:
            raw = np.abs(raw)
        if self.relu:
            raw = np.maximum(raw, np.float32(0))
        return raw

    def values_of(self, value: float) -> float:
        """One number as it is shown."""
        value = abs(value) if self.absolute else value
        return max(0.0, value) if self.relu else value

    def span(self, low: float, high: float) -> tuple[float, float]:
        """Extremes of the net's numbers as extremes of those shown."""
        if self.absolute:
            inside = low <= 0 <= high
            low, high = 0.0 if inside else min(abs(low), abs(high)), max(abs(low), abs(high))
        if self.relu:
            low, high = max(low, 0.0), max(high, 0.0)
        return low, high


@dataclass(frozen=True, eq=False)
class Shown:
    """One output ready to be put on the screen.

    Attributes
    ----------
    pixels : uint8 (h, w), an index into the colour table, or RGB (h, w, 3)
    low, high : float
        The values of index 0 and 255.
    clipped : float
        Share of pixels beyond these, 0 to 1.
    view : str
        ``natural`` or ``signed``.
    table : str
        Name of the colour table.
    """

    pixels: NDArray[np.uint8]
    low: float
    high: float
    clipped: float
    view: str = "signed"
    table: str = "diverging"


@dataclass(frozen=True, eq=False)
class Frame:
    """What a worker brings back: the outputs, how they look, and of what."""

    snapshot: Snapshot
    outputs: Outputs
    look: Look
    shown: tuple[Shown, ...]


def make_frame(snapshot: Snapshot, look: Look, outputs: Outputs | None = None) -> Frame:
    """Compute (unless ``outputs`` are given) and colour; for a worker.

    Raises
    ------
    FilterLabError
        If the kernel does not fit into the picture.
    """
    if outputs is None:
        outputs = convolve.preview(snapshot)
    views = tuple(
        chosen or nature(weights) for chosen, weights in zip(look.views, snapshot.kernels)
    )
    return Frame(snapshot, outputs, look, render(outputs, look, views, snapshot.settings.scale))


def full_frame_job(snapshot: Snapshot, look: Look) -> Job[Frame]:
    """The full result of a large picture, coloured, as a job."""
    outputs: Outputs = yield from convolve.compute_job(snapshot)
    yield Progress("Colouring", 1, 1)
    return make_frame(snapshot, look, outputs)


def nature(weights: NDArray[np.float32]) -> str:
    """How a filter's output is seen best: ``natural`` if a flat picture stays what it is."""
    return "natural" if abs(float(weights.sum(dtype=np.float64)) - 1) < 0.02 else "signed"


def round_limit(value: float) -> float:
    """The round number nearest to a positive one, by their ratio."""
    power = 10.0 ** np.floor(np.log10(value))
    if not power:  # below the least power of ten there is
        return value
    steps = _ROUND * power
    return float(f"{steps[np.argmin(np.abs(np.log(steps / value)))]:.3g}")


def signed_limit(values: NDArray[np.float32], low: float, high: float) -> float:
    """Where the signed scale of an output with these extremes ends: a round number."""
    most = max(abs(low), abs(high))
    if not np.isfinite(most) or not most:
        return 1.0
    sample = np.abs(values.reshape(-1)[:: max(1, values.size // _SAMPLE)])
    at = int(np.ceil(_SHARE * (sample.size - 1)))
    usual = float(np.partition(sample, at)[at])
    # Of an output that is zero but for a few pixels, these are what there is to see.
    return round_limit(usual if np.isfinite(usual) and usual > most / 1000 else most)


def render(
    outputs: Outputs, look: Look, views: tuple[str, ...], white: float = 1.0
) -> tuple[Shown, ...]:
    """Colour the outputs; ``white`` is what the picture's 1.0 was fed as."""
    spans = [look.span(s.minimum, s.maximum) for s in outputs.stats]
    signed = {}
    for slot, (data, span) in enumerate(zip(outputs.data, spans)):
        if views[slot] == "signed":
            low, high = span if np.isfinite(span).all() else (0.0, 1.0)
            if look.colours == "diverging":
                high = signed_limit(look.values(data), low, high)
                low = -high
            signed[slot] = low, high
    if look.scale == "common" and signed:
        together = min(low for low, _ in signed.values()), max(high for _, high in signed.values())
        signed = dict.fromkeys(signed, together)
    shown = []
    for slot, (data, stats) in enumerate(zip(outputs.data, outputs.stats)):
        low, high = signed.get(slot, (0.0, white))
        high = high if high > low else low + 1.0
        values = look.values(data)
        if stats.not_finite:
            values = np.nan_to_num(values, nan=low, posinf=high, neginf=low)
        table = "grey" if slot not in signed or data.ndim == 3 else look.colours
        shown.append(_shown(values, low, high, views[slot], table))
    return tuple(shown)


def _shown(values: NDArray[np.float32], low: float, high: float, view: str, table: str) -> Shown:
    slope = 255.0 / (high - low)
    if slope < _MOST_SLOPE:
        with np.errstate(over="ignore"):  # far beyond the ends
            scaled = np.multiply(values, np.float32(slope))
        scaled += np.float32(0.5 - low * slope)
    else:  # numbers so small that float32 cannot hold their scale
        scaled = ((values.astype(np.float64) - low) * slope + 0.5).astype(np.float32)
    outside = np.count_nonzero(scaled < 0.499) + np.count_nonzero(scaled > 255.501)
    if outside:
        np.clip(scaled, 0.0, 255.0, out=scaled)
    pixels = np.ascontiguousarray(scaled).astype(np.uint8)
    return Shown(pixels, low, high, outside / scaled.size, view, table)


def histogram(shown: Shown) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Counts (BINS,) and edges (BINS + 1,) of the numbers shown; of a huge output, of a part."""
    sample = shown.pixels.reshape(-1)
    if sample.size > 1 << 20:
        sample = sample[:: sample.size >> 19]
    counts = np.bincount(sample, minlength=256).reshape(BINS, 256 // BINS).sum(axis=1)
    return counts, np.linspace(shown.low, shown.high, BINS + 1)


def place(
    settings: Settings, size: tuple[int, int], step: int = 1
) -> tuple[tuple[float, float], tuple[float, float]]:
    """Where the outputs lie over the input: corner (x, y) and pixel size, in input pixels.

    Every output pixel is centred where its window is.
    """
    margins = settings.margins(size)
    pitch = float(settings.stride * step)
    y, x = (
        settings.dilation * (side // 2) - margin + 0.5 - pitch / 2
        for side, margin in zip(size, margins)
    )
    return (x, y), (pitch, pitch)
