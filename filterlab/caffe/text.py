"""Texts for people: an English template and what stands in its places.

The engine and all that is built on it make such texts where something happens; the sentence in
another language is made where it is shown, from the same template (gettext's *msgid*) and the
same arguments. As a ``str`` a text is its English sentence.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from numbers import Number
from typing import Any

__all__ = ["Text", "joined", "reason_of"]

#: Gives the translation of a text's template, for one language.
Lookup = Callable[["Text"], str]


class Text(str):
    """An English text that remembers what it was made of.

    Parameters
    ----------
    template : str
        The English, with ``{named}`` places as for ``str.format``; without arguments it is taken
        as it is, braces and all.
    **args
        What stands in the places. Texts, and errors that carry one, are translated with the text
        they stand in; numbers are kept as numbers; anything else is told by its ``str()``.

    Attributes
    ----------
    id : str
        The template, which identifies the text in the catalogues.
    args : dict
        By place.
    context : str
        Tells two texts of the same English apart (gettext's *msgctxt*); usually empty.
    plural : str
        The template for other numbers than 1; empty if the text has no such form.
    number : int
        What chooses the form.
    """

    id: str
    args: dict[str, Any]
    context: str
    plural: str
    number: int

    def __new__(cls, template: str, /, **args: Any) -> Text:
        if isinstance(template, Text) and not args:
            return template
        return cls._made(str(template), args, "", "", 0)

    @classmethod
    def _made(
        cls, template: str, args: dict[str, Any], context: str, plural: str, number: int
    ) -> Text:
        kept = {place: _kept(value) for place, value in args.items()}
        english = plural if plural and number != 1 else template
        text = str.__new__(cls, english.format(**kept) if kept else english)
        text.id, text.args = template, kept
        text.context, text.plural, text.number = context, plural, number
        return text

    @classmethod
    def of_number(cls, one: str, more: str, number: int, /, **args: Any) -> Text:
        """A text with a form for one and a form for all other numbers (gettext's plural)."""
        return cls._made(one, args, "", more, number)

    @classmethod
    def within(cls, context: str, template: str, /, **args: Any) -> Text:
        """A text whose English is too short to say what is meant; ``context`` does."""
        return cls._made(template, args, context, "", 0)

    def with_args(self, **args: Any) -> Text:
        """The same text with something else in some of its places."""
        return self._made(self.id, {**self.args, **args}, self.context, self.plural, self.number)

    def told(self, lookup: Lookup) -> str:
        """The text in the language of ``lookup``, its arguments too."""
        template = lookup(self)
        if not self.args:
            return template
        args = {
            place: value.told(lookup) if isinstance(value, Text) else value
            for place, value in self.args.items()
        }
        try:
            return template.format(**args)
        except (KeyError, IndexError, ValueError):  # a translation with other places
            return str(self)

    def __reduce__(self) -> tuple[Any, ...]:
        return _again, (self.id, self.args, self.context, self.plural, self.number)


def _again(template: str, args: dict[str, Any], context: str, plural: str, number: int) -> Text:
    return Text._made(template, args, context, plural, number)


class _Shown:
    """What an argument looked like; the object itself may change or be large."""

    def __init__(self, text: str, code: str) -> None:
        self._text, self._code = text, code

    def __str__(self) -> str:
        return self._text

    def __repr__(self) -> str:
        return self._code

    def __format__(self, spec: str) -> str:
        return format(self._text, spec)


def _kept(value: Any) -> Any:
    """An argument as a text keeps it."""
    if isinstance(value, BaseException) and value.args and isinstance(value.args[0], Text):
        return value.args[0]
    if value is None or isinstance(value, str | Number):
        return value
    return _Shown(str(value), repr(value))


#: How clauses of one sentence follow each other.
_CLAUSES = Text("{before}; {after}")


def joined(texts: Iterable[str], link: str = _CLAUSES) -> str:
    """Texts one after the other, as clauses of one sentence unless ``link`` says otherwise.

    >>> joined(["a", "b", "c"])
    'a; b; c'
    """
    whole: str = ""
    for text in texts:
        whole = Text(str(link), before=whole, after=text) if whole else text
    return whole


#: What systems say most often, so that catalogues have it.
_REASONS = (
    Text("Permission denied"),
    Text("No such file or directory"),
    Text("Is a directory"),
    Text("Not a directory"),
    Text("File exists"),
    Text("No space left on device"),
    Text("Read-only file system"),
    Text("File name too long"),
    Text("Input/output error"),
    Text("Too many open files"),
    Text("Disk quota exceeded"),
)


def reason_of(error: BaseException) -> Text:
    """Why the system refused, as it says it itself, as part of a sentence."""
    kept = _kept(error)
    return kept if isinstance(kept, Text) else Text(getattr(error, "strerror", None) or str(error))
