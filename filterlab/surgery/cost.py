"""What a run of a net will cost: memory from its blobs' sizes, time from a measured run."""

from __future__ import annotations

import contextlib
import ctypes
import math
import os
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from filterlab.caffe import Net
from filterlab.caffe.proto.caffe_pb2 import LayerParameter, NetParameter
from filterlab.caffe.text import Text
from filterlab.errors import FilterLabError
from filterlab.surgery.spatial import layers_for_test, spatial_graph

__all__ = [
    "OVERHEAD",
    "Cost",
    "available_memory",
    "check_memory",
    "estimate",
    "fits",
    "layer_work",
    "linux_memory",
    "macs",
    "macs_of_layer",
    "nominal_seconds",
]

#: Multiplications a second of a small computer, for choices that must not depend on the one that
#: makes them: which method is the default, how a pass is cut into pieces.
NOMINAL_SPEED = 8e10
_CONVOLUTIONS = frozenset(
    "Convolution ConvolutionDepthwise Deconvolution DepthwiseConvolution".split()
)
#: Beside the blobs the engine keeps work space (unrolled patches of the largest convolution).
OVERHEAD = 1.6
_SHARE = 0.85  # of the free memory that one run may take


@dataclass(frozen=True)
class Cost:
    """What one forward pass at a size costs.

    Attributes
    ----------
    bytes : int
        Memory for the blobs and the engine's work space, beside the weights.
    macs : int
        Multiplications with addition.
    seconds : float or None
        Expected time, if a measured run was given.
    """

    bytes: int
    macs: int
    seconds: float | None = None

    @property
    def text(self) -> str:
        """For reading, in any language: ``about 46 ms, 350 MB``."""
        memory = amount(self.bytes)
        if self.seconds is None:
            return memory
        return Text("about {time}, {memory}", time=duration(self.seconds), memory=memory)

    def __str__(self) -> str:
        return str(self.text)


def duration(seconds: float) -> str:
    """A time for reading: ``46 ms``, ``2.3 s``, ``3 min``."""
    if seconds < 1:
        return f"{seconds * 1000:.0f} ms"
    return f"{seconds:.1f} s" if seconds < 90 else f"{seconds / 60:.0f} min"


def amount(count: int) -> str:
    """An amount of memory for reading: ``350 MB``, ``2.1 GB``."""
    return f"{count / 1e6:.0f} MB" if count < 1e9 else f"{count / 1e9:.1f} GB"


def _channels(net: Net) -> dict[str, int]:
    return {
        name: int(blob.shape[1]) if len(blob.shape) > 1 else 1 for name, blob in net.blobs.items()
    }


def macs_of_layer(
    kind: str, weights: Sequence[Sequence[int]], bottom: Sequence[int], top: Sequence[int]
) -> int:
    """Multiplications with addition of a layer, of convolutions and fully connected ones.

    Every weight of a convolution is used once for each place of its top, of a deconvolution for
    each place of its bottom; one of a fully connected layer once for each item of the batch.
    Everything else counts as 0.

    Parameters
    ----------
    kind : str
    weights : shapes of its weights
    bottom, top : shapes of its first bottom and top, batch x channels x rows x cols …
    """
    if not weights:
        return 0
    values = math.prod(int(n) for n in weights[0])
    if kind == "InnerProduct":
        return values * math.prod(top[:-1])
    if kind not in _CONVOLUTIONS:
        return 0
    where = bottom if kind == "Deconvolution" else top
    return values * math.prod(where[:1]) * math.prod(where[2:])


def _macs_of(layer: LayerParameter, net: Net, sizes: Mapping[str, tuple[int, int]]) -> int:
    if layer.name not in net.params:
        return 0

    def placed(blob: str) -> tuple[int, ...]:
        return (1, 1, *sizes.get(blob, (1, 1)))

    shapes = [tuple(blob.shape) for blob in net.params[layer.name]]
    if layer.type == "InnerProduct":
        return math.prod(int(n) for n in shapes[0])
    return macs_of_layer(layer.type, shapes, placed(layer.bottom[0]), placed(layer.top[0]))


def macs(net_param: NetParameter, net: Net, sizes: Mapping[str, tuple[int, int]]) -> int:
    """Multiplications with addition of one pass, for blobs of these (rows, cols)."""
    return sum(_macs_of(layer, net, sizes) for layer in layers_for_test(net_param))


def layer_work(net_param: NetParameter, net: Net, size: tuple[int, int]) -> list[tuple[str, float]]:
    """The layers in order with the work of each at an input size, in multiplications.

    What a layer without multiplications costs is mostly the memory it walks through; a value
    counts as twenty multiplications.
    """
    sizes = spatial_graph(net_param).sizes(*size)
    channels = _channels(net)
    work = []
    for layer in layers_for_test(net_param):
        values = sum(
            channels.get(top, 1) * sizes[top][0] * sizes[top][1]
            for top in layer.top
            if top in sizes
        )
        work.append((str(layer.name), float(_macs_of(layer, net, sizes) + 20 * values)))
    return work


def nominal_seconds(net_param: NetParameter, net: Net, size: tuple[int, int]) -> float:
    """Seconds of one pass at an input size by :data:`NOMINAL_SPEED`, the same on any computer."""
    return sum(amount for _, amount in layer_work(net_param, net, size)) / NOMINAL_SPEED


def estimate(
    net_param: NetParameter,
    net: Net,
    size: tuple[int, int],
    measured: tuple[tuple[int, int], float] | None = None,
) -> Cost:
    """What a pass of the dense net costs at an input ``size`` (height, width).

    Parameters
    ----------
    net_param, net
        Structure and net; only the shapes of its blobs and weights are read.
    size : (int, int)
    measured : ((int, int), float), optional
        A size at which a pass has been timed, and its seconds.
    """
    graph = spatial_graph(net_param)
    channels = _channels(net)
    sizes = graph.sizes(*size)
    values = sum(channels.get(b, 1) * rows * cols for b, (rows, cols) in sizes.items())
    work = macs(net_param, net, sizes)
    seconds = None
    if measured is not None:
        before = macs(net_param, net, graph.sizes(*measured[0]))
        seconds = measured[1] * work / max(before, 1)
    return Cost(int(values * 4 * OVERHEAD), work, seconds)


def available_memory() -> int | None:
    """Bytes that can be had without swapping, as far as the system tells; else None."""
    asked = {"linux": linux_memory, "win32": _windows, "darwin": _mac}.get(sys.platform)
    with contextlib.suppress(Exception):
        return asked() if asked is not None else None
    return None


def linux_memory(root: Path = Path("/")) -> int | None:
    """The same of a Linux system whose files begin at ``root``."""
    free = None
    for line in (root / "proc/meminfo").read_text().splitlines():
        if line.startswith("MemAvailable:"):
            free = int(line.split()[1]) * 1024
    # Inside a container its own limit counts.
    with contextlib.suppress(OSError, ValueError):
        group = root / "sys/fs/cgroup"
        limit = int((group / "memory.max").read_text())
        used = int((group / "memory.current").read_text())
        for line in (group / "memory.stat").read_text().splitlines():
            if line.startswith("inactive_file "):
                used -= int(line.split()[1])
        left = max(limit - used, 0)
        free = left if free is None else min(free, left)
    return free


def _windows() -> int | None:
    class Status(ctypes.Structure):
        _fields_ = (
            ("length", ctypes.c_uint32),
            ("load", ctypes.c_uint32),
            *((n, ctypes.c_uint64) for n in ("total", "free", "a", "b", "c", "d", "e")),
        )

    status = Status()
    status.length = ctypes.sizeof(Status)
    windll: Any = getattr(ctypes, "windll")  # noqa: B009 - exists on Windows only
    return int(status.free) if windll.kernel32.GlobalMemoryStatusEx(ctypes.byref(status)) else None


def _mac() -> int | None:
    # macOS compresses and caches freely; half of what is fitted is a fair guess.
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") // 2


def fits(cost: Cost, free: int | None = None) -> bool:
    """Whether there is memory for a run (what is free is asked from the system if not given)."""
    free = available_memory() if free is None else free
    return free is None or cost.bytes <= free * _SHARE


def check_memory(cost: Cost, size: tuple[int, int], free: int | None = None) -> None:
    """Refuse a run that does not fit.

    Raises
    ------
    FilterLabError
        If ``cost`` takes more than what is free (asked from the system if not given).
    """
    free = available_memory() if free is None else free
    if free is not None and not fits(cost, free):
        raise FilterLabError(
            "an input of {size}x{size2} pixels would take about {amount} of memory, but "
            "only {free} are free; take fewer cells",
            size=size[1],
            size2=size[0],
            amount=amount(cost.bytes),
            free=amount(free),
        )
