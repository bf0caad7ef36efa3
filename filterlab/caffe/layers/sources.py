"""Layers that start a net: what people write, constants, random numbers, weights as blobs."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from filterlab.caffe import fillers
from filterlab.caffe.graph import Graph
from filterlab.caffe.layers.base import Layer, Reverse, Shape, WeightSpec, register, shape_text
from filterlab.caffe.proto import caffe_pb2

__all__ = ["DummyData", "Input", "MemoryData", "Parameter"]


@register("Input")
class Input(Layer):
    """Blobs that people fill: ``input_param { shape { dim: … } }``, one shape or one per top."""

    spatial = "source"
    bottoms_allowed = (0, 0)
    tops_allowed = (1, None)
    is_source = True

    def reshape(self, bottom_shapes: list[Shape]) -> list[Shape]:
        shapes = [tuple(s.dim) for s in self.param.input_param.shape]
        if len(shapes) == 1:
            shapes *= len(self.tops)
        if not shapes:
            self.fail(
                "no shape for blob '{blob}'; write input_param {{ shape {{ dim: 1 dim: 3 "
                "dim: 227 dim: 227 }} }}",
                blob=self.tops[0],
            )
        if len(shapes) != len(self.tops):
            self.fail(
                "{count} shapes for {tops} tops; give one, or one per top",
                count=len(shapes),
                tops=len(self.tops),
            )
        return [self.checked(s, i) for i, s in enumerate(shapes)]


@register("DummyData")
class DummyData(Layer):
    """Constant or random blobs; all but constants are drawn anew at every forward."""

    spatial = "source"
    bottoms_allowed = (0, 0)
    tops_allowed = (1, None)
    is_source = True
    fills = True

    def setup(self) -> None:
        p = self.param.dummy_data_param
        n = len(p.data_filler)
        if n not in (0, 1, len(self.tops)):
            self.fail(
                "{count} data_filler for {tops} tops; give none, one, or one per top",
                count=n,
                tops=len(self.tops),
            )
        default = caffe_pb2.FillerParameter(type="constant", value=0)
        self._fillers: list[Any] = list(p.data_filler) or [default]
        if len(self._fillers) == 1:
            self._fillers *= len(self.tops)

    def reshape(self, bottom_shapes: list[Shape]) -> list[Shape]:
        p = self.param.dummy_data_param
        if len(p.shape):
            shapes = [tuple(s.dim) for s in p.shape]
        else:
            sizes = [list(p.num), list(p.channels), list(p.height), list(p.width)]
            often = max(map(len, sizes))
            # What is given once is for all tops.
            sizes = [s * often if len(s) == 1 else s for s in sizes]
            if any(len(s) != often for s in sizes):
                self.fail("num, channels, height and width must be given equally often")
            shapes = list(zip(*sizes))
        if len(shapes) == 1:
            shapes *= len(self.tops)
        if len(shapes) != len(self.tops):
            self.fail(
                "{count} shapes for {tops} tops; give one, or one per top",
                count=len(shapes),
                tops=len(self.tops),
            )
        shapes = [self.checked(s, i) for i, s in enumerate(shapes)]
        for filler, shape in zip(self._fillers, shapes):
            fillers.check(filler, shape)
        return shapes

    def refill_top(self, index: int, out: npt.NDArray[np.float32], first: bool) -> None:
        filler = self._fillers[index]
        if first or filler.type != "constant":
            fillers.fill(out, filler)


@register("MemoryData")
class MemoryData(Layer):
    """Batches of the arrays given to ``Net.set_input_arrays``: pictures and their labels."""

    spatial = "source"
    bottoms_allowed = (0, 0)
    tops_allowed = (2, 2)
    is_source = True

    def reshape(self, bottom_shapes: list[Shape]) -> list[Shape]:
        p = self.param.memory_data_param
        shape = (p.batch_size, p.channels, p.height, p.width)
        if 0 in shape:
            self.fail(
                "batch_size, channels, height and width are {shape}; give all four in "
                "memory_data_param, each at least 1",
                shape=shape_text(shape),
            )
        return [self.checked(shape), self.checked(shape[:1], 1)]


@register("Parameter")
class Parameter(Layer):
    """A weight as a blob: ``parameter_param { shape { … } }``."""

    spatial = "source"
    bottoms_allowed = (0, 0)

    def reshape(self, bottom_shapes: list[Shape]) -> list[Shape]:
        return [self.checked(self.param.parameter_param.shape.dim)]

    def weight_specs(self, bottom_shapes: list[Shape]) -> list[WeightSpec]:
        return [WeightSpec(tuple(self.param.parameter_param.shape.dim))]

    def emit(
        self, g: Graph, bottoms: list[str], shapes: list[Shape], weights: list[str]
    ) -> list[str]:
        return [weights[0]]

    def emit_gradient(self, g: Graph, r: Reverse) -> list[str | None]:
        return []

    def emit_weight_gradient(self, g: Graph, r: Reverse) -> list[str]:
        return [r.diffs[0]]
