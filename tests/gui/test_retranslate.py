"""Another language in the window as it stands: the same objects, and every text as if begun so."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from PyQt5.QtCore import QAbstractItemModel, QCoreApplication, QEvent, Qt
from PyQt5.QtWidgets import (
    QAbstractButton,
    QAbstractItemView,
    QAction,
    QComboBox,
    QGroupBox,
    QLabel,
    QLineEdit,
    QMenu,
    QTabBar,
    QWidget,
)
from pytestqt.qtbot import QtBot

from filterlab.gui import i18n
from filterlab.gui.main_window import MainWindow
from filterlab.gui.mnemonics import letter_of, plain
from filterlab.gui.retranslate import change_language
from filterlab.gui.settings import Settings
from filterlab.gui.widgets.job_card import JobCard
from filterlab.workbench.lessons import find_lessons


def _settled(window: MainWindow) -> bool:
    return window.tab("filters").settled and window.tab("heatmap").settled


def shown(window: MainWindow) -> Counter[tuple[str, str, str]]:
    """Every text of a window, with where it stands."""
    found: Counter[tuple[str, str, str]] = Counter()

    def note(who: object, place: str, text: object) -> None:
        # What is left of a job is told if it takes long.
        if text and not re.search(r"\bleft$|^约剩", str(text)):
            plain_ = plain(str(text))
            if place == "tip":
                plain_ = re.sub(r"\([A-Z0-9]\)", "", plain_)
            # What takes milliseconds on one machine takes seconds on a busy one.
            plain_ = re.sub(r"[\d.]+ (?:ms|s|秒)", "n s", plain_)
            found[type(who).__name__, place, plain_] += 1

    seen: list[QAction] = []
    # A job's card is there only after jobs that took a while, and then keeps what it told last.
    cards = {id(w) for card in window.findChildren(JobCard) for w in card.findChildren(QWidget)}
    for widget in [window, *window.findChildren(QWidget)]:
        if id(widget) in cards:
            continue
        note(widget, "title", widget.windowTitle())
        note(widget, "tip", widget.toolTip())
        note(widget, "name", widget.accessibleName())
        note(widget, "description", widget.accessibleDescription())
        for kind in (QLabel, QAbstractButton):
            if isinstance(widget, kind):
                note(widget, "text", widget.text())
        if isinstance(widget, QLineEdit):
            note(widget, "placeholder", widget.placeholderText())
            note(widget, "text", widget.text())
        if isinstance(widget, QGroupBox | QMenu):
            note(widget, "title", widget.title())
        if isinstance(widget, QTabBar):
            for k in range(widget.count()):
                note(widget, f"tab {k}", widget.tabText(k))
                note(widget, f"tip {k}", widget.tabToolTip(k))
        # A box's list is there from when Qt first wants it; its rows are the box's.
        listed = isinstance(widget, QAbstractItemView) and not _is_popup(widget.parentWidget())
        if listed or isinstance(widget, QComboBox):
            model: QAbstractItemModel | None = widget.model()
            for row in range(min(40, model.rowCount()) if model is not None else 0):
                for role in (Qt.DisplayRole, Qt.ToolTipRole):
                    note(widget, f"row {row}", model.data(model.index(row, 0), role))
        if hasattr(widget, "toPlainText"):
            note(widget, "plain", widget.toPlainText())
        seen += [*widget.actions(), *widget.findChildren(QAction)]
    for action in {id(a): a for a in seen}.values():
        note(action, "text", action.text())
        note(action, "tip", action.toolTip())
    return found


def _is_popup(widget: QWidget | None) -> bool:
    return widget is not None and widget.metaObject().className() == "QComboBoxPrivateContainer"


@pytest.fixture
def begin(
    qtbot: QtBot, tmp_path: Path, until: Callable[..., None]
) -> Iterator[Callable[[], MainWindow]]:
    """A window in the language in use, with work in both tabs."""
    made: list[MainWindow] = []

    def build() -> MainWindow:
        window = MainWindow(Settings(tmp_path / f"data{len(made)}"))
        qtbot.addWidget(window)
        made.append(window)
        window.show()
        window.show_tab("filters")
        until(lambda: _settled(window) and window.tab("filters").bench.picture.title)
        filters = window.tab("filters").bench
        filters.set_cell(0, 1, 1, 0.5)
        filters.set_pad("same")
        window.show_tab("heatmap")
        heatmap = window.tab("heatmap")
        heatmap.models.choose("pocket")
        until(lambda: heatmap.settled and heatmap.bench.shown is not None)
        heatmap.models.transplant()
        until(lambda: heatmap.settled and heatmap.bench.run is not None)
        heatmap.bench.choose([1])
        heatmap.bench.pin((1, 2))
        until(lambda: _settled(window))
        return window

    yield build
    for window in made:
        window.close()


def _difference(
    one: Counter[tuple[str, str, str]], two: Counter[tuple[str, str, str]]
) -> list[str]:
    return [f"- {line}" for line in sorted(one - two)] + [f"+ {line}" for line in sorted(two - one)]


def _use(window: MainWindow) -> None:
    """The View popover open, and an error with an argument."""
    window.show_tab("heatmap")._open_view()
    window.open_paths(["nothing.xyz"])


def test_a_window_is_told_in_another_language_as_if_begun_in_it_and_back(
    begin: Callable[[], MainWindow], until: Callable[..., None]
) -> None:
    window = begin()
    _use(window)
    english = shown(window)
    same = [window, *window.tabs, *(tab.taught_bench() for tab in window.tabs)]
    edited = [window.tab("filters"), window.tab("heatmap")]
    steps = [(tab.undo_text(), len(tab.bench.journal)) for tab in edited]
    assert [name for name, _ in steps] == ["Change padding", "Pin cell"]
    window.set_language("zh_CN")
    until(lambda: _settled(window))
    chinese = shown(window)
    window.set_language("en")
    until(lambda: _settled(window))
    assert _difference(english, shown(window)) == []
    window.set_language("zh_CN")
    until(lambda: _settled(window))
    assert _difference(chinese, shown(window)) == []
    assert window.tab("heatmap").popover.isVisible()

    other = begin()  # in Chinese from the start
    _use(other)
    assert _difference(shown(other), chinese) == []
    for name in ("filters", "heatmap"):
        for each in (window, other):
            each.tab("heatmap").popover.hide()
            each.show_tab(name)
            each.tab("heatmap").view.setFocus()
        until(lambda: _settled(window) and _settled(other))
    other.set_language("en")
    until(lambda: _settled(other))
    _use(other)
    assert _difference(english, shown(other)) == []
    window.tab("filters").undo()
    assert window.tab("filters").undo_text() == "Set cell"
    window.tab("filters").redo()
    assert same == [window, *window.tabs, *(tab.taught_bench() for tab in window.tabs)]
    assert [len(tab.bench.journal) for tab in edited] == [n for _, n in steps]


def test_a_lesson_is_told_again(
    begin: Callable[[], MainWindow], until: Callable[..., None]
) -> None:
    lesson = next(lesson for lesson in find_lessons()[0] if lesson.tab == "filters")
    window = begin()
    window.lessons.begin(lesson)
    until(lambda: _settled(window))
    english = shown(window)
    window.set_language("zh_CN")
    until(lambda: _settled(window))
    chinese = shown(window)
    assert window.lessons.lesson is lesson
    window.set_language("en")
    until(lambda: _settled(window))
    assert _difference(english, shown(window)) == []
    window.set_language("zh_CN")
    other = begin()
    other.lessons.begin(lesson)
    until(lambda: _settled(other))
    assert _difference(shown(other), chinese) == []


def test_a_job_goes_on_and_the_focus_stays(
    begin: Callable[[], MainWindow], until: Callable[..., None], qtbot: QtBot
) -> None:
    window = begin()
    heatmap = window.tab("heatmap")
    window.activateWindow()
    heatmap.classes.search.setFocus()
    qtbot.keyClicks(heatmap.classes.search, "cat")
    until(lambda: len(heatmap.classes.rows()) < 17)
    rows = heatmap.classes.rows()
    title = heatmap.classes.title_of((0,))
    heatmap.bench.set_cells(30)
    assert heatmap.runs.busy
    window.set_language("zh_CN")
    assert heatmap.runs.busy
    assert heatmap.classes.title_of((0,)) == "0 虎斑猫 tabby cat"
    assert title == "0 tabby cat 虎斑猫"
    until(lambda: heatmap.settled)
    assert max(heatmap.bench.run.plan.cells) >= 29
    assert heatmap.classes.search.text() == "cat"
    assert heatmap.classes.rows() == rows
    assert heatmap.classes.search.hasFocus()
    assert window.strip.text == ""


def test_the_tool_bar_has_room_for_the_name_in_each_language(
    begin: Callable[[], MainWindow],
) -> None:
    window = begin()
    window.show_tab("filters")
    name = window.tab("filters").tool_bar.name
    for language in ("zh_CN", "en"):
        window.set_language(language)
        assert name.width() >= name.fontMetrics().horizontalAdvance(name.text())


def test_menus_keep_a_letter_for_every_item(begin: Callable[[], MainWindow]) -> None:
    window = begin()
    for language in ("zh_CN", "en"):
        window.set_language(language)
        for menu in window.menus.values():
            letters = [letter_of(a.text()) for a in menu.actions() if a.text()]
            assert all(letters), [a.text() for a in menu.actions()]
            assert len(set(letters)) == len(letters)


@pytest.mark.parametrize("scene", ["stage", "show me"])
@pytest.mark.parametrize("tab", ["filters", "heatmap"])
def test_what_fills_the_window_is_told_again(
    begin: Callable[[], MainWindow], until: Callable[..., None], tab: str, scene: str
) -> None:
    window = begin()
    window.show_tab(tab)
    window.show_scene(scene)
    until(lambda: _settled(window) and getattr(window.scene, "story", window) is not None)
    there = window.scene
    window.set_language("zh_CN")
    told = shown(window)
    assert window.scene is there
    window.leave_scene()
    # The scene that was left goes with the event loop; it is not to be counted too.
    QCoreApplication.sendPostedEvents(None, QEvent.DeferredDelete)
    window.show_scene(scene)
    until(lambda: _settled(window) and getattr(window.scene, "story", window) is not None)
    assert _difference(shown(window), told) == []


def test_what_stands_open_is_told_again(
    begin: Callable[[], MainWindow], until: Callable[..., None]
) -> None:
    window = begin()
    tab = window.tab("heatmap")
    until(lambda: tab.settled and tab.bench.agreement is not None)
    for open_it in (tab._open_account, tab._open_check, window.show_help, window._show_about):
        open_it()
        window.set_language("zh_CN")
        told = shown(window)
        open_it()
        assert _difference(shown(window), told) == []
        window.set_language("en")


def test_no_such_language(begin: Callable[[], MainWindow]) -> None:
    with pytest.raises(ValueError, match="no such language"):
        change_language("klingon")
    assert i18n.language() == "en"
