"""Files of the user are replaced only after a question that names them."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from PyQt5.QtWidgets import QFileDialog, QMessageBox, QWidget
from pytestqt.qtbot import QtBot

from filterlab.gui.file_dialogs import may_replace
from filterlab.gui.filters.tab import FiltersTab

Asked = list[tuple[str, str]]


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> Callable[[str], Asked]:
    """Answer all questions with a button; returns what is asked, with the default button."""

    def answer(label: str) -> Asked:
        seen: Asked = []

        def exec_(box: QMessageBox) -> int:
            seen.append((box.text(), box.defaultButton().text()))
            next(button for button in box.buttons() if button.text() == label).click()
            return 0

        monkeypatch.setattr(QMessageBox, "exec_", exec_)
        return seen

    return answer


def save_as(monkeypatch: pytest.MonkeyPatch, path: Path, pattern: str = "") -> None:
    monkeypatch.setattr(QFileDialog, "getSaveFileName", lambda *_: (str(path), pattern))


def test_a_nets_files_are_not_replaced_unasked(
    tab: FiltersTab, hands: Any, tmp_path: Path, asked: Callable[[str], Asked],
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    names = ("mine.prototxt", "mine.caffemodel")
    for name in names:
        (tmp_path / name).write_text("precious")
    save_as(monkeypatch, tmp_path / "mine")
    seen = asked("Cancel")
    tab.actions_.save_net.trigger()
    assert seen == [(f"Replace mine.prototxt, mine.caffemodel in {tmp_path}?", "Cancel")]
    assert [(tmp_path / name).read_text() for name in names] == ["precious"] * 2
    # The file dialog has asked about the name that was typed, and about no other.
    save_as(monkeypatch, tmp_path / "mine.prototxt")
    seen = asked("Replace")
    tab.actions_.save_net.trigger()
    assert seen == [(f"Replace mine.caffemodel in {tmp_path}?", "Cancel")]
    assert "conv" in (tmp_path / "mine.prototxt").read_text()
    assert b"precious" not in (tmp_path / "mine.caffemodel").read_bytes()
    assert hands.errors == []


def test_a_dot_in_a_nets_name_stays(
    tab: FiltersTab, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "mine.prototxt").write_text("precious")
    save_as(monkeypatch, tmp_path / "mine.v2")
    tab.actions_.save_net.trigger()
    assert (tmp_path / "mine.v2.caffemodel").is_file()
    assert (tmp_path / "mine.prototxt").read_text() == "precious"


def test_numbered_outputs_are_not_replaced_unasked(
    qtbot: QtBot, tab: FiltersTab, tmp_path: Path, asked: Callable[[str], Asked],
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    for slot in range(3):
        (tmp_path / f"outs_{slot}.npy").write_text("precious")
    save_as(monkeypatch, tmp_path / "outs.npy")
    seen = asked("Cancel")
    tab.actions_.save_outputs.trigger()
    qtbot.waitUntil(lambda: not tab.files.runner.running, timeout=15000)
    assert seen == [(f"Replace outs_0.npy, outs_1.npy, outs_2.npy in {tmp_path}?", "Cancel")]
    assert {path.read_text() for path in tmp_path.glob("outs*")} == {"precious"}
    asked("Replace")
    tab.actions_.save_outputs.trigger()
    qtbot.waitUntil(lambda: not tab.files.runner.running, timeout=15000)
    assert sorted(path.name for path in tmp_path.glob("outs*")) == [
        "outs_0.npy", "outs_1.npy", "outs_2.npy",
    ]  # fmt: skip
    assert all(path.read_bytes().startswith(b"\x93NUMPY") for path in tmp_path.glob("outs*"))


@pytest.mark.parametrize(
    ("pattern", "ending"), [("", ".png"), ("Numbers, float32 (*.npy *.tif)", ".npy")]
)
def test_outputs_get_an_ending(
    qtbot: QtBot, tab: FiltersTab, hands: Any, tmp_path: Path, pattern: str, ending: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    save_as(monkeypatch, tmp_path / "outs", pattern)
    tab.actions_.save_outputs.trigger()
    qtbot.waitUntil(lambda: not tab.files.runner.running, timeout=15000)
    assert {path.name for path in tmp_path.glob("outs*")} == {f"outs_{n}{ending}" for n in range(3)}
    assert hands.errors == []


def test_a_kernel_gets_the_ending_of_the_form_chosen(
    tab: FiltersTab, tmp_path: Path, asked: Callable[[str], Asked], monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "k.csv").write_text("precious")
    save_as(monkeypatch, tmp_path / "k", "CSV (*.csv)")
    seen = asked("Cancel")
    tab.actions_.save_kernel.trigger()
    assert len(seen) == 1
    assert (tmp_path / "k.csv").read_text() == "precious"
    asked("Replace")
    tab.actions_.save_kernel.trigger()
    assert "," in (tmp_path / "k.csv").read_text()


def test_the_question_stands_what_cannot_be_looked_at(
    qtbot: QtBot, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A name too long, a folder that may not be read: said when it is written, not raised here."""
    assert may_replace(QWidget(), [tmp_path / ("x" * 300)])
    assert may_replace(QWidget(), [tmp_path / "a\0b"])

    def refuse(*_: Any, **__: Any) -> None:
        raise PermissionError(13, "Permission denied")

    with monkeypatch.context() as patched:
        patched.setattr(os, "stat", refuse)
        patched.setattr(os, "lstat", refuse)
        assert may_replace(QWidget(), [tmp_path / "locked" / "a.png"])
