"""Projects in the window: new, open, save, recent, drop, title, the question, the command line."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PyQt5.QtCore import QMimeData, QPointF, Qt, QUrl
from PyQt5.QtGui import QDropEvent
from PyQt5.QtWidgets import QApplication, QFileDialog, QMessageBox

from filterlab.cli import main
from filterlab.gui.main_window import MainWindow
from filterlab.gui.mnemonics import plain
from filterlab.gui.settings import Settings
from filterlab.pictures import write_picture
from filterlab.progress import run_job
from filterlab.workbench.project import Project, Task, read_job, write_job

PHOTO = (np.random.default_rng(1).integers(0, 256, (60, 80, 3)) / np.float32(255)).astype("f4")


@pytest.fixture
def make(qtbot, tmp_path: Path) -> Iterator[Callable[[], MainWindow]]:
    made: list[MainWindow] = []

    def build() -> MainWindow:
        window = MainWindow(Settings(tmp_path / f"data{len(made)}"))
        qtbot.addWidget(window)
        window.show()
        made.append(window)
        return window

    yield build
    for window in made:
        window.close()


@pytest.fixture
def window(make, until) -> MainWindow:
    made = make()
    until(lambda: settled(made))
    return made


def settled(window: MainWindow) -> bool:
    filters, idle = window.tab("filters"), not window.projects.runner.running
    return idle and filters.settled and bool(filters.bench.picture.title)


def answer(monkeypatch: pytest.MonkeyPatch, text: str) -> list[str]:
    """Press a button of the next questions; returns what was asked."""
    asked: list[str] = []

    def exec_(box: QMessageBox) -> int:
        asked.append(box.text())
        next(b for b in box.buttons() if b.text().replace("&", "") == text).click()
        return 0

    monkeypatch.setattr(QMessageBox, "exec_", exec_)
    return asked


def save_as(window: MainWindow, path: Path, monkeypatch: pytest.MonkeyPatch, until: Any) -> None:
    monkeypatch.setattr(QFileDialog, "getSaveFileName", lambda *_: (str(path), ""))
    window.projects.actions[3].trigger()
    until(lambda: settled(window))


def test_work_saved_in_one_window_is_there_in_another(
    make, window, tmp_path, monkeypatch, until
) -> None:
    write_picture(tmp_path / "photo.png", PHOTO)
    filters, heatmap = window.tab("filters"), window.tab("heatmap")
    window.open_paths([tmp_path / "photo.png"])
    until(lambda: settled(window) and filters.bench.picture.title == "photo.png")
    bench = filters.bench
    bench.set_size(7, 0)
    bench.set_cell(0, 1, 1, 1 / 3)
    bench.set_divisor(1, 4)
    heatmap.bench.set_look(opacity=0.25)
    heatmap.bench.choose([2])
    window.projects.task = Task("Title", "Do it", "one", ("size",))
    save_as(window, tmp_path / "work", monkeypatch, until)
    path = tmp_path / "work.filterlab"
    assert path.exists()
    (tmp_path / "photo.png").unlink()

    other = make()
    other.open_paths([path])
    until(lambda: settled(other) and other.projects.path == path)
    again = other.tab("filters").bench
    assert np.array_equal(again.state.kernels, bench.state.kernels)
    assert again.state.sizes == bench.state.sizes
    assert again.divisor(1) == 4
    assert np.array_equal(again.picture.pixels, PHOTO)
    assert again.picture.title == "photo.png"
    assert again.undo_name == ""
    found = other.tab("heatmap").bench
    assert found.look.opacity == 0.25
    assert found.state.chosen == (2,)
    assert other.projects.task == Task("Title", "Do it", "one", ("size",))
    assert other.windowTitle() == "work.filterlab[*] – FilterLab"
    assert not other.isWindowModified()
    other.tab("filters").bench.set_bias(0, 1)
    assert other.isWindowModified()
    other.tab("filters").bench.undo()
    assert not other.isWindowModified()
    assert str(path) in other.settings.recent


def test_the_second_tabs_picture_comes_along(make, window, tmp_path, monkeypatch, until) -> None:
    write_picture(tmp_path / "photo.png", PHOTO)
    window.show_tab("heatmap")
    window.open_paths([tmp_path / "photo.png"])
    until(lambda: window.tab("heatmap").bench.shown is not None)
    until(lambda: window.tab("heatmap").settled)
    save_as(window, tmp_path / "a.filterlab", monkeypatch, until)
    other = make()
    other.open_paths([tmp_path / "a.filterlab"])
    until(lambda: other.tab("heatmap").bench.shown is not None)
    until(lambda: other.tab("heatmap").settled)
    assert other.current_tab.name == "heatmap"
    shown = other.tab("heatmap").bench.shown
    assert np.array_equal(shown.picture, PHOTO)
    assert shown.source.name == "photo.png"


def test_a_sample_is_kept_by_its_name(window, tmp_path, monkeypatch, until) -> None:
    save_as(window, tmp_path / "a.filterlab", monkeypatch, until)
    project = run_job(read_job(tmp_path / "a.filterlab"))
    picture = project.pictures["filters"]
    assert (picture.kind, picture.name) == ("sample", "chelsea")
    assert (tmp_path / "a.filterlab").stat().st_size < 5000


def test_saving_again_asks_for_no_name(window, tmp_path, monkeypatch, until) -> None:
    path = tmp_path / "a.filterlab"
    save_as(window, path, monkeypatch, until)
    window.tab("filters").bench.set_bias(2, 5)
    assert window.isWindowModified()
    monkeypatch.setattr(QFileDialog, "getSaveFileName", lambda *_: pytest.fail("asked"))
    window.projects.actions[2].trigger()
    until(lambda: settled(window) and not window.isWindowModified())
    assert run_job(read_job(path)).filters["bias"] == [0, 0, 5]
    window.tab("filters").bench.undo()
    assert window.isWindowModified()


def test_the_look_counts_as_work(window, tmp_path, monkeypatch, until) -> None:

    save_as(window, tmp_path / "a.filterlab", monkeypatch, until)
    tab = window.tab("filters")
    tab.set_look(tab.look._replace(relu=True))
    assert window.isWindowModified()
    until(lambda: settled(window))


@pytest.mark.parametrize("pressed", ["Save", "Do not save", "Cancel"])
def test_unsaved_work_is_asked_about(window, tmp_path, monkeypatch, until, pressed) -> None:
    path = tmp_path / "a.filterlab"
    save_as(window, path, monkeypatch, until)
    bench = window.tab("filters").bench
    bench.set_bias(0, 3)
    asked = answer(monkeypatch, pressed)
    window.projects.actions[0].trigger()
    until(lambda: settled(window))
    assert asked == ["Save the changes to a.filterlab first?"]
    kept = run_job(read_job(path)).filters["bias"][0]
    assert kept == (3 if pressed == "Save" else 0)
    now = window.tab("filters").bench
    if pressed == "Cancel":
        assert now is bench
        assert window.projects.path == path
    else:
        until(lambda: now.bias(0) == 0 or window.tab("filters").bench.bias(0) == 0)
        assert window.projects.path is None
        assert window.windowTitle() == "FilterLab"


def test_nothing_is_asked_where_nothing_is_lost(window, monkeypatch, until) -> None:
    monkeypatch.setattr(QMessageBox, "exec_", lambda _: pytest.fail("asked"))
    window.projects.new()
    until(lambda: settled(window))


def test_a_bad_file_changes_nothing(window, tmp_path, monkeypatch, until) -> None:
    path = tmp_path / "bad.filterlab"
    path.write_bytes(b"PK\3\4 nothing of the kind")
    monkeypatch.setattr(QMessageBox, "exec_", lambda _: pytest.fail("asked"))
    bench = window.tab("filters").bench
    bench.set_bias(1, 2)
    before = bench.state
    window.open_paths([path])
    until(lambda: window.strip.text)
    assert "bad.filterlab: is no FilterLab project" in window.strip.text
    assert window.tab("filters").bench is bench
    assert bench.state is before
    assert bench.undo_name == "Change bias"
    assert window.projects.path is None
    assert str(path) not in window.settings.recent


def test_a_dropped_project_opens(make, window, tmp_path, monkeypatch, until) -> None:
    window.tab("filters").bench.set_bias(0, 7)
    save_as(window, tmp_path / "a.filterlab", monkeypatch, until)
    other = make()
    data = QMimeData()
    data.setUrls([QUrl.fromLocalFile(str(tmp_path / "a.filterlab"))])
    event = QDropEvent(QPointF(9, 9), Qt.CopyAction, data, Qt.LeftButton, Qt.NoModifier)
    other.dropEvent(event)
    until(lambda: settled(other) and other.tab("filters").bench.bias(0) == 7)
    other.projects.new()
    until(lambda: settled(other) and other.tab("filters").bench.bias(0) == 0)
    other._recent_menu.aboutToShow.emit()
    other._recent_menu.actions()[0].trigger()
    until(lambda: settled(other) and other.tab("filters").bench.bias(0) == 7)


def test_applied_steps_are_there_in_another_window(
    make, window, tmp_path, monkeypatch, until
) -> None:
    bench = window.tab("filters").bench
    first = bench.picture.pixels
    bench.apply(0)
    bench.apply(2)
    save_as(window, tmp_path / "a.filterlab", monkeypatch, until)
    assert not window.projects.modified
    other = make()
    until(lambda: settled(other))
    other.open_paths([tmp_path / "a.filterlab"])
    found = other.tab("filters")
    until(lambda: settled(other) and len(found.bench.state.stack) == 2)
    np.testing.assert_array_equal(found.bench.picture.pixels, bench.picture.pixels)
    assert [step.name for step in found.bench.state.stack] == [
        step.name for step in bench.state.stack
    ]
    found.bench.step_back()
    found.bench.step_back()
    np.testing.assert_array_equal(found.bench.picture.pixels, first)
    assert other.projects.modified
    until(lambda: settled(other))


def test_a_project_says_nothing_of_where_a_picture_is_read(
    make, window, tmp_path, monkeypatch, until
) -> None:
    """Not even among what is on show: a stranger's file would open files of the user's."""
    secret = tmp_path / "picture-1.png"
    write_picture(secret, np.zeros((11, 13), np.float32))
    project = window.projects.project()
    for source in (
        {"kind": "file", "name": str(secret)},
        {"kind": "copy", "title": "x"},
    ):
        view = {"source": source, "pictures": {"input": str(secret)}, "brush": 0.75}
        strange = Project(project.filters, None, {}, {"filters": view})
        path = run_job(write_job(strange, tmp_path / "a.filterlab"))
        other = make()
        until(lambda other=other: settled(other))
        other.open_paths([path])
        tab = other.tab("filters")
        until(lambda tab=tab, other=other: tab.panel_.brush.value() == 0.75 and settled(other))
        assert tab.bench.picture.pixels.shape[:2] != (11, 13)
        assert tab.bench.picture.title == "Tabby cat (Chelsea)"


def test_a_model_that_is_not_here_is_told(make, window, tmp_path, monkeypatch, until) -> None:
    from dataclasses import replace

    from filterlab.workbench.project import write_job

    project = window.projects.project()
    heatmap = {**project.heatmap, "model": "my-own-net"}
    path = run_job(write_job(replace(project, heatmap=heatmap), tmp_path / "a.filterlab"))
    window.open_paths([path])
    until(lambda: window.strip.text)
    assert "my-own-net" in window.strip.text


def test_name_and_mark_outlive_a_rebuild_and_a_restart(
    make, window, tmp_path, monkeypatch, until
) -> None:
    save_as(window, tmp_path / "a.filterlab", monkeypatch, until)
    window.projects.task = Task("T")
    clean = window.save_state()
    window.tab("filters").bench.set_bias(0, 1)
    edited, live = window.save_state(), window.hand_over()
    other = make()
    other.restore_state(edited)
    assert other.windowTitle() == "a.filterlab[*] – FilterLab"
    assert other.isWindowModified()
    assert other.projects.task == Task("T")
    other.restore_state(clean)
    assert not other.isWindowModified()
    other.restore_state({**clean, "project": {"path": 3, "unsaved": "x", "task": {"title": 3}}})
    assert other.windowTitle() == "FilterLab"
    rebuilt = make()
    rebuilt.restore_state(live, live=True)
    assert rebuilt.isWindowModified()
    rebuilt.tab("filters").bench.undo()
    assert not rebuilt.isWindowModified()
    until(lambda: settled(rebuilt) and settled(other))


def test_the_command_line_opens_a_project(tmp_path, monkeypatch, capsys) -> None:
    opened: list[Any] = []
    monkeypatch.setattr("filterlab.gui.app.run_window", lambda picture: opened.append(picture) or 0)
    path = tmp_path / "My work.filterlab"
    path.write_bytes(b"x")
    assert main([str(path)]) == 0
    assert main(["window", str(path)]) == 0
    assert opened == [str(path), str(path)]
    assert main([str(tmp_path / "none.filterlab")]) == 2
    error = capsys.readouterr().err
    assert error.startswith("filterlab: error: ")
    assert error.count("\n") == 1


def test_the_menu_is_chinese_too(chinese, make, until) -> None:
    window = make()
    texts = [plain(action.text()) for action in window.projects.actions]
    wanted = ["新建", "打开项目…", "保存项目", "项目另存为…", "将会话导出为笔记本…"]
    assert texts == wanted
    until(lambda: settled(window))


def test_the_session_is_exported(window, tmp_path, monkeypatch, until) -> None:
    window.tab("filters").bench.set_bias(0, 7)
    monkeypatch.setattr(
        QFileDialog, "getSaveFileName", lambda *_: (str(tmp_path / "s"), "Python scripts (*.py)")
    )
    window.projects.actions[4].trigger()
    until(lambda: settled(window) and window.strip.text)
    assert window.strip.text == "Written: s.py"
    text = (tmp_path / "s.py").read_text(encoding="utf-8")
    assert "sample('chelsea')" in text
    assert "net.params['conv'][1].data[0] = 7" in text
    assert window.projects.path is None


def test_an_open_dialog_that_is_left_changes_nothing(window, monkeypatch) -> None:
    monkeypatch.setattr(QFileDialog, "getOpenFileName", lambda *_: ("", ""))
    window.projects.actions[1].trigger()
    assert not window.projects.runner.running
    assert QApplication.activeModalWidget() is None
