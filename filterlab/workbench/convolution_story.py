"""A convolution, one output pixel after the other: a cut of a filter at work, and its story.

No Qt. A :class:`Region` holds the cells of the input, the kernel, and what the net makes of them.
A :class:`Still` is one picture of it at a time t from 0 to 1, which any view may draw.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

import filterlab.caffe as caffe
from filterlab.surgery.convolve import EDGES, Settings, Snapshot, net_parameter
from filterlab.surgery.kernels.analysis import PixelExplanation, explain_pixel

__all__ = ["STEPS", "ConvolutionStory", "Region", "Still", "cut", "walk", "walk_length"]

Floats = NDArray[np.float32]

#: The steps of the story, in their order.
STEPS = ("patch", "products", "sum", "next", "stride", "dilation", "padding", "flip")

_LEAST_OUTPUTS = 3
_WALKED = 4  # output pixels that the steps about stride, dilation and padding go over


@dataclass(frozen=True, eq=False)
class Region:
    """Cells of the input with the outputs that the net makes of them.

    Attributes
    ----------
    place : (row, column)
        Of the first output cell in the full output.
    origin : (row, column)
        Of the first input cell in the picture; below 0 in the padding.
    inputs : float32 (C, h, w)
        What the net is fed, padding included.
    outside : bool (h, w)
        Which input cells are padding.
    kernel : float32 (C, kh, kw)
        As the net has it: divided. bias, stride, dilation : the layer's.
    outputs : float32 (rows, cols)
        Computed by the net.
    """

    place: tuple[int, int]
    origin: tuple[int, int]
    inputs: Floats
    outside: NDArray[np.bool_]
    kernel: Floats
    bias: float
    stride: int
    dilation: int
    outputs: Floats

    @property
    def reach(self) -> tuple[int, int]:
        """Rows and columns from the kernel's first cell to its last, both counted."""
        kh, kw = self.kernel.shape[1:]
        return self.dilation * (kh - 1) + 1, self.dilation * (kw - 1) + 1

    @property
    def count(self) -> int:
        """How many output cells there are."""
        return int(self.outputs.size)

    def cell(self, index: int) -> tuple[int, int]:
        """Row and column of an output cell, counted along the rows."""
        row, column = divmod(index, self.outputs.shape[1])
        return int(row), int(column)

    def corner(self, index: int) -> tuple[int, int]:
        """Row and column of the window's first input cell, within the region."""
        row, column = self.cell(index)
        return row * self.stride, column * self.stride

    def explain(self, index: int) -> PixelExplanation:
        """How an output cell comes about, in float64; places are within the region."""
        row, column = self.cell(index)
        return explain_pixel(
            self.inputs, self.kernel, self.bias, row, column, (0, 0), self.stride, self.dilation
        )


def _folded(at: NDArray[np.int64], length: int, edge: str) -> NDArray[np.int64]:
    """Where a place outside 0 … length-1 is read from, as numpy's padding has it."""
    if edge == "wrap":
        return at % length
    if edge == "reflect" and length > 1:
        around = 2 * (length - 1)
        at = at % around
        return np.where(at < length, at, around - at)
    return at.clip(0, length - 1)


def cut(
    snapshot: Snapshot,
    slot: int,
    place: tuple[int, int] = (0, 0),
    cells: tuple[int, int] = (9, 9),
    channel: int = 0,
) -> Region:
    """The region whose first output pixel is at ``place`` or, near the end, as near as it can be.

    Parameters
    ----------
    snapshot : Snapshot
    slot : int
        Which filter.
    place : (row, column)
        In the full output.
    cells : (rows, columns)
        Of the input; more where fewer than three outputs would come of it.
    channel : int
        Which colour is looked at where the kernel works on each by itself.

    Raises
    ------
    FilterLabError
        If the kernel does not fit into the picture.
    """
    settings, blob = snapshot.settings, snapshot.size
    full = snapshot.output_size
    own = snapshot.sizes[slot] if snapshot.sizes else blob
    first = [(whole - part) // 2 for whole, part in zip(blob, own)]
    rows_, cols_ = (slice(start, start + side) for start, side in zip(first, own))
    kernel = np.ascontiguousarray(snapshot.kernels[slot, :, rows_, cols_])
    margins = settings.margins(blob)
    planes = _planes(snapshot)
    source = planes[channel if planes.shape[0] > 1 else 0]
    counts, starts, indices, inside = [], [], [], []
    for axis in (0, 1):
        reach = settings.dilation * (own[axis] - 1) + 1
        wanted = max((cells[axis] - reach) // settings.stride + 1, _LEAST_OUTPUTS)
        count = min(wanted, full[axis])
        start = min(max(place[axis], 0), full[axis] - count)
        origin = start * settings.stride - margins[axis] + settings.dilation * first[axis]
        length = source.shape[1 + axis]
        # As many cells as asked for, if the picture and its padding have them.
        used = (count - 1) * settings.stride + reach
        last = length + margins[axis] - settings.dilation * first[axis]
        used = max(used, min(cells[axis], last - origin))
        at = origin + np.arange(used)
        counts.append(count)
        starts.append((start, origin))
        indices.append(_folded(at, length, settings.edge))
        inside.append((at >= 0) & (at < length))
    outside = ~(inside[0][:, None] & inside[1])
    patch = source[:, indices[0][:, None], indices[1]] * np.float32(settings.scale)
    if EDGES[settings.edge] == "constant":
        patch = np.where(outside, np.float32(0), patch)
    patch = np.ascontiguousarray(patch, np.float32)
    outputs = _answer(settings, kernel, float(snapshot.bias[slot]), patch)
    return Region(
        (starts[0][0], starts[1][0]),
        (starts[0][1], starts[1][1]),
        patch,
        outside,
        kernel,
        float(snapshot.bias[slot]),
        settings.stride,
        settings.dilation,
        np.ascontiguousarray(outputs[: counts[0], : counts[1]]),
    )


def _planes(snapshot: Snapshot) -> Floats:
    """What the net is fed before padding and scaling, (batch, channels, H, W)."""
    return snapshot.picture.planes(snapshot.settings.mode)


def _answer(settings: Settings, kernel: Floats, bias: float, patch: Floats) -> Floats:
    """What the net makes of the cells, padding being among them already."""
    plain = replace(settings, pad="valid", edge="zero")
    parameter = net_parameter(plain, 1, kernel.shape[1:], (1, *patch.shape))
    net = caffe.Net(parameter, caffe.TEST)
    net.blobs["data"].data[...] = patch[None]
    net.params["conv"][0].data[...] = kernel[None]
    net.params["conv"][1].data[...] = bias
    net.forward()
    answer: Floats = net.blobs["conv"].data[0, 0].copy()
    return answer


@dataclass(frozen=True, eq=False)
class Still:
    """One picture of a convolution.

    Attributes
    ----------
    step : str
        One of :data:`STEPS`, or ``"walk"``.
    t : float
        0 to 1.
    region : Region
    index : int
        The output cell that is computed.
    window : (row, column)
        Where the window's first cell lies among the input cells; between two while it glides.
    before : (row, column) or None
        Where it came from.
    done : int
        How many outputs are filled in, along the rows.
    multiplied : int
        How many products are shown, along the kernel's rows.
    summed : bool
        Whether their sum is shown.
    turn : float
        How far the kernel is turned, in half turns.
    explained : PixelExplanation
        Patch, products and sum of the output cell.
    """

    step: str
    t: float
    region: Region
    index: int
    window: tuple[float, float]
    before: tuple[int, int] | None
    done: int
    multiplied: int
    summed: bool
    explained: PixelExplanation
    turn: float = 0.0

    @property
    def value(self) -> float:
        """The output that is computed: the net's number, or the sum with the kernel turned."""
        if self.turn >= 1:
            return self.explained.flipped_result
        return float(self.region.outputs[self.region.cell(self.index)])


def walk_length(region: Region) -> int:
    """How many places a walk over the region has."""
    return region.count


def walk(region: Region, index: int, t: float = 1.0, step: str = "walk") -> Still:
    """The window on its way to output ``index``, which it has reached at ``t`` 1."""
    index = min(max(index, 0), region.count - 1)
    to = region.corner(index)
    before = region.corner(index - 1) if index else None
    start = before if before is not None else to
    window = tuple(a + (b - a) * t for a, b in zip(start, to))
    arrived = t >= 1
    return Still(
        step,
        t,
        region,
        index,
        (float(window[0]), float(window[1])),
        before,
        index + 1 if arrived else index,
        int(np.prod(region.kernel.shape[1:])) if arrived else 0,
        arrived,
        region.explain(index),
    )


class ConvolutionStory:
    """Patch, products, sum, next; stride, dilation, padding; correlation against convolution.

    Parameters
    ----------
    snapshot : Snapshot
        The filters at work.
    slot : int
        Which of them.
    place : (row, column)
        The output pixel that the story begins at.
    cells : (rows, columns)
        Of the input that are shown.

    Attributes
    ----------
    base, strided, dilated, padded : Region
        As the filter is set; with a stride of 2 or more; with a dilation of 2 or more; with zeros
        around the picture's first corner.

    Raises
    ------
    FilterLabError
        If the kernel does not fit into the picture.
    """

    steps = STEPS

    def __init__(
        self,
        snapshot: Snapshot,
        slot: int,
        place: tuple[int, int] = (0, 0),
        cells: tuple[int, int] = (9, 9),
        channel: int = 0,
    ) -> None:
        settings = snapshot.settings

        def region(at: tuple[int, int] = place, **changes: object) -> Region:
            changed = replace(snapshot, settings=replace(settings, **changes))  # type: ignore[arg-type]
            return cut(changed, slot, at, cells, channel)

        self.slot = slot
        self.base = region()
        stride = max(2, settings.stride)
        near = (place[0] * settings.stride // stride, place[1] * settings.stride // stride)
        self.strided = region(near, stride=stride)
        self.dilated = region(dilation=max(2, settings.dilation))
        self.padded = region((0, 0), pad="same", edge="zero")

    def still(self, step: int, t: float) -> Still:
        """The picture of a step (0 to 7) at a time from 0 to 1."""
        name = self.steps[min(max(step, 0), len(self.steps) - 1)]
        t = min(max(t, 0.0), 1.0)
        if name in ("stride", "dilation", "padding"):
            region = {
                "stride": self.strided,
                "dilation": self.dilated,
                "padding": self.padded,
            }[name]
            return self._walked(region, name, t)
        first = walk(self.base, 0, 1.0, name)
        cells = first.multiplied
        if name == "patch":
            return replace(first, t=t, done=0, multiplied=0, summed=False)
        if name == "products":
            return replace(first, t=t, done=0, multiplied=round(t * cells), summed=False)
        if name == "sum":
            return replace(first, t=t, done=int(t >= 1), summed=t >= 0.5)
        if name == "next":
            return walk(self.base, 1, t, name)
        # Both answers of the same patch: as nets compute it, and with the kernel turned.
        return replace(first, t=t, turn=t, done=1)

    @staticmethod
    def _walked(region: Region, name: str, t: float) -> Still:
        last = min(_WALKED, region.count) - 1
        at = t * last
        index = min(last, int(np.ceil(at)))
        share = at - (index - 1) if index else 1.0
        return replace(walk(region, index, share, name), t=t)
