"""What each window would be found again with: a folder of its own for every window.

``sessions/NAME/session.json`` is the tabs' state, ``picture-N.png`` (or ``.npy``) beside it the
pictures that are in no file of the user's, and ``lock`` says that a window has it open; the
system lifts that when the process dies, however it dies. A window that starts takes the newest
session that nobody has open; the others stay to be chosen.
"""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import threading
import time
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from filterlab.caffe.files import set_aside, sweep
from filterlab.gui.plain_json import read_plain, write_plain
from filterlab.pictures import write_picture
from filterlab.zoo.locks import Held, locked

__all__ = ["MOST_SESSIONS", "Kept", "Left", "Session", "Sessions"]

#: So many sessions that nobody has open are kept, and so many bytes of them; the oldest go first.
MOST_SESSIONS = 8
MOST_BYTES = 1 << 30

_FILE = "session.json"
_COPY = re.compile(r"picture-(\d{1,9})(-grey)?\.(png|npy)")

#: A picture to keep: float32 (H, W) or (H, W, 3), or the copy that is kept already.
Kept = NDArray[np.float32] | Path


class Left(NamedTuple):
    """A session that nobody has open.

    Attributes
    ----------
    folder : Path
    when : datetime
        When it was saved last.
    ended : bool
        Whether its window was closed; else it was killed.
    """

    folder: Path
    when: datetime
    ended: bool


class Session:
    """One window's folder, held until :meth:`close`. Saving may be done on any thread.

    Attributes
    ----------
    left_out : list of str
        What of the file could not be used, once it is loaded.
    aside : Path or None
        Where the damaged file was put.
    ended : bool
        Whether the window that had it was closed in order, once it is loaded.
    when : datetime or None
        When it was saved last.
    """

    def __init__(self, folder: Path, held: contextlib.ExitStack) -> None:
        self.folder = folder
        self._held = held
        self._lock = threading.Lock()
        self._copies: dict[str, tuple[Kept, str]] = {}
        self.left_out: list[str] = []
        self.aside: Path | None = None
        self.ended = True
        self.when: datetime | None = None

    @property
    def path(self) -> Path:
        """Its file."""
        return self.folder / _FILE

    def load(self) -> dict[str, Any]:
        """The state as it was left; empty if there is none.

        The copies of pictures are in each tab's state as ``pictures``: name to path.
        """
        state, self.left_out = read_plain(self.path)
        if os.path.exists(self.path):
            self.when = _when(self.path)
            self.ended = state.get("ended") is not False
        if self.left_out:
            self.set_aside()
        tabs = state.get("tabs")
        copies = state.get("pictures")
        if not isinstance(tabs, dict):
            return state
        for kept in tabs.values():
            if isinstance(kept, dict):
                kept["pictures"] = {}
        for name, file in copies.items() if isinstance(copies, dict) else ():
            tab, _, key = name.partition("/")
            place = self._copy_of(file)
            if place is not None and isinstance(tabs.get(tab), dict):
                tabs[tab]["pictures"][key] = str(place)
        return state

    def _copy_of(self, file: Any) -> Path | None:
        """A copy of this session's own, never a file elsewhere."""
        if not isinstance(file, str) or not _COPY.fullmatch(file):
            return None
        place = self.folder / file
        return place if os.path.isfile(place) and not os.path.islink(place) else None

    def set_aside(self) -> None:
        """Keep the file that was loaded as ``session.json.damaged``."""
        self.aside = self.aside or set_aside(self.path)

    def save(
        self, state: Mapping[str, Any], pictures: Mapping[str, Kept], ended: bool = False
    ) -> None:
        """Replace what is kept, all of it or nothing.

        Parameters
        ----------
        state : mapping
            Plain values, as :meth:`load` gives them.
        pictures : mapping of str to Kept
            By ``TAB/NAME``. One that is the same object as last time is not written again.
        ended : bool
            Whether the window is being closed.

        Raises
        ------
        OSError, FilterLabError
            If it cannot be written; what was kept before stays.
        """
        with self._lock:
            self.folder.mkdir(parents=True, exist_ok=True)
            copies: dict[str, tuple[Kept, str]] = {}
            made: list[str] = []
            try:
                for name, picture in pictures.items():
                    known = self._copies.get(name)
                    if isinstance(picture, Path):
                        copies[name] = picture, picture.name
                    elif known is not None and known[0] is picture:
                        copies[name] = known
                    else:
                        copies[name] = picture, self._write_copy(picture)
                        made.append(copies[name][1])
                kept = {
                    **state,
                    "pictures": {name: file for name, (_, file) in copies.items()},
                    "saved": datetime.now().isoformat(timespec="seconds"),
                    "ended": ended,
                }
                write_plain(self.path, kept, sync=True)
            except BaseException:
                for file in made:
                    with contextlib.suppress(OSError):
                        (self.folder / file).unlink()
                raise
            self._copies = copies
            self._clean({file for _, file in copies.values()})

    def _write_copy(self, picture: NDArray[np.float32]) -> str:
        taken = [_COPY.fullmatch(file.name) for file in self.folder.iterdir()]
        number = max((int(match[1]) for match in taken if match), default=0) + 1
        stem = f"picture-{number}" + ("-grey" if picture.ndim == 2 else "")
        # A PNG where it is exact: as small as the picture's own file, or a twelfth of its numbers.
        with np.errstate(invalid="ignore"):
            levels = np.rint(np.clip(picture, 0, 1) * np.float32(255)).astype(np.uint8)
        exact = bool((levels / np.float32(255) == picture).all())
        name = f"{stem}.png" if exact else f"{stem}.npy"
        write_picture(self.folder / name, picture)
        return name

    def _clean(self, kept: set[str]) -> None:
        for file in self.folder.iterdir():
            if _COPY.fullmatch(file.name) and file.name not in kept:
                with contextlib.suppress(OSError):
                    file.unlink()

    def close(self) -> None:
        """Let go of it, for another window to take."""
        self._held.close()


class Sessions:
    """All sessions of a user."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder / "sessions"
        #: Where the one session was kept before there were several.
        self._old = folder / _FILE

    def claim(self) -> Session:
        """The newest session that nobody has open, else a new one.

        What killed windows left half-written is swept first.
        """
        for folder in (self.folder.parent, *self._folders()):
            sweep(folder)
        for left in self.left():
            session = self.take(left)
            if session is not None:
                return session
        return self._new()

    def _new(self) -> Session:
        first = not any(True for _ in self._folders())
        while True:
            folder = self.folder / f"{time.strftime('%Y%m%d-%H%M%S')}-{os.urandom(3).hex()}"
            try:
                folder.mkdir(parents=True)
                break
            except FileExistsError:
                if not os.path.isdir(self.folder):
                    return Session(folder, contextlib.ExitStack())
            except OSError:  # said when it is to be saved
                return Session(folder, contextlib.ExitStack())
        if first:
            with contextlib.suppress(OSError):
                os.replace(self._old, folder / _FILE)
        return self._hold(folder) or Session(folder, contextlib.ExitStack())

    def take(self, left: Left) -> Session | None:
        """Open a session that was left; None if another window has been faster."""
        return self._hold(left.folder)

    def _hold(self, folder: Path) -> Session | None:
        held = contextlib.ExitStack()
        try:
            held.enter_context(locked(folder / "lock"))
        except (Held, OSError):
            return None
        return Session(folder, held)

    def left(self) -> list[Left]:
        """Every session that nobody has open, the newest first; and clean up the oldest."""
        found: list[Left] = []
        spent = 0
        for folder in self._folders():
            session = self._hold(folder)
            if session is None:
                continue
            try:
                if not os.path.lexists(session.path):
                    # Of a window that was killed before it had anything to save.
                    _remove(folder)
                    continue
                spent += sum(f.stat().st_size for f in folder.iterdir() if os.path.isfile(f))
                if len(found) >= MOST_SESSIONS or (found and spent > MOST_BYTES):
                    _remove(folder)
                    continue
                ended = read_plain(session.path)[0].get("ended") is not False
                found.append(Left(folder, _when(session.path), ended))
            except OSError:
                continue
            finally:
                session.close()
                with contextlib.suppress(OSError):
                    folder.rmdir()  # if it is empty now
        return found

    def _folders(self) -> list[Path]:
        """The sessions' folders, the one saved last first."""
        try:
            entries = [Path(e) for e in os.scandir(self.folder) if e.is_dir(follow_symlinks=False)]
        except OSError:
            return []
        return sorted(entries, key=_saved_at, reverse=True)


def _saved_at(folder: Path) -> tuple[float, str]:
    try:
        return os.lstat(folder / _FILE).st_mtime, folder.name
    except OSError:
        return 0.0, folder.name


def _when(path: Path) -> datetime:
    return datetime.fromtimestamp(os.lstat(path).st_mtime)


def _remove(folder: Path) -> None:
    shutil.rmtree(folder, ignore_errors=True)
