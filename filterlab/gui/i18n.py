"""The window's language: one at a time, for all that it shows.

What was said is remembered, so that a text on the screen can be told again in another language
(:mod:`filterlab.gui.retranslate`).
"""

from __future__ import annotations

from typing import Any

from filterlab import languages
from filterlab.caffe.text import Text, reason_of
from filterlab.languages import ENGLISH, LANGUAGES

__all__ = [
    "ENGLISH",
    "LANGUAGES",
    "Text",
    "english",
    "is_chinese",
    "known",
    "language",
    "preferred_language",
    "reason_of",
    "said_as",
    "set_language",
    "tr",
]

preferred_language = languages.preferred
known = languages.known

_MOST_FILLED = 4096  # texts with places that are remembered, the newest

_catalogue = languages.Catalogue()
#: What was said, and of what it was made: literals, and texts with something in their places.
_literals: dict[str, str] = {}
_filled: dict[str, Text] = {}


class _Template(str):
    """A literal as ``tr`` gives it: ``format`` remembers what it was made of."""

    id: str

    def format(self, *args: Any, **places: Any) -> str:
        said = str.format(self, *args, **places)
        if not args:
            _remember(said, Text(self.id, **places))
        return said


def language() -> str:
    """The language in use, as :data:`filterlab.languages.LANGUAGES` has it."""
    return _catalogue.language


def is_chinese() -> bool:
    """Whether names that are given in two languages are shown in Chinese."""
    return language().startswith("zh")


def set_language(name: str) -> None:
    """Use a language from now on; see :mod:`filterlab.gui.retranslate` for what is shown already.

    Raises
    ------
    ValueError
        If there is no such language.
    """
    global _catalogue
    found = languages.known(name)
    if not found:
        raise ValueError(f"no such language: {name!r}")
    _catalogue = languages.Catalogue(found)


def tr(text: str) -> str:
    """A text in the language in use.

    A literal keeps its ``{places}``, to be filled in with ``str.format``; a
    :class:`filterlab.caffe.text.Text`, such as an error's ``message``, brings what stands there.
    """
    said = _catalogue.tell(text)
    if isinstance(text, Text) and text.args:
        _remember(said, text)
        return said
    _literals.setdefault(said, str(text))
    template = _Template(said)
    template.id = str(text)
    return template


def _remember(said: str, text: Text) -> None:
    _filled.pop(said, None)
    _filled[said] = text
    while len(_filled) > _MOST_FILLED:
        del _filled[next(iter(_filled))]


def said_as(shown: str) -> str | None:
    """What a text that is shown was made of: a literal or a ``Text``; None if nobody said it."""
    return _filled.get(shown) or _literals.get(shown)


def english(text: str) -> str:
    """A text of the language in use as the code has it; itself if it is not known."""
    return _literals.get(text, text)
