"""Undo and redo of named edits.

An edit is kept as the two states around it, captured when it is made. States are immutable
values that share what did not change, so that keeping them is cheap and going back is exact.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Hashable, Iterator
from dataclasses import dataclass, replace
from typing import Generic, TypeVar

__all__ = ["Edit", "Journal"]

T = TypeVar("T")


@dataclass(frozen=True)
class Edit(Generic[T]):
    """One step of the Edit menu.

    Attributes
    ----------
    name : str
        For the menu, in English: ``Paint``, ``Normalise to sum 1``.
    old, new : state
        Before and after.
    code : str
        The pycaffe lines that do the same; may be empty.
    slot : int or None
        The filter it changed, if it changed one.
    merge : hashable or None
        Edits with the same key that follow each other are one step (a slider being moved).
    """

    name: str
    old: T
    new: T
    code: str = ""
    slot: int | None = None
    merge: Hashable = None


class Journal(Generic[T]):
    """The edits made, and those undone.

    Parameters
    ----------
    limit : int
        How many steps are kept; older ones are forgotten.
    cost : function of an edit, optional
        Bytes that keeping it costs; together with ``budget`` forgets the oldest edits early.
    budget : int
        The bytes that may be kept. The newest edit is always kept.
    """

    def __init__(
        self,
        limit: int = 1000,
        cost: Callable[[Edit[T]], int] | None = None,
        budget: int = 1 << 29,
    ) -> None:
        self._limit = limit
        self._cost = cost
        self._budget = budget
        self._done: list[Edit[T]] = []
        self._undone: list[Edit[T]] = []
        self._costs: list[int] = []
        self._group: list[Edit[T]] | None = None
        self._group_name = ""
        self._group_merge: Hashable = None
        self._joining: Hashable = None
        self._codes: dict[str, None] = {}
        self._depth = 0
        # How many edits were done when the state was last saved; None if that is out of reach.
        self._clean: int | None = 0
        self._sealed = True

    # --- recording ----------------------------------------------------------------------------

    def push(self, edit: Edit[T]) -> None:
        """Record an edit that has been made. What was undone before can no longer be redone."""
        if self._group is not None:
            self._codes.update(dict.fromkeys([edit.code] if edit.code else []))
            if self._group:
                # Only the states around a group are kept: a stroke over a large picture makes
                # a hundred of them.
                first = self._group[0]
                slot = first.slot if first.slot == edit.slot else None
                edit = Edit(first.name, first.old, edit.new, "", slot)
            self._group = [edit]
            return
        if edit.merge is None and self._joining is not None:
            edit = replace(edit, merge=self._joining)
        if self._clean is not None and self._clean > len(self._done):
            self._clean = None
        self._undone.clear()
        if self.joins(edit.merge):
            if edit.merge == self._joining:
                edit = replace(edit, code="")  # it says only what the last of them did
            self._done[-1] = replace(edit, old=self._done[-1].old)
        else:
            self._done.append(edit)
        self._sealed = False
        self._forget()

    def joins(self, merge: Hashable) -> bool:
        """Whether an edit with this key would be one step with the last one."""
        last = self._done[-1] if self._done else None
        return (
            last is not None
            and not self._sealed
            and merge is not None
            and last.merge == merge
            and self._clean != len(self._done)
        )

    @contextlib.contextmanager
    def joining(self, merge: Hashable) -> Iterator[None]:
        """Edits made in the block have this key, unless they have one of their own.

        The step that several of them become has no code.
        """
        before, self._joining = self._joining, merge
        try:
            yield
        finally:
            self._joining = before

    def seal(self) -> None:
        """End the merging of like edits: the next one is a step of its own."""
        self._sealed = True

    def _forget(self) -> None:
        drop = max(0, len(self._done) - self._limit)
        if self._cost is not None:
            # Costs are kept beside the edits: asking for all of them anew at every push would
            # make each edit slower than the one before.
            while len(self._costs) > len(self._done):
                self._costs.pop()
            known = len(self._costs)
            if known == len(self._done) and known:
                self._costs[-1] = self._cost(self._done[-1])
            self._costs.extend(self._cost(edit) for edit in self._done[known:])
            spent = sum(self._costs[drop:])
            while spent > self._budget and drop < len(self._done) - 1:
                spent -= self._costs[drop]
                drop += 1
        if drop:
            del self._done[:drop]
            del self._costs[:drop]
            if self._clean is not None:
                self._clean = self._clean - drop if self._clean >= drop else None

    def begin(self, name: str = "", merge: Hashable = None) -> None:
        """Gather edits into one step until :meth:`end`; calls may be nested.

        ``name`` is the step's name; empty takes the first edit's. Groups with the same ``merge``
        that follow each other are one step.
        """
        if self._depth == 0:
            self._group, self._group_name, self._codes = [], name, {}
            self._group_merge = merge
        self._depth += 1

    def end(self) -> Edit[T] | None:
        """End a group; returns the one step it became, or None if nothing was edited in it."""
        if self._depth == 0:
            return None
        self._depth -= 1
        if self._depth or self._group is None:
            return None
        edits, self._group = self._group, None
        if not edits:
            return None
        (edit,) = edits
        step = Edit(
            self._group_name or edit.name, edit.old, edit.new, "\n".join(self._codes), edit.slot,
            self._joining if self._group_merge is None else self._group_merge,
        )  # fmt: skip
        self.push(step)
        if step.merge is None:
            self.seal()
        return step

    @contextlib.contextmanager
    def group(self, name: str = "") -> Iterator[None]:
        """``with journal.group("Paint"): …`` is one step, also if the block raises."""
        self.begin(name)
        try:
            yield
        finally:
            self.end()

    @property
    def grouping(self) -> bool:
        return self._depth > 0

    # --- going back and forth -----------------------------------------------------------------

    def undo(self) -> Edit[T] | None:
        """The edit to take back (the caller puts its ``old`` in place); None if there is none."""
        self.close_groups()
        if not self._done:
            return None
        edit = self._done.pop()
        self._undone.append(edit)
        self.seal()
        return edit

    def redo(self) -> Edit[T] | None:
        """The edit to make again (the caller puts its ``new`` in place); None if there is none."""
        self.close_groups()
        if not self._undone:
            return None
        edit = self._undone.pop()
        self._done.append(edit)
        self.seal()
        return edit

    def close_groups(self) -> None:
        """End every group that is open.

        Undo in the middle of a drag takes the drag back as far as it came; and the end of a
        group may have been lost, with the window that was to tell it.
        """
        while self._depth:
            self.end()

    @property
    def undo_edit(self) -> Edit[T] | None:
        """What :meth:`undo` would take back."""
        return self._done[-1] if self._done else None

    @property
    def done(self) -> tuple[Edit[T], ...]:
        """The edits that are kept and not undone, the oldest first."""
        return tuple(self._done)

    @property
    def redo_edit(self) -> Edit[T] | None:
        """What :meth:`redo` would make again."""
        return self._undone[-1] if self._undone else None

    def __len__(self) -> int:
        return len(self._done)

    # --- saved or not -------------------------------------------------------------------------

    def mark_clean(self) -> None:
        """Remember that the present state is saved."""
        self.close_groups()
        self._clean = len(self._done)
        self.seal()

    @property
    def clean(self) -> bool:
        """Whether the present state is the one that was saved."""
        return self._clean == len(self._done) and not self._group

    def clear(self) -> None:
        """Forget everything; the present state counts as saved."""
        self._done.clear()
        self._undone.clear()
        self._group, self._depth, self._clean, self._sealed = None, 0, 0, True
