"""The pycaffe lines that do what an edit of the filter bench does."""

from __future__ import annotations

import numpy as np

from filterlab.surgery.convolve import EDGES
from filterlab.surgery.kernels import Kernel
from filterlab.surgery.kernels.text import format_number
from filterlab.workbench.filter_state import SLOTS, BenchState

__all__ = [
    "applied", "bias", "cell", "copy", "difference", "fed", "kernel", "numbers", "opened",
    "picture", "rebuilt", "single", "structure", "swap",
]  # fmt: skip

_WEIGHTS = "net.params['conv'][0].data"
_BIAS = "net.params['conv'][1].data"


def cell(slot: int, channel: int, row: int, column: int, value: float, divisor: float) -> str:
    """One cell of the blob, divided."""
    share = "" if divisor == 1 else f" / {format_number(divisor)}"
    return f"{_WEIGHTS}[{slot}, {channel}, {row}, {column}] = {format_number(value)}{share}"


def _rows(values: Kernel, indent: str) -> str:
    rows = [", ".join(format_number(value) for value in row) for row in values]
    return f",\n{indent}".join(f"[{row}]" for row in rows)


def kernel(state: BenchState, slot: int, channel: int) -> str:
    """A whole grid: where it lies in the blob, and divided."""
    values, place = state.own(slot)[channel], f"{slot}, {channel}"
    if not values.any():
        return f"{_WEIGHTS}[{place}] = 0"
    divisor = float(state.divisors[slot])
    share = "" if divisor == 1 else f" / {format_number(divisor)}"
    numbers = f"[\n    {_rows(values, '    ')},\n]"
    numbers = f"np.array({numbers}){share}" if share else numbers
    if state.sizes[slot] == state.size:
        return f"{_WEIGHTS}[{place}] = {numbers}"
    (top, left), (rows, cols) = state.offset(slot), state.sizes[slot]
    return (
        f"w = {_WEIGHTS}\nw[{place}] = 0\n"
        f"w[{place}, {top}:{top + rows}, {left}:{left + cols}] = {numbers}"
    )


def bias(slot: int, value: float) -> str:
    """The line that sets a filter's bias."""
    return f"{_BIAS}[{slot}] = {format_number(value)}"


def swap(first: int, second: int) -> str:
    """The lines that exchange two filters."""
    return "\n".join(
        f"{data}[[{first}, {second}]] = {data}[[{second}, {first}]]" for data in (_WEIGHTS, _BIAS)
    )


def copy(source: int, target: int) -> str:
    """The lines that copy one filter over another."""
    return "\n".join(f"{data}[{target}] = {data}[{source}]" for data in (_WEIGHTS, _BIAS))


def structure(state: BenchState) -> str:
    """A net of the state's size and settings, from its prototxt."""
    rows, cols = state.size
    settings = state.settings
    words = [f"kernel_size: {rows}" if rows == cols else f"kernel_h: {rows} kernel_w: {cols}"]
    down, across = settings.net_margins(state.size)
    if (down, across) != (0, 0):
        words.append(f"pad: {down}" if down == across else f"pad_h: {down} pad_w: {across}")
    words.append(f"stride: {settings.stride}")
    if settings.dilation > 1:
        words.append(f"dilation: {settings.dilation}")
    if settings.channels > 1:
        words.append(f"input dim: 1 {settings.channels} H W")
    return f"net = caffe.Net('conv.prototxt', caffe.TEST)  # {' '.join(words)}"


def picture(state: BenchState) -> str:
    """The picture put into the net; edges that the net cannot make are made before."""
    how = {
        "grey": "caffe.io.load_image(name, color=False)[:, :, 0][np.newaxis, np.newaxis]",
        "each": "caffe.io.load_image(name).transpose(2, 0, 1)[:, np.newaxis]",
        "three": "caffe.io.load_image(name).transpose(2, 0, 1)[np.newaxis]",
    }["grey" if single(state) else state.settings.mode]
    frame = state.picture.frame
    if frame:
        how += f"  # of the file's frame {frame}, counted from 0"
    return f"x = {how}\n{fed(state)}"


def single(state: BenchState) -> bool:
    """Whether the net is fed the picture's luma."""
    mode = state.settings.mode
    return mode == "grey" or (mode == "each" and not state.picture.colour)


def fed(state: BenchState) -> str:
    """``x`` (batch, channels, H, W) put into the net."""
    settings = state.settings
    lines = []
    down, across = settings.margins(state.size)
    if settings.edge != "zero" and (down, across) != (0, 0):
        lines.append(
            f"x = np.pad(x, ((0, 0), (0, 0), ({down}, {down}), ({across}, {across})), "
            f"'{EDGES[settings.edge]}')"
        )
    times = " * 255" if settings.scale == 255 else ""
    lines += ["net.blobs['data'].reshape(*x.shape)", f"net.blobs['data'].data[...] = x{times}"]
    return "\n".join(lines)


def applied(state: BenchState, slot: int) -> str:
    """An output put into the net as its input."""
    by = " / 255" if state.settings.scale == 255 else ""
    lines = ["net.forward()", f"x = net.blobs['conv'].data[:, {slot}:{slot + 1}].copy(){by}"]
    if state.settings.channels > 1:
        lines.append(f"x = x.repeat({state.settings.channels}, axis=1)")
    return "\n".join([*lines, fed(state)])


def opened(state: BenchState, prototxt: str, weights: str) -> str:
    """A net read from its two files, and the picture put into it."""
    return f"net = caffe.Net({prototxt!r}, {weights!r}, caffe.TEST)\n{picture(state)}"


def difference(old: BenchState, new: BenchState) -> str:
    """The lines that lead from one state to another."""
    lines = []
    changed = old.size != new.size or old.settings != new.settings
    everything = rebuilt(old, new)
    if everything:
        lines.append(structure(new))
    lines += numbers(old, new, everything)
    if everything or new.picture is not old.picture or changed:
        lines.append(picture(new))
    return "\n".join(lines)


def rebuilt(old: BenchState, new: BenchState) -> bool:
    """Whether the new state takes another net."""
    one, two = old.settings, new.settings
    return (
        old.size != new.size
        or one.channels != two.channels
        or one.net_margins(old.size) != two.net_margins(new.size)
        or (one.stride, one.dilation) != (two.stride, two.dilation)
    )


def numbers(old: BenchState, new: BenchState, everything: bool) -> list[str]:
    """Lines for the kernels and biases that differ, or for all."""
    lines = []
    for slot in range(SLOTS):
        divided = new.divisors[slot] != old.divisors[slot]
        for channel in range(new.kernels.shape[1]):
            same = not (everything or divided) and np.array_equal(
                new.own(slot)[channel], old.own(slot)[channel]
            )
            if not same:
                lines.append(kernel(new, slot, channel))
        if (everything and new.bias[slot]) or new.bias[slot] != old.bias[slot]:
            lines.append(bias(slot, float(new.bias[slot])))
    return lines
