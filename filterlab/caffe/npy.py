"""``.npy`` files of strangers: only numbers, never a pickle, and no more than is there."""

from __future__ import annotations

import io
import math
from typing import Any

import numpy as np
import numpy.typing as npt

from filterlab.caffe.errors import CaffeError

__all__ = ["NPY_SIGNATURE", "parse_npy"]

#: The first bytes of every ``.npy`` file.
NPY_SIGNATURE = b"\x93NUMPY"

_HEADER_LIMIT = 10_000  # numpy's own; a longer one could be meant to hang its parser


def parse_npy(data: bytes | memoryview, path: str) -> npt.NDArray[Any]:
    """The array in the bytes of a ``.npy`` file: a read-only view of them, nothing is copied.

    ``numpy.load`` goes by the content, so that a file of this name may be an archive or a pickle
    as well, and passes on whatever its parser of the header raises.

    Raises
    ------
    CaffeError
        If the bytes are no such file, hold anything but plain numbers, or are fewer than the
        header says; it begins with ``path``.
    """
    head = io.BytesIO(bytes(data[: 2 * _HEADER_LIMIT]))
    try:
        version = np.lib.format.read_magic(head)
        # 2.0 and 3.0 differ only in the letters of field names, which are refused below.
        first = version == (1, 0)
        read = np.lib.format.read_array_header_1_0 if first else np.lib.format.read_array_header_2_0
        shape, in_columns, dtype = read(head, max_header_size=_HEADER_LIMIT)
        if min(shape, default=0) < 0 or math.prod(n for n in shape if n) > 1 << 62:
            raise ValueError("no such shape")
    except Exception as error:  # the header is parsed as Python: SyntaxError, TokenError, …
        words = " ".join(str(error).split())[:200]
        raise CaffeError(
            "{path}: no readable .npy file ({reason}); save it again", path=path, reason=words
        ) from None
    if dtype.hasobject:
        raise CaffeError(
            "{path}: holds Python objects (a pickle), which are never run; save plain numbers",
            path=path,
        )
    if dtype.kind not in "uifb":
        raise CaffeError(
            "{path}: holds {dtype}, not numbers; save it as float32", path=path, dtype=dtype
        )
    count, left = math.prod(shape), len(data) - head.tell()
    if count * dtype.itemsize > left:
        raise CaffeError(
            "{path}: cut off: {size} bytes of values are needed, {left} are there; save it again",
            path=path,
            size=count * dtype.itemsize,
            left=left,
        )
    values = np.frombuffer(data, dtype, count, head.tell()) if count else np.zeros(0, dtype)
    return values.reshape(shape, order="F" if in_columns else "C")
