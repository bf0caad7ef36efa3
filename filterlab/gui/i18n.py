"""The interface's language: English in the code, Chinese from JSON files.

``resources/translations/<language>/<area>.json`` maps the English text to the translation; the
areas are only a way of keeping the files short. A text without a translation stays English.
``sentences*.json`` are for what the core says about bad input, whose numbers and names are in
place already: :func:`tr_sentence` recognises such a sentence and says it in the language in use.
"""

from __future__ import annotations

import json
import locale
import os
import re
from typing import NamedTuple

from filterlab import paths

__all__ = [
    "LANGUAGES",
    "english",
    "language",
    "preferred_language",
    "set_language",
    "tr",
    "tr_sentence",
]

#: The languages and how each calls itself.
LANGUAGES = {"en": "English", "zh": "中文"}

_language = "en"
_table: dict[str, str] = {}
_back: dict[str, str] = {}


class _Sentence(NamedTuple):
    """A sentence of the core: what it looks like, and the same in the language in use."""

    literal: int  # characters that are no place
    anchor: str  # its longest part that is no place; quicker to look for than the pattern
    pattern: re.Pattern[str]
    other: str


_sentences: list[_Sentence] = []


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
            if path.stem.startswith("sentences"):
                _sentences.extend(_sentence(english, other) for english, other in texts.items())
            else:
                _table.update(texts)
    # Of two that fit, the one that says more of the words itself.
    _sentences.sort(key=lambda sentence: -sentence.literal)
    _back.clear()
    for english_text, other in _table.items():
        _back.setdefault(other, english_text)
    _language = name


def english(text: str) -> str:
    """A text of the language in use as the code has it; itself if it is not known."""
    return _back.get(text, text)


def tr(text: str) -> str:
    """The text in the language in use; fill ``{places}`` in afterwards with ``str.format``."""
    return _table.get(text, text)


#: Places that take less than any text, where that would fit too much.
_PLACES = {"whole": r"\d+", "typename": r"\w+"}


def _sentence(english: str, other: str) -> _Sentence:
    """Recognises the sentence with its places filled in."""
    parts = re.split(r"{(\w+)}", english)
    words = parts[::2]
    body = re.escape(words[0])
    for place, before, after in zip(parts[1::2], words, words[1:]):
        if place in _PLACES:
            fits = _PLACES[place]
        elif before.endswith("'") and after.startswith("'"):
            fits = "[^']+?"
        elif not body:  # a file or a layer that is named first, with a colon, is no part of it
            fits = "(?:(?!: ).)+?"
        else:
            fits = ".+?"
        body += f"(?P<{place}>{fits}){re.escape(after)}"
    pattern = re.compile(rf"{body}\.?", re.DOTALL)
    return _Sentence(sum(map(len, words)), max(words, key=len), pattern, other)


def tr_sentence(text: str) -> str:
    """A sentence of the core in the language in use; one that is not known stays English.

    Before it may stand, each with a colon, the file and the layer that it speaks of.
    """
    told = _told(text)
    at = text.find(": ")
    while told is None and at >= 0:
        sentence = _told(text[at + 2 :])
        if sentence is not None:
            where = "：".join(tr(_told(part) or part) for part in text[:at].split(": "))
            told = f"{where}：{sentence}"
        at = text.find(": ", at + 2)
    return text if told is None else told


def _told(text: str) -> str | None:
    """A sentence in the language in use; None if it is not known."""
    for _, anchor, pattern, other in _sentences:
        match = pattern.fullmatch(text) if anchor in text else None
        if match:
            # What stands in a place may be a part that is known itself: "row 1 is empty".
            places = {name: tr_sentence(part) for name, part in match.groupdict().items()}
            return other.format(**places)
    clauses = text.split("; ")
    told = [tr_sentence(clause) for clause in clauses] if len(clauses) > 1 else []
    known = all(other != clause for other, clause in zip(told, clauses))
    return "；".join(told) if told and known else None
