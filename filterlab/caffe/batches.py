"""The arrays that a net's MemoryData layer hands out, batch by batch."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from filterlab.caffe.blob import Blob, shape_text
from filterlab.caffe.errors import CaffeError
from filterlab.caffe.layers import Layer

__all__ = ["Batches"]


class Batches:
    """Pictures and labels, of which each forward computes the next batch; then from the start.

    Parameters
    ----------
    layer : Layer
        The MemoryData layer.
    data : array (N, channels, height, width)
        N is a multiple of the layer's batch size. Not copied if it is float32.
    labels : array of N values

    Raises
    ------
    CaffeError
        If shapes or lengths do not fit, with the numbers.
    """

    def __init__(self, layer: Layer, data: Any, labels: Any) -> None:
        self._tops = layer.tops
        self._shapes = layer.reshape([])
        try:
            self._data = np.asarray(data, np.float32)
            self._labels = np.asarray(labels, np.float32).reshape(-1)
        except (TypeError, ValueError) as error:
            raise CaffeError(
                "set_input_arrays(…): not arrays of numbers: {error}", error=error
            ) from None
        self._next = 0
        shape = self._shapes[0]
        if self._data.ndim != 4 or self._data.shape[1:] != shape[1:]:
            layer.fail(
                "takes pictures of {shape}, but data is {shape2}; give N x {shape}",
                shape=shape_text(shape[1:]),
                shape2=shape_text(self._data.shape),
            )
        count = len(self._data)
        if not count or count % shape[0]:
            layer.fail(
                "{count} pictures are no multiple of its batch_size {shape}",
                count=count,
                shape=shape[0],
            )
        if len(self._labels) != count:
            layer.fail(
                "{count} pictures, but {labels} labels; give one for each",
                count=count,
                labels=len(self._labels),
            )

    def fill(self, blobs: Mapping[str, Blob]) -> None:
        """Put the next batch into the layer's tops."""
        rows = slice(self._next, self._next + self._shapes[0][0])
        for top, shape, values in zip(self._tops, self._shapes, (self._data, self._labels)):
            blobs[top]._set_shape(shape)
            np.copyto(blobs[top].data, values[rows])
        self._next = rows.stop % len(self._data)
