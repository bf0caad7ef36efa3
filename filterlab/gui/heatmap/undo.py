"""Undo of the choices: classes, pinned cells and the map's look; nothing here runs a net."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from filterlab.gui.heatmap.look_names import field_name, lays, name_of, scales, shows
from filterlab.gui.i18n import tr

if TYPE_CHECKING:
    from filterlab.gui.heatmap.tab import HeatmapTab

__all__ = ["Undo"]

#: Steps of a slider that follow each other so soon, in seconds, are one edit.
_TOGETHER_S = 1.0
_LIMIT = 500
_SLIDERS = frozenset({"opacity", "threshold", "gamma"})
_NAMES = {"show": shows, "lay": lays, "scale": scales}

Values = dict[str, Any]


@dataclass(frozen=True)
class _Edit:
    """One step: the choices it changed, by key, before and after."""

    was: Values
    now: Values

    @property
    def keys(self) -> frozenset[str]:
        return frozenset(self.now)


class Undo:
    """The edits of a tab's choices. A job's doings are none, but may put edits out of reach.

    Parameters
    ----------
    tab : HeatmapTab
    changed : function
        Called when what can be undone or redone has changed.
    """

    def __init__(self, tab: HeatmapTab, changed: Callable[[], object]) -> None:
        self._tab, self._changed = tab, changed
        self._done: list[_Edit] = []
        self._undone: list[_Edit] = []
        self._last: Values = {}
        self._sealed, self._noted = True, 0.0
        self._applying = False
        self._grid: tuple[int, int] | None = None

    def _grid_now(self) -> tuple[int, int] | None:
        maps = self._tab.maps
        return None if maps is None else (maps.rows, maps.cols)

    def _values(self) -> Values:
        tab = self._tab
        return {
            **vars(tab.controls.look),
            "words": tab.controls.grid_box.isChecked(),
            "chosen": tab.chosen,
            "second": tab.second,
            "pins": tuple(tab.cells.pins),
        }

    def _changes(self) -> tuple[Values, Values]:
        """What differs from what was seen last: before and after."""
        before, self._last = self._last, self._values()
        after = {key: value for key, value in self._last.items() if before.get(key) != value}
        return {key: before.get(key) for key in after}, after

    def note(self) -> None:
        """The user has chosen something: what differs from before is an edit."""
        if self._applying:
            return
        was, now = self._changes()
        if not now:
            return
        self._undone.clear()
        edit = _Edit(was, now)
        if self._goes_on(edit):
            edit = _Edit(self._done.pop().was, now)
        self._done = [*self._done, edit][-_LIMIT:]
        self._sealed, self._noted = False, time.monotonic()
        self._changed()

    def _goes_on(self, edit: _Edit) -> bool:
        """Whether a slider is still being moved, so that this step belongs to the last one."""
        if self._sealed or not self._done or not edit.keys < _SLIDERS:
            return False
        soon = self._tab.controls.dragged or time.monotonic() - self._noted < _TOGETHER_S
        return soon and self._done[-1].keys == edit.keys

    def seal(self) -> None:
        """The next step is an edit of its own."""
        self._sealed = True

    def settle(self) -> None:
        """A job has changed what is chosen: that is no edit, but older ones of it are void."""
        _, now = self._changes()
        void = {key for key in ("chosen", "second", "pins") if key in now}
        if self._grid_now() != self._grid:  # cells of another grid, even if none is pinned now
            self._grid = self._grid_now()
            void.add("pins")
        self.drop(*void)

    def drop(self, *keys: str) -> None:
        """Forget the edits of these choices."""
        gone = frozenset(keys)
        self._done = [edit for edit in self._done if not edit.keys & gone]
        self._undone = [edit for edit in self._undone if not edit.keys & gone]
        self._changed()

    # Going back and forth

    def undo(self) -> None:
        """Take the last edit back."""
        if self._done:
            edit = self._done.pop()
            self._undone.append(edit)
            self._apply(edit.was)

    def redo(self) -> None:
        """Make the last undone edit again."""
        if self._undone:
            edit = self._undone.pop()
            self._done.append(edit)
            self._apply(edit.now)

    def _apply(self, values: Values) -> None:
        tab = self._tab
        self._applying = True
        look = {key: value for key, value in values.items() if hasattr(tab.controls.look, key)}
        tab.show_choices(
            replace(tab.controls.look, **look),
            values.get("chosen", tab.chosen),
            values.get("second", tab.second),
        )
        if "words" in values:
            tab.controls.grid_box.setChecked(values["words"])
        if "pins" in values:
            tab.cells.set_pins(values["pins"])
        self._applying = False
        self._last = self._values()
        self.seal()
        self._changed()

    # What the menu says

    @property
    def undo_text(self) -> str:
        """The name of the edit that :meth:`undo` takes back; empty for none."""
        return self._name(self._done[-1]) if self._done else ""

    @property
    def redo_text(self) -> str:
        """The name of the edit that :meth:`redo` makes again; empty for none."""
        return self._name(self._undone[-1]) if self._undone else ""

    def _name(self, edit: _Edit) -> str:
        keys = edit.keys
        if "pins" in keys:
            return _pins_name(edit.was["pins"], edit.now["pins"])
        if "chosen" in keys:
            return tr("choose {name}").format(name=self._classes(edit.now["chosen"]))
        if "second" in keys and edit.now["second"]:
            return tr("compare with {name}").format(name=self._classes(edit.now["second"]))
        if len(keys) > 1:
            return tr("the map's look")
        (key,) = keys
        value = edit.now[key]
        if isinstance(value, str):
            value = name_of(_NAMES[key](), value) if key in _NAMES else value
            return f"{field_name(key)}: {value}"
        return field_name(key)

    def _classes(self, classes: tuple[int, ...]) -> str:
        return self._tab.classes.name_of(classes) if classes else tr("none")

    # A rebuilt window

    def state(self) -> tuple[list[_Edit], list[_Edit]]:
        """For a rebuilt window."""
        return list(self._done), list(self._undone)

    def set_state(self, state: tuple[list[_Edit], list[_Edit]]) -> None:
        """Go on as before."""
        self._done, self._undone = list(state[0]), list(state[1])
        self._last, self._grid = self._values(), self._grid_now()
        self._changed()


def _pins_name(was: tuple[Any, ...], now: tuple[Any, ...]) -> str:
    new = [cell for cell in now if cell not in was]
    gone = [cell for cell in was if cell not in now]
    if not new and len(gone) != 1:
        return tr("forget pinned cells")
    i, j = (new or gone)[0]
    return (tr("pin cell ({i}, {j})") if new else tr("unpin cell ({i}, {j})")).format(i=i, j=j)
