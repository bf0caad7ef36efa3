"""Window, command and folder run: the same files, bit for bit; and the program that is shown."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from filterlab.cli import main
from filterlab.errors import FilterLabError
from filterlab.pictures import write_picture
from filterlab.progress import run_job
from filterlab.surgery.methods import Request
from filterlab.workbench import heatmap_files as files
from filterlab.workbench.heatmap_bench import HeatmapBench
from filterlab.workbench.heatmap_state import Source
from filterlab.zoo.catalogue import Model

Settle = Callable[[HeatmapBench], None]
NETS = ("pocket", "bright", "pooled", "maximum", "small")
PICTURES = ("photo", "grey", "long", "tiny")
DENSITIES = ("own", "finer", "scales")


def _options(model: Model, stride: int, density: str) -> list[str]:
    blue, green, red = model.mean_bgr
    net = ["--prototxt", str(model.prototxt), "--weights", str(model.weights_path)]
    net += ["--mean", f"{blue},{green},{red}", "--scale", str(model.scale), "--order", model.order]
    if model.labels_path is not None:
        net += ["--labels", str(model.labels_path)]
    if model.name == "pocket":
        net = ["--model", "pocket"]
    how = {"own": [], "finer": ["--stride", str(stride)], "scales": ["--scales"]}[density]
    return [*net, *how]


@pytest.mark.parametrize("density", DENSITIES)
@pytest.mark.parametrize("net", NETS)
def test_the_three_doors_give_the_same_bits(
    nets: dict[str, Model],
    pictures: dict[str, Path],
    settle: Settle,
    tmp_path: Path,
    net: str,
    density: str,
) -> None:
    model = nets[net]
    bench = HeatmapBench(model)
    bench.accept(run_job(bench.transplant_job()))
    done = bench.transplanted
    assert done is not None
    stride = done.geometry.jump[0] // 2
    wanted = {"own": "own", "finer": f"stride:{stride}", "scales": "scales"}[density]
    options = _options(model, stride, density)
    window: dict[str, tuple[bytes, bytes]] = {}
    for name in PICTURES:
        # As a user comes to it: another picture before, another class, there and back.
        bench.accept(run_job(bench.open_job(Source(path=str(pictures[name])))))
        settle(bench)
        bench.set_density(wanted)
        settle(bench)
        bench.choose((1,))
        bench.undo()
        run_job(files.overlay_job(bench.frame(), tmp_path / "o.png"))
        run_job(files.map_file_job(bench.frame(), tmp_path / "m.npy"))
        window[name] = (tmp_path / "o.png").read_bytes(), (tmp_path / "m.npy").read_bytes()
    for name in PICTURES:
        out = ["--out", str(tmp_path / "c.png"), "--npy", str(tmp_path / "c.npy")]
        assert main(["heatmap", str(pictures[name]), *options, *out]) == 0
        command = (tmp_path / "c.png").read_bytes(), (tmp_path / "c.npy").read_bytes()
        assert command[1] == window[name][1], f"{name}: other numbers"
        assert command[0] == window[name][0], f"{name}: another picture"
    folder = tmp_path / "maps"
    assert main(["heatmap", str(pictures["photo"].parent), *options, "--out", str(folder)]) == 0
    assert sorted(path.name for path in folder.iterdir()) == sorted(
        f"{name}_{what}" for name in PICTURES for what in ("overlay.png", "map.npy")
    )
    for name in PICTURES:
        overlay, values = folder / f"{name}_overlay.png", folder / f"{name}_map.npy"
        assert values.read_bytes() == window[name][1]
        assert overlay.read_bytes() == window[name][0]


def test_the_folder_run_of_the_window_is_the_commands(
    bench: HeatmapBench, pictures: dict[str, Path], tmp_path: Path
) -> None:
    chosen = [pictures["photo"], pictures["long"]]
    bench.choose((1,))
    task = files.FolderTask(chosen, tmp_path / "a", bench.request, bench.classes, look=bench.look)
    result = run_job(bench.folder_job(task))
    assert [row.classes for row in result.rows] == [(1,), (1,)]
    arguments = [str(path) for path in chosen]
    options = [*_options(bench.model, 0, "own"), "--size", "128"]
    command = ["heatmap", *arguments, *options, "--class", "1", "--out", str(tmp_path / "b")]
    assert main(command) == 0
    made = sorted(path.name for path in (tmp_path / "a").iterdir())
    assert len(made) == 4
    for name in made:
        assert (tmp_path / "a" / name).read_bytes() == (tmp_path / "b" / name).read_bytes()
    for row in result.rows:
        values = np.load(row.map)
        assert row.peak == values.max()
        assert row.points is not None
        assert row.points < 0.01  # a net without padding


@pytest.mark.parametrize("method", ["dense", "pooled", "exact"])
@pytest.mark.parametrize("density", DENSITIES[:2])
@pytest.mark.parametrize("net", NETS)
def test_the_program_that_is_shown_gives_the_map(
    nets: dict[str, Model],
    pictures: dict[str, Path],
    settle: Settle,
    net: str,
    density: str,
    method: str,
) -> None:
    bench = HeatmapBench(nets[net])
    path = pictures["grey" if net == "small" else "photo"]
    bench.accept(run_job(bench.open_job(Source(path=str(path)))))
    bench.accept(run_job(bench.transplant_job()))
    done = bench.transplanted
    assert done is not None
    if method not in bench.methods:
        with pytest.raises(FilterLabError, match="pool"):
            bench.set_method(method)
        return
    bench.set_method(method)
    bench.set_density("own" if density == "own" else f"stride:{done.geometry.jump[0] // 2}")
    settle(bench)
    bench.choose((0, 2))
    assert bench.run is not None
    assert bench.run.plan.method == method
    names: dict[str, Any] = {}
    exec(compile(bench.code(), "copied", "exec"), names)
    maps = bench.maps
    assert maps is not None
    expected = maps.prob[0] + maps.prob[2]
    np.testing.assert_allclose(names["heatmap"], expected, atol=5e-5)
    bench.choose((1,))
    exec(compile(bench.code(), "copied", "exec"), names)
    np.testing.assert_allclose(names["heatmap"], maps.prob[1], atol=5e-5)


@pytest.mark.parametrize(
    "size", [(300, 100), (100, 300), (128, 128), (132, 128), (128, 132), (150, 140), (400, 300)]
)
def test_the_program_reduces_a_large_picture_as_the_map_does(
    nets: dict[str, Model], settle: Settle, tmp_path: Path, size: tuple[int, int]
) -> None:
    """Squashed to 32 x 32: more than 128 rows or columns are averaged down to 128 first."""
    bench = HeatmapBench(nets["pooled"])
    noise = np.random.default_rng(3).random((*size, 3), dtype=np.float32)
    write_picture(tmp_path / "noise.png", noise)
    bench.restore_request(Request(squash=32))
    bench.accept(run_job(bench.open_job(Source(path=str(tmp_path / "noise.png")))))
    bench.accept(run_job(bench.transplant_job()))
    settle(bench)
    assert bench.maps is not None
    assert bench.maps.input_size == (32, 32)
    names: dict[str, Any] = {}
    exec(compile(bench.code(), "copied", "exec"), names)
    np.testing.assert_allclose(names["data"], bench.maps.data, atol=1e-5)
    assert ("cv2.resize" in bench.code()) is (max(size) > 128)


def test_the_program_of_a_picture_in_no_file_reads_it_from_one(
    nets: dict[str, Model], settle: Settle, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A grey one has as many channels as the net wants."""
    bench = HeatmapBench(nets["pooled"])
    grey = np.random.default_rng(4).random((40, 48), dtype=np.float32)
    bench.accept(run_job(bench.open_job(Source(array_name="pasted"), grey)))
    bench.accept(run_job(bench.transplant_job()))
    settle(bench)
    bench.choose((3,))
    monkeypatch.chdir(tmp_path)
    names: dict[str, Any] = {}
    for saved in (grey, grey[:, :, None], np.repeat(grey[:, :, None], 3, axis=2)):
        np.save("picture.npy", saved)
        exec(compile(bench.code(), "copied", "exec"), names)
        assert bench.maps is not None
        np.testing.assert_allclose(names["heatmap"], bench.maps.prob[3], atol=5e-5)


def test_without_a_map_the_program_goes_as_far_as_there_is_something(
    nets: dict[str, Model],
) -> None:
    bench = HeatmapBench(nets["bright"])
    names: dict[str, Any] = {}
    exec(compile(bench.code(), "copied", "exec"), names)
    assert names["net"].params["fc"][0].data.shape == (3, 16)
    bench.accept(run_job(bench.transplant_job()))
    exec(compile(bench.code(), "copied", "exec"), names)
    full, plain = names["net_full_conv"], names["net"]
    assert full.params["fc-conv"][0].data.shape == (3, 1, 4, 4)
    assert (full.params["fc-conv"][0].data.ravel() == plain.params["fc"][0].data.ravel()).all()
