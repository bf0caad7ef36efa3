"""Drawn test pictures: what a kernel does shows best on these.

Each is grey float32 ``(height, width)``, 0 to 1.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from filterlab.caffe.text import Text
from filterlab.errors import FilterLabError

__all__ = [
    "PATTERNS",
    "checkerboard",
    "gradient",
    "impulse",
    "noise",
    "pattern",
    "step_edges",
    "text",
    "zone_plate",
]

Grey = NDArray[np.float32]


def zone_plate(height: int = 360, width: int = 480) -> Grey:
    """Rings that grow finer outwards: every direction and spatial frequency in one picture.

    Half a cycle per pixel (the finest there is) is reached at the nearer edge's distance.
    """
    y = np.arange(height)[:, None] - (height - 1) / 2
    x = np.arange(width)[None, :] - (width - 1) / 2
    phase = np.pi * (x * x + y * y) / max(1, min(height, width))
    return np.asarray(0.5 + 0.5 * np.cos(phase), np.float32)


def step_edges(height: int = 360, width: int = 480) -> Grey:
    """Straight edges: upright and lying on the left, and turned in steps of 15° on the right."""
    picture = np.full((height, width), 0.25, np.float32)
    y, x = np.mgrid[:height, :width]
    half = width // 2
    picture[height // 8 : height // 2, half // 4 : 3 * half // 4] = 0.75
    bars = (
        (y >= 5 * height // 8) & (y < 7 * height // 8) & (x >= half // 8) & (x < half - half // 8)
    )
    picture[bars & (x // max(1, half // 16) % 2 == 0)] = 1.0
    angle = np.degrees(np.arctan2(y - height / 2, x - (half + width) / 2)) % 360
    picture[(x >= half) & (angle // 15 % 2 == 0)] = 0.9
    return picture


def impulse(height: int = 360, width: int = 480) -> Grey:
    """One white pixel in the middle of black: its answer is the kernel itself, turned by 180°."""
    picture = np.zeros((height, width), np.float32)
    picture[height // 2, width // 2] = 1.0
    return picture


def checkerboard(height: int = 360, width: int = 480, square: int = 24) -> Grey:
    """Black and white squares of ``square`` pixels, the top left one black."""
    y, x = np.mgrid[:height, :width] // max(1, square)
    return ((y + x) % 2).astype(np.float32)


def gradient(height: int = 360, width: int = 480) -> Grey:
    """From black on the left to white on the right, in equal steps."""
    return np.repeat(np.linspace(0, 1, width, dtype=np.float32)[None], height, axis=0)


def noise(height: int = 360, width: int = 480, seed: int = 0) -> Grey:
    """Gaussian noise about 0.5 with standard deviation 0.15, clipped; the same for one seed."""
    values = np.random.default_rng(seed).normal(0.5, 0.15, (height, width))
    return np.clip(values, 0, 1).astype(np.float32)


def text(height: int = 360, width: int = 480) -> Grey:
    """Black letters on white, in sizes from large to small."""
    import cv2

    page = np.full((height, width), 255, np.uint8)
    fit = min(height / 360, width / 480)
    y = 0.0
    for size in (3.0, 2.0, 1.4, 1.0, 0.7, 0.5, 0.4):
        size *= fit
        y += 34 * size
        at = int(8 * fit), int(y)
        cv2.putText(page, "Filter Lab", at, cv2.FONT_HERSHEY_SIMPLEX, size, 0,
                    max(1, round(size)), cv2.LINE_AA)  # fmt: skip
    return page.astype(np.float32) / np.float32(255)


#: Name to the function that draws it with (height, width), in the order of the menu.
PATTERNS: dict[str, Callable[..., Grey]] = {
    Text("zone plate"): zone_plate,
    Text("step edges"): step_edges,
    Text("impulse"): impulse,
    Text("checkerboard"): checkerboard,
    Text("gradient"): gradient,
    Text("noise"): noise,
    Text("text"): text,
}


def pattern(name: str, height: int = 360, width: int = 480, **options: Any) -> Grey:
    """Draw the test picture ``name`` of :data:`PATTERNS`.

    Raises
    ------
    FilterLabError
        If there is none of this name.
    """
    if name not in PATTERNS:
        raise FilterLabError(
            "there is no test picture {name!r}; choose one of {known}.",
            name=name,
            known=", ".join(PATTERNS),
        )
    return PATTERNS[name](height, width, **options)
