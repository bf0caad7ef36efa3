"""Frames of a GIF, pages of a TIFF: each as another reader has it, within the same limits."""

from __future__ import annotations

import io
import struct
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


def gif(frames: list[np.ndarray], **options: object) -> bytes:
    """A GIF of RGB or RGBA frames, of at most 256 colours each."""
    stream = io.BytesIO()
    images = [Image.fromarray(frame) for frame in frames]
    images[0].save(stream, "GIF", save_all=True, append_images=images[1:], **options)
    return stream.getvalue()


def levels(count: int, rows: int = 18, cols: int = 23) -> list[np.ndarray]:
    """RGB frames of 16 greys, which a GIF keeps exactly; all different."""
    greys = RNG.integers(0, 16, (count, rows, cols), np.uint8) * 17
    return [np.repeat(grey[..., None], 3, axis=2) for grey in greys]


def test_each_frame_of_a_gif(tmp_path: Path) -> None:
    frames = levels(5)
    (tmp_path / "a.gif").write_bytes(gif(frames, duration=40))
    for number, frame in enumerate(frames):
        picture, count = read_frame(tmp_path / "a.gif", number)
        assert count == 5
        np.testing.assert_allclose(picture, frame / 255.0, atol=1e-6)
        grey = read_picture(tmp_path / "a.gif", grey=True, frame=number)
        np.testing.assert_allclose(grey, frame[..., 0] / 255.0, atol=1e-6)


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


def test_reading_far_on_can_be_stopped(tmp_path: Path) -> None:
    """Each frame on the way is a step."""
    frames = levels(9)
    (tmp_path / "a.gif").write_bytes(gif(frames))
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
    data = gif(levels(6, 10, 10))
    monkeypatch.setattr(headers, "MOST_FRAMES", 4)
    for many in (data, pages(*[(2, 2)] * 6)):
        header = read_header(many)
        assert header is not None
        assert header.frames == 4
    # Each frame of a GIF takes drawing those before it.
    monkeypatch.setattr(headers, "_MOST_DRAWN", 250)
    header = read_header(data)
    assert header is not None
    assert header.frames == 2


def test_a_frame_beyond_the_screen_counts(tmp_path: Path) -> None:
    data = bytearray(gif(levels(1, 10, 10)))
    at = data.rindex(b"\x2c\0\0\0\0\x0a\0\x0a\0")
    struct.pack_into("<HH", data, at + 5, 30_000, 30_000)
    (tmp_path / "a.gif").write_bytes(data)
    with pytest.raises(FilterLabError, match="30000x30000 pixels, over the limit of 100 mega"):
        read_frame(tmp_path / "a.gif")


def test_damaged_bytes_are_one_sentence(tmp_path: Path) -> None:
    """Whatever byte is wrong: a picture of the file's, or one sentence."""
    path = tmp_path / "a"
    for data in (gif(levels(3, 6, 7)), pages((2, 2), (1, 2), (2, 1))):
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
