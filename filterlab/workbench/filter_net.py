"""The three filters as one net in two files, and back.

The net is the bench's own: one Convolution ``conv`` of three outputs, as in Caffe's tutorial, which
BVLC Caffe loads. Kernels of several sizes lie in one blob, the smaller centred in zeros, and a
divisor is in the weights: one layer for each size would, without padding, give outputs of several
sizes, and the shown pycaffe lines speak of ``net.params['conv']``. What such a net does not tell
(own sizes, divisors, presets, what has to be done to the picture first) stands in a comment of the
prototxt. A net without it opens too, as the net that it is.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from filterlab.caffe.files import open_file
from filterlab.caffe.text import Text, joined
from filterlab.errors import FilterLabError
from filterlab.surgery.convolve import EDGES, Settings, net_parameter
from filterlab.surgery.kernels import check_size
from filterlab.surgery.kernels.presets import PRESETS
from filterlab.surgery.kernels.transform import resize
from filterlab.workbench.filter_state import (
    SLOTS,
    BenchState,
    from_session,
    on_channels,
    to_session,
)

__all__ = ["filters_net_among", "is_filters_net", "net_text", "read_filters", "untold"]

Floats = NDArray[np.float32]

_MARK = "# FilterLab filters: "
_ENDINGS = (".prototxt", ".caffemodel")
_HEAD = 8192  # bytes of a prototxt in which the note is looked for
_ODD = (ArithmeticError, AttributeError, LookupError, TypeError, ValueError)
_NOTED = ("sizes", "divisors", "linked", "presets")
_NOTED_SETTINGS = ("mode", "pad", "edge", "scale")


# --- writing --------------------------------------------------------------------------------------


def net_text(state: BenchState, input_shape: tuple[int, ...]) -> str:
    """The prototxt of the state's net, for an input of (batch, channels, H, W), with the note."""
    from filterlab.caffe.prototxt import format_net

    session, settings = to_session(state), asdict(state.settings)
    note = {key: session[key] for key in _NOTED} | {key: settings[key] for key in _NOTED_SETTINGS}
    told = json.dumps(note, ensure_ascii=True, allow_nan=False)
    net = net_parameter(state.settings, SLOTS, state.size, input_shape)
    return f"# Three filters. The line below is read by FilterLab alone.\n{_MARK}{told}\n" + (
        format_net(net)
    )


def untold(state: BenchState) -> str:
    """What has to be done outside the net for it to give the bench's outputs; empty for nothing."""
    settings = state.settings
    clauses: list[str] = []
    down, across = settings.margins(state.size)
    if settings.edge != "zero" and (down, across) != (0, 0):
        clauses.append(
            Text(
                "pad the picture by {rows} rows and {columns} columns on each side first, in "
                "numpy's mode {edge!r}",
                rows=down,
                columns=across,
                edge=EDGES[settings.edge],
            )
        )
    if settings.mode == "each" and state.picture.colour:
        clauses.append(Text("feed red, green and blue as a batch of three"))
    if settings.scale == 255:
        clauses.append(Text("feed the picture as 0 to 255"))
    if state.stack:
        clauses.append(
            Text.of_number(
                "{n} step that was applied before is not in it; a project keeps it",
                "{n} steps that were applied before are not in it; a project keeps them",
                len(state.stack),
                n=len(state.stack),
            )
        )
    return joined(clauses)


# --- reading --------------------------------------------------------------------------------------


def is_filters_net(prototxt: str | os.PathLike[str]) -> bool:
    """Whether a prototxt is one that :func:`net_text` made, by its first lines."""
    return _note_line(prototxt) is not None


def filters_net_among(paths: Sequence[Path]) -> Path | None:
    """The prototxt that :func:`net_text` made, if the files are that net's and nothing else."""
    texts = {path.with_suffix(".prototxt") for path in paths if path.suffix.lower() in _ENDINGS}
    alone = len(texts) == 1 and all(path.suffix.lower() in _ENDINGS for path in paths)
    prototxt = texts.pop() if alone else None
    return prototxt if prototxt is not None and is_filters_net(prototxt) else None


def read_filters(
    prototxt: str | os.PathLike[str], weights: str | os.PathLike[str], state: BenchState
) -> tuple[BenchState, str]:
    """A net of one Convolution with three outputs as a state over the picture of another.

    The weights are the file's to the bit. Cells that are multiplied by a divisor are the shortest
    decimals that give them, so those of up to six digits are found again exactly.

    Returns
    -------
    state : BenchState
    layer : str
        The Convolution's name.

    Raises
    ------
    FilterLabError
        If it is another net, or the bench has no such size, padding, stride or dilation, or the
        kernels do not fit into the picture.
    CaffeError
        If a file is missing or broken.
    """
    prototxt, weights = Path(prototxt), Path(weights)
    conv = _convolution(prototxt)
    cells, bias = _numbers(conv, weights)
    note = _note(prototxt)
    noted: BenchState | None = None
    if note is not None:
        # Of a note that somebody changed, or that does not fit the weights, nothing is used.
        try:
            noted = _state(conv, cells, bias, note, prototxt, state)
        except (FilterLabError, *_ODD):
            noted = None
    return noted or _state(conv, cells, bias, {}, prototxt, state), conv.name


def _note_line(prototxt: str | os.PathLike[str]) -> str | None:
    try:
        with open_file(prototxt) as stream:
            head = stream.read(_HEAD)
    except (OSError, ValueError):
        return None
    for line in head.decode("utf-8", "replace").splitlines():
        if line.startswith(_MARK):
            return line[len(_MARK) :]
    return None


def _note(prototxt: Path) -> dict[str, Any] | None:
    try:
        found = json.loads(_note_line(prototxt) or "")
    except (ValueError, RecursionError):
        return None
    return found if isinstance(found, dict) else None


def _convolution(prototxt: Path) -> Any:
    from filterlab.caffe.prototxt import read_net

    net = read_net(os.fspath(prototxt))
    layers = [layer for layer in net.layer if layer.type != "Input"]
    alone = len(layers) == 1 and layers[0].type == "Convolution"
    if alone:
        what = layers[0].convolution_param
        alone = what.num_output == SLOTS and what.group == 1
    if not alone:
        raise FilterLabError(
            "{name}: is not one Convolution with three filters; take its filters one by one under "
            "Model › Filters of a trained net",
            name=prototxt.name,
        )
    return layers[0]


def _numbers(conv: Any, weights: Path) -> tuple[Floats, Floats]:
    """Weights (3, C, rows, columns) and bias (3,)."""
    from filterlab.caffe.caffemodel import read_weights

    blobs = read_weights(weights, mapped=False, only=[conv.name]).get(conv.name)
    if not blobs:
        raise FilterLabError(
            "{path}: has no weights for layer {layer!r}; open the file that belongs to "
            "the prototxt",
            path=weights,
            layer=conv.name,
        )
    kernels = np.array(blobs[0], dtype=np.float32)
    bias = np.zeros(SLOTS, np.float32)
    if len(blobs) > 1 and blobs[1].size == SLOTS:
        bias[:] = np.asarray(blobs[1]).reshape(-1)
    fits = kernels.ndim == 4 and kernels.shape[0] == SLOTS and kernels.shape[1] in (1, 3)
    fits = fits and kernels.shape[2:] == _two(conv.convolution_param, "kernel_size", "kernel", 0)
    if not fits or not (np.isfinite(kernels).all() and np.isfinite(bias).all()):
        raise FilterLabError(
            "{path}: its weights for layer {layer!r} are not three finite filters of the "
            "prototxt's size over one or three channels; open the file that belongs to it",
            path=weights,
            layer=conv.name,
        )
    return kernels, bias


def _two(what: Any, repeated: str, single: str, default: int) -> tuple[int, int]:
    """Rows and columns of a parameter, in either of the two ways of writing it."""
    if what.HasField(f"{single}_h") or what.HasField(f"{single}_w"):
        return int(getattr(what, f"{single}_h")), int(getattr(what, f"{single}_w"))
    values = [int(value) for value in getattr(what, repeated)] or [default]
    return values[0], values[-1]


def _settings(conv: Any, channels: int, note: Mapping[str, Any], prototxt: Path) -> Settings:
    """What the net says, and of the note what it cannot say."""
    what = conv.convolution_param
    size = check_size(_two(what, "kernel_size", "kernel", 0), prototxt.name)
    stride = _two(what, "stride", "stride", 1)
    dilations = [int(value) for value in what.dilation] or [1]
    pad = _two(what, "pad", "pad", 0)
    dilation = dilations[0]
    same = dilation * (size[0] // 2), dilation * (size[1] // 2)
    if stride[0] != stride[1] or dilations[-1] != dilation or pad not in ((0, 0), same):
        raise FilterLabError(
            "{name}: its stride, padding or dilation is none that the bench has: one stride and "
            "one dilation both ways, and padding by 0 or by {rows} rows and {columns} columns",
            name=prototxt.name,
            rows=same[0],
            columns=same[1],
        )
    mode = "three" if channels == 3 else note.get("mode", "grey")
    if channels == 1 and mode == "three":
        mode = "grey"
    edge = note.get("edge", "zero")
    around = note.get("pad", "valid")
    if pad != (0, 0):  # padding with anything but zeros is not the net's
        around, edge = "same", "zero"
    elif around == "same" and edge == "zero" and same != (0, 0):
        around = "valid"
    scale = float(note.get("scale", 1.0))
    return Settings(mode, around, stride[0], dilation, scale, edge)


def _state(
    conv: Any,
    weights: Floats,
    bias: Floats,
    note: Mapping[str, Any],
    prototxt: Path,
    old: BenchState,
) -> BenchState:
    settings = _settings(conv, weights.shape[1], note, prototxt)
    blob = check_size(weights.shape[2:])
    sizes = [check_size(size) for size in note.get("sizes", [blob] * SLOTS)]
    divisors = [float(divisor) for divisor in note.get("divisors", [1.0] * SLOTS)]
    presets = list(note.get("presets", [None] * SLOTS))
    cells = weights.copy()
    for slot in range(SLOTS):
        size = sizes[slot]
        made = _preset_cells(presets[slot], size, settings.channels)
        whole = None if made is None else resize(made, blob)
        if whole is not None and np.array_equal(_divided(whole, divisors[slot]), weights[slot]):
            cells[slot] = whole
            continue
        presets[slot] = None
        cells[slot] = _undivided(weights[slot], divisors[slot])
    session = {
        **to_session(old),
        "kernels": cells.tolist(),
        "bias": bias.tolist(),
        "sizes": [list(size) for size in sizes],
        "divisors": divisors,
        "linked": note.get("linked") is True,
        "settings": asdict(settings),
        "presets": presets,
    }
    state = replace(from_session(session, old.picture), stack=old.stack)
    if not np.array_equal(state.weights, weights):
        raise ValueError("the note does not fit the weights")
    return state


def _preset_cells(entry: Any, size: Sequence[int], channels: int) -> Floats | None:
    if not isinstance(entry, dict) or entry.get("key") not in PRESETS:
        return None
    parameters = {str(key): float(value) for key, value in entry["parameters"].items()}
    made = PRESETS[entry["key"]].make((size[0], size[1]), **parameters)
    return on_channels(made[None], channels)


def _divided(cells: Floats, divisor: float) -> Floats:
    if divisor == 1:
        return cells
    with np.errstate(all="ignore"):
        return (cells.astype(np.float64) / divisor).astype(np.float32)


def _undivided(weights: Floats, divisor: float) -> Floats:
    """Cells that give the weights when they are divided; of several, the shortest decimals.

    Numbers of up to six decimal digits are further apart than float32 numbers are, so of the
    cells that give a weight at most one is so short.
    """
    if divisor == 1:
        return weights
    with np.errstate(all="ignore"):
        near = (weights.astype(np.float64) * divisor).astype(np.float32)
        around = [
            near,
            np.nextafter(near, np.float32(-np.inf)),
            np.nextafter(near, np.float32(np.inf)),
        ]
    good = [_divided(cells, divisor) == weights for cells in around]
    result = near.copy()
    for place in np.ndindex(weights.shape):
        fitting = [cells[place] for cells, fits in zip(around, good) if fits[place]]
        if fitting:
            result[place] = min(fitting, key=lambda cell: len(str(cell)))
    return result
