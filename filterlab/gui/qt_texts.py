"""Qt's own texts (context menus of fields, file dialogs, scroll buttons) in the language in use.

Qt brings their translations, ``qtbase_<code>.qm`` beside its libraries; where it has none for a
language, they stay English.
"""

from __future__ import annotations

from PyQt5.QtCore import QLibraryInfo, QLocale, QObject, QTranslator

from filterlab.gui import i18n

__all__ = ["QtTexts"]


class QtTexts(QTranslator):
    """Installed once; asks at each text for the language that is in use then."""

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._by_language: dict[str, QTranslator | None] = {}

    def isEmpty(self) -> bool:
        return False  # Qt does not ask an empty one

    def translate(  # type: ignore[override]  # the stubs forget Qt's null
        self, context: str, text: str, disambiguation: str | None = None, n: int = -1
    ) -> str | None:
        language = i18n.language()
        if language not in self._by_language:
            self._by_language[language] = self._load(language)
        found = self._by_language[language]
        # None is Qt's null, after which it takes the English.
        return (found.translate(context, text, disambiguation, n) or None) if found else None

    def _load(self, language: str) -> QTranslator | None:
        if language == i18n.ENGLISH:
            return None
        found = QTranslator(self)
        folder = QLibraryInfo.location(QLibraryInfo.TranslationsPath)
        return found if found.load(QLocale(language), "qtbase", "_", folder) else None
