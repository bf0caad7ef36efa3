"""Layers that join, cut and rearrange blobs."""

from __future__ import annotations

from filterlab.caffe.graph import Graph
from filterlab.caffe.layers.base import Layer, Shape, register, shape_text

__all__ = ["Concat"]


@register("Concat")
class Concat(Layer):
    """Bottoms side by side along one axis."""

    bottoms_allowed = (1, None)

    def _axis(self, shape: Shape) -> int:
        p = self.param.concat_param
        if p.HasField("concat_dim"):
            return self.axis(p.concat_dim, shape, "concat_dim")
        return self.axis(p.axis, shape)

    def reshape(self, bottom_shapes: list[Shape]) -> list[Shape]:
        first = bottom_shapes[0]
        axis = self._axis(first)
        for name, shape in zip(self.bottoms, bottom_shapes):
            if len(shape) != len(first) or any(
                a != b for i, (a, b) in enumerate(zip(shape, first)) if i != axis
            ):
                self.fail(
                    f"bottom '{name}' is {shape_text(shape)} but '{self.bottoms[0]}' is "
                    f"{shape_text(first)}; they may differ along axis {axis} only"
                )
        total = sum(shape[axis] for shape in bottom_shapes)
        return [self.checked((*first[:axis], total, *first[axis + 1 :]))]

    def emit(
        self, g: Graph, bottoms: list[str], shapes: list[Shape], weights: list[str]
    ) -> list[str]:
        if len(bottoms) == 1:
            return bottoms
        return [g.op("Concat", bottoms, axis=self._axis(shapes[0]))]
