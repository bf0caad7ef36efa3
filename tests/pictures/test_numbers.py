"""Headers written byte by byte, and patterns drawn pixel by pixel."""

from __future__ import annotations

import math
import struct

import numpy as np
import pytest

from filterlab.pictures import pattern
from filterlab.pictures.headers import read_header


def sized(data: bytes) -> tuple[str, int, int, int]:
    header = read_header(data)
    assert header is not None
    return header.format, header.width, header.height, header.orientation


def directory(order: str, *entries: tuple[int, int, int, int]) -> bytes:
    """A TIFF of (tag, type, count, value), the value in the field's first bytes."""
    codes = {1: "B", 3: "H", 4: "I", 6: "b", 8: "h", 9: "i"}
    head = b"II*\0" if order == "<" else b"MM\0*"
    data = head + struct.pack(order + "IH", 8, len(entries))
    for tag, kind, count, value in entries:
        field = struct.pack(order + codes.get(kind, "I"), value).ljust(4, b"\0")
        data += struct.pack(order + "HHI", tag, kind, count) + field
    return data + bytes(8)


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("kind", [3, 4, 8, 9])
def test_a_tiff_of_either_order_and_any_number(order: str, kind: int) -> None:
    data = directory(order, (256, kind, 1, 300), (257, kind, 1, 200))
    assert sized(data) == ("TIFF", 300, 200, 1)


@pytest.mark.parametrize("order", ["<", ">"])
def test_a_tiffs_larger_size_counts(order: str) -> None:
    """Of a tag that stands twice, and of a tile that is larger than its picture."""
    twice = directory(order, (256, 3, 1, 300), (256, 3, 1, 70), (257, 3, 1, 20), (257, 3, 1, 200))
    assert sized(twice) == ("TIFF", 300, 200, 1)
    small = ((256, 4, 1, 300), (257, 4, 1, 200), (322, 4, 1, 2048), (323, 4, 1, 2048))
    assert sized(directory(order, *small)) == ("TIFF", 300, 200, 1), "a tile of 4 megapixels"
    large = ((256, 4, 1, 300), (257, 4, 1, 5000), (322, 4, 1, 4096), (323, 4, 1, 1025))
    assert sized(directory(order, *large)) == ("TIFF", 4096, 5000, 1)
    wide = ((256, 4, 1, 5000), (257, 4, 1, 200), (322, 4, 1, 1025), (323, 4, 1, 4096))
    assert sized(directory(order, *wide)) == ("TIFF", 5000, 4096, 1)
    inside = ((256, 4, 1, 5000), (257, 4, 1, 5000), (322, 4, 1, 4096), (323, 4, 1, 4096))
    assert sized(directory(order, *inside)) == ("TIFF", 5000, 5000, 1)


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize(("told", "taken"), [(1, 1), (2, 2), (6, 6), (8, 8), (0, 1), (9, 1)])
def test_a_jpegs_marks(order: str, told: int, taken: int) -> None:
    """Fill bytes, marks without a length, a turn in EXIF, and the larger of two frames."""
    exif = b"Exif\0\0" + directory(order, (274, 3, 1, told))[:-8]  # its last number at the end

    def block(mark: int, body: bytes) -> bytes:
        return struct.pack(">BBH", 0xFF, mark, len(body) + 2) + body

    def frame(mark: int, rows: int, columns: int) -> bytes:
        return block(mark, struct.pack(">BHHB", 8, rows, columns, 3) + bytes(9))

    data = b"\xff\xd8" + block(0xE1, exif) + b"\xff\x01" + b"\xff\xd0" + b"\xff\xd7" + b"\xff\xff"
    data += b"\xff" + block(0xC4, bytes(20))[1:] + frame(0xC0, 200, 300) + block(0xC8, bytes(30))
    scan = block(0xDA, bytes(10)) + b"x" * 20
    header = read_header(data + scan + b"\xff\xd9")
    assert header is not None
    assert (header.format, header.width, header.height) == ("JPEG", 300, 200)
    assert (header.orientation, header.complete) == (taken, True)
    cut = read_header(data + scan)
    assert cut is not None
    assert not cut.complete
    both = data + frame(0xC2, 100, 900) + scan + b"\xff\xd9"
    assert sized(both) == ("JPEG", 900, 200, taken)
    frameless = read_header(b"\xff\xd8" + scan + b"\xff\xd9")
    assert frameless is None or not frameless.complete
    ends = read_header(data + b"\xff\xd9" + bytes(9))
    assert ends is not None
    assert not ends.complete


def test_bitmaps_of_both_ages() -> None:
    """A height below zero says that the rows begin at the top."""
    for height in (200, -200):
        new = b"BM" + bytes(12) + struct.pack("<Iii", 40, 300, height) + bytes(40)
        assert sized(new) == ("BMP", 300, 200, 1)
    old = b"BM" + bytes(12) + struct.pack("<IHH", 12, 300, 200) + bytes(40)
    assert sized(old) == ("BMP", 300, 200, 1)


def test_gif_webp_and_pnm() -> None:
    assert sized(b"GIF89a" + struct.pack("<HH", 300, 200) + bytes(20)) == ("GIF", 300, 200, 1)

    def webp(body: bytes, more: int = 0) -> bytes:
        return b"RIFF" + struct.pack("<I", len(body) + 4 + more) + b"WEBP" + body

    lossy = b"VP8 " + bytes(10) + struct.pack("<HH", 300 | 1 << 14, 200 | 2 << 14) + bytes(20)
    assert sized(webp(lossy)) == ("WebP", 300, 200, 1)
    bits = (300 - 1) | (200 - 1) << 14
    whole = b"VP8L" + bytes(4) + b"\x2f" + struct.pack("<I", bits) + bytes(20)
    assert sized(webp(whole)) == ("WebP", 300, 200, 1)
    size = (299).to_bytes(3, "little") + (199).to_bytes(3, "little")
    plain = b"VP8X" + bytes(8) + size + bytes(20)
    assert sized(webp(plain)) == ("WebP", 300, 200, 1)
    for head in (b"", b"Exif\0\0"):
        turned = plain + b"EXIF" + bytes(4) + head + directory("<", (274, 3, 1, 6))
        assert sized(webp(turned)) == ("WebP", 300, 200, 6)
    for more, complete in ((0, True), (1, False), (-1, True)):
        header = read_header(webp(plain, more))
        assert header is not None
        assert header.complete is complete
    for text in (b"P6\n300 200\n255\n", b"P5 # 7 8\r\n# 9\n300\t# 10\n200 255 ", b"P1\n300\n200\n"):
        assert sized(text) == ("PNM", 300, 200, 1)


def test_a_zone_plate_is_the_cosine_of_the_square_of_the_distance() -> None:
    found = pattern("zone plate", 40, 60)
    assert found.shape == (40, 60)
    for row, column in ((0, 0), (19, 29), (20, 31), (5, 50), (39, 0), (33, 12)):
        square = (row - 19.5) ** 2 + (column - 29.5) ** 2
        wanted = 0.5 + 0.5 * math.cos(math.pi * square / 40)
        assert found[row, column] == pytest.approx(wanted, abs=1e-5)


def test_the_other_patterns_pixel_by_pixel() -> None:
    one = pattern("impulse", 41, 60)
    assert np.argwhere(one).tolist() == [[20, 30]]
    assert one[20, 30] == 1
    board = pattern("checkerboard", 50, 75, square=12)
    for row, column in ((0, 0), (0, 12), (11, 11), (12, 11), (12, 12), (49, 74)):
        assert board[row, column] == (row // 12 + column // 12) % 2
    ramp = pattern("gradient", 4, 11)
    np.testing.assert_allclose(ramp, np.tile(np.arange(11) / 10, (4, 1)), atol=1e-6)
    grain = pattern("noise", 200, 300, seed=3)
    assert grain.mean() == pytest.approx(0.5, abs=0.005)
    assert grain.std() == pytest.approx(0.15, abs=0.005)
    assert 0 <= grain.min() < 0.05
    assert 0.95 < grain.max() <= 1
    np.testing.assert_array_equal(grain, pattern("noise", 200, 300, seed=3))
    assert (grain != pattern("noise", 200, 300, seed=4)).mean() > 0.9


def test_step_edges_place_by_place() -> None:
    """80 x 160: a square, upright bars, and sectors of 15 degrees about (40, 120)."""
    found = pattern("step edges", 80, 160)
    wanted = np.full((80, 160), 0.25)
    wanted[10:40, 20:60] = 0.75
    for row in range(50, 70):
        for column in range(10, 70):
            if column // 5 % 2 == 0:
                wanted[row, column] = 1.0
    for row in range(80):
        for column in range(80, 160):
            angle = math.degrees(math.atan2(row - 40, column - 120)) % 360
            if int(angle // 15) % 2 == 0:
                wanted[row, column] = 0.9
    np.testing.assert_allclose(found, wanted, atol=1e-6)


@pytest.mark.parametrize("name", ["zone plate", "impulse", "step edges", "text", "gradient"])
def test_a_pattern_is_360_pixels_high_and_480_wide(name: str) -> None:
    assert pattern(name).shape == (360, 480)


def test_text_goes_from_large_to_small() -> None:
    """Seven lines, each lower than the one before, from the left edge on."""
    page = pattern("text")
    rows = np.flatnonzero((page < 0.5).any(axis=1))
    lines = np.split(rows, np.flatnonzero(np.diff(rows) > 1) + 1)
    assert 5 <= len(lines) <= 8
    heights = [len(line) for line in lines]
    assert heights == sorted(heights, reverse=True)
    assert heights[0] > 2 * heights[-1]
    columns = np.flatnonzero((page < 0.5).any(axis=0))
    assert 5 <= columns[0] <= 20
    assert page.min() == 0
    assert page.max() == 1
