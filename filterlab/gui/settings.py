"""What the window remembers of its user's choices, in the user's own folder and nowhere else."""

from __future__ import annotations

import base64
import binascii
import contextlib
import threading
from pathlib import Path
from typing import Any

from filterlab import paths
from filterlab.caffe.files import set_aside
from filterlab.gui.plain_json import read_plain, write_plain

__all__ = ["MAX_RECENT", "Settings"]

MAX_RECENT = 10


class Settings:
    """Texts, bytes and the recent files, in ``settings.json`` in data_dir().

    Only what was changed here is written over what the file holds by then, so that two windows
    do not take back each other's choices.

    Attributes
    ----------
    left_out : list of str
        What of the file could not be used; see :func:`filterlab.gui.plain_json.read_plain`.
    aside : Path or None
        Where the damaged file was put.
    """

    def __init__(self, folder: Path | None = None) -> None:
        self.folder = folder or paths.data_dir()
        self.path = self.folder / "settings.json"
        self._lock = threading.Lock()
        self._changed: dict[str, Any] = {}
        self._values, self.left_out = self._read()
        self.aside = set_aside(self.path) if self.left_out else None
        if self.left_out:
            self._changed.update(self._values)
            with contextlib.suppress(OSError):
                self.sync()

    def _read(self) -> tuple[dict[str, Any], list[str]]:
        found, left_out = read_plain(self.path)
        kept = {}
        for key, value in found.items():
            if _good(key, value):
                kept[key] = value
            else:
                left_out.append(key[:40])
        return kept, left_out

    def text(self, key: str, default: str = "") -> str:
        """A stored text."""
        value = self._values.get(key, default)
        return value if isinstance(value, str) else default

    def set_text(self, key: str, value: str) -> None:
        """Store a text."""
        self._set(key, value)

    def data(self, key: str) -> bytes | None:
        """Stored bytes (a window's geometry), or None."""
        return _bytes_of(self._values.get(key))

    def set_data(self, key: str, value: Any) -> None:
        """Store bytes."""
        self._set(key, base64.b64encode(bytes(value)).decode("ascii"))

    @property
    def recent(self) -> list[str]:
        """Paths opened lately, newest first."""
        return list(self._values.get("recent", ()))[:MAX_RECENT]

    def add_recent(self, path: str) -> None:
        """Put a path at the head of the recent ones."""
        newest, _ = self._read()  # another window may have opened one
        known = newest.get("recent", self.recent) if "recent" not in self._changed else self.recent
        self._set("recent", [path, *(p for p in known if p != path)][:MAX_RECENT])

    def clear_recent(self) -> None:
        """Forget the recent paths."""
        self._set("recent", [])

    def _set(self, key: str, value: Any) -> None:
        with self._lock:
            self._values[key] = self._changed[key] = value

    @property
    def changed(self) -> bool:
        """Whether there is something to write."""
        return bool(self._changed)

    def sync(self) -> None:
        """Write what is pending.

        Raises
        ------
        OSError
            If it cannot be written; it stays pending.
        """
        with self._lock:
            pending = dict(self._changed)
        if not pending:
            return
        found, _ = self._read()
        write_plain(self.path, found | pending)
        with self._lock:
            for key, value in pending.items():
                if self._changed.get(key) is value:
                    del self._changed[key]


def _good(key: str, value: Any) -> bool:
    """Whether a value can be what is kept under a key."""
    if key == "recent":
        return isinstance(value, list) and all(isinstance(path, str) for path in value)
    return isinstance(value, str) and (key != "geometry" or _bytes_of(value) is not None)


def _bytes_of(text: Any) -> bytes | None:
    if not isinstance(text, str):
        return None
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        return None
