"""The tab's menus: what is rarer stands here, and everything has a name."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from qtpy.QtCore import QObject
from qtpy.QtWidgets import QAction, QActionGroup, QMenu

from filterlab.gui.filters.sources import Source
from filterlab.gui.i18n import tr
from filterlab.gui.tab import MenuItems
from filterlab.pictures import PATTERNS, samples

if TYPE_CHECKING:
    from filterlab.gui.filters.tab import FiltersTab

__all__ = ["FilterActions"]


class FilterActions(QObject):
    """Makes the actions of a Filters tab and keeps their check marks right."""

    def __init__(self, tab: FiltersTab) -> None:
        super().__init__(tab)
        self.tab = tab
        self._make_look()
        self._make_samples()
        self.open_picture = tab.make_action(tr("Open picture…"), tab.choose_picture, "Ctrl+O")
        self.fit = tab.make_action(tr("Fit the pictures"), tab.stage.fit, "Ctrl+0")

    def menus(self) -> dict[str, MenuItems]:
        """The actions by menu."""
        return {
            "file": (self.open_picture, self.sample_menu, None),
            "view": (self.look_menu, None, self.fit),
        }

    # Samples

    def _make_samples(self) -> None:
        self.sample_menu = QMenu(tr("Sample"), self.tab)
        for item in samples():
            self._add_source(self.sample_menu, tr(item.title), Source("sample", item.name))
        self.sample_menu.addSeparator()
        for name in PATTERNS:
            self._add_source(self.sample_menu, tr(name), Source("pattern", name))

    def _add_source(self, menu: QMenu, text: str, source: Source) -> None:
        action = menu.addAction(text)
        action.setData(source)
        action.triggered.connect(self._on_source)

    def _on_source(self) -> None:
        self.tab.sources.open(self.sender().data())

    # Look

    def _make_look(self) -> None:
        self.look_menu = QMenu(tr("Scale and colours"), self.tab)
        self._looks: list[tuple[str, Any, QAction]] = []
        for field, choices in (
            ("scale", (("shared", tr("One signed scale for all")),
                       ("own", tr("Each its own scale")),
                       ("clip", tr("Clip to 0–255, as photo editors do")))),
            ("colours", (("diverging", tr("Diverging: blue, white, red")), ("grey", tr("Grey")),
                         ("viridis", tr("Viridis")))),
        ):  # fmt: skip
            group = QActionGroup(self)
            for value, text in choices:
                self._add_look(field, value, text, group)
            self.look_menu.addSeparator()
        self._add_look("relu", True, tr("ReLU: negative values shown as 0"), None)
        self._add_look("absolute", True, tr("Absolute value"), None)
        self.refresh_look()

    def _add_look(self, field: str, value: Any, text: str, group: QActionGroup | None) -> None:
        action = QAction(text, self)
        action.setCheckable(True)
        if group is not None:
            group.addAction(action)
        action.setData((field, value))
        action.triggered.connect(self._on_look)
        self.look_menu.addAction(action)
        self._looks.append((field, value, action))

    def _on_look(self, on: bool) -> None:
        field, value = self.sender().data()
        changes: dict[str, Any] = {field: on if isinstance(value, bool) else value}
        self.tab.set_look(replace(self.tab.look, **changes))

    def refresh_look(self) -> None:
        """Check what is in use."""
        for field, value, action in self._looks:
            action.setChecked(getattr(self.tab.look, field) == value)

    # The "more" menus

    def tool_menu(self, slot: int) -> QMenu:
        """What a filter's "more" button opens."""
        menu = QMenu(self.tab)
        menu.setProperty("slot", slot)
        return menu
