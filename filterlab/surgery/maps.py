"""What else a map of all classes tells: who wins where, how sure, two classes at once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from filterlab.errors import FilterLabError
from filterlab.surgery.colormaps import colormap
from filterlab.surgery.heatmap import ClassMaps
from filterlab.surgery.overlay import Layer, Placed, as_rgb, blend, project

__all__ = [
    "Entry",
    "WinnerMap",
    "entropy",
    "grid_text",
    "lay_colours",
    "thumbnail",
    "two_classes",
    "winner_map",
]

Array = NDArray[np.float32]

# Ten colours that are told apart on a picture, by colour-blind eyes too as far as ten can be.
PALETTE = (
    (0.90, 0.62, 0.00),
    (0.34, 0.71, 0.91),
    (0.00, 0.62, 0.45),
    (0.94, 0.89, 0.26),
    (0.20, 0.40, 0.85),
    (0.84, 0.37, 0.00),
    (0.80, 0.47, 0.65),
    (0.55, 0.34, 0.75),
    (0.60, 0.80, 0.40),
    (0.75, 0.25, 0.30),
)
OTHERS = (0.55, 0.55, 0.55)
FIRST, SECOND = (0.96, 0.55, 0.05), (0.10, 0.45, 0.95)


@dataclass(frozen=True)
class Entry:
    """A line of a winner map's legend; ``index`` -1 stands for all other classes."""

    index: int
    cells: int
    colour: tuple[float, float, float]


@dataclass(frozen=True)
class WinnerMap:
    """Each cell's best class.

    Attributes
    ----------
    index : ndarray (rows, cols) int
    colours : ndarray (rows, cols, 3) float32
    strength : ndarray (rows, cols) float32
        The best class's probability.
    legend : list of Entry
        Classes by the number of cells they win.
    """

    index: NDArray[np.intp]
    colours: Array
    strength: Array
    legend: list[Entry]


def winner_map(maps: ClassMaps, most: int = len(PALETTE)) -> WinnerMap:
    """Each cell in its best class's colour; beyond ``most`` classes the rest is grey."""
    index = maps.winners()
    strength = np.take_along_axis(maps.prob, index[None], axis=0)[0]
    found, counts = np.unique(index, return_counts=True)
    order = np.argsort(-counts, kind="stable")
    most = min(most, len(PALETTE))
    colours = np.empty((maps.rows, maps.cols, 3), np.float32)
    colours[...] = OTHERS
    legend = []
    for colour, k in zip(PALETTE[:most], order):
        legend.append(Entry(int(found[k]), int(counts[k]), colour))
        colours[index == found[k]] = colour
    rest = int(counts[order[most:]].sum())
    if rest:
        legend.append(Entry(-1, rest, OTHERS))
    return WinnerMap(index, colours, np.asarray(strength, np.float32), legend)


def entropy(maps: ClassMaps) -> Array:
    """How undecided each cell is, in bits, (rows, cols): 0 sure, log2(classes) no idea."""
    p = maps.prob.astype(np.float64)
    p = p / np.maximum(p.sum(axis=0), 1e-30)
    bits = -(p * np.log2(np.maximum(p, 1e-30))).sum(axis=0)
    return np.asarray(np.maximum(bits, 0), np.float32)


def grid_text(maps: ClassMaps, labels: Any = None) -> str:
    """The grid of best indices as the tutorial prints it, and below it what they are called."""
    index = maps.winners()
    width = len(str(int(index.max())))
    lines = [
        ("[[" if i == 0 else " [")
        + " ".join(f"{int(v):{width}d}" for v in row)
        + ("]]" if i == maps.rows - 1 else "]")
        for i, row in enumerate(index)
    ]
    if labels is not None:
        found, counts = np.unique(index, return_counts=True)
        for k in np.argsort(-counts, kind="stable"):
            lines.append(f"{labels[int(found[k])]}: {int(counts[k])}")
    return "\n".join(lines)


def lay_colours(
    maps: Placed, colours: NDArray[Any], mode: str = "tiles", shape: tuple[int, int] | None = None
) -> tuple[Array, Array]:
    """Lay cell colours (rows, cols, 3) on the picture: colours (h, w, 3) and cover (h, w)."""
    layers = [project(maps, colours[:, :, k], mode, shape) for k in range(3)]
    return np.stack([layer.value for layer in layers], axis=2), layers[0].cover


def two_classes(picture: NDArray[Any], first: Layer, second: Layer, opacity: float = 0.8) -> Array:
    """Two layers of probabilities at once: the first in orange, the second in blue.

    Where both are strong the colours mix; where both are weak the picture shows.

    Raises
    ------
    FilterLabError
        If the sizes differ.
    """
    rgb = as_rgb(picture)
    if not rgb.shape[:2] == first.value.shape == second.value.shape:
        raise FilterLabError("the picture and both layers must be of one size")
    a, b = np.clip(first.value, 0, 1), np.clip(second.value, 0, 1)
    share = a / np.maximum(a + b, 1e-6)
    colours = share[:, :, None] * np.array(FIRST, np.float32) + (1 - share)[:, :, None] * np.array(
        SECOND, np.float32
    )
    cover = np.maximum(first.cover, second.cover)
    weight = np.asarray(opacity * cover * np.maximum(a, b), np.float32)
    return blend(rgb, np.asarray(colours, np.float32), weight)


def thumbnail(
    values: NDArray[Any],
    size: int = 64,
    name: str = "inferno",
    limits: Sequence[float] = (0.0, 1.0),
) -> Array:
    """A map (rows, cols) as a small picture (h, w, 3) with crisp cells, longer side ``size``."""
    rows, cols = values.shape
    scale = size / max(rows, cols)
    h, w = max(1, round(rows * scale)), max(1, round(cols * scale))
    i = np.arange(h) * rows // h
    j = np.arange(w) * cols // w
    low, high = limits
    share = np.clip((values - low) / max(high - low, 1e-12), 0, 1)
    table = colormap(name)
    return np.asarray(table[(share * 255 + 0.5).astype(np.uint8)][np.ix_(i, j)], np.float32)
