"""The story of a convolution: every number against plain loops, and against the whole net."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from filterlab.surgery.convolve import EDGES, Picture, Settings, Snapshot, compute
from filterlab.workbench.convolution_story import STEPS, ConvolutionStory, cut, walk


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
