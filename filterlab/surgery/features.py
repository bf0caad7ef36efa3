"""Dense features: any blob of the net on a picture, as an array and in false colours."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from filterlab.errors import FilterLabError
from filterlab.surgery.cost import check_memory, estimate
from filterlab.surgery.geometry import MapGeometry
from filterlab.surgery.heatmap import ClassMaps, Placement
from filterlab.surgery.transplant import Transplanted, feed, not_finite

__all__ = ["Components", "Features", "feature_blobs", "features", "principal_components"]

Array = NDArray[np.float32]


@dataclass(frozen=True)
class Features:
    """A blob's values on a picture, with their place.

    Attributes
    ----------
    blob : str
    values : ndarray (channels, rows, cols) float32
    geometry : MapGeometry
        Where the units look; :func:`filterlab.surgery.overlay.project` takes this object in
        place of class maps.
    placement : Placement
    picture_size : (int, int)
    """

    blob: str
    values: Array
    geometry: MapGeometry
    placement: Placement
    picture_size: tuple[int, int]

    @property
    def rows(self) -> int:
        return self.values.shape[1]

    @property
    def cols(self) -> int:
        return self.values.shape[2]


@dataclass(frozen=True)
class Components:
    """Principal components of features.

    Attributes
    ----------
    colours : ndarray (rows, cols, 3) float32
        The first three components as red, green and blue in 0..1; fewer leave a channel grey.
    values : ndarray (n, rows, cols) float32
        The components themselves, largest variance first.
    explained : ndarray (n,) float64
        Share of the variance that each explains.
    """

    colours: Array
    values: Array
    explained: NDArray[np.float64]


def feature_blobs(transplanted: Transplanted) -> list[str]:
    """The blobs of the dense net that have a place on the picture, in their order."""
    graph = transplanted.geometry.graph
    names = []
    for name, blob in transplanted.net.blobs.items():
        if name != transplanted.input and len(blob.shape) == 4 and name in graph.latest:
            try:
                MapGeometry.of(transplanted.source_param, transplanted.param, name)
            except FilterLabError:
                continue
            names.append(name)
    return names


def features(transplanted: Transplanted, maps: ClassMaps, blob: str) -> Features:
    """The values of a blob for the input that gave ``maps``.

    Raises
    ------
    FilterLabError
        If the net has no such blob, it has no place on the picture, memory does not suffice for a
        pass in one piece, or it is not finite.
    """
    t = transplanted
    if blob not in t.net.blobs:
        near = ", ".join(feature_blobs(t)[-6:])
        raise FilterLabError(
            "the net has no blob {blob!r}; among its blobs are {near}", blob=blob, near=near
        )
    geometry = MapGeometry.of(t.source_param, t.param, blob)
    check_memory(estimate(t.param, t.net, maps.input_size), maps.input_size)
    feed(t.net, t.input, maps.data)
    t.net.forward()
    values = t.net.blobs[blob].data[0].copy()
    if not np.isfinite(values).all():
        raise not_finite(t.net, f"blob {blob!r}")
    return Features(blob, values, geometry, maps.placement, maps.picture_size)


def principal_components(values: NDArray[Any], count: int = 3) -> Components:
    """Principal components over the places of (channels, rows, cols) features.

    Each component's sign is chosen so that its largest deviation is positive: the same picture
    gives the same colours.

    Raises
    ------
    FilterLabError
        If there are fewer than two places.
    """
    channels, rows, cols = values.shape
    if rows * cols < 2:
        raise FilterLabError("one cell has no principal components; take a larger input")
    flat = values.reshape(channels, -1).astype(np.float64)
    flat = flat - flat.mean(axis=1, keepdims=True)
    # The smaller of the two square problems has the same components.
    if channels <= rows * cols:
        power, axes = np.linalg.eigh(flat @ flat.T)
        found = axes.T @ flat
    else:
        power, places = np.linalg.eigh(flat.T @ flat)
        found = (places * np.sqrt(np.maximum(power, 0))).T
    order = np.argsort(-power)[:count]
    power = np.maximum(power, 0)
    total = max(float(power.sum()), 1e-30)
    chosen = found[order]
    largest = np.take_along_axis(chosen, np.abs(chosen).argmax(axis=1)[:, None], axis=1)
    chosen = chosen * np.where(largest < 0, -1.0, 1.0)
    colours = np.full((3, rows * cols), 0.5)
    for k, component in enumerate(chosen[:3]):
        low, high = np.percentile(component, [1, 99])
        if high > low:
            colours[k] = np.clip((component - low) / (high - low), 0, 1)
    return Components(
        np.ascontiguousarray(colours.reshape(3, rows, cols).transpose(1, 2, 0), np.float32),
        chosen.reshape(-1, rows, cols).astype(np.float32),
        power[order] / total,
    )
