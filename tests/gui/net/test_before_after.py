"""The layers of a classifier and of its double side by side."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from PyQt5.QtCore import Qt
from PyQt5.QtGui import QColor
from PyQt5.QtWidgets import QWidget
from pytestqt.qtbot import QtBot

from filterlab.gui import retranslate, theme
from filterlab.gui.net.before_after_window import BeforeAfterWindow
from filterlab.gui.net.tab import NetTab
from filterlab.surgery.transplant import transplant
from filterlab.zoo.catalogue import Model


@pytest.fixture
def window(tab: NetTab, until: Callable[..., None]) -> BeforeAfterWindow:
    action = next(
        a for a in tab.menu_actions()["model"] if a is not None and "before and after" in a.text()
    )
    action.trigger()
    made = tab.windows.before_after
    until(lambda: made.model is not None)
    return made


def lines(window: BeforeAfterWindow) -> list[tuple[str, ...]]:
    """What the table's view shows."""
    model = window.table.model()
    return [
        tuple(model.index(row, column).data() for column in range(model.columnCount()))
        for row in range(model.rowCount())
    ]


def test_names_types_shapes_and_weights(window: BeforeAfterWindow) -> None:
    # By hand: (32 - 5) // 2 + 1 = 14, (14 - 3) // 2 + 1 = 6, 6 * 6 * 6 = 216.
    same = [
        ("data", "Input", "3×32×32", ""),
        ("conv1", "Convolution", "8×14×14", "8×3×5×5"),
        ("conv2", "Convolution", "6×6×6", "6×8×3×3"),
    ]
    assert lines(window) == [
        *((*side, "", *side) for side in same),
        ("fc6", "InnerProduct", "12", "12×216", "cast into a convolution",
         "fc6-conv", "Convolution", "12×1×1", "12×6×6×6"),
        ("fc8", "InnerProduct", "4", "4×12", "cast into a convolution",
         "fc8-conv", "Convolution", "4×1×1", "4×12×1×1"),
        ("prob", "Softmax", "4", "", "", "prob", "Softmax", "4×1×1", ""),
    ]  # fmt: skip
    # Layers, not rows: three ReLUs work in place.
    assert window.told.text() == "9 layers before, 9 after; what changed is marked: 2 of them."


def test_the_view_is_given_plain_strings(window: BeforeAfterWindow) -> None:
    """Of a subclass of str it would paint nothing."""
    model = window.table.model()
    for column in range(9):
        assert type(model.headerData(column, Qt.Horizontal)) is str
        for role in (Qt.DisplayRole, Qt.ToolTipRole):
            assert {type(model.index(row, column).data(role)) for row in range(6)} == {str}


def test_what_changed_is_marked_and_can_be_alone(window: BeforeAfterWindow) -> None:
    def marked() -> list[bool]:
        model = window.table.model()
        tint = QColor(theme.current().selection)
        return [
            model.index(row, 0).data(Qt.BackgroundRole) == tint for row in range(model.rowCount())
        ]

    assert marked() == [False, False, False, True, True, False]
    window.changed_box.click()
    assert [line[0] for line in lines(window)] == ["fc6", "fc8"]
    assert marked() == [True, True]
    assert "same memory" in window.model.index(0, 4).data(Qt.ToolTipRole)
    window.changed_box.click()
    assert len(lines(window)) == 6


def test_a_double_click_opens_the_layer(
    tab: NetTab, window: BeforeAfterWindow, qtbot: QtBot, until: Callable[..., None]
) -> None:
    table = window.table
    place = table.visualRect(table.model().index(3, 5)).center()
    qtbot.mouseClick(table.viewport(), Qt.LeftButton, pos=place)
    qtbot.mouseDClick(table.viewport(), Qt.LeftButton, pos=place)
    assert tab.study.blob == "fc6"
    until(lambda: tab.settled)


def test_rows_on_one_side_only(
    qtbot: QtBot, patient: Model, tmp_path: Path, until: Callable[..., None]
) -> None:
    """A Flatten goes with the transplant."""
    text = patient.prototxt.read_text(encoding="utf-8")
    flatten = 'layer { name: "flat" type: "Flatten" bottom: "conv2" top: "flat" }\n'
    head, tail = text.split('layer { name: "fc6"')
    tail = tail.replace('bottom: "conv2"', 'bottom: "flat"', 1)
    (tmp_path / "flat.prototxt").write_text(f'{head}{flatten}layer {{ name: "fc6"{tail}')
    parent = QWidget()
    qtbot.addWidget(parent)
    done = transplant(tmp_path / "flat.prototxt", patient.weights_path)
    window = BeforeAfterWindow(done, parent)
    until(lambda: window.model is not None)
    assert lines(window)[3] == ("flat", "Flatten", "216", "", "taken out", "\u2013", "", "", "")
    assert window.told.text() == "10 layers before, 9 after; what changed is marked: 3 of them."
    window.shutdown()


def test_it_is_told_in_chinese_and_goes_with_its_net(
    tab: NetTab, window: BeforeAfterWindow, patient: Model, until: Callable[..., None]
) -> None:
    try:
        retranslate.change_language("zh_CN")
        heads = [window.model.headerData(k, Qt.Horizontal) for k in range(9)]
        for text in (*heads, *lines(window)[3][4:5], window.told.text(), window.note.text(),
                     window.changed_box.text(), window.windowTitle()):  # fmt: skip
            assert any("\u4e00" <= letter <= "\u9fff" for letter in text), text
    finally:
        retranslate.change_language("en")
    tab.open_model(patient)
    until(lambda: tab.windows.before_after is None and tab.settled)
