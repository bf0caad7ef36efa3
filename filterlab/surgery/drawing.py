"""Strokes of a round brush on a picture."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from filterlab.progress import Job, Progress
from filterlab.surgery.convolve import Picture

__all__ = ["drawn_job", "stroke"]

Place = tuple[float, float]


def stroke(
    pixels: NDArray[np.float32],
    start: Place,
    end: Place,
    radius: float,
    value: float | Sequence[float],
) -> bool:
    """Draw from place to place, each (row, column), into pixels (H, W) or (H, W, 3), in place.

    Pixels whose centres lie within ``radius`` of the line get ``value`` (of a colour on a grey
    picture, its mean). Returns whether any of it lies on the picture.
    """
    height, width = pixels.shape[:2]
    reach = max(radius, 0.5)
    (row0, column0), (row, column) = start, end
    y0, y1 = max(0, int(min(row, row0) - reach)), min(height, int(max(row, row0) + reach) + 2)
    x0, x1 = (
        max(0, int(min(column, column0) - reach)),
        min(width, int(max(column, column0) + reach) + 2),
    )
    if y0 >= y1 or x0 >= x1:
        return False
    y, x = np.mgrid[y0:y1, x0:x1]
    down, across = row - row0, column - column0
    length = down**2 + across**2
    along = ((y - row0) * down + (x - column0) * across) / length if length else np.zeros(())
    along = np.clip(along, 0.0, 1.0)
    near = (y - row0 - along * down) ** 2 + (x - column0 - along * across) ** 2 <= reach**2
    if not near.any():
        return False
    colour = np.asarray(value, dtype=np.float32)
    pixels[y0:y1, x0:x1][near] = colour if pixels.ndim == 3 else colour.mean(dtype=np.float32)
    return True


def drawn_job(
    picture: Picture, places: Sequence[Place], radius: float, value: float | Sequence[float]
) -> Job[Picture]:
    """A picture with a stroke through places on it, as a job.

    For pictures too large to copy at every move of a hand.
    """
    yield Progress("Drawing", 0, 2)
    pixels = picture.pixels.copy()
    for start, end in zip(places, [*places[1:], places[-1]]):
        stroke(pixels, start, end, radius, value)
    yield Progress("Drawing", 1, 2)
    pixels.flags.writeable = False  # so that it is taken over without a copy
    result = Picture(pixels, picture.title)
    _ = result.grey
    return result
