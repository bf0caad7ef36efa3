"""A few filters over one picture, computed by the net: snapshots in, outputs out, on any thread.

A :class:`Snapshot` is immutable, so a worker may compute it while the window goes on editing.
Every run borrows a net of its own. A preview computes every k-th pixel of the very result that the
full run gives, by a longer stride: no number in it is made up from a reduced picture.
"""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

import filterlab.caffe as caffe
from filterlab import paths
from filterlab.caffe.text import Text
from filterlab.errors import FilterLabError
from filterlab.pictures import grey_of
from filterlab.progress import Job, Progress
from filterlab.surgery.kernels.analysis import PixelExplanation, explain_pixel, output_size

__all__ = [
    "EDGES",
    "MODES",
    "PADS",
    "Outputs",
    "Picture",
    "Settings",
    "Snapshot",
    "Stats",
    "compute",
    "compute_job",
    "explain",
    "net_parameter",
    "preview",
    "stats_of",
]

Floats = NDArray[np.float32]

MODES = ("grey", "each", "three")
"""``grey``: on the picture's luma, as in the tutorial. ``each``: the kernel on each channel.
``three``: a true three-channel kernel, one grid a channel, order RGB."""

PADS = ("valid", "same")
"""``valid``: only where the kernel fits, as the tutorial's net. ``same``: padded around it."""

EDGES = {"zero": "constant", "reflect": "reflect", "replicate": "edge", "wrap": "wrap"}
"""What padding holds, to numpy's name of it. Zeros are the net's own padding; with the others the
picture is padded before the net, which then has none."""

MAX_STRIDE = 4
MAX_DILATION = 3

PREVIEW_PIXELS = 1 << 18
"""A preview has at most about this many pixels for each filter."""

_WHOLE_PIXELS = 1 << 20  # up to this many the full result is quick enough to need no preview
_TILE_PIXELS = 1 << 20


class Picture:
    """An input picture that nobody changes: float32, (H, W) or RGB (H, W, 3), 0 to 1.

    The array is copied, unless it is float32 and read-only already.
    """

    __slots__ = (
        "_grey", "_lock", "_padded", "frame", "frames", "origin", "passing", "pixels", "title",
    )  # fmt: skip

    def __init__(self, pixels: Any, title: str = "") -> None:
        array = np.asarray(pixels, dtype=np.float32, order="C")
        if array.flags.writeable:
            array = np.array(array)
        if array.ndim == 3 and array.shape[2] == 1:
            array = array[:, :, 0]
        if array.size == 0 or not (array.ndim == 2 or (array.ndim == 3 and array.shape[2] == 3)):
            raise FilterLabError(
                "a picture is (height, width) or (height, width, 3), this has shape {shape}",
                shape=array.shape,
            )
        array.flags.writeable = False
        self.pixels: Floats = array
        self.title = title
        #: What it can be read from again: ``file``, ``sample`` or ``pattern``, and path or name.
        self.origin = ("", "")
        #: Which frame of that file it is, from 0, and how many can be chosen.
        self.frame, self.frames = 0, 1
        #: One of a camera's many frames: every edit made over it keeps another one alive.
        self.passing = False
        self._grey: Floats | None = None
        self._padded: tuple[Any, Floats] | None = None
        self._lock = threading.Lock()

    @property
    def height(self) -> int:
        return int(self.pixels.shape[0])

    @property
    def width(self) -> int:
        return int(self.pixels.shape[1])

    @property
    def colour(self) -> bool:
        return self.pixels.ndim == 3

    @property
    def grey(self) -> Floats:
        """The luma (H, W), made at the first call and kept."""
        with self._lock:
            if self._grey is None:
                grey = grey_of(self.pixels)
                grey.flags.writeable = False
                self._grey = grey
            return self._grey

    def planes(self, mode: str) -> Floats:
        """What the net is fed: a view (batch, channels, H, W)."""
        if mode == "grey" or (mode == "each" and not self.colour):
            return self.grey[None, None]
        rgb = (
            self.pixels
            if self.colour
            else np.broadcast_to(self.pixels[..., None], (*self.pixels.shape, 3))
        )
        chw = np.moveaxis(rgb, -1, 0)
        return chw[:, None] if mode == "each" else chw[None]

    def padded(self, mode: str, edge: str, margins: tuple[int, int]) -> Floats:
        """:meth:`planes` with rows and columns around them (``edge`` of :data:`EDGES`).

        The last one is kept.
        """
        key = (mode, edge, margins)
        with self._lock:
            if self._padded is not None and self._padded[0] == key:
                return self._padded[1]
        (y, x), planes = margins, self.planes(mode)
        wide: Floats = np.pad(planes, ((0, 0), (0, 0), (y, y), (x, x)), EDGES[edge])  # type: ignore[call-overload]
        wide.flags.writeable = False
        with self._lock:
            self._padded = key, wide
        return wide


@dataclass(frozen=True)
class Settings:
    """How the kernels meet the picture.

    Attributes
    ----------
    mode : str
        One of :data:`MODES`.
    pad : str
        One of :data:`PADS`.
    stride, dilation : int
        1 to 4, and 1 to 3.
    scale : float
        What the picture's 1.0 is fed as: 1, or 255 as when the tutorial's numbers were printed.
    edge : str
        One of :data:`EDGES`; without padding it says nothing.
    """

    mode: str = "grey"
    pad: str = "valid"
    stride: int = 1
    dilation: int = 1
    scale: float = 1.0
    edge: str = "zero"

    def __post_init__(self) -> None:
        if self.edge not in EDGES:
            raise FilterLabError(
                "no edge {edge!r}; choose one of {edges}", edge=self.edge, edges=", ".join(EDGES)
            )
        if self.mode not in MODES:
            raise FilterLabError(
                "no colour mode {mode!r}; choose one of {known}",
                mode=self.mode,
                known=", ".join(MODES),
            )
        if self.pad not in PADS:
            raise FilterLabError(
                "no padding {pad!r}; choose one of {known}", pad=self.pad, known=", ".join(PADS)
            )
        if not 1 <= self.stride <= MAX_STRIDE:
            raise FilterLabError(
                "stride {stride} is out of range; take 1 to {most}",
                stride=self.stride,
                most=MAX_STRIDE,
            )
        if not 1 <= self.dilation <= MAX_DILATION:
            raise FilterLabError(
                "dilation {dilation} is out of range; take 1 to {most}",
                dilation=self.dilation,
                most=MAX_DILATION,
            )
        if self.scale not in (1.0, 255.0):
            raise FilterLabError(
                "scale {scale:g} is none of 1 and 255; choose one", scale=self.scale
            )

    @property
    def channels(self) -> int:
        """Channels of a kernel."""
        return 3 if self.mode == "three" else 1

    def margins(self, size: tuple[int, int]) -> tuple[int, int]:
        """Padding above and below, left and right, for a kernel of ``size`` rows x columns."""
        if self.pad == "valid":
            return 0, 0
        return self.dilation * (size[0] // 2), self.dilation * (size[1] // 2)

    def net_margins(self, size: tuple[int, int]) -> tuple[int, int]:
        """The part of :meth:`margins` that is the net's own padding."""
        return self.margins(size) if self.edge == "zero" else (0, 0)


@dataclass(frozen=True, eq=False)
class Snapshot:
    """Everything an output depends on; nothing in it changes any more.

    Attributes
    ----------
    revision : int
        Which state of the bench it is; outputs carry it on.
    kernels : float32 (N, C, kh, kw), read-only
    bias : float32 (N,), read-only
    settings : Settings
    picture : Picture
    sizes : (rows, columns) of each filter, in the middle of the blob's; empty: all of the blob's
    """

    kernels: Floats
    bias: Floats
    settings: Settings
    picture: Picture
    revision: int = 0
    sizes: tuple[tuple[int, int], ...] = ()

    @property
    def size(self) -> tuple[int, int]:
        """Rows and columns of a kernel."""
        return int(self.kernels.shape[2]), int(self.kernels.shape[3])

    @property
    def output_size(self) -> tuple[int, int]:
        """Rows and columns of the full output.

        Raises
        ------
        FilterLabError
            If the kernel does not fit into the picture.
        """
        return output_size(
            (self.picture.height, self.picture.width),
            self.size,
            self.settings.margins(self.size),
            self.settings.stride,
            self.settings.dilation,
        )

    def fed(self) -> Floats:
        """What the net is fed before scaling, (batch, channels, H, W).

        With the edges that the net cannot make itself.
        """
        settings, margins = self.settings, self.settings.margins(self.size)
        if settings.edge == "zero" or margins == (0, 0):
            return self.picture.planes(settings.mode)
        return self.picture.padded(settings.mode, settings.edge, margins)

    @property
    def preview_step(self) -> int:
        """The k for which every k-th pixel of the output makes a preview; 1: no need for one."""
        rows, cols = self.output_size
        batch = 3 if self.settings.mode == "each" and self.picture.colour else 1
        if rows * cols * batch <= _WHOLE_PIXELS:
            return 1
        return max(1, int(np.ceil(np.sqrt(rows * cols * batch / PREVIEW_PIXELS))))


class Stats(NamedTuple):
    """Numbers of one output: of its finite pixels, and how many are not finite (NaN or inf)."""

    mean: float
    minimum: float
    maximum: float
    std: float
    not_finite: int = 0
    exact: bool = True


@dataclass(frozen=True, eq=False)
class Outputs:
    """What the filters make of the picture.

    Attributes
    ----------
    data : float32 (N, h, w), or (N, h, w, 3) in mode ``each`` on a colour picture; read-only
    stats : tuple of Stats, one a filter
    step : int
        1 for the full result; k if ``data`` is every k-th row and column of it.
    full_size : (rows, columns) of the full result
    revision : int
        The snapshot's.
    """

    data: Floats
    stats: tuple[Stats, ...]
    step: int
    full_size: tuple[int, int]
    revision: int

    @property
    def finite(self) -> bool:
        return not any(stats.not_finite for stats in self.stats)

    def lowest(self) -> float:
        return min(stats.minimum for stats in self.stats)

    def highest(self) -> float:
        return max(stats.maximum for stats in self.stats)


def stats_of(output: Floats, exact: bool = True) -> Stats:
    """The :class:`Stats` of an array, summed in float64."""
    lowest, highest = float(output.min()), float(output.max())
    bad = 0
    if not (np.isfinite(lowest) and np.isfinite(highest)):
        finite = output[np.isfinite(output)]
        bad = int(output.size - finite.size)
        if not finite.size:
            return Stats(float("nan"), float("nan"), float("nan"), float("nan"), bad, exact)
        output, lowest, highest = finite, float(finite.min()), float(finite.max())
    mean = float(output.mean(dtype=np.float64))
    # In a second pass over bands of rows: exact, without another copy of a large picture.
    square, band = 0.0, max(1, _TILE_PIXELS * len(output) // output.size)
    centre = np.float32(mean)
    with np.errstate(over="ignore"):
        for start in range(0, len(output), band):
            chunk = (output[start : start + band] - centre).reshape(-1)
            square += float(np.dot(chunk, chunk))
    return Stats(mean, lowest, highest, float(np.sqrt(square / output.size)), bad, exact)


# --- the net ----------------------------------------------------------------------------------


def net_parameter(
    settings: Settings, count: int, size: tuple[int, int], input_shape: tuple[int, ...]
) -> Any:
    """models/conv.prototxt with another kernel size, padding, stride, dilation or input.

    Parameters
    ----------
    count : int
        Number of filters.
    size : (rows, columns) of the kernels
    input_shape : (batch, channels, H, W)
    """
    from filterlab.caffe.prototxt import read_net

    net = read_net(paths.model("conv.prototxt"))
    data, conv = net.layer[0], net.layer[1]
    del data.input_param.shape[0].dim[:]
    data.input_param.shape[0].dim.extend(int(n) for n in input_shape)
    what = conv.convolution_param
    what.num_output = count
    for name in ("kernel_size", "kernel_h", "kernel_w", "pad", "pad_h", "pad_w", "stride"):
        what.ClearField(name)
    what.ClearField("dilation")
    if size[0] == size[1]:
        what.kernel_size.append(size[0])
    else:
        what.kernel_h, what.kernel_w = size
    margins = settings.net_margins(size)
    if margins != (0, 0):
        if margins[0] == margins[1]:
            what.pad.append(margins[0])
        else:
            what.pad_h, what.pad_w = margins
    if settings.stride != 1:
        what.stride.append(settings.stride)
    if settings.dilation != 1:
        what.dilation.append(settings.dilation)
    return net


class _Loaded:
    def __init__(self, net: caffe.Net) -> None:
        self.net = net
        self.source: Any = None

    def feed(self, planes: Floats, scale: float, source: Any) -> None:
        """Put the picture in, unless it is there already (``source`` tells)."""
        blob = self.net.blobs["data"]
        if tuple(blob.shape) != planes.shape:
            blob.reshape(*planes.shape)
            self.net.reshape()
            self.source = None
        if source is None or self.source is None or self.source != source:
            if scale == 1:
                blob.data[...] = planes
            else:
                np.multiply(planes, np.float32(scale), out=blob.data)
            self.source = source

    def run(self, kernels: Floats, bias: Floats) -> Floats:
        """The conv blob after forward: the net's own memory, (batch, N, h, w)."""
        weights = self.net.params["conv"]
        weights[0].data[...] = kernels
        weights[1].data[...] = bias
        self.net.forward()
        result: Floats = self.net.blobs["conv"].data
        return result


_idle: dict[str, tuple[Any, _Loaded]] = {}
_idle_lock = threading.Lock()


@contextlib.contextmanager
def _borrowed(kind: str, key: Any, build: Callable[[], Any]) -> Iterator[_Loaded]:
    """A net for one run's use.

    It outlives the thread that ran it, as a window's workers end whenever they have nothing to
    do; of each kind only the one used last is kept, since each holds a picture.
    """
    with _idle_lock:
        have = _idle.pop(kind, None)
    if have is None or have[0] != key:
        # The old one goes first, so that two pictures are never held at once.
        have = None
        have = key, _Loaded(caffe.Net(build(), caffe.TEST))
    yield have[1]
    # A net whose run failed is not given back.
    with _idle_lock:
        _idle[kind] = have


def _outputs(snapshot: Snapshot, planar: Floats, step: int) -> Outputs:
    """From (batch, N, h, w), which is kept: one plane a filter, or three seen as colours."""
    stats = tuple(stats_of(planar[:, n], step == 1) for n in range(planar.shape[1]))
    data = planar[0] if planar.shape[0] == 1 else np.moveaxis(planar, 0, -1)
    data.flags.writeable = False
    return Outputs(data, stats, step, snapshot.output_size, snapshot.revision)


def _whole(snapshot: Snapshot, step: int) -> Outputs:
    """One forward over the whole picture, with the stride times ``step``."""
    _ = snapshot.output_size  # says so if the kernel does not fit
    settings, size, count = snapshot.settings, snapshot.size, len(snapshot.kernels)
    planes = snapshot.fed()
    margins = settings.net_margins(size)
    stride = settings.stride * step

    def build() -> Any:
        net = net_parameter(settings, count, size, planes.shape)
        net.layer[1].convolution_param.stride[:] = [stride]
        return net

    key = (count, size, margins, stride, settings.dilation, planes.shape[1])
    with _borrowed("whole", key, build) as loaded:
        # A picture stays in its net while only numbers of the kernels change.
        source = (snapshot.picture, settings.mode, settings.scale, settings.edge, planes.shape)
        loaded.feed(planes, settings.scale, source)
        planar = loaded.run(snapshot.kernels, snapshot.bias).copy()
    return _outputs(snapshot, planar, step)


def preview(snapshot: Snapshot) -> Outputs:
    """At once, whatever the picture's size: every k-th pixel of the result, or all of a small one.

    Raises
    ------
    FilterLabError
        If the kernel does not fit into the picture.
    """
    return _whole(snapshot, snapshot.preview_step)


def compute(snapshot: Snapshot) -> Outputs:
    """The full result, in one go. Safe on any thread; see :func:`compute_job` for large pictures.

    Raises
    ------
    FilterLabError
        If the kernel does not fit into the picture.
    """
    job = compute_job(snapshot)
    while True:
        try:
            next(job)
        except StopIteration as end:
            outputs: Outputs = end.value
            return outputs


def compute_job(snapshot: Snapshot) -> Job[Outputs]:
    """The full result as a job, in bands of rows, so that memory beyond the result stays small."""
    rows, cols = snapshot.output_size
    if snapshot.preview_step == 1:
        yield Progress("Filtering", 0, 1)
        return _whole(snapshot, 1)
    settings, size, count = snapshot.settings, snapshot.size, len(snapshot.kernels)
    yield Progress("Filtering", 0, rows)
    planes = snapshot.fed()
    batch, channels, height, _width = planes.shape
    margin_y, margin_x = settings.net_margins(size)
    reach = settings.dilation * (size[0] - 1) + 1
    band = max(1, _TILE_PIXELS // (cols * batch * max(1, count // 3)))
    planar = np.empty((batch, count, rows, cols), dtype=np.float32)

    def build() -> Any:
        net = net_parameter(settings, count, size, planes.shape)
        what = net.layer[1].convolution_param
        what.ClearField("pad")
        what.pad_h, what.pad_w = 0, margin_x
        return net

    key = (count, size, margin_x, settings.stride, settings.dilation, channels)
    with _borrowed("band", key, build) as loaded:
        for first in range(0, rows, band):
            yield Progress(
                "Filtering", first, rows, Text("row {first} of {rows}", first=first, rows=rows)
            )
            last = min(rows, first + band)
            top = first * settings.stride - margin_y
            bottom = (last - 1) * settings.stride - margin_y + reach
            slab = planes[:, :, max(0, top) : min(height, bottom)]
            above, below = max(0, -top), max(0, bottom - height)
            if above or below:
                slab = np.pad(slab, ((0, 0), (0, 0), (above, below), (0, 0)))
            loaded.feed(slab, settings.scale, None)
            planar[:, :, first:last] = loaded.run(snapshot.kernels, snapshot.bias)
    yield Progress("Measuring", rows, rows)
    return _outputs(snapshot, planar, 1)


def explain(
    snapshot: Snapshot, slot: int, row: int, column: int, channel: int = 0
) -> PixelExplanation:
    """How the full output's pixel (row, column) of a filter comes about.

    ``channel`` (0 red, 1 green, 2 blue) matters only in mode ``each`` on a colour picture.
    """
    settings, size = snapshot.settings, snapshot.size
    own = snapshot.sizes[slot] if snapshot.sizes else size
    top, left = (size[0] - own[0]) // 2, (size[1] - own[1]) // 2
    planes = snapshot.fed()
    source = planes[channel if planes.shape[0] > 1 else 0]
    # What the filter does not see of the blob's window, it leaves out on every side.
    down, across = settings.net_margins(size)
    margins = down - settings.dilation * top, across - settings.dilation * left
    explained = explain_pixel(
        source,
        snapshot.kernels[slot, :, top : top + own[0], left : left + own[1]],
        float(snapshot.bias[slot]),
        row,
        column,
        margins,
        settings.stride,
        settings.dilation,
        settings.scale,
    )
    around = np.subtract(settings.margins(size), settings.net_margins(size))
    if not around.any():
        return explained
    # Places are the picture's own, not those of the padded one.
    y, x = int(around[0]), int(around[1])
    x0, y0, x1, y1 = explained.box
    return explained._replace(
        rows=explained.rows - y,
        columns=explained.columns - x,
        box=(x0 - x, y0 - y, x1 - x, y1 - y),
    )
