"""The bundled pocket net: transplanted, its maps lie on what they name."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from filterlab import paths
from filterlab.cli import main
from filterlab.pictures import composed, write_picture
from filterlab.surgery import overlay
from filterlab.surgery.heatmap import heatmap
from filterlab.surgery.shift_and_stitch import dense
from filterlab.surgery.transplant import Transplanted, transplant
from filterlab.zoo import catalogue

SUBJECTS = {
    "coffee": "cup of coffee",
    "brick": "brick wall",
    "hubble": "galaxies",
    "chelsea": "tabby cat",
}


@pytest.fixture(scope="module")
def pocket() -> Transplanted:
    return transplant(
        paths.model("pocket", "deploy.prototxt"), paths.model("pocket", "pocket.caffemodel")
    )


def _named(name: str) -> int:
    return catalogue.get("pocket").labels.find(name).index


def test_it_has_caffenets_geometry_and_proves_itself(pocket: Transplanted) -> None:
    assert pocket.check.agrees
    assert pocket.check.largest_difference < 1e-5
    assert pocket.geometry.window_size == (227, 227)
    assert pocket.geometry.jump == (32, 32)
    assert pocket.geometry.cells(451, 451) == (8, 8)
    assert pocket.geometry.field_start == (-64, -64)
    assert pocket.geometry.field_size == (355, 355)
    assert pocket.geometry.smallest() == (199, 199)


@pytest.mark.parametrize("mode", ["tiles", "smooth", "coverage"])
def test_each_subject_is_brightest_where_it_is(pocket: Transplanted, mode: str) -> None:
    scene = composed()
    maps = heatmap(pocket, scene.picture)
    for name, (x0, y0, x1, y1) in scene.places.items():
        layer = overlay.project(maps, maps.values(_named(SUBJECTS[name])), mode)
        y, x = np.unravel_index(layer.value.argmax(), layer.value.shape)
        assert x0 <= x < x1, (name, x, y)
        assert y0 <= y < y1, (name, x, y)


def test_a_denser_map_of_the_cat(pocket: Transplanted) -> None:
    scene = composed()
    maps = dense(pocket, scene.picture, 16)
    cat = maps.values(_named("tabby cat"))
    i, j = np.unravel_index(cat.argmax(), cat.shape)
    assert cat[i, j] > 0.9
    assert maps.best(int(i), int(j))[0][0] == _named("tabby cat")


def test_the_command_takes_it_where_there_is_no_larger_model(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("filterlab.zoo.packages.installed_file", lambda *_: None)
    monkeypatch.setattr("filterlab.zoo.catalogue.installed_file", lambda *_: None)
    picture, out = tmp_path / "scene.png", tmp_path / "map.png"
    write_picture(picture, composed().picture)
    assert main(["heatmap", str(picture), "--class", "tabby", "--out", str(out), "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["model"] == "pocket"
    assert told["classes"] == [{"index": 0, "name": "tabby cat"}]
    assert told["peak"]["value"] > 0.9
    assert out.is_file()
