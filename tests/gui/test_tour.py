"""The tour: the real window, without a display, a picture of each scene."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from filterlab.pictures import read_picture
from filterlab.zoo import catalogue


def tour(repo: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    hidden = ("DISPLAY", "WAYLAND_DISPLAY", "QT_QPA_PLATFORM", "QT_SCALE_FACTOR", "QT_FONT_DPI")
    environment = {k: v for k, v in os.environ.items() if k not in hidden}
    return subprocess.run(
        [sys.executable, "-m", "filterlab", "tour", *arguments],
        cwd=repo,
        env=environment,
        capture_output=True,
        text=True,
        timeout=180,
        check=False,
    )


def test_tour_of_the_heatmap_tab(repo, tmp_path) -> None:
    out = tmp_path / "图片"
    done = tour(repo, "--out", str(out), "--only", "heatmap", "--size", "1280x720")
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    pictures = sorted(out.glob("*.png"))
    assert [str(p) for p in pictures] == done.stdout.split()
    assert len(pictures) >= (15 if catalogue.get("pocket").ready else 1)
    for path in pictures:
        picture = read_picture(path)
        assert picture.shape == (720, 1280, 3)
        assert len(np.unique((picture * 255).astype(np.uint8))) > 50, f"{path.name} is blank"


@pytest.mark.parametrize(
    "wrong",
    [
        ["--scale", "9"],
        ["--size", "large"],
        ["--lang", "fr"],
        ["--only", "no"],
        ["--out", "/proc/nowhere/at/all"],
        [],
    ],
)
def test_wrong_use_is_one_line_and_status_2(repo, tmp_path, wrong) -> None:
    arguments = wrong if "--out" in wrong or not wrong else [*wrong, "--out", str(tmp_path)]
    done = tour(repo, *arguments)
    assert done.returncode == 2
    assert done.stderr.startswith("filterlab: error: ")
    assert done.stderr.count("\n") == 1
