"""pycaffe's ``coord_map``: how the coordinates of two tops of a NetSpec belong together.

A map is ``(axis, scale, shift)``: a coordinate x of the one is ``scale * x + shift`` of the other,
on all axes from ``axis`` on.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from filterlab.caffe.layers import layer_class
from filterlab.caffe.net_spec import Function, Top, layers

__all__ = [
    "AxisMismatchException",
    "UndefinedMapException",
    "compose",
    "coord_map",
    "coord_map_from_to",
    "crop",
    "inverse",
]

CoordMap = tuple[Any, Any, Any]


class UndefinedMapException(Exception):  # noqa: N818 - pycaffe's name
    """The layer has no map of coordinates."""


class AxisMismatchException(Exception):  # noqa: N818 - pycaffe's name
    """Two maps begin at different axes."""


def _numbers(value: Any) -> npt.NDArray[Any]:
    return np.array(value, ndmin=1)


def coord_map(fn: Function) -> CoordMap:
    """The map from a layer's input to its output.

    Raises
    ------
    UndefinedMapException
        If the layer does not keep places, such as InnerProduct.
    """
    cls = layer_class(fn.type_name)
    param = fn.message()
    spatial = cls.spatial_of(param) if cls is not None else "unknown"
    if cls is not None and spatial in ("sliding", "transposed"):
        reach = cls.reach(param)
        sides = reach[:1] if len(set(reach)) == 1 else reach
        kernel, stride, pad, dilation = (
            _numbers([getattr(side, name) for side in sides])
            for name in ("kernel", "stride", "pad", "dilation")
        )
        if not kernel.all():
            raise UndefinedMapException(f"{fn.type_name} has no kernel size")
        kernel = (kernel - 1) * dilation + 1
        axis = param.convolution_param.axis
        if spatial == "transposed":
            return axis, stride, (kernel - 1) / 2 - pad
        return axis, 1 / stride, (pad - (kernel - 1) / 2) / stride
    if spatial in ("value", "pointwise"):
        return None, 1, 0
    if spatial == "crop":
        # Counted from the first axis after the one before the crop, as for a convolution.
        return param.crop_param.axis - 1, 1, -_numbers(list(param.crop_param.offset) or [0])
    raise UndefinedMapException(f"a layer of type {fn.type_name} maps no coordinates")


def compose(base_map: CoordMap, next_map: CoordMap) -> CoordMap:
    """First ``next_map``, then ``base_map``."""
    axis1, scale1, shift1 = base_map
    axis2, scale2, shift2 = next_map
    if axis1 is None:
        axis = axis2
    elif axis2 is None or axis1 == axis2:
        axis = axis1
    else:
        raise AxisMismatchException(f"maps of axis {axis1} and axis {axis2}")
    return axis, scale1 * scale2, scale1 * shift2 + shift1


def inverse(coord_map: CoordMap) -> CoordMap:
    """The map the other way."""
    axis, scale, shift = coord_map
    return axis, 1 / scale, -shift / scale


def _sources(top: Top) -> tuple[Top, ...]:
    # A crop's second input gives its size only.
    return top.fn.inputs[:1] if top.fn.type_name == "Crop" else top.fn.inputs


def _ancestors(start: Top, stop_at: dict[Top, CoordMap] | None) -> dict[Top, CoordMap]:
    """Maps from each ancestor of a top to the top; ends at the first found in ``stop_at``."""
    maps: dict[Top, CoordMap] = {start: (None, 1, 0)}
    frontier = [start]
    while frontier:
        top = frontier.pop()
        if stop_at is not None and top in stop_at:
            return {top: maps[top]}
        for bottom in _sources(top):
            # Branches that meet again agree, or the net could not run.
            if bottom in maps:
                continue
            try:
                maps[bottom] = compose(maps[top], coord_map(top.fn))
            except UndefinedMapException:
                continue
            frontier.append(bottom)
    return maps if stop_at is None else {}


def coord_map_from_to(top_from: Top, top_to: Top) -> CoordMap:
    """The map from the coordinates of one top to those of another, by a common ancestor.

    Raises
    ------
    RuntimeError
        If no spatial layers join them.
    """
    from_maps = _ancestors(top_from, None)
    for top, to_map in _ancestors(top_to, from_maps).items():
        return compose(to_map, inverse(from_maps[top]))
    raise RuntimeError("Could not compute map between tops; are they connected by spatial layers?")


def crop(top_from: Top, top_to: Top) -> Any:
    """A Crop layer that lays ``top_from`` on ``top_to``.

    Raises
    ------
    AssertionError
        If the two differ in scale, or the offset is negative or no whole number.
    """
    axis, scale, shift = coord_map_from_to(top_from, top_to)
    if not np.all(np.asarray(scale) == 1):
        raise AssertionError(f"scale mismatch on crop (a = {scale})")
    if not np.all(np.asarray(shift) <= 0):
        raise AssertionError(f"cannot crop negative offset (b = {shift})")
    if not np.all(np.round(shift) == shift):
        raise AssertionError(f"cannot crop noninteger offset (b = {shift})")
    offset = [int(number) for number in -np.round(_numbers(shift))]
    first = 1 if axis is None else axis
    return layers.Crop(top_from, top_to, crop_param={"axis": first + 1, "offset": offset})
