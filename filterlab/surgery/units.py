"""The units of a layer with weights: where each one's weights and bias lie in the blobs.

A unit is an output channel of a convolution, an output of a fully connected layer, a channel of a
scale or a PReLU.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import EllipsisType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from filterlab.caffe import Net
from filterlab.caffe.layers import layer_class
from filterlab.caffe.text import Text
from filterlab.errors import FilterLabError

__all__ = [
    "UnitWeights",
    "check_units",
    "index_text",
    "indices",
    "input_groups",
    "read_unit",
    "unit_count",
    "unit_layers",
    "unit_matrix",
    "unit_strengths",
    "units_told",
    "write_unit",
    "write_units",
]  # fmt: skip

Array = NDArray[np.float32]
UnitWeights = tuple[Array, ...]
"""A unit's weights, and its bias where it has one; copies that nobody writes to."""

_ROWS = 256  # units in a step: a layer of 4096 x 9216 is never copied whole

Index = tuple[int | slice | EllipsisType, ...]


def _layer(net: Net, name: str) -> Any:
    layer = net.layer_dict.get(name)
    if layer is None:
        raise FilterLabError(
            "the net has no layer {name!r}; its layers with units are {known}",
            name=name,
            known=", ".join(unit_layers(net)),
        )
    return layer


def unit_layers(net: Net) -> list[str]:
    """The layers whose units can be edited, in order."""
    return [layer.name for layer in net.layers if _count(net, layer)]


def _axis(layer: Any) -> int | None:
    """The axis of a layer's first weight along which its units lie; None if it has none."""
    cls = layer_class(layer.type)
    return None if cls is None else cls.units_along(layer.param)


def _count(net: Net, layer: Any) -> int:
    """The units of a layer, 0 if it has none."""
    row, axis = net.params.get(layer.name), _axis(layer)
    if not row or axis is None or len(row[0].shape) <= axis:
        return 0
    return int(row[0].shape[axis]) * (_groups(layer) if layer.type == "Deconvolution" else 1)


def _groups(layer: Any) -> int:
    return max(int(layer.param.convolution_param.group), 1)


def unit_count(net: Net, name: str) -> int:
    """How many units a layer has.

    Raises
    ------
    FilterLabError
        If there is no such layer, or it has no units.
    """
    layer = _layer(net, name)
    count = _count(net, layer)
    if not count:
        raise FilterLabError(
            "layer {name!r} ({type}) has no units with weights of their own; take one of {known}",
            name=name,
            type=layer.type,
            known=", ".join(unit_layers(net)),
        )
    return count


def check_units(net: Net, name: str, units: Any) -> tuple[int, ...]:
    """Units in order, each once.

    Raises
    ------
    FilterLabError
        If there are none, or the layer has not got one of them.
    """
    count = unit_count(net, name)
    wanted = tuple(sorted({int(unit) for unit in units}))
    if not wanted:
        raise FilterLabError("choose at least one unit of layer {name!r}", name=name)
    for unit in wanted:
        if not 0 <= unit < count:
            raise FilterLabError(
                "layer {name!r} has no unit {unit}; its units are 0 to {last}",
                name=name,
                unit=unit,
                last=count - 1,
            )
    return wanted


def indices(net: Net, name: str, unit: int) -> list[Index]:
    """Where a unit's values lie in each of the layer's blobs."""
    layer = _layer(net, name)
    row = net.params[name]
    first: Index = (unit,)
    if layer.type == "Deconvolution":
        groups = _groups(layer)
        inside, each = int(row[0].shape[1]), int(row[0].shape[0]) // groups
        group = unit // inside
        rows = slice(None) if groups == 1 else slice(group * each, (group + 1) * each)
        first = (rows, unit % inside)
    elif _axis(layer) == 1:
        first = (slice(None), unit)
    return [first, *((unit,) for _ in row[1:])]


def index_text(index: Index) -> str:
    """An index as Python writes it: ``8``, ``:, 8``, ``2:4, 1``."""

    def one(part: Any) -> str:
        if isinstance(part, slice):
            return ":" if part.start is None else f"{part.start}:{part.stop}"
        return str(part)

    return ", ".join(map(one, index))


def read_unit(net: Net, name: str, unit: int) -> UnitWeights:
    """A copy of a unit's weights, and of its bias if it has one."""
    values = []
    for blob, index in zip(net.params[name], indices(net, name, unit)):
        copy = np.array(blob.data[index], np.float32)
        copy.flags.writeable = False
        values.append(copy)
    return tuple(values)


def write_unit(net: Net, name: str, unit: int, values: UnitWeights) -> None:
    """Put weights in a unit's place, bit by bit."""
    for blob, index, array in zip(net.params[name], indices(net, name, unit), values):
        blob.data[index] = array


def write_units(net: Net, values: Mapping[tuple[str, int], UnitWeights]) -> None:
    """:func:`write_unit` of many: (layer, unit) -> its weights."""
    for (name, unit), arrays in values.items():
        write_unit(net, name, unit, arrays)


def unit_matrix(net: Net, name: str) -> Array:
    """A layer's weights as (units, weights of one), without biases; read, do not write.

    The weights' own memory where they lie so; a unit's row is :func:`read_unit`'s first array.

    Raises
    ------
    FilterLabError
        If there is no such layer, or it has no units.
    """
    count = unit_count(net, name)
    layer, data = _layer(net, name), net.params[name][0].data
    if layer.type == "Deconvolution":
        groups = _groups(layer)
        parts = data.reshape(groups, data.shape[0] // groups, *data.shape[1:])
        return np.asarray(np.swapaxes(parts, 1, 2).reshape(count, -1), np.float32)
    return np.asarray(np.moveaxis(data, _axis(layer) or 0, 0).reshape(count, -1), np.float32)


def input_groups(net: Net, name: str) -> NDArray[np.intp]:
    """For each unit of a layer a number, equal for those that read the same inputs."""
    count = unit_count(net, name)
    layer = _layer(net, name)
    if layer.type in ("Convolution", "Deconvolution"):
        return np.arange(count) // (count // _groups(layer))
    cls = layer_class(layer.type)
    if cls is not None and cls.spatial == "everywhere":
        return np.zeros(count, np.intp)
    return np.arange(count)  # a scale or a PReLU: each channel for itself


def unit_strengths(net: Net, name: str) -> NDArray[np.float64]:
    """The Euclidean norm of each unit's weights, without the bias; (units,)."""
    matrix = unit_matrix(net, name)
    rows = (matrix[k : k + _ROWS].astype(np.float64) for k in range(0, len(matrix), _ROWS))
    return np.concatenate([np.linalg.norm(part, axis=1) for part in rows])


def units_told(units: tuple[int, ...]) -> str:
    """``unit 8``, ``units 8, 9, 10``, ``12 units`` of many."""
    if len(units) == 1:
        return Text("unit {n}", n=units[0])
    if len(units) <= 8:
        return Text("units {list}", list=", ".join(map(str, units)))
    return Text("{n} units", n=len(units))
