"""The interface's language: English in the code, Chinese from JSON files.

``resources/translations/<language>/<area>.json`` maps the English text to the translation; the
areas are only a way of keeping the files short. A text without a translation stays English.
``sentences.json`` is for what the core says about bad input, whose numbers and names are in place
already: :func:`tr_sentence` recognises such a sentence and says it in the language in use.
"""

from __future__ import annotations

import json
import locale
import os
import re

from filterlab import paths

__all__ = ["LANGUAGES", "language", "preferred_language", "set_language", "tr", "tr_sentence"]

#: The languages and how each calls itself.
LANGUAGES = {"en": "English", "zh": "中文"}

_language = "en"
_table: dict[str, str] = {}
_sentences: list[tuple[re.Pattern[str], str]] = []


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
    _sentences.clear()
    folder = paths.resource("translations", name)
    if name != "en" and folder.is_dir():
        for path in sorted(folder.glob("*.json")):
            texts = json.loads(path.read_text(encoding="utf-8"))
            if path.stem == "sentences":
                _sentences.extend((_pattern(english), other) for english, other in texts.items())
            else:
                _table.update(texts)
    _language = name


def tr(text: str) -> str:
    """The text in the language in use; fill ``{places}`` in afterwards with ``str.format``."""
    return _table.get(text, text)


def _pattern(english: str) -> re.Pattern[str]:
    """Matches the sentence with its places filled in, after a file's name or not."""
    parts = re.split(r"{(\w+)}", english)
    body = "".join(
        f"(?P<{part}>.+?)" if index % 2 else re.escape(part) for index, part in enumerate(parts)
    )
    return re.compile(rf"(?:(?P<where_>.+?): )?{body}\.?", re.DOTALL)


def tr_sentence(text: str) -> str:
    """A sentence of the core in the language in use; one that is not known stays English."""
    for pattern, other in _sentences:
        match = pattern.fullmatch(text)
        if match:
            places = match.groupdict()
            where = places.pop("where_")
            # What stands in a place may be a part that is known itself: "row 1 is empty".
            filled = other.format(**{name: tr_sentence(part) for name, part in places.items()})
            return f"{tr(where)}：{filled}" if where else filled
    return text
