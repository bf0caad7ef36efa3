"""What every layer does, and the registry of layer types.

A layer family is one module of classes, one class for a type, decorated with :func:`register`.
A class checks its parameters (:meth:`Layer.setup`), infers shapes before anything is allocated
(:meth:`Layer.reshape`), says what weights it has (:meth:`Layer.weight_specs`) and writes ONNX
operations (:meth:`Layer.emit`).
"""

from __future__ import annotations

import difflib
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, NoReturn, TypeVar

import numpy as np
import numpy.typing as npt

from filterlab.caffe.blob import Shape, check_shape, shape_text
from filterlab.caffe.errors import CaffeError
from filterlab.caffe.graph import Graph

__all__ = [
    "REGISTRY",
    "Layer",
    "Shape",
    "WeightSpec",
    "create_layer",
    "product",
    "register",
    "shape_text",
]

TRAIN, TEST = 0, 1


@dataclass(frozen=True)
class WeightSpec:
    """Shape of one weight blob and the FillerParameter it starts from."""

    shape: Shape
    filler: Any = None


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
    """

    type: ClassVar[str] = ""
    bottoms_allowed: ClassVar[tuple[int, int | None]] = (1, 1)
    tops_allowed: ClassVar[tuple[int, int | None]] = (1, 1)
    takes_empty: ClassVar[bool] = False
    is_source: ClassVar[bool] = False
    fills: ClassVar[bool] = False

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
                if most is None:
                    wanted = f"at least {least}"
                else:
                    wanted = str(least) if least == most else f"{least} to {most}"
                self.fail(f"takes {wanted} {what} blob(s), but has {len(names)}")
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

    def refill_top(self, index: int, out: npt.NDArray[np.float32], first: bool) -> None:
        """Sources only: write fresh values into a top before a run, or leave it alone."""

    # -- for errors --------------------------------------------------------------------------
    def fail(self, message: str) -> NoReturn:
        """Raise CaffeError about this layer."""
        raise CaffeError(f"layer '{self.name}' ({self.type}): {message}")

    def axis(self, axis: int, shape: Shape, what: str = "axis", end: bool = False) -> int:
        """An axis counted from either end as a plain index; ``end`` allows one past the last."""
        rank = len(shape)
        if not -rank <= axis < rank + end:
            self.fail(
                f"{what} {axis} does not exist in bottom '{self.bottoms[0]}' of shape "
                f"{shape_text(shape)}"
            )
        return axis + rank if axis < 0 else axis

    def same_shapes(self, shapes: list[Shape]) -> None:
        """Refuse bottoms that differ in shape."""
        for name, shape in zip(self.bottoms[1:], shapes[1:]):
            if shape != shapes[0]:
                self.fail(
                    f"bottom '{name}' is {shape_text(shape)} but '{self.bottoms[0]}' is "
                    f"{shape_text(shapes[0])}; they must be the same"
                )

    def checked(self, shape: Sequence[int], top: int = 0) -> Shape:
        """A top's shape, refused if no blob can have it."""
        name = self.tops[top] if top < len(self.tops) else "?"
        return check_shape(shape, f"layer '{self.name}' ({self.type}): top '{name}'")


class Elementwise(Layer):
    """A layer whose one top has its one bottom's shape."""

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


def create_layer(param: Any, phase: int) -> Layer:
    """The layer that a LayerParameter describes.

    Raises
    ------
    CaffeError
        If the type is unknown or its parameters are wrong.
    """
    cls = REGISTRY.get(param.type)
    if cls is None:
        near = difflib.get_close_matches(param.type, REGISTRY, 1)
        hint = f"; did you mean {near[0]}?" if near else ""
        raise CaffeError(
            f"layer '{param.name}': there is no layer type '{param.type}'{hint} "
            "(caffe.layer_type_list() lists the types)"
        )
    return cls(param, phase)
