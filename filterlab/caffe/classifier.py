"""pycaffe's ``Classifier``: pictures in, class probabilities out."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from filterlab.caffe import io
from filterlab.caffe.errors import CaffeError
from filterlab.caffe.net import TEST, Net

__all__ = ["Classifier"]

Array = npt.NDArray[Any]


def transformer_for(
    net: Net,
    mean: Array | None,
    input_scale: float | None,
    raw_scale: float | None,
    channel_swap: Sequence[int] | None,
) -> io.Transformer:
    """The transformer of a net's first input, with those steps set that are given."""
    if not net.inputs:
        raise CaffeError("the net has no input to give a picture to; open its deploy prototxt")
    name = net.inputs[0]
    shape = tuple(net.blobs[name].shape)
    if len(shape) != 4:
        raise CaffeError(
            "input {name!r} is {shape}; pictures need NxCxHxW",
            name=name,
            shape="x".join(map(str, shape)),
        )
    transformer = io.Transformer({name: shape})
    transformer.set_transpose(name, (2, 0, 1))
    if mean is not None:
        transformer.set_mean(name, mean)
    if input_scale is not None:
        transformer.set_input_scale(name, input_scale)
    if raw_scale is not None:
        transformer.set_raw_scale(name, raw_scale)
    if channel_swap is not None:
        transformer.set_channel_swap(name, channel_swap)
    return transformer


class Classifier(Net):
    """A net that classifies pictures as :func:`filterlab.caffe.io.load_image` gives them.

    Parameters
    ----------
    model_file, pretrained_file : path
        Prototxt and weights.
    image_dims : (height, width), optional
        Size to which pictures are brought before they are cropped; by default the net's input.
    mean, input_scale, raw_scale, channel_swap : optional
        See :class:`filterlab.caffe.io.Transformer`.
    gpu : bool, optional
        As scripts of 2014 chose the mode.
    """

    def __init__(
        self,
        model_file: str | os.PathLike[str],
        pretrained_file: str | os.PathLike[str],
        image_dims: Sequence[int] | None = None,
        mean: Array | None = None,
        input_scale: float | None = None,
        raw_scale: float | None = None,
        channel_swap: Sequence[int] | None = None,
        *,
        gpu: bool | None = None,
    ) -> None:
        if gpu is not None:
            self.set_mode_gpu() if gpu else self.set_mode_cpu()
        super().__init__(model_file, TEST, weights=pretrained_file)
        self.transformer = transformer_for(self, mean, input_scale, raw_scale, channel_swap)
        self.crop_dims = np.array(self.blobs[self.inputs[0]].shape[2:])
        self.image_dims = self.crop_dims if image_dims is None else np.array(image_dims)
        if self.image_dims.shape != (2,) or self.image_dims.dtype.kind not in "iuf":
            raise CaffeError(
                "image_dims must be (height, width), not {image_dims!r}", image_dims=image_dims
            )

    def predict(self, inputs: Sequence[Array], oversample: bool = True) -> Array:
        """Class probabilities of pictures.

        Parameters
        ----------
        inputs : sequence of (H, W, K) arrays
        oversample : bool
            Average over ten crops (corners, centre, mirrored); otherwise the centre only.

        Returns
        -------
        (N, classes) float32 array

        Raises
        ------
        CaffeError
            If there is no picture, or one does not fit the net.
        """
        if not hasattr(inputs, "__len__") or not len(inputs):
            raise CaffeError("predict() needs at least one picture, as a list")
        height, width = (int(dim) for dim in self.image_dims)
        channels = {np.shape(picture)[-1:] for picture in inputs}
        if len(channels) > 1:
            raise CaffeError(
                "predict() needs pictures with the same number of channels; load all with "
                "caffe.io.load_image(…, color=True), or all with color=False"
            )
        pictures = np.stack([io.resize_image(picture, (height, width)) for picture in inputs])
        if oversample:
            pictures = io.oversample(pictures, self.crop_dims)
        else:
            if np.any(self.image_dims < self.crop_dims):
                raise CaffeError(
                    "image_dims {height}x{width} are smaller than the net's input "
                    "{crop_dims}x{crop_dims2}; take larger ones",
                    height=height,
                    width=width,
                    crop_dims=self.crop_dims[0],
                    crop_dims2=self.crop_dims[1],
                )
            y, x = (int(start) for start in (self.image_dims - self.crop_dims) / 2.0)
            pictures = pictures[:, y : y + self.crop_dims[0], x : x + self.crop_dims[1], :]
        name = self.inputs[0]
        ready = np.stack([self.transformer.preprocess(name, picture) for picture in pictures])
        predictions = np.asarray(self.forward_all(**{name: ready})[self.outputs[0]])
        if oversample:
            predictions = predictions.reshape((len(predictions) // 10, 10, -1)).mean(1)
        return predictions
