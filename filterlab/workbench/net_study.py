"""What the Net tab looks at: a net with its edits, a picture, a blob and some of its units.

No Qt. Jobs are generators, to be run on another thread; what they return is given to ``accept``.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from filterlab.caffe.errors import CaffeError
from filterlab.caffe.prototxt import read_net
from filterlab.caffe.text import Text
from filterlab.errors import FilterLabError
from filterlab.pictures.shelf import FolderShelf, SampleShelf, Shelf
from filterlab.progress import Job, Progress
from filterlab.surgery import overlay
from filterlab.surgery.ablation import KINDS, Operation
from filterlab.surgery.answers import compared
from filterlab.surgery.cost import Cost, nominal_seconds
from filterlab.surgery.geometry import Geometry
from filterlab.surgery.heatmap import ClassMaps, cost_of
from filterlab.surgery.kernels.presets import PRESETS
from filterlab.surgery.methods import Request, plan
from filterlab.surgery.net_rows import NetRow, net_rows
from filterlab.surgery.net_table import NetTable, Times, net_table, times_job
from filterlab.surgery.own_input import centre_cut
from filterlab.surgery.patches import BestPatches
from filterlab.surgery.tiles import channels_of, tile_range
from filterlab.surgery.units import unit_count, unit_layers
from filterlab.workbench.heatmap_draw import preview
from filterlab.workbench.heatmap_jobs import part, read_source, read_source_job, transplant_of
from filterlab.workbench.heatmap_state import Shown, Source, preprocessing_of
from filterlab.workbench.net_bench import Activity, Answers, MapPair, NetBench
from filterlab.zoo.catalogue import Model
from filterlab.zoo.labels import Labels, imagenet

__all__ = [
    "ORDERS",
    "SIDES",
    "Found",
    "Loaded",
    "MapsDrawing",
    "NetStudy",
    "ScoreRow",
    "draw_maps",
    "fitted",
    "load_job",
    "operations_of",
    "picture_job",
    "shelf_picture",
    "timing_job",
]

Array = NDArray[np.float32]
Image = NDArray[np.uint8]

#: In which order the tiles of a blob stand.
ORDERS = {
    "net": Text("as in the net"),
    "mean": Text("by mean"),
    "peak": Text("by peak"),
    "cursor": Text("at the cursor"),
    "norm": Text("by norm"),
}
#: What of a layer is shown.
SIDES = {"activity": Text("Activity"), "weights": Text("Weights")}

_CELLS = (15, 11, 8)  # of the maps' longer side, the first that is quick enough
_QUICK = 4e9  # multiplications of a map that follows a slider
_FOLLOWS = 0.15  # nominal seconds of one that does so at once
_SCORES = 5
_DIM = 0.45  # of the picture where no cell looks


@dataclass(frozen=True)
class Loaded:
    """A model's net, as far as it could be read.

    Attributes
    ----------
    model : Model
    table : NetTable
    bench : NetBench or None
        None if the net cannot be asked; ``problem`` says why.
    problem : str
    """

    model: Model
    table: NetTable
    bench: NetBench | None
    problem: str = ""


def load_job(model: Model) -> Job[Loaded]:
    """Read a net for operating on it; one that cannot run is read as far as it goes.

    Raises
    ------
    CaffeError, FilterLabError, OSError
        If its prototxt cannot be read.
    """
    yield Progress(Text("read the net"), 0, 1, model.title)
    table = net_table(read_net(model.prototxt))
    try:
        done = yield from part(transplant_of(model, ()), 0.1, 1.0)
    except (CaffeError, FilterLabError) as error:
        return Loaded(model, table, None, error.message)
    bench = NetBench(done.transplanted, preprocessing_of(done.model))
    return Loaded(done.model, table, bench)


def timing_job(bench: NetBench) -> Job[Times]:
    """Measure the layers of the net as it was read."""
    times = yield from times_job(bench.original.snapshot(share_weights=True))
    return times


@dataclass(frozen=True)
class Found:
    """What the net says now, computed with the weights of one moment; None where not asked.

    ``bench`` is whose answer it is.
    """

    revision: int
    answers: Answers | None = None
    activity: Activity | None = None
    maps: MapPair | None = None
    bench: NetBench | None = None


@dataclass(frozen=True)
class ScoreRow:
    """A class's probability before and after, 0 to 1."""

    index: int
    before: float
    after: float

    @property
    def points(self) -> float:
        """The change in points of 100."""
        return 100 * (self.after - self.before)


@dataclass(frozen=True)
class MapsDrawing:
    """A class's map before, after, and the difference, drawn on the picture.

    Attributes
    ----------
    before, after, difference : ndarray (height, width, 3) uint8
    end : float
        Where the common scale of the first two ends (it begins at 0).
    best_before, best_after : float
        The largest values.
    most : float
        The largest change, as it is; the difference's scale goes from its negative to it.
    grid : (int, int)
        Rows and columns of the map.
    """

    before: Image
    after: Image
    difference: Image
    end: float
    best_before: float
    best_after: float
    most: float
    grid: tuple[int, int]


def _signed(points: float) -> str:
    """A change in points with its sign; one that reads 0.0 has none."""
    text = f"{points:+.1f}".replace("-", "\N{MINUS SIGN}")
    return text if float(f"{points:.1f}") else "0.0"


def draw_maps(picture: Array, pair: MapPair, wanted: int, diverging: NDArray[Any]) -> MapsDrawing:
    """Draw a class's maps on a preview of the picture.

    Parameters
    ----------
    picture : ndarray (height, width, 3) float32
    diverging : ndarray (256, 3) uint8
        The colours of the difference, zero in the middle.
    """
    maps: ClassMaps = pair.before
    shape = (picture.shape[0], picture.shape[1])
    before, after = pair.before.values(wanted), pair.after.values(wanted)
    change = pair.difference(wanted)
    best = float(before.max()), float(after.max())
    end = overlay.end_of_scale(max(best)) if maps.probabilities else max(*best, 1e-12)
    style = overlay.Style("inferno", opacity=0.84, low=0.0, high=end)
    images = []
    for values in (before, after):
        layer = overlay.project(maps, values, "tiles", shape)
        images.append(_uint8(overlay.compose(_dimmed(picture, layer.cover), layer, style)))
    layer = overlay.project(maps, change, "tiles", shape)
    most = float(change.flat[int(np.abs(change).argmax())])
    share = layer.value / max(abs(most), 1e-12)
    colours = diverging[np.rint((np.clip(share, -1, 1) + 1) * 127.5).astype(np.uint8)]
    weight = np.asarray(0.84 * np.minimum(1, np.abs(share) / 0.55) * layer.cover, np.float32)
    faint = _dimmed(picture, layer.cover)
    mixed = overlay.blend(faint, colours.astype(np.float32) / np.float32(255), weight)
    return MapsDrawing(
        images[0], images[1], _uint8(mixed), end, *best, most, (maps.rows, maps.cols)
    )


def _dimmed(picture: Array, cover: Array) -> Array:
    """The picture, dark where no cell looks."""
    return np.asarray(picture * (_DIM + (1 - _DIM) * cover)[:, :, None], np.float32)


def _uint8(image: Array) -> Image:
    return np.asarray(np.clip(image, 0, 1) * 255 + 0.5, np.uint8)


def _found_job(bench: NetBench, blob: str, request: Request | None) -> Job[Found]:
    share = 0.3 if request is not None else 1.0
    if _tiled(bench, blob):
        answers, activity = yield from part(bench.activity_job(blob), 0.0, share)
    else:
        answers = yield from part(bench.answers_job(), 0.0, share)
        none = np.zeros((0, 1, 1), np.float32)
        activity = Activity(blob, none, none, answers.revision)
    maps = None
    if request is not None:
        maps = yield from part(bench.maps_job(request), share, 1.0)
    return Found(answers.revision, answers, activity, maps, bench)


def _tiled(bench: NetBench, blob: str) -> bool:
    """Whether a blob can be laid out as channels."""
    known = bench.original.blobs
    return blob not in known or 1 <= len(known[blob].shape) <= 4


class NetStudy:
    """A net on the table.

    Edits return their English name, or ``""`` if nothing changed, and raise
    :class:`FilterLabError`, changing nothing, if they cannot be. Use from one thread.

    Attributes
    ----------
    model : Model or None
    table : NetTable or None. rows : tuple of NetRow, of the table.
    bench : NetBench or None
        None while there is no net that can be asked; ``problem`` says why then.
    shown : Shown or None
    shelf : Shelf
        Where the best patches are looked for. patches : those found there, by layer.
    found : Found
        What the net said last; perhaps of an earlier revision.
    blob : str. units : tuple of int. order, side, scale : str
        What is looked at.
    cell : (int, int) or None
        Row and column that are marked in the class maps.
    """

    def __init__(self) -> None:
        self.model: Model | None = None
        self.table: NetTable | None = None
        self.rows: tuple[NetRow, ...] = ()
        self.bench: NetBench | None = None
        self.problem = ""
        self.times: Times | None = None
        self.shown: Shown | None = None
        self.shelf: Shelf = SampleShelf()
        self.patches: dict[str, BestPatches] = {}
        self.found = Found(-1)
        self.blob = ""
        self.units: tuple[int, ...] = ()
        self.order, self.side, self.scale = "net", "activity", "shared"
        self.cursor: tuple[int, int] | None = None
        self.cell: tuple[int, int] | None = None
        self._wanted: int | None = None
        self._listeners: list[Callable[[frozenset[str]], object]] = []
        self._labels: Labels = imagenet()
        self._preview: tuple[Array, Array] | None = None
        self._cut: tuple[Array, Array] | None = None
        self._request: tuple[object, Request] | None = None
        self._editable: tuple[NetBench | None, frozenset[str]] = (None, frozenset())
        self._given_up: tuple[object, int, str] | None = None
        self._leave_bench: Callable[[], None] = lambda: None

    def subscribe(self, call: Callable[[frozenset[str]], object]) -> Callable[[], None]:
        """Have ``call(kinds)`` called after every change, until the result is called.

        Kinds are ``net``, ``times``, ``picture``, ``weights``, ``found``, ``blob``, ``units``,
        ``view``, ``class``, ``patches``, ``cell``.
        """
        self._listeners.append(call)
        return lambda: self._listeners.remove(call)

    def take_over(self, other: NetStudy) -> None:
        """Go on with what another study has: net, edits, history, view. Drop the other."""
        other._leave_bench()
        other._leave_bench = lambda: None
        for name, value in vars(other).items():
            if name != "_listeners":
                setattr(self, name, value)
        if self.bench is not None:
            self._leave_bench = self.bench.on_change(self._on_weights)
        self._tell(
            "net", "times", "picture", "weights", "found", "blob", "units", "view", "class",
            "patches", "cell",
        )  # fmt: skip

    def _tell(self, *kinds: str) -> None:
        for call in tuple(self._listeners):
            call(frozenset(kinds))

    # --- the net and the picture --------------------------------------------------------------

    def accept_net(self, loaded: Loaded) -> None:
        """Operate on another net; the picture stays."""
        self._leave_bench()
        self._leave_bench = lambda: None
        self.model, self.table, self.bench = loaded.model, loaded.table, loaded.bench
        self.rows = net_rows(loaded.table)
        self.problem, self.times = loaded.problem, None
        self.patches, self.cell = {}, None
        self.found, self._request, self._cut = Found(-1), None, None
        self._editable, self._given_up = (None, frozenset()), None
        self._labels = self._read_labels(loaded.model)
        self._wanted = None
        if not any(row.blob == self.blob for row in self.rows):
            self.blob = self._first_blob()
            self.units = (0,) if self.editable else ()
        self.units = tuple(u for u in self.units if u < self.count)
        if self.bench is not None:
            if self.shown is not None:
                self.bench.show(self.shown.picture)
            self._leave_bench = self.bench.on_change(self._on_weights)
        self._tell("net", "weights", "blob", "units", "class", "found", "cell")

    def clear(self) -> None:
        """Begin anew, with nothing on the table."""
        self._leave_bench()
        self._leave_bench = lambda: None
        self._editable, self._given_up = (None, frozenset()), None
        self.model = self.table = self.bench = self.shown = self.times = None
        self.rows, self.problem, self.patches = (), "", {}
        self.found, self._request, self._cut, self._preview = Found(-1), None, None, None
        self.blob, self.units, self.cursor, self._wanted = "", (), None, None
        self.order, self.side, self.scale = "net", "activity", "shared"
        self._tell("net", "picture", "weights", "blob", "units", "view", "class", "found")

    def _read_labels(self, model: Model) -> Labels:
        count = self.bench.transplanted.classes if self.bench is not None else 0
        try:
            labels = model.labels
        except FilterLabError:
            return Labels.numbered(count)
        return labels if len(labels) else Labels.numbered(count)

    def _first_blob(self) -> str:
        """The blob of the first layer that can be edited; else the first there is."""
        editable = self._unit_layers()
        for row in self.rows:
            if any(layer in editable for layer in row.layers) and row.kind != "block":
                return row.blob
        return self.rows[0].blob if self.rows else ""

    def accept_times(self, times: Times) -> None:
        """Take the measured times of the layers."""
        if self.table is not None and len(times.layers) == len(self.table.rows):
            self.times = times
            self.table = self.table.timed(times.layers)
            self.rows = net_rows(self.table)
            self._tell("times")

    def show(self, shown: Shown) -> None:
        """Choose the picture; of another size, its maps have other cells."""
        if self.shown is None or self.shown.size != shown.size:
            self.mark_cell(None)
        self.shown = shown
        if self.bench is not None:
            self.bench.show(shown.picture)
        self._tell("picture")

    def _on_weights(self, _: int) -> None:
        self._tell("weights")

    @property
    def labels(self) -> Labels:
        """The model's class names."""
        return self._labels

    @property
    def ready(self) -> bool:
        """Whether the net can be asked about a picture."""
        return self.bench is not None and self.shown is not None

    @property
    def stale(self) -> bool:
        """Whether what was found last is of an earlier moment, or of another blob.

        Of a moment that was given up nothing more is to be found.
        """
        if self.bench is None or self.shown is None or self.gave_up:
            return False
        activity = self.found.activity
        return (
            self.found.revision != self.bench.revision
            or self.found.maps is None
            or self.found.maps.revision != self.bench.revision
            or activity is None
            or activity.blob != self.blob
        )

    @property
    def moment(self) -> tuple[object, int, str]:
        """What can be asked about now: net, its revision, blob."""
        return self.bench, -1 if self.bench is None else self.bench.revision, self.blob

    def give_up(self, moment: tuple[object, int, str]) -> None:
        """The net gave no answer at a moment, or the user did not wait for it."""
        self._given_up = moment

    @property
    def gave_up(self) -> bool:
        """Whether the present moment was given up."""
        return self._given_up is not None and self._given_up == self.moment

    def preview(self) -> Array | None:
        """The picture as RGB at a size for the maps, float32; None without one."""
        if self.shown is None:
            return None
        picture = self.shown.picture
        if self._preview is None or self._preview[0] is not picture:
            self._preview = (picture, preview(picture, 480))
        return self._preview[1]

    def input_picture(self) -> Array | None:
        """What the classifier is shown, as a picture at the size of its input; None without one."""
        if self.bench is None or self.shown is None:
            return None
        picture = self.shown.picture
        if self._cut is None or self._cut[0] is not picture:
            import cv2

            size = self.input_size
            cut = centre_cut(picture, size)
            how = cv2.INTER_AREA if cut.shape[0] > size[0] else cv2.INTER_LINEAR
            made = np.asarray(cv2.resize(cut, (size[1], size[0]), interpolation=how), np.float32)
            self._cut = (picture, made)
        return self._cut[1]

    @property
    def input_size(self) -> tuple[int, int]:
        """Height and width of the classifier's input."""
        assert self.bench is not None
        shape = self.bench.input_shape
        return shape[2], shape[3]

    def request(self) -> Request:
        """How the class maps are asked for: as fine as is quick enough to follow a slider."""
        bench, shown = self.bench, self.shown
        assert bench is not None
        assert shown is not None
        key = (bench, shown.size)
        if self._request is None or self._request[0] != key:
            done = bench.transplanted
            for cells in _CELLS:
                request = Request(cells=cells, method=done.quick_method)
                size = done.geometry.keeping_shape(shown.size, cells)
                cost: Cost = cost_of(done, size)
                if cost.macs <= _QUICK:
                    break
            else:
                request = Request(method=done.quick_method)
            self._request = (key, request)
        return self._request[1]

    # --- what the net says --------------------------------------------------------------------

    @property
    def slow(self) -> bool:
        """Whether the class maps take too long to follow a slider."""
        bench = self.bench
        if bench is None or self.shown is None:
            return False
        done, size = bench.transplanted, self.shown.size
        chosen = plan(done, size, self.request()).input_size
        return nominal_seconds(done.param, done.net, chosen) > _FOLLOWS

    def found_job(self, maps: bool = True) -> Job[Found]:
        """What the net says now: scores, what the blob holds and, if wanted, the class maps.

        Raises
        ------
        FilterLabError
            If there is no net that can be asked.
        """
        if self.bench is None:
            raise FilterLabError("no net is on the table; open one first")
        return _found_job(self.bench, self.blob, self.request() if maps else None)

    def accept(self, found: Found) -> None:
        """Take what a job has found; parts that it did not ask for stay.

        What another net said, or this one in an earlier moment than what is known, is dropped.
        """
        old = self.found
        if found.bench is not None and found.bench is not self.bench:
            return
        if found.revision < old.revision:
            if found.maps is None or (old.maps and old.maps.revision >= found.maps.revision):
                return
            found = replace(found, revision=old.revision, answers=None, activity=None)
        elif (
            old.activity is not None
            and found.activity is not None
            and found.revision == old.revision
            and old.activity.revision == old.revision
            and old.activity.blob == self.blob != found.activity.blob
        ):
            found = replace(found, activity=None)  # another blob is looked at by now
        self.found = Found(
            found.revision,
            found.answers or old.answers,
            found.activity or old.activity,
            found.maps or old.maps,
            self.bench,
        )
        self._tell("found")

    def look_in(self, shelf: Shelf) -> None:
        """Look for the best patches somewhere else."""
        self.shelf, self.patches = shelf, {}
        self._tell("patches")

    def accept_patches(self, best: BestPatches) -> None:
        """Take a layer's best patches."""
        self.patches[best.layer] = best
        self._tell("patches")

    @property
    def wanted(self) -> int | None:
        """The class of the maps: the chosen one, or the best before; None before the first."""
        if self._wanted is not None:
            return self._wanted
        return self.found.answers.before.best if self.found.answers is not None else None

    def want(self, index: int) -> None:
        """Choose the class of the maps."""
        count = self.bench.transplanted.classes if self.bench is not None else 0
        if index != self._wanted and 0 <= index < count:
            self._wanted = index
            self._tell("class")

    def mark_cell(self, cell: tuple[int, int] | None) -> None:
        """Mark a cell of the class maps (row, column), or none; one that is not there is none."""
        pair = self.found.maps
        rows, cols = (pair.after.rows, pair.after.cols) if pair is not None else (0, 0)
        if cell is not None and not (0 <= cell[0] < rows and 0 <= cell[1] < cols):
            cell = None
        if cell != self.cell:
            self.cell = cell
            self._tell("cell")

    def scores(self, count: int = _SCORES) -> list[ScoreRow]:
        """The best classes before and after, the largest change first."""
        answers = self.found.answers
        if answers is None:
            return []
        rows = [ScoreRow(*row) for row in compared(answers.before, answers.after, count)]
        return rows[:count]

    def sentence(self, name_of: Callable[[int], str] | None = None) -> str:
        """What the edits did, in a sentence; empty while nothing is known.

        ``name_of`` gives a class's name, the English one if it is not given.
        """
        answers, bench = self.found.answers, self.bench
        if answers is None or bench is None:
            return ""

        def named(index: int) -> str:
            name = self._labels[index].english if name_of is None else name_of(index)
            return f"{name} ({index})"

        before, after = answers.before.best, answers.after.best
        if not bench.state.edits:
            share = f"{100 * float(answers.before.prob[before]):.1f}"
            return Text("The best class is {name}, {share} %", name=named(before), share=share)
        if before != after:
            return Text(
                "{edit}: the best class changes from {before} to {after}",
                edit=bench.state.edits[-1],
                before=named(before),
                after=named(after),
            )
        change = 100 * float(answers.after.prob[before] - answers.before.prob[before])
        return Text(
            "{edit}: the best class stays {name}, {points} points",
            edit=bench.state.edits[-1],
            name=named(before),
            points=_signed(change),
        )

    # --- what is looked at --------------------------------------------------------------------

    def _unit_layers(self) -> frozenset[str]:
        if self._editable[0] is not self.bench:
            found = unit_layers(self.bench.net) if self.bench is not None else ()
            self._editable = (self.bench, frozenset(found))
        return self._editable[1]

    @property
    def row(self) -> NetRow | None:
        """The row of the blob, that of a single layer rather than of a block."""
        found = [row for row in self.rows if row.blob == self.blob]
        return next((row for row in found if row.kind != "block"), found[0] if found else None)

    @property
    def layer(self) -> str:
        """The layer whose units the blob's channels are; empty if there is none to edit."""
        row, editable = self.row, self._unit_layers()
        if row is None or self.bench is None:
            return ""
        for name in reversed(row.layers):
            if name in editable and unit_count(self.bench.net, name) == self.count:
                return name
        return ""

    @property
    def editable(self) -> bool:
        """Whether there are units to edit."""
        return bool(self.layer)

    @property
    def count(self) -> int:
        """Channels of the blob."""
        row = self.row
        if row is None or row.shape is None or not row.shape:
            return 0
        return int(row.shape[1]) if len(row.shape) > 1 else int(row.shape[0])

    @property
    def geometry(self) -> Geometry | None:
        """Where the blob's places look; None if they have none."""
        row = self.row
        if row is None or self.table is None or not row.layers:
            return None
        geometry = self.table.row(row.layers[-1]).geometry
        return geometry if geometry is not None and geometry.y.jump and geometry.x.jump else None

    def look_at(self, blob: str) -> None:
        """Look at another blob."""
        if blob != self.blob and any(row.blob == blob for row in self.rows):
            self.blob, self.cursor = blob, None
            self.units = (0,) if self.count else ()
            self._tell("blob", "units")

    def look_at_layer(self, layer: str) -> None:
        """Look at the blob that a layer leaves, or at one of that name."""
        for row in self.rows:
            if row.kind != "block" and (layer in row.layers or layer == row.blob):
                self.look_at(row.blob)

    def choose(self, units: Iterable[int]) -> None:
        """Choose units; surgery acts on all of them, the first is shown."""
        wanted = tuple(dict.fromkeys(u for u in units if 0 <= u < self.count))
        if wanted != self.units:
            self.units = wanted
            self._tell("units")

    def set_view(
        self, order: str | None = None, side: str | None = None, scale: str | None = None
    ) -> None:
        """How the tiles are shown."""
        now = (self.order, self.side, self.scale)
        self.order = order if order in ORDERS else self.order
        self.side = side if side in SIDES else self.side
        self.scale = scale or self.scale
        if now != (self.order, self.side, self.scale):
            self._tell("view")

    def point(self, place: tuple[int, int] | None) -> None:
        """Point at a place (row, column) of the blob; None for none."""
        if place != self.cursor:
            self.cursor = place
            if self.order == "cursor":
                self._tell("view")

    @property
    def no_tiles(self) -> str:
        """Why the blob is not laid out as tiles; empty if it can be."""
        if self.bench is None or not self.blob or _tiled(self.bench, self.blob):
            return ""
        try:
            channels_of(self.bench.original.blobs[self.blob].data)
        except FilterLabError as error:
            return error.message
        return ""

    def channels(self, before: bool = False) -> Array | None:
        """The blob's values (channels, rows, cols); None while they are of another blob."""
        activity = self.found.activity
        if activity is None or activity.blob != self.blob:
            return None
        return activity.before if before else activity.after

    def sorted_units(self) -> NDArray[np.intp]:
        """The units in the chosen order, the largest first; of equals, as in the net."""
        channels = self.channels()
        if channels is None or not channels.size or self.order == "net":
            return np.arange(self.count, dtype=np.intp)
        if self.order == "norm":
            if self.bench is None or not self.layer:
                return np.arange(self.count, dtype=np.intp)
            return np.argsort(-self.bench.strengths(self.layer), kind="stable")
        flat = channels.reshape(len(channels), -1)
        if self.order == "mean":
            key = flat.mean(axis=1, dtype=np.float64)
        elif self.order == "peak":
            key = flat.max(axis=1).astype(np.float64)
        else:
            row, col = self.cursor or (channels.shape[1] // 2, channels.shape[2] // 2)
            row, col = min(row, channels.shape[1] - 1), min(col, channels.shape[2] - 1)
            key = channels[:, row, col].astype(np.float64)
        return np.argsort(-key, kind="stable")

    def tile_limits(self) -> tuple[float, float]:
        """The values that are black and white on the common scale, before and after the edits."""
        both = [c for c in (self.channels(True), self.channels()) if c is not None]
        ranges = [tile_range(channels) for channels in both if channels.size]
        if not ranges:
            return 0.0, 1.0
        return min(low for low, _ in ranges), max(high for _, high in ranges)

    def is_zero(self, unit: int) -> bool:
        """Whether a unit is set to zero and was not before."""
        return self.bench is not None and self.bench.is_zero(self.layer, unit)

    def chip(self, unit: int) -> str:
        """What became of a unit, in a few characters."""
        layer = self.layer
        if self.bench is None or (layer, unit) not in self.bench.state.units:
            return ""
        return self.bench.chip(layer, unit)

    def weights(self, unit: int, before: bool = False) -> tuple[Array, float | None] | None:
        """A unit's weights (planes, rows, cols) or fewer axes, and its bias if it has one."""
        layer = self.layer
        if self.bench is None or not layer or unit >= self.count:
            return None
        arrays = self.bench.unit(layer, unit, before)
        bias = float(arrays[1]) if len(arrays) > 1 and arrays[1].size == 1 else None
        return arrays[0], bias

    def pictured(self) -> bool:
        """Whether the layer's kernels lie on the colours of the picture itself."""
        bench, layer = self.bench, self.layer
        if bench is None or not layer:
            return False
        bottoms = bench.net.bottom_names[layer]
        shape = bench.net.params[layer][0].shape
        return bool(
            bottoms and bottoms[0] in bench.net.inputs and len(shape) == 4 and shape[1] == 3
        )

    # --- surgery ------------------------------------------------------------------------------

    def _on(self) -> tuple[NetBench, str]:
        bench, layer = self.bench, self.layer
        if bench is None:
            raise FilterLabError("no net is on the table; open one first")
        if not layer:
            raise FilterLabError(
                "{blob!r} has no units with weights of their own; choose a layer with weights",
                blob=self.blob,
            )
        if not self.units:
            raise FilterLabError("choose at least one unit of layer {name!r}", name=layer)
        return bench, layer

    def operate(self, kind: str, value: float = 0.0, count: int = 0, kernel: Any = None) -> str:
        """Do an operation of :data:`filterlab.surgery.ablation.KINDS` to the chosen units."""
        bench, layer = self._on()
        units = () if kind == "prune" else tuple(sorted(self.units))
        return bench.apply(Operation(kind, layer, units, float(value), count, kernel))

    def scale_units(self, factor: float, live: bool = False) -> str:
        """Let the chosen units be their own weights times a factor; ``live`` while a slider moves.

        Units that are no multiple of what they were are multiplied as they are.
        """
        bench, layer = self._on()
        if all(bench.factor(layer, unit) is not None for unit in self.units):
            return bench.set_factor(layer, self.units, factor, live)
        return bench.scale(layer, sorted(self.units), factor, live)

    def swap(self, other: int) -> str:
        """Let the chosen unit and another change places."""
        bench, layer = self._on()
        if len(self.units) != 1:
            raise FilterLabError("a swap takes two units, not {n}", n=len(self.units) + 1)
        return bench.swap(layer, self.units[0], other)

    def replace_plane(self, plane: int | None, kernel: ArrayLike) -> str:
        """Give the chosen units a kernel in one input plane, or (None) in all of them."""
        bench, layer = self._on()
        if plane is None:
            return bench.replace(layer, self.units, kernel)
        weights = bench.unit(layer, self.units[0])[0].copy()
        weights[plane] = np.asarray(kernel, np.float32)
        return bench.replace(layer, self.units[:1], weights)

    def preset(self, key: str, size: tuple[int, int]) -> Array:
        """A preset as a kernel of any size; one without a centre has zeros before an odd one."""
        return fitted(PRESETS[key].make([_odd(n) for n in size]), size)

    def reset_units(self, units: Iterable[int] | None = None) -> str:
        """Put units back as they were read; the chosen ones if none are given."""
        bench, layer = self._on()
        return bench.reset(layer, self.units if units is None else units)

    # --- sessions -----------------------------------------------------------------------------

    def session(self) -> dict[str, Any]:
        """What is chosen and what was done, as plain JSON values."""
        operations = self.bench.state.operations if self.bench is not None else ()
        edits = []
        for one in operations:
            values = asdict(one)
            values["units"] = list(one.units)
            if one.kernel is not None:
                values["kernel"] = np.asarray(one.kernel, np.float32).tolist()
            edits.append(values)
        source = self.shown.source if self.shown is not None else Source()
        return {
            "model": self.model.name if self.model is not None else "",
            "path": source.path,
            "sample": source.sample,
            "frame": source.frame,
            "blob": self.blob,
            "units": list(self.units),
            "order": self.order,
            "side": self.side,
            "scale": self.scale,
            "class": self._wanted,
            "edits": edits,
        }

    def restore_view(self, session: Mapping[str, Any]) -> None:
        """Take what a session says of what is looked at, as far as it fits."""
        blob, units = session.get("blob"), session.get("units")
        if isinstance(blob, str):
            self.look_at(blob)
        if isinstance(units, list) and all(type(u) is int for u in units):
            self.choose(units)
        wanted = session.get("class")
        done = self.bench.transplanted if self.bench is not None else None
        if type(wanted) is int and done is not None and 0 <= wanted < done.classes:
            self.want(wanted)
        scale = session.get("scale")
        self.set_view(
            session.get("order"), session.get("side"), scale if scale in ("shared", "own") else None
        )


def _odd(n: int) -> int:
    """The largest odd number up to n."""
    return max(1, n - (n + 1) % 2)


def fitted(kernel: ArrayLike, size: tuple[int, int]) -> Array:
    """A kernel about the centre of a larger one, zeros around it.

    An even size has its centre where that of the odd one behind its first row or column is.

    Raises
    ------
    FilterLabError
        If the kernel is larger.
    """
    given = np.asarray(kernel, np.float32)
    rows, cols = given.shape
    if rows > size[0] or cols > size[1]:
        raise FilterLabError(
            "a kernel of {rows} x {cols} does not fit into one of {rows2} x {cols2}",
            rows=rows,
            cols=cols,
            rows2=size[0],
            cols2=size[1],
        )
    made = np.zeros(size, np.float32)
    top, left = size[0] - (_odd(size[0]) + rows) // 2, size[1] - (_odd(size[1]) + cols) // 2
    made[top : top + rows, left : left + cols] = given
    return made


def operations_of(edits: Any) -> tuple[Operation, ...]:
    """The operations of a session; what is none ends them."""
    found: list[Operation] = []
    for given in edits if isinstance(edits, list) else ():
        operation = _operation(given) if isinstance(given, Mapping) else None
        if operation is None:
            break
        found.append(operation)
    return tuple(found)


def _operation(given: Mapping[str, Any]) -> Operation | None:
    kind, layer, units = given.get("kind"), given.get("layer"), given.get("units")
    value, count, kernel = given.get("value"), given.get("count"), given.get("kernel")
    if not isinstance(kind, str) or not (kind in KINDS or kind == "reset"):
        return None
    if not isinstance(layer, str) or not isinstance(units, list):
        return None
    if not all(type(u) is int for u in units):
        return None
    if not isinstance(value, int | float) or isinstance(value, bool) or type(count) is not int:
        return None
    if kernel is not None:
        try:
            kernel = np.asarray(kernel, np.float32)
        except (TypeError, ValueError):
            return None
    return Operation(kind, layer, tuple(units), float(value), count, kernel)


def shelf_picture(shelf: Shelf, key: str) -> Shown:
    """A picture of a shelf, to be shown to the net.

    Raises
    ------
    FilterLabError
        If it cannot be read any more.
    """
    if isinstance(shelf, SampleShelf):
        return read_source(Source(sample=key))
    if isinstance(shelf, FolderShelf):
        return read_source(Source(path=str(shelf.folder / key)))
    return Shown(Source(array_name=key), shelf.picture(key))


def picture_job(source: Source, array: NDArray[Any] | None = None) -> Job[Shown]:
    """Read a picture, or the frame of one that the source names."""
    yield Progress(Text("read the picture"), 0, 1, source.name)
    return (yield from read_source_job(source, array))
