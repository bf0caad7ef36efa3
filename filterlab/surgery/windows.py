"""Windows cut out of what the net sees, and the plain classifier's answers to them, in batches."""

from __future__ import annotations

from collections.abc import Generator, Sequence

import numpy as np
from numpy.typing import NDArray

from filterlab.caffe.errors import CaffeError
from filterlab.caffe.text import Text
from filterlab.errors import FilterLabError
from filterlab.surgery.cost import nominal_seconds
from filterlab.surgery.geometry import Box
from filterlab.surgery.heatmap import ClassMaps
from filterlab.surgery.pieces import pieces, run_pieces
from filterlab.surgery.transplant import Transplanted, finished, not_finite

__all__ = ["Cell", "Classifier", "batch_for", "cut", "cut_box", "window_seconds", "windows_refused"]

Array = NDArray[np.float32]
Cell = tuple[int, int]

_BATCH = 0.06  # nominal seconds of a batch, so that a Cancel waits for less than half a second
_MOST = 8  # windows in a batch: beyond that nothing is gained


def cut_box(data: Array, box: Box) -> Array:
    """A box (x0, y0, x1, y1) of an input (1, channels, h, w); 0 (the mean) where it hangs over."""
    x0, y0, x1, y1 = box
    _, channels, height, width = data.shape
    window = np.zeros((1, channels, y1 - y0, x1 - x0), np.float32)
    top, left = max(y0, 0), max(x0, 0)
    bottom, right = min(y1, height), min(x1, width)
    if bottom > top and right > left:
        part = data[:, :, top:bottom, left:right]
        window[:, :, top - y0 : bottom - y0, left - x0 : right - x0] = part
    return window


def cut(maps: ClassMaps, i: int, j: int) -> Array:
    """The window of cell (i, j) of what the net saw; 0 (the mean) where it hangs over the edge."""
    if not (0 <= i < maps.rows and 0 <= j < maps.cols):
        raise FilterLabError(
            "the map has no cell ({i}, {j}); it has {rows}x{cols}",
            i=i,
            j=j,
            rows=maps.rows,
            cols=maps.cols,
        )
    return cut_box(maps.data, maps.geometry.window(i, j))


def windows_refused(t: Transplanted) -> str:
    """Why the classifier cannot be asked about single windows; empty if it can."""
    shape = t.source.blobs[t.rewritten.plain_score].shape
    if t.geometry.window_size != t.geometry.own_size or int(np.prod(shape[1:])) != t.classes:
        return Text(
            "the classifier itself answers with a map, so it has no one answer to a "
            "window; take the method dense"
        )
    return ""


def window_seconds(t: Transplanted) -> float:
    """Nominal seconds of one window, see :data:`filterlab.surgery.cost.NOMINAL_SPEED`."""
    return nominal_seconds(t.source_param, t.source, t.geometry.own_size)


def batch_for(t: Transplanted, count: int) -> int:
    """How many of so many windows the plain net takes at a time."""
    batch, each = _MOST, window_seconds(t)
    while batch > 1 and (batch * each > _BATCH or batch >= 2 * count):
        batch //= 2
    return batch


class Classifier:
    """The plain classifier with a batch of its own, on the same weights.

    Parameters
    ----------
    transplanted : Transplanted
    count : int
        How many windows there will be. The batch follows from it and from the net's work alone,
        so that the same windows always get the same bits.

    Raises
    ------
    FilterLabError
        If the net has no one answer to a window.
    """

    def __init__(self, transplanted: Transplanted, count: int) -> None:
        t = self._t = transplanted
        refused = windows_refused(t)
        if refused:
            raise FilterLabError(refused)
        self.batch = batch_for(t, count)
        self.net = t.source.snapshot(share_weights=True)
        self.net.packing = "first"  # many windows of one size: laying out pays at once
        self._reshape()

    def _reshape(self) -> None:
        """Give the net its batch; one window at a time where a layer stands for a single one."""
        t, net = self._t, self.net
        inputs = {name: tuple(net.blobs[name].shape) for name in net.inputs}
        for batch in (self.batch, 1):
            for name, shape in inputs.items():
                net.blobs[name].reshape(*((batch, *shape[1:]) if shape else shape))
            try:
                net.reshape()
            except CaffeError:
                if batch == 1:
                    raise
                continue
            if batch == 1 or net.blobs[t.rewritten.plain_score].shape[0] == batch:
                self.batch = batch
                return

    def answers(
        self, data: Array, boxes: Sequence[Box]
    ) -> Generator[float, None, tuple[Array, Array, float]]:
        """Classify up to ``batch`` windows of ``data``; yields the share of the work done.

        Returns
        -------
        prob, score : ndarray (windows, classes) float32
        seconds : float

        Raises
        ------
        FilterLabError
            If an answer is not finite.
        """
        t, net = self._t, self.net
        blob = net.blobs[t.input].data
        for k, box in enumerate(boxes):
            blob[k] = cut_box(data, box)[0]
        blob[len(boxes) :] = 0
        todo = pieces(t.source_param, net, t.geometry.own_size) if self.batch == 1 else []
        seconds = yield from run_pieces(net, todo or [("", "", 1.0)])
        n = len(boxes)
        score = net.blobs[t.rewritten.plain_score].data.reshape(self.batch, -1)[:n].copy()
        out = net.blobs[t.rewritten.plain_output].data.reshape(self.batch, -1)[:n].copy()
        if not np.isfinite(score).all() or not np.isfinite(out).all():
            raise not_finite(net, Text("the net's answer"))
        return finished(t.rewritten, out, 1), score, seconds
