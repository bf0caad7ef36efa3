"""Convolutions of 3x3 with a quarter of the multiplications: Winograd's F(4x4, 3x3).

Lavin and Gray, "Fast Algorithms for Convolutional Neural Networks" (2016): of a tile of 6x6 of the
input and a kernel of 3x3, both transformed, 36 products give 4x4 outputs, which take 144 otherwise.
Over channels the products are 36 multiplications of matrices. Here all of it is operations that
ONNX has: a convolution of stride 4 that transforms the tiles, the multiplications, one that
transforms back and adds the bias, DepthToSpace. It pays where there are many channels, so that the
transforms weigh little: :func:`pays`. The kernels are transformed when they are edited, and take
four times their room.

The matrices are those of the points 0, +-3/2, +-2/3 and infinity (Toom and Cook), which lose about
half of what Lavin's 0, +-1, +-2 do: a layer's values are off by some 1e-6 of the largest. One value
that is no number or very large would spoil its whole tile: such a forward is computed without
(:class:`Transformed` refuses the kernels, ``plan.Bindings`` looks at inputs and outputs).
"""

from __future__ import annotations

import copy
import math
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from fractions import Fraction
from functools import cache
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from filterlab.caffe.blob import Shape
from filterlab.caffe.graph import Graph

__all__ = ["TILES", "Matrices", "Transformed", "UntransformableError", "choose", "matrices", "pays",
           "regular", "transformed", "works"]  # fmt: skip

Floats = npt.NDArray[np.float32]

#: Outputs in a tile, along each axis; with a kernel of 3 the tile of the input is of 6.
TILE = 4
KERNEL = 3
SPAN = TILE + KERNEL - 1
#: Where the polynomials of Toom and Cook are evaluated, beside infinity.
POINTS = (Fraction(0), Fraction(3, 2), Fraction(-3, 2), Fraction(2, 3), Fraction(-2, 3))
#: In the graph: the kernels of the convolution that transforms tiles.
TILES = "winograd:tiles"
#: What it costs, in multiplications of a direct convolution, as measured in VGG-16, ResNet-50 and
#: GoogLeNet on two cores with AVX-512: each of the products; each value of the transformed kernels,
#: which are read from memory; each value of the input and of the output; and all its operations.
PRODUCT, VALUE, INPUT, OUTPUT, BEGIN = 1.27, 16, 190, 230, 6e6
#: It is to take so much less than the direct one. Where the system has no large pages left, it
#: takes up to a third more than this says, the direct one hardly any.
MARGIN = 0.72
#: The most values of all transformed tiles of a layer (64 MiB).
MOST_TRANSFORMED = 2**24
#: Of what :func:`works` computes.
SEED = 20160619
#: A kernel or an input of a greater norm is not transformed: what lies in a tile with a value is
#: off by a ten-millionth of it, even where no kernel reaches it.
LARGEST = 1e6


class UntransformableError(Exception):
    """Values are infinite, no numbers, or too large."""


class Matrices(NamedTuple):
    """The transforms of whole tiles, row by row as one row.

    Attributes
    ----------
    tile : (36, 1, 6, 6) float32
        Kernels: a tile of the input -> 36 values.
    kernel : (36, 9) float32
        A kernel -> 36 values.
    back : (16, 36) float32
        Products -> a tile of the output.
    """

    tile: Floats
    kernel: Floats
    back: Floats


@cache
def matrices() -> Matrices:
    """The matrices, computed exactly and rounded once."""

    def times(a: Sequence[Fraction], b: Sequence[Fraction]) -> list[Fraction]:
        made = [Fraction(0)] * (len(a) + len(b) - 1)
        for i, x in enumerate(a):
            for j, y in enumerate(b):
                made[i + j] += x * y
        return made

    one, none = Fraction(1), Fraction(0)
    kernel, tile, back = [], [], []
    for point in POINTS:
        others = [p for p in POINTS if p != point]
        factor = one
        polynomial = [one]
        for other in others:
            factor *= point - other
            polynomial = times(polynomial, [-other, one])
        kernel.append([point**i / factor for i in range(KERNEL)])
        tile.append([*polynomial, none])
        back.append([point**i for i in range(TILE)])
    polynomial = [one]
    for point in POINTS:
        polynomial = times(polynomial, [-point, one])
    kernel.append([none] * (KERNEL - 1) + [one])
    tile.append(polynomial)
    back.append([none] * (TILE - 1) + [one])

    def squared(rows: list[list[Fraction]]) -> npt.NDArray[np.float64]:
        matrix = np.array(rows, np.float64)
        return np.asarray(np.kron(matrix, matrix), np.float64)

    return Matrices(
        squared(tile).astype(np.float32).reshape(SPAN**2, 1, SPAN, SPAN),
        squared(kernel).astype(np.float32),
        squared(back).astype(np.float32).reshape(SPAN**2, TILE**2).T.copy(),
    )


def regular(values: Floats, most: float = LARGEST) -> bool:
    """Whether no value is infinite or no number, and their norm not greater than ``most``."""
    row = values.reshape(-1)
    return bool(np.vdot(row, row) <= most**2)  # NaN is not


class Transformed(NamedTuple):
    """An input of the graph that is a convolution's kernels transformed, or its bias.

    Stands beside :class:`filterlab.caffe.packing.Layout`.

    Attributes
    ----------
    input : str
        Name of the input.
    weight : str
        The weight's name in the plain graph.
    shape : Shape
        The input's: (36, kernels, channels), or (kernels * tiles,), each bias once for each tile.
    """

    input: str
    weight: str
    shape: Shape

    @property
    def plain(self) -> bool:
        """Whether the weight is fed as it is."""
        return False

    def write(
        self, values: Floats, out: Floats, kernels: npt.NDArray[np.intp] | None = None
    ) -> None:
        """Write a weight (kernels, channels, 3, 3) or bias (kernels,) transformed into ``out``.

        Parameters
        ----------
        values : float32
        out : float32
            A row of the size of :attr:`shape`.
        kernels : row of int, optional
            Which kernels the values are, if not all.

        Raises
        ------
        UntransformableError
            Nothing has been written then.
        """
        # Each by itself, so that the edits before make no difference.
        rows = values.reshape(len(values), -1)
        with np.errstate(over="ignore", invalid="ignore"):
            norms = np.einsum("ij,ij->i", rows, rows)
        if not (norms <= LARGEST**2).all():  # NaN is not
            raise UntransformableError
        if len(self.shape) == 1:
            out.reshape(values.size, -1)[...] = values[:, None]
            return
        laid = out.reshape(self.shape)
        flat = values.reshape(len(values), -1, KERNEL**2)
        matrix = matrices().kernel
        # One by one: which are written makes no difference to the bits of any.
        for kernel, taps in zip(range(len(values)) if kernels is None else kernels.tolist(), flat):
            laid[:, kernel] = matrix @ taps.T


def pays(weight: Shape, top: Shape) -> bool:
    """Whether a convolution of 3x3 with these kernels is faster so, to judge by the shapes."""
    kernels, channels = weight[:2]
    tiles = _tiles(top[2]) * _tiles(top[3])
    products = SPAN**2 * kernels * channels
    cost = products * (PRODUCT * tiles + VALUE) + BEGIN
    cost += TILE**2 * tiles * (INPUT * channels + OUTPUT * kernels)
    return (
        top[0] == 1
        and max(kernels, channels) * tiles * SPAN**2 <= MOST_TRANSFORMED
        and cost <= MARGIN * math.prod(weight) * math.prod(top[2:])
    )


def choose(graph: Graph, tops: Mapping[str, Shape], room: int) -> dict[str, tuple[Any, Shape]]:
    """The convolutions to compute so: weight -> its operation and the shape of its top.

    Parameters
    ----------
    graph : Graph
    tops : mapping
        Weights of convolutions, and the shapes that these give.
    room : int
        How many values more than as they are all transformed kernels may have. Who have the most
        outputs for each value come first.
    """
    uses = Counter(name for node in graph.nodes for name in node.input)
    found = {}
    for node in graph.nodes:
        if node.op_type != "Conv" or node.input[1] not in tops:
            continue
        weight, top = graph.weights[node.input[1]], tops[node.input[1]]
        attributes = {a.name: list(a.ints) if a.ints else a.i for a in node.attribute}
        if (
            attributes["kernel_shape"] == [KERNEL] * 2
            and attributes.get("strides", [1, 1]) == [1, 1]
            and attributes.get("dilations", [1, 1]) == [1, 1]
            and attributes.get("group", 1) == 1
            and all(uses[name] == 1 for name in node.input[1:])
            and pays(weight, top)
        ):
            found[node.input[1]] = node, top
    chosen = {}
    for name in sorted(found, key=lambda name: -math.prod(found[name][1][2:])):
        more = (SPAN**2 - KERNEL**2) * math.prod(graph.weights[name][:2])
        if more <= room:
            room -= more
            chosen[name] = found[name]
    return chosen


def transformed(
    graph: Graph, chosen: Mapping[str, tuple[Any, Shape]]
) -> tuple[Graph, list[Transformed]]:
    """A graph in which the convolutions chosen are computed so, and what it reads of them.

    It reads :data:`TILES`, too: the first of :func:`matrices`.
    """
    fast = graph.without_nodes()
    fast.add_weight(TILES, matrices().tile.shape)
    readers: dict[str, list[Any]] = {}
    for node in graph.nodes:
        for name in node.input:
            readers.setdefault(name, []).append(node)
    convolutions = {id(node): top for node, top in chosen.values()}
    inputs: list[Transformed] = []
    done = set()
    for node in graph.nodes:
        if id(node) in done:
            continue
        top = convolutions.get(id(node))
        if top is None:
            fast.append(copy.deepcopy(node))
            continue
        after = readers.get(node.output[0], [])
        joined = None
        if len(after) == 1 and after[0].op_type == "Relu" and not graph.is_output(node.output[0]):
            joined = after[0]
            done.add(id(joined))
        inputs += _emit(fast, node, top, joined)
    fast.prune()
    return fast, inputs


def works(session: Callable[[bytes], Any]) -> bool:
    """Whether a small net computes so what it computes otherwise; ``session`` runs a model."""
    shapes: dict[str, Shape] = {"w": (5, 3, 3, 3), "b": (5,), "v": (4, 5, 3, 3)}
    g = Graph()
    x = g.add_input("x", (1, 3, 9, 7))
    w = {name: g.add_weight(name, shape) for name, shape in shapes.items()}
    x = g.op("Relu", [g.op("Conv", [x, w["w"], w["b"]], kernel_shape=[3, 3], pads=[1] * 4)])
    x = g.op("Conv", [x, w["v"]], kernel_shape=[3, 3], pads=[0, 2, 0, 2])
    g.add_output("y", x, (1, 4, 7, 9))
    g.prune()
    convolutions = {node.input[1]: node for node in g.nodes if node.op_type == "Conv"}
    tops = {"w": (1, 5, 9, 7), "v": (1, 4, 7, 9)}
    fast, inputs = transformed(g, {n: (node, tops[n]) for n, node in convolutions.items()})
    rng = np.random.default_rng(SEED)
    values = {n: rng.standard_normal(shape, np.float32) for n, shape in shapes.items()}
    feeds = {"x": rng.standard_normal((1, 3, 9, 7), np.float32)}
    wanted = session(g.model()).run(None, {**feeds, **values})[0]
    feeds[TILES] = matrices().tile
    for one in inputs:
        room = np.zeros(math.prod(one.shape), np.float32)
        one.write(values[one.weight], room)
        feeds[one.input] = room.reshape(one.shape)
    found = session(fast.model()).run(None, feeds)[0]
    return bool(np.abs(found - wanted).max() <= 1e-5 * np.abs(wanted).max())


def _tiles(size: int) -> int:
    return -(-size // TILE)


def _emit(g: Graph, node: Any, top: Shape, relu: Any) -> list[Transformed]:
    """Write one convolution, and the ReLU behind it if there is one."""
    source, weight, *bias = node.input
    kernels, channels = g.weights[weight][:2]
    height, width = top[2:]
    down, across = _tiles(height), _tiles(width)
    pads = next((list(a.ints) for a in node.attribute if a.name == "pads"), [0, 0])[:2]
    bottom = (height + KERNEL - 1 - 2 * pads[0], width + KERNEL - 1 - 2 * pads[1])
    far = [down * TILE - height + pads[0], across * TILE - width + pads[1]]
    g.layer = node.name.rpartition("#")[0]
    inputs = [Transformed(f"winograd:{weight}", weight, (SPAN**2, kernels, channels))]
    tile = g.op(
        "Conv",
        [g.reshape(source, (channels, 1, *bottom)), TILES],
        kernel_shape=[SPAN] * 2,
        strides=[TILE] * 2,
        pads=[*pads, *far],
    )
    tile = g.reshape(tile, (channels, SPAN**2, down * across))
    tile = g.op("Transpose", [tile], perm=[1, 0, 2])  # ONNX Runtime makes it the product's
    product = g.op("MatMul", [g.add_input(inputs[0].input, inputs[0].shape), tile])
    product = g.reshape(product, (SPAN**2, kernels * down * across))
    terms = [g.constant(matrices().back), product]
    if bias:
        inputs.append(Transformed(f"winograd:{bias[0]}", bias[0], (kernels * down * across,)))
        terms.append(g.add_input(inputs[1].input, inputs[1].shape))
    made = g.op("Gemm", terms)
    if relu is not None:
        made = g.op("Relu", [made])
    made = g.reshape(made, (1, TILE**2 * kernels, down, across))
    made = g.op("DepthToSpace", [made], blocksize=TILE, mode="DCR")
    if (height, width) != (down * TILE, across * TILE):
        made = g.op("Slice", [made, g.ints([0, 0]), g.ints([height, width]), g.ints([2, 3])])
    g.rename(made, (relu or node).output[0])
    return inputs
