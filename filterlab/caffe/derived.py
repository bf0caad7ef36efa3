"""Weights that a run reads in another form than they are edited in, and how edits get there.

A batch normalization behind a convolution is folded into the convolution's weights, and ONNX
Runtime computes fastest with weights laid out in its own way. Both are made anew from the blobs'
values whenever these may have changed, and that is known: values change through views only. As
long as nobody held a view at the last look and none was handed out since (:attr:`Storage.stamp`),
nothing was written. If somebody did, the values are compared bit by bit.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from filterlab.caffe.blob import Blob, Shape, Storage, aligned
from filterlab.caffe.layers.base import Affine, Fold
from filterlab.caffe.packing import Layout
from filterlab.caffe.winograd import Transformed

__all__ = ["Derived", "Prepared", "UnfoldableError", "affine_of", "folded"]

Floats = npt.NDArray[np.float32]
Doubles = npt.NDArray[np.float64]

#: Factors within these bounds (or 0) change only the exponent's middle, never to inf or to 0.
LEAST, MOST = 1e-12, 1e12


class UnfoldableError(Exception):
    """The present values cannot be folded without changing what comes out, such as infinities."""


class Derived(NamedTuple):
    """A weight that is computed from others.

    Attributes
    ----------
    name : str
        In the graph.
    shape : Shape
    sources : tuple of (layer index, weight index)
    compute : callable
        Their arrays -> the weight's values.
    """

    name: str
    shape: Shape
    sources: tuple[tuple[int, int], ...]
    compute: Callable[[Sequence[Floats]], npt.NDArray[Any]]


def affine_of(chain: Sequence[tuple[Affine, int]]) -> Affine:
    """Layers one after the other as one factor and addend; each with its number of weights."""

    def of(weights: Sequence[Floats]) -> tuple[Doubles, Doubles]:
        factor: Any = 1.0
        addend: Any = 0.0
        at = 0
        with np.errstate(all="ignore"):
            for one, count in chain:
                scale, shift = one(weights[at : at + count])
                factor, addend = factor * scale, addend * scale + shift
                at += count
        size = np.abs(factor)
        if not (
            np.all((size == 0) | ((size >= LEAST) & (size <= MOST))) and np.all(np.isfinite(addend))
        ):
            raise UnfoldableError
        return factor, addend

    return of


def folded(fold: Fold, own: int, affine: Affine, which: int) -> Callable[..., Any]:
    """How the weight ``which`` of a layer with ``own`` weights takes in what follows it."""

    def compute(weights: Sequence[Floats]) -> Doubles:
        factor, addend = affine(weights[own:])
        made: Doubles = fold(weights[:own], factor, addend)[which]
        return made

    return compute


class Prepared:
    """One net's values of an input that is a weight laid out or transformed, derived, or both."""

    def __init__(
        self,
        name: str,
        blobs: Sequence[Blob],
        derived: Derived | None,
        layout: Layout | Transformed | None,
    ) -> None:
        self.name = name
        self.blobs = list(blobs)
        self.ids = {id(blob) for blob in self.blobs}
        self.shape: Shape = layout.shape if layout is not None else derived.shape  # type: ignore[union-attr]
        self.values = aligned(math.prod(self.shape))
        self._derived = derived
        self._layout = layout
        #: For each source its stamp, if nobody held it at the last look.
        self._stamps: list[int | None] = [None] * len(self.blobs)
        #: For each source its bits, if somebody did.
        self.seen: list[bytearray | None] = [None] * len(self.blobs)
        self._fresh = False
        #: What was transformed last, kept from the second time on: who edits kernels does it often.
        self._last: Floats | None = None

    @property
    def storages(self) -> list[Storage]:
        """Where the values come from."""
        return [blob._storage for blob in self.blobs]

    def refresh(self) -> bool:
        """Follow the edits of the sources; returns whether somebody holds any of them."""
        changed = not self._fresh
        any_held = False
        for i, blob in enumerate(self.blobs):
            storage = blob._storage
            # In this order: a view from before is seen as held, one from after by the stamp.
            stamp = storage.stamp
            held = storage.held
            if held:
                any_held = True
                now = storage.flat.view(np.uint8).data
                seen = self.seen[i]
                if seen is None or len(seen) != len(now) or seen != now:
                    changed = True
                    self.seen[i] = bytearray(now)
                self._stamps[i] = None
            elif stamp != self._stamps[i]:
                seen = self.seen[i]
                if seen is None or seen != storage.flat.view(np.uint8).data:
                    changed = True
                self.seen[i] = None
                self._stamps[i] = stamp
        if changed:
            again, self._fresh = self._fresh, False
            arrays = [
                np.frombuffer(seen, np.float32).reshape(blob.shape)
                if seen
                else blob._storage.flat.reshape(blob.shape)
                for blob, seen in zip(self.blobs, self.seen)
            ]
            values: Any = arrays[0]
            if self._derived is not None:
                with np.errstate(all="ignore"):
                    values = np.asarray(self._derived.compute(arrays), np.float32)
                values = values.reshape(self._derived.shape)
            if isinstance(self._layout, Transformed) and self._layout.by_kernels:
                self._transform(self._layout, values, again)
            elif self._layout is not None:
                self._layout.write(values, self.values)
            else:
                self.values[...] = values.reshape(-1)
            self._fresh = True
        return any_held

    def _transform(self, layout: Transformed, values: Floats, again: bool) -> None:
        """Transform those kernels anew that have changed."""
        if not again:
            self._last = None
            layout.write(values, self.values)
            return
        last = self._last
        if last is None:
            layout.write(values, self.values)
            self._last = values.copy()
            return
        apart = values.view(np.uint32) != last.view(np.uint32)
        kernels = np.flatnonzero(apart.reshape(len(apart), -1).any(axis=1))
        layout.write(values, self.values, kernels)
        last[kernels] = values[kernels]
