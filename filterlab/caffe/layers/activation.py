"""Element by element: activations, powers, thresholds, dropout."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import numpy.typing as npt

from filterlab.caffe import fillers
from filterlab.caffe.graph import Graph
from filterlab.caffe.layers.base import (
    TRAIN,
    Elementwise,
    Reverse,
    Shape,
    WeightSpec,
    register,
    sum_but,
)
from filterlab.caffe.proto import caffe_pb2

__all__ = ["Dropout", "PReLU", "Power", "ReLU"]


class Unary(Elementwise):
    """A layer that is one function of one value."""

    spatial = "value"

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

    def emit_gradient(self, g: Graph, r: Reverse) -> list[str | None]:
        slope, diff = self.param.relu_param.negative_slope, r.diffs[0]
        if r.rectify:
            diff = g.op("Relu", [diff])
            if r.rectify == "deconv":
                return [diff]
        # The top tells as well, and is there when the layer works in place.
        positive = g.op("Greater", [r.top(0) if slope >= 0 else r.bottom(0), g.constant(0.0)])
        below = g.op("Mul", [diff, g.constant(slope)]) if slope else g.constant(0.0)
        return [g.op("Where", [positive, diff, below])]


@register("PReLU")
class PReLU(Elementwise):
    """ReLU with a learned slope for each channel, or one for all."""

    @classmethod
    def units_along(cls, param: Any) -> int | None:
        return 0

    def setup(self) -> None:
        self.p = self.param.prelu_param

    def reshape(self, bottom_shapes: list[Shape]) -> list[Shape]:
        if len(bottom_shapes[0]) < 2:
            self.fail("bottom '{blob}' needs at least 2 axes", blob=self.bottoms[0])
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

    def emit_gradient(self, g: Graph, r: Reverse) -> list[str | None]:
        slope = r.weights[0]
        if not self.p.channel_shared:
            slope = g.reshape(slope, (r.shapes[0][1], *(1,) * (len(r.shapes[0]) - 2)))
        positive = g.op("Greater", [r.bottom(0), g.constant(0.0)])
        return [g.op("Where", [positive, r.diffs[0], g.op("Mul", [r.diffs[0], slope])])]

    def batch_is_outermost(self, bottom_shapes: list[Shape]) -> bool:
        return True

    def emit_weight_gradient(self, g: Graph, r: Reverse) -> list[str]:
        below = g.op("Min", [r.bottom(0), g.constant(0.0)])
        value = g.op("Mul", [r.diffs[0], below])
        return [sum_but(g, value, r.shapes[0], () if self.p.channel_shared else (1,))]


@register("ELU")
class ELU(Unary):
    """x above 0, alpha (exp(x) - 1) below."""

    def unary(self, g: Graph, x: str) -> str:
        return g.op("Elu", [x], alpha=self.param.elu_param.alpha)

    def emit_gradient(self, g: Graph, r: Reverse) -> list[str | None]:
        alpha, diff = self.param.elu_param.alpha, r.diffs[0]
        y = r.top(0)
        positive = g.op("Greater", [y if alpha >= 0 else r.bottom(0), g.constant(0.0)])
        below = g.op("Mul", [diff, g.op("Add", [y, g.constant(alpha)])])
        return [g.op("Where", [positive, diff, below])]


@register("Sigmoid")
class Sigmoid(Unary):
    """1 / (1 + exp(-x))."""

    def unary(self, g: Graph, x: str) -> str:
        return g.op("Sigmoid", [x])

    def emit_gradient(self, g: Graph, r: Reverse) -> list[str | None]:
        y = r.top(0)
        slope = g.op("Mul", [y, g.op("Sub", [g.constant(1.0), y])])
        return [g.op("Mul", [r.diffs[0], slope])]


@register("TanH")
class TanH(Unary):
    """The hyperbolic tangent."""

    def unary(self, g: Graph, x: str) -> str:
        return g.op("Tanh", [x])

    def emit_gradient(self, g: Graph, r: Reverse) -> list[str | None]:
        y = r.top(0)
        slope = g.op("Sub", [g.constant(1.0), g.op("Mul", [y, y])])
        return [g.op("Mul", [r.diffs[0], slope])]


@register("AbsVal")
class AbsVal(Unary):
    """|x|."""

    def unary(self, g: Graph, x: str) -> str:
        return g.op("Abs", [x])

    def emit_gradient(self, g: Graph, r: Reverse) -> list[str | None]:
        return [g.op("Mul", [r.diffs[0], g.op("Sign", [r.bottom(0)])])]


@register("BNLL")
class BNLL(Unary):
    """log(1 + exp(x))."""

    def unary(self, g: Graph, x: str) -> str:
        return g.op("Softplus", [x])

    def emit_gradient(self, g: Graph, r: Reverse) -> list[str | None]:
        return [g.op("Mul", [r.diffs[0], g.op("Sigmoid", [r.bottom(0)])])]


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

    def emit_gradient(self, g: Graph, r: Reverse) -> list[str | None]:
        p, diff = self.param.power_param, r.diffs[0]
        factor = p.power * p.scale
        if factor == 0:
            return [g.zeros(r.shapes[0])]
        if p.power != 1:
            base = _affine(g, r.bottom(0), p.scale, p.shift)
            if p.power != 2:
                base = g.op("Pow", [base, g.constant(p.power - 1)])
            diff = g.op("Mul", [diff, base])
        return [_affine(g, diff, factor, 0)]


@register("Exp")
class Exp(Unary):
    """base ^ (shift + scale x); base -1 stands for e."""

    def setup(self) -> None:
        p = self.param.exp_param
        if p.base != -1 and p.base <= 0:
            self.fail("base {base:g} must be positive, or -1 for e", base=p.base)

    def unary(self, g: Graph, x: str) -> str:
        p = self.param.exp_param
        log_base = 1.0 if p.base == -1 else math.log(p.base)
        return g.op("Exp", [_affine(g, x, p.scale * log_base, p.shift * log_base)])

    def emit_gradient(self, g: Graph, r: Reverse) -> list[str | None]:
        p = self.param.exp_param
        scale = p.scale * (1.0 if p.base == -1 else math.log(p.base))
        return [_affine(g, g.op("Mul", [r.diffs[0], r.top(0)]), scale, 0)]


@register("Log")
class Log(Unary):
    """Logarithm to a base of shift + scale x; base -1 stands for e."""

    def setup(self) -> None:
        p = self.param.log_param
        if p.base != -1 and (p.base <= 0 or p.base == 1):
            self.fail("base {base:g} must be positive and not 1, or -1 for e", base=p.base)

    def unary(self, g: Graph, x: str) -> str:
        p = self.param.log_param
        x = g.op("Log", [_affine(g, x, p.scale, p.shift)])
        return x if p.base == -1 else g.op("Mul", [x, g.constant(1 / math.log(p.base))])

    def emit_gradient(self, g: Graph, r: Reverse) -> list[str | None]:
        p = self.param.log_param
        scale = p.scale / (1.0 if p.base == -1 else math.log(p.base))
        inner = _affine(g, r.bottom(0), p.scale, p.shift)
        return [_affine(g, g.op("Div", [r.diffs[0], inner]), scale, 0)]


@register("Clip")
class Clip(Unary):
    """x kept between min and max; where min is above max, everything is min, as in BVLC."""

    def unary(self, g: Graph, x: str) -> str:
        p = self.param.clip_param
        if p.min > p.max:
            return g.op("Max", [g.op("Min", [x, g.constant(p.max)]), g.constant(p.min)])
        return g.op("Clip", [x, g.constant(p.min), g.constant(p.max)])

    def emit_gradient(self, g: Graph, r: Reverse) -> list[str | None]:
        p, x = self.param.clip_param, r.bottom(0)
        inside = g.op(
            "And",
            [
                g.op("GreaterOrEqual", [x, g.constant(p.min)]),
                g.op("LessOrEqual", [x, g.constant(p.max)]),
            ],
        )
        return [g.op("Where", [inside, r.diffs[0], g.constant(0.0)])]


@register("Swish")
class Swish(Unary):
    """x sigmoid(beta x)."""

    def unary(self, g: Graph, x: str) -> str:
        gate = g.op("Sigmoid", [_affine(g, x, self.param.swish_param.beta, 0)])
        return g.op("Mul", [x, gate])

    def emit_gradient(self, g: Graph, r: Reverse) -> list[str | None]:
        beta = self.param.swish_param.beta
        gate = g.op("Sigmoid", [_affine(g, r.bottom(0), beta, 0)])
        y = _affine(g, r.top(0), beta, 0)
        slope = g.op("Add", [y, g.op("Mul", [gate, g.op("Sub", [g.constant(1.0), y])])])
        return [g.op("Mul", [r.diffs[0], slope])]


@register("ReLU6")
class ReLU6(Unary):
    """x kept between 0 and 6, in the forks for MobileNet (Howard et al., 2017)."""

    def unary(self, g: Graph, x: str) -> str:
        return g.op("Clip", [x, g.constant(0.0), g.constant(6.0)])

    def emit_gradient(self, g: Graph, r: Reverse) -> list[str | None]:
        y = r.top(0)
        inside = g.op("And", [g.op("Greater", [y, g.constant(0.0)]),
                              g.op("Less", [y, g.constant(6.0)])])  # fmt: skip
        return [g.op("Where", [inside, r.diffs[0], g.constant(0.0)])]


@register("Mish")
class Mish(Unary):
    """x tanh(log(1 + exp(x))), in the forks for YOLOv4 (Misra, 2019)."""

    def unary(self, g: Graph, x: str) -> str:
        return g.op("Mul", [x, g.op("Tanh", [g.op("Softplus", [x])])])

    def emit_gradient(self, g: Graph, r: Reverse) -> list[str | None]:
        x, one = r.bottom(0), g.constant(1.0)
        gate = g.op("Tanh", [g.op("Softplus", [x])])
        rest = g.op("Sub", [one, g.op("Mul", [gate, gate])])
        slope = g.op("Mul", [g.op("Mul", [x, rest]), g.op("Sigmoid", [x])])
        return [g.op("Mul", [r.diffs[0], g.op("Add", [gate, slope])])]


@register("HardSwish", "HSwish")
class HardSwish(Unary):
    """x times x + 3 kept between 0 and 6, over 6, in the forks for MobileNetV3 (Howard, 2019)."""

    def _gate(self, g: Graph, x: str) -> str:
        inner = g.op("Add", [x, g.constant(3.0)])
        return g.op("Clip", [inner, g.constant(0.0), g.constant(6.0)])

    def unary(self, g: Graph, x: str) -> str:
        return g.op("Mul", [g.op("Mul", [x, self._gate(g, x)]), g.constant(1 / 6)])

    def emit_gradient(self, g: Graph, r: Reverse) -> list[str | None]:
        x = r.bottom(0)
        gate = self._gate(g, x)
        inside = g.op("And", [g.op("Greater", [gate, g.constant(0.0)]),
                              g.op("Less", [gate, g.constant(6.0)])])  # fmt: skip
        slope = g.op("Add", [gate, g.op("Where", [inside, x, g.constant(0.0)])])
        slope = g.op("Mul", [slope, g.constant(1 / 6)])
        return [g.op("Mul", [r.diffs[0], slope])]


@register("Threshold")
class Threshold(Unary):
    """1 where x is above the threshold, else 0."""

    def unary(self, g: Graph, x: str) -> str:
        above = g.op("Greater", [x, g.constant(self.param.threshold_param.threshold)])
        return g.op("Cast", [above], to=1)


@register("Dropout")
class Dropout(Elementwise):
    """Nothing in the test phase; in the training phase a random mask, scaled to keep the mean.

    Bayesian SegNet's ``sample_weights_test`` draws masks in the test phase too, and a fork's
    ``scale_train: false`` scales in the test phase in place of training.
    """

    spatial = "value"

    def setup(self) -> None:
        self.ratio = self.param.dropout_param.dropout_ratio
        if not 0 <= self.ratio < 1:
            self.fail("dropout_ratio {ratio:g} must be at least 0 and below 1", ratio=self.ratio)

    def emit(
        self, g: Graph, bottoms: list[str], shapes: list[Shape], weights: list[str]
    ) -> list[str]:
        p = self.param.dropout_param
        if self.ratio == 0:
            return [bottoms[0]]
        if self.phase != TRAIN and not p.sample_weights_test:
            return [
                bottoms[0]
                if p.scale_train
                else g.op("Mul", [bottoms[0], g.constant(1 - self.ratio)])
            ]
        return [g.op("Mul", [bottoms[0], g.host_input(shapes[0], self._mask)])]

    def emit_gradient(self, g: Graph, r: Reverse) -> list[str | None]:
        return list(self.emit(g, [r.diffs[0]], r.shapes, []))

    def _mask(self, out: npt.NDArray[np.float32]) -> None:
        """Zeros for what is dropped, and for the rest a factor that keeps the mean."""
        rng = np.random.Generator(np.random.SFC64(fillers.next_seed()))
        out[...] = rng.random(out.shape) >= self.ratio
        if self.param.dropout_param.scale_train:
            out /= 1 - self.ratio
