"""Where file dialogs begin: for each kind of file in the folder chosen last, across starts."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PyQt5.QtWidgets import QFileDialog, QMessageBox

from filterlab.gui import file_dialogs
from filterlab.gui.filters.tab import FiltersTab
from filterlab.gui.main_window import MainWindow
from filterlab.gui.settings import Settings
from filterlab.pictures import write_picture


class Dialogs:
    """Stands in for the system's dialogs: remembers where each began, and answers."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.began: list[str] = []
        self.answer = ""
        for name in ("getOpenFileName", "getSaveFileName"):
            monkeypatch.setattr(QFileDialog, name, lambda *given: (self._take(given[2]), ""))
        monkeypatch.setattr(
            QFileDialog, "getExistingDirectory", lambda *given: self._take(given[2])
        )

    def _take(self, began: str) -> str:
        self.began.append(began)
        return self.answer

    def begins(self, ask: Callable[[], object]) -> str:
        """Where a dialog begins that is cancelled."""
        self.answer = ""
        ask()
        return self.began[-1]

    def choose(self, ask: Callable[[], object], path: Path) -> None:
        self.answer = str(path)
        ask()


@pytest.fixture
def dialogs(monkeypatch: pytest.MonkeyPatch) -> Dialogs:
    return Dialogs(monkeypatch)


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    made = Settings(tmp_path / "settings")
    file_dialogs.remember_in(made)
    return made


def test_each_kind_keeps_its_folder_across_starts(
    settings: Settings, dialogs: Dialogs, tmp_path: Path
) -> None:
    for kind in file_dialogs.KINDS:
        folder = tmp_path / f"my {kind}s"
        folder.mkdir()
        assert file_dialogs.folder_for(kind) == "", "none is remembered yet"
        dialogs.choose(
            lambda k=kind: file_dialogs.open_path(None, k, "Open", "* (*)"), folder / "a.x"
        )
    settings.sync()
    file_dialogs.remember_in(Settings(settings.folder))
    for kind in file_dialogs.KINDS:
        folder = str(tmp_path / f"my {kind}s")
        ask = [
            lambda k=kind: file_dialogs.open_path(None, k, "Open", "* (*)"),
            lambda k=kind: file_dialogs.folder_path(None, k, "Folder"),
            lambda k=kind: file_dialogs.save_path(None, k, "Save", "new.txt", "Text (*.txt)"),
        ]
        names = [folder, folder, os.path.join(folder, "new.txt")]
        assert [dialogs.begins(one) for one in ask] == names
    with pytest.raises(ValueError, match="no kind of file"):
        file_dialogs.folder_for("sound")


def test_a_folder_that_is_gone_falls_back(
    settings: Settings, dialogs: Dialogs, tmp_path: Path
) -> None:
    deep = tmp_path / "holiday" / "old"
    deep.mkdir(parents=True)
    file_dialogs.keep_folder("picture", deep)
    assert file_dialogs.folder_for("picture") == str(deep)
    deep.rmdir()
    assert file_dialogs.folder_for("picture") == str(tmp_path / "holiday")
    deep.write_text("a file of that name")
    assert file_dialogs.folder_for("picture") == str(tmp_path / "holiday")
    settings.set_text("picture_folder", os.path.join(os.path.abspath(os.sep), "no such", "place"))
    assert file_dialogs.folder_for("picture") == "", "the root is no place of the user's"
    for odd in ("not absolute", f"{tmp_path}\0", "\0"):
        settings.set_text("picture_folder", odd)
        assert file_dialogs.folder_for("picture") in ("", str(tmp_path.parent))


def test_what_was_not_written_leaves_the_folder(
    settings: Settings, dialogs: Dialogs, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    there = tmp_path / "there"
    there.mkdir()
    (there / "out.txt").write_text("precious")
    monkeypatch.setattr(QMessageBox, "exec_", lambda box: box.escapeButton().click())
    dialogs.choose(
        lambda: file_dialogs.save_path(None, "save", "Save", "o.txt", "Text (*.txt)"), there / "out"
    )
    assert file_dialogs.folder_for("save") == "", "the question was answered with Cancel"
    dialogs.choose(
        lambda: file_dialogs.save_path(None, "save", "Save", "o.txt", "Text (*.txt)"), there / "new"
    )
    assert file_dialogs.folder_for("save") == str(there)


@pytest.fixture
def window(qtbot: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.setenv("FILTERLAB_LANG", "en")

    def make() -> MainWindow:
        made = MainWindow(Settings(tmp_path / "settings"), [FiltersTab])
        qtbot.addWidget(made)
        made.show()
        tab = made.tab("filters")
        tab.activated()
        qtbot.waitUntil(lambda: tab.settled and tab.stage.frame is not None, timeout=15000)
        return made

    return make


def test_the_windows_dialogs_go_on_where_they_were(
    window: Any, dialogs: Dialogs, tmp_path: Path, qtbot: Any
) -> None:
    places = {kind: tmp_path / kind for kind in file_dialogs.KINDS}
    for folder in places.values():
        folder.mkdir()
    write_picture(places["picture"] / "p.png", np.full((20, 24), 0.5, np.float32))
    (places["kernel"] / "k.txt").write_text("0 1 0\n1 -4 1\n0 1 0\n")
    one = window()
    tab = one.tab("filters")
    tab.bench.save_net(places["net"] / "three")
    dialogs.choose(tab.choose_picture, places["picture"] / "p.png")
    qtbot.waitUntil(lambda: tab.settled and tab.bench.picture.title == "p.png")
    dialogs.choose(tab.files.choose_kernel, places["kernel"] / "k.txt")
    dialogs.choose(tab.files.choose_filters, places["net"] / "three.prototxt")
    dialogs.choose(tab.files.choose_outputs, places["save"] / "out.png")
    qtbot.waitUntil(
        lambda: (places["save"] / "out_0.png").exists() and not tab.files.runner.running
    )
    dialogs.choose(one.projects.save_as, places["project"] / "mine.filterlab")
    qtbot.waitUntil(lambda: one.projects.path is not None)
    one.settings.sync()
    one.close()

    other = window()
    tab = other.tab("filters")
    assert dialogs.begins(tab.choose_picture) == str(places["picture"])
    assert dialogs.begins(tab.files.choose_kernel) == str(places["kernel"])
    begun = dialogs.begins(tab.files.choose_kernel_file)
    assert begun == str(places["kernel"] / "kernel_0.txt")
    assert dialogs.begins(tab.files.choose_filters) == str(places["net"])
    assert dialogs.begins(tab.files.choose_net) == str(places["net"] / "conv")
    assert dialogs.begins(tab.files.choose_outputs) == str(places["save"] / "filter.png")
    assert dialogs.begins(other.projects.choose) == str(places["project"])
    assert dialogs.begins(other.projects.export) == str(places["project"] / "session.ipynb")
    tab.files.show_learn()
    assert dialogs.begins(tab.files.dialog._on_after) == str(places["picture"])
    tab.files.dialog.reject()
    other.close()


def test_no_other_module_asks_for_files(repo: Path) -> None:
    """One place for all dialogs, or one of them forgets its folder."""
    asking = [
        path.name
        for path in (repo / "filterlab").rglob("*.py")
        if "QFileDialog" in path.read_text(encoding="utf-8")
    ]
    assert asking == ["file_dialogs.py"]
