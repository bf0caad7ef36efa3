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

SETTINGS = [
    ("grey", "valid", 1, 1, 1.0, (5, 5)),
    ("grey", "same", 2, 2, 255.0, (3, 5)),
    ("each", "same", 1, 1, 1.0, (7, 3)),
    ("each", "valid", 3, 1, 1.0, (5, 5)),
    ("three", "valid", 1, 3, 1.0, (3, 3)),
    ("three", "same", 4, 1, 255.0, (5, 3)),
]


@pytest.mark.parametrize("library", list(LIBRARIES))
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
    if importlib.util.find_spec(_NEEDS[library]) is None:
        pytest.skip(f"{_NEEDS[library]} is not installed")
    rng = np.random.default_rng(1)
    path = tmp_path / "input.png"
    write_picture(path, rng.random((31, 42, 3), dtype=np.float32))
    bench = FilterBench(read_picture(path))
    bench.set_mode(mode)
    bench.set_size(size)
    bench.set_pad(pad)
    bench.set_stride(stride)
    bench.set_dilation(dilation)
    bench.set_scale(scale)
    for slot in range(3):
        bench.set_kernel(slot, rng.normal(size=(bench.channels, *size)).astype(np.float32))
        bench.set_bias(slot, slot - 1.25)
    expected = convolve.compute(bench.snapshot()).data

    monkeypatch.chdir(tmp_path)
    names: dict[str, np.ndarray] = {}
    exec(compile(bench.program(library, str(path)), library, "exec"), names)
    found = names["output"]
    assert found.shape == expected.shape
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, expected, atol=2e-5 * scale, rtol=1e-4)


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
