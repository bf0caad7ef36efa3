"""Frames of an animation, pages of a TIFF: each as it was written, within the same limits."""

from __future__ import annotations

import io
import struct
import zlib
from pathlib import Path

import numpy as np
import pytest
import tifffile
from PIL import Image

from filterlab.errors import FilterLabError
from filterlab.pictures import headers, read_frame, read_frame_job, read_picture
from filterlab.pictures.headers import read_header
from filterlab.progress import run_job

RNG = np.random.default_rng(12)


def animated(kind: str, frames: list[np.ndarray], **options: object) -> bytes:
    """An animation of RGB or RGBA frames, without loss (of a GIF, up to 256 colours each)."""
    stream = io.BytesIO()
    images = [Image.fromarray(frame) for frame in frames]
    if kind == "WEBP":
        options["lossless"] = True
    images[0].save(stream, kind, save_all=True, append_images=images[1:], **options)
    return stream.getvalue()


def gif(frames: list[np.ndarray], **options: object) -> bytes:
    """A GIF of RGB or RGBA frames, of at most 256 colours each."""
    return animated("GIF", frames, **options)


def levels(count: int, rows: int = 18, cols: int = 23) -> list[np.ndarray]:
    """RGB frames of 16 greys, which a GIF keeps exactly; all different."""
    greys = RNG.integers(0, 16, (count, rows, cols), np.uint8) * 17
    return [np.repeat(grey[..., None], 3, axis=2) for grey in greys]


KINDS = ("GIF", "WEBP", "PNG")


@pytest.mark.parametrize("kind", KINDS)
def test_each_frame_of_an_animation(tmp_path: Path, kind: str) -> None:
    frames = levels(5)
    (tmp_path / "a").write_bytes(animated(kind, frames, duration=40))
    for number, frame in enumerate(frames):
        picture, count = read_frame(tmp_path / "a", number)
        assert count == 5
        np.testing.assert_allclose(picture, frame / 255.0, atol=1e-6)
        grey = read_picture(tmp_path / "a", grey=True, frame=number)
        np.testing.assert_allclose(grey, frame[..., 0] / 255.0, atol=1e-6)


@pytest.mark.parametrize("kind", ["WEBP", "PNG"])
def test_what_is_clear_in_a_frame_is_white(tmp_path: Path, kind: str) -> None:
    """And what is half so is half white; colours are red, green, blue in each frame."""
    frames = []
    for colour in ((255, 0, 0), (0, 0, 255)):
        frame = np.zeros((12, 16, 4), np.uint8)
        frame[3:6, 4:9] = (*colour, 255)
        frame[8:10, 4:9] = (*colour, 51)
        frames.append(frame)
    # Disposal 1 (of a PNG) clears the frame away, which a WebP of full frames needs not.
    options = {"disposal": 1, "blend": 0} if kind == "PNG" else {}
    (tmp_path / "a").write_bytes(animated(kind, frames, **options))
    for number, frame in enumerate(frames):
        alpha = frame[..., 3:] / 255.0
        expected = frame[..., :3] / 255.0 * alpha + 1 - alpha
        picture = read_picture(tmp_path / "a", frame=number)
        np.testing.assert_allclose(picture, expected, atol=0.01)


def whole_png(frames: list[np.ndarray]) -> bytes:
    """An animated PNG of whole 16-bit frames; Pillow leaves out what looks alike in 8 bits."""
    rows, cols = frames[0].shape
    parts = [
        (b"IHDR", struct.pack(">IIBBBBB", cols, rows, 16, 0, 0, 0, 0)),
        (b"acTL", struct.pack(">II", len(frames), 0)),
    ]
    number = 0
    for frame in frames:
        lines = b"".join(b"\0" + line.astype(">u2").tobytes() for line in frame)
        data = zlib.compress(lines)
        parts.append((b"fcTL", struct.pack(">IIIIIHHBB", number, cols, rows, 0, 0, 1, 25, 0, 0)))
        number += 1
        if frame is frames[0]:
            parts.append((b"IDAT", data))
        else:
            parts.append((b"fdAT", struct.pack(">I", number) + data))
            number += 1
    parts.append((b"IEND", b""))
    chunks = (
        struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))
        for kind, body in parts
    )
    return b"\x89PNG\r\n\x1a\n" + b"".join(chunks)


def test_a_png_of_16_bits_keeps_them(tmp_path: Path) -> None:
    frames = [RNG.integers(0, 65536, (9, 11), np.uint16) for _ in range(3)]
    (tmp_path / "a.png").write_bytes(whole_png(frames))
    for number, frame in enumerate(frames):
        grey, count = read_frame(tmp_path / "a.png", number, grey=True)
        assert count == 3
        np.testing.assert_allclose(grey, frame / 65535.0, atol=1e-6)


def test_a_png_may_have_a_picture_before_its_animation(tmp_path: Path) -> None:
    """It is for viewers that show no animation; here it is the first frame."""
    still, *frames = levels(4)
    images = [Image.fromarray(frame) for frame in (still, *frames)]
    path = tmp_path / "a.png"
    images[0].save(path, save_all=True, append_images=images[1:], default_image=True)
    for number, frame in enumerate((still, *frames)):
        picture, count = read_frame(path, number)
        assert count == 4
        np.testing.assert_allclose(picture, frame / 255.0, atol=1e-6)


def test_chunks_beside_a_pngs_frames_are_passed_over(tmp_path: Path) -> None:
    """A text that would unpack to more than there is room for harms no frame."""
    frames = levels(3)
    data = animated("PNG", frames)
    packed = zlib.compress(bytes(100_000_000), 9)
    chunk = b"zTXta\0\0" + packed
    chunk = struct.pack(">I", len(chunk) - 4) + chunk + struct.pack(">I", zlib.crc32(chunk))
    at = data.index(b"IDAT") - 4
    (tmp_path / "a.png").write_bytes(data[:at] + chunk + data[at:])
    picture = read_picture(tmp_path / "a.png", frame=2)
    np.testing.assert_allclose(picture, frames[2] / 255.0, atol=1e-6)


def test_frames_that_are_claimed_and_not_there_cannot_be_chosen() -> None:
    data = bytearray(animated("PNG", levels(3)))
    at = data.index(b"acTL") + 4
    for claimed, found in ((1 << 31, 3), (2, 2), (0, 1)):
        struct.pack_into(">I", data, at, claimed)
        header = read_header(bytes(data))
        assert header is not None
        assert header.frames == found
    data = bytearray(animated("WEBP", levels(3)))
    whole = read_header(bytes(data))
    assert whole is not None
    assert whole.frames == 3
    cut = read_header(bytes(data[:-1]))
    assert cut is not None
    assert (cut.frames, cut.complete) == (2, False)
    data[20] &= ~2  # no animation
    still = read_header(bytes(data))
    assert still is not None
    assert still.frames == 1


def test_a_frame_is_drawn_over_those_before(tmp_path: Path) -> None:
    """A file keeps of a frame only what changes; what is clear shows white at last."""
    first = np.full((20, 30, 3), 200, np.uint8)
    second, third = first.copy(), first.copy()
    second[4:7, 5:9] = 10
    third[4:7, 5:9], third[12:15, 20:28] = 10, 90
    data = gif([first, second, third], disposal=1)
    (tmp_path / "a.gif").write_bytes(data)
    places = list(headers._gif_frames(data))
    assert places[1] == (5, 4, 4, 3), "only what changed is in the file"
    assert read_frame(tmp_path / "a.gif", 2)[1] == 3
    np.testing.assert_allclose(
        read_picture(tmp_path / "a.gif", frame=2), third / np.float32(255), atol=0.01
    )
    clear = np.zeros((20, 30, 4), np.uint8)
    clear[5:8, 6:9] = (255, 0, 0, 255)
    (tmp_path / "clear.gif").write_bytes(gif([clear]))
    picture = read_picture(tmp_path / "clear.gif")
    np.testing.assert_array_equal(picture[0, 0], 1)
    np.testing.assert_array_equal(picture[6, 7], (1, 0, 0))


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("kind", ["u1", "u2", "f4"])
def test_each_page_of_a_tiff(tmp_path: Path, order: str, kind: str) -> None:
    """Pages of sizes, depths and channels of their own."""
    path = tmp_path / "pages.tif"
    pages = []
    with tifffile.TiffWriter(path, byteorder=order) as writer:
        for number in range(4):
            shape = (10 + number, 14) if number % 2 else (10, 14 + number, 3)
            page = RNG.random(shape, np.float32)
            if kind != "f4":
                page = (page * np.iinfo(kind).max).astype(kind)
            photometric = "minisblack" if number % 2 else "rgb"
            writer.write(page, photometric=photometric, contiguous=False, metadata=None)
            pages.append(page / (1 if kind == "f4" else np.float32(np.iinfo(kind).max)))
    for number, page in enumerate(pages):
        picture, count = read_frame(path, number)
        assert count == 4
        expected = page if page.ndim == 3 else np.repeat(page[..., None], 3, axis=2)
        np.testing.assert_allclose(picture, expected, atol=1e-6)


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "WEBP", "BMP", "PPM", "GIF", "TIFF", "npy"])
def test_most_files_have_one_frame(tmp_path: Path, kind: str) -> None:
    path = tmp_path / "a"
    if kind == "npy":
        np.save(tmp_path / "a.npy", np.zeros((4, 5), np.float32))
        path = tmp_path / "a.npy"
    else:
        Image.fromarray(levels(1)[0]).save(path, kind)
    assert read_frame(path)[1] == 1
    for frame in (1, -1):
        with pytest.raises(FilterLabError, match=r"no frame \d in it; choose one from 1 to 1"):
            read_frame(path, frame)


def test_a_frame_that_is_not_there_is_said(tmp_path: Path) -> None:
    (tmp_path / "a.gif").write_bytes(gif(levels(3)))
    with pytest.raises(FilterLabError, match="there is no frame 4 in it; choose one from 1 to 3"):
        read_picture(tmp_path / "a.gif", frame=3)


def test_a_cut_off_gif_has_the_frames_that_are_whole(tmp_path: Path) -> None:
    data = gif(levels(4))
    whole = [at for at in range(13, len(data)) if read_header(data[:at]).frames == 2]
    assert whole
    (tmp_path / "a.gif").write_bytes(data[: whole[-1]])
    assert read_frame(tmp_path / "a.gif", 1)[1] == 2


def test_a_gif_without_one_whole_frame_is_cut_off(tmp_path: Path) -> None:
    data = gif(levels(1))
    for end in (20, len(data) // 2, len(data) - 3):
        (tmp_path / "a.gif").write_bytes(data[:end])
        with pytest.raises(FilterLabError, match="cut off or damaged"):
            read_picture(tmp_path / "a.gif")


def test_a_damaged_frame_is_said(tmp_path: Path) -> None:
    """A page whose pixels lie beyond the end of the file; the others are read all the same."""
    path = tmp_path / "a.tif"
    with tifffile.TiffWriter(path) as writer:
        for frame in levels(3):
            writer.write(frame, photometric="rgb", contiguous=False, metadata=None)
    data = bytearray(path.read_bytes())
    pages = list(headers._tiff_pages(bytes(data)))
    (count,) = struct.unpack_from("<H", data, pages[1])
    for entry in range(pages[1] + 2, pages[1] + 2 + 12 * count, 12):
        if struct.unpack_from("<H", data, entry)[0] == 273:  # StripOffsets
            struct.pack_into("<I", data, entry + 8, len(data) + 1000)
    path.write_bytes(data)
    assert read_frame(path, 2)[0].shape == (18, 23, 3)
    with pytest.raises(FilterLabError, match="cut off or damaged"):
        read_frame(path, 1)


@pytest.mark.parametrize("kind", KINDS)
def test_reading_far_on_can_be_stopped(tmp_path: Path, kind: str) -> None:
    """Each frame on the way is a step."""
    frames = levels(9)
    (tmp_path / "a.gif").write_bytes(animated(kind, frames))
    told: list[float] = []
    picture, _ = run_job(
        read_frame_job(tmp_path / "a.gif", 8), lambda progress: told.append(progress.fraction)
    )
    np.testing.assert_allclose(picture, frames[8] / 255.0, atol=1e-6)
    assert told == [n / 9 for n in range(9)]
    job = read_frame_job(tmp_path / "a.gif", 8)
    next(job)
    job.close()


# Limits: the file is a stranger's


def _page(width: int, height: int, following: int) -> bytes:
    tags = [(256, 4, 1, width), (257, 4, 1, height), (258, 3, 1, 8), (259, 3, 1, 1),
            (262, 3, 1, 1), (273, 4, 1, 8), (278, 4, 1, height), (279, 4, 1, 4)]  # fmt: skip
    packed = b"".join(struct.pack("<HHII", *tag) for tag in tags)
    return struct.pack("<H", len(tags)) + packed + struct.pack("<I", following)


def pages(*sizes: tuple[int, int], last: int = 0) -> bytes:
    """A TIFF of pages that share four bytes of pixels; ``last`` is the last one's link."""
    data, length = struct.pack("<2sHI4s", b"II", 42, 12, bytes(4)), len(_page(1, 1, 0))
    for number, size in enumerate(sizes):
        at = len(data)
        data += _page(*size, last if number == len(sizes) - 1 else at + length)
    return data


def test_the_page_asked_for_is_held_to_the_limit(tmp_path: Path) -> None:
    path = tmp_path / "a.tif"
    path.write_bytes(pages((2, 2), (30_000, 30_000), (2, 2)))
    assert read_frame(path, 2)[0].shape == (2, 2, 3)
    with pytest.raises(FilterLabError, match="30000x30000 pixels, over the limit of 100 mega"):
        read_frame(path, 1)


def test_pages_that_go_round_are_counted_once() -> None:
    header = read_header(pages((2, 2), (2, 2), (2, 2), last=12))
    assert header is not None
    assert (header.frames, header.complete) == (3, True)


@pytest.mark.parametrize("last", [3, 1 << 31, 10_000])
def test_a_link_to_nowhere_ends_the_pages(last: int) -> None:
    header = read_header(pages((2, 2), (2, 2), last=last))
    assert header is not None
    assert header.frames == 2


def test_no_more_frames_than_the_limits(monkeypatch: pytest.MonkeyPatch) -> None:
    animations = [animated(kind, levels(6, 10, 10)) for kind in KINDS]
    monkeypatch.setattr(headers, "MOST_FRAMES", 4)
    for many in (*animations, pages(*[(2, 2)] * 6)):
        header = read_header(many)
        assert header is not None
        assert header.frames == 4
    # Each frame of an animation takes drawing those before it.
    monkeypatch.setattr(headers, "_MOST_DRAWN", 250)
    for many in animations:
        header = read_header(many)
        assert header is not None
        assert header.frames == 2


def test_a_frame_beyond_the_screen_counts(tmp_path: Path) -> None:
    data = bytearray(gif(levels(1, 10, 10)))
    at = data.rindex(b"\x2c\0\0\0\0\x0a\0\x0a\0")
    struct.pack_into("<HH", data, at + 5, 30_000, 30_000)
    (tmp_path / "a.gif").write_bytes(data)
    with pytest.raises(FilterLabError, match="30000x30000 pixels, over the limit of 100 mega"):
        read_frame(tmp_path / "a.gif")


PAGES = pages((2, 2), (1, 2), (2, 1))


def test_damaged_bytes_are_one_sentence(tmp_path: Path) -> None:
    """Whatever byte is wrong: a picture of the file's, or one sentence."""
    path = tmp_path / "a"
    for data in (*[animated(kind, levels(3, 6, 7)) for kind in KINDS], PAGES):
        for at in range(0, len(data), 2):
            value = (0, 255, data[at] ^ 0x81)[at // 2 % 3]
            path.write_bytes(data[:at] + bytes([value]) + data[at + 1 :])
            for frame in (0, 2):
                said = str(path)
                try:
                    assert read_frame(path, frame)[0].shape[2] == 3
                except FilterLabError as error:
                    said = str(error)
                assert said.startswith(str(path))
