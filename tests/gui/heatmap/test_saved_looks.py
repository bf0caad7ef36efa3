"""What is saved is what is shown: lines, colours with their names, logarithmic bars, settings."""

from __future__ import annotations

import itertools
import re
from collections.abc import Callable
from dataclasses import replace
from html import unescape
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from filterlab.gui.heatmap import saving
from filterlab.gui.heatmap.look import draw, with_lines
from filterlab.pictures import read_picture
from filterlab.progress import run_job
from filterlab.surgery import legend
from filterlab.surgery.overlay import stretch_error


@pytest.fixture
def frame(ready, settled) -> Callable[..., saving.Frame]:
    """What is on show, looked at in another way."""
    ready.choose_classes((1,))
    settled(ready)

    def look(**what: Any) -> saving.Frame:
        shown = ready.frame()
        return replace(shown, look=replace(shown.look, **what), second=(0,))

    return look


@pytest.fixture
def written(monkeypatch) -> list[str]:
    """Every text that is drawn into a saved picture."""
    from PIL import ImageDraw

    texts = []
    original = ImageDraw.ImageDraw.text

    def text(self, xy, text, *args, **kwargs):
        texts.append(text)
        return original(self, xy, text, *args, **kwargs)

    monkeypatch.setattr(ImageDraw.ImageDraw, "text", text)
    return texts


def saved(frame: saving.Frame, path: Path) -> np.ndarray:
    return np.asarray(read_picture(run_job(saving.overlay_job(frame, path))))


def test_a_winner_map_is_saved_with_the_names_of_its_colours(frame, tmp_path, written) -> None:
    image = saved(frame(show="winner"), tmp_path / "w.png")
    assert image.shape[1] == 128
    assert image.shape[0] > 96
    assert any("darkness" in text for text in written)
    below = (image[96:] * 255).round().astype(int).reshape(-1, 3)
    drawing = saving.full_drawing(frame(show="winner"))
    for colour, _ in drawing.legend:
        assert (below == colour).all(axis=1).sum() > 50


def test_two_classes_are_saved_with_both_names(frame, tmp_path, written) -> None:
    saved(frame(show="two"), tmp_path / "two.png")
    assert [any(name in text for text in written) for name in ("bright light", "darkness")] == [
        True,
        True,
    ]


def test_a_logarithmic_bar_has_its_true_middle(frame, tmp_path, written) -> None:
    saved(frame(scale="log"), tmp_path / "log.png")
    assert {"1.0e-06", "1", "0.001"} <= set(written)
    assert legend.middle((1e-6, 1.0), log=True) == pytest.approx(1e-3)
    assert legend.middle((0.0, 1.0)) == 0.5


def test_contours_are_saved(frame, tmp_path) -> None:
    plain = saved(frame(lay="smooth"), tmp_path / "plain.png")[:96, :128]
    lined = saved(frame(lay="smooth", contours=True), tmp_path / "lined.png")[:96, :128]
    changed = (np.abs(plain - lined) > 0.02).any(axis=2)
    drawing = saving.full_drawing(frame(lay="smooth", contours=True))
    assert drawing.contours
    near = np.zeros((96, 128), bool)
    for line in drawing.contours:
        for x, y in line:
            middle = lined[int(min(95, y)), int(min(127, x))]
            assert middle.min() > 0.45, "the line is white"
        rows, cols = np.mgrid[0:96, 0:128] + 0.5
        for x, y in np.concatenate([np.linspace(a, b, 20) for a, b in itertools.pairwise(line)]):
            near |= np.hypot(cols - x, rows - y) < 4
    assert changed.any()
    assert not (changed & ~near).any()


def test_lines_keep_their_place_at_any_size(frame) -> None:
    one = frame(lay="stretched")
    drawing = saving.full_drawing(one)
    assert (with_lines(drawing) != drawing.image).any()
    scene = replace(drawing.scene, picture=np.repeat(np.repeat(one.picture, 2, 0), 2, 1))
    large = draw(scene)
    # From the first cell's centre an arrow leads to where stretching puts the cell.
    x, y = one.maps.centre_on_picture(0, 0)
    moved, _ = stretch_error(one.maps)
    for share in (0.0, 0.5, 1.0):
        at = (2 * (np.array([x, y]) + share * moved[0, 0]) - 0.5).round().astype(int)
        red, green, blue = with_lines(large)[at[1], at[0]].astype(int)
        assert red > green + 80
        assert red > blue + 80


def words(frame: saving.Frame, path: Path) -> str:
    html = run_job(saving.report_job(frame, path)).read_text(encoding="utf-8")
    return unescape(re.sub(r"<[^>]*>", "\n", html))


def test_a_report_tells_how_the_map_was_made(ready, frame, tmp_path) -> None:
    text = words(frame(scale="log", threshold=0.25), tmp_path / "r.html")
    assert "chosen class; values: logarithmic; threshold 0.25" in text
    assert "RGB x 1, minus the mean 0, 0, 0 (B, G, R)" in text
    assert ready.controls.passes_combo.currentText() in text
    assert "1.0e-06\n\n0.001\n\n1" in text
    assert "Laid where each cell of the map really looks" in text


def test_a_report_of_two_classes_names_both(frame, tmp_path) -> None:
    text = words(frame(show="two"), tmp_path / "r.html")
    assert "two classes; values: probability 0 to 1" in text
    assert text.count("darkness") > words(frame(), tmp_path / "one.html").count("darkness")


def test_a_report_of_a_stretched_map_says_by_how_much_it_is_off(frame, tmp_path) -> None:
    one = frame(lay="stretched")
    text = words(one, tmp_path / "r.html")
    assert f"up to {stretch_error(one.maps)[1]:.0f} pixels from where they look" in text
    assert "really looks" not in text


@pytest.mark.skipif(legend.cjk_font() is None, reason="no font with Chinese characters here")
def test_a_chinese_window_names_the_unit_in_chinese(chinese, frame, tmp_path, written) -> None:
    saved(frame(), tmp_path / "unit.png")
    assert "概率" in written
    assert "probability" not in written
