"""Opening ordinary files only; writing so that a reader sees the old one or the new one."""

from __future__ import annotations

import contextlib
import errno
import io
import os
import re
import shutil
import stat
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any

__all__ = ["atomic_write", "open_file", "sweep"]

_DEAD = 3600.0  # seconds without a change after which nobody writes a temporary file any more


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


def sweep(folder: str | os.PathLike[str]) -> None:
    """Remove the temporary files of :func:`atomic_write` that dead processes left in a folder.

    Those are removed, files and folders, that have not changed for an hour; what cannot be removed
    stays.
    """
    with contextlib.suppress(OSError), os.scandir(folder) as entries:
        for entry in entries:
            with contextlib.suppress(OSError):
                if not re.fullmatch(r"\..+\.\w{8}\.part", entry.name):
                    continue
                if time.time() - entry.stat(follow_symlinks=False).st_mtime < _DEAD:
                    continue
                if entry.is_dir(follow_symlinks=False):
                    shutil.rmtree(entry.path, ignore_errors=True)
                else:
                    os.unlink(entry.path)


@contextlib.contextmanager
def atomic_write(
    path: str | os.PathLike[str], mode: str = "wb", **kwargs: Any
) -> Iterator[IO[Any]]:
    """Open a temporary file beside ``path`` and rename it to ``path`` when the block ends well.

    If the block raises, the temporary file is removed and ``path`` stays as it was. Text modes
    default to UTF-8 with ``\\n`` line ends. What is no file (``/dev/null``, a pipe) is written to
    as it is.

    Parameters
    ----------
    path : path
        The file to write. Its folder must exist.
    mode : str
        ``"wb"`` or ``"w"``.

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
    name = None
    try:
        # The name is cut, so that a long one still has room for what is added.
        handle, name = tempfile.mkstemp(
            prefix=f".{target.name[:40]}.", suffix=".part", dir=target.parent
        )
        with os.fdopen(handle, mode, **kwargs) as stream:
            # mkstemp makes the file private; an ordinary new file follows the umask.
            if os.name == "posix":
                umask = os.umask(0)
                os.umask(umask)
                os.fchmod(handle, 0o666 & ~umask)
            yield stream
        os.replace(name, target)
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
