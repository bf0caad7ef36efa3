"""What every layer does, and the registry of layer types.

A layer family is one module of classes, one class for a type, decorated with :func:`register`.
A class checks its parameters (:meth:`Layer.setup`), infers shapes before anything is allocated
(:meth:`Layer.reshape`), says what weights it has (:meth:`Layer.weight_specs`), writes ONNX
operations (:meth:`Layer.emit`) and those of its gradient (:meth:`Layer.emit_gradient`), and says
how its outputs lie on its input (``spatial``). Nothing else keeps a list of layer types.
"""

from __future__ import annotations

import difflib
import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, NamedTuple, NoReturn, TypeVar

import numpy as np
import numpy.typing as npt

from filterlab.caffe.blob import Blob, Shape, check_shape, shape_text
from filterlab.caffe.errors import CaffeError
from filterlab.caffe.forks import KNOWN_TO
from filterlab.caffe.graph import Graph
from filterlab.caffe.text import Text

__all__ = [
    "REGISTRY",
    "Affine",
    "Fold",
    "Layer",
    "Reach",
    "Reverse",
    "Shape",
    "WeightSpec",
    "create_layer",
    "indices",
    "layer_class",
    "product",
    "register",
    "shape_text",
    "sum_but",
]

TRAIN, TEST = 0, 1

Floats = npt.NDArray[np.float32]
Doubles = npt.NDArray[np.float64]

#: Weights -> for each channel a factor and what is added then.
Affine = Callable[[Sequence[Floats]], "tuple[Doubles, Doubles]"]


class Fold(NamedTuple):
    """How a factor and an addend for each output are taken into a layer's weights.

    Attributes
    ----------
    kernels : callable
        A weight with one row for each output, or some of its rows, and their factors -> such rows.
    bias : callable
        A bias or None, factors and addends -> a bias.
    """

    kernels: Callable[[Floats, Doubles], Doubles]
    bias: Callable[[Floats | None, Doubles, Doubles], Doubles]


@dataclass(frozen=True)
class WeightSpec:
    """Shape of one weight blob and the FillerParameter it starts from."""

    shape: Shape
    filler: Any = None


class Reach(NamedTuple):
    """The window of a sliding or transposed layer along one axis.

    ``up`` counts windows up rather than down, and ``clip`` then leaves out a last one that would
    start in the padding.
    """

    kernel: int
    stride: int = 1
    pad: int = 0
    dilation: int = 1
    up: bool = False
    clip: bool = False


@dataclass
class Reverse:
    """What a layer's gradient may read.

    Attributes
    ----------
    shapes, tops : list of Shape
        Of the bottoms and of the tops.
    diffs : list of str
        For each top its diff.
    weights : list of str
    wanted : list of bool
        For each bottom whether its diff is asked for; others may be given all the same.
    bottom, top : callable
        The value of a bottom or top by its index. Ask only for what is needed: a value that a layer
        working in place has overwritten is computed once more.
    rectify : str
        What a ReLU does to diffs: ``""`` for the gradient, ``"guided"`` or ``"deconv"``.
    """

    shapes: list[Shape]
    tops: list[Shape]
    diffs: list[str]
    weights: list[str]
    wanted: list[bool]
    bottom: Callable[[int], str]
    top: Callable[[int], str]
    rectify: str = ""


def product(shape: Sequence[int]) -> int:
    """Number of values of a shape or of part of one."""
    return math.prod(shape)


class Layer:
    """One layer of a net.

    Attributes
    ----------
    type : str
        Caffe's name of the layer type.
    bottoms_allowed, tops_allowed : (int, int or None)
        Fewest and most bottom and top blobs; None is without limit.
    takes_empty : bool
        Bottoms without values may give tops with some.
    is_source : bool
        The tops hold what people or :meth:`refill_top` write, and nothing is computed.
    fills : bool
        A source that writes its own tops (:meth:`refill_top`).
    host : bool
        Computed in Python (:meth:`compute`), since the sizes of the tops depend on values.
    own : bool
        Each net needs a layer of its own, since it remembers something.
    spatial : str
        How the layer's units lie on its bottom's: ``"value"`` (each value by itself),
        ``"pointwise"`` (each place by itself), ``"sliding"`` (a window that moves),
        ``"transposed"`` (a window laid down), ``"crop"``, ``"everywhere"`` (each output sees all),
        ``"whole"`` (so too, but the places stay), ``"source"``, ``"sink"`` (losses), or
        ``"unknown"``. What depends on parameters is told by :meth:`spatial_of`.
    placeless : str
        Why the layer cannot work on a picture of any size, if so.
    weights_in_gradient : bool
        The weights' gradient reads the weights.
    """

    type: ClassVar[str] = ""
    bottoms_allowed: ClassVar[tuple[int, int | None]] = (1, 1)
    tops_allowed: ClassVar[tuple[int, int | None]] = (1, 1)
    takes_empty: ClassVar[bool] = False
    is_source: ClassVar[bool] = False
    fills: ClassVar[bool] = False
    host: ClassVar[bool] = False
    own: ClassVar[bool] = False
    spatial: ClassVar[str] = "unknown"
    placeless: ClassVar[str] = ""
    weights_in_gradient: ClassVar[bool] = False

    def __init__(self, param: Any, phase: int) -> None:
        self.param = param
        self.phase = phase
        self.name: str = param.name
        self.bottoms: tuple[str, ...] = tuple(param.bottom)
        self.tops: tuple[str, ...] = tuple(param.top)
        for what, names, (least, most) in (
            ("bottom", self.bottoms, self.bottoms_allowed),
            ("top", self.tops, self.tops_allowed),
        ):
            if len(names) < least or (most is not None and len(names) > most):
                wanted = str(least)
                if most is None:
                    wanted = Text("at least {least}", least=least)
                elif most != least:
                    wanted = Text("{least} to {most}", least=least, most=most)
                self.fail(
                    "takes {wanted} {what} blob(s), but has {names}",
                    wanted=wanted,
                    what=what,
                    names=len(names),
                )
        self.setup()

    # -- for subclasses ----------------------------------------------------------------------
    def setup(self) -> None:
        """Read and check the parameters that need no shapes."""

    def reshape(self, bottom_shapes: list[Shape]) -> list[Shape]:
        """Shapes of the tops; raises CaffeError naming layer, blob and numbers."""
        raise NotImplementedError

    def weight_specs(self, bottom_shapes: list[Shape]) -> list[WeightSpec]:
        """Shapes and fillers of the weights for these inputs."""
        return []

    def emit(
        self, g: Graph, bottoms: list[str], shapes: list[Shape], weights: list[str]
    ) -> list[str]:
        """Append the operations; returns the value of each top.

        Parameters
        ----------
        g : Graph
        bottoms : list of str
            Values to read.
        shapes : list of Shape
            Their shapes.
        weights : list of str
            Values of the weights, in the order of :meth:`weight_specs`.
        """
        raise NotImplementedError

    def affine(self, shapes: list[Shape]) -> Affine | None:
        """How the weights give a factor and an addend for each channel (axis 1), in float64.

        None if the layer does anything else.
        """
        return None

    def fold(self, shapes: list[Shape]) -> Fold | None:
        """How a factor and an addend for each channel of the top go into the weights.

        With both :meth:`emit` takes a weight and a bias. None if they do not.
        """
        return None

    def emit_gradient(self, g: Graph, r: Reverse) -> list[str | None]:
        """Append the operations of the gradient; returns the diff of each bottom, None for none.

        Raises CaffeError if the layer has no gradient.
        """
        self.fail(
            "has no gradient, neither here nor in BVLC Caffe; end backward() above it with end=…, "
            "or start below it with start=…"
        )

    def emit_weight_gradient(self, g: Graph, r: Reverse) -> list[str]:
        """Append the gradients of the weights, which are summed up, one for each."""
        return [g.constant(np.zeros(w.shape)) for w in self.weight_specs(r.shapes)]

    def compute(self, bottoms: list[Blob], tops: list[Blob]) -> None:
        """Layers computed in Python only: shape the tops and write into them."""
        raise NotImplementedError

    def backward(self, tops: list[Blob], wanted: list[bool], bottoms: list[Blob]) -> None:
        """Layers computed in Python only: write the bottoms' diffs, where wanted."""
        self.emit_gradient(Graph(), Reverse([], [], [], [], wanted, str, str))

    def batch_is_outermost(self, bottom_shapes: list[Shape]) -> bool:
        """Whether the weights' gradient is a sum over axis 0 of bottoms and tops."""
        return False

    def allows_backward(self, bottom: int) -> bool:
        """Whether ``force_backward`` reaches this bottom."""
        return True

    def refill_top(self, index: int, out: npt.NDArray[np.float32], first: bool) -> None:
        """Sources only: write fresh values into a top before a run, or leave it alone."""

    # -- where it looks, told from a LayerParameter alone --------------------------------------
    @classmethod
    def spatial_of(cls, param: Any) -> str:
        """``spatial`` with these parameters."""
        return cls.spatial

    @classmethod
    def reach(cls, param: Any) -> tuple[Reach, ...]:
        """The windows of a sliding or transposed layer along rows, columns and what follows."""
        raise NotImplementedError

    @classmethod
    def works_along(cls, param: Any) -> int:
        """The axis along which a pointwise layer joins, cuts or compares; 1 by default."""
        return 1

    @classmethod
    def units_along(cls, param: Any) -> int | None:
        """The axis of its first weight along which its units lie; None if it has none.

        Of further weights it is the first.
        """
        return None

    @classmethod
    def has_weights(cls) -> bool:
        """Whether layers of this type may have weights."""
        return cls.weight_specs is not Layer.weight_specs

    # -- for errors --------------------------------------------------------------------------
    def fail(self, template: str, /, **args: Any) -> NoReturn:
        """Raise CaffeError about this layer, with a sentence as CaffeError takes it."""
        raise CaffeError(
            "layer '{name}' ({type}): {message}",
            name=self.name,
            type=self.type,
            message=Text(template, **args),
        )

    def axis(self, axis: int, shape: Shape, what: str = "axis", end: bool = False) -> int:
        """An axis counted from either end as a plain index; ``end`` allows one past the last."""
        rank = len(shape)
        if not -rank <= axis < rank + end:
            self.fail(
                "{what} {axis} does not exist in bottom '{blob}' of shape {shape}",
                what=what,
                axis=axis,
                blob=self.bottoms[0],
                shape=shape_text(shape),
            )
        return axis + rank if axis < 0 else axis

    def same_shapes(self, shapes: list[Shape]) -> None:
        """Refuse bottoms that differ in shape."""
        for name, shape in zip(self.bottoms[1:], shapes[1:]):
            if shape != shapes[0]:
                self.fail(
                    "bottom '{blob}' is {shape} but '{first}' is {shape2}; they must be the same",
                    blob=name,
                    shape=shape_text(shape),
                    first=self.bottoms[0],
                    shape2=shape_text(shapes[0]),
                )

    def checked(self, shape: Sequence[int], top: int = 0) -> Shape:
        """A top's shape, refused if no blob can have it."""
        name = self.tops[top] if top < len(self.tops) else "?"
        return check_shape(
            shape,
            Text(
                "layer '{layer}' ({typename}): top '{top}'",
                layer=self.name,
                typename=self.type,
                top=name,
            ),
        )


class Elementwise(Layer):
    """A layer whose one top has its one bottom's shape."""

    spatial = "pointwise"

    def reshape(self, bottom_shapes: list[Shape]) -> list[Shape]:
        return [bottom_shapes[0]]


REGISTRY: dict[str, type[Layer]] = {}

L = TypeVar("L", bound=type[Layer])


def register(*names: str) -> Callable[[L], L]:
    """Class decorator: enter a layer class under its type names."""

    def enter(cls: L) -> L:
        cls.type = names[0]
        for name in names:
            REGISTRY[name] = cls
        return cls

    return enter


def layer_class(kind: str) -> type[Layer] | None:
    """The class of a layer type, in whatever case a fork writes it; None if there is none."""
    cls = REGISTRY.get(kind)
    if cls is None:
        cls = REGISTRY.get(_in_any_case(REGISTRY).get(_plain(kind), ""))
    return cls


def create_layer(param: Any, phase: int) -> Layer:
    """The layer that a LayerParameter describes.

    Raises
    ------
    CaffeError
        If the type is unknown or its parameters are wrong.
    """
    cls = REGISTRY.get(param.type)
    if cls is None:
        fork = KNOWN_TO.get(_in_any_case(KNOWN_TO).get(_plain(param.type), ""))
        if fork is not None and param.type.lower().endswith("data"):
            raise CaffeError(
                "layer '{name}': the layer type '{kind}' is known to {fork} and reads "
                "files for training; put an Input layer in its place, with the shape "
                "that its top has",
                name=param.name,
                kind=param.type,
                fork=fork,
            )
        if fork is not None:
            raise CaffeError(
                "layer '{name}': the layer type '{kind}' is known to {fork} and is not "
                "in this engine; take the layer out, or replace it by layers that "
                "caffe.layer_type_list() names",
                name=param.name,
                kind=param.type,
                fork=fork,
            )
        same = _in_any_case(REGISTRY).get(_plain(param.type))
        if same is not None:
            param.type, cls = same, REGISTRY[same]
    if cls is None:
        near = difflib.get_close_matches(param.type, REGISTRY, 1)
        hint = Text("; did you mean {name}?", name=near[0]) if near else ""
        raise CaffeError(
            "layer '{name}': there is no layer type '{type}'{hint} "
            "(caffe.layer_type_list() lists the types)",
            name=param.name,
            type=param.type,
            hint=hint,
        )
    return cls(param, phase)


def _plain(name: str) -> str:
    """A type's name as forks may write it: ``RELU6``, ``roi_pooling``."""
    return name.replace("_", "").lower()


def _in_any_case(names: Iterable[str]) -> dict[str, str]:
    return {_plain(name): name for name in names}


def sum_but(g: Graph, value: str, shape: Shape, axes: Sequence[int]) -> str:
    """The sum over all axes but those given, which stay."""
    gone = [axis for axis in range(len(shape)) if axis not in axes]
    return g.op("ReduceSum", [value, g.ints(gone)], keepdims=0) if gone else value


def indices(g: Graph, values: str, size: int) -> str:
    """Values as int64 indices of an axis of ``size``; the run fails if one lies outside.

    ONNX counts negative indices from the end, which Caffe does not.
    """
    index = g.op("Cast", [values], to=7)
    below = g.op("Less", [index, g.constant(0, np.int64)])
    shifted = g.op("Sub", [index, g.constant(size, np.int64)])
    index = g.op("Where", [below, shifted, index])
    return g.op("Gather", [g.constant(np.arange(size), np.int64), index])
