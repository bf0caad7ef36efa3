"""Reading and writing picture files.

A picture is a numpy array, float32, RGB ``(height, width, 3)`` or grey ``(height, width)``, 0 to
1, row-major with y down: what ``caffe.io.load_image`` gives (there a grey one has a third axis of
1). Float files (TIFF, ``.npy``) keep their values as they are, which may lie outside 0 to 1.
"""

from __future__ import annotations

import io
import os
import struct
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np
from numpy.typing import ArrayLike, NDArray

from filterlab.caffe.errors import CaffeError
from filterlab.caffe.files import atomic_write, open_file
from filterlab.caffe.luminance import LUMINANCE
from filterlab.caffe.npy import NPY_SIGNATURE, parse_npy
from filterlab.caffe.quiet import quiet_opencv
from filterlab.caffe.text import reason_of
from filterlab.errors import FilterLabError, unreadable
from filterlab.progress import Job, Progress, run_job

if TYPE_CHECKING:  # a window shows itself before it reads a picture
    from filterlab.pictures.headers import Header

T = TypeVar("T")

__all__ = [
    "LUMA",
    "MAX_PIXELS",
    "PICTURE_SUFFIXES",
    "decode_picture",
    "encode_picture",
    "exact_suffix",
    "grey_of",
    "read_frame",
    "read_frame_job",
    "read_picture",
    "write_picture",
]

#: The largest picture that is read, in pixels: 100 megapixels, 1.2 GB as float32 RGB.
MAX_PIXELS = 100_000_000
_MAX_BYTES = 1 << 30
_BLOCK = 1 << 18  # pixels that are converted together

#: Endings by which a file dialog or a folder listing knows pictures.
PICTURE_SUFFIXES = ".png .jpg .jpeg .tif .tiff .bmp .gif .webp .pgm .ppm .pbm .pnm .npy".split()

#: Shares of red, green and blue in grey: scikit-image's, which caffe.io uses, too.
LUMA = np.array(LUMINANCE)


def read_picture(
    path: str | os.PathLike[str], grey: bool = False, frame: int = 0
) -> NDArray[np.float32]:
    """Read a picture file as float32, 0 to 1.

    Any path that the system can open works (OpenCV alone cannot read a Chinese path on Windows).
    An EXIF turn is carried out, transparency is laid over white, 16 bits keep their depth. The
    size is read from the header first: more than :data:`MAX_PIXELS` is refused undecoded. At its
    peak, reading takes less than three times the memory of the RGB picture as float32.

    Parameters
    ----------
    path : path
        PNG, JPEG, TIFF, BMP, GIF, WebP, PGM/PPM, or ``.npy`` (never unpickled).
    grey : bool
        Give ``(height, width)``, by scikit-image's luma; else ``(height, width, 3)`` RGB.
    frame : int
        Which frame of an animation (GIF, WebP or PNG: as it looks then, drawn over those before)
        or page of a TIFF, from 0.

    Raises
    ------
    FilterLabError
        If the file cannot be read, is no picture, is cut off, is too large, or has no such frame.
    """
    return read_frame(path, frame, grey)[0]


def read_frame(
    path: str | os.PathLike[str], frame: int = 0, grey: bool = False
) -> tuple[NDArray[np.float32], int]:
    """As :func:`read_picture`; with it, how many frames of the file can be chosen (mostly 1)."""
    return run_job(read_frame_job(path, frame, grey))


def read_frame_job(
    path: str | os.PathLike[str], frame: int = 0, grey: bool = False
) -> Job[tuple[NDArray[np.float32], int]]:
    """As :func:`read_frame`; far on in an animation many frames are drawn on the way."""
    path = Path(path)
    return (yield from _decode_job(path, _bytes_of(path), grey, frame))


def decode_picture(data: bytes, name: str, grey: bool = False) -> NDArray[np.float32]:
    """As :func:`read_picture`, of a file's bytes; ``name`` begins the error's sentence."""
    return run_job(_decode_job(Path(name), data, grey, 0))[0]


def _decode_job(
    path: Path, data: bytes, grey: bool, frame: int
) -> Job[tuple[NDArray[np.float32], int]]:
    pixels, blue_first, frames = yield from _stored(path, data, frame)
    height, width = pixels.shape[:2]
    picture = np.empty((height, width) if grey else (height, width, 3), np.float32)
    # Block by block: the float picture is several times as large as what was decoded, and one
    # more copy of it in each step would take gigabytes.
    rows = max(1, _BLOCK // max(1, width))
    for top in range(0, height, rows):
        for left in range(0, width, _BLOCK):
            part = np.s_[top : top + rows, left : left + _BLOCK]
            values = _flat(*_red_first(pixels[part], blue_first))
            if pixels.dtype.kind not in "biu" and not np.isfinite(values).all():
                raise FilterLabError(
                    "{path}: holds values that are not finite; replace NaN and inf.", path=path
                )
            if grey:
                values = grey_of(values)
            picture[part] = values[:, :, None] if values.ndim < picture.ndim else values
    return picture, frames


def grey_of(picture: NDArray[np.float32]) -> NDArray[np.float32]:
    """A picture as grey float32 ``(height, width)``, by scikit-image's luma; grey stays itself."""
    if picture.ndim == 2:
        return picture
    grey: NDArray[np.float32] = np.ascontiguousarray(picture, np.float32) @ LUMA.astype(np.float32)
    return grey


def exact_suffix(picture: NDArray[np.float32]) -> str:
    """``.png`` where that loses nothing of a picture, else ``.npy``."""
    with np.errstate(invalid="ignore"):
        levels = np.rint(np.clip(picture, 0, 1) * np.float32(255)).astype(np.uint8)
    return ".png" if (levels / np.float32(255) == picture).all() else ".npy"


def write_picture(path: str | os.PathLike[str], picture: ArrayLike) -> None:
    """Write a picture; the file's ending names the format.

    PNG, JPEG, BMP and WebP take 8 bits a value: what lies outside 0 to 1 is clipped. TIFF and
    ``.npy`` keep float32 as it is. An existing file is replaced at once or not at all.

    Parameters
    ----------
    path : path
        Ends in .png, .jpg, .jpeg, .bmp, .webp, .tif, .tiff or .npy.
    picture : array
        RGB ``(height, width, 3)`` or grey ``(height, width)``, 0 to 1; uint8 is taken as 0-255.

    Raises
    ------
    FilterLabError
        If the shape or the ending is none of these, or the file cannot be written.
    """
    path = Path(path)
    encoded = encode_picture(picture, str(path))
    try:
        with atomic_write(path) as out:
            out.write(encoded)
    except OSError as error:
        raise FilterLabError(
            "{path}: cannot be written ({reason}); choose another place.",
            path=path,
            reason=reason_of(error),
        ) from error


def encode_picture(picture: ArrayLike, name: str) -> bytes:
    """What :func:`write_picture` writes into a file of this name."""
    path = Path(name)
    array = np.asarray(picture)
    if array.ndim == 3 and array.shape[2] == 1:
        array = array[:, :, 0]
    if array.size == 0 or not (array.ndim == 2 or (array.ndim == 3 and array.shape[2] == 3)):
        raise FilterLabError(
            "{path}: a picture of shape {shape} cannot be written; give (height, width) "
            "or (height, width, 3).",
            path=path,
            shape=array.shape,
        )
    suffix = path.suffix.lower()
    if suffix == ".npy":
        stream = io.BytesIO()
        np.save(stream, _as_float(array), allow_pickle=False)
        encoded = stream.getvalue()
    elif suffix in (".tif", ".tiff"):
        encoded = _encoded(path, ".tiff", _as_float(array))
    elif suffix in (".png", ".jpg", ".jpeg", ".bmp", ".webp"):
        if array.dtype != np.uint8:
            # NaN has no colour; black, without numpy's warning about the cast.
            array = np.nan_to_num(_as_float(array), nan=0.0)
            array = (np.clip(array, 0, 1) * 255 + 0.5).astype(np.uint8)
        encoded = _encoded(path, suffix, array)
    else:
        raise FilterLabError(
            "{path}: pictures are written as .png, .jpg, .bmp, .webp, .tif or .npy; "
            "choose one of these endings.",
            path=path,
        )
    return encoded


def _as_float(array: NDArray[Any]) -> NDArray[np.float32]:
    scale = {"u1": 255.0, "u2": 65535.0}.get(array.dtype.str[1:])  # in either byte order
    if scale is None:
        with np.errstate(over="ignore"):
            return array.astype(np.float32)
    scaled: NDArray[np.float32] = np.divide(
        array, np.float32(scale), dtype=np.float32, casting="unsafe"
    )
    return scaled


def _encoded(path: Path, suffix: str, array: NDArray[Any]) -> bytes:
    import cv2

    bgr = np.ascontiguousarray(array[:, :, ::-1] if array.ndim == 3 else array)
    options = {
        ".jpg": [cv2.IMWRITE_JPEG_QUALITY, 95],
        ".jpeg": [cv2.IMWRITE_JPEG_QUALITY, 95],
        # OpenCV 4 spoils floats of three channels when it compresses them.
        ".tiff": [cv2.IMWRITE_TIFF_COMPRESSION, 1],
    }.get(suffix, [])
    try:
        ok, buffer = cv2.imencode(suffix, bgr, options)
    except cv2.error:
        ok = False
    if not ok:
        height, width = array.shape[:2]
        raise FilterLabError(
            "{path}: a {width}x{height} picture does not fit this format; choose PNG.",
            path=path,
            width=width,
            height=height,
        )
    return bytes(buffer)


def _bytes_of(path: Path) -> bytes:
    try:
        size = path.stat().st_size
        if os.path.isdir(path):
            raise FilterLabError("{path}: is a folder; choose a picture file in it.", path=path)
        if size > _MAX_BYTES:
            raise FilterLabError(
                "{path}: the file has {size:.1f} GB, over the limit of {limit:.1f} GB; "
                "scale the picture down first.",
                path=path,
                size=size / 1e9,
                limit=_MAX_BYTES / 1e9,
            )
        with open_file(path) as stream:
            data = stream.read()
    except OSError as error:
        raise unreadable(path, error) from error
    if not data:
        raise FilterLabError("{path}: the file is empty; choose another picture.", path=path)
    return data


def _check_size(path: Path, width: int, height: int) -> None:
    if width * height > MAX_PIXELS:
        raise FilterLabError(
            "{path}: claims {width}x{height} pixels, over the limit of {limit} "
            "megapixels; scale it down first.",
            path=path,
            width=width,
            height=height,
            limit=MAX_PIXELS // 1_000_000,
        )


def _stored(path: Path, data: bytes, frame: int) -> Job[tuple[NDArray[Any], bool, int]]:
    """A frame's pixels as the file has them, upright, mostly a view.

    With them, whether blue comes first, and the number of frames.
    """
    if data.startswith(NPY_SIGNATURE):
        _check_frame(path, frame, 1)
        return _npy(path, data), False, 1
    from filterlab.pictures import headers

    header = headers.read_header(data, frame)
    if header is None:
        raise FilterLabError(
            "{path}: is not a picture that can be read here; choose a PNG, JPEG, TIFF, "
            "BMP, GIF, WebP, PGM, PPM or .npy file.",
            path=path,
        )
    _check_frame(path, frame, header.frames)
    _check_size(path, header.width, header.height)
    # OpenCV reads no GIF everywhere, and of an animation only the beginning.
    drawn = header.format == "GIF" or (header.format != "TIFF" and bool(frame))
    pixels = None
    if header.complete:
        if header.format == "TIFF" and frame:
            data = headers.with_page_first(data, frame)
        if header.format == "PNG" and frame:
            data = headers.animated_png(data)
        pixels = (yield from _drawn_frame(path, data, header, frame)) if drawn else _imdecode(data)
    if pixels is None or pixels.size == 0:
        raise FilterLabError(
            "{path}: this {format} file is cut off or damaged; get a fresh copy of it.",
            path=path,
            format=header.format,
        )
    return _upright(pixels, header), not drawn, header.frames


def _check_frame(path: Path, frame: int, frames: int) -> None:
    if not 0 <= frame < frames:
        raise FilterLabError(
            "{path}: there is no frame {number} in it; choose one from 1 to {count}.",
            path=path,
            number=frame + 1,
            count=frames,
        )


def _drawn_frame(path: Path, data: bytes, header: Header, frame: int) -> Job[NDArray[Any] | None]:
    """An animation's frame as it looks on the screen; None if the file is damaged before it.

    RGB or RGBA, uint8, or grey, uint16.
    """
    from PIL import Image

    try:
        with _unwarned(partial(Image.open, io.BytesIO(data), formats=[header.format])) as image:
            for number in range(frame + 1):
                yield Progress("read the picture", number, frame + 1, path.name)
                _unwarned(partial(image.seek, number))
                _unwarned(image.load)
            if image.mode.startswith("I"):
                return np.asarray(image).astype(np.uint16)
            pixels = np.asarray(image.convert("RGBA"))
    except (
        OSError, EOFError, SyntaxError, ValueError, IndexError, struct.error,
        Image.DecompressionBombError,
    ):  # fmt: skip
        return None
    return pixels[:, :, :3] if (pixels[:, :, 3] == 255).all() else pixels


def _unwarned(do: Callable[[], T]) -> T:
    """Without Pillow's warnings: the size has been looked at already, and damage is said."""
    import warnings

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return do()


def _imdecode(data: bytes) -> NDArray[Any] | None:
    import cv2

    from filterlab.pictures.headers import plain_png

    if data.startswith(b"\x89PNG"):
        data = plain_png(data)
    try:
        # "Unchanged" keeps depth and transparency and leaves the EXIF turn to us.
        with quiet_opencv():
            pixels: NDArray[Any] | None = cv2.imdecode(
                np.frombuffer(data, np.uint8), cv2.IMREAD_UNCHANGED
            )
    except cv2.error:
        return None
    return pixels


def _red_first(pixels: NDArray[Any], blue_first: bool) -> tuple[NDArray[np.float32], bool]:
    """Pixels as floats; with them, whether blue still comes first.

    Whole numbers of three channels, the most of all pictures, are turned round by OpenCV before
    they are floats: several times as fast as what numpy does with the floats.
    """
    if blue_first and pixels.shape[2:] == (3,) and pixels.dtype in (np.uint8, np.uint16):
        import cv2

        pixels = cv2.cvtColor(np.ascontiguousarray(pixels), cv2.COLOR_BGR2RGB)
        blue_first = False
    return _as_float(pixels), blue_first


def _flat(pixels: NDArray[np.float32], blue_first: bool) -> NDArray[np.float32]:
    """RGB or BGR or grey, with or without alpha, as RGB or grey, transparency laid over white."""
    if pixels.ndim == 2:
        return pixels
    count = pixels.shape[2]
    colour = pixels[:, :, : count - 1 + count % 2]
    if colour.shape[2] == 3 and blue_first:
        colour = colour[:, :, ::-1]
    if count % 2 == 0:
        alpha = pixels[:, :, -1:]
        colour = colour * alpha + (1 - alpha)
    return colour if colour.shape[2] == 3 else colour[:, :, 0]


def _upright(pixels: NDArray[Any], header: Header) -> NDArray[Any]:
    """Carry out an EXIF turn (tag 274): 2-4 in place, 5-8 with the sides exchanged; a view."""
    how = header.orientation
    if how >= 5:
        pixels = pixels.swapaxes(0, 1)
    if how in (3, 4, 7, 8):
        pixels = pixels[::-1]
    if how in (2, 3, 6, 7):
        pixels = pixels[:, ::-1]
    return pixels


def _npy(path: Path, data: bytes) -> NDArray[Any]:
    try:
        array = parse_npy(data, str(path))
    except CaffeError as error:
        raise FilterLabError("{error}.", error=error) from None
    shape = array.shape
    if len(shape) not in (2, 3) or 0 in shape or shape[2:] not in ((), (1,), (3,), (4,)):
        raise FilterLabError(
            "{path}: an array of shape {shape} is no picture; give (height, width) or "
            "(height, width, 3).",
            path=path,
            shape=shape,
        )
    _check_size(path, shape[1], shape[0])
    return array
