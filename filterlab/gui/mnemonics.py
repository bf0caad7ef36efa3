"""Gives every menu item an underlined letter, unique within its menu.

An item whose text has a letter of its own (``&Undo``) keeps it; the others get the first free one
of their words' initials, else of their letters. In Chinese the letter of the English text stands
behind the words, as is usual there: ``保存输出(&S)…``.
"""

from __future__ import annotations

import re

from PyQt5.QtWidgets import QAction, QMenu

from filterlab.gui import i18n

__all__ = ["MANY", "letter_of", "plain", "spread"]

#: A longer list, such as that of the samples, has none: a letter goes to the items it begins.
MANY = 25

_MARK = re.compile(r"&(?!&)(.)")
_BEHIND = re.compile(r"\(&(.)\)")


def letter_of(text: str) -> str:
    """The underlined letter, in upper case; empty if there is none."""
    found = _MARK.search(text.replace("&&", ""))
    return found.group(1).upper() if found else ""


def plain(text: str) -> str:
    """The text without its underlined letter."""
    whole = _BEHIND.sub("", text)
    return _MARK.sub(r"\1", whole)


def spread(menu: QMenu) -> None:
    """Give the items of a menu, and of the menus in it, their letters."""
    items = [action for action in menu.actions() if action.text()]
    if len(items) > MANY:
        return
    taken: dict[str, QAction] = {}
    without = []
    for item in items:
        letter = letter_of(item.text())
        if letter and letter not in taken:
            taken[letter] = item
        else:
            without.append(item)
    given: dict[str, QAction] = {}
    wanted = {
        item: [c for c in _candidates(plain(item.text())) if c not in taken] for item in without
    }
    for item in without:
        _seat(item, wanted, given, set())
    letters = {item: letter for letter, item in given.items()}
    for item in without:
        item.setText(_with_letter(plain(item.text()), letters.get(item, "")))
    for item in items:
        if item.menu() is not None:
            spread(item.menu())


def _seat(
    item: QAction, wanted: dict[QAction, list[str]], given: dict[str, QAction], tried: set[str]
) -> bool:
    """Give an item the first of its letters that is free or can be made free."""
    for letter in wanted[item]:
        if letter not in given:
            given[letter] = item
            return True
    for letter in wanted[item]:
        if letter not in tried:
            tried.add(letter)
            if _seat(given[letter], wanted, given, tried):
                given[letter] = item
                return True
    return False


def _candidates(text: str) -> list[str]:
    """Letters and digits in the order in which they are wanted: initials first."""
    english = i18n.english(text).upper()
    usable = "".join(c if c.isascii() and c.isalnum() else " " for c in english)
    letters = [word[0] for word in usable.split() if word[0].isalpha()]
    letters += sorted(usable.replace(" ", ""), key=str.isdigit)
    if _foreign(text):  # the letter stands behind the words: any will do
        letters += "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
    return list(dict.fromkeys(letters))


def _foreign(text: str) -> bool:
    return any(c.isalpha() and not c.isascii() for c in text)


def _with_letter(text: str, letter: str) -> str:
    if not letter:
        return text
    found = re.search(rf"\b{letter}", text, re.IGNORECASE) or re.search(letter, text, re.IGNORECASE)
    if found is not None and not _foreign(text):
        return f"{text[: found.start()]}&{text[found.start() :]}"
    whole, dots = (text[:-1], "…") if text.endswith("…") else (text, "")
    return f"{whole}(&{letter}){dots}"
