"""How large the net's input is for a picture. Sizes are (height, width) in pixels."""

from __future__ import annotations

from filterlab.caffe.text import Text
from filterlab.errors import FilterLabError
from filterlab.surgery.geometry import MapGeometry

__all__ = ["choose_size", "fewest_cells", "natural_size", "shape_error"]

Size = tuple[int, int]

_LARGEST_BY_DEFAULT = 3  # times the classifier's own size: about twenty cells
_MOST_BY_DEFAULT = 20  # cells on the longer side; a small jump would give hundreds


def shape_error(picture: Size, chosen: Size) -> float:
    """By what factor a picture's shape is off at an input size: 1 is kept, 2 is half as wide."""
    ratio = (chosen[0] / picture[0]) / (chosen[1] / picture[1])
    return max(ratio, 1 / ratio)


def fewest_cells(geometry: MapGeometry, picture: Size) -> int:
    """The fewest cells on the longer side at which the picture keeps its shape.

    Its shorter side then holds one window.
    """
    own = geometry.own_size
    scale = max(own[0] / picture[0], own[1] / picture[1])
    axis = 1 if picture[1] >= picture[0] else 0
    return geometry.cells_near(axis, picture[axis] * scale)


def _near(geometry: MapGeometry, picture: Size, scale: float) -> Size:
    return geometry.size_near(picture[0] * scale, picture[1] * scale)


def natural_size(geometry: MapGeometry, picture: Size) -> Size:
    """The size that suits a picture if nothing is asked for; its shape is kept.

    The picture's own size, moved to the nearest that whole windows fit. A large picture is
    reduced to three times the classifier's own size and twenty cells; a tiny one is enlarged,
    and a long, narrow one reduced less, until the shorter side holds one window.

    Raises
    ------
    FilterLabError
        If no size is large enough for that.
    """
    own = geometry.own_size
    axis = 1 if picture[1] >= picture[0] else 0
    scale = min(1.0, _LARGEST_BY_DEFAULT * own[axis] / picture[axis])
    if geometry.cells(*own)[axis] < _MOST_BY_DEFAULT:
        most = geometry.size_for_cells(_MOST_BY_DEFAULT, _MOST_BY_DEFAULT)
        scale = min(scale, most[axis] / picture[axis])
    return _near(geometry, picture, max(scale, own[0] / picture[0], own[1] / picture[1]))


def choose_size(
    geometry: MapGeometry,
    picture: Size,
    *,
    cells: int | None = None,
    size: int | Size | None = None,
    squash: int | Size | None = None,
) -> Size:
    """The net's input size (height, width) for a picture (height, width).

    If nothing else is given, :func:`natural_size`.

    Parameters
    ----------
    cells : int, optional
        Cells on the longer side; the picture keeps its shape, as far as the shorter side holds
        one window.
    size : int or (int, int), optional
        Pixels on the longer side, the picture keeps its shape and both sides are moved to the
        nearest size that whole windows fit; or (height, width), taken as it is.
    squash : int or (int, int), optional
        The picture is squashed to exactly this size, as in the tutorial (451).

    Raises
    ------
    FilterLabError
        For a size at which there is no cell; the message says what works.
    """
    if sum(choice is not None for choice in (cells, size, squash)) > 1:
        raise FilterLabError("give only one of cells, size and squash")
    smallest = geometry.smallest()
    h, w = picture
    exact = squash if squash is not None else size if isinstance(size, tuple) else None
    if exact is not None:
        chosen = (exact, exact) if isinstance(exact, int) else (int(exact[0]), int(exact[1]))
    elif cells is not None:
        chosen = geometry.keeping_shape(picture, cells)
    elif isinstance(size, int):
        if size < smallest[1 if w >= h else 0]:
            raise _too_small(Text("{typename} pixels", typename=size), smallest)
        chosen = _near(geometry, picture, size / max(h, w))
    else:
        chosen = natural_size(geometry, picture)
    if 0 in geometry.cells(*chosen):
        raise _too_small(
            Text("{chosen}x{chosen2} pixels", chosen=chosen[1], chosen2=chosen[0]), smallest
        )
    return chosen


def _too_small(what: str, smallest: Size) -> FilterLabError:
    return FilterLabError(
        "an input of {size} is too small for one cell of the map; the smallest that "
        "works is {smallest}x{smallest2}",
        size=what,
        smallest=smallest[1],
        smallest2=smallest[0],
    )
