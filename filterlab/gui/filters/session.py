"""The tab's state as plain data, to be found again at the next start."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

import numpy as np

from filterlab.errors import FilterLabError
from filterlab.gui.filters.look import COLOURS, SCALES, Look
from filterlab.gui.filters.sources import Source
from filterlab.surgery.bench_state import SLOTS
from filterlab.surgery.convolve import Settings
from filterlab.surgery.filterbench import FilterBench

__all__ = ["BROKEN", "bench_from", "look_from", "plain_bench", "source_from"]

#: What :func:`bench_from` raises where a session was written by hand or by another version.
BROKEN = (FilterLabError, AttributeError, IndexError, KeyError, TypeError, ValueError)


def plain_bench(bench: FilterBench) -> dict[str, Any]:
    """Kernels, biases, presets and settings; not the picture."""
    state = bench.state
    return {
        "settings": asdict(state.settings),
        "kernels": state.kernels.tolist(),
        "bias": state.bias.tolist(),
        "presets": [
            None if choice is None else {"key": choice.key, "values": choice.values}
            for choice in state.presets
        ],
    }


def bench_from(plain: dict[str, Any], bench: FilterBench) -> None:
    """Put saved kernels and settings into a new bench, without a history.

    Raises
    ------
    FilterLabError, TypeError, ValueError, KeyError
        If they are none.
    """
    settings = Settings(**plain["settings"])
    kernels = np.asarray(plain["kernels"], dtype=np.float32)
    bias = [float(value) for value in plain["bias"]]
    if kernels.ndim != 4 or kernels.shape[:2] != (SLOTS, settings.channels):
        raise ValueError(f"kernels of shape {kernels.shape}")
    bench.set_mode(settings.mode)
    bench.set_size((int(kernels.shape[2]), int(kernels.shape[3])))
    bench.set_pad(settings.pad)
    bench.set_stride(settings.stride)
    bench.set_dilation(settings.dilation)
    bench.set_scale(settings.scale)
    for slot in range(SLOTS):
        choice = plain["presets"][slot]
        if choice is not None:
            bench.apply_preset(slot, str(choice["key"]), None, **choice["values"])
        for channel in range(settings.channels):
            if not np.array_equal(bench.kernel(slot, channel), kernels[slot, channel]):
                bench.set_kernel(slot, kernels[slot, channel], channel=channel, grow=False)
        bench.set_bias(slot, bias[slot])
    bench.journal.clear()


def look_from(plain: Any) -> Look:
    """A saved look; whatever in it is no longer known is the usual."""
    usual = Look()
    if not isinstance(plain, dict):
        return usual
    return Look(
        plain["scale"] if plain.get("scale") in SCALES else usual.scale,
        plain.get("relu") is True,
        plain.get("absolute") is True,
        plain["colours"] if plain.get("colours") in COLOURS else usual.colours,
    )


def source_from(plain: Any) -> Source | None:
    """Where the input came from, if that is known."""
    if not isinstance(plain, dict):
        return None
    kind, name = plain.get("kind"), plain.get("name")
    if kind in ("file", "sample", "pattern") and isinstance(name, str):
        return Source(str(kind), name, quiet=True)
    return None
