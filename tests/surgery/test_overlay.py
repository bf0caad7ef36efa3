"""Layers against what geometry says of each pixel, one pixel at a time."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from filterlab.errors import FilterLabError
from filterlab.surgery.heatmap import ClassMaps, heatmap
from filterlab.surgery.legend import with_legend, with_names
from filterlab.surgery.maps import two_classes
from filterlab.surgery.overlay import (
    COLORMAPS,
    MODES,
    Layer,
    Style,
    colormap,
    compose,
    contours,
    corners,
    end_of_scale,
    normalised,
    project,
    stretch_error,
    table,
)
from filterlab.surgery.transplant import Transplanted

SHAPE = (150, 200)  # the picture is smaller than the net's input: one pixel is two and more


@pytest.fixture(scope="module")
def maps(thin: Transplanted) -> ClassMaps:
    picture = np.random.default_rng(4).random((*SHAPE, 3)).astype(np.float32)
    found = heatmap(thin, picture, size=(300, 451))
    assert (found.rows, found.cols) == (4, 8)
    return found


@pytest.fixture(scope="module")
def values() -> np.ndarray:
    return np.random.default_rng(5).random((4, 8)).astype(np.float32)


def _input_point(y: int, x: int) -> tuple[float, float]:
    return (y + 0.5) * 300 / SHAPE[0], (x + 0.5) * 451 / SHAPE[1]


def test_tiles(maps: ClassMaps, values: np.ndarray) -> None:
    layer = project(maps, values, "tiles")
    assert layer.value.shape == SHAPE
    for y in range(0, SHAPE[0], 3):
        for x in range(0, SHAPE[1], 3):
            py, px = _input_point(y, x)
            i, j = int((py - 97.5) // 32), int((px - 97.5) // 32)
            inside = 0 <= i < 4 and 0 <= j < 8
            assert layer.cover[y, x] == inside
            assert layer.value[y, x] == (values[i, j] if inside else 0)


def test_smooth(maps: ClassMaps, values: np.ndarray) -> None:
    layer = project(maps, values, "smooth")
    for y in range(0, SHAPE[0], 7):
        for x in range(0, SHAPE[1], 7):
            py, px = _input_point(y, x)
            ay, ax = (py - 113.5) / 32, (px - 113.5) / 32
            if not (0 <= ay <= 3 and 0 <= ax <= 7):
                continue
            i, j = min(int(ay), 2), min(int(ax), 6)
            fy, fx = ay - i, ax - j
            expected = (
                values[i, j] * (1 - fy) * (1 - fx)
                + values[i, j + 1] * (1 - fy) * fx
                + values[i + 1, j] * fy * (1 - fx)
                + values[i + 1, j + 1] * fy * fx
            )
            assert layer.value[y, x] == pytest.approx(expected, abs=1e-5)
            assert layer.cover[y, x] == 1
    assert layer.cover[0, 0] == 0
    assert np.count_nonzero((layer.cover > 0) & (layer.cover < 1)) > 0


@pytest.mark.parametrize("mode", ["coverage", "coverage-max"])
def test_coverage(maps: ClassMaps, values: np.ndarray, mode: str) -> None:
    layer = project(maps, values, mode)
    for y in range(0, SHAPE[0], 5):
        for x in range(0, SHAPE[1], 5):
            py, px = _input_point(y, x)
            holding = [
                values[i, j]
                for i in range(4)
                for j in range(8)
                if 32 * i <= int(py) < 32 * i + 227 and 32 * j <= int(px) < 32 * j + 227
            ]
            assert layer.cover[y, x] == bool(holding)
            if holding:
                expected = np.mean(holding) if mode == "coverage" else max(holding)
                assert layer.value[y, x] == pytest.approx(expected, abs=1e-5)


def test_stretched_covers_all_and_its_error_is_told(thin: Transplanted, values: np.ndarray) -> None:
    picture = np.random.default_rng(4).random((451, 451, 3)).astype(np.float32)
    squashed = heatmap(thin, picture, squash=451)
    eight = np.arange(64, dtype=np.float32).reshape(8, 8)
    layer = project(squashed, eight, "stretched")
    assert layer.cover.min() == 1
    assert layer.value[0, 0] == 0
    assert layer.value[450, 450] == 63
    assert layer.value[28, 84] == 1
    moved, largest = stretch_error(squashed)
    # The true centres run from 113.5 to 337.5; stretched, from 28.2 to 422.8.
    assert largest == pytest.approx(85.3, abs=0.05)
    assert moved[0, 0] == pytest.approx((28.1875 - 113.5, 28.1875 - 113.5))
    assert moved[7, 0, 1] == pytest.approx(-moved[0, 0, 1])


def test_layers_at_other_sizes_agree(maps: ClassMaps, values: np.ndarray) -> None:
    for mode in MODES:
        small = project(maps, values, mode)
        large = project(maps, values, mode, (SHAPE[0] * 3, SHAPE[1] * 3))
        same = large.value[1::3, 1::3] == pytest.approx(small.value, abs=1e-4)
        assert same, mode


def test_bad_requests(maps: ClassMaps, values: np.ndarray) -> None:
    with pytest.raises(FilterLabError, match="no way 'fancy'"):
        project(maps, values, "fancy")
    with pytest.raises(FilterLabError, match="do not fit a map of 4x8"):
        project(maps, values.T)
    with pytest.raises(FilterLabError, match="no colour map 'jet'"):
        colormap("jet")
    with pytest.raises(FilterLabError, match="does not fit a picture"):
        compose(np.zeros((9, 9, 3), np.float32), project(maps, values))


# Three of the published colours of each map: its ends and its middle.
KNOWN = {
    "viridis": ((68, 1, 84), (33, 145, 140), (253, 231, 37)),
    "inferno": ((0, 0, 4), (188, 55, 84), (252, 255, 164)),
    "magma": ((0, 0, 4), (183, 55, 121), (252, 253, 191)),
    "turbo": ((48, 18, 59), (164, 252, 60), (122, 4, 3)),
    "grey": ((0, 0, 0), (128, 128, 128), (255, 255, 255)),
}


@pytest.mark.parametrize("name", COLORMAPS)
def test_colour_maps(name: str) -> None:
    table = colormap(name)
    assert table.shape == (256, 3)
    for index, colour in zip((0, 128, 255), KNOWN[name], strict=True):
        assert np.abs(table[index] * 255 - colour).max() <= 6, (name, index)


def _flat(value: Any) -> Layer:
    array = np.array(value, np.float32)
    return Layer(array, np.ones_like(array))


def test_scale_gamma_and_threshold() -> None:
    layer = _flat([[0.0, 0.25, 1.0]])
    assert normalised(layer, Style()).tolist() == [[0.0, 0.25, 1.0]]
    assert normalised(layer, Style(gamma=0.5))[0, 1] == pytest.approx(0.5)
    found = _flat([[-2.0, 0.0, 2.0]])
    assert Style(low=None, high=None).limits(found) == (-2.0, 2.0)
    assert normalised(found, Style(low=None, high=None))[0, 1] == 0.5
    grey = np.full((1, 3, 3), 0.5, np.float32)
    drawn = compose(grey, layer, Style("viridis", 1.0, threshold=0.5, opacity_follows=False))
    assert drawn[0, 1] == pytest.approx(grey[0, 1])
    assert drawn[0, 2] == pytest.approx(colormap("viridis")[255])
    half = compose(grey, layer, Style("viridis", 0.5, opacity_follows=False))
    assert half[0, 2] == pytest.approx((colormap("viridis")[255] + 0.5) / 2)


@pytest.mark.parametrize("gamma", [1.0, 0.5])
def test_opacity_follows_the_value(gamma: float) -> None:
    """Plain numbers: opacity x min(1, v / (0.55 x end of the scale)), of the lifted value."""
    values = [0.0, 0.05, 0.11, 0.2, 0.4]
    style = Style("viridis", 0.8, gamma=gamma, high=0.4)
    picture = np.full((1, 5, 3), 0.25, np.float32)
    drawn = compose(picture, _flat([values]), style)
    for x, value in enumerate(values):
        share = (round(255 * value / 0.4) / 255) ** gamma
        weight = 0.8 * min(1, share / 0.55)
        colour = colormap("viridis")[int(share * 255 + 0.5)]
        assert drawn[0, x] == pytest.approx(0.25 + (colour - 0.25) * weight, abs=1e-5), value
    np.testing.assert_array_equal(drawn[0, 0], picture[0, 0])
    rgba = table(style)
    assert rgba.shape == (256, 4)
    assert rgba[0, 3] == 0
    assert rgba[255].tolist() == pytest.approx([*colormap("viridis")[255], 0.8])
    assert (np.diff(rgba[:, 3]) >= 0).all()
    assert table(replace(style, threshold=0.5))[:128, 3].max() == 0


def test_nothing_goes_dark(maps: ClassMaps, values: np.ndarray) -> None:
    white = np.ones((*SHAPE, 3), np.float32)
    for mode in MODES:
        layer = project(maps, values, mode)
        drawn = compose(white, layer, Style())
        np.testing.assert_array_equal(drawn[layer.cover == 0], 1.0)
        nothing = compose(white, Layer(np.zeros_like(layer.value), layer.cover), Style())
        np.testing.assert_array_equal(nothing, white)
    one = project(maps, values)
    both = two_classes(white, one, Layer(np.zeros_like(one.value), one.cover))
    np.testing.assert_array_equal(both[one.cover == 0], 1.0)
    assert compose(np.ones(SHAPE, np.float32), one, Style()).shape == (*SHAPE, 3)


@pytest.mark.parametrize(
    ("peak", "end"),
    [
        *((0, 0.01), (0.01, 0.01), (0.011, 0.02), (0.03, 0.05), (0.07, 0.1), (0.2, 0.2)),
        *((0.21, 0.4), (0.5, 0.6), (0.61, 0.8), (0.97, 1.0), (1.0, 1.0), (1.0000001, 1.0)),
        (7.0, 1.0),
    ],
)
def test_the_scale_ends_at_a_round_number_above_the_peak(peak: float, end: float) -> None:
    assert end_of_scale(peak) == end
    assert end_of_scale(np.float32(end)) == end


def test_corner_marks_stand_where_the_map_ends(maps: ClassMaps) -> None:
    sx, sy = 200 / 451, 150 / 300
    left, top = 97.5 * sx, 97.5 * sy
    right, bottom = (97.5 + 8 * 32) * sx, (97.5 + 4 * 32) * sy
    found = corners(maps)
    assert [tuple(line[1]) for line in found] == [
        pytest.approx(at) for at in ((left, top), (right, top), (right, bottom), (left, bottom))
    ]
    for line in found:
        assert line.shape == (3, 2)
        (x0, y0), (x1, y1), (x2, y2) = line
        assert x0 == x1
        assert y1 == y2
        assert abs(y0 - y1) == pytest.approx(abs(x2 - x1)) == pytest.approx(0.06 * (bottom - top))
        assert left <= min(x0, x2) <= max(x0, x2) <= right
        assert top <= min(y0, y2) <= max(y0, y2) <= bottom


def test_contours_follow_the_level(maps: ClassMaps, values: np.ndarray) -> None:
    layer = project(maps, values, "smooth")
    lines = contours(layer, 0.5)
    assert lines
    for line in lines:
        for x, y in line[:: max(1, len(line) // 10)]:
            i, j = min(int(y), SHAPE[0] - 1), min(int(x), SHAPE[1] - 1)
            assert layer.value[i, j] == pytest.approx(0.5, abs=0.12)


def test_the_legend_leaves_the_picture_where_it_is(maps: ClassMaps, values: np.ndarray) -> None:
    picture = np.random.default_rng(1).integers(0, 256, (*SHAPE, 3)).astype(np.float32) / 255
    style = Style("viridis", 1.0)
    drawn = with_legend(picture, style, (0.0, 1.0), ["282 虎猫 tiger cat", "thin"], "probability")
    h, w = SHAPE
    assert drawn.shape[0] > h
    assert drawn.shape[1] > w
    np.testing.assert_allclose(drawn[:h, :w], picture, atol=1 / 255)
    bar = drawn[:h, w:]
    assert (np.abs(bar - colormap("viridis")[255]).max(axis=2) < 0.02).any()
    surface = np.array((30, 31, 34), np.float32) / 255
    heights = []
    for index in (250, 60):
        colour, opacity = table(style)[index, :3], table(style)[index, 3]
        seen = surface + (colour - surface) * opacity
        heights.append(np.where((np.abs(bar - seen).max(axis=2) < 0.02).any(axis=1))[0].mean())
    assert heights[0] < heights[1]
    tiny = with_legend(picture[:20, :30], style, (0.0, 1.0), ["a very long caption" * 5])
    np.testing.assert_allclose(tiny[:20, :30], picture[:20, :30], atol=1 / 255)


@pytest.mark.parametrize(
    "name", ["tabby\ncat 虎猫", "a\r\nb", "虎\x00猫\x1b[31m", "\t", "x\u2028虎"]
)
def test_names_of_several_lines_are_drawn_in_one(name: str) -> None:
    """A class name comes from a file; a font measures no text of several lines."""
    picture = np.full((60, 80, 3), 0.5, np.float32)
    one = with_names(picture, [((255, 0, 0), name)], [name])
    reds = np.argwhere((one == (1, 0, 0)).all(axis=2))
    assert len(reds) > 100, "a square of the class's colour"
    assert reds[:, 0].min() >= picture.shape[0], "below the picture"
    assert one.shape[0] == with_names(picture, [((255, 0, 0), "x")], ["x"]).shape[0]
    assert with_legend(picture, Style(), (0.0, 1.0), [name]).shape[0] > 60
