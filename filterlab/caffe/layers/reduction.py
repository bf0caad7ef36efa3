"""Layers that combine blobs or axes: Eltwise, Reduction, ArgMax."""

from __future__ import annotations

from typing import Any

from filterlab.caffe.graph import Graph
from filterlab.caffe.layers.base import Layer, Reverse, Shape, product, register, shape_text

__all__ = ["ArgMax", "Eltwise", "Reduction"]

INT64 = 7
FLOAT = 1


@register("Eltwise")
class Eltwise(Layer):
    """Product, weighted sum or maximum of blobs of one shape."""

    spatial = "pointwise"
    bottoms_allowed = (2, None)

    def setup(self) -> None:
        p = self.param.eltwise_param
        if len(p.coeff) not in (0, len(self.bottoms)):
            self.fail(
                "{count} coefficients for {bottoms} bottoms",
                count=len(p.coeff),
                bottoms=len(self.bottoms),
            )
        if len(p.coeff) and p.operation != p.SUM:
            self.fail("only a SUM takes coefficients")

    def reshape(self, bottom_shapes: list[Shape]) -> list[Shape]:
        self.same_shapes(bottom_shapes)
        return [bottom_shapes[0]]

    def emit(
        self, g: Graph, bottoms: list[str], shapes: list[Shape], weights: list[str]
    ) -> list[str]:
        p = self.param.eltwise_param
        if p.operation == p.MAX:
            return [g.op("Max", bottoms)]
        terms = list(bottoms)
        if p.operation == p.SUM:
            for i, c in enumerate(p.coeff):
                if c != 1:
                    terms[i] = g.op("Mul", [terms[i], g.constant(c)])
        kind = "Add" if p.operation == p.SUM else "Mul"
        total = terms[0]
        for term in terms[1:]:
            total = g.op(kind, [total, term])
        return [total]

    def emit_gradient(self, g: Graph, r: Reverse) -> list[str | None]:
        p, diff, count = self.param.eltwise_param, r.diffs[0], len(self.bottoms)
        if p.operation == p.SUM:
            return [
                diff if c == 1 else g.op("Mul", [diff, g.constant(c)])
                for c in list(p.coeff) or [1.0] * count
            ]
        if p.operation == p.MAX:
            return self._to_the_largest(g, r, diff)
        if not p.stable_prod_grad:
            along = g.op("Mul", [diff, r.top(0)])
            return [
                g.op("Div", [along, r.bottom(i)]) if r.wanted[i] else None for i in range(count)
            ]
        found: list[str | None] = []
        for i in range(count):
            value = diff
            for j in range(count if r.wanted[i] else 0):
                if i != j:
                    value = g.op("Mul", [value, r.bottom(j)])
            found.append(value if r.wanted[i] else None)
        return found

    def _to_the_largest(self, g: Graph, r: Reverse, diff: str) -> list[str | None]:
        """All to one of equal bottoms: of the first two to the second, then to the earlier."""
        values = [r.bottom(i) for i in range(len(self.bottoms))]
        best, most = [values[0]], values[0]
        for value in values[1:-1]:
            most = g.op("Max", [most, value])
            best.append(most)
        none = g.constant(0.0)
        found: list[str | None] = []
        for value, before in zip(reversed(values[2:]), reversed(best[1:])):
            larger = g.op("Greater", [value, before])
            found.insert(0, g.op("Where", [larger, diff, none]))
            diff = g.op("Where", [larger, none, diff])
        first = g.op("Greater", [values[0], values[1]])
        ends = [g.op("Where", [first, diff, none]), g.op("Where", [first, none, diff])]
        return [*ends, *found]


@register("Reduction")
class Reduction(Layer):
    """Sum, sum of absolutes, sum of squares or mean of all axes from ``axis`` on."""

    spatial = "everywhere"

    def reshape(self, bottom_shapes: list[Shape]) -> list[Shape]:
        shape = bottom_shapes[0]
        axis = self.param.reduction_param.axis
        return [shape[: self.axis(axis, shape) if shape else 0]]

    def emit(
        self, g: Graph, bottoms: list[str], shapes: list[Shape], weights: list[str]
    ) -> list[str]:
        p = self.param.reduction_param
        kept = self.reshape(shapes)[0]
        size = product(shapes[0][len(kept) :])
        value = g.reshape(bottoms[0], (product(kept), size))
        if p.operation == p.ASUM:
            value = g.op("Abs", [value])
        elif p.operation == p.SUMSQ:
            value = g.op("Mul", [value, value])
        value = g.op("ReduceSum", [value, g.ints([1])], keepdims=0)
        factor = p.coeff / size if p.operation == p.MEAN and size else p.coeff
        if factor != 1:
            value = g.op("Mul", [value, g.constant(factor)])
        return [g.reshape(value, kept)]

    def emit_gradient(self, g: Graph, r: Reverse) -> list[str | None]:
        p, kept, shape = self.param.reduction_param, r.tops[0], r.shapes[0]
        size = product(shape[len(kept) :])
        value = g.reshape(r.diffs[0], (*kept, *(1,) * (len(shape) - len(kept))))
        factor = p.coeff / size if p.operation == p.MEAN and size else p.coeff
        if p.operation == p.SUMSQ:
            factor *= 2
        if factor != 1:
            value = g.op("Mul", [value, g.constant(factor)])
        if p.operation == p.ASUM:
            return [g.op("Mul", [value, g.op("Sign", [r.bottom(0)])])]
        if p.operation == p.SUMSQ:
            return [g.op("Mul", [value, r.bottom(0)])]
        return [g.op("Expand", [value, g.ints(shape)])]


@register("ArgMax")
class ArgMax(Layer):
    """Indices (or values) of the ``top_k`` largest, along ``axis`` or over each item.

    Of equal values the one of the higher index comes first, as in BVLC.
    """

    spatial = "pointwise"

    @classmethod
    def spatial_of(cls, param: Any) -> str:
        return "pointwise" if param.argmax_param.HasField("axis") else "everywhere"

    @classmethod
    def works_along(cls, param: Any) -> int:
        return int(param.argmax_param.axis)

    def setup(self) -> None:
        self.p = self.param.argmax_param
        if self.p.top_k < 1:
            self.fail("top_k is 0; it must be at least 1")

    def reshape(self, bottom_shapes: list[Shape]) -> list[Shape]:
        shape, p = bottom_shapes[0], self.p
        if p.HasField("axis"):
            axis = self.axis(p.axis, shape)
            size = shape[axis]
            top: Shape = (*shape[:axis], p.top_k, *shape[axis + 1 :])
        else:
            if not shape:
                self.fail("bottom '{blob}' has no axes", blob=self.bottoms[0])
            size = product(shape[1:])
            rows = 2 if p.out_max_val else 1
            top = (shape[0], rows, p.top_k, *(1,) * max(0, len(shape) - 3))
        if p.top_k > size:
            self.fail(
                "top_k is {top}, but bottom '{blob}' ({shape}) has only {size} values to "
                "choose from",
                top=p.top_k,
                blob=self.bottoms[0],
                shape=shape_text(shape),
                size=size,
            )
        return [self.checked(top)]

    def emit(
        self, g: Graph, bottoms: list[str], shapes: list[Shape], weights: list[str]
    ) -> list[str]:
        shape, p = shapes[0], self.p
        axis = self.axis(p.axis, shape) if p.HasField("axis") else 1
        value, size = bottoms[0], shape[axis] if p.HasField("axis") else product(shape[1:])
        if not p.HasField("axis"):
            value = g.reshape(value, (shape[0], size))
        # TopK prefers the lower index of equals; Caffe the higher: look from the other end.
        far = -(2**62)
        value = g.op("Slice", [value, g.ints([-1]), g.ints([far]), g.ints([axis]), g.ints([-1])])
        best, index = g.ops("TopK", [value, g.ints([p.top_k])], 2, axis=axis)
        index = g.op("Sub", [g.constant(size - 1, "int64"), index])
        index = g.op("Cast", [index], to=FLOAT)
        if p.HasField("axis"):
            return [best if p.out_max_val else index]
        if p.out_max_val:
            index = g.op("Concat", [index, best], axis=1)
        return [g.reshape(index, self.reshape(shapes)[0])]
