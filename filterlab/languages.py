"""The languages, and the catalogue of each: gettext's ``.po``, as translators know it.

A language is one line in :data:`LANGUAGES` and ``resources/translations/<code>.po``; names of the
ImageNet classes in it, if there are any, are ``resources/classes/imagenet_<code>.tsv``. The
English in the code is the *msgid*. CONTRIBUTING tells how texts are marked and catalogues kept.
"""

from __future__ import annotations

import contextlib
import gettext
import io
import locale
import os
import zlib
from functools import lru_cache
from pathlib import Path

from filterlab import paths
from filterlab.caffe.files import atomic_write
from filterlab.caffe.text import Text

__all__ = ["ENGLISH", "LANGUAGES", "Catalogue", "known", "preferred"]

ENGLISH = "en"

#: Bytes by which a file's contents are known.
_MARK = 8

#: The languages by their locale's code, and how each calls itself.
LANGUAGES = {
    ENGLISH: "English",
    "zh_CN": "中文",
}


class Catalogue:
    """The texts of one language.

    Parameters
    ----------
    language : str
        A code of :data:`LANGUAGES`. English has no file.
    path : Path or None
        Another ``.po`` file than the language's own.
    """

    def __init__(self, language: str = ENGLISH, path: Path | None = None) -> None:
        self.language = language
        self._texts: gettext.NullTranslations = gettext.NullTranslations()
        path = path or paths.resource("translations", f"{language}.po")
        if language != ENGLISH and path.is_file():
            self._texts = gettext.GNUTranslations(io.BytesIO(_compiled(path, _stamp(path))))

    def tell(self, text: str) -> str:
        """A text in this language, its places filled in; English where it has none for it.

        A plain ``str`` is taken as a template and keeps its ``{places}`` open.
        """
        if isinstance(text, Text):
            return text.told(self._template)
        return self._texts.gettext(text) if text else text

    def _template(self, text: Text) -> str:
        if not text.id:  # gettext has the file's head there
            return text.id
        if text.plural:
            return self._texts.ngettext(text.id, text.plural, text.number)
        if text.context:
            return self._texts.pgettext(text.context, text.id)
        return self._texts.gettext(text.id)


def _stamp(path: Path) -> tuple[int, int]:
    found = path.stat()
    return found.st_mtime_ns, found.st_size


@lru_cache(maxsize=8)
def _compiled(path: Path, stamp: tuple[int, int]) -> bytes:
    """A ``.po`` file as gettext reads it; what is marked fuzzy is left out.

    Kept in the cache's folder: to make it takes a tenth of a start.
    """
    source = path.read_bytes()
    kept = paths.cache_dir() / "translations" / f"{path.stem}-{_mark(source).hex()}.mo"
    with contextlib.suppress(OSError):
        found = kept.read_bytes()
        if found[:_MARK] == _mark(found[_MARK:]):
            return found[_MARK:]
    import polib  # only where another language than English is wanted

    made = bytes(polib.pofile(str(path), encoding="utf-8").to_binary())
    with contextlib.suppress(OSError):
        for old in kept.parent.glob(f"{path.stem}-*.mo"):
            old.unlink()
        kept.parent.mkdir(parents=True, exist_ok=True)
        with atomic_write(kept) as file:
            file.write(_mark(made) + made)
    return made


def _mark(data: bytes) -> bytes:
    """A checksum and the length."""
    return zlib.crc32(data).to_bytes(4, "big") + len(data).to_bytes(4, "big")


def known(code: str) -> str:
    """The language that a locale's name means (``zh``, ``zh-CN``, ``zh_CN.UTF-8``), or nothing."""
    wanted = code.replace("-", "_").partition(".")[0].partition("@")[0].lower()
    if not wanted:
        return ""
    for language in LANGUAGES:
        if language.lower() == wanted:
            return language
    if wanted.startswith("chinese"):  # as Windows calls it
        wanted = "zh"
    short = wanted.partition("_")[0]
    return next((name for name in LANGUAGES if name.partition("_")[0] == short), "")


def preferred(setting: str = "") -> str:
    """The language to start in: ``FILTERLAB_LANG``, else the setting, else the system's."""
    system = locale.getlocale()[0] or os.environ.get("LANG", "")
    for code in (os.environ.get("FILTERLAB_LANG", ""), setting, system):
        if found := known(code):
            return found
    return ENGLISH
