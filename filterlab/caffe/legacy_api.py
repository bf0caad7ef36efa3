"""pycaffe's names of 2014, from before ``io.Transformer`` and before a net was given its phase."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from filterlab.caffe import device, io
from filterlab.caffe.errors import CaffeError

__all__ = ["LegacyNet", "set_phase_test", "set_phase_train"]

Array = npt.NDArray[Any]


def set_phase_test() -> None:
    """Nothing: a net opened without a phase is in the test phase."""


def set_phase_train() -> None:
    """Refused: the phase is an argument of Net."""
    raise CaffeError(
        "Net(…): a net has one phase, chosen when it is opened; "
        "write Net(prototxt, weights, caffe.TRAIN)"
    )


class LegacyNet:
    """What a net did itself that modules do today."""

    blobs: Any
    inputs: Any
    phase: Any
    transformer: io.Transformer

    def set_phase_test(self) -> None:
        """Nothing for a net of the test phase; refused for another."""
        if self.phase == 0:
            raise CaffeError(
                "Net(…): a net has one phase, chosen when it is opened; "
                "write Net(prototxt, weights, caffe.TEST)"
            )

    def set_phase_train(self) -> None:
        """Nothing for a net of the training phase; refused for another."""
        if self.phase != 0:
            set_phase_train()

    def set_mode_cpu(self) -> None:
        """See :func:`filterlab.caffe.set_mode_cpu`."""
        device.set_mode_cpu()

    def set_mode_gpu(self) -> None:
        """See :func:`filterlab.caffe.set_mode_gpu`."""
        device.set_mode_gpu()

    def set_device(self, number: int) -> None:
        """See :func:`filterlab.caffe.set_device`."""
        device.set_device(number)

    def _own_transformer(self) -> io.Transformer:
        """The net's own, for the inputs as they are now."""
        shapes = {name: tuple(self.blobs[name].shape) for name in self.inputs}
        if not hasattr(self, "transformer"):
            self.transformer = io.Transformer(shapes)
            for name, shape in shapes.items():
                if len(shape) == 4:
                    self.transformer.set_transpose(name, (2, 0, 1))
        self.transformer.inputs = shapes
        return self.transformer

    def set_mean(
        self, input_: str, mean: Array | str | os.PathLike[str], mode: str = "elementwise"
    ) -> None:
        """As :meth:`io.Transformer.set_mean`, also of a file; ``mode="channel"`` averages it."""
        values = io.read_mean(mean) if isinstance(mean, (str, os.PathLike)) else np.asarray(mean)
        if mode == "channel" and values.ndim == 3:
            values = values.mean(axis=(1, 2))
        self._own_transformer().set_mean(input_, values)

    def set_input_scale(self, input_: str, scale: float) -> None:
        """As :meth:`io.Transformer.set_input_scale`."""
        self._own_transformer().set_input_scale(input_, scale)

    def set_raw_scale(self, input_: str, scale: float) -> None:
        """As :meth:`io.Transformer.set_raw_scale`."""
        self._own_transformer().set_raw_scale(input_, scale)

    def set_channel_swap(self, input_: str, order: Sequence[int]) -> None:
        """As :meth:`io.Transformer.set_channel_swap`."""
        self._own_transformer().set_channel_swap(input_, order)

    def preprocess(self, input_: str, data: Array) -> Array:
        """As :meth:`io.Transformer.preprocess`, with the axes in Caffe's order."""
        return self._own_transformer().preprocess(input_, data)

    def deprocess(self, input_: str, data: Array) -> Array:
        """As :meth:`io.Transformer.deprocess`."""
        return self._own_transformer().deprocess(input_, data)
