"""Nothing is lost: sessions of windows that are closed, killed, interrupted, or open at once."""

from __future__ import annotations

import errno
import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from gui_child import SHOW, child, poll, sessions
from PyQt5.QtGui import QImage
from PyQt5.QtWidgets import QApplication

from filterlab import paths
from filterlab.gui import app as gui_app
from filterlab.gui import autosave, main_window, plain_json
from filterlab.gui.filters.tab import FiltersTab
from filterlab.gui.sessions import MOST_SESSIONS, Sessions
from filterlab.pictures import write_picture

Desk = gui_app.Desk

_EDIT = 'bench.set_cell(0, 0, 0, 0.625); bench.draw_on_picture(20, 20, 8, 1.0); say("edited")'
_BUSY = "tab.full.start(lambda: (time.sleep(30) for _ in range(2)), 'x'); "


@pytest.fixture
def open_desk(qapp: QApplication, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., Desk]]:
    monkeypatch.setenv("FILTERLAB_LANG", "en")
    monkeypatch.setattr(main_window, "tab_classes", lambda: [FiltersTab])
    monkeypatch.setattr(autosave, "_EVERY_MS", 20)
    made: list[Desk] = []

    def make(picture: str | None = None) -> Desk:
        made.append(Desk(qapp))
        made[-1].open(picture)
        return made[-1]

    yield make
    for desk in made:
        desk.close()
        desk.window.close()
        desk.window.deleteLater()


@pytest.fixture
def settled(until: Any) -> Callable[[Desk], FiltersTab]:
    """The Filters tab of a desk, once it shows all that was asked for."""

    def wait(desk: Desk) -> FiltersTab:
        tab: FiltersTab = desk.window.tab("filters")
        until(lambda: tab.settled and tab.bench.picture.title)
        return tab

    return wait


def on_disk() -> dict[str, Any]:
    found = sessions(paths.data_dir())
    return found[0] if found else {}


def cell(state: dict[str, Any]) -> float:
    return state["tabs"]["filters"]["bench"]["kernels"][0][0][0][0] if state else 0.0


# Killed, interrupted


def test_after_kill_everything_is_found_again(tmp_path: Path) -> None:
    data = tmp_path / "data"
    with child(data, _EDIT) as window:
        assert window.told() == "edited"
        poll(lambda: sessions(data) and sessions(data)[0]["pictures"])
        window.process.kill()
        window.ended()
    assert sessions(data)[0]["ended"] is False
    with child(data, SHOW) as window:
        told = window.told()
        assert window.ended() == 0
    assert told["cell"] == 0.625
    assert told["title"] == "Tabby cat (Chelsea)"
    assert told["strip"].startswith("FilterLab was ended from outside; this is your work as of ")
    from filterlab.pictures import sample

    assert told["sum"] > float(sample("chelsea").sum(dtype="float64")) + 50, "the white stroke"
    assert sessions(data)[0]["ended"] is True


@pytest.mark.skipif(sys.platform == "win32", reason="POSIX signals")
@pytest.mark.parametrize(("name", "job"), [("SIGINT", ""), ("SIGTERM", _BUSY), ("SIGHUP", "")])
def test_signals_save_and_end(tmp_path: Path, name: str, job: str) -> None:
    number = int(getattr(signal, name))
    with child(tmp_path / "data", job + _EDIT) as window:
        assert window.told() == "edited"
        window.process.send_signal(number)
        assert window.ended(5) == 128 + number, window.errors()
        assert "Traceback" not in window.errors()
    (session,) = sessions(tmp_path / "data")
    assert cell(session) == 0.625
    assert session["ended"] is True


@pytest.mark.skipif(sys.platform == "win32", reason="POSIX signals")
def test_a_signal_that_was_ignored_stays_so(qapp: QApplication) -> None:
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        ending = gui_app.Ending()
        assert signal.getsignal(signal.SIGHUP) is signal.SIG_IGN
        assert signal.getsignal(signal.SIGTERM) == ending._on_signal
        ending.close()
        assert signal.getsignal(signal.SIGTERM) is signal.SIG_DFL
    finally:
        signal.signal(signal.SIGHUP, before)


def test_logout_saves_and_goes_on(open_desk: Any, settled: Any, until: Any) -> None:
    """What the desktop's session manager asks for; it may yet be called off."""
    desk = open_desk()
    tab = settled(desk)
    tab.bench.set_cell(0, 0, 0, 0.25)
    desk.save()
    assert (cell(on_disk()), on_disk()["ended"]) == (0.25, True)
    assert desk.window.isVisible()
    tab.bench.set_cell(0, 0, 0, 0.5)
    until(lambda: cell(on_disk()) == 0.5)
    assert on_disk()["ended"] is False


def test_the_session_managers_word_saves_before_it_returns(tmp_path: Path) -> None:
    """The application's own signal, as Qt emits it; the process ends before any timer."""
    data = tmp_path / "data"
    asked = (
        "bench.set_cell(0, 0, 0, 0.625); app.commitDataRequest.emit(None); "
        "say(window().isVisible()); import os; os._exit(0)"
    )
    with child(data, asked) as window:
        assert window.told() is True, "the logout may yet be called off"
        window.ended()
    (session,) = sessions(data)
    assert cell(session) == 0.625
    assert session["ended"] is True


# As it is edited


def test_every_kind_of_change_is_saved(open_desk: Any, settled: Any, until: Any) -> None:
    desk = open_desk()
    tab = settled(desk)
    tab.panel_.brush.setValue(0.75)
    until(lambda: on_disk() and on_disk()["tabs"]["filters"]["brush"] == 0.75)
    tab.actions_.look_action("colours", "viridis").trigger()
    until(lambda: on_disk()["tabs"]["filters"]["look"]["colours"] == "viridis")
    tab.bench.set_cell(1, 0, 0, 0.5)
    tab.undo()
    desk.window.settings.set_text("picture_folder", "/here")
    until(lambda: (paths.data_dir() / "settings.json").exists())
    assert "/here" in (paths.data_dir() / "settings.json").read_text("utf-8")


def test_nothing_is_written_while_nothing_changes(
    open_desk: Any, settled: Any, until: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    desk = open_desk()
    tab = settled(desk)
    looks: list[None] = []
    take = desk.autosave._state
    monkeypatch.setattr(desk.autosave, "_state", lambda: (looks.append(None), take())[1])
    until(lambda: on_disk() and not desk.autosave._writer.busy)
    file = desk.autosave.session.path
    looks.clear()
    before = file.stat().st_mtime_ns
    until(lambda: len(looks) >= 2)
    assert file.stat().st_mtime_ns == before
    for value in range(400):
        tab.bench.set_cell(0, 0, 0, value / 400)
    looks.clear()
    until(lambda: cell(on_disk()) == pytest.approx(399 / 400))
    assert len(looks) <= 2, "one write for all of them"


def test_a_full_disk_is_said_once_and_keeps_what_was_there(
    open_desk: Any, settled: Any, until: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    desk = open_desk()
    tab = settled(desk)
    tab.bench.set_cell(0, 0, 0, 0.25)
    until(lambda: cell(on_disk()) == 0.25)
    tries: list[None] = []

    def full(_: int) -> None:
        tries.append(None)
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr(plain_json.os, "fsync", full)
        tab.bench.draw_on_picture(20, 20, 8, 1.0)
        until(lambda: desk.window.strip.text)
        assert "Your work cannot be kept" in desk.window.strip.text
        assert "No space left on device" in desk.window.strip.text
        desk.window.strip.clear()
        # Between two tries: during one, its half of a file is still there to be taken away.
        until(lambda: len(tries) >= 3 and not desk.autosave._writer.busy)
        assert desk.window.strip.text == ""
        assert cell(on_disk()) == 0.25
        left = [f.name for f in desk.autosave.session.folder.iterdir()]
        assert sorted(left) == ["lock", "session.json"], "no half of anything"
    until(lambda: on_disk()["pictures"])


# Pictures


def test_a_pasted_picture_is_kept_exactly_and_cleaned(
    open_desk: Any, settled: Any, until: Any
) -> None:
    desk = open_desk()
    tab = settled(desk)
    folder = desk.autosave.session.folder
    image = QImage(31, 17, QImage.Format_RGB888)
    image.fill(0x336699)
    for number in range(3):
        image.setPixel(3, 4, 0xFF0000 + number)
        QApplication.clipboard().setImage(image)
        tab.files.paste()
        until(lambda: len(list(folder.glob("picture-*.png"))) == 1 and on_disk().get("pictures"))
    until(lambda: desk.autosave._written[1]["filters/input"] is tab.bench.picture.pixels)
    pixels = tab.bench.picture.pixels
    desk.close()
    desk.window.close()
    assert len(list(folder.glob("picture-*"))) == 1, "older copies are gone"
    tab = settled(open_desk())
    np.testing.assert_array_equal(tab.bench.picture.pixels, pixels)
    assert tab.bench.picture.title == "Pasted"
    assert tab.undo_text() == ""


def test_applied_steps_are_found_again(open_desk: Any, settled: Any, until: Any) -> None:
    """A blur, a stroke on it, and an edge every second pixel: back to the cat, step by step."""
    desk = open_desk()
    bench = settled(desk).bench
    pictures = [bench.picture.pixels]
    bench.apply(0)
    bench.draw_on_picture(20, 30, 6, 1.0)
    pictures.append(bench.picture.pixels)
    bench.set_stride(2)
    bench.set_bias(1, -0.25)
    bench.apply(1)
    pictures.append(bench.picture.pixels)
    stack = bench.state.stack
    settled(desk)
    for again in range(2):
        desk.window.close()
        desk = open_desk()
        if again:  # closed before the pictures were read: they are kept all the same
            desk.window.close()
            desk = open_desk()
        tab = settled(desk)
        found = tab.bench.state.stack
        assert [step.name for step in found] == [step.name for step in stack]
        for one, two in zip(found, stack):
            assert (one.slot, one.bias, one.size) == (two.slot, two.bias, two.size)
            assert one.settings == two.settings
            np.testing.assert_array_equal(one.weights, two.weights)
        assert tab.undo_text() == ""
        assert desk.window.strip.text == ""
        assert tab.actions_.step_back.isEnabled()
    tab.actions_.step_back.trigger()
    np.testing.assert_array_equal(tab.bench.picture.pixels, pictures[1])
    tab.actions_.step_back.trigger()
    np.testing.assert_array_equal(tab.bench.picture.pixels, pictures[0])
    assert not tab.actions_.step_back.isEnabled()


def test_of_damaged_steps_those_after_them_are_found_again(
    open_desk: Any, settled: Any, until: Any
) -> None:
    desk = open_desk()
    bench = settled(desk).bench
    for slot in (0, 1, 2):
        bench.apply(slot)
    settled(desk)
    desk.window.close()
    file = desk.autosave.session.path
    state = json.loads(file.read_text("utf-8"))
    state["tabs"]["filters"]["steps"][0]["weights"][0][0] = ["x"]
    copy = file.parent / state["pictures"]["filters/step01"]
    file.write_text(json.dumps(state), "utf-8")
    desk = open_desk()
    tab = settled(desk)
    assert [step.slot for step in tab.bench.state.stack] == [1, 2]
    assert desk.window.strip.text == (
        "session.json is damaged, left out: filters.steps (kept as session.json.damaged)."
    )
    desk.window.close()
    # A copy of another size leads to no picture that follows.
    state["tabs"]["filters"]["steps"].pop(0)
    file.write_text(json.dumps(state), "utf-8")
    write_picture(copy, np.zeros((9, 9), np.float32))
    tab = settled(open_desk())
    assert tab.bench.picture.title == "Tabby cat (Chelsea)"
    assert len(tab.bench.state.stack) < 2


@pytest.mark.parametrize("shape", [(9, 14), (9, 14, 3)])
def test_a_copy_is_exact(tmp_path: Path, shape: tuple[int, ...]) -> None:
    rng = np.random.default_rng(3)
    for picture in (
        (rng.integers(0, 256, shape) / np.float32(255)).astype(np.float32),
        rng.random(shape, dtype=np.float32),
        rng.standard_normal(shape).astype(np.float32),
    ):
        session = Sessions(tmp_path).claim()
        session.save({"tabs": {"filters": {}}}, {"filters/input": picture})
        path = session.load()["tabs"]["filters"]["pictures"]["input"]
        session.close()
        from filterlab.gui.filters.sources import Source, _read
        from filterlab.progress import run_job

        _, found, _ = run_job(_read(Source("copy", path)))
        np.testing.assert_array_equal(found.pixels, picture)


def test_a_session_names_no_picture_outside_its_folder(tmp_path: Path) -> None:
    session = Sessions(tmp_path).claim()
    write_picture(tmp_path / "picture-1.png", np.zeros((2, 2), np.float32))
    write_picture(session.folder / "other.png", np.zeros((2, 2), np.float32))
    names = ["../../picture-1.png", str(tmp_path / "picture-1.png"), "other.png", "picture-9.png"]
    for name in [*names, 3, None, "lock"]:
        plain_json.write_plain(
            session.path, {"tabs": {"filters": {}}, "pictures": {"filters/input": name}}
        )
        assert session.load()["tabs"]["filters"]["pictures"] == {}, name
    session.close()


def test_a_picture_that_moved_is_said_and_looked_for_again(
    open_desk: Any, settled: Any, tmp_path: Path
) -> None:
    file = tmp_path / "stick" / "rose.png"
    file.parent.mkdir()
    write_picture(file, np.full((20, 30, 3), 0.2, np.float32))
    desk = open_desk(str(file))
    assert settled(desk).bench.picture.title == "rose.png"
    desk.window.close()
    file.rename(tmp_path / "elsewhere.png")
    for _ in range(2):
        desk = open_desk()
        tab = settled(desk)
        assert tab.bench.picture.title == "Tabby cat (Chelsea)"
        assert desk.window.strip.text == (
            f"rose.png is not in {file.parent} any more; open it again. The cat stands in for it."
        )
        desk.window.close()
    (tmp_path / "elsewhere.png").rename(file)
    desk = open_desk()
    assert settled(desk).bench.picture.title == "rose.png", "the stick is back"
    assert desk.window.strip.text == ""


def test_a_name_that_is_not_utf8_is_kept(open_desk: Any, settled: Any, tmp_path: Path) -> None:
    name = os.fsdecode(b"caf\xe9.png")
    file = tmp_path / name
    try:
        write_picture(file, np.full((20, 30, 3), 0.2, np.float32))
    except OSError:
        pytest.skip("this file system takes UTF-8 names only")
    if os.fsencode(name) != b"caf\xe9.png":
        pytest.skip("this system's names are text")
    desk = open_desk(str(file))
    tab = settled(desk)
    tab.bench.set_cell(0, 0, 0, 0.25)
    desk.window.close()
    assert on_disk()["tabs"]["filters"]["source"]["name"] == str(file)
    desk = open_desk()
    assert settled(desk).bench.kernel(0)[0, 0] == 0.25
    assert settled(desk).bench.picture.title == name
    assert desk.window.settings.recent == [str(file)]


# Several windows


def test_two_windows_do_not_overwrite_each_other(open_desk: Any, settled: Any, until: Any) -> None:
    one, two = open_desk(), open_desk()
    settled(one).bench.set_cell(0, 0, 0, 0.25)
    settled(two).bench.set_cell(0, 0, 0, 0.5)
    until(lambda: sorted(cell(s) for s in sessions(paths.data_dir())) == [0.25, 0.5])
    two.window.close()
    one.window.close()
    desk = open_desk()
    assert settled(desk).bench.kernel(0)[0, 0] == 0.25, "the one that was closed last"
    menu = next(a.menu() for a in desk.window.menus["file"].actions() if a.menu() is not None
                and a.menu().title().replace("&", "") == "Earlier sessions")  # fmt: skip
    menu.aboutToShow.emit()
    (other,) = menu.actions()
    other.trigger()
    until(lambda: desk.window.tab("filters").bench.kernel(0)[0, 0] == 0.5)
    menu.aboutToShow.emit()
    (other,) = menu.actions()
    other.trigger()
    until(lambda: desk.window.tab("filters").bench.kernel(0)[0, 0] == 0.25)


def test_settings_of_two_windows_are_joined(open_desk: Any) -> None:
    one, two = open_desk(), open_desk()
    one.settings.set_text("theme", "dark")
    two.settings.set_text("picture_folder", "/there")
    one.settings.add_recent("/a.png")
    one.settings.sync()
    two.settings.add_recent("/b.png")
    two.settings.sync()
    kept = gui_app.Settings()
    assert kept.text("theme") == "dark"
    assert kept.text("picture_folder") == "/there"
    assert kept.recent == ["/b.png", "/a.png"]


def test_the_session_of_a_version_before_is_taken_over(open_desk: Any, settled: Any) -> None:
    desk = open_desk()
    settled(desk).bench.set_cell(0, 0, 0, 0.25)
    desk.window.close()
    (file,) = paths.data_dir().glob("sessions/*/session.json")
    old = paths.data_dir() / "session.json"
    file.rename(old)
    file.parent.rmdir()
    assert settled(open_desk()).bench.kernel(0)[0, 0] == 0.25
    assert not old.exists()


def test_old_sessions_are_cleaned_up(tmp_path: Path) -> None:
    kept = Sessions(tmp_path)
    for number in range(MOST_SESSIONS + 4):
        folder = kept.folder / f"20260101-1200{number:02}-abcdef"
        folder.mkdir(parents=True)
        (folder / "session.json").write_text(json.dumps({"number": number}), "utf-8")
        os.utime(folder / "session.json", (1e9 + number, 1e9 + number))
    (kept.folder / "20260101-130000-abcdef").mkdir()  # killed before there was anything
    outside = tmp_path / "outside"
    outside.mkdir()
    if sys.platform != "win32":
        (kept.folder / "link").symlink_to(outside, target_is_directory=True)
    found = kept.left()
    numbers = [json.loads((left.folder / "session.json").read_text())["number"] for left in found]
    assert numbers == list(range(MOST_SESSIONS + 3, 3, -1))
    there = {f.name for f in kept.folder.iterdir()} - {"link"}
    assert there == {left.folder.name for left in found}
    assert outside.is_dir()


def test_edits_before_the_first_picture_is_there_are_undone_one_by_one(
    open_desk: Any, settled: Any, tmp_path: Path
) -> None:
    """The picture that a window begins with is no step, unless edits came before it."""
    file = tmp_path / "rose.png"
    write_picture(file, np.full((20, 30, 3), 0.2, np.float32))
    tab = settled(open_desk(str(file)))
    assert tab.undo_text() == ""
    desk = open_desk()
    bench = desk.window.tab("filters").bench
    bench.set_cell(0, 0, 0, 0.25)
    bench = settled(desk).bench
    state, steps = bench.state, len(bench.journal)
    assert [bench.undo() for _ in range(steps)] == ["Open picture", "Set cell"]
    assert [bench.redo() for _ in range(steps)] == ["Set cell", "Open picture"]
    assert bench.state.same(state)
    # Undone to the beginning, another theme must not put a picture under the history.
    while bench.undo():
        pass
    desk.rebuild()
    assert desk.window.tab("filters").bench.redo() == "Set cell"
    assert bench.picture.title == ""


@pytest.mark.skipif(sys.platform == "win32", reason="tells living processes as POSIX does")
def test_what_killed_windows_left_half_written_is_swept_at_the_start(
    open_desk: Any, tmp_path: Path
) -> None:
    gone = subprocess.run(
        [sys.executable, "-c", "import os; print(os.getpid())"], capture_output=True, text=True
    ).stdout.strip()
    data = paths.data_dir()
    folder = data / "sessions" / "20260101-120000-abcdef"
    folder.mkdir(parents=True)
    (folder / "session.json").write_text("{}")
    dead = [data / f".settings.json.{gone}-x.part", folder / f".session.json.{gone}-y.part"]
    ours = folder / f".session.json.{os.getpid()}-z.part"
    for path in (*dead, ours):
        path.write_text("half")
        os.utime(path, (1e9, 1e9))
    open_desk()
    assert [path.exists() for path in (*dead, ours)] == [False, False, True]
