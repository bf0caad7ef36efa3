"""Numbers of maps, costs, reports, tables and colour bars, against plain loops."""

from __future__ import annotations

import base64
import csv
import ctypes
import math
import os
import re
import sys
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import cv2
import numpy as np
import pytest

import filterlab.caffe as caffe
from filterlab.caffe.prototxt import parse_net
from filterlab.errors import FilterLabError
from filterlab.surgery.agreement import Agreement
from filterlab.surgery.colormaps import colormap
from filterlab.surgery.cost import (
    Cost,
    amount,
    available_memory,
    check_memory,
    duration,
    estimate,
    fits,
    layer_work,
    linux_memory,
    macs_of_layer,
    nominal_seconds,
)
from filterlab.surgery.export import write_cell, write_csv
from filterlab.surgery.heatmap import ClassMaps, Preprocessing, heatmap, resize
from filterlab.surgery.legend import middle, number, with_legend
from filterlab.surgery.maps import FIRST, OTHERS, PALETTE, SECOND, thumbnail, winner_map
from filterlab.surgery.overlay import Layer, Style, compose, stretch_error, table
from filterlab.surgery.report import report_html
from filterlab.surgery.sliding import Sliding
from filterlab.surgery.spatial import SpatialGraph
from filterlab.surgery.transplant import Transplanted


@pytest.fixture(scope="module")
def picture() -> np.ndarray:
    return np.random.default_rng(6).random((120, 200, 3)).astype(np.float32)


@pytest.fixture(scope="module")
def maps(thin: Transplanted, picture: np.ndarray) -> ClassMaps:
    found = heatmap(thin, picture, size=(300, 451))
    assert (found.rows, found.cols) == (4, 8)
    return found


def test_what_lies_below_the_threshold_is_not_drawn_whatever_gamma_lifts() -> None:
    """The threshold is a share of the range, as its slider says: gamma does not move it."""
    grey = np.full((1, 3, 3), 0.5, np.float32)
    values = np.array([[0.3, 0.6, 1.0]], np.float32)
    layer = Layer(values, np.ones_like(values))
    style = Style("viridis", 1.0, threshold=0.5, gamma=0.25, opacity_follows=False)
    drawn = compose(grey, layer, style)
    np.testing.assert_array_equal(drawn[0, 0], grey[0, 0])
    for x in (1, 2):
        colour = colormap("viridis")[int(255 * (round(255 * values[0, x]) / 255) ** 0.25 + 0.5)]
        np.testing.assert_allclose(drawn[0, x], colour, atol=1e-6)
    weak = replace(style, gamma=4.0)
    assert (compose(grey, layer, weak)[0, 1] != grey[0, 1]).any(), "though gamma puts it lower"


def test_a_grey_net_is_fed_the_mean_of_the_three_means() -> None:
    grey = np.random.default_rng(0).random((6, 8), np.float32)
    ready = Preprocessing(mean_bgr=(10.0, 20.0, 90.0), scale=255.0)
    np.testing.assert_allclose(ready.apply(grey, (6, 8), 1)[0, 0], grey * 255 - 40, atol=1e-4)
    rgb = np.random.default_rng(0).random((6, 8, 3), np.float32)
    for order, (r, g, b) in (("BGR", (2, 1, 0)), ("RGB", (0, 1, 2))):
        found = replace(ready, order=order).apply(rgb, (6, 8), 3)[0]
        for channel, mean in ((r, 90), (g, 20), (b, 10)):
            source = {r: 0, g: 1, b: 2}[channel]
            np.testing.assert_allclose(
                found[channel], rgb[..., source] * 255 - mean, atol=1e-4, err_msg=order
            )


def test_a_huge_picture_is_averaged_before_it_is_resized() -> None:
    """Only beyond four times the size, on either axis, and then to four times."""
    rng = np.random.default_rng(1)
    for shape in ((50, 30), (30, 50), (40, 40)):
        picture = rng.random(shape, np.float32)
        nearer = min(shape[0], 40), min(shape[1], 40)
        averaged = cv2.resize(picture, nearer[::-1], interpolation=cv2.INTER_AREA)
        np.testing.assert_allclose(
            resize(picture, (10, 10)), resize(averaged, (10, 10)), atol=1e-6, err_msg=str(shape)
        )
    assert resize(rng.random((50, 30, 3), np.float32), (10, 12)).shape == (10, 12, 3)


@pytest.mark.parametrize("pad", [(0, 0), (1, 0), (0, 1), (1, 1)])
@pytest.mark.parametrize("size", [(30, 41), (31, 40), (33, 33)])
def test_sizes_behind_a_pooling_are_the_nets(pad: tuple[int, int], size: tuple[int, int]) -> None:
    """Caffe drops a last window along both axes where either is padded; one must know."""
    text = """
    layer { name: "data" type: "Input" top: "data"
      input_param { shape { dim: 1 dim: 1 dim: %d dim: %d } } }
    layer { name: "pool" type: "Pooling" bottom: "data" top: "pool"
      pooling_param { kernel_size: 2 stride: 5 pad_h: %d pad_w: %d } }
    """ % (*size, *pad)  # noqa: UP031 - braces are the text's own
    param = parse_net(text)
    net = caffe.Net(param, caffe.TEST)
    assert SpatialGraph(param).sizes(*size)["pool"] == tuple(net.blobs["pool"].shape[2:])


# --- what a run costs -----------------------------------------------------------------------------


def test_the_memory_is_that_of_all_blobs(thin: Transplanted, rng: Any) -> None:
    """Four bytes a value of every blob at that size, and six tenths for the work space."""
    size = (291, 419)
    net = thin.net
    net.blobs[thin.input].reshape(1, 3, *size)
    net.reshape()
    values = sum(int(np.prod(blob.shape)) for blob in net.blobs.values())
    work = 0
    for name, blobs in net.params.items():
        rows, cols = net.blobs[name].shape[2:] if name in net.blobs else (0, 0)
        work += int(np.prod(blobs[0].shape)) * rows * cols
    cost = estimate(thin.param, net, size, (size, 0.5))
    assert cost.bytes == pytest.approx(values * 4 * 1.6, rel=1e-6)
    assert cost.macs == work
    assert cost.seconds == pytest.approx(0.5)
    smaller = estimate(thin.param, net, (227, 227))
    assert smaller.seconds is None
    ratio = cost.macs / smaller.macs
    assert estimate(thin.param, net, size, ((227, 227), 2.0)).seconds == pytest.approx(2 * ratio)
    works = dict(layer_work(thin.param, net, size))
    conv = net.blobs["conv1"].shape
    wanted = 4 * 3 * 11 * 11 * conv[2] * conv[3] + 20 * math.prod(conv[1:])
    assert works["conv1"] == pytest.approx(wanted)
    net.blobs[thin.input].reshape(1, 3, 227, 227)
    net.reshape()


@pytest.mark.parametrize(
    ("group", "free"),
    [
        ({}, 5_000_000 * 1024),
        ({"max": "max\n"}, 5_000_000 * 1024),
        ({"max": "4000000000\n"}, 4_000_000_000 - 1_500_000_000 + 500_000_000),
        ({"max": "9000000000\n"}, 5_000_000 * 1024),
        ({"max": "1000000000\n"}, 0),
    ],
)
def test_free_memory_is_the_systems_or_the_containers(
    tmp_path: Path, group: dict[str, str], free: int
) -> None:
    """Of a container's limit what is not used; files that can be read again are not counted."""
    if sys.platform == "linux":
        assert available_memory() == pytest.approx(linux_memory(), rel=0.3)
    (tmp_path / "proc").mkdir()
    (tmp_path / "proc/meminfo").write_text(
        "MemTotal: 16000000 kB\nMemFree: 1000 kB\nMemAvailable: 5000000 kB\nBuffers: 7 kB\n"
    )
    folder = tmp_path / "sys/fs/cgroup"
    folder.mkdir(parents=True)
    (folder / "memory.current").write_text("1500000000\n")
    (folder / "memory.stat").write_text(
        "anon 7\nactive_file 300000000\ninactive_file 500000000\nactive_anon 9\n"
    )
    for name, text in group.items():
        (folder / f"memory.{name}").write_text(text)
    assert linux_memory(tmp_path) == free


def test_free_memory_on_other_systems(monkeypatch: pytest.MonkeyPatch) -> None:
    """Half of what a Mac has; of Windows the third field of its MEMORYSTATUSEX, 16 bytes in."""
    with monkeypatch.context() as patched:
        patched.setattr(sys, "platform", "darwin")
        if hasattr(os, "sysconf"):
            fitted = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
            assert available_memory() == fitted // 2
        asked: list[int] = []

        def status(place: Any) -> int:
            raw = (ctypes.c_uint8 * 64).from_buffer(place._obj)
            asked.append(int.from_bytes(raw[:4], "little"))
            raw[16:24] = (7 << 33).to_bytes(8, "little")
            return int(len(asked) == 1)

        kernel = SimpleNamespace(kernel32=SimpleNamespace(GlobalMemoryStatusEx=status))
        patched.setattr(sys, "platform", "win32")
        patched.setattr(ctypes, "windll", kernel, raising=False)
        assert available_memory() == 7 << 33
        assert asked == [64], "its own length"
        assert available_memory() is None, "it could not be asked"
        patched.setattr(sys, "platform", "plan9")
        assert available_memory() is None


def test_a_run_may_take_most_of_what_is_free() -> None:
    cost = Cost(850_000_000, 0)
    assert fits(cost, 1_000_000_001)
    assert not fits(cost, 999_000_000)
    check_memory(cost, (300, 400), 2_000_000_000)
    with pytest.raises(FilterLabError, match="400x300 pixels would take about 850 MB of memory, "
                                             "but only 900 MB are free"):  # fmt: skip
        check_memory(cost, (300, 400), 900_000_000)


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0.0456, "46 ms"), (0.999, "999 ms"), (1.0, "1.0 s"), (2.34, "2.3 s"), (89.0, "89.0 s"),
     (90.0, "2 min"), (180.0, "3 min")],
)  # fmt: skip
def test_times_for_reading(seconds: float, text: str) -> None:
    assert duration(seconds) == text


@pytest.mark.parametrize(
    ("count", "text"),
    [(350_000_000, "350 MB"), (999_000_000, "999 MB"), (1_000_000_000, "1.0 GB"),
     (2_149_000_000, "2.1 GB")],
)  # fmt: skip
def test_amounts_for_reading(count: int, text: str) -> None:
    assert amount(count) == text
    assert str(Cost(count, 1, 0.5)) == f"about 500 ms, {text}"
    assert str(Cost(count, 1)) == text


@pytest.mark.parametrize(
    ("kind", "weights", "count"),
    [
        ("Convolution", [(4, 3, 5, 2), (4,)], 120 * 2 * 7 * 11),
        ("DepthwiseConvolution", [(4, 1, 3, 3)], 36 * 2 * 7 * 11),
        ("ConvolutionDepthwise", [(4, 1, 3, 3)], 36 * 2 * 7 * 11),
        ("Deconvolution", [(3, 4, 2, 2)], 48 * 2 * 5 * 13),
        ("InnerProduct", [(6, 50), (6,)], 300 * 2 * 4 * 7),
        ("Scale", [(4,)], 0),
        ("Convolution", [], 0),
    ],
)
def test_multiplications_of_a_layer(kind: str, weights: Any, count: int) -> None:
    bottom, top = (2, 3, 5, 13), (2, 4, 7, 11)
    if kind == "InnerProduct":
        top = (2, 4, 7, 6)
    assert macs_of_layer(kind, weights, bottom, top) == count


def test_work_and_memory_of_a_net_by_hand() -> None:
    """A deconvolution, a fully connected layer, a layer of two tops, a label of one axis."""
    text = """
    layer { name: "data" type: "Input" top: "data" top: "y"
      input_param { shape { dim: 4 dim: 2 dim: 9 dim: 12 } shape { dim: 4 } } }
    layer { name: "c" type: "Convolution" bottom: "data" top: "c"
      convolution_param { num_output: 6 kernel_h: 3 kernel_w: 2 } }
    layer { name: "s" type: "Slice" bottom: "c" top: "u" top: "v" }
    layer { name: "up" type: "Deconvolution" bottom: "u" top: "up"
      convolution_param { num_output: 5 kernel_size: 2 stride: 2 } }
    layer { name: "fc" type: "InnerProduct" bottom: "v" top: "fc"
      inner_product_param { num_output: 8 } }
    """
    net = caffe.Net(parse_net(text), caffe.TEST)
    work = dict(layer_work(net.param, net, (9, 12)))
    cells, fine = 7 * 11, 14 * 22
    assert work == {
        "data": 20 * (2 * 9 * 12 + 1),
        "c": 6 * 2 * 6 * cells + 20 * 6 * cells,
        "s": 20 * 6 * cells,
        "up": 3 * 5 * 4 * cells + 20 * 5 * fine,
        "fc": 8 * 3 * cells + 20 * 8,
    }
    assert nominal_seconds(net.param, net, (9, 12)) == pytest.approx(sum(work.values()) / 8e10)
    cost = estimate(net.param, net, (9, 12))
    assert cost.macs == 72 * cells + 60 * cells + 24 * cells
    values = 2 * 9 * 12 + 1 + 12 * cells + 5 * fine + 8
    assert cost.bytes == int(values * 4 * 1.6)


def test_the_gain_over_sliding_windows() -> None:
    found = Sliding(np.zeros((2, 3, 4), np.float32), 6.0, 0.75, 12)
    assert (found.one, found.times_the_output) == (0.5, 12)
    assert (found.times_the_time, found.gain) == (1.5, 8.0)
    assert str(found) == "12x the output in 1.5x the time: 8 times faster than sliding"


def test_points_and_correlation_by_loops() -> None:
    rng = np.random.default_rng(8)
    ours, theirs = rng.random((5, 4)).astype(np.float32), rng.random((5, 4)).astype(np.float32)
    found = Agreement(tuple((i, i) for i in range(5)), ours, theirs, (2, 0))
    points = np.mean(
        [abs(float(ours[w, c]) - float(theirs[w, c])) for w in range(5) for c in (2, 0)]
    )
    assert found.mean_points() == pytest.approx(100 * points, rel=1e-5)
    one, two = ours[:, 1] + ours[:, 3], theirs[:, 1] + theirs[:, 3]
    points = np.mean([abs(float(a) - float(b)) for a, b in zip(one, two)])
    assert found.mean_points([1, 3]) == pytest.approx(100 * points, rel=1e-5)
    assert found.correlation([1, 3]) == pytest.approx(np.corrcoef(one, two)[0, 1], rel=1e-5)
    assert found.text([1, 3]).startswith("classifier on 5 windows: mean difference ")


# --- files ----------------------------------------------------------------------------------------


def test_every_line_of_a_table_says_where_its_cell_looks(maps: ClassMaps, tmp_path: Path) -> None:
    """227 pixels of the input each, 32 apart; the input is 451 x 300 for 200 x 120 pixels."""
    values = maps.values(3)
    with write_csv(tmp_path / "m.csv", maps, values).open() as stream:
        rows = list(csv.DictReader(stream))
    assert [(int(r["row"]), int(r["col"])) for r in rows] == [
        (i, j) for i in range(4) for j in range(8)
    ]
    x0, y0, x1, y1 = maps.geometry.window(0, 0)
    for row in rows:
        i, j = int(row["row"]), int(row["col"])
        assert float(row["value"]) == pytest.approx(float(maps.prob[3, i, j]), rel=1e-6)
        left, right = ((v + 32 * j) * 200 / 451 for v in (x0, x1))
        top, bottom = ((v + 32 * i) * 120 / 300 for v in (y0, y1))
        found = [float(row[k]) for k in ("x0", "y0", "x1", "y1", "centre_x", "centre_y")]
        wanted = [left, top, right, bottom, (left + right) / 2, (top + bottom) / 2]
        assert found == pytest.approx(wanted, abs=0.006)
    with write_cell(tmp_path / "c.csv", maps, 2, 5).open() as stream:
        cell = list(csv.DictReader(stream))
    assert len(cell) == 7
    for row in cell:
        c = int(row["index"])
        assert float(row["probability"]) == pytest.approx(float(maps.prob[c, 2, 5]), rel=1e-6)
        assert float(row["score"]) == pytest.approx(float(maps.score[c, 2, 5]), rel=1e-6)


def _cells(page: str) -> list[tuple[str, ...]]:
    return re.findall(r'<td class="n">([\d.]+)</td><td class="n">([\d.]+)</td>', page)


def test_the_reports_numbers(maps: ClassMaps, picture: np.ndarray) -> None:
    timed = replace(maps, seconds=0.2344)
    page = report_html(picture, timed, [2], style=Style("viridis", 0.5, gamma=0.7, high=0.8))
    order = [2, *(int(c) for c in np.argsort(-maps.prob.max(axis=(1, 2)), kind="stable") if c != 2)]
    wanted = [(f"{maps.prob[c].max():.4f}", f"{maps.prob[c].mean():.4f}") for c in order]
    assert _cells(page) == wanted
    widths = [int(w) for w in re.findall(r'class="bar" style="width:(\d+)px"', page)]
    assert widths == [max(1, round(160 * float(maps.prob[c].max()))) for c in order]
    for name, value in (
        ("picture", "200 x 120 pixels"),
        ("net&#x27;s input", "451 x 300 pixels"),
        ("map", "8 x 4 cells, 32 pixels apart"),
        ("drawn as", "tiles, viridis, opacity 0.5, gamma 0.7"),
        ("forward passes", "234 ms"),
    ):
        assert f"<th>{name}</th><td>{value}</td>" in page, name
    g = maps.geometry
    window, field = g.window(0, 0), g.field(1, 3, 10_000, 10_000)
    assert f"<td>{window[2] - window[0]} x {window[3] - window[1]} pixels of the input</td>" in page
    assert f"<th>a cell can see</th><td>{field[2] - field[0]} x {field[3] - field[1]} pix" in page
    bars = re.findall(r'<div class="ends"><span>(.*?)</span><span>(.*?)</span><span>(.*?)<', page)
    highest = math.log2(7)
    assert bars == [("0", "0.4", "0.8"), ("0", f"{highest / 2:.4g}", f"{highest:.4g}")]
    stops = re.findall(r"rgba\((\d+),(\d+),(\d+),([\d.]+)\) ([\d.]+)%", page)
    assert len(stops) == 2 * 17
    rgba = table(Style("viridis", 0.5, gamma=0.7, high=0.8))
    for k, stop in enumerate(stops[:17]):
        index = round(k * 255 / 16)
        colour = [round(255 * float(v)) for v in rgba[index, :3]]
        assert [int(v) for v in stop[:3]] == colour
        assert float(stop[3]) == pytest.approx(rgba[index, 3], abs=6e-4)
        assert float(stop[4]) == pytest.approx(100 * index / 255, abs=0.06)
    counts = {c: int((maps.score.argmax(axis=0) == c).sum()) for c in range(7)}
    told = dict(re.findall(r"class (\d+): (\d+)</div>", page))
    assert told == {str(c): str(n) for c, n in counts.items() if n}
    moved = report_html(picture, maps, [2], mode="stretched")
    largest = max(
        max(abs((j + 0.5) * 200 / 8 - maps.centre_on_picture(i, j)[0]),
            abs((i + 0.5) * 120 / 4 - maps.centre_on_picture(i, j)[1]))
        for i in range(4) for j in range(8)
    )  # fmt: skip
    assert f"up to {round(largest)} pixels" in moved
    assert stretch_error(maps)[1] == pytest.approx(largest)


def test_the_reports_pictures_are_those_of_its_numbers(
    maps: ClassMaps, picture: np.ndarray
) -> None:
    """The entropy, from 0 to log2 of the classes, and who wins, recomputed cell by cell."""
    page = report_html(picture, maps, [2])
    found = []
    for data in re.findall(r'<figure><img src="data:image/png;base64,([^"]+)"', page):
        raw = np.frombuffer(base64.b64decode(data), np.uint8)
        found.append(cv2.imdecode(raw, cv2.IMREAD_COLOR)[:, :, ::-1].astype(float) / 255)
    winners, unsure = found[2], found[3]
    for i in range(4):
        for j in range(8):
            x, y = (int(v) for v in maps.centre_on_picture(i, j))
            p = [float(v) for v in maps.prob[:, i, j]]
            bits = -sum(v * math.log2(v) for v in p if v > 0)
            share = bits / math.log2(7)
            colour = colormap("viridis")[int(255 * share + 0.5)]
            weight = 0.65 * min(1, round(255 * share) / 255 / 0.55)
            wanted = picture[y, x] + (colour - picture[y, x]) * weight
            np.testing.assert_allclose(unsure[y, x], wanted, atol=0.012)
            best = int(np.argmax(maps.score[:, i, j]))
            entry = next(e for e in winner_map(maps).legend if e.index == best)
            wanted = picture[y, x] + (np.array(entry.colour) - picture[y, x]) * 0.65
            np.testing.assert_allclose(winners[y, x], wanted, atol=0.005)


def test_thumbnails_are_on_the_scale_they_are_given() -> None:
    values = np.array([[1.0, 2.0, 3.0], [4.0, 5.0, 2.5]])
    found = thumbnail(values, 60, "viridis", (1.0, 4.0))
    assert found.shape == (40, 60, 3)
    for i in range(2):
        for j in range(3):
            share = min(1.0, (values[i, j] - 1) / 3)
            wanted = colormap("viridis")[int(255 * share + 0.5)]
            np.testing.assert_allclose(found[i * 20 + 10, j * 20 + 10], wanted)
            np.testing.assert_allclose(found[i * 20 + 19, j * 20], wanted)


def test_the_colours_of_classes_are_colours_and_told_apart() -> None:
    colours = np.array([*PALETTE, OTHERS])
    assert len(PALETTE) == 10
    assert (colours >= 0).all()
    assert (colours <= 1).all()
    for k, one in enumerate(colours):
        for other in colours[:k]:
            assert np.abs(one - other).sum() > 0.25
    # As everything on the screen calls them: orange and blue.
    assert FIRST[0] > 0.9 > 0.7 > FIRST[1] > 0.4 > FIRST[2]
    assert SECOND[2] > 0.9 > 0.6 > SECOND[1] > SECOND[0]
    assert max(*FIRST, *SECOND) <= 1


# --- the bar beside a saved overlay -------------------------------------------------------------


@pytest.mark.parametrize(
    ("limits", "log", "half"),
    [((0.0, 0.4), False, 0.2), ((-3.0, 5.0), False, 1.0), ((1e-6, 1.0), True, 1e-3)],
)
def test_half_way_along_a_bar(limits: tuple[float, float], log: bool, half: float) -> None:
    assert middle(limits, log) == pytest.approx(half)


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0.0, "0"),
        (1.0, "1"),
        (0.123456, "0.1235"),
        (1e-3, "0.001"),
        (1e-6, "1.0e-06"),
        (-2.5, "-2.5"),
    ],
)
def test_numbers_beside_a_bar(value: float, text: str) -> None:
    assert number(value) == text


def _labels(limits: tuple[float, float], log: bool) -> list[np.ndarray]:
    """The three labels beside the bar, from the top, as they are written."""
    drawn = with_legend(np.zeros((240, 320, 3), np.float32), Style(), limits, log=log)
    size = 12
    top, steps = int(size * 2.2), 240 - size - int(size * 2.2)
    left = 320 + size + max(8, size) + size // 2
    places = [round(top + share * (steps - 1)) for share in (0.0, 0.5, 1.0)]
    return [drawn[y - size // 2 : y + size, left : left + 30] for y in places]


def test_the_labels_of_a_bar_stand_at_their_ends() -> None:
    top, half, bottom = _labels((0.25, 0.75), False)
    for limits, changed in (((0.25, 0.5), (0,)), ((0.5, 0.75), (2,))):
        other = _labels(limits, False)
        assert (other[0] != top).any() == (0 in changed)
        assert (other[2] != bottom).any() == (2 in changed)
        assert (other[1] != half).any()
    np.testing.assert_array_equal(_labels((0.0, 1.0), False)[1], half)
    # The middle of a logarithmic bar is the root of the product: 0.5 of 0.25 and 1.
    log = _labels((0.25, 1.0), True)
    np.testing.assert_array_equal(log[1], half)
    assert (_labels((0.25, 1.0), False)[1] != half).any()


def test_the_colours_of_a_bar_rise() -> None:
    style = Style("viridis", 1.0, opacity_follows=False)
    drawn = with_legend(np.zeros((240, 320, 3), np.float32), style, (0.0, 1.0))
    strip = drawn[int(12 * 2.2) : 240 - 12, 320 + 12 + 6]
    for share in (0.0, 0.3, 0.5, 1.0):
        wanted = colormap("viridis")[int(255 * (1 - share) + 0.5)]
        seen = strip[round(share * (len(strip) - 1))]
        np.testing.assert_allclose(seen, wanted, atol=0.02)
