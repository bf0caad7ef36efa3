"""Tells what is on the screen in another language; windows, benches, histories and jobs stay.

Whatever a widget, an action, a menu, a tab or an entry shows and :func:`filterlab.gui.i18n.tr` has
said is told again, as are texts that a widget of ours keeps in an attribute in order to paint
them. Then every widget gets Qt's ``LanguageChange``, for those that put their texts together.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

from PyQt5 import sip
from PyQt5.QtCore import QCoreApplication, QEvent, QObject, Qt
from PyQt5.QtWidgets import (
    QAbstractButton,
    QAbstractSpinBox,
    QAction,
    QApplication,
    QComboBox,
    QDialogButtonBox,
    QGroupBox,
    QLabel,
    QLineEdit,
    QListWidget,
    QMenu,
    QPlainTextEdit,
    QTabBar,
    QTableWidget,
    QToolButton,
    QWidget,
)

from filterlab.gui import i18n, mnemonics

__all__ = ["change_language"]

#: The object that shows a text, the text, and how to put another in its place.
Place = tuple[QObject, str, Callable[[str], None]]

_OURS = "filterlab."

#: What parts texts that stand beside or below each other in one widget.
_BESIDE = re.compile(r"(\n|\s{2,}|^\s|\s(?=▾))")

#: Places by kind of widget: the property, and its setter.
_PROPERTIES: tuple[tuple[type, tuple[str, ...]], ...] = (
    (QWidget, ("windowTitle", "toolTip", "statusTip", "accessibleName", "accessibleDescription")),
    (QLabel, ("text",)),
    (QAbstractButton, ("text",)),
    (QLineEdit, ("placeholderText",)),
    (QPlainTextEdit, ("placeholderText",)),
    (QGroupBox, ("title",)),
    (QMenu, ("title",)),
    (QAbstractSpinBox, ("specialValueText", "prefix", "suffix")),
)


def change_language(name: str) -> None:
    """Use a language from now on, for all that is shown.

    Raises
    ------
    ValueError
        If there is no such language.
    """
    found = i18n.known(name)
    if not found:
        raise ValueError(f"no such language: {name!r}")
    widgets = QApplication.allWidgets()
    made = [
        (where, put, again)
        for where, text, put in _places(widgets)
        if (again := _made_of(text, where)) is not None
    ]
    held = [(w, key, _remade(value, w)) for w in widgets for key, value in _kept_texts(w)]
    i18n.set_language(found)
    for _, put, again in made:
        put(again())
    for widget, key, again in held:
        setattr(widget, key, again())
    for widget in widgets:
        # Qt passes it on to all that a window holds.
        if widget.isWindow():
            QCoreApplication.sendEvent(widget, QEvent(QEvent.LanguageChange))
    for widget in widgets:
        if isinstance(widget, QTabBar):
            _name_scroll_buttons(widget)
    for where, put, again in made:
        # Qt has named a dialog's usual buttons as it does.
        if not sip.isdeleted(where) and isinstance(where.parent(), QDialogButtonBox):
            put(again())


def _places(widgets: list[QWidget]) -> Iterator[Place]:
    seen: dict[int, QAction] = {}
    for widget in widgets:
        for kind, names in _PROPERTIES:
            if isinstance(widget, kind):
                for name in names:
                    if hasattr(widget, name):
                        setter = f"set{name[0].upper()}{name[1:]}"
                        yield widget, str(getattr(widget, name)()), getattr(widget, setter)
        yield from _entries(widget)
        actions = widget.findChildren(QAction, options=Qt.FindDirectChildrenOnly)
        for action in (*widget.actions(), *actions):
            if id(action) not in seen:
                seen[id(action)] = action
                yield from _of_action(action)


def _of_action(action: QAction) -> Iterator[Place]:
    # A tool tip that nobody has set follows the text.
    tip = str(action.toolTip())
    if tip and tip != action.text().replace("&", ""):
        yield action, tip, action.setToolTip
    yield action, str(action.text()), action.setText


def _entries(widget: QWidget) -> Iterator[Place]:
    """The texts of tabs, choices, lists and heads of tables."""
    if isinstance(widget, QTabBar):
        for k in range(widget.count()):
            yield widget, str(widget.tabText(k)), partial(widget.setTabText, k)
            yield widget, str(widget.tabToolTip(k)), partial(widget.setTabToolTip, k)
    elif isinstance(widget, QComboBox):
        for k in range(widget.count()):
            yield widget, str(widget.itemText(k)), partial(widget.setItemText, k)
            tip = str(widget.itemData(k, Qt.ToolTipRole) or "")
            yield widget, tip, partial(_set_tip, widget, k)
    elif isinstance(widget, QListWidget):
        for entry in (widget.item(k) for k in range(widget.count())):
            if entry is not None:
                yield widget, str(entry.text()), entry.setText
    elif isinstance(widget, QTableWidget):
        heads = (widget.horizontalHeaderItem(k) for k in range(widget.columnCount()))
        for item in heads:
            if item is not None:
                yield widget, str(item.text()), item.setText


def _name_scroll_buttons(tabs: QTabBar) -> None:
    """Qt names them when the tabs are made, and never again."""
    for name in ("Scroll Left", "Scroll Right"):
        button = tabs.findChild(QToolButton, f"{name.replace(' ', '')}Button")
        if button is not None:
            button.setAccessibleName(QCoreApplication.translate("QTabBar", name))


def _set_tip(combo: QComboBox, index: int, text: str) -> None:
    combo.setItemData(index, text, Qt.ToolTipRole)


def _kept_texts(widget: QObject) -> Iterator[tuple[str, Any]]:
    """Texts as ``tr`` gave them, and tuples and lists with such, in attributes of our widgets."""
    if type(widget).__module__.startswith(_OURS):
        for key, value in vars(widget).items():
            several = value if isinstance(value, list | tuple) else (value,)
            if any(isinstance(text, i18n.Said) for text in several):
                yield key, value


def _remade(value: Any, where: QObject) -> Callable[[], Any]:
    """What gives the value of an attribute anew."""
    if isinstance(value, list | tuple):
        parts = [_remade(part, where) for part in value]
        kind = list if isinstance(value, list) else tuple
        return lambda: kind(part() for part in parts)
    if not isinstance(value, i18n.Said):
        return lambda: value
    return _made_of(value, where) or (lambda: i18n.tr(value.of))


def _made_of(shown: str, where: QObject) -> Callable[[], str] | None:
    """What tells a text again; None if nobody has said it.

    It may have got an underlined letter since, and may stand beside others (``Close   Esc``) or
    above one.
    """
    if not shown or shown.isspace():
        return None
    said = shown if i18n.said_as(shown) is not None else mnemonics.plain(shown)
    if i18n.said_as(said) is not None:
        of = i18n.said_as(said, _modules(where))
        assert of is not None
        # What stands in its places may be texts that were told before it.
        args = {}
        if isinstance(of, i18n.Text):
            args = {
                place: again
                for place, value in of.args.items()
                if isinstance(value, str) and (again := _made_of(value, where)) is not None
            }
        known = of
        return lambda: _told(known, args)
    parts = _BESIDE.split(shown)
    if len(parts) == 1:
        return None
    made = [_made_of(part, where) for part in parts]
    if not any(made):
        return None
    return lambda: "".join(part if again is None else again() for part, again in zip(parts, made))


def _modules(what: QObject | None) -> list[str]:
    """Who may have said the text of an object: the modules around it, then their packages."""
    found = []
    while what is not None:
        found.append(type(what).__module__)
        what = what.parent()
    return [*found, *(module.rpartition(".")[0] for module in found)]


def _told(of: str, args: dict[str, Callable[[], str]]) -> str:
    if isinstance(of, i18n.Text) and args:
        return i18n.tr(of.with_args(**{place: again() for place, again in args.items()}))
    return i18n.tr(of)
