"""Where everything stands in a finished picture, and what colour it has, to the pixel."""

from __future__ import annotations

import base64
import math
import re
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from PIL import ImageFont

from filterlab.errors import FilterLabError
from filterlab.surgery import legend
from filterlab.surgery.colour_vision import DEFICIENCIES, difference, lab, lightness_steps, seen
from filterlab.surgery.features import principal_components
from filterlab.surgery.heatmap import ClassMaps, Placement, Preprocessing, heatmap, resize
from filterlab.surgery.legend import drawable, with_legend, with_names
from filterlab.surgery.maps import (
    FIRST,
    OTHERS,
    PALETTE,
    SECOND,
    entropy,
    grid_text,
    lay_colours,
    thumbnail,
    two_classes,
    winner_map,
)
from filterlab.surgery.overlay import Layer, Style, compose, contours, normalised, table
from filterlab.surgery.report import Drawn, report_html
from filterlab.surgery.transplant import Transplanted

SURFACE = np.array((30, 31, 34))
BRIGHT, FAINT = 240, 152  # of what is written


def _bytes(picture: np.ndarray) -> np.ndarray:
    return np.rint(picture * 255).astype(int)


def _ink(part: np.ndarray) -> tuple[int, int, int, int]:
    """First and last row, first and last column where a part differs from the surface."""
    rows, cols = np.nonzero(np.abs(_bytes(part) - SURFACE).max(axis=2) > 40)
    return rows.min(), rows.max(), cols.min(), cols.max()


def _width(text: str, size: int) -> float:
    return float(ImageFont.load_default(size).getlength(text))


def _fitted(text: str, room: float) -> float:
    """The width of a text in the largest letters in which it fits."""
    return max(_width(text, n) for n in range(7, 49) if _width(text, n) <= room)


def _height(text: str, size: int) -> tuple[int, int]:
    """The rows of a text's ink below the place it is drawn at."""
    box = ImageFont.load_default(size).getbbox(text)
    return int(box[1]), int(box[3])


@pytest.mark.parametrize(
    ("shape", "size"), [((240, 320), 12), ((1300, 960), 40), ((1160, 1700), 48), ((100, 700), 12)]
)
def test_the_bar_beside_a_picture(shape: tuple[int, int], size: int) -> None:
    """Letters are a twenty-fourth of the shorter side, 12 to 48 pixels, all gaps follow them."""
    h, w = shape
    picture = np.zeros((h, w, 3), np.float32)
    picture[-9:, -9:] = np.random.default_rng(1).integers(0, 256, (9, 9, 3)) / 255
    style = Style("viridis", 0.8, gamma=0.5)
    drawn = with_legend(picture, style, (0.0, 0.4), unit="probability")
    np.testing.assert_array_equal(_bytes(drawn[h - 9 : h, :w]), _bytes(picture[-9:]))
    widest = max(_width(text, size) for text in ("0.4", "0.2", "0", "probability"))
    assert drawn.shape == (h, w + int(size + size + size // 2 + widest + size), 3)
    top, bottom = int(size * 2.2), h - size
    strip = drawn[:, w + size : w + 2 * size]
    rgba = table(style)
    for y in (*range(top, top + 30), (top + bottom) // 2, bottom - 2, bottom - 1):
        share = 1 - (y - top) / (bottom - top - 1)
        at = int(255 * share + 0.5)
        colour, opacity = rgba[at, :3].astype(float), float(rgba[at, 3])
        wanted = SURFACE + (255 * colour - SURFACE) * opacity
        if abs(255 * share % 1 - 0.5) > 1e-6:  # between two colours
            assert np.abs(_bytes(strip[y]) - wanted).max() <= 0.51, y
            continue
        assert np.abs(_bytes(strip[y]) - wanted).max() <= 1.5 + 255 / (bottom - top), y
    for rows in (slice(bottom, h), slice(int(size * 1.9), top)):
        assert (_bytes(strip[rows]) == SURFACE).all()
    assert (_bytes(drawn[:, w : w + size]) == SURFACE).all(), "a gap beside the picture"
    assert (_bytes(drawn[:, -size // 2 :]) == SURFACE).all(), "and at the edge"
    first, last, left, right = _ink(drawn[: int(size * 1.9), w:])
    above, below = _height("probability", size)
    assert (first, last) == pytest.approx((size // 2 + above, size // 2 + below - 1), abs=1)
    assert (left, right) == pytest.approx(
        (size, size + _width("probability", size)), abs=max(2.5, size / 8)
    )
    assert _bytes(drawn[: int(size * 1.9), w:]).max() <= FAINT + 12
    side = drawn[int(size * 1.9) :, w + 2 * size :]
    for share, text in ((0.0, "0.4"), (0.5, "0.2"), (1.0, "0")):
        y = top + share * (bottom - top - 1) - size / 2
        at = int(y - size * 1.9)
        above, below = _height(text, size)
        near = side[max(0, at) : at + int(1.5 * size)]
        first, last, left, right = _ink(near)
        assert first + max(0, at) == pytest.approx(y + above - int(size * 1.9), abs=2), text
        assert last + max(0, at) == pytest.approx(y + below - 1 - int(size * 1.9), abs=2), text
        assert (left, right) == pytest.approx(
            (size // 2, size // 2 + _width(text, size)), abs=max(2.5, size / 8)
        )
        assert _bytes(near).max() > BRIGHT - 5


def test_lines_below_a_picture() -> None:
    """The first is bright, all of one height; a long one is written smaller until it fits."""
    h, w, size = 1160, 1200, 48
    picture = np.zeros((h, w, 3))
    long = "n" * math.ceil(1.6 * (w - 2 * size) / _width("n", size))
    drawn = with_names(picture, [], ["nnn", "nnn", long])
    assert drawn.shape == (h + int(3 * size * 1.4 + size), w, 3)
    below = drawn[h:]
    above, under = _height("n", size)
    for k in range(3):
        y = size // 2 + k * size * 1.4
        line = below[int(y) : int(y + 1.4 * size)]
        first, last, left, right = _ink(line)
        assert left == pytest.approx(size, abs=6)
        assert _bytes(line).max() == pytest.approx(BRIGHT if k == 0 else FAINT, abs=8)
        if k < 2:
            assert right == pytest.approx(size + _width("nnn", size), abs=6)
            assert first + int(y) == pytest.approx(y + above, abs=2)
            assert last + int(y) == pytest.approx(y + under - 1, abs=2)
        else:
            assert right == pytest.approx(size + _fitted(long, w - 2 * size), abs=6)
    assert with_names(picture, [], []).shape == (h, w, 3)
    assert with_legend(picture, Style(), (0, 1)).shape[0] == h
    tiny = with_names(np.zeros((40, 90, 3)), [], ["n" * 400])
    rows = _ink(tiny[40:])[:2]
    assert rows[1] - rows[0] + 1 == pytest.approx(np.subtract(*_height("n", 7)[::-1]), abs=1)
    legend_of = with_legend(picture, Style(), (0, 1), ["nnn", long])
    assert legend_of.shape[0] == h + int(2 * size * 1.4 + size)
    y = int(size // 2 + size * 1.4)
    right = _ink(legend_of[h + y : h + y + int(1.4 * size)])[3]
    whole = legend_of.shape[1]
    assert right == pytest.approx(size + _fitted(long, whole - 2 * size), abs=6), "the bar's, too"


def test_squares_and_names_below_a_picture() -> None:
    h, w, size = 1160, 1200, 48
    names = [((255, 0, 0), "nn"), ((0, 255, 0), "n" * 80)]
    drawn = with_names(np.zeros((h, w, 3), np.float32), names, ["title"])
    assert drawn.shape == (h + int(3 * size * 1.4 + size), w, 3)
    for k, (colour, name) in enumerate(names, 1):
        y = h + size // 2 + k * size * 1.4
        rows, cols = np.nonzero((_bytes(drawn[h:]) == colour).all(axis=2))
        assert (h + rows.min(), h + rows.max()) == pytest.approx(
            (y + 0.15 * size, y + 1.15 * size), abs=1
        )
        assert (cols.min(), cols.max()) == (size, 2 * size)
        text = drawn[int(y) : int(y + 1.3 * size), 2 * size + 1 :]
        first, _, left, right = _ink(text)
        assert left + 2 * size + 1 == pytest.approx(2.5 * size, abs=6)
        if k == 1:
            assert right - left == pytest.approx(_width(name, size), abs=8)
            assert first + int(y) == pytest.approx(y + _height("n", size)[0], abs=2)
        else:
            assert right - left == pytest.approx(_fitted(name, w - 3.5 * size), abs=6)


@pytest.mark.parametrize(
    ("platform", "folder", "name"),
    [
        ("win32", "windows/Fonts", "msyh.ttc"),
        ("win32", "AppData/Local/Microsoft/Windows/Fonts/more", "SIMSUN.TTC"),
        ("darwin", "Library/Fonts", "PingFang.ttc"),
    ],
)
def test_where_a_system_keeps_its_fonts(
    platform: str, folder: str, name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / folder).mkdir(parents=True)
    (tmp_path / folder / name).write_bytes(b"")
    (tmp_path / folder / "other.ttc").write_bytes(b"")
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("USERPROFILE", str(tmp_path))
    monkeypatch.setenv("WINDIR", str(tmp_path / "windows"))
    legend.cjk_font.cache_clear()
    try:
        with monkeypatch.context() as patched:
            patched.setattr(sys, "platform", platform)
            found = legend.cjk_font()
        assert found is not None
        if sys.platform != "darwin":  # which has fonts of its own before these
            assert found == tmp_path / folder / name
    finally:
        legend.cjk_font.cache_clear()


def test_without_a_font_for_it_chinese_is_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(legend, "cjk_font", lambda: None)
    assert [drawable(c) for c in ("a", "é", "\u2e7f", "\u2e80", "虎", "a虎")] == [
        True, True, True, False, False, False,
    ]  # fmt: skip
    picture = np.zeros((60, 80, 3))
    assert with_names(picture, [((9, 9, 9), "虎")], ["虎"]).shape == (60, 80, 3)
    assert with_legend(picture, Style(), (0, 1), ["虎", "n"]).shape[0] == 60 + int(12 * 1.4 + 12)


# --- who wins, how sure, two at once --------------------------------------------------------------


@pytest.fixture(scope="module")
def maps(oblong: Transplanted) -> ClassMaps:
    picture = np.random.default_rng(8).random((93, 118, 3)).astype(np.float32)
    return heatmap(oblong, picture, size=(31, 59))


def _many(maps: ClassMaps, winners: np.ndarray) -> ClassMaps:
    """Maps of 14 classes on 4 x 5 cells in which these win."""
    prob = np.random.default_rng(2).random((14, 4, 5)).astype(np.float32) * 0.1
    for i, j in np.ndindex(4, 5):
        prob[winners[i, j], i, j] = 0.5 + 0.02 * i + 0.1 * j
    return replace(maps, prob=prob, score=10 * prob)


def test_each_cells_best_class_in_its_colour(maps: ClassMaps) -> None:
    winners = np.array([[3, 3, 3, 3, 7], [7, 7, 0, 0, 1], [2, 4, 5, 6, 8], [9, 10, 11, 12, 13]])
    many = _many(maps, winners)
    found = winner_map(many)
    np.testing.assert_array_equal(found.index, winners)
    order = [3, 7, 0, 1, 2, 4, 5, 6, 8, 9]
    counts = [4, 3, 2, *[1] * 7]
    assert [(e.index, e.cells) for e in found.legend] == [*zip(order, counts), (-1, 4)]
    assert [e.colour for e in found.legend] == [*PALETTE, OTHERS]
    for i, j in np.ndindex(4, 5):
        c = winners[i, j]
        colour = PALETTE[order.index(c)] if c in order else OTHERS
        np.testing.assert_allclose(found.colours[i, j], colour, atol=1e-6)
        assert found.strength[i, j] == pytest.approx(0.5 + 0.02 * i + 0.1 * j)
    few = winner_map(many, 2)
    assert [(e.index, e.cells) for e in few.legend] == [(3, 4), (7, 3), (-1, 13)]
    assert [e.index for e in winner_map(many, 99).legend] == [*order, -1]
    colours, cover = lay_colours(maps, found.colours, "tiles", (31, 59))
    np.testing.assert_allclose(colours[int(9.5 + 4 * 2), int(17.5 + 6 * 3)], found.colours[2, 3])
    assert cover.sum() == 16 * 30
    assert grid_text(many) == (
        "[[ 3  3  3  3  7]\n [ 7  7  0  0  1]\n [ 2  4  5  6  8]\n [ 9 10 11 12 13]]"
    )
    named = grid_text(many, {k: f"n{k}" for k in range(14)}).splitlines()
    assert named[4:8] == ["n3: 4", "n7: 3", "n0: 2", "n1: 1"]
    one = replace(many, prob=many.prob[:, :1], score=many.score[:, :1])
    assert grid_text(one) == "[[3 3 3 3 7]]"


def test_how_undecided_each_cell_is(maps: ClassMaps) -> None:
    found = entropy(maps)
    for i, j in np.ndindex(4, 5):
        p = maps.prob[:, i, j].astype(float)
        p = p / p.sum()
        assert found[i, j] == pytest.approx(-sum(v * math.log2(v) for v in p if v > 0), abs=1e-5)
    sums = replace(maps, prob=maps.prob * 3)
    np.testing.assert_allclose(entropy(sums), found, atol=1e-5)
    assert entropy(replace(maps, prob=np.zeros_like(maps.prob))).max() == 0


def test_two_classes_mix_by_their_shares() -> None:
    rng = np.random.default_rng(5)
    picture = rng.random((6, 7, 3)).astype(np.float32)
    a, b = (rng.random((2, 6, 7)) * 1.2 - 0.1).astype(np.float32)
    ca, cb = (rng.random((2, 6, 7)) > 0.4).astype(np.float32)
    a[0, 0] = b[0, 0] = 0
    found = two_classes(picture, Layer(a, ca), Layer(b, cb), 0.7)
    usual = two_classes(picture, Layer(a, ca), Layer(b, cb))
    for y, x in np.ndindex(6, 7):
        one, two = min(max(a[y, x], 0), 1), min(max(b[y, x], 0), 1)
        share = one / (one + two) if one + two > 0 else 0
        colour = share * np.array(FIRST) + (1 - share) * np.array(SECOND)
        weight = max(one, two) * max(ca[y, x], cb[y, x])
        for drawn, opacity in ((found, 0.7), (usual, 0.8)):
            wanted = picture[y, x] + (colour - picture[y, x]) * weight * opacity
            np.testing.assert_allclose(drawn[y, x], wanted, atol=2e-5)
    for one, two in (((5, 7), (6, 7)), ((6, 7), (6, 8)), ((5, 7), (5, 7))):
        with pytest.raises(FilterLabError, match="one size"):
            two_classes(picture, Layer(np.ones(one), np.ones(one)), Layer(np.ones(two),
                        np.ones(two)))  # fmt: skip


def test_the_colours_of_classes_are_those_of_okabe_and_ito() -> None:
    """Made for all eyes ("Color Universal Design", 2008); where they do not suffice, others."""
    published = {
        0: (230, 159, 0), 1: (86, 180, 233), 2: (0, 158, 115), 3: (240, 228, 66),
        5: (213, 94, 0), 6: (204, 121, 167),
    }  # fmt: skip
    for place, colour in published.items():
        np.testing.assert_allclose(np.array(PALETTE[place]) * 255, colour, atol=2.5)
    every = [*PALETTE, OTHERS]
    apart = [float(difference(a, b)) for k, a in enumerate(every) for b in every[:k]]
    assert min(apart) > 25
    assert OTHERS[0] == OTHERS[1] == OTHERS[2]
    # What everything on the screen calls orange and blue.
    assert difference(FIRST, np.array((255, 140, 0)) / 255) < 6
    assert difference(SECOND, np.array((30, 120, 240)) / 255) < 15


@pytest.mark.parametrize("shape", [(3, 7), (7, 3), (1, 50), (4, 4)])
def test_a_thumbnail_of_any_shape(shape: tuple[int, int]) -> None:
    values = np.random.default_rng(3).random(shape) * 2 - 0.5
    found = thumbnail(values, 44, "magma", (-0.25, 1.0))
    rows, cols = shape
    h, w = round(44 * rows / max(shape)), round(44 * cols / max(shape))
    assert found.shape == (h, w, 3)
    magma = cv2.applyColorMap(np.arange(256, dtype=np.uint8)[:, None], cv2.COLORMAP_MAGMA)[
        :, 0, ::-1
    ]
    for y, x in np.ndindex(h, w):
        v = (values[int(y * rows / h), int(x * cols / w)] + 0.25) / 1.25
        wanted = magma[int(min(max(v, 0), 1) * 255 + 0.5)] / 255
        assert np.abs(found[y, x] - wanted).max() < 1e-5
    assert thumbnail(np.zeros((1, 500)), 60).shape == (1, 60, 3)
    assert thumbnail(np.zeros((500, 1)), 60).shape == (60, 1, 3)
    assert thumbnail(values).shape == (round(64 * rows / max(shape)), round(64 * cols / max(shape)),
                                       3)  # fmt: skip


# --- layers --------------------------------------------------------------------------------------


def test_the_scale_of_what_is_covered() -> None:
    value = np.array([[-9.0, 2.0, 4.0, 7.0]], np.float32)
    layer = Layer(value, np.array([[0, 1, 0.5, 1]], np.float32))
    assert Style(low=None, high=None).limits(layer) == (2.0, 7.0)
    assert Style(low=None, high=5.0).limits(layer) == (2.0, 5.0)
    assert Style(low=-1.0, high=None).limits(layer) == (-1.0, 7.0)
    nothing = Layer(value, np.zeros_like(value))
    assert Style(low=None, high=None).limits(nothing) == (0.0, 1.0)
    found = normalised(layer, Style(low=1.0, high=5.0, gamma=2.0))
    np.testing.assert_allclose(found, [[0, 0.0625, 0.5625, 1]], atol=1e-6)
    flat = Style(low=4.0, high=4.0)
    np.testing.assert_array_equal(normalised(layer, flat), [[0, 0, 0, 1]])


def test_a_picture_of_any_channels_is_drawn_on() -> None:
    layer = Layer(np.full((2, 3), 0.5, np.float32), np.ones((2, 3), np.float32))
    colour = np.random.default_rng(4).random((2, 3, 4)).astype(np.float32)
    style = Style("viridis", 0.5, opacity_follows=False)
    plain = compose(colour[:, :, :3], layer, style)
    assert plain.shape == (2, 3, 3)
    np.testing.assert_array_equal(compose(colour, layer, style), plain)
    grey = compose(np.repeat(colour[:, :, :1], 3, axis=2), layer, style)
    np.testing.assert_array_equal(compose(colour[:, :, 0], layer, style), grey)
    np.testing.assert_array_equal(compose(colour[:, :, :1], layer, style), grey)
    half = Layer(layer.value, np.full((2, 3), 0.25, np.float32))
    np.testing.assert_allclose(
        compose(colour, half, style), colour[:, :, :3] * 0.75 + 0.25 * plain, atol=1e-5
    )
    bright = compose(np.full((2, 3, 3), 1.5), layer, Style(opacity=0.0))
    assert bright.max() == 1


def test_a_line_of_equal_value_goes_between_the_pixels() -> None:
    """On a slope of one a pixel, level 3 lies in the middle of the fourth pixel, at 3.5."""
    ramp = np.tile(np.arange(8, dtype=np.float32), (6, 1))
    cover = np.ones_like(ramp)
    (line,) = contours(Layer(ramp, cover), 3.0)
    assert line[:, 0] == pytest.approx(np.full(len(line), 3.5))
    assert (line[:, 1].min(), line[:, 1].max()) == (0.5, 5.5)
    (down,) = contours(Layer(np.ascontiguousarray(ramp.T), cover.T), 2.25)
    assert down[:, 1] == pytest.approx(np.full(len(down), 2.75))
    cover[:3] = 0
    (half,) = contours(Layer(ramp, cover), 3.0)
    assert half[:, 1].min() == 3.5
    assert len(contours(Layer(ramp, np.zeros_like(ramp)), 3.0)) == 0


# --- the report's pictures ------------------------------------------------------------------------


def _pictures(page: str) -> list[np.ndarray]:
    found = []
    for data in re.findall(r'<figure><img src="data:image/png;base64,([^"]+)"', page):
        raw = np.frombuffer(base64.b64decode(data), np.uint8)
        found.append(cv2.imdecode(raw, cv2.IMREAD_COLOR)[:, :, ::-1])
    return found


def test_the_reports_pictures_are_whole_to_the_last_level(maps: ClassMaps) -> None:
    levels = np.arange(93 * 118 * 3).reshape(93, 118, 3) % 256
    picture = ((levels + np.where(levels % 2, 0.4, -0.4)) / 255).astype(np.float32)
    shown = np.clip(picture[::-1] * 1.2 - 0.1, 0, 1)
    drawn = Drawn(shown.astype(np.float32), "as seen", None, names=(((1, 22, 255), "<one>"),))
    page = report_html(picture, maps, [1], drawn=drawn, settings=[("a", "b & c")])
    found = _pictures(page)
    np.testing.assert_array_equal(found[0], levels)
    assert np.abs(found[1] - 255 * shown).max() <= 0.5 + 1e-3
    beyond = _pictures(report_html(picture * 3 - 1, maps, [1]))
    assert np.abs(beyond[0] - np.clip(255 * (picture * 3 - 1), 0, 255)).max() <= 0.501
    assert '<div><span class="swatch" style="background:rgb(1, 22, 255)"></span>&lt;one&gt;' in page
    assert page.count('class="scale"') == 1, "no bar where there is none"
    assert "<tr><th>a</th><td>b &amp; c</td></tr>" in page
    logarithmic = replace(drawn, limits=(0.01, 1.0), log=True)
    page = report_html(picture, maps, [1], drawn=logarithmic)
    assert "<span>0.01</span><span>0.1</span><span>1</span>" in page
    assert "&lt;one&gt;" not in page


@pytest.mark.parametrize(
    ("shape", "shown"),
    [((1200, 40), (1200, 40)), ((1201, 40), (1200, 40)), ((60, 2400), (30, 1200)),
     ((2400, 60), (1200, 30))],
)  # fmt: skip
def test_a_report_shows_no_side_longer_than_1200(
    maps: ClassMaps, shape: tuple[int, int], shown: tuple[int, int]
) -> None:
    large = np.random.default_rng(1).random((*shape, 3)).astype(np.float32)
    placed = replace(
        maps, picture_size=shape, placement=Placement(shape[1] / 59, shape[0] / 31)
    )  # fmt: skip
    found = _pictures(report_html(large, placed, [0]))
    assert [p.shape[:2] for p in found] == [shown] * 4
    wanted = cv2.resize(large, shown[::-1], interpolation=cv2.INTER_AREA)
    assert np.abs(found[0] / 255 - wanted).max() < 0.6 / 255


# --- other pictures and colours -------------------------------------------------------------------


@pytest.mark.parametrize("size", [(20, 30), (60, 90), (20, 90), (60, 30), (40, 20), (40, 60)])
def test_moving_pictures_are_resized_quickly(size: tuple[int, int]) -> None:
    picture = np.random.default_rng(1).random((40, 60, 3)).astype(np.float32)
    shrinks = size[0] < 40 or size[1] < 60
    how = cv2.INTER_AREA if shrinks else cv2.INTER_LINEAR
    found = resize(picture, size, quick=True)
    np.testing.assert_array_equal(found, cv2.resize(picture, size[::-1], interpolation=how))
    quick = Preprocessing((1.0, 2.0, 3.0), 2.0, quick=True).apply(picture, size)
    np.testing.assert_allclose(quick[0, 0], found[:, :, 2] * 2 - 1, atol=1e-6)


@pytest.mark.parametrize("shape", [(4, 6, 7), (60, 5, 4), (2, 6, 7), (1, 3, 3)])
def test_components_as_colours(shape: tuple[int, int, int]) -> None:
    """Red, green and blue from the first to the last hundredth of each; what lacks is grey."""
    rng = np.random.default_rng(5)
    scale = np.arange(1, shape[0] + 1)[:, None, None]
    values = (rng.standard_normal(shape) * scale + 7).astype(np.float32)
    found = principal_components(values, 2)
    count = min(2, shape[0])
    assert found.values.shape == (count, *shape[1:])
    tiny = principal_components(values * np.float32(1e-4), 2)
    np.testing.assert_allclose(tiny.values, found.values * 1e-4, atol=1e-6 * found.values.max())
    np.testing.assert_allclose(tiny.colours, found.colours, atol=2e-3)
    np.testing.assert_allclose(tiny.explained, found.explained, rtol=1e-3)
    flat = values.reshape(shape[0], -1).astype(np.float64).T
    flat = flat - flat.mean(axis=0)
    power = np.linalg.svd(flat, compute_uv=False) ** 2
    np.testing.assert_allclose(found.explained, (power / power.sum())[:count], rtol=1e-4)
    for k in range(count):
        mine = found.values[k].reshape(-1).astype(np.float64)
        assert (mine**2).sum() == pytest.approx(power[k], rel=1e-4)
        assert mine[np.abs(mine).argmax()] > 0
        low, high = np.percentile(mine, [1, 99])
        wanted = np.clip((mine - low) / (high - low), 0, 1)
        np.testing.assert_allclose(found.colours[..., k].reshape(-1), wanted, atol=1e-5)
    assert (found.colours[..., count:] == 0.5).all()
    assert principal_components(values[:, :1, :2], 1).values.shape == (1, 1, 2)
    still = principal_components(np.full((3, 2, 2), 4.0))
    assert (still.colours == 0.5).all()
    assert (still.explained == 0).all()


@pytest.mark.parametrize("deficiency", DEFICIENCIES)
def test_what_the_primaries_look_like(deficiency: str) -> None:
    """A primary's light is spread by its column of the published matrix; all of it stays."""
    greys = np.repeat(np.linspace(0, 1, 11)[:, None], 3, axis=1)
    np.testing.assert_allclose(seen(greys, deficiency), greys, atol=2e-5)
    published = {
        "protanopia": [(0.152286, 0.114503, 0), (1, 0.786281, 0), (0, 0.099216, 1)],
        "deuteranopia": [(0.367322, 0.280085, 0), (0.860646, 0.672501, 0.04294),
                         (0, 0.047413, 0.968881)],
        "tritanopia": [(1, 0, 0.004733), (0, 0.930809, 0.691367), (0, 0.147602, 0.3039)],
    }[deficiency]  # fmt: skip
    for primary, light in zip(np.eye(3), published):
        wanted = [
            12.92 * v if v <= 0.0031308 else 1.055 * v ** (1 / 2.4) - 0.055 for v in light
        ]  # fmt: skip
        np.testing.assert_allclose(seen(primary, deficiency), wanted, atol=1e-6)
    pale = seen((0.6, 0.5, 0.4), deficiency)
    assert seen(np.full((2, 2, 3), (0.6, 0.5, 0.4)), deficiency)[1, 1] == pytest.approx(pale)


def test_dark_colours_in_lab() -> None:
    from skimage.color import deltaE_cie76, rgb2lab

    dark = np.random.default_rng(2).random((60, 3)) * 0.12
    np.testing.assert_allclose(lab(dark), rgb2lab(dark[None])[0], atol=0.02)
    bright = 1 - dark
    wanted = deltaE_cie76(rgb2lab(dark[None])[0], rgb2lab(bright[None])[0])
    np.testing.assert_allclose(difference(dark, bright), wanted, rtol=2e-4)
    steps = lightness_steps(dark)
    np.testing.assert_allclose(steps, np.diff(rgb2lab(dark[None])[0, :, 0]), atol=0.02)


def test_numbers_on_either_side_of_a_thousandth() -> None:
    told: dict[Any, str] = {
        0.0009994: "1.0e-03", -0.0004: "-4.0e-04", 0.001: "0.001", 123456.0: "1.235e+05",
        -0.001: "-0.001", 2 / 3: "0.6667",
    }  # fmt: skip
    assert {value: legend.number(value) for value in told} == told
