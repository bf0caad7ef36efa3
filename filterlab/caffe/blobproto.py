"""Mean files: ``.binaryproto`` (a BlobProto) and ``.npy``."""

from __future__ import annotations

import os

import numpy as np
import numpy.typing as npt

from filterlab.caffe.errors import CaffeError
from filterlab.caffe.npy import NPY_SIGNATURE, parse_npy
from filterlab.caffe.wire import Message, Walker, open_bytes

__all__ = ["read_blobproto", "read_mean"]

FloatArray = npt.NDArray[np.float32]


def read_blobproto(path: str | os.PathLike[str]) -> FloatArray:
    """The blob in a ``.binaryproto`` file as float32, in its stored shape.

    Raises
    ------
    CaffeError
        If the file is missing, damaged or no blob.
    """
    name = os.fspath(path)
    with open_bytes(path) as data:
        blob = Walker(data, name, "binaryproto").blob(Message(0, len(data), "the blob"))
    if not blob.size:
        raise CaffeError(
            "{name}: holds no values; give a .binaryproto or .npy file here", name=name
        )
    return blob


def read_mean(path: str | os.PathLike[str]) -> FloatArray:
    """A mean file as ``Transformer.set_mean`` takes it.

    Parameters
    ----------
    path : path
        ``.binaryproto`` (as ``compute_image_mean`` writes it) or ``.npy``; told apart by content.

    Returns
    -------
    float32 array
        (C,), (H, W) or (C, H, W); a leading axis of length 1 of a 4-D blob is dropped.

    Raises
    ------
    CaffeError
        If the file is missing or damaged, holds a pickle, or has another number of axes.
    """
    name = os.fspath(path)
    with open_bytes(path) as data:
        is_npy = data[: len(NPY_SIGNATURE)] == NPY_SIGNATURE
        whole = data[:] if is_npy else b""
    if is_npy:
        with np.errstate(over="ignore", invalid="ignore"):
            mean = parse_npy(whole, name).astype(np.float32)
    else:
        if name.lower().endswith((".npy", ".npz")):
            raise CaffeError("{name}: no .npy file; export the mean again", name=name)
        mean = read_blobproto(path)
    if mean.ndim == 4 and mean.shape[0] == 1:
        mean = mean[0]
    if mean.ndim not in (1, 2, 3) or not mean.size:
        shape = "x".join(map(str, mean.shape)) or "()"
        raise CaffeError(
            "{name}: a mean must be C, HxW or CxHxW, not {shape}", name=name, shape=shape
        )
    return mean
