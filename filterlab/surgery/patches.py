"""The patches that a unit answers to most: the strongest places over many pictures.

Each picture is shown as the classifier sees it: its centre, at the net's own input size. What
counts is a layer's value before its activation (a ReLU or Clip in place would make all that is
below 0, or above 6, equal). Cells whose receptive field hangs over the edge are left out, since
what they see there is padding; where that leaves none along an axis, as deep in a net, all count.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import math
import os
import zipfile
from collections.abc import Generator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from filterlab.caffe import Net
from filterlab.caffe.files import atomic_write
from filterlab.caffe.layers import layer_class
from filterlab.caffe.layers.base import Layer
from filterlab.caffe.text import Text
from filterlab.errors import FilterLabError
from filterlab.pictures.shelf import Shelf
from filterlab.progress import Job, Progress
from filterlab.surgery.geometry import Axis, Box, Geometry, of_blob
from filterlab.surgery.heatmap import Preprocessing, resize
from filterlab.surgery.own_input import centre_cut, picture_input
from filterlab.surgery.tiles import channels_of
from filterlab.surgery.transplant import feed

__all__ = ["BestPatches", "Patch", "inner_cells", "patch_sheet", "patches_job", "value_layer"]

Bytes = NDArray[np.uint8]

KEPT_BYTES = 256 << 20
"""So much may lie in the folder of results; the least recently used go first."""

_FORMAT = 1
_CONTEXT = 32  # pixels that a patch shows at least
_SUFFIX = ".npz"
_CHUNK = 1 << 23  # weights that are hashed in a step
_GAP = 4  # pixels between patches on a sheet


@dataclass(frozen=True)
class Patch:
    """A place that a unit answers to.

    Attributes
    ----------
    value : float
        The unit's, before its activation.
    picture : str
        Its key on the shelf.
    cell : (int, int)
        Row and column of the blob.
    box : Box
        The cell's receptive field within the picture, in pixels of the net's input.
    context : Box
        What is cut out: the field with what lies around it.
    image : ndarray (height, width, 3) uint8
        The cut-out of ``context``, RGB.
    """

    value: float
    picture: str
    cell: tuple[int, int]
    box: Box
    context: Box
    image: Bytes

    @property
    def inner(self) -> Box:
        """The field's box within ``image``."""
        left, top = self.context[:2]
        x0, y0, x1, y1 = self.box
        return x0 - left, y0 - top, x1 - left, y1 - top


@dataclass(frozen=True)
class BestPatches:
    """The best patches of all units of a layer.

    Attributes
    ----------
    layer, value_layer : str
        The layer asked for, and the one whose values count (see :func:`value_layer`).
    geometry : Geometry or None
        Of the layer's cells; None if each sees all of the picture.
    input_size : (int, int)
        Height and width.
    keys : tuple of str
        Of the pictures in ``pictures``.
    pictures : ndarray (n, height, width, 3) uint8
        As the net saw them, those that have a patch.
    values : ndarray (units, count) float32
        The strongest first; -inf where there are fewer.
    at : ndarray (units, count, 3) int32
        Index of the picture, row and column.
    looked : int
        Pictures that were shown.
    skipped : tuple of str
        Keys of those that could not be read.
    """

    layer: str
    value_layer: str
    geometry: Geometry | None
    input_size: tuple[int, int]
    keys: tuple[str, ...]
    pictures: Bytes
    values: NDArray[np.float32]
    at: NDArray[np.int32]
    looked: int
    skipped: tuple[str, ...]

    @property
    def units(self) -> int:
        return len(self.values)

    def of(self, unit: int) -> tuple[Patch, ...]:
        """A unit's best patches, the strongest first; the cut-outs are views.

        Raises
        ------
        FilterLabError
            If there is no such unit.
        """
        if not 0 <= unit < self.units:
            raise FilterLabError(
                "layer {name!r} has no unit {unit}; its units are 0 to {last}",
                name=self.layer,
                unit=unit,
                last=self.units - 1,
            )
        found = []
        for value, (k, row, col) in zip(self.values[unit].tolist(), self.at[unit].tolist()):
            if value == -math.inf:
                break
            box = self.box(row, col)
            context = self.context(box)
            x0, y0, x1, y1 = context
            image = self.pictures[k, y0:y1, x0:x1]
            found.append(Patch(value, self.keys[k], (row, col), box, context, image))
        return tuple(found)

    def box(self, row: int, col: int) -> Box:
        """A cell's receptive field, as far as it lies on the input."""
        height, width = self.input_size
        if self.geometry is None:
            return 0, 0, width, height
        y0, y1 = _clipped(self.geometry.y, row, height)
        x0, x1 = _clipped(self.geometry.x, col, width)
        return x0, y0, x1, y1

    def context(self, box: Box) -> Box:
        """What is cut out about a field: twice its size, at least 32 pixels; within the input."""
        height, width = self.input_size
        x0, x1 = _around(box[0], box[2], width)
        y0, y1 = _around(box[1], box[3], height)
        return x0, y0, x1, y1


def _clipped(axis: Axis, cell: int, size: int) -> tuple[int, int]:
    """A cell's pixels along an axis, at least one."""
    first, end = axis.span(cell)
    low = min(max(math.floor(first), 0), size - 1)
    return low, max(min(math.ceil(end), size), low + 1)


def _side(field: float, size: int) -> int:
    """How many pixels are cut out about a field, along an axis of ``size``."""
    return min(size, max(2 * math.ceil(field), _CONTEXT))


def _around(first: int, end: int, size: int) -> tuple[int, int]:
    side = _side(end - first, size)
    low = min(max((first + end - side) // 2, 0), size - side)
    return low, low + side


def value_layer(net: Net, layer: str) -> str:
    """The layer after which a layer's first blob holds its value before the activation.

    The layer itself, or the last of the normalizations and scales that work in place right behind
    it.

    Raises
    ------
    FilterLabError
        If there is no such layer, or it makes no blob.
    """
    names = list(net.top_names)
    if layer not in names:
        raise FilterLabError(
            "the net has no layer {name!r}; 'filterlab inspect' lists its layers", name=layer
        )
    if not net.top_names[layer]:
        raise FilterLabError("layer {name!r} makes no blob; choose another", name=layer)
    blob, found = net.top_names[layer][0], layer
    for name in names[names.index(layer) + 1 :]:
        if blob not in net.top_names[name]:
            continue
        cls = layer_class(net.layer_dict[name].type)
        straight = list(net.bottom_names[name]) == list(net.top_names[name]) == [blob]
        if not straight or cls is None or cls.affine is Layer.affine:
            break
        found = name
    return found


def inner_cells(axis: Axis, cells: int, size: int) -> range:
    """The cells along an axis whose field lies on the input's ``size`` pixels; all if none does."""
    inside = [i for i in range(cells) if axis.span(i)[0] >= 0 and axis.span(i)[1] <= size]
    return range(inside[0], inside[-1] + 1) if inside else range(cells)


def patches_job(
    net: Net,
    layer: str,
    shelf: Shelf,
    preprocessing: Preprocessing | None = None,
    count: int = 9,
    per_picture: int = 2,
    folder: str | os.PathLike[str] | None = None,
) -> Job[BestPatches]:
    """Find the patches that each unit of a layer answers to most.

    The net is left as it is; its weights must not be edited meanwhile.

    Parameters
    ----------
    net : Net
    layer : str
        Any layer whose blob has units: convolutions, fully connected layers, poolings, sums.
    shelf : Shelf
        The pictures.
    preprocessing : Preprocessing, optional
    count : int
        Patches of a unit.
    per_picture : int
        At most so many of one picture, at least half a cut-out apart in rows or in columns.
    folder : path, optional
        Where results are kept, under a digest of all that they depend on, and found again.

    Raises
    ------
    FilterLabError
        If there is no such layer, or no picture can be read.
    """
    if count < 1 or per_picture < 1:
        raise FilterLabError("{n} patches cannot be looked for; take 1 or more", n=count)
    end = value_layer(net, layer)
    name = picture_input(net)
    size = (int(net.blobs[name].shape[2]), int(net.blobs[name].shape[3]))
    prepared = preprocessing or Preprocessing()
    blob = net.top_names[layer][0]
    geometry = _geometry(net, blob, name)
    kept = None
    if folder is not None:
        told = f"{_FORMAT} {layer} {end} {size} {prepared} {count} {per_picture} {shelf.stamp()}"
        digest = yield from _digest(net, end, told)
        kept = Path(folder) / f"{digest}{_SUFFIX}"
        found = _read(kept, _blank(layer, end, geometry, size))
        if found is not None:
            return found
    twin = net.snapshot(share_weights=True)
    twin.packing = "never"
    search = _Search(geometry, size, count, per_picture)
    skipped = []
    pictures = shelf.pictures()
    step = Text("look for the best patches")
    for k in range(len(shelf)):
        yield Progress(step, k, len(shelf), Text("picture {k} of {n}", k=k + 1, n=len(shelf)))
        key, picture = next(pictures, ("", None))
        if picture is None:
            skipped += [key] if key else []
            continue
        seen, data = _shown(picture, size, prepared, int(net.blobs[name].shape[1]))
        feed(twin, name, data)
        twin.forward(end=end)
        search.add(key, seen, channels_of(twin.blobs[blob].data))
    if search.values is None:
        raise FilterLabError("none of the {n} pictures can be read; choose others", n=len(shelf))
    best = search.found(layer, end, tuple(skipped))
    if kept is not None:
        _write(kept, best)
    return best


def _shown(
    picture: NDArray[Any], size: tuple[int, int], preprocessing: Preprocessing, channels: int
) -> tuple[Bytes, NDArray[np.float32]]:
    """A picture's centre as it is seen, (height, width, 3), and as the net's input."""
    cut = centre_cut(picture, size)
    seen = resize(cut, size, preprocessing.quick)
    data = preprocessing.apply(seen if channels == 3 else cut, size, channels)
    rgb = seen if seen.ndim == 3 else np.repeat(seen[:, :, None], 3, axis=2)
    return (np.clip(rgb, 0, 1) * 255 + 0.5).astype(np.uint8), data


def _geometry(net: Net, blob: str, name: str) -> Geometry | None:
    """Where a blob's cells look; None where that cannot be told."""
    try:
        found = of_blob(net.param, blob, name)
    except FilterLabError:
        return None
    return found if found.y.jump else None


class _Search:
    """The best so far, picture after picture."""

    def __init__(
        self, geometry: Geometry | None, size: tuple[int, int], count: int, per_picture: int
    ) -> None:
        self.geometry, self.size = geometry, size
        self.count, self.per_picture = count, per_picture
        self.values: NDArray[np.float32] | None = None
        self.at: NDArray[np.int32] = np.empty(0, np.int32)
        self.looked = 0
        self._pictures: dict[int, tuple[str, Bytes]] = {}

    def add(self, key: str, seen: Bytes, channels: NDArray[np.float32]) -> None:
        """Take a picture's values, (units, rows, cols), in."""
        units = len(channels)
        if self.values is None:
            self.values = np.full((units, self.count), -np.inf, np.float32)
            self.at = np.zeros((units, self.count, 3), np.int32)
        values, at = self._strongest(channels)
        self.looked += 1
        values = np.concatenate([self.values, values], 1)
        at = np.concatenate([self.at, at], 1)
        order = np.argsort(-values, axis=1, kind="stable")[:, : self.count]
        self.values = np.take_along_axis(values, order, 1)
        self.at = np.take_along_axis(at, order[:, :, None], 1)
        self._pictures[self.looked - 1] = (key, seen)
        if self.looked % 16 == 0:
            self._drop()

    def _drop(self) -> None:
        """Let go of the pictures that have no patch."""
        assert self.values is not None
        used = set(np.unique(self.at[:, :, 0][np.isfinite(self.values)]).tolist())
        self._pictures = {k: kept for k, kept in self._pictures.items() if k in used}

    def _strongest(
        self, channels: NDArray[np.float32]
    ) -> tuple[NDArray[np.float32], NDArray[np.int32]]:
        """Of each unit the strongest cells of a picture, (units, per_picture), and their places."""
        units, rows, cols = channels.shape
        down, across = range(rows), range(cols)
        apart = (rows, cols)  # cells nearer than that would show mostly the same
        if self.geometry is not None:
            y, x = self.geometry.y, self.geometry.x
            down = inner_cells(y, rows, self.size[0])
            across = inner_cells(x, cols, self.size[1])
            apart = (_half(y, self.size[0]), _half(x, self.size[1]))
        part = channels[:, down.start : down.stop, across.start : across.stop].copy()
        part[~np.isfinite(part)] = -np.inf
        values = np.full((units, self.per_picture), -np.inf, np.float32)
        at = np.zeros((units, self.per_picture, 3), np.int32)
        at[:, :, 0] = self.looked
        i, j = np.arange(part.shape[1]), np.arange(part.shape[2])
        for n in range(self.per_picture):
            best = part.reshape(units, -1).argmax(axis=1)
            row, col = np.divmod(best, part.shape[2])
            values[:, n] = part[np.arange(units), row, col]
            at[:, n, 1], at[:, n, 2] = row + down.start, col + across.start
            if n + 1 < self.per_picture:
                near = np.abs(i[None, :] - row[:, None]) < apart[0]
                beside = np.abs(j[None, :] - col[:, None]) < apart[1]
                part[near[:, :, None] & beside[:, None, :]] = -np.inf
        return values, at

    def found(self, layer: str, end: str, skipped: tuple[str, ...]) -> BestPatches:
        """The result, with the pictures that have a patch."""
        assert self.values is not None
        self._drop()
        numbers = sorted(self._pictures)
        place = np.zeros(self.looked, np.int32)
        place[numbers] = np.arange(len(numbers))
        at = self.at.copy()
        at[:, :, 0] = place[at[:, :, 0]]
        shape = (len(numbers), *self.size, 3)
        pictures = np.array([self._pictures[k][1] for k in numbers], np.uint8).reshape(shape)
        keys = tuple(self._pictures[k][0] for k in numbers)
        return replace(
            _blank(layer, end, self.geometry, self.size), keys=keys, pictures=pictures,
            values=self.values, at=at, looked=self.looked, skipped=skipped,
        )  # fmt: skip


def _blank(layer: str, end: str, geometry: Geometry | None, size: tuple[int, int]) -> BestPatches:
    """What is known of a result before it is looked for."""
    nothing = np.empty((0, *size, 3), np.uint8)
    values, at = np.empty((0, 0), np.float32), np.empty((0, 0, 3), np.int32)
    return BestPatches(layer, end, geometry, size, (), nothing, values, at, 0, ())


def _half(axis: Axis, size: int) -> int:
    """Cells from one to the next whose cut-outs share at most half."""
    return max(1, math.ceil(_side(axis.field, size) / 2 / float(axis.jump)))


def patch_sheet(best: BestPatches, units: Sequence[int] | None = None, side: int = 64) -> Bytes:
    """Patches as one picture: a row for each unit, the strongest at the left, white between them.

    Each cut-out is drawn ``side`` pixels wide (its longer side), its field framed. All units if
    none are given.

    Returns
    -------
    ndarray (height, width, 3) uint8

    Raises
    ------
    FilterLabError
        If there is no such unit, or none at all.
    """
    import cv2

    wanted = range(best.units) if units is None else units
    count, step = best.values.shape[1], side + _GAP
    if not len(wanted):
        raise FilterLabError("there are no units to show; choose some")
    sheet = np.full((len(wanted) * step - _GAP, count * step - _GAP, 3), 255, np.uint8)
    for k, unit in enumerate(wanted):
        for n, patch in enumerate(best.of(unit)):
            height, width = patch.image.shape[:2]
            zoom = side / max(height, width)
            size = (max(1, round(width * zoom)), max(1, round(height * zoom)))
            how = cv2.INTER_AREA if zoom < 1 else cv2.INTER_NEAREST
            drawn = cv2.resize(np.ascontiguousarray(patch.image), size, interpolation=how)
            if patch.box != patch.context:
                x0, y0, x1, y1 = (round(v * zoom) for v in patch.inner)
                cv2.rectangle(drawn, (x0, y0), (x1 - 1, y1 - 1), (255, 255, 255), 1)
            sheet[k * step : k * step + size[1], n * step : n * step + size[0]] = drawn
    return sheet


# --- results kept on disk -----------------------------------------------------------------------


def _digest(net: Net, end: str, told: str) -> Generator[Progress, None, str]:
    """Of the layers up to ``end``, their weights, and what else is told."""
    state = hashlib.blake2b(told.encode(), digest_size=20)
    names = list(net.top_names)
    used = set(names[: names.index(end) + 1])
    for layer in net.param.layer:
        if layer.name in used:
            state.update(layer.SerializeToString(deterministic=True))
    yield Progress(Text("look for kept results"), 0, 0)
    for name, row in net.params.items():
        for blob in row if name in used else ():
            values = np.ascontiguousarray(blob.data).reshape(-1)
            for k in range(0, values.size, _CHUNK):
                state.update(values[k : k + _CHUNK].data)
                yield Progress(Text("look for kept results"), 0, 0)
    return state.hexdigest()


def _write(path: Path, best: BestPatches) -> None:
    """Keep a result. What cannot be kept is computed again the next time."""
    about = {"keys": best.keys, "looked": best.looked, "skipped": best.skipped}
    told = np.frombuffer(json.dumps(about).encode(), np.uint8)
    with contextlib.suppress(OSError):
        path.parent.mkdir(parents=True, exist_ok=True)
        with atomic_write(path) as stream:
            np.savez(stream, about=told, pictures=best.pictures, values=best.values, at=best.at)
        _limit(path)


def _read(path: Path, blank: BestPatches) -> BestPatches | None:
    """A kept result, the rest taken from ``blank``; None if there is none, or it is damaged."""
    try:
        with np.load(path, allow_pickle=False) as stored:
            about = json.loads(stored["about"].tobytes())
            pictures, values, at = stored["pictures"], stored["values"], stored["at"]
        keys, skipped = (tuple(map(str, about[name])) for name in ("keys", "skipped"))
        looked = int(about["looked"])
    except (OSError, ValueError, KeyError, TypeError, EOFError, zipfile.BadZipFile):
        return None
    good = (
        pictures.dtype == np.uint8
        and pictures.shape == (len(keys), *blank.input_size, 3)
        and values.dtype == np.float32
        and at.dtype == np.int32
        and values.ndim == 2
        and at.shape == (*values.shape, 3)
        and (not at.size or (at.min() >= 0 and at[:, :, 0].max() < max(len(keys), 1)))
    )
    if not good:
        return None
    with contextlib.suppress(OSError):
        os.utime(path)
    return replace(
        blank, keys=keys, pictures=pictures, values=values, at=at, looked=looked, skipped=skipped
    )


def _limit(newest: Path) -> None:
    """Remove the results that were not used for longest, until the folder is small enough."""
    files = []
    for path in newest.parent.glob(f"*{_SUFFIX}"):
        with contextlib.suppress(OSError):
            about = path.stat()
            files.append((about.st_mtime_ns, about.st_size, path))
    spent = sum(size for _, size, _ in files)
    for _, size, path in sorted(files):
        if spent <= KEPT_BYTES:
            break
        if path != newest:
            with contextlib.suppress(OSError):
                path.unlink()
                spent -= size
