"""InnerProduct (fully connected) and Embed."""

from __future__ import annotations

from typing import Any

from filterlab.caffe.graph import Graph
from filterlab.caffe.layers.base import (
    Fold,
    Layer,
    Reverse,
    Shape,
    WeightSpec,
    indices,
    product,
    register,
    sum_but,
)
from filterlab.caffe.text import Text

__all__ = ["FOLD_ROWS", "Embed", "InnerProduct"]


def _fold_kernels(weight: Any, factor: Any) -> Any:
    return weight * factor.reshape(-1, *(1,) * (weight.ndim - 1))


def _fold_bias(bias: Any, factor: Any, addend: Any) -> Any:
    return addend if bias is None else factor * bias + addend


#: For weights with one row for each output.
FOLD_ROWS = Fold(_fold_kernels, _fold_bias)


@register("InnerProduct")
class InnerProduct(Layer):
    """Every output is a weighted sum of all inputs from ``axis`` on, plus a bias.

    Weights are (outputs, inputs), or (inputs, outputs) if ``transpose``, and (outputs,).
    """

    spatial = "everywhere"

    @classmethod
    def units_along(cls, param: Any) -> int | None:
        return 1 if param.inner_product_param.transpose else 0

    def setup(self) -> None:
        self.p = self.param.inner_product_param
        if self.p.num_output < 1:
            self.fail("num_output is missing or 0; write how many outputs there are")

    def reshape(self, bottom_shapes: list[Shape]) -> list[Shape]:
        shape = bottom_shapes[0]
        axis = self.axis(self.p.axis, shape)
        return [self.checked((*shape[:axis], self.p.num_output))]

    def weight_specs(self, bottom_shapes: list[Shape]) -> list[WeightSpec]:
        p, shape = self.p, bottom_shapes[0]
        inputs = product(shape[self.axis(p.axis, shape) :])
        matrix = (inputs, p.num_output) if p.transpose else (p.num_output, inputs)
        specs = [WeightSpec(matrix, p.weight_filler)]
        if p.bias_term:
            specs.append(WeightSpec((p.num_output,), p.bias_filler))
        return specs

    def emit(
        self, g: Graph, bottoms: list[str], shapes: list[Shape], weights: list[str]
    ) -> list[str]:
        shape = shapes[0]
        axis = self.axis(self.p.axis, shape)
        rows, inputs = product(shape[:axis]), product(shape[axis:])
        value = bottoms[0]
        if shape != (rows, inputs):
            if g.portable:
                value = g.op("Flatten", [value], axis=axis)
            else:
                value = g.reshape(value, (rows, inputs))
        value = g.op("Gemm", [value, *weights], transB=0 if self.p.transpose else 1)
        if axis != 1:
            value = g.reshape(value, (*shape[:axis], self.p.num_output))
        return [value]

    def fold(self, shapes: list[Shape]) -> Fold | None:
        if self.p.transpose or self.axis(self.p.axis, shapes[0]) != 1:
            return None
        return FOLD_ROWS

    def _rows(self, g: Graph, r: Reverse) -> tuple[str, int, int]:
        """The diffs as a matrix, and the sizes of the input as one."""
        shape = r.shapes[0]
        axis = self.axis(self.p.axis, shape)
        rows, inputs = product(shape[:axis]), product(shape[axis:])
        return g.reshape(r.diffs[0], (rows, self.p.num_output)), rows, inputs

    def emit_gradient(self, g: Graph, r: Reverse) -> list[str | None]:
        diff, _, _ = self._rows(g, r)
        value = g.op("Gemm", [diff, r.weights[0]], transB=1 if self.p.transpose else 0)
        return [g.reshape(value, r.shapes[0])]

    def batch_is_outermost(self, bottom_shapes: list[Shape]) -> bool:
        return self.axis(self.p.axis, bottom_shapes[0]) > 0

    def emit_weight_gradient(self, g: Graph, r: Reverse) -> list[str]:
        diff, rows, inputs = self._rows(g, r)
        x = g.reshape(r.bottom(0), (rows, inputs))
        pair = [x, diff] if self.p.transpose else [diff, x]
        return [g.op("Gemm", pair, transA=1), sum_but(g, diff, (rows, 0), (1,))][
            : 1 + self.p.bias_term
        ]


@register("Embed")
class Embed(Layer):
    """A row of weights for each index: bottom (…) gives top (…, num_output)."""

    spatial = "everywhere"
    placeless = Text("it looks up words, not pictures")

    @classmethod
    def units_along(cls, param: Any) -> int | None:
        return 1

    def setup(self) -> None:
        self.p = self.param.embed_param
        if self.p.num_output < 1 or self.p.input_dim < 1:
            self.fail("num_output and input_dim must both be at least 1")

    def reshape(self, bottom_shapes: list[Shape]) -> list[Shape]:
        return [self.checked((*bottom_shapes[0], self.p.num_output))]

    def weight_specs(self, bottom_shapes: list[Shape]) -> list[WeightSpec]:
        p = self.p
        specs = [WeightSpec((p.input_dim, p.num_output), p.weight_filler)]
        if p.bias_term:
            specs.append(WeightSpec((p.num_output,), p.bias_filler))
        return specs

    def emit(
        self, g: Graph, bottoms: list[str], shapes: list[Shape], weights: list[str]
    ) -> list[str]:
        index = indices(g, bottoms[0], self.p.input_dim)
        value = g.op("Gather", [weights[0], index], axis=0)
        return [g.op("Add", [value, weights[1]]) if self.p.bias_term else value]

    def emit_gradient(self, g: Graph, r: Reverse) -> list[str | None]:
        return [None]

    def batch_is_outermost(self, bottom_shapes: list[Shape]) -> bool:
        return bool(bottom_shapes[0])

    def emit_weight_gradient(self, g: Graph, r: Reverse) -> list[str]:
        p, count = self.p, product(r.shapes[0])
        rows = g.reshape(indices(g, r.bottom(0), p.input_dim), (count, 1))
        diff = g.reshape(r.diffs[0], (count, p.num_output))
        zeros = g.zeros((p.input_dim, p.num_output))
        value = g.op("ScatterND", [zeros, rows, diff], reduction="add")
        return [value, sum_but(g, diff, (count, 0), (1,))][: 1 + p.bias_term]
