"""Class names: reading them from any labels file, showing them, finding one by what is typed."""

from __future__ import annotations

import difflib
import functools
import re
import unicodedata
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import overload

from filterlab import paths
from filterlab.caffe.text import Text, reason_of
from filterlab.errors import FilterLabError
from filterlab.languages import ENGLISH, LANGUAGES
from filterlab.zoo.labels_files import Row, read_groups, read_rows

__all__ = ["Group", "Label", "Labels", "imagenet", "read_labels"]


def _usual(names: str) -> str:
    return names.split(";")[0].strip()


def _in_language(other: Iterable[tuple[str, str]], language: str) -> str:
    """What stands beside a language's code, or beside one that begins as it does."""
    known = dict(other)
    if language in known:
        return known[language]
    short = re.split("[-_]", language)[0]
    return next((text for code, text in known.items() if code.split("_")[0] == short), "")


@dataclass(frozen=True)
class Label:
    """One class.

    Attributes
    ----------
    index : int
        Its number, counted from 0 as everywhere in Caffe.
    names : tuple of str
        English names, the usual one first; may be empty.
    other : tuple of (str, str)
        Names in other languages: a code of :data:`filterlab.languages.LANGUAGES`, and its names,
        the usual one first, separated by ``;``; may be empty.
    wnid : str
        WordNet id, such as ``n02123159``; may be empty.
    note : str
        What tells it apart from another class of the same name; may be empty.
    """

    index: int
    names: tuple[str, ...] = ()
    other: tuple[tuple[str, str], ...] = ()
    wnid: str = ""
    note: str = ""

    @property
    def english(self) -> str:
        """The usual English name; told apart by its note where two classes share it."""
        name = self.names[0] if self.names else self.foreign or f"class {self.index}"
        return f"{name} ({self.note})" if self.note else name

    @property
    def foreign(self) -> str:
        """The usual name in the first other language that has one, or nothing."""
        return next(filter(None, (_usual(names) for _, names in self.other)), "")

    def name_in(self, language: str) -> str:
        """The usual name in another language than English (``zh_CN``, ``zh``), or nothing."""
        return _usual(_in_language(self.other, language))

    def __str__(self) -> str:
        """As shown: ``282 虎猫 tiger cat``."""
        return " ".join(
            part
            for part in (str(self.index), self.foreign if self.names else "", self.english)
            if part
        )


@dataclass(frozen=True)
class Group:
    """Classes that are kin, for summing their probabilities.

    Attributes
    ----------
    id : str
        A short name that stays the same, such as ``domestic_cats``.
    name : str
        The name shown, in English.
    other : tuple of (str, str)
        The name in other languages, by their codes.
    indices : tuple of int
        The classes.
    """

    id: str
    name: str
    other: tuple[tuple[str, str], ...]
    indices: tuple[int, ...]

    def name_in(self, language: str) -> str:
        """The name in another language than English, or nothing."""
        return _in_language(self.other, language)


class Labels(Sequence[Label]):
    """The classes of a net, in its order.

    ``labels[282]`` is a :class:`Label`; an index beyond the list gives a label with only its
    number, so that a net with more outputs than names can still be shown.
    """

    def __init__(self, labels: Iterable[Label], groups: Iterable[Group] = ()) -> None:
        self._labels = _tell_apart(list(labels))
        self.groups: tuple[Group, ...] = tuple(groups)
        self._keys = [_Keys(label) for label in self._labels]

    @classmethod
    def numbered(cls, count: int) -> Labels:
        """Labels for a net whose class names are unknown."""
        return cls(Label(index) for index in range(count))

    def __len__(self) -> int:
        return len(self._labels)

    def __iter__(self) -> Iterator[Label]:
        return iter(self._labels)

    @overload
    def __getitem__(self, index: int) -> Label: ...
    @overload
    def __getitem__(self, index: slice) -> list[Label]: ...
    def __getitem__(self, index: int | slice) -> Label | list[Label]:
        if isinstance(index, slice):
            return self._labels[index]
        index = int(index)
        if index < 0:
            raise IndexError(index)
        return self._labels[index] if index < len(self._labels) else Label(index)

    def display(self, index: int) -> str:
        """A class as shown: ``282 虎猫 tiger cat``."""
        return str(self[index])

    def search(self, text: str, limit: int | None = None) -> list[Label]:
        """The classes that ``text`` may mean, best match first.

        Found by index, a name in any of its languages or WordNet id; by whole names before
        beginnings, beginnings before parts. Empty text gives all classes in their order. If
        nothing fits, the names spelt most alike.
        """
        query = _fold(text)
        if not query:
            return self._labels[:limit]
        ranked = sorted(
            (rank, label.index, label)
            for label, keys in zip(self._labels, self._keys)
            if (rank := keys.rank(query)) is not None
        )
        if not ranked:
            return self._spelt_alike(query)[:limit]
        return [label for _, _, label in ranked[:limit]]

    def find(self, text: str) -> Label:
        """The one class that ``text`` means: an index, a name, a WordNet id, a displayed form.

        Raises
        ------
        FilterLabError
            If there is none, or if several classes have exactly that name; the message offers
            those that come near.
        """
        query = _fold(text)
        if re.fullmatch(r"\s*[-+]?\d+\s*", text):
            if not 0 <= int(text) < len(self._labels):
                raise FilterLabError(
                    "no class {index}: this net's classes are 0 to {last}",
                    index=int(text),
                    last=len(self._labels) - 1,
                )
            query = str(int(text))
        ranked: dict[int, list[Label]] = {}
        for label, keys in zip(self._labels, self._keys):
            rank = keys.rank(query) if query else None
            if rank is not None:
                ranked.setdefault(rank[0], []).append(label)
        kind = min(ranked, default=_ALL_WORDS + 1)
        found = ranked.get(kind, [])
        if len(found) == 1 and (kind <= _SYNONYM or len(ranked) == 1):
            return found[0]
        if found and kind <= _SYNONYM:
            raise FilterLabError(
                "{text!r} names several classes: {found}: say which by its number",
                text=text,
                found=_listed(found),
            )
        near = self.search(text, 5) if query else []
        hint = Text("give its number or its name")
        if near:
            hint = Text("did you mean {names}?", names=_listed(near))
        raise FilterLabError("no class is called {text!r}: {hint}", text=text, hint=hint)

    def select(self, text: str) -> list[int]:
        """Indices of one or several classes, for summing.

        ``text`` is a group's name, a range ``281-285``, or classes as for :meth:`find`, separated
        by ``;`` or, if that makes sense, by commas or plus: ``281,282``, ``tabby; tiger cat``,
        ``281 + 282``.

        Raises
        ------
        FilterLabError
            As :meth:`find`; also for a range that runs backwards.
        """
        wanted = _fold(text)
        for group in self.groups:
            names = (group.id, group.name, *(name for _, name in group.other))
            if wanted in map(_fold, names):
                return list(group.indices)
        try:
            return [self.find(text).index]
        except FilterLabError:
            parts = [part for part in re.split(r"[;；]", text) if part.strip()]
            if len(parts) == 1:
                # A plus as the window writes it, or between numbers; "C++" is a name.
                pattern = r"[,，、]|\s\+\s|(?<=\d)\+(?=\d)"
                parts = [part for part in re.split(pattern, text) if part.strip()]
            span = re.fullmatch(r"\s*(\d+)\s*(?:-|–|\.\.)\s*(\d+)\s*", text)
            if span:
                first, last = int(span[1]), int(span[2])
                if first > last:
                    raise FilterLabError(
                        "the range {text} runs backwards", text=text.strip()
                    ) from None
                return [self.find(str(index)).index for index in range(first, last + 1)]
            if len(parts) < 2:
                raise
        chosen: dict[int, None] = {}
        for part in parts:
            chosen.update(dict.fromkeys(self.select(part)))
        return list(chosen)

    def _spelt_alike(self, query: str) -> list[Label]:
        names: dict[str, Label] = {}
        for label, keys in zip(self._labels, self._keys):
            for name in keys.names:
                names.setdefault(name, label)
        close = difflib.get_close_matches(query, names, n=5, cutoff=0.75)
        return list(dict.fromkeys(names[name] for name in close))


# What kind of match it is, best first; the first number of a rank.
_NUMBER, _NAME, _SYNONYM, _WORD, _SYNONYM_WORD, _BEGINS, _SYNONYM_BEGINS, _NUMBER_BEGINS = range(8)
_INSIDE, _ALL_WORDS = 8, 9

# For a way of matching one name: its kind in the usual name, its kind in a synonym.
_WAYS = {
    "all": (_NAME, _SYNONYM),
    "word": (_WORD, _SYNONYM_WORD),
    "begins": (_BEGINS, _SYNONYM_BEGINS),
    "inside": (_INSIDE, _INSIDE),
}


def _fold(text: str) -> str:
    """For comparing: no case, no accents, hyphens and runs of space as one space."""
    text = unicodedata.normalize("NFKD", text).casefold()
    text = "".join(c for c in text if not unicodedata.combining(c))
    return re.sub(r"[\s\-_,]+", " ", re.sub(r"['’\"]", "", text)).strip()


class _Keys:
    """What a label is found by, prepared for comparing."""

    def __init__(self, label: Label) -> None:
        self.number = str(label.index)
        self.shown = _fold(str(label))
        self.wnid = label.wnid.casefold()
        english = [_fold(name) for name in label.names]
        others = [
            [_fold(name) for name in names.split(";") if name.strip()] for _, names in label.other
        ]
        self.usual = english[:1] + [names[0] for names in others if names]
        if label.note:
            self.usual.append(_fold(label.english))
        self.names = self.usual + english[1:] + [name for names in others for name in names[1:]]
        self.all = " ".join(self.names)

    def rank(self, query: str) -> tuple[int, int, int] | None:
        """How well the query fits, smallest first: kind, where in the name, name's length."""
        if query in (self.number, self.shown) or (self.wnid and query == self.wnid):
            return (_NUMBER, 0, 0)
        ranks = []
        for place, name in enumerate(self.names if query in self.all else ()):
            at = name.find(query)
            if at >= 0:
                kind = _WAYS[_way(name, query)][place >= len(self.usual)]
                ranks.append((kind, min(at, 1), len(name)))
        if self.number.startswith(query) or (len(query) > 1 and self.wnid.startswith(query)):
            ranks.append((_NUMBER_BEGINS, 0, len(self.number)))
        if ranks:
            return min(ranks)
        words = query.split()
        if len(words) > 1 and all(word in self.all or word == self.number for word in words):
            return (_ALL_WORDS, 0, len(self.all))
        return None


def _way(name: str, query: str) -> str:
    if name == query:
        return "all"
    if f" {query} " in f" {name} ":
        return "word"
    # Chinese has no spaces; there the last characters say what a thing is: 波斯猫 is a 猫.
    if not query.isascii() and name.endswith(query):
        return "word"
    return "begins" if f" {query}" in f" {name}" else "inside"


def _listed(labels: Sequence[Label]) -> str:
    return ", ".join(str(label) for label in labels)


def _tell_apart(labels: list[Label]) -> list[Label]:
    """Give a note to labels that share their English name with another and have none yet.

    Other names tell them apart if they have any, else the WordNet id; else only the index does.
    """
    for last in (False, True):
        counts = Counter(label.english.casefold() for label in labels)
        for place, label in enumerate(labels):
            if counts[label.english.casefold()] > 1 and label.names and not label.note:
                note = label.wnid if last else ", ".join(label.names[1:])
                labels[place] = replace(label, note=note)
    return labels


def _labels(rows: list[Row], path: Path) -> list[Label]:
    count = max(row.index for row in rows) + 1
    if count > 10 * len(rows) + 1000:
        raise FilterLabError(
            "{path}: class {index} among only {count} classes",
            path=path,
            index=count - 1,
            count=len(rows),
        )
    labels = [Label(index) for index in range(count)]
    for row in rows:
        labels[row.index] = Label(row.index, row.names, row.other, row.wnid, row.note)
    return labels


def read_labels(path: str | Path) -> Labels:
    """Class names from a file; its form is recognised.

    One name a line; ``synset_words.txt`` (``n02123159 tiger cat``); tab-separated columns of
    index, WordNet id, English and other languages in any order, with or without a header line
    (``names``, ``zh_CN``); a JSON list, or a JSON table by index. Synonyms are separated by ``;``
    or ``, ``.

    Raises
    ------
    FilterLabError
        If it cannot be read as such; the message names the file and the line.
    """
    path = Path(path)
    try:
        stamp = path.stat().st_mtime_ns
    except OSError as error:
        raise FilterLabError(
            "{path}: cannot read the labels: {reason}", path=path, reason=reason_of(error)
        ) from error
    return _read_labels(path, stamp)


@functools.lru_cache(maxsize=16)
def _read_labels(path: Path, stamp: int) -> Labels:
    groups = path.with_name("groups.toml")
    labels = _labels(read_rows(path), path)
    return Labels(labels, _groups(groups, labels) if groups.is_file() else ())


def _groups(path: Path, labels: list[Label]) -> list[Group]:
    return [
        Group(row.id, row.name, row.other, tuple(i for i in row.indices if 0 <= i < len(labels)))
        for row in read_groups(path)
    ]


@functools.lru_cache(maxsize=1)
def imagenet() -> Labels:
    """The 1,000 classes of ILSVRC-2012, with groups, and names in each language that has them.

    Those are ``resources/classes/imagenet_<code>.tsv``: columns of index and names.
    """
    path = paths.resource("classes", "imagenet.tsv")
    labels = _labels(read_rows(path), path)
    for code in LANGUAGES:
        table = paths.resource("classes", f"imagenet_{code}.tsv")
        if code != ENGLISH and table.is_file():
            told = {
                row.index: _in_language(row.other, code) or "; ".join(row.names)
                for row in read_rows(table)
            }
            labels = [
                replace(label, other=(*label.other, (code, told.get(label.index, ""))))
                for label in labels
            ]
    groups = paths.resource("classes", "groups.toml")
    return Labels(labels, _groups(groups, labels) if groups.is_file() else ())
