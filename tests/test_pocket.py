"""The shipped pocket net, through the engine: its shape, its names, what it recognises."""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

from filterlab import caffe, paths
from filterlab.caffe.prototxt import read_net
from filterlab.pictures import composed, read_picture, sample, write_picture
from filterlab.surgery.heatmap import heatmap
from filterlab.surgery.transplant import Transplanted, transplant

FOLDER = paths.model("pocket")
FILES = str(FOLDER / "deploy.prototxt"), str(FOLDER / "pocket.caffemodel")


@pytest.fixture(scope="module")
def dense() -> Transplanted:
    return transplant(*FILES)


@pytest.fixture(scope="module")
def data(repo: Path) -> Iterator[ModuleType]:
    """The training room's account of what was held out."""
    path = repo / "training" / "pocket_data.py"
    spec = importlib.util.spec_from_file_location("pocket_data", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    yield module
    del sys.modules[spec.name]


def test_it_is_small_and_named() -> None:
    assert (FOLDER / "pocket.caffemodel").stat().st_size <= 3_000_000
    net = caffe.Net(*FILES, caffe.TEST)
    rows = (FOLDER / "labels.tsv").read_text(encoding="utf-8").splitlines()
    names = [row.split("\t") for row in rows[1:]]
    assert [int(row[0]) for row in names] == list(range(net.blobs["prob"].shape[1]))
    assert all(len(row) == 4 and all(row) for row in names)
    assert len({row[1] for row in names}) == len(names) >= 13
    assert names[0][1:] == ["tabby cat", "虎斑猫", "chelsea"]


def test_it_has_caffenets_topology(repo: Path) -> None:
    """Layer by layer the same but for the number of outputs (and how much is dropped)."""

    def shape_of(path: Path) -> list[str]:
        net = read_net(str(path))
        for layer in net.layer:
            layer.convolution_param.ClearField("num_output")
            layer.inner_product_param.ClearField("num_output")
            layer.dropout_param.Clear()
            layer.ClearField("param")
        return [str(layer) for layer in net.layer]

    ours = shape_of(FOLDER / "deploy.prototxt")
    assert ours == shape_of(repo / "models" / "caffenet" / "deploy.prototxt")


def test_held_out_parts_share_no_pixel_with_what_was_learnt(data: ModuleType) -> None:
    for subject in (*data.SUBJECTS, *data._OTHERS):
        x0, y0, x1, y1 = subject.held
        height, width = sample(subject.file).shape[:2]
        assert 0 <= x0 < x1 <= width
        assert 0 <= y0 < y1 <= height
        for box in (subject.learn, subject.also):
            if box is not None:
                assert min(x1, box[2]) <= max(x0, box[0]) or min(y1, box[3]) <= max(y0, box[1])


def test_shares_count_pixels(data: ModuleType) -> None:
    rng = np.random.default_rng(0)
    _, classes = data.composition((300, 460), rng)
    share = data.shares(classes)
    assert share.shape == (len(data.LABELS), 4, 9)
    window = classes[32 : 32 + 227, 5 * 32 : 5 * 32 + 227]
    for label in range(len(data.LABELS)):
        assert share[label, 1, 5] == pytest.approx((window == label).mean(), abs=1e-6)


def test_it_recognises_what_was_held_out(data: ModuleType) -> None:
    figures = data.evaluate(data.engine_scores(FOLDER), crops_each=12, pictures_each=2)
    assert figures.crops.sum() >= 200
    assert figures.cells.sum() >= 400
    assert (figures.cells > 0).all()
    assert figures.crop_share >= 0.95, figures.table()
    assert figures.cell_share >= 0.90, figures.table()


def test_the_readme_gives_the_figures_of_this_file(repo: Path) -> None:
    text = (repo / "models" / "README.md").read_text(encoding="utf-8")
    size = (FOLDER / "pocket.caffemodel").stat().st_size / 1e6
    assert f"`pocket.caffemodel` has {size:.2f} MB." in text
    assert "not the world" in text


def test_the_transplant_is_proved(dense: Transplanted) -> None:
    assert dense.check.agrees
    assert dense.check.largest_difference < 1e-5
    assert dense.geometry.cells(451, 451) == (8, 8)


def test_the_map_lies_on_the_cat(dense: Transplanted) -> None:
    """On the composed sample: high where a window sees the cat, low where it does not."""
    whole = composed()
    maps = heatmap(dense, whole.picture, size=whole.picture.shape[:2])
    x0, y0, x1, y1 = whole.places["chelsea"]
    on, off = [], []
    for i, j in np.ndindex(maps.prob.shape[1:]):
        left, top, right, bottom = maps.window_on_picture(i, j)
        overlap = max(0, min(right, x1) - max(left, x0)) * max(0, min(bottom, y1) - max(top, y0))
        share = overlap / ((right - left) * (bottom - top))
        if share >= 0.8:
            on.append(maps.prob[0, i, j])
        elif share <= 0.2:
            off.append(maps.prob[0, i, j])
    assert min(len(on), len(off)) >= 5
    assert np.mean(on) > 0.8
    assert np.mean(off) < 0.1


def test_it_keeps_its_word_after_jpeg(dense: Transplanted, tmp_path: Path) -> None:
    """The cat is still a cat when saved as JPEG and read back: nothing hangs on exact pixels."""
    cat = sample("chelsea")[20:280, 60:320]
    write_picture(tmp_path / "cat.jpg", cat)
    maps = heatmap(dense, read_picture(tmp_path / "cat.jpg"), size=(227, 227))
    assert maps.prob.shape[1:] == (1, 1)
    assert maps.prob[:, 0, 0].argmax() == 0
