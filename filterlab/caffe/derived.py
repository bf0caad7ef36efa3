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
Kernels = npt.NDArray[np.intp]

#: Factors within these bounds (or 0) change only the exponent's middle, never to inf or to 0.
LEAST, MOST = 1e-12, 1e12


#: Up to one of so many kernels edited are written by themselves …
FEW_KERNELS = 8
#: … of weights of so many values: others are written whole sooner than compared.
LARGE = 2**15


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
        Their arrays, and which kernels are wanted if not all -> the weight's values, or only those
        kernels.
    by_kernels : bool
        Whether each kernel of it is computed from the same one of the first source.
    """

    name: str
    shape: Shape
    sources: tuple[tuple[int, int], ...]
    compute: Callable[[Sequence[Floats], Kernels | None], npt.NDArray[Any]]
    by_kernels: bool


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


def folded(
    fold: Fold | None, own: int, affine: Affine, sources: Sequence[tuple[int, int]]
) -> tuple[tuple[Any, Any, bool], tuple[Any, Any, bool]]:
    """A layer's weight and bias that take in what follows it.

    Parameters
    ----------
    fold : Fold or None
        None if there is no layer: the factors and the addends by themselves.
    own : int
        How many of the sources are the layer's own.
    affine : Affine
    sources : sequence of (layer index, weight index)

    Returns
    -------
    tuple
        For each the last three attributes of :class:`Derived`.
    """
    following = tuple(sources[own:])
    if fold is None:
        return (
            (following, lambda arrays, _: affine(arrays)[0], False),
            (following, lambda arrays, _: affine(arrays)[1], False),
        )

    def kernels(arrays: Sequence[Floats], wanted: Kernels | None) -> Doubles:
        factor = affine(arrays[1:])[0]
        if wanted is None:
            return fold.kernels(arrays[0], factor)
        return fold.kernels(arrays[0][wanted], factor[wanted])

    def bias(arrays: Sequence[Floats], _: Any) -> Doubles:
        return fold.bias(arrays[0] if own > 1 else None, *affine(arrays[own - 1 :]))

    return (
        ((sources[0], *following), kernels, True),
        ((*sources[1:own], *following), bias, False),
    )


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
        self.shape: Shape = layout.shape if layout is not None else derived.shape  # type: ignore[union-attr]
        self.values = aligned(math.prod(self.shape))
        self._derived = derived
        self._layout = layout
        #: For each source its stamp, if nobody held it at the last look.
        self._stamps: list[int | None] = [None] * len(self.blobs)
        #: For each source its bits, if somebody did.
        self.seen: list[bytearray | None] = [None] * len(self.blobs)
        self._fresh = False
        self._by_kernels = (
            self.blobs[0].count >= LARGE
            and len(self.shape) > 1
            and (derived is None or derived.by_kernels)
        )
        #: The first source at the last look, kept from its first edit on: more will follow.
        self._last: Floats | None = None

    @property
    def storages(self) -> list[Storage]:
        """Where the values come from."""
        return [blob._storage for blob in self.blobs]

    def refresh(self) -> None:
        """Follow the edits of the sources.

        Raises
        ------
        UnfoldableError, UntransformableError
        """
        changed = set() if self._fresh else set(range(len(self.blobs)))
        for i, blob in enumerate(self.blobs):
            storage = blob._storage
            # In this order: a view from before is seen as held, one from after by the stamp.
            stamp = storage.stamp
            if storage.held:
                now = storage.flat.view(np.uint8).data
                seen = self.seen[i]
                if seen is None or len(seen) != len(now) or seen != now:
                    changed.add(i)
                    self.seen[i] = bytearray(now)
                self._stamps[i] = None
            elif stamp != self._stamps[i]:
                seen = self.seen[i]
                if seen is None or seen != storage.flat.view(np.uint8).data:
                    changed.add(i)
                self.seen[i] = None
                self._stamps[i] = stamp
        if not changed:
            return
        arrays = [
            np.frombuffer(seen, np.float32).reshape(blob.shape)
            if seen
            else blob._storage.flat.reshape(blob.shape)
            for blob, seen in zip(self.blobs, self.seen)
        ]
        kernels = self._edited(arrays[0], changed == {0}) if self._by_kernels else None
        if kernels is not None and not kernels.size:
            return  # written, but nothing else
        self._fresh = False
        if self._by_kernels and self._last is not None:
            # What others write meanwhile must not get in unnoticed: they may take it back.
            arrays[0] = self._last
        values: Any = arrays[0] if kernels is None else arrays[0][kernels]
        if self._derived is not None:
            with np.errstate(all="ignore"):
                values = np.asarray(self._derived.compute(arrays, kernels), np.float32)
            shape = self._derived.shape
            values = values.reshape(shape if kernels is None else (len(kernels), *shape[1:]))
        if self._layout is not None:
            self._layout.write(values, self.values, kernels)
        elif kernels is not None:
            self.values.reshape(self.shape)[kernels] = values
        else:
            self.values[...] = values.reshape(-1)
        self._fresh = True

    def _edited(self, weight: Floats, alone: bool) -> Kernels | None:
        """Which kernels were edited since the last look; None if all are to be written."""
        if not self._fresh:
            self._last = None
            return None
        if self._last is None or not alone:
            self._last = weight.copy()
            return None
        apart = weight.view(np.uint32) != self._last.view(np.uint32)
        kernels = np.flatnonzero(apart.reshape(len(apart), -1).any(axis=1))
        if kernels.size * FEW_KERNELS > len(weight):
            np.copyto(self._last, weight)
            return None
        self._last[kernels] = weight[kernels]
        return kernels
