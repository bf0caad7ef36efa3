"""Files of pictures, frames of films and shelves: each value, limit and place, computed by hand."""

from __future__ import annotations

import io
import struct
import threading
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from filterlab.errors import FilterLabError
from filterlab.pictures import composed, files, pattern, sample, sample_title, samples
from filterlab.pictures.camera import Camera, first_frame
from filterlab.pictures.files import (
    decode_picture,
    encode_picture,
    exact_suffix,
    grey_of,
    read_frame,
    read_picture,
    write_picture,
)
from filterlab.pictures.headers import read_header
from filterlab.pictures.patterns import (
    checkerboard,
    gradient,
    impulse,
    noise,
    step_edges,
    text,
    zone_plate,
)
from filterlab.pictures.shelf import FolderShelf, MovieShelf, pictures_in

RNG = np.random.default_rng(21)


# --- values -------------------------------------------------------------------------------------


@pytest.mark.parametrize("shape", [(600, 701), (2, 300_001), (300_001, 2)])
@pytest.mark.parametrize("grey", [False, True])
def test_a_picture_of_many_blocks_is_read_pixel_by_pixel(
    tmp_path: Path, shape: tuple[int, int], grey: bool
) -> None:
    """It is converted block by block: none is lost, none lies elsewhere."""
    values = RNG.integers(0, 256, (*shape, 3), np.uint8)
    path = tmp_path / "a.ppm"
    path.write_bytes(b"P6\n%d %d\n255\n" % shape[::-1] + values.tobytes())
    wanted = values / np.float32(255)
    if grey:
        wanted = wanted.astype(np.float64) @ [0.2125, 0.7154, 0.0721]
    found = read_picture(path, grey)
    assert found.shape == wanted.shape
    np.testing.assert_allclose(found, wanted, atol=1e-6)
    if grey:
        np.testing.assert_allclose(grey_of(values / np.float32(255)), wanted, atol=1e-6)


@pytest.mark.parametrize("depth", ["u1", "u2"])
@pytest.mark.parametrize("channels", [1, 2, 3, 4])
def test_transparency_of_any_depth_lies_over_white(
    tmp_path: Path, channels: int, depth: str
) -> None:
    """Grey and colour, each with and without it, in a PNG written byte by byte."""
    most = np.iinfo(depth).max
    values = RNG.integers(0, most, (5, 7, channels), depth, endpoint=True)
    kind = {1: 0, 2: 4, 3: 2, 4: 6}[channels]
    rows = b"".join(b"\0" + row.astype(values.dtype.newbyteorder(">")).tobytes() for row in values)
    parts = [
        (b"IHDR", struct.pack(">IIBBBBB", 7, 5, 8 * values.itemsize, kind, 0, 0, 0)),
        (b"IDAT", zlib.compress(rows)),
        (b"IEND", b""),
    ]
    data = b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))
        for name, body in parts
    )
    share = values.astype(np.float64) / most
    colour, alpha = (share[..., :-1], share[..., -1:]) if channels in (2, 4) else (share, 1.0)
    wanted = np.broadcast_to(colour * alpha + 1 - alpha, (5, 7, 3))
    np.testing.assert_allclose(decode_picture(data, "a.png"), wanted, atol=1e-5)
    grey = wanted @ [0.2125, 0.7154, 0.0721]
    np.testing.assert_allclose(decode_picture(data, "a.png", True), grey, atol=1e-5)


@pytest.mark.parametrize(
    ("kind", "scale"),
    [("u1", 255), ("<u2", 65535), (">u2", 65535), ("f4", 1), ("f8", 1), ("i4", 1)],
)
@pytest.mark.parametrize("tail", [(), (1,), (3,), (4,)])
def test_arrays_of_any_kind(tmp_path: Path, kind: str, scale: int, tail: tuple[int, ...]) -> None:
    values = np.array([0, 1, 2, 200]).astype(kind)[RNG.integers(0, 4, (4, 6, *tail))]
    np.save(tmp_path / "a.npy", values)
    share = values.astype(np.float64) / scale
    if tail == (4,):
        share = share[..., :3] * share[..., 3:] + 1 - share[..., 3:]
    wanted = np.broadcast_to(share if tail else share[..., None], (4, 6, 3))
    np.testing.assert_allclose(read_picture(tmp_path / "a.npy"), wanted, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("shape", [(0, 4), (4, 0), (4, 4, 2), (4, 4, 0), (4, 4, 3, 1), (1, 1, 5)])
def test_arrays_of_other_shapes_are_no_picture(tmp_path: Path, shape: tuple[int, ...]) -> None:
    np.save(tmp_path / "a.npy", np.zeros(shape, np.float32))
    with pytest.raises(FilterLabError):
        read_picture(tmp_path / "a.npy")


@pytest.mark.parametrize(
    ("pixels", "suffix"),
    [
        (np.arange(256, dtype=np.float32)[None] / np.float32(255), ".png"),
        (np.float32([[0, 0.5]]), ".npy"),
        (np.float32([[0, 1.5]]), ".npy"),
        (np.float32([[-1, 1]]), ".npy"),
        (np.float32([[np.nan, 1]]), ".npy"),
        (np.zeros((2, 3, 3), np.float32), ".png"),
    ],
)
def test_which_file_loses_nothing(tmp_path: Path, pixels: np.ndarray, suffix: str) -> None:
    assert exact_suffix(pixels) == suffix
    if suffix == ".png":
        write_picture(tmp_path / "a.png", pixels)
        np.testing.assert_array_equal(read_picture(tmp_path / "a.png", pixels.ndim == 2), pixels)


def test_what_is_written_as_8_bits() -> None:
    """Rounded to the nearest of 256, halves up; out of range is cut; bytes stay as they are."""
    steps = np.array([[-3, 0, 0.499 / 255, 0.501 / 255, 127.4 / 255, 254.6 / 255, 1, 7, np.nan]])
    for name in ("a.png", "a.BMP"):
        found = np.asarray(Image.open(io.BytesIO(encode_picture(steps, name))).convert("L"))
        assert found.tolist() == [[0, 0, 0, 1, 127, 255, 255, 255, 0]]
    found = np.asarray(
        Image.open(io.BytesIO(encode_picture(np.array([[np.inf, -np.inf]]), "a.png")))
    )
    assert found.tolist() == [[255, 0]]
    values = RNG.integers(0, 256, (4, 5, 3), np.uint8)
    for name in ("a.png", "a.bmp", "a.tif", "a.npy"):
        np.testing.assert_allclose(
            decode_picture(encode_picture(values, name), name), values / 255, atol=1e-6
        )
    one = encode_picture(values[..., :1], "a.png")
    np.testing.assert_array_equal(np.asarray(Image.open(io.BytesIO(one))), values[..., 0])


def test_jpegs_are_of_quality_95() -> None:
    """Their tables of quantisation are those that the standard's formula gives."""
    values = RNG.integers(0, 256, (32, 32, 3), np.uint8)
    wanted = io.BytesIO()
    Image.fromarray(values).save(wanted, "JPEG", quality=95)
    for name in ("a.jpg", "a.jpeg"):
        found = Image.open(io.BytesIO(encode_picture(values, name)))
        assert found.quantization == Image.open(wanted).quantization  # type: ignore[attr-defined]


# --- limits -------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["a.png", "a.npy"])
def test_so_many_pixels_and_no_more(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    write_picture(tmp_path / name, np.zeros((5, 7), np.float32))
    monkeypatch.setattr(files, "MAX_PIXELS", 35)
    assert read_picture(tmp_path / name).shape == (5, 7, 3)
    monkeypatch.setattr(files, "MAX_PIXELS", 34)
    with pytest.raises(FilterLabError, match="claims 7x5 pixels"):
        read_picture(tmp_path / name)


def test_so_large_a_file_and_no_larger(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert (files.MAX_PIXELS, files._MAX_BYTES) == (100_000_000, 1024**3)
    path = tmp_path / "a.png"
    write_picture(path, np.zeros((5, 7), np.float32))
    monkeypatch.setattr(files, "_MAX_BYTES", path.stat().st_size)
    read_picture(path)
    monkeypatch.setattr(files, "_MAX_BYTES", path.stat().st_size - 1)
    with pytest.raises(FilterLabError, match=r"the file has 0\.0 GB, over the limit of 0\.0 GB"):
        read_picture(path)
    monkeypatch.undo()
    with path.open("wb") as stream:
        stream.truncate(1024**3 + 1)  # takes no room on the disk
    with pytest.raises(FilterLabError, match=r"the file has 1\.1 GB, over the limit of 1\.1 GB"):
        read_picture(path)


# --- headers ------------------------------------------------------------------------------------


def chunk(kind: bytes, body: bytes, spoilt: int = 0) -> bytes:
    crc = zlib.crc32(kind + body) ^ spoilt
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", crc)


def png(*parts: bytes, size: tuple[int, int] = (300, 200)) -> bytes:
    head = chunk(b"IHDR", struct.pack(">IIBBBBB", *size, 8, 0, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + head + b"".join(parts)


IDAT, IEND = chunk(b"IDAT", bytes(30)), chunk(b"IEND", b"")
TURN = b"II*\0" + struct.pack("<IHHHIHH", 8, 1, 274, 3, 1, 6, 0) + bytes(4)


def told(data: bytes, frame: int = 0) -> tuple[Any, ...]:
    header = read_header(data, frame)
    assert header is not None
    return header.width, header.height, header.orientation, header.complete, header.frames


def test_the_chunks_of_a_png() -> None:
    control, more = chunk(b"fcTL", bytes(26)), chunk(b"fdAT", bytes(20))
    claims = {n: chunk(b"acTL", struct.pack(">II", n, 0)) for n in (0, 1, 2, 3, 9)}
    whole = (300, 200, 1, True)
    assert told(png(IDAT, IEND)) == (*whole, 1)
    assert told(png(chunk(b"eXIf", TURN), IDAT, IEND)) == (300, 200, 6, True, 1)
    # Damage of pixels is damage; of a text beside them it is not.
    assert told(png(chunk(b"IDAT", bytes(30), 1), IEND))[3] is False
    assert told(png(chunk(b"tEXt", b"a\0b", 1), IDAT, IEND)) == (*whole, 1)
    assert told(png(IDAT))[3] is False
    assert told(png(IDAT, IEND[:-1]))[3] is False
    assert told(png(IDAT, IEND, IDAT[:9])) == (*whole, 1), "what follows the end does not count"
    # The first frame is the picture itself if it is announced before the pixels.
    assert told(png(claims[3], control, IDAT, control, more, control, more, IEND)) == (*whole, 3)
    assert told(png(claims[2], IDAT, control, more, control, more, IEND)) == (*whole, 3)
    assert told(png(claims[9], control, IDAT, control, more, IEND)) == (*whole, 2)
    assert told(png(claims[1], control, IDAT, control, more, IEND)) == (*whole, 1)
    assert told(png(claims[2], claims[9], IDAT, control, control, control, IEND)) == (*whole, 3)
    assert told(png(IDAT, control, control, IEND)) == (*whole, 1), "none was announced"


def test_how_far_on_in_an_animation_one_can_go() -> None:
    """All frames up to it are drawn: a thousand million pixels in all, ten thousand frames."""
    control = chunk(b"fcTL", bytes(26))
    claim = chunk(b"acTL", struct.pack(">II", 20_000, 0))
    for size, frames in (((30_000, 3_000), 11), ((50_000, 20_000), 1), ((9, 9), 12), ((1, 0), 12)):
        data = png(claim, control, IDAT, *[control] * 11, IEND, size=size)
        assert told(data)[4] == frames
    data = png(claim, control, IDAT, *[control] * 10_003, IEND, size=(2, 2))
    assert told(data)[4] == 10_000


def gif(*frames: tuple[int, int, int, int], size: tuple[int, int] = (30, 20)) -> bytes:
    """Frames of (left, top, width, height) without colours of their own; 4 of the screen's."""
    data = b"GIF89a" + struct.pack("<HHBBB", *size, 0x81, 0, 0) + bytes(12)
    for place in frames:
        data += b"\x21\xf9\x04\0\0\0\0\0" + b"\x2c" + struct.pack("<HHHHB", *place, 0)
        data += b"\x02\x03abc\x01d\0"
    return data


def test_the_frames_of_a_gif() -> None:
    assert told(gif((0, 0, 30, 20), (5, 6, 7, 8)) + b"\x3b") == (30, 20, 1, True, 2)
    # As large as its frames make it.
    assert told(gif((10, 0, 25, 20), (0, 9, 3, 14)))[:2] == (35, 23)
    assert told(gif((10, 0, 20, 20), (0, 9, 3, 11)))[:2] == (30, 20)
    both = gif((0, 0, 30, 20), (0, 0, 30, 20))
    assert told(both[:-1]) == (30, 20, 1, True, 1)
    assert told(gif()) == (30, 20, 1, False, 1)
    assert told(gif((0, 0, 1, 1))[:-1])[3] is False
    assert told(gif() + b"\x2c\0\0\0\0\x01")[3] is False
    # With colours of its own: 2 to the power of 3, of three bytes each.
    own = gif() + b"\x2c" + struct.pack("<HHHHB", 0, 0, 40, 9, 0x82) + b"\x2c" * 24
    assert told(own + b"\x02\x01a\0") == (40, 20, 1, True, 1)
    assert told(own + b"\x02\x01a")[3] is False
    # Without colours of the screen's.
    plain = b"GIF87a" + struct.pack("<HHBBB", 3, 4, 0x01, 0, 0)
    assert told(plain + b"\x2c" + struct.pack("<HHHHB", 0, 0, 3, 4, 0) + b"\2\1a\0") == (
        3, 4, 1, True, 1,
    )  # fmt: skip
    # Each counts with the whole screen; the first can always be chosen.
    large = (0, 0, 30_000, 3_000)
    assert told(gif(*[large] * 13))[4] == 11
    assert told(gif((0, 0, 60_000, 60_000)))[4] == 1
    assert told(gif(*[(0, 0, 1, 1)] * 10_001, size=(1, 1)))[4] == 10_000


def webp(*parts: tuple[bytes, bytes], flags: int = 2, more: int = 0) -> bytes:
    size = (299).to_bytes(3, "little") + (199).to_bytes(3, "little")
    body = b"WEBP" + b"VP8X" + struct.pack("<I", 10) + bytes([flags, 0, 0, 0]) + size
    for kind, data in parts:
        body += kind + struct.pack("<I", len(data)) + data + bytes(len(data) % 2)
    return b"RIFF" + struct.pack("<I", len(body) + more) + body


def test_the_frames_of_a_webp() -> None:
    """A part of odd length has a byte behind it."""
    assert told(webp((b"ANIM", bytes(6)), (b"ANMF", bytes(21)), (b"ANMF", bytes(16)))) == (
        300, 200, 1, True, 2,
    )  # fmt: skip
    assert told(webp((b"ANMF", bytes(21)), (b"ANMF", bytes(16)), flags=0))[4] == 1
    assert told(webp((b"ANMF", bytes(21)), (b"ANMF", bytes(16)))[:-1])[3:] == (False, 1)
    assert told(webp((b"ANMF", b""), (b"ANMF", b""), (b"ANMF", b"")))[4] == 3
    assert told(webp((b"ANMF", bytes(4)), (b"EXIF", TURN), (b"ANMF", bytes(4))))[2:] == (6, True, 2)
    assert told(webp((b"EXIF", TURN), flags=0))[2] == 6
    small = webp((b"ANMF", bytes(4)), flags=0)
    assert told(small.replace(b"VP8X", b"ALPH"))[3] is False


def tiff(*entries: tuple[int, int, int], order: str = "<", link: int = 0) -> bytes:
    """Of (tag, type 3 or 4, value)."""
    data = (b"II*\0" if order == "<" else b"MM\0*") + struct.pack(order + "IH", 8, len(entries))
    for tag, kind, value in entries:
        field = struct.pack(order + ("H" if kind == 3 else "I"), value).ljust(4, b"\0")
        data += struct.pack(order + "HHI", tag, kind, 1) + field
    return data + struct.pack(order + "I", link)


@pytest.mark.parametrize("order", ["<", ">"])
def test_the_pages_of_a_tiff(order: str) -> None:
    assert told(tiff((256, 3, 30), (257, 4, 20), order=order)) == (30, 20, 1, True, 1)
    assert told(tiff((256, 3, 1), (257, 4, 1), order=order)) == (1, 1, 1, True, 1)
    assert told(tiff((256, 3, 30), order=order)) == (30, 0, 1, False, 1)
    assert told(tiff((257, 3, 30), order=order)) == (0, 30, 1, False, 1)
    assert told(tiff((256, 3, 0), (257, 3, 20), order=order)) == (0, 20, 1, False, 1)
    assert told(tiff((256, 3, 30), (257, 3, 0), order=order)) == (30, 0, 1, False, 1)
    # The decoder turns it itself.
    assert told(tiff((256, 3, 30), (257, 4, 20), (274, 3, 6), order=order))[2] == 1
    first = tiff((256, 3, 30), (257, 4, 20), order=order, link=38)
    second = struct.pack(order + "HHHIHHHHIHH", 2, 256, 3, 1, 7, 0, 257, 3, 1, 9, 0)
    two = first + second + bytes(4)
    assert len(first) == 38
    assert [told(two, frame)[:2] for frame in (0, 1, 2)] == [(30, 20), (7, 9), (30, 20)]
    assert told(two)[4] == 2
    assert told(first + second)[4] == 2, "some leave the last link out"
    assert told((first + second)[:-1])[4] == 1
    assert told(first + bytes(9))[4] == 1, "a page without an entry is none"


def test_sizes_of_plain_files() -> None:
    assert told(b"P5\n" + b"# x\n" * 9000 + b"30 20\n255\n")[:2] == (30, 20)
    assert told(b"P5\n" + b"#" * (1 << 16) + b"\n30 20\n255\n")[3] is False
    assert told(b"P5 1234567890 20 255 ")[:2] == (1_234_567_890, 20)
    assert told(b"P5 12345678901 20 255 ")[3] is False
    assert told(b"BM" + bytes(12) + struct.pack("<Iii", 40, -30, 20))[:2] == (30, 20)
    for number in range(10):
        assert (read_header(b"P%d 30 20 255 " % number) is not None) is (1 <= number <= 6)


def test_marks_of_a_jpeg() -> None:
    def block(mark: int, body: bytes) -> bytes:
        return struct.pack(">BBH", 0xFF, mark, len(body) + 2) + body

    size = struct.pack(">BHHB", 8, 20, 30, 1) + bytes(3)
    scan = block(0xDA, bytes(6)) + b"pixels\xff\xd9"
    for mark in range(0xC0, 0xD0):
        found = told(b"\xff\xd8" + block(mark, size) + scan)
        assert found == (
            (0, 0, 1, False, 1) if mark in (0xC4, 0xC8, 0xCC) else (30, 20, 1, True, 1)
        )
    data = b"\xff\xd8" + b"\xff\x01\xff\xd0\xff\xd7\xff\xff\xff" + block(0xC0, size) + scan
    assert told(data)[:2] == (30, 20)
    # An end within a thumbnail, before the pixels, is none of the picture.
    thumb = b"\xff\xd8" + block(0xE2, b"\xff\xd9 thumbnail") + block(0xC0, size)
    assert told(thumb + scan)[3] is True
    assert told(thumb + scan[:-2])[3] is False
    exif = block(0xE1, b"Exif\0\0" + TURN)
    assert told(b"\xff\xd8" + exif + block(0xC0, size) + scan)[2] == 6
    assert told(b"\xff\xd8" + block(0xE2, b"Exif\0\0" + TURN) + block(0xC0, size) + scan)[2] == 1
    assert told(b"\xff\xd8" + block(0xC0, size) + b"x" + scan)[3] is False


# --- films --------------------------------------------------------------------------------------


def film(path: Path, frames: int, fps: float = 25) -> Path:
    """Frames of 48 x 64 whose upper left quarter is red, the rest grey; each darker."""
    import cv2

    writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*"MJPG"), fps, (64, 48))
    assert writer.isOpened()
    for k in range(frames):
        bgr = np.full((48, 64, 3), 240 - 20 * k, np.uint8)
        bgr[:24, :32] = (0, 0, 240 - 20 * k)
        writer.write(bgr)
    writer.release()
    return path


def is_frame(picture: np.ndarray, number: int) -> bool:
    light = (240 - 20 * number) / 255
    return (
        picture.shape == (48, 64, 3)
        and np.allclose(picture[4:20, 4:28], (light, 0, 0), atol=0.03)
        and np.allclose(picture[28:, 36:], light, atol=0.03)
    )


def test_the_first_frame_of_a_film(tmp_path: Path) -> None:
    found = first_frame(film(tmp_path / "a.avi", 3))
    assert found.dtype == np.float32
    assert is_frame(found, 0)
    assert not is_frame(found, 1)


@pytest.mark.parametrize(("fps", "taken"), [(10, 10), (240, 240), (500, 240)])
def test_a_film_has_its_own_speed(tmp_path: Path, fps: float, taken: float) -> None:
    with Camera(film(tmp_path / "a.avi", 2, fps)) as camera:
        assert camera._period == pytest.approx(1 / taken, rel=0.01)


def test_a_film_stands_still_and_goes_on(tmp_path: Path) -> None:
    """Paused, it shows no further frame; then the next one, not one that time has passed."""
    with Camera(film(tmp_path / "a.avi", 10, 20)) as camera:
        first = camera.latest(timeout=5)
        assert first is not None
        assert is_frame(first.picture, first.number)
        camera.pause(True)
        camera.latest(first.number, timeout=0.2)  # one may have been on its way
        stands = camera.latest()
        assert stands is not None
        assert camera.latest(stands.number, timeout=0.3) is None
        assert not camera.ended
        camera.pause(False)
        following = camera.latest(stands.number, timeout=5)
        assert following is not None
        assert following.number == stands.number + 1
        assert is_frame(following.picture, following.number)
        camera.pause(True)
    assert camera.ended, "closing ends one that stands"
    assert "camera" not in [t.name for t in threading.enumerate()]


# --- shelves and samples ------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("most", "taken"),
    [(1, [0]), (2, [0, 9]), (3, [0, 4, 9]), (4, [0, 3, 6, 9]), (9, [0, 1, 2, 3, 4, 6, 7, 8, 9]),
     (10, range(10)), (11, range(10))],
)  # fmt: skip
def test_some_of_many_are_taken_evenly(tmp_path: Path, most: int, taken: Any) -> None:
    for k in range(10):
        write_picture(tmp_path / f"{k}.png", np.full((2, 3), k / 10))
    shelf = FolderShelf(tmp_path, most)
    assert [key for key, _ in shelf.pictures()] == [f"{k}.png" for k in taken]
    assert (len(shelf), shelf.title) == (len(taken), tmp_path.name)
    assert len(MovieShelf(film(tmp_path / "one.avi", 1), most)) == 1
    frames = MovieShelf(film(tmp_path / "f.avi", 10), most)
    found = list(frames.pictures())
    assert [key for key, _ in found] == [str(k) for k in taken]
    assert all(picture is not None and is_frame(picture, int(key)) for key, picture in found)


def test_which_files_of_a_folder_are_pictures(tmp_path: Path) -> None:
    for name in ("b.PNG", "A.jpg", "c.tif", "d.webp", "e.npy", "f.txt", "g", "Z.bmp"):
        (tmp_path / name).write_bytes(b"x")
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "a.png").write_bytes(b"x")
    assert [p.name for p in pictures_in(tmp_path)] == ["A.jpg", "b.PNG", "c.tif", "d.webp", "Z.bmp"]


def test_each_part_of_the_composed_picture() -> None:
    import cv2

    whole = composed()
    assert whole.picture.shape == (576, 768, 3)
    assert whole.places == {
        "coffee": (0, 0, 432, 288), "brick": (432, 0, 768, 288),
        "hubble": (0, 288, 336, 576), "chelsea": (336, 288, 768, 576),
    }  # fmt: skip
    cup = cv2.resize(sample("coffee"), (432, 288), interpolation=cv2.INTER_AREA)
    np.testing.assert_array_equal(whole.picture[:288, :432], cup)
    np.testing.assert_array_equal(sample("composed"), whole.picture)
    np.testing.assert_allclose(
        sample("composed", grey=True), whole.picture @ [0.2125, 0.7154, 0.0721], atol=1e-6
    )
    titles = {s.name: s.title for s in samples()}
    assert sample_title("camera") == titles["camera"] == "Cameraman"
    assert sample_title("nothing") == ""


# --- patterns -----------------------------------------------------------------------------------


def test_patterns_of_other_sizes() -> None:
    np.testing.assert_array_equal(checkerboard(4, 6, 0), np.indices((4, 6)).sum(axis=0) % 2)
    board = checkerboard()
    assert board.shape == (360, 480)
    assert np.flatnonzero(np.diff(board[0]))[:2].tolist() == [23, 47]
    assert np.flatnonzero(np.diff(board[:, 0]))[0] == 23
    np.testing.assert_array_equal(noise(30, 40), pattern("noise", 30, 40, seed=0))
    for draw in (checkerboard, gradient, impulse, noise, step_edges, text, zone_plate):
        assert draw().shape == (360, 480)
    default = step_edges()
    assert default[45, 60] == default[179, 179] == 0.75
    assert default[44, 60] == default[45, 59] == default[180, 179] == default[179, 180] == 0.25
    bars = default[225:315, 30:210]
    assert set(np.unique(bars)) == {0.25, 1}
    assert (bars == bars[0]).all()
    assert (default[224, :240] == 0.25).all()
    assert (default[315, :240] == 0.25).all()


def test_text_is_as_large_as_the_page() -> None:
    """Twice the page, twice the letters."""
    small, large = pattern("text", 360, 480), pattern("text", 720, 960)
    ends = [np.argwhere(page < 0.5) for page in (small[:110], large[:220])]
    assert ends[1].min(axis=0) == pytest.approx(2 * ends[0].min(axis=0), abs=4)
    assert ends[1].max(axis=0) == pytest.approx(2 * ends[0].max(axis=0), abs=12)
    assert (large < 0.5).mean() == pytest.approx((small < 0.5).mean(), rel=0.2)
    wide, high = pattern("text", 360, 960), pattern("text", 720, 480)
    np.testing.assert_array_equal(wide[:, :480], small)
    assert (wide[:, 480:] == 1).all()
    np.testing.assert_array_equal(high[:360], small)
    # The first line begins 8 pixels in, and stands on row 102.
    ink = np.argwhere(small[:110] < 0.5)
    assert abs(int(ink[:, 0].max()) - 102) <= 1
    assert 8 <= ink[:, 1].min() <= 14


def test_frames_of_pages_are_read_from_their_own(tmp_path: Path) -> None:
    """Pages of another size: what is read of each is its own, grey or in colour."""
    pages = [Image.fromarray(RNG.integers(0, 256, (5 + k, 9 - k), np.uint8)) for k in range(3)]
    pages[0].save(tmp_path / "a.tif", save_all=True, append_images=pages[1:])
    for k, page in enumerate(pages):
        found, count = read_frame(tmp_path / "a.tif", k, grey=True)
        assert count == 3
        np.testing.assert_allclose(found, np.asarray(page) / 255.0, atol=1e-6)
