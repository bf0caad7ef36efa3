"""Mean files: what was subtracted from the pictures a net was trained on."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from filterlab.caffe.blobproto import read_blobproto
from filterlab.caffe.errors import CaffeError
from filterlab.caffe.files import open_file
from filterlab.caffe.npy import parse_npy
from filterlab.caffe.text import reason_of
from filterlab.errors import FilterLabError

__all__ = ["read_mean"]

_LIMIT = 64 << 20


def read_mean(path: str | Path) -> tuple[float, float, float]:
    """The mean colour (blue, green, red) in a mean file.

    A mean image is averaged over its pixels, since a map may have any size. Read are
    ``.binaryproto`` (Caffe), ``.npy`` (channels x height x width, height x width x channels, or
    channels), and text with one or three numbers. A single channel's mean counts for all three.

    Raises
    ------
    FilterLabError
        If the file is none of these, or holds no finite values; the message names it.
    """
    path = Path(path)
    try:
        with open_file(path) as stream:
            if os.fstat(stream.fileno()).st_size > _LIMIT:
                raise FilterLabError("{path}: too large for a mean file", path=path)
        values = {".binaryproto": _binaryproto, ".npy": _npy}.get(path.suffix.lower(), _text)(path)
    except OSError as error:
        raise FilterLabError(
            "{path}: cannot read the mean: {reason}", path=path, reason=reason_of(error)
        ) from error
    if values.shape not in ((1,), (3,)) or not np.isfinite(values).all():
        raise FilterLabError(
            "{path}: a mean of {count} values; needed are one or three finite numbers, "
            "or an image of one or three channels",
            path=path,
            count=values.size,
        )
    blue, green, red = (float(v) for v in np.broadcast_to(values, 3))
    return blue, green, red


def _averaged(image: NDArray[Any]) -> NDArray[np.float64]:
    """An image averaged to one value for each channel."""
    with np.errstate(invalid="ignore"):  # NaN is said by whoever reads
        array = np.asarray(image, np.float64)
        array = array.reshape([n for n in array.shape if n != 1] or [1])
        if not array.size:
            return np.zeros(0)
        if array.ndim == 3:
            axes = (1, 2) if array.shape[0] == 3 else (0, 1)
            return np.asarray(array.mean(axis=axes))
        if array.ndim == 2:
            return np.asarray(array.mean()).reshape(1)
        return array


def _binaryproto(path: Path) -> NDArray[np.float64]:
    try:
        return _averaged(read_blobproto(path))
    except CaffeError as error:
        raise FilterLabError(error.message) from error


def _npy(path: Path) -> NDArray[np.float64]:
    try:
        return _averaged(parse_npy(path.read_bytes(), str(path)))
    except CaffeError as error:
        raise FilterLabError(error.message) from error


def _text(path: Path) -> NDArray[np.float64]:
    try:
        words = re.split(r"[\s,;]+", path.read_text(encoding="utf-8").strip())
        return np.array([float(word) for word in words[:4]])
    except ValueError as error:
        raise FilterLabError("{path}: the mean must be one or three numbers", path=path) from error
