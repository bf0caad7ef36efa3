"""A few hundred random events on the real window; ``make monkey`` makes as many as one likes."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from filterlab.surgery.convolve import Settings
from tools.attack import monkey


def test_random_hands_find_nothing() -> None:
    told = monkey._in_process(200, 3, 100)
    assert told["found"] == []
    assert (told["events"], told["checks"]) == (200, 2)
    assert len(told["counts"]) >= 13, "nearly every kind of event took part"


@pytest.mark.parametrize(
    ("fault", "said"),
    [
        (
            "from filterlab.workbench.filter_bench import FilterBench as B\n"
            "B.undo = lambda self: self.journal.undo().name",
            ": Undo to depth",
        ),
        (
            "from filterlab.gui.widgets.kernel_grid import KernelGrid as G\n"
            "old = G.set_values\nG.set_values = lambda self, v: old(self, v + (v == v.max()))",
            "is not the kernel",
        ),
    ],
)
def test_what_is_wrong_is_found(tmp_path: Path, fault: str, said: str) -> None:
    code = (
        f"{fault}\nimport json, os, sys\nfrom pathlib import Path\n"
        "from tools.attack import monkey\ntold = monkey.run(90, 4, 90, Path(sys.argv[1]))\n"
        "print(json.dumps(told['found']), flush=True)\nos._exit(0)\n"
    )
    env = {**os.environ, "FILTERLAB_DATA": str(tmp_path / "d"), "PYTHONPATH": str(monkey._TOP),
           "FILTERLAB_LANG": "en", "PIP_NO_INDEX": "1"}  # fmt: skip
    done = subprocess.run(
        [sys.executable, "-c", code, tmp_path / "m"],
        stdout=subprocess.PIPE, text=True, env=env, cwd=monkey._TOP,
    )  # fmt: skip
    found = json.loads(done.stdout.splitlines()[-1])
    assert any(said in line for line in found), found


@pytest.mark.parametrize("mode", ["grey", "each", "three"])
@pytest.mark.parametrize(("pad", "edge"), [("valid", "zero"), ("same", "wrap"), ("same", "zero")])
def test_what_scipy_computes_is_what_loops_do(mode: str, pad: str, edge: str) -> None:
    rng = np.random.default_rng(0)
    settings = Settings(mode, pad, 2, 2, 255.0, edge)
    picture = rng.random((14, 17, 3))
    filters = [rng.standard_normal((settings.channels, *s)) for s in ((3, 5), (1, 1), (5, 3))]
    found = monkey.expected_outputs(picture, filters, [1, 2, 3], [1, 2, -4], settings)
    reach = 4 if pad == "same" else 0
    seen = np.pad(picture, ((reach, reach), (reach, reach), (0, 0)),
                  mode="wrap" if edge == "wrap" else "constant")  # fmt: skip
    luma = (seen @ [0.2125, 0.7154, 0.0721])[:, :, None]
    for slot, (values, _) in enumerate(found):
        planes = luma if mode == "grey" else seen
        kernel = filters[slot]
        y, x, at = 1, 2, 4  # an output's pixel, and the middle of the blob of 5 by 5 spread by 2
        total = np.zeros(planes.shape[2])
        for (c, i, j), weight in np.ndenumerate(kernel):
            row = 2 * y + at + 2 * (i - kernel.shape[1] // 2)
            column = 2 * x + at + 2 * (j - kernel.shape[2] // 2)
            if mode == "three":
                total[0] += weight * planes[row, column, c]
            else:
                total += weight * planes[row, column]
        expected = 255 * total / [1, 2, -4][slot] + [1, 2, 3][slot]
        expected = expected if mode == "each" else expected[0]
        np.testing.assert_allclose(values[y, x], expected)
