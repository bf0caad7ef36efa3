"""Pixels explained, statistics, previews and learned kernels, against loops, NumPy and SciPy."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy.ndimage import correlate

from filterlab.errors import FilterLabError
from filterlab.surgery import convolve
from filterlab.surgery.convolve import Picture, Settings, Snapshot
from filterlab.surgery.drawing import stroke
from filterlab.surgery.kernels import as_kernel, check_size, transform
from filterlab.surgery.kernels.analysis import (
    explain_pixel,
    facts,
    frequency_response,
    output_size,
    rank,
    separable_vectors,
    symmetries,
)
from filterlab.surgery.kernels.codegen import LIBRARIES, Recipe, generate
from filterlab.surgery.kernels.learn import learn_kernel, learn_kernel_job
from filterlab.surgery.kernels.library import KernelLibrary, SavedKernel
from filterlab.surgery.kernels.presets import PRESETS
from filterlab.surgery.kernels.spec import parse_spec
from filterlab.surgery.kernels.text import (
    format_kernel,
    parse_block,
    parse_number,
    read_kernel,
    write_kernel,
)

#: numpy's names of the edges.
PADDED = {"zero": "constant", "reflect": "reflect", "replicate": "edge", "wrap": "wrap"}


# --- a pixel explained --------------------------------------------------------------------------


@pytest.mark.parametrize("edge", sorted(PADDED))
@pytest.mark.parametrize("mode", convolve.MODES)
@pytest.mark.parametrize(("pad", "stride", "dilation"), [("same", 2, 2), ("valid", 1, 3)])
def test_a_pixel_of_filters_of_their_own_sizes(
    mode: str, edge: str, pad: str, stride: int, dilation: int
) -> None:
    """A blob of 5 x 7 in which the filters have other sizes; places are the picture's own."""
    rng = np.random.default_rng(7)
    picture = rng.random((19, 26, 3), dtype=np.float32)
    sizes = ((3, 7), (5, 1), (1, 3))
    settings = Settings(mode, pad, stride, dilation, 255.0, edge)
    kernels = np.zeros((3, settings.channels, 5, 7), np.float32)
    for slot, (rows, cols) in enumerate(sizes):
        top, left = (5 - rows) // 2, (7 - cols) // 2
        kernels[slot, :, top : top + rows, left : left + cols] = rng.standard_normal((rows, cols))
    bias = np.array([0.5, -1, 2], np.float32)
    snapshot = Snapshot(kernels, bias, settings, Picture(picture), sizes=sizes)
    found = convolve.compute(snapshot)
    margin = (2 * dilation, 3 * dilation) if pad == "same" else (0, 0)
    assert settings.margins((5, 7)) == margin
    assert settings.net_margins((5, 7)) == (margin if edge == "zero" else (0, 0))
    rows, cols = found.full_size
    for slot, (kh, kw) in enumerate(sizes):
        for row, column in ((0, 0), (rows - 1, cols - 1), (1, 2)):
            for channel in range(3 if mode == "each" else 1):
                told = convolve.explain(snapshot, slot, row, column, channel)
                # The blob's window begins here, the filter's own some cells further in.
                y = row * stride - margin[0] + (5 - kh) // 2 * dilation
                x = column * stride - margin[1] + (7 - kw) // 2 * dilation
                assert told.rows.tolist() == [y + dilation * k for k in range(kh)]
                assert told.columns.tolist() == [x + dilation * k for k in range(kw)]
                assert told.box == (x, y, x + dilation * (kw - 1) + 1, y + dilation * (kh - 1) + 1)
                assert told.output == (row, column)
                planes = {
                    "grey": (picture @ np.float32([0.2125, 0.7154, 0.0721]))[None],
                    "each": picture[None, :, :, channel],
                    "three": picture.transpose(2, 0, 1),
                }[mode]
                around = [(0, 0), (60, 60), (60, 60)]
                wide = (
                    np.pad(planes, around, PADDED[edge])
                    if edge != "reflect"
                    else np.pad(np.pad(planes, [(0, 0), (15, 15), (15, 15)], "reflect"), around)
                )
                base = 75 if edge == "reflect" else 60
                patch = 255 * wide[:, told.rows + base][:, :, told.columns + base]
                np.testing.assert_allclose(told.patch, patch, rtol=1e-5, atol=1e-4)
                assert told.kernel.shape == (settings.channels, kh, kw)
                total = float((patch.astype(np.float64) * told.kernel).sum())
                assert told.total == pytest.approx(total, abs=1e-2)
                assert told.bias == bias[slot]
                pixel = found.data[(slot, row, column, channel)[: found.data.ndim]]
                assert told.result == pytest.approx(float(pixel), abs=5e-3)
                turned = (patch.astype(np.float64) * told.kernel[:, ::-1, ::-1]).sum()
                assert told.flipped_result == pytest.approx(float(turned) + told.bias, abs=1e-2)


def test_of_a_grey_picture_there_is_one_channel() -> None:
    picture = np.random.default_rng(1).random((9, 9), dtype=np.float32)
    kernels = np.ones((1, 1, 3, 3), np.float32)
    shot = Snapshot(kernels, np.zeros(1, np.float32), Settings("each"), Picture(picture))
    told = convolve.explain(shot, 0, 2, 3, channel=2)
    assert told.result == pytest.approx(float(picture[2:5, 3:6].sum(dtype=np.float64)), rel=1e-5)
    assert convolve.compute(shot).revision == 0


@pytest.mark.parametrize("place", [(-1, 0), (0, -1), (8, 0), (0, 9)])
def test_beyond_the_output_there_is_no_pixel(place: tuple[int, int]) -> None:
    picture, kernel = np.zeros((1, 10, 11), np.float32), np.ones((1, 3, 3), np.float32)
    assert explain_pixel(picture, kernel, 1.5, 7, 8).result == 1.5
    with pytest.raises(FilterLabError, match="the output is 9 x 8"):
        explain_pixel(picture, kernel, 1.5, *place)


def test_the_picture_is_scaled_before_it_is_looked_at() -> None:
    picture = np.full((1, 3, 3), 0.5, np.float32)
    told = explain_pixel(picture, np.ones((1, 3, 3), np.float32), 1, 0, 0, scale=255.0)
    assert (told.patch == 127.5).all()
    assert told.result == 9 * 127.5 + 1


@pytest.mark.parametrize(
    ("size", "kernel", "pad", "stride", "dilation", "wanted"),
    [
        ((5, 5), (5, 5), (0, 0), 1, 1, (1, 1)),
        ((10, 20), (3, 5), (0, 0), 1, 1, (8, 16)),
        ((10, 20), (3, 5), (1, 2), 1, 1, (10, 20)),
        ((10, 20), (3, 5), (1, 2), 3, 1, (4, 7)),
        ((10, 20), (3, 5), (0, 0), 4, 3, (1, 2)),
        ((5, 9), (3, 5), (0, 0), 1, 2, (1, 1)),
        ((4, 9), (3, 5), (0, 0), 1, 2, None),
        ((5, 8), (3, 5), (0, 0), 1, 2, None),
        ((4, 4), (5, 5), (1, 1), 1, 1, (2, 2)),
    ],
)
def test_sizes_of_outputs(
    size: Any, kernel: Any, pad: Any, stride: int, dilation: int, wanted: Any
) -> None:
    if wanted is None:
        with pytest.raises(FilterLabError, match="3 x 5 with dilation 2 does not fit"):
            output_size(size, kernel, pad, stride, dilation)
        return
    assert output_size(size, kernel, pad, stride, dilation) == wanted


def test_dilation_is_told_only_where_there_is_one() -> None:
    with pytest.raises(
        FilterLabError, match="a kernel of 5 x 5 does not fit into a picture of 9 x 4"
    ):
        output_size((4, 9), (5, 5))


# --- pictures, settings, previews ---------------------------------------------------------------


def test_what_the_net_is_fed() -> None:
    rng = np.random.default_rng(2)
    colour, grey = (rng.random(shape, dtype=np.float32) for shape in ((4, 5, 3), (4, 5)))
    of_colour, of_grey = Picture(colour, "c"), Picture(grey)
    luma = colour.astype(np.float64) @ [0.2125, 0.7154, 0.0721]
    assert (of_colour.height, of_colour.width, of_colour.colour, of_grey.colour) == (
        4,
        5,
        True,
        False,
    )
    np.testing.assert_allclose(of_colour.planes("grey")[0, 0], luma, atol=1e-6)
    assert of_colour.grey is of_colour.grey
    assert not of_colour.grey.flags.writeable
    np.testing.assert_array_equal(of_colour.planes("each"), colour.transpose(2, 0, 1)[:, None])
    np.testing.assert_array_equal(of_colour.planes("three"), colour.transpose(2, 0, 1)[None])
    for mode, shape in (("grey", (1, 1)), ("each", (1, 1)), ("three", (1, 3))):
        planes = of_grey.planes(mode)
        assert planes.shape == (*shape, 4, 5)
        assert (planes == grey).all()
    for edge, name in PADDED.items():
        wide = of_colour.padded("each", edge, (1, 2))
        wanted = np.pad(colour, ((1, 1), (2, 2), (0, 0)), name).transpose(2, 0, 1)[:, None]
        np.testing.assert_array_equal(wide, wanted)
        assert of_colour.padded("each", edge, (1, 2)) is wide
        assert not wide.flags.writeable
        assert of_colour.padded("each", edge, (2, 1)).shape == (3, 1, 8, 7)
    assert (of_grey.frame, of_grey.frames, of_grey.origin, of_grey.passing) == (
        0,
        1,
        ("", ""),
        False,
    )


@pytest.mark.parametrize(
    ("good", "bad"),
    [({"stride": 4}, {"stride": 5}), ({"stride": 1}, {"stride": 0}),
     ({"dilation": 3}, {"dilation": 4}), ({"dilation": 1}, {"dilation": 0}),
     ({"scale": 255.0}, {"scale": 254.0}), ({"scale": 1.0}, {"scale": 0.0}),
     ({"edge": "wrap"}, {"edge": "mirror"})],
)  # fmt: skip
def test_the_limits_of_settings(good: dict[str, Any], bad: dict[str, Any]) -> None:
    Settings(**good)
    with pytest.raises(FilterLabError):
        Settings(**bad)
    assert Settings() == Settings("grey", "valid", 1, 1, 1.0, "zero")
    assert [Settings(mode).channels for mode in ("grey", "each", "three")] == [1, 1, 3]


@pytest.mark.parametrize(
    ("rows", "cols", "mode", "colour", "step"),
    [
        (1026, 1026, "grey", False, 1),  # of 1024 x 1024 results all are shown
        (1026, 1027, "grey", False, 3),  # of more, a quarter of a million or fewer
        (2050, 2050, "grey", True, 4),
        (2050, 2051, "grey", True, 5),
        (514, 682, "each", True, 1),
        (514, 685, "each", True, 3),
        (1026, 1026, "each", False, 1),
        (1026, 1026, "three", True, 1),
        (1027, 1026, "three", True, 3),
    ],
)
def test_from_which_size_on_a_preview_is_shown(
    rows: int, cols: int, mode: str, colour: bool, step: int
) -> None:
    shape = (rows, cols, 3) if colour else (rows, cols)
    pixels = np.broadcast_to(np.float32(0), shape)
    settings = Settings(mode)
    kernels = np.zeros((3, settings.channels, 3, 3), np.float32)
    shot = Snapshot(kernels, np.zeros(3, np.float32), settings, Picture(pixels))
    assert shot.output_size == (rows - 2, cols - 2)
    assert shot.preview_step == step
    # The least step with which no more than 512 x 512 pixels are left.
    count = (rows - 2) * (cols - 2) * (3 if mode == "each" and colour else 1)
    if step > 1:
        assert count / step**2 <= 512 * 512 < count / (step - 1) ** 2


def test_statistics_of_an_output() -> None:
    rng = np.random.default_rng(3)
    values = (1000 + rng.standard_normal((40, 30, 3))).astype(np.float32)
    found = convolve.stats_of(values)
    exact = values.astype(np.float64)
    assert (found.minimum, found.maximum) == (exact.min(), exact.max())
    assert found.mean == pytest.approx(exact.mean(), rel=1e-9)
    assert found.std == pytest.approx(exact.std(), rel=1e-4)
    assert (found.not_finite, found.exact) == (0, True)
    assert convolve.stats_of(values, False).exact is False
    values[0, 0, 0], values[1, 2, 2], values[39, 29, 1] = np.nan, np.inf, -np.inf
    found, rest = convolve.stats_of(values), values[np.isfinite(values)].astype(np.float64)
    assert (found.not_finite, found.minimum, found.maximum) == (3, rest.min(), rest.max())
    assert found.mean == pytest.approx(rest.mean(), rel=1e-9)
    assert found.std == pytest.approx(rest.std(), rel=1e-4)
    for one in (np.inf, -np.inf):
        values[...] = 0.25
        values[3, 4, 0] = one
        found = convolve.stats_of(values)
        assert (found.not_finite, found.mean, found.std) == (1, 0.25, 0)


def test_outputs_say_the_ends_of_all_filters() -> None:
    picture = np.linspace(0, 1, 25, dtype=np.float32).reshape(5, 5)
    kernels = np.array([2, -1, 0.5], np.float32).reshape(3, 1, 1, 1)
    shot = Snapshot(kernels, np.array([0, 0.25, 0], np.float32), Settings(), Picture(picture), 11)
    found = convolve.compute(shot)
    assert (found.lowest(), found.highest()) == (-0.75, 2)
    assert (found.finite, found.revision, found.step, found.full_size) == (True, 11, 1, (5, 5))
    assert [s.mean for s in found.stats] == pytest.approx([1, -0.25, 0.25])


def test_another_scale_or_edge_is_not_taken_from_the_run_before() -> None:
    """A picture stays in its net between runs; what it was fed as does not."""
    rng = np.random.default_rng(4)
    picture = Picture(rng.random((12, 15), dtype=np.float32))
    kernel = rng.standard_normal((1, 1, 3, 3)).astype(np.float32)
    zero = np.zeros(1, np.float32)
    ways = {"constant": "zero", "mirror": "reflect", "nearest": "replicate", "wrap": "wrap"}
    for scale in (1.0, 255.0, 1.0):
        for mode, edge in ways.items():
            settings = Settings(pad="same", scale=scale, edge=edge)
            found = convolve.compute(Snapshot(kernel, zero, settings, picture)).data[0]
            wanted = correlate(picture.pixels.astype(np.float64), kernel[0, 0], mode=mode) * scale
            np.testing.assert_allclose(found, wanted, atol=1e-5 * scale)


# --- facts --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("cells", "effect"),
    [
        ([[1.000005, 0, 0]], "keeps brightness"),
        ([[1.00002, 0, 0]], "brightens"),
        ([[0.99998, 0, 0]], "darkens"),
        ([[0.00003, 0, 0]], "darkens"),
        ([[-0.00003, 0, 0]], "inverts"),
        ([[1, -0.99999, 0]], "answers change only"),
        ([[1, -0.9999, 0]], "darkens"),
        ([[1, -1.0001, 0]], "inverts"),
        ([[1, -1.00001, 0]], "answers change only"),
        ([[0, 0, 0]], "nothing"),
        ([[-1, 3, -1]], "keeps brightness"),
    ],
)
def test_what_the_sum_does_to_a_flat_picture(cells: list[list[float]], effect: str) -> None:
    assert facts(as_kernel(cells)).effect == effect


@pytest.mark.parametrize(
    ("cells", "names"),
    [
        ([[1, 2, 3], [4, 5, 6], [7, 8, 10]], ()),
        ([[1, 2, 1], [3, 4, 3], [5, 6, 5]], ("left-right",)),
        ([[1, 2, 3], [4, 5, 6], [1, 2, 3]], ("up-down",)),
        ([[1, 2, 3], [4, 0, 4], [3, 2, 1]], ("half turn",)),
        ([[1, 2, 3], [2, 5, 6], [3, 6, 9]], ("diagonal",)),
        ([[0, 2, 3], [-2, 0, 6], [-3, -6, 0]], ("anti-diagonal",)),
        ([[1, 0, -1], [2, 0, -2], [4, 0, -4]], ("anti-left-right",)),
        ([[1, 2, 4], [0, 0, 0], [-1, -2, -4]], ("anti-up-down",)),
        ([[1, 2, 4], [3, 0, -3], [-4, -2, -1]], ("anti-half turn",)),
        ([[1, 2, 1]], ("left-right", "up-down", "half turn")),
        ([[1], [0], [-1]], ("left-right", "anti-up-down", "anti-half turn")),
    ],
)
def test_names_of_symmetries(cells: list[list[float]], names: tuple[str, ...]) -> None:
    assert symmetries(as_kernel(cells)) == names


def test_the_two_vectors_of_a_separable_kernel() -> None:
    """Of equal length; the column's largest entry is positive."""
    column, row = np.array([1.0, -3, 2]), np.array([0.5, 0, 1, -4, 1])
    for sign in (1, -1):
        found = separable_vectors(as_kernel(sign * np.outer(column, row)))
        assert found is not None
        one, other = (v.astype(np.float64) for v in found)
        assert np.linalg.norm(one) == pytest.approx(np.linalg.norm(other), rel=1e-6)
        assert one[np.abs(one).argmax()] > 0
        np.testing.assert_allclose(np.outer(one, other), sign * np.outer(column, row), atol=1e-5)
        assert one / one[1] == pytest.approx(column / -3, abs=1e-6)
    noisy = np.outer(column, row) + 1e-4 * np.eye(3, 5)
    assert rank(as_kernel(noisy)) == 3
    assert rank(as_kernel(np.outer(column, row))) == 1
    assert separable_vectors(np.zeros((3, 3), np.float32)) is None


@pytest.mark.parametrize("side", [11, 12, 64])
def test_gains_by_their_definition(side: int) -> None:
    kernel = np.random.default_rng(6).standard_normal((7, 11)).astype(np.float32)
    found = frequency_response(kernel, side)
    steps = (np.arange(side) - side // 2) / side
    rows = np.exp(-2j * np.pi * np.outer(steps, np.arange(7)))
    cols = np.exp(-2j * np.pi * np.outer(np.arange(11), steps))
    np.testing.assert_allclose(found, np.abs(rows @ kernel @ cols), atol=1e-4)
    assert found.dtype == np.float32
    with pytest.raises(FilterLabError, match="10 frequencies"):
        frequency_response(kernel, 10)


# --- changes ------------------------------------------------------------------------------------


def test_shifts_by_hand() -> None:
    kernel = np.arange(1, 16, dtype=np.float32).reshape(3, 5)
    for down in range(-4, 5):
        for right in range(-6, 7):
            wanted = np.zeros((9 + 3, 13 + 5), np.float32)
            wanted[4 + down : 7 + down, 6 + right : 11 + right] = kernel
            np.testing.assert_array_equal(
                transform.shift(kernel, down, right), wanted[4:7, 6:11], f"{down} {right}"
            )
            np.testing.assert_array_equal(
                transform.shift(kernel, down, right, wrap=True),
                [[kernel[(r - down) % 3, (c - right) % 5] for c in range(5)] for r in range(3)],
            )
    np.testing.assert_array_equal(transform.shift(kernel), kernel)
    np.testing.assert_array_equal(transform.shift(np.stack([kernel] * 3), 1)[2, 1:], kernel[:2])


def test_scaled_kernels_by_hand() -> None:
    kernel = as_kernel([[1, -2, 4], [0, 3, 2], [1, 1, 0]])
    np.testing.assert_allclose(transform.normalise(kernel), kernel / 10, rtol=1e-6)
    np.testing.assert_allclose(transform.normalise(-kernel), kernel / 10, rtol=1e-6)
    np.testing.assert_allclose(transform.zero_mean(kernel), kernel - 10 / 9, rtol=1e-6)
    np.testing.assert_allclose(transform.energy_one(kernel), kernel / 6, rtol=1e-6)
    assert transform.normalise(as_kernel([[1, -0.99999, 0]])).sum() == pytest.approx(1, rel=0.02)
    for zero in ([[1, -1, 0]], [[0, 0, 0]], [[1, -0.9999995, 0]]):
        with pytest.raises(FilterLabError, match="sum to zero"):
            transform.normalise(as_kernel(zero))
    digits = as_kernel([[1.26, -0.04, 149.9]])
    for places, wanted in ((1, [1.3, 0, 149.9]), (0, [1, 0, 150]), (-2, [0, 0, 100])):
        found = transform.rounded(digits, places)
        np.testing.assert_array_equal(found, np.float32([wanted]))
        assert not np.signbit(found).any()
    np.testing.assert_array_equal(transform.rounded(digits), [[1, 0, 150]])


def test_a_kernel_turns_one_way() -> None:
    wide = as_kernel([[1, 2, 3], [4, 5, 6], [7, 8, 9]])
    np.testing.assert_array_equal(transform.rotate90(wide), [[7, 4, 1], [8, 5, 2], [9, 6, 3]])
    np.testing.assert_array_equal(transform.rotate90(wide, -1), [[3, 6, 9], [2, 5, 8], [1, 4, 7]])
    np.testing.assert_array_equal(transform.rotate45(wide, -1), [[2, 3, 6], [1, 5, 9], [4, 7, 8]])
    five = np.arange(25, dtype=np.float32).reshape(5, 5)
    np.testing.assert_array_equal(
        transform.rotate45(five),
        [[10, 5, 0, 1, 2], [15, 11, 6, 7, 3], [20, 16, 12, 8, 4], [21, 17, 18, 13, 9],
         [22, 23, 24, 19, 14]],
    )  # fmt: skip
    with pytest.raises(FilterLabError, match="4 x 4"):
        transform.rotate45(np.zeros((4, 4), np.float32))
    assert transform.flip(wide)[0].tolist() == [3, 2, 1]
    three = np.stack([wide, 2 * wide, 3 * wide])
    for change in (transform.rotate90, transform.rotate45, transform.transpose, transform.flip):
        np.testing.assert_array_equal(change(three)[1], 2 * change(wide))


@pytest.mark.parametrize(
    ("size", "good"),
    [(1, True), (11, True), ((1, 11), True), ((11, 1), True), (12, False), (13, False),
     ((11, 13), False), ((13, 11), False), ((3, 0), False), ((2, 3), False), ((3, 2), False)],
)  # fmt: skip
def test_which_sizes_a_kernel_has(size: Any, good: bool) -> None:
    if good:
        assert check_size(size) == ((size, size) if isinstance(size, int) else size)
        return
    with pytest.raises(FilterLabError, match="here: a kernel of"):
        check_size(size, "here")


def test_a_cell_that_is_no_number_is_named_from_1() -> None:
    with pytest.raises(FilterLabError, match="k: row 2, column 3 is nan"):
        as_kernel([[0, 0, 0], [0, 0, math.nan], [0, 0, 0]], "k")
    with pytest.raises(FilterLabError, match="has shape"):
        as_kernel(np.ones((3, 3, 3)))
    assert as_kernel(np.ones((1, 1, 1, 3))).shape == (1, 3)


# --- learning -----------------------------------------------------------------------------------


@pytest.mark.parametrize("bias", [False, True])
@pytest.mark.parametrize("kind", ["grey", "each", "three"])
def test_what_is_learned_is_lapacks_least_squares(kind: str, bias: bool) -> None:
    """Against numpy.linalg.lstsq over every window, with noise that no kernel explains."""
    rng = np.random.default_rng(9)
    rows, cols = 3, 5
    before = rng.random((16, 18) if kind == "grey" else (16, 18, 3), dtype=np.float32)
    height, width = 14, 14
    after = rng.random((height, width, 3) if kind == "each" else (height, width), dtype=np.float32)
    found = learn_kernel(before, after, (rows, cols), bias)
    planes = before[..., None] if kind == "grey" else before
    windows, wanted = [], []
    for c in range(3) if kind == "each" else [None]:
        for y in range(height):
            for x in range(width):
                part = planes[y : y + rows, x : x + cols]
                part = part[..., c] if c is not None else part.transpose(2, 0, 1)
                windows.append([*part.ravel(), *([1.0] if bias else [])])
                wanted.append(after[y, x] if c is None else after[y, x, c])
    matrix, right = np.array(windows, np.float64), np.array(wanted, np.float64)
    solution, _, order, _ = np.linalg.lstsq(matrix, right, rcond=None)
    cells = solution[:-1] if bias else solution
    shape = (3, rows, cols) if kind == "three" else (rows, cols)
    np.testing.assert_allclose(found.kernel, cells.reshape(shape), atol=1e-5)
    assert found.bias == pytest.approx(solution[-1] if bias else 0, abs=1e-6)
    rms = np.sqrt(((matrix @ solution - right) ** 2).mean())
    assert found.rms == pytest.approx(rms, rel=1e-5)
    assert found.relative == pytest.approx(rms / right.std(), rel=1e-5)
    assert found.pixels == len(right)
    assert found.unknowns == found.rank == order == len(solution)
    assert (found.unique, found.note) == (True, "")


def test_where_many_kernels_do_the_one_of_least_energy_is_found() -> None:
    """A slope to the right: of nine numbers its windows determine two. As numpy's lstsq finds."""
    slope = np.broadcast_to(np.arange(40, dtype=np.float32) / 64, (30, 40))
    target = np.random.default_rng(14).random((28, 38), dtype=np.float32)
    found = learn_kernel(slope, target, 3)
    windows = np.lib.stride_tricks.sliding_window_view(slope, (3, 3)).reshape(-1, 9)
    matrix = windows.astype(np.float64)
    wanted, _, order, _ = np.linalg.lstsq(matrix, target.ravel().astype(np.float64), rcond=1e-9)
    assert (found.rank, found.unknowns, found.unique) == (order, 9, False) == (2, 9, False)
    assert "only 2 of 9 numbers" in found.note
    np.testing.assert_allclose(found.kernel.ravel(), wanted, atol=1e-5)
    still = learn_kernel(slope, target, 3, bias=True)
    assert (still.rank, still.unknowns) == (2, 10)


def test_only_pixels_at_which_the_kernel_fits_are_asked() -> None:
    rng = np.random.default_rng(10)
    before = rng.random((20, 23), dtype=np.float32)
    kernel = rng.standard_normal((5, 3)).astype(np.float32)
    target = correlate(before.astype(np.float64), kernel, mode="constant").astype(np.float32)
    target[:2], target[-2:], target[:, 0], target[:, -1] = 9, 9, 9, 9  # the edge, of another kind
    found = learn_kernel(before, target, (5, 3))
    np.testing.assert_allclose(found.kernel, kernel, atol=1e-4)
    assert found.pixels == 16 * 21


def test_a_flat_target() -> None:
    before = np.random.default_rng(11).random((20, 20), dtype=np.float32)
    flat = np.full((20, 20), 0.25, np.float32)
    with_bias = learn_kernel(before, flat, 3, bias=True)
    assert (with_bias.relative, with_bias.bias) == (0, pytest.approx(0.25, abs=1e-6))
    without = learn_kernel(before, flat, 3)
    assert (without.relative, without.bias) == (1, 0)
    assert without.rms > 0.01
    # As dark as can be, a kernel of zeros explains it.
    assert learn_kernel(before, flat * 0, 3).relative == 0


def test_how_many_pixels_are_enough() -> None:
    rng = np.random.default_rng(12)
    found = learn_kernel(rng.random((5, 5)), rng.random((3, 3)), 3)
    assert (found.pixels, found.unknowns) == (9, 9)
    assert found.rms < 1e-6
    with pytest.raises(FilterLabError, match="9 pixels cannot determine 10 numbers"):
        learn_kernel(rng.random((5, 5)), rng.random((3, 3)), 3, bias=True)
    with pytest.raises(FilterLabError, match="9 pixels cannot determine 27 numbers"):
        learn_kernel(rng.random((5, 5, 3)), rng.random((3, 3)), 3)


@pytest.mark.parametrize(("contrast", "good"), [(2e-7, True), (0.5e-7, False), (0, False)])
def test_a_picture_without_detail_is_refused(contrast: float, good: bool) -> None:
    before = np.zeros((12, 12), np.float32)
    before[::2, ::3] = contrast
    if good:
        assert learn_kernel(before, before, 3).rms < 1e-6
        return
    with pytest.raises(FilterLabError, match="constant"):
        learn_kernel(before, before, 3)


def test_steps_of_learning() -> None:
    picture = np.random.default_rng(13).random((30, 40, 3), dtype=np.float32)
    steps = [(s.step, s.done, s.total) for s in learn_kernel_job(picture, picture, 3)]
    assert steps == [
        *(("Learning the kernel", 28 * n, 84) for n in range(3)),
        ("Solving", 84, 84),
        *(("Measuring what is left", 28 * n, 84) for n in range(3)),
    ]


# --- the user's own kernels, text and programs --------------------------------------------------


def test_a_kernel_without_a_bias_has_none(tmp_path: Path) -> None:
    assert SavedKernel("x", "", np.ones((1, 3, 3), np.float32)).bias == 0
    library = KernelLibrary(tmp_path / "kernels.json")
    library.path.write_text(
        '{"format": "filterlab-kernels", "version": 1, "kernels": ['
        '{"name": "a", "values": [[[1, 2, 3]]]},'
        '{"name": "b", "category": "c", "bias": -0.5, "values": [[4, 5, 6]]}]}'
    )
    assert [(k.name, k.category, k.bias) for k in library.all()] == [("a", "", 0), ("b", "c", -0.5)]
    write_kernel(tmp_path / "k.csv", PRESETS["box"].make(3))
    (added,) = library.import_file(tmp_path / "k.csv")
    assert (added.bias, added.category) == (0, "")
    assert library.save("d", np.ones((1, 1))).bias == 0
    assert library.rename("b", "e").bias == -0.5
    assert library.get("e").category == "c"
    assert library.delete("e").bias == -0.5
    out = tmp_path / "out.json"
    library.save("f", np.ones((1, 1)), bias=2)
    library.export(out)
    (again,) = [k for k in KernelLibrary(tmp_path / "o.json").import_file(out) if k.name == "f"]
    assert again.bias == 2


def test_a_name_that_is_taken_gets_the_next_number(tmp_path: Path) -> None:
    library = KernelLibrary(tmp_path / "kernels.json")
    write_kernel(tmp_path / "k.csv", PRESETS["box"].make(3))
    names = [library.import_file(tmp_path / "k.csv")[0].name for _ in range(4)]
    assert names == ["k", "k (2)", "k (3)", "k (4)"]


@pytest.mark.parametrize(
    "values", [np.ones(3), np.ones((2, 3, 3)), np.ones((4, 3, 3)), np.ones((1, 1, 3, 3))]
)
def test_what_cannot_be_kept(tmp_path: Path, values: np.ndarray) -> None:
    library = KernelLibrary(tmp_path / "kernels.json")
    with pytest.raises(FilterLabError, match="none of a kernel"):
        library.save("x", values)
    with pytest.raises(FilterLabError, match="not finite"):
        library.save("x", np.ones((3, 3)), bias=math.inf)
    assert library.save("x", np.ones((3, 3, 3))).values.shape == (3, 3, 3)
    assert library.save("y", np.ones((3, 3))).values.shape == (1, 3, 3)


@pytest.mark.parametrize(
    "text", ["[[1, 2], 3]", "[1, [2, 3]]", "[[[1, 2], [3, 4]], [[5, 6], [7, 8]]]"]
)
def test_what_is_no_table_is_refused(text: str) -> None:
    with pytest.raises(FilterLabError):
        parse_block(text)
    with pytest.raises(FilterLabError):
        parse_block(f'{{"kernel": {text}}}')


@pytest.mark.parametrize(
    ("text", "rows"),
    [
        ("[[[[1, 2], [3, 4]]]]", [[1, 2], [3, 4]]),
        ("[[1], [2], [3]]", [[1], [2], [3]]),
        ("[(1) 2; 3 (-4)]", [[1, 2], [3, -4]]),
        ("[1 2\n3 4]", [[1, 2], [3, 4]]),
        ("-(1/2) * [1 2; 3 4]", [[-0.5, -1], [-1.5, -2]]),
        ("[1 2; 3 4] / 2 * 3", [[1.5, 3], [4.5, 6]]),
        ("[1 2; 3 4] * -(1/4)", [[-0.25, -0.5], [-0.75, -1]]),
        ("((2 * [1 2; 3 4]))", [[2, 4], [6, 8]]),
        ('{"weights": [[1, "1/4"]]}', [[1, 0.25]]),
        ("[[+1, -+2]]", [[1, -2]]),
        ("np.float32([[1, 2]])", [[1, 2]]),
        ("{1, 2, 3}", [[1, 2, 3]]),
        (".5 5. 1e2 -1E-1", [[0.5, 5, 100, -0.1]]),
        ("1 / 4\t3/4", [[0.25, 0.75]]),
        ("1;;", [[1]]),
        ("1.5;2,5\n3;4", None),
        ("1,5\t2\n3\t4,25", [[1.5, 2], [3, 4.25]]),
        ("1,\t2\n3,\t4", [[1, 2], [3, 4]]),
        ("1,2,\n3,4,", [[1, 2], [3, 4]]),
        ("1,2,3\n4,5\t,6", [[1, 2, 3], [4, 5, 6]]),
        ("1.5,\t2,\t3", [[1.5, 2, 3]]),
        ("1;2\n3", [[1], [2], [3]]),
        ("1 2;\n3 4", [[1, 2], [3, 4]]),
        ("[[1, 2, 3]\n [4, 5, 6]]", [[1, 2, 3], [4, 5, 6]]),
        ("[(1, 2)\n (3, 4)]", [[1, 2], [3, 4]]),
        ("[1 -2\n 3 +4]", [[1, -2], [3, 4]]),
        ("1,5 2,5", [[1.5, 2.5]]),
        ("1,5", [[1, 5]]),
        ("1 , 5", [[1, 5]]),
        ("1,5 , 2", [[1, 5, 2]]),
    ],
)
def test_forms_of_text(text: str, rows: Any) -> None:
    if rows is None:
        with pytest.raises(FilterLabError):
            parse_block(text)
        return
    np.testing.assert_array_equal(parse_block(text), np.array(rows, np.float32))


def test_cells_that_are_too_long_are_shortened() -> None:
    for count, told in ((24, "x" * 24), (25, "x" * 23 + "…")):
        with pytest.raises(FilterLabError, match=f"'{told}'"):
            parse_number("x" * count)


def test_how_long_a_kernels_text_may_be() -> None:
    good = "1 2 3" + " " * (200_000 - 5)
    np.testing.assert_array_equal(parse_block(good), [[1, 2, 3]])
    with pytest.raises(FilterLabError, match="too long"):
        parse_block(good + " ")


def test_texts_of_a_kernel() -> None:
    kernel = as_kernel([[1, -0.5, 0], [10, 2, 0.25], [0, 0, 3]])
    wanted = {
        "tsv": "1\t-0.5\t0\n10\t2\t0.25\n0\t0\t3\n",
        "csv": "1,-0.5,0\n10,2,0.25\n0,0,3\n",
        "imagej": "   1 -0.5    0\n  10    2 0.25\n   0    0    3\n",
        "gmic": "1,-0.5,0;10,2,0.25;0,0,3",
        "python": "[[1, -0.5, 0],\n [10, 2, 0.25],\n [0, 0, 3]]\n",
        "numpy": "np.array([\n    [1, -0.5, 0],\n    [10, 2, 0.25],\n    [0, 0, 3],\n], "
                 "dtype=np.float32)\n",
        "json": '{\n  "kernel": [\n    [1, -0.5, 0],\n    [10, 2, 0.25],\n    [0, 0, 3]\n  ]\n}\n',
    }  # fmt: skip
    assert {style: format_kernel(kernel, style) for style in wanted} == wanted
    assert format_kernel(kernel) == wanted["tsv"]


@pytest.mark.parametrize(
    ("name", "style"),
    [("k.CSV", "csv"), ("k.tsv", "tsv"), ("k.json", "json"), ("k.gmic", "gmic"), ("k.py", "numpy"),
     ("k.txt", "imagej"), ("k", "imagej")],
)  # fmt: skip
def test_the_ending_chooses_the_form(tmp_path: Path, name: str, style: str) -> None:
    kernel = as_kernel([[1, -0.5, 0]])
    write_kernel(tmp_path / name, kernel)
    assert (tmp_path / name).read_text(encoding="utf-8") == format_kernel(kernel, style)
    write_kernel(tmp_path / "k.NPY", kernel)
    np.testing.assert_array_equal(np.load(tmp_path / "k.NPY"), kernel)
    (tmp_path / "other.txt").write_bytes((tmp_path / "k.NPY").read_bytes())
    np.testing.assert_array_equal(read_kernel(tmp_path / "other.txt"), kernel)


def test_a_program_is_written_for_people() -> None:
    """One kernel row a line, each level further in; what is scaled by 1 is not scaled."""
    for scale, said in ((1.0, 0), (255.0, 1)):
        recipe = Recipe(np.ones((1, 1, 3, 3), np.float32), np.zeros(1, np.float32), scale=scale)
        for library in LIBRARIES:
            assert generate(library, recipe).count(f" * np.float32({scale:g})") == said, library
    kernels = np.arange(12, dtype=np.float32).reshape(1, 2, 2, 3)
    text = generate("numpy", Recipe(kernels, np.array([0.5], np.float32)))
    assert (
        "kernels = np.array([\n"
        "    [\n"
        "        [\n"
        "            [0, 1, 2],\n"
        "            [3, 4, 5],\n"
        "        ],\n"
        "        [\n"
        "            [6, 7, 8],\n"
        "            [9, 10, 11],\n"
        "        ],\n"
        "    ],\n"
        "], dtype=np.float32)\n"
        "bias = np.array([0.5], dtype=np.float32)\n"
    ) in text


def test_specs_of_kernels(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    spec = parse_spec("gaussian: sigma = 3/2 , size = 3 x 7")
    assert (spec.size, spec.parameters) == ((3, 7), {"sigma": 1.5})
    assert parse_spec("box").make().shape == (5, 5)
    assert parse_spec("box").make((1, 3)).shape == (1, 3)
    cut = parse_spec("box:size=3").make((5, 5))
    assert np.count_nonzero(cut) == 9
    assert parse_spec("box:size=5").make((3, 3)).sum() == pytest.approx(9 / 25)
    assert parse_spec("motion:angle=-90,length=3").preset is PRESETS["motion"]
    # What looks like a path is one.
    for path in ("nowhere/kernel", "nowhere\\kernel", "nowhere.kernel"):
        with pytest.raises(FilterLabError, match="cannot read the kernel file"):
            parse_spec(path)
    monkeypatch.chdir(tmp_path)
    with pytest.raises(FilterLabError, match="no preset and no kernel file 'mine'"):
        parse_spec("mine")
    (tmp_path / "mine").write_text("1 2 3")
    np.testing.assert_array_equal(parse_spec("mine").make(), [[1, 2, 3]])
    for bad in ("gaussian:size=", "gaussian:size=3x", "gaussian:=3", "box:size=00012"):
        with pytest.raises(FilterLabError):
            parse_spec(bad)


def test_presets_say_what_they_are() -> None:
    motion = PRESETS["motion"]
    assert motion.describe({}) == "Motion blur length 5 px angle 0°"
    assert motion.describe({"angle": 30.5, "length": 3}) == "Motion blur length 3 px angle 30.5°"
    assert PRESETS["box"].describe({}) == "Box blur"
    assert PRESETS["sharpen"].describe({"amount": 2}) == "Sharpen amount 2"
    for values, said in (
        ({"length": 0.9}, "length 0.9 is out of range; give 1 to 15"),
        ({"length": 15.1}, "length 15.1 is out of range; give 1 to 15"),
        ({"length": math.inf}, "out of range"),
        ({"lenght": 3}, "did you mean length"),
    ):
        with pytest.raises(FilterLabError, match=said):
            motion.make(5, **values)
    assert motion.make(5, length=1)[2, 2] == 1
    assert motion.make(15 - 4, length=15).sum() == pytest.approx(1)
    with pytest.raises(FilterLabError, match=r"corner: turns 1\.5 must be a whole number"):
        PRESETS["corner"].make(3, turns=1.5)
    np.testing.assert_array_equal(
        PRESETS["corner"].make(3, turns=1), [[-4, -4, -4], [5, 5, -4], [5, 5, -4]]
    )
    np.testing.assert_array_equal(
        PRESETS["sharpen"].make(3, amount=0.5), [[0, -0.5, 0], [-0.5, 3, -0.5], [0, -0.5, 0]]
    )
    np.testing.assert_array_equal(
        PRESETS["emboss"].make(3, angle=45, amount=2), [[0, 2, 4], [-2, 1, 2], [-4, -2, 0]]
    )
    cells = PRESETS["random"].make((3, 5), std=2, seed=7)
    np.testing.assert_allclose(cells, np.random.default_rng(7).normal(0, 2, (3, 5)), rtol=1e-6)


# --- strokes ------------------------------------------------------------------------------------


@pytest.mark.parametrize("shape", [(7, 9), (7, 9, 3)])
@pytest.mark.parametrize("corner", [(0, 0), (0, 8), (6, 0), (6, 8)])
def test_a_stroke_into_a_corner_reaches_its_pixel(
    corner: tuple[int, int], shape: tuple[int, ...]
) -> None:
    pixels = np.zeros(shape, np.float32)
    outside = tuple(-2.0 if at == 0 else at + 2.0 for at in corner)
    assert stroke(pixels, outside, corner, 0.5, (0.25, 0.5, 0.75))
    assert np.argwhere(pixels.reshape(7, 9, -1).any(axis=2)).tolist() == [list(corner)]
    wanted = (0.25, 0.5, 0.75) if len(shape) == 3 else 0.5
    np.testing.assert_array_equal(pixels[corner], wanted)
    assert not stroke(pixels, outside, outside, 0.5, 1.0)
