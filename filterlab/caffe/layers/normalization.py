"""LRN, BatchNorm, Scale, Bias, MVN and Softmax."""

from __future__ import annotations

from filterlab.caffe.graph import Graph
from filterlab.caffe.layers.base import Elementwise, Shape, register, shape_text
from filterlab.caffe.layers.pooling import AVE, Window, emit_pool

__all__ = ["LRN", "Softmax"]


@register("LRN")
class LRN(Elementwise):
    """Local response normalization: x / (k + alpha / n * sum of squares) ^ beta.

    ACROSS_CHANNELS sums over ``local_size`` channels; WITHIN_CHANNEL over a square around each
    value, with k fixed at 1, as in BVLC.
    """

    def setup(self) -> None:
        self.p = self.param.lrn_param
        if self.p.local_size % 2 == 0:
            self.fail(f"local_size is {self.p.local_size}; it must be odd")

    def reshape(self, bottom_shapes: list[Shape]) -> list[Shape]:
        if len(bottom_shapes[0]) != 4:
            self.fail(
                f"bottom '{self.bottoms[0]}' is {shape_text(bottom_shapes[0])}; 4 axes "
                "(N, C, H, W) are needed"
            )
        return super().reshape(bottom_shapes)

    def emit(
        self, g: Graph, bottoms: list[str], shapes: list[Shape], weights: list[str]
    ) -> list[str]:
        p, x = self.p, bottoms[0]
        if p.norm_region == p.ACROSS_CHANNELS:
            return [g.op("LRN", [x], size=p.local_size, alpha=p.alpha, beta=p.beta, bias=p.k)]
        pad = (p.local_size - 1) // 2
        windows = [Window(n, p.local_size, 1, pad) for n in shapes[0][2:]]
        mean = emit_pool(g, g.op("Mul", [x, x]), AVE, *windows)
        scale = g.op("Add", [g.op("Mul", [mean, g.constant(p.alpha)]), g.constant(1.0)])
        return [g.op("Mul", [x, g.op("Pow", [scale, g.constant(-p.beta)])])]


@register("Softmax")
class Softmax(Elementwise):
    """exp(x), divided by its sum along ``axis``."""

    def emit(
        self, g: Graph, bottoms: list[str], shapes: list[Shape], weights: list[str]
    ) -> list[str]:
        axis = self.axis(self.param.softmax_param.axis, shapes[0])
        return [g.op("Softmax", [bottoms[0]], axis=axis)]

    def reshape(self, bottom_shapes: list[Shape]) -> list[Shape]:
        self.axis(self.param.softmax_param.axis, bottom_shapes[0])
        return super().reshape(bottom_shapes)
