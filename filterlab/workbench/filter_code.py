"""The pycaffe lines that do what an edit of the filter bench does."""

from __future__ import annotations

import numpy as np

from filterlab.surgery.kernels import Kernel
from filterlab.surgery.kernels.text import format_number
from filterlab.workbench.filter_state import SLOTS, BenchState

__all__ = ["bias", "cell", "copy", "difference", "kernel", "picture", "structure", "swap"]

_WEIGHTS = "net.params['conv'][0].data"
_BIAS = "net.params['conv'][1].data"


def cell(slot: int, channel: int, row: int, column: int, value: float) -> str:
    """One cell of a kernel."""
    return f"{_WEIGHTS}[{slot}, {channel}, {row}, {column}] = {format_number(value)}"


def kernel(slot: int, channel: int, values: Kernel) -> str:
    """A whole grid."""
    rows = [", ".join(format_number(value) for value in row) for row in values]
    if not values.any():
        return f"{_WEIGHTS}[{slot}, {channel}] = 0"
    inner = ",\n    ".join(f"[{row}]" for row in rows)
    return f"{_WEIGHTS}[{slot}, {channel}] = [\n    {inner},\n]"


def bias(slot: int, value: float) -> str:
    return f"{_BIAS}[{slot}] = {format_number(value)}"


def swap(first: int, second: int) -> str:
    return "\n".join(
        f"{data}[[{first}, {second}]] = {data}[[{second}, {first}]]" for data in (_WEIGHTS, _BIAS)
    )


def copy(source: int, target: int) -> str:
    return "\n".join(f"{data}[{target}] = {data}[{source}]" for data in (_WEIGHTS, _BIAS))


def structure(state: BenchState) -> str:
    """A net of the state's size and settings, from its prototxt."""
    rows, cols = state.size
    settings = state.settings
    words = [f"kernel_size: {rows}" if rows == cols else f"kernel_h: {rows} kernel_w: {cols}"]
    down, across = settings.margins(state.size)
    if (down, across) != (0, 0):
        words.append(f"pad: {down}" if down == across else f"pad_h: {down} pad_w: {across}")
    words.append(f"stride: {settings.stride}")
    if settings.dilation > 1:
        words.append(f"dilation: {settings.dilation}")
    if settings.channels > 1:
        words.append(f"input dim: 1 {settings.channels} H W")
    return f"net = caffe.Net('conv.prototxt', caffe.TEST)  # {' '.join(words)}"


def picture(state: BenchState) -> str:
    """The picture put into the net."""
    shape = state.picture.planes(state.settings.mode).shape
    times = " * 255" if state.settings.scale == 255 else ""
    how = {
        "grey": "caffe.io.load_image(name, color=False)[:, :, 0]",
        "each": "caffe.io.load_image(name).transpose(2, 0, 1)[:, np.newaxis]",
        "three": "caffe.io.load_image(name).transpose(2, 0, 1)",
    }["grey" if shape[:2] == (1, 1) else state.settings.mode]
    return (
        f"net.blobs['data'].reshape({', '.join(str(n) for n in shape)})\n"
        f"net.blobs['data'].data[...] = {how}{times}"
    )


def difference(old: BenchState, new: BenchState) -> str:
    """The lines that lead from one state to another."""
    lines = []
    rebuilt = old.size != new.size or old.settings != new.settings
    if rebuilt and (
        old.size != new.size
        or old.settings.channels != new.settings.channels
        or (old.settings.pad, old.settings.stride, old.settings.dilation)
        != (new.settings.pad, new.settings.stride, new.settings.dilation)
    ):
        lines.append(structure(new))
        everything = True
    else:
        everything = False
    for slot in range(SLOTS):
        for channel in range(new.kernels.shape[1]):
            values = new.kernels[slot, channel]
            if everything or not np.array_equal(values, old.kernels[slot, channel]):
                lines.append(kernel(slot, channel, values))
        if (everything and new.bias[slot]) or new.bias[slot] != old.bias[slot]:
            lines.append(bias(slot, float(new.bias[slot])))
    if everything or new.picture is not old.picture or rebuilt:
        lines.append(picture(new))
    return "\n".join(lines)
