"""pycaffe's ``Detector``: a classifier run on windows of pictures (R-CNN).

The windows are given by the caller; selective search, which pycaffe called in MATLAB, is not
part of this engine.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from typing import Any, NoReturn

import numpy as np
import numpy.typing as npt

from filterlab.caffe import io
from filterlab.caffe.classifier import transformer_for
from filterlab.caffe.errors import CaffeError
from filterlab.caffe.net import TEST, Net

__all__ = ["Detector"]

Array = npt.NDArray[Any]


class Detector(Net):
    """A net that classifies windows of pictures.

    Parameters
    ----------
    model_file, pretrained_file : path
        Prototxt and weights.
    mean, input_scale, raw_scale, channel_swap : optional
        See :class:`filterlab.caffe.io.Transformer`.
    context_pad : int, optional
        Pixels of the net's input, on each side, that show what surrounds the window.
    gpu : bool, optional
        As scripts of 2014 chose the mode.
    """

    def __init__(
        self,
        model_file: str | os.PathLike[str],
        pretrained_file: str | os.PathLike[str],
        mean: Array | None = None,
        input_scale: float | None = None,
        raw_scale: float | None = None,
        channel_swap: Sequence[int] | None = None,
        context_pad: int | None = None,
        *,
        gpu: bool | None = None,
    ) -> None:
        if gpu is not None:
            self.set_mode_gpu() if gpu else self.set_mode_cpu()
        super().__init__(model_file, TEST, weights=pretrained_file)
        self.transformer = transformer_for(self, mean, input_scale, raw_scale, channel_swap)
        self.configure_crop(context_pad)

    def configure_crop(self, context_pad: int | None) -> None:
        """Set how much context a crop shows, and what stands where the picture ends."""
        name = self.inputs[0]
        channels, height, width = (int(dim) for dim in self.blobs[name].shape[1:])
        self.crop_dims = np.array((height, width, channels))
        try:
            self.context_pad = int(context_pad or 0)
        except (TypeError, ValueError):
            self.context_pad = -1
        if self.context_pad < 0:
            raise CaffeError(
                "context_pad must be a number of pixels, not {context_pad!r}",
                context_pad=context_pad,
            )
        if not self.context_pad:
            return
        if height != width:
            raise CaffeError(
                "context_pad needs a square input; {name!r} is {height}x{width}",
                name=name,
                height=height,
                width=width,
            )
        if 2 * self.context_pad >= width:
            raise CaffeError(
                "a context_pad of {context_pad} leaves nothing of the input's {width} "
                "pixels; take a smaller one",
                context_pad=self.context_pad,
                width=width,
            )
        # Outside the picture stands the mean, in the picture's own terms, so that the
        # preprocessing makes it zero.
        self.crop_mean = np.zeros(self.crop_dims, np.float32)
        mean = self.transformer.mean.get(name)
        if mean is not None:
            full = np.broadcast_to(mean, (channels, height, width)).transpose(1, 2, 0)
            order = self.transformer.channel_swap.get(name)
            if order is not None:
                full = full[:, :, np.argsort(order)]
            self.crop_mean[...] = full / self.transformer.raw_scale.get(name, 1.0)

    def crop(self, im: Array, window: Sequence[float]) -> Array:
        """The part of a picture in a window, with context if that is configured; empty outside.

        Parameters
        ----------
        im : (H, W, K) array
        window : (ymin, xmin, ymax, xmax)
        """
        try:
            box = np.asarray(window, float)
            y0, x0, y1, x1 = (int(edge) for edge in box)
        except (TypeError, ValueError, OverflowError):
            raise CaffeError(
                "{window!r} is no window; give ymin, xmin, ymax, xmax in pixels", window=window
            ) from None
        if not self.context_pad:
            return im[max(y0, 0) : y1, max(x0, 0) : x1]
        size = int(self.crop_dims[0])
        scale = size / (1.0 * size - 2 * self.context_pad)
        half = np.array([box[2] - box[0] + 1, box[3] - box[1] + 1]) / 2.0
        centre = box[:2] + half
        box = np.round(np.concatenate([centre - scale * half, centre + scale * half]))
        per_pixel = size / (box[2:] - box[:2] + 1)
        pad = np.round(np.maximum(0, -box[:2]) * per_pixel).astype(int)
        box = np.clip(box, 0, np.tile(im.shape[:2], 2)).astype(int)
        inner = np.round((box[2:] - box[:2] + 1) * per_pixel).astype(int)
        inner = np.minimum(inner, size - pad)
        shown = im[box[0] : box[2], box[1] : box[3]]
        if not shown.size or min(inner) < 1:
            return im[:0]
        shown = io.resize_image(shown, inner)
        crop = np.array(self.crop_mean)
        crop[pad[0] : pad[0] + inner[0], pad[1] : pad[1] + inner[1]] = shown
        return crop

    def detect_windows(
        self, images_windows: Iterable[tuple[str | os.PathLike[str], Iterable[Sequence[float]]]]
    ) -> list[dict[str, Any]]:
        """Classify windows of pictures.

        Parameters
        ----------
        images_windows : iterable of (file name, list of (ymin, xmin, ymax, xmax))

        Returns
        -------
        list of dict
            One a window, in order, with ``window``, ``prediction`` and ``filename``.

        Raises
        ------
        CaffeError
            If a picture cannot be read, or a window shows nothing of it.
        """
        found: list[dict[str, Any]] = []
        crops: list[Array] = []
        name = self.inputs[0]
        try:
            pairs = [(filename, list(windows)) for filename, windows in images_windows]
        except (TypeError, ValueError):
            raise CaffeError(
                "detect_windows() takes pairs of a file name and a list of windows; give "
                "[(filename, [(ymin, xmin, ymax, xmax), …]), …]"
            ) from None
        for filename, windows in pairs:
            picture = io.load_image(filename)
            for window in windows:
                crop = self.crop(picture, window)
                if not crop.size:
                    raise CaffeError(
                        "{path}: the window {tuple} shows nothing of the "
                        "{shape}x{shape2} picture; give ymin, xmin, ymax, xmax",
                        path=os.fspath(filename),
                        tuple=tuple(window),
                        shape=picture.shape[0],
                        shape2=picture.shape[1],
                    )
                crops.append(self.transformer.preprocess(name, crop))
                found.append({"window": window, "prediction": None, "filename": filename})
        if crops:
            predictions = self.forward_all(**{name: np.stack(crops)})[self.outputs[0]]
            for entry, prediction in zip(found, predictions):
                entry["prediction"] = prediction
        return found

    def detect_selective_search(self, image_fnames: Iterable[str]) -> NoReturn:
        """Not here: pycaffe ran selective search in MATLAB."""
        raise CaffeError(
            "this engine proposes no windows; make them with another program and call "
            "detect_windows()"
        )
