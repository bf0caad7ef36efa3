"""Names of files that are written, and those that are spared."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from filterlab.errors import FilterLabError
from filterlab.surgery.targets import distinct_stems, net_files, spare_inputs


def test_the_two_files_of_a_net() -> None:
    assert net_files("out/net.v2") == (Path("out/net.v2.prototxt"), Path("out/net.v2.caffemodel"))


def test_names_of_pictures_that_are_told_apart() -> None:
    paths = [Path(p) for p in ("a/cat.jpg", "a/dog.jpg", "a/Cat.png", "a/dog.x.jpg")]
    assert distinct_stems(paths) == ["cat.jpg", "dog", "Cat.png", "dog.x"]
    assert distinct_stems([]) == []


def test_what_was_read_is_not_written(tmp_path: Path) -> None:
    read, other, link = tmp_path / "a.txt", tmp_path / "b.txt", tmp_path / "c.txt"
    read.write_text("a")
    other.write_text("b")
    os.link(read, link)
    spare_inputs([other, tmp_path / "new.txt", "bad\0name"], [read, tmp_path / "gone.txt"])
    spare_inputs([tmp_path / "new.txt"], [tmp_path / "new.txt"])
    with pytest.raises(FilterLabError) as error:
        spare_inputs([other, link, tmp_path / "." / "a.txt"], [read], "--out")
    assert str(error.value) == (
        f"--out: this would overwrite its own input, {link}, {tmp_path / 'a.txt'}; "
        "choose another name"
    )
    with pytest.raises(FilterLabError, match=r"^this would overwrite its own input"):
        spare_inputs([str(read)], [str(read)])
