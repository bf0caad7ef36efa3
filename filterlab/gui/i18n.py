"""The interface's language: English in the code, Chinese from JSON files.

``resources/translations/<language>/<area>.json`` maps the English text to the translation; the
areas are only a way of keeping the files short. A text without a translation stays English.
"""

from __future__ import annotations

import json
import locale
import os

from filterlab import paths

__all__ = ["LANGUAGES", "language", "preferred_language", "set_language", "tr"]

#: The languages and how each calls itself.
LANGUAGES = {"en": "English", "zh": "中文"}

_language = "en"
_table: dict[str, str] = {}


def language() -> str:
    """The language in use: ``"en"`` or ``"zh"``."""
    return _language


def preferred_language(setting: str = "") -> str:
    """The language to start in: ``FILTERLAB_LANG``, else the setting, else the system's."""
    for candidate in (os.environ.get("FILTERLAB_LANG", ""), setting):
        if candidate[:2].lower() in LANGUAGES:
            return candidate[:2].lower()
    system = locale.getlocale()[0] or os.environ.get("LANG", "")
    return "zh" if system.lower().startswith(("zh", "chinese")) else "en"


def set_language(name: str) -> None:
    """Use a language from now on; texts already shown stay until their widgets are rebuilt."""
    global _language
    if name not in LANGUAGES:
        raise ValueError(f"no such language: {name!r}")
    _table.clear()
    folder = paths.resource("translations", name)
    if name != "en" and folder.is_dir():
        for path in sorted(folder.glob("*.json")):
            _table.update(json.loads(path.read_text(encoding="utf-8")))
    _language = name


def tr(text: str) -> str:
    """The text in the language in use; fill ``{places}`` in afterwards with ``str.format``."""
    return _table.get(text, text)
