"""Project files: what is saved comes back, and no file a stranger made does harm."""

from __future__ import annotations

import io
import json
import os
import stat
import struct
import tracemalloc
import zipfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from filterlab.errors import FilterLabError
from filterlab.progress import run_job
from filterlab.surgery.convolve import Picture
from filterlab.workbench import filter_state
from filterlab.workbench import project as project_module
from filterlab.workbench.filter_bench import FilterBench
from filterlab.workbench.filter_state import (
    MOST_STEPS,
    check_steps,
    from_session,
    start_state,
    step_from_session,
)
from filterlab.workbench.heatmap_state import HeatmapState, Look
from filterlab.workbench.project import (
    Project,
    ProjectPicture,
    Task,
    heatmap_part,
    read_job,
    write_job,
)
from filterlab.zoo.catalogue import default_model

PHOTO = (np.random.default_rng(3).integers(0, 256, (30, 40, 3)) / np.float32(255)).astype("f4")
GREY = np.random.default_rng(4).normal(0.5, 0.4, (20, 25)).astype("f4")
TASK = Task("Find the edges", "Draw a kernel\nthat finds them.", "edges-1", ("size", "preset.0"))


def example() -> tuple[Project, FilterBench]:
    bench = FilterBench(PHOTO, "photo.jpg")
    bench.set_size(7, 1)
    bench.set_cell(1, 2, 3, 1 / 3)
    bench.set_bias(0, -0.1)
    bench.set_divisor(2, 8)
    bench.set_pad("same")
    bench.set_edge("wrap")
    state = HeatmapState(
        default_model(), True, chosen=(3, 1), look=Look(opacity=0.3, colours="viridis")
    )
    pictures = {
        "filters": ProjectPicture("pixels", "photo.jpg", bench.picture.pixels),
        "heatmap": ProjectPicture("pixels", "grey", GREY),
    }
    view = {"tab": "heatmap", "filters": {"brush": 0.5}}
    return Project(bench.session(), heatmap_part(state), pictures, view, TASK), bench


@pytest.fixture
def saved(tmp_path: Path) -> Path:
    return run_job(write_job(example()[0], tmp_path / "work.filterlab"))


def test_everything_comes_back(saved: Path) -> None:
    wanted, bench = example()
    found = run_job(read_job(saved))
    state = from_session(found.filters or {}, bench.picture)
    assert state.same(bench.state)
    assert np.array_equal(state.kernels, bench.state.kernels)
    assert (found.heatmap, found.view, found.task) == (wanted.heatmap, wanted.view, TASK)
    for part, picture in wanted.pictures.items():
        again = found.pictures[part]
        assert again.name == picture.name
        assert again.pixels is not None
        assert picture.pixels is not None
        assert again.pixels.dtype == np.float32
        assert np.array_equal(again.pixels, picture.pixels)


def test_a_photo_is_kept_as_png_and_numbers_as_npy(saved: Path) -> None:
    names = zipfile.ZipFile(saved).namelist()
    assert set(names) == {
        "project.json", "task.json", "pictures/filters.png", "pictures/heatmap.npy",
    }  # fmt: skip


def test_samples_are_kept_by_name_and_files_are_read_when_saved(tmp_path: Path) -> None:
    np.save(tmp_path / "numbers.npy", GREY)
    project = Project(
        start := FilterBench().session(),
        None,
        {"filters": ProjectPicture("pattern", "noise")},
    )
    found = run_job(read_job(run_job(write_job(project, tmp_path / "a.filterlab"))))
    assert found.filters == start
    assert (found.pictures["filters"].kind, found.pictures["filters"].name) == ("pattern", "noise")
    project = Project(
        start, None, {"filters": ProjectPicture("pixels", "n", file=tmp_path / "numbers.npy")}
    )
    path = run_job(write_job(project, tmp_path / "b.filterlab"))
    (tmp_path / "numbers.npy").unlink()
    pixels = run_job(read_job(path)).pictures["filters"].pixels
    assert pixels is not None
    assert np.array_equal(pixels[:, :, 1], GREY)


def test_the_same_work_gives_the_same_bytes(tmp_path: Path, saved: Path) -> None:
    other = run_job(write_job(example()[0], tmp_path / "other.filterlab"))
    assert other.read_bytes() == saved.read_bytes()


def applied() -> tuple[Project, FilterBench]:
    """A blur and a smaller, signed edge of colour, one drawn on between the two."""
    bench = FilterBench(PHOTO, "photo.jpg")
    bench.set_mode("each")
    bench.set_divisor(0, 3)
    bench.apply(0)
    bench.begin("Draw on picture")
    bench.draw_on_picture(5, 6, 2, 1.0)
    bench.end()
    bench.set_mode("grey")
    bench.set_stride(2)
    bench.set_bias(1, -0.25)
    bench.apply(1)
    picture = ProjectPicture("pixels", "photo.jpg", bench.picture.pixels)
    steps = bench.state.stack
    return Project(bench.session(), pictures={"filters": picture}, steps=steps), bench


def test_the_applied_steps_come_back(tmp_path: Path) -> None:
    project, bench = applied()
    path = run_job(write_job(project, tmp_path / "steps.filterlab"))
    assert set(zipfile.ZipFile(path).namelist()) == {
        "project.json", "pictures/filters.npy", "pictures/step00.png", "pictures/step01.npy",
    }  # fmt: skip
    found = run_job(read_job(path))
    assert len(found.steps) == 2
    for one, two in zip(found.steps, bench.state.stack):
        assert (one.size, one.bias, one.slot, one.name) == (two.size, two.bias, two.slot, two.name)
        assert one.settings == two.settings
        np.testing.assert_array_equal(one.weights, two.weights)
        np.testing.assert_array_equal(one.picture.pixels, two.picture.pixels)
        assert one.picture.title == two.picture.title
    other = FilterBench(PHOTO)
    picture = Picture(found.pictures["filters"].pixels, "photo.jpg")
    state = from_session(found.filters or {}, picture)
    other.begin_with(replace(state, stack=found.steps))
    assert other.step_back() == "Take a step back"
    assert other.step_back() == "Take a step back"
    np.testing.assert_array_equal(other.picture.pixels, PHOTO)
    assert run_job(write_job(project, tmp_path / "again.filterlab")).read_bytes() == (
        path.read_bytes()
    )


def test_of_many_or_large_steps_the_last_are_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    bench = FilterBench(PHOTO, "photo.jpg")
    bench.set_pad("same")
    for _ in range(MOST_STEPS + 2):
        bench.apply(0)
    picture = ProjectPicture("pixels", "photo.jpg", bench.picture.pixels)
    project = Project(bench.session(), pictures={"filters": picture}, steps=bench.state.stack)
    found = run_job(read_job(run_job(write_job(project, tmp_path / "a.filterlab"))))
    assert len(found.steps) == MOST_STEPS
    np.testing.assert_array_equal(
        found.steps[0].picture.pixels, bench.state.stack[2].picture.pixels
    )
    for module in (filter_state, project_module):
        monkeypatch.setattr(module, "MOST_PIXELS", 3 * 30 * 40)
    path = run_job(write_job(project, tmp_path / "b.filterlab"))
    assert len(run_job(read_job(path)).steps) == 3
    for module in (filter_state, project_module):
        monkeypatch.setattr(module, "MOST_PIXELS", 3 * 30 * 40 - 1)
    assert "filters.steps" in refused(tmp_path, path.read_bytes())


def _step(**changes: Any) -> Callable[[dict[str, Any]], object]:
    return lambda v: v["filters"]["steps"][1].update(changes)


@pytest.mark.parametrize(
    "change",
    [
        _step(weights=[[[1]]]),  # would give another size
        _step(weights=[]), _step(weights=[[1]]), _step(weights=[[["x"] * 3] * 3]),
        _step(weights=[[[1e300] * 5] * 5]), _step(weights=[[[1] * 5] * 5] * 3),
        _step(weights=[[[1] * 99] * 99]), _step(size=[7, 3]), _step(size=[3, 7]),
        _step(size=[2, 2]), _step(size=[3]),
        _step(size="33"), _step(size=[3.0, 3.0]), _step(bias="x"), _step(bias=1e300),
        _step(settings={"stride": 3}), _step(settings={"evil": 1}), _step(settings=None),
        _step(settings={"stride": 2.0}), _step(slot=3), _step(slot=-1), _step(slot=True),
        _step(name=1), _step(name="x" * 301), _step(evil=1), _step(picture=None),
        _step(picture={"kind": "sample", "name": "chelsea"}),
        _step(picture={"kind": "pixels", "name": "", "member": "pictures/filters.npy"}),
        lambda v: v["filters"].update(steps=[]), lambda v: v["filters"].update(steps={}),
        lambda v: v["filters"].update(steps=[1, 2]), lambda v: v["filters"].pop("picture"),
        lambda v: v["filters"].update(steps=v["filters"]["steps"] * 9),
        lambda v: v["filters"].pop("steps"),  # then nothing uses their pictures
        lambda v: v["filters"]["steps"].reverse(),
    ],
)  # fmt: skip
def test_odd_steps_are_refused(tmp_path: Path, change: Callable[[dict[str, Any]], object]) -> None:
    path = run_job(write_job(applied()[0], tmp_path / "steps.filterlab"))
    refused(tmp_path, edited(path, change))


def test_a_step_has_its_own_size_within_the_blob() -> None:
    """Rows with rows, columns with columns; and other numbers at their limits."""
    kernel = np.arange(21.0).reshape(1, 3, 7).tolist()
    good = {"weights": kernel, "size": [3, 5], "bias": 0.5, "slot": 2, "name": "x" * 300,
            "settings": {"stride": 2}}  # fmt: skip
    picture = Picture(PHOTO, "photo")
    for size in ([3, 5], [1, 7], [3, 7]):
        step = step_from_session({**good, "size": size}, picture)
        assert step.size == tuple(size)
        assert (step.bias, step.slot, step.settings.stride) == (0.5, 2, 2)
        assert step.weights.shape == (1, 3, 7)
        assert not step.weights.flags.writeable
    for odd in (
        {"size": [5, 3]}, {"size": [5, 5]}, {"size": [3, 9]}, {"size": [3, 5, 7]}, {"slot": 3},
        {"slot": -1}, {"slot": 1.0}, {"name": "x" * 301}, {"name": 7}, {"bias": float("nan")},
        {"weights": [kernel]}, {"weights": kernel * 3}, {"settings": {"stride": 2.0}},
        {"more": 1},
    ):  # fmt: skip
        with pytest.raises(FilterLabError, match="applied step"):
            step_from_session({**good, **odd}, picture)
    three = {**good, "weights": kernel * 3, "settings": {"mode": "three"}}
    assert step_from_session(three, picture).weights.shape == (3, 3, 7)
    # On 30 x 40 pixels, every second: (30 - 3) // 2 + 1 rows, (40 - 7) // 2 + 1 columns.
    step = step_from_session(good, picture)
    check_steps([step], Picture(np.zeros((14, 17), np.float32)))
    check_steps([], picture)
    for size in ((17, 14), (14, 18), (13, 17)):
        with pytest.raises(FilterLabError, match="applied step"):
            check_steps([step], Picture(np.zeros(size, np.float32)))


def test_a_bomb_of_many_steps_is_refused_before_it_is_decompressed(tmp_path: Path) -> None:
    path = run_job(write_job(applied()[0], tmp_path / "steps.filterlab"))
    members = members_of(path)
    stream = io.BytesIO()
    np.save(stream, np.zeros((1, 1), np.float32))
    for number in range(16):
        members[f"pictures/step{number:02d}.npy"] = stream.getvalue()
    data = bytearray(zipped(list(members.items())))
    # Each announces what one picture may have at most, and all together far more.
    at = 0
    while (at := data.find(b"PK\1\2", at)) >= 0:
        if data[at + 46 : at + 59] == b"pictures/step":
            data[at + 24 : at + 28] = struct.pack("<I", 700_000_000)
        at += 4
    tracemalloc.start()
    sentence = refused(tmp_path, bytes(data))
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert "filters.steps" in sentence
    assert peak < 8 << 20


# --- strangers' files -----------------------------------------------------------------------------


def members_of(path: Path) -> dict[str, bytes]:
    with zipfile.ZipFile(path) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def zipped(members: list[tuple[Any, bytes]], method: int = zipfile.ZIP_DEFLATED) -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", method) as archive:
        for name, data in members:
            archive.writestr(name, data)
    return stream.getvalue()


def edited(path: Path, change: Callable[[dict[str, Any]], object], member: str = "project.json"):
    members = members_of(path)
    values = json.loads(members[member])
    change(values)
    members[member] = json.dumps(values).encode()
    return zipped(list(members.items()))


def refused(tmp_path: Path, data: bytes) -> str:
    """The one sentence about a file, which is left alone, as is everything around it."""
    path = tmp_path / "bad.filterlab"
    path.write_bytes(data)
    before = sorted(tmp_path.rglob("*"))
    with pytest.raises(FilterLabError) as caught:
        run_job(read_job(path))
    assert sorted(tmp_path.rglob("*")) == before
    assert path.read_bytes() == data
    sentence = str(caught.value)
    assert sentence.startswith("bad.filterlab: ")
    assert "\n" not in sentence
    assert len(sentence) < 250
    return sentence


@pytest.mark.parametrize(
    "name",
    [
        "../evil.txt", "/etc/evil", "C:\\evil", "pictures/../../evil", "pictures\\filters.png",
        "pictures/filters.png/", "pictures/filters.jpg", "project.json ", "PROJECT.JSON",
        "./task.json", "pictures/filters.png\0.txt", "x" * 5000,
    ],
)  # fmt: skip
def test_no_other_name_is_taken(tmp_path: Path, saved: Path, name: str) -> None:
    info = zipfile.ZipInfo("placeholder")
    info.filename = name
    refused(tmp_path, zipped([*members_of(saved).items(), (info, b"evil")]))
    assert not list(tmp_path.parent.glob("evil*"))


def test_links_and_devices_are_refused(tmp_path: Path, saved: Path) -> None:
    secret = tmp_path / "secret.png"
    secret.write_bytes(members_of(saved)["pictures/filters.png"])
    for kind in (stat.S_IFLNK, stat.S_IFDIR, stat.S_IFIFO):
        members: list[tuple[Any, bytes]] = [
            m for m in members_of(saved).items() if m[0] != "pictures/filters.png"
        ]
        link = zipfile.ZipInfo("pictures/filters.png")
        link.create_system = 3
        link.external_attr = (kind | 0o777) << 16
        assert "pictures/filters.png" in refused(
            tmp_path, zipped([*members, (link, str(secret).encode())])
        )


def test_no_path_outside_is_read(tmp_path: Path, saved: Path) -> None:
    secret = tmp_path / "secret.png"
    secret.write_bytes(members_of(saved)["pictures/filters.png"])
    for entry in (
        {"kind": "file", "name": str(secret)},
        {"kind": "pixels", "name": "x", "member": str(secret)},
        {"kind": "sample", "name": str(secret)},
        {"kind": "sample", "name": "../secret"},
        {"kind": "pixels", "name": "x", "member": "project.json"},
        {"kind": "pixels", "name": "x", "member": "pictures/heatmap.npy"},
        {"kind": "pixels", "name": "x", "file": str(secret)},
    ):
        refused(tmp_path, edited(saved, lambda v, e=entry: v["filters"].update(picture=e)))
    for key in ("path", "sample"):
        refused(tmp_path, edited(saved, lambda v, k=key: v["heatmap"].update({k: str(secret)})))


def test_a_name_twice_is_refused(tmp_path: Path, saved: Path) -> None:
    with pytest.warns(UserWarning, match="Duplicate name"):
        data = zipped([*members_of(saved).items(), ("task.json", b"{}")])
    assert "task.json" in refused(tmp_path, data)


def test_a_bomb_costs_neither_time_nor_memory(tmp_path: Path, saved: Path) -> None:
    members = members_of(saved)
    zeros = bytes(200_000_000)
    for name in ("project.json", "task.json"):
        data = zipped(list((members | {name: zeros}).items()))
        assert len(data) < 400_000
        tracemalloc.start()
        refused(tmp_path, data)
        assert tracemalloc.get_traced_memory()[1] < 30_000_000
        tracemalloc.stop()


def test_a_member_that_lies_about_its_size_is_refused(tmp_path: Path, saved: Path) -> None:
    members = members_of(saved)
    data = zipped(list((members | {"task.json": bytes(50_000_000)}).items()))
    real = struct.pack("<I", 50_000_000)
    assert data.count(real) == 2  # in its own header and in the directory
    tracemalloc.start()
    refused(tmp_path, data.replace(real, struct.pack("<I", 100)))
    assert tracemalloc.get_traced_memory()[1] < 30_000_000
    tracemalloc.stop()


def test_a_picture_bomb_is_refused_before_it_is_decoded(
    tmp_path: Path, saved: Path, shared: Path
) -> None:
    members = members_of(saved)
    members["pictures/filters.png"] = (shared / "bad_inputs/bomb.png").read_bytes()
    tracemalloc.start()
    assert "pictures/filters.png" in refused(tmp_path, zipped(list(members.items())))
    assert tracemalloc.get_traced_memory()[1] < 50_000_000
    tracemalloc.stop()


def test_huge_counts_are_refused_before_they_are_listed(tmp_path: Path, saved: Path) -> None:
    many = zipped([(f"{n}", b"") for n in range(20_000)], zipfile.ZIP_STORED)
    assert "no FilterLab project" in refused(tmp_path, many)
    data = bytearray(saved.read_bytes())
    for at, count in ((-14, 2), (-12, 2), (-10, 4), (-6, 4)):
        forged = bytearray(data)
        end = len(forged) + at
        forged[end : end + count] = b"\xff" * count
        refused(tmp_path, bytes(forged))


def test_zip64_and_comments_are_refused(tmp_path: Path, saved: Path) -> None:
    data = saved.read_bytes()
    locator = b"PK\6\7" + bytes(16)
    refused(tmp_path, data[:-22] + locator + data[-22:])
    refused(tmp_path, data + b"comment")
    refused(tmp_path, b"#!/bin/sh\n" + data)


def test_every_truncation_is_refused(tmp_path: Path, saved: Path) -> None:
    data = saved.read_bytes()
    for length in [*range(40), *range(40, len(data), 97), len(data) - 1]:
        refused(tmp_path, data[:length])


def test_flipped_bytes_never_give_a_traceback(tmp_path: Path, saved: Path) -> None:
    data, rng = saved.read_bytes(), np.random.default_rng(5)
    path = tmp_path / "bad.filterlab"
    refusals = 0
    for _ in range(400):
        forged = bytearray(data)
        for at in rng.integers(0, len(data), int(rng.integers(1, 4))):
            forged[at] = int(rng.integers(0, 256))
        path.write_bytes(bytes(forged))
        try:
            run_job(read_job(path))
        except FilterLabError:
            refusals += 1
    assert refusals > 300


@pytest.mark.parametrize(
    "text",
    [
        b"", b"[]", b"null", b"{", b"\xff\xfe", b"{}", b'{"a":' * 200_000, b"[" * 3_000_000,
        b'{"format":"filterlab-project","version":1,"view":{"a":NaN}}',
        b'{"format":"filterlab-project","version":1,"view":{"a":Infinity}}',
        b'{"format":"filterlab-project","version":1,"view":{"a":1e999}}',
        b'{"format":"filterlab-project","version":1,"view":{"a":' + b"9" * 5000 + b"}}",
        b'{"format":"filterlab-project","version":1,"view":{},"view":{}}',
        b'{"format":"filterlab-project","version":1,"view":' + b'{"a":' * 30 + b"1" + b"}" * 31,
        b'{"format":"filterlab-project","version":1,"view":{"a":"' + b"x" * 5000 + b'"}}',
        b'{"format":"filterlab-project","version":1,"run":"rm"}',
        b'{"format":"filterlab-project","version":true}',
        b'{"format":"filterlab-project","version":0}',
        b'{"format":"something","version":1}',
    ],
)  # fmt: skip
def test_odd_json_is_refused(tmp_path: Path, text: bytes) -> None:
    refused(tmp_path, zipped([("project.json", text)]))


@pytest.mark.parametrize("kind", ["lists", "tables", "both"])
def test_values_within_each_other_are_read_to_a_depth_of_16(tmp_path: Path, kind: str) -> None:
    """The manifest is the first, what is on show the second."""

    def nested(levels: int) -> Any:
        value: Any = 1
        for level in range(levels):
            listed = kind == "lists" or (kind == "both" and level % 2)
            value = [value] if listed else {"a": value}
        return value

    for levels, good in ((14, True), (15, False)):
        project = Project(view={"x": nested(levels)})
        path = run_job(write_job(project, tmp_path / "deep.filterlab"))
        if good:
            assert run_job(read_job(path)).view == {"x": nested(levels)}
        else:
            with pytest.raises(FilterLabError, match=r"project\.json"):
                run_job(read_job(path))


def test_a_newer_format_says_so(tmp_path: Path, saved: Path) -> None:
    assert "newer" in refused(tmp_path, edited(saved, lambda v: v.update(version=2)))


@pytest.mark.parametrize(
    ("part", "key", "value"),
    [
        ("filters", "kernels", []), ("filters", "kernels", "x"), ("filters", "kernels", [[[[1]]]]),
        ("filters", "kernels", [[[["a"] * 3] * 3]] * 3), ("filters", "bias", [1, 2]),
        ("filters", "divisors", [1, 0, 1]), ("filters", "divisors", [1, 1e300, 1]),
        ("filters", "sizes", [[99, 99]] * 3), ("filters", "sizes", [[2, 2]] * 3),
        ("filters", "sizes", 7), ("filters", "settings", {"mode": "grey", "evil": 1}),
        ("filters", "settings", {"stride": 10**9}), ("filters", "settings", {"dilation": 1.5}),
        ("filters", "presets", [None] * 4), ("filters", "presets", [{"key": "os.system"}] * 3),
        ("filters", "presets", [{"key": "gaussian", "parameters": {"sigma": "x"}}] * 3),
        ("filters", "evil", 1), ("filters", "picture", "x"),
        ("heatmap", "model", 3), ("heatmap", "look", []), ("heatmap", "look", {"opacity": 7}),
        ("heatmap", "look", {"colours": "evil"}), ("heatmap", "look", {"names": 1}),
        ("heatmap", "request", {"cells": -1}), ("heatmap", "request", {"density": "evil"}),
        ("heatmap", "chosen", [1.5]), ("heatmap", "chosen", [-1]), ("heatmap", "chosen", "1"),
        ("heatmap", "pins", [[1, 2, 3]]), ("heatmap", "operated", 1), ("heatmap", "evil", 1),
    ],
)  # fmt: skip
def test_wrong_types_are_refused(
    tmp_path: Path, saved: Path, part: str, key: str, value: Any
) -> None:
    refused(tmp_path, edited(saved, lambda v: v[part].update({key: value})))


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("title", 1), ("title", "a\nb"), ("title", "x" * 201), ("text", None), ("lesson", "../x"),
        ("locked", "size"), ("locked", [1]), ("locked", ["a b"]), ("locked", ["k"] * 101),
        ("run", "x"),
    ],
)  # fmt: skip
def test_odd_tasks_are_refused(tmp_path: Path, saved: Path, key: str, value: Any) -> None:
    data = edited(saved, lambda v: v.update({key: value}), "task.json")
    assert "task.json" in refused(tmp_path, data)


def test_pictures_must_be_pictures(tmp_path: Path, saved: Path, shared: Path) -> None:
    pickled = (shared / "bad_inputs/pickled.npy").read_bytes()
    stream = io.BytesIO()
    np.save(stream, np.full((4, 4), np.nan, np.float32))
    huge = b"\x93NUMPY\x01\x00" + struct.pack("<H", 118)
    huge += (
        b"{'descr': '<f4', 'fortran_order': False, 'shape': (1000000, 1000000), }".ljust(117)
        + b"\n"
    )
    for data in (pickled, stream.getvalue(), huge, b"", b"GIF89a"):
        members = members_of(saved) | {"pictures/heatmap.npy": data}
        refused(tmp_path, zipped(list(members.items())))
    members = members_of(saved) | {"pictures/filters.png": (b"GIF89a" + bytes(50))}
    refused(tmp_path, zipped(list(members.items())))


def test_a_picture_that_nothing_uses_is_refused(tmp_path: Path, saved: Path) -> None:
    refused(tmp_path, edited(saved, lambda v: v["filters"].pop("picture")))


def test_what_is_no_file_is_said(tmp_path: Path) -> None:
    for path in (tmp_path / "none.filterlab", tmp_path):
        with pytest.raises(FilterLabError, match="cannot be read"):
            run_job(read_job(path))


def test_a_failed_save_leaves_the_old_file(tmp_path: Path, saved: Path) -> None:
    before = saved.read_bytes()
    bad = Project(view={"x": float("nan")})
    with pytest.raises(ValueError, match="Out of range"):
        run_job(write_job(bad, saved))
    assert saved.read_bytes() == before
    assert [p.name for p in tmp_path.iterdir()] == [saved.name]
    with pytest.raises(FilterLabError, match="cannot be written"):
        run_job(write_job(Project(), tmp_path / "no" / "folder.filterlab"))


def test_the_start_is_a_project(tmp_path: Path) -> None:
    session = FilterBench().session()
    path = run_job(write_job(Project(session), tmp_path / "a.filterlab"))
    found = run_job(read_job(path))
    state = start_state(None, "")
    assert from_session(found.filters or {}, state.picture).same(state)
    assert os.path.getsize(path) < 3000


_EDIT = {"kind": "zero", "layer": "conv1", "units": [3], "value": 0.0, "count": 0, "kernel": None}
_NET = {
    "model": "pocket", "blob": "conv1", "units": [3], "order": "net", "side": "activity",
    "scale": "shared", "class": None,
    "edits": [_EDIT],
}  # fmt: skip


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("model", 3), ("blob", None), ("units", [-1]), ("units", [True]),
        ("order", "sideways"), ("side", ""), ("scale", "own "), ("class", -2), ("class", 1.5),
        ("edits", {}), ("edits", [{"kind": "zero"}]), ("edits", [{**_EDIT, "kind": "eval"}]),
        ("edits", [{**_EDIT, "value": "1"}]), ("edits", [{**_EDIT, "kernel": ["a"]}]),
    ],
)  # fmt: skip
def test_a_net_that_is_not_as_in_a_project_is_refused(tmp_path: Path, key: str, value: Any) -> None:
    path = tmp_path / "odd.filterlab"
    run_job(write_job(Project(net={**_NET, key: value}), path))
    with pytest.raises(FilterLabError, match=f"“net.{key}” in it is not as in a project"):
        run_job(read_job(path))
    run_job(write_job(Project(net=_NET), path))
    assert run_job(read_job(path)).net == _NET


@pytest.mark.parametrize(("each", "good"), [(30_000, True), (40_000, False)])
def test_a_directory_of_more_than_64_kb_is_refused(
    tmp_path: Path, saved: Path, each: int, good: bool
) -> None:
    """Two entries with something of other programs' beside their names."""
    members: list[tuple[Any, bytes]] = []
    for name, data in members_of(saved).items():
        info = zipfile.ZipInfo(name)
        if name.endswith(".json"):
            info.extra = b"\x99\x99" + struct.pack("<H", each) + bytes(each)
        members.append((info, data))
    if good:
        (tmp_path / "good.filterlab").write_bytes(zipped(members))
        assert run_job(read_job(tmp_path / "good.filterlab")).task == TASK
    else:
        assert "no FilterLab project" in refused(tmp_path, zipped(members))


def test_a_directory_told_of_twice_is_refused(tmp_path: Path, saved: Path) -> None:
    """What zip64 says would count, and nothing of it was looked at; yet the sizes fit."""
    data = saved.read_bytes()
    _, _, count, _, size, start, _ = struct.unpack("<HHHHIIH", data[-18:])
    more = struct.pack(
        "<4sQHHIIQQQQ", b"PK\6\6", 44, 45, 45, 0, 0, count, count, size, start
    ) + struct.pack("<4sIQI", b"PK\6\7", 0, len(data) - 22, 1)
    end = struct.pack("<4sHHHHIIH", b"PK\5\6", 0, 0, count, count, size + len(more), start, 0)
    forged = data[:-22] + more + end
    assert len(zipfile.ZipFile(io.BytesIO(forged)).namelist()) == count
    assert "no FilterLab project" in refused(tmp_path, forged)
