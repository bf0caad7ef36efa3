"""The user's kernels on disk."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from filterlab import paths
from filterlab.errors import FilterLabError
from filterlab.surgery.kernels.library import KernelLibrary
from filterlab.surgery.kernels.presets import PRESETS
from filterlab.surgery.kernels.text import write_kernel

RNG = np.random.default_rng(0)


def test_saved_kernels_come_back() -> None:
    library = KernelLibrary()
    assert library.path == paths.data_dir() / "kernels.json"
    assert library.all() == []
    kernel = RNG.normal(size=(3, 7)).astype(np.float32)
    colour = RNG.normal(size=(3, 5, 5)).astype(np.float32)
    library.save("我的 卷积核", kernel, "edges", bias=0.5)
    library.save("colour", colour)
    assert library.get("colour").bias == 0
    again = KernelLibrary()
    first, second = again.all()
    assert (first.name, first.category, first.bias) == ("我的 卷积核", "edges", 0.5)
    np.testing.assert_array_equal(first.values, kernel[None])
    np.testing.assert_array_equal(second.values, colour)
    assert again.categories() == ["", "edges"]
    assert [p.name for p in library.path.parent.iterdir()] == ["kernels.json"]


def test_names() -> None:
    library = KernelLibrary()
    kernel = PRESETS["box"].make(3)
    library.save("  a   b ", kernel)
    with pytest.raises(FilterLabError, match="'a b'"):
        library.save("a b", kernel)
    library.save("a b", kernel * 2, "new", replace=True)
    assert library.get("a b").values.sum() == pytest.approx(2)
    library.save("c", kernel)
    assert library.rename("a b", "d", "blur").category == "blur"
    assert [k.name for k in library.all()] == ["d", "c"]
    with pytest.raises(FilterLabError, match="'c'"):
        library.rename("d", "c")
    deleted = library.delete("d")
    assert [k.name for k in library.all()] == ["c"]
    library.save(deleted.name, deleted.values, deleted.category)
    for bad in (lambda: library.save(" ", kernel), lambda: library.get("x")):
        with pytest.raises(FilterLabError):
            bad()
    with pytest.raises(FilterLabError, match="odd"):
        library.save("even", np.ones((2, 2)))
    assert [k.name for k in library.all()] == ["c", "d"]


def test_two_windows_do_not_lose_each_others_kernels() -> None:
    one, other = KernelLibrary(), KernelLibrary()
    one.save("one", PRESETS["box"].make(3))
    other.save("other", PRESETS["box"].make(3))
    one.save("third", PRESETS["box"].make(3))
    assert [k.name for k in other.all()] == ["one", "other", "third"]


def test_export_and_import(tmp_path: Path) -> None:
    library = KernelLibrary()
    for key in ("sobel-h", "gaussian", "box"):
        library.save(key, PRESETS[key].make(5), "mine")
    out = tmp_path / "out.json"
    assert len(library.export(out, ["sobel-h", "box"])) == 2
    fresh = KernelLibrary(tmp_path / "fresh" / "kernels.json")
    assert [k.name for k in fresh.import_file(out)] == ["sobel-h", "box"]
    assert [k.name for k in fresh.import_file(out)] == ["sobel-h (2)", "box (2)"]
    np.testing.assert_array_equal(fresh.get("box (2)").values[0], PRESETS["box"].make(5))
    write_kernel(tmp_path / "plain.csv", PRESETS["scharr-v"].make(3))
    assert fresh.import_file(tmp_path / "plain.csv", "files")[0].name == "plain"
    before = fresh.path.read_bytes()
    (tmp_path / "bad.json").write_text('{"format": "filterlab-kernels", "version": 1', "utf-8")
    for name in ("bad.json", "missing.json"):
        with pytest.raises(FilterLabError, match=name):
            fresh.import_file(tmp_path / name)
    assert fresh.path.read_bytes() == before


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\xff\xfe\x00garbage",
        b"[1, 2]",
        b'{"format": "filterlab-kernels", "version": 99, "kernels": []}',
        b'{"format": "filterlab-kernels", "version": 1, "kernels": [{"name": "x"}]}',
        b'{"format": "filterlab-kernels", "version": 1, "kernels": [{"name": 3, "values": [[1]]}]}',
        b'{"format": "filterlab-kernels", "version": 1, "kernels": [[1]]}',
        b'{"format": "filterlab-kernels", "version": 1, "kernels": [{"name": "x", "values": 1}]}',
    ],
)
def test_a_broken_file_is_set_aside(content: bytes) -> None:
    library = KernelLibrary()
    library.path.parent.mkdir(parents=True, exist_ok=True)
    for number in (1, 2):
        library.path.write_bytes(content)
        assert library.all() == []
        assert f"kernels.broken-{number}.json" in library.notice
        aside = library.path.with_name(f"kernels.broken-{number}.json")
        assert aside.read_bytes() == content
        library.save("new", PRESETS["box"].make(3))
        assert json.loads(library.path.read_text("utf-8"))["kernels"][0]["name"] == "new"
