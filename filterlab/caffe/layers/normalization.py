"""LRN, BatchNorm, Scale, Bias, MVN and Softmax."""

from __future__ import annotations

import numpy as np

from filterlab.caffe.graph import Graph
from filterlab.caffe.layers.base import (
    TEST,
    Elementwise,
    Shape,
    WeightSpec,
    product,
    register,
    shape_text,
)
from filterlab.caffe.layers.pooling import AVE, Window, emit_pool
from filterlab.caffe.proto import caffe_pb2

__all__ = ["LRN", "MVN", "BatchNorm", "Bias", "Scale", "Softmax"]

#: Up to so many channels a banded matrix sums the squares across them.
WIDEST_BAND = 512


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
        across = self.p.norm_region == self.p.ACROSS_CHANNELS
        if across and bottom_shapes[0][1] > WIDEST_BAND and min(self.p.alpha, self.p.beta) <= 0:
            self.fail(
                f"alpha {self.p.alpha:g} and beta {self.p.beta:g} must be positive for more than "
                f"{WIDEST_BAND} channels"
            )
        return super().reshape(bottom_shapes)

    def emit(
        self, g: Graph, bottoms: list[str], shapes: list[Shape], weights: list[str]
    ) -> list[str]:
        p, x = self.p, bottoms[0]
        if p.norm_region == p.ACROSS_CHANNELS:
            return [self._across(g, x, shapes[0])]
        pad = (p.local_size - 1) // 2
        windows = [Window(n, p.local_size, 1, pad) for n in shapes[0][2:]]
        mean = emit_pool(g, g.op("Mul", [x, x]), AVE, *windows)
        scale = g.op("Add", [g.op("Mul", [mean, g.constant(p.alpha)]), g.constant(1.0)])
        return [self._divide(g, x, scale)]

    def _across(self, g: Graph, x: str, shape: Shape) -> str:
        p = self.p
        channels = shape[1]
        if channels > WIDEST_BAND:
            size = min(p.local_size, 2 * channels - 1)
            alpha = p.alpha / p.local_size * size
            return g.op("LRN", [x], size=size, alpha=alpha, beta=p.beta, bias=p.k)
        # ONNX Runtime's LRN spends its time in pow; a banded matrix is eight times faster.
        distance = np.abs(np.subtract.outer(np.arange(channels), np.arange(channels)))
        band = (distance <= p.local_size // 2) * (p.alpha / p.local_size)
        rows = g.reshape(g.op("Mul", [x, x]), (shape[0], channels, shape[2] * shape[3]))
        sums = g.op("MatMul", [g.constant(band), rows])
        return self._divide(g, x, g.op("Add", [g.reshape(sums, shape), g.constant(p.k)]))

    def _divide(self, g: Graph, x: str, scale: str) -> str:
        """x / scale ^ beta, by square roots for the beta that everybody uses."""
        beta = self.p.beta
        if beta == 1:
            return g.op("Div", [x, scale])
        if beta not in (0.5, 0.75):
            return g.op("Mul", [x, g.op("Pow", [scale, g.constant(-beta)])])
        root = g.op("Sqrt", [scale])
        if beta == 0.75:
            root = g.op("Mul", [root, g.op("Sqrt", [root])])
        return g.op("Div", [x, root])


@register("BatchNorm")
class BatchNorm(Elementwise):
    """Each channel less its mean, over the root of its variance plus eps.

    Weights are sums of means and of variances and the factor (1,) by which both are divided, as
    training leaves them. ``use_global_stats: false`` (the default in the training phase) takes
    mean and variance of the batch itself and leaves the weights alone.
    """

    def setup(self) -> None:
        p = self.param.batch_norm_param
        given = p.HasField("use_global_stats")
        self.stored = p.use_global_stats if given else self.phase == TEST

    def weight_specs(self, bottom_shapes: list[Shape]) -> list[WeightSpec]:
        shape = bottom_shapes[0]
        channels = shape[1] if len(shape) > 1 else 1
        return [WeightSpec((channels,)), WeightSpec((channels,)), WeightSpec((1,))]

    def emit(
        self, g: Graph, bottoms: list[str], shapes: list[Shape], weights: list[str]
    ) -> list[str]:
        shape = shapes[0]
        channels = shape[1] if len(shape) > 1 else 1
        rows = (shape[0] if shape else 1, channels, product(shape[2:]))
        x = g.reshape(bottoms[0], rows)
        if self.stored:
            # A factor of 0 means that nothing was summed up yet.
            none = g.op("Equal", [weights[2], g.constant(0.0)])
            safe = g.op("Where", [none, g.constant(1.0), weights[2]])
            factor = g.op("Where", [none, g.constant(0.0), g.op("Reciprocal", [safe])])
            mean, variance = (g.op("Mul", [w, factor]) for w in weights[:2])
        else:
            share = g.constant(1.0 / max(1, rows[0] * rows[2]))
            axes = g.ints([0, 2])
            total = g.op("ReduceSum", [x, axes], keepdims=1)
            mean = g.op("Mul", [total, share])
            centred = g.op("Sub", [x, mean])
            squares = g.op("ReduceSum", [g.op("Mul", [centred, centred]), axes], keepdims=0)
            mean = g.reshape(mean, (channels,))
            variance = g.op("Mul", [squares, share])
        ones = g.constant(np.ones(channels))
        zeros = g.constant(np.zeros(channels))
        eps = self.param.batch_norm_param.eps
        x = g.op("BatchNormalization", [x, ones, zeros, mean, variance], epsilon=eps)
        return [g.reshape(x, shape)]


class _Broadcast(Elementwise):
    """A second operand that stretches from ``axis`` over ``num_axes`` axes of the first.

    It is a weight, or the second bottom.
    """

    bottoms_allowed = (1, 2)

    def _operand(self, shapes: list[Shape], axis: int, num_axes: int) -> tuple[int, Shape]:
        """The operand's first axis and its shape."""
        shape = shapes[0]
        if len(shapes) > 1:
            start = self.axis(axis, shape) if shapes[1] else 0
            if shape[start : start + len(shapes[1])] != shapes[1]:
                self.fail(
                    f"bottom '{self.bottoms[1]}' is {shape_text(shapes[1])}, which does not "
                    f"match '{self.bottoms[0]}' ({shape_text(shape)}) from axis {axis} on"
                )
            return start, shapes[1]
        start = self.axis(axis, shape)
        end = len(shape) if num_axes == -1 else start + num_axes
        if num_axes < -1 or end > len(shape):
            self.fail(
                f"num_axes {num_axes} from axis {axis} on reaches beyond bottom "
                f"'{self.bottoms[0]}' of {shape_text(shape)}"
            )
        return start, shape[start:end]

    def _stretch(self, g: Graph, value: str, start: int, operand: Shape, shape: Shape) -> str:
        ones = (1,) * (len(shape) - start - len(operand))
        return g.reshape(value, (*operand, *ones))


@register("Scale")
class Scale(_Broadcast):
    """x times a scale for each channel, plus a bias if ``bias_term``."""

    def setup(self) -> None:
        self.p = self.param.scale_param

    def reshape(self, bottom_shapes: list[Shape]) -> list[Shape]:
        self._operand(bottom_shapes, self.p.axis, self.p.num_axes)
        return super().reshape(bottom_shapes)

    def weight_specs(self, bottom_shapes: list[Shape]) -> list[WeightSpec]:
        _, shape = self._operand(bottom_shapes, self.p.axis, self.p.num_axes)
        one = caffe_pb2.FillerParameter(type="constant", value=1)
        specs = []
        if len(bottom_shapes) == 1:
            specs.append(WeightSpec(shape, self.p.filler if self.p.HasField("filler") else one))
        if self.p.bias_term:
            specs.append(WeightSpec(shape, self.p.bias_filler))
        return specs

    def emit(
        self, g: Graph, bottoms: list[str], shapes: list[Shape], weights: list[str]
    ) -> list[str]:
        start, operand = self._operand(shapes, self.p.axis, self.p.num_axes)
        values = [*bottoms[1:], *weights]
        x = g.op("Mul", [bottoms[0], self._stretch(g, values[0], start, operand, shapes[0])])
        if self.p.bias_term:
            x = g.op("Add", [x, self._stretch(g, values[1], start, operand, shapes[0])])
        return [x]


@register("Bias")
class Bias(_Broadcast):
    """x plus a bias for each channel."""

    def setup(self) -> None:
        self.p = self.param.bias_param

    def reshape(self, bottom_shapes: list[Shape]) -> list[Shape]:
        self._operand(bottom_shapes, self.p.axis, self.p.num_axes)
        return super().reshape(bottom_shapes)

    def weight_specs(self, bottom_shapes: list[Shape]) -> list[WeightSpec]:
        if len(bottom_shapes) > 1:
            return []
        _, shape = self._operand(bottom_shapes, self.p.axis, self.p.num_axes)
        return [WeightSpec(shape, self.p.filler)]

    def emit(
        self, g: Graph, bottoms: list[str], shapes: list[Shape], weights: list[str]
    ) -> list[str]:
        start, operand = self._operand(shapes, self.p.axis, self.p.num_axes)
        value = [*bottoms[1:], *weights][0]
        return [g.op("Add", [bottoms[0], self._stretch(g, value, start, operand, shapes[0])])]


@register("MVN")
class MVN(Elementwise):
    """Each channel (or item) less its mean, over its standard deviation plus eps."""

    def reshape(self, bottom_shapes: list[Shape]) -> list[Shape]:
        if not 2 <= len(bottom_shapes[0]) <= 4:
            self.fail(
                f"bottom '{self.bottoms[0]}' is {shape_text(bottom_shapes[0])}; 2 to 4 axes are "
                "needed"
            )
        return super().reshape(bottom_shapes)

    def emit(
        self, g: Graph, bottoms: list[str], shapes: list[Shape], weights: list[str]
    ) -> list[str]:
        p, shape = self.param.mvn_param, shapes[0]
        rows = product(shape[:1] if p.across_channels else shape[:2])
        size = product(shape) // max(1, rows)
        share, axes = g.constant(1.0 / max(1, size)), g.ints([1])
        x = g.reshape(bottoms[0], (rows, size))
        mean = g.op("Mul", [g.op("ReduceSum", [x, axes], keepdims=1), share])
        x = g.op("Sub", [x, mean])
        if p.normalize_variance:
            squares = g.op("ReduceSum", [g.op("Mul", [x, x]), axes], keepdims=1)
            deviation = g.op("Sqrt", [g.op("Mul", [squares, share])])
            x = g.op("Div", [x, g.op("Add", [deviation, g.constant(p.eps)])])
        return [g.reshape(x, shape)]


@register("Softmax")
class Softmax(Elementwise):
    """exp(x), divided by its sum along ``axis``."""

    def reshape(self, bottom_shapes: list[Shape]) -> list[Shape]:
        self.axis(self.param.softmax_param.axis, bottom_shapes[0])
        return super().reshape(bottom_shapes)

    def emit(
        self, g: Graph, bottoms: list[str], shapes: list[Shape], weights: list[str]
    ) -> list[str]:
        axis = self.axis(self.param.softmax_param.axis, shapes[0])
        return [g.op("Softmax", [bottoms[0]], axis=axis)]
