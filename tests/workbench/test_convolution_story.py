"""The story of a convolution: every number against plain loops, and against the whole net."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from filterlab.surgery.convolve import EDGES, Picture, Settings, Snapshot, compute
from filterlab.workbench.convolution_story import (
    STEPS,
    ConvolutionStory,
    cut,
    walk,
    walk_length,
)


def snapshot(size=(3, 3), colour=False, **settings) -> Snapshot:
    rng = np.random.default_rng(11)
    picture = Picture(rng.random((40, 50, 3) if colour else (40, 50), dtype=np.float32))
    chosen = Settings(**settings)
    kernels = rng.standard_normal((3, chosen.channels, *size)).astype(np.float32)
    bias = np.array([0.5, -1, 0.25], np.float32)
    return Snapshot(kernels, bias, chosen, picture, 0, (size, size, size))


@pytest.mark.parametrize("edge", sorted(EDGES))
@pytest.mark.parametrize("pad", ["valid", "same"])
@pytest.mark.parametrize(("stride", "dilation"), [(1, 1), (2, 1), (1, 2), (3, 2)])
def test_a_region_is_the_nets_own_output(edge, pad, stride, dilation) -> None:
    shot = snapshot(pad=pad, edge=edge, stride=stride, dilation=dilation)
    whole = compute(shot).data
    rows, cols = shot.output_size
    for place in ((0, 0), (rows // 2, cols // 2), (rows - 1, cols - 1)):
        found = cut(shot, 1, place, (11, 12))
        (i, j), (h, w) = found.place, found.outputs.shape
        assert h >= 3
        assert w >= 3
        np.testing.assert_allclose(
            found.outputs, whole[1, i : i + h, j : j + w], rtol=1e-4, atol=1e-5
        )


@pytest.mark.parametrize("edge", sorted(EDGES))
def test_input_cells_are_the_padded_picture(edge) -> None:
    shot = snapshot(pad="same", edge=edge)
    found = cut(shot, 0, (0, 0), (6, 7))
    padded = np.pad(shot.picture.pixels, 1, EDGES[edge])
    assert found.origin == (-1, -1)
    np.testing.assert_array_equal(found.inputs[0], padded[:6, :7])
    assert found.outside[0].all()
    assert found.outside[:, 0].all()
    assert not found.outside[1:, 1:].any()


def test_each_cell_is_the_sum_of_its_products() -> None:
    shot = snapshot(size=(5, 3), colour=True, mode="three", dilation=2)
    found = cut(shot, 2, (4, 6), (15, 15))
    for index in (0, found.count // 2, found.count - 1):
        explained = found.explain(index)
        row, col = found.cell(index)
        total = float(shot.bias[2])
        for c in range(3):
            for a in range(5):
                for b in range(3):
                    y, x = found.origin[0] + row + 2 * a, found.origin[1] + col + 2 * b
                    pixel = shot.picture.pixels[y, x, c]
                    total += float(pixel) * float(shot.kernels[2, c, a, b])
        assert explained.result == pytest.approx(total, abs=1e-5)
        assert found.outputs[row, col] == pytest.approx(total, abs=1e-4)


def test_smaller_kernel_in_a_larger_blob() -> None:
    shot = snapshot(size=(5, 5), pad="same")
    kernels = np.zeros_like(shot.kernels)
    kernels[0, :, 1:4, 1:4] = shot.kernels[0, :, 1:4, 1:4]
    shot = replace(shot, kernels=kernels, sizes=((3, 3), (5, 5), (5, 5)))
    found = cut(shot, 0)
    assert found.kernel.shape == (1, 3, 3)
    assert found.origin == (-1, -1), "only as much padding as the small one sees"
    whole = compute(shot).data[0]
    h, w = found.outputs.shape
    np.testing.assert_allclose(found.outputs, whole[:h, :w], atol=1e-5)


def test_fed_as_0_to_255() -> None:
    shot = snapshot(scale=255.0)
    found = cut(shot, 0, (3, 3))
    np.testing.assert_allclose(found.inputs[0], shot.picture.pixels[3:12, 3:12] * 255, rtol=1e-6)
    h, w = found.outputs.shape
    np.testing.assert_allclose(
        found.outputs, compute(shot).data[0, 3 : 3 + h, 3 : 3 + w], rtol=1e-4
    )


def test_the_window_glides_from_place_to_place() -> None:
    found = cut(snapshot(stride=2), 0)
    half = walk(found, 1, 0.5)
    assert half.window == (0.0, 1.0)
    assert half.before == (0, 0)
    assert (half.done, half.summed) == (1, False)
    there = walk(found, 1, 1.0)
    assert there.window == (0.0, 2.0)
    assert (there.done, there.summed) == (2, True)
    assert there.value == found.outputs[0, 1]
    last = walk(found, 10_000, 1.0)
    assert last.done == found.count


def test_the_steps_of_the_story() -> None:
    shot = snapshot()
    told = ConvolutionStory(shot, 1, (7, 9))
    whole = compute(shot).data[1]
    stills = {name: told.still(k, 1.0) for k, name in enumerate(STEPS)}
    assert [still.step for still in stills.values()] == list(STEPS)
    assert not stills["patch"].summed
    assert stills["patch"].multiplied == 0
    assert stills["products"].multiplied == 9
    assert not stills["products"].summed
    assert stills["sum"].value == pytest.approx(float(whole[7, 9]), abs=1e-5)
    assert stills["next"].value == pytest.approx(float(whole[7, 10]), abs=1e-5)
    strided = compute(replace(shot, settings=Settings(stride=2))).data[1]
    i, j = told.strided.place
    n = stills["stride"].index
    assert stills["stride"].value == pytest.approx(float(strided[i, j + n]), abs=1e-5)
    dilated = compute(replace(shot, settings=Settings(dilation=2))).data[1]
    i, j = told.dilated.place
    n = stills["dilation"].index
    assert stills["dilation"].value == pytest.approx(float(dilated[i, j + n]), abs=1e-5)
    padded = compute(replace(shot, settings=Settings(pad="same"))).data[1]
    assert told.padded.place == (0, 0)
    assert told.padded.outside.any()
    assert stills["padding"].value == pytest.approx(
        float(padded[0, stills["padding"].index]), abs=1e-5
    )
    turned = snapshot().kernels[1, 0, ::-1, ::-1]
    patch = shot.picture.pixels[7:10, 9:12]
    assert stills["flip"].value == pytest.approx(float((patch * turned).sum()) - 1, abs=1e-5)
    assert told.still(STEPS.index("flip"), 0.0).value == pytest.approx(float(whole[7, 9]), abs=1e-5)


@pytest.mark.parametrize("step", range(len(STEPS)))
def test_every_time_of_a_step_can_be_drawn(step) -> None:
    told = ConvolutionStory(snapshot(), 0)
    counts = [told.still(step, t) for t in np.linspace(-0.5, 1.5, 17)]
    done = [still.done for still in counts]
    assert done == sorted(done), "nothing is taken back within a step"
    assert all(0 <= still.t <= 1 for still in counts)


def test_the_window_of_a_stride_begins_every_third_cell() -> None:
    found = cut(snapshot(stride=3, dilation=2, size=(3, 5)), 0, (0, 0), (20, 22))
    rows, cols = found.outputs.shape
    assert rows >= 3
    assert cols >= 3
    assert found.reach == (5, 9)
    for index in (0, 1, cols, 2 * cols + 1):
        assert found.corner(index) == (index // cols * 3, index % cols * 3)
    assert walk(found, cols, 0.25).window[0] == pytest.approx(0.75)
    # From the end of a row back to the next one's beginning.
    back = walk(found, cols, 0.5)
    assert back.window == (1.5, 3 * (cols - 1) / 2)
    assert back.before == (0, 3 * (cols - 1))
    assert walk(found, 0, 0.5).before is None


@pytest.mark.parametrize("edge", sorted(EDGES))
def test_the_region_at_the_end_holds_the_padding_there(edge) -> None:
    shot = snapshot(pad="same", edge=edge, size=(5, 3))
    rows, cols = shot.output_size
    found = cut(shot, 0, (rows - 1, cols - 1), (9, 8))
    padded = np.pad(shot.picture.pixels, ((2, 2), (1, 1)), EDGES[edge])
    h, w = found.inputs.shape[1:]
    assert (h, w) == (9, 8)
    np.testing.assert_array_equal(found.inputs[0], padded[-h:, -w:])
    assert found.outside[-2:].all()
    assert found.outside[:, -1].all()
    assert not found.outside[:-2, :-1].any()
    assert found.place == (rows - found.outputs.shape[0], cols - found.outputs.shape[1])
    assert found.origin == (found.place[0] - 2, found.place[1] - 1)


def test_a_region_has_nine_cells_each_way_and_three_outputs_at_least() -> None:
    shot = snapshot()
    assert cut(shot, 0).inputs.shape == (1, 9, 9)
    assert cut(shot, 0).outputs.shape == (7, 7)
    for cells, inputs, outputs in (
        ((6, 8), (6, 8), (4, 6)), ((1, 1), (5, 5), (3, 3)), ((5, 4), (5, 5), (3, 3)),
        ((99, 7), (40, 7), (38, 5)), ((7, 99), (7, 50), (5, 48)),
    ):  # fmt: skip
        found = cut(shot, 0, (0, 0), cells)
        assert (found.inputs.shape[1:], found.outputs.shape) == (inputs, outputs)
        assert found.count == outputs[0] * outputs[1]
    # By steps of 2 as many outputs as fit; the cell that no window takes is shown all the same.
    found = cut(snapshot(stride=2), 0, (0, 0), (10, 9))
    assert (found.inputs.shape[1:], found.outputs.shape) == ((10, 9), (4, 4))
    # Of a picture that has room for two there are two.
    small = replace(shot, picture=Picture(shot.picture.pixels[:4, :6]))
    assert cut(small, 0).outputs.shape == (2, 4)


@pytest.mark.parametrize(
    ("place", "wanted"),
    [((0, 0), (0, 0)), ((5, 9), (5, 9)), ((31, 41), (31, 41)), ((32, 42), (31, 41)),
     ((99, 0), (31, 0)), ((0, 99), (0, 41)), ((-3, -1), (0, 0))],
)  # fmt: skip
def test_near_the_end_a_region_begins_before(
    place: tuple[int, int], wanted: tuple[int, int]
) -> None:
    """38 x 48 outputs, seven of them shown."""
    found = cut(snapshot(), 2, place)
    assert (found.place, found.origin) == (wanted, wanted)
    (i, j), shot = wanted, snapshot()
    np.testing.assert_array_equal(found.inputs[0], shot.picture.pixels[i : i + 9, j : j + 9])
    np.testing.assert_array_equal(found.kernel, shot.kernels[2])
    assert (found.bias, found.stride, found.dilation) == (0.25, 1, 1)


@pytest.mark.parametrize("channel", [0, 1, 2])
def test_the_colour_that_is_looked_at(channel: int) -> None:
    each = snapshot(colour=True, mode="each")
    found = cut(each, 0, (2, 3), channel=channel)
    np.testing.assert_array_equal(found.inputs, each.picture.pixels[None, 2:11, 3:12, channel])
    np.testing.assert_allclose(
        found.outputs, compute(each).data[0, 2:9, 3:10, channel], rtol=1e-4, atol=1e-5
    )
    three = snapshot(colour=True, mode="three")
    found = cut(three, 0, (2, 3), channel=channel)
    wanted = three.picture.pixels[2:11, 3:12].transpose(2, 0, 1)
    np.testing.assert_array_equal(found.inputs, wanted)
    grey = snapshot()
    np.testing.assert_array_equal(
        cut(grey, 0, channel=channel).inputs, grey.picture.pixels[None, :9, :9]
    )


def test_the_stories_own_settings() -> None:
    """Two or more; the place is that of the same pixels; zeros around the first corner."""
    for stride, dilation, strided, dilated in ((1, 1, 2, 2), (2, 1, 2, 2), (3, 3, 3, 3)):
        shot = snapshot(stride=stride, dilation=dilation, pad="same", edge="wrap")
        told = ConvolutionStory(shot, 2, (4, 6), (12, 15))
        assert (told.base.stride, told.base.dilation) == (stride, dilation)
        assert (told.strided.stride, told.strided.dilation) == (strided, dilation)
        assert (told.dilated.stride, told.dilated.dilation) == (stride, dilated)
        assert told.strided.place == (4 * stride // strided, 6 * stride // strided)
        assert (told.padded.place, told.padded.origin) == ((0, 0), (-dilation, -dilation))
        assert not told.padded.inputs[0][told.padded.outside].any()
        assert told.padded.outside[0].all()
        assert told.slot == 2
        np.testing.assert_array_equal(told.base.kernel, shot.kernels[2])
    colour = ConvolutionStory(snapshot(colour=True, mode="each"), 0, channel=1)
    pixels = snapshot(colour=True, mode="each").picture.pixels
    np.testing.assert_array_equal(colour.base.inputs[0], pixels[:9, :9, 1])


def test_what_each_step_shows_at_each_time() -> None:
    told = ConvolutionStory(snapshot(size=(3, 5)), 1, (7, 9), (9, 12))
    step = {name: number for number, name in enumerate(STEPS)}

    def at(name: str, t: float) -> tuple[object, ...]:
        still = told.still(step[name], t)
        assert (still.step, still.t) == (name, t)
        return still.index, still.window, still.done, still.multiplied, still.summed, still.turn

    for t in (0.0, 0.5, 1.0):
        assert at("patch", t) == (0, (0, 0), 0, 0, False, 0)
        assert at("products", t) == (0, (0, 0), 0, round(15 * t), False, 0)
        assert at("flip", t) == (0, (0, 0), 1, 15, True, t)
    assert at("sum", 0.49) == (0, (0, 0), 0, 15, False, 0)
    assert at("sum", 0.5) == (0, (0, 0), 0, 15, True, 0)
    assert at("sum", 1.0) == (0, (0, 0), 1, 15, True, 0)
    assert at("next", 0.25) == (1, (0, 0.25), 1, 0, False, 0)
    assert at("next", 1.0) == (1, (0, 1), 2, 15, True, 0)
    # Four places of a walk: the first is there at once, the others a third of the time each.
    for name, pitch in (("stride", 2), ("dilation", 1), ("padding", 1)):
        assert at(name, 0.0) == (0, (0, 0), 1, 15, True, 0)
        found = at(name, 0.5)
        assert found[:3] == (2, (0, 1.5 * pitch), 2)
        assert found[3:] == (0, False, 0)
        assert at(name, 1.0) == (3, (0, 3 * pitch), 4, 15, True, 0)
    assert told.still(99, 2.0).turn == 1
    assert (told.still(-1, -1.0).step, told.still(-1, -1.0).t) == ("patch", 0)
    # Of fewer places the walk is shorter: 4 x 5 pixels have room for 2 x 1 windows.
    small = replace(snapshot(), picture=Picture(snapshot().picture.pixels[:4, :3]))
    region = cut(small, 0)
    assert region.count == 2
    still = ConvolutionStory._walked(region, "stride", 1.0)
    assert (still.index, still.done, still.window) == (1, 2, (1.0, 0.0))
    assert (still.step, walk(region, 0).step) == ("stride", "walk")


def test_a_walk_from_its_first_place_to_its_last() -> None:
    found = cut(snapshot(), 0, (0, 0), (5, 6))
    assert walk_length(found) == found.count == 12
    first, last = walk(found, -5), walk(found, 99)
    assert (first.index, first.before, first.done, first.multiplied) == (0, None, 1, 9)
    assert (last.index, last.before, last.done) == (11, (2, 2), 12)
    assert walk(found, 4).before == (0, 3)
    assert walk(found, 4, 0.25).window == (0.25, 2.25)
    for index in range(12):
        assert found.cell(index) == divmod(index, 4)
        assert walk(found, index).value == found.outputs[divmod(index, 4)]
        assert walk(found, index).explained.result == pytest.approx(
            float(found.outputs[divmod(index, 4)]), abs=1e-5
        )


@pytest.mark.parametrize("edge", sorted(EDGES))
@pytest.mark.parametrize("size", [(2, 9), (9, 2), (1, 7), (2, 2)])
def test_around_a_picture_of_one_or_two_pixels(edge: str, size: tuple[int, int]) -> None:
    shot = snapshot(pad="same", edge=edge)
    pixels = shot.picture.pixels[: size[0], : size[1]]
    found = cut(replace(shot, picture=Picture(pixels)), 0, (0, 0), (99, 99))
    np.testing.assert_array_equal(found.inputs[0], np.pad(pixels, 1, EDGES[edge]))
    assert found.outputs.shape == size
