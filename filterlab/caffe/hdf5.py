"""Weights as HDF5 (``.caffemodel.h5``) in BVLC's layout: ``data/<layer>/<i>``."""

from __future__ import annotations

import os
from collections.abc import Collection, Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from filterlab.caffe.errors import CaffeError
from filterlab.caffe.files import atomic_write
from filterlab.caffe.proto import caffe_pb2
from filterlab.caffe.text import Text
from filterlab.caffe.wire import shape_text

__all__ = ["read_weights", "write_weights"]

FloatArray = npt.NDArray[np.float32]

_BLOBS_LIMIT = 1000  # per layer
_DEPTH_LIMIT = 16
# deflate's best ratio is about 1000; a file that claims more was made to fill the memory.
_RATIO_LIMIT = 1100


def _read_blob(dataset: Any, where: str) -> FloatArray:
    if dataset.dtype.kind not in "fiu":
        raise CaffeError(
            "{where} holds {dtype}, not numbers; export the weights again",
            where=where,
            dtype=dataset.dtype,
        )
    size = int(np.prod(dataset.shape, dtype=object))
    if 4 * size > max(1 << 20, _RATIO_LIMIT * dataset.id.get_storage_size()):
        raise CaffeError(
            "{where}: its shape {shape} says {size} values, but only {found} bytes are "
            "there; copy or download the file again",
            where=where,
            shape=shape_text(dataset.shape),
            size=size,
            found=dataset.id.get_storage_size(),
        )
    array = np.empty(dataset.shape, np.float32)
    if size:
        dataset.read_direct(array)
    return array


def _collect(
    group: Any,
    prefix: str,
    path: str,
    found: dict[str, list[FloatArray]],
    only: Collection[str] | None,
    depth: int = 0,
) -> None:
    import h5py

    if depth > _DEPTH_LIMIT:
        raise CaffeError(
            "{path}: groups nested more than {most} deep; no weights file",
            path=path,
            most=_DEPTH_LIMIT,
        )
    blobs: dict[int, FloatArray] = {}
    for key in group:
        # A link could lead to another file, or back up.
        if not isinstance(group.get(key, getlink=True), h5py.HardLink):
            continue
        item = group[key]
        name = f"{prefix}/{key}" if prefix else key
        if isinstance(item, h5py.Group):
            _collect(item, name, path, found, only, depth + 1)
        elif only is not None and prefix not in only:
            continue
        elif isinstance(item, h5py.Dataset) and key.isascii() and key.isdigit() and prefix:
            blobs[int(key)] = _read_blob(
                item,
                Text("{path}: blob {whole} of layer {layer!r}", path=path, whole=key, layer=prefix),
            )
    if blobs:
        if sorted(blobs) != list(range(len(blobs))) or len(blobs) > _BLOBS_LIMIT:
            raise CaffeError(
                "{path}: layer {layer!r} has the blobs {blobs}; they must count 0, 1, 2 "
                "…; export the weights again",
                path=path,
                layer=prefix,
                blobs=sorted(blobs)[:8],
            )
        found[prefix] = [blobs[index] for index in range(len(blobs))]


def read_weights(
    path: str | os.PathLike[str], only: Collection[str] | None = None
) -> dict[str, list[FloatArray]]:
    """The weights in an HDF5 file by layer name, in the file's (alphabetical) order.

    A layer name with slashes, as ``inception_3a/1x1``, is a nested group. ``only`` names the
    layers to read; all if not given.

    Raises
    ------
    CaffeError
        If the file is missing, damaged, or has no group ``data``.
    """
    import h5py

    name = os.fspath(path)
    if not os.path.isfile(path):
        raise CaffeError("{name}: no such file; check the path", name=name)
    found: dict[str, list[FloatArray]] = {}
    try:
        with h5py.File(name, "r") as file:
            data = file.get("data") if "data" in file else None
            if not isinstance(data, h5py.Group):
                raise CaffeError(
                    "{name}: has no group 'data'; give a .caffemodel.h5 here", name=name
                )
            _collect(data, "", name, found, only)
    except CaffeError:
        raise
    except MemoryError as error:
        raise CaffeError("{name}: not enough memory for its weights", name=name) from error
    except Exception as error:  # h5py raises OSError, KeyError, RuntimeError, ValueError …
        reason = " ".join(str(error).split())[:200]
        raise CaffeError(
            "{name}: no readable HDF5 file ({reason}); copy or download it again",
            name=name,
            reason=reason,
        ) from error
    return found


def write_weights(
    path: str | os.PathLike[str],
    net: caffe_pb2.NetParameter,
    weights: Mapping[str, Sequence[npt.NDArray[Any]]],
    diffs: Mapping[str, Sequence[npt.NDArray[Any]]] | None = None,
) -> None:
    """Write the weights of the net's layers as HDF5; the file appears whole or not at all.

    ``diffs`` are written beside them, under ``diff``.

    Raises
    ------
    CaffeError
        If a name is no layer of the net.
    OSError
        If the file cannot be written.
    """
    import h5py

    strange = weights.keys() - {layer.name for layer in net.layer}
    if strange:
        file_name = os.fspath(path)
        raise CaffeError(
            "{file_name}: no layer is named {name!r} in the net to save",
            file_name=file_name,
            name=sorted(strange)[0],
        )
    with atomic_write(path, "w+b") as stream, h5py.File(stream, "w") as file:
        for name, rows in (("data", weights), ("diff", diffs)):
            if rows is None:
                continue
            place = file.create_group(name)
            for layer, blobs in rows.items():
                group = place.require_group(layer)
                for index, blob in enumerate(blobs):
                    group.create_dataset(str(index), data=np.asarray(blob, np.float32))
