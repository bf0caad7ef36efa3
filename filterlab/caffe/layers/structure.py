"""Layers that join, cut, rearrange and repeat blobs."""

from __future__ import annotations

import itertools
from typing import Any

from filterlab.caffe.graph import Graph
from filterlab.caffe.layers.base import (
    Layer,
    Reverse,
    Shape,
    indices,
    product,
    register,
    shape_text,
)

__all__ = ["Concat", "Crop", "Flatten", "Reshape", "Silence", "Slice", "Split", "Tile"]


@register("Concat")
class Concat(Layer):
    """Bottoms side by side along one axis."""

    spatial = "pointwise"
    bottoms_allowed = (1, None)
    takes_empty = True

    @classmethod
    def works_along(cls, param: Any) -> int:
        p = param.concat_param
        return int(p.concat_dim if p.HasField("concat_dim") else p.axis)

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
                    "bottom '{blob}' is {shape} but '{first}' is {shape2}; they may "
                    "differ along axis {axis} only",
                    blob=name,
                    shape=shape_text(shape),
                    first=self.bottoms[0],
                    shape2=shape_text(first),
                    axis=axis,
                )
        total = sum(shape[axis] for shape in bottom_shapes)
        return [self.checked((*first[:axis], total, *first[axis + 1 :]))]

    def emit(
        self, g: Graph, bottoms: list[str], shapes: list[Shape], weights: list[str]
    ) -> list[str]:
        if len(bottoms) == 1:
            return bottoms
        return [g.op("Concat", bottoms, axis=self._axis(shapes[0]))]

    def emit_gradient(self, g: Graph, r: Reverse) -> list[str | None]:
        if len(r.shapes) == 1:
            return [r.diffs[0]]
        axis = self._axis(r.shapes[0])
        sizes = g.ints(shape[axis] for shape in r.shapes)
        return list(g.ops("Split", [r.diffs[0], sizes], len(r.shapes), axis=axis))


@register("Slice")
class Slice(Layer):
    """The parts of one blob along one axis, cut at ``slice_point`` or into equal parts."""

    spatial = "pointwise"
    tops_allowed = (1, None)

    @classmethod
    def works_along(cls, param: Any) -> int:
        p = param.slice_param
        return int(p.slice_dim if p.HasField("slice_dim") else p.axis)

    def _cuts(self, shape: Shape) -> tuple[int, list[int]]:
        """The axis and the places of the cuts, 0 and the end among them."""
        p = self.param.slice_param
        if p.HasField("slice_dim"):
            axis = self.axis(p.slice_dim, shape, "slice_dim")
        else:
            axis = self.axis(p.axis, shape)
        size, parts = shape[axis], len(self.tops)
        if len(p.slice_point):
            if len(p.slice_point) != parts - 1:
                self.fail(
                    "{count} slice points for {tops} tops", count=len(p.slice_point), tops=parts
                )
            cuts = [0, *p.slice_point, size]
            if any(a >= b for a, b in itertools.pairwise(cuts)):
                self.fail(
                    "slice points {points} must rise and lie inside the {size} values of "
                    "axis {axis} of bottom '{blob}'",
                    points=list(p.slice_point),
                    size=size,
                    axis=axis,
                    blob=self.bottoms[0],
                )
            return axis, cuts
        if size % parts:
            self.fail(
                "the {size} values of axis {axis} of bottom '{blob}' cannot be split "
                "evenly into {tops} tops; give slice_point",
                size=size,
                axis=axis,
                blob=self.bottoms[0],
                tops=parts,
            )
        return axis, [size // parts * i for i in range(parts + 1)]

    def reshape(self, bottom_shapes: list[Shape]) -> list[Shape]:
        shape = bottom_shapes[0]
        axis, cuts = self._cuts(shape)
        return [(*shape[:axis], b - a, *shape[axis + 1 :]) for a, b in itertools.pairwise(cuts)]

    def emit(
        self, g: Graph, bottoms: list[str], shapes: list[Shape], weights: list[str]
    ) -> list[str]:
        axis, cuts = self._cuts(shapes[0])
        if len(cuts) == 2:
            return bottoms
        sizes = g.ints(b - a for a, b in itertools.pairwise(cuts))
        return g.ops("Split", [bottoms[0], sizes], len(cuts) - 1, axis=axis)

    def emit_gradient(self, g: Graph, r: Reverse) -> list[str | None]:
        if len(r.diffs) == 1:
            return [r.diffs[0]]
        return [g.op("Concat", r.diffs, axis=self._cuts(r.shapes[0])[0])]


@register("Split")
class Split(Layer):
    """The same blob under several names."""

    spatial = "value"
    tops_allowed = (1, None)

    def reshape(self, bottom_shapes: list[Shape]) -> list[Shape]:
        return [bottom_shapes[0]] * len(self.tops)

    def emit(
        self, g: Graph, bottoms: list[str], shapes: list[Shape], weights: list[str]
    ) -> list[str]:
        return [bottoms[0]] * len(self.tops)

    def emit_gradient(self, g: Graph, r: Reverse) -> list[str | None]:
        return [g.op("Sum", r.diffs) if len(r.diffs) > 1 else r.diffs[0]]


@register("Flatten")
class Flatten(Layer):
    """Axes ``axis`` to ``end_axis`` as one."""

    spatial = "everywhere"

    def reshape(self, bottom_shapes: list[Shape]) -> list[Shape]:
        shape, p = bottom_shapes[0], self.param.flatten_param
        first = self.axis(p.axis, shape)
        last = self.axis(p.end_axis, shape, "end_axis")
        if last < first:
            self.fail("end_axis {end} comes before axis {axis}", end=p.end_axis, axis=p.axis)
        return [(*shape[:first], product(shape[first : last + 1]), *shape[last + 1 :])]

    def emit(
        self, g: Graph, bottoms: list[str], shapes: list[Shape], weights: list[str]
    ) -> list[str]:
        return [g.reshape(bottoms[0], self.reshape(shapes)[0])]

    def emit_gradient(self, g: Graph, r: Reverse) -> list[str | None]:
        return [g.reshape(r.diffs[0], r.shapes[0])]


@register("Reshape")
class Reshape(Layer):
    """The same values under another shape: 0 keeps a size, -1 takes what is left."""

    spatial = "everywhere"

    def setup(self) -> None:
        self.dims = tuple(self.param.reshape_param.shape.dim)
        if self.dims.count(-1) > 1:
            self.fail("the shape {shape} has more than one -1", shape=shape_text(self.dims))
        if any(n < -1 for n in self.dims):
            self.fail("the shape {shape} has a negative size", shape=shape_text(self.dims))

    def reshape(self, bottom_shapes: list[Shape]) -> list[Shape]:
        shape, p = bottom_shapes[0], self.param.reshape_param
        rank = len(shape)
        start = p.axis if p.axis >= 0 else rank + p.axis + 1
        end = rank if p.num_axes == -1 else start + p.num_axes
        if not 0 <= start <= end <= rank or p.num_axes < -1:
            self.fail(
                "axis {axis} and num_axes {count} do not lie within bottom '{blob}' of {shape}",
                axis=p.axis,
                count=p.num_axes,
                blob=self.bottoms[0],
                shape=shape_text(shape),
            )
        old, new = shape[start:end], list(self.dims)
        for i, n in enumerate(new):
            if n == 0:
                if i >= len(old):
                    self.fail(
                        "dim {index} is 0 (keep), but bottom '{blob}' of {shape} has no "
                        "axis {axis}",
                        index=i,
                        blob=self.bottoms[0],
                        shape=shape_text(shape),
                        axis=start + i,
                    )
                new[i] = old[i]
        if -1 in new:
            known = product([n for n in new if n != -1])
            if not known or product(old) % known:
                self.fail(
                    "the {count} values of bottom '{blob}' ({shape}) cannot be spread over {dims}",
                    count=product(old),
                    blob=self.bottoms[0],
                    shape=shape_text(shape),
                    dims=shape_text(self.dims),
                )
            new[new.index(-1)] = product(old) // known
        if product(new) != product(old):
            self.fail(
                "{shape} holds {count} values, but bottom '{blob}' ({shape2}) has "
                "{found} to reshape",
                shape=shape_text(new),
                count=product(new),
                blob=self.bottoms[0],
                shape2=shape_text(shape),
                found=product(old),
            )
        return [self.checked((*shape[:start], *new, *shape[end:]))]

    def emit(
        self, g: Graph, bottoms: list[str], shapes: list[Shape], weights: list[str]
    ) -> list[str]:
        return [g.reshape(bottoms[0], self.reshape(shapes)[0])]

    def emit_gradient(self, g: Graph, r: Reverse) -> list[str | None]:
        return [g.reshape(r.diffs[0], r.shapes[0])]


@register("Crop")
class Crop(Layer):
    """The first bottom cut, from ``axis`` on, to the size of the second."""

    spatial = "crop"
    bottoms_allowed = (2, 2)

    def _offsets(self, shape: Shape, like: Shape) -> tuple[int, list[int]]:
        p = self.param.crop_param
        axis = self.axis(p.axis, shape)
        if len(like) != len(shape):
            self.fail(
                "bottom '{blob}' is {shape} but '{other}' is {shape2}; they need as many axes",
                blob=self.bottoms[1],
                shape=shape_text(like),
                other=self.bottoms[0],
                shape2=shape_text(shape),
            )
        n = len(shape) - axis
        if len(p.offset) not in (0, 1, n):
            self.fail(
                "{count} offsets for {axes} axes; give none, one, or one per axis",
                count=len(p.offset),
                axes=n,
            )
        offsets = list(p.offset) or [0]
        if len(offsets) == 1:
            offsets *= n
        for i, offset in enumerate(offsets):
            if offset + like[axis + i] > shape[axis + i]:
                self.fail(
                    "{count} values from {offset} on do not lie within the {size} of "
                    "axis {axis} of bottom '{blob}'",
                    count=like[axis + i],
                    offset=offset,
                    size=shape[axis + i],
                    axis=axis + i,
                    blob=self.bottoms[0],
                )
        return axis, offsets

    def reshape(self, bottom_shapes: list[Shape]) -> list[Shape]:
        shape, like = bottom_shapes
        axis, _ = self._offsets(shape, like)
        return [(*shape[:axis], *like[axis:])]

    def emit(
        self, g: Graph, bottoms: list[str], shapes: list[Shape], weights: list[str]
    ) -> list[str]:
        shape, like = shapes
        axis, offsets = self._offsets(shape, like)
        axes = range(axis, len(shape))
        ends = [offset + like[a] for a, offset in zip(axes, offsets)]
        return [g.op("Slice", [bottoms[0], g.ints(offsets), g.ints(ends), g.ints(axes)])]

    def emit_gradient(self, g: Graph, r: Reverse) -> list[str | None]:
        shape, like = r.shapes
        axis, offsets = self._offsets(shape, like)
        before = [0] * axis + offsets
        after = [0] * axis + [
            shape[axis + i] - offset - like[axis + i] for i, offset in enumerate(offsets)
        ]
        return [g.op("Pad", [r.diffs[0], g.ints(before + after)]), None]


@register("Tile")
class Tile(Layer):
    """The blob repeated ``tiles`` times along one axis."""

    spatial = "pointwise"

    @classmethod
    def works_along(cls, param: Any) -> int:
        return int(param.tile_param.axis)

    def setup(self) -> None:
        if self.param.tile_param.tiles < 1:
            self.fail("tiles is missing or 0; write how often to repeat")

    def reshape(self, bottom_shapes: list[Shape]) -> list[Shape]:
        shape, p = bottom_shapes[0], self.param.tile_param
        axis = self.axis(p.axis, shape)
        return [self.checked((*shape[:axis], shape[axis] * p.tiles, *shape[axis + 1 :]))]

    def emit(
        self, g: Graph, bottoms: list[str], shapes: list[Shape], weights: list[str]
    ) -> list[str]:
        repeats = [1] * len(shapes[0])
        repeats[self.axis(self.param.tile_param.axis, shapes[0])] = self.param.tile_param.tiles
        return [g.op("Tile", [bottoms[0], g.ints(repeats)])]

    def emit_gradient(self, g: Graph, r: Reverse) -> list[str | None]:
        shape, p = r.shapes[0], self.param.tile_param
        axis = self.axis(p.axis, shape)
        value = g.reshape(r.diffs[0], (*shape[:axis], p.tiles, *shape[axis:]))
        return [g.op("ReduceSum", [value, g.ints([axis])], keepdims=0)]


@register("Silence")
class Silence(Layer):
    """Takes blobs that nobody needs, so that they are no outputs."""

    spatial = "sink"
    bottoms_allowed = (1, None)
    tops_allowed = (0, 0)

    def reshape(self, bottom_shapes: list[Shape]) -> list[Shape]:
        return []

    def emit(
        self, g: Graph, bottoms: list[str], shapes: list[Shape], weights: list[str]
    ) -> list[str]:
        return []

    def emit_gradient(self, g: Graph, r: Reverse) -> list[str | None]:
        return [g.zeros(shape) for shape in r.shapes]


@register("BatchReindex")
class BatchReindex(Layer):
    """Rows of the first bottom in the order that the second names."""

    spatial = "everywhere"
    bottoms_allowed = (2, 2)

    def reshape(self, bottom_shapes: list[Shape]) -> list[Shape]:
        shape, order = bottom_shapes
        if len(order) != 1 or not shape:
            self.fail(
                "bottom '{blob}' is {shape}; it must have 1 axis",
                blob=self.bottoms[1],
                shape=shape_text(order),
            )
        return [self.checked((order[0], *shape[1:]))]

    def emit(
        self, g: Graph, bottoms: list[str], shapes: list[Shape], weights: list[str]
    ) -> list[str]:
        return [g.op("Gather", [bottoms[0], indices(g, bottoms[1], shapes[0][0])], axis=0)]

    def emit_gradient(self, g: Graph, r: Reverse) -> list[str | None]:
        shape, order = r.shapes
        rows = g.reshape(indices(g, r.bottom(1), shape[0]), (*order, 1))
        return [g.op("ScatterND", [g.zeros(shape), rows, r.diffs[0]], reduction="add"), None]

    def allows_backward(self, bottom: int) -> bool:
        return bottom == 0
