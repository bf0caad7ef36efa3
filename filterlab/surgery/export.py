"""Maps as files for other programs: npy, CSV."""

from __future__ import annotations

import csv
import os
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from filterlab.caffe.files import atomic_write
from filterlab.errors import FilterLabError
from filterlab.surgery.heatmap import ClassMaps

__all__ = ["plain_cell", "write_cell", "write_csv", "write_npy"]


def _folder(path: str | os.PathLike[str]) -> Path:
    path = Path(path)
    if not path.resolve().parent.is_dir():
        raise FilterLabError(
            "{path}: there is no folder {folder}; make it first", path=path, folder=path.parent
        )
    return path


def write_npy(path: str | os.PathLike[str], array: NDArray[Any]) -> Path:
    """Write an array as ``.npy``; the name is taken as it is given.

    Raises
    ------
    FilterLabError, OSError
        If it cannot be written.
    """
    target = _folder(path)
    with atomic_write(target) as stream:
        np.save(stream, array, allow_pickle=False)
    return target


def write_csv(path: str | os.PathLike[str], maps: ClassMaps, values: NDArray[Any]) -> Path:
    """Write a map as a table: a line for each cell, with its value and its place.

    Columns: row, col, value, centre_x, centre_y, x0, y0, x1, y1 (the window), in pixels of the
    picture.
    """
    target = _folder(path)
    with atomic_write(target, "w") as stream:
        table = csv.writer(stream, lineterminator="\n")
        table.writerow("row col value centre_x centre_y x0 y0 x1 y1".split())
        for i in range(maps.rows):
            for j in range(maps.cols):
                place = (*maps.centre_on_picture(i, j), *maps.window_on_picture(i, j))
                table.writerow([i, j, f"{values[i, j]:.9g}", *(f"{v:.2f}" for v in place)])
    return target


def plain_cell(text: str) -> str:
    """A text for a table that no spreadsheet takes for a formula: those begin with ``=+-@``."""
    return f"'{text}" if text.startswith(("=", "+", "-", "@", "\t", "\r", "\n")) else text


def write_cell(
    path: str | os.PathLike[str], maps: ClassMaps, i: int, j: int, labels: Any = None
) -> Path:
    """Write all classes of one cell as a table, best first: index, name, probability, score."""
    target = _folder(path)
    order = np.argsort(-maps.prob[:, i, j], kind="stable")
    with atomic_write(target, "w") as stream:
        table = csv.writer(stream, lineterminator="\n")
        table.writerow(["index", "name", "probability", "score"])
        for c in order:
            name = "" if labels is None else getattr(labels[int(c)], "english", labels[int(c)])
            numbers = (f"{maps.prob[c, i, j]:.9g}", f"{maps.score[c, i, j]:.9g}")
            table.writerow([int(c), plain_cell(name), *numbers])
    return target
