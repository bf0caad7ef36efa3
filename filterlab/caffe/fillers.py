"""Fillers: how a weight looks before anyone has trained or edited it.

The same distributions as BVLC Caffe's, drawn from numpy's generator: equal in law, not number for
number. :func:`set_random_seed` makes everything drawn afterwards repeatable.
"""

from __future__ import annotations

import math
import threading
from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt

from filterlab.caffe.errors import CaffeError

__all__ = ["FILLERS", "check", "fill", "next_seed", "set_random_seed"]

Floats = npt.NDArray[np.float32]

_lock = threading.Lock()
_seeds = np.random.SeedSequence()


def set_random_seed(seed: int) -> None:
    """Make every filler, dropout mask and random layer from here on repeatable.

    Parameters
    ----------
    seed : int
        Any integer of 0 or more.

    Raises
    ------
    CaffeError
        For anything else.
    """
    global _seeds
    try:
        number = int(seed)
    except (TypeError, ValueError, OverflowError):
        number = -1
    if number < 0:
        raise CaffeError(
            "set_random_seed({seed!r}): the seed must be a whole number, 0 or more", seed=seed
        )
    with _lock:
        _seeds = np.random.SeedSequence(number)


def next_seed() -> np.random.SeedSequence:
    """A seed of its own for the next blob: drawing from it late or never changes no other."""
    with _lock:
        return _seeds.spawn(1)[0]


def _fans(shape: tuple[int, ...]) -> tuple[int, int]:
    """Values per output and values per input channel, as Caffe counts them."""
    count = math.prod(shape)
    fan_in = count // shape[0] if shape and shape[0] else 1
    fan_out = count // shape[1] if len(shape) > 1 and shape[1] else count
    return max(fan_in, 1), max(fan_out, 1)


def _fan(shape: tuple[int, ...], param: Any) -> float:
    fan_in, fan_out = _fans(shape)
    if param.variance_norm == param.AVERAGE:
        return (fan_in + fan_out) / 2
    return fan_out if param.variance_norm == param.FAN_OUT else fan_in


def _normal(out: Floats, rng: np.random.Generator, mean: float, std: float) -> None:
    rng.standard_normal(dtype=np.float32, out=out)
    out *= np.float32(std)
    out += np.float32(mean)


def _uniform(out: Floats, rng: np.random.Generator, low: float, high: float) -> None:
    rng.random(dtype=np.float32, out=out)
    out *= np.float32(high - low)
    out += np.float32(low)


def _fill_constant(out: Floats, param: Any, rng: np.random.Generator) -> None:
    out[...] = param.value


def _fill_uniform(out: Floats, param: Any, rng: np.random.Generator) -> None:
    _uniform(out, rng, param.min, param.max)


def _fill_gaussian(out: Floats, param: Any, rng: np.random.Generator) -> None:
    _normal(out, rng, param.mean, param.std)
    if param.sparse >= 0:
        # Caffe keeps on average `sparse` inputs of each output, whatever the blob's rank.
        outputs = out.shape[0] if out.ndim else 1
        keep = min(1.0, param.sparse / max(outputs, 1))
        out *= rng.random(out.shape, dtype=np.float32) < keep


def _fill_positive_unitball(out: Floats, param: Any, rng: np.random.Generator) -> None:
    rng.random(dtype=np.float32, out=out)
    rows = out.reshape(out.shape[0] if out.ndim else 1, -1)
    sums = rows.sum(axis=1, keepdims=True)
    rows /= np.where(sums > 0, sums, np.float32(1))


def _fill_xavier(out: Floats, param: Any, rng: np.random.Generator) -> None:
    scale = math.sqrt(3.0 / _fan(out.shape, param))
    _uniform(out, rng, -scale, scale)


def _fill_msra(out: Floats, param: Any, rng: np.random.Generator) -> None:
    _normal(out, rng, 0.0, math.sqrt(2.0 / _fan(out.shape, param)))


def _fill_bilinear(out: Floats, param: Any, rng: np.random.Generator) -> None:
    side = out.shape[3]
    factor = math.ceil(side / 2)
    centre = (side - 1) / (2.0 * factor)
    ramp = 1 - np.abs(np.arange(side) / factor - centre)
    out[...] = np.outer(ramp, ramp).astype(np.float32)


FILLERS: dict[str, Callable[[Floats, Any, np.random.Generator], None]] = {
    "constant": _fill_constant,
    "uniform": _fill_uniform,
    "gaussian": _fill_gaussian,
    "positive_unitball": _fill_positive_unitball,
    "xavier": _fill_xavier,
    "msra": _fill_msra,
    "bilinear": _fill_bilinear,
}


def check(param: Any, shape: tuple[int, ...]) -> None:
    """Refuse a ``FillerParameter`` that cannot fill a blob of this shape.

    Raises
    ------
    CaffeError
        For an unknown type, or a bilinear filler on a kernel that is not square.
    """
    if param.type not in FILLERS:
        raise CaffeError(
            "unknown filler '{type}'; known are {known}", type=param.type, known=", ".join(FILLERS)
        )
    if param.type == "bilinear" and (len(shape) != 4 or shape[2] != shape[3]):
        raise CaffeError(
            "the bilinear filler needs a square kernel of 4 axes, not the shape {shape}",
            shape=shape,
        )


def fill(out: Floats, param: Any, seed: np.random.SeedSequence | None = None) -> None:
    """Fill a C-contiguous float32 array in place as a ``FillerParameter`` says.

    Parameters
    ----------
    out : float32 array
        Its shape decides the fan of xavier and msra: (outputs, inputs, height, width).
    param : FillerParameter
        ``type`` is one of :data:`FILLERS`.
    seed : SeedSequence, optional
        Where to draw from; the next one of :func:`set_random_seed` if not given.

    Raises
    ------
    CaffeError
        For an unknown type, or a bilinear filler on a kernel that is not square.
    """
    check(param, out.shape)
    if out.size:
        FILLERS[param.type](out, param, np.random.Generator(np.random.SFC64(seed or next_seed())))
