"""Picture files: values, depths, turns, transparency, and files that are not what they claim."""

from __future__ import annotations

import io
import struct
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from filterlab.errors import FilterLabError
from filterlab.pictures import MAX_PIXELS, read_picture, write_picture
from filterlab.pictures.headers import read_header


@pytest.fixture
def pixels() -> np.ndarray:
    """An uneven 5x7 RGB picture: every pixel differs from every other."""
    return np.random.default_rng(3).permutation(5 * 7 * 3).reshape(5, 7, 3).astype(np.uint8) * 2


@pytest.mark.parametrize("name", ["a.png", "b.bmp", "c.webp", "d.tif", "猫 图.png"])
def test_reads_what_another_program_wrote(tmp_path: Path, pixels: np.ndarray, name: str) -> None:
    path = tmp_path / name
    options: dict[str, Any] = {"lossless": True} if name.endswith("webp") else {}
    Image.fromarray(pixels).save(path, **options)
    picture = read_picture(path)
    assert picture.dtype == np.float32
    np.testing.assert_allclose(picture, pixels / 255.0, atol=1e-6)


@pytest.mark.parametrize("name", ["a.png", "b.bmp", "猫.png"])
def test_another_program_reads_what_was_written(
    tmp_path: Path, pixels: np.ndarray, name: str
) -> None:
    write_picture(tmp_path / name, pixels / 255.0)
    np.testing.assert_array_equal(np.asarray(Image.open(tmp_path / name)), pixels)
    assert [p.name for p in tmp_path.iterdir()] == [name]  # no temporary file is left


def test_grey_is_what_load_image_gives(tmp_path: Path, pixels: np.ndarray) -> None:
    from skimage.color import rgb2gray

    path = tmp_path / "a.png"
    Image.fromarray(pixels).save(path)
    grey = read_picture(path, grey=True)
    assert grey.dtype == np.float32
    np.testing.assert_allclose(grey, rgb2gray(pixels), atol=1e-6)


def test_a_grey_file_stays_as_it_is(tmp_path: Path, pixels: np.ndarray) -> None:
    path = tmp_path / "a.png"
    Image.fromarray(pixels[:, :, 0]).save(path)
    np.testing.assert_allclose(read_picture(path, grey=True), pixels[:, :, 0] / 255.0, atol=1e-6)
    assert read_picture(path).shape == (5, 7, 3)


def test_sixteen_bits_keep_their_depth(tmp_path: Path) -> None:
    values = (np.arange(6, dtype=np.uint16) * 11003).reshape(2, 3)
    Image.fromarray(values).save(tmp_path / "a.png")
    np.testing.assert_allclose(
        read_picture(tmp_path / "a.png", grey=True), values / 65535.0, atol=1e-7
    )


@pytest.mark.parametrize("mode", ["RGBA", "LA", "P"])
def test_transparency_lies_over_white(tmp_path: Path, mode: str) -> None:
    rgba = np.zeros((2, 2, 4), np.uint8)
    rgba[0, 0] = 40, 40, 40, 255
    rgba[0, 1] = 40, 40, 40, 0
    rgba[1, 0] = 40, 40, 40, 0 if mode == "P" else 51
    image = Image.fromarray(rgba)
    if mode == "P":
        image = Image.fromarray(np.array([[0, 1], [1, 1]], np.uint8), "P")
        image.putpalette([40, 40, 40, 9, 9, 9])
        image.save(tmp_path / "a.png", transparency=1)
    else:
        image.convert(mode).save(tmp_path / "a.png")
    got = read_picture(tmp_path / "a.png")[:, :, 0]
    dark = 40 / 255
    assert got[0, 0] == pytest.approx(dark, abs=1e-5)
    assert got[0, 1] == pytest.approx(1)
    assert got[1, 0] == pytest.approx(1 if mode == "P" else 0.2 * dark + 0.8, abs=1e-5)


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("suffix", [".jpg", ".png", ".webp", ".tif"])
def test_an_exif_turn_is_carried_out(tmp_path: Path, suffix: str, orientation: int) -> None:
    from PIL import ImageOps

    blocks = np.random.default_rng(5).integers(0, 256, (3, 4, 3))
    image = Image.fromarray(np.kron(blocks, np.ones((16, 16, 1))).astype(np.uint8))
    exif = Image.Exif()
    exif[274] = orientation
    path = tmp_path / f"a{suffix}"
    known: dict[str, dict[str, Any]] = {".jpg": {"quality": 100}, ".webp": {"lossless": True}}
    options = known.get(suffix, {})
    image.save(path, exif=exif, **options)
    expected = np.asarray(ImageOps.exif_transpose(Image.open(path)), np.float32) / 255
    got = read_picture(path)
    assert got.shape == expected.shape
    # JPEG decoders round differently; a wrong turn is off by far more.
    assert np.abs(got - expected).mean() < 0.01


def test_tiff_and_npy_keep_floats_as_they_are(tmp_path: Path) -> None:
    values = np.random.default_rng(0).normal(0, 3, (4, 6, 3)).astype(np.float32)
    for name in ("a.tif", "a.npy"):
        write_picture(tmp_path / name, values)
        np.testing.assert_array_equal(read_picture(tmp_path / name), values)
        write_picture(tmp_path / name, values[:, :, 1])
        np.testing.assert_array_equal(read_picture(tmp_path / name, grey=True), values[:, :, 1])


def test_eight_bits_clip_and_round(tmp_path: Path) -> None:
    write_picture(tmp_path / "a.png", np.array([[-1.0, 0.4999, 2.0, np.nan]]))
    assert np.asarray(Image.open(tmp_path / "a.png")).tolist() == [[0, 127, 255, 0]]


def test_jpeg_is_close(tmp_path: Path) -> None:
    smooth = np.linspace(0, 1, 64 * 64 * 3).reshape(64, 64, 3)
    write_picture(tmp_path / "a.jpg", smooth)
    assert np.abs(read_picture(tmp_path / "a.jpg") - smooth).max() < 0.03


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("bomb.png", "60000x60000 pixels, over the limit of 100 megapixels"),
        ("truncated.png", "cut off or damaged"),
        ("text.jpg", "is not a picture"),
        ("empty.jpg", "is empty"),
        ("pickled.npy", "pickle"),
        ("missing.png", "no such file"),
        (".", "is a folder"),
    ],
)
def test_bad_files_are_refused_in_a_sentence(shared: Path, name: str, words: str) -> None:
    with pytest.raises(FilterLabError, match=words) as error:
        read_picture(shared / "bad_inputs" / name)
    assert "\n" not in str(error.value)
    assert str(shared) in str(error.value)


def _encoded(kind: str) -> bytes:
    stream = io.BytesIO()
    rng = np.random.default_rng(1)
    Image.fromarray(rng.integers(0, 256, (64, 48, 3), np.uint8)).save(stream, kind)
    return stream.getvalue()


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "TIFF", "WEBP", "BMP", "GIF", "PPM"])
def test_headers_agree_with_another_reader(kind: str) -> None:
    header = read_header(_encoded(kind))
    assert header is not None
    assert (header.width, header.height, header.complete) == (48, 64, True)


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "TIFF", "WEBP"])
@pytest.mark.parametrize("share", [0.01, 0.3, 0.7, 0.98])
def test_a_cut_off_file_is_refused(tmp_path: Path, kind: str, share: float) -> None:
    data = _encoded(kind)
    path = tmp_path / f"a.{kind.lower()}"
    path.write_bytes(data[: max(9, int(len(data) * share))])
    with pytest.raises(FilterLabError, match="damaged"):
        read_picture(path)


def test_a_flipped_bit_in_a_png_is_noticed(tmp_path: Path) -> None:
    data = bytearray(_encoded("PNG"))
    data[len(data) // 2] ^= 0x10
    (tmp_path / "a.png").write_bytes(data)
    with pytest.raises(FilterLabError, match="damaged"):
        read_picture(tmp_path / "a.png")


@pytest.mark.parametrize("kind", ["BMP", "GIF", "PPM", "JPEG", "TIFF"])
def test_a_huge_claim_is_refused_before_decoding(tmp_path: Path, kind: str) -> None:
    data = bytearray(_encoded(kind))
    at, form = {
        "BMP": (18, "<ii"),
        "GIF": (6, "<HH"),
        "JPEG": (data.find(b"\xff\xc0") + 5, ">HH"),
        "PPM": (0, ""),
        "TIFF": (0, ""),
    }[kind]
    if kind == "PPM":
        data = bytearray(b"P6\n# a comment\n60000 60000\n255\n" + bytes(64))
    elif kind == "TIFF":
        tags = [(256, 4, 1, 60000), (257, 4, 1, 60000), (258, 3, 1, 8), (273, 4, 1, 8)]
        data = bytearray(struct.pack("<2sHIH", b"II", 42, 8, len(tags)))
        data += b"".join(struct.pack("<HHII", *tag) for tag in tags) + bytes(4)
    else:
        struct.pack_into(form, data, at, 60000, 60000)
    path = tmp_path / f"a.{kind.lower()}"
    path.write_bytes(data)
    with pytest.raises(FilterLabError, match="60000x60000 pixels, over the limit"):
        read_picture(path)


def test_a_huge_npy_claim_is_refused_before_memory_is_taken(tmp_path: Path) -> None:
    stream = io.BytesIO()
    np.lib.format.write_array_header_1_0(
        stream, {"descr": "<f4", "fortran_order": False, "shape": (60000, 60000)}
    )
    (tmp_path / "a.npy").write_bytes(stream.getvalue())
    with pytest.raises(FilterLabError, match="14400000000 bytes of values are needed, 0 are there"):
        read_picture(tmp_path / "a.npy")


@pytest.mark.parametrize(
    ("array", "words"),
    [
        (np.zeros((2, 3, 5)), r"shape \(2, 3, 5\)"),
        (np.zeros(4), r"shape \(4,\)"),
        (np.full((2, 2), np.nan), "not finite"),
        (np.array([["a", "b"]]), "not numbers"),
        (np.ones((2, 2), complex), "not numbers"),
    ],
)
def test_arrays_that_are_no_picture(tmp_path: Path, array: np.ndarray, words: str) -> None:
    np.save(tmp_path / "a.npy", array)
    with pytest.raises(FilterLabError, match=words):
        read_picture(tmp_path / "a.npy")


def test_a_truncated_npy(tmp_path: Path) -> None:
    np.save(tmp_path / "a.npy", np.zeros((20, 20)))
    data = (tmp_path / "a.npy").read_bytes()
    for end in (7, 60, 1000):
        (tmp_path / "a.npy").write_bytes(data[:end])
        with pytest.raises(FilterLabError):
            read_picture(tmp_path / "a.npy")


def test_the_limit_itself_is_not_refused() -> None:
    side = int(MAX_PIXELS**0.5)
    chunk = b"IHDR" + struct.pack(">IIBBBBB", side, side, 8, 2, 0, 0, 0)
    png = b"\x89PNG\r\n\x1a\n" + struct.pack(">I", 13) + chunk
    header = read_header(png + struct.pack(">I", zlib.crc32(chunk)))
    assert header is not None
    assert header.width * header.height == MAX_PIXELS
    assert not header.complete


@pytest.mark.parametrize(
    ("name", "array", "words"),
    [
        ("a.xyz", np.zeros((2, 2)), "choose one of these endings"),
        ("a.png", np.zeros((2, 2, 5)), "cannot be written"),
        ("a.png", np.zeros((0, 2)), "cannot be written"),
        ("no/folder/a.png", np.zeros((2, 2)), "choose another place"),
    ],
)
def test_what_cannot_be_written(tmp_path: Path, name: str, array: np.ndarray, words: str) -> None:
    with pytest.raises(FilterLabError, match=words):
        write_picture(tmp_path / name, array)
    assert list(tmp_path.iterdir()) == []


def test_random_bytes_behind_every_magic_never_escape(tmp_path: Path) -> None:
    rng = np.random.default_rng(11)
    path = tmp_path / "a"
    for magic in (b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff", b"II*\0", b"MM\0*", b"BM", b"GIF89a",
                  b"RIFF\0\0\0\0WEBP", b"P5 ", b"\x93NUMPY"):  # fmt: skip
        for _ in range(20):
            path.write_bytes(magic + rng.bytes(int(rng.integers(0, 200))))
            with pytest.raises(FilterLabError):
                read_picture(path)


def test_a_float_picture_that_is_not_finite(tmp_path: Path) -> None:
    values = np.ones((3, 4), np.float32)
    values[1, 2] = np.nan
    write_picture(tmp_path / "a.tif", values)
    with pytest.raises(FilterLabError, match="not finite"):
        read_picture(tmp_path / "a.tif")
