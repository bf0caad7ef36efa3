"""Layers written in Python: a class of a module on ``sys.path``, as pycaffe runs them.

They are refused where :mod:`filterlab.caffe.own_code` forbids them.
"""

from __future__ import annotations

import importlib
from collections.abc import Sequence
from typing import Any

from filterlab.caffe.blob import Blob
from filterlab.caffe.fixed import BlobRow
from filterlab.caffe.layers.base import Layer, Shape, WeightSpec, register
from filterlab.caffe.layers.detection import PROPOSALS, Proposal
from filterlab.caffe.own_code import forbidden
from filterlab.caffe.text import Text

__all__ = ["PythonLayer", "UserLayer", "weights_of"]


class UserLayer:
    """``caffe.Layer``: what layers written in Python derive from.

    A layer has ``param_str``, ``phase`` and ``blobs`` (its weights), and writes :meth:`setup`,
    :meth:`reshape`, :meth:`forward` and :meth:`backward`; ``bottom`` and ``top`` are lists of
    blobs.
    """

    param_str: str = ""
    phase: int = 0
    blobs: BlobRow[Blob]

    @property
    def param_str_(self) -> str:
        """The same under its name of 2015."""
        return self.param_str

    def setup(self, bottom: Sequence[Blob], top: Sequence[Blob]) -> None:
        """Read and check parameters; called once."""

    def reshape(self, bottom: Sequence[Blob], top: Sequence[Blob]) -> None:
        """Give the tops their shapes; called before each forward."""

    def forward(self, bottom: Sequence[Blob], top: Sequence[Blob]) -> None:
        """Compute the tops."""

    def backward(
        self, top: Sequence[Blob], propagate_down: Sequence[bool], bottom: Sequence[Blob]
    ) -> None:
        """Compute the bottoms' diffs."""


@register("Python")
class PythonLayer(Layer):
    """The layer of a net that runs a class written in Python.

    ``rpn.proposal_layer`` is not imported: it is built in (see Proposal).
    """

    bottoms_allowed = (0, None)
    tops_allowed = (0, None)
    host = True
    own = True
    placeless = Text("it runs a program that is not part of the net")

    def __new__(cls, param: Any, phase: int) -> Any:
        p = param.python_param
        if (p.module, p.layer) in PROPOSALS:
            return Proposal(param, phase)
        return super().__new__(cls)

    def setup(self) -> None:
        p = self.param.python_param
        if forbidden():
            self.fail(
                "it runs the program {module}.{name}; {why}",
                module=p.module,
                name=p.layer,
                why=forbidden(),
            )
        try:
            made = getattr(importlib.import_module(p.module), p.layer)
        except (ImportError, ValueError) as error:  # ValueError for an empty name
            self.fail(
                "the module {name!r} cannot be imported ({reason}); put its folder into "
                "sys.path or PYTHONPATH",
                name=p.module,
                reason=error,
            )
        except AttributeError:
            self.fail("the module {name!r} has no class {kind!r}", name=p.module, kind=p.layer)
        try:
            self.user = made()
        except TypeError:
            self.user = None
        if not isinstance(self.user, UserLayer):
            self.fail(
                "{module}.{name} does not derive from caffe.Layer", module=p.module, name=p.layer
            )
        self.user.param_str = p.param_str
        self.user.phase = self.phase
        self.user.blobs = BlobRow()
        self._tops: list[Blob] | None = None

    def reshape(self, bottom_shapes: list[Shape]) -> list[Shape]:
        bottoms = [Blob(shape) for shape in bottom_shapes]
        if self._tops is None:
            self._tops = [Blob() for _ in self.tops]
            self.user.setup(bottoms, self._tops)
        self.user.reshape(bottoms, self._tops)
        return [self.checked(blob.shape, i) for i, blob in enumerate(self._tops)]

    def weight_specs(self, bottom_shapes: list[Shape]) -> list[WeightSpec]:
        return [WeightSpec(blob.shape) for blob in self.user.blobs]

    def compute(self, bottoms: list[Blob], tops: list[Blob]) -> None:
        self.user.reshape(bottoms, tops)
        self.user.forward(bottoms, tops)

    def backward(self, tops: list[Blob], wanted: list[bool], bottoms: list[Blob]) -> None:
        self.user.backward(tops, wanted, bottoms)


def weights_of(layer: Layer) -> list[Blob]:
    """The weights that a layer written in Python has made itself."""
    return list(layer.user.blobs) if isinstance(layer, PythonLayer) else []
