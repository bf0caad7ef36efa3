"""How numbers become colours: the outputs' look, worked out on the worker's thread. No Qt here."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from filterlab.progress import Job, Progress
from filterlab.surgery import convolve
from filterlab.surgery.convolve import Outputs, Settings, Snapshot

__all__ = [
    "COLOURS",
    "SCALES",
    "Frame",
    "Look",
    "Shown",
    "full_frame_job",
    "histogram",
    "make_frame",
    "place",
    "render",
]

#: One signed scale for all outputs; one for each; or as photo editors do, cut off at 0 and 255.
SCALES = ("shared", "own", "clip")
COLOURS = ("diverging", "grey", "viridis")
BINS = 64
_MOST_SLOPE = 1e37


@dataclass(frozen=True)
class Look:
    """How outputs are shown; nothing of it changes what the net computes.

    Attributes
    ----------
    scale : one of SCALES
    relu, absolute : bool
        Show max(0, v), or abs(v).
    colours : one of COLOURS
    """

    scale: str = "shared"
    relu: bool = False
    absolute: bool = False
    colours: str = "diverging"

    @property
    def table(self) -> str:
        """The colour table in use: photo editors clip grey values, whatever is chosen."""
        return "grey" if self.scale == "clip" else self.colours

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
    """

    pixels: NDArray[np.uint8]
    low: float
    high: float
    clipped: float


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
    return Frame(snapshot, outputs, look, render(outputs, look, snapshot.settings.scale))


def full_frame_job(snapshot: Snapshot, look: Look) -> Job[Frame]:
    """The full result of a large picture, coloured, as a job."""
    outputs: Outputs = yield from convolve.compute_job(snapshot)
    yield Progress("Colouring", 1, 1)
    return make_frame(snapshot, look, outputs)


def render(outputs: Outputs, look: Look, white: float = 1.0) -> tuple[Shown, ...]:
    """Colour the outputs; ``white`` is what the picture's 1.0 was fed as."""
    spans = [look.span(s.minimum, s.maximum) for s in outputs.stats]
    finite = [span for span in spans if np.isfinite(span).all()] or [(0.0, 1.0)]
    together = min(low for low, _ in finite), max(high for _, high in finite)
    shown = []
    for data, span, stats in zip(outputs.data, spans, outputs.stats):
        if look.scale == "clip":
            levels = 0.0, white
        else:
            low, high = together if look.scale == "shared" or not np.isfinite(span).all() else span
            # Colours of a picture keep their own range where nothing else has to share it.
            if look.colours == "diverging" and not (data.ndim == 3 and look.scale == "own"):
                most = max(abs(low), abs(high)) or 1.0
                low, high = -most, most
            levels = low, high if high > low else low + 1.0
        values = look.values(data)
        if stats.not_finite:
            values = np.nan_to_num(values, nan=levels[0], posinf=levels[1], neginf=levels[0])
            values = np.clip(values, *levels)
        shown.append(_shown(values, *levels, look.scale == "clip"))
    return tuple(shown)


def _shown(values: NDArray[np.float32], low: float, high: float, clip: bool) -> Shown:
    slope = 255.0 / (high - low)
    if slope < _MOST_SLOPE:
        with np.errstate(over="ignore"):  # far beyond what "clip" shows
            scaled = np.multiply(values, np.float32(slope))
        scaled += np.float32(0.5 - low * slope)
    else:  # numbers so small that float32 cannot hold their scale
        scaled = ((values.astype(np.float64) - low) * slope + 0.5).astype(np.float32)
    clipped = 0.0
    if clip:
        outside = np.count_nonzero(scaled < 0.499) + np.count_nonzero(scaled > 255.501)
        clipped = outside / scaled.size
        np.clip(scaled, 0.0, 255.0, out=scaled)
    return Shown(np.ascontiguousarray(scaled).astype(np.uint8), low, high, clipped)


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
