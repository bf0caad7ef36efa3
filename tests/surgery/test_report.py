"""The report: one file that holds everything, well-formed, with the right pictures and numbers."""

from __future__ import annotations

import base64
import csv
import re
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from filterlab.errors import FilterLabError
from filterlab.surgery.agreement import agreement
from filterlab.surgery.export import write_cell, write_csv, write_npy
from filterlab.surgery.heatmap import ClassMaps, heatmap
from filterlab.surgery.report import report_html, write_report
from filterlab.surgery.transplant import Transplanted, transplant

NAMES = ["阿 <a>", "b & b", "c", "d", "e", "f", "g"]


@pytest.fixture(scope="module")
def picture() -> np.ndarray:
    return np.random.default_rng(6).random((120, 160, 3)).astype(np.float32)


@pytest.fixture(scope="module")
def maps(thin: Transplanted, picture: np.ndarray) -> ClassMaps:
    return heatmap(thin, picture, cells=4)


class _Checker(HTMLParser):
    """Collects tags, and that each that opens also closes."""

    void = ("meta", "img", "br")

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.sources: list[str] = []
        self.text = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag not in self.void:
            self.open.append(tag)
        for key, value in attrs:
            if key in ("src", "href"):
                self.sources.append(value or "")

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text += data


def test_one_file_with_everything_inside(
    thin: Transplanted, maps: ClassMaps, picture: np.ndarray, tmp_path: Path
) -> None:
    path = write_report(
        tmp_path / "报告.html", picture, maps, [1, 2], NAMES, "thin", account=thin.account()
    )
    page = _Checker()
    page.feed(path.read_text(encoding="utf-8"))
    assert page.open == []
    assert len(page.sources) == 4 + 7  # picture, map, winners, entropy; a thumbnail for each class
    assert all(source.startswith("data:image/png;base64,") for source in page.sources)
    assert "http" not in path.read_text(encoding="utf-8")
    first = cv2.imdecode(
        np.frombuffer(base64.b64decode(page.sources[0].split(",")[1]), np.uint8), cv2.IMREAD_COLOR
    )
    np.testing.assert_allclose(first[:, :, ::-1] / 255, picture, atol=1 / 255)
    for said in ("b & b + c", "阿 <a>", "fc6 (16, 180) -> fc6-conv", f"{maps.cols} x {maps.rows}"):
        assert said in page.text
    peak = f"{maps.prob[1].max():.4f}"
    assert peak in page.text


def test_a_report_in_another_language(
    thin: Transplanted, maps: ClassMaps, picture: np.ndarray
) -> None:
    def other(text: str) -> str:
        return "".join(
            part if part.startswith("{") else re.sub(r"[A-Za-z']+", "字", part)
            for part in re.split(r"({\w+})", text)
        )

    for mode in ("tiles", "stretched"):
        for labels in (NAMES, None):
            text = report_html(
                picture, maps, [1, 2, 3, 4], labels, "瘦", mode=mode, tr=other, lang="zh-CN"
            )
            assert '<html lang="zh-CN">' in text
            page = _Checker()
            page.feed(re.sub("<style>.*?</style>", "", text, flags=re.DOTALL))
            words = set(re.findall(r"[A-Za-z]{2,}", page.text))
            assert words <= {"inferno", "ms"}


def test_of_many_classes_the_title_names_three(maps: ClassMaps, picture: np.ndarray) -> None:
    text = report_html(picture, maps, range(7), NAMES)
    assert "<title>Where is 阿 &lt;a&gt; + b &amp; b + c and 4 more?</title>" in text


@pytest.mark.parametrize(
    ("chosen", "named"),
    [([1], "b &amp; b"), ([2, 3, 4], "c + d + e"), ([2, 3, 4, 5], "c + d + e and 1 more")],
)
def test_the_title_names_what_is_summed(
    maps: ClassMaps, picture: np.ndarray, chosen: list[int], named: str
) -> None:
    assert f"<title>Where is {named}?</title>" in report_html(picture, maps, chosen, NAMES)


def test_large_pictures_are_embedded_smaller(maps: ClassMaps) -> None:
    from dataclasses import replace

    large = np.zeros((1500, 2000, 3), np.float32)
    text = report_html(large, replace(maps, picture_size=(1500, 2000)), [0])
    data = re.search(r"base64,([^\"]+)", text)
    assert data is not None
    shown = cv2.imdecode(np.frombuffer(base64.b64decode(data[1]), np.uint8), cv2.IMREAD_COLOR)
    assert shown.shape == (900, 1200, 3)


def test_a_missing_folder(maps: ClassMaps, picture: np.ndarray, tmp_path: Path) -> None:
    with pytest.raises(FilterLabError, match="no folder"):
        write_report(tmp_path / "no" / "r.html", picture, maps, [0])


def test_tables_and_arrays(maps: ClassMaps, tmp_path: Path) -> None:
    values = maps.values(2)
    np.testing.assert_array_equal(np.load(write_npy(tmp_path / "m.npy", values)), values)
    with write_csv(tmp_path / "m.csv", maps, values).open() as stream:
        rows = list(csv.DictReader(stream))
    assert len(rows) == maps.rows * maps.cols
    for row in rows:
        i, j = int(row["row"]), int(row["col"])
        assert float(row["value"]) == pytest.approx(float(values[i, j]))
        window = [float(row[k]) for k in ("x0", "y0", "x1", "y1")]
        assert window == pytest.approx(maps.window_on_picture(i, j), abs=0.01)
    with write_cell(tmp_path / "c.csv", maps, 0, 1, NAMES).open(encoding="utf-8") as stream:
        cell = list(csv.DictReader(stream))
    assert [int(row["index"]) for row in cell][:5] == [c for c, _ in maps.best(0, 1)]
    assert cell[0]["name"] == NAMES[int(cell[0]["index"])]
    assert sum(float(row["probability"]) for row in cell) == pytest.approx(1, abs=1e-5)
    with pytest.raises(FilterLabError, match="no folder"):
        write_npy(tmp_path / "no" / "m.npy", values)


def test_the_report_says_how_far_apart_the_cells_are_each_way(
    draw_weights: Any, tmp_path: Path
) -> None:
    """Of a net of steps of 2 rows and 3 columns, on 24 x 20 pixels: (24 - 9) / 3 + 1 columns."""
    text = """name: "steps"
    layer { name: "data" type: "Input" top: "data"
      input_param { shape { dim: 1 dim: 3 dim: 8 dim: 9 } } }
    layer { name: "conv" type: "Convolution" bottom: "data" top: "conv"
      convolution_param { num_output: 4 kernel_h: 4 kernel_w: 3 stride_h: 2 stride_w: 3 } }
    layer { name: "fc" type: "InnerProduct" bottom: "conv" top: "fc"
      inner_product_param { num_output: 2 } }
    layer { name: "prob" type: "Softmax" bottom: "fc" top: "prob" }
    """
    done = transplant(*draw_weights(text, 3, tmp_path))
    picture = np.random.default_rng(2).random((20, 24, 3)).astype(np.float32)
    page = report_html(picture, heatmap(done, picture, size=(20, 24)), [0], ["a", "b"])
    assert "<th>map</th><td>6 x 7 cells, 3 pixels apart across and 2 down</td>" in page
    assert "<th>a cell answers for</th><td>9 x 8 pixels of the input</td>" in page
    assert "<th>net's input</th><td>24 x 20 pixels</td>" in page.replace("&#x27;", "'")


def test_the_report_says_how_well_the_map_agrees(
    thin: Transplanted, maps: ClassMaps, picture: np.ndarray
) -> None:
    found = agreement(thin, maps)
    page = report_html(picture, maps, [1, 2], NAMES, agreement=found)
    ours, theirs = found.map[:, 1] + found.map[:, 2], found.classifier[:, 1:3].sum(axis=1)
    points = 100 * float(np.abs(ours - theirs).mean())
    correlation = float(np.corrcoef(ours, theirs)[0, 1])
    assert f"classifier on {len(found.cells)} windows" in page
    assert f"mean difference {points:.2g} points, correlation {correlation:.2f}" in page
    assert "<th>method</th><td>dense</td>" in page
    assert "correlation" not in report_html(picture, maps, [1, 2], NAMES)
