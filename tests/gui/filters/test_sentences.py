"""What the core says about bad input, in the language of the window."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PyQt5.QtCore import Qt
from PyQt5.QtWidgets import QApplication, QFileDialog
from pytestqt.qtbot import QtBot

from filterlab.errors import FilterLabError
from filterlab.gui import i18n
from filterlab.gui.errors import one_sentence
from filterlab.gui.filters.learn_dialog import LearnDialog
from filterlab.gui.filters.own_dialog import OwnKernelsDialog
from filterlab.gui.filters.tab import FiltersTab
from filterlab.surgery.kernels.learn import learn_kernel
from filterlab.surgery.kernels.library import KernelLibrary


@pytest.fixture
def chinese(tab: FiltersTab) -> Iterator[None]:
    i18n.set_language("zh_CN")
    yield
    i18n.set_language("en")


def is_chinese(text: str) -> bool:
    """No English word left but names."""
    words = re.sub(
        r"[\w.]+\.(csv|npy|png|jpg|txt)|float32|numpy\.save|pickle|Python|NaN|inf", "", text
    )
    return re.search("[\u4e00-\u9fff]", text) is not None and not re.search("[a-z]{3,}", words)


@pytest.mark.parametrize(
    "text",
    ["1 2\n3 4", "1 2 3\n4 5\n6 7 8", "a b c\nd e f", "1\tnan\t2", "1,1/0,2", "[[1, f(2), 3]]"],
)
def test_a_bad_paste_is_told_in_chinese(
    tab: FiltersTab, hands: Any, chinese: None, text: str
) -> None:
    QApplication.clipboard().setText(text)
    tab.actions_.paste.trigger()
    (sentence,) = hands.errors
    assert is_chinese(re.sub("'[abc]'|nan|1/0", "", sentence)), sentence


def test_numbers_stay_in_the_sentence(tab: FiltersTab, hands: Any, chinese: None) -> None:
    QApplication.clipboard().setText("1 2 3\n4 x 6\n7 8 9")
    tab.actions_.paste.trigger()
    assert hands.errors == ["第 2 行第 2 列是 'x'，不是数；请填入一个数"]


def test_what_is_typed_wrong_is_told_in_chinese(
    qtbot: QtBot, tab: FiltersTab, hands: Any, chinese: None
) -> None:
    grid = tab.editors[0].grid
    grid.setFocus()
    qtbot.keyClicks(grid, "1")
    editor = QApplication.focusWidget()
    qtbot.keyClicks(editor, "/0")
    qtbot.keyClick(editor, Qt.Key_Return)
    assert hands.errors == ["这个单元格是 1/0，除以了零；请输入 0.5、-2 或 1/9 这样的数"]


def test_refused_changes_are_told_in_chinese(
    qtbot: QtBot, tab: FiltersTab, hands: Any, chinese: None
) -> None:
    hands.tool(1, "normalise")
    tab.set_picture(np.zeros((9, 60), np.float32), "flat")
    hands.settle()
    tab.set_size(11, 11)
    tab.set_size(3, 5)
    tab.bench.set_linked(True)
    hands.tool(1, "rotate90")
    assert len(hands.errors) == 3
    assert all(map(is_chinese, hands.errors)), hands.errors


@pytest.mark.parametrize(
    "name", ["bomb.png", "truncated.png", "text.jpg", "empty.jpg", "pickled.npy"]
)
def test_bad_pictures_are_told_in_chinese(
    qtbot: QtBot, tab: FiltersTab, hands: Any, chinese: None, shared: Path, name: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    path = str(shared / "bad_inputs" / name)
    monkeypatch.setattr(QFileDialog, "getOpenFileName", lambda *_: (path, ""))
    tab.panel_.open_button.click()
    qtbot.waitUntil(lambda: bool(hands.errors), timeout=15000)
    (sentence,) = hands.errors
    assert name in sentence
    assert re.search("[\u4e00-\u9fff]{4}", sentence), sentence


def test_unknown_sentences_and_english_stay(tab: FiltersTab, chinese: None) -> None:
    assert i18n.tr("the moon is full; wait") == "the moon is full; wait"
    empty = FilterLabError("{path}: the file is empty; choose another picture.", path="x.png")
    i18n.set_language("en")
    assert one_sentence(empty) == "x.png: the file is empty; choose another picture."


def test_a_learned_kernels_caveat_is_told_in_chinese(qapp: QApplication, chinese: None) -> None:
    stripes = np.tile(np.arange(12, dtype=np.float32) % 2, (12, 1))
    account = LearnDialog.account(learn_kernel(stripes, stripes, (3, 3)))
    assert "两张图片只能定出" in account
    assert not re.search("[A-Za-z]{3,}", account)


def test_what_became_of_a_broken_library_is_told_in_chinese(
    qtbot: QtBot, chinese: None, tmp_path: Path
) -> None:
    path = tmp_path / "kernels.json"
    path.write_text("{", encoding="utf-8")
    dialog = OwnKernelsDialog(KernelLibrary(path))
    qtbot.addWidget(dialog)
    assert "不是 JSON 文件" in dialog.note.text()
    assert "已保留为 kernels.broken-1.json" in dialog.note.text()
