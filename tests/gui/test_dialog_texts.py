"""Every text of the dialogs, of the popovers and of a lesson is whole, with large text, too."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from types import ModuleType
from typing import Any

import numpy as np
import pytest
from PyQt5.QtWidgets import QApplication, QHeaderView, QLabel, QTableView, QWidget

from filterlab.gui.filters.learn_dialog import LearnDialog
from filterlab.gui.filters.net_dialog import NetFiltersDialog
from filterlab.gui.filters.own_dialog import OwnKernelsDialog, SaveKernelDialog
from filterlab.gui.lessons.class_list_dialog import ClassListDialog
from filterlab.gui.lessons.hand_out_dialog import HandOutDialog
from filterlab.gui.models_dialog import ModelsDialog
from filterlab.gui.net.kernel_dialog import KernelDialog
from filterlab.gui.own_model_dialog import OwnModelDialog
from filterlab.surgery.kernels.library import KernelLibrary
from filterlab.workbench.challenges import level
from filterlab.workbench.heatmap_state import Source
from filterlab.zoo.catalogue import default_model
from filterlab.zoo.own_models import all_models


@pytest.fixture(
    params=[
        ("en", 9.75),
        ("zh_CN", 9.75),
        pytest.param(("en", 18.0), marks=pytest.mark.long),
        pytest.param(("zh_CN", 18.0), marks=pytest.mark.long),
    ],
    ids=str,
)
def window(
    request: pytest.FixtureRequest, qtbot: Any, qapp: QApplication, painted: ModuleType
) -> Iterator[Any]:
    """The window in a language and with text of a size, 1024 x 768."""
    made = painted.make_window(qapp, *request.param)
    qtbot.addWidget(made)
    made.resize(1024, 768)
    yield made
    made.close()


def _dialogs(window: Any) -> dict[str, Callable[[], QWidget]]:
    """What makes each dialog, as the window does but for waiting until it is closed."""
    library = KernelLibrary(window.settings.folder / "kernels.json")
    lessons, noise = window.lessons, np.random.default_rng(3).random((40, 56), np.float32)
    lessons.actions()
    names = [name for tab in window.tabs for name in tab.lockable()]
    first = default_model("pocket")
    return {
        "learn": lambda: LearnDialog(noise, "noise", [("1", noise)], (5, 5), "", window),
        "net": lambda: NetFiltersDialog(all_models(), first, window),
        "save preset": lambda: SaveKernelDialog(library, window),
        "own presets": lambda: OwnKernelsDialog(library, window),
        "models": lambda: ModelsDialog(window),
        "own model": lambda: OwnModelDialog(window),
        "class list": lambda: ClassListDialog(level(0), window),
        "hand out": lambda: HandOutDialog(lessons.found, names, None, None, window),
        "kernel": lambda: KernelDialog("conv1", noise[:5, :5], window),
    }


def _wrong(painted: ModuleType, dialog: QWidget) -> list[str]:
    """What is wrong with a dialog as it opens; one much larger says what its texts are."""
    painted.settle(lambda: True, "the layout")
    texts = painted.painted(dialog)
    found = [
        # A field scrolls through a code of any length, a head goes along with its table.
        *painted.clipped([t for t in texts if not _scrolls(t.widget)]),
        *painted.overlapping(dialog, texts),
        *painted.cut_choices(dialog),
    ]
    size = dialog.size()
    dialog.resize(size.width() + 700, size.height() + 400)
    painted.settle(lambda: True, "the layout")
    roomy = {text.text for text in painted.painted(dialog)}
    dialog.resize(size)
    painted.settle(lambda: True, "the layout")
    # A label that wraps never ends in …; a line of it may begin with one of ours.
    lines = [t for t in texts if not (isinstance(t.widget, QLabel) and t.widget.wordWrap())]
    found += painted.shortened(lines, roomy)
    return list(dict.fromkeys(found))


def _scrolls(widget: QWidget) -> bool:
    head = widget.parentWidget()
    if isinstance(head, QHeaderView) and isinstance(head.parentWidget(), QTableView):
        return bool(head.parentWidget().horizontalScrollBar().maximum() > 0)
    return widget.objectName() == "code"


def test_dialogs(window: Any, painted: ModuleType) -> None:
    found = []
    for name, make in _dialogs(window).items():
        dialog = make()
        dialog.show()
        painted.settle(lambda d=dialog: not _busy(d), name)
        found += [f"{name}: {what}" for what in _wrong(painted, dialog)]
        assert dialog.width() <= 1024, name
        assert dialog.height() <= 768, name
        dialog.close()
        dialog.deleteLater()
    assert not found, "\n".join(found)


def _busy(dialog: Any) -> bool:
    runner = getattr(dialog, "runner", None)
    return runner is not None and bool(runner.running)


def _shown_by(texts: list[Any], parent: QWidget) -> list[Any]:
    return [text for text in texts if parent is text.widget or parent.isAncestorOf(text.widget)]


def test_a_lesson_and_its_wrong_turn(window: Any, painted: ModuleType) -> None:
    """All steps of the first lesson, hints and answers included, and a challenge."""
    lessons = window.lessons
    tab = window.show_tab("filters")
    painted.settle(lambda: tab.settled and tab.stage.frame is not None, "the first outputs")
    lessons.actions()
    lessons.begin(lessons.found[0])
    found = []

    def look(where: str) -> None:
        painted.settle(lambda: tab.settled, where)
        texts = painted.painted(window)
        mine = _shown_by(texts, lessons.panel)
        assert mine, where
        wrong = [*painted.clipped(mine), *painted.overlapping(window, mine)]
        found.extend(f"{where}: {what}" for what in dict.fromkeys(wrong))

    look("first step")
    lessons.happened("cursor")
    painted.settle(lessons.panel.next_button.isEnabled, "the first step's end")
    lessons.panel.next_button.click()
    tab.bench.set_cell(0, 0, 0, 1.0)
    lessons.panel.hint_button.click()
    painted.settle(lambda: bool(lessons.panel.say.text()), "the answer")
    look("a wrong turn")
    lessons.begin_challenge()
    lessons.panel.take_level(3)
    tab.bench.apply_preset(0, "prewitt-h")
    painted.settle(lambda: lessons.panel.match > 0, "the match")
    lessons.panel.hint_button.click()
    look("a challenge")
    lessons.leave()
    assert not found, "\n".join(found)


def test_popovers_of_the_heatmap(window: Any, painted: ModuleType) -> None:
    tab = window.show_tab("heatmap")
    tab.models.choose("pocket")
    painted.settle(lambda: tab.settled and tab.bench.shown is not None, "the pocket net")
    tab.models.transplant()
    painted.settle(lambda: tab.settled and tab.bench.agreement is not None, "the map")
    found = []
    for name, popover, show in (
        ("view", tab.popover, tab._open_view),
        ("account", tab.account, tab._open_account),
        ("check", tab.check, tab._open_check),
    ):
        show()
        assert popover.isVisible(), name
        found += [f"{name}: {what}" for what in _wrong(painted, popover)]
        popover.hide()
    assert not found, "\n".join(found)


def test_help_and_windows_of_the_net(window: Any, painted: ModuleType) -> None:
    tab = window.show_tab("net")
    tab.open_model(default_model("pocket"), Source(sample="chelsea"))
    painted.settle(lambda: tab.study.wanted is not None and tab.settled, "the pocket net")
    tab.study.look_at_layer("conv1")
    painted.settle(lambda: tab.settled, "its first layer")
    windows, found = tab.windows, []
    window.show_help()
    windows.show_before_after()
    windows.show_ranking()
    windows.show_why()
    painted.settle(lambda: windows.before_after.model is not None, "the layers")
    for dialog in (windows.ranking, windows.why):
        painted.settle(lambda d=dialog: not _busy(d), "the answer")
    for dialog in (window._help, windows.before_after, windows.ranking, windows.why):
        name = type(dialog).__name__
        found += [f"{name}: {what}" for what in _wrong(painted, dialog)]
        dialog.close()
    painted.settle(lambda: tab.settled, "the tab")
    assert not found, "\n".join(found)
