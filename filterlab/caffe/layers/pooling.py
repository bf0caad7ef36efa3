"""Pooling with Caffe's own rules at the edge, and spatial pyramid pooling."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from filterlab.caffe.graph import Graph
from filterlab.caffe.layers.base import Layer, Reach, Reverse, Shape, product, register, shape_text
from filterlab.caffe.text import Text

__all__ = ["SPP", "Pooling"]

MAX, AVE, STOCHASTIC = 0, 1, 2
FLOAT, INT64 = 1, 7
# Caffe starts a maximum here and a stochastic sum there, which an empty window shows.
LOWEST = -np.finfo(np.float32).max
TINY = np.finfo(np.float32).tiny


@dataclass(frozen=True)
class Window:
    """Pooling along one axis.

    Attributes
    ----------
    size : int
        The input's size.
    kernel, stride, pad : int
    floor : bool
        Round the number of windows down, not up as Caffe usually does.
    clip : bool
        Leave out a last window that would start in the padding, which Caffe does along both
        axes where either is padded.
    """

    size: int
    kernel: int
    stride: int
    pad: int
    floor: bool = False
    clip: bool = False

    @property
    def out(self) -> int:
        """Number of windows: rounded up, less a last one that would start in the padding."""
        room = self.size + 2 * self.pad - self.kernel
        out = (room // self.stride if self.floor else -(-room // self.stride)) + 1
        if (self.pad or self.clip) and (out - 1) * self.stride >= self.size + self.pad:
            out -= 1
        return out

    def clipped(self) -> Window:
        """The same windows with no longer stride than shows; a longer one ends outside anyway."""
        reach = self.size + 2 * self.pad + self.kernel
        return replace(self, stride=min(self.stride, reach))

    @property
    def pad_end(self) -> int:
        """Padding after the end that the last window needs."""
        return max(0, (self.out - 1) * self.stride + self.kernel - self.size - self.pad)

    def areas(self) -> np.ndarray:
        """What Caffe divides each window's average by: it ends at the padded edge."""
        start = np.arange(self.out) * self.stride - self.pad
        return np.minimum(start + self.kernel, self.size + self.pad) - start


def _attributes(y: Window, x: Window) -> dict[str, Any]:
    return {"kernel_shape": [y.kernel, x.kernel], "strides": [y.stride, x.stride]}


def _pad_outside(
    g: Graph, value: str, fill: float, y: Window, x: Window
) -> tuple[str, list[int], bool]:
    """The value, the pads that are left for the operation, and whether others were laid on.

    Windows may lie wholly outside, which ONNX does not know: with a stride beyond the kernel
    Caffe counts one too many.
    """
    pads = [y.pad, x.pad, y.pad_end, x.pad_end]
    if pads[2] < y.kernel and pads[3] < x.kernel:
        return value, pads, False
    around = g.ints([0, 0, *pads[:2], 0, 0, *pads[2:]])
    return g.op("Pad", [value, around, g.constant(fill)]), [0, 0, 0, 0], True


def emit_max(g: Graph, value: str, y: Window, x: Window) -> list[str]:
    """Append the maxima of one (N, C, H, W) value and their places in each plane.

    A place is ``row * W + column``, as float32, of the first of equal maxima; -1 for a window
    wholly outside.
    """
    y, x = y.clipped(), x.clipped()
    value, pads, padded = _pad_outside(g, value, LOWEST, y, x)
    best, place = g.ops("MaxPool", [value], 2, pads=pads, **_attributes(y, x))

    def int64(number: int) -> str:
        return g.constant(number, np.int64)

    if not padded:
        place = g.op("Mod", [place, int64(y.size * x.size)])
    else:
        height, width = (w.size + w.pad + w.pad_end for w in (y, x))
        place = g.op("Mod", [place, int64(height * width)])
        row = g.op("Sub", [g.op("Div", [place, int64(width)]), int64(y.pad)])
        column = g.op("Sub", [g.op("Mod", [place, int64(width)]), int64(x.pad)])
        place = g.op("Add", [g.op("Mul", [row, int64(x.size)]), column])
        # The padding before the start is never outermost: only the end has windows of its own.
        for at, size in ((row, y.size), (column, x.size)):
            place = g.op("Where", [g.op("Less", [at, int64(size)]), place, int64(-1)])
    return [best, g.op("Cast", [place], to=FLOAT)]


def emit_pool(g: Graph, value: str, method: int, y: Window, x: Window) -> str:
    """Append the pooling of one (N, C, H, W) value."""
    y, x = y.clipped(), x.clipped()
    if method == STOCHASTIC:
        square = g.op("Mul", [value, value])
        top = emit_pool(g, square, AVE, y, x)
        bottom = emit_pool(g, value, AVE, y, x)
        tiny = g.constant(TINY / (y.kernel * x.kernel))
        return g.op("Div", [top, g.op("Add", [bottom, tiny])])
    if all(n.out == 1 and not n.pad and n.kernel == n.size for n in (y, x)):
        return g.op("GlobalMaxPool" if method == MAX else "GlobalAveragePool", [value])
    value, pads, _ = _pad_outside(g, value, LOWEST if method == MAX else 0.0, y, x)
    if method == MAX:
        return g.op("MaxPool", [value], pads=pads, **_attributes(y, x))
    value = g.op("AveragePool", [value], pads=pads, count_include_pad=1, **_attributes(y, x))
    area = np.outer(y.areas(), x.areas()).astype(np.float32)
    full = y.kernel * x.kernel
    if np.any(area != full):
        with np.errstate(divide="ignore"):
            value = g.op("Mul", [value, g.constant(np.float32(full) / area)])
    return value


def emit_pool_gradient(
    g: Graph, x: Callable[[], str], diff: str, planes: int, method: int, y: Window, w: Window
) -> str:
    """Append the gradient of :func:`emit_pool` for (N, C, H, W) values of so many planes.

    ``x`` gives the value that was pooled; an average does not ask for it. The result's shape is
    (planes, 1, H, W). Of equal maxima the first gets all.
    """
    y, w = y.clipped(), w.clipped()
    shape = (planes, y.out * w.out)
    if method == MAX:
        place = g.op("Cast", [emit_max(g, x(), y, w)[1]], to=INT64)
        place, diff = g.reshape(place, shape), g.reshape(diff, shape)
        if max(y.pad_end - y.kernel, w.pad_end - w.kernel) >= 0:
            outside = g.op("Less", [place, g.constant(0, np.int64)])
            place = g.op("Where", [outside, g.constant(0, np.int64), place])
            diff = g.op("Where", [outside, g.constant(0.0), diff])
        zeros = g.zeros((planes, y.size * w.size))
        value = g.op("ScatterElements", [zeros, place, diff], axis=1, reduction="add")
        return g.reshape(value, (planes, 1, y.size, w.size))
    area = np.outer(y.areas(), w.areas()).astype(np.float32)
    diff = g.reshape(diff, (planes, 1, y.out, w.out))
    with np.errstate(divide="ignore"):
        diff = g.op("Mul", [diff, g.constant(np.where(area > 0, 1 / area, 0))])
    if all(n.out == 1 and not n.pad and n.kernel >= n.size for n in (y, w)):
        return g.op("Expand", [diff, g.ints((planes, 1, y.size, w.size))])
    ones = g.constant(np.ones((1, 1, y.kernel, w.kernel)))
    value = g.op("ConvTranspose", [diff, ones], **_attributes(y, w))
    short = [
        max(0, n.size + n.pad - (n.out - 1) * n.stride - n.kernel) for n in (y, w)
    ]  # where no window reaches
    if any(short):
        value = g.op("Pad", [value, g.ints([0] * 6 + short)])
    starts, ends = [y.pad, w.pad], [y.pad + y.size, w.pad + w.size]
    return g.op("Slice", [value, g.ints(starts), g.ints(ends), g.ints([2, 3])])


@register("Pooling")
class Pooling(Layer):
    """MAX, AVE or (as in the test phase) STOCHASTIC over windows of a (N, C, H, W) blob.

    A second top of MAX gives the place of each maximum in its plane.
    """

    tops_allowed = (1, 2)
    spatial = "sliding"

    @classmethod
    def spatial_of(cls, param: Any) -> str:
        return "everywhere" if param.pooling_param.global_pooling else "sliding"

    @classmethod
    def reach(cls, param: Any) -> tuple[Reach, ...]:
        p = param.pooling_param
        kernel = (p.kernel_size,) * 2 if p.HasField("kernel_size") else (p.kernel_h, p.kernel_w)
        stride = (p.stride_h, p.stride_w) if p.HasField("stride_h") else (p.stride,) * 2
        pad = (p.pad_h, p.pad_w) if p.HasField("pad_h") or p.HasField("pad_w") else (p.pad,) * 2
        up, clip = p.round_mode == p.CEIL, max(pad) > 0
        y, x = (Reach(k, s, d, 1, up, clip) for k, s, d in zip(kernel, stride, pad))
        return y, x

    def setup(self) -> None:
        p = self.param.pooling_param
        self.p = p
        has = p.HasField
        if len(self.tops) > 1 and p.pool != MAX:
            self.fail("only MAX pooling has a second top, for the places of the maxima")
        if has("stride_h") != has("stride_w"):
            self.fail("gives only one of stride_h and stride_w; give both, or stride")
        sized = has("kernel_size") or has("kernel_h") or has("kernel_w")
        if p.global_pooling:
            if sized:
                self.fail("global_pooling takes the whole input; leave out the kernel size")
        elif has("kernel_size"):
            if has("kernel_h") or has("kernel_w"):
                self.fail("gives both kernel_size and kernel_h/kernel_w; keep one")
        elif not (has("kernel_h") and has("kernel_w")):
            self.fail("no kernel size; write kernel_size: N, or kernel_h and kernel_w")
        self.kernel = (
            (p.kernel_size, p.kernel_size) if has("kernel_size") else (p.kernel_h, p.kernel_w)
        )
        self.pad = (p.pad_h, p.pad_w) if has("pad_h") or has("pad_w") else (p.pad, p.pad)
        self.stride = (
            (p.stride_h, p.stride_w) if has("stride_h") and has("stride_w") else (p.stride,) * 2
        )
        if not p.global_pooling and min(self.kernel) < 1:
            self.fail("kernel {kernel}; sizes must be at least 1", kernel=shape_text(self.kernel))
        if min(self.stride) < 1:
            self.fail("stride is 0; it must be at least 1")
        if p.global_pooling and (max(self.pad) > 0 or max(self.stride) > 1):
            self.fail("global_pooling needs pad 0 and stride 1")
        if max(self.pad) > 0:
            if p.pool == STOCHASTIC:
                self.fail("stochastic pooling takes no pad")
            if not p.global_pooling and any(a >= k for a, k in zip(self.pad, self.kernel)):
                self.fail(
                    "pad {pad} must be smaller than the kernel {kernel}",
                    pad=shape_text(self.pad),
                    kernel=shape_text(self.kernel),
                )

    def _windows(self, shape: Shape) -> tuple[Window, Window]:
        if len(shape) != 4:
            self.fail(
                "bottom '{blob}' is {shape}; pooling needs 4 axes (N, C, H, W)",
                blob=self.bottoms[0],
                shape=shape_text(shape),
            )
        floor = self.p.round_mode == self.p.FLOOR
        kernel = shape[2:] if self.p.global_pooling else self.kernel
        y, x = (
            Window(size, k, s, pad, floor, max(self.pad) > 0)
            for size, k, s, pad in zip(shape[2:], kernel, self.stride, self.pad)
        )
        # Rounding up, one window may reach beyond the end of a small input, as in Caffe.
        if min(y.kernel, x.kernel, y.out, x.out, *shape[2:]) < 1:
            self.fail(
                "its kernel {kernel} does not fit into bottom '{blob}' of {size} with "
                "pad {pad}; use a larger input or a smaller kernel",
                kernel=shape_text(kernel),
                blob=self.bottoms[0],
                size=shape_text(shape[2:]),
                pad=shape_text(self.pad),
            )
        return y, x

    def reshape(self, bottom_shapes: list[Shape]) -> list[Shape]:
        y, x = self._windows(bottom_shapes[0])
        top = (*bottom_shapes[0][:2], y.out, x.out)
        return [self.checked(top, i) for i in range(len(self.tops))]

    def emit(
        self, g: Graph, bottoms: list[str], shapes: list[Shape], weights: list[str]
    ) -> list[str]:
        y, x = self._windows(shapes[0])
        if len(self.tops) > 1:
            return emit_max(g, bottoms[0], y, x)
        return [emit_pool(g, bottoms[0], self.p.pool, y, x)]

    def emit_gradient(self, g: Graph, r: Reverse) -> list[str | None]:
        if self.p.pool == STOCHASTIC:
            return super().emit_gradient(g, r)
        y, x = self._windows(r.shapes[0])
        value = emit_pool_gradient(
            g, lambda: r.bottom(0), r.diffs[0], product(r.shapes[0][:2]), self.p.pool, y, x
        )
        return [g.reshape(value, r.shapes[0])]


@register("SPP")
class SPP(Layer):
    """Spatial pyramid pooling: 1, 4, 16 … windows over the whole input, side by side."""

    spatial = "everywhere"
    placeless = Text("its pyramid of poolings depends on the picture's size")

    def setup(self) -> None:
        self.p = self.param.spp_param
        if not 1 <= self.p.pyramid_height <= 16:
            self.fail(
                "pyramid_height is {height}; 1 to 16 make sense", height=self.p.pyramid_height
            )

    def _levels(self, shape: Shape) -> list[tuple[Window, Window]]:
        if len(shape) != 4 or min(shape[2:]) < 1:
            self.fail(
                "bottom '{blob}' is {shape}; 4 axes are needed",
                blob=self.bottoms[0],
                shape=shape_text(shape),
            )
        levels = []
        for level in range(self.p.pyramid_height):
            bins = 2**level
            windows = []
            for size in shape[2:]:
                kernel = math.ceil(size / bins)
                pad = (kernel * bins - size + 1) // 2
                if pad >= kernel and bins > 1:
                    self.fail(
                        "level {level} wants {bins} windows along the {size} values of "
                        "bottom '{blob}'; use a smaller pyramid_height",
                        level=level,
                        bins=bins,
                        size=size,
                        blob=self.bottoms[0],
                    )
                windows.append(Window(size, kernel, kernel, pad))
            levels.append((windows[0], windows[1]))
        return levels

    def reshape(self, bottom_shapes: list[Shape]) -> list[Shape]:
        shape = bottom_shapes[0]
        bins = sum(y.out * x.out for y, x in self._levels(shape))
        if self.p.pyramid_height == 1:
            return [self.checked((*shape[:2], 1, 1))]
        return [self.checked((shape[0], shape[1] * bins))]

    def emit(
        self, g: Graph, bottoms: list[str], shapes: list[Shape], weights: list[str]
    ) -> list[str]:
        shape = shapes[0]
        pooled = [
            (emit_pool(g, bottoms[0], self.p.pool, y, x), shape[1] * y.out * x.out)
            for y, x in self._levels(shape)
        ]
        if len(pooled) == 1:
            return [pooled[0][0]]
        rows = [g.reshape(value, (shape[0], n)) for value, n in pooled]
        return [g.op("Concat", rows, axis=1)]

    def emit_gradient(self, g: Graph, r: Reverse) -> list[str | None]:
        if self.p.pool == STOCHASTIC:
            return super().emit_gradient(g, r)
        shape = r.shapes[0]
        levels = self._levels(shape)
        sizes = [shape[1] * y.out * x.out for y, x in levels]
        diff = g.reshape(r.diffs[0], (shape[0], sum(sizes)))
        parts = [diff]
        if len(levels) > 1:
            parts = g.ops("Split", [diff, g.ints(sizes)], len(levels), axis=1)
        found = [
            emit_pool_gradient(g, lambda: r.bottom(0), part, product(shape[:2]), self.p.pool, y, x)
            for part, (y, x) in zip(parts, levels)
        ]
        return [g.reshape(g.op("Sum", found), shape)]
