"""What the heatmap writes: every cell of a folder's row, of a report's tables, of a caption."""

from __future__ import annotations

import html
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from filterlab.errors import FilterLabError
from filterlab.pictures import read_picture, write_picture
from filterlab.progress import Progress, run_job
from filterlab.surgery.legend import with_legend
from filterlab.surgery.methods import Request
from filterlab.workbench.heatmap_bench import HeatmapBench
from filterlab.workbench.heatmap_draw import style_of
from filterlab.workbench.heatmap_files import (
    FolderTask,
    Words,
    caption,
    cell_job,
    class_title,
    folder_job,
    overlay_job,
    report_job,
)
from filterlab.workbench.heatmap_state import Look, Source
from filterlab.zoo.labels import Labels

UPPER = Words(lambda text: text.upper().replace("{COLS}", "{cols}").replace("{ROWS}", "{rows}")
              .replace("{MODEL}", "{model}").replace("{METHOD}", "{method}")
              .replace("{PICTURE}", "{picture}").replace("{N}", "{n}"), "xx")  # fmt: skip


@pytest.fixture
def folder(bright: Any, tmp_path: Path) -> Path:
    """Three pictures with a square in each, and one that is none."""
    made = tmp_path / "in"
    made.mkdir()
    for name, x in (("a", 8), ("b", 40), ("d", 96)):
        write_picture(made / f"{name}.png", bright.picture((x, 16)))
    (made / "c.png").write_bytes(b"no picture")
    return made


def test_a_folders_rows_whole(bench: HeatmapBench, folder: Path, tmp_path: Path) -> None:
    out = tmp_path / "new" / "out"
    names = [folder / f"{name}.png" for name in "abcd"]
    task = FolderTask(names, out, Request(size=128), (1, 3))
    assert (task.check, task.legend, task.classes, task.second) == (True, False, (1, 3), ())
    result = run_job(bench.folder_job(task))
    assert [row.picture for row in result.rows] == [names[0], names[1], names[3]]
    ((failed, why),) = result.failed
    assert failed == names[2]
    assert "c.png: is not a picture" in why
    for row, name, column in zip(result.rows, "abd", (1, 5, 12)):
        assert (row.overlay, row.map) == (out / f"{name}_overlay.png", out / f"{name}_map.npy")
        assert row.classes == (1,), "the net has no class 3"
        values = np.load(row.map)
        assert values.shape == (9, 13)
        assert row.peak == values.max()
        i, j = np.unravel_index(values.argmax(), values.shape)
        assert (i, j) == (2, column)
        assert row.at == (8 * column + 16, 8 * 2 + 16)
        assert row.method == "dense"
        assert row.points == pytest.approx(0, abs=1e-3)
        assert read_picture(row.overlay).shape == (96, 128, 3)
    assert len(list(out.iterdir())) == 6
    again = run_job(bench.folder_job(replace(task, check=False, classes=(3,))))
    for row in again.rows:
        assert row.points is None
        assert row.classes == (0,), "most of each picture is dark"
    exact = replace(task, request=Request(size=128, method="exact"), pictures=names[:1])
    (row,) = run_job(bench.folder_job(exact)).rows
    assert (row.method, row.points) == ("exact", None), "it is the classifier's own"


def test_a_folders_overlays_are_as_asked_for(
    bench: HeatmapBench, folder: Path, tmp_path: Path
) -> None:
    """With a legend in the language, and of two classes with both."""
    look = Look(scale="unit")
    task = FolderTask(
        [folder / "a.png"],
        tmp_path / "out",
        Request(size=128),
        (1,),
        (2,),
        look,
        True,
        False,
        UPPER,
    )
    (row,) = run_job(bench.folder_job(task)).rows
    plain = run_job(bench.folder_job(replace(task, legend=False, out=tmp_path / "plain"))).rows[0]
    lines = ("1 bright light", "Brightness, DENSE, 13 X 9 CELLS, a.png")
    wanted = with_legend(
        read_picture(plain.overlay), style_of(look, 0.0, 1.0), (0.0, 1.0), lines, "PROBABILITY"
    )
    np.testing.assert_allclose(read_picture(row.overlay), wanted, atol=1.01 / 255)
    two = replace(task, look=Look(show="two"), legend=False, out=tmp_path / "two")
    (row,) = run_job(bench.folder_job(two)).rows
    bench.accept(run_job(bench.open_job(Source(path=str(folder / "a.png")))))
    bench.accept(run_job(bench.map_job()))
    frame = replace(bench.frame(), classes=(1,), second=(2,), look=Look(show="two"))
    run_job(overlay_job(frame, tmp_path / "alone.png"))
    assert (tmp_path / "alone.png").read_bytes() == row.overlay.read_bytes()


def test_how_far_a_folder_is_within_each_picture(
    bench: HeatmapBench, folder: Path, tmp_path: Path
) -> None:
    """A tenth to read it, then the map, from seven the check, from nine the overlay."""
    done = bench.transplanted
    assert done is not None
    names = [folder / "a.png", folder / "c.png", folder / "b.png", folder / "d.png"]
    task = FolderTask(names, tmp_path / "out", Request(size=128), (1,))
    seen: list[Progress] = []
    run_job(folder_job(task, bench.model, done, bench.labels), seen.append)
    assert {p.total for p in seen} == {4}
    assert {p.step for p in seen} == {"map the pictures"}
    shares = [p.done for p in seen]
    assert shares == sorted(shares)
    for k, name in ((0, "a.png"), (1, "c.png"), (2, "b.png"), (3, "d.png")):
        own = [round(p.done - k, 6) for p in seen if p.message == name]
        if name == "c.png":
            assert own == [0]
            continue
        assert own[:2] == [0, 0.1]
        inside = own[2:]
        assert min(inside) == 0.1, "the map begins where reading ended"
        assert max(inside) == pytest.approx(0.95), "the overlay is drawn, and is to be written"
        assert 0.7 in inside
        assert 0.9 in inside
        assert any(0.1 < share < 0.7 for share in inside)
        assert any(0.7 < share < 0.9 for share in inside)


def test_a_folder_that_cannot_be_is_refused(bench: HeatmapBench, folder: Path) -> None:
    task = FolderTask([folder / "a.png"], folder / "a.png" / "out", Request(size=128))
    with pytest.raises(FilterLabError, match="cannot be made"):
        run_job(bench.folder_job(task))
    clash = folder / "a_overlay.png"
    clash.write_bytes((folder / "a.png").read_bytes())
    task = FolderTask([folder / "a.png", clash], folder, Request(size=128))
    before = clash.read_bytes()
    with pytest.raises(FilterLabError):
        run_job(bench.folder_job(task))
    assert clash.read_bytes() == before


def _rows(page: str) -> dict[str, str]:
    found = re.findall(r"<th[^>]*>(.*?)</th>\s*<td[^>]*>(.*?)</td>", page, re.DOTALL)
    return {html.unescape(name): html.unescape(value) for name, value in found}


@pytest.mark.parametrize(("squash", "said"), [(0, "kept"), (True, "squashed to a square")])
def test_a_report_tells_how_the_map_was_made(
    bench: HeatmapBench, settle: Any, tmp_path: Path, squash: int, said: str
) -> None:
    bench.restore_request(Request(cells=9, squash=squash))
    settle(bench)
    frame = replace(bench.frame(), look=Look(show="entropy", scale="unit", threshold=0.25))
    run_job(report_job(frame, tmp_path / "r.html"))
    rows = _rows((tmp_path / "r.html").read_text(encoding="utf-8"))
    assert rows["picture's shape"] == said
    assert rows["passes"] == "1"
    assert rows["shown"] == "uncertainty; values: 0 to 100 %; threshold 0.25"
    assert rows["preprocessing"] == "RGB x 1, minus the mean 0, 0, 0 (B, G, R)"
    assert rows["picture"] == "128 x 96 pixels"
    for note in ("", "it was enlarged"):
        noted = replace(frame, run=replace(frame.run, plan=replace(frame.run.plan, note=note)))
        run_job(report_job(noted, tmp_path / "r.html"))
        page = (tmp_path / "r.html").read_text(encoding="utf-8")
        assert ("<th>picture</th><td>it was enlarged</td>" in page) is bool(note)


def test_captions_in_another_language(bench: HeatmapBench) -> None:
    frame = bench.frame()
    labels = bench.labels
    own = labels[1].name_in("zh_CN")
    chinese = Words(str, "zh_CN")
    assert class_title(labels, (1,), chinese) == f"1 {own or labels[1].english}"
    assert class_title(labels, (0, 1)) == "0 darkness + 1 bright light"
    assert class_title(labels, ()) == ""
    many = Labels.numbered(9)
    for count, more in ((3, ""), (4, " + 1 more"), (9, " + 6 more")):
        title = class_title(many, range(count))
        assert title == " + ".join(f"{c} {many[c].english}" for c in range(3)) + more
    assert class_title(many, range(5), UPPER).endswith(" + 2 MORE")
    shown = replace(bench.shown, source=Source(sample="chelsea"))
    for words, title in ((Words(), "uncertainty"), (UPPER, "UNCERTAINTY")):
        look = Look(show="entropy")
        head, facts = caption(replace(frame, look=look, shown=shown), words)
        assert head == title
        name = words.tr(str(shown.source.title))
        assert facts == words.tr("{model}, {method}, {cols} x {rows} cells, {picture}").format(
            model="Brightness", method=words.tr("dense"), cols=13, rows=9, picture=name
        )


def test_a_cells_table_has_every_class(bench: HeatmapBench, tmp_path: Path) -> None:
    maps = bench.maps
    assert maps is not None
    path = run_job(cell_job(bench.frame(), (3, 5), tmp_path / "cell.csv"))
    text = path.read_text(encoding="utf-8-sig")
    for c, name in enumerate(("darkness", "bright light")):
        (line,) = (line for line in text.splitlines() if name in line)
        values = [float(v) for v in re.findall(r"-?\d+\.?\d*(?:e-?\d+)?", line)]
        assert c in values
        assert any(v == pytest.approx(maps.prob[c, 3, 5], rel=1e-4, abs=1e-6) for v in values)
