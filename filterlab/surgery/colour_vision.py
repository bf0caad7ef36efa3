"""What colours look like to those who lack a kind of cone, and whether a scale still reads.

The simulation is that of Machado, Oliveira and Fernandes, "A Physiologically-based Model for
Simulation of Color Vision Deficiency" (IEEE TVCG 15, 2009), at full severity, on linear RGB.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from filterlab.errors import FilterLabError

__all__ = ["DEFICIENCIES", "difference", "lab", "lightness_steps", "seen"]

Floats = NDArray[np.float64]

#: Matrices of the three deficiencies, published for severity 1.
_MACHADO = {
    "protanopia": (
        (0.152286, 1.052583, -0.204868),
        (0.114503, 0.786281, 0.099216),
        (-0.003882, -0.048116, 1.051998),
    ),
    "deuteranopia": (
        (0.367322, 0.860646, -0.227968),
        (0.280085, 0.672501, 0.047413),
        (-0.011820, 0.042940, 0.968881),
    ),
    "tritanopia": (
        (1.255528, -0.076749, -0.178779),
        (-0.078411, 0.930809, 0.147602),
        (0.004733, 0.691367, 0.303900),
    ),
}

DEFICIENCIES = tuple(_MACHADO)
"""Without the cones for long, middle and short waves: red, green, blue."""

# sRGB to CIE XYZ under D65 (IEC 61966-2-1), and the white point that goes with it.
_XYZ = np.array(
    [
        [0.4124564, 0.3575761, 0.1804375],
        [0.2126729, 0.7151522, 0.0721750],
        [0.0193339, 0.1191920, 0.9503041],
    ]
)
_WHITE = _XYZ.sum(axis=1)


def _linear(rgb: Floats) -> Floats:
    return np.where(rgb <= 0.04045, rgb / 12.92, ((rgb + 0.055) / 1.055) ** 2.4)


def _encoded(linear: Floats) -> Floats:
    linear = np.clip(linear, 0, 1)
    return np.where(linear <= 0.0031308, 12.92 * linear, 1.055 * linear ** (1 / 2.4) - 0.055)


def seen(rgb: ArrayLike, deficiency: str) -> Floats:
    """Colours (…, 3), sRGB 0 to 1, as they look with one of :data:`DEFICIENCIES`.

    Raises
    ------
    FilterLabError
        For another name.
    """
    if deficiency not in _MACHADO:
        raise FilterLabError(
            "no deficiency {name!r}; take one of {known}",
            name=deficiency,
            known=", ".join(DEFICIENCIES),
        )
    return _encoded(_linear(np.asarray(rgb, np.float64)) @ np.array(_MACHADO[deficiency]).T)


def lab(rgb: ArrayLike) -> Floats:
    """Colours (…, 3), sRGB 0 to 1, as CIELAB: lightness 0 to 100, a, b."""
    xyz = _linear(np.asarray(rgb, np.float64)) @ _XYZ.T / _WHITE
    f = np.where(xyz > 216 / 24389, np.cbrt(xyz), (24389 / 27 * xyz + 16) / 116)
    return np.stack(
        [
            116 * f[..., 1] - 16,
            500 * (f[..., 0] - f[..., 1]),
            200 * (f[..., 1] - f[..., 2]),
        ],
        axis=-1,
    )


def difference(one: ArrayLike, two: ArrayLike) -> Floats:
    """CIELAB distance (CIE 1976) between colours (…, 3), sRGB 0 to 1."""
    return np.asarray(np.linalg.norm(lab(one) - lab(two), axis=-1))


def lightness_steps(table: ArrayLike) -> Floats:
    """How lightness changes from one colour of a table (n, 3) to the next, (n - 1,)."""
    return np.asarray(np.diff(lab(table)[:, 0]))
