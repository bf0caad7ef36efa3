"""Undo, redo, groups, merging, the limit, and what counts as saved."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from filterlab.workbench.journal import Edit, Journal


def _push(journal: Journal[int], old: int, new: int, name: str = "x", merge: object = None) -> None:
    journal.push(Edit(name, old, new, merge=merge))  # type: ignore[arg-type]


def test_undo_and_redo() -> None:
    journal: Journal[int] = Journal()
    assert journal.undo() is None
    assert journal.redo() is None
    _push(journal, 0, 1, "one")
    _push(journal, 1, 2, "two")
    undone = journal.undo()
    assert undone is not None
    assert (undone.name, undone.old) == ("two", 1)
    assert journal.redo_edit is undone
    assert journal.redo() is undone
    journal.undo()
    _push(journal, 1, 5, "five")
    assert journal.redo() is None
    assert [journal.undo().old for _ in range(2)] == [1, 0]  # type: ignore[union-attr]


def test_a_group_is_one_step() -> None:
    journal: Journal[int] = Journal()
    with journal.group("Paint"):
        _push(journal, 0, 1)
        with journal.group():
            _push(journal, 1, 2)
        _push(journal, 2, 3)
        assert journal.grouping
    with journal.group("Empty"):
        pass
    assert len(journal) == 1
    edit = journal.undo()
    assert edit is not None
    assert (edit.name, edit.old, edit.new) == ("Paint", 0, 3)

    def broken() -> None:
        with journal.group("Broken"):
            _push(journal, 0, 7)
            raise ValueError("stop")

    with pytest.raises(ValueError, match="stop"):
        broken()
    assert journal.undo_edit is not None
    assert journal.undo_edit.new == 7
    assert journal.end() is None


def test_edits_of_a_run_are_one_step() -> None:
    journal: Journal[int] = Journal()
    for run, values in (("a", (0, 1, 2)), ("b", (3, 4)), (None, (5, 6))):
        for value in values:
            with journal.joining(run):
                journal.push(Edit("x", value, value + 1, f"line {value}"))
    assert [(e.old, e.new, e.code) for e in journal.done] == [
        (0, 3, ""), (3, 5, ""), (5, 6, "line 5"), (6, 7, "line 6"),
    ]  # fmt: skip
    with journal.joining("c"):
        for value in (7, 8):
            journal.begin("Group")
            _push(journal, value, value + 1)
            journal.end()
        _push(journal, 9, 10, merge="own")
    assert [(e.old, e.new) for e in journal.done[4:]] == [(7, 9), (9, 10)]
    journal.undo()
    journal.undo()
    with journal.joining("c"):
        _push(journal, 7, 8)
    journal.undo()
    assert journal.undo_edit is not None
    assert journal.undo_edit.new == 7, "undo ends a run"


def test_the_saved_state_at_the_edge_of_what_is_kept() -> None:
    journal: Journal[int] = Journal(limit=2)
    _push(journal, 0, 1)
    journal.mark_clean()
    _push(journal, 1, 2)
    _push(journal, 2, 3)
    assert not journal.clean
    assert [journal.undo().old for _ in range(2)] == [2, 1]  # type: ignore[union-attr]
    assert journal.clean, "the first that can be gone back to is the one that was saved"
    journal.redo()
    journal.redo()
    _push(journal, 3, 4)
    journal.undo()
    journal.undo()
    assert not journal.clean, "the saved one is out of reach"


def test_undo_within_a_drag_takes_it_back() -> None:
    journal: Journal[int] = Journal()
    journal.begin("Paint")
    _push(journal, 0, 1)
    _push(journal, 1, 2)
    edit = journal.undo()
    assert edit is not None
    assert edit.old == 0
    assert not journal.grouping


def test_merging() -> None:
    journal: Journal[int] = Journal()
    for value in range(3):
        _push(journal, value, value + 1, "slide", "s")
    assert len(journal) == 1
    assert journal.undo_edit is not None
    assert (journal.undo_edit.old, journal.undo_edit.new) == (0, 3)
    journal.seal()
    _push(journal, 3, 4, "slide", "s")
    _push(journal, 4, 5, "slide", "other")
    assert len(journal) == 3
    journal.mark_clean()
    _push(journal, 5, 6, "slide", "other")
    assert len(journal) == 4, "merging into a saved state would call it unsaved for ever"
    assert not journal.clean
    journal.undo()
    assert journal.clean


def test_clean_state() -> None:
    journal: Journal[int] = Journal()
    assert journal.clean
    _push(journal, 0, 1)
    assert not journal.clean
    journal.mark_clean()
    _push(journal, 1, 2)
    journal.undo()
    assert journal.clean
    journal.undo()
    assert not journal.clean
    _push(journal, 0, 9)
    journal.undo()
    assert not journal.clean, "the saved state is out of reach"
    journal.clear()
    assert journal.clean


def test_limit_and_budget() -> None:
    journal: Journal[int] = Journal(limit=5)
    for value in range(20):
        _push(journal, value, value + 1)
    assert len(journal) == 5
    assert [journal.undo().old for _ in range(5)] == [19, 18, 17, 16, 15]  # type: ignore[union-attr]
    assert not journal.clean
    dear: Journal[int] = Journal(cost=lambda edit: 100, budget=250)
    for value in range(5):
        _push(dear, value, value + 1)
    assert len(dear) == 2
    huge: Journal[int] = Journal(cost=lambda edit: 1000, budget=250)
    _push(huge, 0, 1)
    assert len(huge) == 1


@settings(max_examples=100, deadline=None)
@given(st.lists(st.sampled_from(["edit", "merge", "run", "undo", "redo", "begin", "end", "clean"])))
def test_any_history_leads_back_to_the_beginning(actions: list[str]) -> None:
    journal: Journal[int] = Journal()
    state, counter, saved = 0, 0, 0
    for action in actions:
        if action in ("edit", "merge", "run"):
            counter += 1
            with journal.joining("r" if action == "run" else None):
                _push(journal, state, counter, merge="m" if action == "merge" else None)
            state = counter
        elif action in ("undo", "redo"):
            edit = journal.undo() if action == "undo" else journal.redo()
            if edit is not None:
                state = edit.old if action == "undo" else edit.new
        elif action == "clean":
            journal.mark_clean()
            saved = state
        else:
            journal.begin("g") if action == "begin" else journal.end()
        if journal.clean:
            assert state == saved
    while (edit := journal.undo()) is not None:
        assert edit.new == state
        state = edit.old
    assert state == 0


def test_a_group_keeps_no_state_but_those_around_it() -> None:
    """A stroke over a large picture makes a hundred states; only two may stay alive."""
    import weakref
    from itertools import pairwise

    class State:
        pass

    states = [State() for _ in range(5)]
    alive = [weakref.ref(state) for state in states]
    journal: Journal[State] = Journal()
    journal.begin("Draw")
    for old, new in pairwise(states):
        journal.push(Edit("dab", old, new, "same line"))
    del states, old, new
    step = journal.end()
    assert step is not None
    assert (step.old, step.new, step.code) == (alive[0](), alive[4](), "same line")
    assert [ref() is None for ref in alive] == [False, True, True, True, False]


def test_each_edit_counts_with_its_own_cost() -> None:
    """40, 5 and 50 bytes are within 100; 10 more are not, and the oldest is forgotten."""
    journal: Journal[int] = Journal(cost=lambda edit: edit.new, budget=100)
    for name, cost in (("a", 40), ("b", 5), ("c", 50)):
        journal.push(Edit(name, 0, cost))
        journal.seal()
    assert [edit.name for edit in journal.done] == ["a", "b", "c"]
    journal.push(Edit("d", 0, 10))
    assert [edit.name for edit in journal.done] == ["b", "c", "d"]
    journal.undo()
    journal.undo()
    journal.push(Edit("e", 0, 95))
    assert [edit.name for edit in journal.done] == ["b", "e"], "what was undone costs nothing"
    journal.push(Edit("f", 0, 1000))
    assert [edit.name for edit in journal.done] == ["f"], "the newest is kept whatever it costs"
