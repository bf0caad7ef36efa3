"""``filterlab heatmap`` as a person runs it."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import numpy as np
import pytest

from filterlab.cli import main
from filterlab.pictures import read_picture, write_picture


@pytest.fixture
def squeeze(shared: Path) -> list[str]:
    folder = shared / "squeezenet"
    return [
        *("--prototxt", str(folder / "deploy.prototxt")),
        *("--weights", str(folder / "squeezenet_v1.0.caffemodel")),
        *("--mean", "104,117,123"),
    ]


def test_the_tiger_cat(
    shared: Path, tmp_path: Path, squeeze: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    cat = str(shared / "images/cat.jpg")
    overlay, npy, table = tmp_path / "cat.png", tmp_path / "map.npy", tmp_path / "map.csv"
    tiff = tmp_path / "map.tif"
    files = ["--out", overlay, "--npy", npy, "--csv", table, "--tiff", tiff, "--json"]
    arguments = ["heatmap", cat, "--class", "tiger cat", "--squash", "451", *squeeze]
    assert main([*arguments, *map(str, files)]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["classes"] == [{"index": 282, "name": "tiger cat"}]
    assert found["input_size"] == [451, 451]
    assert found["cells"] == [29, 29]
    assert found["picture_size"] == [360, 480]
    assert read_picture(overlay).shape == (360, 480, 3)
    values = np.load(npy)
    assert values.shape == (29, 29)
    assert values.dtype == np.float32
    np.testing.assert_allclose(values, np.array(found["map"]), rtol=1e-5, atol=1e-9)
    i, j = found["peak"]["cell"]
    assert values[i, j] == values.max() == pytest.approx(found["peak"]["value"])
    x, y = found["peak"]["centre_on_picture"]
    assert 165 < x < 350
    assert 15 < y < 355
    with table.open() as stream:
        rows = list(csv.DictReader(stream))
    assert len(rows) == 29 * 29
    assert float(rows[i * 29 + j]["value"]) == pytest.approx(float(values.max()))
    assert float(rows[i * 29 + j]["centre_x"]) == pytest.approx(x, abs=0.01)
    np.testing.assert_array_equal(read_picture(tiff, grey=True), values)


def test_several_classes_keep_the_shape_and_sum(
    shared: Path, tmp_path: Path, squeeze: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    cat, out = str(shared / "images/cat.jpg"), str(tmp_path / "cats.png")
    assert main(["heatmap", cat, "--class", "281-285", *squeeze, "--out", out, "--legend"]) == 0
    assert "483x355" in capsys.readouterr().out
    drawn = read_picture(out)
    assert drawn.shape[0] > 360
    assert drawn.shape[1] > 480


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["--class", "tiger cat", "--squash", "10"], "smallest that works is"),
        (["--class", "no such thing"], "no such thing"),
        (["--class", "1000"], "1000"),
        (["--class", "282", "--mean", "1,2"], "--mean"),
        (["--class", "282", "--opacity", "3"], "--opacity 3"),
        (["--class", "282", "--size", "0"], "--size 0"),
        (["--class", "282", "--model", "pocket"], "not both"),
    ],
)
def test_bad_requests_are_one_line(
    shared: Path,
    tmp_path: Path,
    squeeze: list[str],
    capsys: pytest.CaptureFixture[str],
    arguments: list[str],
    says: str,
) -> None:
    cat, out = str(shared / "images/cat.jpg"), tmp_path / "x.png"
    assert main(["heatmap", cat, *squeeze, "--out", str(out), *arguments]) == 2
    error = capsys.readouterr().err
    assert error.startswith("filterlab: error: ")
    assert error.count("\n") == 1
    assert says in error
    assert not out.exists()


@pytest.mark.parametrize("name", ["text.jpg", "empty.jpg", "truncated.png", "bomb.png"])
def test_bad_pictures(
    shared: Path,
    tmp_path: Path,
    squeeze: list[str],
    capsys: pytest.CaptureFixture[str],
    name: str,
) -> None:
    out = tmp_path / "x.png"
    bad = str(shared / "bad_inputs" / name)
    assert main(["heatmap", bad, "--class", "282", *squeeze, "--out", str(out)]) == 2
    error = capsys.readouterr().err
    assert error.count("\n") == 1
    assert name in error


def test_a_picture_smaller_than_a_window(
    shared: Path, tmp_path: Path, squeeze: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    tiny = tmp_path / "tiny.png"
    write_picture(tiny, np.full((12, 9, 3), 0.5, np.float32))
    out = ["--out", str(tmp_path / "x.png")]
    assert main(["heatmap", str(tiny), "--class", "282", *squeeze, *out]) == 2
    assert "9x12 pixels, smaller than one window" in capsys.readouterr().err
    assert main(["heatmap", str(tiny), "--class", "282", *squeeze, *out, "--size", "227"]) == 0


def test_nothing_to_write(shared: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["heatmap", str(shared / "images/cat.jpg"), "--class", "282"]) == 2
    assert "nothing to write" in capsys.readouterr().err
