"""Gives every menu item an underlined letter, unique within its menu.

An item whose text has a letter of its own (``&Undo``) keeps it; the others get the first free one
of their words' initials, else of their letters. In Chinese the letter of the English text stands
behind the words, as is usual there: ``保存输出(&S)…``.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from qtpy.QtWidgets import QMenu

from filterlab.gui import i18n

__all__ = ["letter_of", "plain", "spread"]

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
    taken: set[str] = set()
    without = []
    for item in items:
        letter = letter_of(item.text())
        if letter and letter not in taken:
            taken.add(letter)
        else:
            without.append(item)
    for item in without:
        text = plain(item.text())
        english = i18n.english(text)
        letter = next((found for found in _candidates(english) if found not in taken), "")
        taken.add(letter)
        item.setText(_with_letter(text, letter))
    for item in items:
        if item.menu() is not None:
            spread(item.menu())


def _candidates(english: str) -> Iterator[str]:
    """Letters and digits in the order in which they are wanted."""
    usable = "".join(c if c.isascii() and c.isalnum() else " " for c in english.upper())
    for word in usable.split():
        yield word[0]
    yield from usable.replace(" ", "")
    yield from "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"


def _with_letter(text: str, letter: str) -> str:
    if not letter:
        return text
    if i18n.language() == "zh":
        whole, dots = (text[:-1], "…") if text.endswith("…") else (text, "")
        return f"{whole}(&{letter}){dots}"
    # At a word's beginning if it is one.
    at = re.search(rf"\b{letter}", text, re.IGNORECASE) or re.search(letter, text, re.IGNORECASE)
    return text if at is None else f"{text[: at.start()]}&{text[at.start() :]}"
