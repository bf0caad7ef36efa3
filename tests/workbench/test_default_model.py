"""The model that the command begins with where none is named."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from filterlab.cli import main
from filterlab.pictures import write_picture
from filterlab.zoo import catalogue

lite0 = pytest.mark.skipif(
    not catalogue.get("efficientnet-lite0").makeable,
    reason="the package that carries EfficientNet-Lite0's weights is not installed",
)


@pytest.fixture
def cat(tmp_path: Path) -> str:
    from skimage import data

    path = tmp_path / "chelsea.png"
    write_picture(path, data.chelsea().astype("float32") / 255)
    return str(path)


@lite0
def test_a_fresh_machine_knows_a_thousand_classes(
    cat: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "o.png"
    assert main(["heatmap", cat, "--class", "tiger cat", "--out", str(out), "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert (told["model"], told["method"]) == ("efficientnet-lite0", "exact")
    assert told["classes"] == [{"index": 282, "name": "tiger cat"}]
    assert {entry["index"] for entry in told["best_classes"][:3]} == {281, 282, 285}
    assert told["peak"]["value"] > 0.1
    assert out.is_file()
    # Without a class: the best for the picture as a whole.
    assert main(["heatmap", cat, "--json"]) == 0
    whole = json.loads(capsys.readouterr().out)
    assert whole["classes"][0]["index"] == told["best_classes"][0]["index"]
    means = [entry["mean"] for entry in told["best_classes"]]
    assert means == sorted(means, reverse=True)


@lite0
def test_the_model_used_last_comes_first(cat: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert catalogue.last_used() == ""
    catalogue.remember_used(catalogue.get("pocket"))
    assert catalogue.last_used() == "pocket"
    assert main(["heatmap", cat, "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["model"] == "pocket"


def test_json_keeps_a_row_of_the_map_on_a_line(
    cat: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["heatmap", cat, "--model", "pocket", "--json", "--cells", "5"]) == 0
    text = capsys.readouterr().out
    told = json.loads(text)
    rows = text[text.index('"map"') :].splitlines()[1 : 1 + told["cells"][0]]
    assert [json.loads(row.strip().rstrip(",")) for row in rows] == told["map"]


def test_several_pictures_and_patterns(
    cat: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write_picture(tmp_path / "one more.png", _astronaut())
    pattern = str(tmp_path / "*.png")
    out = tmp_path / "maps"
    assert main(["heatmap", pattern, cat, "--model", "pocket", "--out", str(out), "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert [Path(peak["image"]).name for peak in told["peaks"]] == ["chelsea.png", "one more.png"]
    assert len(list(out.iterdir())) == 4
    for options, says in (
        ([str(tmp_path / "*.gif")], "no file is called like this"),
        ([pattern, "--npy", "x.npy"], "--out only"),
        ([pattern], "--out FOLDER"),
    ):
        arguments = options if "--npy" not in options else [*options, "--out", str(out)]
        assert main(["heatmap", *arguments, "--model", "pocket"]) == 2
        assert says in capsys.readouterr().err


def _astronaut():  # type: ignore[no-untyped-def]
    from skimage import data

    return data.astronaut()[:240, :240].astype("float32") / 255
