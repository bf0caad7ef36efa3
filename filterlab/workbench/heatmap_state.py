"""The state of the heatmap bench: an immutable value that every edit replaces by another."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from filterlab.caffe.text import Text
from filterlab.pictures import sample_title
from filterlab.surgery import overlay
from filterlab.surgery.heatmap import Preprocessing
from filterlab.surgery.methods import METHODS, Request
from filterlab.zoo.catalogue import Model

__all__ = [
    "MOST_PINS",
    "SCALES",
    "SHOWS",
    "Cell",
    "HeatmapState",
    "Look",
    "Shown",
    "Source",
    "from_session",
    "model_key",
    "preprocessing_of",
    "to_session",
]

Array = NDArray[np.float32]
Cell = tuple[int, int]
"""Row and column of a cell of the map."""

#: What can be shown of the maps, and what it is called.
SHOWS = {
    "class": Text("chosen class"),
    "two": Text("two classes"),
    "winner": Text("best class"),
    "entropy": "uncertainty",
}
#: How values are put on the colour scale, and what that is called.
SCALES = {
    "best": "0 to just above the best cell",
    "unit": "0 to 100 %",
    "log": Text("logarithmic"),
    "score": Text("score, no softmax"),
}
#: Cells that can be compared at once.
MOST_PINS = 3
_LARGEST_INDEX = 1 << 20


@dataclass(frozen=True)
class Source:
    """Where a picture comes from: a file, a sample by name, or an array with a name (pasted).

    ``frame`` is that of a file with several, from 0.
    """

    path: str = ""
    sample: str = ""
    array_name: str = ""
    frame: int = 0

    @property
    def name(self) -> str:
        """The file's name, the sample's key, or what the array is called."""
        return Path(self.path).name if self.path else self.sample or self.array_name

    @property
    def title(self) -> str:
        """What is shown as its name: a sample's title is a text, to be told in any language."""
        return ("" if self.path else sample_title(self.sample)) or self.name


@dataclass(frozen=True, eq=False)
class Shown:
    """A picture that is there.

    Attributes
    ----------
    source : Source
    picture : float32 (height, width, 3) RGB or (height, width) grey, 0 to 1; never written to.
    passing : whether it is a frame of a camera or a video.
    frames : how many frames of its file can be chosen.
    preview : the picture at the size that is drawn live, if whoever read it has made it.
    """

    source: Source
    picture: Array
    passing: bool = False
    frames: int = 1
    preview: Array | None = None

    @property
    def size(self) -> tuple[int, int]:
        """Height and width."""
        return int(self.picture.shape[0]), int(self.picture.shape[1])


@dataclass(frozen=True)
class Look:
    """How the map is shown.

    Attributes
    ----------
    show : one of :data:`SHOWS`. projection : one of ``overlay.MODES``.
    scale : one of :data:`SCALES`.
    colours : one of ``overlay.COLORMAPS``. opacity, threshold : 0 to 1. gamma : exponent.
    follows : whether the opacity follows the value, so that nothing found leaves the photo as is.
    corners : whether the corners of the map are marked.
    contours : whether lines of equal value are drawn.
    names : whether each cell's best class is written into it.
    field : whether the receptive field of the cell at the cursor is shown beside its window.
    windows : whether the windows of the check against the classifier are marked.
    """

    show: str = "class"
    projection: str = "tiles"
    scale: str = "best"
    colours: str = "inferno"
    opacity: float = 0.84
    threshold: float = 0.0
    gamma: float = 1.0
    follows: bool = True
    corners: bool = True
    contours: bool = False
    names: bool = False
    field: bool = False
    windows: bool = False

    @classmethod
    def from_state(cls, state: Any) -> Look:
        """From saved data; whatever does not fit keeps its default."""
        if not isinstance(state, Mapping):
            return cls()
        allowed: dict[str, Any] = {
            "show": SHOWS,
            "projection": overlay.MODES,
            "scale": SCALES,
            "colours": overlay.COLORMAPS,
        }
        bounds = {"opacity": (0.0, 1.0), "threshold": (0.0, 1.0), "gamma": (0.1, 5.0)}
        kept: dict[str, Any] = {}
        for choice in fields(cls):
            value: Any = state.get(choice.name)
            if choice.name in allowed:
                if isinstance(value, str) and value in allowed[choice.name]:
                    kept[choice.name] = value
            elif choice.name in bounds:
                if type(value) in (int, float) and math.isfinite(value):
                    kept[choice.name] = float(np.clip(value, *bounds[choice.name]))
            elif isinstance(value, bool):
                kept[choice.name] = value
        return cls(**kept)


@dataclass(frozen=True)
class HeatmapState:
    """Everything that is chosen on the bench.

    Attributes
    ----------
    model : Model
        The chosen model.
    operated : bool
        Whether it is transplanted, so that there is to be a map.
    shown : Shown or None
        The picture; None before the first.
    request : Request
        Size, density and method of the map.
    chosen, second : tuple of int
        Classes shown, summed, and those of the second colour; no ``chosen`` means the best class
        for the picture as a whole.
    look : Look
    pins : tuple of Cell
        Cells that are compared, the newest last.
    """

    model: Model
    operated: bool = False
    shown: Shown | None = None
    request: Request = field(default_factory=Request)
    chosen: tuple[int, ...] = ()
    second: tuple[int, ...] = ()
    look: Look = field(default_factory=Look)
    pins: tuple[Cell, ...] = ()

    def difference(self, old: HeatmapState) -> frozenset[str]:
        """Kinds of what changed since ``old``; see ``heatmap_bench.Change``."""
        kinds = set()
        if self.model != old.model:
            kinds |= {"model", "maps"}
        if self.operated != old.operated:
            kinds |= {"net", "maps"}
        if self.shown is not old.shown:
            kinds |= {"picture", "maps"}
        if self.request != old.request:
            kinds |= {"size", "maps"}
        if (self.chosen, self.second) != (old.chosen, old.second):
            kinds.add("classes")
        if self.look != old.look:
            kinds.add("look")
        if self.pins != old.pins:
            kinds.add("pins")
        return frozenset(kinds)


def model_key(model: Model) -> tuple[Any, ...]:
    """What makes a model another one: its files as they are now, and how pictures are prepared.

    A file that was replaced under the same name makes another model.
    """
    stamps = []
    for path in (model.prototxt, model.weights_path):
        try:
            stat = path.stat()
            stamps.append((str(path), stat.st_size, stat.st_mtime_ns))
        except OSError:
            stamps.append((str(path), -1, -1))
    chosen = (model.output, model.activation, model.channels)
    return (*stamps, model.mean_bgr, model.scale, model.order, *chosen)


def preprocessing_of(model: Model) -> Preprocessing:
    """How pictures are prepared for a model."""
    return Preprocessing(model.mean_bgr, model.scale, model.order)


def to_session(state: HeatmapState, current: Source | None = None) -> dict[str, Any]:
    """The state without its picture's pixels as plain JSON values, to begin with next time."""
    source = state.shown.source if state.shown is not None else current or Source()
    return {
        "model": state.model.name,
        "path": source.path,
        "sample": source.sample,
        "frame": source.frame,
        "request": asdict(state.request),
        "look": asdict(state.look),
        "chosen": list(state.chosen),
        "second": list(state.second),
        "pins": [list(pin) for pin in state.pins],
        "operated": state.operated,
    }


def from_session(session: Any, model: Model) -> tuple[HeatmapState, Source]:
    """The state that :func:`to_session` gave, of a model, and where its picture comes from.

    Whatever in it does not fit keeps its default; the model is the caller's to find by the name
    under ``model``.
    """
    given = session if isinstance(session, Mapping) else {}
    state = HeatmapState(
        model,
        given.get("operated") is True,
        request=_request(given.get("request")),
        chosen=_indices(given.get("chosen")),
        second=_indices(given.get("second")),
        look=Look.from_state(given.get("look")),
        pins=_pins(given.get("pins")),
    )
    path, sample = (
        value if isinstance(value, str) else "" for value in map(given.get, ("path", "sample"))
    )
    frame: Any = given.get("frame")
    source = Source(path, sample, frame=frame if path and _index(frame) else 0)
    return state, source


def _request(value: Any) -> Request:
    given = value if isinstance(value, Mapping) else {}
    plain = Request()
    kept: dict[str, Any] = {}
    cells = given.get("cells")
    if type(cells) is int and 0 <= cells <= 10_000:
        kept["cells"] = cells
    if given.get("squash") is True:
        kept["squash"] = True
    density = given.get("density")
    if isinstance(density, str) and (density in ("own", "scales") or density.startswith("stride:")):
        kept["density"] = density
    if given.get("method") in METHODS:
        kept["method"] = given["method"]
    return replace(plain, **kept)


def _index(value: Any) -> bool:
    return type(value) is int and 0 <= value < _LARGEST_INDEX


def _indices(value: Any) -> tuple[int, ...]:
    if not isinstance(value, list):
        return ()
    return tuple(dict.fromkeys(v for v in value if _index(v)))


def _pins(value: Any) -> tuple[Cell, ...]:
    if not isinstance(value, list):
        return ()
    pins = [
        (pin[0], pin[1])
        for pin in value
        if isinstance(pin, list) and len(pin) == 2 and all(_index(v) for v in pin)
    ]
    return tuple(dict.fromkeys(pins))[-MOST_PINS:]
