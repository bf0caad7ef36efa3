"""Why a class: its maps as pictures, for the window, the command line and files."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from filterlab.caffe.files import written_together
from filterlab.caffe.text import Text
from filterlab.pictures import write_picture
from filterlab.progress import Job, Progress
from filterlab.surgery.export import write_npy
from filterlab.surgery.heatmap import as_picture, resize
from filterlab.surgery.overlay import Layer, Style, compose
from filterlab.surgery.own_input import centre_cut
from filterlab.surgery.why import ranks
from filterlab.workbench.net_bench import Why

__all__ = ["KINDS", "STYLE", "best_kind", "files_of", "pictures_of", "write_job"]

Array = NDArray[np.float32]

#: The maps, in the order in which they are made.
KINDS = ("occlusion", "gradient", "grad-cam", "map")

#: How they are drawn, all on one scale: the half that is greyed out last stays as it is.
STYLE = Style(low=0.5)


def pictures_of(why: Why, picture: NDArray[Any]) -> dict[str, Array]:
    """Each map on the input that was asked about, by its kind.

    The scale is the order in which the deletion check greys the pixels out
    (:func:`filterlab.surgery.why.ranks`).

    Parameters
    ----------
    why : Why
    picture : ndarray (height, width) or (height, width, 3)
        The whole picture; of a question about the centre, its centre is shown.

    Returns
    -------
    dict of str to ndarray (height, width, 3) float32
        0 to 1, of the size of the net's input.
    """
    size = (int(why.data.shape[2]), int(why.data.shape[3]))
    shown = as_picture(picture)
    shown = resize(centre_cut(shown, size) if why.cell is None else shown, size)
    whole = np.ones(size, np.float32)
    return {
        reason.kind: compose(shown, Layer(ranks(reason.heat), whole), STYLE)
        for reason, _ in why.reasons
    }


def best_kind(why: Why) -> str:
    """The map of the smallest area; of equals the first. Empty if a random order does better."""
    reason, check = min(why.reasons, key=lambda pair: float(pair[1].area))
    return reason.kind if check.area < why.drawn.area else ""


def files_of(path: Path, kinds: Iterable[str] = KINDS) -> list[Path]:
    """The files that are written under a name: ``why-occlusion.png`` … of ``why.png``."""
    return [path.with_name(f"{path.stem}-{kind}{path.suffix}") for kind in kinds]


def write_job(why: Why, picture: NDArray[Any], path: Path) -> Job[list[Path]]:
    """Write each map, all or none: laid on the input, or as ``.npy`` the values on its pixels.

    Raises
    ------
    FilterLabError, OSError
        If they cannot be written.
    """
    yield Progress(Text("write the maps"), 0, 1, path.name)
    targets = files_of(path, [reason.kind for reason, _ in why.reasons])
    pictures = {} if path.suffix.lower() == ".npy" else pictures_of(why, picture)
    with written_together():
        for (reason, _), target in zip(why.reasons, targets):
            if pictures:
                write_picture(target, pictures[reason.kind])
            else:
                write_npy(target, reason.heat)
    return targets
