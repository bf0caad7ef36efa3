"""A net's weights: from files, into files, from other nets."""

from __future__ import annotations

import os
import threading
import warnings
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

import numpy as np
import numpy.typing as npt

from filterlab.caffe.blob import Blob, moved
from filterlab.caffe.errors import CaffeError, CaffeWarning
from filterlab.caffe.fixed import BlobRow
from filterlab.caffe.net_structure import Structure
from filterlab.caffe.text import Text, reason_of
from filterlab.caffe.weights import Filled, match, nothing_filled, pair
from filterlab.caffe.wire import check_mapped, mapping_of

__all__ = ["Weighted", "path_of"]

Floats = npt.NDArray[np.float32]


class Weighted(Structure):
    """The part of :class:`filterlab.caffe.Net` that reads, writes and shares weights."""

    _lock: threading.RLock
    _weights: list[BlobRow[Blob]]
    filled: Filled
    #: The files that weights are mapped from, and as of when (:func:`moved`).
    _mapped: tuple[int, set[Any]] = (-1, set())

    def copy_from(
        self,
        weights: str | os.PathLike[str] | Mapping[str, Sequence[Any]],
        *,
        mapped: bool = True,
        source: str = "the weights",
    ) -> None:
        """Take the weights of all layers that a file has under the same names.

        Parameters
        ----------
        weights : path, or mapping of layer name to arrays (an extension)
            A caffemodel of any generation or HDF5.
        mapped : bool
            Whether a large file may be mapped rather than read (an extension). A net that reads
            is safe from whatever becomes of the file.
        source : str
            What errors call a mapping (an extension).

        Raises
        ------
        CaffeError
            If the file is no weights file or a layer's shapes differ, or somebody wrote into a
            file that the net has mapped; the net is unchanged then.

        Warns
        -----
        CaffeWarning
            If not a single layer was filled. :attr:`filled` tells what was.
        """
        if isinstance(weights, Mapping):
            found: Mapping[str, Sequence[Any]] = weights
        else:
            from filterlab.caffe import caffemodel

            source = path_of(weights, Text("weights file"))
            found = caffemodel.read_weights(source, mapped)
        with self._lock:
            self.check_files()
            pairs, filled = match(self._params, found, source)
            check_mapped(mapping_of(np.asarray(array)) for _, array in pairs)
            self.filled = filled
            for blob, array in pairs:
                blob._set_values(np.asarray(array), foreign=isinstance(weights, Mapping))
        if self._params and not self.filled.layers:
            warnings.warn(
                CaffeWarning(nothing_filled(self._params, self.filled, source)), stacklevel=2
            )

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write structure and weights as a caffemodel (V2) that BVLC Caffe reads too."""
        from filterlab.caffe import caffemodel

        self._write(path, caffemodel.write_weights)

    def save_hdf5(self, path: str | os.PathLike[str], save_diff: bool = False) -> None:
        """Write the weights as HDF5 (``.caffemodel.h5``), with ``save_diff`` their diffs too."""
        from filterlab.caffe import hdf5

        diffs = None
        if save_diff:
            diffs = {name: [blob.diff for blob in row] for name, row in self._params.items()}
        self._write(path, partial(hdf5.write_weights, diffs=diffs))

    def _write(self, path: str | os.PathLike[str], write: Callable[..., None]) -> None:
        path = path_of(path, Text("weights file"))
        try:
            with self._lock:
                write(path, self._topology.param, self._arrays())
        except OSError as err:
            raise CaffeError(
                "{path}: cannot be written ({reason}); choose another place",
                path=os.fspath(path),
                reason=reason_of(err),
            ) from err

    def load_hdf5(self, path: str | os.PathLike[str]) -> None:
        """Take the weights of a ``.caffemodel.h5``; see :meth:`copy_from`."""
        from filterlab.caffe import hdf5

        path = path_of(path, Text("weights file"))
        self.copy_from(hdf5.read_weights(path), source=path)

    def check_files(self) -> None:
        """Make sure that nobody wrote into a file that the net's weights are mapped from.

        An extension; computing, saving and copying ask it first. A file that was replaced or
        deleted is no harm.

        Raises
        ------
        CaffeError
            Naming the file.
        """
        now = moved()
        if self._mapped[0] != now:
            files = {blob._storage.mapped for row in self._weights for blob in row}
            self._mapped = (now, files - {None})
        check_mapped(self._mapped[1])

    def _arrays(self) -> dict[str, list[Floats]]:
        self.check_files()
        return {name: [blob._values() for blob in row] for name, row in self._params.items()}

    def share_with(self, other: Weighted) -> None:
        """Compute with the weights of another net's layers of the same names, as one memory.

        Raises
        ------
        CaffeError
            If a layer of both has other shapes.
        """
        if not isinstance(other, Weighted):
            raise CaffeError("share_with({other!r}): give another net", other=other)
        with self._lock:
            pairs = pair(self._params, other.params)
            for mine, their in pairs:
                mine.share_data(their)


def path_of(path: Any, what: str) -> str:
    """The name of a file, or a CaffeError that says what is no path."""
    try:
        name = os.fsdecode(path)
    except TypeError:
        name = ""
    if not name:
        raise CaffeError("{path!r} is no path of a {what}; give its name", path=path, what=what)
    return name
