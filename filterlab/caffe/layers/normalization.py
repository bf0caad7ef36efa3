"""LRN, BatchNorm, Scale, Bias, MVN and Softmax."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from filterlab.caffe.graph import Graph
from filterlab.caffe.layers.base import (
    TEST,
    Affine,
    Elementwise,
    Reach,
    Reverse,
    Shape,
    WeightSpec,
    product,
    register,
    shape_text,
    sum_but,
)
from filterlab.caffe.layers.pooling import AVE, Window, emit_pool, emit_pool_gradient
from filterlab.caffe.proto import caffe_pb2

__all__ = ["BN", "LRN", "MVN", "BatchNorm", "Bias", "Normalize", "Scale", "Softmax"]


def softmax_gradient(g: Graph, y: str, diff: str, axis: int) -> str:
    """The gradient of a softmax ``y`` along an axis."""
    along = g.op("ReduceSum", [g.op("Mul", [y, diff]), g.ints([axis])], keepdims=1)
    return g.op("Mul", [y, g.op("Sub", [diff, along])])


#: Up to so many channels a banded matrix sums the squares across them.
WIDEST_BAND = 512


@register("LRN")
class LRN(Elementwise):
    """Local response normalization: x / (k + alpha / n * sum of squares) ^ beta.

    ACROSS_CHANNELS sums over ``local_size`` channels; WITHIN_CHANNEL over a square around each
    value, with k fixed at 1, as in BVLC.
    """

    @classmethod
    def spatial_of(cls, param: Any) -> str:
        across = param.lrn_param.norm_region == param.lrn_param.ACROSS_CHANNELS
        return "pointwise" if across else "sliding"

    @classmethod
    def reach(cls, param: Any) -> tuple[Reach, ...]:
        size = int(param.lrn_param.local_size)
        return (Reach(size, 1, (size - 1) // 2),) * 2

    def setup(self) -> None:
        self.p = self.param.lrn_param
        if self.p.local_size % 2 == 0:
            self.fail("local_size is {size}; it must be odd", size=self.p.local_size)

    def reshape(self, bottom_shapes: list[Shape]) -> list[Shape]:
        if len(bottom_shapes[0]) != 4:
            self.fail(
                "bottom '{blob}' is {shape}; 4 axes (N, C, H, W) are needed",
                blob=self.bottoms[0],
                shape=shape_text(bottom_shapes[0]),
            )
        across = self.p.norm_region == self.p.ACROSS_CHANNELS
        if across and bottom_shapes[0][1] > WIDEST_BAND and min(self.p.alpha, self.p.beta) <= 0:
            self.fail(
                "alpha {alpha:g} and beta {beta:g} must be positive for more than {most} channels",
                alpha=self.p.alpha,
                beta=self.p.beta,
                most=WIDEST_BAND,
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
        if channels > WIDEST_BAND or (g.portable and min(p.alpha, p.beta) > 0):
            size = min(p.local_size, 2 * channels - 1)
            alpha = p.alpha / p.local_size * size
            return g.op("LRN", [x], size=size, alpha=alpha, beta=p.beta, bias=p.k)
        # ONNX Runtime's LRN spends its time in pow; a banded matrix is eight times faster.
        distance = np.abs(np.subtract.outer(np.arange(channels), np.arange(channels)))
        band = (distance <= p.local_size // 2) * (p.alpha / p.local_size)
        rows = g.reshape(g.op("Mul", [x, x]), (shape[0], channels, shape[2] * shape[3]))
        sums = g.op("MatMul", [g.constant(band), rows])
        return self._divide(g, x, g.op("Add", [g.reshape(sums, shape), g.constant(p.k)]))

    def emit_gradient(self, g: Graph, r: Reverse) -> list[str | None]:
        p, shape, x, diff = self.p, r.shapes[0], r.bottom(0), r.diffs[0]
        square = g.op("Mul", [x, x])
        if p.norm_region != p.ACROSS_CHANNELS:
            pad = (p.local_size - 1) // 2
            windows = [Window(n, p.local_size, 1, pad) for n in shape[2:]]
            mean = emit_pool(g, square, AVE, *windows)
            scale = g.op("Add", [g.op("Mul", [mean, g.constant(p.alpha)]), g.constant(1.0)])
            through = g.op("Div", [g.op("Mul", [self._divide(g, diff, scale), x]), scale])
            spread = emit_pool_gradient(
                g, lambda: x, through, product(shape[:2]), AVE, windows[0], windows[1]
            )
            spread = g.op("Mul", [g.reshape(spread, shape), g.constant(p.alpha)])
        else:
            channels = shape[1]
            rows = (shape[0], channels, shape[2] * shape[3])
            distance = np.abs(np.subtract.outer(np.arange(channels), np.arange(channels)))
            # The band is its own mirror image: what a value gives to sums, they give back to it.
            band = g.constant((distance <= p.local_size // 2) * (p.alpha / p.local_size))
            sums = g.reshape(g.op("MatMul", [band, g.reshape(square, rows)]), shape)
            scale = g.op("Add", [sums, g.constant(p.k)])
            through = g.op("Div", [g.op("Mul", [self._divide(g, diff, scale), x]), scale])
            spread = g.reshape(g.op("MatMul", [band, g.reshape(through, rows)]), shape)
        back = g.op("Mul", [g.op("Mul", [x, spread]), g.constant(2 * p.beta)])
        return [g.op("Sub", [self._divide(g, diff, scale), back])]

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

    NVIDIA's fork (NVIDIA/caffe) adds a scale and a bias for each channel with ``scale_bias``; it
    leaves means and variances as they are in its weights, undivided.
    """

    def setup(self) -> None:
        p = self.param.batch_norm_param
        given = p.HasField("use_global_stats")
        self.stored = p.use_global_stats if given else self.phase == TEST
        self.scaled = p.scale_bias or p.HasField("scale_filler") or p.HasField("bias_filler")

    def weight_specs(self, bottom_shapes: list[Shape]) -> list[WeightSpec]:
        shape = bottom_shapes[0]
        channels = shape[1] if len(shape) > 1 else 1
        specs = [WeightSpec((channels,)), WeightSpec((channels,)), WeightSpec((1,))]
        p = self.param.batch_norm_param
        if self.scaled:
            one = caffe_pb2.FillerParameter(type="constant", value=1)
            specs.append(
                WeightSpec((channels,), p.scale_filler if p.HasField("scale_filler") else one)
            )
            specs.append(WeightSpec((channels,), p.bias_filler))
        return specs

    def affine(self, shapes: list[Shape]) -> Affine | None:
        if not self.stored or len(shapes[0]) < 2:
            return None
        scaled, eps = self.scaled, float(np.float32(self.param.batch_norm_param.eps))

        def of(weights: Sequence[Any]) -> tuple[Any, Any]:
            mean, variance = (np.asarray(w, np.float64) for w in weights[:2])
            if not scaled:
                # A factor of 0 means that nothing was summed up yet.
                factor = float(weights[2][0])
                share = 1 / factor if factor else 0.0
                mean, variance = mean * share, variance * share
            scale = 1 / np.sqrt(variance + eps)
            if scaled:
                scale = scale * weights[3]
                return scale, weights[4] - mean * scale
            return scale, -mean * scale

        return of

    def emit(
        self, g: Graph, bottoms: list[str], shapes: list[Shape], weights: list[str]
    ) -> list[str]:
        shape = shapes[0]
        channels = shape[1] if len(shape) > 1 else 1
        rows = (shape[0] if shape else 1, channels, product(shape[2:]))
        x = g.reshape(bottoms[0], rows)
        if self.stored and self.scaled:
            mean, variance = weights[:2]
        elif self.stored:
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
        scale, bias = weights[3:] or [g.constant(np.ones(channels)), g.constant(np.zeros(channels))]
        eps = self.param.batch_norm_param.eps
        x = g.op("BatchNormalization", [x, scale, bias, mean, variance], epsilon=eps)
        return [g.reshape(x, shape)]

    def _moments(
        self, g: Graph, x: Callable[[], str], rows: Shape, weights: list[str]
    ) -> tuple[str, str]:
        """Mean and variance of each channel, (channels, 1) each."""
        channels = rows[1]
        if not self.stored:
            share, axes = g.constant(1.0 / max(1, rows[0] * rows[2])), g.ints([0, 2])
            value = g.reshape(x(), rows)
            mean = g.op("Mul", [g.op("ReduceSum", [value, axes], keepdims=1), share])
            away = g.op("Sub", [value, mean])
            squares = g.op("ReduceSum", [g.op("Mul", [away, away]), axes], keepdims=0)
            variance = g.reshape(g.op("Mul", [squares, share]), (channels, 1))
            return g.reshape(mean, (channels, 1)), variance
        mean, variance = weights[:2]
        if not self.scaled:
            none = g.op("Equal", [weights[2], g.constant(0.0)])
            safe = g.op("Where", [none, g.constant(1.0), weights[2]])
            factor = g.op("Where", [none, g.constant(0.0), g.op("Reciprocal", [safe])])
            mean, variance = g.op("Mul", [mean, factor]), g.op("Mul", [variance, factor])
        return g.reshape(mean, (channels, 1)), g.reshape(variance, (channels, 1))

    def _deviation(self, g: Graph, variance: str) -> str:
        eps = g.constant(self.param.batch_norm_param.eps)
        return g.op("Sqrt", [g.op("Add", [variance, eps])])

    def _rows(self, shape: Shape) -> Shape:
        channels = shape[1] if len(shape) > 1 else 1
        return (shape[0] if shape else 1, channels, product(shape[2:]))

    def emit_gradient(self, g: Graph, r: Reverse) -> list[str | None]:
        shape = r.shapes[0]
        rows = self._rows(shape)
        diff = g.reshape(r.diffs[0], rows)
        if self.scaled:
            diff = g.op("Mul", [diff, g.reshape(r.weights[3], (rows[1], 1))])
        mean, variance = self._moments(g, lambda: r.bottom(0), rows, r.weights)
        deviation = self._deviation(g, variance)
        if not self.stored:
            share, axes = g.constant(1.0 / max(1, rows[0] * rows[2])), g.ints([0, 2])
            x = g.op("Sub", [g.reshape(r.bottom(0), rows), mean])
            x = g.op("Div", [x, deviation])

            def average(value: str) -> str:
                return g.op("Mul", [g.op("ReduceSum", [value, axes], keepdims=1), share])

            along = g.op("Mul", [x, average(g.op("Mul", [diff, x]))])
            diff = g.op("Sub", [g.op("Sub", [diff, average(diff)]), along])
        return [g.reshape(g.op("Div", [diff, deviation]), shape)]

    def batch_is_outermost(self, bottom_shapes: list[Shape]) -> bool:
        return not self.scaled

    @property
    def weights_in_gradient(self) -> bool:  # type: ignore[override]
        return self.scaled

    def emit_weight_gradient(self, g: Graph, r: Reverse) -> list[str]:
        # Mean, variance and factor are gathered, not learned.
        zeros = super().emit_weight_gradient(g, r)[:3]
        if not self.scaled:
            return zeros
        rows = self._rows(r.shapes[0])
        diff = g.reshape(r.diffs[0], rows)
        mean, variance = self._moments(g, lambda: r.bottom(0), rows, r.weights)
        x = g.op("Sub", [g.reshape(r.bottom(0), rows), mean])
        x = g.op("Div", [x, self._deviation(g, variance)])
        return [
            *zeros,
            sum_but(g, g.op("Mul", [diff, x]), rows, (1,)),
            sum_but(g, diff, rows, (1,)),
        ]


class _Broadcast(Elementwise):
    """A second operand that stretches from ``axis`` over ``num_axes`` axes of the first.

    It is a weight, or the second bottom.
    """

    bottoms_allowed = (1, 2)
    p: Any

    def _operand(self, shapes: list[Shape], axis: int, num_axes: int) -> tuple[int, Shape]:
        """The operand's first axis and its shape."""
        shape = shapes[0]
        if len(shapes) > 1:
            start = self.axis(axis, shape) if shapes[1] else 0
            if shape[start : start + len(shapes[1])] != shapes[1]:
                self.fail(
                    "bottom '{blob}' is {shape}, which does not match '{other}' "
                    "({shape2}) from axis {axis} on",
                    blob=self.bottoms[1],
                    shape=shape_text(shapes[1]),
                    other=self.bottoms[0],
                    shape2=shape_text(shape),
                    axis=axis,
                )
            return start, shapes[1]
        start = self.axis(axis, shape)
        end = len(shape) if num_axes == -1 else start + num_axes
        if num_axes < -1 or end > len(shape):
            self.fail(
                "num_axes {count} from axis {axis} on reaches beyond bottom '{blob}' of {shape}",
                count=num_axes,
                axis=axis,
                blob=self.bottoms[0],
                shape=shape_text(shape),
            )
        return start, shape[start:end]

    def _stretch(self, g: Graph, value: str, start: int, operand: Shape, shape: Shape) -> str:
        ones = (1,) * (len(shape) - start - len(operand))
        return g.reshape(value, (*operand, *ones))

    def batch_is_outermost(self, bottom_shapes: list[Shape]) -> bool:
        axis = self.p.axis
        return (
            len(bottom_shapes) == 1 and self._operand(bottom_shapes, axis, self.p.num_axes)[0] > 0
        )

    def _gathered(self, g: Graph, value: str, start: int, operand: Shape, shape: Shape) -> str:
        """The sum over all axes along which the operand was stretched."""
        return sum_but(g, value, shape, range(start, start + len(operand)))


@register("Scale")
class Scale(_Broadcast):
    """x times a scale for each channel, plus a bias if ``bias_term``."""

    @classmethod
    def units_along(cls, param: Any) -> int | None:
        return 0

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

    def affine(self, shapes: list[Shape]) -> Affine | None:
        if len(shapes) > 1:
            return None
        start, operand = self._operand(shapes, self.p.axis, self.p.num_axes)
        if start != 1 or len(operand) != 1:
            return None
        return lambda weights: (
            np.asarray(weights[0], np.float64),
            np.asarray(weights[1], np.float64) if self.p.bias_term else np.zeros(operand),
        )

    def emit(
        self, g: Graph, bottoms: list[str], shapes: list[Shape], weights: list[str]
    ) -> list[str]:
        start, operand = self._operand(shapes, self.p.axis, self.p.num_axes)
        values = [*bottoms[1:], *weights]
        x = g.op("Mul", [bottoms[0], self._stretch(g, values[0], start, operand, shapes[0])])
        if self.p.bias_term:
            bias = weights[-1]
            x = g.op("Add", [x, self._stretch(g, bias, start, operand, shapes[0])])
        return [x]

    def emit_gradient(self, g: Graph, r: Reverse) -> list[str | None]:
        start, operand = self._operand(r.shapes, self.p.axis, self.p.num_axes)
        scale = r.bottom(1) if len(r.shapes) > 1 else r.weights[0]
        scale = self._stretch(g, scale, start, operand, r.shapes[0])
        found: list[str | None] = [g.op("Mul", [r.diffs[0], scale])]
        if len(r.shapes) > 1 and r.wanted[1]:
            along = g.op("Mul", [r.diffs[0], r.bottom(0)])
            found.append(self._gathered(g, along, start, operand, r.shapes[0]))
        return [*found, *[None] * (len(r.shapes) - len(found))]

    def emit_weight_gradient(self, g: Graph, r: Reverse) -> list[str]:
        start, operand = self._operand(r.shapes, self.p.axis, self.p.num_axes)
        found = []
        if len(r.shapes) == 1:
            along = g.op("Mul", [r.diffs[0], r.bottom(0)])
            found.append(self._gathered(g, along, start, operand, r.shapes[0]))
        if self.p.bias_term:
            found.append(self._gathered(g, r.diffs[0], start, operand, r.shapes[0]))
        return found


@register("Bias")
class Bias(_Broadcast):
    """x plus a bias for each channel."""

    @classmethod
    def units_along(cls, param: Any) -> int | None:
        return 0

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

    def affine(self, shapes: list[Shape]) -> Affine | None:
        if len(shapes) > 1:
            return None
        start, operand = self._operand(shapes, self.p.axis, self.p.num_axes)
        if start != 1 or len(operand) != 1:
            return None
        return lambda weights: (np.ones(operand), np.asarray(weights[0], np.float64))

    def emit(
        self, g: Graph, bottoms: list[str], shapes: list[Shape], weights: list[str]
    ) -> list[str]:
        start, operand = self._operand(shapes, self.p.axis, self.p.num_axes)
        value = [*bottoms[1:], *weights][0]
        return [g.op("Add", [bottoms[0], self._stretch(g, value, start, operand, shapes[0])])]

    def emit_gradient(self, g: Graph, r: Reverse) -> list[str | None]:
        return [r.diffs[0], *(self._operand_diff(g, r) if len(r.shapes) > 1 else [])]

    def emit_weight_gradient(self, g: Graph, r: Reverse) -> list[str]:
        return self._operand_diff(g, r) if len(r.shapes) == 1 else []

    def _operand_diff(self, g: Graph, r: Reverse) -> list[str]:
        start, operand = self._operand(r.shapes, self.p.axis, self.p.num_axes)
        return [self._gathered(g, r.diffs[0], start, operand, r.shapes[0])]


@register("MVN")
class MVN(Elementwise):
    """Each channel (or item) less its mean, over its standard deviation plus eps."""

    spatial = "whole"

    def reshape(self, bottom_shapes: list[Shape]) -> list[Shape]:
        if not 2 <= len(bottom_shapes[0]) <= 4:
            self.fail(
                "bottom '{blob}' is {shape}; 2 to 4 axes are needed",
                blob=self.bottoms[0],
                shape=shape_text(bottom_shapes[0]),
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

    def emit_gradient(self, g: Graph, r: Reverse) -> list[str | None]:
        p, shape = self.param.mvn_param, r.shapes[0]
        rows = product(shape[:1] if p.across_channels else shape[:2])
        size = product(shape) // max(1, rows)
        share, axes = g.constant(1.0 / max(1, size)), g.ints([1])

        def average(value: str) -> str:
            return g.op("Mul", [g.op("ReduceSum", [value, axes], keepdims=1), share])

        diff = g.reshape(r.diffs[0], (rows, size))
        value = g.op("Sub", [diff, average(diff)])
        if p.normalize_variance:
            x = g.reshape(r.bottom(0), (rows, size))
            x = g.op("Sub", [x, average(x)])
            deviation = g.op("Sqrt", [average(g.op("Mul", [x, x]))])
            deviation = g.op("Add", [deviation, g.constant(p.eps)])
            x = g.op("Div", [x, deviation])
            value = g.op("Sub", [value, g.op("Mul", [x, average(g.op("Mul", [diff, x]))])])
            value = g.op("Div", [value, deviation])
        return [g.reshape(value, shape)]


@register("Softmax")
class Softmax(Elementwise):
    """exp(x), divided by its sum along ``axis``."""

    @classmethod
    def works_along(cls, param: Any) -> int:
        return int(param.softmax_param.axis)

    def reshape(self, bottom_shapes: list[Shape]) -> list[Shape]:
        self.axis(self.param.softmax_param.axis, bottom_shapes[0])
        return super().reshape(bottom_shapes)

    def emit(
        self, g: Graph, bottoms: list[str], shapes: list[Shape], weights: list[str]
    ) -> list[str]:
        axis = self.axis(self.param.softmax_param.axis, shapes[0])
        return [g.op("Softmax", [bottoms[0]], axis=axis)]

    def emit_gradient(self, g: Graph, r: Reverse) -> list[str | None]:
        axis = self.axis(self.param.softmax_param.axis, r.shapes[0])
        return [softmax_gradient(g, r.top(0), r.diffs[0], axis)]


@register("Normalize")
class Normalize(Elementwise):
    """Each picture, or with ``across_spatial: false`` each place, over its length; times a scale.

    The weight is one scale, or with ``channel_shared: false`` one for each channel. From
    weiliu89/caffe (SSD), after Liu et al., ParseNet, 2015.
    """

    @classmethod
    def spatial_of(cls, param: Any) -> str:
        return "whole" if param.norm_param.across_spatial else "pointwise"

    def setup(self) -> None:
        self.p = self.param.norm_param
        self.across, self.eps = self.p.across_spatial, self.p.eps

    def reshape(self, bottom_shapes: list[Shape]) -> list[Shape]:
        if len(bottom_shapes[0]) < 2:
            self.fail("bottom '{blob}' needs at least 2 axes", blob=self.bottoms[0])
        return super().reshape(bottom_shapes)

    def weight_specs(self, bottom_shapes: list[Shape]) -> list[WeightSpec]:
        one = caffe_pb2.FillerParameter(type="constant", value=1)
        filler = self.p.scale_filler if self.p.HasField("scale_filler") else one
        return [WeightSpec(() if self.p.channel_shared else (bottom_shapes[0][1],), filler)]

    def _axes(self, g: Graph, shape: Shape) -> str:
        return g.ints(range(1, len(shape)) if self.across else [1])

    def _normed(self, g: Graph, x: str, shape: Shape) -> tuple[str, str]:
        """x over its length, and the length."""
        squares = g.op("ReduceSum", [g.op("Mul", [x, x]), self._axes(g, shape)], keepdims=1)
        length = g.op("Sqrt", [g.op("Add", [squares, g.constant(self.eps)])])
        return g.op("Div", [x, length]), length

    def _scaled(self, g: Graph, value: str, weights: list[str], shape: Shape) -> str:
        if not weights:
            return value
        scale = weights[0]
        if not self.p.channel_shared:
            scale = g.reshape(scale, (shape[1], *(1,) * (len(shape) - 2)))
        return g.op("Mul", [value, scale])

    def emit(
        self, g: Graph, bottoms: list[str], shapes: list[Shape], weights: list[str]
    ) -> list[str]:
        value, _ = self._normed(g, bottoms[0], shapes[0])
        return [self._scaled(g, value, weights, shapes[0])]

    def emit_gradient(self, g: Graph, r: Reverse) -> list[str | None]:
        shape = r.shapes[0]
        value, length = self._normed(g, r.bottom(0), shape)
        diff = self._scaled(g, r.diffs[0], r.weights, shape)
        along = g.op("ReduceSum", [g.op("Mul", [diff, value]), self._axes(g, shape)], keepdims=1)
        return [g.op("Div", [g.op("Sub", [diff, g.op("Mul", [value, along])]), length])]

    def batch_is_outermost(self, bottom_shapes: list[Shape]) -> bool:
        return True

    def emit_weight_gradient(self, g: Graph, r: Reverse) -> list[str]:
        value, _ = self._normed(g, r.bottom(0), r.shapes[0])
        value = g.op("Mul", [value, r.diffs[0]])
        return [sum_but(g, value, r.shapes[0], () if self.p.channel_shared else (1,))]


@register("L2Normalization", "L2Norm", "L2Normalize")
class L2Normalization(Normalize):
    """Each picture over its length, without a weight, as forks for faces and metric learning do."""

    @classmethod
    def spatial_of(cls, param: Any) -> str:
        return "whole"

    def setup(self) -> None:
        super().setup()
        self.across, self.eps = True, 1e-10

    def weight_specs(self, bottom_shapes: list[Shape]) -> list[WeightSpec]:
        return []

    def emit_weight_gradient(self, g: Graph, r: Reverse) -> list[str]:
        return []


@register("BN")
class BN(Elementwise):
    """Batch normalization with scale and shift in one, in the forms of two forks.

    From yjxiong/caffe (PSPNet, ICNet): weights slope, bias, mean and variance, (1, C, 1, 1) each;
    y = slope (x - mean) / sqrt(variance + eps) + bias, in the training phase with the batch's
    statistics unless ``frozen``. From alexgkendall/caffe-segnet, which is meant where ``bn_mode``,
    ``scale_filler`` or ``shift_filler`` is given: weights scale and shift; with ``bn_mode:
    INFERENCE`` y = scale x + shift, else with the batch's statistics in every phase.
    """

    def setup(self) -> None:
        p = self.p = self.param.bn_param
        self.segnet = any(map(p.HasField, ("bn_mode", "scale_filler", "shift_filler")))
        self.batch = p.bn_mode == p.LEARN if self.segnet else self.phase != TEST and not p.frozen
        # SegNet's own, which its prototxt cannot change.
        self.eps = 1e-9 if self.segnet else p.eps

    def reshape(self, bottom_shapes: list[Shape]) -> list[Shape]:
        if len(bottom_shapes[0]) < 2:
            self.fail("bottom '{blob}' needs at least 2 axes", blob=self.bottoms[0])
        return super().reshape(bottom_shapes)

    def weight_specs(self, bottom_shapes: list[Shape]) -> list[WeightSpec]:
        shape = (1, bottom_shapes[0][1], 1, 1)
        one = caffe_pb2.FillerParameter(type="constant", value=1)
        p = self.p
        if self.segnet:
            scale = p.scale_filler if p.HasField("scale_filler") else one
            return [WeightSpec(shape, scale), WeightSpec(shape, p.shift_filler)]
        slope = p.slope_filler if p.HasField("slope_filler") else one
        bias = WeightSpec(shape, p.bias_filler)
        return [WeightSpec(shape, slope), bias, WeightSpec(shape), WeightSpec(shape, one)]

    def _rows(self, shape: Shape) -> Shape:
        return (shape[0], shape[1], product(shape[2:]))

    def _column(self, g: Graph, weight: str, shape: Shape) -> str:
        return g.reshape(weight, (shape[1], 1))

    def _average(self, g: Graph, value: str, rows: Shape) -> str:
        total = g.op("ReduceSum", [value, g.ints([0, 2])], keepdims=1)
        return g.op("Mul", [total, g.constant(1.0 / max(1, rows[0] * rows[2]))])

    def _centred(
        self, g: Graph, x: str, shape: Shape, weights: list[str]
    ) -> tuple[str, str | None]:
        """x less its mean over its deviation, and that deviation; x if it is scaled only."""
        rows = self._rows(shape)
        x = g.reshape(x, rows)
        if self.segnet and not self.batch:
            return x, None
        if self.batch:
            x = g.op("Sub", [x, self._average(g, x, rows)])
            variance = self._average(g, g.op("Mul", [x, x]), rows)
        else:
            x = g.op("Sub", [x, self._column(g, weights[2], shape)])
            variance = self._column(g, weights[3], shape)
        deviation = g.op("Sqrt", [g.op("Add", [variance, g.constant(self.eps)])])
        return g.op("Div", [x, deviation]), deviation

    def affine(self, shapes: list[Shape]) -> Affine | None:
        if self.batch:
            return None
        plain, eps = self.segnet, float(np.float32(self.eps))

        def of(weights: Sequence[Any]) -> tuple[Any, Any]:
            rows = [np.asarray(w, np.float64).reshape(-1) for w in weights]
            if plain:
                return rows[0], rows[1]
            scale = rows[0] / np.sqrt(rows[3] + eps)
            return scale, rows[1] - rows[2] * scale

        return of

    def emit(
        self, g: Graph, bottoms: list[str], shapes: list[Shape], weights: list[str]
    ) -> list[str]:
        x, _ = self._centred(g, bottoms[0], shapes[0], weights)
        x = g.op("Mul", [x, self._column(g, weights[0], shapes[0])])
        x = g.op("Add", [x, self._column(g, weights[1], shapes[0])])
        return [g.reshape(x, shapes[0])]

    def emit_gradient(self, g: Graph, r: Reverse) -> list[str | None]:
        shape = r.shapes[0]
        rows = self._rows(shape)
        diff = g.op("Mul", [g.reshape(r.diffs[0], rows), self._column(g, r.weights[0], shape)])
        if self.batch or not self.segnet:
            x, deviation = self._centred(g, r.bottom(0), shape, r.weights)
            assert deviation is not None
            if self.batch:
                along = g.op("Mul", [x, self._average(g, g.op("Mul", [diff, x]), rows)])
                diff = g.op("Sub", [g.op("Sub", [diff, self._average(g, diff, rows)]), along])
            diff = g.op("Div", [diff, deviation])
        return [g.reshape(diff, shape)]

    weights_in_gradient = True

    def emit_weight_gradient(self, g: Graph, r: Reverse) -> list[str]:
        shape, rows = r.shapes[0], self._rows(r.shapes[0])
        diff = g.reshape(r.diffs[0], rows)
        x, _ = self._centred(g, r.bottom(0), shape, r.weights)
        found = [sum_but(g, g.op("Mul", [diff, x]), rows, (1,)), sum_but(g, diff, rows, (1,))]
        found = [g.reshape(value, (1, shape[1], 1, 1)) for value in found]
        # Mean and variance are gathered, not learned.
        return found + super().emit_weight_gradient(g, r)[2:]
