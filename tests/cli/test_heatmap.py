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
    assert found["cells"] == [15, 15]
    assert found["picture_size"] == [360, 480]
    assert read_picture(overlay).shape == (360, 480, 3)
    values = np.load(npy)
    assert values.shape == (15, 15)
    assert values.dtype == np.float32
    np.testing.assert_allclose(values, np.array(found["map"]), rtol=1e-5, atol=1e-9)
    i, j = found["peak"]["cell"]
    assert values[i, j] == values.max() == pytest.approx(found["peak"]["value"])
    x, y = found["peak"]["centre_on_picture"]
    assert 165 < x < 350
    assert 15 < y < 355
    with table.open() as stream:
        rows = list(csv.DictReader(stream))
    assert len(rows) == 15 * 15
    assert float(rows[i * 15 + j]["value"]) == pytest.approx(float(values.max()))
    assert float(rows[i * 15 + j]["centre_x"]) == pytest.approx(x, abs=0.01)
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
    assert main(["heatmap", str(tiny), "--class", "282", *squeeze, *out]) == 0
    assert "input 227x307" in capsys.readouterr().out
    assert main(["heatmap", str(tiny), "--class", "282", *squeeze, *out, "--size", "227"]) == 0


def test_nothing_to_write(shared: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["heatmap", str(shared / "images/cat.jpg"), "--class", "282"]) == 2
    assert "nothing to write" in capsys.readouterr().err


def test_a_folder_of_pictures(
    shared: Path, tmp_path: Path, squeeze: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    squeeze = [*squeeze, "--method", "pooled"]
    folder, out = tmp_path / "图片", tmp_path / "maps"
    folder.mkdir()
    for name in ("cat.jpg", "fish-bike.jpg"):
        (folder / name).write_bytes((shared / "images" / name).read_bytes())
    write_picture(folder / "cat.png", np.full((240, 300, 3), 0.5, np.float32))
    (folder / "broken.jpg").write_bytes(b"no picture")
    (folder / "notes.txt").write_text("not a picture either")
    arguments = ["heatmap", str(folder), "--class", "281-285", *squeeze, "--out", str(out)]
    assert main([*arguments, "--json"]) == 1  # one picture failed
    told = json.loads(capsys.readouterr().out)
    stems = ["cat.jpg", "cat.png", "fish-bike"]
    names = [f"{stem}_{what}" for stem in stems for what in ("overlay.png", "map.npy")]
    assert [Path(path).name for path in told["written"]] == names
    assert sorted(path.name for path in out.iterdir()) == sorted(names)
    assert read_picture(out / "cat.jpg_overlay.png").shape == (360, 480, 3)
    assert [Path(f["image"]).name for f in told["failed"]] == ["broken.jpg"]
    assert main(arguments) == 1
    captured = capsys.readouterr()
    assert "cat.jpg: at most" in captured.out
    assert captured.err.startswith("broken.jpg: passed over: ")
    assert main(["heatmap", str(tmp_path / "empty"), "--class", "1", *squeeze, "--out", "x"]) == 2
    assert main(["heatmap", str(folder), *squeeze]) == 2
    assert main([*arguments[:-1], str(tmp_path / "one.png")]) == 2
    assert not (tmp_path / "one.png").exists()


def test_each_picture_of_a_folder_has_its_own_best_class(
    shared: Path, tmp_path: Path, squeeze: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    squeeze = [*squeeze, "--method", "pooled"]
    folder, out = tmp_path / "in", tmp_path / "maps"
    folder.mkdir()
    best = {}
    for name in ("cat.jpg", "fish-bike.jpg"):
        whole = read_picture(shared / "images" / name)
        write_picture(folder / name, whole[-240:, -240:])  # little more than a window
        assert main(["heatmap", str(folder / name), *squeeze, "--json"]) == 0
        best[name] = json.loads(capsys.readouterr().out)["classes"]
    assert best["cat.jpg"] != best["fish-bike.jpg"]
    arguments = ["heatmap", str(folder), *squeeze, "--out", str(out), "--legend"]
    assert main([*arguments, "--json"]) == 0
    peaks = json.loads(capsys.readouterr().out)["peaks"]
    assert {Path(peak["image"]).name: peak["classes"] for peak in peaks} == best
    assert main(arguments) == 0
    told = capsys.readouterr().out
    assert f"{best['fish-bike.jpg'][0]['name']}, at most " in told.splitlines()[1]
    # The maps of that run are pictures of their folder now, and not to be written over.
    assert main(["heatmap", str(folder), *squeeze, "--out", str(folder)]) == 0
    before = {path: path.read_bytes() for path in folder.iterdir()}
    capsys.readouterr()
    assert main(["heatmap", str(folder), *squeeze, "--out", str(folder)]) == 2
    assert "this would overwrite its own input, " in capsys.readouterr().err
    assert {path: path.read_bytes() for path in folder.iterdir()} == before


@pytest.mark.parametrize(
    ("options", "says"),
    [
        (["--out", "cat.jpg"], "--out: this would overwrite its own input, cat.jpg; choose"),
        (["--npy", "./net.caffemodel"], "--npy: this would overwrite its own input"),
        (["--csv", "link"], "--csv: this would overwrite its own input, link"),
        (["--report", "names.txt"], "--report: this would overwrite its own input"),
        (["--npy", "a", "--csv", "./a"], "--npy and --csv name the same file"),
    ],
)
def test_its_own_input_is_never_overwritten(
    shared: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    options: list[str],
    says: str,
) -> None:
    monkeypatch.chdir(tmp_path)
    for source, name in (
        ("images/cat.jpg", "cat.jpg"),
        ("goldens/nets/small_v1.prototxt", "net.prototxt"),
        ("goldens/nets/small_v1.caffemodel", "net.caffemodel"),
    ):
        (tmp_path / name).write_bytes((shared / source).read_bytes())
    (tmp_path / "names.txt").write_text("".join(f"class {n}\n" for n in range(10)))
    (tmp_path / "link").symlink_to("net.prototxt")
    before = {path: path.read_bytes() for path in tmp_path.iterdir()}
    net = ["--prototxt", "net.prototxt", "--weights", "net.caffemodel", "--labels", "names.txt"]
    assert main(["heatmap", "cat.jpg", *net, *options]) == 2
    written = capsys.readouterr()
    assert written.out == ""
    assert written.err.startswith("filterlab: error: ")
    assert written.err.count("\n") == 1
    assert says in written.err
    assert {path: path.read_bytes() for path in tmp_path.iterdir()} == before


def test_comparing_with_the_sliding_window(
    shared: Path, squeeze: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    cat = str(shared / "images/cat.jpg")
    options = ["--class", "282", "--squash", "227", "--compare"]
    assert main(["heatmap", cat, *options, *squeeze]) == 0
    assert "x the output in" in capsys.readouterr().out
    assert main(["heatmap", cat, *options, *squeeze, "--stride", "8"]) == 2


def test_an_own_net_with_other_classes_has_numbers_for_names(
    shared: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for suffix in ("prototxt", "caffemodel"):
        source = shared / f"goldens/nets/small_v2.{suffix}"
        (tmp_path / f"small.{suffix}").write_bytes(source.read_bytes())
    own = ["--prototxt", str(tmp_path / "small.prototxt")]
    own += ["--weights", str(tmp_path / "small.caffemodel")]
    cat = str(shared / "images/cat.jpg")
    assert main(["heatmap", cat, "--class", "7", *own, "--json", "--cells", "6"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["classes"] == [{"index": 7, "name": "class 7"}]
    assert main(["heatmap", cat, "--class", "11", *own, "--json"]) == 2
    (tmp_path / "labels.txt").write_text("\n".join(f"thing {k}" for k in range(10)))
    labelled = [*own, "--labels", str(tmp_path / "labels.txt"), "--json"]
    capsys.readouterr()
    assert main(["heatmap", cat, "--class", "thing 3", *labelled]) == 0
    assert json.loads(capsys.readouterr().out)["classes"] == [{"index": 3, "name": "thing 3"}]


def test_a_page_of_a_tiff(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    from PIL import Image

    from filterlab.pictures import sample

    frames = [np.zeros((240, 320, 3), np.uint8), (sample("chelsea") * 255 + 0.5).astype(np.uint8)]
    images = [Image.fromarray(frame) for frame in frames]
    images[0].save(tmp_path / "pages.tif", save_all=True, append_images=images[1:])
    images[1].save(tmp_path / "alone.png")
    maps = {}
    for name, chosen in (("pages.tif", ["--frame", "2"]), ("alone.png", [])):
        command = ["heatmap", str(tmp_path / name), "--model", "pocket", *chosen]
        assert main([*command, "--npy", str(tmp_path / "map.npy")]) == 0
        maps[name] = np.load(tmp_path / "map.npy")
    np.testing.assert_array_equal(maps["pages.tif"], maps["alone.png"])
    capsys.readouterr()
    pages, alone = str(tmp_path / "pages.tif"), str(tmp_path / "alone.png")
    for images, more, said in (
        ([pages], ["3", "--npy", str(tmp_path / "x.npy")], "there is no frame 3 in it"),
        ([pages], ["0", "--npy", str(tmp_path / "x.npy")], "frames are counted from 1"),
        ([pages, alone], ["2", "--out", str(tmp_path)], "goes with one picture"),
    ):
        assert main(["heatmap", *images, "--model", "pocket", "--frame", *more]) == 2
        error = capsys.readouterr().err
        assert said in error
        assert error.count("\n") == 1
