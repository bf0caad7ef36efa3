"""What the window remembers, in the user's own folder and nowhere else."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from qtpy.QtCore import QSettings

from filterlab import paths
from filterlab.caffe.files import atomic_write

__all__ = ["MAX_RECENT", "Settings"]

MAX_RECENT = 10


class Settings:
    """Settings in ``settings.ini`` and the last session in ``session.json``, both in data_dir()."""

    def __init__(self, folder: Path | None = None) -> None:
        self.folder = folder or paths.data_dir()
        self._ini = QSettings(str(self.folder / "settings.ini"), QSettings.IniFormat)

    def text(self, key: str, default: str = "") -> str:
        """A stored text."""
        value = self._ini.value(key, default)
        return value if isinstance(value, str) else default

    def set_text(self, key: str, value: str) -> None:
        """Store a text."""
        self._ini.setValue(key, value)

    def bytes(self, key: str) -> Any:
        """A stored QByteArray, or None."""
        return self._ini.value(key)

    def set_bytes(self, key: str, value: Any) -> None:
        """Store a QByteArray (a window's geometry)."""
        self._ini.setValue(key, value)

    @property
    def recent(self) -> list[str]:
        """Paths opened lately, newest first."""
        try:
            found = json.loads(self.text("recent", "[]"))
        except ValueError:
            return []
        return [p for p in found if isinstance(p, str)] if isinstance(found, list) else []

    def add_recent(self, path: str) -> None:
        """Put a path at the head of the recent ones."""
        kept = [p for p in self.recent if p != path]
        self.set_text("recent", json.dumps([path, *kept][:MAX_RECENT]))

    def clear_recent(self) -> None:
        """Forget the recent paths."""
        self.set_text("recent", "[]")

    def load_session(self) -> dict[str, Any]:
        """The tabs' state as it was left; empty when there is none or it cannot be read."""
        try:
            found = json.loads((self.folder / "session.json").read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return {}
        return found if isinstance(found, dict) else {}

    def save_session(self, state: dict[str, Any]) -> None:
        """Keep the tabs' state; a full disk must not keep the window from closing."""
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            with atomic_write(self.folder / "session.json") as stream:
                stream.write(json.dumps(state, ensure_ascii=False, indent=1).encode("utf-8"))
        except (OSError, TypeError, ValueError):
            pass

    def sync(self) -> None:
        """Write what is pending."""
        self._ini.sync()
