"""Rendered pixels: the right cells at the right place, at both usual screen scales."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest


@pytest.mark.parametrize("scale", ["1", "2"])
def test_bright_squares_light_the_right_cells_at_the_right_place(tmp_path, scale, repo) -> None:
    # The scale is fixed before Qt is loaded, so each has a process of its own.
    environment = {
        **os.environ,
        "QT_SCALE_FACTOR": scale,
        "QT_FONT_DPI": "96",
        "QT_QPA_PLATFORM": "offscreen",
        "PYTHONPATH": str(repo),
    }
    done = subprocess.run(
        [sys.executable, str(Path(__file__).with_name("on_screen.py")), str(tmp_path)],
        env=environment,
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    assert "Traceback" not in done.stderr
