"""Element by element: activations, powers, thresholds, dropout."""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

from filterlab.caffe import fillers
from filterlab.caffe.graph import Graph
from filterlab.caffe.layers.base import TRAIN, Elementwise, Shape, WeightSpec, register
from filterlab.caffe.proto import caffe_pb2

__all__ = ["Dropout", "PReLU", "Power", "ReLU"]


class Unary(Elementwise):
    """A layer that is one function of one value."""

    def unary(self, g: Graph, x: str) -> str:
        """Append the function."""
        raise NotImplementedError

    def emit(
        self, g: Graph, bottoms: list[str], shapes: list[Shape], weights: list[str]
    ) -> list[str]:
        return [self.unary(g, bottoms[0])]


@register("ReLU")
class ReLU(Unary):
    """max(x, 0) + negative_slope min(x, 0)."""

    def unary(self, g: Graph, x: str) -> str:
        slope = self.param.relu_param.negative_slope
        return g.op("LeakyRelu", [x], alpha=slope) if slope else g.op("Relu", [x])


@register("PReLU")
class PReLU(Elementwise):
    """ReLU with a learned slope for each channel, or one for all."""

    def setup(self) -> None:
        self.p = self.param.prelu_param

    def reshape(self, bottom_shapes: list[Shape]) -> list[Shape]:
        if len(bottom_shapes[0]) < 2:
            self.fail(f"bottom '{self.bottoms[0]}' needs at least 2 axes")
        return super().reshape(bottom_shapes)

    def weight_specs(self, bottom_shapes: list[Shape]) -> list[WeightSpec]:
        quarter = caffe_pb2.FillerParameter(type="constant", value=0.25)
        filler = self.p.filler if self.p.HasField("filler") else quarter
        return [WeightSpec(() if self.p.channel_shared else (bottom_shapes[0][1],), filler)]

    def emit(
        self, g: Graph, bottoms: list[str], shapes: list[Shape], weights: list[str]
    ) -> list[str]:
        slope = weights[0]
        if not self.p.channel_shared:
            slope = g.reshape(slope, (shapes[0][1], *(1,) * (len(shapes[0]) - 2)))
        return [g.op("PRelu", [bottoms[0], slope])]


@register("ELU")
class ELU(Unary):
    """x above 0, alpha (exp(x) - 1) below."""

    def unary(self, g: Graph, x: str) -> str:
        return g.op("Elu", [x], alpha=self.param.elu_param.alpha)


@register("Sigmoid")
class Sigmoid(Unary):
    """1 / (1 + exp(-x))."""

    def unary(self, g: Graph, x: str) -> str:
        return g.op("Sigmoid", [x])


@register("TanH")
class TanH(Unary):
    """The hyperbolic tangent."""

    def unary(self, g: Graph, x: str) -> str:
        return g.op("Tanh", [x])


@register("AbsVal")
class AbsVal(Unary):
    """|x|."""

    def unary(self, g: Graph, x: str) -> str:
        return g.op("Abs", [x])


@register("BNLL")
class BNLL(Unary):
    """log(1 + exp(x))."""

    def unary(self, g: Graph, x: str) -> str:
        return g.op("Softplus", [x])


def _affine(g: Graph, x: str, scale: float, shift: float) -> str:
    if scale != 1:
        x = g.op("Mul", [x, g.constant(scale)])
    if shift != 0:
        x = g.op("Add", [x, g.constant(shift)])
    return x


@register("Power")
class Power(Unary):
    """(shift + scale x) ^ power."""

    def unary(self, g: Graph, x: str) -> str:
        p = self.param.power_param
        x = _affine(g, x, p.scale, p.shift)
        if p.power == 1:
            return x
        if p.power == 2:
            return g.op("Mul", [x, x])
        return g.op("Pow", [x, g.constant(p.power)])


@register("Exp")
class Exp(Unary):
    """base ^ (shift + scale x); base -1 stands for e."""

    def setup(self) -> None:
        p = self.param.exp_param
        if p.base != -1 and p.base <= 0:
            self.fail(f"base {p.base:g} must be positive, or -1 for e")

    def unary(self, g: Graph, x: str) -> str:
        p = self.param.exp_param
        log_base = 1.0 if p.base == -1 else math.log(p.base)
        return g.op("Exp", [_affine(g, x, p.scale * log_base, p.shift * log_base)])


@register("Log")
class Log(Unary):
    """Logarithm to a base of shift + scale x; base -1 stands for e."""

    def setup(self) -> None:
        p = self.param.log_param
        if p.base != -1 and (p.base <= 0 or p.base == 1):
            self.fail(f"base {p.base:g} must be positive and not 1, or -1 for e")

    def unary(self, g: Graph, x: str) -> str:
        p = self.param.log_param
        x = g.op("Log", [_affine(g, x, p.scale, p.shift)])
        return x if p.base == -1 else g.op("Mul", [x, g.constant(1 / math.log(p.base))])


@register("Clip")
class Clip(Unary):
    """x kept between min and max."""

    def unary(self, g: Graph, x: str) -> str:
        p = self.param.clip_param
        return g.op("Clip", [x, g.constant(p.min), g.constant(p.max)])


@register("Swish")
class Swish(Unary):
    """x sigmoid(beta x)."""

    def unary(self, g: Graph, x: str) -> str:
        gate = g.op("Sigmoid", [_affine(g, x, self.param.swish_param.beta, 0)])
        return g.op("Mul", [x, gate])


@register("Threshold")
class Threshold(Unary):
    """1 where x is above the threshold, else 0."""

    def unary(self, g: Graph, x: str) -> str:
        above = g.op("Greater", [x, g.constant(self.param.threshold_param.threshold)])
        return g.op("Cast", [above], to=1)


@register("Dropout")
class Dropout(Elementwise):
    """Nothing in the test phase; in the training phase a random mask, scaled to keep the mean."""

    def setup(self) -> None:
        self.ratio = self.param.dropout_param.dropout_ratio
        if not 0 <= self.ratio < 1:
            self.fail(f"dropout_ratio {self.ratio:g} must be at least 0 and below 1")

    def emit(
        self, g: Graph, bottoms: list[str], shapes: list[Shape], weights: list[str]
    ) -> list[str]:
        if self.phase != TRAIN or self.ratio == 0:
            return [bottoms[0]]

        def refill(out: npt.NDArray[np.float32]) -> None:
            rng = np.random.Generator(np.random.SFC64(fillers.next_seed()))
            out[...] = (rng.random(out.shape) >= self.ratio) / (1 - self.ratio)

        return [g.op("Mul", [bottoms[0], g.host_input(shapes[0], refill)])]
