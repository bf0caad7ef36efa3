"""Many pictures one after another: samples, folders, movies."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest

from filterlab.errors import FilterLabError
from filterlab.pictures import COMPOSED, read_picture, sample, sample_names, write_picture
from filterlab.pictures.shelf import FolderShelf, MovieShelf, SampleShelf, shelf_of


def test_samples_each_once() -> None:
    shelf = SampleShelf()
    found = dict(shelf.pictures())
    assert set(found) == set(sample_names()) - {COMPOSED}
    assert len(shelf) == len(found)
    np.testing.assert_array_equal(found["coins"], sample("coins"))
    np.testing.assert_array_equal(shelf.picture("chelsea"), sample("chelsea"))


def _grey(value: float) -> np.ndarray:
    return np.full((6, 8, 3), value, np.float32)


def test_a_folder(tmp_path: Path) -> None:
    for k in range(10):
        write_picture(tmp_path / f"{k:02}.png", _grey(k / 10))
    (tmp_path / "03.png").write_bytes(b"no picture")
    (tmp_path / "notes.txt").write_text("no picture")
    (tmp_path / "folder.png").mkdir()
    shelf = shelf_of(tmp_path)
    assert isinstance(shelf, FolderShelf)
    assert len(shelf) == 10
    found = dict(shelf.pictures())
    assert list(found) == [f"{k:02}.png" for k in range(10)]
    assert found["03.png"] is None
    for key, picture in found.items():
        if picture is not None:
            np.testing.assert_array_equal(picture, read_picture(tmp_path / key))
    np.testing.assert_array_equal(shelf.picture("07.png"), read_picture(tmp_path / "07.png"))
    # Of many some, evenly, the first and the last among them.
    few = FolderShelf(tmp_path, most=4)
    assert [key for key, _ in few.pictures()] == ["00.png", "03.png", "06.png", "09.png"]
    assert [key for key, _ in FolderShelf(tmp_path, most=1).pictures()] == ["00.png"]
    with pytest.raises(FilterLabError):
        shelf.picture("99.png")


def test_a_stamp_changes_with_the_pictures(tmp_path: Path) -> None:
    write_picture(tmp_path / "a.png", _grey(0.5))
    shelf = FolderShelf(tmp_path)
    first = shelf.stamp()
    assert FolderShelf(tmp_path).stamp() == first
    os.utime(tmp_path / "a.png", ns=(1, 1))
    second = shelf.stamp()
    assert second != first
    write_picture(tmp_path / "b.png", _grey(0.5))
    assert FolderShelf(tmp_path).stamp() not in (first, second)
    (tmp_path / "a.png").unlink()
    assert shelf.stamp() not in (first, second)


def test_an_empty_folder_and_none(tmp_path: Path) -> None:
    with pytest.raises(FilterLabError, match="no pictures"):
        shelf_of(tmp_path)
    with pytest.raises(FilterLabError, match="no such f"):
        shelf_of(tmp_path / "missing")


def test_frames_of_a_movie(tmp_path: Path) -> None:
    import cv2

    path = tmp_path / "film.avi"
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter_fourcc(*"MJPG"), 25, (64, 48))
    for k in range(21):
        writer.write(np.full((48, 64, 3), 10 * k, np.uint8))
    writer.release()
    shelf = MovieShelf(path, most=5)
    found = dict(shelf.pictures())
    assert list(found) == ["0", "5", "10", "15", "20"]
    assert len(shelf) == 5
    for key, picture in found.items():
        assert picture is not None
        assert picture.shape == (48, 64, 3)
        assert float(picture.mean()) == pytest.approx(10 * int(key) / 255, abs=0.02)
    np.testing.assert_array_equal(shelf.picture("15"), found["15"])
    assert len(MovieShelf(path)) == 21
    assert shelf.stamp() != MovieShelf(path).stamp()
    with pytest.raises(FilterLabError, match="'7'"):
        shelf.picture("7")
    broken = tmp_path / "broken.avi"
    broken.write_bytes(b"no film")
    with pytest.raises(FilterLabError, match="no video"):
        shelf_of(broken)


def _film(path: Path, frames: int) -> Path:
    import cv2

    writer = cv2.VideoWriter(str(path), cv2.VideoWriter_fourcc(*"MJPG"), 25, (64, 48))
    for k in range(frames):
        writer.write(np.full((48, 64, 3), 255 if k == 0 else 10 * (k % 20), np.uint8))
    writer.release()
    return path


def test_a_movie_of_one_frame(tmp_path: Path) -> None:
    found = list(MovieShelf(_film(tmp_path / "one.avi", 1)).pictures())
    assert [key for key, _ in found] == ["0"]
    assert found[0][1] is not None
    assert float(found[0][1].max()) == 1.0


def test_of_a_movie_of_unknown_length_every_tenth_frame(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As of a stream: the file's head does not say how many frames there are."""
    from filterlab.pictures import shelf as module

    path = _film(tmp_path / "film.avi", 26)
    real = module.open_capture

    class Headless:
        def __init__(self, source: Path) -> None:
            self.capture = real(source)

        def get(self, what: int) -> float:
            return 0.0 if what == 7 else float(self.capture.get(what))

        def __getattr__(self, name: str) -> object:
            return getattr(self.capture, name)

    monkeypatch.setattr(module, "open_capture", Headless)
    made = MovieShelf(path, most=4)
    assert len(made) == 4
    # The film is over before the last.
    found = dict(made.pictures())
    assert list(found) == ["0", "10", "20"]
    assert float(np.mean(found["10"])) == pytest.approx(100 / 255, abs=0.02)
    assert len(MovieShelf(path)) == 100


def test_as_many_as_there_may_be_are_all_taken(tmp_path: Path) -> None:
    for k in range(3):
        write_picture(tmp_path / f"{k}.png", _grey(k / 10))
    assert [key for key, _ in FolderShelf(tmp_path, most=3).pictures()] == [
        "0.png", "1.png", "2.png",
    ]  # fmt: skip
