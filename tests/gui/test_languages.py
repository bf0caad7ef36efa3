"""View > Language: each language of the table, by its own name."""

from __future__ import annotations

from pathlib import Path

import pytest
from PyQt5.QtWidgets import QMenu
from pytestqt.qtbot import QtBot

from filterlab import languages, paths
from filterlab.gui import i18n
from filterlab.gui.class_names import both_names
from filterlab.gui.main_window import MainWindow
from filterlab.gui.settings import Settings
from filterlab.zoo.labels import imagenet


def _menu(window: MainWindow) -> QMenu:
    (menu,) = (
        action.menu()
        for action in window.menus["view"].actions()
        if action.menu() is not None
        and action.menu().actions()
        and action.menu().actions()[0].data() == "en"
    )
    return menu


def test_the_menu_switches_the_language(qtbot: QtBot) -> None:
    window = MainWindow(Settings(), [])
    qtbot.addWidget(window)
    actions = _menu(window).actions()
    assert [(a.data(), a.isChecked()) for a in actions] == [("en", True), ("zh_CN", False)]
    assert [a.text() for a in actions] == ["&English", "中文(&A)"]
    actions[1].trigger()
    assert next(a.text() for a in window.menus["view"].actions() if a.menu()) == "语言(&L)"
    assert window.header.languages.key == "zh_CN"
    assert i18n.language() == "zh_CN"
    assert window.settings.text("language") == "zh_CN"


def test_a_language_is_two_files_and_one_line(
    qtbot: QtBot,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    request: pytest.FixtureRequest,
) -> None:
    (tmp_path / "xx.po").write_text(
        'msgid ""\nmsgstr "Content-Type: text/plain; charset=UTF-8\\n"\n\n'
        'msgid "&View"\nmsgstr "&Vidu"\n',
        encoding="utf-8",
    )
    shipped = paths.resource
    monkeypatch.setattr(
        paths,
        "resource",
        lambda *parts: tmp_path / parts[-1] if "xx." in parts[-1] else shipped(*parts),
    )
    monkeypatch.setitem(languages.LANGUAGES, "xx", "Xx")
    (tmp_path / "imagenet_xx.tsv").write_text(
        "index\tnames\n282\ttigrokato; striokato\n", encoding="utf-8"
    )
    request.addfinalizer(imagenet.cache_clear)
    imagenet.cache_clear()
    i18n.set_language("xx")
    labels = imagenet()
    assert both_names(labels, 282) == ("tigrokato", "tiger cat")
    assert both_names(labels, 281)[0] == "tabby", "what is not translated stays English"
    assert labels.find("striokato").index == 282
    i18n.set_language("zh_CN")
    assert both_names(labels, 282) == ("虎猫", "tiger cat")
    i18n.set_language("xx")
    window = MainWindow(Settings(), [])
    qtbot.addWidget(window)
    assert window.menus["view"].title() == "&Vidu"
    assert window.menus["file"].title() == "&File", "what is not translated stays English"
    assert window.header.languages.key == "xx"
    assert [(a.data(), a.isChecked()) for a in _menu(window).actions()][-1] == ("xx", True)


def test_the_setting_of_an_older_session_is_understood() -> None:
    i18n.set_language("zh")
    assert i18n.language() == "zh_CN"
    assert i18n.preferred_language("zh") == "zh_CN"
