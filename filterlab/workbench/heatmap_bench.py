"""The model of the Heatmap tab: a model, a picture, its class maps, and every choice undoable.

No Qt. Window, command line and folder run are three doors to it. The state says what is wanted;
what it takes is computed by jobs, generators that may run on any thread, whose outcomes are given
back to :meth:`HeatmapBench.accept`. Results are kept by what they were computed of, so that
undoing shows at once what was there before.
"""

from __future__ import annotations

import contextlib
import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any, Generic, TypeVar

import numpy as np
from numpy.typing import NDArray

from filterlab.caffe.text import Text
from filterlab.errors import FilterLabError
from filterlab.progress import Job
from filterlab.surgery.agreement import Agreement
from filterlab.surgery.heatmap import ClassMaps
from filterlab.surgery.methods import MapRun, Plan, Request, densities, methods, plan
from filterlab.surgery.pyramid import Pyramid
from filterlab.surgery.sliding import Alone
from filterlab.surgery.transplant import Transplanted
from filterlab.workbench import heatmap_code, heatmap_files, heatmap_jobs
from filterlab.workbench.heatmap_draw import Drawing, Scene, draw, preview
from filterlab.workbench.heatmap_files import Frame
from filterlab.workbench.heatmap_jobs import Live, Outcome
from filterlab.workbench.heatmap_state import (
    MOST_PINS,
    Cell,
    HeatmapState,
    Look,
    Shown,
    Source,
    model_key,
    to_session,
)
from filterlab.workbench.journal import Edit, Journal
from filterlab.zoo.catalogue import Model
from filterlab.zoo.labels import Labels

__all__ = ["EDIT_NAMES", "ORDERS", "Change", "HeatmapBench"]

Array = NDArray[np.float32]
Key = tuple[Any, ...]
T = TypeVar("T")

#: The orders of the class list, and what they are called.
ORDERS = {"peak": Text("by best cell"), "mean": Text("by mean")}

LOOK_NAMES = {
    "show": Text("Change what is shown"),
    "projection": Text("Change how the map is laid"),
    "scale": Text("Change the scale"),
    "colours": Text("Change the colours"),
    "opacity": Text("Change the opacity"),
    "threshold": Text("Change the threshold"),
    "gamma": Text("Change gamma"),
    "follows": Text("Opacity follows the probability"),
    "corners": Text("Corners where the map ends"),
    "contours": Text("Contour lines"),
    "names": Text("Names in the cells"),
    "field": Text("Receptive field of the cell"),
    "windows": Text("Windows of the check"),
}

EDIT_NAMES = (
    Text("Choose model"),
    "Transplant",
    Text("Open picture"),
    Text("Choose frame"),
    Text("Change size"),
    Text("Change picture's shape"),
    Text("Change density"),
    Text("Change method"),
    Text("Choose class"),
    Text("Choose second class"),
    Text("Pin cell"),
    Text("Unpin cell"),
    Text("Move pinned cell"),
    Text("Forget pinned cells"),
    Text("Change the look"),
    *LOOK_NAMES.values(),
)
"""Every name an edit of the bench can have, for translations."""

_NETS = 2
_RUN_BYTES = 1 << 29


@dataclass(frozen=True)
class Change:
    """What a callback is told.

    Attributes
    ----------
    kinds : frozenset of str
        Of ``model``, ``net`` (transplanted or not), ``picture``, ``size``, ``maps``, ``classes``,
        ``look``, ``pins``, ``agreement``, ``alone``; empty if only the history changed.
    revision : int
        Grows with every change.
    """

    kinds: frozenset[str]
    revision: int


class _Kept(Generic[T]):
    """Results by key, the ones used longest ago forgotten first."""

    def __init__(self, most: int, cost: Callable[[T], int] = lambda _: 0, budget: int = 0) -> None:
        self._most, self._cost, self._budget = most, cost, budget
        self._items: OrderedDict[Key, T] = OrderedDict()

    def get(self, key: Key) -> T | None:
        found = self._items.get(key)
        if found is not None:
            self._items.move_to_end(key)
        return found

    def put(self, key: Key, value: T) -> None:
        self._items[key] = value
        self._items.move_to_end(key)
        while len(self._items) > 1 and (
            len(self._items) > self._most
            or (self._budget and sum(map(self._cost, self._items.values())) > self._budget)
        ):
            self._items.popitem(last=False)


def _run_bytes(run: MapRun) -> int:
    levels = run.pyramid.levels if run.pyramid is not None else [run.maps]
    return sum(m.prob.nbytes + m.score.nbytes + m.data.nbytes for m in levels)


class HeatmapBench:
    """A classifier, a picture and its class maps.

    Edits return their English name (for the Edit menu), or ``""`` if nothing changed, and raise
    :class:`FilterLabError`, changing nothing, if the input is bad. Use from one thread; jobs may
    run on another.

    Parameters
    ----------
    model : Model
        The model to begin with.

    Attributes
    ----------
    journal : Journal
        The edits made and undone.
    labels_problem : str
        What is wrong with the model's class names, if they could not be read.
    """

    def __init__(self, model: Model, look: Look | None = None) -> None:
        self._state = HeatmapState(model, look=look or Look())
        self.journal: Journal[HeatmapState] = Journal(cost=_kept_bytes)
        self.labels_problem = ""
        self._revision = 0
        self._listeners: list[Callable[[Change], object]] = []
        self._nets: _Kept[Transplanted] = _Kept(_NETS)
        self._runs: _Kept[MapRun] = _Kept(8, _run_bytes, _RUN_BYTES)
        self._checks: _Kept[Agreement] = _Kept(32)
        self._alones: _Kept[Alone] = _Kept(64)
        self._keys: dict[Model, Key] = {}
        self._labels: tuple[Any, Labels] | None = None
        self._preview: tuple[Shown, Array] | None = None

    # --- reading ------------------------------------------------------------------------------

    @property
    def state(self) -> HeatmapState:
        """The present state: immutable."""
        return self._state

    @property
    def revision(self) -> int:
        """Grows with every change, undo and redo included."""
        return self._revision

    @property
    def model(self) -> Model:
        return self._state.model

    @property
    def shown(self) -> Shown | None:
        return self._state.shown

    @property
    def look(self) -> Look:
        return self._state.look

    @property
    def request(self) -> Request:
        return self._state.request

    @property
    def pins(self) -> tuple[Cell, ...]:
        """The pinned cells that the present map has, the newest last."""
        maps = self.maps
        if maps is None:
            return ()
        return tuple(p for p in self._state.pins if p[0] < maps.rows and p[1] < maps.cols)

    def _net_key(self) -> Key:
        model = self._state.model
        if model not in self._keys:
            self._keys[model] = model_key(model)
        return self._keys[model]

    def _map_key(self) -> Key:
        state = self._state
        return (self._net_key(), state.shown, state.request)

    @property
    def transplanted(self) -> Transplanted | None:
        """The chosen model's net, if it is transplanted."""
        return self._nets.get(self._net_key()) if self._state.operated else None

    @property
    def run(self) -> MapRun | None:
        """What was computed for the present state; None if it is yet to be."""
        if not self._state.operated or self._state.shown is None:
            return None
        return self._runs.get(self._map_key())

    @property
    def maps(self) -> ClassMaps | None:
        """The class maps of the present state; None if they are yet to be computed."""
        run = self.run
        return None if run is None else run.maps

    @property
    def pyramid(self) -> Pyramid | None:
        """The scales that are joined in the present map, if it has several."""
        run = self.run
        return None if run is None else run.pyramid

    @property
    def stale(self) -> bool:
        """Whether the state asks for a net or a map that is not there; see :meth:`due_job`."""
        state = self._state
        if not state.operated:
            return False
        return self.transplanted is None or (state.shown is not None and self.run is None)

    @property
    def labels(self) -> Labels:
        """The class names of the chosen model, numbers where there are none."""
        done = self.transplanted
        count = done.classes if done is not None else 0
        key = (self._net_key(), self.model.labels_path, self.model.numbered, count)
        if self._labels is None or self._labels[0] != key:
            self.labels_problem = ""
            try:
                labels = self.model.labels
            except FilterLabError as error:
                self.labels_problem, labels = error.message, Labels.numbered(count)
            self._labels = (key, labels if len(labels) else Labels.numbered(count))
        return self._labels[1]

    @property
    def classes(self) -> tuple[int, ...]:
        """The classes on show: those chosen, else the best for the picture as a whole.

        Empty while there is no map.
        """
        maps = self.maps
        return () if maps is None else self.classes_of(maps)

    def classes_of(self, maps: ClassMaps) -> tuple[int, ...]:
        """As :attr:`classes`, on other maps (while they fill in)."""
        inside = tuple(c for c in self._state.chosen if c < maps.classes)
        return inside or (int(maps.ranked("mean")[0]),)

    @property
    def second(self) -> tuple[int, ...]:
        """The classes of the second colour; if none is chosen, the best that is not shown."""
        maps = self.maps
        if maps is None:
            return ()
        inside = tuple(c for c in self._state.second if c < maps.classes)
        if inside:
            return inside
        taken = set(self.classes)
        others = [int(c) for c in maps.ranked("mean")[: len(taken) + 1] if int(c) not in taken]
        return tuple(others[:1])

    def ranked(self, order: str = "peak") -> NDArray[np.intp]:
        """All classes, best first, in one of :data:`ORDERS`; empty while there is no map."""
        run = self.run
        if run is None:
            return np.zeros(0, np.intp)
        return (run.pyramid or run.maps).ranked(order)

    @property
    def methods(self) -> tuple[str, ...]:
        """The methods that the transplanted net offers, its default first."""
        done = self.transplanted
        return () if done is None else methods(done)

    @property
    def densities(self) -> tuple[str, ...]:
        """The densities that the net offers, whatever the method."""
        done = self.transplanted
        return () if done is None else densities(done, done.quick_method)

    def plan(self, request: Request | None = None) -> Plan:
        """What a run at the present size, or another, will do and cost.

        Raises
        ------
        FilterLabError
            If it cannot be done, or nothing is there to be run.
        """
        done, shown = self.transplanted, self._state.shown
        if done is None or shown is None:
            raise FilterLabError("there is no map yet; press Transplant first")
        return plan(done, shown.size, request or self._state.request)

    @property
    def agreement(self) -> Agreement | None:
        """How well the present map agrees with the classifier; None until it is checked."""
        return self._checks.get(self._map_key()) if self.run is not None else None

    def alone(self, cell: Cell) -> Alone | None:
        """What the classifier says of a cell's window alone; None until it is asked."""
        return self._alones.get((*self._map_key(), cell))

    # --- telling ------------------------------------------------------------------------------

    def subscribe(self, callback: Callable[[Change], object]) -> Callable[[], None]:
        """Call ``callback(change)`` after every change; returns what ends that."""
        self._listeners.append(callback)

        def unsubscribe() -> None:
            with contextlib.suppress(ValueError):
                self._listeners.remove(callback)

        return unsubscribe

    def _tell(self, *kinds: str) -> None:
        self._revision += 1
        change = Change(frozenset(kinds), self._revision)
        for callback in list(self._listeners):
            callback(change)

    def _put(self, new: HeatmapState) -> None:
        old, self._state = self._state, new
        kinds = set(new.difference(old))
        if "model" in kinds:
            kinds.add("net")
        self._tell(*kinds)

    def _commit(self, name: str, merge: Hashable = None, **changes: Any) -> str:
        old = self._state
        new = replace(old, **changes)
        if not new.difference(old):
            return ""
        self.journal.push(Edit(name, old, new, merge=merge))
        self._put(new)
        return name

    # --- edits --------------------------------------------------------------------------------

    def set_model(self, model: Model) -> str:
        """Choose a model. It is shown as transplanted if its net is still there.

        Size, density and method are chosen anew for the new net; classes stay where the class
        names are the same.
        """
        old = self._state
        if model == old.model:
            return ""
        self._keys[model] = model_key(model)
        same_names = _names_of(model) == _names_of(old.model)
        return self._commit(
            Text("Choose model"),
            model=model,
            operated=self._nets.get(self._keys[model]) is not None,
            request=Request(squash=old.request.squash is True),
            chosen=old.chosen if same_names else (),
            second=old.second if same_names else (),
            pins=(),
        )

    def renew_model(self, model: Model) -> None:
        """The chosen model's files changed (weights were fetched or made): no edit."""
        self._keys.pop(self._state.model, None)
        self._keys[model] = model_key(model)
        self._put(replace(self._state, model=model))

    def set_picture(self, shown: Shown) -> str:
        """Another picture. That of an untouched bench is what it begins with, and no edit."""
        if self._state.shown is None and not self.journal.undo_edit:
            self._put(replace(self._state, shown=shown))
            return Text("Open picture")
        old = self._state.shown
        source = shown.source
        if old is not None and source.path == old.source.path and source.frame != old.source.frame:
            # From frame to frame of one file is one step.
            merge = ("frame", source.path)
            return self._commit(Text("Choose frame"), merge=merge, shown=shown, pins=())
        return self._commit(Text("Open picture"), shown=shown, pins=())

    def set_cells(self, cells: int, merge: bool = False) -> str:
        """Cells of the net's own stride on the longer side; 0 as suits net and picture."""
        request = replace(self.request, cells=cells, size=0)
        key = ("cells",) if merge else None
        return self._commit(Text("Change size"), merge=key, request=request, pins=())

    def set_squash(self, on: bool) -> str:
        """Squash the picture to a square, as the tutorial does, or keep its shape."""
        request = replace(self.request, squash=on)
        return self._commit(Text("Change picture's shape"), request=request, pins=())

    def set_density(self, density: str) -> str:
        """Own stride, a denser one, or three scales; see :attr:`densities`."""
        self._check(replace(self.request, density=density))
        request = replace(self.request, density=density)
        return self._commit(Text("Change density"), request=request, pins=())

    def set_method(self, method: str) -> str:
        """dense, pooled or exact; ``""`` as suits the net. A density not offered becomes own."""
        request = replace(self.request, method=method)
        done = self.transplanted
        if done is not None and method and request.density not in self.densities:
            request = replace(request, density="own")
        self._check(request)
        return self._commit(Text("Change method"), request=request, pins=())

    def _check(self, request: Request) -> None:
        if self.transplanted is not None and self.shown is not None:
            self.plan(request)

    def choose(self, classes: Sequence[int], merge: bool = False) -> str:
        """Show these classes' map, summed. With ``merge``, as arrow keys choose, one step."""
        look = self.look
        if look.show in ("winner", "entropy"):
            look = replace(look, show="class")
        key = ("classes",) if merge else None
        return self._commit(Text("Choose class"), merge=key, chosen=self._known(classes), look=look)

    def choose_second(self, classes: Sequence[int]) -> str:
        """Show these classes in the second colour, beside those chosen."""
        look = replace(self.look, show="two")
        return self._commit(Text("Choose second class"), second=self._known(classes), look=look)

    def _known(self, classes: Sequence[int]) -> tuple[int, ...]:
        wanted = tuple(dict.fromkeys(int(c) for c in classes))
        done = self.transplanted
        for c in wanted:
            if c < 0 or (done is not None and c >= done.classes):
                count = done.classes if done is not None else 0
                raise FilterLabError(
                    "the net has no class {index}; its classes are 0 to {last}",
                    index=c,
                    last=count - 1,
                )
        return wanted

    def set_look(self, merge: bool = False, **changes: Any) -> str:
        """Show the map in another way; with ``merge``, as a slider moves, one step."""
        look = replace(self.look, **changes)
        old = vars(self.look)
        changed = [key for key, value in vars(look).items() if old[key] != value]
        name = LOOK_NAMES[changed[0]] if len(changed) == 1 else Text("Change the look")
        return self._commit(name, merge=("look", *changed) if merge else None, look=look)

    def pin(self, cell: Cell, add: bool = True) -> str:
        """Compare a cell, beside the others or (without ``add``) alone."""
        self._on_map(cell)
        others = [pin for pin in self.pins if pin != cell] if add else []
        return self._commit(Text("Pin cell"), pins=(*others, cell)[-MOST_PINS:])

    def unpin(self, cell: Cell) -> str:
        """Compare a cell no longer."""
        return self._commit(Text("Unpin cell"), pins=tuple(pin for pin in self.pins if pin != cell))

    def move_pin(self, rows: int, cols: int) -> str:
        """Move the newest pin by cells, as far as the map goes."""
        maps, pins = self.maps, self.pins
        if maps is None or not pins:
            return ""
        i = min(max(pins[-1][0] + rows, 0), maps.rows - 1)
        j = min(max(pins[-1][1] + cols, 0), maps.cols - 1)
        others = tuple(pin for pin in pins[:-1] if pin != (i, j))
        return self._commit(Text("Move pinned cell"), merge=("pins",), pins=(*others, (i, j)))

    def clear_pins(self) -> str:
        """Let all pinned cells go."""
        return self._commit(Text("Forget pinned cells"), pins=())

    def _on_map(self, cell: Cell) -> None:
        maps = self.maps
        if maps is None:
            raise FilterLabError("there is no map yet; press Transplant first")
        if not (0 <= cell[0] < maps.rows and 0 <= cell[1] < maps.cols):
            raise FilterLabError(
                "the map has no cell {cell}; it has {rows}x{cols}",
                cell=cell,
                rows=maps.rows,
                cols=maps.cols,
            )

    # --- undo ---------------------------------------------------------------------------------

    def undo(self) -> str:
        """Take the last edit back; its name, or ``""`` if there is none."""
        edit = self.journal.undo()
        if edit is None:
            return ""
        self._put(edit.old)
        return edit.name

    def redo(self) -> str:
        """Make the last undone edit again; its name, or ``""`` if there is none."""
        edit = self.journal.redo()
        if edit is None:
            return ""
        self._put(edit.new)
        return edit.name

    @property
    def undo_name(self) -> str:
        edit = self.journal.undo_edit
        return edit.name if edit else ""

    @property
    def redo_name(self) -> str:
        edit = self.journal.redo_edit
        return edit.name if edit else ""

    def seal(self) -> None:
        """A slider was let go: its next move is a step of its own."""
        self.journal.seal()

    @contextlib.contextmanager
    def group(self, name: str = "") -> Iterator[None]:
        """Several edits as one undo step."""
        self.journal.begin(name)
        try:
            yield
        finally:
            self.journal.end()
            self._tell()

    # --- jobs ---------------------------------------------------------------------------------

    def due_job(self) -> Job[Outcome] | None:
        """What brings net and map up to the state; None if they are, or nothing is transplanted."""
        if not self.stale:
            return None
        return self.map_job() if self.transplanted is not None else self.transplant_job()

    def transplant_job(self) -> Job[Outcome]:
        """Cast the chosen model; the map is due behind it."""
        return heatmap_jobs.transplant_of(self.model, self._net_key())

    def open_job(self, source: Source, array: NDArray[Any] | None = None) -> Job[Outcome]:
        """Read a picture; the map is due behind it."""
        return heatmap_jobs.open_of(source, array)

    def first_frame_job(self, path: str) -> Job[Outcome]:
        """Show a video's first frame as the picture, while there is no net to map frames with."""
        return heatmap_jobs.first_frame_of(path)

    def map_job(self) -> Job[Outcome]:
        """Compute the maps of the present state.

        Raises
        ------
        FilterLabError
            If there is no transplanted net or no picture.
        """
        done, shown = self.transplanted, self.shown
        if done is None or shown is None:
            raise FilterLabError("there is no map yet; press Transplant first")
        return heatmap_jobs.map_of(self.model, done, shown, self.request, self._map_key())

    def agreement_job(self) -> Job[Outcome]:
        """Check the present map against the classifier on some of its windows."""
        done, run = self._there()
        return heatmap_jobs.check_of(done, run, self._map_key())

    def alone_job(self, cell: Cell) -> Job[Outcome]:
        """Classify a cell's window by itself."""
        self._on_map(cell)
        done, run = self._there()
        return heatmap_jobs.alone_of(done, run, cell, self._map_key())

    def live_job(
        self, source: int | str, playing: threading.Event | None = None, first: int = 0
    ) -> Job[Outcome]:
        """Map the frames of a camera (its number) or a video file until it is stopped.

        A video begins with the frame ``first``. It yields :class:`Live`, which is to be given to
        :meth:`accept_frame`.
        """
        done = self.transplanted
        if done is None:
            raise FilterLabError("there is no map yet; press Transplant first")
        return heatmap_jobs.live_of(source, self.model, done, self.request, playing, first)

    def _there(self) -> tuple[Transplanted, MapRun]:
        done, run = self.transplanted, self.run
        if done is None or run is None:
            raise FilterLabError("there is no map yet; press Transplant first")
        return done, run

    def accept(self, outcome: Outcome) -> bool:
        """Take what a job has made; False if the state no longer asks for any of it.

        What was overtaken is kept all the same, for an undo that comes back to it.
        """
        wanted = False
        if outcome.transplanted is not None and outcome.model is not None:
            mine = outcome.net_key == self._net_key()
            if mine and outcome.model != self.model:  # its weights were made on the way
                self.renew_model(outcome.model)
                outcome.net_key = self._net_key()
            self._nets.put(outcome.net_key, outcome.transplanted)
            if mine:
                wanted = True
                if self._state.operated:
                    self._tell("net", "maps")
                else:
                    self._commit("Transplant", operated=True)
        if outcome.shown is not None:
            self.set_picture(outcome.shown)
            wanted = True
        if outcome.run is not None:
            self._runs.put(outcome.map_key, outcome.run)
            if self._state.operated and outcome.map_key == self._map_key():
                self._tell("maps")
                wanted = True
        if outcome.agreement is not None:
            self._checks.put(outcome.map_key, outcome.agreement)
            if outcome.map_key == self._map_key():
                self._tell("agreement")
                wanted = True
        if outcome.alone is not None and outcome.cell is not None:
            self._alones.put((*outcome.map_key, outcome.cell), outcome.alone)
            if outcome.map_key == self._map_key():
                self._tell("alone")
                wanted = True
        return wanted

    def accept_frame(self, live: Live) -> bool:
        """Show a frame of a camera or a video with its map, without an undo step of its own."""
        outcome = live.outcome
        if outcome.shown is None or outcome.run is None or outcome.model != self.model:
            return False
        if not self._state.operated:
            return False
        old = self._state
        self._state = replace(old, shown=outcome.shown)
        self._runs.put(self._map_key(), outcome.run)
        self._preview = (outcome.shown, live.preview)
        self._tell("picture", "maps")
        return True

    # --- drawing ------------------------------------------------------------------------------

    @property
    def preview(self) -> Array | None:
        """The picture at the size that is drawn live; None before the first."""
        shown = self.shown
        if shown is None:
            return None
        if self._preview is None or self._preview[0] is not shown:
            made = preview(shown.picture) if shown.preview is None else shown.preview
            self._preview = (shown, made)
        return self._preview[1]

    def scene(self, maps: ClassMaps | None = None, pyramid: Pyramid | None = None) -> Scene | None:
        """What to draw now, for :func:`heatmap_draw.draw` on any thread; None without a picture.

        ``maps`` and ``pyramid`` stand in for the state's own while they fill in.
        """
        picture = self.preview
        if picture is None:
            return None
        if maps is None:
            maps, pyramid = self.maps, self.pyramid
        classes = () if maps is None else self.classes_of(maps)
        return Scene(picture, maps, classes, self.second, self.look, pyramid)

    def drawing(self) -> Drawing | None:
        """The picture with its map, drawn now."""
        scene = self.scene()
        return None if scene is None else draw(scene)

    # --- files --------------------------------------------------------------------------------

    def frame(self) -> Frame:
        """What is on show, as a snapshot for saving; see ``heatmap_files``.

        Raises
        ------
        FilterLabError
            If there is no map.
        """
        done, run = self._there()
        shown = self.shown
        assert shown is not None
        return Frame(
            shown,
            run,
            self.classes,
            self.second,
            self.look,
            self.labels,
            self.model,
            done.account(),
            self.agreement,
        )

    def folder_job(self, task: heatmap_files.FolderTask) -> Job[heatmap_files.FolderResult]:
        """Map every picture of a folder as the present one is mapped; see ``heatmap_files``.

        Runs a double of the net, so that the bench can go on with its own meanwhile.
        """
        done = self.transplanted
        if done is None:
            raise FilterLabError("there is no map yet; press Transplant first")
        return heatmap_files.folder_job(task, self.model, done.double(), self.labels)

    def code(self) -> str:
        """The pycaffe lines that do what is on show, from the imports to the array."""
        return heatmap_code.code(self.model, self.transplanted, self.shown, self.run, self.classes)

    # --- sessions -----------------------------------------------------------------------------

    def session(self) -> dict[str, Any]:
        """The state as plain JSON values, to begin with next time."""
        return to_session(self._state)

    def restore_request(self, request: Request) -> None:
        """Begin with a size, density and method; no edit."""
        self._put(replace(self._state, request=request))

    def keep_agreement(self, found: Agreement | None) -> None:
        """Take the check of the present map, if there could be one."""
        if found is not None:
            self._checks.put(self._map_key(), found)
            self._tell("agreement")

    def restore(self, state: HeatmapState) -> None:
        """Begin with a state; the history begins anew."""
        self.journal.clear()
        self._put(state)

    def take_over(self, other: HeatmapBench) -> None:
        """Go on with what another bench has: state, history, nets and maps. Drop the other."""
        for name in (
            "_state",
            "journal",
            "_nets",
            "_runs",
            "_checks",
            "_alones",
            "_keys",
            "_labels",
            "_preview",
        ):
            setattr(self, name, getattr(other, name))
        self._tell("model", "net", "picture", "size", "maps", "classes", "look", "pins")


def _names_of(model: Model) -> tuple[Any, bool]:
    return model.labels_path, model.numbered


def _kept_bytes(edit: Edit[HeatmapState]) -> int:
    """What an edit keeps alive beyond numbers: a picture it replaced."""
    old = edit.old.shown
    return 0 if old is None or old is edit.new.shown else int(old.picture.nbytes)
