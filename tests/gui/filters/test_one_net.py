"""The three filters as one net: saved, told, dropped, opened again, undone."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PyQt5.QtCore import QMimeData, QPointF, Qt, QUrl
from PyQt5.QtGui import QDropEvent
from PyQt5.QtWidgets import QFileDialog
from pytestqt.qtbot import QtBot

from filterlab.gui import i18n
from filterlab.gui.filters.tab import FiltersTab
from filterlab.gui.main_window import MainWindow
from filterlab.gui.settings import Settings

CELLS = np.array([[1, 2, 1], [2, 4, 2], [1, 2, 1]], np.float32)


def save_net(tab: FiltersTab, path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(QFileDialog, "getSaveFileName", lambda *_: (str(path), ""))
    tab.actions_.save_net.trigger()


def own(tab: Any) -> tuple[Any, ...]:
    state = tab.bench.state
    cells = [state.own(slot).tolist() for slot in range(3)]
    return cells, state.sizes, state.divisors.tolist(), state.bias.tolist(), state.settings


@pytest.fixture
def window(qtbot: QtBot, tmp_path: Path) -> Iterator[MainWindow]:
    made = MainWindow(Settings(tmp_path / "data"))
    qtbot.addWidget(made)
    made.show()
    filters = made.tab("filters")
    qtbot.waitUntil(lambda: filters.settled and bool(filters.bench.picture.title), timeout=15000)
    yield made
    made.close()


def drop(window: MainWindow, *paths: Path) -> None:
    data = QMimeData()
    data.setUrls([QUrl.fromLocalFile(str(path)) for path in paths])
    window.dropEvent(QDropEvent(QPointF(9, 9), Qt.CopyAction, data, Qt.LeftButton, Qt.NoModifier))


def test_a_saved_net_is_dropped_found_among_the_recent_and_undone(
    window: MainWindow, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, until: Callable[..., None]
) -> None:
    tab: Any = window.tab("filters")
    tab.bench.set_kernel(1, CELLS)
    tab.bench.set_divisor(1, 16)
    tab.bench.set_size(9, 2)
    tab.set_pad("same")
    tab.set_stride(2)
    wanted = own(tab)
    save_net(tab, tmp_path / "mine.prototxt", monkeypatch)
    until(lambda: tab.settled)
    expected = np.array(tab.stage.frame.outputs.data)
    tab.bench.reset()
    before = own(tab)
    window.show_tab("heatmap")
    for paths in (["mine.prototxt"], ["mine.caffemodel"], ["mine.caffemodel", "mine.prototxt"]):
        drop(window, *(tmp_path / name for name in paths))
        assert window._current is tab
        assert own(tab) == wanted
        assert window.undo_action.text().replace("&", "").endswith("Open filters")
        until(lambda: tab.settled)
        np.testing.assert_array_equal(tab.stage.frame.outputs.data, expected)
        assert "caffe.Net('mine.prototxt', 'mine.caffemodel', caffe.TEST)" in tab.bench.code
        window.undo_action.trigger()
        assert own(tab) == before
        window.show_tab("heatmap")
    assert window.settings.recent[0] == str(tmp_path / "mine.prototxt")
    window._recent_menu.aboutToShow.emit()
    window._recent_menu.actions()[0].trigger()
    assert own(tab) == wanted
    # The boxes of the tab show what came with the filters.
    assert tab.panel_.stride.currentData() == 2
    until(lambda: tab.settled)


@pytest.mark.parametrize("action", ["open_filters", "open_kernel"])
def test_it_is_opened_from_the_menu(
    tab: FiltersTab, hands: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, action: str
) -> None:
    tab.bench.set_kernel(0, CELLS)
    tab.bench.set_mode("three")
    wanted = own(tab)
    save_net(tab, tmp_path / "mine", monkeypatch)
    assert hands.messages[-1] == ("info", "Written: mine.prototxt, mine.caffemodel")
    tab.bench.reset()
    chosen = str(tmp_path / "mine.caffemodel")
    monkeypatch.setattr(QFileDialog, "getOpenFileName", lambda *_: (chosen, ""))
    getattr(tab.actions_, action).trigger()
    assert own(tab) == wanted
    assert hands.errors == []
    monkeypatch.setattr(QFileDialog, "getOpenFileName", lambda *_: ("", ""))
    tab.actions_.open_filters.trigger()
    assert own(tab) == wanted
    hands.settle()


def test_what_a_net_cannot_say_is_told(
    tab: FiltersTab, hands: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tab.set_pad("same")
    tab.bench.set_edge("wrap")
    save_net(tab, tmp_path / "mine", monkeypatch)
    assert hands.messages[-1] == (
        "info",
        "Written: mine.prototxt, mine.caffemodel. What a net cannot say: pad the picture by 2 rows "
        "and 2 columns on each side first, in numpy's mode 'wrap'.",
    )
    hands.settle()


def test_it_is_told_in_chinese(
    tab: FiltersTab, hands: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    i18n.set_language("zh_CN")
    tab.bench.set_scale(255)
    tab.bench.apply(0)
    save_net(tab, tmp_path / "mine", monkeypatch)
    sentence = hands.messages[-1][1]
    rest = sentence.replace("mine.prototxt, mine.caffemodel", "")
    assert "255" in rest
    assert not any("a" <= letter <= "z" for letter in rest.casefold())
    hands.settle()


def test_other_nets_are_refused_in_one_sentence(
    tab: FiltersTab, hands: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    save_net(tab, tmp_path / "mine", monkeypatch)
    text = (tmp_path / "mine.prototxt").read_text("utf-8")
    (tmp_path / "mine.prototxt").write_text(text.replace("num_output: 3", "num_output: 4"), "utf-8")
    before = own(tab)
    tab.open_paths([tmp_path / "mine.caffemodel"])
    assert len(hands.errors) == 1
    assert "not one Convolution with three filters" in hands.errors[0]
    (tmp_path / "mine.caffemodel").unlink()
    tab.files.open_filters(tmp_path / "mine.prototxt")
    assert "its .caffemodel was not found beside it" in hands.errors[1]
    assert own(tab) == before


def test_nets_that_were_not_saved_here_are_the_heatmaps(
    tab: FiltersTab, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    save_net(tab, tmp_path / "mine", monkeypatch)
    net, weights = tmp_path / "mine.prototxt", tmp_path / "mine.caffemodel"
    assert tab.accepts([net]) == tab.accepts([weights]) == tab.accepts([weights, net]) == 3
    assert tab.accepts([net, tmp_path / "other.prototxt"]) == 0
    assert tab.accepts([net, tmp_path / "picture.png"]) == 0
    lines = net.read_text("utf-8").splitlines(keepends=True)
    net.write_text("".join(line for line in lines if not line.startswith("#")), "utf-8")
    assert tab.accepts([net]) == tab.accepts([weights]) == 0
    net.unlink()
    assert tab.accepts([net]) == tab.accepts([weights]) == 0
