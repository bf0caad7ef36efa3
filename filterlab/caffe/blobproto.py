"""Mean files: ``.binaryproto`` (a BlobProto) and ``.npy``."""

from __future__ import annotations

import os

import numpy as np
import numpy.typing as npt

from filterlab.caffe.errors import CaffeError
from filterlab.caffe.wire import Message, Walker, open_bytes

__all__ = ["read_blobproto", "read_mean"]

FloatArray = npt.NDArray[np.float32]

_NPY_SIGNATURE = b"\x93NUMPY"


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
        raise CaffeError(f"{name}: holds no values; give a .binaryproto or .npy file here")
    return blob


def _read_npy(path: str | os.PathLike[str]) -> FloatArray:
    name = os.fspath(path)
    try:
        # Mapped, so that a header's claim is checked against the file before memory is taken;
        # and never unpickled, since a pickle can run any code.
        array = np.load(path, mmap_mode="r", allow_pickle=False)
    except Exception as error:  # numpy parses the header with ast and raises of many kinds
        words = " ".join(str(error).split())
        if "object" in words.lower() or "pickle" in words.lower():
            raise CaffeError(
                f"{name}: holds pickled Python objects, which could run any code, and is not "
                "loaded; save the mean as a plain float array"
            ) from None
        raise CaffeError(
            f"{name}: no readable .npy file ({words[:200]}); export it again"
        ) from None
    if not isinstance(array, np.ndarray):
        raise CaffeError(f"{name}: an archive of arrays; give one .npy array")
    if array.dtype.kind not in "fiub":
        raise CaffeError(f"{name}: holds {array.dtype}, not numbers; save a float array")
    with np.errstate(over="ignore", invalid="ignore"):
        return np.array(array, np.float32)


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
        is_npy = data[:6] == _NPY_SIGNATURE
    if is_npy:
        mean = _read_npy(path)
    else:
        if name.lower().endswith((".npy", ".npz")):
            raise CaffeError(f"{name}: no .npy file; export the mean again")
        mean = read_blobproto(path)
    if mean.ndim == 4 and mean.shape[0] == 1:
        mean = mean[0]
    if mean.ndim not in (1, 2, 3) or not mean.size:
        shape = "x".join(map(str, mean.shape)) or "()"
        raise CaffeError(f"{name}: a mean must be C, HxW or CxHxW, not {shape}")
    return mean
