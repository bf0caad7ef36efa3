"""The filter bench's rules at their limits: cells, sizes, channels, blocks, outputs."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from filterlab.errors import FilterLabError
from filterlab.surgery import convolve
from filterlab.surgery.convolve import Picture
from filterlab.surgery.kernels.presets import PRESETS
from filterlab.workbench.filter_bench import Change, FilterBench, Report

RNG = np.random.default_rng(31)
PICTURE = RNG.random((24, 31, 3), dtype=np.float32)


@pytest.fixture
def bench() -> FilterBench:
    """A filter of 3 x 5, one of 5 x 3, one of 1 x 1."""
    made = FilterBench(PICTURE)
    for slot, size in enumerate(((3, 5), (5, 3), (1, 1))):
        made.set_kernel(slot, np.arange(1.0, size[0] * size[1] + 1).reshape(size))
    made.journal.clear()
    return made


# --- cells ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("cell", "good"),
    [((0, 0), True), ((2, 4), True), ((2, 0), True), ((0, 4), True), ((3, 0), False),
     ((0, 5), False), ((-1, 0), False), ((0, -1), False), ((4, 2), False), ((2, 5), False)],
)  # fmt: skip
def test_cells_of_a_wide_kernel(bench: FilterBench, cell: tuple[int, int], good: bool) -> None:
    if good:
        bench.set_cell(0, *cell, 99)
        assert np.argwhere(bench.kernel(0) == 99).tolist() == [list(cell)]
        return
    row, column = cell
    said = f"no cell at row {row}, column {column} in a kernel of 3 x 5"
    with pytest.raises(FilterLabError, match=said):
        bench.set_cell(0, *cell, 99)


def test_filters_and_channels_are_counted_from_0(bench: FilterBench) -> None:
    for slot in (-1, 3):
        for ask in (
            lambda s: bench.set_cell(s, 0, 0, 1), lambda s: bench.set_bias(s, 1),
            lambda s: bench.set_divisor(s, 2), lambda s: bench.swap(0, s),
            lambda s: bench.swap(s, 0), lambda s: bench.copy(s, 0), lambda s: bench.copy(0, s),
            lambda s: bench.composed(s, 0), lambda s: bench.composed(0, s),
            lambda s: bench.apply(s), lambda s: bench.clear(s), lambda s: bench.set_size(3, s),
            lambda s: bench.apply_preset(s, "box"), lambda s: bench.set_kernel(s, [[1.0]]),
        ):  # fmt: skip
            with pytest.raises(FilterLabError, match=f"no filter {slot}; there are 0 to 2"):
                ask(slot)
    for channel in (-1, 1):
        with pytest.raises(FilterLabError, match=f"no channel {channel}; there are 1"):
            bench.set_cell(0, 0, 0, 1, channel=channel)
    bench.set_mode("three")
    for channel in (-1, 3):
        with pytest.raises(FilterLabError, match=f"no channel {channel}; there are 3"):
            bench.clear(0, channel)
    bench.set_cell(2, 0, 0, 7, channel=2)
    assert bench.filter(2)[:, 0, 0].tolist()[2] == 7


def test_a_pasted_block_is_cut_at_the_edges(bench: FilterBench) -> None:
    block = np.array([[10.0, 20, 30], [40, 50, 60]])
    for at, there, cells in (
        ((0, 0), (slice(0, 2), slice(0, 3)), block),
        ((1, 2), (slice(1, 3), slice(2, 5)), block),
        ((2, 3), (slice(2, 3), slice(3, 5)), block[:1, :2]),
        ((-1, -1), (slice(0, 1), slice(0, 2)), block[1:, 1:]),
    ):
        before = bench.kernel(0).copy()
        assert bench.paste_block(0, block, at=at) == "Paste"
        wanted = before.copy()
        wanted[there] = cells
        np.testing.assert_array_equal(bench.kernel(0), wanted)
        bench.undo()
    assert bench.paste_block(0, block, at=(3, 0)) == ""
    assert bench.paste_block(0, block, at=(0, 5)) == ""
    text = "\n".join("\t".join(map(str, row)) for row in block)
    bench.paste(0, text, at=(1, 1))
    np.testing.assert_array_equal(bench.kernel(0)[1:3, 1:4], block)
    bench.paste(0, "9")
    wanted = np.zeros((3, 5))
    wanted[1, 2] = 9
    np.testing.assert_array_equal(bench.kernel(0), wanted)


# --- whole kernels --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("linked", "options", "size", "wanted"),
    [
        (False, {}, (3, 3), (3, 3)), (False, {}, (7, 1), (7, 1)),
        (False, {"keep_size": True}, (1, 3), (3, 5)), (False, {"keep_size": True}, (7, 3), (7, 5)),
        (False, {"keep_size": True}, (3, 7), (3, 7)),
        (False, {"keep_size": True, "grow": False}, (7, 7), (3, 5)),
        (False, {"grow": False}, (7, 1), (3, 5)), (True, {}, (1, 3), (5, 5)),
        (True, {}, (7, 3), (7, 5)), (True, {"grow": False}, (7, 7), (5, 5)),
    ],
)  # fmt: skip
def test_the_size_that_a_kernel_from_elsewhere_has(
    bench: FilterBench, linked: bool, options: dict[str, Any], size: tuple[int, int],
    wanted: tuple[int, int],
) -> None:  # fmt: skip
    bench.set_linked(linked)
    kernel = RNG.normal(size=size).astype(np.float32)
    assert bench.set_kernel(0, kernel, **options) == "Open kernel"
    assert bench.size_of(0) == wanted
    others = {bench.size_of(1), bench.size_of(2)}
    assert others == ({wanted} if linked else {(5, 3), (1, 1)})
    # Both lie on one middle: what one has more than the other is cut, or zero.
    found = bench.kernel(0)
    for i in range(wanted[0]):
        for j in range(wanted[1]):
            y, x = i + (size[0] - wanted[0]) // 2, j + (size[1] - wanted[1]) // 2
            inside = 0 <= y < size[0] and 0 <= x < size[1]
            assert found[i, j] == (kernel[y, x] if inside else 0)


def test_one_grid_of_three_keeps_the_others(bench: FilterBench) -> None:
    bench.set_mode("three")
    before = bench.filter(0).copy()
    bench.set_kernel(0, np.full((1, 1), 8.0), channel=1)
    assert bench.size_of(0) == (3, 5), "the other grids' size"
    wanted = np.zeros((3, 5))
    wanted[1, 2] = 8
    np.testing.assert_array_equal(bench.kernel(0, 1), wanted)
    for channel in (0, 2):
        np.testing.assert_array_equal(bench.kernel(0, channel), before[channel])
    bench.set_kernel(0, np.ones((7, 7)), channel=0)
    assert bench.size_of(0) == (7, 7)
    np.testing.assert_array_equal(bench.kernel(0, 1)[2:5, 1:6], wanted)
    bench.set_kernel(0, np.ones((3, 3)))
    assert bench.filter(0).shape == (3, 3, 3)
    np.testing.assert_allclose(bench.filter(0)[:, 0, 0], [0.2125, 0.7154, 0.0721], rtol=1e-6)
    own = RNG.normal(size=(3, 3, 5)).astype(np.float32)
    bench.set_kernel(0, own)
    np.testing.assert_array_equal(bench.filter(0), own)
    bench.set_mode("grey")
    bench.set_kernel(1, own)
    np.testing.assert_allclose(bench.kernel(1), own.sum(axis=0), atol=1e-6)
    bench.set_kernel(1, np.ones((3, 3)), channel=0)
    assert bench.size_of(1) == (3, 3), "of one grid it is the whole filter"


def test_a_preset_of_one_grid_is_no_preset(bench: FilterBench) -> None:
    bench.apply_preset(0, "box")
    assert bench.preset(0) is not None
    np.testing.assert_array_equal(bench.kernel(0), PRESETS["box"].make((3, 5)))
    bench.apply_preset(1, "gaussian", channel=0, sigma=2)
    choice = bench.preset(1)
    assert choice is not None, "the only grid is all of it"
    assert (choice.key, choice.values) == ("gaussian", {"sigma": 2.0})
    bench.set_mode("three")
    bench.set_divisor(2, 4)
    bench.apply_preset(2, "box", channel=2)
    assert (bench.preset(2), bench.divisor(2)) == (None, 4)
    bench.apply_preset(2, "box")
    assert bench.divisor(2) == 1
    assert bench.undo() == "Choose preset"
    bench.redo()
    bench.apply_preset(0, "gaussian", sigma=1)
    assert bench.code.startswith("# Gaussian σ 1 px\n")
    steps = len(bench.journal)
    assert bench.apply_preset(0, "gaussian", sigma=2) == "Change preset"
    assert bench.apply_preset(0, "gaussian", sigma=3) == "Change preset"
    assert len(bench.journal) == steps + 1
    assert bench.apply_preset(0, "box") == "Choose preset"


# --- blocks and turns -----------------------------------------------------------------------------


def test_a_block_is_changed_as_if_it_were_the_kernel(bench: FilterBench) -> None:
    whole = bench.kernel(0).copy()
    block = slice(0, 2), slice(1, 3)
    bench.transform(0, "rotate90", block=block)
    wanted = whole.copy()
    wanted[block] = np.rot90(whole[block], -1)
    np.testing.assert_array_equal(bench.kernel(0), wanted)
    bench.undo()
    bench.clear(0, block=(slice(1, 3), slice(0, 5)))
    assert bench.kernel(0).tolist() == [[1, 2, 3, 4, 5], [0] * 5, [0] * 5]
    bench.undo()
    with pytest.raises(FilterLabError, match="a block of 2 x 3 would become 3 x 2; select"):
        bench.transform(0, "transpose", block=(slice(0, 2), slice(1, 4)))
    bench.transform(0, "transpose")
    np.testing.assert_array_equal(bench.kernel(0), whole.T)
    bench.undo()
    bench.transform(0, "transpose", channel=0)
    np.testing.assert_array_equal(bench.kernel(0), whole.T)
    bench.undo()
    bench.set_mode("three")
    with pytest.raises(FilterLabError, match="a grid of 3 x 5 would become 5 x 3, unlike"):
        bench.transform(0, "transpose", channel=1)
    bench.transform(0, "transpose")
    assert bench.filter(0).shape == (3, 5, 3)
    bench.transform(0, "negate", channel=1)
    np.testing.assert_allclose(bench.kernel(0, 1), -0.7154 * whole.T, rtol=1e-5)
    np.testing.assert_allclose(bench.kernel(0, 2), 0.0721 * whole.T, rtol=1e-5)
    bench.set_linked(True)
    bench.set_size((3, 5))
    with pytest.raises(FilterLabError, match="a kernel of 3 x 5 would become 5 x 3, but the three"):
        bench.transform(0, "transpose")


def test_linking_takes_the_largest(bench: FilterBench) -> None:
    assert bench.set_linked(True) == "Link sizes"
    assert bench.state.sizes == ((5, 5),) * 3
    assert bench.kernel(2)[2, 2] == 1
    assert bench.set_linked(True) == ""
    assert bench.set_linked(False) == "Link sizes"
    assert bench.state.sizes == ((5, 5),) * 3, "they stay as large as they are"
    bench.set_size((3, 1), 1)
    assert bench.state.sizes == ((5, 5), (3, 1), (5, 5))
    bench.set_size(7)
    assert bench.state.sizes == ((7, 7),) * 3


# --- one after the other --------------------------------------------------------------------------


def test_a_composed_filter_has_the_biases_of_both(bench: FilterBench) -> None:
    bench.set_bias(0, 2)
    bench.set_bias(1, -3)
    bench.set_divisor(0, 2)
    bench.set_divisor(1, 5)
    values, bias = bench.composed(0, 1)
    assert values.shape == (1, 7, 7)
    assert bias == pytest.approx(2 * sum(range(1, 16)) / 5 - 3)
    wanted = np.zeros((7, 7))
    one, two = (bench.kernel(slot) / bench.divisor(slot) for slot in (0, 1))
    for (a, b), value in np.ndenumerate(one):
        wanted[a : a + 5, b : b + 3] += value * two
    np.testing.assert_allclose(values[0], wanted, rtol=1e-5)
    bench.compose(0, 1, 2)
    assert (bench.bias(2), bench.divisor(2), bench.size_of(2)) == (pytest.approx(bias), 1, (7, 7))
    bench.set_mode("each")
    assert bench.composed(0, 1)[1] == bias
    bench.set_mode("three")
    with pytest.raises(FilterLabError, match="over three channels"):
        bench.composed(0, 1)


def test_an_output_that_is_known_is_not_computed_anew(
    bench: FilterBench, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of the present state, and all pixels of it."""
    outputs = convolve.compute(bench.snapshot())
    preview = replace(outputs, step=2)
    late = replace(outputs, revision=outputs.revision - 1)
    computed = []
    compute = convolve.compute

    def counting(snapshot: Any) -> Any:
        computed.append(snapshot)
        return compute(snapshot)

    monkeypatch.setattr(convolve, "compute", counting)
    for given, count in ((outputs, 0), (None, 1), (preview, 2), (late, 3)):
        assert bench.apply(2, given) == "Apply and go on"
        assert len(computed) == count
        np.testing.assert_array_equal(bench.picture.pixels, outputs.data[2])
        assert not bench.picture.pixels.flags.writeable
        assert bench.state.stack[-1].slot == 2
        bench.undo()
        outputs = replace(outputs, revision=bench.revision)
        preview = replace(preview, revision=bench.revision)
    bench.set_scale(255)
    bench.set_divisor(2, 1e-30)
    bench.set_bias(2, 3e38)
    bench.set_cell(2, 0, 0, 1e8)
    with pytest.raises(FilterLabError, match="not finite"):
        bench.apply(2)


def test_what_an_applied_step_remembers(bench: FilterBench) -> None:
    bench.set_bias(0, 0.5)
    bench.set_divisor(0, 4)
    bench.set_pad("same")
    looked_at, weights = bench.picture, bench.state.weights[0].copy()
    bench.apply(0)
    (step,) = bench.state.stack
    assert (step.picture, step.slot, step.size) == (looked_at, 0, (3, 5))
    assert (step.bias, step.name) == (0.5, "own kernel")
    np.testing.assert_array_equal(step.weights, weights)
    bench.apply_preset(1, "box")
    bench.apply(1)
    assert (bench.state.stack[1].name, bench.state.stack[1].slot) == (PRESETS["box"].title, 1)
    bench.begin("Draw on picture")
    bench.draw_on_picture(3, 3, 2, 1.0)
    bench.end()
    assert len(bench.state.stack) == 2, "drawn on, it is what the steps led to"
    bench.set_picture(PICTURE)
    assert bench.state.stack == ()
    bench.undo()
    bench.show_frame(PICTURE, "camera")
    assert bench.state.stack == ()
    assert bench.picture.passing
    shown = Picture(PICTURE, "own")
    bench.show_frame(shown, steps=(step,))
    assert (bench.picture, bench.state.stack) == (shown, (step,))
    assert not shown.passing


def test_pictures_and_frames_that_are_kept(bench: FilterBench) -> None:
    """A frame of a camera that an edit leaves behind costs as much as a picture."""
    bench.journal._budget = 4 * PICTURE.nbytes
    for number in range(9):
        bench.show_frame(np.full(PICTURE.shape, number / 9, np.float32))
        bench.set_bias(0, number + 1)
        bench.journal.seal()
    assert len(bench.journal) == 4
    still = FilterBench(PICTURE)
    still.journal._budget = 4 * PICTURE.nbytes
    for number in range(9):
        still.set_bias(0, number + 1)
        still.journal.seal()
    assert len(still.journal) == 9


# --- outputs --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "edits",
    [
        lambda b: None,
        lambda b: b.set_stride(2),
        lambda b: b.set_stride(3),
        lambda b: (b.set_pad("same"), b.set_dilation(2)),
        lambda b: (b.set_pad("same"), b.set_stride(3)),
        lambda b: (b.set_size((1, 7)), b.set_stride(2)),
    ],
)
def test_the_output_pixel_nearest_an_input_pixel(edits: Callable[[FilterBench], object]) -> None:
    """By trying all: the nearest centre, none where no window is within half a step."""
    bench = FilterBench(PICTURE)
    edits(bench)
    rows, cols = bench.output_size
    kh, kw = bench.size
    centres = []
    for count, side, margin in zip((rows, cols), (kh, kw), bench.settings.margins(bench.size)):
        start = bench.settings.dilation * (side // 2) - margin
        centres.append(start + bench.settings.stride * np.arange(count))
    stride = bench.settings.stride
    for row in range(24):
        for column in range(31):
            found = bench.output_at(row, column)
            for value, middle, axis in ((row, centres[0], 0), (column, centres[1], 1)):
                off = np.abs(middle - value)
                if off.min() > stride / 2:
                    assert found is None
                elif found is not None:
                    assert off[found[axis]] == off.min()
    assert bench.output_at(int(centres[0][-1]), int(centres[1][-1])) == (rows - 1, cols - 1)
    assert bench.output_at(int(centres[0][0]), int(centres[1][0])) == (0, 0)
    outside = int(centres[0][-1]) + stride, int(centres[1][0]) - stride
    assert bench.output_at(outside[0], int(centres[1][0])) is None
    assert bench.output_at(int(centres[0][0]), outside[1]) is None


def test_the_numbers_of_an_edit_beside_those_before_it(bench: FilterBench) -> None:
    """All that a drag, or a slider, gives is compared with what was before it."""

    def seen() -> Report:
        reports = bench.accept(convolve.compute(bench.snapshot()))
        assert reports is not None
        return reports[2]

    first = seen()
    assert (first.before, first.mean_change) == (None, None)
    bench.begin("Paint")
    for value in (2.0, 3.0, 4.0):
        bench.set_cell(2, 0, 0, value)
        assert seen().before == first.now
    bench.end()
    last = seen()
    assert last.before == first.now
    bench.set_bias(2, 0.5)
    assert seen().before == last.now
    assert seen().mean_change == pytest.approx(0.5, abs=1e-5)
    bench.undo()
    assert seen().before is not None
    assert seen().mean_change == pytest.approx(-0.5, abs=1e-5)


def test_listeners_are_told_until_they_go(bench: FilterBench) -> None:
    told: list[Change] = []
    stop = bench.subscribe(told.append)
    start = bench.revision
    bench.set_bias(1, 2)
    bench.mark_clean()
    assert [(set(c.kinds), set(c.slots), c.revision - start) for c in told] == [
        ({"bias"}, {1}, 1), (set(), set(), 1),
    ]  # fmt: skip
    assert bench.begin() is None
    bench.set_cell(2, 0, 0, 5)
    bench.close_groups()
    assert not bench.journal.grouping
    assert bench.undo_name == "Paint"
    stop()
    stop()
    bench.undo()
    assert len(told) == 4
    assert FilterBench(PICTURE).revision == 0


def test_numbers_that_are_none_are_refused(bench: FilterBench) -> None:
    bench.set_cell(0, 0, 0, 1e30)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with pytest.raises(FilterLabError, match="divided by 1e-30 the cells would not be finite"):
            bench.set_divisor(0, 1e-30)
    bench.set_divisor(1, 1e-30)
    for value in (float("nan"), float("inf"), -1e39):
        with pytest.raises(FilterLabError, match="not a finite number"):
            bench.set_bias(0, value)
    bench.set_bias(0, 3.4e38)
    assert bench.bias(0) == pytest.approx(3.4e38)
