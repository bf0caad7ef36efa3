"""Convolution, Deconvolution and Im2col, over one, two or three spatial axes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from filterlab.caffe.graph import Graph
from filterlab.caffe.layers.base import (
    Fold,
    Layer,
    Reach,
    Reverse,
    Shape,
    WeightSpec,
    product,
    register,
    shape_text,
    sum_but,
)
from filterlab.caffe.layers.inner_product import FOLD_ROWS
from filterlab.caffe.text import Text

__all__ = ["Convolution", "Deconvolution", "Im2col"]


#: Up to so many places of a kernel its gradient is a matrix product for each.
MOST_PLACES = 25
#: … and up to so many groups are computed one by one.
MOST_PARTS = 8


class Windowed(Layer):
    """What layers with a ConvolutionParameter share: kernel, stride, pad and dilation."""

    spatial = "sliding"

    @classmethod
    def reach(cls, param: Any) -> tuple[Reach, ...]:
        p = param.convolution_param
        lists = [list(p.kernel_size), list(p.stride), list(p.pad), list(p.dilation)]
        axes = max(2, *map(len, lists))
        sides = []
        for name, values, default in zip(("kernel", "stride", "pad"), lists, (0, 1, 0)):
            side = (values or [default]) * (1 if len(values) > 1 else axes)
            for place, end in enumerate(("h", "w")):
                if p.HasField(f"{name}_{end}"):
                    side[place] = getattr(p, f"{name}_{end}")
            sides.append(side)
        dilation = (lists[3] or [1]) * (1 if len(lists[3]) > 1 else axes)
        return tuple(Reach(k, s, d, e) for k, s, d, e in zip(*sides, dilation))

    def setup(self) -> None:
        p = self.param.convolution_param
        self.p = p
        # Fields whose value needs no input to be wrong.
        for what, values in (("stride", p.stride), ("dilation", p.dilation)):
            if any(v == 0 for v in values):
                self.fail("{what} is 0; it must be at least 1", what=what)
        if (p.HasField("stride_h") and p.stride_h == 0) or (
            p.HasField("stride_w") and p.stride_w == 0
        ):
            self.fail("stride is 0; it must be at least 1")

    def _channel_axis(self, shape: Shape) -> int:
        return self.axis(self.p.axis, shape)

    def _spread(
        self, what: str, values: Sequence[int], h: int | None, w: int | None, n: int, default: int
    ) -> tuple[int, ...]:
        """One size per spatial axis from the repeated field or the _h and _w fields."""
        if h is not None or w is not None:
            if n != 2:
                self.fail(
                    "{what}_h and {what}_w need 2 spatial axes, but there are {count}",
                    what=what,
                    count=n,
                )
            if len(values):
                self.fail("gives both {what} and {what}_h/{what}_w; keep one", what=what)
            return (default if h is None else h, default if w is None else w)
        if len(values) not in (0, 1, n):
            self.fail(
                "{count} values of {what} for {axes} spatial axes",
                count=len(values),
                what=what,
                axes=n,
            )
        if not len(values):
            return (default,) * n
        return tuple(values) if len(values) == n else (values[0],) * n

    def _window(self, shape: Shape) -> tuple[tuple[int, ...], ...]:
        """(kernel, stride, pad, dilation), each with one value per spatial axis."""
        p = self.p
        n = len(shape) - self._channel_axis(shape) - 1
        if not 1 <= n <= 3:
            self.fail(
                "bottom '{blob}' is {shape}, which leaves {count} spatial axes; 1, 2 or "
                "3 are needed",
                blob=self.bottoms[0],
                shape=shape_text(shape),
                count=n,
            )

        def field(name: str) -> int | None:
            return int(getattr(p, name)) if p.HasField(name) else None

        kernel_h, kernel_w = field("kernel_h"), field("kernel_w")
        if not len(p.kernel_size) and (kernel_h is None or kernel_w is None):
            self.fail("no kernel size; write kernel_size: N, or kernel_h and kernel_w")
        kernel = self._spread("kernel_size", p.kernel_size, kernel_h, kernel_w, n, 0)
        if any(k < 1 for k in kernel):
            self.fail("kernel {kernel}; sizes must be at least 1", kernel=shape_text(kernel))
        stride = self._spread("stride", p.stride, field("stride_h"), field("stride_w"), n, 1)
        pad = self._spread("pad", p.pad, field("pad_h"), field("pad_w"), n, 0)
        dilation = self._spread("dilation", p.dilation, None, None, n, 1)
        return kernel, stride, pad, dilation

    def _convolved(self, shape: Shape, bottom: str) -> tuple[int, ...]:
        """Sizes of the spatial axes after a convolution."""
        kernel, stride, pad, dilation = self._window(shape)
        sizes = []
        spatial = shape[self._channel_axis(shape) + 1 :]
        for size, k, s, p, d in zip(spatial, kernel, stride, pad, dilation):
            extent = d * (k - 1) + 1
            if size + 2 * p < extent:
                dilated = f" (dilated to {extent})" if d > 1 else ""
                self.fail(
                    "its kernel {kernel}{dilated} does not fit into bottom '{blob}' of "
                    "{size} with pad {pad}; use a larger input or a smaller kernel",
                    kernel=shape_text(kernel),
                    dilated=dilated,
                    blob=bottom,
                    size=shape_text(spatial),
                    pad=shape_text(pad),
                )
            sizes.append((size + 2 * p - extent) // s + 1)
        return tuple(sizes)

    def _attributes(self, shape: Shape) -> dict[str, Any]:
        kernel, stride, pad, dilation = self._window(shape)
        return {
            "kernel_shape": list(kernel),
            "strides": list(stride),
            "pads": list(pad) * 2,
            "dilations": list(dilation),
        }


@register("Convolution")
class Convolution(Windowed):
    """Correlation with learned kernels (no flipping), in groups, plus a bias.

    Each bottom gives one top; all use the same weights. Weights are (outputs, inputs / group,
    kernel…) and (outputs,).
    """

    bottoms_allowed = (1, None)
    tops_allowed = (1, None)
    transposed = False

    @classmethod
    def units_along(cls, param: Any) -> int | None:
        return 0

    def setup(self) -> None:
        super().setup()
        p = self.p
        if len(self.bottoms) != len(self.tops):
            self.fail(
                "{bottoms} bottoms but {tops} tops; there must be as many",
                bottoms=len(self.bottoms),
                tops=len(self.tops),
            )
        if p.num_output < 1:
            self.fail("num_output is missing or 0; write how many kernels there are")
        if p.group < 1:
            self.fail("group is 0; it must be at least 1")
        if p.num_output % p.group:
            self.fail(
                "{outputs} outputs cannot be split into {groups} groups; num_output must "
                "be a multiple of group",
                outputs=p.num_output,
                groups=p.group,
            )

    def _channels(self, shape: Shape) -> int:
        channels = shape[self._channel_axis(shape)]
        group = self.groups(shape)
        if channels % group or channels < 1:
            self.fail(
                "bottom '{blob}' has {channels} channels, which cannot be split into "
                "{groups} groups",
                blob=self.bottoms[0],
                channels=channels,
                groups=group,
            )
        return channels

    def groups(self, shape: Shape) -> int:
        """Into how many groups the channels are split."""
        return int(self.p.group)

    def _spatial(self, shape: Shape, bottom: str) -> tuple[int, ...]:
        return self._convolved(shape, bottom)

    def reshape(self, bottom_shapes: list[Shape]) -> list[Shape]:
        self.same_shapes(bottom_shapes)
        shape = bottom_shapes[0]
        self._window(shape)
        self._channels(shape)
        axis = self._channel_axis(shape)
        top = (*shape[:axis], self.p.num_output, *self._spatial(shape, self.bottoms[0]))
        return [self.checked(top, i) for i in range(len(self.tops))]

    def weight_specs(self, bottom_shapes: list[Shape]) -> list[WeightSpec]:
        p = self.p
        channels, outputs = self._channels(bottom_shapes[0]), p.num_output
        if self.transposed:
            channels, outputs = outputs, channels
        group = self.groups(bottom_shapes[0])
        shape = (outputs, channels // group, *self._window(bottom_shapes[0])[0])
        specs = [WeightSpec(shape, p.weight_filler)]
        if p.bias_term:
            specs.append(WeightSpec((p.num_output,), p.bias_filler))
        return specs

    def emit(
        self, g: Graph, bottoms: list[str], shapes: list[Shape], weights: list[str]
    ) -> list[str]:
        tops = []
        kind = "ConvTranspose" if self.transposed else "Conv"
        for value, shape in zip(bottoms, shapes):
            axis = self._channel_axis(shape)
            if axis != 1:
                value = g.reshape(value, (product(shape[:axis]), *shape[axis:]))
            group = self.groups(shape)
            value = g.op(kind, [value, *weights], group=group, **self._attributes(shape))
            if axis != 1:
                top = (self.p.num_output, *self._spatial(shape, ""))
                value = g.reshape(value, (*shape[:axis], *top))
            tops.append(value)
        return tops

    def fold(self, shapes: list[Shape]) -> Fold | None:
        if self.transposed or len(self.tops) > 1 or self._channel_axis(shapes[0]) != 1:
            return None
        return FOLD_ROWS

    def _folded(self, g: Graph, value: str, shape: Shape) -> str:
        """All axes before the channels as one."""
        axis = self._channel_axis(shape)
        if axis == 1:
            return value
        return g.reshape(value, (product(shape[:axis]), *shape[axis:]))

    def emit_gradient(self, g: Graph, r: Reverse) -> list[str | None]:
        found: list[str | None] = []
        for diff, top, shape, wanted in zip(r.diffs, r.tops, r.shapes, r.wanted):
            if not wanted:
                found.append(None)
                continue
            attributes = {**self._attributes(shape), "group": self.groups(shape)}
            value = self._folded(g, diff, top)
            if self.transposed:
                value = g.op("Conv", [value, r.weights[0]], **attributes)
            else:
                axis = self._channel_axis(shape)
                kernel, stride, pad, dilation = self._window(shape)
                attributes["output_padding"] = [
                    size - (s * (out - 1) + d * (k - 1) + 1 - 2 * p)
                    for size, out, k, s, p, d in zip(
                        shape[axis + 1 :], top[axis + 1 :], kernel, stride, pad, dilation
                    )
                ]
                value = g.op("ConvTranspose", [value, r.weights[0]], **attributes)
            found.append(g.reshape(value, shape) if self._channel_axis(shape) != 1 else value)
        return found

    def batch_is_outermost(self, bottom_shapes: list[Shape]) -> bool:
        return self._channel_axis(bottom_shapes[0]) > 0

    def emit_weight_gradient(self, g: Graph, r: Reverse) -> list[str]:
        weights, biases = [], []
        for i, (diff, top, shape) in enumerate(zip(r.diffs, r.tops, r.shapes)):
            axis = self._channel_axis(shape)
            pair = [
                (self._folded(g, value, s), (product(s[:axis]), *s[axis:]))
                for value, s in ((r.bottom(i), shape), (diff, top))
            ]
            large, small = reversed(pair) if self.transposed else pair
            window, group = self._window(shape), self.groups(shape)
            weights.append(self._kernel_gradient(g, large, small, window, group))
            biases.append(sum_but(g, diff, top, (axis,)))
        gradients = [g.op("Sum", weights) if len(weights) > 1 else weights[0]]
        if self.p.bias_term:
            gradients.append(g.op("Sum", biases) if len(biases) > 1 else biases[0])
        return gradients

    def _kernel_gradient(
        self,
        g: Graph,
        large: tuple[str, Shape],
        small: tuple[str, Shape],
        window: tuple[tuple[int, ...], ...],
        group: int,
    ) -> str:
        """Correlation of what a kernel slides over with the diffs of what it gave.

        It is a convolution too, whose kernels are those diffs: batch and channels change places,
        and so do stride and dilation.
        """
        kernel, stride, pad, dilation = window
        if len(kernel) == 2 and group <= MOST_PARTS and product(kernel) <= MOST_PLACES:
            if group == 1:
                return self._place_by_place(g, large, small, window)
            parts = (self._parts(g, *side, group) for side in (large, small))
            found = [self._place_by_place(g, a, b, window) for a, b in zip(*parts)]
            return g.op("Concat", found, axis=0)
        n = large[1][0]
        inputs = large[1][1] // group
        spatial = range(3, 3 + len(kernel))
        x = g.reshape(large[0], (n, group, inputs, *large[1][2:]))
        x = g.op(Text("Transpose"), [x], perm=[2, 1, 0, *spatial])
        x = g.reshape(x, (inputs, group * n, *large[1][2:]))
        y = g.op(Text("Transpose"), [small[0]], perm=[1, 0, *(axis - 1 for axis in spatial)])
        value = g.op(
            "Conv",
            [x, y],
            group=group,
            kernel_shape=list(small[1][2:]),
            strides=list(dilation),
            dilations=list(stride),
            pads=list(pad) * 2,
        )
        # What the stride left over would be further places of the kernel.
        axes = range(2, 2 + len(kernel))
        value = g.op("Slice", [value, g.ints([0] * len(kernel)), g.ints(kernel), g.ints(axes)])
        return g.op(Text("Transpose"), [value], perm=[1, 0, *axes])

    def _parts(self, g: Graph, value: str, shape: Shape, group: int) -> list[tuple[str, Shape]]:
        """The channels of each group by themselves."""
        size = shape[1] // group
        values = g.ops("Split", [value, g.ints([size] * group)], group, axis=1)
        return [(part, (shape[0], size, *shape[2:])) for part in values]

    def _place_by_place(
        self,
        g: Graph,
        large: tuple[str, Shape],
        small: tuple[str, Shape],
        window: tuple[tuple[int, ...], ...],
    ) -> str:
        """:meth:`_kernel_gradient` as matrix products, which are faster than so large a kernel."""
        kernel, stride, pad, dilation = window
        (n, inputs, *_), (_, outputs, rows, columns) = large[1], small[1]
        x = large[0]
        if any(pad):
            x = g.op("Pad", [x, g.ints([0, 0, *pad, 0, 0, *pad])])
        x = g.op(Text("Transpose"), [x], perm=[0, 2, 3, 1])
        y = g.op(Text("Transpose"), [small[0]], perm=[1, 0, 2, 3])
        y = g.reshape(y, (outputs, n * rows * columns))
        products = []
        for i, j in np.ndindex(*kernel):
            starts = [i * dilation[0], j * dilation[1]]
            ends = [a + (m - 1) * s + 1 for a, m, s in zip(starts, (rows, columns), stride)]
            part = g.op("Slice", [x, g.ints(starts), g.ints(ends), g.ints([1, 2]), g.ints(stride)])
            part = g.op("MatMul", [y, g.reshape(part, (n * rows * columns, inputs))])
            products.append(g.reshape(part, (outputs, inputs, 1)))
        value = g.op("Concat", products, axis=2) if len(products) > 1 else products[0]
        return g.reshape(value, (outputs, inputs, *kernel))


@register("ConvolutionDepthwise", "DepthwiseConvolution")
class ConvolutionDepthwise(Convolution):
    """A convolution in which each channel is a group of its own.

    From the forks for MobileNet and ShuffleNet (yonghenglh6/DepthwiseConvolution and
    farmingyard/ShuffleNet); ``group`` counts if it is given.
    """

    def groups(self, shape: Shape) -> int:
        if self.p.group > 1:
            return int(self.p.group)
        channels = shape[self._channel_axis(shape)]
        if channels < 1 or self.p.num_output % channels:
            self.fail(
                "num_output is {outputs}, but bottom '{blob}' has {channels} channels; "
                "each needs as many outputs",
                outputs=self.p.num_output,
                blob=self.bottoms[0],
                channels=channels,
            )
        return channels


@register("Deconvolution")
class Deconvolution(Convolution):
    """The transpose of a convolution: each input value lays a scaled kernel onto the output."""

    transposed = True
    spatial = "transposed"

    @classmethod
    def units_along(cls, param: Any) -> int | None:
        return 1

    def _spatial(self, shape: Shape, bottom: str) -> tuple[int, ...]:
        kernel, stride, pad, dilation = self._window(shape)
        spatial = shape[self._channel_axis(shape) + 1 :]
        sizes = tuple(
            s * (size - 1) + d * (k - 1) + 1 - 2 * p
            for size, k, s, p, d in zip(spatial, kernel, stride, pad, dilation)
        )
        if any(n < 1 for n in sizes):
            self.fail(
                "bottom '{blob}' of {size} with pad {pad} gives an output of {out}; use less pad",
                blob=bottom,
                size=shape_text(spatial),
                pad=shape_text(pad),
                out=shape_text(sizes),
            )
        return sizes


@register("Im2col")
class Im2col(Windowed):
    """Every window of the input as a column: (N, C x kernel…, windows…)."""

    largest = 2048

    def reshape(self, bottom_shapes: list[Shape]) -> list[Shape]:
        shape = bottom_shapes[0]
        axis = self._channel_axis(shape)
        kernel = self._window(shape)[0]
        if product(kernel) > self.largest:
            self.fail(
                "its kernel {kernel} has more than {most} places",
                kernel=shape_text(kernel),
                most=self.largest,
            )
        columns = shape[axis] * product(kernel)
        sizes = self._convolved(shape, self.bottoms[0])
        return [self.checked((*shape[:axis], columns, *sizes))]

    def emit(
        self, g: Graph, bottoms: list[str], shapes: list[Shape], weights: list[str]
    ) -> list[str]:
        shape = shapes[0]
        axis = self._channel_axis(shape)
        kernel = self._window(shape)[0]
        size = product(kernel)
        # One kernel with a single 1 for every place in the window, the same for each channel.
        picks = np.eye(size, dtype=np.float32).reshape(size, 1, *kernel)
        channels = shape[axis]
        value = g.reshape(bottoms[0], (product(shape[: axis + 1]), 1, *shape[axis + 1 :]))
        value = g.op("Conv", [value, g.constant(picks)], **self._attributes(shape))
        sizes = self._convolved(shape, self.bottoms[0])
        return [g.reshape(value, (*shape[:axis], channels * size, *sizes))]

    def emit_gradient(self, g: Graph, r: Reverse) -> list[str | None]:
        shape = r.shapes[0]
        axis = self._channel_axis(shape)
        kernel, stride, pad, dilation = self._window(shape)
        size, sizes = product(kernel), self._convolved(shape, self.bottoms[0])
        picks = np.eye(size, dtype=np.float32).reshape(size, 1, *kernel)
        value = g.reshape(r.diffs[0], (product(shape[: axis + 1]), size, *sizes))
        value = g.op(
            "ConvTranspose",
            [value, g.constant(picks)],
            output_padding=[
                n - (s * (out - 1) + d * (k - 1) + 1 - 2 * p)
                for n, out, k, s, p, d in zip(
                    shape[axis + 1 :], sizes, kernel, stride, pad, dilation
                )
            ],
            **self._attributes(shape),
        )
        return [g.reshape(value, shape)]
