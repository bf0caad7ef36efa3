"""One process at a time: a lock that the operating system lifts when its holder dies."""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import IO

__all__ = ["Held", "locked"]


class Held(Exception):  # noqa: N818 - a state, met in passing
    """Another process, or another job of this one, holds the lock."""


if sys.platform == "win32":
    import msvcrt

    def _take(stream: IO[bytes]) -> bool:
        try:
            msvcrt.locking(stream.fileno(), msvcrt.LK_NBLCK, 1)
        except OSError:
            return False
        return True

else:
    import fcntl

    def _take(stream: IO[bytes]) -> bool:
        try:
            fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        except OSError:
            return True  # a file system without locks, such as some network drives
        return True


@contextlib.contextmanager
def locked(path: Path) -> Iterator[None]:
    """Hold the lock file ``path`` while the block runs; it is gone afterwards.

    Raises
    ------
    Held
        If someone else holds it.
    OSError
        If it cannot be made.
    """
    while True:
        stream = open(path, "ab")  # noqa: SIM115
        if not _take(stream):
            stream.close()
            raise Held(path)
        # Its holder may have removed it between our opening and our locking.
        with contextlib.suppress(OSError):
            if os.path.samestat(os.fstat(stream.fileno()), path.stat()):
                break
        stream.close()
    try:
        yield
    finally:
        if sys.platform == "win32":  # an open file cannot be removed there
            stream.close()
        with contextlib.suppress(OSError):
            path.unlink()
        stream.close()
