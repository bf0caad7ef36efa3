"""The catalogues: collect what the code says, bring each language's ``.po`` up to date, check it.

``python tools/messages.py`` (``make messages``) does that; ``--check`` changes nothing and fails
if something is to be done; ``--add de`` begins a language. Babel reads and writes the files.
"""

from __future__ import annotations

import argparse
import ast
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from babel.messages.catalog import Catalog
from babel.messages.pofile import read_po, write_po

TOP = Path(__file__).resolve().parent.parent
FOLDER = Path("resources") / "translations"

#: Calls whose argument of that place (from 0) is a text; ``more`` is its plural, ``context`` what
#: tells it apart.
_CALLS = {
    "Text": 0,
    "tr": 0,
    "CaffeError": 0,
    "FilterLabError": 0,
    "MisfitError": 0,
    "fail": 0,
    "joined": 1,
    "DownloadProgress": 0,
    "PartialMaps": 0,
    "PartialPyramid": 0,
    "Progress": 0,
    "Parameter": 1,
    "Sample": 1,
    "_preset": 1,
}
#: Further places of the same calls.
_MORE = {"_preset": (3,), "Parameter": ()}


class Found(NamedTuple):
    """A text in the code."""

    file: str
    line: int
    id: str
    plural: str
    context: str
    comment: str


def _literal(node: ast.expr) -> str:
    return node.value if isinstance(node, ast.Constant) and isinstance(node.value, str) else ""


def _in_call(node: ast.Call, file: str) -> Iterator[Found]:
    name = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
    given = [_literal(argument) for argument in node.args]

    def text(at: int, plural: str = "", context: str = "") -> Iterator[Found]:
        if at < len(given) and given[at]:
            line = node.args[at].lineno
            yield Found(file, line, given[at], plural, context, "")

    if name == "of_number":
        yield from text(0, plural=given[1])
    elif name == "within":
        yield from text(1, context=given[0])
    elif name in _CALLS:
        for at in (_CALLS[name], *_MORE.get(name, ())):
            yield from text(at)


def texts_in(source: str, file: str) -> list[Found]:
    """The texts of one module; a comment ``# translators: …`` above one goes along."""
    comments = {
        number: line.strip().removeprefix("# translators:").strip()
        for number, line in enumerate(source.splitlines(), 1)
        if line.strip().startswith("# translators:")
    }
    calls = (node for node in ast.walk(ast.parse(source)) if isinstance(node, ast.Call))
    found = [text for call in calls for text in _in_call(call, file)]
    return sorted(text._replace(comment=comments.get(text.line - 1, "")) for text in found)


def template(top: Path = TOP) -> Catalog:
    """What the code says, as a catalogue without translations."""
    catalog = Catalog(project="FilterLab", charset="utf-8", fuzzy=False)
    for path in sorted((top / "filterlab").rglob("*.py")):
        file = path.relative_to(top).as_posix()
        for text in texts_in(path.read_text(encoding="utf-8"), file):
            catalog.add(
                (text.id, text.plural) if text.plural else text.id,
                locations=[(file, text.line)],
                flags=["python-brace-format"] if "{" in text.id else [],
                auto_comments=[text.comment] if text.comment else [],
                context=text.context or None,
            )
    return catalog


def languages(top: Path = TOP) -> list[Path]:
    """The languages' files."""
    return sorted((top / FOLDER).glob("*.po"))


def read(path: Path) -> Catalog:
    """A language's catalogue."""
    with open(path, "rb") as stream:
        return read_po(stream, locale=path.stem, domain="filterlab")


def write(path: Path, catalog: Catalog) -> None:
    """Write a catalogue; it names the files that use a text, not the lines, which always change."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with open(path, "wb") as stream:
        write_po(stream, catalog, width=96, include_lineno=False, sort_by_file=True)


def update(catalog: Catalog, new: Catalog) -> None:
    """Bring a catalogue up to date: a changed text keeps its translation, marked fuzzy."""
    catalog.update(
        new, keep_user_comments=True, update_header_comment=False, update_creation_date=False
    )


def findings(catalog: Catalog, new: Catalog) -> list[str]:
    """What is wrong with a catalogue: missing, obsolete and fuzzy texts, and other places."""
    wrong = []
    wanted = {(m.context, m.id) for m in new if m.id}
    there = {(m.context, m.id) for m in catalog if m.id}
    wrong += [f"missing: {id!r}" for _, id in sorted(wanted - there, key=str)]
    wrong += [f"obsolete: {id!r}" for _, id in sorted(there - wanted, key=str)]
    wrong += [f"obsolete: {id!r}" for id in catalog.obsolete]
    for message in catalog:
        if message.id and message.fuzzy:
            wrong.append(f"fuzzy: {message.id!r}")
        wrong += [f"{error}: {message.id!r}" for error in places(message)]
    return wrong


def places(message: object) -> list[str]:
    """Where a translation has not the places of its text."""
    import string

    def of(text: str) -> set[str]:
        return {name for _, name, _, _ in string.Formatter().parse(text) if name is not None}

    ids = message.id if isinstance(message.id, tuple) else (message.id,)  # type: ignore[attr-defined]
    told = message.string  # type: ignore[attr-defined]
    told = [t for t in (told if isinstance(told, tuple) else (told,)) if t]
    if not ids[0] or "python-brace-format" not in message.flags:  # type: ignore[attr-defined]
        return []
    try:
        wanted = set.union(*map(of, ids))
        return [f"its places are {sorted(of(t))}" for t in told if of(t) != wanted]
    except ValueError as error:
        return [str(error)]


def main(arguments: list[str] | None = None) -> int:
    """Update or check the catalogues; 1 if something is wrong."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])  # type: ignore[union-attr]
    parser.add_argument("--check", action="store_true", help="change nothing")
    parser.add_argument("--add", metavar="CODE", help="begin a language, such as de or pt_BR")
    args = parser.parse_args(arguments)
    new = template()
    if args.add:
        path = TOP / FOLDER / f"{args.add}.po"
        if not path.exists():
            begun = template()
            begun.locale = args.add
            write(path, begun)
        print(f"translate {path.relative_to(TOP)}, and name it in filterlab/languages.py")
    bad = False
    for path in languages():
        catalog = read(path)
        wrong = findings(catalog, new)
        if not args.check:
            update(catalog, new)
            write(path, catalog)
            wrong = [w for w in findings(read(path), new) if not w.startswith("obsolete")]
        empty = [
            m
            for m in read(path)
            if m.id and not (m.string if isinstance(m.string, str) else all(m.string))
        ]
        print(
            f"{path.relative_to(TOP)}: {len(catalog)} texts, {len(empty)} to translate",
            *wrong,
            sep="\n  ",
        )
        bad |= bool(wrong)
    return int(bad)


if __name__ == "__main__":
    sys.exit(main())
