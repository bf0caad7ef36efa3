"""Where a unit of a blob, and a cell of a class map, lies on the picture.

Everything is computed from the net itself: kernel, stride, pad and dilation of each layer on the
path from the picture. All lengths are pixels of the net's input; intervals are half-open; a
continuous coordinate x lies in pixel ``floor(x)``. Boxes are (x0, y0, x1, y1), sizes are
(height, width), cells are (row, column).

>>> geometry = MapGeometry.of(classifier, dense, "prob")      # CaffeNet and its transplant
>>> geometry.window_size, geometry.jump, geometry.cells(451, 451)
((227, 227), (32, 32), (8, 8))
>>> geometry.window(0, 1), geometry.centre(0, 1)
((32, 0, 259, 227), (145.5, 113.5))
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from fractions import Fraction
from typing import cast

from filterlab.caffe.proto.caffe_pb2 import LayerParameter, NetParameter
from filterlab.errors import FilterLabError
from filterlab.surgery.spatial import (
    Crop,
    Global,
    Pointwise,
    SlidingWindow,
    SpatialGraph,
    Step,
    TransposedWindow,
    input_shapes,
    spatial_graph,
)

__all__ = [
    "Axis",
    "Box",
    "Geometry",
    "MapGeometry",
    "after",
    "join",
    "net_input_size",
    "of_blob",
    "of_layers",
]

Box = tuple[int, int, int, int]
"""x0, y0, x1, y1 in input pixels; x1 and y1 lie just outside."""

_LARGEST = 20_000  # pixels a side, the limit of every search for a size


@dataclass(frozen=True)
class Axis:
    """Where the units of a blob look along one axis.

    Unit i can see pixels ``start + i*jump`` up to, not including, ``start + i*jump + field``; a
    start below 0 reaches into the padding. All are whole numbers, except behind a deconvolution,
    where jump and start may be :class:`fractions.Fraction`. A blob that has lost its axis (behind
    a global pooling or a fully connected layer) has jump 0.
    """

    field: int
    jump: int
    start: int

    def span(self, i: int) -> tuple[float, float]:
        """First and last edge of what unit i sees, not clipped to the picture."""
        first = self.start + i * self.jump
        return first, first + self.field

    def centre(self, i: int) -> float:
        """Middle of what unit i sees, as a continuous coordinate."""
        return float(self.start + i * self.jump + Fraction(self.field) / 2)


@dataclass(frozen=True)
class Geometry:
    """Where the units of a blob look: rows (y) and columns (x)."""

    y: Axis
    x: Axis


def _plain(value: int | Fraction) -> int:
    """A whole fraction as an int. Others pass: the annotation follows the usual case."""
    if isinstance(value, Fraction) and value.denominator == 1:
        return int(value)
    return cast(int, value)


def after(step: Step, before: Axis, n: int) -> Axis:
    """The axis behind a step whose bottom has ``n`` units looking as ``before`` says."""
    if isinstance(step, Pointwise):
        return before
    if isinstance(step, Global):
        reach = before.field + (max(n, 1) - 1) * before.jump
        return Axis(_plain(reach), before.jump if step.keep else 0, before.start)
    if isinstance(step, Crop):
        return replace(before, start=_plain(before.start + step.offset * before.jump))
    if isinstance(step, SlidingWindow):
        return Axis(
            _plain(before.field + (step.extent - 1) * before.jump),
            _plain(before.jump * step.s),
            _plain(before.start - step.p * before.jump),
        )
    assert isinstance(step, TransposedWindow)
    # Output o reads inputs ceil((o + p - extent + 1) / s) to floor((o + p) / s): at most this far.
    further = Fraction(before.jump * (step.extent - 1), step.s)
    return Axis(
        _plain(before.field + further),
        _plain(Fraction(before.jump) / step.s),
        _plain(before.start + Fraction(before.jump * (step.p - step.extent + 1), step.s)),
    )


def join(axes: list[Axis], layer: str) -> Axis:
    """What a layer sees that reads several blobs at once: the hull.

    Of a blob that has lost its axis each place reads the same value.
    """
    jumps = {a.jump for a in axes if a.jump}
    if len(jumps) > 1:
        steps = " and ".join(str(j) for j in sorted(jumps))
        raise FilterLabError(
            "layer {layer!r} joins blobs whose units lie {steps} pixels apart; they have "
            "no common geometry",
            layer=layer,
            steps=steps,
        )
    first = min(a.start for a in axes)
    return Axis(max(a.start + a.field for a in axes) - first, max(jumps, default=0), first)


def _axes(graph: SpatialGraph, axis: int) -> list[Axis | None]:
    """For each node its axis; None where it does not depend on the picture."""
    n = graph.input_size[axis]
    sizes = graph._axis_sizes(axis, n)
    found: list[Axis | None] = []
    for node in graph.nodes:
        if not node.parents:
            found.append(Axis(1, 1, 0) if node.blob == graph.input_name else None)
            continue
        seen = [
            after(node.steps[axis], known, sizes[p])
            for p in node.parents
            if (known := found[p]) is not None
        ]
        found.append(join(seen, node.layer) if seen else None)
    return found


def of_blob(net_param: NetParameter, blob: str, input_name: str | None = None) -> Geometry:
    """Field, jump and start of a blob's units in pixels of the net's input.

    Parameters
    ----------
    net_param : NetParameter
        The net, in today's form.
    blob : str
        Any blob; of one that is computed in place, the last version.
    input_name : str, optional
        The picture's blob; the first four-dimensional input if not given.

    Raises
    ------
    FilterLabError
        If the blob does not exist or does not depend on the picture, or a layer on the path
        cannot be followed.
    """
    return _of(spatial_graph(net_param, input_name), blob)


def of_layers(net_param: NetParameter) -> dict[tuple[str, str], Geometry]:
    """Field, jump and start of what each layer makes: (layer, top) -> its geometry.

    As far as the net can be followed: from the first layer on that cannot, and where a blob does
    not depend on the picture, there is none. A blob computed in place has one for each layer.
    """
    layers = list(net_param.layer)

    def followed(count: int) -> dict[tuple[str, str], Geometry] | None:
        part = type(net_param)()
        part.CopyFrom(net_param)
        del part.layer[count:]
        try:
            graph = SpatialGraph(part)
            both = zip(_axes(graph, 0), _axes(graph, 1))
        except FilterLabError:
            return None
        return {
            (node.layer, node.blob): Geometry(y, x)
            for node, (y, x) in zip(graph.nodes, both)
            if y is not None and x is not None
        }

    found = followed(len(layers))
    if found is not None:
        return found
    # What can be followed stays so if later layers are left out.
    low, high = 0, len(layers)
    best: dict[tuple[str, str], Geometry] = {}
    while high - low > 1:
        middle = (low + high) // 2
        part = followed(middle)
        if part is None and _has_picture(layers[:middle]):
            high = middle
        else:
            low, best = middle, part or best
    return best


def _has_picture(layers: list[LayerParameter]) -> bool:
    part = NetParameter()
    part.layer.extend(layers)
    return any(len(shape) == 4 for shape in input_shapes(part).values())


def _of(graph: SpatialGraph, blob: str) -> Geometry:
    node = graph.node(blob)
    y, x = _axes(graph, 0)[node], _axes(graph, 1)[node]
    if y is None or x is None:
        raise FilterLabError("blob {blob!r} does not depend on the picture", blob=blob)
    return Geometry(y, x)


def net_input_size(net_param: NetParameter) -> tuple[int, int]:
    """The net's own input size as its prototxt gives it, (height, width)."""
    return spatial_graph(net_param).input_size


@dataclass(frozen=True)
class MapGeometry:
    """Where the cells of a class map lie, in pixels of the dense net's input.

    Cell (i, j) answers for the *window* x in [origin + j*jump, … + window): for a transplanted
    classifier the box it was trained on, as large as its input. Where a net has a map of several
    cells at its own size already, the window is the cell's receptive field.

    Attributes
    ----------
    window_size : (int, int)
        Height and width of a window.
    jump : (int, int)
        Distance from cell to cell, rows and columns.
    origin : (int, int)
        Where the window of cell (0, 0) starts, rows and columns; below 0 inside padding.
    own_size : (int, int)
        The classifier's own input size.
    output : str
        The blob that holds the map.
    blob : Geometry
        The receptive field of the cells as the layers give it.
    graph : SpatialGraph
        The dense net.
    refined : (int, int)
        How many times denser than the net's own map this one is (see :meth:`denser`).
    """

    window_size: tuple[int, int]
    jump: tuple[int, int]
    origin: tuple[int, int]
    own_size: tuple[int, int]
    output: str
    blob: Geometry
    graph: SpatialGraph
    refined: tuple[int, int] = (1, 1)

    @classmethod
    def of(
        cls,
        classifier: NetParameter,
        dense: NetParameter,
        output: str,
        input_name: str | None = None,
    ) -> MapGeometry:
        """Build it from the classifier's and the dense net's ``NetParameter``.

        Raises
        ------
        FilterLabError
            If the output has lost its place on the picture, or its cells lie closer than a pixel.
        """
        own = spatial_graph(classifier, input_name).input_size
        graph = spatial_graph(dense, input_name)
        blob = _of(graph, output)
        cells = tuple(graph.size_of(output, axis, own[axis]) for axis in (0, 1))
        window, jump, origin = [], [], []
        for axis, place in enumerate((blob.y, blob.x)):
            if place.jump == 0:
                raise FilterLabError(
                    "blob {blob!r} has no map: each of its values sees the whole picture",
                    blob=output,
                )
            if any(Fraction(v).denominator != 1 for v in (place.jump, place.start, place.field)):
                raise FilterLabError(
                    "the cells of blob {blob!r} do not lie on whole pixels (jump {jump}, "
                    "start {start})",
                    blob=output,
                    jump=place.jump,
                    start=place.start,
                )
            one_window = cells == (1, 1)
            window.append(own[axis] if one_window else place.field)
            origin.append(0 if one_window else place.start)
            jump.append(place.jump)
        return cls(
            (window[0], window[1]),
            (jump[0], jump[1]),
            (origin[0], origin[1]),
            own,
            output,
            blob,
            graph,
        )

    def denser(self, factor: int | tuple[int, int]) -> MapGeometry:
        """The geometry of a map interleaved from runs on shifted copies, ``factor`` per axis."""
        fy, fx = (factor, factor) if isinstance(factor, int) else factor
        if fy < 1 or fx < 1 or self.jump[0] % fy or self.jump[1] % fx:
            raise FilterLabError(
                "a jump of {jump}x{jump2} pixels cannot be divided by {fy}x{fx}",
                jump=self.jump[0],
                jump2=self.jump[1],
                fy=fy,
                fx=fx,
            )
        return replace(
            self,
            jump=(self.jump[0] // fy, self.jump[1] // fx),
            refined=(self.refined[0] * fy, self.refined[1] * fx),
        )

    @property
    def field_start(self) -> tuple[int, int]:
        """Where the receptive field of cell (0, 0) starts, rows and columns."""
        return self.blob.y.start, self.blob.x.start

    @property
    def field_size(self) -> tuple[int, int]:
        """Height and width of a receptive field that no edge cuts."""
        return self.blob.y.field, self.blob.x.field

    def cells_along(self, axis: int, n: int) -> int:
        """Cells along one axis (0 rows, 1 columns) for an input of n pixels; 0 if none."""
        factor = self.refined[axis]
        if factor == 1:
            return self.graph.size_of(self.output, axis, n)
        # Phase f of a denser map is the net's own map of the input without its first pixels.
        counts = [
            self.graph.size_of(self.output, axis, n - f * self.jump[axis]) for f in range(factor)
        ]
        whole = min(counts)
        return whole * factor + counts.index(whole)

    def cells(self, height: int, width: int) -> tuple[int, int]:
        """Rows and columns of the map for an input of this size; 0 where there is no cell."""
        return self.cells_along(0, height), self.cells_along(1, width)

    def smallest(self) -> tuple[int, int]:
        """The smallest input, (height, width), that gives a cell."""
        return self._smallest_along(0), self._smallest_along(1)

    def _smallest_along(self, axis: int) -> int:
        # Sizes grow with the input, so the first that works can be found by halving. The net's
        # own works: the net has been built at it.
        lo, hi = 1, self.own_size[axis]
        while lo < hi:
            middle = (lo + hi) // 2
            if self.cells_along(axis, middle) >= 1:
                hi = middle
            else:
                lo = middle + 1
        return lo

    def size_for_cells(self, rows: int, cols: int) -> tuple[int, int]:
        """The input size, (height, width), that gives this many cells and fits them exactly.

        It is the classifier's own size plus whole jumps, so that no pixel is left over as far as
        the classifier's own size leaves none.
        """
        return self._length_for(0, rows), self._length_for(1, cols)

    def _length_for(self, axis: int, count: int) -> int:
        if count < 1:
            raise FilterLabError("a map of {count} cells has no size; take 1 or more", count=count)
        own = self.own_size[axis]
        length = own + (count - self.cells_along(axis, own)) * self.jump[axis]
        if 0 < length <= _LARGEST and self.cells_along(axis, length) == count:
            return length
        lo, hi = 1, _LARGEST
        while lo < hi:
            middle = (lo + hi) // 2
            if self.cells_along(axis, middle) >= count:
                hi = middle
            else:
                lo = middle + 1
        if self.cells_along(axis, lo) != count:
            raise FilterLabError(
                "no input up to {most} pixels gives {count} cells", most=_LARGEST, count=count
            )
        return lo

    def size_near(self, height: float, width: float) -> tuple[int, int]:
        """The input size that fits whole windows exactly and is nearest to this one."""
        return self._near(0, height), self._near(1, width)

    def cells_near(self, axis: int, length: float) -> int:
        """Cells along one axis (0 rows, 1 columns) of the fitting size nearest to a length."""
        own = self.own_size[axis]
        return max(1, self.cells_along(axis, own) + round((length - own) / self.jump[axis]))

    def _near(self, axis: int, length: float) -> int:
        return self._length_for(axis, self.cells_near(axis, length))

    def keeping_shape(self, picture: tuple[int, int], longer: int) -> tuple[int, int]:
        """The input size for a picture (height, width) with ``longer`` cells on its longer side.

        Both sides fit whole windows exactly; the shorter is the one nearest to the picture's
        shape, with at least one cell.
        """
        h, w = picture
        if w >= h:
            width = self._length_for(1, longer)
            return self._near(0, width * h / w), width
        height = self._length_for(0, longer)
        return height, self._near(1, height * w / h)

    def window(self, i: int, j: int) -> Box:
        """The box cell (i, j) answers for; may hang over the picture's edge."""
        y, x = self.origin[0] + i * self.jump[0], self.origin[1] + j * self.jump[1]
        return x, y, x + self.window_size[1], y + self.window_size[0]

    def field(self, i: int, j: int, height: int, width: int) -> Box:
        """The box of every pixel that can change cell (i, j), inside a picture of this size."""
        y0, y1 = self._field_along(0, i, height)
        x0, x1 = self._field_along(1, j, width)
        return x0, y0, x1, y1

    def _field_along(self, axis: int, i: int, n: int) -> tuple[int, int]:
        cell, phase = divmod(i, self.refined[axis])
        shift = phase * self.jump[axis]
        lo, hi = self.graph.pixels(self.output, axis, cell, cell + 1, n - shift)
        return lo + shift, hi + shift

    def centre(self, i: int, j: int) -> tuple[float, float]:
        """The middle (x, y) of cell (i, j)'s window, as continuous coordinates."""
        return (
            self.origin[1] + j * self.jump[1] + self.window_size[1] / 2,
            self.origin[0] + i * self.jump[0] + self.window_size[0] / 2,
        )

    def tiles_rect(self, rows: int, cols: int) -> tuple[float, float, float, float]:
        """The rectangle (x0, y0, x1, y1) in which each pixel has a cell centred near it."""
        x, y = self.centre(0, 0)
        x0, y0 = x - self.jump[1] / 2, y - self.jump[0] / 2
        return x0, y0, x0 + cols * self.jump[1], y0 + rows * self.jump[0]

    def overhang(self, height: int, width: int) -> tuple[int, int]:
        """Pixels (rows, columns) by which the last windows hang over the picture; 0 if none."""
        rows, cols = self.cells(height, width)
        _, _, x1, y1 = self.window(rows - 1, cols - 1)
        return max(0, y1 - height), max(0, x1 - width)
