"""pycaffe's ``io``: pictures to blobs and back, blob and datum messages.

The numbers are pycaffe's: pictures are float32 RGB in 0..1, resizing is scikit-image's of order
1 with smoothing when it shrinks.
"""

from __future__ import annotations

import math
import operator
import os
from collections.abc import Mapping, Sequence
from typing import IO, Any, NoReturn

import numpy as np
import numpy.typing as npt

from filterlab.caffe.blob import check_shape
from filterlab.caffe.blobproto import read_blobproto, read_mean
from filterlab.caffe.errors import CaffeError
from filterlab.caffe.files import open_file
from filterlab.caffe.luminance import LUMINANCE
from filterlab.caffe.messages import (
    array_to_blobproto,
    array_to_datum,
    arraylist_to_blobprotovector_str,
    blobproto_to_array,
    blobprotovector_str_to_arraylist,
    datum_to_array,
    floats,
)
from filterlab.caffe.proto import caffe_pb2
from filterlab.caffe.quiet import quiet_opencv
from filterlab.caffe.text import reason_of
from filterlab.caffe.wire import shape_text

__all__ = [
    "Transformer",
    "array_to_blobproto",
    "array_to_datum",
    "arraylist_to_blobprotovector_str",
    "blobproto_to_array",
    "blobprotovector_str_to_arraylist",
    "caffe_pb2",
    "datum_to_array",
    "load_image",
    "oversample",
    "read_blobproto",
    "read_mean",
    "resize_image",
]

Array = npt.NDArray[Any]
FloatArray = npt.NDArray[np.float32]


def __getattr__(name: str) -> Any:
    """pycaffe's own imports, which scripts take from here; loaded when one asks for them."""
    if name == "skimage":
        import skimage

        return skimage
    if name == "resize":
        from skimage.transform import resize

        return resize
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def _two(sizes: Any, what: str) -> tuple[int, int]:
    try:
        height, width = (int(size) for size in sizes)
    except (TypeError, ValueError):
        raise CaffeError(
            "{what} must be (height, width), not {sizes!r}", what=what, sizes=sizes
        ) from None
    return height, width


def _dims_of(in_: str, shape: Sequence[int]) -> str:
    return f"{in_!r} ({shape_text(shape)})"


def _indices(order: Any) -> tuple[int, ...]:
    """Whole numbers as a tuple; () for anything else."""
    try:
        return tuple(operator.index(index) for index in order)
    except TypeError:
        return ()


class Transformer:
    """Makes pictures into what a net's input takes, and back.

    In this order: resize to the input's height and width, transpose, swap channels, multiply by
    the raw scale, subtract the mean, multiply by the input scale. Steps not set are left out.

    Parameters
    ----------
    inputs : mapping of str to shape
        The net's inputs with their shapes, such as ``{"data": net.blobs["data"].data.shape}``.
    """

    def __init__(self, inputs: Mapping[str, Sequence[int]]) -> None:
        self.inputs = inputs
        self.transpose: dict[str, Sequence[int]] = {}
        self.channel_swap: dict[str, Sequence[int]] = {}
        self.raw_scale: dict[str, float] = {}
        self.mean: dict[str, Array] = {}
        self.input_scale: dict[str, float] = {}

    def _check_input(self, in_: str) -> None:
        if in_ not in self.inputs:
            raise CaffeError(
                "{in_!r} is not one of the net's inputs ({inputs})",
                in_=in_,
                inputs=", ".join(map(str, self.inputs)),
            )

    def _check_scale(self, in_: str, scale: Any, what: str) -> None:
        self._check_input(in_)
        shape = tuple(int(dim) for dim in self.inputs[in_][1:])
        try:
            # None is pycaffe's for no scale; an array may scale each channel by itself.
            fits = scale is None or (
                np.broadcast_shapes(np.asarray(scale, np.float32).shape, shape) == shape
            )
        except (TypeError, ValueError):
            fits = False
        if not fits:
            raise CaffeError(
                "the {what} of {dims_of} must be a number, not {word!r}",
                what=what,
                dims_of=_dims_of(in_, self.inputs[in_]),
                word=scale,
            )

    @staticmethod
    def _misfit(in_: str, mean: Array, picture: Array) -> NoReturn:
        raise CaffeError(
            "the mean of {in_!r} is {shape}, its picture {shape2}; set a mean that fits",
            in_=in_,
            shape=shape_text(mean.shape),
            shape2=shape_text(picture.shape),
        ) from None

    def preprocess(self, in_: str, data: Array) -> FloatArray:
        """A picture as the net's input.

        Parameters
        ----------
        in_ : str
            Name of the input.
        data : (H', W', K) array
            As :func:`load_image` gives it.

        Returns
        -------
        (K, H, W) float32 array
            New memory; ``data`` stays as it is.
        """
        self._check_input(in_)
        caffe_in: Array = floats(data, f"the picture for {in_!r}")
        transpose = self.transpose.get(in_)
        channel_swap = self.channel_swap.get(in_)
        raw_scale = self.raw_scale.get(in_)
        mean = self.mean.get(in_)
        input_scale = self.input_scale.get(in_)
        in_dims = tuple(int(dim) for dim in self.inputs[in_][2:])
        if caffe_in.shape[:2] != in_dims:
            caffe_in = resize_image(caffe_in, in_dims)
        if transpose is not None:
            if len(transpose) != caffe_in.ndim:
                raise CaffeError(
                    "the picture for {in_!r} has {ndim} axes, its transpose {transpose}; "
                    "give height x width x channels",
                    in_=in_,
                    ndim=caffe_in.ndim,
                    transpose=len(transpose),
                )
            caffe_in = caffe_in.transpose(transpose)
        if channel_swap is not None:
            if caffe_in.shape[0] != len(channel_swap):
                raise CaffeError(
                    "the picture for {in_!r} has {shape} channels, its channel swap "
                    "{channel_swap}; give a picture of that many channels",
                    in_=in_,
                    shape=caffe_in.shape[0],
                    channel_swap=len(channel_swap),
                )
            caffe_in = caffe_in[list(channel_swap), :, :]
        if raw_scale is not None:
            caffe_in *= np.float32(raw_scale)
        if mean is not None:
            try:
                caffe_in -= mean
            except ValueError:
                self._misfit(in_, mean, caffe_in)
        if input_scale is not None:
            caffe_in *= np.float32(input_scale)
        return caffe_in

    def deprocess(self, in_: str, data: Array) -> Array:
        """The inverse of :meth:`preprocess`, but for the resizing.

        Parameters
        ----------
        in_ : str
            Name of the input.
        data : (K, H, W) or (1, K, H, W) array
            What the input holds for one picture.

        Returns
        -------
        (H, W, K) array
            New memory.
        """
        self._check_input(in_)
        transpose = self.transpose.get(in_)
        channel_swap = self.channel_swap.get(in_)
        raw_scale = self.raw_scale.get(in_)
        mean = self.mean.get(in_)
        input_scale = self.input_scale.get(in_)
        given = np.shape(data)
        decaf_in: Array = np.array(data).squeeze()
        if decaf_in.dtype.kind != "f":
            decaf_in = floats(decaf_in, f"what deprocess was given for {in_!r}")
        if not (transpose is None and channel_swap is None and mean is None):
            # One channel, or one row, is an axis as well.
            if decaf_in.ndim < 3 and decaf_in.size == math.prod(given[-3:]):
                decaf_in = decaf_in.reshape(given[-3:])
            if decaf_in.ndim != 3 or (
                channel_swap is not None and len(channel_swap) != decaf_in.shape[0]
            ):
                raise CaffeError(
                    "deprocess takes one picture of {in_!r} at a time, channels x height "
                    "x width as in {inputs}, not {given}",
                    in_=in_,
                    inputs=shape_text(self.inputs[in_]),
                    given=shape_text(given),
                )
        if input_scale is not None:
            decaf_in /= decaf_in.dtype.type(input_scale)
        if mean is not None:
            try:
                decaf_in += mean.astype(decaf_in.dtype)
            except ValueError:
                self._misfit(in_, mean, decaf_in)
        if raw_scale is not None:
            decaf_in /= decaf_in.dtype.type(raw_scale)
        if channel_swap is not None:
            decaf_in = decaf_in[np.argsort(channel_swap), :, :]
        if transpose is not None:
            decaf_in = decaf_in.transpose(np.argsort(transpose))
        return decaf_in

    def set_transpose(self, in_: str, order: Sequence[int]) -> None:
        """Order of the axes: ``(2, 0, 1)`` makes H x W x K into K x H x W."""
        self._check_input(in_)
        wanted = len(self.inputs[in_]) - 1
        if sorted(_indices(order)) != list(range(wanted)):
            raise CaffeError(
                "the transpose of {dims_of} must order the axes 0 to {wanted}, not {order!r}",
                dims_of=_dims_of(in_, self.inputs[in_]),
                wanted=wanted - 1,
                order=order,
            )
        self.transpose[in_] = order

    def set_channel_swap(self, in_: str, order: Sequence[int]) -> None:
        """Order of the channels: ``(2, 1, 0)`` makes RGB into BGR."""
        self._check_input(in_)
        channels = self.inputs[in_][1]
        indices = _indices(order)
        if len(indices) != channels or any(not 0 <= index < channels for index in indices):
            raise CaffeError(
                "the channel swap of {dims_of} must name {channels} channels from 0 on, "
                "not {order!r}",
                dims_of=_dims_of(in_, self.inputs[in_]),
                channels=channels,
                order=order,
            )
        self.channel_swap[in_] = order

    def set_raw_scale(self, in_: str, scale: float) -> None:
        """Factor before the mean: 255 for nets that were trained on 0..255."""
        self._check_scale(in_, scale, "raw scale")
        self.raw_scale[in_] = scale

    def set_mean(self, in_: str, mean: Array) -> None:
        """What is subtracted: one value a channel, or a picture (resized where it must be)."""
        self._check_input(in_)
        mean = np.asarray(mean)
        in_shape = tuple(int(dim) for dim in self.inputs[in_][1:])
        shape = mean.shape
        if mean.ndim == 1:
            if shape[0] != in_shape[0]:
                raise CaffeError(
                    "a mean of {shape} values does not fit the {in_shape} channels of "
                    "{in_!r}; give one for each",
                    shape=shape[0],
                    in_shape=in_shape[0],
                    in_=in_,
                )
            self.mean[in_] = mean[:, np.newaxis, np.newaxis]
            return
        if mean.ndim == 2:
            shape = (1, *shape)
        if len(shape) != 3 or (shape[0] not in (1, in_shape[0]) and shape != in_shape):
            raise CaffeError(
                "a mean of shape {shape} does not fit {dims_of}; give C, HxW or CxHxW",
                shape=shape_text(mean.shape),
                dims_of=_dims_of(in_, self.inputs[in_]),
            )
        if shape[1:] != in_shape[1:]:
            resized = resize_image(mean.reshape(shape).transpose((1, 2, 0)), in_shape[1:])
            mean = resized.transpose((2, 0, 1))
        self.mean[in_] = mean

    def set_input_scale(self, in_: str, scale: float) -> None:
        """Factor after the mean."""
        self._check_scale(in_, scale, "input scale")
        self.input_scale[in_] = scale


def load_image(filename: str | os.PathLike[str] | IO[bytes], color: bool = True) -> FloatArray:
    """A picture file as pycaffe loads it.

    Parameters
    ----------
    filename : path, or file open for bytes
        Any format that OpenCV reads; any characters in the path. An orientation tag is not
        applied, as in pycaffe.
    color : bool
        True for (H, W, 3) RGB, False for (H, W, 1) luminance.

    Returns
    -------
    float32 array
        In 0..1. An alpha channel is dropped.

    Raises
    ------
    CaffeError
        If the file is missing or no picture.
    """
    import cv2

    name = getattr(filename, "name", "<file>")
    try:
        if hasattr(filename, "read"):
            data = np.frombuffer(filename.read(), np.uint8)
        else:
            name = os.fspath(filename)
            with open_file(name) as stream:
                data = np.fromfile(stream, np.uint8)
    except TypeError:
        raise CaffeError(
            "{filename!r} is no path of a picture; give its name", filename=filename
        ) from None
    except (OSError, ValueError) as error:
        reason = reason_of(error)
        raise CaffeError(
            "{name}: cannot be read ({reason}); check the path", name=name, reason=reason
        ) from error
    # OpenCV writes what it thinks of a broken file to stderr; the error below says it.
    with quiet_opencv():
        try:
            image = cv2.imdecode(data, cv2.IMREAD_UNCHANGED) if data.size else None
        except cv2.error:
            image = None
    if image is None:
        raise CaffeError("{name}: no picture that can be read; give a PNG or JPEG file", name=name)
    limit = {"u": 255.0, "f": 1.0}.get(image.dtype.kind, 255.0)
    if image.dtype == np.uint16:
        limit = 65535.0
    # Divide in double, then round once, as scikit-image's img_as_float.
    single: Array = (image / limit).astype(np.float32)
    if single.ndim == 2:
        single = single[:, :, np.newaxis]
    if single.shape[2] in (3, 4):
        single = single[:, :, 2::-1]
    else:
        single = single[:, :, :1]
    if color:
        wide = np.broadcast_to(single, (*single.shape[:2], 3))
        return np.ascontiguousarray(wide)
    if single.shape[2] == 3:
        luminance = single.astype(np.float64) @ np.array(LUMINANCE)
        single = luminance.astype(np.float32)[:, :, np.newaxis]
    return np.ascontiguousarray(single)


def _sampled(im: Array, rows: Array, columns: Array) -> npt.NDArray[np.float64]:
    """A picture (H, W, K) at places between its pixels, linearly; around it all is zero."""
    margin = np.pad(im, ((1, 1), (1, 1), (0, 0)))
    y, x = (np.floor(place).astype(int) for place in (rows, columns))
    down, right = (rows - y)[:, None, None], (columns - x)[None, :, None]
    mixed = np.zeros((len(rows), len(columns), im.shape[-1]))
    for dy, by_row in ((1, 1 - down), (2, down)):
        for dx, by_column in ((1, 1 - right), (2, right)):
            mixed += by_row * by_column * margin[np.ix_(y + dy, x + dx)]
    return mixed


def _resized(im: Array, height: int, width: int) -> npt.NDArray[np.float64]:
    """scikit-image's ``resize`` of order 1 with zeros around, for 1 to 4 channels.

    Where an axis shrinks, a Gaussian of sigma (old / new - 1) / 2, cut off at four sigmas, goes
    over it first. What scikit-image rounds to the picture's own precision is rounded here.
    """
    import cv2

    places = []
    for axis, new in enumerate((height, width)):
        old = im.shape[axis]
        sigma = max(0.0, (old / new - 1) / 2)
        if reach := int(4 * sigma + 0.5):
            taps = np.exp(-0.5 * (np.arange(-reach, reach + 1) / sigma) ** 2)
            down, across = (taps / taps.sum(), np.ones(1))[:: 1 if axis == 0 else -1]
            smooth = cv2.sepFilter2D(
                im.astype(np.float64), cv2.CV_64F, across, down, borderType=cv2.BORDER_CONSTANT
            )
            im = smooth.reshape(im.shape).astype(im.dtype)
        places.append((np.arange(new) + 0.5) * (old / new) - 0.5)
    return _sampled(im, *places)


def _zoomed(im: Array, height: int, width: int) -> npt.NDArray[np.float64]:
    """SciPy's ``zoom`` of order 1: the first and the last pixel of each axis stay."""
    ends = zip(im.shape, (height, width))
    return _sampled(im, *(np.linspace(0, old - 1 if new > 1 else 0, new) for old, new in ends))


def resize_image(im: Array, new_dims: Sequence[int], interp_order: int = 1) -> FloatArray:
    """Resize a picture by interpolation, smoothing it first where it shrinks.

    Parameters
    ----------
    im : (H, W, K) array
        Any number of channels.
    new_dims : (height, width)
    interp_order : int
        Order of the spline, 0 to 5; 1 is linear. Others than 1 need scikit-image.

    Returns
    -------
    (height, width, K) float32 array

    Raises
    ------
    CaffeError
        If the picture has not three axes or no pixels, or the order is none of these.
    """
    im = np.asarray(im)
    height, width = _two(new_dims, "new_dims")
    if interp_order not in range(6):
        raise CaffeError(
            "interp_order must be 0 to 5, not {interp_order!r}", interp_order=interp_order
        )
    if im.ndim != 3 or not im.size or height < 1 or width < 1:
        raise CaffeError(
            "a picture of {shape} cannot be resized to {height}x{width}; give height x "
            "width x channels, and at least one pixel",
            shape=shape_text(im.shape),
            height=height,
            width=width,
        )
    check_shape((height, width, im.shape[-1]), "the resized picture")
    if im.shape[-1] in (1, 3):
        im_min, im_max = im.min(), im.max()
        if not im_max > im_min:
            return np.full((height, width, im.shape[-1]), im_min, np.float32)
        span = im_max - im_min
        # scikit-image takes floats in 0..1 only.
        if interp_order == 1:
            resized: Array = np.empty((height, width, im.shape[-1]), np.float32)
            for channel in range(im.shape[-1]):  # one at a time takes a third of the memory
                standard = (im[:, :, channel : channel + 1] - im_min) / span
                plane = _resized(standard, height, width).astype(standard.dtype)
                resized[:, :, channel : channel + 1] = plane * span + im_min
        else:
            from skimage.transform import resize

            resized = resize(
                (im - im_min) / span,
                (height, width),
                order=interp_order,
                mode="constant",
                anti_aliasing=True,
            )
            resized = resized * span + im_min
    elif interp_order == 1:
        resized = _zoomed(im.astype(np.float32, copy=False), height, width)
    else:
        from scipy.ndimage import zoom  # type: ignore[import-untyped]

        scale = (height / im.shape[0], width / im.shape[1], 1)
        resized = zoom(im.astype(np.float32, copy=False), scale, order=interp_order)
    return np.asarray(resized, np.float32)


def oversample(images: Sequence[Array] | Array, crop_dims: Sequence[int] | Array) -> FloatArray:
    """Ten crops of each picture: four corners and the centre, then the same mirrored.

    Parameters
    ----------
    images : sequence of (H, W, K) arrays
        All of one size.
    crop_dims : (height, width)

    Returns
    -------
    (10 * N, height, width, K) float32 array

    Raises
    ------
    CaffeError
        If there is no picture, or one is smaller than the crop.
    """
    try:
        shapes = {np.shape(image) for image in images}
    except (TypeError, ValueError):
        raise CaffeError(
            "oversample takes a list of pictures, not {images!r:.60}", images=images
        ) from None
    if not shapes:
        raise CaffeError("oversample needs at least one picture")
    if len(shapes) > 1:
        raise CaffeError("oversample needs pictures of one size; resize them first")
    shape = shapes.pop()
    if len(shape) != 3:
        raise CaffeError(
            "oversample takes a list of pictures of height x width x channels, not of {shape}",
            shape=shape_text(shape),
        )
    im_height, im_width, channels = shape
    height, width = _two(crop_dims, "crop_dims")
    if height > im_height or width > im_width or height < 1 or width < 1:
        raise CaffeError(
            "crops of {height}x{width} do not fit pictures of {im_height}x{im_width}; "
            "take smaller crops or larger pictures",
            height=height,
            width=width,
            im_height=im_height,
            im_width=im_width,
        )
    corners = [(y, x) for y in (0, im_height - height) for x in (0, im_width - width)]
    corners.append((int(im_height / 2.0 - height / 2.0), int(im_width / 2.0 - width / 2.0)))
    crops = np.empty((10 * len(images), height, width, channels), np.float32)
    for index, image in enumerate(images):
        for place, (y, x) in enumerate(corners):
            crop = image[y : y + height, x : x + width, :]
            crops[10 * index + place] = crop
            crops[10 * index + 5 + place] = crop[:, ::-1, :]
    return crops
