"""``filterlab why``."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from filterlab.cli import main
from filterlab.pictures import read_picture, sample, write_picture
from filterlab.progress import run_job
from filterlab.surgery.heatmap import resize
from filterlab.surgery.own_input import centre_cut
from filterlab.surgery.transplant import transplant
from filterlab.workbench.net_bench import NetBench

KINDS = ["occlusion", "gradient", "grad-cam", "map"]


@pytest.mark.parametrize("cell", [None, (0, 1)])
def test_maps_and_their_checks(
    cell: tuple[int, int] | None, tmp_path: Path, repo: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "why"
    net = [str(repo / f"tests/goldens/nets/small_v2.{end}") for end in ("prototxt", "caffemodel")]
    cat = sample("chelsea")[::2, ::2]
    write_picture(tmp_path / "cat.png", cat)
    command = ["why", *net, str(tmp_path / "cat.png"), "0", "--out", str(out)]
    command += [] if cell is None else ["--cell", f"{cell[0]},{cell[1]}"]
    assert main([*command, "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    bench = NetBench(transplant(*net))
    bench.show(cat)
    why = run_job(bench.why_job(0, cell))
    assert [one["kind"] for one in found["maps"]] == [*KINDS, "drawn"]
    seen = cat if cell is not None else centre_cut(cat, (1, 1))
    for one, (reason, check) in zip(found["maps"], why.reasons):
        assert one["area"] == pytest.approx(check.area, abs=1e-3)
        np.testing.assert_allclose(one["probabilities"], check.probs, atol=1e-3)
        kind = one["kind"]
        heat = np.load(out / f"{kind}.npy")
        np.testing.assert_allclose(heat, reason.heat, atol=1e-2 * np.abs(reason.heat).max())
        # What is greyed out first is coloured, what comes in the second half is left as it is.
        drawn = read_picture(out / f"{kind}.png")
        assert list(drawn.shape[:2]) == found["input_size"]
        order = np.argsort(-heat.reshape(-1), kind="stable")
        change = np.abs(drawn - resize(seen, drawn.shape[:2])).max(axis=2).reshape(-1)
        assert change[order[order.size // 2 + 50 :]].max() < 2 / 255
        assert np.median(change[order[:500]]) > 0.1
    assert found["cell"] == (None if cell is None else list(cell))


def test_a_table(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["why", "--model", "pocket", "chelsea", "tabby cat"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].endswith("the picture's centre")
    table = [line.split()[0] for line in lines[3:8]]
    assert table == [*KINDS, "drawn"]
    areas = {line.split()[0]: float(line.split()[1]) for line in lines[3:7]}
    assert lines[-1].endswith(f"the smallest is that of {min(areas, key=lambda k: areas[k])}")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["chelsea"], "too little is given; give --model NAME IMAGE CLASS"),
        (["chelsea", "0", "more"], "do not know what 'more' is for"),
        (["chelsea", "0", "--cell", "1;2"], "--cell '1;2': give row and column"),
        (["chelsea", "0", "--cell", "99,0"], "has no cell (99, 0)"),
        (["chelsea", "9999"], "has no class 9999"),
        (["chelsea", "unicorn"], "unicorn"),
        (["nowhere.png", "0"], "nowhere.png"),
    ],
)
def test_bad_arguments_end_in_one_line(
    arguments: list[str], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["why", "--model", "pocket", *arguments]) == 2
    captured = capsys.readouterr()
    assert message in captured.err
    assert len(captured.err.splitlines()) == 1
