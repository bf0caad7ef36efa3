"""The colours of maps, on their own: what shows a scale needs no map."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from filterlab.errors import FilterLabError
from filterlab.surgery.choices import COLORMAPS

__all__ = ["colormap"]


def colormap(name: str) -> NDArray[np.float32]:
    """256 colours (256, 3) RGB in 0..1.

    Raises
    ------
    FilterLabError
        For a name that is not in :data:`COLORMAPS`.
    """
    if name not in COLORMAPS:
        raise FilterLabError(
            "no colour map {name!r}; take one of {known}", name=name, known=", ".join(COLORMAPS)
        )
    ramp = np.arange(256, dtype=np.uint8)
    if name == "grey":
        return np.repeat(ramp[:, None], 3, axis=1).astype(np.float32) / np.float32(255)
    import cv2

    table = cv2.applyColorMap(ramp[:, None], getattr(cv2, f"COLORMAP_{name.upper()}"))
    return np.asarray(table[:, 0, ::-1], np.float32) / np.float32(255)
