"""The map beside the classifier on real windows: against windows classified by hand."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from filterlab.errors import FilterLabError
from filterlab.pictures import read_picture
from filterlab.progress import run_job
from filterlab.surgery.agreement import Agreement, agreement, agreement_job, spread_cells
from filterlab.surgery.exact import exact
from filterlab.surgery.heatmap import ClassMaps, Preprocessing, heatmap
from filterlab.surgery.transplant import Transplanted, transplant


@pytest.fixture(scope="module")
def maps(thin: Transplanted) -> ClassMaps:
    picture = np.random.default_rng(6).random((300, 420, 3)).astype(np.float32)
    return heatmap(thin, picture, cells=8)


def test_each_window_is_really_classified(thin: Transplanted, maps: ClassMaps) -> None:
    found = run_job(agreement_job(thin, maps))
    assert len(found.cells) == len(set(found.cells)) == 12
    differences = []
    for k, (i, j) in enumerate(found.cells):
        window = maps.data[:, :, 32 * i : 32 * i + 227, 32 * j : 32 * j + 227]
        thin.source.blobs["data"].reshape(1, 3, 227, 227)
        thin.source.reshape()
        thin.source.blobs["data"].data[...] = window
        thin.source.forward()
        plain = thin.source.blobs["prob"].data.reshape(-1)
        np.testing.assert_allclose(found.classifier[k], plain, atol=1e-6)
        np.testing.assert_array_equal(found.map[k], maps.prob[:, i, j])
        differences.append(abs(float(maps.prob[2, i, j]) - float(plain[2])))
    assert found.mean_points([2]) == pytest.approx(100 * np.mean(differences), rel=1e-4)
    assert found.mean_points([2]) > 0, "this net pads, so a window alone is not the same"
    ours, theirs = found.map[:, [1, 4]].sum(1), found.classifier[:, [1, 4]].sum(1)
    assert found.mean_points([1, 4]) == pytest.approx(100 * np.abs(ours - theirs).mean(), rel=1e-4)
    assert found.correlation([1, 4]) == pytest.approx(np.corrcoef(ours, theirs)[0, 1], abs=1e-6)
    both = (found.map + found.classifier).mean(axis=0)
    assert list(found.considered) == sorted(range(7), key=lambda c: -both[c])[:5]
    five = list(found.considered)
    expected = 100 * np.abs(found.map - found.classifier)[:, five].mean()
    assert found.mean_points() == pytest.approx(expected, rel=1e-4)
    points = f"{found.mean_points():.2g}"
    assert str(found) == f"classifier on 12 windows: mean difference {points} points"


def test_the_windows_are_the_best_and_the_spread_ones(maps: ClassMaps) -> None:
    cells = spread_cells(maps, 12)
    assert cells == spread_cells(maps, 12)
    whole = int(maps.prob.mean(axis=(1, 2)).argmax())
    assert divmod(int(maps.prob[whole].argmax()), maps.cols) in cells[:2]
    peak = int(maps.prob.max(axis=(1, 2)).argmax())
    assert divmod(int(maps.prob[peak].argmax()), maps.cols) in cells[:2]
    # No cell of the map is far from all of them.
    for i, j in np.ndindex(maps.rows, maps.cols):
        assert min((i - a) ** 2 + (j - b) ** 2 for a, b in cells) <= 4
    assert len(spread_cells(maps, 1)) == 1
    everywhere = spread_cells(maps, 1000)
    assert sorted(everywhere) == list(np.ndindex(maps.rows, maps.cols))


def test_work_is_bounded_whatever_was_measured(thin: Transplanted, maps: ClassMaps) -> None:
    assert len(agreement(thin, maps, most=5).cells) == 5
    tight = run_job(agreement_job(thin, maps, seconds=1e-9))
    assert len(tight.cells) == 1
    assert tight.correlation([0]) is None
    thin.measured_window = 50.0
    assert len(agreement(thin, maps).cells) == 12


def test_an_exact_map_agrees_with_itself(thin: Transplanted, maps: ClassMaps) -> None:
    picture = np.random.default_rng(6).random((300, 420, 3)).astype(np.float32)
    itself = agreement(thin, exact(thin, picture, cells=8))
    assert itself.mean_points() < 1e-3
    assert itself.mean_points([0]) < agreement(thin, maps).mean_points([0])


def test_classes_that_are_not_there() -> None:
    some = Agreement(((0, 0),), np.ones((1, 3)), np.ones((1, 3)), (0, 1, 2))
    for wrong in ([], [3], [-1]):
        with pytest.raises(FilterLabError, match="no classes"):
            some.mean_points(wrong)


def test_a_real_net_and_its_exact_map(shared: Path) -> None:
    """SqueezeNet on the cat: the quick map is some points off, the exact one is not."""
    folder = shared / "squeezenet"
    t = transplant(folder / "deploy.prototxt", folder / "squeezenet_v1.0.caffemodel")
    picture = read_picture(shared / "images/cat.jpg")
    choices: Any = {"cells": 7, "preprocessing": Preprocessing((104, 117, 123))}
    pooled, real = heatmap(t, picture, **choices), exact(t, picture, **choices)
    whole = agreement(t, pooled, most=1000)
    assert len(whole.cells) == pooled.rows * pooled.cols
    best = whole.considered[0]
    difference = np.abs(pooled.prob[best] - real.prob[best])
    assert whole.mean_points([best]) == pytest.approx(100 * difference.mean(), abs=0.01)
    assert whole.mean_points([best]) > 1
    assert agreement(t, real).mean_points([best]) < 0.01
