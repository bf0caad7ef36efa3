"""The programs give the net's numbers when they are run where their library is."""

from __future__ import annotations

import importlib.util
import os
from pathlib import Path

import numpy as np
import pytest

from filterlab.errors import FilterLabError
from filterlab.pictures import read_picture, write_picture
from filterlab.surgery import convolve
from filterlab.surgery.kernels.codegen import LIBRARIES, Recipe, generate
from filterlab.workbench.filter_bench import FilterBench

_NEEDS = {"pycaffe": "skimage", "opencv": "cv2", "pytorch": "torch", "numpy": "skimage"}

INSTALLED = [name for name, needs in _NEEDS.items() if importlib.util.find_spec(needs)]

SETTINGS = [
    ("grey", "valid", 1, 1, 1.0, (5, 5)),
    ("grey", "same", 2, 2, 255.0, (3, 5)),
    ("each", "same", 1, 1, 1.0, (7, 3)),
    ("each", "valid", 3, 1, 1.0, (5, 5)),
    ("three", "valid", 1, 3, 1.0, (3, 3)),
    ("three", "same", 4, 1, 255.0, (5, 3)),
    ("grey", "same", 1, 1, 1.0, (3, 1)),
    ("grey", "same", 1, 1, 1.0, (1, 3)),
    ("each", "same", 1, 3, 1.0, (1, 5)),
]
EDGES = [("grey", "reflect", (3, 7)), ("each", "wrap", (5, 1)), ("three", "replicate", (3, 5))]


@pytest.mark.parametrize("library", INSTALLED)
@pytest.mark.parametrize(("mode", "pad", "stride", "dilation", "scale", "size"), SETTINGS)
def test_program_gives_the_nets_numbers(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    library: str,
    mode: str,
    pad: str,
    stride: int,
    dilation: int,
    scale: float,
    size: tuple[int, int],
) -> None:
    path = tmp_path / "input.png"
    bench = _bench(path, mode, size)
    bench.set_pad(pad)
    bench.set_stride(stride)
    bench.set_dilation(dilation)
    bench.set_scale(scale)
    monkeypatch.chdir(tmp_path)
    _compare(bench, library, path, scale)


@pytest.mark.parametrize("library", INSTALLED)
@pytest.mark.parametrize(("mode", "edge", "size"), EDGES)
def test_program_pads_as_the_net(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, library: str, mode: str, edge: str,
    size: tuple[int, int],
) -> None:  # fmt: skip
    path = tmp_path / "input.png"
    bench = _bench(path, mode, size)
    bench.set_pad("same")
    bench.set_edge(edge)
    bench.set_dilation(2)
    monkeypatch.chdir(tmp_path)
    _compare(bench, library, path)


def _bench(path: Path, mode: str, size: tuple[int, int]) -> FilterBench:
    """Three random filters on a random picture."""
    rng = np.random.default_rng(1)
    write_picture(path, rng.random((31, 42, 3), dtype=np.float32))
    bench = FilterBench(read_picture(path))
    bench.set_mode(mode)
    bench.set_size(size)
    for slot in range(3):
        bench.set_kernel(slot, rng.normal(size=(bench.channels, *size)).astype(np.float32))
        bench.set_bias(slot, slot - 1.25)
    return bench


def _compare(bench: FilterBench, library: str, path: Path, scale: float = 1.0) -> None:
    """Run the program; it gives the net's numbers."""
    expected = convolve.compute(bench.snapshot()).data
    names: dict[str, np.ndarray] = {}
    exec(compile(bench.program(library, str(path)), library, "exec"), names)
    found = names["output"]
    assert found.shape == expected.shape
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, expected, atol=2e-5 * scale, rtol=1e-4)


def test_programs_say_nothing_that_does_nothing() -> None:
    """No padding, stride or dilation where there is none."""
    recipe = Recipe(np.ones((1, 1, 3, 1), np.float32), np.zeros(1, np.float32))
    texts = {library: generate(library, recipe) for library in LIBRARIES}
    assert "np.pad" not in texts["numpy"] + texts["opencv"]
    assert "(3, 1), axis=(2, 3))\n" in texts["numpy"]
    assert "spread" not in texts["opencv"]
    assert "kernel_h: 3 kernel_w: 1 stride: 1 }" in texts["pycaffe"]
    padded = Recipe(recipe.kernels, recipe.bias, pad=(1, 0), dilation=2)
    assert "kernel_w: 1 pad_h: 1 pad_w: 0 stride: 1 dilation: 2 }" in generate("pycaffe", padded)
    assert "((0, 0), (0, 0), (1, 1), (0, 0))" in generate("numpy", padded)


def test_every_librarys_program_was_run() -> None:
    assert list(_NEEDS) == list(LIBRARIES)
    missing = set(LIBRARIES) - set(INSTALLED)
    if missing:
        pytest.skip(f"not installed here: {', '.join(sorted(missing))}")


def test_programs_are_python() -> None:
    """Also where the library is missing, the program compiles and names every number."""
    kernels = np.array([[[[0.1, -2, 1e-7]]]], np.float32)
    for library in LIBRARIES:
        text = generate(library, Recipe(kernels, np.array([0.5], np.float32)), os.devnull)
        compile(text, library, "exec")
        assert "0.1, -2, 1e-07" in text
        assert "0.5" in text
    with pytest.raises(FilterLabError, match="pycaffe, opencv"):
        generate("matlab", Recipe(kernels, np.zeros(1, np.float32)))
