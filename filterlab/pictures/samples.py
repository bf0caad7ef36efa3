"""Sample photographs: those that scikit-image installs with itself; nothing is downloaded."""

from __future__ import annotations

import functools
import importlib.util
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from filterlab.caffe.text import Text
from filterlab.errors import FilterLabError
from filterlab.pictures.files import read_picture

__all__ = [
    "COMPOSED",
    "Composed",
    "Sample",
    "composed",
    "sample",
    "sample_names",
    "sample_title",
    "samples",
]

#: The name under which the composed picture stands among the samples.
COMPOSED = "composed"


class Sample(NamedTuple):
    """A sample picture: its name, its English title, and the file in scikit-image's data."""

    name: str
    title: str
    file: str


_SAMPLES = (
    Sample(COMPOSED, "Composed: coffee, brick, galaxies, cat", ""),
    Sample("chelsea", "Tabby cat (Chelsea)", "chelsea.png"),
    Sample("camera", "Cameraman", "camera.png"),
    Sample("coffee", "Cup of coffee", "coffee.png"),
    Sample("astronaut", "Astronaut", "astronaut.png"),
    Sample("motorcycle", "Motorcycle", "motorcycle_left.png"),
    Sample("rocket", "Rocket", "rocket.jpg"),
    Sample("coins", "Coins", "coins.png"),
    Sample("page", "Printed page", "page.png"),
    Sample("text", "Handwriting", "text.png"),
    Sample("brick", "Brick wall", "brick.png"),
    Sample("grass", "Grass", "grass.png"),
    Sample("gravel", "Gravel", "gravel.png"),
    Sample("moon", "Surface of the moon", "moon.png"),
    Sample("hubble", "Galaxies (Hubble deep field)", "hubble_deep_field.jpg"),
    Sample("retina", "Retina", "retina.jpg"),
    Sample("ihc", "Stained tissue", "ihc.png"),
    Sample("horse", "Horse (silhouette)", "horse.png"),
    Sample("cell", "Cell under the microscope", "cell.png"),
    Sample("phantom", "Head phantom", "phantom.png"),
    Sample("color", "Colour wheel", "color.png"),
    Sample("chessboard", "Chessboard", "chessboard_GRAY.png"),
)


@functools.cache
def _data_folder() -> Path | None:
    """scikit-image's data folder, found without importing it (which takes a while)."""
    spec = importlib.util.find_spec("skimage")
    if spec is None or not spec.submodule_search_locations:
        return None
    return Path(spec.submodule_search_locations[0]) / "data"


@functools.cache
def samples() -> tuple[Sample, ...]:
    """The samples that are there, the composed picture first."""
    folder = _data_folder()
    if folder is None:
        return ()
    there = {s.name for s in _SAMPLES if s.file and (folder / s.file).is_file()}
    if there >= {name for name, *_ in _PLACES}:
        there.add(COMPOSED)
    return tuple(s for s in _SAMPLES if s.name in there)


def sample_title(name: str) -> str:
    """What people call a sample, to be told in any language; empty if there is none of the name."""
    return next((Text(s.title) for s in samples() if s.name == name), "")


def sample_names() -> list[str]:
    """The names that :func:`sample` knows, the composed picture first."""
    return [s.name for s in samples()]


def sample(name: str, grey: bool = False) -> NDArray[np.float32]:
    """A sample picture, float32 RGB ``(height, width, 3)`` or grey ``(height, width)``, 0 to 1.

    Raises
    ------
    FilterLabError
        If there is no sample of this name.
    """
    known = {s.name: s for s in samples()}
    if name not in known:
        raise FilterLabError(
            "there is no sample picture {name!r}; choose one of {known}.",
            name=name,
            known=", ".join(known) or "none",
        )
    if name == COMPOSED:
        from filterlab.pictures.files import grey_of

        picture = composed().picture
        return grey_of(picture) if grey else picture
    if grey:
        return read_picture(_file_of(known[name]), grey=True)
    kept = _kept(known[name])
    if kept.dtype != np.uint8:
        return np.array(kept, np.float32)
    return np.divide(kept, np.float32(255), dtype=np.float32)


def _file_of(known: Sample) -> Path:
    folder = _data_folder()
    assert folder is not None  # samples() is empty without it
    return folder / known.file


@functools.cache
def _kept(known: Sample) -> NDArray[Any]:
    """A sample in colours as bytes, where these hold it exactly; not to be changed.

    All of them are 20 MB. Whoever looks for patches wants them all, layer after layer, and
    reading the files takes longer than a small net's answers.
    """
    picture = read_picture(_file_of(known))
    levels = np.rint(picture * np.float32(255)).astype(np.uint8)
    exact = np.array_equal(np.divide(levels, np.float32(255), dtype=np.float32), picture)
    return levels if exact else picture


class Composed(NamedTuple):
    """The composed sample.

    Attributes
    ----------
    picture : numpy.ndarray
        float32 RGB ``(576, 768, 3)``, 0 to 1.
    places : dict
        Sample name to its rectangle ``(x0, y0, x1, y1)`` in pixels, half-open.
    """

    picture: NDArray[np.float32]
    places: dict[str, tuple[int, int, int, int]]


# Name, rectangle on the composed picture, rectangle cut from the sample (None: all of it). Each
# subject is larger than a CaffeNet window (227), so that some cells see nothing else; the cat
# lies off the centre in both directions, so that a map laid wrongly shows at once.
_PLACES: tuple[tuple[str, tuple[int, int, int, int], tuple[int, int, int, int] | None], ...] = (
    ("coffee", (0, 0, 432, 288), None),
    ("brick", (432, 0, 768, 288), (100, 100, 436, 388)),
    ("hubble", (0, 288, 336, 576), (300, 200, 636, 488)),
    ("chelsea", (336, 288, 768, 576), None),
)


def composed() -> Composed:
    """Four photographs side by side at known places: coffee, brick, galaxies and the cat.

    Raises
    ------
    FilterLabError
        If scikit-image's photographs are missing.
    """
    import cv2

    picture = np.ones((576, 768, 3), np.float32)
    places = {}
    for name, (x0, y0, x1, y1), cut in _PLACES:
        part = sample(name)
        if cut is not None:
            part = part[cut[1] : cut[3], cut[0] : cut[2]]
        if part.shape[:2] != (y1 - y0, x1 - x0):
            part = cv2.resize(part, (x1 - x0, y1 - y0), interpolation=cv2.INTER_AREA)
        picture[y0:y1, x0:x1] = part
        places[name] = (x0, y0, x1, y1)
    return Composed(picture, places)
