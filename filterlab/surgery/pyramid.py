"""The net on copies of the picture at several sizes, joined in picture coordinates.

The net knows objects about as large as its window. On an enlarged copy a window covers less of
the picture, so small objects are found; on a reduced copy, large ones.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from filterlab.caffe.text import Text
from filterlab.errors import FilterLabError
from filterlab.progress import Job, Progress, run_job
from filterlab.surgery.exact import exact_job
from filterlab.surgery.heatmap import (
    ClassMaps,
    Preprocessing,
    as_picture,
    choose_size,
    heatmap_job,
)
from filterlab.surgery.overlay import Layer, project
from filterlab.surgery.transplant import Transplanted

__all__ = ["PartialPyramid", "Pyramid", "pyramid", "pyramid_job", "pyramid_sizes"]

SCALES = (0.71, 1.0, 1.41)


@dataclass
class Pyramid:
    """Class maps of one picture at several sizes, smallest input first.

    ``seconds`` of each level is what the passes of all levels took together.
    """

    levels: list[ClassMaps]

    @property
    def picture_size(self) -> tuple[int, int]:
        return self.levels[0].picture_size

    @property
    def classes(self) -> int:
        return self.levels[0].classes

    def project(
        self,
        classes: int | Iterable[int],
        mode: str = "smooth",
        how: str = "max",
        scale: str = "prob",
        shape: tuple[int, int] | None = None,
    ) -> Layer:
        """All levels' maps of a class (or a sum of several) as one layer on the picture.

        ``how`` is ``"max"`` (a pixel shows the size at which the class is clearest) or
        ``"mean"``, each level counting where it covers.

        Raises
        ------
        FilterLabError
            For an unknown ``how``, mode, scale or class.
        """
        if how not in ("max", "mean"):
            raise FilterLabError("levels are joined by 'max' or 'mean', not by {how!r}", how=how)
        wanted = [classes] if isinstance(classes, int | np.integer) else list(classes)
        layers = [project(m, m.values(wanted, scale), mode, shape) for m in self.levels]
        cover = np.stack([layer.cover for layer in layers])
        value = np.stack([layer.value for layer in layers])
        total = cover.max(axis=0)
        if how == "mean":
            joined = (value * cover).sum(axis=0) / np.maximum(cover.sum(axis=0), 1e-6)
        else:
            joined = np.where(cover > 0, value, -np.inf).max(axis=0)
        return Layer(np.where(total > 0, joined, 0).astype(np.float32), total)

    def ranked(self, by: str = "peak") -> NDArray[np.intp]:
        """All classes, best first, by their peak or their mean over all levels."""
        if by not in ("peak", "mean"):
            raise FilterLabError("classes are ranked by 'peak' or 'mean', not by {by!r}", by=by)
        flat = [m.prob.reshape(m.classes, -1) for m in self.levels]
        if by == "peak":
            value = np.stack([f.max(axis=1) for f in flat]).max(axis=0)
        else:
            value = np.concatenate(flat, axis=1).mean(axis=1)
        return np.argsort(-value, kind="stable")

    def best_level(self, index: int) -> int:
        """The level on which a class is clearest."""
        return int(np.argmax([m.prob[index].max() for m in self.levels]))


@dataclass(frozen=True)
class PartialPyramid(Progress):
    """Progress that carries the levels computed so far."""

    pyramid: Pyramid | None = None


def pyramid_sizes(
    transplanted: Transplanted, base: tuple[int, int], scales: Sequence[float] = SCALES
) -> list[tuple[int, int]]:
    """The input sizes of the levels, each fitting whole windows; too small ones are left out.

    Raises
    ------
    FilterLabError
        If none is left.
    """
    sizes: list[tuple[int, int]] = []
    smallest = transplanted.geometry.smallest()
    for scale in sorted(scales):
        if not 0.05 <= scale <= 20:
            raise FilterLabError(
                "a scale of {scale:g} is out of reach; take 0.05 to 20", scale=scale
            )
        wanted = (base[0] * scale, base[1] * scale)
        if wanted[0] < smallest[0] * 0.9 or wanted[1] < smallest[1] * 0.9:
            continue
        size = transplanted.geometry.size_near(*wanted)
        if size not in sizes and 0 not in transplanted.geometry.cells(*size):
            sizes.append(size)
    if not sizes:
        raise FilterLabError("at none of these scales is there room for one cell; take larger ones")
    return sizes


def pyramid_job(
    transplanted: Transplanted,
    picture: NDArray[Any],
    scales: Sequence[float] = SCALES,
    *,
    cells: int | None = None,
    size: int | tuple[int, int] | None = None,
    squash: int | tuple[int, int] | None = None,
    preprocessing: Preprocessing | None = None,
    exact: bool = False,
) -> Job[Pyramid]:
    """Run the net at several scales of the chosen size; yields :class:`PartialPyramid`.

    ``exact`` classifies every window of every level, see
    :func:`filterlab.surgery.exact.exact_job`; else each level is one pass of the dense net.
    """
    picture = as_picture(picture)
    shown = (int(picture.shape[0]), int(picture.shape[1]))
    base = choose_size(transplanted.geometry, shown, cells=cells, size=size, squash=squash)
    sizes = pyramid_sizes(transplanted, base, scales)
    levels: list[ClassMaps] = []
    seconds = 0.0
    for done, level in enumerate(sizes):
        ready = _together(levels, seconds) if levels else None
        message = Text(
            "{level}x{level2}, level {done} of {count}",
            level=level[1],
            level2=level[0],
            done=done + 1,
            count=len(sizes),
        )
        yield PartialPyramid("run the pyramid", done, len(sizes), message, ready)
        one = exact_job if exact else heatmap_job
        maps = one(transplanted, picture, size=level, preprocessing=preprocessing)
        while True:
            try:
                progress = next(maps)
            except StopIteration as end:
                levels.append(end.value)
                seconds += end.value.seconds
                break
            at = done + progress.fraction
            yield Progress("run the pyramid", at, len(sizes), message)
    return _together(levels, seconds)


def _together(levels: Sequence[ClassMaps], seconds: float) -> Pyramid:
    return Pyramid([replace(maps, seconds=seconds) for maps in levels])


def pyramid(transplanted: Transplanted, picture: NDArray[Any], *args: Any, **kw: Any) -> Pyramid:
    """The pyramid in one go; see :func:`pyramid_job`."""
    return run_job(pyramid_job(transplanted, picture, *args, **kw))
