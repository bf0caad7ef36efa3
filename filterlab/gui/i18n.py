"""The window's language: one at a time, for all that it shows.

What was said is remembered, so that a text on the screen can be told again in another language
(:mod:`filterlab.gui.retranslate`).
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import Any

from filterlab import languages
from filterlab.caffe.text import Text, reason_of
from filterlab.languages import ENGLISH, LANGUAGES

__all__ = [
    "ENGLISH",
    "LANGUAGES",
    "Said",
    "Text",
    "again",
    "english",
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
#: Two literals may have one translation; who said which tells them apart.
_literals: dict[str, list[str]] = {}
_said_in: dict[str, set[str]] = {}
_filled: dict[str, Text] = {}


class Said(str):
    """A text as ``tr`` gives it: a ``str`` that remembers what it was made of.

    Attributes
    ----------
    of : str
        The literal, or the :class:`filterlab.caffe.text.Text`.
    """

    of: str

    def format(self, *args: Any, **places: Any) -> str:
        said = str.format(self, *args, **places)
        if args or (isinstance(self.of, Text) and self.of.args):
            return said
        places = {place: _source(value) for place, value in places.items()}
        return _remember(said, Text(self.of, **places))


def _source(value: Any) -> Any:
    """What stands in a place, so that it can be told again with the text around it."""
    return Text(value.of) if isinstance(value, Said) else value


def language() -> str:
    """The language in use, as :data:`filterlab.languages.LANGUAGES` has it."""
    return _catalogue.language


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
        return _remember(said, text)
    if text not in (known := _literals.setdefault(said, [])):
        known.append(text)
    _said_in.setdefault(text, set()).add(sys._getframe(1).f_globals.get("__name__", ""))
    return _said(said, text)


def _said(said: str, of: str) -> Said:
    made = Said(said)
    made.of = of
    return made


def _remember(said: str, text: Text) -> Said:
    _filled.pop(said, None)
    _filled[said] = text
    while len(_filled) > _MOST_FILLED:
        del _filled[next(iter(_filled))]
    return _said(said, text)


def said_as(shown: str, modules: Sequence[str] = ()) -> str | None:
    """What a text that is shown was made of: a literal or a ``Text``; None if nobody said it.

    Of literals with one translation, the one that the first of ``modules`` (or packages) said.
    """
    if (filled := _filled.get(shown)) is not None:
        return filled
    found = _literals.get(shown)
    if not found:
        return None
    near = (of for name in modules for of in found if _was_said_in(of, name))
    return next(near, found[0])


def _was_said_in(of: str, name: str) -> bool:
    return any(module == name or module.startswith(f"{name}.") for module in _said_in[of])


def again(text: str) -> str:
    """A text that was said before and kept, in the language in use; others as they are."""
    of = said_as(text)
    if of is not None:
        return tr(of)
    of = said_as(text[:1].lower() + text[1:])
    if of is None:
        return text
    told = tr(of)
    return told[:1].upper() + told[1:]


def english(text: str) -> str:
    """A text of the language in use as the code has it; itself if it is not known."""
    found = _literals.get(text)
    return str(found[0]) if found else text
