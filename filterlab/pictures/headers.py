"""What a picture file's header says, read before anything is decoded.

A file of a few bytes may claim gigabytes of pixels; its size, and whether the file was cut off,
is found here from the bytes alone.
"""

from __future__ import annotations

import re
import struct
import zlib
from collections.abc import Callable, Iterator, Set
from dataclasses import dataclass

__all__ = ["MOST_FRAMES", "Header", "animated_png", "plain_png", "read_header", "with_page_first"]

#: Frames of a file that can be chosen; further ones are passed over.
MOST_FRAMES = 10_000
#: An animation's frames are drawn over each other: so many pixels in all on the way to the last.
_MOST_DRAWN = 1_000_000_000


@dataclass(frozen=True)
class Header:
    """A picture's format and size.

    Attributes
    ----------
    format : str
        ``"PNG"``, ``"JPEG"``, ``"TIFF"``, ``"BMP"``, ``"GIF"``, ``"WebP"`` or ``"PNM"``.
    width, height : int
        In pixels, as stored (before any EXIF turn); of a TIFF those of the page asked for.
    orientation : int
        The EXIF orientation, 1 to 8; 1 where the file says nothing.
    complete : bool
        False where the file visibly ends too early or a checksum is wrong.
    frames : int
        Frames of a GIF, a WebP or a PNG, pages of a TIFF that can be chosen, at most
        :data:`MOST_FRAMES`; else 1.
    """

    format: str
    width: int
    height: int
    orientation: int = 1
    complete: bool = True
    frames: int = 1


def read_header(data: bytes, frame: int = 0) -> Header | None:
    """The header of a picture file, or None if the bytes are of no known format.

    ``frame``, from 0, is the page of a TIFF whose size is asked for; one that is not there
    counts as the first. Raises nothing: a header that cannot be followed counts as not complete,
    of size 0.
    """
    reader = next((read for magic, read in _READERS if data.startswith(magic)), None)
    if reader is None:
        return None
    try:
        return _tiff(data, frame) if reader is _tiff else reader(data)
    except (struct.error, IndexError, ValueError):
        return Header(reader.__name__.strip("_").upper(), 0, 0, complete=False)


def _png(data: bytes) -> Header:
    if data[12:16] != b"IHDR":
        raise ValueError("no header")
    width, height = struct.unpack_from(">II", data, 16)
    orientation, ended = 1, False
    still, claimed, frames = False, 0, 0
    for kind, start, end in _png_chunks(data):
        # Lower-case first letter: an ancillary chunk, whose damage harms no pixel.
        if kind[:1].isupper() and zlib.crc32(memoryview(data)[start + 4 : end - 4]) != (
            int.from_bytes(data[end - 4 : end], "big")
        ):
            break
        if kind == b"eXIf":
            orientation = _orientation(data[start + 8 : end - 4])
        if kind == b"acTL" and not claimed:
            claimed = int.from_bytes(data[start + 8 : start + 12], "big")
        if kind == b"fcTL":
            frames += 1
        if kind == b"IDAT" and not frames:
            still = True  # a picture for viewers that show no animation; it counts as the first
        ended = kind == b"IEND"
    frames = _drawable(min(frames, claimed) + still, width * height)
    return Header("PNG", width, height, orientation, ended, frames)


def _drawable(frames: int, pixels: int) -> int:
    """How many frames of so many pixels can be chosen; one at least."""
    return max(1, min(frames, MOST_FRAMES, _MOST_DRAWN // max(1, pixels)))


def _png_chunks(data: bytes) -> Iterator[tuple[bytes, int, int]]:
    """Kind, start and end of each chunk that is there whole, to the closing one."""
    at = 8
    while at + 12 <= len(data):
        (length,) = struct.unpack_from(">I", data, at)
        kind, end = data[at + 4 : at + 8], at + 12 + length
        if end > len(data):
            return
        yield kind, at, end
        if kind == b"IEND":
            return
        at = end


def plain_png(data: bytes) -> bytes:
    """A PNG with nothing but its pixels, palette and transparency.

    OpenCV ignores the colour profile, but grumbles at odd ones, and a damaged animation makes it
    read where nothing is, which ends the process (seen in OpenCV 5.0).
    """
    return _only(_PNG_PIXELS, data)


def animated_png(data: bytes) -> bytes:
    """A PNG with nothing but its frames."""
    return _only(_PNG_PIXELS | {b"acTL", b"fcTL", b"fdAT"}, data)


def _only(kinds: Set[bytes], data: bytes) -> bytes:
    view = memoryview(data)
    kept = [view[start:end] for kind, start, end in _png_chunks(data) if kind in kinds]
    return b"".join([view[:8], *kept])


_PNG_PIXELS = {b"IHDR", b"PLTE", b"tRNS", b"IDAT", b"IEND"}


def _jpeg(data: bytes) -> Header:
    at, orientation = 2, 1
    width = height = 0
    while True:
        if data[at] != 0xFF:
            raise ValueError("no marker")
        marker = data[at + 1]
        if marker == 0xFF:  # fill byte
            at += 1
            continue
        if marker == 0x01 or 0xD0 <= marker <= 0xD7:  # markers without a length
            at += 2
            continue
        (length,) = struct.unpack_from(">H", data, at + 2)
        if marker == 0xE1 and data[at + 4 : at + 10] == b"Exif\0\0":
            orientation = _orientation(data[at + 10 : at + 2 + length])
        if 0xC0 <= marker <= 0xCF and marker not in (0xC4, 0xC8, 0xCC):
            # A second frame is none of JPEG's; whichever a decoder takes, the larger one counts.
            height, width = map(max, (height, width), struct.unpack_from(">HH", data, at + 5))
        at += 2 + length
        if marker == 0xDA:  # the picture's data; a thumbnail's end marker lies before it
            complete = width > 0 and data.find(b"\xff\xd9", at) >= 0
            return Header("JPEG", width, height, orientation, complete)
        if marker == 0xD9:
            return Header("JPEG", width, height, orientation, False)


def _bmp(data: bytes) -> Header:
    (head,) = struct.unpack_from("<I", data, 14)
    if head == 12:
        width, height = struct.unpack_from("<HH", data, 18)
    else:
        width, height = struct.unpack_from("<ii", data, 18)
    return Header("BMP", abs(width), abs(height))


def _gif(data: bytes) -> Header:
    """The screen, as large as frames that reach beyond it make it, and the whole frames."""
    width, height = struct.unpack_from("<HH", data, 6)
    frames, drawn = 0, 0
    for left, top, wide, high in _gif_frames(data):
        width, height = max(width, left + wide), max(height, top + high)
        drawn += width * height
        if frames and (frames == MOST_FRAMES or drawn > _MOST_DRAWN):
            break
        frames += 1
    return Header("GIF", width, height, complete=frames > 0, frames=max(1, frames))


def _gif_frames(data: bytes) -> Iterator[tuple[int, int, int, int]]:
    """Left, top, width and height of each frame that is there whole."""

    def behind_table(at: int, flags: int) -> int:
        return at + (3 << (flags & 7) + 1 if flags & 0x80 else 0)

    at = behind_table(13, data[10])
    while at < len(data) and data[at] in (0x21, 0x2C):
        place = None
        if data[at] == 0x2C:
            if at + 10 > len(data):
                return
            *place, flags = struct.unpack_from("<HHHHB", data, at + 1)
            at = behind_table(at + 10, flags) + 1
        else:
            at += 2
        while at < len(data) and data[at]:
            at += 1 + data[at]
        if at >= len(data):
            return
        at += 1
        if place is not None:
            yield place[0], place[1], place[2], place[3]


def _webp(data: bytes) -> Header | None:
    if data[8:12] != b"WEBP":
        return None
    complete = struct.unpack_from("<I", data, 4)[0] + 8 <= len(data)
    kind = data[12:16]
    if kind == b"VP8X":
        width = 1 + int.from_bytes(data[24:27], "little")
        height = 1 + int.from_bytes(data[27:30], "little")
        exif = data.find(b"EXIF", 30)
        start = exif + 8 + (6 if data[exif + 8 : exif + 12] == b"Exif" else 0)
        orientation = _orientation(data[start:]) if exif >= 0 else 1
        frames = _drawable(_webp_frames(data), width * height) if data[20] & 2 else 1
        return Header("WebP", width, height, orientation, complete, frames)
    if kind == b"VP8L":
        bits = int.from_bytes(data[21:25], "little")
        return Header("WebP", 1 + (bits & 0x3FFF), 1 + (bits >> 14 & 0x3FFF), 1, complete)
    if kind != b"VP8 ":
        raise ValueError("no picture first")
    width, height = struct.unpack_from("<HH", data, 26)
    return Header("WebP", width & 0x3FFF, height & 0x3FFF, 1, complete)


def _webp_frames(data: bytes) -> int:
    """How many frames of an animation are there whole."""
    at, frames = 12, 0
    while at + 8 <= len(data):
        length = int.from_bytes(data[at + 4 : at + 8], "little")
        end = at + 8 + length + length % 2
        frames += data[at : at + 4] == b"ANMF" and end <= len(data)
        at = end
    return frames


# After white space and comments; a comment ends with its line, however that ends.
_NUMBER = re.compile(rb"(?:\s|#[^\r\n]*[\r\n])*(\d{1,10})(?=\s)")
_PNM_HEAD = 1 << 16  # bytes of comments and size


def _pnm(data: bytes) -> Header:
    numbers: list[int] = []
    at = 2
    while len(numbers) < 2:
        found = _NUMBER.match(data, at, _PNM_HEAD)
        if found is None:
            raise ValueError("no size")
        numbers.append(int(found.group(1)))
        at = found.end()
    return Header("PNM", numbers[0], numbers[1])


def _tiff(data: bytes, frame: int = 0) -> Header:
    pages = list(_tiff_pages(data))
    tags = _tiff_tags(data, pages[frame] if frame < len(pages) else None)
    width, height = tags.get(256, 0), tags.get(257, 0)
    # A tile is decoded whole, so one that is larger than its picture counts as the picture.
    tile = tags.get(322, 0) * tags.get(323, 0)
    if tile > max(width * height, _SMALL_TILE):
        width, height = max(width, tags[322]), max(height, tags[323])
    # The decoder turns a TIFF by its own tag 274, so that it counts as upright here.
    return Header("TIFF", width, height, 1, width > 0 and height > 0, max(1, len(pages)))


def _tiff_pages(data: bytes) -> Iterator[int]:
    """Where each page's directory begins, of at most :data:`MOST_FRAMES`."""
    order = _order(data)
    (at,) = struct.unpack_from(order + "I", data, 4)
    seen: set[int] = set()
    while at >= 8 and at + 2 <= len(data) and at not in seen and len(seen) < MOST_FRAMES:
        (count,) = struct.unpack_from(order + "H", data, at)
        end = at + 2 + 12 * count
        if not count or end > len(data):
            return
        yield at
        seen.add(at)
        # Some writers leave the last link out.
        at = struct.unpack_from(order + "I", data, end)[0] if end + 4 <= len(data) else 0


def with_page_first(data: bytes, frame: int) -> bytes:
    """A TIFF whose first page is another one, counted from 0; the file's other bytes stay."""
    pages = list(_tiff_pages(data))
    return data[:4] + struct.pack(_order(data) + "I", pages[frame]) + data[8:]


def _order(data: bytes) -> str:
    """The byte order of a TIFF or an EXIF block, as :mod:`struct` has it."""
    order = {b"II": "<", b"MM": ">"}.get(data[:2])
    if order is None:
        raise ValueError("no byte order")
    return order


def _orientation(exif: bytes) -> int:
    """The orientation in an EXIF block; 1 where it is missing or senseless."""
    try:
        value = _tiff_tags(exif).get(274, 1)
    except (struct.error, IndexError, ValueError):
        return 1
    return value if 1 <= value <= 8 else 1


def _tiff_tags(data: bytes, at: int | None = None) -> dict[int, int]:
    """The single whole numbers of a TIFF's directory, the first if no other place is given.

    Where a tag stands twice, decoders differ in which they take: the larger one counts. A tag of
    a size that is no such number counts as damage.
    """
    order = _order(data)
    if at is None:
        (at,) = struct.unpack_from(order + "I", data, 4)
    (count,) = struct.unpack_from(order + "H", data, at)
    tags: dict[int, int] = {}
    for i in range(count):
        tag, kind, n = struct.unpack_from(order + "HHI", data, at + 2 + 12 * i)
        if n == 1 and kind in _TIFF_NUMBERS:
            (value,) = struct.unpack_from(order + _TIFF_NUMBERS[kind], data, at + 10 + 12 * i)
            tags[tag] = max(value, tags.get(tag, 0))
        elif tag in _TIFF_SIZES:
            raise ValueError("no number")
    return tags


_SMALL_TILE = 1 << 22  # pixels
_TIFF_SIZES = (256, 257, 322, 323)
#: TIFF's types of whole numbers: byte, short, long and the signed ones.
_TIFF_NUMBERS = {1: "B", 3: "H", 4: "I", 6: "b", 8: "h", 9: "i"}

_READERS: tuple[tuple[bytes, Callable[[bytes], Header | None]], ...] = (
    (b"\x89PNG\r\n\x1a\n", _png),
    (b"\xff\xd8\xff", _jpeg),
    (b"II*\0", _tiff),
    (b"MM\0*", _tiff),
    (b"BM", _bmp),
    (b"GIF87a", _gif),
    (b"GIF89a", _gif),
    (b"RIFF", _webp),
    *((b"P%d" % kind, _pnm) for kind in range(1, 7)),
)
