"""The reference of every control, read off the real window."""

from __future__ import annotations

import os
import re
import tempfile
from collections.abc import Iterator
from pathlib import Path

__all__ = ["reference"]

_PICTURES = {
    "filters": ("filters.png", "The Filters tab at its start"),
    "heatmap": ("view.png", "The Heatmap tab with its View popover"),
    "net": ("net.png", "The Net tab, a unit of the first layer set to zero"),
}


def _cell(text: str) -> str:
    plain = text.replace("&&", "\0").replace("&", "").replace("\0", "&")
    return " ".join(plain.replace("|", "\\|").replace("<", "&lt;").split())


def _rows(rows: list[tuple[str, ...]]) -> str:
    return "\n".join(f"| {' | '.join(_cell(cell) for cell in row)} |" for row in rows)


def _menu_rows(menu, path: str) -> Iterator[tuple[str, ...]]:  # type: ignore[no-untyped-def]
    for action in menu.actions():
        if action.isSeparator() or not action.text():
            continue
        name = f"{path} › {action.text()}"
        if action.menu() is not None:
            inner = list(_menu_rows(action.menu(), name))
            yield from inner or [(name, "", "")]
            continue
        tip = action.toolTip()
        same = _cell(tip) == _cell(action.text().rstrip("…. "))
        yield name, action.shortcut().toString(), "" if same or tip == action.text() else tip


def _control_rows(tab) -> list[tuple[str, ...]]:  # type: ignore[no-untyped-def]
    from PyQt5.QtWidgets import (
        QAbstractButton,
        QAbstractSlider,
        QAbstractSpinBox,
        QCheckBox,
        QComboBox,
        QLineEdit,
        QScrollBar,
    )

    kinds = [
        (QCheckBox, "tick box"),
        (QAbstractButton, "button"),
        (QComboBox, "choice"),
        (QAbstractSlider, "slider"),
        (QAbstractSpinBox, "number"),
        (QLineEdit, "field"),
    ]
    rows: dict[tuple[str, ...], None] = {}
    for kind, word in kinds:
        for widget in tab.findChildren(kind):
            inside = isinstance(widget.parent(), (QComboBox, QAbstractSpinBox))
            if isinstance(widget, QScrollBar) or inside:
                continue
            text = (
                "" if isinstance(widget, (QComboBox, QLineEdit)) else getattr(widget, "text", str)()
            )
            name = (widget.accessibleName() or text).rstrip(" ▾")
            if not name or name[0].isdigit():
                continue
            if word == "button" and isinstance(widget, QCheckBox):
                continue
            tip = widget.toolTip()
            rows[name, word, "" if _cell(tip) == _cell(name) else tip] = None
    return sorted(rows, key=lambda row: row[0].casefold())


def _help(text: str) -> str:
    """A tab's help without its own heading; Markdown keeps the rest of the HTML."""
    return re.sub(r"<h2>.*?</h2>", "", text)


def reference() -> str:
    """The page in Markdown: each tab's keys, menus and controls, as the window has them."""
    os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")
    os.environ["FILTERLAB_LANG"] = "en"
    from PyQt5.QtWidgets import QMenuBar

    from filterlab.gui.app import Desk, make_application
    from filterlab.gui.settings import Settings
    from filterlab.gui.tab import Tab

    parts = [
        "# Every control",
        "This page is read off the program itself. Whatever has a tool tip in the window is told "
        "here in its words; F1 in the window tells the same of the tab in front.",
    ]
    with tempfile.TemporaryDirectory() as folder:
        app = make_application()
        desk = Desk(app, Settings(Path(folder)))
        window = desk.window
        try:
            for tab in sorted(window.findChildren(Tab), key=lambda t: t.name != "filters"):
                window.show_tab(tab.name)
                app.processEvents()
                picture, caption = _PICTURES.get(tab.name, ("", ""))
                parts.append(f"## {tab.title()}")
                if picture:
                    parts.append(f"![{caption}](../tour/{picture})")
                parts.append(f"### {tab.title()}: in the window")
                parts.append(
                    "| control | kind | what it does |\n|---|---|---|\n" + _rows(_control_rows(tab))
                )
                parts.append(f"### {tab.title()}: in the menus")
                bar = window.findChild(QMenuBar)
                rows = [row for top in bar.actions() for row in _menu_rows(top.menu(), top.text())]
                parts.append("| item | key | what it does |\n|---|---|---|\n" + _rows(rows))
                parts.append(f"### {tab.title()}: hands and keys")
                parts.append(_help(tab.help_html()))
        finally:
            window.close()
            app.processEvents()
    return "\n\n".join(parts) + "\n"
