"""The pycaffe lines that the filter bench shows, run one after the other beside it.

A net that is led by nothing but these lines must keep in step with the bench: the same weights,
and on the picture the same outputs.
"""

from __future__ import annotations

import random
import re
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

import filterlab.caffe as caffe
from filterlab.errors import FilterLabError
from filterlab.surgery import convolve
from filterlab.surgery.convolve import Picture
from filterlab.workbench import filter_code
from filterlab.workbench.filter_bench import FilterBench

RNG = np.random.default_rng(21)
PICTURE = RNG.random((21, 26, 3), dtype=np.float32)
GREY = RNG.random((24, 19), dtype=np.float32)


class Shell:
    """A Python prompt with a net; ``conv.prototxt`` is made of what the line's comment says."""

    def __init__(self, bench: FilterBench, folder: Path) -> None:
        self._bench, self._folder = bench, folder
        self.made = 0
        state = bench.state
        self._words = ""
        io = SimpleNamespace(load_image=self._load_image)
        self._names: dict[str, Any] = {
            "np": np, "name": "picture",
            "caffe": SimpleNamespace(Net=self._net, TEST=caffe.TEST, io=io),
        }  # fmt: skip
        lines = [filter_code.structure(state), *filter_code.numbers(state, state, True)]
        self.run("\n".join([*lines, filter_code.picture(state)]))

    def _load_image(self, name: str, color: bool = True) -> np.ndarray:
        """As pycaffe: (H, W, 3), or (H, W, 1) of the luma."""
        assert name == "picture"
        pixels = self._bench.picture.pixels
        if pixels.ndim == 2:
            pixels = np.repeat(pixels[:, :, None], 3, axis=2)
        if color:
            return pixels.copy()
        return (pixels.astype(np.float64) @ [0.2125, 0.7154, 0.0721]).astype(np.float32)[..., None]

    def _net(self, prototxt: str, phase: int) -> Any:
        """The net that the comment behind the line speaks of; of anything else the default."""
        assert (prototxt, phase) == ("conv.prototxt", caffe.TEST)
        told = dict(re.findall(r"(\w+): (\d+)", self._words.replace("input dim: 1 ", "channels: ")))
        size = [told.pop(key, told.get("kernel_size")) for key in ("kernel_h", "kernel_w")]
        pad = [told.pop(key, told.get("pad", "0")) for key in ("pad_h", "pad_w")]
        words = f"kernel_h: {size[0]} kernel_w: {size[1]} pad_h: {pad[0]} pad_w: {pad[1]}"
        words += f" stride: {told['stride']} dilation: {told.get('dilation', 1)}"
        left = set(told) - {"kernel_size", "pad", "stride", "dilation", "channels"}
        assert not left, f"{left} in {self._words!r}"
        path = self._folder / "conv.prototxt"
        path.write_text(
            'layer { name: "data" type: "Input" top: "data" input_param { shape { dim: 1 '
            f"dim: {told.get('channels', 1)} dim: 99 dim: 99 }} }} }}\n"
            'layer { name: "conv" type: "Convolution" bottom: "data" top: "conv"\n'
            f"  convolution_param {{ num_output: 3 {words} }} }}"
        )
        self.made += 1
        return caffe.Net(str(path), phase)

    def run(self, lines: str) -> None:
        found = re.search(r"^net = .*# (.*)$", lines, re.MULTILINE)
        self._words = found.group(1) if found else ""
        exec(lines, self._names)

    def agrees(self) -> None:
        state = self._bench.state
        net = self._names["net"]
        for blob, wanted in zip(net.params["conv"], (state.weights, state.bias)):
            np.testing.assert_array_equal(blob.data, wanted, self._bench.code)
        found = net.forward()["conv"]
        wanted = convolve.compute(self._bench.snapshot()).data
        planar = wanted[None] if wanted.ndim == 3 else np.moveaxis(wanted, -1, 0)
        scale = max(1.0, float(np.abs(planar).max()))
        np.testing.assert_allclose(found, planar, atol=2e-5 * scale, err_msg=self._bench.code)


def _edits(rng: random.Random) -> list[Callable[[FilterBench], str]]:
    slot, other = rng.sample(range(3), 2)
    size = rng.choice((1, 3, 5, (3, 5), (5, 1)))
    value = rng.choice((0.5, -2.0, 1 / 3, 7.0))
    return [
        lambda b: b.set_cell(slot, 0, 0, value),
        lambda b: b.set_cell(slot, 0, 0, value, channel=b.channels - 1),
        lambda b: b.set_kernel(slot, np.random.default_rng(slot).normal(size=(3, 3))),
        lambda b: b.clear(slot),
        lambda b: b.set_bias(slot, value),
        lambda b: b.set_divisor(slot, rng.choice((1, 2, -3, 9))),
        lambda b: b.set_size(size, slot),
        lambda b: b.set_size(3),
        lambda b: b.set_pad(rng.choice(("same", "valid"))),
        lambda b: b.set_edge(rng.choice(("zero", "reflect", "replicate", "wrap"))),
        lambda b: b.set_stride(rng.choice((1, 2))),
        lambda b: b.set_dilation(rng.choice((1, 2))),
        lambda b: b.set_mode(rng.choice(("grey", "each", "three"))),
        lambda b: b.set_scale(rng.choice((1, 255))),
        lambda b: b.swap(slot, other),
        lambda b: b.copy(slot, other),
        lambda b: b.apply_preset(slot, rng.choice(("gaussian", "sobel-v", "box"))),
        lambda b: b.set_picture(rng.choice((PICTURE, GREY))),
        lambda b: b.draw_on_picture(5, 6, 3, 1.0),
        lambda b: b.apply(slot),
        lambda b: b.step_back(),
        lambda b: b.reset(),
        lambda b: b.undo(),
        lambda b: b.undo(),
        lambda b: b.redo(),
    ]


@pytest.mark.parametrize("seed", range(5))
def test_a_net_led_by_the_shown_lines_keeps_in_step(tmp_path: Path, seed: int) -> None:
    rng = random.Random(seed)
    bench = FilterBench(PICTURE)
    shell = Shell(bench, tmp_path)
    shell.agrees()
    done = 0
    for _ in range(90):
        try:
            name = rng.choice(_edits(rng))(bench)
        except FilterLabError:
            continue
        if name:
            shell.run(bench.code)
            shell.agrees()
            done += 1
    assert done > 40
    assert shell.made < done


@pytest.mark.parametrize("mode", ["grey", "each", "three"])
@pytest.mark.parametrize("scale", [1, 255])
@pytest.mark.parametrize("pixels", [PICTURE, GREY], ids=["colour", "grey"])
def test_each_way_of_feeding_a_picture(
    tmp_path: Path, mode: str, scale: int, pixels: np.ndarray
) -> None:
    """And an output that is fed again, in each."""
    bench = FilterBench(pixels)
    shell = Shell(bench, tmp_path)
    for edit in (
        lambda: bench.set_mode(mode), lambda: bench.set_scale(scale), lambda: bench.set_pad("same"),
        lambda: bench.set_edge("reflect"), lambda: bench.apply(1), lambda: bench.set_edge("zero"),
        lambda: bench.set_size((5, 3), 0), lambda: bench.apply(0), lambda: bench.step_back(),
    ):  # fmt: skip
        if edit():
            shell.run(bench.code)
            shell.agrees()


def test_what_the_comment_says_of_the_net() -> None:
    bench = FilterBench(PICTURE)
    said = []
    for edit in (
        lambda: bench.set_stride(2), lambda: bench.set_size((3, 7)), lambda: bench.set_pad("same"),
        lambda: bench.set_dilation(2), lambda: bench.set_mode("three"),
        lambda: bench.set_edge("wrap"), lambda: bench.set_size(5), lambda: bench.set_edge("zero"),
        lambda: bench.set_size((1, 5)), lambda: bench.set_size((5, 1)),
    ):  # fmt: skip
        edit()
        said.append(bench.code.splitlines()[0].partition("  # ")[2])
    assert said == [
        "kernel_size: 5 stride: 2",
        "kernel_h: 3 kernel_w: 7 stride: 2",
        "kernel_h: 3 kernel_w: 7 pad_h: 1 pad_w: 3 stride: 2",
        "kernel_h: 3 kernel_w: 7 pad_h: 2 pad_w: 6 stride: 2 dilation: 2",
        "kernel_h: 3 kernel_w: 7 pad_h: 2 pad_w: 6 stride: 2 dilation: 2 input dim: 1 3 H W",
        "kernel_h: 3 kernel_w: 7 stride: 2 dilation: 2 input dim: 1 3 H W",
        "kernel_size: 5 stride: 2 dilation: 2 input dim: 1 3 H W",
        "kernel_size: 5 pad: 4 stride: 2 dilation: 2 input dim: 1 3 H W",
        "kernel_h: 1 kernel_w: 5 pad_h: 0 pad_w: 4 stride: 2 dilation: 2 input dim: 1 3 H W",
        "kernel_h: 5 kernel_w: 1 pad_h: 4 pad_w: 0 stride: 2 dilation: 2 input dim: 1 3 H W",
    ]


def test_no_line_more_than_it_takes() -> None:
    """What has not changed is not written down."""
    bench = FilterBench(PICTURE)
    bench.set_bias(1, 0.5)
    weights, bias = "net.params['conv'][0].data", "net.params['conv'][1].data"
    assert bench.code == f"{bias}[1] = 0.5"
    bench.set_cell(2, 0, 1, 3)  # the middle of the blob of 5 x 5 is its own
    assert bench.code == f"{weights}[2, 0, 1, 2] = 3"
    bench.set_divisor(2, 4)
    assert bench.code.startswith(f"w = {weights}\nw[2, 0] = 0\nw[2, 0, 1:4, 1:4] = np.array([")
    assert bench.code.endswith("]) / 4")
    assert "[0, 0]" not in bench.code
    bench.set_cell(2, 2, 2, -1)
    assert bench.code == f"{weights}[2, 0, 3, 3] = -1 / 4"
    bench.clear(0)
    assert bench.code == f"{weights}[0, 0] = 0"
    bench.swap(0, 2)
    assert bench.code.splitlines() == [
        f"{weights}[[0, 2]] = {weights}[[2, 0]]", f"{bias}[[0, 2]] = {bias}[[2, 0]]",
    ]  # fmt: skip
    bench.copy(1, 0)
    assert bench.code.splitlines() == [f"{weights}[0] = {weights}[1]", f"{bias}[0] = {bias}[1]"]
    bench.undo()
    assert bench.code.count(f"{bias}[0] = 0") == 1
    assert f"{bias}[1]" not in bench.code
    bench.set_stride(2)  # a new net: its biases are 0 already
    assert f"{bias}[1] = 0.5" in bench.code
    assert f"{bias}[0]" not in bench.code
    one = np.zeros((3, 3, 3), np.float32)
    one[1, 2, 0] = 0.25
    bench.set_mode("three")
    bench.set_kernel(1, one)
    assert "[1, 0] = 0\n" in bench.code
    bench.set_cell(1, 0, 0, 2, channel=2)
    assert bench.code == f"{weights}[1, 2, 1, 1] = 2"


def test_a_frame_is_named_in_the_line_that_opens_it() -> None:
    bench = FilterBench(PICTURE)
    for frame, said in ((0, ""), (3, "  # of the file's frame 3, counted from 0")):
        picture = Picture(PICTURE[frame:], "film")
        picture.frame, picture.frames, picture.origin = frame, 5, ("file", "film.gif")
        bench.set_picture(picture)
        first = bench.code.splitlines()[0]
        how = "caffe.io.load_image(name, color=False)[:, :, 0][np.newaxis, np.newaxis]"
        assert first == f"x = {how}{said}"
