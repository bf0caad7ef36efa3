"""Opening ordinary files only; writing so that a reader sees the old one or the new one.

Files that belong together (a prototxt and its caffemodel) are written in a block of
:func:`written_together`, and appear together.
"""

from __future__ import annotations

import contextlib
import errno
import io
import os
import re
import shutil
import stat
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any

__all__ = ["atomic_write", "older_of", "open_file", "set_aside", "sweep", "written_together"]

Name = str | os.PathLike[str]

#: A part's name ends with the process that writes it, so that what a killed one left is known.
_PART = re.compile(r"\..*\.(\d+)-[^./]+\.part", re.DOTALL)

#: A dead process's part is swept once it has not been written to for so many seconds: on a disk
#: that two computers share, the process may live on the other.
_QUIET_S = 60.0


def open_file(path: str | os.PathLike[str]) -> io.BufferedReader:
    """Open an ordinary file to read its bytes; raise at once for what may never answer.

    A pipe waits for whoever writes to it, already when it is opened, and a device may have no
    end.

    Raises
    ------
    OSError
        If it is no ordinary file, or cannot be opened; it names ``path``.
    """
    mode = os.stat(path).st_mode
    if not stat.S_ISREG(mode) and not stat.S_ISDIR(mode):  # open() says what is wrong with folders
        raise OSError(
            errno.EINVAL, "a pipe or a device; save what comes from it as a file", os.fspath(path)
        )
    return open(path, "rb")


class _Together(threading.local):
    """The parts of the group that this thread is writing: name and target; None without one."""

    parts: list[tuple[str, Path]] | None = None


_together = _Together()


@contextlib.contextmanager
def atomic_write(
    path: str | os.PathLike[str], mode: str = "wb", *, sync: bool = False, **kwargs: Any
) -> Iterator[IO[Any]]:
    r"""Open a temporary file beside ``path`` and rename it to ``path`` when the block ends well.

    If the block raises, the temporary file is removed and ``path`` stays as it was. Text modes
    default to UTF-8 with ``\n`` line ends. What is no file (``/dev/null``, a pipe) is written to
    as it is. Within :func:`written_together` the file is renamed at the end of that.

    Parameters
    ----------
    path : path
        The file to write. Its folder must exist.
    mode : str
        ``"wb"`` or ``"w"``.
    sync : bool
        Whether the disk must have it before it is renamed.

    Raises
    ------
    OSError
        If the folder is missing or not writable, or the disk is full; it names ``path``.
    """
    target = Path(path)
    if "b" not in mode:
        kwargs.setdefault("encoding", "utf-8")
        kwargs.setdefault("newline", "\n")
    if target.exists() and not target.is_file() and not target.is_dir():
        with open(target, mode, **kwargs) as stream:
            yield stream
        return
    parts = _together.parts
    name = None
    try:
        # The name is cut, so that a long one still has room for what is added.
        handle, name = tempfile.mkstemp(
            prefix=f".{target.name[:40]}.{os.getpid()}-", suffix=".part", dir=target.parent
        )
        with os.fdopen(handle, mode, **kwargs) as stream:
            # mkstemp makes the file private; an ordinary new file follows the umask.
            if os.name == "posix":
                umask = os.umask(0)
                os.umask(umask)
                os.fchmod(handle, 0o666 & ~umask)
            yield stream
            if sync or parts is not None:
                stream.flush()
                os.fsync(handle)
        if parts is None:
            os.replace(name, target)
        elif target.is_dir():
            raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), str(target))
        else:
            parts.append((name, target))
    except BaseException as error:
        if name is not None:
            with contextlib.suppress(OSError):
                os.unlink(name)
        # An error that names the temporary file, or none, is to name the one that was wanted.
        if not isinstance(error, OSError) or not error.errno:
            raise
        if name is not None and error.filename not in (None, name):
            raise
        raise OSError(error.errno, error.strerror, str(target)) from error


@contextlib.contextmanager
def written_together() -> Iterator[None]:
    """Every file that :func:`atomic_write` writes in the block appears at its end, or none does.

    All are written and on the disk before the first is renamed, so that a full disk or a process
    that is killed meanwhile leaves what was there. If a rename is refused, those before it are
    taken back. Of one thread; a block in a block is part of the outer one.

    Raises
    ------
    OSError
        If a file cannot be put in its place; it names the file.
    """
    if _together.parts is not None:
        yield
        return
    parts: list[tuple[str, Path]] = []
    _together.parts = parts
    try:
        yield
        _together.parts = None
        _rename_all(parts)
    finally:
        _together.parts = None
        for name, _ in parts:
            with contextlib.suppress(OSError):
                os.unlink(name)
        for folder in {target.parent for _, target in parts}:
            _sync_folder(folder)
            sweep(folder)


def _rename_all(parts: list[tuple[str, Path]]) -> None:
    # A second name for each old file, by which it can be brought back.
    old = {target: _second_name(target, part) for part, target in parts[:-1]}
    done: list[Path] = []
    try:
        for part, target in parts:
            try:
                os.replace(part, target)
            except OSError as error:
                raise OSError(error.errno, error.strerror, str(target)) from error
            done.append(target)
    except OSError:
        for target in done:
            second = old[target]
            with contextlib.suppress(OSError):
                os.unlink(target) if second is None else os.replace(second, target)
        raise
    finally:
        for second in old.values():
            if second is not None:
                with contextlib.suppress(OSError):
                    os.unlink(second)


def _second_name(target: Path, part: str) -> str | None:
    second = f"{part.removesuffix('.part')}old.part"
    try:
        os.link(target, second)
    except OSError:  # there is no old one, or the file system has no second names
        return None
    return second


def _sync_folder(folder: Path) -> None:
    """Let the disk have the new names, where a folder can be asked for that."""
    if os.name != "posix":
        return
    with contextlib.suppress(OSError):
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)


def sweep(folder: Name) -> None:
    """Remove the parts, files and folders, that processes left which were killed meanwhile.

    What cannot be removed stays.
    """
    try:
        names = [entry.name for entry in os.scandir(folder) if entry.name.endswith(".part")]
    except OSError:
        return
    for name in names:
        match = _PART.fullmatch(name)
        if match is None or _lives(int(match[1])):
            continue
        path = os.path.join(folder, name)
        with contextlib.suppress(OSError):
            if time.time() - os.lstat(path).st_mtime <= _QUIET_S:
                continue
            if os.path.isdir(path) and not os.path.islink(path):
                shutil.rmtree(path, ignore_errors=True)
            else:
                os.unlink(path)


def _lives(process: int) -> bool:
    if sys.platform == "win32":
        return False  # a part that is open there cannot be removed anyway
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except (OSError, OverflowError):
        return True
    return True


def set_aside(path: Name) -> Path | None:
    """Keep a damaged file beside as ``NAME.damaged``; None if that cannot be done."""
    aside = Path(f"{os.fspath(path)}.damaged")
    try:
        os.replace(path, aside)
    except OSError:
        return None
    return aside


def older_of(one: Name, other: Name) -> Path | None:
    """That of two files which was written before the other; None if neither or not known."""
    try:
        difference = os.stat(one).st_mtime_ns - os.stat(other).st_mtime_ns
    except (OSError, ValueError):
        return None
    return None if difference == 0 else Path(one if difference < 0 else other)
