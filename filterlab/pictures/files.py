"""Reading and writing picture files.

A picture is a numpy array, float32, RGB ``(height, width, 3)`` or grey ``(height, width)``, 0 to
1, row-major with y down: what ``caffe.io.load_image`` gives (there a grey one has a third axis of
1). Float files (TIFF, ``.npy``) keep their values as they are, which may lie outside 0 to 1.
"""

from __future__ import annotations

import io
import os
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..caffe.files import atomic_write, open_file
from ..errors import FilterLabError
from .headers import Header, read_header

__all__ = ["MAX_PIXELS", "PICTURE_SUFFIXES", "grey_of", "read_picture", "write_picture"]

#: The largest picture that is read, in pixels: 100 megapixels, 1.2 GB as float32 RGB.
MAX_PIXELS = 100_000_000
_MAX_BYTES = 1 << 30

#: Endings by which a file dialog or a folder listing knows pictures.
PICTURE_SUFFIXES = ".png .jpg .jpeg .tif .tiff .bmp .gif .webp .pgm .ppm .pbm .pnm .npy".split()

# scikit-image's luma, which caffe.io.load_image(color=False) uses.
_LUMA = np.array([0.2125, 0.7154, 0.0721], np.float32)


def read_picture(path: str | os.PathLike[str], grey: bool = False) -> NDArray[np.float32]:
    """Read a picture file as float32, 0 to 1.

    Any path that the system can open works (OpenCV alone cannot read a Chinese path on Windows).
    An EXIF turn is carried out, transparency is laid over white, 16 bits keep their depth. The
    size is read from the header first: more than :data:`MAX_PIXELS` is refused undecoded.

    Parameters
    ----------
    path : path
        PNG, JPEG, TIFF, BMP, GIF (first picture), WebP, PGM/PPM, or ``.npy`` (never unpickled).
    grey : bool
        Give ``(height, width)``, by scikit-image's luma; else ``(height, width, 3)`` RGB.

    Raises
    ------
    FilterLabError
        If the file cannot be read, is no picture, is cut off, or is too large.
    """
    path = Path(path)
    data = _bytes_of(path)
    pixels = _npy(path, data) if data.startswith(b"\x93NUMPY") else _decoded(path, data)
    if grey:
        return grey_of(pixels)
    if pixels.ndim == 2:
        pixels = np.repeat(pixels[:, :, None], 3, axis=2)
    return pixels


def grey_of(picture: NDArray[np.float32]) -> NDArray[np.float32]:
    """A picture as grey float32 ``(height, width)``, by scikit-image's luma; grey stays itself."""
    if picture.ndim == 2:
        return picture
    grey: NDArray[np.float32] = np.ascontiguousarray(picture, np.float32) @ _LUMA
    return grey


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
    array = np.asarray(picture)
    if array.ndim == 3 and array.shape[2] == 1:
        array = array[:, :, 0]
    if array.size == 0 or not (array.ndim == 2 or (array.ndim == 3 and array.shape[2] == 3)):
        raise FilterLabError(
            f"{path}: a picture of shape {array.shape} cannot be written; "
            "give (height, width) or (height, width, 3)."
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
            f"{path}: pictures are written as .png, .jpg, .bmp, .webp, .tif or .npy; "
            "choose one of these endings."
        )
    try:
        with atomic_write(path) as out:
            out.write(encoded)
    except OSError as error:
        raise FilterLabError(
            f"{path}: cannot be written ({error.strerror or error}); choose another place."
        ) from error


def _as_float(array: NDArray[Any]) -> NDArray[np.float32]:
    scale = {np.dtype(np.uint8): 255.0, np.dtype(np.uint16): 65535.0}.get(array.dtype)
    out = array.astype(np.float32)
    return out if scale is None else out / np.float32(scale)


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
            f"{path}: a {width}x{height} picture does not fit this format; choose PNG."
        )
    return bytes(buffer)


def _bytes_of(path: Path) -> bytes:
    try:
        size = path.stat().st_size
        if path.is_dir():
            raise FilterLabError(f"{path}: is a folder; choose a picture file in it.")
        if size > _MAX_BYTES:
            raise FilterLabError(
                f"{path}: the file has {size / 1e9:.1f} GB, over the limit of "
                f"{_MAX_BYTES / 1e9:.1f} GB; scale the picture down first."
            )
        with open_file(path) as stream:
            data = stream.read()
    except OSError as error:
        reason = "there is no such file" if isinstance(error, FileNotFoundError) else error.strerror
        raise FilterLabError(f"{path}: cannot be read ({reason}); choose another file.") from error
    if not data:
        raise FilterLabError(f"{path}: the file is empty; choose another picture.")
    return data


def _check_size(path: Path, width: int, height: int) -> None:
    if width * height > MAX_PIXELS:
        raise FilterLabError(
            f"{path}: claims {width}x{height} pixels, over the limit of "
            f"{MAX_PIXELS // 1_000_000} megapixels; scale it down first."
        )


def _decoded(path: Path, data: bytes) -> NDArray[np.float32]:
    header = read_header(data)
    if header is None:
        raise FilterLabError(
            f"{path}: is not a picture that can be read here; "
            "choose a PNG, JPEG, TIFF, BMP, GIF, WebP, PGM, PPM or .npy file."
        )
    _check_size(path, header.width, header.height)
    pixels = _imdecode(data) if header.complete else None
    if pixels is None or pixels.size == 0:
        raise FilterLabError(
            f"{path}: this {header.format} file is cut off or damaged; get a fresh copy of it."
        )
    values = _upright(_flat(_as_float(pixels)), header)
    if not np.isfinite(values).all():
        raise FilterLabError(f"{path}: holds values that are not finite; replace NaN and inf.")
    return values


def _without_profile(data: bytes) -> bytes:
    """A PNG without its colour profile: OpenCV ignores it, but grumbles on stderr at odd ones."""
    at = data.find(b"iCCP", 0, max(0, data.find(b"IDAT"))) - 4
    if not data.startswith(b"\x89PNG") or at < 8:
        return data
    return data[:at] + data[at + 12 + int.from_bytes(data[at : at + 4], "big") :]


def _imdecode(data: bytes) -> NDArray[Any] | None:
    import cv2

    data = _without_profile(data)
    try:
        # "Unchanged" keeps depth and transparency and leaves the EXIF turn to us.
        pixels: NDArray[Any] | None = cv2.imdecode(
            np.frombuffer(data, np.uint8), cv2.IMREAD_UNCHANGED
        )
    except cv2.error:
        return None
    return pixels


def _flat(pixels: NDArray[np.float32]) -> NDArray[np.float32]:
    """OpenCV's BGR(A) or grey as RGB or grey, transparency laid over white."""
    if pixels.ndim == 2:
        return pixels
    if pixels.shape[2] in (1, 2):
        colour, alpha = pixels[:, :, 0], pixels[:, :, 1:]
        return colour if alpha.size == 0 else colour * alpha[:, :, 0] + 1 - alpha[:, :, 0]
    colour = pixels[:, :, 2::-1]
    if pixels.shape[2] == 4:
        alpha = pixels[:, :, 3:]
        colour = colour * alpha + (1 - alpha)
    return np.ascontiguousarray(colour)


def _upright(pixels: NDArray[np.float32], header: Header) -> NDArray[np.float32]:
    """Carry out an EXIF turn (tag 274): 2-4 in place, 5-8 with the sides exchanged."""
    how = header.orientation
    if how >= 5:
        pixels = pixels.swapaxes(0, 1)
    if how in (3, 4, 7, 8):
        pixels = pixels[::-1]
    if how in (2, 3, 6, 7):
        pixels = pixels[:, ::-1]
    return np.ascontiguousarray(pixels)


def _npy(path: Path, data: bytes) -> NDArray[np.float32]:
    stream = io.BytesIO(data)
    try:
        version = np.lib.format.read_magic(stream)
        read = np.lib.format.read_array_header_1_0
        if version != (1, 0):
            read = np.lib.format.read_array_header_2_0
        shape, _, dtype = read(stream)
    except ValueError as error:
        raise FilterLabError(f"{path}: this .npy file is damaged; save it again.") from error
    if dtype.hasobject:
        raise FilterLabError(
            f"{path}: holds Python objects (a pickle), which are never run; save plain numbers."
        )
    if len(shape) not in (2, 3) or 0 in shape or shape[2:] not in ((), (1,), (3,), (4,)):
        raise FilterLabError(
            f"{path}: an array of shape {shape} is no picture; "
            "give (height, width) or (height, width, 3)."
        )
    _check_size(path, shape[1], shape[0])
    if dtype.kind not in "uifb":
        raise FilterLabError(f"{path}: holds {dtype}, not numbers; save it as float32.")
    try:
        array = np.load(io.BytesIO(data), allow_pickle=False)
    except ValueError as error:
        raise FilterLabError(f"{path}: this .npy file is cut off; save it again.") from error
    pixels = _as_float(array)
    if not np.isfinite(pixels).all():
        raise FilterLabError(f"{path}: holds values that are not finite; replace NaN and inf.")
    if pixels.ndim == 3 and pixels.shape[2] == 4:
        pixels = pixels[:, :, :3] * pixels[:, :, 3:] + (1 - pixels[:, :, 3:])
    return pixels[:, :, 0] if pixels.ndim == 3 and pixels.shape[2] == 1 else pixels
