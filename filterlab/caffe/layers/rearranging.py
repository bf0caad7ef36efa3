"""Layers of forks that move values: Permute, Reorg, ShuffleChannel, Upsample, Interp, Axpy.

Semantics from the published code of the forks that each class names.
"""

from __future__ import annotations

import numpy as np

from filterlab.caffe.graph import Graph
from filterlab.caffe.layers.base import (
    Layer,
    Reverse,
    Shape,
    indices,
    product,
    register,
    shape_text,
    sum_but,
)
from filterlab.caffe.text import Text

__all__ = ["Axpy", "Interp", "Permute", "Reorg", "ShuffleChannel", "Upsample"]


@register("Permute")
class Permute(Layer):
    """The axes in another order; those that are not named follow. From weiliu89/caffe (SSD)."""

    spatial = "everywhere"
    placeless = Text("it moves values to other places")

    def _order(self, shape: Shape) -> list[int]:
        order = list(self.param.permute_param.order)
        if len(set(order)) != len(order) or any(axis >= len(shape) for axis in order):
            self.fail(
                "order {order} is none of the {count} axes of bottom '{blob}' ({shape})",
                order=order,
                count=len(shape),
                blob=self.bottoms[0],
                shape=shape_text(shape),
            )
        return order + [axis for axis in range(len(shape)) if axis not in order]

    def reshape(self, bottom_shapes: list[Shape]) -> list[Shape]:
        shape = bottom_shapes[0]
        return [tuple(shape[axis] for axis in self._order(shape))]

    def emit(
        self, g: Graph, bottoms: list[str], shapes: list[Shape], weights: list[str]
    ) -> list[str]:
        order = self._order(shapes[0])
        return [g.op(Text("Transpose"), [bottoms[0]], perm=order) if order else bottoms[0]]

    def emit_gradient(self, g: Graph, r: Reverse) -> list[str | None]:
        back = [int(axis) for axis in np.argsort(self._order(r.shapes[0]))]
        return [g.op(Text("Transpose"), [r.diffs[0]], perm=back) if back else r.diffs[0]]


class _Moved(Layer):
    """Reshape, transpose, reshape: three steps that are undone in the gradient."""

    def steps(self, shape: Shape) -> tuple[Shape, list[int], Shape]:
        """The first shape, the order of its axes, and the top's shape."""
        raise NotImplementedError

    def reshape(self, bottom_shapes: list[Shape]) -> list[Shape]:
        if len(bottom_shapes[0]) != 4:
            self.fail(
                "bottom '{blob}' is {shape}; 4 axes are needed",
                blob=self.bottoms[0],
                shape=shape_text(bottom_shapes[0]),
            )
        return [self.checked(self.steps(bottom_shapes[0])[2])]

    def emit(
        self, g: Graph, bottoms: list[str], shapes: list[Shape], weights: list[str]
    ) -> list[str]:
        split, order, top = self.steps(shapes[0])
        value = g.op(Text("Transpose"), [g.reshape(bottoms[0], split)], perm=order)
        return [g.reshape(value, top)]

    def emit_gradient(self, g: Graph, r: Reverse) -> list[str | None]:
        split, order, _ = self.steps(r.shapes[0])
        value = g.reshape(r.diffs[0], tuple(split[axis] for axis in order))
        back = [int(axis) for axis in np.argsort(order)]
        return [g.reshape(g.op(Text("Transpose"), [value], perm=back), r.shapes[0])]


@register("Reorg")
class Reorg(_Moved):
    """YOLO's change of resolution for channels, in the order of darknet's own code.

    ``stride`` times smaller with stride^2 times the channels, or with ``reverse`` the other way.
    From the forks for YOLOv2 (Redmon and Farhadi, 2016); the order is not that of space-to-depth.
    """

    spatial = "everywhere"
    placeless = Text("it moves values to other places")

    def steps(self, shape: Shape) -> tuple[Shape, list[int], Shape]:
        p, (n, c, h, w) = self.param.reorg_param, shape
        s = p.stride
        if s < 1 or c % (s * s) or (not p.reverse and (h % s or w % s)):
            self.fail(
                "bottom '{blob}' is {shape}, which stride {stride} does not divide",
                blob=self.bottoms[0],
                shape=shape_text(shape),
                stride=s,
            )
        if p.reverse:
            return (n, s, s, c // s**2, h, w), [0, 3, 4, 1, 5, 2], (n, c // s**2, h * s, w * s)
        return (n, c // s**2, h, s, w, s), [0, 3, 5, 1, 2, 4], (n, c * s**2, h // s, w // s)


@register("ShuffleChannel")
class ShuffleChannel(_Moved):
    """Channels of several groups dealt out in turn. From farmingyard/ShuffleNet (Zhang, 2017)."""

    spatial = "pointwise"

    def steps(self, shape: Shape) -> tuple[Shape, list[int], Shape]:
        group = self.param.shuffle_channel_param.group
        if group < 1 or shape[1] % group:
            self.fail(
                "bottom '{blob}' has {channels} channels, which cannot be split into "
                "{groups} groups",
                blob=self.bottoms[0],
                channels=shape[1],
                groups=group,
            )
        split = (shape[0], group, shape[1] // group, *shape[2:])
        return split, [0, 2, 1, 3, 4], shape


@register("Upsample")
class Upsample(Layer):
    """A larger map: values at the places that a pooling's second top names, or repeated.

    With a mask as second bottom as in alexgkendall/caffe-segnet (Badrinarayanan, SegNet, 2015),
    zero elsewhere; without one each value ``scale`` x ``scale`` times, as in the forks for YOLOv3.
    """

    bottoms_allowed = (1, 2)
    spatial = "unknown"

    def _size(self, shape: Shape) -> tuple[int, int]:
        p = self.param.upsample_param
        if len(shape) != 4:
            self.fail(
                "bottom '{blob}' is {shape}; 4 axes are needed",
                blob=self.bottoms[0],
                shape=shape_text(shape),
            )
        if p.HasField("upsample_h") or p.HasField("upsample_w"):
            return p.upsample_h, p.upsample_w
        y, x = (p.scale_h, p.scale_w) if p.HasField("scale_h") else (p.scale, p.scale)
        if y < 1 or x < 1:
            self.fail("scale is 0; it must be at least 1")
        return shape[2] * y - p.pad_out_h, shape[3] * x - p.pad_out_w

    def reshape(self, bottom_shapes: list[Shape]) -> list[Shape]:
        shape, size = bottom_shapes[0], self._size(bottom_shapes[0])
        if min(size) < 1:
            self.fail(
                "bottom '{blob}' of {shape} gives an output of {size}; both need at "
                "least one row and column",
                blob=self.bottoms[0],
                shape=shape_text(shape[2:]),
                size=shape_text(size),
            )
        if len(bottom_shapes) > 1 and bottom_shapes[1] != shape:
            self.fail(
                "bottom '{blob}' is {shape} but '{first}' is {shape2}; they must be the same",
                blob=self.bottoms[1],
                shape=shape_text(bottom_shapes[1]),
                first=self.bottoms[0],
                shape2=shape_text(shape),
            )
        if len(bottom_shapes) == 1 and (size[0] % shape[2] or size[1] % shape[3]):
            self.fail(
                "without a mask {size} must be a multiple of bottom '{blob}' ({shape})",
                size=shape_text(size),
                blob=self.bottoms[0],
                shape=shape_text(shape),
            )
        return [self.checked((*shape[:2], *size))]

    def _places(self, g: Graph, mask: str, shapes: list[Shape]) -> str:
        planes, size = product(shapes[0][:2]), product(shapes[0][2:])
        return g.reshape(indices(g, mask, product(self._size(shapes[0]))), (planes, size))

    def emit(
        self, g: Graph, bottoms: list[str], shapes: list[Shape], weights: list[str]
    ) -> list[str]:
        shape, (height, width) = shapes[0], self._size(shapes[0])
        if len(bottoms) > 1:
            planes = product(shape[:2])
            values = g.reshape(bottoms[0], (planes, product(shape[2:])))
            places = self._places(g, bottoms[1], shapes)
            zeros = g.zeros((planes, height * width))
            value = g.op("ScatterElements", [zeros, places, values], axis=1)
            return [g.reshape(value, (*shape[:2], height, width))]
        y, x = height // shape[2], width // shape[3]
        value = g.reshape(bottoms[0], (*shape[:3], 1, shape[3], 1))
        value = g.op("Expand", [value, g.ints((*shape[:3], y, shape[3], x))])
        return [g.reshape(value, (*shape[:2], height, width))]

    def emit_gradient(self, g: Graph, r: Reverse) -> list[str | None]:
        shape, (height, width) = r.shapes[0], self._size(r.shapes[0])
        if len(r.shapes) > 1:
            planes = product(shape[:2])
            diff = g.reshape(r.diffs[0], (planes, height * width))
            value = g.op("GatherElements", [diff, self._places(g, r.bottom(1), r.shapes)], axis=1)
            return [g.reshape(value, shape), None]
        y, x = height // shape[2], width // shape[3]
        value = g.reshape(r.diffs[0], (*shape[:3], y, shape[3], x))
        return [g.op("ReduceSum", [value, g.ints([3, 5])], keepdims=0)]


@register("Interp")
class Interp(Layer):
    """Bilinear interpolation in which the corners stay corners.

    To ``height`` x ``width``, or by ``shrink_factor`` and ``zoom_factor``, or to the size of a
    second bottom; ``pad_beg`` and ``pad_end``, 0 or less, cut the edges off first. From DeepLab
    (Chen et al.) and hszhao/PSPNet.
    """

    bottoms_allowed = (1, 2)
    spatial = "unknown"

    def setup(self) -> None:
        p = self.p = self.param.interp_param
        if p.pad_beg > 0 or p.pad_end > 0:
            self.fail("pad_beg and pad_end must be 0 or less; they cut off, as in DeepLab")
        if p.zoom_factor < 1 or p.shrink_factor < 1:
            self.fail("zoom_factor and shrink_factor must be at least 1")

    def _sizes(self, shapes: list[Shape]) -> tuple[Shape, Shape]:
        """Rows and columns before, less what is cut off, and after."""
        p, shape = self.p, shapes[0]
        if len(shape) != 4:
            self.fail(
                "bottom '{blob}' is {shape}; 4 axes are needed",
                blob=self.bottoms[0],
                shape=shape_text(shape),
            )
        inner = tuple(n + p.pad_beg + p.pad_end for n in shape[2:])
        if len(shapes) > 1:
            outer = shapes[1][2:]
        elif p.HasField("height") and p.HasField("width"):
            outer = (p.height, p.width)
        elif p.HasField("zoom_factor") or p.HasField("shrink_factor"):
            outer = tuple((n - 1) // p.shrink_factor + 1 for n in inner)
            outer = tuple(n + (n - 1) * (p.zoom_factor - 1) for n in outer)
        else:
            self.fail("no size; write height and width, zoom_factor or shrink_factor")
        if min(inner) < 1 or len(outer) != 2 or min(outer) < 1:
            self.fail(
                "bottom '{blob}' of {shape} gives an output of {size}; both need at "
                "least one row and column",
                blob=self.bottoms[0],
                shape=shape_text(shape[2:]),
                size=shape_text(outer),
            )
        return inner, outer

    def reshape(self, bottom_shapes: list[Shape]) -> list[Shape]:
        return [self.checked((*bottom_shapes[0][:2], *self._sizes(bottom_shapes)[1]))]

    def emit(
        self, g: Graph, bottoms: list[str], shapes: list[Shape], weights: list[str]
    ) -> list[str]:
        inner, outer = self._sizes(shapes)
        value, start = bottoms[0], -self.p.pad_beg
        if inner != shapes[0][2:]:
            ends = g.ints(start + n for n in inner)
            value = g.op("Slice", [value, g.ints([start] * 2), ends, g.ints([2, 3])])
        sizes = g.ints((*shapes[0][:2], *outer))
        return [
            g.op(
                "Resize",
                [value, "", "", sizes],
                mode="linear",
                coordinate_transformation_mode="align_corners",
            )
        ]

    def emit_gradient(self, g: Graph, r: Reverse) -> list[str | None]:
        inner, outer = self._sizes(r.shapes)
        value = r.diffs[0]
        rows, columns = (_shares(before, after) for before, after in zip(inner, outer))
        value = g.op("MatMul", [g.op("MatMul", [g.constant(rows.T), value]), g.constant(columns)])
        start, shape = -self.p.pad_beg, r.shapes[0]
        if inner != shape[2:]:
            after = [n - start - m for n, m in zip(shape[2:], inner)]
            value = g.op("Pad", [value, g.ints([0, 0, start, start, 0, 0, *after])])
        return [value, None][: len(r.shapes)]


def _shares(before: int, after: int) -> np.ndarray:
    """(after, before): the share of each value in each interpolated one."""
    places = np.arange(after) * ((before - 1) / (after - 1) if after > 1 else 0.0)
    low = np.minimum(places.astype(int), before - 1)
    high = np.minimum(low + 1, before - 1)
    shares = np.zeros((after, before), np.float32)
    np.add.at(shares, (np.arange(after), low), 1 - (places - low))
    np.add.at(shares, (np.arange(after), high), places - low)
    return shares


@register("Axpy")
class Axpy(Layer):
    """A scale for each channel times the second bottom, plus the third. From hujie-frank/SENet."""

    bottoms_allowed = (3, 3)
    spatial = "pointwise"

    def reshape(self, bottom_shapes: list[Shape]) -> list[Shape]:
        scale, x, y = bottom_shapes
        if x != y or product(scale) != product(x[:2]) or scale[:2] != x[:2]:
            self.fail(
                "bottoms are {shapes}; the last two must be the same, and the first "
                "their pictures and channels",
                shapes=", ".join(map(shape_text, bottom_shapes)),
            )
        return [x]

    def _wide(self, g: Graph, value: str, shape: Shape) -> str:
        return g.reshape(value, (*shape[:2], *(1,) * (len(shape) - 2)))

    def emit(
        self, g: Graph, bottoms: list[str], shapes: list[Shape], weights: list[str]
    ) -> list[str]:
        scaled = g.op("Mul", [self._wide(g, bottoms[0], shapes[1]), bottoms[1]])
        return [g.op("Add", [scaled, bottoms[2]])]

    def emit_gradient(self, g: Graph, r: Reverse) -> list[str | None]:
        shape, diff = r.shapes[1], r.diffs[0]
        scale = None
        if r.wanted[0]:
            scale = sum_but(g, g.op("Mul", [diff, r.bottom(1)]), shape, (0, 1))
            scale = g.reshape(scale, r.shapes[0])
        along = g.op("Mul", [diff, self._wide(g, r.bottom(0), shape)]) if r.wanted[1] else None
        return [scale, along, diff]
