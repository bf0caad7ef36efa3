"""Where the cells of a classifier's blob look on the picture, of which it is shown the centre."""

from __future__ import annotations

from dataclasses import dataclass

from filterlab.caffe import Net
from filterlab.errors import FilterLabError
from filterlab.surgery.geometry import Axis, Geometry, of_blob
from filterlab.surgery.heatmap import Placement
from filterlab.surgery.own_input import centre_placement

__all__ = ["Sight", "sight_of"]

FloatBox = tuple[float, float, float, float]


@dataclass(frozen=True)
class Sight:
    """How a blob lies on the picture.

    Attributes
    ----------
    geometry : Geometry or None
        Of its cells, in pixels of the input; None if each sees all of it.
    cells, input_size : (int, int)
        Rows and columns; height and width.
    placement : Placement
        Where the input's pixels lie on the picture.
    """

    geometry: Geometry | None
    cells: tuple[int, int]
    input_size: tuple[int, int]
    placement: Placement

    @property
    def shown(self) -> FloatBox:
        """The part of the picture that the net is shown."""
        return self.placement.box((0, 0, self.input_size[1], self.input_size[0]))

    def box(self, row: int, col: int) -> FloatBox:
        """A cell's receptive field on the picture (x0, y0, x1, y1), as far as it is shown.

        Raises
        ------
        FilterLabError
            If there is no such cell.
        """
        self._check(row, col)
        if self.geometry is None:
            return self.shown
        y0, y1 = _clipped(self.geometry.y, row, self.input_size[0])
        x0, x1 = _clipped(self.geometry.x, col, self.input_size[1])
        return self.placement.box((x0, y0, x1, y1))

    def centre(self, row: int, col: int) -> tuple[float, float]:
        """The middle (x, y) of a cell's receptive field on the picture.

        Raises
        ------
        FilterLabError
            If there is no such cell.
        """
        self._check(row, col)
        if self.geometry is None:
            x0, y0, x1, y1 = self.shown
            return (x0 + x1) / 2, (y0 + y1) / 2
        return self.placement.point(self.geometry.x.centre(col), self.geometry.y.centre(row))

    def tiles(self) -> FloatBox:
        """Where the cells lie on the picture side by side, each about the middle of its field.

        It may reach beyond what is shown, where fields reach into the padding.
        """
        if self.geometry is None:
            return self.shown
        x0, x1 = _tiled(self.geometry.x, self.cells[1])
        y0, y1 = _tiled(self.geometry.y, self.cells[0])
        return self.placement.box((x0, y0, x1, y1))

    def cell(self, x: float, y: float) -> tuple[int, int] | None:
        """The cell whose middle is nearest to a point of the picture; None where none is shown."""
        x0, y0, x1, y1 = self.shown
        if not (x0 <= x < x1 and y0 <= y < y1):
            return None
        if self.geometry is None:
            return 0, 0
        across, down = self.placement.back(x, y)
        return (
            _nearest(self.geometry.y, down, self.cells[0]),
            _nearest(self.geometry.x, across, self.cells[1]),
        )

    def _check(self, row: int, col: int) -> None:
        rows, cols = self.cells
        if not (0 <= row < rows and 0 <= col < cols):
            raise FilterLabError(
                "the blob has no cell ({i}, {j}); it has {rows}x{cols}",
                i=row,
                j=col,
                rows=rows,
                cols=cols,
            )


def sight_of(net: Net, blob: str, name: str, picture: tuple[int, int]) -> Sight:
    """How a blob of a classifier, at its own input size, lies on a picture of (height, width).

    ``name`` is the picture's blob.

    Raises
    ------
    FilterLabError
        If there is no such blob.
    """
    if blob not in net.blobs:
        raise FilterLabError(
            "the net has no blob {name!r}; its blobs are {known}",
            name=blob,
            known=", ".join(net.blobs),
        )
    shape = tuple(int(n) for n in net.blobs[name].shape)
    size = (shape[2], shape[3])
    cells = (*(int(n) for n in net.blobs[blob].shape[2:]), 1, 1)
    geometry = None
    try:
        found = of_blob(net.param, blob, name)
    except FilterLabError:
        pass  # it cannot be followed: each cell may see all
    else:
        if found.y.jump:
            geometry = found
    return Sight(geometry, (cells[0], cells[1]), size, centre_placement(picture, size))


def _clipped(axis: Axis, cell: int, size: int) -> tuple[float, float]:
    first, end = axis.span(cell)
    return max(0.0, min(float(first), size)), max(0.0, min(float(end), size))


def _tiled(axis: Axis, cells: int) -> tuple[float, float]:
    first = axis.centre(0) - float(axis.jump) / 2
    return first, first + cells * float(axis.jump)


def _nearest(axis: Axis, at: float, cells: int) -> int:
    """The cell whose middle is nearest; of two the first."""
    exact = (at - axis.centre(0)) / float(axis.jump)
    low = int(exact // 1)
    nearest = low if exact - low <= 0.5 else low + 1
    return min(max(nearest, 0), cells - 1)
