"""InnerProduct (fully connected) and Embed."""

from __future__ import annotations

from filterlab.caffe.graph import Graph
from filterlab.caffe.layers.base import Layer, Shape, WeightSpec, product, register

__all__ = ["Embed", "InnerProduct"]


@register("InnerProduct")
class InnerProduct(Layer):
    """Every output is a weighted sum of all inputs from ``axis`` on, plus a bias.

    Weights are (outputs, inputs), or (inputs, outputs) if ``transpose``, and (outputs,).
    """

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
            value = g.reshape(value, (rows, inputs))
        value = g.op("Gemm", [value, *weights], transB=0 if self.p.transpose else 1)
        if axis != 1:
            value = g.reshape(value, (*shape[:axis], self.p.num_output))
        return [value]


@register("Embed")
class Embed(Layer):
    """A row of weights for each index: bottom (…) gives top (…, num_output)."""

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
        index = g.op("Cast", [bottoms[0]], to=7)
        value = g.op("Gather", [weights[0], index], axis=0)
        return [g.op("Add", [value, weights[1]]) if self.p.bias_term else value]
