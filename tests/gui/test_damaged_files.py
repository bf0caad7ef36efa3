"""Whatever settings.json and session.json hold, the window opens and says what it left out."""

from __future__ import annotations

import json
import os
import random
import sys
from collections.abc import Callable, Iterator, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from PyQt5.QtWidgets import QApplication

from filterlab import paths
from filterlab.gui import app as gui_app
from filterlab.gui import main_window
from filterlab.gui.filters.tab import FiltersTab
from filterlab.gui.plain_json import MOST_BYTES, read_plain
from filterlab.gui.sessions import Left
from filterlab.gui.settings import Settings
from filterlab.gui.tab import Tab

Desk = gui_app.Desk


@pytest.fixture
def open_desk(qapp: QApplication, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., Desk]]:
    monkeypatch.setenv("FILTERLAB_LANG", "en")
    made: list[Desk] = []

    def make(tabs: Sequence[type[Tab]] | None = None) -> Desk:
        if tabs is not None:
            monkeypatch.setattr(main_window, "tab_classes", lambda: tabs)
        made.append(Desk(qapp))
        made[-1].open()
        return made[-1]

    yield make
    for desk in made:
        desk.close()
        desk.window.close()
        desk.window.deleteLater()


def session_file(number: int = 0) -> Path:
    folder = paths.data_dir() / "sessions" / f"20260101-120000-{number:06}"
    folder.mkdir(parents=True)
    return folder / "session.json"


def put(path: Path, content: Any) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    if content == "pipe":
        if not hasattr(os, "mkfifo"):
            pytest.skip("no pipes in this system's folders")
        os.mkfifo(path)
    elif content == "folder":
        path.mkdir()
    elif isinstance(content, bytes):
        path.write_bytes(content)
    else:
        path.write_text(content, "utf-8")


#: What any file may hold: content, and what the message names.
ANYTHING: list[tuple[Any, str]] = [
    ("", "no JSON"),
    ("geometry=foo", "no JSON"),
    ("[" * 100_000, "no JSON"),
    ('{"a":' * 50_000, "no JSON"),
    ("[1, 2]", "no JSON object"),
    ('{"tabs": {"filters": ', "no JSON"),
    (b'{"language": "\xff\xfe"}', "no JSON"),
    (b"\xff\xfe{\x00}\x00", "no JSON"),
    (b"\x00" * 4096, "no JSON"),
    (b" " * (MOST_BYTES + 1), "over 4 MB"),
    ("pipe", "a pipe or a device"),
    ("folder", "directory"),
]
SETTINGS: list[tuple[Any, str]] = [
    ('{"geometry": "foo!"}', "geometry"),
    ('{"geometry": 7}', "geometry"),
    ('{"language": ["zh"]}', "language"),
    ('{"theme": {"name": "dark"}}', "theme"),
    ('{"recent": "cat.png"}', "recent"),
    ('{"recent": [1]}', "recent"),
    ('{"recent": ["' + "x" * 5000 + '"]}', "recent"),
    ('{"theme": "' + "x" * 5000 + '"}', "theme"),
    ('{"theme": ' + "9" * 400 + "}", "theme"),
    ('{"theme": NaN}', "theme"),
    ('{"picture_folder": "a\\u0000b"}', "picture_folder"),
]
SESSIONS: list[tuple[Any, str]] = [
    ('{"tabs": 3}', "tabs"),
    ('{"tabs": {"filters": 7}}', "filters"),
    ('{"tabs": {"filters": {"bench": {"kernels": NaN}}}}', "filters.bench"),
    ('{"tabs": {"filters": {"bench": 1}}}', "filters.bench"),
    ('{"tabs": {"filters": {"brush": ' + "9" * 400 + "}}}", "filters.brush"),
    ('{"tabs": {"filters": {"brush": true}}}', "filters.brush"),
    ('{"tabs": {"filters": {"source": {"kind": "file", "name": "' + "x" * 5000 + '"}}}}', "name"),
    ('{"tabs": {"filters": {"source": {"kind": "copy", "title": 3}}}}', "filters.source"),
    ('{"tabs": {"filters": {"look": {"scale": [1]}, "page": [1]}}}', "filters.look"),
    ('{"tabs": {"filters": {"symmetry": {"a": 1}, "lower": 2}}}', "filters.symmetry"),
    ('{"tabs": {"filters": ' + '{"a":' * 30 + "1" + "}" * 30 + "}}", "tabs.filters"),
]


@pytest.mark.parametrize(("content", "named"), ANYTHING + SETTINGS)
def test_damaged_settings_are_said_and_kept_aside(
    open_desk: Callable[..., Desk], content: Any, named: str
) -> None:
    path = paths.data_dir() / "settings.json"
    put(path, content)
    window = open_desk(tabs=()).window
    assert window.isVisible()
    assert window.strip.level == "warning"
    assert window.strip.text.startswith("settings.json is damaged, left out: ")
    assert named in window.strip.text
    assert "kept as settings.json.damaged" in window.strip.text
    aside = path.with_name("settings.json.damaged")
    assert os.path.lexists(aside)
    if isinstance(content, str) and content not in ("pipe", "folder"):
        assert aside.read_text("utf-8") == content
    window.close()
    assert read_plain(path)[1] == [], "what is written over it is whole"


def test_damaged_sessions_are_said_and_kept_aside(
    open_desk: Callable[..., Desk], until: Any
) -> None:
    desk = open_desk(tabs=(FiltersTab,))
    window = desk.window
    tab = window.tab("filters")
    for number, (content, named) in enumerate(ANYTHING + SESSIONS):
        path = session_file(number)
        put(path, content)
        window.strip.clear()
        desk.open_session(Left(path.parent, datetime.now(), True))
        assert window.strip.text.startswith("session.json is damaged, left out: "), content
        assert named in window.strip.text, content
        assert os.path.lexists(path.with_name("session.json.damaged")), content
        until(lambda: tab.settled and tab.bench.picture.title)
        desk.save()
        assert read_plain(path)[1] == [], "what is written over it is whole"
        assert window.restore_state(desk.autosave.session.load()) == [], content


def test_damage_is_said_once(open_desk: Callable[..., Desk]) -> None:
    put(session_file(), "{")
    put(paths.data_dir() / "settings.json", "{")
    window = open_desk(tabs=()).window
    assert window.strip.text
    window.close()
    assert open_desk(tabs=()).window.strip.text == ""


def test_odd_classes_do_not_keep_the_window_from_opening(open_desk: Callable[..., Desk]) -> None:
    odd: Any
    desk = None
    for number, odd in enumerate(([True], [1e300], [10**15], "x", {"a": 1}, [[1]], [-1])):
        heatmap = {"chosen": odd, "second": odd, "transplanted": True, "cells": odd, "path": odd}
        heatmap["look"] = dict.fromkeys(("show", "projection", "scale", "colours", "opacity"), odd)
        path = session_file(number)
        put(path, json.dumps({"current": "heatmap", "tabs": {"heatmap": heatmap}}))
        if desk is None:
            desk = open_desk()
        else:
            desk.open_session(Left(path.parent, datetime.now(), True))
        assert desk.window.isVisible()
        assert desk.window.current_tab.name == "heatmap"


def test_settings_and_session_are_said_in_one_message(open_desk: Callable[..., Desk]) -> None:
    put(paths.data_dir() / "settings.json", '{"theme": 1, "language": "en"}')
    put(session_file(), "{")
    assert open_desk(tabs=()).window.strip.text == (
        "settings.json is damaged, left out: theme (kept as settings.json.damaged); session.json "
        "is damaged, left out: (no JSON) (kept as session.json.damaged)."
    )
    assert Settings().text("language") == "en", "what is good of a damaged file stays"


def test_settings_from_outside_are_never_run(open_desk: Callable[..., Desk]) -> None:
    """An ini file of the form that Qt would have unpickled is left alone."""
    trace = paths.data_dir() / "trace"
    code = f"cos\nsystem\n(S'touch {trace}'\ntR."
    value = "".join(f"\\x{ord(c):x}" for c in code)
    text = "[General]\n" + "".join(
        f'{key}="@Variant(\\0\\0\\0\\x7f\\0\\0\\0\\xePyQt_PyObject\\0{value})"\n'
        for key in ("language", "geometry", "recent", "theme")
    )
    put(paths.data_dir() / "settings.ini", text)
    put(paths.data_dir() / "settings.json", json.dumps({"language": text, "geometry": text}))
    assert open_desk(tabs=()).window.isVisible()
    assert not trace.exists()
    assert "QSettings" not in sys.modules["filterlab.gui.settings"].__dict__


def test_no_part_of_the_window_uses_qsettings(repo: Path) -> None:
    for path in (repo / "filterlab").rglob("*.py"):
        assert "QSettings" not in path.read_text("utf-8"), path


ODD = [b"NaN", b"1e999", b"9" * 400, b"true", b"null", b"[]", b"{}", b"-1", b"[[[1]]]", b"1e300"]
ODD += [b'"' + b"x" * 5000 + b'"', b'"\\ud800"']


def mutated(rng: random.Random, good: bytes) -> bytes:
    """Bytes overwritten, cut, doubled, or values exchanged for odd ones."""
    data = bytearray(good)
    for _ in range(rng.randint(1, 4)):
        at, kind = rng.randrange(len(data) or 1), rng.randrange(5)
        if kind == 0:
            data[at : at + 1] = bytes([rng.randrange(256)])
        elif kind == 1:
            del data[at : at + rng.randint(1, 200)]
        elif kind == 2:
            data[at:at] = data[at : at + rng.randint(1, 200)]
        else:
            odd = rng.choice(ODD)
            end = min((data.find(c, at) for c in (b",", b"}", b"]") if data.find(c, at) >= 0),
                      default=len(data))  # fmt: skip
            start = max(data.rfind(c, 0, at) for c in (b":", b",", b"[")) + 1
            data[start:end] = odd
    return bytes(data)


def test_random_damage(open_desk: Callable[..., Desk], tmp_path: Path, until: Any) -> None:
    """Of a real session with all its values; seeded, the same at every run."""
    desk = open_desk(tabs=(FiltersTab,))
    tab = desk.window.tab("filters")
    until(lambda: tab.settled and tab.bench.picture.title)
    tab.bench.set_cell(0, 0, 0, 0.5)
    tab.bench.set_mode("three")
    desk.save()
    good = desk.autosave.session.path.read_bytes()
    rng = random.Random(11)
    told = 0
    for number in range(150):
        file = tmp_path / "session.json"
        file.write_bytes(mutated(rng, good))
        state, left_out = read_plain(file)
        in_tabs = desk.window.restore_state(state)
        assert "filters.*" not in in_tabs, "an exception that nobody foresaw"
        told += bool(in_tabs or left_out)
        again = tmp_path / "settings" / "settings.json"
        put(again, mutated(rng, b'{"language": "en", "recent": ["a.png"], "geometry": "AAAA"}'))
        settings = Settings(again.parent)
        assert isinstance(settings.text("language") + settings.text("recent"), str)
        assert all(isinstance(path, str) for path in settings.recent)
        settings.data("geometry")
        assert isinstance(tab, FiltersTab), number
    assert told > 60
    until(lambda: tab.settled)
