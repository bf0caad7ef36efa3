"""What leaves the tab: pictures, kernels, the net; and pictures and text on the clipboard."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from PyQt5.QtGui import QImage

from filterlab.errors import FilterLabError
from filterlab.gui.filters.look import Look, make_frame
from filterlab.gui.images import image_of
from filterlab.gui.widgets.colours import lut
from filterlab.pictures import write_picture
from filterlab.progress import Job, Progress
from filterlab.surgery import convolve
from filterlab.surgery.convolve import Snapshot
from filterlab.workbench.filter_bench import SLOTS

__all__ = ["output_image", "output_targets", "save_outputs_job"]

_SHOWN = (".png", ".jpg", ".jpeg", ".bmp", ".webp")
_RAW = (".npy", ".tif", ".tiff")


def output_targets(path: Path) -> list[Path]:
    """The files that the outputs are saved as under this name."""
    return [path.with_name(f"{path.stem}_{slot}{path.suffix}") for slot in range(SLOTS)]


def save_outputs_job(snapshot: Snapshot, look: Look, path: Path) -> Job[list[Path]]:
    """Write the full outputs as ``name_0.png``, ``name_1.png`` …: as they are shown, or raw.

    PNG, JPEG, BMP and WebP hold what is on the screen; ``.npy`` and TIFF the float32 numbers.

    Raises
    ------
    FilterLabError
        If the ending is none of these, or a file cannot be written.
    """
    suffix = path.suffix.lower()
    if suffix not in _SHOWN + _RAW:
        raise FilterLabError(
            "{name}: outputs are saved as shown ({shown}) or as numbers ({raw}); choose "
            "one of these endings",
            name=path.name,
            shown=", ".join(_SHOWN),
            raw=", ".join(_RAW),
        )
    outputs = yield from convolve.compute_job(snapshot)
    frame = make_frame(snapshot, look, outputs)
    written = []
    targets = output_targets(path)
    for slot, (data, shown, target) in enumerate(zip(outputs.data, frame.shown, targets)):
        yield Progress("Writing", slot, len(frame.shown), target.name)
        if suffix in _RAW:
            write_picture(target, np.ascontiguousarray(data))
        else:
            colours = lut(shown.table)[shown.pixels] if shown.pixels.ndim == 2 else shown.pixels
            write_picture(target, colours)
        written.append(target)
    return written


def output_image(pixels: np.ndarray, table: np.ndarray) -> QImage:
    """An output as a Qt picture: an index into a table (h, w), or RGB (h, w, 3), uint8."""
    return image_of(table[pixels] if pixels.ndim == 2 else pixels)
