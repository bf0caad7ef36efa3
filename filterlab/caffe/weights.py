"""Which weights of a file or of another net belong to which of a net."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from filterlab.caffe.blob import Blob, Shape, shape_text
from filterlab.caffe.errors import CaffeError
from filterlab.caffe.files import Name, older_of
from filterlab.caffe.text import Text

__all__ = ["Filled", "MisfitError", "match", "nothing_filled", "pair"]


class MisfitError(CaffeError):
    """A weights file holds other shapes than the net."""

    def with_age(self, prototxt: Name, weights: Name) -> MisfitError:
        """The same, and which of the two files is the older, as it may be of another net."""
        older = older_of(prototxt, weights)
        return (
            self
            if older is None
            else MisfitError(
                "{message}; {name} is the older of the two", message=self.message, name=older.name
            )
        )


@dataclass(frozen=True)
class Filled:
    """What a weights file gave to a net.

    Attributes
    ----------
    layers : tuple of str
        Layers whose weights came from the file.
    left : tuple of str
        Layers of the net with weights that the file does not have.
    unused : tuple of str
        Layers of the file with weights that the net does not have.
    """

    layers: tuple[str, ...]
    left: tuple[str, ...]
    unused: tuple[str, ...]


Params = Mapping[str, Sequence[Blob]]


def match(
    params: Params, found: Mapping[str, Sequence[Any]], source: str
) -> tuple[list[tuple[Blob, Any]], Filled]:
    """Blobs of a net with the arrays of the same layers that ``found`` has for them.

    Raises
    ------
    MisfitError
        If a layer of both has other shapes; it begins with ``source``.
    """
    pairs: list[tuple[Blob, Any]] = []
    for name, row in params.items():
        if name not in found:
            continue
        arrays = found[name] if hasattr(found[name], "__len__") else [found[name]]
        if len(arrays) != len(row):
            raise MisfitError(
                "{source}: layer '{layer}' has {found} weight blobs, but {wanted} in the "
                "net; give the weights that belong to this prototxt",
                source=source,
                layer=name,
                found=len(arrays),
                wanted=len(row),
            )
        for i, (blob, array) in enumerate(zip(row, arrays)):
            if not _fits(blob.shape, np.shape(array)):
                raise MisfitError(
                    "{source}: weight {index} of layer '{layer}' is {found}, but "
                    "{wanted} in the net; give the weights that belong to this prototxt",
                    source=source,
                    index=i,
                    layer=name,
                    found=shape_text(np.shape(array)),
                    wanted=shape_text(blob.shape),
                )
            pairs.append((blob, array))
    filled = Filled(
        tuple(name for name in params if name in found),
        tuple(name for name in params if name not in found),
        tuple(name for name, arrays in found.items() if len(arrays) and name not in params),
    )
    return pairs, filled


def nothing_filled(params: Params, filled: Filled, source: str) -> str:
    """What to say if no layer name is in both net and file."""
    mine = ", ".join(list(params)[:3]) + (" …" if len(params) > 3 else "")
    theirs = ", ".join(filled.unused[:3]) + (" …" if len(filled.unused) > 3 else "")
    return Text(
        "{source}: 0 of {count} layers with weights were filled, because no layer "
        "name is in both (net: {mine}; file: {theirs}); give the weights that "
        "belong to this prototxt",
        source=source,
        count=len(params),
        mine=mine,
        theirs=theirs or "none",
    )


def pair(params: Params, others: Params) -> list[tuple[Blob, Blob]]:
    """Blobs of two nets' layers of the same names.

    Raises
    ------
    CaffeError
        If a layer of both has other shapes.
    """
    pairs = []
    for name, row in params.items():
        theirs = others.get(name)
        if theirs is None:
            continue
        if len(theirs) != len(row):
            raise CaffeError(
                "share_with(): layer '{name}' has {theirs} weight blobs there and {row} here",
                name=name,
                theirs=len(theirs),
                row=len(row),
            )
        for mine, their in zip(row, theirs):
            if mine.shape != their.shape:
                raise CaffeError(
                    "share_with(): a weight of layer '{name}' is {shape} there and {shape2} here",
                    name=name,
                    shape=shape_text(their.shape),
                    shape2=shape_text(mine.shape),
                )
            pairs.append((mine, their))
    return pairs


def _fits(shape: Shape, stored: Shape) -> bool:
    """Whether stored values are for this shape; old files pad shapes to 4 axes with ones."""
    if tuple(stored) == shape:
        return True
    return len(stored) == 4 and len(shape) < 4 and tuple(stored) == (1,) * (4 - len(shape)) + shape
