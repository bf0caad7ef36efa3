"""``filterlab filter``: files written, the reference's numbers, bad input in one line."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from filterlab.cli import main
from filterlab.pictures import read_picture, write_picture

RNG = np.random.default_rng(9)


@pytest.fixture
def picture(tmp_path: Path) -> Path:
    path = tmp_path / "图 in.png"
    write_picture(path, RNG.random((20, 30, 3), dtype=np.float32))
    return path


def _fails(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    """Run; status 2 and one line on stderr, which is returned."""
    try:
        status = main(["filter", *arguments])
    except SystemExit as stop:
        status = int(stop.code or 0)
    written = capsys.readouterr()
    assert status == 2
    assert written.out == ""
    assert written.err.count("\n") == 1
    assert written.err.startswith("filterlab: error: ")
    return written.err


def test_the_tutorials_filters(
    shared: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "out" / "deep"
    specs = ["--kernel", "gaussian:sigma=1,size=5", "--kernel", "sobel-h", "--kernel", "sobel-v"]
    image = str(shared / "images/cat_gray.jpg")
    assert main(["filter", image, *specs, "--out", str(out)]) == 0
    expected = np.load(shared / "goldens/nets/designer_filters.npz")["designed_out"][0]
    for index in range(3):
        found = np.load(out / f"filter_{index}.npy")
        assert found.dtype == np.float32
        np.testing.assert_allclose(found, expected[index], atol=1e-4, rtol=1e-4)
        shown = read_picture(out / f"filter_{index}.png", grey=True)
        low, high = expected.min(), expected.max()
        np.testing.assert_allclose(shown, (expected[index] - low) / (high - low), atol=0.003)
    assert len(list(out.iterdir())) == 6
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 3
    assert "476 x 356" in lines[0]
    # White as 1 instead of 255 gives the same, 255 times smaller.
    assert main(["filter", image, *specs, "--range", "1", "--out", str(out)]) == 0
    found = np.load(out / "filter_2.npy")
    np.testing.assert_allclose(found, expected[2] / 255, atol=1e-5)


def test_biases_sizes_and_files(picture: Path, tmp_path: Path) -> None:
    kernel = tmp_path / "kernel.csv"
    kernel.write_text("0,0,0\n0,1,0\n0,0,0\n", "utf-8")
    out = tmp_path / "out"
    arguments = ["filter", str(picture), "--kernel", str(kernel), "identity:size=1x7", "box"]
    assert main([*arguments, "--bias", "-1", "1/2", "--out", str(out)]) == 0
    grey = read_picture(picture, grey=True) * 255
    found = [np.load(out / f"filter_{index}.npy") for index in range(3)]
    # 3 x 3 and 1 x 7 together make 3 x 7.
    assert [f.shape for f in found] == [(18, 24)] * 3
    np.testing.assert_allclose(found[0], grey[1:-1, 3:-3] - 1, atol=1e-4)
    np.testing.assert_allclose(found[1], grey[1:-1, 3:-3] + 0.5, atol=1e-4)
    assert found[2][0, 0] == pytest.approx(grey[:3, :7].mean(), abs=1e-3)


@pytest.mark.parametrize("look", ["shared", "signed", "each", "clip"])
def test_colour_padding_and_looks(picture: Path, tmp_path: Path, look: str) -> None:
    out = tmp_path / "out"
    arguments = ["filter", str(picture), "--colour", "each", "--pad", "same", "--look", look]
    assert main([*arguments, "--kernel", "identity", "laplacian-8", "--out", str(out)]) == 0
    original = read_picture(picture)
    data = [np.load(out / f"filter_{index}.npy") for index in range(2)]
    assert data[1].shape == (20, 30, 3)
    np.testing.assert_allclose(data[0], original * 255, atol=1e-4)
    shown = read_picture(out / "filter_1.png")
    if look == "signed":
        np.testing.assert_allclose(shown, data[1] / np.abs(data).max() / 2 + 0.5, atol=0.003)
    elif look == "clip":
        np.testing.assert_allclose(shown, np.clip(data[1] / 255, 0, 1), atol=0.003)
        np.testing.assert_allclose(read_picture(out / "filter_0.png"), original, atol=0.003)
    elif look == "each":
        assert (shown.min(), shown.max()) == (0, 1)


def test_a_flat_output_is_a_picture_too(tmp_path: Path) -> None:
    write_picture(tmp_path / "flat.png", np.full((9, 9), 0.5, np.float32))
    out = tmp_path / "out"
    arguments = ["filter", str(tmp_path / "flat.png"), "--kernel", "sobel-h", "--out", str(out)]
    assert main(arguments) == 0
    assert read_picture(out / "filter_0.png").shape == (5, 5, 3)


def test_bad_inputs_corpus(
    shared: Path, picture: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder, out = shared / "bad_inputs", tmp_path / "out"
    with (folder / "MANIFEST.tsv").open(encoding="utf-8", newline="") as stream:
        rows = list(csv.DictReader(stream, delimiter="\t"))
    checked = 0
    for row in rows:
        path = str(folder / row["file"])
        if row["kind"] == "kernel" and row["expect"] == "ok":
            good = tmp_path / row["file"]
            assert main(["filter", str(picture), "--kernel", path, "--out", str(good)]) == 0
            assert (good / "filter_0.npy").is_file()
            capsys.readouterr()
        elif row["kind"] == "kernel":
            line = _fails(capsys, str(picture), "--kernel", "sobel-h", path, "--out", str(out))
            assert row["file"] in line
        elif row["kind"] == "image":
            line = _fails(capsys, path, "--kernel", "sobel-h", "--out", str(out))
            assert row["file"] in line
        else:
            continue
        checked += 1
        assert not out.exists()
    assert checked >= 11


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--kernel", "swirl"], "swirl"),
        (["--kernel", "gaussian:size=4"], "odd"),
        (["--kernel", "missing.csv"], "missing.csv"),
        (["--kernel", "box", "--bias", "x"], "--bias x"),
        (["--kernel", "box", "--bias", "1", "2"], "2 biases"),
        (["--kernel", "box", "--stride", "0"], "stride"),
        (["--kernel", "box", "--stride", "two"], "two"),
        (["--kernel", "box", "--dilation", "3", "--kernel", "box:size=11"], "does not fit"),
        ([], "--kernel"),
    ],
)
def test_bad_arguments(
    picture: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    arguments: list[str],
    words: str,
) -> None:
    out = tmp_path / "out"
    assert words in _fails(capsys, str(picture), *arguments, "--out", str(out))
    assert not out.exists()


def test_an_output_folder_that_cannot_be(
    picture: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "file").write_text("", "utf-8")
    for name in ("file", "file/deeper"):
        line = _fails(capsys, str(picture), "--kernel", "box", "--out", str(tmp_path / name))
        assert "cannot make the folder" in line
    assert "missing.png" in _fails(
        capsys, str(tmp_path / "missing.png"), "--kernel", "box", "--out", str(tmp_path / "o")
    )


@pytest.mark.parametrize("what", ["picture", "kernel"])
def test_its_own_input_is_never_overwritten(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], what: str
) -> None:
    picture, kernel = tmp_path / "filter_1.png", tmp_path / "filter_0.npy"
    write_picture(picture, RNG.random((20, 30, 3), dtype=np.float32))
    np.save(kernel, np.ones((3, 3), np.float32))
    image, spec = (picture, "box") if what == "picture" else (tmp_path / "in.png", str(kernel))
    if what == "kernel":
        picture.rename(image)
    before = {path: path.read_bytes() for path in tmp_path.iterdir()}
    error = _fails(capsys, str(image), "--kernel", spec, "box", "--out", str(tmp_path))
    assert "--out: this would overwrite its own input, " in error
    assert {path: path.read_bytes() for path in tmp_path.iterdir()} == before


@pytest.mark.parametrize(
    ("spec", "says"),
    [
        ("gaussian:sigm=1", "no parameter 'sigm'; did you mean sigma? it takes sigma, size"),
        ("gaussian:sizes=5", "did you mean size? it takes sigma, size"),
        ("sobel-h:angle=3", "no parameter 'angle'; it takes size"),
        ("box:size=1e9", "size '1e9' is no kernel size; write size=5 or size=3x7"),
    ],
)
def test_a_wrong_parameter_is_told_with_the_right_ones(
    picture: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], spec: str, says: str
) -> None:
    assert says in _fails(capsys, str(picture), "--kernel", spec, "--out", str(tmp_path / "out"))


def test_a_frame_of_a_gif(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Counted from 1, as the window counts."""
    greys = RNG.integers(0, 16, (3, 20, 30), np.uint8) * 17
    images = [Image.fromarray(grey) for grey in greys]
    path = tmp_path / "a.gif"
    images[0].save(path, save_all=True, append_images=images[1:])
    command = [str(path), "--kernel", "identity:size=3", "--range", "1"]
    for number, chosen in (("1", []), ("3", ["--frame", "3"])):
        assert main(["filter", *command, *chosen, "--out", str(tmp_path / number)]) == 0
        found = np.load(tmp_path / number / "filter_0.npy")
        expected = greys[int(number) - 1, 1:-1, 1:-1] / np.float32(255)
        np.testing.assert_allclose(found, expected, atol=1e-6)
    capsys.readouterr()
    error = _fails(capsys, *command, "--frame", "4", "--out", str(tmp_path))
    assert "there is no frame 4 in it; choose one from 1 to 3" in error
    assert "counted from 1" in _fails(capsys, *command, "--frame", "0", "--out", str(tmp_path))
