"""Many pictures one after another: the samples, a folder, frames of a movie."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from filterlab.caffe.text import Text, reason_of
from filterlab.errors import FilterLabError
from filterlab.pictures.camera import open_capture
from filterlab.pictures.files import PICTURE_SUFFIXES, read_picture
from filterlab.pictures.samples import COMPOSED, sample, sample_names

__all__ = ["FolderShelf", "MovieShelf", "SampleShelf", "Shelf", "pictures_in", "shelf_of"]

Picture = NDArray[np.float32]
T = TypeVar("T")


class Shelf:
    """Pictures by key, in an order that does not change.

    Attributes
    ----------
    title : str
        What they are, for people.
    """

    title: str = ""

    def __len__(self) -> int:
        """How many there are."""
        raise NotImplementedError

    def stamp(self) -> str:
        """Changes when the pictures do."""
        raise NotImplementedError

    def pictures(self) -> Iterator[tuple[str, Picture | None]]:
        """Each key with its picture, float32, 0 to 1; None for one that cannot be read."""
        raise NotImplementedError

    def picture(self, key: str) -> Picture:
        """The picture of a key.

        Raises
        ------
        FilterLabError
            If there is none, or it cannot be read.
        """
        for name, found in self.pictures():
            if name == key and found is not None:
                return found
        raise FilterLabError("there is no picture {key!r} any more; choose another", key=key)


class SampleShelf(Shelf):
    """The sample photographs, each once: without the one that is composed of others."""

    def __init__(self) -> None:
        self.title = Text("samples")
        self._names = [name for name in sample_names() if name != COMPOSED]

    def __len__(self) -> int:
        return len(self._names)

    def stamp(self) -> str:
        return f"samples {self._names}"

    def pictures(self) -> Iterator[tuple[str, Picture | None]]:
        for name in self._names:
            yield name, sample(name)

    def picture(self, key: str) -> Picture:
        return sample(key)


class FolderShelf(Shelf):
    """The picture files of a folder by name; of many, evenly taken ones.

    Parameters
    ----------
    folder : path
    most : int
        So many at most.

    Raises
    ------
    FilterLabError
        As :func:`pictures_in`.
    """

    def __init__(self, folder: str | os.PathLike[str], most: int = 500) -> None:
        self.folder = Path(folder)
        self.title = self.folder.name
        self._files = _evenly(pictures_in(folder), most)

    def __len__(self) -> int:
        return len(self._files)

    def stamp(self) -> str:
        told = []
        for file in self._files:
            try:
                about = file.stat()
            except OSError:
                told.append(f"{file} gone")
            else:
                told.append(f"{file} {about.st_size} {about.st_mtime_ns}")
        return "\n".join(told)

    def pictures(self) -> Iterator[tuple[str, Picture | None]]:
        for file in self._files:
            try:
                yield file.name, read_picture(file)
            except (FilterLabError, OSError):
                yield file.name, None

    def picture(self, key: str) -> Picture:
        return read_picture(self.folder / key)


class MovieShelf(Shelf):
    """Frames of a movie, evenly taken; a key is the frame's number.

    Parameters
    ----------
    path : path
    most : int
        So many frames at most.

    Raises
    ------
    FilterLabError
        If it is no movie that can be read.
    """

    def __init__(self, path: str | os.PathLike[str], most: int = 100) -> None:
        self.path = Path(path)
        self.title = self.path.name
        capture = open_capture(self.path)
        try:
            count = capture.get(7)  # CAP_PROP_FRAME_COUNT
        finally:
            capture.release()
        # Where the length is not known, every tenth frame.
        known = range(int(count)) if count >= 1 else range(0, 10 * most, 10)
        self._frames = _evenly(list(known), most)

    def __len__(self) -> int:
        return len(self._frames)

    def stamp(self) -> str:
        about = self.path.stat()
        return f"{self.path} {about.st_size} {about.st_mtime_ns} {self._frames}"

    def pictures(self) -> Iterator[tuple[str, Picture | None]]:
        capture = open_capture(self.path)
        try:
            at = 0
            for wanted in self._frames:
                while at < wanted and capture.grab():
                    at += 1
                ok, bgr = capture.read() if at == wanted else (False, None)
                if not ok or bgr is None:
                    return
                at += 1
                yield str(wanted), bgr[:, :, ::-1].astype(np.float32) / np.float32(255)
        finally:
            capture.release()


def shelf_of(path: str | os.PathLike[str]) -> Shelf:
    """The pictures of a folder, or the frames of a movie."""
    return FolderShelf(path) if os.path.isdir(path) else MovieShelf(path)


def pictures_in(folder: str | os.PathLike[str]) -> list[Path]:
    """The picture files of a folder by name, those of folders in it not included.

    Raises
    ------
    FilterLabError
        If it is no folder, cannot be read, or has no pictures.
    """
    folder = Path(folder)
    if not os.path.isdir(folder):
        raise FilterLabError("{folder}: there is no such folder", folder=folder)
    try:
        found = [p for p in folder.iterdir() if p.suffix.lower() in PICTURE_SUFFIXES]
    except OSError as error:
        raise FilterLabError(
            "{folder}: cannot look into it ({reason})", folder=folder, reason=reason_of(error)
        ) from error
    found = [path for path in found if path.suffix.lower() != ".npy" and os.path.isfile(path)]
    if not found:
        raise FilterLabError("{folder}: there are no pictures in this folder", folder=folder)
    return sorted(found, key=lambda path: path.name.casefold())


def _evenly(things: list[T], most: int) -> list[T]:
    """At most so many, the first and the last among them."""
    if len(things) <= most:
        return things
    return [things[round(k * (len(things) - 1) / max(most - 1, 1))] for k in range(most)]
