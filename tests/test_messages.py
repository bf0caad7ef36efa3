"""The catalogues: every text is in them, and a translator's round trip works on the real files."""

from __future__ import annotations

import ast
import importlib.util
import pickle
import re
import sys
from pathlib import Path
from types import ModuleType

import pytest

from filterlab import caffe, languages
from filterlab.caffe.text import Text, joined, reason_of
from filterlab.errors import FilterLabError
from filterlab.languages import Catalogue

#: Names of Caffe's and commands, which stay in Chinese as they are.
_STAYS = re.compile(
    r"\b(deploy prototxt|(top|bottom) blob|channel swap|bilinear filler|git lfs pull"
    r"|filterlab [a-z]+( [a-z]+)?|pipx inject filterlab)\b"
)


@pytest.fixture(scope="module")
def messages() -> ModuleType:
    """``tools/messages.py``."""
    path = Path(__file__).parents[1] / "tools" / "messages.py"
    spec = importlib.util.spec_from_file_location("filterlab_messages", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


def _ids(message: object) -> tuple[str, ...]:
    given = message.id  # type: ignore[attr-defined]
    return given if isinstance(given, tuple) else (given,)


# --- the committed catalogues


def test_every_text_is_in_each_catalogue_and_nothing_else(messages: ModuleType) -> None:
    new = messages.template()
    assert len(new) > 1200
    for path in messages.languages():
        wrong = messages.findings(messages.read(path), new)
        assert not wrong, "run make messages:\n" + "\n".join([path.name, *wrong])


def _told(message: object) -> tuple[str, ...]:
    given = message.string  # type: ignore[attr-defined]
    return given if isinstance(given, tuple) else (given,)


def test_everything_is_translated(messages: ModuleType) -> None:
    catalog = messages.read(messages.TOP / messages.FOLDER / "zh_CN.po")
    assert not [message.id for message in catalog if message.id and not all(_told(message))]


def test_no_english_is_left_in_the_chinese(messages: ModuleType) -> None:
    left = {}
    for message in messages.read(messages.TOP / messages.FOLDER / "zh_CN.po"):
        for told in _told(message) if message.id else ():
            words = _STAYS.sub("", re.sub(r"\{[^}]*\}", "{}", told))
            if found := re.findall(r"(?<!\w)[A-Za-z][a-z]+(?: [A-Za-z]?[a-z]+)+(?!\w)", words):
                left[told] = found
    assert not left


def test_each_language_has_a_line_and_a_file(messages: ModuleType) -> None:
    assert {path.stem for path in messages.languages()} | {"en"} == set(languages.LANGUAGES)


def test_no_sentence_is_put_together_before_it_is_told(repo: Path) -> None:
    """A text that is an f-string, or has its places filled in, is in no catalogue."""
    wrong = []
    for path in sorted((repo / "filterlab").rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            name = getattr(getattr(node, "func", None), "attr", "") or getattr(
                getattr(node, "func", None), "id", ""
            )
            first = node.args[0] if isinstance(node, ast.Call) and node.args else None
            if name in ("Text", "tr", "CaffeError", "FilterLabError", "fail") and isinstance(
                first, ast.JoinedStr | ast.BinOp
            ):
                wrong.append(f"{path.relative_to(repo)}:{node.lineno}")
    assert not wrong, wrong


# --- texts


def test_a_text_is_its_english_and_knows_its_parts() -> None:
    text = Text("{path}: layer {layer!r}: {why}", path=Path("a/b"), layer="x", why=Text("odd"))
    assert text == "a/b: layer 'x': odd"
    assert text.id == "{path}: layer {layer!r}: {why}"
    assert text.args["layer"] == "x"
    assert text.args["why"].id == "odd"
    again = pickle.loads(pickle.dumps(text))
    assert (again, again.id, again.args["why"].id) == (text, text.id, "odd")


def test_braces_of_a_text_without_places_stay() -> None:
    assert Text("expected {}") == "expected {}"
    assert Catalogue("zh_CN").tell(Text("expected {}")) == "expected {}"


def test_a_text_does_not_keep_what_it_was_given() -> None:
    rows = [1, 2]
    text = Text("rows {rows}, {rows!r}", rows=rows)
    rows.append(3)
    assert text.told(lambda t: t.id) == "rows [1, 2], [1, 2]"


def test_an_error_within_an_error_is_told_with_it() -> None:
    inner = caffe.CaffeError("stride is 0; it must be at least 1")
    outer = FilterLabError("{path}: {message}", path="x.prototxt", message=inner)
    assert str(outer) == "x.prototxt: stride is 0; it must be at least 1"
    assert Catalogue("zh_CN").tell(outer.message) == "x.prototxt：步长（stride）为 0；至少为 1"


def test_clauses_are_joined_in_the_language() -> None:
    text = joined([Text("it interpolates"), Text("it is cut short")])
    assert text == "it interpolates; it is cut short"
    assert Catalogue("zh_CN").tell(text) == "它会插值；文件不完整"


def test_the_systems_reasons_are_told() -> None:
    reason = reason_of(PermissionError(13, "Permission denied"))
    assert (reason, Catalogue("zh_CN").tell(reason)) == ("Permission denied", "没有权限")


# --- a translator's round trip

_CODE = """
tr("Open the picture …")
raise FilterLabError("{path}: no picture", path=path)
Text.of_number("{count} picture", "{count} pictures", n, count=n)
# translators: the pages of a book
Text.within("book", "leaf")
"""


def test_the_round_trip_of_a_catalogue(
    messages: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Extract, translate, change a sentence, see it fuzzy, compile, tell: with plural forms."""
    (tmp_path / "filterlab").mkdir()
    code = tmp_path / "filterlab" / "some.py"
    code.write_text(_CODE, encoding="utf-8")
    begun = messages.template(tmp_path)
    assert {_ids(m) for m in begun if m.id} == {
        ("Open the picture …",),
        ("{path}: no picture",),
        ("{count} picture", "{count} pictures"),
        ("leaf",),
    }
    begun.locale = "pl"
    for message in begun:
        if message.id == "Open the picture …":
            message.string = "Otwórz obraz …"
        elif message.id == "{path}: no picture":
            message.string = "{path}: brak obrazu"
        elif message.id == "leaf":
            assert message.auto_comments == ["the pages of a book"]
            message.string = "kartka"
        elif message.id:
            message.string = ("{count} obraz", "{count} obrazy", "{count} obrazów")
    path = tmp_path / "pl.po"
    messages.write(path, begun)
    assert "#: filterlab/some.py\n" in path.read_text(encoding="utf-8")
    monkeypatch.setitem(languages.LANGUAGES, "pl", "polski")
    polish = Catalogue("pl", path)
    assert polish.tell("Open the picture …") == "Otwórz obraz …"
    assert polish.tell(Text("{path}: no picture", path="x")) == "x: brak obrazu"
    assert polish.tell(Text.within("book", "leaf")) == "kartka"
    assert polish.tell("leaf") == "leaf"
    assert [
        polish.tell(Text.of_number("{count} picture", "{count} pictures", n, count=n))
        for n in (1, 3, 5)
    ] == ["1 obraz", "3 obrazy", "5 obrazów"]

    code.write_text(_CODE.replace("Open the picture", "Open a picture"), encoding="utf-8")
    new, mine = messages.template(tmp_path), messages.read(path)
    assert "missing: 'Open a picture …'" in messages.findings(mine, new)
    messages.update(mine, new)
    messages.write(path, mine)
    again = messages.read(path)
    changed = again.get("Open a picture …")
    assert (changed.string, changed.fuzzy) == ("Otwórz obraz …", True)
    assert messages.findings(again, new) == ["fuzzy: 'Open a picture …'"]
    polish = Catalogue("pl", path)
    assert polish.tell("Open a picture …") == "Open a picture …", "nobody has looked at it yet"
    assert polish.tell(Text("{path}: no picture", path="x")) == "x: brak obrazu"


def test_a_translation_with_other_places_is_found(messages: ModuleType, tmp_path: Path) -> None:
    (tmp_path / "filterlab").mkdir()
    (tmp_path / "filterlab" / "some.py").write_text(_CODE, encoding="utf-8")
    catalog = messages.template(tmp_path)
    catalog.get("{path}: no picture").string = "{pfad}: kein Bild"
    path = tmp_path / "de.po"
    catalog.locale = "de"
    messages.write(path, catalog)
    (wrong,) = messages.findings(messages.read(path), messages.template(tmp_path))
    assert "['pfad']" in wrong
    told = Catalogue("de", path).tell(Text("{path}: no picture", path="x"))
    assert told == "x: no picture", "the English is better than no sentence"


@pytest.mark.parametrize(
    ("code", "language"),
    [("zh", "zh_CN"), ("zh-CN", "zh_CN"), ("zh_CN.UTF-8", "zh_CN"), ("zh_TW", "zh_CN"),
     ("Chinese (Simplified)_China", "zh_CN"), ("en_GB", "en"), ("fr_FR", ""), ("", "")],
)  # fmt: skip
def test_a_locales_name_finds_its_language(code: str, language: str) -> None:
    assert languages.known(code) == language


_GERMAN = """
msgid ""
msgstr "Content-Type: text/plain; charset=UTF-8\\n"

msgid "Cancel"
msgstr "{said}"
"""


def test_a_catalogue_is_compiled_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import polib

    read: list[str] = []
    pofile = polib.pofile
    monkeypatch.setattr(
        polib, "pofile", lambda path, **options: read.append(path) or pofile(path, **options)
    )
    monkeypatch.setenv("FILTERLAB_DATA", str(tmp_path / "data"))
    path, folder = tmp_path / "de.po", tmp_path / "data" / "cache" / "translations"

    def told() -> str:
        languages._compiled.cache_clear()  # as in another process
        return Catalogue("de", path).tell("Cancel")

    path.write_text(_GERMAN.format(said="Abbrechen"), encoding="utf-8")
    assert (told(), told(), len(read)) == ("Abbrechen", "Abbrechen", 1)
    (kept,) = folder.iterdir()
    path.write_text(_GERMAN.format(said="Abbruch"), encoding="utf-8")
    assert (told(), told(), len(read)) == ("Abbruch", "Abbruch", 2)
    (new,) = folder.iterdir()
    assert new != kept

    new.write_bytes(new.read_bytes().replace(b"Abbruch", b"Abbruck"))  # a damaged disk
    assert (told(), told(), len(read)) == ("Abbruch", "Abbruch", 3)
    new.write_bytes(b"")
    assert (told(), len(read)) == ("Abbruch", 4)


def test_a_catalogue_needs_no_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "cache").write_text("no folder", encoding="utf-8")
    monkeypatch.setenv("FILTERLAB_DATA", str(tmp_path))
    path = tmp_path / "de.po"
    path.write_text(_GERMAN.format(said="Abbrechen"), encoding="utf-8")
    assert Catalogue("de", path).tell("Cancel") == "Abbrechen"
